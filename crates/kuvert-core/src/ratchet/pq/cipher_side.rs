//! C, the ciphertext side of an epoch: RecvEk → SendCt.

use alloc::sync::Arc;

use kuvert_wire::PqFields;
use rand_core::CryptoRng;

use super::epoch::{Epoch, EpochSecrets, key_mac};
use super::key_side::KEY_OBJECT_LEN;
use super::outgoing::Outgoing;
use super::{PqFailed, add_all};
use crate::crypto::ct_eq;
use crate::crypto::kdf::sha256;
use crate::crypto::kem::mlkem768::{self, EncapsulationKey};
use crate::ratchet::erasure::Fragments;
use crate::secret::Secret;

/// Length of `ctobj` in bytes: ciphertext and confirmation, 9 fragments.
pub(super) const CIPHERTEXT_OBJECT_LEN: usize = mlkem768::CT_LEN + 32;

/// The encapsulation key's fragments are being collected.
pub(super) struct RecvEk {
    /// `pqs_{e-1}`.
    pub(super) previous: Arc<Secret<32>>,
    pub(super) collected: Fragments,
}

/// The answer is on its way, until the peer shows that it has mixed its secret in.
pub(super) struct SendCt {
    pub(super) mix: Arc<Secret<32>>,
    pub(super) next: Arc<Secret<32>>,
    pub(super) object: Outgoing,
}

impl RecvEk {
    /// Waits for the key of the epoch after the one that ended in `previous`.
    pub(super) fn new(previous: Arc<Secret<32>>) -> Self {
        Self { previous, collected: Fragments::default() }
    }

    /// Takes fragments in; the last one that was missing is answered by an encapsulation.
    pub(super) fn receive<R: CryptoRng + ?Sized>(
        &mut self,
        epoch: Epoch,
        fields: &PqFields,
        rng: &mut R,
    ) -> Result<Option<SendCt>, PqFailed> {
        add_all(&mut self.collected, fields)?;
        match self.collected.decode(KEY_OBJECT_LEN).map_err(|_| PqFailed)? {
            None => Ok(None),
            Some(object) => self.answer(epoch, &object, rng).map(Some),
        }
    }

    /// Encapsulates to a key whose MAC and modulus are right.
    fn answer<R: CryptoRng + ?Sized>(
        &self,
        epoch: Epoch,
        object: &[u8],
        rng: &mut R,
    ) -> Result<SendCt, PqFailed> {
        let (ek, mac) = object.split_first_chunk().ok_or(PqFailed)?;
        if !ct_eq(&key_mac(epoch, &self.previous, ek), mac) {
            return Err(PqFailed); // RAT-21
        }
        let key = EncapsulationKey::check(ek).map_err(|_| PqFailed)?; // RAT-21
        let (ct, shared) = key.encapsulate(rng);
        let hashes = (sha256(&[ek]), sha256(&[&ct[..]]));
        let secrets = EpochSecrets::derive(epoch, &self.previous, &hashes.0, &hashes.1, &shared);
        Ok(SendCt {
            object: Outgoing::new([&ct[..], &secrets.confirmation].concat()),
            mix: Arc::new(secrets.mix),
            next: Arc::new(secrets.next),
        })
    }

    /// A copy to step on; see [`super::PqRatchet::duplicate`].
    pub(super) fn share(&self) -> Self {
        Self { previous: Arc::clone(&self.previous), collected: self.collected.clone() }
    }
}

impl SendCt {
    /// The secret to mix in, and the one that the next epoch starts from.
    pub(super) fn mixed(&self) -> (Secret<32>, Arc<Secret<32>>) {
        (self.mix.duplicate(), Arc::clone(&self.next))
    }

    /// A copy to step on; see [`super::PqRatchet::duplicate`].
    pub(super) fn share(&self) -> Self {
        Self {
            mix: Arc::clone(&self.mix),
            next: Arc::clone(&self.next),
            object: self.object.share(),
        }
    }
}
