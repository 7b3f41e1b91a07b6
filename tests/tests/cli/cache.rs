//! The cache of compiled modules.

use super::*;

#[test]
fn a_module_is_compiled_once() {
    let place = Place::new();
    let file = wasm("hash");
    let first = place.run(&[text(&file), "a"]).with(0);
    let entries = place.cached();
    assert_eq!(entries.len(), 1, "{entries:?}");
    let written = fs::metadata(&entries[0]).unwrap();
    let second = place.run(&[text(&file), "a"]).with(0);
    assert_eq!(first.out, second.out);
    assert_eq!(place.cached(), entries);
    let now = fs::metadata(&entries[0]).unwrap();
    assert_eq!((written.modified().unwrap(), written.len()), (now.modified().unwrap(), now.len()));
    // The content counts, not the name.
    let copy = place.path("copy.wasm");
    fs::copy(&file, &copy).unwrap();
    place.run(&[text(&copy), "a"]).with(0);
    assert_eq!(place.cached(), entries);
    let other = place.file("hello.wat", HELLO);
    place.run(&[text(&other)]).with(0);
    assert_eq!(place.cached().len(), 2);
}

#[test]
fn only_the_user_can_look_into_the_cache() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    place.run(&[text(&place.file("hello.wat", HELLO))]).with(0);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place.path("cache/bailiwick")), 0o700);
    assert_eq!(mode(&place.cached()[0]) & 0o077, 0);
}

#[test]
fn a_cache_that_others_may_write_to_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let folder = place.path("cache/bailiwick");
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, PermissionsExt::from_mode(0o777)).unwrap();
    let file = place.file("hello.wat", HELLO);
    place.run(&[text(&file)]).with(0).prints("hello\n").says(&["warning", text(&folder)]);
    assert_eq!(place.cached(), [] as [PathBuf; 0]);
}

#[test]
fn without_the_cache_nothing_is_kept() {
    let place = Place::new();
    let file = place.file("hello.wat", HELLO);
    place.run(&["--no-cache", text(&file)]).with(0).prints("hello\n").silently();
    assert!(!place.path("cache").exists());
}

#[test]
fn a_cache_that_can_not_be_made_is_a_warning() {
    let place = Place::new();
    let file = place.file("hello.wat", HELLO);
    ended(place.command().env("XDG_CACHE_HOME", "/dev/null/cache").arg("run").arg(&file))
        .with(0)
        .prints("hello\n")
        .says(&["warning", "cache"]);
}

#[test]
fn concurrent_runs_share_an_empty_cache() {
    let place = Place::new();
    let file = wasm("sort");
    let expected = fs::read_to_string(guests().join("expected/sort.out")).unwrap();
    let command = || {
        let mut command = place.command();
        command.arg("run").arg(&file).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let children: Vec<_> = (0..12).map(|_| command().spawn().unwrap()).collect();
    for child in children {
        told(child.wait_with_output().unwrap()).with(0).prints(&expected).silently();
    }
    let left = place.cached();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_damaged_cache_entry_is_made_anew() {
    let place = Place::new();
    let file = wasm("wide");
    let expected = fs::read_to_string(guests().join("expected/wide.out")).unwrap();
    place.run(&[text(&file)]).with(0).prints(&expected);
    let entry = place.cached().remove(0);
    let intact = fs::read(&entry).unwrap();
    let mut flipped = intact.clone();
    flipped[HEADER_OFFSET + 40] ^= 0xff;
    let damages: [&[u8]; 4] = [b"", &intact[..intact.len() / 3], b"something else entirely", &flipped];
    for damage in damages {
        // As a crash would leave it; what runs now keeps its own file.
        fs::remove_file(&entry).unwrap();
        fs::write(&entry, damage).unwrap();
        place.run(&[text(&file)]).with(0).prints(&expected).silently();
        assert!(fs::read(&entry).unwrap() == intact, "the entry is still damaged");
    }
}

#[test]
fn without_a_compiler_artifacts_still_run() {
    let place = Place::new();
    let wat = place.file("hello.wat", HELLO);
    let artifact = place.compiled(&wat);
    let missing = place.path("no-compiler");
    let run = |file: &Path| ended(place.command().env("BAILIWICKC", &missing).arg("run").arg(file));
    run(&artifact).with(0).prints("hello\n").silently();
    run(&wat).with(1).says(&[text(&missing), "no compiler"]);
}
