//! Small heat maps of W on one colour scale, postsynaptic neurons down, presynaptic neurons across.

use super::super::canvas::{At, Canvas, Font, Rect};
use super::super::pieces::{boundaries, color_bar};
use super::super::style::{self, ColorMap};
use super::super::weight_maps::scale;
use crate::analysis::BlockGrid;

/// Weight matrices under their names, at most three a row, and the bar of their colours behind the last.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Maps {
    /// Name and grid of each.
    pub maps: Vec<(String, BlockGrid)>,
}

const LEFT: f64 = 20.0;
const BELOW: f64 = 18.0;
/// A line of a name.
const LINE: f64 = 12.0;
const GAP: f64 = 8.0;

impl Maps {
    pub(super) fn draw(&self, canvas: &mut Canvas, rect: Rect) {
        if self.maps.is_empty() {
            let middle = (rect.x + rect.w / 2.0, rect.y + rect.h / 2.0);
            canvas.text("no weights", middle, Font::new(style::AXIS_TITLE).at(At::Center).color(style::GREY));
            return;
        }
        let named: Vec<(&str, &BlockGrid)> = self.maps.iter().map(|(name, grid)| (name.as_str(), grid)).collect();
        let (limit, cut) = scale(&named);
        let map = ColorMap::Diverging { limit };
        let columns = if self.maps.len() < 4 { 2 } else { 3 };
        let rows = (self.maps.len() + 1).div_ceil(columns);
        let width = (rect.w - LEFT - GAP * (columns - 1) as f64) / columns as f64;
        let names: Vec<Vec<String>> = named.iter().map(|(name, _)| style::lines(name, style::NOTE, width)).collect();
        let head = names.iter().map(Vec::len).max().unwrap_or(0) as f64 * LINE + 4.0;
        let side = width.min((rect.h - BELOW) / rows as f64 - head - 4.0).max(20.0);
        let place = |i: usize| Rect {
            x: rect.x + LEFT + (i % columns) as f64 * (width + GAP),
            y: rect.y + (i / columns) as f64 * (head + side + 4.0) + head,
            w: side,
            h: side,
        };
        for (i, ((_, grid), name)) in named.iter().zip(&names).enumerate() {
            let place = place(i);
            let cells = grid.cells();
            canvas.cells(place, (cells, cells), map, |row, col| grid.mean_of_pairs(row, col));
            boundaries(canvas, place, &grid.populations, cells);
            canvas.outline(place, style::INK, style::SPINE);
            for (line, text) in name.iter().rev().enumerate() {
                let y = place.y - 8.0 - line as f64 * LINE;
                canvas.text(text, (place.x, y), Font::new(style::NOTE));
            }
        }
        let across = columns as f64 * (width + GAP) - GAP;
        let down = rows as f64 * (head + side + 4.0);
        let font = Font::new(style::AXIS_TITLE).at(At::Center);
        canvas.text("Presynaptic neuron", (rect.x + LEFT + across / 2.0, rect.y + down + 10.0), font);
        canvas.text("Postsynaptic neuron", (rect.x + 8.0, rect.y + head + (down - head) / 2.0), font.turned());
        let bar = place(self.maps.len());
        color_bar(canvas, Rect { x: bar.x + GAP, w: 10.0, ..bar }, map, "Weight", cut);
    }
}
