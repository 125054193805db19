//! One step and one epoch of training, without files.

use std::sync::Arc;

use super::parameter_settings::{held_by, trained};
use super::{Evaluation, MemoryEstimate, ParameterSetting, ParameterSettings, Running, Summary, Trained, check_shapes};
use crate::bptt::{Bptt, BpttMemory, Objective, Outcome, check_memory};
use crate::constraint::{Constraint, Guard};
use crate::data::{Sources, batches_per_epoch, check_batch, epoch_order};
use crate::error::{Error, Result};
use crate::exec::Exec;
use crate::network::{Network, ParameterId, Parameters, RECURRENT, Wiring};
use crate::optim::{OptimizerSpec, OptimizerState, ScheduleSpec, clip, norm};

/// How to train.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainSettings {
    /// The seed of the order of samples.
    pub seed: u64,
    /// Samples a step.
    pub batch: usize,
    /// What is minimised.
    pub objective: Objective,
    /// What is done with each parameter: whether it is trained, how fast, and what holds the recurrent weights.
    pub parameters: ParameterSettings,
    /// The optimizer.
    pub optimizer: OptimizerSpec,
    /// The learning rate over epochs.
    pub schedule: ScheduleSpec,
    /// Epochs that were trained before, in an earlier phase of the same run: the position and the order of samples count on
    /// from there, the schedule begins anew.
    pub first_epoch: usize,
    /// The global norm that a gradient is scaled down to.
    pub clip_norm: Option<f64>,
    /// Bytes that training may take at its peak, counted as [`MemoryEstimate`] counts them: where keeping every state
    /// would take more, steps are computed twice. No result depends on it.
    pub memory_limit: Option<u64>,
}

impl TrainSettings {
    /// Training under Dale's law with a constant learning rate: seed 1, no clipping, nothing frozen, as much memory as
    /// it takes.
    pub fn new(objective: impl Into<Objective>, batch: usize, optimizer: OptimizerSpec) -> Self {
        Self {
            seed: 1,
            batch,
            objective: objective.into(),
            parameters: ParameterSettings::new(Constraint::Dale),
            optimizer,
            schedule: ScheduleSpec::default(),
            first_epoch: 0,
            clip_norm: None,
            memory_limit: None,
        }
    }

    /// Checks that a network with this wiring can be trained like this on `data`, but for the memory that it takes. Gives
    /// the settings of its parameters.
    ///
    /// # Errors
    /// If a number of the optimizer, the schedule or a parameter is out of its range, if the data do not fit the network or
    /// the loss, if a batch is larger than the data, or if nothing is left to train.
    pub(crate) fn check(&self, wiring: &Wiring, data: &Sources) -> Result<Vec<ParameterSetting>> {
        self.optimizer.validate()?;
        self.schedule.validate(self.optimizer.learning_rate())?;
        for (split, form) in [("training", data.train().form()), ("test", data.test().form())] {
            check_shapes(wiring, form, split)?;
            form.check_loss(self.objective.loss)?;
        }
        check_batch(self.batch, data.train().samples())?;
        self.parameters.validate(self.optimizer.learning_rate())?;
        self.parameters.resolve(wiring)
    }
}

/// Where a run stands: epochs done in all its phases, and steps done of the one under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// Epochs done.
    pub epoch: usize,
    /// Steps done of the next.
    pub step: usize,
}

/// A network in training on data.
#[derive(Debug)]
pub struct Trainer {
    network: Network,
    settings: TrainSettings,
    data: Sources,
    exec: Exec,
    /// What holds the values of each parameter.
    guards: Vec<Guard>,
    /// What the learning rate of each parameter is multiplied by.
    rate_factors: Vec<f64>,
    /// Of parameters that are trained in part: which values are.
    masks: Vec<(ParameterId, Arc<[bool]>)>,
    optimizer: OptimizerState,
    bptt: Bptt,
    evaluation: Evaluation,
    gradients: Parameters,
    position: Position,
    running: Running,
    order: Vec<u32>,
    /// The epoch that `order` belongs to.
    ordered: Option<usize>,
}

impl Trainer {
    /// A trainer of `network` on `data`. Under a constraint that keeps signs, weights that are trained are projected
    /// once, so that signs hold from the start.
    ///
    /// # Errors
    /// If a number of the optimizer or the schedule is out of its range, if the data do not fit the network or the
    /// loss, if a batch is larger than the data or does not fit in memory or its limit, or if nothing is left to train.
    pub fn new(
        network: Network,
        data: impl Into<Sources>,
        settings: TrainSettings,
        exec: impl Into<Exec>,
    ) -> Result<Self> {
        Self::beside(0, network, data.into(), settings, exec.into())
    }

    /// As [`new`](Self::new), beside `others` bytes that the memory limit counts too.
    pub(crate) fn beside(
        others: u64,
        network: Network,
        data: Sources,
        settings: TrainSettings,
        exec: Exec,
    ) -> Result<Self> {
        // how rows are cut depends on the threads that will share them
        exec.clone().install(|| Self::build(others, network, data, settings, exec))
    }

    fn build(others: u64, mut network: Network, data: Sources, settings: TrainSettings, exec: Exec) -> Result<Self> {
        let wiring = network.wiring().clone();
        let resolved = settings.check(&wiring, &data)?;
        let trainable = trained(&resolved, &wiring);
        let guards: Vec<Guard> = wiring
            .parameter_ids()
            .map(|id| match id {
                RECURRENT => Guard::new(held_by(&resolved), &wiring),
                _ => Guard::free(),
            })
            .collect();
        if held_by(&resolved).keeps_signs() {
            guards[RECURRENT.index()].project(exec.isa(), &mut network);
        }
        let form = data.train().form();
        let mask = |id: ParameterId| match &resolved[id.index()].trained {
            Trained::Entries(mask) => Some((id, mask.clone())),
            _ => None,
        };
        let storage = MemoryEstimate::plan(&settings, others, &wiring, &data)?.storage;
        BpttMemory::with_storage(&wiring, form.targets, settings.batch, &trainable, &storage).check(
            &wiring,
            settings.batch,
            form.steps,
        )?;
        check_memory(&wiring, settings.batch.min(data.test().samples()), data.test().steps(), false)?;
        let bptt = Bptt::with_storage(&network, &exec, form.targets, settings.batch, &trainable, storage);
        let evaluation = Evaluation::new(&network, &exec, data.test(), settings.batch);
        Ok(Self {
            optimizer: OptimizerState::new(settings.optimizer, &wiring, &trainable),
            gradients: bptt.gradients(&network),
            network,
            position: Position { epoch: settings.first_epoch, step: 0 },
            settings,
            data,
            exec,
            guards,
            rate_factors: resolved.iter().map(|setting| setting.rate_factor).collect(),
            masks: trainable.iter().copied().filter_map(mask).collect(),
            bptt,
            evaluation,
            running: Running::default(),
            order: Vec::new(),
            ordered: None,
        })
    }

    /// The network as it is now.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The network, when training is over.
    pub fn into_network(self) -> Network {
        self.network
    }

    /// The network, the data and the state of the optimizer, when another trainer goes on with them.
    pub(crate) fn into_parts(self) -> (Network, Sources, OptimizerState) {
        (self.network, self.data, self.optimizer)
    }

    /// The data.
    pub fn data(&self) -> &Sources {
        &self.data
    }

    /// What the optimizer has come to.
    pub fn optimizer(&self) -> &OptimizerState {
        &self.optimizer
    }

    /// Epochs and steps done.
    pub fn position(&self) -> Position {
        self.position
    }

    /// What the epoch under way has added up.
    pub fn running(&self) -> Running {
        self.running
    }

    /// Steps of an epoch; the last may be a smaller batch.
    pub fn steps_per_epoch(&self) -> usize {
        batches_per_epoch(self.data.train().samples(), self.settings.batch)
    }

    /// The learning rate of the epoch under way.
    pub fn learning_rate(&self) -> f64 {
        let epoch = self.position.epoch - self.settings.first_epoch;
        self.settings.schedule.rate(self.settings.optimizer.learning_rate(), epoch)
    }

    /// A checksum (CRC-32) of the parameters as they are and of the data: two trainers with the same start go the same
    /// way.
    pub fn fingerprint(&self) -> u32 {
        let mut sum = flate2::Crc::new();
        for id in self.network.parameters().ids() {
            sum.update(bytemuck::cast_slice(&self.network.parameters()[id]));
        }
        sum.update(&self.data.fingerprint().to_le_bytes());
        sum.sum()
    }

    /// What it runs with.
    pub fn exec(&self) -> &Exec {
        &self.exec
    }

    /// Loads training samples of the epoch under way into memory of the caller's.
    ///
    /// # Errors
    /// If the source cannot give them.
    #[cfg(feature = "cli")]
    pub(crate) fn load(&mut self, bptt: &mut Bptt, samples: &[u32]) -> Result<()> {
        bptt.set_samples(samples.len());
        self.data.train_mut().fill(self.position.epoch, samples, bptt.groups_mut())
    }

    /// Goes on where another trainer of the same settings stood when its network was as this one is.
    ///
    /// # Panics
    /// If a size differs.
    pub fn restore(&mut self, optimizer: OptimizerState, position: Position, running: Running) {
        assert!(self.optimizer.fits(&optimizer), "moments of the same settings");
        (self.optimizer, self.position, self.running) = (optimizer, position, running);
    }

    /// Begins with the moments that another run's optimizer had come to.
    ///
    /// # Errors
    /// If they are not those of this optimizer and of the parameters that are trained.
    pub(crate) fn take_moments(&mut self, mut state: OptimizerState) -> Result<()> {
        if !self.optimizer.fits(&state) {
            let problem = "the moments in the file are of another optimizer or of other frozen parameters; without them \
                           they start at 0";
            return Err(Error::setting("keep-moments", problem));
        }
        // what was trained in that run and is not any more must stay as it is
        state.moments.iter_mut().for_each(|moments| mask_out(moments, &self.masks));
        self.optimizer = state;
        Ok(())
    }

    /// One step: forward, backward, optimizer, constraint. Gives the loss of the batch before the step, and, at the
    /// end of an epoch, what the whole epoch came to.
    ///
    /// # Errors
    /// [`Error::Diverged`] if the loss or the gradient is not finite, or an error of the source of the samples; the
    /// parameters are then as they were.
    pub fn step(&mut self) -> Result<(Outcome, Option<Summary>)> {
        // a caller from outside of the pool enters it here, once, and not for each part of a step
        self.exec.clone().install(|| self.step_in_pool())
    }

    fn step_in_pool(&mut self) -> Result<(Outcome, Option<Summary>)> {
        let samples = self.data.train().samples();
        if self.ordered != Some(self.position.epoch) {
            epoch_order(self.settings.seed, self.position.epoch as u32, samples, &mut self.order);
            self.ordered = Some(self.position.epoch);
        }
        let start = self.position.step * self.settings.batch;
        let batch = &self.order[start..samples.min(start + self.settings.batch)];
        self.bptt.set_samples(batch.len());
        self.data.train_mut().fill(self.position.epoch, batch, self.bptt.groups_mut())?;
        // every sample of every epoch is a sequence of its own
        self.bptt.set_first_sequence((self.position.epoch * samples + start) as u64);
        let outcome = self.bptt.gradient(&self.network, &self.settings.objective, &mut self.gradients);
        let diverged =
            |what, value| Error::Diverged { what, value, epoch: self.position.epoch + 1, step: self.position.step + 1 };
        if !outcome.objective.is_finite() {
            return Err(diverged("the loss", outcome.objective));
        }
        mask_out(&mut self.gradients, &self.masks);
        let norm = norm(self.exec.isa(), &self.gradients);
        if !norm.is_finite() {
            return Err(diverged("the norm of the gradient", norm));
        }
        let scale = self.settings.clip_norm.map_or(1.0, |limit| clip(norm, limit));
        let rate = self.learning_rate();
        self.optimizer.step(
            self.exec.isa(),
            self.settings.optimizer,
            &mut self.network,
            &self.gradients,
            scale,
            |id| rate * self.rate_factors[id.index()],
            |id, entries| self.guards[id.index()].bounds(entries),
        );
        self.running.add(&outcome);
        self.position.step += 1;
        if self.position.step < self.steps_per_epoch() {
            return Ok((outcome, None));
        }
        let summary = self.running.summary(self.data.train().form().targets);
        self.running = Running::default();
        self.position = Position { epoch: self.position.epoch + 1, step: 0 };
        Ok((outcome, Some(summary)))
    }

    /// Does `work`, which needs no gradients and can use their memory.
    pub(crate) fn without_gradients<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        self.gradients = Parameters::default();
        let done = work(self);
        self.gradients = self.bptt.gradients(&self.network);
        done
    }

    /// Whether the last step left every parameter finite.
    ///
    /// # Errors
    /// [`Error::Diverged`] with the first that is not.
    pub fn check_finite(&self) -> Result<()> {
        for id in self.network.parameters().ids() {
            let values = &self.network.parameters()[id];
            if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                return Err(self.diverged(self.network.wiring().parameter(id).name, f64::from(*value)));
            }
        }
        Ok(())
    }

    /// The error that `what` was `value` after the last step.
    pub(crate) fn diverged(&self, what: &'static str, value: f64) -> Error {
        let (epoch, step) = match self.position {
            Position { epoch, step: 0 } => (epoch, self.steps_per_epoch()),
            Position { epoch, step } => (epoch + 1, step),
        };
        Error::Diverged { what, value, epoch, step }
    }

    /// Steps to the end of the epoch under way.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn epoch(&mut self) -> Result<Summary> {
        loop {
            if let (_, Some(summary)) = self.step()? {
                return Ok(summary);
            }
        }
    }

    /// The loss on the test samples.
    pub fn test(&mut self) -> Summary {
        let exec = self.exec.clone();
        exec.install(|| self.evaluation.run(&self.network, self.data.test(), &self.settings.objective))
    }

    /// What the network answers to the first `samples` test samples: `[samples, steps, outputs]`.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn outputs(&mut self, samples: usize) -> Vec<f32> {
        let exec = self.exec.clone();
        exec.install(|| self.evaluation.outputs(&self.network, self.data.test(), samples))
    }
}

/// Sets to 0 what belongs to values that are not trained.
fn mask_out(values: &mut Parameters, masks: &[(ParameterId, Arc<[bool]>)]) {
    for (id, mask) in masks {
        values[*id].iter_mut().zip(&**mask).filter(|(_, trained)| !**trained).for_each(|(value, _)| *value = 0.0);
    }
}
