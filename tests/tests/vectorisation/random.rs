//! Random loops over three arrays.

use super::{CPUS, has_vectors, told};
use crate::common::{Random, times};
use bailiwick_compiler::{Optimisation, Optimisations};
use bailiwick_loader::{Artifact, Group, Imports, Val};
use bailiwick_tests::compile::{Refusal, Settings, binary, compile_with, host};
use std::fmt::Write as _;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

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
