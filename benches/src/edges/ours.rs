//! The loops as applications of this process.

use super::text::{Call, Payload};
use super::{Loop, Prepare};
use crate::apps::{Checked, compiled, compiled_linked, run};
use crate::scratch::Scratch;
use std::time::Instant;

/// A program of one module.
pub fn one_module(payload: Payload, call: Call) -> Prepare {
    Box::new(move |count| {
        let module = compiled(&payload.one_module(call, count), None)?;
        looping(&[("caller.bwk", module)], "module = \"caller.bwk\"\n")
    })
}

/// Two modules that core WebAssembly joins.
pub fn group(payload: Payload) -> Prepare {
    Box::new(move |count| {
        let [caller, callee] = payload.group(count);
        let modules = [("caller.bwk", compiled(&caller, None)?), ("callee.bwk", compiled(&callee, None)?)];
        looping(&modules, "group = { caller = \"caller.bwk\", callee = \"callee.bwk\" }\n")
    })
}

/// The same two, linked when they are compiled.
pub fn linked(payload: Payload) -> Prepare {
    Box::new(move |count| {
        let [caller, callee] = payload.group(count);
        looping(&[("caller.bwk", compiled_linked(&caller, "callee", &callee)?)], "module = \"caller.bwk\"\n")
    })
}

/// Two modules with an edge between them.
pub fn edge(payload: Payload) -> Prepare {
    Box::new(move |count| {
        let ([caller, callee], [imports, exports]) = (payload.edge(count), payload.wit());
        let modules =
            [("caller.bwk", compiled(&caller, Some(&imports))?), ("callee.bwk", compiled(&callee, Some(&exports))?)];
        looping(&modules, "module = \"caller.bwk\"\n[deps.callee]\nmodule = \"callee.bwk\"\n")
    })
}

/// Links the application of these modules, whose `_start` is what is timed.
fn looping(modules: &[(&str, Vec<u8>)], manifest: &str) -> Result<Loop, String> {
    let scratch = Scratch::new();
    for (name, bytes) in modules {
        scratch.write(name, bytes);
    }
    scratch.write("bailiwick.toml", format!("[package]\nname = \"bench\"\n{manifest}"));
    let checked = Checked::load(scratch.path())?;
    let mut app = checked.link()?;
    Ok(Box::new(move || {
        let begin = Instant::now();
        run(&mut app, &checked.plan)?;
        Ok(begin.elapsed())
    }))
}
