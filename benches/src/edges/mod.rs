//! The price of a call: within a module, between modules linked when compiled or in a group, across an edge; beside Wasmtime's components
//! and another process.
//!
//! Each is a loop inside of what is measured, compiled from the same text as far as it can be, and each run of a loop
//! is checked by what it computed. The runs of all loops are interleaved. A figure is the time of one round of the
//! loop, with the little that the function does, less that of an empty loop that ran just before. Ratios are to an
//! edge's.

mod ours;
mod pipe;
mod text;
mod wasmtime;

use crate::figure::{Figure, Spread};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use text::{Call, PAYLOADS, Payload};
use wasmtime::Wasmtime;

/// Runs a loop once; says how long that took.
pub type Loop = Box<dyn FnMut() -> Result<Duration, String>>;

/// Makes a loop of so many rounds.
pub type Prepare = Box<dyn Fn(u32) -> Result<Loop, String>>;

/// How long one run of a loop is to take: far longer than entering it, and less than a scheduler's time slice.
const RUN: Duration = Duration::from_millis(1);

/// A loop among those that are compared.
struct Subject {
    name: String,
    ours: bool,
    /// Which subject's times are subtracted.
    less: Option<usize>,
    /// Whether the others are compared with it.
    base: bool,
    prepare: Result<Prepare, String>,
}

impl Subject {
    fn ours(name: &str, less: Option<usize>, prepare: Prepare) -> Subject {
        Subject { name: name.to_owned(), ours: true, less, base: false, prepare: Ok(prepare) }
    }

    fn peer(name: &str, less: Option<usize>, prepare: Result<Prepare, String>) -> Subject {
        Subject { name: name.to_owned(), ours: false, less, base: false, prepare }
    }
}

/// A subject's loop, or why there is none, and the nanoseconds of one call in each run.
struct Running {
    looping: Result<(Loop, u32), String>,
    times: Vec<f64>,
}

/// Measures the suite.
pub fn measure(suite: &'static str, rounds: usize, figures: &mut Vec<Figure>) {
    let wasmtime = Wasmtime::start().map(|started| Rc::new(RefCell::new(started)));
    for payload in PAYLOADS {
        let subjects = subjects(payload, &wasmtime);
        let mut running: Vec<Running> = subjects
            .iter()
            .map(|subject| Running {
                looping: subject.prepare.as_ref().map_err(Clone::clone).and_then(|prepare| sized(prepare)),
                times: Vec::new(),
            })
            .collect();
        for _ in 0..rounds.max(3) {
            running.iter_mut().for_each(Running::step);
        }
        let spreads: Vec<_> = subjects.iter().enumerate().map(|(i, s)| spread(i, s.less, &running)).collect();
        let base = subjects.iter().position(|subject| subject.base);
        let base = base.and_then(|base| spreads[base].as_ref().ok()).map(|spread| spread.median);
        for (subject, result) in subjects.iter().zip(spreads) {
            let compared = subject.less.is_some() && !subject.base;
            let ratio = base.filter(|_| compared).zip(result.as_ref().ok()).map(|(base, s)| s.median / base);
            let figure = Figure { ours: subject.ours, ratio, ..Figure::time(suite, &subject.name, result) };
            figures.push(figure.about(&payload.title()));
        }
    }
}

/// Everything that a payload is measured in. A subject comes behind those that it refers to.
fn subjects(payload: Payload, wasmtime: &Result<Rc<RefCell<Wasmtime>>, String>) -> Vec<Subject> {
    let ours = |name: &str, call| Subject::ours(name, Some(0), ours::one_module(payload, call));
    let mut subjects = vec![
        Subject { less: None, ..ours("empty loop, subtracted below", Call::Empty) },
        ours("the function's work in place, no call", Call::InPlace),
        ours("function of the same module", Call::Core),
    ];
    if let Payload::List(_) | Payload::StringThere(_) = payload {
        subjects.push(ours("function of the same module, on a copy", Call::CoreOnCopy));
    }
    subjects.push(Subject::ours("function of another module, linked when compiled", Some(0), ours::linked(payload)));
    subjects.push(Subject::ours("function of another module of the group", Some(0), ours::group(payload)));
    subjects.push(Subject { base: true, ..Subject::ours("across an edge", Some(0), ours::edge(payload)) });
    let version = wasmtime.as_ref().map_or(String::new(), |it| format!(" {}", it.borrow().version));
    let empty = subjects.len();
    for (what, less, call, text) in [
        ("empty loop", None, Call::Empty, payload.one_component(Call::Empty)),
        ("function of the same module", Some(empty), Call::Core, payload.one_component(Call::Core)),
        ("component to component", Some(empty), Call::Lowered, payload.two_components()),
    ] {
        let prepare = wasmtime.as_ref().map(|it| wasmtime::loop_of(it, payload, call, text)).map_err(Clone::clone);
        subjects.push(Subject::peer(&format!("wasmtime{version}: {what}"), less, prepare));
    }
    subjects.push(Subject::peer("pipe to a process and back", Some(0), Ok(pipe::loop_of(payload))));
    subjects
}

/// A loop of as many rounds as take [`RUN`].
fn sized(prepare: &dyn Fn(u32) -> Result<Loop, String>) -> Result<(Loop, u32), String> {
    let mut count = 64u32;
    loop {
        let mut looping = prepare(count)?;
        let time = looping()?.min(looping()?).max(Duration::from_nanos(1));
        if time * 2 >= RUN || count >= 1 << 24 {
            return Ok((looping, count));
        }
        let factor = (RUN.as_nanos() / time.as_nanos()).clamp(2, 200);
        count = count.saturating_mul(factor as u32).min(1 << 24);
    }
}

impl Running {
    fn step(&mut self) {
        let Ok((looping, count)) = &mut self.looping else { return };
        match looping() {
            Ok(time) => self.times.push(time.as_nanos() as f64 / f64::from(*count)),
            Err(why) => self.looping = Err(why),
        }
    }
}

/// What a call adds, round by round: the times of one subject less those of another, if of another.
fn spread(of: usize, less: Option<usize>, running: &[Running]) -> Result<Spread, String> {
    let times = |index: usize| match &running[index].looping {
        Ok(_) => Ok(running[index].times.as_slice()),
        Err(why) => Err(why.clone()),
    };
    let added = match less {
        None => times(of)?.to_vec(),
        Some(less) => times(of)?.iter().zip(times(less)?).map(|(time, less)| time - less).collect(),
    };
    Spread::of(added).ok_or_else(|| "it was not measured".to_owned())
}

/// Is the other process of [`pipe`].
pub fn answer(key: &str) -> Result<(), String> {
    let payload = PAYLOADS.into_iter().find(|payload| payload.key() == key).ok_or("no such payload")?;
    pipe::answer(payload).map_err(|e| e.to_string())
}
