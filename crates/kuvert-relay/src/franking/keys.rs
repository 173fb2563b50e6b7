//! The relay's franking keys: one that makes tags, and older ones by which tags are still known.
//!
//! ```text
//! day 0          30         60         90
//! key 1 makes ───┤ known ──────────────┤ gone
//!          key 2 makes ────┤ known ───── …
//! ```

use std::time::Duration;

use hmac::Mac;
use kuvert_wire::envelope::Envelope;
use kuvert_wire::relay::Franked;
use kuvert_wire::transcript::{FrankingReport, FrankingTag};
use kuvert_wire::{Encode, MailboxId, Timestamp};
use zeroize::Zeroizing;

use super::report::ReportError;
use super::{HmacSha256, mac};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// How long a key makes tags. Whoever steals one can make up reports of this time.
pub const MAKES_FOR: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a key is kept in all: a message can be reported for 60 to 90 days.
pub const KEPT_FOR: Duration = Duration::from_secs(90 * 24 * 3600);
/// A clock may be set back by so much before a new key is made.
const BACKWARDS: Duration = DAY;
/// A clock that jumps to and fro makes keys; more than these are not kept.
const MAX_KEYS: usize = 16;

/// One key. `Debug` shows its number and age only.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) id: u8,
    pub(super) made: Timestamp,
    pub(super) secret: Zeroizing<[u8; 32]>,
}

impl Key {
    fn is_kept(&self, now: Timestamp) -> bool {
        now < self.made.saturating_add(KEPT_FOR)
    }

    fn makes(&self, now: Timestamp) -> bool {
        let is_of_the_past = self.made <= now.saturating_add(BACKWARDS);
        is_of_the_past && now < self.made.saturating_add(MAKES_FOR) // REL-37
    }

    /// The tag without its number.
    fn mac(
        &self,
        commitment: &[u8; 32],
        to: &MailboxId,
        from: &[u8; 32],
        time: Timestamp,
    ) -> HmacSha256 {
        mac(&*self.secret, "frank-tag", &[commitment, to.as_bytes(), from, &time.encode()])
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({}, made {})", self.id, self.made.as_millis())
    }
}

/// All franking keys of a relay, the oldest first. By default none: then no tags are made.
#[derive(Clone, Debug, Default)]
pub struct FrankingKeys(pub(super) Vec<Key>);

impl FrankingKeys {
    /// The keys as they should be at `now`: without those that are too old, and with a new one where the last has made tags
    /// for long enough. `None` if they are so already.
    ///
    /// # Errors
    ///
    /// Those of `random`.
    pub fn renewed<E>(
        &self,
        now: Timestamp,
        random: impl FnOnce() -> Result<[u8; 32], E>,
    ) -> Result<Option<Self>, E> {
        let mut keys: Vec<Key> = self.0.iter().filter(|key| key.is_kept(now)).cloned().collect();
        if !keys.last().is_some_and(|key| key.makes(now)) {
            let secret = Zeroizing::new(random()?);
            keys.push(Key { id: self.next_id(), made: now, secret });
        }
        keys.drain(..keys.len().saturating_sub(MAX_KEYS));
        let is_changed = !keys.iter().map(|key| key.id).eq(self.0.iter().map(|key| key.id));
        Ok(is_changed.then_some(Self(keys)))
    }

    /// The number behind the last one, from 1, skipping those in use.
    fn next_id(&self) -> u8 {
        let last = self.0.last().map_or(0, |key| key.id);
        let free = |id: &u8| self.0.iter().all(|key| key.id != *id);
        (1..=u8::MAX).map(|step| last.wrapping_add(step)).find(free).unwrap_or(last)
    }

    /// What goes out with an envelope that was posted now. `None` for bytes that no device would open: they have no
    /// commitment.
    #[must_use]
    pub fn frank(
        &self,
        envelope: &[u8],
        to: &MailboxId,
        from: [u8; 32],
        now: Timestamp,
    ) -> Option<Franked> {
        let commitment = Envelope::decode(envelope).ok()?.message.franking;
        let key = self.0.last()?;
        let mac = key.mac(commitment, to, &from, now).finalize().into_bytes().into();
        Some(Franked { from, tag: FrankingTag { key_id: key.id, mac } })
    }

    /// Checks that one of these keys made the report's tag.
    pub(super) fn check(&self, report: &FrankingReport, now: Timestamp) -> Result<(), ReportError> {
        let FrankingReport { commitment, to, from, time, tag, .. } = report;
        let made_it = |key: &&Key| key.id == tag.key_id && key.is_kept(now);
        let Some(key) = self.0.iter().find(made_it) else {
            let is_old = time.saturating_add(KEPT_FOR) <= now;
            return Err(if is_old { ReportError::TooOld } else { ReportError::UnknownKey }); // REL-35
        };
        let found = key.mac(commitment, to, from, *time).verify_slice(&tag.mac);
        found.map_err(|_| ReportError::Tag) // REL-34
    }
}
