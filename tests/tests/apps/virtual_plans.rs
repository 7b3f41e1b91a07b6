//! What a manifest says of who stands between a module and the world, and what is said of it before anything runs.

use super::*;
use bailiwick_runtime_abi::wit::{Direction, Function, World, builtin};
use std::fmt::Write;

/// The core type of a function, and its parameters and results as text.
fn core(world: &World, function: &Function, direction: Direction) -> String {
    let signature = world.signature(function, direction);
    let list = |what: &str, types: &[bailiwick_runtime_abi::types::ValType]| {
        let types: String = types.iter().map(|ty| format!(" {ty:?}").to_lowercase()).collect();
        if types.is_empty() { types } else { format!(" ({what}{types})") }
    };
    list("param", &signature.params) + &list("result", &signature.results)
}

/// Functions of preview 1 by which a C library reaches each kind of thing, with their core types.
const PREVIEW1: [(&str, &str); 6] = [
    ("path_open", "(param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)"),
    ("fd_write", "(param i32 i32 i32 i32) (result i32)"),
    ("clock_time_get", "(param i32 i64 i32) (result i32)"),
    ("random_get", "(param i32 i32) (result i32)"),
    ("environ_get", "(param i32 i32) (result i32)"),
    ("sock_send", "(param i32 i32 i32 i32 i32) (result i32)"),
];

impl App {
    /// A module that exports interfaces of `bailiwick:virt`, imports others of it, and functions of preview 1 that its
    /// code reaches. No function of it is ever to return.
    fn stub(&self, name: &str, exports: &[&str], imports: &[&str], preview1: &[&str]) {
        let host = builtin::host_world().expect("the world of the loader");
        let (mut wat, mut wit) = (String::from("(module\n"), format!("package test:{name};\nworld {name} {{\n"));
        let of = |interface: &str| {
            let interface = format!("bailiwick:virt/{interface}");
            host.imports().iter().filter(move |f| f.interface.as_deref() == Some(interface.as_str()))
        };
        let mut reached = String::new();
        for interface in imports {
            let _ = writeln!(wit, "    import bailiwick:virt/{interface};");
            for f in of(interface) {
                let ty = core(&host, f, Direction::Lower);
                let _ = writeln!(
                    wat,
                    "(import \"bailiwick:virt/{interface}\" \"{0}\" (func ${interface}-{0}{ty}))",
                    f.name
                );
                let _ = writeln!(reached, "(export \"{interface}-{0}\" (func ${interface}-{0}))", f.name);
            }
        }
        for function in preview1 {
            let ty = PREVIEW1.iter().find(|(name, _)| name == function).expect("a known function").1;
            let _ = writeln!(wat, "(import \"wasi_snapshot_preview1\" \"{function}\" (func ${function} {ty}))");
            let _ = writeln!(reached, "(export \"{function}\" (func ${function}))");
        }
        wat.push_str("(memory (export \"memory\") 1)\n");
        wat.push_str("(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) unreachable)\n");
        wat.push_str("(func (export \"_start\"))\n");
        for interface in exports {
            let _ = writeln!(wit, "    export bailiwick:virt/{interface};");
            for f in of(interface) {
                let _ = writeln!(
                    wat,
                    "(func (export \"{}\"){} unreachable)",
                    f.export_name(),
                    core(&host, f, Direction::Lift)
                );
            }
        }
        self.file(&format!("{name}.wat"), format!("{wat}{reached})"));
        self.file(&format!("{name}.wit"), format!("{wit}}}\n"));
    }

    /// An application whose module computes, and dependencies `memfs`, `still` and `legacy`, of which the last may be
    /// confined by the others.
    fn confined(rest: &str) -> App {
        let app = App::empty();
        app.file("main.wat", "(module (memory (export \"memory\") 1) (func (export \"_start\")))");
        app.stub("memfs", &["fs"], &[], &["path_open"]);
        app.stub("still", &["clock", "random"], &[], &[]);
        app.stub("legacy", &[], &[], &["path_open", "fd_write", "clock_time_get"]);
        app.file("bailiwick.toml", format!("[package]\nname = \"app\"\nmodule = \"main.wat\"\n{rest}"));
        app
    }

    #[track_caller]
    fn refused(&self, said: &[&str]) {
        self.bailiwick(&["check"]).with(3).shows(said);
    }
}

const DEPS: &str = "[deps.memfs]\nmodule = \"memfs.wat\"\n[deps.still]\nmodule = \"still.wat\"\n[deps.legacy]\nmodule = \"legacy.wat\"\n";

#[test]
fn an_interface_is_answered_by_whom_the_edge_names_in_any_order() {
    for (key, virt) in [
        ("fs", "memfs"),
        ("\"bailiwick:virt/fs\"", "memfs"),
        ("\"wasi:filesystem\"", "memfs"),
        ("clock", "still"),
        ("\"wasi:clocks\"", "still"),
        ("random", "still"),
    ] {
        let app = App::confined(&format!("{DEPS}imports.{key} = {{ module = \"{virt}\" }}\n"));
        app.bailiwick(&["check"]).with(0).shows(&["ok: 4 instances"]);
    }
    // The own module of a manifest has none that it could be an edge of.
    App::confined(&format!("{DEPS}[imports]\nfs = {{ module = \"memfs\" }}\n")).bailiwick(&["check"]).with(0);
}

#[test]
fn whom_nobody_here_holds_can_not_stand_between() {
    for (imports, said) in [
        (
            "fs = { module = \"disk\" }",
            "imports.fs: there is no dependency and no shared instance \"disk\" here; there are: memfs, still",
        ),
        (
            "fs = { module = \"bailiwick:memfs\" }",
            "declare it as [deps.memfs] with module = \"bailiwick:memfs\", and name that",
        ),
        ("fs = { module = \"legacy\" }", "deps.legacy.imports.fs: legacy can't answer itself"),
        ("fs = { module = \"memfs\", rights = [] }", "unknown field `rights`"),
        ("fs = \"memfs\"", "expected a table, as { module = \"memfs\" }"),
        ("fs = { module = \"memfs\", interface = \"a:b/c\" }", "exports bailiwick:virt/fs, by no other name"),
        (
            "\"a b\" = { module = \"memfs\" }",
            "it wants the name of an interface: one of fs, clock, random, env, stdio, net",
        ),
        (
            "disk = { module = \"memfs\" }",
            "it imports no such interface; it imports: nothing; and for every module there are: fs, clock",
        ),
        (
            "fs = { module = \"memfs\" }\nimports.\"wasi:filesystem\" = { module = \"memfs\" }",
            "is the same interface: remove one of them",
        ),
    ] {
        App::confined(&format!("{DEPS}imports.{imports}\n")).refused(&["E-MANIFEST", said]);
    }
    // A library's manifest names its own dependencies, and not those of whoever has it.
    let app = App::confined("[deps.memfs]\nmodule = \"memfs.wat\"\n[deps.lib]\nmodule = \"lib.toml\"\n");
    app.file(
        "lib.toml",
        "[package]\nname = \"lib\"\nmodule = \"legacy.wat\"\n[imports]\nfs = { module = \"memfs\" }\n",
    );
    app.refused(&[
        "E-MANIFEST app → lib: ",
        "lib.toml: imports.fs: there is no dependency and no shared instance \"memfs\" here",
    ]);
}

#[test]
fn two_may_not_stand_in_one_place() {
    let app = App::confined(
        "[deps.memfs]\nmodule = \"memfs.wat\"\n[deps.lib]\nmodule = \"lib.toml\"\nimports.fs = { module = \"memfs\" }\n",
    );
    app.file(
        "lib.toml",
        "[package]\nname = \"lib\"\nmodule = \"legacy.wat\"\n[imports]\nfs = { module = \"own\" }\n[deps.own]\nmodule = \"memfs.wat\"\n",
    );
    app.refused(&[
        "E-MANIFEST app → lib: ",
        "its own manifest says already that app/lib/own answers that: remove one of the two",
    ]);
}

#[test]
fn who_stands_between_exports_the_whole_interface_with_its_very_types() {
    let app = App::confined(&format!("{DEPS}imports.fs = {{ module = \"still\" }}\n"));
    app.refused(&[
        "E-TYPE app → still: imports.fs of app/legacy: it has to export bailiwick:virt/fs, and it exports bailiwick:virt/clock, bailiwick:virt/random; see `bailiwick wit virt`",
    ]);
    let app = App::confined(&format!("{DEPS}imports.fs = {{ module = \"memfs\" }}\n"));
    fs::remove_file(app.path("memfs.wit")).unwrap();
    app.refused(&["E-TYPE app → memfs: ", "no WIT text says what it exports"]);

    // A package of the same name, of somebody who has other ideas of it.
    let random = "package bailiwick:virt { interface random { get: func(len: u64) -> list<u8>; } }\n";
    let other = |body: &str, wat: &str| {
        let app = App::confined(&format!("{DEPS}imports.random = {{ module = \"still\" }}\n"));
        app.file("still.wit", format!("package test:still;\nworld still {{ export bailiwick:virt/random; }}\n{body}"));
        app.file("still.wat", format!("(module (memory (export \"memory\") 1) (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) unreachable) {wat})"));
        app
    };
    other(random, "(func (export \"bailiwick:virt/random#get\") (param i64) (result i32) unreachable)").refused(&[
        "E-TYPE app → still: imports.random of app/legacy: bailiwick:virt/random#get: it has to be `get: func(len: u32) -> list<u8>`: parameter len: u32 here, u64 there",
    ]);
    let empty = "package bailiwick:virt { interface random { other: func(); } }\n";
    other(empty, "(func (export \"bailiwick:virt/random#other\"))")
        .refused(&["its bailiwick:virt/random lacks `get: func(len: u32) -> list<u8>`"]);
}

#[test]
fn nobody_waits_for_himself() {
    let app = App::confined(
        "[deps.a]\nmodule = \"a.wat\"\nimports.clock = { module = \"b\" }\n[deps.b]\nmodule = \"b.wat\"\nimports.fs = { module = \"a\" }\n",
    );
    app.stub("a", &["fs"], &[], &["clock_time_get"]);
    app.stub("b", &["clock"], &[], &["path_open"]);
    app.refused(&["E-CYCLE app → a: ", "app/a → app/b → app/a"]);
    // By a call that it may make, too.
    let app = App::confined(
        "[shared.log]\nmodule = \"memfs.wat\"\nimports.clock = { module = \"user\" }\n[deps.user]\nmodule = \"still.wat\"\nshared = [\"log\"]\n",
    );
    app.refused(&["E-CYCLE app → log: ", "app/log → app/user → app/log"]);
}

#[test]
fn they_stack() {
    let app = App::confined(
        "[deps.legacy]\nmodule = \"legacy.wat\"\nimports.fs = { module = \"log\" }\n\
         [deps.log]\nmodule = \"log.wat\"\nimports.fs = { module = \"over\" }\n\
         [deps.over]\nmodule = \"log.wat\"\nimports.fs = { module = \"memfs\" }\nimports.clock = { module = \"still\" }\n\
         [deps.memfs]\nmodule = \"memfs.wat\"\n[deps.still]\nmodule = \"still.wat\"\n",
    );
    app.stub("log", &["fs"], &["fs"], &["clock_time_get"]);
    app.bailiwick(&["check"]).with(0).shows(&["ok: 6 instances"]).without("W-SHARED-FILES");
    let calls =
        |instance: &str| app.json(&["explain", "--json", instance])["instances"][0]["calls"][0]["instance"].clone();
    // What each hands on goes to whom its edge names, though all three export it.
    assert_eq!((calls("log"), calls("over")), ("app/over".into(), "app/memfs".into()));
}

#[test]
fn an_import_that_leads_to_somebody_leads_to_no_slot() {
    // A folder, a clock and streams: of these, its files are somebody else's.
    let manifest = |imports: &str| {
        format!(
            "[host]\nplace = {{ kind = \"dir\", path = \".\" }}\ntime = {{ kind = \"clock\" }}\n{DEPS}grants = {{ place = \"place\", time = \"time\" }}\n{imports}"
        )
    };
    let usable = |app: &App| {
        let shown = app.json(&["explain", "--json", "legacy"]);
        let holds = shown["instances"][0]["holds"].as_array().unwrap().clone();
        holds.iter().map(|slot| slot["usable"].as_bool().unwrap()).collect::<Vec<_>>()
    };
    // Control: without anybody between, its code reaches both.
    let app = App::confined(&manifest(""));
    assert_eq!(usable(&app), [true, true]);
    app.bailiwick(&["check"]).with(0).without("W-UNUSED-GRANT");

    let app = App::confined(&manifest("imports.fs = { module = \"memfs\" }\n"));
    assert_eq!(usable(&app), [false, true]);
    app.bailiwick(&["check"]).with(0).shows(&[
        "W-UNUSED-GRANT app → legacy: slot place: it holds dir, and reaches none of its own, because app/memfs stands between (imports.fs)",
    ]);
    // What it hands on is used.
    let app = App::confined(
        "[host]\nplace = { kind = \"dir\", path = \".\" }\n[deps.memfs]\nmodule = \"memfs.wat\"\n\
         [deps.lib]\nmodule = \"lib.toml\"\ngrants.place = \"place\"\nimports.fs = { module = \"memfs\" }\n",
    );
    app.file(
        "lib.toml",
        "[package]\nname = \"lib\"\nmodule = \"legacy.wat\"\n[needs]\nplace = { kind = \"dir\" }\n\
         [deps.below]\nmodule = \"legacy.wat\"\ngrants.place = \"place\"\n",
    );
    app.bailiwick(&["check"]).with(0).without("W-UNUSED-GRANT");
}

#[test]
fn who_is_called_by_several_is_shared() {
    let shared = |rest: &str| {
        let app = App::confined(rest);
        let shown = app.json(&["explain", "--json", "memfs"]);
        shown["instances"][0]["shared"].as_bool().unwrap()
    };
    let memfs = "[deps.memfs]\nmodule = \"memfs.wat\"\n";
    let legacy =
        |name: &str| format!("[deps.{name}]\nmodule = \"legacy.wat\"\nimports.fs = {{ module = \"memfs\" }}\n");
    // Its parent only made it.
    assert!(!shared(&format!("{memfs}{}", legacy("a"))));
    assert!(shared(&format!("{memfs}{}{}", legacy("a"), legacy("b"))));
    // Its parent is confined by it too.
    assert!(shared(&format!("{memfs}{}[imports]\nfs = {{ module = \"memfs\" }}\n", legacy("a"))));
    assert!(!shared(&format!("{memfs}[imports]\nfs = {{ module = \"memfs\" }}\n")));
    // Somebody calls it by its types.
    let app = App::confined(&format!(
        "{memfs}{}[deps.log]\nmodule = \"log.wat\"\nimports.fs = {{ module = \"memfs\" }}\n",
        legacy("a")
    ));
    app.stub("log", &["clock"], &["fs"], &[]);
    assert!(app.json(&["explain", "--json", "memfs"])["instances"][0]["shared"].as_bool().unwrap());
    // What is open there is a number, which that one chooses.
    app.bailiwick(&["check"]).with(0).shows(&[
        "W-SHARED-FILES app → log: it calls the files of app/memfs by numbers that it chooses, and so can reach what app/a has open there",
    ]);

    // So nobody's time ends it for the others.
    let app = App::confined(&format!("[limits]\ntime = \"9s\"\n{memfs}{}{}", legacy("a"), legacy("b")));
    app.bailiwick(&["check"]).with(0).without("W-SHARED-TIME");
    let app = App::confined(&format!("{memfs}{}limits.time = \"1s\"\n{}", legacy("a"), legacy("b")));
    app.bailiwick(&["check"]).with(0).shows(&["W-SHARED-TIME app → memfs: it is shared", "keeps app/a waiting"]);
}

const KV: &str = "package kv:store;\ninterface api { get: func(key: u32) -> u32; }\ninterface other { get: func(key: u32) -> u64; }\nworld store { export api; export other; }\n";

/// A module that asks two stores by the same type, and ends with what they say: 10 * first + second.
fn two_stores(rest: &str) -> App {
    let app = App::empty();
    for (name, says) in [("hot", 4), ("cold", 2)] {
        app.file(
            &format!("{name}.wat"),
            format!(
                "(module (memory (export \"memory\") 1) (func (export \"kv:store/api#get\") (param i32) (result i32) i32.const {says}) (func (export \"kv:store/other#get\") (param i32) (result i64) i64.const 0))"
            ),
        );
        app.file(&format!("{name}.wit"), KV);
    }
    app.file("ask.wit", "package test:ask;\nworld ask { import cache: interface { get: func(key: u32) -> u32; } import disk: interface { get: func(key: u32) -> u32; } }\n");
    app.file(
        "ask.wat",
        "(module (import \"cache\" \"get\" (func $cache (param i32) (result i32))) (import \"disk\" \"get\" (func $disk (param i32) (result i32)))
          (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32))) (memory (export \"memory\") 1)
          (func (export \"_start\") (call $exit (i32.add (i32.mul (i32.const 10) (call $cache (i32.const 1))) (call $disk (i32.const 1))))))",
    );
    app.file(
        "bailiwick.toml",
        format!("[package]\nname = \"app\"\nmodule = \"ask.wat\"\n[deps.hot]\nmodule = \"hot.wat\"\n[deps.cold]\nmodule = \"cold.wat\"\n{rest}"),
    );
    app
}

#[test]
fn one_interface_is_granted_several_times_under_different_names() {
    let says = |cache: &str, disk: &str| {
        format!(
            "[imports]\ncache = {{ module = \"{cache}\", interface = \"kv:store/api\" }}\ndisk = {{ module = \"{disk}\", interface = \"kv:store/api\" }}\n"
        )
    };
    two_stores(&says("hot", "cold")).run(&[]).with(42);
    two_stores(&says("cold", "hot")).run(&[]).with(24);
    two_stores(&says("hot", "hot")).run(&[]).with(44);
    let app = two_stores(&says("hot", "cold"));
    app.bailiwick(&["explain", "app"]).with(0).shows(&[
        "  has cache from app/hot, as its kv:store/api.\n  has disk from app/cold, as its kv:store/api.\n",
        "  may call app/hot:\n      get: func(key: u32) -> u32\n",
    ]);
    // Without a word of who answers, nobody does, since nobody exports it under that name.
    two_stores("").refused(&["E-UNKNOWN-IMPORT app: ask.wat: cache.get: nothing that it may call exports `get"]);
    for (imports, said) in [
        (
            "cache = { module = \"hot\" }",
            "E-MANIFEST app: bailiwick.toml: imports.cache: hot exports no interface cache; it exports: kv:store/api, kv:store/other; say which one answers",
        ),
        (
            "cache = { module = \"hot\", interface = \"kv:store/other\" }",
            "E-TYPE app: ask.wat: cache.get → hot: the result: u32 here, u64 there",
        ),
        (
            "store = { module = \"hot\" }",
            "it imports no such interface; it imports: cache, disk; and for every module there are: fs",
        ),
    ] {
        two_stores(&format!("[imports]\n{imports}\n")).refused(&[said]);
    }
    // Which of them answers is in the lock: another one is another authority.
    app.bailiwick(&["lock"]).with(0);
    app.bailiwick(&["check"]).with(0);
    app.edit("bailiwick.toml", "module = \"cold\", interface", "module = \"hot\", interface");
    app.bailiwick(&["diff"])
        .with(3)
        .shows(&["! app app: imports.disk: kv:store/api of app/cold → kv:store/api of app/hot"]);
    app.bailiwick(&["check"]).with(3).shows(&["E-LOCK app: others who stand between it and the world"]);
}

#[test]
fn the_network_is_the_loader_s_or_his_who_stands_between() {
    let app = |host: &str, imports: &str| {
        let app = App::confined(&format!(
            "{host}[deps.gate]\nmodule = \"gate.wat\"\n[deps.user]\nmodule = \"user.wat\"\n{imports}"
        ));
        app.stub("gate", &["net"], &["net"], &["sock_send"]);
        app.stub("user", &[], &["net"], &["sock_send"]);
        app
    };
    // Without a grant it starts, and its code gets nowhere.
    let inert = app("", "");
    inert.bailiwick(&["check"]).with(0).shows(&["ok: 3 instances"]);
    inert
        .bailiwick(&["why", "user", "tcp"])
        .with(0)
        .shows(&["nobody handed it tcp; its code gets there all the same", "bailiwick:virt/net.connect"]);
    let host = "[host]\nnet = { kind = \"tcp\", connect = [\"a.example:443\"] }\nnames = { kind = \"dns\", allow = [\"a.example\"] }\n";
    let wired = app(host, "grants = { net = \"net\", names = \"names\" }\n");
    wired.bailiwick(&["check"]).with(0).without("W-UNUSED-GRANT").without("NOT-YET");
    wired.bailiwick(&["why", "user", "dns"]).with(0).shows(&["Granted:", "Used:", "bailiwick:virt/net.resolve"]);
    // One of its kind exports the interface too: that makes it nobody's network.
    wired.bailiwick(&["explain", "gate"]).with(0).without("is called by").without("stands between");

    let between = app(host, "grants = { net = \"net\" }\nimports.net = { module = \"gate\" }\n");
    between.bailiwick(&["check"]).with(0).shows(&["W-UNUSED-GRANT app → user: slot net: it holds tcp, and reaches none of its own, because app/gate stands between"]);
    let between = app(host, "imports.net = { module = \"gate\" }\n");
    between.edit(
        "bailiwick.toml",
        "module = \"gate.wat\"\n",
        "module = \"gate.wat\"\ngrants = { net = \"net\", names = \"names\" }\n",
    );
    between.bailiwick(&["explain", "user"]).with(0).shows(&[
        "has no network but what app/gate lets it have",
        "app/gate may look up a.example; connect by tcp to a.example:443; never to addresses of the machine itself,",
        "may not open any file, use the network but as app/gate has it",
    ]);
    between.bailiwick(&["explain", "gate"]).with(0).shows(&["stands between app/user and its network"]);
    between.bailiwick(&["why", "user", "tcp"]).with(0).shows(&[
        "Virtualized:",
        "app/user has its network only as app/gate gives it",
        "app/gate holds net: may connect by tcp",
    ]);
    // A function that the loader has not, or of another type, is an error before anything runs.
    for (wit, wat, said) in [
        (
            "interface net { listen-in: func(); }",
            "\"listen-in\" (func)",
            "E-UNKNOWN-IMPORT app → user: user.wat: bailiwick:virt/net.listen-in: there is no such function",
        ),
        (
            "interface net { close: func(socket: u64); }",
            "\"close\" (func (param i64))",
            "E-TYPE app → user: user.wat: bailiwick:virt/net.close: parameter socket: u64 here, u32 there",
        ),
    ] {
        inert.file(
            "user.wit",
            format!(
                "package test:user;\nworld user {{ import bailiwick:virt/net; }}\npackage bailiwick:virt {{ {wit} }}\n"
            ),
        );
        inert.file("user.wat", format!("(module (import \"bailiwick:virt/net\" {wat}))"));
        inert.refused(&[said]);
    }
    // The loader has no other version, and answers none.
    inert.file("user.wit", "package test:user;\nworld user { }\n");
    inert.file("user.wat", "(module (import \"bailiwick:virt/net@1.0.0\" \"close\" (func (param i32))))");
    inert.refused(&["E-UNKNOWN-IMPORT app → user: user.wat: bailiwick:virt/net@1.0.0.close:"]);
}

#[test]
fn v16_interfaces_are_virtualized_module_by_module() {
    // One library, twice: one believes that it has a disk and the time, the other has the folder. Neither module is
    // another; only the edges differ.
    let app = App::confined(
        "[host]\nplace = { kind = \"dir\", path = \"place\" }\n\
         [deps.memfs]\nmodule = \"memfs.wat\"\n[deps.still]\nmodule = \"still.wat\"\n\
         [deps.confined]\nmodule = \"legacy.wat\"\nimports = { fs = { module = \"memfs\" }, clock = { module = \"still\" } }\n\
         [deps.open]\nmodule = \"legacy.wat\"\ngrants.place = \"place\"\n",
    );
    app.file("place/a", "");
    app.bailiwick(&["explain", "confined"]).with(0).prints(
        "app/confined
  has no files but those that app/memfs shows it, which sees what it reads and writes, and can hold less than it shows.
      app/memfs holds nothing of the kind: what it shows, it makes up.
  has the time from app/still, which may tell it any.
      app/still holds nothing of the kind: what it shows, it makes up.
  may not open any file but as app/memfs has it, use the network, see the environment, see the command line, tell the time but as app/still has it, read standard input or print.
  may use up 4.0 GiB of memory, 8.0 MiB of stack, 10000000 elements of tables, 1000000 exceptions, 1024 open descriptors and 256.0 MiB passed in each call of it, by default.
  may take as long as it likes.
",
    );
    app.bailiwick(&["explain", "open"]).with(0).shows(&["may list and read files below place."]).without("memfs");
    app.bailiwick(&["explain", "memfs"])
        .with(0)
        .shows(&["  stands between app/confined and its files; if it dies, that is told of an input/output error.\n"]);
    let shown = app.json(&["explain", "--json", "confined"])["instances"][0].clone();
    assert_eq!(shown["virtualized"][0]["interface"], "bailiwick:virt/fs");
    assert_eq!(shown["virtualized"][1]["by"], "app/still");
    assert_eq!(shown["holds"], serde_json::json!([]));
    let shown = app.json(&["explain", "--json", "memfs"])["instances"][0].clone();
    assert_eq!(shown["stands_between"], serde_json::json!([{"instance": "app/confined", "name": "fs"}]));

    let why = app.bailiwick(&["why", "confined", "dir.write"]).with(0);
    why.shows(&[
        "Virtualized:\n  app/confined has its files only as app/memfs gives it (bailiwick:virt/fs), which may show what there is not\n",
        "app/memfs holds nothing of the kind: what it shows, it makes up.",
        "Used:\n  export \"path_open\" → wasi_snapshot_preview1.path_open\n",
    ]);
    app.bailiwick(&["why", "open", "dir.read"])
        .with(0)
        .shows(&["Granted:\n  app/open holds place"])
        .without("Virtualized");
    let dot = app.bailiwick(&["graph", "--dot"]).with(0);
    dot.shows(&[
        "n1 -> n2 [label=\"bailiwick:virt/fs\", style=dotted",
        "n1 -> n4 [label=\"bailiwick:virt/clock\", style=dotted",
    ]);
    app.bailiwick(&["graph", "--svg"])
        .with(0)
        .shows(&["bailiwick:virt/fs</title>", "Dotted: who answers which interface"]);
    app.bailiwick(&["graph", "--html"]).with(0).shows(&["<li>has the time from app/still, which may tell it any</li>"]);
}

#[test]
fn whoever_stands_between_is_in_the_lock() {
    let app =
        App::confined(&format!("[deps.other]\nmodule = \"memfs.wat\"\n{DEPS}imports.fs = {{ module = \"memfs\" }}\n"));
    app.bailiwick(&["lock"]).with(0);
    app.bailiwick(&["check"]).with(0);
    let manifest = app.read("bailiwick.toml");
    for (imports, said) in [
        // What it holds of files it would reach itself.
        (
            "",
            "! app/legacy − imports.fs: bailiwick:virt/fs of app/memfs no longer stands between it and what it holds itself",
        ),
        (
            "imports.fs = { module = \"other\" }\n",
            "! app/legacy imports.fs: bailiwick:virt/fs of app/memfs → bailiwick:virt/fs of app/other",
        ),
        (
            "imports = { fs = { module = \"memfs\" }, clock = { module = \"still\" } }\n",
            "! app/legacy + imports.clock: bailiwick:virt/clock of app/still answers it",
        ),
    ] {
        app.file("bailiwick.toml", manifest.replace("imports.fs = { module = \"memfs\" }\n", imports));
        app.bailiwick(&["diff"]).with(3).shows(&[said]);
        let of_diff: serde_json::Value = serde_json::from_str(&app.bailiwick(&["diff", "--json"]).with(3).out).unwrap();
        assert_eq!(of_diff["changes"][0]["class"], "between");
        app.bailiwick(&["check"]).with(3).shows(&["E-LOCK app → legacy: others who stand between it and the world"]);
        app.run(&[]).with(3);
    }
}

#[test]
fn a_built_folder_keeps_who_stands_between() {
    let app = App::confined(&format!(
        "{DEPS}imports.fs = {{ module = \"memfs\" }}\n[imports]\nclock = {{ module = \"still\" }}\n"
    ));
    app.bailiwick(&["build", "-o", "out"]).with(0);
    let shown: serde_json::Value = serde_json::from_str(&app.read("out/grants.json")).unwrap();
    let of = |path: &str| {
        let instances = shown["instances"].as_array().unwrap();
        instances.iter().find(|one| one["instance"] == path).unwrap()["virtualized"][0]["by"].clone()
    };
    assert_eq!((of("app"), of("app/legacy")), ("app/still".into(), "app/memfs".into()));
    app.bailiwick(&["check", "out"]).with(0);
}

#[test]
fn the_wit_that_is_always_there_is_printed() {
    let app = App::empty();
    app.bailiwick(&["wit", "virt"]).with(0).prints(builtin::VIRT);
    app.bailiwick(&["wit", "fs"]).with(0).prints(builtin::FS);
    app.bailiwick(&["wit"]).with(0).shows(&["bailiwick:fs ", "bailiwick:virt "]);
    app.bailiwick(&["wit", "clock"]).with(2);
}
