//! Instructions of aarch64.

use super::Instruction;
use exarmo_aarch64::{BranchKind, decode_word};

/// Bytes of the shortest instruction.
pub(super) const STEP: usize = 4;
/// Characters of the bytes of all but the longest instructions.
pub(super) const WIDTH: usize = 11;

/// The instruction that `bytes`, at an address, begin with.
pub(super) fn decode(bytes: &[u8], address: u64) -> Option<Instruction> {
    let word = u32::from_le_bytes(*bytes.first_chunk()?);
    let decoded = decode_word(word).ok()?;
    let instruction = decoded.at(address);
    let branch = instruction.branch();
    let text = instruction.to_string();
    let text = match text.split_once('\t') {
        Some((mnemonic, operands)) => format!("{mnemonic:<7} {operands}"),
        None => text,
    };
    let ends = match branch.kind {
        BranchKind::Direct | BranchKind::Indirect | BranchKind::Return => !branch.conditional,
        // `udf`, as which traps on purpose are made.
        kind => kind == BranchKind::Exception,
    };
    let direct = branch.kind == BranchKind::Direct;
    Some(Instruction { len: STEP, text, target: branch.target, jumps: direct, goes_on: !ends })
}
