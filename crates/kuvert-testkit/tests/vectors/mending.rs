//! Events of conversations that break and are mended: what comes of envelopes, resets, old copies.

use kuvert_core::identity::mailbox_id;
use kuvert_core::{Outcome, ProtocolError, Received, Reset, SessionEnd};
use kuvert_wire::{AccountId, DeviceId, Encode, MailboxId, MessageId};
use serde_json::{Value, json};

use crate::case::{Case, Refusal};
use crate::conversation::{Stage, handshake, now_of};
use crate::given::Given;
use crate::player::Player;

impl Stage {
    pub(crate) fn mend(&mut self, number: usize, event: &Case) -> Result<Value, Refusal> {
        match event.text("do")? {
            "handle" => self.handle(event),
            "retry" => {
                let mut given = chance(event)?;
                let outcomes = retry(self.player(event), event, &mut given)?;
                Ok(json!({ "outcomes": outcomes }))
            }
            "reset" => self.reset(number, event),
            "due" => self.due(event),
            "accept" => self.accept(event),
            "ask" => self.ask(event),
            "answer" => self.answer(event),
            "roll_back" => self.roll_back(event),
            "copy" => {
                let copy = self.player(event).copy();
                self.copies.insert(number, copy);
                Ok(json!({}))
            }
            "put_back" => {
                let copy = self.copies[&event.number("copy")?].copy();
                *self.player(event) = copy;
                Ok(json!({}))
            }
            "wind" => self.wind(event),
            unknown => panic!("nobody knows how to {unknown}"),
        }
    }

    /// As a device receives: the envelope, and then whatever waits.
    fn handle(&mut self, event: &Case) -> Result<Value, Refusal> {
        let (envelope, now) = (self.envelope(event)?, now_of(event)?);
        let mut given = chance(event)?;
        let player = self.player(event);
        let via = event.optional::<16>("via")?.map(|peer| mailbox(player, peer));
        let mut copy = player.copy();
        let player = if event.value("on_copy") == true { &mut copy } else { player };
        let before = player.snapshot();
        let outcomes =
            player.take(|device| Ok(device.receive(&envelope, via.as_ref(), now, &mut given)))?;
        let outcomes: Vec<_> = outcomes.into_iter().collect();
        let changes_nothing = |outcome: &Outcome| {
            matches!(outcome, Outcome::Rejected { .. } | Outcome::AlreadyReceived)
        };
        if outcomes.iter().all(changes_nothing) {
            assert_eq!(player.snapshot(), before, "a refusal changes nothing");
        }
        let mut said: Vec<_> = outcomes.iter().map(|outcome| told(player, outcome)).collect();
        said.extend(retry(player, event, &mut given)?);
        Ok(json!({ "outcomes": said }))
    }

    fn reset(&mut self, number: usize, event: &Case) -> Result<Value, Refusal> {
        let (bundle, now) = (self.bundle_of(event)?, now_of(event)?);
        let held = event.value("held").as_array().unwrap().iter();
        let held: Vec<_> = held.map(|id| id.as_str().unwrap()).map(message_id).collect();
        let how = if event.value("automatic") == true { Reset::Automatic } else { Reset::ByHand };
        let mut given = handshake(event)?;
        if let Some(random) = event.inner("random") {
            let sealing = [random.bytes("hnonce")?, random.bytes("salt")?].concat();
            given = given.value(random.bytes("msg_id")?).value(sealing);
        }
        let player = self.player(event);
        let sent = player.take(|device| device.reset(&bundle, &held, how, now, &mut given))?;
        assert!(given.is_empty(), "all that is given is used");
        let session = player.device.peer(&sent.peer).unwrap().active().unwrap().session;
        let envelope = hex::encode(&sent.envelope);
        self.made.insert(number, sent.envelope);
        Ok(json!({ "envelope": envelope, "session": hex::encode(session.as_bytes()) }))
    }

    fn due(&mut self, event: &Case) -> Result<Value, Refusal> {
        let now = now_of(event)?;
        let mut due: Vec<_> = self.player(event).device.resets_due(now).map(in_hex).collect();
        due.sort();
        Ok(json!({ "peers": due }))
    }

    fn accept(&mut self, event: &Case) -> Result<Value, Refusal> {
        let peer = DeviceId::from_bytes(event.array("peer")?);
        let accepted = event.value("accepted") == true;
        self.player(event).take(|device| device.accept(&peer, accepted))?;
        Ok(json!({}))
    }

    fn ask(&mut self, event: &Case) -> Result<Value, Refusal> {
        let bundle = self.bundle_of(event)?;
        let player = self.player(event);
        let outcomes = player.take(|device| Ok(device.question_identity(&bundle)))?;
        let outcomes: Vec<_> = outcomes.iter().map(|outcome| told(player, outcome)).collect();
        Ok(json!({ "outcomes": outcomes }))
    }

    fn answer(&mut self, event: &Case) -> Result<Value, Refusal> {
        let account = AccountId::from_bytes(event.array("account")?);
        let newcomer = DeviceId::from_bytes(event.array("newcomer")?);
        let accept = event.value("accept") == true;
        self.player(event).take(|device| device.answer_identity(&account, &newcomer, accept))?;
        Ok(json!({}))
    }

    fn roll_back(&mut self, event: &Case) -> Result<Value, Refusal> {
        let now = now_of(event)?;
        let mut given = Given::default();
        for value in event.inner("random").iter().flat_map(|random| random.each()) {
            given = given.long_word(long_word(value));
        }
        let mut had = self.player(event).take(|device| Ok(device.roll_back(now, &mut given)))?;
        assert!(given.is_empty(), "all that is given is used");
        had.sort_unstable();
        Ok(json!({ "peers": had.into_iter().map(in_hex).collect::<Vec<_>>() }))
    }

    /// Finds the place by the private ratchet key, behind which the chain and its number are.
    fn wind(&mut self, event: &Case) -> Result<Value, Refusal> {
        let (key, number) = (event.array::<32>("ratchet_key")?, event.number::<u32>("ns")?);
        self.player(event).alter_session(|record| {
            let found = record.windows(32).position(|window| window == key);
            let at = found.expect("the sending chain") + 4 * 32;
            record[at..at + 4].copy_from_slice(&number.to_be_bytes());
        });
        Ok(json!({}))
    }
}

/// What is drawn when an envelope comes: for a session that it begins, an epoch, a reset.
fn chance(event: &Case) -> Result<Given, Refusal> {
    let mut given = Given::default().open(32).open(16);
    if let Some(random) = event.inner("random") {
        for name in ["kem_coins", "kem_seed"] {
            if !random.value(name).is_null() {
                given = given.value(random.bytes(name)?);
            }
        }
        if let Some(jitter) = random.optional::<8>("jitter")? {
            given = given.long_word(u64::from_be_bytes(jitter));
        }
    }
    Ok(given)
}

/// Tries what waits until nothing more comes of it.
fn retry(player: &mut Player, event: &Case, given: &mut Given) -> Result<Vec<Value>, Refusal> {
    let now = now_of(event)?;
    let mut said = Vec::new();
    loop {
        let Some(outcomes) = player.take_if(|device| device.retry(now, given)) else {
            return Ok(said);
        };
        said.extend(outcomes.iter().map(|outcome| told(player, outcome)));
    }
}

/// The mailbox that is read for the session with a peer.
pub(crate) fn mailbox(player: &Player, peer: [u8; 16]) -> MailboxId {
    let peer = DeviceId::from_bytes(peer);
    let own = player.device.mailboxes().find(|own| own.peer == Some(peer));
    mailbox_id(&own.expect("there is a session").key)
}

fn told(player: &mut Player, outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Message(received) => message(player, received),
        Outcome::AlreadyReceived => json!({ "outcome": "AlreadyReceived" }),
        Outcome::Pending { cause, deadline, peer } => json!({
            "outcome": "Pending", "cause": name(cause), "deadline": deadline.as_millis(),
            "peer": in_hex(*peer),
        }),
        Outcome::HealingStarted { peer, not_before } => json!({
            "outcome": "HealingStarted", "peer": in_hex(*peer), "not_before": not_before.as_millis(),
        }),
        Outcome::Healed { peer } => json!({ "outcome": "Healed", "peer": in_hex(*peer) }),
        Outcome::IdentityChanged { peer, account } => json!({
            "outcome": "IdentityChanged", "peer": in_hex(*peer),
            "account": hex::encode(account.as_bytes()),
        }),
        Outcome::CloneSuspected { peer } => {
            json!({ "outcome": "CloneSuspected", "peer": in_hex(*peer) })
        }
        Outcome::Rejected { cause, peer } => {
            let mut said = json!({ "outcome": "Rejected", "cause": name(cause) });
            if let Some(peer) = peer {
                said["peer"] = in_hex(*peer).into();
            }
            said
        }
        other => panic!("{other:?} is not in the specification"),
    }
}

/// MSG-15 is a program's: what it has shown, it does not show again.
fn message(player: &mut Player, received: &Received) -> Value {
    let mut said = json!({ "outcome": "Message", "frame": hex::encode(received.frame.encode()) });
    if received.ended == Some(SessionEnd::PqFailed) {
        said["ended"] = "PqFailed".into();
    } else {
        said["session"] = hex::encode(received.session.as_bytes()).into();
    }
    if received.begins_session {
        said["begins"] = true.into();
    }
    if !player.shown.insert(received.frame.message_id) {
        said["again"] = true.into();
    }
    said
}

fn name(cause: &ProtocolError) -> &'static str {
    cause.name()
}

fn in_hex(device: DeviceId) -> String {
    hex::encode(device.as_bytes())
}

fn message_id(hexed: &str) -> MessageId {
    MessageId::from_bytes(hex::decode(hexed).unwrap().try_into().unwrap())
}

fn long_word(hexed: &str) -> u64 {
    u64::from_be_bytes(hex::decode(hexed).unwrap().try_into().unwrap())
}
