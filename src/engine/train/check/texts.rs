//! What a specification says of texts.

use super::Findings;
use crate::domain::network::{NetworkSpec, TextAttentionNetwork, TextCnnNetwork};
use crate::domain::optimiser::OptimiserSpec;
use crate::domain::schema::ColumnType;
use crate::domain::training::{EnsembleSpec, TrainingSpec};
use crate::engine::features::Layout;
use crate::engine::train::plan::texts::EMBEDDING;
use crate::error::Result;

/// Most lengths of phrases, and most words of one.
const MAX_PHRASES: usize = 8;
const MAX_WORDS: u64 = 10;
/// Most numbers of a word.
const MAX_EMBEDDING: u64 = 512;
/// Most numbers of the table that words are made of: 268 MB, of which training holds nine times as
/// much, with gradients, moments and what a checkpoint keeps.
const MAX_TABLE: u64 = 1 << 26;
/// Most numbers of the tables of all networks of an ensemble: those that are over stand in memory and
/// in each checkpoint until the last is.
const MAX_TABLES: u64 = 1 << 28;

const NO_DRIFT: &str = "is for the columns of a table, and a text or an image is learnt from alone; \
                        leave it out";

/// Checks what needs no data.
pub(super) fn check_texts(spec: &TrainingSpec, findings: &mut Findings) {
    let reads_text = spec.preprocessing.text.is_some()
        || spec.network.as_ref().is_some_and(NetworkSpec::is_for_text);
    if reads_text && spec.preprocessing.drift.is_some() {
        findings.add("/preprocessing/drift", NO_DRIFT);
    }
    if let Some(text) = &spec.preprocessing.text {
        findings.whole("/preprocessing/text/max_words", text.max_words.into(), 1..=4096);
        findings.whole("/preprocessing/text/buckets", text.buckets.into(), 1024..=1 << 20);
        let kind = spec.network_kind();
        if !matches!(kind, "default" | "linear" | "text_cnn" | "text_attention") {
            let detail = format!(
                "{kind} reads no text; leave it out, or take text_cnn, text_attention or linear"
            );
            findings.add("/preprocessing/text", detail);
        }
        if spec.window.is_some() {
            findings.add("/preprocessing/text", "windows hold no texts; leave it out");
        }
    }
    if spec.window.is_some() && spec.network.as_ref().is_some_and(NetworkSpec::is_for_text) {
        let detail = format!("{} reads a text, and no windows of rows", spec.network_kind());
        findings.add("/network/kind", detail);
    }
}

/// Checks what would mean nothing for inputs of a layout, however it was asked for.
///
/// # Errors
/// [`crate::error::Code::InvalidSpec`] naming what is to be left out.
pub(in crate::engine::train) fn check_meaning(
    spec: &TrainingSpec,
    network: &NetworkSpec,
    layout: &Layout,
) -> Result<()> {
    let mut findings = Findings::default();
    if spec.preprocessing.drift.is_some() && !matches!(layout, Layout::Table(_)) {
        findings.add("/preprocessing/drift", NO_DRIFT);
    }
    let decay = match &spec.optimiser {
        Some(OptimiserSpec::Sgd(sgd)) => sgd.weight_decay,
        Some(OptimiserSpec::AdamW(adam)) => adam.weight_decay.unwrap_or(0.0),
        Some(OptimiserSpec::Adam(_) | OptimiserSpec::RmsProp(_)) | None => 0.0,
    };
    let is_linear = matches!((network, layout), (NetworkSpec::Linear(_), Layout::Text { .. }));
    if is_linear && decay > 0.0 {
        let detail = "a linear network for a text has nothing but a table of words, whose rows don't \
                      decay; leave it out";
        findings.add("/optimiser/weight_decay", detail);
    }
    findings.into_result()
}

/// Checks the table of a network for texts that is named.
pub(super) fn check_named_table(spec: &TrainingSpec, findings: &mut Findings) {
    let Some(network) = spec.network.as_ref().filter(|network| network.is_for_text()) else {
        return;
    };
    let buckets = spec.preprocessing.text.unwrap_or_default().buckets as usize;
    let layout = Layout::Text { width: 0, words: 0, buckets };
    // One that is too wide by itself is found as such.
    if let Some(table) = Table::of(network, &layout, 1).filter(|t| t.width <= MAX_EMBEDDING) {
        table.check(&spec.ensemble.clone().unwrap_or_default(), findings);
    }
}

/// Checks the table of a network whose layout, number of outputs and ensemble are known; nothing of
/// one that reads no text.
///
/// # Errors
/// [`crate::error::Code::InvalidSpec`] naming the buckets or the ensemble.
pub(in crate::engine::train) fn check_table(
    network: &NetworkSpec,
    layout: &Layout,
    outputs: usize,
    ensemble: &EnsembleSpec,
) -> Result<()> {
    let Some(table) = Table::of(network, layout, outputs) else { return Ok(()) };
    let mut findings = Findings::default();
    table.check(ensemble, &mut findings);
    findings.into_result()
}

/// Whether the table of a network is small enough to be trained.
pub(in crate::engine::train) fn is_table_small(
    network: &NetworkSpec,
    layout: &Layout,
    outputs: usize,
) -> bool {
    Table::of(network, layout, outputs).is_none_or(|table| table.numbers() <= MAX_TABLE)
}

/// The table that words are made of.
struct Table {
    buckets: u64,
    width: u64,
    /// What the width is of.
    of: &'static str,
}

impl Table {
    /// That of a network that reads texts.
    fn of(network: &NetworkSpec, layout: &Layout, outputs: usize) -> Option<Self> {
        let Layout::Text { buckets, .. } = layout else { return None };
        let embedding = |embedding: Option<u32>| {
            let width = u64::from(embedding.unwrap_or(EMBEDDING));
            (width, "numbers of a word (network.embedding)")
        };
        let (width, of) = match network {
            NetworkSpec::TextCnn(cnn) => embedding(cnn.embedding),
            NetworkSpec::TextAttention(attention) => embedding(attention.embedding),
            _ => (outputs as u64, "numbers of a word (one for each class)"),
        };
        Some(Self { buckets: *buckets as u64, width, of })
    }

    fn numbers(&self) -> u64 {
        self.buckets.saturating_mul(self.width)
    }

    fn check(&self, ensemble: &EnsembleSpec, findings: &mut Findings) {
        let Self { buckets, width, of } = self;
        let networks = u64::from(ensemble.folds.max(1)) * u64::from(ensemble.seeds.max(1));
        if self.numbers() > MAX_TABLE {
            let detail = format!(
                "{buckets} buckets times {width} {of} are more than the {MAX_TABLE} that a table of \
                 words may hold; lessen one of the two"
            );
            findings.add("/preprocessing/text/buckets", detail);
        } else if self.numbers().saturating_mul(networks) > MAX_TABLES {
            let detail = format!(
                "{networks} networks, each with {buckets} buckets times {width} {of}, are more than \
                 the {MAX_TABLES} that their tables may hold together; take fewer networks, or lessen \
                 preprocessing.text.buckets or the other of the two"
            );
            findings.add("/ensemble", detail);
        }
    }
}

pub(super) fn check_network(network: &NetworkSpec, findings: &mut Findings) {
    match network {
        NetworkSpec::TextCnn(cnn) => check_cnn(cnn, findings),
        NetworkSpec::TextAttention(attention) => {
            let TextAttentionNetwork { embedding, hidden, heads, dropout } = attention;
            super::network::whole(findings, "embedding", *embedding, 1, MAX_EMBEDDING);
            super::network::whole(findings, "hidden", *hidden, 1, 1024);
            super::network::whole(findings, "heads", *heads, 1, 64);
            super::network::share(findings, "dropout", *dropout);
        }
        _ => {}
    }
}

fn check_cnn(cnn: &TextCnnNetwork, findings: &mut Findings) {
    let TextCnnNetwork { embedding, phrases, channels, dropout } = cnn;
    super::network::whole(findings, "embedding", *embedding, 1, MAX_EMBEDDING);
    super::network::whole(findings, "channels", *channels, 1, 1024);
    super::network::share(findings, "dropout", *dropout);
    let Some(phrases) = phrases else { return };
    if !(1..=MAX_PHRASES).contains(&phrases.len()) {
        let detail = format!("has {} lengths; take 1 to {MAX_PHRASES}", phrases.len());
        findings.add("/network/phrases", detail);
    }
    for (i, words) in phrases.iter().enumerate() {
        let pointer = format!("/network/phrases/{i}");
        findings.whole(&pointer, (*words).into(), 1..=MAX_WORDS);
        if phrases[..i].contains(words) {
            findings.add(pointer, format!("{words} is named twice"));
        }
    }
}

/// Checks whether what is asked for suits the features, each with the type of its column.
pub(super) fn check_features(
    spec: &TrainingSpec,
    features: &[(&str, Option<ColumnType>)],
    findings: &mut Findings,
) {
    let is_asked = spec.network.as_ref().is_some_and(NetworkSpec::is_for_text);
    let place = match (is_asked, spec.preprocessing.text) {
        (true, _) => "/network",
        (false, Some(_)) => "/preprocessing/text",
        (false, None) => return,
    };
    match features {
        [(_, Some(ColumnType::String) | None)] | [] => {}
        [(name, Some(_))] => {
            let detail = format!("is for a text, and {name} holds none; leave it out");
            findings.add(place, detail);
        }
        _ => {
            let detail = "a text is learnt from alone: name one column of text, and no other";
            findings.add("/features", detail);
        }
    }
}
