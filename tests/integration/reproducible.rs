//! The same seed gives the same bits for any number of threads.

use daleian::bptt::{Layout, LossName, Objective};
use daleian::connectome::ConnectionSpec;
use daleian::optim::{OptimizerSpec, ScheduleSpec};
use daleian::train::{TrainSettings, Trainer};

use crate::support::{bits, connectome, flip_flop, isa, network};

/// Plain descent, and everything at once that sums over parameters or neurons.
fn ways_to_train(batch: usize) -> [TrainSettings; 3] {
    let penalties = Objective { loss: LossName::Mse, l2_weights: 0.01, l2_rates: 0.1 };
    [
        TrainSettings::new(LossName::Mse, batch, OptimizerSpec::sgd(0.05, 0.9)),
        TrainSettings::new(LossName::Mse, batch, OptimizerSpec::adam(0.01)),
        TrainSettings {
            clip_norm: Some(0.05),
            schedule: ScheduleSpec::Cosine { period: 3, minimum: 1e-3 },
            ..TrainSettings::new(penalties, batch, OptimizerSpec::adam(0.01))
        },
    ]
}

/// Everything that two epochs leave behind, as bits: parameters, and the losses of training and test.
fn two_epochs(make: &(dyn Fn() -> Trainer + Sync), threads: usize) -> (Vec<Vec<u32>>, Vec<u64>) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let mut trainer = make();
        let mut losses = Vec::new();
        for _ in 0..2 {
            let (train, test) = (trainer.epoch().unwrap(), trainer.test());
            losses.extend([train.objective, train.loss, test.objective, test.loss].map(f64::to_bits));
        }
        (bits(trainer.network().parameters()), losses)
    })
}

fn threads_do_not_show(make: impl Fn() -> Trainer + Sync) {
    let start = bits(make().network().parameters());
    let alone = two_epochs(&make, 1);
    assert!(start.iter().zip(&alone.0).all(|(before, after)| before != after), "every parameter was trained");
    for threads in [2, 7] {
        assert!(two_epochs(&make, threads) == alone, "{threads} threads give other bits than one");
    }
}

/// Batches of 200 in four lane groups that run apart, the last batch of an epoch smaller.
#[test]
fn threads_do_not_show_where_lane_groups_run_apart() {
    let connectome = connectome([20, 8, 5], ConnectionSpec::probability(0.3), 3);
    let data = flip_flop(6, 450, 90);
    for settings in ways_to_train(200) {
        threads_do_not_show(|| {
            Trainer::new(network(&connectome, 1, 1, 5), data.clone(), settings.clone(), isa()).unwrap()
        });
    }
}

/// Rows shared among threads, of one tile and of two that run apart: that begins at 2^19 multiply-adds a step.
#[test]
fn threads_do_not_show_where_rows_are_shared() {
    shared_rows([430, 120, 50], 60, 16, false);
    shared_rows([430, 120, 50], 60, 32, false);
}

/// The same in tiles of columns, whose blocks of rows are others for other numbers of threads.
#[test]
fn threads_do_not_show_where_blocks_of_tiles_are_shared() {
    shared_rows([800, 200, 50], 32, 32, true);
    shared_rows([500, 150, 150], 64, 16, true);
}

fn shared_rows(sizes: [usize; 3], in_degree: usize, batch: usize, in_tiles: bool) {
    let connectome = connectome(sizes, ConnectionSpec::in_degree(in_degree), 3);
    assert!(connectome.pattern().nnz() * 16 >= 1 << 19);
    let layout = Layout::choose(network(&connectome, 1, 1, 5).wiring(), batch);
    assert_eq!(matches!(layout, Layout::Tiles { .. }), in_tiles);
    let data = flip_flop(5, 48, 32);
    for settings in ways_to_train(batch) {
        threads_do_not_show(|| {
            Trainer::new(network(&connectome, 1, 1, 5), data.clone(), settings.clone(), isa()).unwrap()
        });
    }
}

/// Few tiles that run apart and also share rows where there are more threads than tiles left.
#[test]
fn threads_do_not_show_where_tiles_and_rows_are_shared() {
    let connectome = connectome([700, 200, 50], ConnectionSpec::in_degree(40), 3);
    let data = flip_flop(4, 80, 16);
    let [_, _, settings] = ways_to_train(80);
    assert!(connectome.pattern().nnz() * 16 >= 1 << 19);
    threads_do_not_show(|| Trainer::new(network(&connectome, 1, 1, 5), data.clone(), settings.clone(), isa()).unwrap());
}
