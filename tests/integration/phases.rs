//! Train, prune, train again in one run: each phase with its settings, and the same bits wherever it was stopped.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use daleian::network::Network;
use daleian::prune::{PruneMethod, PruneTarget, Pruning};
use daleian::run::{Ending, Event, PhaseSpec, Run, RunConfig, Start, names};

use crate::command::{Place, config, edited, rules};
use crate::resume::{assert_same, copy, go, results, run_copied};
use crate::support::isa;

/// Steps of the first and the third phase, 50 samples each: batches of 20 and of 30.
const STEPS: [usize; 2] = [3, 2];

/// Five phases, with all that may change between them.
fn five(extra: &str) -> RunConfig {
    let text = format!(
        r#"
        name = "small"
        seed = 3
        batch = 20
        constraint = "dale"
        loss = "mse"
        task = {{ kind = "flip-flop", steps = 5, probability = 0.3, train-samples = 50, test-samples = 12 }}
        cell = {{ activation = "tanh", rectified = true }}
        output = {{ activation = "tanh" }}
        optimizer = {{ kind = "adam", learning-rate = 0.01 }}
        schedule = {{ kind = "step", every = 1, factor = 0.5 }}
        population = [{{ name = "exc", size = 8, sign = 1 }}, {{ name = "inh", size = 3, sign = -1 }}]
        connection = [{{ rule = "probability", probability = 0.5 }}]
        {extra}
        [[phase]]
        kind = "train"
        epochs = 2
        [[phase]]
        kind = "prune"
        method = "top-prob"
        density = 0.3
        moments = "keep"
        [[phase]]
        kind = "train"
        epochs = 2
        batch = 30
        parameter = [{{ name = "input.weight", trained = false }}]
        [[phase]]
        kind = "prune"
        method = "random"
        blocks = [{{ pre = "exc", post = "exc", density = 0.1 }}]
        [[phase]]
        kind = "train"
        epochs = 1
        constraint = "none"
        optimizer = {{ kind = "sgd", learning-rate = 0.05, momentum = 0.5 }}
        "#
    );
    RunConfig::from_toml(&text, "five", "").unwrap()
}

/// As [`results`], with the summary but for its times.
fn all_results(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = results(folder);
    let mut summary: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join(names::SUMMARY)).unwrap()).unwrap();
    summary.as_object_mut().unwrap().remove("seconds").unwrap();
    found.insert(names::SUMMARY.into(), summary.to_string().into_bytes());
    found.insert(names::START.into(), fs::read(folder.join(names::START)).unwrap());
    found
}

fn never_stopped(config: &RunConfig) -> BTreeMap<PathBuf, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    go(&mut Run::create(config.clone(), folder.path(), isa()).unwrap());
    all_results(folder.path())
}

fn assert_all_same(folder: &Path, want: &BTreeMap<PathBuf, Vec<u8>>, what: &str) {
    let got = all_results(folder);
    assert!(got.keys().eq(want.keys()), "{what}: {:?}", got.keys());
    for (name, want) in want {
        assert!(&got[name] == want, "{what}: {} has other bytes", name.display());
    }
}

/// Two epochs, a pruning, two epochs, a pruning, one epoch.
#[test]
fn each_phase_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::create(five(""), folder.path(), isa()).unwrap();
    let steps = 2 * STEPS[0] + 2 * STEPS[1] + STEPS[0];
    assert_eq!((run.total_steps(), run.steps_done(), run.phase()), (steps, 0, 1));
    let before = run.trainer().network().wiring().recurrent().nnz();
    let (mut told, mut seen, mut rows) = (Vec::new(), 0, Vec::new());
    let ending = run.go(&AtomicBool::new(false), &mut |event| match event {
        Event::PhaseBegan { number, phase } => told.push((number, phase.kind())),
        Event::PhaseDone { number, report } => {
            told.push((number, if report.kind == "train" { "train" } else { "prune" }))
        }
        Event::Step { done, .. } => {
            seen += 1;
            assert_eq!(done, seen);
        }
        Event::Epoch(row) => rows.push(*row),
        _ => {}
    });
    let Ending::Finished(report) = ending.unwrap() else { panic!("nobody asked it to stop") };
    let kinds = ["train", "prune", "train", "prune", "train"];
    let want: Vec<_> = kinds.iter().zip(1..).flat_map(|(&kind, number)| [(number, kind); 2]).collect();
    assert_eq!((seen, told), (steps, want));
    // the schedule begins anew with each phase
    let rates: Vec<_> = rows.iter().map(|row| (row.epoch, row.phase, row.learning_rate)).collect();
    assert_eq!(rates, [(1, 1, 0.01), (2, 1, 0.005), (3, 3, 0.01), (4, 3, 0.005), (5, 5, 0.05)]);
    let phases = &report.phases;
    assert_eq!(phases.iter().map(|phase| phase.kind.as_str()).collect::<Vec<_>>(), kinds);
    assert_eq!(phases.iter().map(|phase| phase.epochs).collect::<Vec<_>>(), [2, 0, 2, 0, 1]);
    let synapses: Vec<usize> = phases.iter().map(|phase| phase.synapses).collect();
    assert!(synapses[0] == before && synapses[1] < before && synapses[1] == synapses[2], "{synapses:?}");
    assert!(synapses[3] < synapses[2] && synapses[3] == synapses[4] && synapses[4] == report.synapses, "{synapses:?}");
    assert_eq!((phases[1].density, phases[1].train_loss), (synapses[1] as f64 / 121.0, None));
    assert_eq!((phases[0].test_loss, phases[2].test_loss), (rows[1].test_loss, rows[3].test_loss));
    assert!(phases[1].test_loss != phases[0].test_loss && phases[1].test_loss.is_finite());
    assert_eq!((report.test_loss, report.epochs), (rows[4].test_loss, 5));
    // the model says what was taken away
    let model = Start::read(folder.path().join(names::MODEL)).unwrap();
    assert_eq!(model.pruned.iter().map(|note| &note["seed"]).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(model.pruned[0]["obtained"], synapses[1]);
    let metrics = fs::read_to_string(folder.path().join(names::METRICS)).unwrap();
    assert!(metrics.starts_with("epoch,phase,learning_rate,") && metrics.contains("\n3,3,0.01,"), "{metrics}");
}

/// The folder as it is at any event of the run is all that there is after kill -9.
#[test]
fn killed_in_any_phase_a_run_goes_on_with_the_same_bits() {
    for interval in ["checkpoint = { epochs = 2 }", "checkpoint = { steps = 2 }"] {
        let config = five(interval);
        let whole = never_stopped(&config);
        let (folder, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let count = run_copied(&config, folder.path(), copies.path());
        assert_all_same(folder.path(), &whole, "with copies");
        assert_eq!(count, 13 + 5 + 2 * 5, "an event per step and epoch, two per phase");
        for killed in 0..count {
            let folder = copies.path().join(killed.to_string());
            go(&mut Run::resume(config.clone(), &folder, isa()).unwrap());
            assert_all_same(&folder, &whole, &format!("{interval}, killed at event {killed}"));
        }
    }
}

/// Stopped at every event, and taken up again each time.
#[test]
fn stopped_again_and_again_a_run_goes_on_with_the_same_bits() {
    let config = five("");
    let whole = never_stopped(&config);
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::create(config.clone(), folder.path(), isa()).unwrap();
    let mut stops = 0;
    loop {
        let stop = AtomicBool::new(false);
        // a phase that begins was told of before; the next event is news
        let ending = run.go(&stop, &mut |event| {
            if !matches!(event, Event::PhaseBegan { .. }) {
                stop.store(true, Ordering::Relaxed);
            }
        });
        if let Ending::Finished(_) = ending.unwrap() {
            break;
        }
        stops += 1;
        run = Run::resume(config.clone(), folder.path(), isa()).unwrap();
    }
    assert!(stops >= 13, "{stops}");
    assert_all_same(folder.path(), &whole, "stopped at every event");
    // what is finished stays so
    go(&mut Run::resume(config, folder.path(), isa()).unwrap());
    assert_all_same(folder.path(), &whole, "resumed after its end");
}

/// What the commands `train` and `prune` do one after the other; and a run that ends with a pruning.
#[test]
fn phases_do_what_the_commands_do() {
    let single = RunConfig { epochs: 2, phase: Vec::new(), ..five("") };
    let mut both = five("");
    both.phase.truncate(2);
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    go(&mut Run::create(single, &one, isa()).unwrap());
    let Ending::Finished(report) = go(&mut Run::create(both.clone(), &two, isa()).unwrap()) else { panic!("it ends") };
    let mut start = Start::read(one.join(names::MODEL)).unwrap();
    let target = PruneTarget::Whole(0.3);
    start.prune(&Pruning { method: PruneMethod::TopProb, target, redistribute: true }, 3).unwrap();
    let model = Network::load(two.join(names::MODEL)).unwrap();
    assert_eq!(model.wiring().recurrent(), start.network.wiring().recurrent());
    assert_eq!(model.parameters(), start.network.parameters());
    assert_eq!((report.test_loss, report.epochs), (report.phases[1].test_loss, 2));
    let whole = all_results(&two);
    go(&mut Run::resume(both, &two, isa()).unwrap());
    assert_all_same(&two, &whole, "resumed after its end");
}

/// Where nothing changes from phase to phase, they are one.
#[test]
fn training_goes_on_from_phase_to_phase() {
    let mut parts = five("");
    parts.schedule = Default::default();
    let PhaseSpec::Train(phase) = parts.phase[0].clone() else { panic!("it trains") };
    let whole = RunConfig { epochs: 4, phase: Vec::new(), ..parts.clone() };
    parts.phase = vec![PhaseSpec::Train(phase.clone()), PhaseSpec::Train(phase)];
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = [(parts, "parts"), (whole, "whole")].map(|(config, name)| {
        let folder = folder.path().join(name);
        go(&mut Run::create(config, &folder, isa()).unwrap());
        Network::load(folder.join(names::MODEL)).unwrap()
    });
    assert_eq!(one.parameters(), two.parameters());
}

/// A run may begin with a pruning, of a model that it starts from.
#[test]
fn a_pruning_may_come_first() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    go(&mut Run::create(RunConfig { epochs: 1, phase: Vec::new(), ..five("") }, &first, isa()).unwrap());
    let mut config = five("");
    config.phase.drain(..1);
    let start = Start::read(first.join(names::MODEL)).unwrap();
    let nnz = start.network.wiring().recurrent().nnz();
    let mut run = Run::create_from_start(config, &second, isa(), start, &mut |_| ()).unwrap();
    let stop = AtomicBool::new(true);
    assert!(matches!(run.go(&stop, &mut |_| ()).unwrap(), Ending::Interrupted(_)));
    let config = RunConfig::read(&second.join(names::CONFIG)).unwrap();
    let Ending::Finished(report) = go(&mut Run::resume(config, &second, isa()).unwrap()) else { panic!("it ends") };
    assert_eq!((report.epochs, report.phases.len()), (3, 4));
    assert!(report.phases[0].synapses < nnz);
}

#[test]
fn only_the_last_phase_may_be_longer_on_resume() {
    let longer = |at: usize, more: usize| {
        let mut config = five("");
        let PhaseSpec::Train(phase) = &mut config.phase[at] else { panic!("it trains") };
        phase.epochs += more;
        config
    };
    let whole = never_stopped(&longer(4, 2));
    let folder = tempfile::tempdir().unwrap();
    go(&mut Run::create(five(""), folder.path(), isa()).unwrap());
    let error = Run::resume(longer(2, 1), folder.path(), isa()).unwrap_err().to_string();
    assert!(error.contains("`phase` differs"), "{error}");
    go(&mut Run::resume(longer(4, 2), folder.path(), isa()).unwrap());
    assert_all_same(folder.path(), &whole, "longer");
    let error = Run::resume(five(""), folder.path(), isa()).unwrap_err().to_string();
    assert!(error.contains("`epochs`: 1, but the run") && error.contains("expected at least 3"), "{error}");
}

const PHASES: &str = r#"
[[phase]]
kind = "train"
epochs = 2
[[phase]]
kind = "prune"
method = "top-prob"
blocks = "blocks.csv"
rest = "drop"
[[phase]]
kind = "train"
epochs = 1
batch = 16
"#;

fn in_phases() -> Place {
    let place = Place::own();
    place.write("phases.toml", edited(&config(&[]), "epochs = 3\n", "") + PHASES);
    place.write("blocks.csv", "pre,post,density\nexc,exc,0.3\nexc,inh,0.25\n");
    place
}

#[test]
fn the_command_tells_of_phases() {
    let place = in_phases();
    let answer = place.done("train phases.toml --out run");
    for words in
        ["own: 8 neurons, 24 synapses, 3 epochs", "phase 1 of 3: train for 2 epochs", "phase 2 of 3: prune by top-prob"]
    {
        assert!(answer.err.contains(words), "{words}: {answer:?}");
    }
    assert!(answer.err.contains("synapses stay, density 0.") && answer.err.contains("epoch 3 of 3"), "{answer:?}");
    assert!(answer.out.contains("phase 3") && answer.out.contains("train, density"), "{answer:?}");
    let found = place.done("inspect run --json").json();
    let want = serde_json::json!({"epochs": 3, "steps": 0, "of": 3, "phase": 3, "phases": 3});
    assert_eq!((&found["progress"], &found["problems"]), (&want, &serde_json::json!([])));
    assert!(place.done("inspect run").out.contains("3 of 3; phase 3 of 3"));
    // the larger batch takes most
    let memory = |words: &str| place.done(words).json();
    let largest = memory("train phases.toml --dry-run --json");
    let batch = |size: usize| memory(&format!("train own.toml --set batch={size} --dry-run --json"))["states"].clone();
    assert_eq!(largest["states"], batch(16));
    assert_eq!(found["training"]["batch"], 16);
    let answer = place.typed("train phases.toml --epochs 3 --out other");
    assert!(answer.message(2).contains("`--epochs`: each phase has epochs of its own"), "{answer:?}");
}

/// The densities of blocks are in the run folder; without a configuration, and with one whose file is gone.
#[test]
fn the_file_of_blocks_is_not_needed_again() {
    let place = in_phases();
    place.done("train phases.toml --out whole");
    let text = place.text("whole/config.toml");
    assert!(!text.contains("blocks.csv") && text.contains("density = 0.25"), "{text}");
    // stopped before the pruning by a file system that takes no more, so to say: a run of one epoch less
    let config = RunConfig::read(&place.path("phases.toml")).unwrap();
    let folder = place.path("run");
    let stop = AtomicBool::new(false);
    let mut run = Run::create(config, &folder, isa()).unwrap();
    let ending = run.go(&stop, &mut |event| {
        if matches!(event, Event::Epoch(_)) {
            stop.store(true, Ordering::Relaxed);
        }
    });
    assert!(matches!(ending.unwrap(), Ending::Interrupted(_)));
    copy(&folder, &place.path("again"));
    place.write("blocks.csv", "pre,post,density\nexc,exc,0.2\nexc,inh,0.25\n");
    let answer = place.typed("train phases.toml --out run --resume");
    assert!(answer.message(2).contains("`phase` differs"), "{answer:?}");
    fs::remove_file(place.path("blocks.csv")).unwrap();
    place.done("train phases.toml --out run --resume");
    place.done("train --out again --resume");
    for run in ["run", "again"] {
        assert_same(&place.path(run), &results(&place.path("whole")), run);
    }
}

#[test]
fn prunings_that_cannot_be_are_refused_before_anything_is_written() {
    let place = in_phases();
    let before = place.tree();
    for (change, says) in [
        ("phase.2.blocks=none.csv", "none.csv: cannot open"),
        (
            "phase.2.blocks=[{pre=\"exc\",post=\"vip\",density=0.1}]",
            "`phase.2.blocks`: from `exc` to `vip`: no neuron has type `vip`",
        ),
        (
            "phase.2.blocks=[{pre=\"exc\",post=\"exc\",density=0.9}]",
            "`phase.2.blocks`: from `exc` to `exc`: 0.9 of 36 pairs",
        ),
        ("phase.3.batch=1000", "`batch`: 1000"),
        ("phase.3.loss=mse", "loss"),
        ("phase.4.epochs=3", "`phase.4.epochs`: `phase` is a list of 3"),
    ] {
        let answer = place.run(["train", "phases.toml", "--out", "run", "--set", change]);
        assert!(answer.message(2).contains(says), "{change}: {answer:?}");
        assert!(place.tree() == before, "{change}");
    }
}

/// `--set` says the same as the file.
#[test]
fn settings_are_changed_from_the_command_line() {
    let place = Place::own();
    place.write("rules.toml", rules(&[]));
    place.write("edited.toml", rules(&[("size = 12", "size = 10"), ("learning-rate = 0.01", "learning-rate = 0.02")]));
    place.done("train rules.toml --set population.1.size=10 --set optimizer.learning-rate=0.02 --out a");
    place.done("train edited.toml --out b");
    assert!(place.read("a/model.safetensors") == place.read("b/model.safetensors"));
    assert!(place.read("a/config.toml") == place.read("b/config.toml"));
    place.done("train --from a/model.safetensors --set batch=5 --out c");
    assert!(place.text("c/config.toml").contains("batch = 5"));
    let answer = place.typed("train --out a --resume --set batch=5");
    assert!(answer.message(2).contains("`batch` differs"), "{answer:?}");
    place.done("train --out a --resume --set epochs=4");
    let answer = place.typed("train rules.toml --set optimizer.rate=1 --out d");
    assert!(answer.message(2).contains("`optimizer.rate=1`") && answer.err.contains("unknown field"), "{answer:?}");
    let answer = place.typed("train rules.toml --set nothing --out d");
    assert!(answer.message(2).contains("key=value"), "{answer:?}");
}
