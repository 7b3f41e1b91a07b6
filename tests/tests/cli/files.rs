//! Files that can't be run, and why.

use super::*;

#[test]
fn what_is_wrong_with_the_file_is_said_with_its_name() {
    let place = Place::new();
    let expect = |file: &Path, words: &[&str]| {
        place.run(&[text(file)]).with(1).prints("").says(&[text(file)]).says(words);
    };
    expect(&place.path("missing.wasm"), &["No such file"]);
    expect(&place.path("missing.bwk"), &["No such file"]);
    expect(place.folder.path(), &["there is no bailiwick.toml in it"]);
    expect(&place.file("empty.wasm", ""), &[]);
    expect(&place.file("text.wasm", "no module"), &[]);
    expect(&place.file("bad.wat", "(module (func (result i32)))"), &["type mismatch"]);
    expect(&place.file("unclosed.wat", "(module"), &[]);
    let hello = fs::read(wasm("hash")).unwrap();
    expect(&place.file("half.wasm", &hello[..hello.len() / 2]), &[]);
    expect(&place.file("invalid.wasm", b"\0asm\x01\0\0\0\x0a\xff\xff"), &["offset"]);
    let gc = r#"(module (func (export "_start") (drop (ref.i31 (i32.const 0)))))"#;
    expect(&place.file("gc.wat", gc), &["gc", "not supported yet"]);
    assert_eq!(place.cached(), [] as [PathBuf; 0], "something that did not compile is in the cache");
    for path in ["a/b", "a\u{1}b"] {
        place.run(&[text(&place.path(path))]).with(1);
    }

    let artifact = fs::read(place.compiled(&place.file("hello.wat", HELLO))).unwrap();
    expect(&place.file("half.bwk", &artifact[..artifact.len() / 2]), &["truncated"]);
    expect(&place.file("long.bwk", [&artifact[..], b"x"].concat()), &["damaged"]);
    expect(&place.file("program.bwk", b"\x7fELF, but of another kind"), &["ELF"]);
    let other = if host() == Arch::X86_64 { Arch::Aarch64 } else { Arch::X86_64 };
    let foreign = compile_for(other, &bailiwick_tests::compile::binary(HELLO)).unwrap();
    expect(&place.file("foreign.bwk", foreign), &[other.name(), "--target"]);
}

#[test]
fn native_code_by_the_name_of_a_module_is_refused() {
    // A module can do nothing that was not granted, native code anything: the name says what a person takes it for.
    let place = Place::new();
    let artifact = place.compiled(&place.file("hello.wat", HELLO));
    for name in ["hello.wasm", "hello", "hello.bwk.wasm"] {
        let disguised = place.path(name);
        fs::copy(&artifact, &disguised).unwrap();
        place.run(&[text(&disguised)]).with(3).prints("").says(&[name, "native code", ".bwk"]);
        let preload = format!("x={}", text(&disguised));
        place.run(&["--preload", &preload, text(&artifact)]).with(3).prints("");
    }
}

#[test]
fn a_file_without_permission_is_refused_by_the_system() {
    let place = Place::new();
    for file in [place.file("a.wat", HELLO), place.compiled(&place.file("b.wat", HELLO))] {
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o0)).unwrap();
        // SAFETY: asks only.
        if unsafe { libc::geteuid() } == 0 {
            println!("not checked: as root, files without permissions can be read");
            return;
        }
        place.run(&[text(&file)]).with(1).says(&[text(&file), "Permission denied"]);
    }
}

#[test]
fn an_artifact_on_a_noexec_mount_is_an_error_that_says_so() {
    // The same whether it would be mapped as it is or, since it can be written, from a copy.
    for remount in ["true", "mount -o remount,ro,noexec \"$1\""] {
        let place = Place::new();
        let artifact = place.compiled(&place.file("hello.wat", HELLO));
        let script = format!("cp \"$2\" \"$1/a.bwk\" && {remount} && {} run \"$1/a.bwk\"", runner());
        match on_tmpfs(&place, "noexec", &script, &[&artifact]) {
            Some(ended) => drop(ended.with(1).prints("").says(&["noexec", "a.bwk"])),
            None => println!("not checked: no file system can be mounted here"),
        }
    }
}

#[test]
fn a_cache_on_a_noexec_mount_does_not_keep_a_program_from_running() {
    let place = Place::new();
    let hello = place.file("hello.wat", HELLO);
    let script = format!("XDG_CACHE_HOME=\"$1\" {} run \"$2\"", runner());
    match on_tmpfs(&place, "noexec", &script, &[&hello]) {
        Some(ended) => drop(ended.with(0).prints("hello\n")),
        None => println!("not checked: no file system can be mounted here"),
    }
}
