//! A bar on a terminal, plain lines elsewhere; both on stderr.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use daleian::run::Event;
use indicatif::{ProgressBar, ProgressStyle};

use super::say;

/// Plain lines come at most this often, so that a log of a long run stays readable.
const PAUSE: Duration = Duration::from_secs(5);

pub struct Progress {
    bar: Option<ProgressBar>,
    epochs: usize,
    steps: usize,
    began: Instant,
    done_before: usize,
    last_line: Option<Instant>,
    test: Option<f64>,
}

impl Progress {
    /// For `epochs` of `steps`, of which `done` steps are already made.
    pub fn new(epochs: usize, steps: usize, done: usize) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:30} epoch {msg}, {eta} left").expect("a fixed template");
            let bar = ProgressBar::new((epochs * steps) as u64).with_style(style).with_position(done as u64);
            bar.reset_eta();
            bar
        });
        Self { bar, epochs, steps, began: Instant::now(), done_before: done, last_line: None, test: None }
    }

    pub fn tell(&mut self, event: Event) {
        match event {
            Event::Step { position, loss } => {
                let done = position.epoch * self.steps + position.step;
                if let Some(bar) = &self.bar {
                    bar.set_position(done as u64);
                    let epoch = (position.epoch + usize::from(position.step > 0)).min(self.epochs);
                    let test = self.test.map_or(String::new(), |test| format!(", test {test:.6}"));
                    bar.set_message(format!("{epoch} of {}, loss {loss:.6}{test}", self.epochs));
                }
            }
            Event::Epoch(row) => {
                self.test = Some(row.test_loss);
                let last = row.epoch == self.epochs;
                if self.bar.is_some() || !last && self.last_line.is_some_and(|at| at.elapsed() < PAUSE) {
                    return;
                }
                self.last_line = Some(Instant::now());
                let made = (row.epoch * self.steps - self.done_before) as f64;
                let left = self.began.elapsed().as_secs_f64() / made * ((self.epochs - row.epoch) * self.steps) as f64;
                say(format_args!(
                    "epoch {} of {}, loss {:.6}, test {:.6}, {:.0} s left",
                    row.epoch, self.epochs, row.train_loss, row.test_loss, left
                ));
            }
        }
    }

    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
