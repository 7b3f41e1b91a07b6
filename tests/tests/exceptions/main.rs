//! Exceptions: where they go, what they carry, what can't be caught, and how long they live.

mod caught;
mod collected;
mod hosts;
mod uncatchable;

use bailiwick_compiler::OptLevel;
use bailiwick_loader::{Artifact, Error, Exception, Group, GroupConfig, Imports, Instance, Val};
use bailiwick_tests::compile::{Settings, binary, compile_with, host};

/// An artifact for each level of optimisation.
fn artifacts(wat: &str) -> Vec<Artifact> {
    let levels = [OptLevel::None, OptLevel::Speed];
    let artifact = |opt_level| {
        let settings = Settings { opt_level, ..Settings::default() };
        let bytes = compile_with(host(), &settings, &binary(wat)).unwrap_or_else(|e| panic!("{e}\n{wat}"));
        Artifact::from_bytes(&bytes, "test").unwrap_or_else(|e| panic!("{e}\n{wat}"))
    };
    levels.map(artifact).into()
}

/// A group with an instance.
struct Guest {
    group: Group,
    instance: Instance,
}

impl Guest {
    fn of(artifact: &Artifact, imports: &Imports, config: GroupConfig) -> Guest {
        let mut group = Group::with_config(config).expect("a group");
        let instance = group.instantiate(artifact, imports).expect("an instance");
        Guest { group, instance }
    }

    fn call(&mut self, name: &str, arguments: &[Val]) -> Result<Vec<Val>, Error> {
        self.instance.func(&mut self.group, name)?.call(&mut self.group, arguments)
    }

    /// Calls an export of one result.
    #[track_caller]
    fn value(&mut self, name: &str, arguments: &[Val]) -> Val {
        match self.call(name, arguments) {
            Ok(values) => values[0],
            Err(error) => panic!("{name}: {error}"),
        }
    }

    /// Calls an export that throws.
    #[track_caller]
    fn thrown(&mut self, name: &str, arguments: &[Val]) -> Box<Exception> {
        match self.call(name, arguments) {
            Err(Error::Exception(exception)) => exception,
            other => panic!("{name}: expected an exception, got {other:?}"),
        }
    }
}

/// Does something with a guest of each level.
fn each(wat: &str, mut f: impl FnMut(&mut Guest)) {
    for artifact in artifacts(wat) {
        f(&mut Guest::of(&artifact, &Imports::new(), GroupConfig::default()));
    }
}
