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

/// A WebAssembly value type (WebAssembly 3.0, section 2.3.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ValType {
    /// 32-bit integer
    I32,
    /// 64-bit integer
    I64,
    /// IEEE 754 binary32
    F32,
    /// IEEE 754 binary64
    F64,
    /// 128-bit vector
    V128,
    /// Reference: 64 bits, 0 for null
    Ref(RefType),
}

/// A reference type (section 2.3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RefType {
    /// Whether null is one of its values.
    pub nullable: bool,
    /// What it refers to.
    pub heap: HeapType,
}

/// What a reference refers to (section 2.3.4). The index of a type that a module defines is one of its module's in the
/// compiler and in an artifact, and the group's in the loader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HeapType {
    /// Any function: the address of a funcref record
    Func,
    /// No function
    NoFunc,
    /// Any host value: a handle of the group
    Extern,
    /// No host value
    NoExtern,
    /// Any exception: a handle of the group
    Exn,
    /// No exception
    NoExn,
    /// Any garbage-collected value
    Any,
    /// One that can be compared
    Eq,
    /// A 31-bit integer
    I31,
    /// Any structure
    Struct,
    /// Any array
    Array,
    /// No garbage-collected value
    None,
    /// Of a type that a module defines
    Concrete(Composite, u32),
}

/// What kind of type a module defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u32)]
pub enum Composite {
    /// A function type
    Func = 0,
    /// A structure type
    Struct = 1,
    /// An array type
    Array = 2,
}

impl Composite {
    /// From its number; `None` for any other.
    pub const fn from_u32(n: u32) -> Option<Composite> {
        Some(match n {
            0 => Composite::Func,
            1 => Composite::Struct,
            2 => Composite::Array,
            _ => return None,
        })
    }
}

/// The four kinds of references, of which no value is of two: each has words of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hierarchy {
    /// Below `func`
    Func,
    /// Below `extern`
    Extern,
    /// Below `exn`
    Exn,
    /// Below `any`
    Any,
}

impl HeapType {
    /// Which kind of references it is of.
    pub const fn hierarchy(self) -> Hierarchy {
        match self {
            HeapType::Func | HeapType::NoFunc | HeapType::Concrete(Composite::Func, _) => Hierarchy::Func,
            HeapType::Extern | HeapType::NoExtern => Hierarchy::Extern,
            HeapType::Exn | HeapType::NoExn => Hierarchy::Exn,
            _ => Hierarchy::Any,
        }
    }

    /// Whether whatever one refers to, the other may refer to (section 3.3.3). `is_subtype` says so of types that modules
    /// define.
    fn matches(self, of: HeapType, is_subtype: impl Fn(u32, u32) -> bool) -> bool {
        if self == of {
            return true;
        }
        if self.hierarchy() != of.hierarchy() {
            return false;
        }
        match (self, of) {
            (HeapType::NoFunc | HeapType::NoExtern | HeapType::NoExn | HeapType::None, _) => true,
            (_, HeapType::Func | HeapType::Extern | HeapType::Exn | HeapType::Any) => true,
            (HeapType::Concrete(_, index), HeapType::Concrete(_, of)) => is_subtype(index, of),
            (HeapType::Concrete(Composite::Struct, _), HeapType::Struct) => true,
            (HeapType::Concrete(Composite::Array, _), HeapType::Array) => true,
            (HeapType::I31 | HeapType::Struct | HeapType::Array | HeapType::Concrete(..), HeapType::Eq) => true,
            _ => false,
        }
    }

    /// Its byte in the binary format, and 0 for a type that a module defines.
    const fn byte(self) -> u8 {
        match self {
            HeapType::NoExn => 0x74,
            HeapType::NoFunc => 0x73,
            HeapType::NoExtern => 0x72,
            HeapType::None => 0x71,
            HeapType::Func => 0x70,
            HeapType::Extern => 0x6f,
            HeapType::Any => 0x6e,
            HeapType::Eq => 0x6d,
            HeapType::I31 => 0x6c,
            HeapType::Struct => 0x6b,
            HeapType::Array => 0x6a,
            HeapType::Exn => 0x69,
            HeapType::Concrete(..) => 0,
        }
    }

    const fn from_byte(byte: u8) -> Option<HeapType> {
        Some(match byte {
            0x74 => HeapType::NoExn,
            0x73 => HeapType::NoFunc,
            0x72 => HeapType::NoExtern,
            0x71 => HeapType::None,
            0x70 => HeapType::Func,
            0x6f => HeapType::Extern,
            0x6e => HeapType::Any,
            0x6d => HeapType::Eq,
            0x6c => HeapType::I31,
            0x6b => HeapType::Struct,
            0x6a => HeapType::Array,
            0x69 => HeapType::Exn,
            _ => return None,
        })
    }

    /// The name of the text format; of a type that a module defines, `None`.
    const fn name(self) -> Option<&'static str> {
        Some(match self {
            HeapType::Func => "func",
            HeapType::NoFunc => "nofunc",
            HeapType::Extern => "extern",
            HeapType::NoExtern => "noextern",
            HeapType::Exn => "exn",
            HeapType::NoExn => "noexn",
            HeapType::Any => "any",
            HeapType::Eq => "eq",
            HeapType::I31 => "i31",
            HeapType::Struct => "struct",
            HeapType::Array => "array",
            HeapType::None => "none",
            HeapType::Concrete(..) => return None,
        })
    }
}

impl core::fmt::Display for HeapType {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match (self.name(), self) {
            (None, HeapType::Concrete(_, index)) => write!(f, "{index}"),
            (name, _) => f.write_str(name.unwrap_or_default()),
        }
    }
}

impl core::fmt::Display for RefType {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match (self.nullable, self.heap.name()) {
            (true, Some("none" | "nofunc" | "noextern" | "noexn")) => write!(f, "(ref null {})", self.heap),
            (true, Some(name)) => write!(f, "{name}ref"),
            (nullable, _) => write!(f, "(ref {}{})", if nullable { "null " } else { "" }, self.heap),
        }
    }
}

/// Bytes of reference types that are followed by a heap type (section 5.3.4).
const REF: u32 = 0x64;
const REF_NULL: u32 = 0x63;
/// In an encoded type: what follows is the index of a type that the module defines.
const CONCRETE: u32 = 1 << 8;
/// Where in an encoded type the kind of that type is, and where its index or the heap type's byte.
const COMPOSITE_SHIFT: u32 = 9;
const HEAP_SHIFT: u32 = 11;

impl ValType {
    /// `(ref null func)`: any function, or null.
    pub const FUNCREF: ValType = ValType::Ref(RefType { nullable: true, heap: HeapType::Func });
    /// `(ref null extern)`: any host value, or null.
    pub const EXTERNREF: ValType = ValType::Ref(RefType { nullable: true, heap: HeapType::Extern });
    /// `(ref null exn)`: any exception, or null.
    pub const EXNREF: ValType = ValType::Ref(RefType { nullable: true, heap: HeapType::Exn });

    /// Most indices of types that can be encoded.
    pub const MAX_TYPES: u32 = 1 << (32 - HEAP_SHIFT);

    /// As a number of an artifact: the byte of the binary format; of a reference, with its heap type above.
    pub const fn encode(self) -> u32 {
        match self {
            ValType::I32 => 0x7f,
            ValType::I64 => 0x7e,
            ValType::F32 => 0x7d,
            ValType::F64 => 0x7c,
            ValType::V128 => 0x7b,
            ValType::Ref(RefType { nullable, heap }) => {
                let byte = if nullable { REF_NULL } else { REF };
                match heap {
                    HeapType::Concrete(composite, index) => {
                        byte | CONCRETE | (composite as u32) << COMPOSITE_SHIFT | index << HEAP_SHIFT
                    }
                    abstract_type => byte | (abstract_type.byte() as u32) << HEAP_SHIFT,
                }
            }
        }
    }

    /// From such a number; `None` for any other.
    pub const fn decode(number: u32) -> Option<ValType> {
        let nullable = match number & 0xff {
            REF_NULL => true,
            REF => false,
            _ => {
                return Some(match number {
                    0x7f => ValType::I32,
                    0x7e => ValType::I64,
                    0x7d => ValType::F32,
                    0x7c => ValType::F64,
                    0x7b => ValType::V128,
                    _ => return None,
                });
            }
        };
        let kind = number >> 8 & 7;
        let heap = number >> HEAP_SHIFT;
        let heap = if kind & 1 != 0 {
            match Composite::from_u32(kind >> 1) {
                Some(composite) => HeapType::Concrete(composite, heap),
                None => return None,
            }
        } else if kind == 0 && heap <= 0xff {
            match HeapType::from_byte(heap as u8) {
                Some(heap) => heap,
                None => return None,
            }
        } else {
            return None;
        };
        Some(ValType::Ref(RefType { nullable, heap }))
    }

    /// One byte for the shape of its values, which the tag in front of code is made of: all references of a hierarchy
    /// are one.
    pub const fn shape(self) -> u8 {
        match self {
            ValType::Ref(RefType { heap, .. }) => match heap.hierarchy() {
                Hierarchy::Func => HeapType::Func.byte(),
                Hierarchy::Extern => HeapType::Extern.byte(),
                Hierarchy::Exn => HeapType::Exn.byte(),
                Hierarchy::Any => HeapType::Any.byte(),
            },
            number => number.encode() as u8,
        }
    }

    /// Whether it is a reference.
    pub const fn is_reference(self) -> bool {
        matches!(self, ValType::Ref(_))
    }

    /// Of a reference, which kind it is of.
    pub const fn hierarchy(self) -> Option<Hierarchy> {
        match self {
            ValType::Ref(ty) => Some(ty.heap.hierarchy()),
            _ => None,
        }
    }

    /// Whether every value of a type is one of another (section 3.3.4). `is_subtype` says of two types that modules define
    /// whether the first is the second or was declared its subtype, by way of others or not.
    pub fn matches(self, of: ValType, is_subtype: impl Fn(u32, u32) -> bool) -> bool {
        match (self, of) {
            (ValType::Ref(ty), ValType::Ref(of)) => {
                (of.nullable || !ty.nullable) && ty.heap.matches(of.heap, is_subtype)
            }
            (ty, of) => ty == of,
        }
    }

    /// Whether its values are functions, or null.
    pub const fn is_function(self) -> bool {
        matches!(self.hierarchy(), Some(Hierarchy::Func))
    }

    /// Whether it has a value to begin with: zero, or null.
    pub const fn is_defaultable(self) -> bool {
        !matches!(self, ValType::Ref(RefType { nullable: false, .. }))
    }
}

impl core::fmt::Display for ValType {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            ValType::I32 => "i32",
            ValType::I64 => "i64",
            ValType::F32 => "f32",
            ValType::F64 => "f64",
            ValType::V128 => "v128",
            ValType::Ref(ty) => return ty.fmt(f),
        })
    }
}

macro_rules! wasm_features {
    ($($bit:literal $name:ident $text:literal $what:literal;)*) => {
        /// A part of the language that came after its first version and that can be left out: by the compiler's
        /// `--wasm-features`, or by how the loader was built.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum WasmFeature {
            $(#[doc = $what] $name,)*
        }

        impl WasmFeature {
            /// All of them.
            pub const ALL: &'static [WasmFeature] = &[$(WasmFeature::$name),*];

            /// Its bit in [`crate::format::Header::wasm_features`]. Bits are never reused for another meaning.
            pub const fn bit(self) -> u64 {
                match self { $(WasmFeature::$name => 1 << $bit,)* }
            }

            /// The name of its proposal's repository.
            pub const fn name(self) -> &'static str {
                match self { $(WasmFeature::$name => $text,)* }
            }

            /// For people.
            pub const fn describe(self) -> &'static str {
                match self { $(WasmFeature::$name => $what,)* }
            }
        }
    };
}

wasm_features! {
    0 MutableGlobal "mutable-global" "imported and exported globals that can be written";
    1 SignExtension "sign-extension-ops" "sign extension of parts of integers";
    2 SaturatingConversions "nontrapping-float-to-int-conversions" "conversions that do not trap";
    3 MultiValue "multi-value" "several results, and blocks with parameters";
    4 BulkMemory "bulk-memory" "bulk operations on memories and tables";
    5 ReferenceTypes "reference-types" "references as values, and several tables";
    6 ExtendedConst "extended-const" "arithmetic in constant expressions";
    7 Simd "simd" "vectors of 128 bits";
    8 RelaxedSimd "relaxed-simd" "vector instructions whose results depend on the processor";
    9 TailCall "tail-call" "calls in place of the caller";
    10 MultiMemory "multi-memory" "several memories";
    11 Memory64 "memory64" "memories and tables with 64-bit indices";
    12 Exceptions "exception-handling" "exceptions";
    13 FunctionReferences "function-references" "references to functions of a known type";
    14 Gc "gc" "garbage-collected values, and types with supertypes";
    15 Threads "threads" "shared memories and atomic operations";
    16 WideArithmetic "wide-arithmetic" "arithmetic of 128 bits";
    17 CustomPageSizes "custom-page-sizes" "memories with pages of one byte";
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn all() -> Vec<ValType> {
        let mut types = alloc::vec![ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::V128];
        let composites = [Composite::Func, Composite::Struct, Composite::Array];
        let concrete = composites
            .into_iter()
            .flat_map(|composite| [0, 1, 63, ValType::MAX_TYPES - 1].map(|index| HeapType::Concrete(composite, index)));
        for heap in (0..=u8::MAX).filter_map(HeapType::from_byte).chain(concrete) {
            types.extend([true, false].map(|nullable| ValType::Ref(RefType { nullable, heap })));
        }
        types
    }

    #[test]
    fn every_type_has_a_number_of_its_own_that_means_it() {
        let mut numbers: Vec<u32> = all().into_iter().map(ValType::encode).collect();
        for (ty, &number) in all().into_iter().zip(&numbers) {
            assert_eq!(ValType::decode(number), Some(ty));
        }
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), all().len());
    }

    #[test]
    fn no_other_number_means_a_type() {
        let numbers: Vec<u32> = all().into_iter().map(ValType::encode).collect();
        // All that differ in one bit from a number, or that are small.
        let near = numbers.iter().flat_map(|number| (0..32).map(move |bit| number ^ 1 << bit));
        for number in near.chain(0..0x1_0000) {
            if let Some(ty) = ValType::decode(number) {
                assert_eq!(ty.encode(), number, "{ty:?}");
            }
        }
    }

    #[test]
    fn only_references_of_a_kind_share_a_shape() {
        for a in all() {
            for b in all() {
                let alike = a == b || a.is_reference() && a.hierarchy() == b.hierarchy();
                assert_eq!(a.shape() == b.shape(), alike, "{a:?} {b:?}");
            }
        }
    }
}
