//! Handles that cross in a call: out of one instance's descriptors, into the other's.

use super::node::Node;
use super::resources::Lent;
use crate::cap::{Attenuation, Cap, SubPath, derive};
use crate::marshal::{Fault, HandleError, Offender, Ownership, Passing, Side, Stage, Way};
use crate::resources::Identity;
use bailiwick_loader::wasi::Dir;
use bailiwick_runtime_abi::wit::Function;
use std::sync::PoisonError;

/// Handles that a receiver has to have room for in one call. If it has none for more, that is the fault of who passes so
/// many: else anybody could end an instance that others call by passing it one folder often enough.
const HANDLES_WITH_ROOM: usize = 16;

/// Handles that have crossed in a call.
#[derive(Debug, Default)]
pub(super) struct Crossed {
    /// Descriptors of the callee that are lent to it, and the folders that they are.
    lent: Vec<(u32, Dir)>,
    /// Descriptors that were handed over for good, by the way that they went.
    moved: Vec<(Way, u32, Dir)>,
    /// How many have gone to the callee and to the caller.
    passed: [usize; 2],
    /// The same of resources that modules define.
    resources: Lent,
}

impl Crossed {
    /// Takes back what was lent: the descriptors close, and whatever was opened through them is dead. Says how many handles
    /// of resources that modules define the callee should have given back by itself.
    pub(super) fn give_back(&mut self, caller: &Node, callee: &Node) -> usize {
        for (fd, folder) in self.lent.drain(..) {
            folder.revoke();
            let mut ctx = callee.ctx.lock().unwrap_or_else(PoisonError::into_inner);
            ctx.take_back_folder(fd, &folder);
        }
        self.resources.end(caller, callee)
    }

    /// Takes back what was handed over to somebody who has not learned of it, since the call ended before: a descriptor
    /// that nobody told it about is none of its own. The giver, whose fault it was, ends.
    pub(super) fn undo(&mut self, fault: &Fault, caller: &Node, callee: &Node) {
        let unknown = |way| {
            matches!(
                (way, fault.stage, fault.offender),
                (Way::ToCallee, Stage::Params, Offender::Caller) | (Way::ToCaller, Stage::Result, Offender::Callee)
            )
        };
        self.resources.undo(caller, callee, unknown);
        for (way, fd, folder) in self.moved.drain(..).filter(|(way, ..)| unknown(*way)) {
            let target = match way {
                Way::ToCallee => &callee.ctx,
                Way::ToCaller => &caller.ctx,
            };
            folder.revoke();
            target.lock().unwrap_or_else(PoisonError::into_inner).take_back_folder(fd, &folder);
        }
    }

    /// The callee has returned: what was handed over to it is its own.
    pub(super) fn forget_moved_there(&mut self) {
        self.moved.retain(|(way, ..)| *way == Way::ToCaller);
        self.resources.forget_moved_there();
    }

    /// Lets a handle cross, from the caller to the callee or back. `identity` is what it stands for, `narrowed` what is
    /// taken off a folder on its way to the callee, by the position of the parameter.
    ///
    /// # Errors
    /// Whose fault it is that it does not cross.
    pub(super) fn pass(
        &mut self,
        ends: (&Node, &Node),
        function: &Function,
        narrowed: &[(u32, Attenuation)],
        (passing, identity): (Passing, Option<Identity>),
        handle: u32,
    ) -> Result<u32, HandleError> {
        match identity {
            Some(Identity::Folder) => self.pass_folder(ends, function, narrowed, passing, handle),
            Some(Identity::Defined(resource)) => {
                let passed = &mut self.passed[usize::from(passing.way == Way::ToCaller)];
                *passed += 1;
                let passed = *passed;
                // As for folders: whose fault it is that there is no room.
                let crowded = |most: u32| {
                    let with_room = HANDLES_WITH_ROOM.min(most as usize);
                    if passed > with_room { passing.way.source() } else { passing.way.target() }
                };
                self.resources.pass(ends, passing, resource, handle, crowded)
            }
            // The checker knew of each.
            None => {
                let reason = format!("passes handle {handle}, of a resource that nobody defines");
                Err(HandleError { offender: passing.way.source(), reason: reason.into() })
            }
        }
    }

    fn pass_folder(
        &mut self,
        (caller, callee): (&Node, &Node),
        function: &Function,
        narrowed: &[(u32, Attenuation)],
        passing: Passing,
        handle: u32,
    ) -> Result<u32, HandleError> {
        let (source, target) = match passing.way {
            Way::ToCallee => (&caller.ctx, &callee.ctx),
            Way::ToCaller => (&callee.ctx, &caller.ctx),
        };
        let refused = |offender: Side, reason: String| HandleError { offender, reason: reason.into() };
        let (giver, receiver) = (passing.way.source(), passing.way.target());
        let own = passing.ownership == Ownership::Own;
        let folder = {
            let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
            let folder = if own { source.hand_over_folder(handle) } else { source.folder(handle) };
            folder.map_err(|e| refused(giver, format!("passes handle {handle}: {e}")))?
        };
        let asked = narrowed.iter().find(|(position, _)| passing.parameter == Some(*position));
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
        if passing.way == Way::ToCallee {
            note(callee, function, &passing, asked.map(|(_, asked)| asked), &folder);
        }
        let mut target = target.lock().unwrap_or_else(PoisonError::into_inner);
        let fd = target.receive_folder(&folder, !own);
        // What could not be taken even with empty hands is the giver's fault; what has no room for what was kept, the
        // receiver's.
        let room = target.max_handles().map_or(HANDLES_WITH_ROOM, |most| HANDLES_WITH_ROOM.min(most as usize));
        drop(target);
        let passed = &mut self.passed[usize::from(passing.way == Way::ToCaller)];
        *passed += 1;
        let fd = match fd {
            Ok(fd) => fd,
            Err(e) if *passed > room => {
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
}

/// Notes what becomes of a folder that a call brings, if somebody wants to know.
fn note(callee: &Node, function: &Function, passing: &Passing, asked: Option<&Attenuation>, folder: &Dir) {
    let (Some((recorder, by_root)), Some(used)) = (&callee.recorder, folder.recorded()) else { return };
    // What a library's manifest asks for is not the root's to narrow: whoever passes the folder has to have it.
    if let (false, Some(Attenuation::Dir { rights: Some(rights), .. })) = (by_root, asked) {
        used.note(*rights);
    }
    let parameter = passing.parameter.and_then(|position| function.params.get(position as usize));
    if let Some((parameter, _)) = parameter {
        used.note_for(&recorder.lent(&function.name, parameter));
    }
}
