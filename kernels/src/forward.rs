//! `a = phi(W r + U x + b)`, `r' = max(a, 0)`: one time step of a range of neurons, fused.

use std::marker::PhantomData;
use std::ops::Range;

use crate::activation::{Activation, Phi, with_phi};
use crate::isa::Isa;
use crate::operand::{Operand, Product, Several, accumulate, check_lanes, walk, with_groups};
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
    with_groups!(call.lanes, G => with_phi!(call.activation, P => {
        isa.run(Rows::<P, G> { call, phi: PhantomData, activations: activations.as_mut_ptr(), rates });
    }));
}

struct Rows<'a, P, const G: usize> {
    call: &'a Forward<'a>,
    phi: PhantomData<P>,
    activations: *mut f32,
    rates: Option<*mut f32>,
}

impl<P: Phi, const G: usize> Kernel for Rows<'_, P, G> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // SAFETY: `forward` checked `recurrent` against the rows.
        unsafe { walk(s, self.call.rows, self.call.recurrent.operand(), &self) }
    }
}

impl<P: Phi, const G: usize> Several for Rows<'_, P, G> {
    #[inline(always)]
    unsafe fn rows<S: Simd, const R: usize>(&self, s: S, row: usize) {
        let call = self.call;
        let mut acc = [[s.splat(0.0); G]; R];
        // SAFETY: `forward` checked the operands against `rows` and `lanes` = 16 G; both outputs hold
        // rows.len() · 16 G elements.
        unsafe {
            for (r, acc) in acc.iter_mut().enumerate() {
                *acc = [s.splat(call.bias[row + r]); G];
                if let Some(input) = &call.input {
                    [*acc] = accumulate(s, [*acc], input, row + r);
                }
            }
            match &call.recurrent {
                Product::Zero => {}
                Product::Of(recurrent) => acc = accumulate(s, acc, recurrent, row),
                Product::Made => {
                    for (r, acc) in acc.iter_mut().enumerate() {
                        for (g, acc) in acc.iter_mut().enumerate() {
                            let at = ((row + r - call.rows.start) * G + g) * WIDTH;
                            *acc = s.add(*acc, s.load(self.activations.add(at)));
                        }
                    }
                }
            }
            for (r, acc) in acc.iter().enumerate() {
                for (g, &z) in acc.iter().enumerate() {
                    let at = ((row + r - call.rows.start) * G + g) * WIDTH;
                    let a = P::apply(s, z);
                    s.store(self.activations.add(at), a);
                    if let Some(rates) = self.rates {
                        s.store(rates.add(at), s.max(a, s.splat(0.0)));
                    }
                }
            }
        }
    }
}
