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
    app.run(&[]).with(0).shows(&["inflate is dead"]);
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

/// An application that holds something of each kind, and its lock.
fn holding() -> App {
    let app = App::empty();
    app.file("app.wat", "(module (func (export \"_start\")))");
    app.file("lib.wat", "(module)");
    for folder in ["data/sub", "other"] {
        fs::create_dir_all(app.path(folder)).unwrap();
    }
    app.file(
        "bailiwick.toml",
        "[package]\nname = \"app\"\nversion = \"1\"\nmodule = \"app.wat\"\n[host]\n\
         data = { kind = \"dir\", path = \"data\", rights = [\"list\", \"read\", \"write\"], max_bytes = \"1MiB\" }\n\
         out = { kind = \"stdio\", stdin = \"null\", stdout = { file = \"out.txt\" }, stderr = \"inherit\" }\n\
         env = { kind = \"env\", allow = [\"LANG\", \"HOME\"], set = { A = \"1\" } }\n\
         args = { kind = \"args\", command_line = true }\n\
         clock = { kind = \"clock\", resolution = \"1ms\" }\n\
         random = { kind = \"random\", seed = \"s\" }\n\
         [grants]\nout = \"out\"\nenv = \"env\"\nargs = \"args\"\nclock = \"clock\"\nrandom = \"random\"\n\
         [deps.lib]\nmodule = \"lib.wat\"\ngrants.data = { from = \"data\", sub = \"sub\", max_bytes = \"64KiB\" }\n\
         limits = { memory = \"16MiB\", descriptors = 16, time = \"2s/call\" }\n",
    );
    app.bailiwick(&["lock"]).with(0);
    app.bailiwick(&["check"]).with(0);
    app.bailiwick(&["diff"]).with(0).prints("no difference\n");
    app
}

#[test]
fn everything_that_is_granted_is_locked_and_more_is_told_from_less() {
    let (breaks, not) = (3, 0);
    for (from, to, status, shown) in [
        // What was once read is not a line of another place, stream, name or seed.
        (
            "path = \"data\"",
            "path = \"other\"",
            breaks,
            "[host] data dir data (max_bytes 1.0 MiB; list, read, write) → dir other",
        ),
        ("file = \"out.txt\"", "file = \"other.txt\"", breaks, "stdout is \"other.txt\""),
        ("seed = \"s\"", "seed = \"t\"", breaks, "slot random: random"),
        ("seed = \"s\"", "source = \"host\"", breaks, "source host"),
        ("A = \"1\"", "A = \"2\"", breaks, "slot env: env"),
        ("\"LANG\", \"HOME\"", "\"LANG\", \"HOME\", \"PATH\"", breaks, "PATH of the host"),
        ("\"LANG\", \"HOME\"", "\"LANG\"", not, "slot env: env"),
        (
            "resolution = \"1ms\"",
            "resolution = \"1us\"",
            breaks,
            "resolution_ns 1000000; time host) → clock (resolution_ns 1000; time host)",
        ),
        ("resolution = \"1ms\"", "resolution = \"1s\"", not, "slot clock"),
        ("resolution = \"1ms\"", "virtual = true", not, "time virtual"),
        ("stderr = \"inherit\"", "stderr = \"null\"", not, "stderr null"),
        ("stdin = \"null\"", "stdin = \"inherit\"", breaks, "stdin inherit"),
        ("command_line = true", "command_line = false", not, "slot args"),
        ("command_line = true", "command_line = true, fixed = [\"x\"]", breaks, "slot args"),
        // The sum of what all may write.
        ("max_bytes = \"1MiB\"", "max_bytes = \"2MiB\"", breaks, "! [host] data dir data (max_bytes 1.0 MiB"),
        ("max_bytes = \"1MiB\"", "max_bytes = \"512KiB\"", not, "[host] data"),
        (
            "max_bytes = \"64KiB\"",
            "max_bytes = \"65KiB\"",
            breaks,
            "! app/lib slot data: dir data/sub (max_bytes 64.0 KiB; ",
        ),
        ("max_bytes = \"64KiB\"", "max_bytes = \"63KiB\"", not, "  app/lib slot data"),
        ("max_bytes = \"64KiB\"", "max_bytes = \"64KiB\", rights = [\"read\"]", not, "  app/lib slot data"),
        ("sub = \"sub\"", "sub = \".\"", breaks, "! app/lib slot data"),
        ("sub = \"sub\"", "sub = \"sub/x\"", not, "dir data/sub/x"),
        // Limits: smaller ones are no more authority.
        ("memory = \"16MiB\"", "memory = \"8MiB\"", not, "  app/lib limits.memory: 16.0 MiB → 8.0 MiB\n"),
        ("memory = \"16MiB\"", "memory = \"17MiB\"", breaks, "! app/lib limits.memory: 16.0 MiB → 17.0 MiB\n"),
        ("memory = \"16MiB\", ", "", breaks, "! app/lib limits.memory: 16.0 MiB → the default\n"),
        (
            "time = \"2s/call\"",
            "time = \"1s/call\", table = 10",
            not,
            "  app/lib limits.table: the default → 10, limits.time: 2s → 1s\n",
        ),
        (
            "time = \"2s/call\"",
            "time = \"1s/call\", stack = \"16MiB\"",
            breaks,
            "! app/lib limits.stack: the default → 16.0 MiB",
        ),
        (", time = \"2s/call\" }", " }\non_fault = \"error\"", breaks, "! app/lib on_fault: trap → error\n"),
    ] {
        let app = holding();
        app.edit("bailiwick.toml", from, to);
        let ended = app.bailiwick(&["diff"]);
        assert_eq!(ended.status, Some(status), "{from} → {to}: {ended:#?}");
        assert!(ended.out.contains(shown), "{from} → {to} shows no {shown:?}: {ended:#?}");
        // Whether more or less: the lock has something else.
        app.bailiwick(&["check"]).with(3).shows(&["E-LOCK app"]);
        app.bailiwick(&["diff", "--accept"]).with(0);
        app.bailiwick(&["check"]).with(0);
        app.bailiwick(&["diff"]).with(0).prints("no difference\n");
    }
}

#[test]
fn what_is_taken_off_a_handle_is_compared_too() {
    let call = "call.extract.dst = { rights = [\"create\", \"write\"] }";
    for (to, status, mark) in [
        ("call.extract.dst = { rights = [\"create\"] }", 0, "  wallet/unzipper "),
        ("call.extract.dst = { rights = [\"write\", \"create\"], max_bytes = \"1KiB\" }", 0, "  wallet/unzipper "),
        ("call.extract.dst = { rights = [\"create\", \"write\", \"read\"] }", 3, "! wallet/unzipper "),
        (
            "",
            3,
            "! wallet/unzipper unzipper 1.2.0: the handle extract.dst is at most: dir (write, create) → all that its caller has\n",
        ),
    ] {
        let app = locked();
        app.edit("bailiwick.toml", call, to);
        app.bailiwick(&["diff"]).with(status).shows(&[mark]);
    }
}

#[test]
fn other_code_under_the_same_version_is_told_loudly() {
    let app = locked();
    app.update("notify", "notify_sweep");
    let said = "OTHER CODE UNDER THE SAME VERSION";
    let ended = app.bailiwick(&["diff"]).with(3).shows(&["? wallet/easydex/format/notify notify 1.0.0: ", said]);
    assert_eq!(ended.out.lines().filter(|line| line.contains(said)).count(), 1);
    let changes = serde_json::from_str::<serde_json::Value>(&app.bailiwick(&["diff", "--json"]).out).unwrap();
    assert!(changes["changes"].as_array().unwrap().iter().any(|change| change["class"] == "same-version"), "{changes}");
    // With a version of its own it is an update as any.
    app.edit("notify/bailiwick.toml", "1.0.0", "1.0.1");
    app.bailiwick(&["diff"]).without(said);
}

#[test]
fn another_package_in_the_same_place_is_a_breaking_change() {
    let app = locked();
    app.edit("notify/bailiwick.toml", "name = \"notify\"", "name = \"notlfy\"");
    app.bailiwick(&["diff"])
        .with(3)
        .shows(&["! wallet/easydex/format/notify notify 1.0.0 → notlfy 1.0.0: another package"]);
    app.run(&[]).with(3).says(&["another package than the lock has"]);
}

#[test]
fn a_lock_of_an_earlier_version_says_what_to_do() {
    let app = locked();
    let text = app.read("bailiwick.lock").replace("\"bailiwick_lock\": 2", "\"bailiwick_lock\": 1");
    app.file("bailiwick.lock", text);
    for command in [&["check"][..], &["run", "."], &["diff"], &["build", "-o", "out"]] {
        app.bailiwick(command).with(1).prints("").says(&[
            "bailiwick.lock: written by an earlier version of bailiwick, which locked less (lock version 1, now 2)",
            "then write it anew with `bailiwick lock`",
        ]);
    }
    app.bailiwick(&["lock"]).with(0);
    app.bailiwick(&["check"]).with(0);
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
