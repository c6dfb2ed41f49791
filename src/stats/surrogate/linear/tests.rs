use proptest::prelude::*;

use super::*;
use crate::stats::surrogate::column::LEVEL_LIMIT;
use crate::stats::surrogate::fidelity::fidelity;

fn term(linear: &Linear, column: usize, part: Part) -> &Term {
    linear.terms.iter().find(|term| term.column == column && term.part == part).unwrap()
}

#[test]
fn a_linear_model_is_found_again() {
    let x: Vec<f64> = (0..500).map(|i| f64::from(i * 37 % 500) * 100.0).collect();
    let mut z: Vec<f64> = (0..500).map(|i| f64::from(i * 91 % 499)).collect();
    z.iter_mut().step_by(10).for_each(|z| *z = f64::NAN);
    let codes: Vec<u32> = (0..500).map(|i| i * i % 3).collect();
    let columns = [
        Column::Numeric(&x),
        Column::Numeric(&z),
        Column::Categorical { codes: &codes, levels: 5 },
    ];
    let y: Vec<f64> = (0..500)
        .map(|row| {
            let z = if z[row].is_nan() { -3.0 } else { 0.5 * z[row] };
            2.0 + 0.001 * x[row] + z + if codes[row] == 1 { 4.0 } else { 0.0 }
        })
        .collect();
    let linear = fit(&columns, &y, 1e-6).unwrap();
    let found = linear.predict(&columns).unwrap();
    assert!(found.iter().zip(&y).all(|(found, y)| (found - y).abs() < 1e-3));
    assert!((term(&linear, 0, Part::Number).original - 0.001).abs() < 1e-9);
    assert!((term(&linear, 1, Part::Number).original - 0.5).abs() < 1e-6);
    let level = |level| term(&linear, 2, Part::Level(level)).original;
    assert!((level(1) - level(0) - 4.0).abs() < 1e-4);
    let number = term(&linear, 0, Part::Number);
    assert!((number.standardised - 0.001 * 14_433.67).abs() < 1e-3, "{}", number.standardised);
    assert!(fidelity(&found, &y, None).unwrap().r2.unwrap() > 0.999_999);
}

#[test]
fn the_rarest_levels_have_no_term() {
    let codes: Vec<u32> = (0..200).map(|i| if i < 100 { i % 70 } else { i % 10 }).collect();
    let column = [Column::Categorical { codes: &codes, levels: 70 }];
    let y: Vec<f64> = codes.iter().map(|code| f64::from(*code % 7)).collect();
    let linear = fit(&column, &y, 1.0).unwrap();
    assert_eq!(linear.terms.len(), LEVELS);
    assert!((0..10).all(|level| linear.terms.iter().any(|t| t.part == Part::Level(level))));
}

#[test]
fn degenerate_input_gives_the_mean_or_none() {
    let fit_one = |x: &[f64], y: &[f64], penalty| fit(&[Column::Numeric(x)], y, penalty);
    let flat = fit_one(&[0.1; 3], &[1.0, 2.0, 6.0], 1.0).unwrap();
    assert_eq!((flat.intercept, flat.terms.len()), (3.0, 0));
    assert_eq!(flat.predict(&[Column::Numeric(&[f64::NAN])]), Some(vec![3.0]));
    assert_eq!(fit_one(&[f64::NAN; 3], &[1.0, 2.0, 6.0], 1.0).unwrap().terms.len(), 0);
    assert_eq!(fit_one(&[], &[], 1.0), None);
    assert_eq!(fit(&[], &[], 1.0), None);
    assert_eq!(fit_one(&[1.0], &[], 1.0), None);
    assert_eq!(fit_one(&[1.0], &[f64::NAN], 1.0), None);
    for penalty in [-1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(fit_one(&[1.0], &[1.0], penalty), None);
    }
    let great = Column::Categorical { codes: &[0], levels: LEVEL_LIMIT + 1 };
    assert_eq!(fit(&[great], &[1.0], 1.0), None);
    let x = [1.0, 2.0, 4.0];
    let twice = [Column::Numeric(&x), Column::Numeric(&x)];
    assert_eq!(fit(&twice, &[1.0, 2.0, 3.0], 0.0), None);
    let shared = fit(&twice, &[1.0, 2.0, 3.0], 1.0).unwrap();
    assert!((shared.terms[0].original - shared.terms[1].original).abs() < 1e-12);
    assert_eq!(shared.predict(&[Column::Numeric(&x)]), None);
    let codes = Column::Categorical { codes: &[0, 1, 0], levels: 2 };
    assert_eq!(shared.predict(&[Column::Numeric(&x), codes]), None);
}

proptest! {
    #[test]
    fn the_unit_of_a_column_changes_no_prediction(
        rows in prop::collection::vec((-5.0..5.0_f64, -5.0..5.0_f64, -1.0..1.0_f64), 5..60),
        unit in 0.01..100.0_f64,
    ) {
        let x: Vec<f64> = rows.iter().map(|row| row.0).collect();
        let z: Vec<f64> = rows.iter().map(|row| row.1).collect();
        let y: Vec<f64> = rows.iter().map(|row| row.2).collect();
        let scaled: Vec<f64> = x.iter().map(|x| x * unit + 3.0).collect();
        let of = |x: &[f64]| {
            let columns = [Column::Numeric(x), Column::Numeric(&z)];
            fit(&columns, &y, 1.0).unwrap().predict(&columns).unwrap()
        };
        for (a, b) in of(&x).into_iter().zip(of(&scaled)) {
            prop_assert!((a - b).abs() < 1e-9);
        }
    }
}
