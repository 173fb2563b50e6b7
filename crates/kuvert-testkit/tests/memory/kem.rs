//! What ML-KEM gave in a life, worked out by another hand's implementation from what was drawn.

use ml_kem::{ml_kem_768, ml_kem_1024};

macro_rules! shared_of {
    ($set:ident, $seeds:expr, $coins:expr) => {
        $seeds.iter().flat_map(|seed: &[u8; 64]| {
            let key = $set::DecapsulationKey::from_seed((*seed).into());
            let key = key.encapsulation_key().clone();
            let coins = $coins.iter();
            coins.map(move |coins: &[u8; 32]| {
                key.encapsulate_deterministic(&(*coins).into()).1.into()
            })
        })
    };
}

/// What every seed and all coins among `draws` come to: which went with which is not known here, nor
/// with which parameter set.
pub(crate) fn encapsulated<'a>(draws: impl Iterator<Item = &'a [u8]> + Clone) -> Vec<[u8; 32]> {
    let seeds: Vec<[u8; 64]> = draws.clone().filter_map(|draw| draw.try_into().ok()).collect();
    let coins: Vec<[u8; 32]> = draws.filter_map(|draw| draw.try_into().ok()).collect();
    let epochs = shared_of!(ml_kem_768, seeds, coins);
    epochs.chain(shared_of!(ml_kem_1024, seeds, coins)).collect()
}
