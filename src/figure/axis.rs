//! Axes: from numbers to pixels, ticks, and a frame that has one axis below and one at the left.

use plotters::style::RGBColor as Color;

use super::canvas::{At, Canvas, Font, Rect};
use super::style;
use crate::analysis::Histogram;

/// From numbers to the share of the way along an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    low: f64,
    high: f64,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Linear,
    /// Linear, with ticks at whole numbers only.
    Whole,
    Log,
}

/// A tick, and what is written at it, if anything.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    pub at: f64,
    pub label: Option<String>,
}

impl Scale {
    /// From `low` to `high`; equal or impossible limits are widened to something that can be drawn.
    pub fn linear(low: f64, high: f64) -> Self {
        Self::new(low, high, Kind::Linear)
    }

    /// As [`Self::linear`], with ticks at whole numbers only.
    pub fn whole(low: f64, high: f64) -> Self {
        Self::new(low, high, Kind::Whole)
    }

    /// Logarithmic; both limits above 0.
    pub fn log(low: f64, high: f64) -> Self {
        assert!(low > 0.0, "a logarithmic axis begins above 0");
        Self::new(low, high, Kind::Log)
    }

    fn new(low: f64, high: f64, kind: Kind) -> Self {
        if !(low <= high && (high - low).is_finite()) {
            return Self { low: if kind == Kind::Log { 0.1 } else { 0.0 }, high: 1.0, kind };
        }
        // Room to reckon with at either end of the range of f64.
        let (low, high) = match kind {
            Kind::Log => (low.clamp(1e-280, 1e280), high.clamp(1e-280, 1e280)),
            _ => (low.clamp(-1e280, 1e280), high.clamp(-1e280, 1e280)),
        };
        // Distances that vanish beside the numbers themselves have no ticks to tell them apart.
        if high - low > (1e-9 * low.abs().max(high.abs())).max(1e-280) {
            return Self { low, high, kind };
        }
        let beside = low.abs() * 0.1;
        let (low, high) = match kind {
            Kind::Whole => (low - beside.max(0.5), high + beside.max(0.5)),
            Kind::Log => (low / 2.0, high * 2.0),
            Kind::Linear if beside < 1e-270 => (-1.0, 1.0),
            Kind::Linear => (low - beside, high + beside),
        };
        Self { low, high, kind }
    }

    /// Around finite values with a little room; logarithmic where all are above 0 and span more than tenfold.
    pub fn around(values: impl Iterator<Item = f64> + Clone) -> Self {
        let finite = values.filter(|value| value.is_finite());
        let low = finite.clone().fold(f64::INFINITY, f64::min);
        let high = finite.fold(f64::NEG_INFINITY, f64::max);
        if low > 0.0 && high / low > 10.0 && high.is_finite() {
            let room = ((high.ln() - low.ln()) * 0.04).exp();
            return Self::log((low / room).max(f64::MIN_POSITIVE), high * room);
        }
        Self::with_room(low, high)
    }

    /// As [`Self::around`], never logarithmic.
    pub fn linear_around(values: impl Iterator<Item = f64>) -> Self {
        let finite = values.filter(|value| value.is_finite());
        let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        Self::with_room(low, high)
    }

    fn with_room(low: f64, high: f64) -> Self {
        let Self { low, high, kind } = Self::linear(low, high);
        let room = (high - low) * 0.05;
        Self::new(low - room, high + room, kind)
    }

    pub fn is_log(&self) -> bool {
        self.kind == Kind::Log
    }

    /// The lower limit.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// Share of the way from the lower to the upper limit; `None` for a number without a place on the axis.
    pub fn share(&self, value: f64) -> Option<f64> {
        let share = match self.kind {
            Kind::Log => (value.ln() - self.low.ln()) / (self.high.ln() - self.low.ln()),
            _ => (value - self.low) / (self.high - self.low),
        };
        // Whatever lies far outside is drawn at the edge of a margin, so that coordinates stay small.
        share.is_finite().then(|| share.clamp(-0.02, 1.02))
    }

    /// At most about `most` labelled ticks, and on a logarithmic axis small ones between them.
    pub fn ticks(&self, most: usize) -> Vec<Tick> {
        if self.is_log() { self.log_ticks(most.max(2)) } else { self.linear_ticks(most.max(2)) }
    }

    fn linear_ticks(&self, most: usize) -> Vec<Tick> {
        let span = self.high - self.low;
        let mut step = 10_f64.powi((span / most as f64).log10().floor() as i32);
        let count = |step: f64| (self.high / step + 1e-6).floor() - (self.low / step - 1e-6).ceil() + 1.0;
        while count(step) > most as f64 {
            // 1, 2, 5, 10: the leading digit tells which factor comes next.
            let digit = step / 10_f64.powi((step * 1.0001).log10().floor() as i32);
            step *= if (1.5..3.0).contains(&digit) { 2.5 } else { 2.0 };
        }
        if self.kind == Kind::Whole {
            step = step.max(1.0).round();
        }
        let exponent = (step * 1.0001).log10().floor() as i32;
        let (first, last) = ((self.low / step - 1e-6).ceil() as i64, (self.high / step + 1e-6).floor() as i64);
        let largest = self.low.abs().max(self.high.abs());
        let label = |at: f64| {
            if (-5..6).contains(&exponent) && largest < 1e6 {
                style::fixed(at, (-exponent).max(0) as usize)
            } else {
                style::short(at)
            }
        };
        (first..=last)
            .map(|i| {
                let at = i as f64 * step;
                Tick { at, label: Some(label(at)) }
            })
            .collect()
    }

    fn log_ticks(&self, most: usize) -> Vec<Tick> {
        let inside = |at: f64| at >= self.low * (1.0 - 1e-9) && at <= self.high * (1.0 + 1e-9);
        let decades = (self.low.log10().floor() as i32)..=(self.high.log10().ceil() as i32);
        let all = |digits: &'static [f64]| {
            let places = decades.clone().flat_map(move |e| digits.iter().map(move |&digit| (digit, e)));
            places.map(|(digit, e)| (digit, e, digit * 10_f64.powi(e))).filter(|&(.., at)| inside(at))
        };
        let whole = all(&[1.0]).count();
        let every = whole.div_ceil(most).max(1) as i32;
        let labelled: &[f64] = match (whole, all(&[1.0, 2.0, 5.0]).count()) {
            (0..=2, count) if count <= most + 2 => &[1.0, 2.0, 5.0],
            _ => &[1.0],
        };
        let plain = self.low >= 0.9e-4 && self.high <= 1.1e5;
        let name = |digit: f64, e: i32, at: f64| match (plain, digit == 1.0) {
            (true, _) => style::fixed(at, (-e).max(0) as usize),
            (false, true) => style::power_of_ten(e),
            (false, false) => format!("{digit:.0}×{}", style::power_of_ten(e)),
        };
        let digits: &[f64] = if whole > 8 { &[1.0] } else { &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0] };
        all(digits)
            .map(|(digit, e, at)| {
                let shown = labelled.contains(&digit) && (digit != 1.0 || e.rem_euclid(every) == 0);
                Tick { at, label: shown.then(|| name(digit, e, at)) }
            })
            .collect()
    }
}

/// A panel with an axis below and one at the left.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    pub rect: Rect,
    pub x: Scale,
    pub y: Scale,
}

/// What is written along the axes of a frame.
#[derive(Debug, Clone, Copy)]
pub struct AxisText<'a> {
    /// Name (and unit) of the x axis; ticks without labels where `None`.
    pub x: Option<&'a str>,
    /// Name (and unit) of the y axis.
    pub y: Option<&'a str>,
    /// Whether the ticks of the y axis have labels.
    pub y_labels: bool,
}

/// Room that the name of the x axis and its tick labels need below a frame.
pub const BELOW: f64 = 42.0;
/// Room that the name of the y axis and its tick labels need beside a frame.
pub const BESIDE: f64 = 74.0;

impl Frame {
    /// The place of a pair of numbers; `None` where one of them has none.
    pub fn place(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let (x, y) = (self.x.share(x)?, self.y.share(y)?);
        Some((self.rect.x + x * self.rect.w, self.rect.bottom() - y * self.rect.h))
    }

    /// Grid lines, spines, ticks and what is written at them. To be drawn before the data.
    pub fn axes(&self, canvas: &mut Canvas, text: AxisText) {
        let Rect { x, y, h, .. } = self.rect;
        let (right, bottom) = (self.rect.right(), self.rect.bottom());
        let mut widest = 0.0_f64;
        // Low panels have three ticks, high ones a tick every 34 pixels.
        for tick in self.y.ticks((h / 18.0).min(3.0).max(h / 34.0) as usize) {
            let Some((_, at)) = self.place(self.x.low(), tick.at) else { continue };
            let length = if tick.label.is_some() { 4.0 } else { 2.0 };
            if tick.label.is_some() {
                canvas.line([(x, at), (right, at)], style::PALE, style::HAIR);
            }
            canvas.line([(x - length, at), (x, at)], style::INK, style::HAIR);
            if let Some(label) = tick.label.filter(|_| text.y_labels) {
                canvas.text(&label, (x - 7.0, at), Font::new(style::LABEL).at(At::Right));
                widest = widest.max(style::width(&label, style::LABEL));
            }
        }
        self.x_axis(canvas, text.x);
        canvas.line([(x, y), (x, bottom), (right, bottom)], style::INK, style::SPINE);
        if let Some(name) = text.y {
            let name = style::fit(name, style::AXIS_TITLE, (h * 1.3).max(60.0));
            let beside = (20.0 + widest).min(BESIDE);
            canvas.text(&name, (x - beside, y + h / 2.0), Font::new(style::AXIS_TITLE).at(At::Center).turned());
        }
    }

    /// As many ticks as have labels that stand apart, ten at most.
    fn x_ticks(&self) -> Vec<Tick> {
        let apart = |ticks: &Vec<Tick>| {
            let labels: Vec<&String> = ticks.iter().filter_map(|tick| tick.label.as_ref()).collect();
            let widest = labels.iter().map(|label| style::width(label, style::LABEL)).fold(0.0, f64::max);
            labels.len() as f64 * (widest + 12.0) <= self.rect.w
        };
        (3..=10).rev().map(|most| self.x.ticks(most)).find(apart).unwrap_or_else(|| self.x.ticks(2))
    }

    /// Ticks below the frame, and with a name their labels and the name.
    pub fn x_axis(&self, canvas: &mut Canvas, name: Option<&str>) {
        let Rect { x, w, .. } = self.rect;
        let bottom = self.rect.bottom();
        for tick in self.x_ticks() {
            let Some((at, _)) = self.place(tick.at, self.y.low()) else { continue };
            let length = if tick.label.is_some() { 4.0 } else { 2.0 };
            canvas.line([(at, bottom), (at, bottom + length)], style::INK, style::HAIR);
            if let (Some(label), Some(_)) = (tick.label, name) {
                canvas.text(&label, (at, bottom + 13.0), Font::new(style::LABEL).at(At::Center));
            }
        }
        if let Some(name) = name {
            canvas.text(name, (x + w / 2.0, bottom + 31.0), Font::new(style::AXIS_TITLE).at(At::Center));
        }
    }

    /// Upright lines at the labelled ticks of the x axis. To be drawn before the data.
    pub fn x_grid(&self, canvas: &mut Canvas) {
        for tick in self.x_ticks().into_iter().filter(|tick| tick.label.is_some()) {
            let Some((at, _)) = self.place(tick.at, self.y.low()) else { continue };
            canvas.line([(at, self.rect.y), (at, self.rect.bottom())], style::PALE, style::HAIR);
        }
    }

    /// A line through the points in order, broken where one has no place; a point alone becomes a dot.
    pub fn curve(&self, canvas: &mut Canvas, points: impl Iterator<Item = (f64, f64)>, color: Color, width: f64) {
        let mut piece = Vec::new();
        let places = points.map(|(x, y)| self.place(x, y)).chain([None]);
        for place in places {
            match (place, piece.len()) {
                (Some(place), _) => piece.push(place),
                (None, 0) => {}
                (None, 1) => canvas.dot(piece.drain(..).next().expect("one point"), 1.6 * width, color),
                (None, _) => canvas.line(piece.drain(..), color, width),
            }
        }
    }

    /// As [`Self::curve`], broken; a point alone is not drawn.
    pub fn dashed(&self, canvas: &mut Canvas, points: &[(f64, f64)], color: Color, width: f64) {
        let places: Vec<Option<(f64, f64)>> = points.iter().map(|&(x, y)| self.place(x, y)).collect();
        for piece in places.split(|place| place.is_none()) {
            let piece: Vec<(f64, f64)> = piece.iter().flatten().copied().collect();
            canvas.dashed(&piece, color, width);
        }
    }

    /// The outline of a histogram with a filling of opacity `alpha`, one piece for every run of bins that are not
    /// empty.
    pub fn stairs(&self, canvas: &mut Canvas, histogram: &Histogram, color: Color, alpha: f64) {
        let counts = &histogram.counts;
        let foot = self.y.low();
        let mut bin = 0;
        while bin < counts.len() {
            if counts[bin] == 0 {
                bin += 1;
                continue;
            }
            let start = bin;
            let mut corners = vec![(histogram.edge(start), foot)];
            while bin < counts.len() && counts[bin] > 0 {
                let count = counts[bin] as f64;
                corners.extend([(histogram.edge(bin), count), (histogram.edge(bin + 1), count)]);
                bin += 1;
            }
            corners.push((histogram.edge(bin), foot));
            let places: Vec<_> = corners.into_iter().filter_map(|(x, y)| self.place(x, y)).collect();
            canvas.polygon(places.iter().copied(), color, alpha);
            canvas.line(places, color, style::SPINE);
        }
    }

    /// The area between a lower and an upper line, (x, low, high), behind what is drawn later.
    pub fn band(&self, canvas: &mut Canvas, points: &[(f64, f64, f64)], color: Color) {
        let places: Vec<_> = points
            .iter()
            .filter_map(|&(x, low, high)| {
                // A band that reaches to 0 or below ends at the foot of a logarithmic axis.
                let low = if self.y.is_log() && low <= 0.0 { self.y.low() } else { low };
                Some((self.place(x, low)?, self.place(x, high)?))
            })
            .collect();
        if places.len() > 1 {
            let edge = places.iter().map(|place| place.0).chain(places.iter().rev().map(|place| place.1));
            canvas.polygon(edge, color, 0.2);
        }
    }

    /// Says in the middle why nothing is drawn.
    pub fn remark(&self, canvas: &mut Canvas, text: &str) {
        let middle = (self.rect.x + self.rect.w / 2.0, self.rect.y + self.rect.h / 2.0);
        canvas.text(text, middle, Font::new(style::AXIS_TITLE).at(At::Center).color(style::GREY));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(scale: Scale, most: usize) -> Vec<String> {
        scale.ticks(most).into_iter().filter_map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(labels(Scale::linear(0.0, 1.0), 6), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(Scale::linear(-1.74, 1.74), 3), ["−1", "0", "1"]);
        assert_eq!(labels(Scale::linear(-0.11, 0.11), 5), ["−0.10", "−0.05", "0.00", "0.05", "0.10"]);
        assert_eq!(labels(Scale::whole(1.0, 3.0), 20), ["1", "2", "3"]);
        assert_eq!(labels(Scale::linear(0.0, 20_000.0), 3), ["0", "10,000", "20,000"]);
        assert_eq!(labels(Scale::log(2e-4, 0.5), 8), ["0.001", "0.01", "0.1"]);
        assert_eq!(labels(Scale::log(0.03, 0.4), 8), ["0.05", "0.1", "0.2"]);
        assert_eq!(labels(Scale::log(1e-9, 1.0), 4), ["10⁻⁹", "10⁻⁶", "10⁻³", "10⁰"]);
    }

    #[test]
    fn places() {
        assert_eq!(Scale::linear(0.0, 4.0).share(1.0), Some(0.25));
        assert!((Scale::log(0.01, 100.0).share(1.0).unwrap() - 0.5).abs() < 1e-12);
        assert_eq!(Scale::log(0.01, 100.0).share(0.0), None);
        assert_eq!(Scale::linear(0.0, 1.0).share(f64::NAN), None);
        assert!(Scale::around([1e-4, f64::NAN, 1.0].into_iter()).is_log());
        assert!(!Scale::around([0.0, 1.0].into_iter()).is_log());
        assert_eq!(Scale::linear_around([0.0, f64::NAN, 100.0].into_iter()), Scale::linear(-5.0, 105.0));
        assert!(!Scale::linear_around([9.0, 97.0].into_iter()).is_log());
        let extreme = Scale::around([2.2e-308, 3.5e217].into_iter());
        assert!(extreme.ticks(3).iter().all(|tick| extreme.share(tick.at).is_some()));
    }

    proptest! {
        #[test]
        fn ticks_are_few_inside_and_finite(a in any::<f64>(), b in any::<f64>(), most in 2usize..12) {
            for scale in [Scale::linear(a, b), Scale::whole(a, b), Scale::around([a, b].into_iter())] {
                let ticks = scale.ticks(most);
                prop_assert!(ticks.iter().filter(|tick| tick.label.is_some()).count() <= most + 2);
                prop_assert!(ticks.iter().all(|tick| tick.at.is_finite() && scale.share(tick.at).is_some()));
            }
        }
    }
}
