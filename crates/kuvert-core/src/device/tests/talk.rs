//! Messages in a session, and what a device keeps of them.

use super::*;

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

fn body(frame_type: FrameType, body: &[u8]) -> Content {
    let mut content = Content::text("");
    content.frame_type = frame_type;
    content.body = crate::secret::SecretBytes::new(body.to_vec());
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

    let begun = Party::new(1).now;
    let last = begun.saturating_add(Duration::from_secs(7 * 86_400));
    assert!(!alice.device.is_announcement_due(&bob_id, last));
    assert!(
        alice.device.is_announcement_due(&bob_id, last.saturating_add(Duration::from_millis(1)))
    );
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
fn what_is_sent_after_healing_is_a_burst_until_the_ratchet_has_turned() {
    let (mut alice, mut bob) = established();
    let header_len = |envelope: &[u8]| u16::from_be_bytes([envelope[14], envelope[15]]);
    let before = alice.send(&bob.id(), "one fragment");
    assert_eq!(header_len(&before), 195);
    bob.hears(&before, "one fragment");
    let step = alice.device.heal(&bob.id(), alice.now, &mut alice.rng).expect("can send");
    let healing = step.commit(|c| alice.store.apply(c)).expect("stored").envelope;
    alice.reload();
    assert_eq!(header_len(&healing), 1356);
    bob.receive(&healing).expect("opens");
    let after = alice.send(&bob.id(), "ten fragments");
    assert_eq!(header_len(&after), 1356);
    bob.hears(&after, "ten fragments");
    let mixed = |party: &Party| party.device.sessions().map(|s| s.ratchet.pq_mixed).max();
    while mixed(&alice) < Some(2) {
        alice.hears(&bob.send(&alice.id(), "on and on"), "on and on");
        let has_turned = mixed(&alice) > Some(0);
        let envelope = alice.send(&bob.id(), "on and on");
        assert!(!has_turned || header_len(&envelope) == 195, "one fragment again");
        bob.hears(&envelope, "on and on");
    }
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
    let session = &alice.device.sessions.values().next().expect("has one").value;
    let text = alloc::format!("{text} {session:?} {:?}", session.ratchet);
    assert!(text.contains(" Session(") && text.contains(" Ratchet("), "{text}");
    for record in alice.store.0.values() {
        for window in record.value.windows(16).step_by(16) {
            let hex: String = window.iter().map(|b| alloc::format!("{b:02x}")).collect();
            assert!(!text.contains(&hex), "{}", record.key);
        }
    }
    assert!(!text.contains("tea"));
}

/// A token without a mailbox is for nothing, and a late one for nothing any more.
#[test]
fn a_delivery_token_belongs_to_the_mailbox_that_was_named() {
    let (mut alice, mut bob) = established();
    let token = |byte| kuvert_wire::DeliveryToken::from_bytes([byte; 16]);
    let named = |bob: &Party, peer: &DeviceId| {
        let session = active(bob, peer).expect("has one");
        let route = &bob.device.sessions[&session].value.head.route;
        route.as_ref().map(|named| named.route.token)
    };
    let says = |alice: &mut Party, bob: &mut Party, byte, sent| {
        let content = Content::control(&Control::DeliveryToken(token(byte))).dated(sent);
        let envelope = alice.try_send(&bob.id(), &content).expect("can send");
        bob.receive(&envelope).expect("opens");
    };
    let now = alice.now;
    says(&mut alice, &mut bob, 1, now);
    assert_eq!(named(&bob, &alice.id()), None, "no mailbox is named");
    let relay = "ws://127.0.0.1:9";
    let step = alice.device.announce_mailbox(&bob.id(), relay, alice.now, &mut alice.rng);
    let outgoing = step.expect("can send").commit(|c| alice.store.apply(c)).expect("stored");
    alice.reload();
    bob.receive(&outgoing.envelope).expect("opens");
    let first = named(&bob, &alice.id()).expect("is named");
    assert!(first.is_some() && first != Some(token(2)));
    let named_at = alice.now;
    says(&mut alice, &mut bob, 4, named_at);
    assert_eq!(named(&bob, &alice.id()), Some(Some(token(4))), "in the same moment");
    let first = Some(token(4));
    let late = Timestamp::from_millis(now.as_millis() - 1000);
    says(&mut alice, &mut bob, 2, late);
    assert_eq!(named(&bob, &alice.id()), Some(first), "late");
    let later = alice.now.saturating_add(Duration::from_secs(1));
    says(&mut alice, &mut bob, 3, later);
    assert_eq!(named(&bob, &alice.id()), Some(Some(token(3))));
}
