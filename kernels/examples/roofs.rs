use daleian_kernels::*;
fn main() {
    for isa in Isa::available() {
        for kb in [8usize, 16, 24, 28, 64, 256, 512, 768, 1024, 2048, 4096, 8192, 16384, 65536] {
            print!("{isa} {kb}K {:.1}; ", multiply_add_rate(isa, kb << 10, 0.3));
        }
        println!();
    }
}
