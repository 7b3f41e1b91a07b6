//! A plan, alive: every instance in a group of its own, joined by edges.
//!
//! An application runs on one thread at a time. An edge is compiled code that carries values from the caller's memory to the
//! callee's, enters the callee's group and carries the result back, or a host function that does the same; what goes wrong
//! in the callee ends there.

mod context;
mod crossing;
mod deadline;
mod edge;
mod handles;
mod learn;
mod node;
mod resources;
mod scratch;
mod r#virtual;

use super::check::{Import, Outcome, Wiring};
use super::learn::Learning;
use super::plan::{NodeId, Plan};
use crate::gathered;
use crate::virt;
use bailiwick_loader::edge::Gate;
use bailiwick_loader::wasi::net::{Answers, Closing};
use bailiwick_loader::wasi::{self, Denial};
use bailiwick_loader::{Error, Group, GroupConfig, Imports, InterruptHandle};
use context::{Resources, described};
use deadline::{Deadlines, Watched};
use edge::{Edge, Worlds};
use node::{Body, Node};
use resources::{Definitions, Orphans};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use r#virtual::Virtuals;

pub use node::Death;

/// Is told of every denial, with the path of the instance.
pub type Auditor = Arc<dyn Fn(&str, &Denial<'_>) + Send + Sync>;

/// What the person who starts an application gives it.
#[derive(Clone, Default)]
pub struct AppConfig {
    /// Arguments of the command line.
    pub arguments: Vec<Vec<u8>>,
    /// The host's environment, of which each instance sees what it holds.
    pub environment: BTreeMap<String, Vec<u8>>,
    /// Is told of denials.
    pub auditor: Option<Auditor>,
    /// Carries values over edges by the interpreter even where the caller's artifact has compiled code for it: slower, and
    /// what that code is compared with.
    pub interpret_edges: bool,
    /// Is filled with what ends the application before any code of it runs: instances may run code as they are made.
    pub interrupt: Option<Arc<OnceLock<AppInterrupt>>>,
    /// Notes what is used of what the manifest grants.
    pub learning: Option<Arc<Learning>>,
}

impl std::fmt::Debug for AppConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppConfig").field("arguments", &self.arguments.len()).finish_non_exhaustive()
    }
}

/// Why an application could not be linked, or did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// A resource of the host can't be had.
    #[error("{name}: {}: {message}", path.display())]
    Resource {
        /// Its name in the manifest.
        name: String,
        /// Where it was looked for.
        path: PathBuf,
        /// What the host said.
        message: String,
    },
    /// An instance can't be given what it was granted.
    #[error("{instance}: {message}")]
    Grants {
        /// The path of the instance, and its package.
        instance: String,
        /// Why.
        message: String,
    },
    /// A module can't be instantiated, or has ended by itself before it was called.
    #[error("{instance}: {source}")]
    Instance {
        /// The path of the instance, and its package.
        instance: String,
        /// Why.
        source: Error,
    },
    /// The root has no `_start`.
    #[error("{0}: nothing to run: its module exports no _start")]
    NoEntry(String),
    /// The plan contradicts itself.
    #[error("internal error: {0}; please report it")]
    Internal(String),
}

/// A running application.
#[derive(Debug)]
pub struct App {
    nodes: Vec<Arc<Node>>,
    resources: Resources,
    stopped: Arc<AtomicBool>,
}

/// Ends every instance of an application, from any thread.
#[derive(Clone, Debug)]
pub struct AppInterrupt {
    instances: Vec<InterruptHandle>,
    stopped: Arc<AtomicBool>,
}

impl AppInterrupt {
    /// Interrupts every instance; says whether all could be.
    pub fn interrupt(&self) -> bool {
        // So that nobody lets them run again.
        self.stopped.store(true, Ordering::Release);
        // The one that runs is among them; each is asked, whatever the others said.
        self.instances.iter().filter(|handle| handle.interrupt().is_err()).count() == 0
    }
}

impl App {
    /// Makes every instance of a plan, callees first, and runs their `_initialize`.
    ///
    /// # Errors
    /// [`AppError`]
    pub fn link(plan: &Plan, wiring: &Wiring, config: &AppConfig) -> Result<App, AppError> {
        let mut resources = Resources::open(plan)?;
        if config.learning.is_some() {
            resources.record();
        }
        let gates: Arc<[Gate]> = plan.nodes.iter().map(|_| Gate::default()).collect();
        let orphans = Orphans::default();
        let mut nodes = Vec::with_capacity(plan.nodes.len());
        // Parents first: what a child holds is derived from what its parent holds.
        for (id, node) in plan.iter() {
            let accepts = wiring.all(id).any(|import| {
                let listens = import.name == "sock_accept"
                    || import.name == "listeners" && import.module == virt::Virt::Net.interface();
                listens && !import.is_denied()
            });
            let ctx = Arc::new(Mutex::new(resources.context(plan, id, config, accepts)?));
            let group = Group::with_config(config_of(&node.limits))
                .map_err(|source| AppError::Instance { instance: described(node), source })?;
            let held = (resources.dirs_of(id).cloned().collect(), resources.nets_of(id).cloned().collect());
            let mut live = Node::new(plan, id, Arc::clone(&gates), ctx, group, held, &orphans);
            live.recorder = config.learning.as_ref().map(|learning| learning.guest(plan, id));
            nodes.push(Arc::new(live));
        }
        for (id, node) in plan.iter() {
            if let Some(parent) = node.parent {
                nodes[parent.0].adopt(&nodes[id.0]);
            }
        }
        let stopped = Arc::new(AtomicBool::new(false));
        let watched = plan.iter().map(|(id, node)| Watched {
            interrupt: nodes[id.0].interrupt.clone(),
            // Nobody calls the root.
            limit: node.limits.time,
            shared: node.shared,
            callees: node.called().map(|callee| callee.0).collect(),
        });
        let deadlines = Arc::new(Deadlines::new(watched.collect(), gates, Arc::clone(&stopped)));
        let definitions = Definitions::new(plan, &deadlines, &orphans);
        definitions.set(&nodes);
        let app = App { nodes, resources, stopped };
        if let Some(interrupt) = &config.interrupt {
            let _ = interrupt.set(app.interrupt_handle());
        }
        let mut done = vec![false; plan.nodes.len()];
        for (id, _) in plan.iter() {
            app.instantiate((plan, wiring, config), (&deadlines, &definitions), id, &mut done)?;
        }
        Ok(app)
    }

    /// Instantiates a node, after those that it calls.
    fn instantiate(
        &self,
        of: (&Plan, &Wiring, &AppConfig),
        (deadlines, definitions): (&Arc<Deadlines>, &Arc<Definitions>),
        id: NodeId,
        done: &mut [bool],
    ) -> Result<(), AppError> {
        let (plan, _, _) = of;
        if std::mem::replace(&mut done[id.0], true) {
            return Ok(());
        }
        let planned = plan.node(id);
        for callee in planned.called() {
            self.instantiate(of, (deadlines, definitions), callee, done)?;
        }
        let node = &self.nodes[id.0];
        let mut body = node.own();
        let Some(inside) = body.as_mut() else { return Ok(()) };
        // What runs as it is made has the time of a call.
        let begun = if planned.parent.is_some() { deadlines.begin(None, id.0) } else { Ok(false) };
        let timed = begun.map_err(|_| AppError::Internal(format!("{}: a call is under way", planned.path)))?;
        let made = self.make(of, (deadlines, definitions), id, inside);
        let late = timed && deadlines.end();
        match made {
            // What it did was its own doing: it dies alone, before anybody has called it.
            Err(AppError::Instance { source, .. })
                if planned.parent.is_some()
                    && matches!(
                        source,
                        Error::Trap(_) | Error::Exception(_) | Error::Exit(_) | Error::Host(_) | Error::Limit { .. }
                    )
                    && !self.stopped.load(Ordering::Acquire) =>
            {
                let text = source.to_string();
                let reason = match planned.limits.time {
                    Some(limit) if late => format!("it took more than {}", humantime::format_duration(limit)),
                    _ => text.lines().next().unwrap_or_default().to_owned(),
                };
                node.die(Some(&mut body), format!("as it was made: {reason}"), text);
                definitions.bury(None);
                Ok(())
            }
            other => other,
        }
    }

    /// Makes the members of a node, the face last, and runs their `_initialize`.
    fn make(
        &self,
        (plan, wiring, config): (&Plan, &Wiring, &AppConfig),
        (deadlines, definitions): (&Arc<Deadlines>, &Arc<Definitions>),
        id: NodeId,
        body: &mut Body,
    ) -> Result<(), AppError> {
        let planned = plan.node(id);
        let node = &self.nodes[id.0];
        let failed = |source| AppError::Instance { instance: described(planned), source };
        let mut instances = vec![None; planned.members.len()];
        let virtuals = Virtuals::of(plan, id, &self.nodes, (deadlines, definitions))?;
        // The face is the first, and imports from the rest.
        for index in order(plan, wiring, id)? {
            let member = &planned.members[index];
            let mut imports = Imports::new();
            let mut worlds: BTreeMap<NodeId, Worlds<'_>> = BTreeMap::new();
            let system = |import: &&Import| matches!(import.outcome, Outcome::System { .. }) && !import.is_denied();
            let system = wiring.imports(id, index).iter().filter(system);
            let system: BTreeSet<(&str, &str)> = gathered(system.map(|import| (&*import.module, &*import.name)));
            if !system.is_empty() {
                let wanted = |module: &str, name: &str| system.contains(&(module, name));
                wasi::add_virtual_to_imports(&mut imports, &node.ctx, virtuals.as_ref(), wanted);
            }
            for import in wiring.imports(id, index) {
                // Two imports may have one name, and one of them be of use.
                let same = |other: &&Import| {
                    (&other.module, &other.name) == (&import.module, &import.name) && !other.is_denied()
                };
                if import.is_denied() && wiring.imports(id, index).iter().find(same).is_none() {
                    imports.refuse(&import.module, &import.name);
                    continue;
                }
                match import.outcome {
                    Outcome::System { .. } => {}
                    Outcome::Member { member } => {
                        if let Some(instance) = instances[member] {
                            imports.instance(&import.module, instance);
                        }
                    }
                    Outcome::Net { virtualizer, .. } => {
                        let between = virtualizer.and(virtuals.as_ref());
                        net_import(&mut imports, node, between, (&import.module, &import.name));
                    }
                    Outcome::Drop => edge::grant_drop(&mut imports, &import.module, &import.name, &node.ctx),
                    Outcome::Resource { intrinsic, resource } => {
                        definitions.grant(&mut imports, (&import.module, &import.name), node, (intrinsic, resource));
                    }
                    Outcome::Call { callee, import: wanted, export } => {
                        let worlds = match worlds.entry(callee) {
                            Entry::Occupied(entry) => entry.into_mut(),
                            Entry::Vacant(entry) => entry.insert(Worlds::new(plan, id, index, callee)?),
                        };
                        let ends = (node, &self.nodes[callee.0]);
                        let edge = Edge::new(plan, worlds, (wanted, export), ends, (deadlines, definitions))?;
                        edge.grant(&mut imports, &import.module, &import.name, config.interpret_edges);
                    }
                }
            }
            let instance = body.group.instantiate(&member.artifact, &imports).map_err(failed)?;
            if member.artifact.view().export("_initialize").is_some() {
                let initialize = instance.func(&mut body.group, "_initialize").map_err(failed)?;
                initialize.call(&mut body.group, &[]).map_err(failed)?;
            }
            instances[index] = Some(instance);
        }
        body.face = instances.first().copied().flatten();
        body.find_exports(planned).map_err(failed)
    }

    /// Runs the root's `_start`; gives its exit status.
    ///
    /// # Errors
    /// [`AppError`]
    pub fn run(&mut self, plan: &Plan) -> Result<i32, AppError> {
        let root = plan.node(NodeId(0));
        let mut body = self.nodes[0].own();
        let Some(Body { group, face: Some(face), .. }) = body.as_mut() else {
            return Err(AppError::Internal("the root is not alive".to_owned()));
        };
        let start = match face.func(group, "_start") {
            Ok(start) => start,
            Err(Error::NoExport { .. }) => return Err(AppError::NoEntry(described(root))),
            Err(source) => return Err(AppError::Instance { instance: described(root), source }),
        };
        match start.call(group, &[]) {
            Ok(_) => Ok(0),
            Err(Error::Exit(status)) => Ok(status),
            Err(source) => Err(AppError::Instance { instance: described(root), source }),
        }
    }

    /// A handle by which any thread can end the application.
    pub fn interrupt_handle(&self) -> AppInterrupt {
        let instances = self.nodes.iter().map(|node| node.interrupt.clone()).collect();
        AppInterrupt { instances, stopped: Arc::clone(&self.stopped) }
    }

    /// The instances that died, and why, in the order of the plan.
    pub fn deaths(&self) -> impl Iterator<Item = (NodeId, Arc<Death>)> {
        self.nodes.iter().enumerate().filter_map(|(id, node)| node.death().map(|death| (NodeId(id), death)))
    }

    /// What an instance wrote to standard output and standard error, where the manifest says `capture`.
    pub fn captured(&self, id: NodeId) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
        let contents = |capture: &Option<wasi::Capture>| capture.as_ref().map(wasi::Capture::contents);
        self.resources.captures.get(&id).map_or((None, None), |(out, err)| (contents(out), contents(err)))
    }
}

impl Drop for App {
    /// Edges know both of their ends, and are kept by the group of the first: that circle ends here.
    fn drop(&mut self) {
        for node in &self.nodes {
            *node.own() = None;
        }
    }
}

/// Grants a function of the network: by whoever stands between, or by what the instance holds.
fn net_import(
    imports: &mut Imports,
    node: &Arc<Node>,
    between: Option<&Arc<dyn wasi::virt::Virtual>>,
    (module, name): (&str, &str),
) {
    let answers: Arc<dyn Answers> = match between {
        Some(virt) => Arc::new(wasi::virt::Forwarded::new(&node.ctx, virt)),
        None => node.ctx.clone(),
    };
    let gated = Arc::clone(node);
    let closing: Closing = Arc::new(move |closed| gated.gate().set_closed(closed));
    wasi::net::add_to_imports(imports, module, &answers, &closing, |function| function == name);
}

/// The members of a group, each after those that it imports from.
fn order(plan: &Plan, wiring: &Wiring, id: NodeId) -> Result<Vec<usize>, AppError> {
    fn visit(wiring: &Wiring, id: NodeId, member: usize, state: &mut [u8], order: &mut Vec<usize>) -> bool {
        match state[member] {
            2 => return true,
            1 => return false,
            _ => state[member] = 1,
        }
        for import in wiring.imports(id, member) {
            if let Outcome::Member { member: other } = import.outcome
                && !visit(wiring, id, other, state, order)
            {
                return false;
            }
        }
        state[member] = 2;
        order.push(member);
        true
    }
    let node = plan.node(id);
    let (mut state, mut order) = (vec![0; node.members.len()], Vec::new());
    for member in 0..node.members.len() {
        if !visit(wiring, id, member, &mut state, &mut order) {
            return Err(AppError::Internal(format!(
                "{}: the modules of its group import from each other in a circle",
                node.path
            )));
        }
    }
    Ok(order)
}

fn config_of(limits: &super::limits::Limits) -> GroupConfig {
    let mut config = GroupConfig::default();
    if let Some(bytes) = limits.memory {
        config.max_memory = bytes;
        config.max_total_memory = bytes;
    }
    if let Some(bytes) = limits.stack {
        config.stack_size = usize::try_from(bytes).unwrap_or(usize::MAX);
    }
    if let Some(elements) = limits.table {
        config.max_table_elements = elements;
    }
    if let Some(exceptions) = limits.exceptions {
        config.max_exceptions = usize::try_from(exceptions).unwrap_or(usize::MAX);
    }
    config
}
