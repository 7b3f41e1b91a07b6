//! The application: a root, modules that it calls, and libraries that each of these calls; as Bailiwick's manifests and
//! artifacts, and as one component of the same core modules.

use crate::apps::compiled;
use crate::scratch::Scratch;
use std::fmt::Write;

/// How many modules there are below the root, and libraries below each of them.
#[derive(Clone, Copy, Debug)]
pub struct Tree {
    modules: usize,
    libraries: usize,
}

/// What is compared: one instance, and three hundred.
pub const TREES: [Tree; 2] = [Tree { modules: 0, libraries: 0 }, Tree { modules: 13, libraries: 22 }];

/// What each of them but the root does behind its calls: it counts its own in its memory, and adds their number.
const COUNT: &str = "(i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (i32.const 1)))
    (i32.add (local.get $x) (i32.load (i32.const 64)))";

const INTERFACE: &str = "interface work { work: func(x: u32) -> u32; }";

const TYPE: &str = r#"(param "x" u32) (result u32)"#;

impl Tree {
    /// How many instances that makes.
    pub fn instances(self) -> usize {
        1 + self.modules * (1 + self.libraries)
    }

    /// A name for people.
    pub fn title(self) -> String {
        match self.instances() {
            1 => "1 instance".to_owned(),
            more => format!("{more} instances"),
        }
    }

    /// What the root comes to when each of the others is called for the first time, and adds 1.
    pub fn sum(self) -> usize {
        self.instances() - 1
    }

    /// Writes the application: artifacts, and a manifest for whoever calls others. It traps if the sum is wrong.
    pub fn write(self, scratch: &Scratch) -> Result<(), String> {
        let (modules, libraries) = (names("module", self.modules), names("library", self.libraries));
        let write = |name: &str, text: String, callees: &[String], called| {
            let artifact = compiled(&text, Some(&wit(name, callees, called)))?;
            scratch.write(&format!("{name}.bwk"), artifact);
            Ok::<_, String>(())
        };
        for name in &libraries {
            write(name, called(name, &[]), &[], true)?;
        }
        for name in &modules {
            write(name, called(name, &libraries), &libraries, true)?;
            scratch.write(&format!("{name}.toml"), manifest(name, &libraries, "bwk"));
        }
        let check = format!("(if (i32.ne (local.get $x) (i32.const {})) (then unreachable))", self.sum());
        let root = core(&modules, "(export \"_start\") (local $x i32)", &check);
        write("bailiwick", root, &modules, false)?;
        scratch.write("bailiwick.toml", manifest("bailiwick", &modules, "toml"));
        Ok(())
    }

    /// The same as a component, of which the export `go` returns its parameter and the sum.
    pub fn component(self) -> String {
        let (modules, libraries) = (names("module", self.modules), names("library", self.libraries));
        let mut text = "(component ".to_owned();
        for name in &libraries {
            text += &nested(name, &[]);
        }
        for name in &modules {
            text += &nested(name, &libraries);
            // Writing to a string does not fail, here and below.
            for library in &libraries {
                let _ = write!(text, "(instance ${name}-{library} (instantiate ${library})) ");
            }
            let with = libraries.iter().map(|it| format!("(with \"{it}\" (func ${name}-{it} \"work\")) "));
            let _ = write!(text, "(instance $its-{name} (instantiate ${name} {})) ", with.collect::<String>());
            let _ = write!(text, "(alias export $its-{name} \"work\" (func $work-{name})) ");
        }
        let root = core(&modules, "(export \"go\") (param $x i32) (result i32)", "(local.get $x)");
        let go = format!("(func (export \"go\") {TYPE} (canon lift (core func $i \"go\")))");
        text + &joined(&modules, "$work-", &root) + &go + ")"
    }
}

fn names(stem: &str, count: usize) -> Vec<String> {
    (0..count).map(|i| format!("{stem}{i}")).collect()
}

/// A core module with one function, which calls others in turn, each with what the one before it returned.
fn core(callees: &[String], head: &str, behind: &str) -> String {
    let (mut imports, mut calls) = (String::new(), String::new());
    for name in callees {
        let _ = write!(imports, "(import \"bench:{name}/work\" \"work\" (func ${name} (param i32) (result i32))) ");
        let _ = write!(calls, "(local.set $x (call ${name} (local.get $x))) ");
    }
    format!("(module {imports} (memory (export \"memory\") 1) (func {head} {calls} {behind}))")
}

/// A core module that others call by the interface of its name.
fn called(name: &str, callees: &[String]) -> String {
    core(callees, &format!("(export \"bench:{name}/work#work\") (param $x i32) (result i32)"), COUNT)
}

/// A component around a core module that others call.
fn nested(name: &str, callees: &[String]) -> String {
    let imports = callees.iter().map(|callee| format!("(import \"{callee}\" (func ${callee} {TYPE})) "));
    let lift = format!("(canon lift (core func $i \"bench:{name}/work#work\"))");
    format!(
        "(component ${name} {} {} (func (export \"work\") {TYPE} {lift})) ",
        imports.collect::<String>(),
        joined(callees, "$", &called(name, callees))
    )
}

/// A core module, instantiated with functions that are named by a prefix and its callees.
fn joined(callees: &[String], prefix: &str, module: &str) -> String {
    let (mut lowered, mut with) = (String::new(), String::new());
    for name in callees {
        let _ = write!(lowered, "(core func $core-{name} (canon lower (func {prefix}{name}))) ");
        let _ = write!(with, "(with \"bench:{name}/work\" (instance (export \"work\" (func $core-{name})))) ");
    }
    let module = module.replacen("(module", "(core module $m", 1);
    format!("{lowered} {module} (core instance $i (instantiate $m {with}))")
}

/// WIT of a module.
fn wit(name: &str, callees: &[String], called: bool) -> String {
    let mut text = format!("package bench:{name}; ");
    text += if called { INTERFACE } else { "" };
    text += " world it { ";
    text += if called { "export work; " } else { "" };
    let mut packages = String::new();
    for callee in callees {
        let _ = write!(text, "import bench:{callee}/work; ");
        let _ = write!(packages, " package bench:{callee} {{ {INTERFACE} }}");
    }
    text + "}" + &packages
}

fn manifest(name: &str, deps: &[String], extension: &str) -> String {
    let deps = deps.iter().map(|dep| format!("[deps.{dep}]\nmodule = \"{dep}.{extension}\"\n"));
    format!("[package]\nname = \"{name}\"\nmodule = \"{name}.bwk\"\n{}", deps.collect::<String>())
}
