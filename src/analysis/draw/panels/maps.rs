//! Small heat maps of W on one colour scale, postsynaptic neurons down, presynaptic neurons across.

use super::super::canvas::{At, Canvas, Font, Rect};
use super::super::pieces::{boundaries, color_bar};
use super::super::style::{self, ColorMap};
use super::super::weight_maps::scale;
use crate::analysis::BlockGrid;

/// Weight matrices under their names, at most three a row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Maps {
    /// Name and grid of each.
    pub maps: Vec<(String, BlockGrid)>,
}

/// Beside the maps, for the bar of colours.
const BAR: f64 = 104.0;
const LEFT: f64 = 20.0;
const BELOW: f64 = 18.0;
const NAME: f64 = 16.0;
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
        let columns = match self.maps.len() {
            1 => 1,
            2..=4 => 2,
            _ => 3,
        };
        let rows = self.maps.len().div_ceil(columns);
        let width = (rect.w - LEFT - BAR - GAP * (columns - 1) as f64) / columns as f64;
        let height = (rect.h - BELOW) / rows as f64 - NAME - 4.0;
        let side = width.min(height).max(20.0);
        for (i, (name, grid)) in self.maps.iter().enumerate() {
            let (row, column) = (i / columns, i % columns);
            let x = rect.x + LEFT + column as f64 * (side + GAP);
            let y = rect.y + NAME + row as f64 * (side + NAME + 4.0);
            let place = Rect { x, y, w: side, h: side };
            let cells = grid.cells();
            canvas.cells(place, (cells, cells), map, |row, col| grid.mean_of_pairs(row, col));
            boundaries(canvas, place, &grid.populations, cells);
            canvas.outline(place, style::INK, style::SPINE);
            canvas.text(&style::fit(name, style::NOTE, side), (x, y - 8.0), Font::new(style::NOTE));
        }
        let across = columns as f64 * (side + GAP) - GAP;
        let down = rows as f64 * (side + NAME + 4.0);
        let font = Font::new(style::AXIS_TITLE).at(At::Center);
        canvas.text("Presynaptic neuron", (rect.x + LEFT + across / 2.0, rect.y + down + 10.0), font);
        canvas.text("Postsynaptic neuron", (rect.x + 8.0, rect.y + NAME + (down - NAME) / 2.0), font.turned());
        let bar = Rect { x: rect.x + LEFT + across + 10.0, y: rect.y + NAME, w: 10.0, h: (down - NAME).min(150.0) };
        color_bar(canvas, bar, map, "Weight", cut);
    }
}
