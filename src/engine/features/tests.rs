use proptest::prelude::*;

use super::*;
use crate::domain::training::Scaling;
use crate::frame::Values;

fn texts(values: &[Option<&str>]) -> Values {
    Values::String(values.iter().map(|v| v.map(str::to_owned)).collect())
}

fn one(values: Values, rows: usize) -> Frame {
    Frame::new(rows, vec![("c".to_owned(), values)]).unwrap()
}

fn fit_with(frame: &Frame, spec: &PreprocessingSpec) -> Result<(FittedFeatures, Vec<String>)> {
    let names: Vec<String> = frame.columns().iter().map(|c| c.name.clone()).collect();
    FittedFeatures::fit(frame, &names, spec, 0, None, &BTreeMap::new())
}

fn fit(frame: &Frame) -> FittedFeatures {
    fit_with(frame, &PreprocessingSpec::default()).unwrap().0
}

fn rows(features: &FittedFeatures, frame: &Frame) -> Vec<Vec<f32>> {
    let matrix = features.transform(frame).unwrap();
    matrix.data.chunks(matrix.width).map(<[f32]>::to_vec).collect()
}

#[test]
fn categories_have_a_slot_each_and_share_one_for_rare_and_unseen() {
    let mut values = vec![Some("a"); 10];
    values.extend([Some("b"); 6]);
    values.extend([Some("c"), None]);
    let features = fit(&one(texts(&values), values.len()));
    let asked = [Some("a"), Some("b"), Some("c"), Some("never seen"), Some(""), None];
    let found = rows(&features, &one(texts(&asked), asked.len()));
    assert_eq!(found[0], [1.0, 0.0, 0.0, 0.0]);
    assert_eq!(found[1], [0.0, 1.0, 0.0, 0.0]);
    assert_eq!(found[2], [0.0, 0.0, 1.0, 0.0]);
    assert_eq!(found[3], found[2]);
    assert_eq!(found[4], found[2]);
    assert_eq!(found[5], [0.0, 0.0, 0.0, 1.0]);
    let Encoder::Category(category) = &features.columns[0].encoder else { panic!("not text") };
    assert_eq!(category.slot(Some("c")), category::Slot::Rare);
    assert_eq!(category.slot(Some("never seen")), category::Slot::Unseen);
}

#[test]
fn without_rare_or_missing_training_rows_their_inputs_stay_zero() {
    let values = [[Some("a"); 10], [Some("b"); 10]].concat();
    let features = fit(&one(texts(&values), 20));
    let found = rows(&features, &one(texts(&[Some("c"), None]), 2));
    assert_eq!(found, [[0.0, 0.0], [0.0, 0.0]]);
}

#[test]
fn the_most_frequent_categories_are_kept() {
    let values: Vec<Option<&str>> =
        [("a", 5), ("b", 9), ("c", 7)].iter().flat_map(|(v, n)| vec![Some(*v); *n]).collect();
    let spec = PreprocessingSpec { max_categories: 2, ..PreprocessingSpec::default() };
    let (features, _) = fit_with(&one(texts(&values), values.len()), &spec).unwrap();
    let found = rows(&features, &one(texts(&[Some("a"), Some("b"), Some("c")]), 3));
    assert_eq!(found, [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);
}

#[test]
fn missing_numbers_become_the_median_and_are_told() {
    let mut values: Vec<Option<f64>> = (0..101).map(|i| Some(f64::from(i))).collect();
    values.push(None);
    let features = fit(&one(Values::Float64(values), 102));
    let asked = Values::Float64(vec![None, Some(50.0), Some(f64::INFINITY), Some(-1e300)]);
    let found = rows(&features, &one(asked, 4));
    assert_eq!(found[0], [0.0, 1.0]);
    assert_eq!(found[1], [0.0, 0.0]);
    assert_eq!(found[2], found[0], "infinite is missing");
    assert!(found[3][0] < -2.0 && found[3][1] == 0.0);
}

#[test]
fn whole_numbers_of_few_values_are_codes_as_well() {
    let values = (0..1200).map(|i| Some(if i == 0 { 7 } else { i % 3 })).collect();
    let features = fit(&one(Values::Int64(values), 1200));
    let asked = Values::Int64([0, 1, 2, 7, 1000].map(Some).to_vec());
    let found = rows(&features, &one(asked, 5));
    assert_eq!(found[0].len(), 4, "the number and three codes; 7 is too rare for its own");
    assert_eq!(found[1][1..], [0.0, 1.0, 0.0]);
    assert_eq!(found[3][1..], [0.0, 0.0, 0.0]);
    assert!(found.windows(2).all(|w| w[0][0] <= w[1][0]));
}

#[test]
fn points_in_time_are_taken_apart() {
    let day = 86_400_000_000i64;
    // 2024-01-01 to 2024-04-09, at midnight: year and hour don't vary.
    let start = 19_723 * day;
    let values: Vec<Option<i64>> = (0..100).map(|i| Some(start + i * day)).collect();
    let features = fit(&one(Values::Timestamp(values), 100));
    assert_eq!(features.width(), 4, "month, day, weekday, days");
    let found =
        rows(&features, &one(Values::Timestamp(vec![None, Some(start), Some(i64::MAX)]), 3));
    assert_eq!(found[0], [0.0; 4]);
    assert!(found[1].iter().all(|v| *v < 0.0), "first month, day, Monday, first day: {found:?}");
    assert!(found[2].iter().all(|v| v.is_finite()));
}

#[test]
fn columns_that_tell_nothing_are_left_out_with_a_reason() {
    let names: Vec<String> = (0..100).map(|i| format!("id{i}")).collect();
    let pairs: Vec<String> = (0..100).map(|i| format!("p{}", i / 2)).collect();
    let columns = vec![
        ("number".to_owned(), Values::Float64((0..100).map(|i| Some(f64::from(i))).collect())),
        ("constant".to_owned(), Values::Int64(vec![Some(3); 100])),
        ("nothing".to_owned(), Values::Float64(vec![None; 100])),
        ("name".to_owned(), Values::String(names.into_iter().map(Some).collect())),
        ("pair".to_owned(), Values::String(pairs.into_iter().map(Some).collect())),
        ("always".to_owned(), Values::Bool(vec![Some(true); 100])),
        ("known".to_owned(), Values::Bool((0..100).map(|i| (i > 50).then_some(true)).collect())),
        ("once".to_owned(), Values::Timestamp(vec![Some(0); 100])),
    ];
    let frame = Frame::new(100, columns).unwrap();
    let (features, warnings) = fit_with(&frame, &PreprocessingSpec::default()).unwrap();
    assert_eq!(features.names().collect::<Vec<_>>(), ["number", "known"]);
    let expected = [
        ("constant", "one value"),
        ("nothing", "no value"),
        ("name", "identifier"),
        ("pair", "min_category_count"),
        ("always", "one value"),
        ("once", "one value"),
    ];
    assert_eq!(warnings.len(), expected.len(), "{warnings:?}");
    for ((name, reason), warning) in expected.iter().zip(&warnings) {
        assert!(warning.contains(name) && warning.contains(reason), "{warning}");
    }
    let error = fit_with(&one(Values::Int64(vec![Some(1); 5]), 5), &PreprocessingSpec::default());
    assert_eq!(error.unwrap_err().code(), Code::InvalidSpec);
}

#[test]
fn a_column_of_another_type_is_an_error() {
    let features = fit(&one(Values::Float64((0..9).map(|i| Some(f64::from(i))).collect()), 9));
    assert!(features.transform(&one(texts(&[Some("x")]), 1)).is_err());
    assert!(features.transform(&Frame::new(1, Vec::new()).unwrap()).is_err());
}

fn number() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        4 => (-1e3..1e3).prop_map(Some),
        1 => any::<f64>().prop_map(Some),
        1 => Just(None),
        1 => prop::sample::select(vec![f64::INFINITY, f64::MIN, f64::MAX, 0.0, -0.0]).prop_map(Some),
    ]
}

proptest! {
    /// Whatever is fitted and whatever is asked: inputs are finite, and what is stored and read
    /// again gives the same bits.
    #[test]
    fn inputs_are_finite_and_survive_storage(
        values in prop::collection::vec(number(), 2..60),
        asked in prop::collection::vec(number(), 1..20),
        words in prop::collection::vec(prop::option::of("[a-c]{0,1}"), 60),
        times in prop::collection::vec(prop::option::of(any::<i64>()), 60),
        standard in any::<bool>(),
    ) {
        let build = |values: &[Option<f64>]| {
            let rows = values.len();
            Frame::new(rows, vec![
                ("n".to_owned(), Values::Float64(values.to_vec())),
                ("w".to_owned(), Values::String(words[..rows].to_vec())),
                ("t".to_owned(), Values::Timestamp(times[..rows].to_vec())),
                ("b".to_owned(), Values::Bool(times[..rows].iter().map(|t| t.map(|t| t > 0)).collect())),
            ]).unwrap()
        };
        let scaling = if standard { Scaling::Standard } else { Scaling::Quantile };
        let spec = PreprocessingSpec { scaling, min_category_count: 1, ..PreprocessingSpec::default() };
        let Ok((features, _)) = fit_with(&build(&values), &spec) else { return Ok(()) };
        let text = serde_json::to_string(&features).unwrap();
        let read: FittedFeatures = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&read, &features);
        for frame in [build(&values), build(&asked)] {
            let matrix = features.transform(&frame).unwrap();
            prop_assert_eq!(matrix.data.len(), frame.rows() * features.width());
            prop_assert!(matrix.data.iter().all(|v| v.is_finite()));
            prop_assert_eq!(read.transform(&frame).unwrap(), matrix);
        }
    }
}

/// Of many rows numbers are written some at a time, where they need not be copied.
#[test]
fn many_rows_are_encoded_as_each_of_them_alone() {
    let count = 256 + 5;
    let float = |at: usize| f64::from((at * 7919 % 1000) as u32) / 10.0;
    let values = |missing: bool| -> Vec<Option<f64>> {
        (0..count).map(|at| (!missing || at % 7 > 0).then(|| float(at))).collect()
    };
    let whole = |missing: bool| -> Vec<Option<i64>> {
        (0..count).map(|at| (!missing || at % 5 > 0).then_some(at as i64 % 90)).collect()
    };
    let texts = (0..count).map(|at| Some(["a", "b", "c"][at % 3].to_owned())).collect();
    let columns = vec![
        ("a".to_owned(), Values::Float64(values(false))),
        ("b".to_owned(), Values::String(texts)),
        ("c".to_owned(), Values::Float64(values(true))),
        ("d".to_owned(), Values::Int64(whole(true))),
        ("e".to_owned(), Values::Int64(whole(false))),
        ("f".to_owned(), Values::Float64(values(false).into_iter().rev().collect())),
    ];
    // With fifteen rows more numbers than have the normal's inverse taken at once.
    let more = (0..6).map(|at| {
        let mut values = values(false);
        values.rotate_left(at * 31);
        (format!("g{at}"), Values::Float64(values))
    });
    let columns = columns.into_iter().chain(more).collect();
    let frame = Frame::new(count, columns).unwrap();
    for scaling in [Scaling::Quantile, Scaling::Standard] {
        let spec = PreprocessingSpec { scaling, ..PreprocessingSpec::default() };
        let features = fit_with(&frame, &spec).unwrap().0;
        let together = rows(&features, &frame);
        for few in [1, 2, 15, 16] {
            for start in (0..count).step_by(few) {
                let part = frame.part(start, few).unwrap();
                let among = &together[start..start + part.rows()];
                assert_eq!(rows(&features, &part), among, "{few} rows from {start}");
            }
        }
        // Behind inputs of something else.
        let part = frame.part(40, 3).unwrap();
        let width = features.columns_width();
        let mut behind = Matrix { rows: 3, width: width + 2, data: vec![0.0; 3 * (width + 2)] };
        features.encode_columns(&part, &mut behind, 2).unwrap();
        for (row, among) in behind.data.chunks(width + 2).zip(&together[40..]) {
            assert_eq!((&row[..2], &row[2..]), (&[0.0, 0.0][..], among.as_slice()));
        }
    }
}
