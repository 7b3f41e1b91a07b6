//! What a guest sees of the file system.

use super::*;

#[test]
fn nothing_of_the_file_system_is_granted_by_default() {
    let place = Place::new();
    let file = guests().join("demo/jsonfmt.wasm");
    let secret = place.file("secret.json", "{}");
    place.run(&[text(&file), text(&secret)]).with(1).prints("");
    place.run(&[text(&wasm("files")), text(place.folder.path())]).with(1);
}

#[test]
fn a_granted_folder_ends_where_it_ends() {
    let place = Place::new();
    let file = guests().join("demo/jsonfmt.wasm");
    let folder = place.path("granted");
    fs::create_dir_all(folder.join("below")).unwrap();
    fs::write(folder.join("in.json"), "[1]").unwrap();
    fs::write(folder.join("below/in.json"), "[2]").unwrap();
    let secret = place.file("secret.json", "[\"secret\"]");
    std::os::unix::fs::symlink(&secret, folder.join("out.json")).unwrap();
    std::os::unix::fs::symlink("../secret.json", folder.join("up.json")).unwrap();
    std::os::unix::fs::symlink("below/in.json", folder.join("inside.json")).unwrap();
    std::os::unix::fs::symlink("/", folder.join("root")).unwrap();
    let grant = format!("{}::/g", text(&folder));
    let read = |path: &str| place.run(&["--dir-ro", &grant, text(&file), "-c", path]);
    assert_eq!(read("/g/in.json").with(0).out.trim(), "[1]");
    assert_eq!(read("/g/below/../in.json").with(0).out.trim(), "[1]");
    assert_eq!(read("/g/inside.json").with(0).out.trim(), "[2]");
    let outside = text(&secret).trim_start_matches('/').to_owned();
    for path in [
        "/g/out.json",
        "/g/up.json",
        "/g/../secret.json",
        "/g/below/../../secret.json",
        "/secret.json",
        text(&secret),
        &format!("/g/root/{outside}"),
    ] {
        let ended = read(path).with(1);
        assert!(!ended.out.contains("secret") && ended.out.is_empty(), "{path}: {ended:#?}");
    }
}

#[test]
fn a_folder_granted_without_a_name_has_its_own() {
    let place = Place::new();
    let file = guests().join("demo/jsonfmt.wasm");
    let (here, folder) = (place.path("here"), place.path("here/named"));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("in.json"), "[3]").unwrap();
    let run = |arguments: &[&str]| ended(place.command().current_dir(&here).arg("run").args(arguments));
    assert_eq!(run(&["--dir", "named", text(&file), "-c", "named/in.json"]).with(0).out.trim(), "[3]");
    assert_eq!(run(&["--dir", ".", text(&file), "-c", "named/in.json"]).with(0).out.trim(), "[3]");
    let path = folder.join("in.json");
    assert_eq!(run(&["--dir", text(&folder), text(&file), "-c", text(&path)]).with(0).out.trim(), "[3]");
}

#[test]
fn the_cache_is_not_granted_for_writing() {
    // A guest that could write there would decide what runs next.
    let place = Place::new();
    let hello = place.file("hello.wat", HELLO);
    fs::create_dir_all(place.path("cache/bailiwick")).unwrap();
    for folder in [place.folder.path().to_owned(), place.path("cache"), place.path("cache/bailiwick")] {
        place.run(&["--dir", text(&folder), text(&hello)]).with(3).prints("").says(&[text(&folder), "cache"]);
    }
    place.run(&["--dir-ro", text(place.folder.path()), text(&hello)]).with(0).prints("hello\n");
}

#[test]
fn a_folder_granted_for_reading_is_not_written_to() {
    let place = Place::new();
    let folder = place.path("read-only");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("kept"), "kept").unwrap();
    let grant = format!("{}::/work", text(&folder));
    let ended = place.run(&["--dir-ro", &grant, text(&wasm("files")), "/work"]);
    assert_ne!(ended.status, Some(0), "{ended:#?}");
    let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["kept"]);
}

#[test]
fn a_folder_that_can_not_be_granted_is_named() {
    let place = Place::new();
    let hello = place.file("hello.wat", HELLO);
    for folder in [place.path("missing"), hello.clone()] {
        let ended = place.run(&["--dir", text(&folder), text(&hello)]).prints("").says(&[text(&folder)]);
        assert!(matches!(ended.status, Some(1 | 3)), "{ended:#?}");
    }
}
