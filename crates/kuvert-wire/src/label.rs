//! Domain separation: `L(s)`, the prefix of everything that is hashed, authenticated or signed.
//!
//! # Spec
//!
//! `spec/00-conventions.md`, "Labels".

use alloc::vec::Vec;

/// What every label begins with.
pub const PREFIX: &str = "kuvert-v1 ";

/// `L(s) = u8(len("kuvert-v1 " + s)) || "kuvert-v1 " || s`.
///
/// # Panics
///
/// If `name` is longer than 245 bytes; labels are constants of this project, never input.
#[must_use]
pub fn label(name: &str) -> Vec<u8> {
    let len = u8::try_from(PREFIX.len() + name.len()).expect("labels are short constants");
    [&[len], PREFIX.as_bytes(), name.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_label_carries_its_length() {
        assert_eq!(super::label("frank"), b"\x0fkuvert-v1 frank");
    }
}
