//! Folders that calls lend or hand over: authority that is in no slot, and comes with an argument.

use super::cap::{Attenuation, CapKind};
use super::check::face;
use super::manifest::attenuation;
use super::plan::{NodeId, Plan};
use crate::wasi::DirRights;
use bailiwick_runtime_abi::wit::{Kind, Type, World};
use std::collections::BTreeSet;

/// A parameter by which an instance gets a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lent {
    /// The function, as `demo:unzip/archives.extract`.
    pub function: String,
    /// The parameter.
    pub parameter: String,
    /// Whether it keeps the folder; else it has it until the call returns.
    pub kept: bool,
    /// What the edge takes off it; `None`: it gets what its caller has.
    pub narrowed: Option<Attenuation>,
}

impl Lent {
    /// Rights that it has at most: all, if the edge takes none off.
    pub fn rights(&self) -> DirRights {
        match self.narrowed {
            Some(Attenuation::Dir { rights: Some(rights), .. }) => rights,
            _ => DirRights::ALL,
        }
    }
}

/// The folders that calls of an instance come with.
pub fn lent(plan: &Plan, id: NodeId) -> Vec<Lent> {
    let node = plan.node(id);
    let Some(world) = face(node).and_then(|member| member.world.as_deref()) else { return Vec::new() };
    let mut lent = Vec::new();
    for function in world.exports() {
        for (parameter, ty) in &function.params {
            let Some(kept) = folder(world, *ty) else { continue };
            let narrowed = node.call.get(&function.name).and_then(|parameters| parameters.get(parameter));
            lent.push(Lent {
                function: format!("{}.{}", function.import_module(), function.name),
                parameter: parameter.clone(),
                kept,
                // That it can be read was checked.
                narrowed: narrowed.and_then(|table| attenuation("", CapKind::Dir, table.clone()).ok()),
            });
        }
    }
    lent
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
            Some(Kind::Own(_)) => found = Some(true),
            Some(Kind::Borrow(_)) => found = found.or(Some(false)),
            Some(kind) => left.extend(kind.children()),
            None => {}
        }
    }
    found
}
