use super::*;
use crate::domain::dataset::DatasetRef;
use crate::domain::prices::MissingPrices;
use crate::frame::Values;

const DAY: i64 = 86_400_000_000;

fn request() -> PricesRequest {
    PricesRequest {
        dataset: DatasetRef { name: "d".into(), version: None },
        time: None,
        asset: None,
        price: None,
        assets: None,
        from: None,
        to: None,
        returns: ReturnKind::Simple,
        values: PriceValues::Prices,
        missing: MissingPrices::Refuse,
    }
}

fn long_request() -> PricesRequest {
    PricesRequest { asset: Some("name".into()), price: Some("close".into()), ..request() }
}

/// Three days, out of order, with a gap of `b` on the second.
fn wide_frame() -> Frame {
    let times = Values::Timestamp(vec![Some(2 * DAY), Some(0), Some(DAY)]);
    let a = Values::Float64(vec![Some(121.0), Some(100.0), Some(110.0)]);
    let b = Values::Int64(vec![Some(8), Some(4), None]);
    let text = Values::String(vec![Some("x".into()); 3]);
    let columns = [("day", times), ("a", a), ("note", text), ("b", b)];
    Frame::new(3, columns.map(|(name, values)| (name.to_owned(), values)).into()).unwrap()
}

#[test]
fn a_return_that_no_sum_holds_is_found() {
    let returns = |values: Vec<f64>| Returns {
        times: vec![0.0, 1.0],
        is_timestamp: false,
        assets: vec!["a".into(), "b".into()],
        values,
    };
    assert_eq!(returns(vec![0.1, -0.2, 5.0, 0.0]).first_endless(), None);
    assert_eq!(returns(vec![0.1, 0.2, 0.3, f64::INFINITY]).first_endless(), Some((1, 1)));
    assert_eq!(returns(vec![0.1, f64::NAN, 0.3, 0.0]).first_endless(), Some((0, 1)));
    assert_eq!(returns(vec![0.1, 0.2, -1e200, 0.0]).first_endless(), Some((1, 0)));
}

fn long_frame(rows: &[(i64, &str, f64)]) -> Frame {
    let times = rows.iter().map(|row| Some(row.0 * DAY)).collect();
    let names = rows.iter().map(|row| Some(row.1.to_owned())).collect();
    let prices = rows.iter().map(|row| Some(row.2)).collect();
    let columns = vec![
        ("day".to_owned(), Values::Timestamp(times)),
        ("name".to_owned(), Values::String(names)),
        ("close".to_owned(), Values::Float64(prices)),
    ];
    Frame::new(rows.len(), columns).unwrap()
}

#[track_caller]
fn refused(frame: &Frame, request: &PricesRequest, pointer: &str, part: &str) {
    match prices(frame, request) {
        Err(Error::Problem { errors, .. }) => {
            let found = errors.iter().find(|error| error.pointer == pointer);
            let detail = found.map(|error| error.detail.as_str()).unwrap_or_default();
            assert!(detail.contains(part), "{errors:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_wide_table_is_put_in_the_order_of_time() {
    let asked = PricesRequest { assets: Some(vec!["a".into()]), ..request() };
    let read = prices(&wide_frame(), &asked).unwrap();
    assert_eq!(
        (read.assets.as_slice(), read.values.as_slice()),
        (&["a".to_owned()][..], &[100.0, 110.0, 121.0][..])
    );
    assert_eq!((read.shown(0), read.shown(2)), ("1970-01-01".to_owned(), "1970-01-03".to_owned()));
    let returns = read.returns(ReturnKind::Simple);
    assert!(returns.values.iter().all(|value| (value - 0.1).abs() < 1e-15));
    assert_eq!((returns.shown(0), returns.row(1).len()), ("1970-01-02".to_owned(), 1));
    assert_eq!(
        (returns.first_from("1970-01-03"), returns.count_to("1970-01-02")),
        (Some(1), Some(1))
    );
    assert_eq!((returns.first_from("1971-01-01"), returns.first_from("soon")), (Some(2), None));
    assert_eq!(returns.clone().newest(1).times, returns.times[1..]);
    let log = read.returns(ReturnKind::Log);
    assert!(log.column(0).iter().all(|value| (value - 1.1_f64.ln()).abs() < 1e-15));
}

#[test]
fn what_is_missing_is_refused_or_dealt_with() {
    let frame = wide_frame();
    refused(
        &frame,
        &request(),
        "/prices/missing",
        "1 of 2 assets have no price at some of 3 times: b",
    );
    let with = |missing| prices(&frame, &PricesRequest { missing, ..request() }).unwrap();
    let fewer = with(MissingPrices::DropAssets);
    assert_eq!((fewer.assets, fewer.dropped_assets), (vec!["a".to_owned()], vec!["b".to_owned()]));
    assert_eq!(fewer.values, [100.0, 110.0, 121.0]);
    let shorter = with(MissingPrices::DropDates);
    assert_eq!(
        (shorter.values.as_slice(), shorter.dropped_dates),
        (&[100.0, 4.0, 121.0, 8.0][..], 1)
    );
    assert_eq!((shorter.sparsest, fewer.sparsest), (vec!["b".to_owned()], Vec::new()));
    let filled = with(MissingPrices::ForwardFill);
    assert_eq!(
        (filled.values.as_slice(), filled.filled),
        (&[100.0, 4.0, 110.0, 4.0, 121.0, 8.0][..], 1)
    );
    let returns = PricesRequest {
        values: PriceValues::Returns,
        missing: MissingPrices::ForwardFill,
        ..request()
    };
    refused(&frame, &returns, "/prices/missing", "returns can't be filled");
    // What has not begun can't go on.
    let rows = [(0, "a", 1.0), (1, "a", 1.0), (1, "b", 2.0), (2, "a", 1.0), (2, "b", 2.0)];
    let late = PricesRequest { missing: MissingPrices::ForwardFill, ..long_request() };
    refused(&long_frame(&rows), &late, "/prices/missing", "no price at the first time");
}

#[test]
fn a_long_table_is_told_apart_by_asset() {
    let rows = [(1, "b", 4.0), (0, "a", 1.0), (1, "a", 2.0), (0, "b", 8.0), (0, "c", 9.0)];
    let frame = long_frame(&rows);
    let some = PricesRequest { assets: Some(vec!["b".into(), "a".into()]), ..long_request() };
    let read = prices(&frame, &some).unwrap();
    assert_eq!((read.assets.join(""), read.values), ("ba".to_owned(), vec![8.0, 1.0, 4.0, 2.0]));
    let all = PricesRequest { missing: MissingPrices::DropAssets, ..long_request() };
    assert_eq!(prices(&frame, &all).unwrap().assets, ["a", "b"]);
    let unknown = PricesRequest { assets: Some(vec!["a".into(), "d".into()]), ..long_request() };
    refused(&frame, &unknown, "/prices/assets/1", "no asset d");
    let twice = PricesRequest { assets: Some(vec!["a".into(), "a".into()]), ..long_request() };
    refused(&frame, &twice, "/prices/assets/1", "named twice");
    refused(&frame, &request(), "/prices/time", "name the columns in asset and price");
    let doubled = long_frame(&[(0, "a", 1.0), (0, "a", 1.0), (1, "a", 2.0)]);
    refused(&doubled, &long_request(), "/prices/asset", "two rows have a at 1970-01-01");
    let free = long_frame(&[(0, "a", 1.0), (1, "a", 0.0), (2, "a", -1.0)]);
    refused(&free, &long_request(), "/prices/values", "a is 0 at 1970-01-02 (2 values are so)");
}

#[test]
fn a_span_includes_its_ends() {
    let rows = [(0, "a", 1.0), (1, "a", 2.0), (2, "a", 3.0), (3, "a", 4.0)];
    let frame = long_frame(&rows);
    let within = |from: &str, to: &str| PricesRequest {
        from: Some(from.into()),
        to: Some(to.into()),
        ..long_request()
    };
    let read = prices(&frame, &within("1970-01-02", "1970-01-03")).unwrap();
    assert_eq!(read.values, [2.0, 3.0]);
    refused(&frame, &within("1970-01-04", "1970-01-03"), "/prices/to", "lies before from");
    refused(&frame, &within("soon", "1970-01-03"), "/prices/from", "'soon' is not a date");
    refused(&frame, &within("1970-01-04", "1970-01-04"), "/prices", "1 times and 1 assets");
}

#[test]
fn every_field_that_names_nothing_is_named() {
    let frame = wide_frame();
    let asked = PricesRequest {
        time: Some("dya".into()),
        assets: Some(vec!["a".into(), "note".into(), "bb".into()]),
        ..request()
    };
    refused(&frame, &asked, "/prices/time", "did you mean day?");
    refused(&frame, &asked, "/prices/assets/1", "note is string, not numbers");
    refused(&frame, &asked, "/prices/assets/2", "no column bb");
    let half = PricesRequest { asset: Some("note".into()), ..request() };
    refused(&frame, &half, "/prices/price", "asset and price go together");
    let text =
        PricesRequest { price: Some("note".into()), asset: Some("note".into()), ..request() };
    refused(&frame, &text, "/prices/price", "note is string");
    let columns = [("t", ColumnType::Timestamp), ("u", ColumnType::Timestamp)];
    let unclear = prices_columns(&columns, &request()).unwrap_err();
    assert!(
        matches!(unclear, Error::Problem { ref errors, .. } if errors[0].pointer == "/prices/time")
    );
    assert_eq!(
        prices_columns(&[("day", ColumnType::Timestamp), ("x", ColumnType::Float64)], &request())
            .unwrap(),
        ["day", "x"]
    );
}
