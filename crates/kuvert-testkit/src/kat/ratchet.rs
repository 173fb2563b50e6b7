//! The ratchet, its post-quantum half, and sealing.

use kuvert_core::ProtocolError;
use kuvert_core::hazmat::{self, MessageContext, RootStepInput, SealedFrame};
use serde_json::{Value, json};

use super::Refusal;
use super::input::Input;

pub(super) fn root_step(input: &Input) -> Result<Value, Refusal> {
    let mix = input.optional("mix")?;
    let step = RootStepInput {
        dh: &input.array("dh")?,
        mix: mix.as_ref(),
        session_id: input.array("session_id")?,
        ratchet_pk: input.array("ratchet_pk")?,
        pq_mixed: input.number("pq_mixed")?,
    };
    let out = hazmat::root_step(&input.array("rk")?, &step);
    Ok(json!({
        "rk": hex::encode(out.rk),
        "ck": hex::encode(out.ck),
        "nhk": hex::encode(out.nhk),
    }))
}

pub(super) fn chain_step(input: &Input) -> Result<Value, Refusal> {
    let (mk, ck) = hazmat::chain_step(&input.array("ck")?, input.number("n")?);
    Ok(json!({ "mk": hex::encode(mk), "ck": hex::encode(ck) }))
}

pub(super) fn pq_epoch(input: &Input) -> Result<Value, Refusal> {
    let (ek, ct) = (input.array::<1184>("ek")?, input.array::<1088>("ct")?);
    let (epoch, shared) = (input.number("e")?, input.array("ss")?);
    let out = hazmat::pq_epoch(&input.array("pqs")?, epoch, &ek, &ct, &shared)?;
    Ok(json!({
        "ek_mac": hex::encode(out.ek_mac),
        "mix": hex::encode(out.mix),
        "pqs": hex::encode(out.pqs),
        "kc": hex::encode(out.kc),
    }))
}

pub(super) fn rs_fragment(input: &Input) -> Result<Value, Refusal> {
    let out = hazmat::rs_fragment(&input.bytes("obj")?, input.number("x")?)?;
    Ok(json!({ "out": hex::encode(out) }))
}

pub(super) fn rs_decode(input: &Input) -> Result<Value, Refusal> {
    let out = hazmat::rs_decode(input.number("len")?, &input.fragments("fragments")?)?;
    Ok(json!({ "out": hex::encode(out) }))
}

pub(super) fn seal(input: &Input) -> Result<Value, Refusal> {
    let sealed = with_context(input, |context| {
        Ok(hazmat::seal(&input.array("mk")?, context, &input.bytes("frame")?)?)
    })?;
    Ok(json!({
        "fc": hex::encode(sealed.fc),
        "com": hex::encode(sealed.com),
        "ct": hex::encode(sealed.ct),
    }))
}

pub(super) fn open(input: &Input) -> Result<Value, Refusal> {
    let sealed =
        SealedFrame { fc: input.array("fc")?, com: input.array("com")?, ct: input.bytes("ct")? };
    let frame = with_context(input, |context| {
        let opened = hazmat::open(&input.array("mk")?, context, &sealed);
        opened.map_err(|_| Refusal::Protocol(ProtocolError::Undecryptable))
    })?;
    Ok(json!({ "frame": hex::encode(frame) }))
}

fn with_context<T>(
    input: &Input,
    work: impl FnOnce(&MessageContext<'_>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    work(&MessageContext {
        kind: input.number("kind")?,
        hnonce: &input.array("hnonce")?,
        eh: &input.bytes("eh")?,
        salt: &input.array("salt")?,
    })
}
