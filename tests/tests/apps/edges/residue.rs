//! Attack 1c, but for what lies in memory: a secret that has gone through calls just before leaves nothing that the next
//! module that is called could find, in its locals, its parameters, its tables, or in what its memory grows by.

use super::*;

/// What the secret-keeper passes, sixteen times, to somebody else; the scanner does not know it.
const SECRET: i64 = 0x6c61_6e74_6572_6e21;

/// It counts what is not zero in what it never wrote: 512 locals of each type, seven pages of memory, tables.
fn scanner() -> Module {
    let locals = |core: &str| format!(" {core}").repeat(512);
    let mut body = String::new();
    for (i, core) in ["i64", "i32", "f64", "f32"].into_iter().enumerate() {
        for local in 512 * i..512 * (i + 1) {
            let bits = match core {
                "i64" => format!("(local.get {local})"),
                "i32" => format!("(i64.extend_i32_u (local.get {local}))"),
                "f64" => format!("(i64.reinterpret_f64 (local.get {local}))"),
                _ => format!("(i64.extend_i32_u (i32.reinterpret_f32 (local.get {local})))"),
            };
            let _ = write!(body, "(call $see {bits})");
        }
    }
    let text = format!(
        "(module (memory (export \"memory\") 1) (table $t 64 funcref) (table $x 64 externref)
        (global $found (mut i64) (i64.const 0))
        (func $see (param i64) (if (i64.ne (local.get 0) (i64.const 0)) (then
            (global.set $found (i64.add (global.get $found) (i64.const 1))))))
        ;; Every local is at first zero (WebAssembly, 4.4.10), and so is every page.
        (func $locals (local{}{}{}{}) {body})
        (func $pages (local $at i32)
            (local.set $at (i32.const 8))
            (loop $next
                (call $see (i64.load (local.get $at)))
                (local.set $at (i32.add (local.get $at) (i32.const 8)))
                (br_if $next (i32.lt_u (local.get $at) (i32.shl (memory.size) (i32.const 16))))))
        (func $tables (local $at i32)
            (loop $next
                (call $see (i64.extend_i32_u (i32.or
                    (i32.eqz (ref.is_null (table.get $t (local.get $at))))
                    (i32.eqz (ref.is_null (table.get $x (local.get $at)))))))
                (local.set $at (i32.add (local.get $at) (i32.const 1)))
                (br_if $next (i32.lt_u (local.get $at) (i32.const 64)))))
        (func (export \"test:scanner/scan#scan\") (result i64)
            (global.set $found (i64.const 0))
            (call $locals)
            (drop (memory.grow (i32.const 6)))
            (call $pages)
            (drop (table.grow $t (ref.null func) (i32.const 64)))
            (call $tables)
            (global.get $found))
        ;; Control: what it keeps itself it finds.
        (func (export \"test:scanner/scan#keep\") (param i64) (i64.store (i32.const 4096) (local.get 0))))",
        locals("i64"),
        locals("i32"),
        locals("f64"),
        locals("f32")
    );
    let wit =
        "package test:scanner; interface scan { scan: func() -> u64; keep: func(v: u64); } world w { export scan; }";
    Module { name: "scanner", text, wit: wit.into() }
}

/// It takes sixteen numbers and an array of text, and uses them all, so that they are in registers and on its stack.
fn confidant() -> Module {
    let sum = (0..16).fold(String::from("(i64.const 0)"), |sum, i| format!("(i64.add {sum} (local.get {i}))"));
    let text = format!(
        "(module (memory (export \"memory\") 1)
        (func $deep (param i64 i32) (result i64)
            (if (result i64) (local.get 1)
                (then (i64.add (local.get 0) (call $deep (local.get 0) (i32.sub (local.get 1) (i32.const 1)))))
                (else (local.get 0))))
        (func (export \"test:confidant/told#told\") (param{}) (result i64)
            (call $deep {sum} (i32.const 1000))))",
        " i64".repeat(16)
    );
    let params: Vec<String> = (0..16).map(|i| format!("p{i}: u64")).collect();
    let wit = format!(
        "package test:confidant; interface told {{ told: func({}) -> u64; }} world w {{ export told; }}",
        params.join(", ")
    );
    Module { name: "confidant", text, wit }
}

#[test]
fn attack_1c_a_secret_that_passed_by_leaves_nothing_in_locals_pages_and_tables() {
    let params: Vec<String> = (0..16).map(|i| format!("p{i}: u64")).collect();
    let told = format!("(drop (call $told {}))", format!("(i64.const {SECRET})").repeat(16));
    let text = format!(
        "(module (import \"test:scanner/scan\" \"scan\" (func $scan (result i64)))
        (import \"test:scanner/scan\" \"keep\" (func $keep (param i64)))
        (import \"test:confidant/told\" \"told\" (func $told (param{}) (result i64)))
        (import \"wasi_snapshot_preview1\" \"args_get\" (func $arguments (param i32 i32) (result i32)))
        (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
        (memory (export \"memory\") 1) (data (i32.const 1024) \"!nretnal\")
        (func (export \"_start\") (local $found i64)
            (drop (call $arguments (i32.const 0) (i32.const 16)))
            {told} (local.set $found (call $scan))
            {told} (local.set $found (i64.add (local.get $found) (call $scan)))
            ;; 1: as it is. 2: the scanner is told, which is the control.
            (if (i32.eq (i32.load8_u (i32.load (i32.const 4))) (i32.const 0x32)) (then
                (call $keep (i64.const {SECRET}))
                (local.set $found (i64.add (local.get $found) (call $scan)))))
            (call $exit (i32.wrap_i64 (local.get $found)))))",
        " i64".repeat(16)
    );
    let wit = format!(
        "package test:keeper; world keeper {{ import test:scanner/scan; import test:confidant/told; }}
        package test:scanner {{ interface scan {{ scan: func() -> u64; keep: func(v: u64); }} }}
        package test:confidant {{ interface told {{ told: func({}) -> u64; }} }}",
        params.join(", ")
    );
    let manifest = "[package]\nname = \"judge\"\nmodule = \"keeper.bwk\"\n\
        [host]\nargs = { kind = \"args\", command_line = true }\nout = { kind = \"stdio\", stdout = \"capture\" }\n\
        [grants]\nargs = \"args\"\nout = \"out\"\n[deps.scanner]\nmodule = \"scanner.bwk\"\n[deps.confidant]\nmodule = \"confidant.bwk\"\n";
    let keeper = Module { name: "keeper", text, wit };
    let bench = Bench::new(manifest, &[keeper, scanner(), confidant()]);
    assert_eq!(bench.run("1").status, Ok(0), "nothing is found");
    assert_eq!(bench.run("2").status, Ok(1), "control: what it was told it finds");
    // Nor is anything of one application left for the next in the same process.
    assert_eq!(bench.run("1").status, Ok(0));
}
