//! Two optimizers that only tests know, with three moments and with none: whatever works with these asks no optimizer how
//! many moments it has by name.

use daleian_kernels::{Bounds, Isa, SgdStep, sgd};
use serde::{Deserialize, Serialize};

use super::{Optimizer, OptimizerSpec, OptimizerState, Update, clip};
use crate::connectome::{Connectome, NeuronTable, PopulationSpec, Sign};
use crate::error::Result;
use crate::network::{Network, Parameters, READOUT_BIAS, RECURRENT};
use crate::sparse::Pattern;

/// Steps by the mean of the last three gradients, which are its moments.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Averaged {
    pub learning_rate: f64,
}

/// Gradient descent that keeps nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Plain {
    pub learning_rate: f64,
}

impl Optimizer for Averaged {
    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn moments(&self) -> usize {
        3
    }

    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn step(&self, isa: Isa, update: &Update, w: &mut [f32], g: &[f32], moments: &mut [&mut [f32]], bounds: Bounds) {
        let [a, b, c] = moments else { panic!("three moments") };
        let mut mean = vec![0.0; g.len()];
        for (k, &g) in g.iter().enumerate() {
            (a[k], b[k], c[k]) = (b[k], c[k], g);
            mean[k] = (a[k] + b[k] + c[k]) / 3.0;
        }
        let step = SgdStep { rate: update.rate as f32, momentum: 0.0, gradient_scale: update.gradient_scale as f32 };
        sgd(isa, &step, w, &mean, &mut vec![0.0; g.len()], bounds);
    }
}

impl Optimizer for Plain {
    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn moments(&self) -> usize {
        0
    }

    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn step(&self, isa: Isa, update: &Update, w: &mut [f32], g: &[f32], moments: &mut [&mut [f32]], bounds: Bounds) {
        assert!(moments.is_empty());
        let step = SgdStep { rate: update.rate as f32, momentum: 0.0, gradient_scale: update.gradient_scale as f32 };
        sgd(isa, &step, w, g, &mut vec![0.0; g.len()], bounds);
    }
}

#[test]
fn clip_by_hand() {
    assert_eq!(clip(4.0, 1.0), 0.25);
    assert_eq!(clip(0.5, 1.0), 1.0);
}

/// Two steps by hand: of W with gradient 3 and then 6, and half the rate, of the readout's bias with the whole; b is not trained.
#[test]
fn any_number_of_moments_by_hand() {
    let populations = [PopulationSpec::new("free", 1, Sign::Unconstrained)];
    let connectome =
        Connectome::new(NeuronTable::from_populations(&populations).unwrap(), Pattern::dense(1, 1), None).unwrap();
    for (optimizer, moments, want) in [
        (OptimizerSpec::Averaged(Averaged { learning_rate: 1.0 }), 3, [10.0 - 0.5 - 1.5, 10.0 - 1.0 - 3.0]),
        (OptimizerSpec::Plain(Plain { learning_rate: 1.0 }), 0, [10.0 - 1.5 - 3.0, 10.0 - 3.0 - 6.0]),
    ] {
        let mut network = Network::builder(&connectome).input(1).readout(1).build().unwrap();
        let trained = [RECURRENT, READOUT_BIAS];
        let mut state = OptimizerState::new(optimizer, network.wiring(), &trained);
        assert_eq!(state.moments.len(), moments);
        assert!(
            state.fits(&state.clone()) && !state.fits(&OptimizerState { updates: 0, moments: vec![] }) || moments == 0
        );
        let mut gradients = Parameters::zeros(network.wiring(), |id| trained.contains(&id));
        trained.iter().for_each(|&id| network.parameter_mut(id).fill(10.0));
        let others = network.parameters().clone();
        for gradient in [3.0, 6.0] {
            trained.iter().for_each(|&id| gradients[id].fill(gradient));
            let rate = |id| if id == RECURRENT { 0.5 } else { 1.0 };
            state.step(Isa::available()[0], optimizer, &mut network, &gradients, 1.0, rate, |_, _| Bounds::Free);
        }
        assert_eq!(state.updates, 2);
        assert_eq!(trained.map(|id| network.parameters()[id][0]), want);
        for id in others.ids().filter(|id| !trained.contains(id)) {
            assert_eq!(network.parameters()[id], others[id]);
        }
    }
}
