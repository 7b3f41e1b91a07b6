//! `proc_exit`, `proc_raise`, `sched_yield`.

use crate::abi::Errno::*;
use crate::sys::{GUEST, Sys};
use bailiwick_loader::wasi::{self, WasiCtx};
use bailiwick_loader::{Error, Imports};
use bailiwick_tests::guest::Guest;

#[test]
fn the_exit_code_is_the_guests_own() {
    for code in [0, 1, 2, 125, 126, 127, 128, 255, 256, i32::MAX, -1, i32::MIN] {
        match Sys::inert().proc_exit(code.cast_unsigned()) {
            Error::Exit(told) => assert_eq!(told, code),
            other => panic!("{code}: {other}"),
        }
    }
}

#[test]
fn nothing_runs_after_the_exit() {
    let wat = r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
        (memory (export "memory") 1)
        (global $ran (mut i32) (i32.const 0))
        (func (export "ran") (result i32) (global.get $ran))
        (func $deep (param i32)
            (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1)))) (else (call $proc_exit (i32.const 7))))
            (global.set $ran (i32.const 1)))
        (func (export "run") (call $deep (i32.const 100)) unreachable))"#;
    let mut imports = Imports::new();
    wasi::add_inert(&mut imports);
    let mut guest = Guest::with(wat, &imports);
    assert!(matches!(guest.call("run", &[]), Err(Error::Exit(7))));
    assert_eq!(guest.i32("ran"), 0);
}

#[test]
fn a_guest_without_a_memory_is_ended_with_an_error() {
    let wat = r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
        (func (export "run") (result i32)
            (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))"#;
    let mut imports = Imports::new();
    wasi::add_inert(&mut imports);
    let ended = Guest::with(wat, &imports).call("run", &[]).unwrap_err();
    assert!(ended.to_string().contains("memory"), "{ended}");
}

#[test]
fn there_are_no_signals() {
    let mut sys = Sys::inert();
    for signal in (0..=31).chain([255, 256, u32::MAX]) {
        assert_eq!(sys.proc_raise(signal), Err(NOSYS), "{signal}");
    }
    assert_eq!(sys.sched_yield(), Ok(()), "the guest lives on");
}

#[test]
fn yielding_succeeds() {
    let mut sys = Sys::inert();
    sys.poison();
    for _ in 0..100 {
        assert_eq!(sys.sched_yield(), Ok(()));
    }
    sys.only_written(&[]);
}

#[test]
fn the_guest_of_these_tests_imports_all_46_functions() {
    let imports = GUEST.lines().filter(|line| line.trim_start().starts_with("(import \"wasi_snapshot_preview1\""));
    assert_eq!(imports.count(), 46);
    // They are all there: else it could not be instantiated.
    drop(Sys::with(WasiCtx::inert()));
}
