//! `dW[i,j] += Σ_t Σ_lane δ_t[i, lane] r_t[j, lane]` at the stored entries, a tile of columns at a time.

use std::ops::Range;
use std::slice;

use super::{Part, Tiled};
use crate::gradient::{
    Block, Outer, Pass, Segment, add_block, add_row, add_segments, deltas, near, pass, steps_per_pass,
};
use crate::isa::Isa;
use crate::operand::check_lanes;
use crate::simd::{Kernel, Simd, WIDTH};
use crate::tuning::{DELTA_AHEAD, STATES_AHEAD, TILES_AHEAD, TILES_FAR_AHEAD, TURNED_COLUMNS, TURNED_ROWS};

/// `gradient[e] += Σ_t Σ_lane δ_t[i, lane] r_t[j, lane]` for each entry e = (i, j) of `rows`, which must be whole blocks
/// of `tiled`.
///
/// `gradient` holds the entries of `rows` in the order of `tiled`. Each entry adds its products over time and vectors of
/// lanes into one vector, folds that, and adds the sum, [`steps_per_pass`] steps of a tile at a time: the order depends on
/// the number of steps, of lanes and of columns of a tile alone.
///
/// # Panics
/// If a shape does not fit, `rows` are not whole blocks, or `tiled` was made [transposed](Tiled::transposed).
pub fn tiled_gradient(
    isa: Isa,
    rows: &Range<usize>,
    lanes: usize,
    tiled: &Tiled,
    steps: &[Outer],
    gradient: &mut [f32],
) {
    check_lanes(lanes);
    assert!(!tiled.by_tile, "made from the pattern itself, not transposed");
    let blocks = tiled.blocks_of(rows);
    let entries = tiled.entries[blocks.end] - tiled.entries[blocks.start];
    assert_eq!(gradient.len(), entries, "one gradient an entry of the rows");
    for step in steps {
        assert_eq!(Some(step.delta.len()), tiled.rows().checked_mul(lanes), "delta is [rows, lanes]");
        assert_eq!(Some(step.states.len()), tiled.cols().checked_mul(lanes), "states are [cols, lanes]");
    }
    let whole = Blocks { isa, blocks, tiled, gradient: gradient.as_mut_ptr() };
    for steps in steps.chunks(steps_per_pass(tiled.width, lanes)) {
        pass(lanes, steps, &whole);
    }
}

struct Blocks<'a> {
    isa: Isa,
    blocks: Range<usize>,
    tiled: &'a Tiled,
    gradient: *mut f32,
}

impl<'a> Pass<'a> for Blocks<'_> {
    fn add<const G: usize, const T: usize>(&self, steps: [Outer<'a>; T]) {
        self.isa.run(PartByPart::<G, T> { blocks: self, steps });
    }
}

struct PartByPart<'a, const G: usize, const T: usize> {
    blocks: &'a Blocks<'a>,
    steps: [Outer<'a>; T],
}

impl<const G: usize, const T: usize> Kernel for PartByPart<'_, G, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let tiled = self.blocks.tiled;
        for block in self.blocks.blocks.clone() {
            for tile in 0..tiled.tiles() {
                // SAFETY: the block and the tile are of the matrix, and `tiled_gradient` checked the steps and the output.
                unsafe { self.part(s, tile, tiled.bounds[block], tiled.part(tile, block)) };
            }
        }
    }
}

impl<const G: usize, const T: usize> PartByPart<'_, G, T> {
    /// The entries of one part.
    ///
    /// # Safety
    /// `part` is that of `tile` and of the block that starts with `row`; `tiled_gradient` checked the steps and the output.
    #[inline(always)]
    unsafe fn part<S: Simd>(&self, s: S, tile: usize, row: usize, part: [Part; 2]) {
        let Blocks { tiled, gradient, ref blocks, .. } = *self.blocks;
        let first = tiled.entries[blocks.start];
        let entries_ahead = Some(if tiled.streams() { TILES_FAR_AHEAD } else { TILES_AHEAD });
        // SAFETY: the runs of a part have as many segments and entries as the part, and columns that are looked at ahead are
        // of the entries that are left of it; a place is a row of the block and a column one of the tile; the output holds
        // the entries of the blocks, counted from the first of them.
        unsafe {
            let mut places = tiled.places.as_ptr().add(part[0].segment as usize);
            let mut columns = tiled.columns.as_ptr().add(part[0].entry as usize);
            let mut out = gradient.add(part[0].entry as usize - first);
            let states = self.steps.map(|step| step.states.as_ptr().add(tile * tiled.width * (WIDTH * G)));
            if !S::TWINS {
                let runs = tiled.runs[part[0].run as usize..part[1].run as usize].iter();
                let lens = runs.flat_map(|run| std::iter::repeat_n(run.len as usize, run.count as usize));
                let segments = lens.map(
                    #[inline(always)]
                    |len| {
                        let place = usize::from(*places);
                        places = places.add(1);
                        Segment { row: row + place, len }
                    },
                );
                add_segments::<_, _, G, T>(s.halves(), segments, &self.steps, &states, columns, out, entries_ahead);
                return;
            }
            let far = near(tiled.width, WIDTH * G) < T;
            let mut left = (part[1].segment - part[0].segment) as usize;
            let mut entries_left = (part[1].entry - part[0].entry) as usize;
            for run in &tiled.runs[part[0].run as usize..part[1].run as usize] {
                let len = run.len as usize;
                let full = len == tiled.cols_of(tile);
                if full && len >= TURNED_COLUMNS && run.count as usize >= TURNED_ROWS {
                    let count = run.count as usize;
                    let columns = slice::from_raw_parts(columns, len);
                    let block = Block { row: move |k| row + usize::from(*places.add(k)), count, columns };
                    add_block::<S, _, _, G, T>(s, block, self.steps, states, out);
                    // full rows are the longest, so nothing follows them
                    continue;
                }
                for _ in 0..run.count {
                    let coming = (row + usize::from(*places.add(DELTA_AHEAD.min(left - 1)))) * (WIDTH * G);
                    left -= 1;
                    for step in &self.steps {
                        for g in 0..G {
                            s.prefetch(step.delta.as_ptr().wrapping_add(coming + g * WIDTH));
                        }
                    }
                    if far {
                        let ahead = entries_left.saturating_sub(STATES_AHEAD).min(len);
                        let columns = columns.wrapping_add(STATES_AHEAD);
                        for k in 0..ahead {
                            self.ask_for_states(s, &states, *columns.add(k));
                        }
                    }
                    entries_left -= len;
                    let delta = deltas::<S, G, T>(s, &self.steps, row + usize::from(*places));
                    add_row(s, &delta, &states, columns, len, out, entries_ahead);
                    places = places.add(1);
                    columns = columns.add(len);
                    out = out.add(len);
                }
            }
        }
    }

    /// Asks for the states of a column of a tile at each step.
    #[inline(always)]
    fn ask_for_states<S: Simd>(&self, s: S, states: &[*const f32; T], col: u16) {
        for states in states {
            for g in 0..G {
                s.prefetch(states.wrapping_add((usize::from(col) * G + g) * WIDTH));
            }
        }
    }
}
