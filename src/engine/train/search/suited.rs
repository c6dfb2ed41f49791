//! What is varied where nothing is said: of each network what usually matters.

use serde_json::{Map, Value, json};

use super::space::{Space, rounded};
use crate::domain::network::NetworkSpec;
use crate::domain::optimiser::OptimiserSpec;
use crate::domain::search::{Choices, Distribution, LogUniformRange, UniformRange};
use crate::domain::training::TrainingSpec;

/// What is varied where nothing is said, of a specification whose network is named and whose defaults
/// are these; but not what the specification has chosen itself.
pub(super) fn suited(
    base: &TrainingSpec,
    filled: &TrainingSpec,
) -> Result<Space, serde_json::Error> {
    let (given, filled) = (serde_json::to_value(base)?, serde_json::to_value(filled)?);
    let mut space = Space::new();
    let number = |pointer: &str| filled.pointer(pointer).and_then(Value::as_f64);
    let mut add = |pointer: &str, from: Distribution| {
        if filled.pointer(pointer).is_some() && !is_chosen(&given, pointer) {
            space.insert(pointer.to_owned(), from);
        }
    };
    if let Some(rate) = number("/optimiser/learning_rate") {
        add("/optimiser/learning_rate", log_uniform(rate / 10.0, (rate * 10.0).min(1e6)));
    }
    let decay = match number("/optimiser/weight_decay") {
        // None, as SGD has by itself: what is usual there.
        Some(decay) if decay <= 0.0 => log_uniform(1e-6, 0.01),
        decay => {
            let decay = decay.unwrap_or(0.01);
            log_uniform(decay / 100.0, (decay * 30.0).min(1.0))
        }
    };
    add("/optimiser/weight_decay", decay);
    if let Some(batch) = filled.get("batch_size").and_then(Value::as_u64) {
        let sizes: Vec<u64> = [batch / 2, batch, batch * 2]
            .into_iter()
            .filter(|size| (1..=65_536).contains(size))
            .collect();
        add("/batch_size", one_of(sizes));
    }
    let Some(network) = filled.get("network").and_then(Value::as_object) else { return Ok(space) };
    for (name, from) in suited_network(network) {
        add(&format!("/network/{name}"), from);
    }
    Ok(space)
}

/// Sizes and dropout of a network, all filled in.
fn suited_network(network: &Map<String, Value>) -> Vec<(&'static str, Distribution)> {
    let kind = network.get("kind").and_then(Value::as_str).unwrap_or_default();
    let heads = network.get("heads").and_then(Value::as_u64).unwrap_or(1);
    let up_to = |high| uniform(0.0, high);
    match kind {
        "mlp" => vec![
            (
                "hidden",
                one_of([
                    json!([64]),
                    json!([128]),
                    json!([256]),
                    json!([512]),
                    json!([128, 64]),
                    json!([256, 128]),
                    json!([128, 128, 128]),
                ]),
            ),
            ("dropout", up_to(0.6)),
        ],
        "tabm" | "monotone" => vec![
            ("blocks", one_of([1, 2, 3])),
            ("width", one_of([64, 128, 256])),
            ("embedding", one_of([8, 16, 24])),
            ("dropout", up_to(0.5)),
        ],
        "transformer" => vec![
            ("blocks", one_of([1, 2, 3])),
            // Divided among the heads.
            ("width", one_of([4, 8, 16].map(|each| each * heads))),
            ("attention_dropout", up_to(0.4)),
            ("dropout", up_to(0.4)),
        ],
        "cnn" => vec![("hidden", one_of([64, 128, 256])), ("dropout", up_to(0.7))],
        "text_cnn" => vec![
            ("embedding", one_of([32, 64, 128])),
            ("channels", one_of([50, 100, 200])),
            ("dropout", up_to(0.7)),
        ],
        "text_attention" => vec![
            ("embedding", one_of([32, 64, 128])),
            ("hidden", one_of([32, 64, 128])),
            ("heads", one_of([2, 4, 8])),
            ("dropout", up_to(0.7)),
        ],
        "lstm" => vec![
            ("layers", one_of([1, 2, 3])),
            ("hidden", one_of([25, 50, 100])),
            ("dropout", up_to(0.5)),
        ],
        "attention" => vec![
            ("layers", one_of([1, 2, 3])),
            ("width", one_of([4, 8, 16].map(|each| each * heads))),
            ("dropout", up_to(0.5)),
        ],
        // Linear and LeNet are of one size.
        _ => Vec::new(),
    }
}

/// Whether a specification gives what a pointer names another value than it has by itself.
fn is_chosen(given: &Value, pointer: &str) -> bool {
    let Some(value) = given.pointer(pointer) else { return false };
    let part = pointer.trim_start_matches('/').split('/').next().unwrap_or_default();
    let Some(kind) = given.pointer(&format!("/{part}/kind")) else { return true };
    let plain = json!({ "kind": kind });
    let plain = match part {
        "network" => serde_json::from_value::<NetworkSpec>(plain).and_then(serde_json::to_value),
        _ => serde_json::from_value::<OptimiserSpec>(plain).and_then(serde_json::to_value),
    };
    let field = pointer.rsplit('/').next().unwrap_or_default();
    plain.ok().as_ref().and_then(|plain| plain.get(field)) != Some(value)
}

fn uniform(low: f64, high: f64) -> Distribution {
    Distribution::Uniform(UniformRange { low, high })
}

fn log_uniform(low: f64, high: f64) -> Distribution {
    Distribution::LogUniform(LogUniformRange { low: rounded(low), high: rounded(high) })
}

fn one_of<T: Into<Value>>(values: impl IntoIterator<Item = T>) -> Distribution {
    Distribution::Choice(Choices { values: values.into_iter().map(Into::into).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::features::Layout;
    use crate::engine::train::check_spec;
    use crate::engine::train::plan::Recipe;
    use crate::engine::train::search::space::{configured, draw};

    #[test]
    fn a_default_space_leaves_alone_what_was_chosen() {
        let pointers = |network: Value, more: Value| -> Vec<String> {
            let mut given = json!({"dataset": {"name": "d"}, "target": "y", "network": network});
            given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let base: TrainingSpec = serde_json::from_value(given).unwrap();
            let recipe = Recipe::of(&base, &Layout::Table(Vec::new()), 1000);
            let mut filled = base.clone();
            recipe.fill(&mut filled);
            let space = suited(&base, &filled).unwrap();
            for number in 0..50 {
                let drawn = configured(&base, &draw(&space, 1, number, 0)).unwrap();
                check_spec(&drawn).unwrap();
            }
            space.into_keys().collect()
        };
        let all = [
            "/batch_size",
            "/network/blocks",
            "/network/dropout",
            "/network/embedding",
            "/network/width",
            "/optimiser/learning_rate",
            "/optimiser/weight_decay",
        ];
        assert_eq!(pointers(json!({"kind": "tabm"}), json!({})), all);
        let monotone = json!({"monotone": {"x": "increasing"}});
        assert_eq!(pointers(json!({"kind": "monotone"}), monotone), all);
        let chosen = json!({"optimiser": {"kind": "adam"}, "batch_size": 8});
        let rest = ["/network/hidden", "/optimiser/learning_rate"];
        assert_eq!(pointers(json!({"kind": "mlp", "dropout": 0.1}), chosen), rest);
        let rest = ["/batch_size", "/optimiser/learning_rate", "/optimiser/weight_decay"];
        assert_eq!(
            pointers(json!({"kind": "linear"}), json!({"optimiser": {"kind": "sgd"}})),
            rest
        );
        let wide = pointers(json!({"kind": "transformer", "heads": 12}), json!({}));
        assert!(wide.contains(&"/network/width".to_owned()), "{wide:?}");
    }
}
