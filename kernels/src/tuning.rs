//! Numbers that were found by measuring: each with what it was measured on. Changing one changes the time that a step takes,
//! never its results. The measurements stand in `docs/performance.md`; *fly size* is 139,000 neurons with 15 million synapses.

use crate::WIDTH;

/// Entries of a matrix from which its values and indices are asked for ahead by rows: 8 bytes each, with its value, they fit
/// no second-level cache. Measured on Xeons with 2 MiB of it.
pub(crate) const ROWS_STREAM_FROM: usize = 1 << 19;
/// How many entries before their use values and indices of rows are asked for. Products at fly size rose from 17 to 22
/// GFLOP/s and gradients from 11 to 15; 512 ahead was a tenth slower at n = 16,384 (Xeons).
pub(crate) const ROWS_AHEAD: usize = 256;

/// Entries of a matrix in tiles from which its values and columns, 25 MB and more, come from memory at each use (Zen 5).
pub(crate) const TILES_STREAM_FROM: usize = 1 << 22;
/// How many entries before their use values, columns and gradients of tiles are asked for. With this and the two below,
/// steps were 4 % shorter at n = 16,384 and 6 to 8 % at fly size than with half of each (Zen 5).
pub(crate) const TILES_AHEAD: usize = 192;
/// As [`TILES_AHEAD`], in matrices of [`TILES_STREAM_FROM`] entries and more.
pub(crate) const TILES_FAR_AHEAD: usize = 384;
/// How many vectors before their use values and columns of slices are asked for.
pub(crate) const SLICES_AHEAD: usize = 64;

/// How many segments before their use δ are asked for: they lie scattered in the second-level cache or beyond, as segments
/// are sorted by length. It made blocks of more rows worth their while: steps 1 to 2 % shorter at n = 16,384 (Xeons).
pub(crate) const DELTA_AHEAD: usize = 3;
/// How many entries before their use states are asked for where those of a tile leave the second-level cache and sixteen sums
/// are kept in registers: gradients at fly size rose from 17 to 25 GFLOP/s (Zen 5).
pub(crate) const STATES_AHEAD: usize = 32;

/// How many segments before their turn the values of a segment, which lie at random, are asked for as they are carried:
/// steps at n = 16,384 were a tenth shorter; 12 and 32 gave less (Zen 5).
pub(crate) const SEGMENTS_AHEAD: usize = 64;
/// How many values of a row before their turn its values are asked for: a cache line, as other rows have theirs in between.
/// Values at fly size were carried in 2.5 rather than 3.5 ns each (Zen 5).
pub(crate) const VALUES_AHEAD: usize = 16;

/// Vectors of δ that one pass over the entries keeps in registers, beside sixteen sums. With eight, the states of two steps
/// of 64 lanes leave the first-level cache: 62 rather than 76 GFLOP/s (Xeons).
pub(crate) const PASS_VECTORS: usize = 4;
/// Bytes of states that one pass may read at random: with more they leave the second-level cache, of 1 to 2 MiB on the Xeons
/// and on Zen 5.
pub(crate) const PASS_BYTES: usize = 768 << 10;
/// Rows with the same columns from which on turning their states over pays, where there are registers for several: the
/// gradient at n = 128 rose from 101 to 132 GFLOP/s (Xeons).
pub(crate) const TURNED_ROWS: usize = 32;
/// Columns from which on it does.
pub(crate) const TURNED_COLUMNS: usize = 24;
/// Columns up to which a row counts as short and is added up with its neighbors: at least two rows fit sixteen sums. Steps
/// at n = 1,440 were 2 to 3 % shorter, at n = 128 with 10 % of the synapses 5 % (Xeons).
pub(crate) const SHORT_COLUMNS: usize = 8;

/// Entries that a row should have in a block of columns, on average, for two bytes per entry to be worth a pointer and a last,
/// partly filled vector for each block.
pub(crate) const ENTRIES_PER_BLOCK: usize = 24;

/// Entries of a row below which one lane adds them one by one: filling a vector would cost more. Such are the rows of U.
pub(crate) const ONE_BY_ONE: usize = WIDTH / 2;
/// Entries that one lane asks of memory ahead of those under way, in the rows that follow too.
pub(crate) const ONE_LANE_AHEAD: usize = 512;

/// Elements that should lie between the sums of one thread and those of the next. A column writes to rising rows, and what
/// a processor fetches ahead of them, beyond the last, would be taken from the thread that writes there, once per column: at
/// n = 4,096 that took 182 µs where 130 were needed (Xeons).
pub const SUMS_APART: usize = 256;
/// Columns of active neurons that are asked of memory ahead of the one under way: where the next begins cannot be guessed.
/// Other distances changed nothing (Xeons, Zen 5).
pub(crate) const COLUMNS_AHEAD: usize = 4;
/// Bytes of each that are asked for, sixteen cache lines; of a longer column the processor finds the rest itself.
pub(crate) const COLUMN_BYTES_AHEAD: usize = 16 * 64;

/// Bytes from which a buffer is mapped on its own. The system hands out zeros, so that nothing is touched before its use, and
/// takes the memory back at once when it is let go; an allocator fills what it aligns with zeros, and may keep what it was
/// given back.
pub(crate) const MAPPED_FROM: usize = 1 << 20;
