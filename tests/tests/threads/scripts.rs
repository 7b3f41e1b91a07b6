//! Threads in scripts of the specification's suite, as its later versions have them.

use bailiwick_tests::compile::Settings;
use bailiwick_tests::script::{Outcome, Script, run};
use std::sync::atomic::AtomicUsize;

fn outcome(text: &str) -> Outcome {
    let script = Script { name: "threads".into(), text: text.into(), settings: Settings::default(), needs_gc: false };
    run(&script, &AtomicUsize::new(0))
}

#[test]
fn threads_of_a_script_run_at_once_and_share_what_they_are_given() {
    let outcome = outcome(
        "(module $Board (memory (export \"board\") 1 1 shared))
        (thread $Sleeper (shared (module $Board))
          (register \"given\" $Board)
          (module (memory (import \"given\" \"board\") 1 2 shared)
            (func (export \"sleep\") (result i32)
              (memory.atomic.wait32 (i32.const 8) (i32.const 0) (i64.const -1))))
          (assert_return (invoke \"sleep\") (i32.const 0)))
        (thread $Caller (shared (module $Board))
          (register \"given\" $Board)
          (module (memory (import \"given\" \"board\") 1 1 shared)
            (func (export \"call\") (loop (br_if 0 (i32.eqz (memory.atomic.notify (i32.const 8) (i32.const 1)))))))
          (assert_return (invoke \"call\")))
        (wait $Sleeper) (wait $Caller)
        ;; What a thread registers is registered there alone.
        (assert_unlinkable (module (memory (import \"given\" \"board\") 1 1 shared)) \"unknown import\")",
    );
    assert_eq!((outcome.passed, &outcome.failures[..], outcome.skipped), (3, &[][..], 0));
}

#[test]
fn what_fails_in_a_thread_fails_its_script_waited_for_or_not() {
    let thread = "(thread $T\n(module (func (export \"one\") (result i32) (i32.const 1)))\n(assert_return (invoke \"one\") (i32.const 2)))";
    for (text, line) in [(format!("{thread}\n(wait $T)"), 4), (thread.to_owned(), 0)] {
        // The parser takes a script that begins with a thread for a module.
        let outcome = outcome(&format!("(module) {text}"));
        assert_eq!((outcome.passed, outcome.failures.len()), (0, 1), "{outcome:?}");
        let failure = &outcome.failures[0];
        assert!(failure.line == line && failure.what.contains("thread $T: line 3: invoke \"one\""), "{failure:?}");
    }
    for wrong in
        ["(wait $Nobody)", "(thread $T (module)) (thread $T (module))", "(thread $T (shared (module $Nothing)))"]
    {
        let outcome = outcome(&format!("(module) {wrong}"));
        assert_eq!(outcome.failures.len(), 1, "{wrong}");
    }
}
