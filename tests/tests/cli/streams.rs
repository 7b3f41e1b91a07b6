//! `--stdin`, `--stdout`, `--stderr` and `--escapes`.

use super::guest::guest;
use super::*;
use std::os::unix::process::CommandExt;

/// Copies standard input to standard output, up to a page, and says its length in bytes.
const COPY: &str = r#"(drop (call $read (i32.const 0) (i32.const 4096)))
    (local.set $n (i32.load (i32.const 4)))
    (drop (call $write (i32.const 1) (i32.const 8192) (local.get $n)))
    (drop (call $write (i32.const 2) (i32.const 1024) (i32.const 5)))"#;

#[test]
fn standard_streams_are_files() {
    let place = Place::new();
    let copy = place.file("copy.wat", guest(b"done\n", COPY));
    let input = place.file("in.txt", "from a file\n");
    let output = place.file("out.txt", "something longer that was there before\n");
    let messages = place.path("err.txt");
    let options = ["--stdin", text(&input), "--stdout", text(&output), "--stderr", text(&messages), text(&copy)];
    place.run(&options).with(0).prints("").silently();
    assert_eq!(fs::read_to_string(&output).unwrap(), "from a file\n");
    assert_eq!(fs::read_to_string(&messages).unwrap(), "done\n");
    assert_eq!(fs::read_to_string(&input).unwrap(), "from a file\n");
    // Both into one: nothing is written over.
    place.run(&["--stdin", text(&input), "--stdout", text(&output), "--stderr", text(&output), text(&copy)]).with(0);
    assert_eq!(fs::read_to_string(&output).unwrap(), "from a file\ndone\n");
}

#[test]
fn standard_streams_are_nothing_or_the_hosts() {
    let place = Place::new();
    let copy = place.file("copy.wat", guest(b"done\n", COPY));
    let run = |options: &[&str]| {
        let mut command = place.command();
        with_input(command.current_dir(place.folder.path()).arg("run").args(options).arg(&copy), b"from the host\n")
    };
    let all = ["--stdin", "inherit", "--stdout", "inherit", "--stderr", "inherit"];
    let inherited = run(&all).with(0).prints("from the host\n");
    assert_eq!(inherited.err, "done\n");
    let silent = run(&["--stdin", "null", "--stderr", "null"]).with(0);
    silent.prints("").silently();
    run(&["--stdout", "null"]).with(0).prints("").says(&["done"]);
    assert!(!place.path("null").exists() && !place.path("inherit").exists());
    run(&["--stdout", "./null"]).with(0).prints("");
    assert_eq!(fs::read_to_string(place.path("null")).unwrap(), "from the host\n");
}

#[test]
fn a_stream_that_is_closed_is_nothing_and_never_a_file_that_is_opened_later() {
    let place = Place::new();
    let copy = place.file("copy.wat", guest(b"done\n", COPY));
    let artifact = place.compiled(&copy);
    let input = place.file("in.txt", "from a file\n");
    let bytes = fs::read(&artifact).unwrap();
    // A number of its own is what a program that was started without a stream opens first.
    for closed in [&[0][..], &[1], &[2], &[0, 1, 2]] {
        for file in [&copy, &artifact] {
            let mut command = place.command();
            command.arg("run").arg("--dir-ro").arg(place.folder.path()).arg(file);
            // SAFETY: closing is all that is done between fork and exec.
            unsafe {
                command.pre_exec(move || {
                    closed.iter().for_each(|&fd| _ = libc::close(fd));
                    Ok(())
                })
            };
            let ended = ended(&mut command).with(0).prints("");
            assert_eq!(ended.err, if closed.contains(&2) { "" } else { "done\n" }, "{closed:?}");
        }
    }
    assert_eq!(fs::read(&artifact).unwrap(), bytes);
    assert_eq!(fs::read_to_string(&input).unwrap(), "from a file\n");
}

#[test]
fn a_stream_that_can_not_be_opened_is_refused() {
    let place = Place::new();
    let hello = place.file("hello.wat", HELLO);
    let missing = place.path("missing/file");
    for (option, file) in [
        ("--stdin", &missing),
        ("--stdout", &missing),
        ("--stderr", &missing),
        ("--stdin", &place.folder.path().to_owned()),
        ("--stdout", &place.folder.path().to_owned()),
    ] {
        place.run(&[option, text(file), text(&hello)]).with(3).prints("").says(&[option, text(file)]);
    }
    let script = format!("mount -o remount,ro \"$1\" && {} run --stdout \"$1/out\" \"$2\"", runner());
    match on_tmpfs(&place, "", &script, &[&hello]) {
        Some(ended) => drop(ended.with(3).prints("").says(&["--stdout", "Read-only file system"])),
        None => println!("not checked: no file system can be mounted here"),
    }
}

#[test]
fn a_full_disk_is_the_guests_to_handle() {
    let place = Place::new();
    // Writes 64 KiB until that fails, and says by what: NOSPC.
    let body = r#"(loop $again
        (br_if $again (i32.eqz (local.tee $errno (call $write (i32.const 1) (i32.const 0) (i32.const 65536))))))
        (call $exit (local.get $errno))"#;
    let file = place.file("fill.wat", guest(b"", body));
    let script = format!("{} run --stdout \"$1/out\" \"$2\"; status=$?; wc -c <\"$1/out\"; exit $status", runner());
    match on_tmpfs(&place, "size=256k", &script, &[&file]) {
        Some(ended) => drop(ended.with(51).prints("262144\n").silently()),
        None => println!("not checked: no file system can be mounted here"),
    }
    place.run(&["--stdout", "/dev/full", text(&file)]).with(51);
}

#[test]
fn escape_sequences_pass_or_are_shown() {
    let place = Place::new();
    let text_in = "\x1b[2Jred\x07\ttab\n";
    let write = format!(
        "(drop (call $write (i32.const 1) (i32.const 1024) (i32.const {0})))
         (drop (call $write (i32.const 2) (i32.const 1024) (i32.const {0})))",
        text_in.len()
    );
    let file = place.file("colours.wat", guest(text_in.as_bytes(), &write));
    for raw in [&[][..], &["--escapes", "raw"]] {
        let ended = place.run(&[raw, &[text(&file)]].concat()).with(0).prints(text_in);
        assert_eq!(ended.err, text_in);
    }
    let inert = place.run(&["--escapes", "inert", text(&file)]).with(0);
    for shown in [&inert.out, &inert.err] {
        assert!(shown.contains("[2Jred") && shown.ends_with("\ttab\n"), "{shown:?}");
        assert!(shown.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t')), "{shown:?}");
    }
    let output = place.path("out.txt");
    place.run(&["--escapes", "inert", "--stdout", text(&output), text(&file)]).with(0).prints("");
    assert_eq!(fs::read_to_string(&output).unwrap(), inert.out);
    place.run(&["--escapes", "cooked", text(&file)]).with(2).says(&["--escapes", "raw", "inert"]);
}

/// A guest that says that it begins, and then waits for input that does not come.
fn waiting(place: &Place) -> (std::process::Child, std::process::ChildStdin) {
    let body = "(call $say (i64.const 1)) (call $exit (call $read (i32.const 0) (i32.const 1)))";
    let file = place.file("waits.wat", guest(b"", body));
    let mut command = place.command();
    command.arg("run").arg(&file).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // SAFETY: between fork and exec, only a call that is allowed there: these tests may have been started in the
    // background, where a shell ignores what Control-C sends, and programs inherit that.
    unsafe {
        command.pre_exec(|| {
            libc::signal(libc::SIGINT, libc::SIG_DFL);
            Ok(())
        });
    }
    let mut child = command.spawn().unwrap();
    let mut line = [0; 17];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut line).unwrap();
    let stdin = child.stdin.take().unwrap();
    (child, stdin)
}

#[test]
fn control_c_ends_a_guest_that_waits_for_input() {
    let place = Place::new();
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let (child, stdin) = waiting(&place);
        std::thread::sleep(std::time::Duration::from_millis(50));
        // SAFETY: a child that was not waited for.
        assert_eq!(unsafe { libc::kill(child.id() as i32, signal) }, 0);
        let begun = std::time::Instant::now();
        let ended = told(child.wait_with_output().unwrap());
        assert!(ended.signal == Some(signal) || ended.status == Some(128 + signal), "{ended:#?}");
        assert!(begun.elapsed() < std::time::Duration::from_secs(5));
        drop(stdin);
    }
    let (child, mut stdin) = waiting(&place);
    stdin.write_all(b"x").unwrap();
    told(child.wait_with_output().unwrap()).with(0);
}
