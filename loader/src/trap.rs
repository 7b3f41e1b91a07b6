//! Traps and guest backtraces, with WebAssembly function names and byte offsets.

use crate::activation::GroupRecord;
use bailiwick_runtime_abi::format::{NONE, TextKind};
use bailiwick_runtime_abi::trap::TrapCode;
use bailiwick_runtime_abi::view::View;

/// Why and where a guest was stopped.
#[derive(Debug)]
pub struct Trap {
    code: TrapCode,
    message: Option<String>,
    backtrace: Backtrace,
}

impl Trap {
    pub(crate) fn new(code: TrapCode) -> Trap {
        Trap { code, message: None, backtrace: Backtrace::default() }
    }

    pub(crate) fn with(code: TrapCode, message: Option<String>, backtrace: Backtrace) -> Trap {
        Trap { code, message, backtrace }
    }

    /// Why.
    pub fn code(&self) -> TrapCode {
        self.code
    }

    /// Where: the guest's frames, innermost first. Empty if the loader raised it before any guest code ran.
    pub fn backtrace(&self) -> &Backtrace {
        &self.backtrace
    }
}

impl std::fmt::Display for Trap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        if !self.backtrace.frames.is_empty() {
            write!(f, "\n{}", self.backtrace)?;
        }
        Ok(())
    }
}

impl std::error::Error for Trap {}

/// One guest function on the stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    function: u32,
    name: Option<String>,
    offset: Option<u32>,
}

impl Frame {
    /// Its index in its module's index space of functions.
    pub fn function(&self) -> u32 {
        self.function
    }
    /// Its name in the module's name section.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
    /// Byte offset in the WebAssembly binary of the operator that trapped or calls the next inner frame.
    pub fn wasm_offset(&self) -> Option<u32> {
        self.offset
    }
}

impl std::fmt::Display for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.offset {
            Some(offset) => write!(f, "{offset:#8x} - ")?,
            None => write!(f, "{:>8} - ", "?")?,
        }
        match &self.name {
            // A module's names are a stranger's text: control characters could drive the reader's terminal.
            Some(name) => write!(f, "{}", name.escape_debug()),
            None => write!(f, "function[{}]", self.function),
        }
    }
}

/// A guest's frames, innermost first. Stubs and the host's own frames are not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backtrace {
    frames: Vec<Frame>,
    more: bool,
}

/// Frames kept of a backtrace; a stack overflow has many thousands.
const MAX_FRAMES: usize = 64;

impl Backtrace {
    /// The frames, innermost first; at most 64.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// Walks the guest's stack from each of `starts` (program counter, frame pointer, and whether the counter is that
    /// of the instruction itself rather than a return address). Guest memory is not trusted: every frame pointer must
    /// lie on the guest's stack and above the one before.
    pub(crate) fn capture(group: &GroupRecord, starts: &[(usize, usize, bool)]) -> Backtrace {
        let mut backtrace = Backtrace::default();
        for &(pc, fp, exact) in starts {
            if !backtrace.walk(group, pc, fp, exact) {
                backtrace.more = true;
                break;
            }
        }
        backtrace
    }

    /// Adds a function; false if there was no room.
    fn push(&mut self, view: &View<'_>, function: u32, offset: u32) -> bool {
        if self.frames.len() == MAX_FRAMES {
            return false;
        }
        let name = view.functions().get(function as usize).and_then(|f| view.string(f.name).ok());
        self.frames.push(Frame {
            function,
            name: name.filter(|n| !n.is_empty()).map(str::to_owned),
            offset: Some(offset).filter(|&offset| offset != NONE),
        });
        true
    }

    /// False if there was no room for all.
    fn walk(&mut self, group: &GroupRecord, mut pc: usize, mut fp: usize, mut exact: bool) -> bool {
        while let Some(code) = group.code_at(pc) {
            let view = code.artifact.view();
            let offset = (pc - code.text.start) as u32;
            // A return address may be the first byte of what follows the function: look at the call itself.
            let inside = if exact { offset } else { offset.saturating_sub(1) };
            if let Some(text) = view.text_at(inside)
                && text.kind == TextKind::Function as u32
            {
                let site = if exact { view.trap_site(offset) } else { view.call_site(offset) };
                let mut wasm = site.map_or(NONE, |site| site.wasm_offset);
                // Functions that were inlined have no frame of their own.
                for inlined in site.into_iter().flat_map(|site| view.inlined(site.index)) {
                    if !self.push(view, inlined.function, wasm) {
                        return false;
                    }
                    wasm = inlined.call_offset;
                }
                if !self.push(view, text.index, wasm) {
                    return false;
                }
            }
            if !fp.is_multiple_of(16) || fp < group.stack.start || fp.saturating_add(16) > group.stack.end {
                break;
            }
            // SAFETY: the two words lie on the guest's stack, which is readable and which nobody runs on now.
            let [next, ret] = unsafe { std::ptr::read(fp as *const [usize; 2]) };
            // The chain ends where it leaves the stack, for the host's frame, or does not rise; a return address that
            // is then left is looked at once more, and is the host's unless somebody tampered with it.
            let next = if next > fp { next } else { 0 };
            (pc, fp, exact) = (ret, next, false);
        }
        true
    }
}

impl std::fmt::Display for Backtrace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.frames.is_empty() {
            return Ok(());
        }
        write!(f, "wasm backtrace:")?;
        for (i, frame) in self.frames.iter().enumerate() {
            write!(f, "\n  {i:>3}: {frame}")?;
        }
        if self.more {
            write!(f, "\n       …")?;
        }
        Ok(())
    }
}
