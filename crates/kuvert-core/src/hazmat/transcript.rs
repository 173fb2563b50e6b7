//! Operations of transcripts: what is logged of a message, a log's leaf, and the head over both logs.

use alloc::vec::Vec;

use kuvert_wire::transcript::{
    ConversationId, Head, HeadClaim, Leaf, PartCommitment, Salt, TreeHash, TreeHead,
};
use kuvert_wire::{DeviceId, Encode, Timestamp};

use super::BadInput;
use super::crypto::check;
use crate::crypto::kdf::Label;
use crate::crypto::sign::SigningSecret;
use crate::secret::Secret;
use crate::transcript::{MAX_PARTS, commitment_to_all, leaf_hash, mac_auth, part_commitments};

/// `tr_cm`: the commitment to each of 1 to 16 parts of a message, and the one to all.
///
/// # Errors
///
/// [`BadInput`] for no part or more than 16.
pub fn tr_cm(salt: &[u8; 32], parts: &[Vec<u8>]) -> Result<(Vec<[u8; 32]>, [u8; 32]), BadInput> {
    check((1..=MAX_PARTS).contains(&parts.len()), "parts")?;
    let commitments = part_commitments(&Salt::from_bytes(*salt), parts);
    let all = commitment_to_all(&commitments).ok_or(BadInput { what: "parts" })?;
    Ok((commitments.iter().map(|part| *part.as_bytes()).collect(), *all.as_bytes()))
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
    let leaf = Leaf {
        conversation: ConversationId::from_bytes(fields.conv_id),
        device: DeviceId::from_bytes(fields.device_id),
        seq: fields.seq,
        prev: TreeHash::from_bytes(fields.prev),
        seen: fields.seen,
        seen_hash: TreeHash::from_bytes(fields.seen_hash),
        time: Timestamp::from_millis(fields.time),
        cm: PartCommitment::from_bytes(fields.cm),
    };
    (leaf.encode(), *leaf_hash(&leaf).as_bytes())
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
    let own = TreeHead { size: fields.own_size, root: TreeHash::from_bytes(fields.own_root) };
    let peer = TreeHead { size: fields.peer_size, root: TreeHash::from_bytes(fields.peer_root) };
    let head = Head {
        conversation: ConversationId::from_bytes(fields.conv_id),
        device: DeviceId::from_bytes(fields.device_id),
        claim: HeadClaim { own, peer, time: Timestamp::from_millis(fields.time) },
    }
    .encode();
    let auth = match key {
        HeadKey::Signing(seed) => {
            let key = SigningSecret::from_seed(&Secret::copied_from(&seed));
            *key.sign(Label::TR_HEAD, &[&head]).as_bytes()
        }
        HeadKey::Mac(key) => *mac_auth(&Secret::copied_from(&key), &head).as_bytes(),
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
