//! The server: connections on one side, the storage thread on the other.
//!
//! `GET /v1` becomes a WebSocket; `GET /health` answers `ok` while the storage does. Stopping goes in two steps: no new
//! connections and requests, but every answer to what has been begun; then whoever is left is cut off, and the database
//! is closed.

mod accept;
mod client;
mod connection;
mod hub;
mod phase;
mod session;
mod shared;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kuvert_wire::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};
use tracing::{info, warn};

use crate::engine::{EngineError, SqliteEngine};
use crate::franking::{FrankingDesk, KeyFileError};
use crate::limits::Limits;
use crate::storage::{Clock, Storage, StorageThread};
use crate::sweep;
use accept::Acceptor;
use client::Slots;
use phase::{Life, Phase};
use shared::Shared;

/// How long connections may take to receive their last answers.
const DRAIN: Duration = Duration::from_secs(5);
/// How often what is too old is erased.
const SWEEP_EVERY: Duration = Duration::from_secs(600);

/// What a relay needs to start.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RelayOptions {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The folder for the database. It is made if it does not exist.
    pub data_dir: PathBuf,
    /// A proxy stands in front and names the client in `X-Forwarded-For`. Only then is that header believed.
    pub is_proxied: bool,
    /// The relay's numbers.
    pub limits: Limits,
}

impl RelayOptions {
    /// A relay with the default limits and no proxy in front of it.
    #[must_use]
    pub fn new(listen: SocketAddr, data_dir: impl Into<PathBuf>) -> Self {
        let (data_dir, limits) = (data_dir.into(), Limits::default());
        Self { listen, data_dir, is_proxied: false, limits }
    }
}

/// Why a relay does not start. Nothing is left running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The data folder cannot be made.
    #[error("cannot make the data folder {}: {source}", path.display())]
    DataDir {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The database cannot be used.
    #[error("cannot use the database in {}: {source}", path.display())]
    Engine {
        /// The folder.
        path: PathBuf,
        /// The engine's reason.
        source: EngineError,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The franking keys cannot be used.
    #[error(transparent)]
    FrankingKeys(#[from] KeyFileError),
    /// The system has no thread for the storage.
    #[error("cannot start the storage thread: {0}")]
    Thread(std::io::Error),
}

/// A relay, to be started.
#[derive(Clone, Copy, Debug)]
pub struct Relay;

impl Relay {
    /// Starts a relay on the current tokio runtime and returns when it can be connected to.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    pub async fn start(options: RelayOptions) -> Result<RunningRelay, StartError> {
        let clock: Clock = Arc::new(system_time);
        // Behind the database's lock: another relay in this folder must not lose its keys.
        let engine = open_engine(&options)?;
        let franking = FrankingDesk::open(&options.data_dir, clock())?;
        let address = options.listen;
        let listening = TcpListener::bind(address).await;
        let listener = listening.map_err(|source| StartError::Listen { address, source })?;
        let bound = listener.local_addr();
        let local_addr = bound.map_err(|source| StartError::Listen { address, source })?;

        let (storage, thread) =
            Storage::start(engine, Arc::clone(&clock)).map_err(StartError::Thread)?;
        let shared = Arc::new(Shared::new(options.limits.clone(), storage, franking, clock));
        let (stop, life) = Life::begin();
        let running = Running { shared, thread, life, stop: stop.clone() };
        let task = tokio::spawn(running.run(listener, options.is_proxied));
        info!(version = env!("CARGO_PKG_VERSION"), "the relay has started");
        Ok(RunningRelay { local_addr, stop, task })
    }
}

fn open_engine(options: &RelayOptions) -> Result<SqliteEngine, StartError> {
    let path = options.data_dir.clone();
    if let Err(source) = std::fs::create_dir_all(&path) {
        return Err(StartError::DataDir { path, source });
    }
    let engine = SqliteEngine::open(&path, options.limits.stored_bytes);
    engine.map_err(|source| StartError::Engine { path, source })
}

/// A relay that is running. Dropping it stops the relay too, but does not wait for the end.
#[derive(Debug)]
pub struct RunningRelay {
    local_addr: SocketAddr,
    stop: watch::Sender<Phase>,
    task: JoinHandle<()>,
}

impl RunningRelay {
    /// The address that it listens on.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Its URL for clients on this machine: `ws://ADDRESS:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://{}", self.local_addr)
    }

    /// Stops accepting, answers what has been begun, closes the database. Returns when all of it is done.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(Phase::Draining);
        if (&mut self.task).await.is_err() {
            warn!("the relay's task has failed");
        }
    }
}

impl Drop for RunningRelay {
    fn drop(&mut self) {
        self.stop.send_replace(Phase::Draining);
    }
}

struct Running {
    shared: Arc<Shared>,
    thread: StorageThread,
    life: Life,
    stop: watch::Sender<Phase>,
}

impl Running {
    async fn run(self, listener: TcpListener, is_proxied: bool) {
        let Self { shared, thread, life, stop } = self;
        let sweeper = tokio::spawn(keep_sweeping(Arc::clone(&shared), life.clone()));
        let (alive, mut ended) = mpsc::channel(1);
        let slots = Slots::new(&shared.limits, is_proxied, alive);
        Acceptor::new(shared, slots, life, is_proxied).run(listener).await;

        info!("the relay is stopping");
        if timeout(DRAIN, ended.recv()).await.is_err() {
            warn!("some connections did not end in time");
        }
        stop.send_replace(Phase::Ended);
        ended.recv().await;
        let closed = tokio::task::spawn_blocking(|| thread.join());
        if sweeper.await.is_err() || closed.await.is_err() {
            warn!("the relay did not end cleanly");
        }
        info!("the relay has stopped");
    }
}

/// Erases what is too old, and changes keys, from time to time.
async fn keep_sweeping(shared: Arc<Shared>, mut life: Life) {
    let mut times = interval(SWEEP_EVERY);
    loop {
        tokio::select! {
            _ = times.tick() => {
                sweep_once(&shared).await;
                renew_keys(Arc::clone(&shared)).await;
            }
            () = life.draining() => return,
        }
    }
}

/// Makes the next franking key when it is time. While none can be written, the last one serves on.
async fn renew_keys(shared: Arc<Shared>) {
    let renewed = tokio::task::spawn_blocking(move || shared.franking.renew(shared.now()));
    if let Ok(Err(error)) = renewed.await {
        warn!(%error, "the franking keys could not be renewed");
    }
}

async fn sweep_once(shared: &Shared) {
    loop {
        let limits = Arc::clone(&shared.limits);
        let swept = shared.storage.run(move |rows, now| sweep::sweep(rows, now, &limits)).await;
        let Ok(swept) = swept else { return };
        if swept != sweep::Swept::default() {
            let sweep::Swept { messages, mailboxes, accounts, notes } = swept;
            info!(messages, mailboxes, accounts, notes, "what was too old has been erased");
        }
        if swept.is_complete() {
            return;
        }
    }
}

fn system_time() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::default().saturating_add(since_epoch.unwrap_or_default())
}
