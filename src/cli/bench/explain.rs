//! Explanations of answers beside their floor.
//!
//! A gradient takes about three passes through a network: so an explanation of so many points should
//! take no longer than three times as many rows take to be scored, in the same process.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Explain, Row, median};
use crate::app::Explained;
use crate::cli::interruptible;
use crate::error::{Context, Result};

/// Passes of a point.
const PASSES: f64 = 3.0;
/// Numbers of a row, as of Taiwan's credit cards.
const COLUMNS: usize = 23;

/// A network whose answers are explained.
struct Case {
    id: &'static str,
    name: &'static str,
    network: Value,
}

fn cases() -> [Case; 2] {
    [
        Case {
            id: "tabm",
            name: "the default for tables, 23 numbers",
            network: json!({"kind": "tabm"}),
        },
        Case { id: "mlp", name: "a perceptron, 23 numbers", network: json!({"kind": "mlp"}) },
    ]
}

impl Case {
    fn train(&self) -> Result<Explained> {
        let spec = json!({
            "dataset": {"name": "bench"}, "target": "y", "device": "cpu", "epochs": 4,
            "baselines": false, "calibration": "none", "network": self.network
        });
        let spec = serde_json::from_value(spec).context("making a training specification")?;
        Explained::train(&spec, COLUMNS)
    }
}

/// What the turns of a case have shown.
#[derive(Default)]
struct Turns {
    explained: Vec<f64>,
    floor: Vec<f64>,
    points: f64,
}

pub(super) async fn run(options: &Explain) -> Result<Vec<Row>> {
    interruptible(measure(options)).await
}

async fn measure(options: &Explain) -> Result<Vec<Row>> {
    let time = Duration::from_secs_f64(options.seconds);
    let mut rows = Vec::new();
    for case in cases() {
        let trained = case.train().map(Arc::new);
        let explained = trained?;
        let mut turns = Turns::default();
        for _ in 0..options.rounds.max(1) {
            let explained = explained.clone();
            let turn = tokio::task::spawn_blocking(move || {
                Ok((explained.scores(time)?, explained.explains(time)?))
            });
            let (scored, (rate, points)) = turn.await.context("waiting for a measurement")??;
            turns.explained.push(rate);
            turns.floor.push(scored / (PASSES * points));
            turns.points = points;
        }
        rows.push(row(&case, turns));
    }
    Ok(rows)
}

fn row(case: &Case, turns: Turns) -> Row {
    let ratios = turns.explained.iter().zip(&turns.floor).map(|(ours, floor)| ours / floor);
    Row {
        id: format!("explain.gradients.{}", case.id),
        name: format!(
            "{}: rows explained by {:.0} gradients, against scores of {} as many",
            case.name, turns.points, PASSES
        ),
        unit: "rows/s",
        ratio: Some(median(ratios.collect())),
        ours: median(turns.explained),
        peer: Some(median(turns.floor)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_held_against_three_passes_of_each_point() {
        let turns = Turns {
            explained: vec![50.0, 30.0, 40.0],
            floor: vec![100.0, 50.0, 50.0],
            points: 256.0,
        };
        let row = row(&cases()[0], turns);
        assert_eq!((row.id.as_str(), row.unit), ("explain.gradients.tabm", "rows/s"));
        assert_eq!((row.ours, row.peer, row.ratio), (40.0, Some(50.0), Some(0.6)));
        assert!(row.name.contains("by 256 gradients"), "{}", row.name);
    }
}
