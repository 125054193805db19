//! Which states a training step keeps, and which it computes twice to need less memory.
//!
//! The states of T steps take T slots of neurons · lanes · 4 bytes (and a cache line, where their number is even). With
//! fewer slots M, time is cut into segments. The states of the last stay from the forward pass; of the others the forward
//! pass keeps the states before them alone (of the first not even that: it starts from rest), and the backward pass
//! computes their states a second time, one segment at a time. What a segment restarted from is of no use to those before
//! it, so they have that slot too. With k such restarts the last two segments have L = M - k slots each, those before
//! L + 1, L + 2, ... M, and
//!
//!   T ≤ (k + 2) L + k (k + 1) / 2,    steps computed twice: T - L.
//!
//! So down to M = T / 2 as many steps are computed twice as there are slots too few. The least is about √(2 T) slots,
//! for at most one more forward pass: a third more time, as going back takes about twice as long as going forward.
//!
//! The states are the same bits the second time. A segment ends where a pass over the entries does that adds several
//! steps to the gradient, so that sums group as without segments, and no result depends on any of this.

use std::fmt;
use std::ops::Range;

use daleian_kernels::steps_per_pass;
use serde::Serialize;

use super::layout::Layout;
use super::plan::{Lanes, apart, groups_of};
use super::slots::Slots;
use crate::network::Wiring;

/// Segments of time: the states of one are in memory at a time, and are computed twice, but for the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Segments {
    /// Where they start, ascending from 0.
    starts: Vec<usize>,
    steps: usize,
    /// States in memory at a time.
    slots: usize,
}

impl Segments {
    /// One segment of all `steps`.
    pub(super) fn whole(steps: usize) -> Self {
        Self { starts: vec![0], steps, slots: steps }
    }

    /// As few steps computed twice as `slots` allow; `None` if there are too few slots.
    ///
    /// Segments end where a pass over the entries, of `pass` steps, does. While states are only passed by, `passing`
    /// slots (1 or 2) must be free of what is kept.
    fn within(steps: usize, slots: usize, pass: usize, passing: usize) -> Option<Self> {
        if slots >= steps {
            return Some(Self::whole(steps));
        }
        let passes = |slots: usize| slots - slots % pass;
        (0..slots).take_while(|restarts| slots - restarts >= passing).find_map(|restarts| {
            // the passes count from the last step, whose state no weight multiplies
            let mut left = steps - 1 - passes(slots - restarts - 1);
            let mut starts = vec![left];
            for k in (1..=restarts).rev() {
                let length = passes(slots - k);
                if length == 0 || left <= slots {
                    break;
                }
                left -= length;
                starts.push(left);
            }
            starts.push(0);
            starts.reverse();
            (left <= slots).then_some(Self { starts, steps, slots })
        })
    }

    /// With as few slots as can be.
    fn least(steps: usize, pass: usize, passing: usize) -> Self {
        let (mut too_few, mut enough) = (0, steps);
        while too_few + 1 < enough {
            let middle = too_few + (enough - too_few) / 2;
            match Self::within(steps, middle, pass, passing) {
                Some(_) => enough = middle,
                None => too_few = middle,
            }
        }
        Self::within(steps, enough, pass, passing).expect("all of them are enough")
    }

    /// Time steps.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// States in memory at a time.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// How many there are; 1 where every state is kept.
    pub fn count(&self) -> usize {
        self.starts.len()
    }

    /// Steps that are computed twice: all but those of the last segment.
    pub fn twice(&self) -> usize {
        self.starts[self.count() - 1]
    }

    /// The steps of segment `k`; its states are in slots from 0.
    pub(super) fn range(&self, k: usize) -> Range<usize> {
        self.starts[k]..self.starts.get(k + 1).copied().unwrap_or(self.steps)
    }

    /// The slot of the states that segment `k` restarts from, behind its own; `None` where it starts from rest or is
    /// not computed twice.
    pub(super) fn restart(&self, k: usize) -> Option<usize> {
        (k > 0 && k + 1 < self.count()).then(|| self.slots - k)
    }

    /// The slot where the states of step `t` are kept, if a segment restarts from them.
    pub(super) fn restart_after(&self, t: usize) -> Option<usize> {
        self.restart(self.starts.binary_search(&(t + 1)).ok()?)
    }
}

/// What a training step keeps in memory. No result depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Storage {
    /// Lane groups that go one after the other through the same memory.
    pub in_turn: usize,
    /// The states kept.
    pub segments: Segments,
    /// Columns whose states the gradient gathers from at a time: they decide how many steps a pass takes.
    columns: usize,
}

impl Storage {
    /// Every state of every step; lane groups that run apart have memory of their own, others need it one after the other.
    pub fn whole(wiring: &Wiring, batch: usize, steps: usize) -> Self {
        let groups = batch_groups(wiring, batch);
        let in_turn = if apart(wiring, groups) { 1 } else { groups.max(1) };
        Self { in_turn, segments: Segments::whole(steps), columns: columns(wiring, batch) }
    }

    /// Every state of every step of every lane group at once, for a loss of one's own: all go forward before one goes back.
    pub fn side_by_side(wiring: &Wiring, batch: usize, steps: usize) -> Self {
        Self { in_turn: 1, ..Self::whole(wiring, batch, steps) }
    }

    /// The fastest whose [bytes](Self::bytes) are at most `room`; `None` if that cannot be.
    ///
    /// Steps are computed twice first, as few as can be: that costs at most a third more time on any machine. Only
    /// where it is not enough lane groups take turns in the same memory, as few as can be: that leaves cores idle where
    /// there are many.
    pub fn within(wiring: &Wiring, batch: usize, steps: usize, room: u64) -> Option<Self> {
        let (pass, passing) = (pass(wiring, batch), passing(wiring));
        let whole = Self::whole(wiring, batch, steps);
        (whole.in_turn..=batch_groups(wiring, batch)).find_map(|in_turn| {
            let with = |segments| Self { in_turn, segments, columns: whole.columns };
            let least = with(Segments::least(steps, pass, passing));
            let least_bytes = least.bytes(wiring, batch);
            if least_bytes > room {
                return None;
            }
            // every further slot takes as much as another
            let slot = with(Segments { slots: 1, ..least.segments.clone() }).states(wiring, batch).max(1);
            let more = usize::try_from((room - least_bytes) / slot).unwrap_or(usize::MAX);
            Segments::within(steps, least.segments.slots.saturating_add(more), pass, passing).map(with)
        })
    }

    /// The one that takes the least memory.
    pub fn least(wiring: &Wiring, batch: usize, steps: usize) -> Self {
        let segments = Segments::least(steps, pass(wiring, batch), passing(wiring));
        Self { in_turn: batch_groups(wiring, batch).max(1), segments, columns: columns(wiring, batch) }
    }

    /// Bytes of all states, rates and δ.
    pub fn bytes(&self, wiring: &Wiring, batch: usize) -> u64 {
        self.states(wiring, batch).saturating_add(self.rates(wiring, batch))
    }

    /// Bytes of what is kept of each step.
    pub(super) fn states(&self, wiring: &Wiring, batch: usize) -> u64 {
        self.sum(wiring, batch, |sizes| sizes.kept())
    }

    /// Bytes of rates, δ and whatever else there is of a few steps.
    pub(super) fn rates(&self, wiring: &Wiring, batch: usize) -> u64 {
        self.sum(wiring, batch, |sizes| sizes.passing())
    }

    fn sum(&self, wiring: &Wiring, batch: usize, of: impl Fn(Sizes) -> u64) -> u64 {
        let groups = groups_of(wiring, batch);
        let sizes = groups.chunks(self.in_turn).map(|groups| of(self.sizes(wiring, groups)).saturating_mul(WORD));
        sizes.fold(0, u64::saturating_add)
    }

    /// What lane groups need that take turns in the same memory.
    pub(super) fn sizes(&self, wiring: &Wiring, groups: &[Lanes]) -> Sizes {
        let widest = |of: &dyn Fn(usize, u64) -> u64| {
            let sizes = groups
                .iter()
                .map(|group| of(group.stored, (wiring.neurons() as u64).saturating_mul(group.stored as u64)));
            sizes.max().unwrap_or(0)
        };
        let cell = wiring.dynamics();
        let kernels = cell.single().kernels;
        let slots = widest(&|_, size| Slots::elements(self.segments.slots, size));
        let size = widest(&|_, size| size);
        let only = |wanted: bool, elements: u64| if wanted { elements } else { 0 };
        Sizes {
            states: slots,
            memo: only(kernels.keeps_memo(), slots),
            rates: only(!kernels.sends_state(), size.saturating_mul(2)),
            delta: widest(&|lanes, size| Slots::elements(self.together(lanes) + 1, size)),
            carried: only(kernels.carries_back(), size),
            noise: only(cell.noise().is_some(), size),
        }
    }

    /// Steps that one pass over the entries adds to the gradient, for a lane group of `lanes`.
    pub(super) fn together(&self, lanes: usize) -> usize {
        steps_per_pass(self.columns, lanes)
    }
}

fn columns(wiring: &Wiring, batch: usize) -> usize {
    Layout::choose(wiring, batch).columns(wiring.neurons())
}

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let segments = &self.segments;
        match segments.count() {
            1 => write!(f, "the states of all {} steps are kept", segments.steps)?,
            count => write!(
                f,
                "{} states are kept for {} steps, which go back in {count} segments: {} steps are computed twice",
                segments.slots,
                segments.steps,
                segments.twice()
            )?,
        }
        match self.in_turn {
            1 => Ok(()),
            groups => write!(f, "; {groups} lane groups of the batch take turns in the same memory"),
        }
    }
}

/// Elements of the buffers of [`Workspace`](super::workspace::Workspace). Sizes beyond all memory stay at `u64::MAX`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sizes {
    pub states: u64,
    pub memo: u64,
    pub rates: u64,
    pub delta: u64,
    pub carried: u64,
    pub noise: u64,
}

impl Sizes {
    /// Of a lane group that runs forward only: nothing is kept.
    pub fn forward_only(wiring: &Wiring, group: Lanes) -> Self {
        let of = |rows: usize| (rows as u64).saturating_mul(group.stored as u64);
        let (cell, size) = (wiring.dynamics(), of(wiring.neurons()));
        Self {
            // nothing is behind the last
            states: Slots::elements(passing(wiring) - 1, size).saturating_add(size),
            rates: if cell.single().kernels.sends_state() { 0 } else { size.saturating_mul(2) },
            delta: of(wiring.outputs()),
            noise: if cell.noise().is_some() { size } else { 0 },
            ..Self::default()
        }
    }

    /// What is kept of each step.
    pub fn kept(&self) -> u64 {
        self.states.saturating_add(self.memo)
    }

    /// All else.
    pub fn passing(&self) -> u64 {
        [self.delta, self.carried, self.noise].into_iter().fold(self.rates, u64::saturating_add)
    }
}

/// Bytes of an `f32`.
const WORD: u64 = 4;

fn batch_groups(wiring: &Wiring, batch: usize) -> usize {
    groups_of(wiring, batch).len()
}

/// Steps after which every lane group has ended a pass over the entries: passes are of 1, 2 or 4 steps.
fn pass(wiring: &Wiring, batch: usize) -> usize {
    let columns = columns(wiring, batch);
    groups_of(wiring, batch).iter().map(|group| steps_per_pass(columns, group.stored)).max().unwrap_or(1)
}

/// Slots that states need which are only passed by: where a step reads states, it reads one and writes another.
pub(super) fn passing(wiring: &Wiring) -> usize {
    let kernels = wiring.dynamics().single().kernels;
    if kernels.sends_state() || kernels.reads_state() { 2 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn segments_by_hand() {
        let within =
            |steps, slots, pass, passing| Segments::within(steps, slots, pass, passing).map(|segments| segments.starts);
        assert_eq!(within(10, 10, 1, 1), Some(vec![0]));
        assert_eq!(within(10, 11, 4, 2), Some(vec![0]));
        // down to a half no more steps are computed twice than there are slots too few
        assert_eq!(within(10, 9, 1, 1), Some(vec![0, 1]));
        assert_eq!(within(10, 5, 1, 1), Some(vec![0, 5]));
        // one restart: 3 + 3 + 4
        assert_eq!(within(10, 4, 1, 1), Some(vec![0, 4, 7]));
        // two restarts: 4 + 3 + 2 + 2
        assert_eq!(within(11, 4, 1, 1), Some(vec![0, 4, 7, 9]));
        assert_eq!(within(7, 3, 1, 1), Some(vec![0, 3, 5]));
        assert_eq!(within(7, 3, 1, 2), Some(vec![0, 3, 5]));
        assert_eq!(within(8, 3, 1, 1), None);
        // passes of 4 steps, counted from the last step
        assert_eq!(within(10, 9, 4, 1), Some(vec![0, 1]));
        assert_eq!(within(10, 8, 4, 1), Some(vec![0, 5]));
        assert_eq!(within(10, 4, 4, 1), None);
        assert_eq!(Segments::least(10, 1, 1).slots, 4);
        assert_eq!(Segments::least(50, 1, 1).slots, 10);
        assert_eq!(Segments::least(1, 4, 2).slots, 1);
        assert_eq!(Segments::least(2, 1, 1).slots, 1);
        assert_eq!(Segments::least(2, 1, 2).slots, 2);
    }

    proptest! {
        #[test]
        fn segments_fit_and_end_with_a_pass(steps in 1usize..400, share in 0.0..1.1, pass in 0u32..3, passing in 1usize..3) {
            let (pass, slots) = (1 << pass, 1 + (share * steps as f64) as usize);
            let least = Segments::least(steps, pass, passing);
            prop_assert!(Segments::within(steps, least.slots - 1, pass, passing).is_none());
            let Some(segments) = Segments::within(steps, slots, pass, passing) else {
                prop_assert!(slots < least.slots);
                return Ok(());
            };
            prop_assert!(slots >= least.slots && segments.slots <= slots);
            let (mut next, count) = (0, segments.count());
            for k in 0..count {
                let range = segments.range(k);
                prop_assert!(range.start == next && !range.is_empty());
                prop_assert!(k == 0 || (steps - 1 - range.start) % pass == 0);
                // the restarts of this segment and those before it lie behind its states
                let lowest = (1..=k).filter_map(|k| segments.restart(k)).min().unwrap_or(segments.slots);
                prop_assert!(range.len() <= lowest);
                prop_assert!(count == 1 || k + 1 < count || lowest >= passing);
                prop_assert_eq!(segments.restart(k).is_some(), k > 0 && k + 1 < count);
                next = range.end;
            }
            prop_assert_eq!(next, steps);
            if pass == 1 && 2 * segments.slots >= steps && segments.slots >= passing {
                prop_assert_eq!(segments.twice(), steps - segments.slots);
            }
            // a slot more never costs
            let more = Segments::within(steps, slots + 1, pass, passing).unwrap();
            prop_assert!(more.twice() <= segments.twice());
        }
    }
}
