//! The session without a server: the language, its errors, and Ctrl-C.

mod frames;
mod magics;
mod plots;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::client::Client;

/// Notes what it is told.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Observer for Notes {
    fn printed(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }

    fn said(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }

    fn job(&self, update: JobUpdate<'_>) {
        self.0.lock().unwrap().push(format!("{update:?}"));
    }
}

struct Cells {
    session: Session,
    _runtime: tokio::runtime::Runtime,
}

impl Cells {
    /// Of a server that is not there.
    fn new() -> Self {
        Self::with(Settings::default())
    }

    fn with(settings: Settings) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        Self::of(&url, settings)
    }

    /// Of what listens there.
    fn at(url: &str) -> Self {
        Self::of(url, Settings::default())
    }

    fn of(url: &str, settings: Settings) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let client = Client::new(url, "k").unwrap();
        let session = Session::new(client, runtime.handle().clone(), settings).unwrap();
        Self { session, _runtime: runtime }
    }

    fn run(&mut self, source: &str) -> Outcome {
        self.session.evaluate(None, source, Arc::new(Notes::default()))
    }

    /// The value's text.
    fn value(&mut self, source: &str) -> String {
        let outcome = self.run(source);
        assert_eq!(outcome.fault, None, "{source}");
        outcome.value.map(|shown| shown.text).unwrap_or_default()
    }

    fn error(&mut self, source: &str) -> String {
        let outcome = self.run(source);
        outcome.fault.unwrap_or_else(|| panic!("{source} did not fail")).render(str::to_owned)
    }
}

#[test]
fn what_a_cell_defines_is_there_for_the_next() {
    let mut cells = Cells::new();
    assert_eq!(cells.value("xs = [1, 2]"), "");
    assert_eq!(cells.value("xs.append(3)\nxs"), "[1, 2, 3]");
    assert_eq!(cells.value("def f(x): return x * 2\nf(len(xs))"), "6");
    assert_eq!(cells.value("_ + 1"), "7");
    assert_eq!(cells.value("Out[3] + Out[4]"), "13");
    assert_eq!(cells.value("In[1]"), "\"xs = [1, 2]\"");
    assert_eq!(cells.value("total = 0\nfor x in xs:\n    total += x\ntotal"), "6");
    assert_eq!(cells.value("f\"{total} rows\""), "\"6 rows\"");
    assert_eq!(cells.session.next_number(), 9);
}

#[test]
fn a_silent_cell_leaves_its_names_and_nothing_else() {
    let mut cells = Cells::new();
    cells.value("1 + 1");
    let outcome = cells.session.evaluate_silently("x = 5\nx + 1", Arc::new(Notes::default()));
    assert_eq!(outcome.value.unwrap().text, "6");
    assert_eq!(cells.session.next_number(), 2);
    assert_eq!(cells.value("(x, _, len(In), len(Out))"), "(5, 2, 2, 1)");
}

#[test]
fn numbers_are_summed_and_rounded() {
    let mut cells = Cells::new();
    assert_eq!(cells.value("(sum([1, 2]), sum([0.5, 1]), sum([]))"), "(3, 1.5, 0)");
    assert_eq!(
        cells.value("(round(2.5), round(-1.2), round(3.14159, 2), round(7))"),
        "(3, -1, 3.14, 7)"
    );
    assert!(cells.error("sum([\"a\"])").contains("+"));
}

#[test]
fn a_semicolon_hides_and_a_print_is_told_at_once_and_kept() {
    let mut cells = Cells::new();
    assert_eq!(cells.run("41 + 1;").value, None);
    assert_eq!(cells.value("_"), "42");
    assert_eq!(cells.run("x = 1").value, None);
    let notes = Arc::new(Notes::default());
    let outcome =
        cells.session.evaluate(None, "print('a', [1, 'b'])\nprint(2)\n1 // 0", notes.clone());
    assert_eq!(outcome.printed, "a [1, \"b\"]\n2\n");
    assert_eq!(*notes.0.lock().unwrap(), ["a [1, \"b\"]", "2"]);
    assert!(outcome.fault.is_some());
}

#[test]
fn an_error_shows_its_line_and_where_it_was_called() {
    let mut cells = Cells::new();
    cells.value("def f(xs):\n    return xs[5]\n");
    let outcome = cells.run("x = 1\ny = f([1])");
    let fault = outcome.fault.unwrap();
    let place = fault.place.clone().unwrap();
    assert_eq!((place.source.as_str(), place.line, place.column), ("In [1]", 2, 12));
    assert_eq!(place.excerpt, "    return xs[5]");
    assert_eq!(fault.called_from, ["In [2], line 2"]);
    assert!(fault.message.contains("out of"), "{}", fault.message);
    let text = cells.error("load(\"x\"");
    assert!(text.contains("In [3]:1:"), "{text}");
    assert!(text.contains("1 | load(\"x\""), "{text}");
    let text = cells.session.evaluate(Some("a.star"), "\n\nfail('no')", Arc::new(Notes::default()));
    let text = text.fault.unwrap().render(str::to_owned);
    assert!(text.starts_with("error: no\n --> a.star:3:1\n3 | fail('no')"), "{text}");
}

#[rstest]
#[case("load()", "load(): source is missing")]
#[case("train(\"d\", target=\"t\", epoch=3)", "train(): no argument epoch; did you mean epochs?")]
#[case("train(1)", "target: is missing")]
#[case("train(\"d\", \"t\", target=\"t\")", "target is given twice")]
#[case("train(\"d\", \"t\", network={\"kind\": \"mlp\", \"hiden\": [1]})", "did you mean hidden?")]
#[case("train(\"d\", \"t\", network=\"mpl\")", "network: unknown variant `mpl`")]
#[case(
    "train(\"d\", \"t\", epochs=\"many\")",
    "epochs: must be a whole number from 0 to 4294967295, not \"many\""
)]
#[case("train(\"d\", \"t\", epochs=-1)", "epochs: must be a whole number")]
#[case(
    "train(\"d\", \"t\", network={\"kind\": \"mlp\", \"hidden\": [-1]})",
    "counts are whole and not negative"
)]
#[case("head(3)", "dataset: must be a dataset or its name, not 3")]
#[case("head(\"d\", n=0)", "n: must be a whole number from 1 to 10000, not 0")]
#[case("predict(\"m\", 3)", "rows: must be a dict or a list of dicts, not 3")]
#[case("predict(\"m\", [{\"a\": [1]}])", "rows: row 0: must be a number, text")]
#[case("promote(\"m\")", "n: is missing: which version of m?")]
#[case("load(\"no/such.csv\")", "no/such.csv (in /")]
#[case("load(\"loans.xlsx/\")", "the format of loans.xlsx/ is not known")]
#[case("load(\"d\", name=\"e\")", "'d' is a dataset's name")]
#[case("jobs(state=\"runing\")", "did you mean running?")]
#[case("bin(\"d\", target=\"t\", trend=\"up\")", "bin(): trend: unknown variant `up`")]
#[case("bin(\"d\", target=\"t\", trends={\"age\": \"up\"})", "bin(): trends: unknown variant")]
#[case("bin(\"d\", target=\"t\", bins=\"six\")", "bin(): bins: invalid type")]
#[case("cancel(\"x\")", "job: must be a job or its id, not \"x\"")]
#[case("compare(1)", "compare() takes 2 to 8 versions")]
#[case("help(\"trian\")", "did you mean train?")]
#[case("exit(256)", "code: must be a whole number from 0 to 255")]
#[case("models()", "no Actuary answers at http://127.0.0.1:")]
#[case("undefined", "undefined")]
fn what_is_wrong_is_said_with_the_way_out(#[case] source: &str, #[case] part: &str) {
    let mut cells = Cells::new();
    let text = cells.error(source);
    assert!(text.contains(part), "{text}");
    assert!(text.contains("--> In [1]:1:"), "{text}");
    assert_eq!(cells.value("1 + 1"), "2", "the session goes on");
}

#[test]
fn an_endless_loop_is_interrupted_and_the_session_goes_on() {
    let mut cells = Cells::new();
    let interrupt = cells.session.interrupt();
    let raise = interrupt.clone();
    let raising = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        raise.raise();
    });
    let outcome = cells.run("n = 0\nfor i in range(1000000000):\n    n += 1");
    raising.join().unwrap();
    let fault = outcome.fault.unwrap();
    assert!(fault.interrupted, "{fault:?}");
    assert_eq!(fault.message, "interrupted");
    interrupt.clear();
    assert_eq!(cells.value("n > 0"), "True");
}

#[test]
fn what_would_break_the_interpreter_is_an_error() {
    let mut cells = Cells::new();
    let text = cells.error("def f(n): return f(n + 1)\nf(0)");
    assert!(text.to_lowercase().contains("overflow") || text.contains("stack"), "{text}");
    assert_eq!(cells.value("xs = []\nxs.append(xs)\nlen(str(xs)) > 0"), "True");
    assert!(cells.value("xs").contains('…'));
}

#[test]
fn an_exit_has_its_code_and_is_no_error() {
    let mut cells = Cells::new();
    let outcome = cells.run("print(1)\nexit(3)\nprint(2)");
    assert_eq!((outcome.exit, outcome.fault, outcome.printed.as_str()), (Some(3), None, "1\n"));
    assert_eq!(cells.run("quit()").exit, Some(0));
}

#[test]
fn a_list_of_dicts_is_a_table() {
    let mut cells = Cells::new();
    let shown = cells.run("[{\"a\": 1, \"b\": \"x\"}, {\"a\": 20, \"c\": 0.25}]").value.unwrap();
    let table = shown.table.unwrap().render(80, str::to_owned);
    assert_eq!(table, " a  b     c\n 1  x\n20     0.25");
    for no_table in ["[]", "[1, 2]", "[{}]", "{\"a\": 1}", "[{\"a\": 1}, 2]"] {
        assert_eq!(cells.run(no_table).value.unwrap().table, None, "{no_table}");
    }
}

#[test]
fn help_knows_every_function() {
    let mut cells = Cells::new();
    for function in functions() {
        let outcome = cells.run(&format!("help({})", function.name));
        assert_eq!(outcome.fault, None, "{}", function.name);
        assert!(outcome.printed.contains(function.summary), "{}", outcome.printed);
        assert!(cells.run("help()").printed.contains(function.summary));
    }
}

#[test]
fn names_arguments_and_attributes_are_completed() {
    let mut cells = Cells::new();
    cells.value("loans = struct(rows=1, columns=2)\nlonger = 1");
    let complete = |before: &str| cells.session.complete(before);
    assert_eq!(
        complete("x = lo"),
        (4, ["load", "loans", "log", "longer"].map(str::to_owned).to_vec())
    );
    assert_eq!(complete("train(loans, \"t\", ep"), (18, vec!["epochs=".into()]));
    assert_eq!(complete("loans.ro"), (6, vec!["rows".into()]));
    assert_eq!(complete("# lo").1, [""; 0]);
    assert_eq!(complete("%tim"), (1, vec!["time".into(), "timeit".into()]));
    assert_eq!(complete("%device c"), (8, vec!["cpu".into(), "cuda:0".into()]));
}

#[test]
fn columns_of_the_frame_are_completed() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("f.csv");
    std::fs::write(&file, "income,region\n1,a\n").unwrap();
    let mut cells = Cells::new();
    cells.value(&format!(
        "f = frame({:?}); g = f.with_column(\"more\", \"income\");",
        file.display()
    ));
    let complete = |before: &str| cells.session.complete(before).1;
    assert_eq!(complete("f.sort(\""), ["income", "region"]);
    assert_eq!(complete("f.filter(\"income > 3 AND re"), ["region"]);
    assert_eq!(complete("g.select([\"income\", \"m"), ["more"]);
    assert_eq!(complete("sort(f, \"m"), ["more"], "of any where it is not known of which");
    assert_eq!(complete("f.gro"), ["group"]);
    assert_eq!(complete("sql(\"select re"), ["region"]);
    assert_eq!(complete("sql(\"select region from "), ["f", "g"]);
    assert_eq!(complete("sql(\"select region FROM f JOIN "), ["f", "g"]);
    assert_eq!(complete("sql(\"select region from f where m"), ["more"]);
}

/// That a request was broken off does not tell that it was not carried out: nothing else is claimed.
#[test]
fn an_interrupted_change_claims_nothing() {
    // A server that takes requests and says nothing.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut cells = Cells::at(&format!("http://{}", listener.local_addr().unwrap()));
    let interrupt = cells.session.interrupt();
    let raise = interrupt.clone();
    let raising = std::thread::spawn(move || {
        let _asked = listener.accept().unwrap();
        std::thread::sleep(Duration::from_millis(100));
        raise.raise();
        // Held open until the cell has ended.
        std::thread::sleep(Duration::from_secs(2));
    });
    let fault = cells.run("cancel(\"01a217a5-a2b0-7c40-8000-000000000000\")").fault.unwrap();
    raising.join().unwrap();
    assert!(fault.interrupted, "{fault:?}");
    let said = fault.message;
    assert!(said.contains("interrupted; the server may have carried it out"), "{said}");
    interrupt.clear();
    assert_eq!(cells.value("1 + 1"), "2");
}

/// As `run --format json` writes it.
#[test]
fn a_list_of_objects_is_a_list_of_objects_as_json() {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let model = serde_json::json!({
        "name": "risk", "task": "binary", "input_kind": "tabular", "latest_version": 3,
        "record": false, "created_at": "2026-03-01T09:00:15Z"
    });
    let body = serde_json::json!({"items": [model]}).to_string();
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
        write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    });
    let mut cells = Cells::of(&url, Settings { detail: Detail::Whole, ..Settings::default() });
    let outcome = cells.run("found = models()\n[found, {'first': found[0]}, (1, 'x')]");
    assert_eq!(outcome.fault, None);
    answering.join().unwrap();
    let json = outcome.value.unwrap().json.unwrap();
    assert_eq!(json[0][0]["name"], "risk", "{json}");
    assert_eq!(json[1]["first"]["latest_version"], 3, "{json}");
    assert_eq!(json[2], serde_json::json!([1, "x"]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn no_cell_ends_the_session(source in "[a-z0-9 \\n:=()\\[\\]{}\"'.,+*#;\\\\load]{0,40}") {
        thread_local! {
            static CELLS: std::cell::RefCell<Cells> = std::cell::RefCell::new(Cells::new());
        }
        CELLS.with_borrow_mut(|cells| {
            let _ = cells.run(&source);
            prop_assert_eq!(cells.value("1 + 1"), "2");
            Ok(())
        })?;
    }
}
