//! Machine code as text.
//!
//! Code and data lie side by side: tables of jumps and constants follow what does not go on. So behind a jump, a return or a
//! trap all is data, up to where the code generator says that a block begins, or where something jumps to.

mod aarch64;
mod x86_64;

use bailiwick_runtime_abi::types::Arch;
use std::collections::BTreeSet;

/// An instruction.
struct Instruction {
    len: usize,
    text: String,
    /// The address that it jumps to, calls or reads, if that is known.
    target: Option<u64>,
    /// Whether it may jump there.
    jumps: bool,
    /// Whether what follows it is executed next, if it doesn't jump.
    goes_on: bool,
}

/// An instruction, or data.
pub(super) struct Piece<'a> {
    /// In the code.
    pub offset: usize,
    pub bytes: &'a [u8],
    pub text: String,
    /// The address that it names.
    pub target: Option<u64>,
}

/// Data on one line, in bytes.
const DATA: usize = 8;

/// The instruction that `bytes`, at an address, begin with; `None`: there is none.
fn decode(arch: Arch, bytes: &[u8], address: u64) -> Option<Instruction> {
    match arch {
        Arch::X86_64 => x86_64::decode(bytes, address),
        Arch::Aarch64 => aarch64::decode(bytes, address),
    }
}

/// Bytes of the shortest instruction.
fn step(arch: Arch) -> usize {
    match arch {
        Arch::X86_64 => x86_64::STEP,
        Arch::Aarch64 => aarch64::STEP,
    }
}

/// How many characters the bytes of an instruction take, of all but the longest.
pub(super) fn width(arch: Arch) -> usize {
    match arch {
        Arch::X86_64 => x86_64::WIDTH,
        Arch::Aarch64 => aarch64::WIDTH,
    }
}

/// The pieces of a function's code, one after another. `starts` are offsets at which there are instructions.
pub(super) fn disassemble(arch: Arch, code: &[u8], address: u64, mut starts: BTreeSet<u32>) -> Vec<Piece<'_>> {
    starts.insert(0);
    // Jumps may go back to what was taken for data.
    loop {
        let before = starts.len();
        let pieces = sweep(arch, code, address, &mut starts);
        if starts.len() == before {
            return pieces;
        }
    }
}

/// Finds pieces, and adds to `starts` where they jump to.
fn sweep<'a>(arch: Arch, code: &'a [u8], address: u64, starts: &mut BTreeSet<u32>) -> Vec<Piece<'a>> {
    let mut pieces = Vec::new();
    let (mut offset, mut goes_on) = (0, false);
    while offset < code.len() {
        let rest = &code[offset..];
        let at = address + offset as u64;
        let is_code = goes_on || starts.contains(&(offset as u32));
        let instruction = if is_code { decode(arch, rest, at) } else { None };
        let len = match instruction {
            Some(instruction) => {
                if instruction.jumps
                    && let Some(target) = instruction.target.and_then(|target| target.checked_sub(address))
                    && target < code.len() as u64
                {
                    starts.insert(target as u32);
                }
                goes_on = instruction.goes_on;
                let (text, target) = (instruction.text, instruction.target);
                pieces.push(Piece { offset, bytes: &rest[..instruction.len], text, target });
                instruction.len
            }
            None => {
                // What is to be code and is none does not hide what comes next.
                let longest = if is_code { step(arch) } else { DATA };
                let next = starts.range(offset as u32 + 1..).next().map_or(code.len(), |&next| next as usize);
                let len = longest.min(next - offset).min(rest.len());
                pieces.push(Piece { offset, bytes: &rest[..len], text: "(data)".to_owned(), target: None });
                len
            }
        };
        offset += len;
    }
    pieces
}
