use super::parse::parse;
use super::*;
use crate::CompileError;
use bailiwick_runtime_abi::types::ValType;
use bailiwick_runtime_abi::wit::{Direction, Type, World, builtin};
use std::fmt::Write;
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{SizeAlign, WorldItem};

fn wit<'a>(sources: &'a [Source<'a>]) -> Wit<'a> {
    Wit { sources, folder: "", world: None }
}

fn world(text: &str) -> Result<World> {
    wit(&[Source { path: "t.wit", text }]).world()
}

fn refused(text: &str, words: &str) {
    let error = world(text).unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
}

/// All functions of a world: the core name, and the function in WIT.
fn functions(world: &World) -> Vec<String> {
    let import =
        |f| format!("import {} {}", bailiwick_runtime_abi::wit::Function::import_module(f), world.print_function(f));
    let export = |f| {
        let name = bailiwick_runtime_abi::wit::Function::export_name(f);
        format!("export {name} {}", world.print_function(f).with_interfaces())
    };
    world.imports().iter().map(import).chain(world.exports().iter().map(export)).collect()
}

#[test]
fn a_world_is_what_its_interfaces_have() {
    let world = world(
        "package example:zip@1.2.0;
        interface types {
            record entry { name: string, size: u64 }
            enum error { not-a-zip, truncated }
        }
        interface log { write: func(line: string); }
        interface api {
            use types.{entry, error as failure};
            use bailiwick:fs/types.{dir};
            type entries = list<entry>;
            unzip: func(zip: list<u8>, into: borrow<dir>) -> result<entries, failure>;
        }
        world unzipper {
            import log;
            import now: func() -> u64;
            import clock: interface { tick: func(); }
            export api;
            export version: func() -> string;
        }",
    )
    .unwrap();
    assert_eq!(world.name(), "example:zip/unzipper@1.2.0");
    assert_eq!(
        functions(&world),
        [
            "import example:zip/log@1.2.0 write: func(line: string)",
            "import clock tick: func()",
            "import $root now: func() -> u64",
            "export version version: func() -> string",
            "export example:zip/api@1.2.0#unzip unzip: func(zip: list<u8>, into: borrow<bailiwick:fs/types.dir>) -> result<entries, error>",
        ]
    );
    let [dir] = world.resources() else { panic!("{:?}", world.resources()) };
    assert_eq!((dir.interface.as_str(), dir.name.as_str(), dir.defined_here), ("bailiwick:fs/types", "dir", false));
}

#[test]
fn an_exported_resource_is_not_the_imported_one() {
    let world = world(
        "package a:b;
        interface api {
            resource archive {
                constructor(bytes: list<u8>);
                names: func() -> list<string>;
                open: static func(name: string) -> option<archive>;
            }
        }
        world w { import api; export api; }",
    )
    .unwrap();
    assert_eq!(
        functions(&world),
        [
            "import a:b/api [constructor]archive: func(bytes: list<u8>) -> own<archive>",
            "import a:b/api [method]archive.names: func(self: borrow<archive>) -> list<string>",
            "import a:b/api [static]archive.open: func(name: string) -> option<own<archive>>",
            "export a:b/api#[constructor]archive [constructor]archive: func(bytes: list<u8>) -> own<a:b/api.archive>",
            "export a:b/api#[method]archive.names [method]archive.names: func(self: borrow<a:b/api.archive>) -> list<string>",
            "export a:b/api#[static]archive.open [static]archive.open: func(name: string) -> option<own<a:b/api.archive>>",
        ]
    );
    let here: Vec<bool> = world.resources().iter().map(|resource| resource.defined_here).collect();
    assert_eq!(here, [false, true]);
}

#[test]
fn packages_come_from_deps_and_worlds_from_the_package_itself() {
    let sources = [
        Source { path: "a.wit", text: "package a:b; world one { import c:d/e; }" },
        Source { path: "b.wit", text: "world two { export f: func(x: u8); }" },
        Source { path: "deps/c.wit", text: "package c:d; interface e { use g:h/i.{t}; f: func(t: t); }" },
        Source { path: "deps/g/x.wit", text: "package g:h; world elsewhere {}" },
        Source { path: "deps/g/y.wit", text: "interface i { type t = list<char>; }" },
    ];
    let with = |name| Wit { world: name, ..wit(&sources) }.world();
    assert_eq!(functions(&with(Some("one")).unwrap()), ["import c:d/e f: func(t: t)"]);
    assert_eq!(functions(&with(Some("a:b/two")).unwrap()), ["export f f: func(x: u8)"]);
    assert_eq!(
        with(None).unwrap_err().to_string(),
        "the WIT has more than one world; say with --world which of a:b/one, a:b/two"
    );
    assert_eq!(
        with(Some("elsewhere")).unwrap_err().to_string(),
        "the WIT has no world \"elsewhere\"; it has a:b/one, a:b/two"
    );
    refused("package a:b; interface i {}", "the WIT has no world; write one");
    let nested = "package a:b; world w { import c:d/e; } package c:d { interface e { f: func(); } }";
    assert_eq!(functions(&world(nested).unwrap()), ["import c:d/e f: func()"]);
}

#[test]
fn the_built_in_package_may_be_among_the_files_unchanged() {
    let main = Source {
        path: "a.wit",
        text: "package a:b; world w { import f: func(d: d); use bailiwick:fs/types.{dir as d}; }",
    };
    let with = |text| wit(&[main, Source { path: "deps/bailiwick-fs.wit", text }]).world();
    let expected = functions(&wit(&[main]).world().unwrap());
    assert_eq!(expected, ["import $root f: func(d: own<dir>)"]);
    assert_eq!(functions(&with("package bailiwick:fs; interface types { resource dir; }").unwrap()), expected);
    for text in [
        "package bailiwick:fs@1.0.0; interface types { resource dir; }",
        "package bailiwick:fs; interface types { resource dir { read: func(); } }",
        "package bailiwick:fs; interface types { type dir = u32; }",
        "package bailiwick:fs; interface types { resource dir; type x = u8; }",
        "package bailiwick:fs; interface types { resource dir; } interface more {}",
    ] {
        let error = with(text).unwrap_err().to_string();
        // Some of these can't even be used.
        assert!(error.contains("is built in") || error.contains("bailiwick:fs"), "{text}: {error}");
    }
    refused(
        "package a:b; world w { export bailiwick:fs/types; }",
        "own implementation of bailiwick:fs/types is not supported yet",
    );
}

#[test]
fn what_is_newer_is_refused_by_name() {
    let with = |function: &str| format!("package a:b; interface i {{ {function} }} world w {{ import i; }}");
    for (function, words) in [
        ("f: async func();", "a:b/i.f: an asynchronous function (async) is not supported yet"),
        ("f: func(x: stream<u8>);", "a:b/i.f: stream is not supported yet"),
        ("f: func(x: option<future<u8>>);", "a:b/i.f: future is not supported yet"),
        ("f: func(x: error-context);", "error-context"),
        ("f: func(x: list<u8, 4>);", "a:b/i.f: a list of fixed length is not supported yet"),
        ("f: func(x: map<string, u8>);", "a:b/i.f: map is not supported yet"),
    ] {
        refused(&with(function), words);
    }
    let flags = (0..33).map(|i| format!("flag{i}")).collect::<Vec<_>>().join(", ");
    refused(&with(&format!("flags many {{ {flags} }} f: func(x: many);")), "cannot have more than 32 flags");
    refused(&with("record none {} f: func(x: none);"), "empty record");
    refused(&with("resource r; f: func() -> list<borrow<r>>;"), "borrow");
}

#[test]
fn errors_say_where() {
    for (text, words) in [
        ("package a:b; world w { import f: fnc(); }", "t.wit:1:37"),
        ("package a:b; world w { import c:d/e; }", "t.wit:1:31"),
        ("package a:b; world w { import f: func(x: y); }", "t.wit:1:42"),
        ("world w {}", "no `package` header"),
        ("package a:b; interface i { type a = b; type b = a; } world w { import i; }", "depends on itself"),
    ] {
        refused(text, words);
    }
    let sources = [Source { path: "deps/x.wit", text: "package a:b;" }];
    assert!(wit(&sources).world().unwrap_err().to_string().contains("there is no file *.wit"));
    let sources = [Source { path: "a.wit", text: "package" }];
    let error = Wit { folder: "some/where", ..wit(&sources) }.world().unwrap_err().to_string();
    assert!(error.contains("some/where/a.wit:1:8"), "{error}");
    let sources = [Source { path: "../a.wit", text: "package a:b; world w {}" }];
    assert!(matches!(wit(&sources).world(), Err(CompileError::WitFiles(_))));
    let text = " ".repeat(2 << 20);
    assert!(matches!(world(&text), Err(CompileError::Limit { .. })));
}

/// Texts that are long in one way each. What matters is that there is an answer, soon.
#[test]
fn text_of_any_shape_gets_an_answer() {
    let n = 20_000;
    let list = |n: usize, item: &dyn Fn(usize) -> String| (0..n).map(item).collect::<String>();
    let aliases = list(n, &|i| format!("type a{} = a{i};", i + 1));
    let nested = list(500, &|i| format!("type a{} = list<a{i}>;", i + 1));
    let pairs = list(60, &|i| format!("type a{} = tuple<a{i}, a{i}>;", i + 1));
    let interface = |types: &str, ty: &str| {
        format!("package a:b; interface i {{ type a0 = u8; {types} f: func(x: {ty}); }} world w {{ import i; }}")
    };
    assert!(world(&interface(&aliases, &format!("a{n}"))).is_ok());
    refused(&interface(&nested, "a500"), "more types within one another");
    refused(&interface(&pairs, "a60"), "more bytes than that");
    refused(&interface("", &format!("{}u8{}", "list<".repeat(n), ">".repeat(n))), "nesting too deep");
    refused(&format!("package a:b; {}", "{".repeat(n)), "expected");
    refused(&format!("package a:b; /*{}", "/*".repeat(n)), "");
    let uses = list(2000, &|i| format!("interface i{} {{ use i{i}.{{t}}; }}", i + 1));
    let world_of_uses = format!("package a:b; interface i0 {{ resource t; }} {uses} world w {{ import i2000; }}");
    assert!(world(&world_of_uses).is_ok());
    let packages = list(2000, &|i| format!("package a:b{} {{ interface i {{ use a:b{i}/i.{{t}}; }} }}", i + 1));
    let packages = format!(
        "package a:b; world w {{ import a:b2000/i; }} package a:b0 {{ interface i {{ resource t; }} }} {packages}"
    );
    assert!(world(&packages).is_ok());
    let worlds = list(50, &|i| format!("world w{} {{ include w{i}; }}", i + 1));
    refused(&format!("package a:b; world w0 {{ import f: func(); }} {worlds}"), "say with --world");
    // Each world has all interfaces.
    let worlds = list(1000, &|i| format!("world x{i} {{ import i2000; }}"));
    refused(&format!("{world_of_uses} {worlds}"), "worlds and inclusions of worlds");
    let comments = "// world\n/* include world /* world */ include */\n".repeat(n / 4);
    assert!(world(&format!("package a:b; world w {{}} {comments}")).is_ok());
    let many = list(n, &|i| format!("fn{i}: func();"));
    assert_eq!(world(&interface(&many, "u8")).unwrap().imports().len(), n + 1);
}

/// A small generator (xorshift64*): the same text in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    }

    fn ty(&mut self, defined: usize) -> String {
        if defined > 0 && self.below(2) == 0 {
            return format!("t{}", self.below(defined));
        }
        let simple = ["bool", "u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64", "f32", "f64", "char", "string"];
        match self.below(18) {
            0 => format!("list<{}>", self.ty(defined)),
            1 => format!("option<{}>", self.ty(defined)),
            2 => format!("result<{}, {}>", self.ty(defined), self.ty(defined)),
            3 => format!("tuple<{}, {}>", self.ty(defined), self.ty(defined)),
            4 => "own<r>".to_owned(),
            i => simple[i - 5].to_owned(),
        }
    }

    fn definition(&mut self, i: usize) -> String {
        let n = 1 + self.below(4);
        let labels = |n| (0..n).map(|i| format!("l{i}")).collect::<Vec<_>>().join(", ");
        match self.below(5) {
            0 => {
                let fields: String = (0..n).map(|f| format!("f{f}: {}, ", self.ty(i))).collect();
                format!("record t{i} {{ {fields} }}")
            }
            1 => {
                let case = |random: &mut Random, c| match random.below(3) {
                    0 => format!("c{c}, "),
                    _ => format!("c{c}({}), ", random.ty(i)),
                };
                let cases: String = (0..n).map(|c| case(self, c)).collect();
                format!("variant t{i} {{ {cases} }}")
            }
            2 => format!("flags t{i} {{ {} }}", labels(1 + self.below(32))),
            3 => format!("enum t{i} {{ {} }}", labels(1 + self.below(600))),
            _ => format!("type t{i} = {};", self.ty(i)),
        }
    }

    fn package(&mut self) -> String {
        let mut text = "package a:b; interface i { resource r;\n".to_owned();
        let types = self.below(12);
        for i in 0..types {
            let _ = writeln!(text, "{}", self.definition(i));
        }
        for i in 0..1 + self.below(6) {
            let params = (0..self.below(8)).map(|p| format!("p{p}: {}", self.ty(types))).collect::<Vec<_>>().join(", ");
            let result = if self.below(4) > 0 { format!(" -> {}", self.ty(types)) } else { String::new() };
            let _ = writeln!(text, "g{i}: func({params}){result};");
        }
        text.push_str("} world w { import i; export i; }");
        text
    }
}

fn core_type(ty: &WasmType) -> ValType {
    match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
        WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
        WasmType::F32 => ValType::F32,
        WasmType::F64 => ValType::F64,
    }
}

/// An independent implementation of the canonical ABI computes the same sizes, alignments, offsets and core signatures.
#[test]
fn the_layout_is_the_one_that_bindings_are_generated_for() {
    let mut random = Random(7);
    let mut compared = 0;
    for _ in 0..400 {
        let text = random.package();
        let sources = [Source { path: "t.wit", text: &text }];
        // Some are larger than a value may be.
        let Ok(world) = wit(&sources).world() else { continue };
        let parsed = parse(&wit(&sources)).unwrap();
        let resolve = &parsed.resolve;
        let mut sizes = SizeAlign::default();
        sizes.fill(resolve).unwrap();
        let wit_world = &resolve.worlds[parsed.world];
        let theirs = |items: &wit_parser::IndexMap<_, WorldItem>| -> Vec<wit_parser::Function> {
            let interfaces = items.values().filter_map(|item| match item {
                WorldItem::Interface { id, .. } => Some(&resolve.interfaces[*id]),
                _ => None,
            });
            interfaces.flat_map(|interface| interface.functions.values().cloned()).collect()
        };
        for (ours, theirs, direction, variant) in [
            (world.imports(), theirs(&wit_world.imports), Direction::Lower, AbiVariant::GuestImport),
            (world.exports(), theirs(&wit_world.exports), Direction::Lift, AbiVariant::GuestExport),
        ] {
            assert_eq!(ours.len(), theirs.len());
            for (our, their) in ours.iter().zip(&theirs) {
                let (signature, expected) = (world.signature(our, direction), resolve.wasm_signature(variant, their));
                let core = |types: &[WasmType]| types.iter().map(core_type).collect::<Vec<_>>();
                assert_eq!(
                    (&signature.params, &signature.results),
                    (&core(&expected.params), &core(&expected.results)),
                    "{text}"
                );
                assert_eq!(signature.params_by_pointer, expected.indirect_params, "{text}");
                assert_eq!(signature.result_by_pointer, expected.retptr, "{text}");
                let ours: Vec<Type> = our.params.iter().map(|&(_, ty)| ty).chain(our.result).collect();
                let theirs: Vec<wit_parser::Type> =
                    their.params.iter().map(|param| param.ty).chain(their.result).collect();
                let offsets: Vec<usize> =
                    sizes.field_offsets(&theirs).into_iter().map(|(offset, _)| offset.size_wasm32()).collect();
                let found: Vec<usize> =
                    world.types().offsets(ours.iter().copied()).map(|(_, offset)| offset as usize).collect();
                assert_eq!(found, offsets, "{text}");
                for (our, their) in ours.iter().zip(&theirs) {
                    let layout = world.types().layout(*our);
                    let expected = (sizes.size(their).size_wasm32(), sizes.align(their).align_wasm32());
                    assert_eq!((layout.size as usize, layout.align as usize), expected, "{text}");
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 2000, "{compared}");
}

/// `BAILIWICK_BLESS=1` writes it anew.
#[test]
fn what_the_loader_calls_is_what_the_text_says() {
    let world = wit(&[Source { path: "virt.wit", text: builtin::VIRT }]).world().unwrap();
    let encoded = world.encode().unwrap();
    if std::env::var_os("BAILIWICK_BLESS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../runtime-abi/wit/virt.world");
        std::fs::write(path, &encoded).unwrap();
    }
    assert!(encoded == builtin::HOST_WORLD, "BAILIWICK_BLESS=1 cargo test -p bailiwick-compiler, and build again");
    assert_eq!(builtin::host_world().unwrap().imports().len(), world.imports().len());
}

#[test]
fn built_in_packages_are_there_for_everybody() {
    let world = world("package a:b; world w { export bailiwick:virt/clock; }").unwrap();
    assert_eq!(functions(&world)[0], "export bailiwick:virt/clock#now now: func(clock: id) -> result<u64, errno>");
}
