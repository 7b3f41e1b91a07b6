//! What the callee sees is what the caller passed, and the other way round.

use super::generate::{self, RESOURCES, Signature};
use super::guests::{Export, Guest, Renumbering, renumbered};
use super::model::{self, Core, Lifter, Lowerer, Ty, Value};
use super::random::Random;
use super::{Ownership, Way, prepared, run};
use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

const PATIENCE: usize = usize::MAX;

/// Lowers values into a guest's memory, noise and all.
pub fn lower(guest: &mut Guest, noise: &mut Random, tys: &[Ty], values: &[Value], most: usize) -> Vec<u64> {
    // Room is made first, so that the memory does not move while it is written.
    let mut next = guest.memory.len();
    guest.memory.resize(next + (1 << 16), 0);
    noise.fill(&mut guest.memory[next..]);
    let end = guest.memory.len();
    let mut allocate = |align: u32, size: u32| {
        let at = next.next_multiple_of(align as usize);
        next = at + size as usize;
        assert!(next <= end, "the test's values are too large");
        at as u32
    };
    Lowerer { memory: &mut guest.memory, allocate: &mut allocate, noise }.values(tys, values, most)
}

/// The handles of a value in the order in which they cross, by the type.
fn handles(ty: &Ty, value: &Value, found: &mut Vec<(Ownership, usize, u32)>) {
    match (ty, value) {
        (Ty::Own(resource), Value::Handle(handle)) => found.push((Ownership::Own, *resource, *handle)),
        (Ty::Borrow(resource), Value::Handle(handle)) => found.push((Ownership::Borrow, *resource, *handle)),
        (Ty::List(element), Value::List(values)) => values.iter().for_each(|value| handles(element, value, found)),
        (Ty::Record(tys) | Ty::Tuple(tys), Value::Fields(values)) => {
            tys.iter().zip(values).for_each(|(ty, value)| handles(ty, value, found));
        }
        (Ty::Variant(cases), Value::Case(i, Some(payload))) => handles(cases[*i].as_ref().unwrap(), payload, found),
        (Ty::Option(some), Value::Case(_, Some(payload))) => handles(some, payload, found),
        (Ty::Result(ok, _), Value::Case(0, Some(payload))) => handles(ok.as_ref().unwrap(), payload, found),
        (Ty::Result(_, err), Value::Case(_, Some(payload))) => handles(err.as_ref().unwrap(), payload, found),
        _ => {}
    }
}

/// Every byte that differs is one of those that a value has.
fn only_values_changed(before: &[u8], after: &[u8], values: &[Range<usize>]) {
    let mut may = vec![false; after.len()];
    values.iter().for_each(|range| may[range.clone()].fill(true));
    for (i, &byte) in before.iter().enumerate() {
        assert!(byte == after[i] || may[i], "byte {i} is no part of a value, and was written");
    }
}

fn check(signature: &Signature, seed: u64) {
    let function = prepared(signature);
    let random = &mut Random::new(seed);
    let values: Vec<Value> = signature.params.iter().map(|ty| generate::value(random, ty)).collect();
    let result = signature.result.as_ref().map(|ty| generate::value(random, ty));
    let result_ty: Vec<Ty> = signature.result.iter().cloned().collect();

    let mut caller = Guest::honest(4096, random);
    let mut params = lower(&mut caller, random, &signature.params, &values, 16);
    let result_by_pointer = result_ty.iter().any(|ty| model::flatten(ty).len() > 1);
    if result_by_pointer {
        let tuple = Ty::Tuple(result_ty.clone());
        let at = caller.allocator.as_mut()(&mut caller.memory, model::align(&tuple) as u32, model::size(&tuple) as u32);
        params.push(random.bits() << 32 | u64::from(at.unwrap()));
    }
    let caller_before = caller.memory.clone();

    // The callee lifts what it got by itself, strictly, and returns a value of its own making.
    let seen = Rc::new(RefCell::new(Vec::new()));
    let after_call = Rc::new(RefCell::new(Vec::new()));
    let callee = Guest::honest(4096, random);
    let callee_before = callee.memory.clone();
    let mut callee = Export::new(callee, {
        let (signature, result, result_ty) = (signature.clone(), result.clone(), result_ty.clone());
        let (seen, after_call, mut noise) = (Rc::clone(&seen), Rc::clone(&after_call), Random::new(seed + 1));
        move |guest, params, results| {
            let mut lifter = Lifter::new(&guest.memory, PATIENCE, true);
            let values = lifter.values(&signature.params, params, 16).expect("the callee gets canonical values");
            only_values_changed(&callee_before, &guest.memory, &lifter.read);
            seen.replace(values);
            if let Some(result) = &result {
                let flat = lower(guest, &mut noise, &result_ty, std::slice::from_ref(result), 1);
                results.copy_from_slice(&flat);
            }
            after_call.replace(guest.memory.clone());
            Ok(())
        }
    });

    let renumbering = &mut Renumbering::default();
    let mut results = vec![u64::MAX; function.caller_signature().results.len()];
    run(&function, &mut caller, &mut callee, renumbering, &params, &mut results).unwrap();

    let to_callee = &mut |handle| renumbered(Way::ToCallee, handle);
    let expected: Vec<Value> = values.iter().map(|value| value.map_handles(to_callee)).collect();
    assert_eq!(*seen.borrow(), expected, "seed {seed}: {signature:?}");
    assert!(*after_call.borrow() == callee.guest.memory, "a result is only read");

    let flat = if result_by_pointer { vec![params.last().unwrap() & 0xffff_ffff] } else { results };
    let mut lifter = Lifter::new(&caller.memory, PATIENCE, true);
    let got = match result_ty.is_empty() {
        true => Vec::new(),
        false => lifter.values(&result_ty, &flat, 1).expect("the caller gets a canonical value"),
    };
    only_values_changed(&caller_before, &caller.memory, &lifter.read);
    let to_caller = &mut |handle| renumbered(Way::ToCaller, handle);
    let expected: Vec<Value> = result.iter().map(|value| value.map_handles(to_caller)).collect();
    assert_eq!(got, expected, "seed {seed}: {signature:?}");
    assert_eq!((callee.calls, callee.cleaned.len(), renumbering.ended), (1, 1, 1));

    // Handles cross in the order of the values, each with its resource as either world numbers it.
    let mut crossed = Vec::new();
    for (i, (ty, value)) in signature.params.iter().zip(&values).enumerate() {
        let mut found = Vec::new();
        handles(ty, value, &mut found);
        crossed.extend(found.into_iter().map(|found| (Way::ToCallee, Some(i as u32), found)));
    }
    let mut found = Vec::new();
    result_ty.iter().zip(&result).for_each(|(ty, value)| handles(ty, value, &mut found));
    crossed.extend(found.into_iter().map(|found| (Way::ToCaller, None, found)));
    assert_eq!(renumbering.passed.len(), crossed.len());
    for ((passing, passed), (way, parameter, (ownership, resource, handle))) in renumbering.passed.iter().zip(crossed) {
        assert_eq!((passing.way, passing.parameter, passing.ownership), (way, parameter, ownership));
        // The callee's world has them in the reverse order.
        assert_eq!((passing.caller.index(), passing.callee.index()), (resource, RESOURCES - 1 - resource));
        assert_eq!(*passed, handle);
    }
}

#[test]
fn random_values_of_random_types_arrive_as_they_were_sent_and_nothing_else_does() {
    let random = &mut Random::new(5);
    let (mut by_pointer, mut results_by_pointer, mut with_handles) = (0, 0, 0);
    for seed in 0..3000 {
        let signature = generate::signature(random);
        let flat: Vec<Core> = signature.params.iter().flat_map(model::flatten).collect();
        by_pointer += u32::from(flat.len() > 16);
        results_by_pointer += u32::from(signature.result.as_ref().is_some_and(|ty| model::flatten(ty).len() > 1));
        with_handles += u32::from(format!("{signature:?}").contains("Own"));
        check(&signature, seed);
    }
    // The ways are all taken.
    assert!(
        by_pointer.min(results_by_pointer).min(with_handles) > 500,
        "{by_pointer} {results_by_pointer} {with_handles}"
    );
}

#[test]
fn every_kind_arrives_alone_flat_and_in_a_memory() {
    let int = |bits, signed| Ty::Int(bits, signed);
    let mut kinds = vec![Ty::Bool, Ty::F32, Ty::F64, Ty::Char, Ty::String, Ty::Own(1), Ty::Borrow(2)];
    kinds.extend([8, 16, 32, 64].into_iter().flat_map(|bits| [int(bits, false), int(bits, true)]));
    kinds.extend([1, 7, 8, 9, 16, 17, 31, 32].map(Ty::Flags));
    kinds.extend([1, 2, 255, 256, 257, 65_536, 65_537].map(Ty::Enum));
    kinds.push(Ty::Variant(vec![None, Some(Ty::F32), Some(int(64, true)), Some(Ty::String)]));
    kinds.push(Ty::Variant(vec![Some(int(64, true)); 257]));
    kinds.push(Ty::Option(Box::new(int(64, false))));
    kinds.push(Ty::Result(None, Some(Box::new(Ty::Enum(3)))));
    kinds.push(Ty::Record(vec![int(8, false), int(64, false), int(8, true)]));
    for (seed, kind) in kinds.iter().enumerate() {
        let list = Ty::List(Box::new(kind.clone()));
        let many = Ty::Tuple(vec![kind.clone(); 17]);
        for ty in [kind, &list, &many, &Ty::Option(Box::new(list.clone()))] {
            let result = (!format!("{kind:?}").contains("Borrow")).then(|| ty.clone());
            check(&Signature { params: vec![ty.clone()], result }, seed as u64);
        }
    }
}

#[test]
fn a_function_without_parameters_or_result_is_called() {
    check(&Signature { params: vec![], result: None }, 0);
}

#[test]
fn bits_of_floats_are_kept() {
    // CanonicalABI.md, "Storing": a host may choose the original value of a NaN.
    let signature = Signature { params: vec![Ty::F32, Ty::F64], result: Some(Ty::F32) };
    let function = prepared(&signature);
    let nan = 0x7fa0_1234;
    let mut caller = Guest::silent(vec![]);
    let mut callee = Export::new(Guest::silent(vec![]), move |_, params, results| {
        assert_eq!(params, [nan, 0xfff4_0000_dead_beef]);
        results[0] = nan;
        Ok(())
    });
    let mut results = [0];
    let params = [0xffff_ffff_0000_0000 | nan, 0xfff4_0000_dead_beef];
    run(&function, &mut caller, &mut callee, &mut Renumbering::default(), &params, &mut results).unwrap();
    assert_eq!(results, [nan]);
}
