//! Skipped message keys: kept for messages that come late.
//!
//! ```text
//! page (9 + 36 for each key) = since u64 | count u8 (1..=64) | count × (offset u8 | age u24 | MK 32)
//! ```
//!
//! Keys are kept in pages of 64 message numbers of one chain, each stored as a record of its own
//! whose name says which: taking a key rewrites one page, whatever the number kept, and keys that are
//! scattered one by one cost at most 45 bytes each. Ages are in seconds after `since`, rounded down, so
//! that a key goes early rather than late. A received message works on a [`Plan`] over the pages and
//! changes nothing until it is adopted.
//!
//! # Spec
//!
//! `spec/04-ratchet.md`, "Skipped message keys"; check RAT-13.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use kuvert_wire::{Decode, DecodeError, Encode, Reader, Timestamp};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::keys::MessageKey;
use crate::limits::{MAX_SKIPPED_KEYS, SKIPPED_KEY_AGE};

/// Message numbers in a page.
const PAGE_LEN: u32 = 64;

/// A page's place: its chain, and its first message number, a multiple of 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PageId {
    pub(crate) chain: u32,
    pub(crate) base: u32,
}

impl PageId {
    /// The page that has message `number` of `chain`, and the message's place in it.
    fn of(chain: u32, number: u32) -> (Self, u8) {
        let [.., offset] = (number % PAGE_LEN).to_be_bytes();
        (Self { chain, base: number - u32::from(offset) }, offset)
    }
}

impl fmt::Display for PageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}{:08x}", self.chain, self.base)
    }
}

impl FromStr for PageId {
    type Err = DecodeError;

    fn from_str(text: &str) -> Result<Self, DecodeError> {
        let invalid = DecodeError::Invalid { what: "name of a page of skipped keys" };
        let half = |at| text.get(at).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match (half(0..8), half(8..16)) {
            (Some(chain), Some(base)) if text.len() == 16 && base % PAGE_LEN == 0 => {
                Ok(Self { chain, base })
            }
            _ => Err(invalid),
        }
    }
}

/// One key on its page.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
struct Entry {
    offset: u8,
    /// When it was kept: seconds after the page's `since`, below 2^24 (194 days).
    age: u32,
    key: [u8; 32],
}

/// Up to 64 keys of one chain, lowest number first. Wiped on drop.
pub(crate) struct Page {
    id: PageId,
    /// When its oldest key was kept.
    since: Timestamp,
    entries: Vec<Entry>,
}

impl Page {
    pub(crate) const fn id(&self) -> PageId {
        self.id
    }

    /// A copy with some of the keys. It has room for all 64, and nothing is taken out of it later:
    /// moving entries about, or growing, would leave keys behind that nobody wipes.
    fn keeping(&self, mut keep: impl FnMut(&Entry) -> bool) -> Self {
        let mut entries = Vec::with_capacity(PAGE_LEN as usize);
        entries.extend(self.entries.iter().filter(|entry| keep(entry)).cloned());
        Self { id: self.id, since: self.since, entries }
    }

    /// The key at `offset` and the page without it.
    fn taken(&self, offset: u8) -> Option<(MessageKey, Self)> {
        let place = self.entries.iter().position(|entry| entry.offset == offset)?;
        let key = MessageKey::from_kept(&self.entries[place].key);
        Some((key, self.keeping(|entry| entry.offset != offset)))
    }

    fn insert(&mut self, offset: u8, key: &MessageKey, now: Timestamp) {
        let age = u32::try_from(now.since(self.since).as_secs()).unwrap_or(MAX_AGE);
        self.entries.push(Entry { offset, age: age.min(MAX_AGE), key: *key.0.expose() });
    }

    fn kept_at(&self, entry: &Entry) -> Timestamp {
        self.since.saturating_add(Duration::from_secs(entry.age.into()))
    }

    /// Drops keys kept for more than 30 days, and counts the ages of the others from the oldest.
    fn expired(&self, now: Timestamp) -> Self {
        let mut page = self.keeping(|entry| now.since(self.kept_at(entry)) <= SKIPPED_KEY_AGE);
        let oldest = page.entries.iter().map(|entry| entry.age).min().unwrap_or_default();
        page.entries.iter_mut().for_each(|entry| entry.age -= oldest);
        page.since = self.since.saturating_add(Duration::from_secs(oldest.into()));
        page
    }

    /// Reads a page whose record is named `id`.
    ///
    /// # Errors
    ///
    /// A [`DecodeError`] when the record is not a page.
    pub(crate) fn decode(id: PageId, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let since = Timestamp::decode_from(reader)?;
        let count = usize::from(reader.u8()?);
        let mut entries = Vec::with_capacity(count.min(PAGE_LEN as usize));
        for _ in 0..count {
            let (offset, [a, b, c]) = (reader.u8()?, reader.array()?);
            let age = u32::from_be_bytes([0, a, b, c]);
            entries.push(Entry { offset, age, key: reader.array()? });
        }
        let is_rising = entries.is_sorted_by(|a, b| a.offset < b.offset);
        let is_whole = entries.last().is_some_and(|last| u32::from(last.offset) < PAGE_LEN);
        if !is_rising || !is_whole {
            return Err(DecodeError::Invalid { what: "page of skipped keys" });
        }
        Ok(Self { id, since, entries })
    }
}

impl Encode for Page {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.since.encode_into(out);
        out.push(u8::try_from(self.entries.len()).expect("a page has 64 places"));
        for entry in &self.entries {
            out.push(entry.offset);
            out.extend_from_slice(&entry.age.to_be_bytes()[1..]);
            out.extend_from_slice(&entry.key);
        }
    }

    fn encoded_len(&self) -> usize {
        8 + 1 + 36 * self.entries.len()
    }
}

/// The highest age that fits its 3 bytes; a key is gone long before.
const MAX_AGE: u32 = (1 << 24) - 1;

/// The skipped keys of one session.
#[derive(Default)]
pub(crate) struct SkippedMessageKeys {
    pages: BTreeMap<PageId, Arc<Page>>,
    count: usize,
}

impl SkippedMessageKeys {
    /// Puts a loaded page in its place.
    pub(crate) fn insert(&mut self, page: Page) {
        self.replace(page.id, Some(Arc::new(page)));
    }

    /// How many keys are kept.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// Where the pages are.
    pub(crate) fn page_ids(&self) -> impl Iterator<Item = PageId> {
        self.pages.keys().copied()
    }

    /// The pages, in order.
    pub(crate) fn pages(&self) -> impl Iterator<Item = &Page> {
        self.pages.values().map(|page| &**page)
    }

    /// Makes a plan's changes, one page at a time.
    pub(crate) fn replace(&mut self, id: PageId, page: Option<Arc<Page>>) {
        self.count += page.as_ref().map_or(0, |page| page.entries.len());
        let before = match page {
            Some(page) => self.pages.insert(id, page),
            None => self.pages.remove(&id),
        };
        self.count -= before.map_or(0, |page| page.entries.len());
    }

    /// Starts a plan at `now`: keys that are too old are gone, nothing else has changed.
    pub(crate) fn plan(&self, now: Timestamp) -> Plan<'_> {
        let mut plan = Plan { kept: self, changed: BTreeMap::new(), count: self.count, now };
        plan.expire();
        plan
    }
}

/// Pages that a step changes; `None` for one that goes.
pub(crate) type PageChanges = BTreeMap<PageId, Option<Arc<Page>>>;

/// Changes to the skipped keys that have not been made yet.
pub(crate) struct Plan<'a> {
    kept: &'a SkippedMessageKeys,
    changed: PageChanges,
    count: usize,
    now: Timestamp,
}

impl Plan<'_> {
    /// Takes the key of message `number` of `chain` out, if it is kept.
    pub(crate) fn take(&mut self, chain: u32, number: u32) -> Option<MessageKey> {
        let (id, offset) = PageId::of(chain, number);
        let (key, rest) = self.page(id)?.taken(offset)?;
        self.change(id, rest);
        Some(key)
    }

    /// Keeps the keys of a run of messages from `first` on.
    pub(crate) fn keep(&mut self, chain: u32, first: u32, run: &[MessageKey]) {
        let now = self.now;
        let mut open: Option<Page> = None;
        for (number, key) in (first..).zip(run) {
            let (id, offset) = PageId::of(chain, number);
            if let Some(full) = open.take_if(|page| page.id != id) {
                self.change(full.id, full);
            }
            let page = open.get_or_insert_with(|| {
                let empty = Page { id, since: now, entries: Vec::with_capacity(PAGE_LEN as usize) };
                self.page(id).map_or(empty, |page| page.keeping(|_| true))
            });
            page.insert(offset, key, now);
        }
        if let Some(last) = open {
            self.change(last.id, last);
        }
    }

    /// Forgets all keys of a chain.
    pub(crate) fn forget_chain(&mut self, chain: u32) {
        let ids: Vec<_> = self.ids().into_iter().filter(|id| id.chain == chain).collect();
        ids.into_iter().for_each(|id| self.remove(id));
    }

    /// Forgets what is too much, oldest first, and gives the changes.
    pub(crate) fn finish(mut self) -> PageChanges {
        if self.count > MAX_SKIPPED_KEYS {
            self.drop_oldest(self.count - MAX_SKIPPED_KEYS);
        }
        self.changed
    }

    fn expire(&mut self) {
        let now = self.now;
        let is_old = |page: &&Arc<Page>| now.since(page.since) > SKIPPED_KEY_AGE;
        let old: Vec<_> = self.kept.pages.values().filter(is_old).map(|page| page.id).collect();
        for id in old {
            let Some(page) = self.page(id) else { continue };
            self.change(id, page.expired(now)); // RAT-13
        }
    }

    fn drop_oldest(&mut self, mut excess: usize) {
        for id in self.ids() {
            let Some(page) = self.page(id) else { continue };
            let mut dropped = 0;
            let rest = page.keeping(|_| {
                dropped += 1;
                dropped > excess
            });
            excess -= page.entries.len() - rest.entries.len();
            self.change(id, rest); // RAT-13
            if excess == 0 {
                return;
            }
        }
    }

    fn change(&mut self, id: PageId, page: Page) {
        if page.entries.is_empty() {
            return self.remove(id);
        }
        let before = self.page(id).map_or(0, |page| page.entries.len());
        self.count = self.count + page.entries.len() - before;
        self.changed.insert(id, Some(Arc::new(page)));
    }

    fn remove(&mut self, id: PageId) {
        self.count -= self.page(id).map_or(0, |page| page.entries.len());
        self.changed.insert(id, None);
    }

    fn page(&self, id: PageId) -> Option<Arc<Page>> {
        match self.changed.get(&id) {
            Some(page) => page.clone(),
            None => self.kept.pages.get(&id).cloned(),
        }
    }

    /// The pages there are now, oldest first.
    fn ids(&self) -> Vec<PageId> {
        let mut ids: Vec<_> = self.kept.pages.keys().chain(self.changed.keys()).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| !matches!(self.changed.get(id), Some(None)));
        ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn keys(numbers: core::ops::Range<u32>) -> Vec<MessageKey> {
        let key = |n: u32| {
            MessageKey(Secret::zero_filled(|bytes| bytes[..4].copy_from_slice(&n.to_be_bytes())))
        };
        numbers.map(key).collect()
    }

    fn adopt(skipped: &mut SkippedMessageKeys, changes: PageChanges) {
        changes.into_iter().for_each(|(id, page)| skipped.replace(id, page));
    }

    fn kept(runs: &[(u32, core::ops::Range<u32>)], now: u64) -> SkippedMessageKeys {
        let mut skipped = SkippedMessageKeys::default();
        for (chain, run) in runs {
            let mut plan = skipped.plan(Timestamp::from_millis(now));
            plan.keep(*chain, run.start, &keys(run.clone()));
            let changes = plan.finish();
            adopt(&mut skipped, changes);
        }
        skipped
    }

    fn take(skipped: &mut SkippedMessageKeys, chain: u32, number: u32) -> Option<u32> {
        let mut plan = skipped.plan(Timestamp::default());
        let key = plan.take(chain, number)?;
        let changes = plan.finish();
        adopt(skipped, changes);
        let [a, b, c, d, ..] = *key.0.expose();
        Some(u32::from_be_bytes([a, b, c, d]))
    }

    #[test]
    fn each_key_comes_out_once() {
        let mut skipped = kept(&[(3, 10..200), (3, 201..202), (4, 0..70)], 0);
        assert_eq!(skipped.count(), 190 + 1 + 70);
        for number in (10..200).rev() {
            assert_eq!(take(&mut skipped, 3, number), Some(number));
            assert_eq!(take(&mut skipped, 3, number), None);
        }
        assert_eq!(take(&mut skipped, 3, 200), None);
        assert_eq!(take(&mut skipped, 4, 69), Some(69));
        assert_eq!(skipped.count(), 1 + 69);
    }

    /// RAT-13
    #[test]
    fn the_oldest_keys_go_first() {
        let skipped = kept(&[(0, 0..1000), (1, 0..1000), (2, 0..130)], 0);
        assert_eq!(skipped.count(), MAX_SKIPPED_KEYS);
        assert!(skipped.plan(Timestamp::default()).take(0, 129).is_none());
        assert!(skipped.plan(Timestamp::default()).take(0, 130).is_some());
        assert!(skipped.plan(Timestamp::default()).take(2, 0).is_some());
        assert!(skipped.plan(Timestamp::default()).finish().is_empty(), "none is too much now");
    }

    /// RAT-13
    #[test]
    fn each_key_is_kept_for_thirty_days() {
        let day = |n: u64| Timestamp::from_millis(n * 24 * 3_600_000);
        let mut skipped = SkippedMessageKeys::default();
        for (number, kept_on) in [(0, day(1)), (1, day(11))] {
            let mut plan = skipped.plan(kept_on);
            plan.keep(0, number, &keys(number..number + 1));
            let changes = plan.finish();
            adopt(&mut skipped, changes);
        }
        let left_at = |now: Timestamp| {
            let changes = skipped.plan(now).finish();
            let gone = changes.get(&PageId { chain: 0, base: 0 });
            gone.map_or(2, |page| page.as_ref().map_or(0, |page| page.entries.len()))
        };
        let just_after = |n| day(n).saturating_add(Duration::from_millis(1));
        assert!(skipped.plan(day(31)).finish().is_empty(), "nothing is written anew");
        assert_eq!((left_at(day(31)), left_at(just_after(31))), (2, 1));
        assert_eq!((left_at(day(41)), left_at(just_after(41))), (1, 0));
    }

    /// RAT-13: the ages on a page are counted anew when its oldest key goes.
    #[test]
    fn a_key_is_not_kept_longer_because_another_has_gone() {
        let day = |n: u64| Timestamp::from_millis(n * 24 * 3_600_000);
        let mut skipped = SkippedMessageKeys::default();
        for (number, kept_on) in [(0, day(1)), (1, day(11)), (2, day(12))] {
            let mut plan = skipped.plan(kept_on);
            plan.keep(0, number, &keys(number..number + 1));
            let changes = plan.finish();
            adopt(&mut skipped, changes);
        }
        for (now, left) in [(day(40), 2), (day(42), 1), (day(43), 0)] {
            let changes = skipped.plan(now).finish();
            adopt(&mut skipped, changes);
            assert_eq!(skipped.count(), left, "{now:?}");
        }
    }

    /// A clock may be put forward by years.
    #[test]
    fn an_age_never_exceeds_its_three_bytes() {
        let id = PageId { chain: 0, base: 0 };
        let mut page = Page { id, since: Timestamp::default(), entries: Vec::new() };
        let years = Duration::from_secs(20 * 365 * 86_400);
        page.insert(0, &keys(0..1)[0], Timestamp::default().saturating_add(years));
        assert_eq!(page.encode()[8..13], [1, 0, 0xff, 0xff, 0xff]);
    }

    #[test]
    fn a_chain_that_is_forgotten_leaves_its_room_to_others() {
        let mut skipped = kept(&[(0, 0..1500), (1, 0..400)], 0);
        let mut plan = skipped.plan(Timestamp::default());
        plan.forget_chain(0);
        plan.keep(2, 0, &keys(0..1500));
        let changes = plan.finish();
        adopt(&mut skipped, changes);
        assert_eq!(skipped.count(), 400 + 1500);
    }

    #[test]
    fn scattered_keys_cost_at_most_45_bytes_each() {
        let runs: Vec<_> = (0..2000).map(|n| (0, n * 64..n * 64 + 1)).collect();
        let skipped = kept(&runs, 0);
        let bytes: usize = skipped.pages().map(Page::encoded_len).sum();
        assert_eq!((skipped.count(), bytes), (2000, 45 * 2000));
        let runs: Vec<_> = (0..2000).map(|n| (0, n * 2..n * 2 + 1)).collect();
        let skipped = kept(&runs, 0);
        assert_eq!((skipped.count(), skipped.page_ids().count()), (2000, 63));
    }

    #[test]
    fn pages_round_trip() {
        let skipped = kept(&[(3, 10..80)], 5);
        for page in skipped.pages.values() {
            let bytes = page.encode();
            assert_eq!(bytes.len(), page.encoded_len());
            let mut reader = Reader::new(&bytes);
            let again = Page::decode(page.id, &mut reader).expect("well-formed");
            reader.finish().expect("all of it");
            assert_eq!(again.encode(), bytes);
            let id = alloc::format!("{}", page.id);
            assert_eq!(id.parse(), Ok(page.id));
        }
    }

    #[test]
    fn a_forgotten_chain_is_gone() {
        let mut skipped = kept(&[(0, 0..100), (1, 0..1)], 0);
        let mut plan = skipped.plan(Timestamp::default());
        plan.forget_chain(0);
        let changes = plan.finish();
        adopt(&mut skipped, changes);
        assert_eq!(skipped.count(), 1);
    }

    #[test]
    fn a_page_has_keys_in_their_order() {
        let id = PageId { chain: 1, base: 128 };
        let page = |offsets: &[u8]| {
            let mut bytes = Timestamp::from_millis(5).encode();
            bytes.push(u8::try_from(offsets.len()).unwrap());
            offsets
                .iter()
                .for_each(|offset| bytes.extend([&[*offset, 0, 0, 1][..], &[7; 32]].concat()));
            bytes
        };
        let read = |bytes: &[u8]| {
            let mut reader = Reader::new(bytes);
            Page::decode(id, &mut reader).and_then(|page| reader.finish().map(|()| page))
        };
        let good = page(&[0, 1, 63]);
        assert_eq!(read(&good).map(|page| page.encode()), Ok(good.clone()));
        assert!((0..good.len()).all(|len| read(&good[..len]).is_err()));
        for bad in [&[][..], &[1, 0], &[1, 1], &[0, 64], &[255]] {
            let invalid = DecodeError::Invalid { what: "page of skipped keys" };
            assert_eq!(read(&page(bad)).err(), Some(invalid), "{bad:?}");
        }
    }
}
