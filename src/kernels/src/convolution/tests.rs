use proptest::prelude::*;

use super::*;

fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// What comes out, and the gradients, by plain loops in f64.
fn reference(
    shape: Shape,
    weights: &[f32],
    bias: &[f32],
    x: &[f32],
    dy: &[f32],
) -> (Vec<f64>, [Vec<f64>; 3]) {
    let Shape { width, channels, kernel, outputs, .. } = shape;
    let (rows, columns) = shape.pooled();
    let mut y = Vec::new();
    let mut d = [vec![0.0; x.len()], vec![0.0; weights.len()], vec![0.0; outputs]];
    let mut dy = dy.iter().map(|d| f64::from(*d));
    for picture in 0..x.len() / shape.input() {
        for cell in 0..rows * columns {
            for output in 0..outputs {
                let pairs = |place: usize| {
                    let (row, column) =
                        (2 * (cell / columns) + place / 2, 2 * (cell % columns) + place % 2);
                    (0..kernel * kernel * channels).map(move |at| {
                        let (window, channel) = (at / channels, at % channels);
                        let (r, c) = (row + window / kernel, column + window % kernel);
                        let from = (r * width + c) * channels + channel;
                        (picture * shape.input() + from, at * outputs + output)
                    })
                };
                let results = [0, 1, 2, 3].map(|place| {
                    let products =
                        pairs(place).map(|(i, w)| f64::from(x[i]) * f64::from(weights[w]));
                    f64::from(bias[output]) + products.sum::<f64>()
                });
                let most = results.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                y.push(most.max(0.0));
                let dy = dy.next().unwrap();
                if most > 0.0 {
                    let place = results.iter().position(|r| *r == most).unwrap();
                    d[2][output] += dy;
                    for (i, w) in pairs(place) {
                        d[0][i] += dy * f64::from(weights[w]);
                        d[1][w] += dy * f64::from(x[i]);
                    }
                }
            }
        }
    }
    (y, d)
}

fn agree(found: &[f32], expected: &[f64]) -> bool {
    let largest = expected.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
    let near = |(a, b): (&f32, &f64)| (f64::from(*a) - b).abs() <= 2e-5 * largest;
    found.len() == expected.len() && found.iter().zip(expected).all(near)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_is_the_reference_in_any_shape_and_batch(
        more in (0_usize..15, 0_usize..15), channels in 1_usize..5, kernel in 1_usize..6,
        outputs in 1_usize..40, pictures in 0_usize..4, seed in any::<u32>(),
    ) {
        let (height, width) = (kernel + 1 + more.0, kernel + 1 + more.1);
        let shape = Shape { height, width, channels, kernel, outputs };
        let weights = numbers(shape.window() * outputs, seed);
        let bias = numbers(outputs, seed ^ 1);
        let x = numbers(pictures * shape.input(), seed ^ 2);
        let dy = numbers(pictures * shape.output(), seed ^ 3);
        let layer = Convolution::new(shape, &weights, &bias).unwrap();
        let (y, chosen) = layer.forward(&x);
        let (expected, gradients) = reference(shape, &weights, &bias, &x, &dy);
        prop_assert!(agree(&y, &expected));
        let found = layer.backward(&x, &chosen, &dy, true);
        prop_assert!(agree(found.inputs.as_ref().unwrap(), &gradients[0]));
        prop_assert!(agree(&found.weights, &gradients[1]));
        prop_assert!(agree(&found.bias, &gradients[2]));
        let without = layer.backward(&x, &chosen, &dy, false);
        prop_assert_eq!((&without.weights, without.inputs), (&found.weights, None));
        let alone = x.chunks_exact(shape.input()).flat_map(|x| layer.forward(x).0);
        prop_assert_eq!(alone.collect::<Vec<_>>(), y);
    }
}

#[test]
fn what_is_no_number_stays_seen() {
    let shape = Shape { height: 2, width: 2, channels: 1, kernel: 1, outputs: 1 };
    let layer = Convolution::new(shape, &[1.0], &[0.0]).unwrap();
    for at in 0..4 {
        let mut x = [1.0, -1.0, 2.0, 3.0];
        x[at] = f32::NAN;
        assert!(layer.forward(&x).0[0].is_nan(), "{at}");
    }
    assert_eq!(layer.forward(&[-1.0, -2.0, 0.0, -3.0]), (vec![0.0], vec![DEAD]));
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let shape = Shape { height: 3, width: 9, channels: 1, kernel: 3, outputs: 1 };
    assert!(Convolution::new(shape, &[0.0; 9], &[0.0]).is_none());
    let shape = Shape { height: 4, ..shape };
    assert!(Convolution::new(shape, &[0.0; 9], &[0.0]).is_some());
    assert!(Convolution::new(shape, &[0.0; 8], &[0.0]).is_none());
    assert!(Convolution::new(shape, &[0.0; 9], &[]).is_none());
    assert_eq!((shape.pooled(), shape.multiply_adds()), ((1, 3), 4 * 3 * 9));
}
