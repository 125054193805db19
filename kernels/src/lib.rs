//! SIMD kernels of `daleian`.
//!
//! Slices in, slices out. Each algorithm is written once over sixteen-lane vectors and compiled for AVX-512,
//! AVX2+FMA and a portable path; an [`Isa`] value, detected at run time, picks one. Every `unsafe` line of the
//! project is in this crate.

mod activation;
mod adjoint;
mod aligned;
mod blocks;
mod cell;
mod columns;
mod compressed;
#[cfg(feature = "dense")]
mod dense;
mod element;
mod elman;
mod events;
mod forward;
mod gradient;
mod isa;
mod math;
mod operand;
mod optimize;
mod pattern;
mod reduce;
mod roof;
mod rule;
mod simd;
mod tiled;
mod tuning;
mod vector;

pub use activation::{Activation, activate, scale_by_slope};
pub use adjoint::{Adjoint, Adjoints};
pub use aligned::Aligned;
pub use cell::{CellKernels, OneLaneKernels};
pub use columns::{Columns, MAX_ROWS};
pub use compressed::Compressed;
#[cfg(feature = "dense")]
pub use dense::{Matrix, gemm};
pub use element::Element;
pub use elman::Elman;
pub use events::{Event, EventProduct, list_events};
pub use forward::{Forward, NewStates};
pub use gradient::{Outer, gradient, steps_per_pass};
pub use isa::{Isa, IsaError, NAMES as ISA_NAMES};
pub use math::exp;
pub use operand::{MAX_LANES, Operand, Product};
pub use optimize::{AdamStep, Bounds, EntrySigns, SgdStep, Signs, adam, clamp, sgd};
pub use pattern::{Pattern, PatternError};
pub use reduce::{add_assign, rectify, row_sums, sum_parts, sum_squares};
pub use roof::multiply_add_rate;
pub use rule::{Backward, Derivatives, Given, MOST_CONSTANTS, Reads, Rule, Stepped};
pub use simd::{Lanes, WIDTH};
pub use tiled::{MAX_TILE, Sliced, SlicedProduct, Tiled, tiled_gradient, tiled_product};
pub use tuning::SUMS_APART;
pub use vector::{ForwardVector, NewVectors, Recurrent, RowProduct, Rows};
