//! `model.safetensors`: a network as a file that scipy and torch read as it is.
//!
//! `scipy.sparse.csr_matrix((recurrent.values, recurrent.indices, recurrent.indptr))` is W. Input and readout
//! weights are dense where every entry is there, else they are by rows as W. Where blocks of them are frozen, `input.trained`
//! and `readout.trained` say which entries are trained.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::neuron_tensors::{self, NeuronTensors};
use super::wiring::Parts;
use super::{CellSpec, InputBlock, Network, OutputSpec, Parameters, ReadoutBlock, Wiring, matrix_tensors};
use crate::error::Result;
use crate::files::{Tensor, TensorReader, write_tensors};

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
    /// Number of input channels.
    pub channels: usize,
    pub input: Vec<InputBlock>,
    pub readout: Vec<ReadoutBlock>,
    pub output: OutputSpec,
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
        let header = Header {
            format: format.into(),
            version: VERSION,
            columns: wiring.neuron_table().columns().map(|(name, _)| name.into()).collect(),
            cell: wiring.cell(),
            channels: wiring.channels(),
            input: wiring.input_blocks().into(),
            readout: wiring.readout_blocks().into(),
            output: wiring.output_spec(),
            config,
            run,
        };
        let neurons = NeuronTensors::of(wiring.neuron_table());
        let trained: Vec<_> = wiring.parameter_ids().filter_map(|id| matrix_tensors::trained(wiring, id)).collect();
        let mut tensors = Vec::new();
        for id in wiring.parameter_ids() {
            tensors.extend(matrix_tensors::pattern(wiring, id));
            tensors.push(matrix_tensors::values(wiring, id, &parameters[id]));
        }
        tensors.extend(trained.iter().map(|(name, flags)| Tensor::vector(name, &flags[..])));
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
        let recurrent = matrix_tensors::read_pattern(&reader, "recurrent", None)?;
        let n = recurrent.rows();
        let neurons = neuron_tensors::read(&reader, &header.columns, n)?;
        let input = matrix_tensors::read_matrix(&reader, "input", Some(n), None, header.channels)?;
        let readout = matrix_tensors::read_matrix(&reader, "readout", None, Some(n), n)?;
        let channels = input.pattern.cols();
        if Vec::<[f32; 64]>::new().try_reserve_exact(channels).is_err() {
            return Err(reader.error(format!("{channels} channels; expected as many as fit in memory")));
        }
        let wiring = Wiring::from_parts(Parts {
            neurons: neurons.into(),
            recurrent: recurrent.into(),
            input,
            readout,
            cell: header.cell,
            input_blocks: header.input.clone().into(),
            readout_blocks: header.readout.clone().into(),
            output: header.output,
        })
        .map_err(|error| reader.error(error))?;
        let mut parameters = Parameters::zeros(&wiring, |_| false);
        for id in wiring.parameter_ids() {
            parameters[id] = matrix_tensors::read_values(&reader, &wiring, id, must_be_finite)?;
        }
        Ok((Self::from_parts(wiring, parameters), header, reader))
    }
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
    let format = metadata.get("format").and_then(Value::as_str).unwrap_or("");
    if !["daleian-model", "daleian-checkpoint"].contains(&format) {
        let problem = format!("format {format:?}; expected `daleian-model` or `daleian-checkpoint`");
        return Err(reader.error(problem));
    }
    if version > 0 && version < u64::from(VERSION) {
        let problem = format!(
            "format version {version}, which had no neuron table; this daleian reads version {VERSION}: train again, \
             or use the older daleian that wrote it"
        );
        return Err(reader.error(problem));
    }
    let header: Header = serde_json::from_value(metadata.clone())
        .map_err(|error| reader.error(format!("not a daleian model: its metadata lack a part ({error})")))?;
    Ok(header)
}
