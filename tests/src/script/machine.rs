//! Runs the directives of a script.

use super::matching::{argument, matches, show};
use super::refusal::{Kind, Refused, compare};
use super::threads::{Given, Threads};
use super::{Failure, Outcome, Script, spectest};
use crate::compile::{Refusal, Settings, compile_with, host};
use bailiwick_loader::{Artifact, Error, Extern, Group, Imports, Instance, LinkError, TrapCode, Val};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::token::Id;
use wast::{QuoteWat, Wast, WastDirective, WastExecute, WastInvoke, WastRet, Wat};

/// Which traps the specification's messages mean. A script may write less or more of the words.
pub const TRAP_MESSAGES: &[(&str, TrapCode)] = &[
    ("unreachable", TrapCode::Unreachable),
    ("integer divide by zero", TrapCode::IntegerDivisionByZero),
    ("integer overflow", TrapCode::IntegerOverflow),
    ("invalid conversion to integer", TrapCode::BadConversionToInteger),
    ("out of bounds memory access", TrapCode::MemoryOutOfBounds),
    ("out of bounds table access", TrapCode::TableOutOfBounds),
    ("undefined element", TrapCode::TableOutOfBounds),
    ("uninitialized", TrapCode::IndirectCallToNull),
    ("indirect call type mismatch", TrapCode::BadSignature),
    ("call stack exhausted", TrapCode::StackOverflow),
    ("null", TrapCode::NullReference),
    ("cast failure", TrapCode::CastFailure),
    ("unaligned atomic", TrapCode::HeapMisaligned),
    ("expected shared memory", TrapCode::ExpectedShared),
];

/// Why a directive does not pass.
pub(super) enum Stop {
    Fail(String),
    Skip(String),
}

impl Stop {
    pub(super) fn fail(what: impl Into<String>) -> Stop {
        Stop::Fail(what.into())
    }
    pub(super) fn skip(what: impl Into<String>) -> Stop {
        Stop::Skip(what.into())
    }
}

/// What a name of a script stands for.
#[derive(Clone)]
enum Slot<T> {
    There(T),
    /// It could not be made, and that was reported.
    Failed,
    /// It needs what is not implemented.
    Skipped(String),
}

impl<T: Clone> Slot<T> {
    fn get(&self) -> Result<T, Stop> {
        match self {
            Slot::There(item) => Ok(item.clone()),
            Slot::Failed => Err(Stop::fail("the module could not be made, see above")),
            Slot::Skipped(why) => Err(Stop::skip(why.clone())),
        }
    }

    fn of(result: &Result<T, Stop>) -> Slot<T> {
        match result {
            Ok(item) => Slot::There(item.clone()),
            Err(Stop::Fail(_)) => Slot::Failed,
            Err(Stop::Skip(why)) => Slot::Skipped(why.clone()),
        }
    }
}

struct Machine<'a> {
    settings: Settings,
    needs_gc: bool,
    text: &'a str,
    group: Group,
    /// The host module.
    spectest: Imports,
    registered: BTreeMap<String, Instance>,
    current: Slot<Instance>,
    instances: HashMap<String, Slot<Instance>>,
    definition: Slot<Artifact>,
    definitions: HashMap<String, Slot<Artifact>>,
    /// Names that modules were registered by, if these were skipped.
    skipped: HashSet<String>,
    script: &'a Script,
    threads: Threads,
}

/// Runs a script. `line` follows the directives, so that a watcher can tell where it hangs.
pub fn run(script: &Script, line: &AtomicUsize) -> Outcome {
    run_given(script, line, None)
}

/// Runs a script, or a thread of one, which was given something.
pub(super) fn run_given(script: &Script, line: &AtomicUsize, given: Option<Given>) -> Outcome {
    let mut outcome = Outcome::default();
    if let Err(failure) = run_to(script, line, given, &mut outcome) {
        outcome.failures.push(failure);
    }
    outcome
}

fn run_to(script: &Script, line: &AtomicUsize, given: Option<Given>, outcome: &mut Outcome) -> Result<(), Failure> {
    let text = &*script.text;
    let unparsed = |e: wast::Error| Failure { line: e.span().linecol_in(text).0 + 1, what: e.message() };
    let mut lexer = Lexer::new(text);
    // names.wast has every kind of character in its names.
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer).map_err(unparsed)?;
    let wast = parser::parse::<Wast<'_>>(&buffer).map_err(unparsed)?;
    let host = |e: Error| Failure { line: 0, what: e.to_string() };
    let mut group = Group::new().map_err(host)?;
    let spectest = spectest::grant(&mut group).map_err(host)?;
    let mut machine = Machine {
        settings: script.settings,
        needs_gc: script.needs_gc,
        text,
        group,
        spectest,
        registered: BTreeMap::new(),
        current: Slot::Failed,
        instances: HashMap::new(),
        definition: Slot::Failed,
        definitions: HashMap::new(),
        skipped: HashSet::new(),
        script,
        threads: Threads::of(given),
    };
    let mut skipped_module = false;
    for directive in wast.directives {
        let at = directive.span().linecol_in(text).0 + 1;
        line.store(at, Ordering::Relaxed);
        let (assertion, module) = (is_assertion(&directive), matches!(directive, WastDirective::Module(_)));
        match machine.step(directive) {
            Ok(()) => outcome.passed += usize::from(assertion),
            Err(Stop::Skip(why)) if !machine.needs_gc => {
                let what = format!("this script is to pass, but needs what is not implemented: {why}");
                outcome.failures.push(Failure { line: at, what });
            }
            Err(Stop::Skip(_)) => {
                outcome.skipped += usize::from(assertion);
                skipped_module |= module || assertion;
            }
            // What was skipped might have changed what this looks at.
            Err(Stop::Fail(_)) if skipped_module && assertion => outcome.skipped += 1,
            Err(Stop::Fail(what)) => outcome.failures.push(Failure { line: at, what }),
        }
    }
    if let Err(Stop::Fail(what) | Stop::Skip(what)) = machine.threads.wait_for_all() {
        outcome.failures.push(Failure { line: 0, what });
    }
    outcome.passed += machine.threads.passed;
    Ok(())
}

fn is_assertion(directive: &WastDirective<'_>) -> bool {
    !matches!(
        directive,
        WastDirective::Module(_)
            | WastDirective::ModuleDefinition(_)
            | WastDirective::ModuleInstance { .. }
            | WastDirective::Register { .. }
            | WastDirective::Invoke(_)
            | WastDirective::Thread(_)
            | WastDirective::Wait { .. }
    )
}

fn name(id: Option<Id<'_>>) -> Option<String> {
    id.map(|id| id.name().to_owned())
}

/// An error for a report: its first line, without the backtrace.
fn brief(error: &Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

impl Machine<'_> {
    fn step(&mut self, directive: WastDirective<'_>) -> Result<(), Stop> {
        match directive {
            WastDirective::Module(mut module) => {
                let id = name(module.name());
                let made = self.artifact(&mut module).and_then(|artifact| self.instantiate(&artifact));
                self.current = Slot::of(&made);
                if let Some(id) = id {
                    self.instances.insert(id, self.current.clone());
                }
                made.map(|_| ())
            }
            WastDirective::ModuleDefinition(mut module) => {
                let id = name(module.name());
                let made = self.artifact(&mut module);
                self.definition = Slot::of(&made);
                if let Some(id) = id {
                    self.definitions.insert(id, self.definition.clone());
                }
                made.map(|_| ())
            }
            WastDirective::ModuleInstance { instance, module, .. } => {
                let definition = match name(module) {
                    Some(id) => self.definitions.get(&id).unwrap_or(&Slot::Failed).clone(),
                    None => self.definition.clone(),
                };
                let made = definition.get().and_then(|artifact| self.instantiate(&artifact));
                self.current = Slot::of(&made);
                if let Some(id) = name(instance) {
                    self.instances.insert(id, self.current.clone());
                }
                made.map(|_| ())
            }
            WastDirective::Register { name, module, .. } if self.threads.register(module, name, &mut self.spectest) => {
                Ok(())
            }
            WastDirective::Register { name, module, .. } => match self.instance(module) {
                Ok(instance) => {
                    self.skipped.remove(name);
                    self.registered.insert(name.to_owned(), instance);
                    Ok(())
                }
                Err(stop) => {
                    self.registered.remove(name);
                    if let Stop::Skip(_) = stop {
                        self.skipped.insert(name.to_owned());
                    }
                    Err(stop)
                }
            },
            WastDirective::Invoke(invoke) => match self.invoke(&invoke)? {
                Ok(_) => Ok(()),
                Err(error) => Err(Stop::fail(format!("invoke {:?}: {}", invoke.name, brief(&error)))),
            },
            WastDirective::AssertReturn { exec, results, .. } => self.assert_return(exec, &results),
            WastDirective::AssertTrap { exec, message, .. } => self.assert_trap(exec, message),
            WastDirective::AssertExhaustion { call, message, .. } => self.assert_exhaustion(call, message),
            WastDirective::AssertInvalid { mut module, message, .. } => {
                self.assert_refused(&mut module, Kind::Invalid, message)
            }
            WastDirective::AssertMalformed { mut module, message, .. } => {
                self.assert_refused(&mut module, Kind::Malformed, message)
            }
            WastDirective::AssertUnlinkable { module, message, .. } => self.assert_unlinkable(module, message),
            WastDirective::AssertMalformedCustom { mut module, message, .. }
            | WastDirective::AssertInvalidCustom { mut module, message, .. } => match self.compile(&mut module) {
                // An annotation that the text parser takes for none.
                Err(Refused::Text(_)) => Ok(()),
                // The specification lets nothing in a custom section make a module invalid.
                Ok(_) => Err(Stop::fail(format!("compiled, because custom sections are tolerated: {message}"))),
                Err(refused) => Err(self.not_compiled(&refused)),
            },
            WastDirective::AssertException { exec, .. } => self.assert_exception(exec),
            WastDirective::AssertSuspension { .. } => Err(Stop::skip("stack switching")),
            WastDirective::Thread(thread) => {
                let shared = thread.shared_module.map(|id| self.instance(Some(id))).transpose()?;
                let shared = shared.map(|instance| (instance, &mut self.group));
                self.threads.start(self.script, &thread, shared)
            }
            WastDirective::Wait { thread, .. } => self.threads.wait(thread.name()),
        }
    }

    fn compile(&self, module: &mut QuoteWat<'_>) -> Result<Vec<u8>, Refused> {
        if let QuoteWat::Wat(Wat::Component(_)) | QuoteWat::QuoteComponent(..) = module {
            return Err(Refused::Compiler(Refusal::Unsupported("a component".into())));
        }
        let wasm = module.encode().map_err(|e| Refused::Text(e.message()))?;
        compile_with(host(), &self.settings, &wasm).map_err(Refused::Compiler)
    }

    /// What a refusal of a module means that is to be compiled.
    fn not_compiled(&self, refused: &Refused) -> Stop {
        match refused {
            Refused::Compiler(refusal) if refusal.is_garbage_collection() => Stop::skip(refusal.message()),
            Refused::Compiler(refusal) => Stop::Fail(format!("not compiled: {refusal}")),
            Refused::Text(message) => Stop::Fail(format!("not a module: {message}")),
        }
    }

    fn artifact(&self, module: &mut QuoteWat<'_>) -> Result<Artifact, Stop> {
        let bytes = self.compile(module).map_err(|refused| self.not_compiled(&refused))?;
        let line = module.span().linecol_in(self.text).0 + 1;
        Artifact::from_bytes(&bytes, format!("line {line}")).map_err(|e| Stop::fail(format!("not opened: {e}")))
    }

    fn instantiate(&mut self, artifact: &Artifact) -> Result<Instance, Stop> {
        self.try_instantiate(artifact)?.map_err(|error| Stop::fail(format!("not instantiated: {}", brief(&error))))
    }

    /// Instantiates a module: what came of it is within, unless it imports from a module that was skipped.
    fn try_instantiate(&mut self, artifact: &Artifact) -> Result<Result<Instance, Error>, Stop> {
        let mut imports = self.spectest.clone();
        for (name, instance) in &self.registered {
            imports.instance(name, *instance);
        }
        let result = self.group.instantiate(artifact, &imports);
        match result.as_ref().err().and_then(|error| self.absent(error)) {
            Some(stop) => Err(stop),
            None => Ok(result),
        }
    }

    /// Says that an error comes from a module that was skipped.
    fn absent(&self, error: &Error) -> Option<Stop> {
        match error {
            Error::Link(LinkError::NotGranted { module, .. }) if self.skipped.contains(module) => {
                Some(Stop::skip(format!("the module {module:?}")))
            }
            _ => None,
        }
    }

    fn instance(&self, id: Option<Id<'_>>) -> Result<Instance, Stop> {
        match id {
            None => self.current.get(),
            Some(id) => match self.instances.get(id.name()) {
                Some(slot) => slot.get(),
                None => Err(Stop::fail(format!("there is no module ${}", id.name()))),
            },
        }
    }

    /// Calls an export: what the guest did is within.
    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<Result<Vec<Val>, Error>, Stop> {
        let instance = self.instance(invoke.module)?;
        let arguments = invoke.args.iter().map(|a| argument(&mut self.group, a)).collect::<Result<Vec<_>, _>>()?;
        let func = instance.func(&mut self.group, invoke.name).map_err(|e| Stop::fail(e.to_string()))?;
        Ok(func.call(&mut self.group, &arguments))
    }

    fn execute(&mut self, exec: WastExecute<'_>) -> Result<Result<Vec<Val>, Error>, Stop> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Wat(module) => {
                let artifact = self.artifact(&mut QuoteWat::Wat(module))?;
                Ok(self.try_instantiate(&artifact)?.map(|_| Vec::new()))
            }
            WastExecute::Get { module, global, .. } => {
                let instance = self.instance(module)?;
                match instance.export(&mut self.group, global) {
                    Ok(Some(Extern::Global(g))) => Ok(g.get(&mut self.group).map(|value| vec![value])),
                    Ok(_) => Err(Stop::fail(format!("no exported global {global:?}"))),
                    Err(error) => Err(Stop::fail(error.to_string())),
                }
            }
        }
    }

    fn assert_return(&mut self, exec: WastExecute<'_>, expected: &[WastRet<'_>]) -> Result<(), Stop> {
        let what = describe(&exec);
        let found = self.execute(exec)?.map_err(|e| Stop::fail(format!("{what}: {}", brief(&e))))?;
        let mut equal = found.len() == expected.len();
        for (expected, found) in expected.iter().zip(&found) {
            equal = matches(&self.group, expected, found)? && equal;
        }
        if equal {
            return Ok(());
        }
        Err(Stop::fail(format!("{what}: got {}, expected {expected:?}", show(&found))))
    }

    fn assert_trap(&mut self, exec: WastExecute<'_>, message: &str) -> Result<(), Stop> {
        let what = describe(&exec);
        let result = self.execute(exec)?;
        let meant = |code| {
            let says = |words: &str| message.starts_with(words) || (!message.is_empty() && words.starts_with(message));
            TRAP_MESSAGES.iter().any(|&(words, known)| known == code && says(words))
        };
        match result {
            Err(error) if error.trap_code().is_some_and(meant) => Ok(()),
            Err(error) => Err(Stop::fail(format!("{what}: expected the trap {message:?}, got: {}", brief(&error)))),
            Ok(values) => Err(Stop::fail(format!("{what}: expected the trap {message:?}, got {}", show(&values)))),
        }
    }

    fn assert_exception(&mut self, exec: WastExecute<'_>) -> Result<(), Stop> {
        let what = describe(&exec);
        match self.execute(exec)? {
            Err(Error::Exception(exception)) => {
                exception.exception().release(&mut self.group);
                Ok(())
            }
            Err(error) => Err(Stop::fail(format!("{what}: expected an exception, got: {}", brief(&error)))),
            Ok(values) => Err(Stop::fail(format!("{what}: expected an exception, got {}", show(&values)))),
        }
    }

    fn assert_exhaustion(&mut self, call: WastInvoke<'_>, message: &str) -> Result<(), Stop> {
        let what = format!("invoke {:?}", call.name);
        match self.invoke(&call)? {
            Err(error) if error.trap_code() == Some(TrapCode::StackOverflow) => Ok(()),
            Err(error) => Err(Stop::fail(format!("{what}: expected {message:?}, got: {}", brief(&error)))),
            Ok(values) => Err(Stop::fail(format!("{what}: expected {message:?}, got {}", show(&values)))),
        }
    }

    fn assert_refused(&mut self, module: &mut QuoteWat<'_>, kind: Kind, message: &str) -> Result<(), Stop> {
        match self.compile(module) {
            Ok(_) => Err(Stop::fail(format!("compiled, but is to be refused: {message}"))),
            Err(Refused::Compiler(refusal)) if refusal.is_garbage_collection() => Err(Stop::skip(refusal.message())),
            Err(refused) => compare(kind, message, &refused).map_err(Stop::Fail),
        }
    }

    fn assert_unlinkable(&mut self, module: Wat<'_>, message: &str) -> Result<(), Stop> {
        let artifact = self.artifact(&mut QuoteWat::Wat(module))?;
        match self.try_instantiate(&artifact)? {
            Ok(_) => Err(Stop::fail(format!("linked, but is to be refused: {message}"))),
            Err(Error::Link(error)) => {
                let words = match error {
                    LinkError::NotGranted { .. } => "unknown import",
                    _ => "incompatible import type",
                };
                if message == words {
                    return Ok(());
                }
                Err(Stop::fail(format!("expected {message:?}, got {words:?}")))
            }
            Err(error) => Err(Stop::fail(format!("expected {message:?}, got: {}", brief(&error)))),
        }
    }
}

fn describe(exec: &WastExecute<'_>) -> String {
    match exec {
        WastExecute::Invoke(invoke) => format!("invoke {:?}", invoke.name),
        WastExecute::Wat(_) => "module".to_owned(),
        WastExecute::Get { global, .. } => format!("get {global:?}"),
    }
}
