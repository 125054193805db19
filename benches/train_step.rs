//! One whole training step (forward, loss, backward, Adam, Dale's clamp) of ours against the same step with full
//! matrices.
//!
//! Criterion times each side; at the end, both sides run in turns, which a change of the machine's mood hits alike,
//! and their medians make a table. Before anything is timed, both must find the same gradient.

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets::NOTHING};
use criterion::{Criterion, SamplingMode};
use daleian::Isa;
use daleian::bench::{Cell, Sides, StepTimes};
use daleian::network::COMMON_NAMES;

const CELLS: [Cell; 4] = [
    Cell { neurons: 128, density: 1.0, lanes: 200, steps: 50 },
    Cell { neurons: 1440, density: 0.05, lanes: 200, steps: 7 },
    Cell { neurons: 4096, density: 0.01, lanes: 32, steps: 20 },
    Cell { neurons: 4096, density: 0.05, lanes: 32, steps: 20 },
];
/// How far the gradients of the two sides may lie apart, of their norm.
const TOLERANCE: f64 = 1e-3;
/// Seconds that both sides run in turns for the table.
const TURNS: f64 = 3.0;

/// Both sides, after a check that they find the same gradient.
fn checked(cell: Cell, isa: Isa) -> Sides {
    let mut sides = Sides::new(cell, isa).expect("a cell that fits in memory");
    for (name, off, size) in sides.compare_gradients().expect("a dense side") {
        assert!(
            size > 0.0 && off <= TOLERANCE * size,
            "gradient of {}: off by {off:e} of {size:e}",
            COMMON_NAMES[name.index()]
        );
    }
    sides
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let isa = Isa::choose().expect("the instruction set that the environment asks for");
    // under `cargo test` (without --bench) and with --test everything runs once, to see that it does
    let asked = |flag: &str| std::env::args().any(|arg| arg == flag);
    let turns = if asked("--bench") && !asked("--test") { TURNS } else { 0.0 };
    let mut rows = Vec::new();
    for cell in CELLS {
        // made by the first side that is not filtered out
        let mut sides: Option<Sides> = None;
        let mut group = criterion.benchmark_group(cell.name());
        group.sampling_mode(SamplingMode::Flat).sample_size(10);
        group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
        group.bench_function("sparse", |b| {
            let sides = sides.get_or_insert_with(|| checked(cell, isa));
            b.iter(|| sides.sparse_step());
        });
        group.bench_function("dense", |b| {
            let sides = sides.get_or_insert_with(|| checked(cell, isa));
            b.iter(|| sides.dense_step());
        });
        group.finish();
        if sides.take().is_some() {
            // made anew: criterion stepped the two a different number of times, and in turns they must agree
            rows.push((cell, checked(cell, isa).in_turns(turns)));
        }
    }
    criterion.final_summary();
    if !rows.is_empty() {
        print(&rows, isa);
    }
}

fn print(rows: &[(Cell, StepTimes)], isa: Isa) {
    println!("One training step, sparse and dense in turns: medians.");
    println!("{} on {} threads. GFLOP/s count 2·k·B·(T-1)·3, where k is", isa, rayon::current_num_threads());
    println!("the number of synapses (sparse) or n² (dense): forward, adjoint and gradient products from the second");
    println!("time step on; everything else takes time and counts for nothing.");
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header([
        "network",
        "synapses",
        "sparse ms",
        "dense ms",
        "sparse GFLOP/s",
        "dense GFLOP/s",
        "dense/sparse",
    ]);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for (cell, times) in rows {
        let (sparse, dense) = (times.sparse_s, times.dense_s.expect("a dense side"));
        table.add_row([
            cell.name(),
            times.synapses.to_string(),
            format!("{:.2}", sparse * 1e3),
            format!("{:.2}", dense * 1e3),
            format!("{:.1}", cell.flops(times.synapses as f64) / sparse / 1e9),
            format!("{:.1}", cell.flops((cell.neurons as f64).powi(2)) / dense / 1e9),
            format!("{:.2}", dense / sparse),
        ]);
    }
    println!("{table}");
}
