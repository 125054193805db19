//! A run goes on as if it had never stopped, and from nothing but a run of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use daleian::Error;
use daleian::bptt::LossName;
use daleian::connectome::EdgeListSpec;
use daleian::constraint::Constraint;
use daleian::data::Data;
use daleian::network::ParameterId;
use daleian::optim::OptimizerSpec;
use daleian::run::{Ending, Event, Method, ParameterSpec, Run, RunConfig, names};
use daleian::task::{FlipFlop, Task};
use daleian::train::Position;

use crate::support::{bits, isa, network};

/// Three steps an epoch, the last of them smaller.
const STEPS: usize = 3;

fn config(extra: &str) -> RunConfig {
    let text = format!(
        r#"
        name = "small"
        seed = 3
        epochs = 4
        batch = 20
        constraint = "dale"
        loss = "mse"
        clip-norm = 0.5
        task = {{ kind = "flip-flop", steps = 5, probability = 0.3, train-samples = 50, test-samples = 12 }}
        cell = {{ activation = "tanh", rectified = true }}
        output = {{ activation = "tanh" }}
        optimizer = {{ kind = "adam", learning-rate = 0.01 }}
        schedule = {{ kind = "step", every = 2, factor = 0.5 }}
        penalty = {{ l2-weights = 0.001, l2-rates = 0.01 }}
        population = [{{ name = "exc", size = 8, sign = 1 }}, {{ name = "inh", size = 3, sign = -1 }}]
        connection = [{{ rule = "probability", probability = 0.5 }}]
        {extra}
        "#
    );
    toml::from_str(&text).unwrap()
}

pub fn go(run: &mut Run) -> Ending {
    run.go(&AtomicBool::new(false), &mut |_| {}).unwrap()
}

/// Creates a run and stops it once `steps` steps are done.
fn stopped(config: &RunConfig, folder: &Path, steps: usize) {
    let mut run = Run::create(config.clone(), folder, isa()).unwrap();
    go_for(&mut run, steps);
}

/// Goes on with a run until `steps` steps are done in all.
fn go_for(run: &mut Run, steps: usize) {
    let stop = AtomicBool::new(steps == 0);
    let ending = run
        .go(&stop, &mut |event| {
            if let Event::Step { position, .. } = event
                && position.epoch * STEPS + position.step == steps
            {
                stop.store(true, Ordering::Relaxed);
            }
        })
        .unwrap();
    assert_eq!(ending, Ending::Interrupted(Position { epoch: steps / STEPS, step: steps % STEPS }));
}

/// Every file of a finished run whose bytes must not depend on how it came about; times are taken out.
pub fn results(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut add = |path: &Path| found.insert(path.strip_prefix(folder).unwrap().into(), fs::read(path).unwrap());
    for name in [names::CONFIG, names::MODEL] {
        add(&folder.join(name));
    }
    for figure in fs::read_dir(folder.join(names::FIGURES)).unwrap() {
        add(&figure.unwrap().path());
    }
    let metrics = fs::read_to_string(folder.join(names::METRICS)).unwrap();
    let (header, _) = metrics.lines().next().unwrap().rsplit_once(',').unwrap();
    assert!(metrics.lines().next().unwrap().ends_with(",seconds") && header.starts_with("epoch,"));
    let without_seconds: Vec<&str> = metrics.lines().map(|line| line.rsplit_once(',').unwrap().0).collect();
    found.insert(names::METRICS.into(), without_seconds.join("\n").into_bytes());
    assert!(found.len() >= 7, "configuration, model, metrics and four figures: {:?}", found.keys());
    found
}

pub fn assert_same(got: &Path, want: &BTreeMap<PathBuf, Vec<u8>>, what: &str) {
    let got = results(got);
    assert!(got.keys().eq(want.keys()), "{what}: {:?}", got.keys());
    for (name, want) in want {
        assert!(&got[name] == want, "{what}: {} has other bytes", name.display());
    }
}

fn never_stopped(config: &RunConfig) -> BTreeMap<PathBuf, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::create(config.clone(), folder.path(), isa()).unwrap();
    let Ending::Finished(report) = go(&mut run) else { panic!("nobody asked it to stop") };
    assert_eq!((report.epochs, report.sign_violations), (config.epochs, 0));
    results(folder.path())
}

#[test]
fn a_resumed_run_equals_one_never_stopped() {
    let config = config("");
    let whole = never_stopped(&config);
    // before the first step, within epochs, at their ends, and after the second last step
    for steps in [0, 1, 2, 3, 4, 6, 10, 11] {
        let folder = tempfile::tempdir().unwrap();
        stopped(&config, folder.path(), steps);
        assert_eq!(go(&mut Run::resume(config.clone(), folder.path(), isa()).unwrap()), finished(folder.path()));
        assert_same(folder.path(), &whole, &format!("stopped after {steps} steps"));
    }
}

/// However the weights take their steps; steep enough that signs are crossed.
#[test]
fn a_resumed_run_equals_one_never_stopped_by_every_method() {
    for method in Method::ALL {
        for optimizer in [OptimizerSpec::adam(0.05), OptimizerSpec::sgd(0.5, 0.9)] {
            let mut config = RunConfig { optimizer, ..config("checkpoint = { steps = 1 }") };
            method.apply(&mut config);
            let what = format!("{} by {optimizer:?}", method.name());
            let whole = tempfile::tempdir().unwrap();
            go(&mut Run::create(config.clone(), whole.path(), isa()).unwrap());
            let whole = results(whole.path());
            let folder = tempfile::tempdir().unwrap();
            stopped(&config, folder.path(), 2);
            for steps in [7, 11] {
                go_for(&mut Run::resume(config.clone(), folder.path(), isa()).unwrap(), steps);
            }
            go(&mut Run::resume(config, folder.path(), isa()).unwrap());
            assert_same(folder.path(), &whole, &what);
        }
    }
}

/// What `summary.json` of a finished run says, as the ending that a caller gets.
fn finished(folder: &Path) -> Ending {
    let text = fs::read_to_string(folder.join(names::SUMMARY)).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["epochs"], 4);
    // a finished run that is resumed trains no step and reports the same again
    let mut again = Run::resume(RunConfig::read(&folder.join(names::CONFIG)).unwrap(), folder, isa()).unwrap();
    let mut steps = 0;
    let ending = again.go(&AtomicBool::new(false), &mut |_| steps += 1).unwrap();
    assert_eq!(steps, 0, "a finished run has nothing left to do");
    ending
}

#[test]
fn a_run_stopped_again_and_again_equals_one_never_stopped() {
    let config = config("");
    let whole = never_stopped(&config);
    let folder = tempfile::tempdir().unwrap();
    stopped(&config, folder.path(), 1);
    for steps in [2, 5, 5, 9] {
        let mut run = Run::resume(config.clone(), folder.path(), isa()).unwrap();
        let position = run.trainer().position();
        if position.epoch * STEPS + position.step < steps {
            go_for(&mut run, steps);
        }
    }
    go(&mut Run::resume(config, folder.path(), isa()).unwrap());
    assert_same(folder.path(), &whole, "stopped four times");
}

/// Class labels, accuracies and plain descent go through a checkpoint too.
#[test]
fn a_resumed_run_on_labels_equals_one_never_stopped() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("labels.npz");
    let inputs =
        |samples: usize| -> Vec<f32> { (0..samples * 8).map(|k| ((k * 37 % 19) as f32 - 9.0) / 9.0).collect() };
    let labels = |samples: usize| -> Vec<i64> { (0..samples).map(|k| (k * k % 3) as i64).collect() };
    write_labels(&file, &inputs(50), &labels(50), &inputs(12), &labels(12));
    let mut config = config("parameter = [{ name = \"input.weight\", trained = false }]");
    config.loss = LossName::CrossEntropy;
    config.task = daleian::task::TaskSpec::Data(daleian::task::Recorded { file, classes: None });
    config.output.activation = daleian::network::ActivationName::Identity;
    config.optimizer = OptimizerSpec::sgd(0.1, 0.9);
    let whole = never_stopped(&config);
    let metrics = String::from_utf8(whole[Path::new(names::METRICS)].clone()).unwrap();
    assert!(metrics.contains("train_accuracy") && !metrics.contains("NaN"), "{metrics}");
    let folder = tempfile::tempdir().unwrap();
    stopped(&config, folder.path(), 7);
    go(&mut Run::resume(config, folder.path(), isa()).unwrap());
    assert_same(folder.path(), &whole, "stopped after 7 steps");
}

/// Four arrays as numpy's `savez` would write them: inputs f32 `[samples, 4, 2]`, labels i64 `[samples]`.
fn write_labels(path: &Path, train: &[f32], train_labels: &[i64], test: &[f32], test_labels: &[i64]) {
    use npyz::WriterBuilder;
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(fs::File::create(path).unwrap());
    let mut add = |name: &str, bytes: Vec<u8>| {
        zip.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(&bytes).unwrap();
    };
    for (name, inputs, labels) in [("train", train, train_labels), ("test", test, test_labels)] {
        let mut bytes = Vec::new();
        let shape = [labels.len() as u64, 4, 2];
        let mut out = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut bytes).begin_nd().unwrap();
        out.extend(inputs.iter().copied()).unwrap();
        out.finish().unwrap();
        add(&format!("{name}_inputs"), bytes);
        let mut bytes = Vec::new();
        let shape = [labels.len() as u64];
        let mut out = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut bytes).begin_nd().unwrap();
        out.extend(labels.iter().copied()).unwrap();
        out.finish().unwrap();
        add(&format!("{name}_targets"), bytes);
    }
    zip.finish().unwrap();
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// Runs to the end in `folder`, which is copied to `copies/0`, `copies/1` and so on at every event; how many there are.
pub fn run_copied(config: &RunConfig, folder: &Path, copies: &Path) -> usize {
    let mut count = 0;
    let mut run = Run::create(config.clone(), folder, isa()).unwrap();
    run.go(&AtomicBool::new(false), &mut |_| {
        copy(folder, &copies.join(count.to_string()));
        count += 1;
    })
    .unwrap();
    count
}

/// What is on the disk when a process is killed is all that the next one has. So the folder is copied at every event of
/// a run, as if the process had been killed there in the middle of writing some file, and each copy goes on.
#[test]
fn a_killed_run_goes_on_from_its_last_checkpoint() {
    for interval in ["checkpoint = { steps = 5 }", "checkpoint = { epochs = 2 }", "checkpoint = { epochs = 1 }"] {
        let config = config(interval);
        let whole = never_stopped(&config);
        let (folder, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let count = run_copied(&config, folder.path(), copies.path());
        assert_eq!(count, 4 * STEPS + 4, "an event a step and an epoch");
        // every third copy is enough: 3 is no divisor of any interval
        for killed in (0..count).step_by(3) {
            let folder = copies.path().join(killed.to_string());
            let stale = folder.join(".daleian-xyz.tmp");
            fs::write(&stale, "half a checkpoint").unwrap();
            let mut run = Run::resume(config.clone(), &folder, isa()).unwrap();
            assert!(!stale.exists(), "what the killed process left is cleaned up");
            assert_eq!(run.warning(), None);
            go(&mut run);
            assert_same(&folder, &whole, &format!("{interval}, killed at event {killed}"));
        }
    }
}

/// Killed while figures were being written.
#[test]
fn a_run_killed_while_it_finished_is_finished_on_resume() {
    let config = config("");
    let folder = tempfile::tempdir().unwrap();
    go(&mut Run::create(config.clone(), folder.path(), isa()).unwrap());
    let whole = results(folder.path());
    fs::remove_file(folder.path().join(names::SUMMARY)).unwrap();
    fs::remove_file(folder.path().join(names::FIGURES).join("loss.svg")).unwrap();
    fs::write(folder.path().join(names::FIGURES).join("weights.svg"), "an older drawing").unwrap();
    let stale = folder.path().join(names::FIGURES).join(".daleian-xyz.tmp");
    fs::write(&stale, "half a drawing").unwrap();
    go(&mut Run::resume(config, folder.path(), isa()).unwrap());
    assert!(!stale.exists(), "what the killed process left is cleaned up");
    assert_same(folder.path(), &whole, "killed at the end");
    assert!(folder.path().join(names::SUMMARY).exists());
}

#[test]
fn more_epochs_on_resume_equal_a_longer_run() {
    let (short, long) = (config(""), RunConfig { epochs: 6, ..config("") });
    let whole = never_stopped(&long);
    for steps in [None, Some(5)] {
        let folder = tempfile::tempdir().unwrap();
        match steps {
            Some(steps) => stopped(&short, folder.path(), steps),
            None => drop(go(&mut Run::create(short.clone(), folder.path(), isa()).unwrap())),
        }
        go(&mut Run::resume(long.clone(), folder.path(), isa()).unwrap());
        assert_same(folder.path(), &whole, "longer");
    }
}

/// Every file of a folder with its bytes.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn refused(result: daleian::Result<Run>, folder: &Path, words: &[&str]) {
    let error = result.expect_err("this should be refused");
    assert!(!matches!(error, Error::Io { .. }), "{error}");
    let error = error.to_string();
    assert!(error.contains(&folder.display().to_string()), "the folder or file is named: {error}");
    for word in words {
        assert!(error.contains(word), "{word:?} is missing: {error}");
    }
}

#[test]
fn another_setting_on_resume_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let base = config("");
    stopped(&base, folder.path(), 2);
    let before = contents(folder.path());
    let mut sizes = base.clone();
    sizes.population[1].size = 4;
    let frozen = ParameterSpec { trained: false, ..ParameterSpec::new("readout.bias") };
    let faster = ParameterSpec { rate_factor: 2.0, ..ParameterSpec::new("recurrent.values") };
    let cases = [
        ("`seed`", RunConfig { seed: 4, ..base.clone() }),
        ("`batch`", RunConfig { batch: 25, epochs: 9, ..base.clone() }),
        ("`clip-norm`", RunConfig { clip_norm: None, ..base.clone() }),
        ("`parameter`", RunConfig { parameter: vec![frozen], ..base.clone() }),
        ("`constraint`", RunConfig { constraint: Constraint::Absolute, ..base.clone() }),
        ("`parameter`", RunConfig { parameter: vec![faster], ..base.clone() }),
        ("`optimizer.learning-rate`", RunConfig { optimizer: OptimizerSpec::adam(0.02), ..base.clone() }),
        ("`population`", sizes),
    ];
    for (key, other) in cases {
        refused(Run::resume(other, folder.path(), isa()), folder.path(), &[key, "cannot be resumed"]);
        assert_eq!(contents(folder.path()), before, "nothing was touched");
    }
}

#[test]
fn resuming_what_is_no_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    refused(Run::resume(config(""), folder.path(), isa()), folder.path(), &["holds no run to resume"]);
    let nowhere = folder.path().join("nowhere");
    refused(Run::resume(config(""), &nowhere, isa()), &nowhere, &["holds no run to resume"]);
    assert!(!nowhere.exists(), "and no folder is made");
}

#[test]
fn creating_over_a_run_is_refused_and_touches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let config = config("");
    stopped(&config, folder.path(), 4);
    let before = contents(folder.path());
    refused(Run::create(config.clone(), folder.path(), isa()), folder.path(), &["--resume"]);
    let other = RunConfig { seed: 9, ..config };
    refused(Run::create(other, folder.path(), isa()), folder.path(), &["another configuration", "`seed`"]);
    assert_eq!(contents(folder.path()), before);
}

#[test]
fn a_damaged_checkpoint_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = config("");
    stopped(&config, folder.path(), 4);
    let path = folder.path().join(names::CHECKPOINT);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    refused(Run::resume(config.clone(), folder.path(), isa()), &path, &["was cut"]);
    // a model is no checkpoint
    let connectome = config.connectome().unwrap();
    network(&connectome, 1, 1, 1).save(&path).unwrap();
    refused(Run::resume(config, folder.path(), isa()), &path, &["not a checkpoint"]);
}

/// The connectome is not in the configuration but in a file beside it, which may have been edited since.
#[test]
fn a_changed_edge_list_on_resume_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (edges, neurons) = (folder.path().join("edges.csv"), folder.path().join("neurons.csv"));
    let first = "pre,post\na,b\nb,c\nc,a\nb,a\n";
    fs::write(&edges, first).unwrap();
    fs::write(&neurons, "id,population,sign\na,exc,1\nb,exc,1\nc,inh,-1\n").unwrap();
    let mut config = config("");
    (config.population, config.connection) = (Vec::new(), Vec::new());
    config.connectome = Some(EdgeListSpec { neurons: Some(neurons.clone()), ..EdgeListSpec::new(&edges) });
    let run = folder.path().join("run");
    stopped(&config, &run, 4);
    let before = contents(&run);
    for other in ["pre,post\na,b\nb,c\nc,a\nb,b\n", "pre,post\na,b\nb,c\nc,a\n"] {
        fs::write(&edges, other).unwrap();
        refused(
            Run::resume(config.clone(), &run, isa()),
            &run,
            &["edges.csv: is not what it was", "`connectome.edges`"],
        );
    }
    fs::write(&edges, first).unwrap();
    fs::write(&neurons, "id,population,sign\na,exc,1\nb,exc,1\nc,inh,0\n").unwrap();
    refused(
        Run::resume(config.clone(), &run, isa()),
        &run,
        &["neurons.csv: is not what it was", "`connectome.neurons`"],
    );
    fs::write(&neurons, "id,population,sign\na,exc,1\nb,exc,1\nc,inh,-1\n").unwrap();
    assert_eq!(contents(&run), before);
    assert!(matches!(go(&mut Run::resume(config, &run, isa()).unwrap()), Ending::Finished(_)));
}

/// The same pattern with another weight is another start.
#[test]
fn a_changed_weight_on_resume_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let edges = folder.path().join("edges.csv");
    fs::write(&edges, "pre,post,weight\na,b,0.5\nb,a,-0.25\n").unwrap();
    let mut config = config("");
    (config.population, config.connection) = (Vec::new(), Vec::new());
    config.init.weights = daleian::network::InitWeights::Edges;
    config.connectome = Some(EdgeListSpec::new(&edges));
    let run = folder.path().join("run");
    stopped(&config, &run, 4);
    fs::write(&edges, "pre,post,weight\na,b,0.5\nb,a,-0.125\n").unwrap();
    refused(Run::resume(config, &run, isa()), &run, &["edges.csv: is not what it was", "`connectome.edges`"]);
}

/// Training that diverges stops before it spoils anything: the checkpoint on the disk is the last good one.
#[test]
fn divergence_keeps_the_last_good_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config("checkpoint = { steps = 2 }");
    config.cell.activation = daleian::network::ActivationName::Identity;
    (config.cell.rectified, config.clip_norm) = (false, None);
    config.output.activation = daleian::network::ActivationName::Identity;
    config.optimizer = OptimizerSpec::sgd(1e4, 0.0);
    config.epochs = 50;
    let mut run = Run::create(config.clone(), folder.path(), isa()).unwrap();
    let error = run.go(&AtomicBool::new(false), &mut |_| {}).unwrap_err();
    let Error::Diverged { epoch, step, .. } = error else { panic!("{error}") };
    let done = (epoch - 1) * STEPS + step - 1;
    let resumed = Run::resume(config, folder.path(), isa()).unwrap();
    let position = resumed.trainer().position();
    assert_eq!(position.epoch * STEPS + position.step, done - done % 2, "{error}");
    for name in ParameterId::COMMON {
        assert!(resumed.trainer().network().parameters()[name].iter().all(|x| x.is_finite()), "{name:?}");
    }
    assert!(!folder.path().join(names::MODEL).exists());
}

/// One seed, one stream a purpose: another training size leaves the network at its start as it was.
#[test]
fn the_start_depends_on_the_seed_alone() {
    let start = |config: &RunConfig| bits(config.trainer(isa()).unwrap().network().parameters());
    let base = config("");
    let mut longer = RunConfig { batch: 7, epochs: 1, ..base.clone() };
    longer.task = daleian::task::TaskSpec::FlipFlop(daleian::task::FlipFlop {
        channels: 1,
        steps: 9,
        probability: 0.1,
        train_samples: 70,
        test_samples: 1,
        samples: daleian::task::Drawn::Fixed,
    });
    assert_eq!(start(&base), start(&longer));
    assert_ne!(start(&base), start(&RunConfig { seed: 4, ..base.clone() }));
    let data = |seed| -> Data {
        FlipFlop {
            channels: 1,
            steps: 5,
            probability: 0.3,
            train_samples: 50,
            test_samples: 12,
            samples: daleian::task::Drawn::Fixed,
        }
        .generate(seed)
        .unwrap()
    };
    let (trainer, wanted) = (base.trainer(isa()).unwrap(), data(3));
    assert_eq!(trainer.data().train().fingerprint(), wanted.train().fingerprint());
    assert_eq!(trainer.data().test(), wanted.test());
}
