//! The picture of an application: one SVG file that refers to nothing else.
//!
//! Instances stand in columns by how far they are from the root, each with what it holds. A line from parent to child says
//! what is handed over and what is called; a dashed one leads to an instance that several share. Of many, those that are
//! alike and have nobody below them are drawn as one, so that the rest can be seen.

use super::graph::{BETWEEN_COLOUR, Line, NATIVE, NATIVE_COLOUR, Strength, escaped, lines, rows, strength};
use super::words::{denied, or};
use crate::check::Wiring;
use crate::plan::{NodeId, Plan};
use std::collections::BTreeMap;
use std::fmt::Write;

/// One or several instances as a box.
struct Card {
    title: String,
    subtitle: String,
    rows: Vec<String>,
    tip: String,
    strength: Strength,
    native: bool,
    shared: bool,
    parent: Option<usize>,
    /// Lines of text at the line from its parent.
    label_rows: usize,
    x: f64,
    y: f64,
}

/// A line between cards.
struct Drawn {
    from: usize,
    to: usize,
    labels: Vec<String>,
    tip: String,
    shared: bool,
    between: bool,
}

const CARD_WIDTH: f64 = 280.0;
const COLUMN_GAP: f64 = 310.0;
const ROW: f64 = 16.0;
const HEAD: f64 = 44.0;
const MARGIN: f64 = 24.0;
const CARD_GAP: f64 = 26.0;
const LABEL_ROW: f64 = 12.0;
/// Widths of text, in pixels.
const ROW_WIDTH: f64 = CARD_WIDTH - 36.0;
const LABEL_WIDTH: f64 = 205.0;
const CALLER_LABEL_WIDTH: f64 = 82.0;
/// Most rows of text at a line, and in a card; more are counted.
const MAX_LABELS: usize = 8;
const MAX_ROWS: usize = 24;
/// Most rows of one thing among them.
const MAX_ITEM_ROWS: usize = 5;
/// From how many instances on those that are alike are drawn as one, and how many of them it takes.
const FOLD_FROM: usize = 40;
const FOLD_LEAST: usize = 4;

/// How wide a text is at most, in pixels, in the fonts that viewers have for what has no font of its own.
fn width(text: &str, size: f64) -> f64 {
    let ems = |c: char| match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' => 0.34,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '-' | '/' | '"' => 0.44,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 1.0,
        'A'..='Z' => 0.75,
        c if (c as u32) < 0x590 => 0.65,
        _ => 1.05,
    };
    text.chars().map(ems).sum::<f64>() * size
}

/// As much of a text as fits.
fn cut(text: &str, size: f64, most: f64) -> String {
    if width(text, size) <= most {
        return text.to_owned();
    }
    let mut out = String::new();
    for c in text.chars() {
        out.push(c);
        if width(&out, size) > most - size {
            out.pop();
            break;
        }
    }
    out.push('…');
    out
}

/// Words in rows that fit; a word that does not is cut.
fn wrapped(text: &str, size: f64, most: f64) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match rows.last_mut() {
            Some(row) if width(row, size) + width(word, size) + width(" ", size) <= most => {
                row.push(' ');
                row.push_str(word);
            }
            _ => rows.push(cut(word, size, most)),
        }
    }
    rows
}

/// Rows of a card or a line: each item wrapped, and those counted for which there is no room.
fn listed(items: &[String], size: f64, most: f64, bullet: bool, room: usize) -> Vec<String> {
    let mut out = Vec::new();
    for (done, item) in items.iter().enumerate() {
        let mut rows = wrapped(item, size, most);
        if rows.len() > MAX_ITEM_ROWS {
            rows.truncate(MAX_ITEM_ROWS - 1);
            rows.push("…".to_owned());
        }
        if out.len() + rows.len() > room && done > 0 {
            out.push(format!("… and {} more: `bailiwick explain` has all", items.len() - done));
            break;
        }
        for (i, row) in rows.into_iter().enumerate() {
            out.push(match (bullet, i) {
                (true, 0) => format!("• {row}"),
                (true, _) => format!("   {row}"),
                (false, 0) => row,
                (false, _) => format!("  {row}"),
            });
        }
    }
    out
}

fn height(card: &Card) -> f64 {
    HEAD + ROW * card.rows.len() as f64 + 8.0
}

/// The instances that each card stands for, and which card each stands in.
fn fold(plan: &Plan, wiring: &Wiring, lines: &[Line]) -> (Vec<Vec<NodeId>>, Vec<usize>) {
    let mut alike: BTreeMap<(NodeId, Strength, bool), Vec<NodeId>> = BTreeMap::new();
    if plan.nodes.len() > FOLD_FROM {
        let mut calls_any = vec![false; plan.nodes.len()];
        let mut callers = vec![0; plan.nodes.len()];
        for line in lines {
            calls_any[line.from.0] = true;
            callers[line.to.0] += 1;
        }
        for (id, node) in plan.iter() {
            let parent = node.parent.filter(|_| !node.shared && !calls_any[id.0] && callers[id.0] == 1);
            if let Some(parent) = parent {
                alike.entry((parent, strength(plan, wiring, id), node.is_native())).or_default().push(id);
            }
        }
    }
    let mut cards: Vec<Vec<NodeId>> = Vec::new();
    let mut card_of = vec![usize::MAX; plan.nodes.len()];
    for (id, _) in plan.iter() {
        if card_of[id.0] != usize::MAX {
            continue;
        }
        let group = alike.values().find(|group| group.len() >= FOLD_LEAST && group.first() == Some(&id));
        let group = group.cloned().unwrap_or_else(|| vec![id]);
        for member in &group {
            card_of[member.0] = cards.len();
        }
        cards.push(group);
    }
    (cards, card_of)
}

fn card(plan: &Plan, wiring: &Wiring, group: &[NodeId], card_of: &[usize]) -> Card {
    let first = plan.node(group[0]);
    let tip = |id: &NodeId| format!("{}\nmay not {}", plan.node(*id).path, or(&denied(plan, wiring, *id)));
    let (title, subtitle, items) = if let [id] = group {
        let (name, version) = &first.package;
        let file = first.members.first().and_then(|member| member.file.file_name());
        let label = match name.is_empty() {
            true => file.map(|file| file.to_string_lossy().into_owned()).unwrap_or_default(),
            false => format!("{name} {version}").trim().to_owned(),
        };
        let label = if first.shared { format!("{label} · shared") } else { label };
        (first.name.clone(), label, rows(plan, wiring, *id))
    } else {
        // What the same is said of is said once.
        let mut said: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for &id in group {
            for row in rows(plan, wiring, id) {
                said.entry(row).or_default().push(&plan.node(id).name);
            }
        }
        // What is said of all that are machine code comes first.
        let native = said.keys().find(|row| *row == NATIVE).cloned();
        let first = native.map(|row| (row.clone(), said.remove(&row).unwrap_or_default()));
        let items = first.into_iter().chain(said).map(|(row, names)| match names.as_slice() {
            _ if row == NATIVE => row,
            names if names.len() == group.len() => format!("each: {row}"),
            [name] => format!("{name}: {row}"),
            names => format!("{} of them, {} …: {row}", names.len(), names[0]),
        });
        let names: Vec<&str> = group.iter().map(|id| plan.node(*id).name.as_str()).collect();
        let title = format!("{} instances", group.len());
        (title, format!("{} … {}", names[0], names[names.len() - 1]), items.collect())
    };
    Card {
        title,
        subtitle,
        rows: listed(&items, 11.0, ROW_WIDTH, true, MAX_ROWS),
        tip: group.iter().take(20).map(tip).collect::<Vec<_>>().join("\n"),
        strength: strength(plan, wiring, group[0]),
        native: group.iter().any(|id| plan.node(*id).is_native()),
        shared: first.shared,
        parent: first.parent.map(|parent| card_of[parent.0]),
        label_rows: 0,
        x: 0.0,
        y: 0.0,
    }
}

/// The lines between cards: those to instances that are drawn as one are one, with what is the same of all.
fn drawn(lines: Vec<Line>, cards: &[Vec<NodeId>], card_of: &[usize]) -> Vec<Drawn> {
    let mut between: BTreeMap<(usize, usize, bool), Vec<Line>> = BTreeMap::new();
    for line in lines {
        between.entry((card_of[line.from.0], card_of[line.to.0], line.between)).or_default().push(line);
    }
    between
        .into_iter()
        .map(|((from, to, between), lines)| {
            let all = |label: &&String| lines.iter().all(|line| line.labels.contains(label));
            let mut labels: Vec<String> = lines[0].labels.iter().filter(all).cloned().collect();
            if cards[to].len() > 1 {
                labels.insert(0, format!("{} edges", lines.len()));
            }
            let tip = lines.iter().take(20).map(|line| line.labels.join("\n")).collect::<Vec<_>>().join("\n");
            Drawn { from, to, labels, tip, shared: lines[0].shared, between }
        })
        .collect()
}

/// Where each card goes: children beside their parent, in the middle of which it stands.
fn place(cards: &mut [Card]) {
    let mut depth = vec![0usize; cards.len()];
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); cards.len()];
    for id in 0..cards.len() {
        if let Some(parent) = cards[id].parent {
            depth[id] = depth[parent] + 1;
            children[parent].push(id);
        }
    }
    // Parents have smaller numbers, so this is from the leaves up and from the root down without recursion.
    let mut extent = vec![0.0f64; cards.len()];
    for id in (0..cards.len()).rev() {
        let below: f64 = children[id].iter().map(|&child| extent[child]).sum();
        let gaps = CARD_GAP * children[id].len().saturating_sub(1) as f64;
        // What stands at the line is above its end, in the middle of the card.
        let labels = 2.0 * (LABEL_ROW * cards[id].label_rows as f64 + 4.0);
        extent[id] = (below + gaps).max(height(&cards[id])).max(labels);
    }
    let mut top = vec![MARGIN + 34.0; cards.len()];
    for id in 0..cards.len() {
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
}

/// The picture: one SVG file that refers to nothing else.
pub fn svg(plan: &Plan, wiring: &Wiring) -> String {
    let lines = lines(plan, wiring);
    let (groups, card_of) = fold(plan, wiring, &lines);
    let lines = drawn(lines, &groups, &card_of);
    let mut cards: Vec<Card> = groups.iter().map(|group| card(plan, wiring, group, &card_of)).collect();
    for line in &lines {
        if cards[line.to].parent == Some(line.from) && !line.between {
            cards[line.to].label_rows = listed(&line.labels, 10.0, LABEL_WIDTH, false, MAX_LABELS).len();
        }
    }
    place(&mut cards);
    let counts = Strength::ALL.map(|kind| plan.iter().filter(|(id, _)| strength(plan, wiring, *id) == kind).count());
    let legend: Vec<String> =
        Strength::ALL.iter().zip(counts).map(|(kind, n)| format!("{} ({n})", kind.legend())).collect();
    let legend_width: f64 = legend.iter().map(|text| 38.0 + width(text, 10.0)).sum();
    let right = cards.iter().map(|card| card.x + CARD_WIDTH).fold(0.0, f64::max);
    // A line that goes around a card in the last column needs room.
    let around = if lines.iter().any(|line| line.shared || line.between) { 110.0 } else { 0.0 };
    let wide = (right + around).max(MARGIN + legend_width).max(740.0) + MARGIN;
    let bottom = cards.iter().map(|card| card.y + height(card)).fold(0.0, f64::max) + 14.0;
    let total = bottom + 74.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {wide:.0} {total:.0}\" width=\"{wide:.0}\" height=\"{total:.0}\" font-family=\"Helvetica, Arial, sans-serif\">\n"
    );
    let root = plan.nodes.first().map(|root| root.name.as_str()).unwrap_or_default();
    let _ = writeln!(out, "<title>Authority in {}</title>", escaped(root));
    out.push_str("<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0 8 4 0 8z\" fill=\"#667\"/></marker></defs>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
    let many = if plan.nodes.len() == 1 { "1 instance".to_owned() } else { format!("{} instances", plan.nodes.len()) };
    let _ = writeln!(
        out,
        "<text x=\"{MARGIN}\" y=\"{:.0}\" font-size=\"15\" font-weight=\"bold\" fill=\"#223\">{}: who holds what, and from whom ({many})</text>",
        MARGIN + 4.0,
        escaped(&cut(root, 15.0, 380.0))
    );
    // Lines first, then what stands at them: no line goes through a word.
    let mut words = String::new();
    let mut at_caller = vec![0usize; cards.len()];
    for line in &lines {
        draw_line(&mut out, &mut words, line, &cards, &mut at_caller);
    }
    out.push_str(&words);
    for (id, card) in cards.iter().enumerate() {
        draw_card(&mut out, id, card);
    }
    let mut x = MARGIN;
    for (strength, text) in Strength::ALL.into_iter().zip(&legend) {
        let (fill, border) = strength.colours();
        let y = bottom + 20.0;
        let _ = writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"14\" height=\"14\" rx=\"3\" fill=\"{fill}\" stroke=\"{border}\"/><text x=\"{:.1}\" y=\"{:.1}\" font-size=\"10\" fill=\"#445\">{}</text>",
            x + 19.0,
            y + 11.0,
            escaped(text)
        );
        x += 38.0 + width(text, 10.0);
    }
    let _ = writeln!(
        out,
        "<text x=\"{MARGIN}\" y=\"{:.1}\" font-size=\"10\" fill=\"#445\">A line: what is handed over, what is called(), and within which limits. Dashed: shared by several.{}</text>",
        bottom + 54.0,
        if lines.iter().any(|line| line.between) {
            " Dotted: who answers which interface, in place of the world."
        } else {
            ""
        }
    );
    out.push_str("</svg>\n");
    out
}

fn draw_line(out: &mut String, words: &mut String, line: &Drawn, cards: &[Card], at_caller: &mut [usize]) {
    let (from, to) = (&cards[line.from], &cards[line.to]);
    // Beside the line of what is handed over, if there is one.
    let end = to.y + height(to) / 2.0 + if line.between { 9.0 } else { 0.0 };
    let own = to.parent == Some(line.from) && !line.between;
    let forward = to.x > from.x;
    // A line back begins below the one that comes in.
    let (x1, y1) = match forward || to.x >= from.x {
        true => (from.x + CARD_WIDTH, from.y + height(from) / 2.0),
        false => (from.x, from.y + height(from) - 10.0),
    };
    let path = if forward {
        let bend = (to.x - x1) * 0.45;
        format!("M{x1:.1} {y1:.1} C{:.1} {y1:.1} {:.1} {end:.1} {:.1} {end:.1}", x1 + bend, to.x - bend, to.x)
    } else {
        // To a shared instance in the same column around it, or further left.
        let x2 = to.x + CARD_WIDTH;
        let (out_x, in_x) = if to.x >= from.x { (x1 + 52.0, x2 + 52.0) } else { (x1 - 120.0, x2 + 120.0) };
        format!("M{x1:.1} {y1:.1} C{out_x:.1} {y1:.1} {in_x:.1} {end:.1} {x2:.1} {end:.1}")
    };
    let dashed = match (line.between, line.shared) {
        (true, _) => " stroke-dasharray=\"1.5 3\"",
        (false, true) => " stroke-dasharray=\"5 4\"",
        (false, false) => "",
    };
    let colour = if line.between { BETWEEN_COLOUR } else { "#667" };
    let tip = escaped(&line.tip);
    let _ = writeln!(
        out,
        "<g><title>{tip}</title><path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.3\" marker-end=\"url(#tip)\"{dashed}/></g>"
    );
    // What is handed over stands at the child, where lines of several children do not meet; calls of what is shared at the
    // caller, where lines of several callers do not.
    let (labels, x, y, anchor) = if own {
        let labels = listed(&line.labels, 10.0, LABEL_WIDTH, false, MAX_LABELS);
        let y = end - 7.0 - LABEL_ROW * (labels.len() as f64 - 1.0);
        (labels, to.x - 14.0, y, "end")
    } else {
        // There is little room; the tip has all of it.
        let short = |label: &String| label.strip_prefix("bailiwick:virt/").unwrap_or(label).to_owned();
        let labels: Vec<String> =
            line.labels.iter().take(3).map(|label| cut(&short(label), 10.0, CALLER_LABEL_WIDTH)).collect();
        let skip = at_caller[line.from];
        at_caller[line.from] += labels.len();
        let y = y1 + 14.0 + LABEL_ROW * skip as f64;
        if forward || to.x >= from.x { (labels, x1 + 8.0, y, "start") } else { (labels, x1 - 8.0, y, "end") }
    };
    if labels.is_empty() {
        return;
    }
    let _ = writeln!(words, "<g><title>{tip}</title>");
    for (i, label) in labels.iter().enumerate() {
        let _ = writeln!(
            words,
            "<text x=\"{x:.1}\" y=\"{:.1}\" font-size=\"10\" fill=\"#445\" text-anchor=\"{anchor}\" stroke=\"#fff\" stroke-width=\"3\" paint-order=\"stroke\">{}</text>",
            y + LABEL_ROW * i as f64,
            escaped(label.trim_start())
        );
    }
    words.push_str("</g>\n");
}

fn draw_card(out: &mut String, id: usize, card: &Card) {
    let (fill, border) = card.strength.colours();
    let (border, stroke) = if card.native { (NATIVE_COLOUR, "3") } else { (border, "1.6") };
    let dashed = if card.shared { " stroke-dasharray=\"6 4\"" } else { "" };
    let _ = writeln!(
        out,
        "<g id=\"n{id}\"><title>{}</title><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{CARD_WIDTH}\" height=\"{:.1}\" rx=\"7\" fill=\"{fill}\" stroke=\"{border}\" stroke-width=\"{stroke}\"{dashed}/>",
        escaped(&card.tip),
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
    // Bold letters are wider.
    text(12.0, 20.0, 13, "#112", " font-weight=\"bold\"", &cut(&card.title, 14.5, CARD_WIDTH - 24.0));
    text(12.0, 35.0, 10, "#556", "", &cut(&card.subtitle, 10.0, CARD_WIDTH - 24.0));
    let badge = if card.native { listed(&[NATIVE.to_owned()], 11.0, ROW_WIDTH, true, MAX_ROWS).len() } else { 0 };
    for (row, line) in card.rows.iter().enumerate() {
        // Machine code is said first, in red.
        let (colour, bold) = if row < badge { (NATIVE_COLOUR, " font-weight=\"bold\"") } else { ("#223", "") };
        let extra = format!("{bold} xml:space=\"preserve\"");
        text(12.0, HEAD + 10.0 + ROW * row as f64, 11, colour, &extra, line);
    }
    out.push_str("</g>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_and_wrapped_by_its_width_and_not_by_its_letters() {
        assert_eq!(cut("short", 10.0, 100.0), "short");
        let (narrow, wide) = (cut(&"i".repeat(99), 10.0, 100.0), cut(&"W".repeat(99), 10.0, 100.0));
        assert!(narrow.chars().count() > 2 * wide.chars().count(), "{narrow} {wide}");
        for text in [&narrow, &wide] {
            assert!(text.ends_with('…') && width(text, 10.0) <= 102.0, "{text}");
        }
        for row in wrapped("write and create files below data/ÅÄÖ and 漢字漢字漢字漢字漢字漢字漢字", 11.0, 90.0)
        {
            assert!(width(&row, 11.0) <= 92.0, "{row}");
        }
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let items: Vec<String> = (0..10).map(|i| format!("item {i}")).collect();
        assert_eq!(
            listed(&items, 10.0, 100.0, true, 2),
            ["• item 0", "• item 1", "… and 8 more: `bailiwick explain` has all"]
        );
        let long = listed(&["word ".repeat(100)], 10.0, 100.0, false, 3);
        assert_eq!((long.len(), long[4].as_str()), (5, "  …"));
        assert_eq!(listed(&items[..2], 10.0, 100.0, false, 2), ["item 0", "item 1"]);
    }
}
