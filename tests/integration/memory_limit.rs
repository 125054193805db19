//! Under a memory limit time steps are computed twice and lane groups take turns, and no bit is another.

use daleian::bptt::{Bptt, Layout, LossName, Objective, Storage};
use daleian::connectome::ConnectionSpec;
use daleian::data::{Dataset, Targets};
use daleian::network::{ActivationName, CellSpec, Network, ParameterId, Parameters, RECURRENT};
use daleian::optim::OptimizerSpec;
use daleian::random::{Purpose, stream};
use daleian::train::{TrainSettings, Trainer, fill};
use proptest::prelude::*;
use rand::{Rng, RngExt};

use crate::command::{Place, without_seconds};
use crate::support::{Blocks, bits, connectome, flip_flop, isa, network};

/// A network, a batch, and what to make of them.
#[derive(Clone, Debug)]
struct Case {
    sizes: [usize; 3],
    density: f64,
    cell: CellSpec,
    blocks: Blocks,
    loss: LossName,
    masked: bool,
    l2_rates: f64,
    samples: usize,
    steps: usize,
    trainable: Vec<ParameterId>,
}

impl Case {
    fn new(sizes: [usize; 3], density: f64, samples: usize, steps: usize) -> Self {
        Self {
            sizes,
            density,
            cell: CellSpec::default(),
            blocks: Blocks::Dense,
            loss: LossName::Mse,
            masked: false,
            l2_rates: 0.1,
            samples,
            steps,
            trainable: ParameterId::COMMON.to_vec(),
        }
    }

    fn network(&self) -> Network {
        let connectome = connectome(self.sizes, ConnectionSpec::probability(self.density), 5);
        let (input, readout) = self.blocks.of(&connectome);
        let builder = Network::builder(&connectome).cell(self.cell).input(3).input_blocks(input);
        let builder = builder.readout(3).readout_blocks(readout).output_activation(ActivationName::Tanh);
        builder.seed(5).build().unwrap()
    }

    fn data(&self) -> Dataset {
        let mut rng = stream(5, Purpose::TrainSamples, 99);
        let size = self.samples * self.steps * 3;
        let mut values = || (0..size).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect::<Vec<f32>>();
        let (inputs, answers) = (values(), values());
        let mask = self.masked.then(|| values().iter().map(|x| x.max(0.0)).collect());
        let targets = match self.loss {
            LossName::Mse => Targets::Series { values: answers, outputs: 3, mask },
            LossName::CrossEntropy => {
                Targets::Classes { labels: (0..self.samples).map(|_| rng.next_u32() % 3).collect(), classes: 3 }
            }
            loss => panic!("{loss:?} has no samples here"),
        };
        Dataset::new(inputs, [self.samples, self.steps, 3], targets).unwrap()
    }

    /// The objective and the gradient of all samples, then of only a few, as bits.
    fn gradients(&self, network: &Network, data: &Dataset, mut bptt: Bptt) -> Vec<(u64, Vec<Vec<u32>>)> {
        let objective = Objective { loss: self.loss, l2_weights: 0.01, l2_rates: self.l2_rates };
        let mut gradients: Parameters = bptt.gradients(network);
        let mut pass = |samples: usize| {
            fill(&mut bptt, data, &(0..samples as u32).collect::<Vec<u32>>());
            let outcome = bptt.gradient(network, &objective, &mut gradients);
            fill(&mut bptt, data, &(0..samples as u32).collect::<Vec<u32>>());
            let evaluated = bptt.evaluate(network, &objective);
            assert_eq!(outcome.objective.to_bits(), evaluated.objective.to_bits());
            assert!(outcome.objective.is_finite());
            (outcome.objective.to_bits(), bits(&gradients))
        };
        vec![pass(self.samples), pass(self.samples.div_ceil(3))]
    }

    fn storage(&self, network: &Network, storage: &Storage) -> Bptt {
        Bptt::with_storage(network, isa(), self.loss, self.samples, &self.trainable, storage.clone())
    }

    /// Fails where a storage gives other bits than keeping everything.
    fn check(&self, storages: &[Storage]) {
        let (network, data) = (self.network(), self.data());
        let whole = Bptt::new(&network, isa(), self.loss, self.samples, self.steps, &self.trainable);
        let want = self.gradients(&network, &data, whole);
        for storage in storages {
            let got = self.gradients(&network, &data, self.storage(&network, storage));
            assert!(got == want, "{storage} in {self:?}");
        }
    }
}

fn any_case() -> impl Strategy<Value = Case> {
    let network = ([1usize..12, 1usize..8, 1usize..5], any::<bool>(), any::<bool>(), any::<bool>());
    let activation = prop_oneof![Just(ActivationName::Tanh), Just(ActivationName::Sigmoid), Just(ActivationName::Relu)];
    let data = (1usize..200, 1usize..60, any::<bool>(), any::<bool>(), any::<bool>());
    let trainable = prop_oneof![
        Just(ParameterId::COMMON.to_vec()),
        proptest::sample::subsequence(ParameterId::COMMON.to_vec(), 1..5),
    ];
    (network, activation, data, trainable).prop_map(|(network, activation, data, trainable)| {
        let (sizes, rectified, bias, population) = network;
        let (samples, steps, masked, classes, penalty) = data;
        Case {
            cell: CellSpec { activation, rectified, bias, ..CellSpec::default() },
            blocks: if population { Blocks::Population } else { Blocks::Dense },
            loss: if classes { LossName::CrossEntropy } else { LossName::Mse },
            masked,
            l2_rates: if penalty { 0.3 } else { 0.0 },
            trainable,
            ..Case::new(sizes, 0.5, samples, steps)
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever the room is: what is chosen fits, takes less room only where there is less, and gives the same bits.
    #[test]
    fn no_limit_shows_in_a_gradient(case in any_case(), share in 0.0f64..1.0) {
        let network = case.network();
        let wiring = network.wiring();
        let bytes = |storage: &Storage| storage.bytes(wiring, case.samples);
        let least = Storage::least(wiring, case.samples, case.steps);
        let whole = Storage::whole(wiring, case.samples, case.steps);
        let within = |room| Storage::within(wiring, case.samples, case.steps, room);
        prop_assert_eq!(within(bytes(&least)).as_ref().map(&bytes), Some(bytes(&least)));
        prop_assert_eq!(within(bytes(&least) - 1), None);
        prop_assert_eq!(within(bytes(&whole)), Some(whole.clone()));
        let room = bytes(&least) + (share * (bytes(&whole) - bytes(&least)) as f64) as u64;
        let some = within(room).unwrap();
        prop_assert!(bytes(&some) <= room);
        case.check(&[least, some]);
    }
}

/// The largest part of the states that is below `share` of all, and the least.
fn storages(case: &Case, shares: &[f64]) -> Vec<Storage> {
    let network = case.network();
    let wiring = network.wiring();
    let whole = Storage::whole(wiring, case.samples, case.steps).bytes(wiring, case.samples);
    let of = |&share: &f64| Storage::within(wiring, case.samples, case.steps, (share * whole as f64) as u64).unwrap();
    shares.iter().map(of).chain([Storage::least(wiring, case.samples, case.steps)]).collect()
}

/// A time step is work enough to share among threads, forward and backward.
#[test]
fn no_limit_shows_where_rows_are_split() {
    for (rectified, samples) in [(true, 60), (false, 17), (true, 90)] {
        let case = Case::new([90, 70, 40], 1.0, samples, 13);
        let case = Case { cell: CellSpec { rectified, ..case.cell }, ..case };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(5).build().unwrap();
        pool.install(|| {
            let plan = case.storage(&case.network(), &storages(&case, &[])[0]).plan().clone();
            assert!(plan.forward.is_some() && plan.backward.is_some());
            case.check(&storages(&case, &[0.9, 0.6]));
        });
    }
}

/// Gradients are too large for every lane group to have its own: lane groups go one after the other, through the same memory.
#[test]
fn no_limit_shows_where_lane_groups_do_not_run_apart() {
    let case = Case::new([1500, 500, 60], 1.0, 65, 5);
    let all = storages(&case, &[0.95]);
    let network = case.network();
    let plan = case.storage(&network, &all[0]).plan().clone();
    assert!(!plan.apart && plan.groups.len() == 2 && all[0].in_turn == 2);
    assert_eq!(Storage::whole(network.wiring(), 65, 5).in_turn, 2);
    assert!(all[0].segments.count() > 1);
    case.check(&all);
}

/// W in tiles of columns: the directions share the memory of the values but under a limit.
#[test]
fn no_limit_shows_in_tiles() {
    for (sizes, samples) in [([300, 90, 40], 60), ([500, 150, 40], 130)] {
        let case = Case::new(sizes, 0.1, samples, 9);
        assert!(matches!(Layout::choose(case.network().wiring(), samples), Layout::Tiles { .. }));
        case.check(&storages(&case, &[0.9, 0.7]));
        let recurrent_only = Case { trainable: vec![RECURRENT], ..case };
        recurrent_only.check(&storages(&recurrent_only, &[0.7]));
    }
}

/// Where computing all but a few steps twice is not enough, lane groups take turns in the same memory.
#[test]
fn lane_groups_take_turns_where_segments_are_not_enough() {
    let case = Case::new([30, 10, 5], 0.4, 200, 6);
    let network = case.network();
    let wiring = network.wiring();
    // states and two δ, an odd number of cache lines from one to the next (3 · 45 in 48 lanes, 4 · 45 + 1 in 64); rates of two
    // steps
    let apart = |slots: u64| ((slots + 2) * (3 * 135 + 181) + 2 * (3 * 135 + 180)) * 64;
    let of = |room| Storage::within(wiring, 200, 6, room).unwrap();
    let [whole, half, least, turns] = [apart(6), apart(3), apart(3) - 1, apart(1)].map(of);
    assert_eq!((whole.in_turn, whole.segments.count(), whole.segments.twice()), (1, 1, 0));
    assert_eq!((half.in_turn, half.segments.slots(), half.segments.twice()), (1, 3, 3));
    // 6 steps need at least 3 slots: 1 + 1 + 2 of 2 slots are 4 steps, 2 + 2 are too
    assert_eq!(least.in_turn, 2);
    // two pairs of lane groups: 48 and 64 lanes
    assert!(least.bytes(wiring, 200) < apart(3) && least.segments.twice() < 6);
    assert!(turns.in_turn >= 2 && turns.bytes(wiring, 200) <= apart(1));
    assert_eq!(
        half.to_string(),
        "3 states are kept for 6 steps, which go back in 2 segments: 3 steps are computed twice"
    );
    assert_eq!(whole.to_string(), "the states of all 6 steps are kept");
    assert!(turns.to_string().ends_with("lane groups of the batch take turns in the same memory"), "{turns}");
    case.check(&[whole, half, least, turns]);
}

/// Training under a limit, the last batch of an epoch smaller, and what a trainer says to a limit that is too low.
#[test]
fn a_trainer_within_its_limit() {
    let connectome = connectome([400, 80, 20], ConnectionSpec::probability(0.1), 3);
    let settings = |memory_limit| TrainSettings {
        memory_limit,
        ..TrainSettings::new(LossName::Mse, 100, OptimizerSpec::adam(0.01))
    };
    let make = |memory_limit| {
        Trainer::new(network(&connectome, 1, 1, 4), flip_flop(40, 250, 30), settings(memory_limit), isa())
    };
    let epoch = |memory_limit| {
        let mut trainer = make(memory_limit).unwrap();
        trainer.epoch().unwrap();
        bits(trainer.network().parameters())
    };
    // states: 40 steps, 500 neurons, 112 lanes: 8.5 MiB; all the rest is about 15 MiB
    let want = epoch(None);
    for limit in [1 << 30, 20 << 20, 16 << 20] {
        assert!(epoch(Some(limit)) == want, "{limit}");
    }
    let error = make(Some(8 << 20)).unwrap_err().to_string();
    assert!(error.starts_with("`--memory-limit`: 8 MiB, but at least "), "{error}");
    let least: u64 = error.split("at least ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(epoch(Some(least << 20)) == want);
    assert!(make(Some((least - 1) << 20)).is_err());
}

#[test]
fn the_command_keeps_a_limit() {
    let place = Place::own();
    let all = place.done("train own.toml --dry-run --json").json();
    let number = |name: &str| all[name].as_u64().unwrap();
    // one slot too few, and an eighth is left free
    let (limit, storage) = ((number("total") - number("states") / 6) * 8 / 7 + 1, &all["storage"]);
    assert!(all["limit"].is_null());
    assert_eq!((&storage["in_turn"], &storage["segments"]["starts"]), (&1.into(), &serde_json::json!([0])));
    let limited = place.done(&format!("train own.toml --dry-run --json --memory-limit {limit}")).json();
    assert!(limited["total"].as_u64().unwrap() <= limit && limited["limit"] == limit);
    // passes of 4 steps, counted from the last of 6
    assert_eq!(limited["storage"]["segments"]["starts"], serde_json::json!([0, 1]), "{limited}");
    let answer = place.done(&format!("train own.toml --dry-run --memory-limit {limit}"));
    assert!(answer.out.contains("limit") && answer.out.contains("steps are computed twice"), "{answer:?}");

    place.done("train own.toml --out a");
    let answer = place.done(&format!("train own.toml --out b --epochs 1 --memory-limit {limit}"));
    assert!(answer.err.contains("to save memory, "), "{answer:?}");
    // a limit is no part of the configuration: a run goes on with another, or none
    place.done(&format!("train own.toml --out b --epochs 2 --memory-limit {} --resume", limit + 1000));
    place.done("train own.toml --out b --memory-limit 4GiB --resume");
    assert!(place.read("a/model.safetensors") == place.read("b/model.safetensors"));
    assert!(place.read("a/config.toml") == place.read("b/config.toml"));
    assert_eq!(without_seconds(&place.text("a/metrics.csv")), without_seconds(&place.text("b/metrics.csv")));
}

#[test]
fn a_limit_that_cannot_be_met_leaves_nothing_behind() {
    let place = Place::own();
    let before = place.tree();
    for words in ["train own.toml --out run", "train own.toml --dry-run"] {
        let answer = place.typed(&format!("{words} --memory-limit 1MiB"));
        let message = answer.message(2);
        assert!(message.contains("`--memory-limit`: 1 MiB, but at least 12 MiB would be needed"), "{answer:?}");
    }
    for size in ["0", "4Gib.", "-1GiB", "much", "GiB", "1,5GiB"] {
        let answer = place.typed(&format!("train own.toml --out run --memory-limit={size}"));
        assert!(answer.message(2).contains("a size like 4GiB"), "{answer:?}");
    }
    assert!(place.tree() == before);
}
