//! `--emit obj`: objects that the C linker accepts and a C program calls.

mod common;

use bailiwick_compiler::{Arch, Options, binary, emit_object};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Two functions have one name, which C could not say; there is a call table, an import that is referred to, and data.
const MODULE: &str = r#"
(module
  (import "env" "f" (func $f (param i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "hello")
  (type $t (func (param i32) (result i32)))
  (table 4 funcref)
  (elem (i32.const 0) $f $double $triple)
  (func $double (type $t) (i32.mul (local.get 0) (i32.const 2)))
  (func $triple (@name "double") (type $t) (i32.mul (local.get 0) (i32.const 3)))
  (func (export "add") (param i32 i64) (result i64) (i64.add (i64.extend_i32_s (local.get 0)) (local.get 1)))
  (func (export "table:call") (param i32 i32) (result i32) (call_indirect (type $t) (local.get 0) (local.get 1)))
  (func (export "call") (type $t) (call $f (local.get 0)))
  (export "again" (func $f)))
"#;

/// Calls what needs nothing of its context but a poll page below it.
const PROGRAM: &str = r#"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct { _Alignas(16) unsigned char bytes[16]; } value;
typedef void entry(void *context, void (*code)(void), value *values);
extern entry bailiwick_entry_add, bailiwick_entry_table$3acall;
extern void bailiwick_code_add(void), bailiwick_code_table$3acall(void), bailiwick_denied(void);
extern const uint32_t bailiwick_counts[10];

int main(void) {
    unsigned char *memory = aligned_alloc(1 << 16, 2 << 16);
    memset(memory, 0, 2 << 16);
    void *context = memory + (1 << 16);
    value values[2];
    int32_t five = 5, two = 2, tripled;
    int64_t minus = -7, sum;
    memcpy(&values[0], &five, 4);
    memcpy(&values[1], &minus, 8);
    bailiwick_entry_add(context, bailiwick_code_add, values);
    memcpy(&sum, &values[0], 8);
    memcpy(&values[0], &five, 4);
    memcpy(&values[1], &two, 4);
    bailiwick_entry_table$3acall(context, bailiwick_code_table$3acall, values);
    memcpy(&tripled, &values[0], 4);
    /* One imported function, one memory, one table. */
    int counts = bailiwick_counts[0] == 1 && bailiwick_counts[2] == 1 && bailiwick_counts[4] == 1;
    void (*volatile denied)(void) = bailiwick_denied;
    return sum == -2 && tripled == 15 && counts && denied ? 0 : 1;
}
"#;

/// Writes the object of [`MODULE`] into a folder that ends with the test.
fn written(target: Arch) -> (tempfile::TempDir, PathBuf) {
    let wasm = binary(MODULE.as_bytes()).unwrap();
    let options = |jobs| Options { target, jobs: Some(jobs), ..Options::default() };
    let bytes = emit_object(&wasm, &options(1)).unwrap();
    assert!(bytes == emit_object(&wasm, &options(4)).unwrap(), "the same at any number of threads");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("module.o");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn output(tool: &str, args: &[&str], folder: &Path) -> String {
    common::quiet(Command::new(tool).args(args).current_dir(folder))
}

#[test]
fn readelf_reads_all_of_it() {
    for target in [Arch::X86_64, Arch::Aarch64] {
        let (folder, _) = written(target);
        let text = output("readelf", &["-aW", "module.o"], folder.path());
        assert!(!text.contains("arning") && !text.contains("rror:"), "{text}");
        for expected in [
            "REL (Relocatable file)",
            ".note.GNU-stack",
            " double\n",
            " double[",
            " bailiwick::table[0]\n",
            " bailiwick_code_add\n",
            " bailiwick_entry_table$3acall\n",
            " bailiwick_code_again\n",
            " bailiwick_counts\n",
        ] {
            assert!(text.contains(expected), "{expected} is not in {text}");
        }
        let undefined: Vec<&str> = text.lines().filter(|line| line.contains(" UND ")).collect();
        assert_eq!(undefined.len(), 1, "only the null symbol: {undefined:?}");
        let frames = output("readelf", &["--debug-dump=frames", "module.o"], folder.path());
        assert!(frames.contains("CIE") && frames.contains("FDE"), "{frames}");
    }
}

#[test]
fn the_c_linker_accepts_it_and_a_program_calls_it() {
    let (folder, _) = written(Arch::host().unwrap());
    let folder = folder.path();
    output("cc", &["-shared", "-Wl,--fatal-warnings,-z,text", "-o", "module.so", "module.o"], folder);
    let symbols = output("readelf", &["-W", "--dyn-syms", "module.so"], folder);
    assert!(symbols.contains("bailiwick_code_add") && !symbols.contains("double"), "{symbols}");
    output("ld", &["-r", "--fatal-warnings", "-o", "again.o", "module.o"], folder);
    std::fs::write(folder.join("program.c"), PROGRAM).unwrap();
    for object in ["module.o", "again.o", "./module.so"] {
        let flags = ["-Wall", "-Werror", "-Wl,--fatal-warnings", "-o", "program", "program.c", object];
        output("cc", &flags, folder);
        output("./program", &[], folder);
    }
    let text = output("objdump", &["-dr", "module.o"], folder);
    assert!(text.contains("<double>:") && text.contains("<bailiwick::exit[0]>:"), "{text}");
    // Every unit can be unwound, wherever the linker put it.
    let frames = |file: &str| output("readelf", &["--debug-dump=frames", file], folder).matches(" FDE ").count();
    assert!(frames("module.so") >= frames("module.o") && frames("module.o") > 5);
}
