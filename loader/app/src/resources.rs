//! Which resource a module means: who defines it.
//!
//! A world names a resource by an interface, and several instances may export that. What a handle stands for is decided
//! here, by who answers the interface for the module, before anything runs. So a handle of one instance's resource is never
//! taken for that of another, whatever either calls it, and at run time two numbers are compared.

use super::check::{FS_INTERFACE, MAX_CALLS, face};
use super::plan::{NodeId, Plan};
use super::virtualizer::answerer;
use crate::gathered;
use bailiwick_runtime_abi::wit::{Function, Kind as TypeKind, ResourceId, Type, World};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The name of the loader's own resource in [`FS_INTERFACE`].
pub const FOLDER: &str = "dir";

/// What a handle stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// A folder: the handle is a descriptor.
    Folder,
    /// What a module defines.
    Defined(Defined),
}

/// A resource that an instance defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Defined {
    /// The instance.
    pub definer: NodeId,
    /// Which of the resources of its face's world.
    pub resource: usize,
}

impl Defined {
    /// Its name, as `demo:store/api.bucket`.
    pub fn name(self, plan: &Plan) -> String {
        let world = face(plan.node(self.definer)).and_then(|member| member.world.as_deref());
        let resource = world.and_then(|world| world.resources().get(self.resource));
        resource.map_or_else(|| "a resource".to_owned(), |resource| format!("{}.{}", resource.interface, resource.name))
    }
}

/// What a module may do with a resource, by functions that are no calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intrinsic {
    /// Makes a handle of what it defines.
    New,
    /// Looks behind a handle of what it defines.
    Rep,
    /// Gives a handle back.
    Drop,
}

/// Why it is not known what a resource is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// Nobody whom the module may call defines it or passes it.
    Nobody,
    /// Several do: their paths.
    Several(Vec<String>),
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unknown::Nobody => f.write_str("nobody whom it may call defines that resource"),
            Unknown::Several(paths) => {
                const SHOWN: usize = 8;
                write!(f, "several define that resource: {}", paths[..paths.len().min(SHOWN)].join(", "))
            }
        }
    }
}

/// What the resources of a plan are, each looked up once.
#[derive(Debug)]
pub struct Identities<'a> {
    plan: &'a Plan,
    known: BTreeMap<(NodeId, usize, ResourceId), Result<Identity, Unknown>>,
    /// Places in types that may still be looked at.
    left: u32,
}

/// Places in types with handles, of all functions that are called in an application. Types share parts, so a small world
/// could have very many.
const MAX_PLACES: u32 = 1 << 24;

impl<'a> Identities<'a> {
    /// Of a plan.
    pub fn new(plan: &'a Plan) -> Identities<'a> {
        Identities { plan, known: BTreeMap::new(), left: MAX_PLACES }
    }

    /// What a resource of the world of a member of an instance is.
    ///
    /// # Errors
    /// [`Unknown`]
    pub fn of(&mut self, node: NodeId, member: usize, resource: ResourceId) -> Result<Identity, Unknown> {
        self.find(node, member, resource, MAX_CALLS)
    }

    /// `depth`: in how many rows of calls it is looked for. More are refused elsewhere.
    fn find(&mut self, id: NodeId, member: usize, resource: ResourceId, depth: usize) -> Result<Identity, Unknown> {
        if let Some(known) = self.known.get(&(id, member, resource)) {
            return known.clone();
        }
        let found = self.search(id, member, resource, depth);
        self.known.insert((id, member, resource), found.clone());
        found
    }

    fn search(&mut self, id: NodeId, member: usize, resource: ResourceId, depth: usize) -> Result<Identity, Unknown> {
        let plan = self.plan;
        let node = plan.node(id);
        let world = node.members.get(member).and_then(|member| member.world.as_deref()).ok_or(Unknown::Nobody)?;
        let wanted = world.resources().get(resource.index()).ok_or(Unknown::Nobody)?;
        if (wanted.interface.as_str(), wanted.name.as_str()) == (FS_INTERFACE, FOLDER) {
            return Ok(Identity::Folder);
        }
        if wanted.defined_here {
            // Others see the face only, and handles of a group are all its own.
            return defined(plan, id, &wanted.interface, &wanted.name).ok_or(Unknown::Nobody);
        }
        // Where a manifest says who answers, nobody else does.
        let asked: Vec<(NodeId, &str)> = match answerer(node, &wanted.interface) {
            Some(said) => vec![said],
            None => node.callees.values().map(|&callee| (callee, &*wanted.interface)).collect(),
        };
        let mut found: BTreeSet<Identity> = BTreeSet::new();
        for &(callee, interface) in &asked {
            found.extend(defined(plan, callee, interface, &wanted.name));
        }
        if found.len() > 1 {
            let provides = |identity: &Identity| match identity {
                Identity::Folder => false,
                Identity::Defined(it) => plan.node(it.definer).provides.contains(&wanted.interface),
            };
            let chosen: BTreeSet<Identity> = gathered(found.iter().copied().filter(provides));
            if chosen.len() == 1 {
                found = chosen;
            }
        }
        if found.is_empty() && depth > 0 {
            // It comes from further down, by way of somebody who passes it on.
            for &(callee, interface) in &asked {
                let Some(theirs) = face(plan.node(callee)).and_then(|member| member.world.as_deref()) else { continue };
                let same = theirs
                    .resources()
                    .iter()
                    .position(|other| !other.defined_here && other.interface == interface && other.name == wanted.name);
                if let Some(same) = same.and_then(|i| theirs.types().resource_at(i)) {
                    found.extend(self.find(callee, 0, same, depth - 1));
                }
            }
        }
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (None, _) => Err(Unknown::Nobody),
            (Some(one), None) => Ok(one),
            (Some(first), Some(second)) => {
                let path = |identity: Identity| match identity {
                    Identity::Folder => FS_INTERFACE.to_owned(),
                    Identity::Defined(it) => plan.node(it.definer).path.clone(),
                };
                Err(Unknown::Several([first, second].into_iter().chain(found).map(path).collect()))
            }
        }
    }

    /// Whether both ends of a call mean the same by the handles that they pass. Their types were compared before. An edge
    /// takes every handle for what is said here: one that counts something else would hand over whatever has that number.
    ///
    /// # Errors
    /// What they mean.
    pub fn same(
        &mut self,
        (id, member, world, wanted): (NodeId, usize, &World, &Function),
        (callee, theirs, given): (NodeId, &World, &Function),
    ) -> Result<(), String> {
        let types = |function: &Function| function.params.iter().map(|(_, ty)| *ty).chain(function.result).collect();
        let pairs = resource_pairs((world, types(wanted)), (theirs, types(given)), &mut self.left);
        let pairs = pairs.ok_or_else(|| {
            format!("the application's functions pass handles in more than {MAX_PLACES} places of their types")
        })?;
        for (own, other) in pairs {
            let resource = world.types().resource(own);
            let text = format!("it passes handles of {}.{}", resource.interface, resource.name);
            let ours = self.of(id, member, own).map_err(|e| format!("{text}: {e}"))?;
            let other = self.of(callee, 0, other).map_err(|e| format!("{text}: of who is called, {e}"))?;
            if ours != other {
                return Err(format!("{text}, by which who is called means those of somebody else"));
            }
        }
        Ok(())
    }

    /// What a function of this kind, imported by these names, is about; `None`: it is no such function.
    ///
    /// # Errors
    /// Why it can't be granted.
    pub fn intrinsic(
        &mut self,
        id: NodeId,
        member: usize,
        (module, name): (&str, &str),
    ) -> Option<Result<(Intrinsic, Identity), String>> {
        use bailiwick_runtime_abi::wit::world::{EXPORTED, RESOURCE_DROP, RESOURCE_NEW, RESOURCE_REP};
        let prefixes =
            [(RESOURCE_NEW, Intrinsic::New), (RESOURCE_REP, Intrinsic::Rep), (RESOURCE_DROP, Intrinsic::Drop)];
        let (intrinsic, resource) = prefixes
            .into_iter()
            .find_map(|(prefix, intrinsic)| name.strip_prefix(prefix).map(|resource| (intrinsic, resource)))?;
        let (interface, own) = match module.strip_prefix(EXPORTED) {
            Some(interface) => (interface, true),
            None => (module, false),
        };
        if !own && intrinsic != Intrinsic::Drop {
            return Some(Err("only who defines a resource makes handles of it, and looks behind them".to_owned()));
        }
        let world = self.plan.node(id).members.get(member).and_then(|member| member.world.as_deref());
        let Some(world) = world else { return Some(Err("no WIT text says which resource that is".to_owned())) };
        let found = world
            .resources()
            .iter()
            .position(|other| other.defined_here == own && other.interface == interface && other.name == resource);
        let Some(found) = found.and_then(|i| world.types().resource_at(i)) else {
            return Some(Err(format!("its WIT world {} has no such resource", world.name())));
        };
        if own && member != 0 {
            let message = "only the first module of a group defines resources, since others see no other";
            return Some(Err(message.to_owned()));
        }
        Some(self.of(id, member, found).map(|identity| (intrinsic, identity)).map_err(|e| e.to_string()))
    }
}

/// A resource that an instance defines by that name.
fn defined(plan: &Plan, id: NodeId, interface: &str, name: &str) -> Option<Identity> {
    let world = face(plan.node(id)).and_then(|member| member.world.as_deref())?;
    let resource = world
        .resources()
        .iter()
        .position(|resource| resource.defined_here && resource.interface == interface && resource.name == name)?;
    Some(Identity::Defined(Defined { definer: id, resource }))
}

/// The resources of handles within these types.
pub fn handles(world: &World, types: impl IntoIterator<Item = Type>) -> BTreeSet<ResourceId> {
    let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let mut open: Vec<Type> = types.into_iter().collect();
    while let Some(ty) = open.pop() {
        // Types share parts.
        let Some(kind) = world.types().kind(ty).filter(|_| seen.insert(ty)) else { continue };
        if let TypeKind::Own(id) | TypeKind::Borrow(id) = kind {
            found.insert(*id);
        }
        open.extend(kind.children());
    }
    found
}

/// Resources of two worlds that have the same places in types that are the same. `left` is how many places may be looked
/// at, and then how many are left; `None`: they are more.
pub fn resource_pairs(
    (world, types): (&World, Vec<Type>),
    (other, other_types): (&World, Vec<Type>),
    left: &mut u32,
) -> Option<BTreeSet<(ResourceId, ResourceId)>> {
    let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let mut open: Vec<(Type, Type)> = types.into_iter().zip(other_types).collect();
    while let Some((l, r)) = open.pop() {
        if !world.types().layout(l).has_handles || !seen.insert((l, r)) {
            continue;
        }
        let (Some(l), Some(r)) = (world.types().kind(l), other.types().kind(r)) else { continue };
        if let (TypeKind::Own(l) | TypeKind::Borrow(l), TypeKind::Own(r) | TypeKind::Borrow(r)) = (l, r) {
            found.insert((*l, *r));
        }
        let children = u32::try_from(l.children().count()).unwrap_or(u32::MAX);
        *left = left.checked_sub(children.saturating_add(1))?;
        open.extend(l.children().zip(r.children()));
    }
    Some(found)
}

/// Whether a resource of a world is the loader's own.
pub fn is_folder(world: &World, resource: ResourceId) -> bool {
    let resource = world.types().resource(resource);
    (resource.interface.as_str(), resource.name.as_str()) == (FS_INTERFACE, FOLDER)
}
