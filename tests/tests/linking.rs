//! Links between modules and to the host: what is refused, by name; what instances of a group share.

use bailiwick_loader::{
    Caller, Error, Extern, FormatError, FuncType, Global, Group, GroupConfig, Imports, LinkError, Memory, MemoryType,
    Table, TableType, TrapCode, Val, ValType,
};
use bailiwick_tests::compile::artifact;
use bailiwick_tests::guest::Guest;

fn link_error(wat: &str, imports: &Imports, group: &mut Group) -> LinkError {
    match group.instantiate(&artifact(wat), imports) {
        Err(Error::Link(error)) => error,
        other => panic!("{wat}: expected a link error, got {other:?}"),
    }
}

#[test]
fn what_is_not_granted_is_named() {
    let mut group = Group::new().unwrap();
    for (import, kind, ty) in [
        ("(func (param i32) (result i64))", "function", "(i32) -> (i64)"),
        ("(memory 1 2)", "memory", "1 to 2 pages"),
        ("(table 3 funcref)", "table", "3 funcref"),
        ("(global (mut f32))", "global", "mutable global of type f32"),
    ] {
        let wat = format!(r#"(module (import "world" "thing" {import}))"#);
        let error = link_error(&wat, &Imports::new(), &mut group);
        let text = error.to_string();
        let LinkError::NotGranted { module, name, .. } = error else { panic!("{text}") };
        assert_eq!((&*module, &*name), ("world", "thing"));
        for word in ["\"world\"", "\"thing\"", kind, ty, "not granted"] {
            assert!(text.contains(word), "{text:?} lacks {word:?}");
        }
    }
}

#[test]
fn what_is_granted_with_another_type_is_a_mismatch_that_says_both() {
    let mut group = Group::new().unwrap();
    let mut imports = Imports::new();
    imports.func("host", "f", |_: &mut Caller<'_>, x: i32| Ok(x));
    imports.define("host", "m", Memory::new(&mut group, MemoryType::new(1, Some(2))).unwrap());
    let table = TableType::new(ValType::FUNCREF, 2, None);
    imports.define("host", "t", Table::new(&mut group, table).unwrap());
    imports.define("host", "g", Global::new(&mut group, Val::I32(1), true).unwrap());
    for (name, import, expected, found) in [
        ("f", "(func (param i64) (result i32))", "(i64) -> (i32)", "(i32) -> (i32)"),
        ("f", "(memory 1)", "memory", "function"),
        ("f", "(global i32)", "global", "function"),
        ("m", "(memory 2)", "memory of 2 pages or more", "memory of 1 to 2 pages"),
        ("m", "(memory 1 1)", "memory of 1 to 1 pages", "memory of 1 to 2 pages"),
        ("m", "(func)", "function () -> ()", "memory"),
        ("t", "(table 3 funcref)", "table of 3 funcref", "table of 2 funcref"),
        ("t", "(table 1 externref)", "externref", "funcref"),
        ("t", "(table 1 5 funcref)", "table of 1 to 5 funcref", "table of 2 funcref"),
        ("g", "(global i32)", "constant global of type i32", "mutable global of type i32"),
        ("g", "(global (mut i64))", "mutable global of type i64", "mutable global of type i32"),
    ] {
        let wat = format!(r#"(module (import "host" "{name}" {import}))"#);
        let text = link_error(&wat, &imports, &mut group).to_string();
        assert!(text.contains("incompatible import type") && text.contains(&format!("{name:?}")), "{text}");
        let (wants, is) = text.split_once("what was granted is").unwrap();
        assert!(wants.contains(expected) && is.contains(found), "{text}");
    }
}

#[test]
fn a_link_error_changes_nothing() {
    let mut group = Group::new().unwrap();
    let memory = Memory::new(&mut group, MemoryType::new(1, None)).unwrap();
    let mut imports = Imports::new();
    imports.define("host", "m", memory);
    let wat = r#"(module (import "host" "m" (memory 1)) (import "host" "absent" (func)) (data (i32.const 0) "x"))"#;
    link_error(wat, &imports, &mut group);
    assert_eq!(memory.bytes(&mut group).unwrap()[0], 0);
}

#[test]
fn modules_link_to_each_other_by_name() {
    let mut guest = Guest::new(
        r#"(module
            (memory (export "m") 1)
            (global (export "g") (mut i32) (i32.const 5))
            (table (export "t") 2 funcref)
            (func (export "f") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3))))"#,
    );
    let mut imports = Imports::new();
    imports.instance("lib", guest.instance);
    let second = artifact(
        r#"(module
            (import "lib" "f" (func $f (param i32) (result i32)))
            (import "lib" "m" (memory 1)) (import "lib" "g" (global $g (mut i32))) (import "lib" "t" (table 1 funcref))
            (elem (i32.const 1) $own)
            (data (i32.const 8) "\2a")
            (func $own (result i32) (i32.const 11))
            (func (export "run") (result i32)
                (global.set $g (call $f (global.get $g)))
                (i32.add (global.get $g) (i32.load8_u (i32.const 8)))))"#,
    );
    let second = guest.group.instantiate(&second, &imports).unwrap();
    let run = second.typed_func::<(), i32>(&mut guest.group, "run").unwrap();
    assert_eq!(run.call(&mut guest.group, ()).unwrap(), 15 + 42);
    assert_eq!(guest.instance.global(&mut guest.group, "g").unwrap().get(&mut guest.group).unwrap(), Val::I32(15));
    let table = guest.instance.table(&mut guest.group, "t").unwrap();
    assert_eq!(table.get(&mut guest.group, 0).unwrap(), Val::FuncRef(None));
    let Val::FuncRef(Some(own)) = table.get(&mut guest.group, 1).unwrap() else { panic!() };
    assert_eq!(own.call(&mut guest.group, &[]).unwrap(), [Val::I32(11)]);
}

#[test]
fn equal_types_of_different_modules_are_one_type() {
    let mut guest = Guest::new(
        r#"(module (type $unused (func (param f64))) (type $t (func (param i64) (result i64)))
            (table (export "t") 2 funcref) (elem (i32.const 0) $f $g)
            (func $f (type $t) (i64.add (local.get 0) (i64.const 1)))
            (func $g (param i32) (result i64) (i64.const 0)))"#,
    );
    let mut imports = Imports::new();
    imports.instance("lib", guest.instance);
    let calls = artifact(
        r#"(module (type $t (func (param i64) (result i64))) (import "lib" "t" (table 2 funcref))
            (func (export "run") (param i32) (result i64)
                (call_indirect (type $t) (i64.const 41) (local.get 0))))"#,
    );
    let calls = guest.group.instantiate(&calls, &imports).unwrap();
    let run = calls.typed_func::<i32, i64>(&mut guest.group, "run").unwrap();
    assert_eq!(run.call(&mut guest.group, 0).unwrap(), 42);
    assert_eq!(run.call(&mut guest.group, 1).unwrap_err().trap_code(), Some(TrapCode::BadSignature));
}

#[test]
fn an_instantiation_that_fails_midway_keeps_what_it_wrote_and_the_group() {
    let mut guest = Guest::new(
        r#"(module (memory (export "m") 1) (table (export "t") 4 funcref)
            (func (export "call") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))
            (func (export "peek") (param i32) (result i32) (i32.load8_u (local.get 0))))"#,
    );
    let mut imports = Imports::new();
    imports.instance("lib", guest.instance);
    let shared = r#"(import "lib" "m" (memory 1)) (import "lib" "t" (table 4 funcref))"#;
    for (fields, code) in [
        (r#"(data (i32.const 3) "abc") (data (i32.const 65535) "de")"#, TrapCode::MemoryOutOfBounds),
        (r#"(elem (i32.const 3) $f $f)"#, TrapCode::TableOutOfBounds),
        (r#"(data (i32.const 9) "x") (func $s unreachable) (start $s)"#, TrapCode::Unreachable),
    ] {
        let wat = format!("(module {shared} (func $f (result i32) (i32.const 77)) (elem (i32.const 0) $f) {fields})");
        let error = guest.group.instantiate(&artifact(&wat), &imports).unwrap_err();
        assert_eq!(error.trap_code(), Some(code), "{wat}");
    }
    // The function of an instance that never came to be is called through the table it was put in.
    assert_eq!(guest.call("call", &[Val::I32(0)]).unwrap(), [Val::I32(77)]);
    assert_eq!(guest.trap_code("call", &[Val::I32(3)]), TrapCode::IndirectCallToNull);
    assert_eq!(guest.call("peek", &[Val::I32(3)]).unwrap(), [Val::I32(i32::from(b'a'))]);
    assert_eq!(guest.call("peek", &[Val::I32(9)]).unwrap(), [Val::I32(i32::from(b'x'))]);
    assert_eq!(guest.call("peek", &[Val::I32(65535)]).unwrap(), [Val::I32(0)]);
}

/// Lines of the process's map that are executable parts of artifacts made from bytes.
fn texts() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().filter(|line| line.contains("memfd:bailiwick") && line.contains("r-xp")).count()
}

#[test]
fn instances_of_one_artifact_share_its_text_and_nothing_else() {
    let artifact = artifact(
        r#"(module (memory (export "memory") 1) (global $n (mut i32) (i32.const 0)) (data (i32.const 0) "\07")
            (func (export "next") (result i32)
                (global.set $n (i32.add (global.get $n) (i32.const 1)))
                (i32.store8 (i32.const 0) (i32.add (i32.load8_u (i32.const 0)) (i32.const 1)))
                (i32.add (i32.mul (global.get $n) (i32.const 100)) (i32.load8_u (i32.const 0)))))"#,
    );
    // Tests of this file run at the same time, so the number is compared with what others have, not with 1.
    let run = |group: &mut Group| {
        let instance = group.instantiate(&artifact, &Imports::new()).unwrap();
        let next = instance.typed_func::<(), i32>(group, "next").unwrap();
        assert_eq!(next.call(group, ()).unwrap(), 108);
        assert_eq!(next.call(group, ()).unwrap(), 209);
    };
    let before = texts();
    let mut groups: Vec<Group> = (0..100).map(|_| Group::new().unwrap()).collect();
    groups.iter_mut().for_each(run);
    for _ in 0..20 {
        run(&mut groups[0]);
    }
    assert!(texts() < before + 60, "the text was mapped more than once");
}

#[test]
fn things_of_another_group_are_refused() {
    const WAT: &str = r#"(module (memory (export "m") 1) (table (export "t") 1 funcref)
        (table (export "x") 1 externref) (global (export "g") (mut i32) (i32.const 0))
        (func (export "f") (param i32) (result i32) (local.get 0))
        (func (export "take") (param funcref externref)))"#;
    let mut own = Guest::new(WAT);
    let mut other = Guest::new(WAT);
    let wrong = |result: Result<(), Error>| {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::WrongGroup(_)), "{error}");
        assert!(error.to_string().contains("another group"), "{error}");
    };
    let f = own.instance.func(&mut own.group, "f").unwrap();
    let typed = own.instance.typed_func::<i32, i32>(&mut own.group, "f").unwrap();
    let m = own.instance.memory(&mut own.group, "m").unwrap();
    let t = own.instance.table(&mut own.group, "t").unwrap();
    let g = own.instance.global(&mut own.group, "g").unwrap();
    let x = own.group.extern_ref(5u32).unwrap();
    let theirs = &mut other.group;
    wrong(own.instance.func(theirs, "f").map(|_| ()));
    wrong(f.call(theirs, &[Val::I32(1)]).map(|_| ()));
    wrong(f.ty(theirs).map(|_| ()));
    wrong(typed.call(theirs, 1).map(|_| ()));
    wrong(m.bytes(theirs).map(|_| ()));
    wrong(m.grow(theirs, 0).map(|_| ()));
    wrong(t.get(theirs, 0).map(|_| ()));
    wrong(g.get(theirs).map(|_| ()));
    wrong(g.set(theirs, Val::I32(1)));
    let their_t = other.instance.table(theirs, "t").unwrap();
    wrong(their_t.set(theirs, 0, Val::FuncRef(Some(f))));
    let their_x = other.instance.table(theirs, "x").unwrap();
    wrong(their_x.set(theirs, 0, Val::ExternRef(Some(x))));
    let take = other.instance.func(theirs, "take").unwrap();
    wrong(take.call(theirs, &[Val::FuncRef(Some(f)), Val::ExternRef(None)]).map(|_| ()));
    wrong(take.call(theirs, &[Val::FuncRef(None), Val::ExternRef(Some(x))]).map(|_| ()));
    wrong(Global::new(theirs, Val::FuncRef(Some(f)), false).map(|_| ()));
    assert!(theirs.extern_value(x).is_none());
    // As imports, too, one by one and as an instance.
    let items: [(Extern, &str); 4] = [
        (f.into(), "(func (param i32) (result i32))"),
        (m.into(), "(memory 1)"),
        (t.into(), "(table 1 funcref)"),
        (g.into(), "(global (mut i32))"),
    ];
    for (item, import) in items {
        let mut imports = Imports::new();
        imports.define("a", "b", item);
        let artifact = artifact(&format!(r#"(module (import "a" "b" {import}))"#));
        wrong(other.group.instantiate(&artifact, &imports).map(|_| ()));
    }
    let mut imports = Imports::new();
    imports.instance("a", own.instance);
    let artifact = artifact(r#"(module (import "a" "f" (func (param i32) (result i32))))"#);
    wrong(other.group.instantiate(&artifact, &imports).map(|_| ()));
}

#[test]
fn host_values_come_back_as_they_were() {
    let mut guest = Guest::new(
        r#"(module (table $t (export "t") 2 externref)
            (func (export "keep") (param externref) (table.set $t (i32.const 1) (local.get 0)))
            (func (export "give") (result externref) (table.get $t (i32.const 1))))"#,
    );
    let value = guest.group.extern_ref(String::from("mine")).unwrap();
    guest.call("keep", &[Val::ExternRef(Some(value))]).unwrap();
    let found = guest.call("give", &[]).unwrap();
    assert_eq!(found, [Val::ExternRef(Some(value))]);
    let value = guest.group.extern_value(value).unwrap();
    assert_eq!(value.downcast_ref::<String>().unwrap(), "mine");
}

#[test]
fn limits_of_a_group_are_errors_that_name_them() {
    let mut config = GroupConfig::default();
    (config.max_memory, config.max_table_elements, config.max_instances, config.max_extern_refs) = (2 << 16, 5, 2, 1);
    let mut group = Group::with_config(config).unwrap();
    let refused = |group: &mut Group, wat: &str, expected: u64| match group.instantiate(&artifact(wat), &Imports::new())
    {
        Err(Error::Limit { limit, .. }) => assert_eq!(limit, expected, "{wat}"),
        other => panic!("{wat}: {other:?}"),
    };
    refused(&mut group, "(module (memory 3))", 2 << 16);
    refused(&mut group, "(module (table (export \"t\") 6 funcref))", 5);
    assert!(group.extern_ref(1).is_ok());
    assert!(matches!(group.extern_ref(2), Err(Error::Limit { limit: 1, .. })));

    let mut config = GroupConfig::default();
    config.max_instances = 2;
    let mut group = Group::with_config(config).unwrap();
    let empty = artifact("(module)");
    group.instantiate(&empty, &Imports::new()).unwrap();
    group.instantiate(&empty, &Imports::new()).unwrap();
    assert!(matches!(group.instantiate(&empty, &Imports::new()), Err(Error::Limit { limit: 2, .. })));
}

#[test]
fn a_host_function_type_is_compared_in_full() {
    let mut group = Group::new().unwrap();
    for (params, results) in
        [(vec![], vec![ValType::I32]), (vec![ValType::I32], vec![]), (vec![ValType::F64], vec![ValType::I32])]
    {
        let mut imports = Imports::new();
        imports.func_untyped("h", "f", FuncType::new(params, results), |_, _| Ok(vec![]));
        let wat = r#"(module (import "h" "f" (func (param f32) (result i32))))"#;
        assert!(matches!(link_error(wat, &imports, &mut group), LinkError::Mismatch { .. }));
    }
}

#[test]
fn format_errors_can_be_told_from_others() {
    // What embedders match on.
    let error = bailiwick_loader::Artifact::from_bytes(b"", "none").unwrap_err();
    assert!(matches!(error, Error::Format(FormatError::NotAnArtifact(_))), "{error}");
}
