//! Re-entrance: the tree of calls has no way back, and what would be one is refused: a cycle before anything runs, a call
//! out of an allocator or a post-return function when it is made.

use super::*;

const SIDE: &str = "interface side { call: func(what: u32) -> result<string, string>; }";

/// A module that exports `test:NAME/side` and imports those of others. Called with 0 it returns a string; with anything
/// else it calls the first of the others with one less. Its allocator calls it too, if the global `$reenter` is set.
fn side(name: &'static str, others: &[&str], allocator: &str, post: &str) -> Module {
    let mut imports = String::new();
    let (mut uses, mut packages) = (String::new(), String::new());
    for other in others {
        let _ = write!(imports, "(import \"test:{other}/side\" \"call\" (func ${other} (param i32 i32)))");
        let _ = write!(uses, "import test:{other}/side; ");
        let _ = write!(packages, "\npackage test:{other} {{ {SIDE} }}");
    }
    let call = others.first().map_or(String::from("unreachable"), |other| {
        format!("(call ${other} (i32.sub (local.get 0) (i32.const 1)) (i32.const 512))")
    });
    let text = format!(
        "(module {imports} (memory (export \"memory\") 1) (data (i32.const 64) \"said\")
        (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) {allocator} (i32.const 1024))
        (func (export \"test:{name}/side#call\") (param i32) (result i32)
            (if (local.get 0) (then {call}))
            (i32.store (i32.const 260) (i32.const 64)) (i32.store (i32.const 264) (i32.const 4)) (i32.const 256))
        (func (export \"cabi_post_test:{name}/side#call\") (param i32) {post}))"
    );
    let wit = format!("package test:{name}; {SIDE} world w {{ {uses} export side; }}{packages}");
    Module { name, text, wit }
}

/// An application whose root calls `test:a/side` with its argument's first digit, and exits with 1 if that is an error.
fn root() -> Module {
    let text = "(module
        (import \"wasi_snapshot_preview1\" \"args_get\" (func $arguments (param i32 i32) (result i32)))
        (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
        (import \"test:a/side\" \"call\" (func $a (param i32 i32)))
        (memory (export \"memory\") 1)
        (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
        (func (export \"_start\")
            (drop (call $arguments (i32.const 0) (i32.const 16)))
            (call $a (i32.sub (i32.load8_u (i32.load (i32.const 4))) (i32.const 48)) (i32.const 512))
            (call $exit (i32.load8_u (i32.const 512)))))";
    let wit = format!("package test:root; world root {{ import test:a/side; }}\npackage test:a {{ {SIDE} }}");
    Module { name: "root", text: text.into(), wit }
}

const ROOT: &str = "[package]\nname = \"judge\"\nmodule = \"root.bwk\"\n\
    [host]\nout = { kind = \"stdio\", stdout = \"capture\" }\nargs = { kind = \"args\", command_line = true }\n\
    [grants]\nargs = \"args\"\nout = \"out\"\n";

fn library(name: &str, rest: &str) -> String {
    format!("[package]\nname = \"{name}\"\nmodule = \"{name}.bwk\"\n{rest}")
}

/// a calls b, b calls c: a chain, which is the control.
fn chain(a: Module, b: Module, c: Module) -> Bench {
    let manifest = format!("{ROOT}[deps.a]\nmodule = \"a.toml\"\non_fault = \"error\"\n");
    let next = |name: &str| format!("[deps.{name}]\nmodule = \"{name}.toml\"\non_fault = \"error\"\n");
    let files =
        [("a.toml", library("a", &next("b"))), ("b.toml", library("b", &next("c"))), ("c.toml", library("c", ""))];
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    Bench::with(&manifest, &files, &[root(), a, b, c])
}

#[test]
fn attack_14_the_control_a_chain_that_does_not_come_back() {
    let bench = chain(side("a", &["b"], "", ""), side("b", &["c"], "", ""), side("c", &[], "", ""));
    for depth in ["0", "1", "2"] {
        let run = bench.run(depth);
        assert!(run.status == Ok(0) && run.deaths.is_empty(), "{run:?}");
    }
    // The last of it has nobody to call.
    let run = bench.run("3");
    assert_eq!(run.status, Ok(0), "{run:?}");
    assert_eq!(run.deaths.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["judge/a/b/c"]);
}

#[test]
fn attack_14_an_allocator_calls_whoever_is_returning_to_it() {
    // b's result is being carried into a's memory: a's allocator calls b.
    let allocator = "(call $b (i32.const 0) (i32.const 768))";
    let bench = chain(side("a", &["b"], allocator, ""), side("b", &["c"], "", ""), side("c", &[], "", ""));
    let run = bench.run("1");
    assert_eq!(run.status, Ok(1), "{run:?}");
    assert!(
        run.death("judge/a").is_some() && run.death("judge/a/b").is_none_or(|why| why.contains("judge/a")),
        "{run:?}"
    );

    // The same two modules later in the chain: the first of it goes on.
    let bench = chain(
        side("a", &["b"], "", ""),
        side("b", &["c"], "(call $c (i32.const 0) (i32.const 768))", ""),
        side("c", &[], "", ""),
    );
    let run = bench.run("2");
    assert_eq!(run.status, Ok(0), "a has an error value of b, and returns: {run:?}");
    assert!(run.death("judge/a").is_none() && run.death("judge/a/b").is_some(), "{run:?}");
}

#[test]
fn attack_14_a_post_return_function_calls_on() {
    let bench = chain(
        side("a", &["b"], "", ""),
        side("b", &["c"], "", "(call $c (i32.const 0) (i32.const 768))"),
        side("c", &[], "", ""),
    );
    let run = bench.run("1");
    assert!(run.death("judge/a").is_none() && run.death("judge/a/b").is_some(), "{run:?}");
    assert!(run.death("judge/a/b/c").is_none_or(|why| why.contains("judge/a/b")), "{run:?}");
    assert_eq!(run.status, Ok(0), "{run:?}");
}

/// What the checker says of an application.
fn refused(manifest: &str, files: &[(&str, String)], modules: &[Module]) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for module in modules {
        compile(folder.path(), module);
    }
    let file = folder.path().join("bailiwick.toml");
    fs::write(&file, manifest).expect("a file");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    let checked = Plan::load(&file, &Compiled).and_then(|plan| Wiring::check(&plan).map(drop));
    let problems = checked.expect_err("it should have been refused");
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn attack_14_no_manifest_makes_a_way_back() {
    let modules = [root(), side("a", &["b"], "", ""), side("b", &["a"], "", "")];
    // a → b → a, each below the other.
    let text = refused(
        &format!("{ROOT}[deps.a]\nmodule = \"a.toml\"\n"),
        &[
            ("a.toml", library("a", "[deps.b]\nmodule = \"b.toml\"\n")),
            ("b.toml", library("b", "[deps.a]\nmodule = \"a.toml\"\n")),
        ],
        &modules,
    );
    assert!(text.contains("E-CYCLE judge → a → b → a"), "{text}");

    // Two shared instances, each of which may call the other.
    let text = refused(
        &format!(
            "{ROOT}[shared.a]\nmodule = \"a.bwk\"\nshared = [\"b\"]\n[shared.b]\nmodule = \"b.bwk\"\nshared = [\"a\"]\n"
        ),
        &[],
        &modules,
    );
    assert!(text.contains("E-"), "{text}");

    // a → b → c → a, where a is shared and handed down.
    let modules = [root(), side("a", &["b"], "", ""), side("b", &["c"], "", ""), side("c", &["a"], "", "")];
    let text = refused(
        &format!(
            "{ROOT}[shared.a]\nmodule = \"a.bwk\"\nshared = [\"b\"]\n[shared.b]\nmodule = \"b.toml\"\nshared = [\"a\"]\n"
        ),
        &[("b.toml", library("b", "[deps.c]\nmodule = \"c.bwk\"\nshared = [\"a\"]\n"))],
        &modules,
    );
    assert!(text.contains("E-"), "{text}");

    // An instance that is to call itself.
    let text = refused(
        &format!("{ROOT}[shared.a]\nmodule = \"a.bwk\"\nshared = [\"a\"]\n"),
        &[],
        &[root(), side("a", &["a2"], "", "")],
    );
    assert!(text.contains("E-"), "{text}");
}
