//! Whether a branch or a place in memory depends on a secret, after ctgrind: secrets are marked as
//! undefined, and valgrind tells where one decides. `cargo xtask timing --secrets` runs it; what each
//! case stands for is in `docs/timing.md`.
//!
//! Only cases whose names contain the argument, if there is one. For each a line `secrets NAME COUNT`: how often valgrind has found something in it.

mod device;
mod mark;
mod primitives;
mod records;

use std::env;

use crabgrind::count_errors;

type Case = (&'static str, fn());

const CASES: &[Case] = &[
    ("control_branch", primitives::control_branch),
    ("control_place", primitives::control_place),
    ("secret_compare", primitives::secret_compare),
    ("safety_number", primitives::safety_number),
    ("record_seal", primitives::record_seal),
    ("record_commitment", primitives::record_commitment),
    ("record_tag", primitives::record_tag),
    ("attachment_seal", primitives::attachment_seal),
    ("agreement", primitives::agreement),
    ("root_step", primitives::root_step),
    ("chain_step", primitives::chain_step),
    ("message_seal", primitives::message_seal),
    ("epoch_step", primitives::epoch_step),
    ("message_header", device::message_header),
    ("message_header_of_stranger", device::message_header_of_stranger),
    ("message_commitment", device::message_commitment),
    ("message_body", device::message_body),
    ("prekey_spent", device::prekey_spent),
    ("prekey_never_made", device::prekey_never_made),
    ("first_message", device::first_message),
    ("device_seals", device::device_seals),
    ("device_turns", device::device_turns),
    ("device_initiates", device::device_initiates),
];

fn main() {
    let filter = env::args().nth(1).unwrap_or_default();
    // Without the controls nothing is said.
    let is_wanted = |name: &str| name.starts_with("control_") || name.contains(&filter);
    for (name, case) in CASES.iter().filter(|(name, _)| is_wanted(name)) {
        let before = count_errors();
        case();
        println!("secrets {name} {}", count_errors() - before);
    }
}
