use super::*;
use crate::engine::features::{FittedFeatures, Layout};
use crate::frame::{Frame, Values};

fn frame(texts: &[Option<&str>]) -> Frame {
    let values = texts.iter().map(|text| text.map(str::to_owned)).collect();
    Frame::new(texts.len(), vec![("text".to_owned(), Values::String(values))]).unwrap()
}

#[test]
fn free_text_is_told_from_categories_and_names() {
    let each = |of: &dyn Fn(usize) -> String| (0..40).map(of).collect::<Vec<_>>();
    let is_free = |texts: &[String]| {
        is_free_text(&texts.iter().map(|text| Some(text.as_str())).collect::<Vec<_>>())
    };
    assert!(is_free(&each(&|i| format!("shares of bank{i} fall"))));
    assert!(!is_free(&each(&|i| format!("shares of bank{} fall", i % 9))), "repeated");
    assert!(!is_free(&each(&|i| format!("customer {i}"))), "an identifier");
    let characters = ['银', '行', '股', '票', '下', '跌'];
    let long = |count: usize| {
        each(&|i| (0..count).map(|at| characters[(i / 6usize.pow(at as u32) + at) % 6]).collect())
    };
    assert!(is_free(&long(8)));
    assert!(!is_free(&long(3)), "a name of three characters");
    assert!(!is_free_text(&[None, None]));
}

#[test]
fn a_row_lists_the_parts_of_its_words() {
    let train = frame(&[Some("up 5"), Some("the bank"), None]);
    let spec = TextSpec { buckets: 5000, ..TextSpec::default() };
    let (features, cut) = FittedFeatures::fit_text(&train, "text", spec, None).unwrap();
    assert_eq!(cut, None);
    // the: itself and 3 + 2 + 1 parts; bank: itself and 4 + 3 + 2.
    let width = 7 + 10;
    assert_eq!(features.layout(), Layout::Text { width, words: 2, buckets: 5000 });
    let asked = frame(&[Some("5 up"), None, Some("the bank of banks"), Some("bank banks")]);
    let matrix = features.transform(&asked).unwrap();
    let rows: Vec<&[f32]> = matrix.data.chunks(width).collect();
    let starts = |row: &[f32]| row.iter().filter(|code| **code < 0.0).count();
    assert_eq!(rows[0].iter().filter(|code| **code != 0.0).count(), 1 + 4);
    assert!(rows[0][0] < 0.0 && rows[0][1] < 0.0 && rows[0][2] > 0.0);
    assert!(rows[1].iter().all(|code| *code == 0.0));
    assert_eq!(starts(rows[2]), 2, "cut at two words");
    assert_eq!(starts(rows[3]), 1, "cut at the word that has no room");
    let kept: FittedFeatures =
        serde_json::from_str(&serde_json::to_string(&features).unwrap()).unwrap();
    assert_eq!(kept, features);
    let error = FittedFeatures::fit_text(&frame(&[None, Some(" ")]), "text", spec, None);
    assert!(error.unwrap_err().to_string().contains("has no value"));
}

#[test]
fn one_text_of_a_thousand_does_not_widen_all_others() {
    let long = |words: usize| vec!["extraordinarily"; words].join(" ");
    let texts = |rows: usize, long: &str| -> Vec<String> {
        let of = |row: usize| if row == 7 { long.to_owned() } else { format!("up {row} today") };
        (0..rows).map(of).collect()
    };
    let fitted = |texts: &[String]| {
        let texts: Vec<Option<&str>> = texts.iter().map(|text| Some(text.as_str())).collect();
        FittedFeatures::fit_text(&frame(&texts), "text", TextSpec::default(), None).unwrap()
    };
    // extraordinarily: itself and 15 + 14 + 13 parts.
    let (features, cut) = fitted(&texts(2000, &long(100)));
    let words = 256 / 43;
    assert_eq!(features.layout(), Layout::Text { width: 256, words, buckets: 1 << 17 });
    let cut = cut.unwrap();
    assert!(cut.starts_with("column text: 1 of 2000 training texts") && cut.contains("4300"));
    let matrix = features.transform(&frame(&[Some(&long(100))])).unwrap();
    assert_eq!(matrix.data.iter().filter(|code| **code < 0.0).count(), words);

    // Where they are few, or no such one is among them, nothing is cut off.
    let (features, cut) = fitted(&texts(900, &long(100)));
    assert_eq!((features.width(), cut), (4300, None));
    let (features, cut) = fitted(&texts(2000, &long(5)));
    assert_eq!((features.width(), cut), (215, None));
    let mut all = texts(2000, &long(100));
    all[..3].iter_mut().for_each(|text| *text = long(60));
    assert_eq!(fitted(&all).1, None, "less than twice as long as the usual ones");
    // Those without words are no measure.
    let empty: Vec<String> =
        (0..2000).map(|row| if row == 7 { long(9) } else { String::new() }).collect();
    assert_eq!(fitted(&empty).0.width(), 387);
}
