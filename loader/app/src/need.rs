//! What is handed over, held against what a library says that it needs: it gets no more than that, whatever its parent wrote.

use super::cap::{Attenuation, Cap, Stream, derive, list};
use super::limits::Limits;
use super::manifest::{Need, attenuation};
use super::plan::{Slot, default_at};
use super::problem::{Code, Problem};
use crate::gathered;
use bailiwick_loader::wasi::{DirGrant, DirLimits};
use std::collections::{BTreeMap, BTreeSet};

/// Holds what was handed over against what the library says that it needs.
pub(super) fn needs(edge: &str, needs: &BTreeMap<String, Need>, slots: &mut BTreeMap<String, Slot>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut problem = |code, edge, message: String| problems.push(Problem::new(code, edge, message));
    let declared: BTreeSet<&String> = gathered(needs.keys());
    for slot in slots.keys().filter(|slot| !declared.contains(slot)).cloned().collect::<Vec<_>>() {
        let names: Vec<&str> = needs.keys().map(String::as_str).collect();
        problem(Code::Need, edge, format!("slot {slot}: it declares no such need; its needs are: {}", list(&names)));
    }
    for (slot, need) in needs {
        let Some(held) = slots.get_mut(slot) else {
            if !need.optional {
                let why = need.why.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
                let message = format!(
                    "it needs {slot}, of kind {}{why}, and is not handed it: grants.{slot} = {{ from = … }}",
                    need.kind
                );
                problem(Code::Need, edge, message);
            }
            continue;
        };
        if held.cap.kind() != need.kind {
            let message = format!("slot {slot}: it needs {}, and is handed {}", need.kind, held.cap.kind());
            problem(Code::Need, edge, message);
            continue;
        }
        held.why.clone_from(&need.why);
        if let Some(at) = &need.at
            && held.at == default_at(slot)
        {
            held.at.clone_from(at);
        }
        match attenuation(&format!("needs.{slot}"), need.kind, need.narrowed.clone()) {
            Ok(asked) => held.cap = meet(&held.cap, &asked),
            Err(e) => problem(Code::Manifest, edge, e.to_string()),
        }
    }
    problems
}

/// What of a capability lies within what a library asked for: it is handed no more than that, whatever its parent wrote.
pub(super) fn meet(held: &Cap, asked: &Attenuation) -> Cap {
    let least = |held: Option<u64>, asked: Option<u64>| match (held, asked) {
        (Some(held), Some(asked)) => Some(held.min(asked)),
        (held, asked) => held.or(asked),
    };
    let met = match (held, asked) {
        (Cap::Dir { path, grant }, Attenuation::Dir { sub, rights, max_bytes, max_open, cross_mounts }) => Cap::Dir {
            path: sub.as_ref().map_or_else(|| path.clone(), |sub| path.join(sub)),
            grant: DirGrant {
                rights: rights.map_or(grant.rights, |rights| rights.intersection(grant.rights)),
                limits: DirLimits {
                    max_bytes: least(grant.limits.max_bytes, *max_bytes),
                    max_open: least(grant.limits.max_open.map(u64::from), max_open.map(u64::from)).map(|n| n as u32),
                },
                cross_mounts: grant.cross_mounts && cross_mounts.unwrap_or(true),
            },
        },
        (Cap::Stdio { stdin, stdout, stderr }, Attenuation::Stdio { stdin: i, stdout: o, stderr: e }) => {
            let least = |held: Stream, asked: Option<Stream>| match asked {
                Some(asked) if asked < held => asked,
                _ => held,
            };
            Cap::Stdio { stdin: least(*stdin, *i), stdout: least(*stdout, *o), stderr: least(*stderr, *e) }
        }
        (Cap::Env(variables), Attenuation::Env { allow: Some(names) }) => Cap::Env(gathered(
            variables.iter().filter(|(name, _)| names.contains(name)).map(|(n, v)| (n.clone(), v.clone())),
        )),
        // A need that is more than there is changes nothing; one that is less, does.
        _ => derive(held, asked).unwrap_or_else(|_| held.clone()),
    };
    // A stream that is a file stays one or becomes less; nothing else could widen here.
    if held.covers(&met) { met } else { held.clone() }
}

/// The smaller of each limit.
pub(super) fn least(held: &Limits, asked: &Limits) -> Limits {
    fn of<T: Ord>(held: Option<T>, asked: Option<T>) -> Option<T> {
        match (held, asked) {
            (Some(held), Some(asked)) => Some(held.min(asked)),
            (held, asked) => held.or(asked),
        }
    }
    Limits {
        memory: of(held.memory, asked.memory),
        stack: of(held.stack, asked.stack),
        table: of(held.table, asked.table),
        exceptions: of(held.exceptions, asked.exceptions),
        descriptors: of(held.descriptors, asked.descriptors),
        handles: of(held.handles, asked.handles),
        values: of(held.values, asked.values),
        time: of(held.time, asked.time),
        fuel: of(held.fuel, asked.fuel),
    }
}
