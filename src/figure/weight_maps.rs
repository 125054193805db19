//! W as heat maps side by side, postsynaptic neurons down, presynaptic neurons across, on one colour scale.

use super::canvas::{At, Canvas, Font, Rect, sheet};
use super::pieces::{
    COLOR_BAR, TITLE_ROOM, boundaries, color_bar, names_below, names_left, names_level, names_room, title,
};
use super::style::{self, ColorMap};
use crate::analysis::BlockGrid;

/// About how large a map is, in pixels.
const MAP: f64 = 384.0;
const GAP: f64 = 30.0;

/// Draws grids of W under their names ("start", "end"), each cell its mean over all pairs of neurons
/// ([`BlockGrid::mean_of_pairs`]); absent synapses and zeros are white.
///
/// All maps share one scale, symmetric about 0, that ends at the 99.5th percentile of the cells' magnitudes where a few
/// cells stand far above the others (the ends are then marked ≥ and ≤).
pub fn weight_maps(figure_title: &str, maps: &[(&str, &BlockGrid)]) -> String {
    let (limit, cut) = scale(maps);
    let map = ColorMap::Diverging { limit };
    let names = maps.iter().map(|(_, grid)| names_room(&grid.populations)).fold(0.0, f64::max);
    // Whole pixels a cell, so that all cells look the same.
    let side = |grid: &BlockGrid| {
        let cells = grid.cells().max(1) as f64;
        cells * (MAP / cells).round()
    };
    let largest = maps.iter().map(|(_, grid)| side(grid)).fold(MAP * 0.75, f64::max);
    let left = style::MARGIN + 20.0 + names;
    let top = style::MARGIN + TITLE_ROOM + 40.0;
    let right = left + maps.iter().map(|(_, grid)| side(grid) + GAP).sum::<f64>().max(MAP);
    let level = maps.iter().all(|(_, grid)| names_level(&grid.populations, grid.cells(), side(grid)));
    let below = if level { 20.0 } else { names + 6.0 };
    let bottom = top + largest + below;

    sheet((right + COLOR_BAR + style::MARGIN, bottom + 42.0 + style::MARGIN), |canvas| {
        title(canvas, figure_title);
        let mut x = left;
        for (i, &(name, grid)) in maps.iter().enumerate() {
            let rect = Rect { x, y: top, w: side(grid), h: side(grid) };
            x = rect.right() + GAP;
            panel(canvas, rect, name, grid, map);
            if i == 0 {
                names_left(canvas, rect, &grid.populations, grid.cells());
                let place = (style::MARGIN + 6.0, rect.y + rect.h / 2.0);
                let font = Font::new(style::AXIS_TITLE).at(At::Center).turned();
                canvas.text("Postsynaptic neuron (row of W)", place, font);
            }
            names_below(canvas, rect, &grid.populations, grid.cells());
            let place = (rect.x + rect.w / 2.0, bottom + 12.0);
            let font = Font::new(style::AXIS_TITLE).at(At::Center);
            canvas.text("Presynaptic neuron (column of W)", place, font);
        }
        if maps.is_empty() {
            canvas.text("no weights", (left, top + 20.0), Font::new(style::AXIS_TITLE).color(style::GREY));
            return;
        }
        let bar = Rect { x: x - GAP + 16.0, y: top, w: 12.0, h: largest.min(240.0) };
        let binned = maps.iter().any(|(_, grid)| grid.cells() < grid.neurons());
        color_bar(canvas, bar, map, if binned { "Mean weight of a cell" } else { "Weight" }, cut);
        let font = Font::new(style::NOTE).color(style::GREY);
        canvas.text(&note(maps), (style::MARGIN, bottom + 36.0), font);
    })
}

fn panel(canvas: &mut Canvas, rect: Rect, name: &str, grid: &BlockGrid, map: ColorMap) {
    let cells = grid.cells();
    canvas.cells(rect, (cells, cells), map, |row, col| grid.mean_of_pairs(row, col));
    boundaries(canvas, rect, &grid.populations, cells);
    canvas.outline(rect, style::INK, style::SPINE);
    let font = Font::new(style::AXIS_TITLE).bold();
    canvas.text(&style::fit(name, style::AXIS_TITLE, rect.w), (rect.x, rect.y - 28.0), font);
    let mut text = format!("{} synapses", style::count(grid.synapses() + grid.not_finite));
    if grid.not_finite > 0 {
        text += &format!(", {} not finite and left out", style::count(grid.not_finite));
    }
    canvas.text(&text, (rect.x, rect.y - 12.0), Font::new(style::LABEL));
}

fn note(maps: &[(&str, &BlockGrid)]) -> String {
    let grid = maps[0].1;
    let neurons = style::count(grid.neurons() as u64);
    if grid.cells() == grid.neurons() {
        return format!("{neurons} neurons, ordered by population. White: no synapse, or 0.");
    }
    let size = style::count((grid.neurons() as f64 / grid.cells() as f64).round() as u64);
    format!(
        "{neurons} neurons, ordered by population. Each cell: mean over about {size} × {size} pairs of neurons, absent \
         synapses counted as 0."
    )
}

/// The end of the scale, and whether cells lie beyond it.
pub(super) fn scale(maps: &[(&str, &BlockGrid)]) -> (f64, bool) {
    let means = maps.iter().flat_map(|(_, grid)| grid.means_of_pairs().flatten());
    let mut sizes: Vec<f64> = means.map(f64::abs).filter(|size| *size > 0.0 && size.is_finite()).collect();
    sizes.sort_unstable_by(f64::total_cmp);
    let Some(&most) = sizes.last() else { return (1.0, false) };
    let usual = sizes[(sizes.len() - 1) * 995 / 1000];
    if most > 1.5 * usual { (usual, true) } else { (most, false) }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;
    use crate::analysis::block_grid;
    use crate::connectome::Group;
    use crate::sparse::Pattern;

    fn drawn(pattern: &Pattern, values: &[f32], populations: &[Group]) -> String {
        let grid = block_grid(pattern, values, populations, 128);
        let svg = weight_maps("W", &[("start", &grid), ("end", &grid)]);
        assert_eq!(svg, weight_maps("W", &[("start", &grid), ("end", &grid)]));
        svg
    }

    #[test]
    fn names_axes_and_populations() {
        let long = "a population with a name that does not end for a very long time";
        let populations = [Group::range("<exc & \"co\">", 0..6, 1), Group::range(long, 6..8, -1)];
        let values: Vec<f32> = (0..64).map(|i| if i % 8 < 6 { 0.1 } else { -0.2 }).collect();
        let texts = check(&drawn(&Pattern::dense(8, 8), &values, &populations));
        for text in [
            "W",
            "start",
            "end",
            "64 synapses",
            "Weight",
            "0.2",
            "−0.2",
            "<exc & \"co\">",
            "Presynaptic neuron (column of W)",
            "Postsynaptic neuron (row of W)",
        ] {
            assert!(texts.iter().any(|got| got == text), "{text} is missing in {texts:?}");
        }
        assert!(texts.iter().any(|got| got.starts_with("a population") && got.ends_with('…')));
    }

    #[test]
    fn draws_little_and_nothing() {
        check(&weight_maps("W", &[]));
        check(&drawn(&Pattern::empty(0, 0), &[], &[]));
        check(&drawn(&Pattern::empty(5, 5), &[], &[]));
        check(&drawn(&Pattern::dense(1, 1), &[0.5], &[]));
        check(&drawn(&Pattern::dense(3, 3), &[0.0; 9], &[]));
        check(&drawn(&Pattern::dense(3, 3), &[0.25; 9], &[]));
        let texts = check(&drawn(&Pattern::dense(2, 2), &[f32::NAN, f32::INFINITY, 1.0, -1.0], &[]));
        assert!(texts.contains(&"4 synapses, 2 not finite and left out".to_string()));
    }

    #[test]
    fn outliers_do_not_bleach_the_rest() {
        let mut values = vec![0.1; 2500];
        values[7] = 50.0;
        let texts = check(&drawn(&Pattern::dense(50, 50), &values, &[]));
        assert!(texts.contains(&"≥ 0.1".to_string()), "{texts:?}");
    }

    /// 200,000 neurons, each with 10 synapses at scattered places.
    #[test]
    fn a_large_network_stays_small_on_the_sheet() {
        let n = 200_000_usize;
        let mut indices = Vec::new();
        for row in 0..n {
            let mut cols: Vec<u32> = (0..10).map(|k| ((row * 7919 + k * k * 104_729 + k * 31) % n) as u32).collect();
            cols.sort_unstable();
            cols.dedup();
            assert_eq!(cols.len(), 10);
            indices.extend(cols);
        }
        let pattern = Pattern::new(n, n, (0..=n).map(|row| row * 10).collect(), indices).unwrap();
        let values: Vec<f32> =
            pattern.indices().iter().enumerate().map(|(i, _)| ((i * 2_654_435_761) % 1009) as f32 - 504.0).collect();
        let names: Vec<String> = (0..18).map(|i| format!("area {i}")).collect();
        let edge = |i: usize| n * i * i / (18 * 18);
        let populations: Vec<_> =
            names.iter().enumerate().map(|(i, name)| Group::range(name, edge(i)..edge(i + 1), 1)).collect();
        let svg = drawn(&pattern, &values, &populations);
        let texts = check(&svg);
        assert!(svg.len() < 1_000_000, "{} bytes", svg.len());
        assert_eq!(texts.iter().filter(|text| text.starts_with("area ")).count(), 3 * 18);
    }
}
