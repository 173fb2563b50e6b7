//! What waits, when the reason for it goes away by another way.

use super::outcomes::{mailbox, texts};
use super::*;

impl Party {
    /// Sends without reloading, which many messages have no time for.
    fn sends_many(&mut self, peer: &DeviceId, count: usize) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        for n in 0..count {
            let content = Content::text(&alloc::format!("{n}"));
            let step = self.device.encrypt(peer, &content, self.now, &mut self.rng);
            let step = step.expect("can send");
            sent.push(step.commit(|c| self.store.apply(c)).expect("stored").envelope);
        }
        sent
    }

    /// Receives without trying what waits.
    fn receives_only(&mut self, envelope: &[u8], via: Option<&kuvert_wire::MailboxId>) -> Outcomes {
        let step = self.device.receive(envelope, via, self.now, &mut self.rng);
        let outcomes = step.commit(|c| self.store.apply(c)).expect("stored");
        self.reload();
        outcomes
    }
}

fn altered(mut envelope: Vec<u8>) -> Vec<u8> {
    *envelope.last_mut().expect("not empty") ^= 1;
    envelope
}

#[test]
fn what_opens_when_it_comes_again_waits_no_longer() {
    let (mut alice, mut bob) = established();
    let sent = alice.sends_many(&bob.id(), 1200);
    let outcomes = bob.receives_only(&sent[1199], None);
    assert!(outcomes.message().is_none(), "it is too far ahead: {outcomes:?}");
    assert!(bob.device.next_reset().is_some());
    assert!(bob.receives_only(&sent[600], None).message().is_some());
    let outcomes = bob.receives_only(&sent[1199], None);
    assert_eq!(outcomes.message().expect("opens").frame.body, b"1199");
    assert_eq!(bob.device.waiting_count(), 1);
    assert_eq!(bob.retry(), [Outcome::AlreadyReceived]);
    assert_eq!((bob.device.waiting_count(), bob.device.next_reset()), (0, None));
}

/// What was tried is tried again once something of its peer's has arrived, in the same process.
#[test]
fn what_waits_is_tried_again_when_its_session_has_changed() {
    let (mut alice, mut bob) = established();
    let sent = alice.sends_many(&bob.id(), 1200);
    bob.receives_only(&sent[1199], None);
    assert!(bob.retry().is_empty(), "the gap is too large");
    let step = bob.device.receive(&sent[600], None, bob.now, &mut bob.rng);
    step.commit(|c| bob.store.apply(c)).expect("stored");
    assert_eq!(texts(&bob.retry()), ["1199"]);
}

/// The session is not known to work before nothing of it waits.
#[test]
fn healing_goes_on_while_something_else_waits() {
    let (mut alice, mut bob) = established();
    let sent = alice.sends_many(&bob.id(), 1200);
    bob.receives_only(&sent[1199], None);
    let due = bob.device.next_reset();
    assert!(due.is_some());
    bob.receives_only(&altered(sent[1].clone()), None);
    assert_eq!(bob.device.waiting_count(), 2);
    assert_eq!(texts(&bob.take(&sent[600], None)), ["600", "1199"]);
    assert_eq!((bob.device.waiting_count(), bob.device.next_reset()), (1, due));
}

#[test]
fn a_new_session_ends_the_waiting_of_its_own_peer_only() {
    let (mut alice, mut bob) = established();
    let mut carol = Party::new(3);
    carol.initiate(&bob.bundle(true)).expect("begins");
    bob.hears(&carol.send(&bob.id(), "hello"), "hello");
    carol.hears(&bob.send(&carol.id(), "answer"), "answer");
    for peer in [&mut alice, &mut carol] {
        let damaged = altered(peer.send(&bob.id(), "altered on its way"));
        let via = mailbox(&bob, &peer.id());
        bob.receives_only(&damaged, Some(&via));
    }
    let sent = alice.sends_many(&bob.id(), 1200);
    bob.receives_only(&sent[1199], None);
    assert_eq!(bob.device.waiting_count(), 3);
    alice.initiate(&bob.bundle(true)).expect("begins");
    let outcomes = bob.receives_only(&alice.send(&bob.id(), "anew"), None);
    assert!(outcomes.into_iter().any(|o| o == Outcome::Healed { peer: alice.id() }));
    let left: Vec<_> = bob.device.waiting.values().map(|stored| &stored.value).collect();
    let left: Vec<_> = left.iter().map(|waiting| (waiting.peer, waiting.cause)).collect();
    assert_eq!(left.len(), 2);
    assert!(left.contains(&(carol.id(), ProtocolError::Undecryptable)));
    assert!(left.contains(&(alice.id(), ProtocolError::TooManySkipped)), "it may open yet");
}

/// MSG-20
#[test]
fn a_reset_of_one_whose_clone_was_told_waits_for_the_new_session() {
    let (mut alice, mut bob) = established();
    bob.hears(&alice.send(&bob.id(), "the chain is begun"), "the chain is begun");
    let copy = alice.store.clone();
    let tea = alice.send(&bob.id(), "tea");
    bob.take(&tea, None);
    let sent = alice.sends_many(&bob.id(), 1200);
    bob.receives_only(&sent[1199], None);
    alice.put_back(copy);
    let coffee = alice.send(&bob.id(), "coffee");
    let outcomes = bob.receives_only(&coffee, None);
    assert!(outcomes.into_iter().any(|o| o == Outcome::CloneSuspected { peer: alice.id() }));
    let due = bob.device.next_reset();
    assert_eq!(texts(&bob.take(&sent[600], None)), ["600", "1199"]);
    assert_eq!(bob.device.waiting_count(), 0);
    assert!(due.is_some());
    assert_eq!(bob.device.next_reset(), due, "what waited has opened, the clone is there still");
}
