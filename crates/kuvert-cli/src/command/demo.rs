//! `kuvert demo`: a relay, two people, a sealed conversation, all in one process and one folder that
//! goes away again.

mod seen;

use std::path::Path;
use std::time::Duration;

use kuvert::{AccountId, Event, Petname, Relay, RelayUrl};
use kuvert_relay::{Relay as RelayServer, RelayOptions, RunningRelay};
use serde::Serialize;

use crate::args::Global;
use crate::command::init;
use crate::exit::{Failure, Outcome};
use crate::home::Home;
use crate::output::Output;
use crate::session::Session;

/// Protects homes that live for a second; nobody has to remember it.
const PASSPHRASE: &str = "demo";
/// How long a message on this machine may take before something is wrong.
const PATIENCE: Duration = Duration::from_secs(20);

const ALICE_FIRST: &str = "Tea at four?";
const ALICE_SECOND: &str = "שלום to the cups, and I bring the scones 🫖";
const BOB_REPLY: &str = "Four is perfect.";

/// One step, as it happens.
#[derive(Debug, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
enum Step<'a> {
    Relay { url: String },
    Person { name: &'a str, address: String },
    Sent { from: &'a str, to: &'a str, text: &'a str },
    Received { by: &'a str, from: String, text: String },
    Compared { safety_number: String, equal: bool },
    Seen { files: usize, bytes: u64, texts_found: usize },
}

pub(crate) async fn run(global: &Global) -> Outcome {
    let output = Output::new(global);
    let folder = tempfile::Builder::new()
        .prefix("kuvert-demo-")
        .tempdir()
        .map_err(|error| Failure::failed(format!("cannot make a temporary folder: {error}")))?;
    let relay = start_relay(&folder.path().join("relay")).await?;
    let url: RelayUrl = relay.url().parse().map_err(kuvert::Error::from)?;
    say(output, &Step::Relay { url: url.to_string() })?;
    let mut alice = person("alice", folder.path(), &url, output).await?;
    let mut bob = person("bob", folder.path(), &url, output).await?;
    let bob_id = meet(&mut alice, &bob, "bob")?;
    let alice_id = meet(&mut bob, &alice, "alice")?;

    send(&mut alice, bob_id, ("alice", "bob"), ALICE_FIRST).await?;
    send(&mut alice, bob_id, ("alice", "bob"), ALICE_SECOND).await?;
    receive(&mut bob, "bob", 2).await?;
    send(&mut bob, alice_id, ("bob", "alice"), BOB_REPLY).await?;
    receive(&mut alice, "alice", 1).await?;

    compare(&mut alice, bob_id, &mut bob, alice_id)?;
    alice.client.close().await;
    bob.client.close().await;
    let texts = [ALICE_FIRST, ALICE_SECOND, BOB_REPLY, "alice"];
    let found = seen::look(&folder.path().join("relay"), &texts)
        .map_err(|error| Failure::failed(format!("cannot look into the relay: {error}")))?;
    say(output, &found)?;
    relay.shutdown().await;
    Ok(())
}

async fn start_relay(folder: &Path) -> Outcome<RunningRelay> {
    let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    RelayServer::start(RelayOptions::new(listen, folder))
        .await
        .map_err(|error| Failure::failed(format!("cannot start a relay: {error}")))
}

/// Makes an account as `kuvert init` does, and opens it as every other command does.
async fn person(name: &str, folder: &Path, relay: &RelayUrl, output: Output) -> Outcome<Session> {
    let home = Home::at(folder.join(name));
    let connection = Relay::connect(&relay.to_string()).await?;
    let petname: Petname = name.parse().map_err(Failure::usage)?;
    let account = init::create(&home, PASSPHRASE, connection, &petname).await?;
    say(output, &Step::Person { name, address: account.address })?;
    Session::open_with(home, PASSPHRASE, output)
}

fn meet(one: &mut Session, other: &Session, name: &str) -> Outcome<AccountId> {
    let petname: Petname = name.parse().map_err(Failure::usage)?;
    Ok(one.client.add_contact(&petname, &other.client.address())?.account)
}

async fn send(from: &mut Session, to: AccountId, names: (&str, &str), text: &str) -> Outcome {
    from.client.send(to, text).await?;
    say(from.output, &Step::Sent { from: names.0, to: names.1, text })
}

async fn receive(by: &mut Session, name: &str, count: usize) -> Outcome {
    let mut messages = 0;
    while messages < count {
        match by.client.poll_event(PATIENCE, None).await? {
            Some(Event::Message(message)) => {
                messages += 1;
                let text = message.text().map_err(kuvert::Error::from)?.to_owned();
                let from = message.sender().to_string();
                say(by.output, &Step::Received { by: name, from, text })?;
            }
            Some(_) => {}
            None => return Err(Failure::failed("a message did not arrive")),
        }
    }
    Ok(by.client.acknowledge()?)
}

/// Each reads the own screen to the other.
fn compare(
    alice: &mut Session,
    bob_id: AccountId,
    bob: &mut Session,
    alice_id: AccountId,
) -> Outcome {
    let read_aloud = bob.client.safety_number(alice_id)?.to_string();
    let matched = alice.client.safety_number(bob_id)?.compare(&read_aloud);
    let equal = matched.is_some();
    if let Some(matched) = matched {
        alice.client.mark_verified(bob_id, matched)?;
    }
    say(alice.output, &Step::Compared { safety_number: read_aloud, equal })
}

fn say(output: Output, step: &Step<'_>) -> Outcome {
    output.show(step, |step| match step {
        Step::Relay { url } => format!("A relay listens on {url}. It carries what it cannot read."),
        Step::Person { name, address } => format!("{name} has an account:\n    {address}"),
        Step::Sent { from, to, text } => format!("{from} to {to}: {text}"),
        Step::Received { by, from, text } => format!("    {by} reads, from {from}: {text}"),
        Step::Compared { safety_number, equal } => {
            let verdict = if *equal { "the same on both screens" } else { "different!" };
            format!("Safety number, {verdict}:\n    {safety_number}")
        }
        Step::Seen { files, bytes, texts_found } => format!(
            "The relay kept {bytes} bytes in {files} files. The words of the conversation and the \
             names occur in them {texts_found} times."
        ),
    })
}
