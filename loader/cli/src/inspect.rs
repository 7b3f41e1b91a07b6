//! `bailiwick inspect`: what an artifact holds, for people and, with `--json`, for programs.

use super::exit::{ExitCode, Failure};
use bailiwick_loader::{cpu, verify_content};
use bailiwick_runtime_abi::format::{FLAG_POLLS, Kind, MEMORY_64, MEMORY_SHARED, TABLE_64, Table, UNBOUNDED};
use bailiwick_runtime_abi::types::WasmFeature;
use bailiwick_runtime_abi::view::{FormatError, View};
use memmap2::MmapOptions;
use object::read::elf::ElfFile64;
use object::{Object, ObjectSection};
use rustix::fs::{Mode, OFlags};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs::File;
use std::path::PathBuf;

/// Arguments of `bailiwick inspect`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  bailiwick inspect app.bwk\n  bailiwick inspect app.bwk --json | jq .imports")]
pub struct Inspect {
    /// The artifact; it may be for another architecture
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Inspect {
    /// Prints what the artifact holds.
    pub fn execute(self) -> Result<ExitCode, Failure> {
        let fail = |message: String| Failure::new(format!("{}: {message}", self.file.display()));
        // Not blocking: a FIFO must not hang.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = rustix::fs::open(&self.file, flags, Mode::empty())
            .map_err(|e| fail(format!("can't open: {}", std::io::Error::from(e))))?;
        let file = File::from(file);
        let metadata = file.metadata().map_err(|e| fail(format!("can't stat: {e}")))?;
        if !metadata.is_file() {
            return Err(fail("not a regular file".to_owned()));
        }
        if metadata.len() == 0 {
            return Err(fail("not a Bailiwick artifact: the file is empty".to_owned()));
        }
        // SAFETY: a private, read-only mapping; a file that is truncated meanwhile ends this command, and nothing else.
        let map =
            unsafe { MmapOptions::new().map_copy_read_only(&file) }.map_err(|e| fail(format!("can't map: {e}")))?;
        let view = View::new(&map, metadata.len()).map_err(|e| fail(e.to_string()))?;
        verify_content(&map).map_err(|e| fail(e.to_string()))?;
        let mut report = describe(&view).map_err(|e| fail(e.to_string()))?;
        report["sections"] = sections(&map);
        let text = if self.json {
            serde_json::to_string_pretty(&report).map_err(|e| fail(e.to_string()))? + "\n"
        } else {
            for_people(&report)
        };
        super::text::print(&text)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn bound(value: u64) -> Value {
    if value == UNBOUNDED { Value::Null } else { value.into() }
}

/// The type of an import or export, in words.
fn item_type(view: &View<'_>, kind: u32, index: u32) -> Result<Value, FormatError> {
    let types =
        |range| -> Result<Vec<String>, FormatError> { Ok(view.value_types(range)?.map(|ty| ty.to_string()).collect()) };
    Ok(match Kind::from_u32(kind) {
        Some(Kind::Function) => {
            let function = view.record("functions", view.functions(), index)?;
            let ty = view.record("types", view.types(), function.type_index)?;
            json!({ "kind": "function", "params": types(ty.params)?, "results": types(ty.results)? })
        }
        Some(Kind::Table) => {
            let table = view.record("tables", view.tables(), index)?;
            let element = view.value_type(table.element_type)?.to_string();
            let index = if table.flags & TABLE_64 != 0 { "i64" } else { "i32" };
            json!({
                "kind": "table", "index": index, "element": element,
                "minimum": table.minimum, "maximum": bound(table.maximum)
            })
        }
        Some(Kind::Memory) => {
            let memory = view.record("memories", view.memories(), index)?;
            json!({
                "kind": "memory",
                "index": if memory.flags & MEMORY_64 != 0 { "i64" } else { "i32" },
                "shared": memory.flags & MEMORY_SHARED != 0,
                "page_bytes": 1u64.checked_shl(memory.page_size_log2),
                "minimum_pages": memory.minimum,
                "maximum_pages": bound(memory.maximum)
            })
        }
        Some(Kind::Global) => {
            let global = view.record("globals", view.globals(), index)?;
            let value = view.value_type(global.val_type)?.to_string();
            json!({ "kind": "global", "value": value, "mutable": global.mutable != 0 })
        }
        Some(Kind::Tag) => {
            let tag = view.record("tags", view.tags(), index)?;
            let ty = view.record("types", view.types(), tag.type_index)?;
            json!({ "kind": "tag", "params": types(ty.params)? })
        }
        None => return Err(bailiwick_runtime_abi::view::damaged("imports", "an unknown kind")),
    })
}

fn describe(view: &View<'_>) -> Result<Value, FormatError> {
    let header = view.header();
    let mut imports = Vec::new();
    for import in view.imports() {
        let mut item = item_type(view, import.kind, import.index)?;
        item["module"] = view.string(import.module)?.into();
        item["name"] = view.string(import.name)?.into();
        imports.push(item);
    }
    let mut exports = Vec::new();
    for export in view.exports() {
        let mut item = item_type(view, export.kind, export.index)?;
        item["name"] = view.string(export.name)?.into();
        exports.push(item);
    }
    let mut memories = Vec::new();
    for index in 0..view.memories().len() as u32 {
        memories.push(item_type(view, Kind::Memory as u32, index)?);
    }
    let mut sizes = Vec::new();
    for (index, function) in view.functions().iter().enumerate().skip(header.counts.imported_functions as usize) {
        sizes.push(json!({ "index": index, "name": view.string(function.name)?, "bytes": function.text_len }));
    }
    let defined = view.functions().len() - header.counts.imported_functions as usize;
    Ok(json!({
        "format_version": header.format_version,
        "abi_version": header.abi_version,
        "abi_fingerprint": format!("{:016x}", header.fingerprint),
        "compiler": view.compiler(),
        "options": view.string(header.options)?,
        "architecture": view.arch().name(),
        "cpu_features": cpu::feature_names(header.features),
        "wasm_features": WasmFeature::ALL
            .iter()
            .filter(|feature| header.wasm_features & feature.bit() != 0)
            .map(|feature| feature.name())
            .collect::<Vec<_>>(),
        "interruptible": header.flags & FLAG_POLLS != 0,
        "guard_bytes": header.guard_size,
        "source_sha256": hex(&header.source_sha256),
        "content_sha256": hex(&header.content_sha256),
        "bytes": {
            "file": header.file_len,
            "mapped": header.loaded_len,
            "text": header.text.len,
            "image": header.image.len,
        },
        "functions": { "defined": defined, "imported": header.counts.imported_functions, "sizes": sizes },
        "memories": memories,
        "tables": Table::ALL.iter().map(|&t| {
            let (size, _) = t.record_layout();
            json!({ "name": t.name(), "records": header.tables[t as usize].len / size as u64 })
        }).collect::<Vec<_>>(),
        "imports": imports,
        "exports": exports,
    }))
}

/// The ELF sections, as any tool sees them.
fn sections(bytes: &[u8]) -> Value {
    let Ok(elf) = ElfFile64::<object::Endianness>::parse(bytes) else { return Value::Null };
    elf.sections()
        .map(|s| json!({ "name": s.name().unwrap_or("?"), "address": s.address(), "bytes": s.size() }))
        .collect::<Vec<_>>()
        .into()
}

fn item_line(item: &Value) -> String {
    let list = |v: &Value| {
        let names = v.as_array().into_iter().flatten().filter_map(Value::as_str);
        names.collect::<Vec<_>>().join(", ")
    };
    let limits = |min: &Value, max: &Value, unit: &str| match max {
        Value::Null => format!("{min} or more {unit}"),
        max => format!("{min} to {max} {unit}"),
    };
    match item["kind"].as_str() {
        Some("function") => format!("({}) -> ({})", list(&item["params"]), list(&item["results"])),
        Some("table") => format!("table of {}", limits(&item["minimum"], &item["maximum"], &text(&item["element"]))),
        Some("memory") => {
            let shared = if item["shared"] == true { "shared " } else { "" };
            format!("{shared}memory of {}", limits(&item["minimum_pages"], &item["maximum_pages"], "pages"))
        }
        Some("global") => {
            let mutable = if item["mutable"] == true { "mutable " } else { "" };
            format!("{mutable}global {}", text(&item["value"]))
        }
        _ => String::new(),
    }
}

/// A string for a terminal: a module's names are a stranger's text.
fn text(value: &Value) -> String {
    value.as_str().unwrap_or("").escape_debug().to_string()
}

/// How many functions people are shown; JSON has all.
const LARGEST: usize = 10;

fn for_people(report: &Value) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(out, "{name:<14} {value}");
    };
    let features = report["cpu_features"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let features = features.collect::<Vec<_>>().join(" ");
    line("compiler", text(&report["compiler"]));
    line("options", text(&report["options"]));
    line("architecture", text(&report["architecture"]));
    line(
        "cpu features",
        if features.is_empty() { "none beyond the architecture's first".to_owned() } else { features },
    );
    let features = report["wasm_features"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let features = features.collect::<Vec<_>>().join(" ");
    line("wasm features", if features.is_empty() { "none beyond WebAssembly's first".to_owned() } else { features });
    line(
        "format",
        format!("{}, ABI {} ({})", report["format_version"], report["abi_version"], text(&report["abi_fingerprint"])),
    );
    line("interruptible", if report["interruptible"] == true { "yes" } else { "no" }.to_owned());
    line("guard", format!("{} bytes", report["guard_bytes"]));
    line("source", format!("sha256 {}", text(&report["source_sha256"])));
    line("content", format!("sha256 {}", text(&report["content_sha256"])));
    let bytes = &report["bytes"];
    line(
        "size",
        format!(
            "{} bytes, mapped {}, code {}, memory image {}",
            bytes["file"], bytes["mapped"], bytes["text"], bytes["image"]
        ),
    );
    let functions = &report["functions"];
    line("functions", format!("{} defined, {} imported", functions["defined"], functions["imported"]));
    for memory in report["memories"].as_array().into_iter().flatten() {
        line("memory", item_line(memory));
    }
    for (title, list) in [("imports", &report["imports"]), ("exports", &report["exports"])] {
        let _ = writeln!(out, "\n{title}");
        for item in list.as_array().into_iter().flatten() {
            let module = item["module"].as_str().map(|_| text(&item["module"]) + " ").unwrap_or_default();
            let _ = writeln!(out, "  {module}{}  {}", text(&item["name"]), item_line(item));
        }
    }
    let _ = writeln!(out, "\nlargest functions");
    let mut sizes: Vec<&Value> = report["functions"]["sizes"].as_array().into_iter().flatten().collect();
    sizes.sort_by_key(|f| std::cmp::Reverse(f["bytes"].as_u64()));
    for function in sizes.into_iter().take(LARGEST) {
        let name = match text(&function["name"]) {
            name if name.is_empty() => format!("function[{}]", function["index"]),
            name => name,
        };
        let _ = writeln!(out, "  {:>10} bytes  {name}", function["bytes"].as_u64().unwrap_or(0));
    }
    let _ = writeln!(out, "\nsections");
    for section in report["sections"].as_array().into_iter().flatten() {
        let (address, size) = (section["address"].as_u64().unwrap_or(0), section["bytes"].as_u64().unwrap_or(0));
        let _ = writeln!(out, "  {:<18} {address:#10x} {size:>10} bytes", text(&section["name"]));
    }
    out
}
