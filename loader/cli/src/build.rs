//! `bailiwick build`: one folder to deploy, that needs no compiler: artifacts, manifests, lock, what is granted.
//!
//! ```text
//! OUT/bailiwick.toml       the application's manifest, its modules named as they lie here
//! OUT/library-N.toml       those of its libraries: beside the modules, since a library names only files below its own folder
//! OUT/modules/HASH.bwk     each module once
//! OUT/bailiwick.lock       what `check` and `run` hold it against
//! OUT/grants.json          what each instance holds, and from whom
//! ```

use super::app::{Checked, load, manifest, refused};
use super::cache::Sharing;
use super::exit::{ExitCode, Failure};
use super::output::write_file;
use super::text::print;
use bailiwick_app::files::{canonical, folder_of, read_text};
use bailiwick_app::manifest::MAX_MANIFEST_BYTES;
use bailiwick_app::plan::{NodeId, Plan};
use bailiwick_app::shipped;
use bailiwick_app::view::{explain, lock};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use toml::Table;

/// Arguments of `bailiwick build`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bailiwick build -o wallet.out            ./bailiwick.toml
  bailiwick run wallet.out                 no compiler is needed

Paths of host resources stay as the manifest has them: relative to the folder that is deployed.")]
pub struct Build {
    /// The application's manifest, or its folder
    #[arg(value_name = "APP.toml")]
    app: Option<PathBuf>,
    /// The folder to make; it must not be there yet
    #[arg(short, long, value_name = "FOLDER")]
    output: PathBuf,
}

impl Build {
    /// Makes the folder, whole or not at all.
    pub fn execute(self) -> Result<ExitCode, Failure> {
        let source = manifest(self.app.as_deref());
        let checked = load(&source, Some(Sharing::Mapped)).map_err(|problems| refused(&problems))?;
        checked.against_lock(&source)?;
        let out = &self.output;
        let failed = |e: std::io::Error| Failure::new(format!("{}: {e}", out.display()));
        if out.symlink_metadata().is_ok() {
            let message =
                format!("{}: it is there already, and is not written over; name another with -o", out.display());
            return Err(Failure::new(message));
        }
        let name = out.file_name().ok_or_else(|| Failure::usage("-o wants the name of a folder"))?;
        sweep(&folder_of(out), name);
        let part = out.with_file_name(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
        let made = claim(&part).map_err(failed).and_then(|_claimed| fill(&checked, &part));
        if let Err(failure) = made.and_then(|()| std::fs::rename(&part, out).map_err(failed)) {
            let _ = std::fs::remove_dir_all(&part);
            return Err(failure);
        }
        print(&format!("{}: {} instances\n", out.display(), checked.plan.nodes.len()))
    }
}

/// Makes a folder that is this process's as long as the result is open.
fn claim(part: &Path) -> std::io::Result<File> {
    std::fs::create_dir(part)?;
    let folder = File::open(part)?;
    folder.try_lock()?;
    Ok(folder)
}

/// Removes what builds of the same folder that were killed have left: folders that nobody claims any more. What can't be
/// removed is in nobody's way.
fn sweep(beside: &Path, name: &OsStr) {
    let begin = format!(".{}.", name.to_string_lossy());
    for entry in std::fs::read_dir(beside).into_iter().flatten().flatten() {
        let left = entry.file_name();
        let number = left.to_str().and_then(|left| left.strip_prefix(&begin)?.strip_suffix(".part"));
        if number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
            && entry.file_type().is_ok_and(|kind| kind.is_dir())
            && let Ok(folder) = File::open(entry.path())
            && folder.try_lock().is_ok()
        {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn fill(checked: &Checked, folder: &Path) -> Result<(), Failure> {
    let plan = &checked.plan;
    let make =
        |folder: &Path| std::fs::create_dir(folder).map_err(|e| Failure::new(format!("{}: {e}", folder.display())));
    make(&folder.join("modules"))?;
    let mut names = Names { manifests: BTreeMap::new(), modules: BTreeMap::new() };
    for node in &plan.nodes {
        for member in &node.members {
            let bytes = member.artifact.bytes();
            let hash: String = Sha256::digest(bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
            let name = format!("modules/{hash}.bwk");
            let file = folder.join(&name);
            if !file.exists() {
                write_file(&file, bytes)?;
            }
            let place = if member.shipped { member.file.clone() } else { canonical(&member.file) };
            names.modules.insert(place, name);
        }
        if let Some(manifest) = &node.manifest {
            let number = names.manifests.len();
            let name = if number == 0 { super::app::MANIFEST.to_owned() } else { format!("library-{number}.toml") };
            names.manifests.entry(canonical(manifest)).or_insert(name);
        }
    }
    for (source, name) in &names.manifests {
        let table = names.rewritten(source)?;
        let text = toml::to_string(&table).map_err(|e| Failure::new(format!("{}: {e}", source.display())))?;
        write_file(&folder.join(name), text.as_bytes())?;
    }
    // What was written is what is looked at, not what it was written from.
    let built = load(&folder.join(super::app::MANIFEST), None).map_err(|problems| refused(&problems))?;
    let lock = lock::lock(&built.plan, &built.wiring);
    let mut was = lock::lock(plan, &checked.wiring);
    let mut is = lock.clone();
    // Machine code is what this makes of WebAssembly, so that is what may differ.
    for lock in [&mut was, &mut is] {
        lock::forget_native(lock);
    }
    let differs = lock::verify(&was, &is);
    if !differs.is_empty() {
        return Err(refused(&differs));
    }
    write_json(&folder.join(lock::FILE), &lock)?;
    write_json(&folder.join("grants.json"), &grants(&built.plan, &built))
}

fn grants(plan: &Plan, built: &Checked) -> Value {
    let ids: Vec<NodeId> = plan.iter().map(|(id, _)| id).collect();
    let instances: Vec<Value> = ids.into_iter().map(|id| explain::json(plan, &built.wiring, id)).collect();
    json!({"instances": instances})
}

fn write_json(file: &Path, value: &Value) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    write_file(file, format!("{text}\n").as_bytes())
}

/// What things are called in the folder, by where they came from.
struct Names {
    manifests: BTreeMap<PathBuf, String>,
    modules: BTreeMap<PathBuf, String>,
}

impl Names {
    /// A manifest, with the names that things have here.
    fn rewritten(&self, source: &Path) -> Result<Table, Failure> {
        let failed = |e: &dyn std::fmt::Display| Failure::new(format!("{}: {e}", source.display()));
        let text = read_text(source, MAX_MANIFEST_BYTES).map_err(|e| failed(&e))?;
        let mut table: Table = text.parse().map_err(|e| failed(&e))?;
        let folder = source.parent().unwrap_or(Path::new("."));
        if let Some(package) = table.get_mut("package").and_then(toml::Value::as_table_mut) {
            self.renamed(package, folder).map_err(|e| failed(&e))?;
        }
        for section in ["deps", "shared"] {
            let Some(deps) = table.get_mut(section).and_then(toml::Value::as_table_mut) else { continue };
            for (_, dep) in deps.iter_mut() {
                if let Some(dep) = dep.as_table_mut() {
                    self.renamed(dep, folder).map_err(|e| failed(&e))?;
                }
            }
        }
        Ok(table)
    }

    fn renamed(&self, table: &mut Table, folder: &Path) -> Result<(), String> {
        let here = |text: &str| {
            let source = match shipped::find(Path::new(text)) {
                Ok(Some(_)) => PathBuf::from(text),
                _ => canonical(&folder.join(text)),
            };
            let name = self.manifests.get(&source).or_else(|| self.modules.get(&source));
            name.map(|name| toml::Value::String(name.clone()))
                .ok_or_else(|| format!("{text} is not among what was built"))
        };
        // The artifact has the types that the text said.
        table.remove("wit");
        table.remove("world");
        if let Some(module) = table.get("module").and_then(toml::Value::as_str) {
            let module = here(module)?;
            table.insert("module".to_owned(), module);
        }
        if let Some(group) = table.get_mut("group").and_then(toml::Value::as_table_mut) {
            for (_, member) in group.iter_mut() {
                if let Some(file) = member.as_str() {
                    *member = here(file)?;
                }
            }
        }
        Ok(())
    }
}
