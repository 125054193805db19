//! Distributions as outlines over one axis, counts on a logarithmic axis.

use super::super::axis::{AxisText, Frame, Scale};
use super::super::canvas::{Canvas, Rect};
use super::{Tint, framed};
use crate::analysis::Histogram;

/// A distribution of a panel.
#[derive(Debug, Clone, PartialEq)]
pub struct Outline {
    /// Its colour.
    pub tint: Tint,
    /// Its numbers.
    pub histogram: Histogram,
}

/// Distributions over one axis. They should share their bins.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histograms {
    /// Name and unit of what is counted over.
    pub x: String,
    /// What is counted.
    pub y: String,
    /// The distributions; the last is drawn on top.
    pub outlines: Vec<Outline>,
}

impl Histograms {
    pub(super) fn draw(&self, canvas: &mut Canvas, rect: Rect) {
        let all = || self.outlines.iter().map(|outline| &outline.histogram);
        let low = all().map(|h| h.low).fold(f64::INFINITY, f64::min);
        let high = all().map(|h| h.high).fold(f64::NEG_INFINITY, f64::max);
        let most = all().flat_map(|h| h.counts.iter().copied()).max().unwrap_or(0);
        // The foot lies below 1, so that a bin with a single value is seen.
        let y = Scale::log(0.6, (most as f64 * 1.5).max(10.0));
        let frame = Frame { rect: framed(rect), x: Scale::linear(low, high), y };
        frame.axes(canvas, AxisText { x: Some(&self.x), y: Some(&self.y), y_labels: true });
        if most == 0 {
            frame.remark(canvas, "nothing to count");
        }
        for Outline { tint, histogram } in &self.outlines {
            frame.stairs(canvas, histogram, tint.color(), if self.outlines.len() > 1 { 0.08 } else { 0.25 });
        }
    }
}
