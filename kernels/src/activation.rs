//! The activation functions a = phi(z), and their slopes phi'(z) written by the activation a.

use crate::blocks::{Blocks, Walk, load, store};
use crate::element::Element;
use crate::isa::Isa;
use crate::simd::{Lanes, Simd};

/// Which phi turns the input of a neuron into its activation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Activation {
    /// tanh(z).
    Tanh,
    /// max(z, 0); NaN stays NaN.
    Relu,
    /// 1 / (1 + exp(-z)).
    Sigmoid,
    /// ln(1 + exp(z)).
    Softplus,
    /// z.
    Identity,
}

impl Activation {
    /// Every activation.
    pub const ALL: [Activation; 5] =
        [Activation::Tanh, Activation::Relu, Activation::Sigmoid, Activation::Softplus, Activation::Identity];

    /// `tanh`, `relu`, `sigmoid`, `softplus` or `identity`.
    pub fn name(self) -> &'static str {
        match self {
            Activation::Tanh => "tanh",
            Activation::Relu => "relu",
            Activation::Sigmoid => "sigmoid",
            Activation::Softplus => "softplus",
            Activation::Identity => "identity",
        }
    }

    /// The activation of that name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Activation::ALL.into_iter().find(|phi| phi.name() == name)
    }

    /// phi(z) of every lane, for the [`Rule`](crate::Rule) of a cell. Which phi is asked once for all vectors.
    #[inline(always)]
    pub fn of<L: Lanes, const G: usize>(self, l: L, z: [L::V; G]) -> [L::V; G] {
        with_phi!(self, P => z.map(#[inline(always)] |z| P::apply(l, z)))
    }

    /// phi'(z) of every lane, from a = phi(z). NaN gives NaN, but for the identity.
    #[inline(always)]
    pub fn slope<L: Lanes, const G: usize>(self, l: L, a: [L::V; G]) -> [L::V; G] {
        with_phi!(self, P => a.map(#[inline(always)] |a| P::slope(l, a)))
    }
}

impl std::fmt::Display for Activation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// An activation as a type, so that the code of a row (of one lane, of sixteen) is compiled for each and asks but once.
pub(crate) trait Phi {
    /// phi(z).
    fn apply<S: Lanes>(s: S, z: S::V) -> S::V;
    /// phi'(z), from a = phi(z). NaN gives NaN, but for the identity.
    fn slope<S: Lanes>(s: S, a: S::V) -> S::V;
}

pub(crate) struct Tanh;
pub(crate) struct Relu;
pub(crate) struct Sigmoid;
pub(crate) struct Softplus;
pub(crate) struct Identity;

impl Phi for Tanh {
    #[inline(always)]
    fn apply<S: Lanes>(s: S, z: S::V) -> S::V {
        s.tanh(z)
    }
    /// 1 - a².
    #[inline(always)]
    fn slope<S: Lanes>(s: S, a: S::V) -> S::V {
        s.neg_mul_add(a, a, s.splat(S::E::ONE))
    }
}

impl Phi for Relu {
    #[inline(always)]
    fn apply<S: Lanes>(s: S, z: S::V) -> S::V {
        s.max(z, s.splat(S::E::ZERO))
    }
    /// 1 where a > 0, else a, which is then 0 or NaN.
    #[inline(always)]
    fn slope<S: Lanes>(s: S, a: S::V) -> S::V {
        s.select(s.gt(a, s.splat(S::E::ZERO)), s.splat(S::E::ONE), a)
    }
}

impl Phi for Sigmoid {
    #[inline(always)]
    fn apply<S: Lanes>(s: S, z: S::V) -> S::V {
        s.sigmoid(z)
    }
    /// a - a².
    #[inline(always)]
    fn slope<S: Lanes>(s: S, a: S::V) -> S::V {
        s.neg_mul_add(a, a, a)
    }
}

impl Phi for Softplus {
    #[inline(always)]
    fn apply<S: Lanes>(s: S, z: S::V) -> S::V {
        s.softplus(z)
    }
    /// 1 - exp(-a), without cancellation for small a.
    #[inline(always)]
    fn slope<S: Lanes>(s: S, a: S::V) -> S::V {
        s.sub(s.splat(S::E::ZERO), s.expm1_negative(s.neg_abs(a)))
    }
}

impl Phi for Identity {
    #[inline(always)]
    fn apply<S: Lanes>(_: S, z: S::V) -> S::V {
        z
    }
    #[inline(always)]
    fn slope<S: Lanes>(s: S, _: S::V) -> S::V {
        s.splat(S::E::ONE)
    }
}

/// `with_phi!(activation, P => body)` is `body` with the type `P` standing for the activation.
macro_rules! with_phi {
    ($activation:expr, $P:ident => $body:expr) => {
        match $activation {
            $crate::activation::Activation::Tanh => {
                type $P = $crate::activation::Tanh;
                $body
            }
            $crate::activation::Activation::Relu => {
                type $P = $crate::activation::Relu;
                $body
            }
            $crate::activation::Activation::Sigmoid => {
                type $P = $crate::activation::Sigmoid;
                $body
            }
            $crate::activation::Activation::Softplus => {
                type $P = $crate::activation::Softplus;
                $body
            }
            $crate::activation::Activation::Identity => {
                type $P = $crate::activation::Identity;
                $body
            }
        }
    };
}
pub(crate) use with_phi;

struct Apply<'a, P> {
    z: &'a mut [f32],
    phi: std::marker::PhantomData<P>,
}

impl<P: Phi> Blocks for Apply<'_, P> {
    #[inline(always)]
    fn block<S: Simd>(&mut self, s: S, start: usize, len: usize) {
        let z = load(s, self.z, start, len);
        store(s, self.z, start, len, P::apply(s, z));
    }
}

/// z_i ← phi(z_i), within 2 ulp. NaN stays NaN.
pub fn activate(isa: Isa, phi: Activation, z: &mut [f32]) {
    with_phi!(phi, P => isa.run(Walk { len: z.len(), blocks: Apply::<P> { z, phi: std::marker::PhantomData } }))
}

struct Slope<'a, P> {
    a: &'a [f32],
    g: &'a mut [f32],
    phi: std::marker::PhantomData<P>,
}

impl<P: Phi> Blocks for Slope<'_, P> {
    #[inline(always)]
    fn block<S: Simd>(&mut self, s: S, start: usize, len: usize) {
        let slope = P::slope(s, load(s, self.a, start, len));
        let g = s.mul(load(s, self.g, start, len), slope);
        store(s, self.g, start, len, g);
    }
}

/// g_i ← g_i phi'(z_i), with the slope found from `a` = phi(z): the way of a gradient back through phi.
///
/// # Panics
/// If `a` and `g` differ in length.
pub fn scale_by_slope(isa: Isa, phi: Activation, a: &[f32], g: &mut [f32]) {
    assert_eq!(a.len(), g.len(), "one gradient for each activation");
    with_phi!(phi, P => isa.run(Walk { len: g.len(), blocks: Slope::<P> { a, g, phi: std::marker::PhantomData } }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [usize; 7] = [0, 1, 15, 16, 17, 31, 100];

    fn reference(phi: Activation, z: f64) -> (f64, f64) {
        let sigmoid = 1.0 / (1.0 + (-z).exp());
        match phi {
            Activation::Tanh => (z.tanh(), 1.0 / z.cosh().powi(2)),
            Activation::Relu => (z.max(0.0), if z > 0.0 { 1.0 } else { 0.0 }),
            Activation::Sigmoid => (sigmoid, sigmoid * (1.0 - sigmoid)),
            Activation::Softplus => (z.max(0.0) + (-z.abs()).exp().ln_1p(), sigmoid),
            Activation::Identity => (z, 1.0),
        }
    }

    #[test]
    fn names_go_there_and_back() {
        for phi in Activation::ALL {
            assert_eq!(Activation::from_name(phi.name()), Some(phi));
        }
        assert_eq!(Activation::from_name("Tanh"), None);
        assert_eq!(Activation::from_name(""), None);
    }

    /// Values and slopes for every size; the element after the end, NaN, must stay as it was.
    #[test]
    fn values_and_slopes_are_those_of_the_formula() {
        for isa in Isa::available() {
            for phi in Activation::ALL {
                for n in SIZES {
                    let z: Vec<f32> = (0..n).map(|i| 0.11 * (i as f32 - 0.5 * n as f32)).collect();
                    let mut a = z.clone();
                    a.push(f32::NAN);
                    activate(isa, phi, &mut a[..n]);
                    let mut g = vec![3.0; n];
                    g.push(f32::NAN);
                    scale_by_slope(isa, phi, &a[..n], &mut g[..n]);
                    assert!(a[n].is_nan() && g[n].is_nan());
                    for i in 0..n {
                        let (value, slope) = reference(phi, f64::from(z[i]));
                        let (value_error, slope_error) = (f64::from(a[i]) - value, f64::from(g[i]) - 3.0 * slope);
                        assert!(value_error.abs() <= 2.4e-7 * value.abs(), "{phi}({}) = {} on {isa}", z[i], a[i]);
                        assert!(slope_error.abs() <= 1.5e-6, "{phi}'({}) = {} / 3 on {isa}", z[i], g[i]);
                    }
                }
            }
        }
    }

    /// For z far below 0 softplus is exp(z), and so is its slope; 1 - exp(-a) computed as written would be 0.
    #[test]
    fn slope_of_softplus_keeps_its_digits() {
        for isa in Isa::available() {
            for a in [1e-3f32, 1e-6, 1e-10, 1e-30, 1e-40, 0.3, 0.7, 3.0, 30.0, 1e30] {
                let mut g = [1.0];
                scale_by_slope(isa, Activation::Softplus, &[a], &mut g);
                let want = -(-f64::from(a)).exp_m1();
                assert!((f64::from(g[0]) - want).abs() <= 2.4e-7 * want, "{a} gives {} not {want} on {isa}", g[0]);
            }
        }
    }

    #[test]
    fn nan_goes_through_and_relu_is_exact() {
        for isa in Isa::available() {
            for phi in Activation::ALL {
                let (mut a, mut g) = ([f32::NAN; 17], [1.0; 17]);
                activate(isa, phi, &mut a);
                assert!(a.iter().all(|a| a.is_nan()), "{phi} hides NaN on {isa}");
                scale_by_slope(isa, phi, &a, &mut g);
                assert!(phi == Activation::Identity || g.iter().all(|g| g.is_nan()), "{phi}' hides NaN on {isa}");
            }
            let mut a = [-2.0, -1.0, 0.0, 1.0, 2.0, f32::INFINITY, -f32::INFINITY];
            activate(isa, Activation::Relu, &mut a);
            assert_eq!(a, [0.0, 0.0, 0.0, 1.0, 2.0, f32::INFINITY, 0.0]);
            let mut g = [5.0; 7];
            scale_by_slope(isa, Activation::Relu, &a, &mut g);
            assert_eq!(g, [0.0, 0.0, 0.0, 5.0, 5.0, 5.0, 0.0]);
        }
    }

    #[test]
    #[should_panic(expected = "one gradient for each activation")]
    fn slopes_need_equal_lengths() {
        scale_by_slope(Isa::available()[0], Activation::Tanh, &[0.0; 3], &mut [0.0; 4]);
    }
}
