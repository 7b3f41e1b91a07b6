//! Who stands between a module and the world, in words.

use super::words::{allowed, and, entropy, lent};
use crate::check::Wiring;
use crate::plan::{NodeId, Plan};
use crate::virt::Virt;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// One who stands between a module and what an interface stands for.
pub(super) struct Between {
    pub(super) virt: Virt,
    pub(super) by: NodeId,
    /// What follows the module's name: `has no files but those that wallet/memfs shows it, …`.
    pub(super) said: String,
    /// What follows the name of who stands between: what that one makes it of.
    pub(super) own: String,
    /// Whether any code of the module can ask.
    pub(super) usable: bool,
}

/// Everybody who stands between an instance and the world.
pub(super) fn between(plan: &Plan, wiring: &Wiring, id: NodeId) -> Vec<Between> {
    let node = plan.node(id);
    let one = |(&virt, &by): (&Virt, &NodeId)| {
        let usable = wiring.all(id).any(|import| import.reachable && import.outcome.comes_to(virt));
        Between { virt, by, said: said(virt, &plan.node(by).path), own: own(plan, wiring, virt, by), usable }
    };
    node.virtuals.iter().map(one).collect()
}

fn said(virt: Virt, by: &str) -> String {
    match virt {
        Virt::Fs => {
            format!(
                "has no files but those that {by} shows it, which sees what it reads and writes, and can hold less than it shows"
            )
        }
        Virt::Clock => format!("has the time from {by}, which may tell it any"),
        Virt::Random => format!("has its random numbers from {by}, which knows them"),
        Virt::Env => format!("has its environment from {by}, which may show it any"),
        Virt::Stdio => {
            format!("has its standard streams from {by}, which sees what it writes, and says what there is to read")
        }
        Virt::Net => format!(
            "has no network but what {by} lets it have, which sees what it sends and receives, and says whom it talks to"
        ),
    }
}

/// Whom somebody who implements an interface for others has it from in turn: who stands before it itself, and of whom it
/// calls the same interface.
pub(super) fn next(plan: &Plan, wiring: &Wiring, virt: Virt, by: NodeId) -> BTreeSet<NodeId> {
    let called = wiring.calls(by).filter(|(import, ..)| import.reachable && import.module == virt.interface());
    plan.node(by).virtuals.get(&virt).copied().into_iter().chain(called.map(|(_, callee, _)| callee)).collect()
}

/// What is said of one that holds nothing of what it shows others: that it has none, or may have it from whom it calls.
pub(super) fn without(plan: &Plan, wiring: &Wiring, by: NodeId) -> String {
    let calls = wiring.calls(by).filter(|(import, ..)| import.reachable);
    let called: BTreeSet<&str> = calls.map(|(_, callee, _)| plan.node(callee).path.as_str()).collect();
    match called.into_iter().collect::<Vec<_>>().as_slice() {
        [] => "holds nothing of the kind: what it shows, it makes up".to_owned(),
        called => format!("holds nothing of the kind, and calls {}", and(called)),
    }
}

/// What somebody who implements an interface for others has of that himself.
fn own(plan: &Plan, wiring: &Wiring, virt: Virt, by: NodeId) -> String {
    let node = plan.node(by);
    let next: Vec<&str> = next(plan, wiring, virt, by).into_iter().map(|id| plan.node(id).path.as_str()).collect();
    let reached = |kind| node.virtualizes(kind).is_none();
    let of_kind =
        node.slots.iter().filter(|(_, slot)| virt.kinds().contains(&slot.cap.kind()) && reached(slot.cap.kind()));
    let mut clauses: Vec<String> = of_kind.flat_map(|(slot, _)| allowed(plan, by, slot)).collect();
    if virt == Virt::Fs {
        clauses.extend(lent(plan, wiring, by));
    }
    match clauses.as_slice() {
        [] if virt == Virt::Random && entropy(plan, wiring, by) => {
            "gets random numbers from the host, as everybody who is handed no seed".to_owned()
        }
        [] if !next.is_empty() => format!("has that from {} in turn", and(&next)),
        [] => without(plan, wiring, by),
        clauses if !next.is_empty() => {
            format!("may {}, and has more of the kind from {}", clauses.join("; "), and(&next))
        }
        clauses => format!("may {}", clauses.join("; ")),
    }
}

/// What an interface stands for, of one who has it.
pub(super) const fn its(virt: Virt) -> &'static str {
    match virt {
        Virt::Fs => "its files",
        Virt::Clock => "its time",
        Virt::Random => "its random numbers",
        Virt::Env => "its environment",
        Virt::Stdio => "its standard streams",
        Virt::Net => "its network",
    }
}

/// Whom an instance stands before, and with which interface.
pub(super) fn confines(plan: &Plan, id: NodeId) -> Vec<(NodeId, Virt)> {
    let of = |(confined, node): (NodeId, &crate::plan::Node)| {
        let virts: Vec<Virt> = node.virtuals.iter().filter(|(_, by)| **by == id).map(|(virt, _)| *virt).collect();
        virts.into_iter().map(move |virt| (confined, virt))
    };
    plan.iter().flat_map(of).collect()
}

/// Sentences about one instance, for `explain`.
pub(super) fn sentences(plan: &Plan, wiring: &Wiring, id: NodeId) -> Vec<String> {
    let mut lines = Vec::new();
    for one in between(plan, wiring, id) {
        lines.push(format!("  {}.", one.said));
        lines.push(format!("      {} {}.", plan.node(one.by).path, one.own));
        if !one.usable {
            lines.push("      No code of its own can ask for it.".to_owned());
        }
    }
    for (interface, (by, theirs)) in &plan.node(id).answers {
        lines.push(format!("  has {interface} from {}, as its {theirs}.", plan.node(*by).path));
    }
    for (confined, virt) in confines(plan, id) {
        lines.push(format!(
            "  stands between {} and {}; if it dies, that is told of an input/output error.",
            plan.node(confined).path,
            its(virt)
        ));
    }
    lines
}

/// The same, for programs.
pub(super) fn json(plan: &Plan, wiring: &Wiring, id: NodeId) -> [Value; 3] {
    let virtualized = between(plan, wiring, id).into_iter().map(|one| {
        json!({
            "name": one.virt.name(),
            "interface": one.virt.interface(),
            "by": plan.node(one.by).path,
            "says": one.said,
            "which": one.own,
            "usable": one.usable,
        })
    });
    let answered = plan.node(id).answers.iter();
    let answered = answered
        .map(|(interface, (by, theirs))| json!({"interface": interface, "by": plan.node(*by).path, "as": theirs}));
    let confines = confines(plan, id);
    let confines =
        confines.into_iter().map(|(confined, virt)| json!({"instance": plan.node(confined).path, "name": virt.name()}));
    [virtualized.collect(), answered.collect(), confines.collect()]
}

/// Who answers what an instance imports, as a lock has it: `{"fs": {"by": "wallet/memfs", "interface": …}}`.
pub(super) fn locked(plan: &Plan, id: NodeId) -> Value {
    let node = plan.node(id);
    let one = |by: NodeId, interface: &str| json!({"by": plan.node(by).path, "interface": interface});
    let virtuals = node.virtuals.iter().map(|(virt, by)| (virt.name().to_owned(), one(*by, virt.interface())));
    let answers = node.answers.iter().map(|(interface, (by, theirs))| (interface.clone(), one(*by, theirs)));
    Value::Object(virtuals.chain(answers).collect())
}
