//! V4 as a property: values of random types cross an edge in each way that there is, and are compared by an encoder and
//! decoder of the tests' own.

use super::canonical::{Core, Image, Ty, Value, lift, load};
use super::*;
use crate::common::{Random, times};

/// Parameters of so many core values are passed one by one.
const MAX_FLAT: usize = 16;
/// Where the sender's values lie, where it wants results, and what of its memory is for that.
const BASE: u32 = 32_768;
const AREA: u32 = 24_576;

fn scalar(random: &mut Random) -> Ty {
    use Ty::*;
    let count = 1 + random.below(32) as u32;
    let cases = if random.below(8) == 0 { 256 + random.below(3) as u32 } else { 1 + random.below(5) as u32 };
    match random.below(15) {
        0 => Bool,
        1 => U8,
        2 => S8,
        3 => U16,
        4 => S16,
        5 => U32,
        6 => S32,
        7 => U64,
        8 => S64,
        9 => F32,
        10 => F64,
        11 => Char,
        12 => Enum(cases),
        13 => Flags(count),
        _ => String,
    }
}

fn ty(random: &mut Random, depth: u32) -> Ty {
    if depth == 0 || random.below(4) == 0 {
        return scalar(random);
    }
    let several = |random: &mut Random| (0..1 + random.below(4)).map(|_| ty(random, depth - 1)).collect::<Vec<_>>();
    let perhaps = |random: &mut Random| (random.below(3) > 0).then(|| ty(random, depth - 1));
    match random.below(6) {
        0 => ty(random, depth - 1).list(),
        1 => Ty::Record(several(random)),
        2 => Ty::Tuple(several(random)),
        3 => Ty::Variant((0..1 + random.below(4)).map(|_| perhaps(random)).collect()),
        4 => ty(random, depth - 1).option(),
        _ => Ty::Result(perhaps(random).map(Box::new), perhaps(random).map(Box::new)),
    }
}

fn value(random: &mut Random, ty: &Ty) -> Value {
    let case = |random: &mut Random, cases: &[Option<&Ty>]| {
        let case = random.below(cases.len());
        Value::Case(case as u32, cases[case].map(|ty| value(random, ty).into()))
    };
    // Ends of the range as often as anything else.
    let raw = if random.below(3) == 0 {
        random.of(&[0, u64::MAX, 1 << 63, 0x7f, 0x80, 0x8000, 1 << 31])
    } else {
        random.next()
    };
    match ty {
        Ty::Bool => Value::Number(raw & 1),
        Ty::U8 => Value::Number(raw as u8 as u64),
        Ty::S8 => Value::Number(raw as i8 as u64),
        Ty::U16 => Value::Number(raw as u16 as u64),
        Ty::S16 => Value::Number(raw as i16 as u64),
        Ty::S32 => Value::Number(raw as i32 as u64),
        Ty::U32 | Ty::F32 => Value::Number(raw as u32 as u64),
        Ty::U64 | Ty::S64 | Ty::F64 => Value::Number(raw),
        Ty::Char => Value::Number(random.of(&['a', 'ß', '€', '🦉', '\0', '\u{d7ff}', '\u{e000}', '\u{10ffff}']) as u64),
        Ty::Enum(cases) => Value::Number(raw % u64::from(*cases)),
        Ty::Flags(count) => Value::Number(raw & ((1 << count) - 1)),
        Ty::String => {
            let letters = ['a', 'ß', '€', '🦉', '\0', '\u{7f}', '\u{7ff}', '\u{ffff}', '\u{10ffff}'];
            let len = random.of(&[0, 1, 2, 7, 31]);
            Value::Text((0..len).map(|_| random.of(&letters)).collect::<String>().into_bytes())
        }
        Ty::List(of) => {
            let len = random.of(&[0, 1, 2, 3]);
            Value::List((0..len).map(|_| value(random, of)).collect())
        }
        Ty::Record(of) | Ty::Tuple(of) => Value::Fields(of.iter().map(|ty| value(random, ty)).collect()),
        Ty::Variant(cases) => case(random, &cases.iter().map(Option::as_ref).collect::<Vec<_>>()),
        Ty::Option(of) => case(random, &[None, Some(of)]),
        Ty::Result(ok, err) => case(random, &[ok.as_deref(), err.as_deref()]),
    }
}

/// A type, and the functions for it: `echo` takes it in memory (behind 17 bytes that make it too much to be passed one by
/// one) and gives it back in memory; `tell` takes it one by one, if that can be, and gives what it was passed as words.
struct Subject {
    ty: Ty,
    values: Vec<Value>,
}

impl Subject {
    fn echoed(&self) -> Ty {
        let mut of = vec![Ty::U8; 17];
        of.push(self.ty.clone());
        Ty::Tuple(of)
    }

    fn flat(&self) -> Option<Vec<Core>> {
        Some(self.ty.flat()).filter(|flat| flat.len() <= MAX_FLAT)
    }
}

fn subjects(seed: u64, count: usize) -> Vec<Subject> {
    let mut random = Random::new(seed);
    let mut subjects = Vec::new();
    while subjects.len() < count {
        let ty = ty(&mut random, 3);
        let values: Vec<Value> = (0..6).map(|_| value(&mut random, &ty)).collect();
        let mut image = Image::at(BASE);
        values.iter().for_each(|value| drop(image.lower(&ty, value)));
        // What a test's memory holds.
        if image.bytes.len() < 8192 && ty.size() < 4096 {
            subjects.push(Subject { ty, values });
        }
    }
    subjects
}

/// The receiver: it gives back what it was passed, and all that was put into its memory.
fn receiver(subjects: &[Subject], interface: &str) -> Module {
    let mut text = format!("(module (memory (export \"memory\") 2) {BUMP}");
    for (k, subject) in subjects.iter().enumerate() {
        // The tuple is at the same place in both.
        let _ = write!(
            text,
            "(func (export \"test:far/far#echo{k}\") (param i32) (result i32)
                (global.set $top (i32.const {ALLOCATED})) (local.get 0))"
        );
        if let Some(flat) = subject.flat() {
            let params: String = flat.iter().map(|core| format!(" {}", core.name())).collect();
            let stores: String = flat
                .iter()
                .enumerate()
                .map(|(i, core)| format!("({}.store (i32.const {}) (local.get {i}))", core.name(), 1040 + 8 * i))
                .collect();
            let _ = write!(
                text,
                "(func (export \"test:far/far#tell{k}\") (param{params}) (result i32)
                    (memory.fill (i32.const 1040) (i32.const 0) (i32.const 128)) {stores}
                    (i32.store (i32.const 1024) (i32.const 1040)) (i32.store (i32.const 1028) (i32.const {}))
                    (i32.store (i32.const 1032) (i32.const {ALLOCATED}))
                    (i32.store (i32.const 1036) (i32.sub (global.get $top) (i32.const {ALLOCATED})))
                    (global.set $top (i32.const {ALLOCATED})) (i32.const 1024))",
                flat.len()
            );
        }
    }
    let wit = format!("package test:far; {interface} world receiver {{ export far; }}");
    Module { name: "far", text: text + ")", wit }
}

/// What lies where the sender wants the result and where its allocator puts things goes to standard output.
fn sender(subjects: &[Subject], interface: &str) -> Module {
    let (mut imports, mut cases, mut count) = (String::new(), String::new(), 0);
    for (k, subject) in subjects.iter().enumerate() {
        let _ = write!(imports, "(import \"test:far/far\" \"echo{k}\" (func $echo{k} (param i32 i32)))");
        if let Some(flat) = subject.flat() {
            let params: String = flat.iter().map(|core| format!(" {}", core.name())).collect();
            let _ = write!(imports, "(import \"test:far/far\" \"tell{k}\" (func $tell{k} (param{params} i32)))");
        }
        for value in &subject.values {
            let (mut image, echoed) = (Image::at(BASE), subject.echoed());
            let at = image.allocate(echoed.align(), echoed.size());
            let mut fields: Vec<Value> = (0..17).map(Value::Number).collect();
            fields.push(value.clone());
            image.store(&echoed, &Value::Fields(fields), at);
            let mut calls = format!(
                "(call $echo{k} (i32.const {at}) (i32.const {AREA}))
                (call $out (i32.const {}))",
                echoed.size()
            );
            if let Some(flat) = subject.flat() {
                let bits = image.lower(&subject.ty, value);
                let values: String = flat.iter().zip(bits).map(|(core, bits)| constant(*core, bits)).collect();
                let _ = write!(calls, "(call $tell{k} {values} (i32.const {AREA})) (call $out (i32.const 16))");
            }
            let (bytes, len) = (quoted(&image.bytes), image.bytes.len());
            let _ = write!(
                cases,
                "(data $d{count} {bytes}) (func $c{count}
                    (memory.init $d{count} (i32.const {BASE}) (i32.const 0) (i32.const {len})) {calls})"
            );
            count += 1;
        }
    }
    let all: String = (0..count).map(|i| format!("(call $c{i})")).collect();
    let text = format!(
        "(module (import \"wasi_snapshot_preview1\" \"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))
        {imports} (memory (export \"memory\") 2) {BUMP}
        ;; Length, what the area holds, what was allocated; then as if nothing had been.
        (func $out (param $size i32)
            (i32.store (i32.const 0) (global.get $top))
            (i32.store (i32.const 16) (i32.const 0)) (i32.store (i32.const 20) (i32.const 4))
            (i32.store (i32.const 24) (i32.const {AREA})) (i32.store (i32.const 28) (local.get $size))
            (i32.store (i32.const 32) (i32.const 65536)) (i32.store (i32.const 36) (i32.sub (global.get $top) (i32.const 65536)))
            (if (call $write (i32.const 1) (i32.const 16) (i32.const 3) (i32.const 48)) (then unreachable))
            (memory.fill (i32.const {AREA}) (i32.const 0x55) (i32.const 8192))
            (memory.fill (i32.const 65536) (i32.const 0x55) (i32.sub (global.get $top) (i32.const 65536)))
            (global.set $top (i32.const 65536)))
        {cases} (func (export \"_start\") {all}))"
    );
    let wit =
        format!("package test:sender; world sender {{ import test:far/far; }}\npackage test:far {{ {interface} }}");
    Module { name: "sender", text, wit }
}

/// The sender's memory after a call whose result has so many bytes, from what it wrote.
fn memory(out: &mut &[u8], size: u32) -> Vec<u8> {
    let (top, rest) = out.split_first_chunk().expect("the length");
    let (area, rest) = rest.split_at(size as usize);
    let (allocated, rest) = rest.split_at(u32::from_le_bytes(*top) as usize - ALLOCATED);
    let mut memory = vec![0; ALLOCATED];
    memory[AREA as usize..][..area.len()].copy_from_slice(area);
    memory.extend_from_slice(allocated);
    *out = rest;
    memory
}

fn interface(subjects: &[Subject]) -> String {
    let (mut declared, mut text) = (String::new(), String::new());
    for (k, subject) in subjects.iter().enumerate() {
        let echoed = subject.echoed().wit(&mut declared);
        let ty = subject.ty.wit(&mut declared);
        // A parameter of one tuple of more than 16 is in memory.
        let _ = writeln!(text, "echo{k}: func(v: {echoed}) -> {echoed};");
        if subject.flat().is_some() {
            let _ = writeln!(text, "tell{k}: func(v: {ty}) -> tuple<list<u64>, list<u8>>;");
        }
    }
    format!("interface far {{ {declared} {text} }}")
}

fn round_trip(seed: u64, count: usize) -> usize {
    let subjects = subjects(seed, count);
    let interface = interface(&subjects);
    let manifest = "[package]\nname = \"judge\"\nmodule = \"sender.bwk\"\n\
        [host]\nout = { kind = \"stdio\", stdout = \"capture\" }\n[grants]\nout = \"out\"\n[deps.far]\nmodule = \"far.bwk\"\n";
    let bench = Bench::new(manifest, &[sender(&subjects, &interface), receiver(&subjects, &interface)]);
    let run = bench.run("");
    assert!(run.status == Ok(0) && run.deaths.is_empty(), "seed {seed}: {:?} {:?}", run.status, run.deaths);
    let (mut out, mut compared) = (&run.out[..], 0);
    for Subject { ty, values } in &subjects {
        let subject = Subject { ty: ty.clone(), values: vec![] };
        for value in values {
            let echoed = subject.echoed();
            let Value::Fields(fields) = load(&memory(&mut out, echoed.size()), &echoed, AREA) else {
                panic!("a tuple")
            };
            assert_eq!(fields[..17], (0..17).map(Value::Number).collect::<Vec<_>>(), "seed {seed}: {ty:?}");
            assert_eq!(&fields[17], value, "seed {seed}: in memory, {ty:?}");
            compared += 1;
            if subject.flat().is_some() {
                let told = Ty::Tuple(vec![Ty::U64.list(), Ty::U8.list()]);
                let told = load(&memory(&mut out, told.size()), &told, AREA);
                let Value::Fields(told) = told else { panic!("a tuple") };
                let [Value::List(bits), Value::List(far)] = &told[..] else { panic!("two lists") };
                let bits: Vec<u64> = bits.iter().cloned().map(as_number).collect();
                let mut memory = vec![0; ALLOCATED];
                memory.extend(far.iter().cloned().map(|byte| as_number(byte) as u8));
                assert_eq!(lift(&memory, ty, &bits), *value, "seed {seed}: one by one, {ty:?}: {bits:x?}");
                compared += 1;
            }
        }
    }
    assert!(out.is_empty(), "{} bytes are left", out.len());
    compared
}

#[test]
fn v04_random_values_of_random_types_come_back_as_they_were() {
    let compared: usize = (0..times(12, 3) as u64).map(|seed| round_trip(seed, 16)).sum();
    println!("{compared} values");
    assert!(compared > 200);
}
