//! `bailiwick graph`: the picture of who holds what, and who calls whom.
//!
//! Instances stand in columns by how far they are from the root, each with what it holds. A line from parent to child says
//! what is handed over and what is called; a dashed one leads to an instance that several share. The colour of an instance
//! is that of the strongest thing that it holds.

use super::explain;
use super::words::{allowed, and, denied, lent, origin};
use crate::app::cap::{Cap, Stream};
use crate::app::check::{Wiring, face};
use crate::app::plan::{NodeId, Origin, Plan};
use crate::wasi::DirRights;
use std::fmt::Write;

/// How much harm an instance could do with what it holds, as the picture shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
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
    const ALL: [Strength; 5] =
        [Strength::Nothing, Strength::Talks, Strength::Reads, Strength::Writes, Strength::Network];

    /// Fill and border.
    const fn colours(self) -> (&'static str, &'static str) {
        match self {
            Strength::Nothing => ("#eef7ee", "#5a8f5a"),
            Strength::Talks => ("#eaf2fb", "#4a78a8"),
            Strength::Reads => ("#fdf6de", "#a8892a"),
            Strength::Writes => ("#fdebdc", "#b8641f"),
            Strength::Network => ("#fbe3e4", "#b03a3f"),
        }
    }

    const fn legend(self) -> &'static str {
        match self {
            Strength::Nothing => "only computes",
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

/// A line between two instances.
struct Line {
    from: NodeId,
    to: NodeId,
    /// What is handed over, and what is called.
    labels: Vec<String>,
    shared: bool,
}

/// An instance as a box.
struct Card {
    title: String,
    subtitle: String,
    rows: Vec<String>,
    strength: Strength,
    dashed: bool,
    x: f64,
    y: f64,
}

const CARD_WIDTH: f64 = 270.0;
const COLUMN_GAP: f64 = 210.0;
const ROW: f64 = 16.0;
const HEAD: f64 = 44.0;
const MARGIN: f64 = 24.0;
const CARD_GAP: f64 = 26.0;
/// Characters that fit a card's row, and a line's label.
const ROW_CHARS: usize = 42;
const LABEL_CHARS: usize = 31;
/// Most labels of a line; more are counted.
const MAX_LABELS: usize = 5;

fn strength(plan: &Plan, id: NodeId) -> Strength {
    let held = plan.node(id).slots.values().map(|slot| Strength::of(&slot.cap));
    let lent = crate::app::lent::lent(plan, id).into_iter().map(|lent| Strength::of_rights(lent.rights()));
    held.chain(lent).max().unwrap_or(Strength::Nothing)
}

fn rows(plan: &Plan, id: NodeId) -> Vec<String> {
    let node = plan.node(id);
    let held = node.slots.keys().flat_map(|slot| allowed(plan, id, slot));
    let rows: Vec<String> = held.chain(lent(plan, id)).collect();
    if rows.is_empty() { vec!["holds nothing".to_owned()] } else { rows }
}

fn lines(plan: &Plan, wiring: &Wiring) -> Vec<Line> {
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
                    let what = match &held.cap {
                        Cap::Dir { grant, .. } => {
                            format!(
                                "{slot}: {} {}",
                                grant.rights.names().join("+"),
                                super::words::place(plan, callee, slot)
                            )
                        }
                        cap => format!("{slot}: {}", cap.kind()),
                    };
                    labels.push(what);
                }
            }
            for (import, to, export) in wiring.calls(id) {
                if to == callee {
                    let name = face(child)
                        .and_then(|m| m.world.as_ref())
                        .map_or(import.name.clone(), |world| world.exports()[export].name.clone());
                    let label = format!("{name}()");
                    if !labels.contains(&label) {
                        labels.push(label);
                    }
                }
            }
            lines.push(Line { from: id, to: callee, labels, shared: child.shared });
        }
    }
    lines
}

/// The picture in Graphviz's language.
pub fn dot(plan: &Plan, wiring: &Wiring) -> String {
    let mut out = String::from(
        "digraph application {\n  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\", fontsize=11];\n  edge [fontname=\"Helvetica\", fontsize=9];\n",
    );
    for (id, node) in plan.iter() {
        let (fill, border) = strength(plan, id).colours();
        let label: Vec<String> =
            std::iter::once(node.path.clone()).chain(rows(plan, id)).map(|row| quoted(&row)).collect();
        let style = if node.shared { ", style=\"rounded,filled,dashed\"" } else { "" };
        let _ = writeln!(
            out,
            "  n{} [label=\"{}\", fillcolor=\"{fill}\", color=\"{border}\"{style}];",
            id.0,
            label.join("\\n")
        );
    }
    for line in lines(plan, wiring) {
        let label: Vec<String> = line.labels.iter().map(|label| quoted(label)).collect();
        let style = if line.shared { ", style=dashed" } else { "" };
        let _ = writeln!(out, "  n{} -> n{} [label=\"{}\"{style}];", line.from.0, line.to.0, label.join("\\n"));
    }
    out.push_str("}\n");
    out
}

/// For a string of Graphviz's language: no quote and no backslash is left as it was, and nothing invisible.
fn quoted(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect::<String>()
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
}

/// For text and attributes of SVG and HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push('\n'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn cut(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars { text.to_owned() } else { text.chars().take(chars - 1).chain(['…']).collect() }
}

/// Words in rows of at most `chars` characters; a longer word is cut.
fn wrapped(text: &str, chars: usize) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match rows.last_mut() {
            Some(row) if row.chars().count() + 1 + word.chars().count() <= chars => {
                row.push(' ');
                row.push_str(word);
            }
            _ => rows.push(cut(word, chars)),
        }
    }
    rows
}

/// Where each card goes: children beside their parent, in the middle of which it stands.
fn place(plan: &Plan) -> Vec<Card> {
    let mut cards: Vec<Card> = plan
        .iter()
        .map(|(id, node)| {
            let (name, version) = &node.package;
            let subtitle = if name.is_empty() {
                node.members
                    .first()
                    .and_then(|m| m.file.file_name())
                    .map(|f| f.to_string_lossy().into_owned())
                    .unwrap_or_default()
            } else {
                format!("{name} {version}").trim().to_owned()
            };
            let mut text = Vec::new();
            for row in rows(plan, id) {
                for (i, part) in wrapped(&row, ROW_CHARS - 2).into_iter().enumerate() {
                    text.push(if i == 0 { format!("• {part}") } else { format!("   {part}") });
                }
            }
            Card {
                title: node.name.clone(),
                subtitle: if node.shared { format!("{subtitle} · shared") } else { subtitle },
                rows: text,
                strength: strength(plan, id),
                dashed: node.shared,
                x: 0.0,
                y: 0.0,
            }
        })
        .collect();
    let mut depth = vec![0usize; plan.nodes.len()];
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); plan.nodes.len()];
    for (id, node) in plan.iter() {
        if let Some(parent) = node.parent {
            depth[id.0] = depth[parent.0] + 1;
            children[parent.0].push(id.0);
        }
    }
    // Parents have smaller numbers, so this is from the leaves up and from the root down without recursion.
    let mut extent = vec![0.0f64; plan.nodes.len()];
    for id in (0..plan.nodes.len()).rev() {
        let below: f64 = children[id].iter().map(|&child| extent[child]).sum();
        let gaps = CARD_GAP * children[id].len().saturating_sub(1) as f64;
        extent[id] = (below + gaps).max(height(&cards[id]));
    }
    let mut top = vec![MARGIN + 30.0; plan.nodes.len()];
    for id in 0..plan.nodes.len() {
        cards[id].x = MARGIN + depth[id] as f64 * (CARD_WIDTH + COLUMN_GAP);
        cards[id].y = top[id] + (extent[id] - height(&cards[id])) / 2.0;
        let below: f64 = children[id].iter().map(|&child| extent[child]).sum::<f64>()
            + CARD_GAP * children[id].len().saturating_sub(1) as f64;
        let mut at = top[id] + (extent[id] - below) / 2.0;
        for &child in &children[id] {
            top[child] = at;
            at += extent[child] + CARD_GAP;
        }
    }
    cards
}

fn height(card: &Card) -> f64 {
    HEAD + ROW * card.rows.len() as f64 + 8.0
}

/// The picture: one SVG file that refers to nothing else.
pub fn svg(plan: &Plan, wiring: &Wiring) -> String {
    let cards = place(plan);
    let lines = lines(plan, wiring);
    let width = cards.iter().map(|card| card.x + CARD_WIDTH).fold(0.0, f64::max) + MARGIN;
    let width = width.max(760.0);
    let bottom = cards.iter().map(|card| card.y + height(card)).fold(0.0, f64::max);
    let total = bottom + 56.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {total:.0}\" width=\"{width:.0}\" height=\"{total:.0}\" font-family=\"Helvetica, Arial, sans-serif\">\n"
    );
    let root = plan.nodes.first().map(|root| root.name.as_str()).unwrap_or_default();
    let _ = writeln!(out, "<title>Authority in {}</title>", escaped(root));
    out.push_str("<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0 8 4 0 8z\" fill=\"#667\"/></marker></defs>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
    let _ = writeln!(
        out,
        "<text x=\"{MARGIN}\" y=\"{:.0}\" font-size=\"15\" font-weight=\"bold\" fill=\"#223\">{}: who holds what, and from whom</text>",
        MARGIN + 4.0,
        escaped(root)
    );
    for line in &lines {
        let (from, to) = (&cards[line.from.0], &cards[line.to.0]);
        let (x1, y1) = (from.x + CARD_WIDTH, from.y + height(from) / 2.0);
        let (x2, y2) = (to.x, to.y + height(to) / 2.0);
        let dashed = if line.shared { " stroke-dasharray=\"5 4\"" } else { "" };
        let path = if x2 > x1 {
            let bend = (x2 - x1) * 0.45;
            format!("M{x1:.1} {y1:.1} C{:.1} {y1:.1} {:.1} {y2:.1} {x2:.1} {y2:.1}", x1 + bend, x2 - bend)
        } else {
            // To a shared instance in the same column, or further left: around.
            let out_x = x1.max(to.x + CARD_WIDTH) + 46.0;
            let x2 = to.x + CARD_WIDTH;
            format!("M{x1:.1} {y1:.1} C{out_x:.1} {y1:.1} {out_x:.1} {y2:.1} {x2:.1} {y2:.1}")
        };
        let full = escaped(&line.labels.join("\n"));
        let _ = writeln!(
            out,
            "<g><title>{full}</title><path d=\"{path}\" fill=\"none\" stroke=\"#667\" stroke-width=\"1.3\" marker-end=\"url(#tip)\"{dashed}/>"
        );
        let mut labels: Vec<String> = line.labels.iter().map(|label| cut(label, LABEL_CHARS)).collect();
        if labels.len() > MAX_LABELS {
            let more = labels.len() - (MAX_LABELS - 1);
            labels.truncate(MAX_LABELS - 1);
            labels.push(format!("and {more} more"));
        }
        // Nearer to the child, where lines of several children do not meet.
        let (x, right) = if x2 > x1 { (x2 - 14.0, true) } else { (to.x + CARD_WIDTH + 40.0, false) };
        let y = y2 - 8.0 - 12.0 * (labels.len() as f64 - 1.0);
        for (i, label) in labels.iter().enumerate() {
            let anchor = if right { "end" } else { "start" };
            let _ = writeln!(
                out,
                "<text x=\"{x:.1}\" y=\"{:.1}\" font-size=\"10\" fill=\"#445\" text-anchor=\"{anchor}\" stroke=\"#fff\" stroke-width=\"3\" paint-order=\"stroke\">{}</text>",
                y + 12.0 * i as f64,
                escaped(label)
            );
        }
        out.push_str("</g>\n");
    }
    for (id, card) in cards.iter().enumerate() {
        let (fill, border) = card.strength.colours();
        let node = plan.node(NodeId(id));
        let dashed = if card.dashed { " stroke-dasharray=\"6 4\"" } else { "" };
        let tip = format!("{}\nmay not {}", node.path, and(&denied(plan, NodeId(id))).replace(" and ", " or "));
        let _ = writeln!(
            out,
            "<g id=\"n{id}\"><title>{}</title><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{CARD_WIDTH}\" height=\"{:.1}\" rx=\"7\" fill=\"{fill}\" stroke=\"{border}\" stroke-width=\"1.6\"{dashed}/>",
            escaped(&tip),
            card.x,
            card.y,
            height(card)
        );
        let mut text = |dx: f64, dy: f64, size: u32, colour: &str, extra: &str, text: &str| {
            let _ = writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{size}\" fill=\"{colour}\"{extra}>{}</text>",
                card.x + dx,
                card.y + dy,
                escaped(text)
            );
        };
        text(12.0, 20.0, 13, "#112", " font-weight=\"bold\"", &cut(&card.title, 32));
        text(12.0, 35.0, 10, "#556", "", &cut(&card.subtitle, 44));
        for (row, line) in card.rows.iter().enumerate() {
            text(12.0, HEAD + 10.0 + ROW * row as f64, 11, "#223", " xml:space=\"preserve\"", line);
        }
        out.push_str("</g>\n");
    }
    let mut x = MARGIN;
    for strength in Strength::ALL {
        let (fill, border) = strength.colours();
        let y = bottom + 26.0;
        let _ = writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"14\" height=\"14\" rx=\"3\" fill=\"{fill}\" stroke=\"{border}\"/><text x=\"{:.1}\" y=\"{:.1}\" font-size=\"10\" fill=\"#445\">{}</text>",
            x + 19.0,
            y + 11.0,
            strength.legend()
        );
        x += 32.0 + 6.0 * strength.legend().len() as f64;
    }
    out.push_str("</svg>\n");
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
        let (_, border) = strength(plan, id).colours();
        let (name, version) = &node.package;
        let _ = writeln!(
            out,
            "<section id=\"i{}\" style=\"border-color:{border}\"><h2>{} <small>{} {}</small></h2><ul>",
            id.0,
            escaped(&node.path),
            escaped(name),
            escaped(version)
        );
        let mut any = false;
        for (slot, held) in &node.slots {
            for clause in allowed(plan, id, slot) {
                any = true;
                let why = held.why.as_ref().map(|why| format!(" <small>{}</small>", escaped(why))).unwrap_or_default();
                let _ =
                    writeln!(out, "<li>may {}; from {}{why}</li>", escaped(&clause), escaped(&origin(plan, id, slot)));
            }
        }
        for clause in lent(plan, id) {
            any = true;
            let _ = writeln!(out, "<li>may {}</li>", escaped(&clause));
        }
        if !any {
            out.push_str("<li>may compute, and return what it computed</li>\n");
        }
        let may_not = and(&denied(plan, id)).replace(" and ", " or ");
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
