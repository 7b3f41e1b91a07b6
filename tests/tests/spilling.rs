//! Variables of large functions that are kept on the stack hold what they would hold elsewhere: random functions made like
//! interpreters (a loop, a table of branches, many locals, ways that part and meet) end as they do without it.

mod common;

use bailiwick_compiler::{Optimisation, Optimisations, Options, emit_clif};
use bailiwick_loader::{Artifact, Error, Group, Imports, Val};
use bailiwick_tests::compile::{Settings, binary, compile_with, host};
use bailiwick_tests::guest::Guest;
use common::{Random, times};
use std::fmt::Write as _;

/// Locals of 32 and of 64 bits. The first say how long it may run, and what is next.
const INTS: usize = 18;
const LONGS: usize = 8;
/// What is branched to.
const HANDLERS: usize = 24;

/// Writes a function.
struct Writer {
    random: Random,
    text: String,
    /// Labels that may be branched to; whether they are loops.
    labels: Vec<(String, bool)>,
    next_label: usize,
    room: usize,
}

impl Writer {
    fn module(seed: u64) -> String {
        let labels = Vec::new();
        let mut writer = Writer { random: Random::new(seed), text: String::new(), labels, next_label: 0, room: 0 };
        writer.text.push_str("(module (memory (export \"memory\") 1) (global $g (mut i32) (i32.const 0))\n");
        writer.text.push_str("(func $f (param $fuel i32) (param $pc i32) (param $a i32) (param $b i64) (result i64)\n");
        for local in 0..INTS {
            writeln!(writer.text, "(local $x{local} i32)").unwrap();
        }
        for local in 0..LONGS {
            writeln!(writer.text, "(local $y{local} i64)").unwrap();
        }
        // Some are set once, in front of all.
        for _ in 0..6 {
            writer.set();
        }
        writer.text.push_str("(block $out (loop $next\n");
        writer.text.push_str("(br_if $out (i32.eqz (local.tee $fuel (i32.sub (local.get $fuel) (i32.const 1)))))\n");
        writer.labels = vec![("$out".to_owned(), false), ("$next".to_owned(), true)];
        for handler in 0..HANDLERS {
            writeln!(writer.text, "(block $h{handler}").unwrap();
        }
        writer.text.push_str("(local.set $pc (i32.add (i32.mul (local.get $pc) (i32.const 5)) (i32.const 77)))");
        writer.text.push_str("(br_table");
        for handler in 0..HANDLERS {
            write!(writer.text, " $h{handler}").unwrap();
        }
        let shift = writer.random.below(20);
        writeln!(writer.text, "(i32.and (i32.shr_u (local.get $pc) (i32.const {shift})) (i32.const 31)))").unwrap();
        for handler in 0..HANDLERS {
            writer.text.push_str(")\n");
            writer.room = 30;
            for _ in 0..1 + writer.random.below(4) {
                writer.statement(3);
            }
            // Others run into the next one.
            if writer.random.below(4) != 0 || handler == HANDLERS - 1 {
                writer.text.push_str("(br $next)\n");
            }
        }
        writer.text.push_str("))\n");
        // Some are looked at in the end.
        let mut values: Vec<String> = Vec::new();
        values.extend((0..INTS).map(|local| format!("(i64.extend_i32_s (local.get $x{local}))")));
        values.extend((0..LONGS).map(|local| format!("(local.get $y{local})")));
        writer.text.push_str("(i64.const 1)");
        for value in values {
            if writer.random.below(3) != 0 {
                write!(writer.text, "(i64.const 31) (i64.mul) {value} (i64.add)").unwrap();
            }
        }
        writer.text.push_str(")\n(export \"f\" (func $f)))");
        writer.text
    }

    /// A local of 32 bits: some are used a lot, others hardly.
    fn int_name(&mut self) -> String {
        match self.random.below(40) {
            0..26 => format!("$x{}", self.random.below(4)),
            26..38 => format!("$x{}", self.random.below(INTS)),
            38 => "$a".to_owned(),
            _ => "$pc".to_owned(),
        }
    }

    fn long_name(&mut self) -> String {
        match self.random.below(12) {
            0..6 => "$y0".to_owned(),
            6..11 => format!("$y{}", self.random.below(LONGS)),
            _ => "$b".to_owned(),
        }
    }

    fn int(&mut self, depth: usize) {
        self.room = self.room.saturating_sub(1);
        if depth == 0 || self.room == 0 {
            let name = self.int_name();
            return match self.random.below(3) {
                0 => write!(self.text, "(i32.const {})", self.random.below(100)).unwrap(),
                _ => write!(self.text, "(local.get {name})").unwrap(),
            };
        }
        match self.random.below(9) {
            0 => {
                // The old value is still there when there is a new one.
                let name = self.int_name();
                write!(self.text, "(i32.sub (local.get {name}) (local.tee {name}").unwrap();
                self.int(depth - 1);
                self.text.push_str("))");
            }
            1 => {
                self.text.push_str("(i32.wrap_i64 ");
                self.long(depth - 1);
                self.text.push(')');
            }
            2 => {
                self.text.push_str("(if (result i32) ");
                self.int(depth - 1);
                self.text.push_str("(then ");
                self.int(depth - 1);
                self.text.push_str(") (else ");
                self.int(depth - 1);
                self.text.push_str("))");
            }
            3 => {
                self.text.push_str("(i32.load (i32.and (i32.const 1023) ");
                self.int(depth - 1);
                self.text.push_str("))");
            }
            _ => {
                let operator = self.random.of(&["add", "sub", "mul", "xor", "shl", "lt_s", "eq", "rotl"]);
                write!(self.text, "(i32.{operator} ").unwrap();
                self.int(depth - 1);
                self.int(depth - 1);
                self.text.push(')');
            }
        }
    }

    fn long(&mut self, depth: usize) {
        self.room = self.room.saturating_sub(1);
        let name = self.long_name();
        match self.random.below(if depth == 0 || self.room == 0 { 1 } else { 4 }) {
            0 => write!(self.text, "(local.get {name})").unwrap(),
            1 => {
                self.text.push_str("(i64.extend_i32_s ");
                self.int(depth - 1);
                self.text.push(')');
            }
            _ => {
                let operator = self.random.of(&["add", "mul", "xor", "rotl"]);
                write!(self.text, "(i64.{operator} ").unwrap();
                self.long(depth - 1);
                self.long(depth - 1);
                self.text.push(')');
            }
        }
    }

    fn set(&mut self) {
        if self.random.below(4) == 0 {
            let name = self.long_name();
            write!(self.text, "(local.set {name} ").unwrap();
            self.long(2);
        } else {
            let name = self.int_name();
            write!(self.text, "(local.set {name} ").unwrap();
            self.int(2);
        }
        self.text.push_str(")\n");
    }

    fn label(&mut self) -> String {
        self.next_label += 1;
        format!("$l{}", self.next_label)
    }

    fn statements(&mut self, depth: usize) {
        for _ in 0..1 + self.random.below(2) {
            self.statement(depth);
        }
    }

    fn statement(&mut self, depth: usize) {
        match self.random.below(if depth == 0 { 5 } else { 10 }) {
            0 | 1 => self.set(),
            2 => {
                self.text.push_str("(i32.store (i32.and (i32.const 1023) ");
                self.int(1);
                self.text.push(')');
                self.int(2);
                self.text.push_str(")\n");
            }
            3 => {
                // Who calls has nothing in registers that it does not save.
                self.text.push_str("(if (i32.eqz ");
                self.int(1);
                self.text.push_str(") (then (local.set $y1 (call $f (i32.const 3) ");
                self.int(1);
                self.int(1);
                self.long(1);
                self.text.push_str("))))\n");
            }
            4 => {
                // Not out of it: the loops end, or cost fuel.
                let label = self.random.below(self.labels.len());
                let name = self.labels[label].0.clone();
                write!(self.text, "(br_if {name} (i32.lt_u (i32.const {}) ", self.random.below(99)).unwrap();
                self.int(2);
                self.text.push_str("))\n");
            }
            5 | 6 => {
                self.text.push_str("(if ");
                self.int(2);
                self.text.push_str("(then\n");
                self.statements(depth - 1);
                if self.random.below(2) == 0 {
                    self.text.push_str(") (else\n");
                    self.statements(depth - 1);
                }
                self.text.push_str("))\n");
            }
            7 => {
                let label = self.label();
                writeln!(self.text, "(block {label}").unwrap();
                self.labels.push((label, false));
                self.statements(depth - 1);
                self.statements(depth - 1);
                self.labels.pop();
                self.text.push_str(")\n");
            }
            8 => {
                let (out, label) = (self.label(), self.label());
                writeln!(self.text, "(block {out} (loop {label}").unwrap();
                self.text.push_str("(br_if $out (i32.le_s (local.tee $fuel (i32.sub (local.get $fuel) (i32.const 1)))");
                self.text.push_str(" (i32.const 0)))\n");
                self.labels.push((out, false));
                self.labels.push((label.clone(), true));
                self.statements(depth - 1);
                write!(self.text, "(br_if {label} (i32.and (i32.const 3) ").unwrap();
                self.int(1);
                self.text.push_str("))\n");
                self.labels.truncate(self.labels.len() - 2);
                self.text.push_str("))\n");
            }
            _ => {
                // What is behind can't be reached.
                let label = self.random.below(self.labels.len());
                let name = self.labels[label].0.clone();
                self.text.push_str("(if (i32.eq (i32.const 7) ");
                self.int(1);
                writeln!(self.text, ") (then (br {name}) (local.set $x5 (local.get $x6))))").unwrap();
            }
        }
    }
}

/// What a run ends with, and leaves in memory.
fn ended(guest: &mut Guest, fuel: i32, seed: i32) -> (String, Vec<u8>) {
    let arguments = [Val::I32(fuel), Val::I32(seed), Val::I32(seed ^ 99), Val::I64(i64::from(seed) << 20)];
    let told = match guest.call("f", &arguments) {
        Ok(values) => format!("{values:?}"),
        Err(Error::Trap(trap)) => format!("{:?}", trap.code()),
        Err(error) => error.to_string(),
    };
    let memory = guest.instance.memory(&mut guest.group, "memory").unwrap();
    let bytes = memory.bytes(&mut guest.group).unwrap()[..1100].to_vec();
    (told, bytes)
}

/// Places on the stack that a module's functions ask for.
fn cells(wasm: &[u8], spilling: bool) -> usize {
    let optimisations = Optimisations::default().with(Optimisation::Spilling, spilling);
    let options = Options { target: host(), optimisations, ..Options::default() };
    emit_clif(wasm, &options).unwrap().matches("explicit_slot").count()
}

#[test]
fn what_is_kept_on_the_stack_is_what_would_be_elsewhere() {
    let mut with_cells = 0;
    let seeds = times(60, 15);
    for seed in 0..seeds as u64 {
        let text = Writer::module(seed);
        let wasm = binary(&text);
        with_cells += usize::from(cells(&wasm, true) > 0);
        assert_eq!(cells(&wasm, false), 0);
        let mut guests = [false, true].map(|on| {
            let optimisations = Optimisations::default().with(Optimisation::Spilling, on);
            let bytes = compile_with(host(), &Settings { optimisations, ..Settings::default() }, &wasm).unwrap();
            let mut group = Group::new().unwrap();
            let artifact = Artifact::from_bytes(&bytes, "random").unwrap();
            let instance = group.instantiate(&artifact, &Imports::new()).unwrap();
            Guest { group, instance }
        });
        for (fuel, start) in [(1, 0), (9, 3), (60, 12345), (400, -7), (3000, 77)] {
            let [without, with] = guests.each_mut().map(|guest| ended(guest, fuel, start));
            assert!(without == with, "seed {seed}, {fuel}, {start}: {} and {}\n{text}", without.0, with.0);
        }
    }
    assert!(with_cells * 2 > seeds, "only {with_cells} of {seeds} modules have any");
}
