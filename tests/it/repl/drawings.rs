use super::{Place, stderr, stdout};

/// The texts of a picture, one a line.
fn texts(svg: &str) -> Vec<&str> {
    svg.lines().map(str::trim).filter(|line| !line.starts_with('<')).collect()
}

#[test]
fn what_is_drawn_says_what_it_is_and_what_is_left_out() {
    let place = Place::new("repl-drawings");
    let wide: Vec<String> =
        (0..40).map(|at| format!(".with_column('c{at}', 'age + {at}')")).collect();
    let code = format!(
        "f = frame('loans.csv')\n\
         m = train(f, 'default', network='linear', epochs=3, features=['income', 'age', 'region'])\n\
         m.plot().save('losses.svg')\n\
         m.plot('reliability').save('reliability.svg')\n\
         m.importance(repeats=2).plot().save('importance.svg')\n\
         e = m.explain(f.head(1))\n\
         e.plot().save('explained.svg')\n\
         e.plot(row=0).save('waterfall.svg')\n\
         d = m.dependence('income', pairs=[['age', 'region']], points=6, rows=60)\n\
         print(d)\n\
         d.plot().save('column.svg')\n\
         d.plot('region').save('pair.svg')\n\
         print(d.plot('age × region'))\n\
         pair = m.dependence(pairs=[['age', 'income']], points=6, rows=60).plot()\n\
         print(pair)\n\
         print('fields', len(pair.series['p(1)']))\n\
         m.surrogate(leaf=10).plot().save('surrogate.svg')\n\
         wide = f{}\n\
         bins = bin(wide, target='default')\n\
         print('many', len(bins.plot().series['information value']) > 40)\n\
         bins.plot().save('binned.svg')\n\
         print(d.plot('incom'))\n",
        wide.concat()
    );
    let output = place.run(&["run", "-c", &code], "");
    assert!(
        stderr(&output).contains("what: is one of income, age × region"),
        "{}",
        stderr(&output)
    );
    let printed = stdout(&output);
    assert!(printed.contains("income, age × region (3 × 3 points): p(1)"), "{printed}");
    assert!(printed.contains("plot of default 1, p(1) by age and region   9 points"), "{printed}");
    assert!(printed.contains("plot of default 1, p(1) by age and income   9 points"), "{printed}");
    assert!(printed.contains("fields 9"), "{printed}");
    assert!(printed.contains("many True"), "all columns are in the plot: {printed}");
    pictures(&place);
}

/// What the pictures that were saved say.
fn pictures(place: &Place) {
    let picture = |name: &str| {
        std::fs::read_to_string(place.scratch.path().join(format!("{name}.svg"))).unwrap()
    };
    for (name, title, label) in [
        ("losses", "default 1, losses", "epoch"),
        ("reliability", "default 1, reliability", "predicted"),
        ("importance", "default 1, importance", "column"),
        ("explained", "default 1, explanation", "column"),
        ("column", "default 1, p(1) by income", "income"),
        ("pair", "default 1, p(1) by age and region", "age"),
        ("surrogate", "default 1, line of the surrogate", "term"),
        ("binned", "what columns tell of default", "column"),
    ] {
        let svg = picture(name);
        let texts = texts(&svg);
        assert!(texts.contains(&title) && texts.contains(&label), "{name}: {texts:?}");
    }
    let svg = picture("waterfall");
    let waterfall = texts(&svg);
    assert!(
        waterfall.iter().any(|text| text.starts_with("income = 15000\u{2003}")),
        "{waterfall:?}"
    );
    for name in ["base and value", "raises", "lowers"] {
        assert!(waterfall.contains(&name), "{waterfall:?}");
    }
    let svg = picture("binned");
    let binned = texts(&svg);
    let shown =
        binned.iter().filter(|text| text.starts_with('c') && text.contains("\u{2003}0.")).count();
    assert!(shown < 40 && binned.iter().any(|text| text.ends_with(" more")), "{binned:?}");
}

#[test]
fn what_is_refused_is_said_in_the_words_of_cells() {
    let place = Place::new("repl-wording");
    let cells = "load('loans.csv'); r = load(frame('rates.csv').with_column('bond', '50 + sqrt(rate)'), name='funds')\n\
                 train('loans', 'defautl')\n\
                 m = train('loans', 'default', network='linear', epochs=1, model='risky')\n\
                 predict(m, {'income': 'much', 'region': 'north', 'zip': '1'})\n\
                 m.dependence('incom')\n\
                 v = train(frame('rates.csv'), 'rate', window={'time': 'date', 'look_back': 5, 'horizon': 1}, model='rates', network='nlinear', epochs=1)\n\
                 predict(v, {'rate': 1})\n\
                 risk(r, start='2026-01-01')\n\
                 invest(r, since='2026-01-01', resamples=0)\n";
    let output = place.run(&["repl"], cells);
    let said = stderr(&output);
    for part in [
        "error: there is no column defautl; did you mean default?\n  at target\n",
        "rows[0].age: is missing; give None where it is unknown",
        "did you mean income?\n  at columns[0]\n",
        "ask forecast(\"rates\")",
        "widen start and end",
        "widen since and until",
    ] {
        assert!(said.contains(part), "{part}:\n{said}");
    }
    for part in ["POST ", "null", "analysis.", "error: /", "prices.from"] {
        assert!(!said.contains(part), "{part}:\n{said}");
    }
}

#[test]
fn terms_and_trades_that_nobody_can_do_are_told() {
    let place = Place::new("repl-told");
    let printed = place.code(
        "load('loans.csv'); m = train('loans', 'default', network='linear', epochs=1); m.promote();\n\
         lender = policy('plain', {'model': 'default', 'cut_offs': {'unit': 'probability', 'approve': 0.5, 'decline': 0.6}})\n\
         print([row['term'] for row in lender.describe()])\n\
         r = load(frame('rates.csv').with_column('bond', '50 + sqrt(rate)'), name='funds')\n\
         walks = [walk_forward(r, ['min_variance'], window=60, lag=lag) for lag in [0, 1]]\n\
         print([str(walk).count('nobody can do') for walk in walks])\n",
    );
    assert!(printed.contains("\"cut_offs\"") && printed.contains("\"model\""), "{printed}");
    assert!(printed.contains("[1, 0]"), "{printed}");
}
