use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::engine::parts::Part;
use crate::error::{Code, Error};
use crate::frame::{Frame, Values};

fn spec(look_back: u32, horizon: u32, gap: u32, stride: u32) -> WindowSpec {
    serde_json::from_value(serde_json::json!({
        "time": "t", "entity": "e", "look_back": look_back, "horizon": horizon, "gap": gap,
        "stride": stride,
    }))
    .unwrap()
}

/// A long table of these entities and times.
fn long(rows: &[(&str, i64)]) -> Frame {
    let entities = rows.iter().map(|(e, _)| Some((*e).to_owned())).collect();
    let times = rows.iter().map(|(_, t)| Some(*t)).collect();
    let columns =
        vec![("e".to_owned(), Values::String(entities)), ("t".to_owned(), Values::Int64(times))];
    Frame::new(rows.len(), columns).unwrap()
}

fn read(rows: &[(&str, i64)], spec: &WindowSpec) -> crate::error::Result<AllSeries> {
    AllSeries::read(&long(rows), spec, Code::InvalidSpec)
}

#[test]
fn rows_become_series_in_the_order_of_time() {
    let all = read(&[("b", 3), ("a", 9), ("b", 1), ("a", 2), ("b", 2)], &spec(1, 1, 0, 1)).unwrap();
    let rows: Vec<_> = all.series.iter().map(|s| (s.entity.as_deref(), s.rows.clone())).collect();
    assert_eq!(rows, [(Some("b"), vec![2, 4, 0]), (Some("a"), vec![3, 1])]);
    assert_eq!(all.usual_step, Some(1.0));
    assert_eq!(all.longest(), 3);
}

#[test]
fn a_time_stands_once_in_a_series() {
    let twice = read(&[("a", 1), ("b", 1), ("a", 1)], &spec(1, 1, 0, 1)).unwrap_err();
    let Error::Problem { errors, .. } = &twice else { panic!("{twice}") };
    assert_eq!(errors[0].pointer, "/window/time");
    assert!(twice.to_string().contains("two rows of a have the time 1"), "{twice}");
}

#[test]
fn a_row_needs_its_time_and_its_series() {
    let columns = |entity: Option<&str>, time: Option<i64>| {
        let columns = vec![
            ("e".to_owned(), Values::String(vec![Some("a".into()), entity.map(str::to_owned)])),
            ("t".to_owned(), Values::Int64(vec![Some(1), time])),
        ];
        let frame = Frame::new(2, columns).unwrap();
        AllSeries::read(&frame, &spec(1, 1, 0, 1), Code::InvalidSpec).unwrap_err().to_string()
    };
    assert!(columns(Some("a"), None).contains("t is missing in 1 rows, the first of them 1"));
    assert!(columns(None, Some(2)).contains("e is missing in row 1"));
}

#[test]
fn a_long_pause_ends_a_series_where_that_is_asked_for() {
    let rows = [("a", 1), ("a", 2), ("a", 3), ("a", 9), ("a", 10)];
    let mut spec = spec(1, 1, 0, 1);
    let all = read(&rows, &spec).unwrap();
    assert_eq!(all.series.len(), 1);
    assert_eq!(all.warnings(&spec).len(), 1, "a fourth of the steps is uneven");
    spec.max_pause = Some(2.0);
    let all = read(&rows, &spec).unwrap();
    let lengths: Vec<usize> = all.series.iter().map(|s| s.rows.len()).collect();
    assert_eq!(lengths, [3, 2]);
    assert!(all.warnings(&spec).is_empty());
}

#[test]
fn seasons_follow_from_the_usual_step() {
    const HOUR: i64 = 3_600_000_000;
    for (step, season) in [
        (HOUR, 24),
        (24 * HOUR, 7),
        (7 * 24 * HOUR, 52),
        (30 * 24 * HOUR, 12),
        (91 * 24 * HOUR, 4),
        (HOUR / 4, 96),
        (1_000_000, 1),
    ] {
        let times = (0..9).map(|i| Some(i * step)).collect();
        let frame = Frame::new(9, vec![("t".to_owned(), Values::Timestamp(times))]).unwrap();
        let spec = WindowSpec { entity: None, ..spec(1, 1, 0, 1) };
        let all = AllSeries::read(&frame, &spec, Code::InvalidSpec).unwrap();
        assert_eq!(all.season(), season, "{step}");
    }
    assert_eq!(read(&[("a", 1), ("a", 2)], &spec(1, 1, 0, 1)).unwrap().season(), 1);
}

#[test]
fn the_target_of_a_class_stands_where_the_horizon_says() {
    let at = |horizon, gap, task| Shape::new(&spec(4, horizon, gap, 1), 4, task);
    assert_eq!(at(0, 0, Task::Binary), Shape { look_back: 4, ahead: 3, targets: 1 });
    assert_eq!(at(2, 0, Task::Regression), Shape { look_back: 4, ahead: 5, targets: 1 });
    assert_eq!(at(3, 2, Task::Forecast), Shape { look_back: 4, ahead: 6, targets: 3 });
    assert_eq!(at(3, 2, Task::Forecast).length(), 9);
    assert_eq!(at(0, 0, Task::Binary).length(), 4);
}

/// Parts by time as the earliest, middle and latest rows of all series.
fn parts(times: &[i64], first: i64, second: i64) -> Vec<Part> {
    let part = |t: &i64| match *t {
        t if t < first => Part::Train,
        t if t < second => Part::Validation,
        _ => Part::Test,
    };
    times.iter().map(part).collect()
}

proptest! {
    /// No row is foretold in two parts or from another series, no window reads what is later than
    /// its part, and every window that may be there is.
    #[test]
    fn windows_keep_apart_what_is_apart(
        lengths in proptest::collection::vec(1_usize..40, 1..4),
        offsets in proptest::collection::vec(0_i64..10, 3),
        look_back in 1_u32..8, horizon in 0_u32..6, gap in 0_u32..4, stride in 1_u32..5,
        cuts in (0_i64..40, 0_i64..20), missing in proptest::collection::vec(any::<bool>(), 8),
        is_forecast in any::<bool>(), by_chance in any::<bool>(),
    ) {
        let names = ["a", "b", "c"];
        let mut rows: Vec<(&str, i64)> = lengths.iter().zip(names).zip(&offsets)
            .flat_map(|((n, name), at)| (0..*n as i64).map(move |t| (name, t + at)))
            .collect();
        // In no order.
        rows.sort_by_key(|(name, t)| ((t * 7919) % 31, *name, *t));
        let task = if is_forecast { Task::Forecast } else { Task::Regression };
        let horizon = if is_forecast { horizon.max(1) } else { horizon };
        let gap = if horizon == 0 { 0 } else { gap };
        let spec = spec(look_back, horizon, gap, stride);
        let all = read(&rows, &spec).unwrap();
        let shape = Shape::new(&spec, look_back as usize, task);
        let times: Vec<i64> = rows.iter().map(|(_, t)| *t).collect();
        let part = if by_chance {
            (0..rows.len()).map(|r| [Part::Train, Part::Validation, Part::Test][r * 37 % 3]).collect()
        } else {
            parts(&times, cuts.0, cuts.0 + cuts.1)
        };
        let has_target: Vec<bool> = (0..rows.len()).map(|r| !missing[r % missing.len()] || r % 3 > 0).collect();
        let found = cut(&all, shape, stride as usize, &part, &has_target);

        let mut foretold: HashMap<usize, Part> = HashMap::new();
        let each = [(Part::Train, &found.train), (Part::Validation, &found.validation), (Part::Test, &found.test)];
        for (of, windows) in each {
            for window in windows {
                let series = &all.series[window.series];
                prop_assert!(window.start + shape.length() <= series.rows.len());
                let targets = &series.rows[window.start + shape.ahead..][..shape.targets];
                for row in targets {
                    prop_assert_eq!(*foretold.entry(*row).or_insert(of), of, "a row in two parts");
                    prop_assert_eq!(Some(rows[*row].0), series.entity.as_deref());
                    prop_assert_eq!(part[*row], of);
                    prop_assert!(has_target[*row]);
                }
                let read = &series.rows[window.start..window.start + shape.look_back];
                for row in read {
                    prop_assert!(part[*row] <= of, "a later part is read");
                    prop_assert_eq!(Some(rows[*row].0), series.entity.as_deref());
                    if is_forecast || horizon > 0 {
                        prop_assert!(times[*row] + i64::from(gap) < times[targets[0]]);
                    }
                }
            }
        }
        // By chance of rows, windows that may be there are still all counted once.
        let possible: usize = all.series.iter()
            .map(|s| (s.rows.len() + 1).saturating_sub(shape.length())).sum();
        let counted = found.validation.len() + found.test.len() + found.across + found.without_target;
        if stride == 1 {
            prop_assert_eq!(counted + found.train.len(), possible);
        } else {
            prop_assert!(counted + found.train.len() <= possible);
            let starts: Vec<(usize, usize)> = found.train.iter().map(|w| (w.series, w.start)).collect();
            prop_assert!(starts.windows(2).all(|w| w[0].0 != w[1].0 || w[1].1 - w[0].1 >= stride as usize));
        }
    }
}
