//! Data that differ in one thing, and the advice that differs by it.

use std::fmt::Write as _;
use std::fs::File;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use rstest::rstest;
use uuid::Uuid;

use super::*;
use crate::domain::dataset::{DataFormat, DatasetSource};
use crate::domain::network::NetworkSpec;
use crate::domain::training::{EnsembleSpec, PartsSpec};
use crate::engine::train::{check_columns, check_spec};
use crate::error::{Code, Error};
use crate::frame::{grey_png, ingest, read_parquet, read_parquet_rows};

/// A dataset as it is stored.
struct Stored {
    dataset: DatasetVersion,
    file: File,
}

impl Source for Stored {
    fn columns(&self, names: &[String]) -> Result<Frame> {
        read_parquet(self.file.try_clone().unwrap(), Some(names))
    }

    fn rows(&self, rows: &[usize]) -> Result<Frame> {
        read_parquet_rows(self.file.try_clone().unwrap(), rows)
    }
}

fn stored(csv: &str) -> Stored {
    let folder = tempfile::TempDir::new().unwrap();
    let (input, output) = (folder.path().join("in"), folder.path().join("out"));
    std::fs::write(&input, csv).unwrap();
    let ingested =
        ingest(&input, DataFormat::Csv, &[], &output, folder.path(), &mut |_| Ok(())).unwrap();
    let dataset = DatasetVersion {
        dataset: "d".into(),
        version: 3,
        rows: ingested.rows,
        columns: ingested.columns,
        sha256: String::new(),
        size_bytes: 0,
        source: DatasetSource {
            format: DataFormat::Csv,
            sha256: String::new(),
            size_bytes: 0,
            origin: None,
        },
        created_at: DateTime::UNIX_EPOCH,
        job: Uuid::nil(),
    };
    Stored { dataset, file: File::open(output).unwrap() }
}

fn request(more: serde_json::Value) -> AdviceRequest {
    let mut request = serde_json::json!({"dataset": {"name": "d"}, "target": "y"});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(request).unwrap()
}

const QUICK: Limits = Limits { all: Duration::from_secs(4), of_one: Duration::from_millis(60) };

pub(super) fn advised(csv: &str, more: serde_json::Value) -> Advice {
    let stored = stored(csv);
    let found = advise_within(&stored, &stored.dataset, &request(more), QUICK, &mut || false);
    let advice = found.unwrap();
    check_spec(&advice.spec).unwrap();
    check_columns(&advice.spec, &stored.dataset.columns).unwrap();
    assert_eq!(advice.spec.dataset, DatasetRef { name: "d".into(), version: Some(3) });
    for estimate in advice.alternatives.iter().map(|a| &a.estimate).chain([&advice.estimate]) {
        assert!(estimate.seconds > estimate.device_seconds && estimate.device_seconds > 0.0);
        assert!((1 << 20..1 << 36).contains(&estimate.memory_bytes), "{estimate:?}");
    }
    advice
}

pub(super) fn refused(csv: &str, more: serde_json::Value) -> Vec<String> {
    let stored = stored(csv);
    let request = request(more);
    match advise_within(&stored, &stored.dataset, &request, QUICK, &mut || false) {
        Err(Error::Problem { code: Code::InvalidSpec, errors, .. }) => {
            errors.into_iter().map(|e| e.pointer).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn has(findings: &[Finding], code: FindingCode) -> bool {
    findings.iter().any(|finding| finding.code == code)
}

/// A number in [0, 1) for a row, the same in each run.
fn chance(row: usize, column: u32) -> f64 {
    let mixed = (row as u32 ^ column.wrapping_mul(0x9e37_79b9)).wrapping_mul(0x85eb_ca6b);
    let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0xc2b2_ae35);
    f64::from((mixed ^ (mixed >> 13)) >> 8) / f64::from(1 << 24)
}

/// Rows `a,b,c` with a class `y` of which `share` are 1, and a further column.
fn table(rows: usize, share: f64, further: &str, value: impl Fn(usize, bool) -> String) -> String {
    let mut text = format!("a,b,c,y{further}\n");
    for row in 0..rows {
        let (a, b) = (chance(row, 1), chance(row, 2));
        let y = chance(row, 3) + 0.2 * a * share < share * 1.1;
        let c = ["red", "green", "blue"][row % 3];
        writeln!(text, "{a},{b},{c},{}{}", u8::from(y), value(row, y)).unwrap();
    }
    text
}

fn plain(rows: usize, share: f64) -> String {
    table(rows, share, "", |_, _| String::new())
}

fn none() -> serde_json::Value {
    serde_json::json!({})
}

#[test]
fn a_table_gets_tabm_and_the_reasons_are_its_numbers() {
    let advice = advised(&plain(6_000, 0.4), none());
    assert_eq!((advice.network.as_str(), advice.task), ("tabm", Task::Binary));
    assert_eq!(advice.spec.ensemble, None);
    let kinds: Vec<&str> = advice.alternatives.iter().map(|a| a.network.kind()).collect();
    assert_eq!(kinds, ["mlp", "linear", "transformer"]);
    // Noise has no evidence to make points of.
    let found = advice.reasons.iter().find(|r| r.code == FindingCode::Unsuited).unwrap();
    assert!(found.text.starts_with("scorecard can't be trained"), "{found:?}");
    let rows = advice.reasons.iter().find(|r| r.code == FindingCode::Rows).unwrap();
    assert_eq!(rows.figures["rows"], 6_000.0);
    for code in [FindingCode::Measured, FindingCode::Device, FindingCode::Budget] {
        assert!(has(&advice.reasons, code), "{code:?}");
    }
    assert!(!has(&advice.reasons, FindingCode::Imbalance));
    assert_eq!(advice.warnings, []);
    let again = advised(&plain(6_000, 0.4), none());
    assert_eq!(again.spec, advice.spec, "the same data, the same advice");
}

#[test]
fn a_scorecard_is_measured_where_columns_tell_something() {
    let told =
        |rows| table(rows, 0.4, ",told", |row, y| format!(",{}", row % 7 + if y { 3 } else { 0 }));
    let advice = advised(&told(6_000), none());
    let card = advice.alternatives.iter().find(|a| a.network.kind() == "scorecard").unwrap();
    assert!(card.estimate.seconds > 0.0 && card.rows_per_second > 0.0, "{card:?}");
    assert!(card.why_not.contains("can be explained"), "{card:?}");
    // Of few rows others are ensembles, and a scorecard still is one.
    let few = advised(&told(900), none());
    assert!(few.spec.ensemble.is_some());
    assert!(few.alternatives.iter().any(|a| a.network.kind() == "scorecard"), "{few:?}");
}

#[test]
fn fewer_rows_get_folds_and_the_fewest_a_line() {
    let few = advised(&plain(900, 0.4), none());
    assert_eq!(few.network, "tabm");
    assert_eq!(few.spec.ensemble, Some(EnsembleSpec { folds: 5, seeds: 1 }));
    assert!(has(&few.reasons, FindingCode::FewRows) && has(&few.reasons, FindingCode::Ensemble));
    let fewest = advised(&plain(90, 0.4), none());
    assert_eq!(fewest.network, "linear");
    assert!(has(&fewest.warnings, FindingCode::FewRowsOfClass));
}

#[test]
fn a_rare_class_is_a_reason() {
    let advice = advised(&plain(6_000, 0.03), none());
    let found = advice.reasons.iter().find(|r| r.code == FindingCode::Imbalance).unwrap();
    assert!((0.01..0.06).contains(&found.figures["share"]), "{found:?}");
}

#[rstest]
#[case(0.0, true, true)]
#[case(0.02, true, false)]
#[case(0.4, false, false)]
fn a_column_that_knows_the_answer_is_told_by_its_auc(
    #[case] noise: f64,
    #[case] suspect: bool,
    #[case] left_out: bool,
) {
    let value = |row: usize, y: bool| {
        let y = if chance(row, 4) < noise { !y } else { y };
        format!(",{}", if y { "paid late" } else { "" })
    };
    let advice = advised(&table(4_000, 0.5, ",fee", value), none());
    let found = advice.warnings.iter().find(|w| w.code == FindingCode::LeakageSuspect);
    assert_eq!(found.is_some(), suspect, "{:?}", advice.warnings);
    if let Some(found) = found {
        assert_eq!(found.columns, ["fee"]);
        assert!(found.figures["auc"] > 0.95 && found.text.contains("AUC"));
    }
    let features = advice.spec.features.unwrap();
    assert_eq!(!features.contains(&"fee".to_owned()), left_out, "{features:?}");
}

#[test]
fn rows_in_the_order_of_a_time_are_split_by_it() {
    let at = |row: usize| format!(",2026-{:02}-{:02}", 1 + row / 28 % 12, 1 + row % 28);
    let ordered = advised(&table(336, 0.4, ",day", |row, _| at(row)), none());
    let Some(PartsSpec::Time(parts)) = &ordered.spec.parts else { panic!("not by time") };
    assert_eq!(parts.column, "day");
    assert_eq!(ordered.spec.ensemble, None, "folds would mix the times");
    assert!(has(&ordered.reasons, FindingCode::TimeOrder));
    // Training itself tells which network the later rows bear out; what was measured has a name.
    assert_eq!((ordered.network.as_str(), ordered.spec.network.as_ref()), ("tabm", None));
    assert!(has(&ordered.reasons, FindingCode::LeftOpen));
    let hurried = serde_json::json!({"minutes": 0.0001});
    let hurried = advised(&table(336, 0.4, ",day", |row, _| at(row)), hurried);
    assert!(hurried.spec.network.is_some(), "there is no time for all three");
    let mixed = |row: usize, _| at(row * 121 % 336);
    let mixed = advised(&table(336, 0.4, ",day", mixed), none());
    assert!(matches!(mixed.spec.parts, Some(PartsSpec::Random(_))));
    assert!(has(&mixed.warnings, FindingCode::RandomSplit));
    assert!(mixed.spec.network.is_some());
}

#[test]
fn rows_that_change_on_the_way_are_warned_about() {
    let mut text = "a,y\n".to_owned();
    for row in 0..4_000 {
        let y = chance(row, 1) < 0.05 + 0.3 * row as f64 / 4_000.0;
        writeln!(text, "{},{}", chance(row, 2), u8::from(y)).unwrap();
    }
    let advice = advised(&text, none());
    let found = advice.warnings.iter().find(|w| w.code == FindingCode::RandomSplit).unwrap();
    assert!(found.figures["last"] > found.figures["first"] + 0.1, "{found:?}");
}

#[test]
fn texts_and_names_of_rows_are_left_out() {
    let words = ["late", "paid", "moved", "house", "car", "again", "never", "asked"];
    let value = |row: usize, _| {
        let word = |column| words[(chance(row, column) * 8.0) as usize];
        format!(",{} {} {} {} {row},{}", word(5), word(6), word(7), word(8), row + 1000)
    };
    let advice = advised(&table(2_000, 0.4, ",note,id", value), none());
    assert!(has(&advice.reasons, FindingCode::FreeText));
    assert!(has(&advice.reasons, FindingCode::Identifier));
    assert_eq!(advice.spec.features.unwrap(), ["a", "b", "c"]);
}

#[test]
fn images_get_convolutions() {
    let mut text = "picture,y\n".to_owned();
    for row in 0..60 {
        let png = grey_png(16, 16, &[(chance(row, 1) * 255.0) as u8; 256]);
        writeln!(text, "{},{}", STANDARD.encode(png), row % 2).unwrap();
    }
    let advice = advised(&text, none());
    assert_eq!(advice.network, "cnn");
    assert!(has(&advice.reasons, FindingCode::Images));
    assert!(advice.alternatives.iter().any(|a| a.network.kind() == "lenet"));
    assert!(advice.spec.augmentation.is_some_and(|a| a.shift == 1));
}

/// Texts and a class `y`, between columns that tell nothing of it.
fn news(rows: usize, before: &str, between: impl Fn(usize) -> String) -> String {
    let mut text = format!("{before}text,y\n");
    for row in 0..rows {
        let (subject, verb) = (["oil", "gold", "the bank"][row % 3], ["climbs", "falls"][row % 2]);
        let on = between(row);
        writeln!(text, "{on}On day {row} {subject} {verb} by {row} points,{}", row % 2).unwrap();
    }
    text
}

#[rstest]
#[case("", |_: usize| String::new())]
#[case("id,", |row: usize| format!("{row},"))]
#[case("id,title,day,", |row: usize| format!("n{row},{row} is one more,2026-01-{:02},", 1 + row % 28))]
fn texts_get_a_network_that_reads_words(
    #[case] before: &str,
    #[case] between: fn(usize) -> String,
) {
    let advice = advised(&news(300, before, between), none());
    assert_eq!((advice.network.as_str(), advice.task), ("text_cnn", Task::Binary));
    assert_eq!(advice.spec.features, Some(vec!["text".to_owned()]));
    assert_eq!(advice.spec.ensemble, Some(EnsembleSpec { folds: 3, seeds: 1 }));
    let kinds: Vec<&str> = advice.alternatives.iter().map(|a| a.network.kind()).collect();
    assert_eq!(kinds, ["text_attention", "linear"]);
    assert!(
        has(&advice.reasons, FindingCode::Texts) && has(&advice.reasons, FindingCode::Ensemble)
    );
    assert!(!has(&advice.reasons, FindingCode::Columns), "{:?}", advice.reasons);
    // What is estimated is what is trained: one network where there is time for no more.
    let hurried = advised(&news(300, before, between), serde_json::json!({"minutes": 0.0001}));
    assert_eq!(hurried.spec.ensemble, Some(EnsembleSpec::default()));
}

#[test]
fn texts_in_the_order_of_a_time_are_split_by_it() {
    let at = |row: usize| format!("2026-{:02}-{:02},", 1 + row / 28 % 12, 1 + row % 28);
    let advice = advised(&news(336, "day,", at), none());
    assert_eq!(advice.network, "text_cnn");
    assert!(matches!(advice.spec.parts, Some(PartsSpec::Time(_))));
    assert_eq!(advice.spec.ensemble, Some(EnsembleSpec { folds: 1, seeds: 3 }));
}

#[test]
fn many_texts_are_advised_from_few() {
    let advice = advised(&news(6_000, "", |_| String::new()), none());
    assert_eq!((advice.network.as_str(), advice.probe.rows), ("text_cnn", 2_000));
    let measured = advice.reasons.iter().find(|r| r.code == FindingCode::Measured).unwrap();
    assert!((3_800.0..3_900.0).contains(&measured.figures["training_rows"]), "{measured:?}");
}

#[test]
fn a_network_that_the_data_refute_does_not_vanish() {
    // A linear network has a number for each word and class.
    let mut text = "text,y\n".to_owned();
    for row in 0..2_400 {
        writeln!(text, "On day {row} the bank climbs,class {}", row % 600).unwrap();
    }
    let advice = advised(&text, serde_json::json!({"task": "multiclass"}));
    let kinds: Vec<&str> = advice.alternatives.iter().map(|a| a.network.kind()).collect();
    assert_eq!((advice.network.as_str(), kinds.as_slice()), ("text_cnn", &["text_attention"][..]));
    let found = advice.reasons.iter().find(|r| r.code == FindingCode::Unsuited).unwrap();
    assert!(found.text.starts_with("linear") && found.text.contains("buckets"), "{found:?}");
}

/// An hourly column of times and one of values.
fn hourly(values: impl Fn(usize) -> f64) -> String {
    let mut text = "hour,x,y\n".to_owned();
    for row in 0..600 {
        let (day, hour) = (1 + row / 24, row % 24);
        let y = values(row);
        writeln!(text, "2026-01-{day:02}T{hour:02}:00:00Z,{},{y}", chance(row, 2)).unwrap();
    }
    text
}

#[test]
fn a_series_is_forecast_and_numbers_without_a_course_are_not() {
    let wave = |row: usize| 10.0 + (row as f64 / 24.0 * std::f64::consts::TAU).sin();
    let series = advised(&hourly(wave), serde_json::json!({"horizon": 6}));
    assert_eq!((series.network.as_str(), series.task), ("nlinear", Task::Forecast));
    let window = series.spec.window.as_ref().unwrap();
    assert_eq!((window.time.as_str(), window.horizon, window.look_back), ("hour", 6, Some(150)));
    assert!(has(&series.reasons, FindingCode::Series));
    let table = advised(&hourly(|row| chance(row, 3)), none());
    assert_eq!((table.network.as_str(), table.task), ("tabm", Task::Regression));
    assert!(matches!(table.spec.parts, Some(PartsSpec::Time(_))));
}

#[rstest]
#[case(|row: usize| ["up", "down", "flat"][row % 3].to_owned())]
#[case(|row: usize| row.is_multiple_of(2).to_string())]
#[case(|row: usize| format!("word {row}"))]
fn what_is_no_number_is_not_forecast(#[case] value: fn(usize) -> String) {
    let mut text = "hour,y\n".to_owned();
    for row in 0..240 {
        let (day, hour) = (1 + row / 24, row % 24);
        writeln!(text, "2026-01-{day:02}T{hour:02}:00:00Z,{}", value(row)).unwrap();
    }
    let asked = serde_json::json!({"task": "forecast", "time": "hour"});
    assert_eq!(refused(&text, asked), ["/task"]);
}

#[test]
fn a_forecast_of_few_values_knows_no_classes() {
    let value = |row: usize| if row.is_multiple_of(50) { 9.0 } else { (row / 60 % 3) as f64 };
    let asked = serde_json::json!({"task": "forecast", "time": "hour"});
    let advice = advised(&hourly(value), asked);
    assert_eq!((advice.network.as_str(), advice.task), ("nlinear", Task::Forecast));
    assert!(!has(&advice.reasons, FindingCode::Imbalance), "{:?}", advice.reasons);
    assert!(!has(&advice.warnings, FindingCode::FewRowsOfClass), "{:?}", advice.warnings);
}

#[test]
fn a_large_table_is_advised_from_a_sample_in_which_no_class_is_lost() {
    let mut text = plain(60_000, 0.4);
    text.truncate(text.trim_end().rfind('\n').unwrap() + 1);
    for row in 0..30 {
        writeln!(text, "{},0.5,red,2", chance(row, 9)).unwrap();
    }
    let advice = advised(&text, none());
    assert_eq!(advice.task, Task::Multiclass);
    assert!((20_000..20_200).contains(&advice.probe.rows), "{}", advice.probe.rows);
    let measured = advice.reasons.iter().find(|r| r.code == FindingCode::Measured).unwrap();
    assert!((38_000.0..39_000.0).contains(&measured.figures["training_rows"]), "{measured:?}");
    let NetworkSpec::Tabm(tabm) = advice.spec.network.unwrap() else { panic!("not tabm") };
    assert_eq!(tabm.bins, Some(128), "as suits all rows, not the sample");
}

#[test]
fn a_budget_that_binds_decides_and_says_so() {
    let advice = advised(&plain(6_000, 0.4), serde_json::json!({"minutes": 0.0001}));
    assert_ne!(advice.network, "tabm");
    assert!(!advice.spec.baselines);
    assert!(has(&advice.warnings, FindingCode::Budget));
    let tabm = &advice.alternatives[0];
    assert_eq!(tabm.network.kind(), "tabm");
    assert!(tabm.why_not.contains("more than"), "{}", tabm.why_not);
}

#[rstest]
#[case(r#"{"target": "z"}"#, &["/target"])]
#[case(r#"{"target": "gone"}"#, &["/target"])]
#[case(r#"{"target": "same"}"#, &["/target"])]
#[case(r#"{"exclude": ["a", "zz"]}"#, &["/exclude/1"])]
#[case(r#"{"exclude": ["a", "same", "gone"]}"#, &["/exclude"])]
#[case(r#"{"time": "b"}"#, &["/time"])]
#[case(r#"{"time": "gone"}"#, &["/time"])]
#[case(r#"{"time": "y", "entity": "a", "minutes": 0, "horizon": 0}"#,
    &["/minutes", "/horizon", "/time"])]
#[case(r#"{"entity": "a"}"#, &["/entity"])]
#[case(r#"{"task": "forecast"}"#, &["/time"])]
#[case(r#"{"task": "regression"}"#, &["/task"])]
#[case(r#"{"minutes": 20000}"#, &["/minutes"])]
fn what_does_not_hold_is_told_by_its_place(#[case] more: &str, #[case] pointers: &[&str]) {
    let mut text = "a,same,gone,y\n".to_owned();
    for row in 0..50 {
        writeln!(text, "x{},1,,{}", row % 4, if row % 3 == 0 { "good" } else { "bad" }).unwrap();
    }
    assert_eq!(refused(&text, serde_json::from_str(more).unwrap()), pointers);
}

#[test]
fn two_rows_at_one_time_are_no_series() {
    let text: String = hourly(|row| row as f64).replace("T01:", "T00:");
    assert_eq!(refused(&text, serde_json::json!({"time": "hour", "task": "forecast"})), ["/time"]);
}

#[test]
fn whoever_asked_may_leave() {
    let stored = stored(&plain(600, 0.4));
    let request = request(none());
    let ended = advise_within(&stored, &stored.dataset, &request, QUICK, &mut || true);
    assert_eq!(ended.unwrap_err().code(), Code::Cancelled);
}

#[test]
fn whoever_asked_may_leave_while_columns_are_looked_at() {
    let stored = stored(&plain(600, 0.4));
    let request = request(none());
    let question = Question::ask(&stored, &stored.dataset, &request).unwrap();
    let order = Order { time: None, series: None };
    let frame = stored.rows(&(0..600).collect::<Vec<_>>()).unwrap();
    let mut asked = 0;
    let mut stop = || {
        asked += 1;
        asked > 4
    };
    let ended = columns::look(&question, &order, &frame, &mut stop, &mut Findings::default());
    assert_eq!(ended.unwrap_err().code(), Code::Cancelled);
}

#[test]
fn many_classes_are_looked_at_by_few_rows_each() {
    let mut text = "a,y\n".to_owned();
    for row in 0..60_000 {
        writeln!(text, "{},class {}", chance(row, 1), row % 1_000).unwrap();
    }
    let stored = stored(&text);
    let request = request(serde_json::json!({"task": "multiclass"}));
    let question = Question::ask(&stored, &stored.dataset, &request).unwrap();
    let rows = sample::rows(&question, &Order { time: None, series: None }).unwrap().numbers;
    assert!((20_000..=40_000).contains(&rows.len()), "{}", rows.len());
    let mut of_class = vec![0; 1_000];
    rows.iter().for_each(|row| of_class[row % 1_000] += 1);
    assert!(of_class.iter().all(|rows| *rows >= 20), "{of_class:?}");
}
