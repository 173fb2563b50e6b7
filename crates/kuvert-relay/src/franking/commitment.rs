//! The commitment to a message in its sender's log, opened by its block.
//!
//! ```text
//! s_j  = XL(salt, "tr-salt", u16 j, 32)        pc_j = HL("tr-part", u16 j || s_j || u64 len || part_j)
//! cm   = HL("tr-parts", u16 n || pc_0 || … )
//! part 0 = type || msg_id || body;  of an attachment: part 0 = type || msg_id, part 1 = body
//! ```
//!
//! # Spec
//!
//! `spec/06-transcript.md`, "Commitments".

use hmac::Mac;
use kuvert_wire::label::label;
use kuvert_wire::transcript::{PartCommitment, Salt};
use kuvert_wire::{Frame, FrameType};
use sha2::{Digest, Sha256};

use super::mac_of;

/// `cm` of a frame under the salt of its block; `None` without one.
pub(super) fn commitment(frame: &Frame) -> Option<PartCommitment> {
    let salt = frame.block.as_deref()?.salt;
    let name = [&[frame.frame_type.code()], frame.message_id.as_bytes().as_slice()].concat();
    let parts: Vec<Vec<u8>> = match frame.frame_type {
        FrameType::Attachment => vec![name, frame.body.clone()],
        _ => vec![[name, frame.body.clone()].concat()],
    };
    let count = u16::try_from(parts.len()).ok()?;
    let mut all = Sha256::new().chain_update(label("tr-parts")).chain_update(count.to_be_bytes());
    for (j, part) in (0..).zip(&parts) {
        all.update(part_commitment(j, &salt, part));
    }
    Some(PartCommitment::from_bytes(all.finalize().into()))
}

fn part_commitment(j: u16, salt: &Salt, part: &[u8]) -> [u8; 32] {
    let len = u64::try_from(part.len()).unwrap_or(u64::MAX);
    Sha256::new()
        .chain_update(label("tr-part"))
        .chain_update(j.to_be_bytes())
        .chain_update(part_salt(j, salt))
        .chain_update(len.to_be_bytes())
        .chain_update(part)
        .finalize()
        .into()
}

/// HKDF-Expand to one block: `HMAC(salt, u16(32) || L("tr-salt") || u16(2) || u16 j || 0x01)`.
fn part_salt(j: u16, salt: &Salt) -> [u8; 32] {
    let info = [&[0, 32], label("tr-salt").as_slice(), &[0, 2], &j.to_be_bytes(), &[1]].concat();
    mac_of(salt.as_bytes(), &[&info]).finalize().into_bytes().into()
}
