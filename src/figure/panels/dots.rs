//! Each run's value as a dot: a category a strip, ours above the paper's, a stroke at each median.

use super::super::axis::{Frame, Scale};
use super::super::canvas::{At, Canvas, Font, Rect};
use super::super::style;
use super::{Tint, framed};

/// The values of one category.
#[derive(Debug, Clone, PartialEq)]
pub struct Strip {
    /// Its name.
    pub name: String,
    /// Its colour.
    pub tint: Tint,
    /// Our values: filled dots. Those that are not finite are left out.
    pub ours: Vec<f64>,
    /// Others' values: open dots.
    pub theirs: Vec<f64>,
}

/// Strips of dots on one axis; logarithmic where all values are above 0 and span more than tenfold, if they may.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dots {
    /// Name and unit of the values.
    pub value: String,
    /// Whether the values keep an axis that is not logarithmic, as shares do.
    pub linear: bool,
    /// The strips, top to bottom.
    pub strips: Vec<Strip>,
}

const RADIUS: f64 = 3.2;
/// Names are broken where they are wider than this.
const NAME: f64 = 90.0;
const LINE: f64 = 13.0;
/// Dots stand in so many rows, so that equal values are seen.
const ROWS: usize = 4;

impl Dots {
    pub(super) fn draw(&self, canvas: &mut Canvas, rect: Rect) {
        let lines: Vec<Vec<String>> =
            self.strips.iter().map(|strip| style::lines(&strip.name, style::LABEL, NAME)).collect();
        let names = lines.iter().flatten().map(|line| style::width(line, style::LABEL)).fold(0.0, f64::max) + 14.0;
        let outer = framed(rect);
        let inside = Rect { x: rect.x + names, w: (rect.right() - rect.x - names - 12.0).max(40.0), ..outer };
        let values = || self.strips.iter().flat_map(|strip| strip.ours.iter().chain(&strip.theirs).copied());
        let x = if self.linear { Scale::linear_around(values()) } else { Scale::around(values()) };
        let frame = Frame { rect: inside, x, y: Scale::linear(0.0, 1.0) };
        let bottom = inside.bottom();
        frame.x_grid(canvas);
        frame.x_axis(canvas, Some(&self.value));
        canvas.line([(inside.x, inside.y), (inside.x, bottom), (inside.right(), bottom)], style::INK, style::SPINE);
        if !values().any(f64::is_finite) {
            frame.remark(canvas, "no finite value");
        }
        let height = inside.h / self.strips.len().max(1) as f64;
        for (i, strip) in self.strips.iter().enumerate() {
            let top = inside.y + i as f64 * height;
            for (line, text) in lines[i].iter().enumerate() {
                let y = top + height / 2.0 + (line as f64 - (lines[i].len() - 1) as f64 / 2.0) * LINE;
                canvas.text(text, (inside.x - 8.0, y), Font::new(style::LABEL).at(At::Right));
            }
            if i > 0 {
                canvas.line([(inside.x, top), (inside.right(), top)], style::PALE, style::HAIR);
            }
            let spread = (height * 0.3).min(24.0);
            series(canvas, &frame, &strip.ours, (top + height * 0.29, spread), strip.tint, true);
            series(canvas, &frame, &strip.theirs, (top + height * 0.73, spread), strip.tint, false);
        }
    }
}

fn series(canvas: &mut Canvas, frame: &Frame, values: &[f64], (middle, spread): (f64, f64), tint: Tint, filled: bool) {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let rows = sorted.len().clamp(1, ROWS);
    for (i, &value) in sorted.iter().enumerate() {
        let Some((x, _)) = frame.place(value, 0.0) else { continue };
        let shift = ((i % rows) as f64 - (rows - 1) as f64 / 2.0) / (ROWS - 1) as f64;
        let place = (x, middle + shift * spread * 0.8);
        canvas.dot(place, RADIUS, tint.color());
        if !filled {
            canvas.dot(place, RADIUS - 1.1, style::WHITE);
        }
    }
    let Some(median) = median_of_sorted(&sorted) else { return };
    if let Some((x, _)) = frame.place(median, 0.0) {
        canvas.line([(x, middle - spread * 0.75), (x, middle + spread * 0.75)], style::INK, style::CURVE);
    }
}

fn median_of_sorted(sorted: &[f64]) -> Option<f64> {
    let n = sorted.len();
    (n > 0).then(|| (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0)
}
