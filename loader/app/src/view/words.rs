//! Capabilities in plain words.

use crate::cap::{Attenuation, Cap, CapKind, Clock, Random, Stream};
use crate::check::Wiring;
use crate::lent::{Lent, Way};
use crate::plan::{Node, NodeId, Origin, Plan};
use crate::preview1;
use bailiwick_loader::wasi::DirRights;
use bytesize::ByteSize;
use std::path::{Component, Path, PathBuf};

/// Rights by which what is in a folder can grow.
const GROWS: DirRights = DirRights::WRITE.union(DirRights::CREATE).union(DirRights::LINK).union(DirRights::SYMLINK);

/// What a capability of an instance allows, as what follows "may": one clause for each thing.
pub fn allowed(plan: &Plan, id: NodeId, slot: &str) -> Vec<String> {
    let Some(held) = plan.node(id).slots.get(slot) else { return Vec::new() };
    match &held.cap {
        Cap::Dir { grant, .. } => {
            let place = place(plan, id, slot);
            let mut limits = Vec::new();
            // Whoever only reads makes nothing grow.
            let grows = grant.rights.intersects(GROWS);
            if let Some(bytes) = grant.limits.max_bytes.filter(|_| grows) {
                limits.push(format!("growing them by at most {}", ByteSize(bytes)));
            }
            if let Some(open) = grant.limits.max_open {
                limits.push(format!("at most {open} open at once"));
            }
            if grant.cross_mounts {
                limits.push("other mounts included".to_owned());
            }
            let limits = if limits.is_empty() { String::new() } else { format!(" ({})", limits.join(", ")) };
            vec![format!("{} below {place}{limits}", verbs(grant.rights))]
        }
        Cap::Stdio { stdin, stdout, stderr } => {
            let mut clauses = Vec::new();
            let files = plan.host_of(id, slot).map(|resource| &resource.files);
            let file = |i: usize| match files.and_then(|files| files[i].as_deref()) {
                Some(file) => format!("the file {}", written(file)),
                None => "a file of the host".to_owned(),
            };
            match stdin {
                Stream::None | Stream::Null => {}
                Stream::Inherit => clauses.push("read standard input".to_owned()),
                Stream::File => clauses.push(format!("read {} as its standard input", file(0))),
                Stream::Capture => {}
            }
            let outputs = [("standard output", stdout), ("standard error", stderr)];
            let inherited: Vec<&str> =
                outputs.iter().filter(|(_, mode)| **mode == Stream::Inherit).map(|(name, _)| *name).collect();
            if !inherited.is_empty() {
                clauses.push(format!("write to {}", inherited.join(" and ")));
            }
            for (i, (name, mode)) in outputs.into_iter().enumerate() {
                match mode {
                    Stream::Capture => clauses.push(format!("write to a buffer as its {name}")),
                    Stream::File => clauses.push(format!("overwrite {} with its {name}", file(i + 1))),
                    _ => {}
                }
            }
            clauses
        }
        Cap::Env(variables) if variables.is_empty() => Vec::new(),
        Cap::Env(variables) => {
            let names: Vec<String> = variables
                .iter()
                .map(|(name, value)| match value {
                    None => name.clone(),
                    Some(value) => format!("{name} (set to {value:?})"),
                })
                .collect();
            let plural = if names.len() == 1 { "" } else { "s" };
            vec![format!("see the environment variable{plural} {}", names.join(", "))]
        }
        Cap::Args { command_line, fixed } => {
            let mut what = Vec::new();
            if *command_line {
                what.push("the arguments of the command line".to_owned());
            }
            if !fixed.is_empty() {
                what.push(format!("the arguments {fixed:?}"));
            }
            if what.is_empty() { Vec::new() } else { vec![format!("see {}", what.join(" and "))] }
        }
        Cap::Clock(Clock::Virtual) | Cap::Random(Random::Host) => Vec::new(),
        Cap::Clock(clock @ Clock::Host { .. }) => vec![format!("read {clock}")],
        Cap::Clock(clock @ Clock::Fixed { .. }) => vec![format!("be told {clock}")],
        Cap::Random(random @ Random::Seeded(_)) => vec![format!("draw {random}")],
        Cap::Tcp(net) | Cap::Udp(net) => {
            let mut clauses = Vec::new();
            let shown = |endpoints: &[crate::net::Endpoint]| {
                endpoints.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            };
            if !net.connect.is_empty() {
                clauses.push(format!("connect by {} to {}", held.cap.kind(), shown(&net.connect)));
            }
            if !net.listen.is_empty() {
                clauses.push(format!("listen by {} on {}", held.cap.kind(), shown(&net.listen)));
            }
            if let Some(last) = clauses.last_mut() {
                let denied: Vec<String> = net.deny.iter().map(denied_addresses).collect();
                if !denied.is_empty() && !net.connect.is_empty() {
                    *last += &format!("; never to {}", denied.join(" or "));
                }
                let most = [
                    net.max_connections.map(|most| format!("{most} at once")),
                    net.max_bytes.map(|most| format!("{} in all", bytesize::ByteSize(most))),
                ];
                let most: Vec<String> = most.into_iter().flatten().collect();
                if !most.is_empty() {
                    *last += &format!("; at most {}", most.join(" and "));
                }
            }
            clauses
        }
        Cap::Dns(dns) => {
            let names: Vec<String> = dns.allow.iter().map(ToString::to_string).collect();
            let servers: Vec<String> = dns.servers.iter().map(ToString::to_string).collect();
            let asked = if servers.is_empty() { String::new() } else { format!(" at {}", servers.join(", ")) };
            vec![format!("look up {}{asked}", names.join(", "))]
        }
    }
}

/// Addresses that are refused, in words.
fn denied_addresses(deny: &crate::net::Deny) -> String {
    match deny {
        crate::net::Deny::Default => {
            "addresses of the machine itself, of private networks or of cloud metadata, unless named literally"
                .to_owned()
        }
        other => other.to_string(),
    }
}

/// What is said of an instance that is machine code, before anything else.
pub fn unconfined(node: &Node) -> Option<String> {
    let what =
        "MACHINE CODE: nothing confines it but whoever made it; what follows is what it was handed, and no bound";
    node.is_native().then(|| what.to_owned())
}

/// That its code draws random numbers of the host, which is no authority and granted to everybody.
pub fn entropy(plan: &Plan, wiring: &Wiring, id: NodeId) -> bool {
    let seeded = |cap: &Cap| matches!(cap, Cap::Random(Random::Seeded(_)));
    let draws = wiring.all(id).any(|import| {
        import.reachable
            && matches!(preview1::way(&import.module, &import.name), Some(preview1::Way::To([CapKind::Random])))
    });
    draws
        && plan.node(id).virtualizes(CapKind::Random).is_none()
        && !plan.node(id).slots.values().any(|slot| seeded(&slot.cap))
}

/// Whether an instance may do nothing but compute and call others.
pub fn holds_nothing(plan: &Plan, wiring: &Wiring, id: NodeId) -> Option<&'static str> {
    let node = plan.node(id);
    if node.slots.keys().any(|slot| !allowed(plan, id, slot).is_empty())
        || !crate::lent::lent(plan, wiring, id).is_empty()
        || !node.virtuals.is_empty()
    {
        return None;
    }
    Some(match wiring.calls(id).next() {
        Some(_) => "compute, return what it computed, and call what is named below: nothing else was handed to it",
        None => "compute, and return what it computed: nothing was handed to it",
    })
}

/// What an edge takes off a folder, besides its rights, in brackets.
fn bounds(narrowed: Option<&Attenuation>) -> String {
    let Some(Attenuation::Dir { sub, max_bytes, max_open, cross_mounts, .. }) = narrowed else { return String::new() };
    let mut bounds = Vec::new();
    if let Some(sub) = sub.as_ref().filter(|sub| !sub.is_empty()) {
        bounds.push(format!("only below {sub} in it"));
    }
    if let Some(bytes) = max_bytes {
        bounds.push(format!("growing them by at most {}", ByteSize(*bytes)));
    }
    if let Some(open) = max_open {
        bounds.push(format!("at most {open} open at once"));
    }
    if *cross_mounts == Some(false) {
        bounds.push("without other mounts".to_owned());
    }
    if bounds.is_empty() { String::new() } else { format!(" ({})", bounds.join(", ")) }
}

/// What an edge takes off a folder, in short: `create+write, ≤ 1.0 KiB`.
pub fn taken(attenuation: &Attenuation) -> String {
    let Attenuation::Dir { sub, rights, max_bytes, max_open, cross_mounts } = attenuation else {
        return "narrowed".to_owned();
    };
    let mut parts = Vec::new();
    match rights {
        Some(DirRights::NONE) => parts.push("stat".to_owned()),
        Some(rights) => parts.push(rights.names().join("+")),
        None => {}
    }
    parts.extend(sub.as_ref().filter(|sub| !sub.is_empty()).map(|sub| format!("below {sub}")));
    parts.extend(max_bytes.map(|bytes| format!("≤ {}", ByteSize(bytes))));
    parts.extend(max_open.map(|open| format!("≤ {open} open")));
    parts.extend(cross_mounts.filter(|cross| !cross).map(|_| "one mount".to_owned()));
    parts.join(", ")
}

/// What calls let an instance do, as what follows "may".
pub fn lent(plan: &Plan, wiring: &Wiring, id: NodeId) -> Vec<String> {
    let clause = |lent: &Lent| {
        let bounds = bounds(lent.narrowed.as_ref());
        let function = &lent.function;
        let what = match (&lent.narrowed, &lent.way) {
            (Some(Attenuation::Dir { rights: Some(rights), .. }), _) => verbs(*rights),
            (_, Way::Result(_)) if lent.rights != DirRights::ALL => verbs(lent.rights),
            (_, Way::Result(callee)) => format!("do with files what {callee} may"),
            _ => "do with files what its caller may".to_owned(),
        };
        let time = if lent.kept { "from then on" } else { "until it returns" };
        match &lent.way {
            Way::Parameter(parameter) => {
                format!("{what} below the folder {parameter} that a call of {function} brings{bounds}, {time}")
            }
            Way::Result(callee) => format!("{what} below the folder that {function} of {callee} returns, {time}"),
        }
    };
    crate::lent::lent(plan, wiring, id).iter().map(clause).collect()
}

/// What nobody has handed an instance, as what follows "may not".
pub fn denied(plan: &Plan, wiring: &Wiring, id: NodeId) -> Vec<String> {
    let node = plan.node(id);
    let mut rights = DirRights::NONE;
    let mut denied = Vec::new();
    let (mut dir, mut input, mut output, mut env, mut args, mut clock, mut net) =
        (false, false, false, false, false, false, false);
    // What somebody stands before, its own code does not reach.
    let reached = |slot: &&crate::plan::Slot| node.virtualizes(slot.cap.kind()).is_none();
    for slot in node.slots.values().filter(reached) {
        match &slot.cap {
            Cap::Dir { grant, .. } => {
                dir = true;
                rights = rights.union(grant.rights);
            }
            Cap::Stdio { stdin, stdout, stderr } => {
                input |= *stdin > Stream::Null;
                output |= *stdout > Stream::Null || *stderr > Stream::Null;
            }
            Cap::Env(variables) => env |= !variables.is_empty(),
            Cap::Args { command_line, fixed } => args |= *command_line || !fixed.is_empty(),
            Cap::Clock(held) => clock |= matches!(held, Clock::Host { .. }),
            Cap::Random(_) => {}
            Cap::Tcp(_) | Cap::Udp(_) | Cap::Dns(_) => net = true,
        }
    }
    let lent = crate::lent::lent(plan, wiring, id);
    let returned = |lent: &Lent| matches!(lent.way, Way::Result(_));
    // A folder that is handed over for good is given; one that goes back when the call returns is lent.
    let given = |lent: &Lent| !returned(lent) && lent.kept;
    let borrowed = |lent: &Lent| !returned(lent) && !lent.kept;
    let ways = [
        ("lends it", lent.iter().any(borrowed)),
        ("gives it", lent.iter().any(given)),
        ("returns to it", lent.iter().any(returned)),
    ];
    let ways: Vec<&str> = ways.into_iter().filter(|(_, any)| *any).map(|(way, _)| way).collect();
    let as_shown = |kind| {
        let by = node.virtualizes(kind).map(|(_, by)| &plan.node(by).path);
        by.map_or(String::new(), |by| format!(" but as {by} has it"))
    };
    let mut but = as_shown(CapKind::Dir);
    if !ways.is_empty() {
        let joined = if but.is_empty() { "but" } else { "and" };
        but.push_str(&format!(" {joined} below what a call {}", or(&ways)));
    }
    if !dir {
        denied.push(format!("open any file{but}"));
    } else if rights != DirRights::ALL {
        denied.push(format!("{} anything{but}", verbs_of(DirRights::ALL.difference(rights), "or")));
    }
    for (held, clause, kind) in [
        (net, "use the network", CapKind::Tcp),
        (env, "see the environment", CapKind::Env),
        (args, "see the command line", CapKind::Args),
        (clock, "tell the time", CapKind::Clock),
        (input, "read standard input", CapKind::Stdio),
        (output, "print", CapKind::Stdio),
    ] {
        if !held {
            denied.push(format!("{clause}{}", as_shown(kind)));
        }
    }
    denied
}

/// Where a folder lies, as the root names it: `./data/incoming`.
pub fn place(plan: &Plan, id: NodeId, slot: &str) -> String {
    let Some(held) = plan.node(id).slots.get(slot) else { return String::new() };
    let Cap::Dir { path, .. } = &held.cap else { return String::new() };
    let host = plan.host_of(id, slot).and_then(|resource| resource.path.as_deref());
    let root = host.map_or_else(|| "?".to_owned(), written);
    if path.is_empty() { root } else { format!("{}/{path}", root.trim_end_matches('/')) }
}

/// A path as the manifest has it, but for what means nothing in it.
pub(super) fn written(path: &Path) -> String {
    let plain: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    if plain.as_os_str().is_empty() { ".".to_owned() } else { plain.display().to_string() }
}

/// Rights as verbs with their object: `create and write files`.
fn verbs(rights: DirRights) -> String {
    if rights == DirRights::NONE {
        return "look at the names, sizes and times of files".to_owned();
    }
    if rights == DirRights::ALL {
        return "do everything with files and folders".to_owned();
    }
    format!("{} files", verbs_only(rights))
}

fn verbs_only(rights: DirRights) -> String {
    verbs_of(rights, "and")
}

fn verbs_of(rights: DirRights, by: &str) -> String {
    let words: Vec<&str> = rights
        .names()
        .into_iter()
        .map(|name| match name {
            "link" => "hard-link",
            "symlink" => "make symbolic links to",
            "times" => "set the times of",
            plain => plain,
        })
        .collect();
    joined(&words, by)
}

/// `a, b or c`.
pub fn or<T: AsRef<str>>(words: &[T]) -> String {
    joined(words, "or")
}

/// `a, b and c`.
pub fn and<T: AsRef<str>>(words: &[T]) -> String {
    joined(words, "and")
}

fn joined<T: AsRef<str>>(words: &[T], by: &str) -> String {
    match words {
        [] => "nothing".to_owned(),
        [one] => one.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} {by} {}", first.join(", "), last.as_ref())
        }
    }
}

/// From whom an instance has what is in a slot: `wallet, as data of the host`.
pub fn origin(plan: &Plan, id: NodeId, slot: &str) -> String {
    let way = plan.trace(id, slot);
    let givers: Vec<&str> = way.iter().skip(1).map(|(id, _)| plan.node(*id).name.as_str()).collect();
    let host = way.last().and_then(|(last, name)| match &plan.node(*last).slots.get(*name)?.from {
        Origin::Host(host) => Some(host.as_str()),
        Origin::Parent(..) => None,
    });
    let root = plan.nodes.first().map_or("the application", |root| root.name.as_str());
    let host = host.map_or(String::new(), |host| format!("host.{host} of {root}"));
    if givers.is_empty() { host } else { format!("{}, which has it from {host}", givers.join(", which has it from ")) }
}
