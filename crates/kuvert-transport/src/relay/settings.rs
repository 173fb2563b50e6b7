//! How long a client waits for what, and whom it trusts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::{ClientConfig, RootCertStore};

/// How long a relay client waits. The defaults suit a relay anywhere on earth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// For a new connection, from looking up the name to the relay's greeting. 5 s: a person is waiting.
    pub connect: Duration,
    /// For the answer to one request. 10 s: a slow link carries 72 KiB in less.
    pub request: Duration,
    /// After so much silence a connection that reads mailboxes is probed, and one that does not is closed. 20 s: under
    /// the 30 s after which the most impatient middleboxes forget a connection.
    pub silence: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            request: Duration::from_secs(10),
            silence: Duration::from_secs(20),
        }
    }
}

/// What all connections of one client have in common.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) timing: Timing,
    pub(super) tls: Arc<ClientConfig>,
    is_closed: AtomicBool,
}

impl Settings {
    pub(super) fn new(timing: Timing) -> Self {
        Self { timing, tls: Arc::new(tls()), is_closed: AtomicBool::new(false) }
    }

    /// Allows no more connections.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }
}

/// TLS as browsers do it: Mozilla's root certificates, no client certificate. The provider is named because rustls
/// picks none by itself when an app brings in a second one.
fn tls() -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
