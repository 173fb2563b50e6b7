//! An entry of a file whose content is what its sender committed to.

use alloc::vec::Vec;

use kuvert_wire::transcript::{Leaf, PartCommitment, TranscriptBody};
use kuvert_wire::{Decode, FrameType, MessageId};

use super::super::commitment::{commitment_to, commitment_to_all};
use super::super::conversation::Side;
use super::super::document::{Item, Part};
use super::super::entry::logged_type;
use super::refusal::Cause;

/// An entry of a verified transcript.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedItem {
    pub(super) side: Side,
    pub(super) leaf: Leaf,
    pub(super) message: Option<(FrameType, MessageId)>,
    /// The message's body, if it is shown.
    pub(super) body: Option<Vec<u8>>,
    /// Bit j: part j is not shown.
    pub(super) closed: u16,
    pub(super) parts: u16,
    pub(super) is_signed: bool,
    pub(super) is_acknowledged: bool,
    pub(super) is_announced: bool,
}

/// Whether what an entry says can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContentState {
    /// All of it is there and is what was committed to.
    Ok,
    /// Some of it is; the rest is represented by commitments.
    Partly,
    /// None of it is: erased, or not disclosed.
    Redacted,
}

impl VerifiedItem {
    /// Whose log it is in.
    #[must_use]
    pub const fn side(&self) -> Side {
        self.side
    }

    /// Its leaf: number, time and what had been seen.
    #[must_use]
    pub const fn leaf(&self) -> &Leaf {
        &self.leaf
    }

    /// Type and name of the message, if they are shown.
    #[must_use]
    pub const fn message(&self) -> Option<(FrameType, MessageId)> {
        self.message
    }

    /// What the message says, if it is shown: text, an attachment's descriptor, a notice.
    #[must_use]
    pub fn body(&self) -> Option<&[u8]> {
        self.body.as_deref()
    }

    /// The notice, if it is one that is shown.
    #[must_use]
    pub fn notice(&self) -> Option<TranscriptBody> {
        let is_notice = self.message.is_some_and(|(kind, _)| kind == FrameType::Transcript);
        TranscriptBody::decode(self.body().filter(|_| is_notice)?).ok()
    }

    /// Whether the content can be read.
    #[must_use]
    pub const fn content(&self) -> ContentState {
        match self.closed.count_ones() {
            0 => ContentState::Ok,
            closed if closed < self.parts as u32 => ContentState::Partly,
            _ => ContentState::Redacted,
        }
    }

    /// Whether a head of the sender's covers it.
    #[must_use]
    pub const fn is_signed(&self) -> bool {
        self.is_signed
    }

    /// Whether a head of the receiver's covers it.
    #[must_use]
    pub const fn is_acknowledged(&self) -> bool {
        self.is_acknowledged
    }

    /// Whether a redaction in the file says that what is not shown was erased.
    #[must_use]
    pub const fn is_announced(&self) -> bool {
        self.is_announced
    }
}

impl core::fmt::Debug for VerifiedItem {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("VerifiedItem")
            .field("side", &self.side)
            .field("seq", &self.leaf.seq)
            .field("content", &self.content())
            .finish_non_exhaustive()
    }
}

/// Compares an entry's parts with its commitment and takes the message apart.
pub(super) fn checked(side: Side, item: Item) -> Result<VerifiedItem, Cause> {
    let Item { leaf, parts, .. } = item;
    let commitments: Vec<PartCommitment> =
        (0_u16..).zip(&parts).map(|(j, part)| commitment_of(j, part)).collect();
    let all = commitment_to_all(&commitments).ok_or(Cause::Parts)?; // TRA-42
    if all != leaf.cm {
        return Err(Cause::Content); // TRA-41
    }
    let count = u16::try_from(parts.len()).map_err(|_| Cause::Parts)?;
    let closed = (0_u16..).zip(&parts).fold(0, |closed, (j, part)| match part {
        Part::Open { .. } => closed,
        Part::Closed(_) => closed | 1 << j,
    });
    let (message, body) = taken_apart(parts)?;
    let [is_signed, is_acknowledged, is_announced] = [false; 3];
    let parts = count;
    Ok(VerifiedItem {
        side,
        leaf,
        message,
        body,
        closed,
        parts,
        is_signed,
        is_acknowledged,
        is_announced,
    })
}

fn commitment_of(j: u16, part: &Part) -> PartCommitment {
    match part {
        Part::Open { salt, data } => commitment_to(j, salt, &[data]),
        Part::Closed(commitment) => *commitment,
    }
}

type Message = (Option<(FrameType, MessageId)>, Option<Vec<u8>>);

/// `type || msg_id || body`, or for an attachment `type || msg_id` and the descriptor.
fn taken_apart(parts: Vec<Part>) -> Result<Message, Cause> {
    let mut parts = parts.into_iter();
    let (first, second, more) = (parts.next(), parts.next(), parts.next());
    let has_two = second.is_some();
    if more.is_some() {
        return Err(Cause::Parts); // TRA-42
    }
    let descriptor = match second {
        Some(Part::Open { data, .. }) => Some(data),
        _ => None,
    };
    let Some(Part::Open { data, .. }) = first else {
        return Ok((None, descriptor));
    };
    let (message, body) = message_of(&data).ok_or(Cause::Parts)?; // TRA-42
    let is_attachment = message.0 == FrameType::Attachment;
    let is_whole = is_attachment == has_two && (!has_two || body.is_empty());
    let is_notice = message.0 == FrameType::Transcript;
    let is_sound = !is_notice || TranscriptBody::decode(body).is_ok_and(|body| body.is_logged());
    if !is_whole || !is_sound {
        return Err(Cause::Parts); // TRA-42
    }
    let body = if has_two { descriptor } else { Some(body.to_vec()) };
    Ok((Some(message), body))
}

fn message_of(part: &[u8]) -> Option<((FrameType, MessageId), &[u8])> {
    let (code, rest) = part.split_first()?;
    let (id, body) = rest.split_first_chunk()?;
    Some(((logged_type(*code)?, MessageId::from_bytes(*id)), body))
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use kuvert_wire::transcript::{ConversationId, Salt, TreeHash};
    use kuvert_wire::{DeviceId, Timestamp};

    use super::*;

    /// An entry whose sender has committed to just these parts.
    fn committed(parts: Vec<Part>) -> Result<VerifiedItem, Cause> {
        let device = DeviceId::from_bytes([1; 16]);
        let commitments: Vec<_> =
            (0_u16..).zip(&parts).map(|(j, part)| commitment_of(j, part)).collect();
        let leaf = Leaf {
            conversation: ConversationId::from_bytes([2; 32]),
            device,
            seq: 3,
            prev: TreeHash::NONE,
            seen: 0,
            seen_hash: TreeHash::NONE,
            time: Timestamp::from_millis(4),
            cm: commitment_to_all(&commitments).ok_or(Cause::Parts)?,
        };
        checked(Side::Low, Item { device, seq: 3, leaf, proof: None, parts })
    }

    fn open(data: &[u8]) -> Part {
        Part::Open { salt: Salt::from_bytes([5; 32]), data: data.to_vec() }
    }

    fn message(code: u8, body: &[u8]) -> Part {
        open(&[&[code][..], &[6; 16], body].concat())
    }

    fn closed() -> Part {
        Part::Closed(PartCommitment::from_bytes([7; 32]))
    }

    /// TRA-42
    #[test]
    fn parts_are_those_of_one_message_whoever_committed_to_them() {
        let stop = [2; 33];
        for (parts, what) in [
            (vec![message(1, b"tea"), message(1, b"four"), open(b"five")], "three parts"),
            (vec![message(1, b"tea"), open(b"more")], "two of a text"),
            (vec![message(4, b"")], "an attachment without its descriptor"),
            (vec![message(4, b"x"), open(b"descriptor")], "a body before the descriptor"),
            (vec![open(b"")], "no type"),
            (vec![open(&[1; 16])], "half a name"),
            (vec![message(2, b"")], "a receipt"),
            (vec![message(9, b"")], "an unknown type"),
            (vec![message(5, b"")], "no notice"),
            (vec![message(5, &stop)], "a stop, which is not logged"),
        ] {
            assert_eq!(committed(parts).err(), Some(Cause::Parts), "{what}");
        }
    }

    #[test]
    fn what_is_open_of_a_message_is_shown() {
        let id = MessageId::from_bytes([6; 16]);
        for (parts, shown, body) in [
            (vec![message(1, b"tea")], Some(FrameType::Message), Some(&b"tea"[..])),
            (vec![message(6, b"edit")], Some(FrameType::Amendment), Some(b"edit")),
            (vec![message(4, b""), open(b"file")], Some(FrameType::Attachment), Some(b"file")),
            (vec![message(4, b""), closed()], Some(FrameType::Attachment), None),
            (vec![closed(), open(b"file")], None, Some(b"file")),
            (vec![closed()], None, None),
        ] {
            let item = committed(parts).unwrap();
            assert_eq!(item.message(), shown.map(|frame_type| (frame_type, id)));
            assert_eq!(item.body(), body);
        }
    }

    /// TRA-41
    #[test]
    fn another_content_than_what_was_committed_to_is_refused() {
        let good = committed(vec![message(1, b"tea")]).unwrap();
        let (leaf, device) = (*good.leaf(), DeviceId::from_bytes([1; 16]));
        let parts = vec![message(1, b"coffee")];
        let refused = checked(Side::Low, Item { device, seq: 3, leaf, proof: None, parts });
        assert_eq!(refused.err(), Some(Cause::Content));
    }
}
