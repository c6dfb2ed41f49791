use super::*;
use crate::domain::analysis::{ColumnDependence, DependenceResult};
use crate::domain::schema::{Cell, ColumnType};

fn dependence(frame: &Frame, subject: &Subject, analysis: Value) -> DependenceResult {
    let asked = asked(analysis, json!({}));
    let AnalysisResult::Dependence(found) = run(frame, subject, &asked).unwrap().result else {
        panic!()
    };
    found
}

fn asked(analysis: Value, more: Value) -> AnalysisRequest {
    let mut analysis = analysis;
    analysis["kind"] = json!("dependence");
    request(&analysis, &more)
}

fn means(of: &ColumnDependence) -> Vec<f64> {
    of.points.iter().map(|point| point.mean).collect()
}

#[test]
fn answers_follow_the_columns_that_they_depend_on() {
    let frame = table(1500, 1);
    let subject = subject(&frame, &json!({"network": {"kind": "mlp"}}));
    let columns = json!({"columns": ["x0", "x2", "region"], "lines": 5, "points": 10});
    let found = dependence(&frame, &subject, columns);
    assert_eq!(found.class.as_deref(), Some("true"));
    let [x0, x2, region] = found.columns.as_slice() else { panic!() };
    assert_eq!((x0.points.len(), x0.lines.len(), x0.kind), (10, 5, ColumnType::Float64));
    let of_x0 = means(x0);
    assert!(of_x0.windows(2).all(|pair| pair[0] < pair[1]), "{of_x0:?}");
    assert!(of_x0[9] - of_x0[0] > 0.4, "{of_x0:?}");
    let of_x2 = means(x2);
    assert!((of_x2[9] - of_x2[0]).abs() < 0.1, "{of_x2:?}");
    for point in &x0.points {
        assert!(point.low < point.mean && point.mean < point.high, "{point:?}");
    }
    let west = region.points.iter().position(|p| p.value == Cell::Text("west".into())).unwrap();
    let best = means(region).iter().copied().fold(0.0, f64::max);
    assert_eq!(region.points[west].mean, best);
    // Of a constant column's own values the mean is what is answered anyway.
    assert!((0.2..0.9).contains(&found.mean));
}

/// The probability of a row with the column set is that of the same row as it is sent.
#[test]
fn a_line_is_what_is_predicted_of_the_row() {
    let frame = table(600, 2);
    let subject = subject(&frame, &json!({"network": {"kind": "mlp"}, "epochs": 2}));
    let model = LoadedModel::load(
        &subject.version.signature,
        &subject.version.provenance.spec,
        subject.features.clone(),
        &subject.weights,
    )
    .unwrap();
    let rows = json!({"dataset": {"name": "d"}, "rows": 1000});
    let asked = asked(json!({"columns": ["region", "x0"], "lines": 600, "class": "false"}), rows);
    let AnalysisResult::Dependence(found) = run(&frame, &subject, &asked).unwrap().result else {
        panic!()
    };
    let [region, x0] = found.columns.as_slice() else { panic!() };
    let Cell::Text(set) = &region.points[1].value else { panic!() };
    let values = Values::String(vec![Some(set.clone()); 600]);
    let predicted = model.predict(&frame.with_values("region", values).unwrap()).unwrap();
    for (row, line) in region.lines.iter().enumerate() {
        assert!((line.answers[1] - predicted.values[row * 2]).abs() < 1e-6);
    }
    let Cell::Float(set) = x0.points[3].value else { panic!() };
    let values = Values::Float64(vec![Some(set); 600]);
    let predicted = model.predict(&frame.with_values("x0", values).unwrap()).unwrap();
    let mean = (0..600).map(|row| predicted.values[row * 2]).sum::<f64>() / 600.0;
    assert!((x0.points[3].mean - mean).abs() < 1e-6);
    let own = frame.numbers("x0").unwrap();
    assert_eq!(x0.lines[7].value, Cell::Float(own[7]));
}

#[test]
fn a_line_of_a_linear_network_is_straight_and_centred_at_nothing() {
    let x = noise(800, 2, 3);
    let y = (0..800).map(|row| Some(5.0 + 3.0 * x[0][row] - 2.0 * x[1][row])).collect();
    let frame = crate::engine::testing::frame(&x, Values::Float64(y));
    let mut more = fast_line(60);
    more["preprocessing"] = json!({"scaling": "standard"});
    let subject = subject(&frame, &more);
    let analysis =
        json!({"columns": ["x0"], "pairs": [["x0", "x1"]], "centred": true, "points": 8});
    let found = dependence(&frame, &subject, analysis);
    assert_eq!((found.class, found.centred), (None, true));
    let [x0] = found.columns.as_slice() else { panic!() };
    let value = |cell: &Cell| if let Cell::Float(v) = cell { *v } else { panic!("{cell:?}") };
    let (first, last) = (&x0.points[0], &x0.points[7]);
    assert_eq!((first.mean, first.low, first.high), (0.0, 0.0, 0.0));
    let slope = last.mean / (value(&last.value) - value(&first.value));
    assert!((slope - 3.0).abs() < 0.1, "{slope}");
    assert!(last.high - last.low < 1e-3, "all rows have one line: {last:?}");
    let [pair] = found.pairs.as_slice() else { panic!() };
    assert_eq!((pair.columns.clone(), pair.means.len()), (vec!["x0".into(), "x1".into()], 4));
    let step = pair.means[0][1] - pair.means[0][0];
    let wide = value(&pair.second[1]) - value(&pair.second[0]);
    assert!((step / wide + 2.0).abs() < 0.1, "{pair:?}");
}

#[test]
fn whole_numbers_times_and_flags_keep_their_types() {
    let x = noise(400, 1, 5).remove(0);
    let day = 86_400_000_000_i64;
    let columns = vec![
        ("age".into(), Values::Int64(x.iter().map(|v| Some((v * 20.0) as i64)).collect())),
        ("opened".into(), Values::Timestamp((0..400).map(|row| Some(row * day)).collect())),
        (
            "flag".into(),
            Values::Bool((0..400).map(|row| (row % 5 > 0).then_some(row % 2 == 0)).collect()),
        ),
        ("y".into(), Values::Bool(x.iter().map(|v| Some(*v > 0.0)).collect())),
    ];
    let frame = Frame::new(400, columns).unwrap();
    let subject = subject(&frame, &json!({"network": {"kind": "linear"}, "epochs": 2}));
    let columns = json!({"columns": ["age", "opened", "flag"], "points": 6});
    let found = dependence(&frame, &subject, columns);
    let [age, opened, flag] = found.columns.as_slice() else { panic!() };
    assert!(age.points.iter().all(|point| matches!(point.value, Cell::Int(_))), "{age:?}");
    assert!(matches!(&opened.points[0].value, Cell::Text(time) if time.starts_with("1970-")));
    let values: Vec<&Cell> = flag.points.iter().map(|point| &point.value).collect();
    assert_eq!(values.len(), 3);
    assert!(values.contains(&&Cell::Null), "a missing flag is a value: {values:?}");
}

#[test]
fn what_can_not_hold_is_named() {
    let frame = table(300, 1);
    let subject = subject(&frame, &json!({"network": {"kind": "linear"}, "epochs": 1}));
    for (analysis, pointer) in [
        (json!({}), "/analysis/columns"),
        (json!({"columns": ["x0", "x9"]}), "/analysis/columns/1"),
        (json!({"columns": ["x0"], "class": "maybe"}), "/analysis/class"),
        (json!({"columns": ["x0"], "points": 1}), "/analysis/points"),
        (json!({"columns": ["x0"], "lines": 1001}), "/analysis/lines"),
        (json!({"pairs": [["x0"]]}), "/analysis/pairs/0"),
        (json!({"pairs": [["x0", "x9"]]}), "/analysis/pairs/0/1"),
    ] {
        let (pointers, detail) = problem(run(&frame, &subject, &asked(analysis, json!({}))));
        assert_eq!(pointers, [pointer], "{detail}");
    }
    let windows = series(&[crate::engine::testing::random_walk(300, 4)]);
    let more = json!({"window": {"time": "time", "look_back": 8}, "epochs": 1});
    let forecast = super::subject(&windows, &more);
    let asked = asked(json!({"columns": ["y"]}), json!({}));
    let (pointers, _) = problem(run(&windows, &forecast, &asked));
    assert_eq!(pointers[0], "/analysis/kind");
}
