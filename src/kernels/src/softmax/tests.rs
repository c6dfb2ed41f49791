use proptest::prelude::*;

use super::*;
use crate::level::tests::each;
use crate::reference::{
    Number, assert_gradient, assert_near, assert_same_bits, numbers, of, sum, weighed,
};

/// The plain softmax of a row.
fn plain<N: Number>(x: &[N]) -> Vec<N> {
    let most = x.iter().copied().fold(N::of(f64::NEG_INFINITY), |a, b| if b > a { b } else { a });
    let powers: Vec<N> = x.iter().map(|x| (*x - most).exp()).collect();
    let all = sum(powers.iter().copied());
    powers.into_iter().map(|power| power / all).collect()
}

/// Its gradient by a gradient of what it gave.
fn plain_gradient<N: Number>(x: &[N], dy: &[N]) -> Vec<N> {
    let y = plain(x);
    let mean = sum(y.iter().zip(dy).map(|(y, dy)| *y * *dy));
    y.iter().zip(dy).map(|(y, dy)| *y * (*dy - mean)).collect()
}

/// Rows of every size of number: spread over this much, around this.
fn rows(width: usize) -> Vec<Vec<f32>> {
    let spreads = [0.0, 1e-30, 1e-3, 1.0, 10.0, 60.0, 104.0, 300.0, 1e6, 1e38, f32::MAX];
    let around = [0.0, 1.0, -50.0, 1e4, -1e30, 3e38, -3e38];
    let each = spreads.into_iter().flat_map(|spread| around.map(|middle| (spread, middle)));
    let row = |(seed, (spread, middle)): (usize, (f32, f32))| {
        let x = numbers(width, seed as u32 + 7).into_iter();
        x.map(|x| (x * spread + middle).clamp(f32::MIN, f32::MAX)).collect()
    };
    each.enumerate().map(row).collect()
}

#[test]
fn shares_are_the_true_ones_over_the_whole_range() {
    for width in [1, 2, 3, 7, 8, 15, 16, 17, 33, 100, 1000, 4096] {
        for x in rows(width) {
            let truth = plain(&of::<f64>(&x));
            let most = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            for _level in each() {
                let mut y = x.clone();
                softmax(&mut y, width);
                for ((y, truth), x) in y.iter().zip(&truth).zip(&x) {
                    let apart = (f64::from(*y) - truth).abs();
                    assert!(apart <= 6e-7, "{width}: {x:e} gives {y:e} and not {truth:e}");
                    let below = f64::from(most) - f64::from(*x);
                    let bound = (4e-7 + 1e-7 * below) * truth + 1.5e-45;
                    assert!(apart <= bound, "{width}: {x:e} gives {y:e} and not {truth:e}");
                }
                let sum: f64 = sum(of::<f64>(&y));
                assert!((sum - 1.0).abs() < 1e-6, "{width}: {sum}");
            }
        }
    }
}

#[test]
fn what_is_infinite_or_no_number_is_told() {
    for width in [1, 5, 16, 40] {
        for _level in each() {
            let shares = |x: &[f32]| {
                let mut y = x.to_vec();
                softmax(&mut y, width);
                y
            };
            for at in 0..width {
                let with = |value: f32| {
                    let mut x = numbers(width, 3);
                    x[at] = value;
                    x
                };
                if width > 1 {
                    let x = with(f32::NEG_INFINITY);
                    let y = shares(&x);
                    assert_eq!(y[at], 0.0);
                    let others: Vec<f32> = (0..width).filter(|i| *i != at).map(|i| x[i]).collect();
                    let others = plain(&of::<f64>(&others)).into_iter();
                    let found = (0..width).filter(|i| *i != at).map(|i| f64::from(y[i]));
                    assert!(found.zip(others).all(|(a, b)| (a - b).abs() <= 6e-7), "{y:?}");
                }
                for value in [f32::INFINITY, f32::NAN, f32::from_bits(0xffff_ffff)] {
                    let y = shares(&with(value));
                    assert!(y.iter().all(|y| y.is_nan()), "{value} at {at}: {y:?}");
                }
            }
            let y = shares(&vec![f32::NEG_INFINITY; width]);
            assert!(y.iter().all(|y| y.is_nan()), "{y:?}");
        }
    }
}

#[test]
fn the_plain_gradient_is_its_slope() {
    let x: Vec<f64> = of(&numbers(9, 1));
    let x: Vec<f64> = x.iter().map(|x| x * 3.0).collect();
    let dy = of(&numbers(9, 2));
    assert_gradient(&x, &plain_gradient(&x, &dy), |x| weighed(&plain(x), &dy));
}

proptest! {
    #[test]
    fn gradients_are_the_plain_ones(
        rows in 0_usize..5, width in 1_usize..70, size in 0.1_f32..30.0, seed in 1_u32..1000,
    ) {
        let x: Vec<f32> = numbers(rows * width, seed).iter().map(|x| x * size).collect();
        let dy = numbers(rows * width, seed + 1);
        let each_row = || x.chunks_exact(width).zip(dy.chunks_exact(width));
        let narrow: Vec<f32> = each_row().flat_map(|(x, dy)| plain_gradient(x, dy)).collect();
        let truth = each_row().flat_map(|(x, dy)| plain_gradient::<f64>(&of(x), &of(dy)));
        let truth: Vec<f64> = truth.collect();
        for _level in each() {
            let mut y = x.clone();
            softmax(&mut y, width);
            let found = softmax_gradient(&y, &dy, width);
            assert_near(&found, &truth);
            assert_near(&found, &narrow);
        }
    }

    #[test]
    fn a_row_has_the_same_bits_among_others(
        rows in 1_usize..6, width in 1_usize..70, seed in 1_u32..1000,
    ) {
        let x = numbers(rows * width, seed);
        for _level in each() {
            let mut all = x.clone();
            softmax(&mut all, width);
            for (row, among) in x.chunks_exact(width).zip(all.chunks_exact(width)) {
                let mut alone = row.to_vec();
                softmax(&mut alone, width);
                assert_same_bits(&alone, among);
            }
        }
    }
}

#[test]
#[should_panic(expected = "is_multiple_of")]
fn a_part_of_a_row_is_refused() {
    softmax(&mut [0.0; 5], 3);
}
