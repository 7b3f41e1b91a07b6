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
    app.bailiwick(&["check"]).with(0).shows(&["ok: 6 instances"]);
    let calls =
        |instance: &str| app.json(&["explain", "--json", instance])["instances"][0]["calls"][0]["instance"].clone();
    // What each hands on goes to whom its edge names, though all three export it.
    assert_eq!((calls("log"), calls("over")), ("app/over".into(), "app/memfs".into()));
}
