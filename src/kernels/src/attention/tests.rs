use proptest::prelude::*;

use super::*;
use crate::level::tests::each as each_level;
use crate::reference::{
    Number, assert_gradient, assert_near, assert_same_bits, numbers, of, sum, weighed,
};

/// Where a number of a packed row of a place is.
fn at(size: Attention, row: usize, place: usize, part: usize, column: usize) -> usize {
    ((row * size.places + place) * 3 + part) * size.width + column
}

/// The softmax of one head, `[queries, keys]`.
fn softmaxed<N: Number>(size: Attention, x: &[N], row: usize, head: usize) -> Vec<Vec<N>> {
    let each = size.each();
    let seen = |query: usize| if size.causal { query + 1 } else { size.places };
    let weights = |query: usize| {
        let score = |key: usize| {
            let columns = head * each..(head + 1) * each;
            let of = |place, part, column| x[at(size, row, place, part, column)];
            let products = columns.map(|c| of(query, QUERY, c) * of(key, KEY, c));
            sum(products) / N::of(each as f64).sqrt()
        };
        let powers: Vec<N> = (0..seen(query)).map(|key| score(key).exp()).collect();
        let all = sum(powers.iter().copied());
        let unseen = std::iter::repeat_n(N::of(0.0), size.places - powers.len());
        powers.iter().map(|power| *power / all).chain(unseen).collect()
    };
    (0..size.places).map(weights).collect()
}

/// What each weight is multiplied by.
fn kept<N: Number>(size: Attention, keep: &[N], head: usize, query: usize, key: usize) -> N {
    let at = (head * size.places + key) * size.places + query;
    keep.get(at).copied().unwrap_or(N::of(1.0))
}

/// From packed rows; without `keep` all is kept.
fn reference<N: Number>(size: Attention, x: &[N], keep: &[N]) -> Vec<N> {
    let rows = x.len() / (3 * size.width * size.places);
    let mut y = vec![N::of(0.0); rows * size.places * size.width];
    for (row, head) in (0..rows).flat_map(|row| (0..size.heads).map(move |head| (row, head))) {
        let weights = softmaxed(size, x, row, head);
        for (query, weights) in weights.iter().enumerate() {
            for column in head * size.each()..(head + 1) * size.each() {
                let parts = weights.iter().enumerate().map(|(key, weight)| {
                    let factor = kept(size, keep, row * size.heads + head, query, key);
                    *weight * factor * x[at(size, row, key, VALUE, column)]
                });
                y[(row * size.places + query) * size.width + column] = sum(parts);
            }
        }
    }
    y
}

/// Of packed rows.
fn gradient<N: Number>(size: Attention, x: &[N], keep: &[N], dy: &[N]) -> Vec<N> {
    let (places, each) = (size.places, size.each());
    let rows = x.len() / (3 * size.width * places);
    let mut dx = vec![N::of(0.0); x.len()];
    for (row, head) in (0..rows).flat_map(|row| (0..size.heads).map(move |head| (row, head))) {
        let columns = head * each..(head + 1) * each;
        for (query, weights) in softmaxed(size, x, row, head).into_iter().enumerate() {
            let dy = |column| dy[(row * places + query) * size.width + column];
            let mut by_weights = Vec::new();
            for (key, weight) in weights.iter().enumerate() {
                let factor = kept(size, keep, row * size.heads + head, query, key);
                let value = |column| at(size, row, key, VALUE, column);
                by_weights.push(sum(columns.clone().map(|c| dy(c) * x[value(c)])) * factor);
                columns.clone().for_each(|c| dx[value(c)] += *weight * factor * dy(c));
            }
            let mean = sum(weights.iter().zip(&by_weights).map(|(w, by)| *w * *by));
            for (key, (weight, by)) in weights.iter().zip(by_weights).enumerate() {
                let by_score = *weight * (by - mean) / N::of(each as f64).sqrt();
                for column in columns.clone() {
                    let query = at(size, row, query, QUERY, column);
                    let key = at(size, row, key, KEY, column);
                    dx[query] += by_score * x[key];
                    dx[key] += by_score * x[query];
                }
            }
        }
    }
    dx
}

#[test]
fn the_references_gradients_are_its_slopes() {
    for (places, width, heads, causal, dropped) in [
        (1, 1, 1, false, false),
        (3, 4, 2, false, true),
        (4, 3, 3, true, false),
        (5, 2, 1, true, true),
    ] {
        let size = Attention::new(places, width, heads, causal).unwrap();
        let x: Vec<f64> = of(&numbers(2 * places * 3 * width, 1));
        let keep = if dropped { of(&numbers(2 * heads * places * places, 2)) } else { vec![] };
        let dy: Vec<f64> = of(&numbers(2 * places * width, 3));
        let found = gradient(size, &x, &keep, &dy);
        assert_gradient(&x, &found, |x| weighed(&reference(size, x, &keep), &dy));
    }
}

/// The parts of packed rows.
fn apart(size: Attention, packed: &[f32]) -> [Vec<f32>; 3] {
    [QUERY, KEY, VALUE].map(|part| {
        let places = packed.chunks(3 * size.width);
        places.flat_map(|place| place[part * size.width..][..size.width].to_vec()).collect()
    })
}

fn held<N: Number>(size: Attention, x: &[f32], keep: Option<&[f32]>, dy: &[f32]) {
    let (wide_x, wide_keep) = (of::<N>(x), of::<N>(keep.unwrap_or_default()));
    let packed = Projected::Packed(x);
    let (y, weights) = size.forward_kept(packed, keep).unwrap();
    assert_near(&y, &reference(size, &wide_x, &wide_keep));
    let dx = size.backward(packed, keep, &weights, dy);
    let Projected::Packed(dx) = dx else { panic!("{dx:?}") };
    assert_near(&dx, &gradient(size, &wide_x, &wide_keep, &of(dy)));
    // The same bits from separate parts.
    let parts = apart(size, x);
    let separate = Projected::Separate(parts.each_ref().map(Vec::as_slice));
    let (same, weights) = size.forward_kept(separate, keep).unwrap();
    assert_same_bits(&same, &y);
    let found = size.backward(separate, keep, &weights, dy);
    assert_eq!(found, Projected::Separate(apart(size, &dx)));
    // The same bits without what a backward pass needs, and alone.
    if keep.is_none() {
        assert_same_bits(&size.forward(packed).unwrap(), &y);
        assert_same_bits(&size.forward(separate).unwrap(), &y);
        let each = 3 * size.places * size.width;
        for (row, x) in x.chunks(each).enumerate() {
            let alone = size.forward(Projected::Packed(x)).unwrap();
            assert_same_bits(&alone, &y[row * alone.len()..][..alone.len()]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_is_the_reference_in_any_shape(
        rows in 0_usize..4, places in 1_usize..40, each in 1_usize..40, heads in 1_usize..4,
        causal in any::<bool>(), dropped in any::<bool>(), seed in any::<u32>(),
    ) {
        let size = Attention::new(places, each * heads, heads, causal).unwrap();
        let x: Vec<f32> = numbers(rows * places * 3 * size.width, seed);
        let x: Vec<f32> = x.iter().map(|x| 2.0 * x).collect();
        let keep = numbers(rows * heads * places * places, seed ^ 1);
        let keep: Vec<f32> = keep.iter().map(|k| if *k < -0.5 { 0.0 } else { 1.25 }).collect();
        let keep = dropped.then_some(&keep[..]);
        let dy = numbers(rows * places * size.width, seed ^ 2);
        for _level in each_level() {
            held::<f64>(size, &x, keep, &dy);
            held::<f32>(size, &x, keep, &dy);
        }
    }
}

#[test]
fn sizes_of_use_are_the_references() {
    for (places, each, heads, causal) in [(32, 16, 4, false), (128, 8, 2, true), (33, 64, 1, false)]
    {
        let size = Attention::new(places, each * heads, heads, causal).unwrap();
        let x = numbers(places * 3 * size.width, 1);
        let dy = numbers(places * size.width, 2);
        for _level in each_level() {
            held::<f64>(size, &x, None, &dy);
        }
    }
}

#[test]
fn scores_of_any_size_are_weighed() {
    let size = Attention::new(3, 1, 1, false).unwrap();
    let causal = Attention::new(3, 1, 1, true).unwrap();
    // Far apart: the greatest score takes all. The values are 1, 2 and 3.
    let x = [300.0, -300.0, 1.0, 300.0, 300.0, 2.0, 300.0, 0.0, 3.0];
    for _level in each_level() {
        assert_eq!(size.forward(Projected::Packed(&x)).unwrap(), [2.0; 3]);
        assert_eq!(causal.forward(Projected::Packed(&x)).unwrap(), [1.0, 2.0, 2.0]);
        // What is no number stays seen, by those who see it.
        let mut x = x;
        x[7] = f32::NAN;
        assert!(size.forward(Projected::Packed(&x)).unwrap().iter().all(|y| y.is_nan()));
        let y = causal.forward(Projected::Packed(&x)).unwrap();
        assert!(y[..2] == [1.0, 2.0] && y[2].is_nan());
    }
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    assert!(Attention::new(0, 4, 2, false).is_none());
    assert!(Attention::new(3, 0, 1, false).is_none());
    assert!(Attention::new(3, 4, 0, false).is_none());
    assert!(Attention::new(3, 4, 3, false).is_none());
    let size = Attention::new(2, 2, 1, false).unwrap();
    assert!(size.forward(Projected::Packed(&[0.0; 13])).is_none());
    assert!(size.forward(Projected::Separate([&[0.0; 4], &[0.0; 4], &[0.0; 8]])).is_none());
    assert_eq!(size.forward(Projected::Packed(&[])).unwrap(), []);
}

#[test]
#[should_panic(expected = "keep.is_none_or")]
fn a_mask_of_another_shape_is_refused() {
    let size = Attention::new(2, 2, 1, false).unwrap();
    let _ = size.forward_kept(Projected::Packed(&[0.0; 12]), Some(&[1.0; 5]));
}

struct Softmaxed<'a> {
    size: Attention,
    scores: &'a mut [f32],
}

impl WithSimd for Softmaxed<'_> {
    type Output = ();

    fn with_simd<S: Simd>(self, simd: S) {
        let queries: Vec<f32> = (0..self.size.columns()).map(|query| query as f32).collect();
        softmax(simd, &self.size, &queries, self.scores);
    }
}

/// Weights of scores of every size, minus infinity among them, are as near to the true ones as
/// those of [`crate::softmax`].
#[test]
fn weights_are_the_true_ones_over_the_whole_range() {
    let sizes = [0.0, 1e-30, 1.0, 10.0, 104.0, 300.0, 1e6, 1e38];
    for (size, causal) in sizes.into_iter().flat_map(|size| [(size, false), (size, true)]) {
        let attention = Attention::new(37, 1, 1, causal).unwrap();
        let stride = attention.stride();
        let mut scores = vec![0.0; attention.scores()];
        for (at, score) in scores.iter_mut().enumerate() {
            *score = size * ((at * 7919 % 1009) as f32 / 504.5 - 1.0);
            // Never that of a query for itself: of nothing else a causal first query has none.
            if at % 53 == 7 && at / stride != at % stride {
                *score = f32::NEG_INFINITY;
            }
        }
        for _level in each_level() {
            let mut weights = scores.clone();
            dispatch(Softmaxed { size: attention, scores: &mut weights });
            for query in 0..attention.places {
                let seen = if causal { query + 1 } else { attention.places };
                let of = |key: usize| f64::from(scores[key * stride + query]);
                let most = (0..seen).map(of).fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = (0..seen).map(|key| (of(key) - most).exp()).sum();
                for key in 0..attention.places {
                    let truth = if key < seen { (of(key) - most).exp() / sum } else { 0.0 };
                    let found = f64::from(weights[key * stride + query]);
                    assert!((found - truth).abs() <= 6e-7, "{size}: {found} and not {truth}");
                }
            }
        }
    }
}

#[test]
fn a_query_with_a_score_that_is_no_number_has_no_weights() {
    let attention = Attention::new(5, 1, 1, false).unwrap();
    let stride = attention.stride();
    for value in [f32::NAN, f32::INFINITY] {
        for _level in each_level() {
            let mut weights = vec![0.5; attention.scores()];
            weights[2 * stride + 3] = value;
            dispatch(Softmaxed { size: attention, scores: &mut weights });
            for (key, query) in (0..5).flat_map(|key| (0..5).map(move |query| (key, query))) {
                assert_eq!(weights[key * stride + query].is_nan(), query == 3, "{key} {query}");
            }
        }
    }
}
