//! `bailiwick inspect`.

use super::*;

#[test]
fn inspect_shows_what_an_artifact_holds() {
    let place = Place::new();
    let artifact = place.compiled(&wasm("hash"));
    let report = ended(place.command().arg("inspect").arg(&artifact)).with(0).silently();
    for words in [host().name(), "wasi_snapshot_preview1", "fd_write", "_start", "memory", "bailiwickc"] {
        assert!(report.out.contains(words), "no {words:?} in:\n{}", report.out);
    }
    let json = ended(place.command().arg("inspect").arg(&artifact).arg("--json")).with(0).silently();
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["architecture"], host().name());
    assert_eq!(json["bytes"]["file"], fs::metadata(&artifact).unwrap().len());
    let named = |list: &str, name: &str| json[list].as_array().unwrap().iter().any(|item| item["name"] == name);
    assert!(named("exports", "_start") && named("exports", "memory") && named("imports", "fd_write"), "{json:#}");
}

#[test]
fn inspect_reads_artifacts_of_both_architectures_and_refuses_other_files() {
    let place = Place::new();
    for arch in [Arch::X86_64, Arch::Aarch64] {
        let bytes = compile_for(arch, &bailiwick_tests::compile::binary(HELLO)).unwrap();
        let file = place.file("a.bwk", bytes);
        let report = ended(place.command().arg("inspect").arg(&file)).with(0);
        assert!(report.out.contains(arch.name()), "{report:#?}");
    }
    for (file, words) in [
        (place.path("missing"), "No such file"),
        (place.folder.path().to_owned(), "not a regular file"),
        (place.file("empty", ""), "empty"),
        (place.file("hello.wat", HELLO), "not a Bailiwick artifact"),
    ] {
        ended(place.command().arg("inspect").arg(&file)).with(1).prints("").says(&[text(&file), words]);
    }
}
