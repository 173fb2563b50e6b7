//! Commitments to the parts of a message, each under a salt of its own.
//!
//! ```text
//! s_j  = XL(salt, "tr-salt", u16 j, 32)        pc_j = HL("tr-part", u16 j || s_j || u64 len || part_j)
//! cm   = HL("tr-parts", u16 n || pc_0 || … )   1 ≤ n ≤ 16
//! part 0 = type || msg_id || body;  of an attachment: part 0 = type || msg_id, part 1 = descriptor
//! ```
//!
//! The salt is independent of everything else. Whoever has it can confirm a guess of the content;
//! without it a commitment to two words looks like one to any others. So content and salt go together,
//! and the commitment stays for the proofs.
//!
//! # Spec
//!
//! `spec/06-transcript.md`, "Commitments".

use alloc::vec::Vec;

use kuvert_wire::transcript::{PartCommitment, Salt, TranscriptBody};
use kuvert_wire::{Decode, DecodeError, Encode, FrameType, MessageId, Reader};

use crate::crypto::kdf::{Expander, Label, hash};
use crate::secret::Secret;

/// The most parts that a message has.
pub const MAX_PARTS: usize = 16;

/// A message as it is logged.
#[derive(Clone, Copy)]
pub struct Logged<'a> {
    /// Its type: a message, an attachment, an amendment or a notice.
    pub frame_type: FrameType,
    /// Its name.
    pub message_id: MessageId,
    /// What it says, at most 65,501 bytes.
    pub body: &'a [u8],
}

impl<'a> Logged<'a> {
    /// Whether it is something that is logged: a message, an attachment, an amendment, or a notice.
    #[must_use]
    pub fn is_loggable(&self) -> bool {
        match self.frame_type {
            FrameType::Message | FrameType::Attachment | FrameType::Amendment => true,
            FrameType::Transcript => self.notice().is_some(),
            _ => false,
        }
    }

    /// The notice, if it is one.
    pub(crate) fn notice(&self) -> Option<TranscriptBody> {
        let is_notice = self.frame_type == FrameType::Transcript;
        let body = is_notice.then(|| TranscriptBody::decode(self.body).ok()).flatten();
        body.filter(TranscriptBody::is_logged)
    }

    /// How many parts it has: two for an attachment, else one.
    #[must_use]
    pub const fn part_count(&self) -> u16 {
        match self.frame_type {
            FrameType::Attachment => 2,
            _ => 1,
        }
    }

    /// Part `j`, as pieces to be read one after the other.
    fn part<'b>(&'b self, j: u16, code: &'b [u8; 1]) -> [&'b [u8]; 3]
    where
        'a: 'b,
    {
        match (self.frame_type, j) {
            (FrameType::Attachment, 0) => [code, self.message_id.as_bytes(), &[]],
            (FrameType::Attachment, _) => [self.body, &[], &[]],
            _ => [code, self.message_id.as_bytes(), self.body],
        }
    }

    /// Part `j` as bytes of its own.
    #[must_use]
    pub fn part_bytes(&self, j: u16) -> Vec<u8> {
        self.part(j, &[self.frame_type.code()]).concat()
    }

    /// The commitment to part `j` under its salt.
    #[must_use]
    pub fn commitment(&self, j: u16, salt: &Salt) -> PartCommitment {
        commitment_to(j, salt, &self.part(j, &[self.frame_type.code()]))
    }

    /// The commitments to all parts under the message's salt.
    #[must_use]
    pub fn commitments(&self, salt: &Salt) -> Vec<PartCommitment> {
        let salts = Salts::new(salt);
        (0..self.part_count()).map(|j| self.commitment(j, &salts.of(j))).collect()
    }
}

impl core::fmt::Debug for Logged<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Logged({:?}, {} bytes)", self.frame_type, self.body.len())
    }
}

/// The salts that follow from a message's salt.
pub(crate) struct Salts(Expander);

impl Salts {
    pub(crate) fn new(salt: &Salt) -> Self {
        Self(Expander::new(&Secret::copied_from(salt.as_bytes())))
    }

    /// `s_j`.
    pub(crate) fn of(&self, j: u16) -> Salt {
        Salt::from_bytes(self.0.expand_public(Label::TR_SALT, &[&j.to_be_bytes()]))
    }
}

/// `pc_j` over a part given in pieces.
pub(crate) fn commitment_to(j: u16, salt: &Salt, pieces: &[&[u8]]) -> PartCommitment {
    let len: usize = pieces.iter().map(|piece| piece.len()).sum();
    let (j, len) = (j.to_be_bytes(), (len as u64).to_be_bytes());
    let head: [&[u8]; 3] = [&j, salt.as_bytes(), &len];
    PartCommitment::from_bytes(hash(Label::TR_PART, &[&head, pieces].concat()))
}

/// `pc_j` of parts of any kind, for known answers.
#[cfg(any(test, feature = "hazmat"))]
pub(crate) fn part_commitments(salt: &Salt, parts: &[Vec<u8>]) -> Vec<PartCommitment> {
    let salts = Salts::new(salt);
    (0_u16..).zip(parts).map(|(j, part)| commitment_to(j, &salts.of(j), &[part])).collect()
}

/// `cm` over all parts; `None` for none or more than 16.
#[must_use]
pub fn commitment_to_all(parts: &[PartCommitment]) -> Option<PartCommitment> {
    let count = u16::try_from(parts.len()).ok().filter(|_| parts.len() <= MAX_PARTS)?; // TRA-42
    let mut list = Vec::with_capacity(parts.len() * PartCommitment::LEN);
    parts.iter().for_each(|part| part.encode_into(&mut list));
    let all = hash(Label::TR_PARTS, &[&count.to_be_bytes(), &list]);
    (count > 0).then_some(PartCommitment::from_bytes(all))
}

/// What is kept of a message to open its commitments with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Openings {
    /// Everything: the salt of the whole message.
    Whole(Salt),
    /// Part by part, once some of it has been erased.
    Parts(Vec<Opening>),
}

/// What is kept of one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Its salt.
    Open(Salt),
    /// Its commitment alone: the content is erased.
    Closed(PartCommitment),
}

impl Openings {
    /// Part by part. The commitments of open parts are not known here.
    pub(crate) fn of(&self, part_count: u16) -> Vec<Opening> {
        match self {
            Self::Whole(salt) => {
                let salts = Salts::new(salt);
                (0..part_count).map(|j| Opening::Open(salts.of(j))).collect()
            }
            Self::Parts(parts) => parts.clone(),
        }
    }

    /// The commitments to all parts, those of open ones computed from the content.
    pub(crate) fn commitments(&self, logged: &Logged<'_>) -> Vec<PartCommitment> {
        let commitment = |(j, opening): (u16, Opening)| match opening {
            Opening::Open(salt) => logged.commitment(j, &salt),
            Opening::Closed(commitment) => commitment,
        };
        (0_u16..).zip(self.of(logged.part_count())).map(commitment).collect()
    }

    /// Without the salts of the parts in `mask`; `logged` gives the commitments that take their place.
    pub(crate) fn erased(&self, logged: &Logged<'_>, mask: u16) -> Self {
        let erase = |(j, opening): (u16, Opening)| match opening {
            Opening::Open(salt) if mask >> j & 1 == 1 => {
                Opening::Closed(logged.commitment(j, &salt))
            }
            kept => kept,
        };
        Self::Parts((0_u16..).zip(self.of(logged.part_count())).map(erase).collect())
    }

    /// Whether some of it is still there.
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Parts(parts) => parts.iter().any(|part| matches!(part, Opening::Open(_))),
        }
    }
}

impl Encode for Openings {
    /// `0 | salt 32`, or `n u8 | n × (1 | salt 32, or 2 | pc 32)`.
    fn encode_into(&self, out: &mut Vec<u8>) {
        match self {
            Self::Whole(salt) => {
                out.push(0);
                out.extend_from_slice(salt.as_bytes());
            }
            Self::Parts(parts) => {
                out.push(u8::try_from(parts.len()).unwrap_or(u8::MAX));
                parts.iter().for_each(|part| encode_opening(part, out));
            }
        }
    }

    fn encoded_len(&self) -> usize {
        match self {
            Self::Whole(_) => 33,
            Self::Parts(parts) => 1 + 33 * parts.len(),
        }
    }
}

fn encode_opening(opening: &Opening, out: &mut Vec<u8>) {
    let (code, bytes) = match opening {
        Opening::Open(salt) => (1, salt.as_bytes()),
        Opening::Closed(commitment) => (2, commitment.as_bytes()),
    };
    out.push(code);
    out.extend_from_slice(bytes);
}

impl Decode for Openings {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match usize::from(reader.u8()?) {
            0 => reader.array().map(|salt| Self::Whole(Salt::from_bytes(salt))),
            count if count <= MAX_PARTS => {
                let parts = (0..count).map(|_| decode_opening(reader));
                Ok(Self::Parts(parts.collect::<Result<_, _>>()?))
            }
            _ => Err(DecodeError::TooLong { what: "parts", limit: MAX_PARTS }),
        }
    }
}

fn decode_opening(reader: &mut Reader<'_>) -> Result<Opening, DecodeError> {
    match reader.u8()? {
        1 => reader.array().map(|salt| Opening::Open(Salt::from_bytes(salt))),
        2 => PartCommitment::decode_from(reader).map(Opening::Closed),
        _ => Err(DecodeError::Unknown { what: "opening" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: Salt = Salt::from_bytes([5; 32]);

    fn logged(frame_type: FrameType) -> Logged<'static> {
        Logged { frame_type, message_id: MessageId::from_bytes([9; 16]), body: b"tea at four" }
    }

    #[test]
    fn a_message_has_one_part_and_an_attachment_two() {
        let message = logged(FrameType::Message);
        assert_eq!(message.part_bytes(0), [&[1][..], &[9; 16], b"tea at four"].concat());
        assert_eq!(message.commitments(&SALT).len(), 1);
        let attachment = logged(FrameType::Attachment);
        assert_eq!(attachment.part_bytes(0), [&[4][..], &[9; 16]].concat());
        assert_eq!(attachment.part_bytes(1), b"tea at four");
        assert_eq!(attachment.commitments(&SALT).len(), 2);
    }

    #[test]
    fn erasing_a_part_keeps_all_commitments() {
        let attachment = logged(FrameType::Attachment);
        let before = attachment.commitments(&SALT);
        let erased = Openings::Whole(SALT).erased(&attachment, 0b10);
        let [Opening::Open(salt), Opening::Closed(closed)] = erased.of(2)[..] else {
            panic!("the second part is erased: {erased:?}");
        };
        assert_eq!([attachment.commitment(0, &salt), closed], before[..]);
        assert!(erased.is_open());
        let gone = erased.erased(&attachment, u16::MAX);
        assert_eq!(gone, Openings::Parts(before.iter().copied().map(Opening::Closed).collect()));
        assert!(!gone.is_open());
    }

    #[test]
    fn openings_round_trip() {
        let attachment = logged(FrameType::Attachment);
        let whole = Openings::Whole(SALT);
        for openings in [whole.clone(), whole.erased(&attachment, 1), whole.erased(&attachment, 3)]
        {
            let bytes = openings.encode();
            assert_eq!(bytes.len(), openings.encoded_len());
            assert_eq!(Openings::decode(&bytes), Ok(openings));
        }
        let closed = |count: u8| {
            let parts = (0..count).flat_map(|_| [&[2][..], &[7; 32]].concat());
            [count].into_iter().chain(parts).collect::<Vec<u8>>()
        };
        assert!(Openings::decode(&closed(16)).is_ok());
        let refused = Err(DecodeError::TooLong { what: "parts", limit: 16 });
        assert_eq!(Openings::decode(&closed(17)), refused);
        assert!(Openings::decode(&[1, 3]).is_err());
    }

    /// TRA-42
    #[test]
    fn there_are_one_to_sixteen_parts() {
        let part = PartCommitment::from_bytes([1; 32]);
        assert_eq!(commitment_to_all(&[]), None);
        assert!(commitment_to_all(&[part; 16]).is_some());
        assert_eq!(commitment_to_all(&[part; 17]), None);
    }
}
