//! Whether a number is in the range that its setting needs.

use crate::error::{Error, Result};

pub(crate) fn check(key: &str, right: bool, value: impl std::fmt::Display, expected: &str) -> Result<()> {
    if right { Ok(()) } else { Err(Error::setting(key, format!("{value}; expected {expected}"))) }
}

pub(crate) fn at_least_one(key: &str, value: usize) -> Result<()> {
    check(key, value >= 1, value, "at least 1")
}

// Training computes in single precision, so a number must be in its range there too: an epsilon of 1e-60 would be 0.

pub(crate) fn above_zero(key: &str, value: f64) -> Result<()> {
    let single = value as f32;
    check(key, single > 0.0 && single.is_finite(), value, "a finite number above 0 in single precision")
}

pub(crate) fn not_negative(key: &str, value: f64) -> Result<()> {
    check(key, value >= 0.0 && (value as f32).is_finite(), value, "a finite number, 0 or more, in single precision")
}

pub(crate) fn share(key: &str, value: f64) -> Result<()> {
    check(key, value >= 0.0 && (value as f32) < 1.0, value, "from 0 to below 1 in single precision")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_in_single_precision_too() {
        let bad = [f64::NAN, f64::INFINITY, -1.0, -1e-300];
        for x in bad {
            for check in [above_zero, not_negative, share] {
                let message = check("a.b", x).unwrap_err().to_string();
                assert!(message.starts_with(&format!("`a.b`: {x}; ")), "{message}");
            }
        }
        for x in [0.0, 1e-60, 1e39] {
            assert!(above_zero("a", x).is_err(), "{x}");
        }
        for x in [1.0, 1.0 - 1e-12] {
            assert!(share("a", x).is_err(), "{x}");
        }
        assert!(not_negative("a", 1e39).is_err());
        above_zero("a", 1e-8).unwrap();
        not_negative("a", 0.0).unwrap();
        not_negative("a", 1e-60).unwrap();
        share("a", 0.999).unwrap();
    }
}
