//! How one phase hands over to the next.

use std::mem::discriminant;

use super::Run;
use crate::data::Sources;
use crate::error::Result;
use crate::network::Network;
use crate::optim::OptimizerState;
use crate::prune;
use crate::run::Start;
use crate::run::phase::{MomentsAfter, PrunePhase};
use crate::run::phases::in_phase;
use crate::run::report::PhaseReport;

impl Run {
    /// Prunes the network, goes into the next phase and writes a checkpoint.
    pub(super) fn prune(&mut self, phase: &PrunePhase) -> Result<bool> {
        let at = self.record.phase;
        let wiring = self.trainer().network().wiring();
        // whatever can be wrong is found while there still is a trainer
        let pruning = phase.pruning(wiring)?;
        prune::check(wiring, &pruning).map_err(|error| in_phase(at, error))?;
        self.trainer().check_finite()?;
        let (network, data, moments) = self.trainer.take().expect("there is a trainer between two calls").into_parts();
        let moments = Some(moments).filter(|_| phase.moments == MomentsAfter::Keep);
        let mut pruned = Start { moments, ..network.into() };
        pruned.prune(&pruning, self.config.pruning_seed(at))?;
        self.record.pruned.append(&mut pruned.pruned);
        self.record.phase += 1;
        self.hand_over(pruned.network, data, pruned.moments)?;
        let test = self.test()?;
        let report = self.phase_report("prune");
        self.record.phases.push(PhaseReport { test_loss: test.loss, test_accuracy: test.accuracy, ..report });
        self.write_checkpoint()?;
        Ok(true)
    }

    /// Goes on with the settings of the phase under way.
    pub(super) fn train_differently(&mut self) -> Result<()> {
        let (network, data, moments) = self.trainer.take().expect("there is a trainer between two calls").into_parts();
        self.hand_over(network, data, Some(moments))
    }

    /// Makes the trainer of the phase under way. It takes moments over from an optimizer of the same kind.
    fn hand_over(&mut self, network: Network, data: Sources, moments: Option<OptimizerState>) -> Result<()> {
        let at = self.record.phase;
        let mut trainer = self.config.phase_trainer(at, network, data, self.resources.clone())?;
        let [before, now] = [at - 1, at].map(|at| discriminant(&self.config.in_phase(at).optimizer));
        if let Some(moments) = moments.filter(|_| before == now) {
            // those of other parameters are refused, and moments start at 0
            let _ = trainer.take_moments(moments);
        }
        self.record.updates_before = trainer.optimizer().updates;
        self.trainer = Some(trainer);
        Ok(())
    }
}
