//! From a configuration to a network and its data.

use std::path::Path;

use daleian_kernels::Isa;

use super::difference::first_other;
use super::{MemoryEstimate, RunConfig, Start, TrainSettings, Trainer, check_shapes};
use crate::bptt::Objective;
use crate::connectome::Connectome;
use crate::error::{Error, Result};
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
        Ok(self.prepare(self.read_start()?, isa, tell)?.0)
    }

    /// The model that the configuration starts from, if it names one; moments start at zero.
    pub(super) fn read_start(&self) -> Result<Option<Start>> {
        let read = |path| Ok(Start { moments: None, ..Start::read(path)? });
        self.start.as_deref().map(read).transpose()
    }

    /// The trainer, from `start` if there is one, and the ids of the neurons where they come from a file.
    pub(super) fn prepare(
        &self,
        start: Option<Start>,
        isa: Isa,
        tell: &mut dyn FnMut(&MemoryEstimate),
    ) -> Result<(Trainer, Option<Vec<String>>)> {
        if let Some(start) = start {
            let data = self.data_for(start.network.wiring())?;
            tell(&MemoryEstimate::new(self, start.network.wiring(), &data));
            let mut trainer = Trainer::new(start.network, data, self.settings(), isa)?;
            start.moments.map_or(Ok(()), |moments| trainer.take_moments(moments))?;
            return Ok((trainer, None));
        }
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
        if let Some(start) = self.read_start()? {
            let data = self.data_for(start.network.wiring())?;
            return Ok(MemoryEstimate::new(self, start.network.wiring(), &data));
        }
        let (connectome, data) = self.inputs()?;
        let (channels, outputs) = (data.train().channels(), data.train().outputs());
        let wiring = Wiring::new(&connectome, self.cell, (channels, self.input), (outputs, self.readout))?;
        Ok(MemoryEstimate::new(self, &wiring, &data))
    }

    /// The data, for a network that starts with this wiring.
    ///
    /// # Errors
    /// If its cell, input or readout are not those of the configuration, or the data do not fit it.
    fn data_for(&self, wiring: &Wiring) -> Result<Data> {
        self.validate()?;
        let (input, readout) = wiring.specs();
        let other = first_other("cell", &self.cell, &wiring.cell())
            .or_else(|| first_other("input", &self.input, &input))
            .or_else(|| first_other("readout", &self.readout, &readout));
        if let Some((key, ours, its)) = other {
            let problem = format!("{ours}, but the model that the run starts from has {its}, which would be right");
            return Err(Error::setting(key, problem));
        }
        let data = self.task.load(self.seed, Path::new(""))?;
        check_shapes(wiring, data.train(), "training")?;
        check_shapes(wiring, data.test(), "test")?;
        Ok(data)
    }

    fn inputs(&self) -> Result<(Connectome, Data)> {
        self.validate()?;
        Ok((self.connectome()?, self.task.load(self.seed, Path::new(""))?))
    }
}
