//! The properties that make a nano-process, one by one: V1 to V20 of the list that the project works from. A property
//! that other tests hold too is shown here once.

use super::*;

/// The application that asks `probe` what it sees and can do; `rest` is the edge to it, and what is below.
fn ask(host: &str, probe: &str) -> App {
    let app = App::small(&format!(
        "[package]\nname = \"ask\"\nmodule = \"ask.wasm\"\n\
         [host]\nout = {{ kind = \"stdio\", stdout = \"inherit\" }}\nargs = {{ kind = \"args\", command_line = true }}\n{host}\n\
         [grants]\nout = \"out\"\nargs = \"args\"\n\
         [deps.probe]\n{probe}\n"
    ));
    for folder in ["a", "b"] {
        for name in ["read", "write", "delete", "rename", "link", "times"] {
            app.file(&format!("place/{folder}/{name}"), "x");
        }
    }
    app
}

const EVERYTHING: &str =
    "rights = [\"list\", \"read\", \"write\", \"create\", \"delete\", \"rename\", \"link\", \"symlink\", \"times\"]";
const RIGHTS: [&str; 9] = ["list", "read", "write", "create", "delete", "rename", "link", "symlink", "times"];

fn place() -> String {
    format!("place = {{ kind = \"dir\", path = \"place\", {EVERYTHING} }}")
}

#[test]
fn v01_by_default_nothing() {
    // What the kernel is asked for is in `trace`.
    ask("", "module = \"probe.wasm\"")
        .run(&[])
        .with(0)
        .prints("0 arguments, 0 variables, no files, in no, out no, error no, year 1970\n");

    // Control: the same module, handed everything.
    let host = format!(
        "{}\nenv = {{ kind = \"env\", set = {{ A = \"1\" }} }}\nall = {{ kind = \"stdio\", stdin = \"inherit\", stdout = \"inherit\", stderr = \"inherit\" }}\ntime = {{ kind = \"clock\" }}",
        place()
    );
    let edge = "module = \"probe.wasm\"\ngrants = { a = \"place\", env = \"env\", args = \"args\", all = \"all\", time = \"time\" }";
    let ended = ask(&host, edge).run(&[]).with(0);
    ended.shows(&["1 arguments, 1 variables, files, in yes, out yes, error yes, year 20"]);
}

#[test]
fn v02_no_memory_is_seen_by_another() {
    let app = App::small(
        "[package]\nname = \"spies\"\nmodule = \"spies.wasm\"\n\
         [host]\nout = { kind = \"stdio\", stdout = \"inherit\" }\n[grants]\nout = \"out\"\n\
         [deps.left]\nmodule = \"spy_left.wasm\"\n[deps.right]\nmodule = \"spy_right.wasm\"\n",
    );
    // Each sees its own mark, which is the control, and nobody else's.
    app.run(&[]).with(0).prints("parent: 1 0 0\nleft: 0 1 0\nright: 0 0 1\n");
}

#[test]
fn v03_every_way_between_modules_is_shown() {
    let shown = App::wallet().json(&["explain", "--json"]);
    let mut edges = Vec::new();
    for instance in shown["instances"].as_array().unwrap() {
        for call in instance["calls"].as_array().unwrap() {
            for function in call["functions"].as_array().unwrap() {
                let name = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
                edges.push((name(&instance["instance"]), name(&call["instance"]), name(function)));
            }
        }
    }
    let expected = [
        ("wallet", "wallet/easydex", "trade: func(order: order, address: string) -> result<receipt, string>"),
        ("wallet", "wallet/rates", "price-of: func(currency: string) -> result<price, string>"),
        ("wallet", "wallet/unzipper", "extract: func(dst: borrow<dir>, archive: list<u8>) -> result<u32, string>"),
        (
            "wallet/easydex",
            "wallet/easydex/format",
            "announce: func(template: string, values: list<tuple<string, string>>) -> result<_, string>",
        ),
        ("wallet/easydex", "wallet/log", "note: func(line: string)"),
        (
            "wallet/easydex/format",
            "wallet/easydex/format/notify",
            "notify: func(title: string, text: string) -> result<_, string>",
        ),
        ("wallet/unzipper", "wallet/log", "note: func(line: string)"),
        ("wallet/unzipper", "wallet/unzipper/inflate", "inflate: func(packed: list<u8>) -> result<list<u8>, string>"),
    ];
    let mut expected: Vec<_> =
        expected.into_iter().map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())).collect();
    expected.sort();
    edges.sort();
    assert_eq!(edges, expected);
    let between: Vec<(&str, &str)> = shown["instances"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|instance| instance["virtualized"].as_array().unwrap())
        .map(|by| (by["by"].as_str().unwrap(), by["interface"].as_str().unwrap()))
        .collect();
    let expected = [
        ("wallet/disk", "bailiwick:virt/fs"),
        ("wallet/calendar", "bailiwick:virt/clock"),
        ("wallet/desk", "bailiwick:virt/net"),
    ];
    assert_eq!(between, expected);
}

#[test]
fn v04_values_of_every_type_come_back_as_they_were() {
    // Random types are in `edges::round_trip`.
    let app = App::small(
        "[package]\nname = \"values\"\nmodule = \"values.wasm\"\n\
         [host]\nout = { kind = \"stdio\", stdout = \"inherit\" }\n[grants]\nout = \"out\"\n[deps.echo]\nmodule = \"echo.wasm\"\n",
    );
    app.run(&[]).with(0).prints("every value came back as it was\n");
}

#[test]
fn v05_each_right_alone_allows_what_it_says_where_it_says() {
    for right in RIGHTS {
        let edge =
            format!("module = \"probe.wasm\"\ngrants.a = {{ from = \"place\", sub = \"a\", rights = [\"{right}\"] }}");
        let app = ask(&place(), &edge);
        app.run(&["/a", "/b", "/a/../b", "/"]).with(0).prints(&format!("/a: {right} stat\n/b: \n/a/../b: \n/: \n"));
    }
    // Control
    let app = ask(
        &place(),
        "module = \"probe.wasm\"\ngrants = { a = { from = \"place\", sub = \"a\" }, b = { from = \"place\", sub = \"b\" } }",
    );
    let all = RIGHTS.join(" ");
    app.run(&["/a", "/b"]).with(0).prints(&format!("/a: {all} stat\n/b: {all} stat\n"));
}

#[test]
fn v06_what_the_last_of_a_chain_holds_is_what_every_link_allows() {
    // The root hands six rights; each of three relays takes some off.
    let host = "place = { kind = \"dir\", path = \"place\", max_bytes = \"1MiB\", rights = [\"list\", \"read\", \"write\", \"create\", \"delete\", \"times\"] }";
    let app = ask(
        host,
        "module = \"one.toml\"\ngrants.x = { from = \"place\", rights = [\"list\", \"read\", \"write\", \"create\", \"delete\"] }",
    );
    let relay = |name: &str, edge: &str| {
        app.file(
            &format!("{name}.toml"),
            format!("[package]\nname = \"{name}\"\nmodule = \"relay.wasm\"\n[needs]\nx = {{ kind = \"dir\" }}\n[deps.next]\n{edge}\n"),
        );
    };
    relay("one", "module = \"two.toml\"\ngrants.x = { from = \"x\", sub = \"a\", max_bytes = \"64KiB\" }");
    relay("two", "module = \"three.toml\"\ngrants.x = { from = \"x\", rights = [\"read\", \"write\", \"create\"] }");
    relay("three", "module = \"probe.wasm\"\ngrants.a = { from = \"x\", rights = [\"read\", \"create\"] }");
    app.run(&["/a", "/x", "/b"]).with(0).prints("/a: read create stat\n/x: \n/b: \n");
    let leaf = app.json(&["explain", "--json", "probe/next/next/next"]);
    let grant = &leaf["instances"][0]["holds"][0]["grant"];
    assert_eq!((&grant["rights"], &grant["path"]), (&serde_json::json!(["read", "create"]), &"a".into()));
    assert_eq!(grant["max_bytes"], 64 << 10);

    // What a library says that it needs narrows too, whatever it is handed.
    let two = app.read("two.toml");
    app.file(
        "two.toml",
        two.replace("x = { kind = \"dir\" }", "x = { kind = \"dir\", rights = [\"create\"] }")
            .replace("[\"read\", \"write\", \"create\"]", "[\"create\"]"),
    );
    relay("three", "module = \"probe.wasm\"\ngrants.a = \"x\"");
    fs::remove_dir(app.path("place/a/made")).unwrap();
    app.run(&["/a"]).with(0).prints("/a: create stat\n");
}

#[test]
fn v07_nobody_hands_on_more_than_he_holds_at_any_depth() {
    for depth in 1..=4 {
        let app = App::empty();
        let path: Vec<String> =
            std::iter::once("l0".to_owned()).chain((1..=depth).map(|_| "next".to_owned())).collect();
        for level in 0..=depth {
            let from = if level == 0 { "place" } else { "x" };
            let wanted = if level + 1 == depth { "rights = [\"read\", \"write\"]" } else { "rights = [\"read\"]" };
            let edge = if level == depth {
                String::new()
            } else {
                format!("[deps.next]\nmodule = \"l{}.toml\"\ngrants.x = {{ from = \"{from}\", {wanted} }}\n", level + 1)
            };
            let held = match level {
                0 => "[host]\nplace = { kind = \"dir\", path = \".\", rights = [\"read\"] }\n",
                _ => "[needs]\nx = { kind = \"dir\" }\n",
            };
            app.file(
                &format!("l{level}.toml"),
                format!("[package]\nname = \"l{level}\"\nmodule = \"m.wat\"\n{held}{edge}"),
            );
        }
        app.file("m.wat", "(module)");
        let said = format!("E-WIDEN {}: slot x: rights: write is more than read", path.join(" → "));
        app.bailiwick(&["check", "l0.toml"]).with(3).shows(&[&said]);
        app.bailiwick(&["run", "l0.toml"]).with(3).says(&[&said]);
    }
}

#[test]
fn v08_a_part_of_a_capability_is_handed_over() {
    // The parent has all of `place`; the child may make things below one folder, and not see what is there.
    let app = ask(
        &place(),
        "module = \"probe.wasm\"\ngrants.incoming = { from = \"place\", sub = \"a\", rights = [\"create\"] }",
    );
    app.run(&["/incoming", "/incoming/.."]).with(0).prints("/incoming: create stat\n/incoming/..: \n");
    assert!(app.path("place/a/made").is_dir());
}

#[test]
fn v09_what_a_module_imports_is_read_from_the_artifact_alone() {
    let app = App::wallet();
    app.bailiwick(&["build", "-o", "out"]).with(0);
    let mut calls = 0;
    for module in fs::read_dir(app.path("out/modules")).unwrap() {
        let module = module.unwrap().path();
        let shown = app.json(&["inspect", "--json", module.to_str().unwrap()]);
        let imports = shown["imports"].as_array().unwrap_or_else(|| panic!("{shown}"));
        calls +=
            imports.iter().filter(|import| import["module"].as_str().is_some_and(|name| name.contains(':'))).count();
    }
    assert_eq!(calls, 9, "those of V3, and that of the network");
    // What it is handed and for what is the manifest's to say, and is in the folder too.
    let grants: serde_json::Value = serde_json::from_str(&app.read("out/grants.json")).unwrap();
    let why: Vec<&str> = grants["instances"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|i| i["holds"].as_array().unwrap())
        .filter_map(|slot| slot["why"].as_str())
        .collect();
    assert!(why.contains(&"texts of messages are read here"), "{why:?}");
}

#[test]
fn v10_an_update_that_reaches_more_is_a_breaking_change() {
    let app = App::wallet();
    app.bailiwick(&["lock"]).with(0);
    app.update("notify", "notify_network");
    app.bailiwick(&["diff"]).with(3).shows(&["+ wasi_snapshot_preview1.sock_send"]);
    app.run(&[]).with(3).prints("");
}

#[test]
fn v11_only_the_application_names_anything_of_the_host() {
    for library in ["notify", "log", "unzipper"] {
        let app = App::wallet();
        let file = format!("{library}/bailiwick.toml");
        let text = app.read(&file);
        app.file(&file, format!("{text}\n[host]\nroot = {{ kind = \"dir\", path = \"/\" }}\n"));
        app.bailiwick(&["check"]).with(3).shows(&["E-MANIFEST", "`[host]` is the application's alone"]);
    }
}

#[test]
fn v12_an_archive_writes_where_its_unpacker_was_let() {
    // Each form of it is in `zip`.
    let app = App::wallet();
    app.run(&["statements.zip", "incoming"]).with(0);
    let mut names: Vec<_> = fs::read_dir(app.path("data")).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["incoming", "log", "orders", "rates", "seed.txt", "statements.zip"]);
}

#[test]
fn v13_hundreds_of_modules_start_like_one() {
    let app = App::empty();
    app.file("lib.wat", "(module (memory (export \"memory\") 1))");
    app.file("app.wat", "(module (memory (export \"memory\") 1) (func (export \"_start\")))");
    let deps: String = (0..300).map(|i| format!("[deps.d{i}]\nmodule = \"lib.wat\"\n")).collect();
    app.file("bailiwick.toml", format!("[package]\nname = \"app\"\nmodule = \"app.wat\"\n{deps}"));
    app.run(&[]).with(0);
    let began = std::time::Instant::now();
    app.run(&[]).with(0);
    let took = began.elapsed();
    // Figures are in `figures`, and the benchmarks'; this is far above them, and far below three hundred processes.
    assert!(took.as_secs() < 10, "{took:?}");
    app.bailiwick(&["check"]).with(0).prints("bailiwick.toml: ok: 301 instances, 0 imports\n");
}

#[test]
fn v14_types_are_checked_before_anything_runs() {
    let app = App::wallet();
    app.edit("wallet.wit", "amount: u64", "amount: u32");
    let ended = app.run(&[]).prints("");
    assert!(matches!(ended.status, Some(1 | 3)), "{ended:#?}");
    // One that the module's own code agrees with: the two sides differ, though both are i64 to WebAssembly.
    let app = App::wallet();
    app.edit("wallet.wit", "amount: u64", "amount: s64");
    app.run(&[]).with(3).prints("").says(&["E-TYPE wallet: "]);
}

#[test]
fn v15_a_group_of_modules_is_one_principal() {
    let app = App::empty();
    app.file(
        "face.wat",
        "(module (import \"back\" \"seven\" (func $seven (result i32)))
        (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
        (import \"back\" \"memory\" (memory 1))
        (func (export \"_start\") (call $exit (i32.add (call $seven) (i32.load8_u (i32.const 0))))))",
    );
    app.file("back.wat", "(module (memory (export \"memory\") 1) (data (i32.const 0) \"\\02\") (func (export \"seven\") (result i32) (i32.const 7)))");
    app.file("bailiwick.toml", "[package]\nname = \"app\"\ngroup = { face = \"face.wat\", back = \"back.wat\" }\n");
    app.run(&[]).with(9);
    app.bailiwick(&["check"]).with(0).prints("bailiwick.toml: ok: 1 instance, 3 imports\n");
}

#[test]
fn v16_each_module_sees_the_world_that_it_was_given() {
    // The same module twice, with another time and other variables; what one sees the other does not.
    let host = "time = { kind = \"clock\" }\nenv = { kind = \"env\", set = { A = \"1\", B = \"2\" } }";
    let edge = "module = \"probe.wasm\"\ngrants = { time = { from = \"time\", fixed = \"2001-06-01T00:00:00Z\" }, env = { from = \"env\", allow = [\"A\"] } }";
    ask(host, edge).run(&[]).with(0).shows(&["0 arguments, 1 variables, no files", "year 2001"]);
    let edge = "module = \"probe.wasm\"\ngrants = { env = \"env\" }";
    ask(host, edge).run(&[]).with(0).shows(&["0 arguments, 2 variables, no files", "year 1970"]);

    // Or another module says what it sees, whatever it holds. What else is to be said of that is in `virtual_plans`.
    let edge = "module = \"probe.wasm\"\ngrants = { time = \"time\", env = \"env\" }\nimports.clock = { module = \"still\" }\n[deps.still]\nmodule = \"still.wat\"";
    let app = ask(host, edge);
    app.file("still.wit", "package test:still;\nworld still { export bailiwick:virt/clock; }\n");
    // The first of June 2001, in nanoseconds since 1970.
    let answer = |ns: &str| format!("(i64.store (i32.const 8) (i64.const {ns})) (i32.const 0)");
    app.file(
        "still.wat",
        format!(
            "(module (memory (export \"memory\") 1)
              (func (export \"bailiwick:virt/clock#now\") (param i32) (result i32) {})
              (func (export \"bailiwick:virt/clock#resolution\") (param i32) (result i32) {})
              (func (export \"bailiwick:virt/clock#sleep\") (param i64)))",
            answer("991353600000000000"),
            answer("1")
        ),
    );
    app.run(&[]).with(0).shows(&["0 arguments, 2 variables, no files", "year 2001"]);
}

#[test]
fn v17_the_whole_graph_is_known_before_anything_runs() {
    let app = App::empty();
    app.file("m.wat", "(module)");
    app.file("bailiwick.toml", "[package]\nname = \"app\"\nmodule = \"m.wat\"\n[deps.a]\nmodule = \"a.toml\"\n");
    app.file("a.toml", "[package]\nname = \"a\"\nmodule = \"m.wat\"\n[deps.again]\nmodule = \"a.toml\"\n");
    app.bailiwick(&["check"]).with(3).shows(&["E-CYCLE app → a → again"]);

    let app = App::wallet();
    app.bailiwick(&["build", "-o", "out"]).with(0);
    let grants: serde_json::Value = serde_json::from_str(&app.read("out/grants.json")).unwrap();
    assert_eq!(grants["instances"].as_array().map(Vec::len), Some(11));
}

#[test]
fn v18_two_versions_of_a_library_side_by_side() {
    // `left` is 1 of a library, which may write; `right` is 2, which may read. Both are the same package.
    let app =
        ask(&place(), "module = \"one.toml\"\ngrants.x = { from = \"place\", sub = \"a\", rights = [\"write\"] }");
    for (file, version) in [("one", "1.0.0"), ("two", "2.0.0")] {
        app.file(&format!("{file}.toml"), format!("[package]\nname = \"probe\"\nversion = \"{version}\"\nmodule = \"probe.wasm\"\n[needs]\nx = {{ kind = \"dir\" }}\n"));
    }
    let text = app.read("bailiwick.toml");
    let text = text.replace("module = \"one.toml\"", "module = \"one.toml\"\nprovides = [\"test:probe/probe\"]");
    let other =
        "[deps.other]\nmodule = \"two.toml\"\ngrants.x = { from = \"place\", sub = \"a\", rights = [\"read\"] }\n";
    app.file("bailiwick.toml", format!("{text}{other}"));
    app.run(&["/x"]).with(0).prints("/x: write stat\n");
    let shown = app.json(&["explain", "--json"]);
    let held: Vec<String> = shown["instances"]
        .as_array()
        .unwrap()
        .iter()
        .skip(1)
        .map(|i| format!("{} {} {}", i["package"], i["version"], i["holds"][0]["grant"]["rights"]))
        .collect();
    assert_eq!(held, ["\"probe\" \"2.0.0\" [\"read\"]", "\"probe\" \"1.0.0\" [\"write\"]"]);
    // The application says which of them it calls.
    app.edit("bailiwick.toml", "\nprovides = [\"test:probe/probe\"]", "").edit(
        "bailiwick.toml",
        "module = \"two.toml\"",
        "module = \"two.toml\"\nprovides = [\"test:probe/probe\"]",
    );
    app.run(&["/x"]).with(0).prints("/x: read stat\n");
}

#[test]
fn v19_one_library_in_a_native_program() {
    use bailiwick_loader::{Caller, Group, HostError, Imports, Val};
    let module = "(module (import \"host\" \"add\" (func $add (param i32 i32) (result i32)))
        (func (export \"sum\") (param i32 i32) (result i32) (call $add (local.get 0) (local.get 1))))";
    let artifact = bailiwick_tests::compile::artifact(module);
    let mut imports = Imports::new();
    imports
        .func("host", "add", |_: &mut Caller<'_>, a: i32, b: i32| -> Result<i32, HostError> { Ok(a.wrapping_add(b)) });
    let mut group = Group::new().unwrap();
    let instance = group.instantiate(&artifact, &imports).unwrap();
    let sum = instance.func(&mut group, "sum").unwrap();
    assert_eq!(sum.call(&mut group, &[Val::I32(2), Val::I32(40)]).unwrap(), [Val::I32(42)]);
}

#[test]
fn v20_what_is_not_promised_is_written_down() {
    let readme = include_str!("../../../README.md").to_lowercase();
    assert!(readme.contains("side channel") || readme.contains("spectre"), "README says what it does not protect from");
}
