//! The command, as a user calls it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const ADD: &str =
    r#"(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))"#;

fn bailiwickc(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bailiwickc"));
    command.current_dir(folder).args(args).stdin(Stdio::null());
    command
}

fn run(folder: &Path, args: &[&str]) -> Output {
    bailiwickc(folder, args).output().unwrap()
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("add.wat"), ADD).unwrap();
    std::fs::write(folder.path().join("add.wasm"), wat::parse_str(ADD).unwrap()).unwrap();
    folder
}

/// An error's words, and the exit code.
fn error(output: &Output) -> (i32, String) {
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn text_and_binary_give_the_same_artifact_by_every_way() {
    let folder = folder();
    let path = folder.path();
    let quiet = run(path, &["compile", "add.wasm"]);
    assert!(quiet.status.success() && quiet.stdout.is_empty() && quiet.stderr.is_empty(), "{quiet:?}");
    let artifact = std::fs::read(path.join("add.bwk")).unwrap();
    assert!(artifact.starts_with(b"\x7fELF"));
    assert!(run(path, &["compile", "add.wat", "-o", "other", "-j", "3"]).status.success());
    assert_eq!(std::fs::read(path.join("other")).unwrap(), artifact);
    assert_eq!(run(path, &["compile", "add.wat", "-o", "-"]).stdout, artifact);
    let mut child = bailiwickc(path, &["compile", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(ADD.as_bytes()).unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, artifact);
    assert_eq!(files(path), ["add.bwk", "add.wasm", "add.wat", "other"]);
}

#[test]
fn descriptors_that_were_passed_are_used() {
    let folder = folder();
    let path = folder.path();
    let input = std::fs::File::open(path.join("add.wasm")).unwrap();
    let output = std::fs::File::create(path.join("out")).unwrap();
    let status = bailiwickc(path, &["compile", "--input-fd", "0", "--output-fd", "1"])
        .stdin(input)
        .stdout(output)
        .status()
        .unwrap();
    assert!(status.success());
    assert!(run(path, &["compile", "add.wasm"]).status.success());
    assert_eq!(std::fs::read(path.join("out")).unwrap(), std::fs::read(path.join("add.bwk")).unwrap());
    let (code, message) = error(&run(path, &["compile", "--input-fd", "77", "--output-fd", "1"]));
    assert_eq!(code, 1);
    assert!(message.contains("descriptor 77: can't be read: Bad file descriptor"), "{message}");
    let garbage = "garbage ".repeat(10_000);
    std::fs::write(path.join("garbage"), garbage).unwrap();
    let (code, message) = error(&run(path, &["compile", "garbage", "--input-name", "the module"]));
    assert_eq!(code, 1);
    assert!(message.starts_with("bailiwickc: the module: expected `(`") && message.len() < 1000, "{message}");
}

#[test]
fn a_confined_compiler_compiles() {
    let folder = folder();
    let path = folder.path();
    // More functions than threads, in the text format.
    let functions: String = (0..300).map(|i| format!("(func (export \"f{i}\") (result i32) i32.const {i})")).collect();
    std::fs::write(path.join("many.wat"), format!("(module {functions})")).unwrap();
    assert!(run(path, &["compile", "many.wat", "-j", "1"]).status.success());
    let confined = |input: &str, more: &[&str]| {
        let args = [&["compile", "--confined", "--input-fd", "0", "--output-fd", "1", "--input-name", "guest"], more];
        let input = std::fs::File::open(path.join(input)).unwrap();
        bailiwickc(path, &args.concat()).env("RUST_BACKTRACE", "1").stdin(input).output().unwrap()
    };
    let expected = std::fs::read(path.join("many.bwk")).unwrap();
    for more in [&[][..], &["-j", "1"], &["-j", "16"], &["-O", "speed", "--target", default_target()]] {
        let output = confined("many.wat", more);
        assert!(output.status.success() && output.stderr.is_empty(), "{more:?}: {output:?}");
        assert!(output.stdout == expected, "{more:?}");
    }
    let (code, message) = error(&confined("many.bwk", &[]));
    assert!(code == 1 && message.starts_with("bailiwickc: guest: "), "{code} {message}");
    assert_eq!(error(&run(path, &["compile", "--confined", "many.wat"])).0, 2);
}

fn default_target() -> &'static str {
    bailiwick_compiler::triple(bailiwick_compiler::Arch::host().unwrap())
}

#[test]
fn listings_go_to_standard_output() {
    let folder = folder();
    assert!(run(folder.path(), &["compile", "add.wat", "--emit", "obj", "-o", "-"]).stdout.starts_with(b"\x7fELF"));
    let clif = run(folder.path(), &["compile", "add.wat", "--emit", "clif"]);
    assert!(String::from_utf8_lossy(&clif.stdout).contains("iadd v1, v2"));
    for target in ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"] {
        let asm = run(folder.path(), &["compile", "add.wat", "--emit", "asm", "--target", target]);
        assert!(asm.status.success() && String::from_utf8_lossy(&asm.stdout).contains("ret"));
    }
    assert_eq!(files(folder.path()), ["add.wasm", "add.wat"]);
}

#[test]
fn a_page_is_written_like_any_output() {
    let folder = folder();
    let path = folder.path();
    let quiet = run(path, &["explore", "add.wat"]);
    assert!(quiet.status.success() && quiet.stdout.is_empty() && quiet.stderr.is_empty(), "{quiet:?}");
    let page = std::fs::read_to_string(path.join("add.html")).unwrap();
    assert!(page.contains("<title>add.wat</title>") && page.contains("i32.add"), "{page}");
    assert_eq!(files(path), ["add.html", "add.wasm", "add.wat"]);
    for target in ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"] {
        let shown =
            run(path, &["explore", "add.wasm", "--function", "add", "-o", "-", "--target", target, "-O", "none"]);
        let page = String::from_utf8(shown.stdout).unwrap();
        assert!(shown.status.success() && page.contains(&format!("--target {target}")), "{page}");
    }
    let mut child = bailiwickc(path, &["explore", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(ADD.as_bytes()).unwrap();
    assert!(child.wait_with_output().unwrap().stdout.starts_with(b"<!DOCTYPE html>"));

    std::fs::write(path.join("bad.wasm"), b"\0asm\x01\0\0\0\x0a").unwrap();
    for (args, expected_code, expected) in [
        (&["explore", "missing.wasm"][..], 1, "missing.wasm: can't be read: No such file or directory"),
        (&["explore", "bad.wasm"], 1, "bad.wasm: malformed WebAssembly at offset 0x9: unexpected end"),
        (&["explore", "add.wat", "-f", "ad"], 1, "add.wat: the module has no function ad; similar names are add"),
        (&["explore", "add.wat", "-o", "add.wat"], 2, "it is the input"),
        (&["explore", "add.wat", "-o", "/dev/full"], 1, "can't be written: No space left on device"),
        (&["explore", "add.wat", "--cpu", "+turbo"], 2, "no CPU feature"),
        (&["explore"], 2, "INPUT"),
    ] {
        let (code, message) = error(&run(path, args));
        assert_eq!(code, expected_code, "{args:?}: {message}");
        assert!(message.contains(expected), "{args:?}: {message}");
    }
    assert_eq!(files(path), ["add.html", "add.wasm", "add.wat", "bad.wasm"]);
}

#[test]
fn errors_say_what_and_leave_nothing_behind() {
    let folder = folder();
    let path = folder.path();
    std::fs::write(path.join("bad.wasm"), b"\0asm\x01\0\0\0\x0a").unwrap();
    std::fs::write(path.join("bad.wat"), "(module (func i32.foo))").unwrap();
    std::fs::write(path.join("add.bwk"), "old").unwrap();
    for (args, expected_code, expected) in [
        (&["compile", "missing.wasm"][..], 1, "missing.wasm: can't be read: No such file or directory"),
        (&["compile", "."], 1, ".: can't be read: Is a directory"),
        (&["compile", "bad.wasm"], 1, "bad.wasm: malformed WebAssembly at offset 0x9: unexpected end"),
        (&["compile", "bad.wat"], 1, "unknown operator"),
        (&["compile", "add.wat", "-o", "no/such/folder.bwk"], 1, "can't be written: No such file or directory"),
        (&["compile", "add.wat", "-o", "/dev/full"], 1, "can't be written: No space left on device"),
        (&["compile"], 2, "INPUT"),
        (&["compile", "add.wat", "--cpu", "turbo"], 2, "is no CPU level"),
        (&["compile", "add.wat", "--cpu", "+turbo"], 2, "no CPU feature"),
        (&["compile", "add.wat", "--target", "mips"], 2, "no code generation for the target"),
        (&["compile", "add.wat", "-j", "0"], 2, "0"),
        (&["frobnicate"], 2, "unrecognized subcommand"),
    ] {
        let output = run(path, args);
        let (code, message) = error(&output);
        assert_eq!(code, expected_code, "{args:?}: {message}");
        assert!(message.contains(expected), "{args:?}: {message}");
        assert!(output.stdout.is_empty());
    }
    assert_eq!(files(path), ["add.bwk", "add.wasm", "add.wat", "bad.wasm", "bad.wat"]);
    assert_eq!(std::fs::read(path.join("add.bwk")).unwrap(), b"old");
}

#[test]
fn modules_are_linked_from_files() {
    let folder = folder();
    let path = folder.path();
    let main = r#"(module (import "math" "add" (func $add (param i32 i32) (result i32)))
        (func (export "five") (result i32) (call $add (i32.const 2) (i32.const 3))))"#;
    std::fs::write(path.join("main.wat"), main).unwrap();
    let text = run(path, &["compile", "main.wat", "--link", "math=add.wat", "-o", "-"]);
    assert!(text.status.success() && text.stdout.starts_with(b"\x7fELF"), "{text:?}");
    assert_eq!(run(path, &["compile", "main.wat", "--link", "math=add.wasm", "-o", "-"]).stdout, text.stdout);
    let asm = String::from_utf8(run(path, &["compile", "main.wat", "--link=math=add.wasm", "--emit", "asm"]).stdout);
    assert!(asm.as_ref().is_ok_and(|asm| asm.contains(";; five") && !asm.contains("math!add")), "{asm:?}");
    for (link, code, words) in [
        ("math", 2, "NAME=FILE"),
        ("math=", 2, "NAME=FILE"),
        ("math=absent.wasm", 1, "absent.wasm: can't be read: No such file"),
        ("maths=add.wasm", 1, "main.wat: nothing is imported from \"maths\""),
        ("math=main.wat", 1, "\"math\" imports from \"math\""),
    ] {
        let (found, message) = error(&run(path, &["compile", "main.wat", "--link", link, "-o", "out"]));
        assert!(found == code && message.contains(words), "{link}: {found}: {message}");
    }
    // It is an input like the other.
    let (code, message) = error(&run(path, &["compile", "main.wat", "--link", "math=add.wasm", "-o", "add.wasm"]));
    assert!(code == 2 && message.contains("it is the input"), "{message}");
    assert!(std::fs::read(path.join("add.wasm")).unwrap().starts_with(b"\0asm"));
}

#[test]
fn an_interrupted_compiler_leaves_nothing_or_all() {
    let folder = folder();
    let path = folder.path();
    let functions = "(func (param i64) (result i64) (i64.rotl (i64.mul (local.get 0) (local.get 0)) (i64.const 7)))";
    std::fs::write(path.join("many.wat"), format!("(module {})", functions.repeat(2000))).unwrap();
    assert!(run(path, &["compile", "many.wat", "-o", "whole"]).status.success());
    let whole = std::fs::read(path.join("whole")).unwrap();
    for wait_ms in [1, 10, 30, 60, 100, 200] {
        let mut child = bailiwickc(path, &["compile", "many.wat", "-o", "out"]).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(wait_ms));
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
        child.wait().unwrap();
        let names = files(path);
        if names.iter().any(|name| name == "out") {
            assert!(std::fs::read(path.join("out")).unwrap() == whole);
            std::fs::remove_file(path.join("out")).unwrap();
        }
        let rest: Vec<_> = names.iter().filter(|name| *name != "out").collect();
        assert_eq!(rest, ["add.wasm", "add.wat", "many.wat", "whole"]);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_news() {
    let folder = folder();
    // Gone before the compiler starts: else a quick one has written everything before its reader leaves.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = bailiwickc(folder.path(), &["compile", "add.wat", "-o", "-"])
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(error(&output), (1, String::new()));
}

#[test]
fn help_version_completions_and_cache_key() {
    let folder = folder();
    let text = |args: &[&str]| {
        let output = run(folder.path(), args);
        assert!(output.status.success(), "{args:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let help = text(&["--help"]);
    assert!(help.contains("Examples:") && help.contains("Exit codes:") && !help.contains("cpu-features"), "{help}");
    assert!(!text(&["compile", "--help"]).contains("input-fd"));
    assert!(text(&["explore", "--help"]).contains("--function main"));
    assert!(text(&["--version"]).contains("Cranelift"));
    assert!(text(&["completions", "bash"]).contains("complete"));
    let key = text(&["cpu-features", "--cpu", "native"]);
    assert!(key.lines().count() == 1 && key.contains(" abi ") && key.contains("--cpu +sse3") | key.contains("aarch64"));
    assert_ne!(key, text(&["cpu-features", "--cpu", "native", "-O", "none"]));
}

#[test]
fn kept_functions_are_used_again() {
    let folder = folder();
    let path = folder.path();
    let functions: String = (0..20)
        .map(|i| format!("(func (export \"{i}\") (param i32) (result i32) (i32.div_u (local.get 0) (i32.const {i})))"))
        .collect();
    let write = |i: u32| {
        let text = format!("(module {} )", functions.replacen("i32.const 0", &format!("i32.const 1000{i}"), 1));
        std::fs::write(path.join("many.wat"), text).unwrap();
        run(path, &["compile", "many.wat", "-o", "without.bwk"]);
        std::fs::read(path.join("without.bwk")).unwrap()
    };
    let with = |expected: &[u8]| {
        let output = run(path, &["compile", "many.wat", "--function-cache", "cache", "--verbose"]);
        assert!(output.status.success(), "{output:?}");
        assert!(std::fs::read(path.join("many.bwk")).unwrap() == expected);
        String::from_utf8(output.stderr).unwrap()
    };
    let expected = write(1);
    let words = with(&expected);
    assert!(words.contains("0 functions were there, 20 were compiled and added, 0 were damaged"), "{words}");
    assert!(with(&expected).contains("20 functions were there, 0 were compiled"));
    let expected = write(2);
    assert!(with(&expected).contains("19 functions were there, 1 were compiled"));
    // Damage in an entry of each: at least one of them is used.
    let packs = files(&path.join("cache"));
    assert!(packs.len() == 2 && packs.iter().all(|name| name.ends_with(".pack")), "{packs:?}");
    for name in packs {
        let pack = path.join("cache").join(name);
        let mut bytes = std::fs::read(&pack).unwrap();
        bytes[12] ^= 1;
        std::fs::write(&pack, bytes).unwrap();
    }
    let words = with(&expected);
    assert!(words.contains("were compiled and added") && !words.contains(" 0 were damaged"), "{words}");
    assert!(with(&expected).contains("20 functions were there, 0 were compiled and added, 0 were damaged"));
    // Without a word unless asked, and not at all where it can't be.
    let quiet = run(path, &["compile", "many.wat", "--function-cache", "cache"]);
    assert!(quiet.status.success() && quiet.stderr.is_empty());
    let output = run(path, &["compile", "many.wat", "--function-cache", "add.wasm/below"]);
    assert!(output.status.success() && error(&output).1.contains("functions can't be kept there"), "{output:?}");
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path.join("cache"), PermissionsExt::from_mode(0o777)).unwrap();
    let output = run(path, &["compile", "many.wat", "--function-cache", "cache"]);
    let (code, words) = error(&output);
    assert!(code == 1 && words.contains("others may write to it"), "{words}");
}
