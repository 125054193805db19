//! Writes arrays of f32 as numpy's `.npz`.

use std::io::{self, BufWriter, Write};

use npyz::WriterBuilder;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Whether arrays are made smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// As they are (`numpy.savez`).
    Stored,
    /// Deflated (`numpy.savez_compressed`).
    Deflated,
}

/// Writes arrays (name, shape, row-major values) as float32, so that `numpy.load(file)[name]` is the array.
///
/// The same arrays give the same bytes: no time is written. Returns `out` after the last byte, flushed.
///
/// # Errors
/// If `out` fails.
///
/// # Panics
/// If a shape does not hold as many numbers as are given, or if a name is used twice.
pub fn write_npz<W: Write>(out: W, compression: Compression, arrays: &[(&str, &[usize], &[f32])]) -> io::Result<W> {
    let method = match compression {
        Compression::Stored => CompressionMethod::Stored,
        Compression::Deflated => CompressionMethod::Deflated,
    };
    let options = SimpleFileOptions::default().compression_method(method).large_file(true);
    let mut zip = ZipWriter::new_stream(out);
    for (at, &(name, shape, values)) in arrays.iter().enumerate() {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "`{name}` must hold what its shape says");
        assert!(arrays[..at].iter().all(|(other, ..)| *other != name), "`{name}` must be written once");
        zip.start_file(format!("{name}.npy"), options)?;
        let mut buffer = BufWriter::with_capacity(1 << 16, &mut zip);
        let shape: Vec<u64> = shape.iter().map(|&size| size as u64).collect();
        let mut array = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut buffer).begin_nd()?;
        array.extend(values.iter().copied())?;
        array.finish()?;
        buffer.flush()?;
    }
    let mut out = zip.finish()?.into_inner();
    out.flush()?;
    Ok(out)
}
