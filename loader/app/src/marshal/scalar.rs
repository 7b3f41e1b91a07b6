//! Values of a fixed size that hold neither pointers nor handles.

use super::fault::FaultKind;
use bailiwick_runtime_abi::wit::Type;

/// How the bits of such a value are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    /// All but 0 is true, and true is written as 1.
    Bool,
    /// The lowest `bytes` bytes, whatever they are: unsigned integers, and those that fill a core value. Of floats,
    /// the bits of NaNs are kept, which "Storing" in CanonicalABI.md permits: there is no need then to look at each.
    Bits { bytes: u32 },
    /// The lowest `bytes` bytes, with a sign: `s8` and `s16`, which are narrower than the core value that holds them.
    Signed { bytes: u32 },
    /// A Unicode scalar value.
    Char,
    /// Of these bits, those in the mask; others have no label and are ignored.
    Flags { bytes: u32, mask: u32 },
    /// A number below `cases`.
    Enum { bytes: u32, cases: u32 },
}

impl Scalar {
    /// How a built-in type is read, `None` for `string`.
    pub(super) fn built_in(ty: Type) -> Option<Scalar> {
        Some(match ty {
            Type::Bool => Scalar::Bool,
            Type::U8 => Scalar::Bits { bytes: 1 },
            Type::U16 => Scalar::Bits { bytes: 2 },
            Type::U32 | Type::S32 | Type::F32 => Scalar::Bits { bytes: 4 },
            Type::U64 | Type::S64 | Type::F64 => Scalar::Bits { bytes: 8 },
            Type::S8 => Scalar::Signed { bytes: 1 },
            Type::S16 => Scalar::Signed { bytes: 2 },
            Type::Char => Scalar::Char,
            Type::String | Type::Defined(_) => return None,
        })
    }

    /// Bytes in a memory: 1, 2, 4 or 8.
    pub(super) fn bytes(self) -> u32 {
        match self {
            Scalar::Bool => 1,
            Scalar::Char => 4,
            Scalar::Bits { bytes } | Scalar::Signed { bytes } => bytes,
            Scalar::Flags { bytes, .. } | Scalar::Enum { bytes, .. } => bytes,
        }
    }

    /// Whether all bits mean something, and stay as they are when they are written.
    pub(super) fn any_bits(self) -> bool {
        match self {
            Scalar::Bits { .. } | Scalar::Signed { .. } => true,
            Scalar::Flags { bytes, mask } => u64::from(mask) == low_bits(bytes),
            Scalar::Bool | Scalar::Char | Scalar::Enum { .. } => false,
        }
    }

    /// The bits as they are passed on: those of a core value, of which a memory takes the lowest [`Scalar::bytes`].
    /// `raw` is a core value's bits, or what a memory has with zeros above it.
    pub(super) fn convert(self, raw: u64) -> Result<u64, FaultKind> {
        let word = raw as u32;
        match self {
            // From a memory, only one byte of `raw` can be other than 0.
            Scalar::Bool => Ok(u64::from(word != 0)),
            Scalar::Bits { bytes } => Ok(raw & low_bits(bytes)),
            Scalar::Signed { bytes: 1 } => Ok(u64::from(i32::from(raw as i8) as u32)),
            Scalar::Signed { .. } => Ok(u64::from(i32::from(raw as i16) as u32)),
            Scalar::Char => char::from_u32(word).map(|c| u64::from(u32::from(c))).ok_or(FaultKind::NotChar(word)),
            Scalar::Flags { mask, .. } => Ok(u64::from(word & mask)),
            // A core value is not cut down to the discriminant's size: all of it counts.
            Scalar::Enum { cases, .. } => check_case(word, cases).map(u64::from),
        }
    }
}

/// A discriminant, if there is such a case.
pub(super) fn check_case(index: u32, cases: u32) -> Result<u32, FaultKind> {
    if index < cases { Ok(index) } else { Err(FaultKind::NoSuchCase { index, cases }) }
}

/// As many ones as `bytes` has bits.
fn low_bits(bytes: u32) -> u64 {
    u64::MAX >> (64 - 8 * bytes.clamp(1, 8))
}
