//! The two sides of a call as modules that write down whatever happens to them.
//!
//! A module's memory begins with 1024 bytes for its own use; then come the values that it passes or returns, as they were
//! prepared, and behind these its allocator goes on. What it writes to standard output are records of 20 words of 64
//! bits, the first of which is a [`Kind`]; a [`Kind::Memory`] is followed by as many bytes as its second word says.

use super::model::Core;
use std::fmt::Write;

/// Where prepared values begin.
pub const IMAGE: usize = 1024;
/// Words of a record.
pub const WORDS: usize = 20;
/// Most bytes of a memory that are written out.
const SHOWN: u32 = 96 << 10;

/// What a record tells of; the meaning of the words behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `cabi_realloc` was asked: its arguments, and its answer.
    Asked = 1,
    /// Bytes that follow, a hash of all of the memory, its pages.
    Memory = 2,
    /// To the caller: the number of a call that has returned, its result.
    Returned = 3,
    /// To the caller: what `alive` returned.
    Alive = 4,
    /// To the callee: the number of a call, its parameters.
    Called = 5,
    /// To the callee: `alive` was called, with this.
    Pulse = 6,
    /// To the callee: a call's post-return function was called, with this.
    Cleaned = 7,
    /// To the caller: it was called itself.
    Going = 8,
}

/// What an allocator does instead of what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Answers with this.
    At(u32),
    /// Answers with what is this much above the right answer.
    Above(u32),
    /// Answers with the last place that is large enough.
    Last,
    /// Answers with the end of the memory.
    End,
    /// Grows the memory, and answers with what is new.
    Fresh,
    /// Grows the memory, and answers as it should.
    Grow,
    /// Writes over all that it has, and answers as it should.
    Scribble,
    /// Makes a call over an edge. A callee that has none traps.
    Call,
    /// Does not return.
    Never(Act),
}

/// What a function does besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing.
    Nothing,
    /// Grows the memory.
    Grow,
    /// Traps.
    Trap,
    /// Ends by itself, with this status.
    Exit(i32),
    /// Does not end.
    Loop,
    /// Overflows its stack.
    Overflow,
    /// Divides by zero, deep in functions of its own.
    Deep,
}

impl Act {
    /// Whether a function that does it returns.
    pub fn returns(self) -> bool {
        matches!(self, Act::Nothing | Act::Grow)
    }

    fn wat(self) -> String {
        match self {
            Act::Nothing => String::new(),
            Act::Grow => "(drop (memory.grow (i32.const 1)))".into(),
            Act::Trap => "(unreachable)".into(),
            Act::Exit(status) => format!("(call $exit (i32.const {status}))"),
            Act::Loop => "(call $loop)".into(),
            Act::Overflow => "(drop (call $overflow (i32.const 1)))".into(),
            Act::Deep => "(call $deep (i32.const 5))".into(),
        }
    }
}

/// A module's memory and allocator.
#[derive(Clone, Debug)]
pub struct Guest {
    /// From [`IMAGE`] on.
    pub image: Vec<u8>,
    /// Pages that the memory has at first, and at most.
    pub pages: [u32; 2],
    /// What the allocator does when it is asked for the n-th time, counted from 0.
    pub lies: Vec<(u32, Lie)>,
}

/// What is imported, exported and returned.
#[derive(Clone, Debug)]
pub struct Types {
    /// Core parameters.
    pub params: Vec<Core>,
    /// The core result.
    pub result: Option<Core>,
}

fn name(core: Core) -> &'static str {
    match core {
        Core::I32 => "i32",
        Core::I64 => "i64",
        Core::F32 => "f32",
        Core::F64 => "f64",
    }
}

impl Types {
    fn wat(&self) -> String {
        let params: Vec<_> = self.params.iter().map(|&core| name(core)).collect();
        let result = self.result.map(|core| format!(" (result {})", name(core))).unwrap_or_default();
        format!("(param {}){result}", params.join(" "))
    }
}

/// A core value of these bits.
fn constant(core: Core, bits: u64) -> String {
    match core {
        Core::I32 => format!("(i32.const {})", bits as u32),
        Core::I64 => format!("(i64.const {bits})"),
        Core::F32 => format!("(f32.reinterpret_i32 (i32.const {}))", bits as u32),
        Core::F64 => format!("(f64.reinterpret_i64 (i64.const {bits}))"),
    }
}

/// The bits of what `value` leaves, as 64.
fn bits(core: Core, value: &str) -> String {
    match core {
        Core::I32 => format!("(i64.extend_i32_u {value})"),
        Core::I64 => value.to_owned(),
        Core::F32 => format!("(i64.extend_i32_u (i32.reinterpret_f32 {value}))"),
        Core::F64 => format!("(i64.reinterpret_f64 {value})"),
    }
}

/// Stores a word of the next record.
fn word(at: usize, value: &str) -> String {
    format!("(i64.store (i32.const {}) {value})", 32 + 8 * at)
}

fn note(kind: Kind, words: &[String]) -> String {
    let words: String = words.iter().enumerate().map(|(i, value)| word(i + 1, value)).collect();
    format!("{words} (call $note (i64.const {}))", kind as u8)
}

fn wide(value: &str) -> String {
    format!("(i64.extend_i32_u {value})")
}

impl Guest {
    /// Imports besides `imports`, and what both sides have.
    fn wat(&self, imports: &str) -> String {
        let top = (IMAGE + self.image.len()).next_multiple_of(16);
        let [pages, most] = self.pages;
        let mut data = String::with_capacity(3 * self.image.len());
        for byte in &self.image {
            let _ = write!(data, "\\{byte:02x}");
        }
        let lies: String = self.lies.iter().map(|(n, lie)| lie.wat(*n)).collect();
        let asked = ["$old", "$was", "$align", "$size", "$answer"].map(|name| wide(&format!("(local.get {name})")));
        let asked = note(Kind::Asked, &asked);
        let shown = note(Kind::Memory, &[wide("(local.get $len)"), "(local.get $hash)".into(), wide("(memory.size)")]);
        format!(
            r#"(import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
{imports}
(memory (export "memory") {pages} {most})
(data (i32.const {IMAGE}) "{data}")
(global $top (mut i32) (i32.const {top}))
(global $asked (mut i32) (i32.const 0))
(global $calls (mut i32) (i32.const 0))
(func $write (param $at i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $len))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
(func $note (param $kind i64)
    {kind}
    (call $write (i32.const 32) (i32.const {record})))
(func $hash (result i64)
    (local $at i32) (local $end i32) (local $hash i64)
    (local.set $end (i32.shl (memory.size) (i32.const 16)))
    (loop $more
        (local.set $hash (i64.rotl
            (i64.mul (i64.xor (local.get $hash) (i64.load (local.get $at))) (i64.const 0x9e3779b97f4a7c15))
            (i64.const 29)))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $more (i32.lt_u (local.get $at) (local.get $end))))
    (local.get $hash))
(func $memory
    (local $len i32) (local $hash i64)
    (local.set $len (global.get $top))
    (if (i32.gt_u (local.get $len) (i32.const {SHOWN})) (then (local.set $len (i32.const {SHOWN}))))
    (local.set $hash (call $hash))
    {shown}
    (call $write (i32.const 0) (local.get $len)))
(func $loop (loop $more (br $more)))
(func $overflow (param i32) (result i32)
    (i32.add (call $overflow (i32.add (local.get 0) (i32.const 1))) (local.get 0)))
(func $deep (param i32)
    (if (i32.eqz (local.get 0)) (then (drop (i32.div_u (i32.const 1) (local.get 0)))))
    (call $deep (i32.sub (local.get 0) (i32.const 1))))
(func (export "cabi_realloc") (param $old i32) (param $was i32) (param $align i32) (param $size i32) (result i32)
    (local $answer i32) (local $end i32) (local $nth i32)
    (local.set $nth (global.get $asked))
    (global.set $asked (i32.add (local.get $nth) (i32.const 1)))
    (block $told
        {lies}
        (local.set $answer (call $bump (local.get $align) (local.get $size))))
    {asked}
    (local.get $answer))
(func $bump (param $align i32) (param $size i32) (result i32)
    (local $answer i32) (local $end i32)
    (local.set $answer (i32.and
        (i32.add (global.get $top) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (local.set $end (i32.add (local.get $answer) (local.get $size)))
    (if (i32.gt_u (local.get $end) (i32.shl (memory.size) (i32.const 16)))
        (then (drop (memory.grow (i32.sub
            (i32.shr_u (i32.add (local.get $end) (i32.const 65535)) (i32.const 16))
            (memory.size))))))
    (if (i32.le_u (local.get $end) (i32.shl (memory.size) (i32.const 16)))
        (then (global.set $top (local.get $end))))
    (local.get $answer))
"#,
            kind = word(0, "(local.get $kind)"),
            record = 8 * WORDS,
        )
    }
}

impl Lie {
    /// Whether values arrive all the same.
    pub fn harmless(self) -> bool {
        matches!(self, Lie::Grow)
    }

    /// Before the right answer is looked for, in a block `$told`.
    fn wat(self, nth: u32) -> String {
        let bump = "(call $bump (local.get $align) (local.get $size))";
        let told = |answer: &str| format!("(local.set $answer {answer}) (br $told)");
        let end = "(i32.shl (memory.size) (i32.const 16))";
        let body = match self {
            Lie::At(address) => told(&format!("(i32.const {address})")),
            Lie::Above(n) => told(&format!("(i32.add {bump} (i32.const {n}))")),
            Lie::Last => {
                told(&format!("(i32.and (i32.sub {end} (local.get $size)) (i32.sub (i32.const 0) (local.get $align)))"))
            }
            Lie::End => told(end),
            Lie::Fresh => told("(i32.shl (memory.grow (i32.const 1)) (i32.const 16))"),
            Lie::Grow => "(drop (memory.grow (i32.const 1)))".into(),
            Lie::Scribble => format!(
                "(memory.fill (i32.const {IMAGE}) (i32.const 7) (i32.sub (global.get $top) (i32.const {IMAGE})))"
            ),
            Lie::Call => "(call $call)".into(),
            Lie::Never(act) => act.wat(),
        };
        format!("(if (i32.eq (local.get $nth) (i32.const {nth})) (then {body}))\n")
    }
}

/// The module that calls: `f` with each of `calls`, then `alive`.
pub fn caller(guest: &Guest, types: &Types, calls: &[Vec<u64>]) -> String {
    let imports = format!(
        r#"(import "test:edges/api" "f" (func $f {}))
(import "test:edges/pulse" "alive" (func $alive (param i32 i32)))"#,
        types.wat()
    );
    let mut body = String::new();
    for (i, values) in calls.iter().enumerate() {
        let values: String = types.params.iter().zip(values).map(|(core, bits)| constant(*core, *bits)).collect();
        let call = format!("(call $f {values})");
        let returned = match types.result {
            Some(core) => word(2, &bits(core, &call)),
            None => call,
        };
        let _ = writeln!(body, "{returned} {} (call $memory)", note(Kind::Returned, &[format!("(i64.const {i})")]));
    }
    let area = |at: u32| format!("(i64.load (i32.const {at}))");
    format!(
        r#"(module {}
(func $call (call $alive (i32.const 1) (i32.const 240)))
(func $run
    {}
    {body}
    (call $alive (i32.const 41) (i32.const 240))
    {}
    (call $memory))
(func (export "_start") (call $run))
(func (export "test:edges/run#go") (result i32)
    (call $run)
    (i64.store (i32.const 208) (i64.const 0))
    (i32.store (i32.const 212) (i32.const 7))
    (i32.const 208)))"#,
        guest.wat(&imports),
        note(Kind::Going, &[]),
        note(Kind::Alive, &[area(240), "(i64.load32_u (i32.const 248))".to_owned()]),
    )
}

/// What a callee does when it is called.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// What it returns, as bits.
    pub value: u64,
    /// What it does before.
    pub act: Act,
    /// What its post-return function does.
    pub cleans: Act,
}

/// The module that is called: `f`, by each of `answers` in turn, and `alive`. `cleans`: it has a post-return function.
pub fn callee(guest: &Guest, types: &Types, answers: &[Answer], cleans: bool) -> String {
    let nth = |i: usize, body: &str| format!("(if (i32.eq (global.get $calls) (i32.const {})) (then {body}))\n", i + 1);
    let mut f = String::new();
    let mut post = String::new();
    for (i, answer) in answers.iter().enumerate() {
        let value = types.result.map(|core| constant(core, answer.value)).unwrap_or_default();
        let _ = write!(f, "{}", nth(i, &format!("{} (return {value})", answer.act.wat())));
        let _ = write!(post, "{}", nth(i, &answer.cleans.wat()));
    }
    let mut called = vec![wide("(global.get $calls)")];
    called.extend(types.params.iter().enumerate().map(|(i, &core)| bits(core, &format!("(local.get {i})"))));
    let cleaned = types.result.map(|core| bits(core, "(local.get 0)"));
    let params = types.result.map(|core| format!("(param {})", name(core))).unwrap_or_default();
    let post = format!(
        r#"(func (export "cabi_post_test:edges/api#f") {params} {} {post})"#,
        note(Kind::Cleaned, cleaned.as_slice())
    );
    format!(
        r#"(module {}
(func $call unreachable)
(func (export "test:edges/api#f") {}
    {}
    (call $memory)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    {f}
    unreachable)
{}
(func (export "test:edges/pulse#alive") (param i32) (result i32)
    {}
    (call $memory)
    (i64.store (i32.const 208) (i64.const 0))
    (i32.store (i32.const 212) (i32.add (local.get 0) (i32.const 1)))
    (i32.const 208)))"#,
        guest.wat(""),
        types.wat(),
        note(Kind::Called, &called),
        if cleans { post.as_str() } else { "" },
        note(Kind::Pulse, &[wide("(local.get 0)")]),
    )
}

/// The root of applications in which callers may end: it calls the caller, and asks the callee whether it is alive.
pub fn driver() -> String {
    let guest = Guest { image: Vec::new(), pages: [1, 16], lies: Vec::new() };
    let imports = r#"(import "test:edges/run" "go" (func $go (param i32)))
(import "test:edges/pulse" "alive" (func $alive (param i32 i32)))"#;
    let area = |at: u32| format!("(i64.load (i32.const {at}))");
    let third = || "(i64.load32_u (i32.const 248))".to_owned();
    format!(
        r#"(module {}
(func $call unreachable)
(func (export "_start")
    (call $go (i32.const 240))
    {}
    (call $alive (i32.const 77) (i32.const 240))
    {}
    (call $memory)))"#,
        guest.wat(imports),
        note(Kind::Returned, &[area(240), third()]),
        note(Kind::Alive, &[area(240), third()]),
    )
}

/// What a module wrote down.
#[derive(Debug)]
pub struct Record<'a> {
    /// Its words, the kind first.
    pub words: [u64; WORDS],
    /// The bytes that follow.
    pub memory: &'a [u8],
}

impl Record<'_> {
    /// Whether it tells of that.
    pub fn is(&self, kind: Kind) -> bool {
        self.words[0] == kind as u64
    }
}

/// Reads what a module wrote down, as far as it goes.
pub fn records(mut stream: &[u8]) -> Vec<Record<'_>> {
    let mut records = Vec::new();
    while let Some((words, mut rest)) = stream.split_at_checked(8 * WORDS) {
        let words = std::array::from_fn(|i| u64::from_le_bytes(words[8 * i..8 * i + 8].try_into().expect("8 bytes")));
        let mut record = Record { words, memory: &[] };
        if record.is(Kind::Memory) {
            let Some((memory, behind)) = rest.split_at_checked(words[1] as usize) else { break };
            (record.memory, rest) = (memory, behind);
        }
        records.push(record);
        stream = rest;
    }
    records
}
