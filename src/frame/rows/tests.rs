use super::*;

fn column(name: &str, kind: ColumnType) -> Column {
    Column { name: name.to_owned(), kind, nullable: true }
}

pub(super) fn signature() -> Vec<Column> {
    vec![
        column("income", ColumnType::Float64),
        column("age", ColumnType::Int64),
        column("owner", ColumnType::Bool),
        column("region", ColumnType::String),
        column("opened", ColumnType::Timestamp),
    ]
}

fn row(cells: &[(&str, Cell)]) -> Row {
    cells.iter().map(|(name, cell)| ((*name).to_owned(), cell.clone())).collect()
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

fn good() -> Row {
    row(&[
        ("age", Cell::Int(41)),
        ("income", Cell::Float(1.5)),
        ("opened", text("2026-01-31")),
        ("owner", Cell::Bool(true)),
        ("region", text("north")),
    ])
}

/// The detail and the named fields of an error.
fn fields(result: Result<Frame>) -> (String, Vec<(String, String)>) {
    match result {
        Err(Error::Problem { code: Code::InvalidRows, detail, errors }) => {
            (detail, errors.into_iter().map(|e| (e.pointer, e.detail)).collect())
        }
        other => panic!("expected invalid rows, got {other:?}"),
    }
}

/// What is said of one cell in a column.
fn said(name: &str, cell: Cell) -> String {
    let mut row = good();
    row.insert(name.to_owned(), cell);
    let (_, errors) = fields(Frame::from_rows(&signature(), &[row]));
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0].0, format!("/rows/0/{name}"));
    errors[0].1.clone()
}

#[test]
fn rows_become_a_frame_in_the_order_of_the_signature() {
    let nulls = signature().iter().map(|c| (c.name.clone(), Cell::Null)).collect();
    let frame = Frame::from_rows(&signature(), &[good(), nulls]).unwrap();
    assert_eq!(frame.rows(), 2);
    assert_eq!(frame.columns(), signature());
    assert_eq!(frame.numbers("income").unwrap()[0], 1.5);
    assert_eq!(frame.numbers("age").unwrap()[0], 41.0);
    assert_eq!(frame.numbers("owner").unwrap()[0], 1.0);
    assert!(frame.numbers("age").unwrap()[1].is_nan());
    assert_eq!(frame.texts("region").unwrap(), [Some("north"), None]);
    assert_eq!(frame.timestamps("opened").unwrap(), [Some(1_769_817_600_000_000), None]);
}

#[test]
fn columns_give_the_frame_that_rows_give() {
    let second = row(&[
        ("age", Cell::Null),
        ("income", Cell::Int(2)),
        ("opened", text("2026-01-31T10:00:00+02:00")),
        ("owner", Cell::Int(0)),
        ("region", text("")),
    ]);
    let rows = [good(), second];
    let columns = signature()
        .iter()
        .map(|c| (c.name.clone(), rows.iter().map(|r| r[&c.name].clone()).collect()))
        .collect();
    let by_rows = Frame::from_rows(&signature(), &rows).unwrap();
    let by_columns = Frame::from_columns(&signature(), &columns).unwrap();
    assert_eq!(by_rows.batch().unwrap(), by_columns.batch().unwrap());
}

#[test]
fn numbers_are_taken_as_the_column_means_them() {
    let mut row = good();
    row.insert("age".to_owned(), Cell::Float(3.0));
    row.insert("income".to_owned(), Cell::Int(7));
    row.insert("owner".to_owned(), Cell::Float(1.0));
    let frame = Frame::from_rows(&signature(), &[row]).unwrap();
    assert_eq!(frame.numbers("age").unwrap(), [3.0]);
    assert_eq!(frame.numbers("income").unwrap(), [7.0]);
    assert_eq!(frame.labels("owner").unwrap(), [Some("true".to_owned())]);
}

#[test]
fn values_of_another_type_are_named_with_the_way_out() {
    assert_eq!(said("income", text("n/a")), "'n/a' is not a number; send null where it is unknown");
    assert_eq!(said("income", text("12")), "'12' is text, not a number; send it without quotes");
    assert_eq!(
        said("income", Cell::Float(f64::NAN)),
        "NaN is not a finite number; send null where it is unknown"
    );
    assert_eq!(
        said("income", Cell::Bool(true)),
        "true is not a number; send null where it is unknown"
    );
    assert_eq!(said("age", Cell::Float(3.5)), "3.5 is not a whole number of 64 bits");
    assert_eq!(said("age", Cell::Float(1e19)), "1e19 is not a whole number of 64 bits");
    assert_eq!(
        said("age", Cell::Float(f64::INFINITY)),
        "inf is not a finite number; send null where it is unknown"
    );
    assert_eq!(
        said("owner", Cell::Int(2)),
        "2 is neither true nor false; send null where it is unknown"
    );
    assert_eq!(said("region", Cell::Int(7)), "7 is not text; send it as \"7\"");
    assert_eq!(said("region", text("a\0b")), "'ab' holds a NUL character, which no text may");
    assert_eq!(
        said("opened", text("31.01.2026")),
        "'31.01.2026' is not a time; send text such as 2026-01-31 or 2026-01-31T12:00:00Z"
    );
    assert_eq!(said("region", Cell::Bool(false)), "false is not text; send it as \"false\"");
}

#[test]
fn every_bad_field_of_every_row_is_named() {
    let mut first = good();
    first.insert("incom".to_owned(), Cell::Int(1));
    first.insert("zzz".to_owned(), Cell::Null);
    let mut third = good();
    third.remove("age");
    third.insert("income".to_owned(), text("lots"));
    let (detail, errors) = fields(Frame::from_rows(&signature(), &[first, good(), third]));
    assert_eq!(detail, "2 of 3 rows don't fit the model's inputs");
    let expected = [
        ("/rows/0/incom", "is no column of the model; did you mean income?"),
        ("/rows/0/zzz", "is no column of the model"),
        ("/rows/2/age", "is missing; send null where it is unknown"),
        ("/rows/2/income", "'lots' is not a number; send null where it is unknown"),
    ];
    assert_eq!(errors, expected.map(|(p, d)| (p.to_owned(), d.to_owned())));
}

#[test]
fn columns_of_another_shape_are_named() {
    let cells = |n| vec![Cell::Null; n];
    let columns = BTreeMap::from([
        ("age".to_owned(), cells(2)),
        ("income".to_owned(), cells(3)),
        ("opend".to_owned(), cells(3)),
        ("owner".to_owned(), cells(3)),
        ("region".to_owned(), cells(3)),
    ]);
    let (detail, errors) = fields(Frame::from_columns(&signature(), &columns));
    assert_eq!(detail, "the columns don't fit the model's inputs");
    let expected = [
        ("/columns/age", "has 2 values, but column income has 3"),
        ("/columns/opened", "is missing; send null where it is unknown"),
        ("/columns/opend", "is no column of the model; did you mean opened?"),
    ];
    assert_eq!(errors, expected.map(|(p, d)| (p.to_owned(), d.to_owned())));
}

#[test]
fn a_bad_value_in_a_column_is_named_by_its_position() {
    let signature = [column("age", ColumnType::Int64)];
    let columns =
        BTreeMap::from([("age".to_owned(), vec![Cell::Int(1), text("x"), Cell::Float(0.5)])]);
    let (detail, errors) = fields(Frame::from_columns(&signature, &columns));
    assert_eq!(detail, "2 of 3 rows don't fit the model's inputs");
    assert_eq!(errors[0].0, "/columns/age/1");
    assert_eq!(errors[1].0, "/columns/age/2");
}

#[test]
fn a_column_that_may_not_be_null_refuses_null() {
    let signature = [Column { nullable: false, ..column("age", ColumnType::Int64) }];
    let (_, errors) =
        fields(Frame::from_rows(&signature, &[row(&[("age", Cell::Null)]), row(&[])]));
    assert_eq!(errors[0].1, "is null, but the model needs a value");
    assert_eq!(errors[1].1, "is missing");
}

#[test]
fn pointers_escape_slashes_and_tildes() {
    let signature = [column("debt/income~ratio", ColumnType::Float64)];
    let (_, errors) = fields(Frame::from_rows(&signature, &[Row::new()]));
    assert_eq!(errors[0].0, "/rows/0/debt~1income~0ratio");
}

#[test]
fn a_hundred_fields_are_named_and_all_rows_counted() {
    let rows = vec![Row::new(); 1000];
    let (detail, errors) = fields(Frame::from_rows(&signature(), &rows));
    assert_eq!(
        detail,
        "1000 of 1000 rows don't fit the model's inputs; the first 100 of 5000 fields are named"
    );
    assert_eq!(errors.len(), 100);
}

#[test]
fn images_are_decoded_up_to_a_number_of_pixels() {
    let signature = [column("photo", ColumnType::Image)];
    let picture = crate::frame::grey_png(20, 30, &[7; 600]);
    let given = text(&crate::frame::image::to_base64(&picture));
    let rows = |n: usize| vec![row(&[("photo", given.clone())]); n];
    let frame = Frame::from_rows(&signature, &rows(2)).unwrap();
    assert_eq!(frame.images("photo").unwrap(), [Some(&picture[..]); 2]);
    let (_, errors) = fields(Frame::from_rows(&signature, &rows(4)));
    let pointers = errors.iter().map(|e| e.0.as_str()).collect::<Vec<_>>();
    assert_eq!(pointers, ["/rows/2/photo", "/rows/3/photo"]);
    assert!(errors[0].1.contains("send fewer images at a time"), "{}", errors[0].1);
    let columns = BTreeMap::from([("photo".to_owned(), vec![given, Cell::Int(1), text("x")])]);
    let (_, errors) = fields(Frame::from_columns(&signature, &columns));
    assert_eq!(
        errors[0].1,
        "1 is no image; send a PNG or a JPEG as text in base64; send null where it is unknown"
    );
    assert_eq!(errors[1].1, "'x' is no image: write a PNG or a JPEG as base64");
}
