//! Dropout whose masks can be drawn again: burn's own come from one generator for the whole
//! process, so that neither a resumed run nor a second one beside it would see the same.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use rand::RngCore;
use rand_chacha::ChaCha8Rng;

use crate::engine::random::{Purpose, keyed};

/// The masks of one step.
pub(crate) struct Dropout {
    rng: ChaCha8Rng,
    /// A unit is dropped where 16 random bits lie under this.
    threshold: u16,
    /// What the units that stay are multiplied by, so that sums keep their size.
    gain: f32,
}

impl Dropout {
    /// Masks of one batch of one epoch; none where nothing is dropped.
    pub(crate) fn new(share: f64, seed: u64, epoch: u32, batch: usize) -> Option<Self> {
        let threshold = (share * 65_536.0).round().clamp(0.0, 65_535.0) as u16;
        (threshold > 0).then(|| Self {
            rng: keyed(seed, Purpose::Dropout, u64::from(epoch), batch as u64),
            threshold,
            gain: (65_536.0 / (65_536.0 - f64::from(threshold))) as f32,
        })
    }

    /// Drops units of `[rows, units]`; the masks of one step are drawn in the order of the calls.
    pub(crate) fn apply<B: Backend>(&mut self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let [rows, units] = x.dims();
        let mut bits = vec![0; rows * units * 2];
        self.rng.fill_bytes(&mut bits);
        let mask: Vec<f32> = bits
            .chunks_exact(2)
            .map(
                |b| if u16::from_le_bytes([b[0], b[1]]) < self.threshold { 0.0 } else { self.gain },
            )
            .collect();
        let device = x.device();
        x * Tensor::from_data(TensorData::new(mask, [rows, units]), &device)
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
            let mut dropout = Dropout::new(0.3, seed, epoch, batch).unwrap();
            dropout.apply(ones.clone()).into_data().to_vec::<f32>().unwrap()
        };
        let mask = draw(1, 2, 3);
        assert_eq!(mask, draw(1, 2, 3));
        assert_ne!(mask, draw(1, 3, 2));
        let dropped = mask.iter().filter(|v| **v == 0.0).count() as f64 / 20_000.0;
        assert!((dropped - 0.3).abs() < 0.01, "{dropped}");
        let mean = mask.iter().sum::<f32>() / 20_000.0;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
        assert!(Dropout::new(0.0, 1, 1, 1).is_none());
    }
}
