//! How a training step is cut up: by lanes, by rows, by time. Decided once, from sizes alone; by time
//! (see [`Storage`]), from the memory that there is too.
//!
//! Nothing here may depend on the number of threads: the plan fixes the order of every sum, and so the bits.

use daleian_kernels::{MAX_LANES, WIDTH};

use super::storage::Storage;
use crate::network::{ParameterName, Wiring};
use crate::sparse::{Partition, Transposed};

/// Lanes of one tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lanes {
    /// The first sample of the batch in this tile.
    pub first: usize,
    /// Samples in this tile.
    pub used: usize,
    /// Lanes stored: `used` rounded up to a multiple of 16.
    pub stored: usize,
}

/// How one step of training is cut up.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The tiles of a full batch.
    pub tiles: Vec<Lanes>,
    /// Whether each tile sums its own gradient, so that tiles run apart (else they run one after the other).
    pub apart: bool,
    /// The rows of W and U, cut for threads; `None` where a time step is too little work to share.
    pub forward: Option<Partition>,
    /// The rows of Wᵀ, cut for threads.
    pub backward: Option<Partition>,
    /// Which states are kept, and which tiles share memory; `None` where nothing runs backward.
    pub storage: Option<Storage>,
}

/// Gradients that tiles running apart may take in all, in bytes.
const APART_BYTES: usize = 32 << 20;
/// Multiply-adds over lanes below which a time step is not worth sharing among threads (about 20 µs of one core).
const SHARED_WORK: usize = 1 << 20;
/// Ranges that a matrix is cut into for threads.
const PARTS: usize = 64;

impl Plan {
    /// The plan for batches of `batch` samples; `transposed` (of W) and `storage` are left out where nothing runs
    /// backward.
    pub fn new(wiring: &Wiring, transposed: Option<&Transposed>, storage: Option<Storage>, batch: usize) -> Self {
        let tiles = cut(batch);
        let apart = apart(wiring, tiles.len());
        let widest = tiles.iter().map(|tile| tile.stored).max().unwrap_or(0);
        let shared = wiring.recurrent().nnz() * widest >= SHARED_WORK;
        // what is done once a neuron (activation, input) costs about as much as a handful of entries
        let overhead = 8;
        let forward = shared.then(|| Partition::balanced(&[wiring.recurrent(), wiring.input()], PARTS, overhead));
        let backward = transposed.filter(|_| shared);
        let backward = backward.map(|transposed| Partition::balanced(&[transposed.pattern()], PARTS, overhead));
        Self { tiles, apart, forward, backward, storage }
    }
}

/// Whether so many tiles sum gradients of their own.
pub(super) fn apart(wiring: &Wiring, tiles: usize) -> bool {
    let parameters: usize = ParameterName::ALL.iter().map(|&name| wiring.size(name)).sum();
    let bytes = tiles.saturating_mul(parameters).saturating_mul(size_of::<f32>());
    tiles > 1 && bytes <= APART_BYTES
}

/// Cuts a batch into tiles of at most 64 lanes, as even as vectors of 16 allow.
pub fn cut(batch: usize) -> Vec<Lanes> {
    let vectors = batch.div_ceil(WIDTH);
    let tiles = batch.div_ceil(MAX_LANES);
    let mut first = 0;
    (0..tiles)
        .map(|tile| {
            let stored = WIDTH * ((tile + 1) * vectors / tiles - tile * vectors / tiles);
            let lanes = Lanes { first, used: stored.min(batch - first), stored };
            first += lanes.used;
            lanes
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_by_hand() {
        let stored = |batch| cut(batch).iter().map(|tile| tile.stored).collect::<Vec<_>>();
        assert_eq!(stored(1), [16]);
        assert_eq!(stored(64), [64]);
        assert_eq!(stored(65), [32, 48]);
        assert_eq!(stored(200), [48, 48, 48, 64]);
        assert!(stored(0).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn tiles_hold_every_sample_once(batch in 0usize..1000) {
            let mut next = 0;
            for tile in cut(batch) {
                assert_eq!(tile.first, next);
                assert!(tile.used > 0 && tile.used <= tile.stored && tile.stored - tile.used < WIDTH);
                assert!(tile.stored <= MAX_LANES);
                next += tile.used;
            }
            assert_eq!(next, batch);
        }
    }
}
