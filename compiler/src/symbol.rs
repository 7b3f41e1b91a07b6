//! Names of what code refers to, as the code generator carries them.

use cranelift_codegen::ir::UserExternalName;

/// Something in the artifact that has an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Symbol {
    /// A function that the module defines, by its index in the module.
    Function(u32),
    /// The thunk of an imported function.
    Thunk(u32),
    /// The entry stub of a canonical type.
    Entry(u32),
    /// The exit stub of a canonical type.
    Exit(u32),
    /// The stub of revoked slots.
    Denied,
    /// The read-only call table of a table.
    CallTable(u32),
    /// The adapter of an imported function.
    Adapter(u32),
}

impl Symbol {
    /// The code generator's name for it.
    pub fn to_name(self) -> UserExternalName {
        let (namespace, index) = match self {
            Symbol::Function(i) => (0, i),
            Symbol::Thunk(i) => (1, i),
            Symbol::Entry(i) => (2, i),
            Symbol::Exit(i) => (3, i),
            Symbol::Denied => (4, 0),
            Symbol::CallTable(i) => (5, i),
            Symbol::Adapter(i) => (6, i),
        };
        UserExternalName { namespace, index }
    }

    /// From the code generator's name; `None` for one that [`Symbol::to_name`] does not give.
    pub fn from_name(name: &UserExternalName) -> Option<Symbol> {
        Some(match name.namespace {
            0 => Symbol::Function(name.index),
            1 => Symbol::Thunk(name.index),
            2 => Symbol::Entry(name.index),
            3 => Symbol::Exit(name.index),
            4 => Symbol::Denied,
            5 => Symbol::CallTable(name.index),
            6 => Symbol::Adapter(name.index),
            _ => return None,
        })
    }
}
