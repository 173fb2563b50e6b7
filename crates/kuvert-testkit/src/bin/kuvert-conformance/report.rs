//! Devices, sessions and messages as JSON: public facts only.

use kuvert_core::{Device, PeerView, ProtocolError, Received, SessionEnd, SessionFacts, Status};
use kuvert_wire::{Control, Decode, Frame, FrameType, MessageId, Receipt};
use serde_json::{Value, json};

/// Who a device is.
pub(crate) fn identity(device: &Device) -> Value {
    json!({
        "device": device.device_id().to_string(),
        "account": device.account_id().to_string(),
        "account_key": device.account_key().to_string(),
    })
}

/// Who a peer is.
pub(crate) fn peer(peer: &PeerView<'_>) -> Value {
    json!({
        "peer": peer.device_id().to_string(),
        "device": peer.device_id().to_string(),
        "account": peer.account_id().to_string(),
        "account_key": peer.account_key().to_string(),
    })
}

/// All sessions, and peers whose last session has ended.
pub(crate) fn sessions(device: &Device) -> Value {
    let closed = device.peers().filter(PeerView::is_closed);
    let closed =
        closed.map(|peer| json!({ "peer": peer.device_id().to_string(), "state": "Closed" }));
    let session = |facts: SessionFacts| {
        let peer = device.peer(&facts.peer);
        session(&facts, &peer.map(|peer| findings(&peer)).unwrap_or_default())
    };
    device.sessions().map(session).chain(closed).collect()
}

/// What was found out about a peer that a person should know.
fn findings(peer: &PeerView<'_>) -> Vec<&'static str> {
    let clone = peer.clone_suspected().map(|_| "CloneSuspected");
    let question = peer.identity_question().map(|_| "IdentityChanged");
    clone.into_iter().chain(question).collect()
}

/// How the sessions with a peer are mended.
pub(crate) fn recovery(view: &PeerView<'_>) -> Value {
    let mut about = peer(view);
    about["accepted"] = json!(view.is_accepted());
    about["healing"] = json!(view.is_healing());
    about["reset_due"] = json!(view.heals_at().map(|at| at.as_millis()));
    about["identity_question"] = json!(view.identity_question().map(|id| id.to_string()));
    about["findings"] = json!(findings(view));
    about
}

/// One session.
fn session(facts: &SessionFacts, findings: &[&str]) -> Value {
    let ratchet = &facts.ratchet;
    json!({
        "peer": facts.peer.to_string(),
        "session_id": facts.session.to_string(),
        "state": state(facts.status),
        "role": if facts.begun_by_us { "initiator" } else { "responder" },
        "weak_start": facts.weak_start,
        "created": facts.created.as_millis(),
        "ns": ratchet.sent,
        "nr": ratchet.received,
        "pn": ratchet.previous_length,
        "pq_mixed": ratchet.pq_mixed,
        "pq_epoch": u64::from(ratchet.pq_mixed) + 1,
        "skipped": ratchet.skipped,
        "findings": findings,
    })
}

/// A state by its name in `spec/05-messages.md`.
const fn state(status: Status) -> &'static str {
    match status {
        Status::AwaitingReply => "AwaitReply",
        Status::Established => "Established",
        Status::Inactive => "Inactive",
        _ => "Unknown",
    }
}

/// An opened message. A session that ends in `PqFailed` is an error, though one that was saved.
pub(crate) fn received(received: &Received) -> Result<Value, ProtocolError> {
    if received.ended == Some(SessionEnd::PqFailed) {
        return Err(ProtocolError::PqFailed);
    }
    message(received)
}

/// The same, whatever it did to its session.
pub(crate) fn message(received: &Received) -> Result<Value, ProtocolError> {
    let mut object = content(&received.frame)?;
    object["from"] = json!(received.peer.to_string());
    object["account_key"] = json!(received.account.to_string());
    object["account"] = json!(kuvert_core::identity::account_id(&received.account).to_string());
    object["session_id"] = json!(received.session.to_string());
    object["begins_session"] = json!(received.begins_session);
    object["closed"] = json!(received.ended.is_some());
    object["ended"] = json!(received.ended.map(|end| match end {
        SessionEnd::PqFailed => "PqFailed",
        _ => "ByPeer",
    }));
    object["msg_id"] = json!(received.frame.message_id.to_string());
    object["sent"] = json!(received.frame.sent.as_millis());
    object["expire_s"] = json!(received.frame.expire_seconds);
    Ok(object)
}

fn content(frame: &Frame) -> Result<Value, ProtocolError> {
    Ok(match frame.frame_type {
        FrameType::Message => {
            let text = str::from_utf8(&frame.body).map_err(|_| ProtocolError::Malformed)?;
            json!({ "kind": "message", "text": text })
        }
        FrameType::Receipt => {
            let receipt = Receipt::decode(&frame.body)?;
            json!({ "kind": "receipt", "read": receipt.read, "msg_ids": ids(&receipt.message_ids) })
        }
        FrameType::Control => control(&Control::decode(&frame.body)?),
        other => json!({ "kind": format!("{other:?}").to_lowercase() }),
    })
}

fn control(control: &Control) -> Value {
    match control {
        Control::Empty => json!({ "kind": "control", "control": "empty" }),
        Control::DeliveryToken(_) => json!({ "kind": "control", "control": "delivery_token" }),
        Control::Close => json!({ "kind": "control", "control": "close" }),
        Control::Mailbox { mailbox, relay, .. } => json!({
            "kind": "control",
            "control": "mailbox",
            "mailbox": mailbox.to_string(),
            "relay": relay,
        }),
        Control::Resend(held) => {
            json!({ "kind": "control", "control": "resend", "msg_ids": ids(held) })
        }
        _ => json!({ "kind": "control" }),
    }
}

fn ids(ids: &[MessageId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}
