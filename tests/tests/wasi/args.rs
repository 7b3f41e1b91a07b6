//! `args_get`, `args_sizes_get`, `environ_get`, `environ_sizes_get`.

use crate::abi::Errno::*;
use crate::sys::{DATA, IOVS, MEMORY, OUT, OUT2, Sys, call};

/// Bytes that are no UTF-8, that a shell would mind, and none at all.
const ODD: [&[u8]; 5] = [b"program", b"", b"\xff\xfe\x80", b"a b\n\t'\"$*", "größer".as_bytes()];

fn guest() -> Sys {
    Sys::new(|builder| {
        builder
            .args(ODD)
            .env("PATH", "/bin")
            .env("EMPTY", "")
            .env("EQUALS", "a=b=c")
            .env("ODD", b"\xff\x01\n".as_slice());
    })
}

#[test]
fn sizes_are_those_of_what_follows() {
    let mut sys = guest();
    let bytes: usize = ODD.iter().map(|arg| arg.len() + 1).sum();
    assert_eq!(sys.args_sizes_get(), Ok((5, bytes as u32)));
    let bytes = b"PATH=/bin\0EMPTY=\0EQUALS=a=b=c\0ODD=\xff\x01\n\0".len();
    assert_eq!(sys.environ_sizes_get(), Ok((4, bytes as u32)));
    sys.poison();
    sys.environ_sizes_get().unwrap();
    sys.only_written(&[(OUT, 4), (OUT2, 4)]);
}

#[test]
fn arguments_arrive_byte_for_byte() {
    let mut sys = guest();
    sys.poison();
    call!(sys, args_get(IOVS, DATA)).unwrap();
    let bytes: usize = ODD.iter().map(|arg| arg.len() + 1).sum();
    sys.only_written(&[(IOVS, 20), (DATA, bytes as u32)]);
    let expected: Vec<u8> = ODD.iter().flat_map(|arg| [arg, b"\0".as_slice()].concat()).collect();
    assert_eq!(sys.get(DATA, bytes as u32), expected, "one behind the other, each with a NUL");
    let mut at = DATA;
    for (index, arg) in ODD.iter().enumerate() {
        assert_eq!(sys.u32_at(IOVS + 4 * index as u32), at, "argument {index}");
        at += arg.len() as u32 + 1;
    }
    assert_eq!(sys.args_get().unwrap(), ODD);
}

#[test]
fn variables_arrive_as_name_and_value_in_the_order_granted() {
    let mut sys = guest();
    let expected: [&[u8]; 4] = [b"PATH=/bin", b"EMPTY=", b"EQUALS=a=b=c", b"ODD=\xff\x01\n"];
    assert_eq!(sys.environ_get().unwrap(), expected);
}

#[test]
fn nothing_granted_is_nothing_found() {
    let mut sys = Sys::inert();
    assert_eq!(sys.args_sizes_get(), Ok((0, 0)));
    assert_eq!(sys.environ_sizes_get(), Ok((0, 0)));
    sys.poison();
    // Arrays of no elements, even at the very end.
    for (array, buf) in [(IOVS, DATA), (MEMORY, MEMORY)] {
        assert_eq!(call!(sys, args_get(array, buf)), Ok(()));
        assert_eq!(call!(sys, environ_get(array, buf)), Ok(()));
    }
    sys.only_written(&[]);
}

#[test]
fn memory_is_used_up_to_its_last_byte_and_at_any_alignment() {
    let mut sys = Sys::new(|builder| {
        builder.args(["ab", "c"]).env("X", "y");
    });
    assert_eq!(call!(sys, args_get(MEMORY - 13, MEMORY - 5)), Ok(()));
    assert_eq!(sys.get(MEMORY - 5, 5), b"ab\0c\0");
    assert_eq!(sys.strings_at(MEMORY - 13, 2), [b"ab".as_slice(), b"c"]);
    assert_eq!(call!(sys, environ_get(MEMORY - 7, 1u32)), Ok(()));
    assert_eq!(sys.strings_at(MEMORY - 7, 1), [b"X=y"]);
    assert_eq!(call!(sys, args_sizes_get(MEMORY - 4, 3u32)), Ok(()));
    assert_eq!((sys.u32_at(MEMORY - 4), sys.u32_at(3)), (2, 5));
}

#[test]
fn what_does_not_fit_the_memory_is_a_fault_and_writes_nothing() {
    let mut sys = Sys::new(|builder| {
        builder.args(["ab", "c"]).env("ab", "c").env("d", "e");
    });
    sys.poison();
    for (array, buf) in [(MEMORY - 7, DATA), (IOVS, MEMORY - 4), (u32::MAX, DATA), (IOVS, u32::MAX), (MEMORY, MEMORY)] {
        assert_eq!(call!(sys, args_get(array, buf)), Err(FAULT), "{array:#x} {buf:#x}");
        assert_eq!(call!(sys, environ_get(array, buf)), Err(FAULT), "{array:#x} {buf:#x}");
    }
    for (count, size) in [(MEMORY - 3, OUT), (OUT, MEMORY - 3), (u32::MAX, OUT), (OUT, u32::MAX - 2)] {
        assert_eq!(call!(sys, args_sizes_get(count, size)), Err(FAULT), "{count:#x} {size:#x}");
        assert_eq!(call!(sys, environ_sizes_get(count, size)), Err(FAULT), "{count:#x} {size:#x}");
    }
    sys.only_written(&[]);
}
