//! Which files a manifest may name, and the modules that they are.
//!
//! The application's own manifest is written by the person who runs it, and names what it wants. A library's may be a
//! stranger's. What it names is opened by the person who checks or builds the application, and a module that it can join to
//! its own by `group` shows it all that is in it; so it names only files below its own folder. Another library's manifest
//! it may name anywhere below the application's folder too: that gets it an instance of its own, which it can only call.

use super::files::{canonical, folder_of, shown, tidy};
use super::manifest::{Dep, Manifest};
use super::plan::{Member, Modules, Source};
use super::problem::{Code, Problem};
use super::shipped;
use std::path::{Path, PathBuf};
use toml::Table;

/// The most modules of one group.
pub const MAX_MEMBERS: usize = 64;

/// A manifest, as somebody who names files.
#[derive(Clone, Debug)]
pub(super) struct Author {
    /// The manifest.
    pub(super) file: PathBuf,
    /// The folder that it lies in, to which its paths are relative.
    pub(super) folder: PathBuf,
    /// Without links, the folder that what it names must lie in; `None`: it is the application.
    own: Option<PathBuf>,
}

impl Author {
    /// The application's manifest.
    pub(super) fn application(file: &Path) -> Author {
        let file = tidy(file);
        Author { folder: folder_of(&file), file, own: None }
    }

    /// A library's.
    pub(super) fn library(file: &Path) -> Author {
        let folder = folder_of(file);
        Author { own: Some(canonical(&folder)), folder, file: file.to_owned() }
    }

    /// The folder that a library's files must lie in.
    pub(super) fn own(&self) -> Option<&Path> {
        self.own.as_deref()
    }

    /// Where a file is that it names at `key`.
    pub(super) fn file(&self, key: &str, named: &Path) -> Result<PathBuf, (Code, String)> {
        self.within(key, named, None)
    }

    /// Where the manifest of a library is that it names at `key`: its own, or one of the application's.
    pub(super) fn manifest(&self, key: &str, named: &Path, application: &Path) -> Result<PathBuf, (Code, String)> {
        self.within(key, named, Some(&canonical(application)))
    }

    fn within(&self, key: &str, named: &Path, or: Option<&Path>) -> Result<PathBuf, (Code, String)> {
        if named.as_os_str().is_empty() {
            return Err((Code::Manifest, self.says(key, "it names no file")));
        }
        let file = tidy(&self.folder.join(named));
        let Some(own) = &self.own else { return Ok(file) };
        // What is not there, or can't be looked at, can't be opened either.
        let Ok(place) = std::fs::canonicalize(&file) else { return Ok(file) };
        if place.starts_with(own) || or.is_some_and(|or| place.starts_with(or)) {
            return Ok(file);
        }
        let leads = if place == named { String::new() } else { format!(" leads to {}, which", shown(&place)) };
        let but = if or.is_some() { " and the application's" } else { "" };
        let message = format!(
            "{named:?}{leads} lies outside of the library's own folder{but}: a library names its own files only; put it there, or let the application's manifest name it"
        );
        Err((Code::Outside, self.says(key, &message)))
    }

    /// A message about what is at `key`.
    pub(super) fn says(&self, key: &str, message: &str) -> String {
        format!("{}: {key}: {message}", shown(&self.file))
    }
}

/// The part of a manifest that says which modules an instance is.
pub(super) struct Named<'a> {
    author: &'a Author,
    /// The table, as `package` or `deps.unzipper`.
    key: String,
    module: Option<&'a PathBuf>,
    group: &'a Table,
    wit: Option<&'a PathBuf>,
    world: Option<&'a str>,
}

impl<'a> Named<'a> {
    /// What a manifest says of itself.
    pub(super) fn package(author: &'a Author, manifest: &'a Manifest) -> Named<'a> {
        let package = &manifest.package;
        Named {
            author,
            key: "package".to_owned(),
            module: package.module.as_ref(),
            group: &package.group,
            wit: package.wit.as_ref(),
            world: package.world.as_deref(),
        }
    }

    /// What a manifest says of a dependency without one.
    pub(super) fn dependency(author: &'a Author, key: String, dep: &'a Dep) -> Named<'a> {
        Named {
            author,
            key,
            module: dep.module.as_ref(),
            group: &dep.group,
            wit: dep.wit.as_ref(),
            world: dep.world.as_deref(),
        }
    }

    /// Opens the modules of the instance at `edge`; those that can be opened.
    pub(super) fn open(&self, edge: &str, modules: &dyn Modules) -> (Vec<Member>, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut members = Vec::new();
        for (i, (name, key, file)) in self.files(edge, &mut problems).into_iter().enumerate() {
            match self.member(i == 0, &key, &file, modules) {
                Ok(member) => members.push(Member { name, ..member }),
                Err((code, message)) => problems.push(Problem::new(code, edge, message)),
            }
        }
        (members, problems)
    }

    /// Names of modules in the group, the keys of the manifest, and the files as they are named there.
    fn files(&self, edge: &str, problems: &mut Vec<Problem>) -> Vec<(String, String, PathBuf)> {
        let mut problem = |code, message: String| problems.push(Problem::new(code, edge, message));
        let mut files = Vec::new();
        match (self.module, self.group.is_empty()) {
            (Some(module), true) => files.push((String::new(), format!("{}.module", self.key), module.clone())),
            (None, false) => {
                for (name, file) in self.group {
                    let key = format!("{}.group.{name}", self.key);
                    match file.as_str() {
                        Some(file) => files.push((name.clone(), key, PathBuf::from(file))),
                        None => problem(Code::Manifest, self.author.says(&key, "it wants the name of a module's file")),
                    }
                }
            }
            _ => problem(Code::Manifest, self.author.says(&self.key, "it wants `module` or `group`, one of them")),
        }
        if files.len() > MAX_MEMBERS {
            let message = format!("more than {MAX_MEMBERS} modules in a group");
            problem(Code::Limit, self.author.says(&self.key, &message));
            files.clear();
        }
        files
    }

    /// The member that a file is, without its name.
    fn member(&self, face: bool, key: &str, named: &Path, modules: &dyn Modules) -> Result<Member, (Code, String)> {
        let manifest = |message: &str| (Code::Manifest, self.author.says(key, message));
        if let Some(known) = shipped::find(named).map_err(|e| manifest(&e))? {
            if face && (self.wit.is_some() || self.world.is_some()) {
                return Err(manifest("it has its types already: leave `wit` and `world` out"));
            }
            let source = Source { file: named, shipped: Some(known), wit: None, world: None, within: None };
            return self.opened(key, &source, modules);
        }
        let file = self.author.file(key, named)?;
        let wit = match self.wit {
            Some(wit) if face => Some(self.author.file(&format!("{}.wit", self.key), wit)?),
            _ => {
                let beside = named.with_extension("wit");
                let there = self.author.folder.join(&beside).exists();
                if there { Some(self.author.file(key, &beside)?) } else { None }
            }
        };
        let world = self.world.filter(|_| face);
        let within = self.author.own();
        self.opened(key, &Source { file: &file, shipped: None, wit: wit.as_deref(), world, within }, modules)
    }

    fn opened(&self, key: &str, source: &Source<'_>, modules: &dyn Modules) -> Result<Member, (Code, String)> {
        let failed = |e: String| (Code::Module, self.author.says(key, &e));
        let artifact = modules.open(source).map_err(failed)?;
        let world = artifact.world().map_err(|e| failed(format!("{}: {e}", shown(source.file))))?;
        let (file, wit) = (source.file.to_owned(), source.wit.map(Path::to_owned));
        Ok(Member { name: String::new(), file, shipped: source.shipped.is_some(), wit, artifact, world })
    }
}
