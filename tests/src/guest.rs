//! A module in the text format, compiled and instantiated in a group of its own.

use crate::compile::artifact;
use bailiwick_loader::{Error, Group, Imports, Instance, Trap, TrapCode, Val};

/// A group with one instance.
#[derive(Debug)]
pub struct Guest {
    /// The group.
    pub group: Group,
    /// Its first instance.
    pub instance: Instance,
}

impl Guest {
    /// An instance that is granted nothing.
    ///
    /// # Panics
    /// As [`Guest::with`].
    pub fn new(wat: &str) -> Guest {
        Guest::with(wat, &Imports::new())
    }

    /// An instance that is granted `imports`.
    ///
    /// # Panics
    /// If it can't be compiled or instantiated.
    pub fn with(wat: &str, imports: &Imports) -> Guest {
        let mut group = Group::new().expect("a group");
        let instance = group.instantiate(&artifact(wat), imports).unwrap_or_else(|e| panic!("{e}\n{wat}"));
        Guest { group, instance }
    }

    /// Calls an export.
    ///
    /// # Errors
    /// Whatever the call ended with.
    pub fn call(&mut self, name: &str, arguments: &[Val]) -> Result<Vec<Val>, Error> {
        self.instance.func(&mut self.group, name)?.call(&mut self.group, arguments)
    }

    /// Calls an export of no parameters and one `i32`.
    ///
    /// # Panics
    /// If the call fails.
    pub fn i32(&mut self, name: &str) -> i32 {
        let func = self.instance.typed_func::<(), i32>(&mut self.group, name).expect("an export () -> i32");
        func.call(&mut self.group, ()).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// Calls an export that traps.
    ///
    /// # Panics
    /// If the call does not trap.
    pub fn trap(&mut self, name: &str, arguments: &[Val]) -> Box<Trap> {
        match self.call(name, arguments) {
            Err(Error::Trap(trap)) => trap,
            other => panic!("{name}: expected a trap, got {other:?}"),
        }
    }

    /// Calls an export that traps, and gives the trap's code.
    ///
    /// # Panics
    /// If the call does not trap.
    pub fn trap_code(&mut self, name: &str, arguments: &[Val]) -> TrapCode {
        self.trap(name, arguments).code()
    }
}
