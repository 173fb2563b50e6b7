//! Operations of transcripts: what is logged of a message, a log's leaf, and the head over both logs.

use alloc::vec::Vec;

use super::BadInput;
use super::crypto::check;
use crate::crypto::kdf::{Expander, Label, hash, mac, sha256};
use crate::crypto::sign::SigningSecret;
use crate::secret::Secret;

/// `tr_cm`: the commitment to each of 1 to 16 parts of a message, and the one to all.
///
/// # Errors
///
/// [`BadInput`] for no part or more than 16.
pub fn tr_cm(salt: &[u8; 32], parts: &[Vec<u8>]) -> Result<(Vec<[u8; 32]>, [u8; 32]), BadInput> {
    check((1..=16).contains(&parts.len()), "parts")?;
    let salts = Expander::new(&Secret::copied_from(salt));
    let mut commitments = Vec::new();
    for (j, part) in (0_u16..).zip(parts) {
        let j = j.to_be_bytes();
        let salt: [u8; 32] = salts.expand_public(Label::TR_SALT, &[&j]);
        let len = (part.len() as u64).to_be_bytes();
        commitments.push(hash(Label::TR_PART, &[&j, &salt, &len, part]));
    }
    let count = u16::try_from(parts.len()).map_err(|_| BadInput { what: "parts" })?;
    let all = hash(Label::TR_PARTS, &[&count.to_be_bytes(), commitments.as_flattened()]);
    Ok((commitments, all))
}

/// The fields of a leaf, in order.
#[derive(Clone, Copy, Debug)]
pub struct LeafFields {
    /// The conversation.
    pub conv_id: [u8; 32],
    /// Whose log it is.
    pub device_id: [u8; 16],
    /// The leaf's number in this log.
    pub seq: u64,
    /// Hash of the leaf before, zeros for the first.
    pub prev: [u8; 32],
    /// Number of the peer's leaves known.
    pub seen: u64,
    /// Hash of the last of them.
    pub seen_hash: [u8; 32],
    /// The sender's claim, Unix milliseconds.
    pub time: u64,
    /// The commitment to the message's parts.
    pub cm: [u8; 32],
}

/// `tr_leaf`: the leaf, 169 bytes, and its hash.
#[must_use]
pub fn tr_leaf(fields: &LeafFields) -> (Vec<u8>, [u8; 32]) {
    let leaf = [
        &[1][..],
        &fields.conv_id,
        &fields.device_id,
        &fields.seq.to_be_bytes(),
        &fields.prev,
        &fields.seen.to_be_bytes(),
        &fields.seen_hash,
        &fields.time.to_be_bytes(),
        &fields.cm,
    ]
    .concat();
    let leaf_hash = sha256(&[&[0], &leaf]);
    (leaf, leaf_hash)
}

/// The fields of a head, in order.
#[derive(Clone, Copy, Debug)]
pub struct HeadFields {
    /// The conversation.
    pub conv_id: [u8; 32],
    /// Who says so.
    pub device_id: [u8; 16],
    /// Leaves in the own log.
    pub own_size: u64,
    /// Its root.
    pub own_root: [u8; 32],
    /// Leaves in the peer's log.
    pub peer_size: u64,
    /// Its root.
    pub peer_root: [u8; 32],
    /// The sender's claim, Unix milliseconds.
    pub time: u64,
}

/// What authenticates a head.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum HeadKey {
    /// Mode 1: the seed of the conversation's signing key.
    Signing([u8; 32]),
    /// Mode 2: the conversation's MAC key.
    Mac([u8; 32]),
}

/// `tr_head`: the head, 136 bytes, and what authenticates it, 64 bytes.
#[must_use]
pub fn tr_head(fields: &HeadFields, key: HeadKey) -> (Vec<u8>, [u8; 64]) {
    let head = [
        &fields.conv_id[..],
        &fields.device_id,
        &fields.own_size.to_be_bytes(),
        &fields.own_root,
        &fields.peer_size.to_be_bytes(),
        &fields.peer_root,
        &fields.time.to_be_bytes(),
    ]
    .concat();
    let auth = match key {
        HeadKey::Signing(seed) => {
            let key = SigningSecret::from_seed(&Secret::copied_from(&seed));
            *key.sign(Label::TR_HEAD, &[&head]).as_bytes()
        }
        HeadKey::Mac(key) => {
            let mut auth = [0; 64];
            auth[..32].copy_from_slice(&mac(&key, Label::TR_HEAD_MAC, &[&head]));
            auth
        }
    };
    (head, auth)
}

#[cfg(test)]
mod tests {
    use super::super::kat::{Case, cases};
    use super::*;

    fn number(case: &Case, field: &str) -> u64 {
        case.value(field).as_u64().unwrap()
    }

    #[test]
    fn known_answers_of_commitments() {
        for case in cases("tr_cm") {
            let parts = case.value("parts").as_array().unwrap().iter();
            let parts: Vec<_> =
                parts.map(|part| hex::decode(part.as_str().unwrap()).unwrap()).collect();
            let (commitments, all) = tr_cm(&case.array("salt"), &parts).unwrap();
            let commitments: Vec<_> = commitments.iter().map(hex::encode).collect();
            assert_eq!(serde_json::json!(commitments), *case.expect().value("pcs"));
            assert_eq!(all, case.expect().array("out"));
        }
        for count in [0, 17] {
            let refused = Err(BadInput { what: "parts" });
            assert_eq!(tr_cm(&[0; 32], &alloc::vec![Vec::new(); count]), refused);
        }
    }

    #[test]
    fn known_answers_of_leaves() {
        for case in cases("tr_leaf") {
            let (leaf, leaf_hash) = tr_leaf(&LeafFields {
                conv_id: case.array("conv_id"),
                device_id: case.array("device_id"),
                seq: number(&case, "seq"),
                prev: case.array("prev"),
                seen: number(&case, "seen"),
                seen_hash: case.array("seen_hash"),
                time: number(&case, "time"),
                cm: case.array("cm"),
            });
            assert_eq!(leaf, case.expect().bytes("leaf"));
            assert_eq!(leaf_hash, case.expect().array("leaf_hash"));
        }
    }

    #[test]
    fn known_answers_of_heads() {
        for case in cases("tr_head") {
            let key = match number(&case, "mode") {
                1 => HeadKey::Signing(case.array("key")),
                _ => HeadKey::Mac(case.array("key")),
            };
            let fields = HeadFields {
                conv_id: case.array("conv_id"),
                device_id: case.array("device_id"),
                own_size: number(&case, "own_size"),
                own_root: case.array("own_root"),
                peer_size: number(&case, "peer_size"),
                peer_root: case.array("peer_root"),
                time: number(&case, "time"),
            };
            let (head, auth) = tr_head(&fields, key);
            assert_eq!(head, case.expect().bytes("head"));
            assert_eq!(auth, case.expect().array("auth"));
        }
    }
}
