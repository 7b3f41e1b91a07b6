//! Globals that variables hold while a loop runs, in which nothing else can write them.
//!
//! ```text
//!  variable := cell             in front of the outermost such loop
//!  loop
//!    … := variable              global.get
//!    variable := …; cell := …   global.set
//! ```
//!
//! What a loop carries from one iteration to the next then stays in a register. The cell is written as ever, since it can be
//! seen wherever the code may trap or be interrupted: by the host, and by whoever calls the instance afterwards. Which loops
//! and globals these are, `analysis::loops` decides.

use super::env::clif_type;
use super::{Effort, Translator};
use cranelift_codegen::ir::{Type, Value};
use cranelift_frontend::Variable;

#[derive(Default)]
pub(super) struct Promotion {
    /// [`Translator::loops`] within the loop that holds them.
    depth: u32,
    /// Globals, and the variables that hold them.
    held: Vec<(u32, Variable)>,
    /// All variables that were ever declared for it. Loops that are not within each other share them: the builder keeps
    /// a table of blocks for each.
    variables: Vec<(Type, Variable)>,
}

impl Translator<'_, '_> {
    /// Called in front of the jump into a loop, which is counted already; `offset` is that of its operator.
    pub(super) fn promote_globals(&mut self, offset: u32) {
        let env = self.env;
        if !self.promotion.held.is_empty() || self.effort != Effort::Full {
            return;
        }
        let Some(steady) = env.facts.steady_loop(offset) else { return };
        for &global in &steady.globals {
            // Those that are constants have no cell that is worth reading.
            if env.facts.constants[global as usize].is_some() {
                continue;
            }
            let variable = self.free_variable(clif_type(env.module.globals[global as usize].val_type));
            let value = self.read_global(global);
            self.builder.def_var(variable, value);
            self.promotion.held.push((global, variable));
        }
        self.promotion.depth = self.loops;
    }

    /// A variable of this type that holds no global here.
    fn free_variable(&mut self, ty: Type) -> Variable {
        let Promotion { held, variables, .. } = &mut self.promotion;
        let free = |&&(of, variable): &&(Type, Variable)| of == ty && held.iter().all(|(_, held)| *held != variable);
        if let Some(&(_, variable)) = variables.iter().find(free) {
            return variable;
        }
        let variable = self.builder.declare_var(ty);
        variables.push((ty, variable));
        variable
    }

    /// Called when a loop has ended, and is no longer counted.
    pub(super) fn demote_globals(&mut self) {
        if self.promotion.depth > self.loops {
            self.promotion.held.clear();
        }
    }

    /// The variable that holds a global here.
    fn held_global(&self, global: u32) -> Option<Variable> {
        self.promotion.held.iter().find(|(held, _)| *held == global).map(|&(_, variable)| variable)
    }

    /// A global's value, if a variable holds it.
    pub(super) fn promoted_global(&mut self, global: u32) -> Option<Value> {
        self.held_global(global).map(|variable| self.builder.use_var(variable))
    }

    /// Called when a global is written.
    pub(super) fn note_global(&mut self, global: u32, value: Value) {
        if let Some(variable) = self.held_global(global) {
            self.builder.def_var(variable, value);
        }
    }
}
