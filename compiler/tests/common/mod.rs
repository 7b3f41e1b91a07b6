//! What several tests need.
#![allow(dead_code, reason = "no test needs all of it")]

pub mod check;

use bailiwick_compiler::{Options, binary, compile};

/// Compiles a module in the text format.
pub fn artifact(wat: &str, options: &Options<'_>) -> Vec<u8> {
    let wasm = binary(wat.as_bytes()).unwrap_or_else(|e| panic!("{e}\n{wat}"));
    compile(&wasm, options).unwrap_or_else(|e| panic!("{e}\n{wat}"))
}

/// Bytes aligned as a mapping would be.
pub struct Aligned {
    words: Vec<u64>,
    len: usize,
}

impl Aligned {
    pub fn new(bytes: &[u8]) -> Aligned {
        let mut words = vec![0u64; bytes.len().div_ceil(8)];
        for (word, chunk) in words.iter_mut().zip(bytes.chunks(8)) {
            let mut full = [0; 8];
            full[..chunk.len()].copy_from_slice(chunk);
            *word = u64::from_le_bytes(full);
        }
        Aligned { words, len: bytes.len() }
    }

    pub fn bytes(&self) -> &[u8] {
        use zerocopy::IntoBytes;
        &self.words.as_bytes()[..self.len]
    }
}

/// Standard output of a tool that must succeed and say nothing on standard error.
pub fn quiet(command: &mut std::process::Command) -> String {
    let output = command.env("LC_ALL", "C").output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{command:?}: {}\n{errors}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}
