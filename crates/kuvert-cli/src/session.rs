//! An open account: its folder, its client, its way of speaking.

use std::time::Duration;

use kuvert::{Client, Contact, Relay, RelayClient, SqliteStore, StoreError};

use crate::args::Global;
use crate::exit::{Failure, Outcome};
use crate::home::Home;
use crate::output::Output;
use crate::passphrase;

/// A client over the home's database and its relay.
pub(crate) type Kuvert = Client<SqliteStore, RelayClient>;

/// How long a command that has nothing to do with the network may look for it.
const FLUSH_PATIENCE: Duration = Duration::from_secs(3);

/// An open account.
pub(crate) struct Session {
    pub(crate) client: Kuvert,
    pub(crate) output: Output,
    home: Home,
}

impl Session {
    /// Opens the home that the command line names.
    pub(crate) fn open(global: &Global) -> Outcome<Self> {
        let home = Home::resolve(global)?;
        if !home.has_account()? {
            return Err(no_account(&home));
        }
        let passphrase = passphrase::existing(global)?;
        Self::open_with(home, &passphrase, Output::new(global))
    }

    /// Opens a home with a passphrase that is known.
    pub(crate) fn open_with(home: Home, passphrase: &str, output: Output) -> Outcome<Self> {
        let store =
            SqliteStore::open(home.database(), passphrase).map_err(|error| match error {
                StoreError::NotFound => no_account(&home),
                other => Failure::from(other),
            })?;
        let client = Client::open(store, Relay::at)?;
        Ok(Self { client, output, home })
    }

    /// The contact called `name`.
    pub(crate) fn contact(&self, name: &str) -> Outcome<Contact> {
        Ok(self.client.contact(name)?)
    }

    /// Ends a command that did not need the network: sends what waits, if there is a connection.
    ///
    /// The command has been done by now: what fails here does not make it fail.
    pub(crate) async fn settle(mut self) -> Outcome {
        if let Err(error) = self.send_what_waits().await {
            self.output.note(format!("That is done. Something else is wrong: {error}"));
        }
        Ok(())
    }

    async fn send_what_waits(&mut self) -> Result<(), kuvert::Error> {
        if !self.client.has_work()? {
            return Ok(());
        }
        match tokio::time::timeout(FLUSH_PATIENCE, self.client.flush()).await {
            Ok(Err(error @ (kuvert::Error::Store(_) | kuvert::Error::Record { .. }))) => Err(error),
            _ => Ok(()), // no connection is no failure here: it is sent by a later command
        }
    }

    pub(crate) const fn home(&self) -> &Home {
        &self.home
    }
}

fn no_account(home: &Home) -> Failure {
    Failure::failed(format!("there is no account in {}", home.folder().display()))
        .hint("make one with `kuvert init --relay URL`, or name its folder with --home DIR")
}
