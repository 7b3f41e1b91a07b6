//! Instructions of x86_64, in the order of operands of the GNU tools, as everywhere in this compiler.

use super::Instruction;
use bailiwick_runtime_abi::trap::X86_64_TRAP;
use iced_x86::{Decoder, DecoderOptions, Formatter, GasFormatter, Mnemonic};

/// Bytes of the shortest instruction.
pub(super) const STEP: usize = 1;
/// Characters of the bytes of all but the longest instructions.
pub(super) const WIDTH: usize = 23;

/// The instruction that `bytes`, at an address, begin with.
pub(super) fn decode(bytes: &[u8], address: u64) -> Option<Instruction> {
    if bytes.starts_with(&X86_64_TRAP) {
        let text = "hlt; int3".to_owned();
        return Some(Instruction { len: X86_64_TRAP.len(), text, target: None, jumps: false, goes_on: false });
    }
    let instruction = Decoder::with_ip(64, bytes, address, DecoderOptions::NONE).decode();
    if instruction.is_invalid() {
        return None;
    }
    let mut formatter = GasFormatter::new();
    let options = formatter.options_mut();
    options.set_uppercase_hex(false);
    options.set_space_after_operand_separator(true);
    options.set_branch_leading_zeros(false);
    options.set_rip_relative_addresses(true);
    options.set_first_operand_char_index(8);
    let mut text = String::new();
    formatter.format(&instruction, &mut text);
    let branch = Some(instruction.near_branch_target()).filter(|&target| target != 0);
    let read = instruction.is_ip_rel_memory_operand().then(|| instruction.ip_rel_memory_address());
    if let Some(address) = read {
        text.push_str(&format!("  # {address:#x}"));
    }
    let mnemonic = instruction.mnemonic();
    Some(Instruction {
        len: instruction.len(),
        text,
        target: branch.or(read),
        jumps: branch.is_some() && mnemonic != Mnemonic::Call,
        goes_on: !matches!(mnemonic, Mnemonic::Jmp | Mnemonic::Ret | Mnemonic::Ud2 | Mnemonic::Hlt | Mnemonic::Int3),
    })
}
