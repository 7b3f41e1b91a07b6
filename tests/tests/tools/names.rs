//! One interface several times, under names that only who imports it knows, with a resource in it.

use super::{build, run, said};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const STORE: &str = "demo:kv/store@1.0.0";

fn application() -> TempDir {
    build::application("kv", "both.toml", &["keeper", "both"])
}

/// Writes something else into its manifest.
#[track_caller]
fn edit(folder: &Path, from: &str, to: &str) {
    let file = folder.join("bailiwick.toml");
    let text = fs::read_to_string(&file).expect("the manifest");
    assert!(text.contains(from), "{text}");
    fs::write(file, text.replace(from, to)).expect("the manifest is written");
}

#[test]
fn each_name_is_another_s() {
    let app = application();
    assert!(said(&run(app.path(), &["check"]), 0).contains("ok: 3 instances"));
    let expected = "cache: 1 entries; main: 0\nalive: 0 in cache, 1 in main\n";
    assert_eq!(said(&run(app.path(), &["run", "."]), 0), expected);
    let text = said(&run(app.path(), &["explain", "both"]), 0);
    for (name, by) in [("cache", "kv1"), ("main", "kv2")] {
        assert!(text.contains(&format!("has {name} from both/{by}, as its {STORE}.")), "{text}");
    }
    // What answers both is one store.
    edit(app.path(), "module = \"kv2\"", "module = \"kv1\"");
    let expected = "cache: 1 entries; main: 0\nalive: 1 in cache, 1 in main\n";
    assert_eq!(said(&run(app.path(), &["run", "."]), 0), expected);
}

#[test]
fn a_handle_of_one_is_none_of_the_other() {
    let app = application();
    for (wrong, at) in [
        ("lend", "size"),
        ("give", "[method]bucket.absorb"),
        ("self", "[method]bucket.set"),
        ("drop", "it gives back handle"),
    ] {
        let text = said(&run(app.path(), &["run", ".", wrong]), 134);
        assert!(text.contains("which is of another resource"), "{wrong}: {text}");
        assert!(text.contains(at) && !text.contains("alive"), "{wrong}: {text}");
    }
    // The types are the same, and by one store behind both names so are the resources.
    edit(app.path(), "module = \"kv2\"", "module = \"kv1\"");
    let text = said(&run(app.path(), &["run", ".", "lend"]), 0);
    assert!(text.contains("alive: 1 in cache, 1 in main"), "{text}");
}

#[test]
fn the_lock_holds_who_answers_which_name() {
    let app = application();
    said(&run(app.path(), &["lock"]), 0);
    said(&run(app.path(), &["check"]), 0);
    edit(app.path(), "module = \"kv2\"", "module = \"kv1\"");
    let text = said(&run(app.path(), &["diff"]), 3);
    assert!(text.contains(&format!("imports.main: {STORE} of both/kv2 → {STORE} of both/kv1")), "{text}");
    assert!(!text.contains("imports.cache"), "{text}");
    assert!(said(&run(app.path(), &["check"]), 3).contains("E-LOCK both"));
}

#[test]
fn a_name_that_nobody_or_nothing_answers_is_refused_before_anything_runs() {
    for (from, to, words) in [
        (
            "{ module = \"kv1\", interface = \"demo:kv/store@1.0.0\" }",
            "{ module = \"kv1\" }",
            "imports.cache: kv1 exports no interface cache; it exports: demo:kv/store@1.0.0; say which one answers",
        ),
        (
            "\"kv1\", interface = \"demo:kv/store@1.0.0\"",
            "\"kv1\", interface = \"demo:kv/store@2.0.0\"",
            "imports.cache: kv1 exports no interface demo:kv/store@2.0.0",
        ),
        ("cache = ", "cold = ", "imports.cold: it imports no such interface; it imports: cache, main"),
        ("module = \"kv1\"", "module = \"kv3\"", "no dependency and no shared instance \"kv3\""),
        ("\ncache = ", "\n# cache = ", "E-UNKNOWN-IMPORT both: both.wasm: cache.[constructor]bucket"),
    ] {
        let app = application();
        edit(app.path(), from, to);
        let text = said(&run(app.path(), &["check"]), 3);
        assert!(text.contains(words), "{to}: {text}");
    }
}
