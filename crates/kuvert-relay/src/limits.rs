//! How much of everything: the relay's numbers, and the two meters that keep clients to them.
//!
//! Pure: the moment is an argument, nothing waits. A relay is open to strangers, so whatever one of them can make grow
//! has a number here.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use kuvert_wire::Timestamp;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The relay's numbers. The defaults are those of the spec.
///
/// # Spec
///
/// `spec/08-relay.md`, "Limits".
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections at a time. Each may pin about half a MiB.
    pub connections: usize,
    /// Connections at a time from one client address.
    pub connections_per_client: usize,
    /// A connection that says nothing for so long, not even to a ping, is closed.
    pub idle: Duration,
    /// Mailboxes attached to one connection.
    pub attached_mailboxes: usize,
    /// Mailboxes opened on one connection within an hour.
    pub opened_mailboxes_per_hour: usize,
    /// Posts on one connection: how many at once, and how many a second after that.
    pub posts: Rate,
    /// Other requests likewise. Signatures to check count one each.
    pub requests: Rate,

    /// Envelopes waiting in one mailbox.
    pub queued_messages: u64,
    /// Bytes waiting in one mailbox.
    pub queued_bytes: u64,
    /// How long an envelope waits.
    pub message_lifetime: Duration,
    /// How long a confirmed post is known, so that a late retry is not stored again.
    pub confirmed_post_memory: Duration,
    /// How long a mailbox stays that its owner does not visit.
    pub mailbox_lifetime: Duration,
    /// Size of the database in bytes; at this size posts are refused.
    pub stored_bytes: u64,

    /// One-time prekeys in stock for one device.
    pub one_time_prekeys: usize,
    /// One-time prekeys handed to one client address within an hour.
    pub hand_outs_per_requester: usize,
    /// One-time prekeys of one account handed out within an hour.
    pub hand_outs_per_target: usize,
    /// How long a handed-out prekey is known, so that a late retry of its owner does not bring it back.
    pub handed_out_memory: Duration,
    /// How long an account stays that does not publish.
    pub account_lifetime: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            connections_per_client: 256,
            idle: Duration::from_secs(90),
            attached_mailboxes: 1024,
            opened_mailboxes_per_hour: 512,
            posts: Rate { burst: 2000, per_second: 100 },
            requests: Rate { burst: 500, per_second: 50 },
            queued_messages: 10_000,
            queued_bytes: 64 * 1024 * 1024,
            message_lifetime: 30 * DAY,
            confirmed_post_memory: DAY,
            mailbox_lifetime: 90 * DAY,
            stored_bytes: 16 * 1024 * 1024 * 1024,
            one_time_prekeys: 200,
            hand_outs_per_requester: 10,
            hand_outs_per_target: 60,
            handed_out_memory: 44 * DAY,
            account_lifetime: 90 * DAY,
        }
    }
}

/// The beginning of the day (UTC) in which `moment` lies.
#[must_use]
pub fn day_of(moment: Timestamp) -> Timestamp {
    let into_day = moment.as_millis() % 86_400_000;
    Timestamp::from_millis(moment.as_millis() - into_day)
}

/// So many at once, and so many a second after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many at once.
    pub burst: u32,
    /// How many a second when the burst is used up. Not zero.
    pub per_second: u32,
}

/// Keeps one client to a [`Rate`]: a bucket that refills with time.
#[derive(Clone, Debug)]
pub struct Meter {
    rate: Rate,
    /// Thousandths of a request: a millisecond refills `rate.per_second` of them.
    tokens: u64,
    refilled: Timestamp,
}

impl Meter {
    /// A full bucket.
    #[must_use]
    pub fn new(rate: Rate, now: Timestamp) -> Self {
        Self { rate, tokens: u64::from(rate.burst) * 1000, refilled: now }
    }

    /// Takes `cost` requests out of the bucket.
    ///
    /// # Errors
    ///
    /// When there are not so many: how long until there will be. Nothing is taken then.
    pub fn take(&mut self, cost: u32, now: Timestamp) -> Result<(), Duration> {
        self.refill(now);
        // A request that costs more than a full bucket passes when the bucket is full.
        let cost = u64::from(cost.min(self.rate.burst)) * 1000;
        match self.tokens.checked_sub(cost) {
            Some(left) => {
                self.tokens = left;
                Ok(())
            }
            None => {
                let per_milli = u64::from(self.rate.per_second.max(1));
                Err(Duration::from_millis((cost - self.tokens).div_ceil(per_milli)))
            }
        }
    }

    fn refill(&mut self, now: Timestamp) {
        let elapsed = now.as_millis().saturating_sub(self.refilled.as_millis());
        let gained = elapsed.saturating_mul(u64::from(self.rate.per_second));
        self.tokens = self.tokens.saturating_add(gained).min(u64::from(self.rate.burst) * 1000);
        self.refilled = now;
    }
}

/// How many names a [`PerHour`] follows; a stranger who brings more of them gets nothing until some have been forgotten.
const MAX_NAMES: usize = 100_000;

/// At most so many events for each name within any hour.
#[derive(Debug)]
pub struct PerHour<K> {
    limit: usize,
    events: HashMap<K, VecDeque<Timestamp>>,
}

impl<K: Eq + Hash> PerHour<K> {
    /// Allows `limit` events an hour for each name.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, events: HashMap::new() }
    }

    /// Whether one more event of `name` is allowed now.
    pub fn allows(&mut self, name: &K, now: Timestamp) -> bool {
        let limit = self.limit;
        match self.events.get_mut(name) {
            Some(events) => {
                forget_old(events, now);
                events.len() < limit
            }
            None => limit > 0 && self.has_room(now),
        }
    }

    /// Counts an event of `name`.
    pub fn count(&mut self, name: K, now: Timestamp) {
        self.events.entry(name).or_default().push_back(now);
    }

    /// Takes back the last count of `name`: the event did not happen after all.
    pub fn refund(&mut self, name: &K) {
        if let Some(events) = self.events.get_mut(name) {
            events.pop_back();
            if events.is_empty() {
                self.events.remove(name);
            }
        }
    }

    fn has_room(&mut self, now: Timestamp) -> bool {
        if self.events.len() >= MAX_NAMES {
            self.events.retain(|_, events| {
                forget_old(events, now);
                !events.is_empty()
            });
        }
        self.events.len() < MAX_NAMES
    }
}

fn forget_old(events: &mut VecDeque<Timestamp>, now: Timestamp) {
    let hour_ago = now.saturating_sub(HOUR);
    // An event in the future was counted before the clock was set back; waiting for it could take years.
    while events.front().is_some_and(|at| *at <= hour_ago || *at > now) {
        events.pop_front();
    }
}

/// Who may still be given a one-time prekey. Kept in memory only: it holds addresses of clients.
#[derive(Debug)]
pub struct HandOuts<C, A> {
    by_requester: PerHour<C>,
    by_target: PerHour<A>,
}

impl<C: Eq + Hash, A: Eq + Hash> HandOuts<C, A> {
    /// Starts counting.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            by_requester: PerHour::new(limits.hand_outs_per_requester),
            by_target: PerHour::new(limits.hand_outs_per_target),
        }
    }

    /// Whether `requester` may have a one-time prekey of `target` now; if so, it is counted.
    pub fn admit(&mut self, requester: C, target: A, now: Timestamp) -> bool {
        let allowed =
            self.by_requester.allows(&requester, now) && self.by_target.allows(&target, now);
        if allowed {
            self.by_requester.count(requester, now); // REL-19
            self.by_target.count(target, now); // REL-20
        }
        allowed
    }

    /// Takes back an admission that led to nothing: no such account, or nothing in stock.
    pub fn refund(&mut self, requester: &C, target: &A) {
        self.by_requester.refund(requester);
        self.by_target.refund(target);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + millis)
    }

    #[test]
    fn a_meter_lets_the_burst_through_and_then_the_rate() {
        let mut meter = Meter::new(Rate { burst: 3, per_second: 2 }, at(0));
        assert!((0..3).all(|_| meter.take(1, at(0)).is_ok()));
        assert_eq!(meter.take(1, at(0)), Err(Duration::from_millis(500)));
        assert_eq!(meter.take(1, at(499)), Err(Duration::from_millis(1)));
        assert_eq!(meter.take(1, at(500)), Ok(()));
        assert!(meter.take(1, at(500)).is_err());
    }

    #[test]
    fn a_meter_never_holds_more_than_its_burst() {
        let mut meter = Meter::new(Rate { burst: 3, per_second: 2 }, at(0));
        let later = at(3_600_000);
        assert!((0..3).all(|_| meter.take(1, later).is_ok()));
        assert!(meter.take(1, later).is_err());
    }

    #[test]
    fn a_request_dearer_than_the_bucket_passes_when_it_is_full() {
        let mut meter = Meter::new(Rate { burst: 3, per_second: 2 }, at(0));
        assert_eq!(meter.take(10, at(0)), Ok(()));
        assert_eq!(meter.take(10, at(0)), Err(Duration::from_millis(1500)));
    }

    #[test]
    fn a_meter_survives_a_clock_set_back() {
        let mut meter = Meter::new(Rate { burst: 1, per_second: 1 }, at(10_000));
        assert!(meter.take(1, at(10_000)).is_ok());
        assert_eq!(meter.take(1, at(0)), Err(Duration::from_secs(1)));
        assert_eq!(meter.take(1, at(1000)), Ok(()));
    }

    #[test]
    fn any_hour_has_at_most_its_limit() {
        let mut events = PerHour::new(2);
        let mut allowed = |name: u8, minutes: u64| {
            let allowed = events.allows(&name, at(minutes * 60_000));
            if allowed {
                events.count(name, at(minutes * 60_000));
            }
            allowed
        };
        assert!(allowed(1, 0) && allowed(1, 30));
        assert!(!allowed(1, 59) && allowed(2, 59), "names do not disturb each other");
        assert!(allowed(1, 60) && !allowed(1, 61));
        assert!(allowed(1, 90));
    }

    #[test]
    fn names_are_forgotten_when_there_are_too_many() {
        let mut events = PerHour::new(1);
        for name in 0..MAX_NAMES {
            events.count(name, at(0));
        }
        assert!(!events.allows(&MAX_NAMES, at(1)));
        assert!(events.allows(&MAX_NAMES, at(3_600_000)));
        assert!(events.events.is_empty());
    }

    /// REL-19 REL-20
    #[test]
    fn hand_outs_are_limited_for_each_requester_and_each_target() {
        let mut hand_outs = HandOuts::new(&Limits::default());
        assert_eq!((0..20).filter(|_| hand_outs.admit("carol", "alice", at(0))).count(), 10);
        let crowd = (0..100).map(|n| format!("crowd {n}")).collect::<Vec<_>>();
        let served = crowd.iter().filter(|name| hand_outs.admit(name, "alice", at(1))).count();
        assert_eq!(served, 50);
        assert!(hand_outs.admit("dave", "bob", at(2)));
        assert!(!hand_outs.admit("dave", "alice", at(2)));
    }

    #[test]
    fn what_was_not_handed_out_is_not_counted() {
        let mut hand_outs = HandOuts::new(&Limits::default());
        for _ in 0..100 {
            assert!(hand_outs.admit("carol", "nobody", at(0)));
            hand_outs.refund(&"carol", &"nobody");
        }
        assert!(hand_outs.by_requester.events.is_empty() && hand_outs.by_target.events.is_empty());
    }

    #[test]
    fn a_day_begins_at_midnight() {
        assert_eq!(day_of(Timestamp::from_millis(86_400_000)).as_millis(), 86_400_000);
        assert_eq!(day_of(Timestamp::from_millis(86_399_999)).as_millis(), 0);
    }
}
