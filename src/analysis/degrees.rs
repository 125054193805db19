//! How many synapses neurons receive (entries of a row of W) and send (entries of a column).

use serde::Serialize;

use crate::sparse::Pattern;

/// Synapses a neuron, over all neurons. All 0 where there is no neuron.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Degrees {
    /// The fewest.
    pub min: usize,
    /// The median; of an even number of neurons the mean of the two in the middle.
    pub median: f64,
    /// The most.
    pub max: usize,
}

impl Degrees {
    fn of(mut counts: Vec<usize>) -> Self {
        counts.sort_unstable();
        let (Some(&min), Some(&max)) = (counts.first(), counts.last()) else { return Self::default() };
        let (below, above) = (counts[(counts.len() - 1) / 2], counts[counts.len() / 2]);
        Self { min, median: (below + above) as f64 / 2.0, max }
    }
}

/// Synapses that neurons receive.
pub fn in_degrees(pattern: &Pattern) -> Degrees {
    Degrees::of((0..pattern.rows()).map(|row| pattern.entries(row).len()).collect())
}

/// Synapses that neurons send.
pub fn out_degrees(pattern: &Pattern) -> Degrees {
    let mut counts = vec![0; pattern.cols()];
    pattern.indices().iter().for_each(|&col| counts[col as usize] += 1);
    Degrees::of(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degrees_by_hand() {
        // rows of 3, 0, 1 and 2 entries; columns of 3, 1, 2 and 0
        let pattern = Pattern::new(4, 4, vec![0, 3, 3, 4, 6], vec![0, 1, 2, 0, 0, 2]).unwrap();
        assert_eq!(in_degrees(&pattern), Degrees { min: 0, median: 1.5, max: 3 });
        assert_eq!(out_degrees(&pattern), Degrees { min: 0, median: 1.5, max: 3 });
        let odd = Pattern::new(3, 2, vec![0, 2, 2, 3], vec![0, 1, 1]).unwrap();
        assert_eq!(in_degrees(&odd), Degrees { min: 0, median: 1.0, max: 2 });
        assert_eq!(out_degrees(&odd), Degrees { min: 1, median: 1.5, max: 2 });
        assert_eq!(in_degrees(&Pattern::empty(0, 0)), Degrees::default());
    }
}
