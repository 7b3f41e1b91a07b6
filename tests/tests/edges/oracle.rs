//! What modules should have got, by the canonical ABI read once more: so that two ways to carry a value that are wrong
//! alike are seen.

use super::case::{Case, PATIENCE, flat, handles};
use super::guests::{Act, Guest, IMAGE, Kind, Record, records};
use super::harness::Outcome;
use super::model::{Lifter, Refused, Ty, Value};

/// A memory as it was written down: from its beginning, as far as values were put there.
struct Memory {
    bytes: Vec<u8>,
    /// How much of it was written down.
    shown: usize,
}

impl Memory {
    fn of(record: &Record<'_>) -> Memory {
        let mut bytes = record.memory.to_vec();
        bytes.resize(record.words[3] as usize * 65536, 0);
        // Records come and go; what is read there is not looked at, and zeros are values of all types.
        bytes[..IMAGE].fill(0);
        Memory { bytes, shown: record.memory.len() }
    }

    /// Values in it; `None` if they are too many to look at, or lie where a module writes its records or what was not
    /// written down.
    fn lift(&self, types: &[Ty], flat: &[u64], most: usize, strict: bool) -> Option<Result<Vec<Value>, Refused>> {
        let mut lifter = Lifter::new(&self.bytes, PATIENCE, strict);
        let values = lifter.values(types, flat, most);
        let unknown = lifter.read.iter().any(|r| !r.is_empty() && (r.start < IMAGE || r.end > self.shown));
        (!unknown && values != Err(Refused::TooLarge)).then_some(values)
    }
}

/// Holds an outcome against what should be, and says in a few words what happened.
///
/// # Panics
/// If somebody got what was not passed, or did not get what was.
pub fn check(case: &Case, outcome: &Outcome) -> Vec<String> {
    let [caller, callee] = case.paths();
    let mut kinds = vec![match (&outcome.ended, outcome.death(caller), outcome.death(callee)) {
        (Ok(_), None, None) => "ended well".to_owned(),
        (Ok(_), Some(reason), _) | (Ok(_), _, Some(reason)) => format!("died: {}", class(reason)),
        (Err(error), ..) => format!("ended: {}", class(error)),
    }];
    let (callers, callees) = (records(outcome.stream(caller)), records(outcome.stream(callee)));
    let results: Vec<Ty> = case.signature.result.iter().cloned().collect();
    let pointer = flat(&results) > 1;
    let [passes, returns] = [&case.signature.params[..], &results].map(|types| types.iter().any(handles));
    let mut image = vec![0; IMAGE];
    image.extend_from_slice(&case.caller.image);
    image.resize(case.caller.pages[0] as usize * 65536, 0);
    let mut before = Memory { shown: image.len(), bytes: image };
    for (i, params) in case.calls.iter().enumerate() {
        let sent = before.lift(&case.signature.params, params, 16, false);
        let got = find(&callees, Kind::Called, i);
        let answer = &case.answers[i];
        match (&sent, &got) {
            (Some(Err(Refused::Trap)), Some(_)) => panic!("call {i} came through with parameters that are none"),
            (Some(Err(Refused::Trap)), None) => kinds.push("parameters refused".to_owned()),
            (Some(Ok(sent)), Some((called, memory))) if honest(&case.callee, &callees) => {
                let flat = &called.words[2..18];
                // Else they lie where nothing was written down.
                if let Some(got) = memory.lift(&case.signature.params, flat, 16, true) {
                    let got = got.unwrap_or_else(|e| panic!("call {i}: the callee got what is no value: {e:?}"));
                    assert_eq!(plain(&got), plain(sent), "call {i}: parameters");
                    kinds.push("parameters as they should be".to_owned());
                }
            }
            (Some(Ok(_)), None)
                if !passes && outcome.death(callee).is_none() && may_arrive(case, &callees, params, pointer) =>
            {
                panic!("call {i} did not come through: {:?} {:?}", outcome.ended, outcome.deaths);
            }
            _ => {}
        }
        let Some((_, mut memory)) = got else { break };
        if answer.act == Act::Grow {
            memory.bytes.resize(memory.bytes.len() + 65536, 0);
        }
        let Some((returned, after)) = find(&callers, Kind::Returned, i) else {
            if answer.act.returns() && answer.cleans.returns() && !passes && !returns {
                let given = memory.lift(&results, &[answer.value], 1, false);
                let fits = honest(&case.caller, &callers) && result_area(case, params, pointer);
                assert!(!matches!(given, Some(Ok(_))) || !fits, "call {i} did not return");
            }
            break;
        };
        let returns = answer.act.returns() && (answer.cleans.returns() || !case.cleans);
        let learned = outcome.death(callee).is_some() && find(&callees, Kind::Called, i + 1).is_none();
        if returns && honest(&case.caller, &callers) && !learned {
            let given = memory.lift(&results, &[answer.value], 1, false);
            let flat = if pointer { params[params.len() - 1] } else { returned.words[2] };
            let got = after.lift(&results, &[flat], 1, true);
            if let (Some(given), Some(got)) = (given, got) {
                let given = given.unwrap_or_else(|e| panic!("call {i}: its result is none: {e:?}"));
                let got = got.unwrap_or_else(|e| panic!("call {i}: the caller got what is no value: {e:?}"));
                assert_eq!(plain(&got), plain(&given), "call {i}: the result");
                kinds.push("result as it should be".to_owned());
            }
        }
        before = after;
    }
    kinds
}

/// The record of a call, and the memory that was written behind it.
fn find<'a>(records: &'a [Record<'a>], kind: Kind, call: usize) -> Option<(&'a Record<'a>, Memory)> {
    let at = records.iter().position(|record| record.is(kind) && record.words[1] == call as u64)?;
    let memory = records.get(at + 1).filter(|record| record.is(Kind::Memory))?;
    Some((&records[at], Memory::of(memory)))
}

/// Whether an allocator has answered as it should, all the time.
fn honest(guest: &Guest, records: &[Record<'_>]) -> bool {
    let asked = records.iter().filter(|record| record.is(Kind::Asked));
    let most = u64::from(guest.pages[1]) * 65536;
    guest.lies.iter().all(|(_, lie)| lie.harmless())
        && asked.into_iter().all(|record| record.words[5] + record.words[4] <= most)
}

/// Whether a caller's result has a place.
fn result_area(case: &Case, params: &[u64], pointer: bool) -> bool {
    let (Some(ty), Some(&area)) = (&case.signature.result, params.last().filter(|_| pointer)) else { return true };
    let area = u64::from(area as u32);
    area % super::model::align(ty) == 0 && area + super::model::size(ty) <= u64::from(case.caller.pages[0]) * 65536
}

/// Whether nothing is in the way of a call but its parameters.
fn may_arrive(case: &Case, callees: &[Record<'_>], params: &[u64], pointer: bool) -> bool {
    honest(&case.callee, callees)
        && result_area(case, params, pointer)
        && case.answers.iter().all(|answer| answer.act.returns() && answer.cleans.returns())
        && honest(&case.caller, &[])
}

/// Values without handles, which are others on each side.
fn plain(values: &[Value]) -> Vec<Value> {
    values.iter().map(|value| value.map_handles(&mut |_| 0)).collect()
}

/// A fault without what is its own: names and numbers.
fn class(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let line = line.split(": ").filter(|part| !part.contains("parameter p") && !part.contains("the result"));
    let line = line.collect::<Vec<_>>().join(": ");
    let mut out = String::new();
    for c in line.chars() {
        match c.is_ascii_hexdigit() && (c.is_ascii_digit() || out.ends_with('#')) {
            true if out.ends_with('#') => {}
            true => out.push('#'),
            false => out.push(c),
        }
    }
    out
}
