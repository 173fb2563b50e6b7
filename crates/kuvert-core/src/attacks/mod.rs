//! Attacks, by name. Each test says in a sentence what the attacker does and why it fails, and each
//! has the attack done right beside the check that stops it.
//!
//! | file | who attacks |
//! |---|---|
//! | `handshake` | a directory, a relay or a peer, while a session is begun |
//! | `signatures` | whoever bends Ed25519 |
//! | `envelopes` | the network: replay, reflection, splicing, forged resets |
//! | `headers` | a peer that holds the keys and does not keep to the ratchet |
//! | `floods` | a peer that wants memory and time |
//! | `salamander` | a peer that wants one envelope to say two things |
//! | `compromise` | who has copied a device's records |
//! | `nonces` | who waits for a key and nonce that come twice |
//! | `own_keys` | who puts somebody else's key in the place of a fresh one |
//! | `records` | who wants one stored record to say two things |
//! | `recovery` | who breaks sessions on purpose, or speaks with a copied state |
//!
//! The threat model has a table of attacks and of these tests; [`table`] holds the two equal.
//!
//! [`party`] is the honest side. [`mallory`] is a peer with a program of its own, [`spy`] a listener
//! with stolen records.

mod compromise;
mod envelopes;
mod floods;
mod handshake;
mod headers;
mod mallory;
mod nonces;
mod own_keys;
mod party;
mod records;
mod recovery;
mod salamander;
mod signatures;
mod spy;
mod table;

/// Every encoding of a point of small order, with and without the top bit, which X25519 ignores.
fn points_of_small_order() -> impl Iterator<Item = [u8; 32]> {
    const POINTS: [&str; 7] = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    POINTS.iter().flat_map(|point| {
        let mut bytes = [0; 32];
        hex::decode_to_slice(point, &mut bytes).expect("32 bytes of hex");
        let mut with_top_bit = bytes;
        with_top_bit[31] |= 0x80;
        [bytes, with_top_bit]
    })
}
