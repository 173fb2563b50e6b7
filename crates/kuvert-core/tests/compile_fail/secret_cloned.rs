//! A secret is not copied by accident.
use kuvert_core::secret::Secret;

fn copy(secret: &Secret<32>) -> Secret<32> {
    secret.clone()
}

fn main() {}
