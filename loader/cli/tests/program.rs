//! The program without a guest: help, version, usage. What needs artifacts is tested in the workspace's `tests`, for
//! which this file has a second use: cargo builds a package's programs for its integration tests only.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output};

fn bailiwick(arguments: &[&str]) -> Output {
    started(Path::new(env!("CARGO_BIN_EXE_bailiwick")), arguments)
}

fn started(program: &Path, arguments: &[&str]) -> Output {
    let mut command = match runner() {
        Some(runner) => {
            let mut command = Command::new(runner);
            command.arg(program);
            command
        }
        None => Command::new(program),
    };
    command.args(arguments).output().expect("the program can be started")
}

/// Under emulation a program can't start another one of its own architecture by itself.
fn runner() -> Option<OsString> {
    std::env::var_os("BAILIWICK_RUNNER").filter(|runner| !runner.is_empty())
}

/// Puts a program somewhere. Another process does it: what is open for writing here, and so in a child that another test starts
/// meanwhile, can't be started.
fn install(program: &str, to: &Path) {
    let status = Command::new("install").args(["-m", "755", program]).arg(to).status();
    assert!(status.expect("install(1)").success());
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn help_shows_examples_and_exit_statuses_on_standard_output() {
    let output = bailiwick(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    for status in ["1 ", "2 ", "3 ", "124 ", "134 "] {
        assert!(text.contains(&format!("\n  {status}")), "status {status} is not in {text}");
    }
    let run = String::from_utf8(bailiwick(&["run", "--help"]).stdout).unwrap();
    assert!(run.contains("Examples:") && run.contains("--dir-ro"), "{run}");
}

#[test]
fn the_version_is_the_packages() {
    let output = bailiwick(&["--version"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("bailiwick {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_ends_with_2_and_says_why_on_standard_error() {
    let wrong: [(&[&str], &str); 5] = [
        (&[], "Usage"),
        (&["frobnicate"], "frobnicate"),
        (&["run"], "FILE"),
        (&["run", "--dir", "::x", "file"], "HOST::GUEST"),
        (&["run", "--timeout", "soon", "file"], "timeout"),
    ];
    for (arguments, word) in wrong {
        let output = bailiwick(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(word), "{arguments:?}: {text}");
    }
}

#[test]
fn completions_are_printed_for_each_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let output = started(Path::new(env!("CARGO_BIN_EXE_bailiwick-tools")), &["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8(output.stdout).unwrap().contains("bailiwick"), "{shell}");
    }
}

#[test]
fn both_programs_say_the_same() {
    let tools = Path::new(env!("CARGO_BIN_EXE_bailiwick-tools"));
    for arguments in [
        &[][..],
        &["--help"],
        &["-h"],
        &["help"],
        &["help", "run"],
        &["help", "nonsense"],
        &["--version"],
        &["chek"],
        &["--nonsense"],
        &["run"],
        &["run", "--help"],
        &["run", "--nonsense"],
        &["run", "none.bwk"],
    ] {
        let (ours, theirs) = (bailiwick(arguments), started(tools, arguments));
        assert_eq!((ours.status.code(), text(&ours.stdout)), (theirs.status.code(), text(&theirs.stdout)));
        assert_eq!(text(&ours.stderr), text(&theirs.stderr), "{arguments:?}");
    }
    assert!(text(&bailiwick(&["chek"]).stderr).contains("a similar subcommand exists: 'check'"));
}

#[test]
fn the_other_commands_are_those_of_the_program_beside_it() {
    if runner().is_some() {
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("beside");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let alone = folder.join("bailiwick");
    install(env!("CARGO_BIN_EXE_bailiwick"), &alone);

    let help = started(&alone, &["--help"]);
    assert_eq!((help.status.code(), text(&help.stdout)), (Some(0), text(&bailiwick(&["--help"]).stdout)));
    for arguments in [&["check"][..], &["inspect", "--help"], &["help", "lock"], &["completions", "bash"]] {
        let output = started(&alone, arguments);
        let said = text(&output.stderr);
        let named = arguments[usize::from(arguments[0] == "help")];
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""), "{said}");
        assert!(said.contains(&format!("{}: ", folder.join("bailiwick-tools").display())), "{said}");
        assert!(said.contains(&format!("`{named}` is a command of that program")), "{said}");
    }

    // What lies there is what it becomes, with the same arguments, streams and status: whatever PATH says.
    let (script, tools) = (folder.join("script"), folder.join("bailiwick-tools"));
    std::fs::write(&script, "#!/bin/sh\necho \"$@\"; echo wrong >&2; exit 3\n").unwrap();
    install(script.to_str().unwrap(), &tools);
    let output = started(&alone, &["check", "--json", "a b"]);
    let said = (output.status.code(), text(&output.stdout), text(&output.stderr));
    assert_eq!(said, (Some(3), "check --json a b\n", "wrong\n"));
    std::fs::write(&script, "#!/bin/sh\nkill -KILL $$\n").unwrap();
    install(script.to_str().unwrap(), &tools);
    let output = started(&alone, &["check"]);
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&output.status), Some(9));
}
