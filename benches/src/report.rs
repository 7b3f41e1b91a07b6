//! Figures for people, and for programs.

use crate::figure::{Figure, Unit};
use serde_json::{Value, json};

/// The table.
pub fn table(figures: &[Figure]) -> String {
    let mut text = String::new();
    let mut before = ("", "");
    for figure in figures {
        let place = (figure.suite, figure.topic.as_str());
        if !figure.topic.is_empty() && place != before {
            text += &format!("{:<12} {}\n", figure.suite, figure.topic);
        }
        before = place;
        let show = |value| figure.unit.show(value);
        let result = match &figure.result {
            Ok(s) => format!("{:>12}   ({} – {})", show(s.median), show(s.low), show(s.high)),
            Err(why) => format!("     missing: {why}"),
        };
        let ratio = figure.ratio.map_or(String::new(), |ratio| format!("   {}×", significant(ratio)));
        let name = if figure.topic.is_empty() { figure.name.clone() } else { format!("  {}", figure.name) };
        text += &format!("{:<12} {name:<46} {result}{ratio}\n", figure.suite);
    }
    text
}

/// With two digits that mean something.
fn significant(ratio: f64) -> String {
    let places = match ratio.abs() {
        0.0 => 0.0,
        size => (1.0 - size.log10().floor()).clamp(0.0, 6.0),
    };
    format!("{ratio:.0$}", places as usize)
}

/// A list of objects, one a figure.
pub fn json(figures: &[Figure]) -> Value {
    figures.iter().map(object).collect()
}

fn object(figure: &Figure) -> Value {
    let mut object = json!({ "suite": figure.suite, "name": figure.name, "ours": figure.ours });
    if !figure.topic.is_empty() {
        object["topic"] = json!(figure.topic);
    }
    if let Some(ratio) = figure.ratio {
        object["ratio"] = json!(ratio);
    }
    match &figure.result {
        Ok(s) => {
            let suffix = match figure.unit {
                Unit::Time => "_ns",
                Unit::Bytes => "_bytes",
                Unit::Count => "",
            };
            object[format!("median{suffix}")] = json!(s.median);
            object[format!("quartiles{suffix}")] = json!([s.low, s.high]);
        }
        Err(why) => object["missing"] = json!(why),
    }
    object
}
