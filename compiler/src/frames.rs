//! What exceptions and collections need to know of the frame of a call: handlers, and where references lie.

use crate::error::{CompileError, Result};
use cranelift_codegen::{CompiledCode, ExceptionContextLoc, FinalizedMachExceptionHandler};
use std::collections::BTreeMap;

/// A call whose frame something is known of. Offsets of code are within the unit.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallFrame {
    /// What the call returns to.
    pub return_offset: u32,
    /// Bytes from the stack pointer up to the frame pointer.
    pub frame_offset: u32,
    /// Where the context lies, in bytes above the stack pointer; `None`: there are no handlers.
    pub context_offset: Option<u32>,
    /// The innermost first.
    pub handlers: Vec<CallHandler>,
    /// Where references lie that collections must find, in bytes above the stack pointer.
    pub roots: Vec<u32>,
}

/// A handler.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallHandler {
    /// Of the module; `None`: any.
    pub tag: Option<u32>,
    pub landing: u32,
}

/// The calls of a unit that have handlers or keep references, ascending.
pub(crate) fn frames(code: &CompiledCode) -> Result<Vec<CallFrame>> {
    let mut roots: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (offset, _, map) in code.buffer.user_stack_maps() {
        roots.entry(*offset).or_default().extend(map.entries().map(|(_, slot)| slot));
    }
    let mut frames = Vec::new();
    for call in code.buffer.call_sites() {
        let roots = roots.remove(&call.ret_addr).unwrap_or_default();
        if call.exception_handlers.is_empty() && roots.is_empty() {
            continue;
        }
        // The same for all calls: the code generator says it beside those with handlers only.
        let layout = code.buffer.frame_layout().ok_or_else(|| CompileError::internal("a frame of unknown size"))?;
        let frame_offset = layout.frame_to_fp_offset;
        if call.frame_offset.is_some_and(|offset| offset != frame_offset) {
            return Err(CompileError::internal("a frame of two sizes"));
        }
        let mut frame = CallFrame { return_offset: call.ret_addr, frame_offset, roots, ..CallFrame::default() };
        for handler in call.exception_handlers {
            let (tag, landing) = match *handler {
                FinalizedMachExceptionHandler::Context(ExceptionContextLoc::SPOffset(offset)) => {
                    frame.context_offset = Some(offset);
                    continue;
                }
                // No register survives a call that throws.
                FinalizedMachExceptionHandler::Context(ExceptionContextLoc::GPR(_)) => {
                    return Err(CompileError::internal("a context is in a register across a call that may throw"));
                }
                FinalizedMachExceptionHandler::Tag(tag, landing) => (Some(tag.as_u32()), landing),
                FinalizedMachExceptionHandler::Default(landing) => (None, landing),
            };
            frame.handlers.push(CallHandler { tag, landing });
        }
        if !frame.handlers.is_empty() && frame.context_offset.is_none() {
            return Err(CompileError::internal("handlers of a call without a context"));
        }
        frames.push(frame);
    }
    if !roots.is_empty() {
        return Err(CompileError::internal("references are kept across what is no call"));
    }
    frames.sort_unstable_by_key(|frame| frame.return_offset);
    Ok(frames)
}
