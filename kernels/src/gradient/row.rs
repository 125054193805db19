//! The gradient of neighbouring entries of one row.

use crate::simd::{Lanes, Simd, WIDTH};

/// The δ of one row: for each time step of a pass a vector for each sixteen lanes.
pub(crate) type Deltas<S, const G: usize, const T: usize> = [[<S as Lanes>::V; G]; T];

/// `out[k] += Σ_t Σ_lane δ_t[lane] r_t[columns[k], lane]` for the first `len` columns.
///
/// The products of an entry are added up in one vector; sixteen of these are folded into one, at the end of the row as
/// many as are left. `ahead` is how many entries before their use columns and gradients are asked for.
///
/// # Safety
/// `len` columns can be read and as many elements of `out` read and written; of each column 16 G states of each step can
/// be read.
#[inline(always)]
pub(crate) unsafe fn add_row<S: Simd, C: Copy + Into<u32>, const G: usize, const T: usize>(
    s: S,
    delta: &Deltas<S, G, T>,
    states: &[*const f32; T],
    columns: *const C,
    len: usize,
    out: *mut f32,
    ahead: Option<usize>,
) {
    let mut entry = 0;
    while entry < len {
        let count = (len - entry).min(WIDTH);
        // SAFETY: as the caller promises, for the `count` entries from `entry` on.
        unsafe {
            let (columns, out) = (columns.add(entry), out.add(entry));
            if let Some(ahead) = ahead {
                s.prefetch(columns.wrapping_add(ahead).cast());
                s.prefetch(out.wrapping_add(ahead));
            }
            if count == WIDTH {
                let sums = sums::<S, C, G, T, WIDTH>(s, delta, states, columns);
                s.store(out, s.add(s.load(out), sums));
            } else {
                // for each number of entries code of its own: products that nobody wants take time like others
                let sums = match count {
                    1 => sums::<S, C, G, T, 1>(s, delta, states, columns),
                    2 => sums::<S, C, G, T, 2>(s, delta, states, columns),
                    3 => sums::<S, C, G, T, 3>(s, delta, states, columns),
                    4 => sums::<S, C, G, T, 4>(s, delta, states, columns),
                    5 => sums::<S, C, G, T, 5>(s, delta, states, columns),
                    6 => sums::<S, C, G, T, 6>(s, delta, states, columns),
                    7 => sums::<S, C, G, T, 7>(s, delta, states, columns),
                    8 => sums::<S, C, G, T, 8>(s, delta, states, columns),
                    9 => sums::<S, C, G, T, 9>(s, delta, states, columns),
                    10 => sums::<S, C, G, T, 10>(s, delta, states, columns),
                    11 => sums::<S, C, G, T, 11>(s, delta, states, columns),
                    12 => sums::<S, C, G, T, 12>(s, delta, states, columns),
                    13 => sums::<S, C, G, T, 13>(s, delta, states, columns),
                    14 => sums::<S, C, G, T, 14>(s, delta, states, columns),
                    _ => sums::<S, C, G, T, 15>(s, delta, states, columns),
                };
                s.store_first(out, s.add(s.load_first(out, count), sums), count);
            }
        }
        entry += count;
    }
}

/// The sums of the first `N` entries, one a lane, and zeros.
///
/// # Safety
/// `N` columns can be read, and of each of them 16 G states of each step.
#[inline(always)]
unsafe fn sums<S: Simd, C: Copy + Into<u32>, const G: usize, const T: usize, const N: usize>(
    s: S,
    delta: &Deltas<S, G, T>,
    states: &[*const f32; T],
    columns: *const C,
) -> S::V {
    // SAFETY: as the caller promises.
    // Written out: sixteen sums in a loop would be kept in memory.
    let products = unsafe {
        [
            product::<S, C, G, T, N, 0>(s, delta, states, columns),
            product::<S, C, G, T, N, 1>(s, delta, states, columns),
            product::<S, C, G, T, N, 2>(s, delta, states, columns),
            product::<S, C, G, T, N, 3>(s, delta, states, columns),
            product::<S, C, G, T, N, 4>(s, delta, states, columns),
            product::<S, C, G, T, N, 5>(s, delta, states, columns),
            product::<S, C, G, T, N, 6>(s, delta, states, columns),
            product::<S, C, G, T, N, 7>(s, delta, states, columns),
            product::<S, C, G, T, N, 8>(s, delta, states, columns),
            product::<S, C, G, T, N, 9>(s, delta, states, columns),
            product::<S, C, G, T, N, 10>(s, delta, states, columns),
            product::<S, C, G, T, N, 11>(s, delta, states, columns),
            product::<S, C, G, T, N, 12>(s, delta, states, columns),
            product::<S, C, G, T, N, 13>(s, delta, states, columns),
            product::<S, C, G, T, N, 14>(s, delta, states, columns),
            product::<S, C, G, T, N, 15>(s, delta, states, columns),
        ]
    };
    s.sums(products)
}

/// Σ_t Σ_g δ_t r_t of entry `K`, still a vector of lanes; zero where `K` is not below `N`.
///
/// # Safety
/// As [`sums`].
#[inline(always)]
unsafe fn product<S: Simd, C: Copy + Into<u32>, const G: usize, const T: usize, const N: usize, const K: usize>(
    s: S,
    delta: &Deltas<S, G, T>,
    states: &[*const f32; T],
    columns: *const C,
) -> S::V {
    let mut acc = s.splat(0.0);
    if K < N {
        // SAFETY: as the caller promises. The read is volatile so that sixteen of them are not made one, whose parts
        // would have to be taken out again.
        unsafe {
            let col: u32 = columns.add(K).read_volatile().into();
            for (states, delta) in states.iter().zip(delta) {
                let states = states.add(col as usize * (WIDTH * G));
                for (g, &delta) in delta.iter().enumerate() {
                    acc = s.mul_add(delta, s.load(states.add(g * WIDTH)), acc);
                }
            }
        }
    }
    acc
}
