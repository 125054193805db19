//! `dW[i,j] += Σ_t Σ_lane δ_t[i, lane] r_t[j, lane]`.

use daleian_kernels::{Aligned, Isa, Outer, gradient};

use super::{blocks, close, random};
use crate::support::{EPS, LANES, Numbers};

#[test]
fn gradient_agrees_with_f64_and_adds() {
    let mut numbers = Numbers(4);
    for lanes in LANES {
        for pattern in [random(&mut numbers, 2, 1), random(&mut numbers, 9, 4), random(&mut numbers, 30, 41), blocks()]
        {
            let (rows, cols) = (pattern.rows(), pattern.cols());
            for steps in 0..=5 {
                let delta: Vec<Aligned> = (0..steps).map(|_| numbers.fill(rows * lanes, false)).collect();
                let states: Vec<Aligned> = (0..steps).map(|_| numbers.fill(cols * lanes, false)).collect();
                let outer: Vec<Outer> =
                    delta.iter().zip(&states).map(|(delta, states)| Outer { delta, states }).collect();
                for isa in Isa::available() {
                    for range in [0..rows / 2, rows / 2..rows] {
                        let entries = pattern.entries_of(&range);
                        let mut got = vec![1.0f32; entries.len()];
                        gradient(isa, &range, lanes, &pattern, &outer, &mut got);
                        for row in range {
                            for entry in pattern.entries(row) {
                                let col = pattern.indices()[entry] as usize;
                                let (mut want, mut size) = (1.0, 1.0);
                                for (delta, states) in delta.iter().zip(&states) {
                                    for lane in 0..lanes {
                                        let term = f64::from(delta[row * lanes + lane])
                                            * f64::from(states[col * lanes + lane]);
                                        (want, size) = (want + term, size + term.abs());
                                    }
                                }
                                let bound = EPS * (steps * lanes + 1) as f64 * size;
                                close(got[entry - entries.start], want, bound, &format!("entry {entry} on {isa}"));
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn gradient_is_exact_on_integers() {
    let mut numbers = Numbers(5);
    let pattern = random(&mut numbers, 12, 12);
    let (delta, states) = (numbers.fill(12 * 48, true), numbers.fill(12 * 48, true));
    for isa in Isa::available() {
        let mut got = vec![0.0f32; pattern.nnz()];
        gradient(isa, &(0..12), 48, &pattern, &[Outer { delta: &delta, states: &states }], &mut got);
        for row in 0..12 {
            for entry in pattern.entries(row) {
                let col = pattern.indices()[entry] as usize;
                let want: f32 = (0..48).map(|lane| delta[row * 48 + lane] * states[col * 48 + lane]).sum();
                assert_eq!(got[entry], want, "{isa}");
            }
        }
    }
}
