//! Sums over slices, and the small elementwise kernels beside them.

use crate::blocks::{Blocks, Walk, load, store};
use crate::element::{Element, LaneKernel};
use crate::isa::Isa;
use crate::operand::check_lanes;
use crate::rule::Rule;
use crate::simd::{Kernel, Simd, Vector, WIDTH};

struct SumSquares<'a>(&'a [f32]);

impl Kernel for SumSquares<'_> {
    type Output = f64;

    /// Plain code, which the compiler turns into vectors of the frame's instruction set: it keeps the order of the
    /// sums and fuses nothing, so every set gives the same bits.
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> f64 {
        let mut sums = [0.0f64; WIDTH];
        let blocks = self.0.chunks_exact(WIDTH);
        let rest = blocks.remainder();
        for block in blocks {
            for (sum, &x) in sums.iter_mut().zip(block) {
                *sum += f64::from(x) * f64::from(x);
            }
        }
        for (sum, &x) in sums.iter_mut().zip(rest) {
            *sum += f64::from(x) * f64::from(x);
        }
        let eight: [f64; 8] = std::array::from_fn(|k| sums[k] + sums[k + 8]);
        let four: [f64; 4] = std::array::from_fn(|k| eight[k] + eight[k + 4]);
        (four[0] + four[2]) + (four[1] + four[3])
    }
}

/// Σ x_i², in f64: sixteen sums (element i in sum i mod 16), then their halves folded onto each other.
///
/// The same bits on every instruction set. Squares of finite `f32` cannot overflow in f64, so the sum is finite if
/// and only if every element is: one pass gives a norm and the check.
pub fn sum_squares(isa: Isa, x: &[f32]) -> f64 {
    isa.run(SumSquares(x))
}

struct AddAssign<'a> {
    sum: &'a mut [f32],
    x: &'a [f32],
}

impl Blocks for AddAssign<'_> {
    #[inline(always)]
    fn block<S: Simd>(&mut self, s: S, start: usize, len: usize) {
        let sum = s.add(load(s, self.sum, start, len), load(s, self.x, start, len));
        store(s, self.sum, start, len, sum);
    }
}

/// sum_i ← sum_i + x_i.
///
/// # Panics
/// If the slices differ in length.
pub fn add_assign(isa: Isa, sum: &mut [f32], x: &[f32]) {
    assert_eq!(sum.len(), x.len(), "as many terms as sums");
    isa.run(Walk { len: sum.len(), blocks: AddAssign { sum, x } });
}

struct SumParts<'a> {
    parts: &'a [&'a [f32]],
    at: usize,
    total: &'a mut [f32],
}

impl Blocks for SumParts<'_> {
    #[inline(always)]
    fn block<S: Simd>(&mut self, s: S, start: usize, len: usize) {
        // the sums of whole subtrees that wait for a neighbour, the largest first
        let mut waiting = [s.splat(0.0); LEVELS];
        let mut count = 0;
        for (k, part) in self.parts.iter().enumerate() {
            let mut sum = load(s, part, self.at + start, len);
            // part k ends as many subtrees as k has ones at its end
            for _ in 0..k.trailing_ones() {
                count -= 1;
                sum = s.add(waiting[count], sum);
            }
            waiting[count] = sum;
            count += 1;
        }
        let mut total = s.splat(0.0);
        if let Some((&last, before)) = waiting[..count].split_last() {
            total = before.iter().rev().fold(last, |sum, &before| s.add(before, sum));
        }
        store(s, self.total, start, len, total);
    }
}

/// Subtrees that can wait in [`sum_parts`]: one per binary digit of the number of parts.
const LEVELS: usize = usize::BITS as usize;

/// total_i = Σ_k part_k,(at+i), added by a fixed binary tree: neighbours in pairs, then pairs of pairs, and so on, a
/// neighbour that is not there left out: ((0 + 1) + (2 + 3)) + 4. A run of 2^m parts that starts with a multiple of 2^m
/// can be added anywhere else, and the bits are the same. The sum of no parts is 0.
///
/// # Panics
/// If a part has fewer than `at + total.len()` elements.
pub fn sum_parts(isa: Isa, parts: &[&[f32]], at: usize, total: &mut [f32]) {
    let enough = |part: &&[f32]| part.len().checked_sub(at).is_some_and(|left| left >= total.len());
    assert!(parts.iter().all(enough), "a term of each part for each sum");
    isa.run(Walk { len: total.len(), blocks: SumParts { parts, at, total } });
}

struct Rectify<'a>(&'a mut [f32]);

impl Blocks for Rectify<'_> {
    #[inline(always)]
    fn block<S: Simd>(&mut self, s: S, start: usize, len: usize) {
        let x = load(s, self.0, start, len);
        store(s, self.0, start, len, s.max(x, s.splat(0.0)));
    }
}

/// x_i ← max(x_i, 0). NaN stays NaN.
pub fn rectify(isa: Isa, x: &mut [f32]) {
    isa.run(Walk { len: x.len(), blocks: Rectify(x) });
}

struct RowSums<'a, E> {
    lanes: usize,
    x: &'a [E],
    out: &'a mut [E],
}

impl<E: Element> LaneKernel<E> for RowSums<'_, E> {
    #[inline(always)]
    fn run<S: Vector<E = E>>(self, s: S) {
        for (row, out) in self.x.chunks_exact(self.lanes).zip(self.out) {
            let mut sum = s.splat(E::ZERO);
            for block in 0..row.len() / WIDTH {
                sum = s.add(sum, load(s, row, block * WIDTH, WIDTH));
            }
            *out += s.sum(sum);
        }
    }
}

/// out_i ← out_i + Σ_k x_ik over the lanes k of row i: `x` is `[rows, lanes]`, `out` is `[rows]`.
///
/// Sixteen sums run along the row and are then folded onto each other, in the same order on every instruction set.
///
/// # Panics
/// If `lanes` is 0 or no multiple of 16, or `x` has not `lanes` elements for each of `out`.
pub fn row_sums<E: Element>(isa: Isa, lanes: usize, x: &[E], out: &mut [E]) {
    assert!(lanes > 0 && lanes.is_multiple_of(WIDTH), "lanes in multiples of {WIDTH}, not {lanes}");
    assert_eq!(Some(x.len()), lanes.checked_mul(out.len()), "a row of lanes for each sum");
    E::run(isa, RowSums { lanes, x, out });
}

struct Rates<'a, E, R> {
    rule: &'a R,
    states: &'a mut [E],
}

impl<E: Element, R: Rule<E>> LaneKernel<E> for Rates<'_, E, R> {
    #[inline(always)]
    fn run<S: Vector<E = E>>(self, s: S) {
        for start in (0..self.states.len()).step_by(WIDTH) {
            let len = WIDTH.min(self.states.len() - start);
            let [rate] = self.rule.rate(s, [load(s, self.states, start, len)]);
            store(s, self.states, start, len, rate);
        }
    }
}

/// Turns states into rates.
pub(crate) fn rates<E: Element, R: Rule<E>>(isa: Isa, rule: &R, states: &mut [E]) {
    E::run(isa, Rates { rule, states });
}

struct LaneSquares<'a, E, R> {
    rule: &'a R,
    lanes: usize,
    states: &'a [E],
    out: &'a mut [f64],
}

impl<E: Element, R: Rule<E>> LaneKernel<E> for LaneSquares<'_, E, R> {
    /// Plain code, as in [`SumSquares`], one group of sixteen lanes after the other, whose sums stay in registers.
    #[inline(always)]
    fn run<S: Vector<E = E>>(self, s: S) {
        for (group, out) in self.out.as_chunks_mut::<WIDTH>().0.iter_mut().enumerate() {
            for row in self.states.chunks_exact(self.lanes) {
                let mut rates = [E::ZERO; WIDTH];
                let [rate] = self.rule.rate(s, [load(s, row, group * WIDTH, WIDTH)]);
                store(s, &mut rates, 0, WIDTH, rate);
                for (sum, rate) in out.iter_mut().zip(rates) {
                    *sum += rate.to_f64() * rate.to_f64();
                }
            }
        }
    }
}

/// See [`CellKernels::lane_squares`](crate::CellKernels::lane_squares).
pub(crate) fn lane_squares<E: Element, R: Rule<E>>(isa: Isa, rule: &R, lanes: usize, states: &[E], out: &mut [f64]) {
    check_lanes(lanes);
    assert!(states.len().is_multiple_of(lanes), "whole rows of lanes");
    assert_eq!(out.len(), lanes, "a sum for each lane");
    E::run(isa, LaneSquares { rule, lanes, states, out });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, Elman};

    fn lane_squares(isa: Isa, lanes: usize, rectified: bool, x: &[f32], out: &mut [f64]) {
        Elman { activation: Activation::Identity, rectified }.single().lane_squares(isa, lanes, x, out);
    }

    const SIZES: [usize; 7] = [0, 1, 15, 16, 17, 31, 100];

    fn numbers(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 37 + 11) % 101) as f32 / 7.0 - 6.0).collect()
    }

    #[test]
    fn sum_of_squares_is_exact_and_the_same_everywhere() {
        for n in SIZES {
            let integers: Vec<f32> = (1..=n).map(|i| i as f32).collect();
            let want = (n * (n + 1) * (2 * n + 1) / 6) as f64;
            let others = numbers(n);
            let plain: f64 = others.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
            let first = sum_squares(Isa::available()[0], &others);
            assert!((first - plain).abs() <= 1e-14 * plain);
            for isa in Isa::available() {
                assert_eq!(sum_squares(isa, &integers), want);
                assert_eq!(sum_squares(isa, &others).to_bits(), first.to_bits(), "{n} on {isa}");
            }
        }
    }

    #[test]
    fn parts_are_summed_by_a_binary_tree() {
        /// The sum of parts `from..` of a subtree of `size` leaves.
        fn tree(parts: &[f32], size: usize) -> f32 {
            match parts {
                [one] => *one,
                _ if parts.len() <= size / 2 => tree(parts, size / 2),
                _ => tree(&parts[..size / 2], size / 2) + tree(&parts[size / 2..], size / 2),
            }
        }
        assert_eq!(tree(&[1e8, 1.0, -1e8, 1.0], 4), 0.0);
        assert_eq!(tree(&[1.0, 1e8, -1e8], 4), 0.0);
        for isa in Isa::available() {
            for n in SIZES {
                let parts: Vec<Vec<f32>> =
                    (0..9).map(|k| numbers(n + 5).iter().map(|x| x / (k as f32 - 1.7)).collect()).collect();
                for count in 0..=9 {
                    let parts: Vec<&[f32]> = parts[..count].iter().map(Vec::as_slice).collect();
                    let leaves = |i: usize| parts.iter().map(|part| part[3 + i]).collect::<Vec<_>>();
                    let want: Vec<f32> = (0..n)
                        .map(|i| if count == 0 { 0.0 } else { tree(&leaves(i), count.next_power_of_two()) })
                        .collect();
                    let mut total = vec![f32::NAN; n];
                    sum_parts(isa, &parts, 3, &mut total);
                    assert!(
                        total.iter().zip(&want).all(|(a, b)| a.to_bits() == b.to_bits()),
                        "{count} of {n} on {isa}"
                    );
                }
            }
            // what is not there is left out and not added as 0
            let mut total = [f32::NAN];
            sum_parts(isa, &[&[-0.0]], 0, &mut total);
            assert_eq!(total[0].to_bits(), (-0.0f32).to_bits());
        }
    }

    #[test]
    #[should_panic(expected = "a term of each part")]
    fn short_parts_are_a_broken_contract() {
        sum_parts(Isa::available()[0], &[&[0.0; 4], &[0.0; 3]], 2, &mut [0.0; 2]);
    }

    #[test]
    fn sum_of_squares_is_finite_exactly_for_finite_elements() {
        for isa in Isa::available() {
            assert!(sum_squares(isa, &[f32::MAX; 100]).is_finite());
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                for at in [0, 15, 16, 99] {
                    let mut x = [1.0; 100];
                    x[at] = bad;
                    assert!(!sum_squares(isa, &x).is_finite(), "{bad} at {at} on {isa}");
                }
            }
        }
    }

    #[test]
    fn addition_is_elementwise_and_stays_inside() {
        for isa in Isa::available() {
            for n in SIZES {
                let x = numbers(n);
                let mut sum = vec![1.5; n];
                sum.push(f32::NAN);
                add_assign(isa, &mut sum[..n], &x);
                assert!(sum[..n].iter().zip(&x).all(|(sum, x)| *sum == 1.5 + x));
                assert!(sum[n].is_nan());
            }
        }
    }

    #[test]
    fn rectification_passes_nan_and_stays_inside() {
        for isa in Isa::available() {
            for n in SIZES {
                let mut x = numbers(n);
                let want: Vec<f32> = x.iter().map(|x| x.max(0.0)).collect();
                x.push(-1.0);
                rectify(isa, &mut x[..n]);
                assert_eq!((&x[..n], x[n]), (&want[..], -1.0));
                let mut x = vec![f32::NAN; n];
                rectify(isa, &mut x);
                assert!(x.iter().all(|x| x.is_nan()), "NaN is hidden on {isa}");
            }
        }
    }

    #[test]
    fn rates_follow_from_states() {
        for isa in Isa::available() {
            for n in SIZES {
                let mut x = numbers(n);
                let want: Vec<f32> = x.iter().map(|x| x.max(0.0)).collect();
                let elman = Elman { activation: Activation::Tanh, rectified: true };
                elman.single().rates(isa, &mut x);
                assert_eq!(x, want);
                let mut x = vec![f64::NAN; n];
                elman.double().rates(isa, &mut x);
                assert!(x.iter().all(|x| x.is_nan()), "NaN is hidden on {isa}");
            }
        }
    }

    #[test]
    fn rows_are_summed_onto_what_is_there() {
        for isa in Isa::available() {
            for lanes in [16, 32, 48, 208] {
                for rows in [0, 1, 3] {
                    // row i holds i, i + 1, ...: small integers, so the sums are exact
                    let x: Vec<f32> = (0..rows * lanes).map(|e| (e / lanes + e % lanes) as f32).collect();
                    let mut out = vec![0.5; rows];
                    row_sums(isa, lanes, &x, &mut out);
                    for (i, out) in out.into_iter().enumerate() {
                        assert_eq!(out, 0.5 + (lanes * i + lanes * (lanes - 1) / 2) as f32);
                    }
                }
            }
        }
    }

    #[test]
    fn row_sums_are_the_same_everywhere() {
        let x = numbers(5 * 208);
        let mut sums = Isa::available().into_iter().map(|isa| {
            let mut out = [0.0; 5];
            row_sums(isa, 208, &x, &mut out);
            out.map(f32::to_bits)
        });
        let first = sums.next().unwrap();
        assert!(sums.all(|other| other == first));
    }

    /// Lanes, rows, and whether rates are rectified.
    fn rates() -> impl Iterator<Item = (usize, usize, bool)> {
        let sizes = [16, 32, 48, 64].into_iter().flat_map(|lanes| [0, 1, 5].map(|rows| (lanes, rows)));
        sizes.flat_map(|(lanes, rows)| [false, true].map(|rectified| (lanes, rows, rectified)))
    }

    #[test]
    fn squares_of_rates_are_summed_lane_by_lane_and_the_same_everywhere() {
        for (lanes, rows, rectified) in rates() {
            let x = numbers(rows * lanes);
            let rho = |x: f32| f64::from(if rectified { x.max(0.0) } else { x });
            let want = |k: usize| 0.5 + (0..rows).map(|i| rho(x[i * lanes + k]).powi(2)).sum::<f64>();
            let want: Vec<f64> = (0..lanes).map(want).collect();
            let mut first: Option<Vec<f64>> = None;
            for isa in Isa::available() {
                let mut out = vec![0.5; lanes];
                lane_squares(isa, lanes, rectified, &x, &mut out);
                assert!(out.iter().zip(&want).all(|(a, b)| (a - b).abs() <= 1e-14 * b), "{lanes} on {isa}");
                assert_eq!(*first.get_or_insert_with(|| out.clone()), out, "{lanes} on {isa}");
            }
        }
    }

    #[test]
    fn rates_that_are_not_finite_are_seen_in_their_lane_alone() {
        for (lanes, rows, rectified) in rates().filter(|&(_, rows, _)| rows > 0) {
            // -∞ is rectified to 0
            for (bad, seen) in [(f32::NAN, true), (f32::INFINITY, true), (f32::NEG_INFINITY, !rectified)] {
                let mut x = numbers(rows * lanes);
                x[rows * lanes - 1] = bad;
                for isa in Isa::available() {
                    let mut out = vec![0.5; lanes];
                    lane_squares(isa, lanes, rectified, &x, &mut out);
                    assert_eq!(!out[lanes - 1].is_finite(), seen, "{bad} on {isa}");
                    assert!(out[..lanes - 1].iter().all(|sum| sum.is_finite()), "{bad} on {isa}");
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "whole rows of lanes")]
    fn whole_rows_are_demanded() {
        lane_squares(Isa::available()[0], 16, true, &[0.0; 20], &mut [0.0; 16]);
    }

    #[test]
    #[should_panic(expected = "a sum for each lane")]
    fn a_sum_for_each_lane_is_demanded() {
        lane_squares(Isa::available()[0], 16, true, &[0.0; 32], &mut [0.0; 2]);
    }

    #[test]
    #[should_panic(expected = "lanes in multiples of 16, not 20")]
    fn lanes_are_checked() {
        row_sums(Isa::available()[0], 20, &[0.0; 20], &mut [0.0]);
    }

    #[test]
    #[should_panic(expected = "a row of lanes for each sum")]
    fn rows_are_checked() {
        row_sums(Isa::available()[0], 16, &[0.0; 32], &mut [0.0]);
    }

    #[test]
    #[should_panic(expected = "as many terms as sums")]
    fn terms_are_checked() {
        add_assign(Isa::available()[0], &mut [0.0; 2], &[0.0; 3]);
    }
}
