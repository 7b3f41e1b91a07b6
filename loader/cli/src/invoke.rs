//! `--invoke`: one exported function, called with numbers.

use super::exit::Failure;
use bailiwick_loader::{Artifact, Error, Group, Instance, Kind, Val, ValType};
use std::ffi::{OsStr, OsString};
use std::io::Write;

/// Calls an export with numbers, and prints what it returns. The outer error is one of usage.
pub fn invoke(
    group: &mut Group,
    main: &Artifact,
    instance: Instance,
    name: &str,
    arguments: &[OsString],
) -> Result<Result<(), Error>, Failure> {
    let function = match instance.func(group, name) {
        Ok(function) => function,
        Err(Error::NoExport { .. }) => {
            return Err(Failure::new(format!("no exported function {name:?}; there are: {}", functions(main))));
        }
        Err(e) => return Ok(Err(e)),
    };
    let ty = match function.ty(group) {
        Ok(ty) => ty,
        Err(e) => return Ok(Err(e)),
    };
    if ty.params().len() != arguments.len() {
        let (wants, got) = (ty.params().len(), arguments.len());
        return Err(Failure::usage(format!("{name} has type {ty}: it wants {wants} arguments, not {got}")));
    }
    let values =
        ty.params().iter().zip(arguments).map(|(&ty, text)| number(ty, text)).collect::<Result<Vec<_>, _>>()?;
    let results = match function.call(group, &values) {
        Ok(results) => results,
        Err(e) => return Ok(Err(e)),
    };
    let mut out = std::io::stdout().lock();
    for result in results {
        writeln!(out, "{result}").map_err(|e| Failure::new(format!("can't write to standard output: {e}")))?;
    }
    Ok(Ok(()))
}

/// Names of exported functions, for messages.
pub fn functions(main: &Artifact) -> String {
    let view = main.view();
    let exported = view.exports().iter().filter(|e| e.kind == Kind::Function as u32);
    let names: Vec<String> =
        exported.filter_map(|e| view.string(e.name).ok()).take(20).map(|n| format!("{n:?}")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn number(ty: ValType, text: &OsStr) -> Result<Val, Failure> {
    let wrong = || Failure::usage(format!("{:?} is not of type {ty}", text.to_string_lossy()));
    let text = text.to_str().ok_or_else(wrong)?;
    /// Decimal or 0x…, signed or unsigned, within `bits`.
    fn integer(text: &str, bits: u32) -> Option<i64> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let magnitude = match digits.strip_prefix("0x") {
            Some(hex) => i128::from_str_radix(hex, 16),
            None => digits.parse::<i128>(),
        };
        let value = if negative { -magnitude.ok()? } else { magnitude.ok()? };
        (value >= -(1 << (bits - 1)) && value < 1 << bits).then_some(value as i64)
    }
    Ok(match ty {
        ValType::I32 => Val::I32(integer(text, 32).ok_or_else(wrong)? as i32),
        ValType::I64 => Val::I64(integer(text, 64).ok_or_else(wrong)?),
        ValType::F32 => Val::F32(text.parse::<f32>().map_err(|_| wrong())?.to_bits()),
        ValType::F64 => Val::F64(text.parse::<f64>().map_err(|_| wrong())?.to_bits()),
        _ => return Err(Failure::usage(format!("a parameter of type {ty} can't be given on the command line"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_signed_and_unsigned_within_their_type() {
        let read = |ty, text: &str| number(ty, OsStr::new(text)).ok();
        assert_eq!(read(ValType::I32, "-1"), Some(Val::I32(-1)));
        assert_eq!(read(ValType::I32, "4294967295"), Some(Val::I32(-1)));
        assert_eq!(read(ValType::I32, "0x80000000"), Some(Val::I32(i32::MIN)));
        assert_eq!(read(ValType::I32, "4294967296"), None);
        assert_eq!(read(ValType::I32, "-2147483649"), None);
        assert_eq!(read(ValType::I64, "18446744073709551615"), Some(Val::I64(-1)));
        assert_eq!(read(ValType::I64, "18446744073709551616"), None);
        assert_eq!(read(ValType::I32, "1x"), None);
        assert_eq!(read(ValType::F64, "1.5"), Some(Val::F64(1.5f64.to_bits())));
        assert_eq!(read(ValType::FUNCREF, "0"), None);
    }
}
