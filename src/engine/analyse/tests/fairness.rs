use super::*;
use crate::domain::analysis::{FAIRNESS_NOTICE, FairnessResult};
use crate::domain::fairness::GroupFairness;
use crate::engine::check_analysed_columns;
use crate::frame::Values;

/// Applicants of two regions: those of the south have less of what a loan is granted by, and default
/// more; and an age, of some unknown.
fn applicants(rows: usize) -> Frame {
    let x = noise(rows, 1, 3).remove(0);
    let chance = uniform(rows, 4);
    let is_south = |row: usize| row.is_multiple_of(3);
    let merit: Vec<f64> =
        (0..rows).map(|row| x[row] - if is_south(row) { 0.7 } else { 0.0 }).collect();
    let default = |row: usize| {
        let logit = -3.0 * merit[row] - 0.5;
        if 1.0 / (1.0 + (-logit).exp()) > chance[row] { "yes" } else { "no" }
    };
    let age = |row: usize| (!row.is_multiple_of(10)).then_some(20.0 + (row % 50) as f64 + 0.5);
    let text = |of: &dyn Fn(usize) -> &'static str| {
        Values::String((0..rows).map(|row| Some(of(row).to_owned())).collect())
    };
    let columns = vec![
        ("merit".to_owned(), Values::Float64(merit.iter().copied().map(Some).collect())),
        ("region".to_owned(), text(&|row| if is_south(row) { "south" } else { "north" })),
        ("age".to_owned(), Values::Float64((0..rows).map(age).collect())),
        ("all".to_owned(), text(&|_| "one")),
        ("id".to_owned(), Values::Int64((0..rows).map(|row| Some(row as i64)).collect())),
        ("y".to_owned(), text(&default)),
    ];
    Frame::new(rows, columns).unwrap()
}

fn subject_of(frame: &Frame) -> Subject {
    subject(
        frame,
        &json!({"features": ["merit"], "network": {"kind": "linear"}, "epochs": 20,
        "positive_class": "yes", "ensemble": {"folds": 1}}),
    )
}

fn asked(analysis: Value, more: Value) -> AnalysisRequest {
    let mut analysis = analysis;
    analysis["kind"] = json!("fairness");
    request(&analysis, &more)
}

fn compared(
    frame: &Frame,
    subject: &Subject,
    request: &AnalysisRequest,
) -> (FairnessResult, Vec<String>) {
    let analysed = run(frame, subject, request).unwrap();
    let AnalysisResult::Fairness(found) = analysed.result else { panic!() };
    (*found, analysed.warnings)
}

fn group<'a>(found: &'a FairnessResult, name: &str) -> &'a GroupFairness {
    found.figures.groups.iter().find(|group| group.name == name).unwrap()
}

const ALL: &str = "{\"dataset\": {\"name\": \"d\"}}";

fn all() -> Value {
    serde_json::from_str(ALL).unwrap()
}

#[test]
fn a_known_bias_is_found_and_counted_as_by_hand() {
    let frame = applicants(1500);
    let subject = subject_of(&frame);
    let (found, warnings) = compared(&frame, &subject, &asked(json!({"column": "region"}), all()));
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!((found.favourable.as_str(), found.positive_class.as_str()), ("no", "yes"));
    assert_eq!((found.figures.reference.as_str(), found.with_outcome), ("north", 1500));
    assert_eq!(found.notice, FAIRNESS_NOTICE);
    // By hand, from the served answers.
    let Subject { version, features, weights } = &subject;
    let signature = &version.signature;
    let spec = &version.provenance.spec;
    let model = LoadedModel::load(signature, spec, features.clone(), weights).unwrap();
    let answers = model.predict(&frame).unwrap();
    let yes = signature.classes.iter().position(|class| class == "yes").unwrap();
    let threshold = signature.threshold.unwrap();
    assert_eq!(found.threshold, threshold);
    let granted = |row: usize| answers.values[2 * row + yes] < threshold;
    let truth = frame.labels("y").unwrap();
    for (name, south) in [("south", true), ("north", false)] {
        let rows: Vec<usize> =
            (0..1500).filter(|row: &usize| row.is_multiple_of(3) == south).collect();
        let of = |is: &dyn Fn(usize) -> bool| rows.iter().filter(|row| is(**row)).count() as u64;
        let good = |row: usize| truth[row].as_deref() == Some("no");
        let group = group(&found, name);
        let part = |rate: &Option<crate::domain::fairness::GroupRate>| {
            rate.as_ref().map(|rate| (rate.part, rate.n)).unwrap()
        };
        assert_eq!(part(&group.selection_rate), (of(&granted), rows.len() as u64));
        let hits = of(&|row| granted(row) && good(row));
        assert_eq!(part(&group.true_positive_rate), (hits, of(&good)));
        let alarms = of(&|row| granted(row) && !good(row));
        assert_eq!(part(&group.false_positive_rate), (alarms, of(&|row| !good(row))));
        assert_eq!(part(&group.base_rate), (of(&|row| !good(row)), rows.len() as u64));
        assert!(group.auc.unwrap() > 0.7 && group.judged);
        let calibration = group.calibration.unwrap();
        assert!((calibration.mean_predicted - calibration.observed).abs() < 0.1, "{calibration:?}");
    }
    let impact = group(&found, "south").impact.unwrap();
    assert_eq!(impact.below_four_fifths, Some(true));
    assert!(impact.p_value.unwrap() < 1e-6 && impact.interval.unwrap().high < 0.8);
    assert!(found.verdict[0].starts_with("south is favoured at 0."), "{:?}", found.verdict);
    assert!(found.figures.demographic_parity_difference.interval.unwrap().low > 0.1);
    // Held against the group that is not favoured, it is not all clear.
    let against = json!({"column": "region", "reference": "south"});
    let (against, _) = compared(&frame, &subject, &asked(against, all()));
    let said = &against.verdict[0];
    assert!(said.starts_with("south, the reference, is favoured at 0."), "{said}");
    assert!(said.contains("of the rate of north, below four fifths"), "{said}");
    // Its own test rows, by the other group, and the other way round.
    let turned = json!({"column": "region", "reference": "south", "favourable": "yes"});
    let (turned, _) = compared(&frame, &subject, &asked(turned, json!({})));
    assert_eq!((turned.figures.reference.as_str(), turned.favourable.as_str()), ("south", "yes"));
    assert!(group(&turned, "north").impact.unwrap().ratio.unwrap() < 0.8);
}

#[test]
fn thresholds_bins_and_unknown_groups_are_as_asked() {
    let frame = applicants(600);
    let subject = subject_of(&frame);
    let none = json!({"column": "region", "threshold": 0.0});
    let (none, _) = compared(&frame, &subject, &asked(none, all()));
    assert_eq!(group(&none, "north").selection_rate.unwrap().part, 0, "all are positive from 0 on");
    assert_eq!(none.threshold, 0.0);
    let bins = json!({"column": "age", "bins": [30, 45], "least_rows": 100});
    let (binned, _) = compared(&frame, &subject, &asked(bins, all()));
    let names: Vec<&str> = binned.figures.groups.iter().map(|g| g.name.as_str()).collect();
    assert_eq!(names, ["under 30", "30 to 45", "45 and over", "(missing)"]);
    let missing = group(&binned, "(missing)");
    assert_eq!((missing.n, missing.judged), (60, false));
    assert!(binned.verdict.iter().any(|said| said.contains("(missing)")), "{:?}", binned.verdict);
    let ages = frame.numbers("age").unwrap();
    let between = ages.iter().filter(|age| (30.0..45.0).contains(*age)).count() as u64;
    assert_eq!(group(&binned, "30 to 45").n, between);
}

#[test]
fn without_outcomes_only_parity_is_compared() {
    let frame = applicants(600);
    let subject = subject_of(&frame);
    let kept = |name: &str| {
        let column = match name {
            "merit" => {
                Values::Float64(frame.numbers("merit").unwrap().into_iter().map(Some).collect())
            }
            _ => Values::String(frame.labels(name).unwrap()),
        };
        (name.to_owned(), column)
    };
    let bare = Frame::new(600, vec![kept("merit"), kept("region")]).unwrap();
    let (found, warnings) = compared(&bare, &subject, &asked(json!({"column": "region"}), all()));
    assert_eq!(found.with_outcome, 0);
    assert!(warnings[0].contains("only how often"), "{warnings:?}");
    let south = group(&found, "south");
    assert!(south.selection_rate.is_some() && south.impact.unwrap().ratio.is_some());
    assert_eq!((south.true_positive_rate, south.auc, south.calibration), (None, None, None));
    assert_eq!(found.figures.equalized_odds_difference.value, None);
    let mut some = frame.labels("y").unwrap();
    some[..100].fill(None);
    let columns = vec![kept("merit"), kept("region"), ("y".to_owned(), Values::String(some))];
    let partly = Frame::new(600, columns).unwrap();
    let (found, warnings) = compared(&partly, &subject, &asked(json!({"column": "region"}), all()));
    assert_eq!(found.with_outcome, 500);
    assert!(warnings[0].starts_with("500 of 600 rows"), "{warnings:?}");
}

#[test]
fn what_can_not_be_compared_is_said_at_its_place() {
    let frame = applicants(600);
    let subject = subject_of(&frame);
    for (analysis, pointer, word) in [
        (json!({"column": "merit"}), "/analysis/column", "reads merit"),
        (json!({"column": "y"}), "/analysis/column", "foretells"),
        (json!({"column": "sex"}), "/analysis/column", "no column sex"),
        (json!({"column": "all"}), "/analysis/column", "one group"),
        (json!({"column": "id"}), "/analysis/bins", "where its groups end"),
        (json!({"column": "age", "bins": [40, 30]}), "/analysis/bins", "ascending"),
        (json!({"column": "region", "favourable": "on"}), "/analysis/favourable", "no, yes"),
        (json!({"column": "region", "reference": "nort"}), "/analysis/reference", "did you mean"),
        (json!({"column": "region", "threshold": 1.5}), "/analysis/threshold", "probability"),
        (json!({"column": "region", "least_rows": 0}), "/analysis/least_rows", "1"),
    ] {
        let found = problem(run(&frame, &subject, &asked(analysis, all())));
        assert_eq!(found.0, [pointer], "{found:?}");
        assert!(found.1.contains(word), "{found:?}");
    }
    let numbers = noise(300, 2, 4);
    let target = Values::Float64(numbers[0].iter().copied().map(Some).collect());
    let regression = crate::engine::testing::frame(&numbers, target);
    let of = self::subject(&regression, &json!({"network": {"kind": "linear"}, "epochs": 1}));
    let found = problem(run(&regression, &of, &asked(json!({"column": "x1"}), json!({}))));
    assert_eq!(found.0, ["/analysis/kind"], "{found:?}");
    // What a dataset lacks is said before anything is read.
    let request = asked(json!({"column": "regoin"}), all());
    let columns: Vec<crate::domain::schema::ColumnSummary> = serde_json::from_value(json!([
        {"name": "merit", "type": "float64", "nulls": 0, "distinct": 9, "distinct_is_lower_bound": false},
        {"name": "region", "type": "string", "nulls": 0, "distinct": 2, "distinct_is_lower_bound": false}
    ]))
    .unwrap();
    let refused = check_analysed_columns(&subject.version, &request, &columns).unwrap_err();
    assert!(refused.to_string().contains("did you mean region"), "{refused}");
}
