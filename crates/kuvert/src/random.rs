//! The operating system's random generator, the only one outside tests.

use core::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};

use crate::Error;

/// Randomness from the operating system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OsRandom(());

impl OsRandom {
    /// Makes sure that the generator answers, once, before anything depends on it.
    pub(crate) fn new() -> Result<Self, Error> {
        getrandom::fill(&mut [0; 32]).map_err(|_| Error::Rng)?;
        Ok(Self(()))
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        let Ok(()) = self.try_fill_bytes(&mut out);
        out
    }
}

impl TryRng for OsRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.bytes()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.bytes()))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        // Going on with predictable bytes would be worse than stopping.
        getrandom::fill(out).expect("a generator that has answered once goes on answering");
        Ok(())
    }
}

impl TryCryptoRng for OsRandom {}
