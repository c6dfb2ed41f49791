//! The networks that come into question for a kind of data, the first one first.

use super::order::Order;
use super::question::{Question, plain};
use crate::domain::model::Task;
use crate::domain::network::{
    AttentionNetwork, CnnNetwork, DLinearNetwork, LenetNetwork, LinearNetwork, LstmNetwork,
    MlpNetwork, NLinearNetwork, NetworkSpec, TabmNetwork, TextAttentionNetwork, TextCnnNetwork,
    TransformerNetwork,
};
use crate::domain::scorecard::ScorecardNetwork;
use crate::domain::training::{
    AugmentationSpec, EnsembleSpec, PartsSpec, TextSpec, TimeParts, TrainingSpec,
};
use crate::error::Result;

/// Rows of which fewer train are few (`tabm` then takes its recipe for few rows), and so few that
/// a line is tried first.
const FEW: u64 = 3_000;
const TOO_FEW: u64 = 200;
/// Folds of a cross-fitting of few rows: which rows validate would decide otherwise.
const FOLDS: u32 = 5;
/// Attention holds each pair of columns.
const MOST_TOKENS: usize = 100;
/// LeNet reads pictures of so many pixels a side.
const LENET_SIDE: u32 = 16;
/// A window that a recurrent network reads.
const LSTM_LOOK_BACK: u32 = 30;
/// Of a simpler network for a table that is parted by time.
const BESIDE: &str = "it is trained beside tabm, and served where the later rows can't tell it from a \
                      larger one; name it to have it in any case";
/// Share of the rows that train.
const TRAINING: f64 = 0.64;

/// What kind of data it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Table,
    Images,
    Texts,
    Series,
}

/// All that is known before anything is measured.
pub(super) struct Subject<'a> {
    pub(super) question: &'a Question<'a>,
    pub(super) order: &'a Order,
    pub(super) kind: Kind,
    /// Columns that are better not read.
    pub(super) left_out: Vec<String>,
}

/// A training that comes into question.
pub(super) struct Candidate {
    pub(super) spec: TrainingSpec,
    /// Why it does not come first, where it does not.
    pub(super) why_not: &'static str,
}

impl Subject<'_> {
    /// Whether so few rows train that each of them counts.
    pub(super) fn has_few_rows(&self) -> bool {
        self.kind == Kind::Table && self.training_rows() < FEW
    }

    /// Whether they are so few that a line is tried first.
    pub(super) fn has_too_few_rows(&self) -> bool {
        self.kind == Kind::Table && self.question.known < TOO_FEW
    }

    pub(super) fn training_rows(&self) -> u64 {
        (self.question.known as f64 * TRAINING) as u64
    }

    /// Whether training itself finds out which network for tables is worth its size.
    pub(super) fn leaves_network_open(&self) -> bool {
        self.kind == Kind::Table && self.order.time.is_some() && !self.has_too_few_rows()
    }

    /// Several networks of few rows, each validated on others; not where time orders the rows.
    pub(super) fn ensemble(&self) -> EnsembleSpec {
        // Each class has to be in each fold.
        let spreads = self.question.rarest().is_none_or(|(_, rows)| rows >= u64::from(FOLDS) * 4);
        match self.has_few_rows() && self.order.time.is_none() && spreads {
            true => EnsembleSpec { folds: FOLDS, seeds: 1 },
            false => EnsembleSpec::default(),
        }
    }

    /// The candidates in the order of preference.
    pub(super) fn candidates(&self) -> Result<Vec<Candidate>> {
        let networks = match self.kind {
            Kind::Table => self.for_table(),
            Kind::Images => self.for_images(),
            Kind::Texts => for_texts(),
            Kind::Series => self.for_series(),
        };
        networks
            .into_iter()
            .map(|(network, why_not)| Ok(Candidate { spec: self.spec(network)?, why_not }))
            .collect()
    }

    fn spec(&self, network: NetworkSpec) -> Result<TrainingSpec> {
        let question = self.question;
        let mut spec = plain(question.dataset, question.request)?;
        spec.exclude.extend(self.left_out.iter().cloned());
        if let Some(series) = &self.order.series {
            let mut window = series.window.clone();
            if matches!(network, NetworkSpec::Lstm(_)) {
                window.look_back = window.look_back.map(|steps| steps.min(LSTM_LOOK_BACK));
            }
            spec.window = Some(window);
            spec.task = Some(Task::Forecast);
        } else if let Some(time) = &self.order.time {
            let parts = serde_json::from_value(serde_json::json!({ "column": time }));
            let parts: TimeParts = crate::error::Context::context(parts, "writing parts")?;
            spec.parts = Some(PartsSpec::Time(parts));
        }
        if self.kind == Kind::Images && !matches!(network, NetworkSpec::Linear(_)) {
            spec.augmentation = self.augmentation();
        }
        if self.kind == Kind::Texts {
            // So that the linear network reads words as well.
            spec.preprocessing.text = Some(TextSpec::default());
        }
        // A scorecard is one table of points.
        let ensemble = Some(self.ensemble()).filter(|_| !network.is_scorecard());
        spec.ensemble = ensemble.filter(|e| *e != EnsembleSpec::default());
        spec.network = Some(network);
        Ok(spec)
    }

    /// A shift by a few pixels leaves an image what it is; a turn need not.
    fn augmentation(&self) -> Option<AugmentationSpec> {
        const SHARE: u32 = 14;
        let shift = (self.shorter_side()? / SHARE).min(4);
        (shift > 0).then(|| AugmentationSpec { shift, ..AugmentationSpec::default() })
    }

    fn shorter_side(&self) -> Option<u32> {
        let image = self.question.column(self.question.image()?)?;
        image.sizes.map(|sizes| sizes.min_height.min(sizes.min_width))
    }

    fn for_table(&self) -> Vec<(NetworkSpec, &'static str)> {
        let tabm = NetworkSpec::Tabm(TabmNetwork::default());
        let mlp = NetworkSpec::Mlp(MlpNetwork::default());
        let linear = NetworkSpec::Linear(LinearNetwork::default());
        let scorecard = (self.question.task == Task::Binary).then(|| {
            let why = match self.has_few_rows() {
                true => {
                    "of so few rows it is about as exact, and each point of its score can be \
                     explained: train it beside and compare"
                }
                false => {
                    "it knows no interactions and is mostly less exact, but each point of its score \
                     can be explained: train it beside and compare"
                }
            };
            (NetworkSpec::Scorecard(ScorecardNetwork::default()), why)
        });
        if self.has_too_few_rows() {
            let mut networks = vec![
                (linear, ""),
                (
                    tabm,
                    "so few rows hardly tell more than a line does; train it beside and compare",
                ),
                (mlp, "so few rows hardly tell more than a line does; train it beside and compare"),
            ];
            networks.splice(1..1, scorecard);
            return networks;
        }
        let mut networks = match self.leaves_network_open() {
            true => vec![(tabm, ""), (mlp, BESIDE), (linear, BESIDE)],
            false => vec![
                (tabm, ""),
                (
                    mlp,
                    "tabm bins numbers and averages several networks, and mostly answers better; \
                     this one is trained beside it and compared on the test rows",
                ),
                (
                    linear,
                    "it knows neither bends nor interactions; it is trained beside the recommended \
                     one and compared on the test rows",
                ),
            ],
        };
        networks.extend(scorecard);
        if self.question.candidates().count() <= MOST_TOKENS {
            networks.push((
                NetworkSpec::Transformer(TransformerNetwork::default()),
                "attention over columns takes far longer than tabm and seldom answers better",
            ));
        }
        networks
    }

    fn for_images(&self) -> Vec<(NetworkSpec, &'static str)> {
        let mut networks = vec![(NetworkSpec::Cnn(CnnNetwork::default()), "")];
        if self.shorter_side().is_some_and(|side| side >= LENET_SIDE) {
            networks.push((
                NetworkSpec::Lenet(LenetNetwork::default()),
                "fewer channels and a slow optimiser: quicker in a step, less exact in the end",
            ));
        }
        networks.push((
            NetworkSpec::Linear(LinearNetwork::default()),
            "it weighs each pixel by itself; it is trained beside the recommended one and compared",
        ));
        networks
    }

    fn for_series(&self) -> Vec<(NetworkSpec, &'static str)> {
        vec![
            (NetworkSpec::NLinear(NLinearNetwork::default()), ""),
            (
                NetworkSpec::DLinear(DLinearNetwork::default()),
                "as nlinear, without ridge regression joined to it",
            ),
            (
                NetworkSpec::Lstm(LstmNetwork::default()),
                "of one series alone a recurrent network seldom beats a linear one; take it where \
                 further columns (features) lead the target",
            ),
            (
                NetworkSpec::Attention(AttentionNetwork::default()),
                "many long series have to teach it what a linear one has from the start",
            ),
        ]
    }
}

fn for_texts() -> Vec<(NetworkSpec, &'static str)> {
    vec![
        (NetworkSpec::TextCnn(TextCnnNetwork::default()), ""),
        (
            NetworkSpec::TextAttention(TextAttentionNetwork::default()),
            "it weighs words wherever they stand, and knows no phrases but those that fold into one \
             word: of short texts it is mostly less exact",
        ),
        (
            NetworkSpec::Linear(LinearNetwork::default()),
            "it weighs each word by itself; it is trained beside the recommended one and compared on \
             the test rows",
        ),
    ]
}
