//! The envelope: what the network carries.
//!
//! ```text
//! Envelope        = kind u8 | version u8=1 | rest        kind 1: InitPrefix | SessionMessage   kind 2: SessionMessage
//! InitPrefix (1803) = suite u16 | medium_id u32 | ot_id u32 (0 = none) | EK 32 | CT 1568 | EID 193
//! SessionMessage  = hnonce 12 | eh_len u16 | EH eh_len | salt 16 | com 32 | fc 32 | ct (to the end)
//! ```
//!
//! An envelope is read without copying; its lengths are bounded before anything is looked at.
//!
//! # Spec
//!
//! `spec/03-agreement.md` and `spec/05-messages.md`.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::codec::{Decode, DecodeError, Encode, Reader};
use crate::header::{BURST_HEADER_LEN, HEADER_LEN};
use crate::id::PrekeyId;
use crate::key::EphemeralKey;
use crate::padding::{FLOOR, MAX_PADDED};

/// The largest envelope that is looked at, in bytes.
pub const MAX_ENVELOPE: usize = 72 * 1024;
/// The only envelope version of v1.
pub const VERSION: u8 = 1;
/// The only suite of v1.
pub const SUITE: u16 = 0x0001;
/// Length in bytes of an authentication tag.
pub const TAG_LEN: usize = 16;
/// Length in bytes of an ML-KEM-1024 ciphertext.
pub const KEM_CIPHERTEXT_LEN: usize = 1568;
/// Length in bytes of the initiator's sealed certificate.
pub const SEALED_CERT_LEN: usize = 193;
/// Bytes in front of the session message: kind and version.
pub const ENVELOPE_HEAD_LEN: usize = 2;

/// What an envelope holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The handshake's first flight and a session message (1).
    Init,
    /// A session message (2).
    Session,
}

impl Kind {
    /// The byte on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Init => 1,
            Self::Session => 2,
        }
    }
}

/// The handshake's first flight. 1,803 bytes, repeated on each message until the peer has answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InitPrefix {
    /// The responder's medium-term prekey.
    pub medium_id: PrekeyId,
    /// The responder's one-time prekey, if one was used.
    pub one_time_id: Option<PrekeyId>,
    /// The initiator's ephemeral key (EK).
    pub ephemeral_key: EphemeralKey,
    /// The ML-KEM-1024 ciphertext (CT), 1,568 bytes.
    pub kem_ciphertext: Box<[u8; KEM_CIPHERTEXT_LEN]>,
    /// The initiator's certificate, sealed (EID), 193 bytes.
    pub sealed_cert: [u8; SEALED_CERT_LEN],
}

impl InitPrefix {
    /// Length in bytes.
    pub const LEN: usize = 1803;
}

impl Encode for InitPrefix {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&SUITE.to_be_bytes());
        self.medium_id.encode_into(out);
        out.extend_from_slice(&self.one_time_id.map_or(0, PrekeyId::number).to_be_bytes());
        self.ephemeral_key.encode_into(out);
        out.extend_from_slice(&*self.kem_ciphertext);
        out.extend_from_slice(&self.sealed_cert);
    }

    fn encoded_len(&self) -> usize {
        Self::LEN
    }
}

impl Decode for InitPrefix {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let suite = reader.u16()?;
        if suite != SUITE {
            return Err(DecodeError::UnsupportedVersion { found: suite }); // AGR-1
        }
        Ok(Self {
            medium_id: PrekeyId::decode_from(reader)?,
            one_time_id: PrekeyId::new(reader.u32()?),
            ephemeral_key: EphemeralKey::decode_from(reader)?,
            kem_ciphertext: {
                let mut bytes = Box::new([0; KEM_CIPHERTEXT_LEN]);
                bytes.copy_from_slice(reader.take(KEM_CIPHERTEXT_LEN)?);
                bytes
            },
            sealed_cert: reader.array()?,
        })
    }
}

/// A session message, borrowed from its envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionMessage<'a> {
    /// Nonce of the sealed header, 12 random bytes (`hnonce`).
    pub header_nonce: &'a [u8; 12],
    /// The sealed header, 195 bytes, or 1,356 in a burst (`EH`).
    pub sealed_header: &'a [u8],
    /// Salt of the message's keys, 16 random bytes.
    pub salt: &'a [u8; 16],
    /// Commitment to key, associated data and message, 32 bytes (`com`).
    pub commitment: &'a [u8; 32],
    /// Franking commitment to the frame, 32 bytes (`fc`).
    pub franking: &'a [u8; 32],
    /// The sealed, padded frame, 272 to 65,552 bytes (`ct`).
    pub ciphertext: &'a [u8],
}

impl<'a> SessionMessage<'a> {
    /// Bytes in front of the ciphertext for a header sealed to `sealed_header_len` bytes.
    #[must_use]
    pub const fn overhead(sealed_header_len: usize) -> usize {
        12 + 2 + sealed_header_len + 16 + 32 + 32
    }

    fn decode(input: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(input);
        let header_nonce = reader.array_ref()?;
        let sealed_header_len = usize::from(reader.u16()?);
        if !matches!(sealed_header_len, SEALED_HEADER_LEN | SEALED_BURST_HEADER_LEN) {
            return Err(DecodeError::Invalid { what: "sealed header length" }); // RAT-2
        }
        let message = Self {
            header_nonce,
            sealed_header: reader.take(sealed_header_len)?,
            salt: reader.array_ref()?,
            commitment: reader.array_ref()?,
            franking: reader.array_ref()?,
            ciphertext: reader.rest(),
        };
        if !(FLOOR + TAG_LEN..=MAX_PADDED + TAG_LEN).contains(&message.ciphertext.len()) {
            return Err(DecodeError::Invalid {
                what: "ciphertext length", // MSG-16
            });
        }
        Ok(message)
    }
}

/// Length in bytes of an ordinary sealed header.
pub const SEALED_HEADER_LEN: usize = HEADER_LEN + TAG_LEN;
/// Length in bytes of a sealed header in a burst.
pub const SEALED_BURST_HEADER_LEN: usize = BURST_HEADER_LEN + TAG_LEN;

/// An envelope, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The handshake's first flight, for kind 1.
    pub prefix: Option<InitPrefix>,
    /// The session message.
    pub message: SessionMessage<'a>,
}

impl<'a> Envelope<'a> {
    /// Takes an envelope apart without opening anything.
    ///
    /// # Errors
    ///
    /// [`DecodeError::TooLong`] above 72 KiB, [`DecodeError::UnsupportedVersion`] for a version or suite other than 1,
    /// [`DecodeError::Unknown`] for another kind, and what the parts say.
    pub fn decode(input: &'a [u8]) -> Result<Self, DecodeError> {
        if input.len() > MAX_ENVELOPE {
            return Err(DecodeError::TooLong { what: "envelope", limit: MAX_ENVELOPE }); // MSG-10
        }
        let mut reader = Reader::new(input);
        let kind = reader.u8()?;
        let version = reader.u8()?;
        if version != VERSION {
            return Err(DecodeError::UnsupportedVersion { found: version.into() }); // COD-3
        }
        let prefix = match kind {
            1 => Some(InitPrefix::decode_from(&mut reader)?),
            2 => None,
            _ => return Err(DecodeError::Unknown { what: "kind" }), // COD-4
        };
        Ok(Self { prefix, message: SessionMessage::decode(reader.rest())? })
    }

    /// The envelope's kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self.prefix {
            Some(_) => Kind::Init,
            None => Kind::Session,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn session(sealed_header_len: usize, padded: usize) -> Vec<u8> {
        let mut bytes = vec![2, 1];
        bytes.extend_from_slice(&[3; 12]);
        bytes.extend_from_slice(&u16::try_from(sealed_header_len).unwrap().to_be_bytes());
        bytes.resize(bytes.len() + sealed_header_len + 16 + 32 + 32 + padded + TAG_LEN, 4);
        bytes
    }

    #[test]
    fn the_smallest_message_is_563_bytes() {
        let bytes = session(SEALED_HEADER_LEN, FLOOR);
        assert_eq!(bytes.len(), 563);
        assert_eq!(
            bytes.len(),
            ENVELOPE_HEAD_LEN + SessionMessage::overhead(SEALED_HEADER_LEN) + FLOOR + TAG_LEN
        );
        assert!(Envelope::decode(&bytes).is_ok());
    }

    #[test]
    fn the_largest_message_has_a_burst_and_a_full_frame() {
        let bytes = session(1356, MAX_PADDED);
        let message = Envelope::decode(&bytes).expect("well-formed").message;
        assert_eq!(message.sealed_header.len(), SEALED_BURST_HEADER_LEN);
        assert_eq!(message.ciphertext.len(), 65_552);
    }

    /// RAT-2
    #[test]
    fn only_two_header_lengths_exist() {
        for len in [0, 194, 196, 1355, 1357, 65_535] {
            assert_eq!(
                Envelope::decode(&session(len, FLOOR)),
                Err(DecodeError::Invalid { what: "sealed header length" })
            );
        }
    }

    /// MSG-10
    #[test]
    fn an_oversize_envelope_is_not_looked_at() {
        let refused = Err(DecodeError::TooLong { what: "envelope", limit: MAX_ENVELOPE });
        assert_eq!(Envelope::decode(&vec![0; MAX_ENVELOPE + 1]), refused);
        assert_ne!(Envelope::decode(&vec![0; MAX_ENVELOPE]), refused, "72 KiB are allowed");
    }

    /// MSG-16
    #[test]
    fn a_ciphertext_is_never_shorter_or_longer_than_a_padded_frame() {
        for padded in [0, FLOOR - 1, MAX_PADDED + 1] {
            let refused = Err(DecodeError::Invalid { what: "ciphertext length" });
            assert_eq!(Envelope::decode(&session(SEALED_HEADER_LEN, padded)), refused);
        }
    }

    /// COD-4
    #[test]
    fn another_kind_is_refused() {
        for kind in [0, 3, 255] {
            let mut bytes = session(SEALED_HEADER_LEN, FLOOR);
            bytes[0] = kind;
            assert_eq!(Envelope::decode(&bytes), Err(DecodeError::Unknown { what: "kind" }));
        }
    }

    fn prefix_bytes() -> Vec<u8> {
        let mut bytes = vec![5; InitPrefix::LEN];
        bytes[..10].copy_from_slice(&[0, 1, 0, 0, 0, 9, 0, 0, 0, 0]);
        bytes
    }

    #[test]
    fn a_prefix_round_trips() {
        let prefix = InitPrefix::decode(&prefix_bytes()).expect("well-formed");
        assert_eq!(prefix.one_time_id, None);
        assert_eq!(prefix.encode(), prefix_bytes());
    }

    #[test]
    fn the_kind_follows_from_the_prefix() {
        let message = session(SEALED_HEADER_LEN, FLOOR);
        let first = [&[1, 1], prefix_bytes().as_slice(), &message[2..]].concat();
        for (bytes, kind) in [(first, Kind::Init), (message, Kind::Session)] {
            let envelope = Envelope::decode(&bytes).expect("well-formed");
            assert_eq!((envelope.kind(), kind.code()), (kind, bytes[0]));
        }
    }

    /// AGR-1
    #[test]
    fn another_suite_is_refused() {
        let mut bytes = prefix_bytes();
        bytes[1] = 2;
        let refused = Err(DecodeError::UnsupportedVersion { found: 2 });
        assert_eq!(InitPrefix::decode(&bytes), refused);
    }
}
