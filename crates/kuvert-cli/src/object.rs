//! The JSON objects, one a line. Their fields are a contract, described in `docs/cli.md`.

use kuvert::{Contact, Delivery, Event, HistoryEntry, Message, Sender, Sent, Status};
use serde::Serialize;

/// `init`
#[derive(Debug, Serialize)]
pub(crate) struct Account {
    pub(crate) account: String,
    pub(crate) device: String,
    pub(crate) address: String,
}

/// `address`
#[derive(Debug, Serialize)]
pub(crate) struct OwnAddress {
    pub(crate) address: String,
}

/// `contact …`
#[derive(Debug, Serialize)]
pub(crate) struct ContactLine {
    pub(crate) name: String,
    pub(crate) address: Option<String>,
    pub(crate) verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) removed: Option<bool>,
}

impl From<&Contact> for ContactLine {
    fn from(contact: &Contact) -> Self {
        Self {
            name: contact.name.to_string(),
            address: contact.address.as_ref().map(ToString::to_string),
            verified: contact.is_verified(),
            removed: None,
        }
    }
}

/// `send`
#[derive(Debug, Serialize)]
pub(crate) struct SentLine {
    pub(crate) id: String,
    pub(crate) state: String,
    /// What else is wrong; no reason to send again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) warning: Option<String>,
}

impl From<&Sent> for SentLine {
    fn from(sent: &Sent) -> Self {
        Self {
            id: sent.id.to_string(),
            state: sent.state.to_string(),
            warning: sent.warning.clone(),
        }
    }
}

/// `verify`
#[derive(Debug, Serialize)]
pub(crate) struct Verification {
    pub(crate) name: String,
    pub(crate) safety_number: String,
    pub(crate) verified: bool,
}

/// One line of `recv`, `history` and `chat`.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum EventLine {
    /// A message.
    Message(MessageLine),
    /// Own messages that arrived at the peer.
    Receipt(ReceiptLine),
    /// Another identity answers for the peer.
    IdentityChanged(PeerLine),
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

/// `status`
#[derive(Debug, Serialize)]
pub(crate) struct StatusLine {
    pub(crate) address: String,
    pub(crate) relay: String,
    pub(crate) relay_reachable: bool,
    pub(crate) queued: usize,
    /// One-time prekeys on the relay; `null` when it cannot be asked.
    pub(crate) prekeys_left: Option<u16>,
    pub(crate) sessions: usize,
    /// Envelopes that wait for what opens them.
    pub(crate) waiting: usize,
    /// Peers whose session is being replaced.
    pub(crate) healing: Vec<String>,
    /// Peers about whom a question is open.
    pub(crate) questions: Vec<String>,
    /// Every cause of the protocol's list, and how often it occurred.
    pub(crate) causes: std::collections::BTreeMap<&'static str, u64>,
    /// Those that did occur.
    pub(crate) dropped: std::collections::BTreeMap<&'static str, u64>,
    pub(crate) warnings: Vec<String>,
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
            mode: "off",
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
    /// The lines of one event; none for an event that this program does not know.
    pub(crate) fn of(event: &Event) -> Vec<Self> {
        match event {
            Event::Message(message) => vec![Self::Message(message.into())],
            Event::Delivered(delivery) => receipts(delivery),
            Event::IdentityChanged(peer) => vec![Self::IdentityChanged(peer.into())],
            _ => Vec::new(),
        }
    }
}

fn receipts(delivery: &Delivery) -> Vec<EventLine> {
    let line = |id: &kuvert::MessageId| ReceiptLine {
        peer: delivery.peer().into(),
        id: id.to_string(),
        state: "delivered",
        received_at: delivery.received().as_millis(),
    };
    delivery.message_ids().iter().map(line).map(EventLine::Receipt).collect()
}

impl StatusLine {
    pub(crate) fn new(address: String, relay: String, status: &Status) -> Self {
        Self {
            address,
            relay,
            relay_reachable: status.relay_reachable,
            queued: status.queued,
            prekeys_left: status.prekeys_left,
            sessions: status.sessions,
            waiting: status.waiting,
            healing: status.healing.iter().map(ToString::to_string).collect(),
            questions: status.questions.iter().map(ToString::to_string).collect(),
            causes: status.causes.clone(),
            dropped: status.causes.iter().filter(|(_, n)| **n > 0).map(|(c, n)| (*c, *n)).collect(),
            warnings: status.warnings.clone(),
        }
    }
}
