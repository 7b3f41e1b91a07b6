//! Figures: what was measured, and how it spreads.

use std::time::Instant;

/// One figure, or why there is none.
#[derive(Debug)]
pub struct Figure {
    /// The suite that it belongs to.
    pub suite: &'static str,
    /// What is compared in it: figures of one topic stand in one panel of the plot. Empty: the suite as a whole.
    pub topic: String,
    /// Who or what was measured.
    pub name: String,
    /// Of what.
    pub unit: Unit,
    /// Whether it is Bailiwick's; else it is a peer's.
    pub ours: bool,
    /// How many times the figure that its topic is about it is, where there is such a one.
    pub ratio: Option<f64>,
    /// The figure, or why it is missing.
    pub result: Result<Spread, String>,
}

impl Figure {
    /// Bailiwick's time, of no particular topic.
    pub fn time(suite: &'static str, name: &str, result: Result<Spread, String>) -> Figure {
        Figure { suite, topic: String::new(), name: name.to_owned(), unit: Unit::Time, ours: true, ratio: None, result }
    }

    /// The same of values that were measured one by one.
    pub fn of_values(suite: &'static str, name: &str, values: Result<Vec<f64>, String>) -> Figure {
        let spread = |values| Spread::of(values).ok_or_else(|| "it was not measured".to_owned());
        Figure::time(suite, name, values.and_then(spread))
    }

    /// The same as a peer's.
    pub fn of_peer(self) -> Figure {
        Figure { ours: false, ..self }
    }

    /// The same within a topic.
    pub fn about(self, topic: &str) -> Figure {
        Figure { topic: topic.to_owned(), ..self }
    }

    /// The same in another unit.
    pub fn measured_in(self, unit: Unit) -> Figure {
        Figure { unit, ..self }
    }
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Time,
    /// Bytes.
    Bytes,
    /// Pieces.
    Count,
    /// Times something else.
    Ratio,
}

impl Unit {
    /// A number of it, for people.
    pub fn show(self, value: f64) -> String {
        match self {
            Unit::Time if value < 1e3 => format!("{value:.1} ns"),
            Unit::Time if value < 1e6 => format!("{:.2} µs", value / 1e3),
            Unit::Time if value < 1e9 => format!("{:.2} ms", value / 1e6),
            Unit::Time => format!("{:.2} s", value / 1e9),
            Unit::Bytes if value < 10_240.0 => format!("{value:.0} B"),
            Unit::Bytes if value < f64::from(10 << 20) => format!("{:.0} KiB", value / 1024.0),
            Unit::Bytes => format!("{:.1} MiB", value / f64::from(1 << 20)),
            Unit::Count => format!("{value:.1}"),
            Unit::Ratio => format!("{value:.2}×"),
        }
    }
}

/// Many measurements of one thing.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// Half of them are below it.
    pub median: f64,
    /// A quarter of them is below it.
    pub low: f64,
    /// A quarter of them is above it.
    pub high: f64,
}

impl Spread {
    /// Median and quartiles; `None` of nothing.
    pub fn of(mut values: Vec<f64>) -> Option<Spread> {
        values.sort_by(f64::total_cmp);
        let at = |part: f64| values.get((values.len().checked_sub(1)? as f64 * part) as usize).copied();
        Some(Spread { median: at(0.5)?, low: at(0.25)?, high: at(0.75)? })
    }

    /// Nanoseconds that `operation` takes, in `rounds` rounds of `count`.
    pub fn times(rounds: usize, count: u32, mut operation: impl FnMut()) -> Spread {
        let times = (0..rounds.max(3)).map(|_| {
            let begin = Instant::now();
            for _ in 0..count {
                operation();
            }
            begin.elapsed().as_nanos() as f64 / f64::from(count)
        });
        Spread::of(times.collect()).expect("there are three rounds or more")
    }

    /// Each of its numbers over `divisor`.
    pub fn over(self, divisor: f64) -> Spread {
        Spread { median: self.median / divisor, low: self.low / divisor, high: self.high / divisor }
    }
}
