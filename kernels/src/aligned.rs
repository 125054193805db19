//! A vector of numbers that starts on a cache line.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;

use crate::element::Element;
use crate::tuning::MAPPED_FROM;

#[repr(C, align(64))]
#[derive(Clone, Copy, bytemuck::Zeroable, bytemuck::Pod)]
struct Line([f32; 16]);

/// A buffer of `f32` (or `f64`) whose first element lies on a 64-byte boundary.
///
/// A state buffer that straddles cache lines halves the rate of the sparse product, and `Vec<f32>` promises no
/// more than 4 bytes. The length is fixed at creation.
pub struct Aligned<E = f32> {
    memory: Memory,
    len: usize,
    element: PhantomData<E>,
}

enum Memory {
    Allocated(Vec<Line>),
    Mapped(MmapMut),
}

impl Aligned {
    /// `len` zeros. Of a large buffer, memory is not touched until it is used.
    pub fn zeros(len: usize) -> Self {
        Self::zeroed(len)
    }

    /// `len` times `x`.
    pub fn filled(len: usize, x: f32) -> Self {
        let mut out = Self::zeros(len);
        out.fill(x);
        out
    }
}

impl<E: Element> Aligned<E> {
    /// [`zeros`](Aligned::zeros) of any element.
    pub fn zeroed(len: usize) -> Self {
        let lines = len.div_ceil(size_of::<Line>() / size_of::<E>());
        let bytes = lines.saturating_mul(size_of::<Line>());
        // where no memory can be mapped, it may still be allocated
        let mapped = if bytes >= MAPPED_FROM { MmapMut::map_anon(bytes).ok() } else { None };
        let allocated = || Memory::Allocated(bytemuck::allocation::zeroed_vec(lines));
        Self { memory: mapped.map_or_else(allocated, Memory::Mapped), len, element: PhantomData }
    }
}

impl<E: Element> Default for Aligned<E> {
    fn default() -> Self {
        Self::zeroed(0)
    }
}

impl<E: Element> Clone for Aligned<E> {
    fn clone(&self) -> Self {
        Self::from(&**self)
    }
}

impl<E: Element> Deref for Aligned<E> {
    type Target = [E];
    #[inline]
    fn deref(&self) -> &[E] {
        let all: &[E] = match &self.memory {
            Memory::Allocated(lines) => bytemuck::cast_slice(lines),
            // pages are aligned more than lines
            Memory::Mapped(bytes) => bytemuck::cast_slice(bytes),
        };
        &all[..self.len]
    }
}

impl<E: Element> DerefMut for Aligned<E> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [E] {
        let all: &mut [E] = match &mut self.memory {
            Memory::Allocated(lines) => bytemuck::cast_slice_mut(lines),
            Memory::Mapped(bytes) => bytemuck::cast_slice_mut(bytes),
        };
        &mut all[..self.len]
    }
}

impl<E: Element> From<&[E]> for Aligned<E> {
    fn from(values: &[E]) -> Self {
        let mut out = Self::zeroed(values.len());
        out.copy_from_slice(values);
        out
    }
}

impl<E: Element> From<Vec<E>> for Aligned<E> {
    fn from(values: Vec<E>) -> Self {
        Self::from(values.as_slice())
    }
}

impl<E: Element> FromIterator<E> for Aligned<E> {
    fn from_iter<I: IntoIterator<Item = E>>(values: I) -> Self {
        Self::from(values.into_iter().collect::<Vec<_>>())
    }
}

impl<E: Element> PartialEq for Aligned<E> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<E: Element> std::fmt::Debug for Aligned<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_on_a_line_and_keeps_its_length() {
        // the last is mapped
        for len in [0, 1, 15, 16, 17, 1000, MAPPED_FROM / 4 + 1] {
            let mut buffer = Aligned::zeros(len);
            assert_eq!(buffer.len(), len);
            assert_eq!(buffer.as_ptr() as usize % 64, 0);
            assert!(buffer.iter().all(|&x| x == 0.0));
            assert_eq!(matches!(buffer.memory, Memory::Mapped(_)), cfg!(any(unix, windows)) && 4 * len >= MAPPED_FROM);
            buffer.fill(2.0);
            let copy = buffer.clone();
            buffer.fill(3.0);
            assert!(copy.iter().all(|&x| x == 2.0) && copy.len() == len);
        }
        let values: Vec<f32> = (0..37).map(|k| k as f32).collect();
        assert_eq!(&*Aligned::from(values.clone()), &values[..]);
        let values: Vec<f64> = (0..37).map(f64::from).collect();
        let double: Aligned<f64> = values.iter().copied().collect();
        assert_eq!((&*double, double.as_ptr() as usize % 64), (&values[..], 0));
    }
}
