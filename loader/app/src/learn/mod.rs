//! What an application used of what its manifest grants, and a manifest that grants no more than that.
//!
//! `needed` says what each slot was used for, those counted that are derived from it; `rewrite` cuts the text of the root's
//! manifest down to it, and leaves what a person wrote besides; `within` holds the result against what there was, since a
//! learned manifest is never wider, and says what became less. Only edges of the root's manifest are cut. Libraries' own
//! manifests stay as they are, so a slot that one of them hands on, or needs, stays there, with nothing in it.
//!
//! What was learned is what this version did in this run, malicious or not.

mod needed;
mod rewrite;
mod within;

use super::check::{Outcome, Wiring};
use super::plan::{NodeId, Plan};
use super::problem::Problem;
use bailiwick_loader::wasi::{Dir, DirUse, GuestUse};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use within::{Change, changes, wider};

/// Notes what every instance of a running application uses.
#[derive(Debug, Default)]
pub struct Learning {
    instances: Mutex<BTreeMap<NodeId, Instance>>,
}

/// What is noted of one instance.
#[derive(Clone, Debug, Default)]
struct Instance {
    guest: Arc<GuestUse>,
    folders: BTreeMap<String, Arc<DirUse>>,
}

impl Learning {
    fn instances(&self) -> MutexGuard<'_, BTreeMap<NodeId, Instance>> {
        self.instances.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where an instance's use is noted, and whether the root's manifest says what becomes of folders that calls bring it.
    pub(super) fn guest(&self, plan: &Plan, id: NodeId) -> (Arc<GuestUse>, bool) {
        let guest = Arc::clone(&self.instances().entry(id).or_default().guest);
        (guest, plan.node(id).parent == Some(NodeId(0)))
    }

    /// Notes how the folder of a slot is used.
    pub(super) fn folder(&self, _plan: &Plan, id: NodeId, slot: &str, dir: &Dir) {
        self.instances().entry(id).or_default().folders.insert(slot.to_owned(), dir.record());
    }

    fn of(&self, id: NodeId) -> Instance {
        self.instances().get(&id).cloned().unwrap_or_default()
    }

    /// What an instance used, but for its folders.
    pub fn used(&self, id: NodeId) -> Arc<GuestUse> {
        self.of(id).guest
    }
}

/// A learned manifest.
#[derive(Debug)]
pub struct Learned {
    /// Its text, without a heading.
    pub text: String,
    /// What it is a plan of.
    pub plan: Plan,
    /// In what it is less.
    pub changes: Vec<Change>,
    /// Dependencies whose grants were left as they are, because with less they would not check.
    pub left: Vec<String>,
}

/// Why there is no learned manifest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LearnError {
    /// The text can't be changed.
    #[error("the manifest can't be rewritten: {0}")]
    Text(String),
    /// What was learned does not check.
    #[error("what was learned does not check, so nothing is written: {}", listed(.0))]
    Problems(Vec<Problem>),
    /// It would be wider: what the application is made of has changed meanwhile, or this is a mistake of ours.
    #[error(
        "what was learned is not within what there was, so nothing is written; has the application changed meanwhile? {}",
        .0.join("; ")
    )]
    Wider(Vec<String>),
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Cuts a manifest down to what was used. `text` is what `plan` was made of; `load` makes a plan of another text in its
/// place, and checks it.
///
/// # Errors
/// [`LearnError`]
pub fn narrow(
    text: &str,
    plan: &Plan,
    learning: &Learning,
    load: &dyn Fn(&str) -> Result<Plan, Vec<Problem>>,
) -> Result<Learned, LearnError> {
    let needed = needed::needed(plan, learning);
    // Edges that are left as they are, by the name of the dependency; the root's own are `None`.
    let mut left: BTreeSet<Option<String>> = BTreeSet::new();
    // Each round leaves one more alone.
    for _ in 0..=plan.nodes.len() {
        let text = rewrite::rewrite(text, plan, learning, &needed, &left).map_err(LearnError::Text)?;
        let problems = match load(&text) {
            Ok(learned) => {
                let wider = wider(plan, &learned);
                if !wider.is_empty() {
                    return Err(LearnError::Wider(wider));
                }
                let changes = changes(plan, &learned);
                return Ok(Learned { text, plan: learned, changes, left: left.into_iter().flatten().collect() });
            }
            Err(problems) => problems,
        };
        let before = left.len();
        left.extend(problems.iter().map(|problem| problem.edge.split('/').nth(1).map(str::to_owned)));
        if left.len() == before {
            return Err(LearnError::Problems(problems));
        }
    }
    Err(LearnError::Problems(Vec::new()))
}

/// Whether `learn` hears of each call: what somebody who stands between answers, reaches nothing that was granted.
fn is_noted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::System { itself: false, virtuals, .. } if virtuals.is_empty())
}

/// What was not exercised, in words: system calls that an instance can reach and never made, by instance; and dependencies
/// that nobody called.
pub fn unexercised(plan: &Plan, wiring: &Wiring, learning: &Learning) -> Vec<String> {
    let mut lines = Vec::new();
    for (id, node) in plan.iter() {
        let used = learning.used(id);
        // Who stands between somebody and the world is called on that one's behalf, like by anybody.
        if node.parent.is_some() && used.entered().is_empty() {
            lines.push(format!("{}: it was never called", node.path));
            continue;
        }
        let never: BTreeSet<&str> = wiring
            .all(id)
            .filter(|import| import.reachable && is_noted(&import.outcome))
            .filter(|import| !import.outcome.is_inert() && !used.called(&import.name) && import.name != "proc_exit")
            .map(|import| import.name.as_str())
            .collect();
        if !never.is_empty() {
            lines.push(format!("{}: {}", node.path, never.into_iter().collect::<Vec<_>>().join(", ")));
        }
    }
    lines
}
