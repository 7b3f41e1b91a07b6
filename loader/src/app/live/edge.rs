//! An edge: how one instance calls another, and what of the other's fate it learns.
//!
//! The order of a call: the callee is alive and not being called already; its time begins; the marshaller carries the
//! parameters, enters it and carries the result. Whoever breaks the contract ends: a caller that passes a wrong pointer
//! traps, a callee that traps, lies or takes too long dies, and then the call returns as the edge's `on_fault` says.

use super::deadline::{Deadlines, Over};
use super::learn;
use super::node::{Body, Death, Node, Shut};
use super::{AppError, NodeId, Plan};
use crate::app::cap::{Attenuation, Cap, CapKind, SubPath, derive};
use crate::app::fault::FaultValue;
use crate::app::manifest::{OnFault, attenuation};
use crate::app::marshal::{
    Call, Callee, End, Fault, FaultKind, HandleError, Handles, Limits, Offender, Ownership, Pairing, Passing, Prepared,
    Side, Stage, Way,
};
use crate::value::{FuncType, Val};
use crate::wasi::{Dir, WasiCtx};
use crate::{Caller, Error, Func, HostError, Imports, TrapCode, ValType};
use bailiwick_runtime_abi::wit::world::{MEMORY, REALLOC};
use bailiwick_runtime_abi::wit::{Function, World};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Handles that a receiver has to have room for in one call. If it has none for more, that is the fault of who passes so
/// many: else anybody could end an instance that others call by passing it one folder often enough.
const HANDLES_WITH_ROOM: usize = 16;

/// An edge for one function.
#[derive(Debug)]
pub(super) struct Edge {
    /// `wallet/easydex → notify: send`.
    name: String,
    callee: Arc<Node>,
    /// The caller's descriptors, out of which handles are passed.
    caller_ctx: Arc<Mutex<WasiCtx>>,
    /// Whether the caller's allocator or post-return function runs.
    caller_tidying: Arc<AtomicBool>,
    export: usize,
    prepared: Prepared,
    /// The caller's world, and its import: by whose types it learns of a fault.
    world: Arc<World>,
    import: Function,
    fault_value: Option<FaultValue>,
    /// What is taken off a folder that is passed, by the position of the parameter.
    narrowed: Vec<(u32, Attenuation)>,
    deadlines: Arc<Deadlines>,
}

impl Edge {
    pub(super) fn new(
        plan: &Plan,
        (caller, member, import): (NodeId, usize, usize),
        (callee, export): (NodeId, usize),
        caller_node: &Arc<Node>,
        callee_node: &Arc<Node>,
        deadlines: &Arc<Deadlines>,
    ) -> Result<Arc<Edge>, AppError> {
        let (from, to) = (plan.node(caller), plan.node(callee));
        let own = from.members.get(member).and_then(|m| m.world.as_ref());
        let own = own.ok_or_else(|| AppError::missing("world", &from.path))?;
        let theirs = crate::app::check::face(to).and_then(|m| m.world.as_ref());
        let theirs = theirs.ok_or_else(|| AppError::missing("world", &to.path))?;
        let (wanted, given) = (&own.imports()[import], &theirs.exports()[export]);
        let name = format!("{} → {}: {}", from.path, to.name, wanted.name);
        let failed = |e: &dyn std::fmt::Display| AppError::Internal(format!("{name}: {e}"));
        let prepared = Pairing::new(own, theirs).prepare(wanted, given).map_err(|e| failed(&e))?;
        let mut narrowed = Vec::new();
        if let Some(parameters) = to.call.get(&wanted.name) {
            for (parameter, table) in parameters {
                let position = wanted.params.iter().position(|(name, _)| name == parameter);
                let position = position.ok_or_else(|| failed(&format!("call: there is no parameter {parameter}")))?;
                let asked = attenuation("call", CapKind::Dir, table.clone()).map_err(|e| failed(&e))?;
                narrowed.push((position as u32, asked));
            }
        }
        let fault_value = match to.on_fault {
            OnFault::Trap => None,
            OnFault::Error => FaultValue::of(own, wanted),
        };
        Ok(Arc::new(Edge {
            callee: Arc::clone(callee_node),
            caller_ctx: Arc::clone(&caller_node.ctx),
            caller_tidying: Arc::clone(&caller_node.tidying),
            export,
            prepared,
            world: Arc::clone(own),
            import: wanted.clone(),
            fault_value,
            narrowed,
            deadlines: Arc::clone(deadlines),
            name,
        }))
    }

    /// Grants the call to a module, by the names of its import.
    pub(super) fn grant(self: &Arc<Edge>, imports: &mut Imports, module: &str, name: &str) {
        let signature = self.prepared.caller_signature();
        let ty = FuncType::new(signature.params.iter().copied(), signature.results.iter().copied());
        let results: Vec<ValType> = signature.results.clone();
        let edge = Arc::clone(self);
        imports.func_untyped(module, name, ty, move |caller, arguments| {
            let params: Vec<u64> = arguments.iter().map(bits).collect();
            let mut values = [0; 1];
            edge.call(caller, &params, &mut values[..results.len()])?;
            Ok(results.iter().zip(values).map(|(ty, bits)| value(*ty, bits)).collect())
        });
    }

    fn call(&self, caller: &mut Caller<'_>, params: &[u64], results: &mut [u64]) -> Result<(), HostError> {
        // So that calls nest no deeper than the plan says, whatever an allocator does.
        if self.caller_tidying.load(Ordering::Relaxed) {
            return Err(self.trap("its allocator and its post-return functions make no calls".to_owned()));
        }
        let mut body = match self.callee.enter() {
            Ok(body) => body,
            Err(Shut::Entered) => {
                return Err(self.trap("it is being called already, and nobody enters it twice".to_owned()));
            }
            Err(Shut::Dead(death)) => return self.learn(caller, &death, params, results),
        };
        let begun = self.deadlines.begin(&self.callee.interrupt, self.callee.time, self.callee.shared);
        let running = begun.map_err(|Over| HostError::Trap(TrapCode::Interrupt, None))?;
        let (result, ended) = match body.as_mut() {
            Some(body) => self.carry(caller, body, params, results),
            None => return Err(self.trap("it is gone".to_owned())),
        };
        let late = running.is_some_and(|running| running.end());
        if matches!(&result, Err(fault) if fault.offender == Offender::Caller)
            && let Some(reason) = ended
        {
            // The caller's fault came first, but what has ended is not entered again.
            self.callee.die(Some(&mut body), format!("{}: {reason}", self.name));
        }
        let survives = result.as_ref().map_or_else(|fault| fault.offender == Offender::Caller, |()| true);
        if late
            && survives
            && let Some(body) = body.as_mut()
        {
            // It was done before it noticed; whoever's time was over learns of it itself.
            let _ = body.group.resume();
        }
        match result {
            Ok(()) => Ok(()),
            Err(fault) if fault.offender == Offender::Caller => match fault.kind {
                FaultKind::Interrupted => Err(HostError::Trap(TrapCode::Interrupt, None)),
                _ => Err(self.trap(fault.to_string())),
            },
            Err(fault) => {
                let reason = match self.callee.time {
                    Some(limit) if late => {
                        format!("a call of it took more than {}", humantime::format_duration(limit))
                    }
                    _ => fault.to_string(),
                };
                let death = self.callee.die(Some(&mut body), format!("{}: {reason}", self.name));
                drop(body);
                self.learn(caller, &death, params, results)
            }
        }
    }

    /// Carries the call out. Besides its outcome, says why the callee's post-return function did not return, if it did
    /// not: of two faults, the outcome names the first.
    fn carry(
        &self,
        caller: &mut Caller<'_>,
        body: &mut Body,
        params: &[u64],
        results: &mut [u64],
    ) -> (Result<(), Fault>, Option<String>) {
        let export = body.exports.get(self.export).copied();
        let mut handles = Passed { edge: self, lent: Vec::new(), moved: Vec::new(), passed: [0; 2] };
        let mut callee_end = CalleeEnd { body, export, tidying: &self.callee.tidying, ended: None };
        let (flag, callee) = (caller.interrupt_handle(), self.callee.interrupt.clone());
        let interrupted = move || match (flag.requested(), callee.requested()) {
            (true, _) => Some(Side::Caller),
            (_, true) => Some(Side::Callee),
            _ => None,
        };
        let call = Call {
            caller: &mut CallerEnd { caller, tidying: &self.caller_tidying },
            callee: &mut callee_end,
            handles: &mut handles,
            interrupted: &interrupted,
            limits: Limits::default(),
        };
        let result = call.run(&self.prepared, params, results);
        handles.give_back();
        if let Err(fault) = &result {
            handles.undo(fault);
        }
        (result, callee_end.ended)
    }

    /// What the caller learns of a callee that is dead.
    fn learn(
        &self,
        caller: &mut Caller<'_>,
        death: &Death,
        params: &[u64],
        results: &mut [u64],
    ) -> Result<(), HostError> {
        let Some(value) = self.fault_value else { return Err(self.trap(format!("it is dead: {}", death.reason))) };
        let text = format!("{} is dead: {}", self.callee.path, death.reason);
        let mut end = CallerEnd { caller, tidying: &self.caller_tidying };
        learn::store(&self.world, &self.import, value, &text, &mut end, params, results)
            .map_err(|reason| self.trap(reason))
    }

    /// The caller's end.
    fn trap(&self, reason: String) -> HostError {
        HostError::Trap(TrapCode::HostError, Some(format!("{}: {reason}", self.name)))
    }
}

fn bits(value: &Val) -> u64 {
    match value {
        Val::I32(v) => u64::from(v.cast_unsigned()),
        Val::I64(v) => v.cast_unsigned(),
        Val::F32(bits) => u64::from(*bits),
        Val::F64(bits) => *bits,
        // No canonical signature has others.
        _ => 0,
    }
}

fn value(ty: ValType, bits: u64) -> Val {
    match ty {
        ValType::I64 => Val::I64(bits.cast_signed()),
        ValType::F32 => Val::F32(bits as u32),
        ValType::F64 => Val::F64(bits),
        _ => Val::I32((bits as u32).cast_signed()),
    }
}

/// The end that calls.
struct CallerEnd<'a, 'b> {
    caller: &'a mut Caller<'b>,
    tidying: &'a AtomicBool,
}

/// Runs code of an instance that makes no calls over edges meanwhile.
fn tidying<T>(flag: &AtomicBool, run: impl FnOnce() -> T) -> T {
    let outer = flag.swap(true, Ordering::Relaxed);
    let result = run();
    flag.store(outer, Ordering::Relaxed);
    result
}

impl End for CallerEnd<'_, '_> {
    fn memory(&mut self) -> Option<&mut [u8]> {
        self.caller.memory().ok()
    }

    fn allocate(&mut self, align: u32, size: u32) -> Result<u32, Error> {
        let realloc = self.caller.instance().func(self.caller, REALLOC)?;
        allocate(tidying(self.tidying, || realloc.call(self.caller, &arguments(align, size)))?)
    }
}

/// The end that is called.
struct CalleeEnd<'a> {
    body: &'a mut Body,
    export: Option<super::node::Export>,
    tidying: &'a AtomicBool,
    /// Why its post-return function did not return.
    ended: Option<String>,
}

impl CalleeEnd<'_> {
    fn missing(&self, name: &str) -> Error {
        Error::NoExport { name: name.to_owned(), kind: bailiwick_runtime_abi::format::Kind::Function }
    }
}

impl End for CalleeEnd<'_> {
    fn memory(&mut self) -> Option<&mut [u8]> {
        let face = self.body.face?;
        let memory = face.memory(&mut self.body.group, MEMORY).ok()?;
        memory.bytes(&mut self.body.group).ok()
    }

    fn allocate(&mut self, align: u32, size: u32) -> Result<u32, Error> {
        let Some(realloc) = self.body.realloc else { return Err(self.missing(REALLOC)) };
        allocate(tidying(self.tidying, || realloc.call(&mut self.body.group, &arguments(align, size)))?)
    }
}

fn arguments(align: u32, size: u32) -> [Val; 4] {
    [Val::I32(0), Val::I32(0), Val::I32(align.cast_signed()), Val::I32(size.cast_signed())]
}

/// The address that an allocator answered with. Its type was checked when it was compiled.
fn allocate(results: Vec<Val>) -> Result<u32, Error> {
    Ok(results.first().map_or(0, bits) as u32)
}

impl Callee for CalleeEnd<'_> {
    fn call(&mut self, params: &[u64], results: &mut [u64]) -> Result<(), Error> {
        let Some(export) = self.export else { return Err(self.missing("a function of its world")) };
        enter(export.func, self.body, params, results)
    }

    fn post_return(&mut self, results: &[u64]) -> Result<(), Error> {
        match self.export.and_then(|export| export.post_return) {
            Some(func) => {
                let returned = tidying(self.tidying, || enter(func, self.body, results, &mut []));
                returned.inspect_err(|error| self.ended = Some(error.to_string()))
            }
            None => Ok(()),
        }
    }
}

fn enter(func: Func, body: &mut Body, params: &[u64], results: &mut [u64]) -> Result<(), Error> {
    let ty = func.ty(&mut body.group)?;
    let params: Vec<Val> = ty.params().iter().zip(params).map(|(ty, bits)| value(*ty, *bits)).collect();
    let values = func.call(&mut body.group, &params)?;
    for (result, value) in results.iter_mut().zip(&values) {
        *result = bits(value);
    }
    Ok(())
}

/// Handles that have crossed in a call.
struct Passed<'a> {
    edge: &'a Edge,
    /// Descriptors of the callee that are lent to it, and the folders that they are.
    lent: Vec<(u32, Dir)>,
    /// Descriptors that were handed over for good, by the way that they went.
    moved: Vec<(Way, u32, Dir)>,
    /// How many have gone to the callee and to the caller.
    passed: [usize; 2],
}

impl Passed<'_> {
    /// Takes back what was lent: the descriptors close, and whatever was opened through them is dead.
    fn give_back(&mut self) {
        for (fd, folder) in self.lent.drain(..) {
            folder.revoke();
            let mut ctx = self.edge.callee.ctx.lock().unwrap_or_else(PoisonError::into_inner);
            ctx.take_back_folder(fd, &folder);
        }
    }

    /// Takes back what was handed over to somebody who has not learned of it, since the call ended before: a descriptor
    /// that nobody told it about is none of its own. The giver, whose fault it was, ends.
    fn undo(&mut self, fault: &Fault) {
        for (way, fd, folder) in self.moved.drain(..) {
            let target = match (way, fault.stage, fault.offender) {
                (Way::ToCallee, Stage::Params, Offender::Caller) => &self.edge.callee.ctx,
                (Way::ToCaller, Stage::Result, Offender::Callee) => &self.edge.caller_ctx,
                _ => continue,
            };
            folder.revoke();
            target.lock().unwrap_or_else(PoisonError::into_inner).take_back_folder(fd, &folder);
        }
    }
}

impl Handles for Passed<'_> {
    fn pass(&mut self, passing: Passing, handle: u32) -> Result<u32, HandleError> {
        let (source, target) = match passing.way {
            Way::ToCallee => (&self.edge.caller_ctx, &self.edge.callee.ctx),
            Way::ToCaller => (&self.edge.callee.ctx, &self.edge.caller_ctx),
        };
        let refused = |offender: Side, reason: String| HandleError { offender, reason: reason.into() };
        let (giver, receiver) = (passing.way.source(), passing.way.target());
        let own = passing.ownership == Ownership::Own;
        let folder = {
            let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
            let folder = source.folder(handle);
            let folder = folder.map_err(|e| refused(giver, format!("passes handle {handle}: {e}")))?;
            if own {
                source.drop_folder(handle).map_err(|e| refused(giver, format!("passes handle {handle}: {e}")))?;
            }
            folder
        };
        let asked = self.edge.narrowed.iter().find(|(position, _)| passing.parameter == Some(*position));
        let folder = match asked.filter(|_| passing.way == Way::ToCallee) {
            None => folder,
            Some((_, asked)) => {
                let held = Cap::Dir { path: SubPath::default(), grant: folder.grant() };
                let Ok(Cap::Dir { path, grant }) = derive(&held, asked) else {
                    let message = format!("passes handle {handle}, which holds less than the edge hands over");
                    return Err(refused(giver, message));
                };
                let narrowed = folder.derive(&path.to_string(), grant);
                narrowed.map_err(|e| refused(giver, format!("passes handle {handle}: {e}")))?
            }
        };
        let fd = target.lock().unwrap_or_else(PoisonError::into_inner).receive_folder(&folder);
        let passed = &mut self.passed[usize::from(passing.way == Way::ToCaller)];
        *passed += 1;
        let fd = match fd {
            Ok(fd) => fd,
            Err(e) if *passed > HANDLES_WITH_ROOM => {
                return Err(refused(giver, format!("passes more handles than there is room for: {e}")));
            }
            Err(e) => return Err(refused(receiver, format!("can't take a handle: {e}"))),
        };
        match own {
            true => self.moved.push((passing.way, fd, folder)),
            false => self.lent.push((fd, folder)),
        }
        Ok(fd)
    }

    fn end_of_call(&mut self) -> Result<(), HandleError> {
        self.give_back();
        Ok(())
    }
}

/// Grants giving a folder's handle back: the descriptor is closed.
pub(super) fn grant_drop(imports: &mut Imports, module: &str, name: &str, ctx: &Arc<Mutex<WasiCtx>>) {
    let ctx = Arc::clone(ctx);
    imports.func(module, name, move |_: &mut Caller<'_>, handle: i32| -> Result<(), HostError> {
        let mut ctx = ctx.lock().unwrap_or_else(PoisonError::into_inner);
        ctx.drop_folder(handle.cast_unsigned())
            .map_err(|e| HostError::Trap(TrapCode::HostError, Some(format!("giving back handle {handle}: {e}"))))
    });
}
