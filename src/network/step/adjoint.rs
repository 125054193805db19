//! One time step backward.

use std::ops::Range;

use daleian_kernels::{Adjoint, Adjoints, Operand, Product};

use super::{Rows, Step};
use crate::cell::{Equations, Real};

/// What a step backward is told; `None` where it is zero.
#[derive(Clone, Copy)]
pub(crate) struct Derivatives<'a, E = f32> {
    /// δ of the step after, `[neurons, lanes]`.
    pub later: Option<&'a [E]>,
    /// The derivative by the readout's sum, `[outputs, lanes]`.
    pub by_sums: Option<&'a [E]>,
    /// The derivative by the rates of something outside, `[neurons, lanes]`.
    pub by_rates: Option<&'a [E]>,
    /// κ, `[lanes]`.
    pub rate_decay: Option<&'a [E]>,
    /// What the step kept beside the states; empty where it kept nothing.
    pub memo: &'a [E],
}

/// What a step backward changes, each `[neurons, lanes]`.
pub(crate) struct BackStep<'a, E = f32> {
    /// States that become rates.
    pub states: &'a mut [E],
    /// δ.
    pub delta: &'a mut [E],
    /// The derivative that goes from state to state; empty where the cell carries none.
    pub carried: &'a mut [E],
}

impl<E: Real> Step<'_, E> {
    /// One step backward (see [`Adjoint`]), with Wᵀ δ of some rows made by `recurrent`, in δ where it says that it was
    /// [made](Product::Made); Vᵀ is `readout`, without states.
    pub fn adjoint_with<'p>(
        &self,
        rows: Rows,
        given: Derivatives<E>,
        readout: Operand<E>,
        out: BackStep<E>,
        recurrent: impl Fn(&Range<usize>, &mut [E]) -> Product<'p, E> + Sync,
    ) where
        E: 'p,
    {
        let Equations { kernels, constants } = self.equations();
        let reads = self.cell().reads();
        let carries = !out.carried.is_empty();
        let cut = |k: usize, row: usize| if k < 2 || carries { row * self.lanes } else { 0 };
        rows.for_each([out.states, out.delta, out.carried], cut, |rows, [states, delta, carried]| {
            let lanes = rows.start * self.lanes..rows.end * self.lanes;
            let readout = given.by_sums.map(|states| Operand { states, ..readout });
            let call = Adjoint {
                reads,
                by_rates: given.by_rates.map(|by| &by[lanes.clone()]),
                rate_decay: given.rate_decay,
                constants,
                memo: (!given.memo.is_empty()).then(|| &given.memo[lanes.clone()]),
                ..Adjoint::new(rows, self.lanes, recurrent(rows, delta), readout)
            };
            kernels.adjoint(self.isa, &call, Adjoints { states, delta, carried });
        });
    }
}
