//! What a client needs of its network.

use kuvert_transport::{Directory, RelayClient, Transport};
use kuvert_wire::RelayUrl;

use crate::Error;

/// A transport and directory with a home: the relay that keeps one's own mailboxes and prekeys.
pub trait Carrier: Transport + Directory {
    /// The home relay, which is part of one's own address.
    fn home(&self) -> &RelayUrl;
}

impl Carrier for RelayClient {
    fn home(&self) -> &RelayUrl {
        Self::home(self)
    }
}

/// The way to a relay.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "it has no values: its functions make relay clients")]
pub enum Relay {}

impl Relay {
    /// Connects to the relay at `url`, `wss://HOST[:PORT]` or `ws://` on this machine.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] if that is no relay's URL; [`Error::Transport`] if nobody answers there, or
    /// something that is no relay.
    pub async fn connect(url: &str) -> Result<RelayClient, Error> {
        let client = Self::at(url.parse()?);
        client.ping().await?;
        Ok(client)
    }

    /// A client for the relay at `url`, which connects when it is first needed.
    #[must_use]
    pub fn at(url: RelayUrl) -> RelayClient {
        RelayClient::new(url)
    }
}
