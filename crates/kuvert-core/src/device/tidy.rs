//! Tidying: what is kept for a time goes when the time is over.
//!
//! # Spec
//!
//! `spec/00-conventions.md`, "Limits"; `spec/02-prekeys.md`, "Rotation".

use alloc::boxed::Box;
use alloc::vec::Vec;

use kuvert_wire::{SessionId, Timestamp};

use super::Device;
use super::effect::Effect;
use crate::limits::INACTIVE_AGE;
use crate::step::Step;

impl Device {
    /// Ends sessions that have been inactive or unanswered for 30 days, and erases medium-term
    /// private keys 44 days after they were made. To be called now and then; it is cheap.
    pub fn tidy(&mut self, now: Timestamp) -> Step<'_, ()> {
        let mut effects: Vec<_> = self.expired_mediums(now).map(Effect::DropMedium).collect();
        effects.extend(self.tidy_transcripts(now));
        for stored in self.peers.values() {
            let mut peer = stored.value.clone();
            let ended: Vec<SessionId> = self.ended_sessions(&peer, now).collect();
            if ended.is_empty() {
                continue;
            }
            ended.iter().for_each(|id| peer.forget(id));
            effects.extend(ended.into_iter().map(Effect::EndSession));
            effects.push(Effect::PutPeer(Box::new(peer)));
        }
        self.step(effects, ())
    }

    fn ended_sessions(
        &self,
        peer: &super::Peer,
        now: Timestamp,
    ) -> impl Iterator<Item = SessionId> {
        let unanswered =
            self.active_session(peer).filter(|session| session.head.is_unanswered_too_long(now));
        let inactive =
            peer.inactive.iter().filter(move |(_, since)| now.since(*since) > INACTIVE_AGE);
        unanswered.map(|session| session.head.id).into_iter().chain(inactive.map(|(id, _)| *id))
    }
}
