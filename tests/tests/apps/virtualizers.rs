//! The virtualizers that are always there, each before a program that knows nothing of it.
//!
//! What an in-memory file system or an overlay does is compared with a folder of the host: `walk` does at random what can
//! be done with files and prints what came of it, so both print the same.

use super::*;

/// Steps of a walk.
const STEPS: &str = "1500";

/// A program that holds a terminal and its arguments, and what else `more` says.
fn program(module: &str, host: &str, grants: &str, more: &str) -> App {
    App::programs(&format!(
        "[package]\nname = \"program\"\nversion = \"1.0.0\"\nmodule = \"{module}.wasm\"\n\
         [host]\nout = {{ kind = \"stdio\", stdout = \"inherit\", stderr = \"inherit\" }}\n\
         command = {{ kind = \"args\", command_line = true }}\n{host}\n\
         [grants]\nout = \"out\"\ncommand = \"command\"\n{grants}\n{more}\n"
    ))
}

/// The same over virtualizers; `imports` says which of `deps` answer what.
fn virtual_program(module: &str, host: &str, imports: &str, deps: &str) -> App {
    program(module, host, "", &format!("[imports]\n{imports}\n{deps}"))
}

const ALL_RIGHTS: &str = r#"["list", "read", "write", "create", "delete", "rename", "link", "symlink", "times"]"#;

/// A program that is granted the folder `data`.
fn over_a_folder(module: &str) -> App {
    let data = format!("data = {{ kind = \"dir\", path = \"data\", rights = {ALL_RIGHTS} }}");
    let app = program(module, &data, "data = { from = \"data\", at = \"/\" }", "");
    fs::create_dir(app.path("data")).expect("a folder");
    app
}

const MEMFS: &str = "fs = { module = \"memfs\" }";
const DEP_MEMFS: &str = "[deps.memfs]\nmodule = \"bailiwick:memfs\"\nlimits = { memory = \"64MiB\" }";

#[test]
fn memory_behaves_as_a_folder_does() {
    let over_memory = virtual_program("walk", "", MEMFS, DEP_MEMFS);
    let by_typed_calls = program("walk_typed", "", "", DEP_MEMFS);
    for seed in ["1", "2", "3"] {
        let folder = over_a_folder("walk").run(&[seed, STEPS]).with(0).out;
        assert!(folder.lines().count() > 1000, "the walk goes nowhere:\n{folder}");
        same(seed, &folder, &over_memory.run(&[seed, STEPS]).with(0).out);
        same(seed, &folder, &by_typed_calls.run(&[seed, STEPS]).with(0).out);
    }
}

/// The first line that differs says more than both texts.
#[track_caller]
fn same(seed: &str, expected: &str, found: &str) {
    let differs = expected.lines().zip(found.lines()).find(|(expected, found)| expected != found);
    assert!(differs.is_none(), "seed {seed}: expected and found: {differs:?}");
    assert_eq!(expected.len(), found.len(), "seed {seed}");
}

#[test]
fn a_program_of_files_prints_over_memory_what_it_prints_over_a_folder() {
    let folder = over_a_folder("files").run(&["/"]).with(0).out;
    virtual_program("files", "", MEMFS, DEP_MEMFS).run(&["/"]).with(0).prints(&folder);
}

/// A folder with something in it, for those that show it.
fn furnish(app: &App) {
    app.file("data/notes/today.txt", "buy milk");
    app.file("data/large", "0123456789abcdef".repeat(5000));
    std::os::unix::fs::symlink("notes/today.txt", app.path("data/link")).expect("a link");
}

/// A virtualizer of files that holds the folder `data` for reading.
fn holding_data(name: &str) -> (String, String) {
    let deps = format!(
        "[deps.{name}]\nmodule = \"bailiwick:{name}\"\nlimits = {{ memory = \"64MiB\" }}\n\
         grants.data = {{ from = \"data\", at = \"/\" }}"
    );
    ("data = { kind = \"dir\", path = \"data\", rights = [\"list\", \"read\"] }".to_owned(), deps)
}

#[test]
fn what_is_changed_over_an_overlay_or_filled_memory_is_as_in_a_folder_and_the_folder_stays() {
    for seed in ["4", "5"] {
        let real = over_a_folder("walk");
        furnish(&real);
        let expected = real.run(&[seed, STEPS]).with(0).out;
        for name in ["memfs", "overlay"] {
            let (host, deps) = holding_data(name);
            let app = virtual_program("walk", &host, &format!("fs = {{ module = \"{name}\" }}"), &deps);
            furnish(&app);
            same(seed, &expected, &app.run(&[seed, STEPS]).with(0).out);
            assert_eq!(app.read("data/notes/today.txt"), "buy milk", "{name}");
            assert_eq!(fs::read_dir(app.path("data")).expect("a folder").count(), 3, "{name}");
        }
    }
}

/// The overlay holds no folder of the host's: another virtualizer answers its own calls.
#[test]
fn an_overlay_lies_over_memory_and_a_log_before_both() {
    let deps = format!(
        "{DEP_MEMFS}\n[deps.overlay]\nmodule = \"bailiwick:overlay\"\nlimits = {{ memory = \"64MiB\" }}\n\
         imports.fs = {{ module = \"memfs\" }}\n\
         [deps.log]\nmodule = \"bailiwick:logproxy\"\ngrants.out = \"out\"\nimports.fs = {{ module = \"overlay\" }}"
    );
    let app = virtual_program("walk", "", "fs = { module = \"log\" }", &deps);
    app.bailiwick(&["explain", "log"]).with(0).shows(&["program/log (bailiwick:logproxy)\n"]);
    let expected = over_a_folder("walk").run(&["6", STEPS]).with(0).out;
    let ended = app.run(&["6", STEPS]).with(0).says(&["fs.open(folder=", "fs.rename-at(folder=", " error 44\n"]);
    same("6", &expected, &ended.out);
}

#[test]
fn memory_that_is_full_is_no_space_and_what_is_removed_is_space_again() {
    let deps = DEP_MEMFS.replace("64MiB", "4MiB");
    let full = "much: No space left on device\n".repeat(2);
    virtual_program("ask", "", MEMFS, &deps).run(&["fill", "/file"]).with(0).prints(&full);
}

#[test]
fn a_folder_that_memory_has_no_room_for_is_said_and_nothing_of_it_is_shown() {
    let (host, deps) = holding_data("memfs");
    let terminal = format!("{}\ngrants.out = \"out\"", deps.replace("64MiB", "2MiB"));
    let app = virtual_program("ask", &host, MEMFS, &terminal);
    app.file("data/large", "x".repeat(4 << 20));
    let ended =
        app.run(&["say", "here"]).says(&["memfs: its folders can't be read, or hold more than its limits.memory"]);
    assert_ne!(ended.status, Some(0));
    ended.without("here");
}

#[test]
fn a_clock_stands_and_goes_on_by_what_is_slept() {
    let run = |text: &str| {
        let host = format!("when = {{ kind = \"env\", set = {{ {text} }} }}");
        let deps = "[deps.clock]\nmodule = \"bailiwick:fixedclock\"\ngrants.when = \"when\"";
        virtual_program("ask", &host, "clock = { module = \"clock\" }", deps).run(&["time", "sleep", "time"])
    };
    let stands = |real: &str| format!("real {real}\nmonotonic 0.000000000\nreal {real}\nmonotonic 86400.000000000\n");
    run("").with(0).prints(&stands("946684800.000000000"));
    run("FIXED_CLOCK = \"2026-01-31T12:00:00.5Z\"").with(0).prints(&stands("1769860800.500000000"));
    run("FIXED_CLOCK = \"2024-02-29T23:59:59+01:30\"").with(0).prints(&stands("1709245799.000000000"));
    run("FIXED_CLOCK = \"1500\"").with(0).prints(&stands("0.000001500"));
    for nonsense in
        ["", "today", "2025-02-29T00:00:00Z", "2026-01-31T12:00:00", "1600-01-01T00:00:00Z", "18446744073709551616"]
    {
        // A program whose clock is dead goes on without one.
        let wrong = run(&format!("FIXED_CLOCK = \"{nonsense}\""));
        wrong.says(&["I/O error", "died: as it was made"]).without("real 0").without("real 9");
    }
}

/// Without a seed the key is zeros, for which RFC 8439 (A.1, the first vector) has the bytes.
#[test]
fn random_bytes_follow_from_the_seed() {
    let run = |seed: &str| {
        let host = format!("seed = {{ kind = \"env\", set = {{ {seed} }} }}");
        let deps = "[deps.random]\nmodule = \"bailiwick:seededrandom\"\ngrants.seed = \"seed\"";
        virtual_program("ask", &host, "random = { module = \"random\" }", deps).run(&["random", "random"]).with(0).out
    };
    assert_eq!(
        run(""),
        "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7\n\
         da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586\n"
    );
    let seeds = ["SEED = \"a\"", "SEED = \"b\"", "SEED = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""];
    let outputs: std::collections::BTreeSet<String> = seeds.iter().map(|seed| run(seed)).collect();
    assert_eq!(outputs.len(), 3, "different seeds give different bytes");
    assert_eq!(run(seeds[2]), run(seeds[2]));
}

#[test]
fn a_filter_passes_on_the_variables_that_it_is_told_to() {
    let run = |settings: &str| {
        let host = format!(
            "vars = {{ kind = \"env\", set = {{ LANG = \"C\", LC_TIME = \"de\", TOKEN = \"s=cret\"{settings} }} }}"
        );
        let deps = "[deps.env]\nmodule = \"bailiwick:envfilter\"\ngrants.vars = \"vars\"";
        let out = virtual_program("ask", &host, "env = { module = \"env\" }", deps).run(&["env"]).with(0).out;
        let mut lines: Vec<String> = out.lines().map(str::to_owned).collect();
        lines.sort();
        lines.join(" ")
    };
    assert_eq!(run(""), "LANG=C LC_TIME=de TOKEN=s=cret");
    assert_eq!(run(", ALLOW = \"LANG,LC_*\""), "LANG=C LC_TIME=de");
    assert_eq!(run(", DENY = \"TOK*\""), "LANG=C LC_TIME=de");
    assert_eq!(run(", ALLOW = \"L*\", DENY = \"LANG\""), "LC_TIME=de");
    assert_eq!(run(", ALLOW = \"\""), "");
}

#[test]
fn a_log_has_a_line_for_each_call_and_nothing_that_a_terminal_obeys() {
    let host = "vars = { kind = \"env\", set = { LANG = \"C\" } }\ntime = { kind = \"clock\", fixed = \"2026-01-31T12:00:00Z\" }";
    let all =
        ["fs", "stdio", "clock", "random", "env"].map(|name| format!("{name} = {{ module = \"log\" }}\n")).concat();
    let deps =
        "[deps.log]\nmodule = \"bailiwick:logproxy\"\ngrants = { out = \"out\", vars = \"vars\", time = \"time\" }";
    let app = virtual_program("ask", host, &all, deps);
    let ended = app.run(&["env", "time", "random", "write", "/a\u{1b}[31m\"b", "x"]).with(0);
    ended
        .shows(&["LANG=C\n", "real 1769860800.000000000\n"])
        .says(&[
            "env.variables() = 1\n",
            "clock.now(clock=0) = 1769860800000000000\n",
            "random.get(len=32)",
            "stdio.write(to=\"out\", len=",
        ])
        .without("\u{1b}");
}

#[test]
fn a_logged_sleep_lasts_as_long_as_one_that_is_not() {
    // Nobody is granted a clock, so both see virtual ones, which go on by what is slept.
    let deps = "[deps.log]\nmodule = \"bailiwick:logproxy\"\ngrants.out = \"out\"";
    let logged = virtual_program("ask", "", "clock = { module = \"log\" }", deps).run(&["sleep", "time"]).with(0);
    logged.says(&["clock.sleep(duration=86400000000000)\n"]).shows(&["monotonic 86400.000000000\n"]);
}

#[test]
fn what_somebody_answers_is_not_said_to_be_not_exercised() {
    let app = virtual_program("ask", "", MEMFS, DEP_MEMFS);
    app.bailiwick(&["learn", "--", "run", ".", "write", "/a", "x"]).with(0);
    let learned = app.read("bailiwick.learned.toml");
    let said = learned.lines().find(|line| line.starts_with("#   program: ") && line.contains("path_open"));
    assert_eq!(said, None);
}

#[test]
fn the_allow_list_passes_on_what_reaches_its_hosts_and_nothing_else() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let run = |allow: &str, host: &str| {
        let app = App::web(&format!(
            "[package]\nname = \"probe\"\nversion = \"1.0.0\"\nmodule = \"probe.wasm\"\n[host]\n\
             out = {{ kind = \"stdio\", stdout = \"inherit\", stderr = \"inherit\" }}\n\
             command = {{ kind = \"args\", command_line = true }}\n\
             net = {{ kind = \"tcp\", connect = [\"127.0.0.1:{port}\", \"localhost:{port}\"] }}\n\
             hosts = {{ kind = \"env\", set = {{ ALLOW = \"{allow}\" }} }}\n\
             [grants]\nout = \"out\"\ncommand = \"command\"\n[imports]\nnet = {{ module = \"hosts\" }}\n\
             [deps.hosts]\nmodule = \"bailiwick:hostallow\"\ngrants = {{ net = \"net\", hosts = \"hosts\" }}\n"
        ));
        app.run(&["connect", host, &port.to_string()]).with(0).out
    };
    let (ok, refused) = ("connect ok\n", "connect notcapable\n");
    for (allow, host, expected) in [
        (format!("127.0.0.1:{port}"), "127.0.0.1", ok),
        ("example.org,127.0.0.1".to_owned(), "127.0.0.1", ok),
        (format!("LOCALHOST:{port}"), "localhost", ok),
        ("*".to_owned(), "localhost", ok),
        (format!("127.0.0.1:{}", port ^ 1), "127.0.0.1", refused),
        ("localhost".to_owned(), "127.0.0.1", refused),
        ("*.localhost,ocalhost".to_owned(), "localhost", refused),
        (String::new(), "localhost", refused),
        // What the list has and the module itself lacks.
        ("*".to_owned(), "192.0.2.1", refused),
    ] {
        assert_eq!(run(&allow, host), expected, "{allow}: {host}");
    }
}

#[test]
fn they_are_named_like_modules_and_pinned_and_built_like_modules() {
    let app = virtual_program("ask", "", MEMFS, DEP_MEMFS);
    let wanted = "hello\n";
    app.run(&["write", "/a", "hello", "read", "/a"]).with(0).prints(wanted);
    app.bailiwick(&["check"]).with(0);
    app.bailiwick(&["explain", "memfs"]).with(0).shows(&["memfs"]);
    app.bailiwick(&["lock"]).with(0);
    assert!(app.read("bailiwick.lock").contains("sha256"), "the lock has no hashes");
    app.bailiwick(&["build", "-o", "deployed"]).with(0);
    app.bailiwick(&["run", "deployed", "write", "/a", "hello", "read", "/a"]).with(0).prints(wanted);
    app.edit("bailiwick.toml", "bailiwick:memfs", "bailiwick:floppy");
    app.bailiwick(&["check"])
        .with(3)
        .shows(&["deps.memfs.module: bailiwick:floppy is not there; there are: ", "bailiwick:memfs"]);
}
