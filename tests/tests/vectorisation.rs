//! Loops of which several iterations are made at once leave behind what they leave one by one: memory, locals and traps, where
//! arrays overlap, end in the middle of a loop, or lie where they can't.

mod common;

use bailiwick_compiler::{Optimisation, Optimisations, Options, emit_clif};
use bailiwick_loader::{Artifact, Error, Group, Imports, Val};
use bailiwick_runtime_abi::types::Arch;
use bailiwick_tests::compile::{Refusal, Settings, binary, compile_with, host};
use bailiwick_tests::guest::Guest;
use common::{EMULATED, Random, times};
use std::fmt::Write as _;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// What a processor may have. An emulated one is not asked what it has.
const CPUS: [&str; 2] = ["baseline", if EMULATED { "+lse" } else { "native" }];

/// Numbers that arrays may have: type, bytes, operators of two, and of one.
type Kind = (&'static str, usize, &'static [&'static str], &'static [&'static str]);

const KINDS: [Kind; 4] = [
    ("i32", 4, &["add", "sub", "mul", "and", "or", "xor"], &[]),
    ("i64", 8, &["add", "sub", "and", "or", "xor"], &[]),
    ("f32", 4, &["add", "sub", "mul", "div", "min", "max"], &["neg", "abs", "sqrt", "floor"]),
    ("f64", 8, &["add", "sub", "mul", "div", "min", "max"], &["neg", "abs", "sqrt", "nearest"]),
];

/// How a loop goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// An index of bytes goes up to an end.
    Index,
    /// Pointers go up, and a counter goes down to 0.
    Pointers,
    /// An index is less than an end, as an operator says.
    Less(&'static str),
    /// Pointers go up, and a counter goes down by more than 1 until it is small, as an operator says.
    Down(&'static str),
}

struct Loop {
    kind: Kind,
    way: Way,
    copies: usize,
    text: String,
}

/// Writes a function of three arrays, `$a`, `$b` and `$c`, of how many iterations there are, and of a number.
struct Writer {
    random: Random,
    kind: Kind,
    copies: usize,
    way: Way,
    /// Whether what one element loads is there for the next one.
    carries: bool,
    /// By what all elements are made one number, if they are.
    gathers: Option<&'static str>,
    /// Elements from one of `$b` to the next.
    apart: i64,
    loads: usize,
    /// What is computed in front of the first store.
    early: String,
}

impl Writer {
    fn module(seed: u64) -> Loop {
        let mut random = Random::new(seed);
        let kind = random.of(&KINDS);
        let way = random.of(&[
            Way::Index,
            Way::Index,
            Way::Pointers,
            Way::Less("lt_s"),
            Way::Less("lt_u"),
            Way::Less("le_s"),
            Way::Less("le_u"),
            Way::Down("gt_s"),
            Way::Down("gt_u"),
            Way::Down("ge_s"),
            Way::Down("ge_u"),
        ]);
        let (copies, carries) = (random.of(&[1, 1, 1, 2, 2, 3, 4, 5, 8]), random.below(4) == 0);
        let numbers = ["add", "xor", "and", "or", "lt_s", "gt_s", "lt_u", "ge_u"];
        let gathers = (kind.0.starts_with('i') && random.below(2) == 0).then(|| random.of(&numbers));
        let apart = if way == Way::Pointers { random.of(&[1, 1, 3, 40]) } else { 1 };
        let mut writer = Writer { random, kind, copies, way, carries, gathers, apart, loads: 0, early: String::new() };
        let text = writer.all();
        Loop { kind, way, copies, text }
    }

    /// An address in front of an operator's other operand, with its offset if that is said there.
    fn place(&mut self, array: &str, element: i64) -> (String, String) {
        let bytes = element * self.kind.1 as i64 * if array == "$b" { self.apart } else { 1 };
        let at = match self.way {
            Way::Pointers | Way::Down(_) => format!("(local.get {array})"),
            _ => format!("(i32.add (local.get {array}) (local.get $i))"),
        };
        match self.random.below(3) {
            0 if bytes >= 0 => (format!("offset={bytes}"), at),
            1 => ("offset=16".into(), format!("(i32.add {at} (i32.const {}))", bytes - 16)),
            _ => (String::new(), format!("(i32.add {at} (i32.const {bytes}))")),
        }
    }

    /// A body for one element, the same for each: where numbers are loaded, and what is made of them.
    fn value(&mut self, shape: &mut Random, depth: usize, copy: usize) -> String {
        let (ty, _, binary, unary) = self.kind;
        match shape.below(if depth == 0 { 5 } else { 9 }) {
            0 if self.carries => "(local.get $p)".into(),
            0 | 1 => "(local.get $v)".into(),
            2..=4 => {
                let array = shape.of(&["$a", "$a", "$b", "$b", "$c"]);
                let near = shape.of(&[0, 0, 0, 1, 2, -1, 4, -3]);
                let (offset, address) = self.place(array, copy as i64 + near);
                let load = format!("({ty}.load {offset} {address})");
                // Sometimes in front of everything else, as compilers do who know that nothing overlaps.
                if self.random.below(8) > 0 || self.loads == 12 {
                    return load;
                }
                write!(self.early, "(local.set $t{} {load})", self.loads).unwrap();
                self.loads += 1;
                format!("(local.get $t{})", self.loads - 1)
            }
            5 if !unary.is_empty() => {
                let operator = shape.of(unary);
                format!("({ty}.{operator} {})", self.value(shape, depth - 1, copy))
            }
            6 if ty == "i32" => {
                let (operator, by) = (shape.of(&["shl", "shr_s", "shr_u"]), shape.below(40));
                format!("(i32.{operator} {} (i32.const {by}))", self.value(shape, depth - 1, copy))
            }
            7 if ty != "i64" => {
                let operator = shape.of(if ty == "i32" { &["lt_s", "ge_u", "eq"] } else { &["lt", "ge", "ne"] });
                let [a, b, c, d] = [(); 4].map(|()| self.value(shape, depth.saturating_sub(2), copy));
                format!("(select {a} {b} ({ty}.{operator} {c} {d}))")
            }
            _ => {
                let operator = shape.of(binary);
                let a = self.value(shape, depth - 1, copy);
                format!("({ty}.{operator} {a} {})", self.value(shape, depth - 1, copy))
            }
        }
    }

    fn all(&mut self) -> String {
        let (ty, size, ..) = self.kind;
        let stores = 1 + self.random.below(5) / 4 - usize::from(self.gathers.is_some() && self.random.below(2) == 0);
        let gathered = self.random.next();
        let shapes: Vec<u64> = (0..stores).map(|_| self.random.next()).collect();
        let carried = (self.random.of(&["$a", "$b"]), self.random.below(3) as i64);
        let arrays: Vec<(&str, i64)> = (0..stores)
            .map(|_| (self.random.of(&["$c", "$c", "$c", "$a"]), self.random.of(&[0, 0, 0, 0, 0, 1, -1])))
            .collect();
        let mut body = String::new();
        for copy in 0..self.copies {
            let mut copy_body = String::new();
            for (&shape, &(array, near)) in shapes.iter().zip(&arrays) {
                let value = self.value(&mut Random::new(shape), 3, copy);
                let (offset, address) = self.place(array, copy as i64 + near);
                if self.carries && copy_body.is_empty() {
                    let (offset, address) = self.place(carried.0, copy as i64 + carried.1);
                    write!(copy_body, "(local.set $q ({ty}.load {offset} {address}))").unwrap();
                }
                writeln!(copy_body, "({ty}.store {offset} {address} {value})").unwrap();
            }
            if let Some(operator) = self.gathers {
                let value = self.value(&mut Random::new(gathered), 2, copy);
                match operator.split_once('_') {
                    None => write!(copy_body, "(local.set $r ({ty}.{operator} (local.get $r) {value}))"),
                    Some(_) => write!(
                        copy_body,
                        "(local.set $s {value})
                         (local.set $r (select (local.get $s) (local.get $r) ({ty}.{operator} (local.get $s) (local.get $r))))"
                    ),
                }
                .unwrap();
            }
            if self.carries && stores > 0 {
                copy_body.push_str("(local.set $p (local.get $q))");
            }
            body.push_str(&copy_body);
        }
        let step = size * self.copies;
        let (before, again) = match self.way {
            Way::Index => (
                format!("(local.set $n (i32.mul (local.get $n) (i32.const {step})))"),
                format!(
                    "(br_if $l (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const {step}))) (local.get $n)))"
                ),
            ),
            Way::Pointers | Way::Down(_) => {
                let on = |array| {
                    let step = step * if array == "$b" { self.apart as usize } else { 1 };
                    format!("(local.set {array} (i32.add (local.get {array}) (i32.const {step})))")
                };
                let all: String = ["$a", "$b", "$c"].map(on).concat();
                (String::new(), format!("{all} (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))"))
            }
            Way::Less(operator) => {
                let end = self.random.below(2 * step);
                (
                    format!("(local.set $n (i32.add (i32.const {end}) (i32.mul (local.get $n) (i32.const {step}))))"),
                    format!(
                        "(br_if $l (i32.{operator} (local.tee $i (i32.add (local.get $i) (i32.const {step}))) (local.get $n)))"
                    ),
                )
            }
        };
        let temporaries: String = (0..self.loads).map(|i| format!("(local $t{i} {ty})")).collect();
        let early = &self.early;
        format!(
            "(module (memory (export \"memory\") 1 1)
              (func (export \"f\") (param $a i32) (param $b i32) (param $c i32) (param $n i32) (param $v {ty}) (result i32 i32 {ty} {ty})
                (local $i i32) (local $p {ty}) (local $q {ty}) (local $r {ty}) (local $s {ty}) {temporaries}
                {before}
                (local.set $r (local.get $v))
                (loop $l {early}
                  {body}
                  {again})
                (i32.add (local.get $i) (local.get $a)) (i32.add (local.get $b) (local.get $n)) (local.get $p) (local.get $r)))"
        )
    }
}

/// A loop that differs from one of [`Writer`]'s in some words of its body: most are near misses of what can be made in vectors.
/// `None` if there is nothing else in their place.
fn twisted(it: &Loop, random: &mut Random) -> String {
    let start = it.text.find("(loop").unwrap();
    let mut text = it.text.clone();
    for _ in 0..1 + random.below(2) {
        // Words, and where they are.
        let mut words = Vec::new();
        let is_in_word = |c: char| c.is_ascii_alphanumeric() || "$._-=".contains(c);
        let mut at = start;
        for word in text[start..].split(|c| !is_in_word(c)) {
            words.push((at, word.to_owned()));
            at += word.len() + 1;
        }
        for _ in 0..20 {
            let (at, word) = &words[random.below(words.len())];
            if let Some(other) = other_word(word, it.kind, random) {
                text.replace_range(*at..*at + word.len(), &other);
                break;
            }
        }
    }
    text
}

/// What may stand in a word's place.
fn other_word(word: &str, (ty, size, ..): Kind, random: &mut Random) -> Option<String> {
    let size = size as i64;
    let near = |n: i64, random: &mut Random| match random.below(9) {
        0 => n + 1,
        1 => n - 1,
        2 => n + size,
        3 => n - size,
        4 => n * 2,
        5 => -n,
        6 => n + 12,
        7 => n + 2,
        _ => 0,
    };
    if let Ok(n) = word.parse::<i64>() {
        return Some(near(n, random).to_string());
    }
    if let Some(n) = word.strip_prefix("offset=") {
        return Some(format!("offset={}", near(n.parse().unwrap(), random).max(0)));
    }
    if word.starts_with('$') && word != "$l" && !word.starts_with("$t") {
        let numbers = ["$a", "$b", "$c", "$n", "$i"];
        let values = ["$v", "$p", "$q", "$r", "$s"];
        let others = if numbers.contains(&word) { numbers } else { values };
        return Some(random.of(&others).to_owned());
    }
    let (of, operator) = word.split_once('.')?;
    let binary: &[&str] = match of {
        "i32" => &["add", "sub", "mul", "and", "or", "xor", "shl", "shr_s", "shr_u"],
        "i64" => &["add", "sub", "and", "or", "xor", "shl", "shr_u"],
        _ => &["add", "sub", "mul", "div", "min", "max"],
    };
    let compare: &[&str] = match of {
        "i32" => &["eq", "ne", "lt_s", "lt_u", "le_s", "le_u", "gt_s", "gt_u", "ge_s", "ge_u"],
        _ => &["eq", "ne", "lt", "le", "gt", "ge"],
    };
    let others = [binary, compare].into_iter().find(|all| all.contains(&operator))?;
    // Loops go on as they are more often than not, or few have vectors.
    (of == ty || random.below(2) == 0).then(|| format!("{of}.{}", random.of(others)))
}

fn told(result: Result<Vec<Val>, Error>) -> String {
    match result {
        Ok(values) => format!("{values:?}"),
        Err(Error::Trap(trap)) => format!("{:?}", trap.code()),
        Err(error) => error.to_string(),
    }
}

/// Numbers as arrays of a type may hold them, none of which leads to NaNs other than the usual one.
fn number(random: &mut Random, ty: &str) -> Vec<u8> {
    let small = random.below(2000) as i32 - 1000;
    match ty {
        "i32" => random.of(&[small, random.clone().next() as i32]).to_le_bytes().to_vec(),
        "i64" => i64::from(small).wrapping_mul(0x1_0003_0001).to_le_bytes().to_vec(),
        "f32" => (small as f32 / 8.0).to_le_bytes().to_vec(),
        _ => (f64::from(small) / 8.0).to_le_bytes().to_vec(),
    }
}

/// What several calls leave behind, and how many of them trapped. Nothing, if they take longer than they may.
fn trace(bytes: &[u8], it: &Loop, seed: u64, limit: Duration) -> (Vec<String>, usize) {
    let artifact = Artifact::from_bytes(bytes, "loop").unwrap();
    let mut group = Group::new().unwrap();
    let handle = group.interrupt_handle();
    let (ended, end) = mpsc::channel::<()>();
    let watch = thread::spawn(move || {
        if end.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
            handle.interrupt().unwrap();
        }
    });
    let instance = group.instantiate(&artifact, &Imports::new()).unwrap();
    let memory = instance.memory(&mut group, "memory").unwrap();
    let function = instance.func(&mut group, "f").unwrap();
    let mut random = Random::new(seed ^ 0x1234);
    let (ty, size, ..) = it.kind;
    let (mut lines, mut traps) = (Vec::new(), 0);
    for _ in 0..12 {
        let mut content = Vec::new();
        while content.len() < 65536 {
            content.extend(number(&mut random, ty));
        }
        memory.bytes(&mut group).unwrap().copy_from_slice(&content);
        let near = |random: &mut Random| (random.below(24) as i32 - 12) * size as i32;
        let first = 4096 + near(&mut random);
        let mut arrays = [0; 3].map(|_| match random.below(8) {
            0..=3 => first + near(&mut random),
            4 => 65536 - random.below(400) as i32 / size as i32 * size as i32,
            5 => random.of(&[0, -64, i32::MAX, i32::MIN, -8]),
            _ => 8192 * (1 + random.below(6) as i32),
        });
        if random.below(3) == 0 {
            // Behind each other, with or without a gap.
            arrays = [8192, 8192 + 1024 * (1 + random.below(3) as i32), 30000 / 8 * 8];
        }
        if ty.starts_with('i') && random.below(6) == 0 {
            arrays[0] += 1 + random.below(3) as i32;
        }
        let iterations = match random.below(4) {
            0 => 1 + random.below(6),
            1 => 100 / it.copies + random.below(100),
            _ => 1 + random.below(60),
        };
        let value = number(&mut random, ty);
        let value = match ty {
            "i32" => Val::I32(i32::from_le_bytes(value.try_into().unwrap())),
            "i64" => Val::I64(i64::from_le_bytes(value.try_into().unwrap())),
            "f32" => Val::F32(u32::from_le_bytes(value.try_into().unwrap())),
            _ => Val::F64(u64::from_le_bytes(value.try_into().unwrap())),
        };
        let arguments =
            [Val::I32(arrays[0]), Val::I32(arrays[1]), Val::I32(arrays[2]), Val::I32(iterations as i32), value];
        let result = told(function.call(&mut group, &arguments));
        if result == "Interrupt" {
            watch.join().unwrap();
            return (Vec::new(), 0);
        }
        traps += usize::from(!result.starts_with('['));
        let left = memory.bytes(&mut group).unwrap();
        let hash = left.iter().fold(0xcbf2_9ce4_8422_2325u64, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        lines.push(format!("{arguments:?}: {result}; memory {hash:x}"));
    }
    drop(ended);
    watch.join().unwrap();
    (lines, traps)
}

/// `BAILIWICK_DIFFERENTIAL=N` runs N loops instead of the usual number, from `BAILIWICK_FIRST` on.
fn asked(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
}

/// Whether a module without vectors becomes code that has some.
fn has_vectors(wasm: &[u8]) -> bool {
    let options = Options { target: host(), ..Options::default() };
    let code = emit_clif(wasm, &options).unwrap();
    ["i8x16", "i32x4", "i64x2", "f32x4", "f64x2"].iter().any(|ty| code.contains(ty))
}

/// More than any loop here needs that ends.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn near_misses_leave_behind_what_they_leave_one_element_at_a_time() {
    let (first, count) = (asked("BAILIWICK_FIRST", 0), asked("BAILIWICK_DIFFERENTIAL", times(3000, 100) as u64));
    let (mut tried, mut vectorised, mut wrong) = (0, 0, Vec::new());
    for seed in first..first + count {
        let it = Writer::module(seed);
        if !has_vectors(&binary(&it.text)) {
            continue;
        }
        let text = twisted(&it, &mut Random::new(seed ^ 0xabcd));
        let wasm = binary(&text);
        let compiled = |on| {
            let optimisations = Optimisations::default().with(Optimisation::Vectorisation, on);
            let cpu = CPUS[seed as usize % 2];
            let settings = Settings { optimisations, deterministic: true, cpu, ..Settings::default() };
            compile_with(host(), &settings, &wasm)
        };
        let without = match compiled(false) {
            Ok(without) => without,
            Err(Refusal::Invalid(_)) => continue,
            Err(error) => panic!("seed {seed}: {error}"),
        };
        tried += 1;
        if !has_vectors(&wasm) {
            continue;
        }
        vectorised += 1;
        let with = compiled(true).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        // Some never end.
        let (expected, _) = trace(&without, &it, seed, LONG / 300);
        if expected.is_empty() {
            continue;
        }
        let (found, _) = trace(&with, &it, seed, LONG);
        if found != expected {
            let differ = found.iter().zip(&expected).find(|(a, b)| a != b);
            wrong.push(format!("seed {seed}, {text}\n  {differ:?}"));
        }
    }
    println!("{vectorised} of {tried} loops have vectors");
    assert!(wrong.is_empty(), "{}\n{} differ", wrong.join("\n"), wrong.len());
    assert!(vectorised > count / 15, "{vectorised}");
}

#[test]
fn loops_leave_behind_what_they_leave_one_element_at_a_time() {
    let (first, count) = (asked("BAILIWICK_FIRST", 0), asked("BAILIWICK_DIFFERENTIAL", times(600, 60) as u64));
    let (mut vectorised, mut traps, mut wrong) = (0, 0, Vec::new());
    for seed in first..first + count {
        let it = Writer::module(seed);
        let wasm = binary(&it.text);
        let compiled = |on| {
            let optimisations = Optimisations::default().with(Optimisation::Vectorisation, on);
            let settings = Settings { optimisations, deterministic: true, ..Settings::default() };
            compile_with(host(), &settings, &wasm).unwrap_or_else(|e| panic!("seed {seed}: {e}"))
        };
        let (with, without) = (compiled(true), compiled(false));
        vectorised += u64::from(has_vectors(&wasm));
        let (found, _) = trace(&with, &it, seed, LONG);
        let (expected, trapped) = trace(&without, &it, seed, LONG);
        traps += trapped as u64;
        if let Some((found, expected)) = found.iter().zip(&expected).find(|(a, b)| a != b) {
            wrong.push(format!("seed {seed}, {:?}, {} copies:\n  {found}\nand not\n  {expected}", it.way, it.copies));
        }
    }
    println!("{vectorised} of {count} loops have vectors; {traps} of {} calls trapped", count * 12);
    assert!(wrong.is_empty(), "{}\n{} differ", wrong.join("\n"), wrong.len());
    // Or the loops would show little.
    assert!(vectorised > count / 5 && traps > count / 4 && traps < count * 6, "{vectorised} {traps}");
}

/// Bodies of loops over `$a`, `$b` and `$c`, with a counter `$i`, its end `$n`, and a number; and whether they are made in vectors.
const BODIES: &[(bool, &str)] = &[
    // However a counter gets to its end, or never does.
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 3))) <C> (br_if $l (i32.ne (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 4))) <C> (br_if $l (i32.ne (local.get $n) (local.get $i)))",
    ),
    (
        true,
        "(local.set $i (i32.sub (local.get $i) (i32.const 1))) <C> (br_if $l (i32.ne (local.get $i) (local.get $n)))",
    ),
    (true, "(local.set $i (i32.sub (local.get $i) (i32.const 8))) <C> (br_if $l (local.get $i))"),
    (
        true,
        "(local.set $i (i32.sub (local.get $i) (i32.const 7))) <C> (br_if $l (i32.sub (local.get $i) (local.get $n)))",
    ),
    (
        false,
        "(local.set $i (i32.sub (local.get $i) (i32.const 8))) <C> (br_if $l (i32.xor (local.get $i) (i32.const 0)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 1))) <C> (br_if $l (i32.lt_s (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 5))) <C> (br_if $l (i32.le_s (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 3))) <C> (br_if $l (i32.lt_u (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 2))) <C> (br_if $l (i32.le_u (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 3))) <C> (br_if $l (i32.gt_s (local.get $n) (local.get $i)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 1))) <C> (br_if $l (i32.ge_u (local.get $n) (local.get $i)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 1))) <C> (br_if $l (i32.eqz (i32.ge_s (local.get $i) (local.get $n))))",
    ),
    (
        false,
        "(local.set $i (i32.sub (local.get $i) (i32.const 1))) <C> (br_if $l (i32.lt_s (local.get $i) (local.get $n)))",
    ),
    (
        false,
        "(local.set $i (i32.add (local.get $i) (i32.const 1))) <C> (br_if $l (i32.gt_s (local.get $i) (local.get $n)))",
    ),
    (
        false,
        "(local.set $i (i32.mul (local.get $i) (i32.const 3))) <C> (br_if $l (i32.lt_u (local.get $i) (local.get $n)))",
    ),
    (
        false,
        "(local.set $i (i32.add (i32.mul (local.get $i) (i32.const 3)) (i32.const 1))) <C> (br_if $l (i32.lt_u (local.get $i) (local.get $n)))",
    ),
    // In steps so large that a number of 32 bits is at its end, or has wrapped, after a few.
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 33554432))) <C> (br_if $l (i32.ne (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 33554432))) <C> (br_if $l (i32.lt_s (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 33554432))) <C> (br_if $l (i32.lt_u (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 33554432))) <C> (br_if $l (i32.le_s (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 33554432))) <C> (br_if $l (i32.le_u (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 33554433))) <C> (br_if $l (i32.ne (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 33554433))) <C> (br_if $l (i32.lt_s (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const 33554433))) <C> (br_if $l (i32.lt_u (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const -33554432))) <C> (br_if $l (i32.ne (local.get $i) (local.get $n)))",
    ),
    (
        true,
        "(local.set $i (i32.add (local.get $i) (i32.const -50331648))) <C> (br_if $l (i32.ne (local.get $i) (local.get $n)))",
    ),
    // The loop's end is written by it, and read as it was before.
    (
        true,
        "(i32.store (local.get $c) (i32.load (local.get $a))) <ON> (br_if $l (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))",
    ),
    (
        false,
        "(i32.store (local.get $c) (i32.load (local.get $a))) <ON> (local.set $n (i32.xor (local.get $n) (i32.const 1))) (br_if $l (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))",
    ),
    // What does not go on: in the memory or not, and perhaps where is stored.
    (
        true,
        "(i32.store (local.get $c) (i32.add (i32.load (local.get $a)) (i32.load offset=4 (local.get $v)))) <ON> <DOWN>",
    ),
    (
        true,
        "(i32.store (local.get $c) (i32.add (i32.load (local.get $v)) (i32.load offset=40 (local.get $v)))) <ON> <DOWN>",
    ),
    (false, "(i32.store (local.get $v) (i32.load (local.get $a))) <ON> <DOWN>"),
    // Backwards, and in strides.
    (
        false,
        "(i32.store (local.get $c) (i32.load (local.get $a))) (local.set $a (i32.sub (local.get $a) (i32.const 4))) (local.set $c (i32.sub (local.get $c) (i32.const 4))) <DOWN>",
    ),
    (
        false,
        "(i32.store (local.get $c) (i32.load (local.get $a))) (local.set $a (i32.sub (local.get $a) (i32.const 4))) (local.set $c (i32.add (local.get $c) (i32.const 4))) <DOWN>",
    ),
    (
        false,
        "(i32.store (local.get $c) (i32.load (local.get $a))) (local.set $c (i32.add (local.get $c) (i32.const 8))) (local.set $a (i32.add (local.get $a) (i32.const 4))) <DOWN>",
    ),
    (
        true,
        "(i32.store (local.get $c) (i32.mul (i32.add (i32.load (local.get $a)) (local.get $v)) (i32.sub (i32.load (local.get $b)) (i32.const 9)))) (local.set $b (i32.add (local.get $b) (i32.const 20))) (local.set $a (i32.add (local.get $a) (i32.const 4))) (local.set $c (i32.add (local.get $c) (i32.const 4))) <DOWN>",
    ),
    // Accesses of one stream that meet a vector further on, a little less, or at no multiple.
    (true, "(i32.store (local.get $c) (i32.load offset=16 (local.get $c))) <ON> <DOWN>"),
    (true, "(i32.store (local.get $c) (i32.load offset=12 (local.get $c))) <ON> <DOWN>"),
    (false, "(i32.store offset=12 (local.get $c) (i32.load (local.get $c))) <ON> <DOWN>"),
    (true, "(i32.store offset=16 (local.get $c) (i32.load (local.get $c))) <ON> <DOWN>"),
    (true, "(i32.store offset=18 (local.get $c) (i32.load (local.get $c))) <ON> <DOWN>"),
    (false, "(i32.store offset=14 (local.get $c) (i32.load (local.get $c))) <ON> <DOWN>"),
    (false, "(i32.store (local.get $c) (i32.load offset=14 (local.get $c))) <ON> <DOWN>"),
    (false, "(i32.store (local.get $c) (i32.load offset=1 (local.get $c))) <ON> <DOWN>"),
    (
        false,
        "(i32.store (local.get $c) (i32.load (local.get $a))) (i32.store offset=4 (local.get $c) (i32.load offset=8 (local.get $a))) <ON> <DOWN>",
    ),
    (
        true,
        "(i32.store offset=4 (local.get $c) (i32.load (local.get $a))) (i32.store (local.get $c) (i32.load offset=8 (local.get $a))) <ON> <DOWN>",
    ),
    (
        true,
        "(i32.store (local.get $c) (i32.load (local.get $a))) (i32.store (local.get $b) (i32.load offset=8 (local.get $a))) <ON> <DOWN>",
    ),
    // Loaded for nothing, beyond what is used.
    (
        false,
        "(drop (i32.load offset=16 (local.get $a))) (i32.store (local.get $c) (i32.load (local.get $b))) <ON> <DOWN>",
    ),
    (
        false,
        "(i32.store (local.get $c) (i32.load (local.get $b))) (local.set $r (i32.load offset=400 (local.get $a))) <ON> <DOWN>",
    ),
    // An address of what was loaded, of a number that is gathered, of a constant.
    (false, "(i32.store (local.get $c) (i32.load (i32.load (local.get $a)))) <ON> <DOWN>"),
    (
        false,
        "(i32.store (local.get $c) (i32.load (local.get $a))) (local.set $r (i32.add (local.get $r) (i32.load (i32.and (local.get $r) (i32.const 4092))))) <ON> <DOWN>",
    ),
    (
        false,
        "(local.set $r (i32.add (local.get $r) (i32.load (local.get $a)))) (i32.store (local.get $c) (local.get $r)) <ON> <DOWN>",
    ),
    (
        false,
        "(i32.store (local.get $c) (local.get $r)) (local.set $r (i32.add (local.get $r) (i32.load (local.get $a)))) <ON> <DOWN>",
    ),
    (true, "(i32.store (local.get $c) (i32.load (i32.const 4096))) <ON> <DOWN>"),
    // Sums that are more than that.
    (true, "(local.set $r (i32.add (local.get $r) (i32.load (local.get $a)))) <ON> <DOWN>"),
    (false, "(local.set $r (i32.sub (local.get $r) (i32.load (local.get $a)))) <ON> <DOWN>"),
    (false, "(local.set $r (i32.mul (local.get $r) (i32.load (local.get $a)))) <ON> <DOWN>"),
    (false, "(local.set $r (i32.add (i32.add (local.get $r) (local.get $r)) (i32.load (local.get $a)))) <ON> <DOWN>"),
    (
        false,
        "(local.set $r (i32.add (local.get $r) (i32.load (local.get $a)))) (local.set $s (i32.xor (local.get $r) (local.get $s))) <ON> <DOWN>",
    ),
    (
        true,
        "(local.set $r (i32.add (local.get $s) (i32.load (local.get $a)))) (local.set $s (i32.add (local.get $r) (i32.load (local.get $b)))) <ON> <DOWN>",
    ),
    (
        false,
        "(local.set $s (i32.mul (local.get $r) (i32.const 5))) (local.set $r (i32.add (local.get $r) (i32.load (local.get $a)))) <ON> <DOWN>",
    ),
    (
        false,
        "(local.set $r (i32.add (local.get $r) (i32.load (local.get $a)))) <ON> (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br_if $l (i32.ne (local.get $r) (local.get $n)))",
    ),
    (false, "(local.set $r (i32.add (i32.const 3) (i32.xor (local.get $r) (i32.load (local.get $a))))) <ON> <DOWN>"),
    (
        true,
        "(local.set $r (i32.add (local.get $r) (i32.load (local.get $a)))) (local.set $s (i32.xor (local.get $s) (i32.load offset=4 (local.get $a)))) <ON> <DOWN>",
    ),
    (
        true,
        "(local.set $s (i32.load (local.get $a))) (local.set $r (select (local.get $r) (local.get $s) (i32.lt_u (local.get $s) (local.get $r)))) <ON> <DOWN>",
    ),
    (
        true,
        "(local.set $s (i32.load (local.get $a))) (local.set $r (select (local.get $s) (local.get $r) (i32.le_s (local.get $s) (local.get $r)))) <ON> <DOWN>",
    ),
    (
        true,
        "(local.set $s (i32.load (local.get $a))) (local.set $r (select (local.get $s) (local.get $r) (i32.gt_u (local.get $r) (local.get $s)))) <ON> <DOWN>",
    ),
    (
        true,
        "(local.set $s (i32.load (local.get $a))) (i32.store (local.get $c) (select (local.get $s) (i32.const 9) (i32.lt_s (i32.const 9) (local.get $s)))) <ON> <DOWN>",
    ),
    // What one element leaves for the next one.
    (
        true,
        "(local.set $s (i32.load (local.get $a))) (i32.store (local.get $c) (i32.sub (local.get $s) (local.get $r))) (local.set $r (local.get $s)) <ON> <DOWN>",
    ),
    (
        false,
        "(i32.store (local.get $c) (i32.sub (i32.load (local.get $b)) (local.get $r))) (local.set $r (i32.load (local.get $a))) <ON> <DOWN>",
    ),
    (
        false,
        "(local.set $s (i32.load (local.get $a))) (i32.store (local.get $c) (i32.sub (local.get $s) (local.get $r))) (local.set $r (i32.load (local.get $b))) (drop (local.get $s)) (i32.store offset=4 (local.get $c) (local.get $r)) <ON> <DOWN>",
    ),
    (
        false,
        "(local.set $s (i32.load (local.get $a))) (i32.store (local.get $c) (i32.sub (local.get $s) (local.get $r))) (local.set $r (i32.add (local.get $s) (i32.const 1))) <ON> <DOWN>",
    ),
    (
        false,
        "(i32.store (local.get $c) (i32.add (i32.load (local.get $a)) (local.get $r))) (local.set $r (i32.const 5)) <ON> <DOWN>",
    ),
    // Values that are no numbers of the element's size, or not the same for each.
    (
        false,
        "(i32.store (local.get $c) (local.get $i)) (local.set $i (i32.add (local.get $i) (i32.const 1))) <ON> <DOWN>",
    ),
    (false, "(i32.store (local.get $c) (i32.lt_s (i32.load (local.get $a)) (local.get $v))) <ON> <DOWN>"),
    (
        true,
        "(i32.store (local.get $c) (i32.add (i32.load (local.get $a)) (i32.lt_s (local.get $v) (i32.const 40)))) <ON> <DOWN>",
    ),
    (false, "(i32.store (local.get $c) (i32.shl (i32.load (local.get $a)) (i32.load (local.get $b)))) <ON> <DOWN>"),
    (true, "(i32.store (local.get $c) (i32.shr_s (i32.load (local.get $a)) (local.get $v))) <ON> <DOWN>"),
    (
        false,
        "(i32.store (local.get $c) (select (i32.load (local.get $a)) (i32.const 7) (i32.load (local.get $b)))) <ON> <DOWN>",
    ),
    (
        false,
        "(i32.store (local.get $c) (select (i32.load (local.get $a)) (i32.const 7) (f64.lt (f64.load (local.get $b)) (f64.const 0)))) <ON> <DOWN>",
    ),
    (false, "(i64.store (local.get $c) (i64.add (i64.load (local.get $a)) (i64.const 1))) <ON> <DOWN>"),
    (
        false,
        "(local.set $w (i64.add (local.get $w) (i64.load (local.get $a)))) (i32.store (local.get $c) (i32.load (local.get $b))) <ON> <DOWN>",
    ),
    // Copies that differ.
    (
        true,
        "(i32.store (local.get $c) (i32.load (local.get $a))) (i32.store offset=4 (local.get $c) (i32.load offset=4 (local.get $a))) <ON2>",
    ),
    (
        false,
        "(i32.store (local.get $c) (i32.load (local.get $a))) (i32.store offset=4 (local.get $c) (i32.load offset=4 (local.get $b))) <ON2>",
    ),
    (
        false,
        "(i32.store (local.get $c) (i32.load (local.get $a))) (i32.store offset=8 (local.get $c) (i32.load offset=4 (local.get $a))) <ON2>",
    ),
    (
        false,
        "(i32.store (local.get $c) (i32.load (local.get $a))) (i32.store offset=4 (local.get $c) (i32.load offset=8 (local.get $a))) <ON2>",
    ),
    (
        false,
        "(i32.store (local.get $c) (i32.add (i32.load (local.get $a)) (i32.const 1))) (i32.store offset=4 (local.get $c) (i32.add (i32.load offset=4 (local.get $a)) (i32.const 2))) <ON2>",
    ),
    (
        false,
        "(i32.store (local.get $c) (i32.add (i32.load (local.get $a)) (i32.const 1))) (i32.store offset=4 (local.get $c) (i32.sub (i32.load offset=4 (local.get $a)) (i32.const 1))) <ON2>",
    ),
    (
        false,
        "(i32.store offset=4 (local.get $c) (i32.load (local.get $a))) (i32.store offset=12 (i32.add (local.get $c) (i32.const -4)) (i32.load offset=4 (local.get $a))) <ON2>",
    ),
    (
        false,
        "(local.set $s (i32.load offset=4 (local.get $c))) (i32.store offset=4 (local.get $c) (i32.load (local.get $c))) (i32.store offset=8 (local.get $c) (local.get $s)) <ON2>",
    ),
    (
        true,
        "(local.set $s (i32.load offset=4 (local.get $a))) (i32.store (local.get $c) (i32.load (local.get $a))) (i32.store offset=4 (local.get $c) (local.get $s)) <ON2>",
    ),
    (
        true,
        "(local.set $s (i32.load (local.get $a))) (i32.store (local.get $c) (i32.xor (local.get $s) (local.get $r))) (local.set $r (i32.load offset=4 (local.get $a))) (i32.store offset=4 (local.get $c) (i32.xor (local.get $r) (local.get $s))) <ON2>",
    ),
    (
        false,
        "(local.set $s (i32.load (local.get $a))) (i32.store (local.get $c) (i32.xor (local.get $s) (local.get $r))) (local.set $r (i32.load offset=4 (local.get $a))) (i32.store offset=4 (local.get $c) (i32.xor (local.get $r) (local.get $s))) (local.set $r (local.get $s)) <ON2>",
    ),
    (
        false,
        "(i32.store (local.get $c) (i32.load (local.get $a))) (i64.store offset=4 (local.get $c) (i64.load offset=4 (local.get $a))) <ON2>",
    ),
    (
        false,
        "(i32.store (local.get $c) (i32.xor (i32.load (local.get $b)) (local.get $r))) (local.set $s (i32.load (local.get $a))) (i32.store offset=400 (local.get $c) (local.get $s)) (local.set $r (local.get $s)) <ON> <DOWN>",
    ),
    (
        false,
        "(local.set $s (i32.load (local.get $a))) (i32.store (local.get $c) (i32.add (i32.xor (local.get $s) (local.get $r)) (local.get $r))) (local.set $q (i32.load offset=4 (local.get $a))) (i32.store offset=4 (local.get $c) (i32.add (i32.xor (local.get $q) (local.get $s)) (i32.load offset=8 (local.get $a)))) (local.set $r (local.get $q)) <ON2>",
    ),
    // A load that follows the store of a later element, where its copies stand in front of it.
    (
        false,
        "(local.set $s (i32.load offset=4 (local.get $c))) (i32.store (local.get $c) (i32.load (local.get $a))) (i32.store offset=4 (local.get $c) (i32.load offset=4 (local.get $a))) (i32.store offset=8 (local.get $c) (i32.load offset=8 (local.get $a))) (local.set $r (i32.add (i32.add (local.get $r) (local.get $s)) (i32.add (i32.load offset=8 (local.get $c)) (i32.load offset=12 (local.get $c))))) <ON> <ON2>",
    ),
    // The highest access is not the last one, the lowest not the first.
    (
        true,
        "(i32.store (local.get $c) (i32.xor (i32.load offset=40 (local.get $a)) (i32.load (local.get $a)))) <ON> <DOWN>",
    ),
    (
        true,
        "(i32.store (local.get $c) (i32.xor (i32.load (i32.add (local.get $a) (i32.const 4))) (i32.load (i32.add (local.get $a) (i32.const -4))))) <ON> <DOWN>",
    ),
    (
        false,
        "(local.set $s (i32.load (local.get $a))) (local.set $q (i32.load offset=4 (local.get $a))) (i32.store (local.get $c) (select (local.get $s) (i32.const 1) (i32.lt_s (local.get $s) (i32.const 0)))) (i32.store offset=4 (local.get $c) (select (local.get $q) (i32.const 1) (i32.gt_s (local.get $q) (i32.const 0)))) <ON2>",
    ),
];

/// A module of one of [`BODIES`], with a memory of this type.
fn module_of(body: &str, memory: &str) -> String {
    let body = body
        .replace("<C>", "(i32.store (local.get $c) (i32.add (i32.load (local.get $a)) (local.get $v))) <ON>")
        .replace("<ON2>", "<ON> <ON> <DOWN>")
        .replace(
            "<ON>",
            "(local.set $a (i32.add (local.get $a) (i32.const 4))) (local.set $b (i32.add (local.get $b) (i32.const 4)))
             (local.set $c (i32.add (local.get $c) (i32.const 4)))",
        )
        .replace("<DOWN>", "(br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))");
    format!(
        "(module (memory (export \"memory\") {memory})
          (func (export \"f\") (param $a i32) (param $b i32) (param $c i32) (param $i i32) (param $n i32) (param $v i32)
            (result i32 i32 i32 i32 i32 i32 i32 i64)
            (local $r i32) (local $s i32) (local $q i32) (local $w i64)
            (local.set $r (i32.const 77))
            (loop $l {body})
            (local.get $a) (local.get $b) (local.get $c) (local.get $i) (local.get $n) (local.get $r) (local.get $s) (local.get $w)))"
    )
}

#[test]
fn loops_that_hardly_can_and_hardly_cannot_be_made_in_vectors() {
    let mut wrong = Vec::new();
    for (&(vectors, body), memory) in BODIES.iter().flat_map(|body| ["1 1", "20003 (pagesize 1)"].map(|m| (body, m))) {
        let wasm = binary(&module_of(body, memory));
        if has_vectors(&wasm) != vectors {
            wrong.push(format!("{body}: has vectors: {}", !vectors));
        }
        let step = body.split("(local.set $i (i32.add (local.get $i) (i32.const ").nth(1);
        let step = step.and_then(|step| step.split(')').next()?.parse().ok()).unwrap_or(1);
        let ran = |on, cpu| {
            let optimisations = Optimisations::default().with(Optimisation::Vectorisation, on);
            let settings = Settings { optimisations, cpu, ..Settings::default() };
            calls(&compile_with(host(), &settings, &wasm).unwrap_or_else(|e| panic!("{body}: {e}")), step)
        };
        for arch in [Arch::X86_64, Arch::Aarch64] {
            compile_with(arch, &Settings::default(), &wasm).unwrap_or_else(|e| panic!("{body}, {arch:?}: {e}"));
        }
        let expected = ran(false, "baseline");
        for cpu in CPUS {
            if let Some((found, expected)) = ran(true, cpu).iter().zip(&expected).find(|(a, b)| a != b) {
                wrong.push(format!("{body}\n  {found}\nand not\n  {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_loop_over_a_memory_of_other_threads_has_no_vectors() {
    let (vectors, body) = BODIES.iter().find(|(vectors, _)| *vectors).unwrap();
    assert_eq!(has_vectors(&binary(&module_of(body, "1 1"))), *vectors);
    assert!(!has_vectors(&binary(&module_of(body, "1 1 shared"))));
}

/// What calls of such a module leave behind, whose counter goes on by `step`.
fn calls(bytes: &[u8], step: i32) -> Vec<String> {
    let artifact = Artifact::from_bytes(bytes, "loop").unwrap();
    let mut group = Group::new().unwrap();
    let instance = group.instantiate(&artifact, &Imports::new()).unwrap();
    let memory = instance.memory(&mut group, "memory").unwrap();
    let function = instance.func(&mut group, "f").unwrap();
    let mut random = Random::new(5);
    let mut lines = Vec::new();
    for _ in 0..times(60, 10) {
        memory.bytes(&mut group).unwrap().fill_with(|| (random.next() >> 40) as u8);
        let length = memory.bytes(&mut group).unwrap().len() as i32;
        let near = random.below(4096) as i32 * 4;
        let [mut a, b, mut c] = [(); 3].map(|()| match random.below(6) {
            0 | 1 => near + random.below(60) as i32 * 4 - 120,
            2 => near + random.below(400) as i32,
            3 => length - random.below(300) as i32,
            4 => length - 4 * random.below(70) as i32,
            _ => random.of(&[0, 1, 4, 8000, 16000, -4, -100]),
        });
        // A counter's first value and its end: most often it gets there, by some step; else the memory ends.
        let count = 1 + random.below(70) as i32;
        let (i, mut n) = match random.below(10) {
            0 => (0, count),
            1 | 8 | 9 => {
                let i = random.next() as i32;
                (i, count.wrapping_mul(step).wrapping_add(i).wrapping_add(random.of(&[0, 0, 1, 7])))
            }
            2 => (random.next() as i32, random.next() as i32),
            3 => (i32::MIN + 3, i32::MIN + 3 + count * 3),
            4 => (i32::MAX - count * 2, i32::MAX - random.below(9) as i32),
            5 => (-1 - count * 2, -1 - random.below(4) as i32),
            6 => (count * 56, 0),
            _ => {
                let i = random.next() as i32;
                (i, i.wrapping_add(count * random.of(&[1, 2, 3, 4, 5, -1, -7, 12])))
            }
        };
        if random.below(4) == 0 {
            // As many rounds as there are, one byte too near to the memory's end or to another array.
            let (far, by) = (128 * (1 + random.below(3) as i32), random.below(3) as i32 - 1);
            n = far / 4 + 1 + random.below(3) as i32;
            match random.below(4) {
                0 => (a, c) = (length - far + by, 4000),
                1 => (a, c) = (4000, length - far + by),
                2 => (a, c) = (8000, 8000 + far + by),
                _ => (a, c) = (8000, 8000 - far + by),
            }
        }
        let v = random.of(&[
            0,
            3,
            36,
            -1,
            near,
            near + 20,
            c,
            c.wrapping_add(100),
            length - 44,
            length - 43,
            length - 8,
            length - 7,
        ]);
        let arguments = [a, b, c, i, n, v].map(Val::I32);
        let result = told(function.call(&mut group, &arguments));
        let left = memory.bytes(&mut group).unwrap();
        let hash = left.iter().fold(0xcbf2_9ce4_8422_2325u64, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        lines.push(format!("{arguments:?}: {result}; memory {hash:x}"));
    }
    lines
}

/// Compiles a module without and with vectors, and gives an instance of each.
fn both(text: &str) -> [Guest; 2] {
    let wasm = binary(text);
    assert!(has_vectors(&wasm), "{text}");
    [false, true].map(|on| {
        let optimisations = Optimisations::default().with(Optimisation::Vectorisation, on);
        let bytes = compile_with(host(), &Settings { optimisations, ..Settings::default() }, &wasm).unwrap();
        let mut group = Group::new().unwrap();
        let artifact = Artifact::from_bytes(&bytes, "loop").unwrap();
        let instance = group.instantiate(&artifact, &Imports::new()).unwrap();
        Guest { group, instance }
    })
}

fn call(guest: &mut Guest, name: &str, arguments: &[i32]) -> String {
    let function = guest.instance.func(&mut guest.group, name).unwrap();
    let arguments: Vec<Val> = arguments.iter().map(|&n| Val::I32(n)).collect();
    told(function.call(&mut guest.group, &arguments))
}

#[test]
fn indices_wrap_where_a_memory_has_all_that_there_can_be() {
    let guests = both(
        "(module (memory 65536)
          (func (export \"f\") (param $a i32) (param $c i32) (param $n i32) (result i32 i32)
            (loop $l
              (i32.store (local.get $c) (i32.add (i32.load offset=8 (local.get $a)) (i32.const 3)))
              (local.set $a (i32.add (local.get $a) (i32.const 4)))
              (local.set $c (i32.add (local.get $c) (i32.const 4)))
              (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (local.get $a) (local.get $c))
          ;; What a range holds; it wraps.
          (func (export \"sum\") (param $at i32) (param $n i32) (result i64) (local $sum i64)
            (loop $l
              (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31)) (i64.load8_u (local.get $at))))
              (local.set $at (i32.add (local.get $at) (i32.const 1)))
              (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (local.get $sum)))",
    );
    let [without, with] = guests.map(|mut guest| {
        let mut lines = Vec::new();
        for (a, c, n) in [
            (-400, 1000, 90),
            (-400, 1000, 98),
            (-400, 1000, 99),
            (-400, 1000, 100),
            (-400, 1000, 101),
            (-400, 1000, 120),
            (1000, -400, 90),
            (1000, -400, 99),
            (1000, -400, 100),
            (1000, -400, 101),
            (1000, -400, 120),
            (-404, -400, 120),
            (-8, 0, 200),
            (-12, -400, 100),
            (-7, 64, 100),
            (64, -7, 100),
            (-403, 2000, 100),
        ] {
            lines.push(call(&mut guest, "f", &[a, c, n]));
            lines.push(call(&mut guest, "sum", &[-1000, 4000]));
        }
        lines
    });
    assert_eq!(without, with);
}

#[test]
fn loops_are_made_in_vectors_wherever_they_stand() {
    // In a block that catches, above operands, with globals that variables hold, in a function that is inlined, beside values that
    // are no numbers.
    let guests = both(
        "(module (memory (export \"memory\") 1) (tag $t)
          (global $g (mut i32) (i32.const 5)) (global $bound (mut i32) (i32.const 50))
          (func $inner (param $c i32) (param $n i32)
            (loop $l
              (i32.store (local.get $c) (i32.xor (i32.load offset=4 (local.get $c)) (global.get $g)))
              (local.set $c (i32.add (local.get $c) (i32.const 4)))
              (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
          (func (export \"f\") (param $a i32) (param $n i32) (result i32 i32) (local $i i32) (local $x v128) (local $e externref) (local $y v128)
            (local $m i32)
            (local.get $n) (global.get $g)
            (block $caught
              (try_table (catch $t $caught)
                (loop $outer
                  (global.set $g (i32.add (global.get $g) (i32.const 7)))
                  (local.set $i (i32.const 0))
                  (loop $l
                    (local.set $e (local.get $e))
                    (local.set $y (select (local.get $x) (local.get $y) (local.get $n)))
                    (i32.store (i32.add (local.get $a) (local.get $i)) (i32.add (i32.load (i32.add (local.get $a) (local.get $i))) (global.get $g)))
                    (br_if $l (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.shl (global.get $bound) (i32.const 2)))))
                  (global.set $bound (i32.add (global.get $bound) (i32.const 3)))
                  (br_if $outer (i32.lt_u (local.tee $m (i32.add (local.get $m) (i32.const 1))) (local.get $n))))
                (call $inner (local.get $a) (local.get $n))
                (throw $t)))
            (i32.add (global.get $g)))
          )",
    );
    let [without, with] = guests.map(|mut guest| {
        let mut lines = Vec::new();
        for (a, n) in [(0, 3), (400, 40), (64000, 20), (65100, 30), (65535, 2)] {
            lines.push(call(&mut guest, "f", &[a, n]));
            let memory = guest.instance.memory(&mut guest.group, "memory").unwrap();
            lines.push(format!("{:?}", memory.bytes(&mut guest.group).unwrap()));
        }
        lines
    });
    assert!(without == with);
}
