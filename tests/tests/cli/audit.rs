//! `--audit`: what a guest was denied.

use super::guest::{OPEN, guest};
use super::*;
use serde_json::{Value, json};

/// `NOTCAPABLE` and `BADF` of preview 1.
const NOTCAPABLE: i32 = 76;
const BADF: i32 = 8;

/// The lines of an audit.
#[track_caller]
fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("an audit");
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// A folder to grant, and the option for it.
fn folder(place: &Place) -> (PathBuf, String) {
    let folder = place.path("granted");
    fs::create_dir(&folder).unwrap();
    let grant = format!("{}::/g", text(&folder));
    (folder, grant)
}

/// What is denied 10500 times, and then said to be over.
const FLOOD: &str = r#"(loop $again
    (local.set $n (i32.add (local.get $n) (i32.const 1)))
    (drop (call $open (i32.const 0) (i64.const 2)))
    (br_if $again (i32.lt_u (local.get $n) (i32.const 10500))))
    (call $say (i64.const 1))"#;

#[test]
fn a_denial_is_a_line_that_says_who_what_and_why() {
    let place = Place::new();
    let (_, grant) = folder(&place);
    let file = place.file("thief.wat", guest(b"../seed.json", OPEN));
    let audit = place.path("audit.jsonl");
    place.run(&["--audit", text(&audit), "--dir", &grant, text(&file)]).with(NOTCAPABLE).silently();
    let lines = lines(&audit);
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = &lines[0];
    assert_eq!(line["seq"], 1);
    assert_eq!(line["module"], text(&file));
    assert_eq!(line["call"], "wasi_snapshot_preview1.path_open");
    assert_eq!((&line["args"]["fd"], &line["args"]["path"]), (&json!(3), &json!("../seed.json")));
    assert_eq!(line["args"].get("path_len"), None);
    assert_eq!(
        (&line["verdict"], &line["errno"], &line["rule"]),
        (&json!("deny"), &json!("notcapable"), &json!("outside"))
    );
    let time = line["t"].as_str().unwrap();
    assert!(time.len() == "2026-01-31T12:00:00.000000Z".len() && time.ends_with('Z') && &time[10..11] == "T", "{time}");
    let artifact = place.compiled(&file);
    let report = ended(place.command().arg("inspect").arg("--json").arg(&artifact)).with(0).out;
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(line["sha256"], report["source_sha256"]);
}

#[test]
fn nothing_denied_is_an_empty_audit_and_errors_of_the_world_are_no_denials() {
    let place = Place::new();
    let (folder, grant) = folder(&place);
    fs::write(folder.join("here"), "x").unwrap();
    for (path, status) in [("here", 0), ("missing", 44)] {
        let audit = place.path("audit.jsonl");
        let file = place.file("guest.wat", guest(path.as_bytes(), OPEN));
        place.run(&["--audit", text(&audit), "--dir-ro", &grant, text(&file)]).with(status).silently();
        assert_eq!(fs::read(&audit).unwrap(), b"");
    }
}

#[test]
fn an_audit_is_appended_to() {
    let place = Place::new();
    let file = place.file("guest.wat", guest(b"x", OPEN));
    let audit = place.file("audit.jsonl", "{\"earlier\":true}\n");
    for _ in 0..2 {
        place.run(&["--audit", text(&audit), text(&file)]).with(BADF);
    }
    let lines = lines(&audit);
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0], json!({"earlier": true}));
    assert!(lines[1..].iter().all(|line| line["rule"] == "no-descriptor" && line["seq"] == 1));
    // A line that a full disk has cut off stands alone.
    fs::write(&audit, "{\"t\":\"20").unwrap();
    place.run(&["--audit", text(&audit), text(&file)]).with(BADF);
    let text = fs::read_to_string(&audit).unwrap();
    let (torn, whole) = text.split_once('\n').unwrap();
    assert_eq!(torn, "{\"t\":\"20");
    assert!(serde_json::from_str::<Value>(whole).is_ok(), "{whole}");
}

#[test]
fn a_minus_is_standard_error() {
    let place = Place::new();
    let file = place.file("guest.wat", guest(b"x", OPEN));
    let ended = ended(
        place.command().current_dir(place.folder.path()).args(["run", "--audit", "-", "--stderr", "null"]).arg(&file),
    );
    let ended = ended.with(BADF).prints("");
    assert_eq!(serde_json::from_str::<Value>(&ended.err).unwrap()["rule"], "no-descriptor");
    assert!(!place.path("-").exists());
}

#[test]
fn a_guest_forges_no_line_and_reaches_no_terminal() {
    let place = Place::new();
    let (_, grant) = folder(&place);
    let audit = place.path("audit.jsonl");
    let paths: [&[u8]; 4] = [
        b"../a\"}\n{\"seq\":7}\n",
        b"../\x1b]52;c;eA==\x07\r\x7f",
        "../\u{9b}2J\u{202e}\u{2028}ü\u{1f600}".as_bytes(),
        b"../\\\"",
    ];
    for (count, path) in paths.iter().enumerate() {
        let file = place.file("guest.wat", guest(path, OPEN));
        place.run(&["--audit", text(&audit), "--dir", &grant, text(&file)]);
        let bytes = fs::read(&audit).unwrap();
        assert!(bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n')), "{}", String::from_utf8_lossy(&bytes));
        let lines = lines(&audit);
        assert_eq!(lines.len(), count + 1);
        assert_eq!(lines[count]["args"]["path"].as_str().unwrap(), std::str::from_utf8(path).unwrap());
    }
}

#[test]
fn a_refused_import_is_a_line() {
    let place = Place::new();
    let audit = place.path("audit.jsonl");
    let wat = r#"(module (import "world" "pe\nace" (func (param i32))) (func (export "_start")))"#;
    let file = place.file("wants.wat", wat);
    place.run(&["--audit", text(&audit), text(&file)]).with(3).says(&["world", "not granted"]);
    let lib = place.file("lib.wat", r#"(module (import "world" "war" (func)))"#);
    let preload = format!("lib={}", text(&lib));
    let hello = place.file("hello.wat", HELLO);
    place.run(&["--audit", text(&audit), "--preload", &preload, text(&hello)]).with(3).prints("");
    let lines = lines(&audit);
    let told = lines.iter().map(|line| (&line["module"], &line["call"], &line["rule"], &line["errno"]));
    let rule = json!("not-granted");
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            (&json!(text(&file)), &json!("world.pe\nace"), &rule, &Value::Null),
            (&json!(text(&lib)), &json!("world.war"), &rule, &Value::Null)
        ]
    );
}

#[test]
fn a_guest_does_not_reach_its_audit() {
    let place = Place::new();
    let (folder, grant) = folder(&place);
    let hello = place.file("hello.wat", HELLO);
    let run =
        |audit: &Path, options: &[&str]| place.run(&[&["--audit", text(audit)], options, &[text(&hello)]].concat());
    let refused = |audit: &Path, options: &[&str]| {
        run(audit, options).with(3).prints("").says(&["audit", text(audit)]);
    };
    let link = place.path("link.jsonl");
    std::os::unix::fs::symlink(folder.join("below.jsonl"), &link).unwrap();
    for audit in [&folder.join("audit.jsonl"), &folder.join("../granted/audit.jsonl"), &link] {
        refused(audit, &["--dir", &grant]);
        refused(audit, &["--dir-with", "rights=create", &grant]);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "nothing is made in a folder that is not granted");
        run(audit, &["--dir-ro", &grant]).with(0).prints("hello\n");
        fs::read_dir(&folder).unwrap().for_each(|entry| fs::remove_file(entry.unwrap().path()).unwrap());
    }
    // By another name of the file.
    let audit = place.file("audit.jsonl", "");
    fs::hard_link(&audit, folder.join("other")).unwrap();
    refused(&audit, &["--dir", &grant]);
    run(&audit, &[]).with(0).prints("hello\n");
    // Through a standard stream.
    for stream in ["--stdout", "--stderr"] {
        let audit = place.file("stream.jsonl", "kept\n");
        run(&audit, &[stream, text(&audit)]).with(3).prints("").says(&["--audit", stream]);
        assert_eq!(fs::read_to_string(&audit).unwrap(), "kept\n");
    }
    let same = fs::OpenOptions::new().append(true).create(true).open(place.path("redirected.jsonl")).unwrap();
    let mut command = place.command();
    command.args(["run", "--audit"]).arg(place.path("redirected.jsonl")).arg(&hello).stdout(same);
    ended(&mut command).with(3).says(&["--audit", "--stdout"]);
}

#[test]
fn an_audit_that_can_not_be_made_is_an_error() {
    let place = Place::new();
    let hello = place.file("hello.wat", HELLO);
    for audit in [place.path("missing/audit.jsonl"), place.folder.path().to_owned(), hello.join("below")] {
        place.run(&["--audit", text(&audit), text(&hello)]).with(1).prints("").says(&["--audit", text(&audit)]);
    }
    let script = format!("mount -o remount,ro \"$1\" && {} run --audit \"$1/audit.jsonl\" \"$2\"", runner());
    match on_tmpfs(&place, "", &script, &[&hello]) {
        Some(ended) => drop(ended.with(1).prints("").says(&["--audit", "Read-only file system"])),
        None => println!("not checked: no file system can be mounted here"),
    }
}

#[test]
fn a_guest_whose_denials_can_not_be_written_down_ends() {
    let place = Place::new();
    let file = place.file("flood.wat", guest(b"x", FLOOD));
    place.run(&["--audit", "/dev/full", text(&file)]).with(1).prints("").says(&["--audit /dev/full", "No space left"]);
    let once = place.run(&["--audit", "/dev/full", text(&file)]);
    assert_eq!(once.err.lines().count(), 1, "{once:#?}");
    // One that is denied nothing is not concerned.
    place.run(&["--audit", "/dev/full", text(&place.file("hello.wat", HELLO))]).with(0).prints("hello\n").silently();
    // A refused import, which ends it anyway.
    let wants = place.file("wants.wat", r#"(module (import "world" "peace" (func)))"#);
    place.run(&["--audit", "/dev/full", text(&wants)]).with(1).says(&["No space left"]);

    let script = format!(
        "{} run --audit \"$1/audit.jsonl\" \"$2\"; status=$?; tail -c 1000 \"$1/audit.jsonl\" >&2; wc -c <\"$1/audit.jsonl\"; exit $status",
        runner()
    );
    match on_tmpfs(&place, "size=64k", &script, &[&file]) {
        Some(ended) => drop(ended.with(1).prints("65536\n").says(&["--audit", "No space left", "no-descriptor"])),
        None => println!("not checked: no file system can be mounted here"),
    }
}

#[test]
fn a_reader_of_the_audit_that_goes_away_ends_the_guest_with_a_word() {
    let place = Place::new();
    let file = place.file("flood.wat", guest(b"x", FLOOD));
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = place.command();
    // The pipe, by a name that opens it once more.
    command.args(["run", "--stdin", "null", "--audit", "/proc/self/fd/0"]).arg(&file);
    let child = command.stdin(writer).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(command);
    let mut first = std::io::BufReader::new(reader);
    let mut line = String::new();
    std::io::BufRead::read_line(&mut first, &mut line).unwrap();
    assert!(serde_json::from_str::<Value>(&line).is_ok(), "{line}");
    drop(first);
    told(child.wait_with_output().unwrap()).with(1).prints("").says(&["--audit", "roken pipe"]);
}

#[test]
fn a_flood_of_denials_is_counted_at_the_end() {
    let place = Place::new();
    let file = place.file("flood.wat", guest(b"x", FLOOD));
    let audit = place.path("audit.jsonl");
    place.run(&["--audit", text(&audit), text(&file)]).with(0).prints("0000000000000001\n").silently();
    let lines = lines(&audit);
    assert_eq!(lines.len(), 10_002);
    assert!(lines.iter().zip(1..).all(|(line, seq)| line["seq"] == seq));
    assert!(lines[..10_000].iter().all(|line| line["verdict"] == "deny"));
    assert_eq!(lines[10_000]["verdict"], "limit");
    let last = &lines[10_001];
    assert_eq!((&last["verdict"], &last["count"]), (&json!("omitted"), &json!(500)));
    let call = "wasi_snapshot_preview1.path_open";
    assert_eq!(last["calls"], json!([{"call": call, "rule": "no-descriptor", "count": 500}]));
}

#[test]
fn what_was_denied_before_the_guest_was_ended_is_there() {
    let place = Place::new();
    let audit = place.path("audit.jsonl");
    let spin = "(drop (call $open (i32.const 0) (i64.const 2))) (loop $forever (br $forever))";
    let file = place.file("spin.wat", guest(b"x", spin));
    place.run(&["--timeout", "200ms", "--audit", text(&audit), text(&file)]).with(124).says(&["--timeout"]);
    assert_eq!(lines(&audit).len(), 1);
    let trap = place.file("trap.wat", guest(b"x", "(drop (call $open (i32.const 0) (i64.const 2))) unreachable"));
    place.run(&["--audit", text(&audit), text(&trap)]).with(134);
    assert_eq!(lines(&audit).len(), 2);
    // A flood that is ended has its counts too.
    let flood = FLOOD.replace("(call $say (i64.const 1))", "(loop $forever (br $forever))");
    fs::remove_file(&audit).unwrap();
    let flood = place.file("flood.wat", guest(b"x", &flood));
    // It is over in milliseconds; emulated, on a busy machine, in seconds.
    let time = if cfg!(target_arch = "aarch64") { "20s" } else { "5s" };
    place.run(&["--timeout", time, "--audit", text(&audit), text(&flood)]).with(124);
    assert_eq!(lines(&audit).last().unwrap()["count"], 500);
}
