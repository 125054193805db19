//! Each operation on every instruction set of this machine, against plain `f32`.

use super::{Kernel, Simd, WIDTH};
use crate::isa::Isa;

type Lanes = [f32; WIDTH];

/// The kernel that runs an operation on three vectors and stores what comes out.
macro_rules! lanes {
    ($isa:expr, |$s:ident, $a:ident, $b:ident, $c:ident| $body:expr, $values:expr) => {{
        struct Op([Lanes; 3]);
        impl Kernel for Op {
            type Output = Lanes;
            #[inline(always)]
            fn run<S: Simd>(self, $s: S) -> Lanes {
                let mut out = [f32::NAN; WIDTH];
                let [x, y, z] = &self.0;
                // SAFETY: all are arrays of 16 elements.
                let ($a, $b, $c) = unsafe { ($s.load(x.as_ptr()), $s.load(y.as_ptr()), $s.load(z.as_ptr())) };
                let _ = ($a, $b, $c);
                // SAFETY: as above.
                unsafe { $s.store(out.as_mut_ptr(), $body) };
                out
            }
        }
        $isa.run(Op($values))
    }};
}

/// Bits, with every NaN the same.
fn bits(x: f32) -> u32 {
    if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() }
}

/// Numbers of every kind, rotated so that three vectors meet in many pairs.
fn values(turn: usize) -> Vec<Lanes> {
    const KINDS: [f32; 24] = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        1.5,
        -2.5,
        0.1,
        -0.3,
        3.0e10,
        -7.0e-12,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        -f32::NAN,
        f32::MAX,
        f32::MIN,
        f32::MIN_POSITIVE,
        1e-40,
        -1e-45,
        123_456.7,
        -8_388_609.0,
        0.999_999_9,
        -1.000_000_1,
        42.0,
    ];
    (0..KINDS.len()).map(|start| std::array::from_fn(|k| KINDS[(start + k * turn) % KINDS.len()])).collect()
}

/// Compares an operation with plain code over all pairs (and some triples) of kinds of numbers.
macro_rules! check {
    ($name:literal, |$s:ident, $a:ident, $b:ident, $c:ident| $op:expr, |$x:ident, $y:ident, $z:ident| $want:expr) => {
        for isa in Isa::available() {
            for a in values(1) {
                for (b, c) in values(5).into_iter().zip(values(7).into_iter().rev()) {
                    let got = lanes!(isa, |$s, $a, $b, $c| $op, [a, b, c]);
                    for k in 0..WIDTH {
                        let ($x, $y, $z) = (a[k], b[k], c[k]);
                        let _ = ($x, $y, $z);
                        let want: Vec<f32> = Vec::from($want);
                        assert!(
                            want.iter().any(|want| bits(*want) == bits(got[k])),
                            "{}({}, {}, {}) = {} on {isa}, not {want:?}",
                            $name,
                            $x,
                            $y,
                            $z,
                            got[k]
                        );
                    }
                }
            }
        }
    };
}

#[test]
fn arithmetic_is_that_of_f32() {
    check!("add", |s, a, b, c| s.add(a, b), |a, b, c| [a + b]);
    check!("sub", |s, a, b, c| s.sub(a, b), |a, b, c| [a - b]);
    check!("mul", |s, a, b, c| s.mul(a, b), |a, b, c| [a * b]);
    check!("div", |s, a, b, c| s.div(a, b), |a, b, c| [a / b]);
    check!("sqrt", |s, a, b, c| s.sqrt(a), |a, b, c| [a.sqrt()]);
    check!("splat", |s, a, b, c| s.splat(-2.5), |a, b, c| [-2.5]);
}

/// Fused, or with two roundings on the portable path.
#[test]
fn multiply_add_is_fused_or_plain() {
    check!("mul_add", |s, a, b, c| s.mul_add(a, b, c), |a, b, c| [a.mul_add(b, c), a * b + c]);
    check!("neg_mul_add", |s, a, b, c| s.neg_mul_add(a, b, c), |a, b, c| [(-a).mul_add(b, c), c - a * b]);
    for isa in Isa::available().into_iter().filter(|isa| isa.name() != "portable") {
        let a = [1.0 + f32::EPSILON; WIDTH];
        let c = [-(1.0 + 2.0 * f32::EPSILON); WIDTH];
        let fused = lanes!(isa, |s, a, b, c| s.mul_add(a, b, c), [a, a, c]);
        assert_eq!(fused, [f32::EPSILON * f32::EPSILON; WIDTH], "{isa} does not fuse");
    }
}

/// NaN where the first operand is; else the second operand does not count where it is NaN.
#[test]
fn max_and_min_pass_nan_of_the_first() {
    let either = |a: f32, b: f32, best: f32| if a.is_nan() || b.is_nan() || a == b { [a, a] } else { [best, best] };
    check!("max", |s, a, b, c| s.max(a, b), |a, b, c| either(a, b, a.max(b)));
    check!("min", |s, a, b, c| s.min(a, b), |a, b, c| either(a, b, a.min(b)));
}

#[test]
fn signs_are_moved_without_rounding() {
    check!("neg_abs", |s, a, b, c| s.neg_abs(a), |a, b, c| [-a.abs()]);
    check!("copy_sign", |s, a, b, c| s.copy_sign(a, b), |a, b, c| [a.copysign(b)]);
    // the sign of a NaN moves too: compare all the bits
    for isa in Isa::available() {
        let (nan, minus) = ([f32::NAN; WIDTH], [-0.0; WIDTH]);
        let got = lanes!(isa, |s, a, b, c| s.copy_sign(a, b), [nan, minus, nan]);
        assert!(got.iter().all(|x| x.is_nan() && x.is_sign_negative()));
    }
}

#[test]
fn comparison_selects_and_nan_compares_false() {
    check!("select", |s, a, b, c| s.select(s.gt(a, b), c, a), |a, b, c| [if a > b { c } else { a }]);
}

#[test]
fn powers_of_two_over_the_whole_range() {
    for isa in Isa::available() {
        for start in (-126..=127).step_by(WIDTH) {
            let k: Lanes = std::array::from_fn(|lane| (start + lane as i32).min(127) as f32);
            let got = lanes!(isa, |s, a, b, c| s.exp2_integer(a), [k; 3]);
            assert_eq!(got, k.map(|k| 2f64.powi(k as i32) as f32), "{isa}");
        }
    }
}

/// The product in f64 is exact, and its conversion rounds once.
#[test]
fn scaling_rounds_once_down_to_zero() {
    for isa in Isa::available() {
        for k in -150..=62 {
            let a: Lanes = std::array::from_fn(|lane| 0.5 + lane as f32 * 0.099_999_9);
            let got = lanes!(isa, |s, a, b, c| s.scale(a, b), [a, [k as f32; WIDTH], a]);
            assert_eq!(got, a.map(|a| (f64::from(a) * 2f64.powi(k)) as f32), "2^{k} on {isa}");
        }
        let got = lanes!(isa, |s, a, b, c| s.scale(a, b), [[f32::NAN; WIDTH]; 3]);
        assert!(got.iter().all(|x| x.is_nan()));
    }
}

/// Different orders give different sums of these; the documented one gives these bits.
#[test]
fn sum_folds_halves() {
    struct Sum(Lanes);
    impl Kernel for Sum {
        type Output = f32;
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> f32 {
            // SAFETY: the array has 16 elements.
            s.sum(unsafe { s.load(self.0.as_ptr()) })
        }
    }
    for salt in 0..50 {
        let x: Lanes =
            std::array::from_fn(|k| ((k * 7919 + salt * 104_729) % 1009) as f32 * 0.1 - 1e4 / (k + 1) as f32);
        let mut folded = x;
        for half in [8, 4, 2, 1] {
            for k in 0..half {
                folded[k] += folded[k + half];
            }
        }
        for isa in Isa::available() {
            assert_eq!(isa.run(Sum(x)).to_bits(), folded[0].to_bits(), "{isa}");
        }
    }
}

/// Pointers to the very elements allowed, at the end of an allocation and at an odd address.
#[test]
fn partial_loads_and_stores_touch_nothing_else() {
    struct Copy<'a>(&'a [f32], &'a mut [f32], &'a mut Lanes);
    impl Kernel for Copy<'_> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            let len = self.0.len();
            assert!(len <= WIDTH && self.1.len() >= len);
            // SAFETY: `len` elements can be read and written; the last has 16.
            unsafe {
                let x = s.load_first(self.0.as_ptr(), len);
                s.store_first(self.1.as_mut_ptr(), x, len);
                s.store(self.2.as_mut_ptr(), x);
            }
        }
    }
    for isa in Isa::available() {
        for len in 0..=WIDTH {
            let x: Vec<f32> = (0..len).map(|k| k as f32 + 1.0).collect();
            let mut out = [f32::NAN; WIDTH + 1];
            let mut whole = [f32::NAN; WIDTH];
            isa.run(Copy(&x, &mut out[1..], &mut whole));
            assert_eq!(out[1..=len], x[..]);
            assert!(out[0].is_nan() && out[len + 1..].iter().all(|x| x.is_nan()), "{len} on {isa}");
            assert!((0..WIDTH).all(|k| whole[k] == if k < len { x[k] } else { 0.0 }), "{len} on {isa}");
        }
    }
}

#[test]
fn gather_reads_the_first_indices_only() {
    struct Gather<'a>(&'a [f32], &'a [u32]);
    impl Kernel for Gather<'_> {
        type Output = Lanes;
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> Lanes {
            assert!(self.1.len() <= WIDTH && self.1.iter().all(|&k| (k as usize) < self.0.len()));
            let mut out = [f32::NAN; WIDTH];
            // SAFETY: the indices are inside, and at most 16.
            unsafe { s.store(out.as_mut_ptr(), s.gather(self.0.as_ptr(), self.1.as_ptr(), self.1.len())) };
            out
        }
    }
    let base: Vec<f32> = (0..50).map(|k| k as f32 * 1.25 - 3.0).collect();
    for isa in Isa::available() {
        for len in 0..=WIDTH {
            let indices: Vec<u32> = (0..len as u32).map(|k| (k * 31 + 49) % 50).collect();
            let got = isa.run(Gather(&base, &indices));
            for k in 0..WIDTH {
                let want = if k < len { base[indices[k] as usize] } else { 0.0 };
                assert_eq!(got[k], want, "lane {k} of {len} on {isa}");
            }
        }
    }
}

/// As [`gather_reads_the_first_indices_only`], with indices of two bytes.
#[test]
fn gather_short_reads_the_first_indices_only() {
    struct Gather<'a>(&'a [f32], &'a [u16]);
    impl Kernel for Gather<'_> {
        type Output = Lanes;
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> Lanes {
            assert!(self.1.len() <= WIDTH && self.1.iter().all(|&k| usize::from(k) < self.0.len()));
            let mut out = [f32::NAN; WIDTH];
            // SAFETY: the indices are inside, and at most 16.
            unsafe { s.store(out.as_mut_ptr(), s.gather_short(self.0.as_ptr(), self.1.as_ptr(), self.1.len())) };
            out
        }
    }
    let base: Vec<f32> = (0..1 << 16).map(|k| k as f32 * 1.25 - 3.0).collect();
    for isa in Isa::available() {
        for len in 0..=WIDTH {
            // both sides of 2^15, where a signed index would turn negative
            let indices: Vec<u16> = (0..len as u32).map(|k| (k * 9_973 + 65_535) as u16).collect();
            let got = isa.run(Gather(&base, &indices));
            for k in 0..WIDTH {
                let want = if k < len { base[usize::from(indices[k])] } else { 0.0 };
                assert_eq!(got[k], want, "lane {k} of {len} on {isa}");
            }
        }
    }
}

#[test]
fn four_elements_are_spread_over_vectors() {
    struct Spread<'a>(&'a [f32]);
    impl Kernel for Spread<'_> {
        type Output = [Lanes; 4];
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> [Lanes; 4] {
            assert!(self.0.len() >= 4);
            let mut out = [[0.0; WIDTH]; 4];
            // SAFETY: there are four elements, and each array has 16.
            unsafe {
                for (out, v) in out.iter_mut().zip(s.splat_four(self.0.as_ptr())) {
                    s.store(out.as_mut_ptr(), v);
                }
            }
            out
        }
    }
    let numbers: Vec<f32> = values(0).concat();
    for isa in Isa::available() {
        // from wherever in a line they begin
        for start in 0..=WIDTH {
            let four = &numbers[start..start + 4];
            for (x, lanes) in four.iter().zip(isa.run(Spread(four))) {
                assert!(lanes.iter().all(|lane| bits(*lane) == bits(*x)), "{x} at {start} on {isa}");
            }
        }
    }
}

#[test]
fn what_is_not_zero_has_its_bit() {
    struct Nonzero(Lanes);
    impl Kernel for Nonzero {
        type Output = u16;
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> u16 {
            // SAFETY: the array has 16 elements.
            s.nonzero(unsafe { s.load(self.0.as_ptr()) })
        }
    }
    for isa in Isa::available() {
        for x in values(1) {
            let bit = |k: usize| u16::from(x[k].is_nan() || x[k].abs() > 0.0) << k;
            assert_eq!(isa.run(Nonzero(x)), (0..16).map(bit).sum(), "{x:?} on {isa}");
        }
    }
}

#[test]
fn masks_hold_where_a_bit_is_set() {
    struct Masked(u16);
    impl Kernel for Masked {
        type Output = u16;
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> u16 {
            s.nonzero(s.select(s.mask(self.0), s.splat(1.0), s.splat(0.0)))
        }
    }
    for isa in Isa::available() {
        for bits in 0..=u16::MAX {
            assert_eq!(isa.run(Masked(bits)), bits, "on {isa}");
        }
    }
}

#[test]
fn one_lane_is_multiplied_and_added_as_sixteen() {
    struct One(Lanes, Lanes, Lanes);
    impl Kernel for One {
        type Output = [Lanes; 2];
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> [Lanes; 2] {
            let mut out = [[f32::NAN; WIDTH]; 2];
            for (k, out) in out[0].iter_mut().enumerate() {
                *out = s.mul_add_one(self.0[k], self.1[k], self.2[k]);
            }
            // SAFETY: all are arrays of 16 elements.
            unsafe {
                let (a, b, c) = (s.load(self.0.as_ptr()), s.load(self.1.as_ptr()), s.load(self.2.as_ptr()));
                s.store(out[1].as_mut_ptr(), s.mul_add(a, b, c));
            }
            out
        }
    }
    for isa in Isa::available() {
        for (a, (b, c)) in values(1).into_iter().zip(values(5).into_iter().zip(values(7))) {
            let [one, sixteen] = isa.run(One(a, b, c));
            assert_eq!(one.map(bits), sixteen.map(bits), "{a:?} · {b:?} + {c:?} on {isa}");
        }
        let [a, c] = [[1.0 + f32::EPSILON; WIDTH], [-(1.0 + 2.0 * f32::EPSILON); WIDTH]];
        let [one, sixteen] = isa.run(One(a, a, c));
        assert_eq!(one, sixteen, "{isa}");
    }
}

#[test]
fn transpose_turns_rows_into_columns() {
    struct Transpose([Lanes; WIDTH]);
    impl Kernel for Transpose {
        type Output = [Lanes; WIDTH];
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> [Lanes; WIDTH] {
            let (mut rows, mut out) = ([s.splat(0.0); WIDTH], [[f32::NAN; WIDTH]; WIDTH]);
            for (row, elements) in rows.iter_mut().zip(&self.0) {
                // SAFETY: the array has 16 elements.
                *row = unsafe { s.load(elements.as_ptr()) };
            }
            for (out, column) in out.iter_mut().zip(s.transpose(rows)) {
                // SAFETY: as above.
                unsafe { s.store(out.as_mut_ptr(), column) };
            }
            out
        }
    }
    let rows: [Lanes; WIDTH] = std::array::from_fn(|k| std::array::from_fn(|j| (100 * k + j) as f32));
    for isa in Isa::available() {
        let columns = isa.run(Transpose(rows));
        for (k, j) in (0..WIDTH).flat_map(|k| (0..WIDTH).map(move |j| (k, j))) {
            assert_eq!(columns[j][k], (100 * k + j) as f32, "row {k}, column {j} on {isa}");
        }
    }
}
