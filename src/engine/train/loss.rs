//! Losses, on tensors for training and on plain numbers for validation.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData, activation};

use super::plan::Teaching;
use crate::domain::model::Task;
use crate::domain::training::LossSpec;
use crate::engine::kernels::known_loss;
use crate::stats;

/// What a batch's loss depends on besides its rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loss<'a> {
    pub(crate) task: Task,
    pub(crate) spec: &'a LossSpec,
    /// Levels of the quantiles that are forecast; empty where the mean is.
    pub(crate) levels: &'a [f64],
}

/// Mean loss of a batch as a tensor of one number.
///
/// `logits` and `targets` are `[rows, outputs]`: the truth as 0 or 1 (binary), one-hot
/// (multiclass) or the scaled numbers (regression, forecast), of which each has a logit for every
/// quantile where these are forecast; `weights` is `[rows, 1]`, and all 1 when absent.
pub(crate) fn batch_loss<B: Backend>(
    loss: Loss<'_>,
    logits: Tensor<B, 2>,
    targets: Tensor<B, 2>,
    weights: Option<Tensor<B, 2>>,
) -> Tensor<B, 1> {
    // Read on a CPU alone, where that is no wait.
    let known = |logits: &[f32]| {
        let weights = weights.as_ref().map(Tensor::to_data);
        loss.with_gradients(logits, &targets.to_data(), weights.as_ref())
    };
    if let Some(found) = known_loss(&logits, known) {
        return found;
    }
    let targets = match loss.smoothing(logits.dims()[1]) {
        Some([kept, spread]) => targets.mul_scalar(kept).add_scalar(spread),
        None => targets,
    };
    let focal = loss.spec.focal_gamma.filter(|gamma| *gamma > 0.0);
    let losses = match loss.task {
        // -y log s(z) - (1 - y) log s(-z), where log s(-z) = log s(z) - z.
        Task::Binary => {
            let negatives = targets.clone().neg().add_scalar(1.0);
            let positive = activation::log_sigmoid(logits.clone());
            match focal {
                None => negatives * logits - positive,
                Some(gamma) => {
                    let negative = positive.clone() - logits;
                    let missing = |log: &Tensor<B, 2>| remainder(log.clone(), gamma);
                    (targets * missing(&positive) * positive
                        + negatives * missing(&negative) * negative)
                        .neg()
                }
            }
        }
        Task::Multiclass => {
            let logs = activation::log_softmax(logits, 1);
            let weighted = match focal {
                None => logs,
                Some(gamma) => remainder(logs.clone(), gamma) * logs,
            };
            (weighted * targets).sum_dim(1).neg()
        }
        Task::Forecast if !loss.levels.is_empty() => pinball(logits, targets, loss.levels),
        Task::Regression | Task::Forecast => (logits - targets).square(),
    };
    match weights {
        Some(weights) => (losses * weights).mean(),
        None => losses.mean(),
    }
}

impl Loss<'_> {
    /// Whether its gradient by the logits is found with it: not that of focal losses.
    pub(super) fn is_known(&self) -> bool {
        self.spec.focal_gamma.is_none_or(|gamma| gamma <= 0.0)
    }

    /// What truths are multiplied by, and what is added, where they are smoothed.
    fn smoothing(&self, outputs: usize) -> Option<[f32; 2]> {
        let classes = if self.task == Task::Binary { 2 } else { outputs };
        let is_of_classes = matches!(self.task, Task::Binary | Task::Multiclass);
        let share = self.spec.label_smoothing.filter(|share| *share > 0.0 && is_of_classes)?;
        Some([(1.0 - share) as f32, (share / classes as f64) as f32])
    }

    /// [`batch_loss`] of the numbers of a batch, with its gradient by each logit; None of losses that
    /// are not known.
    pub(super) fn with_gradients(
        self,
        logits: &[f32],
        targets: &TensorData,
        weights: Option<&TensorData>,
    ) -> Option<(f32, Vec<f32>)> {
        let [rows, width] = *targets.shape.as_slice() else { return None };
        let outputs = logits.len().checked_div(rows)?;
        if !self.is_known() || outputs == 0 || width == 0 {
            return None;
        }
        let smoothed = self.smoothing(outputs).map(|[kept, spread]| {
            targets.iter::<f32>().map(|truth| truth * kept + spread).collect::<Vec<f32>>()
        });
        let targets = match &smoothed {
            Some(smoothed) => smoothed,
            None => targets.as_slice::<f32>().ok()?,
        };
        let weights = match weights {
            Some(weights) => Some(weights.as_slice::<f32>().ok()?),
            None => None,
        };
        let share = match self.task {
            Task::Multiclass => 1.0 / rows as f64,
            _ => 1.0 / logits.len() as f64,
        };
        let (mut sum, mut gradient) = (0.0, Vec::with_capacity(logits.len()));
        let each = logits.chunks_exact(outputs).zip(targets.chunks_exact(width));
        for (row, (logits, targets)) in each.enumerate() {
            let share = weights.map_or(share, |weights| share * f64::from(weights[row]));
            sum += share
                * with_gradient(self, logits, targets, |by| {
                    gradient.push((share * by) as f32);
                });
        }
        Some((sum as f32, gradient))
    }
}

/// Loss of one row, the sum of those of its numbers; its gradient by each logit goes to `by`.
fn with_gradient(loss: Loss<'_>, logits: &[f32], targets: &[f32], mut by: impl FnMut(f64)) -> f64 {
    let wide = |x: &f32| f64::from(*x);
    let pairs = || logits.iter().map(wide).zip(targets.iter().map(wide));
    match loss.task {
        Task::Binary => pairs()
            .map(|(z, y)| {
                let small = (-z.abs()).exp();
                let probability =
                    if z >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) };
                by(probability - y);
                z.max(0.0) - z * y + small.ln_1p()
            })
            .sum(),
        Task::Multiclass => {
            let greatest = logits.iter().map(wide).fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = logits.iter().map(|z| (wide(z) - greatest).exp()).sum();
            let all: f64 = targets.iter().map(wide).sum();
            pairs()
                .map(|(z, y)| {
                    by(all * (z - greatest).exp() / sum - y);
                    y * (greatest + sum.ln() - z)
                })
                .sum()
        }
        Task::Forecast if !loss.levels.is_empty() => {
            let quantiles = logits.chunks_exact(loss.levels.len()).zip(targets);
            let mut sum = 0.0;
            for (quantiles, y) in quantiles {
                for (quantile, level) in quantiles.iter().zip(loss.levels) {
                    let error = wide(y) - wide(quantile);
                    by(if error < 0.0 { 1.0 - level } else { -level });
                    sum += level * error + (-error).max(0.0);
                }
            }
            sum
        }
        Task::Regression | Task::Forecast => pairs()
            .map(|(z, y)| {
                by(2.0 * (z - y));
                (z - y) * (z - y)
            })
            .sum(),
    }
}

/// Mean loss of a batch of which a teacher's logits are known (Hinton et al. 2015): that of the truth
/// and that of answering otherwise than the teacher, by their shares.
///
/// As [`batch_loss`], but that in each row of `targets` the logits of the teacher follow, as many as
/// in `logits`. Of classes the second loss is temperature² times the Kullback-Leibler divergence of
/// the probabilities at the temperature, of numbers the squared difference.
pub(super) fn taught_loss<B: Backend>(
    loss: Loss<'_>,
    teaching: Teaching,
    logits: Tensor<B, 2>,
    targets: Tensor<B, 2>,
    weights: Option<Tensor<B, 2>>,
) -> Tensor<B, 1> {
    let (outputs, width) = (logits.dims()[1], targets.dims()[1]);
    let truth = targets.clone().narrow(1, 0, width - outputs);
    let teacher = targets.narrow(1, width - outputs, outputs);
    let Teaching { share, temperature } = teaching;
    let (z, t) = (logits.clone().div_scalar(temperature), teacher.clone().div_scalar(temperature));
    let losses = match loss.task {
        Task::Binary => {
            // Less the teacher's own entropy, so that 0 is reached.
            let entropy = |of: Tensor<B, 2>| {
                let no = activation::sigmoid(t.clone()).neg().add_scalar(1.0);
                no * of.clone() - activation::log_sigmoid(of)
            };
            (entropy(z) - entropy(t.clone())).mul_scalar(temperature * temperature)
        }
        Task::Multiclass => {
            let (ours, theirs) = (activation::log_softmax(z, 1), activation::log_softmax(t, 1));
            let divergence = (theirs.clone().exp() * (theirs - ours)).sum_dim(1);
            divergence.mul_scalar(temperature * temperature)
        }
        Task::Regression | Task::Forecast => (logits.clone() - teacher).square(),
    };
    let of_teacher = match weights.clone() {
        Some(weights) => (losses * weights).mean(),
        None => losses.mean(),
    };
    let of_truth = batch_loss(loss, logits, truth, weights);
    of_truth.mul_scalar(1.0 - share) + of_teacher.mul_scalar(share)
}

/// (1 - p)^gamma of log p. What is missing is kept above 0, where the power has no gradient.
fn remainder<B: Backend>(log: Tensor<B, 2>, gamma: f64) -> Tensor<B, 2> {
    log.exp().neg().add_scalar(1.0).clamp_min(1e-7).powf_scalar(gamma)
}

/// Losses `[rows, numbers * levels]` of quantiles of the same shape against `[rows, numbers]`.
fn pinball<B: Backend>(
    quantiles: Tensor<B, 2>,
    targets: Tensor<B, 2>,
    levels: &[f64],
) -> Tensor<B, 2> {
    let [rows, numbers] = targets.dims();
    let count = levels.len();
    let device = targets.device();
    let levels: Vec<f32> = levels.iter().map(|level| *level as f32).collect();
    let levels = Tensor::<B, 3>::from_data(TensorData::new(levels, [1, 1, count]), &device);
    let quantiles = quantiles.reshape([rows, numbers, count]);
    let errors = targets.reshape([rows, numbers, 1]) - quantiles;
    // max(l e, (l - 1) e) = l e + max(-e, 0).
    let losses = errors.clone() * levels + activation::relu(errors.neg());
    losses.reshape([rows, numbers * count])
}

/// Loss of one row in f64, without smoothing and focal weights; else as [`batch_loss`].
pub(super) fn row_loss(task: Task, levels: &[f64], logits: &[f64], targets: &[f32]) -> f64 {
    let pairs = || logits.iter().zip(targets).map(|(z, y)| (*z, f64::from(*y)));
    match task {
        Task::Binary => pairs().map(|(z, y)| z.max(0.0) - z * y + (-z.abs()).exp().ln_1p()).sum(),
        Task::Multiclass => {
            let greatest = pairs().map(|(z, _)| z).fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = pairs().map(|(z, _)| (z - greatest).exp()).sum();
            pairs().map(|(z, y)| y * (greatest + sum.ln() - z)).sum()
        }
        Task::Forecast if !levels.is_empty() => {
            let losses = logits.chunks_exact(levels.len()).zip(targets).map(|(q, y)| {
                let of = q.iter().zip(levels).map(|(q, l)| stats::pinball(*q, f64::from(*y), *l));
                of.sum::<f64>()
            });
            losses.sum::<f64>() / logits.len().max(1) as f64
        }
        Task::Regression | Task::Forecast => {
            pairs().map(|(z, y)| (z - y).powi(2)).sum::<f64>() / targets.len().max(1) as f64
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};
    use burn::module::{Module, ModuleVisitor, Param};
    use burn::optim::GradientsParams;

    use super::*;
    use crate::domain::network::{MlpNetwork, NetworkSpec};
    use crate::engine::features::{Group, Layout};
    use crate::engine::networks::Network;
    use crate::engine::networks::dropout::Dropout;
    use crate::engine::networks::parameters::Builder;

    fn both(task: Task, logits: &[f32], targets: &[f32], width: usize) -> (f64, f64) {
        let rows = logits.len() / width;
        let device = Default::default();
        let tensor = |values: &[f32]| {
            Tensor::<Flex, 2>::from_data(TensorData::new(values.to_vec(), [rows, width]), &device)
        };
        let loss = Loss { task, spec: &LossSpec::default(), levels: &[] };
        let on_tensors = batch_loss(loss, tensor(logits), tensor(targets), None).into_scalar();
        let logits: Vec<f64> = logits.iter().map(|z| f64::from(*z)).collect();
        let rows = logits.chunks(width).zip(targets.chunks(width));
        let plain: Vec<f64> = rows.map(|(z, y)| row_loss(task, &[], z, y)).collect();
        (f64::from(on_tensors), plain.iter().sum::<f64>() / plain.len() as f64)
    }

    #[test]
    fn both_forms_agree_with_known_values() {
        let (a, b) = both(Task::Binary, &[0.0, 2.0, -3.0], &[1.0, 0.0, 0.0], 1);
        let known = (2f64.ln() + (1.0 + 2f64.exp()).ln() + (1.0 + (-3f64).exp()).ln()) / 3.0;
        assert!((a - known).abs() < 1e-6 && (b - known).abs() < 1e-12, "{a} {b} {known}");
        let (a, b) = both(Task::Multiclass, &[1.0, 1.0, 1.0], &[0.0, 1.0, 0.0], 3);
        assert!((a - 3f64.ln()).abs() < 1e-6 && (b - 3f64.ln()).abs() < 1e-12);
        let (a, b) = both(Task::Regression, &[1.0, 3.0], &[0.0, 1.0], 1);
        assert!((a - 2.5).abs() < 1e-6 && (b - 2.5).abs() < 1e-12);
    }

    #[test]
    fn quantiles_lose_by_their_levels() {
        // Two numbers, each with two quantiles.
        let device = Default::default();
        let (quantiles, targets) = ([0.0_f32, 2.0, 1.0, 1.0], [1.0_f32, 3.0]);
        let tensor = |values: &[f32]| {
            let data = TensorData::new(values.to_vec(), [1, values.len()]);
            Tensor::<Flex, 2>::from_data(data, &device)
        };
        let levels = &[0.1, 0.9];
        let loss = Loss { task: Task::Forecast, spec: &LossSpec::default(), levels };
        let on_tensors = batch_loss(loss, tensor(&quantiles), tensor(&targets), None);
        let (a, b) = (
            f64::from(on_tensors.into_scalar()),
            row_loss(Task::Forecast, levels, &quantiles.map(f64::from), &targets),
        );
        let known = (0.1 * 1.0 + 0.1 * 1.0 + 0.1 * 2.0 + 0.9 * 2.0) / 4.0;
        assert!((a - known).abs() < 1e-6 && (b - known).abs() < 1e-7, "{a} {b} {known}");
    }

    #[test]
    fn forecasts_lose_by_their_mean_square() {
        let (a, b) = both(Task::Forecast, &[1.0, 3.0], &[0.0, 1.0], 2);
        assert!((a - 2.5).abs() < 1e-6 && (b - 2.5).abs() < 1e-12);
    }

    #[test]
    fn huge_logits_stay_finite() {
        for logit in [1e30f32, -1e30] {
            let (a, b) = both(Task::Binary, &[logit], &[0.0], 1);
            assert!(a.is_finite() && b.is_finite());
            let (a, b) = both(Task::Multiclass, &[logit, 0.0, 0.0], &[0.0, 1.0, 0.0], 3);
            assert!(a.is_finite() && b.is_finite());
        }
    }

    #[test]
    fn the_gradient_is_probability_minus_truth() {
        let device = Default::default();
        let logits = Tensor::<Autodiff<Flex>, 2>::from_data([[0.0], [1.5]], &device).require_grad();
        let targets = Tensor::from_data([[1.0], [0.0]], &device);
        let weights = Tensor::from_data([[2.0], [1.0]], &device);
        let spec = LossSpec::default();
        let loss = Loss { task: Task::Binary, spec: &spec, levels: &[] };
        let loss = batch_loss(loss, logits.clone(), targets, Some(weights));
        let gradient = logits.grad(&loss.backward()).unwrap().into_data().to_vec::<f32>().unwrap();
        let sigmoid = |z: f32| 1.0 / (1.0 + (-z).exp());
        let known = [2.0 * (0.5 - 1.0) / 2.0, sigmoid(1.5) / 2.0];
        assert!((gradient[0] - known[0]).abs() < 1e-6 && (gradient[1] - known[1]).abs() < 1e-6);
    }

    /// Of one row of logits, with smoothing and focal weights.
    fn special(task: Task, spec: &LossSpec, logits: &[f32], targets: &[f32]) -> f64 {
        let device = Default::default();
        let tensor = |values: &[f32]| {
            let shape = [1, values.len()];
            Tensor::<Flex, 2>::from_data(TensorData::new(values.to_vec(), shape), &device)
        };
        let loss = Loss { task, spec, levels: &[] };
        f64::from(batch_loss(loss, tensor(logits), tensor(targets), None).into_scalar())
    }

    #[test]
    fn smoothing_spreads_the_truth() {
        let spec = LossSpec { label_smoothing: Some(0.1), focal_gamma: None };
        let p = 1.0 / (1.0 + (-2.0_f64).exp());
        let known = -0.95 * p.ln() - 0.05 * (1.0 - p).ln();
        assert!((special(Task::Binary, &spec, &[2.0], &[1.0]) - known).abs() < 1e-6);
        // Two classes say the same.
        let two = special(Task::Multiclass, &spec, &[2.0, 0.0], &[1.0, 0.0]);
        assert!((two - known).abs() < 1e-6, "{two} {known}");
    }

    #[test]
    fn what_is_answered_well_counts_less() {
        let spec = LossSpec { label_smoothing: None, focal_gamma: Some(2.0) };
        let p = 1.0 / (1.0 + (-2.0_f64).exp());
        for (target, known) in
            [(1.0, -(1.0 - p).powi(2) * p.ln()), (0.0, -p.powi(2) * (1.0 - p).ln())]
        {
            let found = special(Task::Binary, &spec, &[2.0], &[target]);
            assert!((found - known).abs() < 1e-6, "{found} {known}");
            let two = special(Task::Multiclass, &spec, &[2.0, 0.0], &[target, 1.0 - target]);
            assert!((two - known).abs() < 1e-6, "{two} {known}");
        }
        assert!(special(Task::Binary, &spec, &[60.0], &[1.0]).is_finite());
    }

    #[test]
    fn a_teacher_is_followed_by_its_share() {
        let device = Default::default();
        let tensor = |values: &[f32]| {
            let data = TensorData::new(values.to_vec(), [1, values.len()]);
            Tensor::<Flex, 2>::from_data(data, &device)
        };
        let spec = LossSpec::default();
        let of = |task, share, logits: &[f32], targets: &[f32]| {
            let loss = Loss { task, spec: &spec, levels: &[] };
            let teaching = Teaching { share, temperature: 2.0 };
            let (logits, targets) = (tensor(logits), tensor(targets));
            f64::from(taught_loss(loss, teaching, logits, targets, None).into_scalar())
        };
        let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
        let (p, q) = (sigmoid(0.5), sigmoid(1.5));
        let divergence = q * (q / p).ln() + (1.0 - q) * ((1.0 - q) / (1.0 - p)).ln();
        let truth = -sigmoid(1.0).ln();
        let known = 0.7 * truth + 0.3 * 4.0 * divergence;
        let binary = of(Task::Binary, 0.3, &[1.0], &[1.0, 3.0]);
        assert!((binary - known).abs() < 1e-6, "{binary} {known}");
        let two = of(Task::Multiclass, 0.3, &[0.0, 1.0], &[0.0, 1.0, 0.0, 3.0]);
        assert!((two - known).abs() < 1e-6, "{two} {known}");
        assert!(of(Task::Multiclass, 1.0, &[0.0, 1.0], &[1.0, 0.0, 5.0, 6.0]).abs() < 1e-6);
        let number = of(Task::Regression, 0.25, &[1.0], &[2.0, 4.0]);
        assert!((number - (0.75 * 1.0 + 0.25 * 9.0)).abs() < 1e-6, "{number}");
    }

    type B = Autodiff<Flex>;

    /// The gradients of every parameter.
    struct Found<'a> {
        gradients: &'a GradientsParams,
        all: Vec<Vec<f32>>,
    }

    impl ModuleVisitor<B> for Found<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
            let gradient = self.gradients.get::<Flex, D>(param.id).unwrap();
            self.all.push(gradient.into_data().to_vec().unwrap());
        }
    }

    /// A step finds them by a graph of nodes, or without one.
    #[test]
    fn gradients_without_a_graph_are_those_with_one() {
        let device = Default::default();
        let groups = (0..5).map(|input| Group::Number { input, edges: Vec::new() });
        let layout = Layout::Table(groups.collect());
        let mlp = MlpNetwork { hidden: Some(vec![8, 20]), dropout: Some(0.3) };
        let spec = LossSpec { label_smoothing: Some(0.1), ..LossSpec::default() };
        for network in [NetworkSpec::Mlp(mlp), NetworkSpec::Linear(Default::default())] {
            for (task, outputs) in [(Task::Binary, 1), (Task::Multiclass, 3), (Task::Regression, 1)]
            {
                let mut builder = Builder::<B>::random(7, &device);
                let network = Network::new(&network, &layout, outputs, &mut builder);
                let numbers = |count: usize, by: usize| -> Vec<f32> {
                    (0..count).map(|i| ((i * by) % 13) as f32 / 13.0).collect()
                };
                let of = |values: Vec<f32>, width: usize| {
                    let rows = values.len() / width;
                    Tensor::<B, 2>::from_data(TensorData::new(values, [rows, width]), &device)
                };
                let (inputs, targets) =
                    (of(numbers(60, 5), 5), of(numbers(12 * outputs, 7), outputs));
                let weights = of(numbers(12, 3), 1);
                let loss = Loss { task, spec: &spec, levels: &[] };
                let known = |logits: &[f32]| {
                    let weights = weights.to_data();
                    loss.with_gradients(logits, &targets.to_data(), Some(&weights))
                };
                let dropout = || Dropout::new(3, 1, 2);
                let (value, without) = network.gradients(&inputs, &mut dropout(), known).unwrap();
                let logits = network.forward(inputs.clone(), Some(&mut dropout()));
                let with = batch_loss(loss, logits, targets.clone(), Some(weights.clone()));
                assert_eq!(with.clone().into_scalar(), value);
                let with = GradientsParams::from_grads(with.backward(), &network);
                let found = |gradients: &GradientsParams| {
                    let mut found = Found { gradients, all: Vec::new() };
                    network.visit(&mut found);
                    found.all
                };
                assert_eq!(found(&without), found(&with), "{task:?}");
            }
        }
    }
}
