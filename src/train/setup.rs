//! From a configuration to a network and its data.

use std::path::Path;

use daleian_kernels::Isa;

use super::{RunConfig, TrainSettings, Trainer};
use crate::bptt::Objective;
use crate::connectome::Connectome;
use crate::error::Result;
use crate::network::Network;

impl RunConfig {
    /// The connectome that the configuration describes: read from files, or drawn from the seed.
    ///
    /// # Errors
    /// As [`Connectome::from_edge_list`] and [`Connectome::from_rules`].
    pub fn connectome(&self) -> Result<Connectome> {
        match &self.connectome {
            Some(files) => Connectome::from_edge_list(files),
            None => Connectome::from_rules(&self.population, &self.connection, self.seed),
        }
    }

    /// What is minimised.
    pub fn objective(&self) -> Objective {
        Objective { loss: self.loss, l2_weights: self.penalty.l2_weights, l2_rates: self.penalty.l2_rates }
    }

    /// How to train.
    pub fn settings(&self) -> TrainSettings {
        TrainSettings {
            seed: self.seed,
            batch: self.batch,
            objective: self.objective(),
            constraint: self.constraint,
            optimizer: self.optimizer,
            schedule: self.schedule,
            clip_norm: self.clip_norm,
            frozen: self.frozen.clone(),
        }
    }

    /// A network at its start, on its data, ready to train.
    ///
    /// # Errors
    /// If a file or a setting is wrong.
    pub fn trainer(&self, isa: Isa) -> Result<Trainer> {
        Ok(self.prepare(isa)?.0)
    }

    /// The trainer, and the ids of the neurons where they come from a file.
    pub(super) fn prepare(&self, isa: Isa) -> Result<(Trainer, Option<Vec<String>>)> {
        self.validate()?;
        let connectome = self.connectome()?;
        let data = self.task.load(self.seed, Path::new(""))?;
        let (channels, outputs) = (data.train().channels(), data.train().outputs());
        let network = Network::new(
            &connectome,
            self.cell,
            (channels, self.input),
            (outputs, self.readout),
            &self.init,
            self.seed,
        )?;
        let trainer = Trainer::new(network, data, self.settings(), isa)?;
        Ok((trainer, connectome.ids().map(<[String]>::to_vec)))
    }
}
