//! A connectome drawn by rules between populations: `population` and `connection` of a configuration.

use std::collections::HashMap;
use std::ops::Range;

use super::draw::{Block, Draw, Skips};
use super::heavy_tailed::HeavyTailed;
use super::{ConnectionSpec, Connectome, Population, PopulationSpec, RuleName, lay_out, neurons};
use crate::error::{Error, Result};
use crate::random::{Purpose, stream};
use crate::sparse::Pattern;

/// What `probability` must be.
const PROBABILITY: &str = "expected a number above 0 and at most 1";
/// What `mean-degree` must be.
const MEAN_DEGREE: &str = "expected a number above 0 and at most that of the presynaptic neurons";
/// What `sigma` must be: beyond the limit a handful of neurons would have every synapse.
const SIGMA: &str = "expected a number above 0 and at most 4 (1 is typical)";

impl Connectome {
    /// Draws the synapses of each connection; there are no weights.
    ///
    /// Connection k draws from the stream [`Purpose::Connectivity`] of index k, so that a connection added at the end
    /// leaves the others as they were. Time and memory are those of the synapses.
    ///
    /// # Errors
    /// If a population is wrong ([`Connectome::new`]) or not known, a rule's number is missing, superfluous or outside
    /// of its range, two connections share pairs of populations, or nothing or too much would be drawn. Keys in the
    /// error count from 0: `connection[2].probability` is of the third.
    pub fn from_rules(populations: &[PopulationSpec], connections: &[ConnectionSpec], seed: u64) -> Result<Self> {
        let laid_out = lay_out(populations)?;
        if connections.is_empty() {
            return Err(Error::setting("connection", "there is none; expected at least one, or nothing is connected"));
        }
        let mut blocks = blocks(&laid_out, connections, seed)?;
        let plan = plan(&laid_out, &blocks, connections)?;
        let pattern = draw(&laid_out, &mut blocks, &plan)?;
        Self::new(populations, pattern, None)
    }
}

/// Checks each connection by itself.
fn blocks(populations: &[Population], connections: &[ConnectionSpec], seed: u64) -> Result<Vec<Block>> {
    let ranges: HashMap<&str, Range<u32>> =
        populations.iter().map(|population| (population.name.as_str(), narrow(&population.neurons))).collect();
    let range = |key: String, name: &Option<String>| match name {
        None => Ok(0..neurons(populations) as u32),
        Some(name) => ranges.get(name.as_str()).cloned().ok_or_else(|| {
            let known: Vec<_> = populations.iter().map(|population| population.name.as_str()).collect();
            Error::setting(key, format!("there is no population {name:?}; known: {}", known.join(", ")))
        }),
    };
    let block = |(at, spec): (usize, &ConnectionSpec)| {
        check_keys(at, spec)?;
        let mut stream = stream(seed, Purpose::Connectivity, at as u32);
        let draw = match spec.rule {
            RuleName::All => Draw::All,
            RuleName::Probability => Draw::Probability(Skips::new(probability(at, spec)?, &mut stream)),
            RuleName::InDegree => Draw::InDegree(in_degree(at, spec)?),
            // its degrees need the ranges
            RuleName::HeavyTailed => Draw::All,
        };
        let pre = range(format!("connection[{at}].pre"), &spec.pre)?;
        let post = range(format!("connection[{at}].post"), &spec.post)?;
        let mut block = Block { pre, post, autapses: spec.autapses, draw, stream };
        if let Draw::InDegree(k) = block.draw
            && k as usize > block.sources()
        {
            let problem = format!(
                "{k} is too large: {} has {}{}",
                spec.pre.as_ref().map_or("the network".into(), |name| format!("population {name:?}")),
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
    let own = |post: &u32| u32::from(!block.autapses && block.pre.contains(post));
    let limits: Vec<u32> = block.post.clone().map(|post| block.pre.len() as u32 - own(&post)).collect();
    Ok(HeavyTailed::new(&limits, block.pre.len(), mean, sigma, &mut block.stream))
}

/// For each population, the blocks that its rows have, by their first column: row after row comes out sorted.
fn plan(populations: &[Population], blocks: &[Block], connections: &[ConnectionSpec]) -> Result<Vec<Vec<usize>>> {
    let mut plan = vec![Vec::new(); populations.len()];
    for (at, block) in blocks.iter().enumerate() {
        let first = populations.partition_point(|p| p.neurons.start < block.post.start as usize);
        let end = populations.partition_point(|p| p.neurons.start < block.post.end as usize);
        plan[first..end].iter_mut().for_each(|row| row.push(at));
    }
    for row in &mut plan {
        row.sort_by_key(|&at| blocks[at].pre.start);
        if let Some(pair) = row.windows(2).find(|pair| blocks[pair[1]].pre.start < blocks[pair[0]].pre.end) {
            let (one, other) = (pair[0].min(pair[1]), pair[0].max(pair[1]));
            let problem = format!(
                "connection[{one}] ({}) and connection[{other}] ({}) share pairs of neurons; each pair may be in one \
                 connection only",
                between(&connections[one]),
                between(&connections[other])
            );
            return Err(Error::setting(format!("connection[{other}]"), problem));
        }
    }
    Ok(plan)
}

/// "a -> b", for a person.
fn between(spec: &ConnectionSpec) -> String {
    let name = |name: &Option<String>| name.clone().unwrap_or("all neurons".into());
    format!("{} -> {}", name(&spec.pre), name(&spec.post))
}

fn draw(populations: &[Population], blocks: &mut [Block], plan: &[Vec<usize>]) -> Result<Pattern> {
    let expected: f64 = blocks.iter().map(Block::expected).sum();
    if expected > f64::from(u32::MAX) {
        let problem = format!("they would make about {expected:.3e} synapses; expected at most {}", u32::MAX);
        return Err(Error::setting("connection", problem));
    }
    // Room for what chance may add, so that the array is allocated once (6 sigma; beyond, it grows).
    let (mut indices, mut indptr) = (Vec::<u32>::new(), Vec::<usize>::new());
    let room = indices.try_reserve_exact((expected + 6.0 * expected.sqrt()).ceil() as usize);
    if room.and_then(|()| indptr.try_reserve_exact(neurons(populations) + 1)).is_err() {
        let problem = format!(
            "they would make about {expected:.3e} synapses between {} neurons, which do not fit in memory; less would \
             be right",
            neurons(populations)
        );
        return Err(Error::setting("connection", problem));
    }
    indptr.push(0);
    let mut taken = vec![false; blocks.iter().map(|block| block.pre.len()).max().unwrap_or(0)];
    for (population, row_blocks) in populations.iter().zip(plan) {
        for post in narrow(&population.neurons) {
            for &at in row_blocks {
                blocks[at].row(post, &mut taken, &mut indices);
            }
            indptr.push(indices.len());
        }
    }
    if indices.is_empty() {
        let problem = format!("they drew no synapse at all ({expected:.3} were expected); connect more");
        return Err(Error::setting("connection", problem));
    }
    let n = neurons(populations);
    Pattern::new(n, n, indptr, indices).map_err(|error| Error::setting("connection", error))
}

/// Neuron numbers as columns of a pattern; the number of neurons was checked.
fn narrow(neurons: &Range<usize>) -> Range<u32> {
    neurons.start as u32..neurons.end as u32
}

#[cfg(test)]
mod tests;
