//! Steps of chapter 06: formulas, bodies, exported files, reports.

use kuvert_core::ProtocolError;
use kuvert_core::hazmat::{self, HeadFields, HeadKey, LeafFields};
use kuvert_core::identity::VerifiedCert;
use kuvert_core::secret::Secret;
use kuvert_core::transcript::franking::{self, ReportError};
use kuvert_core::transcript::{self, Conversation, ForkProof, Party, Report, Side};
use kuvert_wire::transcript::{Block, FrankingReport, Start, TranscriptBody};
use kuvert_wire::{Decode, DeviceCert, Encode};
use serde_json::{Value, json};

use crate::case::{Case, Refusal};

type Said = Result<Value, Refusal>;

/// What the library says to one case.
pub(crate) fn answer(case: &Case) -> Said {
    match case.op() {
        "tr_cm" => commitments(case),
        "tr_leaf" => leaf(case),
        "tr_head" => head(case),
        "merkle_root" => {
            Ok(json!({ "out": hex::encode(hazmat::merkle_root(&list(case, "leaves")?)) }))
        }
        "merkle_inclusion" => {
            proof(hazmat::merkle_inclusion(&list(case, "leaves")?, case.number("index")?))
        }
        "merkle_consistency" => {
            proof(hazmat::merkle_consistency(&list(case, "leaves")?, case.number("old")?))
        }
        "tr_conv" => conversation(case),
        "tr_body" => {
            let body = TranscriptBody::decode(&case.bytes("body")?)?;
            Ok(json!({ "code": body.encode()[0] }))
        }
        "tr_block" => {
            let block = Block::decode(&case.bytes("block")?)?;
            Ok(json!({ "seq": block.seq, "seen": block.seen, "has_head": block.head.is_some() }))
        }
        "tr_verify" => verified(case),
        "tr_fork" => forked(case),
        "frank_report" => reported(case),
        op => panic!("nobody answers {op}"),
    }
}

fn list(case: &Case, field: &str) -> Result<Vec<Vec<u8>>, Refusal> {
    let items = case.value(field).as_array().ok_or_else(Refusal::malformed)?;
    let bytes = |item: &Value| item.as_str().and_then(|text| hex::decode(text).ok());
    items.iter().map(|item| bytes(item).ok_or_else(Refusal::malformed)).collect()
}

fn hexes(hashes: &[[u8; 32]]) -> Vec<String> {
    hashes.iter().map(hex::encode).collect()
}

fn commitments(case: &Case) -> Said {
    let said = hazmat::tr_cm(&case.array("salt")?, &list(case, "parts")?);
    let (parts, all) = said.map_err(|_| Refusal::malformed())?;
    Ok(json!({ "pcs": hexes(&parts), "out": hex::encode(all) }))
}

fn leaf(case: &Case) -> Said {
    let (leaf, hash) = hazmat::tr_leaf(&LeafFields {
        conv_id: case.array("conv_id")?,
        device_id: case.array("device_id")?,
        seq: case.number("seq")?,
        prev: case.array("prev")?,
        seen: case.number("seen")?,
        seen_hash: case.array("seen_hash")?,
        time: case.number("time")?,
        cm: case.array("cm")?,
    });
    Ok(json!({ "leaf": hex::encode(leaf), "leaf_hash": hex::encode(hash) }))
}

fn head(case: &Case) -> Said {
    let key = match case.number::<u8>("mode")? {
        1 => HeadKey::Signing(case.array("key")?),
        2 => HeadKey::Mac(case.array("key")?),
        _ => return Err(Refusal::malformed()),
    };
    let fields = HeadFields {
        conv_id: case.array("conv_id")?,
        device_id: case.array("device_id")?,
        own_size: case.number("own_size")?,
        own_root: case.array("own_root")?,
        peer_size: case.number("peer_size")?,
        peer_root: case.array("peer_root")?,
        time: case.number("time")?,
    };
    let (head, auth) = hazmat::tr_head(&fields, key);
    Ok(json!({ "head": hex::encode(head), "auth": hex::encode(auth) }))
}

fn proof(said: Result<Vec<[u8; 32]>, hazmat::BadInput>) -> Said {
    let nodes = said.map_err(|_| Refusal::malformed())?;
    Ok(json!({ "proof": hexes(&nodes) }))
}

fn conversation(case: &Case) -> Said {
    let (certs, starts) = (list(case, "certs")?, list(case, "starts")?);
    let party = |i: usize| {
        let cert = DeviceCert::decode(certs.get(i).ok_or_else(Refusal::malformed)?)?;
        let start = Start::decode(starts.get(i).ok_or_else(Refusal::malformed)?)?;
        Ok::<_, Refusal>(Party { cert: VerifiedCert::verify(cert)?, start })
    };
    let found = Conversation::new(party(0)?, party(1)?)?;
    let mac_key = found.mac_key().map(hex::encode).unwrap_or_default();
    Ok(json!({ "conv_id": hex::encode(found.id().as_bytes()), "mac_key": mac_key }))
}

fn verified(case: &Case) -> Said {
    let verified = transcript::verify(&case.bytes("file")?).map_err(|refused| {
        if let Some(check) = case.value("check").as_str() {
            assert_eq!(refused.cause.check(), check, "{}", case.name());
        }
        Refusal::from(refused)
    })?;
    Ok(as_json(verified.report()))
}

fn as_json(report: &Report) -> Value {
    let side = |side: Side| u8::from(side == Side::High);
    let signers = &report.signers;
    json!({
        "mode": report.mode.code(),
        "conv_id": hex::encode(report.conversation.as_bytes()),
        "accounts": signers.each_ref().map(|signer| hex::encode(signer.account.as_bytes())),
        "devices": signers.each_ref().map(|signer| hex::encode(signer.device.as_bytes())),
        "has_signed": signers.each_ref().map(|signer| signer.has_signed),
        "entries": report.entries,
        "redacted": report.redacted,
        "announced": report.announced,
        "redactions": report.redactions,
        "span": report.span.map(|(first, last)| [first.as_millis(), last.as_millis()]),
        "signed": report.signed,
        "acknowledged": report.acknowledged,
        "checkpoint": report.checkpoint,
        "missing": report.missing.iter()
            .map(|missing| json!([side(missing.side), missing.first, missing.count]))
            .collect::<Vec<_>>(),
        "contradictions": report.contradictions.iter()
            .map(|found| json!([side(found.side), found.seq]))
            .collect::<Vec<_>>(),
        "digest": hex::encode(report.digest),
    })
}

fn forked(case: &Case) -> Said {
    let (conversation, proof) = ForkProof::verify(&case.bytes("file")?)?;
    Ok(json!({ "device": hex::encode(conversation.device(proof.speaker()).as_bytes()) }))
}

fn reported(case: &Case) -> Said {
    let (kid, key) = (case.number::<u8>("kid")?, Secret::copied_from(&case.array("key")?));
    let report = FrankingReport::decode(&case.bytes("report")?)?;
    let frame = franking::verify(&report, |id| (id == kid).then_some(&key)).map_err(|error| {
        Refusal::from(match error {
            ReportError::Malformed => ProtocolError::Malformed,
            _ => ProtocolError::BadSignature,
        })
    })?;
    Ok(json!({ "frame": hex::encode(frame.encode()) }))
}
