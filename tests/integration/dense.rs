//! An independent implementation: dense matrices, f64, one sample at a time, written from the equations alone.
//!
//! It shares no code with the library but the names of its settings, and has no backward pass: its gradients are
//! central finite differences.

use daleian::network::{ActivationName, BIAS, INPUT, Network, ParameterId, READOUT, READOUT_BIAS, RECURRENT};

/// A network as dense f64 matrices.
#[derive(Clone)]
pub struct Dense {
    pub w: Vec<Vec<f64>>,
    pub b: Vec<f64>,
    pub u: Vec<Vec<f64>>,
    pub v: Vec<Vec<f64>>,
    pub c: Vec<f64>,
    pub activation: ActivationName,
    pub rectified: bool,
    pub readout_activation: ActivationName,
}

/// What the samples should be answered.
pub enum Answers {
    /// `[sample][step][output]`, with weights.
    Series { values: Vec<Vec<Vec<f64>>>, mask: Vec<Vec<Vec<f64>>> },
    /// A class per sample, at its last step.
    Classes(Vec<usize>),
    /// `[sample][step]`, with weights.
    StepClasses { labels: Vec<Vec<usize>>, mask: Vec<Vec<f64>> },
}

pub struct Problem {
    /// `[sample][step][channel]`.
    pub inputs: Vec<Vec<Vec<f64>>>,
    pub answers: Answers,
    /// Steps of each sample; masks are 0 behind them.
    pub lengths: Vec<usize>,
    pub l2_weights: f64,
    pub l2_rates: f64,
}

fn phi(name: ActivationName, z: f64) -> f64 {
    match name {
        ActivationName::Tanh => z.tanh(),
        ActivationName::Relu => z.max(0.0),
        ActivationName::Sigmoid => 1.0 / (1.0 + (-z).exp()),
        ActivationName::Softplus => z.exp().ln_1p(),
        ActivationName::Identity => z,
        _ => panic!("{name:?} has no reference here"),
    }
}

fn times(matrix: &[Vec<f64>], x: &[f64]) -> Vec<f64> {
    matrix.iter().map(|row| row.iter().zip(x).map(|(m, x)| m * x).sum()).collect()
}

/// -ln softmax(y)[label].
fn surprise(y: &[f64], label: usize) -> f64 {
    y.iter().map(|y| y.exp()).sum::<f64>().ln() - y[label]
}

impl Dense {
    pub fn of(network: &Network) -> Self {
        let wiring = network.wiring();
        let parameters = network.parameters();
        let matrix = |name: ParameterId, pattern: &daleian::sparse::Pattern| {
            let mut dense = vec![vec![0.0; pattern.cols()]; pattern.rows()];
            for (row, dense) in dense.iter_mut().enumerate() {
                for entry in pattern.entries(row) {
                    dense[pattern.indices()[entry] as usize] = f64::from(parameters[name][entry]);
                }
            }
            dense
        };
        let vector = |name| parameters[name].iter().map(|&x| f64::from(x)).collect();
        Self {
            w: matrix(RECURRENT, wiring.recurrent()),
            b: vector(BIAS),
            u: matrix(INPUT, wiring.input()),
            v: matrix(READOUT, wiring.readout()),
            c: vector(READOUT_BIAS),
            activation: wiring.cell().activation,
            rectified: wiring.cell().rectified,
            readout_activation: wiring.output_spec().activation,
        }
    }

    /// Rates and outputs of each step of one sample, from the rates before the first.
    pub fn run(&self, inputs: &[Vec<f64>], initial: &[f64]) -> Vec<(Vec<f64>, Vec<f64>)> {
        let mut r = initial.to_vec();
        let step = |x: &Vec<f64>| {
            let (recurrent, input) = (times(&self.w, &r), times(&self.u, x));
            let a: Vec<f64> =
                (0..self.b.len()).map(|i| phi(self.activation, recurrent[i] + input[i] + self.b[i])).collect();
            r = a.iter().map(|&a| if self.rectified { a.max(0.0) } else { a }).collect();
            let sums = times(&self.v, &a);
            let y = sums.iter().zip(&self.c).map(|(y, c)| phi(self.readout_activation, y + c)).collect();
            (r.clone(), y)
        };
        inputs.iter().map(step).collect()
    }

    /// The objective of `problem`.
    pub fn objective(&self, problem: &Problem) -> f64 {
        let n = self.b.len();
        let (mut loss, mut weight, mut rates) = (0.0, 0.0, 0.0);
        for (sample, inputs) in problem.inputs.iter().enumerate() {
            let length = problem.lengths[sample];
            for (t, (r, y)) in self.run(inputs, &vec![0.0; n]).into_iter().enumerate().take(length) {
                rates += r.iter().map(|r| r * r).sum::<f64>();
                match &problem.answers {
                    Answers::Series { values, mask } => {
                        for o in 0..y.len() {
                            let m = mask[sample][t][o];
                            loss += m * (y[o] - values[sample][t][o]).powi(2);
                            weight += m;
                        }
                    }
                    Answers::Classes(labels) if t + 1 == length => {
                        loss += surprise(&y, labels[sample]);
                        weight += 1.0;
                    }
                    Answers::StepClasses { labels, mask } => {
                        loss += mask[sample][t] * surprise(&y, labels[sample][t]);
                        weight += mask[sample][t];
                    }
                    Answers::Classes(_) => {}
                }
            }
        }
        let squares: f64 = self.w.iter().flatten().map(|w| w * w).sum();
        loss / weight
            + problem.l2_weights / 2.0 * squares
            + problem.l2_rates * rates / (problem.lengths.iter().sum::<usize>() * n) as f64
    }

    fn at(&mut self, name: ParameterId, row: usize, col: usize) -> &mut f64 {
        match name {
            RECURRENT => &mut self.w[row][col],
            BIAS => &mut self.b[row],
            INPUT => &mut self.u[row][col],
            READOUT => &mut self.v[row][col],
            READOUT_BIAS => &mut self.c[row],
            _ => panic!("one of the five parameters that every network has"),
        }
    }

    /// dL/d(parameter at row, col) by a central difference; the step is small, so that few samples meet a kink of relu.
    pub fn difference(&self, problem: &Problem, name: ParameterId, row: usize, col: usize) -> f64 {
        let h = 1e-6;
        let shifted = |by: f64| {
            let mut other = self.clone();
            *other.at(name, row, col) += by;
            other.objective(problem)
        };
        (shifted(h) - shifted(-h)) / (2.0 * h)
    }
}
