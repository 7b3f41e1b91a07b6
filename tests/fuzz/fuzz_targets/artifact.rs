//! Any bytes as an artifact: an error, or every table of it can be read. Never a panic, and never a crash.
#![no_main]

use bailiwick_loader::{Artifact, verify_content};
use bailiwick_runtime_abi::format::{HEADER_OFFSET, Header};
use bailiwick_runtime_abi::types::Arch;
use bailiwick_runtime_abi::view::View;
use libfuzzer_sys::fuzz_target;
use zerocopy::{FromBytes, IntoBytes};

/// Makes the header's checksums and lengths right, which no fuzzer guesses; the rest stays what it found.
fn forge(bytes: &mut [u8]) -> Option<()> {
    let file_len = bytes.len() as u64;
    let place = HEADER_OFFSET..HEADER_OFFSET + size_of::<Header>();
    let mut header = Header::read_from_bytes(bytes.get(place.clone())?).ok()?;
    header.file_len = file_len;
    header.shape_checksum = header.shape_checksum(bytes);
    header.header_checksum = header.checksum();
    bytes.get_mut(place)?.copy_from_slice(header.as_bytes());
    Some(())
}

/// Reads every record of every table, as the loader does when it uses them.
fn read(view: &View<'_>) {
    for t in view.types() {
        let _ = view.value_types(t.params).map(|v| assert!(v.count() <= 1000));
        let _ = view.value_types(t.results).map(|v| assert!(v.count() <= 1000));
    }
    for f in view.functions() {
        let _ = (view.string(f.name), view.record("types", view.types(), f.type_index));
        let _ = (view.text_at(f.text_offset), view.has_tag(f.text_offset, 0));
    }
    for i in view.imports() {
        let _ = (view.string(i.module), view.string(i.name));
    }
    for e in view.exports() {
        let _ = view.string(e.name).map(|name| view.export(name));
    }
    for d in view.data_segments() {
        let _ = (view.data(d.bytes), view.range("const_ops", view.const_ops(), d.offset));
    }
    for e in view.elements() {
        let _ = view.range("items", view.element_items(), e.items);
        let _ = view.range("exprs", view.element_exprs(), e.items);
    }
    for t in view.tables() {
        let _ = (view.value_type(t.element_type), view.range("image", view.element_items(), t.image));
        let _ = view.range("calls", view.call_tables(), t.call_table);
    }
    for g in view.globals() {
        let _ = (view.value_type(g.val_type), view.range("const_ops", view.const_ops(), g.init));
    }
    for offset in view.all_sites().map(|site| site.0).chain([0, 1, u32::MAX]) {
        let _ = (view.trap_site(offset), view.call_site(offset), view.text_at(offset), view.inlined(offset).count());
    }
    let _ = (view.compiler(), view.arch(), view.text(), view.export("no such export"));
}

fn try_all(bytes: &[u8]) {
    // The tables are read in place, aligned.
    let mut words = vec![0u64; bytes.len().div_ceil(8)];
    let aligned = &mut words.as_mut_bytes()[..bytes.len()];
    aligned.copy_from_slice(bytes);
    let view = View::new(aligned, bytes.len() as u64);
    if let Ok(view) = &view {
        read(view);
    }
    let _ = verify_content(aligned);
    // What is mapped is what was read, and opening refuses what reading does.
    match Artifact::from_bytes(bytes, "fuzz") {
        Ok(artifact) => {
            assert!(view.is_ok_and(|view| Some(view.arch()) == Arch::host()));
            assert_eq!(artifact.bytes(), bytes);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fuzz_target!(|bytes: &[u8]| {
    try_all(bytes);
    let mut forged = bytes.to_vec();
    if forge(&mut forged).is_some() {
        try_all(&forged);
    }
});
