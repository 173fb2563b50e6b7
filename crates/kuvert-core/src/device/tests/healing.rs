//! Sessions that do not work are replaced, within a budget.

use kuvert_wire::MessageId;

use super::outcomes::{DAY, mailbox, texts};
use super::*;

impl Party {
    fn reset(
        &mut self,
        bundle: &VerifiedBundle,
        held: &[MessageId],
        how: Reset,
    ) -> Result<Vec<u8>, ProtocolError> {
        let before = self.store.clone();
        let step = self.device.reset(bundle, held, how, self.now, &mut self.rng);
        let outgoing = step.and_then(|step| step.commit(|c| self.store.apply(c)));
        assert!(outgoing.is_ok() || self.store == before, "an error changed the state");
        self.reload();
        outgoing.map(|outgoing| outgoing.envelope)
    }
}

/// Bob has had something from Alice's session that does not open, and may reset it now.
fn broken() -> (Party, Party) {
    let (alice, mut bob) = established();
    let mut envelope = vec![7; 563];
    envelope[..2].copy_from_slice(&[2, 1]);
    envelope[14..16].copy_from_slice(&195_u16.to_be_bytes());
    let via = mailbox(&bob, &alice.id());
    bob.take(&envelope, Some(&via));
    bob.now = bob.device.next_reset().expect("is due");
    (alice, bob)
}

#[test]
fn a_reset_names_what_is_held_and_heals() {
    let (mut alice, mut bob) = broken();
    let bundle = alice.bundle(true);
    let held = [MessageId::from_bytes([1; 16]), MessageId::from_bytes([2; 16])];
    let resend = bob.reset(&bundle, &held, Reset::Automatic).expect("within the budget");
    assert_eq!(bob.device.next_reset(), None);
    assert!(bob.device.peer(&alice.id()).expect("known").is_healing());

    let outcomes = alice.take(&resend, None);
    let [Outcome::Message(received)] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert!(received.begins_session);
    assert_eq!(Control::decode(&received.frame.body), Ok(Control::Resend(held.to_vec())));
    assert_eq!(active(&alice, &bob.id()), active(&bob, &alice.id()));

    let again = alice.send(&bob.id(), "again");
    let outcomes = bob.take(&again, None);
    assert_eq!(texts(&outcomes), ["again"]);
    assert!(matches!(outcomes[1], Outcome::Healed { peer } if peer == alice.id()));
    assert!(!bob.device.peer(&alice.id()).expect("known").is_healing());
    assert_eq!(bob.device.waiting_count(), 0);
}

#[test]
fn a_peer_that_resets_first_heals_ours() {
    let (mut alice, mut bob) = broken();
    let bundle = bob.bundle(true);
    let resend = alice.reset(&bundle, &[], Reset::ByHand).expect("a person may");
    let outcomes = bob.take(&resend, None);
    assert!(matches!(outcomes[..], [Outcome::Message(_), Outcome::Healed { .. }]), "{outcomes:?}");
    assert_eq!(bob.device.next_reset(), None);
}

#[test]
fn both_may_reset_at_once() {
    let (mut alice, mut bob) = broken();
    let (to_alice, to_bob) = (alice.bundle(true), bob.bundle(true));
    let from_bob = bob.reset(&to_alice, &[], Reset::Automatic).expect("within the budget");
    let from_alice = alice.reset(&to_bob, &[], Reset::ByHand).expect("a person may");
    alice.take(&from_bob, None);
    bob.take(&from_alice, None);
    for _ in 0..3 {
        let there = alice.send(&bob.id(), "there");
        assert_eq!(texts(&bob.take(&there, None)), ["there"]);
        let back = bob.send(&alice.id(), "back");
        assert_eq!(texts(&alice.take(&back, None)), ["back"]);
    }
    assert_eq!(active(&alice, &bob.id()), active(&bob, &alice.id()));
    assert!(!bob.device.peer(&alice.id()).expect("known").is_healing());
}

/// MSG-17
#[test]
fn the_budget_survives_a_restart_and_an_error() {
    let (mut alice, mut bob) = broken();
    let bundle = alice.bundle(false);
    bob.reset(&bundle, &[], Reset::Automatic).expect("the first");
    let refused = bob.reset(&bundle, &[], Reset::Automatic);
    assert_eq!(refused, Err(ProtocolError::TooManySessions), "ten minutes have not passed");
    for reset in 2..=4 {
        bob.wait(Duration::from_secs(600));
        assert!(bob.reset(&bundle, &[], Reset::Automatic).is_ok(), "reset {reset}");
    }
    bob.wait(Duration::from_secs(3600));
    let refused = bob.reset(&bundle, &[], Reset::Automatic);
    assert_eq!(refused, Err(ProtocolError::TooManySessions), "four within a day");
    assert!(bob.reset(&bundle, &[], Reset::ByHand).is_ok(), "a person may always");
    bob.wait(DAY);
    assert!(bob.reset(&alice.bundle(false), &[], Reset::Automatic).is_ok());
}

/// MSG-17
#[test]
fn two_processes_have_one_budget() {
    let (mut alice, mut bob) = broken();
    let bundle = alice.bundle(false);
    let records: Vec<_> = bob.store.0.values().cloned().collect();
    let mut other = Device::load(records).expect("its own records");
    let theirs = other.reset(&bundle, &[], Reset::Automatic, bob.now, &mut bob.rng);
    let theirs: Vec<_> = theirs.expect("not spent here").changes().iter().cloned().collect();
    bob.reset(&bundle, &[], Reset::Automatic).expect("the first");
    let is_stale = |change: &Change| {
        let version = bob.store.0.get(change.key()).map_or(Version::ABSENT, |r| r.version);
        version != change.expected()
    };
    assert!(theirs.iter().any(is_stale), "the second one does not commit");
}

/// MSG-18
#[test]
fn no_automatic_reset_towards_a_stranger() {
    let (mut alice, mut bob) = begun(true);
    bob.hears(&alice.send(&bob.id(), "hello"), "hello");
    let bundle = alice.bundle(true);
    let refused = bob.reset(&bundle, &[], Reset::Automatic);
    assert_eq!(refused, Err(ProtocolError::NoSession));
    drop(bob.try_send(&alice.id(), &Content::control(&Control::Empty)).expect("can send"));
    let refused = bob.reset(&bundle, &[], Reset::Automatic);
    assert_eq!(refused, Err(ProtocolError::NoSession), "no person has written");
    bob.device
        .accept(&alice.id(), true)
        .expect("known")
        .commit(|c| bob.store.apply(c))
        .expect("ok");
    bob.reload();
    assert!(bob.reset(&bundle, &[], Reset::Automatic).is_ok());
}

#[test]
fn a_reset_is_for_known_devices() {
    let (_, mut bob) = established();
    let mut carol = Party::new(3);
    let refused = bob.reset(&carol.bundle(true), &[], Reset::ByHand);
    assert_eq!(refused, Err(ProtocolError::NoSession));
}

#[test]
fn a_peer_no_longer_accepted_is_not_healed() {
    let (alice, mut bob) = broken();
    bob.device
        .accept(&alice.id(), false)
        .expect("known")
        .commit(|c| bob.store.apply(c))
        .expect("ok");
    bob.reload();
    assert_eq!(bob.device.resets_due(bob.now).count(), 0);
    assert!(!bob.device.peer(&alice.id()).expect("known").is_healing());
}

#[test]
fn after_a_rollback_no_session_is_left_and_accepted_peers_are_healed() {
    let (mut alice, mut bob) = established();
    let mut carol = Party::new(3);
    carol.initiate(&bob.bundle(true)).expect("begins");
    bob.hears(&carol.send(&bob.id(), "a stranger"), "a stranger");
    let step = bob.device.roll_back(bob.now, &mut bob.rng);
    let mut ended = step.commit(|c| bob.store.apply(c)).expect("stored");
    bob.reload();
    ended.sort_unstable();
    let mut both = [alice.id(), carol.id()];
    both.sort_unstable();
    assert_eq!(ended, both);
    assert_eq!(bob.device.sessions().count(), 0);
    let sealed = bob.try_send(&alice.id(), &Content::text("tea"));
    assert_eq!(sealed, Err(ProtocolError::Closed), "nothing is sealed with an old state");
    bob.wait(DAY);
    assert_eq!(bob.device.resets_due(bob.now).collect::<Vec<_>>(), [alice.id()]);
    let resend = bob.reset(&alice.bundle(true), &[], Reset::Automatic).expect("within the budget");
    assert!(matches!(alice.take(&resend, None)[..], [Outcome::Message(_)]));
}

#[test]
fn a_new_session_that_is_never_answered_can_be_healed_again() {
    let (mut alice, mut bob) = broken();
    bob.reset(&alice.bundle(true), &[], Reset::Automatic).expect("within the budget");
    bob.wait(UNANSWERED_AGE + DAY);
    bob.device.tidy(bob.now).commit(|c| bob.store.apply(c)).expect("stored");
    bob.reload();
    assert!(!bob.device.peer(&alice.id()).expect("known").is_healing());
}

/// The keys of the session are gone with the message that could not be: a new one has to be begun.
#[test]
fn a_session_that_ends_by_its_post_quantum_part_is_replaced() {
    let (mut alice, mut bob) = established();
    let mut received = bob.hears(&alice.send(&bob.id(), "tea"), "tea");
    received.ended = Some(SessionEnd::PqFailed);
    let effects = bob.device.end_effects(&received.session);
    let opening = crate::device::decrypt::Opening { effects, received, events: vec![] };
    let (effects, outcomes) = bob.device.opened(opening, bob.now, &mut bob.rng);
    bob.device.step(effects, ()).commit(|c| bob.store.apply(c)).expect("stored");
    bob.reload();
    let due = bob.device.next_reset().expect("is due");
    let started = Outcome::HealingStarted { peer: alice.id(), not_before: due };
    assert!(matches!(&outcomes[..], [Outcome::Message(_), other] if *other == started));
    assert!(bob.device.peer(&alice.id()).expect("known").is_closed());
    bob.now = due;
    let resend = bob.reset(&alice.bundle(true), &[], Reset::Automatic).expect("within the budget");
    assert!(matches!(alice.take(&resend, None)[..], [Outcome::Message(_)]));
}

#[test]
fn after_a_rollback_nothing_waits() {
    let (_, mut bob) = broken();
    assert_eq!(bob.device.waiting_count(), 1);
    bob.device.roll_back(bob.now, &mut bob.rng).commit(|c| bob.store.apply(c)).expect("stored");
    bob.reload();
    assert_eq!(bob.device.waiting_count(), 0);
    assert!(bob.retry().is_empty());
}
