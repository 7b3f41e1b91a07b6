//! `bailiwick explain`: what an instance may do, from whom it got that, what it may not.

use super::words::{allowed, and, denied, entropy, holds_nothing, lent, or, origin, unconfined};
use super::{between, facts};
use crate::check::{Wiring, face};
use crate::manifest::OnFault;
use crate::plan::{Node, NodeId, Plan};
use bytesize::ByteSize;
use serde_json::{Value, json};
use std::fmt::Write;

/// One instance in sentences, several lines.
pub fn text(plan: &Plan, wiring: &Wiring, id: NodeId) -> String {
    let node = plan.node(id);
    let mut out = String::new();
    let package = match &node.package {
        (name, version) if !name.is_empty() && !version.is_empty() => format!(" ({name} {version})"),
        (name, _) if !name.is_empty() && *name != node.name => format!(" ({name})"),
        // One that is always there has no package, and is known by its module's name.
        _ => match node.members.first() {
            Some(member) if member.shipped => format!(" ({})", member.file.display()),
            _ => String::new(),
        },
    };
    let _ = writeln!(out, "{}{package}", node.path);
    if let Some(said) = unconfined(node) {
        let _ = writeln!(out, "  is {said}.");
    }
    for slot in node.slots.keys() {
        for clause in allowed(plan, id, slot) {
            let _ = writeln!(out, "  may {clause}.");
            let _ = writeln!(out, "      It has this from {}.", origin(plan, id, slot));
            if let Some(why) = &node.slots[slot].why {
                let _ = writeln!(out, "      Its author says why: {why}");
            }
            if !usable(wiring, id, slot) {
                let _ = writeln!(out, "      No code of its own can use it.");
            }
        }
    }
    for clause in lent(plan, wiring, id) {
        let _ = writeln!(out, "  may {clause}.");
    }
    for line in between::sentences(plan, wiring, id) {
        let _ = writeln!(out, "{line}");
    }
    if let Some(clause) = holds_nothing(plan, wiring, id) {
        let _ = writeln!(out, "  may {clause}.");
    }
    if entropy(plan, wiring, id) {
        let _ = writeln!(out, "  gets random numbers from the host, as everybody who is handed no seed.");
    }
    let _ = writeln!(out, "  may not {}.", or(&denied(plan, wiring, id)));
    for (path, functions) in calls(plan, wiring, id) {
        let _ = writeln!(out, "  may call {path}:");
        for function in functions {
            let _ = writeln!(out, "      {function}");
        }
    }
    let callers = callers(plan, wiring, id);
    if !callers.is_empty() {
        let fate = match node.on_fault {
            OnFault::Trap => "if it dies in a call, its caller traps",
            OnFault::Error => "if it dies in a call, its caller gets an error value and goes on",
        };
        let _ = writeln!(out, "  is called by {}; {fate}.", and(&callers));
    }
    let (named, default) = limits(node);
    if !named.is_empty() {
        let _ = writeln!(out, "  may use up {}.", and(&named));
    }
    let begin = if named.is_empty() { "may use up" } else { "and by default" };
    let behind = if named.is_empty() { ", by default" } else { "" };
    if !default.is_empty() {
        let _ = writeln!(out, "  {begin} {}{behind}.", and(&default));
    }
    if node.limits.time.is_none() {
        let _ = writeln!(out, "  may take as long as it likes.");
    }
    out
}

/// One instance, for programs.
pub fn json(plan: &Plan, wiring: &Wiring, id: NodeId) -> Value {
    let node = plan.node(id);
    let slots: Vec<Value> = node
        .slots
        .iter()
        .map(|(name, slot)| {
            let way: Vec<Value> = plan
                .trace(id, name)
                .into_iter()
                .map(|(id, slot)| json!({"instance": plan.node(id).path, "slot": slot}))
                .collect();
            json!({
                "slot": name,
                "kind": slot.cap.kind().name(),
                "grant": facts::grant(&slot.cap),
                "may": allowed(plan, id, name),
                "from": way,
                "why": slot.why,
                "usable": usable(wiring, id, name),
            })
        })
        .collect();
    let calls: Vec<Value> = calls(plan, wiring, id)
        .into_iter()
        .map(|(callee, functions)| json!({"instance": callee, "functions": functions}))
        .collect();
    let [virtualized, answered, confines] = between::json(plan, wiring, id);
    json!({
        "instance": node.path,
        "package": node.package.0,
        "version": node.package.1,
        "holds": slots,
        "machine_code": node.is_native(),
        "host_random": entropy(plan, wiring, id),
        "lent": lent(plan, wiring, id),
        "takes_off_handles": facts::taken_off(node),
        "virtualized": virtualized,
        "answered": answered,
        "stands_between": confines,
        "may_not": denied(plan, wiring, id),
        "calls": calls,
        "called_by": callers(plan, wiring, id),
        "on_fault": match node.on_fault { OnFault::Trap => "trap", OnFault::Error => "error" },
        "limits": facts::limits(&node.limits),
        "limits_in_force": facts::limits(&facts::in_force(&node.limits)),
        "shared": node.shared,
    })
}

/// Whether the module's own code can use what is in a slot.
fn usable(wiring: &Wiring, id: NodeId, slot: &str) -> bool {
    wiring.all(id).any(|import| import.reachable && import.outcome.leads_to(slot))
}

/// Whom an instance calls, and the functions as WIT has them.
fn calls(plan: &Plan, wiring: &Wiring, id: NodeId) -> Vec<(String, Vec<String>)> {
    let mut calls: Vec<(String, Vec<String>)> = Vec::new();
    for (import, callee, export) in wiring.calls(id) {
        let node = plan.node(callee);
        let shown = face(node)
            .and_then(|member| member.world.as_ref())
            .map_or_else(|| import.name.clone(), |world| world.print_function(&world.exports()[export]).to_string());
        let shown = if import.reachable { shown } else { format!("{shown}   (no code of its own can)") };
        match calls.iter_mut().find(|(path, _)| *path == node.path) {
            Some((_, functions)) => functions.push(shown),
            None => calls.push((node.path.clone(), vec![shown])),
        }
    }
    calls
}

/// Who calls an instance.
fn callers(plan: &Plan, wiring: &Wiring, id: NodeId) -> Vec<String> {
    plan.iter()
        .filter(|(other, _)| wiring.calls(*other).any(|(_, callee, _)| callee == id))
        .map(|(_, node)| node.path.clone())
        .collect()
}

/// What an instance may use up, in words: what its manifests say, and what the loader says where they say nothing.
fn limits(node: &Node) -> (Vec<String>, Vec<String>) {
    let (limits, all) = (&node.limits, facts::in_force(&node.limits));
    let (mut named, mut default) = (Vec::new(), Vec::new());
    let size = |n: Option<u64>, what: &str| n.map(|n| format!("{}{what}", ByteSize(n)));
    let count = |n: Option<u64>, what: &str| n.map(|n| format!("{n} {what}"));
    for (said, words) in [
        (limits.memory, size(all.memory, " of memory")),
        (limits.stack, size(all.stack, " of stack")),
        (limits.table, count(all.table, "elements of tables")),
        (limits.exceptions, count(all.exceptions, "exceptions")),
        (limits.descriptors, count(all.descriptors, "open descriptors")),
        (limits.handles, count(all.handles, "handles")),
        (limits.values, size(all.values, " passed in each call of it")),
    ] {
        if said.is_some() { named.extend(words) } else { default.extend(words) }
    }
    if let Some(time) = limits.time {
        named.push(format!("{} for each call of it", humantime::format_duration(time)));
    }
    (named, default)
}
