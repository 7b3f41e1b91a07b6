//! `bailiwick run`.

use super::audit::{Audit, Subject, Target};
use super::cache::Sharing;
use super::compile::artifact;
use super::deadline::{Deadline, interruptible};
use super::exit::{ExitCode, Failure};
use super::folders::{self, Folders, Granted};
use super::grants::{Preload, environment, parse_preload};
use super::invoke::{functions, invoke};
use super::learn::Lesson;
use super::limits::{self, Bounds, Limits, raise_descriptor_limit};
use super::listen::{self, Listeners, Passed};
use super::options::{Choice, Description, Ended, Names, Section};
use super::run_app;
use super::sources::{self, Sources};
use super::streams::{self, Streams};
use super::{commands, help};
use bailiwick_loader::wasi::{self, WasiCtx, WasiCtxBuilder};
use bailiwick_loader::{Artifact, Error, Func, Group, Imports, Instance, Kind, LinkError};
use std::ffi::{OsStr, OsString};
use std::mem::ManuallyDrop;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Arguments of `bailiwick run`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// The module, then the guest's arguments.
    command: Vec<OsString>,
    invoke: Option<String>,
    argv0: Option<OsString>,
    no_cache: bool,
    wasm_features: Option<String>,
    audit: Option<OsString>,
    folders: Folders,
    env: Vec<OsString>,
    preload: Vec<String>,
    listeners: Listeners,
    streams: Streams,
    sources: Sources,
    limits: Limits,
}

/// How its own options are told.
const OPTIONS: [Choice; 5] = [
    Choice::taking("invoke", &["EXPORT"], "Call this exported function with ARGS as numbers, and print its results")
        .text(),
    Choice::taking("argv0", &["NAME"], "What the guest sees as its own name, instead of FILE's last component"),
    Choice::flag("no-cache", "Compile anew, and do not keep the result"),
    Choice::taking(
        "wasm-features",
        &["FEATURES"],
        "Parts of the language that modules may use: all or mvp, and names with - or + in front",
    )
    .text()
    .with_hyphens(),
    Choice::taking("audit", &["FILE"], "Append a line of JSON to this file for each denial (- for standard error)")
        .naming(Names::File),
];

/// And those of what is granted besides folders.
const GRANTS: [Choice; 2] = [
    Choice::taking("env", &["NAME[=VALUE]"], "Set an environment variable of the guest, or pass the host's on")
        .repeated(),
    Choice::taking("preload", &["NAME=FILE"], "Let another module provide the imports from NAME")
        .of(|text| parse_preload(text).map(drop))
        .repeated(),
];

/// A module of the group, and how it was named.
struct Module {
    path: PathBuf,
    artifact: Artifact,
}

/// How starting a module and running it went wrong.
enum Stopped<'a> {
    /// A module did.
    Module(&'a Module, Error),
    /// Something else.
    Failure(Failure),
}

impl Stopped<'_> {
    /// Writes a refused import down.
    fn tell(&self, audit: &Audit) {
        if let Stopped::Module(importer, Error::Link(LinkError::NotGranted { module, name, .. })) = self {
            audit.refused_import(&Subject::new(&importer.path, &importer.artifact), module, name);
        }
    }
}

impl From<Failure> for Stopped<'_> {
    fn from(failure: Failure) -> Self {
        Stopped::Failure(failure)
    }
}

impl Run {
    /// What can be said behind `run`.
    pub const DESCRIPTION: Description = Description {
        about: commands::COMMANDS[0].1,
        usage: "bailiwick run [OPTIONS] FILE [ARGS]...",
        words: "<FILE>...",
        words_help: "The module (.bwk, .wasm or .wat), then the guest's arguments: all that follows FILE is the guest's",
        sections: &[
            Section { heading: "Options", options: &[&OPTIONS] },
            Section { heading: "Grants", options: &[&folders::OPTIONS, &GRANTS] },
            Section { heading: "Sockets", options: &[&listen::OPTIONS] },
            Section {
                heading: "Standard streams (a file that is called null is ./null)",
                options: &[&streams::OPTIONS],
            },
            Section {
                heading: "Time and randomness (TIME is 2026-01-31T12:00:00Z, or @ and seconds since 1970)",
                options: &[&sources::OPTIONS],
            },
            Section { heading: "Limits", options: &[&limits::OPTIONS] },
        ],
        after: help::RUN,
    };

    /// Reads what follows `run`.
    ///
    /// # Errors
    /// [`Ended`], if it asks for help or is wrong.
    pub fn read(words: &[OsString]) -> Result<Run, Ended> {
        let mut given = Run::DESCRIPTION.read(words)?;
        Ok(Run {
            command: given.words(),
            invoke: given.text("invoke"),
            argv0: given.one("argv0"),
            no_cache: given.has("no-cache"),
            wasm_features: given.text("wasm-features"),
            audit: given.one("audit"),
            folders: Folders::new(&mut given),
            env: given.all("env"),
            preload: given.texts("preload"),
            listeners: Listeners::new(&mut given),
            streams: Streams::new(&mut given),
            sources: Sources::new(&mut given),
            limits: Limits::new(&mut given),
        })
    }

    /// Runs the module. The status is the guest's.
    pub fn execute(self) -> Result<ExitCode, Failure> {
        let (file, arguments) = self.command.split_first().ok_or_else(|| Failure::usage("FILE is missing"))?;
        // An option that nobody knows would otherwise be taken for the file.
        if file.as_bytes().starts_with(b"-") {
            let name = file.to_string_lossy();
            return Err(Failure::usage(format!("unknown option {name}; a file of that name is ./{name}")));
        }
        if let Some(manifest) = run_app::application(Path::new(file)) {
            return self.application(&manifest, arguments, None);
        }
        let (folders, bounds) = (self.folders.read()?, self.limits.read()?);
        let preloads = self.preload.iter().map(|text| parse_preload(text).map_err(Failure::usage));
        let preloads = preloads.collect::<Result<Vec<_>, _>>()?;
        // SAFETY: so far this process has read its arguments, and opened nothing.
        let passed = unsafe { self.listeners.take_passed() }?;
        raise_descriptor_limit();
        let cache = match self.no_cache {
            true => None,
            // A hard link to a cache entry may lie in the folder: then nobody maps the entry itself.
            false if folders.writable() => Some(Sharing::Copied),
            false => Some(Sharing::Mapped),
        };
        let path = Path::new(file);
        let mut builder = self.process(path, arguments, &bounds)?;
        let audit = self.grant(&mut builder, folders, passed)?;

        let module = |path: PathBuf| {
            artifact(&path, cache, self.wasm_features.as_deref()).map(|artifact| Module { path, artifact })
        };
        let main = module(path.to_owned())?;
        let mut libraries = Vec::new();
        for Preload { name, file } in preloads {
            libraries.push((name, module(file)?));
        }
        if bounds.timeout.is_some() {
            for module in libraries.iter().map(|(_, module)| module).chain([&main]) {
                interruptible(&module.path, &module.artifact)?;
            }
        }
        let subject = Subject::new(path, &main.artifact);
        let group = Group::with_config(bounds.config.clone()).map_err(|e| Failure::from_error(path, &e))?;
        // This process ends next, and its address space with it: to take the group apart before would be work for nothing.
        let mut group = ManuallyDrop::new(group);
        if let Some(audit) = &audit {
            builder.auditor(audit.auditor(subject.clone(), group.interrupt_handle()));
        }
        let context = builder.build().map_err(|e| Failure::refused(e.to_string()))?;
        let mut imports = Imports::new();
        let modules: Vec<&Artifact> =
            libraries.iter().map(|(_, module)| module).chain([&main]).map(|module| &module.artifact).collect();
        wasi::add_imported(&mut imports, Arc::new(Mutex::new(context)), &modules);

        // Compiling does not count: the guest's time begins when all of it is there.
        let deadline = bounds.timeout.map(|timeout| {
            let handle = group.interrupt_handle();
            Deadline::start(timeout, move || drop(handle.interrupt()))
        });
        let result = self.start_all(&mut group, imports, &libraries, &main, arguments);
        if let (Some(audit), Err(stopped)) = (&audit, &result) {
            stopped.tell(audit);
        }
        audit.map_or(Ok(()), |audit| audit.close(&subject))?;
        if let Some(deadline) = deadline {
            deadline.finished(path)?;
        }
        match result {
            Ok(()) => {
                bounds.note(&group, None);
                self.ended_well(&main)
            }
            Err(Stopped::Failure(failure)) => Err(failure),
            Err(Stopped::Module(module, error)) => {
                bounds.note(&group, Some(&error));
                match error {
                    Error::Exit(status) => Ok(exit_code(status)),
                    e => Err(Failure::from_error(&module.path, &e)),
                }
            }
        }
    }

    /// Runs an application, and learns from that; `None` if it is none.
    pub fn learn(&self, learner: &Lesson<'_>) -> Option<Result<ExitCode, Failure>> {
        let (file, arguments) = self.command.split_first()?;
        let manifest = run_app::application(Path::new(file))?;
        Some(self.application(&manifest, arguments, Some(learner)))
    }

    /// Runs an application: what it holds is in its manifest, and not on the command line.
    fn application(
        &self,
        manifest: &Path,
        arguments: &[OsString],
        lesson: Option<&Lesson<'_>>,
    ) -> Result<ExitCode, Failure> {
        let granted = self.folders.read()?.count() > 0 || !self.env.is_empty() || !self.preload.is_empty();
        let granted = granted || self.streams.given() || self.sources.given() || self.listeners.given();
        if granted
            || self.limits.given_but_timeout()
            || self.invoke.is_some()
            || self.argv0.is_some()
            || self.wasm_features.is_some()
        {
            return Err(Failure::usage(format!(
                "{}: an application's grants and limits are in its manifest; of the options, --audit, --timeout and --no-cache apply",
                manifest.display()
            )));
        }
        raise_descriptor_limit();
        let settings = run_app::Settings {
            arguments,
            audit: self.audit.as_deref(),
            timeout: self.limits.read()?.timeout,
            cache: !self.no_cache,
            learning: lesson.map(Lesson::learner),
        };
        match lesson {
            None => run_app::run(manifest, &settings),
            Some(lesson) => lesson.run(manifest, &settings),
        }
    }

    /// A context with what makes the guest a process: arguments, environment, time and randomness.
    fn process(&self, path: &Path, arguments: &[OsString], bounds: &Bounds) -> Result<WasiCtxBuilder, Failure> {
        let name = self.argv0.clone().or_else(|| path.file_name().map(OsStr::to_owned)).unwrap_or_default();
        let mut builder = WasiCtx::builder();
        builder.arg(name.into_vec());
        if self.invoke.is_none() {
            for argument in arguments {
                builder.arg(argument.as_bytes().to_vec());
            }
        }
        for (name, value) in environment(&self.env)? {
            builder.env(name, value);
        }
        if let Some(count) = bounds.max_descriptors {
            builder.max_descriptors(count);
        }
        self.sources.grant(&mut builder)?;
        Ok(builder)
    }

    /// Grants what is opened, and opens the audit, which the guest must not reach through any of it.
    fn grant(&self, builder: &mut WasiCtxBuilder, folders: Granted, passed: Passed) -> Result<Option<Audit>, Failure> {
        let has_folders = folders.writable();
        let first_socket = 3 + folders.count();
        let audit = self.audit.as_deref().map(Target::new);
        if audit.as_ref().is_some_and(|target| target.path().is_none()) && self.streams.inherits_stderr() {
            return Err(Failure::refused(
                "--audit -: standard error is the guest's too, who could write lines of its own; give it another one by --stderr null or --stderr FILE",
            ));
        }
        if let Some(file) = audit.as_ref().and_then(Target::path) {
            self.spare(file)?;
        }
        folders.grant(builder, audit.as_ref().and_then(Target::path))?;
        let audit = audit.map(|target| Audit::open(&target, has_folders)).transpose()?;
        self.streams.grant(builder, audit.as_ref().and_then(Audit::identity))?;
        self.listeners.grant(builder, passed, first_socket)?;
        Ok(audit)
    }

    /// Refuses to write the audit to a module that is run.
    fn spare(&self, audit: &Path) -> Result<(), Failure> {
        let identity = |path: &Path| path.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()));
        let preloads = self.preload.iter().filter_map(|text| parse_preload(text).ok()).map(|preload| preload.file);
        let mut modules = self.command.first().map(PathBuf::from).into_iter().chain(preloads);
        match identity(audit).and_then(|is| modules.find(|module| identity(module) == Some(is))) {
            Some(_) => Err(Failure::refused(format!(
                "--audit {}: the module that is run, which this would write to; name another file",
                audit.display()
            ))),
            None => Ok(()),
        }
    }

    /// Starts the modules in order, the main one last, and calls what was asked for.
    fn start_all<'a>(
        &self,
        group: &mut Group,
        mut imports: Imports,
        libraries: &'a [(String, Module)],
        main: &'a Module,
        arguments: &[OsString],
    ) -> Result<(), Stopped<'a>> {
        for (name, module) in libraries {
            let instance = start(group, &module.artifact, &imports, &["_initialize"]);
            imports.instance(name, instance.map_err(|e| Stopped::Module(module, e))?);
        }
        let entries = if self.invoke.is_some() { &["_initialize"][..] } else { &["_initialize", "_start"] };
        let instance = start(group, &main.artifact, &imports, entries).map_err(|e| Stopped::Module(main, e))?;
        match &self.invoke {
            Some(name) => {
                invoke(group, &main.artifact, instance, name, arguments)?.map_err(|e| Stopped::Module(main, e))
            }
            None => Ok(()),
        }
    }

    /// The status, if there was something to run.
    fn ended_well(&self, main: &Module) -> Result<ExitCode, Failure> {
        let view = main.artifact.view();
        if self.invoke.is_some() || ["_start", "_initialize"].iter().any(|name| view.export(name).is_some()) {
            return Ok(ExitCode::SUCCESS);
        }
        Err(Failure::new(format!(
            "{}: nothing to run: it exports no _start; call one of its functions with --invoke: {}",
            main.path.display(),
            functions(&main.artifact)
        )))
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

fn exit_code(status: i32) -> ExitCode {
    // The system keeps the low eight bits, for native programs too.
    ExitCode::from(status as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    fn read(line: &str) -> Result<Run, Ended> {
        let words: Vec<OsString> = line.split(' ').map(|word| word.replace('_', "").into()).collect();
        Run::read(if line.is_empty() { &[] } else { &words })
    }

    #[test]
    fn options_come_before_the_file_and_all_behind_it_is_the_guests() {
        for (line, command) in [
            ("a.bwk", &["a.bwk"][..]),
            ("a.bwk b c", &["a.bwk", "b", "c"]),
            ("a.bwk --help -x -- --dir . -", &["a.bwk", "--help", "-x", "--", "--dir", ".", "-"]),
            ("run run", &["run", "run"]),
            ("_", &[""]),
            ("- x", &["-", "x"]),
            ("-- a.bwk -x", &["a.bwk", "-x"]),
            ("-- --", &["--"]),
            ("--no-cache -- --dir", &["--dir"]),
            // What is no option is for whoever runs it to speak of.
            ("--unknown a.bwk", &["--unknown", "a.bwk"]),
            ("-x a.bwk", &["-x", "a.bwk"]),
            ("--invoke add --no-cache a.bwk 2 -3", &["a.bwk", "2", "-3"]),
        ] {
            assert_eq!(read(line).map(|run| run.command), Ok(command.iter().map(OsString::from).collect()), "{line:?}");
        }
        let odd = OsString::from_vec(vec![0xff, b'-']);
        assert_eq!(Run::read(std::slice::from_ref(&odd)).map(|run| run.command), Ok(vec![odd]));
    }

    #[test]
    fn values_are_behind_their_options_or_attached() {
        let run = read(
            "--dir . --dir=b::c --dir-with rights=read . --env A=1 --env B --timeout=2s --audit - --deterministic a",
        )
        .unwrap();
        let granted = (run.folders.read().map(|folders| folders.count()), run.env, run.audit);
        assert!(matches!(granted.0, Ok(3)));
        assert_eq!((granted.1, granted.2), (vec!["A=1".into(), "B".into()], Some("-".into())));
        assert_eq!(read("--wasm-features -simd a").unwrap().wasm_features.as_deref(), Some("-simd"));
        assert_eq!(read("--env= a").unwrap().env, [OsString::new()]);
    }

    #[test]
    fn wrong_usage_says_what_of_which_option() {
        for (line, said) in [
            ("", "the following required arguments were not provided:\n  <FILE>...\n\nUsage: bailiwick run"),
            ("--", "<FILE>"),
            ("--no-cache", "<FILE>"),
            ("--dir", "a value is required for '--dir <HOST[::GUEST]>' but none was supplied"),
            ("--audit --dir x", "a value is required for '--audit <FILE>'"),
            ("--dir-with a", "2 values required for '--dir-with <KEYS> <HOST[::GUEST]>' but 1 was provided"),
            ("--dir-with=a b c", "2 values required"),
            ("--dir-with --dir x", "2 values required for '--dir-with <KEYS> <HOST[::GUEST]>' but 0 were provided"),
            ("--no-cache=x c", "unexpected value 'x' for '--no-cache' found; no more were expected"),
            ("--timeout 2s --timeout 1s x", "the argument '--timeout <DURATION>' cannot be used multiple times"),
            ("--no-cache --no-cache x", "'--no-cache' cannot be used multiple times"),
            ("--timeout soon x", "invalid value 'soon' for '--timeout <DURATION>': expected number at 0"),
            ("--max-descriptors 2 x", "2 is less than the three standard streams"),
            ("--escapes some x", "invalid value 'some' for '--escapes <raw|inert>': it wants raw or inert"),
            ("--preload a x", "invalid value 'a' for '--preload <NAME=FILE>': it wants NAME=FILE"),
        ] {
            match read(line) {
                Err(Ended::Usage(message)) => {
                    assert!(message.starts_with("error: ") && message.contains(said), "{line:?}: {message}");
                    assert!(message.ends_with("\n\nFor more information, try '--help'.\n"), "{message}");
                }
                other => panic!("{line:?}: {other:?}"),
            }
        }
        let odd = ["--invoke".into(), OsString::from_vec(vec![0xff]), "x".into()];
        assert!(matches!(Run::read(&odd), Err(Ended::Usage(message)) if message.contains("UTF-8")));
        for line in ["--help", "-h", "--no-cache --help", "--dir . -h x"] {
            assert_eq!(read(line), Err(Ended::Help), "{line:?}");
        }
    }
}
