//! Reading and writing of `.ipynb`.

use super::*;

/// A file as Jupyter writes it, with outputs and fields that are unknown here.
const ODD: &str = r##"{
 "cells": [
  {
   "attachments": {
    "a.png": {
     "image/png": "iVBORw0KGgo="
    }
   },
   "cell_type": "markdown",
   "id": "first-1_A",
   "metadata": {},
   "source": [
    "# Title\n",
    "\n",
    "![a](attachment:a.png)"
   ]
  },
  {
   "cell_type": "code",
   "execution_count": 7,
   "id": "2",
   "later_field": [
    1.0,
    1e400,
    {
     "a": {},
     "b": []
    }
   ],
   "metadata": {
    "collapsed": true,
    "tags": []
   },
   "outputs": [
    {
     "output_type": "from_the_future",   "x": [1.50,  1E2, "\u00e9\/"]
    },
    {
     "data": {
      "application/vnd.odd+json": {"z": 1, "a": 123456789012345678901234567890},
      "text/plain": "one string"
     },
     "metadata": {},
     "output_type": "display_data",
     "transient": {
      "display_id": "abc"
     }
    },
    {"output_type":"stream"}
   ],
   "source": []
  }
 ],
 "future": {
  "x": null
 },
 "metadata": {
  "authors": [
   {
    "name": "A\u00e9"
   }
  ],
  "kernelspec": {
   "display_name": "Python 3",
   "language": "python",
   "name": "python3"
  },
  "language_info": {
   "name": "python"
  }
 },
 "nbformat": 4,
 "nbformat_minor": 5
}
"##;

fn refusal(text: &str) -> String {
    Notebook::from_ipynb("x.ipynb", text).unwrap_err().to_string()
}

#[test]
fn a_file_of_jupyter_stays_byte_for_byte() {
    let read = file(ODD);
    assert_eq!(read.to_ipynb(), ODD);
    assert_eq!(read.cells[0].source, "# Title\n\n![a](attachment:a.png)");
    assert_eq!(read.cells[1].execution_count, Some(7));
    assert_eq!(read.cells[1].outputs[2].get(), r#"{"output_type":"stream"}"#);
}

#[test]
fn an_empty_notebook_says_which_kernel_runs_it() {
    let expected = r#"{
 "cells": [],
 "metadata": {
  "kernelspec": {
   "display_name": "Actuary",
   "name": "actuary"
  },
  "language_info": {
   "codemirror_mode": "python",
   "file_extension": ".star",
   "mimetype": "text/x-starlark",
   "name": "starlark",
   "pygments_lexer": "python"
  }
 },
 "nbformat": 4,
 "nbformat_minor": 5
}
"#;
    assert_eq!(Notebook::default().to_ipynb(), expected);
    let bare = r#"{"nbformat": 4, "cells": [], "metadata": {"kernelspec": {"name": "actuary"}}}"#;
    assert_eq!(file(bare).to_ipynb(), expected);
}

#[test]
fn what_is_said_of_our_kernel_besides_is_kept() {
    let text = r#"{"nbformat": 4, "cells": [], "metadata": {
        "kernelspec": {"name": "actuary", "display_name": "Mine", "language": "starlark"},
        "language_info": {"name": "starlark", "version": "0.1"}}}"#;
    let metadata = file(&file(text).to_ipynb()).metadata;
    let values: Vec<String> =
        metadata.iter().map(|(_, value)| json::one_line(value.get())).collect();
    assert_eq!(
        values,
        [
            r#"{"name": "actuary", "display_name": "Mine", "language": "starlark"}"#,
            r#"{"name": "starlark", "version": "0.1"}"#
        ]
    );
}

#[test]
fn cells_of_older_files_get_ids() {
    let text = r#"{"nbformat": 4, "nbformat_minor": 2, "metadata": {}, "cells": [
        {"cell_type": "code", "source": "x = 1\ny", "metadata": {}, "outputs": [], "execution_count": null},
        {"cell_type": "code", "source": ["x = 1\n", "y"], "outputs": []},
        {"cell_type": "raw", "id": "a b", "source": ""},
        {"cell_type": "raw", "id": "same", "source": ""},
        {"cell_type": "raw", "id": "same", "source": ""}]}"#;
    let read = file(text);
    let ids: Vec<&str> = read.cells.iter().map(|cell| cell.id.as_str()).collect();
    assert!(ids.iter().all(|id| is_id(id)), "{ids:?}");
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 5, "{ids:?}");
    assert_eq!(ids[3], "same");
    assert_eq!(read.cells[0].source, read.cells[1].source);
    let written = read.to_ipynb();
    assert!(written.contains("\"nbformat_minor\": 5"));
    assert_eq!(written, file(text).to_ipynb());
    assert_eq!(written, file(&written).to_ipynb());
}

#[test]
fn a_cell_without_id_gets_one_when_written() {
    let notebook = notebook(vec![code("x"), code("x"), Cell { id: "é".into(), ..code("x") }]);
    let read = file(&notebook.to_ipynb());
    assert!(read.cells.iter().all(|cell| cell.id.len() == ID_DIGITS));
    let mut named = notebook.clone();
    named.name_cells();
    assert_eq!(named.to_ipynb(), notebook.to_ipynb());
}

#[test]
fn a_fault_is_told_with_its_line() {
    let cell = "{\"nbformat\": 4,\n\"cells\": [\n{\"cell_type\": \"code\",\n";
    let faults = [
        ("", "line 1: EOF while parsing a value"),
        ("[1]", "line 1: invalid type: sequence, expected an object"),
        ("{\n \"nbformat\": 4\n \"cells\": []}", "line 3: expected `,` or `}`"),
        (
            "{\"nbformat\": 4,\n\"cells\": 3}",
            "line 2: invalid type: integer `3`, expected a sequence",
        ),
        ("{\"nbformat\": 4}", "line 1: missing field `cells`"),
        (
            &format!("{cell}\"source\": {{}}}}]}}"),
            "line 4: invalid type: map, expected a string or a list of strings",
        ),
        (
            &format!("{cell}\"metadata\": []}}]}}"),
            "line 4: invalid type: sequence, expected an object",
        ),
        (
            &format!("{cell}\"execution_count\": -1}}]}}"),
            "line 4: invalid value: integer `-1`, expected u32",
        ),
        ("{\"nbformat\": 4, \"cells\": [\n{}]}", "line 2: missing field `cell_type`"),
        (
            "{\"nbformat\": 4, \"cells\": [\n{\"cell_type\": \"heading\"}]}",
            "line 2: a cell is code, markdown or raw, not `heading`",
        ),
    ];
    for (text, expected) in faults {
        assert_eq!(refusal(text), format!("x.ipynb is no notebook: {expected}"));
    }
}

#[test]
fn other_formats_are_refused_with_a_way_out() {
    let formats = [
        (
            "{\"nbformat\": 3, \"worksheets\": [{\"cells\": []}]}",
            "its format 3 is too old; `jupyter nbconvert --to notebook x.ipynb` converts it",
        ),
        (
            "{\"nbformat\": 5, \"cells\": []}",
            "its format 5 is too new; save it in Jupyter as one of format 4",
        ),
        ("{}", "it has no `nbformat`; a notebook of Jupyter says \"nbformat\": 4"),
    ];
    for (text, expected) in formats {
        assert_eq!(refusal(text), format!("x.ipynb is no notebook: {expected}"));
    }
}

#[test]
fn outputs_are_written_as_jupyter_writes_them() {
    let bundle = Bundle {
        text: "a\nb".to_owned(),
        html: Some(String::new()),
        json: Some(serde_json::json!({"k": [1.5]})),
        svg: None,
    };
    let expected = r#"{
     "data": {
      "application/json": {
       "k": [
        1.5
       ]
      },
      "text/html": [],
      "text/plain": [
       "a\n",
       "b"
      ]
     },
     "execution_count": 3,
     "metadata": {},
     "output_type": "execute_result"
    }"#;
    let output = Output::Result { execution_count: 3, bundle: bundle.clone() };
    assert_eq!(output.to_raw().get(), expected);
    let display = expected.replace("     \"execution_count\": 3,\n", "");
    let display = display.replace("execute_result", "display_data");
    assert_eq!(Output::Display { bundle }.to_raw().get(), display);
}

#[test]
fn streams_and_errors_are_written_as_jupyter_writes_them() {
    let stream = Output::Stream { text: "a\n\u{1b}[1mb\r\n".to_owned() };
    assert_eq!(
        json::one_line(stream.to_raw().get()),
        r#"{"name": "stdout", "output_type": "stream", "text": ["a\n", "\u001b[1mb\r\n"]}"#
    );
    let error = Output::Error {
        ename: "Error".to_owned(),
        evalue: "a \"b\"".to_owned(),
        traceback: vec!["x\ny".to_owned()],
    };
    assert_eq!(
        json::one_line(error.to_raw().get()),
        r#"{"ename": "Error", "evalue": "a \"b\"", "output_type": "error", "traceback": ["x\ny"]}"#
    );
}

#[test]
fn parameters_are_put_after_their_defaults() {
    let mut notebook =
        script("# %% [markdown]\n# a\n\n# %% tags=[\"parameters\"]\nx = 1\n\n# %%\nx\n");
    let told = |notebook: &Notebook| -> Vec<String> {
        notebook.cells.iter().map(|cell| cell.source.clone()).collect()
    };
    notebook.inject_parameters(&[("x", "2"), ("name", "\"a\"")]);
    assert_eq!(told(&notebook), ["a", "x = 1", "# Parameters\nx = 2\nname = \"a\"", "x"]);
    assert_eq!(notebook.cells[2].tags(), ["injected-parameters"]);
    let id = notebook.cells[2].id.clone();
    notebook.inject_parameters(&[("x", "3")]);
    assert_eq!(told(&notebook), ["a", "x = 1", "# Parameters\nx = 3", "x"]);
    assert_eq!(notebook.cells[2].id, id);
    assert_eq!(
        notebook.to_percent(),
        "# %% [markdown]\n# a\n\n# %% tags=[\"parameters\"]\nx = 1\n\n\
         # %% tags=[\"injected-parameters\"]\n# Parameters\nx = 3\n\n# %%\nx\n"
    );
}

#[test]
fn parameters_without_defaults_are_put_before_the_code() {
    let mut notebook = script("# %% [markdown]\n# a\n# %%\nx\n");
    notebook.inject_parameters(&[("x", "2")]);
    notebook.inject_parameters(&[("x", "3")]);
    let sources: Vec<&str> = notebook.cells.iter().map(|cell| cell.source.as_str()).collect();
    assert_eq!(sources, ["a", "# Parameters\nx = 3", "x"]);
    let mut empty = Notebook::default();
    empty.inject_parameters(&[]);
    assert_eq!(empty.to_percent(), "# %% tags=[\"injected-parameters\"]\n# Parameters\n");
}
