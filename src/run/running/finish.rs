//! How a run ends: model, metrics, summary and figures.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use daleian_kernels::Aligned;

use super::{Run, make_folder};
use crate::error::Result;
use crate::files::write_atomic;
use crate::network::{Network, RECURRENT, init};
use crate::run::report::Report;
use crate::run::{figures, metrics_file, names, start};
use crate::sparse::Pattern;

impl Run {
    /// Writes what a finished run leaves beside its checkpoint.
    pub(super) fn finish(&mut self) -> Result<Report> {
        // the last row was made by the parameters as they are now, but for what a pruning took away since
        let last = *self.record.rows.last().expect("a finished run has at least one epoch, and a row for each");
        let phase = self.record.phases.last().expect("a finished run has a phase");
        let (test_loss, test_accuracy) = (phase.test_loss, phase.test_accuracy);
        let network = self.trainer().network();
        let config = serde_json::to_value(self.kept_config()).expect("settings are plain data");
        start::write_model(&self.path(names::MODEL), network, config, None, &self.record.pruned)?;
        metrics_file::write(&self.path(names::METRICS), &self.record.rows)?;
        let weights = &network.parameters()[RECURRENT];
        let report = Report {
            name: self.config.name.clone(),
            data: self.config.task.data_label(),
            seed: self.config.seed,
            epochs: self.trainer().position().epoch,
            train_loss: last.train_loss,
            test_loss,
            test_accuracy,
            neurons: network.wiring().neurons(),
            synapses: weights.len(),
            silent_synapses: weights.iter().filter(|&&w| w == 0.0).count(),
            sign_violations: network.sign_violations(),
            instruction_set: self.record.instruction_sets.join(", "),
            threads: rayon::current_num_threads(),
            seconds: last.seconds,
            warning: self.record.warning.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            phases: if self.config.phase.is_empty() { Vec::new() } else { self.record.phases.clone() },
        };
        let drawings = self.draw()?;
        let folder = self.path(names::FIGURES);
        make_folder(&folder)?;
        for (name, svg) in drawings {
            write_atomic(folder.join(name), |out| out.write_all(svg.as_bytes()))?;
        }
        let text = serde_json::to_string_pretty(&report).expect("numbers and words");
        write_atomic(self.path(names::SUMMARY), |out| writeln!(out, "{text}"))?;
        Ok(report)
    }

    fn draw(&mut self) -> Result<Vec<(&'static str, String)>> {
        let (config, rows) = (&self.config, &self.record.rows);
        let path = self.folder.join(names::START);
        let trainer = self.trainer.as_mut().expect("there is a trainer between two calls");
        trainer.without_gradients(|trainer| {
            let (pattern, values) = match config.keeps_start() {
                false => {
                    let wiring = trainer.network().wiring();
                    (wiring.recurrent().clone(), init::recurrent(wiring, &config.init, config.seed))
                }
                true => weights_of(&path)?,
            };
            Ok(figures::draw(config, trainer, (&pattern, &values), rows))
        })
    }
}

/// W of a model file.
fn weights_of(path: &Path) -> Result<(Arc<Pattern>, Aligned)> {
    let mut network = Network::load(path)?;
    let values = std::mem::take(&mut network.parameters[RECURRENT]);
    Ok((network.wiring.recurrent().clone(), values))
}
