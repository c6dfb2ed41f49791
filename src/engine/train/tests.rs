use super::*;
use crate::domain::model::{LinearNetwork, NetworkSpec};
use crate::engine::testing::{Record, frame, noise, spec, uniform};
use crate::error::Code;
use crate::frame::Values;

fn auc(trained: &Trained) -> f64 {
    let Metrics::Binary(metrics) = &trained.metrics else { panic!("not binary") };
    metrics.auc.unwrap()
}

/// A logistic relation: its best AUC is that of the true probability.
fn logistic(rows: usize) -> (Frame, f64) {
    let x = noise(rows, 4, 1);
    let u = uniform(rows, 1);
    let p: Vec<f64> = (0..rows)
        .map(|r| 1.0 / (1.0 + (-(3.0 * x[0][r] - 2.0 * x[1][r] + x[2][r])).exp()))
        .collect();
    let y: Vec<bool> = p.iter().zip(&u).map(|(p, u)| u < p).collect();
    let best = crate::stats::auc(&p, &y).unwrap();
    (frame(&x, Values::Bool(y.into_iter().map(Some).collect())), best)
}

#[test]
fn a_linear_relation_is_learnt_by_both_networks() {
    let (frame, best) = logistic(3000);
    for network in [NetworkSpec::Linear(LinearNetwork {}), NetworkSpec::default()] {
        let mut spec = spec("y");
        spec.network = network;
        let trained = train(&frame, &spec, None, &mut Record::default()).unwrap();
        assert!(auc(&trained) > best - 0.03, "{} of {best}", auc(&trained));
        assert!(trained.warnings.is_empty(), "{:?}", trained.warnings);
    }
}
