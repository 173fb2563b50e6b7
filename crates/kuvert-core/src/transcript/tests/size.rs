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
