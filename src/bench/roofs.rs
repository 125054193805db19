//! The roofs: how fast a multiply-add can run when its operand comes from each cache, and from memory.

use daleian_kernels::{Isa, multiply_add_rate};
use serde::Serialize;

use super::Cell;
use crate::bptt::widest;
use crate::exec::Cache;

/// How fast multiply-adds run from one place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Roof {
    /// `L1`, `L2`, `L3` or `memory`.
    pub name: &'static str,
    /// Size of the cache; `None` for memory.
    pub bytes: Option<usize>,
    /// What was read over and over, a thread.
    pub buffer_bytes: usize,
    /// GFLOP/s of one thread.
    pub gflops: f64,
    /// GFLOP/s of all threads at once, where they share the place.
    pub gflops_all_threads: Option<f64>,
}

/// Bytes of a cache that are read over and over, at most.
const MOST: usize = 32 << 20;

/// Measures each roof for about `seconds`, on the threads of the pool that this runs in.
pub fn roofs(isa: Isa, caches: &[Cache; 3], seconds: f64) -> Vec<Roof> {
    let threads = rayon::current_num_threads();
    let memory = (4 * caches[2].bytes).clamp(64 << 20, 512 << 20);
    // half a cache: room for the rest that lies there; of one that many machines share, no more than any part of it holds
    let places = caches.iter().map(|cache| (cache.name, Some(cache.bytes), (cache.bytes / 2).min(MOST)));
    let roof = |(name, bytes, buffer_bytes): (&'static str, Option<usize>, usize)| {
        let shared = threads > 1 && (name == "L3" || bytes.is_none());
        let all = || -> f64 {
            rayon::broadcast(|_| multiply_add_rate(isa, buffer_bytes / threads, seconds)).into_iter().sum()
        };
        Roof {
            name,
            bytes,
            buffer_bytes,
            gflops: multiply_add_rate(isa, buffer_bytes, seconds),
            gflops_all_threads: shared.then(all),
        }
    };
    places.chain([("memory", None, memory)]).map(roof).collect()
}

/// Seconds that the three products of a training step of `cell` with so many synapses would take at the roof of the cache
/// that holds the states of a time step: what is left for tiles, activations and the optimizer to win or lose.
pub fn floor(roofs: &[Roof], cell: &Cell, synapses: usize, threads: usize) -> f64 {
    let lanes = widest(cell.neurons, synapses, cell.lanes);
    let roof = roof_of(roofs, cell.neurons * lanes * std::mem::size_of::<f32>());
    let rate = roof.gflops_all_threads.unwrap_or(roof.gflops * threads as f64);
    cell.flops(synapses as f64) / rate / 1e9
}

/// The roof of the smallest cache that holds `bytes`.
///
/// # Panics
/// If there is none for memory.
pub fn roof_of(roofs: &[Roof], bytes: usize) -> &Roof {
    roofs.iter().find(|roof| roof.bytes.is_none_or(|size| bytes <= size)).expect("a roof for memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_by_hand() {
        let roof = |name, bytes, gflops, all| Roof { name, bytes, buffer_bytes: 1, gflops, gflops_all_threads: all };
        let roofs = [roof("L2", Some(1 << 20), 50.0, None), roof("memory", None, 5.0, Some(8.0))];
        // 2 · 1,000 synapses · 16 lanes · 2 steps · 3 products
        let cell = Cell { neurons: 100, density: 0.1, lanes: 16, steps: 3 };
        assert!((floor(&roofs, &cell, 1000, 2) - 192_000.0 / 100e9).abs() < 1e-18);
        let large = Cell { neurons: 100_000, ..cell };
        assert!((floor(&roofs, &large, 1000, 2) - 192_000.0 / 8e9).abs() < 1e-16);
    }

    #[test]
    fn the_cache_that_holds_it() {
        let roof = |name, bytes| Roof { name, bytes, buffer_bytes: 1, gflops: 1.0, gflops_all_threads: None };
        let roofs = [roof("L1", Some(10)), roof("L2", Some(100)), roof("memory", None)];
        assert_eq!([1, 10, 11, 100, 101].map(|bytes| roof_of(&roofs, bytes).name), ["L1", "L1", "L2", "L2", "memory"]);
    }
}
