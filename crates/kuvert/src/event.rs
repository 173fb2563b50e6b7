//! What a client tells its app.

use core::fmt;

use kuvert_core::ProtocolError;
use kuvert_wire::transcript::Mode;
use kuvert_wire::{AccountId, Address, DeviceId, MessageId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Petname;
use crate::transcript::TranscriptNews;

/// Something that happened. New kinds may come: match with a wildcard.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A message arrived.
    Message(Message),
    /// Messages that were sent from here have arrived at the peer.
    Delivered(Delivery),
    /// Another identity answers for this peer. Nothing was sent to it, and nothing will be until a
    /// person has said that it may ([`Client::accept_identity`](crate::Client::accept_identity)).
    IdentityChanged(IdentityChange),
    /// Something of this peer's could not be opened: the session with it will be replaced by a new one.
    HealingStarted(Notice),
    /// The session has been replaced. What was missing comes again.
    Healed(Notice),
    /// Two copies of this peer's state are in use: it was set back, or somebody has a copy of it.
    CloneSuspected(Notice),
    /// The state of this account was set back. All sessions are begun anew.
    StateRollback(StateRollback),
    /// Messages that nobody has acknowledged, and that are not sent again any more.
    Undelivered(Delivery),
    /// Something of this peer's could not be opened, and is given up.
    NotOpened(NotOpened),
    /// Something about the transcript with a peer.
    Transcript(TranscriptNews),
}

/// Another identity answers for a peer. Displays as the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IdentityChange {
    /// The peer.
    pub peer: Sender,
    /// The device that speaks for the peer's account and was not known; a person can accept it. `None`
    /// if what the relay hands out does not belong to the account at all.
    pub device: Option<DeviceId>,
}

impl fmt::Display for IdentityChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.peer.fmt(f)
    }
}

/// Something that happened with a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notice {
    /// The peer.
    pub peer: Sender,
    /// When it was noticed here.
    pub at: Timestamp,
}

/// This account's store was an old copy of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StateRollback {
    /// When it was noticed.
    pub at: Timestamp,
    /// How many batches the store had taken.
    pub found: u64,
    /// How many it had taken before it was set back, at least.
    pub expected: u64,
}

/// Envelopes that could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotOpened {
    /// Who sent them, as far as that can be said.
    pub peer: Sender,
    /// Why.
    pub cause: ProtocolError,
    /// How many.
    pub count: u64,
    /// When they were given up.
    pub at: Timestamp,
}

/// The other side of a conversation, as it is known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The account, 32 bytes: a hash of its key.
    pub account: AccountId,
    /// The name given to it here, if any.
    pub name: Option<Petname>,
    /// Its address, once its relay is known.
    pub address: Option<Address>,
    /// Whether a person here added this contact or wrote to it. If not, this is a contact request.
    pub accepted: bool,
}

/// The name, else the address, else the account id.
impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, &self.address) {
            (Some(name), _) => name.fmt(f),
            (None, Some(address)) => address.fmt(f),
            (None, None) => self.account.fmt(f),
        }
    }
}

/// One message that arrived.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    pub(crate) sender: Sender,
    pub(crate) id: MessageId,
    pub(crate) sent: Timestamp,
    pub(crate) received: Timestamp,
    pub(crate) body: Vec<u8>,
    pub(crate) mode: Option<Mode>,
}

/// A message body that is not UTF-8 text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message is not text")]
pub struct NotText;

impl Message {
    /// Who wrote it: authenticated by the session it came in.
    #[must_use]
    pub const fn sender(&self) -> &Sender {
        &self.sender
    }

    /// Its name, chosen by its sender, 16 bytes.
    #[must_use]
    pub const fn id(&self) -> MessageId {
        self.id
    }

    /// When its sender says it was sent.
    #[must_use]
    pub const fn sent(&self) -> Timestamp {
        self.sent
    }

    /// When it was opened here.
    #[must_use]
    pub const fn received(&self) -> Timestamp {
        self.received
    }

    /// In what kind of transcript it stands; `None` if in none.
    #[must_use]
    pub const fn mode(&self) -> Option<Mode> {
        self.mode
    }

    /// What it says, exactly as it was sent.
    ///
    /// # Errors
    ///
    /// [`NotText`] if the sender put something other than UTF-8 into it.
    pub fn text(&self) -> Result<&str, NotText> {
        core::str::from_utf8(&self.body).map_err(|_| NotText)
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sender, id, sent, received, body, mode } = self;
        f.debug_struct("Message")
            .field("sender", sender)
            .field("id", id)
            .field("sent", sent)
            .field("received", received)
            .field("body_len", &body.len())
            .field("mode", mode)
            .finish()
    }
}

/// What became of messages that were sent from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub(crate) peer: Sender,
    pub(crate) message_ids: Vec<MessageId>,
    pub(crate) received: Timestamp,
}

impl Delivery {
    /// To whom they were sent.
    #[must_use]
    pub const fn peer(&self) -> &Sender {
        &self.peer
    }

    /// The messages, at least one.
    #[must_use]
    pub fn message_ids(&self) -> &[MessageId] {
        &self.message_ids
    }

    /// When that was learnt here.
    #[must_use]
    pub const fn received(&self) -> Timestamp {
        self.received
    }
}

/// How far a message got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum DeliveryState {
    /// Own: it waits here for a connection.
    Queued,
    /// Own: the peer's relay has it.
    Sent,
    /// Own: the peer's device has it.
    Delivered,
    /// The peer's: it arrived here.
    Received,
    /// Own: the peer's relay has it, nobody has acknowledged it for 30 days, or 1,000 others came
    /// after it. It is not sent again.
    Undelivered,
    /// Its content has been erased, here and, if it was asked for there, at the peer's.
    Redacted,
}

impl fmt::Display for DeliveryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Received => "received",
            Self::Undelivered => "undelivered",
            Self::Redacted => "redacted",
        })
    }
}

/// What became of a message that was to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent {
    /// Its name, 16 bytes.
    pub id: MessageId,
    /// [`DeliveryState::Sent`] or [`DeliveryState::Queued`]. Either way it is safe on disk, and is delivered once.
    pub state: DeliveryState,
    /// What went wrong here after the message was safe, in words: for example a damaged record of
    /// something else. It is no reason to send the message again.
    pub warning: Option<String>,
}

/// One thing in a stored conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Entry {
    /// A message.
    Message(HistoryEntry),
    /// Something that happened between the messages.
    Event(Event),
}

/// One message of a stored conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The message; for own ones the sender is oneself and `received` is when it was written.
    pub message: Message,
    /// Whether it was written here.
    pub outgoing: bool,
    /// How far it got.
    pub state: DeliveryState,
}
