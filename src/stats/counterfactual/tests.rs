use std::convert::Infallible;

use proptest::prelude::*;

use super::*;

type Answer = Result<Vec<f64>, Infallible>;

fn number(column: usize, low: f64, high: f64, step: Option<f64>, scale: f64) -> Lever {
    let change =
        Change::Number { low, high, direction: Direction::Any, step, typical: vec![], scale };
    Lever { column, change }
}

fn level(column: usize, allowed: &[u32]) -> Lever {
    Lever { column, change: Change::Level { allowed: allowed.to_vec() } }
}

fn find(
    row: &[f64],
    levers: &[Lever],
    goal: Goal,
    options: CounterfactualOptions,
    model: impl Fn(&[f64]) -> f64,
) -> Outcome {
    let mut score = |rows: &[f64]| -> Answer {
        assert!(rows.len() / row.len() <= options.batch.max(1));
        Ok(rows.chunks(row.len()).map(&model).collect())
    };
    search(row, levers, goal, options, &mut score).unwrap().unwrap()
}

fn found(outcome: Outcome) -> Vec<Alternative> {
    match outcome {
        Outcome::Found(alternatives) => alternatives,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_least_step_that_is_enough_is_found() {
    let levers = [number(0, 0.0, 100_000.0, Some(100.0), 10_000.0)];
    let model = |x: &[f64]| x[0] / 1000.0;
    let options = CounterfactualOptions::default();
    let one = &found(find(&[20_050.0], &levers, Goal::AtLeast(31.23), options, model))[0];
    assert_eq!((one.row[0], one.score), (31_300.0, 31.3));
    assert!((one.cost - 1.125).abs() < 1e-12);
    let down = &found(find(&[20_050.0], &levers, Goal::Below(19.0), options, model))[0];
    assert_eq!(down.row[0], 18_900.0);
    let met = find(&[20_050.0], &levers, Goal::AtLeast(20.0), options, model);
    assert_eq!(met, Outcome::AlreadyMet { score: 20.05 });
}

#[test]
fn decimal_steps_are_exact_and_no_step_is_close() {
    let model = |x: &[f64]| x[0];
    let options = CounterfactualOptions::default();
    let at = |step| {
        let levers = [number(0, 0.0, 1.0, step, 0.1)];
        found(find(&[0.1], &levers, Goal::AtLeast(0.295), options, model))[0].row[0]
    };
    assert_eq!(at(Some(0.01)), 0.3);
    assert_eq!(at(Some(0.1)), 0.3);
    assert!((0.295..0.297).contains(&at(None)), "{}", at(None));
}

#[test]
fn bounds_and_directions_are_kept() {
    let model = |x: &[f64]| -x[0];
    let options = CounterfactualOptions::default();
    let goal = Goal::AtLeast(-5.0);
    let mut lever = number(0, 0.0, 100.0, Some(1.0), 1.0);
    assert_eq!(found(find(&[10.0], std::slice::from_ref(&lever), goal, options, model)).len(), 1);
    if let Change::Number { direction, .. } = &mut lever.change {
        *direction = Direction::Increase;
    }
    let none = find(&[10.0], &[lever], goal, options, model);
    let Outcome::NoneWithinBounds { best } = none else { panic!("{none:?}") };
    assert_eq!((best.score, best.changes.len()), (-10.0, 0));
    let none = find(&[10.0], &[number(0, 7.0, 100.0, None, 1.0)], goal, options, model);
    let Outcome::NoneWithinBounds { best } = none else { panic!("{none:?}") };
    assert_eq!((best.row[0], best.score), (7.0, -7.0));
    // A row beyond the bounds gets to the nearest value within them.
    for step in [None, Some(1.0)] {
        let levers = [number(0, 0.0, 4.0, step, 1.0)];
        assert_eq!(found(find(&[10.0], &levers, goal, options, model))[0].row[0], 4.0);
    }
    // Without bounds, typical values are what is tried; a missing value stays.
    let mut open = number(0, f64::NEG_INFINITY, f64::INFINITY, None, 1.0);
    if let Change::Number { typical, .. } = &mut open.change {
        *typical = (-20..20).map(f64::from).collect();
    }
    let levers = std::slice::from_ref(&open);
    let one = &found(find(&[10.0], levers, goal, options, model))[0];
    assert!((4.9..=5.0).contains(&one.row[0]));
    let missing = |x: &[f64]| if x[0].is_nan() { 0.0 } else { 9.0 };
    let none = find(&[f64::NAN], levers, Goal::AtLeast(1.0), options, missing);
    assert!(matches!(none, Outcome::NoneWithinBounds { .. }));
}

#[test]
fn two_columns_that_only_act_together_are_found() {
    let xor = |x: &[f64]| f64::from(x[0] >= 6.0 && x[1] == 2.0) + 0.001 * x[2];
    let levers = [
        number(0, 0.0, 10.0, Some(1.0), 2.0),
        level(1, &[0, 1, 2]),
        number(2, 0.0, 9.0, None, 1.0),
    ];
    let options = CounterfactualOptions::default();
    let row = [3.0, 0.0, 5.0];
    let all = found(find(&row, &levers, Goal::AtLeast(0.5), options, xor));
    assert_eq!(all.len(), 1, "the third column adds nothing");
    assert_eq!(all[0].row, [6.0, 2.0, 5.0]);
    assert_eq!(all[0].cost, 1.5 + 1.0);
    let one = CounterfactualOptions { max_changes: 1, ..options };
    assert!(matches!(
        find(&row, &levers, Goal::AtLeast(0.5), one, xor),
        Outcome::NoneWithinBounds { .. }
    ));
}

#[test]
fn alternatives_change_other_columns() {
    let sum = |x: &[f64]| x.iter().sum::<f64>();
    let levers: Vec<Lever> =
        (0..5).map(|column| number(column, 0.0, 10.0, Some(1.0), 1.0 + column as f64)).collect();
    let options = CounterfactualOptions { alternatives: 4, ..Default::default() };
    let all = found(find(&[0.0; 5], &levers, Goal::AtLeast(6.0), options, sum));
    assert_eq!(all.len(), 4);
    let first: Vec<usize> = all.iter().map(|one| one.changes[0].column).collect();
    assert!(all.windows(2).all(|pair| pair[0].cost <= pair[1].cost));
    // The widest scale is the cheapest.
    assert_eq!((first[0], all[0].cost), (4, 6.0 / 5.0));
    assert!(all.iter().all(|one| one.score >= 6.0));
}

#[test]
fn what_is_not_valid_is_none() {
    let goal = Goal::AtLeast(0.5);
    let ask = |row: &[f64], levers: &[Lever], goal: Goal| {
        let mut score = |rows: &[f64]| -> Answer { Ok(vec![0.0; rows.len() / row.len()]) };
        search(row, levers, goal, CounterfactualOptions::default(), &mut score).unwrap()
    };
    let fine = number(0, 0.0, 1.0, Some(0.1), 1.0);
    assert!(ask(&[0.0], std::slice::from_ref(&fine), goal).is_some());
    assert!(ask(&[0.0], &[], goal).is_some());
    assert!(ask(&[], &[], goal).is_none());
    assert!(ask(&[0.0], std::slice::from_ref(&fine), Goal::Below(f64::NAN)).is_none());
    assert!(ask(&[0.0], &[fine.clone(), fine], goal).is_none());
    for lever in [
        number(1, 0.0, 1.0, None, 1.0),
        number(0, 1.0, 0.0, None, 1.0),
        number(0, f64::NAN, 1.0, None, 1.0),
        number(0, 0.0, 1.0, Some(0.0), 1.0),
        number(0, 0.0, 1.0, Some(f64::NAN), 1.0),
        number(0, 0.0, 1.0, None, 0.0),
    ] {
        assert!(ask(&[0.0], &[lever], goal).is_none());
    }
    let options = CounterfactualOptions::default();
    let nan = &mut |_: &[f64]| -> Answer { Ok(vec![f64::NAN]) };
    assert!(search(&[0.0], &[], goal, options, nan).unwrap().is_none());
    assert_eq!(search(&[0.0], &[], goal, options, &mut |_| Err("broken")), Err("broken"));
    // A step that the bounds have no multiple of, or too many of.
    for (low, high, step) in [(0.1, 0.4, 0.5), (0.0, 1e300, 1e-300), (-1e308, 1e308, 1e-3)] {
        let outcome = ask(&[0.2], &[number(0, low, high, Some(step), 1.0)], goal);
        assert!(matches!(outcome, Some(Outcome::NoneWithinBounds { .. })));
    }
    let zero = CounterfactualOptions {
        max_changes: 0,
        alternatives: 0,
        candidates: 0,
        budget: 0,
        batch: 0,
    };
    find(&[0.0], &[number(0, 0.0, 1.0, None, 1.0)], goal, zero, |x| x[0]);
    let all = CounterfactualOptions { max_changes: 9, ..zero };
    assert_eq!(
        found(find(&[0.0], &[number(0, 0.0, 1.0, None, 1.0)], goal, all, |x| x[0])).len(),
        1
    );
}

#[test]
fn a_scale_is_above_zero() {
    assert_eq!(scale_of(&[1.0, 2.0, 3.0, 4.0, 100.0, f64::NAN]), Some(1.0));
    assert_eq!(scale_of(&[0.0, 0.0, 0.0, 8.0]), Some(2.0));
    assert_eq!(scale_of(&[5.0, 5.0]), Some(1.0));
    assert_eq!(scale_of(&[]), None);
    assert_eq!(scale_of(&[f64::MIN, f64::MAX, f64::MAX]), None);
}

/// The least cost over all values of all columns that meets the goal.
fn brute(
    row: &[f64],
    scales: &[f64],
    goal: Goal,
    most: usize,
    model: impl Fn(&[f64]) -> f64,
) -> f64 {
    let mut best = f64::INFINITY;
    for at in 0..11_usize.pow(3) {
        let new = [at % 11, at / 11 % 11, at / 121].map(|v| v as f64);
        let changed = new.iter().zip(row).filter(|(new, old)| new != old).count();
        if changed <= most && goal.is_met(model(&new)) {
            let costs = new.iter().zip(row).zip(scales).map(|((n, o), s)| (n - o).abs() / s);
            best = best.min(costs.sum());
        }
    }
    best
}

fn levers(scales: &[f64]) -> Vec<Lever> {
    let scales = scales.iter().enumerate();
    scales.map(|(column, scale)| number(column, 0.0, 10.0, Some(1.0), *scale)).collect()
}

proptest! {
    #[test]
    fn answers_hold_and_are_near_the_best(
        row in prop::collection::vec(0..=10_u8, 3),
        scales in prop::collection::vec(0.5..4.0_f64, 3),
        slopes in prop::collection::vec(-2.0..2.0_f64, 4),
        rise in 0.1..20.0_f64,
        is_above: bool,
        most in 1..=3_usize,
    ) {
        let row: Vec<f64> = row.into_iter().map(f64::from).collect();
        let model = |x: &[f64]| {
            x.iter().zip(&slopes).map(|(x, s)| x * s).sum::<f64>() + 0.1 * slopes[3] * x[0] * x[1]
        };
        let start = model(&row);
        let goal =
            if is_above { Goal::AtLeast(start + rise) } else { Goal::Below(start - rise) };
        let options = CounterfactualOptions { max_changes: most, ..Default::default() };
        let outcome = find(&row, &levers(&scales), goal, options, model);
        let best = brute(&row, &scales, goal, most, model);
        match &outcome {
            Outcome::AlreadyMet { .. } => prop_assert!(false),
            Outcome::NoneWithinBounds { best: nearest } => {
                prop_assert_eq!(best, f64::INFINITY);
                prop_assert!(!goal.is_met(nearest.score));
            }
            Outcome::Found(all) => {
                prop_assert!(all[0].cost <= best * 1.000_001 + 1e-9, "{} {}", all[0].cost, best);
                for one in all {
                    prop_assert!(goal.is_met(one.score) && model(&one.row) == one.score);
                    prop_assert!(one.changes.len() <= most);
                    let is_whole = |x: &f64| (0.0..=10.0).contains(x) && x.fract() == 0.0;
                    prop_assert!(one.row.iter().all(is_whole));
                    let differ = (0..3).filter(|c| one.row[*c] != row[*c]).count();
                    prop_assert_eq!(differ, one.changes.len());
                }
            }
        }
        prop_assert_eq!(outcome, find(&row, &levers(&scales), goal, options, model));
    }

    #[test]
    fn answers_are_what_the_levers_allow(
        row in prop::collection::vec(-5.0..5.0_f64, 3),
        typical in prop::collection::vec(-9.0..9.0_f64, 0..30),
        bounds in prop::collection::vec((-6.0..6.0_f64, 0.0..8.0_f64), 3),
        steps in prop::collection::vec(prop::option::of(0.01..2.0_f64), 3),
        ways in prop::collection::vec(0..3_usize, 3),
        weights in prop::collection::vec(-2.0..2.0_f64, 6),
        threshold in -1.0..1.0_f64,
    ) {
        let directions = [Direction::Any, Direction::Increase, Direction::Decrease];
        let mut levers: Vec<Lever> = (0..3).map(|column| {
            let (low, width) = bounds[column];
            let change = Change::Number {
                low, high: low + width, direction: directions[ways[column]], step: steps[column],
                typical: typical.clone(), scale: 1.5,
            };
            Lever { column, change }
        }).collect();
        levers.push(level(3, &[0, 2, 3]));
        let mut row = row;
        row.push(1.0);
        let model = |x: &[f64]| {
            (x[0] * weights[0] + x[1] * weights[1]).sin() + (x[2] * weights[2] + weights[3]).tanh()
                * weights[4] + if x[3] == 2.0 { weights[5] } else { 0.0 }
        };
        let goal = Goal::AtLeast(threshold);
        let outcome = find(&row, &levers, goal, CounterfactualOptions::default(), model);
        let Outcome::Found(all) = outcome else {
            return Ok(());
        };
        let mut sets = Vec::new();
        for one in &all {
            prop_assert!(goal.is_met(model(&one.row)) && model(&one.row) == one.score);
            for changed in &one.changes {
                prop_assert_eq!(one.row[changed.column], changed.to);
                prop_assert_eq!(row[changed.column], changed.from);
                if changed.column == 3 {
                    prop_assert!([0.0, 2.0, 3.0].contains(&changed.to));
                    continue;
                }
                let (low, width) = bounds[changed.column];
                prop_assert!(low <= changed.to && changed.to <= low + width);
                match directions[ways[changed.column]] {
                    Direction::Any => {}
                    Direction::Increase => prop_assert!(changed.to > changed.from),
                    Direction::Decrease => prop_assert!(changed.to < changed.from),
                }
                if let Some(step) = steps[changed.column] {
                    let times = changed.to / step;
                    prop_assert!((times - times.round()).abs() < 1e-6);
                }
            }
            let set: Vec<usize> = one.changes.iter().map(|changed| changed.column).collect();
            prop_assert!(!sets.contains(&set));
            sets.push(set);
        }
    }
}
