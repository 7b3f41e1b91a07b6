//! Attacks 16, 17 and 20: other bytes than those that somebody has looked at.

use super::*;

fn locked() -> App {
    let app = App::wallet();
    app.bailiwick(&["lock"]).with(0);
    app
}

#[test]
fn a_lock_is_the_same_for_the_same_application() {
    let (one, other) = (locked(), locked());
    assert_eq!(one.read("bailiwick.lock"), other.read("bailiwick.lock"));
    one.bailiwick(&["check"]).with(0);
    one.bailiwick(&["diff"]).with(0).prints("no difference\n");
    one.run(&[]).with(0).prints(HONEST);
}

#[test]
fn attack_17_a_module_that_is_replaced_after_the_check_does_not_run() {
    let app = locked();
    app.bailiwick(&["check"]).with(0);
    app.update("inflate", "inflate_exit");
    app.run(&[]).with(3).prints("").says(&["E-LOCK wallet → unzipper → inflate"]);

    // Control: without the lock it runs.
    fs::remove_file(app.path("bailiwick.lock")).unwrap();
    app.run(&[]).with(0).shows(&["wallet/unzipper/inflate is dead"]);
}

#[test]
fn attack_17_nor_does_one_in_a_folder_that_was_built() {
    let app = App::wallet();
    app.bailiwick(&["build", "-o", "good"]).with(0);
    app.update("notify", "notify_sweep").bailiwick(&["build", "-o", "bad"]).with(0);
    let modules = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(app.path(folder).join("modules")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let (good, bad) = (modules("good"), modules("bad"));
    let [old] = good.iter().filter(|name| !bad.contains(name)).collect::<Vec<_>>()[..] else { panic!("{good:?}") };
    let [new] = bad.iter().filter(|name| !good.contains(name)).collect::<Vec<_>>()[..] else { panic!("{bad:?}") };
    fs::copy(app.path("bad/modules").join(new), app.path("good/modules").join(old)).unwrap();
    app.bailiwick(&["run", "good"]).with(3).prints("").says(&["E-LOCK wallet → easydex → format → notify"]);
    app.bailiwick(&["check", "good"]).with(3);
}

#[test]
fn attack_16_a_module_with_a_flipped_byte_does_not_run() {
    let app = App::wallet();
    app.bailiwick(&["build", "-o", "built"]).with(0);
    let module = fs::read_dir(app.path("built/modules")).unwrap().next().unwrap().unwrap().path();
    let good = fs::read(&module).unwrap();
    for at in [0, good.len() / 3, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&module, &bad).unwrap();
        let ended = app.bailiwick(&["run", "built"]).prints("");
        assert!(matches!(ended.status, Some(1 | 3)), "byte {at}: {ended:#?}");
    }
}

#[test]
fn attack_20_the_same_name_and_version_with_other_bytes() {
    let app = locked();
    app.update("notify", "notify_sweep");
    let said = "E-LOCK wallet → easydex → format → notify: other bytes, or other imports that its code can reach, than \
                the lock has although it is still called version \"1.0.0\"; look at `bailiwick diff`\n";
    app.bailiwick(&["check"]).with(3).prints(said);
    app.run(&[]).with(3).prints("");
}

#[test]
fn other_grants_are_other_than_the_lock_has() {
    for (file, from, to) in [
        ("bailiwick.toml", "sub = \"orders\"", "sub = \".\""),
        ("easydex/bailiwick.toml", "grants.out = \"out\"\n", ""),
    ] {
        let app = locked();
        app.edit(file, from, to);
        app.run(&[]).with(3).prints("");
    }
    let app = locked();
    app.edit("bailiwick.toml", "sub = \"orders\"", "sub = \".\"");
    app.bailiwick(&["diff"]).with(3).shows(&["! wallet/easydex ", "slot book", "! wallet/easydex/format "]);
    // Less is no breaking change.
    let app = locked();
    app.edit("bailiwick.toml", "max_bytes = \"64KiB\" }\ngrants.out", "max_bytes = \"4KiB\" }\ngrants.out");
    app.bailiwick(&["diff"]).with(0).shows(&["  wallet/easydex "]);
}

#[test]
fn what_an_edge_takes_off_handles_and_its_limits_are_locked_too() {
    for (from, to) in [
        ("call.extract.dst = { rights = [\"create\", \"write\"] }", ""),
        ("rights = [\"create\", \"write\"] }\n", "rights = [\"create\", \"write\", \"read\"] }\n"),
        ("memory = \"16MiB\", ", ""),
    ] {
        let app = locked();
        let text = app.read("bailiwick.toml");
        let (before, unzipper) = text.split_at(text.find("[deps.unzipper]").unwrap());
        assert_eq!(unzipper.matches(from).count(), 1, "{unzipper}");
        app.file("bailiwick.toml", format!("{before}{}", unzipper.replace(from, to)));
        app.bailiwick(&["diff"]).with(3).shows(&["! wallet/unzipper "]);
        app.run(&[]).with(3).prints("").says(&["E-LOCK wallet → unzipper"]);
    }
}

#[test]
fn a_new_dependency_is_a_breaking_change() {
    let app = locked();
    let text = app.read("bailiwick.toml");
    app.file("bailiwick.toml", format!("{text}\n[deps.more]\nmodule = \"inflate/bailiwick.toml\"\n"));
    app.bailiwick(&["diff"]).with(3).shows(&["! wallet/more a new instance, inflate 1.3.0"]);
    app.run(&[]).with(3).says(&["E-LOCK wallet → more: it is not in the lock"]);
}

#[test]
fn what_is_no_lock_is_refused() {
    let app = App::wallet();
    for text in ["", "{}", "[]", "{\"bailiwick_lock\": 99}", "\u{0}"] {
        app.file("bailiwick.lock", text);
        app.bailiwick(&["check"]).with(1).says(&["bailiwick.lock"]);
        app.run(&[]).with(1).prints("");
    }
}
