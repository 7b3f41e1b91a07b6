//! What a listing of machine code says of each function's stack: how large its frame is, and how often it puts values
//! there that found no register.

use std::collections::HashMap;

/// A function's use of the stack.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stack {
    /// Bytes of its frame, without the return address and the frame pointer.
    pub frame: u32,
    /// Instructions that store a value there which a register could not keep.
    pub stores: u32,
    /// Those that load one again.
    pub loads: u32,
}

/// All functions of a listing, by name. Each begins with a line `;; NAME`.
pub fn stacks(listing: &str) -> HashMap<String, Stack> {
    let mut stacks = HashMap::new();
    let mut name = None;
    for line in listing.lines() {
        if let Some(begun) = line.strip_prefix(";; ") {
            name = Some(begun.to_owned());
            stacks.insert(begun.to_owned(), Stack::default());
        } else if let Some(stack) = name.as_ref().and_then(|name| stacks.get_mut(name)) {
            stack.count(line.trim());
        }
    }
    stacks
}

impl Stack {
    fn count(&mut self, instruction: &str) {
        let Some((operation, operands)) = instruction.split_once(' ') else { return };
        let operands = operands.trim();
        let grown = match operation {
            "subq" => operands.strip_prefix('$').and_then(|it| it.strip_suffix(", %rsp")),
            "sub" => operands.strip_prefix("sp, sp, #"),
            _ => None,
        };
        self.frame += grown.and_then(number).unwrap_or(0);
        // The registers that a frame keeps for the caller have no such mark on x86_64; on aarch64 they are pushed and
        // popped.
        let last = operands.rsplit(", ").next().unwrap_or_default();
        match operation {
            "stp" | "ldp" => {}
            "ldr" | "ldur" | "ldrb" | "ldrh" | "ldrsw" if operands.contains("[sp") && !operands.contains("[sp],") => {
                self.loads += 1
            }
            "str" | "stur" | "strb" | "strh" if operands.contains("[sp") && !operands.ends_with('!') => {
                self.stores += 1
            }
            _ if !operands.contains("<offset:1>+") || operation.starts_with("lea") => {}
            _ if last.contains("<offset:1>+") && operation.starts_with("mov") => self.stores += 1,
            _ => self.loads += 1,
        }
    }
}

/// A number, decimal or hexadecimal.
fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames and spills are told from saved registers, on both architectures.
    #[test]
    fn a_listing_is_counted() {
        let listing = ";; f\n  pushq %rbp\n  subq $0x30, %rsp\n  movq %rbx, 0x20(%rsp)\n  movq %rdi, <offset:1>+8(%rsp)\n  \
                       addq <offset:1>+8(%rsp), %rax\n  movq <offset:1>+(%rsp), %rcx\n  leaq <offset:1>+(%rsp), %rdx\n\n\
                       ;; g h\n  stp x19, x20, [sp, #-16]!\n  str x27, [sp, #-16]!\n  sub sp, sp, #32\n  \
                       str x0, [sp, #8]\n  ldr x1, [sp]\n  ldr x27, [sp], #16\n  ldr x2, [x3]\n";
        let counted = stacks(listing);
        let of = |name: &str| counted.get(name).map(|stack| (stack.frame, stack.stores, stack.loads));
        assert_eq!(of("f"), Some((0x30, 1, 2)));
        assert_eq!(of("g h"), Some((32, 1, 1)));
        assert_eq!(of("h"), None);
    }
}
