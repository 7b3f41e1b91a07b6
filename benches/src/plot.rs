//! The plot: times as bars on a logarithmic scale, a panel for each topic, as SVG that needs nothing else.

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
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" font-family=\"sans-serif\" \
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
