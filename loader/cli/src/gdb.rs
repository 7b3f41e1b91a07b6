//! Tells a debugger the names of the guest's functions, by GDB's JIT interface (GDB manual, "JIT Compilation
//! Interface"): a list of ELF images in memory, and a function in which GDB keeps a breakpoint.
//!
//! The image is a copy of the artifact whose addresses are those at which it is mapped. Made only when a debugger has that
//! breakpoint set when the process starts, or when `BAILIWICK_GDB` is set, for those who attach later.

use bailiwick_loader::Artifact;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// `struct jit_code_entry`
#[repr(C)]
struct Entry {
    next: AtomicPtr<Entry>,
    previous: AtomicPtr<Entry>,
    image: *const u8,
    len: u64,
}

/// `struct jit_descriptor`
#[repr(C)]
pub struct Descriptor {
    version: u32,
    action: AtomicU32,
    relevant: AtomicPtr<Entry>,
    first: AtomicPtr<Entry>,
}

/// The head of the list, by the name that GDB looks for.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "GDB's name")]
pub static __jit_debug_descriptor: Descriptor = Descriptor {
    version: 1,
    action: AtomicU32::new(0),
    relevant: AtomicPtr::new(std::ptr::null_mut()),
    first: AtomicPtr::new(std::ptr::null_mut()),
};

/// GDB has a breakpoint here.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn __jit_debug_register_code() {
    // Something that the optimiser can't take away.
    static CALLS: AtomicU64 = AtomicU64::new(0);
    CALLS.fetch_add(1, Ordering::SeqCst);
}

/// `JIT_REGISTER_FN`
const REGISTER: u32 = 1;

/// Registers an artifact, if somebody may want to debug it.
pub fn register(artifact: &Artifact) {
    if !wanted() {
        return;
    }
    let base = artifact.bytes().as_ptr() as u64;
    let Some(image) = relocated(artifact.bytes(), base) else { return };
    // Never freed: the debugger reads it as long as the process lives.
    let image = Box::leak(image.into_boxed_slice());
    let first = __jit_debug_descriptor.first.load(Ordering::SeqCst);
    let entry = Box::leak(Box::new(Entry {
        next: AtomicPtr::new(first),
        previous: AtomicPtr::new(std::ptr::null_mut()),
        image: image.as_ptr(),
        len: image.len() as u64,
    }));
    // SAFETY: entries are leaked, hence alive.
    if let Some(first) = unsafe { first.as_ref() } {
        first.previous.store(entry, Ordering::SeqCst);
    }
    __jit_debug_descriptor.first.store(entry, Ordering::SeqCst);
    __jit_debug_descriptor.relevant.store(entry, Ordering::SeqCst);
    __jit_debug_descriptor.action.store(REGISTER, Ordering::SeqCst);
    __jit_debug_register_code();
}

/// What a debugger writes over an instruction to stop there: `int3`, or `brk #0`.
const BREAKPOINT: &[u8] = if cfg!(target_arch = "x86_64") { &[0xcc] } else { &[0x00, 0x00, 0x20, 0xd4] };

/// A debugger that wants to be told has its breakpoint in place by now. To ask the kernel whether there is one takes
/// longer than mapping an artifact.
fn wanted() -> bool {
    let code = (__jit_debug_register_code as extern "C" fn() as *const u8).cast::<[u8; 4]>();
    // SAFETY: the function's code is readable, and longer. Volatile, since a debugger changes it.
    let code = unsafe { std::ptr::read_volatile(code) };
    code.starts_with(BREAKPOINT) || std::env::var_os("BAILIWICK_GDB").is_some()
}

/// A copy of the ELF file whose segments, sections and symbols have their addresses in memory. `None` if the file is not
/// what its headers say.
fn relocated(bytes: &[u8], base: u64) -> Option<Vec<u8>> {
    let mut image = bytes.to_vec();
    let u16_at = |at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let u32_at = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let u64_at = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let mut shift = |at: usize| {
        let value = u64_at(at)?.wrapping_add(base);
        image.get_mut(at..at + 8)?.copy_from_slice(&value.to_le_bytes());
        Some(())
    };
    // Elf64_Ehdr: e_phoff 32, e_shoff 40, e_phnum 56, e_shnum 60. Elf64_Phdr: p_vaddr 16, p_paddr 24.
    let (programs, sections) = (u64_at(32)? as usize, u64_at(40)? as usize);
    for i in 0..usize::from(u16_at(56)?) {
        let header = programs.checked_add(i * 56)?;
        shift(header + 16)?;
        shift(header + 24)?;
    }
    for i in 0..usize::from(u16_at(60)?) {
        // Elf64_Shdr: sh_type 4, sh_flags 8, sh_addr 16, sh_offset 24, sh_size 32.
        let header = sections.checked_add(i * 64)?;
        const SHT_SYMTAB: u32 = 2;
        const SHF_ALLOC: u64 = 2;
        if u64_at(header + 8)? & SHF_ALLOC != 0 {
            shift(header + 16)?;
        }
        if u32_at(header + 4)? == SHT_SYMTAB {
            let (start, size) = (u64_at(header + 24)? as usize, u64_at(header + 32)? as usize);
            for symbol in (start..start.checked_add(size)?).step_by(24) {
                // Elf64_Sym: st_shndx 6, st_value 8; absolute symbols name files.
                const SHN_ABS: u16 = 0xfff1;
                if !matches!(u16_at(symbol + 6)?, 0 | SHN_ABS) {
                    shift(symbol + 8)?;
                }
            }
        }
    }
    // e_type: ET_EXEC, since the addresses are final.
    image.get_mut(16..18)?.copy_from_slice(&2u16.to_le_bytes());
    Some(image)
}
