//! `bailiwick diff`: what an update can do that what was there before could not.
//!
//! Two locks are compared. New authority, and code that reaches authority which it did not reach before, is a breaking
//! change, whatever the version says.

use crate::app::cap::CapKind;
use crate::app::preview1::{self, Way};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fmt::Write;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The path of the instance.
    pub instance: String,
    /// What kind: stable, for programs.
    pub class: Class,
    /// In words.
    pub message: String,
}

/// What kind of difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// An instance that was not there.
    NewInstance,
    /// Its code reaches an import that it did not reach.
    NewReach,
    /// It calls another instance that it did not call.
    NewCall,
    /// It holds more.
    WiderGrant,
    /// Its bytes changed, and nothing that it reaches.
    Code,
    /// It holds less, or reaches less.
    Narrower,
    /// An instance that is no more there.
    Removed,
}

impl Class {
    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Class::NewInstance => "new-instance",
            Class::NewReach => "new-reach",
            Class::NewCall => "new-call",
            Class::WiderGrant => "wider-grant",
            Class::Code => "code",
            Class::Narrower => "narrower",
            Class::Removed => "removed",
        }
    }

    /// Whether somebody has to accept it.
    pub const fn is_breaking(self) -> bool {
        matches!(self, Class::NewInstance | Class::NewReach | Class::NewCall | Class::WiderGrant)
    }
}

/// The differences between two locks, by instance.
pub fn diff(old: &Value, new: &Value) -> Vec<Change> {
    let instances = |lock: &Value| lock.get("instances").and_then(Value::as_object).cloned().unwrap_or_default();
    let (old, new) = (instances(old), instances(new));
    let mut changes = Vec::new();
    for (path, now) in &new {
        let mut change = |class, message: String| changes.push(Change { instance: path.clone(), class, message });
        let Some(before) = old.get(path) else {
            let reaches = list(&strings(now, "reaches"));
            change(Class::NewInstance, format!("a new instance, {}; its code reaches {reaches}", label(now)));
            continue;
        };
        let version = match (label(before), label(now)) {
            (before, now) if before == now => before,
            (before, now) => format!("{before} → {now}"),
        };
        let (reached, reaches) = (strings(before, "reaches"), strings(now, "reaches"));
        for import in reaches.difference(&reached) {
            change(Class::NewReach, format!("{version}: + {}", described(import)));
        }
        for import in reached.difference(&reaches) {
            change(Class::Narrower, format!("{version}: − {}", described(import)));
        }
        let (called, calls) = (texts(before.get("calls")), texts(now.get("calls")));
        for call in calls.difference(&called) {
            change(Class::NewCall, format!("{version}: + calls {call}"));
        }
        let native = |lock: &Value| texts(Some(&json!(field(lock, "native_sha256"))));
        for hash in native(now).difference(&native(before)) {
            let message = format!("{version}: + machine code that nothing confines, sha256 {hash}");
            change(Class::WiderGrant, message);
        }
        for (key, what) in [("takes_off_handles", "takes off handles"), ("limits", "limits"), ("on_fault", "on_fault")]
        {
            let shown = |lock: &Value| lock.get(key).map(Value::to_string).unwrap_or_default();
            let (was, is) = (shown(before), shown(now));
            if was != is {
                let class = match key {
                    "on_fault" => Class::Code,
                    _ if tighter(before.get(key), now.get(key)) => Class::Narrower,
                    _ => Class::WiderGrant,
                };
                change(class, format!("{version}: {what}: {was} → {is}"));
            }
        }
        let empty = Map::new();
        let held =
            |lock: &Value| lock.get("holds").and_then(Value::as_object).cloned().unwrap_or_else(|| empty.clone());
        let (had, has) = (held(before), held(now));
        for (slot, cap) in &has {
            match had.get(slot) {
                Some(known) if known == cap => {}
                Some(known) => {
                    let class = if narrower(known, cap) { Class::Narrower } else { Class::WiderGrant };
                    change(class, format!("{version}: slot {slot}: {} → {}", shown(known), shown(cap)));
                }
                None => change(Class::WiderGrant, format!("{version}: + slot {slot}: {}", shown(cap))),
            }
        }
        for (slot, cap) in had.iter().filter(|(slot, _)| !has.contains_key(*slot)) {
            change(Class::Narrower, format!("{version}: − slot {slot}: {}", shown(cap)));
        }
        let hashes = |lock: &Value| texts(Some(&json!(field(lock, "sha256"))));
        if hashes(before) != hashes(now) && reaches == reached && called == calls {
            change(Class::Code, format!("{version}: other code; it reaches nothing that it did not reach before"));
        }
    }
    for (path, before) in old.iter().filter(|(path, _)| !new.contains_key(*path)) {
        changes.push(Change {
            instance: path.clone(),
            class: Class::Removed,
            message: format!("no more there: {}", label(before)),
        });
    }
    changes.sort_by_key(|change| (!change.class.is_breaking(), change.instance.clone(), change.class));
    changes
}

fn label(lock: &Value) -> String {
    let text = |key| lock.get(key).and_then(Value::as_str).unwrap_or_default();
    format!("{} {}", text("package"), text("version")).trim().to_owned()
}

/// A field of every module of an instance.
fn field(lock: &Value, name: &str) -> Vec<Value> {
    let modules = lock.get("modules").and_then(Value::as_array).cloned().unwrap_or_default();
    modules.iter().filter_map(|module| module.get(name).cloned()).collect()
}

fn strings(lock: &Value, name: &str) -> BTreeSet<String> {
    field(lock, name).iter().flat_map(|list| texts(Some(list))).collect()
}

fn texts(value: Option<&Value>) -> BTreeSet<String> {
    let list = value.and_then(Value::as_array).cloned().unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn list(imports: &BTreeSet<String>) -> String {
    let mut ways: BTreeSet<String> = imports.iter().map(|import| described(import)).collect();
    ways.retain(|way| !way.is_empty());
    if ways.is_empty() { "nothing".to_owned() } else { ways.into_iter().collect::<Vec<_>>().join(", ") }
}

/// An import with the kinds of what it is a way to.
fn described(import: &str) -> String {
    let way = import.split_once('.').and_then(|(module, name)| preview1::way(module, name));
    match way {
        Some(Way::To(kinds)) => {
            let kinds: Vec<&str> = kinds.iter().copied().map(CapKind::name).collect();
            format!("{import} (a way to {})", kinds.join(", "))
        }
        _ => import.to_owned(),
    }
}

/// Whether every limit is the same or less, and what was taken off handles still is.
fn tighter(before: Option<&Value>, now: Option<&Value>) -> bool {
    let (Some(before), Some(now)) = (before.and_then(Value::as_object), now.and_then(Value::as_object)) else {
        return false;
    };
    before.iter().all(|(key, old)| match (old, now.get(key)) {
        (old, Some(new)) if old == new => true,
        (Value::Null, Some(Value::Number(_))) => true,
        (Value::Number(old), Some(Value::Number(new))) => new.as_u64() <= old.as_u64(),
        _ => false,
    })
}

/// Whether a grant allows no more than another. Only what is plainly less counts: fewer rights, a smaller limit, at the same
/// place.
fn narrower(before: &Value, now: &Value) -> bool {
    let (Some(before), Some(now)) = (before.get("grant"), now.get("grant")) else { return false };
    let (Some(before), Some(now)) = (before.as_object(), now.as_object()) else { return false };
    before.len() == now.len()
        && before.iter().all(|(key, old)| match (old, now.get(key)) {
            (old, Some(new)) if old == new => true,
            (Value::Array(_), Some(new @ Value::Array(_))) if key == "rights" => {
                texts(Some(new)).is_subset(&texts(Some(old)))
            }
            (Value::Null, Some(Value::Number(_))) => key.starts_with("max_"),
            (Value::Number(old), Some(Value::Number(new))) => key.starts_with("max_") && new.as_u64() <= old.as_u64(),
            (Value::Bool(true), Some(Value::Bool(false))) => true,
            _ => false,
        })
}

fn shown(cap: &Value) -> String {
    let kind = cap.get("kind").and_then(Value::as_str).unwrap_or_default();
    let place = cap.get("place").and_then(Value::as_str).filter(|place| !place.is_empty());
    let grant = cap.get("grant").map(Value::to_string).unwrap_or_default();
    format!("{kind}{} {grant}", place.map(|place| format!(" {place}")).unwrap_or_default())
}

/// In words, one line for each.
pub fn text(changes: &[Change]) -> String {
    let mut out = String::new();
    if changes.is_empty() {
        out.push_str("no difference\n");
    }
    for change in changes {
        let mark = if change.class.is_breaking() { "!" } else { " " };
        let _ = writeln!(out, "{mark} {} {}", change.instance, change.message);
    }
    out
}

/// For programs.
pub fn json(changes: &[Change]) -> Value {
    let changes: Vec<Value> = changes
        .iter()
        .map(|change| {
            json!({
                "instance": change.instance,
                "class": change.class.name(),
                "breaking": change.class.is_breaking(),
                "message": change.message,
            })
        })
        .collect();
    json!({"changes": changes})
}
