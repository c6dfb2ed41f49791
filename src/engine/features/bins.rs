//! Bins of a number.

/// The edges of at most `bins` bins of scaled values, which ascend: half of them at quantiles of
/// the values, half at quantiles of the different values, or at every value where there are no
/// more than bins.
///
/// Quantiles of the values alone leave a number that is mostly zero with a few bins for all the
/// rest; those of the different values alone leave the bulk of the rows in a few.
pub(super) fn mixed_edges(sorted: &[f32], bins: usize) -> Vec<f32> {
    let mut unique = sorted.to_vec();
    unique.dedup();
    let mut edges = if unique.len() <= bins {
        unique
    } else {
        let half = (bins / 2).max(1);
        let mut edges = quantile_edges(sorted, half);
        edges.extend(quantile_edges(&unique, half));
        edges.sort_unstable_by(f32::total_cmp);
        edges
    };
    edges.dedup();
    if edges.len() < 2 { Vec::new() } else { edges }
}

/// Values at equally spaced levels, linear between neighbours, as
/// `rtdl_num_embeddings.compute_bins` has them: one more than there are bins.
fn quantile_edges(sorted: &[f32], bins: usize) -> Vec<f32> {
    let Some(last) = sorted.len().checked_sub(1) else { return Vec::new() };
    let edge = |number: usize| {
        let place = last as f64 * number as f64 / bins as f64;
        let (below, above) = (place.floor() as usize, place.ceil() as usize);
        let (low, high) = (f64::from(sorted[below]), f64::from(sorted[above]));
        (low + (high - low) * (place - below as f64)) as f32
    };
    (0..=bins).map(edge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_are_edges_themselves() {
        assert_eq!(mixed_edges(&[0.0, 0.0, 1.0, 3.0], 8), [0.0, 1.0, 3.0]);
        assert!(mixed_edges(&[2.0, 2.0], 8).is_empty());
        assert!(mixed_edges(&[], 8).is_empty());
    }

    #[test]
    fn a_number_that_is_mostly_zero_keeps_bins_for_the_rest() {
        let mut values = vec![0.0_f32; 9_000];
        values.extend((1..=1_000).map(|v| v as f32));
        let edges = mixed_edges(&values, 128);
        assert!(edges.len() > 64 && edges.len() <= 130, "{}", edges.len());
        assert!(edges.windows(2).all(|w| w[0] < w[1]));
        assert_eq!((edges[0], edges[edges.len() - 1]), (0.0, 1_000.0));
    }

    /// Made by `examples/oracles/networks.py`.
    #[test]
    fn quantiles_are_those_of_the_reference() {
        let fixture: serde_json::Value =
            serde_json::from_str(include_str!("../networks/fixtures/bins.json")).unwrap();
        for column in fixture["columns"].as_array().unwrap() {
            let numbers = |name: &str| -> Vec<f32> {
                let values = column[name].as_array().unwrap().iter();
                values.map(|v| v.as_f64().unwrap() as f32).collect()
            };
            let mut values = numbers("values");
            values.sort_unstable_by(f32::total_cmp);
            let mut edges = quantile_edges(&values, 8);
            edges.dedup();
            let expected = numbers("bins");
            assert_eq!(edges.len(), expected.len());
            for (found, expected) in edges.iter().zip(&expected) {
                let near = 1e-6 * expected.abs().max(1.0);
                assert!((found - expected).abs() < near, "{found} {expected}");
            }
        }
    }
}
