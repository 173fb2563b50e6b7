//! What binds an anchor to its store.

use kuvert_core::at_rest::NameKey;
use kuvert_core::secret::Secret;

/// Length of a tag in bytes.
pub(super) const TAG_LEN: usize = 32;

/// The key that binds an anchor to its store: `Sealed::anchor_key` gives that of a sealed store.
///
/// Another store's anchor, or one that someone has made up, does not fit it.
#[derive(Debug)]
pub struct AnchorKey(NameKey);

impl AnchorKey {
    /// From a secret that this store has and no other, and that is used for nothing else.
    #[must_use]
    pub fn new(secret: &Secret<32>) -> Self {
        Self(NameKey::new(secret))
    }

    /// The tag of what a slot says.
    pub(super) fn tag(&self, said: &[u8]) -> [u8; TAG_LEN] {
        self.0.blind(&[], said)
    }
}
