//! What time erases: envelopes nobody fetched, mailboxes nobody visits, accounts that publish no more, and the notes that
//! guard against late retries.
//!
//! One call does a bounded piece of work, so that the connections' work goes on in between.
//!
//! # Spec
//!
//! `spec/08-relay.md`, "Limits"; check REL-16.

use kuvert_wire::Timestamp;

use crate::engine::Engine;
use crate::limits::Limits;
use crate::outcome::Failure;

/// Rows of one kind in one call: a few milliseconds of work.
const ROWS: usize = 500;
/// Mailboxes in one call; each may hold thousands of rows.
const MAILBOXES: usize = 8;

/// What one call erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Envelopes.
    pub messages: usize,
    /// Mailboxes.
    pub mailboxes: usize,
    /// Accounts.
    pub accounts: usize,
    /// Notes of confirmed posts and handed-out prekeys.
    pub notes: usize,
}

impl Swept {
    /// Whether another call would find nothing: this one was not stopped by its bounds.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.messages < ROWS
            && self.mailboxes < MAILBOXES
            && self.accounts < ROWS
            && self.notes < ROWS
    }
}

/// Erases what is older than its limit at `now`, and gives back some of the space; call again until [`Swept::is_complete`].
///
/// # Errors
///
/// [`Failure::Engine`].
pub fn sweep<E: Engine + ?Sized>(
    rows: &mut E,
    now: Timestamp,
    limits: &Limits,
) -> Result<Swept, Failure> {
    let before = |lifetime| now.saturating_sub(lifetime);
    let idle = rows.idle_mailboxes(before(limits.mailbox_lifetime), MAILBOXES)?;
    for mailbox in &idle {
        rows.remove_mailbox(*mailbox)?;
    }
    let posts = rows.forget_posts(before(limits.confirmed_post_memory), ROWS)?;
    let hand_outs = rows.forget_handed_out(before(limits.handed_out_memory), ROWS)?;
    let swept = Swept {
        messages: rows.expire_messages(before(limits.message_lifetime), ROWS)?, // REL-16
        mailboxes: idle.len(),
        accounts: rows.expire_accounts(before(limits.account_lifetime), ROWS)?,
        notes: posts.max(hand_outs),
    };
    rows.shrink()?;
    Ok(swept)
}

#[cfg(test)]
mod tests;
