//! Single trials side by side: input, target and output over time, on axes that all trials share.

use super::axis::{AxisText, BELOW, BESIDE, Frame, Scale};
use super::canvas::{At, Canvas, Font, Rect, sheet};
use super::pieces::{COLOR_BAR, Swatch, TITLE_ROOM, color_bar, legend, legend_height, title};
use super::style::{self, ColorMap};
use crate::analysis::{extremes, softmax, strip};

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
    /// A value per step and output; NaN is left out.
    Series(Channels<'a>),
    /// A class after the last step, counted from 0.
    Class(usize),
    /// A class per step, one channel; NaN is left out. Outputs are then the classes answered, in the same form.
    StepClasses(Channels<'a>),
    /// Not known.
    Unknown,
}

/// One trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial<'a> {
    /// What went in.
    pub inputs: Channels<'a>,
    /// What should have come out.
    pub target: Target<'a>,
    /// What came out; `None` shows the task alone. For classes the last step is read as unnormalised log
    /// probabilities, as cross-entropy does.
    pub outputs: Option<Channels<'a>>,
}

impl Trial<'_> {
    /// Channels that target and output are drawn with over time; 0 where there are none.
    fn drawn_channels(&self) -> usize {
        match self.target {
            Target::Series(target) | Target::StepClasses(target) => target.count,
            Target::Class(_) => 0,
            Target::Unknown => self.outputs.map_or(0, |outputs| outputs.count),
        }
    }
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
/// wide pale lines under the outputs; classes are bars of probability with the true one marked, or, without outputs, the
/// title of their trial.
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
    let images = rows.iter().any(|row| matches!(row.what, What::InputImage | What::TargetImage | What::OutputImage));
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
                text += &format!(": class {class}");
                text += &trial.outputs.map_or(String::new(), |outputs| format!(", answered {}", answer(outputs)));
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
    let outputs = trial.outputs.map(shape);
    assert_eq!(outputs, first.outputs.map(shape), "trials have outputs of one shape");
    match (trial.target, first.target) {
        (Target::Series(target), Target::Series(one)) | (Target::StepClasses(target), Target::StepClasses(one)) => {
            assert_eq!(shape(target), shape(one), "trials have targets of one shape");
            assert!(outputs.is_none_or(|outputs| outputs == shape(target)), "target and output have one shape");
        }
        (Target::Class(class), Target::Class(_)) => {
            let known = outputs.is_none_or(|(count, _)| class < count);
            assert!(known, "class {class} is not below the number of outputs");
        }
        (Target::Unknown, Target::Unknown) => {}
        _ => panic!("trials have targets of one kind"),
    }
}

fn steps(trial: &Trial) -> usize {
    trial.inputs.values.len() / trial.inputs.count
}

fn probabilities(outputs: Channels) -> Vec<f64> {
    softmax(&outputs.values[outputs.values.len().saturating_sub(outputs.count)..])
}

/// The most probable class, in words.
fn answer(outputs: Channels) -> String {
    let best =
        probabilities(outputs).into_iter().enumerate().filter(|(_, p)| !p.is_nan()).max_by(|a, b| a.1.total_cmp(&b.1));
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
    let inputs = trial.inputs.count;
    let mut rows: Vec<Row> = match inputs {
        0..=LINES => (0..inputs).map(|i| row(What::InputLine(i), line(inputs))).collect(),
        _ => vec![row(What::InputImage, image(inputs))],
    };
    match trial.target {
        Target::Class(_) => rows.iter_mut().last().expect("an input").timed = true,
        _ => {
            match trial.drawn_channels() {
                count @ 0..=LINES => rows.extend((0..count).map(|i| row(What::OutputLine(i), line(count)))),
                count => {
                    let known = matches!(trial.target, Target::Series(_)).then_some(What::TargetImage);
                    let answered = trial.outputs.map(|_| What::OutputImage);
                    rows.extend(known.into_iter().chain(answered).map(|what| row(what, image(count))));
                }
            }
            rows.iter_mut().last().expect("an input").timed = true;
        }
    }
    if let (Target::Class(_), Some(_)) = (trial.target, trial.outputs) {
        rows.push(row(What::Classes, 110.0));
    }
    rows
}

fn key(trial: &Trial) -> Vec<(Swatch, String)> {
    let mut entries = Vec::new();
    if trial.inputs.count <= LINES {
        entries.push((Swatch::Line(style::BLUE, style::CURVE), "input".to_string()));
    }
    match trial.target {
        Target::Class(_) if trial.outputs.is_none() => {}
        Target::Class(_) => {
            entries.push((Swatch::Box(style::VERMILION), "true class".into()));
            entries.push((Swatch::Box(style::GREY), "other classes".into()));
        }
        Target::Series(target) if target.count <= LINES => {
            entries.push((Swatch::Line(style::WIDE, 4.5), "target".into()));
            if trial.outputs.is_some() {
                entries.push((Swatch::Line(style::VERMILION, style::CURVE), "output".into()));
            }
        }
        Target::StepClasses(_) => {
            entries.push((Swatch::Line(style::WIDE, 4.5), "class".into()));
            if trial.outputs.is_some() {
                entries.push((Swatch::Line(style::VERMILION, style::CURVE), "answered".into()));
            }
        }
        Target::Unknown if trial.outputs.is_some_and(|outputs| outputs.count <= LINES) => {
            entries.push((Swatch::Line(style::VERMILION, style::CURVE), "output".into()));
        }
        Target::Series(_) | Target::Unknown => {}
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
                Target::Series(target) | Target::StepClasses(target) => Some(target.values),
                Target::Class(_) | Target::Unknown => None,
            });
            targets.chain(trials.iter().filter_map(|trial| trial.outputs).map(|outputs| outputs.values)).collect()
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
                    let draw = if matches!(target, Target::StepClasses(_)) { stairs } else { line };
                    if let Target::Series(target) | Target::StepClasses(target) = target {
                        draw(canvas, &frame, target, channel, (style::WIDE, 4.5));
                    }
                    if let Some(outputs) = trial.outputs {
                        draw(canvas, &frame, outputs, channel, (style::VERMILION, style::CURVE));
                    }
                }
                _ => unreachable!("an image has a scale of colours"),
            },
            (RowScale::Colors(map), target) => {
                let channels = match (self.what, target, trial.outputs) {
                    (What::TargetImage, Target::Series(target), _) => target,
                    (What::OutputImage, _, Some(outputs)) => outputs,
                    _ => trial.inputs,
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
            What::OutputLine(channel) => {
                let name = match trial.target {
                    Target::StepClasses(_) => "Class",
                    _ if trial.outputs.is_some() => "Output",
                    _ => "Target",
                };
                numbered(name, channel, trial.drawn_channels())
            }
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

/// As [`line`], level for the whole of each step.
fn stairs(
    canvas: &mut Canvas,
    frame: &Frame,
    channels: Channels,
    channel: usize,
    (color, width): (plotters::style::RGBColor, f64),
) {
    let points = extremes(channels.values, channels.count, channel, PIECES);
    let levels = points.into_iter().flat_map(|(step, value)| [(step - 0.5, value), (step + 0.5, value)]);
    frame.curve(canvas, levels, color, width);
}

fn image(canvas: &mut Canvas, rect: Rect, channels: Channels, map: ColorMap) {
    let strip = strip(channels.values, channels.count, CHANNEL_ROWS, COLUMNS);
    canvas.cells(rect, (strip.rows, strip.cols), map, |row, col| strip.means[row * strip.cols + col]);
}

/// Probability of each class after the last step, the true one in colour and with a triangle above.
fn bars(canvas: &mut Canvas, rect: Rect, trial: &Trial, y: Scale, labels: bool) {
    let (Target::Class(class), Some(outputs)) = (trial.target, trial.outputs) else { return };
    let classes = outputs.count;
    let frame = Frame { rect, x: Scale::whole(-0.5, classes as f64 - 0.5), y };
    frame.axes(canvas, AxisText { x: Some("Class"), y: None, y_labels: labels });
    for (i, probability) in probabilities(outputs).into_iter().enumerate() {
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
mod tests;
