use std::fs;

use arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Float64Array, Int8Array,
    Int64Array, LargeStringArray, ListArray, StringArray, StringViewArray,
    TimestampMillisecondArray, TimestampNanosecondArray, UInt16Array, UInt64Array,
};
use arrow::datatypes::{Int8Type, Int32Type};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use tempfile::TempDir;

use super::*;
use crate::frame::parquet::text_bytes;
use crate::frame::{Frame, read_parquet};

fn written(batch: &RecordBatch, properties: WriterProperties) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    file
}

fn of(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    written(&RecordBatch::try_from_iter(columns).unwrap(), WriterProperties::default())
}

fn ingested(bytes: &[u8], types: &[(&str, ColumnType)]) -> Result<Frame> {
    let folder = TempDir::new().unwrap();
    let (input, output) = (folder.path().join("in"), folder.path().join("out"));
    fs::write(&input, bytes).unwrap();
    let types = types.iter().map(|(n, k)| ((*n).to_owned(), *k)).collect::<Vec<_>>();
    ingest(&input, &types, &output, folder.path(), &mut |_| Ok(()))?;
    read_parquet(File::open(output).unwrap(), None)
}

fn refused(bytes: &[u8]) -> String {
    let error = ingested(bytes, &[]).unwrap_err();
    assert_eq!(error.code(), Code::InvalidData, "{error}");
    error.to_string()
}

#[test]
fn flat_types_become_the_five() {
    let dictionary: DictionaryArray<Int32Type> = [Some("n"), None, Some("n")].into_iter().collect();
    let frame = ingested(
        &of(vec![
            ("i8", Arc::new(Int8Array::from(vec![Some(1), None, Some(-3)]))),
            ("u16", Arc::new(UInt16Array::from(vec![1, 2, 65_535]))),
            ("f32", Arc::new(Float32Array::from(vec![0.5, f32::NAN, 1.5]))),
            (
                "dec",
                Arc::new(
                    Decimal128Array::from(vec![150, -225, 0])
                        .with_precision_and_scale(10, 2)
                        .unwrap(),
                ),
            ),
            ("large", Arc::new(LargeStringArray::from(vec!["a", "b", "c"]))),
            ("view", Arc::new(StringViewArray::from(vec!["a", "a text of some length", "c"]))),
            ("dict", Arc::new(dictionary)),
            ("date", Arc::new(Date32Array::from(vec![0, 1, -1]))),
            (
                "ms",
                Arc::new(
                    TimestampMillisecondArray::from(vec![0, 1, 2]).with_timezone("Europe/Berlin"),
                ),
            ),
            ("ns", Arc::new(TimestampNanosecondArray::from(vec![1_999, 1_000, 0]))),
        ]),
        &[],
    )
    .unwrap();
    use ColumnType::*;
    let kinds = frame.columns().iter().map(|c| c.kind).collect::<Vec<_>>();
    let expected =
        [Int64, Int64, Float64, Float64, String, String, String, Timestamp, Timestamp, Timestamp];
    assert_eq!(kinds, expected);
    assert_eq!(frame.numbers("u16").unwrap(), [1.0, 2.0, 65_535.0]);
    assert_eq!(frame.numbers("dec").unwrap(), [1.5, -2.25, 0.0]);
    assert!(frame.numbers("f32").unwrap()[1].is_nan());
    assert_eq!(frame.texts("dict").unwrap(), [Some("n"), None, Some("n")]);
    assert_eq!(frame.texts("view").unwrap()[1], Some("a text of some length"));
    assert_eq!(frame.timestamps("date").unwrap()[2], Some(-86_400_000_000));
    assert_eq!(frame.timestamps("ms").unwrap()[1], Some(1_000));
    assert_eq!(frame.timestamps("ns").unwrap()[0], Some(1));
}

#[test]
fn declared_types_convert() {
    let bytes = of(vec![
        ("code", Arc::new(StringArray::from(vec!["1", "NA", "3"]))),
        ("id", Arc::new(Int64Array::from(vec![7, 8, 9]))),
        ("flag", Arc::new(Float64Array::from(vec![0.0, 1.0, 0.0]))),
    ]);
    let types = [("code", ColumnType::Float64), ("id", ColumnType::String)];
    let frame = ingested(&bytes, &types).unwrap();
    assert_eq!(frame.numbers("code").unwrap()[2], 3.0);
    assert_eq!(frame.texts("id").unwrap()[0], Some("7"));
    let frame = ingested(&bytes, &[("flag", ColumnType::Int64)]).unwrap();
    assert_eq!(frame.columns()[2].kind, ColumnType::Int64);
    let error = ingested(&bytes, &[("id", ColumnType::Timestamp)]).unwrap_err();
    assert!(error.to_string().contains("row 1, column id: '7' is not a time"), "{error}");
}

#[test]
fn what_no_column_holds_is_named() {
    let list = ListArray::from_iter_primitive::<Int8Type, _, _>([Some([Some(1)])]);
    assert!(
        refused(&of(vec![("tags", Arc::new(list))])).starts_with("column tags: has the type List")
    );
    let infinite = of(vec![("x", Arc::new(Float64Array::from(vec![1.0, f64::INFINITY])))]);
    assert_eq!(refused(&infinite), "row 2, column x: inf is not a finite number");
    let huge = of(vec![("x", Arc::new(UInt64Array::from(vec![u64::MAX])))]);
    assert!(refused(&huge).starts_with("column x: holds a value out of range"));
    let nul = of(vec![("x", Arc::new(StringArray::from(vec!["a\0"])))]);
    assert!(refused(&nul).starts_with("row 1, column x: 'a' holds a NUL"));
    let late = of(vec![("x", Arc::new(TimestampMillisecondArray::from(vec![i64::MAX / 1000])))]);
    assert_eq!(refused(&late), "row 1, column x: is a time outside the years 1 to 9999");
    let empty = of(vec![("x", Arc::new(Int64Array::from(Vec::<i64>::new())))]);
    assert_eq!(refused(&empty), "the file has no rows");
}

#[test]
fn the_length_of_a_repeated_text_is_written_down() {
    let text = "x".repeat(1 << 20);
    let keys = arrow::array::Int32Array::from(vec![0; 40]);
    let values = Arc::new(StringArray::from(vec![text.as_str()]));
    let dictionary = DictionaryArray::<Int32Type>::try_new(keys, values).unwrap();
    let bytes =
        of(vec![("n", Arc::new(Int64Array::from(vec![1; 40]))), ("x", Arc::new(dictionary))]);
    assert!(bytes.len() < 2 << 20);
    let folder = TempDir::new().unwrap();
    let (input, output) = (folder.path().join("in"), folder.path().join("out"));
    fs::write(&input, bytes).unwrap();
    let done = ingest(&input, &[], &output, folder.path(), &mut |_| Ok(())).unwrap();
    assert_eq!((done.rows, done.columns[1].distinct), (40, 1));
    let file = File::open(output).unwrap();
    let loaded = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).unwrap();
    assert_eq!(text_bytes(loaded.metadata(), 1), 40 << 20);
}

#[test]
fn what_is_not_parquet_is_said() {
    assert_eq!(refused(b"PAR1"), "the file is not Parquet");
    assert!(refused(b"a,b\n1,2\n3,4\n5,6\n").contains("does not end with PAR1"));
    assert!(refused(b"PAR1xxxx\xff\xff\xff\xffPAR1").contains("footer claims 4294967295 bytes"));
    assert!(refused(b"PAR1xxxx\x04\0\0\0PAR1").starts_with("the file is not valid Parquet"));
    let batch = [("x", Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef)];
    let batch = RecordBatch::try_from_iter(batch).unwrap();
    let columns = (0..=MAX_COLUMNS).map(|i| (format!("c{i}"), batch.column(0).clone()));
    let wide = RecordBatch::try_from_iter(columns).unwrap();
    let bytes = written(&wide, WriterProperties::default());
    assert_eq!(refused(&bytes), "the file has 2049 columns, and a dataset at most 2048");
}

/// Any byte changed, and any end cut off, gives a table or a refusal, and never a panic.
#[test]
fn damaged_files_are_refused() {
    let bytes = of(vec![
        ("x", Arc::new(Int64Array::from((0..50).collect::<Vec<_>>()))),
        ("t", Arc::new(StringArray::from(vec!["a text"; 50]))),
    ]);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= [0x01, 0x80, 0xff][at % 3];
        if let Err(error) = ingested(&damaged, &[]) {
            assert_ne!(error.code(), Code::Internal, "byte {at}: {error}");
        }
    }
    for end in (0..bytes.len()).step_by(7) {
        assert!(ingested(&bytes[..end], &[]).is_err());
    }
}

/// A wide file is read in slices; what comes out is what a narrow reading gives.
#[test]
fn wide_files_are_read_in_slices() {
    const ROWS: usize = 70_000;
    let number = |c: usize| {
        let values = (0..ROWS).map(|r| (r % 7 != c % 7).then_some((r * 31 + c) as f64 / 7.0));
        Arc::new(values.collect::<Float64Array>()) as ArrayRef
    };
    let text = |c: usize| {
        let values = (0..ROWS).map(|r| (r % 5 != 0).then(|| format!("{}", (r * 17 + c) % 9_999)));
        Arc::new(values.collect::<StringArray>()) as ArrayRef
    };
    let columns = (0..240).map(|c| match c % 4 {
        0 => (format!("t{c}"), text(c)),
        _ => (format!("n{c}"), number(c)),
    });
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(50_000));
    let bytes = written(&batch, properties.build());
    let folder = TempDir::new().unwrap();
    let (input, output) = (folder.path().join("in"), folder.path().join("out"));
    fs::write(&input, &bytes).unwrap();
    let upload = Upload::open(&input).unwrap();
    assert!(slices::plan(upload.metadata.metadata()).len() > 1);
    let mut stages = Vec::new();
    let mut note = |progress: IngestionProgress| {
        assert!(progress.bytes <= progress.total_bytes);
        stages.push(progress.stage);
        Ok(())
    };
    let done = ingest(&input, &[], &output, folder.path(), &mut note).unwrap();
    assert_eq!(done.rows, ROWS as u64);
    stages.dedup();
    assert_eq!(stages, ["slicing", "writing"]);
    let wanted = ["t0".to_owned(), "n1".to_owned(), "n239".to_owned()];
    let frame = read_parquet(File::open(&output).unwrap(), Some(&wanted)).unwrap();
    let numbers = |c: usize| number(c).as_primitive::<Float64Type>().clone();
    for (name, c) in [("n1", 1), ("n239", 239)] {
        for (read, sent) in frame.numbers(name).unwrap().iter().zip(&numbers(c)) {
            assert_eq!(
                sent.map_or(u64::MAX, f64::to_bits),
                match read.is_nan() {
                    true => u64::MAX,
                    false => read.to_bits(),
                }
            );
        }
    }
    let texts = text(0);
    let sent = texts.as_string::<i32>().iter();
    assert!(frame.texts("t0").unwrap().into_iter().eq(sent));
    // Damaged within, it is refused as any other.
    let mut damaged = bytes;
    let middle = damaged.len() / 2;
    damaged[middle..middle + 4096].fill(0xff);
    assert_ne!(ingested(&damaged, &[]).unwrap_err().code(), Code::Internal);
}
