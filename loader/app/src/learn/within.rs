//! Whether one plan is within another, and in what it is less.

use crate::cap::{Attenuation, Cap, CapKind, Random, SubPath, derive};
use crate::manifest::attenuation;
use crate::plan::{Node, Plan};
use bailiwick_loader::wasi::DirGrant;
use std::collections::BTreeMap;
use toml::Table;

/// Something that is less than it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The path of the instance.
    pub instance: String,
    /// The slot, or `call.FUNCTION.PARAMETER`.
    pub slot: String,
    /// What it held.
    pub before: String,
    /// What it holds; `None`: nothing any more.
    pub after: Option<String>,
}

/// Everything in which `new` is not within `old`: empty if it is.
pub fn wider(old: &Plan, new: &Plan) -> Vec<String> {
    let mut wider = Vec::new();
    let mut unless = |fine: bool, what: String| {
        if !fine {
            wider.push(what);
        }
    };
    unless(old.folder == new.folder, "another folder".to_owned());
    for (name, resource) in &new.host {
        let held = old.host.get(name).is_some_and(|held| {
            let files = held.files.iter().zip(&resource.files);
            let named = files.into_iter().all(|(held, file)| file.is_none() || held == file);
            held.cap.covers(&resource.cap) && held.path == resource.path && named
        });
        unless(held, format!("host.{name}"));
    }
    unless(old.nodes.len() == new.nodes.len(), "other instances".to_owned());
    for (was, is) in old.nodes.iter().zip(&new.nodes) {
        node(was, is, &mut unless);
    }
    wider
}

fn node(was: &Node, is: &Node, unless: &mut dyn FnMut(bool, String)) {
    let path = &is.path;
    unless(was.path == is.path && was.parent == is.parent && was.shared == is.shared, format!("{path}: its place"));
    unless(was.package == is.package && was.manifest == is.manifest, format!("{path}: its package"));
    let code =
        was.members.len() == is.members.len()
            && was.members.iter().zip(&is.members).all(|(was, is)| {
                (&was.name, &was.file, was.artifact.bytes()) == (&is.name, &is.file, is.artifact.bytes())
            });
    unless(code, format!("{path}: its code"));
    unless(was.limits == is.limits && was.on_fault == is.on_fault, format!("{path}: its limits"));
    unless(was.callees == is.callees && was.provides == is.provides, format!("{path}: whom it calls"));
    unless(was.virtuals == is.virtuals, format!("{path}: who stands between it and the world"));
    for (slot, held) in &is.slots {
        let within = was
            .slots
            .get(slot)
            .is_some_and(|before| before.cap.covers(&held.cap) && before.from == held.from && before.at == held.at);
        unless(within, format!("{path}: slot {slot}"));
    }
    // Without a slot, numbers are the host's.
    let seeded = |node: &Node| node.slots.values().any(|slot| matches!(slot.cap, Cap::Random(Random::Seeded(_))));
    unless(!seeded(was) || seeded(is), format!("{path}: its random numbers"));
    for (function, parameters) in &was.call {
        for (parameter, table) in parameters {
            let now = is.call.get(function).and_then(|parameters| parameters.get(parameter));
            let within = match (brought(Some(table)), brought(now)) {
                (Some(before), Some(now)) => before.covers(&now),
                _ => false,
            };
            unless(within, format!("{path}: call.{function}.{parameter}"));
        }
    }
}

/// What is left of a folder with every right that a call brings.
fn brought(table: Option<&Table>) -> Option<Cap> {
    let all = Cap::Dir { path: SubPath::default(), grant: DirGrant { cross_mounts: true, ..DirGrant::all() } };
    let Some(table) = table else { return Some(all) };
    let asked: Attenuation = attenuation("call", CapKind::Dir, table.clone()).ok()?;
    derive(&all, &asked).ok()
}

/// In what `new` is less than `old`.
pub fn changes(old: &Plan, new: &Plan) -> Vec<Change> {
    let mut changes = Vec::new();
    for (was, is) in old.nodes.iter().zip(&new.nodes) {
        let mut less = |slot: String, before: String, after: Option<String>| {
            changes.push(Change { instance: is.path.clone(), slot, before, after });
        };
        for (slot, held) in &was.slots {
            let now = is.slots.get(slot).map(|slot| &slot.cap);
            if now != Some(&held.cap) {
                less(slot.clone(), words(&held.cap), now.map(words));
            }
        }
        let empty = BTreeMap::new();
        for (function, parameters) in &is.call {
            for (parameter, table) in parameters {
                let before = was.call.get(function).unwrap_or(&empty).get(parameter);
                let (before, now) = (brought(before), brought(Some(table)));
                if let (Some(before), Some(now)) = (before, now)
                    && before != now
                {
                    less(format!("call.{function}.{parameter}"), words(&before), Some(words(&now)));
                }
            }
        }
    }
    changes
}

/// A capability in few words.
fn words(cap: &Cap) -> String {
    match cap {
        Cap::Dir { grant, .. } => grant.rights.to_string(),
        Cap::Stdio { stdin, stdout, stderr } => {
            format!("stdin {}, stdout {}, stderr {}", stdin.name(), stdout.name(), stderr.name())
        }
        Cap::Env(names) if names.is_empty() => "no variables".to_owned(),
        Cap::Env(names) => names.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
        Cap::Args { command_line, .. } => if *command_line { "the command line" } else { "fixed arguments" }.to_owned(),
        Cap::Clock(crate::cap::Clock::Virtual) => "a virtual clock".to_owned(),
        Cap::Tcp(net) | Cap::Udp(net) => format!("connect {}, listen {}", texts(&net.connect), texts(&net.listen)),
        Cap::Dns(dns) => format!("look up {}", texts(&dns.allow)),
        other => format!("{}", other.kind()),
    }
}

/// A list in few words.
fn texts<T: ToString>(list: &[T]) -> String {
    match list {
        [] => "nothing".to_owned(),
        list => list.iter().map(T::to_string).collect::<Vec<_>>().join(" "),
    }
}
