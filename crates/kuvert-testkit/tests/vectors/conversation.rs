//! Whole conversations, event by event.

use std::collections::BTreeMap;

use kuvert_core::prekey::VerifiedBundle;
use kuvert_core::{Content, ProtocolError, Received, SessionEnd, SessionFacts, Status};
use kuvert_wire::{Control, Decode, DeviceId, Encode, Frame, FrameType, PrekeyBundle, Timestamp};
use serde_json::{Value, json};

use crate::case::{Case, Refusal, patched};
use crate::given::Given;
use crate::player::Player;

/// Plays a conversation; each event has to come out as it stands there.
pub(crate) fn play(conversation: &Value, restarting: bool) {
    let name = conversation["name"].as_str().unwrap();
    let mut stage = Stage::default();
    for (number, event) in conversation["events"].as_array().unwrap().iter().enumerate() {
        let event = Case::new(event.clone());
        if restarting && let Some(player) = stage.players.get_mut(event.text("at").unwrap()) {
            *player = player.copy();
        }
        let said = stage.take(number, &event).unwrap_or_else(|refusal| refusal.as_json());
        assert_eq!(&said, event.expected(), "{name}, event {number}: {}", event.value("name"));
    }
}

/// The devices, and the bundles and envelopes that events have made.
#[derive(Default)]
struct Stage {
    players: BTreeMap<String, Player>,
    made: BTreeMap<usize, Vec<u8>>,
}

impl Stage {
    fn take(&mut self, number: usize, event: &Case) -> Result<Value, Refusal> {
        match event.text("do")? {
            "create" => self.create(event),
            "bundle" => self.bundle(number, event),
            "initiate" => self.initiate(event),
            "send" => self.send(number, event),
            "receive" => self.receive(event),
            "tidy" => self.tidy(event),
            "state" => Ok(state(self.player(event))),
            unknown => panic!("nobody knows how to {unknown}"),
        }
    }

    fn player(&mut self, event: &Case) -> &mut Player {
        self.players.get_mut(event.text("at").unwrap()).expect("the device has been created")
    }

    fn create(&mut self, event: &Case) -> Result<Value, Refusal> {
        let player = Player::create(event)?;
        let id = hex::encode(player.device.device_id().as_bytes());
        self.players.insert(event.text("at")?.into(), player);
        Ok(json!({ "device_id": id }))
    }

    fn bundle(&mut self, number: usize, event: &Case) -> Result<Value, Refusal> {
        let bundle = self.player(event).bundle(event)?;
        let medium = hex::encode(bundle.medium.signature.as_bytes());
        let one_time = bundle.one_time.as_ref().map(|one| hex::encode(one.signature.as_bytes()));
        let signatures: Vec<_> = [medium].into_iter().chain(one_time).collect();
        self.made.insert(number, bundle.encode());
        Ok(json!({ "signatures": signatures }))
    }

    fn initiate(&mut self, event: &Case) -> Result<Value, Refusal> {
        let bundle = PrekeyBundle::decode(&self.made[&event.number("bundle")?])?;
        let account = kuvert_core::identity::account_id(&bundle.cert.account_key);
        let now = now_of(event)?;
        let bundle = VerifiedBundle::verify(bundle, &account, now).map_err(ProtocolError::from)?;
        let mut given = Given::default();
        if let Some(random) = event.inner("random") {
            given = given.value(random.bytes("ephemeral")?).value(random.bytes("kem_coins")?);
            // The key and the token of the mailbox for this session.
            given = given.open(32).open(16);
            given = given.value(random.bytes("ratchet_key")?).value(random.bytes("kem_seed")?);
        }
        let player = self.player(event);
        let peer = player.take(|device| device.initiate(&bundle, now, &mut given))?;
        assert!(given.is_empty(), "all that is given is used");
        let session = player.device.peer(&peer).unwrap().active().unwrap().session;
        Ok(json!({ "session": hex::encode(session.as_bytes()) }))
    }

    fn send(&mut self, number: usize, event: &Case) -> Result<Value, Refusal> {
        let to = DeviceId::from_bytes(event.array("to")?);
        let (frame, now) = (Frame::decode(&event.bytes("frame")?)?, now_of(event)?);
        assert_eq!(frame.sent, now);
        let mut given = Given::default();
        if let Some(random) = event.inner("random") {
            if let Some(key) = random.optional::<32>("ratchet_key")? {
                given = given.value(key);
            }
            given = given.value([random.bytes("hnonce")?, random.bytes("salt")?].concat());
        }
        let player = self.player(event);
        let outgoing = if event.value("heal") == true {
            given = given.value(*frame.message_id.as_bytes());
            player.take(|device| device.heal(&to, now, &mut given))?
        } else {
            let content = content_of(&frame);
            player.take(|device| device.encrypt(&to, &content, now, &mut given))?
        };
        assert!(given.is_empty(), "all that is given is used");
        let envelope = hex::encode(&outgoing.envelope);
        self.made.insert(number, outgoing.envelope);
        Ok(json!({ "envelope": envelope }))
    }

    fn receive(&mut self, event: &Case) -> Result<Value, Refusal> {
        let (envelope, now) = (self.envelope(event)?, now_of(event)?);
        let mut given = Given::default();
        if event.expected()["begins"] == true {
            given = given.open(32).open(16);
        }
        if let Some(random) = event.inner("random") {
            for name in ["kem_coins", "kem_seed"] {
                if !random.value(name).is_null() {
                    given = given.value(random.bytes(name)?);
                }
            }
        }
        let player = self.player(event);
        let mut copy = player.copy();
        let player = if event.value("on_copy") == true { &mut copy } else { player };
        let before = player.snapshot();
        match player.take(|device| device.decrypt(&envelope, now, &mut given)) {
            Ok(received) => {
                let is_failed = received.ended == Some(SessionEnd::PqFailed);
                assert!(is_failed || given.is_empty(), "all that is given is used");
                Ok(opened(&received))
            }
            Err(error) => {
                assert_eq!(player.snapshot(), before, "a refusal changes nothing");
                Err(error.into())
            }
        }
    }

    fn envelope(&self, event: &Case) -> Result<Vec<u8>, Refusal> {
        let patch = event.value("envelope");
        if patch.is_string() {
            return event.bytes("envelope");
        }
        let base = usize::try_from(patch["of"].as_u64().unwrap()).unwrap();
        Ok(hex::decode(patched(patch, &hex::encode(&self.made[&base]))).unwrap())
    }

    fn tidy(&mut self, event: &Case) -> Result<Value, Refusal> {
        let now = now_of(event)?;
        self.player(event).take(|device| Ok(device.tidy(now)))?;
        Ok(json!({}))
    }
}

fn now_of(event: &Case) -> Result<Timestamp, Refusal> {
    event.number("now").map(Timestamp::from_millis)
}

fn content_of(frame: &Frame) -> Content {
    let content = match frame.frame_type {
        FrameType::Message => Content::text(core::str::from_utf8(&frame.body).unwrap()),
        FrameType::Control => Content::control(&Control::decode(&frame.body).unwrap()),
        other => panic!("{other:?} is not sent here"),
    };
    content.named(frame.message_id)
}

fn opened(received: &Received) -> Value {
    let frame = hex::encode(received.frame.encode());
    if received.ended == Some(SessionEnd::PqFailed) {
        return json!({ "error": "PqFailed", "frame": frame });
    }
    let mut said = json!({ "frame": frame, "session": hex::encode(received.session.as_bytes()) });
    if received.begins_session {
        said["begins"] = true.into();
    }
    said
}

/// What the device would tell anybody.
fn state(player: &Player) -> Value {
    let device = &player.device;
    let mut sessions: Vec<_> = device.sessions().collect();
    sessions.sort_by_key(|facts| facts.session);
    let active = device.peers().filter_map(|peer| peer.active().map(|facts| facts.session));
    let mut active: Vec<_> = active.map(|session| hex::encode(session.as_bytes())).collect();
    active.sort();
    json!({
        "sessions": sessions.iter().map(facts).collect::<Vec<_>>(),
        "active": active,
        "one_time_prekeys": device.one_time_count(),
    })
}

fn facts(facts: &SessionFacts) -> Value {
    let state = match facts.status {
        Status::AwaitingReply => "AwaitReply",
        Status::Established => "Established",
        Status::Inactive => "Inactive",
        other => panic!("{other:?} is not in the specification"),
    };
    json!({
        "session": hex::encode(facts.session.as_bytes()),
        "state": state,
        "weak_start": facts.weak_start,
        "ns": facts.ratchet.sent,
        "pn": facts.ratchet.previous_length,
        "nr": facts.ratchet.received,
        "pq_mixed": facts.ratchet.pq_mixed,
        "skipped": facts.ratchet.skipped,
        "old_chains": facts.ratchet.kept_chains,
    })
}
