//! The gradient of one batch as a file, to compare with autograd.

use std::path::Path;

use serde_json::json;

use crate::error::Result;
use crate::files::{Tensor, write_tensors};
use crate::network::{Network, Parameters, matrix_tensors};

/// Writes `loss` `[1]` and the gradient of each parameter in the shape that the model file gives the parameter.
///
/// # Errors
/// If the file cannot be written.
///
/// # Panics
/// If a gradient is missing (of a frozen parameter).
pub fn save_gradient(path: &Path, network: &Network, loss: f64, gradients: &Parameters) -> Result<()> {
    let wiring = network.wiring();
    let loss = [loss as f32];
    let mut tensors = vec![Tensor::vector("loss", &loss[..])];
    tensors.extend(gradients.ids().map(|id| matrix_tensors::values(wiring, id, &gradients[id])));
    write_tensors(path, &tensors, &json!({"format": "daleian-gradient", "version": 1}))
}
