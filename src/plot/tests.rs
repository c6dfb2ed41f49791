//! Tests of whole plots in both forms.

use std::collections::HashSet;

use plotters::style::Color;
use proptest::prelude::*;

use super::*;

fn axis(label: &str, scale: Scale) -> Axis {
    Axis { label: label.to_owned(), scale }
}

fn layer(name: &str, mark: Mark, points: &[(f64, f64)]) -> Layer {
    Layer { name: name.to_owned(), mark, points: points.to_vec() }
}

fn plot(layers: Vec<Layer>) -> Plot {
    Plot {
        title: "Loss".to_owned(),
        x: axis("epoch", Scale::Number),
        y: axis("", Scale::Number),
        layers,
    }
}

fn names(names: &[&str]) -> Scale {
    Scale::Category(names.iter().map(|name| (*name).to_owned()).collect())
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

/// Without its colours.
fn plain(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
}

/// Whether all tags are closed in order and texts have no markup of their own.
fn is_well_formed(xml: &str) -> bool {
    let mut open = Vec::new();
    for part in xml.split('<').skip(1) {
        let Some((tag, text)) = part.split_once('>') else { return false };
        let text_is_plain = text.split('&').skip(1).all(|entity| {
            ["lt;", "gt;", "amp;", "quot;", "apos;"].iter().any(|known| entity.starts_with(known))
        });
        let control = |c: char| c.is_control() && c != '\n';
        if !text_is_plain || text.contains(control) || tag.matches('"').count() % 2 == 1 {
            return false;
        }
        let name = tag.split_whitespace().next().unwrap_or_default();
        match name.strip_prefix('/') {
            Some(name) if open.pop() != Some(name) => return false,
            None if !tag.ends_with('/') => open.push(name),
            _ => {}
        }
    }
    open.is_empty() && xml.starts_with("<svg ")
}

/// The coordinates of all shapes, in tenths of a pixel.
fn coordinates(svg: &str) -> Vec<(i64, i64)> {
    let lists = svg.split("points=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let pair = |text: &str| -> Option<(i64, i64)> {
        let (x, y) = text.split_once(',')?;
        Some((x.parse().ok()?, y.parse().ok()?))
    };
    lists.flat_map(str::split_whitespace).filter_map(pair).collect()
}

#[test]
fn a_line_has_a_frame_and_labels() {
    let text = plot(vec![layer("", Mark::Line, &[(0.0, 0.0), (10.0, 1.5)])]).braille(30, 11, false);
    let expected = "
     Loss
1.5 ┤                     ⢀⡠⠔⠊
    │                  ⣀⠤⠊⠁
1.0 ┤              ⢀⠤⠒⠉
    │          ⢀⡠⠔⠊⠁
0.5 ┤       ⣀⠤⠒⠁
    │   ⢀⡠⠒⠉
  0 ┤⡠⠔⠊⠁
    └┬───────────┬───────────┬
     0           5          10
               epoch";
    assert_eq!(format!("\n{text}"), expected, "{text}");
}

#[test]
fn layers_without_colours_have_symbols() {
    let train = layer("train", Mark::Line, &[(1.0, 4.0), (5.0, 1.0)]);
    let validation = layer("validation", Mark::Line, &[(1.0, 4.0), (5.0, 3.0)]);
    let text = plot(vec![train, validation]).braille(40, 10, false);
    assert_eq!(lines(&text).last(), Some(&"● train  × validation"), "{text}");
    let drawn = text.rsplit_once('\n').map_or("", |(above, _)| above);
    assert!(drawn.contains('●') && drawn.contains('×'), "{text}");
}

#[test]
fn layers_with_colours_have_the_colour_of_their_name() {
    let train = layer("train", Mark::Line, &[(1.0, 4.0), (5.0, 1.0)]);
    let validation = layer("validation", Mark::Points, &[(1.0, 4.0), (5.0, 3.0)]);
    let text = plot(vec![train, validation]).braille(40, 10, true);
    let legend = "\x1b[36m●\x1b[0m train  \x1b[33m∴\x1b[0m validation";
    assert_eq!(lines(&text).last(), Some(&legend), "{text}");
    assert!(text.contains("\x1b[1mLoss\x1b[0m"), "{text}");
    assert!(text.matches("\x1b[36m").count() > 1 && text.matches("\x1b[33m").count() > 1);
}

/// A line each, that none may be taken for another.
#[test]
fn twenty_series_are_told_apart() {
    let names: Vec<String> = (0..20).map(|at| format!("n{at}")).collect();
    let each =
        |at: usize| layer(&names[at], Mark::Line, &[(0.0, at as f64), (9.0, 40.0 - at as f64)]);
    let plot = plot((0..20).map(each).collect());
    let text = plot.braille(200, 40, false);
    let legend = lines(&text)[lines(&text).len() - 1];
    let symbols: HashSet<&str> = legend.split_whitespace().step_by(2).collect();
    assert_eq!(symbols.len(), 20, "{legend}");
    let drawn = text.rsplit_once('\n').map_or("", |(above, _)| above);
    assert!(symbols.iter().all(|symbol| drawn.contains(symbol)), "{text}");
    // Six colours of a terminal are too few.
    let text = plot.braille(200, 40, true);
    let legend = lines(&text)[lines(&text).len() - 1];
    let marks: HashSet<&str> = legend.split("  ").filter_map(|one| one.split(' ').next()).collect();
    assert_eq!(marks.len(), 20, "{legend}");
    assert_eq!(plain(legend), plain(&plot.braille(200, 40, false)).lines().last().unwrap());
    let svg = plot.svg(900, 500).unwrap();
    let strokes: HashSet<&str> = svg
        .split("<polyline ")
        .skip(1)
        .filter(|line| line.contains("stroke-width=\"18\""))
        .filter_map(|line| line.split("stroke=\"").nth(1)?.split('"').next())
        .collect();
    assert_eq!(strokes.len(), 20, "{strokes:?}");
    assert!(is_well_formed(&svg));
    // Each line and its entry of the legend.
    assert_eq!(svg.matches("stroke-dasharray=\"80 50\"").count(), 14, "{svg}");
    assert_eq!(svg.matches("stroke-dasharray=\"10 40\"").count(), 12, "{svg}");
    let colours: HashSet<_> =
        (0..sheet::TOLD_APART).map(|at| sheet::colour(at).to_rgba().rgb()).collect();
    assert_eq!(colours.len(), sheet::TOLD_APART);
}

#[test]
fn a_line_breaks_where_a_value_is_missing() {
    let points = [(0.0, 1.0), (1.0, 1.0), (2.0, f64::NAN), (3.0, 1.0), (4.0, 1.0)];
    let mut broken = plot(vec![layer("", Mark::Line, &points)]);
    broken.title.clear();
    let text = broken.braille(24, 6, false);
    assert!(text.contains("⠉⠁   "), "{text}");
    let svg = broken.svg(300, 200).unwrap();
    assert_eq!(svg.matches("stroke=\"#0072B2\"").count(), 2, "{svg}");
}

#[test]
fn bars_of_a_histogram_adjoin_and_have_one_width() {
    let values = [1.0, 2.0, 2.0, 3.0, 3.0, 3.0, 4.0, 4.0, 5.0];
    let text = histogram("Ages", "years", &values, None).braille(30, 11, false);
    let expected = "
   Ages
   count
3 ┤          █████
  │          █████
2 ┤     ███████████████
  │     ███████████████
1 ┤█████████████████████████
0 ┤█████████████████████████
  └──┬────┬────┬────┬────┬──
     1    2    3    4    5
             years";
    assert_eq!(format!("\n{text}"), expected, "{text}");
}

#[test]
fn bars_of_categories_lie_beside_their_names() {
    let values = [(0.0, 0.5), (1.0, 0.25), (2.0, 0.0), (4.0, 0.1)];
    let importance = Plot {
        title: "Importance".to_owned(),
        x: axis("column", names(&["income", "loan_amount", "a_name_that_is_longer", "x", "state"])),
        y: axis("gain", Scale::Number),
        layers: vec![layer("", Mark::Bars { width: 0.8 }, &values)],
    };
    let expected = "
Importance
                column   gain
          income  0.500 │███████████████
     loan_amount  0.250 │███████▌
a_name_that_is_…      0 │
               x        │
           state  0.100 │███";
    let text = importance.braille(40, 20, false);
    assert_eq!(format!("\n{text}"), expected, "{text}");
    let text = importance.braille(40, 5, false);
    assert_eq!(lines(&text).last(), Some(&"… and 3 more"), "{text}");
}

#[test]
fn bars_below_zero_point_the_other_way() {
    let values = [(0.0, 2.0), (1.0, -1.0)];
    let mut signed = plot(vec![layer("", Mark::Bars { width: 0.8 }, &values)]);
    signed.x.scale = names(&["up", "down"]);
    let text = signed.braille(20, 20, false);
    assert_eq!(text, "Loss\n  epoch\n  up   2    │██████▋\ndown  -1 ███│", "{text}");
    signed.x.scale = Scale::Number;
    let text = signed.braille(16, 9, false);
    let expected = "
   Loss
2 ┤█████
  │█████
  │█████
0 ┤       █████
  │       ▀▀▀▀▀
  └──┬──────┬──
     0      1
      epoch";
    assert_eq!(format!("\n{text}"), expected, "{text}");
}

#[test]
fn a_plot_without_points_says_so() {
    let empty = plot(vec![layer("", Mark::Line, &[(f64::NAN, 1.0), (1.0, f64::INFINITY)])]);
    assert_eq!(empty.braille(40, 10, false), "Loss\nnothing to draw");
    assert_eq!(empty.braille(40, 1, false), "nothing to draw");
    assert!(empty.svg(400, 300).unwrap().contains("nothing to draw"));
    let mut bars = plot(Vec::new());
    bars.x.scale = names(&["a"]);
    assert_eq!(bars.braille(40, 10, false), "Loss\nnothing to draw");
}

#[test]
fn the_years_stand_below_a_time_axis() {
    let mut years = plot(vec![layer("", Mark::Line, &[(1.367_9e9, 1.0), (1.525_6e9, 2.0)])]);
    years.x = axis("", Scale::Time);
    let text = years.braille(60, 12, false);
    let labels: Vec<&str> = lines(&text).last().unwrap().split_whitespace().collect();
    assert_eq!(labels, ["2014", "2015", "2016", "2017", "2018"]);
}

#[test]
fn texts_are_escaped_in_a_picture() {
    let mut odd = plot(vec![layer("", Mark::Points, &[(1.0, 2.0)])]);
    odd.title = "a < b & \"c\" \u{1}\u{FFFF}".to_owned();
    let svg = odd.svg(400, 300).unwrap();
    assert!(svg.contains("a &lt; b &amp; &quot;c&quot;\n"), "{svg}");
    assert!(is_well_formed(&svg));
    assert!(svg.starts_with("<svg width=\"400\" height=\"300\" stroke"), "{svg}");
}

#[test]
fn a_picture_of_many_points_stays_small() {
    let scattered = |i: u32| f64::from(i.wrapping_mul(2_654_435_761) >> 8);
    let cloud: Vec<(f64, f64)> =
        (0..60_000).map(|i| (scattered(i), scattered(i + 99_999))).collect();
    let series: Vec<(f64, f64)> = (0..200_000).map(|i| (f64::from(i), scattered(i))).collect();
    let broken: Vec<(f64, f64)> =
        (0..100_000).map(|i| (f64::from(i), if i % 2 == 0 { 1.0 } else { f64::NAN })).collect();
    let upper: Vec<f64> = series.iter().map(|point| point.1 + 1e6).collect();
    let layers = [
        layer("", Mark::Points, &cloud),
        layer("", Mark::Line, &cloud),
        layer("", Mark::Line, &series),
        layer("", Mark::Line, &broken),
        layer("", Mark::Band { upper }, &series),
        layer("", Mark::Bars { width: 1.0 }, &series),
    ];
    for layer in layers {
        let mark = format!("{:.20?}", layer.mark).chars().take(20).collect::<String>();
        let size = plot(vec![layer]).svg(800, 500).unwrap().len();
        assert!((20_000..500_000).contains(&size), "{mark}: {size}");
    }
}

#[test]
fn a_thinned_line_keeps_its_extremes() {
    let mut points: Vec<(f64, f64)> = (0..100_000).map(|i| (f64::from(i), 0.0)).collect();
    points[54_321].1 = 1.0;
    let mut spike = plot(vec![layer("", Mark::Line, &points)]);
    spike.title.clear();
    let (with, top) = (spike.svg(800, 500).unwrap(), |svg: &str| {
        let line = svg.lines().find(|line| line.contains("stroke=\"#0072B2\"")).unwrap().to_owned();
        coordinates(&line).into_iter().map(|(_, y)| y).min()
    });
    spike.layers[0].points = vec![(0.0, 0.0), (50_000.0, 1.0), (99_999.0, 0.0)];
    assert_eq!(top(&with), top(&spike.svg(800, 500).unwrap()));
    spike.layers[0].points = points;
    let text = spike.braille(40, 10, false);
    assert!(lines(&text)[0].contains(['⡇', '⢸']), "{text}");
}

#[test]
fn a_histogram_counts_in_round_bins() {
    let values: Vec<f64> = (0..1_000).map(|i| f64::from(i) / 1_000.0).collect();
    let Plot { layers, .. } = histogram("", "", &values, None);
    assert_eq!(layers[0].mark, Mark::Bars { width: 0.1 });
    assert!(layers[0].points.iter().all(|(_, count)| *count == 100.0), "{:?}", layers[0]);
    let flags = histogram("", "", &[0.0, 1.0, 1.0], None);
    let counts: Vec<f64> = flags.layers[0].points.iter().map(|point| point.1).collect();
    assert_eq!((counts[0], counts[counts.len() - 1]), (1.0, 2.0));
    let ends = [0, counts.len() - 1].map(|at| flags.layers[0].points[at].0);
    assert!(ends[0].abs() < 1e-12 && (ends[1] - 1.0).abs() < 1e-12, "{ends:?}");
    assert!(histogram("", "", &[f64::NAN], None).layers[0].points.is_empty());
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => -10.0..10.0_f64,
        2 => (-5_i32..15).prop_map(f64::from),
        1 => any::<f64>(),
        1 => prop::sample::select(vec![
            0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN,
            f64::MIN_POSITIVE, 5e-324, 1e300, -1e300, 1e-300, 1e15, 1.4e9,
        ]),
    ]
}

fn scale() -> impl Strategy<Value = Scale> {
    let names = prop::collection::vec("[a-z_<&\u{1}ö ]{0,30}", 0..12);
    prop_oneof![Just(Scale::Number), Just(Scale::Time), names.prop_map(Scale::Category)]
}

fn any_plot() -> impl Strategy<Value = Plot> {
    let mark = prop_oneof![
        Just(Mark::Line),
        Just(Mark::Points),
        number().prop_map(|width| Mark::Bars { width }),
        Just(Mark::Bars { width: 0.8 }),
        prop::collection::vec(number(), 0..20).prop_map(|upper| Mark::Band { upper }),
        Just(Mark::Thin),
        prop::collection::vec(number(), 0..20).prop_map(|upper| Mark::Intervals { upper }),
        prop::collection::vec(number(), 0..20).prop_map(|values| Mark::Fields { values }),
        prop::collection::vec(number(), 0..20).prop_map(|from| Mark::Spans {
            width: 0.8,
            from,
            is_range: false
        }),
    ];
    let layer = ("[a-z<& ]{0,20}", mark, prop::collection::vec((number(), number()), 0..20))
        .prop_map(|(name, mark, points)| Layer { name, mark, points });
    let label = "[a-z<&\n\u{7}ö]{0,25}";
    let axis = move || (label, scale()).prop_map(|(label, scale)| Axis { label, scale });
    (label, axis(), axis(), prop::collection::vec(layer, 0..5))
        .prop_map(|(title, x, y, layers)| Plot { title, x, y, layers })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_plot_is_larger_than_asked_for(
        plot in any_plot(),
        width in prop_oneof![0_usize..30, 1_usize..200],
        height in prop_oneof![0_usize..12, 1_usize..200],
    ) {
        let text = plot.braille(width, height, false);
        prop_assert!(text.lines().count() <= height, "{text}");
        for line in text.lines() {
            prop_assert!(line.chars().count() <= width, "{width}\n{text}");
            prop_assert_eq!(line.trim_end(), line, "{}", text);
        }
        prop_assert_eq!(width * height > 0, !text.trim().is_empty(), "{}", text);
        let coloured = plain(&plot.braille(width, height, true));
        prop_assert!(coloured.lines().count() <= height, "{coloured}");
        for line in coloured.lines() {
            prop_assert!(line.chars().count() <= width, "{width}\n{coloured}");
            prop_assert_eq!(line.trim_end(), line, "{}", coloured);
        }
    }

    #[test]
    fn every_picture_is_well_formed_and_inside_its_frame(
        plot in any_plot(),
        width in 0_u32..900,
        height in 0_u32..700,
    ) {
        let svg = plot.svg(width, height).unwrap();
        prop_assert!(is_well_formed(&svg), "{svg}");
        let (right, bottom) = (i64::from(width.max(240)) * 10, i64::from(height.max(160)) * 10);
        for (x, y) in coordinates(&svg) {
            prop_assert!((0..=right).contains(&x) && (0..=bottom).contains(&y), "{x},{y}\n{svg}");
        }
    }

    #[test]
    fn a_histogram_counts_each_finite_value_once(
        values in prop::collection::vec(number(), 0..300),
        bins in prop::option::of(0_usize..100),
    ) {
        let plot = histogram("", "", &values, bins);
        let points = &plot.layers[0].points;
        let finite = values.iter().filter(|value| value.is_finite()).count();
        prop_assert_eq!(points.iter().map(|point| point.1).sum::<f64>(), finite as f64);
        match bins {
            _ if finite == 0 => prop_assert!(points.is_empty()),
            Some(bins) => prop_assert_eq!(points.len(), bins.max(1)),
            None => prop_assert!((5..=60).contains(&points.len()), "{}", points.len()),
        }
    }
}

#[test]
fn bars_that_begin_anywhere_lie_where_they_lead() {
    let names = ["base", "up", "down", "value"].map(str::to_owned).to_vec();
    let mark = Mark::Spans { width: 0.8, from: vec![0.0, -2.0, 2.0, 0.0], is_range: false };
    let points = vec![(0.0, -2.0), (1.0, 2.0), (2.0, 1.0), (3.0, 1.0)];
    let plot = Plot {
        title: String::new(),
        x: Axis { label: String::new(), scale: Scale::Category(names) },
        y: Axis { label: String::new(), scale: Scale::Number },
        layers: vec![Layer { name: "adds".to_owned(), mark, points }],
    };
    let drawn = plot.braille(23, 10, false);
    let lines: Vec<&str> = drawn.lines().collect();
    assert_eq!(
        lines,
        [
            " base  -2 ██████│",
            "   up  +4 ██████│██████",
            " down  -1       │   ███",
            "value   1       │███",
        ],
        "\n{drawn}"
    );
    // The axis is shown where no bar begins or ends on it.
    let far = Mark::Spans { width: 0.8, from: vec![6.0, 7.0], is_range: false };
    let layers =
        vec![Layer { name: String::new(), mark: far, points: vec![(0.0, 7.0), (1.0, 9.0)] }];
    let far = Plot { layers, ..plot.clone() }.svg(400, 300).unwrap();
    assert!(far.contains("\n0\n"), "{far}");
    // Beside the axis there is no room for any.
    assert_eq!(plot.braille(1, 10, false), "│\n│\n│\n│");
    let svg = plot.svg(400, 300).unwrap();
    assert!(svg.matches("<rect").count() >= 4, "{svg}");
}

#[test]
fn a_range_is_told_by_both_of_its_ends() {
    let names = ["calm", "wild"].map(str::to_owned).to_vec();
    let range = Mark::Spans { width: 0.3, from: vec![0.25, 0.0], is_range: true };
    let layer = |name: &str, mark, points| Layer { name: name.to_owned(), mark, points };
    let plot = Plot {
        title: String::new(),
        x: Axis { label: String::new(), scale: Scale::Category(names) },
        y: Axis { label: String::new(), scale: Scale::Number },
        layers: vec![
            layer("weight", Mark::Bars { width: 0.8 }, vec![(0.0, 0.5), (1.0, 0.25)]),
            layer("nine of ten", range, vec![(0.0, 0.75), (1.0, 0.5)]),
        ],
    };
    let drawn = plot.braille(60, 10, false);
    for told in ["0.250–0.750 ", "0–0.500 ", " 0.500 "] {
        assert!(drawn.contains(told), "{told}\n{drawn}");
    }
}

/// Places, by their names, of what is drawn of bars that lie.
fn lying(count: usize, layers: Vec<Layer>) -> Plot {
    let names = (0..count).map(|at| format!("bin {at}")).collect();
    Plot {
        title: "Points".to_owned(),
        x: axis("bin", Scale::Category(names)),
        y: axis("points", Scale::Number),
        layers,
    }
}

#[test]
fn bars_without_room_are_counted_in_a_picture_as_in_a_terminal() {
    let points: Vec<(f64, f64)> = (0..51).map(|at| (f64::from(at), 51.0 - f64::from(at))).collect();
    let bars = lying(51, vec![layer("points", Mark::Bars { width: 0.8 }, &points)]);
    let svg = bars.svg(900, 540).unwrap();
    let shown = svg.lines().filter(|line| line.trim().starts_with("bin ")).count();
    // One of them is the label of the axis, which has no number.
    let more = svg.lines().find(|line| line.contains(" more")).unwrap();
    assert_eq!(more.trim(), format!("+{} more", 51 - shown), "{svg}");
    assert!((20..51).contains(&shown), "{shown}");
    assert!(!bars.svg(900, 900).unwrap().contains(" more"), "all have room");
    let text = bars.braille(60, 23, false);
    let left = 51 - text.lines().filter(|line| line.contains('│')).count();
    assert_eq!(lines(&text).last(), Some(&format!("… and {left} more").as_str()), "{text}");
}

#[test]
fn changes_have_signs_and_colours_by_which_way_they_go() {
    let spans = |name: &str, spans: &[(f64, f64, f64)]| {
        let from = spans.iter().map(|(_, from, _)| *from).collect();
        let points: Vec<(f64, f64)> = spans.iter().map(|(x, _, to)| (*x, *to)).collect();
        layer(name, Mark::Spans { width: 0.8, from, is_range: false }, &points)
    };
    let layers = vec![
        spans("base and value", &[(0.0, 0.0, -1.0), (3.0, 0.0, -0.5)]),
        spans("raises", &[(1.0, -1.0, 0.5)]),
        spans("lowers", &[(2.0, 0.5, -0.5)]),
    ];
    let changes = lying(4, layers);
    let svg = changes.svg(600, 300).unwrap();
    for text in ["0\u{2003}-1.00", "1\u{2003}+1.50", "2\u{2003}-1.00", "3\u{2003}-0.50"] {
        assert!(svg.contains(text), "{text}: {svg}");
    }
    let fills: HashSet<&str> = svg
        .split("<rect ")
        .skip(1)
        .filter_map(|rect| rect.split("fill=\"").nth(1)?.split('"').next())
        .collect();
    assert_eq!(fills.len(), 4, "three layers on paper: {fills:?}");
    let text = changes.braille(60, 12, false);
    assert_eq!(lines(&text).len(), 7, "a line for each bar, title, labels and legend: {text}");
    assert!(text.contains("+1.50"), "{text}");
}

#[test]
fn lines_of_many_lie_under_the_one_that_counts() {
    let thin = [(0.0, 0.0), (1.0, 2.0), (f64::NAN, f64::NAN), (0.0, 2.0), (1.0, 0.0)];
    let mean = layer("mean", Mark::Line, &[(0.0, 1.0), (1.0, 1.0)]);
    let many = plot(vec![mean, layer("single rows", Mark::Thin, &thin)]);
    let svg = many.svg(600, 300).unwrap();
    let place = |text: &str| svg.find(text).unwrap_or_else(|| panic!("{text}: {svg}"));
    assert!(place("stroke=\"#B8B8B8\"") < place("stroke=\"#0072B2\""), "{svg}");
    assert!(svg.contains("stroke-width=\"28\"") && svg.contains("stroke-width=\"8\""), "{svg}");
    let text = many.braille(40, 12, true);
    let crossing = text.lines().filter(|line| line.contains("\x1b[36m")).count();
    assert!(crossing >= 2, "the mean and its name keep their colour: {text}");
}

#[test]
fn an_interval_belongs_to_its_point_alone() {
    let upper = vec![0.3, 0.6];
    let mut groups = plot(vec![
        layer("95 % interval", Mark::Intervals { upper }, &[(0.0, 0.1), (1.0, 0.4)]),
        layer("rate", Mark::Points, &[(0.0, 0.2), (1.0, 0.5)]),
    ]);
    groups.x = axis("region", names(&["north", "south"]));
    let svg = groups.svg(600, 300).unwrap();
    assert!(!svg.contains("<polygon"), "nothing lies between two groups: {svg}");
    // An upright line with two ends for each group, and the entry of the legend.
    assert_eq!(svg.matches("stroke=\"#0072B2\"").count(), 2 * 3 + 1, "{svg}");
    let text = groups.braille(40, 12, false);
    let row = text.lines().find(|line| line.starts_with("0.5") || line.starts_with("0.4")).unwrap();
    assert!(row.trim_end().chars().count() < 40, "{text}");
    assert!(text.contains("│ 95 % interval  × rate"), "{text}");
    assert_eq!(text.matches('×').count(), 3, "both groups and the legend: {text}");
}

#[test]
fn fields_are_as_strong_as_their_values() {
    let mut pair = plot(vec![layer(
        "mean",
        Mark::Fields { values: vec![0.1, 0.2, 0.35, 0.5] },
        &[(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)],
    )]);
    (pair.x, pair.y) = (axis("a", names(&["1", "2"])), axis("b", names(&["x", "y"])));
    let text = pair.braille(30, 12, false);
    let drawn: Vec<char> = text.chars().filter(|c| "░▒▓█".contains(*c)).collect();
    let count = |symbol: char| drawn.iter().filter(|c| **c == symbol).count();
    // A quarter of what lies between the ends each; the legend names these.
    assert!(count('░') > 10 && count('█') > 10 && count('▓') > 10, "{text}");
    assert_eq!(lines(&text).last(), Some(&"░ 0.100  █ 0.500"), "{text}");
    let svg = pair.svg(600, 400).unwrap();
    for text in ["0.100", "0.200", "0.350", "0.500"] {
        assert!(svg.lines().any(|line| line.trim() == text), "{text}: {svg}");
    }
    assert!(svg.contains("#ECF4FA") && svg.contains("#004A80"), "{svg}");
}
