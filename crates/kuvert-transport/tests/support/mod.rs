//! What the tests of the relay client share: a relay in a folder of its own, and a wire that can be cut.
#![allow(dead_code, unreachable_pub, reason = "each test program uses its part")]

pub mod wire;

use std::net::SocketAddr;
use std::time::Duration;

use kuvert_relay::{Relay, RelayOptions, RunningRelay};
use kuvert_transport::suite::Person;
use kuvert_transport::{
    Delivered, Directory, MailboxCursor, RelayClient, Route, Timing, Transport,
};
use kuvert_wire::{PostId, RelayUrl};
use tempfile::TempDir;

/// Longer than anything takes that succeeds.
pub const LONG: Duration = Duration::from_secs(20);

/// Short waits, for tests in which they run out.
pub const BRISK: Timing = Timing {
    connect: Duration::from_millis(1000),
    request: Duration::from_millis(1000),
    silence: Duration::from_millis(300),
};

/// A relay that can be stopped and started again at the same place.
pub struct TestRelay {
    data: TempDir,
    address: SocketAddr,
    running: Option<RunningRelay>,
}

impl TestRelay {
    pub async fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let running = Relay::start(RelayOptions::new(any, data.path())).await.unwrap();
        Self { data, address: running.local_addr(), running: Some(running) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> RelayUrl {
        url(self.address)
    }

    pub async fn stop(&mut self) {
        self.running.take().expect("running").shutdown().await;
    }

    pub async fn start_again(&mut self) {
        let options = RelayOptions::new(self.address, self.data.path());
        self.running = Some(Relay::start(options).await.unwrap());
    }
}

pub fn url(address: SocketAddr) -> RelayUrl {
    format!("ws://{address}").parse().unwrap()
}

/// The person's front door, opened and read from the start, and the way there over `relay`.
pub async fn front_door(client: &RelayClient, person: &Person, relay: &RelayUrl) -> Route {
    client.publish(&person.device(), &person.publication(1)).await.unwrap();
    let owner = person.device();
    let route = Route { relay: relay.clone(), mailbox: owner.mailbox(), token: None };
    client.attach(&[MailboxCursor { owner, after: 0 }]).await.unwrap();
    route
}

pub fn post_id(number: u8) -> PostId {
    PostId::from_bytes([number; 16])
}

/// The next envelope, which must come.
pub async fn expect_next(client: &RelayClient) -> Delivered {
    client.next(LONG).await.expect("reachable").expect("an envelope comes")
}
