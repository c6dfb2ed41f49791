//! What is said to the session: `%time`, `%save`, `!ls`, `f?`.

use super::super::{Settings, Then, magics};
use super::Cells;

fn printed(cells: &mut Cells, source: &str) -> String {
    let outcome = cells.run(source);
    assert_eq!(outcome.fault, None, "{source}");
    outcome.printed
}

#[test]
fn code_is_timed_and_keeps_its_value() {
    let mut cells = Cells::new();
    let outcome = cells.run("%time 6 * 7");
    assert_eq!(outcome.value.unwrap().text, "42");
    assert!(outcome.printed.starts_with("took "), "{}", outcome.printed);
    assert_eq!(cells.value("%time\nx = 3\nx + 1"), "4");
    assert_eq!(cells.value("x"), "3");
    let outcome = cells.run("%timeit sum_of = [i for i in range(1000)]");
    assert_eq!(outcome.value, None);
    assert!(outcome.printed.contains(" at best, ") && outcome.printed.contains("5 rounds of "));
    let fault = cells.run("# first\n%time 1 // 0").fault.unwrap();
    assert_eq!(fault.place.unwrap().line, 2);
    assert!(cells.error("%time").contains("needs code"));
}

#[test]
fn a_magic_that_is_not_there_is_near_one_that_is() {
    let mut cells = Cells::new();
    let text = cells.error("x = 1\n%tme x");
    assert!(text.contains("--> In [1]:2"), "{text}");
    let text = cells.error("%tme x");
    assert!(text.contains("there is no magic %tme; did you mean time?"), "{text}");
    assert!(text.contains("--> In [2]:1:1\n1 | %tme x\n  | ^^^^^^"), "{text}");
}

#[test]
fn a_session_is_saved_as_a_script_and_as_a_notebook_and_runs_again() {
    let directory = tempfile::tempdir().unwrap();
    let (script, notebook) = (directory.path().join("s.star"), directory.path().join("s.ipynb"));
    let mut cells = Cells::new();
    for source in ["x = 20", "print(\"n\", x)\n[{\"a\": x}]", "%who", "1 // 0", "y = x + 1\ny"] {
        cells.run(source);
    }
    assert!(printed(&mut cells, &format!("%save {}", script.display())).starts_with("3 cells in "));
    let text = std::fs::read_to_string(&script).unwrap();
    assert_eq!(text, "# %%\nx = 20\n\n# %%\nprint(\"n\", x)\n[{\"a\": x}]\n\n# %%\ny = x + 1\ny\n");
    // Its own file may be written again, another not.
    printed(&mut cells, &format!("%save {}", script.display()));
    std::fs::write(&notebook, "mine").unwrap();
    let refused = cells.error(&format!("%save {}", notebook.display()));
    assert!(refused.contains("%save -f"), "{refused}");
    printed(&mut cells, &format!("%save -f {} 1-2 5", notebook.display()));
    let json: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&notebook).unwrap()).unwrap();
    assert_eq!(json["nbformat_minor"], 5);
    let outputs = &json["cells"][1]["outputs"];
    assert_eq!(outputs[0]["text"], serde_json::json!(["n 20\n"]));
    assert_eq!(outputs[1]["data"]["text/plain"], serde_json::json!([" a\n", "20"]));
    assert!(outputs[1]["data"]["text/html"].to_string().contains("<table>"));
    for file in [script, notebook] {
        let mut again = Cells::new();
        assert_eq!(printed(&mut again, &format!("%run {}", file.display())), "n 20\n");
        assert_eq!(again.value("y"), "21");
    }
    assert!(cells.error("%save x.txt").contains("has to end in .star"));
    assert!(cells.error("%run none.star").contains("none.star can't be read"));
}

#[test]
fn a_file_that_fails_says_where_and_what_ran_before_stays() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("s.star");
    std::fs::write(&file, "# %%\nx = 1\n\n# %%\ny = x\n1 // 0\nz = 2\n").unwrap();
    let mut cells = Cells::new();
    let text = cells.error(&format!("%run {}", file.display()));
    assert!(text.contains(&format!("{}:6:1", file.display())), "{text}");
    assert_eq!(cells.value("(x, y)"), "(1, 1)");
    std::fs::write(&file, format!("%run {}", file.display())).unwrap();
    assert!(cells.error(&format!("%run {}", file.display())).contains("files run each other"));
}

#[test]
fn every_magic_is_one_that_can_be_carried_out() {
    let mut cells = Cells::with(Settings { is_prompt: true, ..Settings::default() });
    for magic in magics().iter().filter(|magic| magic.name != "edit") {
        let outcome = cells.run(&format!("%{}", magic.name));
        let said = outcome.fault.map(|fault| fault.message).unwrap_or_default();
        assert!(!said.contains("there is no magic"), "{}: {said}", magic.name);
    }
    let said = cells.error("x = 1\n%time x");
    assert!(said.contains("stand at the head of a cell"), "{said}");
}

#[test]
fn what_holds_a_key_is_saved_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("s.star");
    let mut cells = Cells::new();
    for source in ["k = \"act_secret\"", "x = 1", "print(k)"] {
        cells.run(source);
    }
    let said = printed(&mut cells, &format!("%save {}", file.display()));
    assert!(
        said.contains("1 cell in ") && said.contains("2 that may hold a key left out"),
        "{said}"
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "# %%\nx = 1\n");
    assert!(cells.error("%save -f y.star 99").contains("no cell of these numbers"));
    // Nor is anything else sent as one.
    let said = cells.error("%connect http://127.0.0.1:1 PATH");
    assert!(said.contains("PATH holds none"), "{said}");
    assert!(cells.error("%connect http://127.0.0.1:1").contains("which environment variable"));
}

#[test]
fn what_stands_above_code_is_shown_before_it() {
    let mut cells = Cells::new();
    cells.run("x = 1");
    let outcome = cells.run("%who\nx + 1");
    assert!(outcome.printed.contains("x     int   1"), "{}", outcome.printed);
    assert_eq!(outcome.value.unwrap().text, "2");
    let fault = cells.run("\n\ntrian?").fault.unwrap();
    assert_eq!(fault.place.unwrap().line, 3);
    assert!(cells.error("%reset\nx = 1").contains("stands alone"));
}

#[test]
fn names_are_listed_and_forgotten() {
    let mut cells = Cells::new();
    cells.run("x = 1\ndef f(a):\n    return a\nxs = [1, 2]");
    let table = cells.run("%who").value.unwrap().table.unwrap();
    assert_eq!(table.rows, [["f", "function", ""], ["x", "int", "1"], ["xs", "list", "[1, 2]"]]);
    cells.run("%reset");
    assert!(cells.error("x").contains("x"));
    assert_eq!(cells.value("2"), "2");
    assert_eq!(cells.value("len(Out)"), "1");
}

#[test]
fn the_past_is_looked_through() {
    let mut cells = Cells::new();
    cells.run("x = 1");
    cells.run("def f():\n    return x");
    assert_eq!(
        printed(&mut cells, "%history"),
        "   1: x = 1\n   2: def f():\n          return x\n"
    );
    assert_eq!(printed(&mut cells, "%history x ="), "   1: x = 1\n");
    assert_eq!(printed(&mut cells, "%history nothing"), "no cell holds nothing\n");
    let directory = tempfile::tempdir().unwrap();
    let history = directory.path().join("history");
    std::fs::write(&history, "#V2\nolder = 1\ndef g():\\n    return 2\n").unwrap();
    let mut cells = Cells::with(Settings { history: Some(history), ..Settings::default() });
    assert_eq!(printed(&mut cells, "%history -a g()"), "def g():\n    return 2\n");
}

#[test]
fn the_last_result_is_paged_and_a_file_comes_to_the_prompt() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("s.star");
    std::fs::write(&file, "x = 1\nx\n").unwrap();
    let mut cells = Cells::with(Settings { is_prompt: true, ..Settings::default() });
    assert!(cells.error("%last").contains("no cell has given a result"));
    cells.run("[{\"a\": i} for i in range(30)]");
    let Some(Then::Page(shown)) = cells.run("%last").then else { panic!("nothing is paged") };
    assert_eq!(shown.table.unwrap().rows.len(), 30);
    let then = cells.run(&format!("%load {}", file.display())).then;
    assert_eq!(then, Some(Then::Edit("x = 1\nx".to_owned())));
    let mut script = Cells::new();
    assert!(script.error("%load s.star").contains("for the prompt"));
    assert!(script.error("%edit").contains("for the prompt"));
}

#[test]
fn a_command_of_the_shell_runs_only_where_it_may() {
    let mut cells = Cells::new();
    assert!(cells.error("!echo no").contains("--allow-shell"));
    let mut cells = Cells::with(Settings { allow_shell: true, ..Settings::default() });
    assert_eq!(printed(&mut cells, "!echo one; echo two >&2"), "one\ntwo\n");
    assert_eq!(cells.value("!echo '('\nx = 1\nx"), "1");
    assert!(cells.error("!exit 3").contains("exit status: 3"));
}

#[test]
fn help_is_given_of_magics_functions_values_and_what_cells_define() {
    let mut cells = Cells::new();
    let all = printed(&mut cells, "%help");
    for magic in magics() {
        assert!(all.contains(magic.summary), "{all}");
        let one = printed(&mut cells, &format!("%{}?", magic.name));
        assert!(one.contains(magic.summary) && one.contains(magic.example), "{one}");
        assert!(one.lines().all(|line| line.chars().count() <= 100), "{one}");
    }
    let keys = printed(&mut cells, "%help shortcuts");
    assert!(keys.contains("Ctrl-R ") && keys.lines().all(|l| l.chars().count() <= 100), "{keys}");
    assert!(printed(&mut cells, "train?").contains("train(dataset"));
    assert!(printed(&mut cells, "help").contains("a dataset: from a file"));
    cells.run("def f(a):\n    return a\nx = 3");
    assert_eq!(printed(&mut cells, "f??"), "def f(a):\n    return a\n");
    assert_eq!(printed(&mut cells, "x?"), "int: 3\n");
    assert!(cells.error("nothing?").contains("nothing"));
}

#[test]
fn trainings_run_where_the_session_says() {
    let mut cells = Cells::new();
    assert!(printed(&mut cells, "%device").contains("auto"));
    assert!(printed(&mut cells, "%device cpu").contains("run on cpu"));
    assert!(cells.error("%device gpu").contains("is no device"));
    assert!(printed(&mut cells, "%connect").starts_with("connected to http://127.0.0.1:"));
    assert!(cells.error("%connect http://127.0.0.1:1 NO_SUCH_KEY").contains("NO_SUCH_KEY"));
}
