//! What is mapped can't change: a guest that is granted the folder of its own artifact can't alter itself, by whatever
//! name it reaches it, and nobody can pull the file away under it.

mod common;

use bailiwick_loader::{Artifact, Group, Imports};
use bailiwick_runtime_abi::format::Header;
use bailiwick_runtime_abi::view::View;
use common::{EMULATED, Ended, Place, child, ended, task, text, told};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::process::Stdio;

/// What the guest does to its own file before it calls the function that was overwritten. `$path_open` and the others are
/// imported; descriptor 3 is the granted folder, `self.bwk` the file.
const OVERWRITE: &str = "(call $expect (call $path_open (i32.const 3) (i32.const 0) (global.get $name) (i32.const 8)
        (i32.const 0) (i64.const 0x44) (i64.const 0) (i32.const 0) (i32.const 64)))
    (call $expect (call $fd_pwrite (i32.load (i32.const 64)) (i32.const 80) (i32.const 1)
        (i64.load (i32.const 1024)) (i32.const 72)))";
const TRUNCATE: &str = "(call $expect (call $path_open (i32.const 3) (i32.const 0) (global.get $name) (i32.const 8)
        (i32.const 8) (i64.const 0x44) (i64.const 0) (i32.const 0) (i32.const 64)))";
const REPLACE: &str = "(call $expect (call $path_rename (i32.const 3) (i32.const 512) (i32.const 9) (i32.const 3)
        (global.get $name) (i32.const 8)))";
/// Another name, then as [`OVERWRITE`].
const LINK: &str = "(call $expect (call $path_link (i32.const 3) (i32.const 0) (global.get $name) (i32.const 8)
        (i32.const 3) (i32.const 544) (i32.const 8)))
    (global.set $name (i32.const 544))";
const NOTHING: &str = "";

/// A program that attacks its own file and then says whether it was altered. On standard input it gets where its function
/// `$victim` lies in the file (8 bytes), and what to write there.
fn program(attack: &str, constant: u32) -> String {
    // So that its page is there: what is not yet read could come from anywhere. An emulator would not translate it again.
    let before = if EMULATED { "" } else { "(drop (call_indirect (result i32) (i32.const 0)))" };
    format!(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_pwrite" (func $fd_pwrite (param i32 i32 i32 i64 i32) (result i32)))
            (import "wasi_snapshot_preview1" "path_open"
                (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "path_rename"
                (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "path_link"
                (func $path_link (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
            (memory (export "memory") 2)
            (global $name (mut i32) (i32.const 528))
            (data (i32.const 512) "other.bwk") (data (i32.const 528) "self.bwk") (data (i32.const 544) "link.bwk")
            (data (i32.const 560) "unaltered\n") (data (i32.const 576) "altered\n")
            (func $expect (param $errno i32)
                (if (local.get $errno) (then (call $proc_exit (i32.add (i32.const 100) (local.get $errno))))))
            (func $print (param $at i32) (param $len i32)
                (i32.store (i32.const 88) (local.get $at)) (i32.store (i32.const 92) (local.get $len))
                (call $expect (call $fd_write (i32.const 1) (i32.const 88) (i32.const 1) (i32.const 72))))
            ;; A table that others can write to: calls through it are of the function, whose code is nowhere else.
            (table (export "victims") 1 funcref)
            (elem (i32.const 0) $victim)
            (func $victim (result i32) (i32.const {constant}))
            (func (export "_start")
                (i32.store (i32.const 80) (i32.const 1024)) (i32.store (i32.const 84) (i32.const 4096))
                (call $expect (call $fd_read (i32.const 0) (i32.const 80) (i32.const 1) (i32.const 72)))
                (i32.store (i32.const 80) (i32.const 1032))
                (i32.store (i32.const 84) (i32.sub (i32.load (i32.const 72)) (i32.const 8)))
                {before}
                {attack}
                (if (i32.eq (call_indirect (result i32) (i32.const 0)) (i32.const 12345))
                    (then (call $print (i32.const 560) (i32.const 10)))
                    (else (call $print (i32.const 576) (i32.const 8))))))"#
    )
}

/// Where a function of an artifact lies in its file, and its code.
fn code_of(artifact: &Path, name: &str) -> (u64, Vec<u8>) {
    let bytes = fs::read(artifact).unwrap();
    let mut words = vec![0u64; bytes.len().div_ceil(8)];
    let aligned = &mut zerocopy::IntoBytes::as_mut_bytes(&mut words[..])[..bytes.len()];
    aligned.copy_from_slice(&bytes);
    let view = View::new(aligned, bytes.len() as u64).unwrap();
    let function = view.functions().iter().find(|f| view.string(f.name) == Ok(name)).unwrap();
    let at = view.header().text.offset + u64::from(function.text_offset);
    (at, bytes[at as usize..][..function.text_len as usize].to_vec())
}

/// A folder `granted` with such a program as `self.bwk`, one that was altered as `other.bwk`, and what to write where.
fn attacked(attack: &str) -> (Place, Vec<u8>) {
    let place = Place::new();
    let granted = place.path("granted");
    fs::create_dir(&granted).unwrap();
    let [intact, altered] = [("intact", 12345), ("altered", 23456)]
        .map(|(name, constant)| place.compiled(name, &program(attack, constant), &[]));
    let ((at, before), (same, after)) = (code_of(&intact, "victim"), code_of(&altered, "victim"));
    assert!(at == same && before.len() == after.len() && before != after, "the two differ in more than a constant");
    fs::rename(intact, granted.join("self.bwk")).unwrap();
    fs::rename(altered, granted.join("other.bwk")).unwrap();
    let patch = [&at.to_le_bytes()[..], &after].concat();
    (place, patch)
}

fn run(place: &Place, options: &[&str], file: &Path, input: &[u8]) -> Ended {
    let mut command = place.command();
    command.arg("run").args(options).arg(file);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(input);
    told(child.wait_with_output().unwrap())
}

/// Runs the program on itself, and then again: what it did to the file took place, and it did not notice.
fn attack(attack: &str) -> Place {
    let (place, patch) = attacked(attack);
    let (folder, file) = (place.path("granted"), place.path("granted/self.bwk"));
    let before = fs::read(&file).unwrap();
    let grant = format!("{}::/work", text(&folder));
    run(&place, &["--dir", &grant], &file, &patch).with(0).prints("unaltered\n").silently();
    assert!(fs::read(&file).unwrap() != before, "the attack had no effect on the file, so nothing was shown");
    place
}

#[test]
fn a_guest_that_overwrites_its_own_code_does_not_change() {
    let place = attack(OVERWRITE);
    // The control: the write was one that changes what the code does.
    let file = place.path("granted/self.bwk");
    run(&place, &[], &place.compiled("plain", &program(NOTHING, 12345), &[]), &[0; 8]).with(0).prints("unaltered\n");
    let grant = format!("{}::/work", text(&place.path("granted")));
    run(&place, &["--dir", &grant], &file, &[0; 8]).with(0).prints("altered\n");
}

#[test]
fn a_guest_that_truncates_its_own_file_goes_on() {
    let place = attack(TRUNCATE);
    assert_eq!(fs::metadata(place.path("granted/self.bwk")).unwrap().len(), 0);
    run(&place, &[], &place.path("granted/self.bwk"), &[]).with(1).says(&["self.bwk"]);
}

#[test]
fn a_guest_that_renames_another_file_over_its_own_does_not_change() {
    let place = attack(REPLACE);
    let grant = format!("{}::/work", text(&place.path("granted")));
    fs::copy(place.path("granted/self.bwk"), place.path("granted/other.bwk")).unwrap();
    run(&place, &["--dir", &grant], &place.path("granted/self.bwk"), &[0; 8]).with(0).prints("altered\n");
}

#[test]
fn a_guest_that_links_its_own_file_and_writes_to_the_link_does_not_change() {
    attack(&format!("{LINK}{OVERWRITE}"));
}

#[test]
fn a_hard_link_in_a_granted_folder_is_no_way_to_an_artifact_elsewhere() {
    let (place, patch) = attacked(OVERWRITE);
    fs::create_dir(place.path("elsewhere")).unwrap();
    let file = place.path("elsewhere/app.bwk");
    fs::hard_link(place.path("granted/self.bwk"), &file).unwrap();
    let (before, grant) = (fs::read(&file).unwrap(), format!("{}::/work", text(&place.path("granted"))));
    run(&place, &["--dir", &grant], &file, &patch).with(0).prints("unaltered\n").silently();
    assert!(fs::read(&file).unwrap() != before, "the attack had no effect on the file");
}

#[test]
fn a_symbolic_link_in_a_granted_folder_leads_nowhere() {
    let (place, patch) = attacked(OVERWRITE);
    fs::create_dir(place.path("elsewhere")).unwrap();
    let (link, file) = (place.path("granted/self.bwk"), place.path("elsewhere/app.bwk"));
    fs::rename(&link, &file).unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let (before, grant) = (fs::read(&file).unwrap(), format!("{}::/work", text(&place.path("granted"))));
    // It ends where it expected no error: the folder's own files are all that it reaches.
    let ended = run(&place, &["--dir", &grant], &file, &patch).prints("");
    assert!(ended.status.is_some_and(|status| status > 100), "{ended:#?}");
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn a_folder_granted_for_reading_keeps_the_artifact_as_it_is() {
    for way in [OVERWRITE, TRUNCATE, REPLACE, LINK] {
        let (place, patch) = attacked(way);
        let (file, grant) = (place.path("granted/self.bwk"), format!("{}::/work", text(&place.path("granted"))));
        let before = fs::read(&file).unwrap();
        let ended = run(&place, &["--dir-ro", &grant], &file, &patch).prints("");
        assert!(ended.status.is_some_and(|status| status > 100), "{ended:#?}");
        assert_eq!(fs::read(&file).unwrap(), before);
        assert_eq!(fs::read_dir(place.path("granted")).unwrap().count(), 2);
    }
}

// The cache.

/// The program as WebAssembly, run once, so that the cache has it; the entry, and the patch for it.
fn cached(place: &Place) -> (std::path::PathBuf, std::path::PathBuf, Vec<u8>) {
    let app = place.file("app.wat", program(OVERWRITE, 12345));
    let other = place.file("other.wat", program(OVERWRITE, 23456));
    let mut entries = Vec::new();
    for file in [&other, &app] {
        // Nothing is granted, so it ends at its first step.
        let ended = run(place, &[], file, &[0; 8]).prints("");
        assert!(ended.status.is_some_and(|status| status > 100), "{ended:#?}");
        let new = place.cached().into_iter().find(|entry| !entries.contains(entry)).expect("a new entry");
        entries.push(new);
    }
    let (entry, altered) = (entries.pop().unwrap(), entries.pop().unwrap());
    let ((at, _), (same, after)) = (code_of(&entry, "victim"), code_of(&altered, "victim"));
    assert_eq!(at, same);
    (app, entry, [&at.to_le_bytes()[..], &after].concat())
}

#[test]
fn the_cache_is_refused_to_every_guest_for_writing() {
    let place = Place::new();
    let (app, _, patch) = cached(&place);
    fs::create_dir(place.path("links")).unwrap();
    std::os::unix::fs::symlink(place.cache(), place.path("links/cache")).unwrap();
    for folder in [place.cache(), place.path("cache"), place.path("links/cache"), place.path("links/cache/..")] {
        let grant = format!("{}::/work", text(&folder));
        run(&place, &["--dir", &grant], &app, &patch).with(3).prints("").says(&["cache"]);
    }
}

#[test]
fn a_hard_link_to_a_cache_entry_is_no_way_into_what_runs_or_what_runs_next() {
    let place = Place::new();
    let (app, entry, patch) = cached(&place);
    let folder = place.path("granted");
    fs::create_dir(&folder).unwrap();
    fs::hard_link(&entry, folder.join("self.bwk")).unwrap();
    let (before, grant) = (fs::read(&entry).unwrap(), format!("{}::/work", text(&folder)));
    run(&place, &["--dir", &grant], &app, &patch).with(0).prints("unaltered\n").silently();
    assert!(fs::read(folder.join("self.bwk")).unwrap() != before, "the attack had no effect on the file");
    // An entry that has another name is not the cache's alone: it is made anew, and not what the guest has written.
    for options in [&["--dir", &grant][..], &["--dir-ro", &grant]] {
        let ended = run(&place, options, &app, &[0; 8]);
        assert!(!ended.out.contains("altered") || ended.out == "unaltered\n", "{ended:#?}");
    }
    assert_eq!(fs::metadata(&entry).unwrap().nlink(), 1);
    ended(place.command().args(["cache", "verify"])).with(0);
}

#[test]
fn cleaning_the_cache_does_not_disturb_what_runs() {
    let place = Place::new();
    let app = place.file("app.wat", several_functions());
    let goes_on = |disturb: &dyn Fn()| {
        let mut command = place.command();
        command.arg("run").arg(&app).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut ready = [0; 6];
        child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
        assert_eq!(&ready, b"ready\n");
        disturb();
        child.stdin.take().unwrap().write_all(b"!").unwrap();
        told(child.wait_with_output().unwrap()).with(0).prints("done\n").silently();
    };
    goes_on(&|| ());
    assert_eq!(place.cached().len(), 1);
    goes_on(&|| drop(ended(place.command().args(["cache", "clean"])).with(0)));
    assert_eq!(place.cached().len(), 0);
    goes_on(&|| ());
}

// From outside.

/// A program that says that it is ready, waits for a byte, and then calls 200 functions spread over many pages and reads
/// all of a large image that it has not touched before.
fn several_functions() -> String {
    let mut wat = String::from(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 40)
            (data (i32.const 0) "\40\00\00\00\06\00\00\00\50\00\00\00\05\00\00\00\60\00\00\00\01\00\00\00")
            (data (i32.const 64) "ready\n") (data (i32.const 80) "done\n")
            (global $sum (mut i32) (i32.const 0))"#,
    );
    for i in 0..30 {
        wat += &format!("(data (i32.const {}) \"{}\")", 131_072 + i * 65_536, "x".repeat(60_000));
    }
    for i in 0..200 {
        wat += &format!("(func $f{i} (param $p i32)");
        for j in 0..40 {
            wat += &format!("(i32.store (i32.add (local.get $p) (i32.const {j})) (i32.const {}))", i * 1000 + j);
        }
        wat += "(global.set $sum (i32.add (global.get $sum) (i32.const 1))))";
    }
    wat += r#"(func (export "_start") (local $i i32)
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 40)))
        (drop (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 40)))"#;
    for i in 0..200 {
        wat += &format!("(call $f{i} (i32.const 1024))");
    }
    wat + r#"
        (local.set $i (i32.const 131072))
        (loop $l
            (if (i32.ne (i32.load8_u (local.get $i)) (i32.const 120)) (then unreachable))
            (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 65536))) (i32.const 2000000))))
        (if (i32.ne (global.get $sum) (i32.const 200)) (then unreachable))
        (drop (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 40)))))"#
}

#[test]
fn a_file_that_is_truncated_overwritten_or_removed_under_a_running_guest_does_not_matter() {
    type Change = fn(&Path);
    let ways: [(&str, Change); 4] = [
        ("nothing", |_| ()),
        ("truncated", |path| drop(File::options().write(true).truncate(true).open(path).unwrap())),
        ("overwritten", |path| {
            let file = File::options().write(true).open(path).unwrap();
            file.write_all_at(&vec![0xcc; file.metadata().unwrap().len() as usize], 0).unwrap();
        }),
        ("removed", |path| fs::remove_file(path).unwrap()),
    ];
    for (what, change) in ways {
        let place = Place::new();
        let artifact = place.compiled("app", &several_functions(), &[]);
        let mut command = place.command();
        command.arg("run").arg(&artifact).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut ready = [0; 6];
        child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
        assert_eq!(&ready, b"ready\n", "{what}");
        change(&artifact);
        child.stdin.take().unwrap().write_all(b"!").unwrap();
        told(child.wait_with_output().unwrap()).with(0).prints("done\n").silently();
    }
}

/// In a child: maps a file as it is, overwrites the code in it, and says what the code does then.
fn map_and_overwrite(task: &str) {
    let [path, other, way] = task.split('|').collect::<Vec<_>>()[..] else { panic!("{task}") };
    let (path, other) = (Path::new(path), Path::new(other));
    let artifact = match way {
        // SAFETY: this is what nobody may do; the process ends soon after.
        "as it is" => unsafe { Artifact::map(File::open(path).unwrap(), path) }.unwrap(),
        _ => Artifact::open(path).unwrap(),
    };
    let mut group = Group::new().unwrap();
    let instance = group.instantiate(&artifact, &Imports::new()).unwrap();
    let victim = instance.typed_func::<(), i32>(&mut group, "victim").unwrap();
    assert!(EMULATED || victim.call(&mut group, ()).unwrap() == 12345);
    let (at, code) = code_of(other, "victim");
    File::options().write(true).open(path).unwrap().write_all_at(&code, at).unwrap();
    println!("\nvictim says {}", victim.call(&mut group, ()).unwrap());
}

#[test]
fn a_file_that_is_mapped_as_it_is_would_change_and_a_copy_does_not() {
    if let Some(task) = task() {
        return map_and_overwrite(&task);
    }
    for (way, expected) in [("as it is", 23456), ("opened", 12345)] {
        let place = Place::new();
        let [intact, altered] = [("intact", 12345), ("altered", 23456)].map(|(name, constant)| {
            place.compiled(
                name,
                &format!("(module (func $victim (export \"victim\") (result i32) (i32.const {constant})))"),
                &[],
            )
        });
        let task = format!("{}|{}|{way}", text(&intact), text(&altered));
        let ended = ended(&mut child("a_file_that_is_mapped_as_it_is_would_change_and_a_copy_does_not", &task)).with(0);
        assert!(ended.out.contains(&format!("victim says {expected}")), "{way}: {ended:#?}");
    }
}

#[test]
fn what_an_embedder_maps_is_sealed_or_not_ours_to_write() {
    let place = Place::new();
    let path = place.compiled("a", "(module (func (export \"f\")))", &[]);
    let artifact = Artifact::open(&path).unwrap();
    let start = artifact.bytes().as_ptr() as usize;
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    // The beginning of the file is a mapping of its own: the text behind it has other rights.
    let line = maps.lines().find(|line| line.starts_with(&format!("{start:x}-"))).expect("its mapping");
    assert!(line.contains("memfd:bailiwick"), "{line}");
    assert!(artifact.bytes().len() > size_of::<Header>());
    // The file itself can still be written, which a lease or a lock would have kept from happening.
    File::options().write(true).open(&path).unwrap();
}
