//! Scripts and notebooks: the same cells in every form, what they gave, parameters, formats.

use serde_json::{Value, json};

use super::{Place, stderr, stdout};

const SCRIPT: &str = "# %% [markdown]\n# # Loans\n\n# %% tags=[\"parameters\"]\nleast = 0\n\n# %%\n\
                      f = frame(\"loans.csv\").filter(f\"income > {least}\")\nf.rows\n\n# %%\n\
                      f.group(\"region\").agg(n=\"count(*)\")\n\n# %%\nprint(\"done\")\n\
                      f.hist(\"income\", bins=4)\n";

fn notebook(place: &Place, name: &str) -> Value {
    let text = std::fs::read_to_string(place.scratch.path().join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// What cells gave, without what only says when.
fn outputs(notebook: &Value) -> Vec<&Value> {
    notebook["cells"].as_array().unwrap().iter().map(|cell| &cell["outputs"]).collect()
}

#[test]
fn a_prompt_a_script_and_a_notebook_come_to_the_same() {
    let place = Place::new("repl-notebooks");
    let path = |name: &str| place.scratch.path().join(name);
    std::fs::write(path("x.star"), SCRIPT).unwrap();
    let first = place.run(&["run", "x.star", "--output", "x.ipynb"], "");
    assert_eq!(stderr(&first), "");
    let again = place.run(&["run", "x.ipynb", "--output", "y.ipynb"], "");
    assert_eq!(stdout(&first), stdout(&again));
    assert!(stdout(&first).starts_with("600\n3 rows × 2 columns\nregion    n\n"), "{first:?}");
    let (x, y) = (notebook(&place, "x.ipynb"), notebook(&place, "y.ipynb"));
    assert_eq!(x, y);
    assert_eq!((&x["nbformat"], &x["nbformat_minor"]), (&json!(4), &json!(5)));
    assert_eq!(x["metadata"]["kernelspec"]["name"], "actuary");
    let cells = x["cells"].as_array().unwrap();
    assert_eq!(cells[0]["cell_type"], "markdown");
    assert_eq!(cells[2]["outputs"][0]["data"]["text/plain"], json!(["600"]));
    assert!(cells[3]["outputs"][0]["data"]["text/html"].to_string().contains("<td>north</td>"));
    let drawn = &cells[4]["outputs"];
    assert_eq!(drawn[0]["text"], json!(["done\n"]));
    assert!(drawn[1]["data"]["image/svg+xml"][0].as_str().unwrap().starts_with("<svg"));

    // At a prompt the cells are typed one by one, and the session is saved.
    let typed = "least = 0\nf = frame(\"loans.csv\").filter(f\"income > {least}\");\nf.rows\n\
                 f.group(\"region\").agg(n=\"count(*)\")\nf.hist(\"income\", bins=4)\n%save z.ipynb\n";
    let session = place.run(&["repl"], typed);
    assert_eq!(stderr(&session), "");
    let z = notebook(&place, "z.ipynb");
    let (of_script, of_prompt) = (outputs(&x), outputs(&z));
    for (script, prompt) in [(2, 2), (3, 3)] {
        assert_eq!(of_script[script][0]["data"], of_prompt[prompt][0]["data"]);
    }
    assert_eq!(of_script[4][1]["data"], of_prompt[4][0]["data"]);
    // And the script comes back from the notebook.
    let back = place.run(&["run", "x.ipynb", "--output", "back.star"], "");
    assert!(back.status.success(), "{back:?}");
    assert_eq!(std::fs::read_to_string(path("back.star")).unwrap(), SCRIPT);
}

#[test]
fn what_was_in_an_output_stays_where_nothing_ran() {
    let place = Place::new("repl-output");
    let path = |name: &str| place.scratch.path().join(name);
    std::fs::write(path("x.star"), SCRIPT).unwrap();
    std::fs::write(path("y.ipynb"), "yesterday's").unwrap();
    let url =
        ["run", "x.star", "--output", "y.ipynb", "--url", "http://127.0.0.1:1", "--key", "act_k"];
    let failed = place.run(&url, "");
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    assert_eq!(std::fs::read_to_string(path("y.ipynb")).unwrap(), "yesterday's");
}

#[test]
fn parameters_are_set_in_a_cell_of_their_own() {
    let place = Place::new("repl-parameters");
    std::fs::write(place.scratch.path().join("x.star"), SCRIPT).unwrap();
    let done = place.run(&["run", "x.star", "-p", "least=50000", "--output", "x.ipynb"], "");
    let rows: u32 = stdout(&done).lines().next().unwrap().parse().unwrap();
    assert!(rows < 600 && rows > 0, "{done:?}");
    let x = notebook(&place, "x.ipynb");
    assert_eq!(x["cells"][2]["metadata"]["tags"], json!(["injected-parameters"]));
    let wrong = place.run(&["run", "x.star", "-p", "least"], "");
    assert!(stderr(&wrong).contains("name=value"), "{wrong:?}");
}

#[test]
fn a_cell_that_fails_is_named_and_kept_with_its_error() {
    let place = Place::new("repl-failing");
    let text = "# %%\nx = 1\n\n# %%\n\nx + nothing\n\n# %%\nprint(\"never\")\n";
    std::fs::write(place.scratch.path().join("x.star"), text).unwrap();
    let failed = place.run(&["run", "x.star", "--output", "x.ipynb"], "");
    assert_eq!((failed.status.code(), stdout(&failed).as_str()), (Some(1), ""));
    assert!(stderr(&failed).contains("--> x.star:6:5\n"), "{failed:?}");
    let x = notebook(&place, "x.ipynb");
    assert_eq!(x["cells"][1]["outputs"][0]["output_type"], "error");
    assert_eq!(x["cells"][2]["outputs"], json!([]));
    let again = place.run(&["run", "x.ipynb"], "");
    assert!(stderr(&again).contains("--> x.ipynb, cell 2:1:5"), "{again:?}");
    let none = place.run(&["run", "x.star", "--output", "x.txt"], "");
    assert!(stderr(&none).contains(".star for a script or in .ipynb"), "{none:?}");
    std::fs::write(place.scratch.path().join("broken.ipynb"), "{\n\"cells\": [}\n").unwrap();
    let broken = place.run(&["run", "broken.ipynb"], "");
    assert!(stderr(&broken).contains("broken.ipynb is no notebook: line 2"), "{broken:?}");
}

#[test]
fn values_are_written_as_json_and_as_csv() {
    let place = Place::new("repl-formats");
    let code = "frame(\"loans.csv\").group(\"region\").agg(n=\"count(*)\").sort(\"region\")";
    let json = place.run(&["run", "--format", "json", "-c", code], "");
    let rows: Vec<Value> = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0]["region"], "north");
    let csv = place.run(&["run", "--format", "csv", "-c", code], "");
    assert!(stdout(&csv).starts_with("region,n\nnorth,"), "{csv:?}");
    let all = place.run(&["run", "--format", "csv", "-c", "frame(\"loans.csv\")"], "");
    assert_eq!(stdout(&all).lines().count(), 601);
    let code = "d = load(\"loans.csv\")\ntrain(d, \"default\", network=\"linear\", epochs=1).promote()\n\
                predict(\"default\", d.head(50))";
    let scored = place.run(&["run", "--format", "csv", "-c", code], "");
    assert_eq!(stdout(&scored).lines().count(), 51, "{scored:?}");
    let plain = place.run(&["run", "--format", "json", "-c", "[1, None, {\"a\": \"b\"}]"], "");
    assert_eq!(stdout(&plain), "[1,null,{\"a\":\"b\"}]\n");
}
