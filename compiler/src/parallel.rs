//! Work that is shared out to threads, with the same result at any number of them.

use crate::error::{CompileError, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Stack of a worker in bytes: the code generator recurses over expressions.
const STACK_SIZE: usize = 32 << 20;

/// Calls `work` for each item of `order`, in that order but on `jobs` threads, each with a state of its own. Gives the
/// results by item, and the final states in no order; none of either if there is no item.
///
/// Of several errors the one of the lowest item is returned. A panic becomes an error, and the worker goes on with a new
/// state.
pub(crate) fn run<S: Send, R: Send>(
    jobs: usize,
    order: &[usize],
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> Result<R> + Sync,
) -> Result<(Vec<R>, Vec<S>)> {
    // Without a thread: to start some takes longer than compiling a small function.
    if order.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Result<R>)>> = Mutex::new(Vec::with_capacity(order.len()));
    let worker = || {
        let mut own = state();
        let mut results = Vec::new();
        while let Some(&item) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = catch_unwind(AssertUnwindSafe(|| work(&mut own, item))).unwrap_or_else(|panic| {
                own = state();
                Err(CompileError::internal(panic_message(&*panic)))
            });
            results.push((item, result));
        }
        done.lock().unwrap_or_else(|e| e.into_inner()).append(&mut results);
        own
    };
    let jobs = jobs.clamp(1, order.len());
    let states = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs)
            .filter_map(|_| std::thread::Builder::new().stack_size(STACK_SIZE).spawn_scoped(scope, worker).ok())
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect::<Vec<S>>()
    });
    if states.is_empty() {
        return Err(CompileError::internal("no worker thread could be started"));
    }
    let mut done = done.into_inner().unwrap_or_else(|e| e.into_inner());
    done.sort_unstable_by_key(|(item, _)| *item);
    let results = done.into_iter().map(|(_, result)| result).collect::<Result<Vec<R>>>()?;
    if results.len() != order.len() {
        return Err(CompileError::internal("a worker thread was lost"));
    }
    Ok((results, states))
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("the code generator panicked").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_by_item_at_any_number_of_threads() {
        let order: Vec<usize> = (0..100).rev().collect();
        for jobs in [1, 3, 200] {
            let (results, states) = run(
                jobs,
                &order,
                || 0,
                |count, item| {
                    *count += 1;
                    Ok(item * 2)
                },
            )
            .unwrap();
            assert_eq!(results, (0..100).map(|i| i * 2).collect::<Vec<_>>());
            assert_eq!(states.iter().sum::<i32>(), 100);
        }
    }

    #[test]
    fn where_there_is_nothing_to_do_no_thread_is_started() {
        let (results, states) = run(4, &[], || panic!("a worker"), |(), _| Ok(())).unwrap();
        assert!(results.is_empty() && states.is_empty());
    }

    #[test]
    fn the_first_item_s_error_is_returned_and_a_panic_is_one() {
        let order: Vec<usize> = (0..10).collect();
        let error = run(
            2,
            &order,
            || (),
            |(), item| match item {
                3 => panic!("at three"),
                5 => Err(CompileError::internal("at five")),
                _ => Ok(()),
            },
        );
        assert_eq!(error.unwrap_err(), CompileError::internal("at three"));
    }
}
