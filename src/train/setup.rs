//! From a configuration to a network and its data.

use std::path::Path;

use daleian_kernels::Isa;

use super::{MemoryEstimate, RunConfig, TrainSettings, Trainer};
use crate::bptt::Objective;
use crate::connectome::Connectome;
use crate::error::Result;
use crate::network::{Network, Wiring};
use crate::task::Data;

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
        self.trainer_with(isa, &mut |_| ())
    }

    /// As [`trainer`](Self::trainer); `tell` hears what memory training will take, before parameters or states are
    /// allocated.
    ///
    /// # Errors
    /// As [`trainer`](Self::trainer).
    pub fn trainer_with(&self, isa: Isa, tell: &mut dyn FnMut(&MemoryEstimate)) -> Result<Trainer> {
        Ok(self.prepare(isa, tell)?.0)
    }

    /// The trainer, and the ids of the neurons where they come from a file.
    pub(super) fn prepare(
        &self,
        isa: Isa,
        tell: &mut dyn FnMut(&MemoryEstimate),
    ) -> Result<(Trainer, Option<Vec<String>>)> {
        let (connectome, data) = self.inputs()?;
        let (channels, outputs) = (data.train().channels(), data.train().outputs());
        let (input, readout) = ((channels, self.input), (outputs, self.readout));
        tell(&MemoryEstimate::new(self, &Wiring::new(&connectome, self.cell, input, readout)?, &data));
        let network = Network::new(&connectome, self.cell, input, readout, &self.init, self.seed)?;
        let ids = connectome.ids().map(<[String]>::to_vec);
        // its weights are of no more use
        drop(connectome);
        Ok((Trainer::new(network, data, self.settings(), isa)?, ids))
    }

    /// What memory a run of this configuration will take at its peak. Synapses and data are drawn or read, nothing
    /// else is allocated and nothing written.
    ///
    /// # Errors
    /// If a file or a setting is wrong.
    pub fn memory(&self) -> Result<MemoryEstimate> {
        let (connectome, data) = self.inputs()?;
        let (channels, outputs) = (data.train().channels(), data.train().outputs());
        let wiring = Wiring::new(&connectome, self.cell, (channels, self.input), (outputs, self.readout))?;
        Ok(MemoryEstimate::new(self, &wiring, &data))
    }

    fn inputs(&self) -> Result<(Connectome, Data)> {
        self.validate()?;
        Ok((self.connectome()?, self.task.load(self.seed, Path::new(""))?))
    }
}
