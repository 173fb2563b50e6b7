//! Two steps from one state cannot both be committed.
use kuvert_core::Device;
use kuvert_wire::Timestamp;

fn race(device: &mut Device, now: Timestamp) {
    let first = device.tidy(now);
    let second = device.tidy(now);
    let _ = first.commit(|_| Ok::<_, ()>(()));
    let _ = second.commit(|_| Ok::<_, ()>(()));
}

fn main() {}
