use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::stats::threshold_f1;

const SCORES: [f64; 6] = [0.1, 0.2, 0.4, 0.4, 0.7, 0.9];
const TRUTH: [bool; 6] = [false, false, true, false, false, true];

fn costs(false_positive: f64, false_negative: f64) -> Costs {
    Costs { false_positive, false_negative, true_positive: 0.0, true_negative: 0.0 }
}

fn counts(tp: u64, fp: u64, tn: u64, fn_: u64) -> Counts {
    Counts { true_positives: tp, false_positives: fp, true_negatives: tn, false_negatives: fn_ }
}

#[test]
fn the_threshold_of_calibrated_probabilities_is_elkans() {
    assert_eq!(cost_threshold(&costs(1.0, 4.0)), Some(0.2));
    let gains = Costs {
        false_positive: 3.0,
        false_negative: 2.0,
        true_positive: -4.0,
        true_negative: -1.0,
    };
    assert_eq!(cost_threshold(&gains), Some(0.4));
    assert_eq!(cost_threshold(&costs(0.0, 1.0)), Some(0.0));
    assert_eq!(cost_threshold(&costs(1.0, 0.0)), Some(1.0));
    assert_eq!(cost_threshold(&costs(0.0, 0.0)), None);
    assert_eq!(cost_threshold(&costs(-1.0, 3.0)), None);
    assert_eq!(cost_threshold(&costs(f64::NAN, 3.0)), None);
    assert_eq!(cost_threshold(&costs(1.0, f64::INFINITY)), None);
    assert_eq!(cost_threshold(&costs(f64::MAX, f64::MAX)), None);
}

#[rstest]
#[case(0.0, 0)]
#[case(0.1, 0)]
#[case(1.0 / 6.0, 1)]
#[case(2.0 / 6.0, 2)]
#[case(3.0 / 6.0, 2)]
#[case(4.0 / 6.0, 4)]
#[case(1.0, 6)]
fn no_more_than_the_rate_are_labelled(#[case] rate: f64, #[case] expected: u64) {
    let found = threshold_by_rate(&SCORES, &TRUTH, rate).unwrap();
    assert_eq!(found.counts.labelled(), expected);
    let labelled = SCORES.iter().filter(|s| **s >= found.threshold).count() as u64;
    assert_eq!(labelled, expected);
}

#[test]
fn recall_and_precision_are_traded_at_their_best() {
    let recall = |at_least| threshold_by_recall(&SCORES, &TRUTH, at_least);
    assert_eq!(recall(0.0).unwrap().counts, counts(1, 0, 4, 1));
    assert_eq!(recall(0.5).unwrap().counts, counts(1, 0, 4, 1));
    assert_eq!(recall(0.6).unwrap().counts, counts(2, 2, 2, 0));
    let precision = |at_least| threshold_by_precision(&SCORES, &TRUTH, at_least);
    assert_eq!(precision(1.0).unwrap().counts, counts(1, 0, 4, 1));
    assert_eq!(precision(0.5).unwrap().counts, counts(2, 2, 2, 0));
    assert_eq!(precision(0.0).unwrap().counts, counts(2, 2, 2, 0));
    assert_eq!(threshold_by_precision(&[0.1, 0.9], &[true, false], 0.9), None);
    // Perfect order: finding more costs no precision.
    let found = threshold_by_recall(&[0.1, 0.2, 0.8, 0.9], &[false, false, true, true], 0.5);
    assert_eq!(found.unwrap().threshold, 0.5);
}

#[rstest]
#[case::empty(&[], &[])]
#[case::lengths(&[0.1], &[true, false])]
#[case::nan(&[0.1, f64::NAN], &[true, false])]
#[case::infinite(&[0.1, f64::INFINITY], &[true, false])]
fn bad_rows_have_no_threshold(#[case] scores: &[f64], #[case] truth: &[bool]) {
    assert_eq!(threshold_by_rate(scores, truth, 0.5), None);
    assert_eq!(threshold_by_f_beta(scores, truth, 1.0), None);
    assert_eq!(threshold_by_recall(scores, truth, 0.5), None);
    assert_eq!(threshold_by_precision(scores, truth, 0.5), None);
}

#[test]
fn bad_aims_have_no_threshold() {
    for bad in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
        assert_eq!(threshold_by_rate(&SCORES, &TRUTH, bad), None);
        assert_eq!(threshold_by_recall(&SCORES, &TRUTH, bad), None);
        assert_eq!(threshold_by_precision(&SCORES, &TRUTH, bad), None);
    }
    for bad in [f64::NAN, 0.0, -1.0, 1e7] {
        assert_eq!(threshold_by_f_beta(&SCORES, &TRUTH, bad), None);
    }
    for one_class in [[true; 6], [false; 6]] {
        assert_eq!(threshold_by_f_beta(&SCORES, &one_class, 1.0), None);
    }
    assert_eq!(threshold_by_recall(&SCORES, &[false; 6], 0.0), None);
    assert_eq!(threshold_by_precision(&SCORES, &[false; 6], 0.0), None);
}

#[test]
fn nothing_lies_above_the_greatest_number() {
    assert_eq!(threshold_by_rate(&[f64::MAX], &[true], 0.0), None);
    let odd = counts(u64::MAX, u64::MAX, u64::MAX, u64::MAX);
    assert!(odd.rate().is_some() && odd.precision().is_some() && odd.recall().is_some());
}

fn tied_rows() -> impl Strategy<Value = (Vec<f64>, Vec<bool>)> {
    prop::collection::vec((-8..8_i32, any::<bool>()), 1..40)
        .prop_map(|rows| rows.into_iter().map(|(score, truth)| (f64::from(score), truth)).unzip())
}

fn counts_at(scores: &[f64], truth: &[bool], threshold: f64) -> Counts {
    let count = |label: bool, class: bool| {
        let rows = scores.iter().zip(truth);
        rows.filter(|(s, t)| (**s >= threshold) == label && **t == class).count() as u64
    };
    counts(count(true, true), count(true, false), count(false, false), count(false, true))
}

proptest! {
    #[test]
    fn with_beta_1_it_is_the_f1_threshold((scores, truth) in tied_rows()) {
        let found = threshold_by_f_beta(&scores, &truth, 1.0).map(|found| found.threshold);
        prop_assert_eq!(found, threshold_f1(&scores, &truth));
    }

    #[test]
    fn what_is_achieved_is_so(
        (scores, truth) in tied_rows(),
        aim in 0.0..=1.0_f64,
    ) {
        let all = [
            threshold_by_rate(&scores, &truth, aim),
            threshold_by_f_beta(&scores, &truth, 0.1 + aim),
            threshold_by_recall(&scores, &truth, aim),
            threshold_by_precision(&scores, &truth, aim),
        ];
        for found in all.iter().flatten() {
            prop_assert_eq!(found.counts, counts_at(&scores, &truth, found.threshold));
        }
        prop_assert!(all[0].is_some_and(|found| found.counts.rate().unwrap() <= aim));
        prop_assert!(all[2].is_none_or(|found| found.counts.recall().unwrap() >= aim));
        prop_assert!(all[3].is_none_or(|found| found.counts.precision().unwrap() >= aim));
    }

    #[test]
    fn no_numbers_lead_to_nan_or_a_panic(
        rows in prop::collection::vec((prop::num::f64::ANY, any::<bool>()), 0..9),
        aim in prop::num::f64::ANY,
        finite in any::<bool>(),
    ) {
        let keep = |row: &(f64, bool)| !finite || row.0.is_finite();
        let (scores, truth): (Vec<f64>, Vec<bool>) = rows.into_iter().filter(keep).unzip();
        let all = [
            threshold_by_rate(&scores, &truth, aim),
            threshold_by_f_beta(&scores, &truth, aim),
            threshold_by_recall(&scores, &truth, aim),
            threshold_by_precision(&scores, &truth, aim),
        ];
        for found in all.iter().flatten() {
            let counts = found.counts;
            let parts = [Some(found.threshold), counts.rate(), counts.precision(), counts.recall()];
            prop_assert!(parts.iter().flatten().all(|x| x.is_finite()));
            prop_assert_eq!(found.counts, counts_at(&scores, &truth, found.threshold));
        }
    }
}
