use proptest::prelude::*;

use super::*;

#[track_caller]
fn close(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "found {found}, expected {expected}");
}

#[test]
fn bins_of_equal_width_hold_their_lower_bound() {
    let probabilities = [0.0, 0.6, 0.6, 0.2, 1.0, 0.59];
    let truth = [false, true, false, false, true, true];
    let found = reliability(&probabilities, &truth, 5, Binning::Width).unwrap();
    let shown: Vec<_> = found.bins.iter().map(|bin| (bin.low, bin.high, bin.n)).collect();
    assert_eq!(shown, [(0.0, 0.2, 1), (0.2, 0.4, 1), (0.4, 0.6, 1), (0.6, 0.8, 2), (0.8, 1.0, 1)]);
    close(found.maximum_error, 0.41, 1e-15);
    close(found.expected_error, (0.0 + 0.2 + 0.41 + 0.2 + 0.0) / 6.0, 1e-15);
}

#[test]
fn bins_of_equal_mass_keep_ties_together() {
    let truth = [false; 7];
    let found =
        reliability(&[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7], &truth, 3, Binning::Mass).unwrap();
    let shown: Vec<_> = found.bins.iter().map(|bin| (bin.low, bin.high, bin.n)).collect();
    assert_eq!(shown, [(0.1, 0.3, 3), (0.4, 0.5, 2), (0.6, 0.7, 2)]);
    let found = reliability(&[0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.7], &truth, 3, Binning::Mass);
    let sizes: Vec<u64> = found.unwrap().bins.iter().map(|bin| bin.n).collect();
    assert_eq!(sizes, [6, 1]);
}

#[test]
fn reliability_of_bad_input_is_none() {
    for binning in [Binning::Width, Binning::Mass] {
        assert_eq!(reliability(&[], &[], 15, binning), None);
        assert_eq!(reliability(&[0.5], &[true], 0, binning), None);
        assert_eq!(reliability(&[0.5], &[true, false], 15, binning), None);
        assert_eq!(reliability(&[1.1], &[true], 15, binning), None);
        assert_eq!(reliability(&[f64::NAN], &[true], 15, binning), None);
        assert_eq!(brier_decomposition(&[-0.1], &[true], 15, binning), None);
        assert_eq!(top_label_reliability(&[], 0, &[], 15, binning), None);
        assert_eq!(top_label_reliability(&[0.5, 0.5], 2, &[2], 15, binning), None);
        assert_eq!(top_label_reliability(&[0.5, 0.5], 2, &[0, 1], 15, binning), None);
        assert_eq!(top_label_reliability(&[], 0, &[0], 15, binning), None);
        assert!(reliability(&[0.5], &[true], usize::MAX, binning).is_some());
    }
    let equal = top_label_reliability(&[0.5, 0.5], 2, &[0], 15, Binning::Width).unwrap();
    assert_eq!((equal.bins[0].observed, equal.expected_error), (1.0, 0.5));
}

proptest! {
    #[test]
    fn the_terms_of_the_brier_score_add_up(
        rows in prop::collection::vec((0.0..=1.0_f64, any::<bool>()), 1..60),
        bins in 1..20_usize,
        mass in any::<bool>(),
    ) {
        let (probabilities, truth): (Vec<f64>, Vec<bool>) = rows.into_iter().unzip();
        let binning = if mass { Binning::Mass } else { Binning::Width };
        let b = brier_decomposition(&probabilities, &truth, bins, binning).unwrap();
        let sum = b.reliability - b.resolution + b.uncertainty + b.within_variance
            - b.within_covariance;
        prop_assert!((b.score - sum).abs() < 1e-12);
        let found = reliability(&probabilities, &truth, bins, binning).unwrap();
        prop_assert_eq!(found.bins.iter().map(|bin| bin.n).sum::<u64>(), truth.len() as u64);
        prop_assert!(found.bins.len() <= bins);
        prop_assert!(found.expected_error <= found.maximum_error + 1e-12);
        for bin in &found.bins {
            prop_assert!(bin.low <= bin.mean_predicted && bin.mean_predicted <= bin.high);
            prop_assert!(bin.interval.low <= bin.observed + 1e-12);
            prop_assert!(bin.observed <= bin.interval.high + 1e-12);
        }
    }
}
