//! What reaches a terminal: text that is a stranger's made inert, and standard output that is written or is an error.

use super::exit::{ExitCode, Failure};
use std::io::Write;

/// Text of manifests, modules and names of files, as it can be shown: what would control a terminal, or turn the order of
/// letters around, as its number. Nothing of that is in a program's input but within strings of JSON, where this is how it
/// is written.
pub fn inert(text: &str) -> String {
    let turns =
        |c| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if (c.is_control() && c != '\n' && c != '\t') || turns(c) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

/// Prints, inert; a reader who has gone away is no error of ours.
pub fn print(text: &str) -> Result<ExitCode, Failure> {
    print_raw(inert(text).as_bytes())
}

/// Prints bytes that are this program's own.
pub fn print_raw(bytes: &[u8]) -> Result<ExitCode, Failure> {
    let mut out = std::io::stdout().lock();
    printed(out.write_all(bytes).and_then(|()| out.flush()))
}

/// What becomes of writing to standard output.
pub fn printed(result: std::io::Result<()>) -> Result<ExitCode, Failure> {
    match result {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(e) => Err(Failure::new(format!("can't write to standard output: {e}"))),
    }
}

/// Says a line on standard error, inert, with the program's name.
pub fn say(text: &str) {
    say_line(&format!("bailiwick: {text}"));
}

/// Says a line on standard error, inert.
pub fn say_line(text: &str) {
    // Nobody is there to be told that nobody could be told.
    let _ = writeln!(std::io::stderr(), "{}", inert(text));
}

/// Says on standard error that the usage is wrong, in which the user's own words are quoted.
pub fn usage(said: &str) -> Result<ExitCode, Failure> {
    let _ = std::io::stderr().write_all(inert(said).as_bytes());
    Ok(ExitCode::from(2))
}

#[cfg(test)]
mod tests {
    use super::inert;

    #[test]
    fn what_a_manifest_says_does_not_reach_the_terminal_as_more_than_letters() {
        assert_eq!(inert("a\u{1b}[2Jb\rc\u{9b}d\u{202e}e\u{7f}"), "a\\u001b[2Jb\\u000dc\\u009bd\\u202ee\\u007f");
        assert_eq!(inert("ä → ö\n\tx"), "ä → ö\n\tx");
    }
}
