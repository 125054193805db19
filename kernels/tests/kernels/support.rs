//! Numbers to test with, and what is asserted of more than one kernel.

use std::panic::{AssertUnwindSafe, catch_unwind};

use daleian_kernels::{Aligned, Isa};

pub const EPS: f64 = f32::EPSILON as f64;
pub const LANES: [usize; 4] = [16, 32, 48, 64];

/// A small generator of its own, so that no test depends on a library's stream.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 >> 33
    }
    pub fn below(&mut self, limit: usize) -> usize {
        self.next() as usize % limit
    }
    /// Integers of -4..=4 if `exact`, else numbers in [-1, 1).
    pub fn fill(&mut self, len: usize, exact: bool) -> Aligned {
        let number = |x: u64| if exact { (x % 9) as f32 - 4.0 } else { x as f32 / (1u64 << 30) as f32 - 1.0 };
        (0..len).map(|_| number(self.next())).collect()
    }
}

/// Each of `cases` with each instruction set.
pub fn on_each_set<T, const N: usize>(cases: [T; N]) -> impl Iterator<Item = (Isa, T)>
where
    T: Copy,
{
    Isa::available().into_iter().flat_map(move |isa| cases.map(|case| (isa, case)))
}

pub fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// Asserts that `call` panics with these words.
pub fn refuses(words: &str, call: impl FnOnce()) {
    let panic = catch_unwind(AssertUnwindSafe(call)).expect_err(words);
    let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    assert!(said.is_some_and(|said| said.contains(words)), "{said:?} does not say: {words}");
}
