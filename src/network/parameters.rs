//! One vector per parameter: the values of a network, its gradients, or the moments of an optimizer.

use std::ops::{Index, IndexMut};

use daleian_kernels::Aligned;

use super::{ParameterId, Wiring};

/// One vector per parameter, in the order of the wiring's list: values, gradients or moments.
///
/// A vector is empty where there is nothing: gradients and moments of parameters that are not trained.
///
/// ```
/// # use daleian::connectome::{Connectome, ConnectionSpec, PopulationSpec, Sign};
/// # use daleian::network::Network;
/// use daleian::network::{BIAS, Parameters, READOUT};
/// # let connectome = Connectome::from_rules(&[PopulationSpec::new("exc", 9, Sign::Excitatory)], &[ConnectionSpec::all()], 1)?;
/// # let wiring = Network::builder(&connectome).input(1).readout(1).wiring()?;
/// let mut moments = Parameters::zeros(&wiring, |id| id != READOUT);
/// moments[BIAS][3] = 0.5;
/// assert_eq!([moments[BIAS].len(), moments[READOUT].len()], [9, 0]);
/// # Ok::<(), daleian::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parameters(Vec<Aligned>);

impl Parameters {
    /// Zeros for every parameter that is `wanted`, nothing for the others.
    pub fn zeros(wiring: &Wiring, wanted: impl Fn(ParameterId) -> bool) -> Self {
        let size = |id| if wanted(id) { wiring.size(id) } else { 0 };
        Self(wiring.parameter_ids().map(|id| Aligned::zeros(size(id))).collect())
    }

    /// Which parameters there are, whether their vectors are empty or not.
    pub fn ids(&self) -> impl Iterator<Item = ParameterId> + use<> {
        (0..self.0.len()).map(ParameterId::new)
    }

    /// The vectors of different parameters, all to be changed.
    ///
    /// # Panics
    /// If a parameter is named twice or is not there.
    pub fn several_mut<const K: usize>(&mut self, ids: [ParameterId; K]) -> [&mut Aligned; K] {
        self.0.get_disjoint_mut(ids.map(ParameterId::index)).expect("different parameters of this network")
    }

    /// The lengths of the vectors.
    pub fn sizes(&self) -> impl Iterator<Item = usize> {
        self.0.iter().map(|values| values.len())
    }

    /// Sets every element to zero.
    pub fn clear(&mut self) {
        self.0.iter_mut().for_each(|values| values.fill(0.0));
    }
}

impl Index<ParameterId> for Parameters {
    type Output = Aligned;

    fn index(&self, id: ParameterId) -> &Aligned {
        &self.0[id.index()]
    }
}

impl IndexMut<ParameterId> for Parameters {
    fn index_mut(&mut self, id: ParameterId) -> &mut Aligned {
        &mut self.0[id.index()]
    }
}
