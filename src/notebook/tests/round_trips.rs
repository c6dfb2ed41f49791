//! Properties of the round trips.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// A line of code, often one that a reader could mistake.
fn line() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "",
        "",
        "x = 1",
        "# %%",
        "# %% [markdown]",
        "#%% a",
        "    # %% b",
        "# # %% c",
        "# # # %%",
        "##%%",
        "#  # %%",
        "# %%%",
        "# %%time",
        "%% d",
        "%%",
        "%time x",
        "!ls \"\"\"",
        "\"\"\"",
        "x = '''a",
        "b''' + 'c",
        "'it\\",
        "# ---",
        "#!/bin/x",
        "#",
        "# ",
        "  ",
        "\t# %%\tx",
        "\r",
        "y = \"# %%\" # '''",
        "# [raw]",
        "{",
        "\u{3000}# %%",
        "\u{feff}# %%",
    ]);
    prop_oneof![4 => odd.prop_map(str::to_owned), 1 => "[ -~äπ\u{2028}]{0,12}"]
}

fn source() -> impl Strategy<Value = String> {
    vec(line(), 0..6).prop_map(|lines| lines.join("\n"))
}

/// A source that begins and ends with something.
fn kept_source() -> impl Strategy<Value = String> {
    source().prop_map(|source| without_blanks(&source))
}

fn without_blanks(source: &str) -> String {
    let lines: Vec<&str> = source.split('\n').collect();
    let full = |line: &&str| !line.trim().is_empty();
    let first = lines.iter().position(full).unwrap_or(lines.len());
    let last = lines.iter().rposition(full).map_or(first, |last| last + 1);
    lines[first..last].join("\n")
}

/// The parts of cells that both forms hold, without blank lines at the ends of code.
fn told_but_blanks(notebook: &Notebook) -> Vec<(CellKind, String, String)> {
    let mut cells = told(notebook);
    for (_, source, _) in cells.iter_mut().filter(|(kind, ..)| *kind == CellKind::Code) {
        *source = without_blanks(source);
    }
    cells
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ -~\n\r\té]{0,8}".prop_map(Value::from),
        prop::sample::select(vec!["[raw]", "a=1", "tags=[x]", "{}", "# %%", "%"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            vec(("[a-z =]{0,4}", inner), 0..3)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let key = prop_oneof![
        prop::sample::select(vec!["title", "cell_depth", "name", "a b", "", "k=", "[raw]"])
            .prop_map(str::to_owned),
        "[a-z_.@/-]{1,5}",
    ];
    let title = prop::option::of(prop_oneof![
        prop::sample::select(vec![
            "A title",
            "a=1",
            "n = 3",
            "[raw] x",
            "x {",
            "{}",
            "%a",
            " b",
            "tags=[\"x\"]",
            "tags = 3",
            "a [markdown]",
            "null",
            "x y=",
            "[commented]",
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,10}",
    ]);
    let tags = prop::option::of(vec("[a-z -]{1,6}", 0..3));
    (vec((key, value()), 0..3), title, tags).prop_map(|(pairs, title, tags)| {
        let mut metadata = Metadata::default();
        pairs.iter().for_each(|(key, value)| metadata.set(key, value));
        title.iter().for_each(|title| metadata.set("title", title));
        tags.iter().for_each(|tags| metadata.set("tags", tags));
        metadata
    })
}

fn kind() -> impl Strategy<Value = CellKind> {
    prop::sample::select(vec![CellKind::Code, CellKind::Markdown, CellKind::Raw])
}

fn cells() -> impl Strategy<Value = Vec<Cell>> {
    // Only a code cell may lose blank lines at its ends.
    let parts = kind().prop_flat_map(|kind| {
        let source = match kind {
            CellKind::Code => kept_source().boxed(),
            _ => source().boxed(),
        };
        (Just(kind), source, metadata())
    });
    let cell = parts.prop_map(|(kind, source, metadata)| {
        let mut cell = Cell::new(kind, source);
        cell.metadata = metadata;
        cell
    });
    vec(cell, 0..5)
}

/// A hand-written script.
fn text() -> impl Strategy<Value = String> {
    let marker = prop::sample::select(vec![
        "# %%",
        "#%%",
        "# %% title",
        "# %% [md]",
        "# %% [raw] a=1 b",
        "   # %% x  ",
        "# %%\r",
        "# %% a [markdown] tags=[ \"x\" ]",
        "# %%% sub",
        "# %% {\"tags\": [\"parameters\"]}",
        "",
        "# %% [commented]",
        "# %% foo=bar",
        "# plain",
        "text",
        "# ---",
    ]);
    let part = prop_oneof![1 => marker.prop_map(str::to_owned), 3 => line()];
    (vec(part, 0..14), any::<bool>())
        .prop_map(|(lines, windows)| lines.join(if windows { "\r\n" } else { "\n" }))
}

/// A text without what its first cell lacks: blank lines before it.
fn without_leading_blanks(text: &str) -> &str {
    let blank = text.split_inclusive('\n').take_while(|line| line.trim().is_empty());
    &text[blank.map(str::len).sum::<usize>()..]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn cells_survive_a_script(cells in cells()) {
        let notebook = notebook(cells);
        let text = notebook.to_percent();
        let back = script(&text);
        prop_assert_eq!(told(&back), told(&notebook), "{}", text);
        prop_assert_eq!(back.to_percent(), text.clone());
        // Without the text that the cells were read from.
        let anew = file(&back.to_ipynb());
        prop_assert_eq!(anew.to_percent(), text);
    }

    #[test]
    fn cells_survive_a_file(cells in cells(), sources in vec(source(), 5)) {
        let mut notebook = notebook(cells);
        notebook.cells.iter_mut().zip(sources).for_each(|(cell, source)| cell.source = source);
        notebook.name_cells();
        let text = notebook.to_ipynb();
        let back = file(&text);
        prop_assert_eq!(told(&back), told(&notebook));
        prop_assert_eq!(back.to_ipynb(), text);
    }

    #[test]
    fn a_script_is_put_back_as_it_was(text in text()) {
        let read = script(&text);
        let kept = read.to_percent();
        prop_assert_eq!(without_leading_blanks(&kept), without_leading_blanks(&text));
        prop_assert_eq!(told(&script(&kept)), told(&read));
    }

    #[test]
    fn a_script_survives_a_file(text in text()) {
        let read = script(&text);
        let anew = file(&read.to_ipynb());
        prop_assert_eq!(told(&anew), told(&read));
        let text = anew.to_percent();
        prop_assert_eq!(told_but_blanks(&script(&text)), told_but_blanks(&read), "{}", text);
    }

    #[test]
    fn cells_that_are_moved_and_changed_are_read_again(
        text in text(),
        added in cells(),
        at in any::<prop::sample::Index>(),
        changed in kept_source(),
    ) {
        let mut notebook = script(&text);
        for cell in added {
            let at = at.index(notebook.cells.len() + 1);
            notebook.cells.insert(at, cell);
        }
        let place = at.index(notebook.cells.len() + 1);
        if let Some(cell) = notebook.cells.get_mut(place) {
            cell.source = changed;
        }
        let text = notebook.to_percent();
        prop_assert_eq!(told_but_blanks(&script(&text)), told_but_blanks(&notebook), "{}", text);
    }

    #[test]
    fn json_keeps_its_meaning_in_any_layout(value in value(), depth in 0_usize..4) {
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        prop_assert_eq!(read(&json::one_line(&pretty)), value.clone());
        prop_assert!(!json::one_line(&pretty).contains('\n'));
        let indented = json::indented(&pretty, depth);
        prop_assert_eq!(read(&indented), value);
        prop_assert_eq!(json::indented(&json::one_line(&pretty), depth), indented);
    }

    #[test]
    fn outputs_stay_byte_for_byte(value in value(), pretty in any::<bool>()) {
        let output = serde_json::json!({"output_type": "odd", "transient": {"display_id": "x"}, "v": value});
        let output =
            if pretty { serde_json::to_string_pretty(&output) } else { serde_json::to_string(&output) };
        let output = output.unwrap();
        let mut cell = code("x");
        cell.outputs.push(RawValue::from_string(output.clone()).unwrap());
        let text = notebook(vec![cell]).to_ipynb();
        prop_assert!(text.contains(&output));
        let back = file(&text);
        prop_assert_eq!(back.cells[0].outputs[0].get(), output);
    }
}
