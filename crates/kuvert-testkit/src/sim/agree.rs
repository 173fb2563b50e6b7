//! Whether both sides end with the same: one session, and the same transcript.

use kuvert_core::{Device, PeerView};
use kuvert_store::Store;
use kuvert_wire::{DeviceId, SessionId};

use super::Adapter;
use super::world::World;
use crate::Side;

impl<A: Adapter> World<A> {
    /// Looks into both stores.
    pub(super) fn agree(&mut self) {
        let devices = Side::BOTH.map(|side| self.stored_device(side));
        let [Some(alice), Some(bob)] = devices else {
            return self.find("a device cannot be loaded in the end".into());
        };
        self.agree_on_session(&alice, &bob);
        let was_restored = Side::BOTH.into_iter().any(|side| self.book.was_ever_restored(side));
        if !was_restored {
            self.agree_on_transcript(&alice, &bob);
        }
    }

    fn agree_on_session(&mut self, alice: &Device, bob: &Device) {
        let sessions = [session(alice, bob.device_id()), session(bob, alice.device_id())];
        if sessions[0].is_none() || sessions[0] != sessions[1] {
            self.find(format!("they end on two sessions: {sessions:?}"));
        }
    }

    /// What each has said is what the other has heard.
    fn agree_on_transcript(&mut self, alice: &Device, bob: &Device) {
        for hers in alice.transcripts(bob.device_id()) {
            let of_bob = bob.transcripts(alice.device_id());
            let Some(his) = of_bob.into_iter().find(|log| log.id() == hers.id()) else { continue };
            let ((her_own, her_peer), (his_own, his_peer)) = (hers.sizes(), his.sizes());
            if (her_own, her_peer) != (his_peer, his_own) {
                let sizes = format!("{her_own}/{her_peer} and {his_own}/{his_peer}");
                self.find(format!("they do not agree on a transcript: {sizes} entries"));
            }
        }
    }

    fn stored_device(&mut self, side: Side) -> Option<Device> {
        let records = self.adapter.store(side).snapshot(Device::COLLECTIONS).ok()?;
        Device::load(records).ok()
    }
}

fn session(device: &Device, peer: &DeviceId) -> Option<SessionId> {
    let active = device.peer(peer).as_ref().and_then(PeerView::active)?;
    Some(active.session)
}
