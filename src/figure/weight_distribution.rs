//! Histograms of weights by the sign of their column, side by side on the same axes.

use super::axis::{AxisText, BELOW, BESIDE, Frame, Scale};
use super::canvas::{At, Canvas, Font, Rect, sheet};
use super::pieces::{TITLE_ROOM, title};
use super::style;
use crate::analysis::{SignPart, WeightDistribution};

const WIDTH: f64 = 380.0;
const ROW: f64 = 16.0;
const GAP: f64 = 34.0;

/// Draws distributions under their names ("start", "end"). Counts are on a logarithmic axis; what is exactly silent is
/// stated above each panel, not drawn. The distributions should share their bins.
pub fn weight_distribution(figure_title: &str, panels: &[(&str, &WeightDistribution)]) -> String {
    let shown = |part: &&SignPart| part.summary.count + part.summary.not_finite > 0;
    let rows = panels.iter().map(|(_, d)| d.parts.iter().filter(shown).count()).max().unwrap_or(0).max(1);
    let top = style::MARGIN + TITLE_ROOM + 22.0 + rows as f64 * ROW + 8.0;
    let left = style::MARGIN + BESIDE;
    let height = 250.0;
    let parts = panels.iter().flat_map(|(_, distribution)| &distribution.parts);
    let most = parts.clone().flat_map(|part| part.histogram.counts.iter().copied()).max().unwrap_or(0);
    let edge = |edge: fn(&SignPart) -> f64, pick: fn(f64, f64) -> f64, start| parts.clone().map(edge).fold(start, pick);
    let low = edge(|part| part.histogram.low, f64::min, f64::INFINITY);
    let high = edge(|part| part.histogram.high, f64::max, f64::NEG_INFINITY);
    let room = (high - low) * 0.03;
    let x = Scale::linear(low - room, high + room);
    // The foot lies below 1, so that a bin with a single weight is seen.
    let y = Scale::log(0.6, (most as f64 * 1.5).max(10.0));

    let width = left + panels.len().max(1) as f64 * (WIDTH + GAP) + style::MARGIN - 10.0;
    sheet((width, top + height + BELOW + style::MARGIN), |canvas| {
        title(canvas, figure_title);
        for (i, &(name, distribution)) in panels.iter().enumerate() {
            let rect = Rect { x: left + i as f64 * (WIDTH + GAP), y: top, w: WIDTH, h: height };
            let mut line = style::MARGIN + TITLE_ROOM + 10.0;
            let font = Font::new(style::AXIS_TITLE).bold();
            canvas.text(&style::fit(name, style::AXIS_TITLE, WIDTH), (rect.x, line), font);
            for part in distribution.parts.iter().filter(shown) {
                line += ROW;
                describe(canvas, (rect.x, line), part);
            }
            let frame = Frame { rect, x, y };
            let count = Some("Number of synapses in a bin").filter(|_| i == 0);
            frame.axes(canvas, AxisText { x: Some("Weight"), y: count, y_labels: i == 0 });
            if !distribution.parts.iter().any(|part| part.histogram.total() > 0) {
                frame.remark(canvas, "no weight but 0");
            }
            for part in &distribution.parts {
                frame.stairs(canvas, &part.histogram, style::sign_color(part.sign), 0.25);
            }
        }
        if panels.is_empty() {
            canvas.text("no weights", (left, top), Font::new(style::AXIS_TITLE).color(style::GREY));
        }
    })
}

/// One line that is the legend too: colour, sign, synapses, silent, wrong.
fn describe(canvas: &mut Canvas, (x, y): (f64, f64), part: &SignPart) {
    let summary = part.summary;
    canvas.fill(Rect { x, y: y - 5.0, w: 10.0, h: 10.0 }, style::sign_color(part.sign));
    let stored = summary.count + summary.not_finite;
    let mut text = format!(
        "{}: {} synapses, {} silent",
        style::sign_word(part.sign),
        style::count(stored),
        style::count(summary.silent)
    );
    if summary.silent > 0 {
        let share = summary.silent as f64 / stored as f64 * 100.0;
        text += &if share < 0.1 { " (< 0.1 %)".into() } else { format!(" ({share:.1} %)") };
    }
    for (number, what) in [(summary.violations, "of wrong sign"), (summary.not_finite, "not finite")] {
        if number > 0 {
            text += &format!(", {} {what}", style::count(number));
        }
    }
    let text = style::fit(&text, style::LABEL, WIDTH);
    canvas.text(&text, (x + 16.0, y), Font::new(style::LABEL).at(At::Left));
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;
    use crate::analysis::{largest_magnitude, weight_distribution as numbers};
    use crate::sparse::Pattern;

    fn drawn(values: &[f32], signs: &[i8]) -> Vec<String> {
        let pattern = Pattern::dense(values.len() / signs.len().max(1), signs.len());
        let limit = largest_magnitude(values);
        let limit = if limit > 0.0 { limit } else { 1.0 };
        let got = numbers(&pattern, values, signs, limit, 60);
        let svg = weight_distribution("Weights by sign", &[("start", &got), ("end", &got)]);
        assert_eq!(svg, weight_distribution("Weights by sign", &[("start", &got), ("end", &got)]));
        check(&svg)
    }

    #[test]
    fn states_what_it_shows() {
        let texts = drawn(&[0.5, -0.5, 0.0, -0.25, -0.1, f32::NAN, 0.5, 0.0], &[1, -1]);
        for text in [
            "Weights by sign",
            "start",
            "end",
            "Weight",
            "Number of synapses in a bin",
            "1",
            "0.4",
            "−0.4",
            "Excitatory: 4 synapses, 1 silent (25.0 %), 1 of wrong sign",
            "Inhibitory: 4 synapses, 1 silent (25.0 %), 1 not finite",
        ] {
            assert!(texts.iter().any(|got| got == text), "{text} is missing in {texts:?}");
        }
        assert!(!texts.iter().any(|text| text.starts_with("Unconstrained")));
    }

    #[test]
    fn draws_little_and_nothing() {
        check(&weight_distribution("", &[]));
        assert!(drawn(&[], &[]).contains(&"no weight but 0".to_string()));
        assert!(drawn(&[0.0; 4], &[1, 0]).contains(&"no weight but 0".to_string()));
        drawn(&[0.5; 9], &[0, 0, 0]);
        drawn(&[f32::NAN; 2], &[-1]);
        drawn(&[f32::MAX, f32::MIN], &[1]);
        drawn(&[1e-40, -1e-40], &[0]);
    }
}
