//! Copies within a memory, as guests make them: most are of a few bytes, for which calling the C library takes longer than
//! copying, and of those libraries that are linked statically some have no quick way at all.

use std::ops::Range;

/// `bytes.copy_within(source, target)`.
///
/// # Panics
/// If either range is not within `bytes`.
#[inline]
pub(crate) fn copy_within(bytes: &mut [u8], source: Range<usize>, target: usize) {
    match source.len() {
        0 if source.end <= bytes.len() && target <= bytes.len() => {}
        1 => bytes[target] = bytes[source.start],
        2..=3 => ends::<2>(bytes, source, target),
        4..=7 => ends::<4>(bytes, source, target),
        8..=15 => ends::<8>(bytes, source, target),
        16..=31 => ends::<16>(bytes, source, target),
        32..=63 => ends::<32>(bytes, source, target),
        64..=128 => ends::<64>(bytes, source, target),
        _ => bytes.copy_within(source, target),
    }
}

/// Copies from `N` to `2 * N` bytes: those at both ends, which meet or overlap, and are read before any is written.
#[inline]
fn ends<const N: usize>(bytes: &mut [u8], source: Range<usize>, target: usize) {
    let from = &bytes[source];
    let len = from.len();
    let (Some(&first), Some(&last)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) else { return };
    let to = &mut bytes[target..][..len];
    if let Some(chunk) = to.first_chunk_mut() {
        *chunk = first;
    }
    if let Some(chunk) = to.last_chunk_mut() {
        *chunk = last;
    }
}

#[cfg(test)]
mod tests {
    use super::copy_within;

    #[test]
    fn every_length_at_every_distance_is_as_the_standard_library_has_it() {
        let bytes: Vec<u8> = (0..=255).cycle().take(400).map(|x: u8| x.wrapping_mul(167) ^ 0x5a).collect();
        for len in 0..=140 {
            for (source, target) in (0..=130).flat_map(|distance| [(130, 130 - distance), (130, 130 + distance)]) {
                let (mut ours, mut theirs) = (bytes.clone(), bytes.clone());
                copy_within(&mut ours, source..source + len, target);
                theirs.copy_within(source..source + len, target);
                assert_eq!(ours, theirs, "{len} bytes from {source} to {target}");
            }
        }
    }

    #[test]
    fn what_is_outside_is_refused() {
        for (source, target) in [(0..8, 3), (3..11, 0), (0..0, 11), (11..11, 0), (0..1, 10), (9..12, 0), (0..64, 0)] {
            let refused = std::panic::catch_unwind(|| copy_within(&mut [0; 10], source.clone(), target));
            assert!(refused.is_err(), "{source:?} to {target}");
        }
    }
}
