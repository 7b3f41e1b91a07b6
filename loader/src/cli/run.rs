//! `bailiwick run`.

use super::cache::{Cache, Sharing};
use super::compile::artifact;
use super::deadline::{Deadline, interruptible};
use super::exit::Failure;
use super::grants::{DirGrant, Preload, environment, parse_dir, parse_preload};
use super::guard;
use bailiwick_loader::wasi::{self, DirAccess, WasiCtx};
use bailiwick_loader::{
    Artifact, Error, Func, Group, GroupConfig, Imports, Instance, Kind, Refused, TrapCode, Val, ValType,
};
use bytesize::ByteSize;
use rustix::fs::{Mode, OFlags};
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  bailiwick run hello.bwk                          an artifact: no compiler is needed
  bailiwick run hello.wasm one two                 WebAssembly, compiled by bailiwickc and cached
  bailiwick run --dir ./data::/data app.wasm       the guest sees ./data as /data
  bailiwick run --dir-ro . --env LANG app.wasm     read only; with the host's LANG
  bailiwick run --invoke add math.wat 2 3          call one exported function, print its results
  bailiwick run --timeout 2s --max-memory 64MiB app.wasm
  bailiwick run --preload lib=lib.wasm app.wasm    lib.wasm provides the imports from \"lib\"

The guest gets standard streams, clocks and randomness, and nothing else that is not named here.
An artifact is trusted like an executable: its machine code is not verified. Run only what a
compiler that you trust has written.";

/// Arguments of `bailiwick run`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, override_usage = "bailiwick run [OPTIONS] FILE [ARGS]...")]
pub struct Run {
    /// Grant a folder and all below it, for reading and writing
    #[arg(long, value_name = "HOST[::GUEST]", value_parser = parse_dir)]
    dir: Vec<DirGrant>,
    /// Grant a folder and all below it, for reading
    #[arg(long, value_name = "HOST[::GUEST]", value_parser = parse_dir)]
    dir_ro: Vec<DirGrant>,
    /// Set an environment variable of the guest, or pass the host's on
    #[arg(long, value_name = "NAME[=VALUE]")]
    env: Vec<OsString>,
    /// Let another module provide the imports from NAME
    #[arg(long, value_name = "NAME=FILE", value_parser = parse_preload)]
    preload: Vec<Preload>,
    /// Call this exported function with ARGS as numbers, and print its results
    #[arg(long, value_name = "EXPORT")]
    invoke: Option<String>,
    /// What the guest sees as its own name, instead of FILE's last component
    #[arg(long, value_name = "NAME")]
    argv0: Option<OsString>,
    /// End the guest after this time, as 500ms, 2s or 1m 30s; compiling does not count
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
    /// Most bytes of each of the guest's memories, as 64MiB
    #[arg(long, value_name = "SIZE")]
    max_memory: Option<ByteSize>,
    /// Bytes of the guest's stack, 64KiB to 24MiB
    #[arg(long, value_name = "SIZE")]
    max_stack: Option<ByteSize>,
    /// Most elements of all the guest's tables
    #[arg(long, value_name = "N")]
    max_table: Option<u64>,
    /// Compile anew, and do not keep the result
    #[arg(long)]
    no_cache: bool,
    /// The module (.bwk, .wasm or .wat), then the guest's arguments: all that follows FILE is the guest's
    #[arg(value_name = "FILE", required = true, num_args = 1.., trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

impl Run {
    /// Runs the module. The status is the guest's.
    pub fn execute(self) -> Result<ExitCode, Failure> {
        let (file, arguments) = self.command.split_first().ok_or_else(|| Failure::usage("FILE is missing"))?;
        // An option that nobody knows would otherwise be taken for the file.
        if file.as_bytes().starts_with(b"-") {
            let name = file.to_string_lossy();
            return Err(Failure::usage(format!("unknown option {name}; a file of that name is ./{name}")));
        }
        let path = Path::new(file);
        let context = self.context(path, arguments)?;
        let cache = match self.no_cache {
            true => None,
            // A hard link to a cache entry may lie in the folder: then nobody maps the entry itself.
            false if self.dir.is_empty() => Some(Sharing::Mapped),
            false => Some(Sharing::Copied),
        };
        let main = artifact(path, cache)?;
        let mut imports = Imports::new();
        wasi::add_to_imports(&mut imports, Arc::new(Mutex::new(context)));

        let failed = |e: Error| Failure::from_error(path, &e);
        let mut group = Group::with_config(self.config()).map_err(failed)?;
        // Compiling does not count: the guest's time begins when all of it is there.
        let mut preloads = Vec::new();
        for preload in &self.preload {
            preloads.push((preload, artifact(&preload.file, cache)?));
        }
        let deadline = self.timeout.map(|timeout| Deadline::start(timeout, path, group.interrupt_handle()));
        if deadline.is_some() {
            interruptible(path, &main)?;
        }
        for (preload, artifact) in preloads {
            if deadline.is_some() {
                interruptible(&preload.file, &artifact)?;
            }
            match start(&mut group, &artifact, &imports, &["_initialize"]) {
                Ok(instance) => imports.instance(&preload.name, instance),
                Err(error) => {
                    if let Some(deadline) = deadline {
                        deadline.finished();
                    }
                    return match error {
                        Error::Exit(status) => Ok(exit_code(status)),
                        e => Err(Failure::from_error(&preload.file, &e)),
                    };
                }
            };
        }
        let result = match &self.invoke {
            Some(name) => match start(&mut group, &main, &imports, &["_initialize"]) {
                Ok(instance) => self.invoke(&mut group, &main, instance, name, arguments)?,
                Err(e) => Err(e),
            },
            None => start(&mut group, &main, &imports, &["_initialize", "_start"]).map(|_| ()),
        };
        if let Some(deadline) = deadline {
            deadline.finished();
        }
        self.note_limits(&group, &result);
        match result {
            Ok(()) if self.invoke.is_none() && main.view().export("_start").is_none() => no_entry(path, &main),
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(Error::Exit(status)) => Ok(exit_code(status)),
            Err(e) => Err(failed(e)),
        }
    }

    fn config(&self) -> GroupConfig {
        let mut config = GroupConfig::default();
        if let Some(bytes) = self.max_memory {
            config.max_memory = bytes.as_u64();
        }
        if let Some(bytes) = self.max_stack {
            config.stack_size = usize::try_from(bytes.as_u64()).unwrap_or(usize::MAX);
        }
        if let Some(elements) = self.max_table {
            config.max_table_elements = elements;
        }
        config
    }

    /// Says which limit of the command line a guest ran into: it can't know itself.
    fn note_limits(&self, group: &Group, result: &Result<(), Error>) {
        let note = match group.refused() {
            _ if result.as_ref().is_err_and(|e| e.trap_code() == Some(TrapCode::StackOverflow)) => {
                let size = self.config().stack_size as u64;
                format!("the guest's stack has {}; --max-stack gives it more or less", ByteSize(size))
            }
            Some(Refused::MemoryBytes(limit)) => {
                format!("a memory did not grow beyond {} (--max-memory)", ByteSize(limit))
            }
            Some(Refused::TableElements(limit)) => {
                format!("a table did not grow beyond {limit} elements (--max-table)")
            }
            _ => return,
        };
        let _ = writeln!(std::io::stderr(), "bailiwick: note: {note}");
    }

    /// The system interface with what the options grant.
    fn context(&self, path: &Path, arguments: &[OsString]) -> Result<WasiCtx, Failure> {
        let name = self.argv0.clone().or_else(|| path.file_name().map(OsStr::to_owned)).unwrap_or_default();
        let mut builder = WasiCtx::builder();
        builder.inherit_stdio().host_clocks();
        builder.arg(name.into_vec());
        if self.invoke.is_none() {
            for argument in arguments {
                builder.arg(argument.as_bytes().to_vec());
            }
        }
        for (name, value) in environment(&self.env)? {
            builder.env(name, value);
        }
        let read_write = self.dir.iter().map(|d| (d, DirAccess::ReadWrite));
        let read_only = self.dir_ro.iter().map(|d| (d, DirAccess::ReadOnly));
        for (grant, access) in read_write.chain(read_only) {
            let folder = open_folder(&grant.host)?;
            if access == DirAccess::ReadWrite {
                keep_from_code(folder.as_fd(), &grant.host)?;
            }
            builder
                .preopen_dir(folder, &grant.guest, access)
                .map_err(|e| Failure::refused(format!("--dir {}: {e}", grant.host.display())))?;
        }
        builder.build().map_err(|e| Failure::refused(e.to_string()))
    }

    /// Calls an export with numbers, and prints what it returns. The outer error is one of usage.
    fn invoke(
        &self,
        group: &mut Group,
        main: &Artifact,
        instance: Instance,
        name: &str,
        arguments: &[OsString],
    ) -> Result<Result<(), Error>, Failure> {
        let function = match instance.func(group, name) {
            Ok(function) => function,
            Err(Error::NoExport { .. }) => {
                return Err(Failure::new(format!("no exported function {name:?}; there are: {}", functions(main))));
            }
            Err(e) => return Ok(Err(e)),
        };
        let ty = match function.ty(group) {
            Ok(ty) => ty,
            Err(e) => return Ok(Err(e)),
        };
        if ty.params().len() != arguments.len() {
            let (wants, got) = (ty.params().len(), arguments.len());
            return Err(Failure::usage(format!("{name} has type {ty}: it wants {wants} arguments, not {got}")));
        }
        let values =
            ty.params().iter().zip(arguments).map(|(&ty, text)| number(ty, text)).collect::<Result<Vec<_>, _>>()?;
        let results = match function.call(group, &values) {
            Ok(results) => results,
            Err(e) => return Ok(Err(e)),
        };
        let mut out = std::io::stdout().lock();
        for result in results {
            writeln!(out, "{result}").map_err(|e| Failure::new(format!("can't write to standard output: {e}")))?;
        }
        Ok(Ok(()))
    }
}

/// Instantiates a module and calls those of `entries` that it exports, in order.
fn start(group: &mut Group, artifact: &Artifact, imports: &Imports, entries: &[&str]) -> Result<Instance, Error> {
    super::gdb::register(artifact);
    let instance = group.instantiate(artifact, imports)?;
    for name in entries {
        if artifact.view().export(name).is_some_and(|e| e.kind == Kind::Function as u32) {
            let function: Func = instance.func(group, name)?;
            function.call(group, &[])?;
        }
    }
    Ok(instance)
}

/// Who can write to the cache decides what runs next: that is no guest's to be granted. Nor is the compiler, but whoever
/// grants the folder that he built it in may mean it: he is told.
fn keep_from_code(granted: BorrowedFd<'_>, name: &Path) -> Result<(), Failure> {
    let reaches = |path: &Path| {
        guard::reaches(granted, path)
            .map_err(|e| Failure::new(format!("--dir {}: {}", name.display(), std::io::Error::from(e))))
    };
    if let Ok(cache) = Cache::folder()
        && reaches(&cache)?
    {
        return Err(Failure::refused(format!(
            "--dir {}: the cache of compiled code, {}, lies there, and a guest that writes to it decides what runs next; grant a folder below, use --dir-ro, or set BAILIWICK_CACHE to a folder elsewhere",
            name.display(),
            cache.display()
        )));
    }
    for program in std::env::current_exe().into_iter().chain(super::compile::compiler_path()) {
        if reaches(&program)? {
            let (name, program) = (name.display(), program.display());
            let _ = writeln!(
                std::io::stderr(),
                "bailiwick: warning: --dir {name}: the guest can replace {program}, which runs outside of any confinement"
            );
        }
    }
    Ok(())
}

fn open_folder(path: &PathBuf) -> Result<std::os::fd::OwnedFd, Failure> {
    rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::empty())
        .map_err(|e| Failure::refused(format!("--dir {}: {}", path.display(), std::io::Error::from(e))))
}

fn exit_code(status: i32) -> ExitCode {
    // The system keeps the low eight bits, for native programs too.
    ExitCode::from(status as u8)
}

fn no_entry(path: &Path, main: &Artifact) -> Result<ExitCode, Failure> {
    if main.view().export("_initialize").is_some() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::new(format!(
        "{}: nothing to run: it exports no _start; call one of its functions with --invoke: {}",
        path.display(),
        functions(main)
    )))
}

/// Names of exported functions, for messages.
fn functions(main: &Artifact) -> String {
    let view = main.view();
    let exported = view.exports().iter().filter(|e| e.kind == Kind::Function as u32);
    let names: Vec<String> =
        exported.filter_map(|e| view.string(e.name).ok()).take(20).map(|n| format!("{n:?}")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn number(ty: ValType, text: &OsStr) -> Result<Val, Failure> {
    let wrong = || Failure::usage(format!("{:?} is not of type {ty}", text.to_string_lossy()));
    let text = text.to_str().ok_or_else(wrong)?;
    /// Decimal or 0x…, signed or unsigned, within `bits`.
    fn integer(text: &str, bits: u32) -> Option<i64> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let magnitude = match digits.strip_prefix("0x") {
            Some(hex) => i128::from_str_radix(hex, 16),
            None => digits.parse::<i128>(),
        };
        let value = if negative { -magnitude.ok()? } else { magnitude.ok()? };
        (value >= -(1 << (bits - 1)) && value < 1 << bits).then_some(value as i64)
    }
    Ok(match ty {
        ValType::I32 => Val::I32(integer(text, 32).ok_or_else(wrong)? as i32),
        ValType::I64 => Val::I64(integer(text, 64).ok_or_else(wrong)?),
        ValType::F32 => Val::F32(text.parse::<f32>().map_err(|_| wrong())?.to_bits()),
        ValType::F64 => Val::F64(text.parse::<f64>().map_err(|_| wrong())?.to_bits()),
        _ => return Err(Failure::usage(format!("a parameter of type {ty} can't be given on the command line"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_signed_and_unsigned_within_their_type() {
        let read = |ty, text: &str| number(ty, OsStr::new(text)).ok();
        assert_eq!(read(ValType::I32, "-1"), Some(Val::I32(-1)));
        assert_eq!(read(ValType::I32, "4294967295"), Some(Val::I32(-1)));
        assert_eq!(read(ValType::I32, "0x80000000"), Some(Val::I32(i32::MIN)));
        assert_eq!(read(ValType::I32, "4294967296"), None);
        assert_eq!(read(ValType::I32, "-2147483649"), None);
        assert_eq!(read(ValType::I64, "18446744073709551615"), Some(Val::I64(-1)));
        assert_eq!(read(ValType::I64, "18446744073709551616"), None);
        assert_eq!(read(ValType::I32, "1x"), None);
        assert_eq!(read(ValType::F64, "1.5"), Some(Val::F64(1.5f64.to_bits())));
        assert_eq!(read(ValType::FuncRef, "0"), None);
    }
}
