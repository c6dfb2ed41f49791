use std::sync::Arc;

use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;

use super::*;
use crate::frame::Values;

/// A frame as a Parquet file of row groups of so many rows.
pub(crate) fn stored(frame: &Frame, group: usize) -> Bytes {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group)).build();
    let mut file = Vec::new();
    let mut writer =
        ArrowWriter::try_new(&mut file, frame.batch().unwrap().schema(), Some(properties)).unwrap();
    writer.write(frame.batch().unwrap()).unwrap();
    writer.close().unwrap();
    file.into()
}

fn sample() -> Frame {
    let columns = vec![
        ("id".to_owned(), Values::Int64((0..10).map(Some).collect())),
        (
            "rate".to_owned(),
            Values::Float64((0..10).map(|i| (i != 3).then_some(0.5 * f64::from(i))).collect()),
        ),
        ("note".to_owned(), Values::String((0..10).map(|i| Some(format!("n{i}"))).collect())),
        ("paid".to_owned(), Values::Bool((0..10).map(|i| Some(i % 2 == 0)).collect())),
        ("at".to_owned(), Values::Timestamp((0..10).map(|i| Some(i * 1_000_000)).collect())),
    ];
    Frame::new(10, columns).unwrap()
}

#[test]
fn chosen_columns_come_in_the_order_asked_for() {
    let file = stored(&sample(), 4);
    let names = ["at", "id"].map(str::to_owned);
    let frame = read_parquet(file, Some(&names)).unwrap();
    assert_eq!(frame.columns().iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["at", "id"]);
    assert_eq!(frame.rows(), 10);
    assert_eq!(frame.numbers("id").unwrap()[9], 9.0);
    assert_eq!(frame.timestamps("at").unwrap()[9], Some(9_000_000));
}

#[test]
fn texts_are_counted_before_they_are_read() {
    let of = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        stored_text(stored(&sample(), 4), &names)
    };
    assert_eq!(of(&["id", "note", "at"]).unwrap(), 20);
    assert_eq!(of(&["id", "rate"]).unwrap(), 0);
    assert_eq!(of(&["rates"]).unwrap_err().code(), Code::InvalidRequest);
}

#[test]
fn no_columns_still_have_rows() {
    assert_eq!(read_parquet(stored(&sample(), 4), Some(&[])).unwrap().rows(), 10);
}

#[test]
fn an_unknown_column_is_named() {
    let error = read_parquet(stored(&sample(), 4), Some(&["rates".to_owned()])).unwrap_err();
    assert_eq!(error.to_string(), "there is no column rates; did you mean rate?");
    assert_eq!(error.code(), Code::InvalidRequest);
}

#[test]
fn a_page_of_rows_is_the_same_wherever_groups_end() {
    let ids = |group, offset, limit| {
        let rows = preview(stored(&sample(), group), offset, limit).unwrap();
        rows.iter().map(|r| r["id"].clone()).collect::<Vec<_>>()
    };
    for group in [1, 3, 4, 100] {
        assert_eq!(ids(group, 0, 2), [0, 1].map(Cell::Int));
        assert_eq!(ids(group, 3, 3), [3, 4, 5].map(Cell::Int));
        assert_eq!(ids(group, 8, 5), [8, 9].map(Cell::Int));
        assert_eq!(ids(group, 10, 5), []);
        assert_eq!(ids(group, u64::MAX, 5), []);
        assert_eq!(ids(group, 2, 0), []);
    }
    let row = &preview(stored(&sample(), 4), 3, 1).unwrap()[0];
    assert_eq!(row["rate"], Cell::Null);
    assert_eq!(row["note"], Cell::Text("n3".to_owned()));
    assert_eq!(row["paid"], Cell::Bool(false));
    assert_eq!(row["at"], Cell::Text("1970-01-01T00:00:03Z".to_owned()));
}

#[test]
fn csv_quotes_what_must_be_and_disarms_formulas() {
    let texts = ["=1+1", "-5", "+49 170", "@x", "a,b", "say \"hi\"", "two\nlines", "\tx", ""];
    let columns = vec![
        ("=name".to_owned(), Values::String(texts.map(|t| Some(t.to_owned())).to_vec())),
        (
            "x".to_owned(),
            Values::Float64((0..9).map(|i| (i > 0).then_some(-f64::from(i))).collect()),
        ),
    ];
    let mut out = Vec::new();
    write_csv(stored(&Frame::new(9, columns).unwrap(), 4), &mut out).unwrap();
    let expected = [
        "'=name,x",
        "'=1+1,",
        "-5,-1.0",
        "'+49 170,-2.0",
        "'@x,-3.0",
        "\"a,b\",-4.0",
        "\"say \"\"hi\"\"\",-5.0",
        "\"two\nlines\",-6.0",
        "'\tx,-7.0",
        ",-8.0",
        "",
    ];
    assert_eq!(String::from_utf8(out).unwrap(), expected.join("\r\n"));
}

#[test]
fn a_file_of_another_type_is_refused() {
    let column = Arc::new(arrow::array::Int16Array::from(vec![1]));
    let batch = RecordBatch::try_from_iter([("x", column as arrow::array::ArrayRef)]).unwrap();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let error = read_parquet(Bytes::from(file), None).unwrap_err();
    assert!(error.to_string().contains("column x is stored as Int16"), "{error}");
}

fn any_frame() -> impl Strategy<Value = Frame> {
    use proptest::collection::vec;
    use proptest::option::of;
    (1_usize..40).prop_flat_map(|n| {
        (
            vec(of(any::<bool>()), n),
            vec(of(any::<i64>()), n),
            vec(of(proptest::num::f64::NORMAL | proptest::num::f64::ZERO), n),
            vec(of(".{0,12}"), n),
            vec(of(-62_135_596_800_000_000_i64..253_402_300_799_000_000), n),
        )
            .prop_map(move |(a, b, c, d, e)| {
                let columns = [
                    Values::Bool(a),
                    Values::Int64(b),
                    Values::Float64(c),
                    Values::String(d),
                    Values::Timestamp(e),
                ];
                let named = columns.into_iter().enumerate();
                let named = named.map(|(i, v)| (format!("c{i}"), v)).collect();
                Frame::new(n, named).unwrap()
            })
    })
}

proptest! {
    #[test]
    fn what_is_stored_is_read_back(frame in any_frame(), group in 1_usize..20) {
        let back = read_parquet(stored(&frame, group), None).unwrap();
        prop_assert_eq!(back.columns(), frame.columns());
        prop_assert_eq!(back.batch().unwrap(), frame.batch().unwrap());
    }
}
