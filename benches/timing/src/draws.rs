//! Repeatable random bytes, and which of them are keys.

use std::convert::Infallible;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _, TryCryptoRng, TryRng};

/// The shortest draw that is a key; shorter ones are names and salts, which others may see.
const KEY_LEN: usize = 32;

/// Remembers the keys that were drawn.
pub struct Draws {
    rng: ChaCha20Rng,
    /// What was drawn.
    pub keys: Vec<Vec<u8>>,
}

impl Draws {
    /// The same bytes for the same seed.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self { rng: ChaCha20Rng::seed_from_u64(seed), keys: Vec::new() }
    }
}

impl TryRng for Draws {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.rng.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.rng.next_u64())
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.rng.fill_bytes(out);
        if out.len() >= KEY_LEN {
            self.keys.push(out.to_vec());
        }
        Ok(())
    }
}

impl TryCryptoRng for Draws {}
