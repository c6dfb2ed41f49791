//! Images that have been told apart elsewhere, each with several seeds: what is held out is what the
//! source holds out. They are not part of this repository: MNIST (LeCun, Cortes & Burges, CC BY-SA
//! 3.0) in its own format, IDX.

use std::path::{Path, PathBuf};
use std::time::Instant;

use actuary::client::{Client, FormPart, Source};
use actuary::domain::dataset::DataFormat;
use actuary::domain::version::Metrics;
use actuary::error::{Error, Result};
use serde_json::{Value, json};

use crate::measure::{Outcome, note, train_on, upload};

const SEEDS: u64 = 3;

/// One collection of images.
#[derive(Debug, Clone)]
pub(crate) struct Images {
    pub(crate) name: &'static str,
    /// The part of the form and the file of each, the images first.
    pub(crate) files: [(&'static str, PathBuf); 4],
    /// What others reach: accuracy.
    peer: f64,
    /// What is asked for beside the target; nothing by default.
    lenet: bool,
}

/// LeNet-5's error of 0.95 % (LeCun et al. 1998), which took 20 epochs over distorted images.
const LENET_5: f64 = 0.9905;
const KNOWN: [(&str, bool); 2] = [("mnist", false), ("mnist-lenet", true)];

/// The images of these names, or all where none are named.
pub(crate) fn known(folder: &Path, names: &[String]) -> Vec<Images> {
    let wanted = KNOWN
        .iter()
        .filter(|(known, _)| names.is_empty() || names.iter().any(|name| name == known));
    let file = |name: &str| folder.join("mnist").join(format!("{name}-ubyte.gz"));
    let images = wanted.map(|(name, lenet)| Images {
        name,
        files: [
            ("image", file("train-images-idx3")),
            ("label", file("train-labels-idx1")),
            ("image", file("t10k-images-idx3")),
            ("label", file("t10k-labels-idx1")),
        ],
        peer: LENET_5,
        lenet: *lenet,
    });
    images.collect()
}

/// Every name.
pub(crate) fn names() -> impl Iterator<Item = &'static str> + Clone {
    KNOWN.iter().map(|(name, _)| *name)
}

/// Trains with each seed on the images that train: accuracy on those held out.
///
/// # Errors
/// Why the images could not be uploaded or trained on.
pub(crate) async fn measure(client: &Client, images: &Images) -> Result<Outcome> {
    let name = format!("quality-{}", images.name);
    let mut parts = Vec::new();
    for (number, (field, path)) in images.files.iter().enumerate() {
        if number % 2 == 0 {
            let value = if number == 0 { "train" } else { "test" }.to_owned();
            parts.push(FormPart::Text { name: "part".to_owned(), value });
        }
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        parts.push(FormPart::File { name: (*field).to_owned(), file, path: path.clone() });
    }
    let start = Instant::now();
    let version = upload(client, &name, DataFormat::Form, Source::Form(parts)).await?;
    let (mut accuracy, mut trained) = (Vec::new(), 0.0);
    for seed in 0..SEEDS {
        note(&format!("{}: seed {} of {SEEDS}", images.name, seed + 1));
        let mut spec = json!({
            "target": "label", "seed": seed, "parts": {"by": "column", "column": "part"},
        });
        if images.lenet {
            as_its_source_has_it(&mut spec);
        }
        let version = train_on(client, &name, version, spec).await?;
        trained += version.provenance.seconds / SEEDS as f64;
        let Metrics::Multiclass(metrics) = version.metrics else {
            return Err(Error::internal("training", "the version tells no classes apart"));
        };
        accuracy.push(metrics.accuracy);
    }
    note("");
    let seconds = start.elapsed().as_secs_f64();
    let outcome = Outcome::of(images.name, "accuracy", &accuracy, Some(images.peer), seconds);
    Ok(outcome.with_note(format!("{trained:.1} s of training without baseline")))
}

/// LeNet and SGD at a rate of 0.001 with a momentum of 0.9, which are its defaults; half its epochs.
fn as_its_source_has_it(spec: &mut Value) {
    spec["network"] = json!({ "kind": "lenet" });
    spec["epochs"] = json!(5);
    spec["batch_size"] = json!(32);
}
