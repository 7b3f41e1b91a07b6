//! Files that manifests name: a stranger's manifest leads nowhere but to its own, and nothing that it leads to keeps
//! whoever checks it waiting; nor does the application's output fall upon what it is made of.

use super::*;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

/// An application with a library in the folder `lib`, of which the manifest has these lines.
fn with_library(lines: &str) -> App {
    let app = App::empty();
    app.file("app.wat", "(module (func (export \"_start\")))");
    app.file(
        "bailiwick.toml",
        "[package]\nname = \"app\"\nmodule = \"app.wat\"\n[deps.lib]\nmodule = \"lib/lib.toml\"\n",
    );
    app.file("lib/lib.toml", format!("[package]\nname = \"lib\"\n{lines}"));
    app.file("lib/lib.wat", "(module)");
    app
}

/// Refused by all that load it, at once and alike.
#[track_caller]
fn refused(app: &App, said: &[&str]) {
    let begun = Instant::now();
    let status = app.bailiwick(&["check"]).shows(said).status;
    assert!(matches!(status, Some(1 | 3)), "{status:?}");
    for command in [&["explain"][..], &["graph"], &["lock"], &["build", "-o", "out"], &["run", "."]] {
        let ended = app.bailiwick(command).prints("").says(said);
        assert_eq!(ended.status, status, "{command:?}: {ended:#?}");
    }
    // A minute is a machine that is busy; what waits, waits for ever.
    assert!(begun.elapsed() < Duration::from_secs(60));
}

#[test]
fn what_is_no_file_keeps_nobody_waiting() {
    for (name, is) in [
        ("pipe", "pipe: it is a pipe, and no regular file"),
        ("folder", "folder: it is a folder, and no regular file"),
        ("huge", "huge: it is larger than 256.0 MiB"),
        ("missing", "missing: No such file or directory"),
    ] {
        // As a module of the application, as one of a library's, as WIT text, and as a manifest.
        for place in 0..4 {
            let app = with_library(
                match place {
                    0 | 3 => "module = \"lib.wat\"\n".to_owned(),
                    1 => format!("module = \"{name}\"\n"),
                    _ => format!("module = \"lib.wat\"\nwit = \"{name}\"\n"),
                }
                .as_str(),
            );
            let (folder, suffix) =
                if place == 0 || place == 3 { ("", if place == 3 { ".toml" } else { "" }) } else { ("lib/", "") };
            let path = app.path(&format!("{folder}{name}{suffix}"));
            match name {
                "pipe" => assert!(Command::new("mkfifo").arg(&path).status().unwrap().success()),
                "folder" => fs::create_dir(&path).unwrap(),
                "huge" => fs::File::create(&path).unwrap().set_len(1 << 40).unwrap(),
                _ => {}
            }
            let mut said = is.replacen(name, &format!("{name}{suffix}"), 1);
            if place >= 2 {
                // Of these there may be less, and a folder of WIT there may be.
                said = said.replace("256.0 MiB", if place == 2 { "" } else { "1.0 MiB" });
                if place == 2 && name != "pipe" {
                    continue;
                }
            }
            let key = match place {
                0 | 3 => {
                    app.edit("bailiwick.toml", "lib/lib.toml", &format!("{name}{suffix}"));
                    "bailiwick.toml: deps.lib.module: "
                }
                _ => "lib/lib.toml: package.module: ",
            };
            refused(&app, &[" app → lib: ", key, &said]);
        }
    }
    let app = with_library("module = \"lib.wat\"\n");
    app.edit("bailiwick.toml", "lib/lib.toml", "/dev/zero");
    refused(&app, &["deps.lib.module: /dev/zero: it is a device, and no regular file"]);
    // Nor does a lock.
    let app = App::wallet();
    assert!(Command::new("mkfifo").arg(app.path("bailiwick.lock")).status().unwrap().success());
    app.bailiwick(&["check"]).with(1).says(&["bailiwick.lock: it is a pipe"]);
}

#[test]
fn a_library_names_only_its_own_files() {
    let secret = App::empty();
    secret.file("secret.wat", "(module (memory (export \"memory\") 1) (data (i32.const 0) \"a secret\"))");
    secret.file("secret.wit", "package a:b; world w {}");
    let elsewhere = secret.path("secret.wat");
    let outside = elsewhere.display().to_string();
    for (lines, key) in [
        ("module = \"../app.wat\"\n".to_owned(), "package.module: \"../app.wat\" leads to "),
        (format!("module = {outside:?}\n"), "package.module: "),
        ("module = \"link.wat\"\n".to_owned(), "package.module: \"link.wat\" leads to "),
        ("module = \"out/secret.wat\"\n".to_owned(), "package.module: \"out/secret.wat\" leads to "),
        (format!("group = {{ lib = \"lib.wat\", other = {outside:?} }}\n"), "package.group.other: "),
        ("module = \"lib.wat\"\nwit = \"out/secret.wit\"\n".to_owned(), "package.wit: "),
        ("module = \"lib.wat\"\n[deps.other]\nmodule = \"../app.wat\"\n".to_owned(), "deps.other.module: "),
        ("module = \"lib.wat\"\n[shared.other]\nmodule = \"out/secret.wat\"\n".to_owned(), "shared.other.module: "),
        (
            format!(
                "module = \"lib.wat\"\n[deps.other]\nmodule = \"{}/l.toml\"\n",
                outside.trim_end_matches("/secret.wat")
            ),
            "deps.other.module: ",
        ),
    ] {
        let app = with_library(&lines);
        secret.file("l.toml", "[package]\nname = \"l\"\nmodule = \"secret.wat\"\n");
        symlink(&elsewhere, app.path("lib/link.wat")).unwrap();
        symlink(secret.path(""), app.path("lib/out")).unwrap();
        refused(&app, &["E-OUTSIDE app → lib", &format!("lib/lib.toml: {key}"), "a library names its own files only"]);
    }
    // A folder of WIT with a link in it.
    let app = with_library("module = \"lib.wat\"\nwit = \"wit\"\n");
    fs::create_dir(app.path("lib/wit")).unwrap();
    symlink(secret.path("secret.wit"), app.path("lib/wit/a.wit")).unwrap();
    refused(&app, &["lib/wit/a.wit: it leads out of the library's own folder"]);

    // Controls: what lies below its folder, by whatever way; the manifest of another library of the application; and the
    // application itself names what it wants.
    let app = with_library("module = \"../lib/./sub/../lib.wat\"\n[deps.other]\nmodule = \"../other/l.toml\"\n");
    app.file("lib/sub/x", "");
    app.file("other/l.toml", "[package]\nname = \"other\"\nmodule = \"l.wat\"\n");
    app.file("other/l.wat", "(module)");
    app.bailiwick(&["check"]).with(0);
    app.edit("bailiwick.toml", "lib/lib.toml", &outside);
    app.bailiwick(&["check"]).with(0);
    app.edit("bailiwick.toml", &outside, &secret.path("l.toml").display().to_string());
    app.bailiwick(&["check"]).with(0);
    app.bailiwick(&["build", "-o", "out"]).with(0);
    app.bailiwick(&["run", "out"]).with(0);
}

/// An application whose standard output is a file.
fn printing(file: &str) -> App {
    let app = App::empty();
    app.file(
        "app.wat",
        "(module (import \"wasi_snapshot_preview1\" \"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))
           (memory (export \"memory\") 1) (data (i32.const 0) \"\\08\\00\\00\\00\\05\\00\\00\\00hello\")
           (func (export \"_start\") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))))",
    );
    app.file(
        "bailiwick.toml",
        format!(
            "[package]\nname = \"app\"\nmodule = \"app.wat\"\n[host]\nout = {{ kind = \"stdio\", stdout = {{ file = \"{file}\" }} }}\n[grants]\nout = \"out\"\n"
        ),
    );
    app.file("sub/x", "x");
    app
}

#[test]
fn output_does_not_overwrite_what_the_application_is_made_of() {
    for (file, is) in [
        ("bailiwick.toml", "bailiwick.toml is the application's manifest"),
        ("./sub/../bailiwick.toml", "bailiwick.toml is the application's manifest"),
        ("hard", "hard is the application's manifest"),
        ("soft", "soft is the application's manifest"),
        ("app.wat", "app.wat is a module of the application"),
        // It is not there yet; who makes it says what was looked at.
        ("bailiwick.lock", "bailiwick.lock is the application's lock"),
    ] {
        let app = printing(file);
        fs::hard_link(app.path("bailiwick.toml"), app.path("hard")).unwrap();
        symlink("bailiwick.toml", app.path("soft")).unwrap();
        let before = app.read("bailiwick.toml");
        app.bailiwick(&["check"]).with(3).shows(&["E-OVERWRITE app: host.out.stdout: ", is]);
        app.run(&[]).with(3).says(&["E-OVERWRITE"]);
        assert_eq!(app.read("bailiwick.toml"), before);
    }
    // Control.
    let app = printing("sub/out.txt");
    app.run(&[]).with(0);
    assert_eq!(app.read("sub/out.txt"), "hello");

    let app = printing("pipe");
    assert!(Command::new("mkfifo").arg(app.path("pipe")).status().unwrap().success());
    app.bailiwick(&["check"]).with(3).shows(&["E-MANIFEST app: host.out.stdout: pipe is a pipe: it wants a file"]);
    app.run(&[]).with(3);
    printing("sub").bailiwick(&["check"]).with(3).shows(&["host.out.stdout: sub is a folder: it wants a file"]);
    printing("none/x")
        .bailiwick(&["check"])
        .with(0)
        .shows(&["W-MISSING-PATH app: host.out.stdout: there is no folder none"]);
}

#[test]
fn output_goes_neither_to_the_audit_nor_to_compiled_code() {
    let app = printing("audit.json");
    app.bailiwick(&["run", "--audit", "audit.json", "."]).with(3).says(&["host.out.stdout: audit.json is the audit"]);
    app.bailiwick(&["run", "--audit", "other.json", "."]).with(0);
    let cache = built().cache.join("bailiwick/new.bwk");
    printing(&cache.display().to_string()).run(&[]).with(3).says(&["lies in the cache of compiled code"]);
}

#[test]
fn a_folder_that_holds_the_application_is_warned_of() {
    for (path, rights, warned) in [
        (".", "[\"read\"]", "W-AMBIENT-PATH app: host.d is the folder of the manifest itself"),
        (
            ".",
            "[\"write\"]",
            "where the modules lie: whoever changes that decides what the application may do when it runs again",
        ),
        ("lib", "[\"create\"]", "lib/lib.toml: whoever changes that decides"),
        ("none", "[\"read\"]", "W-MISSING-PATH app: host.d: none: No such file or directory"),
    ] {
        let app = with_library("module = \"lib.wat\"\n");
        let text = app.read("bailiwick.toml");
        app.file(
            "bailiwick.toml",
            format!(
                "{text}[host]\nd = {{ kind = \"dir\", path = \"{path}\", rights = {rights} }}\n[grants]\nd = \"d\"\n"
            ),
        );
        app.bailiwick(&["check"]).with(0).shows(&[warned]);
        app.bailiwick(&["check", "--strict"]).with(3);
    }
    // What nobody is granted is of no use.
    let app = with_library("module = \"lib.wat\"\n");
    let text = app.read("bailiwick.toml");
    app.file("bailiwick.toml", format!("{text}[host]\nd = {{ kind = \"dir\", path = \"lib\" }}\n"));
    app.bailiwick(&["check"]).with(0).shows(&["W-UNUSED-GRANT app: host.d: nobody is granted anything of it"]);
}

/// Prints "a", has a dependency print "b", and prints "c": both to what `out` says.
fn printers(out: &str) -> App {
    let app = App::empty();
    let print = |letter: &str| {
        format!(
            "(i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 1))
             (i32.store8 (i32.const 16) (i32.const {}))
             (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))",
            letter.as_bytes()[0]
        )
    };
    let write = "(import \"wasi_snapshot_preview1\" \"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))";
    let root = format!(
        "(module (import \"$root\" \"f\" (func $f)) {write} (memory (export \"memory\") 1)
         (func (export \"_start\") {} (call $f) {}))",
        print("a"),
        print("c")
    );
    app.file("root.wat", root);
    app.file("root.wit", "package a:root; world root { import f: func(); }");
    app.file(
        "dep.wat",
        format!("(module {write} (memory (export \"memory\") 1) (func (export \"f\") {}))", print("b")),
    );
    app.file("dep.wit", "package a:dep; world dep { export f: func(); }");
    app.file(
        "bailiwick.toml",
        format!(
            "[package]\nname = \"app\"\nmodule = \"root.wat\"\n\
             [host]\nout = {{ kind = \"stdio\", stdout = {{ file = {out:?} }} }}\n[grants]\nout = \"out\"\n\
             [deps.dep]\nmodule = \"dep.wat\"\ngrants.out = \"out\"\n"
        ),
    );
    app
}

#[test]
fn what_several_print_into_one_file_follows_in_the_order_in_which_it_was_printed() {
    let app = printers("log.txt");
    app.file("log.txt", "of the run before");
    app.run(&[]).with(0).prints("");
    assert_eq!(app.read("log.txt"), "abc");
}

#[test]
fn a_device_may_be_printed_to_as_the_check_says() {
    let app = printers("/dev/null");
    app.bailiwick(&["check"]).with(0);
    app.run(&[]).with(0).prints("");
}
