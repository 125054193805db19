//! Lines with bands in a frame.

use super::super::axis::{AxisText, Frame, Scale};
use super::super::canvas::{Canvas, Rect};
use super::super::style;
use super::{Tint, framed};

/// A line of a panel, and the spread around it.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its colour.
    pub tint: Tint,
    /// Broken, as for numbers of others or bounds.
    pub dashed: bool,
    /// A dot at each point.
    pub dots: bool,
    /// (x, y), x rising. Values that are not finite leave a gap.
    pub points: Vec<(f64, f64)>,
    /// (x, low, high) of a band around the line; empty for none.
    pub band: Vec<(f64, f64, f64)>,
}

/// Lines over one axis; the values on a logarithmic axis where they are above 0 and span more than tenfold, if they may.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Curves {
    /// Name and unit of the x axis.
    pub x: String,
    /// Name and unit of the y axis.
    pub y: String,
    /// Whether x only takes whole numbers.
    pub whole: bool,
    /// Whether the values keep an axis that is not logarithmic, as shares do.
    pub linear: bool,
    /// The lines; the last is drawn on top.
    pub lines: Vec<Line>,
}

impl Curves {
    pub(super) fn draw(&self, canvas: &mut Canvas, rect: Rect) {
        let points = || self.lines.iter().flat_map(|line| line.points.iter().copied());
        let finite = || points().filter(|(x, y)| x.is_finite() && y.is_finite());
        let least = finite().map(|point| point.0).fold(f64::INFINITY, f64::min);
        let most = finite().map(|point| point.0).fold(f64::NEG_INFINITY, f64::max);
        let x = if self.whole { Scale::whole(least, most) } else { Scale::linear(least, most) };
        let bands = || self.lines.iter().flat_map(|line| line.band.iter().flat_map(|&(_, low, high)| [low, high]));
        // The lines decide for a logarithm: a band may well reach to 0.
        let ys = || finite().map(|point| point.1);
        let mut y = if self.linear { Scale::linear_around(ys()) } else { Scale::around(ys()) };
        let all = || ys().chain(bands().filter(|v| !y.is_log() || *v > 0.0));
        let with_bands = if self.linear { Scale::linear_around(all()) } else { Scale::around(all()) };
        if with_bands.is_log() == y.is_log() {
            y = with_bands;
        }
        let frame = Frame { rect: framed(rect), x, y };
        frame.axes(canvas, AxisText { x: Some(&self.x), y: Some(&self.y), y_labels: true });
        if finite().next().is_none() {
            frame.remark(canvas, "no finite value");
        }
        for line in &self.lines {
            frame.band(canvas, &line.band, line.tint.color());
        }
        for line in &self.lines {
            let color = line.tint.color();
            if line.dashed {
                frame.dashed(canvas, &line.points, color, style::CURVE * 0.8);
            } else {
                frame.curve(canvas, line.points.iter().copied(), color, style::CURVE);
            }
            if line.dots {
                let places: Vec<_> = line.points.iter().filter_map(|&(x, y)| frame.place(x, y)).collect();
                places.into_iter().for_each(|place| canvas.dot(place, 2.2, color));
            }
        }
    }
}
