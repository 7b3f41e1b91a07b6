//! A manifest's text with less in it: what a person wrote stays, but for what is cut.

use super::Learning;
use super::needed::Needed;
use crate::cap::{Cap, Clock, Stream, derive};
use crate::lent::brought;
use crate::manifest::{Dep, Grant, Manifest, attenuation};
use crate::plan::{NodeId, Plan};
use bailiwick_loader::wasi::DirRights;
use std::collections::{BTreeMap, BTreeSet};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value};

/// The keys of the three streams.
const STREAMS: [&str; 3] = ["stdin", "stdout", "stderr"];

/// The root's manifest, cut down to what is needed; edges of `left` stay as they are.
///
/// # Errors
/// Why the text can't be changed, in words.
pub(super) fn rewrite(
    text: &str,
    plan: &Plan,
    learning: &Learning,
    needed: &BTreeMap<(NodeId, String), Needed>,
    left: &BTreeSet<Option<String>>,
) -> Result<String, String> {
    let manifest = Manifest::parse(text).map_err(|e| e.to_string())?;
    let mut document: DocumentMut = text.parse().map_err(|e: toml_edit::TomlError| e.to_string())?;
    let mut edges: Vec<Edge<'_>> = Vec::new();
    edges.extend(manifest.grants.iter().map(|(slot, grant)| Edge::new(&["grants"], None, NodeId(0), slot, grant)));
    for (table, deps) in [("deps", &manifest.deps), ("shared", &manifest.shared)] {
        for (name, dep) in deps {
            let path = format!("{}/{name}", plan.nodes[0].path);
            let id = plan.iter().find(|(_, node)| node.path == path).map(|(id, _)| id);
            let id = id.ok_or_else(|| format!("{table}.{name} is none of the plan's instances"))?;
            let grants = dep.grants.iter();
            edges.extend(grants.map(|(slot, grant)| Edge::new(&[table, name, "grants"], Some(name), id, slot, grant)));
            if !left.contains(&Some(name.clone())) {
                calls(&mut document, &[table, name], dep, plan, learning, id)?;
            }
        }
    }
    // What each edge hands over from now on, and so what the resource that it comes from has to allow.
    let mut allowed: BTreeMap<&str, Cap> = BTreeMap::new();
    for edge in &mut edges {
        let resource = manifest.host.get(&edge.grant.from).ok_or_else(|| format!("no host.{}", edge.grant.from))?;
        let asked = attenuation("grants", resource.cap.kind(), edge.grant.narrowed.clone());
        let held = asked.ok().and_then(|asked| derive(&resource.cap, &asked).ok());
        let held = held.ok_or_else(|| format!("grants.{} does not narrow", edge.slot))?;
        edge.now = match needed.get(&(edge.id, edge.slot.to_owned())) {
            Some(needed) if !left.contains(&edge.dep.map(str::to_owned)) => needed.of(&held),
            _ => Some(held.clone()),
        };
        edge.as_it_is = edge.now.as_ref() == Some(&held);
        let Some(now) = &edge.now else { continue };
        let joined = match allowed.get(edge.grant.from.as_str()) {
            Some(other) => join(other, now),
            None => in_host(&resource.cap, now),
        };
        allowed.insert(&edge.grant.from, joined);
    }
    for (name, resource) in &manifest.host {
        let Some(table) = find(&mut document, &["host"]) else { break };
        match allowed.get(name.as_str()) {
            // What no grant named before is nobody's, and stays.
            None if edges.iter().any(|edge| edge.grant.from == *name) => drop(table.remove(name)),
            None => {}
            Some(now) if *now != resource.cap => {
                if let Some(table) = table.get_mut(name).and_then(Item::as_table_like_mut) {
                    narrow(table, &resource.cap, now, true);
                }
            }
            Some(_) => {}
        }
    }
    for edge in &edges {
        let Some(table) = find(&mut document, &edge.table) else { continue };
        let Some(now) = &edge.now else {
            table.remove(edge.slot);
            continue;
        };
        let Some(source) = allowed.get(edge.grant.from.as_str()) else { continue };
        let explicit = explicit(&edge.grant.narrowed);
        if (edge.as_it_is && explicit) || (!explicit && is_all(source, now)) {
            continue;
        }
        let Some(item) = table.get_mut(edge.slot) else { continue };
        if let Some(from) = item.as_str().map(str::to_owned) {
            let mut inline = InlineTable::new();
            inline.insert("from", from.into());
            let decor = item.as_value().map(|value| value.decor().clone());
            let mut value = Value::InlineTable(inline);
            if let Some(decor) = decor {
                *value.decor_mut() = decor;
            }
            *item = Item::Value(value);
        }
        if let Some(table) = item.as_table_like_mut() {
            narrow(table, source, now, false);
        }
    }
    Ok(document.to_string())
}

/// A grant of the root's manifest.
struct Edge<'a> {
    table: Vec<&'a str>,
    /// The dependency; `None`: the root itself.
    dep: Option<&'a str>,
    id: NodeId,
    slot: &'a str,
    grant: &'a Grant,
    /// What it hands over from now on.
    now: Option<Cap>,
    /// Whether that is what it handed over.
    as_it_is: bool,
}

impl<'a> Edge<'a> {
    fn new(table: &[&'a str], dep: Option<&'a String>, id: NodeId, slot: &'a str, grant: &'a Grant) -> Edge<'a> {
        let dep = dep.map(String::as_str);
        Edge { table: table.to_vec(), dep, id, slot, grant, now: None, as_it_is: true }
    }
}

/// Whether a grant says itself what of its source it hands over, so that a smaller source would be no excuse.
fn explicit(narrowed: &toml::Table) -> bool {
    const KEYS: [&str; 11] = [
        "rights",
        "stdin",
        "stdout",
        "stderr",
        "allow",
        "command_line",
        "resolution",
        "fixed",
        "virtual",
        "connect",
        "listen",
    ];
    KEYS.iter().any(|key| narrowed.contains_key(*key))
}

/// What a resource of the host has to allow so that `now` can be derived from it: its rights and streams are cut, the rest
/// is for edges to cut.
fn in_host(resource: &Cap, now: &Cap) -> Cap {
    match (resource, now) {
        (Cap::Dir { path, grant }, Cap::Dir { grant: asked, .. }) => {
            let mut grant = *grant;
            grant.rights = grant.rights.intersection(asked.rights);
            Cap::Dir { path: path.clone(), grant }
        }
        (Cap::Stdio { stdin, stdout, stderr }, Cap::Stdio { stdin: i, stdout: o, stderr: e }) => {
            // A stream that is less by an edge is derived from the host's own.
            let of = |held: Stream, asked: Stream| if asked == Stream::None { Stream::None } else { held };
            Cap::Stdio { stdin: of(*stdin, *i), stdout: of(*stdout, *o), stderr: of(*stderr, *e) }
        }
        _ => resource.clone(),
    }
}

/// Whether it is all of a source that was made by [`in_host`], so that a grant has nothing to say.
fn is_all(source: &Cap, now: &Cap) -> bool {
    match now {
        Cap::Dir { .. } | Cap::Stdio { .. } => in_host(source, now) == *source,
        _ => now == source,
    }
}

/// What covers two that were made by [`in_host`] of one resource, or one such and what an edge hands over of it.
fn join(held: &Cap, now: &Cap) -> Cap {
    match (held, now) {
        (Cap::Dir { path, grant }, Cap::Dir { grant: asked, .. }) => {
            let mut grant = *grant;
            grant.rights = grant.rights.union(asked.rights);
            Cap::Dir { path: path.clone(), grant }
        }
        (Cap::Stdio { stdin, stdout, stderr }, Cap::Stdio { stdin: i, stdout: o, stderr: e }) => {
            Cap::Stdio { stdin: *stdin.max(i), stdout: *stdout.max(o), stderr: *stderr.max(e) }
        }
        _ => held.clone(),
    }
}

/// Writes into the table of a grant what makes `now` of `source`; in `[host]`, of what the table says.
fn narrow(table: &mut dyn TableLike, source: &Cap, now: &Cap, host: bool) {
    match (source, now) {
        (Cap::Dir { grant: held, .. }, Cap::Dir { grant, .. })
            if table.contains_key("rights") || held.rights != grant.rights =>
        {
            set(table, "rights", names(grant.rights));
        }
        (Cap::Stdio { stdin, stdout, stderr }, Cap::Stdio { stdin: i, stdout: o, stderr: e }) => {
            for (key, held, now) in [(STREAMS[0], stdin, i), (STREAMS[1], stdout, o), (STREAMS[2], stderr, e)] {
                let said = table.get(key).map(|item| item.as_str().map(str::to_owned));
                // In `[host]`, a stream that is still there is as it was written, which may be a file's name.
                let stays = match (&said, host) {
                    (_, true) => held == now,
                    (Some(said), false) => said.as_deref() == Some(now.name()),
                    (None, false) => held == now,
                };
                if !stays {
                    set(table, key, now.name().into());
                }
            }
        }
        (Cap::Tcp(held) | Cap::Udp(held), Cap::Tcp(net) | Cap::Udp(net)) if !host => {
            for (key, held, now) in [("connect", &held.connect, &net.connect), ("listen", &held.listen, &net.listen)] {
                if table.contains_key(key) || held != now {
                    set(table, key, texts(now));
                }
            }
        }
        (Cap::Dns(held), Cap::Dns(dns)) if !host && (table.contains_key("allow") || held.allow != dns.allow) => {
            set(table, "allow", texts(&dns.allow));
        }
        (Cap::Env(_), Cap::Env(names)) if names.is_empty() => set(table, "allow", Array::new().into()),
        (Cap::Args { .. }, Cap::Args { command_line: false, .. }) if !host => set(table, "command_line", false.into()),
        (Cap::Clock(_), Cap::Clock(Clock::Virtual)) if !host => {
            table.remove("resolution");
            table.remove("fixed");
            set(table, "virtual", true.into());
        }
        _ => {}
    }
}

/// Narrows what calls bring a dependency.
fn calls(
    document: &mut DocumentMut,
    at: &[&str],
    dep: &Dep,
    plan: &Plan,
    learning: &Learning,
    id: NodeId,
) -> Result<(), String> {
    let guest = learning.used(id);
    for (function, parameter) in brought(plan.node(id)) {
        let said = dep.call.get(&function).and_then(|parameters| parameters.get(&parameter));
        let most = said.and_then(|table| table.get("rights")).and_then(toml::Value::as_array).map(|rights| {
            let names = rights.iter().filter_map(toml::Value::as_str).filter_map(DirRights::from_name);
            names.fold(DirRights::NONE, DirRights::union)
        });
        let used = guest.lent(&function, &parameter).rights();
        let now = most.map_or(used, |most| most.intersection(used));
        if most == Some(now) {
            continue;
        }
        let mut table = find(document, at).ok_or_else(|| format!("no table {}", at.join(".")))?;
        for key in ["call", function.as_str(), parameter.as_str()] {
            let is_last = key == parameter;
            if !table.contains_key(key) {
                let new = if is_last {
                    Item::Value(InlineTable::new().into())
                } else {
                    let mut new = Table::new();
                    new.set_dotted(true);
                    Item::Table(new)
                };
                table.insert(key, new);
            }
            let below = table.get_mut(key).and_then(Item::as_table_like_mut);
            table = below.ok_or_else(|| format!("{}.call.{function} is no table", at.join(".")))?;
        }
        set(table, "rights", names(now));
    }
    Ok(())
}

fn find<'a>(document: &'a mut DocumentMut, keys: &[&str]) -> Option<&'a mut dyn TableLike> {
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for key in keys {
        table = table.get_mut(key)?.as_table_like_mut()?;
    }
    Some(table)
}

fn texts<T: ToString>(list: &[T]) -> Value {
    Value::Array(list.iter().map(T::to_string).collect())
}

fn names(rights: DirRights) -> Value {
    Value::Array(rights.names().into_iter().collect())
}

/// Sets a key, and keeps what is written around its value.
fn set(table: &mut dyn TableLike, key: &str, mut value: Value) {
    if let Some(old) = table.get(key).and_then(Item::as_value) {
        *value.decor_mut() = old.decor().clone();
        table.insert(key, Item::Value(value));
        return;
    }
    // What ends an inline table stands behind its last value.
    let mut end = None;
    for (_, item) in table.iter_mut() {
        let Some(last) = item.as_value_mut() else { continue };
        let decor = last.decor_mut();
        end = decor.suffix().and_then(|suffix| suffix.as_str()).map(str::to_owned);
        if end.as_deref().is_some_and(|end| !end.is_empty() && end.chars().all(|c| c == ' ')) {
            decor.set_suffix("");
        }
    }
    if end.as_deref().is_some_and(|end| end.chars().all(|c| c == ' ')) {
        value.decor_mut().set_suffix(" ");
        value.decor_mut().set_prefix(" ");
    }
    table.insert(key, Item::Value(value));
}
