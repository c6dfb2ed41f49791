//! Plain loops, generic over f32 and f64, that the kernels are held against. Their own gradients
//! are checked by small differences in f64.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

/// f32 or f64.
pub(crate) trait Number:
    Copy
    + Debug
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
{
    /// How far a kernel may be from it, in shares of the largest number: the reference in f32 has
    /// an error of its own.
    const NEAR: f64;

    fn of(x: f64) -> Self;
    fn wide(self) -> f64;

    fn exp(self) -> Self {
        Self::of(self.wide().exp())
    }

    fn sqrt(self) -> Self {
        Self::of(self.wide().sqrt())
    }

    fn tanh(self) -> Self {
        Self::of(self.wide().tanh())
    }

    fn sigmoid(self) -> Self {
        Self::of(1.0 / (1.0 + (-self.wide()).exp()))
    }
}

impl Number for f32 {
    const NEAR: f64 = 4e-5;

    fn of(x: f64) -> Self {
        x as Self
    }

    fn wide(self) -> f64 {
        f64::from(self)
    }
}

impl Number for f64 {
    const NEAR: f64 = 1e-5;

    fn of(x: f64) -> Self {
        x
    }

    fn wide(self) -> f64 {
        self
    }
}

pub(crate) fn sum<N: Number>(numbers: impl IntoIterator<Item = N>) -> N {
    numbers.into_iter().fold(N::of(0.0), |sum, number| sum + number)
}

/// The same numbers in another width.
pub(crate) fn of<N: Number>(numbers: &[f32]) -> Vec<N> {
    numbers.iter().map(|number| N::of(f64::from(*number))).collect()
}

/// Of -1 to 1, as if by chance.
pub(crate) fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn largest<N: Number>(numbers: &[N]) -> f64 {
    numbers.iter().fold(0.0, |most, number| most.max(number.wide().abs()))
}

/// What a kernel gave, against a reference: at most 1e-5 of the largest number apart.
///
/// Where all numbers are small, sums of larger ones have cancelled: those count as 0.1.
#[track_caller]
pub(crate) fn assert_near<N: Number>(found: &[f32], expected: &[N]) {
    assert_near_of(0.1, found, expected);
}

/// The same, where what is summed is of a size that what comes out needn't have.
#[track_caller]
pub(crate) fn assert_near_of<N: Number>(size: f64, found: &[f32], expected: &[N]) {
    assert_eq!(found.len(), expected.len());
    let bound = N::NEAR * largest(expected).max(size);
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        let apart = (f64::from(*found) - expected.wide()).abs();
        assert!(apart <= bound, "{at}: {found:e} and not {expected:?}, within {bound:e}");
    }
}

/// Rows that went through a kernel together have the bits that each has alone.
#[track_caller]
pub(crate) fn assert_same_bits(alone: &[f32], together: &[f32]) {
    assert_eq!(alone.len(), together.len());
    assert!(alone.iter().zip(together).all(|(a, b)| a.to_bits() == b.to_bits()));
}

/// A reference's gradient of a loss at `x` against small differences: within 1e-6 of the largest.
#[track_caller]
pub(crate) fn assert_gradient(x: &[f64], gradient: &[f64], loss: impl Fn(&[f64]) -> f64) {
    const STEP: f64 = 1e-4;
    assert_eq!(x.len(), gradient.len());
    let bound = 1e-6 * largest(gradient).max(0.1);
    let mut moved = x.to_vec();
    for (at, gradient) in gradient.iter().enumerate() {
        let mut loss_at = |by: f64| {
            moved[at] = x[at] + by * STEP;
            let loss = loss(&moved);
            moved[at] = x[at];
            loss
        };
        // Of fourth order, so that the step may be wide enough for what is left of the digits.
        let near = loss_at(1.0) - loss_at(-1.0);
        let far = loss_at(2.0) - loss_at(-2.0);
        let slope = (8.0 * near - far) / (12.0 * STEP);
        assert!((gradient - slope).abs() <= bound, "{at}: {gradient} and not {slope}");
    }
}

/// The sum of products: a loss whose gradient by `y` is `dy`.
pub(crate) fn weighed(y: &[f64], dy: &[f64]) -> f64 {
    y.iter().zip(dy).map(|(y, dy)| y * dy).sum()
}
