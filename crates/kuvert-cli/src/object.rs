//! The JSON objects of commands, one a line. Their fields are a contract, described in `docs/cli.md`.

use kuvert::{Contact, Sent, Status};
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
    /// The device about which a question is open.
    pub(crate) question: Option<String>,
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
