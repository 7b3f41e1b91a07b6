//! Where in a line of the instruction cache a function begins, so that its innermost loops lie in as few lines as they can.
//!
//! ```text
//!  line 0            line 1            line 2
//!  │                 │                 │
//!  ├─────────┤ loop ═╪═ ├──            two lines for each iteration: half the speed, at worst
//!  ┊   ├─────────┤   ╪ loop ══ ├──     the function begins later: one line
//! ```
//!
//! Processors fetch and keep decoded instructions by lines. The code generator aligns no loop, and the distances within
//! a function are its; so the start of the function is chosen, among those that its alignment allows within one line. What
//! counts is how many more lines a loop touches than it must, by how deep it is nested. Second come branches back that
//! cross a window, or end at its end: some processors don't keep those decoded.
//!
//! Architecture invariant: a place depends on the functions in front and the function itself, and is at most a line
//! further than it must be.

use cranelift_codegen::CompiledCode;
use std::collections::BTreeMap;

/// Bytes of a line. Those of some processors are twice as long, and then two of these come together.
const LINE: u64 = 64;
/// Bytes that some processors of x86_64 decode together.
const WINDOW: u64 = 32;
/// A branch and the comparison that is decoded with it have about this many bytes at most.
const BRANCH: u64 = 8;
/// A loop of more bytes than that loses nothing worth mentioning by one more line.
const LONGEST: u64 = 16 * LINE;
/// How many times as often the body of a loop runs as what is around it: a guess, as a power of 2.
const WEIGHT_LOG2: u32 = 3;
/// From this depth on, loops weigh the same.
const DEEPEST: u32 = 6;

/// A short loop in a unit's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loop {
    /// Code offsets in the unit: of its first byte, and behind its last.
    start: u32,
    end: u32,
    /// In how many loops it is.
    depth: u32,
}

impl Loop {
    /// As numbers, to be kept.
    pub fn to_numbers(self) -> [u32; 3] {
        [self.start, self.end, self.depth]
    }

    /// From those; a loop begins before its end.
    pub fn from_numbers([start, end, depth]: [u32; 3]) -> Loop {
        Loop { start, end, depth }
    }
}

/// The short loops of a unit. The code generator must have been told to keep its blocks.
pub(crate) fn loops(code: &CompiledCode) -> Vec<Loop> {
    let end = code.buffer.total_size();
    find(&code.bb_starts, &code.bb_edges, end)
}

/// The same by the starts of blocks, ascending; by edges from the start of a block to the start of another; and by where
/// the last block ends.
fn find(starts: &[u32], edges: &[(u32, u32)], end: u32) -> Vec<Loop> {
    // By header. A way back from out-of-line code is one too; it is long, or as good as a loop.
    let mut ends: BTreeMap<u32, u32> = BTreeMap::new();
    for &(from, to) in edges.iter().filter(|(from, to)| to <= from) {
        let next = starts.get(starts.partition_point(|&start| start <= from)).copied().unwrap_or(end);
        let last = ends.entry(to).or_default();
        *last = next.max(*last);
    }
    // Ends of the loops that are open, ascending from the top.
    let mut open: Vec<u32> = Vec::new();
    let mut found = Vec::new();
    for (start, end) in ends {
        while open.last().is_some_and(|&end| end <= start) {
            open.pop();
        }
        if u64::from(end - start) <= LONGEST {
            found.push(Loop { start, end, depth: open.len() as u32 });
        }
        // One that reaches beyond those around it is no loop of this kind: it must not hide them.
        if open.last().is_none_or(|&outer| end <= outer) {
            open.push(end);
        }
    }
    found
}

/// What it costs if a unit with these loops begins at `start`: lines too many, branches across windows.
fn cost(loops: &[Loop], start: u64, windows: bool) -> (u64, u64) {
    loops.iter().fold((0, 0), |(lines, branches), l| {
        let weight = 1 << (WEIGHT_LOG2 * l.depth.min(DEEPEST));
        let (first, end) = (start + u64::from(l.start), start + u64::from(l.end));
        let touched = (end - 1) / LINE - first / LINE + 1;
        let needed = (end - first).div_ceil(LINE);
        // It ends in the same window in which it begins, and not at the window's end.
        let whole = end.saturating_sub(BRANCH) / WINDOW == end / WINDOW;
        (lines + weight * (touched - needed), branches + if windows && !whole { weight } else { 0 })
    })
}

/// The best start for a unit with these loops, from `start` on, which is aligned to `step`; `windows` says whether the
/// processor is of the kind that has them.
pub(super) fn best(loops: &[Loop], start: u64, step: u32, windows: bool) -> u64 {
    debug_assert!(start.is_multiple_of(u64::from(step)));
    let places = (start..start + LINE).step_by(step as usize);
    // Else where a call of it finds most of its first bytes at once, and without a gap.
    places.min_by_key(|&place| (cost(loops, place, windows), place % (LINE / 2) != 0, place)).unwrap_or(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_are_edges_back_and_nest() {
        let starts = [0, 10, 20, 30, 40];
        // 10..40 around 20..30, and one from out-of-line code behind.
        let edges = [(0, 10), (10, 20), (20, 20), (20, 30), (30, 10), (30, 40), (40, 30)];
        let found = find(&starts, &edges, 50);
        let expected = [(10, 40, 0), (20, 30, 1), (30, 50, 1)];
        assert_eq!(found, expected.map(|(start, end, depth)| Loop { start, end, depth }));
    }

    #[test]
    fn a_long_loop_counts_only_for_those_in_it() {
        let starts = [0, 10, 2000, 2010, 3000];
        let edges = [(10, 2000), (2000, 2000), (3000, 10)];
        assert_eq!(find(&starts, &edges, 3010), [Loop { start: 2000, end: 2010, depth: 1 }]);
    }

    #[test]
    fn a_loop_that_fits_a_line_lies_in_one() {
        for len in 1..=LINE as u32 {
            for start in 0..LINE as u32 {
                let loops = [Loop { start, end: start + len, depth: 0 }];
                for (from, step, windows) in [(0, 1, false), (96, 1, true), (5, 1, true), (16, 1, false)] {
                    let place = best(&loops, from, step, windows);
                    assert_eq!(cost(&loops, place, windows).0, 0, "{len} bytes at {start}: {place}");
                    assert!((from..from + LINE).contains(&place));
                }
            }
        }
    }

    #[test]
    fn deeper_loops_come_first_and_steps_are_kept() {
        // Not both fit a line each.
        let outer = Loop { start: 10, end: 70, depth: 0 };
        let inner = Loop { start: 40, end: 68, depth: 1 };
        let place = best(&[outer, inner], 0, 4, false);
        assert_eq!(cost(&[inner], place, false), (0, 0));
        assert!(place.is_multiple_of(4));
        assert_eq!(best(&[], 33, 1, true), 64);
    }
}
