//! Every operation on tables of 32- and 64-bit indices, defined and imported, against a model.

use super::{index, meant, narrowed};
use bailiwick_loader::{Error, Group, Imports, Instance, Table, TableType, TrapCode, Val, ValType};
use bailiwick_tests::compile::artifact;
use std::fmt::Write;

/// Imported ones first; each second one has 64-bit indices.
const TABLES: usize = 4;
const FUNCTIONS: usize = 5;
const MAXIMUM: u64 = 40;

fn index64(table: usize) -> bool {
    table % 2 == 1
}

fn module() -> String {
    let mut wat = String::from("(module (type $f (func (result i32)))");
    for table in 0..TABLES {
        let text = if index64(table) { "i64 20 40 funcref" } else { "20 40 funcref" };
        let _ = match table < TABLES / 2 {
            true => write!(wat, "(import \"host\" \"{table}\" (table {text}))"),
            false => write!(wat, "(table {text})"),
        };
    }
    for function in 0..FUNCTIONS {
        let _ = write!(wat, "(func $f{function} (export \"f{function}\") (type $f) (i32.const {function}))");
    }
    let _ = write!(wat, "(elem $e func $f0 $f1 $f2 $f3 $f4)");
    for to in 0..TABLES {
        let wide = index64(to);
        let (first, third) = (narrowed(wide, "(local.get 0)"), narrowed(wide, "(local.get 2)"));
        let result = |expression: &str| match wide {
            true => expression.to_owned(),
            false => format!("(i64.extend_i32_s {expression})"),
        };
        let mut function = |name: &str, ty: &str, body: &str| {
            let _ = write!(wat, "(func (export \"{name} {to}\") (param i64 i64 i64) {ty} {body})");
        };
        function("call", "(result i32)", &format!("(call_indirect {to} (type $f) {first})"));
        function("null", "(result i32)", &format!("(ref.is_null (table.get {to} {first}))"));
        function("size", "(result i64)", &result(&format!("(table.size {to})")));
        let copied = "(table.get 0 (i32.const 0))";
        function("set", "", &format!("(table.set {to} {first} {copied})"));
        function("grow", "(result i64)", &result(&format!("(table.grow {to} {copied} {first})")));
        function("fill", "", &format!("(table.fill {to} {first} {copied} {third})"));
        let (src, len) = (narrowed(false, "(local.get 1)"), narrowed(false, "(local.get 2)"));
        function("init", "", &format!("(table.init {to} $e {first} {src} {len})"));
        for from in 0..TABLES {
            let src = narrowed(index64(from), "(local.get 1)");
            let len = narrowed(wide && index64(from), "(local.get 2)");
            function(&format!("copy {from}"), "", &format!("(table.copy {to} {from} {first} {src} {len})"));
        }
    }
    wat + ")"
}

/// Functions by number.
type Model = Vec<Option<usize>>;

struct Side {
    group: Group,
    instance: Instance,
    model: Vec<Model>,
}

impl Side {
    fn new() -> Side {
        let mut group = Group::new().unwrap();
        let mut imports = Imports::new();
        for table in 0..TABLES / 2 {
            let mut ty = TableType::new(ValType::FUNCREF, 20, Some(MAXIMUM));
            ty.index64 = index64(table);
            let made = Table::new(&mut group, ty).unwrap();
            assert_eq!(made.ty(&mut group).unwrap(), ty);
            imports.define("host", &table.to_string(), made);
        }
        let instance = group.instantiate(&artifact(&module()), &imports).unwrap();
        Side { group, instance, model: vec![vec![None; 20]; TABLES] }
    }

    fn call(&mut self, name: &str, args: [u64; 3]) -> Result<Vec<Val>, Error> {
        let args = args.map(|arg| Val::I64(arg as i64));
        self.instance.func(&mut self.group, name).unwrap().call(&mut self.group, &args)
    }

    /// An operation that writes `written` from `start` of a table on, or traps.
    fn check(&mut self, name: &str, args: [u64; 3], table: usize, written: Option<(usize, Model)>) {
        let result = self.call(name, args);
        let code = result.as_ref().err().and_then(Error::trap_code);
        assert_eq!(code, written.is_none().then_some(TrapCode::TableOutOfBounds), "{name} {args:x?}: {result:?}");
        if let Some((start, written)) = written {
            self.model[table][start..start + written.len()].copy_from_slice(&written);
        }
        self.same(&format!("{name} {args:x?}"));
    }

    /// All elements of all tables are those of the model.
    fn same(&mut self, what: &str) {
        for table in 0..TABLES {
            for (i, element) in (0..).zip(self.model[table].clone()) {
                let null = self.call(&format!("null {table}"), [i, 0, 0]).unwrap();
                assert_eq!(null, [Val::I32(element.is_none().into())], "{what}: {table} {i}");
                if let Some(function) = element {
                    let found = self.call(&format!("call {table}"), [i, 0, 0]).unwrap();
                    assert_eq!(found, [Val::I32(function as i32)], "{what}: {table} {i}");
                }
            }
        }
    }
}

fn span(start: u64, len: u64, length: usize) -> Option<std::ops::Range<usize>> {
    let end = start.checked_add(len).filter(|&end| end <= length as u64)?;
    Some(start as usize..end as usize)
}

const STARTS: [u64; 8] = [0, 3, 18, 20, 21, 1 << 32, u64::MAX, u32::MAX as u64];

#[test]
fn elements_are_set_copied_filled_and_initialised_in_tables_of_both_kinds() {
    let mut side = Side::new();
    for to in 0..TABLES {
        for dst in STARTS {
            for (src, size) in [(0, 5), (1, 3), (5, 0), (6, 0), (3, 3), (1 << 32, 2), (0, u64::MAX), (u64::MAX, 1)] {
                let (src_, len) = (meant(false, src), meant(false, size));
                let source = span(src_, len, FUNCTIONS);
                let target = span(meant(index64(to), dst), len, 20);
                let written = source.zip(target).map(|(s, t)| (t.start, s.map(Some).collect()));
                side.check(&format!("init {to}"), [dst, src, size], to, written);
            }
            let target = span(meant(index64(to), dst), 1, 20);
            let value = side.model[0][0];
            side.check(&format!("set {to}"), [dst, 0, 0], to, target.map(|target| (target.start, vec![value])));
            for size in [0, 2, 20, u64::MAX, 1 << 32] {
                let target = span(meant(index64(to), dst), meant(index64(to), size), 20);
                let value = side.model[0][0];
                let written = target.map(|target| (target.start, vec![value; target.len()]));
                side.check(&format!("fill {to}"), [dst, 0, size], to, written);
            }
        }
        for from in 0..TABLES {
            side.check(&format!("init {from}"), [7, 0, 5], from, Some((7, (0..5).map(Some).collect())));
            for (dst, src) in [(0, 6), (8, 7), (7, 8), (20, 0), (0, 20), (1 << 32, 0), (0, 1 << 32), (u64::MAX, 0)] {
                for size in [0, 3, 12, u64::MAX, 1 << 32] {
                    let len = meant(index64(to) && index64(from), size);
                    let source = span(meant(index64(from), src), len, 20);
                    let target = span(meant(index64(to), dst), len, 20);
                    let written = source.zip(target).map(|(s, t)| (t.start, side.model[from][s].to_vec()));
                    side.check(&format!("copy {from} {to}"), [dst, src, size], to, written);
                }
            }
        }
    }
}

#[test]
fn indices_beyond_a_table_trap_whatever_their_high_bits_are() {
    let mut side = Side::new();
    for table in 0..TABLES {
        side.check(&format!("init {table}"), [0, 0, 5], table, Some((0, (0..5).map(Some).collect())));
        for number in [0, 4, 5, 19, 20, 1 << 32, (1 << 32) + 4, 1 << 61, (1 << 61) + 1, 1 << 63, u64::MAX] {
            let result = side.call(&format!("call {table}"), [number, 0, 0]);
            let code = result.as_ref().err().and_then(Error::trap_code);
            match meant(index64(table), number) {
                index @ 0..5 => assert_eq!(result.unwrap(), [Val::I32(index as i32)]),
                5..20 => assert_eq!(code, Some(TrapCode::IndirectCallToNull), "{table} {number:#x}"),
                _ => assert_eq!(code, Some(TrapCode::TableOutOfBounds), "{table} {number:#x}"),
            }
        }
    }
}

#[test]
fn tables_of_both_kinds_grow_to_their_maximum() {
    let mut side = Side::new();
    for table in 0..TABLES {
        for delta in [21, 1 << 31, u64::MAX, u32::MAX.into(), 1 << 63] {
            if meant(index64(table), delta) != 0 {
                let result = side.call(&format!("grow {table}"), [delta, 0, 0]).unwrap();
                assert_eq!(result, [Val::I64(-1)], "{table} {delta:#x}");
            }
        }
        assert_eq!(side.call(&format!("grow {table}"), [15, 0, 0]).unwrap(), [Val::I64(20)]);
        assert_eq!(side.call(&format!("grow {table}"), [5, 0, 0]).unwrap(), [Val::I64(35)]);
        assert_eq!(side.call(&format!("grow {table}"), [1, 0, 0]).unwrap(), [Val::I64(-1)]);
        assert_eq!(side.call(&format!("size {table}"), [0, 0, 0]).unwrap(), [Val::I64(40)]);
        side.model[table] = vec![None; 40];
    }
    side.same("grown");
}

/// A table that nothing writes is read-only data: the index is compared there too.
#[test]
fn an_immutable_table_of_64_bit_indices_is_called_within_its_bounds() {
    for wide in [false, true] {
        let ty = index(wide);
        let wat = format!(
            r#"(module (type $f (func (result i32))) (table {} 4 4 funcref) (elem ({ty}.const 1) $a $b)
                (func $a (result i32) (i32.const 7)) (func $b (result i32) (i32.const 8))
                (func (export "call") (param i64) (result i32) (call_indirect (type $f) {}))
                (func (export "size") (result {ty}) (table.size 0)))"#,
            if wide { "i64" } else { "" },
            narrowed(wide, "(local.get 0)"),
        );
        let mut guest = bailiwick_tests::guest::Guest::new(&wat);
        assert_eq!(guest.call("call", &[Val::I64(1)]).unwrap(), [Val::I32(7)]);
        assert_eq!(guest.call("call", &[Val::I64(2)]).unwrap(), [Val::I32(8)]);
        assert_eq!(guest.trap_code("call", &[Val::I64(3)]), TrapCode::IndirectCallToNull);
        for number in [4, 1 << 32, (1 << 32) + 1, (1 << 61) + 1, -1] {
            let result = guest.call("call", &[Val::I64(number)]);
            match meant(wide, number as u64) {
                1 => assert_eq!(result.unwrap(), [Val::I32(7)]),
                0 => assert_eq!(result.unwrap_err().trap_code(), Some(TrapCode::IndirectCallToNull)),
                _ => assert_eq!(result.unwrap_err().trap_code(), Some(TrapCode::TableOutOfBounds), "{number:#x}"),
            }
        }
        let size = if wide { Val::I64(4) } else { Val::I32(4) };
        assert_eq!(guest.call("size", &[]).unwrap(), [size]);
    }
}

#[test]
fn an_element_segment_that_does_not_fit_traps() {
    for (wide, place) in [(false, 3u64), (false, u32::MAX.into()), (true, 3), (true, 1 << 32), (true, u64::MAX)] {
        let (ty, text) = (index(wide), if wide { "i64" } else { "" });
        let wat = format!(
            "(module (table (export \"t\") {text} 4 funcref) (func $a) (elem ({ty}.const {place}) func $a $a))"
        );
        let result = Group::new().unwrap().instantiate(&artifact(&wat), &Imports::new());
        let code = result.as_ref().err().and_then(Error::trap_code);
        assert_eq!(code, Some(TrapCode::TableOutOfBounds), "{wat}");
    }
}

#[test]
fn a_table_of_other_indices_is_not_what_a_module_imports() {
    for wanted in [false, true] {
        let index = if wanted { "i64 " } else { "" };
        let module = artifact(&format!("(module (import \"m\" \"t\" (table {index}1 funcref)))"));
        for given in [false, true] {
            let mut group = Group::new().unwrap();
            let ty = TableType { index64: given, ..TableType::new(ValType::FUNCREF, 1, None) };
            let mut imports = Imports::new();
            imports.define("m", "t", Table::new(&mut group, ty).unwrap());
            let result = group.instantiate(&module, &imports);
            assert_eq!(result.is_ok(), wanted == given, "{wanted} {given}: {result:?}");
            assert!(wanted == given || matches!(result, Err(Error::Link(_))), "{result:?}");
        }
    }
}

#[test]
fn an_imported_table_has_the_length_that_it_has_not_the_least_that_was_asked_for() {
    let module = artifact(
        "(module (import \"m\" \"t\" (table $t 1 externref))
           (func (export \"run\") (param i32) (result i32)
             (drop (table.get $t (local.get 0))) (table.set $t (local.get 0) (ref.null extern)) (table.size $t)))",
    );
    let mut group = Group::new().unwrap();
    let mut imports = Imports::new();
    imports.define("m", "t", Table::new(&mut group, TableType::new(ValType::EXTERNREF, 5, None)).unwrap());
    let instance = group.instantiate(&module, &imports).unwrap();
    let run = instance.typed_func::<i32, i32>(&mut group, "run").unwrap();
    assert_eq!(run.call(&mut group, 4).unwrap(), 5);
    assert_eq!(run.call(&mut group, 5).unwrap_err().trap_code(), Some(TrapCode::TableOutOfBounds));
}
