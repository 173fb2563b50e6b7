//! The trait that carries envelopes, and the few types that it speaks.

use std::future::Future;
use std::time::Duration;

use kuvert_wire::relay::{Refusal, SealedEnvelope};
use kuvert_wire::{DeliveryToken, MailboxId, PostId, RelayUrl};

pub use kuvert_wire::relay::Delivered;

use crate::{MailboxOwner, TransportError};

/// What a transport can carry, and what it promises about it. Constant for the life of the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Longest envelope, in bytes.
    pub max_len_bytes: usize,
    /// Whether the envelopes of a mailbox come out in the order in which they were posted to it.
    pub ordered: bool,
    /// Whether an envelope may come out twice, beyond the redelivery of what was not confirmed.
    pub duplicates: bool,
    /// Whether only printable text survives, so that envelopes must be text-encoded first.
    pub text_safe: bool,
    /// Whether an envelope that was posted may never come out. A client then sends again what nobody has acknowledged.
    pub lossy: bool,
}

impl Profile {
    /// Takes an envelope for the way, if it fits.
    pub(crate) fn admit(&self, envelope: &[u8]) -> Result<SealedEnvelope, TransportError> {
        let (len_bytes, max_len_bytes) = (envelope.len(), self.max_len_bytes);
        if len_bytes > max_len_bytes {
            return Err(TransportError::TooLarge { len_bytes, max_len_bytes });
        }
        let malformed = || TransportError::refused(Refusal::Malformed);
        SealedEnvelope::new(envelope.to_vec()).map_err(|_| malformed())
    }
}

/// Where to post: a mailbox at a relay, and the token that its owner asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Route {
    /// The relay that holds the mailbox.
    pub relay: RelayUrl,
    /// The mailbox.
    pub mailbox: MailboxId,
    /// The right to post; a front door needs none.
    pub token: Option<DeliveryToken>,
}

/// A mailbox to read, and the position up to which it has been read.
#[derive(Clone, Debug)]
pub struct MailboxCursor {
    /// Proves the right to read.
    pub owner: MailboxOwner,
    /// Position of the last envelope that need not come again; 0 to read from the start.
    pub after: u64,
}

/// Carries opaque envelopes to mailboxes and brings those that arrive in one's own.
///
/// One value serves a device: its own mailboxes at its home relay, and posts to any relay. All verbs take `&self` and
/// may run at once, typically one [`next`](Self::next) beside posts. Dropping the future of any verb is safe: an
/// envelope is either handed out or handed out later, and whether a request that had left took effect is learnt by
/// repeating it.
///
/// Every verb comes back in bounded time, without a connection as well: it tries to make one, and failing that answers
/// [`TransportError::Unreachable`]. Nothing is queued across calls; what must survive is kept in the caller's outbox.
///
/// # Spec
///
/// `spec/08-relay.md`.
pub trait Transport: Send + Sync {
    /// What this transport can carry.
    fn profile(&self) -> Profile;

    /// Opens the mailbox of `owner` at the home relay, or sets anew who may post to it.
    ///
    /// With `tokens`, at most 64, posts need one of them; without any, the mailbox is open to all within the relay's
    /// limits. Opening does not attach.
    ///
    /// # Errors
    ///
    /// Any [`TransportError`]; on error, the tokens before still count.
    fn open(
        &self,
        owner: &MailboxOwner,
        tokens: &[DeliveryToken],
    ) -> impl Future<Output = Result<(), TransportError>> + Send;

    /// Reads these mailboxes from now on, in addition to those attached before, each from after its position.
    ///
    /// The mailboxes stay attached over reconnections until they are closed. Attaching one again moves its position,
    /// forwards or back.
    ///
    /// # Errors
    ///
    /// - [`TransportError::Unreachable`], [`TransportError::Garbage`]: noted all the same; the next connection attaches
    ///   them.
    /// - [`TransportError::Refused`]: none of them is attached that was not before. Of more than 256, those in front of the
    ///   refused ones may be.
    fn attach(
        &self,
        mailboxes: &[MailboxCursor],
    ) -> impl Future<Output = Result<(), TransportError>> + Send;

    /// Posts an envelope. On success it is stored durably where the route leads.
    ///
    /// `id` names the post within its mailbox: the same id again succeeds and stores nothing, for at least 24 hours.
    /// Repeat a failed post with its id.
    ///
    /// # Errors
    ///
    /// - [`TransportError::TooLarge`]: over [`Profile::max_len_bytes`]; nothing was sent.
    /// - [`TransportError::Refused`], `NotFound`: no such mailbox, or the token is not one of its own.
    /// - Any other [`TransportError`].
    fn post(
        &self,
        route: &Route,
        id: PostId,
        envelope: &[u8],
    ) -> impl Future<Output = Result<(), TransportError>> + Send;

    /// The next envelope of the attached mailboxes, in order of arrival; waits for at most `wait`.
    ///
    /// Each envelope comes out once from this value, and again from a later one that attaches before its position,
    /// until it is confirmed. While there is no connection, this verb keeps trying to make one until `wait` is over;
    /// it always tries once, and asks the relay once, however short `wait` is. `Ok(None)` means that the relay was
    /// asked and nothing came.
    ///
    /// Cancel-safe: no envelope is lost when the future is dropped.
    ///
    /// # Errors
    ///
    /// - [`TransportError::Unreachable`]: there was no connection when `wait` ended.
    /// - [`TransportError::Refused`], `NotFound`: a new connection found that the relay no longer has a mailbox. Said once;
    ///   the others are read on. Open and attach one's mailboxes anew.
    /// - [`TransportError::Garbage`], any other [`TransportError::Refused`]: at once.
    fn next(
        &self,
        wait: Duration,
    ) -> impl Future<Output = Result<Option<Delivered>, TransportError>> + Send;

    /// Tells the relay that all envelopes of an attached mailbox up to and including `position` are safe here. It
    /// deletes them.
    ///
    /// # Errors
    ///
    /// Any [`TransportError`]; the envelopes may then come again.
    fn confirm(
        &self,
        mailbox: &MailboxId,
        position: u64,
    ) -> impl Future<Output = Result<(), TransportError>> + Send;

    /// Closes an attached mailbox for good, with all that is in it. Posts to it are answered by `NotFound` from then on.
    ///
    /// # Errors
    ///
    /// Any [`TransportError`]; the mailbox is then still attached.
    fn close(&self, mailbox: &MailboxId)
    -> impl Future<Output = Result<(), TransportError>> + Send;
}
