//! What becomes of a host whose guest, or whose own function that a guest has called, goes wrong: an error each time, after
//! which both go on. `tests/dist/run` builds it as it builds what is distributed, and runs it with `tests/dist/faults.wat`.

use bailiwick_loader::{Artifact, Caller, Error, Group, HostError, Imports, Instance, TrapCode};
use std::process::ExitCode;

/// What is expected of a call: its result, or what its error says and the function that it happened in.
enum Expected {
    Value(i32),
    Trap(TrapCode, &'static str, &'static str),
    Exception(&'static str),
}
use Expected::{Exception, Trap, Value};

fn run(file: &str) -> Result<u32, String> {
    let said = |e: Error| e.to_string();
    let artifact = Artifact::open(file).map_err(said)?;
    let mut imports = Imports::new();
    imports.func("host", "panic", |_: &mut Caller<'_>, x: i32| -> Result<i32, HostError> {
        // What is on the stack meanwhile is dropped, and what the standard library says of it walks into the guest's frames.
        let numbers = Vec::from([1, 2, x]);
        panic!("on purpose, with {}", numbers.iter().sum::<i32>())
    });
    imports.func("host", "again", |caller: &mut Caller<'_>, x: i32| -> Result<i32, HostError> {
        let function = caller.export("panics").ok_or_else(|| HostError::message("it exports no panics"))?;
        // Two stacks of the host's and two of the guest's are on the way by then.
        match function.call(caller, &[]) {
            Err(Error::Trap(_)) => Ok(x + 1),
            other => Err(HostError::message(format!("{other:?}"))),
        }
    });
    let mut group = Group::new().map_err(said)?;
    let instance = group.instantiate(&artifact, &imports).map_err(said)?;
    let calls = [
        ("works", Value(42)),
        ("panics", Trap(TrapCode::HostError, "on purpose, with 10", "panics")),
        ("nested", Value(8)),
        ("divides", Trap(TrapCode::IntegerDivisionByZero, "", "divides")),
        ("reads", Trap(TrapCode::MemoryOutOfBounds, "", "reads")),
        ("recurs", Trap(TrapCode::StackOverflow, "", "recurs")),
        ("throws", Exception("uncaught exception (i32 5)")),
        ("catches", Value(5)),
    ];
    let mut checks = 0;
    for round in 0..3 {
        for (name, expected) in &calls {
            checked(&mut group, instance, name, expected).map_err(|e| format!("{name}, round {round}: {e}"))?;
            checks += 1;
        }
    }
    Ok(checks)
}

fn checked(group: &mut Group, instance: Instance, name: &str, expected: &Expected) -> Result<(), String> {
    let function = instance.typed_func::<(), i32>(group, name).map_err(|e| e.to_string())?;
    match (expected, function.call(group, ())) {
        (Value(expected), Ok(value)) if value == *expected => Ok(()),
        (Trap(code, says, within), Err(Error::Trap(trap)))
            if trap.code() == *code
                && trap.to_string().contains(says)
                && trap.backtrace().frames().first().and_then(|frame| frame.name()) == Some(within) =>
        {
            Ok(())
        }
        (Exception(says), Err(e @ Error::Exception(_))) if e.to_string().contains(says) => Ok(()),
        (_, Ok(value)) => Err(format!("it returned {value}")),
        (_, Err(error)) => Err(error.to_string()),
    }
}

fn main() -> ExitCode {
    let Some(file) = std::env::args().nth(1) else {
        eprintln!("usage: faults FILE.bwk");
        return ExitCode::from(2);
    };
    match run(&file) {
        Ok(checks) => {
            println!("{checks} calls went wrong or right as they should");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{file}: {error}");
            ExitCode::FAILURE
        }
    }
}
