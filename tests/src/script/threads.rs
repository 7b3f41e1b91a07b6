//! Threads of scripts: `(thread $T (shared (module $M)) directive…)` runs its directives while the script goes on, until
//! `(wait $T)`. Each is run as a script of its own, in a group of its own, which is given the shared memories that `$M`
//! exports.

use super::machine::{Stop, run_given};
use super::{Outcome, Script};
use bailiwick_loader::{Extern, Group, Imports, Instance, SharedMemory};
use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::thread::JoinHandle;
use wast::WastThread;
use wast::lexer::{Lexer, TokenKind};
use wast::token::Id;

/// A module of the script that started a thread, as the thread has it.
#[derive(Debug)]
pub(super) struct Given {
    /// Without the `$`.
    module: String,
    memories: Vec<(String, SharedMemory)>,
}

/// The threads that a script has started, and what it was given, if it is a thread itself.
#[derive(Debug, Default)]
pub(super) struct Threads {
    given: Option<Given>,
    running: HashMap<String, JoinHandle<Outcome>>,
    /// Assertions that hold in threads which were waited for.
    pub(super) passed: usize,
}

impl Threads {
    pub(super) fn of(given: Option<Given>) -> Threads {
        Threads { given, ..Threads::default() }
    }

    /// Registers the module that this thread was given by a name, if `module` means it.
    pub(super) fn register(&self, module: Option<Id<'_>>, name: &str, imports: &mut Imports) -> bool {
        let given = self.given.as_ref().filter(|given| module.is_some_and(|id| id.name() == given.module));
        for (export, memory) in given.iter().flat_map(|given| &given.memories) {
            imports.shared_memory(name, export, memory);
        }
        given.is_some()
    }

    /// Starts a thread of `script`.
    pub(super) fn start(
        &mut self,
        script: &Script,
        thread: &WastThread<'_>,
        shared: Option<(Instance, &mut Group)>,
    ) -> Result<(), Stop> {
        let name = thread.name.name().to_owned();
        if self.running.contains_key(&name) {
            return Err(Stop::fail(format!("there is a thread ${name} already")));
        }
        let (strings, body) = body(&script.text, thread)?;
        let mut given = None;
        if let (Some(module), Some((instance, group))) = (thread.shared_module, shared) {
            let mut memories = Vec::new();
            // Whatever the thread imports is named in it.
            for name in strings {
                if let Ok(Some(Extern::Memory(memory))) = instance.export(group, &name)
                    && let Ok(Some(memory)) = memory.shared(group)
                {
                    memories.push((name, memory));
                }
            }
            given = Some(Given { module: module.name().to_owned(), memories });
        }
        let script = Script { text: body, ..script.clone() };
        let run = move || run_given(&script, &AtomicUsize::new(0), given);
        let handle = std::thread::Builder::new().name(name.clone()).spawn(run);
        self.running.insert(name, handle.map_err(|e| Stop::fail(format!("a thread can't be started: {e}")))?);
        Ok(())
    }

    /// Waits for the end of a thread. What failed in it fails here.
    pub(super) fn wait(&mut self, thread: &str) -> Result<(), Stop> {
        let Some(handle) = self.running.remove(thread) else {
            return Err(Stop::fail(format!("there is no thread ${thread}")));
        };
        let outcome = handle.join().map_err(|_| Stop::fail(format!("the thread ${thread} panicked")))?;
        self.passed += outcome.passed;
        let failures = outcome.failures.iter().map(|failure| format!("line {}: {}", failure.line, failure.what));
        let failures: Vec<String> = failures.collect();
        match (failures.is_empty(), outcome.skipped) {
            (true, 0) => Ok(()),
            (true, skipped) => Err(Stop::skip(format!("{skipped} assertions of the thread ${thread}"))),
            (false, _) => Err(Stop::fail(format!("thread ${thread}: {}", failures.join("; ")))),
        }
    }

    /// Waits for the threads that the script has not waited for.
    pub(super) fn wait_for_all(&mut self) -> Result<(), Stop> {
        let names: Vec<String> = self.running.keys().cloned().collect();
        names.iter().try_for_each(|name| self.wait(name))
    }
}

/// The strings in a thread's directives, and a script of these alone, in which each is on the line where it was.
fn body(text: &str, thread: &WastThread<'_>) -> Result<(Vec<String>, String), Stop> {
    let unread = |e: wast::Error| Stop::fail(format!("a thread can't be read: {}", e.message()));
    let lexer = Lexer::new(text);
    let start = thread.span.offset();
    let (mut depth, mut forms, mut from, mut strings) = (0, 0, None, Vec::new());
    for token in lexer.iter(start) {
        let token = token.map_err(unread)?;
        match token.kind {
            TokenKind::LParen => {
                // The first form says what is shared, if anything is.
                if depth == 0 && (forms > 0 || thread.shared_module.is_none()) {
                    from.get_or_insert(token.offset);
                }
                depth += 1;
            }
            TokenKind::RParen if depth == 0 => {
                let from = from.unwrap_or(token.offset);
                let lines = text[..from].matches('\n').count();
                return Ok((strings, "\n".repeat(lines) + &text[from..token.offset]));
            }
            TokenKind::RParen => {
                depth -= 1;
                forms += usize::from(depth == 0);
            }
            TokenKind::String => {
                let bytes = token.string(text);
                strings.extend(String::from_utf8(bytes.into_owned()));
            }
            _ => {}
        }
    }
    Err(Stop::fail("a thread has no end"))
}
