//! Rows that are explored without a server.

use super::Cells;

struct Place {
    cells: Cells,
    _directory: tempfile::TempDir,
}

impl Place {
    /// With `f`, four loans, and `g`, the names of two regions.
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let loans = "income,age,region,default\n10,20,n,1\n20,,s,0\n30,40,n,0\n40,50,,0\n";
        let (f, g) =
            (write("loans.csv", loans), write("regions.csv", "region,name\nn,north\nw,west\n"));
        let mut cells = Cells::new();
        cells.value(&format!("f = frame({f:?}); g = frame({g:?});"));
        Self { cells, _directory: directory }
    }

    fn value(&mut self, source: &str) -> String {
        self.cells.value(source)
    }

    /// The rows of a frame.
    fn rows(&mut self, source: &str) -> String {
        self.cells.value(&format!("({source}).head(100)"))
    }
}

#[test]
fn a_file_is_a_frame_with_its_types() {
    let mut place = Place::new();
    assert_eq!(place.value("f"), "4 rows × 4 columns");
    assert_eq!(place.value("type(f)"), "\"frame\"");
    assert_eq!(
        place.value("(f.rows, [c[\"type\"] for c in f.columns])"),
        "(4, [\"int64\", \"int64\", \"string\", \"int64\"])"
    );
    let shown = place.cells.run("f").value.unwrap().table.unwrap();
    assert_eq!(shown.headings, ["income", "age", "region", "default"]);
    assert_eq!((shown.numeric, shown.total), (vec![true, true, false, true], 4));
    assert_eq!(shown.rows[1], ["20", "", "s", "0"]);
    let none = place.cells.run("f.filter(\"income > 99\")").value.unwrap().table.unwrap();
    assert_eq!((none.headings.len(), none.total), (4, 0));
}

#[test]
fn rows_are_filtered_sorted_selected_and_counted() {
    let mut place = Place::new();
    assert_eq!(
        place.rows("f.filter(\"income > 10 AND age IS NOT NULL\").select([\"age\", \"income\"])"),
        "[{\"age\": 40, \"income\": 30}, {\"age\": 50, \"income\": 40}]"
    );
    assert_eq!(
        place.value("[r[\"income\"] for r in f.sort(\"age\", descending=True).head(4)]"),
        "[40, 30, 10, 20]"
    );
    assert_eq!(
        place.rows("f.value_counts(\"default\")"),
        "[{\"default\": 0, \"count\": 3, \"share\": 0.75}, {\"default\": 1, \"count\": 1, \"share\": 0.25}]"
    );
    assert_eq!(
        place.value("[r[\"half\"] for r in f.with_column(\"half\", \"income / 2.0\").head(2)]"),
        "[5.0, 10.0]"
    );
    assert_eq!(
        place.value("f.with_column(\"income\", \"income + 1\").columns == f.columns"),
        "True"
    );
    let sampled = place.rows("f.sample(2, seed=3)");
    assert_eq!(sampled, place.rows("f.sample(2, seed=3)"));
    assert_eq!(place.value("f.sample(99).rows"), "4");
    assert_eq!(place.value("f.head(1, offset=3)[0][\"income\"]"), "40");
}

#[test]
fn groups_joins_and_queries_over_what_the_session_names() {
    let mut place = Place::new();
    assert_eq!(
        place.rows("f.group(\"default\", {\"n\": \"count(*)\", \"mean\": \"avg(income)\"})"),
        "[{\"default\": 0, \"n\": 3, \"mean\": 30.0}, {\"default\": 1, \"n\": 1, \"mean\": 10.0}]"
    );
    assert_eq!(
        place.value(
            "[(r[\"income\"], r[\"name\"]) for r in f.join(g, \"region\").sort(\"income\").head()]"
        ),
        "[(10, \"north\"), (30, \"north\")]"
    );
    assert_eq!(
        place.value(
            "(f.join(g, \"region\", how=\"left\").rows, f.join(g, \"region\", how=\"outer\").rows)"
        ),
        "(4, 5)"
    );
    assert_eq!(place.rows("sql(\"SELECT name, sum(income) AS total FROM f JOIN g ON f.region = g.region GROUP BY name\")"),
        "[{\"name\": \"north\", \"total\": 40}]");
    let found = place.rows("f.corr([\"income\", \"age\"])");
    assert!(found.starts_with("[{\"column\": \"income\", \"income\": 1.0, \"age\": "), "{found}");
    assert_eq!(
        place.value("[(r[\"column\"], r[\"missing\"], r[\"mean\"]) for r in f.describe()]"),
        "[(\"income\", 0, 25.0), (\"age\", 1, 36.666666666666664), (\"region\", 1, None), (\"default\", 0, 0.25)]"
    );
}

#[test]
fn what_is_wrong_is_said_with_what_is_near() {
    let mut place = Place::new();
    for (source, said) in [
        ("f.sort(\"incom\")", "did you mean income?"),
        ("f.filter(\"incom > 3\")", "did you mean income?"),
        ("f.filter(\"income >\")", "the query can't be read"),
        ("f.group(\"default\", \"n\")", "a dict of a column's name to an expression"),
        ("f.join(g, \"age\")", "there is no column age"),
        ("f.join(g, \"region\", how=\"lefft\")", "did you mean left?"),
        ("f.corr([\"income\"])", "2 to 40 columns"),
        ("sql(\"DROP TABLE f\")", "can only read"),
        ("sql(\"SELECT * FROM ff\")", "there is no frame ff"),
        ("load(f)", "is needed for a frame"),
        ("filter(3, 4)", "a frame or a dataset"),
        ("frame(\"none.csv\")", "can't be read"),
    ] {
        let error = place.cells.error(source);
        assert!(error.contains(said), "{source}: {error}");
    }
}

#[test]
fn a_list_is_filtered_as_before() {
    let mut cells = Cells::new();
    assert_eq!(cells.value("filter(lambda x: x > 1, [1, 2, 3])"), "[2, 3]");
    assert_eq!(cells.value("filter(None, [0, 2, \"\"])"), "[2]");
    assert!(cells.error("filter(lambda x: x.no, [1])").contains("no"));
}
