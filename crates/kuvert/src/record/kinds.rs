//! What the client's records hold, and the keys under which they stand.

use std::collections::BTreeMap;

use kuvert_core::{Franking, Key};
use kuvert_wire::transcript::ConversationId;
use kuvert_wire::{AccountId, MailboxKey, MessageId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::client::Carried;
use crate::event::DeliveryState;

/// Own name and home relay.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AccountRecord {
    pub(crate) name: String,
    pub(crate) relay: String,
}

/// One peer, known by hand or by a contact request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ContactRecord {
    pub(crate) name: Option<String>,
    /// Home relay, once it is known.
    pub(crate) relay: Option<String>,
    /// A person added this contact or wrote to it; before that nothing is sent by itself.
    pub(crate) accepted: bool,
    /// Account key, checked against the account id, once it is known.
    pub(crate) account_key: Option<[u8; 32]>,
    /// When the safety number was compared, in Unix milliseconds.
    pub(crate) verified: Option<u64>,
}

/// The account behind a name; `None` once the name has been removed.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct NameRecord(pub(crate) Option<[u8; 32]>);

/// A mailbox of ours that the home relay has opened.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct OpenedRecord;

/// A message that waits for a session: its place is that of its log entry.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct PendingRecord;

/// One message of a conversation. Changed once at most, when it is first sealed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LogRecord {
    pub(crate) outgoing: bool,
    /// When it was written or received here, in Unix milliseconds.
    pub(crate) at: u64,
    /// The encoding of a wire frame.
    pub(crate) frame: Vec<u8>,
    /// It was sealed when no transcript ran, and stays outside of any.
    pub(crate) is_outside: bool,
}

/// Where a message stands in the log of its peer, and how far it got.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct MessageRecord {
    pub(crate) outgoing: bool,
    pub(crate) seq: u64,
    pub(crate) state: DeliveryState,
}

/// An own message that its receiver has not acknowledged. Its place is that of its log entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UnackedRecord {
    pub(crate) id: [u8; 16],
    /// When it was written, in Unix milliseconds.
    pub(crate) at: u64,
    /// Length of its frame in bytes.
    pub(crate) len_bytes: u32,
    /// It has been posted at least once, and so takes a place in the sent buffer.
    pub(crate) is_held: bool,
    /// It is in `pending/` or `outbox/`.
    pub(crate) is_waiting: bool,
    /// How often it was sent again.
    pub(crate) repeats: u8,
    /// From when a sign of loss counts, in Unix milliseconds.
    pub(crate) due: u64,
}

/// What the sent buffer of one peer comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SentRecord {
    /// Messages held.
    pub(crate) count: u32,
    /// Their frames, in bytes.
    pub(crate) bytes: u64,
    /// No message held was written before, in Unix milliseconds.
    pub(crate) oldest: u64,
    /// No message held is due before, in Unix milliseconds.
    pub(crate) due: u64,
    /// A session of the peer's which it began without a word on what it holds, although there was one
    /// before, and when it has had its time to say so, in Unix milliseconds.
    pub(crate) forgot: Option<([u8; 16], u64)>,
    /// It has begun a session and said what it holds: it is to hear the same from here, on this session.
    pub(crate) owes_held: Option<[u8; 16]>,
    /// The sessions whose `resend` was answered, the last four.
    pub(crate) answered: [[u8; 16]; 4],
    /// When something authentic of the peer's arrived, to the hour, in Unix milliseconds.
    pub(crate) heard: u64,
    /// Resets since then, because nobody answered.
    pub(crate) unanswered: u8,
    /// The last reset was to mend a session, and nothing was heard since.
    pub(crate) is_mending: bool,
}

/// Whether another device may speak for an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QuestionRecord {
    pub(crate) device: [u8; 16],
    /// What a person said.
    pub(crate) answer: Option<bool>,
}

/// An event that the app has not acknowledged.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct UnshownRecord {
    pub(crate) account: [u8; 32],
    pub(crate) what: Unshown,
}

/// What an unacknowledged event is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Unshown {
    /// The log entry with this number.
    Message(u64),
    /// Own messages that arrived at the peer, and when we learnt it.
    Receipt { ids: Vec<[u8; 16]>, at: u64 },
    /// The session is about to be replaced.
    HealingStarted { at: u64, not_before: u64 },
    /// It has been replaced.
    Healed { at: u64 },
    /// Another device speaks for the account.
    IdentityChanged { device: [u8; 16] },
    /// Two copies of the peer's state are in use.
    CloneSuspected { at: u64 },
    /// This store was set back. It is about no peer.
    StateRollback { at: u64, found: u64, expected: u64 },
    /// Own messages that are no longer kept for sending again.
    Undelivered { ids: Vec<[u8; 16]>, at: u64 },
    /// Envelopes of this peer's that were given up: the name of the cause, and how many.
    NotOpened { cause: String, count: u64, at: u64 },
    /// Something that the device has found out about a transcript, in its encoding.
    Transcript { at: u64, event: Vec<u8> },
    /// The peer has redacted these messages.
    Redacted { at: u64, ids: Vec<[u8; 16]>, reason: u8, policy: String },
    /// It has answered a redaction of ours.
    ErasureAnswered { at: u64, erased: u32, kept: u32 },
    /// It has asked for a consent, given or withdrawn one; in its encoding.
    Consent { at: u64, consent: Vec<u8> },
}

impl Unshown {
    /// Whether it is worth to be read again later, beside the messages of its time.
    pub(crate) const fn is_lasting(&self) -> bool {
        match self {
            Self::HealingStarted { .. }
            | Self::Healed { .. }
            | Self::IdentityChanged { .. }
            | Self::CloneSuspected { .. }
            | Self::StateRollback { .. }
            | Self::Transcript { .. }
            | Self::Redacted { .. }
            | Self::ErasureAnswered { .. }
            | Self::Consent { .. } => true,
            // The log has the messages and how far they got; what is given up may be repeated at will.
            Self::Message(_)
            | Self::Receipt { .. }
            | Self::Undelivered { .. }
            | Self::NotOpened { .. } => false,
        }
    }
}

/// What a report of a received message needs besides its frame. It can confirm a guess of the content,
/// and goes with it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct ReportRecord {
    pub(crate) franking_key: [u8; 32],
    pub(crate) commitment: [u8; 32],
    pub(crate) carried: Carried,
}

impl ReportRecord {
    pub(crate) const fn new(franking: &Franking, carried: Carried) -> Self {
        Self { franking_key: franking.key, commitment: franking.commitment, carried }
    }
}

/// What was erased is still to be scrubbed out of the store's files.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ScrubRecord;

/// Leaves of ours that a peer has asked for.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct LeavesRecord {
    pub(crate) seq: u64,
    pub(crate) count: u16,
}

/// A redaction of a peer's that is to be followed and answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OwedErasure {
    /// The transcript that it is about, and its place in the peer's log.
    pub(crate) conversation: [u8; 32],
    pub(crate) seq: u64,
    /// What it says, in its encoding.
    pub(crate) redaction: Vec<u8>,
}

/// Receipts owed to one peer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ReceiptRecord {
    /// Not before this moment, in Unix milliseconds.
    pub(crate) due: u64,
    pub(crate) ids: Vec<[u8; 16]>,
}

/// Dropped envelopes, counted by cause.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct DroppedRecord(pub(crate) BTreeMap<String, u64>);

pub(crate) const CONTACTS: &str = "contact/";
pub(crate) const PENDING: &str = "pending/";
pub(crate) const OUTBOX: &str = "outbox/";
pub(crate) const INBOX: &str = "inbox/";
pub(crate) const UNSHOWN: &str = "unshown/";
pub(crate) const RECEIPTS: &str = "receipt/";
pub(crate) const SENT: &str = "sent/";
pub(crate) const LEAVES: &str = "leaves/";
pub(crate) const OWED_ERASURES: &str = "erasure/";
pub(crate) const QUESTIONS: &str = "question/";

pub(crate) fn account_key() -> Key {
    path("app/account")
}

pub(crate) fn counter_key() -> Key {
    path("app/counter")
}

pub(crate) fn scrub_key() -> Key {
    path("app/scrub")
}

pub(crate) fn dropped_key() -> Key {
    path("app/dropped")
}

pub(crate) fn contact_key(peer: &AccountId) -> Key {
    path(&format!("{CONTACTS}{peer}"))
}

pub(crate) fn name_key(name: &str) -> Key {
    // A hash: 64 characters may have 256 bytes, which in hex are more than a key takes.
    let hash: String = Sha256::digest(name).iter().map(|byte| format!("{byte:02x}")).collect();
    path(&format!("name/{hash}"))
}

pub(crate) fn opened_key(mailbox: &MailboxKey) -> Key {
    path(&format!("opened/{mailbox}"))
}

pub(crate) fn pending_key(peer: &AccountId, seq: u64) -> Key {
    path(&format!("{PENDING}{peer}/{seq:016x}"))
}

pub(crate) fn pending_prefix(peer: &AccountId) -> String {
    format!("{PENDING}{peer}/")
}

pub(crate) fn outbox_key(seq: u64) -> Key {
    path(&format!("{OUTBOX}{seq:016x}"))
}

pub(crate) fn inbox_key(seq: u64) -> Key {
    path(&format!("{INBOX}{seq:016x}"))
}

pub(crate) fn log_key(peer: &AccountId, seq: u64) -> Key {
    path(&format!("log/{peer}/{seq:016x}"))
}

pub(crate) fn log_prefix(peer: &AccountId) -> String {
    format!("log/{peer}/")
}

pub(crate) fn notice_key(peer: &AccountId, seq: u64) -> Key {
    path(&format!("notice/{peer}/{seq:016x}"))
}

pub(crate) fn notice_prefix(peer: &AccountId) -> String {
    format!("notice/{peer}/")
}

pub(crate) fn message_key(peer: &AccountId, id: &MessageId) -> Key {
    path(&format!("message/{peer}/{id}"))
}

pub(crate) fn message_prefix(peer: &AccountId) -> String {
    format!("message/{peer}/")
}

pub(crate) fn unshown_key(seq: u64) -> Key {
    path(&format!("{UNSHOWN}{seq:016x}"))
}

pub(crate) fn question_key(peer: &AccountId) -> Key {
    path(&format!("{QUESTIONS}{peer}"))
}

pub(crate) fn sent_key(peer: &AccountId) -> Key {
    path(&format!("{SENT}{peer}"))
}

pub(crate) fn unacked_key(peer: &AccountId, seq: u64) -> Key {
    path(&format!("unacked/{peer}/{seq:016x}"))
}

pub(crate) fn unacked_prefix(peer: &AccountId) -> String {
    format!("unacked/{peer}/")
}

pub(crate) fn leaves_key(peer: &AccountId) -> Key {
    path(&format!("{LEAVES}{peer}"))
}

pub(crate) fn owed_erasure_key(peer: &AccountId, conversation: &ConversationId, seq: u64) -> Key {
    path(&format!("{OWED_ERASURES}{peer}/{conversation}/{seq:016x}"))
}

pub(crate) fn report_key(peer: &AccountId, id: &MessageId) -> Key {
    path(&format!("report/{peer}/{id}"))
}

pub(crate) fn receipt_key(peer: &AccountId) -> Key {
    path(&format!("{RECEIPTS}{peer}"))
}

/// The sequence number at the end of a key.
pub(crate) fn seq_of(key: &Key) -> Option<u64> {
    u64::from_str_radix(key.as_str().rsplit('/').next()?, 16).ok()
}

/// The account in the second segment of a key.
pub(crate) fn account_of(key: &Key) -> Option<AccountId> {
    unhex(key.as_str().split('/').nth(1)?).map(AccountId::from_bytes)
}

/// The message at the end of a key.
pub(crate) fn message_of(key: &Key) -> Option<MessageId> {
    unhex(key.as_str().rsplit('/').next()?).map(MessageId::from_bytes)
}

fn unhex<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if hex.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// A key from parts that are ASCII by construction.
fn path(text: &str) -> Key {
    Key::parse(text).expect("made of lower-case words, hex digits and slashes")
}
