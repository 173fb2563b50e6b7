//! Measures whether time tells what it must not, after dudect: two classes of input in random order,
//! and Welch's t between their times. What each case stands for is in `docs/timing.md`.
//!
//! `KUVERT_TIMING_SAMPLES` says how many calls a case has.

mod device;
mod measure;
mod primitives;

use device::{
    differs_message_header_or_body, message_body, message_commitment, message_header,
    message_header_of_stranger, prekey_spent_or_never_made,
};
use dudect_bencher::ctbench_main;
use primitives::{
    control_early_exit, differs_record_commitment_or_tag, private_key, record_commitment,
    record_tag, safety_number, secret_random, secret_second_half,
};

ctbench_main!(
    control_early_exit,
    differs_message_header_or_body,
    differs_record_commitment_or_tag,
    message_body,
    message_commitment,
    message_header,
    message_header_of_stranger,
    prekey_spent_or_never_made,
    private_key,
    record_commitment,
    record_tag,
    safety_number,
    secret_random,
    secret_second_half
);
