//! Products of f32 by units that round what they multiply.
//!
//! burn's tuning may choose kernels for a GPU's matrix units, which round f32 to 11 binary digits (TF32), and
//! nothing tells it not to. Parts of 8 digits they take as they are, and a number is the sum of three of
//! these (Henry et al. 2019): the products of parts are put one after the other along the axis that is
//! summed over, so that one product of either kind of kernel gives them all.

use burn::tensor::backend::Backend;
use burn::tensor::{FloatDType, Tensor};

/// Which parts of the factors meet, the least products first. What is left out is less than 2^-24 of the
/// product of both numbers.
const PAIRS: [(usize, usize); 6] = [(2, 0), (1, 1), (0, 2), (1, 0), (0, 1), (0, 0)];

/// Both factors with the parts that meet, along the axes that are summed over. A number beyond what bf16
/// reaches (3.39e38), or one that is not finite, leads to one that is not.
pub(super) fn parted<B: Backend, const D: usize>(
    (a, axis_of_a): (Tensor<B, D>, usize),
    (b, axis_of_b): (Tensor<B, D>, usize),
) -> (Tensor<B, D>, Tensor<B, D>) {
    let (of_a, of_b) = (parts(a), parts(b));
    let a = PAIRS.iter().map(|(at, _)| of_a[*at].clone()).collect();
    let b = PAIRS.iter().map(|(_, at)| of_b[*at].clone()).collect();
    (Tensor::cat(a, axis_of_a), Tensor::cat(b, axis_of_b))
}

/// What adds up to the numbers, each of 8 binary digits. By casts: a compiler may put a sum of products
/// together, by which a splitting with a factor would be undone.
fn parts<B: Backend, const D: usize>(x: Tensor<B, D>) -> [Tensor<B, D>; 3] {
    let rounded = |x: &Tensor<B, D>| x.clone().cast(FloatDType::BF16).cast(FloatDType::F32);
    let first = rounded(&x);
    let rest = x - first.clone();
    let second = rounded(&rest);
    let third = rest - second.clone();
    [first, second, third]
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;
    use burn::tensor::TensorData;
    use rstest::rstest;

    use super::*;
    use crate::engine::random::{Purpose, keyed, symmetric};

    const ROWS: usize = 7;
    const INNER: usize = 400;
    const COLUMNS: usize = 5;

    fn tensor(values: Vec<f32>, shape: [usize; 2]) -> Tensor<Flex, 2> {
        Tensor::from_data(TensorData::new(values, shape), &Default::default())
    }

    fn numbers(count: usize, key: u64, of: impl Fn(usize, f32) -> f32) -> Vec<f32> {
        let mut rng = keyed(key, Purpose::Sample, 0, 0);
        (0..count).map(|at| of(at, symmetric(&mut rng, 1.0))).collect()
    }

    /// As a matrix unit takes it: to 11 binary digits, halves to even ones.
    fn tf32(value: f32) -> f32 {
        if !value.is_finite() {
            return value;
        }
        let bits = value.to_bits();
        f32::from_bits((bits + 0xfff + ((bits >> 13) & 1)) & !0x1fff)
    }

    fn values(x: Tensor<Flex, 2>) -> Vec<f32> {
        x.into_data().to_vec().unwrap()
    }

    /// The product of two matrices by a unit that rounds, summed in f32 as it does.
    fn rounded_product(a: &Tensor<Flex, 2>, b: &Tensor<Flex, 2>) -> Vec<f32> {
        let of = |x: &Tensor<Flex, 2>| {
            let rounded = values(x.clone()).into_iter().map(tf32).collect();
            tensor(rounded, x.dims())
        };
        values(of(a).matmul(of(b)))
    }

    #[rstest]
    #[case::ordinary(|_, x| x, |_, x| x)]
    #[case::large(|_, x| x * 1e18, |_, x| x * 1e18)]
    #[case::small(|_, x| x * 1e-15, |_, x| x * 1e-15)]
    #[case::far_apart(|at, x| x * 10f32.powi(at as i32 % 13 - 6), |at, x| x * 10f32.powi(at as i32 % 7 - 3))]
    #[case::zeros(|at, x| if at % 3 == 0 { 0.0 } else { x }, |at, x| if at % 2 == 0 { -0.0 } else { x })]
    #[case::whole_numbers(|at, _| at as f32 * 4_099.0, |at, _| at as f32 - 900.0)]
    #[case::near_one(|_, x| 1.0 + x * 1e-3, |_, x| 1.0 - x * 1e-3)]
    fn a_unit_that_rounds_gives_the_product_of_f32(
        #[case] of_a: fn(usize, f32) -> f32,
        #[case] of_b: fn(usize, f32) -> f32,
    ) {
        let a = numbers(ROWS * INNER, 1, of_a);
        let b = numbers(INNER * COLUMNS, 2, of_b);
        let of = |a: &[f32], b: &[f32]| {
            (tensor(a.to_vec(), [ROWS, INNER]), tensor(b.to_vec(), [INNER, COLUMNS]))
        };
        let (left, right) = of(&a, &b);
        let plain = rounded_product(&left, &right);
        let (left, right) = parted((left, 1), (right, 0));
        assert_eq!((left.dims(), right.dims()), ([ROWS, 6 * INNER], [6 * INNER, COLUMNS]));
        let exact = rounded_product(&left, &right);
        let mut furthest = (0.0f64, 0.0f64);
        for row in 0..ROWS {
            for column in 0..COLUMNS {
                let products = (0..INNER)
                    .map(|at| f64::from(a[row * INNER + at]) * f64::from(b[at * COLUMNS + column]));
                let (sum, size) = products.fold((0.0, 0.0f64), |(s, z), p| (s + p, z + p.abs()));
                let apart = |found: &[f32]| {
                    (f64::from(found[row * COLUMNS + column]) - sum).abs() / size.max(1e-300)
                };
                furthest = (furthest.0.max(apart(&exact)), furthest.1.max(apart(&plain)));
            }
        }
        println!("{:e} in parts, {:e} without", furthest.0, furthest.1);
        assert!(furthest.0 <= 1e-6, "{:e}", furthest.0);
        assert!(furthest.1 > 1e-6, "nothing was rounded: {:e}", furthest.1);
    }

    /// To the last bit: a number is its parts, and none of them has more digits than bf16.
    #[test]
    fn parts_add_up_to_the_number() {
        let extremes = [0.0, -0.0, 1.0, -1.0 - f32::EPSILON, 3.0e38, 1e-30, 16_777_215.0, 0.1];
        let mut all = numbers(10_000, 3, |at, x| x * 2f32.powi(at as i32 % 80 - 40));
        all.extend(extremes);
        let count = all.len();
        let found = parts(tensor(all.clone(), [1, count])).map(values);
        for (at, number) in all.iter().enumerate() {
            let [first, second, third] = [found[0][at], found[1][at], found[2][at]];
            assert_eq!(first + (second + third), *number);
            for part in [first, second, third] {
                assert_eq!(part.to_bits() & 0xffff, 0, "{part:e} of {number:e}");
            }
        }
    }

    /// An answer that is not finite is refused; no finite one must come of it.
    #[test]
    fn what_is_not_finite_stays_so() {
        for bad in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX] {
            let (a, b) =
                parted((tensor(vec![bad, 1.0], [1, 2]), 1), (tensor(vec![2.0, 3.0], [2, 1]), 0));
            assert!(!rounded_product(&a, &b)[0].is_finite(), "{bad}");
        }
    }
}
