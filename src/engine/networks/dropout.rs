//! Dropout whose masks can be drawn again: burn's own come from one generator for the whole
//! process, so that neither a resumed run nor a second one beside it would see the same.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use rand::RngCore;
use rand_chacha::ChaCha8Rng;

use crate::engine::random::{Purpose, keyed};

/// The masks of one step.
pub(crate) struct Dropout(ChaCha8Rng);

impl Dropout {
    /// Masks of one batch of one epoch.
    pub(crate) fn new(seed: u64, epoch: u32, batch: usize) -> Self {
        Self(keyed(seed, Purpose::Dropout, u64::from(epoch), batch as u64))
    }

    /// Drops a share of the units; the masks of one step are drawn in the order of the calls.
    pub(crate) fn apply<B: Backend, const D: usize>(
        &mut self,
        x: Tensor<B, D>,
        share: f64,
    ) -> Tensor<B, D> {
        let shape = x.dims();
        match self.mask(shape.iter().product(), share) {
            Some(mask) => {
                let device = x.device();
                x * Tensor::from_data(TensorData::new(mask, shape), &device)
            }
            None => x,
        }
    }

    /// What so many units are multiplied by: 0 for a share of them, for the others what makes up for
    /// those; None where none is dropped.
    pub(crate) fn mask(&mut self, units: usize, share: f64) -> Option<Vec<f32>> {
        // A unit is dropped where 16 random bits lie under this.
        let threshold = (share * 65_536.0).round().clamp(0.0, 65_535.0) as u16;
        if threshold == 0 {
            return None;
        }
        // What the units that stay are multiplied by, so that sums keep their size.
        let gain = (65_536.0 / (65_536.0 - f64::from(threshold))) as f32;
        let mut bits = vec![0; units * 2];
        self.0.fill_bytes(&mut bits);
        let kept = |b: &[u8]| if u16::from_le_bytes([b[0], b[1]]) < threshold { 0.0 } else { gain };
        Some(bits.chunks_exact(2).map(kept).collect())
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;

    use super::*;

    #[test]
    fn masks_drop_their_share_keep_the_mean_and_repeat() {
        let device = Default::default();
        let ones = Tensor::<Flex, 2>::ones([100, 200], &device);
        let draw = |seed, epoch, batch| {
            let mut dropout = Dropout::new(seed, epoch, batch);
            dropout.apply(ones.clone(), 0.3).into_data().to_vec::<f32>().unwrap()
        };
        let mask = draw(1, 2, 3);
        assert_eq!(mask, draw(1, 2, 3));
        assert_ne!(mask, draw(1, 3, 2));
        let dropped = mask.iter().filter(|v| **v == 0.0).count() as f64 / 20_000.0;
        assert!((dropped - 0.3).abs() < 0.01, "{dropped}");
        let mean = mask.iter().sum::<f32>() / 20_000.0;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
        let untouched = Dropout::new(1, 1, 1).apply(ones.clone(), 0.0);
        assert_eq!(untouched.into_data(), ones.into_data());
    }
}
