//! Modules as today's tools emit them: bindings for C by wit-bindgen, compiled by clang, and no WIT file beside them.

mod build;
mod names;
mod rust;
mod sections;

use bailiwick_tests::cli::bailiwick;
use std::path::Path;
use std::process::Output;

/// Runs `bailiwick` with these arguments in a folder of its own cache.
fn run(folder: &Path, arguments: &[&str]) -> Output {
    bailiwick(&folder.join("cache")).args(arguments).current_dir(folder).output().expect("it starts")
}

#[track_caller]
fn said(output: &Output, status: i32) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "{out}{err}");
    out + &err
}

#[test]
fn modules_with_component_type_sections_need_no_wit_file() {
    let folder = build::application("kv", "bailiwick.toml", &["keeper", "teller", "app"]);
    assert!(
        !folder
            .path()
            .read_dir()
            .expect("a folder")
            .any(|file| { file.expect("a file").path().extension().is_some_and(|extension| extension == "wit") })
    );
    assert!(said(&run(folder.path(), &["check"]), 0).contains("ok: 3 instances"));
    let expected = "\
entries: beta=two alpha=one
alpha: 3 bytes; gamma: nothing; reading is denied: 1
size: 2 entries, 6 bytes
summary: fruit: 2 entries
kept: nothing, then size 2
absorbed: 3 entries, alive 1
dropped: alive 0
";
    assert_eq!(said(&run(folder.path(), &["run", "."]), 0), expected);
}
