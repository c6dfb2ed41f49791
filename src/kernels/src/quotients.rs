//! Quotients of polynomials.

use pulp::{Simd, WithSimd};

use crate::level::dispatch;

/// Numbers that are looked at before the next: their intermediate results stay in registers.
const LANES: usize = 16;

/// Into each of `y` the quotient of two polynomials of the number in its place in `x`;
/// coefficients from the constant up.
///
/// Multiplications and additions are rounded one by one (Horner), as a loop over one number at a
/// time has it: the bits are the same on every machine.
///
/// # Panics
/// When `x` and `y` have different lengths.
pub fn quotients<const N: usize>(above: &[f64; N], below: &[f64; N], x: &[f64], y: &mut [f64]) {
    assert_eq!(x.len(), y.len());
    dispatch(Quotients { above, below, x, y });
}

struct Quotients<'a, const N: usize> {
    above: &'a [f64; N],
    below: &'a [f64; N],
    x: &'a [f64],
    y: &'a mut [f64],
}

impl<const N: usize> WithSimd for Quotients<'_, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { above, below, x, y } = self;
        let (whole, rest) = x.as_chunks::<LANES>();
        let (whole_y, rest_y) = y.as_chunks_mut::<LANES>();
        for (x, y) in whole.iter().zip(whole_y) {
            *y = side_by_side(above, below, x);
        }
        let mut last = [0.0; LANES];
        last[..rest.len()].copy_from_slice(rest);
        rest_y.copy_from_slice(&side_by_side(above, below, &last)[..rest.len()]);
    }
}

#[inline(always)]
fn side_by_side<const N: usize>(
    above: &[f64; N],
    below: &[f64; N],
    x: &[f64; LANES],
) -> [f64; LANES] {
    let (mut numerator, mut denominator) = ([0.0; LANES], [0.0; LANES]);
    for (a, b) in above.iter().zip(below).rev() {
        for lane in 0..LANES {
            numerator[lane] = numerator[lane] * x[lane] + a;
            denominator[lane] = denominator[lane] * x[lane] + b;
        }
    }
    std::array::from_fn(|lane| numerator[lane] / denominator[lane])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_at_once_have_the_bits_of_one_after_the_other() {
        let (above, below) = ([1.5, -2.25e3, 0.3, 7e-4], [1.0, 42.3, -0.1, 2.0]);
        let x: Vec<f64> = (0..131).map(|i| f64::from(i) * 0.37 - 20.0).collect();
        for length in [0, 1, 15, 16, 17, 131] {
            let mut y = vec![0.0; length];
            quotients(&above, &below, &x[..length], &mut y);
            for (x, y) in x.iter().zip(&y) {
                let value = |of: &[f64; 4]| of.iter().rev().fold(0.0, |sum, c| sum * x + c);
                assert_eq!(y.to_bits(), (value(&above) / value(&below)).to_bits());
            }
        }
    }
}
