//! The sign of each entry of a matrix, that of its column, in two bits.

use std::ops::Range;

use crate::pattern::Pattern;
use crate::simd::{Simd, WIDTH};

/// The sign of each entry of a matrix: that of its column.
///
/// An optimizer's step reads two bits an entry, from front to back; to look up each column in a table took three quarters
/// of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntrySigns {
    entries: usize,
    sixteens: Vec<Sixteen>,
}

/// The signs of sixteen entries, the first in the lowest bit; of those behind the last entry, no bit is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Sixteen {
    positive: u16,
    negative: u16,
}

impl EntrySigns {
    /// The entries of `pattern`, `signs[j]` being +1, -1 or 0 (none) for column j.
    ///
    /// # Panics
    /// If there is not one sign for each column.
    pub fn new(pattern: &Pattern, signs: &[i8]) -> Self {
        assert_eq!(signs.len(), pattern.cols(), "one sign for each column");
        let sixteen = |columns: &[u32]| {
            let mut out = Sixteen::default();
            for (lane, &col) in columns.iter().enumerate() {
                let sign = signs[col as usize];
                out.positive |= u16::from(sign > 0) << lane;
                out.negative |= u16::from(sign < 0) << lane;
            }
            out
        };
        Self { entries: pattern.nnz(), sixteens: pattern.indices().chunks(WIDTH).map(sixteen).collect() }
    }

    /// The signs of `entries`, which start with one whose number is a multiple of sixteen.
    ///
    /// # Panics
    /// If they do not, or are not entries of the matrix.
    pub fn of(&self, entries: Range<usize>) -> Signs<'_> {
        assert!(entries.start <= entries.end && entries.end <= self.entries, "{entries:?} of {} entries", self.entries);
        assert!(entries.start.is_multiple_of(WIDTH), "entries from a multiple of {WIDTH} on, not {entries:?}");
        Signs { len: entries.len(), sixteens: &self.sixteens[entries.start / WIDTH..entries.end.div_ceil(WIDTH)] }
    }

    /// Bytes that the signs of so many entries take.
    pub fn bytes(entries: u64) -> u64 {
        entries.div_ceil(WIDTH as u64) * size_of::<Sixteen>() as u64
    }
}

/// The signs of neighbouring entries: a part of [`EntrySigns`].
#[derive(Debug, Clone, Copy)]
pub struct Signs<'a> {
    len: usize,
    sixteens: &'a [Sixteen],
}

impl Signs<'_> {
    /// The number of entries.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Which of the sixteen entries from `start` on, a multiple of sixteen, are positive, and which negative.
    #[inline(always)]
    pub(super) fn masks<S: Simd>(&self, s: S, start: usize) -> [S::Mask; 2] {
        let Sixteen { positive, negative } = self.sixteens[start / WIDTH];
        [s.mask(positive), s.mask(negative)]
    }

    /// +1, -1 or 0 for each of the sixteen entries from `start` on.
    #[inline(always)]
    pub(super) fn get<S: Simd>(&self, s: S, start: usize) -> S::V {
        let [positive, negative] = self.masks(s, start);
        s.select(positive, s.splat(1.0), s.select(negative, s.splat(-1.0), s.splat(0.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_by_hand() {
        // 19 entries on columns of sign +1, -1 and 0 in turn: the last three are columns 16, 17, 18
        let signs: Vec<i8> = (0..19).map(|col| [1, -1, 0][col % 3]).collect();
        let found = EntrySigns::new(&Pattern::dense(1, 19), &signs);
        let sixteen = |positive, negative| Sixteen { positive, negative };
        let want = [sixteen(0b1001_0010_0100_1001, 0b0010_0100_1001_0010), sixteen(0b100, 0b001)];
        assert_eq!((found.entries, &found.sixteens[..]), (19, &want[..]));
        assert_eq!(EntrySigns::bytes(19), 8);
        let part = found.of(16..18);
        assert_eq!((part.len(), part.sixteens), (2, &want[1..]));
        assert_eq!(found.of(16..16).sixteens, []);
    }

    #[test]
    #[should_panic(expected = "one sign for each column")]
    fn signs_are_checked() {
        EntrySigns::new(&Pattern::dense(3, 3), &[1, -1]);
    }

    #[test]
    #[should_panic(expected = "0..10 of 9 entries")]
    fn entries_are_checked() {
        EntrySigns::new(&Pattern::dense(3, 3), &[1, -1, 0]).of(0..10);
    }

    #[test]
    #[should_panic(expected = "entries from a multiple of 16 on, not 8..9")]
    fn starts_are_checked() {
        EntrySigns::new(&Pattern::dense(3, 3), &[1, -1, 0]).of(8..9);
    }
}
