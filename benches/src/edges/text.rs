//! The modules of the suite: one loop in a caller, one function in a callee, for each payload, in every arrangement.
//!
//! Each call's result goes into the arguments of the next, so no call can be left out or overlap with another, and into
//! what the loop returns: [`expected`] tells whether all of them did what they should. Contents of payloads change from
//! call to call, and the callee reads their first and last word: cheap beside carrying them, and it shows that both
//! ends arrived.
//!
//! ```text
//! memory, 4 pages, at:  1 KiB result pair · 4 KiB callee's text · 64 KiB caller's payload · 128 KiB what was received
//! ```

use std::fmt::Write;

/// What one call carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// An integer there, an integer back.
    Integer,
    /// A `list<u8>` of so many bytes there, an integer back.
    List(u32),
    /// A `string` of so many bytes there, an integer back.
    StringThere(u32),
    /// An integer there, a `string` of so many bytes back, up to 4096.
    StringBack(u32),
}

/// All that are measured.
pub const PAYLOADS: [Payload; 6] = [
    Payload::Integer,
    Payload::List(64),
    Payload::StringThere(64),
    Payload::StringBack(64),
    Payload::List(65_536),
    Payload::StringThere(65_536),
];

/// How the loop gets at the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Not at all, and nor is its work done.
    Empty,
    /// Not at all: its work is written in the loop.
    InPlace,
    /// It is called as core functions are, by address of what is in a memory that both have.
    Core,
    /// The same, on a copy of the payload.
    CoreOnCopy,
    /// As the canonical ABI lowers an import: a result that is not one integer is stored where the caller wants it.
    Lowered,
}

/// The interface of every callee, without its package.
pub const INTERFACE: &str = "bench:calls/callee";

const RESULT: u32 = 1024;
const TEXT: u32 = 4096;
const PAYLOAD: u32 = 65_536;
const RECEIVED: u32 = 131_072;

const MEMORY: &str = r#"(memory (export "memory") 4)"#;

/// What a loop of `count` calls returns: all results, each mixed into those before it.
pub fn expected(payload: Payload, call: Call, count: u32) -> u32 {
    let step = |(sum, all): (u32, u32), i| {
        let sum = answer(payload, call, sum, i);
        (sum, all.rotate_left(1).wrapping_add(sum))
    };
    (0..count).fold((0, 0), step).1
}

/// The result of a call, from the one before it and the number of the round.
fn answer(payload: Payload, call: Call, sum: u32, i: u32) -> u32 {
    let mixed = |words: u32, size: u32| words.rotate_left(7).wrapping_add(size);
    let x = sum.wrapping_add(i);
    match payload {
        _ if call == Call::Empty => i + 1,
        Payload::Integer => mixed(x, 1),
        Payload::List(size) | Payload::StringThere(size) => mixed(letters(sum).wrapping_add(letters(i)), size),
        Payload::StringBack(size) => mixed(letters(x).wrapping_add(letters(x >> 4)), size),
    }
}

/// Four letters, which are ASCII.
pub fn letters(x: u32) -> u32 {
    0x4040_4040 | (x & 0x0f0f_0f0f)
}

impl Payload {
    /// A name for programs.
    pub fn key(self) -> String {
        match self {
            Payload::Integer => "integer".to_owned(),
            Payload::List(size) => format!("list-{size}"),
            Payload::StringThere(size) => format!("string-there-{size}"),
            Payload::StringBack(size) => format!("string-back-{size}"),
        }
    }

    /// A name for people.
    pub fn title(self) -> String {
        match self {
            Payload::Integer => "one integer there, one back".to_owned(),
            Payload::List(size) => format!("list<u8> of {} there, one integer back", bytes(size)),
            Payload::StringThere(size) => format!("string of {} there, one integer back", bytes(size)),
            Payload::StringBack(size) => format!("one integer there, string of {} back", bytes(size)),
        }
    }

    fn signature(self) -> &'static str {
        match self {
            Payload::Integer => "f: func(x: u32) -> u32;",
            Payload::List(_) => "f: func(x: list<u8>) -> u32;",
            Payload::StringThere(_) => "f: func(x: string) -> u32;",
            Payload::StringBack(_) => "f: func(x: u32) -> string;",
        }
    }

    /// The same in the text format of components.
    fn component_type(self) -> &'static str {
        match self {
            Payload::Integer => r#"(param "x" u32) (result u32)"#,
            Payload::List(_) => r#"(param "x" (list u8)) (result u32)"#,
            Payload::StringThere(_) => r#"(param "x" string) (result u32)"#,
            Payload::StringBack(_) => r#"(param "x" u32) (result string)"#,
        }
    }

    /// Core type of the function as its caller imports it by the canonical ABI.
    fn lowered(self) -> &'static str {
        match self {
            Payload::Integer => "(param i32) (result i32)",
            Payload::List(_) | Payload::StringThere(_) => "(param i32 i32) (result i32)",
            Payload::StringBack(_) => "(param i32 i32)",
        }
    }

    /// Core type of the function as its callee has it.
    fn lifted(self) -> &'static str {
        match self {
            Payload::StringBack(_) => "(param i32) (result i32)",
            other => other.lowered(),
        }
    }

    /// The function, with what its text consists of.
    fn function(self, export: &str) -> String {
        let head = format!("(func $f {export} {}", self.lifted());
        match self {
            Payload::Integer => format!("{head} {})", mixed("(local.get 0)", 1)),
            Payload::List(size) | Payload::StringThere(size) => {
                format!("{head} {})", mixed(&ends("(local.get 0)", size), "(local.get 1)"))
            }
            Payload::StringBack(size) => format!(
                "(data (i32.const {TEXT}) \"{}\") (data (i32.const {RESULT}) \"{}\") {head} {} (i32.const {RESULT}))",
                ".".repeat(size as usize),
                escaped(&[TEXT, size]),
                write_ends(TEXT, size, "(local.get 0)", &shifted("(local.get 0)"))
            ),
        }
    }

    /// What the loop does in each round: the result of the next call, out of that of the last, `$sum`, and `$i`.
    fn round(self, call: Call) -> String {
        let x = "(i32.add (local.get $sum) (local.get $i))";
        match (self, call) {
            (_, Call::Empty) => "(i32.add (local.get $i) (i32.const 1))".to_owned(),
            (Payload::Integer, Call::InPlace) => mixed(x, 1),
            (Payload::Integer, _) => format!("(call $f {x})"),
            (Payload::List(size) | Payload::StringThere(size), _) => {
                let write = write_ends(PAYLOAD, size, "(local.get $sum)", "(local.get $i)") + " ";
                let called = |at: u32| format!("(call $f (i32.const {at}) (i32.const {size}))");
                match call {
                    Call::InPlace => write + &mixed(&ends(&format!("(i32.const {PAYLOAD})"), size), size),
                    Call::CoreOnCopy => format!(
                        "{write} (memory.copy (i32.const {RECEIVED}) (i32.const {PAYLOAD}) (i32.const {size})) {}",
                        called(RECEIVED)
                    ),
                    _ => write + &called(PAYLOAD),
                }
            }
            (Payload::StringBack(size), Call::InPlace) => {
                format!("(local.set $x {x}) {} ", write_ends(TEXT, size, "(local.get $x)", &shifted("(local.get $x)")))
                    + &mixed(&ends(&format!("(i32.const {TEXT})"), size), size)
            }
            (Payload::StringBack(size), Call::Core | Call::CoreOnCopy) => {
                format!("(local.set $x (call $f {x})) {}", read_pair("(local.get $x)", size))
            }
            (Payload::StringBack(size), Call::Lowered) => {
                format!("(call $f {x} (i32.const {RESULT})) {}", read_pair(&format!("(i32.const {RESULT})"), size))
            }
        }
    }

    /// The loop: of `n` rounds, giving all results.
    fn go(self, call: Call) -> String {
        format!(
            "(func $go (export \"go\") (param $n i32) (result i32)
              (local $i i32) (local $sum i32) (local $all i32) (local $x i32)
              (if (local.get $n) (then (loop $again
                (local.set $sum (block (result i32) {}))
                (local.set $all (i32.add (i32.rotl (local.get $all) (i32.const 1)) (local.get $sum)))
                (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))))
              (local.get $all))",
            self.round(call)
        )
    }

    /// What makes a module with a loop a program: `count` rounds, and a trap if the outcome is wrong.
    fn start(self, call: Call, count: u32) -> String {
        let expected = expected(self, call, count);
        format!(
            "(func (export \"_start\")
              (if (i32.ne (call $go (i32.const {count})) (i32.const {expected})) (then unreachable)))"
        )
    }

    /// Everything in one module, without `_start`.
    fn alone(self, call: Call) -> String {
        format!("{MEMORY} {} {}", self.function(""), self.go(call))
    }

    /// A program of one module.
    pub fn one_module(self, call: Call, count: u32) -> String {
        format!("(module {} {})", self.alone(call), self.start(call, count))
    }

    /// A program of two modules of one group: that with the loop, and that with the function and the memory of both.
    pub fn group(self, count: u32) -> [String; 2] {
        let imports =
            format!("(import \"callee\" \"memory\" (memory 4)) (import \"callee\" \"f\" (func $f {}))", self.lifted());
        [
            format!("(module {imports} {} {})", self.go(Call::Core), self.start(Call::Core, count)),
            format!("(module {MEMORY} {})", self.function("(export \"f\")")),
        ]
    }

    /// A program of two modules with an edge between them: caller and callee.
    pub fn edge(self, count: u32) -> [String; 2] {
        [
            format!(
                "(module (import \"{INTERFACE}\" \"f\" (func $f {})) {MEMORY} {} {} {})",
                self.lowered(),
                allocator(),
                self.go(Call::Lowered),
                self.start(Call::Lowered, count)
            ),
            format!("(module {})", self.callee()),
        ]
    }

    /// WIT of the two modules of an edge.
    pub fn wit(self) -> [String; 2] {
        let (package, interface) = INTERFACE.split_once('/').unwrap_or_default();
        let interface = format!("interface {interface} {{ {} }}", self.signature());
        [
            format!("package bench:app; world app {{ import {INTERFACE}; }} package {package} {{ {interface} }}"),
            format!("package {package}; {interface} world provider {{ export callee; }}"),
        ]
    }

    fn callee(self) -> String {
        format!("{MEMORY} {} {}", allocator(), self.function(&format!("(export \"{INTERFACE}#f\")")))
    }

    /// A component that exports the loop, with everything in one core module.
    pub fn one_component(self, call: Call) -> String {
        format!("(component (core module $m {}) (core instance $i (instantiate $m)) {LIFTED})", self.alone(call))
    }

    /// A component that exports the loop, which calls another component's function. The caller's memory is another
    /// core module's, because what it imports is lowered with it.
    pub fn two_components(self) -> String {
        let (ty, options) = (self.component_type(), "(memory $memory) (realloc $realloc)");
        let aliases = r#"(alias core export $i "memory" (core memory $memory))
            (alias core export $i "cabi_realloc" (core func $realloc))"#;
        format!(
            r#"(component
              (component $Callee (core module $m {callee}) (core instance $i (instantiate $m)) {aliases}
                (func (export "f") {ty} (canon lift (core func $i "{INTERFACE}#f") {options})))
              (component $Caller
                (import "f" (func $f {ty}))
                (core module $own {MEMORY} {allocator})
                (core instance $i (instantiate $own)) {aliases}
                (core func $lowered (canon lower (func $f) {options}))
                (core module $m (import "own" "memory" (memory 4)) (import "own" "f" (func $f {lowered})) {go})
                (core instance $i2 (instantiate $m (with "own" (instance
                  (export "memory" (memory $memory)) (export "f" (func $lowered))))))
                (func (export "go") (param "n" u32) (result u32) (canon lift (core func $i2 "go"))))
              (instance $callee (instantiate $Callee))
              (instance $caller (instantiate $Caller (with "f" (func $callee "f"))))
              (export "go" (func $caller "go")))"#,
            callee = self.callee(),
            allocator = allocator(),
            lowered = self.lowered(),
            go = self.go(Call::Lowered),
        )
    }
}

const LIFTED: &str = r#"(func (export "go") (param "n" u32) (result u32) (canon lift (core func $i "go")))"#;

fn bytes(size: u32) -> String {
    if size.is_multiple_of(1024) { format!("{} KiB", size / 1024) } else { format!("{size} B") }
}

/// Always the same place, which nothing else uses: what was received last is overwritten.
fn allocator() -> String {
    format!("(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const {RECEIVED}))")
}

/// The words rotated, plus a size.
fn mixed(words: &str, size: impl Operand) -> String {
    format!("(i32.add (i32.rotl {words} (i32.const 7)) {})", size.text())
}

/// The sum of the first and the last word of `size` bytes.
fn ends(at: &str, size: u32) -> String {
    format!("(i32.add (i32.load {at}) (i32.load offset={} {at}))", size - 4)
}

/// Writes letters made of two words at the ends of a text.
fn write_ends(at: u32, size: u32, first: &str, last: &str) -> String {
    let letters = |x: &str| format!("(i32.or (i32.const 0x40404040) (i32.and {x} (i32.const 0x0f0f0f0f)))");
    let last_at = at + size - 4;
    format!("(i32.store (i32.const {at}) {}) (i32.store (i32.const {last_at}) {})", letters(first), letters(last))
}

fn shifted(x: &str) -> String {
    format!("(i32.shr_u {x} (i32.const 4))")
}

/// What is made of a text of which address and size lie at `pair`.
fn read_pair(pair: &str, size: u32) -> String {
    mixed(&ends(&format!("(i32.load {pair})"), size), format!("(i32.load offset=4 {pair})").as_str())
}

trait Operand {
    fn text(&self) -> String;
}

impl Operand for u32 {
    fn text(&self) -> String {
        format!("(i32.const {self})")
    }
}

impl Operand for &str {
    fn text(&self) -> String {
        (*self).to_owned()
    }
}

fn escaped(words: &[u32]) -> String {
    words.iter().flat_map(|word| word.to_le_bytes()).fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "\\{byte:02x}");
        text
    })
}
