//! Numbers first, then drawings of those numbers.
