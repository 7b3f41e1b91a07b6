//! Folders that calls bring: authority that is in no slot, and comes with an argument or as a result.

use super::cap::{Attenuation, Cap, CapKind};
use super::check::{Wiring, face};
use super::manifest::attenuation;
use super::plan::{Node, NodeId, Plan};
use super::resources::is_folder;
use bailiwick_loader::wasi::DirRights;
use bailiwick_runtime_abi::wit::{Kind, Type, World};
use std::collections::BTreeSet;

/// How a folder comes to an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// By this parameter of a function that it exports.
    Parameter(String),
    /// As a result, or within one, of a function that it calls: of the instance of this path.
    Result(String),
}

/// A folder that an instance gets by a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lent {
    /// The function, as `demo:unzip/archives.extract`.
    pub function: String,
    /// How it comes.
    pub way: Way,
    /// Whether it keeps the folder; else it has it until the call returns.
    pub kept: bool,
    /// What the edge takes off it; `None`: it gets what the other side has.
    pub narrowed: Option<Attenuation>,
    /// Rights that it has at most.
    pub rights: DirRights,
}

/// The folders that calls bring an instance, those that it is called with first.
pub fn lent(plan: &Plan, wiring: &Wiring, id: NodeId) -> Vec<Lent> {
    let mut found = parameters(plan.node(id));
    for (import, callee, export) in wiring.calls(id).filter(|(import, ..)| import.reachable) {
        let callee = plan.node(callee);
        let Some(world) = face(callee).and_then(|member| member.world.as_deref()) else { continue };
        let Some(function) = world.exports().get(export) else { continue };
        if function.result.and_then(|ty| folder(world, ty)).is_some() {
            found.push(Lent {
                function: format!("{}.{}", import.module, import.name),
                way: Way::Result(callee.path.clone()),
                kept: true,
                narrowed: None,
                rights: can_return(plan, callee),
            });
        }
    }
    found.dedup();
    found
}

/// The folders that an instance is called with.
fn parameters(node: &Node) -> Vec<Lent> {
    let Some(world) = face(node).and_then(|member| member.world.as_deref()) else { return Vec::new() };
    let mut lent = Vec::new();
    for function in world.exports() {
        for (parameter, ty) in &function.params {
            let Some(kept) = folder(world, *ty) else { continue };
            let narrowed = node.call.get(&function.name).and_then(|parameters| parameters.get(parameter));
            // That it can be read was checked.
            let narrowed = narrowed.and_then(|table| attenuation("", CapKind::Dir, table.clone()).ok());
            let rights = match narrowed {
                Some(Attenuation::Dir { rights: Some(rights), .. }) => rights,
                _ => DirRights::ALL,
            };
            lent.push(Lent {
                function: format!("{}.{}", function.import_module(), function.name),
                way: Way::Parameter(parameter.clone()),
                kept,
                narrowed,
                rights,
            });
        }
    }
    lent
}

/// The functions and parameters by which an instance is brought folders.
pub(super) fn brought(node: &Node) -> Vec<(String, String)> {
    let Some(world) = face(node).and_then(|member| member.world.as_deref()) else { return Vec::new() };
    let parameters = world
        .exports()
        .iter()
        .flat_map(|function| function.params.iter().map(move |(parameter, ty)| (function, parameter, *ty)));
    let brought = parameters.filter(|(.., ty)| folder(world, *ty).is_some());
    brought.map(|(function, parameter, _)| (function.name.clone(), parameter.clone())).collect()
}

/// The rights of a folder that an instance returns, at most: those of what it holds. What came to it by calls may be
/// anything.
fn can_return(plan: &Plan, callee: &Node) -> DirRights {
    let calls_others = callee.called().any(|id| {
        let world = face(plan.node(id)).and_then(|member| member.world.as_deref());
        world.is_some_and(|world| {
            world.exports().iter().any(|function| function.result.and_then(|ty| folder(world, ty)).is_some())
        })
    });
    if calls_others || !parameters(callee).is_empty() {
        return DirRights::ALL;
    }
    let held = callee.slots.values().filter_map(|slot| match &slot.cap {
        Cap::Dir { grant, .. } => Some(grant.rights),
        _ => None,
    });
    held.fold(DirRights::NONE, DirRights::union)
}

/// Whether a folder comes with a value of that type, and is kept.
fn folder(world: &World, ty: Type) -> Option<bool> {
    let (mut seen, mut left) = (BTreeSet::new(), vec![ty]);
    let mut found = None;
    while let Some(ty) = left.pop() {
        let Type::Defined(id) = ty else { continue };
        if !seen.insert(id.index()) {
            continue;
        }
        match world.types().kind(ty) {
            Some(Kind::Own(resource)) if is_folder(world, *resource) => found = Some(true),
            Some(Kind::Borrow(resource)) if is_folder(world, *resource) => found = found.or(Some(false)),
            Some(kind) => left.extend(kind.children()),
            None => {}
        }
    }
    found
}
