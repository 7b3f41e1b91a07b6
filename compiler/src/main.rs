//! `bailiwickc`: files in, files out. All else is the library's.

mod cli;
mod confine;
mod files;
mod function_cache;
mod output;
mod progress;
mod text;

use bailiwick_compiler::{
    FunctionStore, Linked, Options, Source, Wit, binary, cache_key, compile, emit_asm, emit_clif, emit_object, explore,
};
use bailiwick_runtime_abi::wit::bundle;
use clap::{CommandFactory, Parser};
use cli::{Cli, Command, Compile, Emit, Explore, Link, Shape};
use files::Files;
use function_cache::{FunctionCache, Unavailable};
use progress::Progress;
use std::borrow::Cow;
use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let result = match Cli::try_parse().map(|cli| cli.command) {
        Ok(Command::Compile(command)) => run(&command),
        Ok(Command::Explore(command)) => run_explore(&command),
        Ok(Command::Completions { shell }) => completions(shell),
        Ok(Command::CpuFeatures(shape)) => cpu_features(&shape),
        // It quotes the user's own words.
        Err(error) if error.use_stderr() => {
            let _ = io::stderr().write_all(text::inert(&error.render().to_string()).as_bytes());
            return ExitCode::from(2);
        }
        Err(help) => printed(help.print().and_then(|()| io::stdout().flush())),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Quiet) => ExitCode::FAILURE,
        Err(Failure::Usage(message)) => {
            text::say(&message);
            ExitCode::from(2)
        }
        Err(Failure::Work(message)) => {
            text::say(&message);
            ExitCode::FAILURE
        }
    }
}

/// Why nothing was done.
enum Failure {
    /// Options that contradict each other or the machine.
    Usage(String),
    /// The input, or a file.
    Work(String),
    /// Whoever reads the output has gone, and knows it.
    Quiet,
}

impl From<String> for Failure {
    fn from(message: String) -> Failure {
        Failure::Work(message)
    }
}

fn options<'a>(shape: &Shape) -> Options<'a> {
    Options {
        target: shape.target,
        cpu: shape.cpu.clone(),
        opt_level: shape.optimise.into(),
        optimisations: shape.optimisations,
        wasm_features: shape.wasm_features,
        interruptible: shape.interruptible,
        deterministic: shape.deterministic,
        ..Options::default()
    }
}

fn run(command: &Compile) -> Result<(), Failure> {
    // Before anything is read: wrong options are wrong usage, whatever the input.
    cache_key(&options(&command.shape)).map_err(|error| Failure::Usage(error.to_string()))?;
    let name = input_name(command);
    let progress = Progress::new();
    let update = |done, total| progress.update(done, total);
    let jobs = Some(jobs(command.jobs));
    let output = command.output_fd.map(|fd| inherited(fd).map_err(|error| unwritable(fd, &error))).transpose()?;
    let input = open_input(command).map_err(|error| unreadable(&name, &error))?;
    let links = command.links.iter().map(open_link).collect::<Result<Vec<_>, _>>()?;
    if output.is_none() {
        keep_inputs(input.iter().chain(&links), output_path(command).as_deref())?;
    }
    if command.world.is_some() && command.wit.is_none() && command.wit_bytes.is_none() {
        return Err(Failure::Usage("--world needs --wit, whose world it names".to_owned()));
    }
    let cache = match command.function_cache.as_deref().map(FunctionCache::open).transpose() {
        Ok(cache) => cache,
        Err(Unavailable::Refused(why)) => return Err(why.into()),
        Err(Unavailable::Unusable(why)) => {
            text::say(&why);
            None
        }
    };
    let files = command.wit.as_deref().map(Files::read).transpose()?;
    if command.confined {
        // All that needs more authority was done above.
        confine::confine()?;
    }
    let input = read_all(input).map_err(|error| unreadable(&name, &error))?;
    let (wit, module) = split_input(command, &input).map_err(|problem| format!("{name}: {problem}"))?;
    let sources = files.as_ref().map(Files::sources).or(wit);
    let folder = files.as_ref().map(|files| files.folder.as_str()).or(command.wit_name.as_deref()).unwrap_or_default();
    let wit = sources.as_deref().map(|sources| Wit { sources, folder, world: command.world.as_deref() });
    let functions = cache.as_ref().map(|cache| cache as &dyn FunctionStore);
    let links = command.links.iter().zip(links).map(read_link).collect::<Result<Vec<_>, _>>()?;
    let linked: Vec<Linked<'_>> =
        command.links.iter().zip(&links).map(|(link, wasm)| Linked { name: &link.name, wasm }).collect();
    let options = Options { jobs, progress: Some(&update), wit, linked: &linked, functions, ..options(&command.shape) };
    let result = binary(module).and_then(|wasm| match command.emit {
        Emit::Artifact => compile(&wasm, &options),
        Emit::Obj => emit_object(&wasm, &options),
        Emit::Clif => emit_clif(&wasm, &options).map(String::into_bytes),
        Emit::Asm => emit_asm(&wasm, &options).map(String::into_bytes),
    });
    progress.finish();
    if let Some((what, warning)) = cache.map(FunctionCache::finish) {
        if command.verbose {
            text::say(&what);
        }
        warning.iter().for_each(|warning| text::say(warning));
    }
    let bytes = result.map_err(|error| format!("{name}: {error}"))?;
    match output {
        Some(mut file) => {
            let fd = command.output_fd.unwrap_or_default();
            file.write_all(&bytes).map_err(|error| unwritable(fd, &error).into())
        }
        None => write_output(output_path(command).as_deref(), &bytes),
    }
}

fn run_explore(command: &Explore) -> Result<(), Failure> {
    cache_key(&options(&command.shape)).map_err(|error| Failure::Usage(error.to_string()))?;
    let path = Some(command.input.as_path()).filter(|path| *path != Path::new("-"));
    let name = path.map_or("standard input".into(), Path::to_string_lossy);
    let input = path.map(File::open).transpose().map_err(|error| unreadable(&name, &error))?;
    let output = match (&command.output, path) {
        (Some(output), _) => Some(output.clone()).filter(|output| output != Path::new("-")),
        (None, path) => path.map(|path| path.with_extension("html")),
    };
    keep_inputs(input.iter(), output.as_deref())?;
    let input = read_all(input).map_err(|error| unreadable(&name, &error))?;
    let progress = Progress::new();
    let update = |done, total| progress.update(done, total);
    let options = Options { jobs: Some(jobs(command.jobs)), progress: Some(&update), ..options(&command.shape) };
    let title = path.and_then(Path::file_name).map_or(name.clone(), |file| file.to_string_lossy());
    let result = binary(&input).and_then(|wasm| explore(&wasm, &options, &title, &command.functions));
    progress.finish();
    let page = result.map_err(|error| format!("{name}: {error}"))?;
    write_output(output.as_deref(), page.as_bytes())
}

/// Threads to work with.
fn jobs(asked: Option<u16>) -> usize {
    asked.map_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()), usize::from)
}

/// Refuses an output that is one of the inputs.
fn keep_inputs<'a>(mut inputs: impl Iterator<Item = &'a File>, output: Option<&Path>) -> Result<(), Failure> {
    match output.map(|path| (path, path.metadata())) {
        Some((path, Ok(output))) if output.is_file() && inputs.any(|input| same(input, &output)) => {
            Err(Failure::Usage(format!("{}: it is the input; name another file with -o", path.display())))
        }
        _ => Ok(()),
    }
}

/// The bundled WIT that the input begins with, if it does, and the module.
fn split_input<'a>(command: &Compile, input: &'a [u8]) -> Result<(Option<Vec<Source<'a>>>, &'a [u8]), String> {
    let Some(len) = command.wit_bytes else { return Ok((None, input)) };
    let parts = input.split_at_checked(len).ok_or("it is shorter than the WIT that it is said to begin with")?;
    let sources = bundle::read(parts.0).map_err(|error| format!("the WIT in front of the module: {error}"))?;
    Ok((Some(sources), parts.1))
}

fn input_name(command: &Compile) -> Cow<'_, str> {
    match (&command.input_name, &command.input, command.input_fd) {
        (Some(name), ..) => name.into(),
        (None, Some(path), _) if path != Path::new("-") => path.to_string_lossy(),
        (None, _, Some(fd)) => format!("descriptor {fd}").into(),
        _ => "standard input".into(),
    }
}

fn unreadable(name: &str, error: &io::Error) -> String {
    format!("{name}: can't be read: {}", reason(error))
}

fn unwritable(fd: i32, error: &io::Error) -> String {
    format!("descriptor {fd}: can't be written: {}", reason(error))
}

/// What to read; `None`: standard input.
fn open_input(command: &Compile) -> io::Result<Option<File>> {
    match (&command.input, command.input_fd) {
        (_, Some(fd)) => inherited(fd).map(Some),
        (Some(path), _) if path != Path::new("-") => File::open(path).map(Some),
        _ => Ok(None),
    }
}

fn open_link(link: &Link) -> Result<File, String> {
    File::open(&link.file).map_err(|error| unreadable(&link.file.to_string_lossy(), &error))
}

/// A linked module in the binary format.
fn read_link((link, file): (&Link, File)) -> Result<Vec<u8>, String> {
    let name = link.file.to_string_lossy();
    let bytes = read_all(Some(file)).map_err(|error| unreadable(&name, &error))?;
    let wasm = binary(&bytes).map_err(|error| format!("{name}: {error}"))?;
    Ok(match wasm {
        Cow::Borrowed(_) => bytes,
        Cow::Owned(wasm) => wasm,
    })
}

/// Whether a file is the one that this is of.
fn same(file: &File, other: &Metadata) -> bool {
    file.metadata().is_ok_and(|file| (file.dev(), file.ino()) == (other.dev(), other.ino()))
}

fn read_all(input: Option<File>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match input {
        Some(mut file) => file.read_to_end(&mut bytes)?,
        None => io::stdin().lock().read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}

/// `path`: `None` is standard output.
fn write_output(path: Option<&Path>, bytes: &[u8]) -> Result<(), Failure> {
    let Some(path) = path else {
        return write_stdout(bytes);
    };
    output::write_file(path, bytes)
        .map_err(|error| format!("{}: can't be written: {}", path.display(), reason(&error)).into())
}

fn write_stdout(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    printed(stdout.write_all(bytes).and_then(|()| stdout.flush()))
}

/// What becomes of writing to standard output.
fn printed(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::Quiet),
        Err(error) => Err(Failure::Work(format!("standard output: can't be written: {}", reason(&error)))),
        Ok(()) => Ok(()),
    }
}

/// Where to write; `None`: standard output.
fn output_path(command: &Compile) -> Option<PathBuf> {
    let stdin = command.input.as_deref().is_none_or(|input| input == Path::new("-"));
    match (&command.output, &command.input) {
        (Some(path), _) if path == Path::new("-") => None,
        (Some(path), _) => Some(path.clone()),
        (None, Some(input)) if !stdin => match command.emit {
            Emit::Artifact => Some(input.with_extension(bailiwick_runtime_abi::format::EXTENSION)),
            Emit::Obj => Some(input.with_extension("o")),
            Emit::Clif | Emit::Asm => None,
        },
        (None, _) => None,
    }
}

/// What a descriptor that this process was started with refers to.
fn inherited(fd: i32) -> io::Result<File> {
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(rustix::io::Errno::BADF.raw_os_error()));
    }
    // SAFETY: `borrow_raw` asks that the descriptor is not -1 and stays open while it is borrowed. It is not negative,
    // and it is borrowed for one `dup`, while no other thread of this process runs that could close it. If it was
    // never open, `dup` says so.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    fd.try_clone_to_owned().map(File::from)
}

/// The system's words, without its number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "bailiwickc", &mut script);
    write_stdout(&script)
}

fn cpu_features(shape: &Shape) -> Result<(), Failure> {
    let key = cache_key(&options(shape)).map_err(|error| Failure::Usage(error.to_string()))?;
    write_stdout(format!("{key}\n").as_bytes())
}
