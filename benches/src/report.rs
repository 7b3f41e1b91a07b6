//! Figures for people, and for programs.

use crate::bars::Judged;
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

/// The bars, and what became of them.
pub fn bars(bars: &[Judged]) -> String {
    let mut text = String::new();
    for bar in bars {
        let [value, limit, dream, verdict] = bar.cells();
        text += &format!("{:<12} {:<60} {value:>12}   {limit:<12} {dream:<12} {verdict}\n", "bar", bar.what());
    }
    text
}

/// With two digits that mean something.
pub fn significant(ratio: f64) -> String {
    let places = match ratio.abs() {
        0.0 => 0.0,
        size => (1.0 - size.log10().floor()).clamp(0.0, 6.0),
    };
    format!("{ratio:.0$}", places as usize)
}

/// Two lists of objects: the figures, and the bars.
pub fn json(figures: &[Figure], bars: &[Judged]) -> Value {
    let figures: Vec<Value> = figures.iter().map(object).collect();
    let bars: Vec<Value> = bars.iter().map(Judged::json).collect();
    json!({ "figures": figures, "bars": bars })
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
                Unit::Count | Unit::Ratio => "",
            };
            object[format!("median{suffix}")] = json!(s.median);
            object[format!("quartiles{suffix}")] = json!([s.low, s.high]);
        }
        Err(why) => object["missing"] = json!(why),
    }
    object
}
