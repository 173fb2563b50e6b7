//! Transcripts between two devices: switched on by both, written by each message, checked by each.

use kuvert_wire::transcript::{Mode, TranscriptBody};

use super::outcomes::texts;
use super::*;
use crate::transcript::{Finding, Side, SwitchState, Transcript};

pub(super) type Sealed<'d> = Result<Step<'d, Outgoing>, ProtocolError>;

impl Party {
    pub(super) fn say(
        &mut self,
        what: impl for<'d> FnOnce(&'d mut Device, Timestamp, &mut ChaCha20Rng) -> Sealed<'d>,
    ) -> Vec<u8> {
        self.now = self.now.saturating_add(Duration::from_millis(1));
        let step = what(&mut self.device, self.now, &mut self.rng).expect("can be said");
        let outgoing = step.commit(|c| self.store.apply(c)).expect("stored");
        self.reload();
        outgoing.envelope
    }

    pub(super) fn start(&mut self, peer: &DeviceId, mode: Mode) -> Vec<u8> {
        self.say(|device, now, rng| device.start_transcript(peer, mode, now, rng))
    }

    pub(super) fn stop(&mut self, peer: &DeviceId) -> Vec<u8> {
        self.say(|device, now, rng| device.stop_transcript(peer, now, rng))
    }

    pub(super) fn seal(&mut self, peer: &DeviceId) -> Vec<u8> {
        self.say(|device, now, rng| device.seal_transcript(peer, now, rng))
    }

    /// What is told of the transcript when this arrives.
    pub(super) fn events(&mut self, envelope: &[u8]) -> Vec<TranscriptEvent> {
        let event = |outcome| match outcome {
            Outcome::Transcript { event, .. } => Some(event),
            _ => None,
        };
        self.take(envelope, None).into_iter().filter_map(event).collect()
    }

    pub(super) fn transcript(&self, peer: &DeviceId) -> &Transcript {
        self.device.transcripts(peer).pop().expect("has one")
    }
}

pub(super) fn running(mode: Mode) -> (Party, Party) {
    let (mut alice, mut bob) = established();
    let offer = alice.start(&bob.id(), mode);
    assert_eq!(bob.events(&offer), [TranscriptEvent::Asked(mode)]);
    let agreed = bob.start(&alice.id(), mode);
    assert_eq!(alice.events(&agreed), [TranscriptEvent::Started(mode)]);
    (alice, bob)
}

pub(super) fn talk(from: &mut Party, to: &mut Party, text: &str) {
    let envelope = from.send(&to.id(), text);
    let outcomes = to.take(&envelope, None);
    assert_eq!(texts(&outcomes), [text]);
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
}

#[test]
fn it_runs_once_both_have_said_so() {
    for mode in [Mode::Signed, Mode::Deniable] {
        let (alice, bob) = running(mode);
        assert_eq!(alice.device.transcript_state(&bob.id()), SwitchState::On(mode));
        assert_eq!(bob.device.transcript_state(&alice.id()), SwitchState::On(mode));
        assert_eq!(alice.transcript(&bob.id()).id(), bob.transcript(&alice.id()).id());
    }
}

#[test]
fn both_logs_grow_alike_and_heads_cover_them() {
    let (mut alice, mut bob) = running(Mode::Signed);
    for round in 0..40 {
        talk(&mut alice, &mut bob, &alloc::format!("question {round}"));
        talk(&mut bob, &mut alice, &alloc::format!("answer {round}"));
    }
    let heads = [alice.seal(&bob.id()), bob.seal(&alice.id())];
    assert!(bob.events(&heads[0]).is_empty());
    assert!(alice.events(&heads[1]).is_empty());
    let (ours, theirs) = (alice.transcript(&bob.id()), bob.transcript(&alice.id()));
    assert_eq!((ours.sizes(), theirs.sizes()), ((40, 40), (40, 40)));
    for side in Side::BOTH {
        assert_eq!(ours.head(side), theirs.head(side));
        assert!(ours.head(side).is_some());
    }
}

#[test]
fn nothing_is_logged_before_and_after() {
    let (mut alice, mut bob) = established();
    let without = alice.send(&bob.id(), "before");
    assert!(bob.hears(&without, "before").frame.block.is_none());
    let (mut alice, mut bob) = running(Mode::Signed);
    let with = alice.send(&bob.id(), "during");
    assert!(bob.hears(&with, "during").frame.block.is_some());
    let stop = bob.stop(&alice.id());
    assert_eq!(alice.events(&stop), [TranscriptEvent::Stopped]);
    assert_eq!(alice.device.transcript_state(&bob.id()), SwitchState::Off);
    let after = alice.send(&bob.id(), "after");
    assert!(bob.hears(&after, "after").frame.block.is_none());
    assert!(alice.transcript(&bob.id()).is_ended());
}

#[test]
fn what_was_under_way_at_the_stop_is_still_logged() {
    let (mut alice, mut bob) = running(Mode::Signed);
    let late = alice.send(&bob.id(), "under way");
    let stop = bob.stop(&alice.id());
    assert_eq!(texts(&bob.take(&late, None)), ["under way"]);
    alice.take(&stop, None);
    assert_eq!(bob.transcript(&alice.id()).sizes(), (0, 1));
}

#[test]
fn messages_in_any_order_make_the_same_log() {
    let (mut alice, mut bob) = running(Mode::Signed);
    let sent: Vec<_> = (0..6).map(|n| alice.send(&bob.id(), &alloc::format!("{n}"))).collect();
    assert!(bob.events(&sent[0]).is_empty());
    let gap = bob.events(&sent[3]);
    let missing = Finding::Gap { first: 1, count: 2 };
    assert_eq!(gap, [TranscriptEvent::Finding(alloc::boxed::Box::new(missing))]);
    for n in [5, 1, 4, 2] {
        assert!(bob.events(&sent[n]).is_empty(), "{n}");
    }
    assert_eq!(bob.transcript(&alice.id()).sizes(), (0, 6));
    let head = alice.seal(&bob.id());
    assert!(bob.events(&head).is_empty());
}

#[test]
fn a_logged_message_that_overtakes_the_start_is_not_lost() {
    let (mut alice, mut bob) = established();
    let offer = alice.start(&bob.id(), Mode::Signed);
    bob.take(&offer, None);
    let agreed = bob.start(&alice.id(), Mode::Signed);
    let first = bob.send(&alice.id(), "overtakes");
    assert_eq!(texts(&alice.take(&first, None)), ["overtakes"]);
    assert_eq!(alice.events(&agreed), [TranscriptEvent::Started(Mode::Signed)]);
    assert_eq!(alice.transcript(&bob.id()).sizes(), (0, 1));
}

#[test]
fn a_message_sent_again_keeps_its_place() {
    let (mut alice, mut bob) = running(Mode::Signed);
    let content =
        Content::text("lost on the way").named(MessageId::from_bytes([5; 16])).expiring(60);
    let now = alice.now;
    let step = alice.device.encrypt(&bob.id(), &content, now, &mut alice.rng).expect("can send");
    let block = step.block().copied().map(alloc::boxed::Box::new);
    step.commit(|c| alice.store.apply(c)).expect("stored");
    alice.reload();
    assert!(block.is_some());
    let frame = kuvert_wire::Frame {
        frame_type: FrameType::Message,
        sent: now,
        message_id: MessageId::from_bytes([5; 16]),
        expire_seconds: 60,
        body: b"lost on the way".to_vec(),
        block,
    };
    let again = alice.try_send(&bob.id(), &Content::again(&frame)).expect("can send");
    let outcomes = bob.take(&again, None);
    assert_eq!(texts(&outcomes), ["lost on the way"]);
    let Outcome::Message(received) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(received.frame, frame);
    assert_eq!(alice.transcript(&bob.id()).sizes(), (1, 0));
    assert_eq!(bob.transcript(&alice.id()).sizes(), (0, 1));
    let twice = alice.try_send(&bob.id(), &Content::again(&frame)).expect("can send");
    assert!(bob.events(&twice).is_empty(), "known, and no fork");
    assert_eq!(bob.transcript(&alice.id()).sizes(), (0, 1));
}

#[test]
fn a_side_that_has_forgotten_says_so_and_loses_nothing() {
    let (mut alice, mut bob) = running(Mode::Signed);
    let mut forgetful = bob.store.clone();
    let is_kept =
        |key: &Key| !["switch/", "transcript/"].iter().any(|p| key.as_str().starts_with(p));
    forgetful.0.retain(|key, _| is_kept(key));
    bob.put_back(forgetful);
    let logged = alice.send(&bob.id(), "do you log this?");
    let outcomes = bob.take(&logged, None);
    assert_eq!(texts(&outcomes), ["do you log this?"]);
    let told = Outcome::Transcript { peer: alice.id(), event: TranscriptEvent::NotRunning };
    assert!(outcomes.contains(&told), "{outcomes:?}");
}

/// TRA-21
#[test]
fn a_message_of_a_conversation_that_never_was_ours_is_shown_and_left_aside() {
    let (mut alice, mut bob) = running(Mode::Signed);
    let step = alice.device.encrypt(&bob.id(), &Content::text("x"), alice.now, &mut alice.rng);
    let mut block = *step.expect("can send").block().expect("is logged");
    let head = block.head.as_mut().expect("shows the conversation");
    head.auth = kuvert_wire::transcript::HeadAuth::from_bytes([7; 64]);
    let mut content = Content::text("of another");
    content.block = Some(alloc::boxed::Box::new(block));
    let envelope = alice.try_send(&bob.id(), &content).expect("can send");
    let outcomes = bob.take(&envelope, None);
    assert_eq!(texts(&outcomes), ["of another"]);
    assert_eq!(bob.transcript(&alice.id()).sizes(), (0, 0));
    assert_eq!(bob.transcript(&alice.id()).findings().count(), 0);
    talk(&mut alice, &mut bob, "of ours");
    assert_eq!(bob.transcript(&alice.id()).sizes(), (0, 1));
}

/// What was sent when no transcript ran may have arrived: it does not become an entry later.
#[test]
fn what_was_sent_before_it_ran_stays_outside() {
    let (mut alice, mut bob) = running(Mode::Signed);
    let content = Content::text("sent again").outside_transcript();
    let envelope = alice.try_send(&bob.id(), &content).expect("can send");
    assert_eq!(texts(&bob.take(&envelope, None)), ["sent again"]);
    assert_eq!(alice.transcript(&bob.id()).sizes(), (0, 0));
    assert_eq!(bob.transcript(&alice.id()).sizes(), (0, 0));
}

#[test]
fn it_goes_on_when_the_session_is_replaced() {
    let (mut alice, mut bob) = running(Mode::Signed);
    talk(&mut alice, &mut bob, "one");
    alice.initiate(&bob.bundle(true)).expect("begins");
    let envelope = alice.send(&bob.id(), "two, on a new session");
    assert_eq!(texts(&bob.take(&envelope, None)), ["two, on a new session"]);
    assert_eq!(bob.transcript(&alice.id()).sizes(), (0, 2));
}

#[test]
fn with_transcripts_off_nothing_of_them_is_stored() {
    let (mut alice, mut bob) = established();
    talk(&mut alice, &mut bob, "tea");
    let is_transcript = |key: &Key| {
        ["switch/", "transcript/", "entry/"].iter().any(|prefix| key.as_str().starts_with(prefix))
    };
    assert!(!alice.store.0.keys().chain(bob.store.0.keys()).any(is_transcript));
}

#[test]
fn notices_are_entries_of_a_log() {
    let (mut alice, mut bob) = running(Mode::Signed);
    let receipt = kuvert_wire::transcript::ErasureReceipt {
        seq: 0,
        policy: kuvert_wire::transcript::PolicyId::default(),
        results: vec![kuvert_wire::transcript::Erasure::NotHeld],
    };
    let content = Content::erasure_receipt(&receipt);
    let envelope = alice.try_send(&bob.id(), &content).expect("can send");
    assert!(bob.events(&envelope).is_empty());
    assert_eq!(alice.transcript(&bob.id()).sizes(), (1, 0));
    assert_eq!(bob.transcript(&alice.id()).sizes(), (0, 1));
}

#[test]
fn an_offer_that_is_withdrawn_is_told_of_and_a_stop_of_nothing_is_not() {
    let (mut alice, mut bob) = established();
    let (offer, withdrawn) = (alice.start(&bob.id(), Mode::Signed), alice.stop(&bob.id()));
    assert_eq!(bob.events(&offer), [TranscriptEvent::Asked(Mode::Signed)]);
    assert_eq!(bob.events(&withdrawn), [TranscriptEvent::Stopped]);
    drop(bob.start(&alice.id(), Mode::Signed));
    let nonce = kuvert_wire::transcript::TranscriptNonce::from_bytes([7; 32]);
    let other = Content::transcript(&TranscriptBody::Stop(nonce));
    let other = alice.try_send(&bob.id(), &other).expect("can send");
    assert_eq!(bob.events(&other), [], "ours stands");
    assert_eq!(bob.device.transcript_state(&alice.id()), SwitchState::Offered(Mode::Signed));
}

#[test]
fn a_body_that_is_none_of_a_transcript_is_refused() {
    let (mut alice, mut bob) = established();
    let body = TranscriptBody::Stop(kuvert_wire::transcript::TranscriptNonce::from_bytes([7; 32]));
    let fine = alice.try_send(&bob.id(), &Content::transcript(&body)).expect("can send");
    assert!(bob.events(&fine).is_empty(), "a stop of something else");
    let mut content = Content::transcript(&body);
    content.body = crate::secret::SecretBytes::new(content.body[..9].to_vec());
    let bad = alice.try_send(&bob.id(), &content).expect("can send");
    assert_eq!(bob.receive(&bad), Err(ProtocolError::Malformed));
}

/// MSG-9
#[test]
fn a_block_on_a_frame_that_is_not_logged_is_refused() {
    let (mut alice, mut bob) = running(Mode::Signed);
    let logged = alice.device.encrypt(&bob.id(), &Content::text("x"), alice.now, &mut alice.rng);
    let block = logged.expect("can send").block().copied().map(alloc::boxed::Box::new);
    let nonce = kuvert_wire::transcript::TranscriptNonce::from_bytes([7; 32]);
    for mut content in [
        Content::control(&Control::Empty),
        Content::receipt(&Receipt {
            read: false,
            message_ids: vec![MessageId::from_bytes([1; 16])],
        }),
        Content::transcript(&TranscriptBody::Stop(nonce)),
    ] {
        content.block = block.clone();
        let envelope = alice.try_send(&bob.id(), &content).expect("can send");
        assert_eq!(bob.receive(&envelope), Err(ProtocolError::Malformed));
    }
    talk(&mut alice, &mut bob, "still there");
}
