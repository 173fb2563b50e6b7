//! The task behind one connection: it writes, reads and watches the time at once, until one of them ends.

use std::sync::Arc;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::{Notify, mpsc};
use tokio::time::{MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::Message;

use super::dial::{Failure, Socket, failure};
use super::exchange::{Due, Exchange};
use super::settings::Timing;
use crate::Outage;

/// Serves a connection until it ends, from whichever side.
pub(super) async fn drive(
    socket: Socket,
    mut requests: mpsc::Receiver<Vec<u8>>,
    exchange: Arc<Exchange>,
    timing: Timing,
) {
    let (mut sink, mut stream) = socket.split();
    let probe = Notify::new();
    // Reading goes on while writing waits for the relay to read, so two full pipes cannot block each other.
    let end = tokio::select! {
        end = write(&mut sink, &mut requests, &probe) => end,
        end = read(&mut stream, &exchange) => end,
        end = watch(&exchange, &timing, &probe) => end,
        () = exchange.ended() => Failure::Outage(Outage::Lost),
    };
    let error = exchange.end(end);
    tracing::debug!(%error, "connection ended");
}

async fn write(
    sink: &mut SplitSink<Socket, Message>,
    requests: &mut mpsc::Receiver<Vec<u8>>,
    probe: &Notify,
) -> Failure {
    loop {
        let message = tokio::select! {
            request = requests.recv() => match request {
                Some(request) => Message::binary(request),
                None => break, // the callers' end is gone
            },
            () = probe.notified() => Message::Ping(Vec::new().into()),
        };
        if let Err(error) = sink.send(message).await {
            return failure(error);
        }
    }
    sink.close().await.map_or_else(failure, |()| Failure::Outage(Outage::Lost))
}

async fn read(stream: &mut SplitStream<Socket>, exchange: &Exchange) -> Failure {
    while let Some(message) = stream.next().await {
        let handled = match message {
            Ok(Message::Binary(bytes)) => exchange.handle_message(&bytes),
            Ok(Message::Ping(_) | Message::Pong(_)) => {
                exchange.heard();
                Ok(())
            }
            Ok(Message::Close(_)) => Err(Failure::Outage(Outage::Lost)),
            Ok(_) => Err(Failure::Garbage("a message that is not binary")),
            Err(error) => Err(failure(error)),
        };
        if let Err(end) = handled {
            return end;
        }
    }
    Failure::Outage(Outage::Lost)
}

async fn watch(exchange: &Exchange, timing: &Timing, probe: &Notify) -> Failure {
    let mut ticks = interval(timing.request.min(timing.silence) / 2);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match exchange.poll_due(timing) {
            Due::Nothing => {}
            Due::Probe => probe.notify_one(),
            Due::End(end) => return end,
        }
    }
}
