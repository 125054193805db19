//! Loss against epoch, and below it the learning rate.

use super::axis::{AxisText, BELOW, BESIDE, Frame, Scale};
use super::canvas::{Rect, sheet};
use super::pieces::{LEGEND_ROW, Swatch, TITLE_ROOM, legend, legend_height, title};
use super::style;

/// A line of a figure, and the spread around it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Curve<'a> {
    /// What the legend calls it.
    pub name: &'a str,
    /// (epoch, value), epochs rising. Values that are not finite leave a gap.
    pub points: &'a [(f64, f64)],
    /// (epoch, low, high) of a band around the line; empty for none.
    pub band: &'a [(f64, f64, f64)],
}

/// What [`loss_curves`] draws.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LossFigure<'a> {
    /// Title of the figure.
    pub title: &'a str,
    /// Name and unit of the values ("mean squared error").
    pub value: &'a str,
    /// The curves, in the order of the legend; colours repeat after six.
    pub curves: &'a [Curve<'a>],
    /// (epoch, learning rate), drawn below on the same epochs; empty for none.
    pub learning_rate: &'a [(f64, f64)],
}

/// Draws curves over epochs; the values on a logarithmic axis where they are all above 0 and span more than tenfold.
pub fn loss_curves(figure: &LossFigure) -> String {
    const WIDTH: f64 = 640.0;
    const RATE: f64 = 70.0;
    let color = |i: usize| style::SERIES[i % style::SERIES.len()];
    let entries: Vec<_> = figure
        .curves
        .iter()
        .enumerate()
        .map(|(i, curve)| {
            let last = curve.points.iter().rev().find(|point| point.1.is_finite());
            let last = last.map(|point| format!(" (last {})", style::short(point.1))).unwrap_or_default();
            (Swatch::Line(color(i), style::CURVE), format!("{}{last}", curve.name))
        })
        .collect();
    let left = style::MARGIN + BESIDE;
    let width = WIDTH - left - style::MARGIN - 8.0;
    let legend_top = style::MARGIN + TITLE_ROOM;
    let top = legend_top + legend_height(&entries, width).max(LEGEND_ROW) + 8.0;
    let with_rate = figure.learning_rate.iter().any(|point| point.1.is_finite());
    let rect = Rect { x: left, y: top, w: width, h: 280.0 };
    let rate_rect = Rect { x: left, y: rect.bottom() + 20.0, w: width, h: RATE };
    let bottom = if with_rate { rate_rect.bottom() } else { rect.bottom() };

    let rates = figure.learning_rate.iter().copied();
    let points = figure.curves.iter().flat_map(|curve| curve.points.iter().copied());
    let epochs = points.clone().chain(rates.clone().filter(|_| with_rate)).map(|point| point.0);
    let epochs = epochs.filter(|epoch| epoch.is_finite());
    let x =
        Scale::whole(epochs.clone().fold(f64::INFINITY, f64::min), epochs.clone().fold(f64::NEG_INFINITY, f64::max));
    let bands = figure.curves.iter().flat_map(|curve| curve.band.iter().flat_map(|&(_, low, high)| [low, high]));
    // The line decides for a logarithm: a band may well reach below 0.
    let mut y = Scale::around(points.clone().map(|point| point.1));
    let with_bands =
        Scale::around(points.clone().map(|point| point.1).chain(bands.filter(|v| !y.is_log() || *v > 0.0)));
    if with_bands.is_log() == y.is_log() {
        y = with_bands;
    }

    sheet((WIDTH, bottom + BELOW + style::MARGIN), |canvas| {
        title(canvas, figure.title);
        legend(canvas, &entries, (left, legend_top), width);
        let frame = Frame { rect, x, y };
        let epoch = Some("Epoch");
        frame.axes(canvas, AxisText { x: epoch.filter(|_| !with_rate), y: Some(figure.value), y_labels: true });
        if !points.clone().any(|point| point.1.is_finite()) {
            frame.remark(canvas, "no finite value");
        }
        for (i, curve) in figure.curves.iter().enumerate() {
            frame.band(canvas, curve.band, color(i));
        }
        for (i, curve) in figure.curves.iter().enumerate() {
            frame.curve(canvas, curve.points.iter().copied(), color(i), style::CURVE);
        }
        if with_rate {
            let y = Scale::around(rates.clone().map(|point| point.1).chain([0.0]));
            let frame = Frame { rect: rate_rect, x, y };
            frame.axes(canvas, AxisText { x: epoch, y: Some("Learning rate"), y_labels: true });
            frame.curve(canvas, rates, style::GREY, style::CURVE);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    fn points(values: &[f64]) -> Vec<(f64, f64)> {
        (1..).map(f64::from).zip(values.iter().copied()).collect()
    }

    #[test]
    fn names_what_it_shows() {
        let (train, test) = (points(&[1.0, 0.1, 0.011]), points(&[0.9, f64::NAN, 0.012]));
        let curves = [
            Curve { name: "train <&>", points: &train, ..Curve::default() },
            Curve { name: "test", points: &test, band: &[(1.0, -0.1, 1.0), (3.0, 0.01, 0.02)] },
        ];
        let rates = points(&[0.001, 0.0005, 0.0001]);
        let figure =
            LossFigure { title: "Flip-flop", value: "Mean squared error", curves: &curves, learning_rate: &rates };
        let svg = loss_curves(&figure);
        let texts = check(&svg);
        for text in ["Flip-flop", "Mean squared error", "Epoch", "Learning rate", "train <&> (last 0.011)", "0.1"] {
            assert!(texts.iter().any(|got| got == text), "{text} is missing in {texts:?}");
        }
        assert_eq!(svg, loss_curves(&figure));
    }

    #[test]
    fn draws_little_and_nothing() {
        for values in [&[][..], &[0.5], &[f64::NAN, f64::INFINITY], &[0.0, 0.0], &[1e-300, 1e300], &[2.0; 500]] {
            let points = points(values);
            let curves = [Curve { name: "train", points: &points, ..Curve::default() }];
            let texts = check(&loss_curves(&LossFigure { curves: &curves, ..LossFigure::default() }));
            assert_eq!(texts.contains(&"no finite value".to_string()), !values.iter().any(|v| v.is_finite()));
        }
        check(&loss_curves(&LossFigure::default()));
        let one = points(&[0.5]);
        let curves = [Curve { name: "train", points: &one, ..Curve::default() }];
        assert!(loss_curves(&LossFigure { curves: &curves, ..LossFigure::default() }).contains("<circle"));
    }
}
