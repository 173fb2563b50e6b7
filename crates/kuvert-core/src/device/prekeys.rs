//! Prekeys: made in time, published after they are durable, erased when their time is over.
//!
//! # Spec
//!
//! `spec/02-prekeys.md`, "Rotation" and "Stock".

use alloc::boxed::Box;
use alloc::vec::Vec;

use kuvert_wire::{DeviceCert, MediumPrekey, OneTimePrekey, PrekeyBundle, PrekeyId, Timestamp};
use rand_core::CryptoRng;

use super::effect::Effect;
use super::{DatedOneTime, Device};
use crate::limits::{CLOCK_SKEW, MAX_ONE_TIME, ONE_TIME_REFILL, ONE_TIME_STOCK};
use crate::prekey::{MediumPrekeyPair, OneTimePrekeyPair};
use crate::step::Step;

/// What to publish at the relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrekeyUpload {
    /// The device's certificate.
    pub cert: DeviceCert,
    /// Its current medium-term prekey.
    pub medium: MediumPrekey,
    /// One-time prekeys to add to the relay's stock, at most 100.
    pub one_time: Vec<OneTimePrekey>,
}

impl Device {
    /// Whether prekeys have to be published: the relay has fewer than 25 one-time prekeys, or not
    /// the medium-term prekey that it should have.
    #[must_use]
    pub fn is_publishing_due(&self, on_relay: usize, now: Timestamp) -> bool {
        let current = self.current_medium(now);
        let is_known = current.is_some_and(|medium| Some(medium.id()) == self.published.value);
        let is_old = current.is_none_or(|medium| medium.is_rotation_due(now));
        on_relay < ONE_TIME_REFILL || !is_known || is_old
    }

    /// Makes what is missing: a medium-term prekey every 7 days, and one-time prekeys up to 100 at
    /// the relay, which has `on_relay`. Erases medium-term private keys after 44 days, and the oldest
    /// one-time ones above 200.
    ///
    /// After publishing, [`Device::published`] takes note of it.
    pub fn prekeys<R: CryptoRng + ?Sized>(
        &mut self,
        on_relay: usize,
        now: Timestamp,
        rng: &mut R,
    ) -> Step<'_, PrekeyUpload> {
        let (medium, mut effects) = self.medium_for(now, rng);
        let wanted = match on_relay {
            stock if stock < ONE_TIME_REFILL => ONE_TIME_STOCK - stock,
            _ => 0,
        };
        let one_time = self.add_one_times(wanted, now, &mut effects, rng);
        let upload = PrekeyUpload { cert: self.cert().clone(), medium, one_time };
        self.step(effects, upload)
    }

    /// Makes a bundle to hand over without a relay, with a fresh one-time prekey if wanted.
    pub fn bundle<R: CryptoRng + ?Sized>(
        &mut self,
        with_one_time: bool,
        now: Timestamp,
        rng: &mut R,
    ) -> Step<'_, PrekeyBundle> {
        let (medium, mut effects) = self.medium_for(now, rng);
        let one_time = self.add_one_times(usize::from(with_one_time), now, &mut effects, rng).pop();
        let bundle = PrekeyBundle { cert: self.cert().clone(), medium, one_time };
        self.step(effects, bundle)
    }

    /// Notes that the relay has this medium-term prekey.
    pub fn published(&mut self, medium: PrekeyId) -> Step<'_, ()> {
        let effects = match self.published.value {
            Some(known) if known == medium => Vec::new(),
            _ => alloc::vec![Effect::NotePublished(medium)],
        };
        self.step(effects, ())
    }

    /// The newest one. What seems to come from a future in which nobody would take it was made by a
    /// clock that has been put right since.
    fn current_medium(&self, now: Timestamp) -> Option<&MediumPrekeyPair> {
        let mediums = self.mediums.values().map(|stored| &stored.value);
        let is_credible =
            |medium: &&MediumPrekeyPair| medium.public().created.since(now) <= CLOCK_SKEW / 2;
        mediums.filter(is_credible).max_by_key(|medium| medium.public().created)
    }

    /// The medium-term prekey to publish, a new one if it is time, and what is to be done for it.
    fn medium_for<R: CryptoRng + ?Sized>(
        &self,
        now: Timestamp,
        rng: &mut R,
    ) -> (MediumPrekey, Vec<Effect>) {
        let mut effects: Vec<_> = self.expired_mediums(now).map(Effect::DropMedium).collect();
        match self.current_medium(now) {
            Some(medium) if !medium.is_rotation_due(now) => (medium.public().clone(), effects),
            _ => {
                let fresh = MediumPrekeyPair::generate(&self.identity, now, rng);
                let public = fresh.public().clone();
                effects.push(Effect::AddMedium(Box::new(fresh)));
                (public, effects)
            }
        }
    }

    /// Medium-term prekeys whose private keys must go.
    pub(super) fn expired_mediums(&self, now: Timestamp) -> impl Iterator<Item = PrekeyId> {
        let mediums = self.mediums.values().map(|stored| &stored.value);
        mediums.filter(move |medium| medium.is_erasure_due(now)).map(MediumPrekeyPair::id)
    }

    fn add_one_times<R: CryptoRng + ?Sized>(
        &self,
        count: usize,
        now: Timestamp,
        effects: &mut Vec<Effect>,
        rng: &mut R,
    ) -> Vec<OneTimePrekey> {
        let mut held: Vec<_> =
            self.one_times.iter().map(|(id, one)| (one.value.created, *id)).collect();
        held.sort_unstable();
        let excess = (held.len() + count).saturating_sub(MAX_ONE_TIME);
        effects.extend(held.into_iter().take(excess).map(|(_, id)| Effect::DropOneTime(id)));
        let mut public = Vec::with_capacity(count);
        for _ in 0..count {
            let pair = OneTimePrekeyPair::generate(&self.identity, rng);
            public.push(pair.public().clone());
            effects.push(Effect::AddOneTime(Box::new(DatedOneTime { created: now, pair })));
        }
        public
    }
}
