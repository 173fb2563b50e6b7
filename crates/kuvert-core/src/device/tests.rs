//! Devices against each other, over stores that check every version and reload after every step.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use kuvert_wire::frame::MAX_BODY;
use kuvert_wire::{
    AccountKey, Control, Decode, DeviceId, Encode, FrameType, InitPrefix, MessageId, Receipt,
    Timestamp,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;
use crate::error::ProtocolError;
use crate::limits::{INACTIVE_AGE, MAX_TAKEOVERS, UNANSWERED_AGE};
use crate::prekey::VerifiedBundle;
use crate::record::{Change, Key, Record};
use crate::session::Status;

/// A store in memory that is strict about versions.
#[derive(Clone, Default, PartialEq, Debug)]
struct Records(BTreeMap<Key, Record>);

impl Records {
    fn apply(&mut self, changes: &crate::Changes) -> Result<(), ProtocolError> {
        for change in changes.iter() {
            let version = self.0.get(change.key()).map_or(Version::ABSENT, |r| r.version);
            assert_eq!(version, change.expected(), "{change:?}");
            match change {
                Change::Put { key, expected, value } => {
                    let (version, value) = (expected.next(), value.clone());
                    self.0.insert(key.clone(), Record { key: key.clone(), version, value });
                }
                Change::Delete { key, .. } => drop(self.0.remove(key)),
            }
        }
        Ok(())
    }
}

struct Party {
    device: Device,
    store: Records,
    rng: ChaCha20Rng,
    now: Timestamp,
}

impl Party {
    fn new(seed: u64) -> Self {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut store = Records::default();
        let device = Device::create(now, &mut rng).commit(|c| store.apply(c)).expect("stored");
        Self { device, store, rng, now }
    }

    /// The device as its records have it.
    fn reload(&mut self) {
        let records: Vec<_> = self.store.0.values().cloned().collect();
        self.device = Device::load(records).expect("its own records");
    }

    fn bundle(&mut self, with_one_time: bool) -> VerifiedBundle {
        let account = self.device.account_id();
        let step = self.device.bundle(with_one_time, self.now, &mut self.rng);
        let bundle = step.commit(|c| self.store.apply(c)).expect("stored");
        self.reload();
        VerifiedBundle::verify(bundle, &account, self.now).expect("a good bundle")
    }

    fn initiate(&mut self, bundle: &VerifiedBundle) -> Result<DeviceId, ProtocolError> {
        let step = self.device.initiate(bundle, self.now, &mut self.rng)?;
        let peer = step.commit(|c| self.store.apply(c))?;
        self.reload();
        Ok(peer)
    }

    fn send(&mut self, peer: &DeviceId, text: &str) -> Vec<u8> {
        self.try_send(peer, &Content::text(text)).expect("can send")
    }

    fn try_send(&mut self, peer: &DeviceId, content: &Content) -> Result<Vec<u8>, ProtocolError> {
        self.now = self.now.saturating_add(Duration::from_millis(1));
        let step = self.device.encrypt(peer, content, self.now, &mut self.rng)?;
        let outgoing = step.commit(|c| self.store.apply(c))?;
        self.reload();
        Ok(outgoing.envelope)
    }

    fn receive(&mut self, envelope: &[u8]) -> Result<Received, ProtocolError> {
        let before = self.store.clone();
        let step = self.device.decrypt(envelope, self.now, &mut self.rng);
        let received = step.and_then(|step| step.commit(|c| self.store.apply(c)));
        assert!(received.is_ok() || self.store == before, "an error changed the state");
        self.reload();
        received
    }

    fn hears(&mut self, envelope: &[u8], text: &str) -> Received {
        let received = self.receive(envelope).expect("opens");
        assert_eq!(core::str::from_utf8(&received.frame.body), Ok(text));
        received
    }

    fn id(&self) -> DeviceId {
        *self.device.device_id()
    }

    fn status_with(&self, peer: &DeviceId) -> Option<Status> {
        Some(self.device.peer(peer)?.active()?.status)
    }
}

/// Alice has begun a session with Bob and nothing has been sent yet.
fn begun(with_one_time: bool) -> (Party, Party) {
    let (mut alice, mut bob) = (Party::new(1), Party::new(2));
    let bundle = bob.bundle(with_one_time);
    alice.initiate(&bundle).expect("begins");
    (alice, bob)
}

/// Both have heard each other.
fn established() -> (Party, Party) {
    let (mut alice, mut bob) = begun(true);
    let hello = alice.send(&bob.id(), "hello");
    bob.hears(&hello, "hello");
    let answer = bob.send(&alice.id(), "answer");
    alice.hears(&answer, "answer");
    (alice, bob)
}

#[test]
fn two_people_talk() {
    let (mut alice, mut bob) = established();
    for round in 0..30 {
        let text = alloc::format!("message {round}");
        let there = alice.send(&bob.id(), &text);
        assert!(!bob.hears(&there, &text).begins_session);
        let back = bob.send(&alice.id(), &text);
        assert_eq!(alice.hears(&back, &text).account, *bob.device.account_key());
    }
}

#[test]
fn the_prefix_is_repeated_until_the_first_answer() {
    let (mut alice, mut bob) = begun(true);
    let sent: Vec<_> = (0..5).map(|n| alice.send(&bob.id(), &alloc::format!("{n}"))).collect();
    assert!(sent.iter().all(|envelope| envelope.len() == 563 + InitPrefix::LEN));
    for (n, envelope) in sent.iter().enumerate().rev() {
        let received = bob.hears(envelope, &alloc::format!("{n}"));
        assert_eq!(received.begins_session, n == 4);
    }
    assert_eq!(bob.device.sessions().count(), 1);
    assert_eq!(alice.status_with(&bob.id()), Some(Status::AwaitingReply));
    let answer = bob.send(&alice.id(), "answer");
    alice.hears(&answer, "answer");
    assert_eq!(alice.status_with(&bob.id()), Some(Status::Established));
    assert_eq!(alice.send(&bob.id(), "later").len(), 563);
}

#[test]
fn a_one_time_prekey_is_erased_by_its_first_use() {
    let (mut alice, mut bob) = begun(true);
    assert_eq!(bob.device.one_time_count(), 1);
    let hello = alice.send(&bob.id(), "hello");
    bob.hears(&hello, "hello");
    assert_eq!(bob.device.one_time_count(), 0);
}

#[test]
fn a_weak_start_is_marked_until_the_first_round_trip() {
    let (mut alice, mut bob) = begun(false);
    let weak = |party: &Party| party.device.sessions().all(|session| session.weak_start);
    let hello = alice.send(&bob.id(), "hello");
    bob.hears(&hello, "hello");
    assert!(weak(&alice) && weak(&bob));
    let answer = bob.send(&alice.id(), "answer");
    alice.hears(&answer, "answer");
    assert!(!weak(&alice) && weak(&bob));
    let third = alice.send(&bob.id(), "third");
    bob.hears(&third, "third");
    assert!(!weak(&bob));
}

#[test]
fn every_flipped_byte_is_refused_and_changes_nothing() {
    let (mut alice, mut bob) = begun(true);
    let first = alice.send(&bob.id(), "first");
    let refuses_all = |bob: &mut Party, envelope: &[u8]| {
        for at in (0..envelope.len()).step_by(7).chain(0..20) {
            let mut bad = envelope.to_vec();
            bad[at] ^= 1 << (at % 8);
            assert!(bob.receive(&bad).is_err(), "byte {at}");
        }
    };
    refuses_all(&mut bob, &first);
    bob.hears(&first, "first");
    let repeated = alice.send(&bob.id(), "repeated prefix");
    refuses_all(&mut bob, &repeated);
    bob.hears(&repeated, "repeated prefix");
}

fn active(party: &Party, peer: &DeviceId) -> Option<kuvert_wire::SessionId> {
    Some(party.device.peer(peer)?.active()?.session)
}

#[test]
fn both_begin_at_once_and_no_message_is_lost() {
    let (mut alice, mut bob) = (Party::new(1), Party::new(2));
    let (for_alice, for_bob) = (bob.bundle(true), alice.bundle(true));
    alice.initiate(&for_alice).expect("begins");
    bob.initiate(&for_bob).expect("begins");
    let (alice_id, bob_id) = (alice.id(), bob.id());
    let from_alice: Vec<_> = (0..3).map(|n| alice.send(&bob_id, &alloc::format!("{n}"))).collect();
    let from_bob: Vec<_> = (0..3).map(|n| bob.send(&alice_id, &alloc::format!("{n}"))).collect();
    for (n, (a, b)) in from_alice.iter().zip(&from_bob).enumerate() {
        bob.hears(a, &alloc::format!("{n}"));
        alice.hears(b, &alloc::format!("{n}"));
    }
    assert_eq!(active(&alice, &bob_id), active(&bob, &alice_id));
    let later = alice.send(&bob_id, "later");
    bob.hears(&later, "later");
    let back = bob.send(&alice_id, "back");
    alice.hears(&back, "back");
}

/// Two devices, the one with the lower id first.
fn leader_and_follower() -> (Party, Party) {
    let (one, other) = (Party::new(1), Party::new(2));
    if one.id() < other.id() { (one, other) } else { (other, one) }
}

#[test]
fn the_follower_comes_to_the_session_that_the_leader_sends_on() {
    let (mut alice, mut bob) = leader_and_follower();
    let (for_alice, for_bob) = (bob.bundle(true), alice.bundle(true));
    alice.initiate(&for_alice).expect("begins");
    bob.initiate(&for_bob).expect("begins");
    let from_alice = alice.send(&bob.id(), "alice's first");
    let from_bob = bob.send(&alice.id(), "bob's first, late");
    bob.hears(&from_alice, "alice's first");
    let answer = bob.send(&alice.id(), "answer on alice's");
    alice.hears(&answer, "answer on alice's");
    alice.hears(&from_bob, "bob's first, late");
    assert_ne!(active(&alice, &bob.id()), active(&bob, &alice.id()));
    let there = alice.send(&bob.id(), "on bob's");
    bob.hears(&there, "on bob's");
    assert_eq!(active(&alice, &bob.id()), active(&bob, &alice.id()));
    let back = bob.send(&alice.id(), "back");
    alice.hears(&back, "back");
}

#[test]
fn two_that_crossed_do_not_swap_for_ever() {
    let (mut alice, mut bob) = leader_and_follower();
    bob.initiate(&alice.bundle(true)).expect("begins");
    let first = bob.send(&alice.id(), "bob's first");
    alice.initiate(&bob.bundle(true)).expect("begins");
    let from_alice = alice.send(&bob.id(), "alice's first");
    bob.initiate(&alice.bundle(true)).expect("begins");
    let second = bob.send(&alice.id(), "bob's second");
    alice.hears(&first, "bob's first");
    alice.hears(&second, "bob's second");
    bob.hears(&from_alice, "alice's first");
    let (there, back) = (alice.send(&bob.id(), "there"), bob.send(&alice.id(), "back"));
    bob.hears(&there, "there");
    alice.hears(&back, "back");
    assert_eq!(active(&alice, &bob.id()), active(&bob, &alice.id()));
}

#[test]
fn a_late_answer_to_a_session_we_replaced_does_not_bring_it_back() {
    let (mut bob, mut alice) = leader_and_follower();
    alice.initiate(&bob.bundle(true)).expect("begins");
    let first = alice.send(&bob.id(), "first");
    bob.hears(&first, "first");
    let late = bob.send(&alice.id(), "late answer");
    alice.initiate(&bob.bundle(true)).expect("begins anew");
    let second = alice.send(&bob.id(), "second");
    bob.hears(&second, "second");
    let answer = bob.send(&alice.id(), "answer");
    alice.hears(&answer, "answer");
    alice.hears(&late, "late answer");
    assert_eq!(active(&alice, &bob.id()), active(&bob, &alice.id()));
}

#[test]
fn strangers_cannot_fill_all_places() {
    let (mut alice, mut bob) = begun(true);
    let hello = alice.send(&bob.id(), "hello");
    bob.hears(&hello, "hello");
    let first = bob.device.sessions().next().expect("one").session;
    // Sessions of strangers, as if each had come by a first message of its own.
    let record = bob.store.0.get(&Key::new("session", first)).expect("stored").value.clone();
    for n in 0..crate::limits::MAX_UNANSWERED_SESSIONS {
        let mut id = [0xee; 16];
        id[..8].copy_from_slice(&u64::try_from(n).expect("fits").to_be_bytes());
        let mut session = Session::decode(&record).expect("its own bytes");
        session.head.id = kuvert_wire::SessionId::from_bytes(id);
        let mut cert = alice.device.cert().clone();
        cert.device_key =
            kuvert_wire::DeviceKey::from_bytes([id, id].concat().try_into().expect("32"));
        let mut peer = Peer::new(cert);
        peer.active = Some(session.head.id);
        session.head.peer = peer.device_id();
        session.head.created = Timestamp::from_millis(u64::try_from(n).expect("fits"));
        let effects = vec![
            Effect::PutPeer(alloc::boxed::Box::new(peer)),
            Effect::BeginSession(alloc::boxed::Box::new(session)),
        ];
        bob.device.step(effects, ()).commit(|c| bob.store.apply(c)).expect("stored");
    }
    let before = bob.device.sessions().count();
    let mut carol = Party::new(3);
    let bundle = bob.bundle(true);
    carol.initiate(&bundle).expect("begins");
    let envelope = carol.send(&bob.id(), "hello from carol");
    bob.hears(&envelope, "hello from carol");
    assert_eq!(bob.device.sessions().count(), before, "the oldest made room");
    assert_eq!(bob.device.peers().count(), before, "and is forgotten");
    assert!(bob.device.sessions().any(|session| session.session == first));
}

#[test]
fn a_second_beginning_of_the_peer_is_no_tie() {
    let (mut alice, mut bob) = leader_and_follower();
    alice.initiate(&bob.bundle(true)).expect("begins");
    for (text, is_ours_active) in [("first", true), ("second", false)] {
        bob.initiate(&alice.bundle(true)).expect("begins");
        let envelope = bob.send(&alice.id(), text);
        alice.hears(&envelope, text);
        let facts = alice.device.peer(&bob.id()).and_then(|peer| peer.active()).expect("active");
        assert_eq!(facts.begun_by_us, is_ours_active);
    }
}

#[test]
fn a_late_mailbox_name_does_not_displace_a_newer_one() {
    let (mut alice, mut bob) = established();
    let (alice_id, bob_id) = (alice.id(), bob.id());
    let announce = |alice: &mut Party| {
        alice.now = alice.now.saturating_add(Duration::from_secs(8 * 86_400));
        let relay = "ws://127.0.0.1:9";
        let step = alice.device.announce_mailbox(&bob_id, relay, alice.now, &mut alice.rng);
        let outgoing = step.expect("can send").commit(|c| alice.store.apply(c)).expect("stored");
        alice.reload();
        outgoing.envelope
    };
    let (old, new) = (announce(&mut alice), announce(&mut alice));
    bob.receive(&new).expect("opens");
    bob.receive(&old).expect("opens");
    let content = Content::text("tea");
    let step = bob.device.encrypt(&alice_id, &content, bob.now, &mut bob.rng).expect("can send");
    let route = step.commit(|c| bob.store.apply(c)).expect("stored").route;
    let newest = alice.device.mailboxes().find(|m| m.peer == Some(bob_id)).expect("has one");
    assert_eq!(route.mailbox, crate::identity::mailbox_id(&newest.key));
}

/// IDN-6
#[test]
fn our_own_device_under_another_account_is_refused() {
    let alice = Party::new(1);
    let mut cert = alice.device.cert().clone();
    cert.account_key = AccountKey::from_bytes([9; 32]);
    let refused = alice.device.pinned(alice.device.device_id(), &cert).err();
    assert_eq!(refused, Some(ProtocolError::BadKey));
}

/// AGR-7
#[test]
fn a_first_message_that_does_not_open_erases_no_prekey() {
    let (mut alice, mut bob) = begun(true);
    let mut envelope = alice.send(&bob.id(), "hello");
    let last = envelope.len() - 1;
    envelope[last] ^= 1;
    assert_eq!(bob.receive(&envelope), Err(ProtocolError::Undecryptable));
    envelope[2 + InitPrefix::LEN] ^= 1;
    assert_eq!(bob.receive(&envelope), Err(ProtocolError::Undecryptable));
    assert_eq!(bob.device.one_time_count(), 1);
    envelope[2 + InitPrefix::LEN] ^= 1;
    envelope[last] ^= 1;
    bob.hears(&envelope, "hello");
}

/// AGR-2 AGR-3 AGR-8
#[test]
fn a_replayed_first_message_makes_no_second_session() {
    for (with_one_time, error) in
        [(true, ProtocolError::UnknownPrekey), (false, ProtocolError::Duplicate)]
    {
        let (mut alice, mut bob) = begun(with_one_time);
        let hello = alice.send(&bob.id(), "hello");
        bob.hears(&hello, "hello");
        assert_eq!(bob.receive(&hello), Err(ProtocolError::Duplicate));
        let peer = alice.id();
        let step = bob.device.close(&peer).expect("known");
        step.commit(|c| bob.store.apply(c)).expect("stored");
        bob.reload();
        assert_eq!(bob.receive(&hello), Err(error));
        assert_eq!(bob.device.sessions().count(), 0);
    }
}

/// AGR-9
#[test]
fn a_repeated_prefix_is_the_one_that_began_the_session() {
    let (mut alice, mut bob) = begun(true);
    let hello = alice.send(&bob.id(), "hello");
    bob.hears(&hello, "hello");
    let mut again = alice.send(&bob.id(), "again");
    for at in [4, 8, 2 + InitPrefix::LEN - 1] {
        again[at] ^= 1;
        assert_eq!(bob.receive(&again), Err(ProtocolError::Undecryptable), "byte {at}");
        again[at] ^= 1;
    }
    bob.hears(&again, "again");
}

/// IDN-3
#[test]
fn a_device_under_another_account_is_refused() {
    let (mut alice, mut bob) = established();
    let bundle = bob.bundle(true);
    let id = bob.id();
    let peer = &mut alice.device.peers.get_mut(&id).expect("known").value;
    peer.cert.account_key = AccountKey::from_bytes([9; 32]);
    let refused = alice.device.initiate(&bundle, alice.now, &mut alice.rng);
    assert_eq!(refused.err(), Some(ProtocolError::IdentityChanged));
}

#[test]
fn the_pin_holds_for_first_messages_too() {
    let (mut alice, mut bob) = established();
    let bundle = bob.bundle(true);
    alice.initiate(&bundle).expect("begins");
    let hello = alice.send(&bob.id(), "hello");
    let id = alice.id();
    let peer = &mut bob.device.peers.get_mut(&id).expect("known").value;
    peer.cert.account_key = AccountKey::from_bytes([9; 32]);
    let refused = bob.device.decrypt(&hello, bob.now, &mut bob.rng);
    assert_eq!(refused.err(), Some(ProtocolError::IdentityChanged));
}

/// IDN-6
#[test]
fn nobody_talks_to_themselves() {
    let mut alice = Party::new(1);
    let bundle = alice.bundle(true);
    assert_eq!(alice.initiate(&bundle), Err(ProtocolError::BadKey));
}

#[test]
fn own_envelopes_sent_back_are_refused() {
    let (mut alice, bob) = begun(true);
    let hello = alice.send(&bob.id(), "hello");
    assert_eq!(alice.receive(&hello), Err(ProtocolError::UnknownPrekey));
    let (mut alice, bob) = established();
    let later = alice.send(&bob.id(), "later");
    assert_eq!(alice.receive(&later), Err(ProtocolError::Undecryptable));
}

fn body(frame_type: FrameType, body: &[u8]) -> Content {
    let mut content = Content::text("");
    content.frame_type = frame_type;
    content.body = zeroize::Zeroizing::new(body.to_vec());
    content
}

/// MSG-9
#[test]
fn a_body_follows_the_layout_of_its_type() {
    let bad = [
        body(FrameType::Message, &[0xff, 0xfe]),
        body(FrameType::Receipt, &[1, 0]),
        body(FrameType::Control, &[99]),
        body(FrameType::Control, &[]),
    ];
    for content in bad {
        let (mut alice, mut bob) = established();
        let envelope = alice.try_send(&bob.id(), &content).expect("can send");
        assert_eq!(bob.receive(&envelope), Err(ProtocolError::Malformed));
        let later = alice.send(&bob.id(), "later");
        bob.hears(&later, "later");
    }
}

/// MSG-11
#[test]
fn a_text_that_does_not_fit_is_refused_and_nothing_is_spent() {
    let (mut alice, mut bob) = established();
    let text: String = core::iter::repeat_n('x', MAX_BODY + 1).collect();
    let refused = alice.try_send(&bob.id(), &Content::text(&text));
    assert_eq!(refused, Err(ProtocolError::TooLarge));
    let envelope = alice.send(&bob.id(), &text[1..]);
    bob.hears(&envelope, &text[1..]);
}

/// MSG-12
#[test]
fn a_peer_takes_over_five_times_a_day() {
    let (mut alice, mut bob) = established();
    for takeover in 0..=MAX_TAKEOVERS {
        let bundle = bob.bundle(true);
        alice.initiate(&bundle).expect("begins");
        let envelope = alice.send(&bob.id(), "again");
        if takeover < MAX_TAKEOVERS {
            bob.hears(&envelope, "again");
            let answer = bob.send(&alice.id(), "answer");
            alice.hears(&answer, "answer");
        } else {
            assert_eq!(bob.receive(&envelope), Err(ProtocolError::TooManySessions));
            bob.now = bob.now.saturating_add(Duration::from_secs(25 * 3600));
            bob.hears(&envelope, "again");
        }
    }
}

/// MSG-13
#[test]
fn an_inactive_session_does_not_send_but_receives() {
    let (mut alice, mut bob) = established();
    let late = bob.send(&alice.id(), "late");
    let bundle = bob.bundle(true);
    let id = bob.id();
    let old = alice.device.peer(&id).and_then(|peer| peer.active()).expect("active").session;
    alice.initiate(&bundle).expect("begins");
    alice.hears(&late, "late");
    let session = &alice.device.sessions[&old].value;
    assert_eq!(session.head.status, Status::Inactive);
    let frame = kuvert_wire::Frame {
        frame_type: FrameType::Message,
        sent: alice.now,
        message_id: MessageId::from_bytes([0; 16]),
        expire_seconds: 0,
        body: vec![],
    };
    let refused = session.seal(&frame.as_ref(), alice.now, &mut alice.rng).err();
    assert_eq!(refused, Some(ProtocolError::NoSession));
}

/// MSG-14
#[test]
fn a_closed_session_neither_sends_nor_receives() {
    let (mut alice, mut bob) = established();
    let late = alice.send(&bob.id(), "late");
    let close = alice.try_send(&bob.id(), &Content::control(&Control::Close)).expect("can send");
    assert_eq!(bob.receive(&close).expect("opens").ended, Some(SessionEnd::ByPeer));
    assert_eq!(bob.receive(&late), Err(ProtocolError::Undecryptable));
    let refused = bob.try_send(&alice.id(), &Content::text("answer"));
    assert_eq!(refused, Err(ProtocolError::Closed));
    assert!(bob.store.0.keys().all(|key| !key.as_str().starts_with("session/")));
}

#[test]
fn an_unknown_peer_has_no_session() {
    let mut alice = Party::new(1);
    let stranger = DeviceId::from_bytes([7; 16]);
    let refused = alice.try_send(&stranger, &Content::text("hello"));
    assert_eq!(refused, Err(ProtocolError::NoSession));
}

#[test]
fn sessions_end_when_their_time_is_over() {
    let (mut alice, bob) = begun(true);
    alice.now = alice.now.saturating_add(UNANSWERED_AGE).saturating_add(Duration::from_secs(1));
    let refused = alice.try_send(&bob.id(), &Content::text("hello"));
    assert_eq!(refused, Err(ProtocolError::Closed));
    alice.device.tidy(alice.now).commit(|c| alice.store.apply(c)).expect("stored");
    alice.reload();
    assert_eq!(alice.device.sessions().count(), 0);

    let (mut alice, mut bob) = established();
    alice.initiate(&bob.bundle(true)).expect("begins");
    assert_eq!(alice.device.sessions().count(), 2);
    alice.now = alice.now.saturating_add(INACTIVE_AGE).saturating_add(Duration::from_secs(1));
    alice.device.tidy(alice.now).commit(|c| alice.store.apply(c)).expect("stored");
    alice.reload();
    assert_eq!(alice.device.sessions().count(), 0, "one was inactive, one unanswered");
}

#[test]
fn three_inactive_sessions_are_kept() {
    let (mut alice, mut bob) = established();
    for _ in 0..5 {
        let bundle = bob.bundle(true);
        alice.initiate(&bundle).expect("begins");
        assert!(alice.device.sessions().count() <= 4);
    }
    assert_eq!(alice.device.sessions().count(), 4);
}

#[test]
fn a_full_replay_cache_turns_the_medium_prekey() {
    let (mut alice, mut bob) = begun(false);
    let medium = *bob.device.mediums.keys().next().expect("has one");
    for n in 0..u64::try_from(crate::limits::MAX_REPLAY_CACHE).expect("fits") {
        let mut init = [0; 32];
        init[..8].copy_from_slice(&n.to_be_bytes());
        let init = InitId::from_bytes(init);
        bob.device
            .step(vec![Effect::RememberInit(medium, init)], ())
            .commit(|c| bob.store.apply(c))
            .expect("stored");
    }
    let hello = alice.send(&bob.id(), "hello");
    bob.hears(&hello, "hello");
    assert!(bob.device.replays.is_empty());
    assert!(!bob.device.mediums.contains_key(&medium));
    assert!(bob.device.is_publishing_due(100, bob.now), "the new one has to be published");
}

#[test]
fn prekeys_are_kept_in_stock() {
    let mut bob = Party::new(2);
    assert!(bob.device.is_publishing_due(100, bob.now));
    let upload = bob.device.prekeys(0, bob.now, &mut bob.rng);
    let upload = upload.commit(|c| bob.store.apply(c)).expect("stored");
    assert_eq!(upload.one_time.len(), 100);
    bob.device.published(upload.medium.id).commit(|c| bob.store.apply(c)).expect("stored");
    bob.reload();
    assert!(!bob.device.is_publishing_due(25, bob.now));
    assert!(bob.device.is_publishing_due(24, bob.now));
    for _ in 0..3 {
        let upload = bob.device.prekeys(0, bob.now, &mut bob.rng);
        upload.commit(|c| bob.store.apply(c)).expect("stored");
        bob.reload();
    }
    assert_eq!(bob.device.one_time_count(), 200);

    bob.now = bob.now.saturating_add(Duration::from_secs(8 * 86_400));
    assert!(bob.device.is_publishing_due(100, bob.now));
    let turned = bob.device.prekeys(100, bob.now, &mut bob.rng);
    let turned = turned.commit(|c| bob.store.apply(c)).expect("stored");
    assert_ne!(turned.medium.id, upload.medium.id);
    assert!(turned.one_time.is_empty());
    bob.now = bob.now.saturating_add(Duration::from_secs(37 * 86_400));
    bob.device.tidy(bob.now).commit(|c| bob.store.apply(c)).expect("stored");
    bob.reload();
    assert!(!bob.device.mediums.contains_key(&upload.medium.id));
}

#[test]
fn mailboxes_are_named_inside_the_session() {
    let (mut alice, mut bob) = established();
    let (alice_id, bob_id) = (alice.id(), bob.id());
    assert!(alice.device.is_announcement_due(&bob_id, alice.now));
    let step =
        alice.device.announce_mailbox(&bob_id, "ws://127.0.0.1:9", alice.now, &mut alice.rng);
    let outgoing = step.expect("can send").commit(|c| alice.store.apply(c)).expect("stored");
    alice.reload();
    assert!(!alice.device.is_announcement_due(&bob_id, alice.now));
    bob.receive(&outgoing.envelope).expect("opens");
    let content = Content::text("to the mailbox");
    let step = bob.device.encrypt(&alice_id, &content, bob.now, &mut bob.rng);
    let outgoing = step.expect("can send").commit(|c| bob.store.apply(c)).expect("stored");
    bob.reload();
    assert_eq!(outgoing.route.relay, "ws://127.0.0.1:9");
    let mailbox = alice.device.mailboxes().find(|m| m.peer == Some(bob_id)).expect("has one");
    assert_eq!(crate::identity::mailbox_id(&mailbox.key), outgoing.route.mailbox);
    let token = outgoing.route.token.expect("needs one");
    assert!(mailbox.token_hashes().eq([crate::identity::token_id(&token)]));
    assert!(alice.device.sign_for_relay(&mailbox.key, b"a request").is_some());
    assert!(bob.device.sign_for_relay(&mailbox.key, b"a request").is_none());

    alice.now = alice.now.saturating_add(Duration::from_secs(8 * 86_400));
    assert!(alice.device.is_announcement_due(&bob_id, alice.now));
    let step =
        alice.device.announce_mailbox(&bob_id, "ws://127.0.0.1:9", alice.now, &mut alice.rng);
    step.expect("can send").commit(|c| alice.store.apply(c)).expect("stored");
    alice.reload();
    assert_eq!(alice.device.mailboxes().filter(|m| m.peer == Some(bob_id)).count(), 2);
}

#[test]
fn healing_turns_the_post_quantum_ratchet_in_a_few_messages() {
    let (mut alice, mut bob) = established();
    let (alice_id, bob_id) = (alice.id(), bob.id());
    for (party, peer) in [(&mut alice, bob_id), (&mut bob, alice_id)] {
        let step = party.device.heal(&peer, party.now, &mut party.rng).expect("can send");
        drop(step);
    }
    for _ in 0..3 {
        for turn in [true, false] {
            let (from, to, peer) = if turn {
                (&mut alice, &mut bob, bob_id)
            } else {
                (&mut bob, &mut alice, alice_id)
            };
            let step = from.device.heal(&peer, from.now, &mut from.rng).expect("can send");
            let outgoing = step.commit(|c| from.store.apply(c)).expect("stored");
            from.reload();
            to.receive(&outgoing.envelope).expect("opens");
        }
    }
    let mixed = |party: &Party| party.device.sessions().map(|s| s.ratchet.pq_mixed).max();
    assert!(mixed(&alice) >= Some(1));
    assert!(mixed(&bob) >= Some(1));
}

#[test]
fn the_same_randomness_gives_the_same_bytes() {
    let run = || {
        let (mut alice, mut bob) = established();
        let there = alice.send(&bob.id(), "tea");
        bob.hears(&there, "tea");
        (there, bob.store)
    };
    assert_eq!(run(), run());
}

#[test]
fn receipts_are_delivered_whole() {
    let (mut alice, mut bob) = established();
    let receipt = Receipt { read: false, message_ids: vec![MessageId::from_bytes([3; 16])] };
    let envelope = alice.try_send(&bob.id(), &Content::receipt(&receipt)).expect("can send");
    let received = bob.receive(&envelope).expect("opens");
    assert_eq!(Receipt::decode(&received.frame.body), Ok(receipt));
    assert_eq!(Received::decode(&received.encode()), Ok(received));
}

#[test]
fn a_damaged_record_is_named_and_nothing_is_made_in_its_place() {
    let (alice, _) = established();
    for (key, record) in &alice.store.0 {
        let others = alice.store.0.values().filter(|other| other.key != *key).cloned();
        let mut bad = record.clone();
        bad.value.truncate(record.value.len() - 1);
        let unreadable = LoadError::Unreadable { key: key.clone() };
        let records: Vec<_> = others.chain([bad]).collect();
        assert_eq!(Device::load(records).err(), Some(unreadable));
    }
    assert_eq!(Device::load([]).err(), Some(LoadError::Absent));
}

#[test]
fn debug_shows_no_secret() {
    let (mut alice, bob) = established();
    let text = alloc::format!("{:?}", alice.device);
    let step = alice.device.encrypt(&bob.id(), &Content::text("tea"), alice.now, &mut alice.rng);
    let text = alloc::format!("{text} {:?}", step.expect("can send"));
    for record in alice.store.0.values() {
        for window in record.value.windows(16).step_by(16) {
            let hex: String = window.iter().map(|b| alloc::format!("{b:02x}")).collect();
            assert!(!text.contains(&hex), "{}", record.key);
        }
    }
    assert!(!text.contains("tea"));
}
