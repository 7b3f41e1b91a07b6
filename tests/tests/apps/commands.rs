//! What each command says of the example application.

use super::*;

#[test]
fn check_counts() {
    App::wallet().bailiwick(&["check"]).with(0).prints("bailiwick.toml: ok: 11 instances, 110 imports\n");
    let checked = App::wallet().json(&["check", "--json"]);
    assert_eq!((&checked["ok"], &checked["instances"]), (&true.into(), &11.into()));
    assert_eq!(checked["problems"], serde_json::json!([]));
}

#[test]
fn explain_says_who_may_do_what_and_from_whom_he_has_it() {
    let app = App::wallet();
    app.bailiwick(&["explain", "notify"]).with(0).prints(
        "wallet/easydex/format/notify (notify 1.0.0)
  may write to standard output.
      It has this from format, which has it from easydex, which has it from host.terminal of wallet.
      Its author says why: messages are printed
  may not open any file, use the network, see the environment, see the command line, tell the time or read standard input.
  is called by wallet/easydex/format; if it dies in a call, its caller gets an error value and goes on.
  may use up 2.0 MiB of memory, 256.0 KiB of stack, 16 open descriptors and 500ms for each call of it.
  and by default 10000000 elements of tables, 1000000 exceptions and 256.0 MiB passed in each call of it.
",
    );
    app.bailiwick(&["explain", "inflate"])
        .with(0)
        .shows(&["may compute, and return what it computed: nothing was handed to it."]);
    let all = app.bailiwick(&["explain"]).with(0).out;
    for instance in [
        "wallet",
        "wallet/log",
        "wallet/easydex",
        "wallet/easydex/format",
        "wallet/unzipper",
        "wallet/unzipper/inflate",
    ] {
        assert!(all.lines().any(|line| line.starts_with(&format!("{instance} ("))), "{instance}: {all}");
    }
    let shown = app.json(&["explain", "--json", "notify"]);
    let from: Vec<&str> = shown["instances"][0]["holds"][0]["from"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["instance"].as_str().unwrap())
        .collect();
    assert_eq!(from, ["wallet/easydex/format/notify", "wallet/easydex/format", "wallet/easydex"]);
    app.bailiwick(&["explain", "nobody"])
        .with(1)
        .says(&["there is no instance \"nobody\"", "wallet/easydex/format/notify"]);
}

#[test]
fn what_a_call_lends_is_shown_where_what_is_held_is_shown() {
    let app = App::wallet();
    let said = "may write and create files below the folder dst that a call of demo:unzip/archives.extract brings, until it \
                returns";
    app.bailiwick(&["explain", "unzipper"]).with(0).shows(&[
        &format!("wallet/unzipper (unzipper 1.2.0)\n  {said}.\n"),
        "may not open any file but below what a call lends it, use the network",
    ]);
    app.bailiwick(&["why", "unzipper", "dir.write"])
        .with(0)
        .shows(&[&format!("Lent:\n  wallet/unzipper {said}\n"), " → wasi_snapshot_preview1.path_open\n"]);
    // What the edge takes off, it has not.
    app.bailiwick(&["why", "unzipper", "dir.delete"])
        .with(0)
        .prints("wallet/unzipper: nobody handed it dir.delete, and no code of it can get there.\n");
    for format in ["--svg", "--dot", "--html"] {
        app.bailiwick(&["graph", format]).with(0).shows(&["that a call of"]);
    }
    // Without a narrowing, it gets what its caller has.
    app.edit("bailiwick.toml", "call.extract.dst = { rights = [\"create\", \"write\"] }\n", "");
    app.bailiwick(&["explain", "unzipper"])
        .with(0)
        .shows(&["may do with files what its caller may below the folder dst"]);
}

#[test]
fn what_a_call_returns_is_shown_where_what_is_held_is_shown() {
    let app = App::empty();
    app.file("app.wat", "(module (import \"demo:give/give\" \"get\" (func $get (result i32))) (func (export \"_start\") (drop (call $get))))");
    app.file("app.wit", "package demo:app; world app { import demo:give/give; } package demo:give { interface give { use bailiwick:fs/types.{dir}; get: func() -> own<dir>; } }");
    app.file("lib.wat", "(module (func (export \"demo:give/give#get\") (result i32) (i32.const 3)))");
    app.file("lib.wit", "package demo:give; interface give { use bailiwick:fs/types.{dir}; get: func() -> own<dir>; } world one { export give; }");
    app.file(
        "bailiwick.toml",
        "[package]\nname = \"app\"\nmodule = \"app.wat\"\n[host]\nd = { kind = \"dir\", path = \"data\" }\n\
         [deps.lib]\nmodule = \"lib.wat\"\ngrants.d = \"d\"\n",
    );
    app.file("data/x", "");
    let said = "may list and read files below the folder that demo:give/give.get of app/lib returns, from then on";
    app.bailiwick(&["explain", "app"])
        .with(0)
        .shows(&[&format!("  {said}.\n"), "may not open any file but below what a call returns to it, use"]);
    app.bailiwick(&["why", "app", "dir.read"]).with(0).shows(&[&format!("Lent:\n  app {said}\n")]);
    app.bailiwick(&["why", "app", "dir.write"]).with(0).shows(&["nobody handed it dir.write"]);
    app.bailiwick(&["graph", "--svg"]).with(0).shows(&["reads files (2)"]);
    app.bailiwick(&["graph", "--dot"]).with(0).shows(&["of app/lib returns, from then on"]);
}

#[test]
fn many_that_are_alike_are_drawn_as_one() {
    let app = App::empty();
    let mut manifest =
        "[package]\nname = \"app\"\nmodule = \"app.wat\"\n[host]\nd = { kind = \"dir\", path = \".\" }\n".to_owned();
    for i in 0..300 {
        manifest
            .push_str(&format!("[deps.lib{i}]\nmodule = \"lib.wat\"\ngrants.d = {{ from = \"d\", sub = \"s{i}\" }}\n"));
    }
    manifest.push_str("[deps.other]\nmodule = \"lib.wat\"\n");
    app.file("bailiwick.toml", manifest);
    app.file("app.wat", "(module (func (export \"_start\")))");
    app.file("lib.wat", "(module)");
    let svg = app.bailiwick(&["graph"]).with(0).out;
    elements(&svg);
    assert_eq!(svg.matches("<g id=").count(), 3, "{svg}");
    for shown in ["(302 instances)", ">300 instances<", "lib0: list and read files below ./s0", "reads files (300)"] {
        assert!(svg.contains(shown), "{shown}: {svg}");
    }
    assert!(svg.contains("and 276 more: `bailiwick explain` has all"), "{svg}");
    // Nobody is left out of what is said in words.
    assert_eq!(app.bailiwick(&["graph", "--html"]).with(0).out.matches("<section").count(), 302);
}

#[test]
fn why_names_the_grants_and_the_code() {
    let app = App::wallet();
    app.bailiwick(&["why", "log", "dir.write"]).with(0).shows(&[
        "Granted:\n  wallet/log holds journal, data/log: may write and create files below data/log",
        "[host] data of the application",
        "export \"demo:log/journal#note\" → note → fopen → ",
        " → wasi_snapshot_preview1.path_open",
    ]);
    app.bailiwick(&["why", "notify", "dir"]).with(0).shows(&["nobody handed it dir"]);
    app.bailiwick(&["why", "wallet", "extract"]).with(0).shows(&["main → demo:unzip/archives.extract"]);
    let answer = app.json(&["why", "--json", "format", "dir.read"]);
    assert_eq!(answer["instance"], "wallet/easydex/format");
    assert_eq!(answer["granted"][0].as_array().map(Vec::len), Some(3), "format, easydex, the host: {answer}");
}

/// Whether a text is XML as far as tags go: each that opens is closed, in order. Gives how many elements there are.
fn elements(xml: &str) -> usize {
    let (mut open, mut count, mut rest) = (Vec::new(), 0, xml);
    while let Some(at) = rest.find('<') {
        assert!(!rest[..at].contains('>'), "a stray > in {:?}", &rest[..at]);
        let end = rest[at..].find('>').expect("a tag ends") + at;
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        match tag.as_bytes()[0] {
            b'/' => assert_eq!(open.pop(), Some(&tag[1..])),
            b'!' | b'?' => {}
            _ => {
                assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
                count += 1;
                if !tag.ends_with('/') {
                    open.push(tag.split([' ', '\n']).next().unwrap());
                }
            }
        }
    }
    assert!(open.is_empty(), "{open:?}");
    count
}

#[test]
fn graph_draws_everybody_and_every_edge() {
    let app = App::wallet();
    let svg = app.bailiwick(&["graph", "--svg"]).with(0).out;
    assert!(svg.starts_with("<svg xmlns=") && elements(&svg) > 60, "{svg}");
    for shown in
        ["notify 1.0.0", "log 1.0.0 · shared", "extract(dst: write+create)", "read data/orders/templates, ≤ 64.0 KiB"]
    {
        assert!(svg.contains(shown), "{shown}: {svg}");
    }
    app.bailiwick(&["graph", "--svg", "-o", "picture.svg"]).with(0).prints("");
    assert_eq!(app.read("picture.svg"), svg);

    let dot = app.bailiwick(&["graph", "--dot"]).with(0).out;
    assert!(dot.starts_with("digraph application {\n") && dot.ends_with("}\n"), "{dot}");
    let edges = dot.lines().filter(|line| line.contains(" -> ")).count();
    let nodes = dot.lines().filter(|line| line.contains("[label=") && !line.contains(" -> ")).count();
    assert_eq!((nodes, edges), (11, 15), "{dot}");
    if let Ok(mut child) = Command::new("dot").arg("-Tsvg").stdin(Stdio::piped()).stdout(Stdio::null()).spawn() {
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), dot.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "Graphviz reads it");
    }

    let html = app.bailiwick(&["graph", "--html"]).with(0).out;
    assert!(html.starts_with("<!doctype html>") && html.contains("<svg ") && html.ends_with("</html>\n"));
    for outside in ["<script", "href=", "src=", "@import", "url(http"] {
        assert!(!html.contains(outside), "the page stands for itself: {outside}");
    }
    assert_eq!(html.matches("<section").count(), 11);
}

#[test]
fn a_picture_of_hostile_words_is_well_formed() {
    let app = App::wallet();
    app.edit("notify/bailiwick.toml", "messages are printed", "</text></svg><script>alert(1)</script> & \\\" '");
    app.edit("notify/bailiwick.toml", "1.0.0", "<b>\\\"1 \\\\2");
    let svg = app.bailiwick(&["graph", "--svg"]).with(0).out;
    let html = app.bailiwick(&["graph", "--html"]).with(0).out;
    let dot = app.bailiwick(&["graph", "--dot"]).with(0).out;
    elements(&svg);
    for text in [&svg, &html] {
        assert!(!text.contains("<script") && !text.contains("<b>"), "{text}");
    }
    for line in dot.lines().filter(|line| line.contains("[label=")) {
        let quotes = line.replace("\\\\", "").replace("\\\"", "").matches('"').count();
        assert_eq!(quotes % 2, 0, "{line}");
    }
}

#[test]
fn a_manifest_does_not_drive_the_terminal() {
    // A library's manifest is a stranger's.
    for (from, to, key) in [
        ("messages are printed", "\\u001b[2J", "needs.out.why"),
        ("1.0.0", "1\\r2", "package.version"),
        ("kind = \"stdio\"", "at = \"/\\u0007\", kind = \"stdio\"", "needs.out.at"),
    ] {
        let app = App::wallet();
        app.edit("notify/bailiwick.toml", from, to);
        let ended = app.bailiwick(&["check"]).with(3).shows(&["E-MANIFEST wallet → easydex → format → notify", key]);
        assert!(!ended.out.contains(|c: char| c.is_control() && c != '\n'), "{ended:#?}");
    }
    let app = App::wallet();
    app.edit("notify/bailiwick.toml", "1.0.0", "\x1b[2J");
    let ended = app.bailiwick(&["check"]).with(1).shows(&["E-READ"]);
    assert!(!ended.out.contains('\x1b'), "{ended:#?}");
}

#[test]
fn the_lock_has_hashes_what_is_reached_and_what_is_held() {
    let app = App::wallet();
    app.bailiwick(&["lock"]).with(0).prints("");
    let lock: serde_json::Value = serde_json::from_str(&app.read("bailiwick.lock")).unwrap();
    let notify = &lock["instances"]["wallet/easydex/format/notify"];
    assert_eq!((&notify["package"], &notify["version"]), (&"notify".into(), &"1.0.0".into()));
    assert_eq!(notify["modules"][0]["sha256"].as_str().map(str::len), Some(64));
    let reaches = notify["modules"][0]["reaches"].as_array().unwrap();
    assert!(reaches.contains(&"wasi_snapshot_preview1.path_open".into()), "{reaches:?}");
    assert!(!reaches.contains(&"wasi_snapshot_preview1.sock_send".into()), "{reaches:?}");
    assert_eq!(notify["holds"]["out"]["kind"], "stdio");
    assert_eq!(lock["instances"]["wallet"]["calls"].as_array().map(Vec::len), Some(3));
    app.bailiwick(&["lock", "-o", "-"]).with(0).prints(&app.read("bailiwick.lock"));
}

#[test]
fn a_folder_that_was_built_says_what_is_granted() {
    let app = App::wallet();
    app.bailiwick(&["build", "-o", "out"]).with(0);
    let grants: serde_json::Value = serde_json::from_str(&app.read("out/grants.json")).unwrap();
    assert_eq!(grants["instances"].as_array().map(Vec::len), Some(11));
    assert_eq!(grants["instances"], app.json(&["explain", "--json", "out/"])["instances"]);
    app.bailiwick(&["build", "-o", "out"]).with(1).says(&["out: it is there already, and is not written over"]);
    assert!(
        fs::read_dir(app.folder.path()).unwrap().all(|e| !e.unwrap().file_name().to_string_lossy().ends_with(".part"))
    );
}

#[test]
fn an_application_is_its_folder_or_its_manifest_or_here() {
    let app = App::wallet();
    for arguments in [&["check"][..], &["check", "."], &["check", "bailiwick.toml"], &["check", "easydex/.."]] {
        app.bailiwick(arguments).with(0);
    }
    app.bailiwick(&["check", "nowhere.toml"]).with(1).shows(&["E-READ: nowhere.toml: No such file"]);
    // A library is no application.
    app.bailiwick(&["check", "easydex"]).with(3).shows(&["needs.book: this is the application"]);
}

/// An option that had no effect would be taken for a defence.
#[test]
fn options_that_are_the_manifests_to_say_are_refused() {
    let app = App::wallet();
    for option in [
        &["--max-memory", "1MiB"][..],
        &["--stdout", "null"],
        &["--escapes", "inert"],
        &["--deterministic"],
        &["--tcp-listen", "127.0.0.1:0"],
        &["--dir", "."],
        &["--env", "A=1"],
    ] {
        let arguments = [&["run"], option, &["."]].concat();
        app.bailiwick(&arguments).with(2).prints("").says(&["an application's grants and limits are in its manifest"]);
    }
    app.bailiwick(&["run", "--audit", "-", "."]).with(3).prints("").says(&["standard error is the application's too"]);
}
