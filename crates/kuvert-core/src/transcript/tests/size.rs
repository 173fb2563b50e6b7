//! How large things get.

use super::super::verify;
use super::*;

/// A proof of one message among 100,000 is at most 1 KiB, and the file that shows it is small.
#[test]
fn a_proof_among_many_is_short() {
    let leaves: Vec<_> =
        (0..100_000_u64).map(|i| super::super::tree::hash_of_leaf(&i.to_be_bytes())).collect();
    let tree = super::super::Tree::new(leaves);
    for first in [0, 1, 65_535, 65_536, 99_998, 99_999] {
        let proof = tree.run_proof(first, first + 1, 100_000).unwrap();
        let text = proof.len() * 46;
        assert!(proof.len() <= 17 && text <= 1024, "{first}: {}", proof.len());
    }
}

#[test]
fn records_stay_small() {
    let mut pair = Pair::new(Mode::Signed);
    for i in 0..1000 {
        pair.tell(if i % 2 == 0 { Side::Low } else { Side::High }, "tea at four?", i);
    }
    let sizes = |person: &Person, end: &str| {
        let rows = person.rows.iter().filter(|(key, _)| key.as_str().ends_with(end));
        rows.map(|(_, (_, value))| value.len()).sum::<usize>()
    };
    assert!(sizes(&pair.low, "/own") < 2048, "{}", sizes(&pair.low, "/own"));
    assert!(sizes(&pair.low, "/peer") < 3072, "{}", sizes(&pair.low, "/peer"));
    let entry = pair.low.entries()[0][0].encode().len();
    assert_eq!(entry, 224);
    pair.seal(1000);
    let file = pair.low.file();
    assert!(file.len() < 420 * 1000, "{} bytes for 1,000 messages", file.len());
    assert!(verify(&file).unwrap().report().is_complete());
}

/// `cargo test --release -p kuvert-core --lib a_hundred_thousand -- --ignored --nocapture`
#[test]
#[ignore = "takes seconds, and tells how many only when it is optimised"]
fn a_hundred_thousand_messages() {
    extern crate std;
    use std::time::Instant;

    const COUNT: u64 = 100_000;
    let mut pair = Pair::new(Mode::Signed);
    let (mut appending, mut hearing) = (core::time::Duration::ZERO, core::time::Duration::ZERO);
    for i in 0..COUNT {
        let side = if i % 2 == 0 { Side::Low } else { Side::High };
        let text = alloc::format!("message {i}: shall we have tea at four, or at five?");
        let message_id = MessageId::from_bytes([i.to_be_bytes(); 2].concat().try_into().unwrap());
        let logged = Logged { frame_type: FrameType::Message, message_id, body: text.as_bytes() };
        let (started, person) = (Instant::now(), pair.of(side));
        let Person { transcript, rng, .. } = person;
        let (block, advance) = transcript.append(&logged, at(i), rng).unwrap();
        appending += started.elapsed();
        person.adopt(advance);
        let (started, person) = (Instant::now(), pair.of(side.other()));
        let advance = person.transcript.receive(&logged, at(i), &block, at(i));
        hearing += started.elapsed();
        assert_eq!(person.adopt(advance), []);
        pair.low.bodies.insert(message_id, text.into_bytes());
    }
    pair.seal(COUNT);
    let started = Instant::now();
    let file = pair.low.file();
    let exporting = started.elapsed();
    let started = Instant::now();
    let mut verifier = super::super::Verifier::new();
    file.chunks(65_536).for_each(|piece| verifier.push(piece).unwrap());
    let verified = verifier.finish().unwrap();
    let verifying = started.elapsed();
    assert!(verified.report().is_complete());
    std::println!(
        "append {:.1} µs, receive {:.1} µs, export {exporting:?}, verify {verifying:?}, {} MB",
        appending.as_secs_f64() * 1e6 / 1e5,
        hearing.as_secs_f64() * 1e6 / 1e5,
        file.len() / 1_000_000,
    );
}
