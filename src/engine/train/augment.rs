//! Training images changed anew in each epoch, by random numbers of their own for each batch: a
//! resumed training draws the same.

use rand::{Rng, RngCore};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Beta, Distribution, StandardNormal};

use crate::domain::training::AugmentationSpec;
use crate::engine::features::Matrix;
use crate::engine::random::{shuffle, symmetric};
use crate::frame::ImageShape;

/// The rows of one step.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Batch {
    pub(super) inputs: Matrix,
    pub(super) targets: Matrix,
    pub(super) weights: Option<Vec<f32>>,
}

/// Changes the images of a batch, and their targets where images are mixed.
pub(super) fn augment(
    spec: &AugmentationSpec,
    shape: ImageShape,
    batch: &mut Batch,
    mut rng: ChaCha8Rng,
) {
    let mut moved = vec![0.0; batch.inputs.width];
    for picture in batch.inputs.data.chunks_exact_mut(batch.inputs.width.max(1)) {
        if let Some(motion) = Motion::drawn(spec, &mut rng) {
            motion.apply(shape, picture, &mut moved);
            picture.copy_from_slice(&moved);
        }
        if spec.noise > 0.0 {
            for pixel in picture {
                let noise: f64 = rng.sample(StandardNormal);
                *pixel += (spec.noise * noise) as f32;
            }
        }
    }
    if let Ok(shares) = Beta::new(spec.mixup, spec.mixup) {
        mix(batch, &shares, &mut rng);
    }
}

/// How one picture is moved.
struct Motion {
    down: i32,
    right: i32,
    /// None where it is neither turned nor resized: its pixels stay what they are.
    turn: Option<Turn>,
}

/// Where a pixel comes from, seen from the picture's middle.
struct Turn {
    cosine: f32,
    sine: f32,
}

impl Motion {
    fn drawn(spec: &AugmentationSpec, rng: &mut ChaCha8Rng) -> Option<Self> {
        let turns = spec.rotate > 0.0 || spec.scale > 0.0;
        if spec.shift == 0 && !turns {
            return None;
        }
        let mut pixels = || {
            let steps = u64::from(2 * spec.shift + 1);
            ((u64::from(rng.next_u32()) * steps) >> 32) as i32 - spec.shift as i32
        };
        let (down, right) = (pixels(), pixels());
        let turn = turns.then(|| {
            let angle = symmetric(rng, spec.rotate as f32).to_radians();
            let factor = 1.0 + symmetric(rng, spec.scale as f32);
            Turn { cosine: angle.cos() / factor, sine: angle.sin() / factor }
        });
        Some(Self { down, right, turn })
    }

    /// What lies outside the picture is as its edge.
    fn apply(&self, shape: ImageShape, from: &[f32], to: &mut [f32]) {
        let ImageShape { height, width, .. } = shape;
        let planes = from.chunks_exact(height * width).zip(to.chunks_exact_mut(height * width));
        for (from, to) in planes {
            for (row, to) in to.chunks_exact_mut(width).enumerate() {
                for (column, to) in to.iter_mut().enumerate() {
                    let (y, x) = (row as i32 - self.down, column as i32 - self.right);
                    *to = match &self.turn {
                        None => pixel(from, (height, width), y, x),
                        Some(turn) => turn.pixel(from, (height, width), y as f32, x as f32),
                    };
                }
            }
        }
    }
}

impl Turn {
    /// The picture at the place that comes to (y, x), linear between its pixels.
    fn pixel(&self, from: &[f32], (height, width): (usize, usize), y: f32, x: f32) -> f32 {
        let (middle_y, middle_x) = ((height as f32 - 1.0) / 2.0, (width as f32 - 1.0) / 2.0);
        let (y, x) = (y - middle_y, x - middle_x);
        let (y, x) = (
            self.cosine * y - self.sine * x + middle_y,
            self.sine * y + self.cosine * x + middle_x,
        );
        let (row, column) = (y.floor(), x.floor());
        let (below, right) = (y - row, x - column);
        let at = |y: i32, x: i32| pixel(from, (height, width), row as i32 + y, column as i32 + x);
        let upper = at(0, 0) * (1.0 - right) + at(0, 1) * right;
        let lower = at(1, 0) * (1.0 - right) + at(1, 1) * right;
        upper * (1.0 - below) + lower * below
    }
}

fn pixel(from: &[f32], (height, width): (usize, usize), y: i32, x: i32) -> f32 {
    let y = y.clamp(0, height as i32 - 1) as usize;
    let x = x.clamp(0, width as i32 - 1) as usize;
    from[y * width + x]
}

/// Mixes each row with another one of the batch.
fn mix(batch: &mut Batch, shares: &Beta<f64>, rng: &mut ChaCha8Rng) {
    let before = batch.clone();
    let mut partners: Vec<usize> = (0..batch.inputs.rows).collect();
    shuffle(rng, &mut partners);
    for (row, partner) in partners.into_iter().enumerate() {
        let share = shares.sample(rng) as f32;
        let blend = |matrix: &mut Matrix, before: &Matrix| {
            let (start, other) = (row * matrix.width, partner * matrix.width);
            let mixed = &mut matrix.data[start..start + before.width];
            for (value, other) in mixed.iter_mut().zip(&before.data[other..]) {
                *value = share * *value + (1.0 - share) * other;
            }
        };
        blend(&mut batch.inputs, &before.inputs);
        blend(&mut batch.targets, &before.targets);
        if let (Some(weights), Some(before)) = (&mut batch.weights, &before.weights) {
            weights[row] = share * before[row] + (1.0 - share) * before[partner];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::{Purpose, keyed};

    const SHAPE: ImageShape = ImageShape { channels: 1, height: 5, width: 4 };

    fn rng(batch: u64) -> ChaCha8Rng {
        keyed(1, Purpose::Augmentation, 2, batch)
    }

    /// Pictures of one bright pixel each, all of other targets.
    fn batch(rows: usize) -> Batch {
        let data = (0..rows * 20).map(|at| f32::from(u8::from(at % 20 == 9))).collect();
        let inputs = Matrix { rows, width: 20, data };
        let targets = Matrix { rows, width: 1, data: (0..rows).map(|row| row as f32).collect() };
        Batch { inputs, targets, weights: Some(vec![1.0; rows]) }
    }

    fn augmented(spec: &AugmentationSpec, number: u64) -> Batch {
        let mut batch = batch(200);
        augment(spec, SHAPE, &mut batch, rng(number));
        batch
    }

    #[test]
    fn nothing_is_changed_unless_asked_for_and_what_is_repeats() {
        assert_eq!(augmented(&AugmentationSpec::default(), 1), batch(200));
        let spec = AugmentationSpec { shift: 1, rotate: 20.0, scale: 0.2, noise: 0.1, mixup: 0.3 };
        assert_eq!(augmented(&spec, 1), augmented(&spec, 1));
        assert_ne!(augmented(&spec, 1), augmented(&spec, 2));
        assert!(augmented(&spec, 1).inputs.data.iter().all(|v| v.is_finite()));
    }

    #[test]
    fn a_shift_moves_by_whole_pixels_up_to_its_bound_and_labels_stay() {
        let spec = AugmentationSpec { shift: 1, ..AugmentationSpec::default() };
        let moved = augmented(&spec, 1);
        assert_eq!((&moved.targets, &moved.weights), (&batch(200).targets, &batch(200).weights));
        let mut seen = std::collections::BTreeSet::new();
        for picture in moved.inputs.data.chunks_exact(20) {
            let bright: Vec<usize> = (0..20).filter(|at| picture[*at] == 1.0).collect();
            assert_eq!(bright.len(), 1);
            let (row, column) = (bright[0] / 4, bright[0] % 4);
            assert!((1..=3).contains(&row) && column <= 2, "{row} {column}");
            seen.insert((row, column));
        }
        assert_eq!(seen.len(), 9);
    }

    #[test]
    fn a_half_turn_turns_round_and_no_turn_is_none() {
        let picture: Vec<f32> = (0..20).map(|v| v as f32).collect();
        let mut turned = vec![0.0; 20];
        let turn = |cosine, sine| Motion { down: 0, right: 0, turn: Some(Turn { cosine, sine }) };
        turn(-1.0, 0.0).apply(SHAPE, &picture, &mut turned);
        let round: Vec<f32> = picture.iter().rev().copied().collect();
        assert!(turned.iter().zip(&round).all(|(a, b)| (a - b).abs() < 1e-4), "{turned:?}");
        turn(1.0, 0.0).apply(SHAPE, &picture, &mut turned);
        assert_eq!(turned, picture);
        // Twice as large: between its pixels.
        turn(0.5, 0.0).apply(SHAPE, &picture, &mut turned);
        assert_eq!((turned[9], turned[13]), (9.25, 11.25));
    }

    #[test]
    fn noise_has_its_deviation_and_mixing_keeps_sums() {
        let noisy = augmented(&AugmentationSpec { noise: 0.5, ..AugmentationSpec::default() }, 1);
        let before = batch(200).inputs.data;
        let squares = noisy.inputs.data.iter().zip(&before).map(|(a, b)| f64::from(a - b).powi(2));
        let deviation = (squares.sum::<f64>() / 4000.0).sqrt();
        assert!((deviation - 0.5).abs() < 0.03, "{deviation}");

        let mixed = augmented(&AugmentationSpec { mixup: 0.4, ..AugmentationSpec::default() }, 1);
        let between = mixed.targets.data.iter().filter(|t| t.fract() != 0.0).count();
        assert!(between > 100, "{between}");
        assert!(mixed.targets.data.iter().all(|t| (0.0..=199.0).contains(t)));
        let bright = mixed.inputs.data.chunks_exact(20).map(|p| p[9]);
        assert!(bright.into_iter().all(|v| (v - 1.0).abs() < 1e-6));
    }
}
