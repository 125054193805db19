//! By rows, with any number of lanes that a tile can have. Rows may be empty, and some have the columns of their
//! neighbours.

mod adjoint;
mod cuts;
mod double;
mod forward;
mod gradient;
mod rules;
mod shapes;

use daleian_kernels::{Activation, Adjoint, Adjoints, Aligned, Elman, Forward, Isa, NewStates, Operand, Pattern};

use crate::support::Numbers;

/// Rows of 0 to `cols` entries, some empty, two full.
fn random(numbers: &mut Numbers, rows: usize, cols: usize) -> Pattern {
    let mut indptr = vec![0];
    let mut indices = Vec::new();
    for row in 0..rows {
        // two full rows together, which are computed at once where there are registers for it
        let percent = if row == 1 || row == 2 { 100 } else { [0, 10, 50][numbers.next() as usize % 3] };
        indices.extend((0..cols as u32).filter(|_| numbers.next() % 100 < percent));
        indptr.push(indices.len());
    }
    Pattern::new(rows, cols, indptr, indices).unwrap()
}

/// Rows with the same columns as their neighbours: 35 rows of 52, 32 of 24, 40 of 23 and 31 of 59, and among them rows of
/// their own.
fn blocks() -> Pattern {
    let runs = [(2, 5), (35, 61), (1, 0), (32, 28), (40, 27), (1, 9), (31, 69)];
    let (mut indptr, mut indices) = (vec![0], Vec::new());
    for (rows, cols) in runs {
        for row in 0..rows {
            let cols = if rows <= 2 { cols + row } else { cols };
            indices.extend((0..cols).filter(|col| col % 7 != 4));
            indptr.push(indices.len());
        }
    }
    Pattern::new(indptr.len() - 1, 70, indptr, indices).unwrap()
}

struct Sparse {
    pattern: Pattern,
    values: Aligned,
    states: Aligned,
}

impl Sparse {
    fn new(numbers: &mut Numbers, rows: usize, cols: usize, lanes: usize, exact: bool) -> Self {
        let pattern = random(numbers, rows, cols);
        Self::of(pattern, numbers, lanes, exact)
    }
    fn of(pattern: Pattern, numbers: &mut Numbers, lanes: usize, exact: bool) -> Self {
        let cols = pattern.cols();
        let values = numbers.fill(pattern.nnz(), exact);
        let states = numbers.fill(cols * lanes, exact);
        Self { pattern, values, states }
    }
    fn operand(&self) -> Operand<'_> {
        Operand { pattern: &self.pattern, values: &self.values, states: &self.states }
    }
    /// Σ w x, Σ |w x| and the number of terms at (row, lane).
    fn product(&self, row: usize, lane: usize, lanes: usize) -> (f64, f64, usize) {
        let mut sums = (0.0, 0.0, 0);
        for entry in self.pattern.entries(row) {
            let x = self.states[self.pattern.indices()[entry] as usize * lanes + lane];
            let term = f64::from(self.values[entry]) * f64::from(x);
            sums = (sums.0 + term, sums.1 + term.abs(), sums.2 + 1);
        }
        sums
    }
}

fn step(isa: Isa, elman: Elman, call: &Forward, states: &mut [f32], rates: Option<&mut [f32]>) {
    elman.single().forward(isa, call, NewStates { states, memo: None, rates });
}

fn step_back(isa: Isa, elman: Elman, call: &Adjoint, states: &mut [f32], delta: &mut [f32]) {
    elman.single().adjoint(isa, call, Adjoints { states, delta, carried: &mut [] });
}

fn phi(activation: Activation, z: f64) -> f64 {
    match activation {
        Activation::Tanh => z.tanh(),
        Activation::Relu => z.max(0.0),
        Activation::Sigmoid => 1.0 / (1.0 + (-z).exp()),
        Activation::Softplus => z.max(0.0) + (-z.abs()).exp().ln_1p(),
        Activation::Identity => z,
    }
}

fn slope(activation: Activation, a: f64) -> f64 {
    match activation {
        Activation::Tanh => 1.0 - a * a,
        Activation::Relu => f64::from(u8::from(a > 0.0)),
        Activation::Sigmoid => a * (1.0 - a),
        Activation::Softplus => -(-a).exp_m1(),
        Activation::Identity => 1.0,
    }
}

fn close(got: f32, want: f64, bound: f64, what: &str) {
    assert!((f64::from(got) - want).abs() <= bound, "{what}: {got} is not {want} within {bound:e}");
}
