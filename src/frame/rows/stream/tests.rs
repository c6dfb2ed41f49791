use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, BinaryArray, BinaryViewArray, Date32Array, Date64Array, Decimal128Array,
    DictionaryArray, Float32Array, Int8Array, Int16Array, Int32Array, LargeBinaryArray,
    LargeStringArray, NullArray, RecordBatch, StringArray, StringViewArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
    TimestampSecondArray, UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};
use arrow::array::{ArrayRef, BooleanArray, Float16Array, Float64Array, Int64Array, ListArray};
use arrow::datatypes::{DataType, Int8Type, Int32Type, Schema, UInt16Type};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use half::f16;
use proptest::prelude::*;

use super::*;
use crate::domain::prediction::MAX_ROWS;
use crate::domain::schema::{Cell, Column, ColumnType};

type Named = (&'static str, ArrayRef);

fn named(name: &'static str, array: impl Array + 'static) -> Named {
    (name, Arc::new(array))
}

fn column(name: &str, kind: ColumnType) -> Column {
    Column { name: name.to_owned(), kind, nullable: true }
}

fn batch(columns: Vec<Named>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true)))
        .unwrap()
}

fn written(batches: &[RecordBatch], options: IpcWriteOptions) -> Bytes {
    let schema = batches[0].schema();
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), &schema, options).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap().into()
}

fn stream(columns: Vec<Named>) -> Bytes {
    written(&[batch(columns)], IpcWriteOptions::default())
}

/// One column of a kind, read without a net: a panic is one of the test. A body is read from whatever
/// address it was received at.
fn read(kind: ColumnType, array: impl Array + 'static) -> Result<Frame> {
    let reader = RowReader::new(&[column("c", kind)]);
    let stream = stream(vec![named("c", array)]);
    let frame = reader.stream(stream.clone());
    for before in [1, 4, 8, 63] {
        let moved = Bytes::from([&vec![0; before], &stream[..]].concat()).slice(before..);
        match (&frame, reader.stream(moved)) {
            (Ok(frame), Ok(moved)) => assert_eq!(moved.batch().unwrap(), frame.batch().unwrap()),
            (Err(error), Err(moved)) => assert_eq!(format!("{moved:?}"), format!("{error:?}")),
            (frame, moved) => panic!("{frame:?} and {moved:?}"),
        }
    }
    frame
}

/// The same column as a list of JSON.
fn listed(kind: ColumnType, cells: Vec<Cell>) -> Frame {
    let columns = BTreeMap::from([("c".to_owned(), cells)]);
    RowReader::new(&[column("c", kind)]).columns(&columns).unwrap()
}

fn same(kind: ColumnType, array: impl Array + 'static, cells: Vec<Cell>) {
    let shown = array.data_type().to_string();
    let frame = read(kind, array).unwrap_or_else(|error| panic!("{shown}: {error:?}"));
    assert_eq!(frame.batch().unwrap(), listed(kind, cells).batch().unwrap(), "{shown} as {kind:?}");
}

fn problem_of<T: std::fmt::Debug>(result: Result<T>) -> (Code, String, Vec<(String, String)>) {
    let Err(Error::Problem { code, detail, errors }) = result else { panic!("{result:?}") };
    (code, detail, errors.into_iter().map(|e| (e.pointer, e.detail)).collect())
}

/// What is said of each bad value of one column.
fn said(kind: ColumnType, array: impl Array + 'static) -> Vec<(String, String)> {
    let (code, _, errors) = problem_of(read(kind, array));
    assert_eq!(code, Code::InvalidRows);
    errors
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(p, d)| ((*p).to_owned(), (*d).to_owned())).collect()
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

#[test]
fn numbers_of_every_width_become_the_models() {
    use ColumnType::{Bool, Float64, Int64};
    let some = || vec![Cell::Int(1), Cell::Null, Cell::Int(0)];
    for kind in [Float64, Int64, Bool] {
        same(kind, Int8Array::from(vec![Some(1), None, Some(0)]), some());
        same(kind, Int16Array::from(vec![Some(1), None, Some(0)]), some());
        same(kind, Int32Array::from(vec![Some(1), None, Some(0)]), some());
        same(kind, Int64Array::from(vec![Some(1), None, Some(0)]), some());
        same(kind, UInt8Array::from(vec![Some(1), None, Some(0)]), some());
        same(kind, UInt16Array::from(vec![Some(1), None, Some(0)]), some());
        same(kind, UInt32Array::from(vec![Some(1), None, Some(0)]), some());
        same(kind, UInt64Array::from(vec![Some(1), None, Some(0)]), some());
        let half = [Some(f16::ONE), None, Some(f16::ZERO)];
        same(kind, Float16Array::from(half.to_vec()), some());
        same(kind, Float32Array::from(vec![1.0, f32::NAN, 0.0]), some());
        same(kind, Float64Array::from(vec![1.0, f64::NAN, 0.0]), some());
        same(kind, Float64Array::from(vec![Some(1.0), None, Some(0.0)]), some());
        let decimal = Decimal128Array::from(vec![Some(100), None, Some(0)]);
        same(kind, decimal.with_precision_and_scale(5, 2).unwrap(), some());
    }
    same(Bool, BooleanArray::from(vec![Some(true), None]), vec![Cell::Bool(true), Cell::Null]);
    same(
        Float64,
        Float64Array::from(vec![0.1, -1e300]),
        vec![Cell::Float(0.1), Cell::Float(-1e300)],
    );
    same(
        Int64,
        Int64Array::from(vec![i64::MIN, i64::MAX]),
        vec![Cell::Int(i64::MIN), Cell::Int(i64::MAX)],
    );
    let keys = Int8Array::from(vec![Some(1), Some(0), None]);
    let values = Arc::new(Int32Array::from(vec![5, 7]));
    let dictionary = DictionaryArray::<Int8Type>::new(keys, values);
    same(Float64, dictionary, vec![Cell::Int(7), Cell::Int(5), Cell::Null]);
}

#[test]
fn texts_of_every_layout_become_the_models() {
    let texts = [Some("north"), None, Some(""), Some("a text that no view holds in itself")];
    let cells = || texts.iter().map(|t| t.map_or(Cell::Null, text)).collect::<Vec<_>>();
    let kind = ColumnType::String;
    same(kind, StringArray::from(texts.to_vec()), cells());
    same(kind, LargeStringArray::from(texts.to_vec()), cells());
    same(kind, StringViewArray::from(texts.to_vec()), cells());
    same(kind, texts.into_iter().collect::<DictionaryArray<Int32Type>>(), cells());
    same(kind, texts.into_iter().collect::<DictionaryArray<UInt16Type>>(), cells());
    let keys = Int8Array::from(vec![Some(1), Some(1), None]);
    for values in [
        Arc::new(LargeStringArray::from(vec!["a", "long enough for a buffer"])) as ArrayRef,
        Arc::new(StringViewArray::from(vec!["a", "long enough for a buffer"])),
    ] {
        let dictionary = DictionaryArray::<Int8Type>::new(keys.clone(), values);
        let long = || text("long enough for a buffer");
        same(kind, dictionary, vec![long(), long(), Cell::Null]);
    }
    same(kind, NullArray::new(2), vec![Cell::Null; 2]);
    let all_null = DictionaryArray::<Int8Type>::new(
        Int8Array::from(vec![None, None]),
        Arc::new(StringArray::new_null(0)),
    );
    same(kind, all_null, vec![Cell::Null; 2]);
}

#[test]
fn times_of_every_unit_and_zone_become_the_models() {
    let kind = ColumnType::Timestamp;
    let cells = || vec![text("2026-01-31"), Cell::Null, text("1969-12-31T23:00:00Z")];
    let seconds = [Some(1_769_817_600), None, Some(-3_600)];
    let times = |scale: i64| seconds.map(|s| s.map(|s| s * scale)).to_vec();
    for zone in [None, Some("UTC"), Some("Europe/Berlin"), Some("+05:30"), Some("no zone")] {
        let zoned = |array: TimestampSecondArray| array.with_timezone_opt(zone);
        same(kind, zoned(times(1).into()), cells());
        let array: TimestampMillisecondArray = times(1_000).into();
        same(kind, array.with_timezone_opt(zone), cells());
        let array: TimestampMicrosecondArray = times(1_000_000).into();
        same(kind, array.with_timezone_opt(zone), cells());
        let array: TimestampNanosecondArray = times(1_000_000_000).into();
        same(kind, array.with_timezone_opt(zone), cells());
    }
    let days = || vec![text("2026-01-31"), text("1969-12-31")];
    same(kind, Date32Array::from(vec![20_484, -1]), days());
    same(kind, Date64Array::from(vec![20_484 * 86_400_000, -86_400_000]), days());
    let texts = || ["2026-01-31T10:00:00+02:00", "0001-01-01"];
    same(kind, StringArray::from(texts().to_vec()), texts().map(text).to_vec());
    let array = TimestampNanosecondArray::from(vec![-1]);
    same(kind, array, vec![text("1969-12-31T23:59:59.999999Z")]);
}

#[test]
fn pictures_come_as_bytes_or_base64() {
    let picture = crate::frame::grey_png(2, 3, &[7; 6]);
    let base64 = crate::frame::image::to_base64(&picture);
    let kind = ColumnType::Image;
    let cells = || vec![text(&base64), Cell::Null];
    let bytes = vec![Some(&picture[..]), None];
    same(kind, BinaryArray::from(bytes.clone()), cells());
    same(kind, LargeBinaryArray::from(bytes.clone()), cells());
    same(kind, BinaryViewArray::from(bytes), cells());
    same(kind, StringArray::from(vec![Some(base64.as_str()), None]), cells());
    let errors = said(kind, BinaryArray::from(vec![&picture[..], b"no picture"]));
    assert_eq!(errors, pairs(&[("/columns/c/1", "is neither a PNG nor a JPEG")]));
    let large = crate::frame::grey_png(40, 40, &[7; 1600]);
    let errors = said(kind, BinaryArray::from(vec![&large[..]; 2]));
    assert!(errors[0].1.contains("send fewer images at a time"), "{errors:?}");
}

#[test]
fn values_that_do_not_fit_are_named() {
    use ColumnType::*;
    let inf = "inf is not a finite number; send null where it is unknown";
    assert_eq!(
        said(Float64, Float64Array::from(vec![1.0, f64::INFINITY, f64::NAN])),
        pairs(&[("/columns/c/1", inf)])
    );
    assert_eq!(
        said(Int64, Float32Array::from(vec![0.5, 1.0, f32::INFINITY])),
        pairs(&[("/columns/c/0", "0.5 is not a whole number of 64 bits"), ("/columns/c/2", inf),])
    );
    assert_eq!(
        said(Int64, UInt64Array::from(vec![u64::MAX])),
        pairs(&[("/columns/c/0", "18446744073709551615 is not a whole number of 64 bits")])
    );
    let decimals = Decimal128Array::from(vec![1_i128 << 60]).with_precision_and_scale(38, 0);
    assert_eq!(said(Int64, decimals.unwrap()).len(), 1);
    assert_eq!(
        said(Bool, Int8Array::from(vec![Some(1), None, Some(2)])),
        pairs(&[("/columns/c/2", "2 is neither true nor false; send null where it is unknown")])
    );
    assert_eq!(
        said(Bool, Float64Array::from(vec![0.5])),
        pairs(&[("/columns/c/0", "0.5 is neither true nor false; send null where it is unknown")])
    );
    assert_eq!(
        said(String, StringViewArray::from(vec![Some("a"), None, Some("b\0")])),
        pairs(&[("/columns/c/2", "'b' holds a NUL character, which no text may")])
    );
    assert_eq!(
        said(Timestamp, StringArray::from(vec!["yesterday"])),
        pairs(&[(
            "/columns/c/0",
            "'yesterday' is not a time; send text such as 2026-01-31 or 2026-01-31T12:00:00Z"
        )])
    );
    for array in [
        Arc::new(Date32Array::from(vec![i32::MAX])) as ArrayRef,
        Arc::new(TimestampSecondArray::from(vec![i64::MIN])),
        Arc::new(TimestampMicrosecondArray::from(vec![i64::MAX])),
    ] {
        let errors = said(Timestamp, arrow::array::make_array(array.to_data()));
        assert!(errors[0].1.ends_with("outside the years 1 to 9999"), "{errors:?}");
    }
}

#[test]
fn a_column_that_may_not_be_null_refuses_null_and_nan() {
    let signature = [Column { nullable: false, ..column("c", ColumnType::Float64) }];
    let floats = Float64Array::from(vec![Some(1.0), None, Some(f64::NAN)]);
    let read = RowReader::new(&signature).stream(stream(vec![named("c", floats)]));
    let (_, detail, errors) = problem_of(read);
    assert_eq!(detail, "2 of 3 rows don't fit the model's inputs");
    let null = "is null, but the model needs a value";
    assert_eq!(errors, pairs(&[("/columns/c/1", null), ("/columns/c/2", null)]));
}

#[test]
fn every_column_that_does_not_fit_is_named_at_once() {
    let kinds = [ColumnType::Float64, ColumnType::Int64, ColumnType::Bool, ColumnType::String];
    let names = ["income", "age", "owner", "region"];
    let signature: Vec<Column> = names.iter().zip(kinds).map(|(n, k)| column(n, k)).collect();
    let one = || Int64Array::from(vec![1]);
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)])]);
    let fields = vec![
        named("incom", one()),
        named("age", StringArray::from(vec!["x"])),
        named("owner", list),
        named("region", StringArray::from(vec!["x"])),
        named("region", StringArray::from(vec!["y"])),
    ];
    let (code, detail, errors) = problem_of(RowReader::new(&signature).stream(stream(fields)));
    assert_eq!(
        (code, detail.as_str()),
        (Code::InvalidRows, "the columns don't fit the model's inputs")
    );
    let expected = [
        ("/columns/income", "is missing; send null where it is unknown"),
        ("/columns/age", "has the type Utf8; send integers, or floats that are whole numbers"),
        ("/columns/owner", "has the type List; send booleans, or integers that are 0 or 1"),
        ("/columns/incom", "is no column of the model; did you mean income?"),
        ("/columns/region", "stands twice; send it once"),
    ];
    assert_eq!(errors, pairs(&expected));
}

#[test]
fn batches_are_put_together_each_with_its_dictionary() {
    let signature = [column("a", ColumnType::Float64), column("b", ColumnType::String)];
    let part = |number: f64, texts: [&str; 2]| {
        let texts: DictionaryArray<Int32Type> = texts.into_iter().collect();
        batch(vec![named("b", texts), named("a", Float64Array::from(vec![number; 2]))])
    };
    let empty = part(9.0, ["w", "w"]).slice(0, 0);
    let batches = [part(1.0, ["x", "y"]), empty, part(2.0, ["y", "z"])];
    let frame = RowReader::new(&signature).stream(written(&batches, IpcWriteOptions::default()));
    let frame = frame.unwrap();
    assert_eq!(frame.numbers("a").unwrap(), [1.0, 1.0, 2.0, 2.0]);
    assert_eq!(frame.texts("b").unwrap(), ["x", "y", "y", "z"].map(Some));
    assert_eq!(frame.columns(), signature);
}

#[test]
fn exact_arrays_are_taken_as_they_are() {
    let bytes = stream(vec![named("c", Float64Array::from_iter_values((0..100).map(f64::from)))]);
    let within = bytes.as_ptr_range();
    let frame = RowReader::new(&[column("c", ColumnType::Float64)]).stream(bytes).unwrap();
    let numbers = frame.numbers_near(0, "c").unwrap();
    assert!(within.contains(&numbers.as_ptr().cast()), "the numbers were copied");
}

#[test]
fn rows_are_counted() {
    let reader = RowReader::new(&[column("c", ColumnType::Bool)]);
    let rows = |n: usize| batch(vec![named("c", BooleanArray::from(vec![true; n]))]);
    let most = written(&[rows(MAX_ROWS)], IpcWriteOptions::default());
    assert_eq!(reader.stream(most).unwrap().rows(), MAX_ROWS);
    for batches in [vec![rows(MAX_ROWS + 1)], vec![rows(MAX_ROWS), rows(1)], vec![rows(0)]] {
        let (code, _, errors) =
            problem_of(reader.stream(written(&batches, IpcWriteOptions::default())));
        assert_eq!((code, errors[0].0.as_str()), (Code::InvalidRequest, "/rows"));
    }
}

#[test]
fn what_is_no_stream_says_why() {
    let reader = RowReader::new(&[column("c", ColumnType::Int64)]);
    let good = stream(vec![named("c", Int64Array::from(vec![1, 2, 3]))]);
    let refused = |bytes: Vec<u8>| {
        let (code, detail, _) = problem_of(reader.stream(bytes.into()));
        assert_eq!(code, Code::MalformedRequest, "{detail}");
        detail
    };
    assert!(refused(Vec::new()).ends_with("it is empty"));
    assert!(refused(b"{\"rows\": []}".to_vec()).contains("metadata"));
    assert!(refused([&good[..], b"x"].concat()).ends_with("1 bytes stand behind its end"));
    let mut file = FileWriter::try_new(Vec::new(), &Schema::empty()).unwrap();
    file.finish().unwrap();
    assert!(refused(file.into_inner().unwrap()).contains("a stream, not a file"));
    let twice = [&good[..good.len() - 8], &good].concat();
    assert!(refused(twice).ends_with("it has a second schema"));
    // A stream may end without saying so, between two messages: with the schema, and with the
    // batch.
    let whole: Vec<usize> = (0..good.len())
        .filter(|&end| match reader.stream(good.slice(..end)) {
            Ok(_) => true,
            other => problem_of(other).0 != Code::MalformedRequest,
        })
        .collect();
    assert_eq!(whole.len(), 2, "{whole:?} of {}", good.len());
    for codec in [CompressionType::LZ4_FRAME, CompressionType::ZSTD] {
        let options = IpcWriteOptions::default().try_with_compression(Some(codec)).unwrap();
        let rows = batch(vec![named("c", Int64Array::from(vec![7; 500]))]);
        assert!(refused(written(&[rows], options).to_vec()).contains("compressed"));
    }
}

#[test]
fn a_long_text_counts_each_time_it_is_said() {
    let long = "x".repeat(MAX_TEXT / 4);
    let repeated = |times: usize| -> [ArrayRef; 3] {
        let texts = || vec![Some(long.as_str()); times];
        let views: StringViewArray = {
            let array = StringViewArray::from(vec![Some(long.as_str())]);
            let views = vec![array.views()[0]; times];
            StringViewArray::new(views.into(), array.data_buffers().to_vec(), None)
        };
        let dictionary: DictionaryArray<Int8Type> = texts().into_iter().collect();
        [Arc::new(StringArray::from(texts())), Arc::new(views), Arc::new(dictionary)]
    };
    let reader = RowReader::new(&[column("c", ColumnType::String)]);
    for array in repeated(4) {
        let frame = reader.stream(stream(vec![("c", array)])).unwrap();
        assert_eq!(frame.texts("c").unwrap(), [Some(long.as_str()); 4]);
    }
    for array in repeated(5) {
        let shown = array.data_type().to_string();
        let (code, ..) = problem_of(reader.stream(stream(vec![("c", array)])));
        assert_eq!(code, Code::TooLarge, "{shown}");
    }
}

/// A stream of every kind of column, for changes to it.
fn varied() -> (Vec<Column>, Vec<u8>) {
    use ColumnType::{Bool, Float64, Int64, String, Timestamp};
    let texts = || vec![Some("north"), None, Some("a text that no view holds in itself")];
    let columns = vec![
        named("a", Float64Array::from(vec![Some(0.5), None, Some(f64::NAN)])),
        named("b", UInt64Array::from(vec![1, 2, 3])),
        named("c", BooleanArray::from(vec![Some(true), None, Some(false)])),
        named("d", StringArray::from(texts())),
        named("e", StringViewArray::from(texts())),
        named("f", texts().into_iter().collect::<DictionaryArray<Int8Type>>()),
        named("g", TimestampSecondArray::from(vec![0, 1, 2]).with_timezone("UTC")),
        named("h", Decimal128Array::from(vec![1, 2, 3])),
        named("i", NullArray::new(3)),
        named("j", Date32Array::from(vec![0, 1, 2])),
    ];
    let kinds = [Float64, Int64, Bool, String, String, String, Timestamp, Float64, Bool, Timestamp];
    let signature: Vec<Column> =
        columns.iter().zip(kinds).map(|((name, _), kind)| column(name, kind)).collect();
    (signature, stream(columns).to_vec())
}

#[test]
fn a_stream_of_every_kind_is_read() {
    let (signature, bytes) = varied();
    let frame = RowReader::new(&signature).arrow(bytes.into()).unwrap();
    assert_eq!(frame.rows(), 3);
    assert_eq!(frame.texts("e").unwrap(), frame.texts("f").unwrap());
    let again = RowReader::new(&signature).rows(&frame.to_rows().unwrap()).unwrap();
    assert_eq!(again.batch().unwrap(), frame.batch().unwrap());
}

/// Bytes that lengths, offsets and tables are made of, and any.
fn changed_byte() -> impl Strategy<Value = u8> {
    prop_oneof![any::<u8>(), proptest::sample::select(&[0, 1, 4, 8, 16, 127, 128, 254, 255][..])]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// Whatever is changed, there is a frame or a problem of the caller's: read without a net, so
    /// that a panic of arrow's would show.
    #[test]
    fn no_change_breaks_it(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), changed_byte()), 1..6),
        cut in proptest::option::weighted(0.1, any::<proptest::sample::Index>()),
    ) {
        let (signature, mut bytes) = varied();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        match RowReader::new(&signature).stream(bytes.into()) {
            Ok(frame) => prop_assert_eq!(frame.columns(), &signature[..]),
            Err(error) => prop_assert!(matches!(error, Error::Problem { .. }), "{error:?}"),
        }
    }
}

#[test]
fn wide_streams_are_not_taken_for_malicious_ones() {
    const COLUMNS: usize = 2_000;
    let names: Vec<String> = (0..COLUMNS).map(|c| format!("{c}")).collect();
    let signature: Vec<Column> =
        names.iter().map(|name| column(name, ColumnType::Float64)).collect();
    let array: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0]));
    let columns = names.iter().map(|name| (name.as_str(), array.clone(), true));
    let wide = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let bytes = written(&[wide], IpcWriteOptions::default());
    let frame = RowReader::new(&signature).stream(bytes).unwrap();
    assert_eq!((frame.rows(), frame.columns().len()), (2, COLUMNS));
    assert_eq!(DataType::Float64, *frame.batch().unwrap().column(0).data_type());
}
