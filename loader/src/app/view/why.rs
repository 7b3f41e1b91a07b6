//! `bailiwick why`: by which grants an instance holds something, and by which of its code it can use it.

use super::words::{allowed, lent, place};
use crate::app::cap::{Cap, CapKind};
use crate::app::check::{Import, Outcome, Wiring};
use crate::app::files::shown;
use crate::app::plan::{Member, NodeId, Origin, Plan};
use crate::app::preview1::{self, Way};
use crate::wasi::DirRights;
use bailiwick_runtime_abi::format::{Kind, NONE, Root};
use serde_json::{Value, json};
use std::fmt::Write;

/// What is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Any capability of a kind.
    Kind(CapKind),
    /// A right of folders.
    Right(DirRights),
    /// A function that it imports: of the system interface, or of another instance.
    Function(String),
}

impl Question {
    /// Reads `dir`, `dir.write` or `fs.write`, `env`, or the name of a function.
    pub fn parse(text: &str) -> Question {
        let right = text.strip_prefix("dir.").or_else(|| text.strip_prefix("fs."));
        if let Some(right) = right.and_then(DirRights::from_name) {
            return Question::Right(right);
        }
        match CapKind::from_name(if text == "fs" { "dir" } else { text }) {
            Some(kind) => Question::Kind(kind),
            None => Question::Function(text.to_owned()),
        }
    }

    fn asks_for(&self, cap: &Cap) -> bool {
        match (self, cap) {
            (Question::Kind(kind), cap) => cap.kind() == *kind,
            (Question::Right(right), Cap::Dir { grant, .. }) => grant.rights.contains(*right),
            _ => false,
        }
    }
}

/// The answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// By slot: how the capability came to be held, the holder first.
    pub grants: Vec<Vec<String>>,
    /// By parameter: which calls come with it.
    pub lent: Vec<String>,
    /// By import: how control gets from outside to it.
    pub code: Vec<Vec<String>>,
}

impl Answer {
    /// Whether it holds it and can use it.
    pub fn holds(&self) -> bool {
        !self.grants.is_empty() || !self.lent.is_empty() || !self.code.is_empty()
    }
}

/// Answers for an instance.
pub fn answer(plan: &Plan, wiring: &Wiring, id: NodeId, question: &Question) -> Answer {
    let node = plan.node(id);
    let mut answer = Answer::default();
    let slots: Vec<&String> =
        node.slots.iter().filter(|(_, slot)| question.asks_for(&slot.cap)).map(|(name, _)| name).collect();
    for slot in &slots {
        let mut steps = Vec::new();
        for (at, name) in plan.trace(id, slot) {
            let holder = plan.node(at);
            let file = holder.manifest.as_ref().map(|file| shown(file)).unwrap_or_default();
            let may = allowed(plan, at, name).join("; ");
            let place = place(plan, at, name);
            let place = if place.is_empty() { String::new() } else { format!(", {place}") };
            steps.push(format!(
                "{} holds {name}{place}: may {may}{}",
                holder.path,
                if file.is_empty() { file } else { format!("   [{file}]") }
            ));
            if let Some(Origin::Host(host)) = holder.slots.get(name).map(|slot| &slot.from) {
                let root = plan.nodes.first().and_then(|root| root.manifest.as_ref());
                let file = root.map(|file| shown(file)).unwrap_or_default();
                steps.push(format!("[host] {host} of the application   [{file}]"));
            }
        }
        answer.grants.push(steps);
    }
    let asks_for_folder = |lent: &crate::app::lent::Lent| match question {
        Question::Kind(kind) => *kind == CapKind::Dir,
        Question::Right(right) => lent.rights.contains(*right),
        Question::Function(_) => false,
    };
    if crate::app::lent::lent(plan, wiring, id).iter().any(asks_for_folder) {
        answer.lent = lent(plan, wiring, id);
    }
    let by_call = !answer.lent.is_empty();
    for (index, member) in node.members.iter().enumerate() {
        for (number, import) in wiring.imports(id, index).iter().enumerate() {
            let asked = match (&import.outcome, question) {
                (_, Question::Function(name)) => {
                    import.name == *name || format!("{}.{}", import.module, import.name) == *name
                }
                (Outcome::System { slots: ways, .. }, _) => {
                    ways.iter().any(|way| slots.contains(&way)) || by_call && leads_to_folders(import)
                }
                _ => false,
            };
            if asked && import.reachable {
                answer.code.push(path(member, number, import));
            }
        }
    }
    answer
}

/// Whether a function of the system interface is a way to a folder, whoever lent it.
fn leads_to_folders(import: &Import) -> bool {
    matches!(preview1::way(&import.module, &import.name), Some(Way::To(kinds)) if kinds.contains(&CapKind::Dir))
}

/// The way from outside to an import, by the names of functions. It was computed by the compiler: a sound bound, and one
/// shortest way.
fn path(member: &Member, number: usize, import: &Import) -> Vec<String> {
    let view = member.artifact.view();
    let goal = format!("{}.{}", import.module, import.name);
    let Ok((root, index, path)) = view.reach(number as u32) else { return vec![goal] };
    let mut steps = Vec::new();
    match root {
        Root::Export => {
            let name = view.exports().get(index as usize).and_then(|export| view.string(export.name).ok());
            steps.push(format!("export {:?}", name.unwrap_or_default()));
        }
        Root::Start => steps.push("start".to_owned()),
        Root::Table => steps.push("a table that others see".to_owned()),
        Root::Global => steps.push("a global that others see".to_owned()),
        Root::Reference => steps.push("a reference that is handed out".to_owned()),
        Root::None | Root::Module => {}
    }
    for &function in path {
        if function == NONE {
            steps.push("…".to_owned());
            continue;
        }
        let imported = view.imports().iter().find(|i| i.kind == Kind::Function as u32 && i.index == function);
        if imported.is_some() {
            continue;
        }
        let name = view.functions().get(function as usize).and_then(|f| view.string(f.name).ok());
        steps.push(match name.filter(|name| !name.is_empty()) {
            // A module's names are a stranger's text: control characters could drive the reader's terminal.
            Some(name) => name.escape_debug().to_string(),
            None => format!("function {function}"),
        });
    }
    steps.push(goal);
    // An export often has the name of its function.
    steps.dedup_by(|next, before| *before == format!("export {:?}", next.as_str()));
    steps
}

/// The answer in words.
pub fn text(plan: &Plan, id: NodeId, asked: &str, answer: &Answer) -> String {
    let node = plan.node(id);
    let mut out = String::new();
    if !answer.holds() {
        let _ = writeln!(out, "{}: nobody handed it {asked}, and no code of it can get there.", node.path);
        return out;
    }
    for steps in &answer.grants {
        let _ = writeln!(out, "Granted:");
        for (depth, step) in steps.iter().enumerate() {
            let _ = writeln!(out, "  {}{}{step}", "  ".repeat(depth), if depth == 0 { "" } else { "↳ " });
        }
    }
    for clause in &answer.lent {
        let _ = writeln!(out, "Lent:\n  {} may {clause}", node.path);
    }
    if answer.code.is_empty() {
        let _ = writeln!(out, "Used: no code of {} can use it.", node.path);
    }
    for steps in &answer.code {
        let _ = writeln!(out, "Used:\n  {}", steps.join(" → "));
    }
    out
}

/// The answer for programs.
pub fn json(plan: &Plan, id: NodeId, asked: &str, answer: &Answer) -> Value {
    json!({"instance": plan.node(id).path, "asked": asked, "granted": answer.grants, "lent": answer.lent, "code": answer.code})
}
