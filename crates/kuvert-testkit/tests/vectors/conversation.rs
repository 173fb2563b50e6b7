//! Whole conversations, event by event.

use std::collections::BTreeMap;

use kuvert_core::prekey::VerifiedBundle;
use kuvert_core::{Content, ProtocolError, Received, SessionEnd, SessionFacts, Status};
use kuvert_wire::{Control, Decode, DeviceId, Encode, MessageId, PrekeyBundle, Timestamp};
use serde_json::{Value, json};

use crate::case::{Case, Refusal, patched};
use crate::given::Given;
use crate::player::Player;
use crate::process;

/// How a conversation is played.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Straight,
    /// Each device is loaded from its records before each event.
    Restarting,
    /// Each event is first given to the process, with a copy of the device.
    BesideTheProcess,
}

/// Plays a conversation; each event has to come out as it stands there.
pub(crate) fn play(conversation: &Value, way: Way) {
    let name = conversation["name"].as_str().unwrap();
    let mut stage = Stage::default();
    for (number, event) in conversation["events"].as_array().unwrap().iter().enumerate() {
        let event = Case::new(event.clone());
        match (way, stage.players.get_mut(event.text("at").unwrap())) {
            (Way::Restarting, Some(player)) => *player = player.copy(),
            (Way::BesideTheProcess, Some(_)) => process::agrees(&mut stage, number, &event),
            _ => {}
        }
        let said = stage.take(number, &event).unwrap_or_else(|refusal| refusal.as_json());
        assert_eq!(&said, event.expected(), "{name}, event {number}: {}", event.value("name"));
    }
}

/// The devices, the bundles and envelopes that events have made, and copies of devices.
#[derive(Default)]
pub(crate) struct Stage {
    pub(crate) players: BTreeMap<String, Player>,
    pub(crate) made: BTreeMap<usize, Vec<u8>>,
    pub(crate) copies: BTreeMap<usize, Player>,
    /// Frames that were sent, in hex.
    frames: BTreeMap<usize, String>,
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
            _ => self.mend(number, event),
        }
    }

    pub(crate) fn player(&mut self, event: &Case) -> &mut Player {
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
        let (bundle, now) = (self.bundle_of(event)?, now_of(event)?);
        let mut given = handshake(event)?;
        let player = self.player(event);
        let peer = player.take(|device| device.initiate(&bundle, now, &mut given))?;
        assert!(given.is_empty(), "all that is given is used");
        let session = player.device.peer(&peer).unwrap().active().unwrap().session;
        Ok(json!({ "session": hex::encode(session.as_bytes()) }))
    }

    /// The bundle that another event made, checked.
    pub(crate) fn bundle_of(&self, event: &Case) -> Result<VerifiedBundle, Refusal> {
        let bundle = PrekeyBundle::decode(&self.made[&event.number("bundle")?])?;
        let account = kuvert_core::identity::account_id(&bundle.cert.account_key);
        let now = now_of(event)?;
        Ok(VerifiedBundle::verify(bundle, &account, now).map_err(ProtocolError::from)?)
    }

    fn send(&mut self, number: usize, event: &Case) -> Result<Value, Refusal> {
        let (to, now) = (DeviceId::from_bytes(event.array("to")?), now_of(event)?);
        let frame = hex::decode(self.frame(number, event)).unwrap();
        let mut given = Given::default();
        if let Some(random) = event.inner("random") {
            if let Some(key) = random.optional::<32>("ratchet_key")? {
                given = given.value(key);
            }
            given = given.value([random.bytes("hnonce")?, random.bytes("salt")?].concat());
        }
        let is_sent = given.is_given();
        let player = self.player(event);
        let outgoing = if event.value("heal") == true {
            given = given.value(&frame[10..26]);
            player.take(|device| device.heal(&to, now, &mut given))?
        } else {
            let content = content_of(&frame);
            player.take(|device| device.encrypt(&to, &content, now, &mut given))?
        };
        assert!(is_sent && given.is_empty(), "all that is given is used");
        let envelope = hex::encode(&outgoing.envelope);
        self.made.insert(number, outgoing.envelope);
        Ok(json!({ "envelope": envelope }))
    }

    /// A frame in hex, or what differs from the one of another event.
    fn frame(&mut self, number: usize, event: &Case) -> String {
        let given = event.value("frame");
        let frame = match given["of"].as_u64() {
            Some(of) => patched(given, &self.frames[&usize::try_from(of).unwrap()]),
            None => given.as_str().unwrap().into(),
        };
        self.frames.insert(number, frame.clone());
        frame
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

    pub(crate) fn envelope(&self, event: &Case) -> Result<Vec<u8>, Refusal> {
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

pub(crate) fn now_of(event: &Case) -> Result<Timestamp, Refusal> {
    event.number("now").map(Timestamp::from_millis)
}

/// What begins a session: the handshake's two values, the session's mailbox, its first keys.
pub(crate) fn handshake(event: &Case) -> Result<Given, Refusal> {
    let given = Given::default();
    let Some(random) = event.inner("random") else { return Ok(given) };
    let given = given.value(random.bytes("ephemeral")?).value(random.bytes("kem_coins")?);
    // The key and the token of the mailbox for this session.
    let given = given.open(32).open(16);
    Ok(given.value(random.bytes("ratchet_key")?).value(random.bytes("kem_seed")?))
}

/// Frames that are too long are not to be had as frames.
fn content_of(frame: &[u8]) -> Content {
    let (fields, body) = frame.split_at(34);
    let content = match fields[0] {
        1 => Content::text(core::str::from_utf8(body).unwrap()),
        3 => Content::control(&Control::decode(body).unwrap()),
        other => panic!("type {other} is not sent here"),
    };
    let sent = u64::from_be_bytes(fields[2..10].try_into().unwrap());
    let id = MessageId::from_bytes(fields[10..26].try_into().unwrap());
    content.named(id).dated(Timestamp::from_millis(sent))
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
        "waiting": device.waiting_count(),
        "next_reset": device.next_reset().map(Timestamp::as_millis),
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
