//! Bytes that other threads may read and write at the same time: every access of Rust's goes through here.
//!
//! A slice of such bytes, or a plain read of one, would promise the compiler that nobody changes them. So they are accessed
//! one by one, or by aligned words of eight, with relaxed atomic operations, of which Rust assumes nothing. The other side
//! of a race is compiled code, or this file in another thread. The former is not Rust's; both architectures define what an
//! aligned access of any size reads and writes beside others (each byte is an old or a new one), which is all that
//! WebAssembly promises of bulk operations.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

const WORD: usize = size_of::<u64>();

/// # Safety
/// The byte at `at` is accessible for as long as this runs.
unsafe fn byte<'a>(at: *mut u8) -> &'a AtomicU8 {
    // SAFETY: the caller's promise; a byte is always aligned, and see above for who else accesses it.
    unsafe { AtomicU8::from_ptr(at) }
}

/// # Safety
/// The eight bytes at `at`, a multiple of eight, are accessible for as long as this runs.
unsafe fn word<'a>(at: *mut u8) -> &'a AtomicU64 {
    debug_assert!(at.addr().is_multiple_of(WORD));
    // SAFETY: the caller's promise; and see above for who else accesses them.
    unsafe { AtomicU64::from_ptr(at.cast()) }
}

/// How many of `len` bytes from `at` on come before the first word that begins at a multiple of eight.
fn before_words(at: *mut u8, len: usize) -> usize {
    (at.addr().wrapping_neg() % WORD).min(len)
}

/// Reads bytes.
///
/// # Safety
/// As many bytes as `into` has are accessible from `from` on, as long as this runs, and `into` is none of them.
pub(crate) unsafe fn read(from: *mut u8, into: &mut [u8]) {
    let (front, rest) = into.split_at_mut(before_words(from, into.len()));
    let mut at = from;
    // SAFETY: `at` advances by as many bytes as `into` has, which the caller promises; it is a multiple of eight where
    // words are read.
    unsafe {
        for target in front {
            *target = byte(at).load(Relaxed);
            at = at.add(1);
        }
        let (words, tail) = rest.as_chunks_mut::<WORD>();
        for target in words {
            *target = word(at).load(Relaxed).to_ne_bytes();
            at = at.add(WORD);
        }
        for target in tail {
            *target = byte(at).load(Relaxed);
            at = at.add(1);
        }
    }
}

/// Writes bytes.
///
/// # Safety
/// As many bytes as `from` has are accessible from `to` on, as long as this runs, and `from` is none of them.
pub(crate) unsafe fn write(from: &[u8], to: *mut u8) {
    let (front, rest) = from.split_at(before_words(to, from.len()));
    let mut at = to;
    // SAFETY: as in `read`.
    unsafe {
        for source in front {
            byte(at).store(*source, Relaxed);
            at = at.add(1);
        }
        let (words, tail) = rest.as_chunks::<WORD>();
        for source in words {
            word(at).store(u64::from_ne_bytes(*source), Relaxed);
            at = at.add(WORD);
        }
        for source in tail {
            byte(at).store(*source, Relaxed);
            at = at.add(1);
        }
    }
}

/// Writes `value` into `len` bytes.
///
/// # Safety
/// `len` bytes are accessible from `to` on, as long as this runs.
pub(crate) unsafe fn fill(to: *mut u8, value: u8, len: usize) {
    let front = before_words(to, len);
    let words = (len - front) / WORD;
    let all = u64::from_ne_bytes([value; WORD]);
    // SAFETY: the three parts are `len` bytes together; that of words begins at a multiple of eight.
    unsafe {
        (0..front).for_each(|i| byte(to.add(i)).store(value, Relaxed));
        let at = to.add(front);
        (0..words).for_each(|i| word(at.add(i * WORD)).store(all, Relaxed));
        (front + words * WORD..len).for_each(|i| byte(to.add(i)).store(value, Relaxed));
    }
}

/// Copies `len` bytes, as if by way of a buffer.
///
/// # Safety
/// `len` bytes are accessible from `from` and from `to` on, as long as this runs.
pub(crate) unsafe fn copy(from: *mut u8, to: *mut u8, len: usize) {
    // By words only where both sides have them at the same bytes.
    let same_phase = from.addr() % WORD == to.addr() % WORD;
    let front = if same_phase { before_words(to, len) } else { len };
    let end = front + (len - front) / WORD * WORD;
    // SAFETY: the offsets are below `len`, and where words are copied both sides are multiples of eight.
    unsafe {
        let one = |i: usize| byte(to.add(i)).store(byte(from.add(i)).load(Relaxed), Relaxed);
        let eight = |i: usize| word(to.add(i)).store(word(from.add(i)).load(Relaxed), Relaxed);
        if to.addr() <= from.addr() || to.addr() - from.addr() >= len {
            (0..front).for_each(one);
            (front..end).step_by(WORD).for_each(eight);
            (end..len).for_each(one);
        } else {
            // The target begins within the source: from the end.
            (end..len).rev().for_each(one);
            (front..end).step_by(WORD).rev().for_each(eight);
            (0..front).rev().for_each(one);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words, so that bytes 0, 8, … are multiples of eight.
    fn pattern() -> [u64; 16] {
        std::array::from_fn(|i| u64::from_le_bytes(std::array::from_fn(|j| (8 * i + j + 1) as u8)))
    }

    fn bytes(words: &mut [u64; 16]) -> &mut [u8] {
        // SAFETY: plain numbers, borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), 128) }
    }

    #[test]
    fn every_offset_and_length_is_read_written_and_filled_as_told_and_nothing_beside() {
        for start in 0..10 {
            for len in 0..40 {
                let (mut words, mut expected) = (pattern(), pattern());
                let mut read_bytes = vec![0; len];
                // SAFETY: the range lies in the array.
                unsafe { read(bytes(&mut words).as_mut_ptr().add(start), &mut read_bytes) };
                assert_eq!(read_bytes, bytes(&mut expected)[start..start + len]);

                let source: Vec<u8> = (0..len).map(|i| 200 + i as u8 % 50).collect();
                // SAFETY: as above.
                unsafe { write(&source, bytes(&mut words).as_mut_ptr().add(start)) };
                bytes(&mut expected)[start..start + len].copy_from_slice(&source);
                assert_eq!(words, expected, "write {start} {len}");

                // SAFETY: as above.
                unsafe { fill(bytes(&mut words).as_mut_ptr().add(start), 77, len) };
                bytes(&mut expected)[start..start + len].fill(77);
                assert_eq!(words, expected, "fill {start} {len}");
            }
        }
    }

    #[test]
    fn overlapping_ranges_are_copied_as_if_by_way_of_a_buffer() {
        for from in 0..26 {
            for to in 0..26 {
                for len in [0, 1, 7, 8, 9, 16, 23, 40, 64] {
                    let (mut words, mut expected) = (pattern(), pattern());
                    let base = bytes(&mut words).as_mut_ptr();
                    // SAFETY: both ranges lie in the array.
                    unsafe { copy(base.add(from), base.add(to), len) };
                    bytes(&mut expected).copy_within(from..from + len, to);
                    assert_eq!(words, expected, "{from} to {to}, {len}");
                }
            }
        }
    }
}
