//! The code of small modules, as the last comment of each file in `tests/golden`.
//!
//! A file's first lines say what to list: `;;! asm x86_64`, `;;! clif aarch64 polls`, and so on; then, if not all functions
//! of the module, which: `;;! functions: NAME …`; `;;! optimisations: LIST`, as on the command line, if functions that are
//! only called, or not at all, are not to be listed like others; `;;! wit: FILE` if there is WIT beside it; and
//! `;;! link: NAME=FILE` if a module in the text format is linked to it. Without `polls`, code does not poll for interruption, so that what is
//! shown is what the file is about. `BAILIWICK_BLESS=1 cargo test` rewrites the comments; review what it wrote.

use bailiwick_compiler::{Linked, Options, Source, Wit, binary, emit_asm, emit_clif, parse_target};
use std::path::Path;

/// Directives that do not ask for a listing.
const ABOUT: [&str; 4] = ["functions: ", "optimisations: ", "wit: ", "link: "];

/// The listings that a file in `folder` asks for, as comment lines.
fn listing(folder: &Path, name: &str, source: &str) -> String {
    let directives = || source.lines().map_while(|line| line.strip_prefix(";;! "));
    let only: Option<Vec<&str>> =
        directives().find_map(|line| line.strip_prefix("functions: ")).map(|names| names.split(' ').collect());
    let wit = directives().find_map(|line| line.strip_prefix("wit: "));
    let text = wit.map(|file| std::fs::read_to_string(folder.join(file)).unwrap_or_else(|e| panic!("{file}: {e}")));
    let sources: Vec<Source<'_>> = text.iter().map(|text| Source { path: "world.wit", text }).collect();
    let wit = wit.map(|folder| Wit { sources: &sources, folder, world: None });
    let optimisations =
        directives().find_map(|line| line.strip_prefix("optimisations: ")).unwrap_or("default,-inlining");
    let optimisations = optimisations.parse().unwrap_or_else(|e| panic!("{name}: {e}"));
    let wasm = binary(source.as_bytes()).unwrap_or_else(|e| panic!("{name}: {e}"));
    let linked: Vec<(&str, Vec<u8>)> = directives()
        .filter_map(|line| line.strip_prefix("link: ")?.split_once('='))
        .map(|(name, file)| (name, wat::parse_file(folder.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))))
        .collect();
    let linked: Vec<Linked<'_>> = linked.iter().map(|(name, wasm)| Linked { name, wasm }).collect();
    let mut lines = Vec::new();
    for directive in directives().filter(|line| !ABOUT.iter().any(|about| line.starts_with(about))) {
        let words: Vec<&str> = directive.split(' ').collect();
        let (kind, target, interruptible) = match words[..] {
            [kind, target] => (kind, target, false),
            [kind, target, "polls"] => (kind, target, true),
            _ => panic!("{name}: {directive}"),
        };
        let target = parse_target(target).unwrap();
        let options = Options { target, interruptible, optimisations, wit, linked: &linked, ..Options::default() };
        let text = match kind {
            "asm" => emit_asm(&wasm, &options),
            "clif" => emit_clif(&wasm, &options),
            _ => panic!("{name}: {directive}"),
        };
        lines.push(format!("==== {directive}"));
        let mut wanted = false;
        for line in text.unwrap().lines() {
            if let Some(function) = line.strip_prefix(";; ") {
                wanted = match &only {
                    Some(names) => names.contains(&function),
                    None => !function.starts_with("bailiwick::"),
                };
            }
            // Where the module's own offsets stand would change with every edit.
            let line = match line.strip_prefix('@') {
                Some(rest) => rest.trim_start_matches(|c: char| c.is_ascii_hexdigit()).trim_start(),
                None => line.trim(),
            };
            let line = if line.starts_with("block") { line.to_owned() } else { format!("  {line}") };
            if wanted && !line.trim().is_empty() && !line.trim().starts_with("unwind ") {
                lines.push(line.replacen("  ;; ", "-- ", 1));
            }
        }
    }
    lines.iter().map(|line| format!(";; {line}").trim_end().to_owned() + "\n").collect()
}

/// A file's text in front of its last comment.
fn without_last_comment(source: &str) -> String {
    let lines: Vec<&str> = source.trim_end().lines().collect();
    let kept = lines.iter().rposition(|line| !line.starts_with(";;")).map_or(0, |i| i + 1);
    lines[..kept].join("\n")
}

#[test]
fn golden_files_are_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let bless = std::env::var_os("BAILIWICK_BLESS").is_some();
    let mut files = 0;
    let mut failures = String::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "wat") {
            continue;
        }
        files += 1;
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let source = std::fs::read_to_string(&path).unwrap();
        let module = without_last_comment(&source);
        let expected = format!("{}\n\n{}", module.trim_end(), listing(&folder, &name, &source));
        if source != expected {
            if bless {
                std::fs::write(&path, expected).unwrap();
                continue;
            }
            let difference =
                expected.lines().zip(source.lines().chain(std::iter::repeat(""))).find(|(new, old)| new != old);
            let (new, old) = difference.unwrap_or(("", "it is longer"));
            failures += &format!("{name}: first difference:\n  was {old}\n  now {new}\n");
        }
    }
    assert!(files >= 9, "only {files} files");
    assert!(failures.is_empty(), "{failures}run with BAILIWICK_BLESS=1, and review what changed");
}
