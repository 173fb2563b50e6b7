//! Device certificates, prekeys and the bundle that a first message needs.
//!
//! ```text
//! DeviceCert (177)     = version u8=1 | account_pk 32 | sig_pk 32 | dh_pk 32 | issued u64 | list_version u64 | sig 64
//! MediumPrekey (1684)  = id u32 | created u64 | not_after u64 | x 32 | ek 1568 | sig 64
//! OneTimePrekey (1668) = id u32 | x 32 | ek 1568 | sig 64
//! Bundle (1862 / 3530) = DeviceCert | MediumPrekey | has_ot u8 | [OneTimePrekey]
//! ```
//!
//! Nothing here has been verified: that is `kuvert-core`'s work, which turns a bundle into a verified one.
//!
//! # Spec
//!
//! `spec/01-identity.md`, `spec/02-prekeys.md`.

use alloc::vec::Vec;

use crate::codec::{Decode, DecodeError, Encode, Reader};
use crate::id::{PrekeyId, Timestamp};
use crate::key::{AccountKey, DeviceKey, IdentityKey, KemPrekey, PrekeyPublic, Signature};

/// The only certificate version of v1.
const CERT_VERSION: u8 = 1;

/// A device's keys, certified by its account key. 177 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceCert {
    /// The account that vouches for the device.
    pub account_key: AccountKey,
    /// The device's signing key.
    pub device_key: DeviceKey,
    /// The device's X25519 identity key.
    pub identity_key: IdentityKey,
    /// When it was issued.
    pub issued: Timestamp,
    /// Version of the device list it belongs to.
    pub list_version: u64,
    /// By the account key, over [`DeviceCert::signed_bytes`].
    pub signature: Signature,
}

impl DeviceCert {
    /// Length in bytes.
    pub const LEN: usize = 177;

    /// The 113 bytes under the signature (without its label).
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = self.encode();
        bytes.truncate(Self::LEN - Signature::LEN);
        bytes
    }
}

impl Encode for DeviceCert {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(CERT_VERSION);
        self.account_key.encode_into(out);
        self.device_key.encode_into(out);
        self.identity_key.encode_into(out);
        self.issued.encode_into(out);
        out.extend_from_slice(&self.list_version.to_be_bytes());
        self.signature.encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        Self::LEN
    }
}

impl Decode for DeviceCert {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = reader.u8()?;
        if version != CERT_VERSION {
            return Err(DecodeError::UnsupportedVersion { found: version.into() }); // COD-3
        }
        Ok(Self {
            account_key: AccountKey::decode_from(reader)?,
            device_key: DeviceKey::decode_from(reader)?,
            identity_key: IdentityKey::decode_from(reader)?,
            issued: Timestamp::decode_from(reader)?,
            list_version: reader.u64()?,
            signature: Signature::decode_from(reader)?,
        })
    }
}

/// A medium-term prekey: used until it expires, and as last resort when no one-time prekey is left. 1,684 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediumPrekey {
    /// Its name within the device.
    pub id: PrekeyId,
    /// When it was made.
    pub created: Timestamp,
    /// When initiators stop using it.
    pub not_after: Timestamp,
    /// The X25519 half.
    pub x: PrekeyPublic,
    /// The ML-KEM-1024 half.
    pub ek: KemPrekey,
    /// By the device key, over the device id and [`MediumPrekey::signed_bytes`].
    pub signature: Signature,
}

impl MediumPrekey {
    /// Length in bytes.
    pub const LEN: usize = 1684;

    /// The 1,620 bytes that follow the device id under the signature.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = self.encode();
        bytes.truncate(Self::LEN - Signature::LEN);
        bytes
    }
}

impl Encode for MediumPrekey {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.id.encode_into(out);
        self.created.encode_into(out);
        self.not_after.encode_into(out);
        self.x.encode_into(out);
        self.ek.encode_into(out);
        self.signature.encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        Self::LEN
    }
}

impl Decode for MediumPrekey {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: PrekeyId::decode_from(reader)?,
            created: Timestamp::decode_from(reader)?,
            not_after: Timestamp::decode_from(reader)?,
            x: PrekeyPublic::decode_from(reader)?,
            ek: KemPrekey::decode_from(reader)?,
            signature: Signature::decode_from(reader)?,
        })
    }
}

/// A one-time prekey: the relay hands it out once, its owner erases it on first use. 1,668 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneTimePrekey {
    /// Its name within the device.
    pub id: PrekeyId,
    /// The X25519 half.
    pub x: PrekeyPublic,
    /// The ML-KEM-1024 half.
    pub ek: KemPrekey,
    /// By the device key, over the device id and [`OneTimePrekey::signed_bytes`].
    pub signature: Signature,
}

impl OneTimePrekey {
    /// Length in bytes.
    pub const LEN: usize = 1668;

    /// The 1,604 bytes that follow the device id under the signature.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = self.encode();
        bytes.truncate(Self::LEN - Signature::LEN);
        bytes
    }
}

impl Encode for OneTimePrekey {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.id.encode_into(out);
        self.x.encode_into(out);
        self.ek.encode_into(out);
        self.signature.encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        Self::LEN
    }
}

impl Decode for OneTimePrekey {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: PrekeyId::decode_from(reader)?,
            x: PrekeyPublic::decode_from(reader)?,
            ek: KemPrekey::decode_from(reader)?,
            signature: Signature::decode_from(reader)?,
        })
    }
}

/// What an initiator needs of a responder. 1,862 bytes, or 3,530 with a one-time prekey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrekeyBundle {
    /// The responder's device.
    pub cert: DeviceCert,
    /// Its current medium-term prekey.
    pub medium: MediumPrekey,
    /// A one-time prekey, while the relay's stock lasts.
    pub one_time: Option<OneTimePrekey>,
}

impl Encode for PrekeyBundle {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.cert.encode_into(out);
        self.medium.encode_into(out);
        out.push(u8::from(self.one_time.is_some()));
        if let Some(one_time) = &self.one_time {
            one_time.encode_into(out);
        }
    }

    fn encoded_len(&self) -> usize {
        let one_time = self.one_time.as_ref().map_or(0, Encode::encoded_len);
        DeviceCert::LEN + MediumPrekey::LEN + 1 + one_time
    }
}

impl Decode for PrekeyBundle {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let cert = DeviceCert::decode_from(reader)?;
        let medium = MediumPrekey::decode_from(reader)?;
        let has_one_time = reader.flag("has_ot")?; // PRE-3
        let one_time = has_one_time.then(|| OneTimePrekey::decode_from(reader)).transpose()?;
        Ok(Self { cert, medium, one_time })
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn bundle_bytes(has_one_time: bool) -> Vec<u8> {
        let mut bytes = vec![7; if has_one_time { 3530 } else { 1862 }];
        bytes[0] = CERT_VERSION;
        bytes[1861] = u8::from(has_one_time);
        bytes
    }

    #[test]
    fn both_sizes_round_trip() {
        for has_one_time in [false, true] {
            let bytes = bundle_bytes(has_one_time);
            let bundle = PrekeyBundle::decode(&bytes).expect("well-formed");
            assert_eq!(bundle.one_time.is_some(), has_one_time);
            assert_eq!(bundle.encoded_len(), bytes.len());
            assert_eq!(bundle.encode(), bytes);
        }
    }

    #[test]
    fn signed_parts_have_the_lengths_of_the_spec() {
        let bundle = PrekeyBundle::decode(&bundle_bytes(true)).expect("well-formed");
        assert_eq!(bundle.cert.signed_bytes().len(), 113);
        assert_eq!(bundle.medium.signed_bytes().len(), 1620);
        assert_eq!(bundle.one_time.expect("present").signed_bytes().len(), 1604);
    }

    /// COD-3
    #[test]
    fn another_certificate_version_is_refused() {
        let mut bytes = bundle_bytes(false);
        bytes[0] = 2;
        let refused = Err(DecodeError::UnsupportedVersion { found: 2 });
        assert_eq!(PrekeyBundle::decode(&bytes), refused);
    }

    /// PRE-3
    #[test]
    fn has_ot_is_zero_or_one() {
        let mut bytes = bundle_bytes(false);
        bytes[1861] = 2;
        let refused = Err(DecodeError::Unknown { what: "has_ot" });
        assert_eq!(PrekeyBundle::decode(&bytes), refused);
    }

    #[test]
    fn every_truncation_and_extension_is_refused() {
        let bytes = bundle_bytes(true);
        assert!((0..bytes.len()).all(|len| PrekeyBundle::decode(&bytes[..len]).is_err()));
        let extended = [bytes.as_slice(), &[0]].concat();
        let refused = Err(DecodeError::TrailingBytes { extra: 1 });
        assert_eq!(PrekeyBundle::decode(&extended), refused);
    }
}
