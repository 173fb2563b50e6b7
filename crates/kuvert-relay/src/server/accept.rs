//! From a TCP connection to a WebSocket, or to an answer about the relay's health.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{State, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use kuvert_wire::relay::{MAX_CLIENT_MESSAGE, MAX_SERVER_MESSAGE, PATH};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::client::{ClientAddress, Slot, Slots};
use super::connection;
use super::phase::Life;
use super::shared::Shared;

/// How long a connection may speak HTTP: one request, its answer, and no lingering.
const HANDSHAKE: Duration = Duration::from_secs(15);
/// How long the storage may take before the relay calls itself unhealthy.
const HEALTHY: Duration = Duration::from_secs(5);
/// Bytes of an HTTP request's head.
const MAX_HTTP_HEAD: usize = 16 * 1024;
/// Bytes read at once; most requests are smaller.
const READ_BUFFER: usize = 8 * 1024;
/// When to accept again after the system had no more file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Accepts connections until the relay stops.
pub(super) struct Acceptor {
    shared: Arc<Shared>,
    slots: Arc<Slots>,
    life: Life,
    is_proxied: bool,
    routes: Router<Arc<Guest>>,
}

/// Someone who has connected.
struct Guest {
    shared: Arc<Shared>,
    life: Life,
    address: SocketAddr,
    is_proxied: bool,
    _slot: Slot,
}

impl Acceptor {
    pub(super) fn new(
        shared: Arc<Shared>,
        slots: Arc<Slots>,
        life: Life,
        is_proxied: bool,
    ) -> Self {
        let routes = Router::new().route(PATH, get(upgrade)).route("/health", get(health));
        Self { shared, slots, life, is_proxied, routes }
    }

    pub(super) async fn run(mut self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.life.draining() => return,
            };
            match accepted {
                Ok((stream, address)) => self.admit(stream, address),
                Err(error) => {
                    warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }

    /// Serves the connection, or drops it when there are too many.
    fn admit(&self, stream: TcpStream, address: SocketAddr) {
        let Some(slot) = self.slots.claim(ClientAddress::new(address.ip())) else {
            return;
        };
        let guest = Arc::new(Guest {
            shared: Arc::clone(&self.shared),
            life: self.life.clone(),
            address,
            is_proxied: self.is_proxied,
            _slot: slot,
        });
        let mut life = self.life.clone();
        let service = TowerToHyperService::new(self.routes.clone().with_state(guest));
        tokio::spawn(async move {
            // Small replies must not wait for each other; without the option they are only slower.
            drop(stream.set_nodelay(true));
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HANDSHAKE);
            http.max_buf_size(MAX_HTTP_HEAD);
            let serving = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
            tokio::select! {
                // An error here is the client's: it left, or did not speak HTTP.
                served = timeout(HANDSHAKE, serving) => drop(served),
                () = life.ended() => {}
            }
        });
    }
}

impl Guest {
    fn client(&self, headers: &HeaderMap) -> ClientAddress {
        let direct = ClientAddress::new(self.address.ip());
        if !self.is_proxied {
            return direct;
        }
        let forwarded = headers.get_all("x-forwarded-for").iter().next_back();
        let forwarded = forwarded.and_then(|value| value.to_str().ok());
        forwarded.and_then(ClientAddress::forwarded).unwrap_or(direct)
    }
}

async fn upgrade(
    State(guest): State<Arc<Guest>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let client = guest.client(&headers);
    upgrade
        .max_message_size(MAX_CLIENT_MESSAGE) // REL-27
        .max_frame_size(MAX_CLIENT_MESSAGE)
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(READ_BUFFER)
        .max_write_buffer_size(2 * MAX_SERVER_MESSAGE)
        .on_upgrade(move |socket| async move {
            let mut life = guest.life.clone();
            let serving =
                connection::serve(socket, Arc::clone(&guest.shared), client, guest.life.clone());
            tokio::select! {
                () = serving => {}
                () = life.ended() => {}
            }
        })
}

async fn health(State(guest): State<Arc<Guest>>) -> (StatusCode, &'static str) {
    match timeout(HEALTHY, guest.shared.storage.run(|_, _| Ok(()))).await {
        Ok(Ok(())) => (StatusCode::OK, "ok"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the storage does not answer"),
    }
}
