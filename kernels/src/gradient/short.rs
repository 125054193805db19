//! The gradient of rows that have the same few columns, as those of input weights have.
//!
//! The sums of such a row alone would leave half or more of the sixteen that are folded together empty. Here neighbouring
//! rows, which must have exactly the columns given, fill them.

use super::Outer;
use crate::simd::{Simd, WIDTH};
use crate::tuning::SHORT_COLUMNS;

/// `out[k · columns + c] += Σ_t Σ_lane δ_t[row + k, lane] r_t[columns[c], lane]`, the same bits as
/// [`add_row`](super::add_row) gives, for as many of the first `count` rows as fill whole vectors of sums: how many that
/// were is given back.
///
/// # Safety
/// δ has 16 G elements for each of the rows, the states have 16 G elements for each of the columns at each step, and `out`
/// holds `count` · `columns` elements.
#[inline(always)]
pub(crate) unsafe fn add_short<S: Simd, const G: usize, const T: usize>(
    s: S,
    row: usize,
    count: usize,
    columns: &[u32],
    steps: &[Outer; T],
    out: *mut f32,
) -> usize {
    // SAFETY: as the caller promises; the number of columns is the length of the slice.
    unsafe {
        match columns.len() {
            1 => add::<S, G, T, 1>(s, row, count, columns, steps, out),
            2 => add::<S, G, T, 2>(s, row, count, columns, steps, out),
            3 => add::<S, G, T, 3>(s, row, count, columns, steps, out),
            4 => add::<S, G, T, 4>(s, row, count, columns, steps, out),
            5 => add::<S, G, T, 5>(s, row, count, columns, steps, out),
            6 => add::<S, G, T, 6>(s, row, count, columns, steps, out),
            7 => add::<S, G, T, 7>(s, row, count, columns, steps, out),
            SHORT_COLUMNS => add::<S, G, T, SHORT_COLUMNS>(s, row, count, columns, steps, out),
            _ => 0,
        }
    }
}

/// [`add_short`] for `N` columns.
///
/// # Safety
/// As [`add_short`], and there are `N` columns.
#[inline(always)]
unsafe fn add<S: Simd, const G: usize, const T: usize, const N: usize>(
    s: S,
    row: usize,
    count: usize,
    columns: &[u32],
    steps: &[Outer; T],
    out: *mut f32,
) -> usize {
    const { assert!(N > 0 && WIDTH / N > 1, "one row alone is a row like any other") };
    let at_once = WIDTH / N;
    let whole = count - count % at_once;
    for k in (0..whole).step_by(at_once) {
        // SAFETY: as the caller promises, for `at_once` rows from `row + k` on.
        unsafe {
            let sums = Sums::<G, T, N> { row: row + k, columns: columns.as_ptr(), steps };
            // Written out: sixteen sums in a loop would be kept in memory.
            let products = [
                sums.product::<S, 0>(s),
                sums.product::<S, 1>(s),
                sums.product::<S, 2>(s),
                sums.product::<S, 3>(s),
                sums.product::<S, 4>(s),
                sums.product::<S, 5>(s),
                sums.product::<S, 6>(s),
                sums.product::<S, 7>(s),
                sums.product::<S, 8>(s),
                sums.product::<S, 9>(s),
                sums.product::<S, 10>(s),
                sums.product::<S, 11>(s),
                sums.product::<S, 12>(s),
                sums.product::<S, 13>(s),
                sums.product::<S, 14>(s),
                sums.product::<S, 15>(s),
            ];
            let (out, len) = (out.add(k * N), at_once * N);
            s.store_first(out, s.add(s.load_first(out, len), s.sums(products)), len);
        }
    }
    whole
}

/// The sums of `WIDTH / N` rows of `N` columns from `row` on: sum K is of row K / N and column K mod N.
struct Sums<'a, const G: usize, const T: usize, const N: usize> {
    row: usize,
    columns: *const u32,
    steps: &'a [Outer<'a>; T],
}

impl<const G: usize, const T: usize, const N: usize> Sums<'_, G, T, N> {
    /// Σ_t Σ_g δ_t r_t of sum `K`, still a vector of lanes; zero where no row is left for it.
    ///
    /// # Safety
    /// As [`add`].
    #[inline(always)]
    unsafe fn product<S: Simd, const K: usize>(&self, s: S) -> S::V {
        let mut acc = s.splat(0.0);
        if K < WIDTH / N * N {
            // SAFETY: as the caller promises.
            unsafe {
                let column = *self.columns.add(K % N) as usize;
                for step in self.steps {
                    let delta = step.delta.as_ptr().add((self.row + K / N) * (WIDTH * G));
                    let states = step.states.as_ptr().add(column * (WIDTH * G));
                    for g in 0..G {
                        acc = s.mul_add(s.load(delta.add(g * WIDTH)), s.load(states.add(g * WIDTH)), acc);
                    }
                }
            }
        }
        acc
    }
}

#[cfg(test)]
mod tests {
    use crate::gradient::{Outer, gradient};
    use crate::{Aligned, Isa, Pattern};

    /// Numbers between -1 and 1 that fill their significands.
    fn numbers(len: usize, seed: u32) -> Aligned {
        let number = |k: u32| (k.wrapping_add(seed).wrapping_mul(2_654_435_761) as i32 as f32) / 2f32.powi(31);
        (0..len as u32).map(number).collect()
    }

    /// Neighbours fill the sums: 35 rows of the same columns, two of other ones, 20 of the same again. Each by itself is
    /// a row like any other, and neither the cut nor the number of columns may show.
    #[test]
    fn rows_together_give_the_bits_of_each_alone() {
        for (columns, lanes) in (1..=9).flat_map(|columns| [16, 32, 48, 64].map(|lanes| (columns, lanes))) {
            let first = |row: usize| if row == 35 || row == 36 { (row - 34) as u32 } else { 0 };
            let indices = (0..57).flat_map(|row| (0..columns as u32).map(move |k| first(row) + k)).collect();
            let pattern = Pattern::new(57, 12, (0..58).map(|row| row * columns).collect(), indices).unwrap();
            let steps: Vec<_> = (0..7).map(|t| (numbers(57 * lanes, t), numbers(12 * lanes, 100 + t))).collect();
            let steps: Vec<_> = steps.iter().map(|(delta, states)| Outer { delta, states }).collect();
            // as many steps as make passes of one, two, three and four with 16 lanes, and of one and two with 32
            for (isa, count) in Isa::available().into_iter().flat_map(|isa| [5, 6, 7].map(|count| (isa, count))) {
                let steps = &steps[..count];
                let run = |rows, gradients: &mut [f32]| gradient(isa, &rows, lanes, &pattern, steps, gradients);
                let mut together = vec![0.5; 57 * columns];
                let mut alone = together.clone();
                run(0..57, &mut together);
                alone.chunks_exact_mut(columns).enumerate().for_each(|(row, alone)| run(row..row + 1, alone));
                assert!(together.iter().all(|&g| g != 0.5), "an entry was passed over");
                let same = together.iter().zip(&alone).all(|(a, b)| a.to_bits() == b.to_bits());
                assert!(same, "{columns} columns, {lanes} lanes, {count} steps on {isa}");
            }
        }
    }
}
