//! What a guest was granted, and the builder that grants it.

use super::audit::{Auditor, Denial};
use super::clock::{ClockSource, Clocks};
use super::descriptors::{Descriptor, Descriptors, Kind, MAX_DESCRIPTORS};
use super::dircap::{Dir, PreopenError};
use super::errno::Errno;
use super::memory::MAX_PATH_BYTES;
use super::net::{Dns, NetCap, Network};
use super::random::{RandomSource, Randomness};
use super::sock::Socket;
use super::stdio::{Capture, Input, Output};
use super::types::Rights;
use super::usage::GuestUse;
use super::virt;
use rustix::fd::OwnedFd;
use std::sync::Arc;

/// The most bytes of arguments, and of environment, each with its terminating NULs.
pub const MAX_STRINGS_BYTES: usize = 16 << 20;

/// The state of one guest: what it was granted, and what it made of that.
///
/// Nothing in it is granted by default: see [`WasiCtxBuilder`].
pub struct WasiCtx {
    pub(super) args: Vec<Vec<u8>>,
    /// `NAME=value`, as the guest reads it.
    pub(super) env: Vec<Vec<u8>>,
    pub(super) descriptors: Descriptors,
    /// How many descriptors it may have at once that came from other guests.
    pub(super) max_handles: Option<u32>,
    pub(super) clocks: Clocks,
    pub(super) randomness: Randomness,
    pub(super) network: Network,
    /// Is told of denials.
    pub(super) auditor: Option<Auditor>,
    /// What was denied by a call that succeeds otherwise, for the auditor.
    pub(super) denied: Option<Errno>,
    /// Who else answers for the guest.
    pub(super) virt: virt::State,
    /// Is told of what is used.
    pub(super) recorder: Option<Arc<GuestUse>>,
}

impl std::fmt::Debug for WasiCtx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasiCtx").field("descriptors", &self.descriptors).finish_non_exhaustive()
    }
}

impl WasiCtx {
    /// Begins to grant.
    pub fn builder() -> WasiCtxBuilder {
        WasiCtxBuilder::default()
    }

    /// A context in which nothing is granted. A program starts in it, computes and returns: there are no arguments, no
    /// environment, no standard streams, no files; clocks are virtual; random numbers are the host's all the same, because
    /// they are no authority, and predictable ones would be a silent wound.
    pub fn inert() -> WasiCtx {
        WasiCtx {
            args: Vec::new(),
            env: Vec::new(),
            descriptors: Descriptors::default(),
            max_handles: None,
            clocks: ClockSource::Virtual { start_ns: 0 }.into(),
            randomness: Randomness::Host,
            network: Network::default(),
            auditor: None,
            denied: None,
            virt: virt::State::default(),
            recorder: None,
        }
    }
}

/// A context moves between threads with its instance.
const _: () = {
    const fn sendable<T: Send>() {}
    sendable::<WasiCtx>();
};

/// Why a context could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// An argument would end early in the guest.
    #[error("argument {index} contains a NUL byte")]
    NulInArgument {
        /// Counted from 0, which is the program's name.
        index: usize,
    },
    /// An environment variable would end early, or begin late.
    #[error("environment variable {name:?} has an empty name, one with '=' in it, or a NUL byte")]
    BadVariable {
        /// The name as far as it can be shown.
        name: String,
    },
    /// More than a guest should have to take.
    #[error("{what} of {bytes} bytes: more than {MAX_STRINGS_BYTES}")]
    TooLong {
        /// `arguments` or `environment`.
        what: &'static str,
        /// How many.
        bytes: usize,
    },
    /// More directories and listeners than there may be descriptors.
    #[error("more directories and listening sockets were granted than a guest may have descriptors")]
    TooManyDescriptors,
}

/// Grants a guest what it shall have, and nothing else.
///
/// Without any call the guest has what [`WasiCtx::inert`] describes.
#[derive(Default)]
pub struct WasiCtxBuilder {
    args: Vec<Vec<u8>>,
    env: Vec<(Vec<u8>, Vec<u8>)>,
    stdin: Option<Input>,
    stdout: Option<Output>,
    stderr: Option<Output>,
    dirs: Descriptors,
    listeners: Vec<Socket>,
    max_descriptors: Option<u32>,
    max_handles: Option<u32>,
    clock: Option<ClockSource>,
    random: Option<RandomSource>,
    network: Network,
    auditor: Option<Auditor>,
    recorder: Option<Arc<GuestUse>>,
}

impl std::fmt::Debug for WasiCtxBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasiCtxBuilder").field("dirs", &self.dirs).finish_non_exhaustive()
    }
}

impl WasiCtxBuilder {
    /// Adds an argument. The first is the program's name.
    pub fn arg(&mut self, arg: impl Into<Vec<u8>>) -> &mut Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    pub fn args<A: Into<Vec<u8>>>(&mut self, args: impl IntoIterator<Item = A>) -> &mut Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds an environment variable. One of the same name is replaced.
    pub fn env(&mut self, name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> &mut Self {
        let (name, value) = (name.into(), value.into());
        match self.env.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.env.push((name, value)),
        }
        self
    }

    /// Grants standard input.
    pub fn stdin(&mut self, input: Input) -> &mut Self {
        self.stdin = Some(input);
        self
    }

    /// Grants these bytes as standard input.
    pub fn stdin_bytes(&mut self, bytes: impl Into<Vec<u8>>) -> &mut Self {
        self.stdin(Input::Bytes(std::io::Cursor::new(bytes.into())))
    }

    /// Grants standard output.
    pub fn stdout(&mut self, output: Output) -> &mut Self {
        self.stdout = Some(output);
        self
    }

    /// Grants standard error.
    pub fn stderr(&mut self, output: Output) -> &mut Self {
        self.stderr = Some(output);
        self
    }

    /// Grants a buffer as standard output; it holds at most `limit_bytes`.
    pub fn capture_stdout(&mut self, limit_bytes: usize) -> Capture {
        let capture = Capture::new(limit_bytes);
        self.stdout(Output::Capture(capture.clone()));
        capture
    }

    /// Grants a buffer as standard error; it holds at most `limit_bytes`.
    pub fn capture_stderr(&mut self, limit_bytes: usize) -> Capture {
        let capture = Capture::new(limit_bytes);
        self.stderr(Output::Capture(capture.clone()));
        capture
    }

    /// Grants the host's standard input, output and error.
    pub fn inherit_stdio(&mut self) -> &mut Self {
        self.stdin(Input::Inherit).stdout(Output::Stdout).stderr(Output::Stderr)
    }

    /// Grants the host's clocks. A guest without them has virtual ones, which stand still but for its own sleeping.
    pub fn host_clocks(&mut self) -> &mut Self {
        self.clock(ClockSource::Host)
    }

    /// Grants clocks. Without any they are [`ClockSource::Virtual`] from 1970 on.
    pub fn clock(&mut self, source: ClockSource) -> &mut Self {
        self.clock = Some(source);
        self
    }

    /// Says where random numbers come from, if not from the host.
    pub fn random(&mut self, source: RandomSource) -> &mut Self {
        self.random = Some(source);
        self
    }

    /// Limits how many descriptors a guest has at once, the three standard streams included whether they were granted or
    /// not. `MFILE` beyond. Unless said, half as many as this process may have when the context is made, and at most 1024:
    /// a guest's descriptors are the process's too, and others need some.
    pub fn max_descriptors(&mut self, limit: u32) -> &mut Self {
        self.max_descriptors = Some(limit);
        self
    }

    /// Limits how many folders a guest holds at once that other guests passed to it, among its descriptors. Unless said,
    /// they are bounded as descriptors are.
    pub fn max_handles(&mut self, limit: u32) -> &mut Self {
        self.max_handles = Some(limit);
        self
    }

    /// Grants a TCP or Unix stream socket that listens, to accept connections on. It is set to be non-blocking. Listeners
    /// have the guest's numbers after those of the directories, in the order in which they are granted: without
    /// directories the first is 3.
    ///
    /// # Errors
    /// [`PreopenError::NotListening`] for anything else.
    pub fn listener(&mut self, socket: OwnedFd) -> Result<&mut Self, PreopenError> {
        self.listeners.push(Socket::listener(socket)?);
        Ok(self)
    }

    /// The same, by a grant: what it accepts counts as connections of that, and ends with it.
    ///
    /// # Errors
    /// [`PreopenError::NotListening`] for anything else.
    pub fn listener_of(&mut self, socket: OwnedFd, cap: &NetCap) -> Result<&mut Self, PreopenError> {
        self.listeners.push(Socket::listener_of(socket, cap.clone())?);
        Ok(self)
    }

    /// Grants connections, to be made and accepted by `bailiwick:virt/net`.
    pub fn tcp(&mut self, cap: &NetCap) -> &mut Self {
        self.network.tcp.push(cap.clone());
        self
    }

    /// Grants datagrams.
    pub fn udp(&mut self, cap: &NetCap) -> &mut Self {
        self.network.udp.push(cap.clone());
        self
    }

    /// Grants looking names up.
    pub fn dns(&mut self, grant: Dns) -> &mut Self {
        self.network.dns.push(grant);
        self
    }

    /// Tells `auditor` of every call that is denied, on the thread of the guest, which waits meanwhile. The context is locked
    /// then, so the auditor must not use it.
    pub fn auditor(&mut self, auditor: impl FnMut(&Denial<'_>) + Send + 'static) -> &mut Self {
        self.auditor = Some(Box::new(auditor));
        self
    }

    /// Notes in `recorder` what the guest uses of what it was granted.
    pub fn recorder(&mut self, recorder: Arc<GuestUse>) -> &mut Self {
        self.recorder = Some(recorder);
        self
    }

    /// Grants a directory, under the name `guest_path`.
    ///
    /// # Errors
    /// If it was revoked, if the name is empty or contains a NUL byte, if there are too many, or if the host has no
    /// descriptor left.
    pub fn preopen(&mut self, dir: &Dir, guest_path: &str) -> Result<&mut Self, PreopenError> {
        if guest_path.is_empty() || guest_path.contains('\0') || guest_path.len() > MAX_PATH_BYTES as usize {
            return Err(PreopenError::BadName { name: guest_path.to_owned() });
        }
        // What may be inherited is not cut down to the grant: wasi-libc asks for no more than that, so a file opened for
        // writing would open, and only the write fail. It is the capability that refuses.
        let descriptor = Descriptor {
            kind: Kind::Dir(dir.preopened(guest_path)?),
            base: Rights::DIRECTORY.intersection(dir.grant().rights.preview1()),
            inheriting: Rights::FILE.union(Rights::DIRECTORY),
            flags: Default::default(),
        };
        self.dirs.insert(descriptor).map_err(|_| PreopenError::TooMany)?;
        Ok(self)
    }

    /// The context, with everything that was granted.
    ///
    /// # Errors
    /// For arguments and variables that a guest could not read as they are, and for more directories and listeners than it
    /// may have descriptors.
    pub fn build(self) -> Result<WasiCtx, BuildError> {
        if let Some(index) = self.args.iter().position(|arg| arg.contains(&0)) {
            return Err(BuildError::NulInArgument { index });
        }
        let mut env = Vec::with_capacity(self.env.len());
        for (name, value) in self.env {
            if name.is_empty() || name.iter().any(|&byte| byte == b'=' || byte == 0) || value.contains(&0) {
                return Err(BuildError::BadVariable { name: String::from_utf8_lossy(&name).into_owned() });
            }
            env.push([name, value].join(&b'='));
        }
        for (what, strings) in [("arguments", &self.args), ("environment", &env)] {
            let bytes = strings.iter().map(|string| string.len() + 1).sum();
            if bytes > MAX_STRINGS_BYTES {
                return Err(BuildError::TooLong { what, bytes });
            }
        }
        let mut descriptors = self.dirs;
        let limit = self.max_descriptors.unwrap_or_else(default_descriptors);
        descriptors.set_limit(limit).map_err(|_| BuildError::TooManyDescriptors)?;
        let mut network = self.network;
        for listener in self.listeners {
            let inserted = descriptors.insert(Descriptor::listener(listener));
            network.listeners.push(inserted.map_err(|_| BuildError::TooManyDescriptors)?);
        }
        descriptors.set_streams([
            self.stdin.map(|input| Descriptor::stream(Kind::Input(input.into()))),
            self.stdout.map(|output| Descriptor::stream(Kind::Output(output.into()))),
            self.stderr.map(|output| Descriptor::stream(Kind::Output(output.into()))),
        ]);
        let inert = WasiCtx::inert();
        let clocks = self.clock.map_or(inert.clocks, Clocks::from);
        let randomness = self.random.map_or(inert.randomness, Randomness::from);
        let (args, max_handles, auditor, recorder) = (self.args, self.max_handles, self.auditor, self.recorder);
        Ok(WasiCtx { args, env, descriptors, max_handles, clocks, randomness, network, auditor, recorder, ..inert })
    }
}

/// How many descriptors a guest has of which nothing is said.
fn default_descriptors() -> u32 {
    let may = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    may.map_or(MAX_DESCRIPTORS, |may| u32::try_from(may / 2).unwrap_or(u32::MAX).min(MAX_DESCRIPTORS))
}

#[cfg(test)]
mod tests {
    use super::super::grant::DirGrant;
    use super::*;

    #[test]
    fn what_a_guest_could_not_read_is_refused() {
        let mut builder = WasiCtx::builder();
        builder.arg("program").arg(b"a\0b".to_vec());
        assert!(matches!(builder.build(), Err(BuildError::NulInArgument { index: 1 })));
        for (name, value) in [("", "x"), ("a=b", "x"), ("a\0", "x"), ("a", "x\0")] {
            let mut builder = WasiCtx::builder();
            builder.env(name, value);
            assert!(matches!(builder.build(), Err(BuildError::BadVariable { .. })), "{name:?}={value:?}");
        }
        let mut builder = WasiCtx::builder();
        builder.arg(vec![b'x'; MAX_STRINGS_BYTES]);
        assert!(matches!(builder.build(), Err(BuildError::TooLong { what: "arguments", .. })));
    }

    #[test]
    fn listeners_come_after_directories_and_all_within_the_limit() {
        let listener = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().into();
        for (limit, fits) in [(6, true), (5, false), (0, false)] {
            let mut builder = WasiCtx::builder();
            builder.listener(listener()).unwrap().listener(listener()).unwrap().max_descriptors(limit);
            let dir = super::super::testing::TempDir::new();
            builder.preopen(&dir.grant(DirGrant::read_only()), "/").unwrap();
            match builder.build() {
                Ok(ctx) => {
                    assert!(fits);
                    let is_dir = |fd| matches!(ctx.descriptors.get(fd).unwrap().kind, Kind::Dir(_));
                    assert_eq!([3, 4, 5].map(is_dir), [true, false, false]);
                }
                Err(error) => assert!(!fits && matches!(error, BuildError::TooManyDescriptors)),
            }
        }
    }

    #[test]
    fn a_variable_has_one_value() {
        let mut builder = WasiCtx::builder();
        builder.env("A", "1").env("B", "2").env("A", "3");
        assert_eq!(builder.build().unwrap().env, vec![b"A=3".to_vec(), b"B=2".to_vec()]);
    }

    #[test]
    fn a_directory_needs_a_name() {
        let dir = super::super::testing::TempDir::new();
        for name in ["", "a\0b"] {
            let mut builder = WasiCtx::builder();
            let refused = builder.preopen(&dir.grant(DirGrant::read_only()), name);
            assert!(matches!(refused, Err(PreopenError::BadName { .. })));
        }
    }
}
