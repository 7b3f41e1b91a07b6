//! `bailiwick graph`: who holds what, and who calls whom, for pictures: of Graphviz, of our own, and a page around that.
//!
//! The colour of an instance is that of the strongest thing that it holds.

use super::between::{self, its};
use super::explain;
use super::words::{self, allowed, denied, entropy, holds_nothing, lent, or, origin, place, unconfined};
use crate::cap::{Cap, CapKind, Stream};
use crate::check::{Wiring, face};
use crate::manifest::{OnFault, attenuation};
use crate::plan::{Node, NodeId, Origin, Plan};
use bailiwick_loader::wasi::DirRights;
use bytesize::ByteSize;
use std::collections::BTreeMap;
use std::fmt::Write;

pub use super::picture::svg;

/// How much harm an instance could do with what it holds, as the picture shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    /// It computes.
    Nothing,
    /// It can tell, or be told, something.
    Talks,
    /// It reads files.
    Reads,
    /// It changes files.
    Writes,
    /// It reaches other machines.
    Network,
}

impl Strength {
    pub(super) const ALL: [Strength; 5] =
        [Strength::Nothing, Strength::Talks, Strength::Reads, Strength::Writes, Strength::Network];

    /// Fill and border.
    pub(super) const fn colours(self) -> (&'static str, &'static str) {
        match self {
            Strength::Nothing => ("#eef7ee", "#5a8f5a"),
            Strength::Talks => ("#eaf2fb", "#4a78a8"),
            Strength::Reads => ("#fdf6de", "#a8892a"),
            Strength::Writes => ("#fdebdc", "#b8641f"),
            Strength::Network => ("#fbe3e4", "#b03a3f"),
        }
    }

    pub(super) const fn legend(self) -> &'static str {
        match self {
            Strength::Nothing => "computes, and calls others",
            Strength::Talks => "streams, environment, time",
            Strength::Reads => "reads files",
            Strength::Writes => "changes files",
            Strength::Network => "network",
        }
    }

    fn of_rights(rights: DirRights) -> Strength {
        let changes = DirRights::ALL.difference(DirRights::READ_ONLY);
        if rights.intersects(changes) { Strength::Writes } else { Strength::Reads }
    }

    fn of(cap: &Cap) -> Strength {
        match cap {
            Cap::Tcp(_) | Cap::Udp(_) | Cap::Dns(_) => Strength::Network,
            Cap::Dir { grant, .. } => Strength::of_rights(grant.rights),
            Cap::Stdio { stdin, stdout, stderr } => {
                if [stdin, stdout, stderr].into_iter().any(|mode| *mode > Stream::Null) {
                    Strength::Talks
                } else {
                    Strength::Nothing
                }
            }
            Cap::Env(variables) if variables.is_empty() => Strength::Nothing,
            Cap::Env(_) | Cap::Args { .. } | Cap::Clock(_) => Strength::Talks,
            Cap::Random(_) => Strength::Nothing,
        }
    }
}

/// What the picture says of machine code, in red.
pub(super) const NATIVE: &str = "MACHINE CODE: nothing confines it but whoever made it";

/// The colour of that.
pub(super) const NATIVE_COLOUR: &str = "#c00018";

/// The colour of lines to those who stand between a module and the world.
pub(super) const BETWEEN_COLOUR: &str = "#7a3fb0";

/// A line between two instances.
pub(super) struct Line {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    /// What is handed over, what is called, and within which limits.
    pub(super) labels: Vec<String>,
    pub(super) shared: bool,
    /// Whether the second answers what the first imports of the world: the labels are the interfaces.
    pub(super) between: bool,
}

/// How much harm an instance could do with what it holds and what calls bring it.
pub(super) fn strength(plan: &Plan, wiring: &Wiring, id: NodeId) -> Strength {
    let held = plan.node(id).slots.values().map(|slot| Strength::of(&slot.cap));
    let lent = crate::lent::lent(plan, wiring, id).into_iter().map(|lent| Strength::of_rights(lent.rights));
    held.chain(lent).max().unwrap_or(Strength::Nothing)
}

/// What an instance may do, one thing each.
pub(super) fn rows(plan: &Plan, wiring: &Wiring, id: NodeId) -> Vec<String> {
    let node = plan.node(id);
    let held = node.slots.keys().flat_map(|slot| allowed(plan, id, slot));
    let mut rows: Vec<String> = held.chain(lent(plan, wiring, id)).collect();
    rows.extend(node.virtuals.iter().map(|(virt, by)| format!("has {} from {}", its(*virt), plan.node(*by).path)));
    if rows.is_empty() {
        rows.push("holds nothing".to_owned());
    }
    if node.is_native() {
        rows.insert(0, NATIVE.to_owned());
    }
    rows
}

/// Every line.
pub(super) fn lines(plan: &Plan, wiring: &Wiring) -> Vec<Line> {
    let mut lines = Vec::new();
    for (id, node) in plan.iter() {
        for &callee in node.callees.values() {
            let child = plan.node(callee);
            let mut labels = Vec::new();
            for (slot, held) in &child.slots {
                let from_here = match &held.from {
                    Origin::Parent(parent, _) => *parent == id,
                    Origin::Host(_) => id == NodeId(0) && child.parent == Some(id),
                };
                if from_here {
                    labels.push(format!("{slot}: {}", handed(plan, callee, slot)));
                }
            }
            for (_, to, export) in wiring.calls(id).filter(|(import, ..)| import.reachable) {
                let Some(world) = face(child).and_then(|member| member.world.as_ref()).filter(|_| to == callee) else {
                    continue;
                };
                let name = &world.exports()[export].name;
                let taken = child.call.get(name).into_iter().flatten().map(|(parameter, table)| {
                    // That it can be read was checked.
                    let taken = attenuation("", CapKind::Dir, table.clone());
                    let taken = taken.map_or_else(|_| "narrowed".to_owned(), |taken| words::taken(&taken));
                    format!("{parameter}: {taken}")
                });
                let label = format!("{name}({})", taken.collect::<Vec<_>>().join(", "));
                if !labels.contains(&label) {
                    labels.push(label);
                }
            }
            if child.parent == Some(id) {
                labels.extend(limits(child));
                if child.on_fault == OnFault::Error {
                    labels.push("if it dies: an error".to_owned());
                }
            }
            lines.push(Line { from: id, to: callee, labels, shared: child.shared, between: false });
        }
        let mut between: BTreeMap<NodeId, Vec<String>> = BTreeMap::new();
        for (virt, by) in &node.virtuals {
            between.entry(*by).or_default().push(virt.interface().to_owned());
        }
        for (interface, (by, theirs)) in &node.answers {
            between.entry(*by).or_default().push(match interface == theirs {
                true => interface.clone(),
                false => format!("{interface} = {theirs}"),
            });
        }
        for (to, labels) in between {
            lines.push(Line { from: id, to, labels, shared: plan.node(to).shared, between: true });
        }
    }
    lines
}

/// Within which limits, in short.
fn limits(node: &Node) -> Option<String> {
    let limits = &node.limits;
    let size = |what: &str, bytes: Option<u64>| bytes.map(|bytes| format!("{what} {}", ByteSize(bytes)));
    let count = |what: &str, n: Option<u64>| n.map(|n| format!("{n} {what}"));
    let time = limits.time.map(|time| format!("{}/call", humantime::format_duration(time)));
    let parts: Vec<String> = [
        size("memory", limits.memory),
        size("stack", limits.stack),
        count("table elements", limits.table),
        count("exceptions", limits.exceptions),
        count("descriptors", limits.descriptors),
        count("handles", limits.handles),
        limits.values.map(|bytes| format!("values {}/call", ByteSize(bytes))),
        time,
    ]
    .into_iter()
    .flatten()
    .collect();
    if parts.is_empty() { None } else { Some(format!("≤ {}", parts.join(", "))) }
}

/// What is handed over, in short.
fn handed(plan: &Plan, id: NodeId, slot: &str) -> String {
    let Some(held) = plan.node(id).slots.get(slot) else { return String::new() };
    match &held.cap {
        Cap::Dir { grant, .. } => {
            let rights =
                if grant.rights == DirRights::NONE { "stat".to_owned() } else { grant.rights.names().join("+") };
            let bytes = grant.limits.max_bytes.map(|bytes| format!(", ≤ {}", ByteSize(bytes))).unwrap_or_default();
            let open = grant.limits.max_open.map(|open| format!(", ≤ {open} open")).unwrap_or_default();
            format!("{rights} {}{bytes}{open}", place(plan, id, slot))
        }
        Cap::Stdio { stdin, stdout, stderr } => {
            let streams = [("stdin", stdin), ("stdout", stdout), ("stderr", stderr)];
            let named = streams.into_iter().filter(|(_, mode)| **mode != Stream::None).map(|(name, mode)| match mode {
                Stream::Inherit => name.to_owned(),
                mode => format!("{name} ({})", mode.name()),
            });
            let named: Vec<String> = named.collect();
            if named.is_empty() { "no stream".to_owned() } else { named.join(", ") }
        }
        Cap::Env(variables) => {
            let names: Vec<&str> = variables.keys().map(String::as_str).collect();
            format!("env {}", if names.is_empty() { "with nothing in it".to_owned() } else { names.join(", ") })
        }
        Cap::Clock(clock) => clock.to_string(),
        Cap::Random(random) => random.to_string(),
        cap => cap.kind().name().to_owned(),
    }
}

/// The picture in Graphviz's language.
pub fn dot(plan: &Plan, wiring: &Wiring) -> String {
    let mut out = String::from(
        "digraph application {\n  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\", fontsize=11];\n  edge [fontname=\"Helvetica\", fontsize=9];\n",
    );
    for (id, node) in plan.iter() {
        let (fill, mut border) = strength(plan, wiring, id).colours();
        let width = if node.is_native() { ", penwidth=3" } else { "" };
        if node.is_native() {
            border = NATIVE_COLOUR;
        }
        let label: Vec<String> =
            std::iter::once(node.path.clone()).chain(rows(plan, wiring, id)).map(|row| quoted(&row)).collect();
        let style = if node.shared { ", style=\"rounded,filled,dashed\"" } else { "" };
        let _ = writeln!(
            out,
            "  n{} [label=\"{}\", fillcolor=\"{fill}\", color=\"{border}\"{width}{style}];",
            id.0,
            label.join("\\n")
        );
    }
    for line in lines(plan, wiring) {
        let label: Vec<String> = line.labels.iter().map(|label| quoted(label)).collect();
        let style = match (line.between, line.shared) {
            (true, _) => format!(", style=dotted, color=\"{BETWEEN_COLOUR}\", fontcolor=\"{BETWEEN_COLOUR}\""),
            (false, true) => ", style=dashed".to_owned(),
            (false, false) => String::new(),
        };
        let _ = writeln!(out, "  n{} -> n{} [label=\"{}\"{style}];", line.from.0, line.to.0, label.join("\\n"));
    }
    out.push_str("}\n");
    out
}

/// For a string of Graphviz's language: no quote and no backslash is left as it was, and nothing invisible.
fn quoted(text: &str) -> String {
    text.chars().map(visible).collect::<String>().replace('\\', "\\\\").replace('"', "\\\"")
}

/// What is no character of XML, controls a terminal or turns the order of letters around, as a mark.
fn visible(c: char) -> char {
    match c {
        c if c.is_control() => '\u{fffd}',
        '\u{fffe}' | '\u{ffff}' | '\u{61c}' | '\u{200e}' | '\u{200f}' => '\u{fffd}',
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c => c,
    }
}

/// For text and attributes of SVG and HTML.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push('\n'),
            c => out.push(visible(c)),
        }
    }
    out
}

/// A page that shows the picture and says in words what it shows; it refers to nothing else and runs no script.
pub fn html(plan: &Plan, wiring: &Wiring) -> String {
    let root = plan.nodes.first().map(|root| root.name.as_str()).unwrap_or_default();
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width\"><title>Authority in {0}</title>\n<style>body{{font:15px/1.5 Helvetica,Arial,sans-serif;color:#223;margin:2rem auto;max-width:110rem;padding:0 1rem}}figure{{margin:0;overflow-x:auto;border:1px solid #dde}}section{{border-left:4px solid #ccd;padding:.1rem 1rem;margin:1rem 0}}section:target{{border-color:#b8641f}}ul{{margin:.3rem 0}}.no{{color:#667}}pre{{white-space:pre-wrap}}small{{color:#667}}</style></head><body>\n<h1>Authority in {0}</h1>\n<figure>\n{1}</figure>\n",
        escaped(root),
        svg(plan, wiring)
    );
    for (id, node) in plan.iter() {
        let (_, border) = strength(plan, wiring, id).colours();
        let (name, version) = &node.package;
        let _ = writeln!(
            out,
            "<section id=\"i{}\" style=\"border-color:{border}\"><h2>{} <small>{} {}</small></h2><ul>",
            id.0,
            escaped(&node.path),
            escaped(name),
            escaped(version)
        );
        if let Some(said) = unconfined(node) {
            let _ = writeln!(out, "<li style=\"color:{NATIVE_COLOUR};font-weight:bold\">is {}</li>", escaped(&said));
        }
        for (slot, held) in &node.slots {
            for clause in allowed(plan, id, slot) {
                let why = held.why.as_ref().map(|why| format!(" <small>{}</small>", escaped(why))).unwrap_or_default();
                let _ =
                    writeln!(out, "<li>may {}; from {}{why}</li>", escaped(&clause), escaped(&origin(plan, id, slot)));
            }
        }
        for clause in lent(plan, wiring, id) {
            let _ = writeln!(out, "<li>may {}</li>", escaped(&clause));
        }
        for line in between::sentences(plan, wiring, id).iter().filter(|line| !line.starts_with("   ")) {
            let _ = writeln!(out, "<li>{}</li>", escaped(line.trim().trim_end_matches('.')));
        }
        if let Some(clause) = holds_nothing(plan, wiring, id) {
            let _ = writeln!(out, "<li>may {clause}</li>");
        }
        if entropy(plan, wiring, id) {
            out.push_str("<li>gets random numbers from the host</li>\n");
        }
        let may_not = or(&denied(plan, wiring, id));
        let _ = writeln!(out, "</ul><p class=\"no\">May not {}.</p>", escaped(&may_not));
        let _ = writeln!(
            out,
            "<details><summary>All of it</summary><pre>{}</pre></details></section>",
            escaped(&explain::text(plan, wiring, id))
        );
    }
    out.push_str("</body></html>\n");
    out
}
