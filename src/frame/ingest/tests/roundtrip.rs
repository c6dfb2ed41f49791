//! Any table comes back as it was.

use proptest::prelude::*;

use super::*;
use crate::frame::parquet::tests::stored as parquet_of;
use crate::frame::{Values, write_csv};

fn quoted(text: &str, delimiter: char, always: bool) -> String {
    let needed = text.contains([delimiter, '"', '\n', '\r']) || always;
    if needed { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// Columns of every type but images, with values that CSV can tell from a missing one.
fn any_columns() -> impl Strategy<Value = Vec<Values>> {
    use proptest::collection::vec;
    use proptest::option::of;
    let text = "[a-z ;,|\t\"\n\ré0-9]{1,8}".prop_filter("not null", |t: &String| {
        let kept = t.trim_ascii();
        !kept.is_empty() && !["?", "-", "nan", "null", "n/a"].contains(&kept)
    });
    (1_usize..12).prop_flat_map(move |n| {
        (
            vec(of(any::<bool>()), n),
            vec(of(any::<i64>()), n),
            vec(of(proptest::num::f64::NORMAL | proptest::num::f64::ZERO), n),
            vec(of(text.clone()), n),
            vec(of(crate::frame::time::YEARS), n),
        )
            .prop_map(|(a, b, c, d, e)| {
                let (b, c, d) = (Values::Int64(b), Values::Float64(c), Values::String(d));
                vec![Values::Bool(a), b, c, d, Values::Timestamp(e)]
            })
    })
}

fn named(columns: Vec<Values>, rows: usize) -> Frame {
    let named = columns.into_iter().enumerate().map(|(i, v)| (format!("c{i}"), v)).collect();
    Frame::new(rows, named).unwrap()
}

fn length(values: &Values) -> usize {
    match values {
        Values::Bool(v) => v.len(),
        Values::Int64(v) | Values::Timestamp(v) => v.len(),
        Values::Float64(v) => v.len(),
        Values::String(v) => v.len(),
        Values::Image(v) => v.len(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_table_written_as_csv_is_read_back(
        columns in any_columns(),
        delimiter in prop_oneof![Just(','), Just(';'), Just('\t'), Just('|')],
        always in any::<bool>(),
        line_end in prop_oneof![Just("\n"), Just("\r\n")],
    ) {
        let rows = length(&columns[0]);
        let expected = named(columns, rows);
        let types = expected.columns().iter().map(|c| (c.name.as_str(), c.kind)).collect::<Vec<_>>();
        let join = |cells: Vec<String>| cells.join(&delimiter.to_string()) + line_end;
        let mut text = join(types.iter().map(|(n, _)| (*n).to_owned()).collect());
        let labels = types.iter().map(|(n, _)| expected.labels(n).unwrap()).collect::<Vec<_>>();
        for row in 0..rows {
            let cell = |column: &Vec<Option<String>>| {
                quoted(column[row].as_deref().unwrap_or(""), delimiter, always)
            };
            text.push_str(&join(labels.iter().map(cell).collect()));
        }
        let found = frame(DataFormat::Csv, &text, &types).unwrap();
        prop_assert_eq!(found.batch().unwrap(), expected.batch().unwrap());
    }

    #[test]
    fn an_export_is_read_back(columns in any_columns()) {
        let rows = length(&columns[0]);
        let expected = named(columns, rows);
        let types = expected.columns().iter().map(|c| (c.name.as_str(), c.kind)).collect::<Vec<_>>();
        let (_, file) = stored(DataFormat::Parquet, &parquet_of(&expected, 5), &[]).unwrap();
        let mut text = Vec::new();
        write_csv(file, &mut text).unwrap();
        let (_, file) = stored(DataFormat::Csv, &text, &types).unwrap();
        let found = read_parquet(file, None).unwrap();
        // A text that looks like a formula comes back with its apostrophe.
        let plain = |t: Option<&str>| t.is_none_or(|t| !t.starts_with(['\t', '\r']));
        prop_assume!(expected.texts("c3").unwrap().into_iter().all(plain));
        prop_assert_eq!(found.batch().unwrap(), expected.batch().unwrap());
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for format in [DataFormat::Csv, DataFormat::JsonLines, DataFormat::Parquet, DataFormat::Form] {
            match stored(format, &bytes, &[]) {
                Ok(_) | Err(Error::Problem { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}
