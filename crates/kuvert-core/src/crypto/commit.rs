//! Keys that commit to what they open.
//!
//! ```text
//! key = XL(parent, key label, ctx, 32)      commitment = XL(parent, commitment label, ctx, 32)
//! ```
//! ChaCha20-Poly1305 alone lets someone build one ciphertext that opens under two keys. Sending the
//! commitment with the ciphertext, and comparing it *before* opening, binds both to one parent key
//! and one context. The context begins with a fresh salt, so a parent that comes back (a state
//! restored from an old copy) still never repeats a key.
//!
//! # Spec
//!
//! `spec/05-messages.md`, "Sealing"; used for messages, stored records, backups and attachments.

use super::kdf::{Expander, Label};
use super::{Unauthentic, ct_eq};
use crate::secret::Secret;

/// Length of a commitment in bytes.
pub(crate) const COMMITMENT_LEN: usize = 32;

/// The pair of labels of one use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CommitLabels {
    key: Label<'static>,
    commitment: Label<'static>,
}

#[allow(dead_code, reason = "the table is the whole protocol's, features use parts of it")]
impl CommitLabels {
    pub(crate) const MESSAGE: Self = Self { key: Label::MSG_KEY, commitment: Label::MSG_COMMIT };
    pub(crate) const ATTACHMENT: Self =
        Self { key: Label::ATTACH_KEY, commitment: Label::ATTACH_COMMIT };
    pub(crate) const STORE: Self = Self { key: Label::STORE_KEY, commitment: Label::STORE_COMMIT };
    pub(crate) const BACKUP: Self =
        Self { key: Label::BACKUP_KEY, commitment: Label::BACKUP_COMMIT };
}

/// A key to seal with, and the commitment to send with what it seals.
#[inline]
pub(crate) fn committing_key(
    parent: &Expander,
    labels: CommitLabels,
    ctx: &[&[u8]],
) -> (Secret<32>, [u8; COMMITMENT_LEN]) {
    let commitment = parent.expand_public(labels.commitment, ctx);
    (parent.expand(labels.key, ctx), commitment)
}

/// The key to open with, given out only when `received` is its commitment.
///
/// # Errors
///
/// [`Unauthentic`] when the commitment is another one. The comparison takes constant time.
#[inline]
pub(crate) fn committed_key(
    parent: &Expander,
    labels: CommitLabels,
    ctx: &[&[u8]],
    received: &[u8; COMMITMENT_LEN],
) -> Result<Secret<32>, Unauthentic> {
    let ours = parent.expand_public::<COMMITMENT_LEN>(labels.commitment, ctx);
    if !ct_eq(&ours, received) {
        return Err(Unauthentic);
    }
    Ok(parent.expand(labels.key, ctx))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_comes_out_under_its_own_commitment_only() {
        let parent = Expander::new(&Secret::copied_from(&[1; 32]));
        let (key, commitment) = committing_key(&parent, CommitLabels::MESSAGE, &[b"salt"]);
        let open = |labels, ctx: &[&[u8]], received| committed_key(&parent, labels, ctx, received);
        assert!(open(CommitLabels::MESSAGE, &[b"salt"], &commitment).unwrap() == key);
        assert!(open(CommitLabels::MESSAGE, &[b"sald"], &commitment).is_err());
        assert!(open(CommitLabels::STORE, &[b"salt"], &commitment).is_err());
        let mut other = commitment;
        other[31] ^= 1;
        assert!(open(CommitLabels::MESSAGE, &[b"salt"], &other).is_err());
    }
}
