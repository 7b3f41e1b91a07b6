//! What is suspicious about an application that is in order: it runs all the same.

use super::cap::Cap;
use super::check::{Import, Wiring};
use super::files::shown;
use super::manifest::OnFault;
use super::net::{Endpoint, HostPattern};
use super::plan::{Node, NodeId, Origin, Plan};
use super::problem::{Code, Problem};
use super::virt::Virt;
use crate::gathered;
use std::collections::{BTreeMap, BTreeSet};

/// Everything.
pub(super) fn all(plan: &Plan, wiring: &Wiring) -> Vec<Problem> {
    let mut warnings = unused(plan, wiring);
    warnings.extend(waits(plan));
    warnings.extend(outlived(plan));
    warnings.extend(unconfined(plan));
    warnings.extend(numbers(plan, wiring));
    warnings.extend(nameless(plan, wiring));
    warnings
}

/// Warns of grants that no code of their holder, and no edge below it, can use.
fn unused(plan: &Plan, wiring: &Wiring) -> Vec<Problem> {
    let mut warnings = Vec::new();
    for (id, node) in plan.iter() {
        for (name, slot) in &node.slots {
            let leads = |import: &Import| import.reachable && import.outcome.leads_to(name);
            let used = wiring.all(id).any(leads);
            let handed_on = plan
                .iter()
                .any(|(_, other)| other.slots.values().any(|slot| slot.from == Origin::Parent(id, name.clone())));
            if !used && !handed_on {
                let kind = slot.cap.kind();
                let message = match node.virtualizes(kind) {
                    Some((virt, between)) => format!(
                        "slot {name}: it holds {kind}, and reaches none of its own, because {} stands between (imports.{virt}): grant it to that, or leave the grant out",
                        plan.node(between).path
                    ),
                    None => {
                        format!("slot {name}: it holds {kind}, and no code of it can use that: leave the grant out")
                    }
                };
                warnings.push(Problem::new(Code::UnusedGrant, &node.path, message));
            }
        }
    }
    warnings
}

/// The slots by which code of an instance connects to hosts, or sends to them: what they allow.
fn reaching<'a>(plan: &'a Plan, wiring: &Wiring, id: NodeId) -> Vec<(&'a str, &'a [Endpoint])> {
    let slots = plan.node(id).slots.iter().filter_map(|(name, slot)| match &slot.cap {
        Cap::Tcp(net) => Some((name.as_str(), "connect", &net.connect[..])),
        Cap::Udp(net) => Some((name.as_str(), "send-to", &net.connect[..])),
        _ => None,
    });
    let used = |slot: &str, function: &str| {
        let reaches = |import: &Import| import.reachable && import.name == function && import.outcome.leads_to(slot);
        wiring.all(id).any(reaches)
    };
    slots.filter(|(slot, function, _)| used(slot, function)).map(|(slot, _, connect)| (slot, connect)).collect()
}

/// Whether any name is of both.
fn meets(one: &HostPattern, other: &HostPattern) -> bool {
    one.covers(other) || other.covers(one)
}

/// Warns of hosts by patterns of names, for who may look up none of these: which name it is, the module chooses, so what
/// it asks for says something to whoever answers, and wants a grant.
fn nameless(plan: &Plan, wiring: &Wiring) -> Vec<Problem> {
    let mut warnings = Vec::new();
    for (id, node) in plan.iter() {
        let allowed = || {
            node.slots.values().flat_map(|slot| match &slot.cap {
                Cap::Dns(dns) => &dns.allow[..],
                _ => &[],
            })
        };
        for (slot, connect) in reaching(plan, wiring, id) {
            let by_pattern = |host: &HostPattern| matches!(host, HostPattern::Any | HostPattern::Below(_));
            let lost = connect
                .iter()
                .find(|endpoint| by_pattern(&endpoint.host) && !allowed().any(|name| meets(name, &endpoint.host)));
            if let Some(endpoint) = lost {
                let left = if endpoint.host == HostPattern::Any { "addresses only" } else { "nothing" };
                let message = format!(
                    "slot {slot}: of {endpoint} it reaches {left}, because a name that a pattern means is looked up for who holds dns for it: grant it dns with allow = [\"{}\"], or write the names out",
                    endpoint.host
                );
                warnings.push(Problem::new(Code::NoNames, &node.path, message));
            }
        }
    }
    warnings
}

/// Warns of shared instances without a limit of time: no caller's time ends them, since they are others' too.
fn waits(plan: &Plan) -> impl Iterator<Item = Problem> {
    plan.iter().filter(|(_, node)| node.shared && node.limits.time.is_none()).filter_map(move |(id, node)| {
        let calls = |caller: &Node| caller.called().any(|callee| callee == id);
        let waits = |(_, caller): (NodeId, &'_ Node)| {
            (caller.limits.time.is_some() && calls(caller)).then(|| caller.path.clone())
        };
        let caller = plan.iter().find_map(waits)?;
        let message = format!(
            "it is shared, so the time of who calls it does not end it, and it has none of its own: a call of it that never returns keeps {caller} waiting beyond its own time; give it limits.time"
        );
        Some(Problem::new(Code::SharedTime, &node.path, message))
    })
}

/// Warns of errors that never arrive: of who is called with `on_fault = "error"`, and may take as long as its caller.
fn outlived(plan: &Plan) -> impl Iterator<Item = Problem> {
    plan.iter().filter(|(_, node)| node.on_fault == OnFault::Error).filter_map(move |(id, node)| {
        // A shared instance without a time of its own has a warning of its own.
        let own = node.limits.time;
        if node.shared && own.is_none() {
            return None;
        }
        let longer = |caller: &Node| caller.limits.time.is_some_and(|time| own.is_none_or(|own| own >= time));
        let callers = plan.iter().map(|(_, caller)| caller).filter(|caller| caller.called().any(|c| c == id));
        let caller = callers.into_iter().find(|caller| longer(caller))?;
        let time = caller.limits.time.map(|time| humantime::format_duration(time).to_string()).unwrap_or_default();
        let message = format!(
            "on_fault = \"error\", and it may take as long as {}, which calls it and has {time}: if a call of it never returns, that time is over too, and the error value never arrives; give it a shorter limits.time",
            caller.path
        );
        Some(Problem::new(Code::FaultTime, &node.path, message))
    })
}

/// Warns of who calls somebody's files by their types, where others have files of the same: what is open is a number, which
/// such a caller chooses. Those who are confined can't, since the loader keeps theirs.
fn numbers(plan: &Plan, wiring: &Wiring) -> Vec<Problem> {
    let direct = |id: NodeId| {
        let calls = wiring.calls(id).filter(|(import, ..)| import.reachable);
        calls.filter(|(import, ..)| import.module == Virt::Fs.interface()).map(|(_, callee, _)| callee)
    };
    let mut users: BTreeMap<NodeId, BTreeSet<NodeId>> = BTreeMap::new();
    for (id, node) in plan.iter() {
        for callee in direct(id).chain(node.virtuals.get(&Virt::Fs).copied()) {
            users.entry(callee).or_default().insert(id);
        }
    }
    let mut warnings = Vec::new();
    for (id, node) in plan.iter() {
        for callee in gathered::<BTreeSet<_>, _>(direct(id)) {
            let other = users.get(&callee).and_then(|users| users.iter().find(|user| **user != id));
            if let Some(other) = other {
                let message = format!(
                    "it calls the files of {} by numbers that it chooses, and so can reach what {} has open there: give each one of its own",
                    plan.node(callee).path,
                    plan.node(*other).path
                );
                warnings.push(Problem::new(Code::SharedFiles, &node.path, message));
            }
        }
    }
    warnings
}

/// Warns of machine code: whatever a manifest grants it, it can do what the user can.
fn unconfined(plan: &Plan) -> impl Iterator<Item = Problem> {
    plan.iter().flat_map(|(_, node)| {
        node.members.iter().filter(|member| member.is_native()).map(move |member| {
            let file = shown(&member.file);
            let message = match node.parent {
                None => format!("{file}: the application's own module is machine code: it is what whoever compiled it made of it"),
                Some(_) => format!(
                    "{file}: a library's module is machine code: nothing confines it but whoever made it, and what is granted is no bound; use the .wasm unless you compiled it yourself"
                ),
            };
            Problem::new(Code::Native, &node.path, message)
        })
    })
}
