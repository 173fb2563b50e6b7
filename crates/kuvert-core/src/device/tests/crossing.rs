//! Several sessions with one peer: crossed, taken over, set aside, ended.

use super::*;
use crate::device::effect::session_value;
use crate::session::Begun;

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

impl Party {
    /// A session of a stranger's, as if it had come by a first message; the higher the number, the later.
    fn knows_stranger(&mut self, n: usize) -> Peer {
        let stored = self.device.sessions.values().next().expect("one to take after");
        let head = &stored.value.head;
        let record = session_value(head, &stored.value.ratchet.state);
        let mut cert = self.device.peers[&head.peer].value.cert.clone();
        let mut id = [0xee; 16];
        id[..8].copy_from_slice(&u64::try_from(n).expect("fits").to_be_bytes());
        let mut session = Session::decode(&record).expect("its own bytes");
        session.head.id = kuvert_wire::SessionId::from_bytes(id);
        let init = InitId::from_bytes([id, id].concat().try_into().expect("32"));
        session.head.begun = Begun::ByPeer { init, prefix_hash: [0; 32] };
        cert.device_key =
            kuvert_wire::DeviceKey::from_bytes([id, id].concat().try_into().expect("32"));
        let mut peer = Peer::new(cert);
        peer.active = Some(session.head.id);
        session.head.peer = peer.device_id();
        session.head.created = Timestamp::from_millis(u64::try_from(n).expect("fits"));
        let effects = vec![
            Effect::PutPeer(alloc::boxed::Box::new(peer.clone())),
            Effect::BeginSession(alloc::boxed::Box::new(session)),
        ];
        self.device.step(effects, ()).commit(|c| self.store.apply(c)).expect("stored");
        peer
    }
}

#[test]
fn strangers_cannot_fill_all_places() {
    let (mut alice, mut bob) = begun(true);
    let hello = alice.send(&bob.id(), "hello");
    bob.hears(&hello, "hello");
    let first = bob.device.sessions().next().expect("one").session;
    let others = crate::limits::MAX_UNANSWERED_SESSIONS - 1;
    (0..others).for_each(|n| drop(bob.knows_stranger(n)));
    let before = bob.device.sessions().count();
    assert_eq!(before, crate::limits::MAX_UNANSWERED_SESSIONS);
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
fn a_stranger_takes_no_place_while_there_are_others() {
    let (mut alice, mut bob) = begun(true);
    bob.hears(&alice.send(&bob.id(), "hello"), "hello");
    let mut carol = Party::new(3);
    carol.initiate(&bob.bundle(true)).expect("begins");
    bob.hears(&carol.send(&bob.id(), "hello from carol"), "hello from carol");
    assert_eq!(bob.device.sessions().count(), 2);
}

/// Who was accepted or answered is no stranger: neither makes room, nor counts.
#[test]
fn only_strangers_that_were_not_answered_make_room() {
    let (mut alice, mut bob) = begun(true);
    bob.hears(&alice.send(&bob.id(), "hello"), "hello");
    let strangers: Vec<_> =
        (0..crate::limits::MAX_UNANSWERED_SESSIONS).map(|n| bob.knows_stranger(n)).collect();
    let receipt = Receipt { read: false, message_ids: vec![MessageId::from_bytes([1; 16])] };
    bob.try_send(&alice.id(), &Content::receipt(&receipt)).expect("can send");
    assert!(!bob.device.peer(&alice.id()).expect("known").is_accepted());
    let accepted = strangers[0].device_id();
    let step = bob.device.accept(&accepted, true).expect("known");
    step.commit(|c| bob.store.apply(c)).expect("stored");
    for seed in [3, 4] {
        let before = bob.device.sessions().count();
        let mut newcomer = Party::new(seed);
        newcomer.initiate(&bob.bundle(true)).expect("begins");
        bob.hears(&newcomer.send(&bob.id(), "hello"), "hello");
        let is_free = seed == 3;
        assert_eq!(bob.device.sessions().count(), before + usize::from(is_free));
    }
    assert!(bob.device.peer(&accepted).expect("known").active().is_some());
    assert!(bob.device.peer(&strangers[1].device_id()).is_none(), "the oldest that is left");
}

/// The session that makes room may not be the only one of its stranger's.
#[test]
fn a_stranger_with_another_session_is_not_forgotten_with_its_oldest() {
    let (mut alice, mut bob) = begun(true);
    bob.hears(&alice.send(&bob.id(), "hello"), "hello");
    let strangers: Vec<_> =
        (0..crate::limits::MAX_UNANSWERED_SESSIONS).map(|n| bob.knows_stranger(n)).collect();
    let (oldest, newest) = (&strangers[0], &strangers[strangers.len() - 1]);
    let (first, last) = (oldest.active.expect("one"), newest.active.expect("one"));
    let (device, store) = (bob.device.records(), bob.store.clone());
    for (is_first_active, active, inactive) in [(false, last, first), (true, first, last)] {
        (bob.device, bob.store) =
            (Device::load(device.clone()).expect("its own records"), store.clone());
        let mut both = alloc::boxed::Box::new(oldest.clone());
        (both.active, both.inactive) = (Some(active), vec![(inactive, bob.now)]);
        let effects = vec![Effect::PutPeer(both)];
        bob.device.step(effects, ()).commit(|c| bob.store.apply(c)).expect("stored");
        let mut carol = Party::new(3);
        carol.initiate(&bob.bundle(true)).expect("begins");
        bob.hears(&carol.send(&bob.id(), "hello from carol"), "hello from carol");
        assert!(bob.device.sessions().all(|session| session.session != first), "it made room");
        let left = &bob.device.peers.get(&oldest.device_id()).expect("is not forgotten").value;
        let expected = if is_first_active { (None, vec![last]) } else { (Some(last), vec![]) };
        let inactive: Vec<_> = left.inactive.iter().map(|(session, _)| *session).collect();
        assert_eq!((left.active, inactive), expected);
    }
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

/// Which of two came first is not told by clocks: this one was ahead, and has been put right since.
#[test]
fn a_second_beginning_is_no_tie_whatever_the_clock_said_at_ours() {
    const SEASON: Duration = Duration::from_secs(60 * 24 * 3600);
    for is_ahead in [true, false] {
        let (mut alice, mut bob) = leader_and_follower();
        let right = alice.now;
        let bundle = bob.bundle(true);
        alice.now =
            if is_ahead { right.saturating_add(SEASON) } else { right.saturating_sub(SEASON) };
        alice.initiate(&bundle).expect("begins");
        alice.now = right;
        for (text, is_ours_active) in [("first", true), ("second", false)] {
            bob.initiate(&alice.bundle(true)).expect("begins");
            let envelope = bob.send(&alice.id(), text);
            alice.hears(&envelope, text);
            let facts = alice.device.peer(&bob.id()).and_then(|peer| peer.active());
            assert_eq!(facts.expect("active").begun_by_us, is_ours_active, "{is_ahead}, {text}");
        }
        let answer = alice.send(&bob.id(), "answer");
        bob.hears(&answer, "answer");
        assert_eq!(active(&alice, &bob.id()), active(&bob, &alice.id()));
    }
}

/// A new session of ours may be crossed once more.
#[test]
fn each_session_of_ours_has_a_tie_of_its_own() {
    let (mut alice, mut bob) = leader_and_follower();
    for _ in 0..2 {
        alice.initiate(&bob.bundle(true)).expect("begins");
        bob.initiate(&alice.bundle(true)).expect("begins");
        let from_bob = bob.send(&alice.id(), "crossing");
        alice.hears(&from_bob, "crossing");
        let facts = alice.device.peer(&bob.id()).and_then(|peer| peer.active());
        assert!(facts.expect("active").begun_by_us);
    }
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
        block: None,
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
    let millisecond = Duration::from_millis(1);
    let tidied = |party: &mut Party| {
        party.device.tidy(party.now).commit(|c| party.store.apply(c)).expect("stored");
        party.reload();
        party.device.sessions().count()
    };
    let (mut alice, bob) = begun(true);
    alice.now = alice.now.saturating_add(UNANSWERED_AGE);
    assert_eq!(tidied(&mut alice), 1, "its last moment");
    alice.now = alice.now.saturating_add(millisecond);
    let refused = alice.try_send(&bob.id(), &Content::text("hello"));
    assert_eq!(refused, Err(ProtocolError::Closed));
    assert_eq!(tidied(&mut alice), 0);

    let (mut alice, mut bob) = established();
    alice.initiate(&bob.bundle(true)).expect("begins");
    alice.now = alice.now.saturating_add(INACTIVE_AGE);
    assert_eq!(tidied(&mut alice), 2, "their last moment");
    alice.now = alice.now.saturating_add(millisecond);
    assert_eq!(tidied(&mut alice), 0, "one was inactive, one unanswered");
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

/// Its newest message says which session a peer sends on, whichever of its own it is.
#[test]
fn a_peer_that_goes_back_to_its_first_session_is_followed() {
    for (later, is_followed) in [(Duration::from_millis(1), true), (Duration::ZERO, false)] {
        let (mut alice, mut bob) = established();
        bob.hears(&alice.send(&bob.id(), "on the first"), "on the first");
        let first = active(&bob, &alice.id());
        let copy = alice.store.clone();
        alice.initiate(&bob.bundle(true)).expect("begins");
        let heard = bob.hears(&alice.send(&bob.id(), "on the second"), "on the second");
        let second = active(&bob, &alice.id());
        assert_ne!(second, first);
        alice.put_back(copy);
        let content =
            Content::text("on the first again").dated(heard.frame.sent.saturating_add(later));
        let envelope = alice.try_send(&bob.id(), &content).expect("can send");
        bob.hears(&envelope, "on the first again");
        let (sends, receives) = if is_followed { (first, second) } else { (second, first) };
        assert_eq!(active(&bob, &alice.id()), sends);
        let inactive = &bob.device.peers[&alice.id()].value.inactive;
        assert_eq!(inactive.iter().map(|(id, _)| Some(*id)).collect::<Vec<_>>(), [receives]);
    }
}

/// Which of two sessions that we have begun is sent on is ours to say.
#[test]
fn a_peer_that_goes_back_to_a_session_of_ours_is_not_followed() {
    let (mut alice, mut bob) = leader_and_follower();
    bob.initiate(&alice.bundle(true)).expect("begins");
    alice.hears(&bob.send(&alice.id(), "first"), "first");
    let answer = alice.send(&bob.id(), "on the first");
    bob.hears(&answer, "on the first");
    let copy = alice.store.clone();
    bob.initiate(&alice.bundle(true)).expect("begins anew");
    alice.hears(&bob.send(&alice.id(), "second"), "second");
    bob.hears(&alice.send(&bob.id(), "on the second"), "on the second");
    let second = active(&bob, &alice.id());
    alice.put_back(copy);
    alice.now = alice.now.saturating_add(Duration::from_secs(60));
    bob.hears(&alice.send(&bob.id(), "on the first again"), "on the first again");
    assert_eq!(active(&bob, &alice.id()), second);
}
