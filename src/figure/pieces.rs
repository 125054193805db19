//! Pieces that several drawings use: titles, legends, colour bars, names along an axis of populations.

use plotters::style::RGBColor as Color;

use super::canvas::{At, Canvas, Font, Rect};
use super::style::{self, ColorMap};
use crate::analysis::PopulationBand;

/// Room that a title needs at the top of a figure.
pub const TITLE_ROOM: f64 = 24.0;
/// Height of a row of a legend.
pub const LEGEND_ROW: f64 = 18.0;

/// Writes the title of a figure at its upper left.
pub fn title(canvas: &mut Canvas, text: &str) {
    let text = style::fit(text, style::TITLE, canvas.size().0 - 2.0 * style::MARGIN);
    canvas.text(&text, (style::MARGIN, style::MARGIN + 6.0), Font::new(style::TITLE).bold());
}

/// How an entry of a legend is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Swatch {
    /// A line of this colour and width.
    Line(Color, f64),
    /// A filled square.
    Box(Color),
    /// A broken line of this colour and width.
    Dashed(Color, f64),
    /// A pale area.
    Band(Color),
    /// A filled dot.
    Dot(Color),
    /// An open dot.
    Ring(Color),
    /// An upright stroke.
    Stroke(Color),
}

/// Places the entries of a legend in rows that are at most `width` wide: (x, row, text) from the left end.
fn flow(entries: &[(Swatch, String)], width: f64) -> Vec<(f64, usize, String)> {
    let (mut x, mut row) = (0.0, 0);
    entries
        .iter()
        .map(|(_, text)| {
            let text = style::fit(text, style::LABEL, width - 40.0);
            let need = 28.0 + style::width(&text, style::LABEL) + 14.0;
            if x > 0.0 && x + need > width {
                (x, row) = (0.0, row + 1);
            }
            x += need;
            (x - need, row, text)
        })
        .collect()
}

/// Height of a legend that is at most `width` wide.
pub fn legend_height(entries: &[(Swatch, String)], width: f64) -> f64 {
    flow(entries, width).last().map_or(0.0, |(_, row, _)| (row + 1) as f64 * LEGEND_ROW)
}

/// Draws a legend with its upper left corner at `(x, y)`, beside and not over the data.
pub fn legend(canvas: &mut Canvas, entries: &[(Swatch, String)], (x, y): (f64, f64), width: f64) {
    for ((swatch, _), (shift, row, text)) in entries.iter().zip(flow(entries, width)) {
        let (x, y) = (x + shift, y + (row as f64 + 0.5) * LEGEND_ROW);
        match *swatch {
            Swatch::Line(color, width) => canvas.line([(x, y), (x + 22.0, y)], color, width),
            Swatch::Box(color) => canvas.fill(Rect { x: x + 8.0, y: y - 5.0, w: 10.0, h: 10.0 }, color),
            Swatch::Dashed(color, width) => canvas.dashed(&[(x, y), (x + 22.0, y)], color, width),
            Swatch::Band(color) => {
                let (right, top, bottom) = (x + 22.0, y - 5.0, y + 5.0);
                canvas.polygon([(x, top), (right, top), (right, bottom), (x, bottom)], color, 0.2)
            }
            Swatch::Dot(color) => canvas.dot((x + 13.0, y), 3.2, color),
            Swatch::Ring(color) => {
                canvas.dot((x + 13.0, y), 3.2, color);
                canvas.dot((x + 13.0, y), 2.1, style::WHITE);
            }
            Swatch::Stroke(color) => canvas.line([(x + 13.0, y - 6.0), (x + 13.0, y + 6.0)], color, style::CURVE),
        }
        canvas.text(&text, (x + 28.0, y), Font::new(style::LABEL));
    }
}

/// Room that a colour bar with its labels needs beside a panel.
pub const COLOR_BAR: f64 = 96.0;

/// Draws a colour bar into `rect` (narrow and high), its values and its name at its right. `cut`: some values lie
/// beyond the ends and share their colour.
pub fn color_bar(canvas: &mut Canvas, rect: Rect, map: ColorMap, name: &str, cut: bool) {
    let (least, limit) = match map {
        ColorMap::Diverging { limit } => (-limit, limit),
        ColorMap::Sequential { limit } => (0.0, limit),
    };
    const PIECES: usize = 64;
    canvas
        .cells(rect, (PIECES, 1), map, |piece, _| Some(limit - (limit - least) * (piece as f64 + 0.5) / PIECES as f64));
    canvas.outline(rect, style::INK, style::HAIR);
    let mut widest = 0.0_f64;
    let middle = (least + limit) / 2.0;
    let marks =
        [(0.0, limit, if cut { "≥ " } else { "" }), (0.5, middle, ""), (1.0, least, if cut { "≤ " } else { "" })];
    for (share, value, sign) in marks {
        // What is below a sequential map would be below 0: nothing is cut there.
        let sign = if value == 0.0 { "" } else { sign };
        let at = rect.y + rect.h * share;
        canvas.line([(rect.right(), at), (rect.right() + 4.0, at)], style::INK, style::HAIR);
        let label = format!("{sign}{}", style::short(value));
        canvas.text(&label, (rect.right() + 7.0, at), Font::new(style::LABEL));
        widest = widest.max(style::width(&label, style::LABEL));
    }
    let name = style::fit(name, style::LABEL, rect.h + 60.0);
    let place = (rect.right() + 22.0 + widest, rect.y + rect.h / 2.0);
    canvas.text(&name, place, Font::new(style::LABEL).at(At::Center).turned());
}

/// Draws the boundaries of populations over a square grid of cells.
pub fn boundaries(canvas: &mut Canvas, rect: Rect, bands: &[PopulationBand], cells: usize) {
    for band in bands.iter().skip(1) {
        let share = band.start / cells.max(1) as f64;
        let (x, y) = (rect.x + share * rect.w, rect.y + share * rect.h);
        canvas.line([(x, rect.y), (x, rect.bottom())], style::BOUNDARY, style::HAIR);
        canvas.line([(rect.x, y), (rect.right(), y)], style::BOUNDARY, style::HAIR);
    }
}

/// Room that names of populations need along an axis, their leading lines included, for names at most 110 wide.
pub fn names_room(bands: &[PopulationBand]) -> f64 {
    let widest = bands.iter().map(|band| style::width(&band.name, style::LABEL)).fold(0.0, f64::max);
    LEAD + 6.0 + widest.min(NAME)
}

const LEAD: f64 = 16.0;
const NAME: f64 = 110.0;
const NAME_STEP: f64 = 12.5;

/// Where the names of populations stand along an axis of `length`: (band, middle of the band, place of the name).
///
/// Names keep their distance; where there is no room for all, the smallest populations go without.
fn name_places(bands: &[PopulationBand], cells: usize, length: f64) -> Vec<(usize, f64, f64)> {
    let unit = length / cells.max(1) as f64;
    let mut chosen: Vec<usize> = (0..bands.len()).collect();
    chosen.sort_by(|&a, &b| {
        let size = |i: usize| bands[i].end - bands[i].start;
        size(b).total_cmp(&size(a)).then(a.cmp(&b))
    });
    chosen.truncate((length / NAME_STEP) as usize);
    chosen.sort_unstable();
    let middles: Vec<f64> = chosen.iter().map(|&i| (bands[i].start + bands[i].end) / 2.0 * unit).collect();
    // Least squares under "each at least a step after the one before": pool neighbours that would collide.
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for (i, middle) in middles.iter().enumerate() {
        pools.push((middle - i as f64 * NAME_STEP, 1));
        while let [.., a, b] = pools[..] {
            if a.0 < b.0 {
                break;
            }
            pools.truncate(pools.len() - 2);
            let size = a.1 + b.1;
            pools.push(((a.0 * a.1 as f64 + b.0 * b.1 as f64) / size as f64, size));
        }
    }
    let shifts = pools.iter().flat_map(|&(shift, size)| std::iter::repeat_n(shift, size));
    let last = (chosen.len().max(1) - 1) as f64 * NAME_STEP;
    let places = shifts.enumerate().map(|(i, shift)| {
        let low = NAME_STEP / 2.0;
        shift.clamp(low, (length - last - low).max(low)) + i as f64 * NAME_STEP
    });
    chosen.into_iter().zip(middles).zip(places).map(|((band, middle), place)| (band, middle, place)).collect()
}

/// Writes the names of populations at the left of a grid of cells.
pub fn names_left(canvas: &mut Canvas, rect: Rect, bands: &[PopulationBand], cells: usize) {
    for (band, middle, place) in name_places(bands, cells, rect.h) {
        let (from, to) = (rect.y + middle, rect.y + place);
        let x = rect.x;
        canvas.line([(x, from), (x - 4.0, from), (x - LEAD + 3.0, to), (x - LEAD, to)], style::GREY, style::HAIR);
        let name = style::fit(&bands[band].name, style::LABEL, NAME);
        canvas.text(&name, (x - LEAD - 3.0, to), Font::new(style::LABEL).at(At::Right));
    }
}

/// Writes the names of populations below a grid of cells: level where each fits below its own, turned otherwise.
pub fn names_below(canvas: &mut Canvas, rect: Rect, bands: &[PopulationBand], cells: usize) {
    let level = names_level(bands, cells, rect.w);
    for (band, middle, place) in name_places(bands, cells, rect.w) {
        let y = rect.bottom();
        let name = style::fit(&bands[band].name, style::LABEL, NAME);
        if level {
            let x = rect.x + middle;
            canvas.line([(x, y), (x, y + 4.0)], style::GREY, style::HAIR);
            canvas.text(&name, (x, y + 13.0), Font::new(style::LABEL).at(At::Center));
        } else {
            let (from, to) = (rect.x + middle, rect.x + place);
            canvas.line([(from, y), (from, y + 4.0), (to, y + LEAD - 3.0), (to, y + LEAD)], style::GREY, style::HAIR);
            canvas.text(&name, (to, y + LEAD + 3.0), Font::new(style::LABEL).at(At::Right).turned());
        }
    }
}

/// Whether every name fits level below its own population.
pub fn names_level(bands: &[PopulationBand], cells: usize, length: f64) -> bool {
    let unit = length / cells.max(1) as f64;
    bands.iter().all(|band| style::width(&band.name, style::LABEL) + 6.0 <= (band.end - band.start) * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bands(sizes: &[f64]) -> Vec<PopulationBand> {
        let mut end = 0.0;
        sizes
            .iter()
            .map(|size| {
                end += size;
                PopulationBand { name: "p".into(), sign: 0, start: end - size, end }
            })
            .collect()
    }

    #[test]
    fn names_keep_their_distance() {
        // Wide populations have their names in their middle.
        assert_eq!(name_places(&bands(&[50.0, 50.0]), 100, 200.0), [(0, 50.0, 50.0), (1, 150.0, 150.0)]);
        for sizes in [vec![1.0; 18], [17.0, 3.0, 1.0].repeat(6), vec![100.0, 1.0, 1.0, 1.0, 1.0], vec![1.0; 500]] {
            let places = name_places(&bands(&sizes), sizes.iter().sum::<f64>() as usize, 384.0);
            assert_eq!(places.len(), sizes.len().min(30));
            assert!(places.windows(2).all(|pair| pair[1].2 - pair[0].2 > NAME_STEP - 1e-9), "{places:?}");
            assert!(places.iter().all(|place| (0.0..=384.0).contains(&place.2)), "{places:?}");
        }
        assert!(name_places(&[], 0, 384.0).is_empty());
    }

    #[test]
    fn legends_wrap() {
        let entries: Vec<_> = (0..6).map(|i| (Swatch::Box(style::INK), format!("a rather long series {i}"))).collect();
        assert!(legend_height(&entries, 400.0) > LEGEND_ROW);
        assert_eq!(legend_height(&entries[..1], 400.0), LEGEND_ROW);
        assert_eq!(legend_height(&[], 400.0), 0.0);
    }
}
