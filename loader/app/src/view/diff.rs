//! `bailiwick diff`: what an update can do that what was there before could not.
//!
//! Two locks are compared. New authority, and code that reaches authority which it did not reach before, is a breaking
//! change, whatever the version says. What is more and what is less is decided by the order that narrows
//! ([`Cap::covers`], [`Limits::covers`](crate::limits::Limits::covers)); what that can't tell counts as more.

use super::facts::{limits_that_differ, read_grant, read_limits, read_taken, words};
use crate::cap::{Cap, CapKind, SubPath};
use crate::preview1::{self, Way};
use crate::virt::Virt;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fmt::Write;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The path of the instance; of what the application names of the host, `[host] NAME`.
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
    /// Another package stands in its place.
    NewPackage,
    /// Its code reaches an import that it did not reach.
    NewReach,
    /// It calls another instance that it did not call.
    NewCall,
    /// Another instance, or none any more, stands between it and the world, or answers what it imports.
    Between,
    /// It holds more, or may use up more.
    WiderGrant,
    /// Its death does something else to its caller.
    OnFault,
    /// Other bytes go by the same name and version.
    SameVersion,
    /// Its bytes or its version changed, and nothing that it reaches.
    Code,
    /// It holds less, may use up less, or reaches less.
    Narrower,
    /// An instance that is no more there.
    Removed,
}

impl Class {
    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Class::NewInstance => "new-instance",
            Class::NewPackage => "new-package",
            Class::NewReach => "new-reach",
            Class::NewCall => "new-call",
            Class::Between => "between",
            Class::WiderGrant => "wider-grant",
            Class::OnFault => "on-fault",
            Class::SameVersion => "same-version",
            Class::Code => "code",
            Class::Narrower => "narrower",
            Class::Removed => "removed",
        }
    }

    /// Whether somebody has to accept it.
    pub const fn is_breaking(self) -> bool {
        matches!(
            self,
            Class::NewInstance
                | Class::NewPackage
                | Class::NewReach
                | Class::NewCall
                | Class::Between
                | Class::WiderGrant
                | Class::OnFault
                | Class::SameVersion
        )
    }

    /// What stands in front of it: `!` breaks, and so does `?`, about which somebody should be asked first.
    const fn mark(self) -> char {
        match self {
            Class::SameVersion => '?',
            _ if self.is_breaking() => '!',
            _ => ' ',
        }
    }
}

/// The differences between two locks, by instance.
pub fn diff(old: &Value, new: &Value) -> Vec<Change> {
    let part = |lock: &Value, key: &str| lock.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
    let mut changes = Vec::new();
    let (had, has) = (part(old, "host"), part(new, "host"));
    for name in had.keys().chain(has.keys().filter(|name| !had.contains_key(*name))) {
        let mut found = Found { instance: format!("[host] {name}"), changes: &mut changes };
        found.held("", "", had.get(name), has.get(name));
    }
    let (old, new) = (part(old, "instances"), part(new, "instances"));
    for (path, now) in &new {
        let mut found = Found { instance: path.clone(), changes: &mut changes };
        match old.get(path) {
            Some(before) => found.instance(before, now),
            None => {
                let reaches = list(&strings(now, "reaches"));
                found.add(Class::NewInstance, format!("a new instance, {}; its code reaches {reaches}", label(now)));
            }
        }
    }
    for (path, before) in old.iter().filter(|(path, _)| !new.contains_key(*path)) {
        let mut found = Found { instance: path.clone(), changes: &mut changes };
        found.add(Class::Removed, format!("no more there: {}", label(before)));
    }
    changes.sort_by_key(|change| (change.class > Class::SameVersion, change.instance.clone(), change.class));
    changes
}

/// What is found about one instance.
struct Found<'a> {
    instance: String,
    changes: &'a mut Vec<Change>,
}

impl Found<'_> {
    fn add(&mut self, class: Class, message: String) {
        self.changes.push(Change { instance: self.instance.clone(), class, message });
    }

    fn instance(&mut self, before: &Value, now: &Value) {
        let version = match (label(before), label(now)) {
            (before, now) if before == now => before,
            (before, now) => format!("{before} → {now}"),
        };
        let begin = if version.is_empty() { String::new() } else { format!("{version}: ") };
        let (reached, reaches) = (strings(before, "reaches"), strings(now, "reaches"));
        for import in reaches.difference(&reached) {
            self.add(Class::NewReach, format!("{begin}+ {}", described(import)));
        }
        for import in reached.difference(&reaches) {
            self.add(Class::Narrower, format!("{begin}− {}", described(import)));
        }
        let (called, calls) = (texts(before.get("calls")), texts(now.get("calls")));
        for call in calls.difference(&called) {
            self.add(Class::NewCall, format!("{begin}+ calls {call}"));
        }
        for call in called.difference(&calls) {
            self.add(Class::Narrower, format!("{begin}− calls {call}"));
        }
        self.between(&begin, before.get("imports"), now.get("imports"));
        let native = |lock: &Value| texts(Some(&json!(field(lock, "native_sha256"))));
        for hash in native(now).difference(&native(before)) {
            self.add(Class::WiderGrant, format!("{begin}+ machine code that nothing confines, sha256 {hash}"));
        }
        self.taken(&begin, before.get("takes_off_handles"), now.get("takes_off_handles"));
        let (none, limits) = (Value::Null, |lock: &Value| lock.get("limits").cloned());
        let (was, is) = (limits(before).unwrap_or_else(|| none.clone()), limits(now).unwrap_or(none));
        if was != is {
            let less = read_limits(&was).covers(&read_limits(&is));
            let class = if less { Class::Narrower } else { Class::WiderGrant };
            self.add(class, format!("{begin}{}", limits_that_differ(&was, &is).join(", ")));
        }
        let on_fault = |lock: &Value| lock.get("on_fault").and_then(Value::as_str).unwrap_or_default().to_owned();
        if on_fault(before) != on_fault(now) {
            self.add(Class::OnFault, format!("{begin}on_fault: {} → {}", on_fault(before), on_fault(now)));
        }
        let empty = Map::new();
        let held =
            |lock: &Value| lock.get("holds").and_then(Value::as_object).cloned().unwrap_or_else(|| empty.clone());
        let (had, has) = (held(before), held(now));
        for slot in had.keys().chain(has.keys().filter(|slot| !had.contains_key(*slot))) {
            self.held(&begin, &format!("slot {slot}: "), had.get(slot), has.get(slot));
        }
        self.identity(&begin, before, now);
    }

    /// Compares what a slot holds, or what a resource of the host allows.
    fn held(&mut self, begin: &str, slot: &str, before: Option<&Value>, now: Option<&Value>) {
        let (class, message) = match (before, now) {
            (None, None) => return,
            (Some(before), Some(now)) if before == now => return,
            (None, Some(now)) => (Class::WiderGrant, format!("+ {slot}{}", words(now))),
            (Some(before), None) => (Class::Narrower, format!("− {slot}{}", words(before))),
            (Some(before), Some(now)) => {
                let mut message = format!("{slot}{} → {}", words(before), words(now));
                let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
                for (key, what) in [("from", "it comes from"), ("at", "its name is")] {
                    let (was, is) = (text(before, key), text(now, key));
                    if was != is {
                        message.push_str(&format!("; {what} {is}, no longer {was}"));
                    }
                }
                (if narrower(before, now) { Class::Narrower } else { Class::WiderGrant }, message)
            }
        };
        self.add(class, format!("{begin}{message}"));
    }

    /// Compares who answers what it imports. None of it is less: whom nobody confines any more reaches what it holds by
    /// itself, and who confines somebody sees all of that, and says what it is.
    fn between(&mut self, begin: &str, before: Option<&Value>, now: Option<&Value>) {
        let none = Map::new();
        let (was, is) = (before.and_then(Value::as_object), now.and_then(Value::as_object));
        let (was, is) = (was.unwrap_or(&none), is.unwrap_or(&none));
        let shown = |one: &Value| {
            let text = |key: &str| one.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            format!("{} of {}", text("interface"), text("by"))
        };
        for name in was.keys().chain(is.keys().filter(|name| !was.contains_key(*name))) {
            let message = match (was.get(name), is.get(name)) {
                (Some(old), Some(new)) if old == new => continue,
                (Some(old), Some(new)) => format!("imports.{name}: {} → {}", shown(old), shown(new)),
                (Some(old), None) => match Virt::from_name(name) {
                    Some(_) => {
                        format!("− imports.{name}: {} no longer stands between it and what it holds itself", shown(old))
                    }
                    None => format!("− imports.{name}: {} no longer answers it", shown(old)),
                },
                (None, Some(new)) => format!("+ imports.{name}: {} answers it", shown(new)),
                (None, None) => continue,
            };
            self.add(Class::Between, format!("{begin}{message}"));
        }
    }

    /// Compares what an edge takes off handles.
    fn taken(&mut self, begin: &str, before: Option<&Value>, now: Option<&Value>) {
        let flat = |taken: Option<&Value>| -> Map<String, Value> {
            let functions = taken.and_then(Value::as_object).into_iter().flatten();
            functions
                .flat_map(|(function, of)| {
                    let parameters = of.as_object().into_iter().flatten();
                    parameters.map(move |(name, taken)| (format!("{function}.{name}"), taken.clone()))
                })
                .collect()
        };
        let (was, is) = (flat(before), flat(now));
        for key in was.keys().chain(is.keys().filter(|key| !was.contains_key(*key))) {
            let (old, new) = (was.get(key), is.get(key));
            if old == new {
                continue;
            }
            let less = matches!((read_taken(old), read_taken(new)), (Some(old), Some(new)) if old.covers(&new));
            let class = if less { Class::Narrower } else { Class::WiderGrant };
            let shown = |taken: Option<&Value>| match taken {
                Some(taken) => words(&json!({"kind": "dir", "place": taken["sub"], "grant": taken})),
                None => "all that its caller has".to_owned(),
            };
            self.add(class, format!("{begin}the handle {key} is at most: {} → {}", shown(old), shown(new)));
        }
    }

    /// Compares what it is made of.
    fn identity(&mut self, begin: &str, before: &Value, now: &Value) {
        let package = |lock: &Value| lock.get("package").and_then(Value::as_str).unwrap_or_default().to_owned();
        if package(before) != package(now) {
            self.add(Class::NewPackage, format!("{begin}another package in its place"));
        }
        let version = |lock: &Value| lock.get("version").and_then(Value::as_str).unwrap_or_default().to_owned();
        let same_label = package(before) == package(now) && version(before) == version(now);
        let hashes = |lock: &Value| json!(field(lock, "sha256"));
        let interfaces = |lock: &Value| json!(field(lock, "interface"));
        let said = |classes: &[Class]| {
            self.changes.iter().any(|change| change.instance == self.instance && classes.contains(&change.class))
        };
        let more = said(&[Class::NewReach, Class::NewCall]);
        let reaches = if more { "" } else { "; it reaches nothing that it did not reach before" };
        if hashes(before) != hashes(now) && same_label && !version(now).is_empty() {
            let message = format!(
                "{begin}OTHER CODE UNDER THE SAME VERSION{reaches}: ask whoever made it why its version is the same"
            );
            self.add(Class::SameVersion, message);
        } else if hashes(before) != hashes(now) && !more {
            self.add(Class::Code, format!("{begin}other code{reaches}"));
        } else if hashes(before) == hashes(now) && !same_label {
            self.add(Class::Code, format!("{begin}the same code under another name or version"));
        }
        if interfaces(before) != interfaces(now) {
            self.add(Class::Code, format!("{begin}other WIT types of what it imports or exports"));
        }
        if before.get("shared") != now.get("shared") {
            let shared = now.get("shared") == Some(&json!(true));
            let what = if shared { "is now shared by several" } else { "is no longer shared" };
            self.add(if shared { Class::NewCall } else { Class::Narrower }, format!("{begin}it {what}"));
        }
    }
}

fn label(lock: &Value) -> String {
    let text = |key| lock.get(key).and_then(Value::as_str).unwrap_or_default();
    format!("{} {}", text("package"), text("version")).trim().to_owned()
}

/// A field of every module of an instance, in their order.
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
    let net = Virt::Net.interface();
    if import.strip_prefix(net).is_some_and(|rest| rest.starts_with('.')) {
        return format!(
            "{import} (a way to {})",
            Virt::Net.kinds().iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ")
        );
    }
    let way = import.split_once('.').and_then(|(module, name)| preview1::way(module, name));
    match way {
        Some(Way::To(kinds)) => {
            let kinds: Vec<&str> = kinds.iter().copied().map(CapKind::name).collect();
            format!("{import} (a way to {})", kinds.join(", "))
        }
        _ => import.to_owned(),
    }
}

/// Whether what is held now is no more than what was: by the one order, and from the same place.
fn narrower(before: &Value, now: &Value) -> bool {
    let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let read = |of: &Value| read_grant(&text(of, "kind"), of.get("grant")?);
    let (Some(was), Some(is)) = (read(before), read(now)) else { return false };
    // A quota is shared by all that have it from the same.
    if text(before, "from") != text(now, "from") {
        return false;
    }
    let files = |of: &Value| of.get("files").and_then(Value::as_object).cloned().unwrap_or_default();
    let (had, has) = (files(before), files(now));
    has.iter().all(|(stream, file)| had.get(stream) == Some(file))
        && was.covers(&is)
        && root_of(before, &was) == root_of(now, &is)
}

/// The folder of the host that a folder lies below: its place without its own path.
fn root_of(held: &Value, cap: &Cap) -> Option<String> {
    let place = held.get("place").and_then(Value::as_str).unwrap_or_default();
    match cap {
        Cap::Dir { path, .. } if *path != SubPath::default() => {
            place.strip_suffix(&path.to_string()).map(|root| root.trim_end_matches('/').to_owned())
        }
        _ => Some(place.trim_end_matches('/').to_owned()),
    }
}

/// In words, one line for each.
pub fn text(changes: &[Change]) -> String {
    let mut out = String::new();
    if changes.is_empty() {
        out.push_str("no difference\n");
    }
    for change in changes {
        let _ = writeln!(out, "{} {} {}", change.class.mark(), change.instance, change.message);
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
