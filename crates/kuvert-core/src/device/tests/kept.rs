//! Outputs that are kept in the batch of their own step, to be there after a crash.

use kuvert_wire::transcript::{
    AskedBy, Consent, ConsentStep, ConversationId, Erasure, ErasureReceipt, LogSide, Mode,
    PolicyId, Reason, Redaction, Target, TranscriptBody,
};
use kuvert_wire::{Frame, SessionId};

use super::*;
use crate::session::{Franking, Route};
use crate::transcript::Finding;

/// The record of an output as [`Step::keep`] writes it: what the application said, and the rest.
fn taken_apart(record: &Record) -> (&[u8], &[u8]) {
    let (len, rest) = record.value.split_first_chunk().expect("a length");
    rest.split_at(usize::try_from(u32::from_be_bytes(*len)).expect("fits"))
}

#[test]
fn an_envelope_survives_a_crash_after_the_commit() {
    let (mut alice, bob) = established();
    let content = Content::text("tea").named(MessageId::from_bytes([5; 16]));
    let step = alice.device.encrypt(&bob.id(), &content, alice.now, &mut alice.rng);
    let step = step.expect("can send").keep(Key::new("outbox", "1"), b"to bob");
    let own = Change::Put {
        key: Key::new("history", "1"),
        expected: Version::ABSENT,
        value: zeroize::Zeroizing::new(b"tea".to_vec()),
    };
    let outgoing = step.also(own).commit(|c| alice.store.apply(c)).expect("stored");
    alice.reload();
    let (context, output) = taken_apart(&alice.store.0[&Key::new("outbox", "1")]);
    assert_eq!(context, b"to bob");
    assert_eq!(Outgoing::decode(output), Ok(outgoing.clone()));
    assert_eq!(outgoing.encoded_len(), output.len());
    assert_eq!(*alice.store.0[&Key::new("history", "1")].value, b"tea");
    assert_eq!(outgoing.message_id, MessageId::from_bytes([5; 16]));
    for len in 0..output.len() - outgoing.envelope.len() {
        assert!(Outgoing::decode(&output[..len]).is_err(), "{len} bytes");
    }
}

fn received(conversation: Option<ConversationId>, ended: Option<SessionEnd>) -> Received {
    Received {
        peer: DeviceId::from_bytes([1; 16]),
        account: AccountKey::from_bytes([2; 32]),
        session: SessionId::from_bytes([3; 16]),
        begins_session: ended.is_none(),
        ended,
        conversation,
        franking: Franking { key: [4; 32], commitment: [5; 32] },
        frame: Frame {
            frame_type: FrameType::Message,
            sent: Timestamp::from_millis(6),
            message_id: MessageId::from_bytes([7; 16]),
            expire_seconds: 8,
            body: b"tea at four".to_vec(),
            block: None,
        },
    }
}

fn all_outcomes() -> Vec<Outcome> {
    let (peer, at) = (DeviceId::from_bytes([9; 16]), Timestamp::from_millis(10));
    let told = |event| Outcome::Transcript { peer, event };
    let finding = Finding::Gap { first: 1, count: 2 };
    vec![
        Outcome::Message(received(None, None)),
        Outcome::Message(received(None, Some(SessionEnd::ByPeer))),
        Outcome::Message(received(
            Some(ConversationId::from_bytes([11; 32])),
            Some(SessionEnd::PqFailed),
        )),
        Outcome::AlreadyReceived,
        Outcome::Pending { cause: ProtocolError::TooManySkipped, deadline: at, peer },
        Outcome::HealingStarted { peer, not_before: at },
        Outcome::Healed { peer },
        Outcome::IdentityChanged { peer, account: AccountKey::from_bytes([12; 32]) },
        Outcome::CloneSuspected { peer },
        told(TranscriptEvent::Asked(Mode::Signed)),
        told(TranscriptEvent::Started(Mode::Deniable)),
        told(TranscriptEvent::Stopped),
        told(TranscriptEvent::NotRunning),
        told(TranscriptEvent::Finding(alloc::boxed::Box::new(finding))),
        Outcome::Rejected { cause: ProtocolError::BadKey, peer: Some(peer) },
        Outcome::Rejected { cause: ProtocolError::BadKey, peer: None },
    ]
}

#[test]
fn outcomes_are_read_back_and_no_part_of_them_is() {
    let all = all_outcomes();
    for outcome in &all {
        let one = Outcomes::of(vec![outcome.clone()]);
        let bytes = one.encode();
        assert_eq!(bytes.len(), one.encoded_len());
        for len in 0..bytes.len() {
            assert!(Outcomes::decode(&bytes[..len]).is_err(), "{outcome:?} cut to {len} bytes");
        }
        let is_message = matches!(outcome, Outcome::Message(_));
        assert_eq!(one.message().is_some(), is_message);
        assert_eq!(Outcomes::decode(&bytes), Ok(one));
    }
    let outcomes = Outcomes::of(all.clone());
    assert_eq!(Outcomes::decode(&outcomes.encode()), Ok(outcomes.clone()));
    assert_eq!((&outcomes).into_iter().cloned().collect::<Vec<_>>(), all);
    assert_eq!(outcomes.message(), Some(&received(None, None)), "the first one");
}

#[test]
fn no_part_of_a_received_frame_is_one() {
    for conversation in [None, Some(ConversationId::from_bytes([11; 32]))] {
        let bytes = received(conversation, None).encode();
        for len in 0..bytes.len() {
            assert!(Received::decode(&bytes[..len]).is_err(), "{len} bytes");
        }
        assert_eq!(Received::decode(&bytes), Ok(received(conversation, None)));
    }
}

#[test]
fn unknown_codes_are_told_apart() {
    use kuvert_wire::DecodeError::Unknown;
    let peer = [9; 16];
    assert_eq!(Outcomes::decode(&[1, 10]), Err(Unknown { what: "outcome" }));
    assert_eq!(Outcomes::decode(&[1, 8, 0, 0]), Err(Unknown { what: "cause" }));
    assert_eq!(Outcomes::decode(&[1, 8, 255, 0]), Err(Unknown { what: "cause" }));
    let event = [&[1, 9][..], &peer, &[6]].concat();
    assert_eq!(Outcomes::decode(&event), Err(Unknown { what: "event of a transcript" }));
    for kind in [1, 2] {
        let mode = [&[1, 9][..], &peer, &[kind, 9]].concat();
        assert!(Outcomes::decode(&mode).is_err(), "an unknown mode");
    }
    let finding = [&[1, 9][..], &peer, &[5, 6]].concat();
    assert_eq!(Outcomes::decode(&finding), Err(Unknown { what: "finding" }));
    let evidence = [&[1, 9][..], &peer, &[5, 3], &[0; 8], &[9]].concat();
    assert_eq!(Outcomes::decode(&evidence), Err(Unknown { what: "evidence" }));
    let mut ended = received(None, None).encode();
    let at = DeviceId::LEN + AccountKey::LEN + SessionId::LEN + 1;
    ended[at] = 3;
    assert_eq!(Received::decode(&ended), Err(Unknown { what: "end of a session" }));
}

#[test]
fn debug_tells_of_what_kind_and_size_and_nothing_that_was_said() {
    let shown = alloc::format!("{:?} {:?}", received(None, None), Content::text("tea at four"));
    assert!(shown.contains("frame_type: Message") && shown.contains("body_len: 11"), "{shown}");
    assert!(shown.ends_with("Content(Message, 11 bytes)"), "{shown}");
    assert!(!shown.contains("tea"), "{shown}");
    assert!(!shown.contains("4, 4, 4") && !shown.contains("0404"), "a key: {shown}");
    let shown = alloc::format!("{:?}", received(None, None).franking);
    assert_eq!(shown, "Franking(key 32 bytes, commitment 32 bytes)");
}

#[test]
fn a_route_names_its_relay_and_may_have_no_token() {
    let mailbox = kuvert_wire::MailboxId::from_bytes([1; 32]);
    for token in [None, Some(kuvert_wire::DeliveryToken::from_bytes([2; 16]))] {
        let route = Route { mailbox, token, relay: "wss://relay.example".into() };
        let bytes = route.encode();
        assert_eq!(bytes.len(), route.encoded_len());
        for len in 0..bytes.len() {
            assert!(Route::decode(&bytes[..len]).is_err(), "{len} bytes");
        }
        let mut bent = bytes.clone();
        *bent.last_mut().expect("not empty") = 0xff;
        let invalid = kuvert_wire::DecodeError::Invalid { what: "relay" };
        assert_eq!(Route::decode(&bent), Err(invalid), "no UTF-8");
        assert_eq!(Route::decode(&bytes), Ok(route));
    }
}

#[test]
fn notices_are_delivered_whole() {
    let policy = PolicyId::new("house-rules-2").expect("a name");
    let target = Target { log: LogSide::Sender, first: 3, count: 1, parts: Target::ALL_PARTS };
    let redaction = Redaction {
        number: 1,
        asked_by: AskedBy::Sender,
        reason: Reason::Wish,
        policy: policy.clone(),
        targets: vec![target],
    };
    let results = vec![Erasure::Erased];
    let receipt = ErasureReceipt { seq: 4, policy: policy.clone(), results };
    let consent = Consent { step: ConsentStep::Given, policy, what: "a transcript".into() };
    let (mut alice, mut bob) = established();
    for (content, body) in [
        (Content::redaction(&redaction), TranscriptBody::Redaction(redaction)),
        (Content::erasure_receipt(&receipt), TranscriptBody::ErasureReceipt(receipt)),
        (Content::consent(&consent), TranscriptBody::Consent(consent)),
    ] {
        assert_eq!(content.message_id(), None);
        let named = content.named(MessageId::from_bytes([6; 16])).expiring(60);
        assert_eq!(named.message_id(), Some(MessageId::from_bytes([6; 16])));
        let envelope = alice.try_send(&bob.id(), &named).expect("can send");
        let frame = bob.receive(&envelope).expect("opens").frame;
        assert_eq!((frame.frame_type, frame.expire_seconds), (FrameType::Transcript, 60));
        assert_eq!(frame.message_id, MessageId::from_bytes([6; 16]));
        assert_eq!(TranscriptBody::decode(&frame.body), Ok(body));
    }
}
