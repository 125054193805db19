//! A bar on a terminal, plain lines elsewhere; both on stderr.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use daleian::run::{Event, Run};
use indicatif::{ProgressBar, ProgressStyle};

use super::say;

/// Plain lines come at most this often, so that a log of a long run stays readable.
const PAUSE: Duration = Duration::from_secs(5);

pub struct Progress {
    bar: Option<ProgressBar>,
    epochs: usize,
    phases: usize,
    /// Steps of the whole run, and those done.
    steps: usize,
    done: usize,
    /// Which phase is under way, in words; nothing where the run is one.
    phase: String,
    began: Instant,
    done_before: usize,
    last_line: Option<Instant>,
    test: Option<f64>,
}

impl Progress {
    /// For a run as it stands now.
    pub fn new(run: &Run) -> Self {
        let (steps, done) = (run.total_steps(), run.steps_done());
        let bar = stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:30} {msg}, {eta} left").expect("a fixed template");
            let bar = ProgressBar::new(steps as u64).with_style(style).with_position(done as u64);
            bar.reset_eta();
            bar
        });
        Self {
            bar,
            epochs: run.config().total_epochs(),
            phases: run.config().phases().len(),
            steps,
            done,
            phase: String::new(),
            began: Instant::now(),
            done_before: done,
            last_line: None,
            test: None,
        }
    }

    pub fn tell(&mut self, event: Event) {
        match event {
            Event::PhaseBegan { number, phase } => {
                self.phase = format!("phase {number} of {}, ", self.phases);
                self.line(&format!("phase {number} of {}: {phase}", self.phases));
                self.last_line = None;
            }
            Event::Step { position, done, loss } => {
                self.done = done;
                if let Some(bar) = &self.bar {
                    bar.set_position(done as u64);
                    let epoch = (position.epoch + usize::from(position.step > 0)).min(self.epochs);
                    let test = self.test.map_or(String::new(), |test| format!(", test {test:.6}"));
                    bar.set_message(format!("{}epoch {epoch} of {}, loss {loss:.6}{test}", self.phase, self.epochs));
                }
            }
            Event::Epoch(row) => {
                self.test = Some(row.test_loss);
                let last = row.epoch == self.epochs;
                if self.bar.is_some() || !last && self.last_line.is_some_and(|at| at.elapsed() < PAUSE) {
                    return;
                }
                self.last_line = Some(Instant::now());
                let made = (self.done - self.done_before) as f64;
                let left = self.began.elapsed().as_secs_f64() / made * (self.steps - self.done) as f64;
                say(format_args!(
                    "epoch {} of {}, loss {:.6}, test {:.6}, {:.0} s left",
                    row.epoch, self.epochs, row.train_loss, row.test_loss, left
                ));
            }
            Event::PhaseDone { number, report } if report.kind == "prune" => {
                self.test = Some(report.test_loss);
                self.line(&format!(
                    "phase {number} of {}: {} synapses stay, density {:.6}, test {:.6}",
                    self.phases, report.synapses, report.density, report.test_loss
                ));
            }
            _ => {}
        }
    }

    /// A line above the bar, or on its own.
    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => say(text),
        }
    }

    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
