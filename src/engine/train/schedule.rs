//! How the learning rate moves.

use std::f64::consts::PI;

use super::plan::Recipe;
use crate::domain::optimiser::ScheduleSpec;
use crate::domain::version::EpochLoss;

/// What is left of the full height at the end of one cycle.
const CYCLE_END: f64 = 1e-5;

/// The rates of the steps of an epoch.
pub(super) struct Schedule<'a> {
    recipe: &'a Recipe,
    /// Steps of an epoch.
    batches: usize,
    /// Share of the full height that the validation losses leave.
    plateau: f64,
}

impl<'a> Schedule<'a> {
    /// For the epoch that follows the curve.
    pub(super) fn new(recipe: &'a Recipe, batches: usize, curve: &[EpochLoss]) -> Self {
        let plateau = match &recipe.schedule {
            ScheduleSpec::Plateau(spec) => spec.factor.powi(plateaus(curve, spec.epochs)),
            _ => 1.0,
        };
        Self { recipe, batches, plateau }
    }

    /// The rate of a step of an epoch, both counted from 0.
    pub(super) fn rate(&self, epoch: u32, batch: usize) -> f64 {
        let steps = self.batches as f64 * f64::from(self.recipe.epochs);
        let step = self.batches as f64 * f64::from(epoch) + batch as f64;
        let share = match &self.recipe.schedule {
            ScheduleSpec::Constant(spec) => risen(step, steps, spec.warm_up).unwrap_or(1.0),
            ScheduleSpec::Cosine(spec) => risen(step, steps, spec.warm_up)
                .unwrap_or_else(|| fallen(done(step, steps, spec.warm_up))),
            ScheduleSpec::OneCycle(spec) => {
                let peak = steps * spec.peak;
                if step < peak {
                    let rise = 1.0 - fallen(step / peak);
                    spec.start + (1.0 - spec.start) * rise
                } else {
                    let fall = fallen((step - peak) / (steps - peak).max(1.0));
                    CYCLE_END + (1.0 - CYCLE_END) * fall
                }
            }
            ScheduleSpec::Step(spec) => risen(step, steps, spec.warm_up)
                .unwrap_or_else(|| spec.factor.powi((epoch / spec.epochs.max(1)) as i32)),
            ScheduleSpec::Plateau(spec) => {
                risen(step, steps, spec.warm_up).unwrap_or(1.0) * self.plateau
            }
        };
        self.recipe.learning_rate * share
    }
}

/// Share of the full height while it rises; None afterwards.
fn risen(step: f64, steps: f64, warm_up: f64) -> Option<f64> {
    let rising = (steps * warm_up).ceil();
    (step < rising).then(|| (step + 1.0) / (rising + 1.0))
}

/// Share of the steps after the rise that are over.
fn done(step: f64, steps: f64, warm_up: f64) -> f64 {
    let rising = (steps * warm_up).ceil();
    (step - rising) / (steps - rising).max(1.0)
}

/// From 1 to 0 along a cosine.
fn fallen(done: f64) -> f64 {
    0.5 * (1.0 + (PI * done).cos())
}

/// How often so many epochs have passed without a lower validation loss; after each time it is
/// waited anew.
fn plateaus(curve: &[EpochLoss], epochs: u32) -> i32 {
    let (mut count, mut waited, mut best) = (0, 0, f64::INFINITY);
    for loss in curve {
        waited += 1;
        if loss.validation_loss < best {
            best = loss.validation_loss;
            waited = 0;
        } else if waited >= epochs {
            count += 1;
            waited = 0;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::features::Layout;
    use crate::engine::testing::spec;

    fn recipe(schedule: serde_json::Value) -> Recipe {
        let mut spec = spec("y");
        spec.schedule = Some(serde_json::from_value(schedule).unwrap());
        spec.epochs = Some(10);
        spec.optimiser = Some(
            serde_json::from_value(serde_json::json!({"kind": "sgd", "learning_rate": 2.0}))
                .unwrap(),
        );
        Recipe::of(&spec, &Layout::Table(Vec::new()), 100)
    }

    fn rates(schedule: serde_json::Value, curve: &[EpochLoss]) -> Vec<f64> {
        let recipe = recipe(schedule);
        let schedule = Schedule::new(&recipe, 10, curve);
        (0..100).map(|step| schedule.rate(step / 10, step as usize % 10)).collect()
    }

    #[test]
    fn a_cosine_rises_then_falls_to_nothing() {
        let rates = rates(serde_json::json!({"kind": "cosine", "warm_up": 0.05}), &[]);
        assert!(rates[0] > 0.0 && rates[0] < 0.4);
        assert!((rates[5] - 2.0).abs() < 1e-12);
        assert!(rates[..6].windows(2).all(|w| w[0] < w[1]));
        assert!(rates[5..].windows(2).all(|w| w[0] > w[1]));
        assert!(rates[99] < 2e-2);
    }

    #[test]
    fn one_cycle_peaks_where_it_is_told() {
        let rates = rates(serde_json::json!({"kind": "one_cycle", "peak": 0.3}), &[]);
        assert!((rates[0] - 0.08).abs() < 1e-12 && (rates[30] - 2.0).abs() < 1e-12);
        assert!(rates[..31].windows(2).all(|w| w[0] < w[1]));
        assert!(rates[30..].windows(2).all(|w| w[0] > w[1]) && rates[99] > 0.0);
    }

    #[test]
    fn steps_and_plateaus_lower_it() {
        let stepped = rates(serde_json::json!({"kind": "step", "epochs": 4, "factor": 0.5}), &[]);
        assert_eq!([stepped[39], stepped[40], stepped[80]], [2.0, 1.0, 0.5]);
        let loss = |epoch, validation_loss| EpochLoss {
            epoch,
            train_loss: 1.0,
            validation_loss,
            validation_metric: None,
        };
        let curve: Vec<EpochLoss> = [1.0, 0.9, 0.95, 0.95, 0.8, 0.9, 0.9, 0.9, 0.9]
            .iter()
            .zip(1..)
            .map(|(l, e)| loss(e, *l))
            .collect();
        assert_eq!(plateaus(&curve, 2), 3);
        let lowered =
            rates(serde_json::json!({"kind": "plateau", "epochs": 2, "factor": 0.5}), &curve);
        assert_eq!(lowered[0], 0.25);
        assert_eq!(rates(serde_json::json!({"kind": "constant"}), &curve)[7], 2.0);
    }
}
