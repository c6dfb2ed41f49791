//! Leaves out of a long series what cannot be seen.

use std::collections::HashSet;

pub(super) type Point = (f64, f64);

/// The first, lowest, highest and last point of each run of points in one column of the picture,
/// each `column` wide. A line through them looks like the line through all.
pub(super) fn runs(points: &[Point], column: f64) -> Vec<Point> {
    let place = |point: &Point| (point.0 / column).floor();
    let mut kept = Vec::new();
    for run in points.chunk_by(|a, b| place(a) == place(b)) {
        let mut by_y: Vec<usize> = vec![0, run.len() - 1];
        let compare = |a: &(usize, &Point), b: &(usize, &Point)| a.1.1.total_cmp(&b.1.1);
        by_y.extend(run.iter().enumerate().min_by(compare).map(|(at, _)| at));
        by_y.extend(run.iter().enumerate().max_by(compare).map(|(at, _)| at));
        by_y.sort_unstable();
        by_y.dedup();
        kept.extend(by_y.iter().filter_map(|at| run.get(*at)));
    }
    kept
}

/// At most `most` points of a line: runs are thinned, and of what is still too much, each so
/// many-th is kept.
pub(super) fn line(points: Vec<Point>, most: usize) -> Vec<Point> {
    if points.len() <= most {
        return points;
    }
    let kept = runs(&points, 1.0);
    let stride = kept.len().div_ceil(most.max(1)).max(1);
    kept.into_iter().step_by(stride).collect()
}

/// At most `most` points, of which no two lie in the same square; the squares are as small as that
/// allows.
pub(super) fn points(points: Vec<Point>, most: usize) -> Vec<Point> {
    let mut kept = points;
    let mut side = 1.0;
    while kept.len() > most {
        let mut seen = HashSet::new();
        let square = |(x, y): &Point| ((x / side).floor() as i64, (y / side).floor() as i64);
        kept.retain(|point| seen.insert(square(point)));
        side *= 1.25;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_keeps_its_ends_and_extremes() {
        let points = [(0.0, 5.0), (0.1, 9.0), (0.2, 6.0), (0.3, 1.0), (0.9, 4.0), (1.0, 2.0)];
        let kept = runs(&points, 1.0);
        assert_eq!(kept, [(0.0, 5.0), (0.1, 9.0), (0.3, 1.0), (0.9, 4.0), (1.0, 2.0)]);
    }

    #[test]
    fn a_short_series_is_kept() {
        let points: Vec<Point> = (0..10).map(|i| (0.01 * f64::from(i), 0.0)).collect();
        assert_eq!(line(points.clone(), 10), points);
        assert_eq!(super::points(points.clone(), 10), points);
    }

    #[test]
    fn no_more_are_kept_than_asked_for() {
        let scattered: Vec<Point> = (0..5_000)
            .map(|i| (f64::from(i * 7_919 % 601), f64::from(i * 104_729 % 401)))
            .collect();
        assert!(line(scattered.clone(), 900).len() <= 900);
        let kept = points(scattered, 900);
        assert!((400..=900).contains(&kept.len()), "{}", kept.len());
    }
}
