use proptest::prelude::*;

use super::*;
use crate::level::tests::each;
use crate::reference::{Number, assert_gradient, assert_near_of, of, weighed};

const ALL: [Function; 5] =
    [Function::Exp, Function::Sigmoid, Function::Tanh, Function::Gelu, Function::Relu];

/// Φ(x) and φ(x) by sums that converge everywhere: a series near 0, a continued fraction beyond.
fn true_normal(x: f64) -> (f64, f64) {
    let density = (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let size = x.abs();
    let tail = if size < 3.0 {
        let (mut term, mut sum) = (size, size);
        for n in 1..100 {
            term *= size * size / f64::from(2 * n + 1);
            sum += term;
        }
        0.5 - density * sum
    } else {
        density / (1..=200).rev().fold(size, |below, n| size + f64::from(n) / below)
    };
    (if x < 0.0 { tail } else { 1.0 - tail }, density)
}

fn true_value(function: Function, x: f64) -> f64 {
    match function {
        Function::Exp => x.exp(),
        Function::Sigmoid if x < 0.0 => x.exp() / (1.0 + x.exp()),
        Function::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Function::Tanh => x.tanh(),
        Function::Gelu if x < -40.0 => 0.0,
        Function::Gelu => x * true_normal(x).0,
        Function::Relu => x.max(0.0),
    }
}

/// How far a value may be from the true one.
fn bound(function: Function, x: f64, value: f64) -> f64 {
    match function {
        Function::Exp => 2e-7 * value + 1.5e-45,
        Function::Sigmoid => 2e-7 * value + 1.5e-45,
        Function::Tanh => 4e-7 * value.abs() + 1.5e-45,
        Function::Gelu => 2e-7 * x.abs().max(1.0),
        Function::Relu => 0.0,
    }
}

/// Numbers of every size: one of each so many bit patterns, all near 0 and where approximations
/// change, and the special ones.
fn numbers() -> Vec<f32> {
    let spread = (0..=u32::MAX).step_by(9973).map(f32::from_bits).filter(|x| x.is_finite());
    let near = (-200_000..=200_000).map(|i| i as f32 * 1e-3);
    let bounds = [0.0_f32, 7.905_311, 8.3, 20.0, 87.336, 88.722_84, 89.0, 103.97, 104.0];
    let bounds = bounds.into_iter().flat_map(|bound| {
        let bits = bound.to_bits();
        (bits.saturating_sub(300)..bits + 300).map(f32::from_bits).flat_map(|x| [x, -x])
    });
    let special = [f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, f32::MIN_POSITIVE];
    spread.chain(near).chain(bounds).chain(special).collect()
}

#[test]
fn values_are_the_true_ones_over_the_whole_range() {
    let x = numbers();
    for function in ALL {
        let expected: Vec<f64> = x.iter().map(|x| true_value(function, f64::from(*x))).collect();
        for _level in each() {
            for ((x, y), expected) in x.iter().zip(function.mapped(&x)).zip(&expected) {
                let bound = bound(function, f64::from(*x), *expected);
                if f64::from(y) == *expected || (*expected > f64::from(f32::MAX) && y > 3.4e38) {
                    continue;
                }
                let apart = (f64::from(y) - expected).abs();
                assert!(apart <= bound, "{function:?} {x:e}: {y:e} and not {expected:e}");
                assert!(function != Function::Tanh || y.abs() <= 1.0, "{x}: {y}");
            }
        }
    }
}

#[test]
fn the_gradient_of_gelu_is_the_true_one_over_the_whole_range() {
    let x = numbers();
    let ones = vec![1.0; x.len()];
    for _level in each() {
        for (x, slope) in x.iter().zip(gelu_gradient(&x, &ones)) {
            let wide = f64::from(*x).clamp(-40.0, 40.0);
            let (below, density) = true_normal(wide);
            let apart = (f64::from(slope) - (below + wide * density)).abs();
            assert!(apart <= 6e-7, "{x:e}: {slope:e}");
        }
    }
}

#[test]
fn the_gradient_of_gelu_is_its_slope() {
    for x in (-60..=60).map(|i| f64::from(i) / 7.0) {
        let (below, density) = true_normal(x);
        let step = 1e-5;
        let value = |x| true_value(Function::Gelu, x);
        let slope = (value(x + step) - value(x - step)) / (2.0 * step);
        assert!((below + x * density - slope).abs() < 1e-9, "{x}");
    }
}

fn reference_of_tanh<N: Number>(x: &[N], dy: &[N]) -> Vec<N> {
    let slope = |x: N| N::of(1.0) - x.tanh() * x.tanh();
    x.iter().zip(dy).map(|(x, dy)| *dy * slope(*x)).collect()
}

#[test]
fn the_gradient_of_tanh_is_its_slope() {
    let x: Vec<f64> = (-60..=60).map(|i| f64::from(i) / 9.0).collect();
    let dy: Vec<f64> = (0..x.len()).map(|i| (i % 7) as f64 - 3.0).collect();
    let tanh = |x: &[f64]| x.iter().map(|x| x.tanh()).collect::<Vec<_>>();
    assert_gradient(&x, &reference_of_tanh(&x, &dy), |x| weighed(&tanh(x), &dy));
}

#[test]
fn infinities_have_their_limits_and_what_is_no_number_stays_so() {
    let x = [f32::INFINITY, f32::NEG_INFINITY];
    for _level in each() {
        assert_eq!(Function::Exp.mapped(&x), [f32::INFINITY, 0.0]);
        assert_eq!(Function::Sigmoid.mapped(&x), [1.0, 0.0]);
        assert_eq!(Function::Tanh.mapped(&x), [1.0, -1.0]);
        assert_eq!(Function::Gelu.mapped(&x), [f32::INFINITY, 0.0]);
        assert_eq!(gelu_gradient(&x, &[2.0; 2]), [2.0, 0.0]);
        let quiet = (0x7fc0_0000..=0x7fff_ffff_u32).step_by(1013);
        let signalling = (0x7f80_0001..0x7fc0_0000_u32).step_by(1013);
        for bits in quiet.chain(signalling) {
            let x = [f32::from_bits(bits), f32::from_bits(bits | 1 << 31)];
            for function in ALL {
                assert!(function.mapped(&x).iter().all(|y| y.is_nan()), "{function:?} {bits:x}");
            }
            assert!(gelu_gradient(&x, &[1.0; 2]).iter().all(|y| y.is_nan()), "{bits:x}");
        }
    }
}

proptest! {
    #[test]
    fn every_place_of_a_slice_is_reached(
        x in prop::collection::vec(-20.0_f32..20.0, 0..2500), from in 0_usize..20,
    ) {
        let x = &x[from.min(x.len())..];
        for _level in each() {
            for function in ALL {
                let mapped = function.mapped(x);
                let mut replaced = x.to_vec();
                function.in_place(&mut replaced);
                prop_assert_eq!(&replaced, &mapped);
                // The same bits wherever a number stands.
                for (x, y) in x.iter().zip(&mapped) {
                    prop_assert_eq!(function.mapped(&[*x])[0].to_bits(), y.to_bits());
                }
            }
            let (tanh, dy) = (Function::Tanh.mapped(x), vec![3.0; x.len()]);
            let slopes = tanh_gradient(&tanh, &dy);
            // A slope near 0 is what is left of 1.
            assert_near_of(3.0, &slopes, &reference_of_tanh::<f64>(&of(x), &of(&dy)));
            assert_near_of(3.0, &slopes, &reference_of_tanh(x, &dy));
            let slopes = gelu_gradient(x, &vec![3.0; x.len()]);
            for (x, slope) in x.iter().zip(&slopes) {
                prop_assert_eq!(gelu_gradient(&[*x], &[3.0])[0].to_bits(), slope.to_bits());
            }
        }
    }
}

#[test]
#[should_panic(expected = "left == right")]
fn lengths_that_differ_are_refused() {
    gelu_gradient(&[0.0; 2], &[0.0; 3]);
}
