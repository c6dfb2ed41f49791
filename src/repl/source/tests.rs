use proptest::prelude::*;
use rstest::rstest;

use super::*;

#[rstest]
#[case("x = load(\"load.csv\")  # load", "x = l0ad(\"load.csv\")  # load")]
#[case("help(load)", "help(l0ad)")]
#[case("reload(payload, loads, load_all)", "reload(payload, loads, load_all)")]
#[case("'it''s load' + load", "'it''s load' + l0ad")]
#[case("\"\"\"load\n'load\"\"\"; load", "\"\"\"load\n'load\"\"\"; l0ad")]
#[case("loadload load", "loadload l0ad")]
fn only_the_function_is_masked(#[case] source: &str, #[case] expected: &str) {
    assert_eq!(masked(source), expected);
    assert_eq!(unmasked(&masked(source)), source);
}

proptest! {
    #[test]
    fn any_text_keeps_its_length_and_its_pieces_join(source in "[a-z load\"'#%!(\\n\\\\;:ü]{0,60}") {
        prop_assert_eq!(masked(&source).len(), source.len());
        let joined: String = pieces(&source).iter().map(|p| &source[p.range.clone()]).collect();
        prop_assert_eq!(joined, source.clone());
        let (without, _) = without_semicolon(&source);
        prop_assert_eq!(without.len(), source.len());
        is_open(&source);
        if let Some(outline) = outline(&source) {
            prop_assert_eq!(outline.len(), source.len());
        }
        at_end(&source);
    }
}

#[rstest]
#[case("x", "x", false)]
#[case("x;", "x ", true)]
#[case("x ;  # quiet", "x    # quiet", true)]
#[case("';'", "';'", false)]
#[case("f(x);\n", "f(x) \n", true)]
#[case("# x;", "# x;", false)]
fn a_last_semicolon_is_taken_off(#[case] source: &str, #[case] rest: &str, #[case] had: bool) {
    assert_eq!(without_semicolon(source), (rest.to_owned(), had));
}

#[rstest]
#[case("1 + 1", false)]
#[case("f(", true)]
#[case("f(\n  1,\n)", false)]
#[case("[')'", true)]
#[case("f('(')", false)]
#[case("'''text", true)]
#[case("'text", false)]
#[case("for x in y:", true)]
#[case("for x in y: print(x)", false)]
#[case("for x in y:\n  print(x)", true)]
#[case("for x in y:\n  print(x)\n", false)]
#[case("for x in y:  # each", true)]
#[case("def f():\n", true)]
#[case("def f():\n\n", false)]
#[case("x = 1\ny = 2", false)]
#[case("x = 1 + \\", true)]
#[case("!echo (it's '''", false)]
#[case("%time f(", false)]
#[case("%time\nf(", true)]
#[case("%time\nfor x in y:\n  print(x)\n", false)]
fn blocks_and_brackets_go_on(#[case] source: &str, #[case] open: bool) {
    assert_eq!(is_open(source), open, "{source:?}");
}

#[test]
fn what_stands_at_the_cursor_is_known() {
    let name = |start, call: Option<&str>| At::Name { start, call: call.map(str::to_owned) };
    assert_eq!(at_end(""), name(0, None));
    assert_eq!(at_end("tra"), name(0, None));
    assert_eq!(at_end("m = tra"), name(4, None));
    assert_eq!(at_end("train(loans, tar"), name(13, Some("train")));
    assert_eq!(at_end("train(f(x), [a, "), name(16, Some("train")));
    assert_eq!(at_end("m.predict(ro"), name(10, Some("predict")));
    assert_eq!(at_end("m.pro"), At::Attribute { start: 2, of: "m".into() });
    assert_eq!(at_end("f().pro"), At::Nothing);
    assert_eq!(at_end("# tra"), At::Nothing);
    let text = |start, call: &str, first| At::Text {
        start,
        call: Some(call.rsplit('.').next().unwrap().into()),
        of: call.split_once('.').map(|(of, _)| of.into()),
        first,
    };
    assert_eq!(at_end("f.select([\"in"), text(11, "f.select", true));
    let magic = |start, name: Option<&str>| At::Magic { start, name: name.map(str::to_owned) };
    assert_eq!(at_end("%ti"), magic(1, None));
    assert_eq!(at_end("x = 1\n%run a/b"), magic(11, Some("run")));
    assert_eq!(at_end("%time f(x"), name(8, Some("f")));
    assert_eq!(at_end("load(\"lo"), text(6, "load", true));
    assert_eq!(at_end("load('a', name='lo"), text(16, "load", false));
    assert_eq!(at_end("m.predict('x"), text(11, "m.predict", true));
    assert_eq!(at_end("'lo"), At::Text { start: 1, call: None, of: None, first: false });
}

#[rstest]
#[case("x = 1\n%time", "")]
#[case("%time\nx", "%time\n")]
#[case("# a\n\n !ls\n# b\nx", "# a\n\n !ls\n")]
#[case("(\n% 2)", "")]
fn lines_for_the_session_stand_at_the_head(#[case] cell: &str, #[case] expected: &str) {
    assert_eq!(&cell[..head(cell)], expected);
}

#[test]
fn an_outline_is_the_code_at_its_places() {
    assert_eq!(outline("f('ü\\'', \"b\")  # c").as_deref(), Some("f(xxxxxx, xxx)     "));
    assert_eq!(outline("x = \"\"\"a\nb\"\"\"\ny").as_deref(), Some("x = xxxxxxxxx\ny"));
    assert_eq!(outline("f('a"), None);
    assert_eq!(outline("f('a\ng").as_deref(), Some("f(xx\ng"));
}
