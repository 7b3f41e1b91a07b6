//! Vectors: what the specification's scripts do not ask.
//!
//! | room | theme |
//! |---|---|
//! | `operators` | all operators, by what they take and give |
//! | `bounds` | accesses at the end of a memory, by whichever instruction makes them |
//! | `values` | vectors as locals, parameters, globals, host values |
//! | `deterministic` | one result everywhere |
//! | `everywhere` | code for every level of both architectures |
//! | `lanes` | shuffles, shifts, selections with operands that are constant or the same |

mod bounds;
mod deterministic;
mod everywhere;
mod lanes;
mod operators;
mod values;

use bailiwick_compiler::OptLevel;
use bailiwick_loader::{Artifact, Error, Func, Group, Imports, Instance, Val};
use bailiwick_tests::compile::{Settings, binary, compile_with, host};

/// The ways that have code of their own for vectors: what this machine has is used as far as it goes.
fn ways() -> Vec<Settings> {
    let speed = Settings { opt_level: OptLevel::Speed, ..Settings::default() };
    let mut ways =
        vec![speed, Settings { opt_level: OptLevel::None, ..speed }, Settings { deterministic: true, ..speed }];
    if bailiwick_tests::compile::compiler_program().is_none() {
        ways.push(Settings { cpu: "native", ..speed });
    }
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        ways.push(Settings { cpu: "v3", ..speed });
        ways.push(Settings { cpu: "v3", opt_level: OptLevel::None, deterministic: true, ..speed });
    }
    ways
}

/// A module in a group of its own.
struct Guest {
    group: Group,
    instance: Instance,
}

impl Guest {
    fn new(wat: &str, way: Settings) -> Guest {
        Guest::of(&binary(wat), way)
    }

    fn of(wasm: &[u8], way: Settings) -> Guest {
        let mut group = Group::new().unwrap();
        let bytes = compile_with(host(), &way, wasm).unwrap_or_else(|e| panic!("{way:?}: {e}"));
        let artifact = Artifact::from_bytes(&bytes, "test").unwrap();
        let instance = group.instantiate(&artifact, &Imports::new()).unwrap();
        Guest { group, instance }
    }

    fn func(&mut self, name: &str) -> Func {
        self.instance.func(&mut self.group, name).unwrap()
    }

    fn call(&mut self, name: &str, arguments: &[Val]) -> Result<Vec<Val>, Error> {
        self.func(name).call(&mut self.group, arguments)
    }

    /// The vector that a function gives.
    fn vector(&mut self, name: &str, arguments: &[Val]) -> u128 {
        match self.call(name, arguments).unwrap_or_else(|e| panic!("{name}: {e}"))[..] {
            [Val::V128(bits)] => bits,
            ref other => panic!("{name}: {other:?}"),
        }
    }
}

/// Numbers of which no two runs differ.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn vector(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }
}
