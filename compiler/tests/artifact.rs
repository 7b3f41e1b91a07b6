//! Artifacts are what `runtime_abi::format` says, and what the usual tools read.

mod common;

use bailiwick_compiler::{Arch, Options};
use common::{artifact, check::check};

const MODULE: &str = r#"
(module
  (import "env" "log" (func $log (param i32)))
  (memory (export "memory") 2)
  (data (i32.const 1024) "hello")
  (table 4 funcref)
  (elem (i32.const 0) $add2 $log)
  (type $t (func (param i32)))
  (func $add2 (param i32) local.get 0 call $log)
  (func $add (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)
  (func (export "ind") (param i32) i32.const 7 local.get 0 call_indirect (type $t))
  (func (export "big") (param i32) (result i32) local.get 0 i32.load8_u offset=0xfffffff0))
"#;

#[test]
fn tables_are_consistent() {
    for target in [Arch::X86_64, Arch::Aarch64] {
        let bytes = artifact(MODULE, &Options { target, ..Options::default() });
        check(&bytes, wat::parse_str(MODULE).unwrap().len());
    }
}

#[test]
fn sites_are_found_in_text_of_many_pages() {
    // A function without a single site that is longer than a page of sites, between some that have some.
    let plain = "(local.set 0 (i32.add (i32.mul (local.get 0) (local.get 1)) (i32.xor (local.get 1) (i32.const 77))))
        (local.set 1 (i32.sub (i32.rotl (local.get 1) (local.get 0)) (local.get 0)))";
    let plain = format!("(func (param i32 i32) (result i32) {} local.get 0)", plain.repeat(14000));
    let some =
        "(func (param i32) (result i32) (i32.div_u (i32.load (local.get 0)) (call $f (local.get 0))))".repeat(1500);
    let module = format!(
        "(module (memory 1) (func $f (param i32) (result i32) (i32.load (local.get 0))) {some} {plain} {some} {plain})"
    );
    for target in [Arch::X86_64, Arch::Aarch64] {
        let bytes = artifact(&module, &Options { target, ..Options::default() });
        check(&bytes, wat::parse_str(&module).unwrap().len());
        let aligned = common::Aligned::new(&bytes);
        let view = bailiwick_runtime_abi::view::View::new(aligned.bytes(), bytes.len() as u64).unwrap();
        let pages = view.site_pages();
        let empty = pages.windows(2).filter(|pair| pair[0] == pair[1]).count();
        assert!(pages.len() > 6 && empty >= 2, "{} pages, {empty} of them empty", pages.len());
    }
}
