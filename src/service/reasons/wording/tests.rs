//! Tests of the words of reasons.

use serde_json::{Value, json};

use super::*;

fn numbers(low: f64, median: f64, high: f64) -> Typical {
    Typical::Numbers { range: Some([low, high]), median, mean: median, present: 1.0 }
}

fn text(column: &str, cell: Value, typical: Option<&Typical>) -> String {
    let cell: Cell = serde_json::from_value(cell).unwrap();
    let side = typical.map_or(Ordering::Equal, |typical| side(&cell, typical));
    default_text(Fact { column, cell: &cell, typical, side, hurts: Hurts::UNSCORED })
}

/// Of a row that would not be answered less adversely with what the approved have.
fn harmless(column: &str, cell: Value, typical: &Typical) -> String {
    let cell: Cell = serde_json::from_value(cell).unwrap();
    let (typical, side) = (Some(typical), Ordering::Equal);
    default_text(Fact { column, cell: &cell, typical, side, hurts: Hurts::UNKNOWN })
}

#[test]
fn defaults_read_as_sentences() {
    let pay = numbers(-1.0, 0.0, 0.0);
    let limit = numbers(50_000.0, 120_000.0, 230_000.0);
    let mostly = "approved applicants nearest the cut-off mostly have";
    for (found, wanted) in [
        (text("PAY_0", json!(2), Some(&pay)), format!("PAY_0 is 2; {mostly} -1 to 0")),
        (
            text("LIMIT_BAL", json!(20_000), Some(&limit)),
            format!("LIMIT_BAL is 20,000; {mostly} 50,000 to 230,000"),
        ),
        (
            text("BILL_AMT1", json!(60_123.55), Some(&limit)),
            "BILL_AMT1 is 60,124; the median of approved applicants nearest the cut-off is 120,000"
                .to_owned(),
        ),
        (
            text("PAY_0", json!(0), Some(&pay)),
            "PAY_0 is 0, together with the other values given".to_owned(),
        ),
        (
            text("income", json!(null), Some(&limit)),
            format!("income is missing; {mostly} 50,000 to 230,000"),
        ),
        (
            text("rate", json!(0.123_42), Some(&numbers(0.1, 0.11, 0.123_41))),
            format!("rate is 0.12342; {mostly} 0.1 to 0.12341"),
        ),
        (
            text("debt", json!(60_124.2), Some(&numbers(1.0, 60_124.0, 70_000.0))),
            "debt is 60,124.2; the median of approved applicants nearest the cut-off is 60,124"
                .to_owned(),
        ),
        (text("income", json!(null), None), "income is missing".to_owned()),
        (text("rate", json!(0.123456), None), "rate is 0.1235".to_owned()),
        (text("balance", json!(-1234567.5), None), "balance is -1,234,568".to_owned()),
        (text("x", json!(1e-7), None), "x is 1.000e-7".to_owned()),
    ] {
        assert_eq!(found, wanted);
    }
}

/// What a column adds is reckoned about the mean, and most have the median: between the two neither a
/// word nor a sentence says which way a value hurts.
#[test]
fn between_median_and_mean_a_value_has_no_side() {
    let skewed =
        Typical::Numbers { range: Some([10.0, 30.0]), median: 20.0, mean: 40.0, present: 1.0 };
    for (value, wanted) in [
        (25, "x is 25, together with the other values given"),
        (35, "x is 35, together with the other values given"),
        (45, "x is 45; approved applicants nearest the cut-off mostly have 10 to 30"),
        (15, "x is 15; the median of approved applicants nearest the cut-off is 20"),
    ] {
        assert_eq!(text("x", json!(value), Some(&skewed)), wanted);
    }
    let at = |value| side(&Cell::Int(value), &skewed);
    assert_eq!(
        [15, 25, 35, 45].map(at),
        [Ordering::Less, Ordering::Equal, Ordering::Equal, Ordering::Greater]
    );
}

/// What others have is not held against a value that does not hurt.
#[test]
fn what_does_not_hurt_is_told_by_itself() {
    let words = Typical::Words(vec![("north".to_owned(), 0.9), ("south".to_owned(), 0.01)]);
    let some = Typical::Numbers { range: None, median: 3.0, mean: 3.0, present: 0.4 };
    let pay = numbers(-1.0, 0.0, 0.0);
    for (value, typical, wanted) in [
        (json!(2), &pay, "x is 2"),
        (json!(null), &pay, "x is missing"),
        (json!(9), &some, "x is 9"),
        (json!("south"), &words, "x is south"),
        (json!("west"), &words, "x is west"),
        (json!(null), &words, "x is missing"),
    ] {
        let wanted = format!("{wanted}, together with the other values given");
        assert_eq!(harmless("x", value, typical), wanted);
    }
    // Most have one of two, and only with one of these it would be better; most have none, and with none it
    // would not.
    let two = Typical::Words(vec![("north".to_owned(), 0.5), ("south".to_owned(), 0.4)]);
    let few = Typical::Words(vec![("north".to_owned(), 0.3), ("west".to_owned(), 0.1)]);
    let west: Cell = serde_json::from_value(json!("west")).unwrap();
    for (cell, typical, hurts, wanted) in [
        (&west, &two, Hurts { usual: true, named: false, none: true }, "west"),
        (&west, &few, Hurts { usual: true, named: true, none: false }, "west"),
    ] {
        let fact = Fact { column: "x", cell, typical: Some(typical), side: Ordering::Equal, hurts };
        let wanted = format!("x is {wanted}, together with the other values given");
        assert_eq!(default_text(fact), wanted);
    }
    // Having one hurts, and where among those that have one it lies does not; and the other way round.
    let cell = Cell::Int(9);
    let text = |side, usual, none| {
        let hurts = Hurts { usual, named: true, none };
        default_text(Fact { column: "x", cell: &cell, typical: Some(&some), side, hurts })
    };
    let none = text(Ordering::Equal, false, true);
    assert_eq!(none, "x is 9; most approved applicants nearest the cut-off have none");
    let usual = text(Ordering::Greater, true, false);
    assert_eq!(
        usual,
        "x is 9; the median of approved applicants nearest the cut-off that have one is 3"
    );
}

/// Where too many lack a value there is no range that most have.
#[test]
fn nothing_is_said_of_most_where_too_many_have_none() {
    let some = |present| Typical::Numbers { range: None, median: 3.0, mean: 3.0, present };
    let (few, many) = (some(0.4), some(0.7));
    for (found, wanted) in [
        (
            text("x", json!(9), Some(&few)),
            "x is 9; most approved applicants nearest the cut-off have none",
        ),
        (
            text("x", json!(9), Some(&many)),
            "x is 9; the median of approved applicants nearest the cut-off that have one is 3",
        ),
        (text("x", json!(3), Some(&many)), "x is 3, together with the other values given"),
        (
            text("x", json!(null), Some(&many)),
            "x is missing; most approved applicants nearest the cut-off have one",
        ),
        (text("x", json!(null), Some(&few)), "x is missing, together with the other values given"),
    ] {
        assert_eq!(found, wanted);
    }
}

#[test]
fn categories_do_too() {
    let words = |pairs: &[(&str, f64)]| {
        Typical::Words(pairs.iter().map(|(w, s)| ((*w).to_owned(), *s)).collect())
    };
    let two = words(&[("north", 0.5), ("south", 0.4), ("west", 0.1)]);
    let many = words(&[("a", 0.2), ("b", 0.2), ("c", 0.1), ("d", 0.05)]);
    let few = words(&[("a", 0.2), ("b", 0.2), ("d", 0.05)]);
    let begun = "x".repeat(61);
    let (one, other) = (format!("{begun} one"), format!("{begun} other"));
    let told = words(&[(carried(&one).as_str(), 0.7), (carried(&other).as_str(), 0.1)]);
    let cut = "x".repeat(60);
    let long = words(&[(cut.as_str(), 0.4), ("a", 0.1), ("b", 0.05), ("c", 0.05)]);
    let mostly = "approved applicants nearest the cut-off mostly have";
    for (found, wanted) in [
        (
            text("region", json!("west"), Some(&two)),
            format!("region is west; {mostly} north or south"),
        ),
        (
            text("region", json!("north"), Some(&two)),
            "region is north, together with the other values given".to_owned(),
        ),
        (
            text("job", json!("d"), Some(&many)),
            "job is d, which 5 % of approved applicants nearest the cut-off have".to_owned(),
        ),
        (
            text("job", json!("x".repeat(70)), Some(&long)),
            format!(
                "job is {}…, which 40 % of approved applicants nearest the cut-off have",
                "x".repeat(60)
            ),
        ),
        (
            text("job", json!("d"), Some(&few)),
            "job is d; most approved applicants nearest the cut-off have none".to_owned(),
        ),
        (
            text("job", json!(other), Some(&told)),
            format!("job is {cut}…, together with the other values given"),
        ),
        (
            text("job", json!(one), Some(&told)),
            format!("job is {cut}…, together with the other values given"),
        ),
        (
            text("job", json!("e"), Some(&many)),
            "job is e, which hardly any approved applicant nearest the cut-off has".to_owned(),
        ),
        (
            text("own", json!(true), Some(&words(&[("false", 0.9)]))),
            format!("own is true; {mostly} false"),
        ),
    ] {
        assert_eq!(found, wanted);
    }
}

#[test]
fn times_do_too() {
    let time = Typical::Times {
        range: Some([
            parse_timestamp(b"2015-01-01").unwrap(),
            parse_timestamp(b"2020-01-01T08:30:00Z").unwrap(),
        ]),
        median: parse_timestamp(b"2018-01-01").unwrap(),
        mean: parse_timestamp(b"2017-11-01").unwrap(),
        present: 0.9,
    };
    let mostly = "approved applicants nearest the cut-off mostly have";
    for (found, wanted) in [
        (
            text("since", json!("2024-05-01T00:00:00Z"), Some(&time)),
            format!("since is 2024-05-01; {mostly} 2015-01-01 to 2020-01-01"),
        ),
        (
            text("since", json!("2020-01-01T09:00:00Z"), Some(&time)),
            format!("since is 2020-01-01T09:00:00Z; {mostly} 2015-01-01 to 2020-01-01T08:30:00Z"),
        ),
        (
            text("since", json!("2016-01-01T00:00:00Z"), Some(&time)),
            "since is 2016-01-01; the median of approved applicants nearest the cut-off that have one is 2018-01-01"
                .to_owned(),
        ),
    ] {
        assert_eq!(found, wanted);
    }
}

#[test]
fn the_nearest_entry_is_taken() {
    let entries: Vec<ReasonEntry> = serde_json::from_value(json!([
        {"code": "any", "columns": ["x"], "text": "a"},
        {"code": "any", "columns": ["x"], "text": "a", "language": "es"},
        {"code": "high", "columns": ["x"], "when": "high", "text": "a"},
        {"code": "low", "columns": ["x"], "when": "low", "text": "a"},
        {"code": "none", "columns": ["x"], "when": "missing", "text": "a"},
        {"code": "two", "columns": ["x"], "when": ["2.0"], "text": "a"}
    ]))
    .unwrap();
    let entries: Vec<&ReasonEntry> = entries.iter().collect();
    let typical = numbers(0.0, 1.0, 2.0);
    let code = |cell: Value| {
        let cell: Cell = serde_json::from_value(cell).unwrap();
        let (side, hurts) = (side(&cell, &typical), Hurts::UNSCORED);
        let fact = Fact { column: "x", cell: &cell, typical: Some(&typical), side, hurts };
        entry_for(&entries, Subject::Column(fact), None).map(|entry| entry.code.as_str())
    };
    assert_eq!(code(json!(3)), Some("high"));
    assert_eq!(code(json!(2)), Some("two"));
    assert_eq!(code(json!(2.0)), Some("two"));
    assert_eq!(code(json!("2")), Some("any"), "a text is none");
    assert_eq!(code(json!(0.5)), Some("low"));
    assert_eq!(code(json!(1)), Some("any"));
    assert_eq!(code(json!(null)), Some("none"));
    // Where that does not hurt it is told as any value is.
    let harmless = |cell: Value| {
        let cell: Cell = serde_json::from_value(cell).unwrap();
        let (side, hurts) = (Ordering::Equal, Hurts { usual: false, named: true, none: true });
        let fact = Fact { column: "x", cell: &cell, typical: Some(&typical), side, hurts };
        entry_for(&entries, Subject::Column(fact), None).map(|entry| entry.code.as_str())
    };
    assert_eq!([json!(2), json!(null), json!(3)].map(harmless), [Some("any"); 3]);
    // Of groups, whose values lie on a side that hurts or on none.
    let group = |side, language| {
        let entry = entry_for(&entries, Subject::Group(side), language).unwrap();
        (entry.code.as_str(), entry.language.as_deref())
    };
    assert_eq!(group(Ordering::Greater, None), ("high", None));
    assert_eq!(group(Ordering::Less, Some("en")), ("low", None));
    assert_eq!(group(Ordering::Equal, None), ("any", None));
    assert_eq!(group(Ordering::Equal, Some("es")), ("any", Some("es")));
    let foreign = entry_for(&entries[1..2], Subject::Group(Ordering::Less), Some("en"));
    assert_eq!(foreign.map(|entry| entry.code.as_str()), Some("any"), "rather than not at all");
    // What fits better in another language does not come before what is told in this one.
    let spoken: Vec<ReasonEntry> = serde_json::from_value(json!([
        {"code": "low", "columns": ["x", "y"], "when": "low", "text": "a", "language": "es"},
        {"code": "any", "columns": ["x", "y"], "text": "a", "language": "en"}
    ]))
    .unwrap();
    let spoken: Vec<&ReasonEntry> = spoken.iter().collect();
    let told = entry_for(&spoken, Subject::Group(Ordering::Less), Some("en"));
    assert_eq!(told.map(|entry| entry.code.as_str()), Some("any"));
}
