//! Where the device's randomness comes from.

use kuvert_core::ProtocolError;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::args::World;

/// A generator for one command: seeded by the operating system, or by `--seed`.
///
/// `moment` counts the device's changes so far. Each gives another stream, so that a seed may be the
/// same for all commands and still no nonce comes twice.
pub(crate) fn generator(world: &World, moment: u64) -> Result<ChaCha20Rng, ProtocolError> {
    let mut seed = [0; 32];
    if let Some(given) = given_seed(world) {
        let bytes = hex::decode(given).map_err(|_| ProtocolError::Rng)?;
        seed.get_mut(..bytes.len()).ok_or(ProtocolError::Rng)?.copy_from_slice(&bytes);
    } else {
        getrandom::fill(&mut seed).map_err(|_| ProtocolError::Rng)?;
    }
    let mut generator = ChaCha20Rng::from_seed(seed);
    generator.set_stream(moment);
    Ok(generator)
}

#[cfg(feature = "deterministic")]
fn given_seed(world: &World) -> Option<&str> {
    world.seed.as_deref()
}

#[cfg(not(feature = "deterministic"))]
fn given_seed(_: &World) -> Option<&str> {
    None
}
