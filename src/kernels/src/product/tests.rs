use proptest::prelude::*;

use super::*;
use crate::level::tests::each;

fn number(i: usize) -> f32 {
    ((i * 2_654_435_761) >> 7 & 1023) as f32 / 512.0 - 1.0
}

/// Holds `c += a b` against sums in f64.
fn check([rows, depth, columns]: [usize; 3], flip: bool) {
    let a: Vec<f32> = (0..rows * depth).map(number).collect();
    let b: Vec<f32> = (0..depth * columns).map(|i| number(i + 77)).collect();
    let before: Vec<f32> = (0..rows * columns).map(|i| number(i + 5)).collect();
    let (row, column) = if flip { (1, rows) } else { (depth, 1) };
    let across: Vec<f32> =
        (0..columns * depth).map(|i| b[i % depth * columns + i / depth]).collect();
    for _level in each() {
        let mut c = before.clone();
        let a_of = Left { values: &a, row, column };
        add_product(rows, depth, columns, a_of, &b, &mut c);
        // By a matrix that lies across, or was copied before, to the bit.
        let mut others = [before.clone(), before.clone()];
        let [first, second] =
            others.each_mut().map(|values| Into { values, row: columns, onto: Onto::Itself });
        multiply([rows, depth, columns], a_of, Right::columns(&across, depth), first);
        let packed = Packed::new(Right::rows(&b, columns), [depth, columns]);
        multiply_packed(rows, a_of, &packed, second);
        assert!(others.iter().all(|other| *other == c));
        for i in 0..rows {
            for j in 0..columns {
                let products = (0..depth)
                    .map(|k| f64::from(a[i * row + k * column]) * f64::from(b[k * columns + j]));
                let sum = f64::from(before[i * columns + j]) + products.sum::<f64>();
                let apart = (f64::from(c[i * columns + j]) - sum).abs();
                assert!(apart < 1e-5 * (depth as f64 + 10.0), "{i} {j}: {apart}");
            }
        }
    }
}

proptest! {
    #[test]
    fn it_is_the_sum_of_products(
        rows in 0_usize..70, depth in 0_usize..80, columns in 1_usize..80, flip in any::<bool>(),
    ) {
        check([rows, depth, columns], flip);
    }
}

#[test]
fn what_is_taken_apart_is_the_sum_of_products() {
    check([WORTH + 1, DEPTH + 3, 40], false);
    check([HEIGHT + 5, 2 * DEPTH, 20], true);
    check([WORTH, 3, WIDTH + 21], true);
    check([WORTH - 1, 3, WIDTH + 21], false);
}

#[test]
fn what_it_is_added_to_comes_first_in_each_sum() {
    let [rows, depth, columns] = [HEIGHT + 3, 2 * DEPTH + 1, WIDTH + 37];
    let a: Vec<f32> = (0..rows * depth).map(number).collect();
    let b: Vec<f32> = (0..depth * columns).map(|i| number(i + 77)).collect();
    let bias: Vec<f32> = (0..columns).map(|i| number(i + 5)).collect();
    let into = |there: Vec<f32>, onto: Onto<'_>, packed: bool| {
        let (mut c, b) = (there, Right::rows(&b, columns));
        let into = Into { values: &mut c, row: columns, onto };
        match packed {
            true => multiply_packed(
                rows,
                Left::rows(&a, depth),
                &Packed::new(b, [depth, columns]),
                into,
            ),
            false => multiply([rows, depth, columns], Left::rows(&a, depth), b, into),
        }
        c
    };
    for _level in each() {
        for packed in [false, true] {
            let zeros = vec![0.0; rows * columns];
            let sums = into(zeros.clone(), Onto::Itself, packed);
            assert_eq!(into(vec![f32::NAN; rows * columns], Onto::Nothing, packed), sums);
            let each_row = bias.repeat(rows);
            let added = into(each_row, Onto::Itself, packed);
            assert_eq!(into(vec![f32::NAN; rows * columns], Onto::Row(&bias), packed), added);
        }
    }
}

#[test]
fn a_row_has_the_same_bits_among_any_others() {
    let (depth, columns, rows) = (DEPTH + 9, 50, HEIGHT + WORTH);
    let a: Vec<f32> = (0..rows * depth).map(number).collect();
    let b: Vec<f32> = (0..depth * columns).map(|i| number(i + 77)).collect();
    for _level in each() {
        let mut all = vec![0.0; rows * columns];
        add_product(rows, depth, columns, Left::rows(&a, depth), &b, &mut all);
        for (row, among) in a.chunks_exact(depth).zip(all.chunks_exact(columns)) {
            let mut alone = vec![0.0; columns];
            add_product(1, depth, columns, Left::rows(row, depth), &b, &mut alone);
            assert_eq!(alone, among);
        }
    }
}
