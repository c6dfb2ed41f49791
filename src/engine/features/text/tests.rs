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
    let features = FittedFeatures::fit_text(&train, "text", spec, None).unwrap();
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
