//! Artifacts that were changed at random: `open_checked` refuses each, `open` refuses or the guest runs within bounds.
//!
//! What is not in the text and not in the call tables may be anything. Each mutation has a number; a crash is told with
//! it, and `BAILIWICK_MUTATIONS=FIRST..END` tries others than those that are tried by default.

mod common;

use bailiwick_loader::{
    Artifact, Caller, Error, Global, Group, GroupConfig, Imports, InterruptHandle, Kind, Memory, MemoryType, Table,
    TableType, Val, ValType, verify_content,
};
use bailiwick_runtime_abi::format::{HEADER_OFFSET, Header, Table as Part};
use bailiwick_tests::compile::artifact_bytes;
use common::{Random, child, task, times, wait};
use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use zerocopy::{FromBytes, IntoBytes};

/// Something of everything that an artifact has a table for, imports included.
const EVERYTHING: &str = r#"(module $everything
    (import "host" "f" (func $f (param i32 i64) (result f64)))
    (import "host" "r" (func $r (param externref) (result funcref)))
    (import "host" "memory" (memory 1))
    (import "host" "table" (table $t 2 funcref))
    (import "host" "global" (global $g i32))
    (import "host" "mutable" (global $m (mut i64)))
    (table $own 4 externref)
    (table $calls 3 funcref)
    (global $h (mut f32) (f32.const 2))
    (global $ref (mut funcref) (ref.func $one))
    (elem (table $calls) (i32.const 0) func $one $two)
    (elem (table $t) (global.get $g) func $one)
    (elem $passive func $two)
    (elem $exprs funcref (ref.func $one) (ref.null func))
    (data (i32.const 5) "some bytes")
    (data $late "later")
    (func $one (export "one") (result i32) (i32.const 1))
    (func $two (export "two") (result i32)
        (memory.init $late (i32.const 0) (i32.const 0) (i32.const 1))
        (table.init $t $passive (i32.const 0) (i32.const 0) (i32.const 1))
        (table.init $t $exprs (i32.const 0) (i32.const 0) (i32.const 1))
        (i32.div_s (i32.load (i32.const 0)) (call_indirect $calls (result i32) (i32.const 0))))
    (func (export "three") (param i32) (result f64) (call $f (local.get 0) (i64.const 0)))
    (func (export "four") (param externref) (result funcref)
        (table.set $own (i32.const 1) (local.get 0))
        (global.set $ref (call $r (table.get $own (i32.const 1))))
        (global.set $m (i64.add (global.get $m) (i64.const 1)))
        (global.get $ref))
    (func (export "five") (result i32) (call_indirect $t (result i32) (i32.const 1)))
    (tag $e (param i32))
    (tag $other)
    (func $throw (param i32) (throw $e (local.get 0)))
    (func (export "six") (result i32) (local $x exnref)
        (block $h (result i32 exnref)
            (try_table (catch_ref $e $h) (call $throw (i32.const 6)))
            (return (i32.const 0)))
        (local.set $x) (drop)
        (block $h (result i32)
            (try_table (catch $e $h) (call $throw (i32.const 7)) (throw_ref (local.get $x)))
            (i32.const 1)))
    (export "out" (table $own)) (export "global" (global $h)) (export "ref" (global $ref)))"#;

/// Memory with an image that is mapped and one that is copied, loops over it, and a start function.
const IMAGE: &str = r#"(module $image
    (memory (export "memory") 5)
    (data (i32.const 9000) "an image")
    (data (i32.const 131072) "IMAGE")
    (global $sum (mut i32) (i32.const 0))
    (func $init (i32.store (i32.const 200000) (i32.const 7)))
    (start $init)
    (func $fib (export "fib") (param i32) (result i32)
        (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
            (then (local.get 0))
            (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                           (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
    (func (export "sum") (result i32) (local $i i32)
        (loop $l
            (global.set $sum (i32.add (global.get $sum) (i32.load8_u (local.get $i))))
            (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 10000))))
        (global.get $sum))
    (func (export "grow") (result i32) (memory.grow (i32.const 1)))
    (func (export "outside") (result i32) (i32.load (i32.const 0x7fffffff)))
    (func (export "stop") unreachable)
    (func (export "divide") (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
    (func $deep (export "deep") (result i32) (i32.add (i32.const 1) (call $deep))))"#;

/// Tables that are written, grown, and called through with several types.
const TABLES: &str = r#"(module $tables
    (type $unary (func (param i32) (result i32)))
    (type $wide (func (param i64) (result i64)))
    (type $refs (func (param funcref externref) (result externref)))
    (table $t (export "t") 40 1000 funcref)
    (table $fixed 3000 funcref)
    (table $x (export "x") 4 externref)
    (global $hidden (mut externref) (ref.null extern))
    (global $shown (export "shown") (mut externref) (ref.null extern))
    (elem (table $t) (i32.const 0) func $inc $dec $double $keep)
    (elem (table $fixed) (i32.const 0) func $inc $double)
    (elem $lazy func $inc $dec)
    (func $inc (type $unary) (i32.add (local.get 0) (i32.const 1)))
    (func $dec (type $unary) (i32.sub (local.get 0) (i32.const 1)))
    (func $double (type $wide) (i64.mul (local.get 0) (i64.const 2)))
    (func $keep (type $refs) (local.get 1))
    (func (export "call") (param i32) (result i32)
        (call_indirect $t (type $unary) (local.get 0) (i32.const 0)))
    (func (export "wide") (result i64) (call_indirect $t (type $wide) (i64.const 21) (i32.const 2)))
    (func (export "keep") (param externref) (result externref)
        (global.set $hidden (local.get 0))
        (global.set $shown (local.get 0))
        (call_indirect $t (type $refs) (ref.func $inc) (global.get $hidden) (i32.const 3)))
    (func (export "swap") (result i32)
        (table.set $t (i32.const 5) (table.get $t (i32.const 0)))
        (table.set $fixed (i32.const 2999) (table.get $t (i32.const 1)))
        (table.copy $t $fixed (i32.const 6) (i32.const 0) (i32.const 2))
        (table.init $t $lazy (i32.const 10) (i32.const 0) (i32.const 2))
        (table.fill $t (i32.const 12) (ref.func $dec) (i32.const 5))
        (drop (table.grow $t (ref.func $inc) (i32.const 3)))
        (call_indirect $fixed (type $unary) (i32.const 5) (i32.const 2999)))
    (func (export "extern") (param externref) (result i32)
        (table.fill $x (i32.const 0) (local.get 0) (i32.const 4))
        (ref.is_null (table.get $x (i32.const 2)))))"#;

/// References to functions of a known type, in every place that can hold them, and calls by them.
const TYPED: &str = r#"(module $typed
    (type $a (sub (func (param i32) (result i32))))
    (type $b (sub final $a (func (param i32) (result i32))))
    (rec (type $r (func (param (ref null $s)) (result i32))) (type $s (func (param (ref null $r)) (result i32))))
    (table $t (export "t") 5 50 (ref $a) (ref.func $one))
    (table $n (export "n") 5 (ref null $b))
    (global $g (export "g") (mut (ref $a)) (ref.func $two))
    (global $fixed (ref $b) (ref.func $two))
    (elem (table $n) (i32.const 1) (ref null $b) (ref.func $two) (ref.null $b) (global.get $fixed))
    (elem (table $t) (i32.const 1) (ref $a) (ref.func $two) (ref.func $one))
    (elem $passive (ref $a) (ref.func $two) (ref.func $one))
    (elem declare func $r)
    (func $one (export "one") (type $a) (i32.add (local.get 0) (i32.const 1)))
    (func $two (export "two") (type $b) (return_call $one (i32.mul (local.get 0) (i32.const 2))))
    (func $r (export "r") (type $r)
        (block $null (return (i32.const 1) (br_on_null $null (local.get 0)) (drop)))
        (i32.const 0))
    (func $s (export "s") (type $s) (call_ref $r (ref.null $s) (ref.func $r)))
    (func (export "tables") (param i32) (result i32)
        (table.init $t $passive (i32.const 0) (i32.const 0) (i32.const 2))
        (drop (table.grow $t (ref.func $two) (i32.const 2)))
        (global.set $g (table.get $t (i32.const 6)))
        (table.set $n (i32.const 0) (global.get $fixed))
        (i32.add (call_indirect $n (type $a) (local.get 0) (i32.const 0))
            (i32.add (call_indirect $t (type $b) (local.get 0) (i32.const 0))
                (call_ref $a (local.get 0) (global.get $g))))))"#;

/// Memories and tables of every kind, of which what is damaged says how large they are and where segments lie.
const WIDE: &str = r#"(module $wide
    (memory $a (export "memory") i64 2 30)
    (memory $b 70001 90000 (pagesize 1))
    (memory $c i64 9 20 shared (pagesize 1))
    (memory $d 1 4 shared)
    (table $t (export "t") i64 20 60 funcref)
    (table $fixed i64 5 funcref)
    (global $at i64 (i64.add (i64.const 3) (i64.const 4)))
    (global $sum (mut i64) (i64.const 0))
    (global $vector (export "vector") (mut v128) (v128.const i64x2 1 2))
    (data (memory $a) (i64.const 65530) "over two pages")
    (data (memory $a) (global.get $at) "behind a global")
    (data (memory $b) (i32.const 100) "an image")
    (data (memory $b) (i32.const 69990) "its end")
    (data (memory $c) (i64.const 0) "nine byte")
    (data (memory $d) (i32.const 8) "\01\00\00\00")
    (data $late "later and later")
    (elem (table $t) (i64.const 2) func $one $two)
    (elem (table $t) (i64.mul (global.get $at) (i64.const 2)) func $two $one)
    (elem (table $fixed) (i64.const 1) func $one $two)
    (elem $passive func $two $one $two)
    (func $one (result i32) (i32.const 1))
    (func $two (result i32) (i32.const 2))
    (func (export "bulk") (result i32)
        (memory.init $a $late (i64.const 70000) (i32.const 2) (i32.const 10))
        (memory.init $c $late (i64.const 1) (i32.const 1) (i32.const 8))
        (memory.copy $b $a (i32.const 69991) (i64.const 70000) (i32.const 10))
        (memory.copy $a $d (i64.const 131000) (i32.const 100) (i32.const 72))
        (memory.fill $c (i64.const 0) (i32.const 7) (i64.const 9))
        (data.drop $late)
        (i32.load $b offset=69000 (i32.const 991)))
    (func (export "tables") (result i32)
        (table.init $t $passive (i64.const 17) (i32.const 0) (i32.const 3))
        (drop (table.grow $t (ref.func $one) (i64.const 3)))
        (table.fill $t (i64.const 5) (ref.func $two) (i64.const 6))
        (table.copy $t $t (i64.const 6) (i64.const 1) (i64.const 10))
        (i32.add (call_indirect $t (result i32) (i64.const 22)) (call_indirect $fixed (result i32) (i64.const 2))))
    (func (export "loops") (result i64) (local $i i64)
        (loop $l
            (global.set $sum (i64.add (global.get $sum) (i64.load8_u $c (i64.rem_u (local.get $i) (i64.const 9)))))
            (global.set $sum (i64.add (global.get $sum) (i64.load $a offset=65520 (local.get $i))))
            (br_if $l (i64.lt_u (local.tee $i (i64.add (local.get $i) (i64.const 1))) (i64.const 1000))))
        (global.set $vector (v128.load $b (i32.const 69985)))
        (global.get $sum))
    (func (export "atomics") (result i32)
        (drop (i32.atomic.rmw.add $d (i32.const 8) (i32.const 1)))
        (drop (memory.atomic.notify $d (i32.const 8) (i32.const 1)))
        (i32.add (memory.atomic.wait32 $d (i32.const 8) (i32.const 2) (i64.const 1000))
            (memory.atomic.wait64 $c (i64.const 0) (i64.const 5) (i64.const 1000))))
    (func (export "grow") (result i64)
        (drop (memory.grow $b (i32.const 5000))) (drop (memory.grow $c (i64.const 11))) (drop (memory.grow $d (i32.const 1)))
        (i64.store8 $c (i64.const 19) (i64.const 1)) (i32.store8 $b (i32.const 75000) (i32.const 1))
        (memory.grow $a (i64.const 1)))
    (func (export "stop") (result i64) (i64.atomic.load $c (i64.const 4))))"#;

/// Many functions, types and sites.
fn many() -> String {
    let mut wat = String::from("(module $many (memory (export \"memory\") 1)");
    for i in 0..60 {
        let (params, args) = (" i32".repeat(i % 7), " (i32.const 3)".repeat(i % 7));
        wat += &format!(
            "(func $f{i} (export \"f{i}\") (param{params}) (result i64) (local $n i32)
                (loop $l
                    (i32.store offset={i} (local.get $n) (i32.div_u (i32.const 77) (i32.add (local.get $n) (i32.const 1))))
                    (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 20))))
                (i64.load offset={i} (i32.const 8)))
            (func (export \"g{i}\") (result i64) (call $f{i}{args}))"
        );
    }
    wat + ")"
}

/// The artifacts that are mutated.
fn artifacts() -> Vec<Vec<u8>> {
    [EVERYTHING, IMAGE, TABLES, TYPED, WIDE, &many()].map(artifact_bytes).to_vec()
}

fn header(bytes: &[u8]) -> Header {
    Header::read_from_bytes(&bytes[HEADER_OFFSET..][..size_of::<Header>()]).unwrap()
}

/// The bytes that are code, or what code trusts as it trusts itself.
fn code(bytes: &[u8]) -> [Range<usize>; 2] {
    let header = header(bytes);
    let range = |span: bailiwick_runtime_abi::format::Span| span.offset as usize..(span.offset + span.len) as usize;
    [range(header.text), range(header.tables[Part::CallTables as usize])]
}

/// Numbers at which arithmetic goes wrong.
const INTERESTING: &[u64] = &[
    0,
    1,
    2,
    3,
    7,
    8,
    0x6f,
    0x70,
    0x7c,
    0x7f,
    0x80,
    0xff,
    0x1000,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    0xffff_ffff,
    0x1_0000_0000,
    i64::MAX as u64,
    1 << 63,
    u64::MAX - 7,
    u64::MAX - 1,
    u64::MAX,
];

/// Changes `bytes`, in `1..=4` places; none of them in `keep`.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random, keep: &[Range<usize>]) {
    let tables = header(bytes).tables;
    let intact = bytes.clone();
    while *bytes == intact {
        for _ in 0..1 + random.below(8) / 5 * random.below(4) {
            // Half of the changes in the header and the small tables, where each bit decides something.
            let at = match random.below(4) {
                0 => HEADER_OFFSET + random.below(size_of::<Header>()),
                1 | 2 => {
                    let span = random.of(&tables);
                    span.offset as usize + random.below(span.len.max(1) as usize)
                }
                _ => random.below(bytes.len()),
            };
            let len = bytes.len();
            let mut write = |at: usize, new: &[u8]| {
                for (i, &byte) in new.iter().enumerate() {
                    if at + i < len && !keep.iter().any(|range| range.contains(&(at + i))) {
                        bytes[at + i] = byte;
                    }
                }
            };
            match random.below(9) {
                0 => write(at, &[random.next() as u8]),
                1 | 2 => write(at, &[intact.get(at).copied().unwrap_or(0) ^ 1 << random.below(8)]),
                3 | 4 => write(at & !3, &(random.of(INTERESTING) as u32).to_le_bytes()),
                5 => write(at & !7, &random.of(INTERESTING).to_le_bytes()),
                6 => {
                    let step = random.of(&[1u32, 2, 4, 8, u32::MAX, 0xffff_fffc]);
                    let at = at & !3;
                    if let Some(word) = intact.get(at..at + 4) {
                        write(at, &u32::from_le_bytes(word.try_into().unwrap()).wrapping_add(step).to_le_bytes());
                    }
                }
                7 => {
                    // One place's bytes in another.
                    let (from, size) = (random.below(len), random.of(&[1, 4, 8, 16, 24, 64]));
                    let piece = intact[from..(from + size).min(len)].to_vec();
                    write(at, &piece);
                }
                _ if keep.is_empty() || random.below(4) == 0 => match random.below(2) {
                    0 => {
                        let kept = keep.iter().map(|range| range.end).max().unwrap_or(0);
                        let end = random.below(len);
                        if end >= kept {
                            bytes.truncate(end);
                        }
                    }
                    _ => bytes.resize(len + 1 + random.below(5000), random.next() as u8),
                },
                _ => {}
            }
            if bytes.len() != len {
                return;
            }
        }
    }
}

/// The header's checksum made right again, as a forger would: else nothing behind it is ever looked at.
fn forge(bytes: &mut [u8]) {
    if let Some(place) = bytes.get_mut(HEADER_OFFSET..HEADER_OFFSET + size_of::<Header>()) {
        let mut header = Header::read_from_bytes(place).unwrap();
        header.header_checksum = header.checksum();
        place.copy_from_slice(header.as_bytes());
    }
}

/// Mutation number `n`; every second one that hits the header has a forged checksum.
fn mutation(artifacts: &[Vec<u8>], n: usize, keep_code: bool) -> Vec<u8> {
    let mut random = Random::new(n as u64);
    let intact = &artifacts[n % artifacts.len()];
    let keep = if keep_code { code(intact).to_vec() } else { Vec::new() };
    loop {
        let mut bytes = intact.clone();
        mutate(&mut bytes, &mut random, &keep);
        if n / artifacts.len() % 2 == 1 {
            forge(&mut bytes);
        }
        // A change of the checksum alone is undone by forging it.
        if bytes != *intact {
            return bytes;
        }
    }
}

/// Where a mutation differs from what it was made from, by part.
fn describe(artifacts: &[Vec<u8>], n: usize) -> String {
    let (intact, changed) = (&artifacts[n % artifacts.len()], mutation(artifacts, n, true));
    let header = header(intact);
    let name = |at: usize| {
        let within = |span: &bailiwick_runtime_abi::format::Span| {
            (span.offset..span.offset + span.len).contains(&(at as u64)).then(|| at - span.offset as usize)
        };
        if let Some((i, at)) = header.tables.iter().enumerate().find_map(|(i, span)| Some((i, within(span)?))) {
            return format!("{}[{at}]", Part::ALL[i].name());
        }
        match at.checked_sub(HEADER_OFFSET).filter(|&at| at < size_of::<Header>()) {
            Some(at) => format!("header[{at}]"),
            None => format!("file[{at}]"),
        }
    };
    let differences = intact.iter().zip(&changed).enumerate().filter(|(_, (a, b))| a != b);
    let mut parts: Vec<String> =
        differences.take(24).map(|(at, (a, b))| format!("{} {a:02x}→{b:02x}", name(at))).collect();
    if intact.len() != changed.len() {
        parts.push(format!("length {} → {}", intact.len(), changed.len()));
    }
    parts.join(", ")
}

#[test]
fn a_check_of_the_whole_content_refuses_every_mutation() {
    let artifacts = artifacts();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mutated.bwk");
    for intact in &artifacts {
        std::fs::write(&path, intact).unwrap();
        Artifact::open_checked(&path).unwrap();
    }
    let mut opened = 0;
    for n in 0..times(12_000, 800) {
        let bytes = mutation(&artifacts, n, false);
        // The tables are read in place, aligned.
        let mut words = vec![0u64; bytes.len().div_ceil(8)];
        let aligned = &mut words.as_mut_bytes()[..bytes.len()];
        aligned.copy_from_slice(&bytes);
        let refusal = verify_content(aligned).expect_err(&format!("mutation {n}"));
        assert!(!refusal.to_string().is_empty());
        if n % 20 == 0 {
            std::fs::write(&path, &bytes).unwrap();
            assert!(Artifact::open_checked(&path).is_err(), "mutation {n}");
            opened += usize::from(Artifact::open(&path).is_ok());
        }
    }
    // The control: without the check of the content, some are opened.
    assert!(opened > 0, "no mutation was opened without the check");
}

/// What a run's error names; panics if it names nothing.
fn part(error: &Error) -> String {
    let text = error.to_string();
    assert!(!text.contains("panic"), "{text}");
    match error {
        Error::Format(error) => match error {
            bailiwick_loader::FormatError::Damaged { part, problem } => {
                assert!(!part.is_empty() && !problem.is_empty());
                format!("damaged {part}")
            }
            other => {
                assert!(!other.to_string().is_empty());
                "header".into()
            }
        },
        Error::Link(_) => {
            assert!(text.starts_with("import "), "{text}");
            "imports".into()
        }
        Error::Trap(trap) => format!("trap: {}", trap.code()),
        Error::Limit { what, .. } => format!("limit of {what}"),
        Error::AddressSpace { what, .. } => format!("address space for {what}"),
        Error::Architecture { .. } | Error::Features(_) | Error::WasmFeatures(_) => "header".into(),
        Error::NoExport { kind, .. } => format!("no exported {}", kind.name()),
        Error::Type { .. } => "another type".into(),
        Error::Host(failure) => format!("host: {}", failure.error()),
        other => panic!("it says nothing of the artifact: {other}"),
    }
}

/// Everything that the modules import, as they declare it.
fn imports(group: &mut Group) -> Imports {
    let mut imports = Imports::new();
    imports.func("host", "f", |_: &mut Caller<'_>, a: i32, b: i64| Ok(f64::from(a) + b as f64));
    let ty = bailiwick_loader::FuncType::new([ValType::EXTERNREF], [ValType::FUNCREF]);
    imports.func_untyped("host", "r", ty, |_, _| Ok(vec![Val::FuncRef(None)]));
    let memory = Memory::new(group, MemoryType::new(1, None)).unwrap();
    imports.define("host", "memory", memory);
    let ty = TableType::new(ValType::FUNCREF, 2, None);
    imports.define("host", "table", Table::new(group, ty).unwrap());
    imports.define("host", "global", Global::new(group, Val::I32(1), false).unwrap());
    imports.define("host", "mutable", Global::new(group, Val::I64(1), true).unwrap());
    imports
}

/// Opens, instantiates and runs everything that is exported. What became of it, by step.
fn run(bytes: &[u8], deadline: &Deadline) -> String {
    let artifact = match Artifact::from_bytes(bytes, "mutated") {
        Ok(artifact) => artifact,
        Err(error) => return format!("refused: {}", part(&error)),
    };
    let mut config = GroupConfig::default();
    (config.stack_size, config.max_memory, config.max_table_elements) = (128 << 10, 64 << 20, 100_000);
    let mut group = Group::with_config(config).unwrap();
    deadline.watch(&group);
    let imports = imports(&mut group);
    let result = match group.instantiate(&artifact, &imports) {
        Err(error) => format!("not instantiated: {}", part(&error)),
        Ok(instance) => {
            let mut worst = "ran".to_owned();
            for export in artifact.view().exports() {
                let Ok(name) = artifact.view().string(export.name) else { continue };
                let called = match Kind::from_u32(export.kind) {
                    Some(Kind::Function) => instance.func(&mut group, name).and_then(|func| {
                        let params = func.ty(&mut group)?.params().to_vec();
                        let value = group.extern_ref("a host value")?;
                        let argument = |&ty: &ValType| match ty {
                            ValType::I32 => Val::I32(3),
                            ValType::EXTERNREF => Val::ExternRef(Some(value)),
                            ty => Val::default_for(ty).unwrap_or(Val::I64(0)),
                        };
                        let arguments: Vec<Val> = params.iter().map(argument).collect();
                        for value in func.call(&mut group, &arguments)? {
                            follow(&mut group, value)?;
                        }
                        Ok(())
                    }),
                    Some(Kind::Memory) => instance.memory(&mut group, name).and_then(|memory| {
                        // An export that a mutation made one.
                        if let Some(shared) = memory.shared(&mut group)? {
                            return shared.read(0, &mut vec![0; shared.size() as usize]);
                        }
                        let bytes = memory.bytes(&mut group)?;
                        bytes.iter().step_by(4096).for_each(|b| _ = std::hint::black_box(*b));
                        Ok(())
                    }),
                    Some(Kind::Table) => instance.table(&mut group, name).and_then(|table| {
                        for i in 0..table.ty(&mut group)?.minimum.min(100) {
                            let value = table.get(&mut group, i)?;
                            follow(&mut group, value)?;
                        }
                        Ok(())
                    }),
                    Some(Kind::Global) => instance.global(&mut group, name).and_then(|global| {
                        let value = global.get(&mut group)?;
                        follow(&mut group, value)
                    }),
                    Some(Kind::Tag) | None => Ok(()),
                };
                if let Err(error) = called {
                    let part = part(&error);
                    if !part.starts_with("trap") || worst == "ran" {
                        worst = format!("stopped: {part}");
                    }
                }
            }
            worst
        }
    };
    deadline.forget();
    result
}

/// Uses a reference as an embedder would.
fn follow(group: &mut Group, value: Val) -> Result<(), Error> {
    match value {
        Val::FuncRef(Some(func)) => {
            let params = func.ty(group)?.params().to_vec();
            let arguments: Option<Vec<Val>> = params.iter().map(|&ty| Val::default_for(ty)).collect();
            match func.call(group, &arguments.unwrap_or_default()) {
                Err(Error::Trap(_)) | Ok(_) => Ok(()),
                Err(other) => Err(other),
            }
        }
        Val::ExternRef(Some(reference)) => {
            std::hint::black_box(group.extern_value(reference));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Ends guests that a mutation made endless.
struct Deadline(Arc<Mutex<Option<(Instant, InterruptHandle)>>>);

impl Deadline {
    fn new() -> Deadline {
        let watched = Arc::new(Mutex::new(None::<(Instant, InterruptHandle)>));
        let seen = watched.clone();
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_millis(50));
                if let Some((end, handle)) = &*seen.lock().unwrap()
                    && Instant::now() > *end
                {
                    handle.interrupt().unwrap();
                }
            }
        });
        Deadline(watched)
    }

    fn watch(&self, group: &Group) {
        let end = Instant::now() + Duration::from_millis(times(300, 3000) as u64);
        *self.0.lock().unwrap() = Some((end, group.interrupt_handle()));
    }

    fn forget(&self) {
        *self.0.lock().unwrap() = None;
    }
}

/// A guest that nobody mutated, beside those that were: whatever they do, it goes on as before.
struct Neighbour {
    group: Group,
    sum: bailiwick_loader::TypedFunc<(), i32>,
    memory: Memory,
}

impl Neighbour {
    fn new() -> Neighbour {
        let wat = r#"(module (memory (export "memory") 1) (data (i32.const 100) "neighbour")
            (func (export "sum") (result i32) (i32.load (i32.const 100))))"#;
        let artifact = Artifact::from_bytes(&artifact_bytes(wat), "neighbour").unwrap();
        let mut group = Group::new().unwrap();
        let instance = group.instantiate(&artifact, &Imports::new()).unwrap();
        let sum = instance.typed_func(&mut group, "sum").unwrap();
        let memory = instance.memory(&mut group, "memory").unwrap();
        Neighbour { group, sum, memory }
    }

    fn is_intact(&mut self) {
        assert_eq!(self.sum.call(&mut self.group, ()).unwrap(), i32::from_le_bytes(*b"neig"));
        let bytes = self.memory.bytes(&mut self.group).unwrap();
        assert!(bytes.iter().enumerate().all(|(i, &b)| b == 0 || (100..109).contains(&i)), "its memory was written to");
    }
}

/// In a child: runs the mutations `first..end`, telling in a file which one it is at, and prints what became of them.
fn run_batch(task: &str) {
    let [first, end, progress] = task.split(' ').collect::<Vec<_>>()[..] else { panic!("{task}") };
    let (first, end): (usize, usize) = (first.parse().unwrap(), end.parse().unwrap());
    let progress = File::options().write(true).open(progress).unwrap();
    let (artifacts, deadline, mut neighbour) = (artifacts(), Deadline::new(), Neighbour::new());
    let mut counts = BTreeMap::<String, usize>::new();
    for n in first..end {
        progress.write_all_at(&(n as u64).to_le_bytes(), 0).unwrap();
        let bytes = if n == CRASH { with_a_null_dereference() } else { mutation(&artifacts, n, true) };
        *counts.entry(run(&bytes, &deadline)).or_default() += 1;
        if n % 16 == 0 {
            neighbour.is_intact();
        }
    }
    neighbour.is_intact();
    // The harness has begun a line of its own.
    println!();
    for (what, count) in counts {
        println!("became {count} {what}");
    }
}

/// The number of a mutation that is no mutation: code that does what no code of the compiler's does.
const CRASH: usize = usize::MAX >> 1;

fn with_a_null_dereference() -> Vec<u8> {
    let mut bytes = artifact_bytes("(module (func (export \"f\")))");
    let [text, _] = code(&bytes);
    let view = bailiwick_runtime_abi::view::View::new(&bytes, bytes.len() as u64).unwrap();
    let at = text.start + view.functions()[0].text_offset as usize;
    let crash: &[u8] = match cfg!(target_arch = "aarch64") {
        // str xzr, [xzr-as-x9 = 0]: mov x9, #0; str x9, [x9]
        true => &[0x09, 0x00, 0x80, 0xd2, 0x29, 0x01, 0x00, 0xf9],
        // xor eax, eax; mov [rax], eax
        false => &[0x31, 0xc0, 0x89, 0x00],
    };
    bytes[at..at + crash.len()].copy_from_slice(crash);
    bytes
}

/// What became of a batch: counts, and what crashed or hung.
#[derive(Default)]
struct Outcome {
    counts: BTreeMap<String, usize>,
    crashes: Vec<String>,
}

/// Runs mutations in children; each one that ends its process is told, and the rest goes on behind it.
fn run_in_children(name: &str, range: Range<usize>) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let progress = folder.path().join("progress");
    let mut outcome = Outcome::default();
    let mut first = range.start;
    while first < range.end && outcome.crashes.len() < 20 {
        let end = range.end.min(first + 2000);
        std::fs::write(&progress, (first as u64).to_le_bytes()).unwrap();
        let output = File::create(folder.path().join("out")).unwrap();
        let task = format!("{first} {end} {}", progress.display());
        let mut child = child(name, &task).stdout(output.try_clone().unwrap()).stderr(output).spawn().unwrap();
        let status = wait(&mut child, Duration::from_secs(120));
        let text = String::from_utf8_lossy(&std::fs::read(folder.path().join("out")).unwrap()).into_owned();
        for line in text.lines() {
            if let Some((count, what)) = line.strip_prefix("became ").and_then(|rest| rest.split_once(' ')) {
                *outcome.counts.entry(what.to_owned()).or_default() += count.parse::<usize>().unwrap();
            }
        }
        if status.is_some_and(|status| status.success()) {
            assert!(text.contains("became"), "the child ran nothing: {text}");
            first = end;
            continue;
        }
        let at = u64::from_le_bytes(std::fs::read(&progress).unwrap().try_into().unwrap()) as usize;
        let how = match status {
            None => "hung".to_owned(),
            Some(status) => match status.signal() {
                Some(signal) => format!("signal {signal}"),
                None => text.lines().filter(|l| !l.starts_with("became")).collect::<Vec<_>>().join("\n"),
            },
        };
        let what = if at == CRASH { String::new() } else { format!(" ({})", describe(&artifacts(), at)) };
        outcome.crashes.push(format!("mutation {at}: {how}{what}"));
        first = at + 1;
    }
    outcome
}

#[test]
fn no_mutation_outside_of_the_code_crashes_hangs_or_reaches_out() {
    if let Some(task) = task() {
        return run_batch(&task);
    }
    let name = "no_mutation_outside_of_the_code_crashes_hangs_or_reaches_out";
    let asked = std::env::var("BAILIWICK_MUTATIONS").ok().and_then(|range| {
        let (first, end) = range.split_once("..")?;
        Some(first.parse::<usize>().ok()?..end.parse::<usize>().ok()?)
    });
    let range = asked.unwrap_or(0..times(40_000, 400));
    // Two at a time, on as many cores.
    let middle = range.start.midpoint(range.end);
    let halves = [range.start..middle, middle..range.end];
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let threads = halves.map(|half| scope.spawn(move || run_in_children(name, half)));
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut counts = BTreeMap::<String, usize>::new();
    let mut crashes = Vec::new();
    for outcome in outcomes {
        crashes.extend(outcome.crashes);
        for (what, count) in outcome.counts {
            *counts.entry(what).or_default() += count;
        }
    }
    println!("{counts:#?}");
    assert!(crashes.is_empty(), "{}", crashes.join("\n"));
    // Each step of the way was reached, so that nothing is checked by its absence.
    let total = |prefix: &str| counts.iter().filter(|(k, _)| k.starts_with(prefix)).map(|(_, c)| c).sum::<usize>();
    assert_eq!(counts.values().sum::<usize>(), range.len());
    for step in ["refused: ", "not instantiated: ", "stopped: ", "stopped: trap"] {
        assert!(total(step) > 0, "none was {step}");
    }
}

#[test]
fn a_crash_would_be_seen_and_attributed() {
    if let Some(task) = task() {
        return run_batch(&task);
    }
    // The control of the test above: code that reaches for address 0 is not the guest's fault, but the process's end.
    let outcome = run_in_children("a_crash_would_be_seen_and_attributed", CRASH..CRASH + 1);
    assert_eq!(outcome.crashes, [format!("mutation {CRASH}: signal 11")]);
    assert_eq!(outcome.counts.values().sum::<usize>(), 0);
}

#[test]
fn what_nobody_mutated_runs() {
    let deadline = Deadline::new();
    let found: Vec<String> = artifacts().iter().map(|bytes| run(bytes, &deadline)).collect();
    // Every export does what it is for: of `$image` and `$wide` those that trap, too.
    assert_eq!(
        found,
        ["ran", "stopped: trap: call stack exhausted", "ran", "ran", "stopped: trap: unaligned atomic", "ran"]
    );
}
