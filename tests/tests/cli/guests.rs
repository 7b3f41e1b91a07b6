//! Guest programs in C: they print what native builds of the same source print.

use super::*;

#[test]
fn guests_print_what_native_builds_of_the_same_source_print() {
    let place = Place::new();
    for name in ["clocks", "floats", "format", "hash", "heap", "machine", "recurse", "sort", "wide"] {
        let expected = fs::read_to_string(guests().join(format!("expected/{name}.out"))).unwrap();
        for (file, kind) in both(&place, name) {
            let run = place.run(&[text(&file)]);
            assert_eq!((run.status, &*run.err), (Some(0), ""), "{name}, {kind}");
            assert!(run.out == expected, "{name}, {kind} printed:\n{}\nexpected:\n{expected}", run.out);
        }
    }
}

#[test]
fn files_are_made_read_and_removed_below_a_granted_folder() {
    let place = Place::new();
    let expected = fs::read_to_string(guests().join("expected/files.out")).unwrap();
    for (i, (file, _)) in both(&place, "files").iter().enumerate() {
        let folder = place.path(&format!("work{i}"));
        fs::create_dir(&folder).unwrap();
        let grant = format!("{}::/work", text(&folder));
        place.run(&["--dir", &grant, text(file), "/work"]).with(0).prints(&expected).silently();
    }
}

#[test]
fn arguments_behind_the_file_are_all_the_guests() {
    let place = Place::new();
    for (file, _) in both(&place, "environ") {
        place
            .run(&[text(&file), "--dir", "x y", "--", "-v", "", "ü"])
            .with(0)
            .prints("6 arguments\n[--dir]\n[x y]\n[--]\n[-v]\n[]\n[ü]\nHOME is not set\n")
            .silently();
    }
}

#[test]
fn an_argument_need_not_be_utf_8() {
    let place = Place::new();
    let odd = std::ffi::OsStr::from_bytes(b"a\xff\xfeb");
    let output = place.command().arg("run").arg(wasm("environ")).arg(odd).output().unwrap();
    assert!(output.status.success());
    assert!(output.stdout.starts_with(b"1 arguments\n[a\xff\xfeb]\n"), "{:?}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_environment_is_what_is_named() {
    let place = Place::new();
    let file = wasm("environ");
    let mut command = place.command();
    command.env("HOME", "/home/me").env("SECRET", "no").env_remove("ABSENT");
    command.args(["run", "--env", "A=1", "--env", "EMPTY=", "--env", "HOME", "--env", "ABSENT", "--env", "B=x=y"]);
    ended(command.arg(&file))
        .with(0)
        .prints("0 arguments\n{A=1}\n{EMPTY=}\n{HOME=/home/me}\n{B=x=y}\nHOME /home/me\n")
        .silently();
    let mut command = place.command();
    ended(command.env("HOME", "/home/me").args(["run", text(&file)])).with(0).prints("0 arguments\nHOME is not set\n");
    place.run(&["--env", "=x", text(&file)]).with(2).says(&["--env"]);
}

#[test]
fn standard_input_is_the_guests() {
    let place = Place::new();
    for (file, _) in both(&place, "wordcount") {
        let run = |input: &[u8]| with_input(place.command().arg("run").arg(&file), input).with(0).silently().out;
        assert_eq!(run(b"b a\na\n"), "2 lines, 3 words, 6 bytes, 2 different words\n     2 a\n     1 b\n");
        assert_eq!(run(b""), "0 lines, 0 words, 0 bytes, 0 different words\n");
        let long = "many words, ".repeat(100_000);
        assert!(run(long.as_bytes()).starts_with("0 lines, 200000 words, 1200000 bytes, 2 different words\n"));
    }
}

#[test]
fn the_demo_formats_json() {
    let place = Place::new();
    let demo = guests().join("demo");
    let sample = fs::read(demo.join("sample.json")).unwrap();
    let mut command = place.command();
    let piped = with_input(command.arg("run").arg(demo.join("jsonfmt.wasm")).arg("-c"), &sample).with(0).silently();
    let grant = format!("{}::/in", text(&demo));
    let file = demo.join("jsonfmt.wasm");
    let read = place.run(&["--dir-ro", &grant, text(&file), "-c", "/in/sample.json"]).with(0).silently();
    assert_eq!(piped.out, read.out);
    let again = with_input(place.command().arg("run").arg(&file), piped.out.as_bytes()).with(0);
    let back = with_input(place.command().arg("run").arg(&file).arg("-c"), again.out.as_bytes()).with(0);
    assert_eq!(back.out, piped.out);
    with_input(place.command().arg("run").arg(&file), b"{\"a\": }").with(1);
}
