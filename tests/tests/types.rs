//! Types of functions across modules: recursion groups that are the same and that are not, subtypes at calls and at links,
//! how errors name them; and damaged types, which lead to an error and to no call of the wrong shape.

use bailiwick_loader::{Artifact, Caller, Error, FormatError, Group, Imports, Instance, LinkError, TrapCode, Val};
use bailiwick_runtime_abi::format::{
    FunctionRecord, HEADER_OFFSET, Header, NONE, Range, Table, TableRecord, TypeRecord,
};
use bailiwick_tests::compile::{artifact, artifact_bytes};
use bailiwick_tests::guest::Guest;
use std::fmt::Write;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Whether a function of type `$t` as one module has it can be imported as of type `$t` of another.
fn links(given: &str, wanted: &str) -> Result<(), LinkError> {
    let mut group = Group::new().unwrap();
    let lib = format!("(module {given} (elem declare func $f) (func $f (export \"f\") (type $t) unreachable))");
    let lib = group.instantiate(&artifact(&lib), &Imports::new()).unwrap_or_else(|e| panic!("{given}: {e}"));
    let mut imports = Imports::new();
    imports.instance("lib", lib);
    let user = format!("(module {wanted} (import \"lib\" \"f\" (func (type $t))))");
    match group.instantiate(&artifact(&user), &imports) {
        Ok(_) => Ok(()),
        Err(Error::Link(error)) => Err(error),
        Err(other) => panic!("{given}\n{wanted}\n{other}"),
    }
}

#[track_caller]
fn same(given: &str, wanted: &str) {
    for (given, wanted) in [(given, wanted), (wanted, given)] {
        links(given, wanted).unwrap_or_else(|e| panic!("{given}\n{wanted}\n{e}"));
    }
}

#[track_caller]
fn different(given: &str, wanted: &str) {
    for (given, wanted) in [(given, wanted), (wanted, given)] {
        let error = links(given, wanted).expect_err(&format!("{given}\n{wanted}"));
        assert!(matches!(error, LinkError::Mismatch { .. }), "{error}");
    }
}

// Identity.

#[test]
fn recursive_types_are_the_same_if_their_groups_are() {
    let list = "(type $t (func (param i32) (result (ref null $t))))";
    same(list, list);
    // Names and places mean nothing.
    same(list, &format!("(type (func)) (type (func (param f64))) {list}"));
    same(list, &format!("(rec {list})"));
    // A type that refers to another that is equal to it.
    different(
        list,
        "(type $a (func (param i32) (result (ref null $a)))) (type $t (func (param i32) (result (ref null $a))))",
    );
    different(list, "(type $t (func (param i32) (result (ref $t))))");
    different(list, "(type $t (func (param i64) (result (ref null $t))))");
    different(list, "(type $t (func (param i32) (result funcref)))");
    let pair = "(rec (type $t (func (param (ref $u)))) (type $u (func (result (ref $t)))))";
    same(pair, pair);
    same(pair, "(type (func)) (rec (type $t (func (param (ref $w)))) (type $w (func (result (ref $t)))))");
    // The second in the place of the first.
    different(pair, "(rec (type $u (func (result (ref $t)))) (type $t (func (param (ref $u)))))");
    // A member more, or one that differs only elsewhere.
    different(pair, "(rec (type $t (func (param (ref $u)))) (type $u (func (result (ref $t)))) (type (func)))");
    different(pair, "(rec (type $t (func (param (ref $u)))) (type $u (func (result (ref null $t)))))");
    different(pair, "(rec (type $t (func (param (ref $u)))) (type $u (sub (func (result (ref $t))))))");
    // Not recursive, but in a group.
    different("(type $t (func))", "(rec (type $t (func)) (type (func)))");
    different("(type $t (func))", "(rec (type (func)) (type $t (func)))");
    same("(type $t (func))", "(rec (type $t (func)))");
}

#[test]
fn types_that_only_others_can_have_values_of_are_compared_too() {
    let of = |fields: &str| format!("(rec (type $s (struct {fields})) (type $t (func (param (ref null $s)))))");
    same(&of("(field i32) (field (mut i64))"), &of("(field i32) (field (mut i64))"));
    for other in
        ["(field i32) (field i64)", "(field i32) (field (mut i32))", "(field i32)", "(field i8) (field (mut i64))"]
    {
        different(&of("(field i32) (field (mut i64))"), &of(other));
    }
    different(&of("(field i8)"), &of("(field i16)"));
    let array = |element: &str| format!("(rec (type $s (array {element})) (type $t (func (param (ref null $s)))))");
    same(&array("(mut i8)"), &array("(mut i8)"));
    different(&array("(mut i8)"), &array("i8"));
    different(&array("i32"), &of("(field i32)"));
}

/// A group of `count` types of which each refers to the next, the last to the first; `last` stands in the middle.
fn ring(count: usize, last: &str) -> String {
    let mut wat = String::from("(rec");
    for i in 0..count {
        let name = if i == 0 { "$t".to_owned() } else { format!("$r{i}") };
        let next = if i + 1 == count { "$t".to_owned() } else { format!("$r{}", i + 1) };
        let field = if i == count / 2 { last } else { "i32" };
        let _ = write!(wat, "(type {name} (func (param {field} (ref null {next}))))");
    }
    wat + ")"
}

#[test]
fn one_field_among_a_thousand_types_makes_a_difference() {
    same(&ring(1000, "i32"), &ring(1000, "i32"));
    different(&ring(1000, "i32"), &ring(1000, "i64"));
    different(&ring(1000, "i32"), &ring(999, "i32"));
}

#[test]
fn a_thousand_groups_on_top_of_each_other_are_the_same_if_the_lowest_are() {
    let tower = |lowest: &str| {
        let mut wat = format!("(type $g0 (func (param {lowest})))");
        for i in 1..1000 {
            let below = i - 1;
            let _ =
                write!(wat, "(rec (type $g{i} (func (param (ref $g{below}) (ref null $h{i})))) (type $h{i} (func)))");
        }
        wat.replace("$g999 ", "$t ")
    };
    same(&tower("i32"), &format!("(type (func (param f32))) {}", tower("i32")));
    different(&tower("i32"), &tower("i64"));
}

// Subtypes.

/// Each type is declared a subtype of the one before.
fn chain(count: usize) -> String {
    let mut wat = String::from("(type $c0 (sub (func (param i32) (result i32))))");
    for i in 1..count {
        let _ = write!(wat, "(type $c{i} (sub $c{} (func (param i32) (result i32))))", i - 1);
    }
    wat
}

#[test]
fn a_call_through_a_table_takes_subtypes_and_nothing_else() {
    const N: usize = 64;
    let mut wat = format!("(module {}", chain(N));
    let names = (0..N).map(|i| format!(" $f{i}")).collect::<String>();
    let _ = write!(
        wat,
        "(rec (type $stranger (sub (func (param i32) (result i32)))) (type (func)))
        (rec (type $sibling (sub $c3 (func (param i32) (result i32)))) (type (func)))
        (type $last (sub final $c5 (func (param i32) (result i32))))
        (table (export \"t\") funcref (elem{names} $s $x))
        (func $s (type $sibling) (i32.const -1)) (func $x (type $stranger) (i32.const -2))
        (func (export \"final\") (param i32) (result i32) (call_indirect (type $last) (i32.const 0) (local.get 0)))"
    );
    for i in 0..N {
        let _ = write!(
            wat,
            "(func $f{i} (type $c{i}) (i32.add (local.get 0) (i32.const {i})))
            (func (export \"as {i}\") (param i32) (result i32)
                (call_indirect (type $c{i}) (i32.const 1000) (local.get 0)))
            (func (export \"in place as {i}\") (param i32) (result i32)
                (return_call_indirect (type $c{i}) (i32.const 1000) (local.get 0)))"
        );
    }
    let mut guest = Guest::new(&(wat + ")"));
    for wanted in [0, 1, 3, 4, 31, 62, 63] {
        for given in 0..N {
            for name in [format!("as {wanted}"), format!("in place as {wanted}")] {
                let argument = [Val::I32(given as i32)];
                if given >= wanted {
                    assert_eq!(
                        guest.call(&name, &argument).unwrap(),
                        [Val::I32(1000 + given as i32)],
                        "{name} {given}"
                    );
                } else {
                    assert_eq!(guest.trap_code(&name, &argument), TrapCode::BadSignature, "{name} {given}");
                }
            }
        }
        // The sibling is below 3, the stranger below none.
        let name = format!("as {wanted}");
        let sibling = guest.call(&name, &[Val::I32(N as i32)]);
        assert_eq!(sibling.is_ok(), wanted <= 3, "{name}");
        assert_eq!(guest.trap_code(&name, &[Val::I32(N as i32 + 1)]), TrapCode::BadSignature);
    }
    assert_eq!(guest.trap_code("final", &[Val::I32(5)]), TrapCode::BadSignature);
}

#[test]
fn an_imported_function_keeps_the_type_that_it_has() {
    let types = "(type $a (sub (func (result i32)))) (type $b (sub $a (func (result i32)))) (type $c (sub $b (func (result i32))))";
    let mut guest = Guest::new(&format!("(module {types} (func (export \"f\") (type $b) (i32.const 17)))"));
    let mut imports = Imports::new();
    imports.instance("lib", guest.instance);
    // Declared by its supertype, and handed on as that; it is of its own type wherever it comes.
    for i in 0..3 {
        let from = if i == 0 { "lib".to_owned() } else { format!("lib {i}") };
        let middle = format!(
            r#"(module {types} (import "{from}" "f" (func $f (type $a))) (export "f" (func $f))
                (table $t (export "table") funcref (elem $f))
                (elem declare func $f)
                (func (export "as a") (result i32) (call_indirect $t (type $a) (i32.const 0)))
                (func (export "as b") (result i32) (call_indirect $t (type $b) (i32.const 0)))
                (func (export "as c") (result i32) (call_indirect $t (type $c) (i32.const 0)))
                (func (export "ref") (result i32) (call_ref $a (ref.func $f))))"#
        );
        let middle = guest.group.instantiate(&artifact(&middle), &imports).unwrap();
        let mut call = |name: &str| {
            let run = middle.func(&mut guest.group, name).unwrap();
            run.call(&mut guest.group, &[]).map_err(|e| e.trap_code())
        };
        for name in ["as a", "as b", "ref", "f"] {
            assert_eq!(call(name), Ok(vec![Val::I32(17)]), "{name}");
        }
        assert_eq!(call("as c"), Err(Some(TrapCode::BadSignature)));
        let user = |ty: &str| format!(r#"(module {types} (import "middle" "f" (func (type {ty}))))"#);
        let mut again = imports.clone();
        again.instance("middle", middle);
        for (ty, fits) in [("$a", true), ("$b", true), ("$c", false)] {
            assert_eq!(guest.group.instantiate(&artifact(&user(ty)), &again).is_ok(), fits, "{ty}");
        }
        imports.instance(&format!("lib {}", i + 1), middle);
    }
    // A module that has no name for the type that the function has.
    let plain = r#"(module (type $a (sub (func (result i32)))) (import "lib" "f" (func $f (type $a))) (export "f" (func $f))
        (table $t (export "t") funcref (elem $f))
        (func (export "run") (result i32) (call_indirect $t (type $a) (i32.const 0))))"#;
    let plain = guest.group.instantiate(&artifact(plain), &imports).unwrap();
    for name in ["run", "f"] {
        let run = plain.func(&mut guest.group, name).unwrap();
        assert_eq!(run.call(&mut guest.group, &[]).unwrap(), [Val::I32(17)], "{name}");
    }
}

#[test]
fn what_is_linked_matches_as_the_specification_says() {
    let mut group = Group::new().unwrap();
    let types = "(type $a (sub (func))) (type $b (sub $a (func))) (type $plain (func))";
    let lib = format!(
        r#"(module {types} (elem declare func $f) (func $f (type $b))
            (func (export "f") (type $b))
            (global (export "g") (ref $b) (ref.func $f)) (global (export "m") (mut (ref null $b)) (ref.null $b))
            (table (export "t") 1 (ref null $b)) (tag (export "e") (type $b)))"#
    );
    let lib = group.instantiate(&artifact(&lib), &Imports::new()).unwrap();
    let mut imports = Imports::new();
    imports.instance("lib", lib);
    for (import, fits) in [
        (r#""f" (func (type $a))"#, true),
        (r#""f" (func (type $b))"#, true),
        (r#""f" (func (type $plain))"#, false),
        (r#""g" (global (ref $b))"#, true),
        (r#""g" (global (ref null $b))"#, true),
        (r#""g" (global (ref $a))"#, true),
        (r#""g" (global funcref)"#, true),
        (r#""g" (global (ref func))"#, true),
        (r#""g" (global externref)"#, false),
        (r#""g" (global (mut (ref $b)))"#, false),
        // What can be written is both given and taken.
        (r#""m" (global (mut (ref null $b)))"#, true),
        (r#""m" (global (mut (ref null $a)))"#, false),
        (r#""m" (global (mut funcref))"#, false),
        (r#""m" (global (ref null $b))"#, false),
        (r#""t" (table 1 (ref null $b))"#, true),
        (r#""t" (table 1 (ref null $a))"#, false),
        (r#""t" (table 1 funcref)"#, false),
        // A tag is thrown by one and caught by another.
        (r#""e" (tag (type $b))"#, true),
        (r#""e" (tag (type $a))"#, false),
    ] {
        let wat = format!(r#"(module {types} (import "lib" {import}))"#);
        match group.instantiate(&artifact(&wat), &imports) {
            Ok(_) => assert!(fits, "{import}"),
            Err(Error::Link(LinkError::Mismatch { .. })) => assert!(!fits, "{import}"),
            Err(other) => panic!("{import}: {other}"),
        }
    }
}

#[test]
fn a_mismatch_names_both_types_so_that_they_can_be_told_apart() {
    let text = |given: &str, wanted: &str| links(given, wanted).unwrap_err().to_string();
    let says = |text: String, wants: &[&str], is: &[&str]| {
        let (left, right) = text.split_once("what was granted is").unwrap();
        assert_ne!(left.rsplit("wants ").next(), Some(right), "{text}");
        for (part, words) in [(left, wants), (right, is)] {
            for word in words {
                assert!(part.contains(word), "{text:?} lacks {word:?}");
            }
        }
    };
    // Open and closed.
    says(text("(type $t (sub (func)))", "(type $t (func))"), &["() -> ()"], &["() -> ()", "open to subtypes"]);
    // With and without a supertype.
    says(
        text("(type $s (sub (func))) (type $t (sub final $s (func)))", "(type $t (func))"),
        &["() -> ()"],
        &["a subtype of type", "which is () -> ()"],
    );
    // Different types of references.
    says(
        text(
            "(type $p (func (param i32))) (type $t (func (result (ref $p))))",
            "(type $p (func (param i64))) (type $t (func (result (ref $p))))",
        ),
        &["is (i64) -> ()"],
        &["is (i32) -> ()"],
    );
    // Groups of different sizes.
    says(text("(rec (type $t (func)) (type (func)))", "(type $t (func))"), &["() -> ()"], &["one of 2"]);
}

#[test]
fn a_host_function_is_of_whichever_type_has_its_parameters_and_results() {
    let mut imports = Imports::new();
    imports.func("host", "f", |_: &mut Caller<'_>, x: i32| Ok(x + 1));
    let mut guest = Guest::with(
        r#"(module (type $a (sub (func (param i32) (result i32)))) (type $b (sub $a (func (param i32) (result i32))))
            (import "host" "f" (func $f (type $b)))
            (table (export "t") funcref (elem $f))
            (func (export "a") (result i32) (call_indirect (type $a) (i32.const 1) (i32.const 0)))
            (func (export "b") (result i32) (call_indirect (type $b) (i32.const 2) (i32.const 0))))"#,
        &imports,
    );
    assert_eq!((guest.i32("a"), guest.i32("b")), (2, 3));
}

// Damage.

fn header(bytes: &[u8]) -> Header {
    Header::read_from_bytes(&bytes[HEADER_OFFSET..][..size_of::<Header>()]).unwrap()
}

/// The artifact with one record changed, and the checksums as a forger would make them.
fn forged<T: FromBytes + IntoBytes + Immutable + KnownLayout>(
    bytes: &[u8],
    table: Table,
    index: usize,
    edit: impl FnOnce(&mut T),
) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut header = header(&bytes);
    let start = header.tables[table as usize].offset as usize + index * size_of::<T>();
    let place = start..start + size_of::<T>();
    let mut record = T::read_from_bytes(&bytes[place.clone()]).unwrap();
    edit(&mut record);
    bytes[place].copy_from_slice(record.as_bytes());
    header.shape_checksum = header.shape_checksum(&bytes);
    header.header_checksum = header.checksum();
    bytes[HEADER_OFFSET..][..size_of::<Header>()].copy_from_slice(header.as_bytes());
    bytes
}

fn instantiated(bytes: &[u8]) -> Result<(Group, Instance), Error> {
    let mut group = Group::new().unwrap();
    let instance = group.instantiate(&Artifact::from_bytes(bytes, "test")?, &Imports::new())?;
    Ok((group, instance))
}

#[track_caller]
fn damaged(result: Result<(Group, Instance), Error>, expected: &str) {
    match result {
        Err(Error::Format(error @ FormatError::Damaged { .. })) => {
            assert!(error.to_string().contains(expected), "{error}");
        }
        other => panic!("expected {expected:?}, got {other:?}"),
    }
}

/// Types 0 to 4, functions `a`, `b`, `c`, and calls by reference.
const CALLS: &str = r#"(module
    (type $a (sub (func (param i32) (result i32))))
    (type $b (sub $a (func (param i32) (result i32))))
    (type $c (sub (func (param i64 i64) (result i32))))
    (type $end (sub final $a (func (param i32) (result i32))))
    (type $takes_a (func (param (ref $a)) (result i32)))
    (type $takes_c (func (param (ref $c)) (result i32)))
    (table $t (export "t") 3 (ref $b) (ref.func $b))
    (elem declare func $a $b $c)
    (func $a (export "a") (type $a) (i32.const 1))
    (func $b (export "b") (type $b) (i32.const 2))
    (func $c (export "c") (type $c) (i32.const 3))
    (func $call_a (export "call_a") (type $takes_a) (call_ref $a (i32.const 0) (local.get 0)))
    (func $call_c (export "call_c") (type $takes_c) (call_ref $c (i64.const 0) (i64.const 0) (local.get 0)))
    (func (export "run") (result i32) (call_ref $a (i32.const 0) (ref.func $a))))"#;

#[test]
fn a_type_that_is_no_subtype_of_what_it_says_is_refused() {
    let bytes = artifact_bytes(CALLS);
    instantiated(&bytes).unwrap();
    let with = |index: usize, supertype: u32| {
        instantiated(&forged(&bytes, Table::Types, index, |ty: &mut TypeRecord| ty.supertype = supertype))
    };
    // Other parameters; itself; one behind it; a final one; none of the module's.
    damaged(with(2, 0), "no subtype of what it says");
    damaged(with(1, 1), "types");
    damaged(with(1, 2), "types");
    damaged(with(4, 3), "no subtype of what it says");
    damaged(with(1, 1000), "types");
    damaged(
        instantiated(&forged(&bytes, Table::Types, 0, |ty: &mut TypeRecord| ty.flags |= 1)),
        "no subtype of what it says",
    );
    // To have no supertype is harmless.
    instantiated(&forged(&bytes, Table::Types, 3, |ty: &mut TypeRecord| ty.supertype = NONE)).unwrap();
}

#[test]
fn a_function_of_another_type_is_not_taken_for_its_own() {
    let bytes = artifact_bytes(CALLS);
    let export = |bytes: &[u8], name: &str| {
        let (mut group, instance) = instantiated(bytes).unwrap();
        instance.func(&mut group, name).map(|_| ()).map_err(|e| e.to_string())
    };
    export(&bytes, "call_a").unwrap();
    // The two differ in nothing but the type of the function that they are given.
    let swapped = forged(&bytes, Table::Functions, 3, |f: &mut FunctionRecord| f.type_index = 5);
    let error = export(&swapped, "call_a").unwrap_err();
    assert!(error.contains("does not lead to code of its kind and type"), "{error}");
    // A record of its own is what tells functions apart.
    let shared = forged(&bytes, Table::Functions, 3, |f: &mut FunctionRecord| f.escape = 0);
    let error = export(&shared, "call_a").unwrap_err();
    assert!(error.contains("no record"), "{error}");
    // Another's code.
    let code = {
        let mut code = 0;
        forged(&bytes, Table::Functions, 4, |f: &mut FunctionRecord| code = f.text_offset);
        code
    };
    let other = forged(&bytes, Table::Functions, 3, |f: &mut FunctionRecord| f.text_offset = code);
    let error = export(&other, "call_a").unwrap_err();
    assert!(error.contains("does not lead to code of its kind and type"), "{error}");
}

#[test]
fn a_table_without_null_must_have_something_to_begin_with() {
    let bytes = artifact_bytes(CALLS);
    let edited = |edit: fn(&mut TableRecord)| instantiated(&forged(&bytes, Table::Tables, 0, edit));
    damaged(edited(|table| table.init = Range::default()), "no initial value");
    damaged(edited(|table| table.init.len = 2), "");
    // Of another type than what it begins with.
    let other = |number: u32| move |table: &mut TableRecord| table.element_type = number;
    let c = {
        use bailiwick_loader::{HeapType, RefType, ValType};
        let heap = HeapType::Concrete(bailiwick_runtime_abi::types::Composite::Func, 2);
        ValType::Ref(RefType { nullable: false, heap }).encode()
    };
    damaged(instantiated(&forged(&bytes, Table::Tables, 0, other(c))), "one value of its type");
}

#[test]
fn types_above_each_other_are_counted() {
    // Types 0 to 63 are as many as there may be; the 64th is put on top of them.
    let wat = format!("(module {} (type $top (sub $c62 (func (param i32) (result i32)))))", chain(64));
    let bytes = artifact_bytes(&wat);
    instantiated(&bytes).unwrap();
    let deeper = forged(&bytes, Table::Types, 64, |ty: &mut TypeRecord| ty.supertype = 63);
    damaged(instantiated(&deeper), "more than 63 supertypes");
}
