//! Running the user's module: each run in a group of its own, with the same grants.

use bailiwick_loader::wasi::{self, Dir, DirGrant, WasiCtx};
use bailiwick_loader::{Artifact, Error, Group, Imports};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// What it is given.
pub struct Guest {
    invoke: String,
    arguments: Vec<String>,
    stdin: Vec<u8>,
    folders: Vec<(PathBuf, String)>,
}

/// What a run came to: standard output, and the exit status.
#[derive(PartialEq, Eq)]
pub struct Said(Vec<u8>, i32);

/// The most that is kept of its output, in bytes.
const OUTPUT: usize = 64 << 20;

impl Guest {
    /// Reads what it shall read.
    pub fn new(invoke: &str, arguments: &[String], stdin: Option<&Path>, folders: &[String]) -> Result<Guest, String> {
        let read = |path: &Path| std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()));
        let folder = |text: &String| match text.split_once("::") {
            Some((host, guest)) => (PathBuf::from(host), guest.to_owned()),
            None => (PathBuf::from(text), text.clone()),
        };
        Ok(Guest {
            invoke: invoke.to_owned(),
            arguments: arguments.to_vec(),
            stdin: stdin.map(read).transpose()?.unwrap_or_default(),
            folders: folders.iter().map(folder).collect(),
        })
    }

    /// Runs it once: nanoseconds of the call, and what it came to.
    pub fn run(&self, artifact: &Artifact) -> Result<(f64, Said), String> {
        let mut builder = WasiCtx::builder();
        builder.arg("program").args(self.arguments.iter().map(String::as_str)).stdin_bytes(self.stdin.clone());
        builder.host_clocks();
        let output = builder.capture_stdout(OUTPUT);
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
        if self.invoke != "_start"
            && let Ok(initialize) = instance.typed_func::<(), ()>(&mut group, "_initialize")
        {
            initialize.call(&mut group, ()).map_err(said)?;
        }
        let function = instance.func(&mut group, &self.invoke).map_err(said)?;
        let begin = Instant::now();
        let result = function.call(&mut group, &[]);
        let nanoseconds = begin.elapsed().as_nanos() as f64;
        let status = match result {
            Ok(_) => 0,
            Err(Error::Exit(status)) => status,
            Err(e) => return Err(said(e)),
        };
        Ok((nanoseconds, Said(output.contents(), status)))
    }
}

/// An error's first line: the rest is a backtrace.
fn said(error: Error) -> String {
    error.to_string().lines().next().unwrap_or("an error").to_owned()
}
