//! What goes into a device and comes out of it: contents, envelopes, received frames.
//!
//! # Spec
//!
//! `spec/05-messages.md`, "Frames".

use alloc::boxed::Box;
use alloc::vec::Vec;

use kuvert_wire::transcript::{
    Block, Consent, ConversationId, ErasureReceipt, Redaction, TranscriptBody,
};
use kuvert_wire::{
    AccountKey, Control, Decode, DecodeError, DeviceId, Encode, Frame, FrameType, MessageId,
    Reader, Receipt, SessionId, Timestamp,
};

use crate::secret::SecretBytes;
use crate::session::{Franking, Route};
use crate::step::Step;

/// What to say to a peer: a frame that has neither time nor name yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    pub(super) frame_type: FrameType,
    pub(super) body: SecretBytes,
    pub(super) expire_seconds: u32,
    pub(super) message_id: Option<MessageId>,
    pub(super) sent: Option<Timestamp>,
    pub(super) block: Option<Box<Block>>,
    pub(super) is_outside: bool,
}

impl Content {
    /// A text message.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::new(FrameType::Message, text.as_bytes().to_vec())
    }

    /// A receipt for messages of the peer's.
    #[must_use]
    pub fn receipt(receipt: &Receipt) -> Self {
        Self::new(FrameType::Receipt, receipt.encode())
    }

    /// A word from session to session.
    #[must_use]
    pub fn control(control: &Control) -> Self {
        Self::new(FrameType::Control, control.encode())
    }

    /// Says that content is erased, and asks the peer to erase it as well. Logged while a transcript
    /// runs.
    #[must_use]
    pub fn redaction(redaction: &Redaction) -> Self {
        Self::transcript(&TranscriptBody::Redaction(redaction.clone()))
    }

    /// Says what came of a redaction that the peer asked for. Logged likewise.
    #[must_use]
    pub fn erasure_receipt(receipt: &ErasureReceipt) -> Self {
        Self::transcript(&TranscriptBody::ErasureReceipt(receipt.clone()))
    }

    /// Asks for a consent, gives or withdraws it. Logged likewise.
    #[must_use]
    pub fn consent(consent: &Consent) -> Self {
        Self::transcript(&TranscriptBody::Consent(consent.clone()))
    }

    pub(super) fn transcript(body: &TranscriptBody) -> Self {
        Self::new(FrameType::Transcript, body.encode())
    }

    /// The content of a frame that was sealed before, to be sealed again as it was: under its name, of
    /// its time, at its place in the log.
    #[must_use]
    pub fn again(frame: &Frame) -> Self {
        let content = Self::new(frame.frame_type, frame.body.clone());
        Self {
            expire_seconds: frame.expire_seconds,
            message_id: Some(frame.message_id),
            sent: Some(frame.sent),
            block: frame.block.clone(),
            ..content
        }
    }

    fn new(frame_type: FrameType, body: Vec<u8>) -> Self {
        Self {
            frame_type,
            body: SecretBytes::new(body),
            expire_seconds: 0,
            message_id: None,
            sent: None,
            block: None,
            is_outside: false,
        }
    }

    /// Its name, if it has been given one.
    #[must_use]
    pub const fn message_id(&self) -> Option<MessageId> {
        self.message_id
    }

    /// Gives it a name of the caller's, such as when it is sent again.
    #[must_use]
    pub const fn named(mut self, message_id: MessageId) -> Self {
        self.message_id = Some(message_id);
        self
    }

    /// Gives it the time at which it was first sent, when it is sent again.
    #[must_use]
    pub const fn dated(mut self, sent: Timestamp) -> Self {
        self.sent = Some(sent);
        self
    }

    /// Keeps it out of the transcript that may run: it was sent before, when none did, and the peer may
    /// have it already.
    #[must_use]
    pub const fn outside_transcript(mut self) -> Self {
        self.is_outside = true;
        self
    }

    /// Lets it disappear on both sides after this many seconds.
    #[must_use]
    pub const fn expiring(mut self, seconds: u32) -> Self {
        self.expire_seconds = seconds;
        self
    }
}

impl core::fmt::Debug for Content {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Content({:?}, {} bytes)", self.frame_type, self.body.len())
    }
}

/// A sealed envelope, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Whom it is for.
    pub peer: DeviceId,
    /// The name of the message inside.
    pub message_id: MessageId,
    /// Where it goes.
    pub route: Route,
    /// The envelope, at most 72 KiB.
    pub envelope: Vec<u8>,
    /// The message's place in our log; not stored with the envelope.
    pub(super) block: Option<Box<Block>>,
}

impl Step<'_, Outgoing> {
    /// The message's place in our log, while a transcript runs. The application stores it with the
    /// message, in the step's own batch ([`Step::also`]), so that [`Content::again`] has it; it says
    /// nothing that the application does not know.
    #[must_use]
    pub fn block(&self) -> Option<&Block> {
        self.output().block.as_deref()
    }
}

impl Encode for Outgoing {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.peer.encode_into(out);
        self.message_id.encode_into(out);
        self.route.encode_into(out);
        out.extend_from_slice(&self.envelope);
    }

    fn encoded_len(&self) -> usize {
        DeviceId::LEN + MessageId::LEN + self.route.encoded_len() + self.envelope.len()
    }
}

impl Decode for Outgoing {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            peer: DeviceId::decode_from(reader)?,
            message_id: MessageId::decode_from(reader)?,
            route: Route::decode_from(reader)?,
            envelope: reader.take(reader.remaining())?.to_vec(),
            block: None,
        })
    }
}

/// Why a session ended with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionEnd {
    /// The peer closed it.
    ByPeer,
    /// The message was authentic and its post-quantum part impossible (`PqFailed`).
    PqFailed,
}

/// An opened frame, and whose it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Received {
    /// The device that sent it.
    pub peer: DeviceId,
    /// The account that vouches for the device.
    pub account: AccountKey,
    /// The session it came on.
    pub session: SessionId,
    /// It is the first message of a session that the peer began.
    pub begins_session: bool,
    /// The session has ended with it.
    pub ended: Option<SessionEnd>,
    /// The transcript in whose log of the peer's it stands, if one runs.
    pub conversation: Option<ConversationId>,
    /// With which it can be reported.
    pub franking: Franking,
    /// What it says.
    pub frame: Frame,
}

impl core::fmt::Debug for Received {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Received")
            .field("peer", &self.peer)
            .field("session", &self.session)
            .field("begins_session", &self.begins_session)
            .field("ended", &self.ended)
            .field("frame_type", &self.frame.frame_type)
            .field("body_len", &self.frame.body.len())
            .finish_non_exhaustive()
    }
}

impl Encode for Received {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.peer.encode_into(out);
        self.account.encode_into(out);
        self.session.encode_into(out);
        out.push(u8::from(self.begins_session));
        out.push(match self.ended {
            None => 0,
            Some(SessionEnd::ByPeer) => 1,
            Some(SessionEnd::PqFailed) => 2,
        });
        out.push(u8::from(self.conversation.is_some()));
        self.conversation.iter().for_each(|conversation| conversation.encode_into(out));
        out.extend_from_slice(&self.franking.key);
        out.extend_from_slice(&self.franking.commitment);
        self.frame.encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        let conversation = self.conversation.map_or(0, |_| ConversationId::LEN);
        let head = DeviceId::LEN + AccountKey::LEN + SessionId::LEN + 3 + 64;
        head + conversation + self.frame.encoded_len()
    }
}

impl Decode for Received {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            peer: DeviceId::decode_from(reader)?,
            account: AccountKey::decode_from(reader)?,
            session: SessionId::decode_from(reader)?,
            begins_session: reader.flag("begins_session")?,
            ended: match reader.u8()? {
                0 => None,
                1 => Some(SessionEnd::ByPeer),
                2 => Some(SessionEnd::PqFailed),
                _ => {
                    return Err(DecodeError::Unknown { what: "end of a session" });
                }
            },
            conversation: {
                let is_logged = reader.flag("conversation")?;
                is_logged.then(|| ConversationId::decode_from(reader)).transpose()?
            },
            franking: Franking { key: reader.array()?, commitment: reader.array()? },
            frame: Frame::decode_from(reader)?,
        })
    }
}
