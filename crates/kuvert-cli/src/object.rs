//! The JSON objects of commands, one a line. Their fields are a contract, described in `docs/cli.md`.

use kuvert::{Contact, Sent, Status, TranscriptMode, transcripts};
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

/// `transcript start` and `stop`
#[derive(Debug, Serialize)]
pub(crate) struct TranscriptLine {
    pub(crate) name: String,
    /// `off`, `offered`, `asked` or `on`.
    pub(crate) state: &'static str,
    /// `off`, `signed` or `deniable`.
    pub(crate) mode: &'static str,
}

/// `transcript export`
#[derive(Debug, Serialize)]
pub(crate) struct ExportLine {
    pub(crate) file: String,
    pub(crate) entries: u64,
    pub(crate) redacted: u64,
    pub(crate) hidden: u64,
}

/// `transcript redact`
#[derive(Debug, Serialize)]
pub(crate) struct RedactionLine {
    pub(crate) name: String,
    pub(crate) ids: Vec<String>,
    pub(crate) policy: String,
}

/// `transcript show`
#[derive(Debug, Serialize)]
pub(crate) struct ShownLine {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shown: Option<String>,
}

/// `report`
#[derive(Debug, Serialize)]
pub(crate) struct ReportLine {
    pub(crate) file: String,
    pub(crate) id: String,
    pub(crate) context: usize,
}

/// `transcript verify`: what a file proves.
#[derive(Debug, Serialize)]
pub(crate) struct ProofLine {
    pub(crate) valid: bool,
    pub(crate) mode: &'static str,
    pub(crate) entries: u64,
    /// Entries of which something is not shown.
    pub(crate) redacted: u64,
    /// Those of them whose erasure is announced in the file.
    pub(crate) announced: u64,
    pub(crate) signed: u64,
    pub(crate) acknowledged: u64,
    pub(crate) signers: Vec<SignerLine>,
    pub(crate) from: Option<u64>,
    pub(crate) to: Option<u64>,
    pub(crate) complete: bool,
    /// Sizes of both logs at the latest heads.
    pub(crate) checkpoint: [u64; 2],
    /// Entries before it that are not in the file.
    pub(crate) missing: u64,
    pub(crate) contradictions: usize,
    pub(crate) digest: String,
    pub(crate) statement: &'static str,
}

/// One of the two whose word a transcript is.
#[derive(Debug, Serialize)]
pub(crate) struct SignerLine {
    pub(crate) account: String,
    pub(crate) account_key: String,
    pub(crate) device: String,
    pub(crate) has_signed: bool,
}

/// `transcript verify`: a file that proves nothing.
#[derive(Debug, Serialize)]
pub(crate) struct RefusedLine {
    pub(crate) valid: bool,
    pub(crate) error: String,
}

impl From<&transcripts::Report> for ProofLine {
    fn from(report: &transcripts::Report) -> Self {
        Self {
            valid: true,
            mode: mode_name(report.mode),
            entries: report.entries,
            redacted: report.redacted,
            announced: report.announced,
            signed: report.signed,
            acknowledged: report.acknowledged,
            signers: report.signers.iter().map(SignerLine::from).collect(),
            from: report.span.map(|(from, _)| from.as_millis()),
            to: report.span.map(|(_, to)| to.as_millis()),
            complete: report.is_complete(),
            checkpoint: report.checkpoint,
            missing: report.missing.iter().map(|missing| missing.count).sum(),
            contradictions: report.contradictions.len(),
            digest: report.digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            statement: report.statement(),
        }
    }
}

impl From<&transcripts::Signer> for SignerLine {
    fn from(signer: &transcripts::Signer) -> Self {
        Self {
            account: transcripts::account_id(&signer.account).to_string(),
            account_key: signer.account.to_string(),
            device: signer.device.to_string(),
            has_signed: signer.has_signed,
        }
    }
}

/// The name of a transcript's mode.
pub(crate) const fn mode_name(mode: TranscriptMode) -> &'static str {
    match mode {
        TranscriptMode::Signed => "signed",
        TranscriptMode::Deniable => "deniable",
    }
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
