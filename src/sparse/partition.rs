//! Rows cut into ranges of about the same work, and loops over them on all threads.

use std::hint::spin_loop;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::Pattern;

/// A fixed cut of the rows of one or more matrices into consecutive ranges of about the same number of entries.
///
/// The cut depends on the structure and the number of parts alone.
#[derive(Debug, Clone)]
pub struct Partition {
    bounds: Vec<usize>,
}

impl Partition {
    /// Cuts the rows into at most `parts` ranges. A row costs its entries in all `patterns` plus `overhead` (what
    /// is done once a row, in units of an entry).
    ///
    /// # Panics
    /// If `parts` is 0, if there is no pattern, or if the patterns differ in their rows.
    pub fn balanced(patterns: &[&Pattern], parts: usize, overhead: usize) -> Self {
        assert!(parts > 0, "at least one part");
        let rows = patterns[0].rows();
        assert!(patterns.iter().all(|pattern| pattern.rows() == rows), "patterns with the same rows");
        Self::cut(rows, parts, |row| {
            patterns.iter().map(|pattern| pattern.indptr()[row]).sum::<usize>() + row * overhead
        })
    }

    /// At most `parts` ranges of `rows` rows, the first `row` of which cost `cost(row)`.
    fn cut(rows: usize, parts: usize, cost: impl Fn(usize) -> usize) -> Self {
        let total = cost(rows);
        let mut bounds = vec![0];
        let mut row = 0;
        for part in 1..parts {
            let goal = (total as u128 * part as u128 / parts as u128) as usize;
            while row < rows && cost(row) < goal {
                row += 1;
            }
            if row > *bounds.last().expect("never empty") && row < rows {
                bounds.push(row);
            }
        }
        bounds.push(rows);
        Self { bounds }
    }

    /// As [`balanced`](Self::balanced), into as many more parts as it takes for none to have more than `most` rows.
    ///
    /// # Panics
    /// As [`balanced`](Self::balanced), or if `most` is 0.
    pub fn balanced_within(patterns: &[&Pattern], parts: usize, overhead: usize, most: usize) -> Self {
        Self::within(patterns[0].rows(), parts, most, |parts| Self::balanced(patterns, parts, overhead))
    }

    /// As [`balanced_within`](Self::balanced_within), of the columns of one pattern.
    ///
    /// # Panics
    /// As [`balanced_within`](Self::balanced_within).
    pub fn balanced_columns(pattern: &Pattern, parts: usize, overhead: usize, most: usize) -> Self {
        let mut before = vec![0usize; pattern.cols() + 1];
        for &col in pattern.indices() {
            before[col as usize + 1] += 1;
        }
        for col in 0..pattern.cols() {
            before[col + 1] += before[col] + overhead;
        }
        Self::within(pattern.cols(), parts, most, |parts| Self::cut(pattern.cols(), parts, |col| before[col]))
    }

    fn within(rows: usize, parts: usize, most: usize, cut: impl Fn(usize) -> Self) -> Self {
        assert!(parts > 0 && most > 0, "at least one part, and room for a row");
        let mut parts = parts.max(rows.div_ceil(most));
        loop {
            let ranges = cut(parts);
            if (0..ranges.parts()).all(|part| ranges.rows(part).len() <= most) {
                return ranges;
            }
            parts *= 2;
        }
    }

    /// `count` ranges of one each.
    pub fn singles(count: usize) -> Self {
        Self { bounds: (0..=count).collect() }
    }

    /// Number of ranges.
    pub fn parts(&self) -> usize {
        self.bounds.len() - 1
    }

    /// The rows of range `part`.
    pub fn rows(&self, part: usize) -> Range<usize> {
        self.bounds[part]..self.bounds[part + 1]
    }

    /// The range that starts with `row`; where there is none, the one after it.
    pub fn part(&self, row: usize) -> usize {
        self.bounds.partition_point(|&start| start < row)
    }

    /// The first row of each range, and behind them the number of rows.
    pub fn bounds(&self) -> &[usize] {
        &self.bounds
    }

    /// Calls `work(rows, outputs)` for every range, on all threads of the current rayon pool. Each output is split
    /// with the rows, `cut(k, row)` saying where row `row` starts in output `k`. Nothing is allocated.
    pub fn for_each<T: Send, const K: usize>(
        &self,
        outputs: [&mut [T]; K],
        cut: &(impl Fn(usize, usize) -> usize + Sync),
        work: &(impl Fn(&Range<usize>, [&mut [T]; K]) + Sync),
    ) {
        self.split(0..self.parts(), outputs, cut, work);
    }

    fn split<T: Send, const K: usize>(
        &self,
        parts: Range<usize>,
        outputs: [&mut [T]; K],
        cut: &(impl Fn(usize, usize) -> usize + Sync),
        work: &(impl Fn(&Range<usize>, [&mut [T]; K]) + Sync),
    ) {
        if parts.len() == 1 {
            return work(&self.rows(parts.start), outputs);
        }
        let middle = parts.start + parts.len() / 2;
        let (start, split) = (self.bounds[parts.start], self.bounds[middle]);
        let mut right: [&mut [T]; K] = std::array::from_fn(|_| Default::default());
        let mut left = outputs;
        for k in 0..K {
            let at = cut(k, split) - cut(k, start);
            (left[k], right[k]) = std::mem::take(&mut left[k]).split_at_mut(at);
        }
        join(|| self.split(parts.start..middle, left, cut, work), || self.split(middle..parts.end, right, cut, work));
    }
}

/// How long a thread stays awake for what others are about to finish: several times what waking takes (20 to 60 µs).
const AWAKE: Duration = Duration::from_micros(300);

/// Turns of a waiting loop (a µs to four) after which the thread looks at the clock and lets others have its core.
const TURNS: usize = 64;

/// Returns when `waits` says no, or after [`AWAKE`]; now and then calls `meanwhile`.
fn stay_awake(waits: impl Fn() -> bool, meanwhile: impl Fn()) {
    let began = Instant::now();
    while began.elapsed() < AWAKE {
        for _ in 0..TURNS {
            if !waits() {
                return;
            }
            spin_loop();
        }
        meanwhile();
        thread::yield_now();
    }
}

/// Runs `work` while another thread, if one has nothing else to do, stays awake for the parts that come next.
pub(crate) fn keep_awake<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    // says when, and publishes nothing: that is left to rayon
    let through = AtomicBool::new(false);
    let here = || {
        let found = work();
        through.store(true, Ordering::Relaxed);
        found
    };
    rayon::join(here, || stay_awake(|| !through.load(Ordering::Relaxed), || ())).0
}

/// As [`rayon::join`], but that a thread whose part is through stays awake for the end of the other, as that is about as
/// much work.
fn join(here: impl FnOnce() + Send, there: impl FnOnce() + Send) {
    const WAITS: u8 = 0;
    const RUNS: u8 = 1;
    const THROUGH: u8 = 2;
    let other = AtomicU8::new(WAITS);
    rayon::join(
        || {
            here();
            // what still waits is taken by this thread as soon as it returns; what runs may leave parts to others
            let look_for_work = || {
                rayon::yield_now();
            };
            stay_awake(|| other.load(Ordering::Relaxed) == RUNS, look_for_work);
        },
        || {
            other.store(RUNS, Ordering::Relaxed);
            there();
            other.store(THROUGH, Ordering::Relaxed);
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_balanced_and_parts_kept_short() {
        // 4 entries in column 0, one in each of the others
        let pattern = Pattern::new(4, 5, vec![0, 2, 4, 6, 8], vec![0, 1, 0, 2, 0, 3, 0, 4]).unwrap();
        assert_eq!(Partition::balanced_columns(&pattern, 2, 0, 5).bounds(), [0, 1, 5]);
        assert!(Partition::balanced_columns(&pattern, 1, 0, 2).bounds().windows(2).all(|part| part[1] - part[0] <= 2));
        assert!(Partition::balanced_within(&[&pattern], 1, 0, 3).parts() >= 2);
        assert_eq!(Partition::singles(3).bounds(), [0, 1, 2, 3]);
    }

    #[test]
    fn balances_entries_not_rows() {
        // one row of 6 entries, six rows of one
        let indptr = vec![0, 6, 7, 8, 9, 10, 11, 12];
        let indices = (0..6).chain([0; 6]).collect();
        let pattern = Pattern::new(7, 6, indptr, indices).unwrap();
        let partition = Partition::balanced(&[&pattern], 2, 0);
        assert_eq!((partition.parts(), partition.rows(0), partition.rows(1)), (2, 0..1, 1..7));
    }

    #[test]
    fn covers_all_rows_once_whatever_the_shape() {
        for (rows, parts) in [(1, 1), (1, 8), (5, 3), (0, 2), (100, 7)] {
            let pattern = Pattern::empty(rows, 3);
            let partition = Partition::balanced(&[&pattern], parts, 1);
            let covered: Vec<usize> = (0..partition.parts()).flat_map(|part| partition.rows(part)).collect();
            assert_eq!(covered, (0..rows).collect::<Vec<_>>());
        }
    }

    #[test]
    fn outputs_are_split_with_the_rows() {
        let pattern = Pattern::dense(10, 2);
        let partition = Partition::balanced(&[&pattern], 4, 0);
        let mut wide = vec![0.0; 30];
        let mut entries = vec![0.0; 20];
        let cut = |k: usize, row: usize| if k == 0 { 3 * row } else { pattern.indptr()[row] };
        partition.for_each([&mut wide, &mut entries], &cut, &|rows, [wide, entries]| {
            assert_eq!((wide.len(), entries.len()), (3 * rows.len(), 2 * rows.len()));
            wide.fill(rows.start as f32);
            entries.fill(1.0);
        });
        assert!(entries.iter().all(|&x| x == 1.0));
        for part in 0..partition.parts() {
            let rows = partition.rows(part);
            assert!(wide[3 * rows.start..3 * rows.end].iter().all(|&x| x == rows.start as f32));
        }
    }

    #[test]
    fn a_panic_in_any_part_reaches_the_caller() {
        let rows = Partition::singles(3);
        for bad in 0..3 {
            let part = |rows: &Range<usize>, []: [&mut [f32]; 0]| assert!(rows.start != bad, "part {bad}");
            let caught = std::panic::catch_unwind(|| rows.for_each([], &|_, row| row, &part)).unwrap_err();
            assert_eq!(caught.downcast_ref::<String>().unwrap(), &format!("part {bad}"));
        }
        let caught = std::panic::catch_unwind(|| keep_awake(|| panic!("alone"))).unwrap_err();
        assert_eq!(*caught.downcast_ref::<&str>().unwrap(), "alone");
    }

    #[test]
    fn what_is_done_while_another_waits_is_given_back() {
        for threads in 1..4 {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| keep_awake(|| threads * 7)), threads * 7);
        }
        // from outside a pool too
        assert_eq!(keep_awake(|| "here"), "here");
    }
}
