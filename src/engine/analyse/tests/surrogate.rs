use super::*;
use crate::domain::analysis::{SurrogatePart, SurrogateResult};
use crate::domain::schema::Cell;

fn asked(analysis: Value, more: Value) -> AnalysisRequest {
    let mut analysis = analysis;
    analysis["kind"] = json!("surrogate");
    request(&analysis, &more)
}

fn surrogate(frame: &Frame, subject: &Subject, analysis: Value) -> (SurrogateResult, Vec<String>) {
    let rows = json!({"dataset": {"name": "d"}});
    let analysed = run(frame, subject, &asked(analysis, rows)).unwrap();
    let AnalysisResult::Surrogate(found) = analysed.result else { panic!() };
    (found, analysed.warnings)
}

/// Loans that those with an income below 30 from the west default on, and nobody else.
fn ruled(rows: usize) -> Frame {
    let (x, u) = (noise(rows, 2, 8), uniform(rows, 9));
    let income: Vec<f64> = x[0].iter().map(|x| 40.0 + 40.0 * x).collect();
    let region = |row: usize| ["north", "south", "west"][(u[row] * 3.0) as usize];
    let day = 86_400_000_000_i64;
    let opened = |row: usize| Some((x[1][row] * 1000.0) as i64 * day);
    let y = (0..rows).map(|row| Some(income[row] < 30.0 && region(row) == "west")).collect();
    let regions = (0..rows).map(|row| Some(region(row).to_owned())).collect();
    let columns = vec![
        ("income".into(), Values::Float64(income.iter().copied().map(Some).collect())),
        ("region".into(), Values::String(regions)),
        ("opened".into(), Values::Timestamp((0..rows).map(opened).collect())),
        ("y".into(), Values::Bool(y)),
    ];
    Frame::new(rows, columns).unwrap()
}

#[test]
fn the_rule_that_a_network_has_learnt_is_found_again() {
    let frame = ruled(4000);
    let subject = subject(&frame, &json!({"network": {"kind": "mlp"}, "epochs": 40}));
    let (found, warnings) = surrogate(&frame, &subject, json!({"leaf": 20}));
    assert_eq!((found.fitted_rows, found.held_out_rows), (2000, 2000));
    assert_eq!(found.class.as_deref(), Some("true"));
    let tree = &found.tree;
    assert!(tree.fidelity.r2.unwrap() > 0.9, "{tree:?}");
    assert!(tree.fidelity.agreement.unwrap() > 0.97 && tree.fidelity.is_faithful);
    // The two conditions part the rows, and the leaf in which both hold defaults.
    let worst = tree.rules.iter().max_by(|a, b| a.mean.total_cmp(&b.mean)).unwrap();
    assert!(worst.mean > 0.8, "{}", tree.text);
    let text = worst.conditions.join(" and ");
    assert!(text.contains("region in {west}") && text.contains("income < "), "{}", tree.text);
    let first: Vec<&str> =
        tree.nodes.iter().filter_map(|node| Some(node.split.as_ref()?.column.as_str())).collect();
    assert!(first[..2].contains(&"region") && first[..2].contains(&"income"), "{first:?}");
    let bound = tree.nodes.iter().find_map(|node| {
        let split = node.split.as_ref().filter(|split| split.column == "income")?;
        if let Some(Cell::Float(bound)) = split.below { Some(bound) } else { None }
    });
    assert!((bound.unwrap() - 30.0).abs() < 3.0, "{bound:?}");
    assert_eq!(tree.text.lines().count(), tree.nodes.len());
    // A line can't have "and": it says so.
    assert!(!found.linear.fidelity.is_faithful, "{:?}", found.linear);
    let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
    assert!(warning.starts_with("the linear surrogate stands in"), "{warning}");
    let west =
        found.linear.terms.iter().find(|term| term.category == Some(Cell::Text("west".into())));
    assert!(west.unwrap().coefficient > 0.0 && west.unwrap().part == SurrogatePart::Category);
    let income = found.linear.terms.iter().find(|term| term.column == "income").unwrap();
    assert!(income.coefficient < 0.0 && income.part == SurrogatePart::Number);
    // The same again.
    let (again, _) = surrogate(&frame, &subject, json!({"leaf": 20}));
    assert_eq!(again, found);
}

#[test]
fn the_line_of_a_linear_network_is_faithful() {
    let x = noise(1200, 3, 3);
    let y = (0..1200).map(|row| Some(5.0 + 3.0 * x[0][row] - 2.0 * x[1][row])).collect();
    let frame = crate::engine::testing::frame(&x, Values::Float64(y));
    let mut more = fast_line(60);
    more["preprocessing"] = json!({"scaling": "standard"});
    let (found, _) = surrogate(&frame, &subject(&frame, &more), json!({"penalty": 0.001}));
    assert_eq!((&found.class, found.threshold), (&None, None));
    let line = &found.linear;
    assert!(line.fidelity.r2.unwrap() > 0.9999, "{line:?}");
    assert_eq!(line.fidelity.agreement, None);
    assert_eq!(line.terms[0].column, "x0", "the strongest first");
    assert!((line.terms[0].coefficient - 3.0).abs() < 0.1, "{line:?}");
    assert!((line.intercept - 5.0).abs() < 0.1, "{line:?}");
}

#[test]
fn rare_and_missing_categories_are_told() {
    let rows = 1000;
    let code = |row: usize| match row % 10 {
        0 => None,
        1 => Some(format!("rare{row}")),
        _ => Some(if row.is_multiple_of(2) { "a".to_owned() } else { "b".to_owned() }),
    };
    let x = noise(rows, 1, 4).remove(0);
    let y = (0..rows).map(|row| Some(code(row).is_none() || x[row] > 0.6)).collect();
    let columns = vec![
        ("x".into(), Values::Float64(x.iter().copied().map(Some).collect())),
        ("code".into(), Values::String((0..rows).map(code).collect())),
        ("y".into(), Values::Bool(y)),
    ];
    let frame = Frame::new(rows, columns).unwrap();
    let subject = subject(&frame, &json!({"network": {"kind": "mlp"}, "epochs": 20}));
    let (found, _) = surrogate(&frame, &subject, json!({"depth": 2, "leaf": 10}));
    let splits = || found.tree.nodes.iter().filter_map(|node| node.split.as_ref());
    assert!(splits().any(|split| split.column == "code"), "{}", found.tree.text);
    assert!(found.tree.text.contains("(missing)"), "{}", found.tree.text);
    let parts: Vec<SurrogatePart> = found.linear.terms.iter().map(|term| term.part).collect();
    assert!(parts.contains(&SurrogatePart::Missing) && parts.contains(&SurrogatePart::Others));
}

#[test]
fn what_can_not_hold_is_named() {
    let x = noise(300, 1, 3);
    let class =
        |row: usize| Some(["low", "middle", "high"][((x[0][row] + 1.0) * 1.5) as usize].into());
    let frame = crate::engine::testing::frame(&x, Values::String((0..300).map(class).collect()));
    let subject = subject(&frame, &json!({"network": {"kind": "linear"}, "epochs": 1}));
    for (analysis, pointer, word) in [
        (json!({}), "/analysis/class", "high, low, middle"),
        (json!({"class": "mid"}), "/analysis/class", "mid"),
        (json!({"class": "low", "depth": 9}), "/analysis/depth", "8"),
        (json!({"class": "low", "leaf": 0}), "/analysis/leaf", "1"),
        (json!({"class": "low", "penalty": 0}), "/analysis/penalty", "above 0"),
    ] {
        let (pointers, detail) = problem(run(&frame, &subject, &asked(analysis, json!({}))));
        assert_eq!(pointers, [pointer], "{detail}");
        assert!(detail.contains(word), "{detail}");
    }
    assert!(run(&frame, &subject, &asked(json!({"class": "low"}), json!({}))).is_ok());
}
