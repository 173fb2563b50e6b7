//! Time and chance: all that a client takes from outside its store and its carrier.

#![cfg_attr(not(feature = "hazmat"), expect(unreachable_pub, reason = "public for simulators"))]

use core::fmt;

use kuvert_wire::Timestamp;
use rand_core::CryptoRng;

use crate::Error;
use crate::random::OsRandom;

/// Where a client's time and its random bytes come from.
///
/// Apps have no use for it: [`Client::open`](crate::Client::open) takes both from the operating
/// system. A simulator gives its own, and what happens is then the same each time.
pub struct Surroundings {
    /// The time. It may stand still and jump, also backwards.
    pub clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    /// The generator of all keys and names. Whoever can predict it can read everything.
    pub random: Box<dyn CryptoRng + Send + Sync>,
}

impl Surroundings {
    /// The operating system's clock and generator.
    ///
    /// # Errors
    ///
    /// [`Error::Rng`] if the generator does not answer.
    pub fn system() -> Result<Self, Error> {
        Ok(Self { clock: Box::new(system_time), random: Box::new(OsRandom::new()?) })
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// `N` random bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.random.fill_bytes(&mut out);
        out
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}

fn system_time() -> Timestamp {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let millis = since_epoch.map_or(0, |span| span.as_millis());
    Timestamp::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}
