//! Our medium-term prekeys: one is current, older ones wait for messages under way.

use alloc::vec::Vec;

use kuvert_wire::{
    Decode, DecodeError, Encode, MediumPrekey, PrekeyId, Reader, Signature, Timestamp,
};
use rand_core::CryptoRng;

use super::secrets::{PrekeySecrets, random_id};
use crate::crypto::BadKey;
use crate::crypto::kdf::Label;
use crate::crypto::kem::mlkem1024::CT_LEN;
use crate::identity::IdentityKeyPair;
use crate::limits::{MEDIUM_GRACE, MEDIUM_ROTATION, MEDIUM_VALIDITY};
use crate::secret::Secret;

/// A medium-term prekey with its private keys.
#[derive(Debug)]
pub(crate) struct MediumPrekeyPair {
    public: MediumPrekey,
    secrets: PrekeySecrets,
}

impl MediumPrekeyPair {
    /// Stored length in bytes.
    pub(crate) const LEN: usize = PrekeySecrets::LEN + MediumPrekey::LEN;

    /// A fresh prekey, signed by our device and valid from `now`. Its id is random; whoever keeps
    /// prekeys draws again in the rare case that it is taken.
    pub(crate) fn generate<R: CryptoRng + ?Sized>(
        our: &IdentityKeyPair,
        now: Timestamp,
        rng: &mut R,
    ) -> Self {
        let (secrets, x, ek) = PrekeySecrets::generate(rng);
        let mut public = MediumPrekey {
            id: random_id(rng),
            created: now,
            not_after: now.saturating_add(MEDIUM_VALIDITY),
            x,
            ek,
            signature: Signature::from_bytes([0; Signature::LEN]),
        };
        let signed: [&[u8]; 2] = [our.device_id().as_bytes(), &public.signed_bytes()];
        public.signature = our.device().sign(Label::SIG_MEDIUM_PREKEY, &signed);
        Self { public, secrets }
    }

    /// What is published.
    pub(crate) const fn public(&self) -> &MediumPrekey {
        &self.public
    }

    /// Its name.
    pub(crate) const fn id(&self) -> PrekeyId {
        self.public.id
    }

    /// Whether a newer one should take its place.
    pub(crate) fn is_rotation_due(&self, now: Timestamp) -> bool {
        now >= self.public.created.saturating_add(MEDIUM_ROTATION)
    }

    /// Whether its private keys must go: 44 days after it was made.
    pub(crate) fn is_erasure_due(&self, now: Timestamp) -> bool {
        now >= self.public.not_after.saturating_add(MEDIUM_GRACE)
    }

    /// DH1 and DH3 of the responder.
    pub(crate) fn agree(&self, their: &[u8; 32]) -> Result<Secret<32>, BadKey> {
        self.secrets.agree(their)
    }

    /// SS of the responder when no one-time prekey was used.
    pub(crate) fn decapsulate(&self, ct: &[u8; CT_LEN]) -> Secret<32> {
        self.secrets.decapsulate(ct)
    }

    /// Private keys 96 and public part 1,684, for sealed storage.
    pub(crate) fn encode_into(&self, out: &mut Vec<u8>) {
        // First: growing midway would leave secrets behind in the old allocation.
        out.reserve(Self::LEN);
        self.secrets.encode_into(out);
        self.public.encode_into(out);
    }

    /// Reads what [`MediumPrekeyPair::encode_into`] wrote.
    ///
    /// # Errors
    ///
    /// A [`DecodeError`] for any other bytes.
    pub(crate) fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let secrets = PrekeySecrets::decode_from(reader)?;
        Ok(Self { secrets, public: MediumPrekey::decode_from(reader)? })
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn it_is_rotated_after_7_days_and_erased_after_44() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let start = Timestamp::from_millis(1_000_000);
        let our = IdentityKeyPair::generate(start, &mut rng);
        let pair = MediumPrekeyPair::generate(&our, start, &mut rng);
        let (just, at) = (Duration::from_millis(1), |days| start.saturating_add(DAY * days));
        assert!(!pair.is_rotation_due(at(7).saturating_sub(just)));
        assert!(pair.is_rotation_due(at(7)));
        assert_eq!(pair.public().not_after, at(14));
        assert!(!pair.is_erasure_due(at(44).saturating_sub(just)));
        assert!(pair.is_erasure_due(at(44)));
    }

    #[test]
    fn it_survives_storage() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let our = IdentityKeyPair::generate(Timestamp::default(), &mut rng);
        let pair = MediumPrekeyPair::generate(&our, Timestamp::default(), &mut rng);
        let mut stored = Vec::new();
        pair.encode_into(&mut stored);
        assert_eq!(stored.len(), MediumPrekeyPair::LEN);
        let loaded = MediumPrekeyPair::decode_from(&mut Reader::new(&stored)).unwrap();
        assert_eq!(loaded.public(), pair.public());
        assert!(loaded.agree(&[9; 32]).unwrap() == pair.agree(&[9; 32]).unwrap());
        assert!(loaded.decapsulate(&[9; CT_LEN]) == pair.decapsulate(&[9; CT_LEN]));
    }
}
