//! What an authentic frame says is filed: a message, a receipt, a word about the session.

use kuvert_core::Received;
use kuvert_core::identity::account_id;
use kuvert_store::Store;
use kuvert_wire::{
    AccountId, Control, Decode, DeviceId, Encode, Frame, FrameType, Receipt, RelayUrl, Timestamp,
};

use super::filing::Filing;
use super::intake::Taken;
use super::reconcile::Said;
use super::resend::Acknowledged;
use super::{Client, lock};
use crate::event::DeliveryState;
use crate::record::{self, LogRecord, MessageRecord, ReportRecord, SentRecord, Unshown};
use crate::{Carrier, Error};

impl<S: Store, T: Carrier> Client<S, T> {
    pub(super) fn file_received(
        &mut self,
        received: &Received,
        taken: &Taken,
        filing: &mut Filing,
    ) -> Result<(), Error> {
        let at = taken.at;
        let peer = account_id(&received.account);
        let is_accepted = self.note_peer(&peer, received, filing)?;
        let mut sent = self.sent_record(&peer)?;
        let before = sent.value;
        let held = match received.frame.frame_type {
            FrameType::Message => {
                self.file_message(&peer, received, taken, is_accepted, filing)?;
                Acknowledged::default()
            }
            FrameType::Receipt => {
                let ids = Receipt::decode(&received.frame.body).map(|receipt| receipt.message_ids);
                let ids = ids.unwrap_or_default();
                self.acknowledge_sent(&peer, &ids, &mut sent.value, filing)?
            }
            FrameType::Control => {
                self.file_control(&peer, received, is_accepted, &mut sent.value, filing)?
            }
            FrameType::Transcript => {
                self.file_transcript(&peer, received, at, filing)?;
                Acknowledged::default()
            }
            _ => Acknowledged::default(), // of later versions
        };
        if is_accepted {
            self.note_begun(received, at, &mut sent.value);
        }
        if is_accepted && sent.value.answered == before.answered {
            let times = (received.frame.sent, at);
            self.note_heard(&peer, times, &held, &mut sent.value, filing)?;
        }
        if sent.value != before {
            filing.changes.push(sent.put()?);
        }
        self.file_delivered(&peer, held, at, filing)
    }

    /// Notes who wrote, and at which relay it is at home; says whether it is accepted here.
    fn note_peer(
        &self,
        peer: &AccountId,
        received: &Received,
        filing: &mut Filing,
    ) -> Result<bool, Error> {
        let mut contact = self.contact_record(peer)?;
        let before = contact.value.clone();
        contact.value.account_key = Some(*received.account.as_bytes());
        if contact.value.relay.is_none() {
            let relay = relay_named_in(&received.frame).filter(|relay| self.may_talk_to(relay));
            contact.value.relay = relay.map(|relay| relay.to_string());
        }
        if contact.value != before {
            filing.changes.push(contact.put()?);
        }
        Ok(contact.value.accepted)
    }

    fn file_message(
        &mut self,
        peer: &AccountId,
        received: &Received,
        taken: &Taken,
        is_accepted: bool,
        filing: &mut Filing,
    ) -> Result<(), Error> {
        let (frame, at) = (&received.frame, taken.at);
        let message_key = record::message_key(peer, &frame.message_id);
        let known = record::read::<MessageRecord, _>(&self.store, &message_key)?;
        if is_accepted && known.as_ref().is_none_or(|known| !known.value.outgoing) {
            // Also for one that is known: who sends it again has not got the receipt.
            filing.changes.extend(self.owe_receipt(peer, &frame.message_id)?);
        }
        if known.is_some() {
            return Ok(()); // MSG-15: sent again by its sender
        }
        let seq = self.number(filing)?;
        let (at_millis, frame_bytes) = (at.as_millis(), frame.encode());
        let log =
            LogRecord { outgoing: false, at: at_millis, frame: frame_bytes, is_outside: false };
        let message = MessageRecord { outgoing: false, seq, state: DeliveryState::Received };
        filing.changes.push(record::insert(record::log_key(peer, seq), &log)?);
        filing.changes.push(record::insert(message_key, &message)?);
        if let Some(carried) = taken.carried {
            let kept = ReportRecord::new(&received.franking, carried);
            filing
                .changes
                .push(record::insert(record::report_key(peer, &frame.message_id), &kept)?);
        }
        self.file_event(peer, Unshown::Message(seq), filing)
    }

    fn file_control(
        &mut self,
        peer: &AccountId,
        received: &Received,
        is_accepted: bool,
        sent: &mut SentRecord,
        filing: &mut Filing,
    ) -> Result<Acknowledged, Error> {
        let Ok(Control::Resend(ids)) = Control::decode(&received.frame.body) else {
            return Ok(Acknowledged::default());
        };
        let held = self.acknowledge_sent(peer, &ids, sent, filing)?;
        let (session, is_first) = (received.session, received.begins_session);
        if is_accepted {
            let said = Said { session, names: &ids, is_first, is_all: true };
            self.answer_resend(peer, &said, &held, sent, filing)?;
        } else if self.is_begun_by_peer(session) {
            sent.owes_held = Some(*session.as_bytes()); // for when a person accepts it
        }
        Ok(held)
    }

    fn file_delivered(
        &self,
        peer: &AccountId,
        held: Acknowledged,
        at: Timestamp,
        filing: &mut Filing,
    ) -> Result<(), Error> {
        if held.ids.is_empty() {
            return Ok(());
        }
        let what = Unshown::Receipt { ids: held.ids, at: at.as_millis() };
        self.file_event(peer, what, filing)
    }

    /// Lets the device know whom a person here accepts: what is automatic is for them only.
    pub(super) fn sync_acceptance(&mut self, peer: &AccountId) -> Result<(), Error> {
        self.contend(|client| {
            let accepted = client.contact_record(peer)?.value.accepted;
            let Some(device_id) = client.device_accepting(peer, !accepted) else { return Ok(()) };
            let (_, counter) = client.reserve(0)?;
            let mut device = lock(&client.device);
            let step = device.accept(&device_id, accepted)?.also(counter);
            step.commit(|changes| client.store.apply(changes))?;
            drop(device);
            client.reserved();
            client.online.forgetful = None; // it may be owed a word about what is held
            Ok(())
        })
    }

    /// The device of `peer`'s, if it is accepted or not as given.
    fn device_accepting(&self, peer: &AccountId, accepted: bool) -> Option<DeviceId> {
        let device = lock(&self.device);
        let view = device.peer_of_account(peer)?;
        (view.is_accepted() == accepted).then(|| view.device_id())
    }

    /// The same for all peers, should a process have died in between.
    pub(super) fn sync_all_acceptance(&mut self) -> Result<(), Error> {
        let view = |view: kuvert_core::PeerView<'_>| (view.account_id(), view.is_accepted());
        let known: Vec<_> = lock(&self.device).peers().map(view).collect();
        for (peer, is_accepted) in known {
            if self.contact_record(&peer)?.value.accepted != is_accepted {
                self.sync_acceptance(&peer)?;
            }
        }
        Ok(())
    }
}

/// The relay that a peer names as the place of its mailbox.
fn relay_named_in(frame: &Frame) -> Option<RelayUrl> {
    match Control::decode(&frame.body) {
        Ok(Control::Mailbox { relay, .. }) if frame.frame_type == FrameType::Control => {
            relay.parse().ok()
        }
        _ => None,
    }
}
