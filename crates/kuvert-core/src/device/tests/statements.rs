//! What is said about a transcript when something was lost, forgotten or came late.

use kuvert_wire::transcript::{Leaf, Mode, TranscriptBody};

use super::outcomes::texts;
use super::transcripts::{running, talk};
use super::*;
use crate::transcript::{Entry, Finding, HEAD_AFTER, SwitchState};

const LATER: Duration = Duration::from_secs(2 * 3600);

impl Party {
    /// Says again what the peer seems not to have heard.
    fn repeat(&mut self, peer: &DeviceId) -> Option<Vec<u8>> {
        let step = self.device.repeat_transcript_state(peer, self.now, &mut self.rng);
        let outgoing = step.expect("can be said")?.commit(|c| self.store.apply(c)).expect("stored");
        self.reload();
        Some(outgoing.envelope)
    }

    fn ask(&mut self, peer: &DeviceId) -> Option<Vec<u8>> {
        let step = self.device.request_leaves(peer, self.now, &mut self.rng);
        let outgoing = step.expect("can be said")?.commit(|c| self.store.apply(c)).expect("stored");
        self.reload();
        Some(outgoing.envelope)
    }

    /// Our own entries, as the application keeps them.
    fn leaves(&self, peer: &DeviceId) -> Vec<Leaf> {
        let prefix = Entry::prefix(self.transcript(peer).id(), &self.id());
        let rows = self.store.0.iter().filter(|(key, _)| key.as_str().starts_with(&prefix));
        let entry = |record: &Record| Entry::decode(&record.value).expect("an entry");
        rows.filter_map(|(_, record)| entry(record).leaf().copied()).collect()
    }
}

fn both_wait(alice: &mut Party, bob: &mut Party) {
    alice.wait(LATER);
    bob.wait(LATER);
}

#[test]
fn a_stop_that_was_lost_is_said_again() {
    let (mut alice, mut bob) = running(Mode::Signed);
    drop(alice.stop(&bob.id()));
    both_wait(&mut alice, &mut bob);
    assert!(!alice.device.is_transcript_state_due(&bob.id()), "nothing is known of its loss");
    let logged = bob.send(&alice.id(), "still logged");
    assert_eq!(texts(&alice.take(&logged, None)), ["still logged"]);
    assert!(alice.device.is_transcript_state_due(&bob.id()));
    let again = alice.repeat(&bob.id()).expect("is due");
    assert!(!alice.device.is_transcript_state_due(&bob.id()));
    assert_eq!(alice.repeat(&bob.id()), None);
    assert_eq!(bob.events(&again), [TranscriptEvent::Stopped]);
    assert_eq!(bob.device.transcript_state(&alice.id()), SwitchState::Off);
}

#[test]
fn a_start_that_was_lost_is_said_again() {
    let (mut alice, mut bob) = established();
    assert!(!alice.device.is_transcript_state_due(&bob.id()), "nothing was said");
    assert_eq!(alice.repeat(&bob.id()), None);
    drop(alice.start(&bob.id(), Mode::Signed));
    both_wait(&mut alice, &mut bob);
    let unlogged = bob.send(&alice.id(), "not logged");
    assert!(alice.events(&unlogged).is_empty());
    assert!(alice.device.is_transcript_state_due(&bob.id()));
    let again = alice.repeat(&bob.id()).expect("is due");
    assert_eq!(bob.events(&again), [TranscriptEvent::Asked(Mode::Signed)]);
    assert_eq!(bob.events(&again), []);
    let third = alice.start(&bob.id(), Mode::Signed);
    assert_eq!(bob.events(&third), [], "it is known already");
}

/// What the peer still logs after its own stop was under way before it.
#[test]
fn a_stop_that_was_heard_is_not_said_again() {
    let (mut alice, mut bob) = running(Mode::Signed);
    let under_way = bob.send(&alice.id(), "under way");
    let stop = bob.stop(&alice.id());
    assert_eq!(alice.events(&stop), [TranscriptEvent::Stopped]);
    for _ in 0..2 {
        assert_eq!(alice.events(&bob.stop_again(&alice.id())), [], "once is enough");
    }
    both_wait(&mut alice, &mut bob);
    assert_eq!(texts(&alice.take(&under_way, None)), ["under way"]);
    assert!(!alice.device.is_transcript_state_due(&bob.id()));
}

impl Party {
    /// Its last stop in another frame, as a repetition has it.
    fn stop_again(&mut self, peer: &DeviceId) -> Vec<u8> {
        let log = self.transcript(peer);
        let nonce = log.our_side().other().of(log.conversation().parties()).start.nonce;
        let body = Content::transcript(&TranscriptBody::Stop(nonce)).dated(self.now);
        self.try_send(peer, &body).expect("can send")
    }
}

/// The peer has stopped and started anew; its stop is heard last.
#[test]
fn a_late_stop_ends_the_start_that_it_names() {
    let (mut alice, mut bob) = running(Mode::Signed);
    let stop = bob.stop(&alice.id());
    let anew = bob.start(&alice.id(), Mode::Signed);
    assert_eq!(alice.events(&anew), [TranscriptEvent::Started(Mode::Signed)]);
    assert_eq!(alice.device.transcript_state(&bob.id()), SwitchState::On(Mode::Signed));
    assert_eq!(alice.events(&stop), [TranscriptEvent::Stopped]);
    assert_eq!(alice.device.transcript_state(&bob.id()), SwitchState::Asked(Mode::Signed));
    assert!(alice.device.transcripts(&bob.id()).iter().all(|log| log.is_ended()));
    let agreed = alice.start(&bob.id(), Mode::Signed);
    assert_eq!(bob.events(&agreed), [TranscriptEvent::Started(Mode::Signed)]);
    talk(&mut alice, &mut bob, "logged again");
    assert_eq!(bob.device.transcripts(&alice.id()).len(), 2);
    assert_eq!(bob.transcript(&alice.id()).sizes(), (0, 1), "the one that runs is the last");
}

#[test]
fn a_head_is_due_an_hour_after_an_entry() {
    let (mut alice, mut bob) = running(Mode::Signed);
    talk(&mut bob, &mut alice, "hello");
    drop(alice.seal(&bob.id()));
    let due = |party: &Party, peer: &DeviceId| party.device.is_transcript_head_due(peer, party.now);
    talk(&mut alice, &mut bob, "tea");
    assert!(!due(&alice, &bob.id()));
    alice.wait(HEAD_AFTER);
    assert!(due(&alice, &bob.id()));
    drop(alice.seal(&bob.id()));
    assert!(!due(&alice, &bob.id()));
    let stranger = Party::new(3);
    assert!(!due(&alice, &stranger.id()));
    let sealed = alice.device.seal_transcript(&stranger.id(), alice.now, &mut alice.rng);
    assert_eq!(sealed.err(), Some(ProtocolError::Closed), "none runs");
    let started =
        alice.device.start_transcript(&stranger.id(), Mode::Signed, alice.now, &mut alice.rng);
    assert_eq!(started.err(), Some(ProtocolError::NoSession));
    let stopped = alice.device.stop_transcript(&stranger.id(), alice.now, &mut alice.rng);
    assert_eq!(stopped.err(), Some(ProtocolError::Closed));
}

#[test]
fn a_missing_entry_is_asked_for_and_answered() {
    let (mut alice, mut bob) = running(Mode::Signed);
    assert_eq!(bob.ask(&alice.id()), None, "nothing is missing");
    drop(alice.send(&bob.id(), "lost"));
    let heard = alice.send(&bob.id(), "heard");
    assert_eq!(bob.events(&heard).len(), 1, "a gap");
    assert_eq!(bob.ask(&alice.id()), None, "it may be under way");
    bob.wait(LATER);
    let request = bob.ask(&alice.id()).expect("it is missing");
    let frame = alice.receive(&request).expect("opens").frame;
    let Ok(TranscriptBody::LeafRequest(request)) = TranscriptBody::decode(&frame.body) else {
        panic!("a request: {:?}", frame.frame_type);
    };
    assert_eq!((request.seq, request.count), (0, 1));
    let leaf = alice.leaves(&bob.id())[0];
    let answer = alice.say(|device, now, rng| device.send_leaf(&bob.id(), &leaf, now, rng));
    assert!(bob.events(&answer).is_empty());
    assert_eq!(bob.transcript(&alice.id()).sizes(), (0, 2));

    let conversation = kuvert_wire::transcript::ConversationId::from_bytes([9; 32]);
    let foreign = Leaf { conversation, ..leaf };
    let before = bob.transcript(&alice.id()).sizes();
    let answer = alice.say(|device, now, rng| device.send_leaf(&bob.id(), &foreign, now, rng));
    assert!(bob.events(&answer).is_empty(), "of no transcript here");
    assert_eq!(bob.transcript(&alice.id()).sizes(), before);
}

/// TRA-14
#[test]
fn who_finds_its_own_state_to_be_an_old_copy_says_no_more_in_it() {
    let (mut alice, mut bob) = running(Mode::Signed);
    talk(&mut alice, &mut bob, "one");
    let copy = alice.store.clone();
    talk(&mut alice, &mut bob, "two");
    alice.put_back(copy);
    let finding = alloc::boxed::Box::new(Finding::Rollback { ours: true });
    let rollback = TranscriptEvent::Finding(finding);
    let answer = bob.send(&alice.id(), "you said two");
    assert_eq!(alice.events(&answer), [rollback.clone(), TranscriptEvent::Stopped]);
    assert!(alice.transcript(&bob.id()).is_ended());
    assert_eq!(alice.device.transcript_state(&bob.id()), SwitchState::Off);
    let once_more = bob.send(&alice.id(), "you did");
    assert_eq!(alice.events(&once_more), [rollback], "it has ended already");
}

/// A message that neither shows a head nor has seen anything of ours is taken for one of the newest
/// transcript that nothing speaks against.
#[test]
fn a_message_without_a_sign_goes_where_nothing_speaks_against_it() {
    let (mut alice, mut bob) = running(Mode::Signed);
    let head = bob.seal(&alice.id());
    assert!(alice.events(&head).is_empty());
    let first = alice.send(&bob.id(), "first");
    let outcomes = bob.take(&first, None);
    let Some(Outcome::Message(received)) = outcomes.first() else { panic!("{outcomes:?}") };
    let block = received.frame.block.as_deref().expect("logged");
    assert_eq!((block.head, block.seen), (None, 0), "no sign");
    assert_eq!(received.conversation.as_ref(), Some(bob.transcript(&alice.id()).id()));
}

#[test]
fn what_waits_too_long_for_missing_entries_is_given_up() {
    let (mut alice, mut bob) = running(Mode::Signed);
    drop(alice.send(&bob.id(), "lost"));
    let heard = alice.send(&bob.id(), "heard");
    assert_eq!(bob.events(&heard).len(), 1, "a gap");
    bob.wait(crate::transcript::WAITING_AGE);
    bob.wait(LATER);
    bob.device.tidy(bob.now).commit(|c| bob.store.apply(c)).expect("stored");
    bob.reload();
    let found: Vec<_> = bob.transcript(&alice.id()).findings().map(|found| found.1).collect();
    assert!(found.contains(&Finding::Lost { seq: 1 }), "{found:?}");
}

#[test]
fn after_a_rollback_nothing_more_is_said_in_a_transcript() {
    let (alice, mut bob) = running(Mode::Signed);
    bob.device.roll_back(bob.now, &mut bob.rng).commit(|c| bob.store.apply(c)).expect("stored");
    bob.reload();
    assert!(bob.transcript(&alice.id()).is_ended());
    assert_eq!(bob.device.transcript_state(&alice.id()), SwitchState::Off);
}

#[test]
fn a_peer_that_is_forgotten_takes_its_switch_along() {
    let (alice, mut bob) = established();
    drop(bob.start(&alice.id(), Mode::Signed));
    let switch = Key::new("switch", alice.id());
    assert!(bob.store.0.contains_key(&switch));
    let effects = vec![Effect::DropPeer(alice.id())];
    bob.device.step(effects, ()).commit(|c| bob.store.apply(c)).expect("stored");
    bob.reload();
    assert!(!bob.store.0.contains_key(&switch));
    assert_eq!(bob.device.transcript_state(&alice.id()), SwitchState::Off);
}

/// TRA-3
#[test]
fn a_start_that_its_device_has_not_signed_is_refused_for_good() {
    let (mut alice, mut bob) = established();
    let start = kuvert_wire::transcript::Start {
        mode: Mode::Signed,
        nonce: kuvert_wire::transcript::TranscriptNonce::from_bytes([1; 32]),
        key: kuvert_wire::transcript::TranscriptKey::from_bytes([2; 32]),
        signature: kuvert_wire::Signature::from_bytes([3; 64]),
    };
    let content = Content::transcript(&TranscriptBody::Start(start));
    let envelope = alice.try_send(&bob.id(), &content).expect("can send");
    let cause = ProtocolError::BadSignature;
    let rejected = Outcome::Rejected { cause, peer: Some(alice.id()) };
    assert_eq!(bob.take(&envelope, None), [rejected], "waiting would not help");
    assert_eq!(bob.device.transcript_state(&alice.id()), SwitchState::Off);
}

#[test]
fn a_damaged_record_of_a_transcript_is_named() {
    let (mut alice, mut bob) = running(Mode::Signed);
    talk(&mut alice, &mut bob, "tea");
    talk(&mut bob, &mut alice, "four");
    let records: Vec<_> = alice.store.0.values().filter(|r| is_of_device(r)).cloned().collect();
    let is_one = |key: &Key| ["switch/", "transcript/"].iter().any(|p| key.as_str().starts_with(p));
    let mut count = 0;
    for (place, record) in records.iter().enumerate().filter(|(_, record)| is_one(&record.key)) {
        let mut bad = records.clone();
        bad[place].value.truncate(record.value.len() - 1);
        let key = record.key.clone();
        assert_eq!(Device::load(bad).err(), Some(LoadError::Unreadable { key }));
        count += 1;
    }
    assert_eq!(count, 4, "the switch, and three of the transcript");
}
