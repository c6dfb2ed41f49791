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
        place.rows("f.group(\"default\").agg(n=count(), mean=mean(\"income\"))"),
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
fn columns_are_worked_out_by_functions_of_numbers_texts_and_times() {
    let mut place = Place::new();
    let made =
        "f.with_column(\"v\", \"round(ln(income), 3)\").with_column(\"r\", \"upper(region)\")";
    assert_eq!(
        place.value(&format!("[(r[\"v\"], r[\"r\"]) for r in {made}.head(2)]")),
        "[(2.303, \"N\"), (2.996, \"S\")]"
    );
    assert_eq!(
        place.value(
            "sql(\"SELECT date_part('year', timestamp '2024-02-29') AS y, abs(-2) AS a\").head()"
        ),
        "[{\"y\": 2024, \"a\": 2}]"
    );
    assert_eq!(
        place.value(
            "[r[\"d\"] for r in sql(\"SELECT income - lag(income) OVER (ORDER BY income) AS d FROM f\").head()]"
        ),
        "[None, 10, 10, 10]"
    );
}

#[test]
fn what_is_wrong_is_said_with_what_is_near() {
    let mut place = Place::new();
    for (source, said) in [
        ("f.sort(\"incom\")", "did you mean income?"),
        ("f.filter(\"incom > 3\")", "did you mean income?"),
        ("f.filter(\"income >\")", "the query can't be read"),
        ("f.filter(\"region = \\\"A11\\\"\")", "a text stands in single quotes: 'A11'"),
        ("f.with_column(\"r\", \"income / 0\")", "a whole number is divided by 0"),
        (
            "f.group(\"region\").agg(mean(\"age\"))",
            "needs a name: an expression for each new column",
        ),
        ("f[\"incom\"]", "there is no column incom; did you mean income?"),
        ("f[0]", "f.head(5) give rows"),
        ("f.row(4)", "there is no row 4: 4 rows are counted from 0"),
        ("f.nothing", "nothing"),
        ("help(\"trian\")", "\"trian\" names no function; did you mean train?"),
        ("f.group(\"default\").agg(n=1)", "an expression in SQL"),
        ("f.group(\"default\").agg(n=\"avg(incom)\")", "did you mean income?"),
        ("agg(f)", "what f.group(\"region\") gives"),
        ("f.check(\"defalt\")", "did you mean default?"),
        ("f.split(1.5)", "a number between 0 and 1"),
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
fn a_column_is_taken_by_its_name_and_rows_are_counted() {
    let mut place = Place::new();
    assert_eq!(place.value("f[\"age\"]"), "[20, None, 40, 50]");
    assert_eq!(place.value("(sum(f[\"income\"]), f.income == f[\"income\"])"), "(100, True)");
    assert_eq!(
        place.value("(len(f), len(f.filter(\"income > 10\")), len([1]), len(\"ab\"))"),
        "(4, 3, 1, 2)"
    );
    assert_eq!(
        place.value(
            "(f.rows, type(f), hasattr(f, \"sort\"), hasattr(f, \"age\"), hasattr(f, \"none\"))"
        ),
        "(4, \"frame\", True, True, False)"
    );
    assert_eq!(place.value("\"sort\" in dir(f) and \"_\" not in dir(f)"), "True");
    assert_eq!(
        place.value("f.row(3)"),
        "{\"income\": 40, \"age\": 50, \"region\": None, \"default\": 0}"
    );
    assert_eq!(place.value("row(f, 0)[\"region\"]"), "\"n\"");
}

#[test]
fn what_is_printed_is_shown_as_a_cell_shows_it() {
    let mut place = Place::new();
    let mut printed = |source: &str| place.cells.run(source).printed;
    let table = "2 rows × 2 columns\nregion  name\nn       north\nw       west\n";
    assert_eq!(printed("print(g)"), table);
    assert_eq!(printed("for one in [g, g]:\n    print(one)"), table.repeat(2));
    assert_eq!(printed("print(\"names\", 1, g, \"there\")"), format!("names 1\n{table}there\n"));
    assert_eq!(printed("print(g.head(1))"), "region  name\nn       north\n");
    assert_eq!(printed("print()"), "\n");
    assert!(printed("print(f.bar(\"income\", \"income\"))").lines().count() > 5);
    let long = "d = {str(i): i for i in range(50)}\n";
    assert_eq!(printed(&format!("{long}print(\"all\", d)")).lines().count(), 1);
    assert_eq!(printed(&format!("{long}print(d)")).lines().next(), Some("field  value"));
}

#[test]
fn a_list_is_filtered_as_before() {
    let mut cells = Cells::new();
    assert_eq!(cells.value("filter(lambda x: x > 1, [1, 2, 3])"), "[2, 3]");
    assert_eq!(cells.value("filter(None, [0, 2, \"\"])"), "[2]");
    assert!(cells.error("filter(lambda x: x.no, [1])").contains("no"));
}

#[test]
fn what_is_missing_constant_or_knows_the_answer_is_found() {
    let mut place = Place::new();
    let rows: String = (0..200)
        .map(|i| {
            let bad = u8::from(i % 4 == 0);
            let fee = if bad == 1 { "30" } else { "" };
            format!("{i},x,{fee},{},{bad}\n", i % 7)
        })
        .collect();
    let path = place._directory.path().join("more.csv");
    std::fs::write(&path, format!("id,same,fee,week,bad\n{rows}")).unwrap();
    place.value(&format!("h = frame({:?});", path.display()));
    assert_eq!(
        place.value("[(x[\"column\"], x[\"kind\"]) for x in h.check(\"bad\").found]"),
        "[(\"fee\", \"leakage\"), (\"id\", \"identifier\"), (\"same\", \"constant\"), (\"fee\", \
         \"missing\"), (\"fee\", \"constant\")]"
    );
    let found = place.cells.run("h.check(\"bad\")").value.unwrap();
    let table = found.table.unwrap().render(80, str::to_owned);
    assert!(
        table.contains("fee     ! alone tells bad (AUC 1.000): known only afterwards?"),
        "{table}"
    );
    assert!(table.contains("is missing in 150 rows (75.0 %)"), "{table}");
    assert_eq!(place.value("len(h.select([\"week\"]).check().found)"), "0");
    assert_eq!(
        place.value("[x[\"text\"] for x in h.filter(\"bad = 0 OR id = 4\").check(\"bad\").found if x[\"kind\"] == \"rare\"]"),
        "[\"is 1 in only 0.7 % (1 rows)\"]"
    );
}

#[test]
fn rows_are_parted_by_chance_or_by_time() {
    let mut place = Place::new();
    assert_eq!(place.value("a, b = f.split(0.25, seed=1); (a.rows, b.rows)"), "(3, 1)");
    assert_eq!(
        place.value("[r[\"income\"] for p in f.split(0.5, by=\"income\") for r in p.head()]"),
        "[10, 20, 30, 40]"
    );
    assert_eq!(
        place.value(
            "a2, b2 = f.split(0.25, seed=1); a.head() == a2.head() and b.head() == b2.head()"
        ),
        "True"
    );
}

#[test]
fn the_same_seed_picks_the_same_of_many_rows() {
    let mut place = Place::new();
    let rows: String = (0..30_000).map(|i| format!("{i},{}\n", i % 7)).collect();
    let path = place._directory.path().join("many.csv");
    std::fs::write(&path, format!("n,count\n{rows}")).unwrap();
    place.value(&format!("h = frame({:?}).filter(\"n >= 0\");", path.display()));
    assert_eq!(place.value("[r[\"n\"] for r in h.head(10000)] == list(range(10000))"), "True");
    let joined = "h.join(h.group(\"count\").agg(m=\"min(n)\"), \"count\")";
    assert_eq!(
        place.value(&format!("[r[\"n\"] for r in {joined}.head(10000)] == list(range(10000))")),
        "True"
    );
    assert_eq!(place.value("h.value_counts(\"count\").head(1)[0][\"rows\"]"), "4286");
}

#[test]
fn days_are_shown_without_their_midnight() {
    let mut place = Place::new();
    let mut shown = |sql: &str| {
        let table = place.cells.run(&format!("sql({sql:?})")).value.unwrap().table.unwrap();
        table.rows.into_iter().flatten().collect::<Vec<_>>()
    };
    let days = "SELECT timestamp '2024-02-29' AS d UNION ALL SELECT NULL ORDER BY d NULLS LAST";
    assert_eq!(shown(days), ["2024-02-29", ""]);
    assert_eq!(shown("SELECT timestamp '2024-02-29T09:30:00' AS d"), ["2024-02-29 09:30:00"]);
}

#[test]
fn a_check_is_broken_off() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("f.csv");
    let rows: Vec<String> = (0..50).map(|row| format!("{row},{}", row % 2)).collect();
    std::fs::write(&file, format!("x,y\n{}\n", rows.join("\n"))).unwrap();
    let mut cells = Cells::new();
    cells.run(&format!("f = frame(\"{}\")", file.display()));
    assert_ne!(cells.value("f.check(\"y\")"), "");
    let interrupt = cells.session.interrupt();
    interrupt.raise();
    let fault = cells.run("f.check(\"y\")").fault.unwrap();
    assert!(fault.interrupted, "{fault:?}");
    interrupt.clear();
    assert_eq!(cells.value("1 + 1"), "2");
}
