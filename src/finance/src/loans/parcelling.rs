//! Reject inference by parcelling: the outcome that those who were refused might have had.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{Fault, Result};

/// How outcomes are inferred (Siddiqi 2006, chapter 6; Crook and Banasik 2004 on how little it may help).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parcelling {
    /// Bands of the score, each with as many of the accepted; those of one score are never parted, so where
    /// many have the same there are fewer.
    pub bands: usize,
    /// How many times as often those who were refused default as those who were accepted at the same
    /// score. No data tells it: 1 says that they are alike.
    pub factor: f64,
    pub seed: u64,
}

/// A band of the score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// The least probability of default of the accepted in it, and the greatest.
    pub low: f64,
    pub high: f64,
    pub accepted: u64,
    /// Those of them who defaulted.
    pub bad: u64,
    pub rejected: u64,
    /// The probability by which an outcome was drawn for the rejected: the accepted's share x factor, 1 at
    /// most.
    pub drawn_at: f64,
    /// Those of the rejected for whom a default was drawn.
    pub inferred_bad: u64,
}

/// The outcomes that are drawn for the rejected, true for a default, by the probabilities of default of
/// both and what is known of the accepted. A rejected applicant belongs to the first band whose greatest
/// probability is no less than his own, and to the last one beyond. The same seed draws the same.
///
/// # Errors
/// A [`Fault`] for fewer than two bands or too few accepted for them, and a factor that is none.
pub fn parcel(
    how: &Parcelling,
    accepted: &[(f64, bool)],
    rejected: &[f64],
) -> Result<(Vec<Band>, Vec<bool>)> {
    if !(2..=100).contains(&how.bands) {
        return Err(Fault::new("/bands", format!("{} is not from 2 to 100", how.bands)));
    }
    if !(how.factor > 0.0 && how.factor <= 100.0) {
        return Err(Fault::new("/factor", "has to be above 0 and at most 100"));
    }
    if accepted.len() < 20 * how.bands {
        let detail = format!(
            "{} accepted applicants with an outcome are fewer than 20 for each of {} bands: take fewer",
            accepted.len(),
            how.bands
        );
        return Err(Fault::new("/bands", detail));
    }
    let mut sorted = accepted.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut bands: Vec<Band> = Vec::new();
    let mut start = 0;
    for band in 1..=how.bands {
        let end = end_of_tie(&sorted, band * sorted.len() / how.bands);
        if end <= start {
            continue;
        }
        let rows = &sorted[start..end];
        start = end;
        let (bad, n) = (rows.iter().filter(|row| row.1).count(), rows.len());
        bands.push(Band {
            low: rows[0].0,
            high: rows[n - 1].0,
            accepted: n as u64,
            bad: bad as u64,
            rejected: 0,
            drawn_at: (how.factor * bad as f64 / n as f64).min(1.0),
            inferred_bad: 0,
        });
    }
    let mut random = ChaCha8Rng::seed_from_u64(how.seed);
    let outcomes = rejected.iter().map(|probability| {
        let at = bands.partition_point(|band| band.high < *probability).min(bands.len() - 1);
        let band = &mut bands[at];
        let is_bad = random.random::<f64>() < band.drawn_at;
        band.rejected += 1;
        band.inferred_bad += u64::from(is_bad);
        is_bad
    });
    let outcomes = outcomes.collect();
    Ok((bands, outcomes))
}

/// The place behind all who have the same probability as the one before it.
fn end_of_tie(sorted: &[(f64, bool)], place: usize) -> usize {
    match place.checked_sub(1).and_then(|last| sorted.get(last)) {
        Some((score, _)) => {
            place + sorted[place..].iter().take_while(|row| row.0 == *score).count()
        }
        None => place,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applicants() -> Vec<(f64, bool)> {
        // Of each hundred of the same probability so many default.
        (0..1_000).map(|at| (f64::from(at / 100) / 10.0, at % 100 < 10 * (at / 100))).collect()
    }

    #[test]
    fn the_rejected_default_as_the_accepted_of_their_band() {
        let how = Parcelling { bands: 10, factor: 1.0, seed: 7 };
        let rejected = vec![0.75; 4_000];
        let (bands, outcomes) = parcel(&how, &applicants(), &rejected).unwrap();
        let band = bands[8];
        assert_eq!((band.low, band.accepted, band.bad, band.rejected), (0.8, 100, 80, 4_000));
        let bad = outcomes.iter().filter(|bad| **bad).count();
        assert_eq!(bad as u64, band.inferred_bad);
        // Four standard deviations.
        assert!((bad as f64 / 4_000.0 - 0.8).abs() < 0.026, "{bad}");
        assert_eq!(parcel(&how, &applicants(), &rejected).unwrap().1, outcomes, "the same seed");
        let other = Parcelling { seed: 8, ..how };
        assert_ne!(parcel(&other, &applicants(), &rejected).unwrap().1, outcomes);
    }

    #[test]
    fn those_of_one_score_stay_together() {
        let how = Parcelling { bands: 4, factor: 1.0, seed: 3 };
        // Of four hundred of one score a fifth defaults.
        let one: Vec<(f64, bool)> = (0..400).map(|at| (0.3, at % 5 == 0)).collect();
        let (bands, outcomes) = parcel(&how, &one, &vec![0.3; 4_000]).unwrap();
        assert_eq!(bands.len(), 1);
        assert_eq!((bands[0].accepted, bands[0].bad, bands[0].drawn_at), (400, 80, 0.2));
        let bad = outcomes.iter().filter(|bad| **bad).count();
        // Four standard deviations.
        assert!((bad as f64 / 4_000.0 - 0.2).abs() < 0.026, "{bad}");
        // Three scores of a scorecard; the middle one would span three of four bands.
        let of = |score: f64, n: u32, each: u32| (0..n).map(move |at| (score, at % each == 0));
        let three: Vec<(f64, bool)> =
            of(0.1, 50, 10).chain(of(0.2, 240, 4)).chain(of(0.4, 110, 2)).collect();
        let (bands, _) = parcel(&how, &three, &[0.1, 0.2, 0.2, 0.4]).unwrap();
        let found: Vec<_> = bands.iter().map(|b| (b.low, b.high, b.accepted, b.bad)).collect();
        assert_eq!(found, [(0.1, 0.2, 290, 65), (0.4, 0.4, 110, 55)]);
        assert_eq!(bands.iter().map(|band| band.rejected).collect::<Vec<_>>(), [3, 1]);
    }

    #[test]
    fn a_factor_makes_them_worse_and_no_more_than_certain() {
        let how = Parcelling { bands: 10, factor: 2.0, seed: 1 };
        let (bands, outcomes) = parcel(&how, &applicants(), &[0.2, 0.95, 7.0]).unwrap();
        assert_eq!((bands[2].drawn_at, bands[9].drawn_at), (0.4, 1.0));
        assert_eq!(outcomes[1..], [true, true], "beyond all bands is the last one");
        assert_eq!(bands[9].rejected, 2);
    }

    #[test]
    fn too_few_accepted_tell_nothing() {
        let how = Parcelling { bands: 10, factor: 1.0, seed: 1 };
        let pointer = |how: Parcelling, few: usize| {
            parcel(&how, &applicants()[..few], &[]).map_err(|fault| fault.pointer).map(|_| ())
        };
        assert_eq!(pointer(how, 199), Err("/bands".to_owned()));
        assert_eq!(pointer(Parcelling { bands: 1, ..how }, 1_000), Err("/bands".to_owned()));
        assert_eq!(pointer(Parcelling { factor: 0.0, ..how }, 1_000), Err("/factor".to_owned()));
        assert_eq!(pointer(how, 200), Ok(()));
    }
}
