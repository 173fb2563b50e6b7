//! The way to one relay: a connection made when it is needed, and made again when it has broken.

use std::sync::{Arc, Mutex};

use kuvert_wire::RelayUrl;
use kuvert_wire::relay::{RelayReply, RelayRequest};
use tokio::sync::{self, watch};
use tokio::time::Instant;

use super::connection::Connection;
use super::dial::dial;
use super::exchange::Exchange;
use super::inbox::Inbox;
use super::settings::Settings;
use crate::mutex::lock;
use crate::{Backoff, Outage, TransportError};

#[derive(Debug)]
pub(super) struct Link {
    relay: RelayUrl,
    settings: Arc<Settings>,
    line: sync::Mutex<Line>,
    pub(super) inbox: Arc<Mutex<Inbox>>,
    pub(super) backoff: Mutex<Backoff>,
    /// Changes when there may be an envelope to take, or the connection has changed.
    pub(super) wake: watch::Sender<()>,
}

/// The connection, and how the last attempt to make one failed.
#[derive(Debug, Default)]
struct Line {
    connection: Option<Arc<Connection>>,
    failed: Option<(Instant, TransportError)>,
}

impl Link {
    pub(super) fn new(relay: RelayUrl, settings: Arc<Settings>) -> Self {
        Self {
            relay,
            settings,
            line: sync::Mutex::default(),
            inbox: Arc::default(),
            backoff: Mutex::new(Backoff::new(seed())),
            wake: watch::Sender::new(()),
        }
    }

    pub(super) const fn relay(&self) -> &RelayUrl {
        &self.relay
    }

    /// Carries out a request on the connection of the moment. One that turns out to have broken is replaced once: every
    /// request may be repeated.
    pub(super) async fn call<T, F>(
        &self,
        request: impl Fn(&Connection) -> (RelayRequest, F) + Send + Sync,
    ) -> Result<T, TransportError>
    where
        T: Send + 'static,
        F: FnOnce(RelayReply) -> Result<T, RelayReply> + Send + 'static,
    {
        let began = Instant::now();
        loop {
            let connection = self.connection().await?;
            match connection.call(&request).await {
                Err(error) if may_repeat(&error, &connection, began) => {}
                done => return done,
            }
        }
    }

    /// The connection, made now if there is none. Callers that come while one is being made share how that ends.
    pub(super) async fn connection(&self) -> Result<Arc<Connection>, TransportError> {
        let asked = Instant::now();
        let mut line = self.line.lock().await;
        if let Some(connection) = line.alive() {
            return Ok(connection);
        }
        match &line.failed {
            Some((failed, error)) if *failed > asked => return Err(error.clone()),
            _ => {}
        }
        let result = self.connect().await;
        line.note(&result);
        if result.is_ok() {
            self.wake.send_replace(());
        }
        result
    }

    async fn connect(&self) -> Result<Arc<Connection>, TransportError> {
        if self.settings.is_closed() {
            return Err(TransportError::Closed);
        }
        let dialed = dial(&self.relay, &self.settings).await;
        let (socket, hello) = dialed.map_err(|failure| failure.at(&self.relay))?;
        tracing::debug!(relay = %self.relay, "connected");
        let exchange = Exchange::new(self.relay.clone(), self.wake.clone());
        let (generation, cursors) = lock(&self.inbox).begin();
        let timing = self.settings.timing;
        let connection = Connection::start(socket, hello.nonce, generation, timing, exchange);
        self.attach_again(&connection, &cursors).await?;
        Ok(Arc::new(connection))
    }

    /// Why the last connection has ended, if it has and no other took its place.
    pub(super) async fn failure(&self) -> Option<TransportError> {
        self.line.lock().await.connection.as_ref()?.exchange().failure()
    }

    /// Gives up the connection; the next verb makes another, if the client is still open.
    pub(super) async fn disconnect(&self) {
        if let Some(connection) = self.line.lock().await.connection.take() {
            connection.end();
        }
        self.wake.send_replace(());
    }
}

impl Line {
    fn alive(&self) -> Option<Arc<Connection>> {
        let connection = self.connection.as_ref()?;
        connection.exchange().failure().is_none().then(|| connection.clone())
    }

    fn note(&mut self, result: &Result<Arc<Connection>, TransportError>) {
        match result {
            Ok(connection) => *self = Self { connection: Some(connection.clone()), failed: None },
            Err(error) => self.failed = Some((Instant::now(), error.clone())),
        }
    }
}

/// Whether to try once more: the connection has broken, and was made before the caller came.
pub(super) fn may_repeat(error: &TransportError, connection: &Connection, came: Instant) -> bool {
    let is_broken = matches!(error, TransportError::Unreachable { outage: Outage::Lost, .. });
    is_broken && connection.began() < came
}

/// Jitter only spreads load: a constant seed, should the system have no randomness to give, is no danger.
fn seed() -> u64 {
    getrandom::u64().unwrap_or_default()
}
