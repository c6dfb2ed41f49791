//! Baselines of reasons, Shapley values, groups.

use std::cmp::Ordering;

use super::*;
use crate::domain::reason::{BaselineRule, BaselineSource};
use crate::engine::explain::beyond;

/// Two numbers, of which the second hurts, and a linear network over them.
fn linear() -> (Frame, Trained) {
    let x = noise(900, 3, 8);
    let chance = uniform(900, 4);
    let y = (0..900).map(|r| {
        let logit = -2.0 * x[0][r] + 1.5 * x[1][r] + 0.5 * x[2][r];
        Some(1.0 / (1.0 + (-logit).exp()) > chance[r])
    });
    let frame = frame(&x, Values::Bool(y.collect()));
    let of = trained(&frame, json!({"network": {"kind": "linear"}, "epochs": 20}));
    (frame, of)
}

fn adverse() -> Adverse<'static> {
    Adverse { cut_off: 0.5, is_positive: true, calibrator: None, most: usize::MAX }
}

fn asked<'a>(
    method: Attributing,
    against: Option<&'a Baseline>,
    groups: &'a [Vec<String>],
) -> Asked<'a> {
    Asked { against, groups, ..Asked::by(method, &|_| POSITIVE) }
}

#[test]
fn a_baseline_is_approved_and_nearest_to_the_cut_off() {
    let (_, of) = linear();
    let explainer = explainer(&of);
    let baseline = explainer.baseline(adverse()).unwrap();
    let described = &baseline.described;
    assert_eq!(described.source, BaselineSource::Applicants);
    assert_eq!(described.chosen_from as u64, of.rows.train);
    let width = explainer.layout.width();
    let logits = explainer.networks.values(&baseline.references, width, POSITIVE).unwrap();
    assert_eq!(logits.len(), described.rows as usize);
    assert!(logits.iter().all(|logit| *logit < 0.0) && logits.is_sorted_by(|a, b| a >= b));
    let all = &explainer.applicants.as_ref().unwrap().inputs;
    let all = explainer.networks.values(&all.data, width, POSITIVE).unwrap();
    let furthest = logits.last().unwrap();
    let nearer = all.iter().filter(|logit| **logit < 0.0 && *logit > furthest).count();
    assert!(nearer < logits.len(), "{nearer} of {}", logits.len());
    match described.rule {
        BaselineRule::Nearest => assert_eq!(logits.len(), 100),
        BaselineRule::NearCutOff => assert!(*furthest > -0.35 && logits.len() >= 100),
    }
    assert_eq!(described.id.len(), 64);
    assert_eq!(explainer.baseline(adverse()).unwrap().described, *described);
    // Of the other class those above the cut-off are approved; another cut-off has others.
    let other = explainer.baseline(Adverse { is_positive: false, ..adverse() }).unwrap();
    let logits = explainer.networks.values(&other.references, width, POSITIVE).unwrap();
    assert!(logits.iter().all(|logit| *logit >= 0.0));
    let lower = explainer.baseline(Adverse { cut_off: 0.3, ..adverse() }).unwrap();
    assert_ne!((&other.described.id, &lower.described.id), (&described.id, &described.id));
    let few = explainer.baseline(Adverse { most: 20, ..adverse() }).unwrap();
    assert_eq!(few.described.rows, 20);
    let none = explainer.baseline(Adverse { cut_off: 0.0, ..adverse() }).unwrap_err();
    assert!(none.to_string().contains("0 are answered favourably"), "{none}");
}

/// What a column adds is its weight times how far it is from the mean of the baseline: of a scorecard, the
/// points that are lost.
#[test]
fn reasons_of_a_linear_network_are_the_formula() {
    let (frame, of) = linear();
    let weights = crate::engine::weights::decode(&of.weights).unwrap();
    let weight = &weights.values().find(|w| w.values.len() == 3).unwrap().values;
    let explainer = explainer(&of);
    let baseline = explainer.baseline(adverse()).unwrap();
    let some = frame.take(&(0..20).collect::<Vec<usize>>()).unwrap();
    let inputs = of.model().unwrap().inputs(&some).unwrap();
    let rows = baseline.references.len() / 3;
    let mean = |at: usize| {
        baseline.references.iter().skip(at).step_by(3).map(|v| f64::from(*v)).sum::<f64>()
            / rows as f64
    };
    let gradients = asked(Attributing::Expected, Some(&baseline), &[]);
    let found = explainer.explain(&some, &gradients, &mut || false).unwrap();
    let shapley = asked(Attributing::Shapley, Some(&baseline), &[]);
    let shapley = explainer.explain(&some, &shapley, &mut || false).unwrap();
    for (row, (one, other)) in found.iter().zip(&shapley).enumerate() {
        assert!(one.holds && other.holds && other.gap < 1e-6, "{other:?}");
        assert_eq!(other.points, 8 * rows);
        for (at, (column, value)) in one.columns.iter().zip(&other.columns).enumerate() {
            let input = f64::from(inputs.data[row * 3 + at]);
            let loss = f64::from(weight[at]) * (input - mean(at));
            assert!((column.attribution - loss).abs() < 1e-6, "{} {loss}", column.attribution);
            assert!((value.attribution - loss).abs() < 1e-6, "{} {loss}", value.attribution);
            assert_eq!((value.standard_error, &value.name), (Some(0.0), &column.name));
            // What is on the side that hurts adds, by the sign of its weight.
            let hurts = (input - mean(at)) * f64::from(weight[at]) > 1e-6;
            assert!(!hurts || column.attribution > 0.0);
        }
    }
    assert_eq!(found, explainer.explain(&some, &gradients, &mut || false).unwrap());
}

#[test]
fn columns_are_told_as_one() {
    let frame = table(300);
    let of = trained(&frame, json!({"network": {"kind": "mlp", "hidden": [8]}}));
    let explainer = explainer(&of);
    let some = frame.take(&[0, 1, 2]).unwrap();
    let groups = [vec!["region".to_owned(), "x0".to_owned()]];
    let alone = explainer.explain(&some, &asked(Attributing::Expected, None, &[]), &mut || false);
    let alone = alone.unwrap();
    for method in [Attributing::Expected, Attributing::Shapley] {
        let found = explainer.explain(&some, &asked(method, None, &groups), &mut || false).unwrap();
        for (one, alone) in found.iter().zip(&alone) {
            let names: Vec<&str> = one.columns.iter().map(|c| c.name.as_str()).collect();
            assert_eq!(names, ["x0 + region", "x1", "x2"]);
            assert_eq!(one.columns[0].columns, ["x0", "region"]);
            let sum: f64 = one.columns.iter().map(|c| c.attribution).sum();
            assert!((sum - (one.value - one.base)).abs() < 1e-2, "{one:?}");
            if method == Attributing::Expected {
                let of = |at: usize| alone.columns[at].attribution;
                assert!((one.columns[0].attribution - of(0) - of(3)).abs() < 1e-12);
            } else {
                assert!((sum - (one.value - one.base)).abs() < 1e-6, "{one:?}");
                assert!((one.base - alone.base).abs() < 1e-6);
            }
        }
    }
    for (names, pointer) in [
        (vec!["x0", "x9"], "/groups/0/1"),
        (vec!["x0", "x0"], "/groups/0/1"),
        (vec![], "/groups/0"),
    ] {
        let groups = [names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>()];
        let refused = explainer
            .explain(&some, &asked(Attributing::Expected, None, &groups), &mut || false)
            .unwrap_err();
        let Error::Problem { errors, .. } = refused else { panic!("{refused}") };
        assert_eq!(errors[0].pointer, pointer);
    }
}

#[test]
fn shapley_values_add_up_whatever_is_read() {
    let wave: Vec<f64> = (0..200).map(|t| 50.0 + 10.0 * (f64::from(t) / 4.0).sin()).collect();
    let rows = series(&[wave]);
    let spec = json!({"network": {"kind": "lstm", "hidden": 4},
                      "window": {"time": "time", "horizon": 2, "look_back": 8}});
    let of = trained(&rows, spec);
    let quantity = explainer(&of).number(Task::Forecast, 1);
    let of_step = |_: usize| quantity;
    let by = Asked::by(Attributing::Shapley, &of_step);
    let found = explainer(&of).explain(&rows, &by, &mut || false).unwrap();
    assert_eq!((found[0].columns.len(), found[0].columns[0].parts.len()), (1, 0));
    let [one] = found[0].columns.as_slice() else { panic!() };
    assert!((one.attribution - (found[0].value - found[0].base)).abs() < 1e-6);
    // More columns than are counted are drawn, and say how far they may be off.
    let x = noise(200, 14, 3);
    let y = (0..200).map(|r| Some(x[0][r] + x[1][r] * x[2][r] > 0.0)).collect();
    let wide = frame(&x, Values::Bool(y));
    let of = trained(&wide, json!({"network": {"kind": "mlp", "hidden": [8]}}));
    let some = wide.take(&[0, 1]).unwrap();
    let by = asked(Attributing::Shapley, None, &[]);
    let found = explainer(&of).explain(&some, &by, &mut || false).unwrap();
    for one in &found {
        let sum: f64 = one.columns.iter().map(|c| c.attribution).sum();
        assert!((sum - (one.value - one.base)).abs() < 1e-6 && one.holds);
        let errors: Vec<f64> = one.columns.iter().filter_map(|c| c.standard_error).collect();
        assert_eq!(errors.len(), 14);
        assert!(errors.iter().any(|error| *error > 0.0), "{errors:?}");
    }
    assert_eq!(found, explainer(&of).explain(&some, &by, &mut || false).unwrap());
}

#[test]
fn pictures_and_texts_have_no_shapley_values_of_columns() {
    let frame = pictures(60);
    let of = trained(&frame, json!({"network": {"kind": "mlp"}}));
    for (asked, word) in [
        (asked(Attributing::Shapley, None, &[]), "expected_gradients"),
        (asked(Attributing::Expected, None, &[vec!["image".to_owned()]]), "send no groups"),
    ] {
        let refused = explainer(&of).explain(&frame, &asked, &mut || false).unwrap_err();
        assert!(refused.to_string().contains(word), "{refused}");
    }
}

/// A row with what a row of the baseline has in one column is answered as if it had been sent so.
#[test]
fn what_stands_for_a_baseline_is_scored_in_place() {
    let mut rows = table(300);
    let later: Vec<Option<i64>> =
        (0..300).map(|r| (r % 3 > 0).then_some(86_400_000_000 * r)).collect();
    let rare: Vec<Option<f64>> = (0..300).map(|r| (r % 5 == 0).then_some(f64::from(r))).collect();
    let seldom = (0..300).map(|r| (r % 4 == 0).then(|| format!("of {}", r % 3))).collect();
    rows = rows
        .with_columns(vec![
            ("seldom".to_owned(), Values::String(seldom)),
            ("since".to_owned(), Values::Timestamp(later)),
            ("rare".to_owned(), Values::Float64(rare)),
        ])
        .unwrap();
    let of = trained(&rows, json!({"network": {"kind": "mlp", "hidden": [8]}}));
    let explainer = explainer(&of);
    let columns = explainer.columns();
    let baseline = explainer.baseline(Adverse { cut_off: 0.6, ..adverse() }).unwrap();
    let typical: Vec<Option<Typical>> =
        columns.iter().map(|column| explainer.typical(&baseline, column)).collect();
    let standing = explainer.standing(&baseline, &typical);
    let some = rows.take(&(0..40).collect::<Vec<usize>>()).unwrap();
    let mut swaps = Vec::new();
    let mut wanted = Vec::new();
    for (column, (name, stands)) in columns.iter().zip(&standing).enumerate() {
        let (usual, cell) = match typical[column].as_ref().unwrap() {
            Typical::Numbers { median, .. } => (stands.usual, json!(median)),
            Typical::Times { median, .. } => {
                (stands.usual, json!(crate::frame::format_timestamp(*median)))
            }
            // Of categories that most lack, none stands for them.
            Typical::Words(_) if *name == "seldom" => (stands.usual, json!(null)),
            Typical::Words(shares) => (stands.usual, json!(shares[0].0)),
        };
        let cell: crate::domain::schema::Cell = serde_json::from_value(cell).unwrap();
        assert_eq!(stands.none.is_some(), ["rare", "seldom"].contains(name), "{name}");
        assert!(*name != "seldom" || stands.usual == stands.none && stands.named.is_empty());
        for (with, cell) in [(usual, cell), (stands.none, crate::domain::schema::Cell::Null)] {
            let Some(with) = with else { continue };
            swaps.extend((0..40).map(|row| Swap { row, with: vec![(column, with)] }));
            let mut moved = some.to_rows().unwrap();
            moved.iter_mut().for_each(|row| {
                row.remove("y");
                row.insert((*name).to_owned(), cell.clone());
            });
            wanted.extend(moved);
        }
    }
    // All at once.
    let all = swaps.chunks_exact(40).map(|of_column| of_column[0].with[0]);
    swaps.push(Swap { row: 0, with: all.collect() });
    let mut moved = wanted[0].clone();
    for row in wanted.iter().step_by(40) {
        let own = some.to_rows().unwrap().swap_remove(0);
        moved.extend(row.clone().into_iter().filter(|(name, cell)| own.get(name) != Some(cell)));
    }
    wanted.push(moved);
    let reader = crate::frame::RowReader::new(&of.signature.inputs);
    let wanted = reader.rows(&wanted).unwrap();
    let found = explainer.instead(&some, &swaps, &baseline, POSITIVE, &mut || false).unwrap();
    let inputs = of.model().unwrap().inputs(&wanted).unwrap();
    let values = explainer.networks.values(&inputs.data, inputs.width, POSITIVE).unwrap();
    assert_eq!((found.len(), found.len() % 40), (values.len(), 1));
    for (at, (found, value)) in found.iter().zip(&values).enumerate() {
        assert!((found - value).abs() < 1e-5, "{at}: {found} {value} {:?}", swaps[at]);
    }
    let stopped = explainer.instead(&some, &swaps, &baseline, POSITIVE, &mut || true);
    assert_eq!(stopped.unwrap_err().code(), Code::Cancelled);
}

/// What stands in place of a missing number is nothing that anybody has.
#[test]
fn rows_without_a_number_are_left_out_where_only_what_is_read_is_carried() {
    let rare = (0..300).map(|r| (r % 5 == 0).then_some(f64::from(r))).collect();
    let rows = table(300).with_columns(vec![("rare".to_owned(), Values::Float64(rare))]).unwrap();
    let of = trained(&rows, json!({"network": {"kind": "mlp", "hidden": [8]}}));
    let width = of.features.layout().width();
    let mut carried = background::decode(&of.background, width).unwrap();
    carried.applicants = None;
    let older = background::encode(&carried).unwrap();
    let explainer =
        Explainer::load(&of.signature, &of.spec, of.features.clone(), &of.weights, &older).unwrap();
    let baseline = explainer.baseline(Adverse { cut_off: 0.6, ..adverse() }).unwrap();
    let column = explainer.columns().iter().position(|name| *name == "rare").unwrap();
    let (_, span) = explainer.features.spans().nth(column).unwrap();
    let (number, missing) =
        (explainer.number_input(&span).unwrap(), explainer.missing_input(&span).unwrap());
    let read: Vec<&[f32]> = baseline.references.chunks_exact(width).collect();
    let mut some: Vec<f32> =
        read.iter().filter(|row| row[missing] == 0.0).map(|row| row[number]).collect();
    assert!(some.len() >= 3 && 2 * some.len() < read.len(), "{} of {}", some.len(), read.len());
    some.sort_by(f32::total_cmp);
    let usual = read[explainer.standing(&baseline, &[])[column].usual.unwrap()];
    let middle = some[((some.len() - 1) as f64 / 2.0).round() as usize];
    assert_eq!((usual[missing], usual[number]), (0.0, middle));
    let (median, mean) = (middle, some.iter().sum::<f32>() / some.len() as f32);
    let inputs = of.model().unwrap().inputs(&rows).unwrap();
    let sides = &explainer.sides(&rows, &baseline).unwrap()[column];
    for (row, side) in inputs.data.chunks_exact(width).zip(sides) {
        let wanted = match row[missing] == 0.0 {
            true => beyond(&row[number], &median, &mean),
            false => Ordering::Equal,
        };
        assert_eq!(*side, wanted, "{} {median} {mean}", row[number]);
    }
    let at = |wanted| sides.iter().filter(|side| **side == wanted).count();
    assert!(at(Ordering::Less) > 0 && at(Ordering::Greater) > 0);
}

/// A version of an earlier program carries 256 reference rows, and nothing of what they have.
#[test]
fn a_version_without_applicants_is_compared_with_its_reference_rows() {
    let (frame, of) = linear();
    let width = of.features.layout().width();
    let mut carried = background::decode(&of.background, width).unwrap();
    carried.applicants = None;
    let older = background::encode(&carried).unwrap();
    let explainer =
        Explainer::load(&of.signature, &of.spec, of.features.clone(), &of.weights, &older).unwrap();
    let baseline = explainer.baseline(adverse()).unwrap();
    let described = &baseline.described;
    assert_eq!((described.source, described.chosen_from), (BaselineSource::ReferenceRows, 256));
    // Three numbers that are read of each applicant, and three that it had.
    let carried = self::explainer(&of).bytes() - explainer.bytes();
    assert_eq!(carried, of.rows.train * 3 * (4 + 16));
    assert_eq!(explainer.typical(&baseline, "x0"), None);
    let some = frame.take(&(0..9).collect::<Vec<usize>>()).unwrap();
    let sides = explainer.sides(&some, &baseline).unwrap();
    assert_eq!((sides.len(), sides[0].len()), (3, 9));
    // The row in the middle of each number stands for them.
    for (input, stands) in explainer.standing(&baseline, &[]).iter().enumerate() {
        let read: Vec<f32> = baseline.references.iter().skip(input).step_by(3).copied().collect();
        let usual = read[stands.usual.unwrap()];
        let below = read.iter().filter(|number| **number < usual).count();
        let above = read.iter().filter(|number| **number > usual).count();
        assert!(below.abs_diff(above) <= 1 && stands.none.is_none(), "{below} {above}");
    }
    let newer = self::explainer(&of);
    let baseline = newer.baseline(adverse()).unwrap();
    let Some(Typical::Numbers { range: Some([low, high]), median, mean, present }) =
        newer.typical(&baseline, "x0")
    else {
        panic!()
    };
    assert!(low <= median && median <= high && present == 1.0);
    // Read or as it was sent, a number lies on the same side, wherever it is on one.
    let x = some.numbers("x0").unwrap();
    let sides = newer.sides(&some, &baseline).unwrap();
    for (x, side) in x.iter().zip(&sides[0]) {
        let (sent, of_median) = (beyond(x, &median, &mean), x.total_cmp(&median));
        for side in [*side, sent] {
            assert!(side == Ordering::Equal || side == of_median, "{x} {median} {mean}");
        }
    }
    assert!(sides[0].contains(&Ordering::Less) && sides[0].contains(&Ordering::Greater));
}
