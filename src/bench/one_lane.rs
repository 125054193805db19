//! The product of one lane, alone on one thread, as a fraction of the roof.

use daleian_kernels::{
    Activation, Aligned, Compressed, Elman, ForwardVector, Isa, NewVectors, Recurrent, RowProduct, Rows, SlicedProduct,
};

use super::kernels::time;
use super::sides::{connectome, random};
use super::{Cell, KernelRate, Roof, roof_of};
use crate::network::slices;

/// Bytes that a third-level cache shared by many cores holds for one of them, whatever its size: what is larger comes at
/// the speed of memory.
const OURS: usize = 64 << 20;

/// The rate of W r with one lane, as a simulation steps, for the neurons and density of `cell`, measured for about
/// `seconds`.
///
/// Each entry is read once, so what counts is the cache that holds the entries (the weights and what says where they belong):
/// `fraction` is that of the bytes that the roof reads from there in the same time, 4 for each multiply-add.
pub fn one_lane_rate(isa: Isa, cell: &Cell, roofs: &[Roof], seconds: f64) -> KernelRate {
    let n = cell.neurons;
    let connectome = connectome(n, cell.density);
    let pattern = &**connectome.pattern();
    let values = Aligned::from(random(pattern.nnz(), 0));
    let (bias, states) = (Aligned::from(random(n, 1)), Aligned::from(random(n, 2)));
    let mut out = Aligned::zeros(n);
    let sliced = slices(pattern, &values, || 1);
    let compressed = if sliced.is_some() { None } else { Compressed::new(pattern) };
    let (recurrent, bytes) = match &sliced {
        Some((matrix, _)) => (Recurrent::Slices(SlicedProduct { matrix, states: &states }), matrix.bytes()),
        None => {
            let (rows, indices) = match &compressed {
                Some(compressed) => (Rows::Compressed(compressed), compressed.bytes()),
                None => (Rows::Pattern(pattern), pattern.nnz() * size_of::<u32>()),
            };
            let product = RowProduct { rows, values: &values, states: &states };
            (Recurrent::Full(product), indices + pattern.nnz() * size_of::<f32>())
        }
    };
    let (rows, plain) = (0..n, Elman::plain(Activation::Identity));
    let call = ForwardVector::new(&rows, recurrent, &bias);
    let taken = time(seconds, &mut || {
        let out = NewVectors { sums: &mut [], states: &mut out, rates: None };
        plain.one_lane().forward_vector(isa, &call, out);
    });
    let roof = roof_of(roofs, if bytes > OURS { usize::MAX } else { bytes });
    let roof_bytes = 1e9 * roof.gflops / 2.0 * size_of::<f32>() as f64;
    KernelRate {
        name: "one lane",
        n,
        density: cell.density,
        lanes: 1,
        gflops: 2.0 * pattern.nnz() as f64 / taken / 1e9,
        fraction: bytes as f64 / taken / roof_bytes,
        cache: roof.name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fraction_is_of_the_bytes_moved() {
        let roofs = [Roof { name: "memory", bytes: None, buffer_bytes: 1, gflops: 10.0, gflops_all_threads: None }];
        let cell = Cell { neurons: 64, density: 1.0, lanes: 16, steps: 1 };
        let rate = one_lane_rate(Isa::available()[0], &cell, &roofs, 0.0);
        assert_eq!((rate.name, rate.n, rate.lanes, rate.cache), ("one lane", 64, 1, "memory"));
        // 6 bytes for 2 operations of the product (and a pointer a row); 4 for those of the roof
        let bytes = (6.0 * 4096.0 + 4.0 * 65.0) / 4096.0;
        let want = rate.gflops / 2.0 * bytes / (10.0 / 2.0 * 4.0);
        assert!((rate.fraction - want).abs() <= 1e-9 * want, "{} is not {want}", rate.fraction);
    }
}
