//! Envelopes that have arrived and are held back: late, overtaken, or come twice.
//!
//! Positions are given anew in the order of handing out, and confirmed at the transport only as far as
//! nothing before them is held back: what is here when the process ends comes again to the next one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kuvert_transport::{Delivered, SealedEnvelope};
use kuvert_wire::{MailboxId, Timestamp};

#[derive(Default)]
pub(super) struct Pool {
    /// By the time at which they are due, then by arrival.
    waiting: BTreeMap<(Timestamp, u64), Held>,
    arrivals: u64,
    last_position: u64,
    /// Positions handed out, and those at the transport that they stand for.
    handed: BTreeMap<(MailboxId, u64), u64>,
    /// Positions at the transport that are not confirmed.
    open: BTreeMap<MailboxId, BTreeSet<u64>>,
    /// The highest position that came from the transport.
    highest: BTreeMap<MailboxId, u64>,
}

struct Held {
    delivered: Delivered,
    /// A second copy stands for nothing at the transport.
    is_copy: bool,
}

impl Pool {
    /// Takes in what has come from the transport.
    pub(super) fn take_in(
        &mut self,
        delivered: Delivered,
        now: Timestamp,
        late: Option<Duration>,
        copy: Option<Duration>,
    ) {
        let Delivered { mailbox, position, received, franked, envelope } = delivered;
        self.open.entry(mailbox).or_default().insert(position);
        let highest = self.highest.entry(mailbox).or_default();
        *highest = position.max(*highest);
        if let Some(span) = copy {
            let envelope = again(&envelope);
            let copy = Delivered { mailbox, position, received, franked, envelope };
            self.hold(now.saturating_add(span), Held { delivered: copy, is_copy: true });
        }
        let delivered = Delivered { mailbox, position, received, franked, envelope };
        let due = now.saturating_add(late.unwrap_or_default());
        self.hold(due, Held { delivered, is_copy: false });
    }

    fn hold(&mut self, due: Timestamp, held: Held) {
        self.arrivals += 1;
        self.waiting.insert((due, self.arrivals), held);
    }

    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.waiting.first_key_value().is_some_and(|((due, _), _)| *due <= now)
    }

    /// The first envelope that is due.
    pub(super) fn hand_out(&mut self, now: Timestamp) -> Option<Delivered> {
        let first = self.waiting.first_entry().filter(|first| first.key().0 <= now)?;
        let Held { delivered, is_copy } = first.remove();
        self.last_position += 1;
        let position = self.last_position;
        if !is_copy {
            self.handed.insert((delivered.mailbox, position), delivered.position);
        }
        Some(Delivered { position, ..delivered })
    }

    /// Everything handed out of a mailbox up to `position` is safe; says what to confirm, if anything.
    pub(super) fn confirm(&mut self, mailbox: MailboxId, position: u64) -> Option<u64> {
        let open = self.open.entry(mailbox).or_default();
        while let Some((&key, _)) = self.handed.range((mailbox, 0)..=(mailbox, position)).next() {
            if let Some(safe) = self.handed.remove(&key) {
                open.remove(&safe);
            }
        }
        match open.first() {
            Some(first) => first.checked_sub(1).filter(|before| *before > 0),
            None => self.highest.get(&mailbox).copied(),
        }
    }

    /// The mailbox is read from the start again.
    pub(super) fn forget(&mut self, mailbox: &MailboxId) {
        self.waiting.retain(|_, held| held.delivered.mailbox != *mailbox);
        self.handed.retain(|(of, _), _| of != mailbox);
        self.open.remove(mailbox);
        self.highest.remove(mailbox);
    }
}

fn again(envelope: &SealedEnvelope) -> SealedEnvelope {
    SealedEnvelope::new(envelope.as_bytes().to_vec()).expect("as long as one that was taken")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAILBOX: MailboxId = MailboxId::from_bytes([1; 32]);

    fn delivered(position: u64) -> Delivered {
        let envelope = SealedEnvelope::new(vec![u8::try_from(position).unwrap(); 9]).unwrap();
        let received = Timestamp::default();
        Delivered { mailbox: MAILBOX, position, received, franked: None, envelope }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1000 * seconds)
    }

    fn handed(pool: &mut Pool, now: Timestamp) -> Option<(u64, u8)> {
        pool.hand_out(now).map(|out| (out.position, out.envelope.as_bytes()[0]))
    }

    #[test]
    fn a_late_one_is_overtaken_and_keeps_its_place_at_the_transport() {
        let mut pool = Pool::default();
        pool.take_in(delivered(4), at(0), Some(Duration::from_secs(9)), None);
        pool.take_in(delivered(5), at(0), None, None);
        assert_eq!(handed(&mut pool, at(1)), Some((1, 5)));
        assert_eq!(handed(&mut pool, at(1)), None);
        assert_eq!(pool.confirm(MAILBOX, 1), Some(3), "the late one is not safe");
        assert_eq!(handed(&mut pool, at(9)), Some((2, 4)));
        assert_eq!(pool.confirm(MAILBOX, 2), Some(5));
    }

    #[test]
    fn a_copy_comes_after_its_time() {
        let mut pool = Pool::default();
        pool.take_in(delivered(1), at(0), None, Some(Duration::from_secs(2)));
        assert_eq!(handed(&mut pool, at(0)), Some((1, 1)));
        assert_eq!(pool.confirm(MAILBOX, 1), Some(1));
        assert_eq!(handed(&mut pool, at(2)), Some((2, 1)));
        assert_eq!(handed(&mut pool, at(2)), None);
    }
}
