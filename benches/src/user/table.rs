//! What came out, for people and for programs.

use super::{Compared, Measured};
use crate::figure::Unit;
use crate::report::significant;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The tables of one module: variants, then functions.
pub fn text(compared: &Compared, functions: usize) -> String {
    let mut text = format!("{}\n\n", compared.file.display());
    for (index, one) in compared.variants.iter().enumerate() {
        // Writing to a string does not fail, here and below.
        let _ = writeln!(text, "  {}  {}", letter(index), one.name);
    }
    let _ = writeln!(
        text,
        "\n  {:>3} {:>12} {:>27} {:>7} {:>12} {:>12} {:>9} {:>9} {:>9}",
        "", "time", "(quartiles)", "", "compiling", "code", "spills", "reloads", "frames"
    );
    let base = compared.variants.first().and_then(|first| first.time.as_ref().ok()).map(|spread| spread.median);
    for (index, one) in compared.variants.iter().enumerate() {
        let _ = writeln!(text, "  {:>3} {}", letter(index), row(one, base));
    }
    text + &functions_of(compared, functions)
}

fn row(one: &Measured, base: Option<f64>) -> String {
    let show = |time| Unit::Time.show(time);
    let compiled = match &one.compiled {
        Ok(compiled) => compiled,
        Err(why) => return why.clone(),
    };
    let time = match &one.time {
        Ok(spread) => {
            let quartiles = format!("({} – {})", show(spread.low), show(spread.high));
            let ratio = base.map_or(String::new(), |base| format!("{}×", significant(spread.median / base)));
            format!("{:>12} {quartiles:>27} {ratio:>7}", show(spread.median))
        }
        Err(why) => format!("{why:>48}"),
    };
    let sum = |of: fn(&super::variant::Function) -> u32| compiled.functions.iter().map(of).map(u64::from).sum::<u64>();
    format!(
        "{time} {:>12} {:>12} {:>9} {:>9} {:>9}",
        show(compiled.compile_time),
        Unit::Bytes.show(compiled.text_bytes as f64),
        sum(|function| function.stack.stores),
        sum(|function| function.stack.loads),
        sum(|function| function.stack.frame),
    )
}

/// The functions that matter most, each with its share of the time, its bytes and its moves to and from the stack.
fn functions_of(compared: &Compared, most: usize) -> String {
    let variants = &compared.variants;
    let mut names: BTreeMap<&str, (f64, u32)> = BTreeMap::new();
    for one in variants {
        for function in one.compiled.iter().flat_map(|compiled| &compiled.functions) {
            let entry = names.entry(&function.name).or_default();
            entry.0 = entry.0.max(time_in(one, &function.name).unwrap_or(0.0));
            entry.1 = entry.1.max(function.bytes);
        }
    }
    let mut order: Vec<(&str, (f64, u32))> = names.into_iter().collect();
    order.sort_by(|a, b| b.1.0.total_cmp(&a.1.0).then(b.1.1.cmp(&a.1.1)));
    let mut text = String::from("\n  function: time · bytes · spills and reloads");
    for index in 0..variants.len() {
        let _ = write!(text, "{:>30}", letter(index));
    }
    text += "\n";
    for (name, _) in order.into_iter().take(most) {
        let shown: String = name.chars().take(42).collect();
        let _ = write!(text, "  {shown:<43}");
        for one in variants {
            let function = one.compiled.iter().flat_map(|it| &it.functions).find(|function| function.name == name);
            let cell = function.map_or("–".to_owned(), |function| {
                let time = time_in(one, name).map_or("–".to_owned(), |time| Unit::Time.show(time));
                let (stores, loads) = (function.stack.stores, function.stack.loads);
                format!("{time} · {} · {stores}+{loads}", function.bytes)
            });
            let _ = write!(text, "{cell:>30}");
        }
        text += "\n";
    }
    text + "\n"
}

/// How much of a run's time is in a function, by its part of the samples.
fn time_in(one: &Measured, name: &str) -> Option<f64> {
    let spread = one.time.as_ref().ok()?;
    let all = one.samples.inside + one.samples.outside;
    let here = one.samples.by_function.get(name).copied().unwrap_or(0);
    (all > 0).then(|| spread.median * here as f64 / all as f64)
}

fn letter(index: usize) -> String {
    match u8::try_from(index) {
        Ok(small @ 0..26) => char::from(b'A' + small).to_string(),
        _ => format!("#{}", index + 1),
    }
}

/// Everything.
pub fn json(compared: &[Compared]) -> Value {
    let module = |one: &Compared| {
        let variants: Vec<Value> = one.variants.iter().map(variant).collect();
        json!({ "file": one.file, "variants": variants })
    };
    compared.iter().map(module).collect()
}

fn variant(one: &Measured) -> Value {
    let mut object = json!({ "name": one.name });
    match &one.time {
        Ok(s) => object["time_ns"] = json!({ "median": s.median, "quartiles": [s.low, s.high] }),
        Err(why) => object["missing"] = json!(why),
    }
    if let Ok(compiled) = &one.compiled {
        object["compile_ns"] = json!(compiled.compile_time);
        object["artifact_bytes"] = json!(compiled.bytes);
        object["text_bytes"] = json!(compiled.text_bytes);
        object["samples"] = json!({ "guest": one.samples.inside, "host": one.samples.outside });
        let functions = compiled.functions.iter().map(|function| {
            json!({
                "name": function.name, "bytes": function.bytes, "frame_bytes": function.stack.frame,
                "spills": function.stack.stores, "reloads": function.stack.loads,
                "time_ns": time_in(one, &function.name),
                "samples": one.samples.by_function.get(&function.name).copied().unwrap_or(0),
            })
        });
        object["functions"] = functions.collect();
    }
    object
}
