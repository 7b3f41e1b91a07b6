//! Files → packages, and the choice of a world.

use super::Wit;
use crate::error::{CompileError, Result};
use crate::shortened;
use bailiwick_runtime_abi::wit::MAX_TEXT_SIZE;
use bailiwick_runtime_abi::wit::{builtin, bundle};
use std::collections::BTreeMap;
use wit_parser::{InterfaceId, PackageName, Resolve, SourceMap, TypeDefKind, UnresolvedPackageGroup, WorldId};

/// The package whose resource is the loader's own.
const BUILT_IN: &str = builtin::FS;
/// Its namespace and name.
pub(super) const BUILT_IN_NAME: (&str, &str) = ("bailiwick", "fs");

/// Packages that were read, and the world that was chosen.
pub(super) struct Parsed {
    pub resolve: Resolve,
    pub world: WorldId,
    /// [`BUILT_IN`]'s interface.
    pub built_in: Option<InterfaceId>,
}

/// Reads the files and chooses the world.
pub(super) fn parse(wit: &Wit<'_>) -> Result<Parsed> {
    check_size(wit)?;
    let mut packages: BTreeMap<Option<&str>, SourceMap> = BTreeMap::new();
    for source in wit.sources {
        let path =
            if wit.folder.is_empty() { source.path.to_owned() } else { format!("{}/{}", wit.folder, source.path) };
        packages.entry(bundle::package_of(source.path)?).or_default().push_str(&path, source.text);
    }
    let Some(main) = packages.remove(&None) else {
        return Err(CompileError::Wit { message: format!("{}: there is no file *.wit", wit.folder) });
    };
    let main = group(main)?;
    let mut groups = packages.into_values().map(group).collect::<Result<Vec<_>>>()?;
    let candidates: Vec<PackageName> = names(&main).cloned().collect();
    for (namespace, name, text) in builtin::ALL {
        let same = |package: &PackageName| package.namespace == namespace && package.name == name;
        // Bindings generators need the text as a file, so it may be among them.
        if !groups.iter().chain([&main]).flat_map(names).any(same) {
            let mut map = SourceMap::default();
            map.push_str(&format!("built-in {namespace}-{name}.wit"), text);
            groups.push(group(map)?);
        }
    }
    let mut resolve = Resolve::new();
    if let Err(error) = resolve.push_groups(main, groups) {
        return Err(CompileError::Wit { message: shortened(&error.render(&resolve.source_map)) });
    }
    let built_in = built_in(&resolve)?;
    let world = choose(&resolve, &candidates, wit.world)?;
    Ok(Parsed { resolve, world, built_in })
}

/// Most bytes of WIT for all worlds and inclusions of worlds together. Each of them is made whole, with all interfaces that
/// its own ones use, so that a short text could mean very much.
const MAX_ELABORATED: usize = 16 << 20;

fn check_size(wit: &Wit<'_>) -> Result<()> {
    let size: usize = wit.sources.iter().map(|source| source.text.len()).sum();
    if size > MAX_TEXT_SIZE {
        return Err(CompileError::Limit { what: format!("the WIT has {size} bytes"), limit: MAX_TEXT_SIZE as u64 });
    }
    let worlds: usize = wit.sources.iter().map(|source| worlds(source.text)).sum();
    let limit = MAX_ELABORATED / size.max(1);
    if worlds > limit {
        let what = format!("the WIT has {worlds} worlds and inclusions of worlds in {size} bytes");
        return Err(CompileError::Limit { what, limit: limit as u64 });
    }
    Ok(())
}

/// How often the words `world` and `include` are there, but for comments.
fn worlds(text: &str) -> usize {
    let mut count = 0;
    let mut rest = text;
    // Comments between `/*` and `*/` hold others.
    let mut depth = 0usize;
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(rest.len());
        let skipped = match &rest[..word] {
            _ if rest.starts_with("/*") => {
                depth += 1;
                2
            }
            _ if depth > 0 && rest.starts_with("*/") => {
                depth -= 1;
                2
            }
            _ if depth == 0 && rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            "world" | "include" if depth == 0 => {
                count += 1;
                word
            }
            _ => word.max(first.len_utf8()),
        };
        rest = &rest[skipped..];
    }
    count
}

fn group(map: SourceMap) -> Result<UnresolvedPackageGroup> {
    map.parse().map_err(|(map, error)| CompileError::Wit { message: shortened(&error.render(&map)) })
}

fn names(group: &UnresolvedPackageGroup) -> impl Iterator<Item = &PackageName> {
    group.nested.iter().chain([&group.main]).map(|package| &package.name)
}

fn is_built_in(name: &PackageName) -> bool {
    (name.namespace.as_str(), name.name.as_str()) == BUILT_IN_NAME
}

/// The built-in package's interface. Bindings generators need its text as a file, so it may be among the files, but not
/// changed.
pub(super) fn built_in(resolve: &Resolve) -> Result<Option<InterfaceId>> {
    let mut found = None;
    for (name, &package) in resolve.package_names.iter().filter(|(name, _)| is_built_in(name)) {
        let package = &resolve.packages[package];
        let types = package.interfaces.get("types").map(|&id| (id, &resolve.interfaces[id]));
        let same = types.filter(|(_, types)| {
            let resource = |kind: &TypeDefKind| matches!(kind, TypeDefKind::Resource);
            package.interfaces.len() == 1
                && package.worlds.is_empty()
                && types.functions.is_empty()
                && types.types.len() == 1
                && types.types.get("dir").is_some_and(|&id| resource(&resolve.types[id].kind))
        });
        match same {
            Some((id, _)) if name.version.is_none() => found = Some(id),
            _ => {
                let message = format!(
                    "the package {name} is built in, and the one among the files is another; leave it out, or write it as this:\n{BUILT_IN}"
                );
                return Err(CompileError::Wit { message });
            }
        }
    }
    Ok(found)
}

/// The world of this name or full name among the packages' that were not only brought in by `deps`.
fn choose(resolve: &Resolve, packages: &[PackageName], name: Option<&str>) -> Result<WorldId> {
    let worlds: Vec<(WorldId, &str, String)> = packages
        .iter()
        .filter_map(|name| resolve.package_names.get(name))
        .flat_map(|&package| resolve.packages[package].worlds.iter().map(move |world| (package, world)))
        .map(|(package, (name, &id))| (id, name.as_str(), resolve.id_of_name(package, name)))
        .collect();
    let matching: Vec<WorldId> = worlds
        .iter()
        .filter(|(_, simple, full)| name.is_none_or(|name| name == *simple || name == full))
        .map(|&(id, ..)| id)
        .collect();
    match matching.as_slice() {
        [world] => Ok(*world),
        _ => Err(CompileError::NoWorld {
            asked: name.map(str::to_owned),
            worlds: worlds.into_iter().take(100).map(|(.., full)| full).collect(),
        }),
    }
}
