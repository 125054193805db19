//! `dW[i,j] += Σ_t Σ_lane δ_t[i, lane] r_t[j, lane]` at the stored entries only.

use std::ops::Range;

use crate::isa::Isa;
use crate::operand::{check_lanes, with_groups};
use crate::pattern::Pattern;
use crate::simd::{Kernel, Simd, WIDTH};

/// What one time step adds to the gradient.
#[derive(Clone, Copy)]
pub struct Outer<'a> {
    /// δ, the derivative by the sum of each row, `[rows, lanes]` of the whole matrix.
    pub delta: &'a [f32],
    /// What the matrix multiplied, `[cols, lanes]`.
    pub states: &'a [f32],
}

/// Time steps that one pass over the entries takes together: their δ stay in registers.
pub const MAX_STEPS: usize = 4;

/// `gradient[e] += Σ_t Σ_lane δ_t[i, lane] r_t[j, lane]` for each entry e = (i, j) of the rows given.
///
/// `gradient` holds the entries of `rows`. Each entry adds its products over time and vectors of lanes into one
/// vector, folds that, and adds the sum: the order depends on the number of steps and lanes alone.
///
/// # Panics
/// If a shape does not fit, or with more than [`MAX_STEPS`] steps.
pub fn gradient(isa: Isa, rows: &Range<usize>, lanes: usize, pattern: &Pattern, steps: &[Outer], gradient: &mut [f32]) {
    check_lanes(lanes);
    assert!(rows.start <= rows.end && rows.end <= pattern.rows(), "rows {rows:?} of {pattern:?}");
    assert_eq!(gradient.len(), pattern.entries_of(rows).len(), "one gradient an entry of the rows");
    for step in steps {
        assert_eq!(step.delta.len(), pattern.rows() * lanes, "delta is [rows, lanes]");
        assert_eq!(step.states.len(), pattern.cols() * lanes, "states are [cols, lanes]");
    }
    let gradient = gradient.as_mut_ptr();
    with_groups!(lanes, G => match *steps {
        [] => {}
        [a] => isa.run(Rows::<G, 1> { rows, pattern, steps: [a], gradient }),
        [a, b] => isa.run(Rows::<G, 2> { rows, pattern, steps: [a, b], gradient }),
        [a, b, c] => isa.run(Rows::<G, 3> { rows, pattern, steps: [a, b, c], gradient }),
        [a, b, c, d] => isa.run(Rows::<G, 4> { rows, pattern, steps: [a, b, c, d], gradient }),
        _ => panic!("{} steps in one pass, at most {MAX_STEPS}", steps.len()),
    });
}

struct Rows<'a, const G: usize, const T: usize> {
    rows: &'a Range<usize>,
    pattern: &'a Pattern,
    steps: [Outer<'a>; T],
    gradient: *mut f32,
}

impl<const G: usize, const T: usize> Kernel for Rows<'_, G, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut out = self.gradient;
        let indices = self.pattern.indices();
        for row in self.rows.clone() {
            let mut delta = [[s.splat(0.0); G]; T];
            for (step, delta) in self.steps.iter().zip(&mut delta) {
                for (g, delta) in delta.iter_mut().enumerate() {
                    // SAFETY: each δ holds 16 G elements a row, which `gradient` checked.
                    *delta = unsafe { s.load(step.delta.as_ptr().add((row * G + g) * WIDTH)) };
                }
            }
            for &col in &indices[self.pattern.entries(row)] {
                let mut acc = s.splat(0.0);
                // SAFETY: an index of the pattern is below `cols`, so its row of 16 G states can be read; the output
                // has one element an entry of the rows, which `gradient` checked.
                unsafe {
                    for (step, delta) in self.steps.iter().zip(&delta) {
                        let states = step.states.as_ptr().add(col as usize * (WIDTH * G));
                        for (g, &delta) in delta.iter().enumerate() {
                            acc = s.mul_add(delta, s.load(states.add(g * WIDTH)), acc);
                        }
                    }
                    *out += s.sum(acc);
                    out = out.add(1);
                }
            }
        }
    }
}
