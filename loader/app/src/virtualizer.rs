//! Whether a module can stand between another one and the world: its types, held against those by which the loader calls.

use super::check::face;
use super::plan::{Node, NodeId, Plan};
use super::problem::{Code, Problem};
use super::virt::Virt;
use crate::gathered;
use bailiwick_runtime_abi::wit::{Comparison, Function, World, builtin};
use std::collections::{BTreeMap, BTreeSet};

/// The functions of an interface of `bailiwick:virt`, as the loader has them.
pub(super) fn functions(host: &World, virt: Virt) -> impl Iterator<Item = &Function> {
    host.imports().iter().filter(move |function| function.interface.as_deref() == Some(virt.interface()))
}

/// What the loader calls.
///
/// # Errors
/// In words; tests of the contract rule it out.
pub(super) fn host_world() -> Result<World, String> {
    builtin::host_world().map_err(|e| format!("bailiwick:virt: {e}"))
}

/// Holds every virtualizer of a plan against what it has to export, each once, whoever is confined by it.
pub(super) fn check(plan: &Plan, host: &World) -> Vec<Problem> {
    let mut asked: BTreeMap<NodeId, BTreeMap<Virt, NodeId>> = BTreeMap::new();
    for (id, node) in plan.iter() {
        for (&virt, &callee) in &node.virtuals {
            asked.entry(callee).or_default().entry(virt).or_insert(id);
        }
    }
    let mut problems = Vec::new();
    for (callee, virts) in asked {
        let node = plan.node(callee);
        let world = face(node).and_then(|member| member.world.as_deref());
        let comparison = world.map(|world| (world, Comparison::new(host, world)));
        for (virt, confined) in virts {
            let confined = plan.node(confined);
            let wrong = match &comparison {
                None => Err(lacks(virt, "no WIT text says what it exports")),
                Some((world, comparison)) => exports(host, world, comparison, virt),
            };
            if let Err((code, message)) = wrong {
                let message = format!("imports.{virt} of {}: {message}", confined.path);
                problems.push(Problem::new(code, &node.path, message));
            }
        }
    }
    problems
}

/// Whether every function of an interface is there, with the same types: one that is missing can't be called, and nothing
/// else may answer in its place.
fn exports(host: &World, world: &World, comparison: &Comparison<'_>, virt: Virt) -> Result<(), (Code, String)> {
    let interface = virt.interface();
    let exported = world.exports().iter().filter(|function| function.interface.as_deref() == Some(interface));
    let exported: BTreeMap<&str, &Function> = gathered(exported.map(|function| (function.name.as_str(), function)));
    if exported.is_empty() {
        let others: BTreeSet<&str> = gathered(world.exports().iter().map(Function::import_module));
        let others: Vec<&str> = others.into_iter().collect();
        return Err(lacks(virt, &format!("it exports {}", super::cap::list(&others))));
    }
    for wanted in functions(host, virt) {
        let Some(function) = exported.get(wanted.name.as_str()) else {
            let text = host.print_function(wanted);
            return Err((
                Code::Type,
                format!(
                    "its {interface} lacks `{text}`: it has to export every function of it; see `bailiwick wit virt`"
                ),
            ));
        };
        comparison.same_function(wanted, function).map_err(|e| {
            let text = host.print_function(wanted);
            (Code::Type, format!("{interface}#{}: it has to be `{text}`: {e}; see `bailiwick wit virt`", wanted.name))
        })?;
    }
    Ok(())
}

fn lacks(virt: Virt, what: &str) -> (Code, String) {
    (Code::Type, format!("it has to export {}, and {what}; see `bailiwick wit virt`", virt.interface()))
}

/// Who answers an interface that an instance imports, and by which of its own interfaces, where a manifest says so.
pub(super) fn answerer<'a>(node: &'a Node, interface: &'a str) -> Option<(NodeId, &'a str)> {
    let virt = Virt::ALL.into_iter().find(|virt| virt.interface() == interface);
    match virt.and_then(|virt| node.virtuals.get(&virt)) {
        Some(&id) => Some((id, interface)),
        None => node.answers.get(interface).map(|(id, theirs)| (*id, theirs.as_str())),
    }
}
