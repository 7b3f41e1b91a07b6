//! From manifests to a tree: which instances there will be, what each holds and from whom, before anything runs.
//!
//! Building the plan derives every capability on the way, so a plan that could be built has no edge that widens. What is
//! wrong is collected, each with the path of its edge, and not only the first.

use super::cap::{Cap, CapKind, derive};
use super::files::{canonical, read_text, shown};
use super::imports::{self, Said};
use super::limits::Limits;
use super::manifest::{Dep, Grant, HostResource, MAX_MANIFEST_BYTES, Manifest, ManifestError, OnFault, attenuation};
use super::need::{least, needs};
use super::problem::{Code, Problem};
use super::shipped::Shipped;
use super::sources::{Author, Named};
use super::surroundings;
use super::virt::Virt;
use crate::gathered;
use bailiwick_loader::Artifact;
use bailiwick_runtime_abi::format::EXTENSION;
use bailiwick_runtime_abi::wit::World;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use super::sources::MAX_MEMBERS;

/// The most instances of one application.
pub const MAX_NODES: usize = 4096;

/// The most edges from the root to an instance.
pub const MAX_DEPTH: usize = 64;

/// Where modules come from: the loader does not compile.
pub trait Modules {
    /// The artifact of a module: the file itself, or what a compiler made of it.
    ///
    /// # Errors
    /// In words, with the file's name.
    fn open(&self, module: &Source<'_>) -> Result<Artifact, String>;
}

/// Modules that are opened once, however many instances they are of: these share the artifact.
struct Opened<'a> {
    modules: &'a dyn Modules,
    opened: RefCell<HashMap<Key, Artifact>>,
}

/// What makes a [`Source`] the same.
type Key = (PathBuf, Option<&'static str>, Option<PathBuf>, Option<String>, Option<PathBuf>);

impl Modules for Opened<'_> {
    fn open(&self, module: &Source<'_>) -> Result<Artifact, String> {
        let owned = |path: Option<&Path>| path.map(Path::to_owned);
        let shipped = module.shipped.map(|shipped| shipped.name);
        let world = module.world.map(str::to_owned);
        let key = (module.file.to_owned(), shipped, owned(module.wit), world, owned(module.within));
        if let Some(artifact) = self.opened.borrow().get(&key) {
            return Ok(artifact.clone());
        }
        let artifact = self.modules.open(module)?;
        self.opened.borrow_mut().insert(key, artifact.clone());
        Ok(artifact)
    }
}

/// A module as a manifest names it.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The .bwk, .wasm or .wat file.
    pub file: &'a Path,
    /// The module that is always there, if it names one: then there is no such file.
    pub shipped: Option<&'static Shipped>,
    /// WIT text that belongs to it: a file or folder.
    pub wit: Option<&'a Path>,
    /// Which world of that.
    pub world: Option<&'a str>,
    /// Without links, the folder that everything that belongs to it must lie in, if that is not for it to say.
    pub within: Option<&'a Path>,
}

/// The number of an instance in a [`Plan`]. The root is 0; what hands something has a smaller number than what is handed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub usize);

/// What an application is made of.
#[derive(Debug)]
pub struct Plan {
    /// Every instance, parents first.
    pub nodes: Vec<Node>,
    /// The resources of the host that the root names.
    pub host: BTreeMap<String, HostResource>,
    /// The folder of the root's manifest, to which paths of the host are relative.
    pub folder: PathBuf,
    /// What is suspicious, but no error.
    pub warnings: Vec<Problem>,
}

/// One nano-process.
#[derive(Debug)]
pub struct Node {
    /// Names of edges from the root, joined by `/`; the root's is its package's name.
    pub path: String,
    /// The name of its edge.
    pub name: String,
    /// Name and version of the package; empty for a module without a manifest.
    pub package: (String, String),
    /// Its manifest, if it has one.
    pub manifest: Option<PathBuf>,
    /// Who hands it what it holds.
    pub parent: Option<NodeId>,
    /// Whether several instances call it.
    pub shared: bool,
    /// The modules that are joined; the first is the face.
    pub members: Vec<Member>,
    /// What it holds.
    pub slots: BTreeMap<String, Slot>,
    /// What it may use up.
    pub limits: Limits,
    /// What its death does to its caller.
    pub on_fault: OnFault,
    /// Whom it may call: its dependencies, and the shared instances that were handed to it, by name.
    pub callees: BTreeMap<String, NodeId>,
    /// Who stands between it and the world, by interface.
    pub virtuals: BTreeMap<Virt, NodeId>,
    /// Who answers other interfaces, where a manifest says so: by the interface that it imports, the instance and the
    /// interface of that.
    pub answers: BTreeMap<String, (NodeId, String)>,
    /// Interfaces that it answers although others export them too.
    pub provides: Vec<String>,
    /// What is taken off handles that are passed to it, by function and parameter.
    pub call: BTreeMap<String, BTreeMap<String, toml::Table>>,
}

/// A module of a group.
#[derive(Debug)]
pub struct Member {
    /// The name by which the others import from it; the face's is the first in the manifest.
    pub name: String,
    /// Where it came from; of one that is always there, its name.
    pub file: PathBuf,
    /// Whether it is always there.
    pub shipped: bool,
    /// The WIT text that belongs to it, a file or a folder, if there is some.
    pub wit: Option<PathBuf>,
    /// What runs.
    pub artifact: Artifact,
    /// What it imports and exports in WIT's types, if that is known.
    pub world: Option<Arc<World>>,
}

impl Member {
    /// Whether it is machine code that somebody else compiled: what is that is opened only if its name says so.
    pub fn is_native(&self) -> bool {
        self.file.extension().is_some_and(|e| e == EXTENSION)
    }
}

impl Node {
    /// Every instance that may be entered because it calls: those that it calls by name, and those that `imports` name.
    pub fn called(&self) -> impl Iterator<Item = NodeId> {
        self.callees.values().copied().chain(self.answerers())
    }

    /// Those that `imports` name: who stand between it and the world, and who answer other interfaces.
    pub fn answerers(&self) -> impl Iterator<Item = NodeId> {
        self.virtuals.values().copied().chain(self.answers.values().map(|(id, _)| *id))
    }

    /// Whether somebody stands between it and what is of this kind, so that it reaches none of its own.
    pub fn virtualizes(&self, kind: CapKind) -> Option<(Virt, NodeId)> {
        self.virtuals.iter().map(|(virt, id)| (*virt, *id)).find(|(virt, _)| virt.kinds().contains(&kind))
    }

    /// Whether any of its modules is machine code, which nothing confines.
    pub fn is_native(&self) -> bool {
        self.members.iter().any(Member::is_native)
    }
}

/// Something that an instance holds.
#[derive(Clone, Debug)]
pub struct Slot {
    /// What.
    pub cap: Cap,
    /// Where it came from.
    pub from: Origin,
    /// Under which name the module finds a folder.
    pub at: String,
    /// What it is for, in the words of the library's author.
    pub why: Option<String>,
}

/// Where a capability came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A resource of the host, by the name in `[host]`.
    Host(String),
    /// A slot of the parent.
    Parent(NodeId, String),
}

impl Plan {
    /// Reads the manifest of an application and of everything that it is made of.
    ///
    /// # Errors
    /// Everything that is wrong, each with the path of the edge.
    pub fn load(manifest: &Path, modules: &dyn Modules) -> Result<Plan, Vec<Problem>> {
        Plan::load_text(manifest, None, modules)
    }

    /// The same, of an application whose manifest says `text` instead of what is in the file.
    ///
    /// # Errors
    /// As [`Plan::load`].
    pub fn load_text(manifest: &Path, text: Option<&str>, modules: &dyn Modules) -> Result<Plan, Vec<Problem>> {
        let modules = &Opened { modules, opened: RefCell::default() };
        let mut builder = Builder {
            modules,
            plan: Plan { nodes: Vec::new(), host: BTreeMap::new(), folder: PathBuf::new(), warnings: Vec::new() },
            problems: Vec::new(),
        };
        builder.root(manifest, text);
        imports::share(&mut builder.plan);
        builder.problems.extend(imports::circle(&builder.plan));
        surroundings::look(&builder.plan, &mut builder.problems);
        let (warnings, problems): (Vec<_>, Vec<_>) =
            builder.problems.into_iter().partition(|problem| problem.code.is_warning());
        builder.plan.warnings = warnings;
        if problems.is_empty() { Ok(builder.plan) } else { Err(problems) }
    }

    /// An instance.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// Every instance with its number.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes.iter().enumerate().map(|(id, node)| (NodeId(id), node))
    }

    /// The instance of that path, or whose last names it ends in, if that is only one.
    pub fn find(&self, path: &str) -> Option<NodeId> {
        let ends =
            |node: &Node| node.path.strip_suffix(path).is_some_and(|front| front.is_empty() || front.ends_with('/'));
        let mut found = self.iter().filter(|(_, node)| ends(node));
        match self.iter().find(|(_, node)| node.path == path) {
            Some((id, _)) => Some(id),
            None => found.next().filter(|_| found.next().is_none()).map(|(id, _)| id),
        }
    }

    /// The resource of the host that a slot goes back to.
    pub fn host_of(&self, id: NodeId, slot: &str) -> Option<&HostResource> {
        let (last, name) = self.trace(id, slot).pop()?;
        match &self.node(last).slots.get(name)?.from {
            Origin::Host(host) => self.host.get(host),
            Origin::Parent(..) => None,
        }
    }

    /// The way by which a slot goes back to a resource of the host: the holders and their slots, the slot's own first.
    pub fn trace<'a>(&'a self, id: NodeId, slot: &'a str) -> Vec<(NodeId, &'a str)> {
        let mut way = vec![(id, slot)];
        let (mut at, mut name) = (id, slot);
        while let Some(Origin::Parent(parent, from)) = self.node(at).slots.get(name).map(|slot| &slot.from) {
            (at, name) = (*parent, from.as_str());
            way.push((at, name));
        }
        way
    }
}

/// What an edge hands over, before the one below has said what it needs.
struct Handed {
    slots: BTreeMap<String, Slot>,
    limits: Limits,
    on_fault: OnFault,
    /// Shared instances by name.
    shared: BTreeMap<String, NodeId>,
}

struct Builder<'a> {
    modules: &'a dyn Modules,
    plan: Plan,
    problems: Vec<Problem>,
}

impl Builder<'_> {
    fn problem(&mut self, code: Code, edge: &str, message: impl Into<String>) {
        self.problems.push(Problem::new(code, edge, message));
    }

    /// Reads a manifest, its size bounded. `named` is by whom, and at which key, if another manifest does.
    fn read(&mut self, edge: &str, file: &Path, named: Option<(&Author, &str)>) -> Option<Manifest> {
        let parsed = match read_text(file, MAX_MANIFEST_BYTES) {
            Ok(text) => Manifest::parse(&text).map_err(|e| {
                let code = if matches!(e, ManifestError::Toml(_)) { Code::Unreadable } else { Code::Manifest };
                (code, format!("{}: {e}", shown(file)))
            }),
            Err(e) => {
                let message = format!("{}: {e}", shown(file));
                Err((Code::Unreadable, named.map_or(message.clone(), |(author, key)| author.says(key, &message))))
            }
        };
        parsed.map_err(|(code, message)| self.problem(code, edge, message)).ok()
    }

    fn root(&mut self, file: &Path, text: Option<&str>) {
        let author = Author::application(file);
        let manifest = match text {
            None => self.read("", &author.file, None),
            Some(text) => match Manifest::parse(text) {
                Ok(manifest) => Some(manifest),
                Err(e) => return self.problem(Code::Manifest, "", format!("{}: {e}", shown(&author.file))),
            },
        };
        let Some(manifest) = manifest else { return };
        let path = manifest.package.name.clone();
        for slot in manifest.needs.keys() {
            let message = format!("needs.{slot}: this is the application: its `[host]` names what there is");
            self.problem(Code::Manifest, &path, message);
        }
        self.plan.host.clone_from(&manifest.host);
        self.plan.folder.clone_from(&author.folder);
        let host: BTreeMap<String, Slot> =
            gathered(manifest.host.iter().map(|(name, resource)| {
                (name.clone(), Slot::new(name, resource.cap.clone(), Origin::Host(name.clone())))
            }));
        let slots = self.hand(&path, &manifest.grants, &host, None);
        let handed = Handed { slots, limits: manifest.limits, on_fault: OnFault::Trap, shared: BTreeMap::new() };
        let mut ancestors = vec![canonical(&author.file)];
        self.node(&path, &path, None, false, Some((&author, manifest)), None, handed, &host, &mut ancestors);
    }

    /// What a manifest is called within the application.
    fn below(&self, manifest: &Path) -> String {
        shown(manifest.strip_prefix(canonical(&self.plan.folder)).unwrap_or(manifest))
    }

    /// Evaluates what an edge hands over, out of `held`.
    fn hand(
        &mut self,
        edge: &str,
        grants: &BTreeMap<String, Grant>,
        held: &BTreeMap<String, Slot>,
        giver: Option<NodeId>,
    ) -> BTreeMap<String, Slot> {
        let mut slots = BTreeMap::new();
        for (slot, grant) in grants {
            let Some(source) = held.get(&grant.from) else {
                let names: Vec<&str> = held.keys().map(String::as_str).collect();
                let message = format!(
                    "slot {slot}: it comes from {:?}, and what there is to hand over is: {}",
                    grant.from,
                    super::cap::list(&names)
                );
                self.problem(Code::Widen, edge, message);
                continue;
            };
            let derived = attenuation(&format!("grants.{slot}"), source.cap.kind(), grant.narrowed.clone())
                .map_err(|e| (Code::Manifest, e.to_string()))
                .and_then(|asked| derive(&source.cap, &asked).map_err(|e| (Code::Widen, format!("slot {slot}: {e}"))));
            match derived {
                Ok(cap) => {
                    let from = match giver {
                        Some(giver) => Origin::Parent(giver, grant.from.clone()),
                        None => Origin::Host(grant.from.clone()),
                    };
                    let mut derived = Slot::new(slot, cap, from);
                    if let Some(at) = &grant.at {
                        derived.at.clone_from(at);
                    }
                    slots.insert(slot.clone(), derived);
                }
                Err((code, message)) => self.problem(code, edge, message),
            }
        }
        slots
    }

    /// Adds an instance and everything below it.
    #[expect(clippy::too_many_arguments, reason = "each is said once, by one of two callers")]
    fn node(
        &mut self,
        path: &str,
        name: &str,
        parent: Option<NodeId>,
        shared: bool,
        manifest: Option<(&Author, Manifest)>,
        edge: Option<(&Author, &Dep)>,
        mut handed: Handed,
        host: &BTreeMap<String, Slot>,
        ancestors: &mut Vec<PathBuf>,
    ) -> Option<NodeId> {
        if self.plan.nodes.len() >= MAX_NODES {
            if self.plan.nodes.len() == MAX_NODES {
                self.problem(Code::Limit, path, format!("more than {MAX_NODES} instances"));
            }
            return None;
        }
        if let Some((_, manifest)) = manifest.as_ref().filter(|_| parent.is_some()) {
            self.problems.extend(needs(path, &manifest.needs, &mut handed.slots));
            handed.limits = least(&handed.limits, &manifest.limits);
        }
        if handed.limits.fuel.is_some() {
            self.problem(
                Code::NotYet,
                path,
                "limits.fuel is not enforced yet, so it can't be relied on; leave it out, and use limits.time",
            );
        }
        let named = match (&manifest, edge) {
            (Some((author, manifest)), _) => Some(Named::package(author, manifest)),
            (None, Some((author, dep))) => {
                let table = if shared { "shared" } else { "deps" };
                Some(Named::dependency(author, format!("{table}.{name}"), dep))
            }
            (None, None) => None,
        };
        let (members, problems) = named.map_or_else(Default::default, |named| named.open(path, self.modules));
        self.problems.extend(problems);
        let id = NodeId(self.plan.nodes.len());
        let package = manifest
            .as_ref()
            .map_or_else(Default::default, |(_, m)| (m.package.name.clone(), m.package.version.clone()));
        let held = if parent.is_none() { host.clone() } else { handed.slots.clone() };
        let call = edge.map(|(_, dep)| dep.call.clone()).unwrap_or_default();
        let provides = edge.map(|(_, dep)| dep.provides.clone()).unwrap_or_default();
        self.plan.nodes.push(Node {
            path: path.to_owned(),
            name: name.to_owned(),
            package,
            manifest: manifest.as_ref().map(|(author, _)| author.file.clone()),
            parent,
            shared,
            members,
            slots: handed.slots,
            limits: handed.limits,
            on_fault: handed.on_fault,
            callees: handed.shared.clone(),
            virtuals: BTreeMap::new(),
            answers: BTreeMap::new(),
            provides,
            call,
        });
        let Some((author, manifest)) = manifest else { return Some(id) };
        let giver = parent.map(|_| id);
        let mut may_share = handed.shared;
        for (callee, dep) in &manifest.shared {
            let path = format!("{path}/{callee}");
            if let Some(node) =
                self.edge(&path, callee, id, giver, true, author, dep, &held, &may_share, &handed.limits, ancestors)
            {
                self.plan.nodes[id.0].callees.insert(callee.clone(), node);
                may_share.insert(callee.clone(), node);
            }
        }
        for (callee, dep) in &manifest.deps {
            let path = format!("{path}/{callee}");
            if manifest.shared.contains_key(callee) {
                self.problem(Code::Manifest, &path, "there is a shared instance of the same name; rename one of them");
                continue;
            }
            if let Some(node) =
                self.edge(&path, callee, id, giver, false, author, dep, &held, &may_share, &handed.limits, ancestors)
            {
                self.plan.nodes[id.0].callees.insert(callee.clone(), node);
            }
        }
        self.imports(id, author, &manifest);
        Some(id)
    }

    /// Resolves whom a manifest names by `imports`, once all that it can name is there: in whichever order it is written.
    fn imports(&mut self, id: NodeId, author: &Author, manifest: &Manifest) {
        let names = self.plan.node(id).callees.clone();
        let declared = || gathered(manifest.deps.keys().chain(manifest.shared.keys()).map(String::as_str));
        let said = |key: String, edge, imports| {
            let file = author.file.as_path();
            Said { file, key, edge, imports, declared: declared(), names: &names }
        };
        said("imports".to_owned(), None, &manifest.imports).resolve(&mut self.plan, id, &mut self.problems);
        let deps = manifest.deps.iter().map(|dep| ("deps", dep));
        for (table, (name, dep)) in deps.chain(manifest.shared.iter().map(|dep| ("shared", dep))) {
            // Of two of one name, which is an error, only one is there.
            let clash = table == "deps" && manifest.shared.contains_key(name);
            let Some(&below) = names.get(name).filter(|_| !clash) else { continue };
            said(format!("{table}.{name}.imports"), Some(name.as_str()), &dep.imports).resolve(
                &mut self.plan,
                below,
                &mut self.problems,
            );
        }
    }

    /// Adds what an edge leads to.
    #[expect(clippy::too_many_arguments, reason = "what an edge is made of")]
    fn edge(
        &mut self,
        path: &str,
        name: &str,
        parent: NodeId,
        giver: Option<NodeId>,
        shared: bool,
        author: &Author,
        dep: &Dep,
        held: &BTreeMap<String, Slot>,
        may_share: &BTreeMap<String, NodeId>,
        ceiling: &Limits,
        ancestors: &mut Vec<PathBuf>,
    ) -> Option<NodeId> {
        let slots = self.hand(path, &dep.grants, held, giver);
        let limits = match ceiling.derive(&dep.limits) {
            Ok(limits) => limits,
            Err(e) => {
                self.problem(Code::Widen, path, e.to_string());
                return None;
            }
        };
        let mut handed_shared = BTreeMap::new();
        for name in &dep.shared {
            match may_share.get(name) {
                Some(&node) => {
                    handed_shared.insert(name.clone(), node);
                }
                None => {
                    let names: Vec<&str> = may_share.keys().map(String::as_str).collect();
                    let message = format!(
                        "shared instance {name:?} is not there to hand over; there are: {}",
                        super::cap::list(&names)
                    );
                    self.problem(Code::Widen, path, message);
                }
            }
        }
        let handed = Handed { slots, limits, on_fault: dep.on_fault, shared: handed_shared };
        let module = dep.module.as_ref().filter(|module| module.extension().is_some_and(|e| e == "toml"));
        let Some(module) = module else {
            return self.node(path, name, Some(parent), shared, None, Some((author, dep)), handed, held, ancestors);
        };
        let key = format!("{}.{name}.module", if shared { "shared" } else { "deps" });
        let file = match author.manifest(&key, module, &self.plan.folder) {
            Ok(file) => file,
            Err((code, message)) => {
                self.problem(code, path, message);
                return None;
            }
        };
        let known = canonical(&file);
        if let Some(first) = ancestors.iter().position(|ancestor| *ancestor == known) {
            let round: Vec<String> =
                ancestors[first..].iter().chain([&known]).map(|manifest| self.below(manifest)).collect();
            self.problem(Code::Cycle, path, format!("it depends on itself: {}", round.join(" → ")));
            return None;
        }
        if ancestors.len() >= MAX_DEPTH {
            self.problem(Code::Limit, path, format!("more than {MAX_DEPTH} edges below each other"));
            return None;
        }
        let manifest = self.read(path, &file, Some((author, &key)))?;
        if !manifest.host.is_empty() {
            let message =
                format!("{}: `[host]` is the application's alone: a library names what it `[needs]`", shown(&file));
            self.problem(Code::Manifest, path, message);
            return None;
        }
        if !manifest.grants.is_empty() {
            let message =
                format!("{}: a library's module holds its `[needs]`; `[grants]` is the application's", shown(&file));
            self.problem(Code::Manifest, path, message);
            return None;
        }
        let library = Author::library(&file);
        ancestors.push(known);
        let node = self.node(
            path,
            name,
            Some(parent),
            shared,
            Some((&library, manifest)),
            Some((author, dep)),
            handed,
            held,
            ancestors,
        );
        ancestors.pop();
        node
    }
}

impl Slot {
    fn new(slot: &str, cap: Cap, from: Origin) -> Slot {
        Slot { cap, from, at: default_at(slot), why: None }
    }
}

/// Under which name a module finds a folder, unless something says otherwise.
pub(super) fn default_at(slot: &str) -> String {
    format!("/{slot}")
}
