//! An edge: how one instance calls another, and what of the other's fate it learns.
//!
//! The order of a call: the callee is alive and not being called already; its time begins; the parameters are carried, the
//! callee is entered and the result is carried. Whoever breaks the contract ends: a caller that passes a wrong pointer
//! traps, a callee that traps, lies or takes too long dies, and then the call returns as the edge's `on_fault` says.
//!
//! Where the caller's artifact has an adapter for the import, compiled code carries and enters by itself ([`EdgeHost`]);
//! else the marshaller does ([`Edge::call`]). What comes before and after is the same.

use super::crossing::Crossed;
use super::deadline::{Deadlines, Over};
use super::learn;
use super::node::{Body, Death, Node, Shut};
use super::resources::{Definitions, identities};
use super::{AppError, NodeId, Plan};
use crate::cap::{Attenuation, CapKind};
use crate::fault::FaultValue;
use crate::manifest::{OnFault, attenuation};
use crate::marshal::{
    Call, Callee, End, Fault, FaultKind, HandleError, Handles, Limits, Offender, Pairing, Passing, Prepared, Region,
    Side, Stage,
};
use crate::resources::Identity;
use bailiwick_loader::edge::{Broken, EdgeCall, EdgeHost, Gate, Parts, Recorded};
use bailiwick_loader::host::HostFunc;
use bailiwick_loader::wasi::WasiCtx;
use bailiwick_loader::{Caller, Error, Func, HostError, Imports, InterruptHandle, TrapCode, ValType};
use bailiwick_loader::{FuncType, Val};
use bailiwick_runtime_abi::edge as abi;
use bailiwick_runtime_abi::wit::world::{MEMORY, REALLOC};
use bailiwick_runtime_abi::wit::{CoreSignature, Function, World};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An edge for one function.
#[derive(Debug)]
pub(super) struct Edge {
    /// `wallet/easydex → notify: send`.
    name: String,
    caller: Arc<Node>,
    callee: Arc<Node>,
    export: usize,
    prepared: Prepared,
    /// The caller's world, and its import: by whose types it learns of a fault.
    world: Arc<World>,
    import: Function,
    fault_value: Option<FaultValue>,
    /// What is taken off a folder that is passed, by the position of the parameter.
    narrowed: Vec<(u32, Attenuation)>,
    /// Whether handles are among its types.
    handles: bool,
    /// What they stand for, by the resources of the caller's world, and of the callee's.
    identities: [Arc<[Option<Identity>]>; 2],
    definitions: Arc<Definitions>,
    deadlines: Arc<Deadlines>,
    /// How much a call may move.
    limits: Limits,
    /// Of the call that compiled code is making.
    under_way: Mutex<UnderWay>,
}

/// The most bytes that a call of the loader's own moves: less than there is room for where they go to.
const LOADER_BYTES: u64 = 3 << 20;
const _: () = assert!(LOADER_BYTES < super::scratch::MAX_BYTES as u64);

/// Why a call of the loader's own had no answer.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// Who was called is dead.
    Dead(Arc<Death>),
    /// It can't be called now; why.
    Shut(String),
    /// The guest on whose behalf it was is to end.
    Ends(HostError),
}

impl From<HostError> for Unanswered {
    fn from(error: HostError) -> Unanswered {
        match error {
            HostError::Trap(TrapCode::HostError, why) => Unanswered::Shut(why.unwrap_or_default()),
            error => Unanswered::Ends(error),
        }
    }
}

/// The worlds of a module and of an instance that it calls, whose types are compared once for all functions.
#[derive(Debug)]
pub(super) struct Worlds<'a> {
    /// How much a call may move, if it is the loader's own.
    limits: Option<Limits>,
    caller: &'a Arc<World>,
    callee: &'a World,
    pairing: Pairing<'a>,
    identities: [Arc<[Option<Identity>]>; 2],
}

impl<'a> Worlds<'a> {
    /// Of a member of `caller`, and of the face of `callee`.
    pub(super) fn new(plan: &'a Plan, caller: NodeId, member: usize, callee: NodeId) -> Result<Worlds<'a>, AppError> {
        let from_id = caller;
        let (from, to) = (plan.node(caller), plan.node(callee));
        let own = from.members.get(member).and_then(|m| m.world.as_ref());
        let caller = own.ok_or_else(|| AppError::missing("world", &from.path))?;
        let theirs = crate::check::face(to).and_then(|m| m.world.as_ref());
        let callee_world = theirs.ok_or_else(|| AppError::missing("world", &to.path))?;
        let identities = [identities(plan, from_id, member).into(), identities(plan, callee, 0).into()];
        Ok(Worlds {
            limits: None,
            caller,
            callee: callee_world,
            pairing: Pairing::new(caller, callee_world),
            identities,
        })
    }

    /// Of the loader's own world, which has no resources, and of the face of `callee`.
    pub(super) fn of_loader(plan: &'a Plan, loader: &'a Arc<World>, callee: NodeId) -> Result<Worlds<'a>, AppError> {
        let to = plan.node(callee);
        let theirs = crate::check::face(to).and_then(|m| m.world.as_ref());
        let world = theirs.ok_or_else(|| AppError::missing("world", &to.path))?;
        let limits = Some(Limits::of_bytes(LOADER_BYTES));
        let identities = [Vec::new().into(), identities(plan, callee, 0).into()];
        Ok(Worlds { limits, caller: loader, callee: world, pairing: Pairing::new(loader, world), identities })
    }

    /// The number of the function of the callee that is `import`, one of the caller's.
    pub(super) fn export(&self, import: usize) -> Option<usize> {
        let wanted = self.caller.imports().get(import)?;
        let same = |f: &Function| f.interface == wanted.interface && f.name == wanted.name;
        self.callee.exports().iter().position(same)
    }
}

#[derive(Debug, Default)]
struct UnderWay {
    crossed: Crossed,
    /// Whether it has a limit of time.
    timed: bool,
    /// Why a handle did not cross.
    refused: Option<HandleError>,
}

impl Edge {
    pub(super) fn new(
        plan: &Plan,
        pairing: &mut Worlds<'_>,
        (import, export): (usize, usize),
        (caller_node, callee_node): (&Arc<Node>, &Arc<Node>),
        (deadlines, definitions): (&Arc<Deadlines>, &Arc<Definitions>),
    ) -> Result<Arc<Edge>, AppError> {
        let (from, to) = (plan.node(caller_node.id()), plan.node(callee_node.id()));
        let own = pairing.caller;
        let (wanted, given) = (&own.imports()[import], &pairing.callee.exports()[export]);
        let name = format!("{} → {}: {}", from.path, to.name, wanted.name);
        let failed = |e: &dyn std::fmt::Display| AppError::Internal(format!("{name}: {e}"));
        let prepared = pairing.pairing.prepare(wanted, given).map_err(|e| failed(&e))?;
        let mut narrowed = Vec::new();
        if let Some(parameters) = to.call.get(&wanted.name) {
            for (parameter, table) in parameters {
                let position = wanted.params.iter().position(|(name, _)| name == parameter);
                let position = position.ok_or_else(|| failed(&format!("call: there is no parameter {parameter}")))?;
                let asked = attenuation("call", CapKind::Dir, table.clone()).map_err(|e| failed(&e))?;
                narrowed.push((position as u32, asked));
            }
        }
        let handles = wanted.params.iter().map(|&(_, ty)| ty).chain(wanted.result);
        let handles = handles.into_iter().any(|ty| own.types().layout(ty).has_handles);
        let fault_value = match to.on_fault {
            OnFault::Trap => None,
            OnFault::Error => FaultValue::of(own, wanted),
        };
        Ok(Arc::new(Edge {
            caller: Arc::clone(caller_node),
            callee: Arc::clone(callee_node),
            export,
            prepared,
            world: Arc::clone(own),
            import: wanted.clone(),
            fault_value,
            narrowed,
            handles,
            identities: pairing.identities.clone(),
            definitions: Arc::clone(definitions),
            deadlines: Arc::clone(deadlines),
            limits: pairing.limits.unwrap_or_else(|| to.limits.values.map_or_else(Limits::default, Limits::of_bytes)),
            under_way: Mutex::default(),
            name,
        }))
    }

    /// Grants the call to a module, by the names of its import. `interpreted`: not to compiled code.
    pub(super) fn grant(self: &Arc<Edge>, imports: &mut Imports, module: &str, name: &str, interpreted: bool) {
        let ty = func_type(self.prepared.caller_signature());
        let (params, results) = (ty.params().len(), ty.results().len());
        let edge = Arc::clone(self);
        let host = (!interpreted).then(|| Arc::clone(self) as Arc<dyn EdgeHost>);
        let func = HostFunc::edge(ty, host, move |caller, cells| {
            let params: Vec<u64> = cells[..params].iter().map(|cell| cell[0]).collect();
            let mut values = [0; 1];
            edge.call(caller, &params, &mut values[..results])?;
            for (cell, value) in cells.iter_mut().zip(&values[..results]) {
                *cell = [*value, 0];
            }
            Ok(())
        });
        imports.edge(module, name, func);
    }

    /// The path of who is called.
    pub(super) fn callee_path(&self) -> &str {
        &self.callee.path
    }

    /// Whether a call may begin; what the caller learns, if not.
    fn open(&self) -> Result<Option<Arc<Death>>, HostError> {
        // So that calls nest no deeper than the plan says, whatever an allocator does.
        if self.caller.gate().closed() {
            return Err(self.trap("its allocator and its post-return functions make no calls".to_owned()));
        }
        self.callee.note_entered(&self.import.name);
        match self.callee.open() {
            Ok(()) => Ok(None),
            Err(Shut::Dead(death)) => Ok(Some(death)),
            Err(Shut::Entered) => Err(self.entered()),
        }
    }

    /// Carries a call out, by the marshaller.
    fn call(&self, caller: &mut Caller<'_>, params: &[u64], results: &mut [u64]) -> Result<(), HostError> {
        let area = area(self.prepared.caller_signature(), params);
        if let Some(death) = self.open()? {
            return self.learn(caller, &death, area, results.first_mut());
        }
        let timed = self.begin_time(caller)?;
        let flag = caller.interrupt_handle();
        let mut end = CallerEnd { caller, gate: self.caller.gate() };
        match self.run(&flag, &mut end, timed, params, results)? {
            None => Ok(()),
            Some(death) => self.learn(caller, &death, area, results.first_mut()),
        }
    }

    /// Makes a call of the loader's own on behalf of the caller: values are carried from `end` and to it.
    ///
    /// # Errors
    /// [`Unanswered`]
    pub(super) fn ask(&self, caller: &mut Caller<'_>, end: &mut dyn End, params: &[u64]) -> Result<(), Unanswered> {
        if let Some(death) = self.open().map_err(Unanswered::from)? {
            return Err(Unanswered::Dead(death));
        }
        let timed = self.begin_time(caller)?;
        let flag = caller.interrupt_handle();
        match self.run(&flag, end, timed, params, &mut [])? {
            None => Ok(()),
            Some(death) => Err(Unanswered::Dead(death)),
        }
    }

    /// Carries a call out whose time has begun: gives the death of the callee, if it was the last.
    fn run(
        &self,
        flag: &InterruptHandle,
        end: &mut dyn End,
        timed: bool,
        params: &[u64],
        results: &mut [u64],
    ) -> Result<Option<Arc<Death>>, HostError> {
        let Ok(mut body) = self.callee.enter() else {
            if timed {
                self.deadlines.end();
            }
            return Err(self.entered());
        };
        let mut crossed = Crossed::default();
        let (result, ended) = match body.as_mut() {
            Some(body) => self.carry((flag, end), body, &mut crossed, params, results),
            None => (Err(Fault { offender: Offender::Host, ..self.gone() }), None),
        };
        crossed.give_back(&self.caller, &self.callee);
        let fault = match result {
            Ok(()) => {
                if timed {
                    self.deadlines.end();
                }
                return Ok(None);
            }
            Err(fault) => fault,
        };
        self.blame(&mut body, (fault, ended), (crossed, timed)).map(Some)
    }

    /// Begins the callee's time; says whether it must be ended.
    fn begin_time(&self, caller: &mut Caller<'_>) -> Result<bool, HostError> {
        let interrupted = || HostError::Trap(TrapCode::Interrupt, None);
        if caller.interrupt_handle().requested() {
            return Err(interrupted());
        }
        self.deadlines.begin(Some(self.caller.id().0), self.callee.id().0).map_err(|Over| interrupted())
    }

    /// After a call has failed: who is to blame ends, and the caller learns of it.
    fn conclude(
        &self,
        caller: &mut Caller<'_>,
        body: &mut Option<Body>,
        fault: (Fault, Option<String>),
        crossed: (Crossed, bool),
        area: u32,
        result: Option<&mut u64>,
    ) -> Result<(), HostError> {
        let death = self.blame(body, fault, crossed)?;
        self.learn(caller, &death, area, result)
    }

    /// Ends who is to blame for a call that has failed. `ended`: why the callee's post-return function did not return, if
    /// that came besides.
    fn blame(
        &self,
        body: &mut Option<Body>,
        (fault, ended): (Fault, Option<String>),
        (mut crossed, timed): (Crossed, bool),
    ) -> Result<Arc<Death>, HostError> {
        crossed.give_back(&self.caller, &self.callee);
        crossed.undo(&fault, &self.caller, &self.callee);
        let late = timed && self.deadlines.end();
        if fault.offender == Offender::Caller {
            let mut text = fault.to_string();
            if let Some(reason) = ended {
                // The caller's fault came first, but what has ended is not entered again.
                text = format!("{text}; and then the callee ended: {}", first_line(&reason));
                self.callee.die(Some(body), first_line(&reason).to_owned(), format!("{}: {reason}", self.name));
                self.definitions.bury(Some(self.caller.id()));
            }
            return Err(match fault.kind {
                FaultKind::Interrupted => HostError::Trap(TrapCode::Interrupt, None),
                _ => self.trap(text),
            });
        }
        let text = fault.to_string();
        let reason = match self.callee.time {
            Some(limit) if late => format!("a call of it took more than {}", humantime::format_duration(limit)),
            _ => first_line(&text).to_owned(),
        };
        let death = self.callee.die(Some(body), reason, format!("{}: {text}", self.name));
        self.definitions.bury(Some(self.caller.id()));
        Ok(death)
    }

    /// Carries the call out. Besides its outcome, says why the callee's post-return function did not return, if it did
    /// not: of two faults, the outcome names the first.
    fn carry(
        &self,
        (flag, end): (&InterruptHandle, &mut dyn End),
        body: &mut Body,
        crossed: &mut Crossed,
        params: &[u64],
        results: &mut [u64],
    ) -> (Result<(), Fault>, Option<String>) {
        let export = body.exports.get(self.export).copied();
        let mut callee_end = CalleeEnd { body, export, gate: self.callee.gate(), ended: None };
        let callee = self.callee.interrupt.clone();
        let interrupted = move || match (flag.requested(), callee.requested()) {
            (true, _) => Some(Side::Caller),
            (_, true) => Some(Side::Callee),
            _ => None,
        };
        let call = Call {
            caller: end,
            callee: &mut callee_end,
            handles: &mut Passed { edge: self, crossed },
            interrupted: &interrupted,
            limits: self.limits,
        };
        let result = call.run(&self.prepared, params, results);
        (result, callee_end.ended)
    }

    /// What the caller learns of a callee that is dead.
    fn learn(
        &self,
        caller: &mut Caller<'_>,
        death: &Death,
        area: u32,
        result: Option<&mut u64>,
    ) -> Result<(), HostError> {
        let text = format!("{} is dead: {}", self.callee.name, death.reason);
        let Some(value) = self.fault_value else { return Err(self.trap(text)) };
        let mut end = CallerEnd { caller, gate: self.caller.gate() };
        learn::store(&self.world, &self.import, value, &text, &mut end, area, result)
            .map_err(|reason| self.trap(reason))
    }

    /// What a handle stands for; `None` if the two sides mean different things, which was refused before.
    fn identity(&self, passing: Passing) -> Option<Identity> {
        let [caller, callee] = &self.identities;
        let ours = caller.get(passing.caller.index()).copied().flatten()?;
        (callee.get(passing.callee.index()).copied().flatten() == Some(ours)).then_some(ours)
    }

    /// The caller's end.
    fn trap(&self, reason: String) -> HostError {
        HostError::Trap(TrapCode::HostError, Some(format!("{}: {reason}", self.name)))
    }

    fn entered(&self) -> HostError {
        self.trap("it is being called already, and nobody enters it twice".to_owned())
    }

    fn gone(&self) -> Fault {
        let kind = FaultKind::Ended(Box::new(Error::trap(TrapCode::HostError)));
        Fault { offender: Offender::Callee, stage: Stage::Params, place: String::new(), kind }
    }

    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fills the record of compiled code in.
    fn link(&self, call: &mut EdgeCall<'_>) -> Result<(), HostError> {
        let failed = |e: Error| self.trap(format!("it can't be linked: {e}"));
        let mut body = self.callee.body();
        let Some(body) = body.as_mut() else { return Err(self.trap("it is gone".to_owned())) };
        let Some(export) = body.exports.get(self.export).copied() else {
            return Err(self.trap("it was not instantiated yet".to_owned()));
        };
        let signature = self.prepared.callee_signature();
        let post_return = FuncType::new(signature.results.iter().copied(), []);
        let memory = match body.face {
            Some(face) => face.memory(&mut body.group, MEMORY).ok(),
            None => None,
        };
        let parts = Parts {
            function: (export.func, func_type(signature)),
            post_return: export.post_return.map(|func| (func, post_return)),
            realloc: body.realloc,
            memory,
            caller_realloc: call.caller.export(REALLOC),
            values: self.limits.bytes,
        };
        // What the canonical ABI needs was exported when the modules were compiled; compiled code relies on it.
        let (caller, callee) = (self.prepared.caller_needs(), self.prepared.callee_needs());
        let missing = |side: &str, what: &str| Err(self.trap(format!("the {side} exports no {what}")));
        if callee.memory && parts.memory.is_none() {
            return missing("callee", MEMORY);
        }
        if callee.realloc && parts.realloc.is_none() {
            return missing("callee", REALLOC);
        }
        if caller.memory && call.caller.memory_handle().is_none() {
            return missing("caller", MEMORY);
        }
        if caller.realloc && parts.caller_realloc.is_none() {
            return missing("caller", REALLOC);
        }
        call.link(&mut body.group, parts).map_err(failed)
    }

    /// What compiled code says went wrong, as the marshaller would have said it.
    fn explain(&self, call: &mut EdgeCall<'_>, broken: &Broken) -> Fault {
        let side = if broken.callee { Side::Callee } else { Side::Caller };
        let stage = match broken.stage {
            0 => Stage::Params,
            1 => Stage::Function,
            2 => Stage::Result,
            _ => Stage::PostReturn,
        };
        let region = match broken.region {
            1 => Region::String,
            2 => Region::List,
            3 => Region::Params,
            4 => Region::Result,
            5 => Region::Allocation,
            _ => Region::Part,
        };
        let place = self.prepared.place(broken.place).map(|place| place.text).unwrap_or_default();
        let (a, b) = (broken.a, broken.b);
        let fault = |side: Side, kind| Fault { offender: side.into(), stage, place: place.clone(), kind };
        let code = broken.code;
        if code == abi::Code::Ended as u8 {
            let side = if a == abi::Target::CallerRealloc as u64 { Side::Caller } else { Side::Callee };
            return fault(side, FaultKind::Ended(Box::new(call.ended(a))));
        }
        let kind = if code == abi::Code::Recorded as u8 {
            match broken.recorded {
                Some(Recorded::NotText(offset)) => FaultKind::NotUtf8 { offset },
                Some(Recorded::Interrupted { callee }) => {
                    return fault(if callee { Side::Callee } else { Side::Caller }, FaultKind::Interrupted);
                }
                None => match self.under_way().refused.take() {
                    Some(error) => return fault(error.offender, FaultKind::Handle(error)),
                    None => return Fault { offender: Offender::Host, ..self.gone() },
                },
            }
        } else if code == abi::Code::NoMemory as u8 {
            FaultKind::NoMemory
        } else if code == abi::Code::OutOfBounds as u8 {
            let memory = call.memory_len(broken.callee).unwrap_or_default();
            FaultKind::OutOfBounds { region, address: a, size: b, memory }
        } else if code == abi::Code::Misaligned as u8 {
            FaultKind::Misaligned { region, address: a as u32, align: b as u32 }
        } else if code == abi::Code::TooLong as u8 {
            FaultKind::TooLong { region, size: a }
        } else if code == abi::Code::NotChar as u8 {
            FaultKind::NotChar(a as u32)
        } else if code == abi::Code::NoSuchCase as u8 {
            FaultKind::NoSuchCase { index: a as u32, cases: b as u32 }
        } else if code == abi::Code::Bytes as u8 {
            FaultKind::Limit { unit: "bytes", limit: self.limits.bytes }
        } else if code == abi::Code::Elements as u8 {
            FaultKind::Limit { unit: "elements", limit: self.limits.elements }
        } else {
            return Fault { offender: Offender::Host, ..self.gone() };
        };
        fault(side, kind)
    }
}

impl EdgeHost for Edge {
    fn gates(&self) -> [&Gate; 2] {
        [self.caller.gate(), self.callee.gate()]
    }

    fn callee_interrupt(&self) -> &InterruptHandle {
        &self.callee.interrupt
    }

    fn begin(&self, call: &mut EdgeCall<'_>, area: u32, result: &mut u64) -> Result<bool, HostError> {
        if let Some(death) = self.open()? {
            self.learn(&mut call.caller, &death, area, Some(result))?;
            return Ok(true);
        }
        if !call.linked() {
            self.link(call)?;
        }
        let timed = self.begin_time(&mut call.caller)?;
        if !timed && self.callee.interrupt.requested() {
            if self.deadlines.over(self.caller.id().0) {
                return Err(HostError::Trap(TrapCode::Interrupt, None));
            }
            // Code that does not poll at its entry would run to its end.
            let fault = Fault { kind: FaultKind::Interrupted, ..self.gone() };
            let mut body = self.callee.body();
            let crossed = (Crossed::default(), false);
            self.conclude(&mut call.caller, &mut body, (fault, None), crossed, area, Some(result))?;
            return Ok(true);
        }
        // What is kept of a call is for that call alone.
        let begin = self.handles || self.deadlines.concern(self.callee.id().0);
        let finish = self.handles || timed;
        call.set_flags(if begin { abi::BEGIN } else { 0 } | if finish { abi::FINISH } else { 0 });
        *self.under_way() = UnderWay { timed, ..UnderWay::default() };
        Ok(false)
    }

    fn pass(&self, place: u32, handle: u32) -> Option<u32> {
        let mut under_way = self.under_way();
        let passing = self.prepared.place(place)?.passing?;
        match under_way.crossed.pass(
            (&self.caller, &self.callee),
            &self.import,
            &self.narrowed,
            (passing, self.identity(passing)),
            handle,
        ) {
            Ok(handle) => Some(handle),
            Err(error) => {
                under_way.refused = Some(error);
                None
            }
        }
    }

    fn returned(&self) -> bool {
        let mut under_way = self.under_way();
        under_way.crossed.forget_moved_there();
        let ended = under_way.crossed.end(&self.caller, &self.callee);
        under_way.refused = ended.err();
        under_way.refused.is_none()
    }

    fn abandon(&self) {
        let UnderWay { mut crossed, timed, .. } = std::mem::take(&mut *self.under_way());
        crossed.give_back(&self.caller, &self.callee);
        if timed {
            self.deadlines.end();
        }
        self.callee.gate().set_entered(false);
    }

    fn fault(&self, call: &mut EdgeCall<'_>, broken: Broken, area: u32, result: &mut u64) -> Result<(), HostError> {
        let fault = self.explain(call, &broken);
        let mut body = self.callee.body();
        let mut ended = None;
        if fault.offender == Offender::Caller
            && fault.stage == Stage::Result
            && let Some(body) = body.as_mut()
        {
            // The callee has done its part, and goes on.
            let export = body.exports.get(self.export).copied();
            let mut callee = CalleeEnd { body, export, gate: self.callee.gate(), ended: None };
            let returned = &[broken.returned][..self.prepared.callee_signature().results.len().min(1)];
            let _ = callee.post_return(returned);
            ended = callee.ended;
        }
        let UnderWay { crossed, timed, .. } = std::mem::take(&mut *self.under_way());
        // Nobody is in it any more; if it dies, nobody will be.
        self.callee.gate().set_entered(false);
        self.conclude(&mut call.caller, &mut body, (fault, ended), (crossed, timed), area, Some(result))
    }

    fn finish(&self) {
        if std::mem::take(&mut *self.under_way()).timed {
            self.deadlines.end();
        }
    }
}

fn func_type(signature: &CoreSignature) -> FuncType {
    FuncType::new(signature.params.iter().copied(), signature.results.iter().copied())
}

/// Where the caller wants its result, if it says so.
fn area(signature: &CoreSignature, params: &[u64]) -> u32 {
    if signature.result_by_pointer { params.last().map_or(0, |&pointer| pointer as u32) } else { 0 }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
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
    gate: &'a Gate,
}

/// Runs code of an instance that makes no calls over edges meanwhile.
fn tidying<T>(gate: &Gate, run: impl FnOnce() -> T) -> T {
    let outer = gate.set_closed(true);
    let result = run();
    gate.set_closed(outer);
    result
}

impl End for CallerEnd<'_, '_> {
    fn memory(&mut self) -> Option<&mut [u8]> {
        self.caller.memory().ok()
    }

    fn allocate(&mut self, align: u32, size: u32) -> Result<u32, Error> {
        let realloc = self.caller.instance().func(self.caller, REALLOC)?;
        allocate(tidying(self.gate, || realloc.call(self.caller, &arguments(align, size)))?)
    }
}

/// The end that is called.
struct CalleeEnd<'a> {
    body: &'a mut Body,
    export: Option<super::node::Export>,
    gate: &'a Gate,
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
        allocate(tidying(self.gate, || realloc.call(&mut self.body.group, &arguments(align, size)))?)
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
                let returned = tidying(self.gate, || enter(func, self.body, results, &mut []));
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

/// How handles cross in a call that the marshaller carries out.
struct Passed<'a> {
    edge: &'a Edge,
    crossed: &'a mut Crossed,
}

impl Handles for Passed<'_> {
    fn pass(&mut self, passing: Passing, handle: u32) -> Result<u32, HandleError> {
        let edge = self.edge;
        let passing = (passing, edge.identity(passing));
        self.crossed.pass((&edge.caller, &edge.callee), &edge.import, &edge.narrowed, passing, handle)
    }

    fn end_of_call(&mut self) -> Result<(), HandleError> {
        self.crossed.end(&self.edge.caller, &self.edge.callee)
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
