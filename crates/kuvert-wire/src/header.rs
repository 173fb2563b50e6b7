//! The ratchet header: what a session message says under its header key.
//!
//! ```text
//! Header (179, or 1340 in a burst) =
//!   ratchet_pk 32 | n u32 | pn u32 | pq_mixed u32 | pq_kind u8 | pq_epoch u32 | frags u8 (1 or 10) | frags × (index u8 | data 128)
//! ```
//!
//! Every header carries a fragment, an all-zero one when there is none to send, so that sizes do not tell.
//!
//! # Spec
//!
//! `spec/04-ratchet.md`, "Header" and "Post-quantum ratchet".

use alloc::vec::Vec;

use crate::codec::{Decode, DecodeError, Encode, Reader};
use crate::key::RatchetPublicKey;

/// Length in bytes of a header with one fragment.
pub const HEADER_LEN: usize = 179;
/// Length in bytes of a header with ten fragments.
pub const BURST_HEADER_LEN: usize = 1340;
/// Fragments in a burst.
pub const BURST: usize = 10;
/// Bytes of data in a fragment.
pub const FRAGMENT_LEN: usize = 128;
/// The highest fragment index: the code has 255 points, 0 to 254.
pub const MAX_FRAGMENT_INDEX: u8 = 254;

/// What a session message says about the ratchet; sealed under the header key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The sender's ratchet key of this chain.
    pub ratchet_key: RatchetPublicKey,
    /// Number of the message in its chain, from 0 (`n`).
    pub message_number: u32,
    /// Length of the sender's previous chain (`pn`).
    pub previous_chain_length: u32,
    /// Post-quantum epochs mixed into this chain's root so far.
    pub pq_mixed: u32,
    /// The fragments on board.
    pub pq: PqFields,
}

/// Which object a header's fragments belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PqKind {
    /// None: one all-zero fragment fills the place.
    Idle,
    /// An encapsulation key with its MAC, 1,216 bytes in 10 fragments.
    EncapsulationKey,
    /// A ciphertext with its confirmation, 1,120 bytes in 9 fragments.
    Ciphertext,
}

impl PqKind {
    const fn code(self) -> u8 {
        match self {
            Self::Idle => 0,
            Self::EncapsulationKey => 1,
            Self::Ciphertext => 2,
        }
    }

    const fn from_code(code: u8) -> Result<Self, DecodeError> {
        match code {
            0 => Ok(Self::Idle),
            1 => Ok(Self::EncapsulationKey),
            2 => Ok(Self::Ciphertext),
            _ => Err(DecodeError::Unknown { what: "pq_kind" }), // RAT-5
        }
    }
}

/// One fragment of an erasure-coded object, 129 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The point at which the code's polynomial was evaluated, 0 to 254.
    pub index: u8,
    /// The values, byte by byte.
    pub data: [u8; FRAGMENT_LEN],
}

impl Fragment {
    /// The fragment that fills the place when there is nothing to send.
    pub const ZERO: Self = Self { index: 0, data: [0; FRAGMENT_LEN] };
}

/// The post-quantum part of a header: 1 or 10 fragments of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PqFields {
    /// The object's kind.
    pub kind: PqKind,
    /// The epoch it belongs to, from 1; 0 when idle.
    pub epoch: u32,
    /// 1 fragment, or 10 in a burst.
    pub fragments: Vec<Fragment>,
}

impl PqFields {
    /// Nothing to send: kind 0, epoch 0, one zero fragment.
    #[must_use]
    pub fn idle() -> Self {
        Self { kind: PqKind::Idle, epoch: 0, fragments: alloc::vec![Fragment::ZERO] }
    }

    /// Whether what the idle kind must leave empty is empty, and only then.
    fn is_consistent(&self) -> bool {
        match self.kind {
            PqKind::Idle => self.epoch == 0 && self.fragments == [Fragment::ZERO],
            PqKind::EncapsulationKey | PqKind::Ciphertext => self.epoch != 0,
        }
    }
}

impl Encode for Header {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.ratchet_key.encode_into(out);
        out.extend_from_slice(&self.message_number.to_be_bytes());
        out.extend_from_slice(&self.previous_chain_length.to_be_bytes());
        out.extend_from_slice(&self.pq_mixed.to_be_bytes());
        out.push(self.pq.kind.code());
        out.extend_from_slice(&self.pq.epoch.to_be_bytes());
        out.push(if self.pq.fragments.len() == 1 { 1 } else { 10 });
        for fragment in &self.pq.fragments {
            out.push(fragment.index);
            out.extend_from_slice(&fragment.data);
        }
    }

    fn encoded_len(&self) -> usize {
        HEADER_LEN + (self.pq.fragments.len() - 1) * (1 + FRAGMENT_LEN)
    }
}

impl Decode for Header {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            ratchet_key: RatchetPublicKey::decode_from(reader)?,
            message_number: reader.u32()?,
            previous_chain_length: reader.u32()?,
            pq_mixed: reader.u32()?,
            pq: decode_pq_fields(reader)?,
        })
    }
}

fn decode_pq_fields(reader: &mut Reader<'_>) -> Result<PqFields, DecodeError> {
    let kind = PqKind::from_code(reader.u8()?)?;
    let epoch = reader.u32()?;
    let count = match reader.u8()? {
        1 => 1,
        10 => BURST,
        _ => {
            return Err(DecodeError::Invalid { what: "fragment count" });
        } // RAT-3
    };
    let fragments = (0..count).map(|_| decode_fragment(reader)).collect::<Result<_, _>>()?;
    let fields = PqFields { kind, epoch, fragments };
    if !fields.is_consistent() {
        return Err(DecodeError::Invalid { what: "post-quantum fields" }); // RAT-6
    }
    Ok(fields)
}

fn decode_fragment(reader: &mut Reader<'_>) -> Result<Fragment, DecodeError> {
    let index = reader.u8()?;
    if index > MAX_FRAGMENT_INDEX {
        return Err(DecodeError::Invalid { what: "fragment index" }); // RAT-4
    }
    Ok(Fragment { index, data: reader.array()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(pq: PqFields) -> Header {
        Header {
            ratchet_key: RatchetPublicKey::from_bytes([9; 32]),
            message_number: 1,
            previous_chain_length: 2,
            pq_mixed: 3,
            pq,
        }
    }

    fn carrying(count: u8) -> Header {
        let fragments = (0..count).map(|index| Fragment { index, data: [index; 128] }).collect();
        header(PqFields { kind: PqKind::EncapsulationKey, epoch: 1, fragments })
    }

    #[test]
    fn both_sizes_round_trip() {
        for (header, len) in [
            (header(PqFields::idle()), HEADER_LEN),
            (carrying(1), HEADER_LEN),
            (carrying(10), BURST_HEADER_LEN),
        ] {
            let bytes = header.encode();
            assert_eq!((bytes.len(), header.encoded_len()), (len, len));
            assert_eq!(Header::decode(&bytes), Ok(header));
        }
    }

    #[test]
    fn every_kind_and_index_round_trips() {
        for kind in [PqKind::EncapsulationKey, PqKind::Ciphertext] {
            let fragment = Fragment { index: MAX_FRAGMENT_INDEX, ..Fragment::ZERO };
            let header = header(PqFields { kind, epoch: 1, fragments: alloc::vec![fragment] });
            assert_eq!(Header::decode(&header.encode()), Ok(header));
        }
    }

    fn refused_with(at: usize, value: u8, header: &Header, what: &'static str) {
        let mut bytes = header.encode();
        bytes[at] = value;
        let error = Header::decode(&bytes).expect_err("must be refused");
        assert!(
            error == DecodeError::Invalid { what } || error == DecodeError::Unknown { what },
            "{error}"
        );
    }

    /// RAT-3
    #[test]
    fn fragments_come_one_or_ten_at_a_time() {
        for count in [0, 2, 9, 11, 255] {
            refused_with(49, count, &carrying(1), "fragment count");
        }
    }

    /// RAT-6
    #[test]
    fn an_idle_header_carries_zeros_only() {
        for at in [48, 50, 51, 178] {
            refused_with(at, 1, &header(PqFields::idle()), "post-quantum fields");
        }
        refused_with(44, 1, &header(PqFields::idle()), "post-quantum fields");
        refused_with(48, 0, &carrying(1), "post-quantum fields");
    }

    /// RAT-4
    #[test]
    fn a_fragment_index_ends_at_254() {
        refused_with(50, 255, &carrying(1), "fragment index");
    }

    /// RAT-5
    #[test]
    fn an_unknown_kind_is_refused() {
        refused_with(44, 3, &carrying(1), "pq_kind");
    }
}
