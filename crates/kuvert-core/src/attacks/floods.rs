//! A peer that makes its receiver keep keys: as many as it can, in as many places, as slowly.

use kuvert_wire::Header;

use super::mallory::{Mallory, identity};
use super::party::{Party, pass, talking};
use crate::error::ProtocolError;
use crate::limits::{MAX_SKIP, MAX_SKIPPED_KEYS};

const FRESH: usize = 4 * 1024;
const FULL: usize = 96 * 1024;

fn sizes(party: &Party) -> (usize, usize) {
    (party.stored_len("session/"), party.stored_len("skipped/"))
}

fn kept(bob: &Party) -> usize {
    bob.session_with(identity().device_id()).ratchet.skipped
}

/// Bob knows Mallory, who begins a new chain at each turn.
fn turned(bob: &mut Party, mallory: &mut Mallory) {
    mallory.follows(&bob.send_to(identity().device_id(), &crate::Content::text("turn")));
    mallory.turns(0);
}

/// A session that begins is small on both sides.
#[test]
fn a_fresh_session_is_at_most_4_kib() {
    let (mut alice, mut bob) = (Party::new(1), Party::new(2));
    alice.begin(bob.bundle(true)).expect("a good bundle");
    assert!(sizes(&alice).0 <= FRESH, "{:?}", sizes(&alice));
    let (alice, bob) = talking();
    for party in [alice, bob] {
        assert!(sizes(&party).0 <= FRESH, "{:?}", sizes(&party));
        assert_eq!(sizes(&party).1, 0);
    }
}

/// Mallory jumps over 1,001 messages, on a chain or across two; the jump is counted before any step
/// of a chain is made.
#[test]
fn a_jump_over_1001_messages() {
    let (mut bob, mut mallory) = super::headers::begun();
    for number in [MAX_SKIP + 1, MAX_SKIP + 2] {
        let envelope = mallory.seals(&mallory.header(number));
        bob.refuses(&envelope, ProtocolError::TooManySkipped);
    }
    let envelope = mallory.seals(&mallory.header(MAX_SKIP));
    bob.hears(&envelope, "from mallory");
    assert_eq!(kept(&bob), 1000);
    turned(&mut bob, &mut mallory);
    let over = Header { previous_chain_length: MAX_SKIP + 1 + 501, ..mallory.header(500) };
    let envelope = mallory.seals(&over);
    bob.refuses(&envelope, ProtocolError::TooManySkipped);
    let at = Header { previous_chain_length: MAX_SKIP + 1 + 500, ..mallory.header(500) };
    let envelope = mallory.seals(&at);
    bob.hears(&envelope, "from mallory");
    assert_eq!(kept(&bob), 2000);
}

/// Mallory jumps as far as she may, over and over, on one chain and on new ones; 2,000 keys are kept
/// and no more, and the session with all its pages stays below 96 KiB.
#[test]
fn many_long_jumps() {
    let (mut bob, mut mallory) = super::headers::begun();
    let mut number = 0;
    for round in 0..12 {
        number += MAX_SKIP + u32::from(round > 0);
        let envelope = mallory.seals(&mallory.header(number));
        bob.hears(&envelope, "from mallory");
        assert!(kept(&bob) <= MAX_SKIPPED_KEYS);
    }
    for _ in 0..8 {
        turned(&mut bob, &mut mallory);
        let envelope = mallory.seals(&mallory.header(MAX_SKIP));
        bob.hears(&envelope, "from mallory");
        assert!(kept(&bob) <= MAX_SKIPPED_KEYS);
    }
    assert_eq!(kept(&bob), MAX_SKIPPED_KEYS);
    let (session, pages) = sizes(&bob);
    assert!(session + pages <= FULL, "{session} + {pages}");
    let loaded = bob.copy(5);
    assert_eq!(kept(&loaded), MAX_SKIPPED_KEYS);
}

/// Mallory leaves out every other message, so that each kept key lies alone; the bound on a session
/// holds all the same, and the jump that pushes a thousand of them out takes no longer than another.
#[test]
fn keys_scattered_one_by_one() {
    let (mut bob, mut mallory) = super::headers::begun();
    for number in (1..4_004).step_by(2) {
        let envelope = mallory.seals(&mallory.header(number));
        bob.hears(&envelope, "from mallory");
    }
    assert_eq!(kept(&bob), MAX_SKIPPED_KEYS);
    let (session, pages) = sizes(&bob);
    assert!(session + pages <= FULL, "{session} + {pages}");
    assert!(bob.under("skipped/").count() <= 100);
}

/// The network holds a message back, waits until its neighbour's key has long expired, and lets the
/// next ones overtake each other; a key is kept for its own thirty days, whatever lies beside it.
#[test]
fn a_key_kept_beside_an_old_one() {
    const DAY: core::time::Duration = core::time::Duration::from_secs(24 * 3600);
    for days in [0, 29, 31, 33, 65, 400] {
        let (mut alice, mut bob) = talking();
        alice.send(&bob, "never arrives");
        pass(&mut alice, &mut bob);
        let now = bob.now.saturating_add(DAY * days);
        (alice.now, bob.now) = (now, now);
        let late = alice.send(&bob, "late");
        pass(&mut alice, &mut bob);
        bob.now = now.saturating_add(DAY * 29);
        pass(&mut alice, &mut bob);
        assert!(bob.receive(&late).is_ok(), "{days} days");
    }
}
