//! Control runs of attacks whose tests show only the defence: the same attack where that one defence is absent. Each does
//! what it is feared for.

use super::*;

#[test]
fn attack_1d_control_whoever_holds_it_hands_it_on() {
    // The right that `attack_1d` refuses to hand on, handed down from the root on: the same line is no widening then.
    let app = App::wallet();
    app.edit("easydex/bailiwick.toml", "rights = [\"read\"] }", "rights = [\"read\", \"delete\"] }");
    app.bailiwick(&["check"]).with(3).shows(&["E-WIDEN wallet → easydex → format: slot templates: rights: delete"]);
    app.edit("bailiwick.toml", "\"write\", \"create\"], max_bytes", "\"write\", \"create\", \"delete\"], max_bytes");
    app.edit("easydex/bailiwick.toml", "\"write\", \"create\"], why", "\"write\", \"create\", \"delete\"], why");
    app.edit("format/bailiwick.toml", "rights = [\"read\"], why", "rights = [\"read\", \"delete\"], why");
    app.bailiwick(&["check"]).with(0);
    let shown = app.json(&["explain", "--json", "format"]);
    let held = shown["instances"][0]["holds"].as_array().unwrap();
    assert!(held.iter().any(|slot| slot["grant"]["rights"] == serde_json::json!(["read", "delete"])), "{shown}");
    app.run(&[]).with(0).prints(HONEST);
}

/// The application that asks `probe` what it can do below a folder of the host's.
fn asking(path: &str) -> App {
    App::small(&format!(
        "[package]\nname = \"ask\"\nmodule = \"ask.wasm\"\n\
         [host]\nout = {{ kind = \"stdio\", stdout = \"inherit\" }}\nargs = {{ kind = \"args\", command_line = true }}\n\
         place = {{ kind = \"dir\", path = \"{path}\", rights = [\"list\", \"read\"] }}\n\
         [grants]\nout = \"out\"\nargs = \"args\"\n\
         [deps.probe]\nmodule = \"probe.wasm\"\ngrants.a = \"place\"\n"
    ))
}

#[test]
fn attack_1e_control_what_is_warned_of_is_everything() {
    // Somebody's file, which has nothing to do with the application.
    let victim = App::empty();
    victim.file("read", "a secret");
    let below = format!("/a{}", victim.folder.path().display());
    let app = asking("/");
    app.bailiwick(&["check"]).with(0).shows(&["W-BROAD ask: host.place is /"]);
    app.run(&[&below]).with(0).prints(&format!("{below}: list read stat\n"));
    app.bailiwick(&["check", "--strict"]).with(3);

    // Where the grant is not broad, it is not warned of, and there is no such file.
    let app = asking("place");
    app.file("place/read", "x");
    app.bailiwick(&["check", "--strict"]).with(0).without("W-");
    app.run(&["/a", &below]).with(0).prints(&format!("/a: list read stat\n{below}: \n"));
}

#[test]
fn attack_1f_control_what_is_not_passed_is_not_told() {
    let app = App::wallet();
    app.run(&[]).with(0);
    for file in ["data/orders/001.txt", "data/log/log.txt"] {
        assert!(!app.read(file).contains("lantern orbit"), "{file}");
    }
}

/// A caller with a secret, which asks a library for a place, and puts a stranger's bytes there: what an edge does with an
/// allocator's answer, done without an edge. It exits with 1 if the secret is another then.
const NAIVE_CALLER: &str = "(module
    (import \"lib\" \"memory\" (memory 1)) (import \"lib\" \"allocate\" (func $allocate (param i32) (result i32)))
    (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
    (data (i32.const 128) \"a secret\") (data (i32.const 256) \"whatever\")
    (func (export \"_start\") (local $before i64)
        (local.set $before (i64.load (i32.const 128)))
        (memory.copy (call $allocate (i32.const 8)) (i32.const 256) (i32.const 8))
        (call $exit (i64.ne (local.get $before) (i64.load (i32.const 128))))))";

#[test]
fn attack_13_control_an_allocator_that_lies_where_memory_is_shared() {
    for (place, status) in [(1024, 0), (128, 1)] {
        let app = App::empty();
        app.file("app.wat", NAIVE_CALLER);
        app.file(
            "lib.wat",
            format!(
                "(module (memory (export \"memory\") 1)
                (func (export \"allocate\") (param i32) (result i32) (i32.const {place})))"
            ),
        );
        let group = "[package]\nname = \"app\"\ngroup = { app = \"app.wat\", lib = \"lib.wat\" }\n";
        app.file("bailiwick.toml", group);
        app.run(&[]).with(status);
    }
}

/// An application of a root that prints a text, built into a folder; the folder, and its only artifact.
fn built_printer() -> (App, PathBuf) {
    let app = App::empty();
    app.file(
        "app.wat",
        "(module (import \"wasi_snapshot_preview1\" \"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export \"memory\") 1) (data (i32.const 64) \"all is well\\0a\")
        (data (i32.const 0) \"\\40\\00\\00\\00\\0c\\00\\00\\00\")
        (func (export \"_start\") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))))",
    );
    app.file(
        "bailiwick.toml",
        "[package]\nname = \"app\"\nmodule = \"app.wat\"\n\
         [host]\nout = { kind = \"stdio\", stdout = \"inherit\" }\n[grants]\nout = \"out\"\n",
    );
    app.bailiwick(&["build", "-o", "out"]).with(0);
    app.bailiwick(&["run", "out"]).with(0).prints("all is well\n");
    let module = fs::read_dir(app.path("out/modules")).unwrap().next().unwrap().unwrap().path();
    (app, module)
}

#[test]
fn attack_16_control_a_flipped_byte_that_nobody_looks_at() {
    let (app, module) = built_printer();
    let mut bytes = fs::read(&module).unwrap();
    let at = bytes.windows(11).position(|text| text == b"all is well").expect("the text is in the artifact");
    bytes[at + 4] ^= 0x20;
    fs::write(&module, &bytes).unwrap();
    app.bailiwick(&["run", "out"]).with(3).prints("").says(&["E-LOCK app"]);

    // Control: by itself an artifact is trusted like an executable, and so it is once somebody has locked it.
    app.bailiwick(&["run", module.to_str().unwrap()]).with(0).prints("all Is well\n");
    app.bailiwick(&["diff", "--accept", "out"]).with(0);
    app.bailiwick(&["run", "out"]).with(0).prints("all Is well\n");
}

#[test]
fn attack_17_control_a_folder_that_was_built_and_then_changed_and_locked() {
    let app = App::wallet();
    app.bailiwick(&["build", "-o", "good"]).with(0);
    app.update("notify", "notify_sweep").bailiwick(&["build", "-o", "bad"]).with(0);
    let modules = |folder: &str| -> Vec<PathBuf> {
        let entries = fs::read_dir(app.path(folder).join("modules")).unwrap();
        entries.map(|entry| PathBuf::from(entry.unwrap().file_name())).collect()
    };
    let (good, bad) = (modules("good"), modules("bad"));
    let old = good.iter().find(|name| !bad.contains(name)).expect("it differs");
    let new = bad.iter().find(|name| !good.contains(name)).expect("it differs");
    fs::copy(app.path("bad/modules").join(new), app.path("good/modules").join(old)).unwrap();
    fs::create_dir(app.path("good/data")).unwrap();
    copy(&built().wallet.join("data"), &app.path("good/data"));
    app.bailiwick(&["run", "good"]).with(3).prints("").says(&["E-LOCK wallet → easydex → format → notify"]);
    // To leave the lock out is no way either: what a library brings as machine code runs only if a lock names it.
    let lock = app.read("good/bailiwick.lock");
    fs::remove_file(app.path("good/bailiwick.lock")).unwrap();
    app.bailiwick(&["run", "good"]).with(3).prints("").says(&["E-LOCK wallet → log", "machine code"]);
    // Nor is one that leads nowhere.
    std::os::unix::fs::symlink("nowhere", app.path("good/bailiwick.lock")).unwrap();
    assert_ne!(app.bailiwick(&["run", "good"]).prints("").status, Some(0));
    fs::remove_file(app.path("good/bailiwick.lock")).unwrap();

    // Control: whoever locks the changed folder runs the attack.
    app.bailiwick(&["lock", "good"]).with(0).says(&["it now trusts machine code", ": wallet/log, sha256 "]);
    assert_ne!(app.read("good/bailiwick.lock"), lock);
    app.bailiwick(&["run", "good"]).with(0).prints(&HONEST.replace("[notify]", "loot: none\n[notify]"));
}

#[test]
fn attack_20_control_whoever_accepts_the_other_bytes_runs_them() {
    let app = App::wallet();
    app.bailiwick(&["lock"]).with(0);
    app.update("notify", "notify_sweep");
    app.run(&[]).with(3).prints("");
    app.bailiwick(&["diff", "--accept"]).with(0);
    app.run(&[]).with(0).prints(&HONEST.replace("[notify]", "loot: none\n[notify]"));
}
