//! What the tests of operations share.

use burn::backend::Flex;
use burn::tensor::{Tensor, TensorData};

use super::Tracked;
use crate::engine::random::{Purpose, keyed, symmetric};

/// Numbers within 1 of 0, the same for the same key.
pub(super) fn random<const D: usize>(shape: [usize; D], key: u64) -> Tensor<Tracked, D> {
    let mut rng = keyed(key, Purpose::Sample, 0, 0);
    let values = (0..shape.iter().product()).map(|_| symmetric(&mut rng, 1.0)).collect();
    let data = TensorData::new::<f32, _>(values, shape);
    Tensor::from_data(data, &Default::default()).require_grad()
}

/// That the first is within 3e-6 of the second's largest number, or of 1.
pub(super) fn near<const D: usize>(a: Tensor<Flex, D>, b: Tensor<Flex, D>) {
    assert_eq!(a.dims(), b.dims());
    let apart = (a - b.clone()).abs().max().into_scalar();
    assert!(apart <= 3e-6 * b.abs().max().into_scalar().max(1.0), "{apart}");
}
