//! What is attached and what has come, apart from any connection.
//!
//! ```text
//!   fetched ─ accept ─▶ ready ─ take ─▶ caller
//! ```
//!
//! A cursor moves when an envelope is accepted, so each comes out once however many connections it takes. The inbox
//! outlives connections: a new one [`begin`](Inbox::begin)s where the last one stopped, and what an older one still has
//! to say is ignored.

use std::collections::{BTreeMap, VecDeque};

use kuvert_wire::MailboxId;
use kuvert_wire::relay::Delivered;

use crate::{MailboxCursor, TransportError};

/// Numbers the connections of an inbox; only the newest changes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Generation(u64);

#[derive(Debug, Default)]
pub(super) struct Inbox {
    generation: Generation,
    /// Arrivals announced on this connection that an answered fetch covers.
    covered: u64,
    /// Each cursor stands at the last envelope accepted.
    attached: BTreeMap<MailboxId, MailboxCursor>,
    ready: VecDeque<Delivered>,
    /// The relay's refusal to attach something that had been attached before; told once.
    refused: Option<TransportError>,
}

impl Inbox {
    /// Turns to a new connection, on which nothing has been fetched, and says where it has to go on.
    pub(super) fn begin(&mut self) -> (Generation, Vec<MailboxCursor>) {
        self.generation.0 += 1;
        self.covered = 0;
        (self.generation, self.attached.values().cloned().collect())
    }

    pub(super) fn is_current(&self, generation: Generation) -> bool {
        self.generation == generation
    }

    /// Attaches mailboxes, or moves the cursors of those that are: what is ready of them was read by another cursor.
    pub(super) fn attach(&mut self, mailboxes: &[MailboxCursor]) {
        for cursor in mailboxes {
            let mailbox = cursor.owner.mailbox();
            self.detach(&mailbox);
            self.attached.insert(mailbox, cursor.clone());
        }
        self.covered = 0;
    }

    pub(super) fn detach(&mut self, mailbox: &MailboxId) {
        self.attached.remove(mailbox);
        self.ready.retain(|delivered| delivered.mailbox != *mailbox);
    }

    /// Detaches what a relay will not attach again, for the caller to learn at the next [`take`](Self::take).
    pub(super) fn refuse(&mut self, mailbox: &MailboxId, error: TransportError) {
        self.attached.remove(mailbox);
        self.refused = Some(error);
    }

    /// Whether arrivals have been announced, `arrivals` by now, that no answered fetch covers.
    pub(super) const fn is_fetch_due(&self, arrivals: u64) -> bool {
        arrivals > self.covered
    }

    /// Notes that a fetch has emptied the mailboxes, sent when `arrivals` had been announced.
    pub(super) fn cover(&mut self, arrivals: u64) {
        self.covered = self.covered.max(arrivals);
    }

    /// Takes in what was fetched, if it is of an attached mailbox. A position may be lower than the cursor: a relay that
    /// has lost its mailboxes counts anew.
    pub(super) fn accept(&mut self, fetched: Vec<Delivered>) {
        for delivered in fetched {
            if let Some(cursor) = self.attached.get_mut(&delivered.mailbox) {
                cursor.after = delivered.position;
                self.ready.push_back(delivered);
            }
        }
    }

    /// The next envelope; or, once, that a mailbox is no longer attached.
    pub(super) fn take(&mut self) -> Result<Option<Delivered>, TransportError> {
        match self.ready.pop_front() {
            None => self.refused.take().map_or(Ok(None), Err),
            some => Ok(some),
        }
    }
}

#[cfg(test)]
mod tests {
    use kuvert_wire::relay::SealedEnvelope;
    use kuvert_wire::{MailboxKey, Signature, Timestamp};

    use super::*;
    use crate::{MailboxOwner, Refusal};

    fn cursor(key: u8, after: u64) -> MailboxCursor {
        let key = MailboxKey::from_bytes([key; 32]);
        MailboxCursor { owner: MailboxOwner::new(key, |_| Signature::from_bytes([0; 64])), after }
    }

    fn envelope(cursor: &MailboxCursor, position: u64) -> Delivered {
        let mailbox = cursor.owner.mailbox();
        let envelope = SealedEnvelope::new(vec![1]).expect("one byte");
        let received = Timestamp::default();
        Delivered { mailbox, position, received, franked: None, envelope }
    }

    fn positions(inbox: &mut Inbox) -> Vec<u64> {
        std::iter::from_fn(|| inbox.take().expect("nothing refused"))
            .map(|delivered| delivered.position)
            .collect()
    }

    #[test]
    fn a_new_connection_goes_on_after_the_last_envelope() {
        let (mut inbox, mine) = (Inbox::default(), cursor(1, 1));
        inbox.attach(std::slice::from_ref(&mine));
        inbox.accept(vec![envelope(&mine, 2), envelope(&mine, 3)]);
        let (_, cursors) = inbox.begin();
        assert_eq!(cursors[0].after, 3);
        inbox.accept(vec![envelope(&mine, 4)]);
        assert_eq!(positions(&mut inbox), [2, 3, 4], "what was ready stays ready");
    }

    #[test]
    fn what_belongs_to_no_attached_mailbox_is_dropped() {
        let (mut inbox, mine, other) = (Inbox::default(), cursor(1, 0), cursor(2, 0));
        inbox.attach(std::slice::from_ref(&mine));
        inbox.accept(vec![envelope(&other, 1)]);
        assert_eq!(positions(&mut inbox), []);
    }

    #[test]
    fn attaching_again_moves_the_cursor_and_forgets_what_was_ready() {
        let (mut inbox, mine, other) = (Inbox::default(), cursor(1, 0), cursor(2, 0));
        inbox.attach(&[mine.clone(), other.clone()]);
        inbox.accept(vec![envelope(&mine, 1), envelope(&other, 7), envelope(&mine, 2)]);
        inbox.attach(std::slice::from_ref(&mine));
        inbox.accept(vec![envelope(&mine, 1)]);
        assert_eq!(positions(&mut inbox), [7, 1]);
    }

    #[test]
    fn a_refusal_is_told_once_and_after_what_is_ready() {
        let (mut inbox, mine) = (Inbox::default(), cursor(1, 0));
        inbox.attach(std::slice::from_ref(&mine));
        inbox.accept(vec![envelope(&mine, 1)]);
        inbox.refuse(&mine.owner.mailbox(), TransportError::refused(Refusal::NotFound));
        assert!(matches!(inbox.take(), Ok(Some(_))));
        assert_eq!(inbox.take(), Err(TransportError::refused(Refusal::NotFound)));
        assert_eq!(inbox.take(), Ok(None));
        assert!(inbox.begin().1.is_empty());
    }

    #[test]
    fn a_fetch_covers_what_was_announced_before_it() {
        let mut inbox = Inbox::default();
        assert!(inbox.is_fetch_due(1));
        inbox.cover(1);
        assert!(!inbox.is_fetch_due(1));
        assert!(inbox.is_fetch_due(2), "announced while the fetch was on its way");
        inbox.attach(&[cursor(1, 0)]);
        assert!(inbox.is_fetch_due(1), "something may have lain in the new mailbox before");
    }

    #[test]
    fn only_the_newest_connection_counts() {
        let mut inbox = Inbox::default();
        let (old, _) = inbox.begin();
        let (new, _) = inbox.begin();
        assert!(inbox.is_current(new) && !inbox.is_current(old));
    }
}
