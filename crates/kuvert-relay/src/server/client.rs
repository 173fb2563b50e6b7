//! Who is asking, as far as limits need to know; and how many connections there are.
//!
//! Addresses of clients are kept in memory while they count for a limit. They are never stored or logged.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use crate::limits::Limits;

/// One client as the limits see it: an IPv4 address, or the /64 network that one IPv6 customer has to itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ClientAddress(IpAddr);

impl ClientAddress {
    pub(crate) fn new(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() & !u128::from(u64::MAX);
                Self(IpAddr::V6(Ipv6Addr::from_bits(network)))
            }
            v4 @ IpAddr::V4(_) => Self(v4),
        }
    }

    /// The client for whom a proxy forwards: the last address of `X-Forwarded-For`, which the proxy itself has added.
    pub(crate) fn forwarded(header: &str) -> Option<Self> {
        let last = header.rsplit(',').next()?.trim();
        last.parse().ok().map(Self::new)
    }
}

/// Counts connections.
pub(crate) struct Slots {
    total: usize,
    per_client: usize,
    taken: Mutex<HashMap<ClientAddress, usize>>,
    alive: mpsc::Sender<()>,
}

/// One connection's place. Dropping it makes room for another.
pub(crate) struct Slot {
    client: ClientAddress,
    slots: Arc<Slots>,
    /// Tells the server's end that this connection still lives.
    _alive: mpsc::Sender<()>,
}

impl Slots {
    /// `alive` is held by every connection: its receiver ends when the last one has gone.
    pub(crate) fn new(limits: &Limits, is_proxied: bool, alive: mpsc::Sender<()>) -> Arc<Self> {
        // Behind a proxy all connections come from one address.
        let per_client = if is_proxied { usize::MAX } else { limits.connections_per_client };
        Arc::new(Self { total: limits.connections, per_client, taken: Mutex::default(), alive })
    }

    /// A place for one more connection, if there is one.
    pub(crate) fn claim(self: &Arc<Self>, client: ClientAddress) -> Option<Slot> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let total: usize = taken.values().sum();
        let mine = taken.get(&client).copied().unwrap_or(0);
        if total >= self.total || mine >= self.per_client {
            return None; // REL-25
        }
        taken.insert(client, mine + 1);
        Some(Slot { client, slots: Arc::clone(self), _alive: self.alive.clone() })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.client) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.remove(&self.client)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> ClientAddress {
        ClientAddress::new(text.parse().unwrap())
    }

    #[test]
    fn neighbours_in_one_ipv6_network_are_one_client() {
        assert!(client("2001:db8:1:2::3") == client("2001:db8:1:2:ffff::9"));
        assert!(client("2001:db8:1:2::3") != client("2001:db8:1:3::3"));
        assert!(client("::ffff:192.0.2.1") == client("192.0.2.1"));
        assert!(client("192.0.2.1") != client("192.0.2.2"));
    }

    #[test]
    fn only_the_proxys_own_entry_counts() {
        assert!(ClientAddress::forwarded("198.51.100.9, 192.0.2.1") == Some(client("192.0.2.1")));
        assert!(ClientAddress::forwarded("192.0.2.1, unknown").is_none());
        assert!(ClientAddress::forwarded("").is_none());
    }

    /// REL-25
    #[test]
    fn connections_are_counted_in_all_and_for_each_client() {
        let limits = Limits { connections: 3, connections_per_client: 2, ..Limits::default() };
        let (alive, mut ended) = mpsc::channel(1);
        let slots = Slots::new(&limits, false, alive);
        let first = slots.claim(client("192.0.2.1"));
        let second = slots.claim(client("192.0.2.1"));
        assert!(first.is_some() && second.is_some());
        assert!(slots.claim(client("192.0.2.1")).is_none());
        let other = slots.claim(client("192.0.2.2"));
        assert!(other.is_some());
        assert!(slots.claim(client("192.0.2.3")).is_none());
        drop(first);
        assert!(slots.claim(client("192.0.2.3")).is_some());
        drop((second, other, slots));
        assert_eq!(ended.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
    }
}
