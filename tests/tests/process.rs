//! What happens to a whole process: faults that are not a guest's, signals from outside, the main thread.
//!
//! Without the usual harness: each case runs on the main thread of a child of this very program.

use bailiwick_loader::{Caller, HostError, Imports, TrapCode, Val};
use bailiwick_tests::cli::emulated;
use bailiwick_tests::guest::Guest;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

const CHILD: &str = "BAILIWICK_TEST_CHILD";

/// What a child does, and how it is to end.
struct Case {
    name: &'static str,
    child: fn(),
    /// What the parent does once the child has printed a line.
    meanwhile: fn(u32),
    ends: Ends,
    /// What the child's standard error has to contain.
    says: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    With(i32),
    BySignal(i32),
}

const CASES: &[Case] = &[
    Case {
        name: "all_traps_work_on_the_main_thread",
        child: traps_on_main,
        meanwhile: nothing,
        ends: Ends::With(0),
        says: "",
    },
    Case {
        name: "a_null_dereference_in_a_host_function_kills_the_process",
        child: || in_host_function(dereference_null),
        meanwhile: nothing,
        ends: Ends::BySignal(libc::SIGSEGV),
        says: "",
    },
    Case {
        name: "a_null_dereference_outside_of_any_guest_kills_the_process",
        child: || {
            traps_on_main();
            dereference_null();
        },
        meanwhile: nothing,
        ends: Ends::BySignal(libc::SIGSEGV),
        says: "",
    },
    Case {
        name: "a_null_dereference_on_a_thread_that_never_ran_a_guest_kills_the_process",
        child: || {
            traps_on_main();
            std::thread::spawn(dereference_null).join().unwrap();
        },
        meanwhile: nothing,
        ends: Ends::BySignal(libc::SIGSEGV),
        says: "",
    },
    Case {
        name: "a_fault_in_a_host_function_goes_to_the_handler_that_was_there_before",
        child: || {
            install(libc::SIGSEGV);
            in_host_function(dereference_null);
        },
        meanwhile: nothing,
        ends: Ends::With(60 + libc::SIGSEGV),
        says: "earlier handler",
    },
    Case {
        name: "an_illegal_instruction_in_a_host_function_goes_to_the_handler_that_was_there_before",
        child: || {
            install(libc::SIGILL);
            in_host_function(illegal_instruction);
        },
        meanwhile: nothing,
        ends: Ends::With(60 + libc::SIGILL),
        says: "earlier handler",
    },
    Case {
        name: "an_illegal_instruction_in_a_host_function_kills_the_process",
        child: || in_host_function(illegal_instruction),
        meanwhile: nothing,
        ends: Ends::BySignal(libc::SIGILL),
        says: "",
    },
    Case {
        name: "an_instruction_that_is_not_permitted_is_no_trap_in_a_host_function",
        child: || in_host_function(privileged_instruction),
        meanwhile: nothing,
        ends: Ends::BySignal(if cfg!(target_arch = "x86_64") { libc::SIGSEGV } else { libc::SIGILL }),
        says: "",
    },
    Case {
        name: "a_guests_traps_do_not_reach_the_handler_that_was_there_before",
        child: || {
            for signal in [libc::SIGSEGV, libc::SIGILL, libc::SIGFPE, libc::SIGBUS] {
                install(signal);
            }
            traps_on_main();
        },
        meanwhile: nothing,
        ends: Ends::With(0),
        says: "",
    },
    Case {
        name: "a_guests_traps_work_with_signals_that_were_ignored",
        child: || {
            for signal in [libc::SIGSEGV, libc::SIGILL, libc::SIGFPE, libc::SIGBUS] {
                // SAFETY: ignoring a signal has no preconditions.
                unsafe { libc::signal(signal, libc::SIG_IGN) };
            }
            traps_on_main();
        },
        meanwhile: nothing,
        ends: Ends::With(0),
        says: "",
    },
    Case {
        name: "a_segmentation_fault_sent_from_outside_kills_a_running_guest",
        child: run_forever,
        meanwhile: |child| send(child, libc::SIGSEGV),
        ends: Ends::BySignal(libc::SIGSEGV),
        says: "",
    },
    Case {
        name: "an_illegal_instruction_sent_from_outside_kills_a_running_guest",
        child: run_forever,
        meanwhile: |child| send(child, libc::SIGILL),
        ends: Ends::BySignal(libc::SIGILL),
        says: "",
    },
    Case {
        name: "a_signal_sent_from_outside_goes_to_the_handler_that_was_there_before",
        child: || {
            install(libc::SIGSEGV);
            run_forever();
        },
        meanwhile: |child| send(child, libc::SIGSEGV),
        ends: Ends::With(60 + libc::SIGSEGV),
        says: "earlier handler",
    },
    Case {
        name: "a_host_function_that_overflows_the_hosts_stack_aborts_as_ever",
        child: || in_host_function(|| assert!(endless(1) != 0)),
        meanwhile: nothing,
        ends: Ends::BySignal(libc::SIGABRT),
        says: "has overflowed its stack",
    },
    Case {
        name: "an_abort_in_a_host_function_is_one",
        child: || in_host_function(|| std::process::abort()),
        meanwhile: nothing,
        ends: Ends::BySignal(libc::SIGABRT),
        says: "",
    },
];

fn nothing(_: u32) {}

fn send(child: u32, signal: i32) {
    // SAFETY: the child has not been waited for, so that the number is its own.
    assert_eq!(unsafe { libc::kill(child as i32, signal) }, 0);
}

/// Says who it was, and ends with 60 plus the signal's number.
extern "C" fn earlier_handler(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let text = b"earlier handler\n";
    // SAFETY: both functions may be called by a signal handler.
    unsafe {
        if !info.is_null() && !context.is_null() && (*info).si_signo == signal {
            libc::write(2, text.as_ptr().cast(), text.len());
        }
        libc::_exit(60 + signal);
    }
}

fn install(signal: i32) {
    // SAFETY: the structure is plain, the handler a function of the kind that the flags say.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = earlier_handler as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        assert_eq!(libc::sigaction(signal, &action, std::ptr::null_mut()), 0);
    }
}

fn dereference_null() {
    let null = std::hint::black_box(std::ptr::null::<u8>());
    // SAFETY: none; that is the purpose.
    let value = unsafe { std::ptr::read_volatile(null) };
    println!("read {value}");
}

fn illegal_instruction() {
    // SAFETY: the instruction is defined to raise a fault.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        std::arch::asm!("ud2");
        #[cfg(target_arch = "aarch64")]
        std::arch::asm!("udf #0");
    }
}

/// On x86_64 what an artifact traps with.
fn privileged_instruction() {
    // SAFETY: the instruction is defined to raise a fault.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        std::arch::asm!("hlt");
        #[cfg(target_arch = "aarch64")]
        std::arch::asm!("msr daifset, #2");
    }
}

#[expect(unconditional_recursion, reason = "the purpose")]
fn endless(n: u64) -> u64 {
    let local = std::hint::black_box([n; 64]);
    endless(local[3] + 1) + local[5]
}

/// Runs `f` in a host function that a guest calls.
fn in_host_function(f: fn()) {
    let mut imports = Imports::new();
    imports.func("host", "f", move |_: &mut Caller<'_>| {
        f();
        Ok::<(), HostError>(())
    });
    let wat = r#"(module (import "host" "f" (func $f)) (func (export "run") (call $f)))"#;
    let result = Guest::with(wat, &imports).call("run", &[]);
    println!("the guest went on: {result:?}");
}

fn run_forever() {
    let mut imports = Imports::new();
    imports.func("host", "ready", |_: &mut Caller<'_>| {
        println!("ready");
        Ok::<(), HostError>(())
    });
    let mut guest = Guest::with(
        r#"(module (import "host" "ready" (func $ready)) (memory 1)
            (func (export "run") (call $ready) (loop $l (i32.store (i32.const 0) (i32.const 1)) (br $l))))"#,
        &imports,
    );
    let result = guest.call("run", &[]);
    println!("the guest ended: {result:?}");
}

fn traps_on_main() {
    let mut guest = Guest::new(
        r#"(module (memory 1) (table 1 funcref)
            (func $deep (export "deep") (param i64) (result i64) (i64.add (call $deep (local.get 0)) (i64.const 1)))
            (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
            (func (export "div") (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))
            (func (export "null") (call_indirect (i32.const 0)))
            (func (export "stop") unreachable))"#,
    );
    for _ in 0..2 {
        assert_eq!(guest.trap_code("deep", &[Val::I64(0)]), TrapCode::StackOverflow);
        assert_eq!(guest.trap_code("load", &[Val::I32(-1)]), TrapCode::MemoryOutOfBounds);
        assert_eq!(guest.trap_code("div", &[Val::I32(0)]), TrapCode::IntegerDivisionByZero);
        assert_eq!(guest.trap_code("null", &[]), TrapCode::IndirectCallToNull);
        assert_eq!(guest.trap_code("stop", &[]), TrapCode::Unreachable);
    }
    // The host's own stack is deep enough for host functions, and is not mistaken for too small a one.
    in_host_function(|| ());
}

fn run(case: &Case) -> Result<(), String> {
    let executable = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut child = emulated(&executable)
        .env(CHILD, case.name)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("can't start a child: {e}"))?;
    let mut stdout = BufReader::new(child.stdout.take().ok_or("no pipe")?);
    let mut printed = String::new();
    stdout.read_line(&mut printed).map_err(|e| e.to_string())?;
    (case.meanwhile)(child.id());
    let begun = Instant::now();
    let status = loop {
        match child.try_wait().map_err(|e| e.to_string())? {
            Some(status) => break status,
            None if begun.elapsed() > Duration::from_secs(60) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err("still running after 60 s".into());
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let mut said = String::new();
    child.stderr.take().ok_or("no pipe")?.read_to_string(&mut said).map_err(|e| e.to_string())?;
    if ends(status) != Some(case.ends) {
        return Err(format!("expected {:?}, got {status}\n{printed}{said}", case.ends));
    }
    if !said.contains(case.says) || said.contains("earlier handler") != (case.says == "earlier handler") {
        return Err(format!("expected {:?} on standard error, got {said:?}", case.says));
    }
    Ok(())
}

fn ends(status: ExitStatus) -> Option<Ends> {
    status.code().map(Ends::With).or_else(|| status.signal().map(Ends::BySignal))
}

fn main() {
    if let Ok(name) = std::env::var(CHILD) {
        // A core file of every child that is killed would help nobody.
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the structure is valid.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
        let case = CASES.iter().find(|case| case.name == name).expect("a case of that name");
        (case.child)();
        return;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // What cargo passes on: a filter, and options of the usual harness.
    let filters: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    let asked = |case: &&Case| filters.is_empty() || filters.iter().any(|f| case.name.contains(f.as_str()));
    let cases: Vec<&Case> = CASES.iter().filter(asked).collect();
    if arguments.iter().any(|a| a == "--list") {
        cases.iter().for_each(|case| println!("{}: test", case.name));
        return;
    }
    println!("\nrunning {} tests", cases.len());
    let mut failed = 0;
    for case in &cases {
        match run(case) {
            Ok(()) => println!("test {} ... ok", case.name),
            Err(why) => {
                failed += 1;
                println!("test {} ... FAILED\n{why}", case.name);
            }
        }
    }
    println!("\ntest result: {} passed; {failed} failed\n", cases.len() - failed);
    std::process::exit(if failed > 0 { 101 } else { 0 });
}
