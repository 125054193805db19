//! Memory in proportion to synapses: 200,000 neurons with 100 synapses each. One n × n matrix would be 160 GB.
//!
//! The peak is that of a whole process, so the work runs in one of its own: this test binary, asked for one ignored
//! test.

use std::process::Command;
use std::sync::atomic::AtomicBool;

use daleian::bptt::LossName;
use daleian::connectome::{ConnectionSpec, Connectome, PopulationSpec, Sign};
use daleian::data::Data;
use daleian::network::{Fan, InitSpec, Network, RECURRENT};
use daleian::optim::OptimizerSpec;
use daleian::run::{Ending, Resources, Run, RunConfig, presets};
use daleian::task::{FlipFlop, Task};
use daleian::train::{TrainSettings, Trainer};

use crate::support::{bits, isa};

const NEURONS: usize = 200_000;
const IN_DEGREE: usize = 100;

/// The most memory that this process has had resident, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().trim().parse::<usize>().unwrap() * 1024
}

#[test]
fn memory_is_in_proportion_to_synapses() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "large::in_a_process_of_its_own", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
fn the_peak_is_the_predicted_one() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "large::a_run_in_a_process_of_its_own", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
fn the_peak_is_below_the_limit() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "large::a_limited_run_in_a_process_of_its_own", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{text}");
}

/// A seventh of the network of `fly`, for one epoch of one step.
fn small_fly() -> RunConfig {
    let text = presets::text("fly").unwrap();
    let text = text.replace("size = 111200", "size = 16000").replace("size = 27800", "size = 4000");
    let text = text.replace("train-samples = 32", "train-samples = 16");
    RunConfig { epochs: 1, ..RunConfig::from_toml(&text, "small fly", "").unwrap() }
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn a_limited_run_in_a_process_of_its_own() {
    let config = small_fly();
    let all = config.memory().unwrap();
    // an eighth of the limit is left free
    let counted = all.total - all.states * 7 / 10;
    let limit = counted * 8 / 7 + 1;
    let resources = Resources { exec: isa().into(), memory_limit: Some(limit) };
    let folder = tempfile::tempdir().unwrap();
    let mut predicted = 0;
    let mut run = Run::create_with(config, &folder.path().join("run"), resources, &mut |memory| {
        predicted = memory.total;
        assert_eq!((memory.storage.segments.slots(), memory.storage.segments.count()), (15, 4));
    })
    .unwrap();
    assert!(matches!(run.go(&AtomicBool::new(false), &mut |_| ()).unwrap(), Ending::Finished(_)));
    let peak = peak() as u64;
    println!("{peak} bytes at the peak, {predicted} predicted, at most {limit}");
    assert_eq!(predicted, counted);
    assert!(peak <= limit, "{peak} bytes at the peak, {limit} allowed");
    let share = peak as f64 / predicted as f64;
    assert!((0.9..1.1).contains(&share), "{peak} bytes at the peak, {predicted} predicted");
}

#[test]
#[ignore = "run by a test above, in a process of its own"]
fn a_run_in_a_process_of_its_own() {
    let config = small_fly();
    let folder = tempfile::tempdir().unwrap();
    let mut predicted = 0;
    let mut run = Run::create_with(config, &folder.path().join("run"), isa(), &mut |memory| {
        predicted = memory.total as usize;
        assert!(peak() < predicted / 2, "told before anything large is there");
    })
    .unwrap();
    let Ending::Finished(report) = run.go(&AtomicBool::new(false), &mut |_| ()).unwrap() else {
        panic!("not finished")
    };
    assert_eq!((report.neurons, report.synapses, report.sign_violations), (20_000, 2_172_662, 0));
    let share = peak() as f64 / predicted as f64;
    assert!((0.9..1.1).contains(&share), "{} bytes at the peak, {predicted} predicted", peak());
}

/// What training with Adam has to keep of a synapse: its column, weight, gradient and two moments; its row, its place
/// (of two bytes) and its weight once more in the transposed index: 30 bytes and two bits of sign.
const KEPT: usize = 31;

/// On top of it the states in time: 16 lanes (the fewest) for 100 synapses, about a dozen times. Loading a second
/// network beside the first stays below.
const STATES: usize = 12 * 16 * 4 / IN_DEGREE + 1;

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn in_a_process_of_its_own() {
    let began = std::time::Instant::now();
    let synapses = NEURONS * IN_DEGREE;
    let tell = |what: &str| {
        println!("{what}: peak {} bytes a synapse, {:.1} s", peak() / synapses, began.elapsed().as_secs_f64());
    };
    let populations = [("exc", 160_000, Sign::Excitatory), ("inh", 40_000, Sign::Inhibitory)]
        .map(|(name, size, sign)| PopulationSpec::new(name, size, sign));
    let connectome = Connectome::from_rules(&populations, &[ConnectionSpec::in_degree(IN_DEGREE)], 1).unwrap();
    assert_eq!((connectome.neurons(), connectome.pattern().nnz()), (NEURONS, synapses));
    tell("drawn");
    let init = InitSpec { fan: Fan::InDegree, ..InitSpec::default() };
    let network = Network::builder(&connectome).input(1).readout(1).init(init).build().unwrap();
    tell("built");
    let task = FlipFlop {
        channels: 1,
        steps: 2,
        probability: 0.5,
        train_samples: 2,
        test_samples: 1,
        samples: daleian::task::Drawn::Fixed,
    };
    let data: Data = task.generate(1).unwrap();
    let settings = TrainSettings::new(LossName::Mse, 2, OptimizerSpec::adam(1e-3));
    let before = network.parameters()[RECURRENT][..100].to_vec();
    let mut trainer = Trainer::new(network, data, settings, isa()).unwrap();
    let (outcome, _) = trainer.step().unwrap();
    assert!(outcome.loss.is_finite());
    tell("trained");
    let network = trainer.into_network();
    assert!(network.parameters()[RECURRENT][..100] != before[..]);
    assert_eq!(network.sign_violations(), 0);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    network.save(&path).unwrap();
    tell("saved");
    let loaded = Network::load(&path).unwrap();
    tell("loaded");
    assert!(loaded.wiring().recurrent() == network.wiring().recurrent());
    assert!(bits(loaded.parameters()) == bits(network.parameters()));
    let room = (KEPT + STATES) * 5 / 4;
    assert!(peak() < room * synapses, "{} bytes a synapse, {room} should do", peak() / synapses);
}
