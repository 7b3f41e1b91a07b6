//! What each slot was used for, by its holder and by those that have theirs from it.

use super::Learning;
use crate::cap::{Cap, Clock, Stream};
use crate::files::read_text;
use crate::manifest::{MAX_MANIFEST_BYTES, Manifest};
use crate::net::{Dns, Endpoint, HostPattern, Net};
use crate::plan::{NodeId, Origin, Plan};
use bailiwick_loader::wasi::{DirRights, Place, Used};
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// The most places that are written out one by one, where a pattern that was granted says as much.
const MAX_WRITTEN: usize = 64;

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
    /// Of the network: where to, where on, and which names were looked up.
    pub(super) connect: BTreeSet<Endpoint>,
    pub(super) listen: BTreeSet<Endpoint>,
    pub(super) names: BTreeSet<HostPattern>,
    /// Of the network: more than is noted.
    pub(super) anywhere: bool,
}

impl Needed {
    fn add(&mut self, other: &Needed) {
        self.wanted |= other.wanted;
        self.used |= other.used;
        self.rights = self.rights.union(other.rights);
        for (own, other) in self.streams.iter_mut().zip(other.streams) {
            *own |= other;
        }
        self.connect.extend(other.connect.iter().cloned());
        self.listen.extend(other.listen.iter().cloned());
        self.names.extend(other.names.iter().cloned());
        self.anywhere |= other.anywhere;
    }

    /// What an instance used of a grant of the network. `places`: where it was, if that is known.
    fn places(&mut self, places: Option<Vec<(Place, String)>>, held: &Net, [to, on]: [Place; 2]) {
        self.anywhere = places.is_none();
        for (kind, place) in places.unwrap_or_default() {
            let Ok(endpoint) = Endpoint::parse(&place) else { continue };
            // Whoever holds several of a kind used the one that has it.
            if kind == to && held.connect.iter().any(|own| own.covers(&endpoint)) {
                self.connect.insert(endpoint);
            } else if kind == on && held.may_listen(&endpoint) {
                self.listen.insert(endpoint);
            }
        }
        self.used = self.anywhere || !self.connect.is_empty() || !self.listen.is_empty();
    }

    /// What an instance used of a grant of names.
    fn looked_up(&mut self, places: Option<Vec<(Place, String)>>, held: &Dns) {
        self.anywhere = places.is_none();
        self.used = self.anywhere;
        for (kind, place) in places.unwrap_or_default() {
            match kind {
                Place::Name => {
                    self.used = true;
                    let name = HostPattern::parse(&place).ok();
                    self.names.extend(name.filter(|name| held.allow.iter().any(|own| own.covers(name))));
                }
                // Its servers are asked for names that are granted by themselves, too.
                Place::TcpConnect | Place::UdpConnect => {
                    let host = Endpoint::parse(&place).map(|endpoint| endpoint.host);
                    self.used |= !held.servers.is_empty() && matches!(host, Ok(HostPattern::Name(_)));
                }
                Place::TcpListen | Place::UdpListen => {}
            }
        }
    }

    /// What of a grant of the network was used.
    fn net(&self, held: &Net) -> Net {
        if self.anywhere {
            return held.clone();
        }
        let connect = cut(&held.connect, &self.connect, Endpoint::covers, |place| held.may_connect(place));
        let listen = cut(&held.listen, &self.listen, Endpoint::covers, |place| held.may_listen(place));
        Net { connect, listen, ..held.clone() }
    }

    /// What of a grant of names was used.
    fn dns(&self, held: &Dns) -> Dns {
        if self.anywhere {
            return held.clone();
        }
        let allow =
            cut(&held.allow, &self.names, HostPattern::covers, |name| held.allow.iter().any(|own| own.covers(name)));
        Dns { allow, ..held.clone() }
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
            Cap::Tcp(net) => Cap::Tcp(self.net(net)),
            Cap::Udp(net) => Cap::Udp(self.net(net)),
            Cap::Dns(dns) => Cap::Dns(self.dns(dns)),
            other => other.clone(),
        })
    }
}

/// A list cut down to the places that were used, those first that it has itself, in its order. What it may not have was
/// refused all the same. Of too many, what it has of them stays as it is.
fn cut<T: Clone + Ord>(
    held: &[T],
    used: &BTreeSet<T>,
    covers: impl Fn(&T, &T) -> bool,
    may: impl Fn(&T) -> bool,
) -> Vec<T> {
    let used: Vec<&T> = used.iter().filter(|place| may(place)).collect();
    if used.len() > MAX_WRITTEN.max(held.len()) {
        return held.iter().filter(|own| used.iter().any(|place| covers(own, place))).cloned().collect();
    }
    let own = held.iter().filter(|own| used.contains(own));
    own.chain(used.iter().copied().filter(|place| !held.contains(place))).cloned().collect()
}

/// What each slot of each instance was used for.
pub(super) fn needed(plan: &Plan, learning: &Learning) -> BTreeMap<(NodeId, String), Needed> {
    let mut all: BTreeMap<(NodeId, String), Needed> = BTreeMap::new();
    // Children first: what they need, their parents have to have.
    for index in (0..plan.nodes.len()).rev() {
        let (id, node) = (NodeId(index), &plan.nodes[index]);
        for (slot, held) in &node.slots {
            // What somebody else answers for it, it has no use for itself.
            let own = match node.virtualizes(held.cap.kind()) {
                Some(_) => Needed::default(),
                None => own(learning, id, slot, &held.cap),
            };
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
        Cap::Tcp(net) => needed.places(guest.places(), net, [Place::TcpConnect, Place::TcpListen]),
        Cap::Udp(net) => needed.places(guest.places(), net, [Place::UdpConnect, Place::UdpListen]),
        Cap::Dns(dns) => needed.looked_up(guest.places(), dns),
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
    let texts = |key: &str| {
        let list = narrowed.get(key).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>()
    };
    let endpoints = |key: &str| texts(key).into_iter().filter_map(|text| Endpoint::parse(text).ok()).collect();
    (needed.connect, needed.listen) = (endpoints("connect"), endpoints("listen"));
    needed.names = texts("allow").into_iter().filter_map(|text| HostPattern::parse(text).ok()).collect();
    let lists = narrowed.get("allow").and_then(Value::as_array).is_some_and(|names| !names.is_empty());
    let line = narrowed.get("command_line").and_then(Value::as_bool) == Some(true);
    needed.used = lists || line || ["resolution", "fixed"].iter().any(|key| narrowed.contains_key(*key));
    needed
}
