//! That AddressSanitizer, which looks over the other tests, sees what it should.

use std::hint::black_box;

#[test]
#[ignore = "ends the process"]
fn a_read_behind_a_buffer_is_seen() {
    let buffer = vec![1.0f32; black_box(16)];
    // SAFETY: there is none: the buffer has 16 elements. The sanitizer ends the process here.
    black_box(unsafe { *black_box(buffer.as_ptr()).add(16) });
}
