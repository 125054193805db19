//! Sixteen `f64`, in plain code that the compiler turns into whatever vectors there are: for checks, not for speed.

use std::array;

use super::{Lanes, Sealed, Vector, WIDTH};

/// `f64` in plain code needs no proof.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Double;

/// Sixteen numbers.
type V = [f64; WIDTH];

macro_rules! by_lane {
    // one function after the other, each with the same attribute
    (#[$inline:meta]) => {};
    (#[$inline:meta] $name:ident($($arg:ident),*) = $body:expr; $($rest:tt)*) => {
        #[$inline]
        fn $name(self, $($arg: V),*) -> V {
            array::from_fn(|lane| {
                $(let $arg = $arg[lane];)*
                $body
            })
        }
        by_lane! { #[$inline] $($rest)* }
    };
}

impl Sealed for Double {}

impl Lanes for Double {
    type E = f64;
    type V = V;
    type Mask = [bool; WIDTH];

    #[inline(always)]
    fn splat(self, x: f64) -> V {
        [x; WIDTH]
    }

    by_lane! { #[inline(always)]
        add(a, b) = a + b;
        mul(a, b) = a * b;
        // fused it would be a call where the baseline has no instruction for it
        mul_add(a, b, c) = a * b + c;
    }

    // what is done once per neuron is a call, so that there is less to compile
    by_lane! { #[inline(never)]
        sub(a, b) = a - b;
        div(a, b) = a / b;
        sqrt(a) = a.sqrt();
        neg_mul_add(a, b, c) = c - a * b;
        // a comparison with NaN is false, so `a` stays
        max(a, b) = if b > a { b } else { a };
        min(a, b) = if a > b { b } else { a };
        neg_abs(a) = -a.abs();
        copy_sign(a, b) = a.copysign(b);
        tanh(x) = x.tanh();
        sigmoid(x) = sigmoid(x);
        softplus(x) = x.max(0.0) + (-x.abs()).exp().ln_1p();
        expm1_negative(y) = y.exp_m1();
    }

    #[inline(never)]
    fn gt(self, a: V, b: V) -> [bool; WIDTH] {
        array::from_fn(|lane| a[lane] > b[lane])
    }
    #[inline(never)]
    fn select(self, mask: [bool; WIDTH], yes: V, no: V) -> V {
        array::from_fn(|lane| if mask[lane] { yes[lane] } else { no[lane] })
    }
}

/// Small results keep their digits, as exp(-|x|) cannot overflow.
fn sigmoid(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    if x > 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}

impl Vector for Double {
    const TWINS: bool = false;
    const TOGETHER: bool = false;

    #[inline(always)]
    unsafe fn load(self, p: *const f64) -> V {
        // SAFETY: the caller promises 16 readable elements.
        unsafe { p.cast::<V>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f64, v: V) {
        // SAFETY: the caller promises 16 writable elements.
        unsafe { p.cast::<V>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn load_first(self, p: *const f64, len: usize) -> V {
        let mut whole = [0.0; WIDTH];
        // SAFETY: the caller promises `len` readable elements, and `len` is at most 16.
        unsafe { core::ptr::copy_nonoverlapping(p, whole.as_mut_ptr(), len) };
        whole
    }
    #[inline(always)]
    unsafe fn store_first(self, p: *mut f64, v: V, len: usize) {
        // SAFETY: the caller promises `len` writable elements, and `len` is at most 16.
        unsafe { core::ptr::copy_nonoverlapping(v.as_ptr(), p, len) };
    }
    #[inline(always)]
    fn sum(self, mut a: V) -> f64 {
        for half in [8, 4, 2, 1] {
            for k in 0..half {
                a[k] += a[k + half];
            }
        }
        a[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the formulas where these lose no digits.
    #[test]
    fn functions_by_hand() {
        let x: V = array::from_fn(|lane| lane as f64 - 7.5);
        let s = Double;
        for (lane, x) in x.into_iter().enumerate() {
            let of = |v: V| v[lane];
            let x16 = s.splat(x);
            assert!((of(s.sigmoid(x16)) - 1.0 / (1.0 + (-x).exp())).abs() <= 4e-16);
            assert!((of(s.softplus(x16)) - (1.0 + x.exp()).ln()).abs() <= 4e-15);
            assert_eq!(of(s.tanh(x16)), x.tanh());
        }
        assert_eq!(s.softplus(s.splat(-800.0)), [0.0; WIDTH]);
        assert_eq!(s.softplus(s.splat(f64::INFINITY))[0], f64::INFINITY);
        assert_eq!(s.sigmoid(s.splat(-700.0))[0], (-700f64).exp());
        assert_eq!(s.expm1_negative(s.splat(-1e-20))[0], -1e-20);
        assert_eq!(s.sum(x), 0.0);
    }

    #[test]
    fn nan_is_never_hidden() {
        let (s, nan) = (Double, [f64::NAN; WIDTH]);
        let zero = s.splat(0.0);
        for v in [s.max(nan, zero), s.min(nan, zero), s.softplus(nan), s.sigmoid(nan), s.tanh(nan)] {
            assert!(v.iter().all(|x| x.is_nan()));
        }
        assert_eq!(s.max(zero, nan), zero);
        assert_eq!(s.select(s.gt(nan, zero), nan, zero), zero);
    }

    #[test]
    fn parts_of_vectors_come_and_go() {
        let (s, x) = (Double, [1.0, 2.0, 3.0]);
        let mut out = [9.0; 4];
        // SAFETY: three elements are read and written, of three and four.
        unsafe {
            let v = s.load_first(x.as_ptr(), 3);
            assert_eq!(v[..4], [1.0, 2.0, 3.0, 0.0]);
            s.store_first(out.as_mut_ptr(), v, 3);
        }
        assert_eq!(out, [1.0, 2.0, 3.0, 9.0]);
    }
}
