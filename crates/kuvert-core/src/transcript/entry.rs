//! An entry of a log as stored: its leaf, and what opens it. Written once, rewritten when erased.
//!
//! ```text
//! entry = format u8=1 | 0 | leaf_hash 32                              level 2: only its place in the tree is left
//!                     | 1 | leaf 169 | 0                              the leaf came without its message
//!                     | 1 | leaf 169 | 1 | type u8 | msg_id 16 | openings | notice_len u16 | notice
//! ```
//! The content of a message stands where the application keeps it, once; that of a notice stands here.
//!
//! # Spec
//!
//! `spec/06-transcript.md`, "Erasure".

use alloc::vec::Vec;

use kuvert_wire::transcript::{ConversationId, Leaf, PartCommitment, TreeHash};
use kuvert_wire::{Decode, DecodeError, DeviceId, Encode, FrameType, MessageId, Reader};

use super::commitment::{Logged, Opening, Openings, commitment_to_all};
use super::tree::leaf_hash;
use crate::record::Key;

const FORMAT: u8 = 1;

/// One entry of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry(pub(crate) State);

#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all entries have their leaf")]
pub(crate) enum State {
    /// Erased at level 2.
    Hash(TreeHash),
    /// With its leaf; what it says may be erased, or never have come.
    Leaf { leaf: Leaf, kept: Option<Kept> },
}

/// What is kept of a logged message beside its leaf.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) frame_type: FrameType,
    pub(crate) message_id: MessageId,
    pub(crate) openings: Openings,
    /// The body, of a notice.
    pub(crate) notice: Vec<u8>,
}

impl core::fmt::Debug for Kept {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Kept({:?}, {} bytes)", self.frame_type, self.notice.len())
    }
}

impl Kept {
    pub(crate) fn new(logged: &Logged<'_>, openings: Openings) -> Self {
        let is_notice = logged.frame_type == FrameType::Transcript;
        let notice = if is_notice { logged.body.to_vec() } else { Vec::new() };
        let (frame_type, message_id) = (logged.frame_type, logged.message_id);
        Self { frame_type, message_id, openings, notice }
    }

    /// The number of its parts.
    pub(crate) const fn part_count(&self) -> u16 {
        Logged { frame_type: self.frame_type, message_id: self.message_id, body: &[] }.part_count()
    }
}

impl Entry {
    /// The record of entry `seq` in the log of `device`.
    #[must_use]
    pub fn key(conversation: &ConversationId, device: &DeviceId, seq: u64) -> Key {
        Key::new("entry", format_args!("{conversation}/{device}/{seq:016x}"))
    }

    /// All entries of a log stand under this prefix, in their order.
    #[must_use]
    pub fn prefix(conversation: &ConversationId, device: &DeviceId) -> alloc::string::String {
        alloc::format!("entry/{conversation}/{device}/")
    }

    /// Its hash, which stays whatever is erased.
    #[must_use]
    pub fn hash(&self) -> TreeHash {
        match &self.0 {
            State::Hash(hash) => *hash,
            State::Leaf { leaf, .. } => leaf_hash(leaf),
        }
    }

    /// Its leaf, unless that is erased.
    #[must_use]
    pub const fn leaf(&self) -> Option<&Leaf> {
        match &self.0 {
            State::Hash(_) => None,
            State::Leaf { leaf, .. } => Some(leaf),
        }
    }

    /// Type and name of its message; `None` if the message never came or the leaf is erased.
    #[must_use]
    pub fn message(&self) -> Option<(FrameType, MessageId)> {
        self.kept().map(|kept| (kept.frame_type, kept.message_id))
    }

    /// The body of a notice, whose only copy is here; `None` for other entries and erased notices.
    #[must_use]
    pub fn notice(&self) -> Option<&[u8]> {
        let kept = self.kept().filter(|kept| kept.frame_type == FrameType::Transcript)?;
        (!kept.notice.is_empty()).then_some(&kept.notice)
    }

    /// Whether some of its content can still be shown with a proof.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.kept().is_some_and(|kept| kept.openings.is_open())
    }

    /// Whether its message's body is needed to show it: not if that part is erased.
    #[must_use]
    pub fn needs_body(&self) -> bool {
        self.kept().is_some_and(|kept| match kept.openings.of(kept.part_count()).last() {
            Some(Opening::Open(_)) => true,
            Some(Opening::Closed(_)) | None => false,
        })
    }

    pub(crate) const fn kept(&self) -> Option<&Kept> {
        match &self.0 {
            State::Leaf { kept: Some(kept), .. } => Some(kept),
            _ => None,
        }
    }

    /// Level 1: without the salts of the parts in `mask` (bit j for part j). The commitments of what is
    /// erased are computed from `body`, the message's content, which the caller then deletes. `None` if
    /// there is nothing to erase, or `body` is not the content of this entry.
    #[must_use]
    pub fn erased(&self, body: &[u8], mask: u16) -> Option<Self> {
        let State::Leaf { leaf, kept: Some(kept) } = &self.0 else {
            return None;
        };
        let kept = kept.erased(&leaf.cm, body, mask)?;
        Some(Self(State::Leaf { leaf: *leaf, kept: Some(kept) }))
    }

    /// Level 2: nothing but its place in the tree. Only for entries that the peer has acknowledged: a
    /// peer who still lacks the leaf could not get it any more.
    #[must_use]
    pub fn without_leaf(&self) -> Self {
        Self(State::Hash(self.hash()))
    }
}

impl Kept {
    /// Without the salts of the parts in `mask`; `None` if nothing of it is open, or `body` is not what
    /// was committed to.
    pub(crate) fn erased(&self, cm: &PartCommitment, body: &[u8], mask: u16) -> Option<Self> {
        let (logged, count) = (self.logged(body), self.part_count());
        let openings = self.openings.erased(&logged, mask);
        let fits = commitment_to_all(&openings.commitments(&logged)) == Some(*cm);
        let is_less = openings.of(count) != self.openings.of(count);
        let is_body_gone = mask >> (count - 1) & 1 == 1;
        let notice = if is_body_gone { Vec::new() } else { self.notice.clone() };
        (fits && is_less).then_some(Self { openings, notice, ..*self })
    }

    /// The message with its content.
    pub(crate) const fn logged<'a>(&self, body: &'a [u8]) -> Logged<'a> {
        Logged { frame_type: self.frame_type, message_id: self.message_id, body }
    }
}

impl Encode for Kept {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(self.frame_type.code());
        self.message_id.encode_into(out);
        self.openings.encode_into(out);
        let len = u16::try_from(self.notice.len()).unwrap_or(u16::MAX);
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(&self.notice[..usize::from(len)]);
    }

    fn encoded_len(&self) -> usize {
        1 + MessageId::LEN + self.openings.encoded_len() + 2 + self.notice.len()
    }
}

impl Decode for Kept {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let unknown = DecodeError::Unknown { what: "type of an entry" };
        let frame_type = logged_type(reader.u8()?).ok_or(unknown)?;
        let message_id = MessageId::decode_from(reader)?;
        let openings = Openings::decode_from(reader)?;
        let len = usize::from(reader.u16()?);
        Ok(Self { frame_type, message_id, openings, notice: reader.take(len)?.to_vec() })
    }
}

/// The types of frames that are logged.
pub(crate) fn logged_type(code: u8) -> Option<FrameType> {
    let logged =
        [FrameType::Message, FrameType::Attachment, FrameType::Transcript, FrameType::Amendment];
    logged.into_iter().find(|frame_type| frame_type.code() == code)
}

impl Encode for Entry {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(FORMAT);
        match &self.0 {
            State::Hash(hash) => {
                out.push(0);
                hash.encode_into(out);
            }
            State::Leaf { leaf, kept } => {
                out.push(1);
                leaf.encode_into(out);
                out.push(u8::from(kept.is_some()));
                if let Some(kept) = kept {
                    kept.encode_into(out);
                }
            }
        }
    }

    fn encoded_len(&self) -> usize {
        2 + match &self.0 {
            State::Hash(_) => TreeHash::LEN,
            State::Leaf { kept, .. } => {
                Leaf::LEN + 1 + kept.as_ref().map_or(0, Encode::encoded_len)
            }
        }
    }
}

impl Decode for Entry {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let format = reader.u8()?;
        if format != FORMAT {
            return Err(DecodeError::UnsupportedVersion { found: format.into() });
        }
        if !reader.flag("leaf")? {
            return TreeHash::decode_from(reader).map(|hash| Self(State::Hash(hash)));
        }
        let leaf = Leaf::decode_from(reader)?;
        let has_kept = reader.flag("message")?;
        let kept = has_kept.then(|| Kept::decode_from(reader)).transpose()?;
        Ok(Self(State::Leaf { leaf, kept }))
    }
}
