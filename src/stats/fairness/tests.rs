use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::domain::fairness::AdverseImpact;
use crate::domain::version::Interval;

/// However few rows it has.
const EVERY_GROUP: FairnessOptions =
    FairnessOptions { reference: None, least_rows: 0, resamples: 1000, seed: 0 };

struct Rows {
    favourable: Vec<bool>,
    truths: Vec<Option<bool>>,
    scores: Vec<f64>,
    groups: Vec<usize>,
    names: Vec<String>,
}

impl Rows {
    /// Of each group the counts of rows by truth (a default, none, not known) and decision
    /// (refused, granted).
    fn new(groups: &[[[usize; 2]; 3]]) -> Self {
        let names = (0..groups.len()).map(|group| format!("group {group}")).collect();
        let (favourable, truths, scores) = (Vec::new(), Vec::new(), Vec::new());
        let mut rows = Self { favourable, truths, scores, groups: Vec::new(), names };
        for (group, truths) in groups.iter().enumerate() {
            for (truth, decisions) in [Some(true), Some(false), None].into_iter().zip(truths) {
                for (favourable, count) in [false, true].into_iter().zip(decisions) {
                    for _ in 0..*count {
                        rows.favourable.push(favourable);
                        rows.truths.push(truth);
                        rows.scores.push(if favourable { 0.2 } else { 0.6 });
                        rows.groups.push(group);
                    }
                }
            }
        }
        rows
    }

    fn decisions(&self) -> Decisions<'_> {
        Decisions {
            favourable: &self.favourable,
            truths: &self.truths,
            deserving: false,
            scores: Some(&self.scores),
            groups: &self.groups,
            names: &self.names,
        }
    }

    fn fairness(&self) -> Fairness {
        fairness(&self.decisions(), &EVERY_GROUP).unwrap()
    }
}

#[track_caller]
fn close(found: Option<f64>, expected: f64) {
    assert!((found.unwrap() - expected).abs() < 1e-12, "found {found:?}, expected {expected}");
}

/// 100 and 50 rows: 70 % and 40 % are granted.
fn two_groups() -> Rows {
    Rows::new(&[[[15, 5], [10, 50], [5, 15]], [[12, 4], [12, 12], [6, 4]]])
}

#[test]
fn figures_of_groups_are_as_counted() {
    let found = two_groups().fairness();
    let [first, second] = &found.groups[..] else {
        panic!("{found:?}");
    };
    assert_eq!(found.reference, "group 0");
    assert_eq!((first.n, first.with_outcome, second.n), (100, 80, 50));
    close(first.selection_rate.map(|s| s.value), 0.7);
    close(second.selection_rate.map(|s| s.value), 0.4);
    close(first.true_positive_rate.map(|s| s.value), 50.0 / 60.0);
    close(first.false_positive_rate.map(|s| s.value), 5.0 / 20.0);
    close(second.base_rate.map(|s| s.value), 16.0 / 40.0);
    close(first.auc, (50.0 * 15.0 + (50.0 * 5.0 + 10.0 * 15.0) / 2.0) / 1200.0);
    let calibration = first.calibration.unwrap();
    close(Some(calibration.mean_predicted), (55.0 * 0.2 + 25.0 * 0.6) / 80.0);
    close(Some(calibration.observed), 0.25);
    close(Some(calibration.brier), (15.0 * 0.16 + 5.0 * 0.64 + 10.0 * 0.36 + 50.0 * 0.04) / 80.0);
    assert_eq!(first.impact, None);
    let impact = second.impact.unwrap();
    close(impact.ratio, 4.0 / 7.0);
    assert_eq!(impact.below_four_fifths, Some(true));
    assert!(impact.p_value.unwrap() < 0.001);
    let interval = impact.interval.unwrap();
    assert!(interval.low < 4.0 / 7.0 && 4.0 / 7.0 < interval.high);
}

#[test]
fn distances_are_those_of_the_extremes() {
    let found = two_groups().fairness();
    close(found.demographic_parity_difference.value, 0.3);
    close(found.demographic_parity_ratio.value, 4.0 / 7.0);
    close(found.equal_opportunity_difference.value, 50.0 / 60.0 - 0.5);
    close(found.equal_opportunity_ratio.value, 0.6);
    close(found.equalized_odds_difference.value, 50.0 / 60.0 - 0.5);
    close(found.equalized_odds_ratio.value, 0.6);
    let interval = found.demographic_parity_difference.interval.unwrap();
    assert!(0.1 < interval.low && interval.low < 0.2, "{interval:?}");
    assert!(0.4 < interval.high && interval.high < 0.5, "{interval:?}");
}

#[test]
fn the_same_seed_finds_the_same_intervals() {
    let rows = two_groups();
    let at = |seed, resamples| {
        let options = FairnessOptions { seed, resamples, ..EVERY_GROUP };
        fairness(&rows.decisions(), &options).unwrap()
    };
    assert_eq!(at(1, 200), at(1, 200));
    assert_ne!(at(1, 200), at(2, 200));
    assert_eq!(at(1, 0).demographic_parity_difference.interval, None);
    close(at(1, 0).demographic_parity_difference.value, 0.3);
}

#[test]
fn intervals_have_the_width_of_two_shares() {
    let rows = Rows::new(&[[[0, 0], [0, 0], [300, 700]], [[0, 0], [0, 0], [1200, 800]]]);
    let options = FairnessOptions { resamples: 20_000, ..EVERY_GROUP };
    let found = fairness(&rows.decisions(), &options).unwrap().demographic_parity_difference;
    let half_width = crate::stats::Z_95 * (0.21_f64 / 1000.0 + 0.24 / 2000.0).sqrt();
    let interval = found.interval.unwrap();
    let tolerance = 0.05 * half_width;
    assert!((interval.low - (0.3 - half_width)).abs() < tolerance, "{interval:?}");
    assert!((interval.high - (0.3 + half_width)).abs() < tolerance, "{interval:?}");
}

#[test]
fn truth_may_be_the_good_outcome() {
    let rows = two_groups();
    let turned: Vec<Option<bool>> = rows.truths.iter().map(|t| t.map(|t| !t)).collect();
    let decisions = Decisions { truths: &turned, deserving: true, ..rows.decisions() };
    let found = fairness(&decisions, &EVERY_GROUP).unwrap();
    let expected = rows.fairness();
    assert_eq!(found.equalized_odds_difference, expected.equalized_odds_difference);
    assert_eq!(found.groups[0].true_positive_rate, expected.groups[0].true_positive_rate);
    close(found.groups[0].base_rate.map(|s| s.value), 0.75);
}

#[test]
fn groups_without_a_rate_are_left_out() {
    let empty = [[0, 0], [0, 0], [0, 0]];
    let untold = [[0, 0], [0, 0], [10, 10]];
    let rows = Rows::new(&[[[2, 2], [3, 3], [0, 0]], empty, untold, [[1, 3], [0, 4], [0, 0]]]);
    let found = rows.fairness();
    assert_eq!(found.reference, "group 2");
    close(found.demographic_parity_difference.value, 7.0 / 8.0 - 0.5);
    close(found.equal_opportunity_difference.value, 0.5);
    let none = &found.groups[1];
    assert_eq!((none.n, none.selection_rate, none.auc, none.calibration), (0, None, None, None));
    let impact = none.impact.unwrap();
    assert_eq!((impact.ratio, impact.p_value, impact.below_four_fifths), (None, None, None));
    assert_eq!(found.groups[2].true_positive_rate, None);

    let alone = Rows::new(&[[[2, 2], [3, 3], [0, 0]], untold]).fairness();
    assert_eq!(alone.equalized_odds_difference, GroupDistance { value: None, interval: None });
    assert!(alone.demographic_parity_ratio.value.is_some());
    let single = Rows::new(&[[[2, 2], [3, 3], [0, 0]]]).fairness();
    assert_eq!(single.demographic_parity_difference.value, None);
}

#[test]
fn small_groups_are_shown_and_not_judged() {
    let large = [[[10, 30], [20, 40], [0, 0]], [[20, 20], [30, 30], [0, 0]]];
    let small = [[3, 0], [2, 0], [0, 0]];
    let rows = Rows::new(&[large[0], small, large[1]]);
    let found = fairness(&rows.decisions(), &FairnessOptions::default()).unwrap();
    let without = fairness(&Rows::new(&large).decisions(), &FairnessOptions::default()).unwrap();
    assert_eq!(found.demographic_parity_difference, without.demographic_parity_difference);
    assert_eq!(found.equalized_odds_ratio, without.equalized_odds_ratio);
    close(found.demographic_parity_difference.value, 0.2);
    let judged: Vec<bool> = found.groups.iter().map(|group| group.judged).collect();
    assert_eq!(judged, [true, false, true]);
    let [_, small, other] = &found.groups[..] else { panic!("{found:?}") };
    close(small.selection_rate.map(|rate| rate.value), 0.0);
    close(small.impact.unwrap().ratio, 0.0);
    assert_eq!(small.impact.unwrap().below_four_fifths, None);
    assert_eq!(other.impact.unwrap().below_four_fifths, Some(true));
    let none = FairnessOptions { least_rows: 1000, ..FairnessOptions::default() };
    let none = fairness(&rows.decisions(), &none).unwrap();
    assert_eq!(none.demographic_parity_difference.value, None);
}

#[test]
fn nothing_granted_has_differences_but_no_ratios() {
    let found = Rows::new(&[[[5, 0], [5, 0], [0, 0]], [[5, 0], [5, 0], [0, 0]]]).fairness();
    assert_eq!(found.demographic_parity_difference.value, Some(0.0));
    assert_eq!(found.demographic_parity_ratio.value, None);
    assert_eq!(found.demographic_parity_ratio.interval, None);
    let impact = found.groups[1].impact.unwrap();
    assert_eq!((impact.ratio, impact.interval, impact.p_value), (None, None, Some(1.0)));
}

#[test]
fn groups_without_a_false_positive_do_not_differ_in_them() {
    let found = Rows::new(&[[[5, 0], [2, 8], [0, 0]], [[5, 0], [4, 6], [0, 0]]]).fairness();
    close(found.equalized_odds_ratio.value, 0.75);
    close(found.equalized_odds_difference.value, 0.2);
    let unknown = Rows::new(&[[[0, 0], [2, 8], [0, 0]], [[5, 0], [4, 6], [0, 0]]]).fairness();
    assert_eq!(unknown.equalized_odds_ratio.value, None);
    close(unknown.equal_opportunity_ratio.value, 0.75);
}

#[rstest]
#[case::four_fifths_is_not_below((40, 100), (50, 100), Some(false))]
#[case::below((39, 100), (50, 100), Some(true))]
#[case::small_group((1, 29), (50, 100), None)]
#[case::enough((1, 30), (50, 100), Some(true))]
#[case::small_reference((1, 30), (20, 29), None)]
#[case::no_reference((1, 30), (0, 100), None)]
#[case::three_tenths((24, 100), (30, 100), Some(false))]
fn four_fifths_are_told_from_thirty_rows_on(
    #[case] group: (u64, u64),
    #[case] reference: (u64, u64),
    #[case] expected: Option<bool>,
) {
    assert_eq!(AdverseImpact::new(group, reference, 30).below_four_fifths, expected);
}

#[test]
fn the_interval_of_the_ratio_needs_both_rates() {
    // Katz et al. by hand: exp(ln(0.5) -+ z sqrt(1/10 - 1/50 + 1/20 - 1/50)).
    let found = AdverseImpact::new((10, 50), (20, 50), 30).interval.unwrap();
    let half_width = crate::stats::Z_95 * 0.11_f64.sqrt();
    close(Some(found.low), 0.5 * (-half_width).exp());
    close(Some(found.high), 0.5 * half_width.exp());
    assert_eq!(AdverseImpact::new((0, 50), (20, 50), 30).interval, None);
    assert_eq!(AdverseImpact::new((0, 50), (20, 50), 30).ratio, Some(0.0));
    assert_eq!(AdverseImpact::new((50, 50), (20, 20), 30).interval, None);
}

#[rstest]
#[case::tea([[3, 1], [1, 3]], 34.0 / 70.0)]
#[case::all_right([[4, 0], [0, 4]], 2.0 / 70.0)]
#[case::mode([[2, 2], [2, 2]], 1.0)]
#[case::two_modes([[1, 0], [0, 1]], 1.0)]
#[case::empty_row([[0, 0], [3, 4]], 1.0)]
#[case::empty_column([[3, 0], [4, 0]], 1.0)]
#[case::uneven([[1, 9], [11, 3]], 0.002_759_456_185_220_083)]
fn fisher_sums_the_tables_that_are_no_more_probable(
    #[case] table: [[u64; 2]; 2],
    #[case] expected: f64,
) {
    close(fisher_exact(table), expected);
}

#[test]
fn fisher_tells_what_it_can_not_compute() {
    assert_eq!(fisher_exact([[0, 0], [0, 0]]), None);
    assert_eq!(fisher_exact([[u64::MAX; 2]; 2]), None);
    assert_eq!(fisher_exact([[1_000_000, 0], [0, 1_000_000]]), Some(0.0));
    // NumPy in extended precision, by the same ratios.
    let large = fisher_exact([[300_000_000, 700_000_000], [300_010_000, 700_100_000]]).unwrap();
    assert!((large - 0.261_790_621_747_288).abs() < 1e-12, "{large}");
}

#[test]
fn bad_decisions_are_none() {
    let rows = two_groups();
    let good = rows.decisions();
    let options = FairnessOptions { resamples: 10, ..EVERY_GROUP };
    let is_none = |decisions: &Decisions<'_>| fairness(decisions, &options).is_none();
    assert!(!is_none(&Decisions { scores: None, ..good }));
    assert!(is_none(&Decisions { favourable: &good.favourable[1..], ..good }));
    assert!(is_none(&Decisions { truths: &good.truths[1..], ..good }));
    assert!(is_none(&Decisions { groups: &good.groups[1..], ..good }));
    assert!(is_none(&Decisions { names: &good.names[1..], ..good }));
    assert!(is_none(&Decisions { scores: Some(&rows.scores[1..]), ..good }));
    let mut scores = rows.scores.clone();
    scores[3] = f64::NAN;
    assert!(is_none(&Decisions { scores: Some(&scores), ..good }));
    assert!(fairness(&good, &FairnessOptions { reference: Some(2), ..options }).is_none());
    let other = fairness(&good, &FairnessOptions { reference: Some(1), ..options }).unwrap();
    close(other.groups[0].impact.unwrap().ratio, 7.0 / 4.0);
    scores[3] = 7.0;
    let no_probability = fairness(&Decisions { scores: Some(&scores), ..good }, &options).unwrap();
    assert_eq!(no_probability.groups[0].calibration, None);
    assert!(no_probability.groups[0].auc.is_some());
    assert!(is_none(&Decisions {
        favourable: &[],
        truths: &[],
        scores: Some(&[]),
        groups: &[],
        names: &[],
        ..good
    }));
}

/// The probabilities of all tables with the same sums, by Pascal's triangle in whole numbers.
fn fisher_by_counting([[a, b], [c, d]]: [[u64; 2]; 2]) -> f64 {
    let choose = |n: u64, k: u64| -> u128 {
        (0..k).fold(1, |product, i| product * u128::from(n - i) / u128::from(i + 1))
    };
    let (first, second, column) = (a + b, c + d, a + c);
    let ways = |x: u64| choose(first, x) * choose(second, column - x);
    let support = || column.saturating_sub(second)..=column.min(first);
    let rare: u128 = support().map(ways).filter(|w| *w <= ways(a)).sum();
    rare as f64 / support().map(ways).sum::<u128>() as f64
}

proptest! {
    #[test]
    fn fisher_is_what_counting_finds(a in 0..16_u64, b in 0..16_u64, c in 0..16_u64, d in 0..16_u64) {
        prop_assume!(a + b + c + d > 0);
        let found = fisher_exact([[a, b], [c, d]]).unwrap();
        prop_assert!((found - fisher_by_counting([[a, b], [c, d]])).abs() < 1e-12);
        for same in [[[a, c], [b, d]], [[c, d], [a, b]], [[b, a], [d, c]]] {
            prop_assert!((fisher_exact(same).unwrap() - found).abs() < 1e-12);
        }
    }

    #[test]
    fn figures_stay_within_their_bounds(
        counts in prop::collection::vec(prop::array::uniform6(0..9_usize), 1..4),
        deserving in any::<bool>(),
    ) {
        let groups: Vec<[[usize; 2]; 3]> =
            counts.iter().map(|c| [[c[0], c[1]], [c[2], c[3]], [c[4], c[5]]]).collect();
        let rows = Rows::new(&groups);
        let options = FairnessOptions { resamples: 50, ..EVERY_GROUP };
        let decisions = Decisions { deserving, ..rows.decisions() };
        let Some(found) = fairness(&decisions, &options) else {
            prop_assert!(rows.groups.is_empty());
            return Ok(());
        };
        let all = [
            found.demographic_parity_difference,
            found.demographic_parity_ratio,
            found.equalized_odds_difference,
            found.equalized_odds_ratio,
            found.equal_opportunity_difference,
            found.equal_opportunity_ratio,
        ];
        for estimate in all {
            prop_assert!(estimate.value.is_none_or(|value| (0.0..=1.0).contains(&value)));
            if let Some(Interval { low, high }) = estimate.interval {
                prop_assert!(0.0 <= low && low <= high && high <= 1.0);
            }
        }
        for impact in found.groups.iter().filter_map(|group| group.impact) {
            prop_assert!(impact.p_value.is_none_or(|p| p > 0.0 && p <= 1.0 + 1e-12));
            if let Some(interval) = impact.interval {
                let ratio = impact.ratio.unwrap();
                prop_assert!(interval.low < ratio && ratio < interval.high);
                prop_assert!(interval.high.is_finite());
            }
        }
    }
}

/// Figures of Fairlearn, scikit-learn and SciPy, written by `examples/oracles/fairness.py`.
#[test]
fn figures_are_those_of_fairlearn() {
    let fixture: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/fixtures/fairness.json")).unwrap();
    for case in fixture.as_array().unwrap() {
        let all = |name: &str| case[name].as_array().unwrap().iter();
        let names: Vec<String> =
            (0..case["names"].as_u64().unwrap()).map(|n| n.to_string()).collect();
        let rows = Rows {
            favourable: all("favourable").map(|v| v.as_bool().unwrap()).collect(),
            truths: all("truths").map(serde_json::Value::as_bool).collect(),
            scores: all("scores").map(|v| v.as_f64().unwrap()).collect(),
            groups: all("groups").map(|v| v.as_u64().unwrap() as usize).collect(),
            names,
        };
        let deserving = case["deserving"].as_bool().unwrap();
        let decisions = Decisions { deserving, ..rows.decisions() };
        let found = serde_json::to_value(fairness(&decisions, &EVERY_GROUP).unwrap()).unwrap();
        assert_eq!(found["reference"], case["expected"]["reference"]);
        agree("", &found, &case["expected"]);
    }
}

/// Holds every number that is expected to what was found.
fn agree(at: &str, found: &serde_json::Value, expected: &serde_json::Value) {
    match expected {
        serde_json::Value::Object(fields) => {
            fields
                .iter()
                .for_each(|(name, value)| agree(&format!("{at}/{name}"), &found[name], value));
        }
        serde_json::Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(i, value)| agree(&format!("{at}/{i}"), &found[i], value));
        }
        serde_json::Value::Number(number) => {
            let apart = (found.as_f64().unwrap() - number.as_f64().unwrap()).abs();
            assert!(apart < 1e-9, "{at}: {found} is not {number}");
        }
        _ => assert_eq!(found, expected, "{at}"),
    }
}
