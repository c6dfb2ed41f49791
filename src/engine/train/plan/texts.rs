//! What suits networks for texts. Chosen on news of 9,500 rows.

use super::{Defaults, VERY_FEW};
use crate::domain::model::Task;
use crate::domain::network::NetworkSpec;
use crate::domain::training::{EnsembleSpec, LossSpec, PartsSpec, TrainingSpec};

/// Share of the steps after which the rate is at its full height.
const PEAK: f64 = 0.1;
const RATE: f64 = 0.006;
const LINEAR_RATE: f64 = 0.02;
const LABEL_SMOOTHING: f64 = 0.05;
const NETWORKS: u32 = 3;
/// Numbers of a word.
pub(in crate::engine::train) const EMBEDDING: u32 = 64;

/// A network for texts, or a linear one, with its size, and what suits it.
pub(super) fn filled(
    mut network: NetworkSpec,
    rows: usize,
    defaults: &mut Defaults,
) -> NetworkSpec {
    match &mut network {
        NetworkSpec::TextCnn(cnn) => {
            cnn.embedding.get_or_insert(EMBEDDING);
            cnn.phrases.get_or_insert_with(|| vec![1, 2, 3, 4]);
            cnn.channels.get_or_insert(100);
            cnn.dropout.get_or_insert(0.5);
        }
        NetworkSpec::TextAttention(attention) => {
            attention.embedding.get_or_insert(EMBEDDING);
            attention.hidden.get_or_insert(64);
            attention.heads.get_or_insert(4);
            attention.dropout.get_or_insert(0.5);
        }
        _ => {}
    }
    if network.is_for_text() {
        defaults.learning_rate = RATE;
    } else {
        // All that would decay are rows of the table, which don't.
        (defaults.learning_rate, defaults.weight_decay) = (LINEAR_RATE, 0.0);
    }
    defaults.warm_up = PEAK;
    (defaults.batch_size, defaults.epochs) = if rows < VERY_FEW { (16, 20) } else { (64, 6) };
    // Its best epochs come late, where the rate is low.
    defaults.patience = Some(0);
    network
}

/// How many networks answer together where nothing is said: each leaves out other rows, from which
/// alone it can tell when to stop, and so all rows are learnt from; but for those of which it is said
/// that they validate, which may be kept apart for a reason.
pub(in crate::engine::train) fn ensemble(
    spec: &TrainingSpec,
    network: &NetworkSpec,
    says_validation: bool,
) -> Option<EnsembleSpec> {
    let suited = match spec.parts() {
        _ if !network.is_for_text() => None,
        // Later rows must not tell of earlier ones; a refit learns from all rows anyway.
        _ if spec.refit == Some(true) => Some(EnsembleSpec { folds: 1, seeds: NETWORKS }),
        PartsSpec::Time(_) => Some(EnsembleSpec { folds: 1, seeds: NETWORKS }),
        _ if says_validation => Some(EnsembleSpec { folds: 1, seeds: NETWORKS }),
        PartsSpec::Random(_) | PartsSpec::Column(_) => {
            Some(EnsembleSpec { folds: NETWORKS, seeds: 1 })
        }
    };
    spec.ensemble.clone().or(suited)
}

/// The loss, of which networks for texts smooth the labels where nothing is said.
pub(super) fn loss(spec: &TrainingSpec, network: &NetworkSpec) -> LossSpec {
    let mut loss = spec.loss.clone();
    if network.is_for_text() && matches!(spec.task, Some(Task::Binary | Task::Multiclass)) {
        loss.label_smoothing.get_or_insert(LABEL_SMOOTHING);
    }
    loss
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::training::Monitor;
    use crate::engine::features::Layout;
    use crate::engine::testing::spec;
    use crate::engine::train::plan::{Kept, Recipe};

    #[test]
    fn the_last_epoch_is_kept_unless_another_figure_or_patience_decides() {
        let layout = Layout::Text { width: 9, words: 3, buckets: 1024 };
        let kept = |change: &dyn Fn(&mut TrainingSpec)| {
            let mut spec = spec("y");
            change(&mut spec);
            Recipe::of(&spec, &layout, 5000).kept
        };
        assert_eq!(kept(&|_| {}), Kept::Last);
        assert_eq!(kept(&|spec| spec.monitor = Monitor::Accuracy), Kept::Best);
        assert_eq!(kept(&|spec| spec.patience = Some(2)), Kept::Best);
    }

    #[test]
    fn labels_are_smoothed_for_classes_alone_and_as_asked_for() {
        let layout = Layout::Text { width: 9, words: 3, buckets: 1024 };
        let smoothing = |task, asked| {
            let mut spec = spec("y");
            (spec.task, spec.loss.label_smoothing) = (Some(task), asked);
            Recipe::of(&spec, &layout, 5000).loss.label_smoothing
        };
        assert_eq!(smoothing(Task::Binary, None), Some(LABEL_SMOOTHING));
        assert_eq!(smoothing(Task::Multiclass, Some(0.0)), Some(0.0));
        assert_eq!(smoothing(Task::Regression, None), None);
    }
}
