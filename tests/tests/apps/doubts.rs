//! What somebody asks who doubts: no answer may be an all-clear that is none.

use super::*;

/// An application without a library, whose module is this text.
fn alone(wat: &str, rest: &str) -> App {
    let app = App::empty();
    app.file("app.wat", wat);
    app.file("bailiwick.toml", format!("[package]\nname = \"app\"\nmodule = \"app.wat\"\n{rest}"));
    app
}

/// A module that imports these functions of the system interface, each of type () -> i32 with so many parameters, and calls
/// them.
fn calling(functions: &[(&str, usize)]) -> String {
    let mut wat = "(module ".to_owned();
    for (name, parameters) in functions {
        let parameters = "i32 ".repeat(*parameters);
        wat +=
            &format!("(import \"wasi_snapshot_preview1\" \"{name}\" (func ${name} (param {parameters}) (result i32)))");
    }
    wat += "(memory (export \"memory\") 1) (func (export \"_start\") ";
    for (name, parameters) in functions {
        wat += &format!("(drop (call ${name} {}))", "(i32.const 0)".repeat(*parameters));
    }
    wat + "))"
}

#[test]
fn why_knows_what_can_be_asked() {
    let app = App::wallet();
    for what in ["dir.wirte", "zork", "", "dir.", "wasi_snapshot_preview1.zork"] {
        app.bailiwick(&["why", ".", "notify", what]).with(2).prints("").says(&[
            "is nothing that can be asked about",
            "dir, stdio, env",
            "dir.write",
            "path_open",
        ]);
    }
    // What nobody imports can be asked about, if there is such a thing.
    app.bailiwick(&["why", "notify", "path_symlink"]).with(0).shows(&["no code of it can get there"]);
}

#[test]
fn why_says_where_code_goes_that_is_granted_nothing() {
    let app = alone(&calling(&[("sock_send", 5), ("args_sizes_get", 2)]), "");
    app.bailiwick(&["why", "app", "tcp"]).with(0).shows(&[
        "app: nobody handed it tcp; its code gets there all the same: every such call is refused.",
        "Without effect:\n  export \"_start\" → ",
        "wasi_snapshot_preview1.sock_send",
    ]);
    app.bailiwick(&["why", "app", "args"]).with(0).shows(&["it sees no arguments", "args_sizes_get"]);
    app.bailiwick(&["why", "app", "sock_send"]).with(0).shows(&["every such call is refused"]);
    app.bailiwick(&["why", "app", "dir"])
        .with(0)
        .prints("app: nobody handed it dir, and no code of it can get there.\n");
    let answer = app.json(&["why", "--json", "app", "tcp"]);
    assert_eq!(
        (answer["code"].as_array().map(Vec::len), answer["refused"].as_array().map(Vec::len)),
        (Some(0), Some(1))
    );
}

#[test]
fn random_numbers_are_everybodys_unless_there_is_a_seed() {
    let said = "random numbers are no authority: everybody who is handed no seed gets the host's";
    let app = alone(&calling(&[("random_get", 2)]), "");
    app.bailiwick(&["why", "app", "random"]).with(0).shows(&[said, "Used:\n", "random_get"]).without("refused");
    app.bailiwick(&["why", "app", "random_get"]).with(0).shows(&[said, "Used:\n", "random_get"]).without("refused");
    app.bailiwick(&["explain"]).with(0).shows(&["  gets random numbers from the host"]);
    // Who does not ask gets none.
    let silent = alone(&calling(&[]), "");
    silent.bailiwick(&["why", "app", "random"]).with(0).shows(&[said, "no code of it can ask for any"]);
    silent.bailiwick(&["explain"]).with(0).without("random");
    let granted = "[host]\nr = { kind = \"random\" }\n[grants]\nr = \"r\"\n";
    let app = alone(&calling(&[("random_get", 2)]), granted);
    app.bailiwick(&["why", "app", "random"]).with(0).shows(&["app holds r: gets random numbers from the host"]);
    app.edit("bailiwick.toml", "\"random\" }", "\"random\", seed = \"s\" }");
    app.bailiwick(&["why", "app", "random"])
        .with(0)
        .shows(&["app holds r: may draw seeded random numbers"])
        .without(said);
    app.bailiwick(&["explain"]).with(0).without("gets random numbers");
}

#[test]
fn why_names_only_functions_that_do_what_is_asked() {
    let app = App::wallet();
    let ended = app.bailiwick(&["why", "log", "dir.write"]).with(0).shows(&["wasi_snapshot_preview1.path_open\n"]);
    for other in ["fd_close", "fd_prestat_get", "fd_fdstat_get", "fd_seek"] {
        assert!(!ended.out.contains(other), "{other}: {ended:#?}");
    }
}

#[test]
fn machine_code_is_said_first_and_loudly() {
    let app = App::empty();
    app.file("app.wat", "(module (func (export \"_start\")))");
    app.file("lib.wat", "(module)");
    app.file("bailiwick.toml", "[package]\nname = \"app\"\nmodule = \"app.wat\"\n[deps.lib]\nmodule = \"lib.wat\"\n");
    app.bailiwick(&["check"]).with(0).prints("bailiwick.toml: ok: 2 instances, 0 imports\n");
    app.bailiwick(&["build", "-o", "out"]).with(0);
    // Although the lock names it.
    app.bailiwick(&["check", "out"]).with(0).shows(&[
        "W-NATIVE app: ",
        "the application's own module is machine code",
        "W-NATIVE app → lib: ",
        "nothing confines it but whoever made it",
    ]);
    app.bailiwick(&["explain", "out/", "lib"]).with(0).shows(&["app/lib\n  is MACHINE CODE: nothing confines it but"]);
    assert_eq!(app.json(&["explain", "--json", "out/", "lib"])["instances"][0]["machine_code"], true);
    app.bailiwick(&["why", "out/", "lib", "dir"]).with(0).shows(&["app/lib is machine code: nothing confines it"]);
    for format in ["--svg", "--dot", "--html"] {
        app.bailiwick(&["graph", format, "out"]).with(0).shows(&["MACHINE CODE", "#c00018"]);
        app.bailiwick(&["graph", format]).with(0).without("MACHINE").without("#c00018");
    }
    fs::remove_file(app.path("out/bailiwick.lock")).unwrap();
    app.bailiwick(&["lock", "out"]).with(0).prints("").says(&[
        "bailiwick.lock: written: 2 instances\n",
        "it now trusts machine code, which nothing confines but whoever made it: app/lib, sha256 ",
    ]);
    app.bailiwick(&["lock", "out"]).with(0).says(&["written, as it was"]).without("trusts");
}

#[test]
fn an_error_that_never_arrives_is_warned_of() {
    let app = App::wallet();
    app.edit("notify/bailiwick.toml", "[package]", "[package]");
    let text = app.read("format/bailiwick.toml");
    let timed: Vec<&str> = text.lines().filter(|line| !line.contains("limits")).collect();
    app.file("format/bailiwick.toml", timed.join("\n"));
    app.bailiwick(&["check"]).with(0).shows(&[
        "W-FAULT-TIME wallet → easydex → format → notify: on_fault = \"error\", and it may take as long as",
        "give it a shorter limits.time",
    ]);
    app.bailiwick(&["check", "--strict"]).with(3);
    let line = "on_fault = \"error\"";
    app.edit("format/bailiwick.toml", line, &format!("{line}\nlimits = {{ time = \"10ms/call\" }}"));
    app.bailiwick(&["check"]).with(0).without("W-FAULT-TIME");
}

#[test]
fn who_begins_with_more_than_it_may_have_is_refused_before_anything_runs() {
    for (what, limits, said) in [
        ("(memory 33)", "memory = \"2MiB\"", "limits.memory: it begins with 2.1 MiB of memory, and may have 2.0 MiB"),
        (
            "(table (export \"t\") 11 funcref)",
            "table = 10",
            "limits.table: it begins with 11 elements of tables, and may have 10",
        ),
    ] {
        let wat = format!("(module {what} (func (export \"_start\")))");
        let app = alone(&wat, &format!("[limits]\n{limits}\n"));
        app.bailiwick(&["check"]).with(3).shows(&["E-LIMIT app: ", said]);
        app.bailiwick(&["run", "."]).with(3).says(&[said]);
        let less = what.replace("33", "32").replace("11", "10");
        app.file("app.wat", format!("(module {less} (func (export \"_start\")))"));
        app.bailiwick(&["check"]).with(0);
        app.bailiwick(&["run", "."]).with(0);
    }
}

#[test]
fn a_lock_is_not_written_over_one_that_allows_less() {
    let app = App::wallet();
    app.bailiwick(&["lock"]).with(0).prints("").says(&["bailiwick.lock: written: 11 instances\n"]);
    let before = app.read("bailiwick.lock");
    app.edit("bailiwick.toml", "sub = \"orders\"", "sub = \".\"");
    app.bailiwick(&["lock"]).with(3).prints("").says(&[
        "somebody has to accept that",
        "bailiwick diff --accept",
        "! wallet/easydex ",
    ]);
    assert_eq!(app.read("bailiwick.lock"), before);
    app.bailiwick(&["lock", "-o", "bailiwick.lock"]).with(3);
    app.bailiwick(&["lock", "-o", "other.lock"]).with(0);
    app.bailiwick(&["lock", "--force"]).with(0).says(&["written anew"]);
    assert_ne!(app.read("bailiwick.lock"), before);
    // Less needs nobody's word.
    app.edit("bailiwick.toml", "max_bytes = \"64KiB\" }\ngrants.out", "max_bytes = \"4KiB\" }\ngrants.out");
    app.bailiwick(&["lock"]).with(0).says(&["written anew"]);
    let less = app.read("bailiwick.lock");
    app.file("bailiwick.lock", "what somebody else wrote");
    app.bailiwick(&["lock"]).with(1);
    app.bailiwick(&["lock", "--force"]).with(0);
    assert_eq!(app.read("bailiwick.lock"), less);
}

#[test]
fn nothing_of_a_lock_is_there_for_show() {
    let app = App::wallet();
    app.bailiwick(&["lock"]).with(0);
    let lock = app.read("bailiwick.lock");
    app.file("bailiwick.lock", lock.replace("\"application\": \"wallet\"", "\"application\": \"other\""));
    app.bailiwick(&["check"]).with(3).shows(&["E-LOCK wallet: the lock is of another application, \"other\""]);
    let at = lock.find("\"grants_sha256\": \"").unwrap() + "\"grants_sha256\": \"".len();
    let other = if &lock[at..=at] == "0" { "1" } else { "0" };
    app.file("bailiwick.lock", format!("{}{other}{}", &lock[..at], &lock[at + 1..]));
    app.bailiwick(&["check"])
        .with(3)
        .shows(&["its grants_sha256 in the lock is not that of what the lock says it holds"]);
}

#[test]
fn what_an_edge_takes_off_a_handle_is_shown_whole() {
    let app = App::wallet();
    app.edit(
        "bailiwick.toml",
        "call.extract.dst = { rights = [\"create\", \"write\"] }",
        "call.extract.dst = { rights = [\"create\", \"write\"], max_bytes = \"1KiB\", max_open = 3 }",
    );
    app.bailiwick(&["explain", "unzipper"])
        .with(0)
        .shows(&["brings (growing them by at most 1.0 KiB, at most 3 open at once), until it returns"]);
    app.bailiwick(&["graph", "--dot"]).with(0).shows(&["extract(dst: write+create, ≤ 1.0 KiB, ≤ 3 open)"]);
    let shown = app.json(&["explain", "--json", "unzipper"]);
    assert_eq!(shown["instances"][0]["takes_off_handles"]["extract"]["dst"]["max_bytes"], 1024);
}

#[test]
fn limits_that_nobody_wrote_are_said_too() {
    let app = alone(&calling(&[]), "");
    app.bailiwick(&["explain"]).with(0).shows(&[
        "  may use up 4.0 GiB of memory, 8.0 MiB of stack, ",
        "1024 open descriptors and ",
        ", by default.\n",
        "  may take as long as it likes.\n",
    ]);
    assert_eq!(app.json(&["explain", "--json"])["instances"][0]["limits_in_force"]["descriptors"], 1024);
    app.bailiwick(&["check"]).with(0).prints("bailiwick.toml: ok: 1 instance, 0 imports\n");
}

#[test]
fn folders_that_run_refuses_are_refused_by_check() {
    for (path, sub) in [("/proc", ""), ("/proc/self", ""), ("/sys", "")] {
        let rest = format!(
            "[host]\nd = {{ kind = \"dir\", path = \"{path}\", rights = [\"read\"] }}\n[grants]\nd = {{ from = \"d\"{sub} }}\n"
        );
        let app = alone(&calling(&[]), &rest);
        app.bailiwick(&["check"]).with(3).shows(&["E-KERNEL-FOLDER app: host.d: ", "a file system of the kernel"]);
        app.bailiwick(&["run", "."]).with(3);
    }
    let rest = |rights: &str| {
        format!("[host]\nd = {{ kind = \"dir\", path = \"/dev\", rights = [{rights}] }}\n[grants]\nd = \"d\"\n")
    };
    let said = "W-AMBIENT-PATH app: host.d is /dev, for changing what is there: its files are devices";
    alone(&calling(&[]), &rest("\"read\", \"write\"")).bailiwick(&["check"]).with(0).shows(&[said]);
    alone(&calling(&[]), &rest("\"read\"")).bailiwick(&["check"]).with(0).without("W-AMBIENT-PATH");
}

#[test]
fn what_the_compiler_says_is_there_for_programs() {
    let app = alone("(module (func (export \"_start\") (drop (i64.add (i32.const 1)))))", "");
    let checked: serde_json::Value = serde_json::from_str(&app.bailiwick(&["check", "--json"]).with(1).out).unwrap();
    let message = checked["problems"][0]["message"].as_str().unwrap();
    assert!(message.contains("app.wat") && message.contains("type mismatch"), "{message}");
}

/// Exceptions that an instance can still reach: those that it keeps, not those that it throws.
#[test]
fn exceptions_have_a_limit_in_manifests() {
    let wat = r#"(module (tag $e) (table $t 20 exnref)
        (func (export "_start") (local $i i32)
            (loop $l
                (table.set $t (i32.rem_u (local.get $i) (i32.const 10))
                    (block $h (result exnref) (try_table (catch_all_ref $h) (throw $e)) unreachable))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $l (i32.lt_u (local.get $i) (i32.const 1000))))))"#;
    for (limit, status) in [(9, 134), (11, 0)] {
        let app = alone(wat, &format!("[limits]\nexceptions = {limit}\n"));
        let ended = app.bailiwick(&["run", "."]).with(status);
        assert_eq!(ended.err.contains("resource limit"), status != 0, "{ended:#?}");
        app.bailiwick(&["explain"]).with(0).shows(&[&format!("{limit} exceptions")]);
    }
    alone(wat, "[limits]\nexceptions = -1\n").bailiwick(&["check"]).with(3).shows(&["exceptions = -1", "not negative"]);
}
