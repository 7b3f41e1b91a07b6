//! Large values, and those that are too large.

use super::harness::{Application, Outcome, module};
use std::time::{Duration, Instant};

/// An application of two modules: `passes` is what the caller passes to `take: func(value: TYPE) -> u64`, core values,
/// after `prepare` has run; `takes` is what the callee makes of its parameters `$at` and `$len`. The caller is below the root
/// and may end.
struct Passing<'a> {
    ty: &'a str,
    prepare: &'a str,
    passes: [u64; 2],
    takes: &'a str,
    limits: &'a str,
    /// What the callee's allocator answers with.
    answer: &'a str,
}

/// Answers with what it answered before, for as long as all fits.
const SAME_PLACE: &str = "(i32.const 1048576)";
/// Answers with what is behind its answer before.
const NEXT_PLACE: &str = "(global.get $top)
    (global.set $top (i32.and (i32.add (i32.add (global.get $top) (local.get 3)) (i32.const 15)) (i32.const -16)))";

/// A sum of bytes, each multiplied by its place.
const SUM: &str = "(local $i i32) (local $sum i64)
    (loop $more
        (if (i32.lt_u (local.get $i) (local.get $len)) (then
            (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31))
                (i64.load8_u (i32.add (local.get $at) (local.get $i)))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br $more))))
    (local.get $sum)";

impl Passing<'_> {
    fn application(&self) -> Application {
        let wit = format!(
            "package test:large;
            interface api {{ take: func(value: {}) -> u64; }}
            interface run {{ go: func() -> result<u64, string>; }}
            interface pulse {{ alive: func() -> u64; }}
            world driver {{ import run; import pulse; }}
            world caller {{ import api; export run; }}
            world callee {{ export api; export pulse; }}",
            self.ty
        );
        let driver = r#"(module
            (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
            (import "test:large/run" "go" (func $go (param i32)))
            (import "test:large/pulse" "alive" (func $alive (result i64)))
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            (func (export "_start")
                (call $go (i32.const 64))
                (i64.store (i32.const 80) (call $alive))
                (i64.store (i32.const 0) (i64.const 0x2000000040))
                (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;
        let Passing { prepare, passes: [at, len], takes, limits, answer, .. } = self;
        let caller = format!(
            r#"(module
            (import "test:large/api" "take" (func $take (param i32 i32) (result i64)))
            (memory (export "memory") 1000)
            (func $prepare (local $i i32) (local $at i32) {prepare})
            (func (export "test:large/run#go") (result i32)
                (call $prepare)
                (i64.store (i32.const 8) (call $take (i32.const {at}) (i32.const {len})))
                (i64.store (i32.const 0) (i64.const 0))
                (i32.const 0)))"#
        );
        let callee = format!(
            r#"(module
            (memory (export "memory") 1000)
            (global $top (mut i32) (i32.const 64))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {answer})
            (func (export "test:large/api#take") (param $at i32) (param $len i32) (result i64) {takes})
            (func (export "test:large/pulse#alive") (result i64) (i64.const 0x616c697665)))"#
        );
        let manifest = format!(
            "[package]\nname = \"driver\"\nmodule = \"driver.wasm\"\n\
             [host]\nout = {{ kind = \"stdio\", stdout = \"capture\" }}\n[grants]\nout = \"out\"\n\
             [shared.callee]\nmodule = \"callee.wasm\"\n\
             [deps.caller]\nmodule = \"caller.wasm\"\non_fault = \"error\"\nshared = [\"callee\"]\n{limits}"
        );
        let modules = [(driver, "driver"), (&caller, "caller"), (&callee, "callee")];
        let modules = modules.map(|(wat, world)| (world, module(wat, &wit, world)));
        Application::new(&manifest, &modules.each_ref().map(|(name, artifact)| (*name, artifact)))
    }

    /// What `take` returned, in both ways.
    #[track_caller]
    fn taken(&self) -> u64 {
        let outcome = self.application().both();
        assert_eq!((&outcome.ended, outcome.deaths.len()), (&Ok(0), 0), "{outcome:?}");
        u64::from_le_bytes(outcome.stream("driver")[8..16].try_into().expect("8 bytes"))
    }

    /// Why the caller died, in both ways, without the place; the callee lives.
    #[track_caller]
    fn refused(&self) -> String {
        let [interpreted, compiled] = self.soon();
        let [interpreted, compiled] = [&interpreted, &compiled].map(|outcome| {
            let text = reason(outcome);
            text.rsplit_once(": ").map_or(text.clone(), |(_, said)| said.to_owned())
        });
        assert_eq!(interpreted, compiled);
        compiled
    }

    /// How it ends, interpreted and compiled.
    #[track_caller]
    fn soon(&self) -> [Outcome; 2] {
        let application = self.application();
        [true, false].map(|interpreted| {
            let begun = Instant::now();
            let outcome = application.run(interpreted);
            // Emulated, and on a machine that does other things besides, a minute would be little.
            let soon = Duration::from_secs(if cfg!(target_arch = "aarch64") { 600 } else { 60 });
            assert!(begun.elapsed() < soon, "{:?}", begun.elapsed());
            outcome
        })
    }
}

#[track_caller]
fn reason(outcome: &Outcome) -> String {
    assert_eq!(outcome.ended, Ok(0), "{outcome:?}");
    assert_eq!(outcome.deaths.len(), 1, "{:?}", outcome.deaths);
    assert_eq!(outcome.stream("driver")[16..21], *b"evila", "the callee lives");
    outcome.death("driver/caller").expect("the caller is dead").to_owned()
}

/// The sum that [`SUM`] is.
fn sum(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
}

#[test]
fn a_list_of_a_million_records() {
    // 12 bytes each: a number, a byte, and a letter. The padding stays behind.
    let passing = Passing {
        ty: "list<tuple<u32, u8, char>>",
        prepare: "(loop $more
            (local.set $at (i32.add (i32.const 65536) (i32.mul (local.get $i) (i32.const 12))))
            (i32.store (local.get $at) (i32.mul (local.get $i) (i32.const 77)))
            (i32.store offset=4 (local.get $at) (i32.or (i32.and (local.get $i) (i32.const 255)) (i32.const 0x55aa5500)))
            (i32.store offset=8 (local.get $at) (i32.add (i32.const 32) (i32.and (local.get $i) (i32.const 16383))))
            (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000000))))",
        passes: [65536, 1_000_000],
        takes: &SUM.replace("(loop", "(local.set $len (i32.mul (local.get $len) (i32.const 12))) (loop"),
        limits: "",
        answer: NEXT_PLACE,
    };
    let records = (0..1_000_000u32).flat_map(|i| {
        let words = [i.wrapping_mul(77), i & 255, 32 + (i & 16383)];
        words.into_iter().flat_map(u32::to_le_bytes)
    });
    assert_eq!(passing.taken(), sum(records));
}

/// A text of 3 MiB, of which characters of several bytes cross the borders of pieces.
fn text() -> Vec<u8> {
    let mut text = vec![b'a'; 3 << 20];
    for (at, character) in [((1 << 20) - 1, "é"), ((2 << 20) - 3, "🂡"), ((3 << 20) - 3, "€"), (77, "€")] {
        text[at..at + character.len()].copy_from_slice(character.as_bytes());
    }
    text
}

/// Stores the text at 65536.
fn stores(text: &[u8]) -> String {
    let other = text.iter().enumerate().filter(|(_, byte)| **byte != b'a');
    let stores = other.map(|(at, byte)| format!("(i32.store8 (i32.const {}) (i32.const {byte}))", 65536 + at));
    format!("(memory.fill (i32.const 65536) (i32.const 97) (i32.const {})) {}", text.len(), stores.collect::<String>())
}

fn passing<'a>(prepare: &'a str, takes: &'a str, len: usize) -> Passing<'a> {
    Passing { ty: "string", prepare, passes: [65536, len as u64], takes, limits: "", answer: NEXT_PLACE }
}

#[test]
fn a_string_of_three_pieces_with_characters_across_their_borders() {
    let text = text();
    let prepare = stores(&text);
    assert_eq!(passing(&prepare, SUM, text.len()).taken(), sum(text.iter().copied()));
}

#[test]
fn a_string_that_is_cut_off_or_broken_is_refused_at_the_same_byte() {
    let text = text();
    let prepare = stores(&text);
    for cut in [1 << 20, (2 << 20) - 2, 2 << 20, (3 << 20) - 1] {
        let start = std::str::from_utf8(&text[..cut]).unwrap_err().valid_up_to();
        let said = passing(&prepare, SUM, cut).refused();
        assert!(said == format!("the caller has a string that is no UTF-8, from byte {start} on"), "{said}");
    }
    for at in [(1 << 20) - 1, 1 << 20, (2 << 20) - 1, 2 << 20, (3 << 20) - 1] {
        let mut text = text.clone();
        text[at] = 0xff;
        let start = std::str::from_utf8(&text).unwrap_err().valid_up_to();
        let prepare = stores(&text);
        let said = passing(&prepare, SUM, text.len()).refused();
        assert!(said.ends_with(&format!("no UTF-8, from byte {start} on")), "{said}");
    }
}

/// A list of `count` lists, which are all the same `len` elements of zeros.
fn shared(ty: &'static str, count: u32, len: u32) -> (String, [u64; 2], &'static str) {
    let prepare = format!(
        "(loop $more
            (local.set $at (i32.add (i32.const 65536) (i32.mul (local.get $i) (i32.const 8))))
            (i32.store (local.get $at) (i32.const 8388608))
            (i32.store offset=4 (local.get $at) (i32.const {len}))
            (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {count}))))"
    );
    (prepare, [65536, count.into()], ty)
}

fn ended_by(of: (String, [u64; 2], &'static str), limits: &str) -> String {
    let (prepare, passes, ty) = of;
    Passing { ty, prepare: &prepare, passes, takes: "unreachable", limits, answer: SAME_PLACE }.refused()
}

#[test]
fn more_bytes_than_a_call_may_pass() {
    for ty in ["list<list<u64>>", "list<string>"] {
        let each = if ty.contains("u64") { 4 << 20 >> 3 } else { 4 << 20 };
        let said = ended_by(shared(ty, 70, each), "");
        assert!(said.ends_with("the caller passes more than 268435456 bytes in one call"), "{said}");
    }
}

#[test]
fn more_elements_than_a_call_may_pass() {
    // Under emulation one has to do.
    let count = if cfg!(target_arch = "aarch64") { 1 } else { 3 };
    for ty in ["list<list<bool>>", "list<list<list<u8>>>", "list<list<string>>"].into_iter().take(count) {
        let said = ended_by(shared(ty, 300, 65536), "");
        assert!(said.ends_with("the caller passes more than 16777216 elements in one call"), "{said}");
    }
}

#[test]
fn one_element_less_is_not_too_many() {
    // The outer list counts too.
    let (prepare, passes, ty) = shared("list<list<bool>>", 255, 65536);
    let passing = Passing { ty, prepare: &prepare, passes, takes: "(i64.const 5)", limits: "", answer: SAME_PLACE };
    assert_eq!(passing.taken(), 5);
}

/// Elements that take longer to carry than the callee may take: it is called all the same, and ends by itself. They lie in
/// one list, so that its allocator, whose time is its own, runs once.
#[test]
fn the_time_in_which_values_are_carried_to_a_callee_is_not_its_own() {
    // Emulated, the call alone may take a few milliseconds, and the values take seconds.
    let time = if cfg!(target_arch = "aarch64") { "300ms/call" } else { "3ms/call" };
    for ty in ["list<bool>", "list<char>"] {
        let limits = &*format!("[shared.callee.limits]\ntime = \"{time}\"\n");
        let passes = [64, 15_000_000];
        let passing = Passing { ty, prepare: "", passes, takes: "unreachable", limits, answer: SAME_PLACE };
        // A busy machine may keep the callee from running for as long. Were the values its own, no run would end well.
        let mut ended_by_itself = [false; 2];
        for _ in 0..20 {
            for (done, outcome) in ended_by_itself.iter_mut().zip(passing.soon()) {
                let said = outcome.death("driver/callee").expect("a death");
                *done |= said.contains("`unreachable` instruction");
            }
            if ended_by_itself == [true; 2] {
                break;
            }
        }
        assert_eq!(ended_by_itself, [true; 2], "{ty}: interpreted, compiled");
    }
}

#[test]
fn a_caller_is_ended_while_its_values_are_carried() {
    for ty in ["list<list<bool>>", "list<list<char>>"] {
        let (prepare, passes, ty) = shared(ty, 250, 65536);
        // The callee, which others share, has time of its own.
        let limits = "limits = { time = \"3ms/call\" }\n[shared.callee.limits]\ntime = \"60s/call\"\n";
        let passing = Passing { ty, prepare: &prepare, passes, takes: "unreachable", limits, answer: SAME_PLACE };
        for outcome in passing.soon() {
            assert_eq!(reason(&outcome), "a call of it took more than 3ms", "{outcome:?}");
        }
    }
}

#[test]
fn bytes_of_several_pieces() {
    let text = text();
    let prepare = stores(&text);
    let passing = Passing { ty: "list<u8>", ..passing(&prepare, SUM, text.len()) };
    assert_eq!(passing.taken(), sum(text));
}

/// An application whose caller, which has `limits`, dies of the element 3 of a list.
pub fn faulty_element(limits: &str) -> Application {
    let prepare = "(i32.store (i32.const 12) (i32.const 0xd800))";
    Passing { ty: "list<char>", prepare, passes: [0, 4], takes: "unreachable", limits, answer: SAME_PLACE }
        .application()
}

/// Bytes of both memories.
const END: u64 = 1000 << 16;

#[test]
fn ranges_end_where_the_memory_does() {
    for (ty, each) in [("string", 1), ("list<u8>", 1), ("list<bool>", 1), ("list<u32>", 4), ("list<char>", 4)] {
        for (at, len, fits) in [
            (END - 8 * each, 8, true),
            (END - 8 * each, 9, false),
            (END - each, 1, true),
            (END - each, 2, false),
            (END, 0, true),
            (END, 1, false),
            (END + each, 0, false),
        ] {
            let passing =
                Passing { ty, prepare: "", passes: [at, len], takes: "(i64.const 3)", limits: "", answer: SAME_PLACE };
            if fits {
                assert_eq!(passing.taken(), 3, "{ty} {at} {len}");
            } else {
                let (said, size) = (passing.refused(), len * each);
                assert!(said.ends_with(&format!("of {size} bytes at address {at}, beyond its memory of {END} bytes")));
            }
            // The same as answers of the callee's allocator.
            let answer = format!("(i32.const {at})");
            let passing = Passing { passes: [0, len], answer: &answer, ..passing };
            if fits {
                assert_eq!(passing.taken(), 3, "{ty} {at} {len}");
            } else {
                let outcome = passing.application().both();
                let said = outcome.death("driver/callee").expect("a death");
                let size = len * each;
                assert!(
                    said.ends_with(&format!(
                        "the callee has an allocation of {size} bytes at address {at}, beyond its memory of {END} bytes"
                    )),
                    "{said}"
                );
            }
        }
    }
}
