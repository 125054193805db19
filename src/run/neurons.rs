//! `neurons.csv`: which neuron each row and column of W is.

use std::path::Path;

use crate::connectome::NeuronTable;
use crate::error::Result;
use crate::files::write_atomic;

/// Writes `index,id,type,sign` and every further column, a row per neuron in the order of W. Neurons without ids have
/// their number, without types the type `all`.
pub(super) fn write(path: &Path, neurons: &NeuronTable) -> Result<()> {
    let others: Vec<_> = neurons.columns().filter(|(name, _)| *name != "type").collect();
    let types = neurons.column("type");
    write_atomic(path, |out| {
        let mut table = csv::Writer::from_writer(out);
        let names = others.iter().map(|(name, _)| *name);
        table.write_record(["index", "id", "type", "sign"].into_iter().chain(names))?;
        for (neuron, &sign) in neurons.signs().iter().enumerate() {
            let its_type = types.map_or_else(|| "all".into(), |types| types.value(neuron));
            let head = [neuron.to_string(), neurons.id(neuron), its_type, i8::from(sign).to_string()];
            table.write_record(head.into_iter().chain(others.iter().map(|(_, column)| column.value(neuron))))?;
        }
        table.flush()
    })
}
