//! Encodings of value types, architectures and CPU features.

/// The architecture of an artifact's code, as its ELF machine number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Arch {
    /// `EM_X86_64`
    X86_64 = 62,
    /// `EM_AARCH64`
    Aarch64 = 183,
}

impl Arch {
    /// From an ELF machine number; `None` for every other architecture.
    pub const fn from_elf_machine(machine: u16) -> Option<Arch> {
        match machine {
            62 => Some(Arch::X86_64),
            183 => Some(Arch::Aarch64),
            _ => None,
        }
    }

    /// The architecture this crate was built for; `None` where Bailiwick has no code for it.
    pub const fn host() -> Option<Arch> {
        if cfg!(target_arch = "x86_64") {
            Some(Arch::X86_64)
        } else if cfg!(target_arch = "aarch64") {
            Some(Arch::Aarch64)
        } else {
            None
        }
    }

    /// The name that target triples use.
    pub const fn name(self) -> &'static str {
        match self {
            Arch::X86_64 => "x86_64",
            Arch::Aarch64 => "aarch64",
        }
    }
}

/// A WebAssembly value type, by its byte in the binary format (WebAssembly 2.0, section 5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum ValType {
    /// 32-bit integer
    I32 = 0x7f,
    /// 64-bit integer
    I64 = 0x7e,
    /// IEEE 754 binary32
    F32 = 0x7d,
    /// IEEE 754 binary64
    F64 = 0x7c,
    /// 128-bit vector
    V128 = 0x7b,
    /// Nullable function reference: the address of a funcref record, or 0
    FuncRef = 0x70,
    /// Nullable host reference: a handle of the group, or 0
    ExternRef = 0x6f,
}

impl ValType {
    /// From its byte; `None` for any other byte.
    pub const fn from_byte(byte: u8) -> Option<ValType> {
        Some(match byte {
            0x7f => ValType::I32,
            0x7e => ValType::I64,
            0x7d => ValType::F32,
            0x7c => ValType::F64,
            0x7b => ValType::V128,
            0x70 => ValType::FuncRef,
            0x6f => ValType::ExternRef,
            _ => return None,
        })
    }

    /// The name of the text format.
    pub const fn name(self) -> &'static str {
        match self {
            ValType::I32 => "i32",
            ValType::I64 => "i64",
            ValType::F32 => "f32",
            ValType::F64 => "f64",
            ValType::V128 => "v128",
            ValType::FuncRef => "funcref",
            ValType::ExternRef => "externref",
        }
    }

    /// Whether it is a reference, so that `ref.null` is its default.
    pub const fn is_reference(self) -> bool {
        matches!(self, ValType::FuncRef | ValType::ExternRef)
    }
}

impl core::fmt::Display for ValType {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

/// A CPU feature that code may require, named as the code generator and `std`'s detection name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Bit in [`crate::format::Header::features`].
    pub bit: u32,
    /// Architecture that it is a feature of.
    pub arch: Arch,
    /// The name for people, for `--cpu +NAME`, and for `std::arch::is_x86_feature_detected!` or its aarch64 twin.
    pub name: &'static str,
    /// Cranelift's boolean setting.
    pub setting: &'static str,
}

macro_rules! features {
    ($($bit:literal $arch:ident $name:literal $setting:literal;)*) => {
        /// Every feature that code may require. Bits are never reused for another meaning.
        pub const FEATURES: &[Feature] = &[
            $(Feature { bit: $bit, arch: Arch::$arch, name: $name, setting: $setting },)*
        ];
    };
}

features! {
    0 X86_64 "sse3" "has_sse3";
    1 X86_64 "ssse3" "has_ssse3";
    2 X86_64 "sse4.1" "has_sse41";
    3 X86_64 "sse4.2" "has_sse42";
    4 X86_64 "popcnt" "has_popcnt";
    5 X86_64 "cmpxchg16b" "has_cmpxchg16b";
    6 X86_64 "avx" "has_avx";
    7 X86_64 "avx2" "has_avx2";
    8 X86_64 "fma" "has_fma";
    9 X86_64 "bmi1" "has_bmi1";
    10 X86_64 "bmi2" "has_bmi2";
    11 X86_64 "lzcnt" "has_lzcnt";
    12 X86_64 "avx512f" "has_avx512f";
    13 X86_64 "avx512dq" "has_avx512dq";
    14 X86_64 "avx512vl" "has_avx512vl";
    15 X86_64 "avx512bitalg" "has_avx512bitalg";
    16 X86_64 "avx512vbmi" "has_avx512vbmi";
    32 Aarch64 "lse" "has_lse";
    33 Aarch64 "paca" "has_pauth";
    34 Aarch64 "fp16" "has_fp16";
    35 Aarch64 "dotprod" "has_dotprod";
    36 Aarch64 "i8mm" "has_i8mm";
}

/// The `baseline` level of an architecture, as bits: x86-64-v2, Armv8.0.
pub const fn baseline_features(arch: Arch) -> u64 {
    match arch {
        Arch::X86_64 => 0b11_1111,
        Arch::Aarch64 => 0,
    }
}

/// The `v3` level, as bits: x86-64-v3. aarch64 has no such level; Armv8.1's atomics are its nearest.
pub const fn v3_features(arch: Arch) -> u64 {
    match arch {
        Arch::X86_64 => 0xfff,
        Arch::Aarch64 => 1 << 32,
    }
}
