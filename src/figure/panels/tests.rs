use super::super::check;
use super::*;
use crate::analysis::{Histogram, block_grid, histogram};
use crate::connectome::Group;
use crate::sparse::Pattern;

fn line(points: &[(f64, f64)]) -> Line {
    let band = points.iter().map(|&(x, y)| (x, y / 2.0, y * 2.0)).collect();
    Line { tint: Tint::Series(0), dashed: false, dots: true, points: points.to_vec(), band }
}

fn panel(name: &str, content: Content) -> Panel {
    Panel { name: name.into(), content }
}

fn every_kind(points: &[(f64, f64)], histogram: Histogram) -> PanelFigure {
    let values: Vec<f64> = points.iter().map(|point| point.1).collect();
    let populations = [Group::range("exc", 0..4, 1)];
    let grid = block_grid(&Pattern::dense(4, 4), &[0.5; 16], &populations, 4);
    let curves = Curves {
        x: "Epoch".into(),
        y: "Mean squared error".into(),
        whole: true,
        linear: false,
        lines: vec![line(points), Line { dashed: true, ..line(points) }],
    };
    let strip = Strip { name: "dale".into(), tint: Tint::Series(2), ours: values.clone(), theirs: values };
    let panels = vec![
        panel("Loss <&>", Content::Curves(curves)),
        panel("Weights", Content::Maps(Maps { maps: vec![("dale".into(), grid.clone()), ("none".into(), grid)] })),
        panel(
            "Distribution",
            Content::Histograms(Histograms {
                x: "Weight".into(),
                y: "Synapses".into(),
                outlines: vec![Outline { tint: Tint::Grey, histogram }],
            }),
        ),
        panel("Final", Content::Dots(Dots { value: "Test MSE".into(), linear: false, strips: vec![strip] })),
    ];
    let marks = [Mark::Line, Mark::Dashed, Mark::Band, Mark::Dot, Mark::Ring, Mark::Stroke];
    let legend = marks.map(|mark| Key::new(mark, Tint::Series(1), format!("{mark:?}"))).to_vec();
    PanelFigure {
        title: "Two rows".into(),
        notes: vec!["A note".into()],
        rows: vec![
            PanelRow { name: "First".into(), legend, panels: panels.clone() },
            PanelRow { name: "Second".into(), legend: Vec::new(), panels },
        ],
    }
}

#[test]
fn names_what_it_shows() {
    let figure = every_kind(&[(1.0, 0.5), (2.0, 0.01), (3.0, f64::NAN)], histogram(&[0.1, 0.5, 0.1], 10));
    let svg = panels(&figure);
    let texts = check(&svg);
    for text in [
        "Two rows",
        "A note",
        "First",
        "Second",
        "Loss <&>",
        "Epoch",
        "Mean squared error",
        "Presynaptic neuron",
        "Postsynaptic neuron",
        "Weight",
        "Synapses",
        "Test MSE",
        "dale",
        "Dashed",
        "Ring",
    ] {
        assert!(texts.iter().any(|got| got == text), "{text} is missing in {texts:?}");
    }
    assert_eq!(svg, panels(&figure));
}

#[test]
fn draws_little_and_nothing() {
    check(&panels(&PanelFigure::default()));
    check(&panels(&PanelFigure { rows: vec![PanelRow::default()], ..PanelFigure::default() }));
    for points in
        [&[][..], &[(1.0, 0.5)], &[(f64::NAN, f64::INFINITY)], &[(0.0, 0.0); 3], &[(1.0, 1e300), (2.0, 1e-300)]]
    {
        let texts = check(&panels(&every_kind(points, Histogram::new(-1.0, 1.0, 4))));
        let some = points.iter().any(|(x, y)| x.is_finite() && y.is_finite());
        assert_eq!(texts.contains(&"no finite value".to_string()), !some);
        assert!(texts.contains(&"nothing to count".to_string()));
    }
    let empty = [
        Content::Curves(Curves::default()),
        Content::Dots(Dots::default()),
        Content::Maps(Maps::default()),
        Content::Histograms(Histograms::default()),
    ];
    let row = PanelRow { panels: empty.map(|content| panel("", content)).into(), ..PanelRow::default() };
    check(&panels(&PanelFigure { rows: vec![row], ..PanelFigure::default() }));
}
