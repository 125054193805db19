//! Single trials side by side: input, target and output over time, on axes that all trials share.

use super::axis::{AxisText, BELOW, BESIDE, Frame, Scale};
use super::canvas::{At, Canvas, Font, Rect, sheet};
use super::pieces::{COLOR_BAR, Swatch, TITLE_ROOM, color_bar, legend, legend_height, title};
use super::style::{self, ColorMap};
use crate::analysis::signals::{extremes, softmax, strip};

/// Values over time: `[steps, count]`, channels contiguous.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Channels<'a> {
    /// The values.
    pub values: &'a [f32],
    /// Number of channels.
    pub count: usize,
}

/// What the network should have answered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target<'a> {
    /// A value a step and output.
    Series(Channels<'a>),
    /// A class after the last step, counted from 0.
    Class(usize),
}

/// One trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial<'a> {
    /// What went in.
    pub inputs: Channels<'a>,
    /// What should have come out.
    pub target: Target<'a>,
    /// What came out. For classes the last step is read as unnormalised log probabilities, as cross-entropy does.
    pub outputs: Channels<'a>,
}

/// More channels than this are drawn as an image instead of lines.
const LINES: usize = 6;
const WIDTH: f64 = 250.0;
const GAP: f64 = 22.0;
/// Between two panels of a trial.
const SPACE: f64 = 12.0;
/// Pieces of a line, and columns of an image.
const PIECES: usize = 250;
const COLUMNS: usize = 125;
const CHANNEL_ROWS: usize = 64;

/// Draws trials, one a column. Up to 6 channels are lines, a panel each; more are an image, a row each. Targets lie as
/// wide pale lines under the outputs; classes are bars of probability with the true one marked.
///
/// # Panics
/// If the trials differ in shape or kind, values do not fill whole steps, or there is no input or output channel.
pub fn trials(figure_title: &str, trials: &[Trial]) -> String {
    let Some(first) = trials.first() else {
        return sheet((300.0, 80.0), |canvas| {
            title(canvas, figure_title);
            canvas.text("no trial", (style::MARGIN, 50.0), Font::new(style::AXIS_TITLE).color(style::GREY));
        });
    };
    trials.iter().for_each(|trial| check(trial, first));
    let rows = rows(first);
    let entries = key(first);
    let left = style::MARGIN + BESIDE;
    let column = |i: usize| left + i as f64 * (WIDTH + GAP);
    let right = column(trials.len()) - GAP;
    let top = style::MARGIN + TITLE_ROOM + legend_height(&entries, right - left) + 26.0;
    let images = rows.iter().any(|row| matches!(row.what, What::InputImage | What::OutputImage));
    let beside = if images { COLOR_BAR } else { 4.0 };
    let heights = rows.iter().map(|row| row.height + row.below());
    let bottom = top + heights.sum::<f64>();
    let time = Scale::whole(0.5, steps(first) as f64 + 0.5);

    sheet((right + beside + style::MARGIN, bottom + style::MARGIN), |canvas| {
        title(canvas, figure_title);
        legend(canvas, &entries, (left, style::MARGIN + TITLE_ROOM), right - left);
        for (i, trial) in trials.iter().enumerate() {
            let mut text = format!("Trial {}", i + 1);
            if let Target::Class(class) = trial.target {
                text += &format!(": class {class}, answered {}", answer(trial));
            }
            canvas.text(&text, (column(i), top - 12.0), Font::new(style::AXIS_TITLE).bold());
        }
        let mut y = top;
        for row in &rows {
            let scale = row.scale(trials);
            for (i, trial) in trials.iter().enumerate() {
                let rect = Rect { x: column(i), y, w: WIDTH, h: row.height };
                row.draw(canvas, rect, trial, time, scale, i == 0);
            }
            row.beside(canvas, Rect { x: left, y, w: right - left, h: row.height }, first, scale);
            y += row.height + row.below();
        }
    })
}

fn check(trial: &Trial, first: &Trial) {
    let shape = |channels: Channels| {
        assert!(channels.count > 0, "a trial has at least one channel");
        assert_eq!(channels.values.len() % channels.count, 0, "values fill whole steps");
        (channels.count, channels.values.len())
    };
    assert_eq!(shape(trial.inputs), shape(first.inputs), "trials have inputs of one shape");
    assert_eq!(shape(trial.outputs), shape(first.outputs), "trials have outputs of one shape");
    match (trial.target, first.target) {
        (Target::Series(target), Target::Series(_)) => {
            assert_eq!(shape(target), shape(trial.outputs), "target and output have one shape");
        }
        (Target::Class(class), Target::Class(_)) => {
            assert!(class < trial.outputs.count, "class {class} is not below the number of outputs");
        }
        _ => panic!("trials have targets of one kind"),
    }
}

fn steps(trial: &Trial) -> usize {
    trial.inputs.values.len() / trial.inputs.count
}

fn probabilities(trial: &Trial) -> Vec<f64> {
    let outputs = trial.outputs;
    softmax(&outputs.values[outputs.values.len().saturating_sub(outputs.count)..])
}

/// The most probable class, in words.
fn answer(trial: &Trial) -> String {
    let best =
        probabilities(trial).into_iter().enumerate().filter(|(_, p)| !p.is_nan()).max_by(|a, b| a.1.total_cmp(&b.1));
    best.map_or("nothing".into(), |(class, _)| class.to_string())
}

/// A row of panels: the same for every trial.
#[derive(Debug, Clone, Copy)]
struct Row {
    what: What,
    height: f64,
    /// Whether the time axis is written below.
    timed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum What {
    InputLine(usize),
    OutputLine(usize),
    InputImage,
    TargetImage,
    OutputImage,
    Classes,
}

fn rows(trial: &Trial) -> Vec<Row> {
    let line = |count: usize| if count == 1 { 96.0 } else { 58.0 };
    let image = |count: usize| (7.0 * count.min(CHANNEL_ROWS) as f64).clamp(84.0, 210.0);
    let row = |what, height| Row { what, height, timed: false };
    let (inputs, outputs) = (trial.inputs.count, trial.outputs.count);
    let mut rows: Vec<Row> = match inputs {
        0..=LINES => (0..inputs).map(|i| row(What::InputLine(i), line(inputs))).collect(),
        _ => vec![row(What::InputImage, image(inputs))],
    };
    match trial.target {
        Target::Class(_) => {
            rows.iter_mut().last().expect("an input").timed = true;
            rows.push(row(What::Classes, 110.0));
        }
        Target::Series(_) => {
            match outputs {
                0..=LINES => rows.extend((0..outputs).map(|i| row(What::OutputLine(i), line(outputs)))),
                _ => rows.extend([What::TargetImage, What::OutputImage].map(|what| row(what, image(outputs)))),
            }
            rows.iter_mut().last().expect("an output").timed = true;
        }
    }
    rows
}

fn key(trial: &Trial) -> Vec<(Swatch, String)> {
    let mut entries = Vec::new();
    if trial.inputs.count <= LINES {
        entries.push((Swatch::Line(style::BLUE, style::CURVE), "input".to_string()));
    }
    match trial.target {
        Target::Class(_) => {
            entries.push((Swatch::Box(style::VERMILION), "true class".into()));
            entries.push((Swatch::Box(style::GREY), "other classes".into()));
        }
        Target::Series(_) if trial.outputs.count <= LINES => {
            entries.push((Swatch::Line(style::WIDE, 4.5), "target".into()));
            entries.push((Swatch::Line(style::VERMILION, style::CURVE), "output".into()));
        }
        Target::Series(_) => {}
    }
    entries
}

#[derive(Debug, Clone, Copy)]
enum RowScale {
    Values(Scale),
    Colors(ColorMap),
}

impl Row {
    fn below(&self) -> f64 {
        match self.what {
            What::Classes => BELOW,
            // Above the bars there is the mark of the true class.
            _ if self.timed => BELOW + 14.0,
            _ => SPACE,
        }
    }

    fn is_input(&self) -> bool {
        matches!(self.what, What::InputLine(_) | What::InputImage)
    }

    /// Inputs share a scale, and targets with outputs.
    fn scale(&self, trials: &[Trial]) -> RowScale {
        if self.what == What::Classes {
            return RowScale::Values(Scale::linear(0.0, 1.0));
        }
        let all: Vec<&[f32]> = if self.is_input() {
            trials.iter().map(|trial| trial.inputs.values).collect()
        } else {
            let targets = trials.iter().filter_map(|trial| match trial.target {
                Target::Series(target) => Some(target.values),
                Target::Class(_) => None,
            });
            targets.chain(trials.iter().map(|trial| trial.outputs.values)).collect()
        };
        let finite = all.iter().flat_map(|values| values.iter().copied()).filter(|value| value.is_finite());
        let (low, high) = finite
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v.into()), high.max(f64::from(v))));
        if matches!(self.what, What::InputLine(_) | What::OutputLine(_)) {
            let room = if high > low { (high - low) * 0.08 } else { 0.0 };
            return RowScale::Values(Scale::linear(low - room, high + room));
        }
        let limit = low.abs().max(high.abs());
        let limit = if limit.is_finite() && limit > 0.0 { limit } else { 1.0 };
        RowScale::Colors(if low < 0.0 { ColorMap::Diverging { limit } } else { ColorMap::Sequential { limit } })
    }

    fn draw(&self, canvas: &mut Canvas, rect: Rect, trial: &Trial, time: Scale, scale: RowScale, labels: bool) {
        let x = self.timed.then_some("Time step");
        let text = AxisText { x, y: None, y_labels: labels };
        match (scale, trial.target) {
            (RowScale::Values(y), target) => match self.what {
                What::Classes => bars(canvas, rect, trial, y, labels),
                What::InputLine(channel) => {
                    let frame = Frame { rect, x: time, y };
                    frame.axes(canvas, text);
                    line(canvas, &frame, trial.inputs, channel, (style::BLUE, style::CURVE));
                }
                What::OutputLine(channel) => {
                    let frame = Frame { rect, x: time, y };
                    frame.axes(canvas, text);
                    if let Target::Series(target) = target {
                        line(canvas, &frame, target, channel, (style::WIDE, 4.5));
                    }
                    line(canvas, &frame, trial.outputs, channel, (style::VERMILION, style::CURVE));
                }
                _ => unreachable!("an image has a scale of colours"),
            },
            (RowScale::Colors(map), target) => {
                let channels = match (self.what, target) {
                    (What::InputImage, _) => trial.inputs,
                    (What::TargetImage, Target::Series(target)) => target,
                    _ => trial.outputs,
                };
                image(canvas, rect, channels, map);
                canvas.outline(rect, style::INK, style::HAIR);
                Frame { rect, x: time, y: Scale::linear(0.0, 1.0) }.x_axis(canvas, x);
                if labels {
                    // Channel 1 is at the top.
                    let half = rect.h / channels.count as f64 / 2.0;
                    for (number, y) in [(1, rect.y + half), (channels.count, rect.bottom() - half)] {
                        canvas.line([(rect.x - 4.0, y), (rect.x, y)], style::INK, style::HAIR);
                        let font = Font::new(style::LABEL).at(At::Right);
                        canvas.text(&style::count(number as u64), (rect.x - 7.0, y), font);
                    }
                }
            }
        }
    }

    /// What stands at the left and the right of a row.
    fn beside(&self, canvas: &mut Canvas, rect: Rect, trial: &Trial, scale: RowScale) {
        let numbered = |name: &str, channel: usize, count: usize| {
            if count == 1 { name.to_string() } else { format!("{name} {}", channel + 1) }
        };
        let name = match self.what {
            What::InputLine(channel) => numbered("Input", channel, trial.inputs.count),
            What::OutputLine(channel) => numbered("Output", channel, trial.outputs.count),
            What::InputImage => "Input channel".into(),
            What::TargetImage => "Target channel".into(),
            What::OutputImage => "Output channel".into(),
            What::Classes => "Probability".into(),
        };
        let font = Font::new(style::AXIS_TITLE).at(At::Center).turned();
        canvas.text(&name, (rect.x - 62.0, rect.y + rect.h / 2.0), font);
        if let RowScale::Colors(map) = scale {
            let bar = Rect { x: rect.right() + 14.0, y: rect.y + 5.0, w: 10.0, h: rect.h - 10.0 };
            color_bar(canvas, bar, map, name.split(' ').next().unwrap_or_default(), false);
        }
    }
}

fn line(
    canvas: &mut Canvas,
    frame: &Frame,
    channels: Channels,
    channel: usize,
    (color, width): (plotters::style::RGBColor, f64),
) {
    frame.curve(canvas, extremes(channels.values, channels.count, channel, PIECES).into_iter(), color, width);
}

fn image(canvas: &mut Canvas, rect: Rect, channels: Channels, map: ColorMap) {
    let strip = strip(channels.values, channels.count, CHANNEL_ROWS, COLUMNS);
    canvas.cells(rect, (strip.rows, strip.cols), map, |row, col| strip.means[row * strip.cols + col]);
}

/// Probability of each class after the last step, the true one in colour and with a triangle above.
fn bars(canvas: &mut Canvas, rect: Rect, trial: &Trial, y: Scale, labels: bool) {
    let Target::Class(class) = trial.target else { return };
    let classes = trial.outputs.count;
    let frame = Frame { rect, x: Scale::whole(-0.5, classes as f64 - 0.5), y };
    frame.axes(canvas, AxisText { x: Some("Class"), y: None, y_labels: labels });
    for (i, probability) in probabilities(trial).into_iter().enumerate() {
        let at = i as f64;
        let color = if i == class { style::VERMILION } else { style::GREY };
        let corners = (frame.place(at - 0.4, probability), frame.place(at + 0.4, 0.0));
        if let (Some((left, top)), Some((right, bottom))) = corners {
            canvas.fill(Rect { x: left, y: top, w: right - left, h: bottom - top }, color);
        }
    }
    if let Some((x, y)) = frame.place(class as f64, 1.0) {
        canvas.polygon([(x - 4.0, y - 8.0), (x + 4.0, y - 8.0), (x, y - 1.0)], style::VERMILION, 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::draw::check as check_svg;

    fn wave(steps: usize, channels: usize, phase: f32) -> Vec<f32> {
        let value = |step: usize, channel: usize| (step as f32 * 0.2 + channel as f32 * 0.7 + phase).sin();
        (0..steps).flat_map(|step| (0..channels).map(move |channel| value(step, channel))).collect()
    }

    fn drawn(steps: usize, inputs: usize, outputs: usize, class: Option<usize>) -> Vec<String> {
        let (input, target, output) = (wave(steps, inputs, 0.0), wave(steps, outputs, 0.5), wave(steps, outputs, 0.6));
        let trial = Trial {
            inputs: Channels { values: &input, count: inputs },
            target: class.map_or(Target::Series(Channels { values: &target, count: outputs }), Target::Class),
            outputs: Channels { values: &output, count: outputs },
        };
        let svg = trials("Test trials <3>", &[trial; 3]);
        assert_eq!(svg, trials("Test trials <3>", &[trial; 3]));
        assert!(svg.len() < 1_500_000, "{} bytes", svg.len());
        check_svg(&svg)
    }

    fn has(texts: &[String], wanted: &[&str]) {
        for text in wanted {
            assert!(texts.iter().any(|got| got == text), "{text} is missing in {texts:?}");
        }
    }

    #[test]
    fn names_what_it_shows() {
        let common = ["Test trials <3>", "Trial 1", "Trial 3", "Time step"];
        for (inputs, outputs, wanted) in [
            (1, 1, vec!["Input", "Output", "input", "target", "output"]),
            (2, 2, vec!["Input 2", "Output 2"]),
            (18, 18, vec!["Input channel", "Target channel", "Output channel", "18"]),
            (28, 3, vec!["Input channel", "28", "Output 3"]),
        ] {
            let texts = drawn(50, inputs, outputs, None);
            has(&texts, &common);
            has(&texts, &wanted);
        }
        let texts = drawn(28, 28, 10, Some(3));
        has(&texts, &["Class", "Probability", "true class", "Time step", "Input channel"]);
        assert!(texts.iter().any(|text| text.starts_with("Trial 1: class 3, answered ")));
    }

    #[test]
    fn draws_little_and_much() {
        check_svg(&trials("none", &[]));
        drawn(1, 1, 1, None);
        drawn(1, 7, 7, None);
        drawn(100_000, 6, 6, None);
        drawn(2_000, 300, 300, None);
        drawn(784, 1, 10, Some(0));
        let nan = [f32::NAN; 20];
        let zero = [0.0; 20];
        for (values, count) in [(&nan, 1), (&nan, 10), (&zero, 1), (&zero, 10)] {
            let channels = Channels { values, count };
            for target in [Target::Series(channels), Target::Class(0)] {
                check_svg(&trials("", &[Trial { inputs: channels, target, outputs: channels }]));
            }
        }
    }

    #[test]
    #[should_panic(expected = "not below the number of outputs")]
    fn a_class_beyond_the_outputs() {
        drawn(2, 1, 2, Some(2));
    }
}
