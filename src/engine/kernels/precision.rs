//! Matrix products: in 16 bits while a network learns, where that is wanted, everything round them in 32;
//! in whole f32 where it is validated and answers.
//!
//! In 16 bits both factors are rounded to bf16, and their product comes back as f32: what is added to it, what
//! is normalised, a softmax, the loss and the weights themselves stay in f32. Backward does the same,
//! since the gradient of a cast is a cast: gradients of weights are sums in f32 of products in bf16.
//! bf16 reaches as far as f32, so that no loss has to be scaled.

use burn::tensor::backend::Backend;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{DType, FloatDType, Tensor, module};

use super::exact::parted;
use super::is_host;
use crate::domain::training::Precision;

/// How products with a tensor are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// As burn does: on a CPU in f32, on a GPU as it finds quickest, which may round to TF32.
    Plain,
    Half,
    /// In f32 even where units round.
    Exact,
}

/// What is validated and what answers is never tracked, and is always taken in f32. What knows no bf16, as
/// WebGPU, can't hold parts of numbers, and has no units that round.
fn way<B: Backend, const D: usize>(x: &Tensor<B, D>, precision: Precision) -> Way {
    let device = x.device();
    match (B::ad_enabled(&device), precision) {
        (true, Precision::Bf16) => Way::Half,
        (false, _) if !is_host::<B>() && B::supports_dtype(&device, DType::BF16) => Way::Exact,
        _ => Way::Plain,
    }
}

fn half<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
    x.cast(FloatDType::BF16)
}

fn whole<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
    x.cast(FloatDType::F32)
}

/// The matrix product of `[.., rows, inner]` and `[.., inner, columns]`.
pub(crate) fn product<B: Backend, const D: usize>(
    a: Tensor<B, D>,
    b: Tensor<B, D>,
    precision: Precision,
) -> Tensor<B, D> {
    let way = way(&a, precision);
    if way == Way::Plain && is_host::<B>() {
        return a.matmul(b);
    }
    let (rows, columns) = (D - 2, D - 1);
    if a.dims()[rows] == 1 || a.dims()[columns] == 1 || b.dims()[columns] == 1 {
        return by_numbers(a, b);
    }
    match way {
        Way::Plain => a.matmul(b),
        Way::Half => whole(half(a).matmul(half(b))),
        Way::Exact => {
            let (a, b) = parted((a, columns), (b, rows));
            a.matmul(b)
        }
    }
}

/// The product where one of the factors is a vector, by numbers and sums of f32. Of the product of a matrix
/// and a vector burn 0.21 may compute the first number alone where another operation follows it, and leave
/// what was in memory in the place of the others (tracel-ai/burn#5122): `fused_gemv_unit_perpendicular` does
/// not ask whether it has one row. Such a product waits for memory, which this one reads as often.
fn by_numbers<B: Backend, const D: usize>(a: Tensor<B, D>, b: Tensor<B, D>) -> Tensor<B, D> {
    let (rows, columns) = (D - 2, D - 1);
    if a.dims()[columns] == 1 {
        a * b
    } else if b.dims()[columns] == 1 {
        (a * b.swap_dims(rows, columns)).sum_dim(columns)
    } else {
        (a.swap_dims(rows, columns) * b).sum_dim(rows)
    }
}

/// `[.., inputs]` through a layer of `weight` `[inputs, outputs]` and `bias` `[outputs]`.
pub(super) fn affine<B: Backend, const D: usize>(
    x: Tensor<B, D>,
    weight: Tensor<B, 2>,
    bias: Tensor<B, 1>,
    precision: Precision,
) -> Tensor<B, D> {
    if is_host::<B>() && way(&x, precision) == Way::Plain {
        return module::linear(x, weight, Some(bias));
    }
    // In one product: the gradients of a product for each of the leading places would be rounded
    // before they are summed.
    let mut shape = x.dims();
    let [inputs, outputs] = weight.dims();
    let rows = shape.iter().product::<usize>() / inputs.max(1);
    let y = product(x.reshape([rows, inputs]), weight, precision) + bias.unsqueeze();
    if let Some(last) = shape.last_mut() {
        *last = outputs;
    }
    y.reshape(shape)
}

/// Pictures `[pictures, inputs, rows, columns]` by `weight` `[outputs, inputs, kernel, kernel]` and
/// `bias` `[outputs]`, without padding.
pub(super) fn conv2d<B: Backend>(
    x: Tensor<B, 4>,
    weight: Tensor<B, 4>,
    bias: Tensor<B, 1>,
    precision: Precision,
) -> Tensor<B, 4> {
    let options = ConvOptions::new([1, 1], [0, 0], [1, 1], 1);
    let way = way(&x, precision);
    if way == Way::Plain && is_host::<B>() {
        return module::conv2d(x, weight, Some(bias), options);
    }
    let y = match way {
        Way::Plain => module::conv2d(x, weight, None, options),
        Way::Half => whole(module::conv2d(half(x), half(weight), None, options)),
        Way::Exact => {
            let (x, weight) = parted((x, 1), (weight, 1));
            module::conv2d(x, weight, None, options)
        }
    };
    // By itself: loading a bias into matrix units is where burn's convolutions had a fault
    // (tracel-ai/cubek#582).
    let [outputs] = bias.dims();
    y + bias.reshape([1, outputs, 1, 1])
}

#[cfg(test)]
mod tests {
    use burn::backend::flex::FlexDevice;
    use burn::tensor::TensorData;
    use burn::{Dispatch, DispatchDevice};

    use super::*;
    use crate::engine::random::{Purpose, keyed, symmetric};

    fn tensor<const D: usize>(shape: [usize; D], key: u64) -> Tensor<Dispatch, D> {
        let mut rng = keyed(key, Purpose::Sample, 0, 0);
        let values = (0..shape.iter().product()).map(|_| symmetric(&mut rng, 1.0)).collect();
        let data = TensorData::new::<f32, _>(values, shape);
        Tensor::from_data(data, &DispatchDevice::autodiff(FlexDevice)).require_grad()
    }

    /// Length of a difference, as a share of what it is one from.
    fn apart<const D: usize>(found: Tensor<Dispatch, D>, expected: Tensor<Dispatch, D>) -> f32 {
        assert_eq!((found.dims(), found.dtype()), (expected.dims(), DType::F32));
        let length = |t: Tensor<Dispatch, D>| t.square().sum().into_scalar().sqrt();
        length(found - expected.clone()) / length(expected)
    }

    #[test]
    fn convolutions_and_their_gradients_are_nearly_those_of_f32() {
        let [x, weight] = [tensor([4, 3, 9, 8], 1), tensor([5, 3, 3, 3], 2)];
        let bias = tensor([5], 3);
        let of = |precision| conv2d(x.clone(), weight.clone(), bias.clone(), precision);
        let (half, whole) = (of(Precision::Bf16), of(Precision::F32));
        let gap = apart(half.clone().inner(), whole.clone().inner());
        assert!(gap > 0.0 && gap < 0.005, "{gap}");
        let (half, whole) = (half.square().sum().backward(), whole.square().sum().backward());
        assert!(apart(x.grad(&half).unwrap(), x.grad(&whole).unwrap()) < 0.01);
        assert!(apart(weight.grad(&half).unwrap(), weight.grad(&whole).unwrap()) < 0.01);
        assert!(apart(bias.grad(&half).unwrap(), bias.grad(&whole).unwrap()) < 0.01);
    }

    #[test]
    fn what_is_not_tracked_is_multiplied_in_f32() {
        let [a, b] = [tensor([6, 7], 1).inner(), tensor([7, 5], 2).inner()];
        let exact = product(a.clone(), b.clone(), Precision::Bf16);
        assert!(apart(exact, a.matmul(b)) < 1e-6);
        let (x, weight) = (tensor([2, 3, 9, 8], 1).inner(), tensor([5, 3, 3, 3], 2).inner());
        let bias = tensor([5], 3).inner();
        let exact = conv2d(x.clone(), weight.clone(), bias.clone(), Precision::F32);
        let options = ConvOptions::new([1, 1], [0, 0], [1, 1], 1);
        assert!(apart(exact, module::conv2d(x, weight, Some(bias), options)) < 1e-6);
    }

    /// As burn multiplies them, with the gradients, whichever axis has one number.
    #[test]
    fn vectors_are_multiplied_by_numbers() {
        for [rows, inner, columns] in [[6, 7, 1], [1, 7, 5], [6, 1, 5], [1, 7, 1], [1, 1, 1]] {
            for precision in [Precision::F32, Precision::Bf16] {
                let (a, b) = (tensor([3, rows, inner], 1), tensor([3, inner, columns], 2));
                let weigh = Tensor::from_inner(tensor([3, rows, columns], 3).inner());
                let found = product(a.clone(), b.clone(), precision);
                let expected = a.clone().matmul(b.clone());
                assert!(apart(found.clone().inner(), expected.clone().inner()) < 1e-6);
                let found = (found * weigh.clone()).sum().backward();
                let expected = (expected * weigh).sum().backward();
                for x in [a, b] {
                    assert!(apart(x.grad(&found).unwrap(), x.grad(&expected).unwrap()) < 1e-6);
                }
            }
        }
    }
}
