//! Running the user's module: each run in a group of its own, with the same grants.

use crate::turns::processor_ns;
use bailiwick_loader::wasi::{self, Dir, DirGrant, WasiCtx};
use bailiwick_loader::{Artifact, Error, Group, Imports};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What it is given.
pub struct Guest {
    /// What is called before, and what is measured.
    calls: [Option<String>; 2],
    arguments: Vec<String>,
    stdin: Vec<u8>,
    folders: Vec<(PathBuf, String)>,
}

/// What a run wrote to standard output.
#[derive(PartialEq, Eq)]
pub struct Said(Vec<u8>);

/// The most that is kept of its output, in bytes.
const OUTPUT: usize = 64 << 20;

impl Guest {
    /// Reads what it shall read.
    pub fn new(
        calls: [Option<&str>; 2],
        arguments: &[String],
        stdin: Option<&Path>,
        folders: &[String],
    ) -> Result<Guest, String> {
        let read = |path: &Path| std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()));
        let folder = |text: &String| match text.split_once("::") {
            Some((host, guest)) => (PathBuf::from(host), guest.to_owned()),
            None => (PathBuf::from(text), text.clone()),
        };
        Ok(Guest {
            calls: calls.map(|name| name.map(str::to_owned)),
            arguments: arguments.to_vec(),
            stdin: stdin.map(read).transpose()?.unwrap_or_default(),
            folders: folders.iter().map(folder).collect(),
        })
    }

    /// Runs it once: nanoseconds that a processor spent on the call, and what it came to.
    pub fn run(&self, artifact: &Artifact) -> Result<(f64, Said), String> {
        let mut builder = WasiCtx::builder();
        builder.arg("program").args(self.arguments.iter().map(String::as_str)).stdin_bytes(self.stdin.clone());
        builder.host_clocks();
        let (output, errors) = (builder.capture_stdout(OUTPUT), builder.capture_stderr(OUTPUT));
        for (host, guest) in &self.folders {
            let open = std::fs::File::open(host).map_err(|e| format!("{}: {e}", host.display()))?;
            let dir = Dir::open(open.into(), DirGrant::read_only()).map_err(|e| e.to_string())?;
            builder.preopen(&dir, guest).map_err(|e| e.to_string())?;
        }
        let context = builder.build().map_err(|e| e.to_string())?;
        let mut imports = Imports::new();
        wasi::add_to_imports(&mut imports, Arc::new(Mutex::new(context)));
        let mut group = Group::new().map_err(said)?;
        let instance = group.instantiate(artifact, &imports).map_err(said)?;
        let [setup, invoke] = &self.calls;
        let reactor = (invoke.as_deref() != Some("_start")).then_some("_initialize");
        if let Some(Ok(initialize)) = reactor.map(|name| instance.func(&mut group, name)) {
            initialize.call(&mut group, &[]).map_err(said)?;
        }
        if let Some(setup) = setup {
            instance.func(&mut group, setup).and_then(|setup| setup.call(&mut group, &[])).map_err(said)?;
        }
        let function = instance.func(&mut group, invoke.as_deref().unwrap_or("_start")).map_err(said)?;
        let begin = processor_ns();
        let result = function.call(&mut group, &[]);
        let nanoseconds = processor_ns() - begin;
        match result {
            Ok(_) | Err(Error::Exit(0)) => {}
            // A program that fails does not do what is to be measured.
            Err(Error::Exit(status)) => {
                let errors = errors.contents();
                let errors = String::from_utf8_lossy(&errors);
                return Err(format!("it ended with status {status}: {}", errors.lines().next().unwrap_or("silently")));
            }
            Err(e) => return Err(said(e)),
        }
        Ok((nanoseconds, Said(output.contents())))
    }
}

/// An error's first line: the rest is a backtrace.
fn said(error: Error) -> String {
    error.to_string().lines().next().unwrap_or("an error").to_owned()
}
