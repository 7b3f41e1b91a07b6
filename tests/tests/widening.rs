//! Numbers of 32 bits that are made ones of 64 bits where they come from are the same numbers: random functions that load
//! addresses, choose between them, carry them through loops and branches, mask them, and extend them end as without it.

mod common;

use bailiwick_compiler::{Optimisation, Optimisations};
use bailiwick_loader::{Artifact, Error, Group, Imports, Val};
use bailiwick_tests::compile::{Settings, binary, compile_with, host};
use bailiwick_tests::guest::Guest;
use common::{Random, times};
use std::fmt::Write as _;

/// Locals of 32 bits.
const INTS: usize = 8;

/// Writes a function.
struct Writer {
    random: Random,
    text: String,
    /// Blocks that may be left.
    labels: Vec<String>,
    next_label: usize,
}

impl Writer {
    fn module(seed: u64) -> String {
        let mut writer = Writer { random: Random::new(seed), text: String::new(), labels: Vec::new(), next_label: 0 };
        writer.text.push_str("(module (memory (export \"memory\") 1) (global $g (mut i32) (i32.const -5))\n");
        // What it returns has anything above it.
        writer.text.push_str("(func $wrap (param i64) (result i32) (if (result i32) (i64.eqz (local.get 0)) (then (i32.const 9)) (else (call $wrap (i64.shr_u (local.get 0) (i64.const 9))) (i32.wrap_i64 (local.get 0)) (i32.xor))))\n");
        writer.text.push_str(
            "(func (export \"f\") (param $fuel i32) (param $p0 i32) (param $p1 i32) (param $s i64) (result i64)\n",
        );
        for local in 2..INTS {
            writeln!(writer.text, "(local $p{local} i32)").unwrap();
        }
        writer.statements(4);
        // Zeros above them are seen here.
        for local in 0..INTS {
            writer.sum(&format!("(local.get $p{local})"));
        }
        writer.text.push_str("(local.get $s)))");
        writer.text
    }

    fn name(&mut self) -> String {
        format!("$p{}", self.random.below(INTS))
    }

    fn sum(&mut self, value: &str) {
        let operator = self.random.of(&["i64.extend_i32_u", "i64.extend_i32_u", "i64.extend_i32_s"]);
        writeln!(self.text, "(local.set $s (i64.add (i64.mul (local.get $s) (i64.const 31)) ({operator} {value})))")
            .unwrap();
    }

    /// An address of 4 bytes that are there, mostly.
    fn address(&mut self, depth: usize) {
        if self.random.below(30) == 0 {
            return self.int(depth);
        }
        self.text.push_str("(i32.and ");
        self.int(depth);
        write!(self.text, " (i32.const {}))", self.random.of(&[0xff, 0xffff, 0xfff, 0xfc, 255])).unwrap();
    }

    fn int(&mut self, depth: usize) {
        let name = self.name();
        match self.random.below(if depth == 0 { 3 } else { 14 }) {
            0 => write!(self.text, "(i32.const {})", self.random.of(&[0, 1, -1, 255, 65535, i32::MIN, 77])).unwrap(),
            1 | 2 => write!(self.text, "(local.get {name})").unwrap(),
            3 | 4 => {
                let load = self.random.of(&["load", "load", "load8_u", "load16_u", "load8_s", "load16_s"]);
                write!(self.text, "(i32.{load} offset={} ", self.random.of(&[0, 4, 1000])).unwrap();
                self.address(depth - 1);
                self.text.push(')');
            }
            5 | 6 => {
                self.text.push_str("(select ");
                self.int(depth - 1);
                self.int(depth - 1);
                self.int(depth - 1);
                self.text.push(')');
            }
            7 => {
                self.text.push_str("(if (result i32) ");
                self.int(depth - 1);
                self.text.push_str("(then ");
                self.int(depth - 1);
                self.text.push_str(") (else ");
                self.int(depth - 1);
                self.text.push_str("))");
            }
            8 => {
                self.text.push_str("(i32.wrap_i64 (i64.and (i64.extend_i32_s ");
                self.int(depth - 1);
                write!(self.text, ") (i64.const {})))", self.random.of(&[0xffi64, 0xffff, 0xffff_ffff, -1])).unwrap();
            }
            9 => {
                self.text.push_str("(call $wrap (i64.mul (local.get $s) (i64.extend_i32_u ");
                self.int(depth - 1);
                self.text.push_str(")))");
            }
            10 => self.text.push_str("(global.get $g)"),
            _ => {
                let operators =
                    ["add", "sub", "mul", "and", "or", "xor", "shl", "shr_u", "shr_s", "rotl", "lt_u", "eq"];
                let operator = self.random.of(&operators);
                write!(self.text, "(i32.{operator} ").unwrap();
                self.int(depth - 1);
                self.int(depth - 1);
                self.text.push(')');
            }
        }
    }

    fn statements(&mut self, depth: usize) {
        for _ in 0..2 + self.random.below(3) {
            self.statement(depth);
        }
    }

    fn label(&mut self) -> String {
        self.next_label += 1;
        format!("$l{}", self.next_label)
    }

    fn statement(&mut self, depth: usize) {
        let name = self.name();
        match self.random.below(if depth == 0 { 6 } else { 12 }) {
            0..3 => {
                write!(self.text, "(local.set {name} ").unwrap();
                self.int(3);
                self.text.push_str(")\n");
            }
            3 => {
                let store = self.random.of(&["store", "store8", "store16"]);
                write!(self.text, "(i32.{store} ").unwrap();
                self.address(1);
                self.int(2);
                self.text.push_str(")\n");
            }
            4 => {
                write!(self.text, "(global.set $g (local.get {name}))").unwrap();
                self.sum(&format!("(local.get {name})"));
            }
            5 => {
                let Some(label) = self.labels.last().cloned() else { return };
                write!(self.text, "(br_if {label} (i32.eqz ").unwrap();
                self.int(2);
                self.text.push_str("))\n");
            }
            6 | 7 => {
                self.text.push_str("(if ");
                self.int(2);
                self.text.push_str("(then\n");
                self.statements(depth - 1);
                self.text.push_str(") (else\n");
                self.statements(depth - 1);
                self.text.push_str("))\n");
            }
            8 | 9 => {
                let (out, label) = (self.label(), self.label());
                writeln!(self.text, "(block {out} (loop {label}").unwrap();
                writeln!(
                    self.text,
                    "(br_if {out} (i32.le_s (local.tee $fuel (i32.sub (local.get $fuel) (i32.const 1))) (i32.const 0)))"
                )
                .unwrap();
                self.labels.push(out);
                self.statements(depth - 1);
                write!(self.text, "(br_if {label} ").unwrap();
                self.int(1);
                self.text.push_str(")\n");
                self.labels.pop();
                self.text.push_str("))\n");
            }
            10 => {
                // Two ways to one place among them.
                let labels: Vec<String> = (0..3).map(|_| self.label()).collect();
                for label in &labels {
                    write!(self.text, "(block {label} (result i32) ").unwrap();
                }
                self.int(2);
                write!(self.text, "(br_table {} {} {} {} ", labels[2], labels[1], labels[2], labels[0]).unwrap();
                self.address(1);
                self.text.push(')');
                for _ in 0..2 {
                    write!(self.text, ") (i32.const 3) (i32.add) (local.tee {name})").unwrap();
                }
                writeln!(self.text, ") (local.set {name})").unwrap();
            }
            _ => {
                // What is carried to a block, and is an address there.
                let label = self.label();
                write!(self.text, "(local.set {name} (block {label} (result i32) ").unwrap();
                self.int(1);
                self.int(1);
                write!(self.text, "(br_if {label}) (drop) (i32.load8_u ").unwrap();
                self.address(1);
                self.text.push_str(")))\n");
            }
        }
    }
}

/// What a run ends with, and leaves in memory.
fn ended(guest: &mut Guest, fuel: i32, seed: i32) -> (String, Vec<u8>) {
    let arguments = [Val::I32(fuel), Val::I32(seed), Val::I32(!seed), Val::I64(i64::from(seed) << 20 | 0x1234)];
    let told = match guest.call("f", &arguments) {
        Ok(values) => format!("{values:?}"),
        Err(Error::Trap(trap)) => format!("{:?} {:?}", trap.code(), trap.backtrace().frames()),
        Err(error) => error.to_string(),
    };
    let memory = guest.instance.memory(&mut guest.group, "memory").unwrap();
    (told, memory.bytes(&mut guest.group).unwrap().to_vec())
}

#[test]
fn what_is_made_wide_is_the_same_number() {
    let (mut traps, mut ends) = (0, 0);
    for seed in 0..times(400, 60) as u64 {
        let text = Writer::module(seed);
        let wasm = binary(&text);
        let mut guests = [false, true].map(|on| {
            let optimisations = Optimisations::default().with(Optimisation::Widening, on);
            let bytes = compile_with(host(), &Settings { optimisations, ..Settings::default() }, &wasm).unwrap();
            let mut group = Group::new().unwrap();
            let artifact = Artifact::from_bytes(&bytes, "random").unwrap();
            let instance = group.instantiate(&artifact, &Imports::new()).unwrap();
            Guest { group, instance }
        });
        for (fuel, start) in [(5, 0), (40, -3), (300, 0x7654_3210), (2000, i32::MIN)] {
            let [without, with] = guests.each_mut().map(|guest| ended(guest, fuel, start));
            assert!(without == with, "seed {seed}, {fuel}, {start}: {} and {}\n{text}", without.0, with.0);
            *if with.0.starts_with('[') { &mut ends } else { &mut traps } += 1;
        }
    }
    assert!(ends > traps && traps > 0, "{ends} ended, {traps} trapped");
}
