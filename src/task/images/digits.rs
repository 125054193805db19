//! Digits drawn with a pen: skeleton → wobbling strokes → affine warp → distance to the pen's path → ink.
//!
//! Only sums, products, quotients and square roots are taken, which are the same bits on every machine.

use rand::RngExt;

use super::skeletons::{Control, SKELETONS, Stroke};
use crate::random::Stream;

/// Pixels along each side of a drawn image.
pub const SIDE: usize = 28;
/// Pixels of the box that a digit fills (MNIST's are fitted into one of this size, and centred by their mass).
const BOX: f64 = 20.0;
/// Straight pieces that a stroke has between two control points.
const PIECES: usize = 6;

/// The square root of 3.
const SQRT_3: f64 = 1.732_050_807_568_877_2;

/// x and y.
type Place = [f64; 2];

/// Draws an image of a digit, row by row from the top, values in [0, 1] with the background at 0, into `out`.
///
/// # Panics
/// If `digit` is above 9 or `out` does not have `SIDE · SIDE` values.
pub fn draw(digit: usize, stream: &mut Stream, out: &mut [f32]) {
    assert_eq!(out.len(), SIDE * SIDE, "an image has 28 x 28 pixels");
    let pen = Pen::new(stream);
    let ways = SKELETONS[digit];
    let mut strokes = wobbling(ways[stream.random_range(0..ways.len())], stream);
    place(&mut strokes, pen.radius, stream);
    let mut nearest = [f64::INFINITY; SIDE * SIDE];
    for piece in strokes.iter().flat_map(|stroke| stroke.windows(2)) {
        approach(&mut nearest, piece[0], piece[1], pen.reach());
    }
    for (pixel, &squared) in out.iter_mut().zip(&nearest) {
        let ink = pen.ink(squared.sqrt());
        // paper stays white; ink is uneven
        let value = if ink > 0.0 { ink * (1.0 - pen.grain * stream.random::<f64>()) } else { 0.0 };
        // 256 shades, as a scanner would give
        *pixel = (value * 255.0).round() as f32 / 255.0;
    }
}

/// What a digit is written with.
struct Pen {
    /// Half the width of a line, in pixels.
    radius: f64,
    /// Width over which its edge fades, in pixels.
    edge: f64,
    /// Its value where it covers the paper.
    dark: f64,
    /// How much of it may be missing at a pixel, as a share.
    grain: f64,
}

impl Pen {
    fn new(stream: &mut Stream) -> Self {
        Self {
            radius: between(stream, 0.9, 1.9),
            edge: between(stream, 0.8, 1.4),
            dark: between(stream, 0.85, 1.0),
            grain: between(stream, 0.0, 0.15),
        }
    }

    /// Distance from which no ink arrives.
    fn reach(&self) -> f64 {
        self.radius + self.edge / 2.0
    }

    /// Ink at a distance from the pen's path.
    fn ink(&self, distance: f64) -> f64 {
        self.dark * ((self.reach() - distance) / self.edge).clamp(0.0, 1.0)
    }
}

/// The strokes of a hand that misses its control points: as straight pieces, in the skeleton's box.
fn wobbling(skeleton: &[Stroke], stream: &mut Stream) -> Vec<Vec<Place>> {
    // most people write neatly, some do not
    let careless = stream.random::<f64>();
    let wobble = 0.03 + 0.08 * careless * careless;
    let mut smooth = |stroke: &Stroke| {
        let moved: Vec<Control> = stroke
            .iter()
            .map(|&point| Control {
                x: point.x + wobble * bell(stream),
                y: point.y + wobble * bell(stream),
                corner: point.corner,
            })
            .collect();
        spline(&moved)
    };
    skeleton.iter().map(&mut smooth).collect()
}

/// A curve through all points (Catmull-Rom), turning sharply at corners.
fn spline(points: &[Control]) -> Vec<Place> {
    let at = |k: usize| [points[k].x, points[k].y];
    let mut out = vec![at(0)];
    for k in 1..points.len() {
        let (from, to) = (at(k - 1), at(k));
        // a corner, like an end, has no direction to go on with
        let before = if k == 1 || points[k - 1].corner { from } else { at(k - 2) };
        let after = if k + 1 == points.len() || points[k].corner { to } else { at(k + 1) };
        out.extend((1..=PIECES).map(|piece| {
            let t = piece as f64 / PIECES as f64;
            [0, 1].map(|axis| {
                let (p0, p1, p2, p3) = (before[axis], from[axis], to[axis], after[axis]);
                let bend = 2.0 * p0 - 5.0 * p1 + 4.0 * p2 - p3;
                p1 + 0.5 * t * (p2 - p0 + t * (bend + t * (3.0 * (p1 - p2) + p3 - p0)))
            })
        }));
    }
    out
}

/// Warps the strokes, fits them into the box and centres them by their mass, all a little off.
fn place(strokes: &mut [Vec<Place>], radius: f64, stream: &mut Stream) {
    let width = between(stream, 0.6, 1.1);
    // more people lean to the right, where y grows downwards
    let lean = 0.2 * bell(stream) - 0.15;
    // of an angle with this tangent of its half
    let half = 0.06 * bell(stream);
    let (cos, sin) = ((1.0 - half * half) / (1.0 + half * half), 2.0 * half / (1.0 + half * half));
    for point in strokes.iter_mut().flatten() {
        let (x, y) = (width * point[0] + lean * point[1], point[1]);
        *point = [cos * x - sin * y, sin * x + cos * y];
    }
    let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
    let (mut mass, mut length) = ([0.0; 2], 0.0);
    for stroke in strokes.iter() {
        for point in stroke {
            low = [low[0].min(point[0]), low[1].min(point[1])];
            high = [high[0].max(point[0]), high[1].max(point[1])];
        }
        for piece in stroke.windows(2) {
            let (a, b) = (piece[0], piece[1]);
            let part = ((b[0] - a[0]) * (b[0] - a[0]) + (b[1] - a[1]) * (b[1] - a[1])).sqrt();
            mass = [mass[0] + part * (a[0] + b[0]) / 2.0, mass[1] + part * (a[1] + b[1]) / 2.0];
            length += part;
        }
    }
    let largest = (high[0] - low[0]).max(high[1] - low[1]);
    let scale = between(stream, 0.9, 1.05) * (BOX - 2.0 * radius) / largest;
    let middle = [0, 1].map(|_| SIDE as f64 / 2.0 + 0.4 * bell(stream));
    for point in strokes.iter_mut().flatten() {
        *point = [0, 1].map(|axis| middle[axis] + scale * (point[axis] - mass[axis] / length));
    }
}

/// Lowers the squared distances of the pixels within `reach` of a straight piece. A pixel's place is its centre.
fn approach(nearest: &mut [f64; SIDE * SIDE], a: Place, b: Place, reach: f64) {
    let along = [b[0] - a[0], b[1] - a[1]];
    let squared = along[0] * along[0] + along[1] * along[1];
    let [columns, rows] = [0, 1].map(|axis| {
        let first = (a[axis].min(b[axis]) - reach - 0.5).ceil().clamp(0.0, SIDE as f64) as usize;
        let end = (a[axis].max(b[axis]) + reach + 0.5).floor().clamp(0.0, SIDE as f64) as usize;
        first..end
    });
    for row in rows {
        for column in columns.clone() {
            let from = [column as f64 + 0.5 - a[0], row as f64 + 0.5 - a[1]];
            let share = if squared > 0.0 { (from[0] * along[0] + from[1] * along[1]) / squared } else { 0.0 };
            let share = share.clamp(0.0, 1.0);
            let apart = [from[0] - share * along[0], from[1] - share * along[1]];
            let pixel = &mut nearest[row * SIDE + column];
            *pixel = pixel.min(apart[0] * apart[0] + apart[1] * apart[1]);
        }
    }
}

fn between(stream: &mut Stream, low: f64, high: f64) -> f64 {
    low + (high - low) * stream.random::<f64>()
}

/// Nearly normal, mean 0, deviation 1, never beyond 3.5: the sum of four uniform numbers.
fn bell(stream: &mut Stream) -> f64 {
    let sum: f64 = (0..4).map(|_| stream.random::<f64>()).sum();
    (sum - 2.0) * SQRT_3
}
