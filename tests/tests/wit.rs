//! A module beside its WIT: what fits is written into the artifact, what does not is an error that names the function,
//! what it should be and what it is.

use bailiwick_compiler::{Arch, CompileError, Options, Source, Wit, WorldProblem, cache_key, compile};
use bailiwick_loader::{Artifact, Group, Imports};
use bailiwick_runtime_abi::format::{HEADER_OFFSET, Header, Table};
use bailiwick_runtime_abi::wit::{Direction, World, bundle, same_function};
use bailiwick_tests::cli::bailiwickc;
use bailiwick_tests::compile::binary;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use zerocopy::FromBytes;

const ZIP: &str = "package example:zip;
interface api {
    use bailiwick:fs/types.{dir};
    record summary { files: u32, bytes: u64 }
    unzip: func(zip: list<u8>, into: borrow<dir>) -> result<summary, string>;
}
interface log { write: func(line: string); }
world unzipper { import log; import wall-clock: func() -> u64; export api; }
world quiet { export api; }";

/// A module of the world `unzipper`.
const UNZIPPER: &str = r#"(module
    (import "example:zip/log" "write" (func $write (param i32 i32)))
    (import "$root" "wall-clock" (func $clock (result i64)))
    (import "bailiwick:fs/types" "[resource-drop]dir" (func (param i32)))
    (import "wasi_snapshot_preview1" "fd_close" (func (param i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8))
    (func (export "example:zip/api#unzip") (param i32 i32 i32) (result i32) (i32.const 0))
    (func (export "cabi_post_example:zip/api#unzip") (param i32))
    (func (export "_start") (call $write (i32.const 0) (i32.const 0)) (drop (call $clock))))"#;

fn compile_as(module: &str, text: &str, world: Option<&str>) -> Result<Vec<u8>, CompileError> {
    let sources = [Source { path: "a.wit", text }];
    let wit = Some(Wit { sources: &sources, folder: "", world });
    compile(&binary(module), &Options { wit, jobs: Some(1), ..Options::default() })
}

/// The target that this test runs on: the compiler that it starts may be another machine's.
fn target() -> String {
    format!("{}-unknown-linux-gnu", bailiwick_tests::compile::host().name())
}

fn open(bytes: &[u8]) -> Artifact {
    Artifact::from_bytes(bytes, "test").unwrap()
}

#[test]
fn the_artifact_carries_the_world() {
    let artifact = open(&compile_as(UNZIPPER, ZIP, Some("unzipper")).unwrap());
    let world = artifact.view().world().unwrap().expect("a world");
    assert_eq!(world.name(), "example:zip/unzipper");
    let unzip = world.export(Some("example:zip/api"), "unzip").expect("an export");
    assert_eq!(
        world.print_function(unzip).to_string(),
        "unzip: func(zip: list<u8>, into: borrow<dir>) -> result<summary, string>"
    );
    assert_eq!(world.signature(unzip, Direction::Lift).params.len(), 3);
    assert!(world.import("example:zip/log", "write").is_some() && world.import("$root", "wall-clock").is_some());

    // Worlds that two modules were compiled against can be compared.
    let caller = "package app:app; world app { import example:zip/api; }
        package example:zip { interface api {
            use bailiwick:fs/types.{dir};
            record report { files: u32, bytes: u64 }
            unzip: func(zip: list<u8>, into: borrow<dir>) -> result<report, string>; } }";
    let caller = open(&compile_as("(module)", caller, None).unwrap()).view().world().unwrap().expect("a world");
    let import = caller.import("example:zip/api", "unzip").expect("an import");
    assert_eq!(same_function(&caller, import, &world, unzip), Ok(()));

    let without = open(&compile(&binary(UNZIPPER), &Options::default()).unwrap());
    assert_eq!(without.view().world(), Ok(None));
}

/// The problems of a module that does not fit the world `unzipper`, without what is said of the WIT.
fn problems(module: &str) -> Vec<String> {
    match compile_as(module, ZIP, Some("unzipper")) {
        Err(CompileError::World { world, problems }) => {
            assert_eq!(world, "example:zip/unzipper");
            problems.into_iter().map(|problem| WorldProblem { wit: None, ..problem }.to_string()).collect()
        }
        other => panic!("{module}: {:?}", other.map(|bytes| bytes.len())),
    }
}

#[test]
fn what_does_not_fit_is_named_with_what_it_is_and_should_be() {
    let error = compile_as("(module)", ZIP, Some("unzipper")).unwrap_err().to_string();
    assert_eq!(
        error,
        "the module does not fit the world example:zip/unzipper:
  there is no export example:zip/api#unzip, which should be (i32, i32, i32) -> i32, for unzip: func(zip: list<u8>, into: borrow<dir>) -> result<summary, string>
  there is no export memory, which should be a memory, which strings, lists and large values are passed in
  there is no export cabi_realloc, which should be (i32, i32, i32, i32) -> i32"
    );
    // One thing wrong at a time.
    for (right, wrong, problem) in [
        (
            r#"(param i32 i32 i32) (result i32) (i32.const 0))"#,
            r#"(param i32 i64 i32) (result i32) (i32.const 0))"#,
            "the export example:zip/api#unzip is (i32, i64, i32) -> i32, and should be (i32, i32, i32) -> i32",
        ),
        (
            r#"(func (export "example:zip/api#unzip") (param i32 i32 i32) (result i32) (i32.const 0))"#,
            r#"(global (export "example:zip/api#unzip") i32 (i32.const 0))"#,
            "the export example:zip/api#unzip is a global, and should be (i32, i32, i32) -> i32",
        ),
        (
            r#"(func (export "cabi_post_example:zip/api#unzip") (param i32))"#,
            r#"(func (export "cabi_post_example:zip/api#unzip"))"#,
            "the export cabi_post_example:zip/api#unzip is (), and should be (i32)",
        ),
        (
            r#"(import "example:zip/log" "write" (func $write (param i32 i32)))"#,
            r#"(import "example:zip/log" "write" (func $write (param i32 i32) (result i32)))"#,
            "the import example:zip/log write is (i32, i32) -> i32, and should be (i32, i32)",
        ),
        (
            r#"(import "bailiwick:fs/types" "[resource-drop]dir" (func (param i32)))"#,
            r#"(import "bailiwick:fs/types" "[resource-drop]dir" (func))"#,
            "the import bailiwick:fs/types [resource-drop]dir is (), and should be (i32)",
        ),
        (
            r#"(import "bailiwick:fs/types" "[resource-drop]dir" (func (param i32)))"#,
            r#"(import "bailiwick:fs/types" "open\1b" (func (param i32)))"#,
            "the import bailiwick:fs/types open\\u{1b}, which is (i32), is of no function in the world",
        ),
        (
            r#"(import "$root" "wall-clock" (func $clock (result i64)))"#,
            r#"(import "$root" "wallclock" (func $clock (result i64)))"#,
            "the import $root wallclock, which is () -> i64, is of no function in the world",
        ),
        (r#"(memory (export "memory") 1)"#, "(memory 1)", "there is no export memory, which should be a memory"),
        (
            r#"(memory (export "memory") 1)"#,
            r#"(table (export "memory") 1 funcref)"#,
            "the export memory is a table, and should be a memory",
        ),
        (
            r#"(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)"#,
            r#"(func (export "cabi_realloc") (param i32 i32 i32) (result i32)"#,
            "the export cabi_realloc is (i32, i32, i32) -> i32, and should be (i32, i32, i32, i32) -> i32",
        ),
    ] {
        assert!(UNZIPPER.contains(right), "{right}");
        let module = UNZIPPER.replace(right, wrong).replace("(call $write (i32.const 0) (i32.const 0))", "");
        let found = problems(&module);
        assert!(found.len() == 1 && found[0].starts_with(problem), "{found:?}");
    }
    // What is no function of the world's interfaces is no matter of the world.
    compile_as(UNZIPPER, ZIP, Some("unzipper")).unwrap();
    let error = compile_as(UNZIPPER, ZIP, None).unwrap_err().to_string();
    assert!(error.contains("say with --world which of example:zip/unzipper, example:zip/quiet"), "{error}");
    assert!(problems(r#"(module (import "example:zip/log" "write" (memory 1)))"#)[1].contains("is a memory"));
}

#[test]
fn memory_and_allocator_are_asked_for_only_where_values_need_them() {
    let ok = |module: &str, wit: &str| {
        if let Err(error) = compile_as(module, &format!("package a:b; world w {{ {wit} }}"), None) {
            panic!("{wit}: {error}");
        }
    };
    let missing = |module: &str, wit: &str| -> Vec<String> {
        match compile_as(module, &format!("package a:b; world w {{ {wit} }}"), None) {
            Err(CompileError::World { problems, .. }) => problems.into_iter().map(|problem| problem.name).collect(),
            other => panic!("{wit}: {:?}", other.map(|bytes| bytes.len())),
        }
    };
    ok(
        r#"(module (func (export "f") (param i32 f64) (result i64) (i64.const 0)))"#,
        "export f: func(a: char, b: f64) -> s64;",
    );
    // The caller frees nothing of what a number is.
    ok(r#"(module (import "$root" "f" (func (param i32))))"#, "import f: func(a: bool);");
    // It only looks at the caller's string.
    let takes = r#"(module (import "$root" "f" (func (param i32 i32))) (memory (export "memory") 1))"#;
    ok(takes, "import f: func(a: string);");
    assert_eq!(missing(&takes.replace(r#"(export "memory")"#, ""), "import f: func(a: string);"), ["memory"]);
    let gets = r#"(module (import "$root" "f" (func (param i32))) (memory (export "memory") 1))"#;
    assert_eq!(missing(gets, "import f: func() -> string;"), ["cabi_realloc"]);
    // What is not imported asks for nothing.
    ok("(module)", "import f: func() -> string;");
    let gives = r#"(module (func (export "f") (result i32) (i32.const 0)) (memory (export "memory") 1))"#;
    ok(gives, "export f: func() -> string;");
    let params = (0..17).map(|i| format!("p{i}: u8")).collect::<Vec<_>>().join(", ");
    let many = r#"(module (func (export "f") (param i32)) (memory (export "memory") 1))"#;
    assert_eq!(missing(many, &format!("export f: func({params});")), ["cabi_realloc"]);
}

#[test]
fn a_module_that_defines_a_resource_manages_its_handles_by_imports() {
    let wit =
        "package a:b; interface api { resource r { constructor(); get: func() -> u32; } } world w { export api; }";
    let module = r#"(module
        (import "[export]a:b/api" "[resource-new]r" (func (param i32) (result i32)))
        (import "[export]a:b/api" "[resource-rep]r" (func (param i32) (result i32)))
        (import "[export]a:b/api" "[resource-drop]r" (func (param i32)))
        (func (export "a:b/api#[constructor]r") (result i32) (i32.const 0))
        (func (export "a:b/api#[method]r.get") (param i32) (result i32) (i32.const 0))
        (func (export "a:b/api#[dtor]r") (param i32)))"#;
    compile_as(module, wit, None).unwrap();
    for (right, wrong, problem) in [
        ("[resource-rep]r", "[resource-rap]r", "is of no function in the world"),
        (
            "[resource-new]r\" (func (param i32) (result i32))",
            "[resource-new]r\" (func (param i32))",
            "is (i32), and should be (i32) -> i32",
        ),
        ("[dtor]r\") (param i32)", "[dtor]r\") (param i64)", "is (i64), and should be (i32)"),
    ] {
        let error = compile_as(&module.replace(right, wrong), wit, None).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn the_same_text_gives_the_same_bytes() {
    let wasm = binary(UNZIPPER);
    let (one, two) = ZIP.split_at(ZIP.find("world quiet").unwrap());
    let more = "package c:d; interface e {}";
    let sources = [
        Source { path: "a.wit", text: one },
        Source { path: "b.wit", text: two },
        Source { path: "deps/c.wit", text: more },
    ];
    let reversed: Vec<Source<'_>> = sources.iter().rev().copied().collect();
    let with = |sources: &[Source<'_>], target, jobs| {
        let wit = Some(Wit { sources, folder: "anything", world: Some("unzipper") });
        compile(&wasm, &Options { target, wit, jobs: Some(jobs), ..Options::default() }).unwrap()
    };
    for target in [Arch::X86_64, Arch::Aarch64] {
        let bytes = with(&sources, target, 1);
        assert!(bytes == with(&sources, target, 3) && bytes == with(&reversed, target, 1));
    }
    let key = |text, world| {
        let sources = [Source { path: "a.wit", text }];
        cache_key(&Options { wit: Some(Wit { sources: &sources, folder: "", world }), ..Options::default() }).unwrap()
    };
    assert_eq!(key("x", None), key("x", None));
    assert_ne!(key("x", None), key("y", None));
    assert_ne!(key("x", None), key("x", Some("w")));
}

#[test]
fn a_damaged_world_is_found() {
    let bytes = compile_as(UNZIPPER, ZIP, Some("unzipper")).unwrap();
    let header = Header::read_from_prefix(&bytes[HEADER_OFFSET..]).unwrap().0;
    let span = header.tables[Table::World as usize];
    let place = span.offset as usize..(span.offset + span.len) as usize;
    let world = World::decode(&bytes[place.clone()]).unwrap();
    assert_eq!(world.encode().unwrap(), &bytes[place.clone()]);
    for at in place {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        let artifact = open(&damaged);
        // It is another world, or none; nothing is instantiated either way.
        if let Ok(other) = artifact.view().world() {
            assert_ne!(other.as_ref(), Some(&world));
        }
        let error = Group::new().unwrap().instantiate(&artifact, &Imports::new()).unwrap_err().to_string();
        assert!(error.contains("damaged artifact"), "{error}");
    }
}

fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_command_reads_a_file_or_a_folder_with_what_it_uses() {
    let place = tempfile::tempdir().unwrap();
    let at = |path: &str| place.path().join(path);
    let write = |path: &str, text: &str| {
        fs::create_dir_all(at(path).parent().unwrap()).unwrap();
        fs::write(at(path), text).unwrap();
    };
    write("unzip.wat", UNZIPPER);
    write("one/zip.wit", ZIP);
    write("app/app.wit", "package app:app; world app { import example:zip/log; import wall-clock: func() -> u64; }");
    write("app/notes.txt", "no WIT");
    write("app/deps/zip/zip.wit", ZIP);
    write("app/deps/zip/deps/ignored.wit", "no WIT");
    write("app/deps/other.wit", "package other:other; interface i {}");
    let compile = |arguments: &[&str]| {
        let mut command = bailiwickc();
        command.current_dir(place.path()).args(["compile", "unzip.wat", "-o", "out.bwk", "--target", &target()]);
        run(command.args(arguments))
    };
    let world = || open(&fs::read(at("out.bwk")).unwrap()).view().world().unwrap().map(|world| world.name().to_owned());

    let output = compile(&["--wit", "one/zip.wit", "--world", "unzipper"]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(world().as_deref(), Some("example:zip/unzipper"));
    let output = compile(&["--wit", "app"]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(world().as_deref(), Some("app:app/app"));

    let refused = |arguments: &[&str], status: i32, words: &str| {
        let output = compile(arguments);
        assert_eq!(output.status.code(), Some(status), "{}", said(&output));
        assert!(said(&output).contains(words), "{}", said(&output));
    };
    refused(&["--world", "unzipper"], 2, "--world needs --wit");
    refused(&["--wit", "nowhere"], 1, "nowhere: can't be read: No such file");
    refused(&["--wit", "app/deps"], 1, "unzip.wat: ");
    refused(
        &["--wit", "one", "--world", "zipper"],
        1,
        "unzip.wat: the WIT has no world \"zipper\"; it has example:zip/unzipper",
    );
    write("app/app.wit", "package app:app; world app { import example:zip/loc; }");
    refused(&["--wit", "app"], 1, "app/app.wit:1:49");
    write("app/app.wit", "package app:app; world app { export example:zip/log; }");
    refused(
        &["--wit", "app"],
        1,
        "unzip.wat: the module does not fit the world app:app/app:\n  there is no export example:zip/log#write",
    );
    fs::write(at("app/app.wit"), b"\xff").unwrap();
    refused(&["--wit", "app"], 1, "app/app.wit: can't be read");
    write("app/app.wit", &" ".repeat(2 << 20));
    refused(&["--wit", "app"], 1, "app/app.wit: with this file, the WIT has more than 1048576 bytes");
}

/// Compiles confined, as the loader does: WIT and module in one input, no names.
fn confined(place: &Path, input: &[u8], wit_bytes: usize, more: &[&str]) -> Result<Vec<u8>, String> {
    let (from, to) = (place.join("input"), place.join("output"));
    fs::write(&from, input).unwrap();
    let mut command = bailiwickc();
    command.args(["compile", "--confined", "--input-fd", "0", "--output-fd", "1", "--input-name", "unzip.wasm"]);
    command.args(["--wit-bytes", &wit_bytes.to_string(), "--wit-name", "wit", "--target", &target()]).args(more);
    let output = command
        .stdin(File::open(&from).unwrap())
        .stdout(File::create(&to).unwrap())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    if output.status.success() {
        Ok(fs::read(&to).unwrap())
    } else {
        Err(format!("{}: {}", output.status, said(&output)))
    }
}

#[test]
fn a_confined_compiler_gets_the_wit_in_front_of_the_module() {
    let place = tempfile::tempdir().unwrap();
    let wasm = binary(UNZIPPER);
    let sources = [Source { path: "zip.wit", text: ZIP }];
    let wit = bundle::write(&sources).unwrap();
    let input = [wit.as_slice(), &wasm].concat();
    let found = confined(place.path(), &input, wit.len(), &["--world", "unzipper"]).unwrap();
    let wit_option = Some(Wit { sources: &sources, folder: "", world: Some("unzipper") });
    assert!(found == compile(&wasm, &Options { wit: wit_option, ..Options::default() }).unwrap());

    let refused = |input: &[u8], wit_bytes: usize, more: &[&str], words: &str| {
        let error = confined(place.path(), input, wit_bytes, more).unwrap_err();
        assert!(error.starts_with("exit status: 1") && error.contains(words), "{error}");
    };
    refused(&input, wit.len(), &[], "unzip.wasm: the WIT has more than one world");
    refused(&input, wit.len() - 1, &[], "a file ends too early");
    refused(&input, input.len() + 1, &[], "shorter than the WIT");
    refused(&input, 0, &[], "no bundle");
    refused(&wasm, wasm.len(), &[], "no bundle");
    let broken = bundle::write(&[Source { path: "zip.wit", text: "package" }]).unwrap();
    refused(&[broken.as_slice(), &wasm].concat(), broken.len(), &[], "wit/zip.wit:1:8");
}
