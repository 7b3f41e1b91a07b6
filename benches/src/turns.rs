//! Operations that take turns: a round of one, a round of the next, and again, so that what else the machine does meets
//! all of them alike. Time is the processor's, of this thread, so that being interrupted is not in it; but of processes,
//! time passes.

use crate::figure::{Figure, Spread};
use rustix::time::{ClockId, clock_gettime};

/// Something that is done over and over.
pub type Repeat<'a> = Box<dyn FnMut() + 'a>;

/// Operations of one topic.
pub struct Turns<'a> {
    suite: &'static str,
    topic: String,
    /// Nanoseconds since some time.
    clock: fn() -> f64,
    subjects: Vec<Subject<'a>>,
}

struct Subject<'a> {
    name: String,
    ours: bool,
    /// How often it is done in a round, and how many operations that is.
    count: u32,
    operations: f64,
    repeat: Result<Repeat<'a>, String>,
    times: Vec<f64>,
}

impl<'a> Turns<'a> {
    /// None yet; they are done by this thread.
    pub fn new(suite: &'static str, topic: &str) -> Turns<'a> {
        Turns { suite, topic: topic.to_owned(), clock: processor_ns, subjects: Vec::new() }
    }

    /// None yet; they are processes that this one waits for.
    pub fn of_processes(suite: &'static str, topic: &str) -> Turns<'a> {
        Turns { clock: passed_ns, ..Turns::new(suite, topic) }
    }

    /// Adds Bailiwick's, done `count` times in each round. Others are compared with the first.
    pub fn ours(&mut self, name: &str, count: u32, repeat: Result<Repeat<'a>, String>) {
        self.add(name, true, count, 1.0, repeat);
    }

    /// Adds a peer's.
    pub fn peer(&mut self, name: &str, count: u32, repeat: Result<Repeat<'a>, String>) {
        self.add(name, false, count, 1.0, repeat);
    }

    /// Adds one that is itself a loop of so many operations.
    pub fn looping(&mut self, name: &str, ours: bool, operations: f64, repeat: Result<Repeat<'a>, String>) {
        self.add(name, ours, 1, operations, repeat);
    }

    fn add(&mut self, name: &str, ours: bool, count: u32, operations: f64, repeat: Result<Repeat<'a>, String>) {
        let (name, times) = (name.to_owned(), Vec::new());
        self.subjects.push(Subject { name, ours, count, operations, repeat, times });
    }

    /// Lets all take `rounds` turns.
    pub fn measure(mut self, rounds: usize, figures: &mut Vec<Figure>) {
        // The first round warms up.
        for round in 0..=rounds.max(3) {
            for subject in &mut self.subjects {
                let time = subject.round(self.clock);
                subject.times.extend(time.filter(|_| round > 0));
            }
        }
        let mut base = None;
        for Subject { name, ours, repeat, times, .. } in self.subjects {
            let result = repeat.and_then(|_| Spread::of(times).ok_or_else(|| "it was not measured".to_owned()));
            let median = result.as_ref().ok().map(|spread| spread.median);
            let ratio = base.zip(median).map(|(base, median): (f64, f64)| median / base);
            base = base.or(median.filter(|_| ours));
            figures.push(Figure { ours, ratio, ..Figure::time(self.suite, &name, result) }.about(&self.topic));
        }
    }
}

impl Subject<'_> {
    /// Nanoseconds of one operation.
    fn round(&mut self, clock: fn() -> f64) -> Option<f64> {
        let repeat = self.repeat.as_mut().ok()?;
        let begin = clock();
        for _ in 0..self.count {
            repeat();
        }
        Some((clock() - begin) / f64::from(self.count) / self.operations)
    }
}

/// Nanoseconds that processors have spent on this thread.
pub fn processor_ns() -> f64 {
    nanoseconds(ClockId::ThreadCPUTime)
}

fn passed_ns() -> f64 {
    nanoseconds(ClockId::Monotonic)
}

fn nanoseconds(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}
