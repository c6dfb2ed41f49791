//! A specification with every default filled in.

mod sequences;
pub(super) mod texts;

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;

use crate::domain::network::{
    CnnNetwork, LinearNetwork, LstmNetwork, MlpNetwork, MonotoneNetwork, NLinearNetwork,
    NetworkSpec, TabmNetwork, TextCnnNetwork, TransformerNetwork,
};
use crate::domain::optimiser::{
    ConstantSchedule, CosineSchedule, OneCycleSchedule, OptimiserSpec, ScheduleSpec, Sgd,
};
use crate::domain::training::{
    AugmentationSpec, DivergenceRule, LossSpec, Monitor, Precision, TrainingSpec,
};
use crate::engine::features::Layout;
use crate::engine::networks::convolutional::suited_channels;
use crate::engine::networks::monotone::has_order;
use crate::engine::networks::parameters::Parameters;

/// Training rows below which rows are few, for a perceptron and for `tabm`.
const FEW: usize = 10_000;
const VERY_FEW: usize = 3_000;

/// A linear network has one minimum, and takes more steps to it at the same rate.
const LINEAR_EPOCHS: u32 = 5;
/// Steps that a scorecard is expected to take.
const SCORECARD_STEPS: u32 = 10;
/// Of an optimiser that does not adapt its steps.
const SGD_RATE: f64 = 0.05;
/// Of LeNet's SGD, as its source has it.
const LENET_RATE: f64 = 0.001;
/// Of AdamW on networks for images.
const CNN_RATE: f64 = 0.003;

/// How one network is trained: nothing is left to be chosen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Recipe {
    pub(super) network: NetworkSpec,
    pub(super) optimiser: OptimiserSpec,
    /// Of a step at full height.
    pub(super) learning_rate: f64,
    /// Decoupled from the gradients (AdamW only).
    pub(super) weight_decay: f64,
    pub(super) schedule: ScheduleSpec,
    /// Longest gradient; 0 where it may be of any length.
    pub(super) gradient_clip: f64,
    /// How much of the running mean of the weights stays at a step, where one is wanted.
    pub(super) average: Option<f64>,
    pub(super) loss: LossSpec,
    pub(super) monitor: Monitor,
    pub(super) epochs: u32,
    /// Ends after so many epochs though its schedule is for more.
    pub(super) ends_after: Option<u32>,
    pub(super) kept: Kept,
    pub(super) divergence: DivergenceRule,
    pub(super) batch_size: usize,
    /// Slices of a step.
    pub(super) accumulation: usize,
    /// Epochs without improvement after which it ends; 0 never.
    pub(super) patience: u32,
    pub(super) seed: u64,
    /// Of the matrix products of its steps.
    pub(super) precision: Precision,
    pub(super) augmentation: Option<AugmentationSpec>,
    /// Where the weights start; drawn by the seed when absent.
    #[serde(skip)]
    pub(super) start: Option<Arc<Start>>,
    /// Whether it is the job's only network of its kind, trained on the job's own training rows: no
    /// fold's, and no validation rows among them.
    #[serde(skip)]
    pub(super) is_alone: bool,
    /// Whether it is held to no order, though the columns have one.
    #[serde(skip)]
    pub(super) is_free: bool,
    /// How much is learnt from a teacher, whose answers stand beside the targets of the training rows.
    pub(super) teaching: Option<Teaching>,
}

/// Weights that a training goes on from.
#[derive(Debug, PartialEq)]
pub(crate) struct Start {
    pub(super) weights: Parameters,
    /// Whether what is 0 among the weights that can be pruned stays 0.
    pub(super) is_pruned: bool,
}

/// What of a training's loss is that of answering as a teacher does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Teaching {
    pub(super) share: f64,
    /// By which the logits of both are divided.
    pub(super) temperature: f64,
}

/// Which epoch's weights are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Kept {
    Best,
    Last,
}

/// What suits a network and a number of training rows.
struct Defaults {
    optimiser: OptimiserSpec,
    sgd_rate: f64,
    /// Of an optimiser that adapts its steps.
    learning_rate: f64,
    weight_decay: f64,
    warm_up: f64,
    batch_size: u32,
    epochs: u32,
    /// None: a quarter of the epochs.
    patience: Option<u32>,
}

impl Recipe {
    /// The recipe that a specification asks for, for so many training rows of this layout.
    pub(crate) fn of(spec: &TrainingSpec, layout: &Layout, rows: usize) -> Self {
        let network = spec.network.clone().unwrap_or_else(|| suited(layout));
        let (network, defaults) = filled(network, layout, rows);
        let mut optimiser = spec.optimiser.clone().unwrap_or_else(|| defaults.optimiser.clone());
        let (learning_rate, weight_decay) = rates(&mut optimiser, &defaults);
        // As its source has it, LeNet's SGD keeps its rate and clips nothing.
        let is_plain =
            matches!((&network, &optimiser), (NetworkSpec::Lenet(_), OptimiserSpec::Sgd(_)));
        let schedule = if is_plain {
            ScheduleSpec::Constant(ConstantSchedule::default())
        } else if matches!(layout, Layout::Text { .. }) {
            ScheduleSpec::OneCycle(OneCycleSchedule {
                peak: defaults.warm_up,
                ..Default::default()
            })
        } else {
            ScheduleSpec::Cosine(CosineSchedule { warm_up: defaults.warm_up })
        };
        let gradient_clip = if is_plain { 0.0 } else { 1.0 };
        let epochs = spec.epochs.unwrap_or(defaults.epochs);
        let patience = spec.patience.or(defaults.patience).unwrap_or(epochs.div_ceil(4));
        // A linear network has one minimum, which is no better half way.
        let is_convex = matches!((&network, layout), (NetworkSpec::Linear(_), Layout::Table(_)));
        // Of texts the loss of one network is least before its rate has fallen, when it is not yet
        // right most often; the mean of several at their ends is better by either.
        let ends = is_convex || network.is_for_text();
        let may_be_last = spec.monitor == Monitor::Loss && spec.divergence == DivergenceRule::Fail;
        let kept = match ends && patience == 0 && may_be_last {
            true => Kept::Last,
            false => Kept::Best,
        };
        Self {
            optimiser,
            learning_rate,
            weight_decay,
            schedule: spec.schedule.clone().unwrap_or(schedule),
            gradient_clip: spec.gradient_clip.unwrap_or(gradient_clip),
            average: spec.average,
            loss: texts::loss(spec, &network),
            network,
            monitor: spec.monitor,
            epochs,
            ends_after: None,
            kept,
            divergence: spec.divergence,
            batch_size: spec.batch_size.unwrap_or(defaults.batch_size).max(1) as usize,
            accumulation: spec.accumulation.max(1) as usize,
            patience,
            seed: spec.seed,
            precision: spec.precision,
            augmentation: spec.augmentation.clone(),
            start: None,
            is_alone: true,
            is_free: false,
            teaching: None,
        }
    }

    /// That of the same training once more, for so many epochs, whatever rows validate it.
    pub(super) fn again(&self, epochs: u32) -> Self {
        let (ends_after, kept) = (Some(epochs), Kept::Last);
        Self { ends_after, kept, patience: 0, is_alone: false, ..self.clone() }
    }

    /// What it reads of inputs of a layout.
    pub(super) fn layout<'a>(&self, layout: &'a Layout) -> Cow<'a, Layout> {
        match self.is_free {
            true => Cow::Owned(layout.free()),
            false => Cow::Borrowed(layout),
        }
    }

    /// The recipe of a simpler network beside it: its own defaults on the same rows, in f32, which
    /// costs a small network little and makes it no easier to beat; and held to no order, so that the
    /// two tell what an order costs.
    pub(super) fn of_baseline(
        spec: &TrainingSpec,
        network: NetworkSpec,
        layout: &Layout,
        rows: usize,
    ) -> Self {
        let plain = TrainingSpec {
            network: Some(network),
            optimiser: None,
            schedule: None,
            gradient_clip: None,
            average: None,
            augmentation: None,
            loss: LossSpec::default(),
            epochs: None,
            batch_size: None,
            accumulation: 1,
            patience: None,
            precision: Precision::F32,
            divergence: DivergenceRule::Fail,
            ..spec.clone()
        };
        // What it has learnt is no start for the network beside it.
        Self { is_alone: false, is_free: true, ..Self::of(&plain, layout, rows) }
    }

    /// The specification as it is carried out.
    pub(super) fn fill(&self, spec: &mut TrainingSpec) {
        spec.network = Some(self.network.clone());
        // What says how others learn says nothing of one that is fitted exactly.
        if self.network.is_scorecard() {
            return;
        }
        spec.optimiser = Some(self.optimiser.clone());
        spec.schedule = Some(self.schedule.clone());
        spec.gradient_clip = Some(self.gradient_clip);
        spec.loss = self.loss.clone();
        spec.epochs = Some(self.epochs);
        spec.batch_size = u32::try_from(self.batch_size).ok();
        spec.patience = Some(self.patience);
        spec.precision = self.precision;
    }
}

/// A specification of a table whose network has the size that suits so many rows, of which only a
/// sample may be looked at; any other as it is.
pub(super) fn suited_to(spec: &TrainingSpec, rows: usize) -> TrainingSpec {
    let mut spec = spec.clone();
    match &mut spec.network {
        Some(NetworkSpec::Tabm(tabm)) => {
            fill_tabm(tabm, rows);
        }
        Some(NetworkSpec::Monotone(monotone)) => {
            fill_monotone(monotone, rows);
        }
        _ => {}
    }
    spec
}

/// Most bins of a number that the network of a specification wants; 0 where it wants none.
pub(super) fn bins(spec: &TrainingSpec, rows: usize) -> usize {
    let network = spec.network.clone().unwrap_or(NetworkSpec::Tabm(TabmNetwork::default()));
    match filled(network, &Layout::Table(Vec::new()), rows).0 {
        NetworkSpec::Tabm(TabmNetwork { bins, .. })
        | NetworkSpec::Monotone(MonotoneNetwork { bins, .. }) => bins.unwrap_or(0) as usize,
        _ => 0,
    }
}

/// Learning rate and decoupled decay of an optimiser, which are filled in.
fn rates(optimiser: &mut OptimiserSpec, defaults: &Defaults) -> (f64, f64) {
    match optimiser {
        OptimiserSpec::Sgd(sgd) => (*sgd.learning_rate.get_or_insert(defaults.sgd_rate), 0.0),
        OptimiserSpec::Adam(adam) => {
            (*adam.learning_rate.get_or_insert(defaults.learning_rate), 0.0)
        }
        OptimiserSpec::RmsProp(rmsprop) => {
            (*rmsprop.learning_rate.get_or_insert(defaults.learning_rate), 0.0)
        }
        OptimiserSpec::AdamW(adam) => (
            *adam.learning_rate.get_or_insert(defaults.learning_rate),
            *adam.weight_decay.get_or_insert(defaults.weight_decay),
        ),
    }
}

/// The network for inputs of a layout.
fn suited(layout: &Layout) -> NetworkSpec {
    match layout {
        Layout::Table(_) if has_order(layout) => NetworkSpec::Monotone(MonotoneNetwork::default()),
        Layout::Table(_) => NetworkSpec::Tabm(TabmNetwork::default()),
        Layout::Image(_) => NetworkSpec::Cnn(CnnNetwork::default()),
        Layout::Text { .. } => NetworkSpec::TextCnn(TextCnnNetwork::default()),
        Layout::Sequence { ahead: Some(_), .. } => NetworkSpec::NLinear(NLinearNetwork::default()),
        Layout::Sequence { ahead: None, .. } => NetworkSpec::Lstm(LstmNetwork::default()),
    }
}

/// A network with its size, and what suits it. Few rows need more noise and decay against learning
/// them by heart, and smaller batches for enough steps. Chosen by cross-validation on public
/// credit tables of 1,000 to 45,000 rows.
fn filled(network: NetworkSpec, layout: &Layout, rows: usize) -> (NetworkSpec, Defaults) {
    let is_few = rows < FEW;
    let (batch_size, epochs) = if is_few { (32, 40) } else { (256, 30) };
    let mut defaults = Defaults {
        optimiser: OptimiserSpec::default(),
        sgd_rate: SGD_RATE,
        learning_rate: 0.001,
        weight_decay: 0.01,
        warm_up: 0.05,
        batch_size,
        epochs,
        patience: None,
    };
    let network = match network {
        NetworkSpec::Linear(_) if matches!(layout, Layout::Text { .. }) => {
            texts::filled(network, rows, &mut defaults)
        }
        NetworkSpec::TextCnn(_) | NetworkSpec::TextAttention(_) => {
            texts::filled(network, rows, &mut defaults)
        }
        NetworkSpec::Linear(LinearNetwork {}) => {
            // Of pixels each tells little, and there are many.
            if matches!(layout, Layout::Table(_)) {
                defaults.epochs *= LINEAR_EPOCHS;
                defaults.patience = Some(0);
            }
            network
        }
        NetworkSpec::Scorecard(card) => {
            // Of Newton's method as many steps are usually enough.
            (defaults.epochs, defaults.patience) = (SCORECARD_STEPS, Some(0));
            NetworkSpec::Scorecard(card.filled())
        }
        NetworkSpec::Mlp(mut mlp) => {
            fill_mlp(&mut mlp, is_few);
            defaults.weight_decay = if is_few { 1.0 } else { 0.01 };
            NetworkSpec::Mlp(mlp)
        }
        NetworkSpec::Tabm(mut tabm) => {
            defaults = fill_tabm(&mut tabm, rows);
            NetworkSpec::Tabm(tabm)
        }
        NetworkSpec::Monotone(mut monotone) => {
            defaults = fill_monotone(&mut monotone, rows);
            NetworkSpec::Monotone(monotone)
        }
        NetworkSpec::Transformer(mut transformer) => {
            fill_transformer(&mut transformer);
            defaults.learning_rate = 0.0005;
            defaults.weight_decay = 1e-5;
            NetworkSpec::Transformer(transformer)
        }
        NetworkSpec::Lenet(_) => {
            defaults.optimiser = OptimiserSpec::Sgd(Sgd::default());
            (defaults.sgd_rate, defaults.learning_rate) = (LENET_RATE, CNN_RATE);
            (defaults.batch_size, defaults.epochs) = (32, 10);
            network
        }
        NetworkSpec::Cnn(mut cnn) => {
            fill_cnn(&mut cnn, layout);
            defaults.learning_rate = CNN_RATE;
            (defaults.batch_size, defaults.epochs) = if is_few { (32, 30) } else { (128, 8) };
            NetworkSpec::Cnn(cnn)
        }
        NetworkSpec::Lstm(_)
        | NetworkSpec::Attention(_)
        | NetworkSpec::NLinear(_)
        | NetworkSpec::DLinear(_) => sequences::filled(network, layout, rows, &mut defaults),
    };
    (network, defaults)
}

fn fill_transformer(transformer: &mut TransformerNetwork) {
    transformer.blocks.get_or_insert(2);
    let width = *transformer.width.get_or_insert(64);
    transformer.heads.get_or_insert(8);
    transformer.feed_forward.get_or_insert((width * 4).div_ceil(3));
    transformer.attention_dropout.get_or_insert(0.2);
    transformer.dropout.get_or_insert(0.1);
}

fn fill_mlp(mlp: &mut MlpNetwork, is_few: bool) {
    let hidden: &[u32] = if is_few { &[256] } else { &[128, 64] };
    mlp.hidden.get_or_insert_with(|| hidden.to_vec());
    mlp.dropout.get_or_insert(if is_few { 0.5 } else { 0.2 });
}

fn fill_cnn(cnn: &mut CnnNetwork, layout: &Layout) {
    if let Layout::Image(shape) = layout {
        cnn.channels.get_or_insert_with(|| suited_channels(*shape));
    }
    cnn.hidden.get_or_insert(128);
    cnn.dropout.get_or_insert(0.5);
}

/// What suits `tabm`, whose size is filled in.
fn fill_tabm(tabm: &mut TabmNetwork, rows: usize) -> Defaults {
    let is_few = rows < VERY_FEW;
    let members = *tabm.members.get_or_insert(8);
    tabm.kept_members = Some(tabm.kept_members.unwrap_or(4).min(members));
    tabm.blocks.get_or_insert(2);
    tabm.width.get_or_insert(128);
    tabm.embedding.get_or_insert(if is_few { 8 } else { 16 });
    tabm.bins.get_or_insert(if is_few { 32 } else { 128 });
    tabm.dropout.get_or_insert(if is_few { 0.3 } else { 0.1 });
    Defaults {
        optimiser: OptimiserSpec::default(),
        sgd_rate: SGD_RATE,
        learning_rate: if is_few { 0.002 } else { 0.003 },
        weight_decay: if is_few { 0.03 } else { 0.01 },
        warm_up: 0.1,
        batch_size: if is_few { 64 } else { 512 },
        epochs: if is_few { 20 } else { 24 },
        // Its best epochs come late, where the rate is low.
        patience: Some(0),
    }
}

/// What suits `monotone`, whose size is filled in: as `tabm`, whose units are less bound.
fn fill_monotone(monotone: &mut MonotoneNetwork, rows: usize) -> Defaults {
    let MonotoneNetwork { members, kept_members, blocks, width, embedding, bins, dropout } =
        *monotone;
    let mut tabm = TabmNetwork { members, kept_members, blocks, width, embedding, bins, dropout };
    let defaults = fill_tabm(&mut tabm, rows);
    let TabmNetwork { members, kept_members, blocks, width, embedding, bins, dropout } = tabm;
    *monotone = MonotoneNetwork { members, kept_members, blocks, width, embedding, bins, dropout };
    defaults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::spec;

    #[test]
    fn what_is_absent_is_filled_in_and_what_is_given_stays() {
        let layout = Layout::Table(Vec::new());
        let mut given = spec("y");
        given.network = Some(NetworkSpec::Mlp(MlpNetwork { hidden: Some(vec![7]), dropout: None }));
        let small = Recipe::of(&given, &layout, 500);
        assert_eq!((small.epochs, small.batch_size, small.patience), (40, 32, 10));
        let mlp = MlpNetwork { hidden: Some(vec![7]), dropout: Some(0.5) };
        assert_eq!(small.network, NetworkSpec::Mlp(mlp));
        let mut filled = given.clone();
        small.fill(&mut filled);
        assert_eq!(Recipe::of(&filled, &layout, 1_000_000), small, "nothing is left to fill in");

        given.network = Some(NetworkSpec::Linear(LinearNetwork {}));
        given.patience = Some(0);
        let large = Recipe::of(&given, &layout, 10_000);
        assert_eq!((large.epochs, large.batch_size, large.patience), (150, 256, 0));
        assert_eq!((large.learning_rate, large.weight_decay), (0.001, 0.01));

        given.network = None;
        let default = Recipe::of(&given, &layout, 1_000);
        let NetworkSpec::Tabm(tabm) = default.network else { panic!("not tabm") };
        assert_eq!((tabm.members, tabm.kept_members, tabm.bins), (Some(8), Some(4), Some(32)));
        assert_eq!((bins(&given, 1_000), bins(&given, 3_000)), (32, 128));
    }
}
