//! The frame: what a session message says once it is open.
//!
//! ```text
//! Frame (34 + body) = type u8 | flags u8 | sent u64 | msg_id 16 | expire_s u32 | len u32 | body | [block 81 or 233]
//! flags             = bit 0: a transcript block follows
//! ```
//!
//! # Spec
//!
//! `spec/05-messages.md`, "Frames".

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::codec::{Decode, DecodeError, Encode, Reader};
use crate::id::{DeliveryToken, MailboxId, MessageId, Timestamp};
use crate::transcript::Block;

/// A transcript block follows the body.
const FLAG_BLOCK: u8 = 1;

/// Bytes in front of the body.
pub const FRAME_HEAD_LEN: usize = 34;
/// The largest frame in bytes.
pub const MAX_FRAME: usize = 65_535;
/// The largest body in bytes that fits a frame.
pub const MAX_BODY: usize = MAX_FRAME - FRAME_HEAD_LEN;
/// The longest relay address in a control frame, in bytes.
pub const MAX_RELAY_LEN: usize = 255;
/// The most message ids in one receipt.
pub const MAX_RECEIPT: usize = 64;
/// The most message ids in one `resend`.
pub const MAX_RESEND: usize = 1000;

/// What a frame is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameType {
    /// A message to show (1). Body: UTF-8 text.
    Message,
    /// A batched receipt (2). Body: [`Receipt`].
    Receipt,
    /// Control (3). Body: [`Control`].
    Control,
    /// An attachment's descriptor (4).
    Attachment,
    /// Transcript control (5).
    Transcript,
    /// An edit, a deletion or a reaction (6).
    Amendment,
}

impl FrameType {
    /// The byte on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Message => 1,
            Self::Receipt => 2,
            Self::Control => 3,
            Self::Attachment => 4,
            Self::Transcript => 5,
            Self::Amendment => 6,
        }
    }

    const fn from_code(code: u8) -> Result<Self, DecodeError> {
        match code {
            1 => Ok(Self::Message),
            2 => Ok(Self::Receipt),
            3 => Ok(Self::Control),
            4 => Ok(Self::Attachment),
            5 => Ok(Self::Transcript),
            6 => Ok(Self::Amendment),
            _ => Err(DecodeError::Unknown { what: "frame type" }), // MSG-6
        }
    }
}

/// One frame. Its body is bounded at [`MAX_BODY`] bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it is about.
    pub frame_type: FrameType,
    /// When its sender says it was sent.
    pub sent: Timestamp,
    /// Its name; the receiver shows each once.
    pub message_id: MessageId,
    /// Seconds after which both sides erase it; 0 means never.
    pub expire_seconds: u32,
    /// What it says, by type.
    pub body: Vec<u8>,
    /// Its place in its sender's log, while a transcript is running.
    pub block: Option<Box<Block>>,
}

impl Frame {
    /// The frame with its body borrowed.
    #[must_use]
    pub fn as_ref(&self) -> FrameRef<'_> {
        let Self { frame_type, sent, message_id, expire_seconds, ref body, ref block } = *self;
        FrameRef { frame_type, sent, message_id, expire_seconds, body, block: block.as_deref() }
    }

    /// Reads the frame that `bytes` are. The body stays where it is, in their memory: a long one is not
    /// copied into another.
    ///
    /// # Errors
    ///
    /// As [`Decode::decode`]; `bytes` are then as before, for their owner to wipe.
    pub fn take_from(bytes: &mut Vec<u8>) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let head = Head::decode_from(&mut reader)?;
        let len = reader.take(head.body_len)?.len(); // MSG-5
        let block = head.decode_block(&mut reader)?;
        reader.finish()?;
        let mut body = core::mem::take(bytes);
        body.truncate(FRAME_HEAD_LEN + len);
        body.drain(..FRAME_HEAD_LEN);
        Ok(head.with(body, block))
    }
}

/// What stands before the body.
struct Head {
    frame_type: FrameType,
    has_block: bool,
    sent: Timestamp,
    message_id: MessageId,
    expire_seconds: u32,
    body_len: usize,
}

impl Head {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let frame_type = FrameType::from_code(reader.u8()?)?;
        let flags = reader.u8()?;
        if flags & !FLAG_BLOCK != 0 {
            return Err(DecodeError::Unknown { what: "frame flag" }); // MSG-7
        }
        Ok(Self {
            frame_type,
            has_block: flags & FLAG_BLOCK != 0,
            sent: Timestamp::decode_from(reader)?,
            message_id: MessageId::decode_from(reader)?,
            expire_seconds: reader.u32()?,
            body_len: reader.len32("body", MAX_BODY)?,
        })
    }

    fn decode_block(&self, reader: &mut Reader<'_>) -> Result<Option<Box<Block>>, DecodeError> {
        self.has_block.then(|| Block::decode_from(reader).map(Box::new)).transpose()
    }

    fn with(self, body: Vec<u8>, block: Option<Box<Block>>) -> Frame {
        let Self { frame_type, sent, message_id, expire_seconds, .. } = self;
        Frame { frame_type, sent, message_id, expire_seconds, body, block }
    }
}

/// A frame that borrows its body, so that a long one is copied once: into its envelope.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FrameRef<'a> {
    /// What it is about.
    pub frame_type: FrameType,
    /// When its sender says it was sent.
    pub sent: Timestamp,
    /// Its name.
    pub message_id: MessageId,
    /// Seconds after which both sides erase it; 0 means never.
    pub expire_seconds: u32,
    /// What it says, by type.
    pub body: &'a [u8],
    /// Its place in its sender's log, while a transcript is running.
    pub block: Option<&'a Block>,
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown("Frame", &self.as_ref(), f)
    }
}

impl fmt::Debug for FrameRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown("FrameRef", self, f)
    }
}

/// All but what it says.
fn shown(name: &str, frame: &FrameRef<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let FrameRef { frame_type, sent, message_id, expire_seconds, body, block } = frame;
    f.debug_struct(name)
        .field("frame_type", frame_type)
        .field("sent", sent)
        .field("message_id", message_id)
        .field("expire_seconds", expire_seconds)
        .field("body_len", &body.len())
        .field("block", block)
        .finish()
}

impl Encode for FrameRef<'_> {
    /// # Panics
    ///
    /// If the body is longer than `u32::MAX` bytes; sealing refuses frames far below that.
    fn encode_into(&self, out: &mut Vec<u8>) {
        let len = u32::try_from(self.body.len()).expect("bodies are bounded at 65,501 bytes");
        let flags = if self.block.is_some() { FLAG_BLOCK } else { 0 };
        out.extend_from_slice(&[self.frame_type.code(), flags]);
        self.sent.encode_into(out);
        self.message_id.encode_into(out);
        out.extend_from_slice(&self.expire_seconds.to_be_bytes());
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(self.body);
        if let Some(block) = self.block {
            block.encode_into(out);
        }
    }

    fn encoded_len(&self) -> usize {
        FRAME_HEAD_LEN + self.body.len() + self.block.map_or(0, Encode::encoded_len)
    }
}

impl Encode for Frame {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.as_ref().encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        self.as_ref().encoded_len()
    }
}

impl Decode for Frame {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let head = Head::decode_from(reader)?;
        let body = reader.take(head.body_len)?.to_vec(); // MSG-5
        let block = head.decode_block(reader)?;
        Ok(head.with(body, block))
    }
}

/// Which messages have arrived, or been read: the body of a receipt frame.
///
/// ```text
/// kind u8 (1 delivered, 2 read) | count u8 (1..=64) | count × msg_id 16
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Read by a person, rather than delivered to a device.
    pub read: bool,
    /// The messages, 1 to 64.
    pub message_ids: Vec<MessageId>,
}

impl Encode for Receipt {
    fn encode_into(&self, out: &mut Vec<u8>) {
        let ids = &self.message_ids[..self.message_ids.len().min(MAX_RECEIPT)];
        out.push(if self.read { 2 } else { 1 });
        out.push(u8::try_from(ids.len()).unwrap_or(u8::MAX));
        ids.iter().for_each(|id| id.encode_into(out));
    }

    fn encoded_len(&self) -> usize {
        2 + self.message_ids.len().min(MAX_RECEIPT) * MessageId::LEN
    }
}

impl Decode for Receipt {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let read = match reader.u8()? {
            1 => false,
            2 => true,
            _ => {
                return Err(DecodeError::Unknown { what: "receipt kind" });
            } // MSG-9
        };
        let count = usize::from(reader.u8()?);
        if !(1..=MAX_RECEIPT).contains(&count) {
            return Err(DecodeError::Invalid { what: "receipt count" }); // MSG-9
        }
        let message_ids = decode_ids(reader, count)?;
        Ok(Self { read, message_ids })
    }
}

/// What one session says to the other about itself: the body of a control frame.
///
/// ```text
/// 1 empty · 2 token 16 · 4 close · 5 mailbox 32 | has_token u8 | [token 16] | relay_len u8 | relay · 6 count u16 | count × msg_id 16
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Control {
    /// Says nothing (1): turns the ratchet.
    Empty,
    /// The right to post to the sender's mailbox (2).
    DeliveryToken(DeliveryToken),
    /// The session is over (4).
    Close,
    /// Where to write to from now on (5).
    Mailbox {
        /// The sender's mailbox for this session.
        mailbox: MailboxId,
        /// The right to post to it, if one is needed.
        token: Option<DeliveryToken>,
        /// Its relay, as an ASCII URL of at most 255 bytes.
        relay: String,
    },
    /// The message ids that the sender holds (6): the peer sends the missing ones again.
    Resend(Vec<MessageId>),
}

impl Control {
    const fn code(&self) -> u8 {
        match self {
            Self::Empty => 1,
            Self::DeliveryToken(_) => 2,
            Self::Close => 4,
            Self::Mailbox { .. } => 5,
            Self::Resend(_) => 6,
        }
    }
}

impl Encode for Control {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(self.code());
        match self {
            Self::Empty | Self::Close => {}
            Self::DeliveryToken(token) => token.encode_into(out),
            Self::Mailbox { mailbox, token, relay } => {
                mailbox.encode_into(out);
                out.push(u8::from(token.is_some()));
                if let Some(token) = token {
                    token.encode_into(out);
                }
                let relay = &relay.as_bytes()[..relay.len().min(MAX_RELAY_LEN)];
                out.push(u8::try_from(relay.len()).unwrap_or(u8::MAX));
                out.extend_from_slice(relay);
            }
            Self::Resend(ids) => {
                let ids = &ids[..ids.len().min(MAX_RESEND)];
                let count = u16::try_from(ids.len()).unwrap_or(u16::MAX);
                out.extend_from_slice(&count.to_be_bytes());
                ids.iter().for_each(|id| id.encode_into(out));
            }
        }
    }

    fn encoded_len(&self) -> usize {
        1 + match self {
            Self::Empty | Self::Close => 0,
            Self::DeliveryToken(_) => DeliveryToken::LEN,
            Self::Mailbox { token, relay, .. } => {
                let token = token.map_or(0, |_| DeliveryToken::LEN);
                MailboxId::LEN + 1 + token + 1 + relay.len().min(MAX_RELAY_LEN)
            }
            Self::Resend(ids) => 2 + ids.len().min(MAX_RESEND) * MessageId::LEN,
        }
    }
}

impl Decode for Control {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.u8()? {
            1 => Ok(Self::Empty),
            2 => DeliveryToken::decode_from(reader).map(Self::DeliveryToken),
            4 => Ok(Self::Close),
            5 => decode_mailbox(reader),
            6 => {
                let count = reader.len16("resend count", MAX_RESEND)?;
                decode_ids(reader, count).map(Self::Resend)
            }
            _ => Err(DecodeError::Unknown { what: "control code" }), // MSG-9
        }
    }
}

fn decode_mailbox(reader: &mut Reader<'_>) -> Result<Control, DecodeError> {
    let mailbox = MailboxId::decode_from(reader)?;
    let has_token = reader.flag("has_token")?;
    let token = has_token.then(|| DeliveryToken::decode_from(reader)).transpose()?;
    let len = usize::from(reader.u8()?);
    let relay = reader.take(len)?;
    match core::str::from_utf8(relay) {
        Ok(relay) if relay.is_ascii() => {
            Ok(Control::Mailbox { mailbox, token, relay: String::from(relay) })
        }
        _ => Err(DecodeError::Invalid { what: "relay" }), // MSG-9
    }
}

fn decode_ids(reader: &mut Reader<'_>, count: usize) -> Result<Vec<MessageId>, DecodeError> {
    (0..count).map(|_| MessageId::decode_from(reader)).collect()
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn frame(body: &[u8]) -> Frame {
        Frame {
            frame_type: FrameType::Message,
            sent: Timestamp::from_millis(1),
            message_id: MessageId::from_bytes([2; 16]),
            expire_seconds: 3,
            body: body.to_vec(),
            block: None,
        }
    }

    /// Decoded both ways, which must agree; what is refused is left as it was.
    fn decoded(bytes: &[u8]) -> Result<Frame, DecodeError> {
        let mut own = bytes.to_vec();
        let result = Frame::take_from(&mut own);
        assert_eq!(own, if result.is_ok() { &[] } else { bytes });
        assert_eq!(Frame::decode(bytes), result);
        result
    }

    #[test]
    fn a_frame_round_trips() {
        for len in [0, 1, MAX_BODY] {
            let frame = frame(&vec![9; len]);
            let bytes = frame.encode();
            assert_eq!(bytes.len(), FRAME_HEAD_LEN + len);
            assert_eq!(decoded(&bytes), Ok(frame));
        }
        assert_eq!(frame(&vec![9; MAX_BODY]).encoded_len(), MAX_FRAME);
    }

    #[test]
    fn every_type_round_trips() {
        for code in 1..=6 {
            let mut bytes = frame(b"tea").encode();
            bytes[0] = code;
            let frame = decoded(&bytes).expect("known");
            assert_eq!((frame.frame_type.code(), frame.encode()), (code, bytes));
        }
    }

    #[test]
    fn debug_shows_how_long_a_body_is_and_not_what_it_says() {
        let shown = alloc::format!("{:?}", frame(b"tea"));
        assert!(shown.contains("body_len: 3") && !shown.contains("116"), "{shown}");
    }

    /// MSG-5
    #[test]
    fn the_length_agrees_with_the_bytes() {
        let mut bytes = frame(b"tea").encode();
        bytes[33] = 4;
        assert_eq!(decoded(&bytes), Err(DecodeError::Truncated { needed: 1 }));
        bytes[33] = 2;
        assert_eq!(decoded(&bytes), Err(DecodeError::TrailingBytes { extra: 1 }));
        bytes[30] = 1;
        let refused = Err(DecodeError::TooLong { what: "body", limit: MAX_BODY });
        assert_eq!(decoded(&bytes), refused);
    }

    /// MSG-6
    #[test]
    fn an_unknown_type_is_refused() {
        for code in [0, 7, 255] {
            let mut bytes = frame(b"tea").encode();
            bytes[0] = code;
            assert_eq!(decoded(&bytes), Err(DecodeError::Unknown { what: "frame type" }));
        }
    }

    /// MSG-7
    #[test]
    fn an_unknown_flag_is_refused() {
        for bit in 1..8 {
            let mut bytes = frame(b"tea").encode();
            bytes[1] = 1 << bit;
            assert_eq!(decoded(&bytes), Err(DecodeError::Unknown { what: "frame flag" }));
        }
    }

    #[test]
    fn a_frame_carries_its_block() {
        let salt = crate::transcript::Salt::from_bytes([7; 32]);
        let seen_hash = crate::transcript::TreeHash::NONE;
        let block = Block { seq: 1, seen: 0, seen_hash, salt, head: None };
        let frame = Frame { block: Some(Box::new(block)), ..frame(b"tea") };
        let bytes = frame.encode();
        assert_eq!((bytes.len(), bytes[1]), (FRAME_HEAD_LEN + 3 + Block::LEN, 1));
        assert_eq!(bytes.len(), frame.encoded_len());
        assert_eq!(decoded(&bytes), Ok(frame));
        assert!((0..bytes.len()).all(|len| decoded(&bytes[..len]).is_err()));
    }

    #[test]
    fn bodies_round_trip() {
        let ids: Vec<_> = (0..64).map(|i| MessageId::from_bytes([i; 16])).collect();
        for read in [false, true] {
            let receipt = Receipt { read, message_ids: ids.clone() };
            assert_eq!(Receipt::decode(&receipt.encode()), Ok(receipt));
        }
        for control in [
            Control::Empty,
            Control::Close,
            Control::DeliveryToken(DeliveryToken::from_bytes([1; 16])),
            Control::Mailbox {
                mailbox: MailboxId::from_bytes([7; 32]),
                token: Some(DeliveryToken::from_bytes([1; 16])),
                relay: "ws://127.0.0.1:1".into(),
            },
            Control::Resend(ids),
        ] {
            let bytes = control.encode();
            assert_eq!(bytes.len(), control.encoded_len());
            assert_eq!(Control::decode(&bytes), Ok(control));
        }
    }

    /// MSG-9
    #[test]
    fn a_body_follows_the_layout_of_its_type() {
        for body in [&[][..], &[0], &[3], &[7], &[1, 0], &[5; 20], &[6, 0, 1], &[6, 255, 255]] {
            assert!(Control::decode(body).is_err(), "{body:?}");
        }
        for body in [&[][..], &[1], &[1, 0], &[3, 1], &[1, 65], &[1, 1, 0]] {
            assert!(Receipt::decode(body).is_err(), "{body:?}");
        }
    }

    /// MSG-9
    #[test]
    fn a_relay_is_named_in_ascii() {
        let control = |relay: &str| Control::Mailbox {
            mailbox: MailboxId::from_bytes([7; 32]),
            token: None,
            relay: relay.into(),
        };
        assert!(Control::decode(&control("wss://kuvert.example").encode()).is_ok());
        let refused = Err(DecodeError::Invalid { what: "relay" });
        assert_eq!(Control::decode(&control("wss://küvert.example").encode()), refused);
    }
}
