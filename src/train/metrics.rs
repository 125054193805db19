//! What is recorded of an epoch.

/// What is recorded of an epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Epochs done, from 1.
    pub epoch: usize,
    /// The phase of the run, from 1.
    pub phase: usize,
    /// The learning rate of the epoch.
    pub learning_rate: f64,
    /// Mean over the epoch's steps of the loss with its penalties, before each step.
    pub train_objective: f64,
    /// The same without penalties.
    pub train_loss: f64,
    /// The loss on the test samples, after the epoch.
    pub test_loss: f64,
    /// For classes: share of training samples answered rightly. NaN without classes.
    pub train_accuracy: f64,
    /// For classes: share of test samples answered rightly. NaN without classes.
    pub test_accuracy: f64,
    /// Weights against the sign of their presynaptic neuron.
    pub sign_violations: usize,
    /// Seconds of training so far, pauses left out. The only column that differs from run to run.
    pub seconds: f64,
}

/// Numbers in a row.
pub(crate) const COLUMNS: usize = 10;

impl Row {
    pub(crate) fn to_numbers(self) -> [f64; COLUMNS] {
        [
            self.epoch as f64,
            self.phase as f64,
            self.learning_rate,
            self.train_objective,
            self.train_loss,
            self.test_loss,
            self.train_accuracy,
            self.test_accuracy,
            self.sign_violations as f64,
            self.seconds,
        ]
    }

    pub(crate) fn from_numbers(x: [f64; COLUMNS]) -> Self {
        Self {
            epoch: x[0] as usize,
            phase: x[1] as usize,
            learning_rate: x[2],
            train_objective: x[3],
            train_loss: x[4],
            test_loss: x[5],
            train_accuracy: x[6],
            test_accuracy: x[7],
            sign_violations: x[8] as usize,
            seconds: x[9],
        }
    }
}
