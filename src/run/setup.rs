//! From a configuration to a network and its data.

use super::difference::first_other;
use super::{RunConfig, Start, parameter_spec};
use crate::bptt::Objective;
use crate::connectome::{Connectome, EdgeListSpec, WeightMeaning};
use crate::data::Sources;
use crate::error::{Error, Result};
use crate::exec::Exec;
use crate::network::{InitWeights, Network, NetworkBuilder, RECURRENT, Wiring, or_whole};
use crate::train::{MemoryEstimate, TrainSettings, Trainer, check_shapes};

impl RunConfig {
    /// The connectome that the configuration describes: read from files, or drawn from the seed.
    ///
    /// # Errors
    /// As [`Connectome::from_edge_list`] and [`Connectome::from_rules`].
    pub fn connectome(&self) -> Result<Connectome> {
        match &self.connectome {
            // weights that are not used are not checked
            Some(files) if self.init.weights != InitWeights::Edges => {
                Connectome::from_edge_list(&EdgeListSpec { weights: WeightMeaning::Unused, ..files.clone() })
            }
            Some(files) => Connectome::from_edge_list(files),
            None => Connectome::from_rules(&self.population, &self.connection, self.seed),
        }
    }

    /// What is minimised.
    pub fn objective(&self) -> Objective {
        Objective { loss: self.loss, l2_weights: self.penalty.l2_weights, l2_rates: self.penalty.l2_rates }
    }

    /// How to train, with as much memory as it takes.
    ///
    /// # Errors
    /// If a `[[parameter]]` is wrong.
    pub fn settings(&self) -> Result<TrainSettings> {
        Ok(TrainSettings {
            seed: self.seed,
            batch: self.batch,
            objective: self.objective(),
            parameters: parameter_spec::settings(self.constraint, &self.parameter)?,
            optimizer: self.optimizer,
            schedule: self.schedule,
            first_epoch: 0,
            clip_norm: self.clip_norm,
            memory_limit: None,
        })
    }

    /// A network at its start, on its data, ready to train.
    ///
    /// # Errors
    /// If a file or a setting is wrong.
    pub fn trainer(&self, resources: impl Into<Resources>) -> Result<Trainer> {
        self.trainer_with(resources, &mut |_| ())
    }

    /// As [`trainer`](Self::trainer); `tell` hears what memory training will take, before parameters or states are
    /// allocated.
    ///
    /// # Errors
    /// As [`trainer`](Self::trainer).
    pub fn trainer_with(
        &self,
        resources: impl Into<Resources>,
        tell: &mut dyn FnMut(&MemoryEstimate),
    ) -> Result<Trainer> {
        self.prepare(self.read_start()?, resources.into(), tell)
    }

    /// The model that the configuration starts from, if it names one; moments start at zero.
    pub(super) fn read_start(&self) -> Result<Option<Start>> {
        let read = |path| Ok(Start { moments: None, ..Start::read(path)? });
        self.start.as_deref().map(read).transpose()
    }

    /// The trainer of the first phase, from `start` if there is one.
    pub(super) fn prepare(
        &self,
        start: Option<Start>,
        resources: Resources,
        tell: &mut dyn FnMut(&MemoryEstimate),
    ) -> Result<Trainer> {
        if let Some(start) = start {
            let data = self.data_for(start.network.wiring())?;
            tell(&self.estimate(resources.memory_limit, start.network.wiring(), &data)?);
            let mut trainer = self.phase_trainer(0, start.network, data, resources)?;
            start.moments.map_or(Ok(()), |moments| trainer.take_moments(moments))?;
            return Ok(trainer);
        }
        let (connectome, data) = self.inputs()?;
        let builder = self.builder(&connectome, &data);
        let wiring = builder.wiring()?;
        tell(&self.estimate(resources.memory_limit, &wiring, &data)?);
        drop(wiring);
        let network = builder.build()?;
        // its weights are of no more use
        drop(connectome);
        self.phase_trainer(0, network, data, resources)
    }

    /// A trainer for phase number `at`, counted from 0, of a network as the phases before left it; moments are 0.
    pub(super) fn phase_trainer(
        &self,
        at: usize,
        network: Network,
        data: Sources,
        resources: Resources,
    ) -> Result<Trainer> {
        let config = self.in_phase(at);
        let settings =
            TrainSettings { first_epoch: self.epochs_before(at), ..config.settings_within(resources.memory_limit)? };
        Trainer::beside(self.start_bytes(network.wiring()), network, data, settings, resources.exec)
    }

    /// What memory a run of this configuration will take at its peak. Synapses and data are drawn or read, nothing
    /// else is allocated and nothing written.
    ///
    /// # Errors
    /// If a file or a setting is wrong.
    pub fn memory(&self) -> Result<MemoryEstimate> {
        self.memory_within(None)
    }

    /// As [`memory`](Self::memory), where it may be at most `limit` bytes.
    ///
    /// # Errors
    /// If a file or a setting is wrong, or the limit cannot be met.
    pub fn memory_within(&self, limit: Option<u64>) -> Result<MemoryEstimate> {
        if let Some(start) = self.read_start()? {
            let wiring = start.network.wiring();
            let data = self.data_for(wiring)?;
            return self.estimate(limit, wiring, &data);
        }
        let (connectome, data) = self.inputs()?;
        self.estimate(limit, &self.builder(&connectome, &data).wiring()?, &data)
    }

    /// What memory training a network with this wiring takes in the phase that takes most, where it may be at most `limit`
    /// bytes. Every phase is checked on the way.
    ///
    /// # Errors
    /// If a phase cannot train such a network on these data, or the limit cannot be met.
    pub(crate) fn estimate(&self, limit: Option<u64>, wiring: &Wiring, data: &Sources) -> Result<MemoryEstimate> {
        let mut most: Option<MemoryEstimate> = None;
        for config in self.training_phases() {
            let settings = config.settings_within(limit)?;
            settings.check(wiring, data)?;
            let phase = MemoryEstimate::plan(&settings, self.start_bytes(wiring), wiring, data)?;
            if most.as_ref().is_none_or(|most| phase.total > most.total) {
                most = Some(phase);
            }
        }
        most.ok_or_else(|| Error::setting("phase", "expected at least one that trains"))
    }

    fn settings_within(&self, memory_limit: Option<u64>) -> Result<TrainSettings> {
        Ok(TrainSettings { memory_limit, ..self.settings()? })
    }

    /// Bytes of the weights at the start, where a run reads them again in the end; and of their pattern, where it changed.
    fn start_bytes(&self, wiring: &Wiring) -> u64 {
        let synapse = match (self.keeps_start(), self.prunes()) {
            (true, true) => 8,
            (true, false) => 4,
            (false, _) => 0,
        };
        synapse * wiring.size(RECURRENT) as u64
    }

    /// Whether the run folder keeps the network at the start. Weights that are drawn from the seed are drawn again when they
    /// are wanted, as long as their pattern is still there.
    pub(super) fn keeps_start(&self) -> bool {
        self.init.weights == InitWeights::Edges || self.start.is_some() || self.prunes()
    }

    /// The network that the configuration describes, with as many channels and outputs as the data have.
    pub(crate) fn builder<'a>(&self, connectome: &'a Connectome, data: &Sources) -> NetworkBuilder<'a> {
        let form = data.train().form();
        Network::builder(connectome)
            .cell(self.cell)
            .input(form.channels)
            .input_blocks(self.input.clone())
            .readout(form.outputs)
            .readout_blocks(self.readout.clone())
            .output_activation(self.output.activation)
            .init(self.init)
            .seed(self.seed)
    }

    /// The data, for a network that starts with this wiring.
    ///
    /// # Errors
    /// If its cell, input or readout are not those of the configuration, or the data do not fit it.
    fn data_for(&self, wiring: &Wiring) -> Result<Sources> {
        self.validate()?;
        let other = first_other("cell", &self.cell, &wiring.cell())
            .or_else(|| first_other("output", &self.output, &wiring.output_spec()))
            .or_else(|| first_other("input", &*or_whole(&self.input), wiring.input_blocks()))
            .or_else(|| first_other("readout", &*or_whole(&self.readout), wiring.readout_blocks()));
        if let Some((key, ours, its)) = other {
            let problem = format!("{ours}, but the model that the run starts from has {its}; expected that");
            return Err(Error::setting(key, problem));
        }
        let data = self.load_data()?;
        check_shapes(wiring, data.train().form(), "training")?;
        check_shapes(wiring, data.test().form(), "test")?;
        Ok(data)
    }

    fn inputs(&self) -> Result<(Connectome, Sources)> {
        self.validate()?;
        Ok((self.connectome()?, self.load_data()?))
    }
}

/// What a run may use of the machine.
#[derive(Debug, Clone)]
pub struct Resources {
    /// The instruction set and the threads.
    pub exec: Exec,
    /// Bytes that the run may take at its peak: see [`TrainSettings::memory_limit`].
    pub memory_limit: Option<u64>,
}

impl<E: Into<Exec>> From<E> for Resources {
    /// As much memory as it takes.
    fn from(exec: E) -> Self {
        Self { exec: exec.into(), memory_limit: None }
    }
}
