//! Edges drawn by rules between populations: `connection` of a configuration.

use super::draw::{Block, Draw, Skips};
use super::heavy_tailed::HeavyTailed;
use super::{ConnectionSpec, Connectome, EdgeTable, Group, NeuronTable, Policy, PopulationSpec, RuleName, Selection};
use crate::error::{Error, Result};
use crate::random::{Purpose, stream};

/// What `probability` must be.
const PROBABILITY: &str = "expected a number above 0 and at most 1";
/// What `mean-degree` must be.
const MEAN_DEGREE: &str = "expected a number above 0 and at most that of the presynaptic neurons";
/// What `sigma` must be: beyond the limit a handful of neurons would have every synapse.
const SIGMA: &str = "expected a number above 0 and at most 4 (1 is typical)";

impl Connectome {
    /// Draws the synapses of each connection; there are no weights. The neurons are those of
    /// [`NeuronTable::from_populations`].
    ///
    /// Connection k draws from the stream [`Purpose::Connectivity`] of index k, so that a connection added at the end
    /// leaves the others as they were. Time and memory are those of the synapses.
    ///
    /// # Errors
    /// If a population is wrong, a connection selects neurons that are not there, a rule's number is missing,
    /// superfluous or outside of its range, two connections share pairs of neurons, or nothing or too much would be
    /// drawn. Keys in the error count from 0: `connection[2].probability` is of the third.
    pub fn from_rules(populations: &[PopulationSpec], connections: &[ConnectionSpec], seed: u64) -> Result<Self> {
        let neurons = NeuronTable::from_populations(populations)?;
        let edges = draw_edges(&neurons, connections, seed)?;
        Self::assemble(neurons, edges, &Policy::default())
    }
}

/// The edge table that the rules draw, sorted.
fn draw_edges(neurons: &NeuronTable, connections: &[ConnectionSpec], seed: u64) -> Result<EdgeTable> {
    if connections.is_empty() {
        return Err(Error::setting("connection", "there is none; expected at least one, or nothing is connected"));
    }
    let mut blocks = blocks(neurons, connections, seed)?;
    let types = neurons.types();
    let plan = plan(&types, &blocks, connections)?;
    draw(neurons.len(), &types, &mut blocks, &plan)
}

/// Checks each connection by itself.
fn blocks(neurons: &NeuronTable, connections: &[ConnectionSpec], seed: u64) -> Result<Vec<Block>> {
    let select = |key: String, selection: &Option<Selection>| {
        neurons.select(selection.as_ref().unwrap_or(&Selection::all())).map_err(|problem| Error::setting(key, problem))
    };
    let block = |(at, spec): (usize, &ConnectionSpec)| {
        check_keys(at, spec)?;
        let mut stream = stream(seed, Purpose::Connectivity, at as u32);
        let draw = match spec.rule {
            RuleName::All => Draw::All,
            RuleName::Probability => Draw::Probability(Skips::new(probability(at, spec)?, &mut stream)),
            RuleName::InDegree => Draw::InDegree(in_degree(at, spec)?),
            // its degrees need the neurons
            RuleName::HeavyTailed => Draw::All,
        };
        let pre = select(format!("connection[{at}].pre"), &spec.pre)?;
        let post = select(format!("connection[{at}].post"), &spec.post)?;
        let mut block = Block { pre, post, autapses: spec.autapses, draw, stream, rows: 0 };
        if let Draw::InDegree(k) = block.draw
            && k as usize > block.sources()
        {
            let problem = format!(
                "{k} is too large: {} has {}{}",
                spec.pre.as_ref().map_or("the network".into(), |selection| format!("population `{selection}`")),
                block.sources(),
                if block.sources() < block.pre.len() { " neurons besides the one itself" } else { " neurons" },
            );
            return Err(Error::setting(format!("connection[{at}].in-degree"), problem));
        }
        if spec.rule == RuleName::HeavyTailed {
            block.draw = Draw::HeavyTailed(heavy_tailed(at, spec, &mut block)?);
        }
        Ok(block)
    };
    connections.iter().enumerate().map(block).collect()
}

/// The rule's own numbers must be there, the others' must not.
fn check_keys(at: usize, spec: &ConnectionSpec) -> Result<()> {
    let keys = [
        ("probability", RuleName::Probability, spec.probability.is_some(), PROBABILITY),
        ("in-degree", RuleName::InDegree, spec.in_degree.is_some(), "expected a whole number from 1 on"),
        ("mean-degree", RuleName::HeavyTailed, spec.mean_degree.is_some(), MEAN_DEGREE),
        ("sigma", RuleName::HeavyTailed, spec.sigma.is_some(), SIGMA),
    ];
    for (name, rule, there, right) in keys {
        let whose = if rule == RuleName::HeavyTailed { "heavy-tailed" } else { name };
        let problem = match (spec.rule == rule, there) {
            (true, false) => format!("is missing: the rule `{whose}` needs it; {right}"),
            (false, true) => format!("only the rule `{whose}` has it; leave it out, or set rule = \"{whose}\""),
            _ => continue,
        };
        return Err(Error::setting(format!("connection[{at}].{name}"), problem));
    }
    Ok(())
}

fn probability(at: usize, spec: &ConnectionSpec) -> Result<f64> {
    let wrong = |problem: String| Err(Error::setting(format!("connection[{at}].probability"), problem));
    match spec.probability.expect("checked to be there") {
        p if p > 0.0 && p <= 1.0 => Ok(p),
        0.0 => wrong(format!("0 connects nothing; {PROBABILITY}, or leave the connection out")),
        p => wrong(format!("{p} is no probability; {PROBABILITY}")),
    }
}

fn in_degree(at: usize, spec: &ConnectionSpec) -> Result<u32> {
    let wrong = |problem: String| Err(Error::setting(format!("connection[{at}].in-degree"), problem));
    match spec.in_degree.expect("checked to be there") {
        0 => wrong("0 connects nothing; expected at least 1, or leave the connection out".into()),
        k => u32::try_from(k).or_else(|_| wrong(format!("{k} is too large: no network has so many neurons"))),
    }
}

/// Checks the numbers of the rule, and draws the degrees of each neuron of the block.
fn heavy_tailed(at: usize, spec: &ConnectionSpec, block: &mut Block) -> Result<HeavyTailed> {
    let wrong = |key: &str, problem: String| Err(Error::setting(format!("connection[{at}].{key}"), problem));
    let (mean, sigma) = (spec.mean_degree.expect("checked to be there"), spec.sigma.expect("checked to be there"));
    if !(sigma > 0.0 && sigma <= 4.0) {
        return wrong("sigma", format!("{sigma}; {SIGMA}"));
    }
    let most = block.sources();
    if !(mean > 0.0 && mean <= most as f64) {
        return wrong("mean-degree", format!("{mean}; expected a number above 0 and at most {most}"));
    }
    let wanted = mean * block.post.len() as f64;
    if wanted > f64::from(u32::MAX) {
        let right = f64::from(u32::MAX) / block.post.len() as f64;
        return wrong(
            "mean-degree",
            format!("{mean} would make about {wanted:.3e} synapses; expected at most {right:.0}"),
        );
    }
    let own = |post: u32| u32::from(!block.autapses && block.has_source(post));
    let limits: Vec<u32> = block.post.iter().map(|&post| block.pre.len() as u32 - own(post)).collect();
    Ok(HeavyTailed::new(&limits, block.pre.len(), mean, sigma, &mut block.stream))
}

/// For each type, the blocks that its rows have, by their first column: so most rows come out sorted.
///
/// Neurons of populations differ in nothing but their type, so that a connection has all of a type or none.
fn plan(types: &[Group], blocks: &[Block], connections: &[ConnectionSpec]) -> Result<Vec<Vec<usize>>> {
    let mut plan = vec![Vec::new(); types.len()];
    // for each block, the types of its presynaptic neurons
    let sources: Vec<Vec<usize>> = blocks.iter().map(|block| types_within(types, &block.pre)).collect();
    for (at, block) in blocks.iter().enumerate() {
        types_within(types, &block.post).into_iter().for_each(|row| plan[row].push(at));
    }
    // of each presynaptic type the row that was last seen to have it, and the block
    let mut seen = vec![(usize::MAX, 0); types.len()];
    for (row, row_blocks) in plan.iter_mut().enumerate() {
        row_blocks.sort_by_key(|&at| blocks[at].pre[0]);
        for &at in row_blocks.iter() {
            for &source in &sources[at] {
                let before = std::mem::replace(&mut seen[source], (row, at));
                if before.0 == row {
                    let (one, other) = (before.1.min(at), before.1.max(at));
                    let problem = format!(
                        "connection[{one}] ({}) and connection[{other}] ({}) share pairs of neurons; each pair may be \
                         in one connection only",
                        between(&connections[one]),
                        between(&connections[other])
                    );
                    return Err(Error::setting(format!("connection[{other}]"), problem));
                }
            }
        }
    }
    Ok(plan)
}

/// The types that some of these neurons have.
fn types_within(types: &[Group], neurons: &[u32]) -> Vec<usize> {
    (0..types.len()).filter(|&at| neurons.binary_search(&types[at].neurons[0]).is_ok()).collect()
}

/// "a -> b", for a person.
fn between(spec: &ConnectionSpec) -> String {
    let name = |selection: &Option<Selection>| selection.as_ref().map_or("all neurons".into(), Selection::to_string);
    format!("{} -> {}", name(&spec.pre), name(&spec.post))
}

fn draw(neurons: usize, types: &[Group], blocks: &mut [Block], plan: &[Vec<usize>]) -> Result<EdgeTable> {
    let expected: f64 = blocks.iter().map(Block::expected).sum();
    if expected > f64::from(u32::MAX) {
        let problem = format!("they would make about {expected:.3e} synapses; expected at most {}", u32::MAX);
        return Err(Error::setting("connection", problem));
    }
    // Room for what chance may add, so that the array is allocated once (6 sigma; beyond, it grows).
    let (mut indices, mut indptr) = (Vec::<u32>::new(), Vec::<usize>::new());
    let room = indices.try_reserve_exact((expected + 6.0 * expected.sqrt()).ceil() as usize);
    if room.and_then(|()| indptr.try_reserve_exact(neurons + 1)).is_err() {
        let problem = format!(
            "they would make about {expected:.3e} synapses between {neurons} neurons, which do not fit in memory; \
             expected fewer"
        );
        return Err(Error::setting("connection", problem));
    }
    indptr.push(0);
    let mut taken = vec![false; blocks.iter().map(|block| block.pre.len()).max().unwrap_or(0)];
    for (group, row_blocks) in types.iter().zip(plan) {
        for &post in &group.neurons {
            let first = indices.len();
            for &at in row_blocks {
                blocks[at].row(post, &mut taken, &mut indices);
            }
            // the neurons of two connections may alternate
            if !indices[first..].is_sorted() {
                indices[first..].sort_unstable();
            }
            indptr.push(indices.len());
        }
    }
    if indices.is_empty() {
        let problem = format!("they drew no synapse at all ({expected:.3} were expected); connect more");
        return Err(Error::setting("connection", problem));
    }
    Ok(EdgeTable::sorted(indptr, indices, None))
}

#[cfg(test)]
mod tests;
