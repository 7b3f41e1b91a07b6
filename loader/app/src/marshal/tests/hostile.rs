//! Guests that pass anything at all: bytes, numbers, addresses, answers of allocators. What the model lifts is carried;
//! what it traps on is a fault of who passed it; and nothing panics.

use super::generate::{self, Signature};
use super::guests::{self, Export, Guest, Renumbering, renumbered};
use super::model::{self, Lifter, Refused, Ty, Value};
use super::random::Random;
use super::{Call, Fault, FaultKind, Limits, Offender, Prepared, Region, Side, Way, prepared};
use std::cell::RefCell;
use std::rc::Rc;

/// Values that the model looks at before it gives up. More of them are in less than a MiB.
const PATIENCE: usize = 3000;
const LIMITS: Limits = Limits { bytes: 1 << 20, elements: 30_000 };

/// Bytes of which some mean something: addresses in the memory, short lengths, small discriminants, text.
fn bytes(random: &mut Random) -> Vec<u8> {
    let size = 8 * (1 + random.below(64));
    let mut bytes = Vec::new();
    while bytes.len() < size {
        bytes.extend(number(random, size).to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

fn number(random: &mut Random, memory: usize) -> u32 {
    match random.below(16) {
        0..=4 => random.below(4) as u32,
        5..=9 => 8 * random.below(memory / 8) as u32,
        10 => random.below(memory + 16) as u32,
        11 => u32::from_le_bytes(*b"text"),
        12 => memory as u32 - random.below(9) as u32,
        13 => u32::MAX - random.below(64) as u32,
        14 => 0,
        _ => random.bits() as u32,
    }
}

fn numbers(random: &mut Random, memory: usize, count: usize) -> Vec<u64> {
    (0..count).map(|_| random.bits() << 32 | u64::from(number(random, memory))).collect()
}

/// Signatures with pointers in what goes this way, and mostly few parameters: of many, one is nearly always bad.
fn signatures(random: &mut Random, way: Way, count: usize) -> Vec<(Signature, Prepared)> {
    let mut signatures = Vec::new();
    while signatures.len() < count {
        let mut signature = generate::signature(random);
        signature.params.truncate(if random.one_in(8) { 12 } else { 1 + random.below(3) });
        let text = if way == Way::ToCallee {
            format!("{:?}", signature.params)
        } else {
            // Only the result is of interest.
            signature.params.clear();
            format!("{:?}", signature.result)
        };
        if text.contains("List") || text.contains("String") {
            signatures.push((signature.clone(), prepared(&signature)));
        }
    }
    signatures
}

fn run(
    function: &Prepared,
    caller: &mut Guest,
    callee: &mut Export,
    params: &[u64],
    results: &mut [u64],
) -> Result<(), Fault> {
    let (handles, interrupted) = (&mut Renumbering::default(), &|| None);
    Call { caller, callee, handles, interrupted, limits: LIMITS }.run(function, params, results)
}

fn passed(values: &[Value], way: Way) -> Vec<Value> {
    values.iter().map(|value| value.map_handles(&mut |handle| renumbered(way, handle))).collect()
}

/// How often what happened.
#[derive(Debug, Default)]
struct Outcomes {
    carried: u32,
    refused: u32,
    too_large: u32,
}

#[test]
fn a_hostile_caller_is_named_exactly_when_the_model_traps() {
    let random = &mut Random::new(11);
    let signatures = signatures(random, Way::ToCallee, 400);
    let mut outcomes = Outcomes::default();
    for round in 0..30_000 {
        let (signature, function) = &signatures[round % signatures.len()];
        let mut caller = Guest::silent(bytes(random));
        let memory = caller.memory.clone();
        let mut params = numbers(random, memory.len(), function.caller_signature().params.len());
        if function.caller_signature().result_by_pointer {
            // Its place is good; what the caller lies about is what it passes. The callee never returns.
            caller.memory.resize(4096, 0);
            *params.last_mut().unwrap() = 8;
        }
        let before = caller.memory.clone();
        let expected = Lifter::new(&before, PATIENCE, false).values(&signature.params, &params, 16);

        let seen = Rc::new(RefCell::new(None));
        let mut callee = Export::new(Guest::new(vec![0; 8192], guests::bump(64)), {
            let (seen, signature) = (Rc::clone(&seen), signature.clone());
            move |guest, params, _| {
                let values = Lifter::new(&guest.memory, usize::MAX, true).values(&signature.params, params, 16);
                seen.replace(Some(values.expect("what arrives is canonical")));
                Err(guests::trapped())
            }
        });
        let mut results = vec![0; function.caller_signature().results.len()];
        let fault = run(function, &mut caller, &mut callee, &params, &mut results).unwrap_err();
        assert!(before == caller.memory, "parameters are only read");
        match expected {
            Ok(values) => {
                assert_eq!(seen.take(), Some(passed(&values, Way::ToCallee)), "round {round}: {fault}");
                assert!(matches!(fault.kind, FaultKind::Ended(_)), "round {round}: {fault}");
                outcomes.carried += 1;
            }
            Err(Refused::TooLarge) => outcomes.too_large += 1,
            Err(why) => {
                assert_eq!((fault.offender, callee.calls), (Offender::Caller, 0), "round {round}: {fault}, {why:?}");
                outcomes.refused += 1;
            }
        }
    }
    assert!(outcomes.carried > 3000 && outcomes.refused > 3000, "{outcomes:?}");
}

#[test]
fn a_hostile_callee_is_named_exactly_when_the_model_traps() {
    let random = &mut Random::new(12);
    let signatures = signatures(random, Way::ToCaller, 400);
    let mut outcomes = Outcomes::default();
    for round in 0..30_000 {
        let (signature, function) = &signatures[round % signatures.len()];
        let tys = [signature.result.clone().unwrap()];
        let memory = bytes(random);
        let returned = numbers(random, memory.len(), 1);
        let expected = Lifter::new(&memory, PATIENCE, false).values(&tys, &returned, 1);

        let before = memory.clone();
        let mut callee = Export::new(Guest::silent(memory), {
            let returned = returned.clone();
            move |_, _, results| {
                results.copy_from_slice(&returned);
                Ok(())
            }
        });
        let area = 512;
        let mut caller = Guest::new(vec![0; 16_384], guests::bump(8192));
        let params = vec![area; function.caller_signature().params.len()];
        let mut results = vec![0; function.caller_signature().results.len()];
        let outcome = run(function, &mut caller, &mut callee, &params, &mut results);
        assert!(before == callee.guest.memory, "a result is only read");
        match expected {
            Ok(values) => {
                outcome.unwrap();
                let flat = if params.is_empty() { &results } else { &params };
                let got = Lifter::new(&caller.memory, usize::MAX, true).values(&tys, flat, 1).unwrap();
                assert_eq!(got, passed(&values, Way::ToCaller), "round {round}");
                assert_eq!(callee.cleaned, [returned], "post-return gets what the callee returned");
                outcomes.carried += 1;
            }
            Err(Refused::TooLarge) => outcomes.too_large += 1,
            Err(why) => {
                let fault = outcome.unwrap_err();
                assert_eq!(fault.offender, Offender::Callee, "round {round}: {fault}, {why:?}");
                assert!(callee.cleaned.is_empty());
                outcomes.refused += 1;
            }
        }
    }
    assert!(outcomes.carried > 3000 && outcomes.refused > 3000, "{outcomes:?}");
}

/// An allocator that mostly tells the truth, and what it has said that was none.
fn unreliable(mut random: Random, lies: Rc<RefCell<Vec<u32>>>) -> guests::Allocator {
    let mut honest = guests::bump(64);
    Box::new(move |memory, align, size| {
        assert!(lies.borrow().is_empty(), "nobody asks a liar twice");
        if random.one_in(50) {
            lies.borrow_mut().push(0);
            return Err(guests::trapped());
        }
        if !random.one_in(2) {
            return honest(memory, align, size);
        }
        let answer = number(&mut random, memory.len());
        if random.one_in(4) {
            // After which a lie may be true.
            memory.resize(memory.len() + 64, 0);
        }
        if !answer.is_multiple_of(align) || u64::from(answer) + u64::from(size) > memory.len() as u64 {
            lies.borrow_mut().push(answer);
        }
        Ok(answer)
    })
}

#[test]
fn an_allocator_that_lies_is_named_and_changes_nothing_but_its_own_memory() {
    let random = &mut Random::new(13);
    let signatures = signatures(random, Way::ToCallee, 400);
    let (mut named, mut believed) = (0, 0);
    for round in 0..30_000 {
        let (signature, function) = &signatures[round % signatures.len()];
        let mut caller = Guest::silent(bytes(random));
        let mut params = numbers(random, caller.memory.len(), function.caller_signature().params.len());
        if function.caller_signature().result_by_pointer {
            caller.memory.resize(4096, 0);
            *params.last_mut().unwrap() = 8;
        }
        let before = caller.memory.clone();
        let expected = Lifter::new(&before, PATIENCE, false).values(&signature.params, &params, 16);
        let lies = Rc::new(RefCell::new(Vec::new()));
        let allocator = unreliable(Random::new(random.bits()), Rc::clone(&lies));
        let mut callee = Export::new(Guest::new(vec![0; 256], allocator), |_, _, _| Err(guests::trapped()));
        let mut results = vec![0; function.caller_signature().results.len()];
        let fault = run(function, &mut caller, &mut callee, &params, &mut results).unwrap_err();
        assert!(before == caller.memory, "parameters are only read");
        if !lies.borrow().is_empty() {
            assert_eq!((fault.offender, callee.calls), (Offender::Callee, 0), "round {round}: {fault}");
            named += 1;
        } else if expected.is_ok() {
            // Overlapping allocations are no lie that concerns anybody else.
            assert_eq!(callee.calls, 1, "round {round}: {fault}");
            believed += 1;
        } else if expected != Err(Refused::TooLarge) {
            assert_eq!(fault.offender, Offender::Caller, "round {round}: {fault}");
        }
    }
    assert!(named > 1000 && believed > 1000, "{named} {believed}");
}

#[test]
fn whatever_a_callback_does_to_the_source_what_arrives_is_a_value() {
    let random = &mut Random::new(14);
    let signatures = signatures(random, Way::ToCallee, 400);
    let (mut carried, mut refused) = (0, 0);
    for round in 0..30_000 {
        let (signature, function) = &signatures[round % signatures.len()];
        let mut caller = Guest::silent(bytes(random));
        let mut params = numbers(random, caller.memory.len(), function.caller_signature().params.len());
        if function.caller_signature().result_by_pointer {
            caller.memory.resize(4096, 0);
            *params.last_mut().unwrap() = 8;
        }
        let signature = signature.clone();
        let mut callee = Export::new(Guest::new(vec![0; 8192], guests::bump(64)), move |guest, params, _| {
            let values = Lifter::new(&guest.memory, usize::MAX, true).values(&signature.params, params, 16);
            values.expect("what arrives is canonical");
            Err(guests::trapped())
        });
        // Each time the callee's allocator runs, the caller gets other bytes here and there, and sometimes more or
        // fewer.
        let mut noise = Random::new(random.bits());
        let change = move |memory: &mut Vec<u8>| {
            for _ in 0..1 + noise.below(8) {
                let at = noise.below(memory.len() / 4) * 4;
                let new = number(&mut noise, memory.len());
                memory[at..at + 4].copy_from_slice(&new.to_le_bytes());
            }
            if noise.one_in(8) {
                memory.resize(memory.len() + 64, 0);
            } else if noise.one_in(8) && memory.len() > 128 {
                // Which no memory of WebAssembly does.
                memory.truncate(memory.len() - 64);
            }
        };
        caller.callback = Some((Rc::clone(&callee.guest.runs), Box::new(change)));
        let mut results = vec![0; function.caller_signature().results.len()];
        let fault = run(function, &mut caller, &mut callee, &params, &mut results).unwrap_err();
        match callee.calls {
            0 => assert_eq!(fault.offender, Offender::Caller, "round {round}: {fault}"),
            _ => carried += u32::from(callee.guest.runs.get() > 1),
        }
        refused += u32::from(callee.calls == 0 && callee.guest.runs.get() > 1);
    }
    assert!(carried > 150 && refused > 250, "{carried} {refused}");
}

#[test]
fn a_result_area_that_is_none_is_refused_before_the_callee_runs() {
    let result = Ty::Tuple(vec![Ty::Int(64, false), Ty::String]);
    let function = prepared(&Signature { params: vec![], result: Some(result.clone()) });
    assert_eq!((model::size(&result), model::align(&result)), (16, 8));
    for (pointer, good) in [(48, true), (0, true), (52, false), (56, false), (64, false), (0xffff_fff8, false)] {
        let mut caller = Guest::new(vec![7; 64], guests::bump(32));
        let mut callee = Export::new(Guest::silent(vec![0; 64]), |_, _, results| {
            results[0] = 8;
            Ok(())
        });
        let outcome = run(&function, &mut caller, &mut callee, &[pointer], &mut []);
        assert_eq!(outcome.is_ok(), good, "{pointer}");
        assert_eq!(callee.calls, u32::from(good));
        let Err(fault) = outcome else { continue };
        assert_eq!((fault.offender, fault.place.as_str()), (Side::Caller.into(), "the result"));
        match (pointer, fault.kind) {
            (52, FaultKind::Misaligned { region: Region::Result, address: 52, align: 8 }) => {}
            (_, FaultKind::OutOfBounds { region: Region::Result, address, size: 16, memory: 64 }) => {
                assert_eq!(address, pointer);
            }
            (_, kind) => panic!("{pointer}: {kind}"),
        }
        assert!(caller.memory == [7; 64]);
    }
}
