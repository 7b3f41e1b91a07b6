//! A module's functions on one page: WebAssembly, intermediate representation and machine code side by side.
//!
//! ```text
//!  bodies ─► wat ──────────────► operators ─┐
//!  codegen::explore ───────────► CLIF ──────┼─► page (HTML), linked by position
//!  the artifact ─► disassembly ► code ──────┘
//! ```
//!
//! | room | what it makes |
//! |---|---|
//! | [`choice`] | which functions to show |
//! | [`wat`] | their operators as text |
//! | [`disassembly`] | their code as text, by architecture |
//! | [`page`] | HTML that needs nothing but itself |
//!
//! What links the columns is the position that the code generator carries for each instruction. An operator of an inlined
//! call has one of its own for each such call, so the callee's operators are shown below the call that they stand for.
//!
//! Architecture invariants: code and addresses are those of the artifact that the same options make. All that a module
//! names reaches the page as text ([`page`] says how). The page's size is bounded, whatever the module: by default so many
//! functions, and of each column so many lines of so many characters.

mod choice;
mod disassembly;
mod page;
mod wat;

use crate::codegen::{Explored, Site, Unit};
use crate::emit::{self, unit_name};
use crate::error::{CompileError, Result};
use crate::link::{self, Place};
use crate::module::Module;
use crate::options::Options;
use crate::symbol::Symbol;
use crate::{Front, merge, target};
use bailiwick_runtime_abi::trap::{CALL_SITE, TrapCode};
use bailiwick_runtime_abi::types::Arch;
use bailiwick_runtime_abi::view::View;
use cranelift_codegen::ir::UserExternalName;
use page::{Column, Page, Row, Section};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use wasmparser::FunctionBody;

/// The page of a WebAssembly binary. `title` is what the page calls the module; `wanted` are functions by name or index,
/// and none means the first ones.
pub(crate) fn explore(wasm: &[u8], options: &Options<'_>, title: &str, wanted: &[String]) -> Result<String> {
    let target = target::build(options)?;
    let source = merge::Source::new(wasm, options)?;
    let front = Front::new(&source, options)?;
    let chosen = choice::choose(&front.module, &front.bodies, wanted)?;
    let units = front.input(&target, options).compile()?;
    let text = link::link(options.target, &units)?;
    let places = text.places.clone();
    let artifact = emit::artifact(&front.parts(&source, &units, &target, options), text)?;
    let view =
        View::new(&artifact, artifact.len() as u64).map_err(|error| CompileError::internal(error.to_string()))?;
    let code = Code {
        arch: options.target,
        module: &front.module,
        text: view.text(),
        address: view.header().text.offset,
        units: places.iter().zip(&units).collect(),
    };
    let with_blocks = target::build_with_blocks(options)?;
    let explored = front.input(&with_blocks, options).explore(&chosen.functions)?;

    let inlined = explored.iter().flat_map(|explored| explored.positions.inlined.iter().map(|call| call.function));
    let shown: BTreeSet<u32> = chosen.functions.iter().copied().chain(inlined).collect();
    let wat = wat::lines(wasm, front.module.imported_functions, &front.bodies, &shown)?;
    let sections = chosen.functions.iter().zip(&explored);
    let sections = sections.map(|(&function, explored)| section(&code, &front.bodies, &wat, function, explored));
    Ok(page::write(&Page {
        title,
        about: format!("{}, {}", crate::VERSION, options.canonical()?),
        note: chosen.note,
        sections: sections.collect(),
    }))
}

/// The code of the artifact.
struct Code<'a> {
    arch: Arch,
    module: &'a Module<'a>,
    text: &'a [u8],
    /// Of the text.
    address: u64,
    /// Ascending.
    units: Vec<(&'a Place, &'a Unit)>,
}

impl Code<'_> {
    fn unit(&self, symbol: Symbol) -> Option<(&Place, &Unit)> {
        self.units.iter().copied().find(|(place, _)| place.symbol == symbol)
    }

    /// What is at an address of the text.
    fn name_of(&self, address: u64) -> Option<String> {
        let offset = u32::try_from(address.checked_sub(self.address)?).ok()?;
        let next = self.units.partition_point(|(place, _)| place.offset <= offset);
        let (place, _) = self.units.get(next.checked_sub(1)?)?;
        let name = unit_name(self.module, place.symbol);
        match offset - place.offset {
            0 => Some(name),
            within if within < place.len => Some(format!("{name}+{within:#x}")),
            _ => None,
        }
    }
}

fn section(
    code: &Code<'_>,
    bodies: &[FunctionBody<'_>],
    wat: &BTreeMap<u32, Vec<wat::Line>>,
    function: u32,
    explored: &Explored,
) -> Section {
    let found = code.unit(Symbol::Function(function));
    let (bytes, address, sites) = match found {
        Some((place, unit)) => {
            let start = place.offset as usize;
            let bytes = code.text.get(start..start + place.len as usize).unwrap_or_default();
            (bytes, code.address + u64::from(place.offset), &unit.sites)
        }
        None => (&explored.unit.code[..], 0, &explored.unit.sites),
    };
    let translated = clif(code.module, explored, &explored.translated);
    let lowered = clif(code.module, explored, &explored.lowered);
    let machine = machine(code, explored, bytes, address, sites);
    let linked: HashSet<u32> =
        [&translated, &lowered, &machine].into_iter().flatten().filter_map(Row::position).collect();
    let mut operators =
        Operators { wat, explored, module: code.module, linked: &linked, calls: HashMap::new(), rows: Vec::new() };
    for (i, call) in explored.positions.inlined.iter().enumerate() {
        operators.calls.entry((call.outer, call.call_offset)).or_default().push(i as u32);
    }
    operators.add(function, None);
    let operators = operators.rows;

    let body = bodies[(function - code.module.imported_functions) as usize].range();
    let place = match found {
        Some(_) => format!("{} bytes of code at {address:#x}", bytes.len()),
        None => format!("{} bytes of code", bytes.len()),
    };
    Section {
        function,
        name: unit_name(code.module, Symbol::Function(function)),
        about: format!("function {function}, {:#x} to {:#x} in the module, {place}", body.start, body.end),
        note: found.is_none().then_some(
            "Every call of this function is inlined, so the artifact has no code of its own for it. This is what it \
             would be, before it is linked.",
        ),
        columns: [
            Column { title: "WebAssembly", class: "w", rows: operators },
            Column { title: "CLIF as translated", class: "c t", rows: translated },
            Column { title: "CLIF as lowered", class: "c l", rows: lowered },
            Column { title: code.arch.name(), class: "m", rows: machine },
        ],
    }
}

/// The operators of a function, those of inlined calls below the call.
struct Operators<'a> {
    wat: &'a BTreeMap<u32, Vec<wat::Line>>,
    explored: &'a Explored,
    module: &'a Module<'a>,
    /// Positions that something was made for.
    linked: &'a HashSet<u32>,
    /// The inlined calls, by the one that they are in and the offset of the call.
    calls: HashMap<(Option<u32>, u32), Vec<u32>>,
    rows: Vec<Row>,
}

impl Operators<'_> {
    fn add(&mut self, function: u32, inlined: Option<u32>) {
        for line in self.wat.get(&function).into_iter().flatten() {
            let position = self.explored.positions.position(line.offset, inlined);
            self.rows.push(Row::Line {
                position: Some(position),
                lead: format!("{:6x}  ", line.offset),
                text: line.text.clone(),
                trail: String::new(),
                dim: !self.linked.contains(&position),
            });
            // Taken out, so that a line that shares its offset with another does not show them twice. A call that is inlined
            // in each copy of a loop is there more than once.
            for call in self.calls.remove(&(inlined, line.offset)).unwrap_or_default() {
                let callee = self.explored.positions.inlined[call as usize].function;
                let name = unit_name(self.module, Symbol::Function(callee));
                self.rows.push(Row::Open { text: format!("inlined here: {name}, function {callee}") });
                self.add(callee, Some(call));
                self.rows.push(Row::Close);
            }
        }
    }
}

/// Where code of an inlined call comes from.
fn origin(module: &Module<'_>, explored: &Explored, position: u32) -> String {
    match explored.positions.resolve(position) {
        (offset, Some(call)) => {
            let callee = explored.positions.inlined[call as usize].function;
            format!("  ; of {}, {offset:x}", unit_name(module, Symbol::Function(callee)))
        }
        (_, None) => String::new(),
    }
}

/// Rows of intermediate representation as the code generator writes it: instructions of an operator begin with `@` and its
/// position.
fn clif(module: &Module<'_>, explored: &Explored, text: &str) -> Vec<Row> {
    let row = |line: &str| {
        let (position, rest) = match line.trim_start().strip_prefix('@').and_then(|rest| rest.split_once(' ')) {
            Some((position, rest)) => (u32::from_str_radix(position, 16).ok(), rest),
            None => (None, line),
        };
        let rest = rest.trim();
        let indent = if rest.starts_with("block") || rest.starts_with("function") || rest == "}" { "" } else { "    " };
        let named = callee(rest).map(|symbol| format!("  ; {}", unit_name(module, symbol)));
        let trail = named.or_else(|| position.map(|position| origin(module, explored, position))).unwrap_or_default();
        Row::Line { position, lead: String::new(), text: format!("{indent}{rest}"), trail, dim: position.is_none() }
    };
    text.lines().filter(|line| !line.trim().is_empty()).map(row).collect()
}

/// What a declaration like `fn0 = colocated u0:5 sig0` names.
fn callee(line: &str) -> Option<Symbol> {
    let (_, declared) = line.strip_prefix("fn")?.split_once(" = ")?;
    let name = declared.split(' ').find_map(|word| word.strip_prefix('u').and_then(|name| name.split_once(':')))?;
    Symbol::from_name(&UserExternalName { namespace: name.0.parse().ok()?, index: name.1.parse().ok()? })
}

/// Rows of machine code: address, bytes, instruction, and what is known of it.
fn machine(code: &Code<'_>, explored: &Explored, bytes: &[u8], address: u64, sites: &[Site]) -> Vec<Row> {
    let traps: BTreeMap<u32, TrapCode> = sites
        .iter()
        .filter(|site| site.code != CALL_SITE)
        .filter_map(|site| Some((site.offset, TrapCode::from_byte(site.code)?)))
        .collect();
    let starts = explored.blocks.iter().chain(traps.keys()).copied().collect();
    let pieces = disassembly::disassemble(code.arch, bytes, address, starts);
    let end = address + bytes.len() as u64;
    let row = |piece: disassembly::Piece<'_>| {
        let offset = piece.offset as u32;
        let next = explored.ranges.partition_point(|&(start, ..)| start <= offset);
        let range = next.checked_sub(1).map(|i| explored.ranges[i]).filter(|&(_, end, _)| offset < end);
        let position = range.map(|(_, _, position)| position);
        let mut trail = String::new();
        // Within the function an address says enough; in what is not linked yet, others mean nothing.
        let outside = |target: &u64| address != 0 && !(address + 1..end).contains(target);
        if let Some(name) = piece.target.filter(outside).and_then(|target| code.name_of(target)) {
            trail.push_str(&format!("  ; {name}"));
        }
        if let Some(trap) = traps.get(&offset) {
            trail.push_str(&format!("  ; may trap: {trap}"));
        }
        if let Some(position) = position {
            trail.push_str(&origin(code.module, explored, position));
        }
        let hex = piece.bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
        let lead =
            format!("{:6x}  {hex:<width$}  ", address + u64::from(offset), width = disassembly::width(code.arch));
        Row::Line { position, lead, text: piece.text, trail, dim: position.is_none() }
    };
    pieces.into_iter().map(row).collect()
}
