//! The page that shows a module's code.

use bailiwick_compiler::{Arch, CompileError, OptLevel, Options, binary, compile, explore};
use bailiwick_runtime_abi::view::View;
use std::collections::HashSet;

const MODULE: &str = r#"(module
  (type $t (func (param i32) (result i32)))
  (import "env" "host" (func $host (type $t)))
  (memory 1)
  (table 4 4 funcref)
  (elem (i32.const 0) $square $pick)
  (func $square (param $x i32) (result i32) (i32.mul (local.get $x) (local.get $x)))
  (func $twice (param i32) (result i32) (i32.add (call $square (local.get 0)) (call $host (local.get 0))))
  (func $pick (export "choose") (param i32) (result i32)
    (block (block (block (block (br_table 0 1 2 3 0 1 (local.get 0)))
      (return (i32.const 17))) (return (i32.load (local.get 0)))) (return (call $twice (local.get 0))))
    (i32.div_u (i32.const 100) (local.get 0)))
  (func (export "floats") (param f64 f64) (result f64)
    (f64.add (f64.mul (local.get 0) (f64.const 1.2345)) (f64.const 0x1.23456789p+100)))
  (func (export "indirect") (param i32) (result i32)
    (call_indirect (type $t) (local.get 0) (local.get 0)))
  (func (export "sum") (param $n i32) (result i32) (local $s i32)
    (loop $again
      (local.set $s (i32.add (local.get $s) (i32.load8_u (local.get $n))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.store (i32.const 8) (local.get $s))
    (local.get $s)))"#;

fn options(target: Arch) -> Options<'static> {
    Options { target, jobs: Some(2), ..Options::default() }
}

fn page(module: &str, options: &Options<'_>, functions: &[&str]) -> String {
    let functions: Vec<String> = functions.iter().map(|&name| name.to_owned()).collect();
    let wasm = binary(module.as_bytes()).unwrap();
    let page = explore(&wasm, options, "module.wat", &functions).unwrap_or_else(|error| panic!("{error}"));
    check_markup(&page);
    page
}

/// Everything that is opened is closed, and nothing else is.
fn check_markup(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let end = rest.find('>').expect("a tag ends");
        let (tag, name) = (&rest[..end], rest.split([' ', '>', '\n']).next().unwrap());
        rest = &rest[end + 1..];
        match name {
            "!DOCTYPE" | "meta" | "input" => {}
            "script" | "style" => {
                let close = format!("</{name}>");
                rest = &rest[rest.find(&close).unwrap() + close.len()..];
            }
            name if name.starts_with('/') => {
                assert_eq!(open.pop(), Some(&name[1..]), "near {}", &rest[..60.min(rest.len())])
            }
            name => open.push(name),
        }
        assert!(!tag.contains('<'), "{tag}");
    }
    assert!(open.is_empty(), "{open:?}");
    let references = ["href", "src=", "url(", "http:", "https:", "@import"];
    for reference in references {
        assert!(!page.contains(reference), "{reference}");
    }
}

/// A function's part of a page.
fn section(page: &str, function: u32) -> &str {
    let start = page.find(&format!("id=\"f{function}\"")).unwrap_or_else(|| panic!("function {function} is not shown"));
    let rest = &page[start..];
    &rest[..rest.find("</details>").unwrap()]
}

/// Rows of a column, by its class: position and text.
fn rows(section: &str, class: &str) -> Vec<(Option<String>, String)> {
    let start = section.find(&format!("<section class=\"{class}\"")).unwrap();
    let column = &section[start..];
    let column = &column[..column.find("</section>").unwrap()];
    let lines = column.lines().filter(|line| line.starts_with("<div class=\"k") || line.starts_with("<div class=\"z"));
    lines
        .map(|line| {
            let position = line.split("data-p=\"").nth(1).map(|rest| rest.split('"').next().unwrap().to_owned());
            let text = line[line.find('>').unwrap() + 1..].replace("</div>", "").replace("<i>", "").replace("</i>", "");
            (
                position,
                text.replace("&lt;", "<")
                    .replace("&gt;", ">")
                    .replace("&amp;", "&")
                    .replace("&#39;", "'")
                    .replace("&quot;", "\""),
            )
        })
        .collect()
}

fn positions(rows: &[(Option<String>, String)]) -> HashSet<&str> {
    rows.iter().filter_map(|(position, _)| position.as_deref()).collect()
}

#[test]
fn operators_are_linked_to_their_code() {
    // What takes an instruction of its own on either architecture, and no constant's or local's.
    let made = [
        "i32.mul",
        "i32.add",
        "call $host",
        "br_table",
        "i32.load8_u",
        "i32.load",
        "call $twice",
        "i32.div_u",
        "f64.mul",
        "f64.add",
        "call_indirect",
        "br_if",
        "i32.store",
    ];
    for target in [Arch::X86_64, Arch::Aarch64] {
        for opt_level in [OptLevel::None, OptLevel::Speed, OptLevel::Size] {
            let options = Options { opt_level, optimisations: "none".parse().unwrap(), ..options(target) };
            let page = page(MODULE, &options, &[]);
            let mut seen = HashSet::new();
            for function in 1..7 {
                let section = section(&page, function);
                let (wasm, code) = (rows(section, "w"), rows(section, "m"));
                let (translated, lowered) = (rows(section, "c t"), rows(section, "c l"));
                assert!(code.len() > 3 && translated.len() > 3 && lowered.len() > 3, "{section}");
                for (position, text) in &wasm {
                    let Some(operator) = made.iter().find(|made| text.contains(*made)) else { continue };
                    seen.insert(operator);
                    let position = position.as_deref().unwrap();
                    for column in [&code, &translated, &lowered] {
                        assert!(positions(column).contains(position), "{target:?} {opt_level:?} {text}: {section}");
                    }
                }
                // And nothing is linked to what is not there.
                let there = positions(&wasm);
                for column in [&code, &translated, &lowered] {
                    assert!(positions(column).is_subset(&there), "{target:?} {opt_level:?}: {section}");
                }
            }
            assert_eq!(seen.len(), made.len(), "{seen:?}");
        }
    }
}

#[test]
fn code_is_that_of_the_artifact() {
    for target in [Arch::X86_64, Arch::Aarch64] {
        for opt_level in [OptLevel::None, OptLevel::Speed, OptLevel::Size] {
            let options = Options { opt_level, ..options(target) };
            let artifact = compile(&binary(MODULE.as_bytes()).unwrap(), &options).unwrap();
            let view = View::new(&artifact, artifact.len() as u64).unwrap();
            let text = view.header().text.offset as usize;
            let page = page(MODULE, &options, &[]);
            for function in [3, 4, 5, 6] {
                let section = section(&page, function);
                let mut next = None;
                let mut data = false;
                for (_, row) in rows(section, "m") {
                    let (address, rest) = row.trim_start().split_once("  ").unwrap();
                    let address = usize::from_str_radix(address, 16).unwrap();
                    let hex = rest.trim_start().split("  ").next().unwrap();
                    let bytes: Vec<u8> = hex.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
                    assert_eq!(artifact[address..address + bytes.len()], bytes[..], "{row}");
                    assert_eq!(address, next.unwrap_or(address), "{row}");
                    next = Some(address + bytes.len());
                    data |= row.contains("(data)");
                }
                let end = next.unwrap() - text;
                let record = view.text_at(end as u32 - 1).unwrap();
                assert_eq!(record.offset as usize + record.len as usize, end);
                // The table of jumps, and constants that are no immediate operands.
                if opt_level == OptLevel::Speed {
                    assert_eq!(data, function == 3 || function == 4, "{target:?} {function}: {section}");
                }
            }
        }
    }
}

#[test]
fn traps_and_what_is_called_are_named() {
    for target in [Arch::X86_64, Arch::Aarch64] {
        let optimisations = "none".parse().unwrap();
        let page = page(MODULE, &Options { optimisations, ..options(target) }, &["choose"]);
        let code = rows(section(&page, 3), "m");
        assert!(code.iter().any(|(_, row)| row.contains("may trap: integer divide by zero")), "{code:?}");
        assert!(
            code.iter().any(|(_, row)| row.contains("; twice") && (row.contains("call") || row.contains("bl "))),
            "{code:?}"
        );
        let lowered = rows(section(&page, 3), "c l");
        assert!(
            lowered.iter().any(|(_, row)| row.contains("colocated u0:2") && row.ends_with("; twice")),
            "{lowered:?}"
        );
    }
}

#[test]
fn inlined_code_says_whose_it_is() {
    for target in [Arch::X86_64, Arch::Aarch64] {
        let page = page(MODULE, &options(target), &["twice"]);
        let section = section(&page, 2);
        let call = section.find("call $square").unwrap();
        let below = &section[call..];
        let named = below.find("inlined here: square, function 1").unwrap();
        let operator = &below[named..];
        let multiplied = operator[..operator.find("i32.mul").unwrap()].rsplit("data-p=\"").next().unwrap();
        let position = multiplied.split('"').next().unwrap();
        // On aarch64 the product and the sum become one instruction, the sum's.
        let column = if target == Arch::X86_64 { "m" } else { "c l" };
        let code = rows(section, column);
        let (_, row) = code.iter().find(|(at, _)| at.as_deref() == Some(position)).unwrap();
        assert!(row.contains("mul") && row.contains("; of square, "), "{row}");
    }
}

#[test]
fn a_function_without_code_of_its_own_is_shown() {
    let module = r#"(module
      (func $inner (param i32) (result i32) (i32.xor (local.get 0) (i32.const 5)))
      (func (export "outer") (param i32) (result i32) (call $inner (local.get 0))))"#;
    let page = page(module, &options(Arch::X86_64), &[]);
    assert!(section(&page, 0).contains("no code of its own") && section(&page, 0).contains("xor"));
    assert!(!section(&page, 1).contains("no code of its own"));
}

#[test]
fn hostile_names_are_text() {
    let hostile = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\\\"' onclick='x&lt;\\u{202e}";
    let module = format!(
        r#"(module (import "{hostile}" "{hostile}" (func (param i32)))
             (func $"{hostile}" (export "{hostile}") (param $"{hostile}" i32) (call 0 (local.get $"{hostile}"))
               (call $"{hostile}" (i32.const 1))))"#
    );
    let wasm = binary(module.as_bytes()).unwrap();
    let title = hostile.replace('\\', "");
    let page = explore(&wasm, &options(Arch::X86_64), &title, &[]).unwrap();
    assert!(page.contains("&lt;/script&gt;&lt;script&gt;alert(1)"));
    assert_eq!(page.matches("<script").count(), 1);
    assert_eq!(page.matches("</script").count(), 1);
    assert!(!page.contains("<img") && !page.contains("' onclick") && !page.contains('\u{202e}'));
    // The page's own rules let no other script run.
    assert!(page.contains("default-src 'none'") && page.contains("script-src 'sha256-"));
    check_markup(&page.replace("src=x", ""));
}

#[test]
fn large_modules_are_bounded() {
    let many: String = (0..500).map(|i| format!("(func (export \"f{i}\") (result i32) i32.const {i})")).collect();
    let many = format!("(module {many})");
    let first = page(&many, &options(Arch::X86_64), &[]);
    assert_eq!(first.matches("<details").count(), 100);
    assert!(first.contains("The first 100 of 500 functions."));
    let some = page(&many, &options(Arch::X86_64), &["f400", "499", "f400"]);
    assert_eq!(some.matches("<details").count(), 2);
    assert!(section(&some, 400).contains("i32.const 400") && section(&some, 499).contains("i32.const 499"));

    // One function of many operators, and a line of many locals.
    let locals = "i64 ".repeat(10_000);
    let operators = "(global.set 0 (i32.xor (global.get 0) (i32.const 77777)))".repeat(15_000);
    let large =
        format!("(module (global (export \"g\") (mut i32) (i32.const 0)) (func (local {locals}) {operators}) (func))");
    let large = page(&large, &options(Arch::X86_64), &[]);
    assert!(large.contains("more lines") && large.contains("The first 1 of 2 functions."));
    assert!(large.len() < 6 << 20, "{} bytes", large.len());
    assert!(large.lines().filter(|line| line.starts_with("<div")).all(|line| line.len() < 2000));
}

#[test]
fn what_is_not_there_is_an_error() {
    let wasm = binary(MODULE.as_bytes()).unwrap();
    let error = |name: &str| explore(&wasm, &options(Arch::X86_64), "", &[name.to_owned()]).unwrap_err();
    assert_eq!(
        error("squ"),
        CompileError::NoFunction { asked: "squ".to_owned(), imported: false, similar: vec!["square".to_owned()] }
    );
    assert!(error("7").to_string().contains("has no function 7; give a name"));
    assert!(error("").to_string().contains("has no function ; give a name"));
    for name in ["host", "0"] {
        assert!(error(name).to_string().contains("is imported"), "{name}");
    }
    let bad = explore(b"\0asm\x01\0\0\0\x0a", &options(Arch::X86_64), "", &[]).unwrap_err();
    assert_eq!(bad, compile(b"\0asm\x01\0\0\0\x0a", &options(Arch::X86_64)).unwrap_err());
    assert!(page("(module)", &options(Arch::X86_64), &[]).contains("defines no functions"));
}

#[test]
fn a_page_is_the_same_at_any_number_of_threads() {
    let wasm = binary(MODULE.as_bytes()).unwrap();
    let page = |jobs| explore(&wasm, &Options { jobs: Some(jobs), ..options(Arch::X86_64) }, "m", &[]).unwrap();
    assert!(page(1) == page(7));
}
