//! Two people and a relay in one program: an account each, a message each way, safety numbers.
//!
//! ```console
//! $ cargo run -p kuvert --example quickstart
//! ```
//!
//! The relay is started here so that the example needs nothing else. In an app it is a machine of its
//! own, and `Relay::connect` names it.

use kuvert::{Client, Event, Relay, RelayClient, Result, SqliteStore};
use kuvert_relay::{Relay as RelayServer, RelayOptions};

type Person = Client<SqliteStore, RelayClient>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let options = RelayOptions::new("127.0.0.1:0".parse()?, folder.path().join("relay"));
    let server = RelayServer::start(options).await?;

    // An account is a sealed store and a relay. Its address is all that others need.
    let store = SqliteStore::create(folder.path().join("alice.db"), "correct horse")?;
    let relay = Relay::connect(&server.url()).await?;
    let mut alice = Client::create_account(store, relay, "alice").await?;
    alice.publish_prekeys().await?;

    let store = SqliteStore::create(folder.path().join("bob.db"), "battery staple")?;
    let relay = Relay::connect(&server.url()).await?;
    let mut bob = Client::create_account(store, relay, "bob").await?;
    bob.publish_prekeys().await?;

    // The address certifies the keys behind it: the relay cannot put others in their place.
    let to_bob = alice.start_session(&bob.address()).await?;
    alice.send(to_bob, "Tea at four?").await?;
    let to_alice = print_next(&mut bob).await?;
    bob.send(to_alice, "Four is perfect.").await?;
    print_next(&mut alice).await?;

    // Each reads the own number to the other. Only `compare` makes the proof of a match.
    let read_aloud = bob.safety_number(to_alice)?.to_string();
    println!("safety number: {read_aloud}");
    if let Some(matched) = alice.safety_number(to_bob)?.compare(&read_aloud) {
        alice.mark_verified(to_bob, matched)?;
        println!("compared: nobody stands in between");
    }

    alice.close().await;
    bob.close().await;
    server.shutdown().await;
    Ok(())
}

/// Waits for the next message, prints it, and says who wrote it.
async fn print_next(person: &mut Person) -> Result<kuvert::AccountId> {
    while let Some(event) = person.next_event().await? {
        if let Event::Message(message) = event {
            println!("{} reads: {}", person.name(), message.text()?);
            return Ok(message.sender().account);
        }
    }
    unreachable!("the connection is closed by its owner only")
}
