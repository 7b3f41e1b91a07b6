//! `bailiwick learn`: what an application used, as a manifest that grants no more than that.

use super::net::{Greeter, Resolver, probe};
use super::*;
use serde_json::{Value, json};
use std::time::Duration;

/// The application that asks `probe`, which holds all that there is.
const ASKING: &str = r#"[package]
name = "ask"
module = "ask.wasm"

[host]
out = { kind = "stdio", stdin = "inherit", stdout = "inherit", stderr = "inherit" } # all three
args = { kind = "args", command_line = true }
place = { kind = "dir", path = "place", rights = ["list", "read", "write", "create", "delete", "rename", "link", "symlink", "times"] }
spare = { kind = "dir", path = "spare" }
env = { kind = "env", allow = ["LANG"], set = { A = "1" } }
time = { kind = "clock" }

[grants]
out = "out"
args = "args"
spare = "spare"

# It tries everything.
[deps.probe]
module = "probe.wasm"
grants.a = "place"
grants.env = "env"
grants.time = "time"
grants.out = { from = "out", stdin = "none" }
"#;

fn asking() -> App {
    let app = App::small(ASKING);
    fs::create_dir(app.path("spare")).unwrap();
    refill(&app);
    app
}

/// The folder in which each right can be tried once.
fn refill(app: &App) {
    let _ = fs::remove_dir_all(app.path("place"));
    for right in ["read", "write", "delete", "rename", "link", "times"] {
        app.file(&format!("place/{right}"), "x");
    }
}

/// What an instance holds, by slot, as `explain` says it.
fn holds(app: &App, manifest: &str, instance: &str) -> Value {
    let shown = app.json(&["explain", "--json", manifest, instance]);
    let held = shown["instances"][0]["holds"].as_array().expect("slots").clone();
    held.into_iter()
        .map(|slot| (slot["slot"].as_str().expect("a name").to_owned(), slot))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[test]
fn the_example_does_the_same_with_less() {
    let app = App::wallet();
    let before = app.read("bailiwick.toml");
    let learned = app.bailiwick(&["learn", "--", "run", "bailiwick.toml"]).with(0).prints(HONEST);
    learned.says(&[
        "learned: bailiwick.learned.toml\n",
        "wallet: data: list, read, write, create → read, write, create\n",
        "stderr inherit → stdin none, stdout inherit, stderr none\n",
        "warning: it is what this version did in this run, malicious or not",
    ]);
    assert_eq!(app.read("bailiwick.toml"), before, "it is never written to");
    let text = app.read("bailiwick.learned.toml");
    assert!(text.starts_with("# Learned by `bailiwick learn` at 2"), "{text}");
    for kept in ["malicious or not", "# What the wallet's own module holds.\n[grants]\n", "max_bytes = \"1MiB\""] {
        assert!(text.contains(kept), "it lacks {kept:?}:\n{text}");
    }
    app.bailiwick(&["check", "bailiwick.learned.toml"]).with(0).shows(&["ok: 11 instances, 110 imports"]);
    // Nothing of it is wider, by the judgement of the command that compares.
    let diff = app.bailiwick(&["diff", "bailiwick.toml", "bailiwick.learned.toml"]).with(0);
    assert!(!diff.out.contains("! ") && !diff.out.is_empty(), "{diff:#?}");
    fs::remove_dir_all(app.path("data")).unwrap();
    fs::create_dir(app.path("data")).unwrap();
    copy(&built().wallet.join("data"), &app.path("data"));
    app.bailiwick(&["run", "bailiwick.learned.toml"]).with(0).prints(HONEST);
    app.bailiwick(&["run", "--audit", "denied.jsonl", "bailiwick.learned.toml"]).with(0);
    assert_eq!(app.read("denied.jsonl"), "");
}

#[test]
fn what_was_not_exercised_is_denied_afterwards() {
    // The one who says what went wrong needs a standard error; in the run that was learned from, nothing went wrong.
    let app = App::wallet();
    app.bailiwick(&["learn", "--", "run", "."]).with(0);
    app.run(&["missing.zip"]).with(1).says(&["wallet: missing.zip: No such file"]);
    app.bailiwick(&["run", "bailiwick.learned.toml", "missing.zip"]).with(1).without("No such file");

    let app = asking();
    app.file("place/seed", "x");
    let status = app.bailiwick(&["learn", "--", "run", ".", "/nowhere"]).with(0).prints("/nowhere: \n");
    status.says(&["probe: a: ", "→ nothing\n"]);
    app.run(&["/a"]).with(0).prints("/a: list read write create delete rename link symlink times stat\n");
    refill(&app);
    app.bailiwick(&["run", "bailiwick.learned.toml", "/a"]).with(0).prints("/a: \n");
    assert!(app.path("place/delete").exists());
}

#[test]
fn a_run_that_does_everything_keeps_everything_with_a_warning() {
    // As an update that is malicious would: what it did is what is learned.
    let app = asking();
    let all = "/a: list read write create delete rename link symlink times stat\n";
    let learned = app.bailiwick(&["learn", "--", "run", ".", "/a"]).with(0).prints(all);
    let learned = learned.says(&["warning: ", "malicious or not"]);
    assert!(!learned.err.contains("probe: a: "), "{learned:#?}");
    let (was, is) = (holds(&app, "bailiwick.toml", "ask/probe"), holds(&app, "bailiwick.learned.toml", "ask/probe"));
    assert_eq!(was["a"], is["a"]);
    refill(&app);
    app.bailiwick(&["run", "bailiwick.learned.toml", "/a"]).with(0).prints(all);
    // The rest of what it held it did not use.
    assert_eq!(is.as_object().unwrap().len(), 1, "{is}");
    let root = holds(&app, "bailiwick.learned.toml", "ask");
    assert!(root.get("spare").is_none() && root.get("out").is_some() && root.get("args").is_some(), "{root}");
    assert!(!app.read("bailiwick.learned.toml").contains("\nspare = "));
}

#[test]
fn what_sees_the_world_keeps_seeing_it() {
    let app = asking();
    let seen = app.bailiwick(&["learn", "--", "run", "."]).with(0);
    let is = holds(&app, "bailiwick.learned.toml", "ask/probe");
    assert!(is.get("env").is_some() && is.get("time").is_some() && is.get("a").is_none(), "{is} {seen:#?}");
    let again = app.bailiwick(&["run", "bailiwick.learned.toml"]).with(0);
    // That a folder has a name is no use of it: who only looked for names finds one less.
    assert_eq!(again.out, seen.out.replace(", files,", ", no files,"), "{seen:#?} {again:#?}");
}

/// A library's module that does nothing, and an application that may call it and does not.
fn idle() -> App {
    let app = App::empty();
    app.file("app.wat", "(module (memory (export \"memory\") 1) (func (export \"_start\")))");
    app.file("lib.wat", "(module (memory (export \"memory\") 1))");
    app.file("deep.wat", "(module (memory (export \"memory\") 1))");
    app.file(
        "lib.toml",
        "[package]\nname = \"lib\"\nmodule = \"lib.wat\"\n[needs]\nd = { kind = \"dir\", rights = [\"read\", \"write\"] }\n\
         o = { kind = \"stdio\", optional = true }\n\
         [deps.deep]\nmodule = \"deep.wat\"\ngrants.x = { from = \"d\", rights = [\"read\"] }\n",
    );
    app.file(
        "bailiwick.toml",
        "[package]\nname = \"app\"\nmodule = \"app.wat\"\n[host]\n\
         d = { kind = \"dir\", path = \"d\", rights = [\"list\", \"read\", \"write\"] }\no = { kind = \"stdio\", stdout = \"inherit\" }\n\
         r = { kind = \"random\", seed = \"s\" }\n\
         [grants]\nr = \"r\"\n[deps.lib]\nmodule = \"lib.toml\"\ngrants = { d = \"d\", o = \"o\" }\n",
    );
    fs::create_dir(app.path("d")).unwrap();
    app
}

#[test]
fn who_was_not_called_keeps_the_edge_and_what_a_manifest_wants_to_be_there() {
    let app = idle();
    app.bailiwick(&["learn", "--", "run", "."]).with(0);
    let text = app.read("bailiwick.learned.toml");
    for words in ["#   app/lib: it was never called\n", "[deps.lib]\n", "r = { kind = \"random\", seed = \"s\" }"] {
        assert!(text.contains(words), "it lacks {words:?}:\n{text}");
    }
    // Its need is not optional, and its own edge hands `read` on: that stays, and no more.
    let is = holds(&app, "bailiwick.learned.toml", "app/lib");
    assert_eq!(is["d"]["grant"]["rights"], json!(["read"]), "{is}");
    assert!(is.get("o").is_none(), "{is}");
    // Without a slot, random numbers would be the host's: that one stays.
    assert!(holds(&app, "bailiwick.learned.toml", "app").get("r").is_some());
    app.bailiwick(&["check", "bailiwick.learned.toml"]).with(0);
}

#[test]
fn nothing_that_is_there_is_replaced() {
    let app = idle();
    app.file("bailiwick.learned.toml", "precious");
    let refused = app.bailiwick(&["learn", "--", "run", "."]).with(1);
    refused.says(&["bailiwick.learned.toml: it is there already; --force writes it anew"]);
    assert_eq!(app.read("bailiwick.learned.toml"), "precious");
    app.bailiwick(&["learn", "--force", "--", "run", "."]).with(0);
    assert!(app.read("bailiwick.learned.toml").starts_with("# Learned by"));

    // The manifest itself, by whatever name.
    fs::hard_link(app.path("bailiwick.toml"), app.path("same.toml")).unwrap();
    std::os::unix::fs::symlink("bailiwick.toml", app.path("link.toml")).unwrap();
    std::os::unix::fs::symlink("nowhere.toml", app.path("dangling.toml")).unwrap();
    let before = app.read("bailiwick.toml");
    for (name, said) in [
        ("bailiwick.toml", "is never written to"),
        ("same.toml", "is never written to"),
        ("link.toml", "is never written to"),
        ("dangling.toml", "it is no regular file"),
        ("d", "it is no regular file"),
        ("/dev/null", "it is no regular file"),
        ("nowhere/new.toml", "its folder is not there; make it, or name another file with -o"),
        ("-", "standard output is the application's"),
    ] {
        app.bailiwick(&["learn", "--force", "-o", name, "--", "run", "."]).with(1).says(&[said]);
    }
    // Nor what it is made of.
    app.bailiwick(&["learn", "--force", "-o", "lib.wat", "--", "run", "."]).with(3).says(&["E-OVERWRITE"]);
    assert_eq!(app.read("bailiwick.toml"), before);
    assert!(!app.path("nowhere.toml").exists());
}

#[test]
fn what_can_not_be_written_is_said_after_the_run() {
    let app = asking();
    // A folder in which nobody makes files.
    let ended = app.bailiwick(&["learn", "-o", "/proc/learned.toml", "--", "run", ".", "/nowhere"]).with(1);
    ended.prints("/nowhere: \n").says(&["/proc/learned.toml: ", "name another file with -o"]);
}

#[test]
fn only_a_run_of_an_application_is_learned_from() {
    let app = idle();
    app.bailiwick(&["learn", "--", "run", "app.wat"]).with(2).says(&["it wants an application's manifest"]);
    app.bailiwick(&["learn", "--", "check", "."]).with(2).says(&["what is learned from is a run"]);
    app.bailiwick(&["learn"]).with(2);
    app.bailiwick(&["learn", "--", "run", "--dir", ".", "."]).with(2).says(&["are in its manifest"]);
    app.edit("bailiwick.toml", "d = \"d\"", "d = \"e\"");
    app.bailiwick(&["learn", "--", "run", "."]).with(3).says(&["E-WIDEN"]);
    assert!(!app.path("bailiwick.learned.toml").exists());
}

#[test]
fn the_status_is_the_applications() {
    for (code, status) in [("(call $exit (i32.const 7))", 7), ("unreachable", 134)] {
        let app = idle();
        app.file(
            "app.wat",
            format!(
                "(module (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
                (memory (export \"memory\") 1) (func (export \"_start\") {code}))"
            ),
        );
        app.bailiwick(&["learn", "--", "run", "."]).with(status);
        assert_eq!(app.read("bailiwick.learned.toml").contains("# PARTIAL"), status == 134);
    }
}

#[test]
fn an_application_that_is_interrupted_is_learned_from_as_far_as_it_came() {
    let app = idle();
    // It says that it is there, and then computes for ever.
    app.file(
        "app.wat",
        "(module (import \"wasi_snapshot_preview1\" \"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export \"memory\") 1) (data (i32.const 0) \"\\08\\00\\00\\00\\01\\00\\00\\00!\")
        (func (export \"_start\")
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
            (loop $for_ever (br $for_ever))))",
    );
    app.edit("bailiwick.toml", "r = \"r\"\n", "r = \"r\"\no = \"o\"\n");
    let mut command = app.command();
    let mut child =
        command.args(["learn", "--", "run", "."]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = [0];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut said).unwrap();
    // Not SIGINT, which whoever runs the tests may have had ignored; both are one to it.
    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let ended = (0..600).find_map(|_| {
        std::thread::sleep(Duration::from_millis(50));
        child.try_wait().unwrap()
    });
    if ended.is_none() {
        child.kill().unwrap();
    }
    assert_eq!(ended.and_then(|status| status.code()), Some(143));
    let text = app.read("bailiwick.learned.toml");
    assert!(
        text.contains("# PARTIAL: ") && text.contains("\no = { kind = \"stdio\", stdout = \"inherit\" }"),
        "{text}"
    );
}

#[test]
fn programs_are_told_too() {
    let app = idle();
    let ended = app.bailiwick(&["learn", "--json", "--", "run", "."]).with(0);
    let said = ended.err.lines().find(|line| line.starts_with('{')).expect("a line of JSON");
    let said: Value = serde_json::from_str(said).unwrap();
    assert_eq!((&said["file"], &said["partial"]), (&json!("bailiwick.learned.toml"), &json!(false)), "{said}");
    assert!(said["changes"].as_array().unwrap().iter().any(|change| change["after"].is_null()), "{said}");
}

/// Of patterns that were granted, those places are written out that were used, and nothing else is left.
#[test]
fn of_the_network_is_kept_what_was_used() {
    let (greeter, resolver) = (Greeter::start(), Resolver::start(&[&["127.0.0.1"]]));
    let port = greeter.port.to_string();
    let app = probe(&format!(
        "net = {{ kind = \"tcp\", connect = [\"*:*\", \"unused.example:1\"], listen = [\"127.0.0.1:0\", \"127.0.0.1:*\"], deny_cidr = [] }}\n\
         names = {{ kind = \"dns\", allow = [\"*\"], servers = [\"{}\"] }}\n\
         datagrams = {{ kind = \"udp\", connect = [\"*:*\"] }}",
        resolver.address
    ));
    let used = ["connect", "api.example", &port, "receive", "connect", "127.0.0.1", &port, "listen", "127.0.0.1", "0"];
    let printed = "connect ok\nreceive \"welcome\"\nconnect ok\nlisten ok\n";
    let learned =
        app.bailiwick(&[&["learn", "--", "run", "bailiwick.toml"][..], &used].concat()).with(0).prints(printed);
    let text = app.read("bailiwick.learned.toml");
    for line in [
        format!(
            "net = {{ from = \"net\", connect = [\"api.example:{port}\", \"127.0.0.1:{port}\"], listen = [\"127.0.0.1:0\"] }}\n"
        ),
        "names = { from = \"names\", allow = [\"api.example\"] }\n".to_owned(),
    ] {
        assert!(text.contains(&line), "it lacks {line}:\n{text}");
    }
    assert!(!text.contains("\ndatagrams = "), "{text}");
    learned.says(&["probe: names: look up * → look up api.example\n"]);
    let again =
        |arguments: &[&str]| app.bailiwick(&[&["run", "bailiwick.learned.toml"][..], arguments].concat()).with(0);
    again(&used).prints(printed);
    assert_eq!(greeter.reached(), 4);
    again(&["connect", "5eed.evil.test", &port, "connect", "127.0.0.1", "1", "resolve", "5eed.evil.test"])
        .prints("connect notcapable\nconnect notcapable\nresolve notcapable\n");
    assert_eq!(resolver.asked(), ["api.example"]);
}

/// Who stands between a module and the world goes on standing there, with what it used itself.
#[test]
fn who_is_confined_stays_confined() {
    let greeter = Greeter::start();
    let port = greeter.port.to_string();
    let app = App::web(
        "[package]\nname = \"probe\"\nmodule = \"probe.wasm\"\n[host]\n\
         out = { kind = \"stdio\", stdout = \"inherit\", stderr = \"inherit\" }\n\
         command = { kind = \"args\", command_line = true }\n\
         net = { kind = \"tcp\", connect = [\"127.0.0.1:*\", \"127.0.0.2:*\"] }\n\
         hosts = { kind = \"env\", set = { ALLOW = \"*\" } }\n\
         [grants]\nout = \"out\"\ncommand = \"command\"\nnet = \"net\"\n\n[imports]\nnet = { module = \"hosts\" } # between\n\n\
         [deps.hosts]\nmodule = \"bailiwick:hostallow\"\ngrants = { net = \"net\", hosts = \"hosts\" }\n",
    );
    let used = ["connect", "127.0.0.1", &port, "connect", "10.0.0.1", "80"];
    let printed = "connect ok\nconnect notcapable\n";
    app.bailiwick(&[&["learn", "--", "run", "bailiwick.toml"][..], &used].concat()).with(0).prints(printed);
    let text = app.read("bailiwick.learned.toml");
    assert!(text.contains("\n[imports]\nnet = { module = \"hosts\" } # between\n"), "{text}");
    assert!(!text.contains("never called"), "{text}");
    let is = holds(&app, "bailiwick.learned.toml", "probe/hosts");
    assert!(
        is["net"].to_string().contains(&format!("127.0.0.1:{port}")) && !is["net"].to_string().contains("127.0.0.2"),
        "{is}"
    );
    // Of its own network it can reach nothing.
    assert!(holds(&app, "bailiwick.learned.toml", "probe").get("net").is_none(), "{text}");
    app.bailiwick(&["check", "bailiwick.learned.toml"]).with(0);
    app.bailiwick(&[&["run", "bailiwick.learned.toml"][..], &used].concat()).with(0).prints(printed);
    // Who is asked for nothing stands there with nothing.
    app.bailiwick(&["learn", "--force", "--", "run", "bailiwick.toml", "sleep", "1"]).with(0);
    let text = app.read("bailiwick.learned.toml");
    assert!(text.contains("\n[imports]\nnet =") && text.contains("\ngrants = {}\n"), "{text}");
}
