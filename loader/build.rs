//! Keeps the names of GDB's JIT interface (`src/cli/gdb.rs`) in the program when all others are stripped from it.

fn main() {
    for symbol in ["__jit_debug_descriptor", "__jit_debug_register_code"] {
        println!("cargo::rustc-link-arg-bin=bailiwick=-Wl,--export-dynamic-symbol={symbol}");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
