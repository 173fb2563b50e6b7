#![no_main]
#![allow(missing_docs, reason = "`kuvert_testkit::fuzz` says what it is")]

libfuzzer_sys::fuzz_target!(|input: &[u8]| kuvert_testkit::fuzz::run("null_transcript", input));
