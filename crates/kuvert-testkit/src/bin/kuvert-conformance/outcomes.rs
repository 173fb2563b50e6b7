//! Everything that came of an envelope, as an app sees it.

use std::path::Path;

use kuvert_core::{Outcome, Outcomes, ProtocolError};
use kuvert_wire::MailboxId;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::args::World;
use crate::home::Home;
use crate::report;

/// Receives as an app does, and tries again what waits.
pub(crate) fn recv(
    home: &mut Home,
    envelope: &[u8],
    via: Option<&str>,
) -> Result<Answer, ProtocolError> {
    let via = via.map(mailbox).transpose()?;
    let outcomes =
        home.take(|device, now, rng| Ok(device.receive(envelope, via.as_ref(), now, rng)));
    let mut told = Vec::new();
    tell(&mut told, outcomes?)?;
    while let Some(outcomes) = retry(home)? {
        tell(&mut told, outcomes)?;
    }
    home.save()?;
    Ok(Answer::Object(json!({ "outcomes": told })))
}

fn retry(home: &mut Home) -> Result<Option<Outcomes>, ProtocolError> {
    let nothing = ProtocolError::NoSession;
    let outcomes = home.take(|device, now, rng| device.retry(now, rng).ok_or(nothing));
    match outcomes {
        Err(error) if error == nothing => Ok(None),
        outcomes => outcomes.map(Some),
    }
}

/// A strict `recv` leaves nothing behind but the one thing that is proven: two messages in one place.
pub(crate) fn note_evidence(
    directory: &Path,
    world: &World,
    envelope: &[u8],
) -> Result<(), ProtocolError> {
    let mut home = Home::open(directory, world)?;
    let before = suspicions(&home);
    home.take(|device, now, rng| Ok(device.receive(envelope, None, now, rng)))?;
    if suspicions(&home) > before { home.save() } else { Ok(()) }
}

fn suspicions(home: &Home) -> usize {
    home.device.peers().filter(|peer| peer.clone_suspected().is_some()).count()
}

fn mailbox(hex: &str) -> Result<MailboxId, ProtocolError> {
    let bytes = hex::decode(hex).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(MailboxId::from_bytes).ok_or(ProtocolError::Malformed)
}

fn tell(told: &mut Vec<Value>, outcomes: Outcomes) -> Result<(), ProtocolError> {
    for outcome in outcomes {
        told.push(object(&outcome)?);
    }
    Ok(())
}

fn object(outcome: &Outcome) -> Result<Value, ProtocolError> {
    Ok(match outcome {
        Outcome::Message(received) => {
            let mut object = report::message(received)?;
            object["outcome"] = json!("Message");
            object
        }
        Outcome::AlreadyReceived => json!({ "outcome": "AlreadyReceived" }),
        Outcome::Pending { cause, deadline, peer } => json!({
            "outcome": "Pending",
            "cause": cause.name(),
            "deadline": deadline.as_millis(),
            "peer": peer.to_string(),
        }),
        Outcome::HealingStarted { peer, not_before } => json!({
            "outcome": "HealingStarted",
            "peer": peer.to_string(),
            "not_before": not_before.as_millis(),
        }),
        Outcome::Healed { peer } => json!({ "outcome": "Healed", "peer": peer.to_string() }),
        Outcome::IdentityChanged { peer, account } => json!({
            "outcome": "IdentityChanged",
            "peer": peer.to_string(),
            "account_key": account.to_string(),
        }),
        Outcome::CloneSuspected { peer } => {
            json!({ "outcome": "CloneSuspected", "peer": peer.to_string() })
        }
        Outcome::Rejected { cause, peer } => json!({
            "outcome": "Rejected",
            "cause": cause.name(),
            "peer": peer.map(|peer| peer.to_string()),
        }),
        _ => json!({ "outcome": "Unknown" }),
    })
}
