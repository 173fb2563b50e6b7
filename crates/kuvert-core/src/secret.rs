//! Secret bytes: in a place of their own, wiped on drop, compared only in constant time, never printed.
//!
//! Every key of the protocol is a [`Secret`], alone or inside a type that names its role. What this
//! module cannot do: wipe copies that a primitive leaves in registers or on the stack while it works.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// `N` secret bytes.
///
/// The bytes live on the heap, so that a move copies a pointer and leaves no key behind. They are wiped
/// with their last owner. There is no `Clone`, `Copy`, `Display` or serialization: [`Secret::duplicate`] and
/// [`Secret::expose`] can be searched for. `==` takes the same time wherever the values differ.
pub struct Secret<const N: usize>(Arc<Bytes<N>>);

struct Bytes<const N: usize>([u8; N]);

impl<const N: usize> Drop for Bytes<N> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<const N: usize> Secret<N> {
    /// Length in bytes.
    pub const LEN: usize = N;

    /// Starts from zeros and lets `fill` write the value in place, so that no copy exists elsewhere.
    pub fn zero_filled(fill: impl FnOnce(&mut [u8; N])) -> Self {
        let mut bytes = Arc::new(Bytes([0; N]));
        if let Some(Bytes(bytes)) = Arc::get_mut(&mut bytes) {
            fill(bytes);
        }
        Self(bytes)
    }

    /// Fresh random bytes.
    pub fn random<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self::zero_filled(|bytes| rng.fill_bytes(bytes))
    }

    /// Takes a copy of `bytes`, as when loading from storage; wiping the original is up to its owner.
    #[must_use]
    pub fn copied_from(bytes: &[u8; N]) -> Self {
        Self::zero_filled(|own| own.copy_from_slice(bytes))
    }

    /// The bytes, for a primitive or for sealed storage.
    #[must_use]
    pub fn expose(&self) -> &[u8; N] {
        &self.0.0
    }

    /// The same bytes with one more owner: for a copy of a state that a step may yet throw away.
    pub(crate) fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// A second copy of the secret.
    ///
    /// Needed where a step works on a copy of the state and may yet be thrown away; each use has to
    /// say why both copies may live.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self::copied_from(self.expose())
    }

    /// Whether both are the same, in a time that does not depend on where they differ.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).into()
    }
}

impl<const N: usize> PartialEq for Secret<N> {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other)
    }
}

impl<const N: usize> Eq for Secret<N> {}

/// By its last owner.
impl<const N: usize> ZeroizeOnDrop for Secret<N> {}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(_) = self;
        write!(f, "Secret({N} bytes)")
    }
}

/// Secret bytes of any number, wiped on drop, all at once.
///
/// A wiping vector takes what is in it byte by byte, which for a long message costs more than opening
/// it; but the room behind, and so all of an empty one, in one go.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl Deref for SecretBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        let Self(bytes) = self;
        bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn debug_shows_the_length_only() {
        let secret = Secret::copied_from(&[0xab; 32]);
        assert_eq!(format!("{secret:?}"), "Secret(32 bytes)");
        assert_eq!(format!("{secret:#?}"), "Secret(32 bytes)");
    }

    #[test]
    fn equality_is_by_value() {
        let secret = Secret::copied_from(&[7; 4]);
        assert!(secret == secret.duplicate());
        for place in 0..4 {
            let mut other = [7; 4];
            other[place] ^= 1;
            assert!(secret != Secret::copied_from(&other), "byte {place}");
        }
    }

    #[test]
    fn the_last_owner_wipes() {
        let secret = Secret::copied_from(&[7; 4]);
        let shared = secret.share();
        drop(secret);
        assert_eq!(shared.expose(), &[7; 4]);
        const { assert!(core::mem::needs_drop::<Bytes<4>>()) };
    }
}
