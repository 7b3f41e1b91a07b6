//! Modules of different sizes, to be loaded, instantiated and compiled.

use crate::code;
use bailiwick_compiler::binary;

/// A guest that writes a line: the smallest honest program.
pub const HELLO: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\08\00\00\00\06\00\00\00hello\0a")
  (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 20)))))"#;

/// The same, which then waits for a byte of its standard input.
pub const WAITING: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\08\00\00\00\06\00\00\00hello\0a")
  (data (i32.const 32) "\30\00\00\00\01\00\00\00")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 20)))
    (drop (call $read (i32.const 0) (i32.const 32) (i32.const 1) (i32.const 20)))))"#;

/// What there is of each size, by names that figures have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Module {
    /// [`HELLO`].
    Tiny,
    /// The README's example, a JSON formatter in C.
    Middle,
    /// SQLite, from a package.
    Large,
    /// Yosys, from a package: some 20 MB.
    Huge,
}

impl Module {
    /// Those that are loaded and instantiated.
    pub const LOADED: [Module; 3] = [Module::Tiny, Module::Middle, Module::Large];

    /// A name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Module::Tiny => "hello",
            Module::Middle => "jsonfmt",
            Module::Large => "sqlite",
            Module::Huge => "yosys",
        }
    }

    /// Its binary, or why it can't be had.
    pub fn wasm(self) -> Result<Vec<u8>, String> {
        let path = match self {
            Module::Tiny => return binary(HELLO.as_bytes()).map(|wasm| wasm.into_owned()).map_err(|e| e.to_string()),
            Module::Middle => concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/guests/demo/jsonfmt.wasm").into(),
            Module::Large => code::obtained("sqlite")?.join("plain.wasm"),
            Module::Huge => code::obtained("yosys")?,
        };
        std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))
    }
}
