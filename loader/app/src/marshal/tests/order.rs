//! What happens in which order, and who is left in which state when it ends early.

use super::generate::Signature;
use super::guests::{Body, Export, Guest, Renumbering, bump, trapped};
use super::model::Ty;
use super::{FaultKind, Offender, Region, Stage, prepared, run};

/// A callee that returns where it has the pointer and length of this text.
fn returns_text(text: &'static [u8]) -> Export {
    let mut memory = vec![0; 64];
    memory[8..16].copy_from_slice(&[32, 0, 0, 0, text.len() as u8, 0, 0, 0]);
    memory[32..32 + text.len()].copy_from_slice(text);
    Export::new(Guest::silent(memory), |_, _, results| {
        results[0] = 0xdead_beef_0000_0008;
        Ok(())
    })
}

fn text() -> Signature {
    Signature { params: vec![], result: Some(Ty::String) }
}

#[test]
fn the_result_goes_where_the_caller_wants_it_and_then_the_callee_cleans_up() {
    let mut caller = Guest::new(vec![0; 64], bump(32));
    let mut callee = returns_text(b"text");
    let handles = &mut Renumbering::default();
    run(&prepared(&text()), &mut caller, &mut callee, handles, &[4], &mut []).unwrap();
    assert_eq!(caller.allocations, [(1, 4, 35)]);
    assert_eq!((&caller.memory[4..12], &caller.memory[35..39]), (&[35, 0, 0, 0, 4, 0, 0, 0][..], &b"text"[..]));
    // With the very bits that it returned.
    assert_eq!(callee.cleaned, [[0xdead_beef_0000_0008]]);
    assert_eq!(handles.ended, 1);
}

#[test]
fn a_callee_that_traps_is_named_and_returns_nothing() {
    let function = prepared(&Signature { params: vec![], result: Some(Ty::Bool) });
    let mut caller = Guest::silent(vec![]);
    let mut callee = Export::new(Guest::silent(vec![]), |_, _, results| {
        results[0] = 1;
        Err(trapped())
    });
    let handles = &mut Renumbering::default();
    let mut results = [77];
    let fault = run(&function, &mut caller, &mut callee, handles, &[], &mut results).unwrap_err();
    assert_eq!((fault.offender, fault.stage, fault.place.as_str()), (Offender::Callee, Stage::Function, ""));
    assert!(matches!(fault.kind, FaultKind::Ended(_)));
    assert!(fault.to_string().starts_with("the callee ended: "), "{fault}");
    assert_eq!((results, handles.ended, callee.cleaned.len()), ([77], 0, 0));
}

#[test]
fn a_callee_with_a_bad_result_is_named_and_not_called_again() {
    let mut caller = Guest::new(vec![9; 64], bump(32));
    let mut callee = returns_text(b"\xff");
    let fault = run(&prepared(&text()), &mut caller, &mut callee, &mut Renumbering::default(), &[4], &mut []);
    let fault = fault.unwrap_err();
    assert_eq!((fault.offender, fault.stage), (Offender::Callee, Stage::Result));
    assert_eq!(fault.to_string(), "the result: the callee has a string that is no UTF-8, from byte 0 on");
    assert!(callee.cleaned.is_empty() && caller.memory == [9; 64]);
}

#[test]
fn a_result_that_is_nowhere_is_the_callees_fault() {
    for (returned, aligned) in [(60, true), (0xffff_fffc, true), (6, false)] {
        let body: Body = Box::new(move |_, _, results| {
            results[0] = returned;
            Ok(())
        });
        let mut caller = Guest::silent(vec![9; 64]);
        let mut callee = Export { body, ..returns_text(b"text") };
        let fault = run(&prepared(&text()), &mut caller, &mut callee, &mut Renumbering::default(), &[4], &mut []);
        let fault = fault.unwrap_err();
        assert_eq!(
            (fault.offender, fault.stage, fault.place.as_str()),
            (Offender::Callee, Stage::Result, "the result")
        );
        match fault.kind {
            FaultKind::OutOfBounds { region: Region::Result, size: 8, memory: 64, .. } => assert!(aligned),
            FaultKind::Misaligned { region: Region::Result, address: 6, align: 4 } => assert!(!aligned),
            kind => panic!("{kind}"),
        }
        assert!(caller.memory == [9; 64]);
    }
}

#[test]
fn a_caller_that_cannot_take_the_result_is_named_and_the_callee_cleans_up_and_goes_on() {
    let lies: [(u32, bool); 3] = [(62, false), (0xffff_ffff, false), (0, true)];
    for (answer, traps) in lies {
        let allocator = move |_: &mut Vec<u8>, _, _| if traps { Err(trapped()) } else { Ok(answer) };
        let mut caller = Guest::new(vec![9; 64], Box::new(allocator));
        let mut callee = returns_text(b"text");
        let fault = run(&prepared(&text()), &mut caller, &mut callee, &mut Renumbering::default(), &[4], &mut []);
        let fault = fault.unwrap_err();
        assert_eq!(
            (fault.offender, fault.stage, fault.place.as_str()),
            (Offender::Caller, Stage::Result, "the result")
        );
        assert_eq!(callee.cleaned.len(), 1);
        assert!(caller.memory == [9; 64]);
    }
}

#[test]
fn a_callee_that_traps_in_post_return_is_named_and_the_result_was_there() {
    let mut caller = Guest::new(vec![0; 64], bump(32));
    let mut callee = Export { post_return_traps: true, ..returns_text(b"text") };
    let fault = run(&prepared(&text()), &mut caller, &mut callee, &mut Renumbering::default(), &[4], &mut []);
    let fault = fault.unwrap_err();
    assert_eq!((fault.offender, fault.stage), (Offender::Callee, Stage::PostReturn));
    assert_eq!(&caller.memory[35..39], b"text");

    // Results that are core values are as the caller left them.
    let function = prepared(&Signature { params: vec![], result: Some(Ty::Bool) });
    let mut results = [77];
    let fault = run(&function, &mut caller, &mut callee, &mut Renumbering::default(), &[], &mut results).unwrap_err();
    assert_eq!((fault.stage, results), (Stage::PostReturn, [77]));

    // A caller that could not take the result stays the one to blame.
    let mut caller = Guest::new(vec![0; 64], Box::new(|_, _, _| Err(trapped())));
    let fault = run(&prepared(&text()), &mut caller, &mut callee, &mut Renumbering::default(), &[4], &mut []);
    assert_eq!(fault.unwrap_err().offender, Offender::Caller);
    assert_eq!(callee.cleaned.len(), 3);
}

#[test]
fn what_was_lent_goes_back_before_the_result_is_carried() {
    // The callee returns as its own what it was lent: by then it does not have it.
    let function = prepared(&Signature { params: vec![Ty::Borrow(0)], result: Some(Ty::Own(0)) });
    let mut caller = Guest::silent(vec![]);
    let mut callee = Export::new(Guest::silent(vec![]), |_, params, results| {
        results[0] = params[0];
        Ok(())
    });
    struct Lending(Vec<&'static str>);
    impl super::Handles for Lending {
        fn pass(&mut self, passing: super::Passing, handle: u32) -> Result<u32, super::HandleError> {
            self.0.push(if passing.way == super::Way::ToCallee { "lent" } else { "returned" });
            Ok(handle)
        }
        fn end_of_call(&mut self) -> Result<(), super::HandleError> {
            self.0.push("over");
            Ok(())
        }
    }
    let mut handles = Lending(vec![]);
    let mut results = [0];
    super::Call {
        caller: &mut caller,
        callee: &mut callee,
        handles: &mut handles,
        interrupted: &|| None,
        limits: super::Limits::default(),
    }
    .run(&function, &[3], &mut results)
    .unwrap();
    assert_eq!(handles.0, ["lent", "over", "returned"]);
}

#[test]
fn empty_lists_and_strings_are_allocated_too() {
    // As the canonical ABI has it: a callee may count on it.
    let function = prepared(&Signature { params: vec![Ty::String, Ty::List(Box::new(Ty::F64))], result: None });
    let mut caller = Guest::silent(vec![]);
    let mut callee = Export::new(Guest::new(vec![0; 64], bump(5)), |_, params, _| {
        assert_eq!(params, [8, 0, 16, 0]);
        Ok(())
    });
    run(&function, &mut caller, &mut callee, &mut Renumbering::default(), &[0, 0, 0, 0], &mut []).unwrap();
    assert_eq!(callee.guest.allocations, [(1, 0, 8), (8, 0, 16)]);
}

#[test]
fn another_number_of_values_is_the_hosts_fault() {
    let function = prepared(&Signature { params: vec![Ty::String], result: Some(Ty::Bool) });
    for (params, results) in [(1, 1), (3, 1), (2, 0), (2, 2)] {
        let mut caller = Guest::silent(vec![]);
        let mut callee = Export::new(Guest::silent(vec![]), |_, _, _| panic!("the callee was entered"));
        let (params, mut results) = (vec![0; params], vec![0; results]);
        let handles = &mut Renumbering::default();
        let fault = run(&function, &mut caller, &mut callee, handles, &params, &mut results).unwrap_err();
        assert_eq!(fault.offender, Offender::Host);
        assert!(matches!(fault.kind, FaultKind::Values { expected_params: 2, expected_results: 1, .. }), "{fault}");
    }
}
