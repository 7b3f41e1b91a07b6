//! Sections: several in one module, sections against WIT that is said, and sections that no tool writes.

use super::build;
use bailiwick_compiler::{CompileError, Options, Source, Wit, compile};
use bailiwick_tests::compile::host;
use std::time::{Duration, Instant};

const WIT: &str = "package t:p;
interface i { resource r; f: func(x: string) -> result<r, u32>; }
interface j { use i.{r}; g: func(x: borrow<r>) -> list<u8>; }
world one { import i; }
world two { import j; }
world three { import f: func(); export f: func(); }";

/// A number as sections have it.
fn leb(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let more = value > 0x7f;
        bytes.push((value & 0x7f) as u8 | if more { 0x80 } else { 0 });
        value >>= 7;
        if !more {
            return bytes;
        }
    }
}

fn custom(name: &str, contents: &[u8]) -> Vec<u8> {
    let body = [leb(name.len()), name.as_bytes().to_vec(), contents.to_vec()].concat();
    [vec![0], leb(body.len()), body].concat()
}

/// A module with these sections behind its own.
fn module(text: &str, sections: &[(&str, &[u8])]) -> Vec<u8> {
    let mut wasm = bailiwick_compiler::binary(text.as_bytes()).expect("a module").into_owned();
    sections.iter().for_each(|(name, contents)| wasm.extend(custom(name, contents)));
    wasm
}

fn compiled(wasm: &[u8], wit: Option<Wit<'_>>) -> Result<Vec<u8>, CompileError> {
    compile(wasm, &Options { target: host(), jobs: Some(1), wit, ..Options::default() })
}

/// What a module with these sections is refused for.
#[track_caller]
fn refused(sections: &[(&str, &[u8])], words: &str) {
    let error = compiled(&module("(module)", sections), None).expect_err("it is refused").to_string();
    assert!(error.contains(words) && !error.contains("internal error"), "{error}");
}

const USES_BOTH: &str = r#"(module
    (import "t:p/i" "f" (func (param i32 i32 i32)))
    (import "t:p/i" "[resource-drop]r" (func (param i32)))
    (import "t:p/j" "g" (func (param i32 i32)))
    (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0)))"#;

#[test]
fn the_sections_of_all_that_was_linked_count() {
    let (one, two) = (build::section(WIT, "one"), build::section(WIT, "two"));
    let sections: [(&str, &[u8]); 2] = [("component-type:one", &one), ("component-type:two", &two)];
    compiled(&module(USES_BOTH, &sections), None).expect("both are read");
    let error = compiled(&module(USES_BOTH, &[("component-type:one", &one)]), None);
    // Of interfaces that its world has not, nothing is said: others may answer them.
    assert!(error.is_ok(), "{error:?}");
    let wrong = USES_BOTH.replace("(func (param i32 i32 i32))", "(func (param i64))");
    let error = compiled(&module(&wrong, &sections), None).expect_err("a signature is another").to_string();
    assert!(error.contains("the import t:p/i f is (i64), and should be (i32, i32, i32)"), "{error}");
    // The same one twice, as two objects of one library have it.
    let twice: [(&str, &[u8]); 2] = [("component-type:one", &one), ("component-type:one again", &one)];
    compiled(&module(USES_BOTH, &twice), None).expect("it is the same");
}

#[test]
fn what_a_module_exports_is_a_promise_and_what_it_imports_is_not() {
    let three = build::section(WIT, "three");
    let error = compiled(&module("(module)", &[("component-type:three", &three)]), None).expect_err("no export");
    assert!(error.to_string().contains("there is no export f"), "{error}");
    let text = "(module (func (export \"f\")))";
    compiled(&module(text, &[("component-type:three", &three)]), None).expect("what is not imported is not missed");
}

#[test]
fn wit_that_is_said_counts_instead() {
    let sources = [Source { path: "a.wit", text: "package a:b; world w { export other: func(); }" }];
    let wit = Some(Wit { sources: &sources, folder: "", world: None });
    let wasm = module("(module (func (export \"other\")))", &[("component-type:x", b"nothing of the kind")]);
    compiled(&wasm, wit).expect("the section is not looked at");
    assert!(matches!(compiled(&wasm, None), Err(CompileError::ComponentType { .. })));
}

#[test]
fn sections_that_no_tool_writes_are_refused_by_name_and_place() {
    let one = build::section(WIT, "one");
    refused(&[("component-type", b"")], "the section \"component-type\" at offset");
    refused(&[("component-type:x", b"text")], "it is no component");
    refused(&[("component-type:x", b"\0asm\x0d\0\x01\0")], "no bindings generator wrote it");
    refused(&[("component-type:x", &one[..one.len() - 1])], "with --wit");
    let mut utf16 = one.clone();
    let at = utf16.windows(22).position(|part| part == b"wit-component-encoding").expect("it is there") + 22;
    utf16[at + 1] = 1;
    refused(&[("component-type:x", &utf16)], "UTF-16");
    utf16[at] = 9;
    refused(&[("component-type:x", &utf16)], "another version");
    let many: Vec<(&str, &[u8])> = vec![("component-type", &one); 65];
    refused(&many, "65 component-type sections, and the limit is 64");
    refused(&[("component-type", &vec![0; 300_000])], "300000 bytes, and the limit is 262144");
    // An encoding, but no world.
    let encoding = custom("wit-component-encoding", &[4, 0]);
    refused(&[("component-type", &[b"\0asm\x0d\0\x01\0", &encoding[..]].concat())], "expected one export");
    let mut deep = Vec::new();
    for _ in 0..1000 {
        let inner = [b"\0asm\x0d\0\x01\0", &deep[..]].concat();
        deep = [vec![4], leb(inner.len()), inner].concat();
    }
    refused(&[("component-type", &[b"\0asm\x0d\0\x01\0", &deep[..]].concat())], "within one another");
}

/// Whatever it is, there is an answer, and soon.
#[test]
fn a_damaged_section_gets_an_answer() {
    let section = build::section(WIT, "two");
    let begun = Instant::now();
    let mut answers = [0; 2];
    let mut try_it = |section: &[u8]| match compiled(&module("(module)", &[("component-type", section)]), None) {
        Ok(_) => answers[0] += 1,
        Err(CompileError::Internal { message, .. }) => panic!("{message}"),
        Err(_) => answers[1] += 1,
    };
    for at in 0..section.len() {
        for change in [1u8, 0x40, 0xff] {
            let mut other = section.clone();
            other[at] ^= change;
            try_it(&other);
        }
        if at % 8 == 0 {
            try_it(&section[..at]);
        }
    }
    assert!(answers[1] > section.len(), "{answers:?}");
    assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", begun.elapsed());
}

/// A section whose world imports an interface of so many functions under so many names.
fn multiplied(functions: usize, names: usize) -> Vec<u8> {
    let text = |text: String| [leb(text.len()), text.into_bytes()].concat();
    let list = |tag: u8, items: Vec<Vec<u8>>| [vec![tag], leb(items.len()), items.concat()].concat();
    let sized = |id: u8, body: Vec<u8>| [vec![id], leb(body.len()), body].concat();
    // (type (instance (type (func)) (export "f0" (func (type 0))) …)), and (import "t:p/i0" (instance (type 0))) …
    let mut instance = vec![vec![1, 0x40, 0, 1, 0]];
    instance.extend((0..functions).map(|i| [&[4, 0][..], &text(format!("f{i}")), &[1, 0]].concat()));
    let mut world = vec![[vec![1], list(0x42, instance)].concat()];
    world.extend((0..names).map(|i| [&[3, 0][..], &text(format!("t:p/i{i}")), &[5, 0]].concat()));
    let package =
        vec![[vec![1], list(0x41, world)].concat(), [&[4, 0][..], &text("t:p/w".to_owned()), &[4, 0]].concat()];
    let types = sized(7, [vec![1], list(0x41, package)].concat());
    let exports = sized(11, [&[1, 0][..], &text("w".to_owned()), &[3, 0, 0]].concat());
    [b"\0asm\x0d\0\x01\0".to_vec(), custom("wit-component-encoding", &[4, 0]), types, exports].concat()
}

#[test]
fn what_few_bytes_mean_is_bounded() {
    let little = multiplied(20, 20);
    compiled(&module("(module)", &[("component-type", &little)]), None).expect("it means 400 functions");
    let much = multiplied(600, 600);
    assert!(much.len() < 20_000, "{}", much.len());
    refused(&[("component-type", &much)], "it means more than 262144 functions and types");
    // Together they mean too much, and that is said of the first that is too much.
    let some = multiplied(400, 400);
    refused(&[("component-type:a", &some), ("component-type:b", &some)], "\"component-type:b\"");
    // What the validator itself refuses.
    refused(&[("component-type", &multiplied(2000, 2000))], "exceeds the limit");
}

/// The next of a row of numbers (splitmix64).
fn next(state: &mut u64) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as usize
}

/// Several changes at once: bits, numbers, and pieces that are repeated, removed, or of another section.
fn changed(section: &[u8], other: &[u8], state: &mut u64) -> Vec<u8> {
    let mut changed = section.to_vec();
    for _ in 0..=next(state) % 4 {
        let at = next(state) % changed.len();
        let end = (at + 1 + next(state) % 24).min(changed.len());
        match next(state) % 6 {
            0 => changed[at] ^= 1 << (next(state) % 8),
            1 => changed[at] = changed[at].wrapping_add(if next(state).is_multiple_of(2) { 1 } else { 0xff }),
            2 => changed[at] = [0, 1, 0x3f, 0x40, 0x70, 0x7f, 0x80, 0xff][next(state) % 8],
            3 => drop(changed.splice(end..end, changed[at..end].to_vec())),
            4 if changed.len() > 40 => drop(changed.drain(at..end)),
            _ => {
                let from = next(state) % other.len();
                let piece = other[from..(from + end - at).min(other.len())].to_vec();
                drop(changed.splice(at..end, piece));
            }
        }
    }
    changed
}

/// As above, with sections of every kind of type, and much more at once.
#[test]
fn many_damaged_sections_get_an_answer() {
    const EACH: usize = 25_000;
    let kv = include_str!("../../apps/kv/kv.wit");
    let sections = ["keeper", "teller", "app", "both"].map(|world| build::section(kv, world));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for (i, section) in sections.iter().enumerate() {
            let other = &sections[(i + 1) % sections.len()];
            scope.spawn(move || {
                let mut state = i as u64;
                for _ in 0..EACH {
                    let section = changed(section, other, &mut state);
                    let begun = Instant::now();
                    let result = compiled(&module("(module)", &[("component-type", &section)]), None);
                    let took = begun.elapsed();
                    assert!(took < Duration::from_secs(10), "{took:?}: {section:02x?}");
                    if let Err(error @ CompileError::Internal { .. }) = result {
                        panic!("{error}: {section:02x?}");
                    }
                }
            });
        }
    });
    println!("{} sections in {:?}", EACH * sections.len(), begun.elapsed());
}
