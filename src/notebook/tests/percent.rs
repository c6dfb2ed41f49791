//! Reading and writing of percent scripts.

use super::*;

/// Kind, source and metadata of each cell of a script.
fn cells(text: &str) -> Vec<(CellKind, String, String)> {
    told(&script(text))
}

fn cell(kind: CellKind, source: &str, options: &str) -> (CellKind, String, String) {
    (kind, source.to_owned(), options.to_owned())
}

#[test]
fn a_script_by_hand_is_read_and_put_back() {
    let text = "#!/usr/bin/env actuary\n# -*- coding: utf-8 -*-\n# ---\n# jupyter:\n#   kernelspec:\n#     name: actuary\n# ---\n\n\n\
        load = 1\n\n\n# %%  A title  \n\nx = 1\n\n\ny = 2\n\n\n\
        #%% [markdown]\n# # Head\n#\n#no space\n\nparagraph\n# %% [md] Text {\"a\": 1}\n# b\n\
        # %% [raw] format=\"text/latex\" draft\n# \\alpha\n# %%% Part [markdown] tags=[\"a b\",\"c\"]\n\n    # %% in\n    z\n# %%";
    let read = script(text);
    let expected = [
        cell(CellKind::Code, "load = 1", ""),
        cell(CellKind::Code, "x = 1\n\n\ny = 2", "title=\"A title\""),
        cell(CellKind::Markdown, "# Head\n\nno space\n\nparagraph", ""),
        cell(CellKind::Markdown, "b", "a=1 title=\"Text\""),
        cell(CellKind::Raw, "\\alpha", "draft=null format=\"text/latex\""),
        cell(CellKind::Markdown, "", "cell_depth=1 tags=[\"a b\", \"c\"] title=\"Part\""),
        cell(CellKind::Code, "    z", "title=\"in\""),
        cell(CellKind::Code, "", ""),
    ];
    assert_eq!(told(&read), expected);
    assert_eq!(read.to_percent(), text);
    assert_eq!(read.cells[5].tags(), ["a b", "c"]);
}

#[test]
fn the_header_survives_a_file() {
    let text = "# ---\n# title: x\n# ---\n\n# %%\nx\n";
    let read = script(text);
    assert_eq!(read.cells.len(), 1);
    assert_eq!(file(&read.to_ipynb()).to_percent(), text);
}

#[test]
fn a_header_that_does_not_end_is_code() {
    assert_eq!(cells("# ---\n# a: 1\n\nx"), [cell(CellKind::Code, "# ---\n# a: 1\n\nx", "")]);
}

#[test]
fn a_file_without_markers_is_one_cell() {
    assert_eq!(cells("\n\nx = 1\n\ny\n"), [cell(CellKind::Code, "x = 1\n\ny", "")]);
    assert_eq!(cells(" \n"), []);
}

#[test]
fn markers_in_strings_and_magics_are_part_of_the_code() {
    let text = "x = \"\"\"\n# %% a\n'''\n# # %% b\n\"\"\" # \"\"\"\n# %%time\n%time x\n!ls 'a'\n# %%\n'\\\n# %% c'\n";
    let expected = [
        cell(
            CellKind::Code,
            "x = \"\"\"\n# %% a\n'''\n# # %% b\n\"\"\" # \"\"\"\n# %%time\n%time x\n!ls 'a'",
            "",
        ),
        cell(CellKind::Code, "'\\\n# %% c'", ""),
    ];
    assert_eq!(cells(text), expected);
}

#[test]
fn what_looks_like_a_marker_is_escaped() {
    let source = "# %% a\n  # # %%\nx = '''\n# %%\n'''\n# %%time";
    let cells = vec![code(source), Cell::new(CellKind::Markdown, "%% a\n# %% b"), code("\"\"\"\n")];
    let text = notebook(cells).to_percent();
    let expected = "# %%\n# # %% a\n  # # # %%\nx = '''\n# %%\n'''\n# %%time\n\n\
        # %% [markdown]\n# # %% a\n# # # %% b\n\n# %% [commented]\n# \"\"\"\n#\n";
    assert_eq!(text, expected);
    let sources: Vec<String> = script(&text).cells.into_iter().map(|cell| cell.source).collect();
    assert_eq!(sources, [source, "%% a\n# %% b", "\"\"\"\n"]);
}

#[test]
fn a_title_that_would_be_read_otherwise_is_an_option() {
    let titles = [
        ("plain", "# %% plain\n"),
        ("a=1", "# %% title=\"a=1\"\n"),
        ("n = 3", "# %% title=\"n = 3\"\n"),
        ("[raw]", "# %% title=\"[raw]\"\n"),
        ("tags = x", "# %% title=\"tags = x\"\n"),
        ("{}", "# %% title=\"{}\"\n"),
    ];
    for (title, expected) in titles {
        let mut cell = code("");
        cell.metadata.set("title", title);
        assert_eq!(notebook(vec![cell]).to_percent(), expected);
    }
    let mut cell = code("");
    cell.metadata.set("a b", &1);
    cell.metadata.set("scrolled", &true);
    assert_eq!(notebook(vec![cell]).to_percent(), "# %% {\"a b\": 1}\n");
}

#[test]
fn only_changed_cells_are_written_anew() {
    let mut notebook = script("#%% a=1\nx\n\n\n\n#%%   [md]\n\n# b\n#%% c\ny");
    notebook.cells[1].source = "c".to_owned();
    notebook.cells[2].metadata.set("tags", &["t"]);
    let expected = "#%% a=1\nx\n\n\n\n# %% [markdown]\n# c\n\n# %% c tags=[\"t\"]\ny\n";
    assert_eq!(notebook.to_percent(), expected);
}

#[test]
fn lines_may_end_as_on_windows() {
    let text = "x\r\n# %% t\r\ny\r\nz\r\n";
    let mut read = script(text);
    assert_eq!(read.to_percent(), text);
    assert_eq!(read.cells[1].source, "y\nz");
    read.cells[1].source.push('!');
    assert_eq!(read.to_percent(), "x\r\n\r\n# %% t\r\ny\r\nz!\r\n");
}

#[test]
fn tags_that_cannot_be_read_are_told_with_their_line() {
    for tags in ["tags=['a']", "tags=\"a\"", "title tags=[\"a\" [markdown]", "tags = [\"a\"]"] {
        let text = format!("# ---\n# ---\n\nx\n# %%\ny\n# %% {tags}\n");
        let error = Notebook::from_percent("x.star", &text).unwrap_err();
        assert_eq!(
            error.to_string(),
            "x.star is no notebook: line 7: the tags are no list of strings; write tags=[\"parameters\"]"
        );
        assert_eq!(error.line, Some(7));
    }
    assert_eq!(cells("# %% about tags\n").len(), 1);
}

#[test]
fn ids_of_a_script_do_not_change() {
    let text = "# %%\nx\n\n# %%\nx\n";
    let ids = |notebook: Notebook| -> Vec<String> {
        notebook.cells.into_iter().map(|cell| cell.id).collect()
    };
    let first = ids(script(text));
    assert_eq!(first, ids(script(text)));
    assert_ne!(first[0], first[1]);
    assert_eq!(script(text).to_ipynb(), script(text).to_ipynb());
}
