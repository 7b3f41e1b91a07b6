//! Branch hints: they move code, and change nothing else, whatever the section holds.

use bailiwick_loader::{Artifact, Group, Imports, Val};
use bailiwick_runtime_abi::view::View;
use bailiwick_tests::compile::{binary, compile};

const MODULE: &str = r#"(module
    (func (export "run") (param i32) (result i32) (local $s i32)
        (if (i32.and (local.get 0) (i32.const 1)) (then (local.set $s (i32.const 100))) (else (local.set $s (i32.const 200))))
        (block $out
            (br_if $out (i32.gt_u (local.get 0) (i32.const 6)))
            (local.set $s (i32.add (local.get $s) (i32.const 1000)))
            (loop $l
                (local.set $s (i32.add (local.get $s) (i32.const 1)))
                (br_if $l (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 10)))))
        (i32.add (local.get $s) (block $v (result i32) (drop (br_if $v (i32.const 5) (i32.eqz (local.get 0)))) (i32.const 9)))))"#;

/// Where hints may be: at every byte of the function.
const BYTES: u8 = 120;

fn section(contents: &[u8]) -> Vec<u8> {
    let name = b"metadata.code.branch_hint";
    let mut payload = vec![name.len() as u8];
    payload.extend(name);
    payload.extend(contents);
    let mut section = vec![0, payload.len() as u8 | 0x80, (payload.len() >> 7) as u8];
    section.extend(payload);
    section
}

/// Hints for all places of function 0.
fn hints(taken: u8) -> Vec<u8> {
    let mut contents = vec![1, 0, BYTES];
    (0..BYTES).for_each(|offset| contents.extend([offset, 1, taken]));
    contents
}

fn results(artifact: &[u8]) -> Vec<Vec<Val>> {
    let artifact = Artifact::from_bytes(artifact, "test").unwrap();
    let mut group = Group::new().unwrap();
    let instance = group.instantiate(&artifact, &Imports::new()).unwrap();
    let run = instance.func(&mut group, "run").unwrap();
    (0..12).map(|i| run.call(&mut group, &[Val::I32(i)]).unwrap()).collect()
}

fn compiled(contents: &[u8]) -> Vec<u8> {
    let mut wasm = binary(MODULE);
    wasm.extend(section(contents));
    compile(&wasm).unwrap_or_else(|e| panic!("{contents:?}: {e}"))
}

fn text(artifact: &[u8]) -> Vec<u8> {
    // Aligned as the loader has it.
    let words: Vec<u64> = artifact.chunks(8).map(|c| c.iter().rev().fold(0, |w, &b| w << 8 | u64::from(b))).collect();
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let span = View::new(&bytes, bytes.len() as u64).map(|view| view.header().text);
    let span = span.unwrap_or_else(|e| panic!("{e}"));
    artifact[span.offset as usize..][..span.len as usize].to_vec()
}

#[test]
fn hints_move_code_and_change_no_result() {
    let plain = compile(&binary(MODULE)).unwrap();
    let (unlikely, likely) = (compiled(&hints(0)), compiled(&hints(1)));
    assert_eq!(results(&unlikely), results(&plain));
    assert_eq!(results(&likely), results(&plain));
    assert_ne!(text(&unlikely), text(&likely));
    // Of a function that is not there, or of no places.
    for contents in [&[0u8][..], &[1, 9, 1, 0, 1, 0], &[1, 0, 0], &[2, 0, 0, 0, 0]] {
        assert_eq!(text(&compiled(contents)), text(&plain), "{contents:?}");
    }
}

#[test]
fn a_damaged_section_is_no_error() {
    let plain = results(&compile(&binary(MODULE)).unwrap());
    let whole = hints(1);
    for len in (0..whole.len()).step_by(7) {
        assert_eq!(results(&compiled(&whole[..len])), plain, "{len}");
    }
    for (at, byte) in [(0, 0xff), (0, 5), (1, 0xff), (2, 0xff), (2, 0), (3, 0xff), (4, 7), (5, 9), (9, 0x80)] {
        let mut damaged = whole.clone();
        damaged[at] = byte;
        assert_eq!(results(&compiled(&damaged)), plain, "{at} {byte}");
    }
    assert_eq!(results(&compiled(&[0xff; 40])), plain);
}
