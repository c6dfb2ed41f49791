//! Which factors are told as the reasons of an adverse answer (Regulation B, comment 9(b)(2)).

/// What adds less than this share of what hurts most is no principal reason.
pub const LEAST_SHARE: f64 = 0.05;

/// The places of the principal reasons among what factors add to an adverse answer, the strongest first:
/// those that hurt, at most `most`, none below [`LEAST_SHARE`] of the strongest. Of equal ones the first
/// comes first. There is one wherever anything hurts, however many share in it.
pub fn principal_reasons(contributions: &[f64], most: usize) -> Vec<usize> {
    let strongest = contributions.iter().copied().fold(0.0, f64::max);
    let mut places: Vec<usize> = (0..contributions.len())
        .filter(|at| contributions[*at] > 0.0 && contributions[*at] >= LEAST_SHARE * strongest)
        .collect();
    places.sort_by(|a, b| contributions[*b].total_cmp(&contributions[*a]));
    places.truncate(most);
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_that_hurt_are_told() {
        assert_eq!(principal_reasons(&[0.2, -3.0, 0.5, 0.2, 0.1, 0.3], 4), [2, 5, 0, 3]);
        assert_eq!(principal_reasons(&[0.2, -3.0, 0.5], 1), [2]);
        assert!(principal_reasons(&[-0.2, 0.0, f64::NAN], 4).is_empty());
        assert!(principal_reasons(&[], 4).is_empty());
        // However thinly harm is spread, there is a reason.
        assert_eq!(principal_reasons(&[0.01; 40], 4), [0, 1, 2, 3]);
    }

    #[test]
    fn what_hardly_matters_is_not() {
        assert_eq!(principal_reasons(&[10.0, 0.4, 0.6, -50.0], 4), [0, 2]);
    }
}
