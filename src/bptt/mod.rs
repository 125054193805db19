//! Unroll through time: what to keep, backward, gradients.
