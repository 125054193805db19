//! `model.safetensors`: a network as a file that scipy and torch read as it is.
//!
//! `scipy.sparse.csr_matrix((recurrent.values, recurrent.indices, recurrent.indptr))` is W. Input and readout
//! weights are stored dense; entries outside their blocks are 0.

use std::borrow::Cow;
use std::fmt::Display;
use std::path::Path;

use daleian_kernels::Aligned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::neuron_tensors::{self, NeuronTensors};
use super::{
    BIAS, CellSpec, INPUT, InputSpec, Network, ParameterId, Parameters, READOUT, READOUT_BIAS, RECURRENT, ReadoutSpec,
    Shape, Wiring,
};
use crate::connectome::Connectome;
use crate::error::{Error, Result};
use crate::files::{Tensor, TensorReader, write_tensors};
use crate::sparse::Pattern;

/// The layout that this version writes and reads.
const VERSION: u32 = 2;

/// The metadata of a model or checkpoint file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Header {
    pub format: String,
    pub version: u32,
    /// Columns of the neuron table besides id and sign, in their order.
    pub columns: Vec<String>,
    pub cell: CellSpec,
    pub input: InputSpec,
    pub readout: ReadoutSpec,
    /// The configuration of the run, or null.
    pub config: Value,
    /// What a checkpoint adds; null in a model.
    #[serde(default)]
    pub run: Value,
}

impl Network {
    /// Writes the network to `path`, as a file that [`load`](Self::load) reads, and scipy and torch too.
    ///
    /// A parameter of -0.0 is written as 0.0; all others come back to the bit.
    ///
    /// # Errors
    /// If the file cannot be written; whatever was there before is then still there.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.save_with(path, &Value::Null)
    }

    /// As [`save`](Self::save), with `config` in the metadata: any JSON, by `serde_json` (which this crate re-exports).
    /// A run puts its whole configuration there.
    ///
    /// # Errors
    /// As [`save`](Self::save).
    pub fn save_with(&self, path: impl AsRef<Path>, config: &Value) -> Result<()> {
        self.write(path.as_ref(), "daleian-model", config.clone(), Value::Null, Vec::new())
    }

    /// Reads a network from a model or checkpoint file.
    ///
    /// # Errors
    /// If the file cannot be read, is not a model, is of a later version, or breaks an invariant; the error says
    /// which tensor, where, and what is expected.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self::load_with(path)?.0)
    }

    /// As [`load`](Self::load), with the JSON that was saved beside the network (null where there was none).
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_with(path: impl AsRef<Path>) -> Result<(Self, Value)> {
        let (network, header, _) = Self::read(path.as_ref())?;
        Ok((network, header.config))
    }

    /// Writes the network with the tensors of `more` behind its own.
    pub(crate) fn write(&self, path: &Path, format: &str, config: Value, run: Value, more: Vec<Tensor>) -> Result<()> {
        let (wiring, parameters) = (&self.wiring, &self.parameters);
        let n = wiring.neurons();
        let (input_spec, readout_spec) = wiring.specs();
        let header = Header {
            format: format.into(),
            version: VERSION,
            columns: wiring.neuron_table().columns().map(|(name, _)| name.into()).collect(),
            cell: wiring.cell(),
            input: input_spec,
            readout: readout_spec,
            config,
            run,
        };
        let neurons = NeuronTensors::of(wiring.neuron_table());
        let input = dense(wiring.input(), &parameters[INPUT]);
        let readout = dense(wiring.readout(), &parameters[READOUT]);
        let mut tensors = vec![
            Tensor::vector("recurrent.indptr", wiring.recurrent().indptr()),
            Tensor::vector("recurrent.indices", wiring.recurrent().indices()),
            Tensor::vector("recurrent.values", &parameters[RECURRENT][..]),
            Tensor::vector("recurrent.bias", &parameters[BIAS][..]),
            Tensor::new("input.weight", &[n, wiring.channels()], &*input),
            Tensor::new("readout.weight", &[wiring.outputs(), n], &*readout),
            Tensor::vector("readout.bias", &parameters[READOUT_BIAS][..]),
        ];
        tensors.extend(neurons.tensors());
        tensors.extend(more);
        write_tensors(path, &tensors, &serde_json::to_value(&header).expect("settings are plain data"))
    }

    /// The network, the metadata, and the open file for what else is in it.
    pub(crate) fn read(path: &Path) -> Result<(Self, Header, TensorReader)> {
        Self::read_numbers(path, true)
    }

    /// As [`read`](Self::read), but numbers need only be finite if they must.
    pub(crate) fn read_numbers(path: &Path, must_be_finite: bool) -> Result<(Self, Header, TensorReader)> {
        let reader = TensorReader::open(path)?;
        let header = header(&reader)?;
        let vector = |name| Ok::<_, Error>([reader.length(name)?]);
        let indptr = reader.i64("recurrent.indptr", &vector("recurrent.indptr")?)?;
        let indptr: Vec<usize> = not_negative(&reader, "recurrent.indptr", indptr)?;
        let indices = reader.i32("recurrent.indices", &vector("recurrent.indices")?)?;
        let indices: Vec<u32> = not_negative(&reader, "recurrent.indices", indices)?;
        let n = indptr.len().saturating_sub(1);
        let pattern = Pattern::new(n, n, indptr, indices)
            .map_err(|error| reader.error(format!("`recurrent.indptr` and `recurrent.indices`: {error}")))?;
        let neurons = neuron_tensors::read(&reader, &header.columns, n)?;
        let connectome = Connectome::new(neurons, pattern, None).map_err(|error| reader.error(error))?;
        // Neurons there are, so the two sizes that are free are bounded by the bytes that are there.
        let wrong = |name: &str, shape: &[usize], right: &str| {
            reader.error(format!("`{name}` has shape {shape:?}; expected {right}"))
        };
        let channels = match reader.shape("input.weight")? {
            &[rows, channels] if rows == n => channels,
            shape => return Err(wrong("input.weight", shape, &format!("[{n}, channels]"))),
        };
        let outputs = match reader.shape("readout.weight")? {
            &[outputs, cols] if cols == n => outputs,
            shape => return Err(wrong("readout.weight", shape, &format!("[outputs, {n}]"))),
        };
        let wiring = Wiring::new(&connectome, header.cell, (channels, header.input), (outputs, header.readout))
            .map_err(|error| reader.error(error))?;
        let finite = |name: &str, shape: &[usize]| -> Result<Vec<f32>> {
            let values = reader.f32(name, shape)?;
            match values.iter().position(|x| must_be_finite && !x.is_finite()) {
                Some(at) => Err(reader.error(format!("`{name}`: element {at} is {}, not a finite number", values[at]))),
                None => Ok(values),
            }
        };
        let on_pattern = |name: &str, pattern: &Pattern| {
            let dense = finite(name, &[pattern.rows(), pattern.cols()])?;
            sparse(name, pattern, &dense).map_err(|problem| reader.error(problem))
        };
        let mut parameters = Parameters::zeros(&wiring, |_| false);
        for (id, parameter) in wiring.parameter_ids().zip(wiring.parameter_list()) {
            parameters[id] = match &parameter.shape {
                Shape::OnPattern(pattern) if id != RECURRENT => on_pattern(parameter.name, pattern)?,
                shape => finite(parameter.name, &shape.dimensions())?.into(),
            };
        }
        Ok((Self::from_parts(wiring, parameters), header, reader))
    }
}

/// Integers of a file as those in memory.
fn not_negative<T: Copy + Display, U: TryFrom<T>>(reader: &TensorReader, name: &str, values: Vec<T>) -> Result<Vec<U>> {
    let convert = |(at, x): (usize, T)| {
        U::try_from(x).map_err(|_| reader.error(format!("`{name}`: element {at} is {x}; expected at least 0")))
    };
    values.into_iter().enumerate().map(convert).collect()
}

/// The metadata, if this file is one of ours and not of a later version.
fn header(reader: &TensorReader) -> Result<Header> {
    let metadata = reader.metadata()?;
    let version = metadata.get("version").and_then(Value::as_u64).unwrap_or(0);
    if version > u64::from(VERSION) {
        let problem =
            format!("format version {version}, but this daleian reads up to {VERSION}; a newer one is needed");
        return Err(reader.error(problem));
    }
    if version > 0 && version < u64::from(VERSION) {
        let problem = format!(
            "format version {version}, which had no neuron table; this daleian reads version {VERSION}: train again, \
             or use the older daleian that wrote it"
        );
        return Err(reader.error(problem));
    }
    let format = metadata.get("format").and_then(Value::as_str).unwrap_or("");
    if !["daleian-model", "daleian-checkpoint"].contains(&format) {
        let problem = format!("format {format:?}; expected `daleian-model` or `daleian-checkpoint`");
        return Err(reader.error(problem));
    }
    let header: Header = serde_json::from_value(metadata.clone())
        .map_err(|error| reader.error(format!("not a daleian model: its metadata lack a part ({error})")))?;
    Ok(header)
}

/// Values on a pattern as a dense row-major matrix; without a copy where the pattern has every entry.
fn dense<'a>(pattern: &Pattern, values: &'a [f32]) -> Cow<'a, [f32]> {
    if pattern.is_full() {
        return values.into();
    }
    let mut out = vec![0.0; pattern.rows() * pattern.cols()];
    for row in 0..pattern.rows() {
        for entry in pattern.entries(row) {
            out[row * pattern.cols() + pattern.indices()[entry] as usize] = values[entry];
        }
    }
    out.into()
}

/// The entries of a dense matrix on a pattern; what lies outside must be 0.
fn sparse(name: &str, pattern: &Pattern, dense: &[f32]) -> Result<Aligned, String> {
    let mut values = Vec::with_capacity(pattern.nnz());
    for row in 0..pattern.rows() {
        let cells = &dense[row * pattern.cols()..][..pattern.cols()];
        let mut next = pattern.row(row).iter().peekable();
        for (col, &value) in cells.iter().enumerate() {
            if next.next_if(|&&p| p as usize == col).is_some() {
                values.push(value);
            } else if value != 0.0 {
                return Err(format!("`{name}`: [{row}, {col}] is {value}, but outside its block it should be 0"));
            }
        }
    }
    Ok(values.into())
}

/// A parameter in the shape that the model file gives it.
pub(crate) fn as_stored<'a>(wiring: &Wiring, id: ParameterId, values: &'a [f32]) -> (Vec<usize>, Cow<'a, [f32]>) {
    match &wiring.parameter(id).shape {
        Shape::OnPattern(pattern) if id != RECURRENT => (vec![pattern.rows(), pattern.cols()], dense(pattern, values)),
        shape => (shape.dimensions(), values.into()),
    }
}
