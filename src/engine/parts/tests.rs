use proptest::prelude::*;

use super::*;
use crate::domain::training::{ColumnParts, TimeParts};
use crate::frame::Values;

fn rows(count: usize) -> Frame {
    Frame::new(count, vec![("n".to_owned(), Values::Int64(vec![Some(0); count]))]).unwrap()
}

fn one(values: Values, count: usize) -> Frame {
    Frame::new(count, vec![("c".to_owned(), values)]).unwrap()
}

fn random(validation: f64, test: f64) -> PartsSpec {
    PartsSpec::Random(RandomParts { validation, test })
}

fn time(validation: f64, test: f64) -> PartsSpec {
    PartsSpec::Time(TimeParts { column: "c".into(), validation, test })
}

fn sorted_union(parts: &Parts) -> Vec<usize> {
    let mut all: Vec<usize> = parts.each().into_iter().flatten().copied().collect();
    all.sort_unstable();
    all
}

fn refusal(spec: &PartsSpec, frame: &Frame) -> String {
    let error = Parts::split(spec, frame, None, 0).unwrap_err();
    assert_eq!(error.code(), Code::InvalidSpec);
    error.to_string()
}

proptest! {
    #[test]
    fn random_parts_are_disjoint_complete_and_stratified(
        counts in prop::collection::vec(20usize..200, 1..5),
        validation in 0.05..0.45,
        test in 0.05..0.45,
        seed in 0u64..1000,
    ) {
        // Classes take turns, so that no class is a block of rows.
        let mut left = counts.clone();
        let mut classes = Vec::new();
        while left.iter().any(|c| *c > 0) {
            for (class, left) in left.iter_mut().enumerate().filter(|(_, c)| **c > 0) {
                classes.push(class);
                *left -= 1;
            }
        }
        let frame = rows(classes.len());
        let spec = random(validation, test);
        let parts = Parts::split(&spec, &frame, Some(&classes), seed).unwrap();
        prop_assert_eq!(sorted_union(&parts), (0..classes.len()).collect::<Vec<_>>());
        let shares = [1.0 - validation - test, validation, test];
        for (part, share) in parts.each().into_iter().zip(shares) {
            prop_assert!(part.windows(2).all(|w| w[0] < w[1]));
            for (class, count) in counts.iter().enumerate() {
                let found = part.iter().filter(|r| classes[**r] == class).count() as f64;
                prop_assert!(found >= 1.0);
                prop_assert!((found - *count as f64 * share).abs() <= 1.0 + 1e-9, "{found} of {count}");
            }
        }
        prop_assert_eq!(&parts, &Parts::split(&spec, &frame, Some(&classes), seed).unwrap());
    }

    #[test]
    fn parts_by_time_are_in_order_and_keep_instants_together(
        times in prop::collection::vec(0i64..40, 40..200),
        validation in 0.1..0.4,
        test in 0.1..0.4,
    ) {
        let frame = one(Values::Int64(times.iter().copied().map(Some).collect()), times.len());
        let parts = Parts::split(&time(validation, test), &frame, None, 0).unwrap();
        prop_assert_eq!(sorted_union(&parts), (0..times.len()).collect::<Vec<_>>());
        let bounds = |part: &[usize]| {
            let of: Vec<i64> = part.iter().map(|r| times[*r]).collect();
            (*of.iter().min().unwrap(), *of.iter().max().unwrap())
        };
        let [train, middle, newest] = parts.each().map(|p| bounds(p));
        prop_assert!(train.1 < middle.0 && middle.1 < newest.0);
    }
}

#[test]
fn seeds_give_different_parts_that_never_change() {
    let split = |seed| Parts::split(&random(0.2, 0.2), &rows(20), None, seed).unwrap();
    assert_ne!(split(1), split(2));
    // What a seed means is kept from release to release and the same on every platform.
    assert_eq!(split(1).test, [0, 16, 17, 18]);
    assert_eq!(split(1).validation, [3, 6, 9, 11]);
}

#[test]
fn shares_are_met_by_time_where_instants_allow() {
    let day = 86_400_000_000;
    let values = (0..100).map(|i| Some((99 - i) * day)).collect();
    let parts =
        Parts::split(&time(0.16, 0.2), &one(Values::Timestamp(values), 100), None, 0).unwrap();
    assert_eq!(parts.test, (0..20).collect::<Vec<_>>(), "the newest come first in this table");
    assert_eq!(parts.validation, (20..36).collect::<Vec<_>>());
}

#[test]
fn what_cannot_be_split_by_time_is_refused() {
    let mut values: Vec<Option<i64>> = (0..30).map(Some).collect();
    values[3] = None;
    let missing = refusal(&time(0.2, 0.2), &one(Values::Int64(values), 30));
    assert!(missing.contains("missing in 1 rows"), "{missing}");
    let two = one(Values::Int64((0..30).map(|i| Some(i % 2)).collect()), 30);
    assert!(refusal(&time(0.2, 0.2), &two).contains("2 different values; at least 3"));
    let text = one(Values::String(vec![Some("a".into()); 30]), 30);
    assert!(refusal(&time(0.2, 0.2), &text).contains("timestamps or numbers"));
}

#[test]
fn a_column_can_say_the_part() {
    let split = |say: &dyn Fn(usize) -> Option<&'static str>| {
        let values = (0..30).map(|i| say(i).map(str::to_owned)).collect();
        let spec = PartsSpec::Column(ColumnParts { column: "c".into(), validation: 0.16 });
        Parts::split(&spec, &one(Values::String(values), 30), None, 0)
    };
    let parts = split(&|i| Some(NAMES[i % 3])).unwrap();
    assert_eq!(parts.validation, (0..30).filter(|i| i % 3 == 1).collect::<Vec<_>>());
    let refused = |say: &dyn Fn(usize) -> Option<&'static str>| split(say).unwrap_err().to_string();
    assert!(refused(&|i| (i > 0).then_some("train")).contains("missing in a row"));
    assert!(refused(&|_| Some("valid")).contains("did you mean validation?"));
    assert!(refused(&|i| Some(NAMES[i % 2])).contains("the test part has no rows"));
}

#[test]
fn a_column_of_two_parts_lends_training_rows_to_validation() {
    let say = |i: usize| Some(if i < 70 { "train" } else { "test" }.to_owned());
    let frame = one(Values::String((0..100).map(say).collect()), 100);
    let spec = PartsSpec::Column(ColumnParts { column: "c".into(), validation: 0.2 });
    let classes: Vec<usize> = (0..100).map(|i| usize::from(i % 5 == 0)).collect();
    let split = |seed| Parts::split(&spec, &frame, Some(&classes), seed).unwrap();
    let parts = split(1);
    assert_eq!(parts.test, (70..100).collect::<Vec<_>>());
    let of_class = |rows: &[usize]| rows.iter().filter(|row| classes[**row] == 1).count();
    assert_eq!((parts.validation.len(), of_class(&parts.validation)), (14, 3));
    let mut both = [parts.train.clone(), parts.validation.clone()].concat();
    both.sort_unstable();
    assert_eq!(both, (0..70).collect::<Vec<_>>());
    assert_eq!(split(1), parts);
    assert_ne!(split(2), parts);
}

#[test]
fn too_few_rows_are_refused() {
    assert!(
        refusal(&random(0.2, 0.2), &rows(19)).contains("only 19 rows have a target; at least 20")
    );
    let classes: Vec<usize> = (0..30).map(|i| usize::from(i < 2)).collect();
    let error = Parts::split(&random(0.2, 0.2), &rows(30), Some(&classes), 0).unwrap_err();
    assert!(error.to_string().contains("only 2 rows; at least 3"), "{error}");
}
