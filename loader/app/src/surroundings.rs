//! Folders and files of the host that an application should not be handed: those that decide what it may do when it runs
//! again, and nearly everything; and those that are not there.

use super::cap::{Cap, Stream};
use super::files::{canonical, folder_of, shown, what};
use super::manifest::HostResource;
use super::plan::{Origin, Plan};
use super::problem::{Code, Problem};
use super::view::lock;
use bailiwick_loader::wasi::{Dir, DirGrant, DirRights, PreopenError};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The names of the standard streams in manifests, in the order of [`HostResource::files`].
const STREAMS: [&str; 3] = ["stdin", "stdout", "stderr"];

/// What the lock is to an application.
pub const LOCK: &str = "the application's lock";

/// Looks at everything of the host that the application's manifest names.
pub(super) fn look(plan: &Plan, problems: &mut Vec<Problem>) {
    let Some(root) = plan.nodes.first() else { return };
    let parts = parts(plan);
    for (name, resource) in &plan.host {
        let mut problem = |code, message: String| problems.push(Problem::new(code, &root.path, message));
        if let Some(path) = &resource.path {
            folder(plan, name, resource, path, &parts, &mut problem);
        }
        for (i, file) in resource.files.iter().enumerate() {
            let Some(file) = file else { continue };
            let key = format!("host.{name}.{}", STREAMS[i]);
            if let Err((code, message)) = stream(&plan.folder.join(file), i > 0, &parts) {
                problem(code, format!("{key}: {message}"));
            }
        }
        let used = plan.nodes.iter().flat_map(|node| node.slots.values());
        if !used.into_iter().any(|slot| slot.from == Origin::Host(name.clone())) {
            problem(Code::UnusedGrant, format!("host.{name}: nobody is granted anything of it: leave it out"));
        }
    }
    folders_below(plan, problems);
}

/// Warns of folders below one that is there which are not there themselves.
fn folders_below(plan: &Plan, problems: &mut Vec<Problem>) {
    for (id, node) in plan.iter() {
        for (name, slot) in &node.slots {
            let Cap::Dir { path, .. } = &slot.cap else { continue };
            let host = plan.host_of(id, name).and_then(|resource| resource.path.as_ref());
            let Some(host) = host.map(|host| plan.folder.join(host)).filter(|host| host.is_dir()) else { continue };
            let place = host.join(path.to_string());
            if !path.is_empty() && is_of_kernel(&place) {
                let message = format!("slot {name}: {}: {KERNEL}", shown(&place));
                problems.push(Problem::new(Code::KernelFolder, &node.path, message));
            } else if !place.is_dir() {
                let message = format!("slot {name}: there is no folder {}; nothing runs without it", shown(&place));
                problems.push(Problem::new(Code::MissingPath, &node.path, message));
            }
        }
    }
}

/// What is said of folders that nothing is granted of.
const KERNEL: &str = "this is a file system of the kernel, whose files are ways into it and into processes: nothing runs that is granted it; name another folder";

/// Whether a folder is one of those that are never granted, as the loader decides it when an application runs.
fn is_of_kernel(path: &Path) -> bool {
    let opened = rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    opened.is_ok_and(|fd| matches!(Dir::open(fd, DirGrant::all()), Err(PreopenError::ForbiddenFileSystem { .. })))
}

/// Why nobody who may change something in a folder is harmless: for those that every system has, and what is run by name.
fn dangerous(full: &Path) -> Option<&'static str> {
    const PLACES: [(&str, &str); 12] = [
        ("/dev", "its files are devices: disks, terminals, memory"),
        ("/etc", "it decides how the system behaves, and who may log in"),
        ("/boot", "what lies there is run when the machine starts"),
        ("/usr", "programs lie there, which nothing confines"),
        ("/bin", "programs lie there, which nothing confines"),
        ("/sbin", "programs lie there, which nothing confines"),
        ("/lib", "every program's libraries lie there"),
        ("/lib64", "every program's libraries lie there"),
        ("/opt", "programs lie there, which nothing confines"),
        ("/root", "it is the administrator's home"),
        ("/run", "services are commanded through what lies there"),
        ("/var/spool/cron", "what lies there is run at its time"),
    ];
    // What nothing but a few of a home's folders are for: keys, and what starts by itself.
    const OF_HOME: [&str; 5] = [".ssh", ".gnupg", ".config", ".local/bin", ".local/share/systemd"];
    if let Some((_, why)) =
        PLACES.iter().find(|(place, _)| full.starts_with(place) || full.starts_with(canonical(Path::new(place))))
    {
        return Some(why);
    }
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    if home.is_some_and(|home| OF_HOME.iter().any(|part| full.starts_with(home.join(part)))) {
        return Some("keys, settings or programs of yours lie there, which are used outside of any confinement");
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let programs = std::env::split_paths(&path).any(|entry| entry.is_absolute() && canonical(&entry).starts_with(full));
    programs.then_some("programs that you start by name lie there, which nothing confines")
}

/// The files that an application is made of, without links, and what they are to it. The lock need not be there.
fn parts(plan: &Plan) -> BTreeMap<PathBuf, &'static str> {
    let mut parts = BTreeMap::new();
    for node in &plan.nodes {
        for member in &node.members {
            if !member.shipped {
                parts.insert(canonical(&member.file), "a module of the application");
            }
            if let Some(wit) = &member.wit {
                parts.insert(canonical(wit), "the WIT text of a module");
            }
        }
        if let Some(manifest) = &node.manifest {
            let of = if node.parent.is_none() { "the application's manifest" } else { "the manifest of a library" };
            parts.insert(canonical(manifest), of);
            if node.parent.is_none() {
                parts.insert(canonical(&folder_of(manifest)).join(lock::FILE), LOCK);
            }
        }
    }
    parts
}

/// Warns of a folder that is nearly everything, that the application is made of, or that is not there.
fn folder(
    plan: &Plan,
    name: &str,
    resource: &HostResource,
    path: &Path,
    parts: &BTreeMap<PathBuf, &'static str>,
    problem: &mut impl FnMut(Code, String),
) {
    let written = plan.folder.join(path);
    let full = match std::fs::canonicalize(&written) {
        Ok(full) if full.is_dir() => full,
        Ok(full) => {
            return problem(
                Code::MissingPath,
                format!("host.{name}: {} is no folder, and nothing runs without it", shown(&full)),
            );
        }
        Err(e) => {
            return problem(
                Code::MissingPath,
                format!("host.{name}: {}: {e}; nothing runs without it", shown(&written)),
            );
        }
    };
    if is_of_kernel(&full) {
        return problem(Code::KernelFolder, format!("host.{name}: {}: {KERNEL}", shown(&full)));
    }
    let changes = matches!(&resource.cap, Cap::Dir { grant, .. } if !DirRights::READ_ONLY.contains(grant.rights));
    let home = std::env::var_os("HOME").map(PathBuf::from).is_some_and(|home| home.starts_with(&full));
    if full == Path::new("/") || home {
        let message =
            format!("host.{name} is {}: that is nearly everything that you have; name a folder below", full.display());
        problem(Code::Broad, message);
    } else if let Some(why) = dangerous(&full).filter(|_| changes) {
        let message =
            format!("host.{name} is {}, for changing what is there: {why}; name another folder", shown(&full));
        problem(Code::AmbientPath, message);
    }
    let decides = "whoever changes that decides what the application may do when it runs again";
    let within = parts.iter().find(|(part, _)| changes && part.starts_with(&full));
    let itself = full == canonical(&plan.folder);
    if itself {
        let warning = if changes { format!(": {decides}") } else { String::new() };
        let message = format!(
            "host.{name} is the folder of the manifest itself, where the modules lie{warning}; name a folder below"
        );
        problem(Code::AmbientPath, message);
    } else if let Some((part, of)) = within {
        let message = format!(
            "host.{name}: below {} lies {of}, {}: {decides}; name a folder that has nothing of it",
            shown(&full),
            shown(part),
        );
        problem(Code::AmbientPath, message);
    }
}

/// Looks at a file that is a stream.
fn stream(file: &Path, written: bool, parts: &BTreeMap<PathBuf, &'static str>) -> Result<(), (Code, String)> {
    let name = shown(file);
    let stat = match rustix::fs::stat(file) {
        Ok(stat) => stat,
        Err(rustix::io::Errno::NOENT) if written => {
            let folder = folder_of(file);
            if !folder.is_dir() {
                return Err((
                    Code::MissingPath,
                    format!("there is no folder {}; nothing runs without it", shown(&folder)),
                ));
            }
            // It would be made: where a lock is looked for, for one.
            let place = canonical(&folder).join(file.file_name().unwrap_or_default());
            return parts.get(&place).map_or(Ok(()), |of| Err(overwrites(&name, of)));
        }
        Err(e) => {
            let e = std::io::Error::from(e);
            return Err((Code::MissingPath, format!("{name}: {e}; nothing runs without it")));
        }
    };
    // By device and inode: another name is the same file.
    if let Some(of) = parts.iter().find(|(part, _)| same(&stat, part)).map(|(_, of)| of).filter(|_| written) {
        return Err(overwrites(&name, of));
    }
    // What opens only once somebody is at the other end would keep the application waiting before it begins.
    match what(&stat) {
        None => Ok(()),
        Some(_) if FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice => Ok(()),
        Some(other) => Err((Code::Manifest, format!("{name} is {other}: it wants a file"))),
    }
}

fn overwrites(name: &str, of: &str) -> (Code, String) {
    (Code::Overwrite, format!("{name} is {of}, which the application's output would overwrite; name another file"))
}

fn same(stat: &Stat, path: &Path) -> bool {
    rustix::fs::statat(CWD, path, AtFlags::empty())
        .is_ok_and(|other| (other.st_dev, other.st_ino) == (stat.st_dev, stat.st_ino))
}

/// What a file of the host, which need not be there, is to the application: nothing, or parts of it, by whatever name.
pub fn parts_at(plan: &Plan, file: &Path) -> Vec<&'static str> {
    let stat = rustix::fs::stat(file).ok();
    let place = match &stat {
        Some(_) => canonical(file),
        None => canonical(&folder_of(file)).join(file.file_name().unwrap_or_default()),
    };
    // WIT text may be a folder.
    let within = |part: &Path| place == part || (part.is_dir() && place.starts_with(part));
    let is = |part: &Path| within(part) || stat.as_ref().is_some_and(|stat| same(stat, part));
    parts(plan).iter().filter(|(part, _)| is(part)).map(|(_, of)| *of).collect()
}

/// The files of the host that the application's output goes to, with the keys that say so.
pub fn outputs(plan: &Plan) -> impl Iterator<Item = (String, PathBuf)> {
    let folder = &plan.folder;
    plan.host.iter().flat_map(move |(name, resource)| {
        let modes = match &resource.cap {
            Cap::Stdio { stdout, stderr, .. } => [Stream::None, *stdout, *stderr],
            _ => [Stream::None; 3],
        };
        (1..3).filter(move |&i| modes[i] == Stream::File).filter_map(move |i| {
            let file = resource.files[i].as_ref()?;
            Some((format!("host.{name}.{}", STREAMS[i]), folder.join(file)))
        })
    })
}
