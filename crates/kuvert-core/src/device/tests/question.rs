//! Another device of a known account: a person decides.

use super::outcomes::texts;
use super::*;
use crate::identity::IdentityKeyPair;

/// Another device of the same account, as after a restored backup.
fn second_device(of: &Party, seed: u64) -> Party {
    let mut other = Party::new(seed);
    other.device.identity =
        IdentityKeyPair::another_device(&of.device.identity, of.now, &mut other.rng);
    other.store = Records::default();
    let changes = crate::Changes::of(other.device.first_records());
    other.store.apply(&changes).expect("stored");
    other.reload();
    other
}

/// Alice's new device has written to Bob, who knows her old one.
fn asked() -> (Party, Party, Party, Vec<Outcome>) {
    let (alice, mut bob) = established();
    let mut second = second_device(&alice, 50);
    second.initiate(&bob.bundle(true)).expect("begins");
    let hello = second.send(&bob.id(), "my new phone");
    let outcomes = bob.take(&hello, None);
    (alice, second, bob, outcomes)
}

fn answer(bob: &mut Party, of: &Party, newcomer: &DeviceId, accept: bool) {
    let step = bob.device.answer_identity(&of.device.account_id(), newcomer, accept);
    step.expect("is known").commit(|c| bob.store.apply(c)).expect("stored");
    bob.reload();
}

/// IDN-7
#[test]
fn what_a_new_device_says_waits_for_a_person() {
    let (alice, second, mut bob, outcomes) = asked();
    let account = *alice.device.account_key();
    let changed = Outcome::IdentityChanged { peer: second.id(), account };
    assert!(
        matches!(
            &outcomes[..],
            [Outcome::Pending { cause: ProtocolError::IdentityChanged, .. }, other] if *other == changed
        ),
        "{outcomes:?}"
    );
    let known = bob.device.peer(&alice.id()).expect("known");
    assert_eq!(known.identity_question(), Some(second.id()));
    let sealed = bob.try_send(&alice.id(), &Content::text("who is there?"));
    assert_eq!(sealed, Err(ProtocolError::IdentityChanged), "nothing is sent");
    assert!(bob.retry().is_empty());
}

/// IDN-7
#[test]
fn yes_gives_the_place_to_the_new_device() {
    let (alice, mut second, mut bob, _) = asked();
    answer(&mut bob, &alice, &second.id(), true);
    assert_eq!(texts(&bob.retry()), ["my new phone"]);
    assert!(bob.device.peer(&alice.id()).is_none(), "the old one has given way");
    assert!(bob.device.peer(&second.id()).expect("known").is_accepted(), "as the old one was");
    let back = bob.send(&second.id(), "welcome");
    second.hears(&back, "welcome");
}

/// IDN-7
#[test]
fn no_drops_what_it_said() {
    let (mut alice, second, mut bob, _) = asked();
    answer(&mut bob, &alice, &second.id(), false);
    assert!(bob.retry().is_empty());
    assert_eq!(bob.device.waiting_count(), 0);
    let back = bob.send(&alice.id(), "is that you?");
    alice.hears(&back, "is that you?");
}

/// IDN-7
#[test]
fn a_bundle_of_a_new_device_is_a_question_as_well() {
    let (alice, mut bob) = established();
    let mut second = second_device(&alice, 50);
    let bundle = second.bundle(true);
    assert_eq!(bob.initiate(&bundle), Err(ProtocolError::IdentityChanged));
    let asked = bob.device.question_identity(&bundle).commit(|c| bob.store.apply(c));
    bob.reload();
    let account = *alice.device.account_key();
    let changed = Outcome::IdentityChanged { peer: second.id(), account };
    assert_eq!(asked.expect("stored").into_iter().collect::<Vec<_>>(), [changed]);
    let sealed = bob.try_send(&alice.id(), &Content::text("tea"));
    assert_eq!(sealed, Err(ProtocolError::IdentityChanged), "nothing is sent");
    answer(&mut bob, &alice, &second.id(), true);
    let sealed = bob.try_send(&alice.id(), &Content::text("tea"));
    assert_eq!(sealed, Err(ProtocolError::Closed), "the old device has lost its place");
    assert_eq!(bob.initiate(&bundle), Ok(second.id()));
    assert!(bob.device.peer(&alice.id()).is_none());
}

#[test]
fn strangers_may_come_with_any_device() {
    let (mut alice, mut bob) = begun(true);
    bob.hears(&alice.send(&bob.id(), "hello"), "hello");
    let mut second = second_device(&alice, 50);
    second.initiate(&bob.bundle(true)).expect("begins");
    let hello = second.send(&bob.id(), "me again");
    assert_eq!(texts(&bob.take(&hello, None)), ["me again"]);
    assert!(bob.device.peer(&alice.id()).is_some(), "it has not given way");
}

/// IDN-7
#[test]
fn of_each_device_of_the_account_it_is_asked_whether_it_gives_way() {
    let (mut alice, mut bob) = begun(true);
    bob.hears(&alice.send(&bob.id(), "hello"), "hello");
    let mut second = second_device(&alice, 50);
    second.initiate(&bob.bundle(true)).expect("begins");
    bob.hears(&second.send(&bob.id(), "me again"), "me again");
    for known in [alice.id(), second.id()] {
        drop(bob.send(&known, "I know you"));
    }
    let mut third = second_device(&alice, 51);
    third.initiate(&bob.bundle(true)).expect("begins");
    bob.take(&third.send(&bob.id(), "and again"), None);
    for known in [alice.id(), second.id()] {
        let known = bob.device.peer(&known).expect("known");
        assert_eq!(known.identity_question(), Some(third.id()));
    }
}

/// MSG-9
#[test]
fn nobody_is_asked_about_a_newcomer_whose_body_is_malformed() {
    let (alice, mut bob) = established();
    let mut second = second_device(&alice, 50);
    second.initiate(&bob.bundle(true)).expect("begins");
    let mut content = Content::text("");
    content.frame_type = FrameType::Transcript;
    content.body = crate::secret::SecretBytes::new(vec![99]);
    let hello = second.try_send(&bob.id(), &content).expect("can send");
    let cause = ProtocolError::Malformed;
    assert_eq!(bob.take(&hello, None), [Outcome::Rejected { cause, peer: None }]);
    assert_eq!(bob.device.peer(&alice.id()).expect("known").identity_question(), None);
}

fn question(bob: &mut Party, bundle: &VerifiedBundle) -> Vec<Outcome> {
    let asked = bob.device.question_identity(bundle).commit(|c| bob.store.apply(c));
    bob.reload();
    asked.expect("stored").into_iter().collect()
}

/// IDN-7
#[test]
fn after_a_no_nobody_is_asked_again() {
    let (alice, mut second, mut bob, _) = asked();
    answer(&mut bob, &alice, &second.id(), false);
    let before = bob.store.clone();
    let again = second.send(&bob.id(), "it is really me");
    let cause = ProtocolError::IdentityChanged;
    assert_eq!(bob.take(&again, None), [Outcome::Rejected { cause, peer: Some(second.id()) }]);
    assert_eq!(question(&mut bob, &second.bundle(true)), []);
    assert!(bob.store == before, "the answer stands");
}

#[test]
fn of_a_known_device_and_of_a_stranger_nobody_is_asked() {
    let (mut alice, mut bob) = established();
    let mut stranger = Party::new(3);
    for bundle in [alice.bundle(true), stranger.bundle(true)] {
        assert_eq!(question(&mut bob, &bundle), []);
    }
    let sealed = bob.try_send(&alice.id(), &Content::text("tea"));
    assert!(sealed.is_ok(), "nothing is in question");
}

/// IDN-7
#[test]
fn after_a_yes_a_session_of_ours_opens_what_waited_as_well() {
    let (alice, mut second, mut bob, _) = asked();
    answer(&mut bob, &alice, &second.id(), true);
    assert_eq!(bob.initiate(&second.bundle(true)), Ok(second.id()));
    assert_eq!(bob.device.waiting_count(), 1);
    assert_eq!(texts(&bob.retry()), ["my new phone"]);
    assert_eq!(bob.device.waiting_count(), 0);
}

/// IDN-7
#[test]
fn an_old_device_that_comes_back_gives_way_with_its_sessions() {
    let (mut alice, mut second, mut bob, _) = asked();
    answer(&mut bob, &alice, &second.id(), true);
    alice.initiate(&bob.bundle(true)).expect("begins");
    bob.hears(&alice.send(&bob.id(), "I am still here"), "I am still here");
    assert!(active(&bob, &alice.id()).is_some());
    assert_eq!(bob.initiate(&second.bundle(true)), Ok(second.id()));
    assert!(bob.device.peer(&alice.id()).is_none());
    assert_eq!(bob.device.sessions().count(), 1, "the new device's");
}

/// IDN-7
#[test]
fn while_it_is_asked_no_session_is_begun_with_the_account() {
    let (mut alice, mut second, mut bob, _) = asked();
    let changed = Some(ProtocolError::IdentityChanged);
    for bundle in [alice.bundle(true), second.bundle(true)] {
        assert_eq!(bob.initiate(&bundle).err(), changed);
    }
    let bundle = alice.bundle(true);
    let reset = bob.device.reset(&bundle, &[], Reset::ByHand, bob.now, &mut bob.rng);
    assert_eq!(reset.err(), changed);
}
