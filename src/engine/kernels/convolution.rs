//! A convolution, rectified and pooled.

use std::sync::Arc;

use actuary_kernels::{Convolution, Gradients as Found, Shape};
use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::tensor::backend::Backend;
use burn::tensor::ops::FloatTensor;
use burn::tensor::{Tensor, TensorData, TensorPrimitive, activation, module};

use super::precision::conv2d;
use super::{Tracked, on, whole};
use crate::domain::training::Precision;

type Arguments<B> = (Tensor<B, 4>, Tensor<B, 4>, Tensor<B, 1>);

/// `[pictures, rows, columns, channels]` convolved without padding by `weight` `[kernel, kernel,
/// channels, outputs]` and `bias` `[outputs]`, rectified, and the greatest of each 2 x 2 taken.
pub(crate) fn convolve<B: Backend>(
    x: Tensor<B, 4>,
    weight: Tensor<B, 4>,
    bias: Tensor<B, 1>,
    precision: Precision,
) -> Tensor<B, 4> {
    let arguments = (x, weight, bias);
    let mut result: Option<Tensor<B, 4>> = None;
    on::<Arguments<Tracked>, _>(&arguments, &mut result, tracked);
    on::<Arguments<Flex>, _>(&arguments, &mut result, untracked);
    result.unwrap_or_else(|| by_parts(arguments, precision))
}

/// By burn's own operations.
fn by_parts<B: Backend>((x, weight, bias): Arguments<B>, precision: Precision) -> Tensor<B, 4> {
    let x = x.permute([0, 3, 1, 2]);
    let weight = weight.permute([3, 2, 0, 1]);
    let x = activation::relu(conv2d(x, weight, bias, precision));
    let x = module::max_pool2d(x, [2, 2], [2, 2], [0, 0], [1, 1], false);
    x.permute([0, 2, 3, 1])
}

/// What a forward pass leaves behind.
#[derive(Debug, Clone)]
struct Passed {
    layer: Arc<Convolution>,
    x: FlexTensor,
    chosen: Arc<Vec<u8>>,
}

/// The result on the CPU; None where shapes don't fit, so that burn's own words are heard.
fn passed(
    x: &FlexTensor,
    weight: &FlexTensor,
    bias: &FlexTensor,
    shape: Shape,
) -> Option<(FlexTensor, Passed)> {
    let (weight, bias) = (whole(weight), whole(bias));
    let layer = Convolution::new(shape, weight.as_slice()?, bias.as_slice()?)?;
    let x = whole(x);
    let (y, chosen) = layer.forward(x.as_slice()?);
    let (rows, columns) = shape.pooled();
    let pictures = y.len() / shape.output();
    let y = TensorData::new(y, [pictures, rows, columns, shape.outputs]);
    let passed = Passed { layer: Arc::new(layer), x, chosen: Arc::new(chosen) };
    Some((FlexTensor::from_data(y), passed))
}

fn shape<B: Backend>((x, weight, _): &Arguments<B>) -> Shape {
    let ([_, height, width, channels], [kernel, _, _, outputs]) = (x.dims(), weight.dims());
    Shape { height, width, channels, kernel, outputs }
}

fn untracked(arguments: &Arguments<Flex>) -> Option<Tensor<Flex, 4>> {
    let shape = shape(arguments);
    let (x, weight, bias) = arguments.clone();
    let (x, weight) = (x.into_primitive().tensor(), weight.into_primitive().tensor());
    let (y, _) = passed(&x, &weight, &bias.into_primitive().tensor(), shape)?;
    Some(Tensor::from_primitive(TensorPrimitive::Float(y)))
}

fn tracked(arguments: &Arguments<Tracked>) -> Option<Tensor<Tracked, 4>> {
    let shape = shape(arguments);
    let (x, weight, bias) = arguments.clone();
    let (x, weight) = (x.into_primitive().tensor(), weight.into_primitive().tensor());
    let bias = bias.into_primitive().tensor();
    let (y, passed) = passed(&x.primitive, &weight.primitive, &bias.primitive, shape)?;
    let step = Step.prepare::<NoCheckpointing>([x.node, weight.node, bias.node]);
    let y: FloatTensor<Tracked> = match step.compute_bound().stateful() {
        OpsKind::Tracked(step) => step.finish(passed, y),
        OpsKind::UnTracked(step) => step.finish(y),
    };
    Some(Tensor::from_primitive(TensorPrimitive::Float(y)))
}

#[derive(Debug)]
struct Step;

impl Backward<Flex, 3> for Step {
    type State = Passed;

    fn backward(
        self,
        ops: Ops<Passed, 3>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let dy = whole(&gradients.consume::<Flex>(&ops.node));
        let [x, weight, bias] = ops.parents;
        let Passed { layer, x: picture, chosen } = ops.state;
        let shape = layer.shape();
        // Both were made contiguous: there is a slice of them.
        let (Some(values), Some(dy)) = (picture.as_slice::<f32>(), dy.as_slice::<f32>()) else {
            return;
        };
        let Found { inputs, weights, bias: of_bias } =
            layer.backward(values, &chosen, dy, x.is_some());
        let pictures = values.len() / shape.input();
        if let (Some(x), Some(inputs)) = (x, inputs) {
            let dims = [pictures, shape.height, shape.width, shape.channels];
            gradients.register::<Flex>(x.id, FlexTensor::from_data(TensorData::new(inputs, dims)));
        }
        if let Some(weight) = weight {
            let dims = [shape.kernel, shape.kernel, shape.channels, shape.outputs];
            let data = TensorData::new(weights, dims);
            gradients.register::<Flex>(weight.id, FlexTensor::from_data(data));
        }
        if let Some(bias) = bias {
            let data = TensorData::new(of_bias, [shape.outputs]);
            gradients.register::<Flex>(bias.id, FlexTensor::from_data(data));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::{Purpose, keyed, symmetric};

    fn tensor<const D: usize>(shape: [usize; D], key: u64) -> Tensor<Tracked, D> {
        let mut rng = keyed(key, Purpose::Sample, 0, 0);
        let values = (0..shape.iter().product()).map(|_| symmetric(&mut rng, 1.0)).collect();
        let data = TensorData::new::<f32, _>(values, shape);
        Tensor::from_data(data, &Default::default()).require_grad()
    }

    fn near<const D: usize>(a: Tensor<Flex, D>, b: Tensor<Flex, D>) {
        assert_eq!(a.dims(), b.dims());
        let apart = (a - b.clone()).abs().max().into_scalar();
        assert!(apart <= 2e-6 * b.abs().max().into_scalar().max(1.0), "{apart}");
    }

    #[test]
    fn values_and_gradients_are_those_of_burn() {
        for (size, channels, kernel, outputs) in [([9, 12], 3, 5, 6), ([6, 5], 1, 3, 20)] {
            let arguments = (
                tensor([3, size[0], size[1], channels], 1),
                tensor([kernel, kernel, channels, outputs], 2),
                tensor([outputs], 3),
            );
            let (x, weight, bias) = arguments.clone();
            let ours = convolve(x, weight, bias, Precision::F32);
            let theirs = by_parts(arguments.clone(), Precision::F32);
            near(ours.clone().inner(), theirs.clone().inner());
            let weigh = tensor(ours.dims(), 4).inner();
            let weigh = Tensor::from_inner(weigh);
            let ours = (ours * weigh.clone()).sum().backward();
            let theirs = (theirs * weigh).sum().backward();
            let (x, weight, bias) = arguments;
            near(x.grad(&ours).unwrap(), x.grad(&theirs).unwrap());
            near(weight.grad(&ours).unwrap(), weight.grad(&theirs).unwrap());
            near(bias.grad(&ours).unwrap(), bias.grad(&theirs).unwrap());
            let plain = convolve(x.inner(), weight.inner(), bias.inner(), Precision::F32);
            assert_eq!(plain.dims()[0], 3);
        }
    }
}
