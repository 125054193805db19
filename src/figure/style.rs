//! What all drawings share: sizes, colours that colour-blind readers can tell apart, and how numbers are written.

use plotters::style::RGBColor as Color;

/// Text sizes and distances, in pixels.
pub const TITLE: f64 = 14.0;
pub const AXIS_TITLE: f64 = 12.0;
pub const LABEL: f64 = 11.0;
pub const NOTE: f64 = 10.5;
/// Around a whole figure.
pub const MARGIN: f64 = 14.0;

/// Line widths, in pixels.
pub const HAIR: f64 = 0.6;
pub const SPINE: f64 = 0.9;
pub const CURVE: f64 = 1.6;

pub const INK: Color = Color(0x22, 0x22, 0x22);
pub const GREY: Color = Color(0x6E, 0x6E, 0x6E);
/// Between populations, over a heat map.
pub const BOUNDARY: Color = Color(0x90, 0x90, 0x90);
/// Under an output: what it should be.
pub const WIDE: Color = Color(0xBD, 0xBD, 0xBD);
pub const PALE: Color = Color(0xE4, 0xE4, 0xE4);
pub const WHITE: Color = Color(0xFF, 0xFF, 0xFF);

/// Colours of series, in this order (Okabe and Ito 2008, without yellow).
pub const SERIES: [Color; 6] = [BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY];
pub const BLUE: Color = Color(0x00, 0x72, 0xB2);
pub const VERMILION: Color = Color(0xD5, 0x5E, 0x00);
pub const GREEN: Color = Color(0x00, 0x9E, 0x73);
pub const ORANGE: Color = Color(0xE6, 0x9F, 0x00);
pub const PURPLE: Color = Color(0xCC, 0x79, 0xA7);
pub const SKY: Color = Color(0x56, 0xB4, 0xE9);

/// Colour of a sign: as the ends of the diverging map.
pub fn sign_color(sign: i8) -> Color {
    match sign {
        0 => GREY,
        sign if sign > 0 => Color(0xB2, 0x18, 0x2B),
        _ => Color(0x21, 0x66, 0xAC),
    }
}

/// Word for a sign.
pub fn sign_word(sign: i8) -> &'static str {
    match sign {
        0 => "Unconstrained",
        sign if sign > 0 => "Excitatory",
        _ => "Inhibitory",
    }
}

fn blend(from: Color, to: Color, share: f64) -> Color {
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * share).round() as u8;
    Color(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}

/// From a number to a colour, in few steps so that neighbours can share one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ColorMap {
    /// Blue, white, red, from `-limit` over 0 to `limit`.
    Diverging {
        /// Magnitude of the ends, above 0.
        limit: f64,
    },
    /// White to black, from 0 to `limit`.
    Sequential {
        /// The dark end, above 0.
        limit: f64,
    },
}

impl ColorMap {
    /// Steps on either side of 0.
    pub const STEPS: i32 = 32;

    /// The step of a finite value: 0 is white; values beyond the ends take the ends.
    pub fn step(self, value: f64) -> i32 {
        let (least, limit) = match self {
            Self::Diverging { limit } => (-Self::STEPS, limit),
            Self::Sequential { limit } => (0, limit),
        };
        ((value / limit * f64::from(Self::STEPS)).round() as i32).clamp(least, Self::STEPS)
    }

    /// The colour of a step.
    pub fn color(self, step: i32) -> Color {
        // ColorBrewer RdBu, its halves from white outwards.
        const RED: [Color; 5] =
            [WHITE, Color(0xFD, 0xDB, 0xC7), Color(0xF4, 0xA5, 0x82), Color(0xD6, 0x60, 0x4D), Color(0x9E, 0x14, 0x27)];
        const BLUE: [Color; 5] =
            [WHITE, Color(0xD1, 0xE5, 0xF0), Color(0x92, 0xC5, 0xDE), Color(0x43, 0x93, 0xC3), Color(0x1B, 0x58, 0x96)];
        const BLACK: [Color; 2] = [WHITE, Color(0x10, 0x10, 0x18)];
        let stops: &[Color] = match self {
            Self::Sequential { .. } => &BLACK,
            Self::Diverging { .. } if step < 0 => &BLUE,
            Self::Diverging { .. } => &RED,
        };
        let at = f64::from(step.abs()) / f64::from(Self::STEPS) * (stops.len() - 1) as f64;
        let stop = (at as usize).min(stops.len() - 2);
        blend(stops[stop], stops[stop + 1], at - stop as f64)
    }
}

/// `#RRGGBB`, or `#RGB` where that says the same.
pub fn hex(Color(r, g, b): Color) -> String {
    if [r, g, b].iter().all(|part| part % 17 == 0) {
        format!("#{:x}{:x}{:x}", r / 17, g / 17, b / 17)
    } else {
        format!("#{r:02x}{g:02x}{b:02x}")
    }
}

/// `12,345`.
pub fn count(number: u64) -> String {
    group(&number.to_string())
}

/// Commas between groups of three digits.
fn group(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with `decimals`, with a true minus sign and commas between thousands.
pub fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    let sign = if value < 0.0 && !zero { "\u{2212}" } else { "" };
    let rest = rest.map(|rest| format!(".{rest}")).unwrap_or_default();
    format!("{sign}{}{rest}", group(whole))
}

/// A number with three significant digits, without trailing zeros: `0.0123`, `1,230`, `−4.5×10⁻⁷`.
pub fn short(value: f64) -> String {
    if !value.is_finite() {
        return "not finite".into();
    }
    if value == 0.0 {
        return "0".into();
    }
    let exponent = format!("{:e}", value.abs()).split_once('e').map_or(0, |(_, power)| power.parse().unwrap_or(0));
    if (-4..6).contains(&exponent) {
        return trimmed(fixed(value, (2 - exponent).max(0) as usize));
    }
    let mantissa = format!("{:.2e}", value.abs());
    let (mantissa, power) = mantissa.split_once('e').unwrap_or((&mantissa, "0"));
    let sign = if value < 0.0 { "\u{2212}" } else { "" };
    format!("{sign}{}×{}", trimmed(mantissa.to_string()), power_of_ten(power.parse().unwrap_or(0)))
}

fn trimmed(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
}

/// `10⁻³`.
pub fn power_of_ten(exponent: i32) -> String {
    let raised = |c: char| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        // The others stand in a row from ⁰ on.
        digit => char::from_u32('⁰' as u32 + digit as u32 - '0' as u32).unwrap_or(digit),
    };
    format!("10{}", exponent.to_string().chars().map(raised).collect::<String>())
}

/// About how wide a text is, in pixels, in an ordinary sans-serif face. Rather too wide than too narrow.
pub fn width(text: &str, size: f64) -> f64 {
    let em = |c: char| match c {
        'i' | 'j' | 'l' | 't' | 'f' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | ' ' | '(' | ')' | '/' => 0.36,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.92,
        'A'..='Z' => 0.7,
        c if c >= '\u{2e80}' => 1.0,
        _ => 0.6,
    };
    text.chars().map(em).sum::<f64>() * size
}

/// A text that is at most `limit` pixels wide, cut with `…` where it must be.
pub fn fit(text: &str, size: f64, limit: f64) -> String {
    if width(text, size) <= limit {
        return text.into();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if width(&kept, size) + size > limit {
            kept.pop();
            break;
        }
    }
    kept.push('…');
    kept
}

/// A text in lines at most `limit` pixels wide, broken behind hyphens and spaces; a piece that is too wide alone is cut.
pub fn lines(text: &str, size: f64, limit: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for piece in text.split_inclusive(['-', ' ']) {
        match lines.last_mut() {
            Some(line) if width(format!("{line}{piece}").trim_end(), size) <= limit => line.push_str(piece),
            _ => lines.push(piece.into()),
        }
    }
    lines.iter().map(|line| fit(line.trim_end(), size, limit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!([count(0), count(999), count(1000), count(16_384_000)], ["0", "999", "1,000", "16,384,000"]);
        assert_eq!([fixed(-1234.5, 1), fixed(-0.001, 2), fixed(0.5, 0)], ["−1,234.5", "0.00", "0"]);
        assert_eq!([short(0.0), short(0.012345), short(1234.0), short(-2.0)], ["0", "0.0123", "1,234", "−2"]);
        assert_eq!([short(-4.5e-7), short(1e12), short(f64::NAN)], ["−4.5×10⁻⁷", "1×10¹²", "not finite"]);
        assert_eq!([power_of_ten(-13), power_of_ten(20), power_of_ten(4)], ["10⁻¹³", "10²⁰", "10⁴"]);
    }

    #[test]
    fn colours_are_symmetric_about_white() {
        let map = ColorMap::Diverging { limit: 2.0 };
        assert_eq!([map.step(0.0), map.step(2.0), map.step(-9.0)], [0, ColorMap::STEPS, -ColorMap::STEPS]);
        assert_eq!(map.color(0), WHITE);
        let (Color(r, _, b), Color(r2, _, b2)) = (map.color(32), map.color(-32));
        assert!(r > b && b2 > r2);
        let grey = ColorMap::Sequential { limit: 1.0 };
        assert_eq!([grey.step(-1.0), grey.step(f64::INFINITY)], [0, ColorMap::STEPS]);
        assert_eq!([hex(WHITE), hex(BLUE)], ["#fff", "#0072b2"]);
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(fit("short", 10.0, 100.0), "short");
        let cut = fit(&"x".repeat(200), 10.0, 60.0);
        assert!(cut.ends_with('…') && width(&cut, 10.0) <= 60.0 && cut.chars().count() > 5, "{cut}");
        assert_eq!(fit("wide", 10.0, 1.0), "…");
        assert_eq!(lines("exponentiated-gradient", 10.0, 90.0), ["exponentiated-", "gradient"]);
        assert_eq!(lines("a wide-ish word", 10.0, 48.0), ["a wide-", "ish word"]);
        assert_eq!(lines("dale", 10.0, 90.0), ["dale"]);
        assert_eq!(lines("wide", 10.0, 1.0), ["…"]);
        assert!(lines("", 10.0, 90.0).is_empty());
    }
}
