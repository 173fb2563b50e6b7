//! Bodies of frame type 5.
//!
//! ```text
//! code u8, then
//!   1 start          mode u8 | nonce 32 | tsk_pk 32 | tsk_sig 64
//!   2 stop           nonce 32: of the start, the sender's or the receiver's, that it ends
//!   3 leaf-request   seq u64 | count u16 (1..=1000)
//!   4 leaf           leaf 169
//!   5 head           claim 88 | head_auth 64
//!   6 redaction, 7 erasure receipt, 8 consent: notices, which are logged themselves
//! ```

use alloc::vec::Vec;

use super::notice::{Consent, ErasureReceipt, Redaction};
use super::{Leaf, Mode, SealedHead, TranscriptKey, TranscriptNonce};
use crate::codec::{Decode, DecodeError, Encode, Reader};
use crate::key::Signature;

/// The most leaves that one request asks for: as many as a receiver holds back.
pub const MAX_LEAF_REQUEST: u16 = 1000;

/// "From here on, as far as I am concerned." 129 bytes. On when both have said so in the same mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// What it is to prove.
    pub mode: Mode,
    /// The sender's share of the conversation's name.
    pub nonce: TranscriptNonce,
    /// The sender's signing key for this conversation alone; zeros in the deniable mode.
    pub key: TranscriptKey,
    /// By the sender's device key, over mode, both accounts, nonce and key; zeros likewise.
    pub signature: Signature,
}

impl Start {
    /// Length in bytes.
    pub const LEN: usize = 129;
}

impl Encode for Start {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(self.mode.code());
        self.nonce.encode_into(out);
        self.key.encode_into(out);
        self.signature.encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        Self::LEN
    }
}

impl Decode for Start {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let start = Self {
            mode: Mode::from_code(reader.u8()?)?,
            nonce: TranscriptNonce::decode_from(reader)?,
            key: TranscriptKey::decode_from(reader)?,
            signature: Signature::decode_from(reader)?,
        };
        let is_zero = start.key.as_bytes() == &[0; 32] && start.signature.as_bytes() == &[0; 64];
        if start.mode == Mode::Deniable && !is_zero {
            return Err(DecodeError::Invalid { what: "signing key of a deniable transcript" }); // TRA-2
        }
        Ok(start)
    }
}

/// Asks for leaves of the receiver's log without their messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafRequest {
    /// The first one.
    pub seq: u64,
    /// How many, 1 to [`MAX_LEAF_REQUEST`].
    pub count: u16,
}

impl Encode for LeafRequest {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&self.count.to_be_bytes());
    }

    fn encoded_len(&self) -> usize {
        10
    }
}

impl Decode for LeafRequest {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (seq, count) = (reader.u64()?, reader.u16()?);
        let is_sound =
            (1..=MAX_LEAF_REQUEST).contains(&count) && seq.checked_add(count.into()).is_some();
        if !is_sound {
            return Err(DecodeError::Invalid { what: "leaf request" }); // TRA-6
        }
        Ok(Self { seq, count })
    }
}

/// What a frame of type 5 says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TranscriptBody {
    /// Begins, or agrees to (1).
    Start(Start),
    /// Ends what the start with this nonce began or offered (2).
    Stop(TranscriptNonce),
    /// Asks for bare leaves (3).
    LeafRequest(LeafRequest),
    /// Answers with one (4).
    Leaf(Leaf),
    /// States both logs (5).
    Head(SealedHead),
    /// Says that content is erased, and asks for the same (6). Logged.
    Redaction(Redaction),
    /// Says what came of it (7). Logged.
    ErasureReceipt(ErasureReceipt),
    /// Asks for consent, gives or withdraws it (8). Logged.
    Consent(Consent),
}

impl TranscriptBody {
    const fn code(&self) -> u8 {
        match self {
            Self::Start(_) => 1,
            Self::Stop(_) => 2,
            Self::LeafRequest(_) => 3,
            Self::Leaf(_) => 4,
            Self::Head(_) => 5,
            Self::Redaction(_) => 6,
            Self::ErasureReceipt(_) => 7,
            Self::Consent(_) => 8,
        }
    }

    fn content(&self) -> &dyn Encode {
        match self {
            Self::Start(start) => start,
            Self::Stop(nonce) => nonce,
            Self::LeafRequest(request) => request,
            Self::Leaf(leaf) => leaf,
            Self::Head(head) => head,
            Self::Redaction(redaction) => redaction,
            Self::ErasureReceipt(receipt) => receipt,
            Self::Consent(consent) => consent,
        }
    }

    /// Whether it is an entry of the log itself: the notices are.
    #[must_use]
    pub const fn is_logged(&self) -> bool {
        matches!(self, Self::Redaction(_) | Self::ErasureReceipt(_) | Self::Consent(_))
    }
}

impl Encode for TranscriptBody {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(self.code());
        self.content().encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        1 + self.content().encoded_len()
    }
}

impl Decode for TranscriptBody {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.u8()? {
            1 => Start::decode_from(reader).map(Self::Start),
            2 => TranscriptNonce::decode_from(reader).map(Self::Stop),
            3 => LeafRequest::decode_from(reader).map(Self::LeafRequest),
            4 => Leaf::decode_from(reader).map(Self::Leaf),
            5 => SealedHead::decode_from(reader).map(Self::Head),
            6 => Redaction::decode_from(reader).map(Self::Redaction),
            7 => ErasureReceipt::decode_from(reader).map(Self::ErasureReceipt),
            8 => Consent::decode_from(reader).map(Self::Consent),
            _ => Err(DecodeError::Unknown { what: "transcript code" }), // TRA-1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coded(code: u8, len: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..=255).take(len).collect();
        (bytes[0], bytes[1]) = (code, 1);
        bytes
    }

    fn round_trips(bytes: &[u8]) {
        let body = TranscriptBody::decode(bytes).expect("well-formed");
        assert_eq!(body.encode(), bytes);
        assert_eq!(body.encoded_len(), bytes.len());
        assert!(!body.is_logged());
    }

    #[test]
    fn bodies_round_trip_at_their_lengths() {
        for (code, len) in [(1, 130), (2, 33), (4, 170), (5, 153)] {
            round_trips(&coded(code, len));
        }
        round_trips(&[3, 0, 0, 0, 0, 0, 0, 0, 9, 3, 232]);
    }

    #[test]
    fn notices_are_logged() {
        let redaction = [&[6][..], &[0, 0, 0, 1, 1, 1, 0, 1, 1], &[0; 11], &[1, 0, 1]].concat();
        let receipt = [&[7][..], &[0; 8], &[0, 1, 1]].concat();
        for bytes in [redaction, receipt, [8, 1, 0, 0].into()] {
            let body = TranscriptBody::decode(&bytes).expect("well-formed");
            assert_eq!(body.encode(), bytes);
            assert!(body.is_logged());
        }
    }

    /// TRA-1
    #[test]
    fn another_code_or_length_is_refused() {
        for code in [0, 9, 255] {
            let refused = Err(DecodeError::Unknown { what: "transcript code" });
            assert_eq!(TranscriptBody::decode(&coded(code, 130)), refused);
        }
        for (code, len) in [(1, 130), (2, 33), (3, 11), (4, 170), (5, 153)] {
            assert!(TranscriptBody::decode(&coded(code, len - 1)).is_err());
            assert!(TranscriptBody::decode(&coded(code, len + 1)).is_err());
        }
    }

    /// TRA-2
    #[test]
    fn a_deniable_start_has_no_key() {
        let mut bytes = coded(1, 130);
        for mode in [0, 3] {
            bytes[1] = mode;
            assert!(TranscriptBody::decode(&bytes).is_err(), "mode {mode}");
        }
        bytes[1] = 2;
        assert!(TranscriptBody::decode(&bytes).is_err());
        bytes[34..].fill(0);
        round_trips(&bytes);
        for place in [34, 65, 66, 129] {
            let mut bad = bytes.clone();
            bad[place] = 1;
            assert!(TranscriptBody::decode(&bad).is_err(), "byte {place}");
        }
    }

    /// TRA-6
    #[test]
    fn a_request_asks_for_one_to_a_thousand() {
        for count in [0, 1001, u16::MAX] {
            let request = [&[3][..], &[0; 8], &u16::to_be_bytes(count)].concat();
            assert!(TranscriptBody::decode(&request).is_err(), "{count}");
        }
        let beyond = [&[3][..], &[255; 8], &[0, 1]].concat();
        assert!(TranscriptBody::decode(&beyond).is_err());
    }
}
