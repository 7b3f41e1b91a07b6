//! Getting from a file to an artifact. WebAssembly is compiled by `bailiwickc` as a child process: hostile bytes are
//! never parsed in the process that runs guests.

use super::cache::{Cache, Key, Sharing};
use super::exit::Failure;
use super::wit::Wit;
use bailiwick_loader::{Artifact, cpu};
use bailiwick_runtime_abi::format::EXTENSION;
use rustix::fs::{MemfdFlags, SealFlags, StatVfsMountFlags};
use rustix::process::{Resource, Rlimit};
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::fs::File;
use std::io::{IsTerminal, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Largest WebAssembly file that is read, in bytes.
const MAX_INPUT: u64 = 1 << 30;

/// Opens an artifact, or compiles WebAssembly into one: by way of the cache, if its entries may be shared or copied.
/// `features` is `--wasm-features` of the compiler, which an artifact ignores: it was asked when that was compiled.
pub fn artifact(path: &Path, cache: Option<Sharing>, features: Option<&str>) -> Result<Artifact, Failure> {
    artifact_of(open(path)?, path, None, cache, false, features)
}

/// The same, of a file that is open, and to which WIT text may belong. An artifact has its types already. What is wrong is
/// said on standard error by the compiler; with `carried`, it is in the failure, for who says it elsewhere.
pub fn artifact_of(
    mut file: File,
    path: &Path,
    wit: Option<Wit<'_>>,
    cache: Option<Sharing>,
    carried: bool,
    features: Option<&str>,
) -> Result<Artifact, Failure> {
    let io = |what: &str, e: std::io::Error| Failure::new(format!("{}: {what}: {e}", path.display()));
    let mut magic = [0; 4];
    let mut read = 0;
    while read < magic.len() {
        match file.read(&mut magic[read..]) {
            Ok(0) => break,
            Ok(n) => read += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(io("can't read", e)),
        }
    }
    if magic == *b"\x7fELF" {
        // The name says what a person takes it for: a module can do nothing that was not granted, native code anything.
        if path.extension().is_none_or(|e| e != EXTENSION) {
            return Err(Failure::refused(format!(
                "{}: this is native code, not WebAssembly; if you trust it as you would a program, give it a name that ends in .{EXTENSION}",
                path.display()
            )));
        }
        return native(path, file, cache);
    }
    let mut bytes = magic[..read].to_vec();
    file.take(MAX_INPUT).read_to_end(&mut bytes).map_err(|e| io("can't read", e))?;
    if bytes.len() as u64 > MAX_INPUT {
        return Err(Failure::new(format!("{}: larger than 1 GiB", path.display())));
    }
    compile(path, &bytes, wit, cache, carried, features)
}

/// Opens an artifact. One that the user could change while it runs is not mapped itself: its copy in the cache is,
/// which all runs share and profilers find by its name, or else a copy in memory.
fn native(path: &Path, file: File, sharing: Option<Sharing>) -> Result<Artifact, Failure> {
    let cached = match sharing {
        // The change time tells two states of a file apart, and nobody sets it at will.
        Some(Sharing::Mapped) if has_history(&file) => file.metadata().ok().and_then(|m| {
            let state = [m.dev(), m.ino(), m.len(), m.ctime() as u64, m.ctime_nsec() as u64];
            Some((Cache::open().ok()?, Key::of_copy(state)))
        }),
        _ => None,
    };
    if let Some(artifact) = cached.as_ref().and_then(|(cache, key)| cache.get(key, Sharing::Mapped)) {
        return Ok(artifact);
    }
    let artifact = Artifact::from_file(file, path).map_err(|e| Failure::from_error(path, &e))?;
    if let Some((cache, key)) = cached
        && artifact.is_copy()
        && artifact.verify().is_ok()
        && cache.put(&key, &artifact).is_ok()
        && let Some(shared) = cache.get(&key, Sharing::Mapped)
    {
        return Ok(shared);
    }
    Ok(artifact)
}

/// Whether inode and change time tell states of the file apart: on a read-only file system they are what somebody wrote
/// into an image. Native code from a noexec mount is refused, cached or not.
fn has_history(file: &File) -> bool {
    let bad = StatVfsMountFlags::RDONLY | StatVfsMountFlags::NOEXEC;
    rustix::fs::fstatvfs(file).is_ok_and(|mount| !mount.f_flag.intersects(bad))
}

fn open(path: &Path) -> Result<File, Failure> {
    let io = |e: std::io::Error| Failure::new(format!("{}: can't open: {e}", path.display()));
    let file = File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.is_dir() {
        return Err(io(std::io::ErrorKind::IsADirectory.into()));
    }
    Ok(file)
}

/// Compiles WebAssembly, by way of the cache; what is wrong is said as by [`artifact_of`].
pub fn compile(
    path: &Path,
    bytes: &[u8],
    wit: Option<Wit<'_>>,
    sharing: Option<Sharing>,
    carried: bool,
    features: Option<&str>,
) -> Result<Artifact, Failure> {
    let compiler = compiler(carried)?;
    let text = wit.map(|wit| wit.bundle()).transpose().map_err(Failure::new)?.unwrap_or_default();
    let mut extra = Vec::new();
    if let Some(wit) = wit {
        extra.push(format!("--wit-bytes={}", text.len()).into());
        let mut name = OsString::from("--wit-name=");
        name.push(wit.folder());
        extra.push(name);
        extra.extend(wit.world.map(|world| format!("--world={world}").into()));
    }
    extra.extend(features.map(|features| format!("--wasm-features={features}").into()));
    let input = memory_file(&[&text, bytes])
        .map_err(|e| Failure::new(format!("{}: can't copy to memory: {e}", path.display())))?;
    // `native`, resolved to the features that it means.
    let cpus = cpu::feature_names(cpu::host_features());
    let cpu = if cpus.is_empty() { "baseline".to_owned() } else { format!("+{}", cpus.join(",+")) };
    let Some(sharing) = sharing else {
        return compile_to_memory(path, &compiler, input, &cpu, &extra);
    };
    let key = Key::new(&[
        &bailiwick_runtime_abi::FINGERPRINT.to_le_bytes(),
        &Sha256::digest(bytes),
        &compiler.identity,
        cpu.as_bytes(),
        std::env::consts::ARCH.as_bytes(),
        &Sha256::digest(&text),
        wit.and_then(|wit| wit.world).unwrap_or_default().as_bytes(),
        features.unwrap_or_default().as_bytes(),
    ]);
    // A cache makes the next start fast; without one the program runs all the same.
    let cache = Cache::open();
    if let Some(artifact) = cache.as_ref().ok().and_then(|cache| cache.get(&key, sharing)) {
        return Ok(artifact);
    }
    let artifact = compile_to_memory(path, &compiler, input, &cpu, &extra)?;
    if let Err(reason) = cache.and_then(|cache| cache.put(&key, &artifact)) {
        super::text::say(&format!("warning: not using the cache: {reason}"));
    }
    Ok(artifact)
}

fn compile_to_memory(
    path: &Path,
    compiler: &Compiler,
    input: File,
    cpu: &str,
    extra: &[OsString],
) -> Result<Artifact, Failure> {
    let io = |e: std::io::Error| Failure::new(format!("{}: can't compile to memory: {e}", path.display()));
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let output = File::from(rustix::fs::memfd_create("bailiwick", flags).map_err(|e| io(e.into()))?);
    run_compiler(path, compiler, input, output.try_clone().map_err(io)?, cpu, extra)?;
    let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&output, seals).map_err(|e| io(e.into()))?;
    let artifact = Artifact::from_file(output, path).map_err(|e| Failure::from_error(path, &e))?;
    artifact.verify().map_err(|e| Failure::from_error(path, &e))?;
    Ok(artifact)
}

/// A copy that nobody changes between hashing and compiling.
fn memory_file(parts: &[&[u8]]) -> std::io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("bailiwick-input", MemfdFlags::CLOEXEC)?);
    for part in parts {
        file.write_all(part)?;
    }
    file.rewind()?;
    Ok(file)
}

struct Compiler {
    path: PathBuf,
    /// Changes whenever the compiler does.
    identity: Vec<u8>,
    /// Whether its words are to be in the failure.
    carried: bool,
}

fn compiler(carried: bool) -> Result<Compiler, Failure> {
    let path =
        super::siblings::compiler().map_err(|e| Failure::new(format!("can't find this executable's folder: {e}")))?;
    let metadata = std::fs::metadata(&path).map_err(|e| {
        Failure::new(format!(
            "{}: no compiler: {e}; put bailiwickc beside bailiwick, name it in BAILIWICKC, or run an artifact that was compiled before",
            path.display()
        ))
    })?;
    let mut identity = env!("CARGO_PKG_VERSION").as_bytes().to_vec();
    for number in [metadata.len() as i64, metadata.mtime(), metadata.mtime_nsec(), metadata.ino() as i64] {
        identity.extend(number.to_le_bytes());
    }
    Ok(Compiler { path, identity, carried })
}

/// Most memory that the compiler may take for its data, in bytes: a hundred times what a module of 1 MB takes.
const COMPILER_MEMORY: u64 = 4 << 30;
/// Most processor time that the compiler may take, in seconds.
const COMPILER_SECONDS: u64 = 600;

/// Most bytes of the compiler's own words that are passed on.
const MAX_WORDS: u64 = 64 << 10;

fn run_compiler(
    path: &Path,
    compiler: &Compiler,
    input: File,
    output: File,
    cpu: &str,
    extra: &[OsString],
) -> Result<(), Failure> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    // What belongs to an application is judged for programs too: they are told in the compiler's own words what is wrong.
    // A person at a terminal has them, and how far it is, on it.
    let told = std::io::stderr().is_terminal() && std::io::stdout().is_terminal();
    let carried = compiler.carried && !told;
    let mut child = Command::new(&compiler.path)
        .args(["compile", "--confined", "--input-fd", "0", "--output-fd", "1"])
        .args(["--target", &target, "--cpu", cpu])
        .args(extra)
        .arg("--input-name")
        .arg(path)
        .stdin(Stdio::from(input))
        .stdout(Stdio::from(output))
        .stderr(if carried { Stdio::piped() } else { Stdio::inherit() })
        .spawn()
        .map_err(|e| Failure::new(format!("{}: can't run: {e}", compiler.path.display())))?;
    limit(&child);
    let mut words = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        // Half a text is better than none; of what is too long the rest is lost, and who writes it ends by that.
        let _ = stderr.take(MAX_WORDS).read_to_end(&mut words);
    }
    let words = String::from_utf8_lossy(&words);
    let status = child.wait().map_err(|e| Failure::new(format!("{}: {e}", compiler.path.display())))?;
    if status.success() {
        words.lines().for_each(super::text::say_line);
        return Ok(());
    }
    // What is wrong with the input the compiler has said itself; not what ended it.
    Err(match status.code() {
        Some(_) if !words.trim().is_empty() => {
            Failure::new(words.trim().strip_prefix("bailiwickc: ").unwrap_or(words.trim()))
        }
        Some(_) => Failure::said(),
        None if status.signal() == Some(libc::SIGXCPU) => Failure::new(format!(
            "{}: not compiled: the compiler took more than {COMPILER_SECONDS} s of processor time",
            path.display()
        )),
        None if status.signal() == Some(libc::SIGSYS) => Failure::new(format!(
            "{}: not compiled: the compiler did what it may not, which no module should make it do; please report it",
            path.display()
        )),
        None => Failure::new(format!(
            "{}: not compiled: the compiler died ({status}); it may take {} GiB of memory",
            path.display(),
            COMPILER_MEMORY >> 30
        )),
    })
}

/// Bounds what a module can make the compiler take. Where the system refuses, it runs unbounded, as any compiler does.
fn limit(child: &Child) {
    let pid = rustix::process::Pid::from_child(child);
    let limits = [(Resource::Data, COMPILER_MEMORY), (Resource::Cpu, COMPILER_SECONDS), (Resource::Core, 0)];
    for (resource, value) in limits {
        let limit = Rlimit { current: Some(value), maximum: Some(value) };
        let _ = rustix::process::prlimit(Some(pid), resource, limit);
    }
}
