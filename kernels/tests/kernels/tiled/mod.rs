//! In tiles. Every output of a kernel lies between guards and must not touch them.

mod carry;
mod shapes;

use std::fmt::Arguments;
use std::ops::Range;

use daleian_kernels::{Aligned, Isa, MAX_TILE, Outer, Pattern, Tiled, tiled_gradient, tiled_product};

use crate::support::{EPS, LANES, Numbers, bits};

/// More than one pass whatever the lanes: a pass has at most four.
const STEPS: usize = 5;

/// The segment of row i in tile t has i + t + 1 entries, modulo as many as there can be; row 3 and tile 2 are empty.
fn segmented(numbers: &mut Numbers, rows: usize, cols: usize, width: usize) -> Pattern {
    let mut wanted = 0;
    pattern_of(rows, cols, |row, col| {
        let tile = col / width;
        let left = ((tile + 1) * width).min(cols) - col;
        if col % width == 0 {
            wanted = if row == 3 || tile == 2 { 0 } else { (row + tile + 1) % (left + 1) };
        }
        // so many of the columns that are left, each as likely
        let taken = (numbers.next() as usize % left) < wanted;
        wanted -= usize::from(taken);
        taken
    })
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
/// tiles so wide that a pass takes fewer steps, and that states are asked for ahead of time (where that is done).
const SHAPES: [Shape; 10] = [
    (3, 0, 4, &[0, 1, 3]),
    (1, 1, 1, &[0, 1]),
    (1, 1, 9, &[0, 1]),
    (7, 5, 1, &[0, 2, 7]),
    LONG,
    MANY,
    (30, 41, 41, &[0, 11, 12, 30]),
    (30, 41, 64, &[0, 30]),
    (6, 9000, 4096, &[0, 2, 6]),
    (20, 7000, 7000, &[0, 20]),
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
        Self::of(segmented(&mut Numbers(1), rows, cols, width), width, bounds, lanes, exact)
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
    for block in 0..tiled.blocks() {
        let entries = tiled.entries(block);
        tiled.carry_back(block, &values[entries.clone()], &mut out[entries]);
    }
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

/// The other tests rest on it: each loop over a segment has a tail, and each must have been taken.
#[test]
fn segments_of_every_length_occur() {
    let (rows, cols, width, _) = LONG;
    let pattern = segmented(&mut Numbers(1), rows, cols, width);
    let of_row = |row| pattern.row(row).chunk_by(|&a, &b| a as usize / width == b as usize / width);
    let mut lengths: Vec<usize> = (0..rows).flat_map(of_row).map(<[u32]>::len).collect();
    lengths.sort_unstable();
    lengths.dedup();
    assert_eq!(lengths, (1..=width).collect::<Vec<_>>());
    let used = |tile| pattern.indices().iter().any(|&col| col as usize / width == tile);
    assert_eq!((pattern.row(3).len(), [0, 1, 2, 3].map(used)), (0, [true, true, false, true]));
    let (rows, cols, width, _) = MANY;
    let pattern = segmented(&mut Numbers(1), rows, cols, width);
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
