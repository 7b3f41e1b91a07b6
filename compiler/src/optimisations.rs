//! What is done for the code's speed beyond the code generator's own work. Each can be left out, so that its worth can be
//! measured.

use crate::error::{CompileError, Result};
use std::fmt;
use std::str::FromStr;

/// Something that is done to make code faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Optimisation {
    /// The address of an instance's context is that of its first memory, on x86-64.
    Anchoring,
    /// Tables that nobody can change are read-only data beside the code.
    CallTables,
    /// What always has one value (globals that nobody writes, lengths of tables that nobody grows) is a constant.
    Facts,
    /// Small functions are translated where they are called.
    Inlining,
    /// Functions begin where their inner loops touch few lines of the instruction cache.
    Placement,
    /// Globals that a loop without calls names are read once in front of it, and written as ever.
    Promotion,
    /// Small functions that call themselves are translated there, too, if `Inlining` is made.
    Recursion,
    /// Variables of large functions that live long and are rarely used are kept on the stack.
    Spilling,
    /// Multiplications by some constants are additions and shifts.
    Strength,
    /// Branches to few targets by a number are comparisons.
    Switches,
    /// Short innermost loops without calls are there more than once, with one poll.
    Unrolling,
    /// Loops over arrays make several elements at once, in vectors.
    Vectorisation,
    /// Numbers of 32 bits that become addresses are of 64 bits where they come from, on x86-64.
    Widening,
}

impl Optimisation {
    /// All that there are, in the order in which they are written.
    pub const ALL: &[Optimisation] = &[
        Optimisation::Anchoring,
        Optimisation::CallTables,
        Optimisation::Facts,
        Optimisation::Inlining,
        Optimisation::Placement,
        Optimisation::Promotion,
        Optimisation::Recursion,
        Optimisation::Spilling,
        Optimisation::Strength,
        Optimisation::Switches,
        Optimisation::Unrolling,
        Optimisation::Vectorisation,
        Optimisation::Widening,
    ];

    /// Its name in [`Optimisations`].
    pub const fn name(self) -> &'static str {
        match self {
            Optimisation::Anchoring => "anchoring",
            Optimisation::CallTables => "call-tables",
            Optimisation::Facts => "facts",
            Optimisation::Inlining => "inlining",
            Optimisation::Placement => "placement",
            Optimisation::Promotion => "promotion",
            Optimisation::Recursion => "recursion",
            Optimisation::Spilling => "spilling",
            Optimisation::Strength => "strength",
            Optimisation::Switches => "switches",
            Optimisation::Unrolling => "unrolling",
            Optimisation::Vectorisation => "vectorisation",
            Optimisation::Widening => "widening",
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// Which optimisations are made. [`Optimisations::default`] is those that pay.
///
/// As text: `default`, `all` or `none`, then names, with `-` in front to leave one out: `default,-call-tables`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Optimisations(u32);

impl Optimisations {
    /// None of them.
    pub const NONE: Optimisations = Optimisations(0);

    /// All of them.
    pub const ALL: Optimisations = {
        let mut bits = 0;
        let mut i = 0;
        while i < Optimisation::ALL.len() {
            bits |= Optimisation::ALL[i].bit();
            i += 1;
        }
        Optimisations(bits)
    };

    /// Those that pay in general.
    const DEFAULT: Optimisations = Optimisations::ALL;

    /// Whether it is made.
    pub const fn has(self, optimisation: Optimisation) -> bool {
        self.0 & optimisation.bit() != 0
    }

    /// The same with it, or without.
    pub const fn with(self, optimisation: Optimisation, on: bool) -> Optimisations {
        let others = self.0 & !optimisation.bit();
        Optimisations(if on { others | optimisation.bit() } else { others })
    }
}

impl Default for Optimisations {
    fn default() -> Self {
        Optimisations::DEFAULT
    }
}

impl FromStr for Optimisations {
    type Err = CompileError;

    fn from_str(text: &str) -> Result<Optimisations> {
        let mut optimisations = Optimisations::DEFAULT;
        for (i, word) in text.split(',').map(str::trim).enumerate() {
            match (i, word) {
                (0, "default") => continue,
                (0, "all") => optimisations = Optimisations::ALL,
                (0, "none") => optimisations = Optimisations::NONE,
                _ => {
                    let (on, name) = match word.strip_prefix('-') {
                        Some(name) => (false, name),
                        None => (true, word.strip_prefix('+').unwrap_or(word)),
                    };
                    let found = Optimisation::ALL.iter().copied().find(|optimisation| optimisation.name() == name);
                    let optimisation = found.ok_or_else(|| {
                        let names: Vec<&str> = Optimisation::ALL.iter().map(|o| o.name()).collect();
                        let message = format!(
                            "there is no optimisation {name:?} in {text:?}; write default, all or none, then NAME or -NAME of {}",
                            names.join(", ")
                        );
                        CompileError::Options { message }
                    })?;
                    optimisations = optimisations.with(optimisation, on);
                }
            }
        }
        Ok(optimisations)
    }
}

/// `default`, and how it differs.
impl fmt::Display for Optimisations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("default")?;
        for &optimisation in Optimisation::ALL {
            match (self.has(optimisation), Optimisations::DEFAULT.has(optimisation)) {
                (true, false) => write!(f, ",{}", optimisation.name())?,
                (false, true) => write!(f, ",-{}", optimisation.name())?,
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optimisations_are_named_and_left_out_by_name() {
        let parse = |text: &str| text.parse::<Optimisations>();
        assert_eq!(parse("default"), Ok(Optimisations::default()));
        assert_eq!(parse("none,facts").unwrap(), Optimisations::NONE.with(Optimisation::Facts, true));
        assert!(!parse("all,-facts").unwrap().has(Optimisation::Facts));
        for wrong in ["", "fact", "facts,none", "default,,facts", "-"] {
            assert!(parse(wrong).unwrap_err().to_string().contains("call-tables"), "{wrong}");
        }
    }

    #[test]
    fn every_text_that_is_printed_is_read_again() {
        for &optimisation in Optimisation::ALL {
            for base in [Optimisations::NONE, Optimisations::ALL, Optimisations::default()] {
                for on in [true, false] {
                    let optimisations = base.with(optimisation, on);
                    assert_eq!(optimisations.to_string().parse(), Ok(optimisations));
                }
            }
        }
    }
}
