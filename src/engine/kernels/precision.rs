//! Matrix products in 16 bits while a network learns, everything round them in 32.
//!
//! Both factors are rounded to bf16, and their product comes back as f32: what is added to it, what
//! is normalised, a softmax, the loss and the weights themselves stay in f32. Backward does the same,
//! since the gradient of a cast is a cast: gradients of weights are sums in f32 of products in bf16.
//! bf16 reaches as far as f32, so that no loss has to be scaled.

use burn::tensor::backend::Backend;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{FloatDType, Tensor, module};

use crate::domain::training::Precision;

/// Whether products with a tensor are taken in bf16. What is validated and what answers is never
/// tracked, and is always taken in f32.
fn is_half<B: Backend, const D: usize>(x: &Tensor<B, D>, precision: Precision) -> bool {
    precision == Precision::Bf16 && B::ad_enabled(&x.device())
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
    if !is_half(&a, precision) {
        return a.matmul(b);
    }
    whole(half(a).matmul(half(b)))
}

/// `[.., inputs]` through a layer of `weight` `[inputs, outputs]` and `bias` `[outputs]`.
pub(super) fn affine<B: Backend, const D: usize>(
    x: Tensor<B, D>,
    weight: Tensor<B, 2>,
    bias: Tensor<B, 1>,
    precision: Precision,
) -> Tensor<B, D> {
    if !is_half(&x, precision) {
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
    if !is_half(&x, precision) {
        return module::conv2d(x, weight, Some(bias), options);
    }
    let [outputs] = bias.dims();
    whole(module::conv2d(half(x), half(weight), None, options)) + bias.reshape([1, outputs, 1, 1])
}

#[cfg(test)]
mod tests {
    use burn::backend::flex::FlexDevice;
    use burn::tensor::{DType, TensorData};
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
        let half = product(a.clone(), b.clone(), Precision::Bf16);
        assert_eq!(half.into_data(), a.matmul(b).into_data());
    }
}
