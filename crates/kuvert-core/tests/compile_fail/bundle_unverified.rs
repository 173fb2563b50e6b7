//! A session begins with a verified bundle only.
use kuvert_core::Device;
use kuvert_wire::{PrekeyBundle, Timestamp};
use rand_core::CryptoRng;

fn trust(device: &mut Device, bundle: &PrekeyBundle, rng: &mut impl CryptoRng) {
    let _ = device.initiate(bundle, Timestamp::default(), rng);
}

fn main() {}
