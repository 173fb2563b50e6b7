//! Conventions, identities, agreement, franking.

use kuvert_core::ProtocolError;
use kuvert_core::hazmat::{self, AgreementInput};
use serde_json::{Value, json};

use super::Refusal;
use super::input::Input;

pub(super) fn hl(input: &Input) -> Result<Value, Refusal> {
    let out = hazmat::hash(input.text("s")?, &input.bytes("x")?)?;
    Ok(json!({ "out": hex::encode(out) }))
}

pub(super) fn hm(input: &Input) -> Result<Value, Refusal> {
    let out = hazmat::mac(&input.bytes("k")?, input.text("s")?, &input.bytes("x")?)?;
    Ok(json!({ "out": hex::encode(out) }))
}

pub(super) fn xl(input: &Input) -> Result<Value, Refusal> {
    let (key, label, context) = (input.array("k")?, input.text("s")?, input.bytes("ctx")?);
    let out = hazmat::expand(&key, label, &context, input.number("n")?)?;
    Ok(json!({ "out": hex::encode(out) }))
}

pub(super) fn padme(input: &Input) -> Result<Value, Refusal> {
    Ok(json!({ "out": hazmat::padme(input.number("l")?)? }))
}

pub(super) fn device_id(input: &Input) -> Result<Value, Refusal> {
    let out = hazmat::device_id(&input.array("sig_pk")?, &input.array("dh_pk")?);
    Ok(json!({ "out": hex::encode(out) }))
}

pub(super) fn kx(input: &Input) -> Result<Value, Refusal> {
    if input.number::<u64>("suite")? != 1 {
        return Err(Refusal::Protocol(ProtocolError::UnsupportedVersion));
    }
    let (one_time, dh4) = (input.bytes("ot")?, input.optional("dh4")?);
    // Half of the one mode and half of the other would be no mode at all.
    if one_time.is_empty() != dh4.is_none() {
        return Err(Refusal::Protocol(ProtocolError::Malformed));
    }
    let out = hazmat::agreement(&AgreementInput {
        cert_a: &input.bytes("cert_a")?,
        cert_b: &input.bytes("cert_b")?,
        medium: &input.bytes("medium")?,
        one_time: &one_time,
        ek: &input.bytes("ek")?,
        ct: &input.bytes("ct")?,
        ss: &input.array("ss")?,
        dh: [
            &input.array("dh1")?,
            &input.array("dh2")?,
            &input.array("dh3")?,
            &dh4.unwrap_or([0; 32]),
            &input.array("dh5")?,
        ],
    })?;
    Ok(json!({
        "root": hex::encode(out.root),
        "chain_i": hex::encode(out.chain_i),
        "hdr_i": hex::encode(out.hdr_i),
        "hdr_i_next": hex::encode(out.hdr_i_next),
        "hdr_r": hex::encode(out.hdr_r),
        "pq_0": hex::encode(out.pq_0),
        "session_id": hex::encode(out.session_id),
        "th1": hex::encode(out.th1),
        "th2": hex::encode(out.th2),
        "eid": hex::encode(out.eid),
    }))
}

pub(super) fn frank(input: &Input) -> Result<Value, Refusal> {
    let (mk, salt) = (input.array("mk")?, input.array("salt")?);
    let (fk, fc) = hazmat::frank(&mk, &salt, &input.bytes("frame")?);
    Ok(json!({ "fk": hex::encode(fk), "fc": hex::encode(fc) }))
}

pub(super) fn safety(input: &Input) -> Result<Value, Refusal> {
    Ok(json!({ "digits": hazmat::safety(&input.array("a")?, &input.array("b")?) }))
}
