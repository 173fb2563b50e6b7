//! The conformance kit: what every transport must do, as tests that each runs.
//!
//! [`transport_suite!`](crate::transport_suite) turns a way to start a relay into a module of tests. Each test starts its
//! own, so that none sees what another has left.
//!
//! ```
//! use kuvert_transport::{Loopback, LoopbackHub, suite::Harness};
//! use kuvert_wire::RelayUrl;
//!
//! struct Hub(LoopbackHub);
//!
//! impl Harness for Hub {
//!     type Endpoint = Loopback;
//!
//!     fn relay(&self) -> RelayUrl {
//!         self.0.url().clone()
//!     }
//!
//!     async fn endpoint(&self) -> Loopback {
//!         self.0.endpoint()
//!     }
//! }
//!
//! async fn start() -> Hub {
//!     Hub(LoopbackHub::new("wss://relay.example".parse().expect("a relay's URL")))
//! }
//!
//! kuvert_transport::transport_suite!(loopback, start());
//! ```

mod delivery;
mod directory;
mod mailboxes;
mod person;

use std::future::Future;
use std::time::Duration;

use kuvert_wire::RelayUrl;

pub use delivery::*;
pub use directory::*;
pub use mailboxes::*;
pub use person::Person;

use crate::{Delivered, Directory, Refusal, Transport, TransportError};

/// A relay, and devices that reach it.
pub trait Harness: Send + Sync {
    /// The transport to be tested.
    type Endpoint: Transport + Directory;

    /// The relay that all endpoints share, and at which they are at home.
    fn relay(&self) -> RelayUrl;

    /// A new endpoint that remembers nothing of earlier ones.
    fn endpoint(&self) -> impl Future<Output = Self::Endpoint> + Send;
}

/// Longer than any answer takes: a test that waits for it has failed.
const LONG: Duration = Duration::from_secs(20);

/// Makes a module of tests, each of which runs one rule of the suite against a relay of its own.
///
/// `$start` is an expression that is awaited for a [`Harness`](crate::suite::Harness). The crate that uses this macro
/// needs `tokio` with its macros.
#[macro_export]
macro_rules! transport_suite {
    ($name:ident, $start:expr) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            $crate::transport_suite! { @tests $start;
                envelopes_come_out_as_they_were_posted
                envelopes_come_out_in_order
                mailboxes_are_merged_in_order_of_arrival
                what_was_not_confirmed_comes_again
                reading_goes_on_after_the_position
                what_was_confirmed_is_gone
                attaching_again_moves_the_position
                a_waiting_reader_is_woken
                nothing_is_lost_by_cancelling
                posts_at_once_all_arrive
                a_repeated_post_is_stored_once
                only_its_owner_reads_a_mailbox
                only_its_reader_confirms_or_closes_a_mailbox
                a_token_is_needed_where_tokens_are_set
                tokens_have_a_limit
                what_is_too_large_is_refused_with_the_limit
                an_empty_envelope_is_refused
                an_unknown_mailbox_is_not_found
                a_closed_mailbox_is_not_found
                what_is_published_can_be_fetched
                publishing_opens_the_front_door
                a_one_time_prekey_leaves_once
                a_large_stock_is_published_whole
                publishing_again_brings_nothing_back
                only_the_device_publishes_and_asks_for_its_stock
                an_unknown_account_is_not_found
            }
        }
    };
    (@tests $start:expr; $($rule:ident)*) => {$(
        #[tokio::test]
        async fn $rule() {
            $crate::suite::$rule(&$start.await).await;
        }
    )*};
}

/// The next envelope, which must come.
async fn expect_next(endpoint: &impl Transport) -> Delivered {
    endpoint.next(LONG).await.expect("the relay can be reached").expect("an envelope comes")
}

/// Nothing must have come.
async fn expect_nothing(endpoint: &impl Transport) {
    assert_eq!(endpoint.next(Duration::ZERO).await, Ok(None));
}

/// The relay must refuse for this reason.
fn expect_refused<T: std::fmt::Debug>(result: Result<T, TransportError>, expected: Refusal) {
    match result {
        Err(TransportError::Refused { reason, .. }) => assert_eq!(reason, expected),
        other => panic!("refusal for {expected:?} expected, not {other:?}"),
    }
}
