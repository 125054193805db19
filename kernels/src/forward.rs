//! `a = phi(W r + U x + b)`, `r' = max(a, 0)`: one time step of a range of neurons, fused.

use std::ops::Range;

use crate::activation::{Activation, Phi, with_phi};
use crate::isa::Isa;
use crate::operand::{Operand, Product, Several, accumulate, accumulate_few, check_lanes, walk, with_groups};
use crate::simd::{Kernel, Simd, WIDTH};

/// What one call of [`forward`] computes. `lanes` is 16, 32, 48 or 64.
#[derive(Clone, Copy)]
pub struct Forward<'a> {
    /// The rows to compute.
    pub rows: &'a Range<usize>,
    /// Lanes of the tile.
    pub lanes: usize,
    /// W r, with r `[cols, lanes]`: zero at the first step; one that was made before stands in the activations.
    pub recurrent: Product<'a>,
    /// U and x; `None` without input.
    pub input: Option<Operand<'a>>,
    /// b, one for each row of the whole matrix.
    pub bias: &'a [f32],
    /// phi.
    pub activation: Activation,
}

/// `a[i, lane] = phi(Σ_j W[i,j] r[j, lane] + Σ_k U[i,k] x[k, lane] + b[i])` for i in `rows`, and, where asked for,
/// `rates[i, lane] = max(a[i, lane], 0)` (NaN stays NaN).
///
/// `activations` and `rates` are `[rows.len(), lanes]`. What stands in them is read only where the product was
/// [made](Product::Made) before. A row's result depends on nothing but the row, so any cut
/// into ranges gives the same bits.
///
/// # Panics
/// If a shape does not fit.
pub fn forward(isa: Isa, call: &Forward, activations: &mut [f32], rates: Option<&mut [f32]>) {
    check_lanes(call.lanes);
    let size = call.rows.len().checked_mul(call.lanes);
    for operand in [call.recurrent.operand(), call.input.as_ref()].into_iter().flatten() {
        operand.check(call.rows, call.lanes);
    }
    assert!(call.rows.end <= call.bias.len(), "one bias a row");
    assert_eq!(Some(activations.len()), size, "activations are [rows, lanes]");
    assert!(rates.as_ref().is_none_or(|rates| Some(rates.len()) == size), "rates are [rows, lanes]");
    let rates = rates.map(<[f32]>::as_mut_ptr);
    with_groups!(call.lanes, G => isa.run(Rows::<G> { call, activations: activations.as_mut_ptr(), rates }));
}

struct Rows<'a, const G: usize> {
    call: &'a Forward<'a>,
    activations: *mut f32,
    rates: Option<*mut f32>,
}

impl<const G: usize> Kernel for Rows<'_, G> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // SAFETY: `forward` checked `recurrent` against the rows.
        unsafe { walk(s, self.call.rows, self.call.recurrent.operand(), &self) }
    }
}

impl<const G: usize> Rows<'_, G> {
    /// W r + U x + b of `R` rows.
    ///
    /// # Safety
    /// They are rows of the call, and each but the last is a twin of the next in its recurrent matrix.
    #[inline(always)]
    unsafe fn sum<S: Simd, const R: usize>(&self, s: S, row: usize) -> [[S::V; G]; R] {
        let call = self.call;
        let mut acc = [[s.splat(0.0); G]; R];
        // SAFETY: `forward` checked the operands against `rows` and `lanes` = 16 G; the activations hold
        // rows.len() · 16 G elements.
        unsafe {
            for (r, acc) in acc.iter_mut().enumerate() {
                *acc = [s.splat(call.bias[row + r]); G];
                if let Some(input) = &call.input {
                    *acc = accumulate_few(s, *acc, input, row + r);
                }
            }
            match &call.recurrent {
                Product::Zero => {}
                Product::Of(recurrent) => acc = accumulate(s, acc, recurrent, row),
                Product::Made => {
                    for (r, acc) in acc.iter_mut().enumerate() {
                        for (g, acc) in acc.iter_mut().enumerate() {
                            *acc = s.add(*acc, s.load(self.activations.add(self.at(row + r, g))));
                        }
                    }
                }
            }
        }
        acc
    }

    /// From the sums of a row to activations and rates.
    ///
    /// # Safety
    /// It is a row of the call.
    #[inline(always)]
    unsafe fn finish<S: Simd, P: Phi>(&self, s: S, row: usize, sums: [S::V; G]) {
        for (g, z) in sums.into_iter().enumerate() {
            let at = self.at(row, g);
            let a = P::apply(s, z);
            // SAFETY: both outputs hold rows.len() · 16 G elements.
            unsafe {
                s.store(self.activations.add(at), a);
                if let Some(rates) = self.rates {
                    s.store(rates.add(at), s.max(a, s.splat(0.0)));
                }
            }
        }
    }

    /// Where vector `g` of a row stands in the outputs.
    #[inline(always)]
    fn at(&self, row: usize, g: usize) -> usize {
        ((row - self.call.rows.start) * G + g) * WIDTH
    }
}

impl<const G: usize> Several for Rows<'_, G> {
    #[inline(always)]
    unsafe fn sums<S: Simd, const R: usize>(&self, s: S, row: usize) {
        // SAFETY: as the caller promises; the activations hold rows.len() · 16 G elements.
        unsafe {
            for (r, acc) in self.sum::<S, R>(s, row).iter().enumerate() {
                for (g, &z) in acc.iter().enumerate() {
                    s.store(self.activations.add(self.at(row + r, g)), z);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn row<S: Simd>(&self, s: S, row: usize, made: bool) {
        let mut acc = [s.splat(0.0); G];
        // SAFETY: as the caller promises; both outputs hold rows.len() · 16 G elements.
        unsafe {
            if made {
                for (g, acc) in acc.iter_mut().enumerate() {
                    *acc = s.load(self.activations.add(self.at(row, g)));
                }
            } else {
                [acc] = self.sum::<S, 1>(s, row);
            }
            // asked here rather than once a call: then the sums, which are most of the code, are there once for all
            with_phi!(self.call.activation, P => self.finish::<S, P>(s, row, acc));
        }
    }
}
