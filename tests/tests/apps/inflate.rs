//! Attacks 7, 8, 13 and 21: an update of the library that only computes.

use super::*;
use std::time::{Duration, Instant};

/// The application with that update of inflate, and a time limit that a test can wait for.
fn updated(attack: &str) -> App {
    let app = App::wallet();
    app.update("inflate", attack).edit("unzipper/bailiwick.toml", "1s/call", "300ms/call");
    app
}

/// Only what inflate was asked for is missing.
#[track_caller]
fn ends_only_itself(app: &App, why: &str) {
    let ended = app.run(&[]).with(0).says(&["note: wallet/unzipper/inflate died"]);
    let reason = format!("2026/january.csv: inflate is dead: {why}");
    let (before, after) = (honest_but_for("statements.zip", &reason), "\nwallet: the seed is as it was\n");
    let before = before.strip_suffix(after).unwrap();
    assert!(ended.out.starts_with(before) && ended.out.ends_with(after), "expected {before:?}: {ended:#?}");
    assert_eq!(app.read("data/incoming/readme.txt"), "Your statements of 2026.\n");
}

#[test]
fn attack_7_a_miner_is_ended_when_its_time_is_over() {
    let app = updated("inflate_loop");
    ends_only_itself(&app, "a call of it took more than 300ms");

    // Control: without the limit it mines on. The call of unzipper above it has one too.
    let app = updated("inflate_loop");
    app.edit("unzipper/bailiwick.toml", ", time = \"300ms/call\"", "");
    app.edit("bailiwick.toml", "16, time = \"2s/call\" }\ncall", "16 }\ncall");
    let began = Instant::now();
    let mut child = app.command().args(["run", "."]).stdout(Stdio::null()).spawn().expect("it starts");
    while began.elapsed() < Duration::from_secs(2) {
        assert_eq!(child.try_wait().expect("its state"), None, "it has ended");
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().expect("it ends");
    child.wait().expect("it has ended");
}

#[test]
fn attack_7_the_time_of_a_call_is_that_of_the_calls_below_it_too() {
    let app = updated("inflate_loop");
    app.edit("unzipper/bailiwick.toml", ", time = \"300ms/call\"", "");
    app.edit("bailiwick.toml", "16, time = \"2s/call\" }\ncall", "16, time = \"300ms/call\" }\ncall");
    // The wallet's edge to unzipper says `trap`.
    app.run(&[]).with(134).shows(&["order 1"]).says(&["wallet → unzipper: extract", "took more than 300ms"]);
}

#[test]
fn attack_7_memory_is_taken_up_to_the_limit() {
    ends_only_itself(&updated("inflate_memory"), "the callee ended: wasm `unreachable` instruction executed");

    // Control: 48 MiB for each of two calls is no wonder where 128 MiB are allowed.
    let app = updated("inflate_memory");
    app.edit("unzipper/bailiwick.toml", "8MiB", "128MiB").edit("bailiwick.toml", "16MiB", "128MiB");
    app.run(&[]).with(0).prints(HONEST);
}

#[test]
fn attack_13_an_allocator_that_lies() {
    // Control: one that does not.
    updated("inflate_realloc").run(&[]).with(0).prints(HONEST);
    for (lie, why) in [
        (1, "parameter packed: the callee has an allocation of 282 bytes at address"),
        (2, "parameter packed: the callee has an allocation of 282 bytes at address 4294967295, beyond its memory"),
        (3, "parameter packed: the callee has an allocation of 282 bytes at address"),
        (4, "parameter packed: the callee ended: wasm `unreachable` instruction executed"),
        (5, "a call of it took more than 300ms"),
        (6, "parameter packed: the callee ended: "),
    ] {
        ends_only_itself(&updated(&format!("inflate_realloc_{lie}")), why);
    }
}

#[test]
fn attack_21_exit_and_descriptors_of_a_dependency_are_its_own() {
    let app = updated("inflate_exit");
    ends_only_itself(&app, "the callee ended: the guest ended with exit status 7");
    let app = updated("inflate_exit");
    app.bailiwick(&["run", "--audit", "denied.jsonl", "."]).with(0);
    let denied = app.read("denied.jsonl");
    for call in ["fd_renumber", "fd_close"] {
        assert!(denied.contains(&format!("wasi_snapshot_preview1.{call}")), "{denied}");
    }
    assert!(denied.lines().all(|line| line.contains("\"wallet/unzipper/inflate\"")), "{denied}");
}
