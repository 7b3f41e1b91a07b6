//! The plots: times as bars on a logarithmic scale, a panel for each topic; ratios as dots, a line for each. As SVG that
//! needs nothing else.

use crate::figure::{Figure, Spread, Unit};
use std::fmt::Write;

const WIDTH: f64 = 860.0;
const ROW: f64 = 22.0;
/// Where bars begin, and where the longest ends; figures stand behind it.
const BARS: (f64, f64) = (330.0, 700.0);

/// Draws all times, those of a suite on one scale; what is missing is said where its bar would be.
pub fn svg(figures: &[Figure]) -> String {
    let times: Vec<&Figure> = figures.iter().filter(|figure| figure.unit == Unit::Time).collect();
    let (mut body, mut y) = (String::new(), 8.0);
    for panel in times.chunk_by(|a, b| (a.suite, &a.topic) == (b.suite, &b.topic)) {
        let suite = panel.first().map_or("", |figure| figure.suite);
        let scale = Scale::of(times.iter().filter(|figure| figure.suite == suite));
        self::panel(&mut body, &mut y, panel, &scale);
    }
    drawing(&body, y)
}

fn drawing(body: &str, height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{body}</svg>\n"
    )
}

fn panel(body: &mut String, y: &mut f64, figures: &[&Figure], scale: &Scale) {
    let Some(first) = figures.first() else { return };
    let title = if first.topic.is_empty() { first.suite } else { &first.topic };
    let height = ROW * figures.len() as f64;
    text(body, 12.0, *y + 16.0, "start", "font-weight=\"bold\" fill=\"#222\"", title);
    let top = *y + 26.0;
    for decade in scale.decades() {
        let x = scale.x(decade);
        // Writing to a string does not fail, here and below.
        let _ = writeln!(body, "<path d=\"M{x:.1} {top}v{height}\" stroke=\"#ddd\"/>");
        text(body, x, top - 4.0, "middle", "font-size=\"10\" fill=\"#777\"", &mark(decade));
    }
    for (row, figure) in figures.iter().enumerate() {
        bar(body, top + ROW * row as f64, scale, figure);
    }
    *y = top + height + 18.0;
}

fn bar(body: &mut String, top: f64, scale: &Scale, figure: &Figure) {
    let line = top + 15.0;
    text(body, BARS.0 - 8.0, line, "end", "fill=\"#222\"", &figure.name);
    let spread = match &figure.result {
        Ok(spread) => spread,
        Err(why) => {
            let why: String = why.chars().take(60).collect();
            return text(
                body,
                BARS.0 + 4.0,
                line,
                "start",
                "font-style=\"italic\" fill=\"#777\"",
                &format!("missing: {why}"),
            );
        }
    };
    let Spread { median, low, high } = *spread;
    let (end, from, to) = (scale.x(median), scale.x(low), scale.x(high));
    let colour = if figure.ours { "#2563a8" } else { "#b9bec5" };
    let (y, width, middle) = (top + 4.0, end - BARS.0, top + ROW / 2.0);
    let _ = writeln!(body, "<rect x=\"{}\" y=\"{y}\" width=\"{width:.1}\" height=\"14\" fill=\"{colour}\"/>", BARS.0);
    let _ = writeln!(body, "<path d=\"M{from:.1} {middle}H{to:.1}\" stroke=\"#222\"/>");
    text(body, to.max(end) + 6.0, line, "start", "fill=\"#222\"", &Unit::Time.show(median));
}

/// Colours of who is compared, in order; the first is ours.
const COLOURS: [&str; 6] = ["#2563a8", "#d9822b", "#3f9142", "#8a5fb0", "#b9bec5", "#c24d63"];

/// Draws the ratios of figures as dots, a line for each topic, for the names given.
pub fn ratios(figures: &[Figure], names: &[&str]) -> String {
    const LEFT: f64 = 130.0;
    let ratio = |figure: &Figure| match (&figure.result, figure.unit) {
        (Ok(spread), Unit::Ratio) => Some(spread.median),
        _ => figure.ratio,
    };
    let shown: Vec<&Figure> = figures.iter().filter(|figure| names.contains(&figure.name.as_str())).collect();
    let values = || shown.iter().filter_map(|figure| ratio(figure));
    let (least, most) = (values().fold(0.8, f64::min) * 0.97, values().fold(1.6, f64::max) * 1.03);
    let x = |value: f64| LEFT + (WIDTH - LEFT - 20.0) * (value / least).ln() / (most / least).ln();
    let topics: Vec<&[&Figure]> = shown.chunk_by(|a, b| a.topic == b.topic).collect();
    let (top, height) = (50.0, ROW * topics.len() as f64);
    let mut body = String::new();
    let mut at = LEFT;
    for (name, colour) in names.iter().zip(COLOURS) {
        let _ = writeln!(body, "<circle cx=\"{at:.1}\" cy=\"14\" r=\"5\" fill=\"{colour}\"/>");
        text(&mut body, at + 10.0, 18.0, "start", "fill=\"#222\"", name);
        at += 30.0 + 7.5 * name.chars().count() as f64;
    }
    for mark in [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0] {
        if (least..=most).contains(&mark) {
            let stroke = if mark == 1.0 { "#888" } else { "#ddd" };
            let _ = writeln!(body, "<path d=\"M{:.1} {top}v{height}\" stroke=\"{stroke}\"/>", x(mark));
            text(&mut body, x(mark), top - 4.0, "middle", "font-size=\"10\" fill=\"#777\"", &format!("{mark}×"));
        }
    }
    for (row, topic) in topics.iter().enumerate() {
        let middle = top + ROW * (row as f64 + 0.5);
        let name = topic.first().map_or("", |figure| figure.topic.split(',').next().unwrap_or_default());
        text(&mut body, LEFT - 8.0, middle + 4.0, "end", "fill=\"#222\"", name);
        // Ours is drawn last, over the others.
        for (name, colour) in names.iter().zip(COLOURS).rev() {
            let value = topic.iter().find(|figure| figure.name == *name).and_then(|figure| ratio(figure));
            if let Some(value) = value {
                let x = x(value);
                let _ = writeln!(body, "<circle cx=\"{x:.1}\" cy=\"{middle}\" r=\"5\" fill=\"{colour}\"/>");
            }
        }
    }
    drawing(&body, top + height + 10.0)
}

/// From a power of ten, in nanoseconds, that is less than any time, to the longest.
struct Scale {
    least: f64,
    most: f64,
}

impl Scale {
    fn of<'a>(figures: impl Iterator<Item = &'a &'a Figure>) -> Scale {
        // Less than a tenth of a nanosecond is no time.
        let spreads = figures.filter_map(|figure| figure.result.as_ref().ok());
        let (least, most) = spreads.fold((f64::INFINITY, 1.0), |(least, most): (f64, f64), spread| {
            (least.min(spread.median.max(0.1)), most.max(spread.high))
        });
        Scale { least: 10f64.powf((least.min(most) / 1.01).log10().floor()), most }
    }

    fn x(&self, nanoseconds: f64) -> f64 {
        let part = (nanoseconds / self.least).max(1.0).log10() / (self.most / self.least).log10();
        BARS.0 + (BARS.1 - BARS.0) * part.min(1.0)
    }

    /// The powers of ten on it, but the one where it begins.
    fn decades(&self) -> impl Iterator<Item = f64> {
        std::iter::successors(Some(self.least * 10.0), |decade| Some(decade * 10.0)).take_while(|&d| d <= self.most)
    }
}

/// A power of ten as an axis has it.
fn mark(nanoseconds: f64) -> String {
    match nanoseconds {
        n if n >= 1e9 => format!("{:.0} s", n / 1e9),
        n if n >= 1e6 => format!("{:.0} ms", n / 1e6),
        n if n >= 1e3 => format!("{:.0} µs", n / 1e3),
        n => format!("{n} ns"),
    }
}

fn text(body: &mut String, x: f64, y: f64, anchor: &str, style: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(body, "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"{anchor}\" {style}>{words}</text>");
}
