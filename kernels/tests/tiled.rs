//! The tiled kernels against plain f64 loops, on every instruction set of this machine.
//!
//! Bound: |got - want| ≤ eps·(k+1)·Σ|a||b| for sums of k products; exact on small integers. Every output of a kernel
//! lies between guards and must not touch them; that of the product is poisoned with NaN before each call.

use std::fmt::Arguments;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use daleian_kernels::{Aligned, Isa, MAX_TILE, Outer, Pattern, Tiled, tiled_gradient, tiled_product};
use proptest::prelude::*;

const EPS: f64 = f32::EPSILON as f64;
const LANES: [usize; 4] = [16, 32, 48, 64];
/// More than one pass whatever the lanes: a pass has at most four.
const STEPS: usize = 5;

/// A small generator of its own, so that the test does not depend on a library's stream.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 >> 33
    }
    /// -4..=4 if `exact`, else in [-1, 1).
    fn fill(&mut self, len: usize, exact: bool) -> Aligned {
        let number = |x: u64| if exact { (x % 9) as f32 - 4.0 } else { x as f32 / (1u64 << 30) as f32 - 1.0 };
        (0..len).map(|_| number(self.next())).collect()
    }
    /// The segment of row i in tile t has i + t + 1 entries, modulo as many as there can be; row 3 and tile 2 are empty.
    fn pattern(&mut self, rows: usize, cols: usize, width: usize) -> Pattern {
        let mut wanted = 0;
        pattern_of(rows, cols, |row, col| {
            let tile = col / width;
            let left = ((tile + 1) * width).min(cols) - col;
            if col % width == 0 {
                wanted = if row == 3 || tile == 2 { 0 } else { (row + tile + 1) % (left + 1) };
            }
            // so many of the columns that are left, each as likely
            let taken = (self.next() as usize % left) < wanted;
            wanted -= usize::from(taken);
            taken
        })
    }
}

fn pattern_of(rows: usize, cols: usize, mut has: impl FnMut(usize, usize) -> bool) -> Pattern {
    let (mut indptr, mut indices) = (vec![0], Vec::new());
    for row in 0..rows {
        indices.extend((0..cols as u32).filter(|&col| has(row, col as usize)));
        indptr.push(indices.len());
    }
    Pattern::new(rows, cols, indptr, indices).unwrap()
}

/// Rows, columns, width of a tile, and bounds of the blocks.
type Shape = (usize, usize, usize, &'static [usize]);

/// Segments of every length: the last tile is narrower than the others, and the blocks differ.
const LONG: Shape = (48, 146, 45, &[0, 1, 20, 48]);
/// Many segments of each length, so that several are taken at once.
const MANY: Shape = (130, 20, 9, &[0, 3, 130]);
/// No column, one entry, tiles of one column, and one tile for all columns, as wide as they are and wider; and last,
/// tiles so wide that a pass takes fewer steps.
const SHAPES: [Shape; 9] = [
    (3, 0, 4, &[0, 1, 3]),
    (1, 1, 1, &[0, 1]),
    (1, 1, 9, &[0, 1]),
    (7, 5, 1, &[0, 2, 7]),
    LONG,
    MANY,
    (30, 41, 41, &[0, 11, 12, 30]),
    (30, 41, 64, &[0, 30]),
    (6, 9000, 4096, &[0, 2, 6]),
];

/// A matrix and its tiles, what it multiplies, and the derivatives of the products, both for [`STEPS`] steps.
struct Case {
    lanes: usize,
    exact: bool,
    pattern: Pattern,
    tiled: Tiled,
    /// In the order of the pattern.
    values: Aligned,
    states: Vec<Aligned>,
    delta: Vec<Aligned>,
}

impl Case {
    fn new((rows, cols, width, bounds): Shape, lanes: usize, exact: bool) -> Self {
        Self::of(Numbers(1).pattern(rows, cols, width), width, bounds, lanes, exact)
    }
    fn of(pattern: Pattern, width: usize, bounds: &[usize], lanes: usize, exact: bool) -> Self {
        let mut numbers = Numbers(2);
        let tiled = Tiled::new(&pattern, width, bounds);
        let values = numbers.fill(pattern.nnz(), exact);
        let states = (0..STEPS).map(|_| numbers.fill(pattern.cols() * lanes, exact)).collect();
        let delta = (0..STEPS).map(|_| numbers.fill(pattern.rows() * lanes, exact)).collect();
        Self { lanes, exact, pattern, tiled, values, states, delta }
    }
    /// Every shape with all lanes, once with any numbers and once with integers.
    fn all() -> impl Iterator<Item = Self> {
        let of_shape = |shape| LANES.map(|lanes| [false, true].map(|exact| Case::new(shape, lanes, exact)));
        SHAPES.into_iter().flat_map(of_shape).flatten()
    }
    fn rows(&self) -> usize {
        self.pattern.rows()
    }
    fn steps(&self) -> Vec<Outer<'_>> {
        self.delta.iter().zip(&self.states).map(|(delta, states)| Outer { delta, states }).collect()
    }
    /// Row and column of each entry, in the order of the pattern.
    fn places(&self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.rows()).flat_map(|row| self.pattern.row(row).iter().map(move |&col| (row, col as usize)))
    }
    fn assert_product_agrees(&self) {
        let mut want = vec![Sum::default(); self.rows() * self.lanes];
        for ((row, col), &value) in self.places().zip(&*self.values) {
            let states = &self.states[0][col * self.lanes..];
            (0..self.lanes).for_each(|lane| want[row * self.lanes + lane].add(value, states[lane]));
        }
        let values = carried(&self.tiled, &self.values);
        for isa in Isa::available() {
            let got = product(isa, self.lanes, &self.tiled, 0..self.rows(), &values, &self.states[0]);
            for (at, (want, &got)) in want.iter().zip(&got).enumerate() {
                want.check(got, self.exact, format_args!("{isa}, {} lanes, {at} of the output", self.lanes));
            }
        }
    }
    /// The gradient of 0, 1, ... steps is added onto the values.
    fn assert_gradient_agrees(&self) {
        let mut want = vec![Sum::default(); self.pattern.nnz()];
        for (want, &value) in want.iter_mut().zip(&*self.values) {
            want.add(value, 1.0);
        }
        let (start, steps) = (carried(&self.tiled, &self.values), self.steps());
        for count in 0..=STEPS {
            for step in &steps[count.saturating_sub(1)..count] {
                for ((row, col), want) in self.places().zip(&mut want) {
                    let (delta, states) = (&step.delta[row * self.lanes..], &step.states[col * self.lanes..]);
                    (0..self.lanes).for_each(|lane| want.add(delta[lane], states[lane]));
                }
            }
            for isa in Isa::available() {
                let got = gradient(isa, self.lanes, &self.tiled, 0..self.rows(), &steps[..count], &start);
                for (entry, (want, got)) in want.iter().zip(carried_back(&self.tiled, &got)).enumerate() {
                    let lanes = self.lanes;
                    want.check(got, self.exact, format_args!("{isa}, {count} steps of {lanes} lanes, entry {entry}"));
                }
            }
        }
    }
}

/// A sum of products in f64.
#[derive(Clone, Default)]
struct Sum {
    total: f64,
    size: f64,
    terms: usize,
}

impl Sum {
    fn add(&mut self, a: f32, b: f32) {
        let term = f64::from(a) * f64::from(b);
        self.total += term;
        self.size += term.abs();
        self.terms += 1;
    }
    fn check(&self, got: f32, exact: bool, what: Arguments) {
        let bound = if exact { 0.0 } else { EPS * (self.terms + 1) as f64 * self.size };
        assert!((f64::from(got) - self.total).abs() <= bound, "{what}: {got} is not {} within {bound:e}", self.total);
    }
}

/// `values` of the pattern in the order of the tiles.
fn carried(tiled: &Tiled, values: &[f32]) -> Vec<f32> {
    let mut out = vec![f32::NAN; tiled.nnz()];
    (0..tiled.blocks()).for_each(|block| tiled.carry(block, values, &mut out[tiled.entries(block)]));
    out
}

/// The way back.
fn carried_back(tiled: &Tiled, values: &[f32]) -> Vec<f32> {
    let mut out = vec![f32::NAN; tiled.nnz()];
    (0..tiled.blocks()).for_each(|block| tiled.carry_back(block, values, &mut out[tiled.entries(block)]));
    out
}

/// What `call` makes of `start`, between guards as long as the longest row. NaN shows where a guard was read, but would
/// hide that something was added to it: every other one is a number.
fn guarded(start: &[f32], call: impl FnOnce(&mut [f32])) -> Vec<f32> {
    let guard: Vec<f32> = (0..64).map(|k| if k % 2 == 0 { f32::NAN } else { 0.75 }).collect();
    let mut buffer = [&guard, start, &guard].concat();
    call(&mut buffer[guard.len()..][..start.len()]);
    let (before, rest) = buffer.split_at(guard.len());
    let (out, behind) = rest.split_at(start.len());
    assert!(bits(before) == bits(&guard) && bits(behind) == bits(&guard), "{before:?} and {behind:?} were written");
    out.to_vec()
}

fn product(isa: Isa, lanes: usize, tiled: &Tiled, rows: Range<usize>, values: &[f32], states: &[f32]) -> Vec<f32> {
    let poison = vec![f32::NAN; rows.len() * lanes];
    guarded(&poison, |out| tiled_product(isa, lanes, tiled, &rows, values, states, out))
}

/// `start` with the gradient added, both of `rows` alone.
fn gradient(isa: Isa, lanes: usize, tiled: &Tiled, rows: Range<usize>, steps: &[Outer], start: &[f32]) -> Vec<f32> {
    guarded(start, |out| tiled_gradient(isa, &rows, lanes, tiled, steps, out))
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// The other tests rest on it: each loop over a segment has a tail, and each must have been taken.
#[test]
fn segments_of_every_length_occur() {
    let (rows, cols, width, _) = LONG;
    let pattern = Numbers(1).pattern(rows, cols, width);
    let of_row = |row| pattern.row(row).chunk_by(|&a, &b| a as usize / width == b as usize / width);
    let mut lengths: Vec<usize> = (0..rows).flat_map(of_row).map(<[u32]>::len).collect();
    lengths.sort_unstable();
    lengths.dedup();
    assert_eq!(lengths, (1..=width).collect::<Vec<_>>());
    let used = |tile| pattern.indices().iter().any(|&col| col as usize / width == tile);
    assert_eq!((pattern.row(3).len(), [0, 1, 2, 3].map(used)), (0, [true, true, false, true]));
    let (rows, cols, width, _) = MANY;
    let pattern = Numbers(1).pattern(rows, cols, width);
    for len in 1..=width {
        let of_len = |&row: &usize| pattern.row(row).iter().filter(|&&col| (col as usize) < width).count() == len;
        // three at once at most, and some left over
        assert!((3..rows).filter(of_len).count() >= 5, "{len}");
    }
}

/// Rows that have every column of a tile, as most have here.
fn full(lanes: usize, exact: bool) -> Case {
    let pattern = pattern_of(61, 100, |row, col| row % 5 != 4 || (row + col) % 11 > 0);
    Case::of(pattern, 40, &[0, 17, 61], lanes, exact)
}

#[test]
fn full_tiles_agree_with_f64() {
    for case in LANES.into_iter().flat_map(|lanes| [false, true].map(|exact| full(lanes, exact))) {
        case.assert_product_agrees();
        case.assert_gradient_agrees();
    }
}

#[test]
fn product_agrees_with_f64() {
    Case::all().for_each(|case| case.assert_product_agrees());
}

#[test]
fn gradient_agrees_with_f64_and_adds() {
    Case::all().for_each(|case| case.assert_gradient_agrees());
}

/// The largest block and the widest tile, whose last row and column fill two bytes, and one row and column behind them.
#[test]
fn the_largest_tile_is_reached_to_its_ends() {
    let (n, ends) = (MAX_TILE + 1, [0, MAX_TILE - 1, MAX_TILE]);
    let indptr = (0..=n).map(|row| ends.iter().filter(|&&end| end < row).count() * ends.len()).collect();
    let pattern = Pattern::new(n, n, indptr, ends.map(|end| end as u32).repeat(ends.len())).unwrap();
    let case = Case::of(pattern, MAX_TILE, &[0, MAX_TILE, n], 16, true);
    case.assert_product_agrees();
    case.assert_gradient_agrees();
    // with equal values it is its own transposed
    let back = Tiled::transposed(&case.pattern, MAX_TILE, case.tiled.bounds());
    let y = [&case.tiled, &back].map(|tiled| product(Isa::available()[0], 16, tiled, 0..n, &[1.0; 9], &case.states[0]));
    assert!(y[0] == y[1]);
}

/// The order of a sum is that of the row, the entry and the width alone: neither the blocks nor the calls show.
#[test]
fn any_cut_into_blocks_gives_the_same_bits() {
    for case in Case::all().filter(|case| !case.exact).chain(LANES.map(|lanes| full(lanes, false))) {
        let (n, lanes, steps) = (case.rows(), case.lanes, case.steps());
        for isa in Isa::available() {
            let run = |tiled: &Tiled, calls: &[usize]| {
                let values = carried(tiled, &case.values);
                let calls = || calls.windows(2).map(|call| call[0]..call[1]);
                let y = calls().flat_map(|rows| product(isa, lanes, tiled, rows, &values, &case.states[0]));
                let dw = calls().flat_map(|rows| {
                    let start = &values[case.pattern.entries_of(&rows)];
                    gradient(isa, lanes, tiled, rows, &steps, start)
                });
                let (y, dw): (Vec<f32>, Vec<f32>) = (y.collect(), dw.collect());
                [bits(&y), bits(&carried_back(tiled, &dw))]
            };
            let width = case.tiled.width();
            let want = run(&Tiled::new(&case.pattern, width, &[0, n]), &[0, n]);
            for bounds in [case.tiled.bounds().to_vec(), (0..=n).collect()] {
                let tiled = Tiled::new(&case.pattern, width, &bounds);
                // at once, between calls without rows, and block by block
                for calls in [&[0, 0, n, n][..], &bounds] {
                    assert!(run(&tiled, calls) == want, "{isa}, {lanes} lanes, blocks {bounds:?}, calls {calls:?}");
                }
            }
        }
    }
}

/// In columns at the ends of tiles, and in one that no row has.
#[test]
fn nan_reaches_the_rows_and_entries_of_its_column_alone() {
    for lanes in LANES {
        for (bad, lane) in [(0, 0), (44, 15), (45, 1), (100, 3), (135, lanes - 1), (145, 7)] {
            let mut case = Case::new(LONG, lanes, false);
            case.states[0][bad * lanes + lane] = f32::NAN;
            let values = carried(&case.tiled, &case.values);
            for isa in Isa::available() {
                let what = format!("{isa}, {lanes} lanes, column {bad}");
                let y = product(isa, lanes, &case.tiled, 0..case.rows(), &values, &case.states[0]);
                for (at, y) in y.iter().enumerate() {
                    let reached = at % lanes == lane && case.pattern.row(at / lanes).contains(&(bad as u32));
                    assert_eq!(y.is_nan(), reached, "{what}, {at} of the product");
                }
                let dw = gradient(isa, lanes, &case.tiled, 0..case.rows(), &case.steps(), &values);
                for ((row, col), dw) in case.places().zip(carried_back(&case.tiled, &dw)) {
                    assert_eq!(dw.is_nan(), col == bad, "{what}, gradient of row {row} and column {col}");
                }
            }
        }
    }
}

/// A pattern, a width, and bounds of blocks of its rows and of its columns; any of them may be empty.
fn cut_patterns() -> impl Strategy<Value = (Pattern, usize, [Vec<usize>; 2])> {
    let cells = |(rows, cols)| (Just((rows, cols)), prop::collection::vec(prop::bool::weighted(0.4), rows * cols));
    let cuts = prop::collection::vec(prop::bool::weighted(0.3), 40);
    let parts = ((0..20usize, 0..40usize).prop_flat_map(cells), 1..45usize, cuts);
    parts.prop_map(|(((rows, cols), cells), width, cuts)| {
        let pattern = pattern_of(rows, cols, |row, col| cells[row * cols + col]);
        let bounds = |n: usize| (0..=n).filter(|&at| at == 0 || at == n || cuts[at]).collect();
        (pattern, width, [rows, cols].map(bounds))
    })
}

proptest! {
    #[test]
    fn carried_there_and_back_is_the_original((pattern, width, [bounds, _]) in cut_patterns()) {
        let values: Vec<f32> = (0..pattern.nnz()).map(|entry| entry as f32).collect();
        let tiled = Tiled::new(&pattern, width, &bounds);
        prop_assert_eq!(carried_back(&tiled, &carried(&tiled, &values)), values);
    }

    #[test]
    fn carried_from_the_transposed_is_carried_from_the_pattern((pattern, width, [_, bounds]) in cut_patterns()) {
        let values: Vec<f32> = (0..pattern.nnz()).map(|entry| entry as f32).collect();
        let find = |row: usize, col: usize| {
            pattern.row(row).binary_search(&(col as u32)).ok().map(|k| pattern.entries(row).start + k)
        };
        let transposed = pattern_of(pattern.cols(), pattern.rows(), |row, col| find(col, row).is_some());
        let by_column = (0..pattern.cols()).flat_map(|col| (0..pattern.rows()).filter_map(move |row| find(row, col)));
        let by_column: Vec<f32> = by_column.map(|entry| values[entry]).collect();
        let from_pattern = Tiled::new(&transposed, width, &bounds);
        let in_blocks = carried(&from_pattern, &by_column);

        let tiled = Tiled::transposed(&pattern, width, &bounds);
        let mut in_tiles = vec![f32::NAN; tiled.nnz()];
        let mut scratch = vec![u32::MAX; tiled.carry_scratch()];
        for tile in 0..tiled.tiles() {
            let out = &mut in_tiles[tiled.entries_of_tile(tile)];
            tiled.carry_transposed(tile, &pattern, &values, out, &mut scratch);
        }
        // the same parts, tile by tile
        let mut want = vec![Vec::new(); tiled.tiles()];
        let mut rest = &in_blocks[..];
        for (block, tile) in (0..tiled.blocks()).flat_map(|block| (0..tiled.tiles()).map(move |tile| (block, tile))) {
            let columns = &transposed.indices()[from_pattern.entries(block)];
            let len = columns.iter().filter(|&&col| col as usize / width == tile).count();
            want[tile].extend_from_slice(rest.split_off(..len).unwrap());
        }
        prop_assert_eq!(&in_tiles, &want.concat());

        // and whole or block by block, the product takes one as it takes the other
        let (isa, states) = (Isa::available()[0], Numbers(3).fill(tiled.cols() * 16, false));
        let y = product(isa, 16, &from_pattern, 0..tiled.rows(), &in_blocks, &states);
        prop_assert!(y.iter().all(|y| y.is_finite()));
        prop_assert_eq!(bits(&y), bits(&product(isa, 16, &tiled, 0..tiled.rows(), &in_tiles, &states)));
        let blocks = bounds.windows(2).flat_map(|rows| product(isa, 16, &tiled, rows[0]..rows[1], &in_tiles, &states));
        prop_assert_eq!(bits(&y), bits(&blocks.collect::<Vec<_>>()));
    }
}

/// Asserts that `call` panics with these words.
fn refuses(words: &str, call: impl FnOnce()) {
    let panic = catch_unwind(AssertUnwindSafe(call)).expect_err(words);
    let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    assert!(said.is_some_and(|said| said.contains(words)), "{said:?} does not say: {words}");
}

/// A dense 4 by 5 matrix in blocks of 1 and 3 rows: the second has 15 of the 20 entries.
#[test]
#[expect(clippy::reversed_empty_ranges, reason = "bad input on purpose")]
fn wrong_shapes_stop_at_the_door() {
    let isa = Isa::available()[0];
    let (pattern, x) = (Pattern::dense(4, 5), [0.0; 128]);
    let tiled = Tiled::new(&pattern, 2, &[0, 1, 4]);
    let product = |lanes: usize, rows: Range<usize>, values: usize, states: usize, out: usize| {
        tiled_product(isa, lanes, &tiled, &rows, &x[..values], &x[..states], &mut vec![0.0; out]);
    };
    let gradient = |lanes: usize, rows: Range<usize>, delta: usize, states: usize, out: usize| {
        // the second step is the one that may be wrong
        let steps = [Outer { delta: &x[..64], states: &x[..80] }, Outer { delta: &x[..delta], states: &x[..states] }];
        tiled_gradient(isa, &rows, lanes, &tiled, &steps, &mut vec![0.0; out]);
    };
    product(16, 1..4, 20, 80, 48);
    gradient(16, 1..4, 64, 80, 15);
    for lanes in [0, 8, 20, 80] {
        refuses(&format!("{lanes} lanes: a tile has"), || product(lanes, 1..4, 20, 80, 48));
        refuses(&format!("{lanes} lanes: a tile has"), || gradient(lanes, 1..4, 64, 80, 15));
    }
    for rows in [0..2, 2..4, 1..5, 4..1] {
        let words = format!("rows {rows:?} are not whole blocks");
        refuses(&words, || product(16, rows.clone(), 20, 80, rows.len() * 16));
        refuses(&words, || gradient(16, rows.clone(), 64, 80, rows.len() * 5));
    }
    for wrong in [-15, -1, 1] {
        let off = |right: usize| right.wrapping_add_signed(wrong);
        refuses("one value an entry", || product(16, 1..4, off(20), 80, 48));
        refuses("states are [cols, lanes]", || product(16, 1..4, 20, off(80), 48));
        refuses("the output is [rows, lanes]", || product(16, 1..4, 20, 80, off(48)));
        refuses("delta is [rows, lanes]", || gradient(16, 1..4, off(64), 80, 15));
        refuses("states are [cols, lanes]", || gradient(16, 1..4, 64, off(80), 15));
        refuses("one gradient an entry of the rows", || gradient(16, 1..4, 64, 80, off(15)));
    }

    for (values, out) in [(15, 15), (21, 15), (20, 14), (20, 20)] {
        let (x, out) = (&x[..values], &mut vec![0.0; out][..]);
        refuses("one value an entry", || tiled.carry(1, x, out));
        refuses("one value an entry", || tiled.carry_back(1, x, out));
    }
    // tile 1 of the transposed has 8 entries
    let original = Pattern::dense(5, 4);
    let back = Tiled::transposed(&original, 2, &[0, 1, 4]);
    let transposed = |tiled: &Tiled, from: &Pattern, [values, out, scratch]: [usize; 3]| {
        tiled.carry_transposed(1, from, &x[..values], &mut vec![0.0; out], &mut vec![0; scratch]);
    };
    // two columns a tile, blocks of one row and of three
    transposed(&back, &original, [20, 8, 8]);
    for lens in [[8, 8, 8], [21, 8, 8], [20, 7, 8], [20, 20, 8]] {
        refuses("one value an entry", || transposed(&back, &original, lens));
    }
    refuses("scratch for the columns", || transposed(&back, &original, [20, 8, 7]));
    refuses("the transposed of", || transposed(&back, &pattern, [20, 8, 8]));
    refuses("made transposed", || transposed(&tiled, &original, [20, 8, 8]));
    // the entries of a block lie scattered there: their gradient would be written beside the output
    let step = Outer { delta: &x[..64], states: &x[..80] };
    refuses("", || tiled_gradient(isa, &(0..1), 16, &back, &[step], &mut [0.0; 64][..5]));
}
