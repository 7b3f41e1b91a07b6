//! `bailiwick explain`: what an instance may do, from whom it got that, what it may not.

use super::facts;
use super::words::{allowed, and, denied, lent, or, origin};
use crate::app::check::{Outcome, Wiring, face};
use crate::app::manifest::OnFault;
use crate::app::plan::{Node, NodeId, Plan};
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
        _ => String::new(),
    };
    let _ = writeln!(out, "{}{package}", node.path);
    let mut any = false;
    for slot in node.slots.keys() {
        for clause in allowed(plan, id, slot) {
            any = true;
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
        any = true;
        let _ = writeln!(out, "  may {clause}.");
    }
    if !any {
        let _ = writeln!(out, "  may compute, and return what it computed: nothing was handed to it.");
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
    let limits = limits(node);
    if !limits.is_empty() {
        let _ = writeln!(out, "  may use up {}.", and(&limits));
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
    json!({
        "instance": node.path,
        "package": node.package.0,
        "version": node.package.1,
        "holds": slots,
        "lent": lent(plan, wiring, id),
        "may_not": denied(plan, wiring, id),
        "calls": calls,
        "called_by": callers(plan, wiring, id),
        "on_fault": match node.on_fault { OnFault::Trap => "trap", OnFault::Error => "error" },
        "limits": facts::limits(&node.limits),
        "shared": node.shared,
    })
}

/// Whether the module's own code can use what is in a slot.
fn usable(wiring: &Wiring, id: NodeId, slot: &str) -> bool {
    wiring.all(id).any(|import| {
        import.reachable && matches!(&import.outcome, Outcome::System { slots, .. } if slots.iter().any(|s| s == slot))
    })
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

fn limits(node: &Node) -> Vec<String> {
    let limits = &node.limits;
    let mut words = Vec::new();
    if let Some(bytes) = limits.memory {
        words.push(format!("{} of memory", ByteSize(bytes)));
    }
    if let Some(bytes) = limits.stack {
        words.push(format!("{} of stack", ByteSize(bytes)));
    }
    if let Some(elements) = limits.table {
        words.push(format!("{elements} elements of tables"));
    }
    if let Some(descriptors) = limits.descriptors {
        words.push(format!("{descriptors} open descriptors"));
    }
    if let Some(handles) = limits.handles {
        words.push(format!("{handles} handles"));
    }
    if let Some(bytes) = limits.values {
        words.push(format!("{} passed in each call of it", ByteSize(bytes)));
    }
    if let Some(time) = limits.time {
        words.push(format!("{} for each call of it", humantime::format_duration(time)));
    }
    words
}
