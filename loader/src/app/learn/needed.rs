//! What each slot was used for, by its holder and by those that have theirs from it.

use super::Learning;
use crate::app::cap::{Cap, Clock, Stream};
use crate::app::files::read_text;
use crate::app::manifest::{MAX_MANIFEST_BYTES, Manifest};
use crate::app::plan::{NodeId, Origin, Plan};
use crate::wasi::{DirRights, Place, Used};
use std::collections::BTreeMap;
use toml::{Table, Value};

/// What a slot was used for.
#[derive(Clone, Debug, Default)]
pub(super) struct Needed {
    /// Whether a library's manifest wants it to be there.
    pub(super) wanted: bool,
    /// Whether it was used at all.
    pub(super) used: bool,
    /// Of a folder.
    pub(super) rights: DirRights,
    /// Of streams.
    pub(super) streams: [bool; 3],
}

impl Needed {
    fn add(&mut self, other: &Needed) {
        self.wanted |= other.wanted;
        self.used |= other.used;
        self.rights = self.rights.union(other.rights);
        for (own, other) in self.streams.iter_mut().zip(other.streams) {
            *own |= other;
        }
    }

    /// What of a capability was needed; `None` if nothing of it was, and nobody wants the slot to be there.
    pub(super) fn of(&self, cap: &Cap) -> Option<Cap> {
        let nothing = !self.used && !self.wanted;
        Some(match cap {
            // Without it, there would be the host's: more than a seeded one, and no authority anyway.
            Cap::Random(random) => Cap::Random(random.clone()),
            _ if nothing => return None,
            Cap::Dir { path, grant } => {
                let mut grant = *grant;
                grant.rights = grant.rights.intersection(self.rights);
                Cap::Dir { path: path.clone(), grant }
            }
            Cap::Stdio { stdin, stdout, stderr } => {
                let pick = |i: usize, stream: Stream| if self.streams[i] { stream } else { Stream::None };
                Cap::Stdio { stdin: pick(0, *stdin), stdout: pick(1, *stdout), stderr: pick(2, *stderr) }
            }
            Cap::Env(_) if !self.used => Cap::Env(BTreeMap::new()),
            Cap::Args { fixed, .. } if !self.used => Cap::Args { command_line: false, fixed: fixed.clone() },
            Cap::Clock(_) if !self.used => Cap::Clock(Clock::Virtual),
            other => other.clone(),
        })
    }
}

/// What each slot of each instance was used for.
pub(super) fn needed(plan: &Plan, learning: &Learning) -> BTreeMap<(NodeId, String), Needed> {
    let mut all: BTreeMap<(NodeId, String), Needed> = BTreeMap::new();
    // Children first: what they need, their parents have to have.
    for index in (0..plan.nodes.len()).rev() {
        let (id, node) = (NodeId(index), &plan.nodes[index]);
        for (slot, held) in &node.slots {
            let own = own(learning, id, slot, &held.cap);
            all.entry((id, slot.clone())).or_default().add(&own);
        }
        let library = node.manifest.as_ref().filter(|_| node.parent.is_some());
        let library = library.and_then(|file| Manifest::parse(&read_text(file, MAX_MANIFEST_BYTES).ok()?).ok());
        if let Some(library) = library {
            for (slot, _) in
                library.needs.iter().filter(|(slot, need)| !need.optional && node.slots.contains_key(*slot))
            {
                all.entry((id, slot.clone())).or_default().wanted = true;
            }
            for grant in library.deps.values().chain(library.shared.values()).flat_map(|dep| dep.grants.values()) {
                all.entry((id, grant.from.clone())).or_default().add(&asked(&grant.narrowed));
            }
        }
        for (slot, held) in &node.slots {
            let Origin::Parent(parent, from) = &held.from else { continue };
            let Some(own) = all.get(&(id, slot.clone())).cloned() else { continue };
            all.entry((*parent, from.clone())).or_default().add(&own);
        }
    }
    all
}

/// What an instance itself used of a slot.
fn own(learning: &Learning, id: NodeId, slot: &str, cap: &Cap) -> Needed {
    let instance = learning.of(id);
    let guest = &instance.guest;
    let mut needed = Needed::default();
    let place = |kinds: [Place; 2]| guest.places().is_none_or(|all| all.iter().any(|(kind, _)| kinds.contains(kind)));
    match cap {
        Cap::Dir { .. } => {
            if let Some(folder) = instance.folders.get(slot) {
                (needed.used, needed.rights) = (folder.touched(), folder.rights());
            }
        }
        Cap::Stdio { .. } => {
            needed.streams = [Used::Stdin, Used::Stdout, Used::Stderr].map(|stream| guest.has(stream));
            needed.used = needed.streams.contains(&true);
        }
        Cap::Env(_) => needed.used = guest.has(Used::Environment),
        Cap::Args { .. } => needed.used = guest.has(Used::Arguments),
        Cap::Clock(_) => needed.used = guest.has(Used::Clock),
        Cap::Random(_) => needed.used = guest.has(Used::Random),
        Cap::Tcp(_) => needed.used = place([Place::TcpConnect, Place::TcpListen]),
        Cap::Udp(_) => needed.used = place([Place::UdpConnect, Place::UdpListen]),
        Cap::Dns(_) => needed.used = place([Place::Name, Place::Name]),
    }
    needed
}

/// What an edge in a library's manifest, which stays as it is, asks for of the slot that it hands on.
fn asked(narrowed: &Table) -> Needed {
    let mut needed = Needed { wanted: true, ..Needed::default() };
    if let Some(rights) = narrowed.get("rights").and_then(Value::as_array) {
        let names = rights.iter().filter_map(Value::as_str).filter_map(DirRights::from_name);
        needed.rights = names.fold(DirRights::NONE, DirRights::union);
    }
    for (stream, key) in needed.streams.iter_mut().zip(["stdin", "stdout", "stderr"]) {
        *stream = narrowed.get(key).and_then(Value::as_str).is_some_and(|mode| mode != "none");
    }
    let lists = narrowed.get("allow").and_then(Value::as_array).is_some_and(|names| !names.is_empty());
    let line = narrowed.get("command_line").and_then(Value::as_bool) == Some(true);
    needed.used = lists || line || ["resolution", "fixed"].iter().any(|key| narrowed.contains_key(*key));
    needed
}
