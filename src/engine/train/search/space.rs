//! The space of a search: what may be varied, how configurations are drawn from it, and how a
//! specification becomes one of them.

use std::collections::BTreeMap;

use rand::RngCore;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::domain::name::did_you_mean;
use crate::domain::network::NetworkSpec;
use crate::domain::search::{Choices, Distribution, IntegerRange, LogUniformRange, UniformRange};
use crate::domain::training::TrainingSpec;
use crate::engine::random::{Purpose, keyed};

/// What is varied, by JSON pointer into the specification.
pub(in crate::engine::train) type Space = BTreeMap<String, Distribution>;
/// A configuration: the values of all that is varied.
pub(in crate::engine::train) type Values = BTreeMap<String, Value>;

/// What a configuration may differ in: all that decides how prepared rows are learnt from.
const VARIED: [&str; 9] = [
    "network",
    "optimiser",
    "schedule",
    "batch_size",
    "gradient_clip",
    "average",
    "loss",
    "augmentation",
    "accumulation",
];
/// Digits of a number that is drawn.
const DIGITS: usize = 4;

/// Whether what a pointer names may be varied; else why not.
pub(in crate::engine::train) fn check_pointer(pointer: &str) -> Result<(), String> {
    let Some(path) = pointer.strip_prefix('/') else {
        return Err("is no JSON pointer: it begins with a /, as /optimiser/learning_rate".into());
    };
    match pointer {
        "/network/bins" => {
            return Err("decides how rows are prepared, which is the same for all \
                        configurations; set it in the specification"
                .into());
        }
        "/network/ridge" => {
            return Err("changes what is served, not what is validated, so that no search can \
                        tell; set it in the specification"
                .into());
        }
        _ => {}
    }
    let first = path.split('/').next().unwrap_or_default();
    if VARIED.contains(&first) {
        return Ok(());
    }
    let takes: Vec<String> = VARIED.iter().map(|name| format!("/{name}")).collect();
    let hint = did_you_mean(first, VARIED.iter().copied());
    Err(format!("can't be varied{hint}; take what lies at or below {}", takes.join(", ")))
}

/// A configuration by its number, or another one of that number where it did not hold.
pub(in crate::engine::train) fn draw(
    space: &Space,
    seed: u64,
    number: u32,
    attempt: u32,
) -> Values {
    let mut rng = keyed(seed, Purpose::Search, number.into(), attempt.into());
    space.iter().map(|(pointer, from)| (pointer.clone(), sample(from, &mut rng))).collect()
}

fn sample(from: &Distribution, rng: &mut ChaCha8Rng) -> Value {
    match from {
        Distribution::Uniform(UniformRange { low, high }) => {
            json!(rounded(low + unit(rng) * (high - low)).clamp(*low, *high))
        }
        Distribution::LogUniform(LogUniformRange { low, high }) => {
            json!(rounded(between(low.ln(), high.ln(), rng).exp()).clamp(*low, *high))
        }
        Distribution::Integer(IntegerRange { low, high, log }) => {
            let end = f64::from(*high) + 1.0;
            let drawn = match log {
                true => between(f64::from(*low).ln(), end.ln(), rng).exp(),
                false => between(f64::from(*low), end, rng),
            };
            json!((drawn.floor() as u32).clamp(*low, *high))
        }
        Distribution::Choice(Choices { values }) => {
            // As in a shuffle: uniform up to 2^-64.
            let chosen = (u128::from(rng.next_u64()) * values.len() as u128) >> 64;
            values.get(chosen as usize).cloned().unwrap_or_default()
        }
    }
}

/// Uniform in [0, 1).
fn unit(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

fn between(low: f64, high: f64, rng: &mut ChaCha8Rng) -> f64 {
    low + unit(rng) * (high - low)
}

/// Of few digits, as people read it and write it down.
pub(super) fn rounded(number: f64) -> f64 {
    format!("{number:.*e}", DIGITS - 1).parse().unwrap_or(number)
}

/// The specification with the values of a configuration, and without the search; or why there is
/// none. What is varied within a part that the specification leaves open takes this part's default
/// kind.
pub(in crate::engine::train) fn configured(
    base: &TrainingSpec,
    values: &Values,
) -> Result<TrainingSpec, String> {
    let base = TrainingSpec { search: None, ..base.clone() };
    let mut whole = serde_json::to_value(&base).map_err(|error| error.to_string())?;
    // A part comes before what lies within it.
    for (pointer, value) in values {
        open(&mut whole, pointer)?;
        put(&mut whole, pointer, value)?;
    }
    let mut spec: TrainingSpec =
        serde_json::from_value(whole).map_err(|error| error.to_string())?;
    let kind = spec.network_kind();
    if kind == "scorecard" {
        return Err(
            "a scorecard reads rows that are prepared for it, and there is nothing to search \
                    for: train it by itself"
                .into(),
        );
    }
    if let Some(own) = spec.network.as_mut().and_then(bins) {
        let prepared = match base.network.clone() {
            None => None,
            Some(mut base) if base.kind() == kind => bins(&mut base).copied().flatten(),
            Some(_) => {
                return Err(format!(
                    "{kind} reads rows that are prepared for it: name {kind} as the network, and the \
                     others in the space"
                ));
            }
        };
        if own.is_some() && *own != prepared {
            return Err("bins decide how rows are prepared, which is the same for all \
                        configurations; set them in the specification"
                .into());
        }
        *own = prepared;
    }
    Ok(spec)
}

/// Most bins that a network asks for, which decide how rows are prepared; None of one that asks for
/// none.
fn bins(network: &mut NetworkSpec) -> Option<&mut Option<u32>> {
    match network {
        NetworkSpec::Tabm(tabm) => Some(&mut tabm.bins),
        NetworkSpec::Monotone(monotone) => Some(&mut monotone.bins),
        _ => None,
    }
}

/// Makes the part that a pointer leads into, where the specification leaves it open.
fn open(whole: &mut Value, pointer: &str) -> Result<(), String> {
    let Some((part, _)) = pointer.trim_start_matches('/').split_once('/') else { return Ok(()) };
    if whole.get(part).is_some_and(|found| !found.is_null()) {
        return Ok(());
    }
    whole[part] = match part {
        "optimiser" => json!({"kind": default_optimiser(whole)}),
        "augmentation" => json!({}),
        _ => return Err(format!("the specification names no {part}; say of which kind it is")),
    };
    Ok(())
}

/// Kind of the optimiser that a specification without one has.
fn default_optimiser(whole: &Value) -> &'static str {
    let kind = whole.pointer("/network/kind").and_then(Value::as_str);
    match kind {
        Some("lenet") => "sgd",
        Some("lstm" | "nlinear" | "dlinear") => "adam",
        // The defaults for windows are two of these.
        None if whole.get("window").is_some_and(|window| !window.is_null()) => "adam",
        _ => "adamw",
    }
}

/// Puts a value in its place.
fn put(whole: &mut Value, pointer: &str, value: &Value) -> Result<(), String> {
    let (parent, name) = pointer.rsplit_once('/').unwrap_or_default();
    let name = name.replace("~1", "/").replace("~0", "~");
    match whole.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.insert(name, value.clone());
            Ok(())
        }
        Some(Value::Array(items)) => {
            let item = name.parse::<usize>().ok().and_then(|at| items.get_mut(at));
            *item.ok_or_else(|| format!("{parent} has no item {name}"))? = value.clone();
            Ok(())
        }
        _ => Err(format!("there is nothing at {parent} that {name} could be a part of")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::network::LinearNetwork;
    use crate::engine::features::Layout;
    use crate::engine::testing::spec;
    use crate::engine::train::plan::Recipe;

    fn space(space: Value) -> Space {
        serde_json::from_value(space).unwrap()
    }

    fn numbers(space: &Space, pointer: &str, seed: u64) -> Vec<f64> {
        (0..4000).map(|number| draw(space, seed, number, 0)[pointer].as_f64().unwrap()).collect()
    }

    #[test]
    fn numbers_fill_their_range_and_repeat_by_seed_and_number() {
        let space = space(json!({
            "/a": {"by": "uniform", "low": -1.0, "high": 3.0},
            "/b": {"by": "log_uniform", "low": 0.001, "high": 1.0},
            "/c": {"by": "integer", "low": 1, "high": 4},
            "/d": {"by": "integer", "low": 1, "high": 1024, "log": true},
            "/e": {"by": "choice", "values": [[1], "x", null]},
        }));
        let share = |pointer: &str, holds: &dyn Fn(f64) -> bool| {
            let all = numbers(&space, pointer, 5);
            all.iter().filter(|n| holds(**n)).count() as f64 / all.len() as f64
        };
        let near = |share: f64, expected: f64| assert!((share - expected).abs() < 0.03, "{share}");
        assert_eq!(share("/a", &|n| (-1.0..=3.0).contains(&n)), 1.0);
        near(share("/a", &|n| n < 1.0), 0.5);
        assert_eq!(share("/b", &|n| (0.001..=1.0).contains(&n)), 1.0);
        // A third of the numbers in each decade.
        near(share("/b", &|n| n < 0.01), 1.0 / 3.0);
        near(share("/b", &|n| n < 0.1), 2.0 / 3.0);
        for whole in 1..=4 {
            near(share("/c", &|n| n == f64::from(whole)), 0.25);
        }
        assert_eq!(share("/d", &|n| (1.0..=1024.0).contains(&n) && n.fract() == 0.0), 1.0);
        near(share("/d", &|n| n < 32.0), 0.5);
        let chosen: Vec<Value> =
            (0..4000).map(|number| draw(&space, 5, number, 0)["/e"].clone()).collect();
        for value in [json!([1]), json!("x"), Value::Null] {
            let share = chosen.iter().filter(|c| **c == value).count() as f64 / 4000.0;
            near(share, 1.0 / 3.0);
        }
        assert_eq!(draw(&space, 5, 7, 0), draw(&space, 5, 7, 0));
        for other in [draw(&space, 6, 7, 0), draw(&space, 5, 8, 0), draw(&space, 5, 7, 1)] {
            assert_ne!(draw(&space, 5, 7, 0), other);
        }
        // Short enough to be written down.
        assert!(draw(&space, 5, 7, 0)["/b"].to_string().len() <= 9);
    }

    #[test]
    fn values_are_put_where_their_pointers_lead() {
        let mut base = spec("y");
        let put = |base: &TrainingSpec, values: Value| {
            configured(base, &serde_json::from_value(values).unwrap())
        };
        let rate = put(&base, json!({"/optimiser/learning_rate": 0.5})).unwrap();
        let written = serde_json::to_value(&rate).unwrap();
        assert_eq!(written["optimiser"]["kind"], "adamw");
        assert_eq!(written["optimiser"]["learning_rate"], json!(0.5));
        let both = json!({"/network": {"kind": "mlp", "hidden": [4, 4]}, "/network/hidden/1": 9});
        let written = serde_json::to_value(put(&base, both).unwrap()).unwrap();
        assert_eq!(written["network"]["hidden"], json!([4, 9]));
        let error = put(&base, json!({"/network/width": 9})).unwrap_err();
        assert!(error.contains("names no network"), "{error}");
        base.network = Some(NetworkSpec::Linear(LinearNetwork {}));
        let error = put(&base, json!({"/network/width": 9})).unwrap_err();
        assert!(error.contains("unknown field `width`"), "{error}");
        let error = put(&base, json!({"/network": {"kind": "tabm"}})).unwrap_err();
        assert!(error.contains("name tabm as the network"), "{error}");
        let error = put(&base, json!({"/batch_size": "many"})).unwrap_err();
        assert!(error.contains("invalid type"), "{error}");
    }

    #[test]
    fn what_may_not_be_varied_says_what_may() {
        assert_eq!(check_pointer("/optimiser/learning_rate"), Ok(()));
        assert_eq!(check_pointer("/batch_size"), Ok(()));
        for (pointer, says) in [
            ("/optimizer/learning_rate", "did you mean optimiser?"),
            ("/target", "/network, /optimiser"),
            ("learning_rate", "no JSON pointer"),
            ("/network/bins", "prepared"),
            ("/network/ridge", "served"),
            ("/class_weights", "can't be varied"),
            ("", "no JSON pointer"),
        ] {
            let error = check_pointer(pointer).unwrap_err();
            assert!(error.contains(says), "{pointer}: {error}");
        }
    }

    /// What is put into an optimiser that is left open goes into the one that is then taken.
    #[test]
    fn the_default_kind_of_the_optimiser_is_that_of_the_recipe() {
        let images = crate::frame::ImageShape { channels: 1, height: 28, width: 28 };
        let layouts = [
            ("tabm", Layout::Table(Vec::new())),
            ("mlp", Layout::Table(Vec::new())),
            ("linear", Layout::Table(Vec::new())),
            ("cnn", Layout::Image(images)),
            ("lenet", Layout::Image(images)),
            ("text_cnn", Layout::Text { width: 9, words: 3, buckets: 1024 }),
        ];
        for (kind, layout) in layouts {
            let mut base = spec("y");
            base.network = serde_json::from_value(json!({ "kind": kind })).unwrap();
            let recipe = Recipe::of(&base, &layout, 1000);
            let taken = serde_json::to_value(&recipe.optimiser).unwrap();
            let whole = serde_json::to_value(&base).unwrap();
            assert_eq!(taken["kind"], default_optimiser(&whole), "{kind}");
        }
    }
}
