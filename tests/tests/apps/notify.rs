//! Attack 1: an update of a library three levels below the wallet goes for the wallet's seed.

use super::*;

const NOTIFY: &str = "wallet/easydex/format/notify";
const SEED: &str = "lantern orbit";

/// An application whose only library is that module of notify's, which is handed whatever there is.
fn handed_everything(attack: &str) -> App {
    let app = App::wallet();
    app.file(
        "bailiwick.toml",
        format!(
            "[package]\nname = \"broad\"\nmodule = \"attacks/caller.wasm\"\n\
             [host]\n\
             data = {{ kind = \"dir\", path = \"data\", rights = [\"list\", \"read\"] }}\n\
             out = {{ kind = \"stdio\", stdout = \"inherit\" }}\n\
             env = {{ kind = \"env\", set = {{ SECRET = \"s3cret\" }} }}\n\
             args = {{ kind = \"args\", command_line = true }}\n\
             [deps.notify]\nmodule = \"attacks/{attack}.wasm\"\nwit = \"notify/notify.wit\"\n\
             grants = {{ data = \"data\", out = \"out\", env = \"env\", args = \"args\" }}\n"
        ),
    );
    app
}

fn monolith(attack: &str) -> Ended {
    let app = App::wallet();
    app.file(
        "bailiwick.toml",
        "[package]\nname = \"monolith\"\nmodule = \"attacks/monolith.wasm\"\n\
         [host]\n\
         data = { kind = \"dir\", path = \"data\", rights = [\"list\", \"read\"] }\n\
         out = { kind = \"stdio\", stdout = \"inherit\" }\n\
         args = { kind = \"args\", command_line = true }\n\
         [grants]\ndata = \"data\"\nout = \"out\"\nargs = \"args\"\n",
    );
    app.run(&[attack])
}

#[test]
fn attack_1a_a_new_import_is_a_breaking_change() {
    let app = App::wallet();
    app.bailiwick(&["lock"]).with(0);
    app.update("notify", "notify_network").edit("notify/bailiwick.toml", "1.0.0", "1.0.1");
    let change = format!("! {NOTIFY} notify 1.0.0 → notify 1.0.1: + wasi_snapshot_preview1.sock_send (a way to tcp)\n");
    app.bailiwick(&["diff"]).with(3).prints(&change);
    let diff: serde_json::Value = serde_json::from_str(&app.bailiwick(&["diff", "--json"]).with(3).out).unwrap();
    assert_eq!(diff["changes"][0]["class"], "new-reach");
    assert_eq!((&diff["changes"][0]["instance"], &diff["changes"][0]["breaking"]), (&NOTIFY.into(), &true.into()));
    app.bailiwick(&["check"]).with(3).shows(&["E-LOCK wallet → easydex → format → notify"]);
    // Nothing of it has run.
    app.run(&[]).with(3).prints("").says(&["E-LOCK"]);
    assert!(!app.path("data/orders/001.txt").exists());

    // Control: nobody has locked it, or somebody has accepted it. What it imports is inert all the same.
    app.bailiwick(&["diff", "--accept"]).with(0);
    app.run(&[]).with(0).prints(HONEST);
}

#[test]
fn attack_1b_a_sweep_of_descriptors_environment_and_arguments_finds_nothing() {
    let app = App::wallet();
    app.bailiwick(&["lock", "-o", "before.lock"]).with(0);
    app.update("notify", "notify_sweep").edit("notify/bailiwick.toml", "1.0.0", "1.0.1");
    let same = "other code; it reaches nothing that it did not reach before";
    app.bailiwick(&["diff", "before.lock", "."]).with(0).shows(&[NOTIFY, same]);
    let ended = app.bailiwick(&["run", "--audit", "denied.jsonl", "bailiwick.toml", "statements.zip"]).with(0);
    ended.prints(&HONEST.replace("[notify]", "loot: none\n[notify]")).without(SEED);
    let denied = app.read("denied.jsonl");
    let denials: Vec<serde_json::Value> = denied.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(denials.len() > 300, "{}", denials.len());
    for denial in &denials {
        assert_eq!(denial["module"], NOTIFY, "{denial}");
        assert_eq!(denial["call"], "wasi_snapshot_preview1.path_open", "{denial}");
    }

    // Control: the same module where it is handed what it looks for; and its code within the wallet's own module.
    handed_everything("notify_sweep").run(&["an argument"]).with(0).shows(&[
        "loot: seed.txt: seed: lantern orbit",
        "loot: environment: SECRET=s3cret",
        "loot: argument: an argument",
    ]);
    monolith("sweep").with(0).shows(&["loot: seed.txt: seed: lantern orbit"]);
}

#[test]
fn attack_1c_a_scan_of_memory_finds_nothing_and_a_forged_pointer_ends_only_its_maker() {
    let app = App::wallet();
    app.update("notify", "notify_scan");
    let ended = app.run(&[]).with(0).without(SEED);
    let out = &ended.out;
    assert!(out.contains("loot: none\n") && !out.contains("it was let"), "{out}");
    // It is dead; its caller has an error, and everybody else goes on.
    assert!(!out.contains("[notify]"), "{out}");
    assert!(out.contains("wallet: nobody was told: notify is dead: "), "{out}");
    assert!(out.contains("out of bounds memory access"), "{out}");
    assert!(out.contains("wallet: order 1, at 4200\n"), "{out}");
    assert!(out.ends_with("wallet: statements.zip: 3 files\nwallet: the seed is as it was\n"), "{out}");
    assert_eq!(app.read("data/log/log.txt"), "easydex: order 1, untold\nunzipper: 3 files\n");
    ended.says(&["note: wallet/easydex/format/notify died"]);

    // Where the edge says that a death is no value, the callers die, one after the other, and the application with them.
    app.edit("format/bailiwick.toml", "on_fault = \"error\"", "on_fault = \"trap\"");
    app.run(&[]).with(134).says(&["wallet/easydex/format → notify"]).without("statements.zip");

    // Control: the same scan within the wallet's own module finds the seed.
    monolith("scan").with(0).prints("loot: the seed\nwallet: goes on\n");
}

#[test]
fn a_notification_that_never_ends_costs_only_itself() {
    let app = App::wallet();
    app.update("notify", "notify_loop");
    let ended = app.run(&[]).with(0).says(&["note: wallet/easydex/format/notify died"]).without("[notify]");
    ended.shows(&[
        "wallet: order 1, at 4200\nwallet: nobody was told: notify is dead: a call of it took more than 500ms",
        "wallet: statements.zip: 3 files\nwallet: the seed is as it was\n",
    ]);
    assert_eq!(app.read("data/log/log.txt"), "easydex: order 1, untold\nunzipper: 3 files\n");

    // Control: without a time of its own it takes all of its caller's, which is then over for the caller too.
    app.edit("format/bailiwick.toml", "limits = { time = \"500ms/call\" }\n", "");
    app.run(&[]).with(134).says(&["took more than 1s"]).without("statements.zip");
}

#[test]
fn attack_1d_nobody_hands_on_what_he_does_not_hold() {
    // Rights that the exchange does not have.
    let app = App::wallet();
    app.edit("easydex/bailiwick.toml", "rights = [\"read\"] }", "rights = [\"read\", \"delete\"] }");
    let said =
        "E-WIDEN wallet → easydex → format: slot templates: rights: delete is more than list, read, write, create";
    app.bailiwick(&["check"]).with(3).shows(&[said]);
    app.run(&[]).with(3).prints("").says(&[said]);

    // A slot that it was not handed.
    let app = App::wallet();
    app.edit("easydex/bailiwick.toml", "from = \"book\"", "from = \"data\"");
    app.bailiwick(&["check"]).with(3).shows(&[
        "E-WIDEN wallet → easydex → format: slot templates: it comes from \"data\"",
        "what there is to hand over is: book, out",
    ]);

    // A way out of what it holds.
    for sub in ["..", "../..", "templates/../..", "/"] {
        let app = App::wallet();
        app.edit("easydex/bailiwick.toml", "sub = \"templates\"", &format!("sub = \"{sub}\""));
        app.bailiwick(&["check"]).with(3).shows(&["wallet → easydex → format"]);
    }
}

#[test]
fn attack_1e_a_grant_of_everything_is_warned_of() {
    let app = App::wallet();
    app.edit("bailiwick.toml", "path = \"data\"", "path = \"/\"");
    app.bailiwick(&["check"]).shows(&["W-BROAD wallet: host.data is /: that is nearly everything that you have"]);
    app.bailiwick(&["check", "--strict"]).with(3).shows(&["W-BROAD"]);
    let checked: serde_json::Value = serde_json::from_str(&app.bailiwick(&["check", "--json"]).out).unwrap();
    assert_eq!(
        (&checked["problems"][0]["code"], &checked["problems"][0]["warning"]),
        (&"W-BROAD".into(), &true.into())
    );

    // Where the modules themselves lie, somebody could write one.
    let app = App::wallet();
    app.edit("bailiwick.toml", "path = \"data\"", "path = \".\"");
    app.bailiwick(&["check"]).shows(&["W-AMBIENT-PATH wallet: host.data is the folder of the manifest itself"]);

    App::wallet().bailiwick(&["check", "--strict"]).with(0).without("W-");
}

#[test]
fn attack_1f_what_is_passed_as_an_argument_is_out_of_scope_and_the_edge_is_shown() {
    let app = App::wallet();
    fs::copy(app.path("attacks/wallet_tells.wasm"), app.path("wallet.wasm")).unwrap();
    app.edit("wallet.wit", "    import demo:unzip/archives;\n", "");
    app.run(&[]).with(0);
    assert!(app.read("data/orders/001.txt").contains(SEED), "what it was told it has");
    app.bailiwick(&["explain", "wallet"]).with(0).shows(&[
        "may call wallet/easydex:\n      trade: func(order: order, address: string) -> result<receipt, string>\n",
    ]);
}

#[test]
fn attack_18_terminal_escapes_of_a_dependency_are_made_visible() {
    let app = App::wallet();
    app.update("notify", "notify_escapes");
    let ended = app.run(&[]).with(0);
    for byte in ['\x1b', '\x07', '\r', '\u{9b}'] {
        assert!(!ended.out.contains(byte), "{byte:?}: {ended:#?}");
    }
    ended.shows(&["␛[2J␛]0;wallet: all is well␇␛[6n", "[notify] Order booked"]);

    // Control: what the application itself writes is its own business.
    monolith("escapes").with(0).prints("\x1b[2J\nwallet: goes on\n");
}

#[test]
fn a_name_of_a_function_is_no_way_to_the_terminal_either() {
    // What is said of a trap has names of the module that trapped: a stranger's text.
    let app = App::wallet();
    app.file(
        "notify/notify.wat",
        "(module (memory (export \"memory\") 1)
            (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 64))
            (func $\"evil\\1b[2J\\0d\" (export \"demo:notify/notifications#notify\")
                (param i32 i32 i32 i32) (result i32) unreachable))",
    );
    app.edit("notify/bailiwick.toml", "notify.wasm", "notify.wat");
    let ended = app.run(&[]).with(0).shows(&["wallet: nobody was told"]);
    for byte in ['\x1b', '\r'] {
        assert!(!ended.out.contains(byte) && !ended.err.contains(byte), "{byte:?}: {ended:#?}");
    }
}

#[test]
fn attack_21_the_end_of_a_module_is_the_end_of_all_only_within_it() {
    monolith("exit").with(7).prints("");
    monolith("close").with(0).prints("");
}
