//! A step that nobody commits is a mistake.
#![deny(unused_must_use)]
use kuvert_core::Device;
use kuvert_wire::Timestamp;

fn forget(device: &mut Device, now: Timestamp) {
    device.tidy(now);
}

fn main() {}
