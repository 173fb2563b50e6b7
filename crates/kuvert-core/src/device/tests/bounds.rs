//! Where a device has no more room, or nothing to do: it says so, and nothing changes.

use super::outcomes::{mailbox, texts};
use super::*;
use crate::device::effect::session_value;
use crate::limits::{MAX_SESSIONS, MAX_WAITING};
use crate::session::Session;

impl Party {
    /// In memory only: as many sessions with one peer as a device may have in all, less `free`.
    fn fill_sessions(&mut self, free: usize) {
        let (_, stored) = self.device.sessions.first_key_value().expect("has one");
        let record = session_value(&stored.value.head, &stored.value.ratchet.state);
        let version = stored.version;
        for n in 0.. {
            if self.device.sessions.len() + free == MAX_SESSIONS {
                return;
            }
            let mut value = Session::decode(&record).expect("its own record");
            let mut id = [0; 16];
            id[..8].copy_from_slice(&u64::to_be_bytes(n));
            value.head.id = kuvert_wire::SessionId::from_bytes(id);
            self.device.sessions.insert(value.head.id, Stored { version, value });
        }
    }

    fn now_has(&self, records: &[Record]) {
        assert!(self.device.records() == records, "an error changed the state");
    }
}

#[test]
fn a_full_device_begins_no_session_of_either_side() {
    let (mut alice, mut bob) = established();
    let mut carol = Party::new(3);
    carol.initiate(&bob.bundle(true)).expect("begins");
    let from_carol = carol.send(&bob.id(), "hello");
    let (to_carol, to_alice) = (carol.bundle(true), alice.bundle(true));
    let full = Some(ProtocolError::TooManySessions);
    bob.fill_sessions(0);
    let before = bob.device.records();
    assert_eq!(bob.device.initiate(&to_carol, bob.now, &mut bob.rng).err(), full);
    let reset = bob.device.reset(&to_alice, &[], Reset::ByHand, bob.now, &mut bob.rng);
    assert_eq!(reset.err(), full);
    assert_eq!(bob.device.decrypt(&from_carol, bob.now, &mut bob.rng).err(), full);
    bob.now_has(&before);
    bob.device.sessions.pop_first();
    assert!(bob.device.initiate(&to_carol, bob.now, &mut bob.rng).is_ok(), "one place is free");
    assert!(bob.device.decrypt(&from_carol, bob.now, &mut bob.rng).is_ok());
}

/// MSG-19
#[test]
fn what_waits_is_bounded_over_all_peers() {
    let mut bob = Party::new(2);
    for seed in 10..16 {
        let mut peer = Party::new(seed);
        peer.initiate(&bob.bundle(true)).expect("begins");
        bob.hears(&peer.send(&bob.id(), "hello"), "hello");
        peer.hears(&bob.send(&peer.id(), "answer"), "answer");
        let via = mailbox(&bob, &peer.id());
        for _ in 0..MAX_WAITING / 5 {
            let mut envelope = peer.send(&bob.id(), "altered on its way");
            *envelope.last_mut().expect("not empty") ^= 1;
            let step = bob.device.receive(&envelope, Some(&via), bob.now, &mut bob.rng);
            let outcomes = step.commit(|c| bob.store.apply(c)).expect("stored");
            let is_last = bob.device.waiting_count() == MAX_WAITING;
            let waits = matches!(outcomes.iter().next(), Some(Outcome::Pending { .. }));
            assert!(waits || is_last, "{outcomes:?}");
        }
    }
    bob.reload();
    assert_eq!(bob.device.waiting_count(), MAX_WAITING);
}

#[test]
fn what_is_said_of_unknown_peers_is_refused() {
    let (_, mut bob) = established();
    let stranger = Party::new(3);
    let (id, account) = (stranger.id(), stranger.device.account_id());
    let unknown = Some(ProtocolError::NoSession);
    assert_eq!(bob.device.close(&id).err(), unknown);
    assert_eq!(bob.device.accept(&id, true).err(), unknown);
    assert_eq!(bob.device.answer_identity(&account, &id, true).err(), unknown);
    assert!(bob.device.peer(&id).is_none());
    assert!(bob.device.peer_of_account(&account).is_none());
}

#[test]
fn what_is_so_already_is_not_written_again() {
    let (alice, mut bob) = established();
    assert!(bob.device.accept(&alice.id(), true).expect("known").changes().is_empty());
    assert!(!bob.device.accept(&alice.id(), false).expect("known").changes().is_empty());
    let medium = bob.device.prekeys(100, bob.now, &mut bob.rng);
    let medium = medium.commit(|c| bob.store.apply(c)).expect("stored").medium.id;
    let published = bob.device.published(medium);
    assert!(!published.changes().is_empty());
    published.commit(|c| bob.store.apply(c)).expect("stored");
    bob.reload();
    assert!(bob.device.published(medium).changes().is_empty());
}

#[test]
fn the_front_door_is_the_devices_own() {
    let (alice, bob) = established();
    let front_door = bob.device.front_door_key();
    let signature = bob.device.sign_for_relay(&front_door, b"a request").expect("its own");
    let key = bob.device.cert().device_key.as_bytes();
    assert!(crate::crypto::sign::verify_bytes(key, b"a request", &signature).is_ok());
    assert!(alice.device.sign_for_relay(&front_door, b"a request").is_none());
    let seen = alice.device.peer(&bob.id()).expect("known").front_door();
    assert_eq!(seen, crate::identity::mailbox_id(&front_door));
}

#[test]
fn a_peer_is_seen_as_it_is() {
    let (alice, mut bob) = established();
    let view = bob.device.peer(&alice.id()).expect("known");
    assert_eq!(view.device_id(), alice.id());
    assert_eq!(view.account_key(), alice.device.account_key());
    assert_eq!(view.account_id(), alice.device.account_id());
    assert!(view.is_accepted() && !view.is_healing() && !view.is_closed());
    assert_eq!((view.heals_at(), view.clone_suspected()), (None, None));
    assert!(alloc::format!("{view:?}").starts_with("PeerView { device_id: "));
    let of_account = bob.device.peer_of_account(&alice.device.account_id()).expect("known");
    assert_eq!(of_account.device_id(), alice.id());

    let mut garbage = vec![7; 563];
    garbage[..2].copy_from_slice(&[2, 1]);
    garbage[14..16].copy_from_slice(&195_u16.to_be_bytes());
    let via = mailbox(&bob, &alice.id());
    bob.take(&garbage, Some(&via));
    let view = bob.device.peer(&alice.id()).expect("known");
    assert!(view.is_healing());
    assert_eq!(view.heals_at(), bob.device.next_reset());

    let step = bob.device.close(&alice.id()).expect("known");
    step.commit(|c| bob.store.apply(c)).expect("stored");
    bob.reload();
    let view = bob.device.peer(&alice.id()).expect("known");
    assert!(view.is_closed() && view.active().is_none());
}

/// Each of them has ended the session that is active here; what is inactive still receives.
#[test]
fn a_message_of_an_older_session_opens_when_the_newer_one_has_ended() {
    let (mut alice, mut bob) = established();
    let late = alice.send(&bob.id(), "late, on the first session");
    alice.initiate(&bob.bundle(true)).expect("begins");
    bob.hears(&alice.send(&bob.id(), "on the second"), "on the second");
    let close = alice.try_send(&bob.id(), &Content::control(&Control::Close)).expect("can send");
    assert_eq!(bob.receive(&close).expect("opens").ended, Some(SessionEnd::ByPeer));
    assert!(bob.device.peer(&alice.id()).expect("known").is_closed());
    bob.hears(&late, "late, on the first session");
    assert_eq!(active(&bob, &alice.id()), None, "it is not sent on");

    let step = bob.device.roll_back(bob.now, &mut bob.rng);
    let ended = step.commit(|c| bob.store.apply(c)).expect("stored");
    bob.reload();
    assert_eq!(ended, [alice.id()], "an inactive session ends with the others");
    let step = bob.device.roll_back(bob.now, &mut bob.rng);
    assert_eq!(step.commit(|c| bob.store.apply(c)), Ok(vec![]), "nothing is left to end");
    bob.reload();
}

#[test]
fn who_begins_anew_while_a_reset_is_due_waits_for_the_answer() {
    let (mut alice, mut bob) = established();
    let mut damaged = alice.send(&bob.id(), "altered on its way");
    *damaged.last_mut().expect("not empty") ^= 1;
    let via = mailbox(&bob, &alice.id());
    bob.take(&damaged, Some(&via));
    assert!(bob.device.next_reset().is_some());
    bob.initiate(&alice.bundle(true)).expect("a person begins anew");
    assert_eq!(bob.device.next_reset(), None, "it is no longer due");
    assert!(bob.device.peer(&alice.id()).expect("known").is_healing());
    let hello = bob.send(&alice.id(), "anew");
    assert_eq!(texts(&alice.take(&hello, None)), ["anew"]);
    let answer = alice.send(&bob.id(), "answer");
    let outcomes = bob.take(&answer, None);
    assert!(outcomes.contains(&Outcome::Healed { peer: alice.id() }), "{outcomes:?}");
    assert!(!bob.device.peer(&alice.id()).expect("known").is_healing());
}

#[test]
fn an_answer_that_closes_the_new_session_heals_nothing() {
    let (mut alice, mut bob) = established();
    let mut damaged = alice.send(&bob.id(), "altered on its way");
    *damaged.last_mut().expect("not empty") ^= 1;
    let via = mailbox(&bob, &alice.id());
    bob.take(&damaged, Some(&via));
    bob.initiate(&alice.bundle(true)).expect("begins");
    let hello = bob.send(&alice.id(), "anew");
    alice.take(&hello, None);
    let close = alice.try_send(&bob.id(), &Content::control(&Control::Close)).expect("can send");
    let outcomes = bob.take(&close, None);
    assert!(!outcomes.contains(&Outcome::Healed { peer: alice.id() }), "{outcomes:?}");
    assert!(bob.device.peer(&alice.id()).expect("known").is_closed());
}

#[test]
fn on_a_closed_session_nothing_is_sent() {
    let (alice, mut bob) = established();
    let id = alice.id();
    let step = bob.device.close(&id).expect("known");
    step.commit(|c| bob.store.apply(c)).expect("stored");
    bob.reload();
    let closed = Some(ProtocolError::Closed);
    assert_eq!(bob.device.heal(&id, bob.now, &mut bob.rng).err(), closed);
    let relay = "ws://127.0.0.1:9";
    let announced = bob.device.announce_mailbox(&id, relay, bob.now, &mut bob.rng);
    assert_eq!(announced.err(), closed);
    let mode = kuvert_wire::transcript::Mode::Signed;
    let started = bob.device.start_transcript(&id, mode, bob.now, &mut bob.rng);
    assert_eq!(started.err(), closed);
}
