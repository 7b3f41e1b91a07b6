//! The audit of `bailiwick run`: a guest writes no line of it, breaks none, and does not fill the disk with them.

use super::world::World;
use crate::common::{Ended, Place, ended, text};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// A guest that calls `path_unlink_file` of each of these on descriptor 3, `times` times over, and before that prints
/// `printed` on standard error.
fn guest(place: &Place, paths: &[&[u8]], times: u32, printed: &str) -> PathBuf {
    let escaped = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
    let mut data = format!("(data (i32.const 1024) \"{}\")", escaped(printed.as_bytes()));
    let mut calls = String::new();
    for (i, path) in paths.iter().enumerate() {
        let at = 4096 + 1024 * i;
        data += &format!("(data (i32.const {at}) \"{}\")", escaped(path));
        calls += &format!("(drop (call $unlink (i32.const 3) (i32.const {at}) (i32.const {})))", path.len());
    }
    let wat = format!(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
            (memory (export "memory") 2) {data}
            (func (export "_start") (local $left i32)
                (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const {}))
                (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
                (local.set $left (i32.const {times}))
                (loop $again {calls}
                    (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))))"#,
        printed.len()
    );
    place.compiled("guest", &wat, &[])
}

/// Runs it with one folder, for reading, and these options.
fn run(place: &Place, world: &World, guest: &Path, options: &[&str]) -> Ended {
    let dir = format!("{}::/", text(&world.granted()));
    ended(place.command().args(["run", "--dir-ro", &dir]).args(options).arg(guest))
}

#[test]
fn no_path_ends_a_line_or_programmes_a_terminal() {
    let (place, world) = (Place::new(), World::new());
    let evil: [&[u8]; 8] = [
        b"a\n{\"verdict\":\"forged\"}\n",
        b"\",\"rule\":\"forged\",\"x\":\"",
        b"\\\",\"rule\":\"forged",
        b"\x1b]52;c;c3RvbGVu\x07\x1b[2J\r",
        "\u{9b}2J\u{2028}\u{2029}\u{202e}\u{85}\u{feff}".as_bytes(),
        b"\xff\xfe\xc0\xaf\xed\xa0\x80",
        b"a\0b",
        "\u{10ffff}\u{1f980}".as_bytes(),
    ];
    let log = place.path("audit");
    let guest = guest(&place, &evil, 1, "");
    run(&place, &world, &guest, &["--audit", text(&log)]).with(0).silently();
    let lines = fs::read(&log).expect("the audit");
    assert!(lines.iter().all(|byte| (b' '..=b'~').contains(byte) || *byte == b'\n'), "not plain ASCII");
    let lines = String::from_utf8(lines).expect("ASCII");
    let mut count = 0;
    for line in lines.lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert_eq!((&record["rule"], &record["verdict"]), (&"grant".into(), &"deny".into()), "{line}");
        assert_eq!(record["call"], "wasi_snapshot_preview1.path_unlink_file");
        count += 1;
    }
    assert_eq!(count, evil.len());
}

#[test]
fn a_guest_does_not_write_its_own_audit() {
    let (place, world) = (Place::new(), World::new());
    let forged = "{\"verdict\":\"forged\"}\n{\"verdict\":";
    let guest = guest(&place, &[b"x"], 1, forged);
    // Standard error is the guest's as well: then there is no telling whose a line is.
    let ended = run(&place, &world, &guest, &["--audit", "-"]);
    assert!(!ended.err.contains("forged"), "a line of the audit is the guest's: {ended:#?}");
    // It is of use where the guest has another one.
    let ended = run(&place, &world, &guest, &["--audit", "-", "--stderr", "null"]).with(0);
    let record: serde_json::Value = serde_json::from_str(ended.err.trim()).expect("one line of JSON");
    assert_eq!(record["rule"], "grant");
}

#[test]
fn no_folder_that_a_guest_writes_to_leads_to_the_audit() {
    let (place, world) = (Place::new(), World::new());
    let guest = guest(&place, &[b"x"], 1, "");
    fs::create_dir(world.inside("sub")).expect("a folder");
    fs::write(world.inside("log"), "").expect("a file");
    fs::hard_link(world.inside("log"), world.outside("hard")).expect("a link");
    symlink(world.inside("log"), world.outside("soft")).expect("a link");
    symlink(world.inside("sub"), world.outside("folder")).expect("a link");
    for (what, audit) in [
        ("in it", world.inside("new")),
        ("below it", world.inside("sub/new")),
        ("by way of it", world.inside("../granted/sub/../new")),
        ("by another name", world.outside("hard")),
        ("by a link", world.outside("soft")),
        ("by a link to a folder", world.outside("folder/new")),
    ] {
        let dir = format!("{}::/", text(&world.granted()));
        for grant in
            [&["--dir", &dir][..], &["--dir-with", "rights=write", &dir], &["--dir-with", "rights=delete", &dir]]
        {
            ended(place.command().arg("run").args(grant).args(["--audit", text(&audit)]).arg(&guest)).with(3);
            assert_eq!(fs::read(world.inside("log")).expect("the file"), b"", "{what}");
        }
    }
    // The control: where it is only read, the audit may lie there.
    run(&place, &world, &guest, &["--audit", text(&world.inside("log"))]).with(0);
    assert!(!fs::read(world.inside("log")).expect("the file").is_empty());
}

#[test]
fn a_flood_of_denials_does_not_fill_the_disk() {
    let (place, world) = (Place::new(), World::new());
    let long = [b"\x1b".repeat(300), b"x".repeat(600)].concat();
    let guest = guest(&place, &[&long, b"x"], 50_000, "");
    let log = place.path("audit");
    run(&place, &world, &guest, &["--audit", text(&log)]).with(0);
    let lines = fs::read_to_string(&log).expect("the audit");
    assert!(lines.len() < 20 << 20, "{} bytes", lines.len());
    // None is forgotten.
    let records: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect();
    let listed = records.iter().filter(|record| record["verdict"] == "deny").count() as u64;
    let omitted: u64 = records.iter().filter(|r| r["verdict"] == "omitted").filter_map(|r| r["count"].as_u64()).sum();
    assert_eq!(listed + omitted, 100_000);
}
