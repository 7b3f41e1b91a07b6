//! Which function types are the same.

use crate::module::FuncType;
use std::collections::HashMap;

/// For each type, the first that is structurally equal.
pub(super) fn canonical(types: &[FuncType]) -> Vec<u32> {
    let mut first = HashMap::new();
    types.iter().enumerate().map(|(i, ty)| *first.entry(ty).or_insert(i as u32)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bailiwick_runtime_abi::types::ValType::{I32, I64};

    #[test]
    fn equal_types_share_the_first_index() {
        let ty = |params: &[_], results: &[_]| FuncType { params: params.to_vec(), results: results.to_vec() };
        let types = [ty(&[I32], &[]), ty(&[], &[I32]), ty(&[I32], &[]), ty(&[I32, I64], &[]), ty(&[], &[I32])];
        assert_eq!(canonical(&types), [0, 1, 0, 3, 1]);
    }
}
