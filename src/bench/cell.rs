//! A size of network and batch to measure.

use std::str::FromStr;

use crate::error::{Error, Result};

/// A size of network and batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// Neurons n.
    pub neurons: usize,
    /// Probability of a synapse between two neurons, above 0 and at most 1.
    pub density: f64,
    /// Samples in a batch.
    pub lanes: usize,
    /// Time steps of a sample.
    pub steps: usize,
}

const fn cell(neurons: usize, density: f64, lanes: usize, steps: usize) -> Cell {
    Cell { neurons, density, lanes, steps }
}

/// The cells that are always measured: small and full, medium, large and sparse.
pub const TABLE: [Cell; 8] = [
    cell(128, 1.0, 200, 50),
    cell(128, 0.1, 200, 50),
    cell(1440, 0.05, 200, 7),
    cell(1440, 0.2, 200, 7),
    cell(1000, 0.1, 32, 50),
    cell(4096, 0.01, 32, 20),
    cell(4096, 0.05, 32, 20),
    cell(16384, 0.01, 16, 10),
];

/// Densities from 0.5 % to 100 % for a few sizes, the cheapest size first.
pub fn sweep() -> impl Iterator<Item = Cell> {
    const DENSITIES: [f64; 8] = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0];
    let sizes = [(128, 16, 50), (128, 200, 50), (1440, 32, 7), (1440, 200, 7), (4096, 32, 20)];
    sizes.into_iter().flat_map(|(neurons, lanes, steps)| DENSITIES.map(|density| cell(neurons, density, lanes, steps)))
}

impl Cell {
    /// `n=1440 5% B=200 T=7`.
    pub fn name(&self) -> String {
        let Self { neurons, density, lanes, steps } = self;
        // as many digits as it was typed with, not those that 100 x adds
        let percent = format!("{:.6}", density * 100.0);
        format!("n={neurons} {}% B={lanes} T={steps}", percent.trim_end_matches('0').trim_end_matches('.'))
    }

    /// The synapses to expect.
    pub fn synapses(&self) -> f64 {
        (self.neurons as f64).powi(2) * self.density
    }

    /// Bytes that the sparse side takes, roughly: 48 a synapse while it is made, and the states.
    pub fn bytes(&self) -> u128 {
        let lanes = self.lanes as u128 + 64;
        self.synapses() as u128 * 48 + 4 * lanes * (self.steps as u128 + 8) * (self.neurons as u128 + 8)
    }

    /// Floating-point operations of the three products of a step over `entries` of W; they begin at the second time
    /// step.
    pub fn flops(&self, entries: f64) -> f64 {
        2.0 * entries * self.lanes as f64 * (self.steps - 1) as f64 * 3.0
    }

    /// Seconds that a step takes, sparse and dense, on a core that is slow for today: 20 and 30 GFLOP/s, 2 GB/s.
    pub fn estimate(&self, threads: usize) -> [f64; 2] {
        let states = (self.neurons * self.lanes * self.steps) as f64 * 4.0;
        let step = |entries: f64, rate: f64| {
            self.flops(entries) / (rate * threads as f64) + (entries * 28.0 + states * 6.0) / 2e9 + 1e-4
        };
        [step(self.synapses(), 20e9), step((self.neurons as f64).powi(2), 30e9)]
    }
}

impl FromStr for Cell {
    type Err = Error;

    /// `n,density,lanes,steps`, as in `1440,0.05,200,7`.
    ///
    /// # Errors
    /// [`Error::Setting`] with the key `--cell` if there are not four numbers, or one is out of range.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = |problem: &str| Error::setting("--cell", format!("{text}: {problem}"));
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let [neurons, density, lanes, steps] = parts[..] else {
            return Err(wrong("expected n,density,lanes,steps, as in 1440,0.05,200,7"));
        };
        let whole = |name: &str, text: &str, least: usize, most: usize| {
            let number = text.parse().ok().filter(|number| (least..=most).contains(number));
            number.ok_or_else(|| wrong(&format!("{name} is `{text}`; expected a whole number from {least} to {most}")))
        };
        let neurons = whole("n", neurons, 2, u32::MAX as usize)?;
        let share = density.parse().ok().filter(|&density: &f64| density > 0.0 && density <= 1.0);
        let density = share.ok_or_else(|| wrong(&format!("density is `{density}`; expected above 0 and at most 1")))?;
        let lanes = whole("lanes", lanes, 1, 1 << 20)?;
        let steps = whole("steps", steps, 1, 1 << 20)?;
        let cell = Self { neurons, density, lanes, steps };
        if cell.synapses() < 1.0 {
            return Err(wrong(&format!(
                "no synapse is to be drawn; expected a density of at least {:e}",
                1.0 / (neurons as f64).powi(2)
            )));
        }
        Ok(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read() {
        assert_eq!("1440,0.05,200,7".parse::<Cell>().unwrap(), cell(1440, 0.05, 200, 7));
        assert_eq!(" 2 , 1 , 1 , 1 ".parse::<Cell>().unwrap(), cell(2, 1.0, 1, 1));
        assert_eq!("1440,0.005,200,7".parse::<Cell>().unwrap().name(), "n=1440 0.5% B=200 T=7");
        assert_eq!(cell(128, 1.0, 2, 3).name(), "n=128 100% B=2 T=3");
    }

    #[test]
    fn wrong_cells_are_refused_with_what_is_expected() {
        for (text, want) in [
            ("", "expected n,density,lanes,steps"),
            ("0,2,x", "expected n,density,lanes,steps"),
            ("0,0.5,1,1", "n is `0`; expected a whole number from 2 to"),
            ("8,2,1,1", "density is `2`; expected above 0 and at most 1"),
            ("8,NaN,1,1", "density is `NaN`; expected above 0"),
            ("8,0.5,x,1", "lanes is `x`; expected a whole number from 1 to"),
            ("8,0.5,1,0", "steps is `0`; expected a whole number from 1 to"),
            ("8,1e-9,1,1", "expected a density of at least 1.5625e-2"),
        ] {
            let error = text.parse::<Cell>().unwrap_err().to_string();
            assert!(error.contains(want) && error.contains("--cell") && error.contains(text), "{error}");
        }
    }

    #[test]
    fn operations_by_hand() {
        // forward, adjoint and gradient of 10 entries, 2 lanes, from the second of 4 steps on
        assert_eq!(cell(10, 0.1, 2, 4).flops(10.0), 360.0);
        // 100 synapses would be 4,800 bytes; the largest cell that can be typed does not overflow
        assert!(cell(10, 1.0, 1, 1).bytes() > 4800);
        assert!(cell(u32::MAX as usize, 1.0, 1 << 20, 1 << 20).bytes() > 1 << 70);
    }

    #[test]
    fn the_sweep_spans_the_densities() {
        let cells: Vec<Cell> = sweep().collect();
        assert_eq!(cells.len(), 40);
        assert!(cells.iter().all(|cell| (0.005..=1.0).contains(&cell.density)));
    }
}
