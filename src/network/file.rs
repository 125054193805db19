//! `model.safetensors`: a network as a file that scipy and torch read as it is.
//!
//! `scipy.sparse.csr_matrix((recurrent.values, recurrent.indices, recurrent.indptr))` is W. Input and readout
//! weights are stored dense; entries outside their blocks are 0.

use std::path::Path;
use std::sync::Arc;

use daleian_kernels::Aligned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CellSpec, InputSpec, Network, ParameterName, Parameters, ReadoutSpec, Wiring};
use crate::connectome::{Connectome, PopulationSpec, Sign};
use crate::error::{Error, Result};
use crate::files::{Tensor, TensorReader, write_tensors};
use crate::sparse::Pattern;

/// The layout that this version writes, and the newest that it reads.
const VERSION: u32 = 1;

/// The metadata of a model or checkpoint file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Header {
    pub format: String,
    pub version: u32,
    pub populations: Vec<String>,
    pub cell: CellSpec,
    pub input: InputSpec,
    pub readout: ReadoutSpec,
    /// The configuration of the run, or null.
    pub config: Value,
    /// What a checkpoint adds; null in a model.
    #[serde(default)]
    pub run: Value,
}

/// The arrays of a model file that are not parameters in memory.
pub(crate) struct Arrays {
    indptr: Vec<i64>,
    indices: Vec<i32>,
    sign: Vec<i8>,
    starts: Vec<i64>,
    input: Vec<f32>,
    readout: Vec<f32>,
}

impl Network {
    /// Writes the network to `path`; `config`, the configuration of the run that made it (or null), goes into the
    /// metadata.
    ///
    /// # Errors
    /// If the file cannot be written; whatever was there before is then still there.
    pub fn save(&self, path: impl AsRef<Path>, config: &Value) -> Result<()> {
        let header = self.header("daleian-model", config.clone(), Value::Null);
        let arrays = self.arrays();
        write_tensors(path.as_ref(), &to_json(&header), &self.tensors(&arrays))
    }

    /// Reads a network from a model or checkpoint file, with the configuration in its metadata (or null).
    ///
    /// # Errors
    /// If the file cannot be read, is not a model, is of a later version, or breaks an invariant; the error says
    /// which tensor, where, and what would be right.
    pub fn load(path: impl AsRef<Path>) -> Result<(Self, Value)> {
        let (network, header, _) = Self::read(path.as_ref())?;
        Ok((network, header.config))
    }

    pub(crate) fn header(&self, format: &str, config: Value, run: Value) -> Header {
        let (input, readout) = self.wiring.specs();
        Header {
            format: format.into(),
            version: VERSION,
            populations: self.wiring.populations().iter().map(|p| p.name.clone()).collect(),
            cell: self.wiring.cell(),
            input,
            readout,
            config,
            run,
        }
    }

    pub(crate) fn arrays(&self) -> Arrays {
        let wiring = &self.wiring;
        let starts = wiring.populations().iter().map(|p| p.neurons.start).chain([wiring.neurons()]);
        Arrays {
            indptr: wiring.recurrent().indptr().iter().map(|&x| x as i64).collect(),
            indices: wiring.recurrent().indices().iter().map(|&x| x as i32).collect(),
            sign: wiring.signs(),
            starts: starts.map(|x| x as i64).collect(),
            input: dense(wiring.input(), &self.parameters.input),
            readout: dense(wiring.readout(), &self.parameters.readout),
        }
    }

    pub(crate) fn tensors<'a>(&'a self, arrays: &'a Arrays) -> Vec<Tensor<'a>> {
        let (n, wiring, parameters) = (self.wiring.neurons(), &self.wiring, &self.parameters);
        vec![
            Tensor::i64("recurrent.indptr", &[n + 1], &arrays.indptr),
            Tensor::i32("recurrent.indices", &[arrays.indices.len()], &arrays.indices),
            Tensor::f32("recurrent.values", &[arrays.indices.len()], &parameters.recurrent),
            Tensor::f32("recurrent.bias", &[n], &parameters.bias),
            Tensor::i8("dale.sign", &[n], &arrays.sign),
            Tensor::i64("population.start", &[arrays.starts.len()], &arrays.starts),
            Tensor::f32("input.weight", &[n, wiring.channels()], &arrays.input),
            Tensor::f32("readout.weight", &[wiring.outputs(), n], &arrays.readout),
            Tensor::f32("readout.bias", &[wiring.outputs()], &parameters.readout_bias),
        ]
    }

    /// The network, the metadata, and the open file for what else is in it.
    pub(crate) fn read(path: &Path) -> Result<(Self, Header, TensorReader)> {
        let wrong = |problem: String| Error::content(path, problem);
        let reader = TensorReader::open(path)?;
        let header: Header = header(path, &reader)?;
        let indptr = reader.i64("recurrent.indptr", None)?;
        let n = indptr.len().saturating_sub(1);
        let indices = reader.i32("recurrent.indices", None)?;
        let count = |what: &str, value: i64| {
            usize::try_from(value).map_err(|_| wrong(format!("`{what}`: {value} is negative")))
        };
        let indptr = indptr.iter().map(|&x| count("recurrent.indptr", x)).collect::<Result<Vec<_>>>()?;
        let indices = indices
            .iter()
            .map(|&x| u32::try_from(x).map_err(|_| wrong(format!("`recurrent.indices`: column {x} is negative"))))
            .collect::<Result<Vec<_>>>()?;
        let pattern = Pattern::new(n, n, indptr, indices)
            .map_err(|error| wrong(format!("`recurrent.indptr` and `recurrent.indices`: {error}")))?;
        let nnz = pattern.nnz();
        let populations = populations(path, &header, &reader, n)?;
        let connectome = Connectome::new(&populations, Arc::new(pattern), None)
            .map_err(|error| wrong(format!("`population.start`, `dale.sign`: {error}")))?;
        let shape = |name: &str| reader.shape(name);
        let unlike = |name: &str, right: &str| {
            wrong(format!("`{name}` has shape {:?}; {right} would be right", shape(name).unwrap_or(&[])))
        };
        // checked before anything of that size is made
        let &[rows, channels] = shape("input.weight")? else { return Err(unlike("input.weight", "[n, inputs]")) };
        let &[outputs, cols] = shape("readout.weight")? else { return Err(unlike("readout.weight", "[outputs, n]")) };
        if (rows, cols) != (n, n) {
            let name = if rows == n { "readout.weight" } else { "input.weight" };
            return Err(unlike(name, &format!("one with n = {n}")));
        }
        let wiring = Wiring::new(&connectome, header.cell, (channels, header.input), (outputs, header.readout))
            .map_err(|error| wrong(error.to_string()))?;
        let finite = |name: &str, shape: &[usize]| -> Result<Vec<f32>> {
            let values = reader.f32(name, Some(shape))?;
            match values.iter().position(|x| !x.is_finite()) {
                Some(at) => Err(wrong(format!("`{name}`: element {at} is {}, not a finite number", values[at]))),
                None => Ok(values),
            }
        };
        let parameters = Parameters {
            recurrent: finite("recurrent.values", &[nnz])?.into(),
            bias: finite("recurrent.bias", &[n])?.into(),
            input: sparse(path, "input.weight", wiring.input(), &finite("input.weight", &[n, channels])?)?,
            readout: sparse(path, "readout.weight", wiring.readout(), &finite("readout.weight", &[outputs, n])?)?,
            readout_bias: finite("readout.bias", &[outputs])?.into(),
        };
        Ok((Self::from_parts(wiring, parameters), header, reader))
    }
}

pub(crate) fn to_json(header: &Header) -> Value {
    serde_json::to_value(header).expect("settings are plain data")
}

/// The metadata, if this file is one of ours and not of a later version.
fn header(path: &Path, reader: &TensorReader) -> Result<Header> {
    let metadata = reader.metadata();
    let version = metadata.get("version").and_then(Value::as_u64).unwrap_or(0);
    if version > u64::from(VERSION) {
        let problem =
            format!("format version {version}, but this daleian reads up to {VERSION}; a newer one is needed");
        return Err(Error::content(path, problem));
    }
    let format = metadata.get("format").and_then(Value::as_str).unwrap_or("");
    if !["daleian-model", "daleian-checkpoint"].contains(&format) {
        let problem = format!("format {format:?}; `daleian-model` or `daleian-checkpoint` would be right");
        return Err(Error::content(path, problem));
    }
    let header: Header = serde_json::from_value(metadata.clone())
        .map_err(|error| Error::content(path, format!("not a daleian model: its metadata lack a part ({error})")))?;
    Ok(header)
}

/// Populations from their starts, names and the signs of their neurons.
fn populations(path: &Path, header: &Header, reader: &TensorReader, n: usize) -> Result<Vec<PopulationSpec>> {
    let wrong = |problem: String| Error::content(path, problem);
    let starts = reader.i64("population.start", Some(&[header.populations.len() + 1]))?;
    let signs = reader.i8("dale.sign", Some(&[n]))?;
    let whole = starts.first() == Some(&0) && starts.last() == Some(&(n as i64));
    if !whole || !starts.is_sorted_by(|a, b| a < b) {
        return Err(wrong(format!("`population.start`: {starts:?} should rise from 0 to {n}, the number of neurons")));
    }
    let mut populations = Vec::new();
    for (name, range) in header.populations.iter().zip(starts.windows(2)) {
        let (start, end) = (range[0] as usize, range[1] as usize);
        let sign = signs[start]
            .to_string()
            .parse::<Sign>()
            .map_err(|problem| wrong(format!("`dale.sign`: neuron {start}: {problem}")))?;
        if let Some(other) = (start..end).find(|&i| signs[i] != signs[start]) {
            let problem = format!("`dale.sign`: neurons {start} and {other} of population `{name}` differ in sign");
            return Err(wrong(problem));
        }
        populations.push(PopulationSpec { name: name.clone(), size: end - start, sign });
    }
    Ok(populations)
}

/// Values on a pattern as a dense row-major matrix.
pub(crate) fn dense(pattern: &Pattern, values: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; pattern.rows() * pattern.cols()];
    for row in 0..pattern.rows() {
        for entry in pattern.entries(row) {
            out[row * pattern.cols() + pattern.indices()[entry] as usize] = values[entry];
        }
    }
    out
}

/// The entries of a dense matrix on a pattern; what lies outside must be 0.
fn sparse(path: &Path, name: &str, pattern: &Pattern, dense: &[f32]) -> Result<Aligned> {
    let mut values = Vec::with_capacity(pattern.nnz());
    for row in 0..pattern.rows() {
        let cells = &dense[row * pattern.cols()..][..pattern.cols()];
        let present = pattern.row(row);
        let mut next = present.iter().peekable();
        for (col, &value) in cells.iter().enumerate() {
            if next.next_if(|&&p| p as usize == col).is_some() {
                values.push(value);
            } else if value != 0.0 {
                let problem = format!("`{name}`: [{row}, {col}] is {value}, but outside its block it should be 0");
                return Err(Error::content(path, problem));
            }
        }
    }
    Ok(values.into())
}

/// A parameter in the shape that the model file gives it.
pub(crate) fn as_stored(wiring: &Wiring, name: ParameterName, values: &[f32]) -> (Vec<usize>, Vec<f32>) {
    match name {
        ParameterName::InputWeights => (vec![wiring.neurons(), wiring.channels()], dense(wiring.input(), values)),
        ParameterName::ReadoutWeights => (vec![wiring.outputs(), wiring.neurons()], dense(wiring.readout(), values)),
        _ => (vec![values.len()], values.to_vec()),
    }
}
