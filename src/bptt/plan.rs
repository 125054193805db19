//! How a training step is cut up: by lanes, by rows, by time. Decided once, from sizes alone; by time
//! (see [`Storage`]), from the memory that there is too.
//!
//! Nothing here may depend on the number of threads: the plan fixes the order of every sum, and so the bits.

use std::ops::Range;

use daleian_kernels::{MAX_LANES, WIDTH};
use serde::Serialize;

use super::layout::Layout;
use super::storage::Storage;
use crate::network::Wiring;
use crate::sparse::{Partition, Pattern};

/// Lanes of one lane group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lanes {
    /// The first sample of the batch in this lane group.
    pub first: usize,
    /// Samples in this lane group.
    pub used: usize,
    /// Lanes stored: `used` rounded up to a multiple of 16.
    pub stored: usize,
}

/// How one step of training is cut up.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The lane groups of a full batch.
    pub groups: Vec<Lanes>,
    /// Whether each lane group sums its own gradient, so that lane groups run apart (else they run one after the other).
    pub apart: bool,
    /// How W is laid out for its products.
    pub layout: Layout,
    /// Whether a time step is work enough to share among threads.
    pub shared: bool,
    /// The rows of W and U, cut for threads, where time steps are shared and W is taken row by row.
    pub forward: Option<Partition>,
    /// The rows of Wᵀ, cut in the same way.
    pub backward: Option<Partition>,
    /// Which states are kept, and which lane groups share memory; `None` where nothing runs backward.
    pub storage: Option<Storage>,
}

/// Gradients that lane groups running apart may take in all, in bytes.
const APART_BYTES: usize = 32 << 20;
/// Multiply-adds over lanes below which a time step is not worth sharing among threads (about 10 µs of one core).
const SHARED_WORK: usize = 1 << 19;
/// Multiply-adds over lanes of a range of rows that is handed to a thread, at least.
const PART_WORK: usize = 1 << 17;
/// Ranges that a matrix is cut into for threads, at most.
const PARTS: usize = 64;

impl Plan {
    /// The plan for batches of `batch` samples; the pattern of Wᵀ (where W is taken row by row) and `storage` are left out
    /// where nothing runs backward.
    pub fn new(wiring: &Wiring, transposed: Option<&Pattern>, storage: Option<Storage>, batch: usize) -> Self {
        let groups = groups_of(wiring, batch);
        let apart = apart(wiring, groups.len());
        let widest = groups.iter().map(|group| group.stored).max().unwrap_or(0);
        let work = wiring.recurrent().nnz() * widest;
        let (shared, parts) = (work >= SHARED_WORK, ranges(work));
        // running forward only takes W as the network has it: another copy would cost more memory than it is worth
        let layout = if storage.is_some() { Layout::choose(wiring, batch) } else { Layout::Rows };
        // what is done once a neuron (activation, input) costs about as much as a handful of entries
        let overhead = 8;
        let by_rows = shared && layout == Layout::Rows;
        let forward = by_rows.then(|| Partition::balanced(&[wiring.recurrent(), wiring.input()], parts, overhead));
        let backward = transposed.filter(|_| by_rows);
        let backward = backward.map(|transposed| Partition::balanced(&[transposed], parts, overhead));
        Self { groups, apart, layout, shared, forward, backward, storage }
    }

    /// Lane groups that pass through the same memory, one after the other.
    pub(super) fn in_turn(&self) -> usize {
        self.storage.as_ref().map_or(1, |storage| storage.in_turn)
    }

    /// What was decided for training on `wiring`, and why.
    pub fn summary(&self, wiring: &Wiring) -> PlanSummary {
        let groups: Vec<usize> = self.groups.iter().map(|group| group.stored).collect();
        let widest = groups.iter().copied().max().unwrap_or(0);
        let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
        let (gradients, room) = (mib(gradient_bytes(wiring, groups.len())), mib(APART_BYTES));
        let order = match (groups.len(), self.apart) {
            (0 | 1, _) => format!("one lane group holds the batch, as it has at most {widest} lanes"),
            (count, true) => format!(
                "lane groups run apart, each with a gradient of its own: {count} take {gradients:.1} MiB, of at most {room}"
            ),
            (count, false) => format!(
                "lane groups run one after the other into one gradient: {count} would take {gradients:.1} MiB, more than {room}"
            ),
        };
        let work = format!("{} synapses × {widest} lanes", wiring.recurrent().nnz());
        let parts = match self.layout {
            Layout::Rows => ranges(wiring.recurrent().nnz() * widest),
            Layout::Tiles { blocks, .. } => blocks,
        };
        let rows = match (self.shared, self.apart) {
            (true, true) => {
                format!(
                    "rows are cut into {parts} parts, shared where threads outnumber the lane groups left: {work} a time step"
                )
            }
            (true, false) => format!("rows are cut into {parts} parts, shared by all threads: {work} a time step"),
            (false, _) => format!("rows stay whole: {work} a time step are fewer than {SHARED_WORK}, too few to share"),
        };
        let layout = self.layout.describe(wiring, widest);
        let state_bytes = wiring.neurons() * widest * size_of::<f32>();
        let (apart, rows_cut) = (self.apart, self.shared);
        PlanSummary { groups, apart, order, rows_cut, rows, layout, state_bytes }
    }
}

/// A [`Plan`] in numbers and words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanSummary {
    /// Lanes stored of each lane group.
    pub groups: Vec<usize>,
    /// Whether each lane group sums a gradient of its own.
    pub apart: bool,
    /// In which order lane groups run, and why.
    pub order: String,
    /// Whether the rows of W are cut for threads.
    pub rows_cut: bool,
    /// Why they are or not.
    pub rows: String,
    /// How the weights are stored.
    pub layout: String,
    /// Rates of all neurons at one time step in the widest lane group: what a product with W gathers from, in bytes.
    pub state_bytes: usize,
}

/// Ranges that a matrix is cut into, of so many multiply-adds over lanes in all.
fn ranges(work: usize) -> usize {
    (work / PART_WORK).clamp(1, PARTS)
}

/// Whether so many lane groups sum gradients of their own.
pub(super) fn apart(wiring: &Wiring, groups: usize) -> bool {
    groups > 1 && gradient_bytes(wiring, groups) <= APART_BYTES
}

/// Bytes that so many gradients take.
fn gradient_bytes(wiring: &Wiring, groups: usize) -> usize {
    let parameters: usize = wiring.parameter_ids().map(|id| wiring.size(id)).sum();
    groups.saturating_mul(parameters).saturating_mul(size_of::<f32>())
}

/// States of one time step, in bytes, beyond which a lane group takes [`FEWER_LANES`]: they would fill the second-level cache.
const WIDE_BYTES: usize = 768 << 10;
/// Lanes of a lane group of many neurons: narrower ones would spend more on the index than they win.
const FEWER_LANES: usize = 32;

/// Multiply-adds over lanes of a time step between which one lane group is better cut into two: two cores that share a time
/// step wait for each other's states, and what this takes is seen where the step is short; but there must be work enough
/// to wake a thread once. (One thread alone is slower with two: by a tenth to a quarter. But no bit may depend on threads.)
const HALVED_WORK: Range<usize> = 1 << 16..1 << 23;

/// Cuts a batch for a network of so many neurons and synapses into lane groups of at most 64 lanes, or 32 where there are many
/// neurons, as even as vectors of 16 allow.
pub fn cut(neurons: usize, synapses: usize, batch: usize) -> Vec<Lanes> {
    let wide = neurons.saturating_mul(MAX_LANES * size_of::<f32>()) <= WIDE_BYTES;
    let vectors = batch.div_ceil(WIDTH);
    let mut groups = batch.div_ceil(if wide { MAX_LANES } else { FEWER_LANES });
    if groups == 1 && vectors > 1 && HALVED_WORK.contains(&synapses.saturating_mul(vectors * WIDTH)) {
        groups = 2;
    }
    let mut first = 0;
    (0..groups)
        .map(|group| {
            let stored = WIDTH * ((group + 1) * vectors / groups - group * vectors / groups);
            let lanes = Lanes { first, used: stored.min(batch - first), stored };
            first += lanes.used;
            lanes
        })
        .collect()
}

/// The lane groups of a batch on `wiring`: see [`cut`].
pub(super) fn groups_of(wiring: &Wiring, batch: usize) -> Vec<Lanes> {
    cut(wiring.neurons(), wiring.recurrent().nnz(), batch)
}

/// Lanes stored of the widest lane group of such a batch; 0 of an empty one.
pub fn widest(neurons: usize, synapses: usize, batch: usize) -> usize {
    cut(neurons, synapses, batch).iter().map(|group| group.stored).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_by_hand() {
        let stored = |batch| cut(1440, 288 * 1440, batch).iter().map(|group| group.stored).collect::<Vec<_>>();
        assert_eq!(stored(1), [16]);
        assert_eq!(stored(64), [64]);
        assert_eq!(stored(65), [32, 48]);
        assert_eq!(stored(200), [48, 48, 48, 64]);
        assert!(stored(0).is_empty());
        let many = |batch| cut(4096, 205 * 4096, batch).iter().map(|group| group.stored).collect::<Vec<_>>();
        assert_eq!([many(32), many(64), many(70)], [vec![32], vec![32, 32], vec![16, 32, 32]]);
        // a short time step is better run twice than shared, but not a very short one
        let short = |synapses, batch| cut(1000, synapses, batch).len();
        assert_eq!([short(100_000, 16), short(100_000, 32), short(100_000, 64)], [1, 2, 2]);
        assert_eq!([short(2000, 32), short(2048, 32), short((1 << 18) - 1, 32), short(1 << 18, 32)], [1, 2, 2, 1]);
    }

    #[test]
    fn summaries_say_what_was_decided() {
        use crate::connectome::{ConnectionSpec, Connectome, PopulationSpec, Sign};
        use crate::network::Network;
        let summary = |neurons, batch| {
            let populations = [PopulationSpec::new("exc", neurons, Sign::Excitatory)];
            let connectome = Connectome::from_rules(&populations, &[ConnectionSpec::all()], 1).unwrap();
            let wiring = Network::builder(&connectome).input(1).readout(1).wiring().unwrap();
            Plan::new(&wiring, None, None, batch).summary(&wiring)
        };
        let small = summary(4, 20);
        assert_eq!((&small.groups[..], small.apart, small.rows_cut, small.state_bytes), (&[32][..], false, false, 512));
        assert!(
            small.order.starts_with("one lane group") && small.rows.contains("16 synapses × 32 lanes"),
            "{small:?}"
        );
        let several = summary(4, 65);
        assert_eq!((&several.groups[..], several.apart, several.state_bytes), (&[32, 48][..], true, 768));
        assert!(several.order.starts_with("lane groups run apart"), "{several:?}");
        // two gradients of 2,100² numbers and a few more
        let large = summary(2100, 65);
        assert_eq!((large.apart, large.rows_cut), (false, true));
        assert!(large.order.ends_with("2 would take 33.7 MiB, more than 32"), "{large:?}");
        assert!(large.rows.contains("shared by all threads: 4410000 synapses × 48 lanes"), "{large:?}");
    }

    /// A small network is one thread's work: nothing of its step waits for another thread.
    #[test]
    fn small_networks_are_not_shared() {
        use crate::connectome::{ConnectionSpec, Connectome, PopulationSpec, Sign};
        use crate::network::Network;
        let population = [PopulationSpec::new("exc", 128, Sign::Excitatory)];
        let connectome = Connectome::from_rules(&population, &[ConnectionSpec::all()], 1).unwrap();
        let wiring = Network::builder(&connectome).input(1).readout(1).wiring();
        let wiring = wiring.unwrap();
        let transposed = crate::sparse::Transposed::new(wiring.recurrent());
        for batch in 1..=16 {
            let plan = Plan::new(&wiring, Some(transposed.pattern()), Some(Storage::whole(&wiring, batch, 3)), batch);
            assert_eq!(plan.groups.len(), 1);
            assert!(!plan.apart && plan.forward.is_none() && plan.backward.is_none());
        }
    }

    proptest::proptest! {
        #[test]
        fn tiles_hold_every_sample_once(neurons in 1usize..9000, synapses in 0usize..1 << 21, batch in 0usize..1000) {
            let mut next = 0;
            for group in cut(neurons, synapses, batch) {
                assert_eq!(group.first, next);
                assert!(group.used > 0 && group.used <= group.stored && group.stored - group.used < WIDTH);
                assert!(group.stored <= MAX_LANES);
                next += group.used;
            }
            assert_eq!(next, batch);
        }
    }
}
