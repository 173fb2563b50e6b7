//! K, the key side of an epoch: SendEk → RecvCt → MixDue.

use alloc::sync::Arc;

use kuvert_wire::PqFields;
use rand_core::CryptoRng;

use super::cipher_side::{CIPHERTEXT_OBJECT_LEN, RecvEk};
use super::epoch::{Epoch, EpochSecrets, key_mac};
use super::outgoing::Outgoing;
use super::{PqFailed, State, add_all};
use crate::crypto::ct_eq;
use crate::crypto::kdf::sha256;
use crate::crypto::kem::mlkem768::{self, Seed};
use crate::ratchet::erasure::Fragments;
use crate::secret::Secret;

/// Length of `ekobj` in bytes: key and MAC, 10 fragments.
pub(super) const KEY_OBJECT_LEN: usize = mlkem768::EK_LEN + 32;

/// The encapsulation key is on its way; nothing of the answer has come.
pub(super) struct SendEk {
    pub(super) key: Arc<EpochKey>,
    pub(super) object: Outgoing,
}

/// The answer's fragments are being collected.
pub(super) struct RecvCt {
    pub(super) key: Arc<EpochKey>,
    pub(super) collected: Fragments,
}

/// The answer is complete and right; its secrets wait for the own next root step.
pub(super) struct MixDue {
    pub(super) mix: Arc<Secret<32>>,
    pub(super) next: Arc<Secret<32>>,
}

/// What the key side keeps until the answer is complete.
pub(super) struct EpochKey {
    pub(super) seed: Seed,
    /// `pqs_{e-1}`.
    pub(super) previous: Arc<Secret<32>>,
    /// SHA-256 of the encapsulation key.
    hash: [u8; 32],
}

impl SendEk {
    /// Makes the epoch's key pair and begins to send its public half.
    pub(super) fn generate<R: CryptoRng + ?Sized>(
        epoch: Epoch,
        previous: Arc<Secret<32>>,
        rng: &mut R,
    ) -> Self {
        let (seed, ek) = Seed::generate(rng);
        Self::new(epoch, EpochKey::new(seed, previous, &*ek), &*ek)
    }

    /// Begins to send the public half of a key pair.
    pub(super) fn new(epoch: Epoch, key: EpochKey, ek: &[u8]) -> Self {
        let mac = key_mac(epoch, &key.previous, ek);
        Self { key: Arc::new(key), object: Outgoing::new([ek, &mac].concat()) }
    }

    /// The first of the answer has come, so the key has arrived and is not sent any more.
    pub(super) fn receive(&self, epoch: Epoch, fields: &PqFields) -> Result<State, PqFailed> {
        let mut waiting = RecvCt::new(Arc::clone(&self.key));
        let due = waiting.receive(epoch, fields)?;
        Ok(due.map_or(State::RecvCt(waiting), State::MixDue))
    }

    /// A copy to step on; see [`super::PqRatchet::duplicate`].
    pub(super) fn share(&self) -> Self {
        Self { key: Arc::clone(&self.key), object: self.object.share() }
    }
}

impl RecvCt {
    fn new(key: Arc<EpochKey>) -> Self {
        Self { key, collected: Fragments::default() }
    }

    /// Takes fragments in; the last one that was missing completes the epoch.
    pub(super) fn receive(
        &mut self,
        epoch: Epoch,
        fields: &PqFields,
    ) -> Result<Option<MixDue>, PqFailed> {
        add_all(&mut self.collected, fields)?;
        match self.collected.decode(CIPHERTEXT_OBJECT_LEN).map_err(|_| PqFailed)? {
            None => Ok(None),
            Some(object) => self.key.open(epoch, &object).map(Some),
        }
    }

    /// A copy to step on; see [`super::PqRatchet::duplicate`].
    pub(super) fn share(&self) -> Self {
        Self { key: Arc::clone(&self.key), collected: self.collected.clone() }
    }
}

impl MixDue {
    /// The secret to mix in, and the ciphertext side of the next epoch.
    pub(super) fn mixed(&self) -> (Secret<32>, RecvEk) {
        (self.mix.duplicate(), RecvEk::new(Arc::clone(&self.next)))
    }

    /// A copy to step on; see [`super::PqRatchet::duplicate`].
    pub(super) fn share(&self) -> Self {
        Self { mix: Arc::clone(&self.mix), next: Arc::clone(&self.next) }
    }
}

impl EpochKey {
    /// Keeps a key pair, given by its seed and its public half.
    pub(super) fn new(seed: Seed, previous: Arc<Secret<32>>, ek: &[u8]) -> Self {
        Self { seed, previous, hash: sha256(&[ek]) }
    }

    /// Decapsulates. Nobody believes the result before the peer's confirmation has proved right.
    fn open(&self, epoch: Epoch, object: &[u8]) -> Result<MixDue, PqFailed> {
        let (ciphertext, confirmation) = object.split_first_chunk().ok_or(PqFailed)?;
        let shared = self.seed.decapsulate(ciphertext);
        let hash = sha256(&[ciphertext]);
        let secrets = EpochSecrets::derive(epoch, &self.previous, &self.hash, &hash, &shared);
        if !ct_eq(&secrets.confirmation, confirmation) {
            return Err(PqFailed); // RAT-22
        }
        Ok(MixDue { mix: Arc::new(secrets.mix), next: Arc::new(secrets.next) })
    }
}
