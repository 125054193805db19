//! `neurons.csv`: which neuron of the input files each row and column of W is.

use std::path::Path;

use crate::error::Result;
use crate::files::write_atomic;
use crate::network::Wiring;

/// Writes `index,id,population,sign`, a row a neuron in the order of W.
pub(super) fn write(path: &Path, wiring: &Wiring, ids: &[String]) -> Result<()> {
    write_atomic(path, |out| {
        let mut table = csv::Writer::from_writer(out);
        table.write_record(["index", "id", "population", "sign"])?;
        for population in wiring.populations() {
            let sign = i8::from(population.sign).to_string();
            for neuron in population.neurons.clone() {
                table.write_record([&neuron.to_string(), &ids[neuron], &population.name, &sign])?;
            }
        }
        table.flush()
    })
}
