//! `bailiwick why`: by which grants an instance holds something, and by which of its code it can use it.

use super::between::{its, next, without};
use super::words::{allowed, lent, place};
use crate::cap::{Cap, CapKind, Clock, Random, list};
use crate::check::{Import, Outcome, Wiring};
use crate::files::shown;
use crate::plan::{Member, Node, NodeId, Origin, Plan};
use crate::preview1::{self, Way};
use crate::virt::Virt;
use bailiwick_loader::wasi::{DirRights, MODULE};
use bailiwick_runtime_abi::format::{Kind, NONE, Root};
use serde_json::{Value, json};
use std::collections::BTreeSet;
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
    /// Reads `dir`, `dir.write` or `fs.write`, `env`, or the name of a function that the instance imports, or that the
    /// system interface has.
    ///
    /// # Errors
    /// What can be asked: a name that means nothing must not be answered as if it were something that nobody holds.
    pub fn parse(text: &str, wiring: &Wiring, id: NodeId) -> Result<Question, String> {
        let right = text.strip_prefix("dir.").or_else(|| text.strip_prefix("fs."));
        if let Some(right) = right.and_then(DirRights::from_name) {
            return Ok(Question::Right(right));
        }
        if let Some(kind) = CapKind::from_name(if text == "fs" { "dir" } else { text }) {
            return Ok(Question::Kind(kind));
        }
        let of_system = |module: &str, name: &str| preview1::way(module, name).is_some();
        let known = wiring.all(id).any(|import| names(import, text))
            || of_system(MODULE, text)
            || text.split_once('.').is_some_and(|(module, name)| of_system(module, name));
        if known {
            return Ok(Question::Function(text.to_owned()));
        }
        let functions: BTreeSet<&str> = wiring.all(id).map(|import| import.name.as_str()).collect();
        let functions: Vec<&str> = functions.into_iter().collect();
        Err(format!(
            "{text:?} is nothing that can be asked about; there are: the kinds {}; the rights of folders dir.{}; the functions that it imports: {}",
            CapKind::ALL.map(CapKind::name).join(", "),
            DirRights::ALL.names().join(", dir."),
            list(&functions),
        ))
    }

    fn asks_for(&self, cap: &Cap) -> bool {
        match (self, cap) {
            (Question::Kind(kind), cap) => cap.kind() == *kind,
            (Question::Right(right), Cap::Dir { grant, .. }) => grant.rights.contains(*right),
            _ => false,
        }
    }

    /// Whether a function of the system interface does what is asked about, whatever is held.
    fn is_way(&self, import: &Import) -> bool {
        if let (Outcome::Net { .. }, Question::Kind(kind)) = (&import.outcome, self) {
            return Virt::Net.kinds().contains(kind);
        }
        let Some(Way::To(kinds)) = preview1::way(&import.module, &import.name) else { return false };
        match self {
            Question::Kind(kind) => kinds.contains(kind),
            Question::Right(right) => preview1::rights(&import.name).intersects(*right),
            Question::Function(_) => false,
        }
    }

    /// Whether a function is a way to that and to nothing else, so that code which calls it wants that.
    fn is_only_way(&self, import: &Import) -> bool {
        if matches!(import.outcome, Outcome::Net { .. }) {
            return self.is_way(import) && import.outcome.is_inert();
        }
        let Some(Way::To(kinds)) = preview1::way(&import.module, &import.name) else { return false };
        let first = match self {
            Question::Kind(CapKind::Stdio) => matches!(import.name.as_str(), "fd_read" | "fd_write"),
            Question::Kind(CapKind::Clock) => kinds.first() == Some(&CapKind::Clock),
            _ => kinds.len() == 1,
        };
        first && self.is_way(import) && import.outcome.is_inert()
    }

    /// The kind of what is asked about.
    fn kind(&self) -> Option<CapKind> {
        match self {
            Question::Kind(kind) => Some(*kind),
            Question::Right(_) => Some(CapKind::Dir),
            Question::Function(_) => None,
        }
    }

    /// Whether everybody has it who is not handed less.
    fn is_everybodys(&self) -> bool {
        match self {
            Question::Kind(kind) => *kind == CapKind::Random,
            Question::Function(name) => matches!(preview1::way(MODULE, last(name)), Some(Way::To([CapKind::Random]))),
            Question::Right(_) => false,
        }
    }

    /// What happens to code that gets to a kind of which its instance holds nothing.
    fn without(&self) -> &'static str {
        if let Question::Function(name) = self {
            return match preview1::way(MODULE, last(name)) {
                Some(Way::To(&[kind, ..])) => Question::Kind(kind).without(),
                _ => "every such call is refused",
            };
        }
        match self {
            Question::Kind(CapKind::Clock) => "it is told a time of its own, which is nobody's",
            Question::Kind(CapKind::Args) => "it sees no arguments",
            Question::Kind(CapKind::Env) => "it sees an empty environment",
            Question::Kind(CapKind::Stdio) => "it has no streams",
            _ => "every such call is refused",
        }
    }
}

/// The last part of the name of a function of the system interface.
fn last(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, name)| name)
}

/// Whether an import has that name, with or without its module's.
fn names(import: &Import, name: &str) -> bool {
    import.name == name || format!("{}.{}", import.module, import.name) == name
}

/// The answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// What holds of it whatever is granted: that it is machine code, or that everybody has what is asked about.
    pub notes: Vec<String>,
    /// By slot: how the capability came to be held, the holder first.
    pub grants: Vec<Vec<String>>,
    /// By who stands between it and what is asked about, the next first: that it has it from there only, and which grants
    /// those have.
    pub between: Vec<Between>,
    /// By parameter: which calls come with it.
    pub lent: Vec<String>,
    /// By import: how control gets from outside to it.
    pub code: Vec<Vec<String>>,
    /// By import that leads to what it does not hold: how control gets there all the same, to be refused or told nothing.
    pub refused: Vec<Vec<String>>,
    /// What its code is told or refused there.
    pub without: String,
}

/// One who stands between an instance and what is asked about.
#[derive(Clone, Debug)]
pub struct Between {
    /// Which interface it implements.
    pub virt: Virt,
    /// The path of the instance that it stands before.
    pub of: String,
    /// Its own path.
    pub by: String,
    /// By slot of its own: how the capability came to be held.
    pub grants: Vec<Vec<String>>,
    /// By parameter of its own: which calls come with it.
    pub lent: Vec<String>,
    /// What is said of it if it has nothing of the kind.
    pub without: Option<String>,
}

/// Answers for an instance.
pub fn answer(plan: &Plan, wiring: &Wiring, id: NodeId, question: &Question) -> Answer {
    let node = plan.node(id);
    let mut answer = Answer { without: question.without().to_owned(), ..Answer::default() };
    answer.notes.extend(native(node));
    answer.grants = grants(plan, id, question);
    if let Some((virt, by)) = question.kind().and_then(|kind| node.virtualizes(kind)) {
        let (mut seen, mut open) = (BTreeSet::from([by]), vec![(id, by)]);
        while let Some((of, by)) = open.pop() {
            let next = next(plan, wiring, virt, by);
            let grants = grants(plan, by, question);
            let lent = if lends(plan, wiring, by, question) { lent(plan, wiring, by) } else { Vec::new() };
            let nothing = grants.is_empty() && lent.is_empty() && next.is_empty();
            answer.between.push(Between {
                virt,
                of: plan.node(of).path.clone(),
                by: plan.node(by).path.clone(),
                without: nothing.then(|| without(plan, wiring, by)),
                grants,
                lent,
            });
            open.extend(next.into_iter().filter(|next| seen.insert(*next)).map(|next| (by, next)));
        }
    }
    // Entropy is no authority: without a seed, everybody gets the host's.
    let seeded = node.slots.values().any(|slot| slot.cap.kind() == CapKind::Random);
    let virtual_random = node.virtuals.contains_key(&Virt::Random);
    let everybody = question.is_everybodys() && !seeded && !virtual_random;
    if everybody {
        answer.notes.push(
            "random numbers are no authority: everybody who is handed no seed gets the host's, and so does it"
                .to_owned(),
        );
    }
    if lends(plan, wiring, id, question) {
        answer.lent = lent(plan, wiring, id);
    }
    let held = !answer.grants.is_empty() || !answer.lent.is_empty() || !answer.between.is_empty() || everybody;
    for (index, member) in node.members.iter().enumerate() {
        for (number, import) in wiring.imports(id, index).iter().enumerate().filter(|(_, import)| import.reachable) {
            match question {
                Question::Function(name) if names(import, name) && (everybody || !import.outcome.is_inert()) => {
                    answer.code.push(path(member, number, import));
                }
                Question::Function(name) if names(import, name) => answer.refused.push(path(member, number, import)),
                _ if question.is_way(import) && held => answer.code.push(path(member, number, import)),
                _ if question.is_only_way(import) => answer.refused.push(path(member, number, import)),
                _ => {}
            }
        }
    }
    answer
}

/// By slot: how an instance came to hold what is asked about.
fn grants(plan: &Plan, id: NodeId, question: &Question) -> Vec<Vec<String>> {
    let mut grants = Vec::new();
    let slots = plan.node(id).slots.iter().filter(|(_, slot)| question.asks_for(&slot.cap));
    for (slot, _) in slots {
        let mut steps = Vec::new();
        for (at, name) in plan.trace(id, slot) {
            let holder = plan.node(at);
            let file = holder.manifest.as_ref().map(|file| shown(file)).unwrap_or_default();
            let may = match allowed(plan, at, name).join("; ") {
                may if may.is_empty() => nothing(plan, at, name).to_owned(),
                may => format!("may {may}"),
            };
            let place = place(plan, at, name);
            let place = if place.is_empty() { String::new() } else { format!(", {place}") };
            steps.push(format!(
                "{} holds {name}{place}: {may}{}",
                holder.path,
                if file.is_empty() { file } else { format!("   [{file}]") }
            ));
            if let Some(Origin::Host(host)) = holder.slots.get(name).map(|slot| &slot.from) {
                let root = plan.nodes.first().and_then(|root| root.manifest.as_ref());
                let file = root.map(|file| shown(file)).unwrap_or_default();
                steps.push(format!("[host] {host} of the application   [{file}]"));
            }
        }
        grants.push(steps);
    }
    grants
}

/// Whether calls bring an instance what is asked about.
fn lends(plan: &Plan, wiring: &Wiring, id: NodeId, question: &Question) -> bool {
    crate::lent::lent(plan, wiring, id).iter().any(|lent| match question {
        Question::Kind(kind) => *kind == CapKind::Dir,
        Question::Right(right) => lent.rights.contains(*right),
        Question::Function(_) => false,
    })
}

/// What is said of an instance that is machine code.
fn native(node: &Node) -> Option<String> {
    let what = "is machine code: nothing confines it but whoever made it, whatever is said below";
    node.is_native().then(|| format!("{} {what}", node.path))
}

/// What holding something means that allows for nothing.
fn nothing(plan: &Plan, id: NodeId, slot: &str) -> &'static str {
    match plan.node(id).slots.get(slot).map(|slot| &slot.cap) {
        Some(Cap::Random(Random::Host)) => "gets random numbers from the host, as everybody who is handed no seed",
        Some(Cap::Clock(Clock::Virtual)) => "is told a time of its own, which is nobody's",
        _ => "there is nothing in it",
    }
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
    for note in &answer.notes {
        let _ = writeln!(out, "Note: {note}.");
    }
    // Of a native module, what its code can reach was said by whoever made it.
    let can = if node.is_native() { "no code of it says that it can" } else { "no code of it can" };
    let held = !answer.grants.is_empty() || !answer.lent.is_empty() || !answer.between.is_empty();
    if !held && answer.code.is_empty() && answer.refused.is_empty() {
        let _ = match answer.notes.iter().any(|note| note.starts_with("random")) {
            true => writeln!(out, "{}: {can} ask for any.", node.path),
            false => writeln!(out, "{}: nobody handed it {asked}, and {can} get there.", node.path),
        };
        return out;
    }
    for one in &answer.between {
        let (of, by, what) = (&one.of, &one.by, its(one.virt));
        let interface = one.virt.interface();
        let _ = writeln!(out, "Virtualized:");
        let _ =
            writeln!(out, "  {of} has {what} only as {by} gives it ({interface}), which may show what there is not");
    }
    granted(&mut out, &node.path, &answer.grants, &answer.lent);
    if !answer.grants.is_empty()
        && let Some(first) = answer.between.first()
    {
        let _ = writeln!(out, "  Its own module reaches none of that: {} stands between.", first.by);
    }
    for one in &answer.between {
        granted(&mut out, &one.by, &one.grants, &one.lent);
        if let Some(without) = &one.without {
            let _ = writeln!(out, "  {} {without}.", one.by);
        }
    }
    if held && answer.code.is_empty() {
        let _ = writeln!(out, "Used: {can} use it.");
    }
    for steps in &answer.code {
        let _ = writeln!(out, "Used:\n  {}", steps.join(" → "));
    }
    if !answer.refused.is_empty() {
        let _ = writeln!(
            out,
            "{}: nobody handed it {asked}; its code gets there all the same: {}.",
            node.path, answer.without
        );
    }
    for steps in &answer.refused {
        let _ = writeln!(out, "Without effect:\n  {}", steps.join(" → "));
    }
    out
}

/// How something came to be held: by grants, and by calls.
fn granted(out: &mut String, path: &str, grants: &[Vec<String>], lent: &[String]) {
    for steps in grants {
        let _ = writeln!(out, "Granted:");
        for (depth, step) in steps.iter().enumerate() {
            let _ = writeln!(out, "  {}{}{step}", "  ".repeat(depth), if depth == 0 { "" } else { "↳ " });
        }
    }
    for clause in lent {
        let _ = writeln!(out, "Lent:\n  {path} may {clause}");
    }
}

/// The answer for programs.
pub fn json(plan: &Plan, id: NodeId, asked: &str, answer: &Answer) -> Value {
    let between = answer.between.iter().map(|one| {
        let interface = one.virt.interface();
        json!({"interface": interface, "of": one.of, "by": one.by, "granted": one.grants, "lent": one.lent})
    });
    json!({
        "instance": plan.node(id).path,
        "asked": asked,
        "virtualized": between.collect::<Vec<_>>(),
        "machine_code": plan.node(id).is_native(),
        "notes": answer.notes,
        "granted": answer.grants,
        "lent": answer.lent,
        "code": answer.code,
        "refused": answer.refused,
    })
}
