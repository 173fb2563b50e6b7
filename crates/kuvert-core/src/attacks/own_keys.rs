//! A key that is somebody else's, or the receiver's own, in the place of a fresh one.

use super::handshake::Forged;
use super::mallory::identity;
use super::party::Party;
use crate::crypto::dh::DhSecret;
use crate::error::ProtocolError;
use crate::secret::Secret;

/// Mallory takes a public key that is there already for her ephemeral one: the receiver's identity or
/// prekeys, or another's identity. She does not know what the receiver computes with it, and her
/// certificate does not open.
#[test]
fn another_key_as_ephemeral_key() {
    for which in 0..4 {
        let (alice, mut bob) = (Party::new(1), Party::new(2));
        let bundle = bob.bundle(true);
        let key = match which {
            0 => *bundle.cert.identity_key.as_bytes(),
            1 => *bundle.medium.x.as_bytes(),
            2 => *bundle.one_time.as_ref().expect("has one").x.as_bytes(),
            _ => *alice.device.cert().identity_key.as_bytes(),
        };
        let forged = Forged { ephemeral_key: key, ..Forged::for_bundle(bundle) };
        bob.refuses(&forged.envelope(), ProtocolError::Undecryptable);
        assert_eq!(bob.device.one_time_count(), 1);
    }
}

/// Mallory begins a chain with the receiver's own ratchet key. She would have to know what it gives
/// with itself; with any guess the message does not open.
#[test]
fn own_key_as_ratchet_key() {
    let (mut bob, mut mallory) = super::headers::begun();
    let envelope = mallory.seals(&mallory.header(0));
    bob.hears(&envelope, "from mallory");
    let id = *identity().device_id();
    let own = mallory.follows(&bob.send_to(&id, &crate::Content::text("answer"))).ratchet_key;
    let zero = Secret::copied_from(&[0; 32]);
    let key = DhSecret::from_stored(Secret::copied_from(&[5; 32]), *own.as_bytes());
    mallory.turns_with(key, &zero, None, 0);
    let envelope = mallory.seals(&mallory.header(0));
    bob.refuses(&envelope, ProtocolError::Undecryptable);
}
