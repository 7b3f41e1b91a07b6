//! The wallet's library that takes a disk, a clock and the network for granted, and has none of them.

use super::*;

#[test]
fn it_finds_what_it_looks_for_and_changes_nothing() {
    let app = App::wallet();
    let before = fs::read(app.path("data/rates/GBP")).unwrap();
    // Of the same day by its clock, so it is taken from its disk.
    app.run(&["statements.zip", "incoming", "GBP"]).with(0).shows(&["costs 52100 GBP, as of 1769850000\n"]);
    // Not on its disk, so it asks the network, and its clock says when: 2026-01-31T12:00:00Z.
    app.run(&["statements.zip", "incoming", "EUR"]).with(0).shows(&["costs 61250 EUR, as of 1769860800\n"]);
    app.run(&["statements.zip", "incoming", "JPY"]).with(0).shows(&["no price: JPY: the server does not know it\n"]);
    assert_eq!(fs::read(app.path("data/rates/GBP")).unwrap(), before);
    let names: Vec<_> = fs::read_dir(app.path("data/rates")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["GBP"], "what it wrote is in the memory of another module");
}

#[test]
fn nothing_is_denied_to_it_because_nothing_is_asked_of_the_host() {
    let app = App::wallet();
    let run = app.bailiwick(&["run", "--audit", "denied.jsonl", ".", "statements.zip", "incoming", "EUR"]);
    run.with(0).shows(&["costs 61250 EUR"]);
    assert_eq!(app.read("denied.jsonl"), "");
}

/// The same module, with nobody in front of it and nothing granted.
#[test]
fn without_them_it_has_no_disk_no_network_and_a_clock_that_stands() {
    let app = App::wallet();
    app.edit("bailiwick.toml", "imports = { fs = { module = \"disk\" }, clock", "imports = { clock");
    app.run(&["statements.zip", "incoming", "GBP"]).with(0).shows(&["no price: GBP: the server does not know it\n"]);
    app.edit("bailiwick.toml", ", net = { module = \"desk\" }", "");
    let run = app.bailiwick(&["run", "--audit", "denied.jsonl", ".", "statements.zip", "incoming", "EUR"]);
    run.with(0).shows(&["no price: EUR: "]);
    assert!(app.read("denied.jsonl").contains("bailiwick:virt/net"), "{}", app.read("denied.jsonl"));
}

#[test]
fn people_see_who_stands_there() {
    let app = App::wallet();
    app.bailiwick(&["explain", "rates"]).with(0).shows(&[
        "has no files but those that wallet/disk shows it",
        "has the time from wallet/calendar, which may tell it any.",
        "has no network but what wallet/desk lets it have",
    ]);
    app.bailiwick(&["graph", "--dot"]).with(0).shows(&["disk", "calendar", "desk"]);
}
