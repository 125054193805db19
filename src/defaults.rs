//! What settings are where they are left out, for serde.

pub(crate) fn yes() -> bool {
    true
}

pub(crate) fn one<T: From<u8>>() -> T {
    1.into()
}
