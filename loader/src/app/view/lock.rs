//! `bailiwick lock`: what an application was when somebody looked at it: hashes, what can be reached, what is granted.

use super::explain::cap_json;
use crate::app::check::{Outcome, Wiring};
use crate::app::plan::Plan;
use crate::app::problem::{Code, Problem};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// The lock's file name, beside the manifest.
pub const FILE: &str = "bailiwick.lock";

/// What the lock is written as.
pub const VERSION: u64 = 1;

/// The lock of an application, as JSON: the same for the same application, line by line, so that versions of it can be
/// compared by any tool.
pub fn lock(plan: &Plan, wiring: &Wiring) -> Value {
    let mut instances = Map::new();
    for (id, node) in plan.iter() {
        let mut modules = Vec::new();
        for (index, member) in node.members.iter().enumerate() {
            let mut reachable: Vec<String> = Vec::new();
            for import in wiring.imports(id, index).iter().filter(|import| import.reachable) {
                reachable.push(format!("{}.{}", import.module, import.name));
            }
            reachable.sort_unstable();
            reachable.dedup();
            let world = match member.artifact.view().world() {
                Ok(Some(world)) => world.encode().ok().map(|bytes| hex(&Sha256::digest(&bytes))),
                _ => None,
            };
            modules.push(json!({
                "name": member.name,
                // Of the WebAssembly, whether it was compiled now or before.
                "sha256": hex(&member.artifact.view().header().source_sha256),
                "interface": world,
                "reaches": reachable,
            }));
        }
        let holds: Map<String, Value> = node
            .slots
            .iter()
            .map(|(name, slot)| (name.clone(), json!({"kind": slot.cap.kind().name(), "grant": cap_json(&slot.cap), "place": super::words::place(plan, id, name)})))
            .collect();
        let mut calls: Vec<String> = wiring
            .all(id)
            .filter(|import| import.reachable)
            .filter_map(|import| match import.outcome {
                Outcome::Call { callee, .. } => {
                    Some(format!("{} {}.{}", plan.node(callee).path, import.module, import.name))
                }
                _ => None,
            })
            .collect();
        calls.sort_unstable();
        calls.dedup();
        let digest = hex(&Sha256::digest(Value::Object(holds.clone()).to_string().as_bytes()));
        instances.insert(
            node.path.clone(),
            json!({
                "package": node.package.0,
                "version": node.package.1,
                "modules": modules,
                "holds": holds,
                "grants_sha256": digest,
                "calls": calls,
            }),
        );
    }
    let root = plan.nodes.first().map(|root| root.name.clone());
    json!({"bailiwick_lock": VERSION, "application": root, "instances": instances})
}

/// Holds an application against its lock: bytes that changed are an error although name and version are the same.
pub fn verify(locked: &Value, now: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    let none = Map::new();
    let instances = |lock: &Value| lock.get("instances").and_then(Value::as_object).cloned();
    let (locked, now) =
        (instances(locked).unwrap_or_else(|| none.clone()), instances(now).unwrap_or_else(|| none.clone()));
    for (path, found) in &now {
        let Some(known) = locked.get(path) else {
            problems.push(Problem::new(
                Code::Lock,
                path,
                "it is not in the lock: a new dependency; look at `bailiwick diff`",
            ));
            continue;
        };
        for (field, what) in [
            ("modules", "other bytes, or other imports that its code can reach,"),
            ("holds", "other grants"),
            ("calls", "other calls"),
        ] {
            if known.get(field) != found.get(field) {
                let version = found.get("version").and_then(Value::as_str).unwrap_or_default();
                let same = known.get("version") == found.get("version") && known.get("package") == found.get("package");
                let same =
                    if same { format!(" although it is still called version {version:?}") } else { String::new() };
                problems.push(Problem::new(
                    Code::Lock,
                    path,
                    format!("{what} than the lock has{same}; look at `bailiwick diff`"),
                ));
            }
        }
    }
    for path in locked.keys().filter(|path| !now.contains_key(*path)) {
        problems.push(Problem::new(
            Code::Lock,
            path,
            "it is in the lock and no more in the application; look at `bailiwick diff`",
        ));
    }
    problems
}

/// Hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
