//! The neuron table in a model file: `dale.sign`, and a tensor `neurons.NAME` per column of numbers. Text, and the ids
//! as `neurons.id`, are two tensors: all bytes in a row as `neurons.NAME.bytes`, and as `neurons.NAME.offsets` where
//! the text of each neuron starts and the last one ends.

use crate::connectome::{Column, NeuronTable, Sign, Words};
use crate::error::Result;
use crate::files::{Tensor, TensorReader};

/// What the tensors borrow from.
pub(super) struct NeuronTensors<'a> {
    signs: Vec<i8>,
    numbers: Vec<(String, &'a [f32])>,
    texts: Vec<(String, Text)>,
}

/// Text of every neuron, one behind the other.
#[derive(Default)]
struct Text {
    bytes: Vec<u8>,
    offsets: Vec<usize>,
}

impl<'a> FromIterator<&'a str> for Text {
    fn from_iter<I: IntoIterator<Item = &'a str>>(texts: I) -> Self {
        let mut out = Self { bytes: Vec::new(), offsets: vec![0] };
        for text in texts {
            out.bytes.extend_from_slice(text.as_bytes());
            out.offsets.push(out.bytes.len());
        }
        out
    }
}

impl<'a> NeuronTensors<'a> {
    pub fn of(neurons: &'a NeuronTable) -> Self {
        let signs = neurons.signs().iter().map(|&sign| sign.into()).collect();
        let mut out = Self { signs, numbers: Vec::new(), texts: Vec::new() };
        if let Some(ids) = neurons.ids() {
            out.texts.push(("neurons.id".into(), ids.iter().map(String::as_str).collect()));
        }
        for (name, column) in neurons.columns() {
            let name = format!("neurons.{name}");
            match column {
                Column::Numbers(numbers) => out.numbers.push((name, numbers)),
                Column::Text(words) => {
                    out.texts.push((name, (0..neurons.len()).map(|neuron| words.get(neuron)).collect()));
                }
            }
        }
        out
    }

    pub fn tensors(&self) -> impl Iterator<Item = Tensor<'_>> {
        let numbers = self.numbers.iter().map(|(name, numbers)| Tensor::vector(name, *numbers));
        let texts = self.texts.iter().flat_map(|(name, text)| {
            let bytes = Tensor::vector(format!("{name}.bytes"), &text.bytes[..]);
            [bytes, Tensor::vector(format!("{name}.offsets"), &text.offsets[..])]
        });
        std::iter::once(Tensor::vector("dale.sign", &self.signs[..])).chain(numbers).chain(texts)
    }
}

/// Reads the table of `n` neurons with these columns.
///
/// # Errors
/// If a tensor is missing or wrong, or the table breaks an invariant.
pub(super) fn read(reader: &TensorReader, columns: &[String], n: usize) -> Result<NeuronTable> {
    let signs: Vec<Sign> = reader
        .i8("dale.sign", &[n])?
        .iter()
        .enumerate()
        .map(|(neuron, sign)| {
            let wrong = |problem| reader.error(format!("`dale.sign`: neuron {neuron}: {problem}"));
            sign.to_string().parse().map_err(wrong)
        })
        .collect::<Result<_>>()?;
    let in_file = |error| reader.error(error);
    let mut neurons = NeuronTable::new(signs).map_err(in_file)?;
    if reader.contains("neurons.id.bytes") || reader.contains("neurons.id.offsets") {
        let mut ids = Vec::new();
        texts(reader, "neurons.id", n, |id| ids.push(id.into()))?;
        neurons = neurons.with_ids(ids).map_err(in_file)?;
    }
    for name in columns {
        let tensor = format!("neurons.{name}");
        let column: Column = if reader.contains(&tensor) {
            reader.f32(&tensor, &[n])?.into()
        } else {
            let (mut words, mut found) = (Words::default(), Default::default());
            texts(reader, &tensor, n, |word| words.push(word, &mut found))?;
            words.into()
        };
        neurons = neurons.with_column(name, column).map_err(in_file)?;
    }
    Ok(neurons)
}

/// Gives the text of each neuron to `take`.
fn texts(reader: &TensorReader, name: &str, n: usize, mut take: impl FnMut(&str)) -> Result<()> {
    let (of_bytes, of_offsets) = (format!("{name}.bytes"), format!("{name}.offsets"));
    let bytes = reader.u8(&of_bytes, &[reader.length(&of_bytes)?])?;
    // an offset too large for memory is beyond the bytes too
    let offsets: Vec<usize> = reader
        .i64(&of_offsets, &[n + 1])?
        .into_iter()
        .map(|offset| usize::try_from(offset).unwrap_or(usize::MAX))
        .collect();
    if offsets.first() != Some(&0) || offsets.last() != Some(&bytes.len()) || !offsets.is_sorted() {
        let problem =
            format!("`{of_offsets}`: expected offsets that rise from 0 to {}, the number of bytes", bytes.len());
        return Err(reader.error(problem));
    }
    for (neuron, ends) in offsets.windows(2).enumerate() {
        let text = std::str::from_utf8(&bytes[ends[0]..ends[1]])
            .map_err(|_| reader.error(format!("`{of_bytes}`: the text of neuron {neuron} is not UTF-8")))?;
        take(text);
    }
    Ok(())
}
