//! A call ends: by its limits, and when somebody wants it to.

use super::generate::Signature;
use super::guests::{Export, Guest, Renumbering, bump};
use super::model::Ty;
use super::{Call, Fault, FaultKind, Kind, Limits, Offender, Prepared, Side, Stage, Type, Types, World, prepared};
use bailiwick_runtime_abi::wit::{Case, Field, Function, MAX_DEPTH};
use std::cell::Cell;
use std::sync::Arc;

fn list(element: Ty) -> Ty {
    Ty::List(Box::new(element))
}

const MIB: usize = 1 << 20;

fn function(param: Ty) -> Prepared {
    prepared(&Signature { params: vec![param], result: None })
}

/// Passes one list or string, within limits, and counts how often it is asked whether anybody is to end. After
/// `patience` questions, the callee is.
fn pass(ty: Ty, memory: Vec<u8>, params: &[u64], limits: Limits, patience: u32) -> (Result<(), Fault>, u32) {
    let room = 3 * memory.len() + 65_536;
    let mut caller = Guest::silent(memory);
    let mut callee = Export::new(Guest::new(vec![0; room], bump(8)), |_, _, _| Ok(()));
    let asked = Cell::new(0);
    let interrupted = || {
        asked.set(asked.get() + 1);
        (asked.get() > patience).then_some(Side::Callee)
    };
    let call = Call {
        caller: &mut caller,
        callee: &mut callee,
        handles: &mut Renumbering::default(),
        interrupted: &interrupted,
        limits,
    };
    let outcome = call.run(&function(ty), params, &mut []);
    (outcome, asked.get())
}

#[test]
fn somebody_may_end_a_call_in_each_mib_and_in_each_65536_elements() {
    let limits = Limits::default();
    let cases = [
        (Ty::String, vec![b'x'; 16 * MIB], [0, 16 * MIB as u64]),
        (list(Ty::Int(8, false)), vec![b'x'; 16 * MIB], [0, 16 * MIB as u64]),
        (list(Ty::Char), vec![0; 4 * MIB], [0, MIB as u64]),
        (list(Ty::Option(Box::new(Ty::Bool))), vec![0; 2 * MIB], [0, MIB as u64]),
        // Many small strings: 65536 times 256 bytes, all the same ones.
        (list(Ty::String), [[0, 0, 8, 0, 0, 1, 0, 0]; 65_536].concat().repeat(2), [0, 65_536]),
    ];
    for (ty, memory, params) in cases {
        let (outcome, asked) = pass(ty.clone(), memory.clone(), &params, limits, u32::MAX);
        outcome.unwrap();
        assert!((16..40).contains(&asked), "{ty:?}: {asked}");
        let (outcome, asked) = pass(ty, memory, &params, limits, 3);
        let fault = outcome.unwrap_err();
        assert_eq!((fault.offender, fault.stage, asked), (Offender::Callee, Stage::Params, 4));
        assert!(matches!(fault.kind, FaultKind::Interrupted), "{fault}");
    }
}

#[test]
fn bytes_are_limited_for_the_whole_call() {
    let text = |limit| {
        let limits = Limits { bytes: limit, ..Limits::default() };
        pass(Ty::Tuple(vec![Ty::String, Ty::String]), vec![b'x'; 1000], &[0, 600, 0, 1000], limits, u32::MAX).0
    };
    text(1600).unwrap();
    let fault = text(1599).unwrap_err();
    assert_eq!((fault.offender, fault.place.as_str()), (Offender::Caller, "parameter p0.1"));
    assert!(matches!(fault.kind, FaultKind::Limit { unit: "bytes", limit: 1599 }), "{fault}");
}

#[test]
fn elements_are_limited_for_the_whole_call() {
    let characters = |limit| {
        let limits = Limits { elements: limit, ..Limits::default() };
        pass(list(Ty::Char), vec![0; 4000], &[0, 1000], limits, u32::MAX).0
    };
    characters(1000).unwrap();
    let fault = characters(999).unwrap_err();
    assert_eq!((fault.offender, fault.place.as_str()), (Offender::Caller, "parameter p0"));
    assert!(matches!(fault.kind, FaultKind::Limit { unit: "elements", limit: 999 }), "{fault}");
}

#[test]
fn a_result_is_limited_too_and_is_the_callees() {
    let function = prepared(&Signature { params: vec![Ty::String], result: Some(Ty::String) });
    let mut caller = Guest::new(vec![b'x'; 4096], bump(100));
    let mut callee = Export::new(Guest::new(vec![b'y'; 4096], bump(100)), |guest, _, results| {
        guest.memory[8..16].copy_from_slice(&[32, 0, 0, 0, 60, 0, 0, 0]);
        results[0] = 8;
        Ok(())
    });
    let mut call = |bytes| {
        let (handles, limits) = (&mut Renumbering::default(), Limits { bytes, ..Limits::default() });
        Call { caller: &mut caller, callee: &mut callee, handles, interrupted: &|| None, limits }.run(
            &function,
            &[0, 40, 8],
            &mut [],
        )
    };
    // 40 bytes there, 8 and 60 back.
    call(108).unwrap();
    let fault = call(107).unwrap_err();
    assert_eq!((fault.offender, fault.stage), (Offender::Callee, Stage::Result));
}

#[test]
fn a_few_bytes_that_mean_more_than_any_memory_holds_are_ended() {
    // Lists of lists of lists …, all elements of which are the same list: 4096⁸ strings.
    let mut ty = Ty::String;
    let mut memory = Vec::new();
    for level in 0..8u32 {
        let inner = if level == 0 { [0, 1] } else { [(level - 1) * 32_768, 4096] };
        for _ in 0..4096 {
            memory.extend(inner.iter().flat_map(|word| word.to_le_bytes()));
        }
        ty = list(ty);
    }
    let limits = Limits { bytes: 64 << 20, elements: 1 << 20 };
    let (outcome, _) = pass(ty, memory, &[7 * 32_768, 4096], limits, u32::MAX);
    let fault = outcome.unwrap_err();
    assert_eq!(fault.offender, Offender::Caller);
    assert!(matches!(fault.kind, FaultKind::Limit { .. }), "{fault}");
}

/// A world with one function of one parameter, of the deepest type that `wrap` makes of `u32`.
fn deepest(wrap: impl Fn(Type) -> Kind) -> World {
    let mut types = Types::new();
    let mut ty = Type::U32;
    while let Ok(deeper) = types.add(None, wrap(ty)) {
        ty = deeper;
    }
    assert_eq!(types.entries().len(), MAX_DEPTH as usize);
    let mut world = World::new("a:b/w", types).unwrap();
    let function = Function { interface: None, name: "f".into(), params: vec![("p".into(), ty)], result: Some(ty) };
    world.add_import(function.clone()).unwrap();
    world.add_export(function).unwrap();
    world
}

#[test]
fn the_deepest_types_fit_on_a_quarter_of_the_stack_that_a_host_function_has() {
    let record = |ty| Kind::Record(vec![Field { name: "f".into(), ty }]);
    let variant = |ty| Kind::Variant(vec![Case { name: "c".into(), ty: Some(ty) }]);
    // With the discriminant that goes deeper.
    let worlds = [(deepest(Kind::List), 0), (deepest(record), 0), (deepest(variant), 0), (deepest(Kind::Option), 1)];
    for (world, deeper) in worlds {
        let world = Arc::new(world);
        let function = Prepared::new(&world, &world.imports()[0], &world, &world.exports()[0]).unwrap();
        let marshal = move || {
            // The list has one element, itself.
            let mut memory = vec![deeper; 65_536];
            memory[..8].copy_from_slice(&[0, 0, 0, 0, 1, 0, 0, 0]);
            let mut caller = Guest::new(memory.clone(), bump(4096));
            let by_pointer = function.caller_signature().params_by_pointer;
            let place = if by_pointer { 8 } else { 0 };
            let mut callee = Export::new(Guest::new(memory, bump(4096)), move |_, _, results| {
                results.fill(place);
                Ok(())
            });
            let mut params = vec![place; function.caller_signature().params.len()];
            if function.caller_signature().result_by_pointer {
                *params.last_mut().unwrap() = 2048;
            }
            if !by_pointer && params.len() > 1 {
                params[1] = 1;
            }
            let mut results = vec![0; function.caller_signature().results.len()];
            super::run(&function, &mut caller, &mut callee, &mut Renumbering::default(), &params, &mut results)
                .unwrap();
        };
        // Without optimisation, frames are several times as large.
        let size = if cfg!(debug_assertions) { 256 << 10 } else { 64 << 10 };
        std::thread::Builder::new().stack_size(size).spawn(marshal).unwrap().join().unwrap();
    }
}
