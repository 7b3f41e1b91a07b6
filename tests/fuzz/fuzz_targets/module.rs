//! Any bytes as a module: compiled, or refused with a message. Never a panic; and what is compiled is an artifact.
#![no_main]

use arbitrary::Unstructured;
use bailiwick_compiler::{Options, compile};
use bailiwick_loader::verify_content;
use bailiwick_runtime_abi::types::Arch;
use libfuzzer_sys::fuzz_target;
use wasm_smith::{Config, Module};
use zerocopy::IntoBytes;

/// The bytes themselves, if they begin as a module; else a valid module that they are the seed of.
fn module(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.starts_with(b"\0asm") || bytes.starts_with(b"(") {
        return Some(bytes.to_vec());
    }
    let config = Config {
        simd_enabled: false,
        relaxed_simd_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        tail_call_enabled: false,
        threads_enabled: false,
        multi_value_enabled: true,
        reference_types_enabled: true,
        bulk_memory_enabled: true,
        max_instructions: 2000,
        ..Config::default()
    };
    Some(Module::new(config, &mut Unstructured::new(bytes)).ok()?.to_bytes())
}

fuzz_target!(|bytes: &[u8]| {
    let Some(wasm) = module(bytes) else { return };
    for target in [Arch::X86_64, Arch::Aarch64] {
        let options = Options { target, jobs: Some(1), ..Options::default() };
        match compile(&wasm, &options) {
            Ok(artifact) => {
                let mut words = vec![0u64; artifact.len().div_ceil(8)];
                let aligned = &mut words.as_mut_bytes()[..artifact.len()];
                aligned.copy_from_slice(&artifact);
                verify_content(aligned).expect("what the compiler has written");
            }
            Err(error) => {
                let text = error.to_string();
                assert!(!text.is_empty() && !text.contains("internal error"), "{text}");
            }
        }
    }
});
