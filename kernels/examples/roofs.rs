//! Prints the rate of multiply-adds with a memory operand, in GFLOP/s, for buffers of several sizes.
//!
//! `cargo run --release -p daleian-kernels --example roofs`

use daleian_kernels::{Isa, multiply_add_rate};

fn main() {
    for isa in Isa::available() {
        for kb in [8usize, 16, 24, 28, 64, 256, 512, 768, 1024, 2048, 4096, 8192, 16384, 65536] {
            print!("{isa} {kb}K {:.1}; ", multiply_add_rate(isa, kb << 10, 0.3));
        }
        println!();
    }
}
