//! Random bytes of which a list is kept.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _, TryCryptoRng, TryRng};

/// All that was drawn.
#[derive(Clone, Default)]
pub(crate) struct Drawn(Arc<Mutex<Vec<Vec<u8>>>>);

impl Drawn {
    /// What was drawn so far.
    pub(crate) fn all(&self) -> Vec<Vec<u8>> {
        self.0.lock().unwrap().clone()
    }
}

/// A generator that tells what it gives.
pub(crate) struct Chance {
    rng: ChaCha20Rng,
    drawn: Drawn,
}

impl Chance {
    pub(crate) fn new(seed: u64, drawn: &Drawn) -> Self {
        Self { rng: ChaCha20Rng::seed_from_u64(seed), drawn: drawn.clone() }
    }
}

impl TryRng for Chance {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.rng.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.rng.next_u64())
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.rng.fill_bytes(out);
        self.drawn.0.lock().unwrap().push(out.to_vec());
        Ok(())
    }
}

impl TryCryptoRng for Chance {}
