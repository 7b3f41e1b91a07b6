//! An instance of an application: alive, or dead for a reason.

use super::handles::Handles;
use super::resources::{Destroying, Orphans};
use super::{AppError, NodeId, Plan};
use crate::resources::Defined;
use bailiwick_loader::edge::Gate;
use bailiwick_loader::wasi::{Dir, GuestUse, NetCap, WasiCtx};
use bailiwick_loader::{Error, Func, Group, Instance, InterruptHandle};
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError, Weak};
use std::time::Duration;

/// Why an instance is dead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// In one line: a trap, an exit, a limit, the death of its parent.
    pub reason: String,
    /// Which call it was that it died in, if it was one, and where its code was.
    pub detail: String,
}

/// One nano-process.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) path: String,
    /// As its parent calls it.
    pub(super) name: String,
    pub(super) time: Option<Duration>,
    gates: Arc<[Gate]>,
    id: NodeId,
    pub(super) ctx: Arc<Mutex<WasiCtx>>,
    pub(super) interrupt: InterruptHandle,
    body: Mutex<Option<Body>>,
    death: OnceLock<Arc<Death>>,
    dead: AtomicBool,
    /// Those that hold what it handed them: they die with it.
    children: Mutex<Vec<Weak<Node>>>,
    /// Folders that it holds.
    dirs: Vec<Dir>,
    /// What it holds of the network.
    nets: Vec<NetCap>,
    /// What it has of resources that modules define.
    handles: Mutex<Handles>,
    destroying: Mutex<Destroying>,
    /// Where what it has goes when it dies.
    orphans: Orphans,
    /// Is told of what is used, and whether the application's own manifest says what calls bring.
    pub(super) recorder: Option<(Arc<GuestUse>, bool)>,
}

/// What is gone once it is dead.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) group: Group,
    /// The module that others see, once it is instantiated.
    pub(super) face: Option<Instance>,
    /// The functions of its world, by number.
    pub(super) exports: Vec<Export>,
    pub(super) realloc: Option<Func>,
    /// Destructors of the resources of its world, by number.
    pub(super) destructors: BTreeMap<usize, Func>,
}

/// A function that other instances call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Export {
    pub(super) func: Func,
    pub(super) post_return: Option<Func>,
}

impl Body {
    /// Looks up what the world exports.
    pub(super) fn find_exports(&mut self, planned: &crate::plan::Node) -> Result<(), Error> {
        let Some(face) = self.face else { return Ok(()) };
        let Some(world) = planned.members.first().and_then(|member| member.world.as_ref()) else { return Ok(()) };
        for function in world.exports() {
            let func = face.func(&mut self.group, &function.export_name())?;
            let post_return = face.func(&mut self.group, &function.post_return_name()).ok();
            self.exports.push(Export { func, post_return });
        }
        self.realloc = face.func(&mut self.group, bailiwick_runtime_abi::wit::world::REALLOC).ok();
        self.find_destructors(planned)
    }
}

/// Why an instance can't be entered.
#[derive(Debug)]
pub(super) enum Shut {
    /// It is being called already: nobody re-enters it.
    Entered,
    /// It is dead.
    Dead(Arc<Death>),
}

impl Node {
    /// `gates`: one for each instance of the plan.
    pub(super) fn new(
        plan: &Plan,
        id: NodeId,
        gates: Arc<[Gate]>,
        ctx: Arc<Mutex<WasiCtx>>,
        group: Group,
        (dirs, nets): (Vec<Dir>, Vec<NetCap>),
        orphans: &Orphans,
    ) -> Node {
        let node = plan.node(id);
        let inside = Body { group, face: None, exports: Vec::new(), realloc: None, destructors: BTreeMap::new() };
        Node {
            gates,
            id,
            path: node.path.clone(),
            name: node.name.clone(),
            time: node.limits.time,
            ctx,
            interrupt: inside.group.interrupt_handle(),
            body: Mutex::new(Some(inside)),
            death: OnceLock::new(),
            dead: AtomicBool::new(false),
            children: Mutex::default(),
            dirs,
            nets,
            handles: Mutex::new(Handles::new(node.limits.handles)),
            destroying: Mutex::default(),
            orphans: Arc::clone(orphans),
            recorder: None,
        }
    }

    /// Notes that somebody calls that function of it.
    pub(super) fn note_entered(&self, function: &str) {
        if let Some((recorder, _)) = &self.recorder {
            recorder.note_entered(function);
        }
    }

    /// Notes that `child` holds something of this one.
    pub(super) fn adopt(&self, child: &Arc<Node>) {
        self.children.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(child));
    }

    /// Which of the plan's instances it is.
    pub(super) fn id(&self) -> NodeId {
        self.id
    }

    /// Whether it may be entered, and may call others: what compiled code looks at.
    pub(super) fn gate(&self) -> &Gate {
        &self.gates[self.id.0]
    }

    /// Its handles of resources that modules define.
    pub(super) fn handles(&self) -> MutexGuard<'_, Handles> {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it does with its own resources.
    pub(super) fn destroying(&self) -> MutexGuard<'_, Destroying> {
        self.destroying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives it back what it had handed over.
    pub(super) fn keep(&self, resource: Defined, representation: u32) {
        if self.dead.load(Ordering::Acquire) {
            self.orphans.lock().unwrap_or_else(PoisonError::into_inner).push((resource, representation));
        } else {
            self.handles().put_back(resource, representation);
        }
    }

    /// The inside, while nobody can call it: for whoever owns the application.
    pub(super) fn own(&self) -> Entry<'_> {
        let body = self.body.lock().unwrap_or_else(PoisonError::into_inner);
        Entry::new(self.gate(), body)
    }

    /// The inside, for a call that compiled code makes, which has marked it as entered.
    pub(super) fn body(&self) -> MutexGuard<'_, Option<Body>> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a call may be made now.
    pub(super) fn open(&self) -> Result<(), Shut> {
        if self.dead.load(Ordering::Acquire) {
            let lost = || Death { reason: "it died".to_owned(), detail: String::new() };
            return Err(Shut::Dead(self.death().unwrap_or_else(|| Arc::new(lost()))));
        }
        if self.gate().entered() { Err(Shut::Entered) } else { Ok(()) }
    }

    /// The inside, for a call.
    pub(super) fn enter(&self) -> Result<Entry<'_>, Shut> {
        self.open()?;
        match self.body.try_lock() {
            Ok(body) => Ok(Entry::new(self.gate(), body)),
            Err(TryLockError::Poisoned(body)) => Ok(Entry::new(self.gate(), body.into_inner())),
            Err(TryLockError::WouldBlock) => Err(Shut::Entered),
        }
    }

    /// Why it is dead, if it is.
    pub(super) fn death(&self) -> Option<Arc<Death>> {
        self.death.get().cloned()
    }

    /// Ends it for good: its memory goes, its descriptors close, its folders and all that was derived from them are revoked,
    /// and those die that held what it handed them.
    ///
    /// `body`: its inside, from whoever has it, when no code of it runs any more.
    pub(super) fn die(&self, body: Option<&mut Option<Body>>, reason: String, detail: String) -> Arc<Death> {
        let death = Arc::clone(self.death.get_or_init(|| Arc::new(Death { reason, detail })));
        if self.dead.swap(true, Ordering::AcqRel) {
            return death;
        }
        self.gate().set_dead();
        for dir in &self.dirs {
            dir.revoke();
        }
        for net in &self.nets {
            net.revoke();
        }
        *self.ctx.lock().unwrap_or_else(PoisonError::into_inner) = WasiCtx::inert();
        let held = self.handles().end();
        let mut orphans = self.orphans.lock().unwrap_or_else(PoisonError::into_inner);
        // What it defined itself is gone with it.
        orphans.extend(held.into_iter().filter(|(resource, _)| resource.definer != self.id));
        drop(orphans);
        match body {
            Some(body) => *body = None,
            // It is on the stack above us: interrupted, it can't go on, and goes with the application.
            None if self.gate().entered() => drop(self.interrupt.interrupt()),
            None => match self.body.try_lock() {
                Ok(mut body) => *body = None,
                Err(TryLockError::Poisoned(body)) => *body.into_inner() = None,
                Err(TryLockError::WouldBlock) => drop(self.interrupt.interrupt()),
            },
        }
        let children = std::mem::take(&mut *self.children.lock().unwrap_or_else(PoisonError::into_inner));
        for child in children.iter().filter_map(Weak::upgrade) {
            let reason = format!("its parent is dead: {}", death.reason);
            child.die(None, reason, format!("{}, which handed it what it held, is dead", self.path));
        }
        death
    }
}

/// The inside of an instance, marked as entered meanwhile.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    gate: &'a Gate,
    body: MutexGuard<'a, Option<Body>>,
}

impl<'a> Entry<'a> {
    fn new(gate: &'a Gate, body: MutexGuard<'a, Option<Body>>) -> Entry<'a> {
        gate.set_entered(true);
        Entry { gate, body }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.gate.set_entered(false);
    }
}

impl Deref for Entry<'_> {
    type Target = Option<Body>;
    fn deref(&self) -> &Option<Body> {
        &self.body
    }
}

impl DerefMut for Entry<'_> {
    fn deref_mut(&mut self) -> &mut Option<Body> {
        &mut self.body
    }
}

impl AppError {
    pub(super) fn missing(what: &str, path: &str) -> AppError {
        AppError::Internal(format!("{path}: no {what}"))
    }
}
