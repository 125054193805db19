//! Trials drawn anew for each epoch: the same whatever batch, threads or interruptions.

use std::sync::atomic::{AtomicBool, Ordering};

use daleian::bptt::{Bptt, LossName};
use daleian::connectome::ConnectionSpec;
use daleian::data::{Source, Sources};
use daleian::optim::OptimizerSpec;
use daleian::run::{Ending, Event, Run, RunConfig};
use daleian::task::{Drawn, FlipFlop, Fresh, Task};
use daleian::train::{TrainSettings, Trainer};

use crate::support::{bits, connectome, isa, network};

const TASK: FlipFlop =
    FlipFlop { channels: 1, steps: 6, probability: 0.2, train_samples: 90, test_samples: 20, samples: Drawn::Fresh };

fn fresh(seed: u64) -> Fresh {
    Fresh::new(Box::new(TASK), seed).unwrap()
}

/// The inputs of every sample of an epoch, read in batches.
fn seen(batch: usize, epoch: usize) -> Vec<Vec<f32>> {
    let network = network(&connectome([6, 2, 1], ConnectionSpec::probability(0.4), 1), 1, 1, 1);
    let (mut source, mut bptt) = (fresh(3), Bptt::forward_only(&network, isa(), LossName::Mse, batch, 6));
    let mut found = vec![Vec::new(); source.samples()];
    let numbers: Vec<u32> = (0..source.samples() as u32).rev().collect();
    for samples in numbers.chunks(batch) {
        bptt.set_samples(samples.len());
        source.fill(epoch, samples, bptt.groups_mut()).unwrap();
        for group in bptt.groups() {
            for lane in 0..group.lanes.used {
                let sample = samples[group.lanes.first + lane] as usize;
                found[sample] = group.input.iter().copied().skip(lane).step_by(group.lanes.stored).collect();
            }
        }
    }
    found
}

#[test]
fn batches_do_not_show_in_the_trials() {
    for epoch in [0, 2] {
        let want = fresh(3).epoch(epoch).unwrap().inputs().chunks(6).map(<[f32]>::to_vec).collect::<Vec<_>>();
        assert_eq!(seen(90, epoch), want);
        assert_eq!(seen(7, epoch), want);
    }
    assert_ne!(seen(7, 0), seen(7, 2));
}

#[test]
fn threads_do_not_show() {
    let connectome = connectome([20, 8, 5], ConnectionSpec::probability(0.3), 3);
    let run = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let data = Sources::new(fresh(seed), TASK.test(seed).unwrap()).unwrap();
            let settings = TrainSettings::new(LossName::Mse, 40, OptimizerSpec::adam(0.01));
            let mut trainer = Trainer::new(network(&connectome, 1, 1, 5), data, settings, isa()).unwrap();
            let losses = [0; 3].map(|_| trainer.epoch().unwrap().loss.to_bits());
            (losses, bits(trainer.network().parameters()))
        })
    };
    let alone = run(1, 3);
    assert!(run(4, 3) == alone);
    assert!(run(1, 4) != alone);
}

#[test]
fn a_resumed_run_draws_the_trials_of_its_epoch() {
    let config = |drawn: &str| -> RunConfig {
        let text = format!(
            r#"
            name = "small"
            seed = 3
            epochs = 3
            batch = 20
            constraint = "dale"
            loss = "mse"
            cell = {{ activation = "tanh", rectified = true }}
            output = {{ activation = "tanh" }}
            optimizer = {{ kind = "adam", learning-rate = 0.01 }}
            population = [{{ name = "exc", size = 8, sign = 1 }}, {{ name = "inh", size = 3, sign = -1 }}]
            connection = [{{ rule = "probability", probability = 0.5 }}]
            [task]
            kind = "flip-flop"
            steps = 5
            probability = 0.3
            train-samples = 50
            test-samples = 12
            {drawn}
            "#
        );
        toml::from_str(&text).unwrap()
    };
    // three steps per epoch; `None` runs to the end
    let run = |drawn: &str, stop_after: Option<usize>| {
        let folder = tempfile::tempdir().unwrap();
        let mut run = Run::create(config(drawn), folder.path(), isa()).unwrap();
        if let Some(steps) = stop_after {
            let (stop, mut done) = (AtomicBool::new(false), 0);
            let ending = run.go(&stop, &mut |event| {
                done += usize::from(matches!(event, Event::Step { .. }));
                stop.store(done == steps, Ordering::Relaxed);
            });
            assert!(matches!(ending.unwrap(), Ending::Interrupted(_)));
            drop(run);
            run = Run::resume(config(drawn), folder.path(), isa()).unwrap();
        }
        let ending = run.go(&AtomicBool::new(false), &mut |_| {}).unwrap();
        assert!(matches!(ending, Ending::Finished(_)));
        bits(run.trainer().network().parameters())
    };
    let fresh = "samples = \"fresh\"";
    let whole = run(fresh, None);
    for steps in [1, 3, 5] {
        assert!(run(fresh, Some(steps)) == whole, "stopped after {steps} steps");
    }
    assert!(run("", None) != whole && run("", None) == run("samples = \"fixed\"", None));
}
