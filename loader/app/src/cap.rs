//! What a module can hold, the order on it, and the one function that narrows.
//!
//! [`derive`](fn@derive) decides for the checker, which looks at manifests before anything runs, and for the loader, which makes the
//! live objects: a result is never more than what it was derived from, [`Cap::covers`] says what "more" means. A field that
//! an attenuation does not name stays as it is; one that it names must be within.

use super::net::{self, Dns, Net};
use bailiwick_loader::wasi::{DirGrant, DirLimits, DirRights};
use std::collections::BTreeMap;
use std::fmt;

/// The kinds of what can be granted, as manifests name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CapKind {
    /// A folder of the host and what lies below it.
    Dir,
    /// Standard input, output and error.
    Stdio,
    /// Environment variables.
    Env,
    /// The command line's arguments.
    Args,
    /// The time.
    Clock,
    /// Random numbers.
    Random,
    /// Connections by TCP.
    Tcp,
    /// Datagrams by UDP.
    Udp,
    /// Looking up names.
    Dns,
}

impl CapKind {
    /// Every kind.
    pub const ALL: [CapKind; 9] = [
        CapKind::Dir,
        CapKind::Stdio,
        CapKind::Env,
        CapKind::Args,
        CapKind::Clock,
        CapKind::Random,
        CapKind::Tcp,
        CapKind::Udp,
        CapKind::Dns,
    ];

    /// The name in manifests.
    pub const fn name(self) -> &'static str {
        match self {
            CapKind::Dir => "dir",
            CapKind::Stdio => "stdio",
            CapKind::Env => "env",
            CapKind::Args => "args",
            CapKind::Clock => "clock",
            CapKind::Random => "random",
            CapKind::Tcp => "tcp",
            CapKind::Udp => "udp",
            CapKind::Dns => "dns",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<CapKind> {
        CapKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for CapKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A path below a folder: plain components, none of them `.` or `..`. Empty for the folder itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubPath(Vec<String>);

impl SubPath {
    /// Reads `a/b`; the folder itself is `.` or empty.
    ///
    /// # Errors
    /// What is wrong with it, in words: absolute, `..`, an empty component, a NUL byte.
    pub fn parse(text: &str) -> Result<SubPath, &'static str> {
        if text.is_empty() || text == "." {
            return Ok(SubPath::default());
        }
        if text.starts_with('/') {
            return Err("it is absolute");
        }
        if text.contains('\0') {
            return Err("it contains a NUL byte");
        }
        let mut components = Vec::new();
        for component in text.strip_suffix('/').unwrap_or(text).split('/') {
            match component {
                "" => return Err("it has an empty component"),
                "." => {}
                ".." => return Err("it has a component `..`"),
                plain => components.push(plain.to_owned()),
            }
        }
        Ok(SubPath(components))
    }

    /// This path, and `below` beneath it.
    #[must_use]
    pub fn join(&self, below: &SubPath) -> SubPath {
        SubPath(self.0.iter().chain(&below.0).cloned().collect())
    }

    /// Whether `other` is this path or lies beneath it.
    pub fn covers(&self, other: &SubPath) -> bool {
        other.0.starts_with(&self.0)
    }

    /// What of this path lies beneath `above`; `None` if it does not.
    pub fn below(&self, above: &SubPath) -> Option<SubPath> {
        self.0.strip_prefix(above.0.as_slice()).map(|rest| SubPath(rest.to_vec()))
    }

    /// Whether it is the folder itself.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for SubPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str(".") } else { f.write_str(&self.0.join("/")) }
    }
}

/// How far a standard stream reaches, from nothing to the host's own. The order is that of authority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// There is none: `EBADF`.
    #[default]
    None,
    /// Empty to read, and a sink to write.
    Null,
    /// A buffer that the loader keeps, up to a limit.
    Capture,
    /// A file that the root's manifest names.
    File,
    /// The host's own.
    Inherit,
}

impl Stream {
    /// The name in manifests.
    pub const fn name(self) -> &'static str {
        match self {
            Stream::None => "none",
            Stream::Null => "null",
            Stream::Capture => "capture",
            Stream::File => "file",
            Stream::Inherit => "inherit",
        }
    }

    /// The mode of that name.
    pub fn from_name(name: &str) -> Option<Stream> {
        [Stream::None, Stream::Null, Stream::Capture, Stream::File, Stream::Inherit]
            .into_iter()
            .find(|mode| mode.name() == name)
    }

    /// A file is one that the root named, so no other mode turns into it.
    fn covers(self, other: Stream) -> bool {
        other <= self && (other != Stream::File || self == Stream::File)
    }
}

/// The time that a module is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Clock {
    /// One that stands still but for the module's own sleeping: what there is without a grant.
    Virtual,
    /// One time for ever, in nanoseconds since 1970.
    Fixed {
        /// Nanoseconds.
        ns: u64,
    },
    /// The host's, in steps of `resolution_ns`.
    Host {
        /// Nanoseconds; 1 is the host's own resolution.
        resolution_ns: u64,
    },
}

impl Clock {
    fn covers(self, other: Clock) -> bool {
        match (self, other) {
            (_, Clock::Virtual) => true,
            (Clock::Fixed { ns: own }, Clock::Fixed { ns }) => own == ns,
            (Clock::Host { .. }, Clock::Fixed { .. }) => true,
            (Clock::Host { resolution_ns: own }, Clock::Host { resolution_ns }) => resolution_ns >= own,
            (Clock::Virtual, _) | (Clock::Fixed { .. }, Clock::Host { .. }) => false,
        }
    }
}

/// The random numbers that a module is given.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Random {
    /// A stream that this text determines.
    Seeded(String),
    /// The host's, fit for keys.
    Host,
}

/// Something that a module holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cap {
    /// A folder.
    Dir {
        /// Where it lies below the folder that the root named.
        path: SubPath,
        /// What may be done beneath.
        grant: DirGrant,
    },
    /// Standard streams.
    Stdio {
        /// Standard input.
        stdin: Stream,
        /// Standard output.
        stdout: Stream,
        /// Standard error.
        stderr: Stream,
    },
    /// Environment variables: by name, the host's value (`None`), or one that the root's manifest gives.
    Env(BTreeMap<String, Option<String>>),
    /// Arguments.
    Args {
        /// Those of the command line.
        command_line: bool,
        /// Those that the root's manifest gives, in front of them.
        fixed: Vec<String>,
    },
    /// The time.
    Clock(Clock),
    /// Random numbers.
    Random(Random),
    /// Connections.
    Tcp(Net),
    /// Datagrams.
    Udp(Net),
    /// Names.
    Dns(Dns),
}

impl Cap {
    /// Its kind.
    pub fn kind(&self) -> CapKind {
        match self {
            Cap::Dir { .. } => CapKind::Dir,
            Cap::Stdio { .. } => CapKind::Stdio,
            Cap::Env(_) => CapKind::Env,
            Cap::Args { .. } => CapKind::Args,
            Cap::Clock(_) => CapKind::Clock,
            Cap::Random(_) => CapKind::Random,
            Cap::Tcp(_) => CapKind::Tcp,
            Cap::Udp(_) => CapKind::Udp,
            Cap::Dns(_) => CapKind::Dns,
        }
    }

    /// Whether `other` is this capability or less. A partial order: reflexive, transitive, antisymmetric.
    pub fn covers(&self, other: &Cap) -> bool {
        match (self, other) {
            (Cap::Dir { path, grant }, Cap::Dir { path: other_path, grant: other_grant }) => {
                path.covers(other_path) && grant.covers(other_grant)
            }
            (
                Cap::Stdio { stdin, stdout, stderr },
                Cap::Stdio { stdin: other_in, stdout: other_out, stderr: other_err },
            ) => stdin.covers(*other_in) && stdout.covers(*other_out) && stderr.covers(*other_err),
            (Cap::Env(own), Cap::Env(other)) => other.iter().all(|(name, value)| own.get(name) == Some(value)),
            (Cap::Args { command_line, fixed }, Cap::Args { command_line: other_line, fixed: other_fixed }) => {
                (*command_line || !other_line) && fixed.starts_with(other_fixed)
            }
            (Cap::Clock(own), Cap::Clock(other)) => own.covers(*other),
            (Cap::Random(own), Cap::Random(other)) => match (own, other) {
                (Random::Host, _) => true,
                (Random::Seeded(own), Random::Seeded(other)) => own == other,
                (Random::Seeded(_), Random::Host) => false,
            },
            (Cap::Tcp(own), Cap::Tcp(other)) | (Cap::Udp(own), Cap::Udp(other)) => own.covers(other),
            (Cap::Dns(own), Cap::Dns(other)) => own.covers(other),
            _ => false,
        }
    }
}

/// How an edge narrows a capability: a field that is `None` stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attenuation {
    /// Of a folder.
    Dir {
        /// Where below.
        sub: Option<SubPath>,
        /// What may be done.
        rights: Option<DirRights>,
        /// Bytes that the files may grow by.
        max_bytes: Option<u64>,
        /// Descriptors open at once.
        max_open: Option<u32>,
        /// Whether paths may lead into other mounts.
        cross_mounts: Option<bool>,
    },
    /// Of standard streams.
    Stdio {
        /// Standard input.
        stdin: Option<Stream>,
        /// Standard output.
        stdout: Option<Stream>,
        /// Standard error.
        stderr: Option<Stream>,
    },
    /// Of environment variables: these names only.
    Env {
        /// Names.
        allow: Option<Vec<String>>,
    },
    /// Of arguments.
    Args {
        /// Whether those of the command line are passed.
        command_line: Option<bool>,
    },
    /// Of the time.
    Clock(Option<Clock>),
    /// Of random numbers.
    Random(Option<Random>),
    /// Of connections.
    Tcp(super::net::NetAttenuation),
    /// Of datagrams.
    Udp(super::net::NetAttenuation),
    /// Of names.
    Dns {
        /// Patterns of names.
        allow: Option<Vec<super::net::HostPattern>>,
    },
}

impl Attenuation {
    /// The kind of what it narrows.
    pub fn kind(&self) -> CapKind {
        match self {
            Attenuation::Dir { .. } => CapKind::Dir,
            Attenuation::Stdio { .. } => CapKind::Stdio,
            Attenuation::Env { .. } => CapKind::Env,
            Attenuation::Args { .. } => CapKind::Args,
            Attenuation::Clock(_) => CapKind::Clock,
            Attenuation::Random(_) => CapKind::Random,
            Attenuation::Tcp(_) => CapKind::Tcp,
            Attenuation::Udp(_) => CapKind::Udp,
            Attenuation::Dns { .. } => CapKind::Dns,
        }
    }
}

/// Why an attenuation is none: it asks for more than there is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Widening {
    /// One kind does not turn into another.
    #[error("it asks for {asked}, and what it is derived from is of kind {held}")]
    Kind {
        /// What was asked for.
        asked: CapKind,
        /// What there is.
        held: CapKind,
    },
    /// A field asks for more.
    #[error("{field}: {asked} is more than {held}")]
    Field {
        /// The key in the manifest.
        field: &'static str,
        /// What was asked for, in words.
        asked: String,
        /// What there is, in words.
        held: String,
    },
}

impl Widening {
    pub(super) fn field(field: &'static str, asked: impl fmt::Display, held: impl fmt::Display) -> Widening {
        Widening::Field { field, asked: asked.to_string(), held: held.to_string() }
    }
}

/// Narrows a capability: the only way in which one comes from another.
///
/// # Errors
/// [`Widening`] if a field asks for more than there is; nothing is cut down in silence.
pub fn derive(cap: &Cap, attenuation: &Attenuation) -> Result<Cap, Widening> {
    if cap.kind() != attenuation.kind() {
        return Err(Widening::Kind { asked: attenuation.kind(), held: cap.kind() });
    }
    let derived = match (cap, attenuation) {
        (Cap::Dir { path, grant }, Attenuation::Dir { sub, rights, max_bytes, max_open, cross_mounts }) => {
            let asked = DirGrant {
                rights: rights.unwrap_or(grant.rights),
                limits: DirLimits {
                    max_bytes: max_bytes.or(grant.limits.max_bytes),
                    max_open: max_open.or(grant.limits.max_open),
                },
                cross_mounts: cross_mounts.unwrap_or(grant.cross_mounts),
            };
            let path = sub.as_ref().map_or_else(|| path.clone(), |sub| path.join(sub));
            Cap::Dir { path, grant: within(grant, asked)? }
        }
        (
            Cap::Stdio { stdin, stdout, stderr },
            Attenuation::Stdio { stdin: asked_in, stdout: asked_out, stderr: asked_err },
        ) => {
            let pick = |field, held: Stream, asked: Option<Stream>| match asked {
                Some(asked) if !held.covers(asked) => Err(Widening::field(field, asked.name(), held.name())),
                asked => Ok(asked.unwrap_or(held)),
            };
            Cap::Stdio {
                stdin: pick("stdin", *stdin, *asked_in)?,
                stdout: pick("stdout", *stdout, *asked_out)?,
                stderr: pick("stderr", *stderr, *asked_err)?,
            }
        }
        (Cap::Env(held), Attenuation::Env { allow }) => match allow {
            None => Cap::Env(held.clone()),
            Some(names) => {
                let mut kept = BTreeMap::new();
                for name in names {
                    let Some(value) = held.get(name) else {
                        let held: Vec<&str> = held.keys().map(String::as_str).collect();
                        return Err(Widening::field("allow", name, list(&held)));
                    };
                    kept.insert(name.clone(), value.clone());
                }
                Cap::Env(kept)
            }
        },
        (Cap::Args { command_line, fixed }, Attenuation::Args { command_line: asked }) => {
            if *asked == Some(true) && !command_line {
                return Err(Widening::field("command_line", "true", "false"));
            }
            Cap::Args { command_line: asked.unwrap_or(*command_line), fixed: fixed.clone() }
        }
        (Cap::Clock(held), Attenuation::Clock(asked)) => match asked {
            Some(asked) if !held.covers(*asked) => return Err(Widening::field("clock", asked, held)),
            asked => Cap::Clock(asked.unwrap_or(*held)),
        },
        (Cap::Random(held), Attenuation::Random(asked)) => {
            let asked = asked.clone().unwrap_or_else(|| held.clone());
            if !cap.covers(&Cap::Random(asked.clone())) {
                return Err(Widening::field("random", &asked, held));
            }
            Cap::Random(asked)
        }
        (Cap::Tcp(held), Attenuation::Tcp(asked)) => Cap::Tcp(net::derive(held, asked)?),
        (Cap::Udp(held), Attenuation::Udp(asked)) => Cap::Udp(net::derive(held, asked)?),
        (Cap::Dns(held), Attenuation::Dns { allow }) => Cap::Dns(net::derive_names(held, allow.as_deref())?),
        // The kinds agree, as was asked first.
        _ => return Err(Widening::Kind { asked: attenuation.kind(), held: cap.kind() }),
    };
    Ok(derived)
}

/// The grant that is asked for, if it is within what is held; by the rule that the live capability asks too.
fn within(held: &DirGrant, asked: DirGrant) -> Result<DirGrant, Widening> {
    if !held.rights.contains(asked.rights) {
        let excess = asked.rights.difference(held.rights);
        return Err(Widening::field("rights", list(&excess.names()), list(&held.rights.names())));
    }
    let limit = |field, asked: Option<u64>, held: Option<u64>| match (asked, held) {
        (Some(asked), Some(held)) if asked > held => Err(Widening::field(field, asked, held)),
        _ => Ok(()),
    };
    limit("max_bytes", asked.limits.max_bytes, held.limits.max_bytes)?;
    limit("max_open", asked.limits.max_open.map(u64::from), held.limits.max_open.map(u64::from))?;
    if asked.cross_mounts && !held.cross_mounts {
        return Err(Widening::field("cross_mounts", "true", "false"));
    }
    debug_assert!(held.covers(&asked));
    Ok(asked)
}

/// Names in a row, for people.
pub(super) fn list(names: &[&str]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Clock::Virtual => f.write_str("a virtual clock"),
            Clock::Fixed { ns } => write!(f, "the fixed time {ns} ns"),
            Clock::Host { resolution_ns: 1 } => f.write_str("the host's clock"),
            Clock::Host { resolution_ns } => {
                let step = humantime::format_duration(std::time::Duration::from_nanos(*resolution_ns));
                write!(f, "the host's clock in steps of {step}")
            }
        }
    }
}

impl fmt::Display for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Random::Seeded(_) => "seeded random numbers",
            Random::Host => "the host's random numbers",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::net::{Deny, Endpoint, HostPattern, NetAttenuation};
    use super::*;

    /// A generator of the same numbers every time.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % sides
        }

        fn pick<T: Clone>(&mut self, from: &[T]) -> T {
            from[self.roll(from.len() as u64) as usize].clone()
        }

        fn some<T>(&mut self, value: impl FnOnce(&mut Dice) -> T) -> Option<T> {
            if self.roll(3) == 0 { None } else { Some(value(self)) }
        }

        fn several<T: Clone>(&mut self, from: &[T]) -> Vec<T> {
            from.iter().filter(|_| self.roll(2) == 0).cloned().collect()
        }

        fn rights(&mut self) -> DirRights {
            let names = DirRights::ALL.names();
            let names = self.several(&names);
            names.iter().fold(DirRights::NONE, |all, name| all.union(DirRights::from_name(name).unwrap()))
        }

        fn endpoints(&mut self) -> Vec<Endpoint> {
            let all = [
                "*:*",
                "*.a.org:443",
                "b.a.org:443",
                "b.a.org:1-500",
                "10.0.0.1:80",
                "*:80",
                "10.0.0.0/8:*",
                "localhost:80",
                "[::1]:80",
            ];
            self.several(&all.map(|text| Endpoint::parse(text).unwrap()))
        }

        fn names(&mut self) -> Vec<HostPattern> {
            let all = ["*", "*.a.org", "b.a.org", "*.b.a.org", "a.org"];
            self.several(&all.map(|text| HostPattern::parse(text).unwrap()))
        }

        fn clock(&mut self) -> Clock {
            let all = [
                Clock::Virtual,
                Clock::Fixed { ns: 1 },
                Clock::Fixed { ns: 2 },
                Clock::Host { resolution_ns: 1 },
                Clock::Host { resolution_ns: 1000 },
            ];
            self.pick(&all)
        }

        fn random(&mut self) -> Random {
            self.pick(&[Random::Host, Random::Seeded("a".into()), Random::Seeded("b".into())])
        }

        fn net(&mut self) -> Net {
            let deny = ["private", "10.0.0.0/8", "loopback", "default"].map(|text| Deny::parse(text).unwrap());
            Net {
                connect: self.endpoints(),
                listen: self.endpoints(),
                deny: self.several(&deny),
                max_connections: self.some(|dice| dice.roll(4) as u32),
                max_bytes: self.some(|dice| dice.roll(4)),
            }
        }

        fn net_attenuation(&mut self) -> NetAttenuation {
            let net = self.net();
            NetAttenuation {
                connect: self.some(|_| net.connect),
                listen: self.some(|_| net.listen),
                deny: net.deny,
                max_connections: net.max_connections,
                max_bytes: net.max_bytes,
            }
        }

        fn cap(&mut self, kind: CapKind) -> Cap {
            let stream = [Stream::None, Stream::Null, Stream::Capture, Stream::File, Stream::Inherit];
            match kind {
                CapKind::Dir => Cap::Dir {
                    path: SubPath::parse(self.pick(&["", "a", "a/b", "b"])).unwrap(),
                    grant: DirGrant {
                        rights: self.rights(),
                        limits: DirLimits {
                            max_bytes: self.some(|dice| dice.roll(4)),
                            max_open: self.some(|dice| dice.roll(4) as u32),
                        },
                        cross_mounts: self.roll(2) == 0,
                    },
                },
                CapKind::Stdio => {
                    Cap::Stdio { stdin: self.pick(&stream), stdout: self.pick(&stream), stderr: self.pick(&stream) }
                }
                CapKind::Env => {
                    let all = [("A", None), ("B", None), ("B", Some("1")), ("C", Some("2"))];
                    let kept = self.several(&all);
                    Cap::Env(kept.into_iter().map(|(n, v)| (n.to_owned(), v.map(str::to_owned))).collect())
                }
                CapKind::Args => {
                    let fixed = ["x", "y"].iter().take(self.roll(3) as usize).map(|&text| text.to_owned()).collect();
                    Cap::Args { command_line: self.roll(2) == 0, fixed }
                }
                CapKind::Clock => Cap::Clock(self.clock()),
                CapKind::Random => Cap::Random(self.random()),
                CapKind::Tcp => Cap::Tcp(self.net()),
                CapKind::Udp => Cap::Udp(self.net()),
                CapKind::Dns => Cap::Dns(Dns { allow: self.names(), servers: Vec::new() }),
            }
        }

        fn attenuation(&mut self, kind: CapKind) -> Attenuation {
            let stream = [Stream::None, Stream::Null, Stream::Capture, Stream::File, Stream::Inherit];
            match kind {
                CapKind::Dir => Attenuation::Dir {
                    sub: self.some(|dice| SubPath::parse(dice.pick(&["", "a", "b/c"])).unwrap()),
                    rights: self.some(Dice::rights),
                    max_bytes: self.some(|dice| dice.roll(4)),
                    max_open: self.some(|dice| dice.roll(4) as u32),
                    cross_mounts: self.some(|dice| dice.roll(2) == 0),
                },
                CapKind::Stdio => Attenuation::Stdio {
                    stdin: self.some(|dice| dice.pick(&stream)),
                    stdout: self.some(|dice| dice.pick(&stream)),
                    stderr: self.some(|dice| dice.pick(&stream)),
                },
                CapKind::Env => {
                    Attenuation::Env { allow: self.some(|dice| dice.several(&["A".to_owned(), "B".to_owned()])) }
                }
                CapKind::Args => Attenuation::Args { command_line: self.some(|dice| dice.roll(2) == 0) },
                CapKind::Clock => Attenuation::Clock(self.some(Dice::clock)),
                CapKind::Random => Attenuation::Random(self.some(Dice::random)),
                CapKind::Tcp => Attenuation::Tcp(self.net_attenuation()),
                CapKind::Udp => Attenuation::Udp(self.net_attenuation()),
                CapKind::Dns => Attenuation::Dns { allow: self.some(Dice::names) },
            }
        }
    }

    /// V7: a module can give at most what it holds.
    #[test]
    fn what_is_derived_is_never_more_than_its_source() {
        let mut dice = Dice(7);
        let (mut derived, mut refused) = (0, 0);
        for kind in CapKind::ALL {
            for _ in 0..20_000 {
                let (cap, asked) = (dice.cap(kind), dice.attenuation(kind));
                match derive(&cap, &asked) {
                    Ok(less) => {
                        assert!(cap.covers(&less), "{cap:?}\n{asked:?}\n{less:?}");
                        derived += 1;
                    }
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(derived > 20_000 && refused > 20_000, "{derived} {refused}");
    }

    /// V6: however long the chain, its end is no more than any link of it.
    #[test]
    fn narrowing_is_transitive() {
        let mut dice = Dice(11);
        let mut long = 0;
        for kind in CapKind::ALL {
            for _ in 0..5_000 {
                let mut chain = vec![dice.cap(kind)];
                for _ in 0..4 {
                    let asked = dice.attenuation(kind);
                    if let Ok(less) = derive(&chain[chain.len() - 1], &asked) {
                        chain.push(less);
                    }
                }
                let last = &chain[chain.len() - 1];
                assert!(chain.iter().all(|cap| cap.covers(last)), "{chain:?}");
                long += usize::from(chain.len() >= 3);
            }
        }
        assert!(long > 5_000, "{long}");
    }

    #[test]
    fn narrowing_twice_is_narrowing_once() {
        let mut dice = Dice(13);
        for kind in CapKind::ALL {
            for _ in 0..20_000 {
                let (cap, mut asked) = (dice.cap(kind), dice.attenuation(kind));
                if let Attenuation::Dir { sub, .. } = &mut asked {
                    // A path below is one step, and twice are two.
                    *sub = None;
                }
                let Ok(once) = derive(&cap, &asked) else { continue };
                assert_eq!(derive(&once, &asked).as_ref(), Ok(&once), "{cap:?}\n{asked:?}");
            }
        }
    }

    #[test]
    fn the_order_is_one() {
        let mut dice = Dice(17);
        for kind in CapKind::ALL {
            for _ in 0..20_000 {
                let (a, b, c) = (dice.cap(kind), dice.cap(kind), dice.cap(kind));
                assert!(a.covers(&a));
                if a.covers(&b) && b.covers(&c) {
                    assert!(a.covers(&c), "{a:?}\n{b:?}\n{c:?}");
                }
                assert!(!a.covers(&dice.cap(if kind == CapKind::Dir { CapKind::Env } else { CapKind::Dir })));
            }
        }
    }

    #[test]
    fn a_path_below_has_no_dots() {
        assert_eq!(SubPath::parse("a/./b/").unwrap().to_string(), "a/b");
        for text in ["/", "/a", "..", "a/..", "a/../b", "a//b", "a\0"] {
            assert!(SubPath::parse(text).is_err(), "{text:?}");
        }
        let (a, ab) = (SubPath::parse("a").unwrap(), SubPath::parse("a/b").unwrap());
        assert!(a.covers(&ab) && !ab.covers(&a) && !a.covers(&SubPath::parse("ab").unwrap()));
        assert_eq!(ab.below(&a).unwrap().to_string(), "b");
    }
}
