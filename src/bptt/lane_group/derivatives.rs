//! From the outputs of a lane group to their derivatives: of its own targets, or from outside.

use daleian_kernels::MAX_LANES;

use super::{Context, LaneGroup};
use crate::bptt::loss::{Answers, Target, cross_entropy, squared_error, through_readout};
use crate::bptt::plan::Lanes;
use crate::bptt::workspace::{Workspace, part, part_mut};

impl LaneGroup {
    /// Adds up the loss of the outputs and, in training, turns them into derivatives by the readout's sum.
    pub(in crate::bptt) fn loss(&mut self, context: &Context, workspace: &mut Workspace) {
        let Self { lanes: Lanes { used, stored, .. }, .. } = *self;
        self.derived_from = context.steps;
        if used == 0 {
            return;
        }
        let wiring = context.network.wiring();
        let (scale, g) = (context.scales.loss, wiring.readout_activation());
        let size = wiring.outputs() * stored;
        let (output, training) = (&mut self.output, self.training);
        let mut derive = |t: usize, loss: &mut dyn FnMut(&mut [f32])| {
            let y = part_mut(output, t, size);
            if training {
                return loss(y);
            }
            let scratch = workspace.delta.get_mut(0, size);
            scratch.copy_from_slice(y);
            loss(scratch);
        };
        let mut sum = 0.0;
        let mut add = |found: Answers| {
            sum += found.loss;
            self.totals.asked += found.asked;
            self.totals.correct += found.correct;
        };
        match &self.target {
            Target::Series { values, mask } => {
                self.derived_from = 0;
                for t in 0..context.steps {
                    let (values, mask) = (part(values, t, size), part(mask, t, size));
                    derive(t, &mut |y| sum += squared_error(y, values, mask, scale, g));
                }
            }
            Target::Classes { labels } => {
                let lengths = &self.lengths[..used];
                self.derived_from = lengths.iter().min().map_or(0, |&length| length as usize - 1);
                for t in self.derived_from..context.steps {
                    let mut weights = [0.0; MAX_LANES];
                    for (weight, &length) in weights.iter_mut().zip(lengths) {
                        *weight = f32::from(u8::from(length as usize == t + 1));
                    }
                    derive(t, &mut |y| add(cross_entropy(y, stored, &labels[..used], &weights, scale, g)));
                }
            }
            Target::StepClasses { labels, mask } => {
                self.derived_from = 0;
                for t in 0..context.steps {
                    let (labels, mask) = (&labels[t * stored..][..used], part(mask, t, stored));
                    derive(t, &mut |y| add(cross_entropy(y, stored, labels, mask, scale, g)));
                }
            }
            Target::Missing => {}
        }
        self.totals.loss = sum;
    }

    /// Turns the outputs into derivatives by V a + c, from those of a batch by y, `[samples, steps, outputs]`.
    pub(in crate::bptt) fn derive(&mut self, context: &Context, by_outputs: &[f32]) {
        let Lanes { first, used, stored } = self.lanes;
        self.derived_from = 0;
        let wiring = context.network.wiring();
        let width = context.steps * wiring.outputs();
        for (k, y) in self.output.chunks_exact_mut(stored).enumerate() {
            let (present, absent) = y.split_at_mut(used);
            through_readout(present, |lane| by_outputs[(first + lane) * width + k], wiring.readout_activation());
            absent.fill(0.0);
        }
    }

    /// The loss does not depend on the outputs.
    pub(in crate::bptt) fn derive_nothing(&mut self, steps: usize) {
        self.derived_from = steps;
    }
}
