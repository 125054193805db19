//! A finished run without the feature `plot`: there are no drawings.

use super::RunConfig;
use crate::sparse::Pattern;
use crate::train::{Row, Trainer};

pub(super) fn draw(_: &RunConfig, _: &mut Trainer, _: (&Pattern, &[f32]), _: &[Row]) -> Vec<(&'static str, String)> {
    Vec::new()
}
