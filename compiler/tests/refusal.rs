//! What is refused, with the words a user reads.

use bailiwick_compiler::{CompileError, Options, binary, compile};

fn message(wat: &str) -> String {
    let wasm = binary(wat.as_bytes()).unwrap_or_else(|e| panic!("{e}\n{wat}"));
    match compile(&wasm, &Options::default()) {
        Ok(_) => panic!("compiled: {wat}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_proposal_is_named_with_the_place() {
    let mut failures = String::new();
    for (wat, expected) in [
        (
            "(module (type $s (struct)) (func (drop (struct.new $s))))",
            "garbage collection is not supported yet (proposal gc) at offset 0x19 in function 0",
        ),
        (
            "(module (func (drop (ref.i31 (i32.const 0)))))",
            "garbage collection is not supported yet (proposal gc) at offset 0x19 in function 0",
        ),
    ] {
        let message = message(wat);
        if !message.starts_with(expected) {
            failures += &format!("{wat}\n  was {message}\n  not {expected}\n");
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn invalid_modules_get_the_validator_s_words_with_offset_and_function() {
    assert_eq!(
        message("(module (func) (func (result i32)))"),
        "invalid WebAssembly at offset 0x1f in function 1: type mismatch: expected i32 but nothing on stack"
    );
    assert_eq!(
        message("(module (export \"f\" (func 3)))"),
        "invalid WebAssembly at offset 0xb: unknown function 3: exported function index out of bounds"
    );
    let cut = &wat::parse_str("(module (func (export \"f\")))").unwrap()[..20];
    let error = compile(cut, &Options::default()).unwrap_err();
    assert!(matches!(error, CompileError::Malformed { .. }), "{error}");
}

#[test]
fn text_components_and_other_files_have_their_own_words() {
    let text = binary(b"(module (func i32.foo))").unwrap_err();
    assert!(matches!(text, CompileError::Text { .. }));
    assert!(text.to_string().contains("unknown operator or unexpected token"), "{text}");
    assert_eq!(compile(&wat::parse_str("(component)").unwrap(), &Options::default()), Err(CompileError::Component));
    assert!(matches!(binary(b"\x7fELF\x02\x01\x01\0\xff\xfe"), Err(CompileError::Text { .. })));
    assert!(matches!(compile(b"", &Options::default()), Err(CompileError::Malformed { .. })));
}
