//! What reaches a terminal: text that is a stranger's made inert.

use std::io::{self, Write};

/// Messages quote a stranger's module and WIT, and names of files: what would control a terminal, or turn the order of
/// letters around, becomes its number.
pub fn inert(text: &str) -> String {
    let turns =
        |c| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let shown = |c: char| match c {
        '\n' | '\t' => c.to_string(),
        c if c.is_control() || turns(c) => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    };
    text.chars().map(shown).collect()
}

/// Says something on standard error, inert, with the program's name.
pub fn say(message: &str) {
    // Nobody is there to be told that nobody could be told.
    let _ = writeln!(io::stderr(), "bailiwickc: {}", inert(message));
}

#[cfg(test)]
mod tests {
    use super::inert;

    #[test]
    fn nothing_that_drives_a_terminal_is_left() {
        assert_eq!(inert("a\u{1b}[2Jb\rc\u{9b}d\u{202e}e\u{7f}"), "a\\u001b[2Jb\\u000dc\\u009bd\\u202ee\\u007f");
        assert_eq!(inert("ä → ö\n\tx"), "ä → ö\n\tx");
    }
}
