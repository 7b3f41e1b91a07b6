//! A line on a terminal that says how far compilation is.

use std::io::{IsTerminal, Write, stderr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Compilations shorter than this show nothing.
const DELAY: Duration = Duration::from_millis(400);
/// The line changes this often at most.
const INTERVAL: Duration = Duration::from_millis(80);
/// Cells of the bar.
const WIDTH: usize = 24;

/// The line. Standard error that is no terminal gets nothing.
pub struct Progress {
    colour: bool,
    state: Option<Mutex<State>>,
}

struct State {
    next: Instant,
    shown: bool,
}

impl Progress {
    pub fn new() -> Progress {
        let terminal = stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let state = terminal.then(|| Mutex::new(State { next: Instant::now() + DELAY, shown: false }));
        Progress { colour, state }
    }

    /// Shows `done` of `total`, if it is time. Called by all workers: one that finds another at it goes on.
    pub fn update(&self, done: usize, total: usize) {
        let Some(mut state) = self.state.as_ref().and_then(|state| state.try_lock().ok()) else { return };
        let now = Instant::now();
        if now < state.next {
            return;
        }
        state.next = now + INTERVAL;
        state.shown = true;
        // A terminal that went away is no reason to stop.
        let _ = write!(stderr(), "\r{}", line(done, total, self.colour));
    }

    /// Takes the line away.
    pub fn finish(&self) {
        if let Some(Ok(state)) = self.state.as_ref().map(Mutex::lock)
            && state.shown
        {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

fn line(done: usize, total: usize, colour: bool) -> String {
    let full = (done * WIDTH).checked_div(total).unwrap_or(WIDTH).min(WIDTH);
    let (on, off) = if colour { ("\x1b[32m", "\x1b[0m") } else { ("", "") };
    let (bar, rest) = ("█".repeat(full), "░".repeat(WIDTH - full));
    format!("{on}{bar}{off}{rest} {done}/{total} functions")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_one_width_and_colour_only_if_asked() {
        assert_eq!(line(0, 10, false).chars().filter(|&c| c == '░').count(), WIDTH);
        assert_eq!(line(10, 10, false).chars().filter(|&c| c == '█').count(), WIDTH);
        assert!(line(5, 10, true).contains("\x1b[32m") && !line(5, 10, false).contains('\x1b'));
        assert!(line(0, 0, false).contains("0/0"));
    }
}
