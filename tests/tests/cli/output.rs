//! Where the program writes: standard output, files, and a terminal, which gets letters only.

use super::*;
use std::fs::File;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};

/// An application in the test's folder.
fn application() -> Place {
    let place = Place::new();
    place.file("app.wat", "(module (func (export \"_start\")))");
    place.file("app.wit", "package demo:app; world app {}");
    place.file("bailiwick.toml", "[package]\nname = \"app\"\nmodule = \"app.wat\"\n");
    place
}

/// `bailiwick` with these arguments, in the test's folder.
fn there(place: &Place, arguments: &[&str]) -> Ended {
    ended(place.command().current_dir(place.folder.path()).args(arguments))
}

#[test]
fn what_can_not_be_printed_is_an_error() {
    let place = application();
    there(&place, &["lock"]).with(0);
    let artifact = place.compiled(&place.path("app.wat"));
    let number = place.file("number.wat", "(module (func (export \"n\") (result i32) (i32.const 1)))");
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["run", "--help"],
        &["completions", "bash"],
        &["check"],
        &["check", "--json"],
        &["explain"],
        &["graph"],
        &["why", "app", "env"],
        &["lock", "-o", "-"],
        &["diff"],
        &["cache", "path"],
        &["inspect", text(&artifact)],
        &["run", "--invoke", "n", text(&number)],
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut command = place.command();
        let child =
            command.current_dir(place.folder.path()).args(arguments).stdout(full).stderr(Stdio::piped()).spawn();
        let ended = told(child.unwrap().wait_with_output().unwrap());
        assert!(ended.err.contains("standard output"), "{arguments:?}: {ended:#?}");
        ended.with(1);
    }
    for arguments in [&["--help"][..], &["--version"], &["completions", "zsh"], &["compile", text(&number), "-o", "-"]]
    {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let child = bailiwickc().args(arguments).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
        told(child.wait_with_output().unwrap()).with(1).says(&["bailiwickc: standard output: can't be written"]);
    }
}

#[test]
fn names_and_source_text_do_nothing_to_a_terminal() {
    let place = application();
    let says = |ended: Ended, status| {
        let ended = ended.with(status);
        // Of wrong usage, nothing but letters is quoted.
        let shown = ["\\u001b[2J", "\\u{1b}[2J"].iter().any(|inert| ended.err.contains(inert));
        assert!(shown || status == 2, "{ended:#?}");
        assert!(!ended.err.contains(['\x1b', '\u{9b}', '\u{202e}']), "{ended:#?}");
    };
    says(place.run(&["/nope\x1b[2J\u{9b}\u{202e}"]), 1);
    says(place.run(&["--timeout", "\x1b[2J\u{9b}\u{202e}", "x"]), 2);
    says(there(&place, &["graph", "-o", "none\x1b[2J/x"]), 1);
    says(there(&place, &["explain", "\x1b[2J/"]), 1);
    says(ended(bailiwickc().args(["compile", "/nope\x1b[2J"])), 1);
    says(ended(bailiwickc().args(["compile", "x", "-O", "\x1b[2J\u{9b}\u{202e}"])), 2);
    // What the compiler quotes, by itself and for an application.
    let bad = place.file("bad\x1b[2J.wat", "(module) \x1b[2J");
    says(ended(bailiwickc().arg("compile").arg(&bad)), 1);
    place.file("app.wit", "package demo:app; world \x1b[2J\u{202e}");
    says(there(&place, &["explain"]), 1);
}

#[test]
fn only_regular_files_are_replaced() {
    let place = application();
    let full = || File::options().read(true).open("/dev/full").unwrap().metadata().unwrap().file_type();
    for command in ["graph", "lock"] {
        there(&place, &[command, "-o", "/dev/full"]).with(1).says(&["/dev/full: No space left"]);
        assert!(full().is_char_device());
        there(&place, &[command, "-o", "/dev/null"]).with(0).prints("");
        fs::create_dir_all(place.path("folder")).unwrap();
        there(&place, &[command, "-o", "folder"]).with(1).says(&["folder: is a directory"]);
        // A link stays one; what it leads to keeps its mode.
        let (link, file) = (place.path("link"), place.path("folder/file"));
        symlink("folder/file", &link).unwrap();
        there(&place, &[command, "-o", "link"]).with(0);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        there(&place, &[command, "-o", "link"]).with(0);
        assert!(link.is_symlink());
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o400)).unwrap();
        there(&place, &[command, "-o", "link"]).with(1).says(&["link: permission denied"]);
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        fs::remove_file(&link).unwrap();
        fs::remove_dir_all(place.path("folder")).unwrap();
    }
    // A pipe is written to.
    let pipe = place.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = std::thread::spawn(move || fs::read_to_string(pipe).unwrap());
    there(&place, &["graph", "-o", "pipe"]).with(0);
    assert!(reader.join().unwrap().starts_with("<svg"));
    assert!(place.path("pipe").metadata().unwrap().file_type().is_fifo());
}

#[test]
fn what_the_application_is_made_of_is_not_overwritten() {
    let place = application();
    there(&place, &["lock"]).with(0);
    symlink("app.wat", place.path("link")).unwrap();
    fs::hard_link(place.path("bailiwick.toml"), place.path("other")).unwrap();
    for (file, is) in [
        ("bailiwick.toml", "the application's manifest"),
        ("other", "the application's manifest"),
        ("app.wat", "a module"),
        ("link", "a module"),
        ("app.wit", "the WIT text"),
        ("bailiwick.lock", "the application's lock"),
    ] {
        let was = fs::read(place.path(file)).unwrap();
        there(&place, &["graph", "-o", file]).with(3).prints("").says(&["E-OVERWRITE", is]);
        there(&place, &["run", "--audit", file, "."]).with(3).says(&["E-OVERWRITE: --audit", is]);
        if file != "bailiwick.lock" {
            there(&place, &["lock", "-o", file]).with(3).says(&["E-OVERWRITE", is]);
        }
        assert_eq!(fs::read(place.path(file)).unwrap(), was, "{file}");
    }
    // Not even where the lock is a link to the manifest.
    fs::remove_file(place.path("bailiwick.lock")).unwrap();
    there(&place, &["run", "--audit", "bailiwick.lock", "."]).with(3).says(&["E-OVERWRITE"]);
    symlink("bailiwick.toml", place.path("bailiwick.lock")).unwrap();
    let manifest = fs::read(place.path("bailiwick.toml")).unwrap();
    assert_ne!(there(&place, &["lock"]).status, Some(0));
    assert_eq!(fs::read(place.path("bailiwick.toml")).unwrap(), manifest);
    // Nor what is compiled.
    let link = text(&place.path("link")).to_owned();
    ended(bailiwickc().arg("compile").arg(place.path("app.wat")).args(["-o", &link]))
        .with(2)
        .says(&["it is the input"]);
    // Nor a module that is run by itself.
    place.run(&["--audit", text(&place.path("link")), text(&place.path("app.wat"))]).with(3).says(&["--audit"]);
}

#[test]
fn every_command_ends_alike_on_the_same_error() {
    let place = application();
    fs::create_dir(place.path("empty")).unwrap();
    for folder in ["torn", "strange", "missing", "wrong"] {
        fs::create_dir(place.path(folder)).unwrap();
        place.file(&format!("{folder}/app.wat"), "(module (func (export \"_start\")))");
    }
    place.file("torn/bailiwick.toml", "[package\n");
    place.file("strange/bailiwick.toml", "[package]\nname = \"app\"\nmodule = \"app.wat\"\n[surprise]\n");
    place.file("missing/bailiwick.toml", "[package]\nname = \"app\"\nmodule = \"none.wat\"\n");
    place.file("wrong/bailiwick.toml", "[package]\nname = \"app\"\nmodule = \"app.wat\"\n");
    place.file("wrong/app.wat", "(module (func (result i32)))");
    for (app, status, said) in [
        ("none.toml", 1, "E-READ: none.toml: No such file"),
        ("empty", 1, "E-READ: empty: there is no bailiwick.toml in it"),
        ("torn", 1, "E-READ: torn/bailiwick.toml: "),
        ("strange", 3, "E-MANIFEST: strange/bailiwick.toml: "),
        ("missing", 1, "E-MODULE app: "),
        ("wrong", 1, "E-MODULE app: "),
    ] {
        let clearly = format!("{app}/");
        let app_or_folder = if app.ends_with(".toml") { app } else { &clearly };
        for command in [
            &["check", app][..],
            &["explain", app_or_folder],
            &["graph", app],
            &["why", app, "app", "env"],
            &["lock", app],
            &["diff", app],
            &["build", "-o", "out", app],
            &["run", app],
        ] {
            let ended = there(&place, command).with(status);
            assert!(format!("{}{}", ended.out, ended.err).contains(said), "{command:?}: {said}: {ended:#?}");
        }
    }
    assert!(!place.path("out").exists() && !place.path("empty/bailiwick.lock").exists());
}

#[test]
fn an_instance_that_may_be_a_folder_is_told_apart() {
    let place = application();
    fs::create_dir(place.path("dep")).unwrap();
    place.file("dep/bailiwick.toml", "");
    let said =
        "there is no instance \"dep\" in bailiwick.toml; there are: app; for the application in the folder dep: ";
    there(&place, &["explain", "dep"]).with(1).says(&[said, ": explain dep/\n"]);
    there(&place, &["why", "dep", "env"]).with(1).says(&[said, ": why dep/ INSTANCE env\n"]);
}

#[test]
fn what_a_killed_build_left_is_removed_by_the_next() {
    let place = application();
    for left in [".out.1.part", ".out.x.part", ".other.1.part"] {
        fs::create_dir_all(place.path(left).join("modules")).unwrap();
    }
    // One that is being made is let alone.
    fs::create_dir(place.path(".out.2.part")).unwrap();
    let claimed = File::open(place.path(".out.2.part")).unwrap();
    claimed.lock().unwrap();
    there(&place, &["build", "-o", "out"]).with(0);
    let there: Vec<bool> = [".out.1.part", ".out.2.part", ".out.x.part", ".other.1.part", "out"]
        .iter()
        .map(|name| place.path(name).exists())
        .collect();
    assert_eq!(there, [false, true, true, true, true]);
}
