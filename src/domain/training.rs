//! The specification by which a version of a model is trained.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::calibration::CalibrationSpec;
use super::dataset::DatasetRef;
use super::model::Task;
use super::monotone::Direction;
use super::network::NetworkSpec;
use super::optimiser::{OptimiserSpec, ScheduleSpec};
use super::search::SearchSpec;
use super::start::StartSpec;
use super::tagged::deserialize_tagged;
use super::threshold::ThresholdSpec;
use super::window::WindowSpec;

/// How a version is trained. Everything but `dataset` and `target` has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainingSpec {
    pub dataset: DatasetRef,
    /// The column to predict.
    #[schema(example = "default")]
    pub target: String,
    /// The columns to predict from. When absent every column but the target (and a time or part
    /// column named in `parts`), and where one of these holds images, that one alone; with a `window`
    /// the target too, where it is foretold; for a forecast none but what is forecast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<String>>,
    /// Columns to leave out, when `features` is absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Inferred from the target when absent; with a `window`, a number is forecast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// The class whose probability is the score of a binary model; when absent that of the model's newest version,
    /// for its first one `1` (but beside a greater number), `true`, `yes` or `y` where one of the two classes is one
    /// of these, else the rarer class, which a warning tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive_class: Option<String>,
    /// Columns with which the answered number, the probability of the positive class or the value of a
    /// regression, never falls (`increasing`) or never rises (`decreasing`), all others being the
    /// same, whatever is learnt: numbers, booleans and timestamps. A missing value is a state of its
    /// own, without a place in the order. The simpler networks beside it are free.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(example = json!({"income": "decreasing"}))]
    pub monotone: BTreeMap<String, Direction>,
    /// What suits the kind of input when absent: `tabm` for a table, `monotone` for one with
    /// columns that are `monotone`, which beside it `linear` and `scorecard` keep to; `cnn` for images, `nlinear` for
    /// a forecast, `lstm` for other windows, and `text_cnn` where the one feature is free text: a
    /// column of strings of which half or more differ, and half or more have three words or, in a
    /// language without spaces, six characters. For a table that is parted by time the simplest of
    /// `linear`, `mlp` and `tabm` that the later validation rows can't tell from the best one, unless
    /// there is a `search` or something `monotone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkSpec>,
    /// What suits the network when absent: `adamw`; `adam` for `lstm`, `nlinear` and `dlinear`, `sgd`
    /// for `lenet`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimiser: Option<OptimiserSpec>,
    /// What suits the network when absent: `cosine`; `one_cycle` for texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleSpec>,
    /// Longest gradient of a step, all parameters taken together; 0 never shortens it. What suits
    /// the network when absent: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub gradient_clip: Option<f64>,
    /// Keeps a running mean of the weights, of which so much stays at each step, and serves it
    /// instead of the last weights (0.999, say); none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(exclusive_minimum = 0, exclusive_maximum = 1)]
    pub average: Option<f64>,
    #[serde(default)]
    pub loss: LossSpec,
    /// What decides which epoch is the best one.
    #[serde(default)]
    pub monitor: Monitor,
    /// What becomes of a training that diverges: whose loss or weights are no longer finite, or whose
    /// loss is 10,000 times that of guessing.
    #[serde(default)]
    pub divergence: DivergenceRule,
    /// How often every training row is seen, at most; when absent 40 below 10,000 training rows,
    /// else 30, and five times that for the linear network; 10 for `lstm`, `nlinear` and `dlinear`,
    /// 20 for `attention`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10_000)]
    pub epochs: Option<u32>,
    /// Rows per step; when absent 32 below 10,000 training rows, else 256; 32 for `lstm` and
    /// `attention`, 16 to 256 for `nlinear` and `dlinear`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 65_536)]
    pub batch_size: Option<u32>,
    /// Slices into which a step's rows are cut, one after the other: less memory, the same step.
    #[serde(default = "defaults::accumulation")]
    #[schema(minimum = 1, maximum = 1_024)]
    pub accumulation: u32,
    /// Several networks, whose answers are averaged; when absent 3 folds for `text_cnn` and
    /// `text_attention` (3 seeds where the parts are by time, where a column says which rows validate,
    /// or with a `refit`), else one network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ensemble: Option<EnsembleSpec>,
    /// Whether simpler networks are trained beside it, to tell what it is better than. None are
    /// beside a forecast, which is always held against what needs no network.
    #[serde(default = "defaults::baselines")]
    pub baselines: bool,
    /// Whether a network is trained once more at the end, on the training and the validation rows
    /// together and for as many epochs as were best, and that one served: the newest rows before the
    /// test rows tell most of these. When absent only for a table that is parted by time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refit: Option<bool>,
    /// Same seed, data, build and device: same weights (CPU).
    #[serde(default = "defaults::seed")]
    #[schema(maximum = 9_007_199_254_740_991u64)]
    pub seed: u64,
    /// `auto`, `cpu` or `cuda:N`.
    #[serde(default = "defaults::device")]
    #[schema(example = "auto", max_length = 20)]
    pub device: String,
    /// In which numbers the matrix products of a step are taken: `bf16` is for CUDA devices only.
    #[serde(default)]
    pub precision: Precision,
    /// At random when absent, with a `window` by its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<PartsSpec>,
    /// Makes windows of series of the rows: needed for a forecast, and for the networks that read
    /// sequences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowSpec>,
    /// Stop when the validation loss has not improved for so many epochs; the best epoch's
    /// weights are kept in any case. 0 never stops early. A quarter of the epochs when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 10_000)]
    pub patience: Option<u32>,
    #[serde(default)]
    pub class_weights: ClassWeights,
    #[serde(default)]
    pub preprocessing: PreprocessingSpec,
    /// How training images are changed anew in each epoch; not at all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augmentation: Option<AugmentationSpec>,
    #[serde(default)]
    pub calibration: CalibrationSpec,
    #[serde(default)]
    pub threshold: ThresholdSpec,
    /// Searches for a better configuration first, and trains that one; none is searched for when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchSpec>,
    /// Begins with the weights that an earlier training had before it diverged; with random ones when
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<StartSpec>,
}

impl TrainingSpec {
    /// Name of the network; `default` where none is named and none has been chosen yet.
    pub fn network_kind(&self) -> &'static str {
        self.network.as_ref().map_or("default", NetworkSpec::kind)
    }
}

/// The defaults that have no type of their own to stand in.
mod defaults {
    pub(super) fn seed() -> u64 {
        0
    }
    pub(super) fn accumulation() -> u32 {
        1
    }
    pub(super) fn baselines() -> bool {
        true
    }
    pub(super) fn one() -> u32 {
        1
    }
    pub(super) fn device() -> String {
        "auto".into()
    }
    pub(super) fn validation() -> f64 {
        0.16
    }
    pub(super) fn test() -> f64 {
        0.20
    }
    pub(super) fn max_categories() -> u32 {
        64
    }
    pub(super) fn min_category_count() -> u32 {
        5
    }
    pub(super) fn max_words() -> u32 {
        256
    }
    pub(super) fn buckets() -> u32 {
        1 << 17
    }
}

/// How rows fall into the training, validation and test parts.
///
/// Training rows fit the features and the weights; validation rows stop the training and set the
/// threshold; test rows are only reported on.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum PartsSpec {
    Random(RandomParts),
    Time(TimeParts),
    Column(ColumnParts),
}

deserialize_tagged! { PartsSpec by "by":
    "random" => Random(RandomParts),
    "time" => Time(TimeParts),
    "column" => Column(ColumnParts),
}

impl Default for PartsSpec {
    fn default() -> Self {
        Self::Random(RandomParts::default())
    }
}

impl TrainingSpec {
    /// How the rows fall into parts, also where the specification leaves that open.
    pub fn parts(&self) -> PartsSpec {
        match (&self.parts, &self.window) {
            (Some(parts), _) => parts.clone(),
            (None, None) => PartsSpec::default(),
            (None, Some(window)) => PartsSpec::Time(TimeParts {
                column: window.time.clone(),
                validation: defaults::validation(),
                test: defaults::test(),
            }),
        }
    }
}

/// At random by the seed, each class in the same proportions in every part. With a `window` whole
/// series fall into the parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RandomParts {
    /// Share of the validation rows.
    #[serde(default = "defaults::validation")]
    #[schema(exclusive_minimum = 0, exclusive_maximum = 1)]
    pub validation: f64,
    /// Share of the test rows.
    #[serde(default = "defaults::test")]
    #[schema(exclusive_minimum = 0, exclusive_maximum = 1)]
    pub test: f64,
}

impl Default for RandomParts {
    fn default() -> Self {
        Self { validation: defaults::validation(), test: defaults::test() }
    }
}

/// By time: the oldest rows train, the newest test; rows of one instant stay together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeParts {
    /// A column that orders the rows: a timestamp or a number. Not used as a feature.
    pub column: String,
    /// Share of the validation rows.
    #[serde(default = "defaults::validation")]
    #[schema(exclusive_minimum = 0, exclusive_maximum = 1)]
    pub validation: f64,
    /// Share of the test rows.
    #[serde(default = "defaults::test")]
    #[schema(exclusive_minimum = 0, exclusive_maximum = 1)]
    pub test: f64,
}

/// By a column that says `train`, `validation` or `test` in every row. Not used as a feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnParts {
    pub column: String,
    /// Where no row says `validation`: the share of the rows that say `train` which become
    /// validation rows, at random by the seed.
    #[serde(default = "defaults::validation")]
    #[schema(exclusive_minimum = 0, exclusive_maximum = 1)]
    pub validation: f64,
}

/// How much a row of each class counts in the loss. What that adds to the logits, ln w for a class of weight w,
/// is taken from them in the version, whose probabilities are those of the data whatever its calibration;
/// act on a rare class by `threshold`. Of several classes the one of the greatest of these is answered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum ClassWeights {
    /// Every row counts 1: probabilities stay those of the data.
    #[default]
    None,
    /// Rows of every class together count the same.
    Balanced,
    Given(GivenWeights),
}

deserialize_tagged! { ClassWeights by "by":
    "none" => None,
    "balanced" => Balanced,
    "given" => Given(GivenWeights),
}

/// A weight for each class by its label; a class not named counts 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GivenWeights {
    pub weights: BTreeMap<String, f64>,
}

/// How columns become numbers. What is fitted is fitted on training rows and kept in the version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreprocessingSpec {
    #[serde(default)]
    pub scaling: Scaling,
    /// Categories kept per column, most frequent first; the others share one rare slot.
    #[serde(default = "defaults::max_categories")]
    #[schema(minimum = 1, maximum = 4_096)]
    pub max_categories: u32,
    /// A category seen less often in the training rows is rare.
    #[serde(default = "defaults::min_category_count")]
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub min_category_count: u32,
    /// What becomes of columns whose values are other ones in the later validation rows (tables
    /// parted by time only); when absent they are left out, but kept where `features` names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftRule>,
    /// What images are brought to (images only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageSpec>,
    /// How a text becomes words (texts only; with it, the one feature is read as text by `linear` too).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TextSpec>,
}

/// What becomes of a column that says when a row was made rather than what it is: one whose values
/// in the training and in the later validation rows have a total variation distance above 0.5, and
/// above what chance makes of so few rows (of which 200 are usually enough to tell).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DriftRule {
    /// It is left out, with a warning: what follows from its next values can't be learnt.
    LeaveOut,
    /// It is kept, with a warning.
    Keep,
}

impl Default for PreprocessingSpec {
    fn default() -> Self {
        Self {
            scaling: Scaling::default(),
            max_categories: defaults::max_categories(),
            min_category_count: defaults::min_category_count(),
            drift: None,
            image: None,
            text: None,
        }
    }
}

/// What images are brought to; they are stretched where their sides are in another proportion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageSpec {
    /// Pixels; the median of the training images when absent, at most 64 of the longer side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 4, maximum = 512)]
    pub height: Option<u32>,
    /// Pixels; as the height when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 4, maximum = 512)]
    pub width: Option<u32>,
    /// 1 (grey) or 3 (red, green, blue); 3 when absent and a training image has colours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 3)]
    pub channels: Option<u32>,
}

/// How a text becomes words: in small letters and Unicode's compatibility form (NFKC), links, tickers
/// (`$IBM`) and numbers each as one word, and a word as itself and its parts of three to five letters;
/// in languages without spaces every character is a word, together with the next one and two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextSpec {
    /// Words that are read of a text at most, the first ones. Of a text that is more than twice as
    /// long as all but one of a thousand training texts, only so much is read as twice that.
    #[serde(default = "defaults::max_words")]
    #[schema(minimum = 1, maximum = 4_096)]
    pub max_words: u32,
    /// Rows of the table in which words and their parts have a place each, by a hash. Times the
    /// `embedding` of the network at most 67,108,864, and 268,435,456 for all networks of an
    /// `ensemble`.
    #[serde(default = "defaults::buckets")]
    #[schema(minimum = 1_024, maximum = 1_048_576)]
    pub buckets: u32,
}

impl Default for TextSpec {
    fn default() -> Self {
        Self { max_words: defaults::max_words(), buckets: defaults::buckets() }
    }
}

/// How training images are changed anew in each epoch, each image by chance: what stays the same to
/// people should to the model. What is 0 or absent changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AugmentationSpec {
    /// Most pixels that an image is moved, up or down and left or right.
    #[serde(default)]
    #[schema(maximum = 64)]
    pub shift: u32,
    /// Most degrees that it is turned, either way.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 180)]
    pub rotate: f64,
    /// By which share it grows or shrinks at most.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 0.9)]
    pub scale: f64,
    /// Standard deviation of normal noise on every pixel, where that of all pixels is 1.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 10)]
    pub noise: f64,
    /// Mixes images and their labels in pairs, in shares by Beta(mixup, mixup) (Zhang et al. 2018).
    #[serde(default)]
    #[schema(minimum = 0, maximum = 10)]
    pub mixup: f64,
}

/// How numbers are scaled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// To a normal distribution by the quantiles of the training rows: robust against outliers.
    #[default]
    Quantile,
    /// To mean 0 and standard deviation 1.
    Standard,
}

/// What a training lessens: the log loss of classes, the squared error of numbers, the pinball loss
/// of quantiles.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LossSpec {
    /// Share of the truth that is spread over all classes: probabilities stay further from 0 and 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, exclusive_maximum = 1)]
    pub label_smoothing: Option<f64>,
    /// Rows that are answered well already count less, by this power of what is missing to a
    /// probability of 1 (focal loss, Lin et al. 2017): 2, say. The probabilities are then no longer
    /// those of the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 10)]
    pub focal_gamma: Option<f64>,
}

/// A figure of the validation rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Monitor {
    /// Log loss or squared error, the lower the better.
    #[default]
    Loss,
    /// Area under the ROC curve (binary).
    Auc,
    /// Share of right labels at the greatest probability (classes).
    Accuracy,
    /// Unweighted mean of the classes' F1 at the greatest probability (classes).
    MacroF1,
    /// Share of the variance explained (regression).
    R2,
}

/// In which numbers the matrix products of a training are taken: `f32` has 32 bits; `bf16` has 16, for
/// which GPUs have faster units since Ampere, and about three digits, in the range of `f32`.
///
/// With `bf16` layers, convolutions, attention and the gates of `lstm` are multiplied so, forward and
/// backward; the weights, the optimiser, the loss, a softmax and what normalises stay in `f32`, in which
/// a version is validated and answers, too. The simpler networks beside it learn in
/// `f32`. It is refused where the job's device is a CPU or an older GPU, and for `nlinear`, `dlinear`
/// and a `linear` network of texts, which have nothing large to multiply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    #[default]
    F32,
    Bf16,
}

/// What becomes of a training that diverges: with `fail` the job does, with the code `diverged`; with
/// `keep_best` it ends there, and the best epoch before is served, with a warning, unless it was the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DivergenceRule {
    /// The job fails with the code `diverged`, and no version is made.
    #[default]
    Fail,
    /// It ends there, and the best epoch before is served, with a warning; where it was the first
    /// epoch, the job fails. Of every network the best epoch is then kept, never the last one; of a
    /// `refit`, the last one before. A search counts what diverges as diverged in either case.
    KeepBest,
}

/// Several networks of one specification, whose answers are averaged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnsembleSpec {
    /// Cross-fitting: the training and validation rows are split anew into so many folds, and each
    /// network is validated on another one, also where a column says which rows validate: these are
    /// then trained on too. 1 keeps the parts as they are, as parts by time and windows have to be.
    #[serde(default = "defaults::one")]
    #[schema(minimum = 1, maximum = 20)]
    pub folds: u32,
    /// So many networks of different seeds for each fold.
    #[serde(default = "defaults::one")]
    #[schema(minimum = 1, maximum = 20)]
    pub seeds: u32,
}

impl Default for EnsembleSpec {
    fn default() -> Self {
        Self { folds: 1, seeds: 1 }
    }
}
