//! Whether a module has the imports and exports that its world says, by the names and signatures of the canonical ABI.

use crate::error::{CompileError, Result, WorldProblem};
use crate::module::{Entity, FuncType, Module};
use bailiwick_runtime_abi::types::ValType::{self, I32};
use bailiwick_runtime_abi::wit::world::{
    DESTRUCTOR, EXPORTED, MEMORY, REALLOC, RESOURCE_DROP, RESOURCE_NEW, RESOURCE_REP, ROOT,
};
use bailiwick_runtime_abi::wit::{CoreSignature, Direction, Needs, World};
use std::collections::{HashMap, HashSet};

/// Most problems that one error lists.
const MAX_PROBLEMS: usize = 8;

/// Compares all that the world exports and all that the module imports of the world's interfaces. What else a module has
/// is no matter of its world.
pub(crate) fn check(module: &Module<'_>, world: &World) -> Result<()> {
    let mut check = Check {
        module,
        world,
        exports: module.exports.iter().map(|export| (export.name, export.entity)).collect(),
        needs: Needs::default(),
        problems: Vec::new(),
    };
    check.exports();
    check.imports();
    check.needed();
    match check.problems {
        problems if problems.is_empty() => Ok(()),
        problems => Err(CompileError::World { world: world.name().to_owned(), problems }),
    }
}

struct Check<'a> {
    module: &'a Module<'a>,
    world: &'a World,
    exports: HashMap<&'a str, Entity>,
    needs: Needs,
    problems: Vec<WorldProblem>,
}

/// The core signature of a name that is not one of the world's functions.
type Fixed = (&'static [ValType], &'static [ValType]);

const TAKES_HANDLE: Fixed = (&[I32], &[]);
const TURNS_HANDLE: Fixed = (&[I32], &[I32]);
const ALLOCATES: Fixed = (&[I32; 4], &[I32]);

impl Check<'_> {
    fn exports(&mut self) {
        for function in self.world.exports() {
            let signature = self.world.signature(function, Direction::Lift);
            let wit = self.world.print_function(function).to_string();
            self.export(&function.export_name(), &core(&signature), Some(&wit), true);
            let after = core_text(&signature.results, &[]);
            self.export(&function.post_return_name(), &after, Some(&wit), false);
            self.need(self.world.needs(function, Direction::Lift));
        }
        for resource in self.world.resources().iter().filter(|resource| resource.defined_here) {
            let name = format!("{}#{DESTRUCTOR}{}", resource.interface, resource.name);
            self.export(&name, &fixed(TAKES_HANDLE), None, false);
        }
    }

    /// An exported function that must have this signature if it is there.
    fn export(&mut self, name: &str, expected: &str, wit: Option<&str>, required: bool) {
        let entity = self.exports.get(name).copied();
        if entity.is_none() && !required {
            return;
        }
        self.compare(name.to_owned(), false, expected, wit, entity);
    }

    fn imports(&mut self) {
        let imports = self.world.imports();
        let functions: HashMap<(&str, &str), usize> =
            imports.iter().enumerate().map(|(i, f)| ((f.import_module(), f.import_field()), i)).collect();
        let mut interfaces: HashSet<&str> = imports.iter().map(|function| function.import_module()).collect();
        interfaces.insert(ROOT);
        let exported: HashSet<&str> = self.world.exports().iter().filter_map(|f| f.interface.as_deref()).collect();
        let mut intrinsics: HashMap<(String, String), Fixed> = HashMap::new();
        for resource in self.world.resources() {
            let mut add = |module: &str, prefix: &str, signature: Fixed| {
                intrinsics.insert((module.to_owned(), format!("{prefix}{}", resource.name)), signature);
            };
            if resource.defined_here {
                let module = format!("{EXPORTED}{}", resource.interface);
                add(&module, RESOURCE_NEW, TURNS_HANDLE);
                add(&module, RESOURCE_REP, TURNS_HANDLE);
                add(&module, RESOURCE_DROP, TAKES_HANDLE);
            } else {
                add(&resource.interface, RESOURCE_DROP, TAKES_HANDLE);
                interfaces.insert(&resource.interface);
            }
        }
        for import in &self.module.imports {
            let name = format!("{} {}", import.module, import.name);
            if let Some(&i) = functions.get(&(import.module, import.name)) {
                let function = &imports[i];
                let signature = core(&self.world.signature(function, Direction::Lower));
                let wit = self.world.print_function(function).to_string();
                self.compare(name, true, &signature, Some(&wit), Some(import.entity));
                self.need(self.world.needs(function, Direction::Lower));
            } else if let Some(&signature) = intrinsics.get(&(import.module.to_owned(), import.name.to_owned())) {
                self.compare(name, true, &fixed(signature), None, Some(import.entity));
            } else if interfaces.contains(import.module)
                || import.module.strip_prefix(EXPORTED).is_some_and(|interface| exported.contains(interface))
            {
                let found = Some(self.describe(import.entity));
                self.problem(WorldProblem { name, import: true, wit: None, expected: None, found });
            }
        }
    }

    fn need(&mut self, needs: Needs) {
        self.needs.memory |= needs.memory;
        self.needs.realloc |= needs.realloc;
    }

    /// What strings and lists need.
    fn needed(&mut self) {
        let memory = self.exports.get(MEMORY).copied();
        if self.needs.memory && !matches!(memory, Some(Entity::Memory(_))) {
            let expected = Some("a memory, which strings, lists and large values are passed in".to_owned());
            let found = memory.map(|entity| self.describe(entity));
            self.problem(WorldProblem { name: MEMORY.to_owned(), import: false, wit: None, expected, found });
        }
        self.export(REALLOC, &fixed(ALLOCATES), None, self.needs.realloc);
    }

    fn compare(&mut self, name: String, import: bool, expected: &str, wit: Option<&str>, entity: Option<Entity>) {
        let found = entity.map(|entity| self.describe(entity));
        if found.as_deref() != Some(expected) {
            let (wit, expected) = (wit.map(str::to_owned), Some(expected.to_owned()));
            self.problem(WorldProblem { name, import, wit, expected, found });
        }
    }

    fn problem(&mut self, problem: WorldProblem) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }

    fn describe(&self, entity: Entity) -> String {
        match entity {
            Entity::Function(index) => {
                let FuncType { params, results } = self.module.function_type(index);
                core_text(params, results)
            }
            Entity::Table(_) => "a table".to_owned(),
            Entity::Memory(_) => "a memory".to_owned(),
            Entity::Global(_) => "a global".to_owned(),
            Entity::Tag(_) => "a tag".to_owned(),
        }
    }
}

fn core(signature: &CoreSignature) -> String {
    core_text(&signature.params, &signature.results)
}

fn fixed((params, results): Fixed) -> String {
    core_text(params, results)
}

/// `(i32, i64) -> i32`. Two signatures are the same exactly if their texts are.
pub(crate) fn core_text(params: &[ValType], results: &[ValType]) -> String {
    let list = |types: &[ValType]| types.iter().map(|ty| ty.to_string()).collect::<Vec<_>>().join(", ");
    match results {
        [] => format!("({})", list(params)),
        [result] => format!("({}) -> {result}", list(params)),
        _ => format!("({}) -> ({})", list(params), list(results)),
    }
}
