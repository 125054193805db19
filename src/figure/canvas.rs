//! A sheet to draw on, in pixels with fractions, over the SVG backend of `plotters`.
//!
//! The backend knows whole coordinates only, so everything is drawn ten times as large and the view box does the rest.

use std::fmt::Write;

use plotters::backend::{DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontStyle, FontTransform, IntoFont, RGBColor as Color, ShapeStyle, TextStyle};

use super::style;

const UNIT: f64 = 10.0;
/// Drawing into a `String` cannot fail.
const INFALLIBLE: &str = "drawing into memory does not fail";

/// A rectangle in pixels; y grows downwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rect {
    pub x: f64,
    pub y: f64,
    pub w: f64,
    pub h: f64,
}

impl Rect {
    pub fn right(&self) -> f64 {
        self.x + self.w
    }

    pub fn bottom(&self) -> f64 {
        self.y + self.h
    }
}

/// Which point of a text is put at the given place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    Left,
    Center,
    Right,
}

/// How a text looks. It is centred on the given place vertically (or horizontally, if turned).
#[derive(Debug, Clone, Copy)]
pub struct Font {
    pub size: f64,
    pub color: Color,
    pub bold: bool,
    pub at: At,
    /// Read from bottom to top.
    pub turned: bool,
}

impl Font {
    pub fn new(size: f64) -> Self {
        Self { size, color: style::INK, bold: false, at: At::Left, turned: false }
    }

    pub fn at(self, at: At) -> Self {
        Self { at, ..self }
    }

    pub fn color(self, color: Color) -> Self {
        Self { color, ..self }
    }

    pub fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub fn turned(self) -> Self {
        Self { turned: true, ..self }
    }
}

/// The sheet.
pub struct Canvas<'a> {
    backend: SVGBackend<'a>,
    /// Elements below all others, as SVG text.
    ground: &'a mut String,
    size: (f64, f64),
}

/// Draws on a white sheet of `size` pixels and gives the SVG.
pub fn sheet(size: (f64, f64), draw: impl FnOnce(&mut Canvas)) -> String {
    let (mut drawn, mut ground) = (String::new(), String::new());
    let units = ((size.0 * UNIT).ceil() as u32, (size.1 * UNIT).ceil() as u32);
    {
        let mut canvas = Canvas { backend: SVGBackend::with_string(&mut drawn, units), ground: &mut ground, size };
        draw(&mut canvas);
        canvas.backend.present().expect(INFALLIBLE);
    }
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{:.0}\" height=\"{:.0}\" viewBox=\"0 0 {} {}\">\n\
         <rect width=\"{2}\" height=\"{3}\" fill=\"#fff\"/>\n",
        size.0.ceil(),
        size.1.ceil(),
        units.0,
        units.1
    );
    svg.push_str(&ground);
    // The first line is the backend's own head. A text goes on one line, so that its line breaks are not drawn.
    let mut in_text = false;
    for line in drawn.lines().skip(1) {
        svg.push_str(&line.replace(" opacity=\"1\"", "").replace(" stroke=\"none\"", ""));
        in_text = line.starts_with("<text ") || (in_text && line != "</text>");
        if !in_text {
            svg.push('\n');
        }
    }
    svg
}

fn units((x, y): (f64, f64)) -> (i32, i32) {
    debug_assert!(x.is_finite() && y.is_finite(), "coordinates are finite");
    ((x * UNIT).round() as i32, (y * UNIT).round() as i32)
}

fn shape(color: Color, alpha: f64, width: f64) -> ShapeStyle {
    ShapeStyle { color: color.mix(alpha), filled: true, stroke_width: (width * UNIT).round() as u32 }
}

impl Canvas<'_> {
    /// Width and height in pixels.
    pub fn size(&self) -> (f64, f64) {
        self.size
    }

    pub fn fill(&mut self, rect: Rect, color: Color) {
        let corners = (units((rect.x, rect.y)), units((rect.right(), rect.bottom())));
        self.backend.draw_rect(corners.0, corners.1, &shape(color, 1.0, 0.0), true).expect(INFALLIBLE);
    }

    pub fn outline(&mut self, rect: Rect, color: Color, width: f64) {
        let (x, y, right, bottom) = (rect.x, rect.y, rect.right(), rect.bottom());
        self.line([(x, y), (right, y), (right, bottom), (x, bottom), (x, y)], color, width);
    }

    pub fn line(&mut self, points: impl IntoIterator<Item = (f64, f64)>, color: Color, width: f64) {
        self.backend.draw_path(points.into_iter().map(units), &shape(color, 1.0, width)).expect(INFALLIBLE);
    }

    /// A broken line through the points.
    pub fn dashed(&mut self, points: &[(f64, f64)], color: Color, width: f64) {
        const DASH: f64 = 5.0;
        const SPACE: f64 = 3.5;
        // what is left of the dash or the space under way
        let (mut drawing, mut left) = (true, DASH);
        let mut dash: Vec<(f64, f64)> = points.first().copied().into_iter().collect();
        for pair in points.windows(2) {
            let (mut from, to) = (pair[0], pair[1]);
            loop {
                let length = (to.0 - from.0).hypot(to.1 - from.1);
                if length < left {
                    left -= length;
                    dash.push(to);
                    break;
                }
                let share = left / length;
                from = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
                dash.push(from);
                if drawing {
                    self.line(dash.drain(..), color, width);
                }
                dash = vec![from];
                (drawing, left) = (!drawing, if drawing { SPACE } else { DASH });
            }
        }
        if drawing && dash.len() > 1 {
            self.line(dash, color, width);
        }
    }

    pub fn polygon(&mut self, points: impl IntoIterator<Item = (f64, f64)>, color: Color, alpha: f64) {
        self.backend.fill_polygon(points.into_iter().map(units), &shape(color, alpha, 0.0)).expect(INFALLIBLE);
    }

    pub fn dot(&mut self, center: (f64, f64), radius: f64, color: Color) {
        let radius = (radius * UNIT).round() as u32;
        self.backend.draw_circle(units(center), radius, &shape(color, 1.0, 0.0), true).expect(INFALLIBLE);
    }

    /// Characters that XML does not allow become spaces.
    pub fn text(&mut self, text: &str, (x, y): (f64, f64), font: Font) {
        let text: String = text
            .chars()
            .map(|c| if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { ' ' } else { c })
            .collect();
        let h_pos = match font.at {
            At::Left => HPos::Left,
            At::Center => HPos::Center,
            At::Right => HPos::Right,
        };
        // The backend writes the size divided by 1.24, and centres on half an x-height where capitals need more.
        let style = TextStyle::from(("sans-serif", font.size * UNIT * 1.24).into_font())
            .color(&font.color)
            .pos(Pos::new(h_pos, VPos::Center))
            .transform(if font.turned { FontTransform::Rotate270 } else { FontTransform::None });
        let weight = if font.bold { FontStyle::Bold } else { FontStyle::Normal };
        let style = TextStyle { font: style.font.style(weight), ..style };
        let drop = font.size * 0.1;
        let place = if font.turned { (x + drop, y) } else { (x, y + drop) };
        self.backend.draw_text(&text, &style, units(place)).expect(INFALLIBLE);
    }

    /// A grid of coloured cells below all else, one path a colour (the backend would write an element a cell, six
    /// times as long); `None` and white are left blank, and neighbours in a row that share a colour are one piece.
    pub fn cells(
        &mut self,
        rect: Rect,
        (rows, cols): (usize, usize),
        map: style::ColorMap,
        value: impl Fn(usize, usize) -> Option<f64>,
    ) {
        let step = |row, col| value(row, col).filter(|value| value.is_finite()).map_or(0, |value| map.step(value));
        let mut paths = vec![String::new(); 2 * style::ColorMap::STEPS as usize + 1];
        for row in 0..rows {
            let mut col = 0;
            while col < cols {
                let (start, color) = (col, step(row, col));
                while col < cols && step(row, col) == color {
                    col += 1;
                }
                if color != 0 {
                    let path = &mut paths[(color + style::ColorMap::STEPS) as usize];
                    let width = col - start;
                    write!(path, "M{start} {row}h{width}v1h-{width}z").expect(INFALLIBLE);
                }
            }
        }
        let Rect { x, y, w, h } = rect;
        let scale = (w * UNIT / cols.max(1) as f64, h * UNIT / rows.max(1) as f64);
        let (x, y) = units((x, y));
        writeln!(
            self.ground,
            "<g transform=\"translate({x} {y}) scale({} {})\" shape-rendering=\"crispEdges\">",
            scale.0, scale.1
        )
        .expect(INFALLIBLE);
        for (step, path) in (-style::ColorMap::STEPS..).zip(&paths).filter(|(_, path)| !path.is_empty()) {
            writeln!(self.ground, "<path fill=\"{}\" d=\"{path}\"/>", style::hex(map.color(step))).expect(INFALLIBLE);
        }
        self.ground.push_str("</g>\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_and_on_one_line() {
        let svg = sheet((100.0, 50.0), |canvas| {
            canvas.text("a<&>\"b\u{1}\n</text>", (5.0, 5.0), Font::new(10.0));
            canvas.text("turned", (50.0, 40.0), Font::new(10.0).turned().bold().at(At::Center));
        });
        assert_eq!(super::super::check(&svg), ["a<&>\"b  </text>", "turned"]);
        assert!(svg.contains(">turned</text>\n") && svg.contains("font-size=\"100\"") && svg.contains("rotate(270"));
        assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"100\" height=\"50\""));
    }

    #[test]
    fn cells_share_paths_and_skip_white() {
        let values = [Some(1.0), Some(1.0), None, Some(-1.0), Some(0.0), Some(f64::NAN)];
        let svg = sheet((30.0, 20.0), |canvas| {
            let rect = Rect { x: 0.0, y: 0.0, w: 30.0, h: 20.0 };
            canvas.cells(rect, (2, 3), style::ColorMap::Diverging { limit: 1.0 }, |r, c| values[r * 3 + c]);
        });
        let document = roxmltree::Document::parse(&svg).unwrap();
        let paths: Vec<_> = document.descendants().filter_map(|node| node.attribute("d")).collect();
        assert_eq!(paths, ["M0 1h1v1h-1z", "M0 0h2v1h-2z"]);
        assert!(svg.contains("scale(100 100)"));
    }
}
