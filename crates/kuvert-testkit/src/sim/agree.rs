//! Whether both sides end with the same: one session, and the same transcript.

use kuvert_core::transcript::Transcript;
use kuvert_core::{Device, PeerView, SessionFacts};
use kuvert_store::Store;
use kuvert_wire::DeviceId;

use super::Adapter;
use super::world::World;
use crate::Side;

impl<A: Adapter> World<A> {
    /// Looks into both stores for what the two do not agree on.
    pub(super) fn disagreements(&mut self) -> Vec<String> {
        let devices = Side::BOTH.map(|side| self.stored_device(side));
        let [Some(alice), Some(bob)] = devices else {
            return vec!["a device cannot be loaded in the end".into()];
        };
        let was_restored = Side::BOTH.into_iter().any(|side| self.book.was_ever_restored(side));
        // Who was put back has lost entries for good.
        let logs = (!was_restored).then(|| about_transcripts(&alice, &bob));
        about_sessions(&alice, &bob).into_iter().chain(logs.into_iter().flatten()).collect()
    }

    fn stored_device(&mut self, side: Side) -> Option<Device> {
        let records = self.adapter.store(side).snapshot(Device::COLLECTIONS).ok()?;
        Device::load(records).ok()
    }
}

/// Both must send on one session.
fn about_sessions(alice: &Device, bob: &Device) -> Option<String> {
    let (hers, his) = (active(alice, bob.device_id()), active(bob, alice.device_id()));
    let id = |session: &Option<SessionFacts>| session.as_ref().map(|facts| facts.session);
    let is_one = hers.is_some() && id(&hers) == id(&his);
    (!is_one).then(|| format!("they end on two sessions: {hers:?} and {his:?}"))
}

/// What each has said is what the other has heard.
fn about_transcripts(alice: &Device, bob: &Device) -> Vec<String> {
    let his = bob.transcripts(alice.device_id());
    let about = |hers: &Transcript| {
        let his = his.iter().find(|log| log.id() == hers.id())?;
        let ((her_own, her_peer), (his_own, his_peer)) = (hers.sizes(), his.sizes());
        let agree = (her_own, her_peer) == (his_peer, his_own);
        (!agree).then(|| {
            let sizes = format!("{her_own}/{her_peer} and {his_own}/{his_peer}");
            format!("they do not agree on a transcript: {sizes} entries")
        })
    };
    alice.transcripts(bob.device_id()).into_iter().filter_map(about).collect()
}

fn active(device: &Device, peer: &DeviceId) -> Option<SessionFacts> {
    device.peer(peer).as_ref().and_then(PeerView::active)
}
