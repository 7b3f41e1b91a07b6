//! The loops as components in Wasmtime, by its Python package: they run inside, so Python's cost is not in the figures.

use super::text::{Call, Payload, expected};
use super::{Loop, Prepare};
use crate::peers;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::rc::Rc;
use std::time::Duration;

/// A Python that runs components.
#[derive(Debug)]
pub struct Wasmtime {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    /// Its version.
    pub version: String,
}

impl Wasmtime {
    /// Starts it.
    pub fn start() -> Result<Wasmtime, String> {
        let mut command = peers::python(include_str!("wasmtime.py"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().map_err(|e| format!("python: {e}"))?;
        let (to, from) = process.stdin.take().zip(process.stdout.take()).ok_or("it has no pipes")?;
        let mut it = Wasmtime { process, to, from: BufReader::new(from), version: String::new() };
        it.version = it.read()?["version"].as_str().unwrap_or("of no version").to_owned();
        Ok(it)
    }

    fn ask(&mut self, what: &Value) -> Result<Value, String> {
        writeln!(self.to, "{what}").map_err(|e| e.to_string())?;
        self.read()
    }

    fn read(&mut self) -> Result<Value, String> {
        let mut line = String::new();
        self.from.read_line(&mut line).map_err(|e| e.to_string())?;
        peers::said(line.as_bytes())
    }
}

impl Drop for Wasmtime {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A loop in a component of this text.
pub fn loop_of(wasmtime: &Rc<RefCell<Wasmtime>>, payload: Payload, call: Call, text: String) -> Prepare {
    let wasmtime = Rc::clone(wasmtime);
    let key = format!("{payload:?} {call:?}");
    Box::new(move |count| {
        wasmtime.borrow_mut().ask(&json!({ "key": key, "text": text }))?;
        let (wasmtime, key) = (Rc::clone(&wasmtime), key.clone());
        Ok(Box::new(move || {
            let answer = wasmtime.borrow_mut().ask(&json!({ "key": key, "count": count }))?;
            if answer["result"] != expected(payload, call, count) {
                return Err("it computed something else".to_owned());
            }
            answer["ns"].as_u64().map(Duration::from_nanos).ok_or_else(|| "it says no time".to_owned())
        }) as Loop)
    })
}
