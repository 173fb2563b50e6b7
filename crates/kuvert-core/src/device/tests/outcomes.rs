//! What comes of envelopes that do not simply open.

use kuvert_wire::MailboxId;

use super::*;
use crate::identity::mailbox_id;

impl Party {
    /// Receives as an app does: then everything that waits is tried again.
    pub(super) fn take(&mut self, envelope: &[u8], via: Option<&MailboxId>) -> Vec<Outcome> {
        let before = self.store.clone();
        let step = self.device.receive(envelope, via, self.now, &mut self.rng);
        let outcomes = step.commit(|c| self.store.apply(c)).expect("stored");
        self.reload();
        let mut all: Vec<_> = outcomes.into_iter().collect();
        let changes_nothing = |outcome: &Outcome| {
            matches!(outcome, Outcome::AlreadyReceived | Outcome::Rejected { .. })
        };
        assert!(!all.iter().all(changes_nothing) || self.store == before, "{all:?}");
        all.extend(self.retry());
        all
    }

    pub(super) fn retry(&mut self) -> Vec<Outcome> {
        let mut all = Vec::new();
        loop {
            let Some(step) = self.device.retry(self.now, &mut self.rng) else { return all };
            all.extend(step.commit(|c| self.store.apply(c)).expect("stored"));
            self.reload();
        }
    }

    pub(super) fn wait(&mut self, span: Duration) {
        self.now = self.now.saturating_add(span);
    }
}

pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// The mailbox that Bob reads for his session with Alice.
pub(super) fn mailbox(party: &Party, peer: &DeviceId) -> MailboxId {
    let own = party.device.mailboxes().find(|own| own.peer == Some(*peer)).expect("has one");
    mailbox_id(&own.key)
}

pub(super) fn texts(outcomes: &[Outcome]) -> Vec<String> {
    let text = |outcome: &Outcome| match outcome {
        Outcome::Message(received) => Some(String::from_utf8_lossy(&received.frame.body).into()),
        _ => None,
    };
    outcomes.iter().filter_map(text).collect()
}

fn garbage() -> Vec<u8> {
    let mut envelope = vec![0x5a; 563];
    envelope[..2].copy_from_slice(&[2, 1]);
    envelope[14..16].copy_from_slice(&195_u16.to_be_bytes());
    envelope
}

#[test]
fn an_opened_message_is_one_outcome_and_once_more_another() {
    let (mut alice, mut bob) = established();
    let tea = alice.send(&bob.id(), "tea");
    assert_eq!(texts(&bob.take(&tea, None)), ["tea"]);
    assert_eq!(bob.take(&tea, None), [Outcome::AlreadyReceived]);
}

#[test]
fn garbage_is_rejected_with_its_cause() {
    let (_, mut bob) = established();
    let rejects = |bob: &mut Party, envelope: &[u8], cause| {
        assert_eq!(bob.take(envelope, None), [Outcome::Rejected { cause, peer: None }]);
    };
    rejects(&mut bob, &[], ProtocolError::Malformed);
    rejects(&mut bob, &[2, 9], ProtocolError::UnsupportedVersion);
    rejects(&mut bob, &vec![0; 80_000], ProtocolError::TooLarge);
    rejects(&mut bob, &garbage(), ProtocolError::Undecryptable);
    let (mut carol, mut other) = (Party::new(3), Party::new(4));
    carol.initiate(&other.bundle(true)).expect("begins");
    let lost = carol.send(&other.id(), "hello");
    rejects(&mut bob, &lost, ProtocolError::UnknownPrekey);
}

#[test]
fn what_comes_to_a_sessions_own_mailbox_and_does_not_open_starts_healing() {
    let (alice, mut bob) = established();
    let via = mailbox(&bob, &alice.id());
    let outcomes = bob.take(&garbage(), Some(&via));
    let [Outcome::Pending { cause, deadline, .. }, Outcome::HealingStarted { peer, not_before }] =
        outcomes[..]
    else {
        panic!("{outcomes:?}");
    };
    assert_eq!((cause, peer), (ProtocolError::Undecryptable, alice.id()));
    assert!(deadline > bob.now && not_before > bob.now);
    assert_eq!(bob.device.waiting_count(), 1);
    assert_eq!(bob.device.next_reset(), Some(not_before));
    assert_eq!(bob.device.resets_due(bob.now).count(), 0, "not at once");
    bob.now = not_before;
    assert_eq!(bob.device.resets_due(bob.now).collect::<Vec<_>>(), [alice.id()]);

    let again = bob.take(&garbage(), Some(&via));
    assert!(matches!(again[..], [Outcome::Pending { .. }]), "no second place, no second healing");
    assert_eq!(bob.device.waiting_count(), 1);
    bob.now = deadline;
    assert!(bob.retry().is_empty(), "its last moment");
    bob.wait(Duration::from_millis(1));
    let cause = ProtocolError::Undecryptable;
    assert_eq!(bob.retry(), [Outcome::Rejected { cause, peer: Some(alice.id()) }]);
    assert_eq!(bob.device.waiting_count(), 0);
}

/// MSG-18
#[test]
fn for_a_stranger_nothing_waits_and_nothing_heals() {
    let (mut alice, mut bob) = begun(true);
    bob.hears(&alice.send(&bob.id(), "hello"), "hello");
    let via = mailbox(&bob, &alice.id());
    let cause = ProtocolError::Undecryptable;
    assert_eq!(
        bob.take(&garbage(), Some(&via)),
        [Outcome::Rejected { cause, peer: Some(alice.id()) }]
    );
    assert_eq!((bob.device.waiting_count(), bob.device.next_reset()), (0, None));
}

#[test]
fn what_waits_of_one_peer_does_not_keep_another_from_being_tried() {
    let (mut alice, mut bob) = established();
    let mut carol = Party::new(3);
    carol.initiate(&bob.bundle(true)).expect("begins");
    bob.hears(&carol.send(&bob.id(), "hello"), "hello");
    carol.hears(&bob.send(&carol.id(), "hello yourself"), "hello yourself");
    let of_alice: Vec<_> =
        (0..1100).map(|n| alice.device_send(&bob.id(), &alloc::format!("a{n}"))).collect();
    let of_carol: Vec<_> =
        (0..1100).map(|n| carol.device_send(&bob.id(), &alloc::format!("c{n}"))).collect();
    bob.take(&of_alice[1099], None);
    bob.take(&of_carol[1099], None);
    let between = |envelope: &[u8], bob: &mut Party| {
        let step = bob.device.receive(envelope, None, bob.now, &mut bob.rng);
        step.commit(|c| bob.store.apply(c)).expect("stored");
    };
    between(&of_alice[600], &mut bob);
    between(&of_carol[600], &mut bob);
    let mut found = texts(&bob.retry());
    found.sort_unstable();
    assert_eq!(found, ["a1099", "c1099"]);
}

/// MSG-19
#[test]
fn what_waits_is_bounded() {
    let (alice, mut bob) = established();
    let via = mailbox(&bob, &alice.id());
    for n in 0..40 {
        let mut envelope = garbage();
        envelope[100] = n;
        bob.take(&envelope, Some(&via));
    }
    assert_eq!(bob.device.waiting_count(), crate::limits::MAX_WAITING_OF_PEER);
}

#[test]
fn a_jump_too_far_waits_until_the_gap_is_smaller() {
    let (mut alice, mut bob) = established();
    let sent: Vec<_> =
        (0..1200).map(|n| alice.device_send(&bob.id(), &alloc::format!("{n}"))).collect();
    let outcomes = bob.take(&sent[1199], None);
    assert!(
        matches!(
            outcomes[..],
            [
                Outcome::Pending { cause: ProtocolError::TooManySkipped, .. },
                Outcome::HealingStarted { .. }
            ]
        ),
        "{outcomes:?}"
    );
    let outcomes = bob.take(&sent[600], None);
    assert_eq!(texts(&outcomes), ["600", "1199"]);
    assert_eq!(bob.device.next_reset(), None, "the healing is called off");
    assert_eq!(bob.device.waiting_count(), 0);
}

impl Party {
    /// Sends without reloading, which many messages have no time for.
    fn device_send(&mut self, peer: &DeviceId, text: &str) -> Vec<u8> {
        let step = self.device.encrypt(peer, &Content::text(text), self.now, &mut self.rng);
        let step = step.expect("can send");
        step.commit(|c| self.store.apply(c)).expect("stored").envelope
    }
}

#[test]
fn the_sixth_takeover_waits_for_its_place() {
    let (mut alice, mut bob) = established();
    let bundle = bob.bundle(false);
    for n in 0..MAX_TAKEOVERS {
        alice.initiate(&bundle).expect("begins");
        let text = alloc::format!("{n}");
        let hello = alice.send(&bob.id(), &text);
        assert_eq!(texts(&bob.take(&hello, None)), [text]);
    }
    alice.initiate(&bundle).expect("begins");
    let sixth = alice.send(&bob.id(), "sixth");
    let cause = ProtocolError::TooManySessions;
    let outcomes = bob.take(&sixth, None);
    assert!(matches!(outcomes[..], [Outcome::Pending { cause: found, .. }] if found == cause));
    bob.wait(DAY);
    assert_eq!(texts(&bob.retry()), ["sixth"]);
}

/// MSG-20
#[test]
fn two_messages_in_one_place_show_a_clone() {
    let (mut alice, mut bob) = established();
    let first = alice.send(&bob.id(), "the chain is begun");
    bob.hears(&first, "the chain is begun");
    let copy = alice.store.clone();
    let tea = alice.send(&bob.id(), "tea");
    assert_eq!(texts(&bob.take(&tea, None)), ["tea"]);
    alice.put_back(copy);
    let coffee = alice.send(&bob.id(), "coffee");
    let outcomes = bob.take(&coffee, None);
    assert!(
        matches!(
            outcomes[..],
            [Outcome::CloneSuspected { peer }, Outcome::HealingStarted { .. }] if peer == alice.id()
        ),
        "{outcomes:?}"
    );
    let cause = ProtocolError::Duplicate;
    assert_eq!(
        bob.take(&coffee, None),
        [Outcome::Rejected { cause, peer: Some(alice.id()) }],
        "told once"
    );
    assert_eq!(bob.take(&tea, None), [Outcome::AlreadyReceived], "the network repeats");

    bob.initiate(&alice.bundle(true)).expect("begins anew");
    alice.take(&bob.send(&alice.id(), "anew"), None);
    let outcomes = bob.take(&alice.send(&bob.id(), "answer"), None);
    let healed = Outcome::Healed { peer: alice.id() };
    assert!(matches!(&outcomes[..], [Outcome::Message(_), last] if *last == healed));
}

/// MSG-20
#[test]
fn a_chain_that_is_begun_twice_shows_a_clone() {
    let (mut alice, mut bob) = established();
    let tea = bob.send(&alice.id(), "tea");
    alice.hears(&tea, "tea");
    let copy = alice.store.clone();
    let answer = alice.send(&bob.id(), "answer");
    bob.hears(&answer, "answer");
    for _ in 0..4 {
        let there = bob.send(&alice.id(), "there");
        alice.hears(&there, "there");
        let back = alice.send(&bob.id(), "back");
        bob.hears(&back, "back");
    }
    alice.put_back(copy);
    alice.rng = ChaCha20Rng::seed_from_u64(99);
    let other = alice.send(&bob.id(), "another answer");
    let outcomes = bob.take(&other, None);
    assert!(matches!(outcomes[0], Outcome::CloneSuspected { .. }), "{outcomes:?}");
}

/// MSG-20
#[test]
fn the_network_cannot_make_a_clone_of_anyone() {
    let (mut alice, mut bob) = established();
    let sent: Vec<_> = (0..20).map(|n| alice.send(&bob.id(), &alloc::format!("{n}"))).collect();
    for n in [5, 3, 19, 0, 7] {
        bob.take(&sent[n], None);
    }
    for n in [5, 3, 19, 0, 7] {
        assert_eq!(bob.take(&sent[n], None), [Outcome::AlreadyReceived]);
        for at in (0..sent[n].len()).step_by(11) {
            let mut bad = sent[n].clone();
            bad[at] ^= 4;
            let outcomes = bob.take(&bad, None);
            let is_alarm = |outcome: &Outcome| matches!(outcome, Outcome::CloneSuspected { .. });
            assert!(!outcomes.iter().any(is_alarm), "byte {at}");
        }
    }
}
