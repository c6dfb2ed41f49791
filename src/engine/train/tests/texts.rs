//! Training on texts.

use serde_json::{Value, json};

use super::*;
use crate::domain::model::InputKind;
use crate::domain::training::DriftRule;

const SUBJECTS: [&str; 8] =
    ["the bank", "oil", "$XYZ", "the index", "retailer", "gold", "an insurer", "the fund"];
const UP: [&str; 4] = ["climbs", "jumped", "rises again", "gains"];
const DOWN: [&str; 4] = ["falls", "dropped", "sinks again", "loses"];

/// News of what rises and what falls, all different.
pub(super) fn news(rows: usize) -> Vec<(String, bool)> {
    let of = |row: usize| {
        let up = row.is_multiple_of(2);
        let verb = if up { UP } else { DOWN }[row / 2 % 4];
        (format!("{} {verb} {}.{}% on day {row}", SUBJECTS[row / 8 % 8], row % 7, row % 9), up)
    };
    (0..rows).map(of).collect()
}

/// The same in Chinese, without spaces.
fn chinese(rows: usize) -> Vec<(String, bool)> {
    let of = |row: usize| {
        let up = row.is_multiple_of(2);
        let verb =
            if up { ["上涨", "走高", "大涨"] } else { ["下跌", "走低", "大跌"] }[row / 2 % 3];
        let subject = ["银行股", "原油期货", "黄金价格", "沪深指数"][row / 6 % 4];
        let day = ["周一", "周二", "周三", "周四", "周五"][row / 24 % 5];
        let tail = ["收盘", "盘中", "开盘"][row / 120 % 3];
        (format!("{day}{subject}{tail}{verb}{row}点"), up)
    };
    (0..rows).map(of).collect()
}

pub(super) fn table(texts: &[(String, bool)]) -> Frame {
    let labels = texts.iter().map(|(_, up)| Some(if *up { "up" } else { "down" }.to_owned()));
    let columns = vec![
        ("text".to_owned(), Values::String(texts.iter().map(|(t, _)| Some(t.clone())).collect())),
        ("label".to_owned(), Values::String(labels.collect())),
    ];
    Frame::new(texts.len(), columns).unwrap()
}

fn asked(more: Value) -> TrainingSpec {
    // A table of few rows is enough here, and quicker.
    let mut spec = json!({ "dataset": { "name": "d" }, "target": "label",
        "ensemble": { "folds": 1 }, "preprocessing": { "text": { "buckets": 4096 } } });
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(spec).unwrap()
}

#[test]
fn every_network_tells_up_from_down() {
    for frame in [table(&news(240)), table(&chinese(240))] {
        for more in [
            json!({ "epochs": 12 }),
            json!({ "epochs": 15, "network": { "kind": "text_attention" } }),
            json!({ "network": { "kind": "linear" } }),
            json!({ "epochs": 12, "optimiser": { "kind": "rmsprop" }, "average": 0.9,
                "class_weights": { "by": "balanced" } }),
        ] {
            let trained = run(&frame, &asked(more.clone()));
            assert!(auc(&trained) > 0.95, "{more} {}", auc(&trained));
            assert_eq!(trained.features.input_kind(), InputKind::Text);
            let inputs = &trained.signature.inputs;
            assert_eq!((inputs.len(), inputs[0].name.as_str()), (1, "text"));
        }
    }
}

#[test]
fn what_is_absent_is_filled_in() {
    let mut spec = asked(json!({ "epochs": 1 }));
    (spec.preprocessing.text, spec.ensemble) = (None, None);
    let trained = run(&table(&news(60)), &spec);
    let text = json!({ "max_words": 256, "buckets": 131072 });
    assert_eq!(json!(trained.spec.preprocessing.text), text);
    let network = json!({ "kind": "text_cnn", "embedding": 64, "phrases": [1, 2, 3, 4],
        "channels": 100, "dropout": 0.5 });
    assert_eq!(json!(trained.spec.network), network);
    assert_eq!(json!(trained.spec.schedule)["kind"], "one_cycle");
    assert_eq!(trained.spec.loss.label_smoothing, Some(0.05));
    assert_eq!(json!(trained.spec.ensemble), json!({ "folds": 3, "seeds": 1 }));
    assert_eq!(trained.baselines[0].network, "linear");
    assert_eq!(trained.spec.patience, Some(0));
    // A text that is missing, or has no words, is answered for as well.
    let inputs = Frame::new(2, vec![("text".to_owned(), texts(&[None, Some(" ")]))]).unwrap();
    let model = trained.model();
    let answers = model.unwrap().predict(&inputs).unwrap();
    assert_eq!(answers.values[..2], answers.values[2..]);
}

fn texts(values: &[Option<&str>]) -> Values {
    Values::String(values.iter().map(|v| v.map(str::to_owned)).collect())
}

#[test]
fn an_interrupted_training_ends_in_the_same_bits() {
    let frame = table(&news(120));
    for more in [
        json!({ "epochs": 2, "accumulation": 3, "average": 0.9 }),
        json!({ "epochs": 2, "network": { "kind": "text_attention" },
            "optimiser": { "kind": "sgd", "momentum": 0.9 } }),
    ] {
        let spec = asked(more);
        let mut record = Record { every_batch: true, ..Record::default() };
        let whole = train(&frame, &spec, None, &mut record).unwrap();
        assert!(record.checkpoints.len() > 5);
        for checkpoint in record.checkpoints.iter().step_by(3) {
            let resumed = train(&frame, &spec, Some(checkpoint), &mut Record::default()).unwrap();
            assert!(resumed.weights == whole.weights);
        }
    }
}

/// On a GPU bags and phrases are put together from burn's operations; tried on the CPU.
#[test]
fn dispatch_trains_as_the_cpu_itself_does() {
    let prepared = prepare(&table(&news(90)), &asked(json!({ "epochs": 2 })), None).unwrap();
    let problem = Problem { data: &prepared.data, recipe: &prepared.recipe };
    let cpu =
        fit::fit::<Autodiff<Flex>>(&FlexDevice, &problem, None, &mut Record::default()).unwrap();
    let device = DispatchDevice::autodiff(FlexDevice);
    let other = fit::fit::<Dispatch>(&device, &problem, None, &mut Record::default()).unwrap();
    for (a, b) in cpu.curve.iter().zip(&other.curve) {
        assert!((a.validation_loss - b.validation_loss).abs() < 1e-3, "{a:?} {b:?}");
    }
}

#[test]
fn texts_that_memory_could_not_hold_are_refused_before_they_are_read() {
    // 60 of 30,000 are so long that all would be as wide.
    let long = vec!["x".repeat(32); 256].join(" ");
    let of = |row: usize| match row % 500 {
        0 => (format!("{row} {long}"), true),
        _ => (format!("up {row} today"), row.is_multiple_of(2)),
    };
    let texts: Vec<(String, bool)> = (0..30_000).map(of).collect();
    let error = refused(&table(&texts), &asked(json!({})));
    assert_eq!(pointers(&error), ["/preprocessing/text/max_words"]);
    assert!(error.to_string().contains("30000 texts"), "{error}");
}

#[test]
fn a_text_that_is_cut_off_is_warned_about() {
    let mut texts = news(1600);
    texts[0].0 = vec!["incomprehensibilities"; 200].join(" ");
    let part = |row: usize| match row {
        0..1200 => Some("train"),
        1200..1400 => Some("validation"),
        _ => Some("test"),
    };
    let parts: Vec<Option<&str>> = (0..1600).map(part).collect();
    let frame = with_parts(&texts, &parts);
    for (refit, rows) in [(false, 1200), (true, 1400)] {
        let more = json!({ "epochs": 1, "refit": refit, "baselines": false,
            "parts": { "by": "column", "column": "part" } });
        let warnings = run(&frame, &asked(more)).warnings;
        let wanted = format!("column text: 1 of {rows} training texts");
        let found = warnings.iter().filter(|warning| warning.starts_with(&wanted)).count();
        assert_eq!(found, 1, "{warnings:?}");
    }
}

#[test]
fn rows_that_are_said_to_validate_are_not_trained_on() {
    let ensemble = |parts: [&str; 3]| {
        let of: Vec<Option<&str>> = (0..90).map(|row| Some(parts[row / 30])).collect();
        let mut spec = asked(json!({ "epochs": 1, "baselines": false,
            "parts": { "by": "column", "column": "part" } }));
        spec.ensemble = None;
        let trained = run(&with_parts(&news(90), &of), &spec);
        (json!(trained.spec.ensemble), trained.rows)
    };
    let (said, rows) = ensemble(["train", "validation", "test"]);
    assert_eq!(said, json!({ "folds": 1, "seeds": 3 }));
    assert_eq!(rows, PartRows { train: 30, validation: 30, test: 30 });
    let (drawn, _) = ensemble(["train", "train", "test"]);
    assert_eq!(drawn, json!({ "folds": 3, "seeds": 1 }));
}

/// A table of texts with a column that says which part each is of.
fn with_parts(texts_of: &[(String, bool)], parts: &[Option<&str>]) -> Frame {
    let news = table(texts_of);
    let column = |name: &str| texts(&news.texts(name).unwrap());
    let columns = vec![
        ("text".to_owned(), column("text")),
        ("label".to_owned(), column("label")),
        ("part".to_owned(), texts(parts)),
    ];
    Frame::new(texts_of.len(), columns).unwrap()
}

#[test]
fn a_column_among_others_stays_a_category() {
    let mut columns = vec![("x".to_owned(), Values::Float64(vec![Some(0.0); 60]))];
    let news = table(&news(60));
    columns[0].1 = Values::Float64((0..60).map(|i| Some(f64::from(i % 7))).collect());
    let (text, label) = (news.texts("text").unwrap(), news.texts("label").unwrap());
    columns.push(("text".to_owned(), texts(&text)));
    columns.push(("label".to_owned(), texts(&label)));
    let both = Frame::new(60, columns).unwrap();
    let mut spec = asked(json!({ "epochs": 1 }));
    spec.preprocessing.text = None;
    let trained = run(&both, &spec);
    assert_eq!(trained.features.input_kind(), InputKind::Tabular);
    assert!(trained.warnings.iter().any(|w| w.contains("text is left out")));
    let error = refused(&both, &asked(json!({ "network": { "kind": "text_cnn" } })));
    assert_eq!(pointers(&error), ["/features"]);
    assert!(error.to_string().contains("learnt from alone"));
}

#[test]
fn what_would_mean_nothing_is_refused() {
    let texts = table(&news(60));
    let optimisers = [
        json!({ "kind": "sgd", "weight_decay": 0.1 }),
        json!({ "kind": "adamw", "weight_decay": 0.01 }),
    ];
    for optimiser in optimisers {
        let mut more = json!({ "network": { "kind": "linear" }, "optimiser": optimiser });
        let error = refused(&texts, &asked(more.clone()));
        assert_eq!(pointers(&error), ["/optimiser/weight_decay"], "{error}");
        more["network"]["kind"] = json!("text_cnn");
        assert!(prepare(&texts, &asked(more), None).is_ok(), "its other weights decay");
    }
    let trained = run(&texts, &asked(json!({ "network": { "kind": "linear" }, "epochs": 1 })));
    assert_eq!(json!(trained.spec.optimiser)["weight_decay"], 0.0, "what is stored trains again");
    assert!(prepare(&texts, &trained.spec, None).is_ok());

    let days = Values::Float64((0..60).map(|row| Some(f64::from(row))).collect());
    let columns =
        ["text", "label"].map(|name| (name.to_owned(), self::texts(&texts.texts(name).unwrap())));
    let columns = columns.into_iter().chain([("day".to_owned(), days)]).collect();
    let by_time = Frame::new(60, columns).unwrap();
    let mut spec = asked(json!({ "epochs": 1, "parts": { "by": "time", "column": "day" } }));
    spec.preprocessing.drift = Some(DriftRule::Keep);
    assert_eq!(pointers(&refused(&by_time, &spec)), ["/preprocessing/drift"]);
    // That it is a text shows in the data alone.
    spec.preprocessing.text = None;
    assert_eq!(pointers(&refused(&by_time, &spec)), ["/preprocessing/drift"]);
}

#[test]
fn tables_of_words_are_bounded() {
    let news = table(&news(60));
    let named = |buckets: u64, more: Value| {
        let mut spec = asked(more);
        spec.preprocessing.text = serde_json::from_value(json!({ "buckets": buckets })).unwrap();
        let error = refused(&news, &spec);
        (pointers(&error).join(" "), error.to_string())
    };
    for network in ["text_cnn", "text_attention"] {
        let large = json!({ "network": { "kind": network, "embedding": 65 } });
        let (pointer, said) = named(1 << 20, large);
        assert_eq!(pointer, "/preprocessing/text/buckets");
        assert!(said.contains("1048576 buckets times 65") && said.contains("embedding"), "{said}");
        let many =
            json!({ "network": { "kind": network }, "ensemble": { "folds": 3, "seeds": 11 } });
        assert_eq!(named(1 << 17, many).0, "/ensemble");
    }
    // What is named by the data alone is found there.
    let many = json!({ "ensemble": { "folds": 3, "seeds": 11 } });
    assert_eq!(named(1 << 17, many).0, "/ensemble");
}

#[test]
fn a_baseline_that_would_be_larger_than_its_network_is_left_out() {
    let texts: Vec<Option<String>> = (0..280).map(|row| Some(format!("no {row} of it"))).collect();
    let labels = (0..280).map(|row| Some(format!("c{}", row % 70))).collect();
    let columns =
        vec![("text".to_owned(), Values::String(texts)), ("label".into(), Values::String(labels))];
    let frame = Frame::new(280, columns).unwrap();
    let mut spec = asked(json!({ "task": "multiclass", "epochs": 1, "batch_size": 280,
        "preprocessing": { "text": { "buckets": 1 << 20 } } }));
    spec.network = serde_json::from_value(
        json!({ "kind": "text_cnn", "embedding": 2, "channels": 2, "phrases": [1] }),
    )
    .unwrap();
    let trained = run(&frame, &spec);
    assert!(trained.baselines.is_empty());
    let said = trained.warnings.iter().any(|w| w.contains("linear baseline is left out: a table"));
    assert!(said, "{:?}", trained.warnings);
    spec.network = Some(linear());
    assert_eq!(pointers(&refused(&frame, &spec)), ["/preprocessing/text/buckets"]);
}

#[test]
fn what_does_not_suit_texts_is_named() {
    let news = table(&news(60));
    let named = |frame: &Frame, more: Value| {
        let error = refused(frame, &asked(more));
        assert_eq!(error.code(), Code::InvalidSpec);
        pointers(&error).join(" ")
    };
    let bad = json!({ "network": { "kind": "text_cnn", "phrases": [1, 11, 1], "channels": 0,
        "embedding": 513, "dropout": 1.0 }, "preprocessing": { "text": { "max_words": 0 } } });
    let wanted = "/network/embedding /network/channels /network/dropout /network/phrases/1 \
                  /network/phrases/2 /preprocessing/text/max_words";
    assert_eq!(named(&news, bad), wanted);
    assert_eq!(
        named(&news, json!({ "network": { "kind": "text_cnn", "phrases": [] } })),
        "/network/phrases"
    );
    let bad = json!({ "network": { "kind": "text_attention", "heads": 65, "hidden": 0 } });
    assert_eq!(named(&news, bad), "/network/hidden /network/heads");
    assert_eq!(named(&news, json!({ "network": { "kind": "mlp" } })), "/preprocessing/text");
    assert_eq!(named(&news, json!({ "network": { "kind": "cnn" } })), "/preprocessing/text");
    let window = json!({ "window": { "time": "t" }, "network": { "kind": "text_cnn" } });
    assert!(named(&news, window).starts_with("/preprocessing/text /network/kind"));
    let (numbers, _) = logistic(60);
    let one = json!({ "target": "y", "features": ["x0"], "network": { "kind": "text_cnn" } });
    assert_eq!(named(&numbers, one), "/network");
    let one = json!({ "target": "y", "features": ["x0"] });
    assert_eq!(named(&numbers, one), "/preprocessing/text");
}

/// The table of words, too, is gone on with where a configuration was left.
#[test]
fn the_winner_of_a_search_is_what_training_it_gives() {
    let frame = table(&news(120));
    let search = json!({ "trials": 9, "space": {
        "/network": { "by": "choice", "values": [{ "kind": "text_cnn", "channels": 8 },
            { "kind": "text_attention", "heads": 2 }, { "kind": "linear" }] },
        "/optimiser/learning_rate": { "by": "log_uniform", "low": 0.001, "high": 0.05 }
    } });
    let trained = run(&frame, &asked(json!({ "epochs": 6, "batch_size": 16, "search": search })));
    let record = trained.search.clone().unwrap();
    assert_eq!((record.trials.len(), record.trials[0].rungs.len()), (9, 3), "{record:?}");
    let plain = TrainingSpec { search: None, ..trained.spec.clone() };
    assert!(run(&frame, &plain).weights == trained.weights);

    // What has no meaning for a linear network of words is not varied.
    let linear = json!({ "epochs": 2, "network": { "kind": "linear" }, "search": { "trials": 9 } });
    let record = run(&frame, &asked(linear)).search.unwrap();
    let space: Vec<_> = record.spec.space.unwrap().into_keys().collect();
    assert_eq!(space, ["/batch_size", "/optimiser/learning_rate"]);

    // A network that reads other numbers than those of texts is told from the rest.
    let space = json!({ "/network": { "by": "choice", "values": [{ "kind": "mlp" }] } });
    let error =
        refused(&frame, &asked(json!({ "preprocessing": {}, "search": { "space": space } })));
    assert_eq!(pointers(&error), ["/search/space/~1network"], "{error}");
}
