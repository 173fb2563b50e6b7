//! Our one-time prekeys: each is handed out once and erased with the message that used it.

use alloc::vec::Vec;

use kuvert_wire::{Decode, DecodeError, Encode, OneTimePrekey, PrekeyId, Reader, Signature};
use rand_core::CryptoRng;

use super::secrets::{PrekeySecrets, random_id};
use crate::crypto::BadKey;
use crate::crypto::kdf::Label;
use crate::crypto::kem::mlkem1024::CT_LEN;
use crate::identity::IdentityKeyPair;
use crate::secret::Secret;

/// A one-time prekey with its private keys.
#[derive(Debug)]
pub(crate) struct OneTimePrekeyPair {
    public: OneTimePrekey,
    secrets: PrekeySecrets,
}

impl OneTimePrekeyPair {
    /// Stored length in bytes.
    const LEN: usize = PrekeySecrets::LEN + OneTimePrekey::LEN;

    /// A fresh prekey, signed by our device. Its id is random; whoever keeps prekeys draws again in
    /// the rare case that it is taken.
    pub(crate) fn generate<R: CryptoRng + ?Sized>(our: &IdentityKeyPair, rng: &mut R) -> Self {
        let (secrets, x, ek) = PrekeySecrets::generate(rng);
        let signature = Signature::from_bytes([0; Signature::LEN]);
        let mut public = OneTimePrekey { id: random_id(rng), x, ek, signature };
        let signed: [&[u8]; 2] = [our.device_id().as_bytes(), &public.signed_bytes()];
        public.signature = our.device().sign(Label::SIG_ONETIME_PREKEY, &signed);
        Self { public, secrets }
    }

    /// What is published.
    pub(crate) const fn public(&self) -> &OneTimePrekey {
        &self.public
    }

    /// Its name.
    pub(crate) const fn id(&self) -> PrekeyId {
        self.public.id
    }

    /// DH4 of the responder.
    pub(crate) fn agree(&self, their: &[u8; 32]) -> Result<Secret<32>, BadKey> {
        self.secrets.agree(their)
    }

    /// SS of the responder.
    pub(crate) fn decapsulate(&self, ct: &[u8; CT_LEN]) -> Secret<32> {
        self.secrets.decapsulate(ct)
    }

    /// Private keys 96 and public part 1,668, for sealed storage.
    pub(crate) fn encode_into(&self, out: &mut Vec<u8>) {
        // First: growing midway would leave secrets behind in the old allocation.
        out.reserve(Self::LEN);
        self.secrets.encode_into(out);
        self.public.encode_into(out);
    }

    /// Reads what [`OneTimePrekeyPair::encode_into`] wrote.
    ///
    /// # Errors
    ///
    /// A [`DecodeError`] for any other bytes.
    pub(crate) fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let secrets = PrekeySecrets::decode_from(reader)?;
        Ok(Self { secrets, public: OneTimePrekey::decode_from(reader)? })
    }
}

#[cfg(test)]
mod tests {
    use kuvert_wire::Timestamp;
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn it_survives_storage_and_no_two_are_the_same() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let our = IdentityKeyPair::generate(Timestamp::default(), &mut rng);
        let pair = OneTimePrekeyPair::generate(&our, &mut rng);
        let mut stored = Vec::new();
        pair.encode_into(&mut stored);
        assert_eq!(stored.len(), OneTimePrekeyPair::LEN);
        let loaded = OneTimePrekeyPair::decode_from(&mut Reader::new(&stored)).unwrap();
        assert_eq!(loaded.public(), pair.public());
        assert!(loaded.agree(&[9; 32]).unwrap() == pair.agree(&[9; 32]).unwrap());
        assert!(loaded.decapsulate(&[9; CT_LEN]) == pair.decapsulate(&[9; CT_LEN]));
        assert_ne!(OneTimePrekeyPair::generate(&our, &mut rng).id(), pair.id());
    }
}
