//! Files that are no artifact, or not one for this loader and machine: each has its own error, and none is a crash.

use bailiwick_loader::{Artifact, Error, FormatError, Group, Imports, Memory, MemoryType, TrapCode, Val};
use bailiwick_runtime_abi::format::{HEADER_OFFSET, Header, ImageRun, NONE, Table};
use bailiwick_runtime_abi::types::{Arch, FEATURES};
use bailiwick_runtime_abi::view::View;
use bailiwick_tests::compile::{artifact_bytes, binary, compile_for, host};
use std::io::Write;
use std::path::Path;
use zerocopy::{FromBytes, IntoBytes};

/// Something in every table.
const EVERYTHING: &str = r#"(module $everything
    (import "host" "f" (func $f (param i32 i64) (result f64)))
    (import "host" "m" (memory 1))
    (import "host" "t" (table $t 2 funcref))
    (import "host" "g" (global $g i32))
    (table $own 4 externref)
    (table $calls 3 funcref)
    (global $h (mut f32) (f32.const 2))
    (global $r funcref (ref.func $one))
    (elem (table $calls) (i32.const 0) func $one $two)
    (elem (table $t) (global.get $g) func $one)
    (elem $passive func $two)
    (elem $exprs funcref (ref.func $one) (ref.null func))
    (data (i32.const 5) "some bytes")
    (data $late "later")
    (func $one (export "one") (result i32) (i32.const 1))
    (func $two (result i32)
        (memory.init $late (i32.const 0) (i32.const 0) (i32.const 1))
        (table.init $t $passive (i32.const 0) (i32.const 0) (i32.const 1))
        (table.init $t $exprs (i32.const 0) (i32.const 0) (i32.const 1))
        (i32.div_s (i32.load (i32.const 0)) (call_indirect $calls (result i32) (i32.const 1))))
    (func (export "three") (param i32) (result f64) (call $f (local.get 0) (i64.const 0)))
    (export "table" (table $own)) (export "global" (global $h)) (export "memory" (memory 0)) (export "r" (global $r)))"#;

/// A memory of its own, with an image.
const IMAGE: &str = r#"(module (memory (export "memory") 3) (data (i32.const 9000) "an image"))"#;

fn open(bytes: &[u8]) -> Result<Artifact, Error> {
    Artifact::from_bytes(bytes, "test.bwk")
}

fn format_error(bytes: &[u8]) -> FormatError {
    match open(bytes) {
        Err(Error::Format(error)) => error,
        Ok(_) => panic!("it was opened"),
        Err(other) => panic!("expected an error of the format, got {other}"),
    }
}

/// The header of an artifact.
fn header(bytes: &[u8]) -> Header {
    Header::read_from_bytes(&bytes[HEADER_OFFSET..][..size_of::<Header>()]).unwrap()
}

/// The artifact with another header, whose checksum is right again.
fn with_header(bytes: &[u8], edit: impl FnOnce(&mut Header)) -> Vec<u8> {
    let mut header = header(bytes);
    edit(&mut header);
    header.header_checksum = header.checksum();
    let mut bytes = bytes.to_vec();
    bytes[HEADER_OFFSET..][..size_of::<Header>()].copy_from_slice(header.as_bytes());
    bytes
}

#[test]
fn an_intact_artifact_opens_and_knows_what_it_is() {
    let artifact = open(&artifact_bytes(EVERYTHING)).unwrap();
    let view = artifact.view();
    assert_eq!(view.arch(), host());
    assert!(view.compiler().contains("bailiwickc"), "{:?}", view.compiler());
    read_everything(view).unwrap();
    let names: Vec<_> = view.exports().iter().map(|e| view.string(e.name).unwrap()).collect();
    assert!(names.is_sorted() && names.len() == 6, "{names:?}");
}

#[test]
fn no_prefix_is_opened() {
    let bytes = artifact_bytes(EVERYTHING);
    let header_end = HEADER_OFFSET + size_of::<Header>();
    let lengths = (1..header_end + 100).chain((header_end..bytes.len()).step_by(97)).chain([bytes.len() - 1]);
    for len in lengths {
        match format_error(&bytes[..len]) {
            FormatError::Truncated { found, expected } => {
                assert_eq!(found, len as u64);
                // Before the header is there, all that is known is that it should be.
                let known = len >= header_end;
                assert_eq!(expected, if known { bytes.len() as u64 } else { header_end as u64 }, "{len}");
            }
            // Not even the ELF header can be told.
            FormatError::NotAnArtifact(_) if len < 20 => {}
            other => panic!("{len}: {other}"),
        }
    }
}

#[test]
fn bytes_behind_the_end_are_refused() {
    let mut bytes = artifact_bytes(EVERYTHING);
    bytes.push(0);
    assert!(matches!(format_error(&bytes), FormatError::Damaged { part: "file", .. }));
}

#[test]
fn an_artifact_for_the_other_architecture_says_how_to_compile() {
    let other = if host() == Arch::X86_64 { Arch::Aarch64 } else { Arch::X86_64 };
    let bytes = compile_for(other, &binary(EVERYTHING)).unwrap();
    let error = open(&bytes).unwrap_err();
    assert!(matches!(error, Error::Architecture { found, host: h } if found == other && h == host()), "{error}");
    let text = error.to_string();
    assert!(
        text.contains(other.name()) && text.contains(&format!("--target {}-unknown-linux-gnu", host().name())),
        "{text}"
    );
}

#[test]
fn other_versions_are_refused_by_what_differs() {
    let bytes = artifact_bytes(EVERYTHING);
    let format = with_header(&bytes, |h| h.format_version = 77);
    assert_eq!(format_error(&format), FormatError::FormatVersion { found: 77 });
    let abi = with_header(&bytes, |h| h.abi_version = 78);
    assert!(matches!(format_error(&abi), FormatError::Abi { found_version: 78, .. }));
    let fingerprint = with_header(&bytes, |h| h.fingerprint = 0xaaaa_aaaa_aaaa_aaaa);
    assert!(matches!(format_error(&fingerprint), FormatError::Abi { found: 0xaaaa_aaaa_aaaa_aaaa, .. }));
    let guard = with_header(&bytes, |h| h.guard_size = 4096);
    assert!(matches!(format_error(&guard), FormatError::Guard { found: 4096 }));
    let magic = with_header(&bytes, |h| h.magic[0] = b'x');
    assert!(matches!(format_error(&magic), FormatError::NotAnArtifact(_)));
    for bytes in [format, abi, fingerprint, guard] {
        let text = format_error(&bytes).to_string();
        assert!(text.contains("compile") || text.contains("version"), "no way out is named: {text}");
    }
}

#[test]
fn damage_to_the_header_is_found_by_its_checksum() {
    let bytes = artifact_bytes(EVERYTHING);
    for at in HEADER_OFFSET..HEADER_OFFSET + size_of::<Header>() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert!(matches!(open(&damaged), Err(Error::Format(_))), "byte {at} of the header");
    }
}

#[test]
fn a_processor_feature_that_is_not_there_is_named() {
    let bytes = artifact_bytes(EVERYTHING);
    let host_features = bailiwick_loader::cpu::host_features();
    let mut checked = 0;
    for feature in FEATURES.iter().filter(|f| f.arch == host() && host_features & (1 << f.bit) == 0) {
        let error = open(&with_header(&bytes, |h| h.features = 1 << feature.bit)).unwrap_err();
        assert!(matches!(&error, Error::Features(names) if *names == [feature.name]), "{error}");
        assert!(error.to_string().contains(feature.name) && error.to_string().contains("--cpu"), "{error}");
        checked += 1;
    }
    println!("{checked} features that this processor lacks");
    let unknown = open(&with_header(&bytes, |h| h.features = 1 << 63)).unwrap_err();
    assert!(unknown.to_string().contains("does not know"), "{unknown}");
}

#[test]
fn what_is_no_artifact_is_refused_as_what_it_is() {
    assert!(matches!(format_error(b""), FormatError::NotAnArtifact("the file is empty")));
    let wasm = format_error(&binary(IMAGE)).to_string();
    assert!(wasm.contains("WebAssembly"), "{wasm}");
    for bytes in
        [&b"#!/bin/sh\necho no artifact at all, but longer than any header of an ELF file would be\n"[..], &[0; 5000]]
    {
        assert!(matches!(format_error(bytes), FormatError::NotAnArtifact(_)));
    }
    let elf = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let text = format_error(&elf).to_string();
    assert!(text.contains("ELF"), "{text}");
}

fn io_error(path: &Path) -> (String, std::io::ErrorKind) {
    match Artifact::open(path) {
        Err(error) => {
            let text = error.to_string();
            let Error::Io { path: named, source, .. } = error else { panic!("{text}") };
            assert_eq!(named, path);
            assert!(text.contains(path.to_str().unwrap()), "{text}");
            (text, source.kind())
        }
        Ok(_) => panic!("{} was opened", path.display()),
    }
}

#[test]
fn files_of_other_kinds_are_what_a_unix_user_expects() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(io_error(&folder.path().join("missing.bwk")).1, std::io::ErrorKind::NotFound);
    assert_eq!(io_error(folder.path()).1, std::io::ErrorKind::IsADirectory);
    // Nobody writes into it: opening must not wait for that.
    let fifo = folder.path().join("fifo");
    let name = std::ffi::CString::new(fifo.to_str().unwrap()).unwrap();
    // SAFETY: the name is a string that ends with NUL.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    assert!(io_error(&fifo).0.contains("not a regular file"));
    assert!(io_error(Path::new("/dev/null")).0.contains("not a regular file"));
    assert!(io_error(Path::new("/dev/zero")).0.contains("not a regular file"));

    let unreadable = folder.path().join("unreadable.bwk");
    std::fs::write(&unreadable, artifact_bytes(IMAGE)).unwrap();
    std::fs::set_permissions(&unreadable, std::os::unix::fs::PermissionsExt::from_mode(0o0)).unwrap();
    // SAFETY: asks only.
    if unsafe { libc::geteuid() } == 0 {
        println!("not checked: a file without permissions can be read, as these tests run as root");
    } else {
        assert_eq!(io_error(&unreadable).1, std::io::ErrorKind::PermissionDenied);
    }
}

#[test]
fn an_artifact_is_opened_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bwk");
    std::fs::write(&path, artifact_bytes(IMAGE)).unwrap();
    let artifact = Artifact::open(&path).unwrap();
    assert_eq!(artifact.name(), path);
    // What is mapped stays when the name goes.
    std::fs::remove_file(&path).unwrap();
    let mut group = Group::new().unwrap();
    let instance = group.instantiate(&artifact, &Imports::new()).unwrap();
    let memory = instance.memory(&mut group, "memory").unwrap();
    assert_eq!(&memory.bytes(&mut group).unwrap()[9000..9008], b"an image");
}

#[test]
fn later_changes_of_the_file_do_not_reach_what_is_mapped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bwk");
    let bytes = artifact_bytes(
        r#"(module (memory (export "memory") 2) (func (export "run") (result i32) i32.const 42)
            (data (i32.const 0) "here"))"#,
    );
    std::fs::write(&path, &bytes).unwrap();
    let artifact = Artifact::open(&path).unwrap();
    // Written in place, as a careless copy would, and then truncated.
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().write_all(&vec![0xcc; bytes.len()]).unwrap();
    std::fs::OpenOptions::new().write(true).truncate(true).open(&path).unwrap();
    let mut group = Group::new().unwrap();
    let instance = group.instantiate(&artifact, &Imports::new()).unwrap();
    let run = instance.typed_func::<(), i32>(&mut group, "run").unwrap();
    assert_eq!(run.call(&mut group, ()).unwrap(), 42);
    let memory = instance.memory(&mut group, "memory").unwrap();
    assert_eq!(&memory.bytes(&mut group).unwrap()[..4], b"here");
}

#[test]
fn a_check_of_the_whole_content_finds_every_flipped_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bwk");
    let bytes = artifact_bytes(EVERYTHING);
    std::fs::write(&path, &bytes).unwrap();
    Artifact::open_checked(&path).unwrap();
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for _ in 0..500 {
        let at = random.below(bytes.len());
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << random.below(8);
        std::fs::write(&path, damaged).unwrap();
        assert!(Artifact::open_checked(&path).is_err(), "byte {at}");
    }
}

/// Reads every record of every table, as the loader does when it uses them. Errors are fine, panics are not.
fn read_everything(view: &View<'_>) -> Result<(), FormatError> {
    let mut result = Ok(());
    let mut note = |r: Result<(), FormatError>| {
        if result.is_ok() {
            result = r;
        }
    };
    for t in view.types() {
        note(view.value_types(t.params).map(|v| assert!(v.count() <= 1000)));
        note(view.value_types(t.results).map(|v| assert!(v.count() <= 1000)));
    }
    for f in view.functions() {
        note(view.string(f.name).map(|_| ()));
        note(view.record("types", view.types(), f.type_index).map(|_| ()));
    }
    for i in view.imports() {
        note(view.string(i.module).map(|_| ()));
        note(view.string(i.name).map(|_| ()));
    }
    for e in view.exports() {
        if let Ok(name) = view.string(e.name) {
            let _ = view.export(name);
        }
        note(view.string(e.name).map(|_| ()));
    }
    for d in view.data_segments() {
        note(view.data(d.bytes).map(|_| ()));
    }
    for e in view.elements() {
        match e.exprs {
            0 => note(view.range("items", view.element_items(), e.items).map(|_| ())),
            _ => note(view.range("exprs", view.element_exprs(), e.items).map(|_| ())),
        }
    }
    for t in view.tables() {
        note(view.value_type(t.element_type).map(|_| ()));
        note(view.range("image", view.element_items(), t.image).map(|_| ()));
    }
    for g in view.globals() {
        note(view.value_type(g.val_type).map(|_| ()));
    }
    for offset in (0..view.text().len() as u32).chain([u32::MAX - 1, u32::MAX]) {
        let _ = (view.trap_site(offset), view.call_site(offset), view.text_at(offset), view.inlined(offset).count());
    }
    let _ = (view.compiler(), view.arch(), view.export("no such export"));
    result
}

/// A generator of the xorshift family (Marsaglia 2003), so that every run is the same.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

#[test]
fn no_flipped_byte_makes_opening_or_reading_crash() {
    let mut refused = 0;
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    const TRIES: usize = 4000;
    for (wat, from) in [(EVERYTHING, 0), (IMAGE, TRIES / 2)] {
        let bytes = artifact_bytes(wat);
        let header = header(&bytes);
        let text = header.text.offset as usize..(header.text.offset + header.text.len) as usize;
        // Half of the flips in the header, where each bit decides something, half anywhere but in the code.
        for i in from..from + TRIES / 2 {
            let mut damaged = bytes.clone();
            let at =
                if i % 2 == 0 { random.below(HEADER_OFFSET + size_of::<Header>()) } else { random.below(bytes.len()) };
            if text.contains(&at) {
                continue;
            }
            damaged[at] ^= 1 << random.below(8);
            if i % 5 == 0 {
                damaged[at] = [0, 0xff, 0x7f, 0x80][random.below(4)];
            }
            // Damage that the checksum would find, and damage that only the checks of each field can.
            if i % 4 == 0 {
                damaged = with_header(&damaged, |_| ());
            }
            match open(&damaged) {
                Ok(artifact) => refused += usize::from(read_everything(artifact.view()).is_err()),
                Err(_) => refused += 1,
            }
        }
    }
    // Padding, names and numbers that only execution would notice are the rest.
    assert!(refused > TRIES / 20, "only {refused} of {TRIES} were noticed");
}

#[test]
fn damaged_tables_are_errors_of_the_instantiation() {
    // Every table's first word becomes a large number; what opens must still be refused or work, without a crash.
    let bytes = artifact_bytes(IMAGE);
    let header = header(&bytes);
    for span in header.tables.iter().filter(|span| span.len >= 8) {
        for (word, value) in [(0, 0xffff_fff0u32), (4, 0xffff_ffff), (0, 0x7fff_ffff)] {
            let mut damaged = bytes.clone();
            damaged[span.offset as usize + word..][..4].copy_from_slice(&value.to_le_bytes());
            let Ok(artifact) = open(&damaged) else { continue };
            let mut group = Group::new().unwrap();
            if let Ok(instance) = group.instantiate(&artifact, &Imports::new()) {
                let _ = instance.export(&mut group, "memory");
            }
        }
    }
}

#[test]
fn the_code_of_an_artifact_can_not_be_written() {
    let artifact = open(&artifact_bytes(r#"(module (func (export "run") (result i32) i32.const 1))"#)).unwrap();
    let start = artifact.view().text().as_ptr() as usize;
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let line = maps.lines().find(|line| {
        let (from, to) = line.split_whitespace().next().unwrap().split_once('-').unwrap();
        (usize::from_str_radix(from, 16).unwrap()..usize::from_str_radix(to, 16).unwrap()).contains(&start)
    });
    assert_eq!(line.unwrap().split_whitespace().nth(1), Some("r-xp"));
}

#[test]
fn a_corrupt_call_is_not_reached_by_a_wrong_index() {
    // An artifact's own tables are what indirect calls go by; an index from the guest never leaves them.
    let mut guest = bailiwick_tests::guest::Guest::new(
        r#"(module (table 3 funcref) (elem (i32.const 0) $f $f) (func $f)
            (func (export "run") (param i32) (call_indirect (local.get 0))))"#,
    );
    for (index, code) in
        [(2, TrapCode::IndirectCallToNull), (3, TrapCode::TableOutOfBounds), (-1, TrapCode::TableOutOfBounds)]
    {
        assert_eq!(guest.trap_code("run", &[Val::I32(index)]), code);
    }
}

/// An artifact with other words in one of its tables, from a byte of it on; its checksums are not looked at.
fn with_words(bytes: &[u8], table: Table, at: usize, words: &[u32]) -> Vec<u8> {
    let span = header(bytes).tables[table as usize];
    let mut bytes = bytes.to_vec();
    for (i, word) in words.iter().enumerate() {
        bytes[span.offset as usize + at + 4 * i..][..4].copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

#[test]
fn an_element_that_is_not_of_its_tables_type_is_found_before_it_is_called() {
    // Calls by the type of a table compare nothing.
    let lazy = artifact_bytes(
        r#"(module (type $a (func (result i32))) (type $b (func (param i64 f64 i64 f64) (result i64)))
            (table $t (export "t") 4 (ref null $a))
            (elem (table $t) (i32.const 0) (ref null $a) (ref.func $f))
            (func $f (type $a) (i32.const 1))
            (func $g (export "g") (type $b) (i64.load (local.get 0)))
            (memory i64 1)
            (func (export "run") (result i32) (call_indirect $t (type $a) (i32.const 0))))"#,
    );
    let passive = artifact_bytes(
        r#"(module (type $a (func (result i32)))
            (table $t (export "t") 2 (ref func) (ref.func $f))
            (elem $p func $f)
            (func $f (type $a) (i32.const 1))
            (func (export "run") (result i32)
                (table.init $t $p (i32.const 0) (i32.const 0) (i32.const 1))
                (call_ref $a (block $ok (result (ref $a)) (unreachable)))))"#,
    );
    for (bytes, item) in [(&lazy, 1), (&passive, NONE)] {
        let damaged = open(&with_words(bytes, Table::ElementItems, 0, &[item])).unwrap();
        let mut group = Group::new().unwrap();
        let instance = group.instantiate(&damaged, &Imports::new()).unwrap();
        let run = instance.typed_func::<(), i32>(&mut group, "run").unwrap();
        let error = run.call(&mut group, ()).unwrap_err().to_string();
        assert!(error.contains("elements: an item for a table of another type"), "{error}");
    }
}

#[test]
fn an_image_is_for_a_memory_that_the_module_defines() {
    let bytes = artifact_bytes(
        r#"(module (memory (import "m" "m") 1) (memory 3) (data (memory 1) (i32.const 9000) "an image"))"#,
    );
    let at = std::mem::offset_of!(ImageRun, memory);
    for memory in [0, 2, NONE] {
        let damaged = open(&with_words(&bytes, Table::ImageRuns, at, &[memory])).unwrap();
        let mut group = Group::new().unwrap();
        let mut imports = Imports::new();
        imports.define("m", "m", Memory::new(&mut group, MemoryType::new(1, None)).unwrap());
        let error = group.instantiate(&damaged, &imports).unwrap_err().to_string();
        assert!(error.contains("image_runs: a run is not of a memory that the module defines"), "{error}");
    }
}
