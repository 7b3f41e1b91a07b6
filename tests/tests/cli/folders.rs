//! What a guest sees of the file system.

use super::guest::{OPEN, guest};
use super::*;

#[test]
fn nothing_of_the_file_system_is_granted_by_default() {
    let place = Place::new();
    let file = guests().join("demo/jsonfmt.wasm");
    let secret = place.file("secret.json", "{}");
    place.run(&[text(&file), text(&secret)]).with(1).prints("");
    place.run(&[text(&wasm("files")), text(place.folder.path())]).with(1);
}

#[test]
fn a_granted_folder_ends_where_it_ends() {
    let place = Place::new();
    let file = guests().join("demo/jsonfmt.wasm");
    let folder = place.path("granted");
    fs::create_dir_all(folder.join("below")).unwrap();
    fs::write(folder.join("in.json"), "[1]").unwrap();
    fs::write(folder.join("below/in.json"), "[2]").unwrap();
    let secret = place.file("secret.json", "[\"secret\"]");
    std::os::unix::fs::symlink(&secret, folder.join("out.json")).unwrap();
    std::os::unix::fs::symlink("../secret.json", folder.join("up.json")).unwrap();
    std::os::unix::fs::symlink("below/in.json", folder.join("inside.json")).unwrap();
    std::os::unix::fs::symlink("/", folder.join("root")).unwrap();
    let grant = format!("{}::/g", text(&folder));
    let read = |path: &str| place.run(&["--dir-ro", &grant, text(&file), "-c", path]);
    assert_eq!(read("/g/in.json").with(0).out.trim(), "[1]");
    assert_eq!(read("/g/below/../in.json").with(0).out.trim(), "[1]");
    assert_eq!(read("/g/inside.json").with(0).out.trim(), "[2]");
    let outside = text(&secret).trim_start_matches('/').to_owned();
    for path in [
        "/g/out.json",
        "/g/up.json",
        "/g/../secret.json",
        "/g/below/../../secret.json",
        "/secret.json",
        text(&secret),
        &format!("/g/root/{outside}"),
    ] {
        let ended = read(path).with(1);
        assert!(!ended.out.contains("secret") && ended.out.is_empty(), "{path}: {ended:#?}");
    }
}

#[test]
fn a_folder_granted_without_a_name_has_its_own() {
    let place = Place::new();
    let file = guests().join("demo/jsonfmt.wasm");
    let (here, folder) = (place.path("here"), place.path("here/named"));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("in.json"), "[3]").unwrap();
    let run = |arguments: &[&str]| ended(place.command().current_dir(&here).arg("run").args(arguments));
    assert_eq!(run(&["--dir", "named", text(&file), "-c", "named/in.json"]).with(0).out.trim(), "[3]");
    assert_eq!(run(&["--dir", ".", text(&file), "-c", "named/in.json"]).with(0).out.trim(), "[3]");
    let path = folder.join("in.json");
    assert_eq!(run(&["--dir", text(&folder), text(&file), "-c", text(&path)]).with(0).out.trim(), "[3]");
}

#[test]
fn the_cache_is_not_granted_for_writing() {
    // A guest that could write there would decide what runs next.
    let place = Place::new();
    let hello = place.file("hello.wat", HELLO);
    fs::create_dir_all(place.path("cache/bailiwick")).unwrap();
    for folder in [place.folder.path().to_owned(), place.path("cache"), place.path("cache/bailiwick")] {
        place.run(&["--dir", text(&folder), text(&hello)]).with(3).prints("").says(&[text(&folder), "cache"]);
    }
    place.run(&["--dir-ro", text(place.folder.path()), text(&hello)]).with(0).prints("hello\n");
}

#[test]
fn a_folder_granted_for_reading_is_not_written_to() {
    let place = Place::new();
    let folder = place.path("read-only");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("kept"), "kept").unwrap();
    let grant = format!("{}::/work", text(&folder));
    let ended = place.run(&["--dir-ro", &grant, text(&wasm("files")), "/work"]);
    assert_ne!(ended.status, Some(0), "{ended:#?}");
    let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["kept"]);
}

#[test]
fn a_folder_that_can_not_be_granted_is_named() {
    let place = Place::new();
    let hello = place.file("hello.wat", HELLO);
    for folder in [place.path("missing"), hello.clone()] {
        let ended = place.run(&["--dir", text(&folder), text(&hello)]).prints("").says(&[text(&folder)]);
        assert!(matches!(ended.status, Some(1 | 3)), "{ended:#?}");
    }
}

#[test]
fn a_folder_named_by_a_link_is_the_one_that_it_leads_to() {
    let place = Place::new();
    let (folder, link) = (place.path("folder"), place.path("link"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("here"), "x").unwrap();
    std::os::unix::fs::symlink(&folder, &link).unwrap();
    let file = place.file("guest.wat", guest(b"here", OPEN));
    for option in ["--dir", "--dir-ro"] {
        place.run(&[option, &format!("{}::/g", text(&link)), text(&file)]).with(0).silently();
    }
}

/// The error numbers of preview 1 that refusals end with.
const MFILE: i32 = 33;
const NOENT: i32 = 44;
const PERM: i32 = 63;
const XDEV: i32 = 75;
const NOTCAPABLE: i32 = 76;

/// Opens `text` for `rights` of preview 1: 2 to read, 64 to write; `oflags` 1 to create.
fn opens(oflags: u32, rights: u64) -> String {
    format!("(call $exit (call $open (i32.const {oflags}) (i64.const {rights})))")
}

#[test]
fn a_folder_is_granted_with_the_rights_that_are_named() {
    let place = Place::new();
    let folder = place.path("folder");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("here"), "x").unwrap();
    let grant = format!("{}::/g", text(&folder));
    let run = |keys: &str, path: &str, body: &str| {
        let file = place.file("guest.wat", guest(path.as_bytes(), body));
        place.run(&["--dir-with", keys, &grant, text(&file)])
    };
    let (read, write, create) = (opens(0, 2), opens(0, 64), opens(1, 64));
    // What is not there, is not there for anybody.
    for keys in ["rights=read", "rights=list+read", "max-open=9", "rights=stat"] {
        run(keys, "missing", &read).with(NOENT).silently();
    }
    for (keys, body, status) in [
        ("rights=read", &read, 0),
        ("rights=list+read", &read, 0),
        ("rights=list", &read, PERM),
        ("rights=stat", &read, PERM),
        ("rights=write", &write, 0),
        ("rights=read+create", &write, PERM),
        ("max-bytes=1MiB", &write, 0),
        ("cross-mounts", &write, 0),
    ] {
        run(keys, "here", body).with(status).silently();
    }
    for (keys, status) in [("rights=write", PERM), ("rights=list+read", PERM), ("rights=create+write", 0)] {
        run(keys, "new", &create).with(status).silently();
        assert_eq!(folder.join("new").exists(), status == 0, "{keys}");
    }
    run("cross-mounts", "../here", &read).with(NOTCAPABLE);
    // Each right by its name.
    let every = "rights=list+read+write+create+delete+rename+link+symlink+times,max-bytes=1,max-open=1,cross-mounts";
    run(every, "here", &read).with(0).silently();
}

#[test]
fn a_folder_takes_the_bytes_and_descriptors_that_are_granted() {
    let place = Place::new();
    let folder = place.path("folder");
    fs::create_dir(&folder).unwrap();
    let grant = format!("{}::/g", text(&folder));
    // Writes a page until that fails.
    let fill = r#"(drop (call $open (i32.const 1) (i64.const 64)))
        (loop $again
            (br_if $again (i32.eqz (local.tee $errno
                (call $write (i32.load (i32.const 0)) (i32.const 0) (i32.const 4096))))))
        (call $exit (local.get $errno))"#;
    let file = place.file("fill.wat", guest(b"filled", fill));
    let filled = place.run(&["--dir-with", "max-bytes=10KiB", &grant, text(&file)]).silently();
    assert!(matches!(filled.status, Some(19 | 51)), "DQUOT or NOSPC: {filled:#?}");
    let size = fs::metadata(folder.join("filled")).unwrap().len();
    assert!(size <= 10 * 1024 && size > 4096, "{size}");

    // Opens the folder until that fails, and says how often it did not.
    let open = r#"(loop $again
            (local.set $errno (call $open (i32.const 0) (i64.const 0)))
            (if (i32.eqz (local.get $errno)) (then
                (local.set $n (i32.add (local.get $n) (i32.const 1)))
                (br $again))))
        (call $say (i64.extend_i32_u (local.get $n)))
        (call $exit (local.get $errno))"#;
    let file = place.file("open.wat", guest(b".", open));
    place.run(&["--dir-with", "max-open=7", &grant, text(&file)]).with(MFILE).prints("0000000000000007\n").silently();
    place.run(&["--dir", &grant, "--max-descriptors", "9", text(&file)]).with(MFILE).prints("0000000000000005\n");
    // Its own limit comes first, and not that of the process, which it shares with others.
    let limited = |hard: &str| {
        let run = place.command();
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -Sn 32; {hard}; exec \"$@\""), "sh"]).arg(run.get_program());
        command.args(run.get_args()).args(["run", "--dir", &grant, "--max-descriptors", "600", text(&file)]);
        run.get_envs().filter_map(|(name, value)| Some((name, value?))).for_each(|(name, value)| {
            command.env(name, value);
        });
        ended(command.stdin(Stdio::null()))
    };
    limited("true").with(MFILE).prints("0000000000000254\n");
    let by_the_host = limited("ulimit -Hn 64");
    assert!(matches!(by_the_host.status, Some(MFILE | 41)), "MFILE or NFILE: {by_the_host:#?}");
    assert!(by_the_host.out.as_str() < "0000000000000040\n", "{by_the_host:#?}");
    for wrong in ["2", "-1", "many", ""] {
        place.run(&["--max-descriptors", wrong, text(&file)]).with(2).says(&["--max-descriptors"]);
    }
    place.run(&["--dir", &grant, "--max-descriptors", "3", text(&file)]).with(3).prints("");
}

#[test]
fn what_is_mounted_below_a_folder_is_granted_apart() {
    let place = Place::new();
    let file = place.file("guest.wat", guest(b"mounted/file", OPEN));
    for (keys, status) in [("rights=list+read", XDEV), ("rights=list+read,cross-mounts", 0)] {
        let place = Place::new();
        let script = format!("echo x >\"$1/file\" && {} run --dir-with {keys} \"$2::/g\" \"$3\"", runner());
        match on_tmpfs(&place, "", &script, &[place.folder.path(), &file]) {
            Some(ended) => assert!(
                ended.status == Some(status) || status == XDEV && ended.status == Some(NOTCAPABLE),
                "{ended:#?}"
            ),
            None => println!("not checked: no file system can be mounted here"),
        }
    }
}

#[test]
fn keys_that_there_are_not_are_wrong_usage_that_names_those_that_there_are() {
    let place = Place::new();
    let hello = place.file("hello.wat", HELLO);
    let run = |keys: &str| place.run(&["--dir-with", keys, text(place.folder.path()), text(&hello)]).with(2).prints("");
    for wrong in ["", "right=read", "rights", "read", "cross-mounts=no", "rights=read,", "rights=read;max-open=1"] {
        let ended = run(wrong).says(&["--dir-with"]);
        let named = ["rights=", "max-bytes=", "max-open=", "cross-mounts"].iter().all(|key| ended.err.contains(key));
        assert!(named || ended.err.contains("symlink"), "{wrong:?}: {ended:#?}");
    }
    for wrong in ["rights=", "rights=everything", "rights=read+all", "rights=READ"] {
        run(wrong).says(&["list", "read", "write", "create", "delete", "rename", "link", "symlink", "times"]);
    }
    for wrong in ["max-bytes=", "max-bytes=lots", "max-open=-1", "max-open=x", "rights=read,rights=list"] {
        run(wrong).says(&["--dir-with"]);
    }
    place.run(&["--dir-with", "rights=read", "", text(&hello)]).with(2);
    place.run(&["--dir-with", "rights=read"]).with(2);
}
