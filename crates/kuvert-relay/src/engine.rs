//! Where a relay keeps what it must not lose: rows of mailboxes and of the directory, changed in batches.
//!
//! An engine knows nothing of rules: who may post, how much fits and who gets the last prekey is decided by
//! [`crate::mailbox`] and [`crate::directory`], which see only these traits. One batch holds the work of many
//! connections, because making it durable costs the same for one row and for a hundred; each piece of work in it can be
//! undone alone.
//!
//! ```text
//! begin → (mark → rows … → keep | undo)* → commit | abort
//! ```

pub mod memory;
pub mod sqlite;
#[cfg(test)]
mod suite;

use std::error::Error;

use kuvert_wire::relay::{Delivered, Franked, TokenId};
use kuvert_wire::{
    AccountId, DeviceCert, DeviceKey, MailboxId, MediumPrekey, OneTimePrekey, PostId, PrekeyId,
    Timestamp,
};

pub use memory::MemoryEngine;
pub use sqlite::SqliteEngine;

/// What an engine could not do. Its text names tables and system errors, never a value.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct EngineError(Box<dyn Error + Send + Sync>);

impl EngineError {
    /// Wraps the engine's own error.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

/// Result of an engine.
pub type Result<T> = std::result::Result<T, EngineError>;

/// An engine's own name for a mailbox or account, valid within a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Row(pub i64);

/// A mailbox as its rules see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// The engine's name for it.
    pub row: Row,
    /// Position of the last envelope that ever arrived; 0 before the first.
    pub last_position: u64,
    /// Envelopes waiting.
    pub queued_messages: u64,
    /// Bytes of the envelopes waiting.
    pub queued_bytes: u64,
    /// Whether posting takes a token.
    pub is_guarded: bool,
    /// The day on which its owner was last here.
    pub seen: Timestamp,
}

/// An envelope to be stored.
#[derive(Clone, Copy, Debug)]
pub struct NewMessage<'a> {
    /// Its place in the mailbox.
    pub position: u64,
    /// The sender's name for this post.
    pub post_id: &'a PostId,
    /// Now.
    pub received: Timestamp,
    /// What goes out with it.
    pub franked: Option<Franked>,
    /// The envelope.
    pub envelope: &'a [u8],
}

/// An envelope that waits, without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Heading {
    /// Its place in the order of arrival at this relay.
    pub arrival: i64,
    /// Its place in its mailbox.
    pub position: u64,
    /// Length of the envelope in bytes.
    pub len_bytes: usize,
}

/// An account's current device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The engine's name for it.
    pub row: Row,
    /// The device's certificate.
    pub cert: DeviceCert,
    /// The device's medium-term prekey.
    pub medium: MediumPrekey,
}

/// Batches of changes.
pub trait Batch {
    /// Begins a batch.
    ///
    /// # Errors
    ///
    /// [`EngineError`]; there is no batch then.
    fn begin(&mut self) -> Result<()>;
    /// Begins a piece of work within the batch.
    ///
    /// # Errors
    ///
    /// [`EngineError`]; the batch must be aborted then. The same holds for [`Batch::keep`] and [`Batch::undo`].
    fn mark(&mut self) -> Result<()>;
    /// Ends the piece of work and keeps its changes.
    ///
    /// # Errors
    ///
    /// As [`Batch::mark`].
    fn keep(&mut self) -> Result<()>;
    /// Ends the piece of work and takes its changes back.
    ///
    /// # Errors
    ///
    /// As [`Batch::mark`].
    fn undo(&mut self) -> Result<()>;
    /// Makes the batch durable: it survives the process and the machine when this returns `Ok`.
    ///
    /// # Errors
    ///
    /// [`EngineError`]; nothing of the batch has happened then.
    fn commit(&mut self) -> Result<()>;
    /// Gives some of the space that is no longer used back to the system.
    ///
    /// # Errors
    ///
    /// As [`Batch::mark`].
    fn shrink(&mut self) -> Result<()>;
    /// Takes the whole batch back.
    fn abort(&mut self);
}

/// Rows of mailboxes. Every method fails with [`EngineError`] alone, and only when the engine does.
#[expect(clippy::missing_errors_doc, reason = "said once, above")]
pub trait MailboxRows {
    /// The mailbox of this name.
    fn mailbox(&mut self, id: &MailboxId) -> Result<Option<Mailbox>>;
    /// Makes an empty, unguarded mailbox, seen on the day of `now`.
    fn create_mailbox(&mut self, id: &MailboxId, now: Timestamp) -> Result<Mailbox>;
    /// Replaces the tokens that open it; none for an unguarded one.
    fn set_tokens(&mut self, mailbox: Row, tokens: &[TokenId]) -> Result<()>;
    /// Whether this token opens it.
    fn has_token(&mut self, mailbox: Row, token: &TokenId) -> Result<bool>;
    /// Notes the day on which its owner was here.
    fn set_seen(&mut self, mailbox: Row, day: Timestamp) -> Result<()>;
    /// Erases it with all that belongs to it.
    fn remove_mailbox(&mut self, mailbox: Row) -> Result<()>;

    /// Whether this post waits in the mailbox, or was confirmed and is still remembered.
    fn has_post(&mut self, mailbox: Row, post_id: &PostId) -> Result<bool>;
    /// Stores an envelope as the mailbox's last and the relay's last.
    fn append(&mut self, mailbox: Row, message: NewMessage<'_>) -> Result<()>;
    /// The first `limit` envelopes behind position `after`, in order.
    fn headings(&mut self, mailbox: Row, after: u64, limit: usize) -> Result<Vec<Heading>>;
    /// The envelope that a heading of this batch names.
    fn delivered(&mut self, mailbox: &MailboxId, heading: Heading) -> Result<Delivered>;
    /// Erases the envelopes up to a position and remembers their posts.
    fn erase_confirmed(&mut self, mailbox: Row, up_to: u64, now: Timestamp) -> Result<()>;

    /// Erases envelopes received before `moment`, at most `limit`; says how many.
    fn expire_messages(&mut self, moment: Timestamp, limit: usize) -> Result<usize>;
    /// Forgets posts confirmed before `moment`, at most `limit`; says how many.
    fn forget_posts(&mut self, moment: Timestamp, limit: usize) -> Result<usize>;
    /// Mailboxes not seen since before `moment`, at most `limit`.
    fn idle_mailboxes(&mut self, moment: Timestamp, limit: usize) -> Result<Vec<Row>>;
}

/// Rows of the directory. Every method fails with [`EngineError`] alone, and only when the engine does.
#[expect(clippy::missing_errors_doc, reason = "said once, above")]
pub trait DirectoryRows {
    /// The account of this name.
    fn account(&mut self, id: &AccountId) -> Result<Option<Account>>;
    /// The account whose device this is.
    fn account_of_device(&mut self, device: &DeviceKey) -> Result<Option<Row>>;
    /// Makes the account, or replaces its certificate and medium-term prekey.
    fn put_account(
        &mut self,
        id: &AccountId,
        cert: &DeviceCert,
        medium: &MediumPrekey,
        now: Timestamp,
    ) -> Result<Row>;
    /// Erases the one-time prekeys of the account, and forgets those it has handed out.
    fn clear_prekeys(&mut self, account: Row) -> Result<()>;
    /// One-time prekeys in stock.
    fn stock(&mut self, account: Row) -> Result<usize>;
    /// Whether this one-time prekey is in stock, or was handed out and is still remembered.
    fn knows_prekey(&mut self, account: Row, id: PrekeyId) -> Result<bool>;
    /// Puts a one-time prekey into stock.
    fn add_prekey(&mut self, account: Row, prekey: &OneTimePrekey) -> Result<()>;
    /// Takes the oldest one-time prekey out of stock and remembers its id.
    fn take_prekey(&mut self, account: Row, now: Timestamp) -> Result<Option<OneTimePrekey>>;

    /// Erases accounts that last published before `moment`, with their prekeys, at most `limit`; says how many.
    fn expire_accounts(&mut self, moment: Timestamp, limit: usize) -> Result<usize>;
    /// Forgets prekeys handed out before `moment`, at most `limit`; says how many.
    fn forget_handed_out(&mut self, moment: Timestamp, limit: usize) -> Result<usize>;
}

/// All that a relay needs of an engine.
pub trait Engine: Batch + MailboxRows + DirectoryRows + Send {}

impl<E: Batch + MailboxRows + DirectoryRows + Send> Engine for E {}
