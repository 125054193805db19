//! Panels in rows on one sheet: what a figure of a paper is made of.
//!
//! Each row has a name, a legend over its whole width, and panels side by side; each panel draws itself into the
//! rectangle that it is given.

mod curves;
mod dots;
mod histograms;
mod maps;

pub use curves::{Curves, Line};
pub use dots::{Dots, Strip};
pub use histograms::{Histograms, Outline};
pub use maps::Maps;

use super::canvas::{At, Canvas, Font, Rect, sheet};
use super::pieces::{Swatch, TITLE_ROOM, legend, legend_height, title};
use super::style;

/// A colour of a series, by number; colours repeat after six.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tint {
    /// Colour number i of the series.
    Series(usize),
    /// Grey, for what is not a series.
    Grey,
}

impl Tint {
    fn color(self) -> plotters::style::RGBColor {
        match self {
            Self::Series(i) => style::SERIES[i % style::SERIES.len()],
            Self::Grey => style::GREY,
        }
    }
}

/// How an entry of a legend is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A line.
    Line,
    /// A broken line.
    Dashed,
    /// A pale area.
    Band,
    /// A filled dot.
    Dot,
    /// An open dot.
    Ring,
    /// An upright stroke.
    Stroke,
}

/// An entry of the legend of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// How it is shown.
    pub mark: Mark,
    /// In what colour.
    pub tint: Tint,
    /// What it is.
    pub name: String,
}

impl Key {
    /// An entry.
    pub fn new(mark: Mark, tint: Tint, name: impl Into<String>) -> Self {
        Self { mark, tint, name: name.into() }
    }
}

/// What a panel shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Lines with bands.
    Curves(Curves),
    /// Single values a category.
    Dots(Dots),
    /// Weight matrices.
    Maps(Maps),
    /// Distributions.
    Histograms(Histograms),
}

/// One panel.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Its name, written above it.
    pub name: String,
    /// What it shows.
    pub content: Content,
}

/// Panels side by side.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PanelRow {
    /// Its name.
    pub name: String,
    /// Its legend.
    pub legend: Vec<Key>,
    /// Its panels, left to right.
    pub panels: Vec<Panel>,
}

/// What [`panels`] draws.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PanelFigure {
    /// Title of the figure.
    pub title: String,
    /// Lines below the title.
    pub notes: Vec<String>,
    /// Rows, top to bottom.
    pub rows: Vec<PanelRow>,
}

/// Width of a sheet, in pixels.
const WIDTH: f64 = 1440.0;
/// Height of the panels of a row with all that is written around them.
const PANEL: f64 = 300.0;
/// Between panels.
const GAP: f64 = 18.0;
/// Above a panel, for its name.
const NAME: f64 = 24.0;
const NOTE_ROW: f64 = 16.0;
/// Below a row.
const FOOT: f64 = 22.0;

/// Draws rows of panels on one sheet.
pub fn panels(figure: &PanelFigure) -> String {
    let inner = WIDTH - 2.0 * style::MARGIN;
    let legends: Vec<Vec<_>> =
        figure.rows.iter().map(|row| row.legend.iter().map(|key| (swatch(key), key.name.clone())).collect()).collect();
    let head = style::MARGIN + TITLE_ROOM + figure.notes.len() as f64 * NOTE_ROW + 8.0;
    let row_height = |legend: &[(Swatch, String)]| NAME + legend_height(legend, inner) + 6.0 + NAME + PANEL + FOOT;
    let height = head + legends.iter().map(|legend| row_height(legend)).sum::<f64>() + style::MARGIN;
    sheet((WIDTH, height.max(120.0)), |canvas| {
        title(canvas, &figure.title);
        for (i, note) in figure.notes.iter().enumerate() {
            let note = style::fit(note, style::LABEL, inner);
            let y = style::MARGIN + TITLE_ROOM + (i as f64 + 0.5) * NOTE_ROW;
            canvas.text(&note, (style::MARGIN, y), Font::new(style::LABEL).color(style::GREY));
        }
        let mut y = head;
        for (row, legend_entries) in figure.rows.iter().zip(&legends) {
            draw_row(canvas, row, legend_entries, y, inner);
            y += row_height(legend_entries);
        }
        if figure.rows.is_empty() {
            canvas.text("nothing to show", (style::MARGIN, head + 10.0), Font::new(style::AXIS_TITLE));
        }
    })
}

fn draw_row(canvas: &mut Canvas, row: &PanelRow, entries: &[(Swatch, String)], top: f64, inner: f64) {
    canvas.line([(style::MARGIN, top), (style::MARGIN + inner, top)], style::PALE, style::SPINE);
    let font = Font::new(style::TITLE).bold();
    canvas.text(&style::fit(&row.name, style::TITLE, inner), (style::MARGIN, top + NAME / 2.0 + 3.0), font);
    legend(canvas, entries, (style::MARGIN, top + NAME), inner);
    let top = top + NAME + legend_height(entries, inner) + 6.0;
    let shares: f64 = row.panels.iter().map(|panel| panel.content.share()).sum();
    let width = inner - GAP * (row.panels.len().max(1) - 1) as f64;
    let mut x = style::MARGIN;
    for panel in &row.panels {
        let w = width * panel.content.share() / shares;
        let name = style::fit(&panel.name, style::AXIS_TITLE, w);
        canvas.text(&name, (x + w / 2.0, top + NAME / 2.0), Font::new(style::AXIS_TITLE).bold().at(At::Center));
        panel.content.draw(canvas, Rect { x, y: top + NAME, w, h: PANEL });
        x += w + GAP;
    }
}

fn swatch(key: &Key) -> Swatch {
    let color = key.tint.color();
    match key.mark {
        Mark::Line => Swatch::Line(color, style::CURVE),
        Mark::Dashed => Swatch::Dashed(color, style::CURVE),
        Mark::Band => Swatch::Band(color),
        Mark::Dot => Swatch::Dot(color),
        Mark::Ring => Swatch::Ring(color),
        Mark::Stroke => Swatch::Stroke(color),
    }
}

impl Content {
    /// Its share of the width of a row.
    fn share(&self) -> f64 {
        match self {
            Self::Curves(_) => 1.0,
            Self::Dots(_) => 1.05,
            Self::Maps(_) => 1.15,
            Self::Histograms(_) => 0.9,
        }
    }

    fn draw(&self, canvas: &mut Canvas, rect: Rect) {
        match self {
            Self::Curves(curves) => curves.draw(canvas, rect),
            Self::Dots(dots) => dots.draw(canvas, rect),
            Self::Maps(maps) => maps.draw(canvas, rect),
            Self::Histograms(histograms) => histograms.draw(canvas, rect),
        }
    }
}

/// The rectangle of a frame within `rect`, with room for an axis below and one at the left.
fn framed(rect: Rect) -> Rect {
    const LEFT: f64 = 66.0;
    let room = super::axis::BELOW;
    Rect { x: rect.x + LEFT, y: rect.y + 4.0, w: (rect.w - LEFT - 10.0).max(40.0), h: rect.h - room - 4.0 }
}

#[cfg(test)]
mod tests;
