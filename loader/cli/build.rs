//! Keeps the names of GDB's JIT interface (`src/gdb.rs`) in the programs when all others are stripped from them.

fn main() {
    // A linker that is called by itself, as for what is distributed, takes what a C compiler would pass on.
    let itself = std::env::var_os("RUSTC_LINKER").is_some_and(|linker| linker == "rust-lld");
    let pass = if itself { "" } else { "-Wl," };
    for symbol in ["__jit_debug_descriptor", "__jit_debug_register_code"] {
        println!("cargo::rustc-link-arg-bins={pass}--export-dynamic-symbol={symbol}");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
