//! Requests about the directory of prekeys.
//!
//! ```text
//! Publish    = DeviceCert 177 | MediumPrekey 1684 | count u16 ≤ 100 | count × OneTimePrekey 1668 | signature 64
//! StockQuery = device_key 32 | signature 64
//! ```

use alloc::vec::Vec;

use super::{List, MAX_PUBLISH};
use crate::bundle::{DeviceCert, MediumPrekey, OneTimePrekey};
use crate::codec::{Decode, DecodeError, Encode, Reader};
use crate::key::{DeviceKey, Signature};

/// Publishes a device's certificate and prekeys, and opens its front door. One-time prekeys add to the stock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// The device.
    pub cert: DeviceCert,
    /// Its current medium-term prekey; takes the place of the last one.
    pub medium: MediumPrekey,
    /// Fresh one-time prekeys.
    pub one_time: List<OneTimePrekey, MAX_PUBLISH>,
    /// By the device key, over [`super::proof::publish`].
    pub signature: Signature,
}

impl Encode for Publish {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.cert.encode_into(out);
        self.medium.encode_into(out);
        self.one_time.encode_into(out);
        self.signature.encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        DeviceCert::LEN + MediumPrekey::LEN + self.one_time.encoded_len() + Signature::LEN
    }
}

impl Decode for Publish {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            cert: DeviceCert::decode_from(reader)?,
            medium: MediumPrekey::decode_from(reader)?,
            one_time: List::decode_from(reader)?,
            signature: Signature::decode_from(reader)?,
        })
    }
}

/// Asks how many of a device's one-time prekeys are left; only the device may know. 96 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockQuery {
    /// The device.
    pub device_key: DeviceKey,
    /// By `device_key`, over [`super::proof::stock`].
    pub signature: Signature,
}

impl Encode for StockQuery {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.device_key.encode_into(out);
        self.signature.encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        DeviceKey::LEN + Signature::LEN
    }
}

impl Decode for StockQuery {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            device_key: DeviceKey::decode_from(reader)?,
            signature: Signature::decode_from(reader)?,
        })
    }
}
