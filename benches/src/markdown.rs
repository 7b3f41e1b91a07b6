//! Figures for readers of Markdown: all of them, and the summary that the README has between two marks.

use crate::bars::Judged;
use crate::code;
use crate::figure::{Figure, Unit};
use crate::report::significant;
use std::fmt::Write;
use std::path::Path;

/// Between these lines a file's text is ours.
const MARKS: (&str, &str) = ("<!-- benchmarks: begin -->\n", "<!-- benchmarks: end -->\n");

/// Replaces what a file has between the marks.
pub fn replace(file: &Path, text: &str) -> Result<(), String> {
    let said = |e: std::io::Error| format!("{}: {e}", file.display());
    let old = std::fs::read_to_string(file).map_err(said)?;
    let missing = || format!("{}: it lacks the lines {} and {}", file.display(), MARKS.0.trim(), MARKS.1.trim());
    let (before, rest) = old.split_once(MARKS.0).ok_or_else(missing)?;
    let (_, after) = rest.split_once(MARKS.1).ok_or_else(missing)?;
    std::fs::write(file, format!("{before}{}{text}{}{after}", MARKS.0, MARKS.1)).map_err(said)
}

/// The bars, and how fast code is.
pub fn summary(figures: &[Figure], bars: &[Judged], machine: &str) -> String {
    let mut text = format!("One run, on {machine}; medians of interleaved rounds.\n\n");
    text += "| | measured | bar | dream | |\n|---|---|---|---|---|\n";
    for bar in bars {
        // Writing to a string does not fail, here and below.
        let _ = writeln!(text, "| {} | {} |", bar.what(), bar.cells().join(" | "));
    }
    let means: Vec<&Figure> = figures.iter().filter(|figure| figure.unit == Unit::Ratio).collect();
    if !means.is_empty() {
        text += "\nRun time of the code, `clang -O3` = 1, geometric means:\n\n";
        text += &matrix(&means, |topic| if topic == code::KERNELS { "kernels" } else { "programs" });
    }
    text
}

/// Everything.
pub fn all(figures: &[Figure], bars: &[Judged], machine: &str) -> String {
    let mut text =
        format!("# Measured\n\nMade by `bailiwick-benches`, see the README.\n\n{}", summary(figures, bars, machine));
    for suite in figures.chunk_by(|a, b| a.suite == b.suite) {
        let Some(first) = suite.first() else { continue };
        let _ = write!(text, "\n## {}\n", first.suite);
        if first.suite == "run" {
            text += "\nTimes over those of `clang -O3`.\n\n";
            let rows: Vec<&Figure> = suite.iter().filter(|figure| figure.unit == Unit::Time).collect();
            text += &matrix(&rows, |topic| topic);
            continue;
        }
        for topic in suite.chunk_by(|a, b| a.topic == b.topic) {
            let Some(first) = topic.first() else { continue };
            let title = if first.topic.is_empty() { first.suite } else { &first.topic };
            let _ = write!(text, "\n| {title} | median | quartiles | |\n|---|---|---|---|\n");
            topic.iter().for_each(|figure| row(&mut text, figure));
        }
    }
    text
}

fn row(text: &mut String, figure: &Figure) {
    let show = |value| figure.unit.show(value);
    let name = if figure.ours { format!("**{}**", figure.name) } else { figure.name.clone() };
    let _ = match &figure.result {
        Ok(s) => {
            let ratio = figure.ratio.map_or(String::new(), |ratio| format!("{}×", significant(ratio)));
            writeln!(text, "| {name} | {} | {} – {} | {ratio} |", show(s.median), show(s.low), show(s.high))
        }
        Err(why) => writeln!(text, "| {name} | missing: {why} | | |"),
    };
}

/// A row for each topic, a column for each name: the ratios, or of figures that are ratios themselves these. The one that
/// all are compared with is left out; what is missing is said below.
fn matrix<'a>(figures: &[&'a Figure], title: impl Fn(&'a str) -> &'a str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for figure in figures {
        if figure.name != code::NATIVE && !names.contains(&figure.name.as_str()) {
            names.push(&figure.name);
        }
    }
    let (mut text, mut missing) = (String::from("| |"), Vec::<String>::new());
    for name in &names {
        let _ = write!(text, " {name} |");
    }
    let _ = writeln!(text, "\n|---{}|", "|---".repeat(names.len()));
    for topic in figures.chunk_by(|a, b| a.topic == b.topic) {
        let Some(first) = topic.first() else { continue };
        let _ = write!(text, "| {} |", title(&first.topic));
        for name in &names {
            let figure = topic.iter().find(|figure| figure.name == *name);
            let cell = figure.and_then(|figure| match &figure.result {
                Ok(spread) => figure.ratio.or((figure.unit == Unit::Ratio).then_some(spread.median)),
                Err(why) => {
                    let said = format!("{name}: {why}");
                    if !missing.contains(&said) {
                        missing.push(said);
                    }
                    None
                }
            });
            let _ = write!(text, " {} |", cell.map_or("–".to_owned(), |ratio| format!("{ratio:.2}")));
        }
        text += "\n";
    }
    for why in missing {
        let _ = writeln!(text, "\nMissing: {why}.");
    }
    text
}
