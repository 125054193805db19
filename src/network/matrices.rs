//! The five vectors that every network has, lent: whatever the precision, and whoever owns them.

use super::{BIAS, INPUT, Parameters, READOUT, READOUT_BIAS, RECURRENT};

/// One of each: values, gradients, or what is to become of them. Lengths are those of the [`Wiring`](super::Wiring).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Matrices<T> {
    /// Of W at the entries of its pattern, `[synapses]`.
    pub recurrent: T,
    /// Of b, `[neurons]`.
    pub bias: T,
    /// Of U at the entries of its pattern.
    pub input: T,
    /// Of V at the entries of its pattern.
    pub readout: T,
    /// Of c, `[outputs]`.
    pub readout_bias: T,
}

impl<T> Matrices<T> {
    /// What `of` makes of each.
    pub fn map<U>(self, mut of: impl FnMut(T) -> U) -> Matrices<U> {
        Matrices {
            recurrent: of(self.recurrent),
            bias: of(self.bias),
            input: of(self.input),
            readout: of(self.readout),
            readout_bias: of(self.readout_bias),
        }
    }

    /// Each, lent.
    pub fn as_ref(&self) -> Matrices<&T> {
        let Self { recurrent, bias, input, readout, readout_bias } = self;
        Matrices { recurrent, bias, input, readout, readout_bias }
    }

    /// Each, lent to be changed.
    pub fn as_mut(&mut self) -> Matrices<&mut T> {
        let Self { recurrent, bias, input, readout, readout_bias } = self;
        Matrices { recurrent, bias, input, readout, readout_bias }
    }
}

impl Parameters {
    /// The vectors that every network has, lent.
    pub fn matrices(&self) -> Matrices<&[f32]> {
        Matrices {
            recurrent: &self[RECURRENT],
            bias: &self[BIAS],
            input: &self[INPUT],
            readout: &self[READOUT],
            readout_bias: &self[READOUT_BIAS],
        }
    }

    /// The vectors that every network has, lent to be changed.
    pub(crate) fn matrices_mut(&mut self) -> Matrices<&mut [f32]> {
        let all = self.several_mut([RECURRENT, BIAS, INPUT, READOUT, READOUT_BIAS]);
        let [recurrent, bias, input, readout, readout_bias] = all.map(|values| &mut **values);
        Matrices { recurrent, bias, input, readout, readout_bias }
    }
}
