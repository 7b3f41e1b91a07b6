//! From WIT and C to modules.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use wit_bindgen_core::{Files, wit_parser::Resolve};

fn sources(application: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("apps").join(application)
}

/// Writes the bindings of a world of the application's WIT into a folder.
fn bindings(text: &str, world: &str, into: &Path) {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("kv.wit", text).expect("WIT");
    let id = resolve.select_world(&[package], Some(world)).expect("a world");
    let mut files = Files::default();
    wit_bindgen_c::Opts::default().build().generate(&mut resolve, id, &mut files).expect("bindings");
    for (name, contents) in files.iter() {
        fs::write(into.join(name), contents).expect("a file");
    }
}

/// Compiles `NAME.c` against the bindings of world `NAME`; what has a `main` is a program, others are libraries.
fn module(application: &str, name: &str, text: &str, into: &Path) {
    let part = tempfile::tempdir().expect("a temporary folder");
    bindings(text, name, part.path());
    let mut command = Command::new("clang-19");
    command.args(["--target=wasm32-wasi", "--sysroot=/usr", "-std=c11", "-O2", "-Wall", "-Wno-unused-parameter"]);
    let source = sources(application).join(name).with_extension("c");
    if !fs::read_to_string(&source).expect("the source").contains("int main(") {
        command.arg("-mexec-model=reactor");
    }
    command.arg("-I").arg(part.path()).arg(source);
    command.arg(part.path().join(name).with_extension("c")).arg(part.path().join(format!("{name}_component_type.o")));
    command.arg("-Wl,--strip-debug,--stack-first").arg("-o").arg(into.join(name).with_extension("wasm"));
    let output = command.output().expect("clang-19 starts: it is in Debian's clang-19, with wasi-libc and lld-19");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// An application of these modules, by this manifest of its sources, in a folder of its own.
pub fn application(name: &str, manifest: &str, modules: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = fs::read_to_string(sources(name).join(format!("{name}.wit"))).expect("the WIT");
    for module_name in modules {
        module(name, module_name, &text, folder.path());
    }
    fs::copy(sources(name).join(manifest), folder.path().join("bailiwick.toml")).expect("the manifest");
    folder
}

/// The section that says of which world a module is.
pub fn section(text: &str, world: &str) -> Vec<u8> {
    let part = tempfile::tempdir().expect("a temporary folder");
    bindings(text, world, part.path());
    let object = fs::read(part.path().join(format!("{world}_component_type.o"))).expect("an object");
    let mut rest = &object[8..];
    let number = |rest: &mut &[u8]| {
        let (mut value, mut shift) = (0usize, 0);
        loop {
            let byte = rest[0];
            *rest = &rest[1..];
            value |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return value;
            }
        }
    };
    while let [id, after @ ..] = rest {
        rest = after;
        let size = number(&mut rest);
        let (mut section, after) = rest.split_at(size);
        rest = after;
        let name_size = if *id == 0 { number(&mut section) } else { continue };
        let (name, contents) = section.split_at(name_size);
        if name.starts_with(b"component-type") {
            return contents.to_vec();
        }
    }
    panic!("the object has no such section")
}
