//! `cargo xtask miri`: unit tests of wire or core in Miri, which finds undefined behaviour. Ours have no unsafe
//! code; what is looked at is that of their dependencies.
//!
//! The core runs without cryptography (`kuvert_null_crypto`), which takes Miri too long. All tests run in one
//! process: starting one costs Miri more than most tests.

use std::process::Command;

use anyhow::{Context as _, Result};
use xshell::cmd;

use crate::context::Context;

/// Compares tags and signatures as checksums. Miri knows the instructions for SHA-256, and is faster with them.
const NULL_FLAGS: &str =
    "--cfg fuzzing --cfg kuvert_null_crypto -C target-feature=+sha,+ssse3,+sse4.1";

/// Parts of names of tests that mean nothing without cryptography.
const REAL_ONLY: &[&str] = &[
    // Vectors and answers of the primitives, or computed with them.
    "crypto::vectors::dh::",
    "crypto::vectors::kem",
    "crypto::vectors::sign::",
    "crypto::vectors::aead::chacha20_poly1305",
    "hazmat::attachment::tests::known_answers_of_chunks",
    "hazmat::crypto::tests::known_answers_of_the_agreement",
    "hazmat::crypto::tests::known_answers_of_x25519",
    "hazmat::ratchet::tests::known_answers_of_sealing",
    "hazmat::transcript::tests::known_answers_of_heads",
    "transcript::tests::frozen::",
    // Points of small order, and keys over the modulus: a stand-in has none.
    "small_order",
    "low_order",
    "over_the_modulus",
    "kem_modulus",
    // A stand-in's public key is its private one, and its ciphertext the text.
    "attacks::handshake::ec_and_kem_secrets_confused",
    "attacks::handshake::kem_re_encapsulation",
    "attacks::own_keys::another_key_as_ephemeral_key",
    "attacks::own_keys::own_key_as_ratchet_key",
    "identity::tests::debug_has_no_secrets",
    "ratchet::tests::two_seals_of_one_state_share_no_key",
    // One ciphertext for two keys is made with ChaCha20-Poly1305's algebra.
    "two_key",
    "at_rest::tests::a_ciphertext_for_two_keys_opens_as_a_record_under_one",
];

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The crate
    #[arg(value_parser = ["kuvert-wire", "kuvert-core"], default_value = "kuvert-core")]
    package: String,
    /// Run only tests whose names contain this
    filter: Option<String>,
}

/// Runs them with the nightly compiler, and prints the time of each. Whether none failed.
///
/// # Errors
///
/// When Miri cannot be started.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<bool> {
    let Arguments { package, filter } = arguments;
    let (shell, target) = (&context.shell, context.target().join("miri"));
    let is_core = package == "kuvert-core";
    let features = is_core.then_some("--features=hazmat");
    let skips = REAL_ONLY.iter().filter(|_| is_core).flat_map(|name| ["--skip", name]);
    let command = cmd!(
        shell,
        "cargo +nightly miri test --locked -p {package} --lib {features...} -- --test-threads=1 -Zunstable-options --report-time {skips...} {filter...}"
    );
    let command = command
        .env("CARGO_TARGET_DIR", target)
        .env("RUSTFLAGS", if is_core { NULL_FLAGS } else { "" })
        // Properties keep what failed in a file.
        .env("MIRIFLAGS", "-Zmiri-disable-isolation")
        .env("PROPTEST_CASES", "4")
        .quiet();
    Ok(Command::from(command).status().context("starting Miri")?.success())
}
