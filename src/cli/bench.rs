//! `daleian bench`: what was measured, as tables, JSON and a drawing.

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use comfy_table::{CellAlignment, Table, presets::NOTHING};
use daleian::bench::{
    Cell, Crossover, DENSE_BYTES, KernelRate, Roof, Sides, StepTimes, TABLE, check_memory, crossovers, floor,
    kernel_rates, one_lane_rate, roofs, sweep,
};
use daleian::exec::caches;
use daleian::figure::{CrossingFigure, Ratios, crossing};
use daleian::files::write_atomic;
use daleian::{Isa, Result};
use serde::Serialize;

use super::{args, exec, print, print_json, say};

/// The tiles that the kernels are measured on where no cells are named.
const TILES: [Cell; 7] = [
    tile(128, 1.0, 200),
    tile(1440, 0.05, 200),
    tile(4096, 0.05, 32),
    tile(4096, 0.05, 64),
    tile(16384, 0.01, 16),
    tile(16384, 0.01, 64),
    // 15.1 million synapses, as many as a fly's brain
    tile(139_000, 0.000_781_5, 16),
];
/// Seconds after which no further cell is begun, where no cells are named.
const BUDGET: f64 = 100.0;
/// Seconds for the turns of one cell.
const CELL: f64 = 2.0;
/// Seconds for one roof, and for one kernel.
const ROOF: f64 = 0.3;
const KERNEL: f64 = 0.2;

const fn tile(neurons: usize, density: f64, lanes: usize) -> Cell {
    Cell { neurons, density, lanes, steps: 1 }
}

#[derive(Serialize)]
struct Found {
    instruction_set: &'static str,
    threads: usize,
    roofs: Vec<Roof>,
    kernels: Vec<KernelRate>,
    steps: Vec<StepTimes>,
    crossovers: Vec<Crossover>,
    /// Cells that would not have fitted the time.
    skipped: Vec<String>,
    seconds: f64,
}

pub fn run(args: args::Bench) -> Result<ExitCode> {
    let exec = exec(args.threads)?;
    let isa = exec.isa();
    let asked = args.cells.iter().map(|text| text.parse()).collect::<Result<Vec<Cell>>>()?;
    let found = exec.install(|| measure(isa, &asked))?;
    if let Some(path) = &args.out {
        let title = format!("A training step, {isa}, {} threads", found.threads);
        let svg = crossing(&CrossingFigure { title: &title, lines: &lines(&found.steps) });
        write_atomic(path, |out| out.write_all(svg.as_bytes()))?;
        say(format_args!("drawn into {}", path.display()));
    }
    if args.json {
        print_json(&found)?
    } else {
        print(&tables(&found))?
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(isa: Isa, asked: &[Cell]) -> Result<Found> {
    let (began, threads) = (Instant::now(), rayon::current_num_threads());
    // before anything takes time
    asked.iter().try_for_each(check_memory)?;
    say(format_args!("roofs, {isa}"));
    let roofs = roofs(isa, &caches(), ROOF);
    let mut kernels = Vec::new();
    for cell in if asked.is_empty() { &TILES } else { asked } {
        say(format_args!("kernels, n={} {}%", cell.neurons, cell.density * 100.0));
        kernels.extend(kernel_rates(isa, cell, &roofs, KERNEL));
        let one = |rate: &KernelRate| (rate.n, rate.density, rate.lanes) == (cell.neurons, cell.density, 1);
        if !kernels.iter().any(one) {
            kernels.push(one_lane_rate(isa, cell, &roofs, KERNEL));
        }
    }
    let all: Vec<Cell> = if asked.is_empty() { TABLE.into_iter().chain(sweep()).collect() } else { asked.to_vec() };
    let (mut steps, mut skipped) = (Vec::<StepTimes>::new(), Vec::new());
    for cell in &all {
        let same = |times: &StepTimes| {
            (times.n, times.density, times.lanes, times.steps) == (cell.neurons, cell.density, cell.lanes, cell.steps)
        };
        if steps.iter().any(same) {
            continue;
        }
        // drawing the network and its first step, then at least two more
        let turn: f64 = cell.estimate(threads).iter().sum();
        let needed = 3.0 * turn + cell.synapses() * 2e-7;
        if asked.is_empty() && (began.elapsed().as_secs_f64() + needed > BUDGET || check_memory(cell).is_err()) {
            say(format_args!("{}: left out, about {needed:.0} s are not left, or not the memory", cell.name()));
            skipped.push(cell.name());
            continue;
        }
        let mut sides = Sides::new(*cell, isa)?;
        if !sides.has_dense() {
            let limit = DENSE_BYTES >> 30;
            say(format_args!("{}: no dense side, its n² numbers would take more than {limit} GiB", cell.name()));
        }
        let times = sides.in_turns(CELL);
        let floor_s = Some(floor(&roofs, cell, times.synapses, threads));
        let times = StepTimes { floor_s, ..times };
        let dense = times.dense_s.map(|dense| format!(", dense {:.2} ms", 1e3 * dense)).unwrap_or_default();
        say(format_args!("{}: sparse {:.2} ms{dense}", cell.name(), 1e3 * times.sparse_s));
        steps.push(times);
    }
    Ok(Found {
        instruction_set: isa.name(),
        threads,
        roofs,
        kernels,
        crossovers: crossovers(&steps),
        steps,
        skipped,
        seconds: began.elapsed().as_secs_f64(),
    })
}

/// A line for each size that was measured at more than one density on both sides; a single cell is a dot.
fn lines(steps: &[StepTimes]) -> Vec<Ratios> {
    let mut lines: Vec<Ratios> = Vec::new();
    for times in steps {
        let Some(ratio) = times.ratio else { continue };
        let name = format!("n={}, B={}, T={}", times.n, times.lanes, times.steps);
        let at = lines.iter().position(|line| line.name == name).unwrap_or_else(|| {
            lines.push(Ratios { name, points: Vec::new() });
            lines.len() - 1
        });
        lines[at].points.push((100.0 * times.density, ratio));
    }
    for line in &mut lines {
        line.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    lines
}

fn tables(found: &Found) -> String {
    let none = || "-".to_string();
    let percent = |share: f64| format!("{} %", (share * 1e4).round() / 1e2);
    let size =
        |bytes: usize| if bytes < 1 << 20 { format!("{} KiB", bytes >> 10) } else { format!("{} MiB", bytes >> 20) };
    let roofs = found.roofs.iter().map(|roof| {
        let all = roof.gflops_all_threads.map_or_else(none, |rate| format!("{rate:.1}"));
        vec![roof.name.into(), roof.bytes.map_or_else(none, size), format!("{:.1}", roof.gflops), all]
    });
    let kernels = found.kernels.iter().map(|kernel| {
        let KernelRate { name, n, density, lanes, gflops, fraction, cache } = kernel;
        let numbers = [n.to_string(), percent(*density), lanes.to_string(), format!("{gflops:.1}")];
        [name.to_string()].into_iter().chain(numbers).chain([format!("{fraction:.2}"), cache.to_string()]).collect()
    });
    let steps = found.steps.iter().map(|times| {
        let sizes = [times.n.to_string(), percent(times.density), times.lanes.to_string(), times.steps.to_string()];
        let dense = times.dense_s.map_or_else(none, |dense| format!("{:.2}", 1e3 * dense));
        let ratio = times.ratio.map_or_else(none, |ratio| format!("{ratio:.2}"));
        let floor = times.floor_s.map_or_else(none, |floor| format!("{:.2}", 1e3 * floor));
        sizes.into_iter().chain([format!("{:.2}", 1e3 * times.sparse_s), floor, dense, ratio]).collect()
    });
    let crossovers = found.crossovers.iter().map(|crossover| {
        let Crossover { n, lanes, steps, verdict, .. } = crossover;
        vec![verdict.clone(), n.to_string(), lanes.to_string(), steps.to_string()]
    });
    let mut text = format!("{}, {} threads\n", found.instruction_set, found.threads);
    let mut section = |title: &str, header: &[&str], rows: Vec<Vec<String>>| {
        if rows.is_empty() {
            return;
        }
        let mut table = Table::new();
        table.load_style(NOTHING).set_header(header).add_rows(rows);
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        text += &format!("\n{title}\n{table}\n");
    };
    section(
        "Roofs: multiply-adds with an operand from there, GFLOP/s",
        &["from", "size", "one thread", "all threads"],
        roofs.collect(),
    );
    section(
        "Kernels on one thread: medians, and the fraction of the roof of the cache that holds their states (one lane: the weights)",
        &["kernel", "n", "density", "lanes", "GFLOP/s", "fraction", "cache"],
        kernels.collect(),
    );
    section(
        "A training step: medians of turns; floor: its sparse products at the roof of the cache that holds the states; a dense side of more than 4 GiB is left out",
        &["n", "density", "lanes", "steps", "sparse ms", "floor ms", "dense ms", "dense/sparse"],
        steps.collect(),
    );
    section("Crossover", &["", "n", "lanes", "steps"], crossovers.collect());
    if !found.skipped.is_empty() {
        text += &format!("\nLeft out for want of time or memory: {}\n", found.skipped.join("; "));
    }
    text + &format!("\n{:.0} seconds", found.seconds)
}
