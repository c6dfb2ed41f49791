use super::*;

#[test]
fn a_surrogate_is_measured_against_the_mean_and_the_threshold() {
    let model = [0.1, 0.4, 0.6, 0.9];
    let same = fidelity(&model, &model, Some(0.5)).unwrap();
    assert_eq!((same.r2, same.agreement, same.rows), (Some(1.0), Some(1.0), 4));
    assert!(same.is_faithful());
    let flat = fidelity(&[0.5; 4], &model, Some(0.5)).unwrap();
    assert_eq!((flat.r2, flat.agreement), (Some(0.0), Some(0.5)));
    assert!(!flat.is_faithful());
    let worse = fidelity(&[0.9, 0.6, 0.4, 0.1], &model, None).unwrap();
    assert!(worse.r2.unwrap() < 0.0 && worse.agreement.is_none());
}

#[test]
fn what_is_not_defined_is_none() {
    assert_eq!(fidelity(&[0.1, 0.2], &[0.3, 0.3], None).unwrap().r2, None);
    assert_eq!(fidelity(&[], &[], None), None);
    assert_eq!(fidelity(&[0.1], &[0.1, 0.2], None), None);
    assert_eq!(fidelity(&[f64::NAN], &[0.1], None), None);
    assert_eq!(fidelity(&[0.1], &[0.1], Some(f64::NAN)), None);
    assert_eq!(fidelity(&[f64::MIN, 0.0], &[f64::MAX, 1.0], None).unwrap().r2, None);
}
