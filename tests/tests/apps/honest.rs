//! The example application as it is meant to be.

use super::*;

#[test]
fn it_runs_from_webassembly_and_from_a_folder_that_needs_no_compiler() {
    let app = App::wallet();
    app.run(&[]).with(0).prints(HONEST);
    app.bailiwick(&["build", "-o", "deployed"]).with(0).prints("deployed: 7 instances\n");
    copy(&built().wallet.join("data"), &{
        let data = app.path("deployed/data");
        fs::create_dir(&data).unwrap();
        data
    });
    let mut deployed = app.command();
    deployed.env("BAILIWICKC", "/nonexistent").args(["run", "deployed"]);
    ended(&mut deployed).with(0).prints(HONEST);
    // What was built is what is checked: its own lock lies beside it.
    app.bailiwick(&["check", "deployed"]).with(0).prints("deployed/bailiwick.toml: ok: 7 instances, 76 imports\n");
}

#[test]
fn what_it_leaves_behind() {
    let app = App::wallet();
    app.run(&[]).with(0);
    let archive = fs::read(app.path("data/statements.zip")).unwrap();
    assert!(archive.starts_with(b"PK"), "a ZIP file that another program has written");
    assert_eq!(app.read("data/incoming/readme.txt"), "Your statements of 2026.\n");
    assert_eq!(app.read("data/incoming/2026/note.txt"), "so far, so good, so far, so good\n");
    let january = app.read("data/incoming/2026/january.csv");
    assert_eq!((january.lines().count(), january.lines().next()), (32, Some("date,pair,amount,price")));
    assert!(january.ends_with('\n') && january.lines().skip(1).all(|line| line.starts_with("2026-01-")));
    assert_eq!(app.read("data/orders/001.txt"), "buy 3 KMD/BTC at 4200 for 0cb2fc79edaae556\n");
    // Two that hold nothing of it, by one instance that does.
    assert_eq!(app.read("data/log/log.txt"), "easydex: order 1, told\nunzipper: 3 files\n");
}

#[test]
fn it_is_told_what_the_command_line_says() {
    let app = App::wallet();
    app.run(&["missing.zip"]).with(1).says(&["wallet: missing.zip: No such file"]);
    app.run(&["seed.txt"]).with(0).shows(&["wallet: seed.txt: not extracted: it is no ZIP file"]);
}

#[test]
fn nothing_is_denied_to_it() {
    let app = App::wallet();
    app.bailiwick(&["run", "--audit", "denied.jsonl", "."]).with(0).prints(HONEST);
    assert_eq!(app.read("denied.jsonl"), "");
}
