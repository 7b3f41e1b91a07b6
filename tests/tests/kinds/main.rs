//! Every kind of memory and table: indices of 32 and of 64 bits, pages of 64 KiB and of 1 byte, defined and imported. What
//! happens is compared with what the specification says, computed here in numbers that don't wrap.

mod accesses;
mod growth;
mod hints;
mod operations;
mod segments;
mod tables;

use bailiwick_loader::MemoryType;

/// A kind of memory.
#[derive(Clone, Copy, Debug)]
struct Kind {
    index64: bool,
    page_size_log2: u32,
}

/// All of them.
const KINDS: [Kind; 4] = [
    Kind { index64: false, page_size_log2: 16 },
    Kind { index64: true, page_size_log2: 16 },
    Kind { index64: false, page_size_log2: 0 },
    Kind { index64: true, page_size_log2: 0 },
];

impl Kind {
    /// The type in the text format, after what is between: limits in pages.
    fn text(self, limits: &str) -> String {
        let index = if self.index64 { "i64 " } else { "" };
        let pages = if self.page_size_log2 == 0 { " (pagesize 1)" } else { "" };
        format!("{index}{limits}{pages}")
    }

    fn index(self) -> &'static str {
        index(self.index64)
    }

    fn ty(self, minimum: u64, maximum: Option<u64>) -> MemoryType {
        let mut ty = MemoryType::new(minimum, maximum);
        (ty.index64, ty.page_size_log2) = (self.index64, self.page_size_log2);
        ty
    }
}

/// The index type.
fn index(index64: bool) -> &'static str {
    if index64 { "i64" } else { "i32" }
}

/// An expression of type i64 as one of the index type.
fn narrowed(index64: bool, expression: &str) -> String {
    if index64 { expression.to_owned() } else { format!("(i32.wrap_i64 {expression})") }
}

/// A number as one of the index type means it.
fn meant(index64: bool, number: u64) -> u64 {
    if index64 { number } else { number & u64::from(u32::MAX) }
}
