//! The program without a guest: help, version, usage. What needs artifacts is tested in the workspace's `tests`, for
//! which this file has a second use: cargo builds a package's programs for its integration tests only.

use std::process::{Command, Output};

fn bailiwick(arguments: &[&str]) -> Output {
    // Under emulation a program can't start another one of its own architecture by itself.
    let program = env!("CARGO_BIN_EXE_bailiwick");
    let mut command = match std::env::var_os("BAILIWICK_RUNNER") {
        Some(runner) => {
            let mut command = Command::new(runner);
            command.arg(program);
            command
        }
        None => Command::new(program),
    };
    command.args(arguments).output().expect("bailiwick can be started")
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
        let output = bailiwick(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8(output.stdout).unwrap().contains("bailiwick"), "{shell}");
    }
}
