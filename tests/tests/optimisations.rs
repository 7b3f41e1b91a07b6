//! What is done for speed changes nothing that anybody sees: random modules of what it is done to (small functions that call
//! one another, short loops over globals and memory, calls through tables) end as they do without it: with the same values, or
//! the same trap in the same functions, and leave the same behind.

mod common;

use bailiwick_compiler::{OptLevel, Optimisation, Optimisations};
use bailiwick_loader::{Artifact, Error, Group, Imports, Instance, Val};
use bailiwick_tests::compile::{Settings, binary, compile_with, host};
use common::{Random, times};
use std::fmt::Write as _;

/// Types of functions: parameters and results.
const KINDS: [(&[&str], Option<&str>); 3] =
    [(&["i32", "i32"], Some("i32")), (&["i64", "i32"], Some("i64")), (&["i32"], None)];

/// Functions that call nobody; those that call only these and each other, down; those that call everybody, as long as there
/// is fuel.
const TIERS: [usize; 3] = [5, 9, 12];
/// Functions in the table.
const FUNCTIONS: usize = 10;

/// Writes a module.
struct Writer {
    random: Random,
    text: String,
    /// The type of each function.
    kinds: Vec<usize>,
    /// The functions in the table.
    elements: Vec<usize>,
    /// The function that is written.
    function: usize,
    /// Whether memory's indices have 64 bits, and the table changes.
    wide: bool,
    changing: bool,
    /// Loops and blocks that are open, and loops that were begun.
    labels: Vec<usize>,
    loops: usize,
    /// Expressions that may still be written in this function.
    room: usize,
}

impl Writer {
    fn module(seed: u64) -> String {
        let mut random = Random::new(seed);
        let kinds = (0..TIERS[2]).map(|_| random.below(KINDS.len())).collect();
        let elements = (0..FUNCTIONS).map(|_| random.below(TIERS[2])).collect();
        let (wide, changing) = (random.below(4) == 0, random.below(3) == 0);
        let mut writer = Writer {
            random,
            text: String::new(),
            kinds,
            elements,
            function: 0,
            wide,
            changing,
            labels: Vec::new(),
            loops: 0,
            room: 0,
        };
        writer.all();
        writer.text
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push(' ');
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.random.below(n) == 0
    }

    fn all(&mut self) {
        let limits = self.random.of(&["1 1", "1", "1 3"]);
        let memory = format!("(memory $m (export \"memory\") {} {limits})", if self.wide { "i64" } else { "" });
        let private = self.random.of(&["(memory $p 1)", "(memory $p 1 1)", "(memory $p 1 2)"]);
        // Two more are null.
        let (table, changing) = (FUNCTIONS + 2, if self.changing { "(export \"table\")" } else { "" });
        write!(
            self.text,
            "(module (tag $e (param i32)) {memory} {private}
             (global $fuel (export \"fuel\") (mut i32) (i32.const 0))
             (global $g0 (export \"g0\") (mut i32) (i32.const 7)) (global $g1 (mut i32) (i32.const 70000))
             (global $h0 (export \"h0\") (mut i64) (i64.const -3)) (global $h1 (mut i64) (i64.const 5))
             (global $c (mut i32) (i32.const 77))
             (func (export \"g1\") (result i32) (global.get $g1)) (func (export \"h1\") (result i64) (global.get $h1))
             (table $t {changing} {table} funcref)\n"
        )
        .unwrap();
        for (i, &function) in self.elements.iter().enumerate() {
            writeln!(self.text, "(elem (table $t) (i32.const {i}) func $f{function})").unwrap();
        }
        for function in 0..self.kinds.len() {
            self.function(function);
        }
        self.text.push(')');
    }

    fn function(&mut self, function: usize) {
        self.function = function;
        let (params, result) = KINDS[self.kinds[function]];
        write!(self.text, "(func $f{function} ").unwrap();
        let tier = TIERS.iter().position(|&end| function < end).unwrap();
        if tier == 2 {
            write!(self.text, "(export \"f{function}\") ").unwrap();
        }
        for (i, param) in params.iter().enumerate() {
            write!(self.text, "(param $p{i} {param}) ").unwrap();
        }
        if let Some(result) = result {
            write!(self.text, "(result {result}) ").unwrap();
        }
        self.push("(local $x i32) (local $y i32) (local $z i64) (local $n0 i32) (local $n1 i32) (local $n2 i32)");
        self.loops = 0;
        if tier == 2 {
            self.push("(global.set $fuel (i32.sub (global.get $fuel) (i32.const 1)))");
            self.push("(if (i32.lt_s (global.get $fuel) (i32.const 0)) (then (return");
            if let Some(result) = result {
                write!(self.text, "({result}.const 1)").unwrap();
            }
            self.push(")))");
        }
        let statements = [self.random.below(3), self.random.below(3), 2 + self.random.below(6)][tier];
        self.room = [16, 24, 120][tier];
        for _ in 0..statements {
            self.statement(3);
        }
        if let Some(result) = result {
            self.value(result, 4);
        }
        self.push(")\n");
    }

    fn value(&mut self, ty: &str, depth: usize) {
        match ty {
            "i32" => self.int(depth),
            _ => self.long(depth),
        }
    }

    /// A function that may be called here, of one kind.
    fn callee(&mut self, kind: usize) -> Option<usize> {
        let below = match TIERS.iter().position(|&end| self.function < end)? {
            0 => 0,
            1 => self.function,
            _ => self.kinds.len(),
        };
        let fit: Vec<usize> = (0..below).filter(|&f| self.kinds[f] == kind).collect();
        if fit.is_empty() { None } else { Some(self.random.of(&fit)) }
    }

    /// A call of a function of a kind, if there is one; whether there was.
    fn call(&mut self, kind: usize, depth: usize) -> bool {
        let indirect = self.function >= TIERS[1] && self.one_in(4);
        if indirect {
            write!(self.text, "(call_indirect $t ").unwrap();
            let (params, result) = KINDS[kind];
            let params: String = params.iter().map(|param| format!("(param {param}) ")).collect();
            let result = result.map_or(String::new(), |result| format!("(result {result}) "));
            self.push(&format!("{params}{result}"));
        } else {
            let Some(callee) = self.callee(kind) else { return false };
            write!(self.text, "(call $f{callee} ").unwrap();
        }
        for param in KINDS[kind].0 {
            self.value(param, depth.min(2));
        }
        if indirect {
            self.element(kind);
        }
        self.push(")");
        true
    }

    /// An index in the table, mostly one of a function of a kind.
    fn element(&mut self, kind: usize) {
        let fit: Vec<usize> = (0..FUNCTIONS).filter(|&i| self.kinds[self.elements[i]] == kind).collect();
        match fit.as_slice() {
            [.., _] if !self.one_in(20) => {
                // The same whichever of the two is chosen at run time, as far as the type goes.
                let (a, b) = (self.random.of(&fit), self.random.of(&fit));
                self.push(&format!("(select (i32.const {a}) (i32.const {b})"));
                self.int(1);
                self.push(")");
            }
            _ => {
                self.push("(i32.and (i32.const 15)");
                self.int(1);
                self.push(")");
            }
        }
    }

    /// A memory's name, and an address in it, mostly.
    fn address(&mut self, operator: &str, depth: usize) {
        let private = self.one_in(4);
        let offset = self.random.of(&[0, 0, 4, 8, 12, 65528]);
        write!(self.text, "({operator} {} offset={offset} ", if private { "$p" } else { "$m" }).unwrap();
        let extended = self.wide && !private;
        if extended {
            self.push("(i64.extend_i32_u");
        }
        if self.one_in(60) {
            self.int(depth);
        } else {
            let mask = if offset > 100 { 15 } else { 0x1ff8 };
            write!(self.text, "(i32.and (i32.const {mask}) ").unwrap();
            self.int(depth);
            self.push(")");
        }
        if extended {
            self.push(")");
        }
    }

    fn int(&mut self, depth: usize) {
        self.room = self.room.saturating_sub(1);
        if depth == 0 || self.room == 0 {
            return match self.random.below(8) {
                0 => self.push("(global.get $g0)"),
                1 => self.push("(global.get $g1)"),
                2 => self.push("(global.get $c)"),
                3 | 4 => self.push("(local.get $x)"),
                5 => self.push("(local.get $y)"),
                6 if self.kinds[self.function] == 2 => self.push("(local.get $p0)"),
                6 => self.push("(local.get $p1)"),
                _ => {
                    let number = self.random.of(&[0, 1, 2, 3, 5, 8, 12, 40, -1, 0x7fff_ffff, -0x8000_0000, 65536]);
                    self.push(&format!("(i32.const {number})"));
                }
            };
        }
        let depth = depth - 1;
        match self.random.below(16) {
            0..=4 => {
                let operator = self.random.of(&[
                    "add", "sub", "mul", "and", "or", "xor", "shl", "shr_s", "shr_u", "rotl", "lt_s", "lt_u", "eq",
                    "ne", "ge_u",
                ]);
                self.push(&format!("(i32.{operator}"));
                self.int(depth);
                self.int(depth);
                self.push(")");
            }
            5 => {
                let operator = self.random.of(&["div_s", "div_u", "rem_s", "rem_u"]);
                self.push(&format!("(i32.{operator}"));
                self.int(depth);
                if self.one_in(20) {
                    self.int(depth);
                } else {
                    self.push("(i32.or (i32.const 1)");
                    self.int(depth);
                    self.push(")");
                }
                self.push(")");
            }
            6..=8 => {
                let operator = self.random.of(&["load", "load", "load8_u", "load16_s"]);
                self.address(&format!("i32.{operator}"), depth);
                self.push(")");
            }
            9 => {
                self.push("(i32.wrap_i64");
                self.long(depth);
                self.push(")");
            }
            10 => {
                self.push("(select");
                self.int(depth);
                self.int(depth);
                self.int(depth);
                self.push(")");
            }
            11 => {
                self.push("(if (result i32)");
                self.int(depth);
                self.push("(then");
                self.int(depth);
                self.push(") (else");
                self.int(depth);
                self.push("))");
            }
            12 => {
                let mask = if self.one_in(10) { -1 } else { 0x3fff_ffff };
                self.push(&format!("(i32.trunc_f64_s (f64.convert_i64_s (i64.and (i64.const {mask})"));
                self.long(depth);
                self.push(")))");
            }
            _ => {
                if !self.call(0, depth) {
                    self.int(0);
                }
            }
        }
    }

    fn long(&mut self, depth: usize) {
        self.room = self.room.saturating_sub(1);
        if depth == 0 || self.room == 0 {
            return match self.random.below(5) {
                0 => self.push("(global.get $h0)"),
                1 => self.push("(global.get $h1)"),
                2 => self.push("(local.get $z)"),
                3 if self.kinds[self.function] == 1 => self.push("(local.get $p0)"),
                _ => {
                    let number = self.random.of(&[0, 1, 6, 9, -1, i64::MAX, i64::MIN, 1 << 32]);
                    self.push(&format!("(i64.const {number})"));
                }
            };
        }
        let depth = depth - 1;
        match self.random.below(10) {
            0..=3 => {
                let operator = self.random.of(&["add", "sub", "mul", "and", "or", "xor", "shl", "shr_u", "rotr"]);
                self.push(&format!("(i64.{operator}"));
                self.long(depth);
                self.long(depth);
                self.push(")");
            }
            4 => {
                let divisor = if self.one_in(20) { 0 } else { 3 };
                self.push("(i64.div_s");
                self.long(depth);
                self.push(&format!("(i64.or (i64.const {divisor})"));
                self.long(depth);
                self.push("))");
            }
            5 | 6 => {
                let operator = self.random.of(&["load", "load32_u", "load8_s"]);
                self.address(&format!("i64.{operator}"), depth);
                self.push(")");
            }
            7 => {
                self.push("(i64.extend_i32_s");
                self.int(depth);
                self.push(")");
            }
            _ => {
                if !self.call(1, depth) {
                    self.long(0);
                }
            }
        }
    }

    fn statement(&mut self, depth: usize) {
        match self.random.below(if depth == 0 { 8 } else { 14 }) {
            0 => {
                let name = self.random.of(&["$x", "$y"]);
                self.push(&format!("(local.set {name}"));
                self.int(2);
                self.push(")");
            }
            1 => {
                self.push("(local.set $z");
                self.long(2);
                self.push(")");
            }
            2 => {
                let name = self.random.of(&["$g0", "$g1"]);
                self.push(&format!("(global.set {name}"));
                self.int(2);
                self.push(")");
            }
            3 => {
                let name = self.random.of(&["$h0", "$h1"]);
                self.push(&format!("(global.set {name}"));
                self.long(2);
                self.push(")");
            }
            4 => {
                let operator = self.random.of(&["store", "store8", "store16"]);
                self.address(&format!("i32.{operator}"), 2);
                self.int(2);
                self.push(")");
            }
            5 => {
                self.address("i64.store", 1);
                self.long(2);
                self.push(")");
            }
            6 => {
                if !self.call(2, 2) {
                    self.push("(nop)");
                }
            }
            7 if !self.labels.is_empty() => {
                let label = self.random.of(&self.labels.clone());
                self.push(&format!("(br_if $l{label}"));
                self.int(2);
                self.push(")");
            }
            7 => {
                self.push("(if (i32.eq (i32.const 12)");
                self.int(2);
                let end = self.random.of(&["(unreachable)", "(throw $e (local.get $x))", "(nop)"]);
                self.push(&format!(") (then {end}))"));
            }
            8 => {
                self.push("(if");
                self.int(2);
                self.push("(then");
                self.statement(depth - 1);
                self.push(") (else");
                self.statement(depth - 1);
                self.push("))");
            }
            9 | 10 => self.count(depth),
            11 => self.switch(depth),
            12 => {
                let label = 100 + self.text.len();
                self.push(&format!("(block $l{label}"));
                self.labels.push(label);
                self.statement(depth - 1);
                self.statement(depth - 1);
                self.labels.pop();
                self.push(")");
            }
            _ if self.function >= TIERS[1] => {
                // The exception's value becomes a local's.
                let open = std::mem::take(&mut self.labels);
                self.push("(local.set $x (block $h (result i32) (try_table (catch $e $h)");
                self.statement(depth - 1);
                self.push(") (i32.const 3)))");
                self.labels = open;
            }
            _ => self.push("(nop)"),
        }
    }

    /// A branch by a number.
    fn switch(&mut self, depth: usize) {
        let first = 100 + self.text.len();
        let labels = [first, first + 1, first + 2];
        self.push(&format!("(block $l{first} (block $l{} (block $l{} (br_table", labels[1], labels[2]));
        for _ in 0..2 + self.random.below(7) {
            let label = self.random.of(&labels);
            self.push(&format!("$l{label}"));
        }
        self.push("(i32.and (i32.const 15)");
        self.int(1);
        self.push(")))");
        self.labels.push(labels[0]);
        self.labels.push(labels[1]);
        self.statement(depth - 1);
        self.labels.pop();
        self.push(")");
        self.statement(depth - 1);
        self.labels.pop();
        self.push(")");
    }

    /// A loop that ends.
    fn count(&mut self, depth: usize) {
        if self.loops == 3 {
            return self.push("(nop)");
        }
        let counter = self.loops;
        self.loops += 1;
        let times = 1 + self.random.below(9);
        let (around, label) = (100 + self.text.len(), 101 + self.text.len());
        // Branches to the loop itself would not count.
        self.push(&format!("(local.set $n{counter} (i32.const {times})) (block $l{around} (loop $l{label}"));
        self.labels.push(around);
        for _ in 0..1 + self.random.below(3) {
            self.statement(depth - 1);
        }
        self.labels.pop();
        let step = format!("(local.tee $n{counter} (i32.sub (local.get $n{counter}) (i32.const 1)))");
        match self.random.below(3) {
            0 => self.push(&format!("(br_if $l{label} {step})))")),
            1 => self.push(&format!("(if {step} (then (br $l{label})))))")),
            _ => self.push(&format!("(br_if $l{around} (i32.eqz {step})) (br $l{label})))")),
        }
    }
}

/// How a call ended: with values; or why, and in which functions.
fn told(result: Result<Vec<Val>, Error>) -> String {
    match result {
        Ok(values) => format!("{values:?}"),
        Err(Error::Trap(trap)) => {
            let frames = trap.backtrace().frames().iter().map(|frame| frame.name().unwrap_or_default().to_owned());
            format!("{:?} in {:?}", trap.code(), frames.collect::<Vec<_>>())
        }
        Err(error) => error.to_string(),
    }
}

/// All that can be told apart of a module, and how it was compiled.
fn trace(wasm: &[u8], settings: &Settings, seed: u64) -> Vec<String> {
    let bytes = compile_with(host(), settings, wasm).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    let artifact = Artifact::from_bytes(&bytes, "random").unwrap();
    let mut group = Group::new().unwrap();
    let instance = group.instantiate(&artifact, &Imports::new()).unwrap();
    let mut random = Random::new(seed ^ 0x5555);
    let mut trace = Vec::new();
    for _ in 0..4 {
        for function in TIERS[1]..TIERS[2] {
            let fuel = instance.global(&mut group, "fuel").unwrap();
            fuel.set(&mut group, Val::I32(60)).unwrap();
            let name = format!("f{function}");
            let func = instance.func(&mut group, &name).unwrap();
            let arguments: Vec<Val> = func
                .ty(&mut group)
                .unwrap()
                .params()
                .iter()
                .map(|ty| {
                    let number = if random.below(2) == 0 { random.below(100) as i64 } else { random.next() as i64 };
                    if *ty == bailiwick_loader::ValType::I32 { Val::I32(number as i32) } else { Val::I64(number) }
                })
                .collect();
            let result = told(func.call(&mut group, &arguments));
            trace.push(format!("{name} {arguments:?}: {result}; {}", left(&mut group, instance)));
        }
    }
    trace
}

/// What an instance's globals and memory hold.
fn left(group: &mut Group, instance: Instance) -> String {
    let mut text = String::new();
    for name in ["g0", "h0", "fuel"] {
        let global = instance.global(group, name).unwrap();
        write!(text, "{name} {:?}, ", global.get(group).unwrap()).unwrap();
    }
    for name in ["g1", "h1"] {
        let value = instance.func(group, name).unwrap().call(group, &[]).unwrap();
        write!(text, "{name} {value:?}, ").unwrap();
    }
    let memory = instance.memory(group, "memory").unwrap();
    let bytes = memory.bytes(group).unwrap();
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325u64, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    write!(text, "memory {hash:x}").unwrap();
    text
}

/// `BAILIWICK_DIFFERENTIAL=N` runs N modules instead of the usual number.
fn modules() -> u64 {
    let asked = std::env::var("BAILIWICK_DIFFERENTIAL").ok().and_then(|n| n.parse().ok());
    asked.unwrap_or(times(300, 40) as u64)
}

#[test]
fn random_modules_end_the_same_with_any_optimisations() {
    let (mut returned, mut stopped, mut different) = (0, 0, Vec::new());
    let first = std::env::var("BAILIWICK_FIRST").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    for seed in first..first + modules() {
        let wat = Writer::module(seed);
        let wasm = binary(&wat);
        let with = |optimisations, opt_level| Settings { optimisations, opt_level, ..Settings::default() };
        let expected = trace(&wasm, &with(Optimisations::NONE, OptLevel::Speed), seed);
        for line in &expected {
            *if line.contains(" in [") { &mut stopped } else { &mut returned } += 1;
        }
        let one = Optimisation::ALL[seed as usize % Optimisation::ALL.len()];
        for settings in [
            with(Optimisations::ALL, OptLevel::Speed),
            with(Optimisations::ALL.with(one, false), OptLevel::Speed),
            with(Optimisations::NONE.with(one, true), OptLevel::Speed),
            with(Optimisations::ALL, OptLevel::Size),
        ] {
            let found = trace(&wasm, &settings, seed);
            if let Some((found, expected)) = found.iter().zip(&expected).find(|(a, b)| a != b) {
                let (optimisations, level) = (settings.optimisations, settings.opt_level);
                different
                    .push(format!("seed {seed}, {optimisations} at -O {level}:\n  {found}\nand not\n  {expected}"));
            }
        }
    }
    println!("{returned} calls returned, {stopped} trapped");
    assert!(different.is_empty(), "{}\n{} differ", different.join("\n"), different.len());
    // A generator whose calls all trapped, or all returned, would show little.
    assert!(returned > stopped / 4 && stopped > returned / 20, "{returned} {stopped}");
}
