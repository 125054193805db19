//! The transposed index: the same entries by column.

use std::sync::Arc;

use rayon::prelude::*;

use super::Pattern;

/// Entries that are carried over in one go.
const CHUNK: usize = 1 << 14;
/// Chunks below which a task is not worth waking a thread for.
const LEAST: usize = 4;

/// The pattern of the transposed matrix, and where each of its entries stands in the original.
#[derive(Debug, Clone)]
pub struct Transposed {
    pattern: Arc<Pattern>,
    origin: Origin,
}

/// Where entries of the transposed matrix stand in the original, whose row is their column.
#[derive(Debug, Clone)]
enum Origin {
    /// Counted from the start of the row: two bytes each.
    InRow { starts: Vec<u32>, offsets: Vec<u16> },
    /// Counted from the first entry of all: where a row has more entries than two bytes can tell apart.
    InAll(Vec<u32>),
}

/// Entries of a row at most whose places take two bytes.
const SHORT: usize = 1 << 16;

impl Transposed {
    /// The transposed index of `pattern`: one counting pass, so each row comes out sorted.
    pub fn new(pattern: &Pattern) -> Self {
        let (rows, cols) = (pattern.cols(), pattern.rows());
        let mut indptr = vec![0usize; rows + 1];
        for &col in pattern.indices() {
            indptr[col as usize + 1] += 1;
        }
        for row in 0..rows {
            indptr[row + 1] += indptr[row];
        }
        let mut next = indptr.clone();
        let mut indices = vec![0u32; pattern.nnz()];
        let mut origin = if in_row(pattern) {
            let starts = pattern.indptr()[..cols].iter().map(|&start| start as u32).collect();
            Origin::InRow { starts, offsets: vec![0; pattern.nnz()] }
        } else {
            Origin::InAll(vec![0; pattern.nnz()])
        };
        for row in 0..cols {
            for (offset, entry) in pattern.entries(row).enumerate() {
                let slot = &mut next[pattern.indices()[entry] as usize];
                indices[*slot] = row as u32;
                match &mut origin {
                    Origin::InRow { offsets, .. } => offsets[*slot] = offset as u16,
                    Origin::InAll(places) => places[*slot] = entry as u32,
                }
                *slot += 1;
            }
        }
        let pattern = Pattern::new(rows, cols, indptr, indices).expect("the transposed of a pattern is a pattern");
        Self { pattern: Arc::new(pattern), origin }
    }

    /// Where the transposed matrix has entries.
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// The place of an entry of the transposed matrix among the values of the original.
    ///
    /// # Panics
    /// If there is no such entry.
    pub fn origin(&self, entry: usize) -> usize {
        match &self.origin {
            Origin::InRow { starts, offsets } => {
                starts[self.pattern.indices()[entry] as usize] as usize + usize::from(offsets[entry])
            }
            Origin::InAll(places) => places[entry] as usize,
        }
    }

    /// Bytes that the places of the entries of `pattern` take.
    pub(crate) fn origin_bytes(pattern: &Pattern) -> u64 {
        let [rows, entries] = [pattern.rows(), pattern.nnz()].map(|count| count as u64);
        if in_row(pattern) { 4 * rows + 2 * entries } else { 4 * entries }
    }

    /// Writes `values` (in the original's order) into `out` in transposed order, on all threads.
    ///
    /// # Panics
    /// If either length is not the number of entries.
    pub fn carry<T: Copy + Send + Sync>(&self, values: &[T], out: &mut [T]) {
        assert_eq!([values.len(), out.len()], [self.pattern.nnz(); 2], "one value an entry");
        let out = out.par_chunks_mut(CHUNK).with_min_len(LEAST);
        match &self.origin {
            Origin::InRow { starts, offsets } => {
                let places = self.pattern.indices().par_chunks(CHUNK).zip(offsets.par_chunks(CHUNK));
                out.zip(places).for_each(|(out, (rows, offsets))| {
                    for (out, (&row, &offset)) in out.iter_mut().zip(rows.iter().zip(offsets)) {
                        *out = values[starts[row as usize] as usize + usize::from(offset)];
                    }
                });
            }
            Origin::InAll(places) => out.zip(places.par_chunks(CHUNK)).for_each(|(out, places)| {
                for (out, &place) in out.iter_mut().zip(places) {
                    *out = values[place as usize];
                }
            }),
        }
    }
}

/// Whether places in the rows of `pattern` take two bytes.
fn in_row(pattern: &Pattern) -> bool {
    (0..pattern.rows()).all(|row| pattern.entries(row).len() <= SHORT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // [[a . b], [. c .]]
        let pattern = Pattern::new(2, 3, vec![0, 2, 3], vec![0, 2, 1]).unwrap();
        let transposed = Transposed::new(&pattern);
        assert_eq!(transposed.pattern().indptr(), [0, 1, 2, 3]);
        assert_eq!(transposed.pattern().indices(), [0, 1, 0]);
        assert_eq!([0, 1, 2].map(|entry| transposed.origin(entry)), [0, 2, 1]);
        let mut out = [0.0; 3];
        transposed.carry(&[1.0, 2.0, 3.0], &mut out);
        assert_eq!(out, [1.0, 3.0, 2.0]);
    }

    proptest::proptest! {
        #[test]
        fn twice_is_the_original(cells in proptest::collection::vec(proptest::bool::weighted(0.3), 7 * 5)) {
            let mut indptr = vec![0];
            let mut indices = Vec::new();
            for row in cells.chunks(5) {
                indices.extend((0..5u32).filter(|&col| row[col as usize]));
                indptr.push(indices.len());
            }
            let pattern = Pattern::new(7, 5, indptr, indices).unwrap();
            let once = Transposed::new(&pattern);
            let twice = Transposed::new(once.pattern());
            assert_eq!(twice.pattern(), &pattern);
            // following both origins leads back to each entry itself
            let back: Vec<usize> = (0..pattern.nnz()).map(|entry| once.origin(twice.origin(entry))).collect();
            assert_eq!(back, (0..pattern.nnz()).collect::<Vec<_>>());
        }
    }

    /// Two rows each: as long as two bytes can tell apart, and longer by one.
    #[test]
    fn rows_of_many_entries_are_carried_too() {
        for (cols, bytes) in [(SHORT, 8 + 4 * SHORT as u64), (SHORT + 1, 8 * (SHORT as u64 + 1))] {
            let pattern = Pattern::dense(2, cols);
            assert_eq!(Transposed::origin_bytes(&pattern), bytes);
            let transposed = Transposed::new(&pattern);
            let values: Vec<f32> = (0..2 * cols).map(|entry| entry as f32).collect();
            let mut out = vec![0.0; 2 * cols];
            transposed.carry(&values, &mut out);
            let want = |entry: usize| entry % 2 * cols + entry / 2;
            assert!((0..2 * cols).all(|entry| transposed.origin(entry) == want(entry)));
            assert!((0..2 * cols).all(|entry| out[entry] == want(entry) as f32));
        }
    }
}
