//! `--dir`, `--dir-ro` and `--dir-with`: the folders that a guest is granted.

use super::cache::Cache;
use super::exit::Failure;
use super::guard;
use super::options::{Choice, Given, Names};
use super::values::{parse_count, parse_size};
use bailiwick_app::files::{canonical, folder_of, shown};
use bailiwick_loader::wasi::{Dir, DirGrant, DirRights, WasiCtxBuilder};
use rustix::fs::{Mode, OFlags};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A folder of the host and the name that the guest sees it by.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Folder {
    /// On the host.
    host: PathBuf,
    /// For the guest.
    guest: String,
}

/// The options of folders.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Folders {
    dir: Vec<String>,
    dir_ro: Vec<String>,
    /// Two for each.
    dir_with: Vec<String>,
}

/// How these options are told.
pub const OPTIONS: [Choice; 3] = [
    Choice::taking("dir", &["HOST[::GUEST]"], "Grant a folder and all below it, for reading and writing")
        .of(|text| parse_folder(text).map(drop))
        .naming(Names::Folder)
        .repeated(),
    Choice::taking("dir-ro", &["HOST[::GUEST]"], "Grant a folder and all below it, for reading")
        .of(|text| parse_folder(text).map(drop))
        .naming(Names::Folder)
        .repeated(),
    Choice::taking(
        "dir-with",
        &["KEYS", "HOST[::GUEST]"],
        "Grant a folder with these rights and limits, as rights=list+read,max-open=64: see below",
    )
    .text()
    .naming(Names::Folder)
    .repeated(),
];

/// The folders to be granted, with the option that says so.
pub struct Granted(Vec<(&'static str, Folder, DirGrant)>);

impl Folders {
    /// What was given.
    pub fn new(given: &mut Given) -> Folders {
        Folders { dir: given.texts("dir"), dir_ro: given.texts("dir-ro"), dir_with: given.texts("dir-with") }
    }

    /// What was asked for.
    pub fn read(&self) -> Result<Granted, Failure> {
        let mut granted = Vec::new();
        let all = self.dir.iter().map(|folder| ("--dir", folder, DirGrant::all()));
        let read_only = self.dir_ro.iter().map(|folder| ("--dir-ro", folder, DirGrant::read_only()));
        for (option, folder, grant) in all.chain(read_only) {
            granted.push((option, parse_folder(folder).map_err(Failure::usage)?, grant));
        }
        for pair in self.dir_with.chunks_exact(2) {
            let wrong = |text: &str, e: String| Failure::usage(format!("--dir-with {text:?}: {e}"));
            let grant = parse_keys(&pair[0]).map_err(|e| wrong(&pair[0], e))?;
            let folder = parse_folder(&pair[1]).map_err(|e| wrong(&pair[1], e))?;
            granted.push(("--dir-with", folder, grant));
        }
        Ok(Granted(granted))
    }
}

impl Granted {
    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether the guest may change anything in any of them.
    pub fn writable(&self) -> bool {
        self.0.iter().any(|(_, _, grant)| changes(grant))
    }

    /// Opens the folders and grants them. None that the guest may change something in leads to `audit`.
    pub fn grant(self, builder: &mut WasiCtxBuilder, audit: Option<&Path>) -> Result<(), Failure> {
        for (option, folder, grant) in self.0 {
            let Folder { host, guest } = folder;
            let failed = |e: String| Failure::refused(format!("{option} {}: {e}", host.display()));
            let fd = open(&host).map_err(|e| failed(e.to_string()))?;
            if changes(&grant) {
                keep_from_code(option, fd.as_fd(), &host)?;
                if let Some(audit) = audit
                    && reaches(option, fd.as_fd(), &host, audit)?
                {
                    return Err(failed(format!(
                        "the audit, {}, lies there, where the guest could change it; let it lie elsewhere",
                        audit.display()
                    )));
                }
            }
            let dir = Dir::open(fd, grant).map_err(|e| failed(e.to_string()))?;
            builder.preopen(&dir, &guest).map_err(|e| failed(e.to_string()))?;
        }
        Ok(())
    }
}

/// Refuses a folder that an application may change something in, if that leads to what runs next, or to `audit`.
pub fn guard_host(option: &str, path: &Path, audit: Option<&Path>) -> Result<(), Failure> {
    let failed = |e: String| Failure::refused(format!("{option} {}: {e}", path.display()));
    let fd = open(path).map_err(|e| failed(e.to_string()))?;
    keep_from_code(option, fd.as_fd(), path)?;
    match audit {
        Some(audit) if reaches(option, fd.as_fd(), path, audit)? => Err(failed(format!(
            "the audit, {}, lies there, where the application could change it; let it lie elsewhere",
            audit.display()
        ))),
        _ => Ok(()),
    }
}

/// Refuses a file for an application's output that is the audit, a program of ours, or lies in the cache of compiled code.
pub fn guard_output(key: &str, file: &Path, audit: Option<&Path>) -> Result<(), Failure> {
    let identity = |path: &Path| std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    let refuse = |why: String| Err(Failure::refused(format!("{key}: {} {why}; name another file", shown(file))));
    let found = identity(file);
    let is = |other: &Path| {
        // Of a file that is not there yet, what its path will mean.
        let place = |path: &Path| Some(canonical(&folder_of(path)).join(path.file_name()?));
        (found.is_some() && found == identity(other)) || (found.is_none() && place(file) == place(other))
    };
    if audit.is_some_and(is) {
        return refuse("is the audit, in which the application could write lines of its own".to_owned());
    }
    for program in super::siblings::all() {
        if is(&program) {
            return refuse("is a program that runs outside of any confinement".to_owned());
        }
    }
    if let Ok(cache) = Cache::folder() {
        let cache = canonical(&cache);
        if canonical(&folder_of(file)).starts_with(&cache) || canonical(file).starts_with(&cache) {
            return refuse(format!("lies in the cache of compiled code, {}", cache.display()));
        }
    }
    Ok(())
}

/// Whether it allows for more than looking.
fn changes(grant: &DirGrant) -> bool {
    !DirRights::READ_ONLY.contains(grant.rights)
}

/// The folder itself is named by the user, so a symbolic link there is followed, once: what is granted is the folder that
/// it leads to now.
fn open(path: &Path) -> std::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOCTTY;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

fn reaches(option: &str, granted: BorrowedFd<'_>, name: &Path, path: &Path) -> Result<bool, Failure> {
    guard::reaches(granted, path)
        .map_err(|e| Failure::new(format!("{option} {}: {}", name.display(), std::io::Error::from(e))))
}

/// Who can write to the cache decides what runs next: that is no guest's to be granted. Nor is the compiler, but whoever
/// grants the folder that he built it in may mean it: he is told.
fn keep_from_code(option: &str, granted: BorrowedFd<'_>, name: &Path) -> Result<(), Failure> {
    if let Ok(cache) = Cache::folder()
        && reaches(option, granted, name, &cache)?
    {
        return Err(Failure::refused(format!(
            "{option} {}: the cache of compiled code, {}, lies there, and a guest that writes to it decides what runs next; grant a folder below, use --dir-ro, or set BAILIWICK_CACHE to a folder elsewhere",
            name.display(),
            cache.display()
        )));
    }
    for program in super::siblings::all() {
        if reaches(option, granted, name, &program)? {
            let (name, program) = (name.display(), program.display());
            super::text::say(&format!(
                "warning: {option} {name}: the guest can replace {program}, which runs outside of any confinement"
            ));
        }
    }
    Ok(())
}

/// Parses `HOST[::GUEST]`; without `::GUEST` the guest's name is the host's, as Wasmtime has it.
fn parse_folder(text: &str) -> Result<Folder, String> {
    let (host, guest) = text.rsplit_once("::").unwrap_or((text, text));
    if host.is_empty() || guest.is_empty() {
        return Err("it wants HOST or HOST::GUEST, neither empty".to_owned());
    }
    Ok(Folder { host: host.into(), guest: guest.to_owned() })
}

/// Parses `KEY,KEY=VALUE,…`, each key at most once. All rights unless said otherwise, and no limits.
fn parse_keys(text: &str) -> Result<DirGrant, String> {
    let mut grant = DirGrant::all();
    let mut seen = Vec::new();
    for part in text.split(',') {
        let (key, value) = part.split_once('=').map_or((part, None), |(key, value)| (key, Some(value)));
        if seen.contains(&key) {
            return Err(format!("{key} is there twice"));
        }
        seen.push(key);
        match (key, value) {
            ("rights", Some(names)) => grant.rights = parse_rights(names)?,
            ("max-bytes", Some(size)) => {
                grant.limits.max_bytes = Some(parse_size(size).map_err(|e| format!("{part}: {e}"))?);
            }
            ("max-open", Some(count)) => {
                grant.limits.max_open = Some(parse_count(count).map_err(|e| format!("{part}: {e}"))?);
            }
            ("cross-mounts", None) => grant.cross_mounts = true,
            _ => {
                return Err(format!(
                    "{part:?} is none of rights=RIGHT+RIGHT…, max-bytes=SIZE, max-open=N, cross-mounts"
                ));
            }
        }
    }
    Ok(grant)
}

/// Parses `RIGHT+RIGHT…`; looking at what is there (`stat`) is always allowed.
fn parse_rights(names: &str) -> Result<DirRights, String> {
    let mut rights = DirRights::NONE;
    for name in names.split('+').filter(|&name| name != "stat") {
        let known = || DirRights::ALL.names().join(", ");
        let right = DirRights::from_name(name)
            .ok_or_else(|| format!("{name:?} is no right; there are stat, which is always there, and {}", known()))?;
        rights = rights.union(right);
    }
    Ok(rights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_named_as_on_the_host_unless_it_says_otherwise() {
        assert_eq!(parse_folder("data").unwrap(), Folder { host: "data".into(), guest: "data".into() });
        assert_eq!(parse_folder("a::/b").unwrap(), Folder { host: "a".into(), guest: "/b".into() });
        assert_eq!(parse_folder("a::b::/c").unwrap(), Folder { host: "a::b".into(), guest: "/c".into() });
        assert!(parse_folder("").is_err());
        assert!(parse_folder("::/b").is_err());
        assert!(parse_folder("a::").is_err());
    }

    #[test]
    fn keys_narrow_what_would_be_everything() {
        let grant = parse_keys("rights=list+read+stat,max-bytes=200MiB,max-open=64,cross-mounts").unwrap();
        assert_eq!(grant.rights, DirRights::LIST.union(DirRights::READ));
        assert_eq!((grant.limits.max_bytes, grant.limits.max_open), (Some(200 << 20), Some(64)));
        assert!(grant.cross_mounts && !changes(&grant));
        let grant = parse_keys("max-open=1").unwrap();
        assert_eq!((grant.rights, grant.limits.max_bytes, grant.cross_mounts), (DirRights::ALL, None, false));
        assert!(changes(&grant));
        assert_eq!(parse_keys("rights=stat").unwrap().rights, DirRights::NONE);
        for name in DirRights::ALL.names() {
            let grant = parse_keys(&format!("rights={name}")).unwrap();
            assert_eq!(changes(&grant), !matches!(name, "list" | "read"), "{name}");
        }
    }

    #[test]
    fn a_key_that_there_is_not_is_named_with_those_that_there_are() {
        for wrong in ["", ",", "rights", "right=read", "cross-mounts=yes", "max-bytes", "max-open=2,"] {
            let error = parse_keys(wrong).unwrap_err();
            assert!(["rights=", "max-bytes=", "max-open=", "cross-mounts"].iter().all(|key| error.contains(key)));
        }
        for wrong in ["rights=", "rights=read+", "rights=all", "rights=READ"] {
            let error = parse_keys(wrong).unwrap_err();
            assert!(error.contains("stat") && error.contains("symlink"), "{error}");
        }
        for wrong in ["max-bytes=much", "max-bytes=-1", "max-open=", "max-open=4294967296", "max-open=1,max-open=1"] {
            assert!(parse_keys(wrong).is_err(), "{wrong:?}");
        }
    }
}
