//! What people read, and what is prepared.

use super::generate::Signature;
use super::guests::{Export, Guest, Renumbering, bump};
use super::model::Ty;
use super::{Kind, MAX_PARTS, Pairing, PrepareError, Prepared, Type, Types, World, prepared, run};
use bailiwick_runtime_abi::wit::{Case, Field, Function, Resource};
use std::sync::Arc;

/// Parameters and result.
type Shapes<'a> = (Vec<(&'a str, Type)>, Option<Type>);

fn world(name: &str, types: Types, functions: Vec<Shapes<'_>>) -> Arc<World> {
    let mut world = World::new(name, types).unwrap();
    for (i, (params, result)) in functions.into_iter().enumerate() {
        let params = params.into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect();
        let function = Function { interface: None, name: format!("f{i}"), params, result };
        world.add_import(function.clone()).unwrap();
        world.add_export(function).unwrap();
    }
    Arc::new(world)
}

#[test]
fn a_fault_names_the_value_by_its_path() {
    let mut types = Types::new();
    let name = types.add(None, Kind::Option(Type::String)).unwrap();
    let field = |name: &str, ty| Field { name: name.into(), ty };
    let entry = types.add(None, Kind::Record(vec![field("size", Type::U64), field("name", name)])).unwrap();
    let pair = types.add(None, Kind::Tuple(vec![Type::Bool, entry])).unwrap();
    let outcome = types.add(None, Kind::Result { ok: None, err: Some(pair) }).unwrap();
    let case = |name: &str, ty| Case { name: name.into(), ty };
    let variant = types.add(None, Kind::Variant(vec![case("none-yet", None), case("done", Some(outcome))])).unwrap();
    let zip = types.add(None, Kind::List(variant)).unwrap();
    let world = world("a:b/w", types, vec![(vec![("level", Type::U8), ("zip", zip)], None)]);
    let function = Prepared::new(&world, &world.imports()[0], &world, &world.exports()[0]).unwrap();

    // 48 bytes each: cases at 0 and 8, bool at 16, u64 at 24, option at 32, pointer and length behind it.
    let mut memory = vec![0; 4 * 48];
    let element = &mut memory[3 * 48..];
    (element[0], element[8], element[32]) = (1, 1, 1);
    element[36..40].copy_from_slice(&1000u32.to_le_bytes());
    element[40..44].copy_from_slice(&3u32.to_le_bytes());
    let mut caller = Guest::silent(memory);
    let mut callee = Export::new(Guest::new(vec![0; 1024], bump(8)), |_, _, _| panic!("the callee was entered"));
    let fault = run(&function, &mut caller, &mut callee, &mut Renumbering::default(), &[9, 0, 4], &mut []).unwrap_err();
    assert_eq!(fault.place, "parameter zip[3].done.err.1.name.some");
    assert_eq!(
        fault.to_string(),
        "parameter zip[3].done.err.1.name.some: the caller has a string of 3 bytes at address 1000, beyond its memory of \
         192 bytes"
    );
}

#[test]
fn a_function_of_another_type_is_not_prepared() {
    let caller = world("a:b/one", Types::new(), vec![(vec![("zip", Type::String)], None)]);
    let callee = world("a:b/other", Types::new(), vec![(vec![("zip", Type::U32)], None)]);
    let error = Prepared::new(&caller, &caller.imports()[0], &callee, &callee.exports()[0]).unwrap_err();
    assert_eq!(error.to_string(), "parameter zip: string here, u32 there");
}

#[test]
fn needs_and_signatures_are_those_of_the_two_sides() {
    let function = prepared(&Signature { params: vec![Ty::String], result: Some(Ty::List(Box::new(Ty::Bool))) });
    assert_eq!((function.caller_signature().params.len(), function.caller_signature().results.len()), (3, 0));
    assert_eq!((function.callee_signature().params.len(), function.callee_signature().results.len()), (2, 1));
    assert!(function.caller_needs().realloc && function.callee_needs().realloc);
    let function = prepared(&Signature { params: vec![], result: Some(Ty::String) });
    assert!(function.caller_needs().realloc && function.callee_needs().memory && !function.callee_needs().realloc);
}

#[test]
fn resources_of_one_name_are_told_apart_by_their_place() {
    // A module that imports an interface and exports it too has two resources of that name.
    let types = |defined_here: [bool; 2]| {
        let mut types = Types::new();
        let resource = |here| Resource { interface: "a:b/c".into(), name: "r".into(), defined_here: here };
        let resources = defined_here.map(|here| types.add_resource(resource(here)).unwrap());
        let owns = resources.map(|resource| types.add(None, Kind::Own(resource)).unwrap());
        world("a:b/w", types, vec![(vec![("a", owns[0]), ("b", owns[1]), ("c", owns[0])], None)])
    };
    let (caller, callee) = (types([false, false]), types([false, true]));
    let function = Prepared::new(&caller, &caller.imports()[0], &callee, &callee.exports()[0]).unwrap();
    let handles = &mut Renumbering::default();
    let mut callee = Export::new(Guest::silent(vec![]), |_, _, _| Ok(()));
    run(&function, &mut Guest::silent(vec![]), &mut callee, handles, &[1, 2, 3], &mut []).unwrap();
    let resources = handles.passed.iter().map(|(p, _)| (p.caller.index(), p.callee.index())).collect::<Vec<_>>();
    assert_eq!(resources, [(0, 0), (0, 1), (0, 0)]);
}

#[test]
fn worlds_that_pair_up_too_many_types_are_refused() {
    // Equal types, many times over, in both worlds: each of the one is met with each of the other.
    let copies = 1100;
    let types = || {
        let mut types = Types::new();
        let copies: Vec<_> = (0..copies).map(|_| types.add(None, Kind::List(Type::U8)).unwrap()).collect();
        (types, copies)
    };
    let ((left_types, left), (right_types, right)) = (types(), types());
    let names: Vec<String> = (0..copies).map(|i| format!("p{i}")).collect();
    // Function i of the second has its types turned by i places.
    let functions = |copies: &[Type], turned: usize| {
        let param = |i: usize, p: usize| (names[p].as_str(), copies[(p + i * turned) % copies.len()]);
        (0..copies.len()).map(|i| ((0..1000).map(|p| param(i, p)).collect(), None)).collect()
    };
    let caller = world("a:b/one", left_types, functions(&left, 0));
    let callee = world("a:b/other", right_types, functions(&right, 1));
    let mut pairing = Pairing::new(&caller, &callee);
    let prepared = caller.imports().iter().zip(callee.exports()).map(|(f, g)| pairing.prepare(f, g).map(drop));
    let error = prepared.collect::<Result<Vec<_>, _>>().unwrap_err();
    assert!(matches!(error, PrepareError::Parts { .. }), "{error}");
    assert!(error.to_string().contains(&MAX_PARTS.to_string()));
}
