//! Attachments, trees and transcripts.

use kuvert_core::ProtocolError;
use kuvert_core::hazmat::{self, ChunkInput, HeadFields, HeadKey, LeafFields};
use serde_json::{Value, json};

use super::Refusal;
use super::input::Input;

pub(super) fn attach_chunk(input: &Input) -> Result<Value, Refusal> {
    let (commit, chunk) = hazmat::attach_chunk(&ChunkInput {
        file_key: &input.array("file_key")?,
        salt: &input.array("salt")?,
        padded_size: input.number("padded_size")?,
        chunk_log2: input.number("chunk_log2")?,
        i: input.number("i")?,
        last: input.flag("last")?,
        data: &input.bytes("data")?,
    });
    Ok(json!({ "commit": hex::encode(commit), "chunk": hex::encode(chunk) }))
}

pub(super) fn merkle_root(input: &Input) -> Result<Value, Refusal> {
    Ok(json!({ "out": hex::encode(hazmat::merkle_root(&input.list("leaves")?)) }))
}

pub(super) fn merkle_inclusion(input: &Input) -> Result<Value, Refusal> {
    let proof = hazmat::merkle_inclusion(&input.list("leaves")?, input.number("index")?)?;
    Ok(json!({ "proof": hexes(&proof) }))
}

pub(super) fn merkle_consistency(input: &Input) -> Result<Value, Refusal> {
    let proof = hazmat::merkle_consistency(&input.list("leaves")?, input.number("old")?)?;
    Ok(json!({ "proof": hexes(&proof) }))
}

pub(super) fn tr_cm(input: &Input) -> Result<Value, Refusal> {
    let (parts, all) = hazmat::tr_cm(&input.array("salt")?, &input.list("parts")?)?;
    Ok(json!({ "pcs": hexes(&parts), "out": hex::encode(all) }))
}

pub(super) fn tr_leaf(input: &Input) -> Result<Value, Refusal> {
    let (leaf, leaf_hash) = hazmat::tr_leaf(&LeafFields {
        conv_id: input.array("conv_id")?,
        device_id: input.array("device_id")?,
        seq: input.number("seq")?,
        prev: input.array("prev")?,
        seen: input.number("seen")?,
        seen_hash: input.array("seen_hash")?,
        time: input.number("time")?,
        cm: input.array("cm")?,
    });
    Ok(json!({ "leaf": hex::encode(leaf), "leaf_hash": hex::encode(leaf_hash) }))
}

pub(super) fn tr_head(input: &Input) -> Result<Value, Refusal> {
    let key = match input.number::<u8>("mode")? {
        1 => HeadKey::Signing(input.array("key")?),
        2 => HeadKey::Mac(input.array("key")?),
        _ => return Err(Refusal::Protocol(ProtocolError::Malformed)),
    };
    let fields = HeadFields {
        conv_id: input.array("conv_id")?,
        device_id: input.array("device_id")?,
        own_size: input.number("own_size")?,
        own_root: input.array("own_root")?,
        peer_size: input.number("peer_size")?,
        peer_root: input.array("peer_root")?,
        time: input.number("time")?,
    };
    let (head, auth) = hazmat::tr_head(&fields, key);
    Ok(json!({ "head": hex::encode(head), "auth": hex::encode(auth) }))
}

fn hexes(hashes: &[[u8; 32]]) -> Vec<String> {
    hashes.iter().map(hex::encode).collect()
}
