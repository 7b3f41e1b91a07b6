//! Manifests that are wrong: each is refused before anything runs, with the path of the edge and what to do.

use super::*;

/// What `check` says of the example application after a change of a manifest.
#[track_caller]
fn refused(file: &str, from: &str, to: &str, said: &[&str]) {
    let app = App::wallet();
    app.edit(file, from, to);
    app.bailiwick(&["check"]).with(3).shows(said);
    app.run(&[]).with(3).prints("").says(said);
}

/// A library without a module worth the name.
fn library(app: &App, name: &str, rest: &str) {
    app.file(&format!("{name}.wat"), "(module)");
    app.file(&format!("{name}.toml"), format!("[package]\nname = \"{name}\"\nmodule = \"{name}.wat\"\n{rest}"));
}

#[test]
fn what_a_manifest_has_not() {
    refused("bailiwick.toml", "[grants]", "[grant]", &["E-MANIFEST: ", "unknown field `grant`"]);
    refused(
        "bailiwick.toml",
        "sub = \"orders\"",
        "subdir = \"orders\"",
        &["wallet → easydex", "unknown field `subdir`"],
    );
    refused("format/bailiwick.toml", "on_fault", "on_faults", &["E-MANIFEST wallet → easydex → format", "`on_faults`"]);
}

#[test]
fn a_value_that_means_nothing() {
    refused(
        "bailiwick.toml",
        "\"list\", \"read\"",
        "\"list\", \"execute\"",
        &["there is no right \"execute\"", "list, read, write"],
    );
    refused("bailiwick.toml", "1MiB\", time", "lots\", time", &["shared.log.limits.memory: \"lots\" is no size"]);
    refused(
        "bailiwick.toml",
        "shared = [\"log\"]\nlimits = { memory = \"4MiB\"",
        "shared = [\"lag\"]\nlimits = { memory = \"4MiB\"",
        &["E-WIDEN wallet → easydex: shared instance \"lag\" is not there"],
    );
}

#[test]
fn a_library_names_nothing_of_the_host() {
    refused(
        "notify/bailiwick.toml",
        "[needs]",
        "[host]\nroot = { kind = \"dir\", path = \"/\" }\n[needs]",
        &["E-MANIFEST wallet → easydex → format → notify", "`[host]` is the application's alone"],
    );
    refused(
        "notify/bailiwick.toml",
        "kind = \"stdio\",",
        "kind = \"dir\", path = \"/\",",
        &["E-MANIFEST wallet → easydex → format → notify", "needs.out"],
    );
    refused(
        "format/bailiwick.toml",
        "grants.out = { from = \"out\", stdin = \"none\"",
        "grants.out = { from = \"out\", stdin = { file = \"/etc/passwd\" }",
        &["E-MANIFEST wallet → easydex → format → notify", "only `[host]` of the root names a file"],
    );
}

#[test]
fn more_than_there_is() {
    refused(
        "easydex/bailiwick.toml",
        "memory = \"2MiB\"",
        "memory = \"1GiB\"",
        &["E-WIDEN wallet → easydex → format: limits.memory: 1.0 GiB is more than 4.0 MiB"],
    );
    refused(
        "easydex/bailiwick.toml",
        "time = \"1s/call\"",
        "time = \"1h\"",
        &["E-WIDEN wallet → easydex → format: limits.time"],
    );
    refused(
        "easydex/bailiwick.toml",
        "sub = \"templates\"",
        "max_bytes = \"1GiB\", sub = \"templates\"",
        &["E-WIDEN wallet → easydex → format: slot templates: max_bytes"],
    );
    refused(
        "easydex/bailiwick.toml",
        "sub = \"templates\"",
        "cross_mounts = true, sub = \"templates\"",
        &["E-WIDEN wallet → easydex → format: slot templates: cross_mounts"],
    );
    refused(
        "bailiwick.toml",
        "from = \"terminal\", stdin = \"none\"",
        "from = \"terminal\", stdin = \"inherit\"",
        &["E-WIDEN wallet → easydex: slot out: stdin: inherit is more than none"],
    );
    // Each problem, not only the first.
    let app = App::wallet();
    app.edit("easydex/bailiwick.toml", "from = \"book\"", "from = \"data\"");
    app.edit("format/bailiwick.toml", "from = \"out\"", "from = \"in\"");
    app.bailiwick(&["check"])
        .with(3)
        .shows(&["E-WIDEN wallet → easydex → format: ", "E-WIDEN wallet → easydex → format → notify: "]);
}

#[test]
fn a_narrowing_of_a_handle_that_there_is_not() {
    let call = "call.extract.dst = { rights = [\"create\", \"write\"] }";
    for (to, said) in [
        // A typing error must not hand over everything.
        ("call.extrct.dst = { rights = [] }", "extrct"),
        ("call.extract.dest = { rights = [] }", "dest"),
        ("call.extract.archive = { rights = [] }", "archive"),
        ("call.extract.dst = { rights = [\"execute\"] }", "there is no right \"execute\""),
        ("call.extract.dst = { path = \"/\" }", "only `[host]` of the root names a path"),
    ] {
        refused("bailiwick.toml", call, to, &["E-MANIFEST wallet → unzipper", said]);
    }
    // More than the caller's folder has is refused when it is passed: nobody knows before which folder that will be.
    let app = App::wallet();
    app.edit("bailiwick.toml", call, "call.extract.dst = { rights = [\"create\", \"delete\"] }");
    app.run(&[]).with(134).says(&["holds less than the edge hands over"]);
}

#[test]
fn needs_that_are_not_met() {
    refused(
        "easydex/bailiwick.toml",
        "grants.out = \"out\"\n",
        "",
        &["E-NEED wallet → easydex → format: it needs out, of kind stdio (handed on to notify), and is not handed it"],
    );
    refused(
        "log/bailiwick.toml",
        "journal = {",
        "diary = {",
        &["E-NEED wallet → log: slot journal: it declares no such need; its needs are: diary", "it needs diary"],
    );
    refused(
        "log/bailiwick.toml",
        "kind = \"dir\", rights = [\"create\", \"write\"]",
        "kind = \"clock\"",
        &["E-NEED wallet → log: slot journal: it needs clock, and is handed dir"],
    );
}

#[test]
fn a_circle() {
    let app = App::empty();
    library(&app, "app", "[deps.a]\nmodule = \"a.toml\"\n");
    library(&app, "a", "[deps.b]\nmodule = \"b.toml\"\n");
    library(&app, "b", "[deps.a]\nmodule = \"a.toml\"\n");
    app.bailiwick(&["check", "app.toml"])
        .with(3)
        .shows(&["E-CYCLE app → a → b → a: it depends on itself: a.toml → b.toml → a.toml"]);
    library(&app, "b", "[deps.app]\nmodule = \"app.toml\"\n");
    app.bailiwick(&["check", "app.toml"]).with(3).shows(&["E-CYCLE app → a → b → app"]);
}

#[test]
fn too_deep_and_too_many_is_an_error_and_no_end() {
    // Each level has two of the next: 2^20 instances.
    let app = App::empty();
    for level in 0..20 {
        let next = level + 1;
        library(
            &app,
            &format!("l{level}"),
            &format!("[deps.a]\nmodule = \"l{next}.toml\"\n[deps.b]\nmodule = \"l{next}.toml\"\n"),
        );
    }
    library(&app, "l20", "");
    app.bailiwick(&["check", "l0.toml"]).with(3).shows(&["E-LIMIT", "more than 4096 instances"]);
    let app = App::empty();
    for level in 0..70 {
        library(&app, &format!("l{level}"), &format!("[deps.a]\nmodule = \"l{}.toml\"\n", level + 1));
    }
    library(&app, "l70", "");
    app.bailiwick(&["check", "l0.toml"]).with(3).shows(&["E-LIMIT", "more than 64 edges below each other"]);
}

#[test]
fn an_import_that_nobody_answers() {
    let app = App::wallet();
    let text = app.read("bailiwick.toml");
    app.file("bailiwick.toml", text.split("[deps.unzipper]").next().unwrap());
    app.bailiwick(&["check"]).with(3).shows(&[
        "E-UNKNOWN-IMPORT wallet: wallet.wasm: demo:unzip/archives.extract: nothing that it may call exports \
         `extract: func(dst: borrow<dir>, archive: list<u8>) -> result<u32, string>`; it may call: easydex, log",
    ]);

    // What no WIT text speaks of.
    let app = App::empty();
    app.file("app.wat", "(module (import \"env\" \"steal\" (func)) (func (export \"_start\")))");
    app.file("bailiwick.toml", "[package]\nname = \"app\"\nmodule = \"app.wat\"\n");
    app.bailiwick(&["check"])
        .with(3)
        .shows(&["E-UNKNOWN-IMPORT app: app.wat: env.steal: nothing that it holds answers it"]);
    // Nothing of the system interface but what is known.
    app.file("app.wat", "(module (import \"wasi_snapshot_preview1\" \"proc_spawn\" (func)))");
    app.bailiwick(&["check"]).with(3).shows(&["E-UNKNOWN-IMPORT app: app.wat: wasi_snapshot_preview1.proc_spawn"]);
}

#[test]
fn an_import_that_two_answer() {
    let app = App::wallet();
    let text = app.read("bailiwick.toml");
    app.file(
        "bailiwick.toml",
        format!("{text}\n[deps.other]\nmodule = \"unzipper/bailiwick.toml\"\nshared = [\"log\"]\n"),
    );
    app.bailiwick(&["check"]).with(3).shows(&[
        "E-AMBIGUOUS wallet: ",
        "several export it: other, unzipper",
        "provides = [\"demo:unzip/archives\"]",
    ]);
    app.file("bailiwick.toml", format!("{text}\n[deps.other]\nmodule = \"unzipper/bailiwick.toml\"\nshared = [\"log\"]\nprovides = [\"demo:unzip/archives\"]\ncall.extract.dst = {{ rights = [] }}\n"));
    app.run(&[]).with(0).prints(&honest_but_for("statements.zip", "readme.txt: Operation not permitted"));
}

#[test]
fn two_sides_that_disagree_about_a_type() {
    let app = App::wallet();
    app.edit("wallet.wit", "borrow<dir>, archive: list<u8>", "borrow<dir>, archive: string");
    app.bailiwick(&["check"]).with(3).shows(&[
        "E-TYPE wallet: ",
        "demo:unzip/archives.extract → unzipper: ",
        "list<u8>",
        "string",
    ]);
    app.run(&[]).with(3).prints("");
    // Deep within a type.
    let app = App::wallet();
    app.edit("wallet.wit", "limit: option<u64>", "limit: option<s64>");
    app.bailiwick(&["check"]).with(3).shows(&["E-TYPE wallet: ", "trade"]);
}

#[test]
fn a_death_that_no_value_can_say() {
    let app = App::wallet();
    app.edit("bailiwick.toml", "limits = { memory = \"1MiB\", time = \"1s/call\" }", "on_fault = \"error\"");
    app.bailiwick(&["check"]).with(3).shows(&[
        "E-TYPE wallet → ",
        "on_fault = \"error\" needs a result type with room for it",
        "note: func(line: string)",
    ]);
}

#[test]
fn only_values_and_handles_cross_an_edge() {
    for (kind, import, export) in [
        ("memory", "(memory 1)", "(memory (export \"it\") 1)"),
        ("table", "(table 1 funcref)", "(table (export \"it\") 1 funcref)"),
        ("global", "(global i32)", "(global (export \"it\") i32 (i32.const 0))"),
    ] {
        let app = App::empty();
        app.file("app.wat", format!("(module (import \"lib\" \"it\" {import}) (func (export \"_start\")))"));
        app.file("lib.wat", format!("(module {export})"));
        app.file(
            "bailiwick.toml",
            "[package]\nname = \"app\"\nmodule = \"app.wat\"\n[deps.lib]\nmodule = \"lib.wat\"\n",
        );
        app.bailiwick(&["check"]).with(3).shows(&[&format!(
            "E-NOT-A-VALUE app: app.wat: it imports the {kind} lib.it: only values of WIT types and handles cross"
        )]);
        app.run(&[]).with(3);

        // Control: joined to one nano-process, they share it.
        app.file("bailiwick.toml", "[package]\nname = \"app\"\ngroup = { app = \"app.wat\", lib = \"lib.wat\" }\n");
        app.run(&[]).with(0);
    }
    // A core function without WIT is no value's way either.
    let app = App::empty();
    app.file("app.wat", "(module (import \"lib\" \"it\" (func (param funcref))) (func (export \"_start\")))");
    app.file("lib.wat", "(module (func (export \"it\") (param funcref)))");
    app.file("bailiwick.toml", "[package]\nname = \"app\"\nmodule = \"app.wat\"\n[deps.lib]\nmodule = \"lib.wat\"\n");
    app.bailiwick(&["check"]).with(3).shows(&["E-UNKNOWN-IMPORT app: app.wat: lib.it"]);
}

#[test]
fn what_is_not_enforced_is_not_granted() {
    refused(
        "bailiwick.toml",
        "memory = \"4MiB\", stack",
        "fuel = \"1M\", memory = \"4MiB\", stack",
        &["E-NOT-YET wallet → easydex", "limits.fuel"],
    );
}

#[test]
fn a_grant_that_nobody_can_use_is_warned_of() {
    let app = App::wallet();
    app.edit("bailiwick.toml", "call.extract.dst", "grants.clock = \"time\"\ncall.extract.dst");
    app.edit("bailiwick.toml", "[grants]", "time = { kind = \"clock\" }\n\n[grants]");
    app.edit("unzipper/bailiwick.toml", "[deps.inflate]", "[needs]\nclock = { kind = \"clock\" }\n\n[deps.inflate]");
    app.bailiwick(&["check"])
        .with(0)
        .shows(&["W-UNUSED-GRANT wallet → unzipper: slot clock: it holds clock, and no code of it can use that"]);
    app.run(&[]).with(0).prints(HONEST);
}

#[test]
fn hostile_text_is_refused_without_harm() {
    let app = App::wallet();
    let long = "x".repeat(1 << 21);
    for text in [
        "",
        "\0",
        "[",
        &"[".repeat(100_000),
        &"a = {".repeat(50_000),
        &long,
        "[package]\nname = \"a/b\"\nmodule = \"wallet.wasm\"",
        "[package]\nname = \"\\u001b[2J\"\nmodule = \"m.wasm\"",
    ] {
        app.file("bailiwick.toml", text);
        // What is no TOML can't be read; what says nothing that a manifest may say is refused.
        let toml = text.is_empty() || text.starts_with("[package]");
        let (status, code) = if toml { (3, "E-MANIFEST") } else { (1, "E-READ") };
        let ended = app.bailiwick(&["check"]).with(status).shows(&[code]);
        assert!(!ended.out.contains('\x1b'), "{ended:#?}");
    }
}
