//! What has bitten others, and the test here that covers it. Sources: the advisories and issues of Wasmtime, Cranelift, Wasmer
//! and Lucet. `wounds.rs` has those that are no more than one case; the others are columns of a matrix of their own.

use std::path::Path;

/// What it was, the file below `tests/tests`, and its test.
const BITES: &[(&str, &str, &str)] = &[
    (
        "CVE-2023-26489, CVE-2026-34971: an address of 33 bits or more by shift and add",
        "wounds.rs",
        "cve_2023_26489_cve_2026_34971_an_address_is_computed_in_32_bits",
    ),
    (
        "CVE-2021-32629: a spilled index comes back sign-extended",
        "wounds.rs",
        "cve_2021_32629_an_index_above_2_gib_stays_unsigned_under_register_pressure",
    ),
    (
        "CVE-2026-24116: f64.copysign reads sixteen bytes at the end of memory",
        "wounds.rs",
        "cve_2026_24116_an_operand_at_the_end_of_memory_is_not_read_beyond_it",
    ),
    (
        "CVE-2026-34944: f64x2.splat does, and any operator that can swallow a load",
        "simd/bounds.rs",
        "an_operator_on_a_loaded_vector_reads_what_the_load_says",
    ),
    (
        "the same of scalar operators on floats",
        "simd/bounds.rs",
        "an_operator_on_a_loaded_float_reads_what_the_load_says",
    ),
    (
        "Cranelift 0.135: a comparison of floats takes in a load that is not aligned, as SSE wants it to be",
        "vectorisation/random.rs",
        "loops_leave_behind_what_they_leave_one_element_at_a_time",
    ),
    (
        "loads and stores of every width at the last bytes of a memory",
        "memories.rs",
        "accesses_at_every_bound_trap_exactly_when_they_are_outside",
    ),
    ("the same of memories of every kind", "kinds/accesses.rs", "accesses_trap_exactly_when_a_byte_of_them_is_outside"),
    ("offsets from 2 to 4 GiB beyond a guard of 2 GiB", "wounds.rs", "wasmer_6879_no_offset_reaches_beyond_the_guard"),
    ("the same of vectors", "simd/bounds.rs", "offsets_up_to_four_gigabytes_are_outside_of_a_small_memory"),
    (
        "CVE-2023-27477: a selection of which operands are the same register",
        "simd/lanes.rs",
        "selections_of_which_operands_are_the_same",
    ),
    ("CVE-2023-41880: i64x2.shr_s by a constant", "simd/lanes.rs", "shifts_by_any_number_constant_or_not"),
    ("br_table with a huge index", "kinds/accesses.rs", "a_huge_index_of_a_branch_table_goes_to_the_default"),
    (
        "memory.grow to the maximum, and an access right after",
        "kinds/growth.rs",
        "memories_grow_to_all_that_their_indices_reach_and_are_used_at_once",
    ),
    ("a loop that goes on with the length from before it grew", "kinds/growth.rs", "loops_see_what_was_grown"),
    (
        "CVE-2026-44216: the size of a table or memory overflows",
        "wounds.rs",
        "cve_2026_44216_a_huge_table_or_memory_is_an_error",
    ),
    (
        "a segment that does not fit",
        "kinds/segments.rs",
        "a_segment_that_does_not_fit_traps_and_those_in_front_of_it_stay",
    ),
    ("an element segment that does not fit", "kinds/tables.rs", "an_element_segment_that_does_not_fit_traps"),
    (
        "CVE-2026-34945: high bits of an index of a 64-bit table",
        "kinds/tables.rs",
        "indices_beyond_a_table_trap_whatever_their_high_bits_are",
    ),
    ("a store that traps has written some of its bytes", "simd/bounds.rs", "a_store_that_traps_has_written_nothing"),
    (
        "effects before a trap are undone, or those behind it happen",
        "traps.rs",
        "effects_before_a_trap_stay_and_those_behind_it_do_not_happen",
    ),
    (
        "a function that is imported and exported again is another one",
        "function_references.rs",
        "a_function_is_the_same_by_every_way_and_from_wherever_it_is",
    ),
    ("an imported start function", "function_references.rs", "a_start_function_may_be_anybodys"),
    ("CVE-2024-47763: a backtrace over a tail call", "tail_calls.rs", "a_backtrace_has_who_waits_and_not_who_left"),
    (
        "CVE-2024-47813: types that are registered by several threads",
        "wounds.rs",
        "cve_2024_47813_types_of_groups_on_many_threads_are_told_apart",
    ),
    ("CVE-2025-64345: a shared memory that the host borrows", "threads/sharing.rs", "nobody_borrows_its_bytes"),
    ("CVE-2022-39393: memory of a former instance", "wounds.rs", "cve_2022_39393_nothing_of_a_former_instance_is_left"),
    ("CVE-2022-31169: division by constants", "wounds.rs", "cve_2022_31169_division_by_constants_is_division"),
    ("CVE-2021-39218: references that a collector loses", "wounds.rs", "cve_2021_39218_references_stay_what_they_are"),
    ("a trap that an exception's handler catches", "exceptions/uncatchable.rs", "traps_are_not_caught"),
    (
        "registers that an unwinder does not restore",
        "exceptions/caught.rs",
        "what_was_in_registers_is_there_in_the_handler",
    ),
    (
        "types that are equal only to a validator that interns them (found here by the suite of 1.0)",
        "features.rs",
        "equal_types_are_one_in_every_version_of_the_language",
    ),
];

#[test]
fn each_has_its_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for (what, file, test) in BITES {
        let text = std::fs::read_to_string(folder.join(file)).unwrap_or_else(|e| panic!("{file}: {e}: {what}"));
        assert!(text.contains(&format!("#[test]\nfn {test}()")), "{file} has no test {test}: {what}");
    }
}
