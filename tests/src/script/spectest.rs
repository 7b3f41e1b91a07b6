//! The host module `spectest` that scripts import from (the specification's `interpreter/README.md`).

use bailiwick_loader::{
    Caller, Error, FuncType, Global, Group, Imports, Memory, MemoryType, SharedMemory, Table, TableType, Val, ValType,
};

/// Grants `spectest` to modules of `group`.
pub(super) fn grant(group: &mut Group) -> Result<Imports, Error> {
    use ValType::{F32, F64, I32, I64};
    let mut imports = Imports::new();
    let prints: [(&str, &[ValType]); 7] = [
        ("print", &[]),
        ("print_i32", &[I32]),
        ("print_i64", &[I64]),
        ("print_f32", &[F32]),
        ("print_f64", &[F64]),
        ("print_i32_f32", &[I32, F32]),
        ("print_f64_f64", &[F64, F64]),
    ];
    for (name, params) in prints {
        let ty = FuncType::new(params.iter().copied(), []);
        imports.func_untyped("spectest", name, ty, |_: &mut Caller<'_>, _| Ok(Vec::new()));
    }
    let globals = [
        ("global_i32", Val::I32(666)),
        ("global_i64", Val::I64(666)),
        ("global_f32", Val::F32(666.6f32.to_bits())),
        ("global_f64", Val::F64(666.6f64.to_bits())),
    ];
    for (name, value) in globals {
        imports.define("spectest", name, Global::new(group, value, false)?);
    }
    let table = Table::new(group, TableType::new(ValType::FUNCREF, 10, Some(20)))?;
    imports.define("spectest", "table", table);
    let table = TableType { index64: true, ..TableType::new(ValType::FUNCREF, 10, Some(20)) };
    imports.define("spectest", "table64", Table::new(group, table)?);
    imports.define("spectest", "shared_memory", Memory::new(group, MemoryType::shared(1, 2))?);
    imports.define("spectest", "memory", Memory::new(group, MemoryType::new(1, Some(2)))?);
    imports.shared_memory("spectest", "shared_memory", &SharedMemory::new(MemoryType::shared(1, 2))?);
    Ok(imports)
}
