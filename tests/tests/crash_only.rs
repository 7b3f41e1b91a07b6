//! Whatever ends a run in the middle, the next one is right: the cache holds whole entries or none.

mod common;

use bailiwick_runtime_abi::format::{HEADER_OFFSET, Header, Table};
use bailiwick_tests::cli::{emulated, loader, program};
use common::{Ended, Place, Random, ended, text, times, told};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use zerocopy::FromBytes;

/// A program that takes a while to compile and prints what it computes.
fn app() -> String {
    let mut wat = String::from(
        r#"(module (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1) (data (i32.const 0) "\10\00\00\00\05\00\00\00") (data (i32.const 16) "0000\n")
            (global $sum (mut i32) (i32.const 0))"#,
    );
    for i in 0..times(1500, 300) {
        wat += &format!("(func $f{i} (param i32 i32) (result i32) (local i32)");
        for j in 0..12 {
            wat += &format!(
                "(local.set 2 (i32.xor (i32.mul (local.get {}) (i32.const {})) (i32.rotl (local.get 2) (local.get 1))))",
                j % 2,
                i * 31 + j
            );
        }
        wat += "(i32.and (local.get 2) (i32.const 0)))";
    }
    wat += "(func (export \"_start\")";
    for i in 0..times(1500, 300) {
        wat += &format!(
            "(global.set $sum (i32.add (i32.add (global.get $sum) (i32.const 1)) (call $f{i} (i32.const 1) (i32.const 2))))"
        );
    }
    for (at, divisor) in [(16, 1000), (17, 100), (18, 10), (19, 1)] {
        wat += &format!(
            "(i32.store8 (i32.const {at}) (i32.add (i32.const 48)
                (i32.rem_u (i32.div_u (global.get $sum) (i32.const {divisor})) (i32.const 10))))"
        );
    }
    wat + "(drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"
}

/// What it prints.
fn printed() -> String {
    format!("{:04}\n", times(1500, 300))
}

/// A small program that prints `hello`.
const HELLO: &str = r#"(module (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 2) (data (i32.const 0) "\10\00\00\00\06\00\00\00") (data (i32.const 16) "hello\n")
    (data (i32.const 200) "\01") (data (i32.const 70000) "far")
    (table (export "t") 3 funcref) (elem (i32.const 0) $say)
    (func $say (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
    (func (export "_start") (call_indirect (i32.const 0))))"#;

fn verify(place: &Place) -> Ended {
    ended(place.command().args(["cache", "verify"]))
}

/// The cache's entries, without what is being written.
fn entries(place: &Place) -> Vec<PathBuf> {
    place.cached().into_iter().filter(|path| path.extension().is_some_and(|e| e == "bwk")).collect()
}

#[test]
fn runs_that_are_killed_at_any_moment_leave_a_cache_that_is_whole() {
    let place = Place::new();
    let app = place.file("app.wat", app());
    let mut random = Random::new(9);
    let rounds = times(24, 4);
    let mut killed = 0;
    for round in 0..rounds {
        let mut command = place.command();
        let mut child = command.arg("run").arg(&app).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // From before the compiler starts until after the entry is there.
        std::thread::sleep(Duration::from_millis((random.below(times(40, 300)) * round / 4) as u64));
        killed += usize::from(child.try_wait().unwrap().is_none());
        let _ = child.kill();
        let ended = told(child.wait_with_output().unwrap());
        assert!(ended.out.is_empty() || ended.out == printed(), "{ended:#?}");
        let checked = verify(&place).with(0);
        assert!(checked.out.contains("0 damaged"), "{checked:#?}");
        if random.below(3) == 0 {
            ended_clean(&place);
        }
    }
    assert!(killed > 0, "none was killed in time");
    for _ in 0..2 {
        place.run(&[text(&app)]).with(0).prints(&printed()).silently();
    }
    assert_eq!(entries(&place).len(), 1);
    verify(&place).with(0).prints("1 entries, 0 damaged\n");
}

fn ended_clean(place: &Place) {
    ended(place.command().args(["cache", "clean"])).with(0);
    assert_eq!(place.cached(), Vec::<PathBuf>::new());
}

#[test]
fn runs_at_the_same_time_on_an_empty_cache_are_all_right() {
    for clean in [false, true] {
        let place = Place::new();
        let app = place.file("app.wat", app());
        let start = || {
            let mut command = place.command();
            command.arg("run").arg(&app).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let children: Vec<_> = (0..times(8, 3)).map(|_| start()).collect();
        if clean {
            // Somebody tidies up meanwhile: what is being written may be gone before it has its name.
            for _ in 0..10 {
                let mut command = place.command();
                let cleaned = ended(command.args(["cache", "clean"]));
                assert!(matches!(cleaned.status, Some(0 | 1)), "{cleaned:#?}");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        for child in children {
            let ended = told(child.wait_with_output().unwrap()).with(0).prints(&printed());
            assert!(clean || ended.err.is_empty(), "{ended:#?}");
        }
        verify(&place).with(0);
        assert!(entries(&place).len() <= 1 && (clean || place.cached().len() == 1), "{:?}", place.cached());
    }
}

// Disks that are full, or not for writing.

/// Runs a shell script in which `$1` is a folder with a file system of its own, mounted with `options`. `None` where
/// nothing can be mounted.
fn mounted(place: &Place, options: &str, script: &str, arguments: &[&Path]) -> Option<Ended> {
    let mount = place.path("mount");
    fs::create_dir(&mount).unwrap();
    let script = format!("mount -t tmpfs -o {options} none \"$1\" || exit 99\n{script}");
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c", &script, "sh"]).arg(&mount).args(arguments);
    command.env("BAILIWICKC", program("bailiwickc", "BAILIWICKC")).env("BAILIWICK_CACHE", mount.join("cache"));
    let ended = told(command.stdin(Stdio::null()).output().ok()?);
    (ended.status != Some(99) && !ended.err.starts_with("unshare:")).then_some(ended)
}

/// `bailiwick`, as a shell calls it.
fn bailiwick() -> String {
    let command = emulated(&loader());
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| format!("'{}'", word.to_str().unwrap())).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_full_disk_costs_the_cache_and_nothing_else() {
    let place = Place::new();
    let hello = place.file("hello.wat", HELLO);
    let script = format!("{0} run \"$2\" && echo rest: $(ls -A \"$1/cache\")", bailiwick());
    match mounted(&place, "size=4k", &script, &[&hello]) {
        None => println!("not checked: nothing can be mounted here"),
        Some(ended) => drop(ended.with(0).prints("hello\nrest:\n").says(&["warning", "cache", "No space left"])),
    }
    // The control: with room for it there is an entry, and no warning.
    let place = Place::new();
    let hello = place.file("hello.wat", HELLO);
    if let Some(ended) = mounted(&place, "size=4m", &script, &[&hello]) {
        let ended = ended.with(0).silently();
        assert!(ended.out.starts_with("hello\nrest: ") && ended.out.ends_with(".bwk\n"), "{ended:#?}");
    }
}

#[test]
fn a_full_disk_gets_no_part_of_an_artifact() {
    let place = Place::new();
    let hello = place.file("hello.wat", HELLO);
    let compile = "\"$BAILIWICKC\" compile \"$2\" -o \"$1/hello.bwk\"; echo status: $? rest: $(ls -A \"$1\")";
    match mounted(&place, "size=4k", compile, &[&hello]) {
        None => println!("not checked: nothing can be mounted here"),
        Some(ended) => drop(ended.prints("status: 1 rest:\n").says(&["No space left", "hello.bwk"])),
    }
    let place = Place::new();
    let hello = place.file("hello.wat", HELLO);
    if let Some(ended) = mounted(&place, "size=4m", compile, &[&hello]) {
        ended.prints("status: 0 rest: hello.bwk\n").silently();
    }
}

#[test]
fn a_cache_that_can_only_be_read_is_read() {
    let run = bailiwick();
    // Empty: a warning. With the entry: it is used, though it can't be written.
    for (fill, silent) in [("true", false), ("\"$@\" >&2", true)] {
        let place = Place::new();
        let hello = place.file("hello.wat", HELLO);
        let script = format!(
            "m=\"$1\"; h=\"$2\"; set -- {run} run \"$h\"; mkdir -m 700 \"$m/cache\"; {fill} && mount -o remount,ro \"$m\" || exit 99; exec \"$@\""
        );
        match mounted(&place, "size=4m", &script, &[&hello]) {
            None => println!("not checked: nothing can be mounted here"),
            Some(ended) if silent => assert_eq!(ended.with(0).prints("hello\n").err, "hello\n"),
            Some(ended) => drop(ended.with(0).prints("hello\n").says(&["warning", "cache", "Read-only"])),
        }
    }
}

// Entries that are damaged.

/// An entry for `HELLO`, and its bytes.
fn one_entry(place: &Place) -> (PathBuf, PathBuf, Vec<u8>) {
    let hello = place.file("hello.wat", HELLO);
    place.run(&[text(&hello)]).with(0).prints("hello\n").silently();
    let entry = entries(place).pop().unwrap();
    let bytes = fs::read(&entry).unwrap();
    (hello, entry, bytes)
}

#[test]
fn verifying_finds_every_damaged_byte_and_cleaning_removes_it() {
    let place = Place::new();
    let (hello, entry, intact) = one_entry(&place);
    verify(&place).with(0).prints("1 entries, 0 damaged\n").silently();
    let text_at =
        Header::read_from_bytes(&intact[HEADER_OFFSET..][..size_of::<Header>()]).unwrap().text.offset as usize;
    let mut random = Random::new(3);
    let places = [0, 17, HEADER_OFFSET + 50, text_at, text_at + 33, intact.len() - 1];
    for round in 0..places.len() + times(20, 2) {
        let at = places.get(round).copied().unwrap_or_else(|| random.below(intact.len()));
        // With another version it is an entry of another release, which nothing uses.
        if (HEADER_OFFSET + 8..HEADER_OFFSET + 24).contains(&at) {
            continue;
        }
        let mut damaged = intact.clone();
        damaged[at] ^= 1 << random.below(8);
        fs::write(&entry, damaged).unwrap();
        let found = verify(&place).with(1).says(&["cache clean"]);
        assert!(found.out.contains(text(&entry)) && found.out.contains("1 damaged"), "byte {at}: {found:#?}");
    }
    for part in [&intact[..100], &intact[..intact.len() / 2], b""] {
        fs::write(&entry, part).unwrap();
        verify(&place).with(1);
    }
    ended_clean(&place);
    verify(&place).with(0).prints("0 entries, 0 damaged\n");
    place.run(&[text(&hello)]).with(0).prints("hello\n").silently();
    assert_eq!(fs::read(&entry).unwrap(), intact);
}

#[test]
fn an_entry_that_is_damaged_outside_of_its_code_gives_no_wrong_result() {
    let place = Place::new();
    let (hello, entry, intact) = one_entry(&place);
    let header = Header::read_from_bytes(&intact[HEADER_OFFSET..][..size_of::<Header>()]).unwrap();
    let (text_span, calls) = (header.text, header.tables[Table::CallTables as usize]);
    // What the module's own data says is its own affair.
    let data = [header.image, header.tables[Table::DataBytes as usize]];
    let is_in = |at: usize, span: bailiwick_runtime_abi::format::Span| {
        (span.offset..span.offset + span.len).contains(&(at as u64))
    };
    let mut random = Random::new(4);
    let (mut right, mut refused) = (0, 0);
    for _ in 0..times(150, 8) {
        let at = match random.below(3) {
            0 => HEADER_OFFSET + random.below(size_of::<Header>()),
            1 => {
                let span = random.of(&header.tables);
                span.offset as usize + random.below(span.len.max(1) as usize)
            }
            _ => random.below(intact.len()),
        };
        if is_in(at, text_span) || is_in(at, calls) || data.iter().any(|&span| is_in(at, span)) {
            continue;
        }
        let mut damaged = intact.clone();
        damaged[at] ^= 1 << random.below(8);
        fs::write(&entry, damaged).unwrap();
        let ended = place.run(&[text(&hello)]);
        match ended.status {
            Some(0) => {
                assert_eq!(ended.out, "hello\n", "byte {at}: {ended:#?}");
                right += 1;
            }
            // A damaged record, found when it was used; or a name that now is another.
            Some(1 | 3 | 134) => {
                assert!(ended.out.is_empty() && ended.err.contains("hello.wat"), "byte {at}: {ended:#?}");
                refused += 1;
            }
            _ => panic!("byte {at}: {ended:#?}"),
        }
    }
    println!("{right} right, {refused} refused");
    assert!(right > 0 && refused > 0, "{right} {refused}");
    // What is damaged in its header is made anew without a word.
    let mut damaged = intact.clone();
    damaged[HEADER_OFFSET + 50] ^= 1;
    fs::write(&entry, damaged).unwrap();
    place.run(&[text(&hello)]).with(0).prints("hello\n").silently();
    assert_eq!(fs::read(&entry).unwrap(), intact);
}

#[test]
fn what_is_no_file_in_the_place_of_an_entry_is_not_opened() {
    let place = Place::new();
    let (hello, entry, intact) = one_entry(&place);
    let other = place.file("other", &intact);
    let run = || ended(place.command().arg("run").arg(&hello)).with(0).prints("hello\n");
    fs::remove_file(&entry).unwrap();
    std::os::unix::fs::symlink(&other, &entry).unwrap();
    run().silently();
    assert!(fs::symlink_metadata(&entry).unwrap().is_file(), "the link was followed");
    fs::remove_file(&entry).unwrap();
    let name = std::ffi::CString::new(text(&entry)).unwrap();
    // SAFETY: the name is a string that ends with NUL.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    run().silently();
    fs::remove_file(&entry).unwrap();
    fs::create_dir(&entry).unwrap();
    // It can't be replaced either, which is said.
    run().says(&["warning"]);
}

// Compilers that fail.

/// Runs `HELLO` with a shell script for a compiler, in which `$REAL` is the real one.
fn with_compiler(script: &str) -> (Place, Ended) {
    let place = Place::new();
    let hello = place.file("hello.wat", HELLO);
    let compiler = place.file("compiler", format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(&compiler, fs::Permissions::from_mode(0o700)).unwrap();
    let mut command = place.command();
    command.env("BAILIWICKC", &compiler).env("REAL", program("bailiwickc", "BAILIWICKC")).env("TMP", place.path("tmp"));
    let ended = ended(command.arg("run").arg(&hello));
    (place, ended)
}

#[test]
fn a_compiler_that_dies_leaves_no_file_and_a_message() {
    for (script, says) in [
        ("kill -9 $$", "died"),
        ("kill -SEGV $$", "died"),
        ("head -c 100 <&0; kill -9 $$", "died"),
        ("\"$REAL\" \"$@\"; kill -9 $$", "died"),
    ] {
        let (place, ended) = with_compiler(script);
        ended.with(1).prints("").says(&["hello.wat", "not compiled", says]);
        assert_eq!(place.cached(), Vec::<PathBuf>::new(), "{script}");
    }
    let (place, ended) = with_compiler("echo 'bailiwickc: something is wrong' >&2; exit 1");
    assert_eq!(ended.with(1).prints("").err, "bailiwickc: something is wrong\n");
    assert_eq!(place.cached(), Vec::<PathBuf>::new());
}

#[test]
fn what_a_compiler_writes_is_checked_before_it_is_kept_or_run() {
    let other = if cfg!(target_arch = "x86_64") { "aarch64" } else { "x86_64" };
    for (what, script, says) in [
        ("nothing", "exit 0".to_owned(), "empty"),
        ("garbage", "echo garbage".to_owned(), "not a Bailiwick artifact"),
        ("its input", "cat".to_owned(), "not a Bailiwick artifact"),
        ("a part", "\"$REAL\" \"$@\" > \"$TMP\"; head -c 5000 \"$TMP\"".to_owned(), "truncated"),
        ("too much", "\"$REAL\" \"$@\"; echo more".to_owned(), "damaged"),
        (
            "other code",
            "\"$REAL\" \"$@\" > \"$TMP\"; printf '\\314' | dd of=\"$TMP\" bs=1 seek=66000 conv=notrunc 2>/dev/null || exit 9; cat \"$TMP\""
                .to_owned(),
            "damaged",
        ),
        (
            "code for another machine",
            format!("\"$REAL\" compile --input-fd 0 --output-fd 1 --target {other}-unknown-linux-gnu"),
            "this machine is",
        ),
    ] {
        let (place, ended) = with_compiler(&script);
        ended.with(1).prints("").says(&["hello.wat", says]);
        assert_eq!(place.cached(), Vec::<PathBuf>::new(), "{what}");
    }
    // The control: the same way with nothing wrong.
    let (place, ended) = with_compiler("\"$REAL\" \"$@\" > \"$TMP\"; cat \"$TMP\"");
    ended.with(0).prints("hello\n").silently();
    assert_eq!(entries(&place).len(), 1);
}
