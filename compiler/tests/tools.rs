//! Artifacts are read by the usual tools, without a warning.

mod common;

use bailiwick_compiler::{Arch, Options};
use std::path::{Path, PathBuf};
use std::process::Command;

const MODULE: &str = r#"
(module
  (import "env" "f" (func $imported (param i32)))
  (memory 2)
  (data (i32.const 0) "hello")
  (table 4 funcref)
  (elem (i32.const 0) $imported $plus 2)
  (type $t (func (param i32)))
  (func $plus (param i32) (call $imported (i32.add (local.get 0) (i32.const 1))))
  (func (;2;) (param i32) (call_indirect (type $t) (local.get 0) (local.get 0)))
  (func $core::fmt (export "switch") (param i32) (result i32)
    (block (block (block (block (br_table 0 1 2 3 1 2 0 1 (local.get 0))) (return (i32.const 1)))
      (return (i32.const 2))) (return (i32.const 3)))
    (i32.const 4))
  (func (export "by_export") (call $plus (i32.const 1))))
"#;

/// Writes the artifact of [`MODULE`] into a folder that ends with the test.
fn written(target: Arch) -> (tempfile::TempDir, PathBuf) {
    let bytes = common::artifact(MODULE, &Options { target, ..Options::default() });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("module.bwk");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn output(tool: &str, args: &[&str], path: &Path) -> String {
    common::quiet(Command::new(tool).args(args).arg(path))
}

#[test]
fn readelf_reads_all_of_it() {
    for target in [Arch::X86_64, Arch::Aarch64] {
        let (_folder, path) = written(target);
        let text = output("readelf", &["-aW"], &path);
        assert!(!text.contains("arning") && !text.contains("rror"), "{text}");
        for expected in [
            "DYN (Shared object file)",
            "There are no relocations in this file.",
            "There is no dynamic section in this file.",
            "GNU_EH_FRAME",
            ".bailiwick.image",
            " plus\n",
            " core::fmt\n",
            " function[2]\n",
            " by_export\n",
            " bailiwick::thunk[0]\n",
            " bailiwick::denied\n",
            "Bailiwick",
        ] {
            assert!(text.contains(expected), "{expected} is not in {text}");
        }
        // Nothing is writable and executable, and the stack is not executable.
        assert!(!text.contains("RWE"), "{text}");
        let frames = output("readelf", &["--debug-dump=frames"], &path);
        assert!(frames.contains("FDE") && frames.contains("ZERO terminator"), "{frames}");
    }
}

#[test]
fn objdump_disassembles_it() {
    let (_folder, path) = written(Arch::host().unwrap());
    let text = output("objdump", &["-d"], &path);
    assert!(text.contains("<plus>:") && text.contains("<bailiwick::exit[0]>:"), "{text}");
    // What stands in front of functions is shown as data.
    assert!(text.contains("<bailiwick::tag>:") && !text.contains("(bad)") && !text.contains(".byte"), "{text}");
}
