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
