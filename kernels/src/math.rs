//! exp, tanh, sigmoid and softplus, each within 2 ulp of the true value for every `f32`.
//!
//! All stand on one reduction and one polynomial: `y = k ln 2 + r` with integral `k` and |r| ≤ ln 2 / 2, and
//! `expm1(r) = r + r² Q(r)`. There is no branch and at most one division a vector; NaN gives NaN. The coefficients
//! are minimax fits, rounded to `f32` one after the other with the rest fitted anew each time; the error stated at
//! each is that of the rounded polynomial in exact arithmetic. Over all inputs the errors reach 0.90 ulp
//! (exp), 1.94 (tanh), 1.65 (sigmoid) and 1.80 (softplus) with fused multiply-add; 1.17, 1.97, 1.98 and 1.91 without.

use std::f32::consts::LOG2_E;

use crate::blocks::{Blocks, Walk, load, store};
use crate::isa::Isa;
use crate::simd::{EXPONENT_ORIGIN, Simd};

/// Adding and taking away 1.5·2^23 rounds to the nearest integer, ties to even.
const ROUNDER: f32 = 12_582_912.0;
/// ln 2 in two parts; the first has 15 bits, so that its product with an integer below 2^9 is exact.
const LN2_HIGH: f32 = 0.693_145_75;
const LN2_LOW: f32 = 1.428_606_8e-6;

/// (expm1(r) - r) / r² on |r| ≤ ln 2 / 2 to degree 4; the error of exp(r) is below 3.2e-9 of its value (0.06 ulp).
const EXP: [f32; 5] = [0.499_999_94, 0.166_665_23, 0.041_668_292, 0.008_368_533, 0.001_381_831];

/// The same in r / 2, twice as large: for half of expm1(r). A power of two more or less rounds nothing.
const HALF_EXP: [f32; 5] = [2.0 * EXP[0], 4.0 * EXP[1], 8.0 * EXP[2], 16.0 * EXP[3], 32.0 * EXP[4]];

/// (ln(1 + e) - e) / e² on 0 ≤ e ≤ 1 to degree 8 in e - 0.59375; the error of ln(1 + e) is below 5.7e-9 of its value
/// (0.1 ulp). Powers of e itself would do too, but their alternating sum rounds worse towards e = 1.
const LN_1P: [f32; 9] = [
    -0.362_116_66,
    0.163_001_76,
    -0.080_261_24,
    0.041_562_926,
    -0.022_251_355,
    0.012_060_633,
    -0.006_476_948,
    0.004_437_246_4,
    -0.003_264_835_3,
];
const LN_1P_CENTRE: f32 = 0.593_75;

#[inline(always)]
fn polynomial<S: Simd, const N: usize>(s: S, x: S::V, coefficients: [f32; N]) -> S::V {
    let mut sum = s.splat(coefficients[N - 1]);
    for k in (0..N - 1).rev() {
        sum = s.mul_add(sum, x, s.splat(coefficients[k]));
    }
    sum
}

/// `(k, r)` with `y = k ln 2 + r`, for |y| below 128.
#[inline(always)]
fn reduce<S: Simd>(s: S, y: S::V) -> (S::V, S::V) {
    let rounder = s.splat(ROUNDER);
    let k = s.sub(s.mul_add(y, s.splat(LOG2_E), rounder), rounder);
    let r = s.neg_mul_add(k, s.splat(LN2_HIGH), y);
    (k, s.neg_mul_add(k, s.splat(LN2_LOW), r))
}

/// exp(r) for a reduced `r`.
#[inline(always)]
fn exp_reduced<S: Simd>(s: S, r: S::V) -> S::V {
    let one = s.splat(1.0);
    s.mul_add(s.mul_add(polynomial(s, r, EXP), r, one), r, one)
}

/// exp(y) for y ≤ 0.
#[inline(always)]
fn exp_negative<S: Simd>(s: S, y: S::V) -> S::V {
    // exp(-104) is less than half of the smallest number
    let (k, r) = reduce(s, s.max(y, s.splat(-104.0)));
    s.scale(exp_reduced(s, r), k)
}

/// exp(y) - 1 for y ≤ 0.
#[inline(always)]
pub(crate) fn expm1_negative<S: Simd>(s: S, y: S::V) -> S::V {
    // at -20 and below exp(y) is lost beside 1
    let (k, r) = reduce(s, s.max(y, s.splat(-20.0)));
    let (power, expm1) = (s.exp2_integer(k), s.mul_add(polynomial(s, r, EXP), s.mul(r, r), r));
    // 2^k - 1 is exact; for k = 0 the result is expm1(r) itself
    s.mul_add(power, expm1, s.sub(power, s.splat(1.0)))
}

/// exp(x).
#[inline(always)]
pub(crate) fn exp_lanes<S: Simd>(s: S, x: S::V) -> S::V {
    // exp(89) is over the largest number
    let (k, r) = reduce(s, s.min(s.max(x, s.splat(-104.0)), s.splat(89.0)));
    let up = s.min(s.max(k, s.splat(0.0)), s.splat(127.0));
    s.mul(s.scale(exp_reduced(s, r), s.sub(k, up)), s.exp2_integer(up))
}

/// tanh(x) = sign(x) · (1 - e) / (1 + e), e = exp(-2|x|).
#[inline(always)]
pub(crate) fn tanh<S: Simd>(s: S, x: S::V) -> S::V {
    // -2|x| = k ln 2 + r as in `reduce`, but halved, so that no operation doubles |x|; from |x| = 10 on e is lost beside 1
    let y = s.max(s.neg_abs(x), s.splat(-10.0));
    let origin = s.splat(EXPONENT_ORIGIN + 1.0);
    let sum = s.mul_add(y, s.splat(2.0 * LOG2_E), origin);
    let k = s.sub(sum, origin);
    let half_r = s.neg_mul_add(k, s.splat(0.5 * LN2_LOW), s.neg_mul_add(k, s.splat(0.5 * LN2_HIGH), y));
    let half_expm1 = s.mul_add(polynomial(s, half_r, HALF_EXP), s.mul(half_r, half_r), half_r);
    // 2^(k+1)
    let twice = s.exp2_of_sum(sum);
    // both sums straight from the parts: 2 + (e - 1) would round twice, which costs 2 ulp their margin
    let half = s.splat(0.5);
    let minus = s.mul_add(twice, half_expm1, s.mul_add(twice, half, s.splat(-1.0)));
    let plus = s.mul_add(twice, half_expm1, s.mul_add(twice, half, s.splat(1.0)));
    s.copy_sign(s.div(minus, plus), x)
}

/// 1 / (1 + exp(-x)) = n - n e / (1 + e), e = exp(-|x|): n = 1 for positive x, n = e for negative.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(s: S, x: S::V) -> S::V {
    let one = s.splat(1.0);
    let e = exp_negative(s, s.neg_abs(x));
    let n = s.select(s.gt(x, s.splat(0.0)), one, e);
    // n / (1 + e) would pass on the whole error of the quotient; here only a part of it counts
    s.neg_mul_add(n, s.div(e, s.add(one, e)), n)
}

/// ln(1 + exp(x)) = max(x, 0) + ln(1 + e), e = exp(-|x|).
#[inline(always)]
pub(crate) fn softplus<S: Simd>(s: S, x: S::V) -> S::V {
    let e = exp_negative(s, s.neg_abs(x));
    let quotient = polynomial(s, s.sub(e, s.splat(LN_1P_CENTRE)), LN_1P);
    // max(x, 0) joins the correction e² Q first, where that is small: one full rounding less than if it came last
    s.add(s.mul_add(s.mul(quotient, e), e, s.max(x, s.splat(0.0))), e)
}

struct Exp<'a>(&'a mut [f32]);

impl Blocks for Exp<'_> {
    #[inline(always)]
    fn block<S: Simd>(&mut self, s: S, start: usize, len: usize) {
        let x = load(s, self.0, start, len);
        store(s, self.0, start, len, exp_lanes(s, x));
    }
}

/// x_i ← exp(x_i), within 2 ulp; infinite above 88.72, subnormal below -87.33, zero below -103.97, NaN for NaN.
pub fn exp(isa: Isa, x: &mut [f32]) {
    isa.run(Walk { len: x.len(), blocks: Exp(x) });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, activate};

    type Function = (&'static str, fn(Isa, &mut [f32]), fn(f64) -> f64);

    const FUNCTIONS: [Function; 4] = [
        ("exp", exp, f64::exp),
        ("tanh", |isa, x| activate(isa, Activation::Tanh, x), f64::tanh),
        ("sigmoid", |isa, x| activate(isa, Activation::Sigmoid, x), sigmoid_f64),
        ("softplus", |isa, x| activate(isa, Activation::Softplus, x), |x| x.max(0.0) + (-x.abs()).exp().ln_1p()),
    ];

    fn sigmoid_f64(x: f64) -> f64 {
        let e = (-x.abs()).exp();
        if x > 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
    }

    /// |got - want| in units of the `f32` spacing at `want`; infinity counts as 2^128.
    fn ulps(got: f32, want: f64) -> f64 {
        let over = 2f64.powi(128);
        let exponent = (want.abs().max(f64::MIN_POSITIVE).to_bits() >> 52) as i32 - 1023;
        let spacing = f64::from_bits(((exponent.clamp(-126, 127) - 23 + 1023) as u64) << 52);
        (f64::from(got).clamp(-over, over) - want.clamp(-over, over)).abs() / spacing
    }

    /// The largest error over the inputs with the given bits, and where.
    fn worst(isa: Isa, (name, function, reference): Function, bits: impl Iterator<Item = u32>) -> (f64, f32) {
        let mut worst = (0.0, 0.0);
        let mut bits = bits.peekable();
        while bits.peek().is_some() {
            let inputs: Vec<f32> = bits.by_ref().take(1000).map(f32::from_bits).collect();
            let mut outputs = inputs.clone();
            function(isa, &mut outputs);
            for (&x, &got) in inputs.iter().zip(&outputs) {
                assert_eq!(x.is_nan(), got.is_nan(), "{name}({x}) = {got} on {isa}");
                if !x.is_nan() {
                    let error = ulps(got, reference(f64::from(x)));
                    worst = if error > worst.0 { (error, x) } else { worst };
                }
            }
        }
        worst
    }

    #[test]
    fn ulps_counts_spacings() {
        assert_eq!(ulps(1.0 + f32::EPSILON, 1.0), 1.0);
        assert_eq!(ulps(0.5, 0.5 + f64::from(f32::EPSILON)), 2.0);
        assert_eq!(ulps(0.0, 2f64.powi(-149)), 1.0);
        assert_eq!(ulps(f32::INFINITY, 1e300), 0.0);
        assert_eq!(ulps(f32::MAX, 1e300), 1.0);
    }

    /// A million inputs over each sign and exponent; the stride is a prime, so the significands differ.
    #[test]
    fn within_two_ulp_on_a_sample() {
        for isa in Isa::available() {
            for function in FUNCTIONS {
                let (error, at) = worst(isa, function, (0..u32::MAX).step_by(4099));
                assert!(error <= 2.0, "{} on {isa}: {error} ulp at {at}", function.0);
            }
        }
    }

    #[test]
    fn within_two_ulp_at_the_hard_places() {
        let near = |x: f32| (x.to_bits() - 2000..x.to_bits() + 2000).flat_map(|b| [b, b | 1 << 31]);
        // where k steps, where results end or become subnormal, and where the errors are largest
        let points = [1e-3, 0.1733, 0.3466, 9.01, 16.6, 87.34, 88.376, 88.722, 103.2, 103.97];
        let worst_points = [0.008, 0.0286, 0.111_428, 0.4386, 0.517_457, 1.099_326, 1.131_451, 3.8477, 5.848_642];
        for isa in Isa::available() {
            for function in FUNCTIONS {
                let (error, at) = worst(isa, function, points.into_iter().chain(worst_points).flat_map(near));
                assert!(error <= 2.0, "{} on {isa}: {error} ulp at {at}", function.0);
            }
        }
    }

    /// Every `f32` there is, on the fastest set and the portable one.
    fn check_everywhere(function: Function) {
        let available = Isa::available();
        let mut sets = vec![available[0], available[available.len() - 1]];
        sets.dedup();
        for isa in sets {
            let (error, at) = worst(isa, function, 0..=u32::MAX);
            println!("{} on {isa}: {error:.3} ulp at {at:e}", function.0);
            assert!(error <= 2.0, "{} on {isa}: {error} ulp at {at:e}", function.0);
        }
    }

    #[test]
    #[ignore = "minutes"]
    fn exp_is_within_two_ulp_everywhere() {
        check_everywhere(FUNCTIONS[0]);
    }

    #[test]
    #[ignore = "minutes"]
    fn tanh_is_within_two_ulp_everywhere() {
        check_everywhere(FUNCTIONS[1]);
    }

    #[test]
    #[ignore = "minutes"]
    fn sigmoid_is_within_two_ulp_everywhere() {
        check_everywhere(FUNCTIONS[2]);
    }

    #[test]
    #[ignore = "minutes"]
    fn softplus_is_within_two_ulp_everywhere() {
        check_everywhere(FUNCTIONS[3]);
    }

    /// AVX-512 and AVX2 fuse the same operations and round the same way.
    #[test]
    fn fused_sets_give_the_same_bits() {
        let fused: Vec<Isa> = Isa::available().into_iter().filter(|isa| isa.name() != "portable").collect();
        for (name, function, _) in FUNCTIONS {
            let mut found = fused.iter().map(|&isa| {
                let mut x: Vec<f32> = (0..1 << 16).map(|k| f32::from_bits(k * 65521)).filter(|x| !x.is_nan()).collect();
                function(isa, &mut x);
                x.into_iter().map(f32::to_bits).collect::<Vec<_>>()
            });
            if let (Some(a), Some(b)) = (found.next(), found.next()) {
                assert!(a == b, "{name} differs between {fused:?}");
            }
        }
    }

    #[test]
    fn ends_and_zeros_are_exact() {
        let check = |function: usize, input: f32, want: f32| {
            for isa in Isa::available() {
                let mut x = [input; 3];
                FUNCTIONS[function].1(isa, &mut x);
                assert_eq!(x.map(f32::to_bits), [want.to_bits(); 3], "{}({input:e}) on {isa}", FUNCTIONS[function].0);
            }
        };
        const INF: f32 = f32::INFINITY;
        for (x, want) in [(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0), (f32::MAX, INF), (f32::MIN, 0.0)] {
            check(0, x, want);
        }
        let small = f32::from_bits(1);
        for (x, want) in [(0.0, 0.0), (INF, 1.0), (f32::MAX, 1.0), (small, small), (1e-20, 1e-20)] {
            check(1, x, want);
            check(1, -x, -want);
        }
        for (x, want) in [(0.0, 0.5), (-0.0, 0.5), (INF, 1.0), (-INF, 0.0), (1e4, 1.0), (-1e4, 0.0)] {
            check(2, x, want);
        }
        for (x, want) in [(INF, INF), (-INF, 0.0), (1e4, 1e4), (-1e4, 0.0), (f32::MAX, f32::MAX)] {
            check(3, x, want);
        }
    }
}
