//! Makes connections: name, TCP, TLS, WebSocket, and the relay's greeting.

use std::io;
use std::net::SocketAddr;

use futures_util::StreamExt;
use kuvert_wire::relay::{Hello, MAX_SERVER_MESSAGE, PATH, RelayEvent, ServerMessage};
use kuvert_wire::{Decode, RelayUrl};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use super::settings::Settings;
use crate::{Outage, TransportError};

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Why a connection cannot be made or has ended, before the relay's name is put to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    Outage(Outage),
    Garbage(&'static str),
}

impl Failure {
    pub(super) fn at(self, relay: &RelayUrl) -> TransportError {
        let relay = relay.clone();
        match self {
            Self::Outage(outage) => TransportError::Unreachable { relay, outage },
            Self::Garbage(what) => TransportError::Garbage { relay, what },
        }
    }
}

/// Connects to a relay and reads its greeting, all within the time for connecting.
pub(super) async fn dial(
    relay: &RelayUrl,
    settings: &Settings,
) -> Result<(Socket, Hello), Failure> {
    let limit = settings.timing.connect;
    match timeout(limit, greet(relay, settings)).await {
        Ok(result) => result,
        Err(_) => Err(Failure::Outage(Outage::TimedOut(limit))),
    }
}

async fn greet(relay: &RelayUrl, settings: &Settings) -> Result<(Socket, Hello), Failure> {
    let stream = connect(relay).await.map_err(|error| outage(&error))?;
    let request = format!("{relay}{PATH}").into_client_request().map_err(failure)?;
    let connector = Connector::Rustls(settings.tls.clone());
    let (mut socket, _) =
        client_async_tls_with_config(request, stream, Some(limits()), Some(connector))
            .await
            .map_err(failure)?;
    let hello = hello(&mut socket).await?;
    Ok((socket, hello))
}

async fn connect(relay: &RelayUrl) -> io::Result<TcpStream> {
    let host = relay.host().trim_start_matches('[').trim_end_matches(']');
    let resolved = lookup_host((host, relay.port())).await?;
    let addresses: Vec<SocketAddr> =
        resolved.filter(|address| may_connect(relay, *address)).collect();
    let stream = TcpStream::connect(addresses.as_slice()).await?;
    stream.set_nodelay(true)?; // requests are small and someone waits for each
    Ok(stream)
}

/// Without TLS only this machine may be reached, whatever its resolver says of `localhost`.
fn may_connect(relay: &RelayUrl, address: SocketAddr) -> bool {
    !relay.is_loopback() || address.ip().is_loopback()
}

fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(16 * 1024)
        .max_message_size(Some(MAX_SERVER_MESSAGE))
        .max_frame_size(Some(MAX_SERVER_MESSAGE))
}

async fn hello(socket: &mut Socket) -> Result<Hello, Failure> {
    loop {
        let bytes = match socket.next().await {
            Some(Ok(Message::Binary(bytes))) => bytes,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            Some(Ok(Message::Close(_))) | None => return Err(Failure::Outage(Outage::Lost)),
            Some(Ok(_)) => return Err(Failure::Garbage("its first message is not binary")),
            Some(Err(error)) => return Err(failure(error)),
        };
        return match ServerMessage::decode(&bytes) {
            Ok(ServerMessage::Event(RelayEvent::Hello(hello))) => Ok(hello),
            _ => Err(Failure::Garbage("its first message is not a greeting of this version")),
        };
    }
}

/// Sorts what the WebSocket layer reports: broken connections from peers that speak something else.
pub(super) fn failure(error: WsError) -> Failure {
    match error {
        WsError::Io(error) => outage(&error),
        WsError::ConnectionClosed
        | WsError::AlreadyClosed
        | WsError::Protocol(
            ProtocolError::HandshakeIncomplete | ProtocolError::ResetWithoutClosingHandshake,
        ) => Failure::Outage(Outage::Lost),
        WsError::Http(response) if is_passing(response.status()) => {
            let status = response.status().as_u16();
            Failure::Outage(Outage::Connect(format!("HTTP status {status} instead of a relay")))
        }
        WsError::Http(_) => Failure::Garbage("it answers HTTP and not WebSocket"),
        WsError::Capacity(_) => Failure::Garbage("a message is over the limit"),
        _ => Failure::Garbage("it does not speak WebSocket"),
    }
}

/// What a proxy says while the relay behind it is away.
fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

fn outage(error: &io::Error) -> Failure {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidMessage(_)) => Failure::Garbage("it does not speak TLS"),
        _ => Failure::Outage(Outage::Connect(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_tls_only_this_machine_may_be_reached() {
        let (local, remote) = ("ws://localhost:4000", "wss://relay.example");
        let may = |relay: &str, address: &str| {
            may_connect(&relay.parse().unwrap(), address.parse().unwrap())
        };
        assert!(may(local, "127.0.0.1:4000") && may(local, "[::1]:4000"));
        assert!(!may(local, "192.0.2.1:4000"), "a resolver that lies about localhost");
        assert!(may(remote, "192.0.2.1:443"));
    }

    #[test]
    fn a_port_without_tls_is_garbage_and_a_bad_certificate_an_outage() {
        let tls = |error| outage(&io::Error::new(io::ErrorKind::InvalidData, error));
        let invalid = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        assert!(matches!(tls(invalid), Failure::Garbage(_)));
        let expired = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        assert!(matches!(tls(expired), Failure::Outage(Outage::Connect(_))));
    }
}
