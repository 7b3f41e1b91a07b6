//! Reports on buckets that it is lent, and keeps one that it is given: `../../kv/teller.c` once more.

#![no_std]

extern crate alloc;

use alloc::format;
use alloc::string::String;
use core::cell::RefCell;
use core::panic::PanicInfo;
use demo::kv::store::{self, Bucket, Error};
use dlmalloc::GlobalDlmalloc;

wit_bindgen::generate!({ path: "../../kv/kv.wit", world: "teller", generate_all });

#[global_allocator]
static ALLOCATOR: GlobalDlmalloc = GlobalDlmalloc;

struct Kept(RefCell<Option<Bucket>>);

// SAFETY: a module has one thread.
unsafe impl Sync for Kept {}

static KEPT: Kept = Kept(RefCell::new(None));

struct Teller;

impl exports::demo::kv::report::Guest for Teller {
    fn summary(of: &Bucket) -> Result<String, Error> {
        let (entries, _) = store::size(of);
        Ok(format!("fruit: {entries} entries"))
    }

    fn swap(next: Bucket) -> Option<Bucket> {
        KEPT.0.replace(Some(next))
    }
}

export!(Teller);

#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
