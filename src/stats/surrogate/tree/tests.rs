use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::render::day;
use super::*;
use crate::stats::surrogate::column::LEVEL_LIMIT;
use crate::stats::surrogate::fidelity::fidelity;

fn options(max_depth: usize, min_leaf: usize) -> TreeOptions {
    TreeOptions { max_depth, min_leaf }
}

fn names(names: &[(&str, &[&str])]) -> Vec<ColumnName> {
    let name = |(name, levels): &(&str, &[&str])| ColumnName {
        name: (*name).to_owned(),
        levels: levels.iter().map(|level| (*level).to_owned()).collect(),
        is_time: false,
    };
    names.iter().map(name).collect()
}

#[test]
fn a_step_is_found_where_it_is() {
    let x: Vec<f64> = (0..100).map(|i| f64::from(i) * 1000.0).collect();
    let y: Vec<f64> = x.iter().map(|x| if *x < 23_500.0 { 0.314_159 } else { 0.1 }).collect();
    let tree = fit(&[Column::Numeric(&x)], &y, None, TreeOptions { max_depth: 4, min_leaf: 5 });
    let tree = tree.unwrap();
    assert_eq!(tree.leaves(), 2);
    let root = tree.nodes()[0].split.as_ref().unwrap();
    assert_eq!(root.test, Test::Below { threshold: 24_000.0, missing: false });
    let found = tree.predict(&[Column::Numeric(&x)]).unwrap();
    assert!(found.iter().zip(&y).all(|(found, wanted)| (found - wanted).abs() < 1e-12));
    let rules = tree.rules(&names(&[("income", &[])]));
    let texts: Vec<String> = rules.iter().map(Rule::text).collect();
    assert_eq!(texts, ["income < 24,000: 0.314, 24 rows", "income >= 24,000: 0.1, 76 rows"]);
}

#[test]
fn a_tree_reads_as_rules() {
    let regions: Vec<u32> = (0..3000).map(|i| i % 3).collect();
    let mut income: Vec<f64> = (0..3000).map(|i| f64::from(i / 3) * 20.0).collect();
    for row in (0..3000).step_by(7) {
        income[row] = f64::NAN;
    }
    let score = |(income, region): (&f64, &u32)| match region {
        1 => 0.9,
        _ if income.is_nan() || *income < 8_000.0 => 0.25,
        _ => -0.5,
    };
    let y: Vec<f64> = income.iter().zip(&regions).map(score).collect();
    let columns = [Column::Numeric(&income), Column::Categorical { codes: &regions, levels: 3 }];
    let tree = fit(&columns, &y, None, TreeOptions::default()).unwrap();
    let names = names(&[("income", &[]), ("region", &["north", "south", "west"])]);
    let lines = [
        "all: 0.209, 3,000 rows",
        "  region not in {south}: -0.136, 2,000 rows",
        "    (income < 8,000 or income is missing): 0.25, 971 rows",
        "    income >= 8,000: -0.5, 1,029 rows",
        "  region in {south}: 0.9, 1,000 rows",
    ];
    assert_eq!(tree.indented(&names), lines.map(|line| line.to_owned() + "\n").concat());
    let texts: Vec<String> = tree.rules(&names).iter().map(Rule::text).collect();
    assert_eq!(texts.len(), 3);
    assert!(texts[1].starts_with("region not in {south} and income >= 8,000: -0.5, "));
    assert!(tree.rules(&[])[0].text().starts_with("column 1 not in {level 1} and (column 0 <"));
    let found = tree.predict(&columns).unwrap();
    assert_eq!(fidelity(&found, &y, Some(0.0)).unwrap().agreement, Some(1.0));
}

#[test]
fn missing_values_may_be_what_parts_the_rows() {
    let mut x = vec![1.0; 40];
    x[..20].fill(f64::NAN);
    let y: Vec<f64> = (0..40).map(|i| f64::from(u8::from(i < 20))).collect();
    let tree = fit(&[Column::Numeric(&x)], &y, None, options(2, 5)).unwrap();
    let texts: Vec<String> = tree.rules(&names(&[("age", &[])])).iter().map(Rule::text).collect();
    assert_eq!(texts, ["age is missing: 1, 20 rows", "age is known: 0, 20 rows"]);
    // Infinities are missing too.
    assert_eq!(tree.predict(&[Column::Numeric(&[f64::INFINITY, 2.0])]), Some(vec![1.0, 0.0]));
}

#[test]
fn what_a_node_has_not_seen_goes_with_the_most_rows() {
    let x: Vec<f64> = (0..100).map(f64::from).collect();
    let y: Vec<f64> = x.iter().map(|x| f64::from(u8::from(*x < 70.0))).collect();
    let tree = fit(&[Column::Numeric(&x)], &y, None, options(1, 1)).unwrap();
    assert_eq!(tree.predict(&[Column::Numeric(&[f64::NAN])]), Some(vec![1.0]));
    let codes: Vec<u32> = (0..100).map(|i| 2 * u32::from(i < 70)).collect();
    let column = |codes| Column::Categorical { codes, levels: 4 };
    let tree = fit(&[column(&codes)], &y, None, options(1, 1)).unwrap();
    assert_eq!(tree.predict(&[column(&[0, 1, 2, 3])]), Some(vec![0.0, 1.0, 1.0, 1.0]));
}

#[test]
fn conditions_on_one_column_are_put_together() {
    let x: Vec<f64> = (0..400).map(f64::from).collect();
    let y: Vec<f64> = x.iter().map(|x| (x / 100.0).floor().powi(2) * 1e4).collect();
    let tree = fit(&[Column::Numeric(&x)], &y, None, options(3, 10)).unwrap();
    let texts: Vec<String> = tree.rules(&names(&[("x", &[])])).iter().map(Rule::text).collect();
    let wanted = [
        "x < 100: 0, 100 rows",
        "100 <= x < 200: 10,000, 100 rows",
        "200 <= x < 300: 40,000, 100 rows",
        "x >= 300: 90,000, 100 rows",
    ];
    assert_eq!(texts, wanted);
}

#[test]
fn weights_count_like_rows() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let x: Vec<f64> = (0..200).map(|_| rng.random::<f64>()).collect();
    let y: Vec<f64> = x.iter().map(|x| (6.0 * x).sin()).collect();
    let weights: Vec<f64> = (0..200).map(|i| f64::from(i % 3)).collect();
    let times = |of: &[f64]| -> Vec<f64> {
        of.iter().zip(&weights).flat_map(|(v, w)| vec![*v; *w as usize]).collect()
    };
    let weighed = fit(&[Column::Numeric(&x)], &y, Some(&weights), options(3, 1)).unwrap();
    let (many, target) = (times(&x), times(&y));
    let repeated = fit(&[Column::Numeric(&many)], &target, None, options(3, 1)).unwrap();
    let predict = |tree: &Tree| tree.predict(&[Column::Numeric(&many)]).unwrap();
    let pairs = predict(&weighed).into_iter().zip(predict(&repeated));
    assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-12));
}

#[test]
fn degenerate_input_gives_one_leaf_or_none() {
    let fit_one = |x: &[f64], y: &[f64]| fit(&[Column::Numeric(x)], y, None, options(4, 1));
    assert_eq!(fit_one(&[1.0, 2.0, 3.0], &[0.3; 3]).unwrap().leaves(), 1);
    assert_eq!(fit_one(&[1.0; 3], &[0.3, 0.4, 0.5]).unwrap().leaves(), 1);
    assert_eq!(fit_one(&[f64::NAN; 3], &[0.3, 0.4, 0.5]).unwrap().leaves(), 1);
    assert_eq!(fit_one(&[1.0], &[0.5]).unwrap().rules(&[])[0].text(), "all: 0.5, 1 row");
    assert_eq!(fit_one(&[], &[]), None);
    assert_eq!(fit_one(&[1.0], &[0.5, 0.6]), None);
    assert_eq!(fit_one(&[1.0], &[f64::NAN]), None);
    assert_eq!(fit(&[], &[], None, options(4, 1)), None);
    let codes = |codes, levels| Column::Categorical { codes, levels };
    assert_eq!(fit(&[codes(&[3], 3)], &[0.5], None, options(4, 1)), None);
    assert_eq!(fit(&[codes(&[0], LEVEL_LIMIT + 1)], &[0.5], None, options(4, 1)), None);
    let weighed =
        |w: &[f64]| fit(&[Column::Numeric(&[1.0, 2.0])], &[1.0, 2.0], Some(w), options(4, 1));
    for weights in [&[0.0, 0.0][..], &[1.0], &[1.0, -1.0], &[1.0, f64::NAN]] {
        assert_eq!(weighed(weights), None);
    }
    assert!(weighed(&[1e-300, 1.0]).is_some());
    assert!(weighed(&[f64::MAX, f64::MAX]).is_none());
    let tree = fit_one(&[1.0, 2.0], &[1.0, 2.0]).unwrap();
    assert_eq!(tree.leaves(), 2);
    assert_eq!(tree.predict(&[codes(&[0], 1)]), None);
    assert_eq!(tree.predict(&[]), None);
    // Neighbouring numbers, and the ends of what a number can be.
    let close = [1.0, 1.0_f64.next_up()];
    let tree = fit_one(&close, &[1.0, 2.0]).unwrap();
    assert_eq!(tree.predict(&[Column::Numeric(&close)]), Some(vec![1.0, 2.0]));
    let far = [f64::MIN, f64::MAX];
    let tree = fit_one(&far, &[1.0, 2.0]).unwrap();
    assert_eq!(tree.predict(&[Column::Numeric(&far)]), Some(vec![1.0, 2.0]));
    assert!(fit_one(&[1.0, 2.0], &[f64::MAX, f64::MAX]).is_none());
    assert_eq!(fit_one(&[1.0, 2.0], &[f64::MAX, f64::MIN]).map(|tree| tree.leaves()), Some(1));
}

#[test]
fn a_deep_chain_does_not_overflow() {
    let x: Vec<f64> = (0..500).map(f64::from).collect();
    let y: Vec<f64> = (0..500).map(|i| 1.1_f64.powi(i)).collect();
    let tree = fit(&[Column::Numeric(&x)], &y, None, options(usize::MAX, 0)).unwrap();
    assert!(tree.leaves() > 100);
    assert_eq!(tree.rules(&[]).len(), tree.leaves());
}

/// The squared error of the best one split, split by split.
fn best_error(x: &[f64], codes: &[u32], y: &[f64], min_leaf: usize) -> f64 {
    let error = |is_left: &dyn Fn(usize) -> bool| {
        let (left, right): (Vec<usize>, Vec<usize>) = (0..y.len()).partition(|row| is_left(*row));
        if left.len().min(right.len()) < min_leaf {
            return f64::INFINITY;
        }
        let part = |rows: &[usize]| {
            let mean = rows.iter().map(|row| y[*row]).sum::<f64>() / rows.len() as f64;
            rows.iter().map(|row| (y[*row] - mean).powi(2)).sum::<f64>()
        };
        part(&left) + part(&right)
    };
    let mut best = f64::INFINITY;
    for set in 0..16_u32 {
        best = best.min(error(&|row| set >> codes[row] & 1 == 1));
    }
    for cut in x.iter().copied().chain([f64::INFINITY]) {
        for missing in [false, true] {
            best = best.min(error(&|row| if x[row].is_nan() { missing } else { x[row] < cut }));
        }
    }
    best
}

proptest! {
    #[test]
    fn no_split_beats_the_root_split(
        rows in prop::collection::vec((0..9_u8, 0..4_u32, -4..4_i32), 2..30),
        min_leaf in 1..4_usize,
    ) {
        let number = |v: u8| if v == 0 { f64::NAN } else { f64::from(v) };
        let x: Vec<f64> = rows.iter().map(|row| number(row.0)).collect();
        // With a least size of a leaf, the order of the means need not hold the best of many
        // levels.
        let levels = if min_leaf == 1 { 4 } else { 2 };
        let codes: Vec<u32> = rows.iter().map(|row| row.1 % levels).collect();
        let y: Vec<f64> = rows.iter().map(|row| f64::from(row.2)).collect();
        let columns = [Column::Numeric(&x), Column::Categorical { codes: &codes, levels: 4 }];
        let tree = fit(&columns, &y, None, options(1, min_leaf)).unwrap();
        let found = tree.predict(&columns).unwrap();
        let error: f64 = found.iter().zip(&y).map(|(found, y)| (found - y).powi(2)).sum();
        let mean = y.iter().sum::<f64>() / y.len() as f64;
        let whole: f64 = y.iter().map(|y| (y - mean).powi(2)).sum();
        let wanted = best_error(&x, &codes, &y, min_leaf).min(whole);
        prop_assert!((error - wanted).abs() < 1e-9, "{} is not {}", error, wanted);
    }

    #[test]
    fn leaves_are_what_the_options_allow(
        x in prop::collection::vec(-5.0..5.0_f64, 1..200),
        min_leaf in 1..20_usize,
        max_depth in 0..5_usize,
    ) {
        let y: Vec<f64> = x.iter().map(|x| (3.0 * x).sin()).collect();
        let column = [Column::Numeric(&x)];
        let tree = fit(&column, &y, None, options(max_depth, min_leaf)).unwrap();
        prop_assert!(tree.leaves() <= 1 << max_depth);
        let rules = tree.rules(&[]);
        prop_assert_eq!(rules.iter().map(|rule| rule.rows).sum::<usize>(), x.len());
        prop_assert!(tree.leaves() == 1 || rules.iter().all(|rule| rule.rows >= min_leaf));
        let leaves = tree.leaf_of(&column).unwrap();
        for (leaf, node) in tree.nodes().iter().enumerate().filter(|(_, n)| n.split.is_none()) {
            let inside: Vec<f64> =
                leaves.iter().zip(&y).filter(|(at, _)| **at == leaf).map(|(_, y)| *y).collect();
            prop_assert_eq!(inside.len(), node.rows);
            let mean = inside.iter().sum::<f64>() / inside.len() as f64;
            prop_assert!((mean - node.mean).abs() < 1e-12);
        }
    }
}

#[test]
fn days_read_as_dates() {
    let x: Vec<f64> = (0..100).map(|i| 19_000.0 + f64::from(i)).collect();
    let y: Vec<f64> = x.iter().map(|x| f64::from(u8::from(*x < 19_050.0))).collect();
    let tree = fit(&[Column::Numeric(&x)], &y, None, options(2, 5)).unwrap();
    let name = ColumnName { name: "opened".into(), levels: Vec::new(), is_time: true };
    let texts: Vec<String> = tree.rules(&[name]).iter().map(Rule::text).collect();
    assert_eq!(texts, ["opened < 2022-02-27: 1, 50 rows", "opened >= 2022-02-27: 0, 50 rows"]);
    assert_eq!(day(19_050.25), "2022-02-27T06:00:00Z");
}
