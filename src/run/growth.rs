//! Whether the weights at the start will blow activity up.

use crate::network::{ActivationName, Network, RECURRENT, leading_eigenvalue};

/// Growth over a trial from which on a start is warned of, as a power of ten.
const LIMIT: f64 = 6.0;

/// What to say of a network whose activity may grow by more than 10⁶ over `steps`: |λ|^steps, where λ is the leading
/// eigenvalue of W. Nothing where the activation bounds activity (tanh, sigmoid).
pub(super) fn warning(network: &Network, steps: usize) -> Option<String> {
    use ActivationName::{Identity, Relu, Sigmoid, Softplus, Tanh};
    match network.wiring().cell().activation {
        Tanh | Sigmoid => return None,
        Relu | Softplus | Identity => (),
    }
    let leading = leading_eigenvalue(network.wiring().recurrent(), &network.parameters()[RECURRENT]);
    let power = steps as f64 * leading.log10();
    (power > LIMIT).then(|| {
        format!(
            "the leading eigenvalue of the recurrent weights at the start is about {leading:.1}, so that activity may \
             grow about 10^{power:.0} times over {steps} steps; expected about 1 or less: set `balance = true` or a \
             smaller `gain` under [init]"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectome::{ConnectionSpec, Connectome, PopulationSpec, Sign};
    use crate::network::CellSpec;

    /// 16 neurons that excite each other, all weights 0.25: the leading eigenvalue is 4.
    fn network(activation: ActivationName) -> Network {
        let population = [PopulationSpec::new("e", 16, Sign::Excitatory)];
        let connectome = Connectome::from_rules(&population, &[ConnectionSpec::all()], 1).unwrap();
        let cell = CellSpec { activation, ..CellSpec::default() };
        let mut network = Network::builder(&connectome).cell(cell).input(1).readout(1).build().unwrap();
        network.parameter_mut(RECURRENT).fill(0.25);
        network
    }

    #[test]
    fn warns_where_activity_would_grow_a_million_times() {
        // 4^9 is 262144, 4^10 above a million
        assert_eq!(warning(&network(ActivationName::Relu), 9), None);
        let text = warning(&network(ActivationName::Relu), 50).unwrap();
        assert!(text.contains("about 4.0, so") && text.contains("10^30 times over 50 steps"), "{text}");
        assert!(warning(&network(ActivationName::Identity), 10).is_some());
        assert_eq!(warning(&network(ActivationName::Tanh), 50), None);
    }
}
