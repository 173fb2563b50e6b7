//! A wire between clients and a relay: it forwards TCP until it is cut, frozen or closed.

use std::net::SocketAddr;
use std::sync::Arc;

use kuvert_wire::RelayUrl;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// How many connections have been made, first to last.
    made: usize,
    /// Connections before this one have been cut.
    cut: usize,
    /// Connections before this one forward nothing and stay open.
    frozen: usize,
    /// New connections are dropped at once.
    is_closed: bool,
}

pub struct Wire {
    address: SocketAddr,
    state: Arc<watch::Sender<State>>,
}

impl Wire {
    pub async fn to(relay: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(watch::Sender::new(State::default()));
        tokio::spawn(serve(listener, relay, state.clone()));
        Self { address, state }
    }

    pub fn url(&self) -> RelayUrl {
        super::url(self.address)
    }

    /// Breaks all connections.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.cut = state.made);
    }

    /// Keeps all connections open and lets nothing through.
    pub fn freeze(&self) {
        self.state.send_modify(|state| state.frozen = state.made);
    }

    /// Breaks all connections, and new ones at once, or no longer.
    pub fn close(&self, is_closed: bool) {
        self.state.send_modify(|state| state.is_closed = is_closed);
        self.cut();
    }

    pub fn made(&self) -> usize {
        self.state.borrow().made
    }

    /// Waits until so many connections have been made.
    pub async fn wait_for(&self, made: usize) {
        let mut states = self.state.subscribe();
        let waiting = states.wait_for(|state| state.made >= made);
        tokio::time::timeout(super::LONG, waiting).await.expect("in time").unwrap();
    }
}

async fn serve(listener: TcpListener, relay: SocketAddr, state: Arc<watch::Sender<State>>) {
    while let Ok((client, _)) = listener.accept().await {
        let number = state.borrow().made;
        state.send_modify(|state| state.made += 1);
        if !state.borrow().is_closed {
            tokio::spawn(forward(client, relay, number, state.subscribe()));
        }
    }
}

async fn forward(
    mut client: TcpStream,
    relay: SocketAddr,
    number: usize,
    mut states: watch::Receiver<State>,
) {
    let Ok(mut server) = TcpStream::connect(relay).await else {
        return;
    };
    let frozen = async |states: &mut watch::Receiver<State>| {
        states.wait_for(|state| state.frozen > number || state.cut > number).await.map(drop)
    };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => return,
        _ = frozen(&mut states) => {}
    }
    // The sockets are kept until the wire is cut.
    let _ = states.wait_for(|state| state.cut > number).await;
}
