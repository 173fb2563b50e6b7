//! What a fuzzer is let loose on: one function per target, from any bytes to nothing, which panics
//! when something is not as it must be.
//!
//! The package in `fuzz/` hands them to libFuzzer; a test of this crate replays its corpora without.
//! Targets whose names begin with `null_` are meant for a core without cryptography
//! (`--cfg kuvert_null_crypto`): their inputs get past tags and signatures there, or run many times
//! as fast. They hold either way.

mod clients;
mod edits;
mod envelopes;
mod formats;
mod lines;
mod records;
mod references;
mod rows;
mod scene;
mod script;
mod seeds;
mod talk;
mod texts;
mod transcripts;

pub use seeds::{Seed, seeds};

/// Lets tags and signatures be compared on this thread, also by a core without cryptography, or not:
/// where something is to be said about what arrives, and where inputs are to get past them.
fn compare_tags(strict: bool) {
    #[cfg(kuvert_null_crypto)]
    kuvert_core::null_crypto::be_strict(strict);
    #[cfg(not(kuvert_null_crypto))]
    let _ = strict;
}

/// Something to fuzz.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What it is called: the name of its program and its corpus.
    pub name: &'static str,
    /// What its inputs are, and what must hold for them.
    pub about: &'static str,
    run: fn(&[u8]),
}

impl Target {
    /// All targets.
    pub const ALL: &'static [Self] = &[
        Self::of(
            "message_bytes",
            "formats of messages, each value has one encoding",
            formats::messages,
        ),
        Self::of(
            "bundle_bytes",
            "certificates and prekeys, and their verification",
            formats::bundles,
        ),
        Self::of("transcript_bytes", "formats of transcripts and reports", formats::transcripts),
        Self::of("relay_bytes", "what clients and relays say to each other", formats::relay),
        Self::of(
            "kept_bytes",
            "outputs that the core stores until they are released",
            formats::kept,
        ),
        Self::of("texts", "addresses, names, record names, safety numbers", texts::run),
        Self::of("kat_lines", "lines for `kuvert-conformance kat`: one answer each", lines::run),
        Self::of(
            "references",
            "trees, erasure code, padding against slow references",
            references::run,
        ),
        Self::of(
            "transcript_edits",
            "edited exports prove what they did, or nothing",
            transcripts::edited,
        ),
        Self::of("null_talk", "events between two devices, against the model", talk::run),
        Self::of("null_clients", "events between two clients, in the simulator", clients::run),
        Self::of(
            "null_transcript",
            "exported files, proofs of forks, reports, and their rendering",
            transcripts::file,
        ),
        Self::of("null_envelope", "envelopes to devices in several states", envelopes::run),
        Self::of("null_script", "two devices, and edits of what they send", script::run),
        Self::of("null_records", "edited records of a device, which is then used", records::device),
        Self::of("null_client", "edited records of a client, which is then used", records::client),
        Self::of("null_rows", "rows of a sealed store", rows::run),
    ];

    const fn of(name: &'static str, about: &'static str, run: fn(&[u8])) -> Self {
        Self { name, about, run }
    }

    /// The target of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|target| target.name == name)
    }

    /// Runs it on one input.
    ///
    /// # Panics
    ///
    /// If something is not as it must be: a finding.
    pub fn run(&self, input: &[u8]) {
        compare_tags(false);
        (self.run)(input);
    }
}

/// Runs the target of this name on one input.
///
/// # Panics
///
/// If there is none, or something is not as it must be.
pub fn run(name: &str, input: &[u8]) {
    Target::named(name).expect("a target of this name").run(input);
}
