//! Writes arrays of f32 as numpy's `.npz`.

use std::io::{self, BufWriter, Write};

use npyz::WriterBuilder;
use zip::write::{SimpleFileOptions, StreamWriter};
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
    let mut zip = ZipWriter::new_stream(out);
    for (at, &(name, shape, values)) in arrays.iter().enumerate() {
        assert!(arrays[..at].iter().all(|(other, ..)| *other != name), "`{name}` must be written once");
        add(&mut zip, compression, name, shape, |take| take(values))?;
    }
    finish(zip)
}

/// Writes one array whose values come a part at a time: `parts` hands them on in row-major order. Otherwise as
/// [`write_npz`].
///
/// # Errors
/// If `out` fails, or what `parts` returned.
///
/// # Panics
/// If the parts do not fill the shape.
pub fn write_npz_in_parts<W: Write>(
    out: W,
    compression: Compression,
    name: &str,
    shape: &[usize],
    parts: impl FnOnce(&mut dyn FnMut(&[f32]) -> io::Result<()>) -> io::Result<()>,
) -> io::Result<W> {
    let mut zip = ZipWriter::new_stream(out);
    add(&mut zip, compression, name, shape, parts)?;
    finish(zip)
}

fn add<W: Write>(
    zip: &mut ZipWriter<StreamWriter<W>>,
    compression: Compression,
    name: &str,
    shape: &[usize],
    parts: impl FnOnce(&mut dyn FnMut(&[f32]) -> io::Result<()>) -> io::Result<()>,
) -> io::Result<()> {
    let method = match compression {
        Compression::Stored => CompressionMethod::Stored,
        Compression::Deflated => CompressionMethod::Deflated,
    };
    let options = SimpleFileOptions::default().compression_method(method).large_file(true);
    zip.start_file(format!("{name}.npy"), options)?;
    let mut buffer = BufWriter::with_capacity(1 << 16, zip);
    let size: usize = shape.iter().product();
    let shape: Vec<u64> = shape.iter().map(|&size| size as u64).collect();
    let mut array = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut buffer).begin_nd()?;
    let mut written = 0;
    parts(&mut |values| {
        written += values.len();
        assert!(written <= size, "`{name}` must hold what its shape says");
        array.extend(values.iter().copied())
    })?;
    assert_eq!(written, size, "`{name}` must hold what its shape says");
    array.finish()?;
    buffer.flush()
}

fn finish<W: Write>(zip: ZipWriter<StreamWriter<W>>) -> io::Result<W> {
    let mut out = zip.finish()?.into_inner();
    out.flush()?;
    Ok(out)
}
