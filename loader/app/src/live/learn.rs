//! The value by which a caller learns that its callee is dead: written into the caller's own memory, by its own types.

use crate::fault::FaultValue;
use crate::marshal::End;
use bailiwick_runtime_abi::wit::{Direction, Function, Kind, World};

/// Most bytes of the text that a caller gets.
const MAX_TEXT: usize = 1024;

/// Stores the error value as the result of a call of `function`, an import of `world`: at `area`, or, if its result is a
/// core value, as `result_value`.
///
/// # Errors
/// What is wrong with the caller: its pointer, or its allocator.
pub(super) fn store(
    world: &World,
    function: &Function,
    value: FaultValue,
    text: &str,
    caller: &mut dyn End,
    area: u32,
    result_value: Option<&mut u64>,
) -> Result<(), String> {
    let types = world.types();
    let internal = || "its result type has no room for an error".to_owned();
    let result = function.result.ok_or_else(internal)?;
    if !world.signature(function, Direction::Lower).result_by_pointer {
        // A result without payloads: one number, 1 for `err`.
        *result_value.ok_or_else(internal)? = 1;
        return Ok(());
    }
    let area = u64::from(area);
    let layout = types.layout(result);
    if area % u64::from(layout.align.max(1)) != 0 {
        return Err(format!("it wants its result at address {area}, which is no multiple of {}", layout.align));
    }
    let outer = types.variant(result).ok_or_else(internal)?;
    let payload = area + u64::from(outer.payload_offset);
    let text = &text[..text.floor_char_boundary(MAX_TEXT)];
    let mut words: Vec<(u64, u64, u32)> = vec![(area, 1, outer.discriminant_size)];
    let mut string = None;
    let error = match types.kind(result) {
        Some(Kind::Result { err, .. }) => *err,
        _ => return Err(internal()),
    };
    let inner = error.and_then(|error| types.variant(error));
    match value {
        FaultValue::Bare => {}
        FaultValue::Text => string = Some(payload),
        FaultValue::EnumCase(case) | FaultValue::VariantCase(case) | FaultValue::VariantText(case) => {
            let inner = inner.ok_or_else(internal)?;
            words.push((payload, case.into(), inner.discriminant_size));
            if let FaultValue::VariantText(_) = value {
                string = Some(payload + u64::from(inner.payload_offset));
            }
        }
    }
    if let Some(at) = string {
        let address = if text.is_empty() {
            1
        } else {
            caller.allocate(1, text.len() as u32).map_err(|e| format!("its allocator ended: {e}"))?
        };
        put(caller, address.into(), text.as_bytes())?;
        words.push((at, address.into(), 4));
        words.push((at + 4, text.len() as u64, 4));
    }
    // All of the area at once, so that nothing is half written.
    let memory = caller.memory().ok_or("it exports no memory")?.len() as u64;
    if area + u64::from(layout.size) > memory {
        return Err(format!("it wants its result at address {area}, beyond its memory of {memory} bytes"));
    }
    for (at, word, size) in words {
        put(caller, at, &word.to_le_bytes()[..size as usize])?;
    }
    Ok(())
}

/// Writes bytes into the caller's memory as it is now.
fn put(caller: &mut dyn End, at: u64, bytes: &[u8]) -> Result<(), String> {
    let memory = caller.memory().ok_or("it exports no memory")?;
    let len = memory.len();
    let end = at + bytes.len() as u64;
    let target = usize::try_from(end).ok().and_then(|end| memory.get_mut(at as usize..end));
    let target = target.ok_or_else(|| format!("address {at} is beyond its memory of {len} bytes"))?;
    target.copy_from_slice(bytes);
    Ok(())
}
