use std::fs::{self, File};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::parquet::file::reader::{FileReader, SerializedFileReader};
use tempfile::TempDir;

use super::*;
use crate::domain::schema::Cell;
use crate::error::{Code, Error, FieldError};
use crate::frame::{Frame, read_parquet};

mod roundtrip;

/// What bytes become, and the file that they became.
fn stored(
    format: DataFormat,
    bytes: &[u8],
    types: &[(&str, ColumnType)],
) -> Result<(Ingested, File)> {
    let folder = TempDir::new().unwrap();
    let (input, output) = (folder.path().join("in"), folder.path().join("out"));
    fs::write(&input, bytes).unwrap();
    let types = types.iter().map(|(n, k)| ((*n).to_owned(), *k)).collect::<Vec<_>>();
    let ingested = ingest(&input, format, &types, &output, folder.path(), &mut |_| Ok(()))?;
    Ok((ingested, File::open(output).unwrap()))
}

fn frame(format: DataFormat, text: &str, types: &[(&str, ColumnType)]) -> Result<Frame> {
    read_parquet(stored(format, text.as_bytes(), types)?.1, None)
}

fn csv(text: &str) -> Frame {
    frame(DataFormat::Csv, text, &[]).unwrap()
}

fn json(text: &str) -> Frame {
    frame(DataFormat::JsonLines, text, &[]).unwrap()
}

fn kinds(frame: &Frame) -> Vec<(&str, ColumnType)> {
    frame.columns().iter().map(|c| (c.name.as_str(), c.kind)).collect()
}

/// The detail and the named places of an error.
fn refused(result: Result<impl Sized>) -> (String, Vec<FieldError>) {
    match result {
        Err(Error::Problem { code: Code::InvalidData, detail, errors }) => (detail, errors),
        Err(other) => panic!("expected invalid data, got {other:?}"),
        Ok(_) => panic!("expected invalid data"),
    }
}

fn refused_csv(text: &str) -> String {
    refused(stored(DataFormat::Csv, text.as_bytes(), &[])).0
}

fn refused_json(text: &str) -> String {
    refused(stored(DataFormat::JsonLines, text.as_bytes(), &[])).0
}

#[test]
fn csv_becomes_typed_columns() {
    use ColumnType::*;
    let frame = csv(
        "\u{feff} id ;rate;when;ok;code;empty\r\n\r\n1;0.5;2026-01-31;true;007;\r\n2;;2026-02-01 10:00;False;\"a;b\";NA\r\n",
    );
    let expected = [
        ("id", Int64),
        ("rate", Float64),
        ("when", Timestamp),
        ("ok", Bool),
        ("code", String),
        ("empty", String),
    ];
    assert_eq!(kinds(&frame), expected);
    assert_eq!(frame.rows(), 2);
    assert_eq!(frame.numbers("id").unwrap(), [1.0, 2.0]);
    assert_eq!(frame.numbers("rate").unwrap()[0], 0.5);
    assert!(frame.numbers("rate").unwrap()[1].is_nan());
    assert_eq!(frame.texts("code").unwrap(), [Some("007"), Some("a;b")]);
    assert_eq!(frame.texts("empty").unwrap(), [None, None]);
    assert_eq!(frame.labels("ok").unwrap(), ["true", "false"].map(|l| Some(l.to_owned())));
    let when = frame.labels("when").unwrap();
    assert_eq!(when[1].as_deref(), Some("2026-02-01T10:00:00Z"));
}

#[test]
fn a_type_is_that_of_the_whole_file() {
    let mut text = "x\n".to_owned();
    (0..20_000).for_each(|i| text.push_str(&format!("{i}\n")));
    assert_eq!(kinds(&csv(&text)), [("x", ColumnType::Int64)]);
    text.push_str("late\n");
    assert_eq!(kinds(&csv(&text)), [("x", ColumnType::String)]);
}

#[test]
fn a_file_of_one_column_is_read() {
    assert_eq!(csv("note\none, two\nthree\n").texts("note").unwrap()[0], Some("one, two"));
    assert_eq!(csv("x\n\"\"\n5").numbers("x").unwrap()[1], 5.0);
}

#[test]
fn declared_types_override_the_inferred() {
    let text = "id,zip,day\n007,01234,31.01.2026\n008,99999,01.02.2026\n";
    let types = [("id", ColumnType::Int64), ("day", ColumnType::Timestamp)];
    let frame = frame(DataFormat::Csv, text, &types).unwrap();
    assert_eq!(frame.numbers("id").unwrap(), [7.0, 8.0]);
    assert_eq!(frame.texts("zip").unwrap(), [Some("01234"), Some("99999")]);
    assert_eq!(frame.labels("day").unwrap()[0].as_deref(), Some("2026-01-31T00:00:00Z"));
}

#[test]
fn a_declared_column_that_is_not_there_is_named() {
    let types = [("incom", ColumnType::Int64)];
    for (format, text) in
        [(DataFormat::Csv, "income\n1\n"), (DataFormat::JsonLines, "{\"income\":1}\n")]
    {
        let error = stored(format, text.as_bytes(), &types).unwrap_err();
        assert_eq!(error.code(), Code::InvalidRequest);
        assert!(error.to_string().contains("did you mean income?"), "{error}");
    }
}

#[test]
fn cells_that_do_not_fit_are_named_by_line_and_column() {
    let text = "id,age\n1,20\n2,old\n\"3\n\",x\n4,NA\n";
    let types = [("age", ColumnType::Int64), ("id", ColumnType::String)];
    let (detail, errors) = refused(stored(DataFormat::Csv, text.as_bytes(), &types));
    assert_eq!(
        detail,
        "2 places can't be read; the first is line 3, column age: 'old' is not a whole number of 64 bits"
    );
    let places = errors.iter().map(|e| e.pointer.as_str()).collect::<Vec<_>>();
    assert_eq!(places, ["line 3, column age", "line 4, column age"]);
}

#[test]
fn reading_stops_after_twenty_faults() {
    let text = format!("age\n{}", "x\n".repeat(1000));
    let types = [("age", ColumnType::Int64)];
    let (detail, errors) = refused(stored(DataFormat::Csv, text.as_bytes(), &types));
    assert!(detail.starts_with("20 places or more can't be read"), "{detail}");
    assert_eq!(errors.len(), 20);
}

#[test]
fn ragged_lines_are_named_with_their_length() {
    let (detail, errors) = refused(stored(DataFormat::Csv, b"a,b,c\n1,2,3\n1,2\n\n1,2,3,4\n", &[]));
    assert_eq!(
        detail,
        "2 places can't be read; the first is line 3: has 2 fields, and the first line 3"
    );
    assert_eq!(errors[1].pointer, "line 5");
}

#[test]
fn text_that_can_not_be_kept_is_named() {
    let places = |bytes: &[u8]| {
        let (_, errors) = refused(stored(DataFormat::Csv, bytes, &[]));
        errors.into_iter().map(|e| (e.pointer, e.detail)).collect::<Vec<_>>()
    };
    let found = places(b"a,b\nx,y\0z\nx,\xff\n");
    assert_eq!(found[0].0, "line 2, column b");
    assert_eq!(found[0].1, "'yz' holds a NUL character, which no text may");
    assert_eq!(found[1].0, "line 3, column b");
    assert_eq!(found[1].1, "is not UTF-8; save the file with that encoding");
    // Halves of one character in two fields are not UTF-8 either.
    assert_eq!(places(b"a,b\n\xc3,\xa9\n").len(), 2);
    assert_eq!(places(b"\xff,b\nx,y\n")[0].0, "line 1, column 1");
}

#[test]
fn files_without_data_are_refused() {
    assert_eq!(refused_csv(""), "the file is empty");
    assert_eq!(refused_csv("\n\n"), "the file has no rows");
    assert_eq!(refused_csv("a,b\n"), "the file has no rows");
    assert_eq!(refused_json("\n"), "the file has no rows");
    assert_eq!(refused_json("{}\n"), "the file's objects are all empty");
    assert!(refused_csv("a\n\"1\n").starts_with("line 2: a quote is opened and never closed"));
}

#[test]
fn headers_that_name_nothing_are_refused() {
    assert_eq!(
        refused_csv("1,2.5,3\n4,5,6\n"),
        "line 1: the first line must name the columns, and this one holds only numbers"
    );
    assert_eq!(refused_csv("a,,b\n1,2,3\n"), "line 1, column 2: has no name; give it one");
    assert_eq!(
        refused_csv("a, a\n1,2\n"),
        "line 1, column 2: is named a, as an earlier column is; rename one"
    );
    let wide = format!("{}\n", vec!["x"; MAX_COLUMNS + 1].join(","));
    assert!(refused_csv(&wide).contains("more than 2048 fields"));
    assert!(refused_csv(&"a,".repeat(1_000_000)).contains("more than 2048 fields"));
}

#[test]
fn other_formats_are_recognised() {
    let problem = |bytes: &[u8]| refused(stored(DataFormat::Csv, bytes, &[])).0;
    assert!(problem(b"\x1f\x8b\x08\x00rest").contains("gzip; send it uncompressed"));
    assert!(problem(b"PK\x03\x04rest").contains("Excel workbook; save the sheet as CSV"));
    assert!(problem(b"\xff\xfea\0,\0").contains("UTF-16; save it as UTF-8"));
    assert!(problem(b"PAR1....PAR1").contains("is Parquet"));
}

#[test]
fn json_lines_become_typed_columns() {
    use ColumnType::*;
    let frame = json(concat!(
        "{\"id\": 1, \"rate\": 1, \"zip\": \"12\", \"ok\": true, \"mix\": 1.50, \"at\": \"2026-01-31\"}\n",
        "\n",
        "{\"late\": null, \"rate\": 0.1, \"id\": 2, \"mix\": \"a\\n\\u00e9\", \"big\": 12345678901234567890}\r\n",
        "{\"mix\": false}",
    ));
    let expected = [
        ("id", Int64),
        ("rate", Float64),
        ("zip", String),
        ("ok", Bool),
        ("mix", String),
        ("at", Timestamp),
        ("late", String),
        ("big", String),
    ];
    assert_eq!(kinds(&frame), expected);
    assert_eq!(frame.rows(), 3);
    assert_eq!(frame.texts("mix").unwrap(), [Some("1.50"), Some("a\né"), Some("false")]);
    assert_eq!(frame.texts("big").unwrap()[1], Some("12345678901234567890"));
    assert_eq!(frame.texts("late").unwrap(), [None; 3]);
    assert_eq!(frame.numbers("rate").unwrap()[..2], [1.0, 0.1]);
    assert!(frame.numbers("id").unwrap()[2].is_nan());
}

#[test]
fn json_texts_stay_texts_unless_declared() {
    let text = "{\"x\":\"12\"}\n{\"x\":\"NA\"}\n{\"x\":\"\"}\n";
    assert_eq!(json(text).texts("x").unwrap(), [Some("12"), Some("NA"), Some("")]);
    let frame = frame(DataFormat::JsonLines, text, &[("x", ColumnType::Int64)]).unwrap();
    assert_eq!(frame.numbers("x").unwrap()[0], 12.0);
    assert!(frame.numbers("x").unwrap()[1].is_nan());
}

#[test]
fn json_that_is_no_flat_object_is_named() {
    let (_, errors) = refused(stored(
        DataFormat::JsonLines,
        concat!(
            "{\"a\": 1}\n",
            "{\"a\": [1, 2]}\n",
            "{\"a\": {\"b\": 1}, \"c\": 1, \"c\": 2}\n",
            "[1]\n",
            "{\"a\": 1,}\n",
            "{\"a\": 1} {\"a\": 2}\n",
            "{\"a\": NaN}\n",
        )
        .as_bytes(),
        &[],
    ));
    let found = errors.iter().map(|e| format!("{}: {}", e.pointer, e.detail)).collect::<Vec<_>>();
    assert_eq!(
        found,
        [
            "line 2, column a: is a list, and a column holds single values; flatten it first",
            "line 3, column a: is an object, and a column holds single values; flatten it first",
            "line 3, column c: stands twice in the object",
            "line 4: invalid type: sequence, expected one object per line, such as {\"age\": 41}",
            "line 5, character 9: trailing comma",
            "line 6, character 10: trailing characters",
            "line 7, character 7: expected value",
        ]
    );
}

#[test]
fn json_has_the_limits_of_csv() {
    let long = format!("{{\"a\": \"{}\"}}\n", "x".repeat(MAX_RECORD));
    assert_eq!(refused_json(&long), "line 1: is longer than 16 MiB");
    let keys = (0..=MAX_COLUMNS).map(|i| format!("\"c{i}\":1")).collect::<Vec<_>>().join(",");
    assert!(refused_json(&format!("{{{keys}}}")).contains("beyond the 2048"));
    assert!(refused_json("{\"a\": \"\\u0000\"}").contains("NUL"));
    assert!(refused_json("{\"\": 1}").contains("has no name"));
}

#[test]
fn statistics_come_with_the_file() {
    let text = "x,region,ok\n1,north,true\n3,south,true\n,north,false\n";
    let (ingested, _) = stored(DataFormat::Csv, text.as_bytes(), &[]).unwrap();
    assert_eq!(ingested.rows, 3);
    let [x, region, ok] = &ingested.columns[..] else { panic!("three columns") };
    assert_eq!((x.nulls, x.distinct, x.mean), (1, 2, Some(2.0)));
    assert_eq!((&x.min, &x.max), (&Some(Cell::Int(1)), &Some(Cell::Int(3))));
    assert_eq!(region.top[0].value, Cell::Text("north".to_owned()));
    assert_eq!(region.top[0].count, 2);
    assert_eq!(ok.mean, Some(2.0 / 3.0));
}

#[test]
fn progress_is_told_and_may_end_the_work() {
    let folder = TempDir::new().unwrap();
    let input = folder.path().join("in");
    let output = folder.path().join("out");
    let mut file = File::create(&input).unwrap();
    let line = format!("{}\n", "x".repeat(999));
    writeln!(file, "x").unwrap();
    (0..10_000).for_each(|_| file.write_all(line.as_bytes()).unwrap());
    let watched = |expected: &[&str], rows: u64| {
        let mut seen = Vec::new();
        let mut watch = |p: IngestionProgress| {
            seen.push((p.stage.clone(), p.rows, p.bytes, p.total_bytes));
            Ok(())
        };
        ingest(&input, DataFormat::Csv, &[], &output, folder.path(), &mut watch).unwrap();
        let stages = seen.iter().map(|s| s.0.as_str()).collect::<Vec<_>>();
        assert_eq!(stages, expected);
        let [.., before, next, last] = seen.as_slice() else { panic!("{seen:?}") };
        assert!(before.2 < next.2 && next.2 < last.2);
        assert_eq!((last.1, last.2), (rows, last.3));
    };
    watched(&["writing"; 3], 10_000);
    // Where the last row is not as the first ones, all are read for their types.
    let numbers = format!("0.{}\n", "7".repeat(997));
    let mut file = File::create(&input).unwrap();
    writeln!(file, "x").unwrap();
    (0..10_000).for_each(|_| file.write_all(numbers.as_bytes()).unwrap());
    watched(&["writing"; 3], 10_000);
    writeln!(file, "x").unwrap();
    let twice =
        ["writing", "writing", "typing", "typing", "typing", "writing", "writing", "writing"];
    watched(&twice, 10_001);
    let mut stop = |_| Err(Error::new(Code::Cancelled, "stopped"));
    let stopped = ingest(&input, DataFormat::Csv, &[], &output, folder.path(), &mut stop);
    assert_eq!(stopped.unwrap_err().code(), Code::Cancelled);
}

/// Twenty megabytes: row groups are bounded in rows where rows are short, in bytes where not.
#[test]
fn row_groups_are_bounded_in_rows_and_bytes() {
    let mut short = "x,y\n".to_owned();
    (0..1_500_000).for_each(|i| short.push_str(&format!("{i},{}\n", i % 7)));
    let (_, file) = stored(DataFormat::Csv, short.as_bytes(), &[]).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let rows = reader.metadata().row_groups().iter().map(|g| g.num_rows()).collect::<Vec<_>>();
    assert_eq!(rows.iter().sum::<i64>(), 1_500_000);
    assert!(rows.iter().all(|r| *r <= encoder::GROUP_ROWS as i64), "{rows:?}");

    // Noise that hardly compresses, so that a group is as large in memory as in the file.
    let mut long = "x\n".to_owned();
    let mut state = 1_u64;
    for _ in 0..20_000 {
        for _ in 0..4_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            long.push(char::from(b'A' + (state >> 58) as u8 % 63));
        }
        long.push('\n');
    }
    let (_, file) = stored(DataFormat::Csv, long.as_bytes(), &[]).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let groups = reader.metadata().row_groups();
    assert!(groups.len() > 1);
    assert!(groups.iter().all(|g| g.total_byte_size() < 100 << 20));
}

/// Counts what is written.
struct Counted(Arc<AtomicUsize>);

impl Output for Counted {
    fn begin(&self) -> Result<Box<dyn Write + Send>> {
        Ok(Box::new(Self(self.0.clone())))
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.fetch_add(bytes.len(), Ordering::Relaxed);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn of_a_file_known_to_be_bad_hardly_anything_is_written() {
    let folder = TempDir::new().unwrap();
    let input = folder.path().join("in");
    let numbers = |row: u64| row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 12;
    let csv = |first: &str| {
        let rows = (0..200_000).map(|row| format!("{}\n", numbers(row)));
        format!("x\n{first}\n{}", rows.collect::<String>())
    };
    let json = |first: &str| {
        let rows = (0..200_000).map(|row| format!("{{\"x\":{}}}\n", numbers(row)));
        format!("{{\"x\":{first}}}\n{}", rows.collect::<String>())
    };
    let written = |format, text: String| {
        fs::write(&input, text).unwrap();
        let counted = Counted(Arc::default());
        let types = [("x".to_owned(), ColumnType::Int64)];
        let done = ingest(&input, format, &types, &counted, folder.path(), &mut |_| Ok(()));
        (done.is_ok(), counted.0.load(Ordering::Relaxed))
    };
    for (format, good, bad) in [
        (DataFormat::Csv, csv("1"), csv("no number")),
        (DataFormat::JsonLines, json("1"), json("\"no number\"")),
    ] {
        let (is_good, whole) = written(format, good);
        assert!(is_good && whole > 500_000, "{format:?}: {whole}");
        let (is_good, little) = written(format, bad);
        assert!(!is_good && little < 1_000, "{format:?}: {little}");
    }
}

/// Of numbers that repeat themselves, and of all texts.
#[test]
fn dictionaries_are_made_of_values_that_come_again() {
    let mut text = "id,kind,amount,third,name\n".to_owned();
    (0..10_000).for_each(|i| text.push_str(&format!("{i},{},{}.5,{},n{i}\n", i % 7, i % 3, i / 3)));
    let (_, file) = stored(DataFormat::Csv, text.as_bytes(), &[]).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let columns = reader.metadata().row_group(0).columns();
    let dictionaries = columns.iter().map(|c| c.dictionary_page_offset().is_some());
    assert_eq!(dictionaries.collect::<Vec<_>>(), [false, true, true, true, true]);
}

/// One cell must not turn a column into text without a word.
#[test]
fn a_column_that_is_text_for_a_few_cells_is_told() {
    let note = |cells: &dyn Fn(usize) -> String, types: &[(&str, ColumnType)]| {
        let rows: String = (0..600).map(|row| format!("{};a\n", cells(row))).collect();
        let text = format!("x;y\n{rows}");
        let (ingested, _) = stored(DataFormat::Csv, text.as_bytes(), types).unwrap();
        assert_eq!(ingested.columns[1].note, None);
        (ingested.columns[0].kind, ingested.columns[0].note.clone())
    };
    let decimal = |row: usize| format!("{row}.5");
    let one = |other: &str, at: usize| {
        let other = other.to_owned();
        move |row: usize| if row == at { other.clone() } else { decimal(row) }
    };
    for at in [3, 500] {
        let (kind, told) = note(&one("12,5", at), &[]);
        let told = told.unwrap();
        assert_eq!(kind, ColumnType::String);
        let begin = format!(
            "599 of 600 values are numbers, and the column is text: line {} holds '12,5';",
            at + 2
        );
        assert!(told.starts_with(&begin), "{told}");
        assert!(told.contains("types=x:float64"), "{told}");
    }
    assert_eq!(note(&decimal, &[]).1, None);
    assert_eq!(note(&one("", 3), &[]).1, None);
    assert_eq!(note(&one("007", 3), &[]).1, None, "a code");
    assert_eq!(note(&one("12,5", 3), &[("x", ColumnType::String)]).1, None, "as it was asked for");
    let often = |row: usize| if row.is_multiple_of(20) { "none".to_owned() } else { decimal(row) };
    assert_eq!(note(&often, &[]).1, None);
}
