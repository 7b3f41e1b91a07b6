//! Trap codes: one byte beside each instruction that may trap.

/// What stands, on x86_64, where an artifact's code traps on purpose: `hlt`, which no program may execute, and `int3`, at
/// which a processor that guesses past it stops. It arrives as SIGSEGV without an address.
///
/// The code generator's own `ud2` is as long. But hypervisors look at invalid instructions first (Linux, KVM,
/// `vmx_update_exception_bitmap`, `init_vmcb`), in case one of another processor's is to be emulated, which takes longer than
/// all of a trap: 8 µs where one hypervisor runs in another, against 1.2 µs for both ways of a signal.
pub const X86_64_TRAP: [u8; 2] = [0xf4, 0xcc];

macro_rules! traps {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $message:literal;)*) => {
        /// Why a guest was stopped.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum TrapCode { $($(#[$doc])* $name = $code,)* }

        impl TrapCode {
            /// How many codes there are.
            pub const COUNT: usize = [$($code),*].len();

            /// From the byte of a trap record; `None` for an unassigned byte.
            pub const fn from_byte(byte: u8) -> Option<TrapCode> {
                match byte { $($code => Some(TrapCode::$name),)* _ => None }
            }

            /// For people, in the words of the specification where it has any.
            pub const fn message(self) -> &'static str {
                match self { $(TrapCode::$name => $message,)* }
            }
        }
    };
}

// Codes below 251 are free to choose; Cranelift reserves those from 251 on for the traps of its own
// instructions, so these have its numbers (cranelift-codegen, ir/trapcode.rs).
traps! {
    /// `unreachable` was executed.
    Unreachable = 1, "wasm `unreachable` instruction executed";
    /// A table access, `table.*` or `elem` range outside its table or segment.
    TableOutOfBounds = 2, "undefined element: out of bounds table access";
    /// `call_indirect` through a null element.
    IndirectCallToNull = 3, "uninitialized element";
    /// `call_indirect` to a function of another type.
    BadSignature = 4, "indirect call type mismatch";
    /// A null reference was used where none may be.
    NullReference = 5, "null reference";
    /// An atomic access that is not aligned.
    HeapMisaligned = 6, "unaligned atomic";
    /// The embedder or a deadline ended the guest.
    Interrupt = 7, "interrupted";
    /// A call through a slot whose capability was revoked or never granted.
    Denied = 8, "call of an import that is not granted";
    /// The host's stack has no room left for a host function, or entries are nested too deeply.
    HostStackExhausted = 9, "host stack exhausted by nested calls";
    /// A host function returned an error, or panicked.
    HostError = 10, "host function failed";
    /// A limit on what a guest may make the host hold was reached.
    LimitExceeded = 11, "resource limit exceeded";
    /// `ref.cast` of a reference to something else.
    CastFailure = 12, "cast failure";
    /// `memory.atomic.wait` on a memory that is not shared.
    ExpectedShared = 15, "expected shared memory";
    /// The guest's stack overflowed into its guard.
    StackOverflow = 251, "call stack exhausted";
    /// Integer division overflowed, or a conversion's result is out of range.
    IntegerOverflow = 252, "integer overflow";
    /// An access outside linear memory.
    MemoryOutOfBounds = 253, "out of bounds memory access";
    /// Integer division by zero.
    IntegerDivisionByZero = 254, "integer divide by zero";
    /// NaN converted to an integer.
    BadConversionToInteger = 255, "invalid conversion to integer";
}

impl core::fmt::Display for TrapCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.message())
    }
}

/// The byte of a site that is no trap but the return address of a call, kept for backtraces.
pub const CALL_SITE: u8 = 0;
