//! `daleian prune MODEL --out MODEL`.

use std::process::ExitCode;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use daleian::prune::{BlockCount, PruneMethod, PruneTarget, Pruning, fill_blocks, read_blocks};
use daleian::run::Start;
use daleian::{Error, Result};
use serde::Serialize;

use super::args::{self, Rest};
use super::{print, print_json};

#[derive(Serialize)]
struct Found {
    method: PruneMethod,
    redistribute: bool,
    seed: u64,
    /// Pairs of neurons, those of a neuron with itself among them.
    pairs: u64,
    /// Of the whole network, pruned blocks and others.
    before: usize,
    synapses: usize,
    density: f64,
    blocks: Vec<BlockCount>,
    moments: bool,
}

pub fn run(args: args::Prune) -> Result<ExitCode> {
    let method = match args.method {
        args::PruneMethod::TopProb => PruneMethod::TopProb,
        args::PruneMethod::Random => PruneMethod::Random,
        args::PruneMethod::Magnitude => PruneMethod::Magnitude,
    };
    if args.no_redistribute && method != PruneMethod::TopProb {
        let problem = "only means something with --method top-prob".into();
        return Err(Error::Setting { key: "--no-redistribute".into(), problem });
    }
    let mut start = Start::read(&args.model)?;
    let neurons = start.network.wiring().neuron_table();
    let target = match (&args.blocks, args.density) {
        (Some(file), _) => {
            let blocks = read_blocks(file, neurons)?;
            PruneTarget::Blocks(match args.rest {
                Some(Rest::Drop) => fill_blocks(blocks, neurons, 0.0)?,
                Some(Rest::Keep) | None => blocks,
            })
        }
        (None, density) => PruneTarget::Whole(density.expect("one of the two is required")),
    };
    let pruning = Pruning { method, target, redistribute: !args.no_redistribute };
    let before = start.network.wiring().recurrent().nnz();
    let blocks = start.prune(&pruning, args.seed)?;
    start.write(&args.out)?;
    let neurons = start.network.wiring().neurons() as u64;
    let (pairs, synapses) = (neurons * neurons, start.network.wiring().recurrent().nnz());
    let found = Found {
        method,
        redistribute: pruning.redistribute && method == PruneMethod::TopProb,
        seed: args.seed,
        pairs,
        before,
        synapses,
        density: synapses as f64 / pairs as f64,
        blocks,
        moments: start.moments.is_some(),
    };
    if args.json {
        print_json(&found)?
    } else {
        print(&table(&found))?
    }
    Ok(ExitCode::SUCCESS)
}

fn table(found: &Found) -> String {
    let density = |x: f64| format!("{x:.6}");
    let row = |block: &BlockCount| {
        let name = match (&block.pre, &block.post) {
            (Some(pre), Some(post)) => format!("{pre} -> {post}"),
            _ => "all -> all".into(),
        };
        let counts = [block.pairs.to_string(), block.before.to_string(), density(block.target)];
        let ends = [format!("{:.1}", block.expected), block.obtained.to_string(), density(block.density())];
        [name].into_iter().chain(counts).chain(ends).collect::<Vec<_>>()
    };
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(["block", "possible pairs", "before", "target", "expected", "obtained", "density"]);
    table.add_rows(found.blocks.iter().map(row));
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let moments = if found.moments { "; optimizer moments along" } else { "" };
    format!(
        "{table}\n\n{} of {} synapses stay: density {:.6} ({}, seed {}{moments})",
        found.synapses,
        found.before,
        found.density,
        found.method.name(),
        found.seed
    )
}
