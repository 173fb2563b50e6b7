//! Single steps, by the functions of the library.

use kuvert_core::ProtocolError;
use kuvert_core::at_rest::{NameKey, RecordKey};
use kuvert_core::hazmat::{self, AgreementInput, MessageContext, RootStepInput, SealedFrame};
use kuvert_core::identity::{self, VerifiedCert};
use kuvert_core::prekey::VerifiedBundle;
use kuvert_core::safety_number::SafetyNumber;
use kuvert_core::secret::Secret;
use kuvert_wire::relay::proof;
use kuvert_wire::{
    AccountId, AccountKey, Address, Control, Decode, DeliveryToken, DeviceCert, Encode, Envelope,
    Frame, FrameType, Header, InitPrefix, MailboxKey, PqKind, PrekeyBundle, Receipt, Timestamp,
};
use serde_json::{Value, json};

use crate::case::{Case, Refusal};
use crate::player::Player;

type Said = Result<Value, Refusal>;

/// What the library says to one case.
pub(crate) fn answer(case: &Case) -> Said {
    match case.op() {
        "label" => label(case),
        "hl" => out(hazmat::hash(case.text("s")?, &case.bytes("x")?)),
        "hm" => out(hazmat::mac(&case.bytes("k")?, case.text("s")?, &case.bytes("x")?)),
        "xl" => xl(case),
        "address" => address(case),
        "account_id" => Ok(account_id(case.array("account_pk")?)),
        "device_id" => Ok(hexed(&hazmat::device_id(&case.array("sig_pk")?, &case.array("dh_pk")?))),
        "identity" => identity(case),
        "cert" => cert(case),
        "safety" => Ok(json!({ "digits": hazmat::safety(&case.array("a")?, &case.array("b")?) })),
        "safety_compare" => safety_compare(case),
        "bundle" => bundle(case),
        "bundle_verify" => bundle_verify(case),
        "kx" => kx(case),
        "prefix" => prefix(case),
        "chain_step" => chain_step(case),
        "root_step" => root_step(case),
        "header" => header(case),
        "pq_epoch" => pq_epoch(case),
        "rs_fragment" => out(hazmat::rs_fragment(&case.bytes("obj")?, case.number("x")?)),
        "rs_decode" => rs_decode(case),
        "padme" => {
            let class = hazmat::padme(case.number("l")?).map_err(|_| Refusal::malformed())?;
            Ok(json!({ "out": class }))
        }
        "frank" => frank(case),
        "seal" => seal(case),
        "open" => open(case),
        "envelope" => envelope(case),
        "frame" => frame(case),
        "body" => body(case),
        "mailbox_id" => {
            let key = MailboxKey::from_bytes(case.array("key")?);
            Ok(hexed(identity::mailbox_id(&key).as_bytes()))
        }
        "token_id" => {
            Ok(hexed(&identity::token_id(&DeliveryToken::from_bytes(case.array("token")?))))
        }
        "relay_proof" => relay_proof(case),
        "record_seal" => record_seal(case),
        "record_open" => record_open(case),
        "record_name" => record_name(case),
        _ => crate::transcript::answer(case),
    }
}

fn hexed(bytes: &[u8]) -> Value {
    json!({ "out": hex::encode(bytes) })
}

fn out<B: AsRef<[u8]>>(said: Result<B, hazmat::BadInput>) -> Said {
    said.map(|bytes| hexed(bytes.as_ref())).map_err(|_| Refusal::malformed())
}

fn label(case: &Case) -> Said {
    let name = case.text("s")?;
    // Labels are constants: what is too long or not ASCII is not compiled. `hl` checks them.
    hazmat::hash(name, &[]).map_err(|_| Refusal::malformed())?;
    if !name.is_ascii() {
        return Err(Refusal::malformed());
    }
    Ok(hexed(&kuvert_wire::label::label(name)))
}

fn xl(case: &Case) -> Said {
    let (key, label, context) = (case.array("k")?, case.text("s")?, case.bytes("ctx")?);
    out(hazmat::expand(&key, label, &context, case.number("n")?))
}

fn address(case: &Case) -> Said {
    let text = case.text("text")?;
    let address: Address = text.parse().map_err(|_| Refusal::malformed())?;
    assert_eq!(address.to_string(), text);
    Ok(json!({
        "host": address.relay.host(),
        "port": address.relay.port(),
        "account_id": hex::encode(address.account.as_bytes()),
        "relay": address.relay.to_string(),
    }))
}

fn account_id(key: [u8; 32]) -> Value {
    hexed(identity::account_id(&AccountKey::from_bytes(key)).as_bytes())
}

fn identity(case: &Case) -> Said {
    let device = Player::create(case)?.device;
    Ok(json!({
        "cert": hex::encode(device.cert().encode()),
        "account_id": hex::encode(device.account_id().as_bytes()),
        "device_id": hex::encode(device.device_id().as_bytes()),
    }))
}

fn cert(case: &Case) -> Said {
    let verified = VerifiedCert::verify(decoded::<DeviceCert>(case, "cert")?)?;
    Ok(json!({
        "account_id": hex::encode(verified.account_id().as_bytes()),
        "device_id": hex::encode(verified.device_id().as_bytes()),
    }))
}

/// A value of one encoding: what is decoded encodes to the same bytes.
fn decoded<T: Decode + Encode>(case: &Case, field: &str) -> Result<T, Refusal> {
    let bytes = case.bytes(field)?;
    let value = T::decode(&bytes)?;
    assert_eq!(value.encode(), bytes);
    Ok(value)
}

fn safety_compare(case: &Case) -> Said {
    let [a, b] = [case.array("a")?, case.array("b")?].map(AccountKey::from_bytes);
    match SafetyNumber::between(&a, &b).compare(case.text("digits")?) {
        Some(_) => Ok(json!({ "match": true })),
        None => Err(Refusal("NoMatch".into())),
    }
}

fn bundle(case: &Case) -> Said {
    let bundle = Player::create(case)?.bundle(case)?;
    Ok(json!({ "bundle": hex::encode(bundle.encode()) }))
}

fn bundle_verify(case: &Case) -> Said {
    let bundle: PrekeyBundle = decoded(case, "bundle")?;
    let account = AccountId::from_bytes(case.array("account_id")?);
    let now = Timestamp::from_millis(case.number("now")?);
    let verified = VerifiedBundle::verify(bundle, &account, now).map_err(ProtocolError::from)?;
    Ok(json!({
        "device_id": hex::encode(verified.cert().device_id().as_bytes()),
        "weak_start": verified.is_weak_start(),
    }))
}

fn kx(case: &Case) -> Said {
    if case.number::<u64>("suite")? != 1 {
        return Err(Refusal("UnsupportedVersion".into()));
    }
    let (one_time, dh4) = (case.bytes("ot")?, case.optional("dh4")?);
    if one_time.is_empty() != dh4.is_none() {
        return Err(Refusal::malformed());
    }
    let out = hazmat::agreement(&AgreementInput {
        cert_a: &case.bytes("cert_a")?,
        cert_b: &case.bytes("cert_b")?,
        medium: &case.bytes("medium")?,
        one_time: &one_time,
        ek: &case.bytes("ek")?,
        ct: &case.bytes("ct")?,
        ss: &case.array("ss")?,
        dh: [
            &case.array("dh1")?,
            &case.array("dh2")?,
            &case.array("dh3")?,
            &dh4.unwrap_or([0; 32]),
            &case.array("dh5")?,
        ],
    });
    let out = out.map_err(|_| Refusal::malformed())?;
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

fn prefix(case: &Case) -> Said {
    let prefix: InitPrefix = decoded(case, "prefix")?;
    let keys = [&prefix.ephemeral_key.as_bytes()[..], &prefix.kem_ciphertext[..]].concat();
    let init = hazmat::hash("kx-replay", &keys).map_err(|_| Refusal::malformed())?;
    Ok(json!({
        "medium_id": prefix.medium_id.number(),
        "ot_id": prefix.one_time_id.map_or(0, kuvert_wire::PrekeyId::number),
        "init_id": hex::encode(init),
    }))
}

fn chain_step(case: &Case) -> Said {
    let (mk, ck) = hazmat::chain_step(&case.array("ck")?, case.number("n")?);
    Ok(json!({ "mk": hex::encode(mk), "ck": hex::encode(ck) }))
}

fn root_step(case: &Case) -> Said {
    let mix = case.optional("mix")?;
    let input = RootStepInput {
        dh: &case.array("dh")?,
        mix: mix.as_ref(),
        session_id: case.array("session_id")?,
        ratchet_pk: case.array("ratchet_pk")?,
        pq_mixed: case.number("pq_mixed")?,
    };
    let out = hazmat::root_step(&case.array("rk")?, &input);
    Ok(json!({
        "rk": hex::encode(out.rk),
        "ck": hex::encode(out.ck),
        "nhk": hex::encode(out.nhk),
    }))
}

fn header(case: &Case) -> Said {
    let header: Header = decoded(case, "header")?;
    let kind = match header.pq.kind {
        PqKind::Idle => 0,
        PqKind::EncapsulationKey => 1,
        PqKind::Ciphertext => 2,
        kind => panic!("{kind:?}"),
    };
    Ok(json!({
        "ratchet_pk": hex::encode(header.ratchet_key.as_bytes()),
        "n": header.message_number,
        "pn": header.previous_chain_length,
        "pq_mixed": header.pq_mixed,
        "pq_kind": kind,
        "pq_epoch": header.pq.epoch,
        "frags": header.pq.fragments.len(),
    }))
}

fn pq_epoch(case: &Case) -> Said {
    let (ek, ct) = (case.array::<1184>("ek")?, case.array::<1088>("ct")?);
    let (pqs, ss) = (case.array("pqs")?, case.array("ss")?);
    let out = hazmat::pq_epoch(&pqs, case.number("e")?, &ek, &ct, &ss);
    let out = out.map_err(|_| Refusal::malformed())?;
    Ok(json!({
        "ek_mac": hex::encode(out.ek_mac),
        "mix": hex::encode(out.mix),
        "pqs": hex::encode(out.pqs),
        "kc": hex::encode(out.kc),
    }))
}

fn rs_decode(case: &Case) -> Said {
    let pairs = case.value("fragments").as_array().ok_or_else(Refusal::malformed)?;
    let fragment = |pair: &Value| {
        let index = pair[0].as_u64().and_then(|index| u8::try_from(index).ok());
        let data = pair[1].as_str().and_then(|data| hex::decode(data).ok());
        let data = data.and_then(|data| <[u8; 128]>::try_from(data).ok());
        index.zip(data).ok_or_else(Refusal::malformed)
    };
    let fragments = pairs.iter().map(fragment).collect::<Result<Vec<_>, _>>()?;
    out(hazmat::rs_decode(case.number("len")?, &fragments))
}

fn frank(case: &Case) -> Said {
    let (fk, fc) = hazmat::frank(&case.array("mk")?, &case.array("salt")?, &case.bytes("frame")?);
    Ok(json!({ "fk": hex::encode(fk), "fc": hex::encode(fc) }))
}

fn seal(case: &Case) -> Said {
    let (frame, mk) = (case.bytes("frame")?, case.array("mk")?);
    let sealed = with_context(case, |context| {
        hazmat::seal(&mk, context, &frame).map_err(|_| Refusal::malformed())
    })?;
    Ok(json!({
        "fc": hex::encode(sealed.fc),
        "com": hex::encode(sealed.com),
        "ct": hex::encode(sealed.ct),
    }))
}

fn open(case: &Case) -> Said {
    let (fc, com, ct) = (case.array("fc")?, case.array("com")?, case.bytes("ct")?);
    let (sealed, mk) = (SealedFrame { fc, com, ct }, case.array("mk")?);
    let frame = with_context(case, |context| {
        let opened = hazmat::open(&mk, context, &sealed);
        opened.map_err(|_| Refusal::from(ProtocolError::Undecryptable))
    })?;
    Ok(json!({ "frame": hex::encode(frame) }))
}

fn with_context<T>(
    case: &Case,
    work: impl FnOnce(&MessageContext<'_>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    work(&MessageContext {
        kind: case.number("kind")?,
        hnonce: &case.array("hnonce")?,
        eh: &case.bytes("eh")?,
        salt: &case.array("salt")?,
    })
}

fn envelope(case: &Case) -> Said {
    let bytes = case.bytes("envelope")?;
    let envelope = Envelope::decode(&bytes)?;
    Ok(json!({
        "kind": envelope.kind().code(),
        "eh_len": envelope.message.sealed_header.len(),
        "ct_len": envelope.message.ciphertext.len(),
    }))
}

/// A frame stands inside the encryption, where whatever is wrong with it is `Undecryptable`.
fn frame(case: &Case) -> Said {
    let bytes = case.bytes("frame")?;
    let frame = Frame::decode(&bytes).map_err(|_| ProtocolError::Undecryptable)?;
    assert_eq!(frame.encode(), bytes);
    Ok(json!({
        "type": frame.frame_type.code(),
        "sent": frame.sent.as_millis(),
        "msg_id": hex::encode(frame.message_id.as_bytes()),
        "expire_s": frame.expire_seconds,
        "body": hex::encode(&frame.body),
    }))
}

fn body(case: &Case) -> Said {
    let body = case.bytes("body")?;
    match case.number::<u8>("type")? {
        kind if kind == FrameType::Message.code() => {
            drop(String::from_utf8(body).map_err(|_| Refusal::malformed())?);
        }
        kind if kind == FrameType::Receipt.code() => drop(decoded::<Receipt>(case, "body")?),
        kind if kind == FrameType::Control.code() => drop(decoded::<Control>(case, "body")?),
        _ => {}
    }
    Ok(json!({ "ok": true }))
}

fn record_seal(case: &Case) -> Said {
    let (key, salt) = (record_key(case)?, case.array("salt")?);
    Ok(hexed(&key.seal(&salt, &case.bytes("ad")?, &case.bytes("m")?)))
}

fn record_open(case: &Case) -> Said {
    let (key, salt) = (record_key(case)?, case.array("salt")?);
    match key.open(&salt, &case.bytes("ad")?, &case.bytes("sealed")?) {
        Ok(opened) => Ok(json!({ "m": hex::encode(&*opened) })),
        Err(_) => Err(Refusal("Unreadable".into())),
    }
}

fn record_key(case: &Case) -> Result<RecordKey, Refusal> {
    Ok(RecordKey::for_store(&Secret::copied_from(&case.array("k")?)))
}

/// A parent is the end of a blinded name, or nothing: other lengths do not occur in a store.
fn record_name(case: &Case) -> Said {
    let key = NameKey::new(&Secret::copied_from(&case.array("k")?));
    let parent = case.bytes("parent")?;
    if ![0, 16].contains(&parent.len()) {
        return Err(Refusal::malformed());
    }
    Ok(hexed(&key.blind(&parent, case.text("segment")?.as_bytes())))
}

fn relay_proof(case: &Case) -> Said {
    let nonce = kuvert_wire::relay::Nonce::from_bytes(case.array("nonce")?);
    let key = || case.array("key").map(MailboxKey::from_bytes);
    let signed = match case.text("s")? {
        proof::OPEN_MAILBOX => {
            let tokens = case.bytes("tokens")?;
            let tokens = tokens.chunks_exact(32).map(kuvert_wire::relay::TokenId::decode);
            let tokens = tokens.collect::<Result<Vec<_>, _>>()?;
            proof::open_mailbox(&nonce, &key()?, &tokens)
        }
        proof::ATTACH => proof::attach(&nonce, &key()?),
        proof::PUBLISH => {
            let bundle = PrekeyBundle::decode(&case.bytes("bundle")?)?;
            let one_time: Vec<_> = bundle.one_time.into_iter().collect();
            proof::publish(&nonce, &bundle.cert, &bundle.medium, &one_time)
        }
        proof::STOCK => {
            proof::stock(&nonce, &kuvert_wire::DeviceKey::from_bytes(case.array("key")?))
        }
        _ => return Err(Refusal::malformed()),
    };
    Ok(json!({ "signed": hex::encode(signed) }))
}
