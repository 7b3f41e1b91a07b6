//! Whether a module is refused for what a script says it is to be refused for: the kind, and the words.

use crate::compile::Refusal;

/// What is wrong with a module: in the specification, decoding comes before validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is no module: of the binary format, or of the text format.
    Malformed,
    /// It breaks a rule of validation.
    Invalid,
}

/// Why a module of a script was not compiled.
pub(super) enum Refused {
    /// It is none of the text format. The words are those of the parser that reads the scripts, which is no part of
    /// Bailiwick, so they are not compared.
    Text(String),
    /// The compiler refused it.
    Compiler(Refusal),
}

/// What scripts say, and what the compiler says for it. The specification leaves words open; the reference interpreter
/// takes any message that begins with those of the script.
const WORDS: &[(&str, &str)] = &[
    ("invalid UTF-8 encoding", "malformed UTF-8 encoding"),
    // Operators of a draft of exceptions.
    ("unexpected token", "legacy exception handling is"),
    // Scripts name what is read, or what the bytes that are missing would have been; the parser only that they are missing.
    ("unexpected end of section or function", "unexpected end-of-file"),
    ("length out of bounds", "unexpected end-of-file"),
    ("integer too large", "unexpected end-of-file"),
    ("integer representation too long", "unexpected end-of-file"),
    ("malformed import kind", "unexpected end-of-file"),
    ("malformed section id", "unexpected end-of-file"),
    ("malformed limits flags", "unexpected end-of-file"),
    ("malformed elements segment kind", "unexpected end-of-file"),
    ("invalid value type", "unexpected end-of-file"),
    ("invalid mutability", "unexpected end-of-file"),
    ("invalid section id", "unexpected end-of-file"),
    ("invalid section id", "malformed section id"),
    ("zero flag expected", "zero byte expected"),
    ("illegal opcode", "unexpected end-of-file"),
    ("length out of bounds", "expected section, got wasm magic number"),
    // An end that is not there.
    ("unexpected end of section or function", "control frames remain at end of function body or expression"),
    ("unexpected end", "control frames remain at end of function body or expression"),
    ("section size mismatch", "control frames remain at end of function body or expression"),
    ("END opcode expected", "control frames remain at end of function body or expression"),
    ("zero flag expected", "control frames remain at end of function body or expression"),
    // Sections in the wrong order, or twice.
    ("unexpected content after last section", "section out of order"),
    ("junk after last section", "section out of order"),
    ("multiple start sections", "section out of order"),
    ("unexpected content after last section", "function and code section have inconsistent lengths"),
    ("function and code section have inconsistent lengths", "function section is absent but code section has"),
    ("function and code section have inconsistent lengths", "function section has non-zero count but code section is"),
    ("data count and data section have inconsistent lengths", "data count is non-zero but data section is absent"),
    // Bytes that stand for something, and for nothing with these values.
    ("malformed mutability", "malformed global flags"),
    ("invalid mutability", "malformed global flags"),
    ("malformed mutability", "shared globals require the shared-everything"),
    ("invalid mutability", "shared globals require the shared-everything"),
    ("malformed import kind", "for external kind"),
    ("malformed limits flags", "resizable limits flags"),
    ("malformed limits flags", "invalid memory limits flags"),
    ("integer too large", "resizable limits flags"),
    ("integer too large", "invalid memory limits flags"),
    ("integer representation too long", "resizable limits flags"),
    ("integer representation too long", "invalid memory limits flags"),
    ("integer representation too long", "invalid leading byte (0xe0) for type"),
    // A number of 33 bits where a type may stand.
    ("integer representation", "invalid value type"),
    ("malformed memop flags", "malformed memop: reserved flags bits set"),
    ("illegal opcode ff", "illegal opcode: 0xff"),
    ("i32 constant", "invalid var_u32: integer too large"),
    // Rules of validation.
    ("memory size must be at most 65536 pages (4GiB)", "memory size must be at most 0x10000 65536-byte pages"),
    ("unknown type", "type index greater than implementation limits"),
    ("invalid lane index", "SIMD index out of bounds"),
    ("immutable global", "global is immutable"),
    ("immutable array", "array is immutable"),
    ("constant expression required", "type mismatch: expected funcref, found i32"),
    ("type mismatch: instruction requires", "type mismatch: expected"),
];

/// What a script calls malformed, and the validator finds: the parser reads numbers of 64 bits and operators of all versions
/// of the language, whichever of them are in use.
const FOUND_LATER: &[(&str, &str)] = &[
    ("i32 constant out of range", "memory size must be at most"),
    ("i32 constant out of range", "table size must be at most"),
    ("integer too large", "memory size must be at most"),
    ("integer too large", "offset out of range: must be <= 2**32"),
    ("integer too large", "invalid memop alignment"),
    ("malformed memop flags", "invalid memop alignment"),
    ("illegal opcode", "constant expression required: non-constant operator"),
];

/// Says what differs.
pub(super) fn compare(expected: Kind, words: &str, refused: &Refused) -> Result<(), String> {
    let says = |message: &str, table: &[(&str, &str)]| {
        table.iter().any(|(theirs, ours)| words.starts_with(theirs) && message.contains(ours))
    };
    let (kind, message) = match refused {
        Refused::Text(message) => (Kind::Malformed, message),
        Refused::Compiler(Refusal::Malformed(message)) => (Kind::Malformed, message),
        Refused::Compiler(Refusal::Invalid(message)) => (Kind::Invalid, message),
        // What came later is of no kind in an older version of the language, nor is what was in a draft, or is still to come.
        Refused::Compiler(Refusal::SwitchedOff(message) | Refusal::Unsupported(message)) => (expected, message),
        Refused::Compiler(Refusal::Failed(message)) => {
            return Err(format!("expected {expected:?} ({words}), got: {message}"));
        }
    };
    if (expected, kind) == (Kind::Malformed, Kind::Invalid) && says(message, FOUND_LATER) {
        return Ok(());
    }
    if kind != expected {
        return Err(format!("expected {expected:?} ({words}), got {kind:?}: {message}"));
    }
    if matches!(refused, Refused::Text(_)) || message.contains(words) || says(message, WORDS) {
        return Ok(());
    }
    Err(format!("expected the words {words:?}, got: {message}"))
}
