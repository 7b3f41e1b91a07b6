//! The example application as it is meant to be.

use super::*;

#[test]
fn it_runs_from_webassembly_and_from_a_folder_that_needs_no_compiler() {
    let app = App::wallet();
    app.run(&[]).with(0).prints(HONEST);
    app.bailiwick(&["build", "-o", "deployed"]).with(0).prints("deployed: 11 instances\n");
    copy(&built().wallet.join("data"), &{
        let data = app.path("deployed/data");
        fs::create_dir(&data).unwrap();
        data
    });
    let mut deployed = app.command();
    deployed.env("BAILIWICKC", "/nonexistent").args(["run", "deployed"]);
    ended(&mut deployed).with(0).prints(HONEST);
    // What was built is what is checked: its own lock lies beside it.
    let checked = app.bailiwick(&["check", "deployed"]).with(0);
    checked.shows(&[
        "W-NATIVE wallet → unzipper → inflate: ",
        "\ndeployed/bailiwick.toml: ok: 11 instances, 110 imports\n",
    ]);
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

/// What README has in fences of that language, below that heading.
fn fenced(heading: &str, language: &str) -> Vec<String> {
    let readme = include_str!("../../../README.md");
    let section = readme.split_once(&format!("\n{heading}\n")).expect("the heading").1;
    let section = section.split("\n## ").next().expect("a section");
    let fence = format!("```{language}\n");
    let rests = section.split(&fence).skip(1);
    rests.map(|rest| rest.split("\n```").next().expect("its end").to_owned()).collect()
}

#[test]
fn the_readme_shows_manifests_that_there_are() {
    let app = App::wallet();
    let shown = fenced("## Applications of strangers' modules", "toml");
    assert_eq!(shown.len(), 3, "{shown:?}");
    for (excerpt, manifest) in shown.iter().zip(["bailiwick.toml", "format/bailiwick.toml", "bailiwick.toml"]) {
        let manifest = app.read(manifest);
        for part in excerpt.split("\n\n") {
            assert!(manifest.contains(&format!("{part}\n")), "it has not:\n{part}\n\n{manifest}");
        }
    }
}

#[test]
fn the_readme_shows_what_the_application_prints() {
    // One folder for all, as who follows it has.
    let app = App::wallet();
    let shown = &fenced("## Applications of strangers' modules", "text")[0];
    let expect = |ended: Ended| assert!(shown.contains(&ended.out), "it has not:\n{}", ended.out);
    expect(app.bailiwick(&["check"]).with(0));
    expect(app.bailiwick(&["run", "."]).with(0));
    app.bailiwick(&["lock"]).with(0);
    app.update("notify", "notify_network").edit("notify/bailiwick.toml", "1.0.0", "1.0.1");
    expect(app.bailiwick(&["diff"]).with(3));
    fs::remove_file(app.path("bailiwick.lock")).unwrap();
    for attack in ["notify_scan", "notify_loop"] {
        app.update("notify", attack);
        expect(app.bailiwick(&["run", "."]).with(0));
    }
}
