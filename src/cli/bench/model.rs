//! The models whose predictions are measured, and the rows that they are of.

use serde_json::{Value, json};

use crate::cli::output::grouped;
use crate::client::{Client, Source, outcome};
use crate::domain::dataset::DataFormat;
use crate::domain::job::Job;
use crate::domain::version::AliasTarget;
use crate::error::{Context, Result};

/// Columns, and rows to train on: enough for a model, and it need not be a good one.
const COLUMNS: usize = 20;
const TRAINING_ROWS: usize = 2_000;
const DATASET: &str = "bench";

/// Epochs that no measurement outlasts.
const ENDLESS: u32 = 10_000;

/// A network that is measured.
pub(super) struct Model {
    pub(super) name: &'static str,
    /// Its part of the figures' ids; the named network has none.
    pub(super) id: &'static str,
    text: &'static str,
    /// What of its training is not by default.
    spec: Value,
    /// Whether rows as Arrow are measured, too.
    pub(super) is_asked_in_arrow: bool,
}

impl Model {
    /// The id of a figure of so many rows.
    pub(super) fn id_of(&self, rows: usize, what: &str) -> String {
        format!("serve{}.{rows}.{what}", self.id)
    }

    /// What is said of a figure of so many rows.
    pub(super) fn named(&self, rows: usize, what: &str) -> String {
        let rows = match rows {
            1 => "1 row".to_owned(),
            rows => format!("{} rows", grouped(rows as u64)),
        };
        format!("{}, {rows}: {what}", self.text)
    }
}

/// The first is a network whose columns go through quantiles, as is the default, the second the same
/// network behind a linear scale, as a program without features of its own would have it.
pub(super) fn models() -> [Model; 3] {
    let network = json!({"kind": "mlp", "hidden": [64, 64], "dropout": 0.0});
    [
        Model {
            name: "bench-mlp",
            id: "",
            text: "20-64-64-1",
            spec: json!({"network": network}),
            is_asked_in_arrow: true,
        },
        Model {
            name: "bench-standard",
            id: ".standard",
            text: "20-64-64-1, standard scale",
            spec: json!({"network": network, "preprocessing": {"scaling": "standard"}}),
            is_asked_in_arrow: true,
        },
        Model {
            name: "bench-default",
            id: ".default",
            text: "default network",
            spec: json!({}),
            is_asked_in_arrow: false,
        },
    ]
}

/// Rows to train on, as a dataset.
///
/// # Errors
/// Those of the server.
pub(super) async fn upload(client: &Client) -> Result<()> {
    let names: Vec<String> = (0..COLUMNS).map(|c| format!("x{c:02}")).collect();
    let mut csv = format!("{},y\n", names.join(","));
    for row in 0..TRAINING_ROWS {
        let values: Vec<String> = (0..COLUMNS).map(|c| value(row, c).to_string()).collect();
        let sum = value(row, 0) + value(row, 1) * value(row, 2);
        csv.push_str(&format!("{},{}\n", values.join(","), u8::from(sum > 0.0)));
    }
    let source = Source::Bytes(csv.into());
    let job = client.upload_dataset(DATASET, DataFormat::Csv, &[], source).await?;
    outcome(client.wait_for_job(job.id, |_| {}).await?).map(|_| ())
}

/// A number of about zero, with the digits that measurements have.
fn value(row: usize, column: usize) -> f64 {
    let mixed = (row * COLUMNS + column).wrapping_mul(2_654_435_761) % 4_000_037;
    (mixed as f64 - 2_000_018.0) / 1e6
}

/// Begins a training that goes on until it is cancelled.
///
/// # Errors
/// Those of the server.
pub(super) async fn begin_endless(client: &Client) -> Result<Job> {
    let spec = json!({
        "dataset": {"name": DATASET}, "target": "y", "epochs": ENDLESS, "patience": 0,
        "baselines": false, "device": "cpu"
    });
    let spec = serde_json::from_value(spec).context("making a training specification")?;
    client.train("bench-endless", &spec).await
}

/// A request for predictions of so many rows.
pub(super) fn body(rows: usize) -> Value {
    let row = |row: usize| -> Value {
        (0..COLUMNS)
            .map(|c| (format!("x{c:02}"), json!(value(row, c))))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    json!({"rows": (0..rows).map(row).collect::<Vec<_>>()})
}

/// The same rows as columns.
pub(super) fn columns(rows: usize) -> Vec<(String, Vec<f64>)> {
    let column = |c: usize| (0..rows).map(|row| value(row, c)).collect();
    (0..COLUMNS).map(|c| (format!("x{c:02}"), column(c))).collect()
}

/// Trains a model and makes its first version the one that answers.
///
/// # Errors
/// Those of the server.
pub(super) async fn train(client: &Client, model: &Model) -> Result<()> {
    let mut spec = json!({"dataset": {"name": DATASET}, "target": "y", "epochs": 3, "seed": 1});
    if let (Some(spec), Some(more)) = (spec.as_object_mut(), model.spec.as_object()) {
        spec.extend(more.clone());
    }
    let spec = serde_json::from_value(spec).context("making a training specification")?;
    let job = client.train(model.name, &spec).await?;
    outcome(client.wait_for_job(job.id, |_| {}).await?)?;
    let target = AliasTarget { version: 1, reason: None };
    client.move_alias(model.name, "champion", &target, None).await.map(|_| ())
}

/// The first row of [`body`] as MLflow's scoring server takes it.
pub(super) fn split_body() -> Value {
    let columns: Vec<String> = (0..COLUMNS).map(|c| format!("x{c:02}")).collect();
    let row: Vec<f64> = (0..COLUMNS).map(|c| value(0, c)).collect();
    json!({"dataframe_split": {"columns": columns, "data": [row]}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peer_is_asked_for_the_same_row() {
        let (ours, theirs) = (body(1), split_body());
        let theirs = &theirs["dataframe_split"];
        for (column, value) in ours["rows"][0].as_object().unwrap() {
            let names = theirs["columns"].as_array().unwrap();
            let at = names.iter().position(|name| name == column).unwrap();
            assert_eq!(theirs["data"][0][at], *value);
        }
        assert_eq!(body(3)["rows"].as_array().unwrap().len(), 3);
    }
}
