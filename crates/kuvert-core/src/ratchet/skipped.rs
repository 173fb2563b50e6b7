//! Skipped message keys: kept for messages that come late.
//!
//! Keys are kept in pages, runs of up to 64 message numbers of one chain, each stored as a record of
//! its own: taking one key rewrites one page, whatever the number kept. A received message works on
//! a [`Plan`] over the pages and changes nothing until it is adopted.
//!
//! # Spec
//!
//! `spec/04-ratchet.md`, "Skipped message keys"; check RAT-13.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use kuvert_wire::{Decode, DecodeError, Encode, Reader, Timestamp};
use zeroize::Zeroizing;

use super::keys::MessageKey;
use crate::limits::{MAX_SKIPPED_KEYS, SKIPPED_KEY_AGE};

/// Message numbers in a page at most.
const PAGE_LEN: u32 = 64;

/// A page's place: its chain, and the number of its first key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PageId {
    pub(crate) chain: u32,
    pub(crate) base: u32,
}

impl fmt::Display for PageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}{:08x}", self.chain, self.base)
    }
}

/// Up to 64 keys of one chain. Wiped on drop.
pub(crate) struct Page {
    id: PageId,
    stored: Timestamp,
    /// Bit i: the key of message `base + i` is here.
    mask: u64,
    /// The keys present, lowest number first.
    keys: Zeroizing<Vec<[u8; 32]>>,
}

impl Page {
    pub(crate) const fn id(&self) -> PageId {
        self.id
    }

    fn index_of(&self, number: u32) -> Option<usize> {
        let bit = number.checked_sub(self.id.base).filter(|bit| *bit < PAGE_LEN)?;
        let below = (self.mask & ((1 << bit) - 1)).count_ones();
        (self.mask >> bit & 1 == 1).then_some(below as usize)
    }

    fn without(&self, number: u32) -> Option<Self> {
        let index = self.index_of(number)?;
        let mut keys = Zeroizing::new(Vec::with_capacity(self.keys.len()));
        keys.extend_from_slice(&self.keys[..index]);
        keys.extend_from_slice(&self.keys[index + 1..]);
        let mask = self.mask & !(1 << (number - self.id.base));
        Some(Self { keys, mask, ..*self })
    }

    /// The page less its `count` lowest numbers; `None` when nothing is left.
    fn without_lowest(&self, count: usize) -> Option<Self> {
        let keys = Zeroizing::new(self.keys.get(count..)?.to_vec());
        let mask = (0..count).fold(self.mask, |mask, _| mask & mask.wrapping_sub(1));
        (!keys.is_empty()).then_some(Self { keys, mask, ..*self })
    }
}

impl Encode for Page {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.chain.to_be_bytes());
        out.extend_from_slice(&self.id.base.to_be_bytes());
        self.stored.encode_into(out);
        out.extend_from_slice(&self.mask.to_be_bytes());
        self.keys.iter().for_each(|key| out.extend_from_slice(key));
    }

    fn encoded_len(&self) -> usize {
        4 + 4 + 8 + 8 + 32 * self.keys.len()
    }
}

impl Decode for Page {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let id = PageId { chain: reader.u32()?, base: reader.u32()? };
        let stored = Timestamp::decode_from(reader)?;
        let mask = reader.u64()?;
        let count = mask.count_ones() as usize;
        let mut keys = Zeroizing::new(Vec::with_capacity(count));
        for _ in 0..count {
            keys.push(reader.array()?);
        }
        if keys.is_empty() {
            return Err(DecodeError::Invalid { what: "page of skipped keys" });
        }
        Ok(Self { id, stored, mask, keys })
    }
}

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
        self.count += page.as_ref().map_or(0, |page| page.keys.len());
        let before = match page {
            Some(page) => self.pages.insert(id, page),
            None => self.pages.remove(&id),
        };
        self.count -= before.map_or(0, |page| page.keys.len());
    }

    /// Starts a plan: nothing changed yet.
    pub(crate) fn plan(&self) -> Plan<'_> {
        Plan { kept: self, changed: BTreeMap::new(), count: self.count }
    }
}

/// Pages that a step changes; `None` for one that goes.
pub(crate) type PageChanges = BTreeMap<PageId, Option<Arc<Page>>>;

/// Changes to the skipped keys that have not been made yet.
pub(crate) struct Plan<'a> {
    kept: &'a SkippedMessageKeys,
    changed: PageChanges,
    count: usize,
}

impl Plan<'_> {
    /// Takes the key of message `number` of `chain` out, if it is kept.
    pub(crate) fn take(&mut self, chain: u32, number: u32) -> Option<MessageKey> {
        let (_, page) = self
            .kept
            .pages
            .range(PageId { chain, base: 0 }..=PageId { chain, base: number })
            .next_back()?;
        let key = MessageKey::from_kept(&page.keys[page.index_of(number)?]);
        let rest = page.without(number).filter(|rest| !rest.keys.is_empty());
        self.change(page.id, rest);
        Some(key)
    }

    /// Keeps the keys of a run of messages from `base` on, skipped at `now`.
    pub(crate) fn keep(&mut self, chain: u32, base: u32, run: &[MessageKey], now: Timestamp) {
        for (page_number, keys) in (0..).zip(run.chunks(PAGE_LEN as usize)) {
            let id = PageId { chain, base: base + page_number * PAGE_LEN };
            let mask = u64::MAX >> (PAGE_LEN as usize - keys.len());
            let keys = Zeroizing::new(keys.iter().map(|key| *key.0.expose()).collect());
            self.change(id, Some(Page { id, stored: now, mask, keys }));
        }
    }

    /// Forgets all keys of a chain.
    pub(crate) fn forget_chain(&mut self, chain: u32) {
        let ids: Vec<_> = self.ids().filter(|id| id.chain == chain).collect();
        ids.into_iter().for_each(|id| self.change(id, None));
    }

    /// Forgets what is too old or too much, oldest first, and gives the changes.
    pub(crate) fn finish(mut self, now: Timestamp) -> PageChanges {
        let expired: Vec<_> = self
            .kept
            .pages
            .values()
            .take_while(|page| now.since(page.stored) > SKIPPED_KEY_AGE)
            .map(|page| page.id)
            .collect();
        expired.into_iter().for_each(|id| self.change(id, None)); // RAT-13
        while self.count > MAX_SKIPPED_KEYS {
            let Some(page) = self.ids().next().and_then(|id| self.page(id)) else {
                break;
            };
            let excess = self.count - MAX_SKIPPED_KEYS;
            self.change(page.id, page.without_lowest(excess)); // RAT-13
        }
        self.changed
    }

    fn change(&mut self, id: PageId, page: Option<Page>) {
        let page = page.map(Arc::new);
        let before = self.page(id).map_or(0, |page| page.keys.len());
        let after = page.as_ref().map_or(0, |page| page.keys.len());
        self.count = self.count + after - before;
        self.changed.insert(id, page);
    }

    fn page(&self, id: PageId) -> Option<Arc<Page>> {
        match self.changed.get(&id) {
            Some(page) => page.clone(),
            None => self.kept.pages.get(&id).cloned(),
        }
    }

    /// The pages there are now, in order.
    fn ids(&self) -> impl Iterator<Item = PageId> {
        let mut ids: Vec<_> = self.kept.pages.keys().chain(self.changed.keys()).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().filter(|id| !matches!(self.changed.get(id), Some(None)))
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
            let mut plan = skipped.plan();
            plan.keep(*chain, run.start, &keys(run.clone()), Timestamp::from_millis(now));
            let changes = plan.finish(Timestamp::from_millis(now));
            adopt(&mut skipped, changes);
        }
        skipped
    }

    fn take(skipped: &mut SkippedMessageKeys, chain: u32, number: u32) -> Option<u32> {
        let mut plan = skipped.plan();
        let key = plan.take(chain, number)?;
        let changes = plan.finish(Timestamp::default());
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
        assert!(skipped.plan().take(0, 129).is_none());
        assert!(skipped.plan().take(0, 130).is_some());
    }

    /// RAT-13
    #[test]
    fn keys_are_kept_for_thirty_days() {
        let mut skipped = kept(&[(0, 0..100)], 1);
        let age = u64::try_from(SKIPPED_KEY_AGE.as_millis()).unwrap();
        let changes = skipped.plan().finish(Timestamp::from_millis(1 + age));
        adopt(&mut skipped, changes);
        assert_eq!(skipped.count(), 100);
        let changes = skipped.plan().finish(Timestamp::from_millis(2 + age));
        adopt(&mut skipped, changes);
        assert_eq!(skipped.count(), 0);
    }

    #[test]
    fn pages_round_trip() {
        let skipped = kept(&[(3, 10..80)], 5);
        for page in skipped.pages.values() {
            let bytes = page.encode();
            assert_eq!(bytes.len(), page.encoded_len());
            assert_eq!(Page::decode(&bytes).expect("well-formed").encode(), bytes);
        }
    }

    #[test]
    fn a_forgotten_chain_is_gone() {
        let mut skipped = kept(&[(0, 0..100), (1, 0..1)], 0);
        let mut plan = skipped.plan();
        plan.forget_chain(0);
        let changes = plan.finish(Timestamp::default());
        adopt(&mut skipped, changes);
        assert_eq!(skipped.count(), 1);
    }
}
