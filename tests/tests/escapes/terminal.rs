//! Attack 18: text that programmes the terminal that shows it.

use super::grants::{builder, imports};
use super::puppet::Puppet;
use crate::common::{Place, Random, ended, text};
use bailiwick_loader::wasi::{Capture, Output};
use bailiwick_tests::cli::bailiwickc;

/// What terminals obey, each with what of it may be left to be read.
const ESCAPES: &[(&str, &[u8])] = &[
    ("writes to the clipboard", b"\x1b]52;c;c3RvbGVu\x07"),
    ("the same, with another end", b"\x1b]52;c;c3RvbGVu\x1b\\"),
    ("changes the title", b"\x1b]0;title\x07"),
    ("asks for the title as if typed", b"\x1b[21t"),
    ("asks for the state as if typed", b"\x1bP$q\"p\x1b\\"),
    ("asks who it is", b"\x1b[c\x05"),
    ("another screen", b"\x1b[?1049h"),
    ("reports of the mouse", b"\x1b[?1003h"),
    ("clears", b"\x1b[2J\x1b[H"),
    ("resets", b"\x1bc"),
    ("colours", b"\x1b[31mred\x1b[0m"),
    ("a link that is another", b"\x1b]8;;http://evil.test\x1b\\bank\x1b]8;;\x1b\\"),
    ("in one character of Unicode", "\u{9b}2J\u{9d}0;title\u{9c}".as_bytes()),
    ("in one byte", b"\x9b2J\x9d0;title\x9c"),
    ("in an overlong form", b"\xc0\x9b[2J\xe0\x80\x9b[2J"),
    ("writes over the line", b"harmless\rharmful"),
    ("writes over letters", b"harmful\x08\x08\x08less"),
    ("delete", b"a\x7fb"),
    ("another set of letters", b"\x0e\x0f"),
    ("the other direction", "user\u{202e}txt.exe\u{202c}".as_bytes()),
    ("isolated directions", "\u{2066}a\u{2069}\u{200f}\u{61c}".as_bytes()),
    ("the end of the text", b"\x00\x04\x1a"),
];

/// What is left in bytes that a terminal obeys: any control character but tabs and the ends of lines, what changes the
/// direction of text, and what is not UTF-8.
fn obeyed(bytes: &[u8]) -> Option<String> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Some(format!("not UTF-8: {bytes:?}")) };
    let lines = text.replace("\r\n", "\n");
    let bidi = ['\u{61c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}'];
    let isolates = '\u{2066}'..='\u{2069}';
    let obeyed = |c: &char| c.is_control() && !['\n', '\t'].contains(c) || bidi.contains(c) || isolates.contains(c);
    let found = lines.lines().find(|line| line.contains(|c| obeyed(&c)))?;
    Some(format!("{found:?}"))
}

/// A guest whose standard output is a buffer, behind the filter or not.
fn guest(inert: bool) -> (Puppet, Capture) {
    let (mut builder, _) = builder();
    let capture = Capture::new(1 << 20);
    let output = Output::Capture(capture.clone());
    builder.stdout(if inert { output.inert_escapes() } else { output });
    (Puppet::new(&imports(builder)), capture)
}

#[test]
fn nothing_that_a_terminal_obeys_comes_through() {
    for (what, bytes) in ESCAPES {
        let (mut puppet, capture) = guest(true);
        assert_eq!(puppet.write(1, b"before ").expect("to write"), 7);
        assert_eq!(
            puppet.write(1, bytes).expect("to write") as usize,
            bytes.len(),
            "{what}: the guest sees no difference"
        );
        assert_eq!(puppet.write(1, b" after\n").expect("to write"), 7);
        let shown = capture.contents();
        assert_eq!(obeyed(&shown), None, "{what}");
        assert!(shown.starts_with(b"before ") && shown.ends_with(b" after\n"), "{what}: {shown:?}");
    }
}

#[test]
fn however_it_is_cut() {
    for (what, bytes) in ESCAPES {
        let (mut whole, whole_capture) = guest(true);
        whole.write(1, bytes).expect("to write");
        whole.write(1, b"\n").expect("to write");
        let (mut cut, cut_capture) = guest(true);
        for byte in *bytes {
            cut.write(1, &[*byte]).expect("to write");
            assert_eq!(obeyed(&cut_capture.contents()), None, "{what}");
        }
        cut.write(1, b"\n").expect("to write");
        assert_eq!(cut_capture.contents(), whole_capture.contents(), "{what}");
    }
}

#[test]
fn nor_does_anything_else_come_through() {
    let mut random = Random::new(18);
    for _ in 0..300 {
        let (mut puppet, capture) = guest(true);
        for _ in 0..random.below(20) {
            let len = random.below(40);
            let any = |random: &mut Random| random.next() as u8;
            let likely = |random: &mut Random| random.of(b"\x1b[]\r\n\t\x9b\xc2\xe2\x80\xae2J;am\x07");
            let bytes: Vec<u8> =
                (0..len).map(|_| if random.below(2) == 0 { any(&mut random) } else { likely(&mut random) }).collect();
            assert_eq!(puppet.write(1, &bytes).expect("to write") as usize, len);
        }
        assert_eq!(obeyed(&capture.contents()), None);
    }
}

#[test]
fn without_the_filter_it_does() {
    for (what, bytes) in ESCAPES {
        let (mut puppet, capture) = guest(false);
        puppet.write(1, bytes).expect("to write");
        assert_eq!(capture.contents(), *bytes, "{what}");
        assert!(obeyed(&capture.contents()).is_some(), "the attack is broken: {what}");
    }
}

#[test]
fn text_stays_as_it_is() {
    let (mut puppet, capture) = guest(true);
    let text = "plain\ttext\r\nGrüße, 世界 🦀\nend\n";
    for byte in text.as_bytes() {
        puppet.write(1, &[*byte]).expect("to write");
    }
    assert_eq!(String::from_utf8(capture.contents()).expect("text"), text);
}

/// Names that a module gives to its functions, imports and exports come to the terminal in messages.
#[test]
fn names_of_a_module_are_shown_and_not_obeyed() {
    let place = Place::new();
    let evil = r"evil\1b]52;c;c3RvbGVu\07\1b[2J\u{9b}31m\u{202e}";
    let modules = [
        ("trap", format!(r#"(module (func $f (@name "{evil}") unreachable) (func (export "_start") (call $f)))"#)),
        ("import", format!(r#"(module (import "{evil}" "{evil}" (func)) (func (export "_start")))"#)),
        ("export", format!(r#"(module (func (export "{evil}")))"#)),
    ];
    for (what, wat) in modules {
        let (source, output) = (place.file("evil.wat", wat), place.path("evil.bwk"));
        ended(bailiwickc().arg("compile").arg(source).arg("-o").arg(&output)).with(0);
        for arguments in [&["run"][..], &["run", "--invoke", "no such"], &["inspect"], &["inspect", "--json"]] {
            let ended = ended(place.command().args(arguments).arg(text(&output)));
            for out in [&ended.out, &ended.err] {
                assert_eq!(obeyed(out.as_bytes()), None, "{what}, {arguments:?}");
            }
        }
    }
}
