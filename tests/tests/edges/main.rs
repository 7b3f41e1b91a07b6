//! Calls over edges, carried by compiled code and by the interpreter: whatever is called with whatever values, both end
//! alike, and as the canonical ABI has it.
//!
//! | file | room |
//! |---|---|
//! | `harness.rs` | an application, run both ways |
//! | `case.rs` | random types, values, and lies |
//! | `guests.rs` | the modules of a case, which write down what happens to them |
//! | `text.rs` | types as WIT |
//! | `oracle.rs` | what a module should have got |
//! | `deep.rs` | the deepest and the widest types |
//! | `large.rs` | large values, limits, and time |
//! | `handles.rs` | folders that cross in one call after the other |
//! | `resources.rs` | handles of what modules define |
//! | `chains.rs` | four modules in a row, of which the last ends; calls that are refused |
//! | `interrupts.rs` | applications that are ended from outside |
//! | `linking.rs` | calls through tables, and by other modules of a group |
//! | `stacks.rs` | callers whose stack is nearly full |
//!
//! The types, their values and what the ABI makes of them are the ones that the interpreter's own tests use.

mod case;
mod chains;
mod deep;
#[path = "../../../loader/app/src/marshal/tests/generate.rs"]
#[allow(dead_code, reason = "the interpreter's tests use the rest")]
mod generate;
mod guests;
mod handles;
mod harness;
mod interrupts;
mod large;
mod linking;
#[path = "../../../loader/app/src/marshal/tests/model.rs"]
#[allow(dead_code, reason = "the interpreter's tests use the rest")]
mod model;
mod oracle;
#[path = "../../../loader/app/src/marshal/tests/random.rs"]
mod random;
mod resources;
mod stacks;
mod text;

use case::Case;
use harness::module;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How many random cases there are, unless `BAILIWICK_EDGES` says another number; `BAILIWICK_EDGES_FROM` says with which
/// to begin.
const CASES: u64 = if cfg!(target_arch = "aarch64") { 20 } else { 1000 };

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

/// Of what an instance tells.
fn kinds(stream: &[u8]) -> Vec<u64> {
    guests::records(stream).iter().map(|record| record.words[0]).collect()
}

#[test]
fn compiled_edges_do_what_the_interpreter_does() {
    let wit = text::package(&generate::Signature { params: Vec::new(), result: None });
    let driver = module(&guests::driver(), &wit, "driver");
    let from = variable("BAILIWICK_EDGES_FROM", 0);
    let mut tally: BTreeMap<String, usize> = BTreeMap::new();
    let mut failures = Vec::new();
    for seed in from..from + variable("BAILIWICK_EDGES", CASES) {
        let Some(case) = Case::new(seed) else {
            *tally.entry("too large".to_owned()).or_default() += 1;
            continue;
        };
        let run = || {
            let application = case.application(&driver);
            let (interpreted, compiled) = (application.run(true), application.run(false));
            let found = interpreted.difference(&compiled);
            assert!(found.is_none(), "the two differ:\n{}", found.unwrap_or_default());
            for ((path, left), (_, right)) in interpreted.streams.iter().zip(&compiled.streams) {
                assert_eq!(kinds(left), kinds(right), "{path} tells of other things");
            }
            oracle::check(&case, &interpreted)
        };
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(kinds) => kinds.into_iter().for_each(|kind| *tally.entry(kind).or_default() += 1),
            Err(_) => {
                eprintln!("case {seed} failed: {:?}", case.signature);
                failures.push(seed);
            }
        }
    }
    for (kind, count) in &tally {
        println!("{count:8} {kind}");
    }
    let count = failures.len();
    assert!(failures.is_empty(), "{count} cases failed: BAILIWICK_EDGES=1 BAILIWICK_EDGES_FROM={failures:?}");
}

#[test]
fn compiled_edges_are_compiled() {
    // Compiled code does not know which element of a list it was.
    let application = large::faulty_element("");
    assert!(application.run(true).raw[0].contains("[3]"), "{:?}", application.run(true).raw);
    assert!(application.run(false).raw[0].contains("[…]"), "{:?}", application.run(false).raw);
    // A stack that is too small for it: the interpreter runs.
    let application = large::faulty_element("limits = { stack = \"64KiB\" }\n");
    assert!(application.run(false).raw[0].contains("[3]"), "{:?}", application.run(false).raw);
    application.both();
}
