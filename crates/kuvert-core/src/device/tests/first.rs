//! First messages, prekeys and pins.

use super::*;

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
        let remembered = bob.store.0.values().filter(|r| r.key.as_str().starts_with("replay/"));
        assert!(remembered.clone().all(|record| record.value[..] == [1]), "its format");
        assert_eq!(remembered.count(), usize::from(!with_one_time));
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

/// The clock was ahead when it was made, and nobody would take it from that future.
#[test]
fn a_medium_prekey_from_far_ahead_is_replaced() {
    for (ahead, is_kept) in [
        (crate::limits::CLOCK_SKEW / 2, true),
        (crate::limits::CLOCK_SKEW / 2 + Duration::from_millis(1), false),
    ] {
        let mut bob = Party::new(2);
        let right = bob.now;
        bob.now = right.saturating_add(ahead);
        let medium = |bob: &mut Party| {
            let upload = bob.device.prekeys(100, bob.now, &mut bob.rng);
            let upload = upload.commit(|c| bob.store.apply(c)).expect("stored");
            bob.device.published(upload.medium.id).commit(|c| bob.store.apply(c)).expect("stored");
            bob.reload();
            upload.medium.id
        };
        bob.device.mediums.clear();
        bob.store = Records::default();
        let changes = crate::Changes::of(bob.device.first_records());
        bob.store.apply(&changes).expect("stored");
        let first = medium(&mut bob);
        bob.now = right;
        assert_eq!(bob.device.is_publishing_due(100, right), !is_kept);
        assert_eq!(medium(&mut bob) == first, is_kept, "{ahead:?} ahead");
    }
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
    for (on_relay, made) in [(0, 100), (24, 76), (25, 0), (100, 0), (200, 0)] {
        let upload = bob.device.prekeys(on_relay, bob.now, &mut bob.rng);
        assert_eq!(upload.changes().iter().count(), made, "{on_relay} at the relay");
    }
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
    assert!(bob.device.is_publishing_due(100, bob.now));
    bob.device.published(turned.medium.id).commit(|c| bob.store.apply(c)).expect("stored");
    bob.reload();
    assert!(!bob.device.is_publishing_due(100, bob.now));
    bob.now = bob.now.saturating_add(Duration::from_secs(37 * 86_400));
    bob.device.tidy(bob.now).commit(|c| bob.store.apply(c)).expect("stored");
    bob.reload();
    assert!(!bob.device.mediums.contains_key(&upload.medium.id));
}

/// MSG-20
#[test]
fn who_begins_anew_without_a_word_of_what_it_holds_has_forgotten_the_session() {
    for (skipped, is_suspected) in [(0, true), (1, false)] {
        let (mut alice, mut bob) = established();
        bob.hears(&alice.send(&bob.id(), "confirmed"), "confirmed");
        alice.initiate(&bob.bundle(true)).expect("begins anew");
        for _ in 0..skipped {
            drop(alice.send(&bob.id(), "late"));
        }
        let anew = alice.send(&bob.id(), "anew");
        bob.hears(&anew, "anew");
        let suspected = bob.device.peer(&alice.id()).expect("known").clone_suspected();
        assert_eq!(suspected.is_some(), is_suspected, "{skipped} of the session are late");
    }
}

/// MSG-20
#[test]
fn who_says_what_it_holds_or_may_not_have_heard_of_the_session_has_not_forgotten_it() {
    let resend = Control::Resend(vec![MessageId::from_bytes([1; 16])]);
    let mut no_control = Content::text("");
    no_control.frame_type = FrameType::Amendment;
    no_control.body = crate::secret::SecretBytes::new(resend.encode());
    for (first, is_suspected) in [
        (Content::control(&resend), false),
        (Content::control(&Control::Empty), true),
        (no_control, true),
    ] {
        let (mut alice, mut bob) = established();
        bob.hears(&alice.send(&bob.id(), "confirmed"), "confirmed");
        alice.initiate(&bob.bundle(true)).expect("begins anew");
        let anew = alice.try_send(&bob.id(), &first).expect("can send");
        bob.receive(&anew).expect("opens");
        let suspected = bob.device.peer(&alice.id()).expect("known").clone_suspected();
        assert_eq!(suspected.is_some(), is_suspected, "{first:?}");
    }
    let unconfirmed = |alice: &mut Party, bob: &mut Party| {
        alice.initiate(&bob.bundle(true)).expect("begins anew");
        bob.hears(&alice.send(&bob.id(), "anew"), "anew");
        bob.device.peer(&alice.id()).expect("known").clone_suspected()
    };
    let (mut alice, mut bob) = begun(true);
    bob.hears(&alice.send(&bob.id(), "hello"), "hello");
    assert_eq!(unconfirmed(&mut alice, &mut bob), None, "no answer has come");
    let (mut bob, mut alice) = established();
    alice.hears(&bob.send(&alice.id(), "confirmed"), "confirmed");
    assert_eq!(unconfirmed(&mut alice, &mut bob), None, "ours, begun before it heard of it");
}

/// MSG-20
#[test]
fn a_clone_is_told_of_once_for_each_session() {
    let (mut alice, mut bob) = established();
    bob.hears(&alice.send(&bob.id(), "confirmed"), "confirmed");
    alice.initiate(&bob.bundle(true)).expect("begins anew");
    let anew = alice.send(&bob.id(), "anew");
    let suspected = Outcome::CloneSuspected { peer: alice.id() };
    let outcomes = bob.take(&anew, None);
    assert!(matches!(&outcomes[..], [Outcome::Message(_), told] if *told == suspected));
    assert_eq!(bob.device.next_reset(), None, "a new session is there already");

    let copy = alice.store.clone();
    let tea = alice.send(&bob.id(), "tea");
    assert!(matches!(bob.take(&tea, None)[..], [Outcome::Message(_)]), "not told again");
    alice.put_back(copy);
    for is_told in [true, false] {
        let coffee = alice.send(&bob.id(), "coffee");
        assert_eq!(bob.take(&coffee, None).contains(&suspected), is_told);
        alice.rng = ChaCha20Rng::seed_from_u64(98);
    }
}
