//! What becomes of each import: wired, inert, or an error that names what the manifest would have to say.
//!
//! A call goes from one instance to another only by a WIT type that both sides have. Whatever else a module imports would
//! carry authority past the slots (a memory, a table, a function reference), or would have to be satisfied by somebody who
//! was not asked; so it is an error.

use super::cap::CapKind;
use super::files::shown;
use super::manifest::OnFault;
use super::plan::{Member, Node, NodeId, Plan};
use super::preview1::{self, Way};
use super::problem::{Code, Problem};
use super::resources::{Defined, Identities, Identity, Intrinsic, handles, is_folder};
use super::virt::Virt;
use super::virtualizer::{self, answerer};
use super::warnings;
use bailiwick_loader::{GroupConfig, wasi};
use bailiwick_runtime_abi::format::{Kind, Root, TABLE_IMMUTABLE};
use bailiwick_runtime_abi::wit::world::RESOURCE_DROP;
use bailiwick_runtime_abi::wit::{Comparison, Function, World, same_function};
use std::collections::BTreeMap;

/// The interface of directory handles.
pub const FS_INTERFACE: &str = "bailiwick:fs/types";

/// The most instances that call each other in a row. Each of the calls is an entry into a guest, of which a thread has
/// [`MAX_NESTING`](bailiwick_runtime_abi::limits::MAX_NESTING); whoever is entered last must not pay for the others.
pub const MAX_CALLS: usize = 96;

/// What becomes of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The system interface, and what it leads to: neither slots nor anybody who stands for them means that it is inert.
    System {
        /// Slots of the kinds that the function is a way to.
        slots: Vec<String>,
        /// Interfaces of the function that somebody else implements for this module: it may come to any of them.
        virtuals: Vec<Virt>,
        /// Whether it is a way to nothing but the module itself.
        itself: bool,
    },
    /// Another module of the same group.
    Member {
        /// Which.
        member: usize,
    },
    /// A call to another instance.
    Call {
        /// Whom.
        callee: NodeId,
        /// Which of the imports of the caller's world.
        import: usize,
        /// Which of the exports of the callee's world.
        export: usize,
    },
    /// A function of `bailiwick:virt/net`, which the loader answers, by whoever stands between the module and the network,
    /// or else by what it holds. With neither, every call of it is `notcapable`.
    Net {
        /// Slots of the kinds `tcp`, `udp` and `dns`.
        slots: Vec<String>,
        /// Who stands between: there are no slots then.
        virtualizer: Option<NodeId>,
        /// Which of the imports of the module's world.
        import: usize,
    },
    /// Giving a folder's handle back.
    Drop,
    /// A handle of a resource that a module defines.
    Resource {
        /// What is done with it.
        intrinsic: Intrinsic,
        /// Which.
        resource: Defined,
    },
}

impl Outcome {
    /// Whether it is a way to nothing that was granted.
    pub fn is_inert(&self) -> bool {
        match self {
            Outcome::System { slots, virtuals, itself } => !itself && slots.is_empty() && virtuals.is_empty(),
            Outcome::Net { slots, virtualizer, .. } => slots.is_empty() && virtualizer.is_none(),
            _ => false,
        }
    }

    /// Whether it leads to a slot.
    pub fn leads_to(&self, slot: &str) -> bool {
        match self {
            Outcome::System { slots, .. } | Outcome::Net { slots, .. } => slots.iter().any(|name| name == slot),
            _ => false,
        }
    }

    /// Whether it may come to somebody who stands between the module and the world.
    pub fn comes_to(&self, virt: Virt) -> bool {
        match self {
            Outcome::System { virtuals, .. } => virtuals.contains(&virt),
            Outcome::Net { virtualizer, .. } => virt == Virt::Net && virtualizer.is_some(),
            _ => false,
        }
    }
}

/// An import, and what becomes of it.
#[derive(Clone, Debug)]
pub struct Import {
    /// The module that it names.
    pub module: String,
    /// Its own name.
    pub name: String,
    /// What becomes of it.
    pub outcome: Outcome,
    /// Whether any code of the module can reach it.
    pub reachable: bool,
}

impl Import {
    /// Whether its slot is to be filled with what refuses every call: no code of the module can reach it. Should that have
    /// been computed wrongly, what was taken for unreachable is then at least no authority.
    pub fn is_denied(&self) -> bool {
        // What another module of the group exports may be a memory, and is no authority that the group has not.
        !self.reachable && !matches!(self.outcome, Outcome::Member { .. })
    }
}

/// Every import of an application.
#[derive(Debug)]
pub struct Wiring {
    /// By instance, by member, in the order of the module.
    imports: Vec<Vec<Vec<Import>>>,
    /// What is suspicious.
    pub warnings: Vec<Problem>,
}

impl Wiring {
    /// What becomes of each import of a member of an instance.
    pub fn imports(&self, node: NodeId, member: usize) -> &[Import] {
        &self.imports[node.0][member]
    }

    /// Every import of an instance, of all its members.
    pub fn all(&self, node: NodeId) -> impl Iterator<Item = &Import> {
        self.imports[node.0].iter().flatten()
    }

    /// The instances that an instance calls, and which of their functions, by its own code.
    pub fn calls(&self, node: NodeId) -> impl Iterator<Item = (&Import, NodeId, usize)> {
        self.imports[node.0].iter().flatten().filter_map(|import| match import.outcome {
            Outcome::Call { callee, export, .. } => Some((import, callee, export)),
            _ => None,
        })
    }

    /// Decides for every import of a plan.
    ///
    /// # Errors
    /// Everything that is wrong, each with the path of its edge.
    pub fn check(plan: &Plan) -> Result<Wiring, Vec<Problem>> {
        let host = virtualizer::host_world().map_err(|e| vec![Problem::new(Code::Module, "", e)])?;
        let problems = virtualizer::check(plan, &host);
        let identities = Identities::new(plan);
        let mut checker = Checker { plan, host: &host, problems, comparisons: BTreeMap::new(), identities };
        let imports = plan.iter().map(|(id, node)| checker.node(id, node)).collect();
        checker.rows_of_calls();
        if !checker.problems.is_empty() {
            return Err(checker.problems);
        }
        let mut wiring = Wiring { imports, warnings: Vec::new() };
        wiring.warnings = warnings::all(plan, &wiring);
        Ok(wiring)
    }
}

struct Checker<'a> {
    plan: &'a Plan,
    /// What the loader calls, and answers.
    host: &'a World,
    problems: Vec<Problem>,
    /// Types of two worlds, compared once.
    comparisons: BTreeMap<(NodeId, usize, NodeId), Comparison<'a>>,
    identities: Identities<'a>,
}

impl<'a> Checker<'a> {
    fn problem(&mut self, code: Code, node: &Node, message: impl Into<String>) {
        self.problems.push(Problem::new(code, &node.path, message));
    }

    fn node(&mut self, id: NodeId, node: &'a Node) -> Vec<Vec<Import>> {
        for member in node.members.iter().filter(|m| m.name == wasi::MODULE || m.name == wasi::UNSTABLE_MODULE) {
            let message =
                format!("group: {:?} is the name of the system interface; call the module otherwise", member.name);
            self.problem(Code::Manifest, node, message);
        }
        self.narrowed(node);
        self.beginning(node);
        let imports: Vec<Vec<Import>> = (0..node.members.len()).map(|member| self.member(id, node, member)).collect();
        if is_circle(&imports) {
            self.problem(Code::Cycle, node, "group: its modules import from each other in a circle");
        }
        imports
    }

    /// What the modules of an instance have from the beginning must be within its limits, or it never begins.
    fn beginning(&mut self, node: &'a Node) {
        let (mut bytes, mut elements, mut largest) = (0u64, 0u64, 0u64);
        for view in node.members.iter().map(|member| member.artifact.view()) {
            let counts = &view.header().counts;
            for memory in view.memories().iter().skip(counts.imported_memories as usize) {
                let size = memory.minimum_bytes();
                bytes = bytes.saturating_add(size);
                largest = largest.max(size);
            }
            for table in view.tables().iter().skip(counts.imported_tables as usize) {
                // One that nobody can change is not made.
                if table.flags & TABLE_IMMUTABLE == 0 {
                    elements = elements.saturating_add(table.minimum);
                }
            }
        }
        let own = GroupConfig::default();
        let asked_by = |at_root: bool| {
            if at_root { "[limits] of its manifest" } else { "limits of its edge, or of an edge above" }
        };
        let raise = asked_by(node.parent.is_none());
        let size = |bytes: u64| bytesize::ByteSize(bytes).to_string();
        let most = node.limits.memory.unwrap_or(own.max_total_memory);
        if bytes > most || largest > own.max_memory {
            let most = most.min(own.max_memory);
            self.problem(
                Code::Limit,
                node,
                format!(
                    "limits.memory: it begins with {} of memory, and may have {}; see {raise}",
                    size(bytes),
                    size(most)
                ),
            );
        }
        let most = node.limits.table.unwrap_or(own.max_table_elements).min(own.max_table_elements);
        if elements > most {
            self.problem(
                Code::Limit,
                node,
                format!("limits.table: it begins with {elements} elements of tables, and may have {most}; see {raise}"),
            );
        }
    }

    /// What an edge says that it takes off handles must name handles, or nothing would be taken off.
    fn narrowed(&mut self, node: &'a Node) {
        for (function, parameters) in &node.call {
            let world = face(node).and_then(|member| member.world.as_ref());
            let named: Vec<(&World, &Function)> = world
                .iter()
                .flat_map(|world| world.exports().iter().map(|export| (&***world, export)))
                .filter(|(_, export)| export.name == *function)
                .collect();
            if named.is_empty() {
                self.problem(Code::Manifest, node, format!("call: it exports no function {function:?}"));
            }
            for ((parameter, table), (world, export)) in
                parameters.iter().flat_map(|p| named.iter().map(move |n| (p, n)))
            {
                let key = format!("call.{function:?}.{parameter}");
                match export.params.iter().find(|(name, _)| name == parameter) {
                    None => self.problem(Code::Manifest, node, format!("{key}: it has no such parameter")),
                    Some((_, ty)) if !handles(world, [*ty]).into_iter().any(|r| is_folder(world, r)) => {
                        self.problem(Code::Manifest, node, format!("{key}: there is no folder in it to narrow"));
                    }
                    Some(_) => {}
                }
                if let Err(e) = super::manifest::attenuation(&key, CapKind::Dir, table.clone()) {
                    self.problem(Code::Manifest, node, e.to_string());
                }
            }
        }
    }

    /// Refuses rows of calls that a thread can't make.
    fn rows_of_calls(&mut self) {
        let plan = self.plan;
        // How many calls may be made in a row below each. Nobody calls itself by way of others, so this comes to an end.
        let mut below = vec![0; plan.nodes.len()];
        let mut changed = true;
        while changed && below.iter().all(|&calls| calls <= MAX_CALLS) {
            changed = false;
            for (id, node) in plan.iter() {
                let most = node.called().map(|callee| below[callee.0] + 1).max().unwrap_or(0);
                changed |= std::mem::replace(&mut below[id.0], most) != most;
            }
        }
        if let Some((_, node)) = plan.iter().find(|(id, _)| below[id.0] > MAX_CALLS) {
            self.problem(
                Code::Limit,
                node,
                format!("more than {MAX_CALLS} instances below it may call each other in a row"),
            );
        }
    }

    fn member(&mut self, id: NodeId, node: &'a Node, index: usize) -> Vec<Import> {
        let member = &node.members[index];
        let view = member.artifact.view();
        let mut imports = Vec::new();
        for (i, record) in view.imports().iter().enumerate() {
            let read = || -> Result<_, bailiwick_runtime_abi::view::FormatError> {
                let (root, _, _) = view.reach(i as u32)?;
                Ok((view.string(record.module)?, view.string(record.name)?, root != Root::None))
            };
            let (module, name, reachable) = match read() {
                Ok(read) => read,
                Err(e) => {
                    self.problem(Code::Module, node, format!("{}: {e}", shown(&member.file)));
                    return imports;
                }
            };
            match self.import(id, node, index, (module, name), record.kind) {
                Ok(outcome) => {
                    imports.push(Import { module: module.to_owned(), name: name.to_owned(), outcome, reachable });
                }
                Err((code, message)) => self.problem(code, node, message),
            }
        }
        imports
    }

    fn import(
        &mut self,
        id: NodeId,
        node: &'a Node,
        index: usize,
        (module, name): (&str, &str),
        kind: u32,
    ) -> Result<Outcome, (Code, String)> {
        let member = &node.members[index];
        let file = shown(&member.file);
        if let Some(other) = node.members.iter().position(|other| other.name == module && !module.is_empty()) {
            let provider = &node.members[other];
            return match provider.artifact.view().export(name) {
                Some(export) if export.kind == kind => Ok(Outcome::Member { member: other }),
                Some(_) => Err((
                    Code::Type,
                    format!("{file}: {module}.{name}: {} exports it as something else", shown(&provider.file)),
                )),
                None => Err((
                    Code::UnknownImport,
                    format!("{file}: {module}.{name}: {} does not export it", shown(&provider.file)),
                )),
            };
        }
        if kind != Kind::Function as u32 {
            let what = Kind::from_u32(kind).map_or("something", Kind::name);
            return Err((
                Code::NotAValue,
                format!(
                    "{file}: it imports the {what} {module}.{name}: only values of WIT types and handles cross from one nano-process to another; join the two modules with `group` if they are one"
                ),
            ));
        }
        if module == Virt::Net.interface() {
            return self.net(node, index, name);
        }
        if let Some(way) = preview1::way(module, name) {
            return Ok(match way {
                Way::Itself => Outcome::System { slots: Vec::new(), virtuals: Vec::new(), itself: true },
                Way::To(kinds) => {
                    Outcome::System { slots: slots_of(node, kinds), virtuals: virtuals_of(node, kinds), itself: false }
                }
            });
        }
        // Of no other version: a handle of what that calls so is none of a folder, and would close one of the same number.
        if module == FS_INTERFACE && name.strip_prefix(RESOURCE_DROP) == Some("dir") {
            return Ok(Outcome::Drop);
        }
        if let Some(found) = self.identities.intrinsic(id, index, (module, name)) {
            return match found {
                Ok((Intrinsic::Drop, Identity::Folder)) => Ok(Outcome::Drop),
                Ok((intrinsic, Identity::Defined(resource))) => Ok(Outcome::Resource { intrinsic, resource }),
                Ok((_, Identity::Folder)) => {
                    let message = format!("{file}: {module}.{name}: only the loader makes handles of folders");
                    Err((Code::NotAValue, message))
                }
                Err(reason) => Err((Code::UnknownImport, format!("{file}: {module}.{name}: {reason}"))),
            };
        }
        self.call(id, node, index, module, name)
    }

    /// A function of the network, which the loader answers.
    fn net(&self, node: &'a Node, index: usize, name: &str) -> Result<Outcome, (Code, String)> {
        let member = &node.members[index];
        let module = Virt::Net.interface();
        let says = |code, what: &str| {
            let message = format!("{}: {module}.{name}: {what}; see `bailiwick wit virt`", shown(&member.file));
            Err((code, message))
        };
        // What the loader has a type of, and answers.
        let mut functions = virtualizer::functions(self.host, Virt::Net);
        let Some(wanted) = functions.find(|function| function.name == name) else {
            return says(Code::UnknownImport, "there is no such function");
        };
        let Some(world) = &member.world else {
            return says(Code::UnknownImport, "no WIT text says of which types it is");
        };
        let mut imports = world.imports().iter();
        let Some(import) = imports.position(|f| f.import_module() == module && f.import_field() == name) else {
            return says(Code::UnknownImport, &format!("its WIT world {} does not import that", world.name()));
        };
        if let Err(e) = same_function(world, &world.imports()[import], self.host, wanted) {
            return says(Code::Type, &e.to_string());
        }
        let (slots, virtualizer) = (slots_of(node, Virt::Net.kinds()), node.virtuals.get(&Virt::Net).copied());
        Ok(Outcome::Net { slots, virtualizer, import })
    }

    /// Finds who answers a call.
    fn call(
        &mut self,
        id: NodeId,
        node: &'a Node,
        index: usize,
        module: &str,
        name: &str,
    ) -> Result<Outcome, (Code, String)> {
        let member = &node.members[index];
        let file = shown(&member.file);
        let Some(world) = &member.world else {
            return Err((
                Code::UnknownImport,
                format!(
                    "{file}: {module}.{name}: nothing that it holds answers it, and no WIT text says of which types it is: put {} beside it, or name one with `wit = …`",
                    shown(&member.file.with_extension("wit"))
                ),
            ));
        };
        let Some(import) = world.imports().iter().position(|f| f.import_module() == module && f.import_field() == name)
        else {
            return Err((
                Code::UnknownImport,
                format!("{file}: {module}.{name}: its WIT world {} does not import that", world.name()),
            ));
        };
        let wanted = &world.imports()[import];
        let interface = wanted.interface.as_deref();
        let mut answers: Vec<(NodeId, usize)> = Vec::new();
        // Where a manifest says who answers, nobody else does.
        let said = answerer(node, module);
        let asked: Vec<(NodeId, &str)> = match said {
            Some(said) => vec![said],
            None => node.callees.values().map(|&callee| (callee, module)).collect(),
        };
        for (callee, interface) in asked {
            let Some(theirs) = face(self.plan.node(callee)).and_then(|m| m.world.as_ref()) else { continue };
            let same = |f: &Function| f.import_module() == interface && f.name == wanted.name;
            if let Some(export) = theirs.exports().iter().position(same) {
                answers.push((callee, export));
            }
        }
        if answers.len() > 1 {
            let chosen: Vec<_> = answers
                .iter()
                .filter(|(callee, _)| {
                    self.plan.node(*callee).provides.iter().any(|name| Some(name.as_str()) == interface)
                })
                .copied()
                .collect();
            if chosen.len() == 1 {
                answers = chosen;
            }
        }
        match answers.as_slice() {
            [] if let Some((callee, theirs)) = said => Err((
                Code::UnknownImport,
                format!(
                    "{file}: {module}.{name}: {} answers that by its {theirs}, which has no `{}`",
                    self.plan.node(callee).path,
                    world.print_function(wanted),
                ),
            )),
            [] => {
                let text = world.print_function(wanted);
                let callees: Vec<&str> = node.callees.keys().map(String::as_str).collect();
                Err((
                    Code::UnknownImport,
                    format!(
                        "{file}: {module}.{name}: nothing that it may call exports `{text}`; it may call: {}; add [deps.NAME] with module = … to {}",
                        super::cap::list(&callees),
                        node.manifest.as_ref().map_or_else(|| "a manifest for it".to_owned(), |m| shown(m)),
                    ),
                ))
            }
            &[(callee, export)] => {
                let callee_node = self.plan.node(callee);
                let Some(theirs) = face(callee_node).and_then(|m| m.world.as_ref()) else {
                    return Err((Code::Type, format!("{file}: {module}.{name}: no WIT text of {}", callee_node.path)));
                };
                let comparison =
                    self.comparisons.entry((id, index, callee)).or_insert_with(|| Comparison::new(world, theirs));
                comparison
                    .same_function(wanted, &theirs.exports()[export])
                    .map_err(|e| (Code::Type, format!("{file}: {module}.{name} → {}: {e}", callee_node.name)))?;
                self.identities
                    .same((id, index, world, wanted), (callee, theirs, &theirs.exports()[export]))
                    .map_err(|reason| (Code::NotAValue, format!("{file}: {module}.{name}: {reason}")))?;
                fault_value(callee_node, theirs, export)
                    .map_err(|e| (Code::Type, format!("{file}: {module}.{name} → {}: {e}", callee_node.name)))?;
                Ok(Outcome::Call { callee, import, export })
            }
            several => {
                const SHOWN: usize = 8;
                let names = several.iter().map(|(callee, _)| self.plan.node(*callee).name.as_str());
                let mut names: Vec<String> = names.take(SHOWN).map(str::to_owned).collect();
                if several.len() > SHOWN {
                    names.push(format!("and {} more", several.len() - SHOWN));
                }
                Err((
                    Code::Ambiguous,
                    format!(
                        "{file}: {module}.{name}: several export it: {}; say provides = [{:?}] at one of them",
                        names.join(", "),
                        interface.unwrap_or("$root")
                    ),
                ))
            }
        }
    }
}

/// The module of a group that others see.
pub fn face(node: &Node) -> Option<&Member> {
    node.members.first()
}

/// Slots of these kinds, but those of kinds for which somebody else stands: the module's own code reaches none of these.
fn slots_of(node: &Node, kinds: &[CapKind]) -> Vec<String> {
    let reached = |kind: CapKind| kinds.contains(&kind) && node.virtualizes(kind).is_none();
    node.slots.iter().filter(|(_, slot)| reached(slot.cap.kind())).map(|(name, _)| name.clone()).collect()
}

/// Interfaces for these kinds that somebody else implements for the module.
fn virtuals_of(node: &Node, kinds: &[CapKind]) -> Vec<Virt> {
    node.virtuals.keys().copied().filter(|virt| virt.kinds().iter().any(|kind| kinds.contains(kind))).collect()
}

/// Whether modules of a group import from each other in a circle.
fn is_circle(imports: &[Vec<Import>]) -> bool {
    // Those are done that import from such only as are done.
    let mut done = vec![false; imports.len()];
    let ready = |done: &[bool], of: &[Import]| {
        of.iter().all(|import| !matches!(import.outcome, Outcome::Member { member } if !done[member]))
    };
    while let Some(next) = (0..imports.len()).find(|&i| !done[i] && ready(&done, &imports[i])) {
        done[next] = true;
    }
    done.contains(&false)
}

/// An edge with `on_fault = "error"` needs a value by which the caller learns of it.
fn fault_value(callee: &Node, world: &World, export: usize) -> Result<(), String> {
    if callee.on_fault != OnFault::Error {
        return Ok(());
    }
    match super::fault::FaultValue::of(world, &world.exports()[export]) {
        Some(_) => Ok(()),
        None => Err(format!(
            "on_fault = \"error\" needs a result type with room for it: result<_>, result<_, string>, or an error type with a case `fault`; `{}` has none",
            world.print_function(&world.exports()[export])
        )),
    }
}
