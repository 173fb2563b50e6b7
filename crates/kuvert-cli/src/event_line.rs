//! The JSON objects of events, one a line. Their fields are a contract, described in `docs/cli.md`.

use kuvert::{
    Delivery, Entry, Event, HistoryEntry, Message, NotOpened, Notice, Sender, StateRollback,
};
use serde::Serialize;

use crate::object::mode_name;
use crate::transcript_line::{GapLine, Told, TranscriptEventLine};

/// One line of `recv`, `history` and `chat`.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum EventLine {
    /// A message.
    Message(MessageLine),
    /// Own messages that arrived at the peer.
    Receipt(ReceiptLine),
    /// Another identity answers for the peer.
    IdentityChanged(QuestionLine),
    /// The session with the peer will be replaced.
    HealingStarted(NoticeLine),
    /// It has been replaced.
    Healed(NoticeLine),
    /// Two copies of the peer's state are in use.
    CloneSuspected(NoticeLine),
    /// This account was set back.
    StateRollback(RollbackLine),
    /// An own message that is given up.
    Undelivered(ReceiptLine),
    /// Something of the peer's that is given up.
    NotOpened(NotOpenedLine),
    /// Entries of a transcript that are missing.
    Gap(GapLine),
    /// Something else about a transcript.
    Transcript(TranscriptEventLine),
}

/// Something that happened with a peer.
#[derive(Debug, Serialize)]
pub(crate) struct NoticeLine {
    #[serde(flatten)]
    pub(crate) peer: PeerLine,
    pub(crate) at: u64,
}

/// Another identity, and whether a person can accept it.
#[derive(Debug, Serialize)]
pub(crate) struct QuestionLine {
    #[serde(flatten)]
    pub(crate) peer: PeerLine,
    /// The device that is asked about; `null` if what answers cannot be accepted.
    pub(crate) device: Option<String>,
}

/// This account's state was an old copy.
#[derive(Debug, Serialize)]
pub(crate) struct RollbackLine {
    pub(crate) at: u64,
    pub(crate) found: u64,
    pub(crate) expected: u64,
}

/// What could not be opened.
#[derive(Debug, Serialize)]
pub(crate) struct NotOpenedLine {
    #[serde(flatten)]
    pub(crate) peer: PeerLine,
    pub(crate) cause: &'static str,
    pub(crate) count: u64,
    pub(crate) at: u64,
}

/// Who it is about.
#[derive(Debug, Serialize)]
pub(crate) struct PeerLine {
    pub(crate) from: String,
    pub(crate) account: String,
    /// Whether this is a contact request: nobody here added or answered the sender so far.
    pub(crate) request: bool,
}

/// A message, received or as stored.
#[derive(Debug, Serialize)]
pub(crate) struct MessageLine {
    #[serde(flatten)]
    pub(crate) peer: PeerLine,
    pub(crate) id: String,
    /// `null` if the sender put something other than text into it.
    pub(crate) text: Option<String>,
    pub(crate) sent_at: u64,
    pub(crate) received_at: Option<u64>,
    pub(crate) mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) direction: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<String>,
}

/// A receipt, one line for each message.
#[derive(Debug, Serialize)]
pub(crate) struct ReceiptLine {
    #[serde(flatten)]
    pub(crate) peer: PeerLine,
    pub(crate) id: String,
    pub(crate) state: &'static str,
    pub(crate) received_at: u64,
}

impl From<&Sender> for PeerLine {
    fn from(sender: &Sender) -> Self {
        Self {
            from: sender.to_string(),
            account: sender.account.to_string(),
            request: !sender.accepted,
        }
    }
}

impl From<&Message> for MessageLine {
    fn from(message: &Message) -> Self {
        Self {
            peer: message.sender().into(),
            id: message.id().to_string(),
            text: message.text().ok().map(str::to_owned),
            sent_at: message.sent().as_millis(),
            received_at: Some(message.received().as_millis()),
            mode: message.mode().map_or("off", mode_name),
            direction: None,
            state: None,
        }
    }
}

impl From<&HistoryEntry> for EventLine {
    fn from(entry: &HistoryEntry) -> Self {
        let mut line = MessageLine::from(&entry.message);
        line.direction = Some(if entry.outgoing { "out" } else { "in" });
        line.state = Some(entry.state.to_string());
        if entry.outgoing {
            line.received_at = None;
        }
        Self::Message(line)
    }
}

impl EventLine {
    /// The line of one thing in a stored conversation.
    pub(crate) fn of_entry(entry: &Entry) -> Vec<Self> {
        match entry {
            Entry::Message(message) => vec![message.into()],
            Entry::Event(event) => Self::of(event),
            _ => Vec::new(),
        }
    }

    /// The lines of one event; none for an event that this program does not know.
    pub(crate) fn of(event: &Event) -> Vec<Self> {
        let line = match event {
            Event::Message(message) => Self::Message(message.into()),
            Event::Delivered(delivery) => return receipts(delivery, "delivered", Self::Receipt),
            Event::Undelivered(delivery) => {
                return receipts(delivery, "undelivered", Self::Undelivered);
            }
            Event::IdentityChanged(change) => Self::IdentityChanged(QuestionLine {
                peer: (&change.peer).into(),
                device: change.device.map(|device| device.to_string()),
            }),
            Event::HealingStarted(notice) => Self::HealingStarted(notice.into()),
            Event::Healed(notice) => Self::Healed(notice.into()),
            Event::CloneSuspected(notice) => Self::CloneSuspected(notice.into()),
            Event::StateRollback(rollback) => Self::StateRollback(rollback.into()),
            Event::NotOpened(given_up) => Self::NotOpened(given_up.into()),
            Event::Transcript(news) => match Told::of(news) {
                Some(Told::Gap(line)) => Self::Gap(line),
                Some(Told::Change(line)) => Self::Transcript(line),
                None => return Vec::new(),
            },
            _ => return Vec::new(),
        };
        vec![line]
    }
}

fn receipts(
    delivery: &Delivery,
    state: &'static str,
    kind: impl Fn(ReceiptLine) -> EventLine,
) -> Vec<EventLine> {
    let line = |id: &kuvert::MessageId| ReceiptLine {
        peer: delivery.peer().into(),
        id: id.to_string(),
        state,
        received_at: delivery.received().as_millis(),
    };
    delivery.message_ids().iter().map(line).map(kind).collect()
}

impl From<&Notice> for NoticeLine {
    fn from(notice: &Notice) -> Self {
        Self { peer: (&notice.peer).into(), at: notice.at.as_millis() }
    }
}

impl From<&StateRollback> for RollbackLine {
    fn from(rollback: &StateRollback) -> Self {
        let StateRollback { at, found, expected, .. } = *rollback;
        Self { at: at.as_millis(), found, expected }
    }
}

impl From<&NotOpened> for NotOpenedLine {
    fn from(given_up: &NotOpened) -> Self {
        Self {
            peer: (&given_up.peer).into(),
            cause: given_up.cause.name(),
            count: given_up.count,
            at: given_up.at.as_millis(),
        }
    }
}
