//! The transposed index: the same entries by column.

use std::sync::Arc;

use daleian_kernels::Aligned;
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
    origin: Vec<u32>,
}

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
        let mut origin = vec![0u32; pattern.nnz()];
        for row in 0..cols {
            for entry in pattern.entries(row) {
                let slot = &mut next[pattern.indices()[entry] as usize];
                indices[*slot] = row as u32;
                origin[*slot] = entry as u32;
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

    /// For each entry of the transposed matrix, its place among the values of the original, `[nnz]`.
    pub fn origin(&self) -> &[u32] {
        &self.origin
    }

    /// Writes `values` (in the original's order) into `out` in transposed order, on all threads.
    ///
    /// # Panics
    /// If either length is not the number of entries.
    pub fn carry(&self, values: &[f32], out: &mut Aligned) {
        assert_eq!((values.len(), out.len()), (self.origin.len(), self.origin.len()), "one value an entry");
        out.par_chunks_mut(CHUNK).zip(self.origin.par_chunks(CHUNK)).with_min_len(LEAST).for_each(|(out, origin)| {
            for (out, &origin) in out.iter_mut().zip(origin) {
                *out = values[origin as usize];
            }
        });
    }
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
        assert_eq!(transposed.origin(), [0, 2, 1]);
        let mut out = Aligned::zeros(3);
        transposed.carry(&[1.0, 2.0, 3.0], &mut out);
        assert_eq!(&*out, [1.0, 3.0, 2.0]);
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
            let back: Vec<u32> = twice.origin().iter().map(|&k| once.origin()[k as usize]).collect();
            assert_eq!(back, (0..pattern.nnz() as u32).collect::<Vec<_>>());
        }
    }
}
