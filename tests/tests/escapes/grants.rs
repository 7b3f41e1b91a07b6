//! What a guest of these tests is granted, and what it was denied.

use super::host::open_dir;
use super::puppet::Puppet;
use bailiwick_loader::wasi::{
    Argument, Denial, Dir, DirGrant, DirLimits, DirRights, Errno, Rule, WasiCtx, WasiCtxBuilder, add_to_imports,
};
use bailiwick_loader::{Artifact, Error, Group, Imports};
use bailiwick_tests::cli::built_guests;
use bailiwick_tests::compile::compile;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// One denied call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    pub function: &'static str,
    pub errno: Errno,
    pub rule: Rule,
    pub paths: Vec<String>,
}

/// What a guest was denied, as its auditor was told.
#[derive(Clone, Debug, Default)]
pub struct Denials(Arc<Mutex<Vec<Denied>>>);

impl Denials {
    fn tell(&self, denial: &Denial<'_>) {
        let path = |(_, argument): &(_, Argument)| match argument {
            Argument::Path(path) => Some(path.clone()),
            Argument::Number(_) => None,
        };
        self.0.lock().expect("not poisoned").push(Denied {
            function: denial.function,
            errno: denial.errno,
            rule: denial.rule,
            paths: denial.arguments.iter().filter_map(path).collect(),
        });
    }

    /// All since the last time.
    pub fn take(&self) -> Vec<Denied> {
        std::mem::take(&mut *self.0.lock().expect("not poisoned"))
    }

    /// Fails unless the last call, and no other since the last time, was denied by one of `rules`.
    #[track_caller]
    pub fn one_by(&self, rules: &[Rule], what: &str) {
        let denied = self.take();
        assert!(denied.len() == 1 && rules.contains(&denied[0].rule), "{what}: expected {rules:?}: {denied:?}");
    }
}

/// A directory, opened and granted.
pub fn dir(path: &Path, grant: DirGrant) -> Dir {
    Dir::open(open_dir(path), grant).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A grant of these rights.
pub fn only(rights: DirRights) -> DirGrant {
    DirGrant { rights, ..DirGrant::all() }
}

/// A grant of everything, but of so many bytes.
pub fn bytes(max_bytes: u64) -> DirGrant {
    DirGrant { limits: DirLimits { max_bytes: Some(max_bytes), ..DirLimits::default() }, ..DirGrant::all() }
}

/// A builder that tells of denials.
pub fn builder() -> (WasiCtxBuilder, Denials) {
    let (mut builder, denials) = (WasiCtx::builder(), Denials::default());
    let told = denials.clone();
    builder.auditor(move |denial| told.tell(denial));
    (builder, denials)
}

/// Preview 1 over what was granted.
pub fn imports(builder: WasiCtxBuilder) -> Imports {
    let mut imports = Imports::new();
    let context = builder.build().expect("a context");
    add_to_imports(&mut imports, Arc::new(Mutex::new(context)));
    imports
}

/// A puppet that is granted these directories, the first as descriptor 3.
pub fn puppet(grants: &[(&Path, DirGrant)]) -> (Puppet, Denials) {
    let dirs: Vec<Dir> = grants.iter().map(|(path, grant)| dir(path, *grant)).collect();
    puppet_of(&dirs.iter().collect::<Vec<_>>())
}

/// A puppet that is granted these capabilities.
pub fn puppet_of(dirs: &[&Dir]) -> (Puppet, Denials) {
    let (mut builder, denials) = builder();
    for (i, dir) in dirs.iter().enumerate() {
        builder.preopen(dir, &format!("/{i}")).expect("a preopened directory");
    }
    (Puppet::new(&imports(builder)), denials)
}

/// A guest in C, compiled once: `guests/attack_NAME.c`.
fn program(name: &str) -> Artifact {
    static COMPILED: Mutex<Option<HashMap<String, Vec<u8>>>> = Mutex::new(None);
    let mut compiled = COMPILED.lock().expect("not poisoned");
    let bytes = compiled.get_or_insert_default().entry(name.to_owned()).or_insert_with(|| {
        let wasm = std::fs::read(built_guests().join(format!("attack_{name}.wasm"))).expect("a built guest");
        compile(&wasm).unwrap_or_else(|e| panic!("{name}: {e}"))
    });
    Artifact::from_bytes(bytes, name).expect("an artifact")
}

/// Runs a guest in C from beginning to end, and gives its exit status.
#[track_caller]
pub fn run(name: &str, imports: &Imports) -> i32 {
    let mut group = Group::new().expect("a group");
    let instance = group.instantiate(&program(name), imports).unwrap_or_else(|e| panic!("{name}: {e}"));
    let start = instance.typed_func::<(), ()>(&mut group, "_start").expect("_start");
    match start.call(&mut group, ()) {
        Ok(()) => 0,
        Err(Error::Exit(status)) => status,
        Err(e) => panic!("{name}: {e}"),
    }
}
