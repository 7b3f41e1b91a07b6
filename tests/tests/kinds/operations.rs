//! `memory.copy`, `memory.fill` and `memory.init` between all kinds of memories, defined and imported, against a model.

use super::{KINDS, Kind, meant, narrowed};
use bailiwick_loader::{Error, Extern, Group, Imports, Instance, Memory, TrapCode, Val};
use bailiwick_tests::compile::artifact;
use std::fmt::Write;

/// Imported ones first.
const MEMORIES: usize = 2 * KINDS.len();

/// Sizes that the program says, of which compiled code does some by itself.
const KNOWN: [u64; 5] = [0, 1, 16, 100, 129];

const SEGMENT: &[u8] = b"segments are bytes";

fn kind(memory: usize) -> Kind {
    KINDS[memory % KINDS.len()]
}

/// Bytes: no page of the host's, where that can be.
fn length(memory: usize) -> u64 {
    if kind(memory).page_size_log2 == 0 { 5000 + memory as u64 } else { 1 << 16 }
}

fn module() -> String {
    let mut wat = String::from("(module");
    for memory in 0..MEMORIES {
        let text = kind(memory).text(&(length(memory) >> kind(memory).page_size_log2).to_string());
        let _ = match memory < KINDS.len() {
            true => write!(wat, "(import \"host\" \"{memory}\" (memory {text}))"),
            false => write!(wat, "(memory {text})"),
        };
        let _ = write!(wat, "(export \"{memory}\" (memory {memory}))");
    }
    for to in 0..MEMORIES {
        let to64 = kind(to).index64;
        let dst = narrowed(to64, "(local.get 0)");
        let mut function = |name: &str, body: &str| {
            let _ = write!(wat, "(func (export \"{name}\") (param i64 i64 i64) {body})");
        };
        let len = narrowed(to64, "(local.get 2)");
        let byte = "(i32.wrap_i64 (local.get 1))";
        function(&format!("fill {to}"), &format!("(memory.fill {to} {dst} {byte} {len})"));
        let (src, count) = (narrowed(false, "(local.get 1)"), narrowed(false, "(local.get 2)"));
        function(&format!("init {to}"), &format!("(memory.init {to} $s {dst} {src} {count})"));
        for size in KNOWN {
            let len = narrowed(to64, &format!("(i64.const {size})"));
            let constant = if to64 { len } else { format!("(i32.const {size})") };
            function(&format!("fill {to} {size}"), &format!("(memory.fill {to} {dst} {byte} {constant})"));
        }
        for from in 0..MEMORIES {
            let src = narrowed(kind(from).index64, "(local.get 1)");
            let len64 = to64 && kind(from).index64;
            let len = narrowed(len64, "(local.get 2)");
            function(&format!("copy {to} {from}"), &format!("(memory.copy {to} {from} {dst} {src} {len})"));
            for size in KNOWN {
                let len = if len64 { format!("(i64.const {size})") } else { format!("(i32.const {size})") };
                function(&format!("copy {to} {from} {size}"), &format!("(memory.copy {to} {from} {dst} {src} {len})"));
            }
        }
    }
    let _ = write!(wat, "(data $s \"{}\"))", std::str::from_utf8(SEGMENT).unwrap());
    wat
}

struct Side {
    group: Group,
    instance: Instance,
    memories: Vec<Memory>,
    model: Vec<Vec<u8>>,
}

impl Side {
    fn new() -> Side {
        let mut group = Group::new().unwrap();
        let mut imports = Imports::new();
        for (i, kind) in KINDS.into_iter().enumerate() {
            let memory = Memory::new(&mut group, kind.ty(length(i) >> kind.page_size_log2, None)).unwrap();
            imports.define("host", &i.to_string(), memory);
        }
        let instance = group.instantiate(&artifact(&module()), &imports).unwrap();
        let mut side = Side { group, instance, memories: Vec::new(), model: Vec::new() };
        for i in 0..MEMORIES {
            let Ok(Some(Extern::Memory(memory))) = instance.export(&mut side.group, &i.to_string()) else { panic!() };
            let bytes = memory.bytes(&mut side.group).unwrap();
            bytes.iter_mut().enumerate().for_each(|(j, byte)| *byte = (j * 11 + j / 251 + i * 31) as u8);
            side.model.push(bytes.to_vec());
            side.memories.push(memory);
        }
        side
    }

    /// Calls an operation. `expected` says what is written where, or that it traps.
    fn check(&mut self, name: &str, args: [u64; 3], expected: Option<(usize, usize, Vec<u8>)>) {
        let args_ = args.map(|arg| Val::I64(arg as i64));
        let result = self.instance.func(&mut self.group, name).unwrap().call(&mut self.group, &args_);
        let code = result.as_ref().err().and_then(Error::trap_code);
        let trap = expected.is_none().then_some(TrapCode::MemoryOutOfBounds);
        assert_eq!(code, trap, "{name} {args:x?}: {result:?}");
        if let Some((memory, start, bytes)) = expected {
            self.model[memory][start..start + bytes.len()].copy_from_slice(&bytes);
        }
        for (i, memory) in self.memories.iter().enumerate() {
            assert!(memory.bytes(&mut self.group).unwrap() == self.model[i], "{name} {args:x?}: memory {i}");
        }
    }
}

/// `len` bytes from `start` within `length`, if they are.
fn span(start: u64, len: u64, length: u64) -> Option<std::ops::Range<usize>> {
    let end = start.checked_add(len).filter(|&end| end <= length)?;
    Some(start as usize..end as usize)
}

/// Around the bounds of a memory, and where sums wrap.
fn starts(length: u64, len: u64) -> [u64; 8] {
    let last = length.wrapping_sub(len);
    [0, 3, last, last.wrapping_add(1), length, length + 1, 1 << 32, len.wrapping_neg()]
}

const LENGTHS: [u64; 8] = [0, 1, 17, 200, 4999, 1 << 32, u64::MAX, u32::MAX as u64];

#[test]
fn memory_copy_between_all_kinds() {
    let mut side = Side::new();
    for to in 0..MEMORIES {
        for from in 0..MEMORIES {
            let len64 = kind(to).index64 && kind(from).index64;
            let known = KNOWN.map(|size| (format!("copy {to} {from} {size}"), size));
            for (name, size) in known.into_iter().chain(LENGTHS.map(|size| (format!("copy {to} {from}"), size))) {
                let len = meant(len64, size);
                for dst in starts(length(to), len) {
                    // Not each with each: one of both is at a bound.
                    for src in if dst == 0 { starts(length(from), len).to_vec() } else { vec![1, length(from)] } {
                        let source = span(meant(kind(from).index64, src), len, length(from));
                        let target = span(meant(kind(to).index64, dst), len, length(to));
                        let expected = source.zip(target).map(|(source, target)| {
                            let bytes = side.model[from][source].to_vec();
                            (to, target.start, bytes)
                        });
                        side.check(&name, [dst, src, size], expected);
                    }
                }
            }
        }
    }
}

#[test]
fn memory_fill_of_all_kinds() {
    let mut side = Side::new();
    for to in 0..MEMORIES {
        let known = KNOWN.map(|size| (format!("fill {to} {size}"), size));
        for (name, size) in known.into_iter().chain(LENGTHS.map(|size| (format!("fill {to}"), size))) {
            let len = meant(kind(to).index64, size);
            for (value, dst) in (0x1_0000_01a7u64..).zip(starts(length(to), len)) {
                let target = span(meant(kind(to).index64, dst), len, length(to));
                let expected = target.map(|target| (to, target.start, vec![value as u8; target.len()]));
                side.check(&name, [dst, value, size], expected);
            }
        }
    }
}

#[test]
fn memory_init_of_all_kinds() {
    let mut side = Side::new();
    for to in 0..MEMORIES {
        for size in [0, 1, 5, 18, 19, u64::MAX, 1 << 32] {
            let len = meant(false, size);
            for dst in starts(length(to), len) {
                for src in [0, 1, 13, 17, 18, 19, u64::MAX, 1 << 32] {
                    let source = span(meant(false, src), len, SEGMENT.len() as u64);
                    let target = span(meant(kind(to).index64, dst), len, length(to));
                    let expected =
                        source.zip(target).map(|(source, target)| (to, target.start, SEGMENT[source].to_vec()));
                    side.check(&format!("init {to}"), [dst, src, size], expected);
                }
            }
        }
    }
}
