//! Matrices as tensors: dense where every entry is there, else by rows as scipy has it.

use std::fmt::Display;
use std::sync::Arc;

use daleian_kernels::Aligned;

use super::wiring::Matrix;
use super::{ParameterId, RECURRENT, Shape, Wiring};
use crate::error::{Error, Result};
use crate::files::{Tensor, TensorReader};
use crate::sparse::Pattern;

/// What the tensors of a parameter begin with: `input` of `input.weight`.
fn stem(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// The values of a parameter as the model file has them: an array under its name, or, of a matrix that does not have every
/// entry, `.values` at the entries of its pattern.
pub(crate) fn values<'a>(wiring: &Wiring, id: ParameterId, values: &'a [f32]) -> Tensor<'a> {
    let parameter = wiring.parameter(id);
    match &parameter.shape {
        Shape::OnPattern(pattern) if !is_dense(id, pattern) => {
            Tensor::vector(format!("{}.values", stem(parameter.name)), values)
        }
        Shape::OnPattern(pattern) => Tensor::new(parameter.name, &[pattern.rows(), pattern.cols()], values),
        Shape::Dense(dimensions) => Tensor::new(parameter.name, dimensions, values),
    }
}

/// `.indptr` and `.indices` of a matrix that does not have every entry; nothing of other parameters.
pub(super) fn pattern(wiring: &Wiring, id: ParameterId) -> Vec<Tensor<'_>> {
    let parameter = wiring.parameter(id);
    match &parameter.shape {
        Shape::OnPattern(pattern) if !is_dense(id, pattern) => {
            let name = |part: &str| format!("{}.{part}", stem(parameter.name));
            vec![Tensor::vector(name("indptr"), pattern.indptr()), Tensor::vector(name("indices"), pattern.indices())]
        }
        _ => Vec::new(),
    }
}

/// Whether a matrix is stored dense: W never is.
fn is_dense(id: ParameterId, pattern: &Pattern) -> bool {
    id != RECURRENT && pattern.is_full()
}

/// Of a matrix with frozen blocks which entries are trained, as 0 and 1.
pub(super) fn trained(wiring: &Wiring, id: ParameterId) -> Option<(String, Vec<i8>)> {
    let parameter = wiring.parameter(id);
    let trained = parameter.trained.as_ref()?;
    Some((format!("{}.trained", stem(parameter.name)), trained.iter().map(|&trained| i8::from(trained)).collect()))
}

/// The pattern of the tensors `stem.indptr` and `stem.indices` with `cols` columns.
pub(super) fn read_pattern(reader: &TensorReader, stem: &str, cols: Option<usize>) -> Result<Pattern> {
    let [indptr, indices] = ["indptr", "indices"].map(|part| format!("{stem}.{part}"));
    let starts = reader.i64(&indptr, &[reader.length(&indptr)?])?;
    let starts: Vec<usize> = not_negative(reader, &indptr, starts)?;
    let columns = reader.i32(&indices, &[reader.length(&indices)?])?;
    let columns: Vec<u32> = not_negative(reader, &indices, columns)?;
    let rows = starts.len().saturating_sub(1);
    Pattern::new(rows, cols.unwrap_or(rows), starts, columns)
        .map_err(|error| reader.error(format!("`{indptr}` and `{indices}`: {error}")))
}

/// The matrix called `stem`, `[rows, cols]`: dense, of which one of the two numbers is free, or sparse with `cols` columns.
///
/// Where it is dense, the number that is free is bounded by the bytes that are there.
pub(super) fn read_matrix(
    reader: &TensorReader,
    stem: &str,
    rows: Option<usize>,
    cols: Option<usize>,
    sparse_cols: usize,
) -> Result<Matrix> {
    let weight = format!("{stem}.weight");
    let expected = |size: Option<usize>, other: &str| size.map_or(other.to_string(), |size| size.to_string());
    let wrong = |name: &str, shape: &[usize]| {
        let (rows, cols) = (expected(rows, "outputs"), expected(cols, "channels"));
        reader.error(format!("`{name}` has shape {shape:?}; expected [{rows}, {cols}]"))
    };
    let by_rows = ["indptr", "indices", "values"].iter().any(|part| reader.contains(&format!("{stem}.{part}")));
    let pattern = if by_rows {
        let pattern = read_pattern(reader, stem, Some(sparse_cols))?;
        if rows.is_some_and(|rows| pattern.rows() != rows) {
            return Err(wrong(&format!("{stem}.indptr"), &[pattern.rows(), pattern.cols()]));
        }
        pattern
    } else {
        match reader.shape(&weight)? {
            &[r, c] if rows.is_none_or(|rows| rows == r) && cols.is_none_or(|cols| cols == c) => {
                Pattern::try_dense(r, c).map_err(|error| reader.error(format!("`{weight}`: {error}")))?
            }
            shape => return Err(wrong(&weight, shape)),
        }
    };
    if pattern.rows() == 0 || pattern.cols() == 0 {
        return Err(wrong(stem, &[pattern.rows(), pattern.cols()]));
    }
    let name = format!("{stem}.trained");
    let trained: Option<Arc<[bool]>> = match reader.contains(&name) {
        true => Some(flags(reader, &name, pattern.nnz())?),
        false => None,
    };
    Ok(Matrix { pattern: pattern.into(), trained })
}

fn flags(reader: &TensorReader, name: &str, size: usize) -> Result<Arc<[bool]>> {
    let flag = |(at, value): (usize, i8)| match value {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(reader.error(format!("`{name}`: element {at} is {other}; expected 0 or 1"))),
    };
    reader.i8(name, &[size])?.into_iter().enumerate().map(flag).collect()
}

/// The values of a parameter; they must be finite where that is asked for.
pub(super) fn read_values(
    reader: &TensorReader,
    wiring: &Wiring,
    id: ParameterId,
    must_be_finite: bool,
) -> Result<Aligned> {
    let parameter = wiring.parameter(id);
    let (name, shape) = match &parameter.shape {
        Shape::OnPattern(pattern) if is_dense(id, pattern) && reader.contains(parameter.name) => {
            (parameter.name.to_string(), vec![pattern.rows(), pattern.cols()])
        }
        shape @ Shape::OnPattern(_) => (format!("{}.values", stem(parameter.name)), shape.dimensions()),
        shape @ Shape::Dense(_) => (parameter.name.to_string(), shape.dimensions()),
    };
    let values = reader.f32(&name, &shape)?;
    match values.iter().position(|x| must_be_finite && !x.is_finite()) {
        Some(at) => Err(reader.error(format!("`{name}`: element {at} is {}, not a finite number", values[at]))),
        None => Ok(values.into()),
    }
}

/// Integers of a file as those in memory.
fn not_negative<T: Copy + Display, U: TryFrom<T>>(reader: &TensorReader, name: &str, values: Vec<T>) -> Result<Vec<U>> {
    let convert = |(at, x): (usize, T)| {
        U::try_from(x).map_err(|_| reader.error(format!("`{name}`: element {at} is {x}; expected at least 0")))
    };
    values.into_iter().enumerate().map(convert).collect::<Result<_, Error>>()
}
