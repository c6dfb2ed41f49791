//! Texts that have been told apart elsewhere, each with several seeds: what is held out is what the
//! source holds out. They are not part of this repository: the tweets on financial news are of the
//! collection `twitter-financial-news-sentiment` (MIT).

use std::path::{Path, PathBuf};
use std::time::Instant;

use actuary::client::Client;
use actuary::domain::version::Metrics;
use actuary::error::{Error, Result};
use serde_json::json;

use crate::measure::{Outcome, note, train};
use crate::table::Table;

const SEEDS: u64 = 3;
const PART: &str = "part";

/// One collection of texts.
#[derive(Debug, Clone)]
pub(crate) struct Texts {
    pub(crate) name: &'static str,
    pub(crate) train: PathBuf,
    test: PathBuf,
    target: &'static str,
    /// What others reach: accuracy and macro-F1.
    peers: [f64; 2],
    network: Option<&'static str>,
}

struct Known {
    name: &'static str,
    files: [&'static str; 2],
    target: &'static str,
    peers: [f64; 2],
    network: Option<&'static str>,
}

const NEWS: [&str; 2] =
    ["twitter_fin_news/sent_train.csv.gz", "twitter_fin_news/sent_valid.csv.gz"];
/// scikit-learn's linear SVM on TF-IDF of words, pairs of words and characters, as `peers.py` has it.
const SVM: [f64; 2] = [0.845, 0.780];

const KNOWN: &[Known] = &[
    Known { name: "twitter-news", files: NEWS, target: "label", peers: SVM, network: None },
    Known {
        name: "twitter-news-attention",
        files: NEWS,
        target: "label",
        peers: SVM,
        network: Some("text_attention"),
    },
];

/// The texts of these names, or all where none are named.
pub(crate) fn known(folder: &Path, names: &[String]) -> Vec<Texts> {
    let wanted = |known: &&Known| names.is_empty() || names.iter().any(|name| name == known.name);
    let texts = KNOWN.iter().filter(wanted).map(|known| Texts {
        name: known.name,
        train: folder.join(known.files[0]),
        test: folder.join(known.files[1]),
        target: known.target,
        peers: known.peers,
        network: known.network,
    });
    texts.collect()
}

/// Every name.
pub(crate) fn names() -> impl Iterator<Item = &'static str> + Clone {
    KNOWN.iter().map(|known| known.name)
}

/// Trains with each seed on the texts that train: accuracy, then macro-F1 of those held out.
///
/// # Errors
/// Why the texts could not be uploaded or trained on.
pub(crate) async fn measure(client: &Client, texts: &Texts) -> Result<[Outcome; 2]> {
    let (mut table, test) = (Table::read(&texts.train)?, Table::read(&texts.test)?);
    let mut parts = vec!["train"; table.rows()];
    parts.resize(table.rows() + test.rows(), "test");
    table.append(test)?;
    let csv = table.with_column(PART, &parts)?;
    let (start, mut accuracy, mut macro_f1) = (Instant::now(), Vec::new(), Vec::new());
    let mut trained = 0.0;
    for seed in 0..SEEDS {
        note(&format!("{}: seed {} of {SEEDS}", texts.name, seed + 1));
        let mut spec = json!({
            "target": texts.target, "seed": seed, "parts": {"by": "column", "column": PART},
        });
        if let Some(kind) = texts.network {
            spec["network"] = json!({ "kind": kind });
        }
        let name = format!("quality-{}", texts.name);
        let version = train(client, &name, csv.clone(), spec).await?;
        trained += version.provenance.seconds / SEEDS as f64;
        let Metrics::Multiclass(metrics) = version.metrics else {
            return Err(Error::internal("training", "the version tells no classes apart"));
        };
        accuracy.push(metrics.accuracy);
        macro_f1.push(metrics.macro_f1);
    }
    note("");
    let seconds = start.elapsed().as_secs_f64();
    let outcome = |metric, values: &[f64], peer| {
        let outcome = Outcome::of(texts.name, metric, values, Some(peer), seconds);
        outcome.with_note(format!("{trained:.1} s of training without baseline"))
    };
    let [of_accuracy, of_f1] = texts.peers;
    Ok([outcome("accuracy", &accuracy, of_accuracy), outcome("macro_f1", &macro_f1, of_f1)])
}
