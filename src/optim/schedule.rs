//! `rate(epoch)`: constant, cosine or step.

use std::f64::consts::PI;

use super::ScheduleSpec;

impl ScheduleSpec {
    /// The learning rate in `epoch` (counted from 0), where it starts at `base`.
    pub fn rate(&self, base: f64, epoch: usize) -> f64 {
        match *self {
            Self::Constant {} => base,
            Self::Cosine { period, minimum } => {
                let phase = PI * epoch as f64 / period as f64;
                minimum + (base - minimum) * (1.0 + phase.cos()) / 2.0
            }
            Self::Step { every, factor } => base * factor.powi((epoch / every) as i32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosine_falls_and_rises_again() {
        let cosine = ScheduleSpec::Cosine { period: 10, minimum: 0.1 };
        let near = |epoch, want: f64| assert!((cosine.rate(1.0, epoch) - want).abs() < 1e-12, "epoch {epoch}");
        near(0, 1.0);
        near(5, 0.55);
        near(10, 0.1);
        near(20, 1.0);
    }

    #[test]
    fn step_and_constant_by_hand() {
        let step = ScheduleSpec::Step { every: 3, factor: 0.5 };
        assert_eq!([0, 2, 3, 6].map(|epoch| step.rate(1.0, epoch)), [1.0, 1.0, 0.5, 0.25]);
        assert_eq!(ScheduleSpec::Constant {}.rate(0.3, 99), 0.3);
    }
}
