//! Resources that modules define: what their handles' functions do, how handles cross, and who runs destructors.
//!
//! A destructor is run by whoever gives the last handle back, as a call over an edge: with the definer's limit of time, and
//! what goes wrong in it ends the definer and nobody else. Of what an instance held when it died, destructors run as soon
//! as it is dead, as long as [`BURIAL`] lasts; what is left then, and what is held when the application ends, is given back
//! without. A definer can't be on the stack at that moment: who holds handles of it stands above it, and edges form no
//! circles. Should it be all the same, its destructor waits for the next death.

use super::crossing::Crossed;
use super::deadline::Deadlines;
use super::node::{Body, Node, Shut};
use super::{NodeId, Plan};
use crate::check::face;
use crate::marshal::{HandleError, Ownership, Passing, Side, Way};
use crate::resources::{Defined, Identities, Identity, Intrinsic};
use bailiwick_loader::Val;
use bailiwick_loader::{Caller, Error, Func, HostError, Imports, TrapCode};
use bailiwick_runtime_abi::wit::world::DESTRUCTOR;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How long destructors of what a dead instance held are begun, besides the time that each of them may take.
const BURIAL: Duration = Duration::from_millis(100);

/// What dead instances held: what its definers know it by.
pub(super) type Orphans = Arc<Mutex<Vec<(Defined, u32)>>>;

/// The resources of an application.
#[derive(Debug)]
pub(super) struct Definitions {
    /// By the plan's numbers. Whoever has this does not keep them.
    nodes: OnceLock<Vec<Weak<Node>>>,
    deadlines: Arc<Deadlines>,
    orphans: Orphans,
    names: BTreeMap<Defined, String>,
}

/// Why a destructor was not run.
#[derive(Debug, PartialEq, Eq)]
enum Kept {
    /// The definer is being called.
    Entered,
    /// The time of who gives the handle back is over.
    Over,
}

impl Definitions {
    pub(super) fn new(plan: &Plan, deadlines: &Arc<Deadlines>, orphans: &Orphans) -> Arc<Definitions> {
        let mut names = BTreeMap::new();
        for (definer, node) in plan.iter() {
            let world = face(node).and_then(|member| member.world.as_deref());
            for (resource, _) in world.iter().flat_map(|world| world.resources()).enumerate() {
                let defined = Defined { definer, resource };
                names.insert(defined, defined.name(plan));
            }
        }
        let (nodes, deadlines, orphans) = (OnceLock::new(), Arc::clone(deadlines), Arc::clone(orphans));
        Arc::new(Definitions { nodes, deadlines, orphans, names })
    }

    /// Says who the instances are.
    pub(super) fn set(&self, nodes: &[Arc<Node>]) {
        let _ = self.nodes.set(nodes.iter().map(Arc::downgrade).collect());
    }

    fn name(&self, resource: Defined) -> &str {
        self.names.get(&resource).map_or("a resource", String::as_str)
    }

    fn node(&self, id: NodeId) -> Option<Arc<Node>> {
        self.nodes.get().and_then(|nodes| nodes.get(id.0)).and_then(Weak::upgrade)
    }

    /// Runs the destructor of what nobody has any more; `by`: who gave it back.
    fn destroy(&self, by: Option<NodeId>, resource: Defined, representation: u32) -> Result<(), Kept> {
        let Some(node) = self.node(resource.definer) else { return Ok(()) };
        let mut entry = match node.enter() {
            Ok(entry) => entry,
            // What it had is gone with it.
            Err(Shut::Dead(_)) => return Ok(()),
            Err(Shut::Entered) => return Err(Kept::Entered),
        };
        let Some(body) = entry.as_mut() else { return Ok(()) };
        let Some(&destructor) = body.destructors.get(&resource.resource) else { return Ok(()) };
        let (by, definer) = (by.map(|by| by.0), resource.definer.0);
        let timed = self.deadlines.begin(by, definer).map_err(|_| Kept::Over)?;
        let dropping = self.deadlines.dropping(by, definer);
        let ended = destructor.call(&mut body.group, &[Val::I32(representation.cast_signed())]).err();
        drop(dropping);
        let late = timed && self.deadlines.end();
        if let Some(error) = ended {
            let text = error.to_string();
            let reason = match node.time {
                Some(limit) if late => format!("a destructor took more than {}", humantime::format_duration(limit)),
                _ => format!("a destructor ended: {}", text.lines().next().unwrap_or_default()),
            };
            let detail = format!("{}: the destructor of {}: {text}", node.path, self.name(resource));
            node.die(Some(&mut entry), reason, detail);
        }
        Ok(())
    }

    /// Runs the destructors of what the dead had, as far as there is time; `by`: who learns of the death.
    pub(super) fn bury(&self, by: Option<NodeId>) {
        let begun = Instant::now();
        let mut waiting = Vec::new();
        // Destructors may kill their definers, and leave more: nobody has the list meanwhile.
        while let Some((resource, representation)) = self.orphan() {
            if begun.elapsed() > BURIAL {
                self.orphans().clear();
                break;
            }
            match self.destroy(by, resource, representation) {
                Ok(()) => {}
                Err(Kept::Entered) => waiting.push((resource, representation)),
                Err(Kept::Over) => {
                    waiting.push((resource, representation));
                    break;
                }
            }
        }
        self.orphans().append(&mut waiting);
    }

    /// One of them. The list is free again when this returns.
    fn orphan(&self) -> Option<(Defined, u32)> {
        self.orphans().pop()
    }

    fn orphans(&self) -> std::sync::MutexGuard<'_, Vec<(Defined, u32)>> {
        self.orphans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Grants a function of handles to an instance.
    pub(super) fn grant(
        self: &Arc<Self>,
        imports: &mut Imports,
        (module, name): (&str, &str),
        node: &Arc<Node>,
        (intrinsic, resource): (Intrinsic, Defined),
    ) {
        let this = Arc::clone(self);
        // The instance keeps what it is granted.
        let node = Arc::downgrade(node);
        let gone = || HostError::message("an instance that is gone runs");
        match intrinsic {
            Intrinsic::New => imports.func(module, name, move |_: &mut Caller<'_>, representation: i32| {
                let node = node.upgrade().ok_or_else(gone)?;
                this.may(&node, "makes no handles")?;
                let handle = node.handles().add_own(resource, representation.cast_unsigned());
                let handle = handle.map_err(|e| trap(format!("a handle of {}: {e}", this.name(resource))))?;
                Ok(handle.cast_signed())
            }),
            Intrinsic::Rep => imports.func(module, name, move |_: &mut Caller<'_>, handle: i32| {
                let node = node.upgrade().ok_or_else(gone)?;
                let found = node.handles().representation(handle.cast_unsigned(), resource);
                let found = found
                    .map_err(|e| trap(format!("it looks behind handle {handle} of {}, {e}", this.name(resource))))?;
                Ok(found.cast_signed())
            }),
            Intrinsic::Drop => imports.func(module, name, move |caller: &mut Caller<'_>, handle: i32| {
                let node = node.upgrade().ok_or_else(gone)?;
                this.may(&node, "gives no handles back")?;
                this.give_back(&node, caller, resource, handle.cast_unsigned())
            }),
        };
    }

    /// Refuses what would run code of others, or take handles from under a call that is being made.
    fn may(&self, node: &Node, what: &str) -> Result<(), HostError> {
        if node.gate().closed() {
            return Err(trap(format!("who allocates or cleans up for a call {what}")));
        }
        Ok(())
    }

    fn give_back(&self, node: &Node, caller: &mut Caller<'_>, resource: Defined, handle: u32) -> Result<(), HostError> {
        let given = node.handles().give_back(handle, resource);
        let given =
            given.map_err(|e| trap(format!("it gives back handle {handle} of {}, {e}", self.name(resource))))?;
        let Some(representation) = given else { return Ok(()) };
        if resource.definer == node.id() {
            return self.destroy_own(node, caller, resource, representation);
        }
        match self.destroy(Some(node.id()), resource, representation) {
            Ok(()) => {
                self.bury(Some(node.id()));
                Ok(())
            }
            Err(Kept::Over) => Err(HostError::Trap(TrapCode::Interrupt, None)),
            Err(Kept::Entered) => {
                let text = "who defines it is being called already, and nobody enters it twice";
                Err(trap(format!("it gives back handle {handle} of {}: {text}", self.name(resource))))
            }
        }
    }

    /// Runs a destructor of the instance that gives the handle back, on its stack. What the destructor gives back in turn
    /// waits until it has returned, so that a list of resources does not fill the stack.
    fn destroy_own(
        &self,
        node: &Node,
        caller: &mut Caller<'_>,
        resource: Defined,
        representation: u32,
    ) -> Result<(), HostError> {
        let mut own = node.destroying();
        if own.running {
            if own.waiting.len() >= node.handles().most() as usize {
                return Err(trap("its destructors give back more handles than it may have".to_owned()));
            }
            own.waiting.push((resource, representation));
            return Ok(());
        }
        own.running = true;
        own.waiting.push((resource, representation));
        drop(own);
        let instance = caller.instance();
        let outcome = loop {
            let Some((resource, representation)) = node.destroying().waiting.pop() else { break Ok(()) };
            let Some((interface, name)) = self.name(resource).rsplit_once('.') else { continue };
            let destructor = match instance.func(caller, &destructor(interface, name)) {
                Ok(destructor) => destructor,
                Err(Error::NoExport { .. }) => continue,
                Err(error) => break Err(error),
            };
            if let Err(error) = destructor.call(caller, &[Val::I32(representation.cast_signed())]) {
                break Err(error);
            }
        };
        *node.destroying() = Destroying::default();
        outcome.map_err(HostError::from)
    }
}

/// The name of a destructor's export.
fn destructor(interface: &str, name: &str) -> String {
    format!("{interface}#{DESTRUCTOR}{name}")
}

/// What an instance is doing with its own resources.
#[derive(Debug, Default)]
pub(super) struct Destroying {
    running: bool,
    waiting: Vec<(Defined, u32)>,
}

impl Body {
    /// Looks up the destructors of the face of an instance, by their resources.
    pub(super) fn find_destructors(&mut self, planned: &crate::plan::Node) -> Result<(), Error> {
        let (Some(face), Some(member)) = (self.face, planned.members.first()) else { return Ok(()) };
        let Some(world) = member.world.as_deref() else { return Ok(()) };
        for (i, resource) in world.resources().iter().enumerate().filter(|(_, resource)| resource.defined_here) {
            let found: Result<Func, Error> =
                face.func(&mut self.group, &destructor(&resource.interface, &resource.name));
            if let Ok(func) = found {
                self.destructors.insert(i, func);
            }
        }
        Ok(())
    }
}

/// What the resources of a world of a member of a plan's instance are, by their numbers.
pub(super) fn identities(plan: &Plan, id: NodeId, member: usize) -> Vec<Option<Identity>> {
    let world = plan.node(id).members.get(member).and_then(|member| member.world.as_deref());
    let mut identities = Identities::new(plan);
    let resources = world.iter().flat_map(|world| (0..world.resources().len()).map(|i| world.types().resource_at(i)));
    resources.map(|resource| identities.of(id, member, resource?).ok()).collect()
}

fn trap(text: String) -> HostError {
    HostError::Trap(TrapCode::HostError, Some(text))
}

/// Handles of resources that have crossed in a call.
#[derive(Debug, Default)]
pub(super) struct Lent {
    /// Handles of the callee, which it has until it returns.
    borrowed: Vec<u32>,
    /// Handles of the caller, which it does not give away until then.
    lent: Vec<u32>,
    /// Handles that were handed over for good, by the way that they went.
    moved: Vec<(Way, u32, Defined, u32)>,
}

impl Lent {
    /// Lets a handle cross. `crowded` says whose fault it is that there is no room for it.
    ///
    /// # Errors
    /// Whose fault it is that it does not cross.
    pub(super) fn pass(
        &mut self,
        (caller, callee): (&Node, &Node),
        passing: Passing,
        resource: Defined,
        handle: u32,
        crowded: impl FnOnce(u32) -> Side,
    ) -> Result<u32, HandleError> {
        let (source, target) = match passing.way {
            Way::ToCallee => (caller, callee),
            Way::ToCaller => (callee, caller),
        };
        let giver = passing.way.source();
        let refused = |offender: Side, reason: String| HandleError { offender, reason: reason.into() };
        let misused = |e| refused(giver, format!("passes handle {handle}, {e}"));
        if passing.ownership == Ownership::Borrow {
            let representation = {
                let mut handles = source.handles();
                if self.lent.len() >= handles.most() as usize {
                    return Err(refused(giver, format!("lends more than {} handles in one call", handles.most())));
                }
                handles.lend(handle, resource).map_err(misused)?
            };
            self.lent.push(handle);
            if resource.definer == target.id() {
                return Ok(representation);
            }
            let mut handles = target.handles();
            let borrowed = handles.add_borrowed(resource, representation);
            let borrowed =
                borrowed.map_err(|e| refused(crowded(handles.most()), format!("can't take a handle: {e}")))?;
            self.borrowed.push(borrowed);
            return Ok(borrowed);
        }
        let representation = source.handles().take(handle, resource).map_err(misused)?;
        let mut handles = target.handles();
        match handles.add_own(resource, representation) {
            Ok(moved) => {
                self.moved.push((passing.way, moved, resource, representation));
                Ok(moved)
            }
            Err(e) => {
                let offender = crowded(handles.most());
                drop(handles);
                source.keep(resource, representation);
                Err(refused(offender, format!("can't take a handle: {e}")))
            }
        }
    }

    /// The call is over: what was lent goes back. Says how many handles the callee should have given back by then.
    pub(super) fn end(&mut self, caller: &Node, callee: &Node) -> usize {
        let kept = {
            let mut handles = callee.handles();
            self.borrowed.drain(..).filter(|&handle| handles.expire(handle)).count()
        };
        let mut handles = caller.handles();
        self.lent.drain(..).for_each(|handle| handles.returned(handle));
        kept
    }

    /// Takes back what was handed over to somebody who has not learned of it: `is` says of which way that is so. The giver
    /// has it again, and with it ends what it had.
    pub(super) fn undo(&mut self, caller: &Node, callee: &Node, is: impl Fn(Way) -> bool) {
        for (way, handle, resource, representation) in self.moved.drain(..).filter(|(way, ..)| is(*way)) {
            let (source, target) = match way {
                Way::ToCallee => (caller, callee),
                Way::ToCaller => (callee, caller),
            };
            target.handles().undo(handle);
            source.keep(resource, representation);
        }
    }

    /// The callee has returned: what was handed over to it is its own.
    pub(super) fn forget_moved_there(&mut self) {
        self.moved.retain(|(way, ..)| *way == Way::ToCaller);
    }
}

impl Crossed {
    /// The callee has returned, and what was lent to it goes back.
    ///
    /// # Errors
    /// It has not given back what was lent to it (CanonicalABI.md, "canon task.return").
    pub(super) fn end(&mut self, caller: &Node, callee: &Node) -> Result<(), HandleError> {
        match self.give_back(caller, callee) {
            0 => Ok(()),
            kept => {
                let reason = format!("keeps {kept} of the handles that were lent to it");
                Err(HandleError { offender: Side::Callee, reason: reason.into() })
            }
        }
    }
}
