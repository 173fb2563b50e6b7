//! Waiting for a key and nonce that come twice.

use super::party::{pass, talk, talking};
use crate::crypto::aead::seal;
use crate::crypto::tap;
use crate::limits::TAKEOVER_WINDOW;
use crate::secret::Secret;

/// What the tap looks for, it finds.
#[test]
fn the_tap_sees_a_key_and_nonce_that_seal_two_texts() {
    let seen = tap::listen(|| {
        let key = Secret::copied_from(&[1; 32]);
        seal(&key, &[2; 12], b"", b"one");
        seal(&key, &[3; 12], b"", b"two");
        seal(&key, &[2; 12], b"", b"one");
    });
    assert_eq!((seen.sealed, seen.reused), (3, 0));
    let seen = tap::listen(|| {
        let key = Secret::copied_from(&[1; 32]);
        seal(&key, &[2; 12], b"", b"one");
        seal(&key, &[2; 12], b"", b"two");
    });
    assert_eq!((seen.sealed, seen.reused), (2, 1));
}

/// A long conversation with new sessions in it: every header and body has a key and nonce of its
/// own.
#[test]
fn no_key_and_nonce_twice_in_a_conversation() {
    let seen = tap::listen(|| {
        let (mut alice, mut bob) = talking();
        for round in 0..60 {
            (0..round % 4).for_each(|_| drop(alice.send(&bob, "lost")));
            pass(&mut alice, &mut bob);
            pass(&mut bob, &mut alice);
            if round % 20 == 19 {
                bob.now = bob.now.saturating_add(TAKEOVER_WINDOW);
                talk(&mut alice, &mut bob);
            }
        }
    });
    assert!(seen.sealed > 400, "{seen:?}");
    assert_eq!(seen.reused, 0);
}

/// The attacker puts back an old copy of the state, over and over, and each time it says something
/// else; the salt and the header's nonce are fresh, so that nothing is sealed under an old pair.
#[test]
fn no_key_and_nonce_twice_after_an_old_copy_is_put_back() {
    let seen = tap::listen(|| {
        let (mut alice, mut bob) = talking();
        for round in 0..8 {
            for (seed, text) in [(100, "one"), (101, "two"), (102, "three")] {
                let mut restored = alice.copy(seed + 10 * round);
                (0..3).for_each(|_| drop(restored.send(&bob, text)));
                restored.now = restored.now.saturating_add(TAKEOVER_WINDOW * 2);
                restored.send(&bob, "with a burst of fragments");
            }
            pass(&mut alice, &mut bob);
            pass(&mut bob, &mut alice);
        }
    });
    assert!(seen.sealed > 200, "{seen:?}");
    assert_eq!(seen.reused, 0);
}

/// The copy brings the old state of the random generator with it, as a snapshot of a machine does.
/// Salt and nonce come again; the header is then the same as before, byte for byte, and the key of
/// the body depends on what it says.
#[test]
fn no_key_and_nonce_twice_when_chance_repeats_itself() {
    let seen = tap::listen(|| {
        let (mut alice, mut bob) = talking();
        for round in 0..6 {
            for text in ["one", "two", "three"] {
                let mut restored = alice.copy(1000 + round);
                restored.send(&bob, text);
            }
            pass(&mut alice, &mut bob);
            pass(&mut bob, &mut alice);
        }
    });
    assert!(seen.sealed > 50, "{seen:?}");
    assert_eq!(seen.reused, 0);
}
