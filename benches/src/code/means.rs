//! Geometric means of ratios to native, for each engine, over what all engines have figures of.

use super::{NATIVE, build};
use crate::figure::{Figure, Spread, Unit};
use std::collections::BTreeSet;

/// The topic of the means over kernels, and of those over programs.
pub const KERNELS: &str = "all kernels, geometric mean, native = 1";
/// See [`KERNELS`].
pub const PROGRAMS: &str = "all programs, geometric mean, native = 1";

/// The means of a suite's figures. An engine that has none at all is missing, and leaves the others' subjects alone; a
/// subject that one of the rest lacks counts for nobody, so that all means are over the same.
pub fn of(suite: &'static str, figures: &[Figure]) -> Vec<Figure> {
    let mut means = Vec::new();
    for (topic, programs) in [(KERNELS, false), (PROGRAMS, true)] {
        let figures: Vec<&Figure> = figures.iter().filter(|f| build::is_program(&f.topic) == programs).collect();
        let ratio = |engine: &str, subject: &str| {
            figures.iter().find(|f| f.name == engine && f.topic == subject).and_then(|figure| figure.ratio)
        };
        let mut engines: Vec<&Figure> = Vec::new();
        for figure in &figures {
            if figure.name != NATIVE && !engines.iter().any(|engine| engine.name == figure.name) {
                engines.push(figure);
            }
        }
        let subjects: BTreeSet<&str> = figures.iter().map(|figure| figure.topic.as_str()).collect();
        let present: Vec<&str> = engines
            .iter()
            .map(|engine| engine.name.as_str())
            .filter(|engine| subjects.iter().any(|subject| ratio(engine, subject).is_some()))
            .collect();
        let whole: Vec<&str> = subjects
            .iter()
            .copied()
            .filter(|subject| present.iter().all(|engine| ratio(engine, subject).is_some()))
            .collect();
        for engine in engines {
            let ratios: Vec<f64> = whole.iter().filter_map(|subject| ratio(&engine.name, subject)).collect();
            let result = match ratios.len() {
                n if n == whole.len() && n > 0 => Ok(mean(ratios)),
                _ => Err(engine.result.as_ref().err().cloned().unwrap_or_else(|| "nothing was measured".to_owned())),
            };
            let mean = Figure { ours: engine.ours, ..Figure::time(suite, &engine.name, result) };
            means.push(mean.measured_in(Unit::Ratio).about(topic));
        }
    }
    means
}

/// The geometric mean; the quartiles are those of the ratios.
fn mean(ratios: Vec<f64>) -> Spread {
    let logarithm = ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64;
    let spread = Spread::of(ratios).expect("there is one at least");
    Spread { median: logarithm.exp(), ..spread }
}
