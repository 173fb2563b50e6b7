//! What the network can do with envelopes that it cannot open: repeat, return, cut and join them.

use alloc::vec::Vec;

use kuvert_wire::InitPrefix;

use super::mallory::{Mallory, identity};
use super::party::{Party, pass, talk, talking};
use crate::Status;
use crate::error::ProtocolError;

const UNDECRYPTABLE: ProtocolError = ProtocolError::Undecryptable;

/// Where the parts of an ordinary session message begin, after kind and version.
mod part {
    pub(super) const HEADER_NONCE: usize = 2;
    pub(super) const SALT: usize = HEADER_NONCE + 12 + 2 + 195;
    pub(super) const FRANKING: usize = SALT + 16 + 32;
    pub(super) const CIPHERTEXT: usize = FRANKING + 32;
}

/// The network delivers a message again, at once or much later; its key is gone.
#[test]
fn replayed_message() {
    let (mut alice, mut bob) = talking();
    let mut old = Vec::new();
    for _ in 0..4 {
        old.push((pass(&mut alice, &mut bob), true));
        old.push((pass(&mut bob, &mut alice), false));
    }
    for (envelope, is_for_bob) in &old {
        let to = if *is_for_bob { &mut bob } else { &mut alice };
        to.refuses(envelope, ProtocolError::Duplicate);
    }
}

/// The network delivers a reset again to move the conversation to an old session; the first flight
/// is known as long as the session lives, and its prekey is gone afterwards.
#[test]
fn replayed_reset() {
    let (mut alice, mut bob) = talking();
    alice.begin(bob.bundle(true)).expect("a good bundle");
    let reset = pass(&mut alice, &mut bob);
    pass(&mut bob, &mut alice);
    talk(&mut alice, &mut bob);
    let active = bob.session_with(&alice.id()).session;
    bob.refuses(&reset, ProtocolError::Duplicate);
    assert_eq!(bob.session_with(&alice.id()).session, active);

    for _ in 0..4 {
        bob.now = bob.now.saturating_add(crate::limits::TAKEOVER_WINDOW);
        talk(&mut alice, &mut bob);
    }
    let active = bob.session_with(&alice.id()).session;
    bob.refuses(&reset, ProtocolError::UnknownPrekey);
    assert_eq!(bob.session_with(&alice.id()).session, active);
}

/// Mallory begins a session of her own to take the place of Alice's; sessions are placed by the
/// certified device, so hers stands beside, and Alice's goes on.
#[test]
fn forged_reset() {
    let (mut alice, mut bob) = talking();
    let active = bob.session_with(&alice.id());
    let mut mallory = Mallory::begins(bob.bundle(true));
    let envelope = mallory.seals(&mallory.header(0));
    let received = bob.hears(&envelope, "from mallory");
    assert_eq!(received.peer, *identity().device_id());
    let after = bob.session_with(&alice.id());
    assert_eq!((after.session, after.status), (active.session, Status::Established));
    pass(&mut alice, &mut bob);
    pass(&mut bob, &mut alice);
}

/// The network makes a reset of its own out of an old first flight and a newer body, or breaks one
/// byte of a real one; nothing takes over, and no budget is spent.
#[test]
fn mangled_reset() {
    let (mut alice, mut bob) = talking();
    let later = alice.send(&bob, "in the old session");
    alice.begin(bob.bundle(true)).expect("a good bundle");
    let reset = alice.send(&bob, "in the new session");
    let prefix_end = 2 + InitPrefix::LEN;
    let joined = [&reset[..prefix_end], &later[2..]].concat();
    bob.refuses(&joined, UNDECRYPTABLE);
    let mut broken = reset.clone();
    *broken.last_mut().expect("not empty") ^= 1;
    for _ in 0..10 {
        bob.refuses(&broken, UNDECRYPTABLE);
    }
    assert_eq!(bob.device.sessions().count(), 1);
    bob.hears(&later, "in the old session");
    bob.hears(&reset, "in the new session");
}

/// The network changes a first flight that is repeated, where no key depends on it any more: the ids
/// of the prekeys, the sealed certificate. It has to be the one that began the session.
#[test]
fn mangled_repetition() {
    let (mut alice, mut bob) = (Party::new(1), Party::new(2));
    alice.begin(bob.bundle(true)).expect("a good bundle");
    pass(&mut alice, &mut bob);
    let again = alice.send(&bob, "again");
    for at in (4..12).chain(2 + 1610..2 + InitPrefix::LEN) {
        let mut changed = again.clone();
        changed[at] ^= 1;
        assert!(bob.receive(&changed).is_err(), "byte {at}");
    }
    bob.hears(&again, "again");
}

/// The network returns envelopes to their sender, of every kind and from both sides; the two
/// directions have keys of their own, and a first flight needs prekeys that the sender has not.
#[test]
fn reflection() {
    let (mut alice, mut bob) = (Party::new(1), Party::new(2));
    alice.begin(bob.bundle(true)).expect("a good bundle");
    let hello = alice.send(&bob, "hello");
    alice.refuses(&hello, ProtocolError::UnknownPrekey);
    alice.bundle(true);
    alice.refuses(&hello, ProtocolError::UnknownPrekey);
    bob.hears(&hello, "hello");
    for _ in 0..3 {
        let back = pass(&mut bob, &mut alice);
        bob.refuses(&back, UNDECRYPTABLE);
        let there = pass(&mut alice, &mut bob);
        alice.refuses(&there, UNDECRYPTABLE);
    }
}

/// Roles are exchanged: Bob's own first chain comes back to him behind Alice's first flight.
#[test]
fn reflection_with_roles_exchanged() {
    let (mut alice, mut bob) = (Party::new(1), Party::new(2));
    alice.begin(bob.bundle(true)).expect("a good bundle");
    let hello = pass(&mut alice, &mut bob);
    let answer = bob.send(&alice, "answer");
    let prefix = &hello[..2 + InitPrefix::LEN];
    bob.refuses(&[prefix, &answer[2..]].concat(), UNDECRYPTABLE);
    alice.hears(&answer, "answer");
}

/// Alice is handed her own certificate by a first flight: nobody has a session with themselves.
#[test]
fn reflection_of_the_identity() {
    let mut alice = Party::new(1);
    let bundle = alice.bundle(true);
    assert_eq!(alice.begin(bundle), Err(ProtocolError::BadKey));
}

/// The network puts one message together from two, in one session or in two; the body's commitment
/// is over the header, its nonce, the kind and the franking commitment, so no part can be another's.
#[test]
fn cross_session_splicing() {
    let (mut alice, mut bob) = talking();
    let old = [alice.send(&bob, "first"), alice.send(&bob, "other")];
    alice.begin(bob.bundle(true)).expect("a good bundle");
    pass(&mut alice, &mut bob);
    pass(&mut bob, &mut alice);
    let new = [alice.send(&bob, "first"), alice.send(&bob, "other")];
    let all = [&old[0], &old[1], &new[0], &new[1]];
    let cuts = [part::SALT, part::FRANKING, part::CIPHERTEXT, part::HEADER_NONCE + 12];
    for (at, one) in all.iter().enumerate() {
        for (_, other) in all.iter().enumerate().filter(|(other, _)| *other != at) {
            for cut in cuts {
                bob.refuses(&[&one[..cut], &other[cut..]].concat(), UNDECRYPTABLE);
            }
        }
    }
    all.into_iter().zip(["first", "other"].into_iter().cycle()).for_each(|(envelope, text)| {
        bob.hears(envelope, text);
    });
}

/// The network exchanges the first flights of two sessions that begin, from one initiator or from
/// two; the message behind it is under other keys.
#[test]
fn cross_session_prefixes() {
    let (mut alice, mut bob, mut carol) = (Party::new(1), Party::new(2), Party::new(3));
    alice.begin(bob.bundle(true)).expect("a good bundle");
    let first = alice.send(&bob, "first");
    alice.begin(bob.bundle(true)).expect("a good bundle");
    let second = alice.send(&bob, "second");
    carol.begin(bob.bundle(true)).expect("a good bundle");
    let carols = carol.send(&bob, "carol's");
    let end = 2 + InitPrefix::LEN;
    let all = [first, second, carols];
    for one in &all {
        for other in all.iter().filter(|other| *other != one) {
            bob.refuses(&[&one[..end], &other[end..]].concat(), UNDECRYPTABLE);
        }
    }
    assert_eq!(bob.device.one_time_count(), 3);
    for (envelope, text) in all.iter().zip(["first", "second", "carol's"]) {
        bob.hears(envelope, text);
        // Now that each has a session, its flight is known: still no other message goes with it.
        for other in all.iter().filter(|other| *other != envelope) {
            assert!(bob.receive(&[&envelope[..end], &other[end..]].concat()).is_err());
        }
    }
}

/// The network turns a first message into an ordinary one, or the reverse; the kind is sealed with
/// header and body.
#[test]
fn kind_flipped() {
    let (mut alice, mut bob) = (Party::new(1), Party::new(2));
    alice.begin(bob.bundle(true)).expect("a good bundle");
    let hello = pass(&mut alice, &mut bob);
    let again = alice.send(&bob, "again");
    let ordinary = [&[2], &again[1..2], &again[2 + InitPrefix::LEN..]].concat();
    bob.refuses(&ordinary, UNDECRYPTABLE);
    bob.hears(&again, "again");
    pass(&mut bob, &mut alice);
    let later = alice.send(&bob, "later");
    let first = [&hello[..2 + InitPrefix::LEN], &later[2..]].concat();
    bob.refuses(&first, UNDECRYPTABLE);
    let mut flipped = later.clone();
    flipped[0] = 1;
    assert!(bob.receive(&flipped).is_err());
    bob.hears(&later, "later");
}
