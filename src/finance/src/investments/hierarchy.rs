//! Hierarchical risk parity (Lopez de Prado 2016), with single linkage.

use nalgebra::DMatrix;

/// Long-only weights of assets, each branch of the tree of their correlations divided by the inverse of the
/// variance of its two halves. The tree is that of single linkage of the distances sqrt((1 - rho) / 2).
pub fn hierarchical(covariance: &DMatrix<f64>) -> Vec<f64> {
    let order = leaves(&distances(covariance));
    let mut weights = vec![1.0; order.len()];
    let mut branches = vec![order];
    while !branches.is_empty() {
        let mut next = Vec::new();
        for branch in branches.into_iter().filter(|branch| branch.len() > 1) {
            let (first, second) = branch.split_at(branch.len() / 2);
            let (of_first, of_second) = (variance(covariance, first), variance(covariance, second));
            let share = 1.0 - of_first / (of_first + of_second);
            first.iter().for_each(|at| weights[*at] *= share);
            second.iter().for_each(|at| weights[*at] *= 1.0 - share);
            next.extend([first.to_vec(), second.to_vec()]);
        }
        branches = next;
    }
    weights
}

fn distances(covariance: &DMatrix<f64>) -> DMatrix<f64> {
    let deviations = covariance.diagonal().map(f64::sqrt);
    DMatrix::from_fn(covariance.nrows(), covariance.ncols(), |row, column| {
        let correlation = covariance[(row, column)] / (deviations[row] * deviations[column]);
        ((1.0 - correlation) / 2.0).clamp(0.0, 1.0).sqrt()
    })
}

/// The variance of a cluster whose weights are as the inverse of their variances.
fn variance(covariance: &DMatrix<f64>, cluster: &[usize]) -> f64 {
    let inverse: Vec<f64> = cluster.iter().map(|at| 1.0 / covariance[(*at, *at)]).collect();
    let sum: f64 = inverse.iter().sum();
    let pairs = cluster.iter().zip(&inverse).flat_map(|(row, a)| {
        cluster.iter().zip(&inverse).map(move |(column, b)| a * b * covariance[(*row, *column)])
    });
    pairs.sum::<f64>() / (sum * sum)
}

/// The leaves of the tree of single linkage from left to right: of two clusters that join, the one that came to be
/// first is on the left, as in SciPy.
fn leaves(distances: &DMatrix<f64>) -> Vec<usize> {
    let edges = spanning_tree(distances);
    let assets = distances.nrows();
    // Of each asset the number of the cluster it is in; of each cluster its leaves in order.
    let mut cluster: Vec<usize> = (0..assets).collect();
    let mut members: Vec<Vec<usize>> = (0..assets).map(|asset| vec![asset]).collect();
    for (from, to, _) in edges {
        let (first, second) = (cluster[from].min(cluster[to]), cluster[from].max(cluster[to]));
        let mut joined = std::mem::take(&mut members[first]);
        joined.append(&mut members[second]);
        joined.iter().for_each(|asset| cluster[*asset] = members.len());
        members.push(joined);
    }
    members.pop().unwrap_or_default()
}

/// The edges of the shortest spanning tree (Prim 1957), the shortest first.
fn spanning_tree(distances: &DMatrix<f64>) -> Vec<(usize, usize, f64)> {
    let assets = distances.nrows();
    let mut nearest = vec![f64::INFINITY; assets];
    let mut joined = vec![false; assets];
    let mut edges = Vec::new();
    let mut at = 0;
    for _ in 1..assets {
        joined[at] = true;
        let (mut next, mut least) = (at, f64::INFINITY);
        for other in (0..assets).filter(|other| !joined[*other]) {
            nearest[other] = nearest[other].min(distances[(at, other)]);
            if nearest[other] < least {
                (next, least) = (other, nearest[other]);
            }
        }
        edges.push((at, next, least));
        at = next;
    }
    edges.sort_by(|a, b| a.2.total_cmp(&b.2));
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_assets_are_weighted_by_the_inverse_of_their_variance() {
        let covariance = DMatrix::from_row_slice(2, 2, &[0.04, 0.01, 0.01, 0.01]);
        let weights = hierarchical(&covariance);
        assert!((weights[0] - 0.2).abs() < 1e-15 && (weights[1] - 0.8).abs() < 1e-15);
        assert_eq!(hierarchical(&DMatrix::from_element(1, 1, 0.3)), [1.0]);
    }

    #[test]
    fn those_that_move_together_stand_together() {
        // 0 with 2, and 1 with 3.
        let correlated = DMatrix::from_fn(4, 4, |row, column| match (row, column) {
            (a, b) if a == b => 1.0,
            (a, b) if a % 2 == b % 2 => 0.9,
            _ => 0.1,
        });
        assert_eq!(leaves(&distances(&correlated)), [0, 2, 1, 3]);
        let weights = hierarchical(&correlated);
        assert!(weights.iter().all(|weight| (weight - 0.25).abs() < 1e-15), "{weights:?}");
    }
}
