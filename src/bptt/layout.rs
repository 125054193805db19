//! How W is laid out for the products of training: the one place that decides, from sizes alone.
//!
//! By rows, a synapse gathers the states of its presynaptic neuron from wherever the states of all neurons fit. In tiles
//! of columns (see [`Tiled`](daleian_kernels::Tiled)) it gathers from the first-level cache, or at least from the second.
//! That pays where a row has enough synapses in a tile to be worth the loading and storing of its sum.

use serde::Serialize;

use super::plan::widest;
use crate::network::Wiring;

/// How W is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Layout {
    /// As the network has it, row by row.
    Rows,
    /// In tiles of columns.
    Tiles {
        /// Columns of a tile.
        width: usize,
        /// Blocks of rows that threads share, about. No result depends on them.
        blocks: usize,
    },
}

/// Bytes of states that a product by rows may gather from: they stay in the first-level cache, or nearly.
const NEAR: usize = 40 << 10;
/// Bytes of states of a tile that stay in the first-level cache beside the entries that stream by.
const FIRST_LEVEL: usize = 32 << 10;
/// Columns of a tile at most: 16 lanes of them are 512 KiB.
const WIDEST: usize = 8192;
/// Synapses that a row should have in a tile, on average: with fewer, loading and storing its sum takes too much.
const ENTRIES: usize = 10;
/// Synapses a row below which tiles cannot pay: fewer than two tiles' worth.
const FEWEST: usize = 2 * ENTRIES;
/// How often a block should use the states of a tile that it has loaded.
const USES: usize = 40;
/// Rows that a block should have at least, so that runs of segments of equal length are long.
const FEWEST_ROWS: usize = 512;
/// Rows of a block below which no number of threads is worth another one: with a few rows, runs are one segment each.
const FEWEST_FOR_THREADS: usize = 64;
/// Rows that a block should have at most, so that their δ stay near too: 16 lanes of them are 1 MiB.
const MOST_ROWS: usize = 16_384;

impl Layout {
    /// The layout for training `wiring` on batches of `batch` samples.
    pub fn choose(wiring: &Wiring, batch: usize) -> Self {
        let (neurons, synapses) = (wiring.neurons(), wiring.recurrent().nnz());
        Self::of(neurons, synapses, widest(neurons, synapses, batch))
    }

    /// The layout for so many neurons and synapses, and tiles of up to `lanes` lanes.
    pub fn of(neurons: usize, synapses: usize, lanes: usize) -> Self {
        let row = lanes * size_of::<f32>();
        if neurons.saturating_mul(row) <= NEAR || synapses < FEWEST * neurons {
            return Self::Rows;
        }
        // columns in which a row has so many synapses on average
        let columns = |entries: usize| (entries * neurons).div_ceil(synapses.div_ceil(neurons));
        let width = columns(ENTRIES).min(WIDEST).max(FIRST_LEVEL / row);
        let tiles = neurons.div_ceil(width);
        let rows = columns(USES).clamp(FEWEST_ROWS, MOST_ROWS);
        let threads = rayon::current_num_threads();
        let blocks = neurons.div_ceil(rows).next_multiple_of(threads).min(neurons.div_ceil(FEWEST_FOR_THREADS));
        Self::Tiles { width: neurons.div_ceil(tiles), blocks }
    }

    /// Columns whose states the gradient gathers from at a time.
    pub fn columns(&self, neurons: usize) -> usize {
        match *self {
            Self::Rows => neurons,
            Self::Tiles { width, .. } => width,
        }
    }

    /// What it is, and why, for tiles of up to `lanes`.
    pub fn describe(&self, wiring: &Wiring, lanes: usize) -> String {
        let kib = |columns: usize| (columns * lanes * size_of::<f32>()).div_ceil(1 << 10);
        let all = kib(wiring.neurons());
        match *self {
            Self::Rows => format!(
                "W by rows, columns ascending; for the way back Wᵀ by rows, its values carried over each step: states of \
                 {all} KiB a time step are near, or rows too sparse for tiles"
            ),
            Self::Tiles { width, .. } => format!(
                "W and Wᵀ in {} tiles of {width} columns, of which a product gathers {} KiB of states at a time rather than \
                 {all}; row segments sorted by length; values carried over each step",
                wiring.neurons().div_ceil(width),
                kib(width)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn width(neurons: usize, synapses: usize, lanes: usize) -> Option<usize> {
        match Layout::of(neurons, synapses, lanes) {
            Layout::Rows => None,
            Layout::Tiles { width, blocks } => {
                assert!((1..=neurons.div_ceil(64)).contains(&blocks));
                Some(width)
            }
        }
    }

    #[test]
    fn widths_by_hand() {
        // 40 KiB of states are near; rows of 19 synapses are too short for tiles
        assert_eq!(width(128, 128 * 128, 64), None);
        assert_eq!(width(640, 640 * 640, 16), None);
        assert_eq!(width(641, 641 * 641, 16), Some(321));
        assert_eq!(width(16_384, 19 * 16_384, 16), None);
        // 72 synapses a row are 10 in 200 columns, 288 are 10 in 50: but 128 are near with 64 lanes
        assert_eq!(width(1440, 72 * 1440, 64), Some(180));
        assert_eq!(width(1440, 288 * 1440, 64), Some(120));
        // 205 a row are 10 in 200 columns; 256 are 32 KiB with 32 lanes
        assert_eq!(width(4096, 205 * 4096, 32), Some(256));
        // 164 a row are 10 in 999 columns: 17 tiles
        assert_eq!(width(16_384, 164 * 16_384, 16), Some(964));
        // no wider than 8,192 columns: 17 tiles
        assert_eq!(width(139_000, 109 * 139_000, 16), Some(8177));
        assert_eq!(width(usize::MAX >> 40, usize::MAX >> 40, 64), None);
    }

    #[test]
    fn at_least_two_tiles() {
        assert_eq!(width(2000, 20 * 2000, 16), Some(1000));
        assert_eq!(width(2000, 40 * 2000, 16), Some(500));
        assert_eq!(Layout::of(0, 0, 0), Layout::Rows);
    }
}
