//! Who answers what a module imports: `imports` of manifests, read, and resolved to instances of a plan.
//!
//! Only who holds both ends says who stands between them: the manifest that has the module as a dependency, or the module's
//! own, and it names one of its own dependencies, or an instance that it was handed to share. So nobody can put himself
//! between a stranger and the world.

use super::cap::list;
use super::check::face;
use super::document::{self, Fields};
use super::files::shown;
use super::manifest::ManifestError;
use super::plan::{Node, NodeId, Plan};
use super::problem::{Code, Problem};
use super::shipped;
use super::virt::Virt;
use crate::gathered;
use bailiwick_runtime_abi::wit::Function;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use toml::Table;

/// The most characters of an interface's name.
const MAX_INTERFACE: usize = 200;

/// `imports` of an edge, or of a manifest's own module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imports {
    /// Who stands between the module and the world.
    pub virtuals: BTreeMap<Virt, Named>,
    /// Who answers other interfaces, by the name under which the module imports them.
    pub answers: BTreeMap<String, Named>,
}

/// Whom a manifest names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The key, as it is written.
    pub key: String,
    /// The dependency, or the shared instance.
    pub module: String,
    /// The interface of it that answers.
    pub interface: String,
}

impl Imports {
    /// Reads the table at `key`.
    ///
    /// # Errors
    /// [`ManifestError::Value`]
    pub(super) fn read(key: &str, table: Table) -> Result<Imports, ManifestError> {
        let mut imports = Imports::default();
        for (name, value) in table {
            let at = format!("{key}.{}", quoted(&name));
            interface(&at, &name)?;
            let virt = Virt::from_name(&name);
            let table = document::table(&at, value, "a table, as { module = \"memfs\" }")?;
            let mut fields = Fields::new(&at, table, &["module", "interface"])?;
            let (module, said) = (fields.needed("module")?, fields.text("interface")?);
            if let Some(interface) = &said {
                self::interface(&format!("{at}.interface"), interface)?;
                if let Some(virt) = virt.filter(|virt| virt.interface() != interface) {
                    let message = format!(
                        "who stands between a module and the world exports {}, by no other name; leave `interface` out",
                        virt.interface()
                    );
                    return Err(ManifestError::value(format!("{at}.interface"), message));
                }
            }
            match virt {
                Some(virt) => {
                    let named = Named { key: name, module, interface: virt.interface().to_owned() };
                    if let Some(other) = imports.virtuals.insert(virt, named) {
                        let message = format!("{} is the same interface: remove one of them", quoted(&other.key));
                        return Err(ManifestError::value(at, message));
                    }
                }
                None => {
                    let interface = said.unwrap_or_else(|| name.clone());
                    imports.answers.insert(name.clone(), Named { key: name, module, interface });
                }
            }
        }
        Ok(imports)
    }
}

/// A key as it has to be written in TOML.
fn quoted(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !key.is_empty() && key.chars().all(bare) { key.to_owned() } else { format!("\"{}\"", key.escape_debug()) }
}

/// The name of an interface, which messages and pictures show.
fn interface(key: &str, name: &str) -> Result<(), ManifestError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/' | '@' | '+' | '$');
    if name.is_empty() || name.len() > MAX_INTERFACE || !name.chars().all(plain) {
        let message = format!(
            "it wants the name of an interface: one of {}, or one that the module imports, as \"kv:store/api\"",
            virtuals()
        );
        return Err(ManifestError::value(key, message));
    }
    Ok(())
}

/// What can be virtualized, in words.
fn virtuals() -> String {
    Virt::ALL.map(Virt::name).join(", ")
}

/// `imports` of one manifest for one instance.
pub(super) struct Said<'a> {
    /// The manifest.
    pub(super) file: &'a Path,
    /// The table, as `deps.fetch.imports`.
    pub(super) key: String,
    /// The name of the edge, if it is said at one.
    pub(super) edge: Option<&'a str>,
    pub(super) imports: &'a Imports,
    /// Names of the manifest, whether or not an instance could be made of each.
    pub(super) declared: BTreeSet<&'a str>,
    /// Whom the manifest may name.
    pub(super) names: &'a BTreeMap<String, NodeId>,
}

impl Said<'_> {
    /// Resolves everything for instance `of`.
    pub(super) fn resolve(&self, plan: &mut Plan, of: NodeId, problems: &mut Vec<Problem>) {
        let virtuals = self.imports.virtuals.iter().map(|(virt, named)| (Some(*virt), named));
        for (virt, named) in virtuals.chain(self.imports.answers.values().map(|named| (None, named))) {
            let resolved = self.one(plan, of, virt, named);
            let node = &mut plan.nodes[of.0];
            match resolved {
                Ok(None) => {}
                Ok(Some(to)) => match virt {
                    Some(virt) => drop(node.virtuals.insert(virt, to)),
                    None => drop(node.answers.insert(named.key.clone(), (to, named.interface.clone()))),
                },
                Err(message) => {
                    let message = format!("{}: {}.{}: {message}", shown(self.file), self.key, quoted(&named.key));
                    problems.push(Problem::new(Code::Manifest, &node.path, message));
                }
            }
        }
    }

    /// Who that is; `None` if it could not be made, which was said.
    fn one(&self, plan: &Plan, of: NodeId, virt: Option<Virt>, named: &Named) -> Result<Option<NodeId>, String> {
        let name = named.module.as_str();
        if self.edge == Some(name) {
            return Err(format!("{name} can't answer itself: name another dependency"));
        }
        let Some(&to) = self.names.get(name) else {
            if self.declared.contains(name) {
                return Ok(None);
            }
            let names: Vec<&str> = self.names.keys().map(String::as_str).filter(|n| self.edge != Some(n)).collect();
            let none =
                format!("there is no dependency and no shared instance {name:?} here; there are: {}", list(&names));
            // A module is no instance yet, also where it is always there.
            return Err(match name.strip_prefix(shipped::PREFIX) {
                Some(short) => format!("{none}; declare it as [deps.{short}] with module = {name:?}, and name that"),
                None => none,
            });
        };
        let node = plan.node(of);
        let already = match virt {
            Some(virt) => node.virtuals.get(&virt),
            None => node.answers.get(&named.key).map(|(to, _)| to),
        };
        if let Some(already) = already {
            return Err(format!(
                "its own manifest says already that {} answers that: remove one of the two",
                plan.node(*already).path
            ));
        }
        if virt.is_none() {
            // What can't be opened was said, and imports who knows what.
            if !node.members.is_empty() {
                let imported = interfaces(node, |world| world.imports());
                if !imported.contains(named.key.as_str()) {
                    let imported: Vec<&str> = imported.into_iter().collect();
                    return Err(format!(
                        "it imports no such interface; it imports: {}; and for every module there are: {}",
                        list(&imported),
                        virtuals()
                    ));
                }
            }
            let callee = plan.node(to);
            if let Some(face) = face(callee) {
                let world = face.world.as_deref();
                let exported: BTreeSet<&str> =
                    gathered(world.into_iter().flat_map(|world| world.exports()).map(Function::import_module));
                if !exported.contains(named.interface.as_str()) {
                    let exported: Vec<&str> = exported.into_iter().collect();
                    return Err(format!(
                        "{name} exports no interface {}; it exports: {}; say which one answers: {{ module = {name:?}, interface = … }}",
                        named.interface,
                        list(&exported)
                    ));
                }
            }
        }
        Ok(Some(to))
    }
}

/// The interfaces of functions of an instance's worlds.
fn interfaces(node: &Node, of: fn(&bailiwick_runtime_abi::wit::World) -> &[Function]) -> BTreeSet<&str> {
    let worlds = node.members.iter().filter_map(|member| member.world.as_deref());
    gathered(worlds.flat_map(of).map(Function::import_module))
}

/// Refuses circles: a call of one that waits for itself would never return, and none is entered twice.
///
/// Without `imports`, parents and those that several share can't form any; so the first circle that there is has one who
/// stands between in it, and that is where it is said.
pub(super) fn circle(plan: &Plan) -> Option<Problem> {
    // Those are done that call only such as are done. What is left has a circle.
    let mut waits: Vec<BTreeSet<usize>> =
        plan.nodes.iter().map(|node| gathered(node.called().map(|callee| callee.0))).collect();
    let mut callers: Vec<Vec<usize>> = vec![Vec::new(); plan.nodes.len()];
    for (caller, callees) in waits.iter().enumerate() {
        for &callee in callees {
            callers[callee].push(caller);
        }
    }
    let mut done: Vec<usize> = (0..waits.len()).filter(|&id| waits[id].is_empty()).collect();
    while let Some(id) = done.pop() {
        for &caller in &callers[id] {
            if waits[caller].remove(&id) && waits[caller].is_empty() {
                done.push(caller);
            }
        }
    }
    let mut way: Vec<usize> = Vec::new();
    let mut at = waits.iter().position(|waits| !waits.is_empty())?;
    let start = loop {
        if let Some(start) = way.iter().position(|&known| known == at) {
            break start;
        }
        way.push(at);
        at = *waits[at].first()?;
    };
    let mut round = way.split_off(start);
    let confined = |id: &usize| !plan.nodes[*id].virtuals.is_empty() || !plan.nodes[*id].answers.is_empty();
    let first = round.iter().position(confined).unwrap_or_default();
    round.rotate_left(first);
    let names: Vec<&str> = round.iter().chain(&round[..1]).map(|&id| plan.nodes[id].path.as_str()).collect();
    let message = format!(
        "each would wait for the next, and none is entered twice: {}; remove one of the `imports`, or let one of them stand beside",
        names.join(" → ")
    );
    Some(Problem::new(Code::Cycle, &plan.nodes[round[0]].path, message))
}

/// Marks those as shared that several instances may call because of `imports`: no time of one of these ends them then, and
/// it counts for each of them. Who has it as a dependency counts only if a module of it imports a function that it
/// exports: a parent that merely made it never enters it.
///
/// This is computed here, from what modules import, and not from the wiring, which is decided later: it errs only towards
/// "shared", for a function that several dependencies of one instance export.
pub(super) fn share(plan: &mut Plan) {
    let mut callers: BTreeMap<NodeId, BTreeSet<NodeId>> = BTreeMap::new();
    for (id, node) in plan.iter() {
        for callee in node.answerers() {
            callers.entry(callee).or_default().insert(id);
        }
    }
    for (&callee, callers) in &mut callers {
        let Some(world) = face(plan.node(callee)).and_then(|member| member.world.as_deref()) else { continue };
        let name = |function: &Function| (function.import_module().to_owned(), function.name.clone());
        let exported: BTreeSet<(String, String)> = gathered(world.exports().iter().map(name));
        for (id, node) in plan.iter().filter(|(_, node)| node.callees.values().any(|&c| c == callee)) {
            let worlds = node.members.iter().filter_map(|member| member.world.as_deref());
            if worlds.flat_map(|world| world.imports()).any(|import| exported.contains(&name(import))) {
                callers.insert(id);
            }
        }
    }
    for (callee, callers) in callers {
        plan.nodes[callee.0].shared |= callers.len() > 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    fn read(text: &str) -> Result<Imports, String> {
        let table = Document::parse(text).and_then(|document| document.values());
        table.and_then(|table| Imports::read("deps.a.imports", table)).map_err(|e| e.to_string())
    }

    #[test]
    fn an_interface_is_of_the_world_or_one_that_the_module_imports() {
        let imports = read(
            "\"wasi:clocks\" = { module = \"still\" }\n\"kv:store/api@1.2.0\" = { module = \"kv\" }\ncache = { module = \"kv\", interface = \"kv:store/api\" }\n",
        )
        .unwrap();
        let virtuals: Vec<_> = imports.virtuals.iter().map(|(virt, named)| (*virt, named.module.as_str())).collect();
        assert_eq!(virtuals, [(Virt::Clock, "still")]);
        let answers = imports.answers.values().map(|named| (named.key.as_str(), named.interface.as_str()));
        assert_eq!(
            answers.collect::<Vec<_>>(),
            [("cache", "kv:store/api"), ("kv:store/api@1.2.0", "kv:store/api@1.2.0")]
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_key() {
        for (text, said) in [
            ("fs = { }", "missing field `module`"),
            ("fs = { module = 1 }", "deps.a.imports.fs.module: invalid type: integer `1`, expected a text in quotes"),
            ("\"\" = { module = \"a\" }", "deps.a.imports.\"\": it wants the name of an interface"),
            ("\"a\\u001b\" = { module = \"a\" }", "deps.a.imports.\"a\\u{1b}\": it wants the name"),
            ("a = { module = \"a\", interface = \"b c\" }", "deps.a.imports.a.interface: it wants the name"),
            ("fs = { module = \"a\", interface = \"b\" }", "deps.a.imports.fs.interface: who stands between"),
            (
                "clock = { module = \"a\" }\n\"wasi:clocks\" = { module = \"a\" }",
                "deps.a.imports.\"wasi:clocks\": clock is the same interface",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(said), "{text:?} said {error:?}, not {said:?}");
        }
        // What stands between may be named by its own name.
        assert!(read("fs = { module = \"a\", interface = \"bailiwick:virt/fs\" }").is_ok());
        assert!(read(&format!("{} = {{ module = \"a\" }}", "a".repeat(MAX_INTERFACE + 1))).is_err());
    }
}
