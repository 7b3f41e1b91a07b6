//! `bailiwick lock`: what an application was when somebody looked at it: hashes, what can be reached, what is granted.

use super::between;
use super::facts::{self, hex};
use crate::cap::{Cap, Stream};
use crate::check::{Outcome, Wiring};
use crate::files::shown;
use crate::gathered;
use crate::manifest::OnFault;
use crate::plan::{Node, NodeId, Origin, Plan};
use crate::problem::{Code, Problem};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// The lock's file name, beside the manifest.
pub const FILE: &str = "bailiwick.lock";

/// What the lock is written as.
pub const VERSION: u64 = 2;

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
            let world = match member.artifact.world() {
                Ok(Some(world)) => world.encode().ok().map(|bytes| hex(&Sha256::digest(&bytes))),
                _ => None,
            };
            modules.push(json!({
                "name": member.name,
                // Of the WebAssembly, whether it was compiled now or before.
                "sha256": hex(&member.artifact.view().header().source_sha256),
                "interface": world,
                "reaches": reachable,
                // Machine code may claim to be made of anything: so of that, the bytes themselves.
                "native_sha256": member.is_native().then(|| hex(&Sha256::digest(member.artifact.bytes()))),
            }));
        }
        let holds: Map<String, Value> = gathered(node.slots.keys().map(|name| (name.clone(), held(plan, id, name))));
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
        let mut instance = json!({
            "package": node.package.0,
            "version": node.package.1,
            "modules": modules,
            "holds": holds,
            "grants_sha256": digest,
            "calls": calls,
            "limits": facts::limits(&node.limits),
            "on_fault": match node.on_fault { OnFault::Trap => "trap", OnFault::Error => "error" },
            "takes_off_handles": facts::taken_off(node),
            "shared": node.shared,
        });
        // Locks of applications that say nothing of it stay as they are.
        let imports = between::locked(plan, id);
        if imports.as_object().is_some_and(|imports| !imports.is_empty()) {
            instance["imports"] = imports;
        }
        instances.insert(node.path.clone(), instance);
    }
    let root = plan.nodes.first().map(|root| root.name.clone());
    let mut host = Map::new();
    for (name, resource) in &plan.host {
        let place = resource.path.as_deref().map(super::words::written);
        let value = json!({
            "kind": resource.cap.kind().name(),
            "grant": facts::grant(&resource.cap),
            "place": place.unwrap_or_default(),
            "files": facts::files(resource),
        });
        host.insert(name.clone(), value);
    }
    json!({"bailiwick_lock": VERSION, "application": root, "host": host, "instances": instances})
}

/// What a slot holds, and where that comes from: what one spends of a quota, all have spent that have it from the same.
fn held(plan: &Plan, id: NodeId, name: &str) -> Value {
    let Some(slot) = plan.node(id).slots.get(name) else { return Value::Null };
    let from = match &slot.from {
        Origin::Host(host) => format!("host.{host}"),
        Origin::Parent(parent, from) => format!("{}: {from}", plan.node(*parent).path),
    };
    // Of streams: the files of the host that they are.
    let files = match (&slot.cap, plan.host_of(id, name)) {
        (Cap::Stdio { stdin, stdout, stderr }, Some(resource)) => {
            let mut files = facts::files(resource);
            for (stream, mode) in [("stdin", stdin), ("stdout", stdout), ("stderr", stderr)] {
                if *mode != Stream::File
                    && let Some(files) = files.as_object_mut()
                {
                    files.remove(stream);
                }
            }
            files
        }
        _ => json!({}),
    };
    json!({
        "kind": slot.cap.kind().name(),
        "grant": facts::grant(&slot.cap),
        "place": super::words::place(plan, id, name),
        "files": files,
        "at": slot.at,
        "from": from,
    })
}

/// Holds an application against its lock: bytes that changed are an error although name and version are the same.
pub fn verify(locked: &Value, now: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    if locked.get("host") != now.get("host") {
        let message = "`[host]` names other resources than the lock has, or grants other things of them; look at `bailiwick diff`";
        let root = now.get("application").and_then(Value::as_str).unwrap_or_default();
        problems.push(Problem::new(Code::Lock, root, message));
    }
    if locked.get("application") != now.get("application") {
        let name = |lock: &Value| lock.get("application").and_then(Value::as_str).unwrap_or_default().to_owned();
        let message = format!("the lock is of another application, {:?}; look at `bailiwick diff`", name(locked));
        problems.push(Problem::new(Code::Lock, &name(now), message));
    }
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
        // What is held was changed, or only the hash: by hand, since both are written together.
        if known.get("holds") == found.get("holds") && known.get("grants_sha256") != found.get("grants_sha256") {
            let message = "its grants_sha256 in the lock is not that of what the lock says it holds: somebody changed the lock by hand";
            problems.push(Problem::new(Code::Lock, path, message));
        }
        for (field, what) in [
            ("modules", "other bytes, or other imports that its code can reach,"),
            ("holds", "other grants"),
            ("calls", "other calls"),
            ("imports", "others who stand between it and the world, or answer what it imports,"),
            ("limits", "other limits"),
            ("on_fault", "another on_fault"),
            ("takes_off_handles", "another narrowing of handles that are passed to it"),
            ("package", "another package"),
            ("shared", "other callers"),
        ] {
            if known.get(field) != found.get(field) {
                let version = found.get("version").and_then(Value::as_str).unwrap_or_default();
                // What it is granted and may use up is not its own version's to say.
                let same = field == "modules"
                    && !version.is_empty()
                    && known.get("version") == found.get("version")
                    && known.get("package") == found.get("package");
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

/// Machine code that a library brings along, while there is no lock that names its bytes. WebAssembly can do what it was
/// granted; machine code whatever the user can, so that somebody has to have looked at where it comes from. What the
/// application's own manifest names was; what a library's names, for itself or for its dependencies, was not.
pub fn unpinned(plan: &Plan) -> Vec<Problem> {
    let root = Some(NodeId(0));
    let of_library = |node: &&Node| node.parent.is_some() && (node.manifest.is_some() || node.parent != root);
    let libraries = plan.nodes.iter().filter(of_library);
    let modules = libraries.flat_map(|node| node.members.iter().map(move |member| (node, member)));
    modules
        .filter(|(_, member)| member.is_native())
        .map(|(node, member)| {
            let message = format!(
                "{}: a library's module is machine code, which nothing confines but whoever made it; if you trust it as you would a program, let `bailiwick lock` name its bytes, else ask for the .wasm",
                shown(&member.file)
            );
            Problem::new(Code::Lock, &node.path, message)
        })
        .collect()
}

/// Takes the hashes of machine code out of a lock: to compare what was compiled with what it was compiled from.
pub fn forget_native(lock: &mut Value) {
    let instances =
        lock.get_mut("instances").and_then(Value::as_object_mut).into_iter().flat_map(|all| all.values_mut());
    let modules = instances.filter_map(|one| one.get_mut("modules").and_then(Value::as_array_mut)).flatten();
    for module in modules.filter_map(Value::as_object_mut) {
        module.remove("native_sha256");
    }
}

/// The machine code that a lock trusts and an earlier one did not: the path of its instance, the module's name, the hash.
pub fn newly_trusted(before: Option<&Value>, now: &Value) -> Vec<(String, String, String)> {
    let trusted = |lock: &Value| -> Vec<(String, String, String)> {
        let instances = lock.get("instances").and_then(Value::as_object).into_iter().flatten();
        let modules = instances.flat_map(|(path, one)| {
            one.get("modules").and_then(Value::as_array).into_iter().flatten().map(move |module| (path, module))
        });
        let text = |module: &Value, key: &str| module.get(key).and_then(Value::as_str).map(str::to_owned);
        modules
            .filter_map(|(path, m)| {
                Some((path.clone(), text(m, "name").unwrap_or_default(), text(m, "native_sha256")?))
            })
            .collect()
    };
    let known = before.map(trusted).unwrap_or_default();
    trusted(now).into_iter().filter(|one| !known.contains(one)).collect()
}
