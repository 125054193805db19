//! The gradient of neighbouring entries, whatever rows they are of, eight at a time: made for sixteen registers of eight lanes.
//!
//! Sixteen sums of sixteen lanes, as [`add_row`](super::add_row) keeps them, are twice as many registers as there are.
//! Here the sums of eight entries over one half of their lanes, and that half of a row's δ, are twelve at most. A group of
//! eight that ends in another row takes that row's δ in between, so that no sum is folded in vain.

use std::iter::FusedIterator;

use super::Outer;
use crate::simd::{Halves, WIDTH};

/// Entries in a group.
const GROUP: usize = 8;

/// Entries of one row that follow each other.
#[derive(Clone, Copy)]
pub(crate) struct Segment {
    /// The row of δ.
    pub row: usize,
    /// How many.
    pub len: usize,
}

/// `out[e] += Σ_t Σ_lane δ_t[row, lane] r_t[columns[e], lane]` for the entries e of `segments`, one segment after the other:
/// the same bits as [`add_row`](super::add_row) gives.
///
/// # Safety
/// δ has 16 G elements for each row, the states have 16 G elements for each of the columns at each step; `columns` has as
/// many elements as the segments have in all, and `out` too.
#[inline(always)]
pub(crate) unsafe fn add_segments<H: Halves, C: Copy + Into<u32>, const G: usize, const T: usize>(
    h: H,
    mut segments: impl FusedIterator<Item = Segment>,
    steps: &[Outer; T],
    states: &[*const f32; T],
    mut columns: *const C,
    mut out: *mut f32,
    ahead: Option<usize>,
) {
    let groups = Groups::<G, T> { steps, states };
    let ask = |columns: *const C, out: *mut f32| {
        if let Some(ahead) = ahead {
            h.prefetch(columns.wrapping_add(ahead).cast());
            h.prefetch(out.wrapping_add(ahead));
        }
    };
    // what is left of the segment that the next group starts in
    let mut now = Segment { row: 0, len: 0 };
    // SAFETY: as the caller promises: each group has the next eight entries of the segments, or as many as are left.
    unsafe {
        loop {
            while now.len >= GROUP {
                ask(columns, out);
                h.add_to(out, groups.sums::<H, C, GROUP>(h, [now.row; 2], columns));
                (columns, out) = (columns.add(GROUP), out.add(GROUP));
                now.len -= GROUP;
            }
            match segments.next() {
                Some(next) if now.len == 0 => now = next,
                Some(next) if H::ENDS && now.len + next.len >= GROUP => {
                    ask(columns, out);
                    let rows = [now.row, next.row];
                    let sums = match now.len {
                        1 => groups.sums::<H, C, 1>(h, rows, columns),
                        2 => groups.sums::<H, C, 2>(h, rows, columns),
                        3 => groups.sums::<H, C, 3>(h, rows, columns),
                        4 => groups.sums::<H, C, 4>(h, rows, columns),
                        5 => groups.sums::<H, C, 5>(h, rows, columns),
                        6 => groups.sums::<H, C, 6>(h, rows, columns),
                        _ => groups.sums::<H, C, 7>(h, rows, columns),
                    };
                    h.add_to(out, sums);
                    (columns, out) = (columns.add(GROUP), out.add(GROUP));
                    now = Segment { row: next.row, len: next.len - (GROUP - now.len) };
                }
                None if now.len == 0 => return,
                next => {
                    // several short rows, the last entries, or (unless `ENDS`) a row's end: each entry with a δ of its own
                    let (mut rows, mut count) = ([now.row; GROUP], now.len);
                    now = next.unwrap_or(Segment { row: now.row, len: 0 });
                    loop {
                        let taken = now.len.min(GROUP - count);
                        rows[count..count + taken].fill(now.row);
                        count += taken;
                        now.len -= taken;
                        if count == GROUP {
                            break;
                        }
                        let Some(next) = segments.next() else { break };
                        now = next;
                    }
                    groups.few(h, &rows, count, columns, out);
                    (columns, out) = (columns.add(count), out.add(count));
                }
            }
        }
    }
}

/// What the groups of one pass share.
struct Groups<'a, const G: usize, const T: usize> {
    steps: &'a [Outer<'a>; T],
    states: &'a [*const f32; T],
}

impl<const G: usize, const T: usize> Groups<'_, G, T> {
    /// The sums of eight entries, the first `K` of the first row, the others of the second.
    ///
    /// # Safety
    /// δ has 16 G elements for each of the rows, the states have as many for each of the columns.
    #[inline(always)]
    unsafe fn sums<H: Halves, C: Copy + Into<u32>, const K: usize>(
        &self,
        h: H,
        rows: [usize; 2],
        columns: *const C,
    ) -> H::H {
        // SAFETY: as the caller promises.
        unsafe {
            let low = self.half::<H, C, K, 0>(h, rows, columns);
            h.add_half(low, self.half::<H, C, K, 1>(h, rows, columns))
        }
    }

    /// [`sums`](Self::sums) over one half of the lanes.
    ///
    /// # Safety
    /// As [`sums`](Self::sums).
    #[inline(always)]
    unsafe fn half<H: Halves, C: Copy + Into<u32>, const K: usize, const HALF: usize>(
        &self,
        h: H,
        [first, second]: [usize; 2],
        columns: *const C,
    ) -> H::H {
        // SAFETY: as the caller promises.
        // Written out: sums in a loop would be kept in memory.
        unsafe {
            let mut delta = self.delta::<H, HALF>(h, first);
            let mut sums = [h.zero_half(); GROUP];
            macro_rules! add {
                ($($k:literal)*) => {
                    [$(sums[$k]),*] = self.products::<H, C, HALF, { [$($k),*].len() }>(h, &delta, [$(columns.add($k)),*]);
                };
            }
            macro_rules! row {
                ($k:literal) => {
                    if $k == K {
                        delta = self.delta::<H, HALF>(h, second);
                    }
                };
            }
            // four at a time, where they have one δ and not so many states to address that registers run out
            macro_rules! four {
                ($a:literal $b:literal $c:literal $d:literal) => {
                    row!($a);
                    if T <= 2 && (K <= $a || K > $d) {
                        add!($a $b $c $d);
                    } else {
                        add!($a);
                        row!($b);
                        add!($b);
                        row!($c);
                        add!($c);
                        row!($d);
                        add!($d);
                    }
                };
            }
            four!(0 1 2 3);
            four!(4 5 6 7);
            h.fold_halves(sums)
        }
    }

    /// Half of the δ of a row.
    ///
    /// # Safety
    /// As [`sums`](Self::sums).
    #[inline(always)]
    unsafe fn delta<H: Halves, const HALF: usize>(&self, h: H, row: usize) -> [[H::H; G]; T] {
        let mut delta = [[h.zero_half(); G]; T];
        for (delta, step) in delta.iter_mut().zip(self.steps) {
            for (g, delta) in delta.iter_mut().enumerate() {
                // SAFETY: as the caller promises.
                *delta = unsafe { h.load_half(step.delta.as_ptr().add((row * G + g) * WIDTH + HALF * (WIDTH / 2))) };
            }
        }
        delta
    }

    /// Σ_t Σ_g δ_t r_t over a half of the lanes of `N` entries of a row, still vectors of lanes: their products in turn, so
    /// that few wait for the one before.
    ///
    /// # Safety
    /// As [`sums`](Self::sums).
    #[inline(always)]
    unsafe fn products<H: Halves, C: Copy + Into<u32>, const HALF: usize, const N: usize>(
        &self,
        h: H,
        delta: &[[H::H; G]; T],
        columns: [*const C; N],
    ) -> [H::H; N] {
        let mut sums = [h.zero_half(); N];
        // SAFETY: as the caller promises. The reads are volatile so that eight of them are not made one, whose parts would
        // have to be taken out again.
        unsafe {
            let offsets = columns.map(
                #[inline(always)]
                |column| {
                    let col: u32 = column.read_volatile().into();
                    col as usize * (WIDTH * G) + HALF * (WIDTH / 2)
                },
            );
            for (states, delta) in self.states.iter().zip(delta) {
                for (g, &delta) in delta.iter().enumerate() {
                    for (sum, offset) in sums.iter_mut().zip(offsets) {
                        *sum = h.mul_add_half(delta, h.load_half(states.add(offset + g * WIDTH)), *sum);
                    }
                }
            }
        }
        sums
    }

    /// Adds the sums of the first `count` of eight entries, each with a row of its own, to `out`.
    ///
    /// # Safety
    /// δ has 16 G elements for each of the rows, the states have as many for each of the `count` columns; `out` has `count`
    /// elements.
    #[inline(always)]
    unsafe fn few<H: Halves, C: Copy + Into<u32>>(
        &self,
        h: H,
        rows: &[usize; GROUP],
        count: usize,
        columns: *const C,
        out: *mut f32,
    ) {
        // SAFETY: as the caller promises.
        unsafe {
            let mut halves = [h.zero_half(); 2];
            for (half, folded) in halves.iter_mut().enumerate() {
                let mut sums = [h.zero_half(); GROUP];
                for (k, sum) in sums.iter_mut().enumerate().take(count) {
                    let col: u32 = (*columns.add(k)).into();
                    for (states, step) in self.states.iter().zip(self.steps) {
                        for g in 0..G {
                            let at = g * WIDTH + half * (WIDTH / 2);
                            let delta = h.load_half(step.delta.as_ptr().add(rows[k] * (WIDTH * G) + at));
                            let state = h.load_half(states.add(col as usize * (WIDTH * G) + at));
                            *sum = h.mul_add_half(delta, state, *sum);
                        }
                    }
                }
                *folded = h.fold_halves(sums);
            }
            let mut sums = [0.0f32; GROUP];
            h.store_half(sums.as_mut_ptr(), h.add_half(halves[0], halves[1]));
            for (k, sum) in sums.iter().enumerate().take(count) {
                *out.add(k) += sum;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::gradient::{Outer, gradient};
    use crate::simd::WIDTH;
    use crate::{Aligned, Isa, Pattern};

    const COLS: usize = 40;

    /// Numbers between -1 and 1 that fill their significands.
    fn numbers(len: usize, seed: u32) -> Aligned {
        let number = |k: u32| (k.wrapping_add(seed).wrapping_mul(2_654_435_761) as i32 as f32) / 2f32.powi(31);
        (0..len as u32).map(number).collect()
    }

    /// Rows of every length from 0 to 19 before every other one, so that groups end in each of their places; then short
    /// ones, of which one group has several.
    fn pattern() -> Pattern {
        let pairs = (0..20).flat_map(|first| (0..20).flat_map(move |second| [first, second]));
        let lens: Vec<usize> = pairs.chain((0..60).map(|k| k * k % 7 % 4)).collect();
        let mut indptr = vec![0];
        let mut indices = Vec::new();
        for (row, &len) in lens.iter().enumerate() {
            let first = row % (COLS - 19);
            indices.extend((first..first + len).map(|col| col as u32));
            indptr.push(indices.len());
        }
        Pattern::new(lens.len(), COLS, indptr, indices).unwrap()
    }

    /// What the kernels promise of every entry, with one number at a time: lanes are added up on their own over vectors
    /// and steps, then within quads, then the quads.
    fn in_order(delta: &[&[f32]], states: &[&[f32]], lanes: usize) -> f32 {
        let mut sums = [0.0f32; WIDTH];
        for (delta, states) in delta.iter().zip(states) {
            for g in 0..lanes / WIDTH {
                for (lane, sum) in sums.iter_mut().enumerate() {
                    *sum = delta[g * WIDTH + lane].mul_add(states[g * WIDTH + lane], *sum);
                }
            }
        }
        let quad = |q: usize| (sums[4 * q] + sums[4 * q + 2]) + (sums[4 * q + 1] + sums[4 * q + 3]);
        (quad(0) + quad(1)) + (quad(2) + quad(3))
    }

    /// Groups go beyond the ends of rows, and no bit shows where: on instruction sets that fuse, those of the documented
    /// order, and on every one those of each row alone.
    #[test]
    fn groups_give_the_bits_of_each_entry_alone() {
        let pattern = pattern();
        let rows = pattern.rows();
        // passes of one step of each width, and of one, two, three and four steps of 16 lanes
        for (lanes, count) in [(16, 1), (16, 2), (16, 3), (16, 4), (32, 1), (32, 2), (48, 1), (64, 1)] {
            let numbers: Vec<_> =
                (0..count).map(|t| (numbers(rows * lanes, t as u32), numbers(COLS * lanes, 100 + t as u32))).collect();
            let steps: Vec<_> = numbers.iter().map(|(delta, states)| Outer { delta, states }).collect();
            for isa in Isa::available() {
                let what = format!("{lanes} lanes, {count} steps on {isa}");
                let run = |rows, gradients: &mut [f32]| gradient(isa, &rows, lanes, &pattern, &steps, gradients);
                let mut together = vec![0.5; pattern.nnz()];
                let mut alone = together.clone();
                run(0..rows, &mut together);
                for row in 0..rows {
                    run(row..row + 1, &mut alone[pattern.entries(row)]);
                }
                let same = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits());
                assert!(same(&together, &alone), "{what}: neighbours show");
                if isa.name() == "portable" {
                    continue;
                }
                let slice = |of: &'_ Aligned, row: usize| of[row * lanes..(row + 1) * lanes].to_vec();
                let mut want = Vec::new();
                for row in 0..rows {
                    let delta: Vec<_> = numbers.iter().map(|(delta, _)| slice(delta, row)).collect();
                    for &col in pattern.row(row) {
                        let states: Vec<_> = numbers.iter().map(|(_, states)| slice(states, col as usize)).collect();
                        let [delta, states] =
                            [&delta, &states].map(|of| of.iter().map(Vec::as_slice).collect::<Vec<_>>());
                        want.push(0.5 + in_order(&delta, &states, lanes));
                    }
                }
                assert!(same(&together, &want), "{what}: another order");
            }
        }
    }
}
