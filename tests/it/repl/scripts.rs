use super::{Place, stderr, stdout};
use crate::support::{Scratch, actuary};

fn examples_of_tables(printed: &str) {
    let words =
        |name: &str| section(printed, name).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words("reason_table").starts_with("reason table 2 of default 1 entry"), "{printed}");
    assert!(words("reason_table").contains("R01 income Low income."), "{printed}");
    let scorecard = words("scorecard");
    assert!(scorecard.contains("plot of card 1, income"), "{printed}");
    assert!(scorecard.contains("weight of evidence"), "{printed}");
    assert!(scorecard.contains("600 at 50 to 1, 20 to double"), "{printed}");
    assert!(scorecard.contains("column IV coefficient bin rows % 1 WoE points"), "{printed}");
}

/// In the order of the table, since later ones use what earlier ones made.
#[test]
fn every_example_of_the_help_works() {
    let place = Place::new("repl-examples");
    let mut cells = String::new();
    for function in actuary::repl::functions() {
        // What goes wrong shall be found by the name of its function.
        cells.push_str(&format!("print(\"== {}\");\n{}\n", function.name, function.example));
        if function.name == "jobs" {
            // While the session still goes on.
            cells.push_str(&magics(&place));
        }
    }
    let output = place.run(&["repl"], &cells);
    assert_eq!(stderr(&output), "", "{}", stdout(&output));
    assert_eq!(output.status.code(), Some(0));
    let printed = stdout(&output);
    let section = |name: &str| section(&printed, name);
    // Of a table, where its columns stand does not matter here.
    let words = |name: &str| section(name).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(section("dataset"), "\"income\"");
    assert!(words("datasets").contains("loans 1 600 5"), "{printed}");
    assert_eq!(section("head").lines().next(), Some("income  age  zip    region  default"));
    assert_eq!(section("head").lines().count(), 4);
    assert!(section("row").parse::<u32>().is_ok(), "{printed}");
    assert!(words("describe").contains("zip string"), "{printed}");
    assert!(words("frame").starts_with("600 rows × 5 columns income age zip region"), "{printed}");
    assert!(words("check").starts_with("nothing was found in 600 rows × 5 columns"), "{printed}");
    assert!(words("agg").starts_with("2 rows × 3 columns default n mean 0 369"), "{printed}");
    assert!(
        words("drop").starts_with("the frame is dataset of-rows-rows 1 now of-rows 1 AUC 0."),
        "{printed}"
    );
    assert_eq!(section("split"), "(540, 60)");
    for (name, title) in [
        ("hist", "income by default"),
        ("scatter", "income by age"),
        ("line", "rate"),
        ("bar", "count by region"),
    ] {
        assert!(section(name).starts_with(&format!("plot of {title}")), "{printed}");
        assert!(section(name).lines().count() > 4, "{printed}");
    }
    assert!(words("join").contains("income age zip region default mean"), "{printed}");
    assert!(words("corr").contains("column income age default income 1 "), "{printed}");
    assert!(words("sql").starts_with("1 row × 2 columns n most 600 80458"), "{printed}");
    assert!(words("prune").contains("pruned by 30 % of version 1"), "{printed}");
    assert!(words("distil").contains("linear, taught by the answers of version 1"), "{printed}");
    assert!(words("quantise").contains("8 bits for each weight of version 1"), "{printed}");
    assert!(section("plot").starts_with("plot of default 1"), "{printed}");
    assert!(section("plot").contains("predicted") && section("plot").contains("observed"));
    assert!(section("explain").starts_with("plot of default 1"), "{printed}");
    assert!(section("explain").contains("income") && section("explain").contains("log odds of 1"));
    [examples_of_analyses, examples_of_lending].iter().for_each(|examples| examples(&printed));
    assert!(words("counterfactual").starts_with("1 row by default 1 "), "{printed}");
    assert!(section("explain").contains("base") && section("explain").contains("value"));
    assert!(section("reasons").contains("income is 15,000"), "{printed}");
    examples_of_tables(&printed);
    assert!(section("compare").starts_with("default 1, default 2\n"), "{printed}");
    assert!(words("compare").contains("network linear linear"), "{printed}");
    assert!(words("models").contains("default binary 4"), "{printed}");
    assert!(section("model").contains("linear"), "{printed}");
    assert!(section("version").starts_with("0."), "{printed}");
    assert_eq!(section("promote"), "champion of default: 1, the first");
    assert!(words("aliases").contains("champion 1 1"), "{printed}");
    assert!(section("history").contains("first"), "{printed}");
    assert_eq!(section("predict").matches('"').count(), 6, "{printed}");
    assert!(section("jobs").contains("done: default 1"), "{printed}");
    assert!(words("job").starts_with("training of default "), "{printed}");
    assert!(section("wait").starts_with("default 5   AUC 0."), "{printed}");
    assert!(words("log").contains("done"), "{printed}");
    assert!(section("wait").contains("champion 1: 0."), "{printed}");
    assert!(section("cancel").contains("cancelled"), "{printed}");
    assert!(section("help").starts_with("train(dataset, target=None, model=None"), "{printed}");
    examples_of_magics(&printed);
}

/// What the examples of analyses, forecasts and advice have printed.
fn examples_of_analyses(printed: &str) {
    let section = |name: &str| section(printed, name);
    let importance = section("importance");
    assert!(importance.starts_with("importance for default 1   auc 0."), "{printed}");
    assert!(importance.contains("income") && importance.contains("auc lost"), "{printed}");
    assert!(importance.contains("plot of default 1"), "{printed}");
    let dependence = section("dependence");
    assert!(dependence.starts_with("dependence for default 1   income: p(1), on"), "{printed}");
    assert!(dependence.contains("plot of default 1"), "{printed}");
    let surrogate = section("surrogate");
    assert!(surrogate.starts_with("surrogate for default 1   p(1): tree R2 "), "{printed}");
    assert!(surrogate.contains("\nall: 0."), "{printed}");
    for kind in ["surrogate", "dependence", "importance"] {
        assert!(section("analyses").contains(kind), "{printed}");
    }
    let activations = section("activations");
    assert!(activations.starts_with("2 rows by default 1   1 layer"), "{printed}");
    assert!(activations.contains("output") && activations.contains("linear"), "{printed}");
    assert!(section("units").contains("units") && section("units").contains("dead"), "{printed}");
    let fairness = section("fairness");
    assert!(fairness.starts_with("fairness for blind 1   region: "), "{printed}");
    assert!(fairness.contains("not a legal opinion"), "{printed}");
    assert!(section("forecast").starts_with("plot of rate 1, forecast   15 points"), "{printed}");
    assert!(section("forecast").contains("rows ahead"), "{printed}");
    assert_eq!(section("advise"), "\"/api/v1/loans/policies\"");
    let rolled = section("rolling_origin");
    assert!(rolled.starts_with("rolling_origin for rate 1   MSE "), "{printed}");
    assert!(
        rolled.contains("3 origins, 1 training ") && rolled.contains("seasonal naive"),
        "{printed}"
    );
    assert!(section("analysis").starts_with("importance for default 1   auc 0."), "{printed}");
    examples_of_risk(printed);
}

/// What the examples of risks have printed.
fn examples_of_risk(printed: &str) {
    let section = |name: &str| section(printed, name);
    let risk = section("risk");
    assert!(risk.starts_with("risk of 1 asset   at 0.95 "), "{printed}");
    assert!(risk.contains("plot of loss under stress"), "{printed}");
    let tested = section("backtest_risk");
    assert!(tested.starts_with("backtest at 0.95   99 days from 2025-04-"), "{printed}");
    assert!(tested.contains("plot of historical at 0.95: "), "{printed}");
    assert!(section("credit_losses").starts_with("losses of 600 loans   "), "{printed}");
}

/// What the examples of lending have printed.
fn examples_of_lending(printed: &str) {
    let section = |name: &str| section(printed, name);
    let policy = section("policy");
    assert!(
        policy.starts_with("consumer 1   by default champion   approve up to a PD of 0.35"),
        "{printed}"
    );
    assert!(policy.contains("age < 22"), "{printed}");
    assert_eq!(section("policies"), "\"default\"");
    let assessed = section("assess");
    assert!(assessed.starts_with("600 rows by consumer 1   "), "{printed}");
    assert!(assessed.contains("cumulative gain, consumer 1"), "{printed}");
    assert!(assessed.contains("3 rows by consumer 1"), "{printed}");
    assert!(section("assess_book").starts_with("plot of points of decided 1"), "{printed}");
    let losses = section("expected_losses");
    assert!(losses.starts_with("1 loan   ") && losses.contains("performing"), "{printed}");
    let inferred = section("infer_rejects");
    assert!(inferred.contains("inferred 1   ") && inferred.contains("! refused"), "{printed}");
    assert!(inferred.contains("accepted_bad_rate") && inferred.contains("drawn_at"), "{printed}");
}

/// What the examples of the magics have printed.
fn examples_of_magics(printed: &str) {
    let section = |name: &str| section(printed, name);
    assert!(section("%time").contains("took "), "{printed}");
    assert!(section("%run").contains("ran"), "{printed}");
    assert!(section("%save").contains(" cells in session.ipynb"), "{printed}");
    assert!(section("%history").contains("loans = load("), "{printed}");
    let names: Vec<String> = section("%who").split_whitespace().map(str::to_owned).collect();
    assert!(names.join(" ").contains("loans dataset"), "{printed}");
    assert!(section("%curl").contains("/datasets/loans/versions/1/rows?"), "{printed}");
    assert!(section("%help").starts_with("%save [-f] FILE [CELLS]"), "{printed}");
}

/// What an example has printed.
fn section(printed: &str, name: &str) -> String {
    let rest = printed.split(&format!("== {name}\n")).nth(1).unwrap();
    rest.split("\n== ").next().unwrap().to_owned()
}

/// The examples of the magics, but of those that are for a prompt and of the one that forgets.
fn magics(place: &Place) -> String {
    std::fs::write(place.scratch.path().join("more.star"), "print(\"ran\")\n").unwrap();
    let for_prompt = ["load", "edit", "reset"];
    let magics = actuary::repl::magics().iter().filter(|magic| !for_prompt.contains(&magic.name));
    magics.map(|magic| format!("print(\"== %{}\");\n{}\n", magic.name, magic.example)).collect()
}

#[test]
fn how_several_classes_came_true_is_drawn() {
    let place = Place::new("repl-classes");
    let printed = place.code(
        "f = frame('loans.csv')\n\
         f = f.with_column('age_group', \"case when age < 35 then 'a' when age < 50 then 'b' else 'c' end\")\n\
         m = train(f, 'age_group', network='linear', calibration='temperature', features=['income', 'age'])\n\
         print(m.signature['calibrator']['kind'])\n\
         m.plot(what='reliability')\n",
    );
    assert!(printed.contains("temperature"), "{printed}");
    assert!(printed.contains("predicted") && printed.contains("observed"), "{printed}");
}

#[test]
fn a_script_is_the_same_from_a_file_a_text_and_standard_input() {
    let place = Place::new("repl-scripts");
    place.code("load('loans.csv', types={'zip': 'string'});");
    let script = "d = load(\"loans\")\nfor c in d.columns:\n    if c[\"nulls\"] == 0:\n        \
                  print(c[\"name\"], c[\"type\"])\n[d.rows, d.version]\n";
    let expected = "income int64\nage int64\nzip string\nregion string\ndefault int64\n[600, 1]\n";
    let file = place.scratch.path().join("a.star");
    std::fs::write(&file, script).unwrap();
    for (arguments, input) in [
        (vec!["run", "a.star"], ""),
        (vec!["run", "-"], script),
        (vec!["run", "-c", script], ""),
        (vec!["repl", "-c", script], ""),
        (
            vec!["repl"],
            "d = load(\"loans\")\nfor c in d.columns:\n    if c[\"nulls\"] == 0:\n        \
                        print(c[\"name\"], c[\"type\"])\n\n[d.rows, d.version]",
        ),
    ] {
        let output = place.run(&arguments, input);
        assert_eq!(stderr(&output), "", "{arguments:?}");
        assert_eq!(stdout(&output), expected, "{arguments:?}");
        assert!(output.status.success());
    }
    assert_eq!(
        place.code("d = dataset('loans')\nprint(d, type(d), d.rows);\nd;"),
        "loans 1   \
               600 rows × 5 columns   2 text · 3 number   no nulls dataset 600\n"
    );
}

#[test]
fn values_have_fields_and_methods_and_rows_may_come_from_anywhere() {
    let place = Place::new("repl-values");
    let script = r#"
d = load("loans.csv")
m = train(d, "default", network={"kind": "mlp", "hidden": [4], "dropout": 0.1}, epochs=2, seed=3,
          optimiser={"kind": "adam", "learning_rate": 0.01}, class_weights={"1": 2.0},
          parts={"by": "random", "test": 0.3}, threshold=0.4, preprocessing="standard",
          exclude=["zip"], batch_size=64, patience=0, device="cpu", positive_class=1)
print(dir(m.provenance)[0] if False else m.provenance["spec"]["network"])
print(m.provenance["spec"]["class_weights"], m.signature["threshold"], len(m.curve))
print(hasattr(m, "promote"), hasattr(m, "nothing"), "promote" in dir(m), "_" in dir(m))
print([i["name"] for i in m.signature["inputs"]])
print(m.promote(reason="first"))
print(m.promote(reason="again"))
row = {"income": 20000, "age": 30, "region": "north"}
one = m.predict(row)
print(one.labels == predict("default", [row]).labels, one.scores == predict(m, row).scores)
print(len(m.predict(d).labels), len(m.predict("loans.csv").labels), len(m.predict("loans 1").labels))
kept = predict("default", d.head(2), version="champion", record=True)
print(kept.id != None, one.id == None, kept.version)
print([h["reason"] for h in history(m)], aliases("default")[0]["alias"])
groups = d.group("region").agg(n=count(), bad=mean("default")).sort("bad")
print(sum(groups["n"]), len(d), d.drop("zip").sort("age").filter("age > 30").rows > 9)
print(d.row(17) == d.head(1, offset=17)[0], m.predict(d.row(17)).scores == m.predict(d.head(18)).scores[17:])
print(sorted([x["field"] for x in m.describe() if x["field"] in ["ECE", "calibration", "calibration slope"]]))
d.hist("income");
kept
"#;
    let printed = place.code(script);
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[0], "{\"kind\": \"mlp\", \"hidden\": [4], \"dropout\": 0.1}");
    assert_eq!(lines[1], "{\"by\": \"given\", \"weights\": {\"1\": 2.0}} 0.4 2");
    assert_eq!(lines[2], "True False True False");
    assert_eq!(lines[3], "[\"income\", \"age\", \"region\"]");
    assert_eq!(lines[4], "champion of default: 1, the first");
    assert_eq!(lines[5], "champion of default stays at 1");
    assert_eq!(lines[6], "True True");
    assert_eq!(lines[7], "600 600 600");
    assert_eq!(lines[8], "True True 1");
    assert_eq!(lines[9], "[\"again\", \"first\"] champion");
    assert_eq!(lines[10..13], ["600 600 True", "True True", "[\"ECE\", \"calibration slope\"]"]);
    assert!(
        lines[13].starts_with("2 rows by default 1   threshold 0.40   recorded as "),
        "{printed}"
    );
    let heading: Vec<&str> = lines[14].split_whitespace().collect();
    assert_eq!(heading, ["p(1)", "label", "age", "income", "region"]);
    assert_eq!(lines.len(), 17, "{printed}");
}

#[test]
fn without_a_server_one_is_started_and_ends() {
    let scratch = Scratch::new("repl-alone");
    let run = |code: &str| actuary(scratch.path()).args(["run", "-c", code]).output().unwrap();
    let first = run("datasets()");
    assert_eq!(stdout(&first), "[]\n", "{}", stderr(&first));
    assert!(stderr(&first).contains("first admin key, shown this once: act_"));
    let again = run("models()");
    assert_eq!((stdout(&again).as_str(), stderr(&again).as_str()), ("[]\n", ""));
}
