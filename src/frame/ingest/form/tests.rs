use std::fs::{self, File};

use tempfile::TempDir;

use super::idx::tests::{gzip, images, labels};
use super::*;
use crate::domain::dataset::DataFormat;
use crate::domain::schema::{Cell, ImageSizes};
use crate::error::FieldError;
use crate::frame::form::tests::form;
use crate::frame::image::tests::grey;
use crate::frame::{Frame, preview, read_parquet, write_csv};

type Parts<'a> = &'a [(&'a str, Option<&'a str>, &'a [u8])];

fn stored(parts: Parts<'_>, types: &[(&str, ColumnType)]) -> Result<(Ingested, File)> {
    let folder = TempDir::new().unwrap();
    let (input, output) = (folder.path().join("in"), folder.path().join("out"));
    fs::write(&input, form(parts)).unwrap();
    let types = types.iter().map(|(n, k)| ((*n).to_owned(), *k)).collect::<Vec<_>>();
    let ingested = super::super::ingest(
        &input,
        DataFormat::Form,
        &types,
        &output,
        folder.path(),
        &mut |_| Ok(()),
    )?;
    Ok((ingested, File::open(output).unwrap()))
}

fn frame(parts: Parts<'_>) -> Frame {
    read_parquet(stored(parts, &[]).unwrap().1, None).unwrap()
}

fn problems(parts: Parts<'_>) -> Vec<FieldError> {
    match stored(parts, &[]).unwrap_err() {
        Error::Problem { code: Code::InvalidData, errors, .. } => errors,
        other => panic!("{other}"),
    }
}

/// The only thing that is wrong with a form: where and what.
fn problem(parts: Parts<'_>) -> String {
    let problems = problems(parts);
    let [problem] = &problems[..] else { panic!("{problems:?}") };
    format!("{}: {}", problem.pointer, problem.detail)
}

fn texts(frame: &Frame, name: &str) -> Vec<String> {
    let labels = frame.labels(name).unwrap();
    labels.into_iter().map(|label| label.unwrap_or_else(|| "-".to_owned())).collect()
}

#[test]
fn a_text_holds_for_the_images_after_it() {
    let (a, b) = (grey(2, 3, &[7; 6]), grey(4, 1, &[9; 4]));
    let parts: Parts<'_> = &[
        ("image", Some("0.png"), &a),
        ("label", None, b"cat"),
        ("weight", None, b"0.5"),
        ("image", Some("1.png"), &a),
        ("image", Some("2.png"), &b),
        ("label", None, b"dog"),
        ("images", None, &b),
    ];
    let (ingested, file) = stored(parts, &[]).unwrap();
    let frame = read_parquet(file.try_clone().unwrap(), None).unwrap();
    let kinds: Vec<_> = frame.columns().iter().map(|c| (c.name.as_str(), c.kind)).collect();
    use ColumnType::{Float64, Image, String};
    assert_eq!(kinds, [("file", String), ("image", Image), ("label", String), ("weight", Float64)]);
    assert_eq!(texts(&frame, "file"), ["0.png", "1.png", "2.png", "-"]);
    assert_eq!(texts(&frame, "label"), ["-", "cat", "cat", "dog"]);
    assert_eq!(texts(&frame, "weight"), ["-", "0.5", "0.5", "0.5"]);
    let images = frame.images("image").unwrap();
    assert_eq!(images, [Some(&a[..]), Some(&a[..]), Some(&b[..]), Some(&b[..])]);
    let sizes =
        ImageSizes { min_height: 2, max_height: 4, min_width: 1, max_width: 3, channels: 1 };
    let summary = &ingested.columns[1];
    assert_eq!((summary.sizes, summary.nulls, summary.distinct), (Some(sizes), 0, 2));
    assert!(summary.top.is_empty());
    let rows = preview(file, 1, 1).unwrap();
    assert_eq!(rows[0]["image"], Cell::Text(crate::frame::image::to_base64(&a)));
}

#[test]
fn idx_files_go_with_their_labels_in_their_order() {
    let pixels = [0, 1, 2, 3, 4, 5, 6, 7];
    let parts: Parts<'_> = &[
        ("part", None, b"train"),
        ("label", Some("l"), &gzip(&labels(&[3, 9]))),
        ("image", Some("i"), &gzip(&images(1, 2, &pixels[..4]))),
        ("part", None, b"test"),
        ("images", Some("j"), &images(1, 2, &pixels[4..])),
        ("labels", Some("m"), &labels(&[0, 200])),
    ];
    let frame = frame(parts);
    assert_eq!(frame.numbers("label").unwrap(), [3.0, 9.0, 0.0, 200.0]);
    assert_eq!(texts(&frame, "part"), ["train", "train", "test", "test"]);
    assert_eq!(texts(&frame, "file"), ["i", "i", "j", "j"]);
    let last = frame.images("image").unwrap()[3].unwrap().to_vec();
    assert_eq!(last, grey(1, 2, &pixels[6..]));
}

#[test]
fn a_table_finds_images_by_their_files() {
    let image = grey(1, 1, &[5]);
    let csv = b"file,label,zip\nb.png,dog,007\na.png,cat,080\n";
    let jsonl = b"{\"file\": \"b.png\", \"label\": \"dog\", \"zip\": \"007\"}\n{\"file\": \"a.png\", \"label\": \"cat\", \"zip\": \"080\"}\n";
    for table in [&csv[..], jsonl] {
        let parts: Parts<'_> = &[
            ("image", Some("a.png"), &image),
            ("label", Some("labels.csv"), table),
            ("image", Some("b.png"), &image),
        ];
        let frame = frame(parts);
        assert_eq!(texts(&frame, "label"), ["cat", "dog"]);
        assert_eq!(frame.texts("zip").unwrap(), [Some("080"), Some("007")]);
        let typed = stored(parts, &[("zip", ColumnType::Int64)]).unwrap().1;
        let typed = read_parquet(typed, None).unwrap();
        assert_eq!(typed.numbers("zip").unwrap(), [80.0, 7.0]);
        let wrong = stored(parts, &[("zap", ColumnType::Int64)]).unwrap_err().to_string();
        assert!(wrong.contains("no column zap; did you mean zip?"), "{wrong}");
    }
}

#[test]
fn what_does_not_fit_is_named_by_part_and_file() {
    let image = grey(1, 1, &[5]);
    let label: (&str, Option<&str>, &[u8]) = ("label", None, b"x");
    let broken = &image[..image.len() - 20];
    let bad = problems(&[
        ("image", Some("a.png"), broken),
        ("image", Some("b.txt"), b"text"),
        ("photo", Some("c.png"), &image),
        ("image", None, b"text"),
        ("file", None, b"x"),
    ]);
    let places: Vec<_> = bad.iter().map(|e| e.pointer.as_str()).collect();
    assert_eq!(places, ["part 2 (b.txt)", "part 3 (c.png)", "part 4 (image)", "part 5 (file)"]);
    let one = problem(&[("image", Some("a.png"), &image), ("image", Some("a.png"), broken)]);
    assert!(one.starts_with("part 2 (a.png): is a broken PNG: "), "{one}");
    assert!(stored(&[label], &[]).unwrap_err().to_string().contains("no images"));

    let idx = images(1, 1, &[1, 2]);
    let with = |labels: &[u8]| problem(&[("image", Some("i"), &idx), ("label", Some("l"), labels)]);
    assert_eq!(with(&labels(&[1])), "part 1 (i): holds 2 images, and its file of labels 1 labels");
    assert!(problem(&[("image", Some("i"), &idx)]).contains("has no file of labels"));
    let short =
        problems(&[("image", Some("i"), &idx), ("label", Some("l"), &labels(&[1, 2])[..9])]);
    assert_eq!(short[0].detail, "holds 1 of the 2 it claims");
    let cut = problem(&[("image", Some("i"), &idx[..17]), ("label", Some("l"), &labels(&[1, 2]))]);
    assert_eq!(cut, "part 1 (i), image 2: breaks off: it holds less than it claims");
    let both = [label, ("image", Some("i"), &idx), ("label", Some("l"), &labels(&[1, 2]))];
    assert!(problem(&both).contains("drop one of both"));
    assert!(problem(&[("label", Some("i"), &idx)]).contains("name the part image"));
}

#[test]
fn a_table_that_does_not_fit_says_where() {
    let image = grey(1, 1, &[5]);
    let table = |text: &'static [u8]| {
        let parts: Parts<'_> = &[("image", Some("a.png"), &image), ("label", Some("t"), text)];
        stored(parts, &[]).unwrap_err().to_string()
    };
    assert!(table(b"name,label\na.png,1\n").contains("the table: has no column file"));
    assert!(table(b"file,label\nb.png,1\n").contains("part 1 (a.png): has no row in the table"));
    assert!(
        table(b"file,label\na.png,1\nb.png,1\n").contains("file b.png of the table: is no image")
    );
    assert!(
        table(b"file,label\na.png,1\na.png,2\n").contains("row 2 of the table: names the file")
    );
    assert!(table(b"file,label\na.png\n").contains("the table of labels: line 2"));
    assert!(table(b"file,image\na.png,1\n").contains("as an earlier column is"));
    let twice: Parts<'_> = &[
        ("image", Some("a.png"), &image),
        ("image", Some("a.png"), &image),
        ("label", Some("t"), b"file,y\na.png,1\n"),
    ];
    assert!(problem(twice).contains("has the file name of an earlier part"));
}

#[test]
fn images_survive_every_way_out_and_back() {
    let (a, b) = (grey(2, 2, &[1, 2, 3, 4]), grey(1, 1, &[5]));
    let (_, file) = stored(&[("image", Some("a"), &a), ("image", Some("b"), &b)], &[]).unwrap();
    let mut csv = Vec::new();
    write_csv(file.try_clone().unwrap(), &mut csv).unwrap();
    let mut parquet = vec![0; file.metadata().unwrap().len() as usize];
    std::os::unix::fs::FileExt::read_exact_at(&file, &mut parquet, 0).unwrap();
    let rows = preview(file, 0, 9).unwrap();
    let lines = rows.iter().map(|row| serde_json::to_string(row).unwrap() + "\n");
    let lines = lines.collect::<String>();
    for (format, bytes) in [
        (DataFormat::Csv, &csv[..]),
        (DataFormat::Parquet, &parquet),
        (DataFormat::JsonLines, lines.as_bytes()),
    ] {
        let folder = TempDir::new().unwrap();
        let (input, output) = (folder.path().join("in"), folder.path().join("out"));
        fs::write(&input, bytes).unwrap();
        super::super::ingest(&input, format, &[], &output, folder.path(), &mut |_| Ok(())).unwrap();
        let frame = read_parquet(File::open(output).unwrap(), None).unwrap();
        assert_eq!(frame.images("image").unwrap(), [Some(&a[..]), Some(&b[..])], "{format:?}");
    }
}
