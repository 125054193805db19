//! The gradient of rows that have the same columns, as in a full matrix.
//!
//! There the sums of sixteen neighbouring entries of a row can be the lanes of one vector: the states are turned over
//! once, so that a vector holds one lane of sixteen columns, and folding a sum takes no shuffle.

use super::Outer;
use crate::operand::MAX_LANES;
use crate::simd::{Kernel, Lanes, Simd, WIDTH};

/// Rows with the same columns.
pub(crate) struct Block<'a, C, R> {
    /// The row that each one is, for the first `count`.
    pub row: R,
    /// How many.
    pub count: usize,
    /// Their columns.
    pub columns: &'a [C],
}

/// Vectors of columns that are worked on at once.
const VECTORS: usize = 2;

/// Lanes by columns.
#[repr(align(64))]
struct Turned([f32; MAX_LANES * VECTORS * WIDTH]);

/// `out[k · columns + c] += Σ_t Σ_lane δ_t[row k, lane] r_t[columns[c], lane]`, the same bits as
/// [`add_row`](super::add_row) gives: it does not matter which rows are given together, or which way.
///
/// # Safety
/// δ has 16 G elements for each of the rows, the states have 16 G elements for each of the columns at each step (`G` · `T`
/// is at most 4), and `out` holds `count` · `columns` elements.
#[inline(always)]
pub(crate) unsafe fn add_block<S: Simd, C: Copy + Into<u32>, R: Fn(usize) -> usize, const G: usize, const T: usize>(
    s: S,
    block: Block<C, R>,
    steps: [Outer; T],
    states: [*const f32; T],
    out: *mut f32,
) {
    assert!(G * T * WIDTH <= MAX_LANES);
    s.apart(Add::<C, R, G, T> { block, steps, states, out });
}

/// A call of [`add_block`], which alone makes it.
struct Add<'a, C, R, const G: usize, const T: usize> {
    block: Block<'a, C, R>,
    steps: [Outer<'a>; T],
    states: [*const f32; T],
    out: *mut f32,
}

impl<C: Copy + Into<u32>, R: Fn(usize) -> usize, const G: usize, const T: usize> Kernel for Add<'_, C, R, G, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { block, steps, states, out } = self;
        let mut turned = Turned([0.0; MAX_LANES * VECTORS * WIDTH]);
        let turned = turned.0.as_mut_ptr();
        for (k, columns) in block.columns.chunks(VECTORS * WIDTH).enumerate() {
            let first = k * VECTORS * WIDTH;
            // SAFETY: as the caller of `add_block` promises; `turned` has room for all lanes of these columns.
            unsafe {
                turn::<S, C, G, T>(s, columns, &states, turned);
                let out = out.add(first);
                let mut k = 0;
                while k + 3 <= block.count {
                    rows::<S, C, R, G, T, 3>(s, &block, &steps, columns.len(), turned, k, out);
                    k += 3;
                }
                while k < block.count {
                    rows::<S, C, R, G, T, 1>(s, &block, &steps, columns.len(), turned, k, out);
                    k += 1;
                }
            }
        }
    }
}

/// Writes the states of `columns` to `turned`: for each lane of each step the columns, and zeros where there are
/// fewer than `VECTORS` · 16.
///
/// # Safety
/// As [`add_block`]; `turned` has room for 16 G T lanes.
#[inline(always)]
unsafe fn turn<S: Simd, C: Copy + Into<u32>, const G: usize, const T: usize>(
    s: S,
    columns: &[C],
    states: &[*const f32; T],
    turned: *mut f32,
) {
    for (t, states) in states.iter().enumerate() {
        for g in 0..G {
            for v in 0..VECTORS {
                let mut lanes = [s.splat(0.0); WIDTH];
                for (lanes, &col) in lanes.iter_mut().zip(columns.get(v * WIDTH..).unwrap_or_default()) {
                    // SAFETY: a column has 16 G states.
                    *lanes = unsafe { s.load(states.add((col.into() as usize * G + g) * WIDTH)) };
                }
                for (lane, columns) in s.transpose(lanes).into_iter().enumerate() {
                    let at = ((t * G + g) * WIDTH + lane) * VECTORS + v;
                    // SAFETY: `turned` has room.
                    unsafe { s.store(turned.add(at * WIDTH), columns) };
                }
            }
        }
    }
}

/// The sums of several rows in a few vectors of columns.
type Sums<S, const N: usize> = [[<S as Lanes>::V; VECTORS]; N];

/// The entries of the rows from `k` to `k + N` in `columns` columns.
///
/// # Safety
/// As [`add_block`]; `turned` holds the states of these columns, and `out` is where the first of them is in row 0.
#[inline(always)]
unsafe fn rows<S: Simd, C, R: Fn(usize) -> usize, const G: usize, const T: usize, const N: usize>(
    s: S,
    block: &Block<C, R>,
    steps: &[Outer; T],
    columns: usize,
    turned: *const f32,
    k: usize,
    out: *mut f32,
) {
    let mut deltas = [[std::ptr::null(); N]; T];
    for (step, deltas) in steps.iter().zip(&mut deltas) {
        for (r, delta) in deltas.iter_mut().enumerate() {
            *delta = step.delta.as_ptr().wrapping_add((block.row)(k + r) * (WIDTH * G));
        }
    }
    // as `Simd::sums` folds the lanes of a vector
    let mut halves = [[[s.splat(0.0); VECTORS]; N]; 2];
    for (half, sums) in halves.iter_mut().enumerate() {
        // SAFETY: as the caller promises.
        unsafe {
            let first = quad::<S, G, T, N>(s, &deltas, turned, 8 * half);
            *sums = add(s, first, quad::<S, G, T, N>(s, &deltas, turned, 8 * half + 4));
        }
    }
    for (r, sums) in add(s, halves[0], halves[1]).iter().enumerate() {
        let out = out.wrapping_add((k + r) * block.columns.len());
        for (v, &sum) in sums.iter().enumerate() {
            let (out, len) = (out.wrapping_add(v * WIDTH), columns.saturating_sub(v * WIDTH));
            // SAFETY: as the caller promises, there are `columns` elements from the first column on.
            unsafe {
                if len >= WIDTH {
                    s.store(out, s.add(s.load(out), sum));
                } else if len > 0 {
                    s.store_first(out, s.add(s.load_first(out, len), sum), len);
                }
            }
        }
    }
}

/// The sum over four lanes from `first` on: (0 + 2) + (1 + 3).
///
/// # Safety
/// As [`rows`]; `deltas` are those of its rows.
#[inline(always)]
unsafe fn quad<S: Simd, const G: usize, const T: usize, const N: usize>(
    s: S,
    deltas: &[[*const f32; N]; T],
    turned: *const f32,
    first: usize,
) -> Sums<S, N> {
    // SAFETY: as the caller promises.
    unsafe {
        let even = lane::<S, G, T, N>(s, deltas, turned, first);
        let even = add(s, even, lane::<S, G, T, N>(s, deltas, turned, first + 2));
        let odd = lane::<S, G, T, N>(s, deltas, turned, first + 1);
        add(s, even, add(s, odd, lane::<S, G, T, N>(s, deltas, turned, first + 3)))
    }
}

/// What lane `lane` of every vector of lanes gives: Σ_t Σ_g δ_t r_t.
///
/// # Safety
/// As [`quad`].
#[inline(always)]
unsafe fn lane<S: Simd, const G: usize, const T: usize, const N: usize>(
    s: S,
    deltas: &[[*const f32; N]; T],
    turned: *const f32,
    lane: usize,
) -> Sums<S, N> {
    let mut sums = [[s.splat(0.0); VECTORS]; N];
    for (t, deltas) in deltas.iter().enumerate() {
        for g in 0..G {
            // SAFETY: as the caller promises.
            unsafe {
                let turned = turned.add(((t * G + g) * WIDTH + lane) * VECTORS * WIDTH);
                let mut states = [s.splat(0.0); VECTORS];
                for (v, states) in states.iter_mut().enumerate() {
                    *states = s.load(turned.add(v * WIDTH));
                }
                for (sums, delta) in sums.iter_mut().zip(deltas) {
                    let delta = s.splat(*delta.add(g * WIDTH + lane));
                    for (sum, &states) in sums.iter_mut().zip(&states) {
                        *sum = s.mul_add(delta, states, *sum);
                    }
                }
            }
        }
    }
    sums
}

#[inline(always)]
fn add<S: Simd, const N: usize>(s: S, mut a: Sums<S, N>, b: Sums<S, N>) -> Sums<S, N> {
    for (a, b) in a.iter_mut().zip(&b) {
        for (a, &b) in a.iter_mut().zip(b) {
            *a = s.add(*a, b);
        }
    }
    a
}
