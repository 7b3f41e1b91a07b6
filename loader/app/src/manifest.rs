//! `bailiwick.toml`: what an application is made of, and who hands what to whom.
//!
//! This file reads one manifest into typed values and knows nothing of other manifests: what a name refers to, and whether
//! an edge narrows, is for [`plan`](super::plan) and [`check`](super::check) to say. Every value is checked here once.

use super::cap::{Attenuation, Cap, CapKind, Clock, Random, Stream, SubPath};
use super::document::{self, Document, Fields};
use super::imports::Imports;
use super::limits::Limits;
use super::net::{Deny, Dns, Endpoint, HostPattern, Net, NetAttenuation};
use crate::gathered;
use bailiwick_loader::wasi::{DirGrant, DirLimits, DirRights};
use bytesize::ByteSize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use toml::{Table, Value};

/// The most characters of a name, and of a version.
const MAX_NAME: usize = 64;

/// The most characters of a sentence that says why something is needed.
const MAX_WHY: usize = 500;

/// The most bytes of a manifest.
pub const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// What the callee's death does to its caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFault {
    /// The caller traps too.
    #[default]
    Trap,
    /// The call returns an error value of its WIT type, if that has one for it.
    Error,
}

/// A manifest as it was written, its values checked.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Who it is.
    pub package: Package,
    /// Host resources by name: the root's only.
    pub host: BTreeMap<String, HostResource>,
    /// What the own module holds, by slot.
    pub grants: BTreeMap<String, Grant>,
    /// What a library wants to be handed, by slot.
    pub needs: BTreeMap<String, Need>,
    /// Who answers what the own module imports.
    pub imports: Imports,
    /// Limits of the own module, and ceilings of those below.
    pub limits: Limits,
    /// Dependencies by name: each an edge, and an instance of its own.
    pub deps: BTreeMap<String, Dep>,
    /// Instances that several of those below share, by name.
    pub shared: BTreeMap<String, Dep>,
}

/// `[package]`.
#[derive(Clone, Debug)]
pub struct Package {
    /// A label; identity is the hash of what it is made of.
    pub name: String,
    /// A label too.
    pub version: String,
    /// The module: .bwk, .wasm or .wat, relative to the manifest.
    pub module: Option<PathBuf>,
    /// Several modules joined by core-WebAssembly linking, in the order written: the first is the face.
    pub group: Table,
    /// WIT text of what the module imports and exports, relative to the manifest.
    pub wit: Option<PathBuf>,
    /// Which world of it.
    pub world: Option<String>,
}

/// A host resource: the authority that the person hands to the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostResource {
    /// What it allows.
    pub cap: Cap,
    /// Of a folder: where it is, relative to the manifest.
    pub path: Option<PathBuf>,
    /// Of streams: the files that they are, where they are files: input, output, error.
    pub files: [Option<PathBuf>; 3],
}

/// What is put into a slot.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// The slot, or the host resource, that it comes from.
    pub from: String,
    /// The rest of the table, which is read once the kind is known.
    pub narrowed: Table,
    /// Under which name the module finds a folder; `/` and the slot's name unless it says so.
    pub at: Option<String>,
}

/// What a library wants.
#[derive(Clone, Debug, PartialEq)]
pub struct Need {
    /// Of which kind.
    pub kind: CapKind,
    /// At most what: a parent that hands more is narrowed to this.
    pub narrowed: Table,
    /// In the author's words.
    pub why: Option<String>,
    /// Whether it works without.
    pub optional: bool,
    /// Under which name the module finds a folder.
    pub at: Option<String>,
}

/// An edge.
#[derive(Clone, Debug)]
pub struct Dep {
    /// A manifest (.toml), or a module without one.
    pub module: Option<PathBuf>,
    /// As in [`Package`].
    pub group: Table,
    /// As in [`Package`].
    pub wit: Option<PathBuf>,
    /// As in [`Package`].
    pub world: Option<String>,
    /// What is handed over, by the slot of the one below.
    pub grants: BTreeMap<String, Grant>,
    /// Who answers what it imports, where the manifest that has this edge says so.
    pub imports: Imports,
    /// What it may use.
    pub limits: Limits,
    /// What its death does to its caller.
    pub on_fault: OnFault,
    /// Names of `[shared]` instances that it may call.
    pub shared: Vec<String>,
    /// What is taken off a handle as it is passed, by function and parameter: `call."extract".dst = { … }`.
    pub call: BTreeMap<String, BTreeMap<String, Table>>,
    /// Interfaces that are answered by this dependency although another one exports them too.
    pub provides: Vec<String>,
}

/// Why a manifest can't be read: what, and at which key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// It is no TOML.
    #[error("{0}")]
    Toml(String),
    /// A value is wrong.
    #[error("{key}: {message}")]
    Value {
        /// The key, as `host.data.rights`.
        key: String,
        /// What is wrong, and what it wants.
        message: String,
    },
}

impl ManifestError {
    pub(super) fn value(key: impl Into<String>, message: impl Into<String>) -> ManifestError {
        ManifestError::Value { key: key.into(), message: message.into() }
    }
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// [`ManifestError`], with the line and column for what is no TOML, else with the key.
    pub fn parse(text: &str) -> Result<Manifest, ManifestError> {
        let document = Document::parse(text)?;
        document.values().and_then(manifest).map_err(|error| document.place(error))
    }
}

fn manifest(table: Table) -> Result<Manifest, ManifestError> {
    let known = ["package", "host", "grants", "needs", "imports", "limits", "deps", "shared"];
    let mut fields = Fields::new("", table, &known)?;
    let package = match fields.value("package") {
        Some(value) => package(value)?,
        None => return Err(ManifestError::value("package", "missing field `package`")),
    };
    let mut host = BTreeMap::new();
    for (slot, value) in fields.table("host")? {
        let key = key_of("host", &slot);
        name(&key, &slot)?;
        host.insert(slot, host_resource(&key, document::table(&key, value, "a table")?)?);
    }
    let mut needs = BTreeMap::new();
    for (slot, value) in fields.table("needs")? {
        let key = key_of("needs", &slot);
        name(&key, &slot)?;
        needs.insert(slot, need(&key, document::table(&key, value, "a table")?)?);
    }
    Ok(Manifest {
        package,
        host,
        grants: grants("grants", fields.table("grants")?)?,
        needs,
        imports: Imports::read("imports", fields.table("imports")?)?,
        limits: Limits::read("limits", fields.table("limits")?)?,
        deps: deps("deps", fields.table("deps")?)?,
        shared: deps("shared", fields.table("shared")?)?,
    })
}

fn package(value: Value) -> Result<Package, ManifestError> {
    let table = document::table("package", value, "a table, as { name = \"app\", module = \"app.wasm\" }")?;
    let mut fields = Fields::new("package", table, &["name", "version", "module", "group", "wit", "world"])?;
    let package = Package {
        name: fields.needed("name")?,
        version: fields.text("version")?.unwrap_or_default(),
        module: fields.text("module")?.map(PathBuf::from),
        group: fields.table("group")?,
        wit: fields.text("wit")?.map(PathBuf::from),
        world: fields.text("world")?,
    };
    name("package.name", &package.name)?;
    plain("package.version", &package.version, MAX_NAME)?;
    Ok(package)
}

/// A key with a name in it that somebody wrote, which may be anything.
pub(super) fn key_of(table: &str, name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut shown: String = name.chars().take(MAX_NAME).collect();
    if shown.len() < name.len() {
        shown.push('…');
    }
    let bare = !shown.is_empty() && shown.chars().all(|c| plain(c) || c == '…');
    let dot = if table.is_empty() { "" } else { "." };
    if bare { format!("{table}{dot}{shown}") } else { format!("{table}{dot}\"{}\"", shown.escape_debug()) }
}

/// A name that appears in paths of edges, in messages and in pictures.
fn name(key: &str, name: &str) -> Result<(), ManifestError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(plain) || name.starts_with('.') {
        let message = "a name has 1 to 64 letters, digits, `-`, `_` or `.`, and does not begin with `.`";
        return Err(ManifestError::value(key, message));
    }
    Ok(())
}

/// Text that is shown to people: a stranger's manifest must not drive their terminal.
fn plain(key: &str, text: &str, most: usize) -> Result<(), ManifestError> {
    let turns =
        |c| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if text.chars().any(|c| c.is_control() || turns(c)) {
        return Err(ManifestError::value(key, "it has a control character, or one that turns the order of letters"));
    }
    if text.chars().count() > most {
        return Err(ManifestError::value(key, format!("it has more than {most} characters")));
    }
    Ok(())
}

fn deps(key: &str, table: Table) -> Result<BTreeMap<String, Dep>, ManifestError> {
    let mut deps = BTreeMap::new();
    for (name, value) in table {
        let key = key_of(key, &name);
        self::name(&key, &name)?;
        let table = document::table(&key, value, "a table, as { module = \"lib/bailiwick.toml\" }")?;
        deps.insert(name, dep(&key, table)?);
    }
    Ok(deps)
}

fn dep(key: &str, table: Table) -> Result<Dep, ManifestError> {
    let known =
        ["module", "group", "wit", "world", "grants", "imports", "limits", "on_fault", "shared", "call", "provides"];
    let mut fields = Fields::new(key, table, &known)?;
    let (module, group) = (fields.text("module")?.map(PathBuf::from), fields.table("group")?);
    if module.is_some() != group.is_empty() {
        return Err(ManifestError::value(key, "it wants `module` or `group`, one of them"));
    }
    let mut call: BTreeMap<String, BTreeMap<String, Table>> = BTreeMap::new();
    for (function, parameters) in fields.table("call")? {
        let key = key_of(&fields.key("call"), &function);
        let mut narrowed = BTreeMap::new();
        for (parameter, value) in document::table(&key, parameters, "a table")? {
            let table = document::table(&key_of(&key, &parameter), value, "a table")?;
            narrowed.insert(parameter, table);
        }
        call.insert(function, narrowed);
    }
    let on_fault = match fields.text("on_fault")?.as_deref() {
        None | Some("trap") => OnFault::Trap,
        Some("error") => OnFault::Error,
        Some(other) => {
            let message = format!("unknown variant {other:?}, expected \"trap\" or \"error\"");
            return Err(ManifestError::value(fields.key("on_fault"), message));
        }
    };
    Ok(Dep {
        grants: grants(&fields.key("grants"), fields.table("grants")?)?,
        imports: Imports::read(&fields.key("imports"), fields.table("imports")?)?,
        limits: Limits::read(&fields.key("limits"), fields.table("limits")?)?,
        module,
        group,
        wit: fields.text("wit")?.map(PathBuf::from),
        world: fields.text("world")?,
        on_fault,
        shared: fields.texts("shared")?.unwrap_or_default(),
        call,
        provides: fields.texts("provides")?.unwrap_or_default(),
    })
}

fn grants(key: &str, table: Table) -> Result<BTreeMap<String, Grant>, ManifestError> {
    let mut grants = BTreeMap::new();
    for (slot, value) in table {
        let key = key_of(key, &slot);
        name(&key, &slot)?;
        let grant = match value {
            Value::String(from) => Grant { from, narrowed: Table::new(), at: None },
            Value::Table(mut table) => {
                let from = match table.remove("from") {
                    Some(Value::String(from)) => from,
                    _ => return Err(ManifestError::value(key, "it wants `from`, the name of what it comes from")),
                };
                Grant { from, at: at(&key, &mut table)?, narrowed: table }
            }
            _ => {
                let message = "it wants the name of what is handed over, or a table { from = \"…\", … }";
                return Err(ManifestError::value(key, message));
            }
        };
        grants.insert(slot, grant);
    }
    Ok(grants)
}

fn at(key: &str, table: &mut Table) -> Result<Option<String>, ManifestError> {
    match table.remove("at") {
        None => Ok(None),
        Some(Value::String(at)) if !at.is_empty() && !at.contains(char::is_control) && at.len() <= 1024 => Ok(Some(at)),
        Some(_) => Err(ManifestError::value(format!("{key}.at"), "it wants the name of a folder for the module")),
    }
}

fn need(key: &str, mut table: Table) -> Result<Need, ManifestError> {
    let kind = kind(key, &mut table)?;
    let why = match table.remove("why") {
        None => None,
        Some(Value::String(why)) => {
            plain(&format!("{key}.why"), &why, MAX_WHY)?;
            Some(why)
        }
        Some(_) => return Err(ManifestError::value(format!("{key}.why"), "it wants a sentence")),
    };
    let optional = match table.remove("optional") {
        None => false,
        Some(Value::Boolean(optional)) => optional,
        Some(_) => return Err(ManifestError::value(format!("{key}.optional"), "it wants true or false")),
    };
    let at = at(key, &mut table)?;
    let need = Need { kind, why, optional, at, narrowed: table };
    if !need.optional || !need.narrowed.is_empty() {
        attenuation(key, kind, need.narrowed.clone())?;
    }
    Ok(need)
}

fn kind(key: &str, table: &mut Table) -> Result<CapKind, ManifestError> {
    let known = || CapKind::ALL.map(CapKind::name).join(", ");
    match table.remove("kind") {
        Some(Value::String(text)) => CapKind::from_name(&text).ok_or_else(|| {
            ManifestError::value(format!("{key}.kind"), format!("there is no kind {text:?}; there are: {}", known()))
        }),
        _ => Err(ManifestError::value(key, format!("it wants `kind`, one of: {}", known()))),
    }
}

/// The keys of each kind, as they are written.
mod keys {
    use super::*;

    pub struct Dir {
        pub path: Option<PathBuf>,
        pub sub: Option<String>,
        pub rights: Option<Vec<String>>,
        pub max_bytes: Option<String>,
        pub max_open: Option<u32>,
        pub cross_mounts: Option<bool>,
    }

    impl Dir {
        pub fn read(key: &str, table: Table) -> Result<Dir, ManifestError> {
            let known = ["path", "sub", "rights", "max_bytes", "max_open", "cross_mounts"];
            let mut fields = Fields::new(key, table, &known)?;
            Ok(Dir {
                path: fields.text("path")?.map(PathBuf::from),
                sub: fields.text("sub")?,
                rights: fields.texts("rights")?,
                max_bytes: fields.text("max_bytes")?,
                max_open: fields.count("max_open")?,
                cross_mounts: fields.flag("cross_mounts")?,
            })
        }
    }

    pub enum StreamText {
        Mode(String),
        File(PathBuf),
    }

    /// Input, output and error.
    pub fn streams(key: &str, table: Table) -> Result<[(&'static str, Option<StreamText>); 3], ManifestError> {
        let names = ["stdin", "stdout", "stderr"];
        let mut fields = Fields::new(key, table, &names)?;
        let mut streams = names.map(|name| (name, None));
        for (name, stream) in &mut streams {
            *stream = match fields.value(name) {
                None => None,
                Some(Value::String(mode)) => Some(StreamText::Mode(mode)),
                Some(Value::Table(table)) => {
                    Some(StreamText::File(Fields::new(&fields.key(name), table, &["file"])?.needed("file")?.into()))
                }
                Some(_) => {
                    let message =
                        "a stream is one of \"none\", \"null\", \"capture\", \"inherit\", or { file = \"out.txt\" }";
                    return Err(ManifestError::value(fields.key(name), message));
                }
            };
        }
        Ok(streams)
    }

    pub struct Env {
        pub allow: Option<Vec<String>>,
        pub set: BTreeMap<String, String>,
    }

    impl Env {
        pub fn read(key: &str, table: Table) -> Result<Env, ManifestError> {
            let mut fields = Fields::new(key, table, &["allow", "set"])?;
            let mut set = BTreeMap::new();
            let table = fields.table("set")?;
            let names: Vec<String> = table.keys().cloned().collect();
            let known: Vec<&str> = names.iter().map(String::as_str).collect();
            let mut values = Fields::new(&fields.key("set"), table, &known)?;
            for name in &names {
                set.insert(name.clone(), values.needed(name)?);
            }
            Ok(Env { allow: fields.texts("allow")?, set })
        }
    }

    pub struct Args {
        pub command_line: Option<bool>,
        pub fixed: Vec<String>,
    }

    impl Args {
        pub fn read(key: &str, table: Table) -> Result<Args, ManifestError> {
            let mut fields = Fields::new(key, table, &["command_line", "fixed"])?;
            let fixed = fields.texts("fixed")?.unwrap_or_default();
            Ok(Args { command_line: fields.flag("command_line")?, fixed })
        }
    }

    pub struct Clock {
        pub resolution: Option<String>,
        pub fixed: Option<String>,
        pub r#virtual: Option<bool>,
    }

    impl Clock {
        pub fn read(key: &str, table: Table) -> Result<Clock, ManifestError> {
            let mut fields = Fields::new(key, table, &["resolution", "fixed", "virtual"])?;
            Ok(Clock {
                resolution: fields.text("resolution")?,
                fixed: fields.text("fixed")?,
                r#virtual: fields.flag("virtual")?,
            })
        }
    }

    pub struct Random {
        pub source: Option<String>,
        pub seed: Option<String>,
    }

    impl Random {
        pub fn read(key: &str, table: Table) -> Result<Random, ManifestError> {
            let mut fields = Fields::new(key, table, &["source", "seed"])?;
            Ok(Random { source: fields.text("source")?, seed: fields.text("seed")? })
        }
    }

    pub struct Net {
        pub connect: Option<Vec<String>>,
        pub listen: Option<Vec<String>>,
        pub deny_cidr: Option<Vec<String>>,
        pub max_connections: Option<u32>,
        pub max_bytes: Option<String>,
    }

    impl Net {
        pub fn read(key: &str, table: Table) -> Result<Net, ManifestError> {
            // An older name of the number of connections is understood too.
            let known = ["connect", "listen", "deny_cidr", "max_connections", "max_conns", "max_bytes"];
            let mut fields = Fields::new(key, table, &known)?;
            let (new, old) = (fields.count("max_connections")?, fields.count("max_conns")?);
            if new.is_some() && old.is_some() {
                return Err(ManifestError::value(fields.key("max_conns"), "duplicate field `max_connections`"));
            }
            Ok(Net {
                connect: fields.texts("connect")?,
                listen: fields.texts("listen")?,
                deny_cidr: fields.texts("deny_cidr")?,
                max_connections: new.or(old),
                max_bytes: fields.text("max_bytes")?,
            })
        }
    }

    pub struct Dns {
        pub allow: Option<Vec<String>>,
        /// At `[host]` of the root only.
        pub servers: Option<Vec<String>>,
    }

    impl Dns {
        pub fn read(key: &str, table: Table) -> Result<Dns, ManifestError> {
            let mut fields = Fields::new(key, table, &["allow", "servers"])?;
            Ok(Dns { allow: fields.texts("allow")?, servers: fields.texts("servers")? })
        }
    }
}

/// Reads what is at `key` by `parse`, for each of several texts.
fn each<T>(key: &str, texts: &[String], parse: fn(&str) -> Result<T, &'static str>) -> Result<Vec<T>, ManifestError> {
    texts.iter().map(|text| parse(text).map_err(|e| ManifestError::value(key, format!("{text:?}: {e}")))).collect()
}

/// The largest size that a manifest may name, in bytes. It has no place for what no machine has.
const MAX_SIZE: u64 = 1 << 60;

pub(super) fn bytes(key: &str, text: &str) -> Result<u64, ManifestError> {
    let size: Result<ByteSize, _> = text.parse();
    let size = size.map_err(|_| ManifestError::value(key, format!("{text:?} is no size, as \"200MiB\"")))?.as_u64();
    // What is too large to be counted is read as the largest number.
    if size > MAX_SIZE {
        let most = ByteSize(MAX_SIZE);
        return Err(ManifestError::value(key, format!("{text:?} is more than {most}, the most that a limit can say")));
    }
    Ok(size)
}

fn rights(key: &str, names: &[String]) -> Result<DirRights, ManifestError> {
    let mut rights = DirRights::NONE;
    for name in names {
        let known = || DirRights::ALL.names().join(", ");
        let right = DirRights::from_name(name).ok_or_else(|| {
            ManifestError::value(key, format!("there is no right {name:?}; there are: {} (and stat, always)", known()))
        })?;
        rights = rights.union(right);
    }
    Ok(rights)
}

/// Reads what is narrowed, for the kind of what it narrows.
///
/// # Errors
/// [`ManifestError::Value`], with `key` in front.
pub fn attenuation(key: &str, kind: CapKind, table: Table) -> Result<Attenuation, ManifestError> {
    let sub_key = |field: &str| format!("{key}.{field}");
    Ok(match kind {
        CapKind::Dir => {
            let text = keys::Dir::read(key, table)?;
            if text.path.is_some() {
                let message = "only `[host]` of the root names a path of the host; `sub` names one below";
                return Err(ManifestError::value(sub_key("path"), message));
            }
            let sub = text.sub.as_deref().map(SubPath::parse).transpose();
            Attenuation::Dir {
                sub: sub.map_err(|e| ManifestError::value(sub_key("sub"), e))?,
                rights: text.rights.map(|names| rights(&sub_key("rights"), &names)).transpose()?,
                max_bytes: text.max_bytes.map(|text| bytes(&sub_key("max_bytes"), &text)).transpose()?,
                max_open: text.max_open,
                cross_mounts: text.cross_mounts,
            }
        }
        CapKind::Stdio => {
            let [stdin, stdout, stderr] = keys::streams(key, table)?;
            let mode = |(field, stream): (&str, _)| match stream {
                None => Ok(None),
                Some(keys::StreamText::Mode(text)) => mode(&sub_key(field), &text).map(Some),
                Some(keys::StreamText::File(_)) => {
                    Err(ManifestError::value(sub_key(field), "only `[host]` of the root names a file of the host"))
                }
            };
            Attenuation::Stdio { stdin: mode(stdin)?, stdout: mode(stdout)?, stderr: mode(stderr)? }
        }
        CapKind::Env => {
            let text = keys::Env::read(key, table)?;
            if !text.set.is_empty() {
                return Err(ManifestError::value(sub_key("set"), "only `[host]` of the root sets variables"));
            }
            Attenuation::Env { allow: text.allow }
        }
        CapKind::Args => {
            let text = keys::Args::read(key, table)?;
            if !text.fixed.is_empty() {
                return Err(ManifestError::value(sub_key("fixed"), "only `[host]` of the root gives arguments"));
            }
            Attenuation::Args { command_line: text.command_line }
        }
        CapKind::Clock => {
            let text = keys::Clock::read(key, table)?;
            let any = text.resolution.is_some() || text.fixed.is_some() || text.r#virtual.is_some();
            Attenuation::Clock(if any { Some(clock(key, &text)?) } else { None })
        }
        CapKind::Random => {
            let text = keys::Random::read(key, table)?;
            let any = text.source.is_some() || text.seed.is_some();
            Attenuation::Random(if any { Some(random(key, text)?) } else { None })
        }
        CapKind::Tcp => Attenuation::Tcp(net(key, keys::Net::read(key, table)?)?),
        CapKind::Udp => Attenuation::Udp(net(key, keys::Net::read(key, table)?)?),
        CapKind::Dns => {
            let text = keys::Dns::read(key, table)?;
            if text.servers.is_some() {
                return Err(ManifestError::value(sub_key("servers"), "only `[host]` of the root says who is asked"));
            }
            let allow = text.allow.map(|names| each(&sub_key("allow"), &names, HostPattern::parse));
            Attenuation::Dns { allow: allow.transpose()? }
        }
    })
}

fn host_resource(key: &str, mut table: Table) -> Result<HostResource, ManifestError> {
    let sub_key = |field: &str| format!("{key}.{field}");
    let kind = kind(key, &mut table)?;
    let mut resource = HostResource { cap: Cap::Clock(Clock::Virtual), path: None, files: [None, None, None] };
    resource.cap = match kind {
        CapKind::Dir => {
            let text = keys::Dir::read(key, table)?;
            let Some(path) = text.path else {
                return Err(ManifestError::value(key, "it wants `path`, a folder, relative to the manifest"));
            };
            if text.sub.is_some() {
                return Err(ManifestError::value(sub_key("sub"), "a path of the host is named by `path` alone"));
            }
            resource.path = Some(path);
            let rights = match text.rights {
                Some(names) => rights(&sub_key("rights"), &names)?,
                None => DirRights::READ_ONLY,
            };
            let limits = DirLimits {
                max_bytes: text.max_bytes.map(|text| bytes(&sub_key("max_bytes"), &text)).transpose()?,
                max_open: text.max_open,
            };
            let cross_mounts = text.cross_mounts.unwrap_or(false);
            Cap::Dir { path: SubPath::default(), grant: DirGrant { rights, limits, cross_mounts } }
        }
        CapKind::Stdio => {
            let mut streams = [Stream::None; 3];
            for (i, (field, stream)) in keys::streams(key, table)?.into_iter().enumerate() {
                streams[i] = match stream {
                    None => Stream::None,
                    Some(keys::StreamText::File(file)) => {
                        resource.files[i] = Some(file);
                        Stream::File
                    }
                    Some(keys::StreamText::Mode(text)) => match mode(&sub_key(field), &text)? {
                        Stream::File => {
                            let message = "it wants the file's name: { file = \"out.txt\" }";
                            return Err(ManifestError::value(sub_key(field), message));
                        }
                        mode => mode,
                    },
                };
            }
            let [stdin, stdout, stderr] = streams;
            Cap::Stdio { stdin, stdout, stderr }
        }
        CapKind::Env => {
            let text = keys::Env::read(key, table)?;
            let allowed = text.allow.unwrap_or_default();
            let mut variables: BTreeMap<String, Option<String>> =
                gathered(allowed.into_iter().map(|name| (name, None)));
            variables.extend(text.set.into_iter().map(|(name, value)| (name, Some(value))));
            if let Some(bad) =
                variables.keys().find(|name| name.is_empty() || name.contains(|c: char| c == '=' || c.is_control()))
            {
                return Err(ManifestError::value(key, format!("{bad:?} is no name of a variable")));
            }
            if variables.values().flatten().any(|value| value.contains('\0')) {
                return Err(ManifestError::value(sub_key("set"), "a value of a variable has no NUL byte"));
            }
            Cap::Env(variables)
        }
        CapKind::Args => {
            let text = keys::Args::read(key, table)?;
            if text.fixed.iter().any(|argument| argument.contains('\0')) {
                return Err(ManifestError::value(sub_key("fixed"), "an argument has no NUL byte"));
            }
            Cap::Args { command_line: text.command_line.unwrap_or(false), fixed: text.fixed }
        }
        CapKind::Clock => Cap::Clock(clock(key, &keys::Clock::read(key, table)?)?),
        CapKind::Random => Cap::Random(random(key, keys::Random::read(key, table)?)?),
        CapKind::Tcp | CapKind::Udp => {
            let defaults = !table.contains_key("deny_cidr");
            let asked = net(key, keys::Net::read(key, table)?)?;
            let net = Net {
                connect: asked.connect.unwrap_or_default(),
                listen: asked.listen.unwrap_or_default(),
                deny: if defaults { vec![Deny::Default] } else { asked.deny },
                max_connections: asked.max_connections,
                max_bytes: asked.max_bytes,
            };
            if kind == CapKind::Tcp { Cap::Tcp(net) } else { Cap::Udp(net) }
        }
        CapKind::Dns => {
            let text = keys::Dns::read(key, table)?;
            let allow = each(&sub_key("allow"), &text.allow.unwrap_or_default(), HostPattern::parse)?;
            let server = |text: &str| text.parse().map_err(|_| "it wants ADDRESS:PORT, as 192.0.2.53:53");
            Cap::Dns(Dns { allow, servers: each(&sub_key("servers"), &text.servers.unwrap_or_default(), server)? })
        }
    };
    Ok(resource)
}

fn mode(key: &str, text: &str) -> Result<Stream, ManifestError> {
    Stream::from_name(text)
        .ok_or_else(|| ManifestError::value(key, format!("{text:?} is none of: none, null, capture, file, inherit")))
}

fn clock(key: &str, text: &keys::Clock) -> Result<Clock, ManifestError> {
    match (&text.resolution, &text.fixed, text.r#virtual) {
        (None, None, None | Some(false)) => Ok(Clock::Host { resolution_ns: 1 }),
        (None, None, Some(true)) => Ok(Clock::Virtual),
        (Some(step), None, None | Some(false)) => {
            let resolution = humantime::parse_duration(step)
                .map_err(|e| ManifestError::value(format!("{key}.resolution"), format!("{step:?}: {e}")))?;
            Ok(Clock::Host { resolution_ns: u64::try_from(resolution.as_nanos()).unwrap_or(u64::MAX).max(1) })
        }
        (None, Some(time), None | Some(false)) => {
            let wrong = |e: &dyn std::fmt::Display| {
                ManifestError::value(
                    format!("{key}.fixed"),
                    format!("{time:?} is no time as 2026-01-31T12:00:00Z: {e}"),
                )
            };
            let time = humantime::parse_rfc3339_weak(time).map_err(|e| wrong(&e))?;
            let since = time.duration_since(std::time::UNIX_EPOCH).map_err(|e| wrong(&e))?;
            Ok(Clock::Fixed { ns: u64::try_from(since.as_nanos()).unwrap_or(u64::MAX) })
        }
        _ => Err(ManifestError::value(key, "it wants one of `resolution`, `fixed` and `virtual = true`")),
    }
}

fn random(key: &str, text: keys::Random) -> Result<Random, ManifestError> {
    match (text.source.as_deref(), text.seed) {
        (None | Some("host"), None) => Ok(Random::Host),
        (None | Some("seeded"), Some(seed)) => Ok(Random::Seeded(seed)),
        (Some("seeded"), None) => Ok(Random::Seeded(String::new())),
        _ => Err(ManifestError::value(key, "it wants source = \"host\", or source = \"seeded\" and a seed")),
    }
}

fn net(key: &str, text: keys::Net) -> Result<NetAttenuation, ManifestError> {
    let endpoints = |field: &str, texts: Option<Vec<String>>| {
        texts.map(|texts| each(&format!("{key}.{field}"), &texts, Endpoint::parse)).transpose()
    };
    Ok(NetAttenuation {
        connect: endpoints("connect", text.connect)?,
        listen: endpoints("listen", text.listen)?,
        deny: each(&format!("{key}.deny_cidr"), &text.deny_cidr.unwrap_or_default(), Deny::parse)?,
        max_connections: text.max_connections,
        max_bytes: text.max_bytes.map(|text| bytes(&format!("{key}.max_bytes"), &text)).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Manifest::parse(&format!("[package]\nname = \"p\"\nmodule = \"m.wasm\"\n{text}")).unwrap_err().to_string()
    }

    fn parsed(text: &str) -> Manifest {
        Manifest::parse(&format!("[package]\nname = \"p\"\nmodule = \"m.wasm\"\n{text}")).unwrap()
    }

    #[test]
    fn an_application_names_the_world_and_hands_it_on() {
        let manifest = parsed(
            "[host]\n\
             data = { kind = \"dir\", path = \"./data\", rights = [\"list\", \"read\"], max_bytes = \"200MiB\" }\n\
             env = { kind = \"env\", allow = [\"LANG\"], set = { A = \"1\" } }\n\
             [grants]\ndata = \"data\"\n\
             [deps.unzip]\nmodule = \"unzip/bailiwick.toml\"\n\
             grants.out = { from = \"data\", sub = \"in\", rights = [\"read\"], at = \"/out\" }\n\
             limits = { memory = \"64MiB\", time = \"2s/call\" }\non_fault = \"error\"\n",
        );
        let data = &manifest.host["data"];
        assert_eq!(data.path, Some("./data".into()));
        assert!(matches!(&data.cap, Cap::Dir { grant, .. } if grant.limits.max_bytes == Some(200 << 20)));
        let dep = &manifest.deps["unzip"];
        assert_eq!((dep.on_fault, dep.limits.memory), (OnFault::Error, Some(64 << 20)));
        assert_eq!(dep.grants["out"].at.as_deref(), Some("/out"));
        let asked = attenuation("out", CapKind::Dir, dep.grants["out"].narrowed.clone()).unwrap();
        assert!(matches!(asked, Attenuation::Dir { sub: Some(_), rights: Some(_), max_bytes: None, .. }));
    }

    #[test]
    fn the_first_of_a_group_is_its_face() {
        let manifest = parsed("[deps.e]\ngroup = { zeta = \"z.wasm\", alpha = \"a.wasm\" }\n");
        let names: Vec<&String> = manifest.deps["e"].group.keys().collect();
        assert_eq!(names, ["zeta", "alpha"]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_key() {
        for (text, said) in [
            ("[host]\nd = { kind = \"dir\" }", "host.d: it wants `path`"),
            ("[host]\nd = { kind = \"disk\" }", "host.d.kind: there is no kind \"disk\""),
            ("[host]\nd = { kind = \"dir\", path = \"x\", rights = [\"execute\"] }", "there is no right \"execute\""),
            (
                "[host]\nd = { kind = \"dir\", path = \"x\", max_bytes = \"many\" }",
                "host.d.max_bytes: \"many\" is no size",
            ),
            (
                "[host]\nd = { kind = \"dir\", path = \"x\", mode = 1 }",
                "host.d.mode: unknown field `mode`, expected one of `path`, `sub`",
            ),
            ("[host]\nt = { kind = \"tcp\", connect = [\"a\"] }", "host.t.connect: \"a\": it wants HOST:PORT"),
            ("[host]\nc = { kind = \"clock\", fixed = \"noon\" }", "host.c.fixed"),
            ("[grants]\nd = { rights = [] }", "grants.d: it wants `from`"),
            ("[deps.a]\n", "deps.a: it wants `module` or `group`"),
            ("[deps.\"a/b\"]\nmodule = \"x\"", "deps.\"a/b\": a name has"),
            ("[limits]\ntime = \"soon\"", "limits.time: \"soon\""),
            ("[needs]\nd = { kind = \"dir\", path = \"/etc\" }", "only `[host]` of the root names a path"),
            (
                "[limits]\nmemory = \"999999999999999999999GiB\"",
                "limits.memory: \"999999999999999999999GiB\" is more than",
            ),
            ("[limits]\ntime = \"0s\"", "limits.time: \"0s\": no call could do anything in no time"),
            ("[limits]\ntime = \"-2s\"", "limits.time: \"-2s\""),
            ("[limits]\nstack = \"1TiB\"", "limits.stack: \"1TiB\": a stack has 64.0 KiB to 24.0 MiB"),
            ("[limits]\nmemory = 64", "expected a text in quotes"),
            ("[limits]\ntable = -1", "expected a whole number, not negative"),
            ("[host]\nd = \"data\"", "invalid type: string \"data\", expected a table"),
            ("[host]\ns = { kind = \"stdio\", stdout = true }", "host.s.stdout: a stream is one of"),
            ("[grants]\nd = 1", "it wants the name of what is handed over, or a table"),
            ("[deps]\na = \"l.toml\"", "expected a table, as { module = \"lib/bailiwick.toml\" }"),
            ("[deps.\"a\\nb\"]\nmodule = \"x\"", "deps.\"a\\nb\": a name has"),
            ("[needs]\nd = { kind = \"env\", why = \"a\u{202e}b\" }", "turns the order of letters"),
            (
                "[host]\ne = { kind = \"env\", set = { A = \"a\\u0000b\" } }",
                "host.e.set: a value of a variable has no NUL",
            ),
            ("[host]\na = { kind = \"args\", fixed = [\"a\\u0000b\"] }", "host.a.fixed: an argument has no NUL byte"),
            ("[unknown]\n", "unknown field `unknown`"),
            ("[package]\n", "duplicate key"),
        ] {
            let message = refused(text);
            assert!(message.contains(said), "{text:?} said {message:?}, not {said:?}");
        }
    }

    #[test]
    fn hostile_text_is_refused_without_harm() {
        for text in ["", "[", "\0", "[package]\nname = 1", &"[".repeat(10_000), &"a = {".repeat(5_000)] {
            assert!(Manifest::parse(text).is_err());
        }
    }
}
