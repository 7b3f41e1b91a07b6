//! Each lie by itself: who is named, where, for what, and what it has changed.

use super::generate::Signature;
use super::guests::{self, Export, Guest, Renumbering, bump, trapped};
use super::model::{Ty, flatten};
use super::{Fault, FaultKind, MAX_CONTENT_SIZE, Offender, Region, Side, Stage, prepared, run};
use std::rc::Rc;

fn list(element: Ty) -> Ty {
    Ty::List(Box::new(element))
}

const U8: Ty = Ty::Int(8, false);
const U32: Ty = Ty::Int(32, false);

/// Passes one parameter of type `ty`, as these core values, out of this memory, to a callee with this allocator,
/// which must not be entered. Returns the fault and the callee's memory, which had 64 bytes `0xcc`.
fn refused(ty: Ty, memory: &[u8], params: &[u64], allocator: guests::Allocator) -> (Fault, Vec<u8>) {
    let function = prepared(&Signature { params: vec![ty], result: None });
    let mut caller = Guest::silent(memory.to_vec());
    let mut callee = Export::new(Guest::new(vec![0xcc; 64], allocator), |_, _, _| panic!("the callee was entered"));
    let fault = run(&function, &mut caller, &mut callee, &mut Renumbering::default(), params, &mut []).unwrap_err();
    assert!(caller.memory == memory, "parameters are only read");
    assert_eq!(fault.stage, Stage::Params);
    (fault, callee.guest.memory)
}

/// The same, with an allocator that must not be called.
fn refused_unasked(ty: Ty, memory: &[u8], params: &[u64]) -> FaultKind {
    let never = Box::new(|_: &mut Vec<u8>, _, _| panic!("the callee was asked for memory"));
    let (fault, _) = refused(ty, memory, params, never);
    assert_eq!((fault.offender, fault.place.as_str()), (Offender::Caller, "parameter p0"));
    fault.kind
}

/// The same, for a string of 8 bytes and an allocator that lies.
fn answered(allocator: guests::Allocator) -> FaultKind {
    let (fault, memory) = refused(Ty::String, b"text and more", &[0, 8], allocator);
    assert_eq!((fault.offender, fault.place.as_str()), (Offender::Callee, "parameter p0"));
    assert!(memory.iter().all(|&byte| byte == 0xcc), "nothing is written where nothing was given");
    fault.kind
}

fn answer(answer: u32) -> guests::Allocator {
    Box::new(move |_, _, _| Ok(answer))
}

#[test]
fn an_allocation_beyond_the_memory_is_refused() {
    for address in [57, 64, 0xffff_fff8, 0xffff_ffff] {
        let kind = answered(answer(address));
        let expected = u64::from(address);
        let FaultKind::OutOfBounds { region: Region::Allocation, address, size: 8, memory: 64 } = kind else {
            panic!("{kind}");
        };
        assert_eq!(address, expected);
    }
}

#[test]
fn a_misaligned_allocation_is_refused() {
    let memory = 7u32.to_le_bytes();
    let (fault, _) = refused(list(U32), &memory, &[0, 1], answer(6));
    assert_eq!(fault.offender, Offender::Callee);
    assert!(
        matches!(fault.kind, FaultKind::Misaligned { region: Region::Allocation, address: 6, align: 4 }),
        "{fault}"
    );
}

#[test]
fn an_allocator_that_traps_or_is_ended_in_a_loop_is_named() {
    let kind = answered(Box::new(|_, _, _| Err(trapped())));
    assert!(matches!(kind, FaultKind::Ended(_)), "{kind}");
}

#[test]
fn an_allocation_is_checked_against_the_memory_after_the_allocator_ran() {
    let function = prepared(&Signature { params: vec![Ty::String], result: None });
    // It grows its memory, and answers with what is new.
    let grows = |memory: &mut Vec<u8>, _, _| {
        memory.resize(128, 0);
        Ok(100)
    };
    let mut caller = Guest::silent(b"text".to_vec());
    let mut callee = Export::new(Guest::new(vec![0; 64], Box::new(grows)), |guest, params, _| {
        assert_eq!((params, &guest.memory[100..104]), (&[100, 4][..], &b"text"[..]));
        Ok(())
    });
    run(&function, &mut caller, &mut callee, &mut Renumbering::default(), &[0, 4], &mut []).unwrap();
    // It answers with what would be there, had it grown.
    assert!(matches!(answered(answer(100)), FaultKind::OutOfBounds { memory: 64, .. }));
}

#[test]
fn address_zero_and_the_last_byte_are_places_like_any_other() {
    let function = prepared(&Signature { params: vec![Ty::String], result: None });
    for address in [0, 60] {
        let mut caller = Guest::silent(b"text".to_vec());
        let mut callee = Export::new(Guest::new(vec![0; 64], answer(address)), move |guest, _, _| {
            let at = address as usize;
            assert_eq!(&guest.memory[at..at + 4], b"text");
            Ok(())
        });
        run(&function, &mut caller, &mut callee, &mut Renumbering::default(), &[0, 4], &mut []).unwrap();
    }
}

#[test]
fn overlapping_allocations_garble_their_own_memory_and_nobody_elses() {
    let function = prepared(&Signature { params: vec![list(Ty::String), Ty::String], result: None });
    let mut memory = vec![0; 64];
    for (i, word) in [32, 4, 36, 4].into_iter().enumerate() {
        memory[4 * i..4 * i + 4].copy_from_slice(&u32::to_le_bytes(word));
    }
    memory[32..40].copy_from_slice(b"somemore");
    let before = memory.clone();
    let mut caller = Guest::silent(memory);
    // Every answer is the same place: the list's own elements are written over while they are written.
    let mut callee = Export::new(Guest::new(vec![0; 64], answer(16)), |_, params, _| {
        assert_eq!(params, [16, 2, 16, 8]);
        Ok(())
    });
    run(&function, &mut caller, &mut callee, &mut Renumbering::default(), &[0, 2, 32, 8], &mut []).unwrap();
    assert_eq!(callee.guest.allocations, [(4, 16, 16), (1, 4, 16), (1, 4, 16), (1, 8, 16)]);
    assert!(caller.memory == before);
    assert!(callee.guest.memory[..16] == [0; 16] && callee.guest.memory[32..] == [0; 32]);
}

#[test]
fn addresses_and_lengths_do_not_wrap() {
    let memory = [0; 64];
    for (pointer, length) in [(0u64, 65u64), (64, 1), (0xffff_ffff, 1), (0xffff_fff0, 0x20), (1, 64)] {
        let kind = refused_unasked(Ty::String, &memory, &[pointer, length]);
        let FaultKind::OutOfBounds { region: Region::String, address, size, memory: 64 } = kind else {
            panic!("{kind}")
        };
        assert_eq!((address, size), (pointer, length));
    }
    // 2³⁰ elements of 4 bytes, 2²⁹ of 8, which are none in 32 bits.
    for (element, length) in [(U32, 1 << 30), (Ty::Int(64, true), 1 << 29)] {
        let kind = refused_unasked(list(element), &memory, &[0, length]);
        assert!(matches!(kind, FaultKind::TooLong { region: Region::List, size: 0x1_0000_0000 }), "{kind}");
    }
}

#[test]
fn strings_and_lists_have_the_most_bytes_that_the_abi_allows() {
    let most = MAX_CONTENT_SIZE;
    for (ty, region) in [(Ty::String, Region::String), (list(U8), Region::List)] {
        let kind = refused_unasked(ty.clone(), &[0; 64], &[0, most]);
        assert!(matches!(kind, FaultKind::OutOfBounds { size, .. } if size == most), "{kind}");
        let kind = refused_unasked(ty, &[0; 64], &[0, most + 1]);
        assert!(matches!(kind, FaultKind::TooLong { region: r, size } if (r, size) == (region, most + 1)), "{kind}");
    }
}

#[test]
fn elements_are_aligned_even_if_there_are_none() {
    for length in [0, 1] {
        let kind = refused_unasked(list(U32), &[0; 64], &[2, length]);
        assert!(matches!(kind, FaultKind::Misaligned { region: Region::List, address: 2, align: 4 }), "{kind}");
    }
    let kind = refused_unasked(list(U32), &[0; 64], &[68, 0]);
    assert!(matches!(kind, FaultKind::OutOfBounds { address: 68, size: 0, .. }), "{kind}");
}

#[test]
fn parameters_by_pointer_are_within_the_memory_and_aligned() {
    let tuple = || Ty::Tuple(vec![Ty::Int(64, false); 17]);
    let memory = [0; 200];
    let function = prepared(&Signature { params: vec![tuple()], result: None });
    assert!(function.caller_signature().params_by_pointer);
    let fault = |pointer| refused(tuple(), &memory, &[pointer], answer(0)).0;
    for pointer in [72, 200, 0xffff_fff8] {
        let fault = fault(pointer);
        assert_eq!((fault.offender, fault.place.as_str()), (Offender::Caller, ""));
        assert!(matches!(fault.kind, FaultKind::OutOfBounds { region: Region::Params, size: 136, .. }), "{fault}");
    }
    assert!(matches!(fault(4).kind, FaultKind::Misaligned { region: Region::Params, address: 4, align: 8 }));
    // The callee's 64 bytes do not hold them.
    let fault = fault(0);
    assert_eq!(fault.offender, Offender::Callee);
    assert!(matches!(fault.kind, FaultKind::OutOfBounds { region: Region::Allocation, size: 136, .. }), "{fault}");
}

#[test]
fn text_that_is_no_utf_8_does_not_arrive() {
    for (text, offset) in [
        (&b"\xff"[..], 0),
        (b"good\xc0\xaf", 4),
        (b"surrogate \xed\xa0\x80", 10),
        (b"cut off \xe2\x82", 8),
        (b"too large \xf4\x90\x80\x80", 10),
    ] {
        let (fault, memory) = refused(Ty::String, text, &[0, text.len() as u64], bump(0));
        assert_eq!(fault.offender, Offender::Caller);
        assert!(matches!(fault.kind, FaultKind::NotUtf8 { offset: o } if o == offset), "{fault}");
        assert!(memory.iter().all(|&byte| byte == 0xcc));
    }
}

#[test]
fn text_is_checked_across_the_pieces_in_which_it_is_copied() {
    const PIECE: usize = 1 << 20;
    let function = prepared(&Signature { params: vec![Ty::String], result: None });
    // A character of four bytes that begins 0 to 4 bytes before the end of the first piece.
    for before in 0..5 {
        let mut text = "x".repeat(PIECE - before).into_bytes();
        text.extend("🦀".bytes());
        text.extend("y".repeat(2 * PIECE).bytes());
        let good = text.clone();
        let mut callee = Export::new(Guest::new(vec![0; 4 * PIECE], answer(5)), move |guest, params, _| {
            assert_eq!(params, [5, good.len() as u64]);
            assert!(guest.memory[5..5 + good.len()] == good);
            Ok(())
        });
        let mut caller = Guest::silent(text.clone());
        let params = [0, text.len() as u64];
        run(&function, &mut caller, &mut callee, &mut Renumbering::default(), &params, &mut []).unwrap();
        // Its last byte is damaged.
        text[PIECE - before + 3] = b'!';
        let (fault, _) = refused(Ty::String, &text, &params, bump(0));
        let offset = (PIECE - before) as u64;
        assert!(matches!(fault.kind, FaultKind::NotUtf8 { offset: o } if o == offset), "{before}: {fault}");
    }
}

#[test]
fn characters_and_cases_are_such() {
    for bad in [0xd800, 0xdfff, 0x11_0000, 0xffff_ffff] {
        let kind = refused_unasked(Ty::Char, &[], &[bad]);
        assert!(matches!(kind, FaultKind::NotChar(c) if u64::from(c) == bad), "{kind}");
    }
    let variant = Ty::Variant(vec![None, Some(Ty::String)]);
    for (ty, cases) in
        [(Ty::Enum(3), 3), (variant, 2), (Ty::Option(Box::new(Ty::Bool)), 2), (Ty::Result(None, None), 2)]
    {
        // A core value's upper bits count, though the discriminant would be one byte in a memory.
        for bad in [cases, 0x100, 0xffff_ffff] {
            let flat = flatten(&ty).len();
            let mut params = vec![0; flat];
            params[0] = bad;
            let kind = refused_unasked(ty.clone(), &[], &params);
            let FaultKind::NoSuchCase { index, cases: n } = kind else { panic!("{kind}") };
            assert_eq!((u64::from(index), u64::from(n)), (bad, cases));
        }
    }
}

#[test]
fn flags_without_a_label_stay_behind() {
    let function = prepared(&Signature { params: vec![Ty::Flags(3), list(Ty::Flags(9))], result: None });
    let mut caller = Guest::silent(vec![0xff; 2]);
    let mut callee = Export::new(Guest::new(vec![0; 64], answer(8)), |guest, params, _| {
        assert_eq!((params, &guest.memory[8..10]), (&[0b111, 8, 1][..], &[0xff, 0x01][..]));
        Ok(())
    });
    let params = [0xffff_ffff, 0, 1];
    run(&function, &mut caller, &mut callee, &mut Renumbering::default(), &params, &mut []).unwrap();
}

#[test]
fn padding_stays_behind() {
    let padded = Ty::Record(vec![U8, U32, Ty::Option(Box::new(U32))]);
    let function = prepared(&Signature { params: vec![list(padded)], result: None });
    // The secret is what the caller's memory had before: behind the byte, behind the discriminant, and in a `some`
    // that is `none` now.
    let mut caller = Guest::silent(b"\x01SECRET!\x00SECRET!".to_vec());
    let mut callee = Export::new(Guest::new(vec![0xcc; 64], answer(16)), |guest, _, _| {
        assert_eq!(&guest.memory[16..32], b"\x01\xcc\xcc\xccRET!\x00\xcc\xcc\xcc\xcc\xcc\xcc\xcc");
        Ok(())
    });
    run(&function, &mut caller, &mut callee, &mut Renumbering::default(), &[0, 1], &mut []).unwrap();
}

#[test]
fn what_a_callback_changes_after_it_was_checked_is_not_read_again() {
    // list<variant { a(string), b(u64) }>, one element: case a, 4 bytes of text at 40.
    let ty = || list(Ty::Variant(vec![Some(Ty::String), Some(Ty::Int(64, false))]));
    let memory = || {
        let mut memory = vec![0; 64];
        memory[8..16].copy_from_slice(&[40, 0, 0, 0, 4, 0, 0, 0]);
        memory[40..44].copy_from_slice(b"text");
        memory
    };
    let function = prepared(&Signature { params: vec![ty()], result: None });
    // During the second allocation, the text's, the caller makes it a case b, with other numbers for address and
    // length, of which nothing may arrive; or other text, which is as good.
    type Change<'a> = &'a dyn Fn(&mut Vec<u8>);
    let changes: [(Change<'_>, Option<&[u8]>); 5] = [
        (&|memory| memory[0] = 1, Some(b"text")),
        (&|memory| memory[0] = 9, Some(b"text")),
        (&|memory| memory[8..16].fill(0xff), Some(b"text")),
        (&|memory| memory[40..44].copy_from_slice(b"else"), Some(b"else")),
        (&|memory| memory[41] = 0xff, None),
    ];
    for (change, expected) in changes {
        let mut caller = Guest::silent(memory());
        let mut changed = memory();
        change(&mut changed);
        let expected = expected.map(<[u8]>::to_vec);
        let arrives = expected.clone();
        let mut callee = Export::new(Guest::new(vec![0xcc; 128], bump(16)), move |guest, _, _| {
            let [(_, _, element), (1, 4, text)] = guest.allocations[..] else { panic!("{:?}", guest.allocations) };
            let (element, text) = (element as usize, text as usize);
            assert_eq!(guest.memory[element], 0);
            assert_eq!(guest.memory[element + 8..element + 16], [text as u8, 0, 0, 0, 4, 0, 0, 0]);
            assert_eq!(Some(guest.memory[text..text + 4].to_vec()), arrives);
            Ok(())
        });
        let runs = Rc::clone(&callee.guest.runs);
        let second = Rc::clone(&runs);
        let change = move |memory: &mut Vec<u8>| {
            if second.get() == 2 {
                memory.clone_from(&changed);
            }
        };
        caller.callback = Some((runs, Box::new(change)));
        let outcome = run(&function, &mut caller, &mut callee, &mut Renumbering::default(), &[0, 1], &mut []);
        assert_eq!(outcome.is_ok(), expected.is_some());
        if let Err(fault) = outcome {
            assert_eq!((fault.offender, fault.place.as_str()), (Offender::Caller, "parameter p0[0].c0"));
            assert!(matches!(fault.kind, FaultKind::NotUtf8 { offset: 1 }), "{fault}");
            assert!(callee.guest.memory.windows(2).all(|pair| pair != *b"t\xff"));
        }
    }
}

#[test]
fn a_memory_that_is_smaller_than_before_is_a_fault_and_no_panic() {
    let function = prepared(&Signature { params: vec![list(Ty::String)], result: None });
    let mut caller = Guest::silent(vec![0; 64]);
    let mut callee = Export::new(Guest::new(vec![0; 256], bump(16)), |_, _, _| panic!("the callee was entered"));
    caller.callback = Some((Rc::clone(&callee.guest.runs), Box::new(|memory| memory.truncate(12))));
    let fault = run(&function, &mut caller, &mut callee, &mut Renumbering::default(), &[0, 8], &mut []).unwrap_err();
    assert_eq!((fault.offender, fault.place.as_str()), (Offender::Caller, "parameter p0[1]"));
    assert!(matches!(fault.kind, FaultKind::OutOfBounds { region: Region::Part, address: 8, size: 8, memory: 12 }));
}

#[test]
fn handles_that_do_not_cross_are_the_fault_of_whom_the_edge_names() {
    let function = prepared(&Signature { params: vec![Ty::Bool, Ty::Borrow(0)], result: None });
    for side in [Side::Caller, Side::Callee] {
        let mut caller = Guest::silent(vec![]);
        let mut callee = Export::new(Guest::silent(vec![]), |_, _, _| panic!("the callee was entered"));
        let mut handles = Renumbering { refuse: Some(side), ..Renumbering::default() };
        let fault = run(&function, &mut caller, &mut callee, &mut handles, &[1, 7], &mut []).unwrap_err();
        assert_eq!((fault.offender, fault.stage), (side.into(), Stage::Params));
        let who = if side == Side::Caller { "caller" } else { "callee" };
        assert_eq!(fault.to_string(), format!("parameter p1: the {who} passes handle 7, which it does not have"));
        assert_eq!(handles.ended, 0);
    }
}
