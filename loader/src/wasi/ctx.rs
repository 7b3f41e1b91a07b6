//! What a guest was granted, and the builder that grants it.

use super::audit::{Auditor, Denial};
use super::clock::Clocks;
use super::descriptors::{Descriptor, Descriptors, Kind, OpenDir};
use super::dircap::{DirAccess, DirCap, PreopenError};
use super::memory::MAX_PATH_BYTES;
use super::random::Randomness;
use super::readdir::DirStream;
use super::stdio::{Capture, Input, Output};
use super::types::Rights;
use rustix::fd::OwnedFd;

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
    pub(super) clocks: Clocks,
    pub(super) randomness: Randomness,
    /// Is told of denials.
    pub(super) auditor: Option<Auditor>,
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
            clocks: Clocks::virtual_from(0),
            randomness: Randomness::Host,
            auditor: None,
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
    clocks: Option<Clocks>,
    auditor: Option<Auditor>,
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
        self.clocks = Some(Clocks::Host);
        self
    }

    /// Tells `auditor` of every call that is denied, on the thread of the guest, which waits meanwhile.
    pub fn auditor(&mut self, auditor: impl FnMut(&Denial<'_>) + Send + 'static) -> &mut Self {
        self.auditor = Some(Box::new(auditor));
        self
    }

    /// Grants the directory that `dir` is open on, under the name `guest_path`.
    ///
    /// # Errors
    /// If it is no directory, is on a file system of the kernel, can't be opened for listing, if the name is empty or
    /// contains a NUL byte, if there are too many, or if the kernel can't keep paths beneath it.
    pub fn preopen_dir(
        &mut self,
        dir: OwnedFd,
        guest_path: &str,
        access: DirAccess,
    ) -> Result<&mut Self, PreopenError> {
        if guest_path.is_empty() || guest_path.contains('\0') || guest_path.len() > MAX_PATH_BYTES as usize {
            return Err(PreopenError::BadName { name: guest_path.to_owned() });
        }
        let (cap, fd) = DirCap::grant(&dir, access)?;
        let base = match access {
            DirAccess::ReadWrite => Rights::DIRECTORY,
            DirAccess::ReadOnly => Rights::DIRECTORY.difference(Rights::CHANGES),
        };
        let preopen = Some(guest_path.as_bytes().to_vec());
        // What may be inherited is not cut down for a read-only directory: wasi-libc asks for no more than that, so a file
        // opened for writing would open, and only the write fail. It is the capability that refuses.
        let descriptor = Descriptor {
            kind: Kind::Dir(OpenDir { fd, cap, preopen, stream: DirStream::default() }),
            base,
            inheriting: Rights::FILE.union(Rights::DIRECTORY),
            flags: Default::default(),
        };
        self.dirs.insert(descriptor).map_err(|_| PreopenError::TooMany)?;
        Ok(self)
    }

    /// The context, with everything that was granted.
    ///
    /// # Errors
    /// For arguments and variables that a guest could not read as they are.
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
        descriptors.set_streams([
            self.stdin.map(|input| Descriptor::stream(Kind::Input(input))),
            self.stdout.map(|output| Descriptor::stream(Kind::Output(output))),
            self.stderr.map(|output| Descriptor::stream(Kind::Output(output))),
        ]);
        let inert = WasiCtx::inert();
        let clocks = self.clocks.unwrap_or(inert.clocks);
        Ok(WasiCtx { args: self.args, env, descriptors, clocks, auditor: self.auditor, ..inert })
    }
}

#[cfg(test)]
mod tests {
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
            let refused = builder.preopen_dir(dir.open(), name, DirAccess::ReadOnly);
            assert!(matches!(refused, Err(PreopenError::BadName { .. })));
        }
    }
}
