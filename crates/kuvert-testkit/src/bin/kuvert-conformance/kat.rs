//! `kat`: answers single steps of the protocol, one JSON object a line.

use std::io::{self, BufRead, Write};

use kuvert_core::ProtocolError;
use kuvert_core::hazmat::{self, AgreementInput, BadInput, MessageContext, RootStepInput, SealedFrame};
use serde_json::{Value, json};

use crate::input::{BadField, Input};

/// Answers each line of `questions` with a line of `answers`.
pub(crate) fn run(questions: impl BufRead, mut answers: impl Write) -> io::Result<()> {
    for line in questions.lines() {
        let line = line?;
        if !line.trim().is_empty() {
            writeln!(answers, "{}", answer(&line))?;
            answers.flush()?;
        }
    }
    Ok(())
}

/// The answer to one question, or `{"error": …}`.
fn answer(line: &str) -> Value {
    let answered = Input::parse(line).map_err(Refusal::from).and_then(|input| {
        let op = input.text("op")?;
        let (_, operation) =
            OPERATIONS.iter().find(|(name, _)| *name == op).ok_or(Refusal::UnsupportedOp)?;
        operation(&input)
    });
    answered.unwrap_or_else(|refusal| json!({ "error": refusal.name() }))
}

type Operation = fn(&Input) -> Result<Value, Refusal>;

const OPERATIONS: &[(&str, Operation)] = &[
    ("hl", hl),
    ("hm", hm),
    ("xl", xl),
    ("padme", padme),
    ("device_id", device_id),
    ("kx", kx),
    ("root_step", root_step),
    ("chain_step", chain_step),
    ("pq_epoch", pq_epoch),
    ("rs_fragment", rs_fragment),
    ("rs_decode", rs_decode),
    ("seal", seal),
    ("open", open),
    ("frank", frank),
    ("safety", safety),
];

/// Why there is no answer.
enum Refusal {
    UnsupportedOp,
    Protocol(ProtocolError),
}

impl Refusal {
    const fn name(&self) -> &'static str {
        match self {
            Self::UnsupportedOp => "UnsupportedOp",
            Self::Protocol(error) => error.name(),
        }
    }
}

impl From<BadField> for Refusal {
    fn from(BadField: BadField) -> Self {
        Self::Protocol(ProtocolError::Malformed)
    }
}

impl From<BadInput> for Refusal {
    fn from(_: BadInput) -> Self {
        Self::Protocol(ProtocolError::Malformed)
    }
}

fn hl(input: &Input) -> Result<Value, Refusal> {
    let out = hazmat::hash(input.text("s")?, &input.bytes("x")?)?;
    Ok(json!({ "out": hex::encode(out) }))
}

fn hm(input: &Input) -> Result<Value, Refusal> {
    let out = hazmat::mac(&input.array("k")?, input.text("s")?, &input.bytes("x")?)?;
    Ok(json!({ "out": hex::encode(out) }))
}

fn xl(input: &Input) -> Result<Value, Refusal> {
    let (key, label, context) = (input.array("k")?, input.text("s")?, input.bytes("ctx")?);
    let out = hazmat::expand(&key, label, &context, input.number("n")?)?;
    Ok(json!({ "out": hex::encode(out) }))
}

fn padme(input: &Input) -> Result<Value, Refusal> {
    Ok(json!({ "out": hazmat::padme(input.number("l")?)? }))
}

fn device_id(input: &Input) -> Result<Value, Refusal> {
    let out = hazmat::device_id(&input.array("sig_pk")?, &input.array("dh_pk")?);
    Ok(json!({ "out": hex::encode(out) }))
}

fn kx(input: &Input) -> Result<Value, Refusal> {
    if input.number::<u64>("suite")? != 1 {
        return Err(Refusal::Protocol(ProtocolError::UnsupportedVersion));
    }
    let out = hazmat::agreement(&AgreementInput {
        cert_a: &input.bytes("cert_a")?,
        cert_b: &input.bytes("cert_b")?,
        medium: &input.bytes("medium")?,
        one_time: &input.bytes("ot")?,
        ek: &input.bytes("ek")?,
        ct: &input.bytes("ct")?,
        ss: &input.array("ss")?,
        dh: [
            &input.array("dh1")?,
            &input.array("dh2")?,
            &input.array("dh3")?,
            &input.optional("dh4")?.unwrap_or([0; 32]),
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

fn root_step(input: &Input) -> Result<Value, Refusal> {
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

fn chain_step(input: &Input) -> Result<Value, Refusal> {
    let (mk, ck) = hazmat::chain_step(&input.array("ck")?, input.number("n")?);
    Ok(json!({ "mk": hex::encode(mk), "ck": hex::encode(ck) }))
}

fn pq_epoch(input: &Input) -> Result<Value, Refusal> {
    let (ek, ct) = (input.bytes("ek")?, input.bytes("ct")?);
    let (epoch, shared) = (input.number("e")?, input.array("ss")?);
    let out = hazmat::pq_epoch(&input.array("pqs")?, epoch, &ek, &ct, &shared)?;
    Ok(json!({
        "ek_mac": hex::encode(out.ek_mac),
        "mix": hex::encode(out.mix),
        "pqs": hex::encode(out.pqs),
        "kc": hex::encode(out.kc),
    }))
}

fn rs_fragment(input: &Input) -> Result<Value, Refusal> {
    let out = hazmat::rs_fragment(&input.bytes("obj")?, input.number("x")?)?;
    Ok(json!({ "out": hex::encode(out) }))
}

fn rs_decode(input: &Input) -> Result<Value, Refusal> {
    let out = hazmat::rs_decode(input.number("len")?, &input.fragments("fragments")?)?;
    Ok(json!({ "out": hex::encode(out) }))
}

fn seal(input: &Input) -> Result<Value, Refusal> {
    let sealed = with_context(input, |context| {
        Ok(hazmat::seal(&input.array("mk")?, context, &input.bytes("frame")?)?)
    })?;
    Ok(json!({
        "fc": hex::encode(sealed.fc),
        "com": hex::encode(sealed.com),
        "ct": hex::encode(sealed.ct),
    }))
}

fn open(input: &Input) -> Result<Value, Refusal> {
    let sealed = SealedFrame {
        fc: input.array("fc")?,
        com: input.array("com")?,
        ct: input.bytes("ct")?,
    };
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

fn frank(input: &Input) -> Result<Value, Refusal> {
    let (mk, salt) = (input.array("mk")?, input.array("salt")?);
    let (fk, fc) = hazmat::frank(&mk, &salt, &input.bytes("frame")?);
    Ok(json!({ "fk": hex::encode(fk), "fc": hex::encode(fc) }))
}

fn safety(input: &Input) -> Result<Value, Refusal> {
    Ok(json!({ "digits": hazmat::safety(&input.array("a")?, &input.array("b")?) }))
}
