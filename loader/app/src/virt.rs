//! What one module can implement for another: interfaces of `bailiwick:virt`, and the capabilities that they stand for.

use super::cap::CapKind;
use std::fmt;

/// An interface of `bailiwick:virt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Virt {
    /// Files and folders.
    Fs,
    /// The time.
    Clock,
    /// Random numbers.
    Random,
    /// The environment.
    Env,
    /// Standard streams.
    Stdio,
    /// The network.
    Net,
}

impl Virt {
    /// Every interface.
    pub const ALL: [Virt; 6] = [Virt::Fs, Virt::Clock, Virt::Random, Virt::Env, Virt::Stdio, Virt::Net];

    /// The short name in manifests.
    pub const fn name(self) -> &'static str {
        match self {
            Virt::Fs => "fs",
            Virt::Clock => "clock",
            Virt::Random => "random",
            Virt::Env => "env",
            Virt::Stdio => "stdio",
            Virt::Net => "net",
        }
    }

    /// The interface, as WIT names it.
    pub const fn interface(self) -> &'static str {
        match self {
            Virt::Fs => "bailiwick:virt/fs",
            Virt::Clock => "bailiwick:virt/clock",
            Virt::Random => "bailiwick:virt/random",
            Virt::Env => "bailiwick:virt/env",
            Virt::Stdio => "bailiwick:virt/stdio",
            Virt::Net => "bailiwick:virt/net",
        }
    }

    /// What manifests may call it: the short name, the interface, or the WASI package that means the same.
    pub fn from_name(name: &str) -> Option<Virt> {
        let wasi = match name {
            "wasi:filesystem" => Some(Virt::Fs),
            "wasi:clocks" => Some(Virt::Clock),
            "wasi:random" => Some(Virt::Random),
            "wasi:cli/environment" => Some(Virt::Env),
            "wasi:cli/stdio" => Some(Virt::Stdio),
            "wasi:sockets" => Some(Virt::Net),
            _ => None,
        };
        wasi.or_else(|| Virt::ALL.into_iter().find(|virt| virt.name() == name || virt.interface() == name))
    }

    /// The kinds of capabilities that it stands for: a module for which it is implemented reaches none of these itself.
    pub const fn kinds(self) -> &'static [CapKind] {
        match self {
            Virt::Fs => &[CapKind::Dir],
            Virt::Clock => &[CapKind::Clock],
            Virt::Random => &[CapKind::Random],
            Virt::Env => &[CapKind::Env],
            Virt::Stdio => &[CapKind::Stdio],
            Virt::Net => &[CapKind::Tcp, CapKind::Udp, CapKind::Dns],
        }
    }
}

impl fmt::Display for Virt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
