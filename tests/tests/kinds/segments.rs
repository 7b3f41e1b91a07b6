//! Active segments of memories of every kind: their places have the index type, and lengths need not be whole pages.

use super::KINDS;
use bailiwick_loader::{Error, Group, Imports, Memory, TrapCode};
use bailiwick_tests::compile::artifact;
use bailiwick_tests::guest::Guest;
use std::fmt::Write;

#[test]
fn segments_lie_where_they_say() {
    for kind in KINDS {
        let pages = if kind.page_size_log2 == 0 { 7000 } else { 1 };
        let length = pages << kind.page_size_log2;
        let ty = kind.index();
        let mut guest = Guest::new(&format!(
            r#"(module (memory (export "memory") {})
                (data ({ty}.const {}) "end") (data ({ty}.const 1) "abc") (data ({ty}.const 2) "x")
                (data ({ty}.const {length}) ""))"#,
            kind.text(&pages.to_string()),
            length - 3,
        ));
        let memory = guest.instance.memory(&mut guest.group, "memory").unwrap();
        let bytes = memory.bytes(&mut guest.group).unwrap();
        assert_eq!(bytes.len(), length);
        assert_eq!((&bytes[..5], &bytes[length - 4..]), (&b"\0axc\0"[..], &b"\0end"[..]), "{kind:?}");
    }
}

/// An image that is mapped from the artifact, in a memory that does not end with a page of the host's.
#[test]
fn large_images_end_with_the_memory() {
    for kind in KINDS.into_iter().filter(|kind| kind.page_size_log2 == 0) {
        let length = 150_001usize;
        let mut wat = format!("(module (memory (export \"memory\") {})", kind.text(&length.to_string()));
        let _ = write!(wat, "(data ({}.const 0) \"", kind.index());
        (0..length).for_each(|i| {
            let _ = write!(wat, "\\{:02x}", i % 251 + 1);
        });
        let ty = kind.index();
        let _ = write!(wat, "\") (func (export \"get\") (param {ty}) (result i32) (i32.load8_u (local.get 0))))");
        let mut guest = Guest::new(&wat);
        let memory = guest.instance.memory(&mut guest.group, "memory").unwrap();
        let bytes = memory.bytes(&mut guest.group).unwrap();
        assert!(bytes.len() == length && bytes.iter().enumerate().all(|(i, &byte)| usize::from(byte) == i % 251 + 1));
        let value = |at: usize| match kind.index64 {
            true => bailiwick_loader::Val::I64(at as i64),
            false => bailiwick_loader::Val::I32(at as i32),
        };
        guest.call("get", &[value(length - 1)]).unwrap();
        for beyond in [length, length + 1, length + 4095] {
            assert_eq!(guest.trap_code("get", &[value(beyond)]), TrapCode::MemoryOutOfBounds);
        }
        assert_eq!(memory.grow(&mut guest.group, 5000).unwrap(), Some(length as u64));
        assert!(memory.bytes(&mut guest.group).unwrap()[length..].iter().all(|&byte| byte == 0));
    }
}

#[test]
fn a_segment_that_does_not_fit_traps_and_those_in_front_of_it_stay() {
    for kind in KINDS {
        let pages = if kind.page_size_log2 == 0 { 100 } else { 1 };
        let length: u64 = pages << kind.page_size_log2;
        for place in [length - 1, length + 1, u32::MAX.into(), 1 << 32, 1 << 63, u64::MAX, u64::MAX - 1] {
            if !kind.index64 && place > u32::MAX.into() {
                continue;
            }
            let ty = kind.index();
            let segments = format!(
                "(data ({ty}.const 0) \"first\") (data ({ty}.const {place}) \"ab\") (data ({ty}.const 5) \"last\")"
            );
            let text = kind.text(&pages.to_string());
            let mut group = Group::new().unwrap();
            let defined = artifact(&format!("(module (memory {text}) {segments})"));
            let result = group.instantiate(&defined, &Imports::new());
            let trapped = |result: &Result<_, Error>| result.as_ref().err().and_then(Error::trap_code);
            assert_eq!(trapped(&result), Some(TrapCode::MemoryOutOfBounds), "{kind:?} {place:#x}");

            let memory = Memory::new(&mut group, kind.ty(pages, None)).unwrap();
            let mut imports = Imports::new();
            imports.define("m", "m", memory);
            let imported = artifact(&format!("(module (import \"m\" \"m\" (memory {text})) {segments})"));
            let result = group.instantiate(&imported, &imports);
            assert_eq!(trapped(&result), Some(TrapCode::MemoryOutOfBounds), "{kind:?} {place:#x}");
            let bytes = memory.bytes(&mut group).unwrap();
            assert_eq!(&bytes[..10], b"first\0\0\0\0\0", "{kind:?} {place:#x}");
            assert_eq!(bytes[length as usize - 1], 0);
        }
    }
}

#[test]
fn a_memory_of_more_than_there_can_be_is_compiled_and_refused_when_it_is_made() {
    for memory in ["i64 0x1000000000000", "i64 0x400000000000 (pagesize 1)", "i64 0xffffffffffffffff (pagesize 1)"] {
        let wat = format!(
            "(module (memory {memory}) (data (i64.const 0xfffffffffffffff0) \"far\") (data (i64.const 0) \"near\"))"
        );
        let result = Group::new().unwrap().instantiate(&artifact(&wat), &Imports::new());
        assert!(matches!(result, Err(Error::Limit { .. })), "{memory}: {result:?}");
    }
}
