//! Plots of frames.

use super::Cells;

fn cells(rows: &str) -> (Cells, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("f.csv");
    std::fs::write(&path, rows).unwrap();
    let mut cells = Cells::new();
    cells.value(&format!("f = frame({:?});", path.display()));
    (cells, directory)
}

const RATES: &str =
    "day,rate,kind\n2024-01-01,1,a\n2024-01-02,3,b\n2024-01-03,2,a\n2024-01-04,,b\n";

#[test]
fn every_plot_has_a_picture_and_its_series() {
    let (mut cells, directory) = cells(RATES);
    for (source, title, series) in [
        ("f.hist(\"rate\", bins=2)", "rate", 1),
        ("f.hist(\"rate\", by=\"kind\")", "rate by kind", 2),
        ("f.scatter(\"day\", \"rate\")", "rate by day", 1),
        ("f.scatter(\"rate\", \"rate\", by=\"kind\")", "rate by rate", 2),
        ("f.line(\"day\", \"rate\")", "rate", 1),
        ("f.line(\"day\", [\"rate\", \"rate\"])", "rate, rate", 2),
        ("f.line(\"day\", \"rate\", by=\"kind\")", "rate", 2),
        ("f.value_counts(\"kind\").bar(\"kind\", \"count\")", "count by kind", 1),
    ] {
        let shown = cells.run(source).value.unwrap_or_else(|| panic!("{source}"));
        let plot = shown.plot.unwrap();
        assert_eq!((plot.title.as_str(), plot.layers.len()), (title, series), "{source}");
        assert!(plot.braille(60, 12, false).contains(title), "{source}");
        assert!(plot.svg(600, 400).unwrap().starts_with("<svg"), "{source}");
    }
    let file = directory.path().join("p.svg");
    cells.value(&format!("f.line(\"day\", \"rate\").save({:?})", file.display()));
    assert!(std::fs::read_to_string(file).unwrap().contains("rate"));
    assert_eq!(
        cells.value(
            "f.line(\"day\", \"rate\", by=\"kind\").series[\"a\"] == [[1704067200, 1], [1704240000, 2]]"
        ),
        "True"
    );
}

#[test]
fn what_cannot_be_drawn_is_said() {
    let (mut cells, directory) = cells(RATES);
    for (source, said) in [
        ("f.hist(\"kind\")", "kind holds no numbers"),
        ("f.scatter(\"day\", \"rat\")", "did you mean rate?"),
        ("f.hist(\"rate\", by=\"nothing\")", "there is no column nothing"),
        (
            "plot(f)",
            "a version, a training job, forecasts, explanations, activations or an analysis",
        ),
        ("f.hist(\"rate\").save(\"x.png\")", "of a plot ends in .svg"),
        ("save(1, \"x.csv\")", "a frame, a plot or a reason table"),
        ("f.save(\"/no/such/x.csv\")", "can't be written"),
    ] {
        let error = cells.error(source);
        assert!(error.contains(said), "{source}: {error}");
    }
    let file = directory.path().join("saved.csv");
    cells.value(&format!("f.save({:?})", file.display()));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("day,rate,kind\r\n2024-01-01"), "{text}");
    assert_eq!(cells.value(&format!("frame({:?}).columns == f.columns", file.display())), "True");
}
