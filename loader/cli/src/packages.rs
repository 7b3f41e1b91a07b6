//! `bailiwick wit`: the packages of WIT that are always there, for programs that make bindings.

use super::exit::{ExitCode, Failure};
use super::text::{print, print_raw};
use bailiwick_runtime_abi::wit::builtin;
use clap::ValueEnum;

/// Arguments of `bailiwick wit`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bailiwick wit                                    which packages there are
  bailiwick wit virt                               what a module exports to stand between another and the world
  bailiwick wit virt > wit/deps/virt/virt.wit      for wit-bindgen, beside the WIT of your module

bailiwickc knows these packages by itself.")]
pub struct Wit {
    /// The package to print
    package: Option<Package>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Package {
    /// bailiwick:fs, folders that are passed from one module to another
    Fs,
    /// bailiwick:virt, what a module implements to stand between another and the world
    Virt,
}

impl Wit {
    /// Prints.
    pub fn execute(self) -> Result<ExitCode, Failure> {
        match self.package {
            Some(Package::Fs) => print_raw(builtin::FS.as_bytes()),
            Some(Package::Virt) => print_raw(builtin::VIRT.as_bytes()),
            None => {
                let line =
                    |(namespace, name, _): &(&str, &str, &str)| format!("{namespace}:{name}   bailiwick wit {name}\n");
                print(&builtin::ALL.iter().map(line).collect::<String>())
            }
        }
    }
}
