//! How many times faster sparse is than dense, against density; one line a size of network and batch.

use super::axis::{AxisText, BELOW, BESIDE, Frame, Scale};
use super::canvas::{Rect, sheet};
use super::pieces::{LEGEND_ROW, Swatch, TITLE_ROOM, legend, legend_height, title};
use super::style;

/// A line of a [`CrossingFigure`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ratios {
    /// What the legend calls it.
    pub name: String,
    /// (density in percent, time of dense over time of sparse), densities rising. What is not finite leaves a gap.
    pub points: Vec<(f64, f64)>,
}

/// What [`crossing`] draws.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CrossingFigure<'a> {
    /// Title of the figure.
    pub title: &'a str,
    /// The lines, in the order of the legend; colours repeat after six.
    pub lines: &'a [Ratios],
}

/// Draws ratios over densities, both logarithmic, with a line where both sides take as long.
pub fn crossing(figure: &CrossingFigure) -> String {
    const WIDTH: f64 = 640.0;
    let color = |i: usize| style::SERIES[i % style::SERIES.len()];
    let series = figure.lines.iter().enumerate();
    let entries: Vec<_> = series.map(|(i, line)| (Swatch::Line(color(i), style::CURVE), line.name.clone())).collect();
    let left = style::MARGIN + BESIDE;
    let width = WIDTH - left - style::MARGIN - 8.0;
    let legend_top = style::MARGIN + TITLE_ROOM;
    let top = legend_top + legend_height(&entries, width).max(LEGEND_ROW) + 8.0;
    let rect = Rect { x: left, y: top, w: width, h: 320.0 };
    let points = || figure.lines.iter().flat_map(|line| line.points.iter().copied());
    let shown = || points().filter(|&(x, y)| x.is_finite() && y.is_finite() && x > 0.0 && y > 0.0);
    let log = |values: &mut dyn Iterator<Item = f64>, room: f64| {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (v.min(low), v.max(high)));
        if low <= high { Scale::log((low / room).max(f64::MIN_POSITIVE), high * room) } else { Scale::log(0.5, 100.0) }
    };
    let x = log(&mut shown().map(|point| point.0), 1.1);
    // with the line at 1 inside
    let y = log(&mut shown().map(|point| point.1).chain([0.7, 1.5]), 1.2);
    sheet((WIDTH, rect.bottom() + BELOW + style::MARGIN), |canvas| {
        title(canvas, figure.title);
        legend(canvas, &entries, (left, legend_top), width);
        let frame = Frame { rect, x, y };
        frame.axes(canvas, AxisText { x: Some("Density (%)"), y: Some("Dense time / sparse time"), y_labels: true });
        if let Some((_, even)) = frame.place(x.low(), 1.0) {
            canvas.line([(rect.x, even), (rect.right(), even)], style::GREY, style::SPINE);
        }
        if shown().next().is_none() {
            frame.remark(canvas, "nothing measured on both sides");
        }
        for (i, line) in figure.lines.iter().enumerate() {
            frame.curve(canvas, line.points.iter().copied(), color(i), style::CURVE);
            let measured = line.points.iter().filter(|&&(x, y)| x > 0.0 && y > 0.0);
            for place in measured.filter_map(|&(x, y)| frame.place(x, y)) {
                canvas.dot(place, 2.5, color(i));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn names_what_it_shows() {
        let line = |name: &str, points: &[(f64, f64)]| Ratios { name: name.into(), points: points.to_vec() };
        let lines = [
            line("n=128, B=16", &[(0.5, 20.0), (10.0, 2.0), (100.0, 0.4)]),
            line("n=9 <&>", &[(1.0, f64::NAN), (5.0, 3.0), (20.0, 0.0)]),
        ];
        let svg = crossing(&CrossingFigure { title: "avx2, 2 threads", lines: &lines });
        let texts = check(&svg);
        for text in ["avx2, 2 threads", "Density (%)", "Dense time / sparse time", "n=128, B=16", "n=9 <&>", "10"] {
            assert!(texts.iter().any(|got| got == text), "{text} is missing in {texts:?}");
        }
    }

    #[test]
    fn draws_little_and_nothing() {
        for points in [vec![], vec![(5.0, 2.0)], vec![(f64::NAN, 1.0)], vec![(1e-300, 1e300)], vec![(-1.0, -1.0)]] {
            let lines = [Ratios { name: "n".into(), points: points.clone() }];
            let texts = check(&crossing(&CrossingFigure { title: "", lines: &lines }));
            let some = points.iter().any(|&(x, y): &(f64, f64)| x > 0.0 && y > 0.0);
            assert_eq!(texts.contains(&"nothing measured on both sides".to_string()), !some);
        }
        check(&crossing(&CrossingFigure::default()));
    }
}
