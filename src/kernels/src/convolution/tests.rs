use proptest::prelude::*;

use super::*;
use crate::level::tests::each;
use crate::reference::{
    Number, assert_gradient, assert_near, assert_same_bits, numbers, of, sum, weighed,
};

/// Pictures, weights and biases.
type Parts<N> = [Vec<N>; 3];

fn parts(shape: Shape, pictures: usize, seed: u32) -> Parts<f32> {
    let counts = [pictures * shape.input(), shape.window() * shape.outputs, shape.outputs];
    [0, 1, 2].map(|part| numbers(counts[part], seed ^ part as u32))
}

/// The places in the pictures and in the weights that are multiplied for one of the four results
/// under the pool.
fn pairs(shape: Shape, at: usize, place: usize) -> impl Iterator<Item = (usize, usize)> {
    let Shape { width, channels, kernel, outputs, .. } = shape;
    let (picture, at) = (at / shape.output(), at % shape.output());
    let (cell, output) = (at / outputs, at % outputs);
    let columns = shape.pooled().1;
    let (row, column) = (2 * (cell / columns) + place / 2, 2 * (cell % columns) + place % 2);
    (0..kernel * kernel * channels).map(move |at| {
        let (window, channel) = (at / channels, at % channels);
        let (row, column) = (row + window / kernel, column + window % kernel);
        let x = picture * shape.input() + (row * width + column) * channels + channel;
        (x, at * outputs + output)
    })
}

/// One of the four results under the pool of a number that comes out.
fn result<N: Number>(shape: Shape, [x, weights, bias]: &Parts<N>, at: usize, place: usize) -> N {
    bias[at % shape.outputs] + sum(pairs(shape, at, place).map(|(i, w)| x[i] * weights[w]))
}

/// For each number that comes out which of the four is the greatest; none where it isn't positive.
fn greatest<N: Number>(shape: Shape, parts: &Parts<N>) -> Vec<Option<usize>> {
    let count = parts[0].len() / shape.input() * shape.output();
    let most = |at: usize| {
        let all = [0, 1, 2, 3].map(|place| (result(shape, parts, at, place), place));
        let positive = all.into_iter().filter(|(result, _)| *result > N::of(0.0));
        positive.reduce(|a, b| if b.0 > a.0 { b } else { a }).map(|(_, place)| place)
    };
    (0..count).map(most).collect()
}

/// Of the results that were chosen.
fn reference<N: Number>(shape: Shape, parts: &Parts<N>, chosen: &[Option<usize>]) -> Vec<N> {
    let value = |(at, place): (usize, &Option<usize>)| {
        place.map_or(N::of(0.0), |place| result(shape, parts, at, place))
    };
    chosen.iter().enumerate().map(value).collect()
}

fn gradient<N: Number>(
    shape: Shape,
    parts: &Parts<N>,
    chosen: &[Option<usize>],
    dy: &[N],
) -> Parts<N> {
    let mut found = parts.each_ref().map(|part| vec![N::of(0.0); part.len()]);
    for (at, (place, dy)) in chosen.iter().zip(dy).enumerate() {
        if let Some(place) = place {
            found[2][at % shape.outputs] += *dy;
            for (i, w) in pairs(shape, at, *place) {
                found[0][i] += *dy * parts[1][w];
                found[1][w] += *dy * parts[0][i];
            }
        }
    }
    found
}

#[test]
fn the_references_gradients_are_its_slopes() {
    let shape = Shape { height: 5, width: 6, channels: 2, kernel: 2, outputs: 3 };
    let parts = parts(shape, 2, 1).map(|part| of::<f64>(&part));
    let dy: Vec<f64> = of(&numbers(2 * shape.output(), 4));
    let found = gradient(shape, &parts, &greatest(shape, &parts), &dy);
    for part in 0..3 {
        assert_gradient(&parts[part], &found[part], |moved| {
            let mut parts = parts.clone();
            parts[part] = moved.to_vec();
            weighed(&reference(shape, &parts, &greatest(shape, &parts)), &dy)
        });
    }
}

fn held<N: Number>(shape: Shape, parts: &Parts<f32>, dy: &[f32]) {
    let [x, weights, bias] = parts;
    let layer = Convolution::new(shape, weights, bias).unwrap();
    let wide = parts.each_ref().map(|part| of::<N>(part));
    let (y, chosen) = layer.forward(x);
    assert_near(&y, &reference(shape, &wide, &greatest(shape, &wide)));
    // Of results that are equal but for rounding, either may be chosen.
    let places = chosen.iter().map(|place| (*place != DEAD).then_some(usize::from(*place)));
    let places: Vec<Option<usize>> = places.collect();
    assert_near(&y, &reference(shape, &wide, &places));
    let found = layer.backward(x, &chosen, dy, true);
    let [by_x, by_weights, by_bias] = gradient(shape, &wide, &places, &of(dy));
    assert_near(found.inputs.as_ref().unwrap(), &by_x);
    assert_near(&found.weights, &by_weights);
    assert_near(&found.bias, &by_bias);
    let without = layer.backward(x, &chosen, dy, false);
    assert_eq!((&without.weights, without.inputs), (&found.weights, None));
    for (x, y) in x.chunks(shape.input()).zip(y.chunks(shape.output())) {
        assert_same_bits(&layer.forward(x).0, y);
    }
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
        let parts = parts(shape, pictures, seed);
        let dy = numbers(pictures * shape.output(), seed ^ 3);
        for _level in each() {
            held::<f64>(shape, &parts, &dy);
            held::<f32>(shape, &parts, &dy);
        }
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
