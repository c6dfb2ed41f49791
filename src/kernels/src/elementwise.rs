//! Functions of one number, over many.
//!
//! Approximations without branches, fitted to the least greatest error; what is no number stays
//! so, whatever its bits.

use pulp::{Simd, WithSimd};

use crate::level::dispatch;

/// Numbers that are worked on at once where they are copied: they stay in the nearest cache.
const CHUNK: usize = 1024;

/// A function that is applied to each number.
///
/// Errors are against the true function, over all finite numbers and both infinities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// e^x, within 2e-7 of its size; what is below the least normal number, within the least
    /// there is.
    Exp,
    /// 1 / (1 + e^-x), within 2e-7 of its size.
    Sigmoid,
    /// Within 4e-7 of its size; never beyond 1 and -1.
    Tanh,
    /// x Φ(x), by the error function as PyTorch's default has it: within 2e-7 of the greater of 1
    /// and |x|.
    Gelu,
    /// The greater of 0 and x, exactly.
    Relu,
}

impl Function {
    /// A number for each of `x`.
    pub fn mapped(self, x: &[f32]) -> Vec<f32> {
        let mut y = Vec::with_capacity(x.len());
        match self {
            Self::Exp => dispatch(Mapped { function: Exp, x, y: &mut y }),
            Self::Sigmoid => dispatch(Mapped { function: Sigmoid, x, y: &mut y }),
            Self::Tanh => dispatch(Mapped { function: Tanh, x, y: &mut y }),
            Self::Gelu => dispatch(Mapped { function: Gelu, x, y: &mut y }),
            Self::Relu => dispatch(Mapped { function: Relu, x, y: &mut y }),
        }
        y
    }

    /// Replaces each number of `x`.
    pub fn in_place(self, x: &mut [f32]) {
        match self {
            Self::Exp => dispatch(InPlace { function: Exp, x }),
            Self::Sigmoid => dispatch(InPlace { function: Sigmoid, x }),
            Self::Tanh => dispatch(InPlace { function: Tanh, x }),
            Self::Gelu => dispatch(InPlace { function: Gelu, x }),
            Self::Relu => dispatch(InPlace { function: Relu, x }),
        }
    }
}

/// The gradient by `x` of a loss whose gradient by [`Function::Gelu`] of `x` is `dy`:
/// `dy * (Φ(x) + x φ(x))`, the factor within 6e-7.
///
/// # Panics
/// When lengths differ.
pub fn gelu_gradient(x: &[f32], dy: &[f32]) -> Vec<f32> {
    assert_eq!(x.len(), dy.len());
    let mut dx = dy.to_vec();
    dispatch(GeluGradient { x, dx: &mut dx });
    dx
}

/// The gradient by `x` of a loss whose gradient by [`Function::Tanh`] of `x`, which is `y`, is `dy`:
/// `dy * (1 - y²)`.
///
/// # Panics
/// When lengths differ.
pub fn tanh_gradient(y: &[f32], dy: &[f32]) -> Vec<f32> {
    assert_eq!(y.len(), dy.len());
    y.iter().zip(dy).map(|(y, dy)| dy * (1.0 - y * y)).collect()
}

/// What is done to a vector of numbers.
trait Lanes: Copy {
    fn at<S: Simd>(self, simd: S, x: S::f32s) -> S::f32s;
}

#[derive(Clone, Copy)]
struct Relu;

impl Lanes for Relu {
    #[inline(always)]
    fn at<S: Simd>(self, simd: S, x: S::f32s) -> S::f32s {
        let zero = simd.splat_f32s(0.0);
        simd.select_f32s(simd.less_than_f32s(x, zero), zero, x)
    }
}

#[derive(Clone, Copy)]
struct Exp;

impl Lanes for Exp {
    #[inline(always)]
    fn at<S: Simd>(self, simd: S, x: S::f32s) -> S::f32s {
        exp(simd, x)
    }
}

#[derive(Clone, Copy)]
struct Sigmoid;

impl Lanes for Sigmoid {
    #[inline(always)]
    fn at<S: Simd>(self, simd: S, x: S::f32s) -> S::f32s {
        sigmoid(simd, x)
    }
}

#[derive(Clone, Copy)]
struct Tanh;

impl Lanes for Tanh {
    #[inline(always)]
    fn at<S: Simd>(self, simd: S, x: S::f32s) -> S::f32s {
        tanh(simd, x)
    }
}

#[derive(Clone, Copy)]
struct Gelu;

impl Lanes for Gelu {
    #[inline(always)]
    fn at<S: Simd>(self, simd: S, x: S::f32s) -> S::f32s {
        let (below, _) = normal(simd, x);
        // Of minus infinity too, nothing is left.
        let least = simd.splat_f32s(-20.0);
        let x = simd.select_f32s(simd.less_than_f32s(x, least), least, x);
        simd.mul_f32s(x, below)
    }
}

struct Mapped<'a, F> {
    function: F,
    x: &'a [f32],
    y: &'a mut Vec<f32>,
}

impl<F: Lanes> WithSimd for Mapped<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Mapped { function, x, y } = self;
        // No zeros are written to a place that is written again.
        let mut near = [0.0; CHUNK];
        for x in x.chunks(CHUNK) {
            let near = &mut near[..x.len()];
            let (from, rest) = S::as_simd_f32s(x);
            let (to, last) = S::as_mut_simd_f32s(near);
            for (to, from) in to.iter_mut().zip(from) {
                *to = function.at(simd, *from);
            }
            if !rest.is_empty() {
                let value = function.at(simd, simd.partial_load_f32s(rest));
                simd.partial_store_f32s(last, value);
            }
            y.extend_from_slice(near);
        }
    }
}

struct InPlace<'a, F> {
    function: F,
    x: &'a mut [f32],
}

impl<F: Lanes> WithSimd for InPlace<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let InPlace { function, x } = self;
        let (x, rest) = S::as_mut_simd_f32s(x);
        for x in x {
            *x = function.at(simd, *x);
        }
        if !rest.is_empty() {
            let value = function.at(simd, simd.partial_load_f32s(rest));
            simd.partial_store_f32s(rest, value);
        }
    }
}

struct GeluGradient<'a> {
    x: &'a [f32],
    /// The gradient by what came out, which becomes that by `x`.
    dx: &'a mut [f32],
}

impl WithSimd for GeluGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (x, last_x) = S::as_simd_f32s(self.x);
        let (dx, last) = S::as_mut_simd_f32s(self.dx);
        for (dx, x) in dx.iter_mut().zip(x) {
            *dx = simd.mul_f32s(*dx, gelu_slope(simd, *x));
        }
        if !last.is_empty() {
            let slope = gelu_slope(simd, simd.partial_load_f32s(last_x));
            let value = simd.mul_f32s(simd.partial_load_f32s(last), slope);
            simd.partial_store_f32s(last, value);
        }
    }
}

/// The polynomial of ascending `coefficients` at `x`.
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(simd: S, x: S::f32s, coefficients: [f32; N]) -> S::f32s {
    let mut sum = simd.splat_f32s(coefficients[N - 1]);
    // Counted by hand: iterators of an array were called here instead of inlined.
    let mut at = N - 1;
    while at > 0 {
        at -= 1;
        sum = simd.mul_add_e_f32s(sum, x, simd.splat_f32s(coefficients[at]));
    }
    sum
}

/// e^x.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // Beyond, infinity comes out by itself.
    let most = simd.splat_f32s(89.0);
    exp_of_less(simd, simd.select_f32s(simd.less_than_f32s(most, x), most, x))
}

/// e^x for x <= 89.
///
/// x = n ln 2 + r, where adding 1.5 * 2^23 rounds to n and leaves it in the lowest bits. 2^n is
/// multiplied in two halves, each a normal number, so that results below the least normal one are
/// right; and so that no number comes of what is none, as it would by adding n to the bits.
#[inline(always)]
pub(crate) fn exp_of_less<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    const SHIFT: f32 = 12_582_912.0;
    // ln 2 in two parts, the first of few bits.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    // (e^r - 1 - r) / r^2 for |r| <= ln 2 / 2; e^r is within 4e-9.
    const REST: [f32; 5] =
        [0.499_999_94, 0.166_665_21, 0.041_668_39, 0.008_368_725, 0.001_381_458_1];
    let zero = simd.splat_f32s(0.0);
    let nothing = simd.less_than_f32s(x, simd.splat_f32s(-104.0));
    let x = simd.select_f32s(nothing, zero, x);
    let shift = simd.splat_f32s(SHIFT);
    let shifted = simd.mul_add_e_f32s(x, simd.splat_f32s(std::f32::consts::LOG2_E), shift);
    let n = simd.sub_f32s(shifted, shift);
    let r = simd.mul_add_e_f32s(n, simd.splat_f32s(-LN_2[0]), x);
    let r = simd.mul_add_e_f32s(n, simd.splat_f32s(-LN_2[1]), r);
    let rest = polynomial(simd, r, REST);
    let power = simd.mul_add_e_f32s(simd.mul_f32s(r, r), rest, r);
    let power = simd.add_f32s(power, simd.splat_f32s(1.0));
    // n + 254, of which halves are exponents with their bias of 127.
    let both = simd.transmute_u32s_f32s(shifted);
    let both = simd.sub_u32s(both, simd.splat_u32s(SHIFT.to_bits() - 254));
    let first = simd.wrapping_dyn_shr_u32s(both, simd.splat_u32s(1));
    let second = simd.sub_u32s(both, first);
    let place = simd.splat_u32s(23);
    let first = simd.transmute_f32s_u32s(simd.wrapping_dyn_shl_u32s(first, place));
    let second = simd.transmute_f32s_u32s(simd.wrapping_dyn_shl_u32s(second, place));
    let second = simd.select_f32s(nothing, zero, second);
    simd.mul_f32s(simd.mul_f32s(power, first), second)
}

/// 1 / (1 + e^-x), by e to a power that is not positive, so that nothing overflows or cancels.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    let power = exp_of_less(simd, simd.neg_f32s(simd.abs_f32s(x)));
    let negative = simd.less_than_f32s(x, simd.splat_f32s(0.0));
    let above = simd.select_f32s(negative, power, one);
    simd.div_f32s(above, simd.add_f32s(one, power))
}

/// A rational function of degrees 9 and 8.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // Beyond, 1 is as near as any.
    const BOUND: f32 = 7.905_311;
    const ABOVE: [f32; 5] = [1.0, 0.133_797_18, 3.494_034e-3, 2.058_348_6e-5, 1.331_907_8e-8];
    const BELOW: [f32; 5] = [1.0, 0.467_130_33, 0.025_871_074, 3.283_093_4e-4, 7.762_022e-7];
    let size = simd.abs_f32s(x);
    let square = simd.mul_f32s(size, size);
    let (above, below) = (polynomial(simd, square, ABOVE), polynomial(simd, square, BELOW));
    let value = simd.mul_f32s(size, simd.div_f32s(above, below));
    let one = simd.splat_f32s(1.0);
    let value = simd.select_f32s(simd.less_than_f32s(simd.splat_f32s(BOUND), size), one, value);
    let value = simd.select_f32s(simd.less_than_f32s(one, value), one, value);
    let sign = simd.and_u32s(simd.transmute_u32s_f32s(x), simd.splat_u32s(1 << 31));
    simd.transmute_f32s_u32s(simd.or_u32s(simd.transmute_u32s_f32s(value), sign))
}

/// Φ(x) = (1 + erf(x / √2)) / 2 and its derivative φ(x).
///
/// Φ(-|x|) is e^(-x²/2) times q P(q), where q = 1 / (1 + 0.3 |x|) maps all of it to (0, 1] and P is
/// fitted to the relative error, 2e-7: so that both tails are right.
#[inline(always)]
fn normal<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    const P: [f32; 8] = [
        0.119_631_57,
        0.120_718_89,
        0.100_133_38,
        0.127_833_41,
        -0.052_303_523,
        0.204_851_14,
        -0.156_329_97,
        0.035_465_036,
    ];
    // 1 / √(2 π).
    const DENSITY: f32 = 0.398_942_3;
    let one = simd.splat_f32s(1.0);
    let size = simd.abs_f32s(x);
    let power = exp_of_less(simd, simd.mul_f32s(simd.mul_f32s(size, size), simd.splat_f32s(-0.5)));
    let q = simd.div_f32s(one, simd.mul_add_e_f32s(size, simd.splat_f32s(0.3), one));
    let tail = simd.mul_f32s(simd.mul_f32s(power, q), polynomial(simd, q, P));
    let negative = simd.less_than_f32s(x, simd.splat_f32s(0.0));
    let below = simd.select_f32s(negative, tail, simd.sub_f32s(one, tail));
    (below, simd.mul_f32s(power, simd.splat_f32s(DENSITY)))
}

/// Φ(x) + x φ(x).
#[inline(always)]
fn gelu_slope<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let (below, density) = normal(simd, x);
    // Beyond, where the density is 0, x might be infinite.
    let most = simd.splat_f32s(20.0);
    let beyond = simd.less_than_f32s(most, simd.abs_f32s(x));
    simd.mul_add_e_f32s(simd.select_f32s(beyond, most, x), density, below)
}

#[cfg(test)]
mod tests;
