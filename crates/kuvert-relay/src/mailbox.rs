//! The rules of mailboxes.
//!
//! A mailbox is owned by a key; who owns it has been proven before these functions are called (see [`crate::proof`]).
//! Envelopes get the positions 1, 2, 3 … and wait until their owner confirms a position. Everything here is a function of
//! the rows, the request and the moment; the caller makes the batch around it durable before it answers.
//!
//! # Spec
//!
//! `spec/08-relay.md`, "Mailboxes"; checks REL-10 to REL-16, REL-38.

use std::time::Duration;

use kuvert_wire::relay::{Delivered, Franked, MAX_FETCH, MAX_FETCH_BYTES, Post, Refusal, TokenId};
use kuvert_wire::{MailboxId, Timestamp};

use crate::engine::{Heading, Mailbox, MailboxRows, NewMessage};
use crate::franking::FrankingKeys;
use crate::limits::{Limits, day_of};
use crate::outcome::{Failure, refused_for};
use crate::proof::{ProvenMailbox, token_id};

/// When a sender may hope for room in a full mailbox.
const FULL_RETRY: Duration = Duration::from_secs(60);

type Result<T> = std::result::Result<T, Failure>;

/// Makes the mailbox if there is none, and lets these tokens open it from now on; without any, everyone may post.
///
/// # Errors
///
/// [`Failure::Engine`].
pub fn open<R: MailboxRows + ?Sized>(
    rows: &mut R,
    owned: &ProvenMailbox,
    tokens: &[TokenId],
    now: Timestamp,
) -> Result<()> {
    let mailbox = visit(rows, owned.id(), now)?;
    if mailbox.is_guarded || !tokens.is_empty() {
        rows.set_tokens(mailbox.row, tokens)?;
    }
    Ok(())
}

/// The mailbox, made if there is none; its owner was here now.
pub(crate) fn visit<R: MailboxRows + ?Sized>(
    rows: &mut R,
    id: &MailboxId,
    now: Timestamp,
) -> Result<Mailbox> {
    let Some(mailbox) = rows.mailbox(id)? else {
        return Ok(rows.create_mailbox(id, now)?);
    };
    if mailbox.seen < day_of(now) {
        rows.set_seen(mailbox.row, day_of(now))?;
    }
    Ok(mailbox)
}

/// What became of a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Posted {
    /// Stored at the end of the mailbox.
    New,
    /// It had been stored before.
    Known,
}

/// Puts an envelope at the end of a mailbox, once for each post id.
///
/// # Errors
///
/// [`Refusal::NotFound`] for an unknown mailbox and for a missing or wrong token alike; [`Refusal::MailboxFull`];
/// [`Failure::Engine`].
pub fn post<R: MailboxRows + ?Sized>(
    rows: &mut R,
    post: &Post,
    keys: &FrankingKeys,
    now: Timestamp,
    limits: &Limits,
) -> Result<Posted> {
    let mailbox = rows.mailbox(&post.mailbox)?.ok_or(Refusal::NotFound)?; // REL-10
    let Some(from) = poster(rows, &mailbox, post)? else {
        return Err(Refusal::NotFound.into()); // REL-11: as if it did not exist
    };
    if rows.has_post(mailbox.row, &post.post_id)? {
        return Ok(Posted::Known); // REL-12
    }
    let envelope = post.envelope.as_bytes();
    if !has_room(&mailbox, envelope.len(), limits) {
        return Err(Failure::Refused(refused_for(Refusal::MailboxFull, FULL_RETRY))); // REL-13
    }
    let position = mailbox.last_position + 1;
    let franked = keys.frank(envelope, &post.mailbox, from, now);
    let (post_id, received) = (&post.post_id, now);
    rows.append(mailbox.row, NewMessage { position, post_id, received, franked, envelope })?;
    Ok(Posted::New)
}

/// As whom the sender may post, for the tag; `None` if not at all.
fn poster<R: MailboxRows + ?Sized>(
    rows: &mut R,
    mailbox: &Mailbox,
    post: &Post,
) -> Result<Option<[u8; 32]>> {
    if !mailbox.is_guarded {
        // Whatever token came along: nobody has looked at it, so it says nothing of the sender.
        return Ok(Some(Franked::FROM_ANYONE)); // REL-38
    }
    let Some(token) = post.token.as_ref().map(token_id) else {
        return Ok(None);
    };
    let is_known = rows.has_token(mailbox.row, &token)?;
    Ok(is_known.then_some(*token.as_bytes()))
}

fn has_room(mailbox: &Mailbox, len_bytes: usize, limits: &Limits) -> bool {
    let len_bytes = u64::try_from(len_bytes).unwrap_or(u64::MAX);
    mailbox.queued_messages < limits.queued_messages
        && mailbox.queued_bytes.saturating_add(len_bytes) <= limits.queued_bytes
}

/// Where reading goes on in one mailbox: behind this position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// The last position that was read; 0 before the first.
    pub position: u64,
}

/// Begins to read mailboxes behind the positions that their owner has stored; all of them or none.
///
/// A position that the mailbox has never reached belongs to an earlier mailbox of the same key: reading begins at 0.
///
/// # Errors
///
/// [`Refusal::NotFound`] when one of them does not exist; [`Failure::Engine`].
pub fn attach<R: MailboxRows + ?Sized>(
    rows: &mut R,
    wanted: &[(ProvenMailbox, u64)],
    now: Timestamp,
) -> Result<Vec<Cursor>> {
    let mut cursors = Vec::with_capacity(wanted.len());
    for (owned, after) in wanted {
        let mailbox = *owned.id();
        if rows.mailbox(&mailbox)?.is_none() {
            return Err(Refusal::NotFound.into()); // REL-10
        }
        let last = visit(rows, &mailbox, now)?.last_position;
        let position = if *after <= last { *after } else { 0 };
        cursors.push(Cursor { mailbox, position });
    }
    Ok(cursors)
}

/// What [`fetch`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Envelopes, in the order in which they arrived at the relay.
    pub items: Vec<Delivered>,
    /// Mailboxes in which more is waiting.
    pub more: Vec<MailboxId>,
}

/// Reads on behind the cursors: at most `limit` envelopes, [`MAX_FETCH`] of them and [`MAX_FETCH_BYTES`].
///
/// A mailbox that was closed in the meantime is passed over.
///
/// # Errors
///
/// [`Failure::Engine`].
pub fn fetch<R: MailboxRows + ?Sized>(
    rows: &mut R,
    cursors: &[Cursor],
    limit: usize,
) -> Result<Fetched> {
    let limit = limit.min(MAX_FETCH);
    let mut waiting = waiting(rows, cursors, limit + 1)?;
    let fitting = fitting(&waiting, limit);
    let rest = waiting.split_off(fitting);
    let mut more: Vec<MailboxId> = rest.into_iter().map(|(_, mailbox)| mailbox).collect();
    more.sort_unstable();
    more.dedup();
    let items = waiting.iter().map(|(heading, mailbox)| rows.delivered(mailbox, *heading));
    let items = items.collect::<std::result::Result<_, _>>()?;
    Ok(Fetched { items, more })
}

/// The first `limit` headings behind each cursor, merged in order of arrival.
fn waiting<R: MailboxRows + ?Sized>(
    rows: &mut R,
    cursors: &[Cursor],
    limit: usize,
) -> Result<Vec<(Heading, MailboxId)>> {
    let mut waiting = Vec::new();
    for cursor in cursors {
        let Some(mailbox) = rows.mailbox(&cursor.mailbox)? else {
            continue;
        };
        let headings = rows.headings(mailbox.row, cursor.position, limit)?;
        waiting.extend(headings.into_iter().map(|heading| (heading, cursor.mailbox)));
    }
    waiting.sort_unstable();
    Ok(waiting)
}

/// How many of these fit one reply.
fn fitting(waiting: &[(Heading, MailboxId)], limit: usize) -> usize {
    let mut room = MAX_FETCH_BYTES;
    let fits = |heading: &Heading| match room.checked_sub(Delivered::HEAD_LEN + heading.len_bytes) {
        Some(left) => {
            room = left;
            true
        }
        None => false,
    };
    waiting
        .iter()
        .take(limit)
        .map(|(heading, _)| heading)
        .map(fits)
        .take_while(|fits| *fits)
        .count()
}

/// Erases what its owner has stored: all up to `up_to`.
///
/// # Errors
///
/// [`Failure::Engine`]. A mailbox that no longer exists has nothing to erase.
pub fn confirm<R: MailboxRows + ?Sized>(
    rows: &mut R,
    mailbox: &MailboxId,
    up_to: u64,
    now: Timestamp,
) -> Result<()> {
    if let Some(mailbox) = rows.mailbox(mailbox)? {
        rows.erase_confirmed(mailbox.row, up_to, now)?; // REL-14
    }
    Ok(())
}

/// Erases a mailbox and all in it.
///
/// # Errors
///
/// [`Failure::Engine`]. A mailbox that no longer exists is closed already.
pub fn close<R: MailboxRows + ?Sized>(rows: &mut R, mailbox: &MailboxId) -> Result<()> {
    if let Some(mailbox) = rows.mailbox(mailbox)? {
        rows.remove_mailbox(mailbox.row)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
