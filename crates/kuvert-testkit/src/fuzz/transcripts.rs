//! Exported files.

use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use kuvert_core::transcript::{ForkProof, VerifiedTranscript, Verifier, franking, render, verify};
use kuvert_wire::transcript::FrankingReport;
use kuvert_wire::{Decode, Encode};

use super::edits::edit;

/// Files as an exporter writes them.
const FILES: [&[u8]; 4] = [
    include_bytes!("../../../../spec/vectors/transcripts/signed.json"),
    include_bytes!("../../../../spec/vectors/transcripts/deniable.json"),
    include_bytes!("../../../../spec/vectors/transcripts/signed-one.json"),
    include_bytes!("../../../../spec/vectors/transcripts/deniable-one.json"),
];

/// Any bytes as a file: it verifies the same in pieces as at once, and what verifies can be shown.
pub(super) fn file(input: &[u8]) {
    let at_once = verify(input);
    let half = input.len() / 2;
    let mut verifier = Verifier::keeping();
    let pieces = verifier.push(&input[..half]).and_then(|()| verifier.push(&input[half..]));
    assert_eq!(pieces.and_then(|()| verifier.finish()), at_once);
    if let Ok(verified) = at_once {
        show(&verified);
    }
    if let Ok((conversation, proof)) = ForkProof::verify(input) {
        let written = proof.to_bytes(&conversation);
        let (_, again) = ForkProof::verify(&written).expect("what it has written");
        assert!(again == proof);
    }
    if let Ok(report) = FrankingReport::decode(input)
        && let Ok(frame) = franking::open(&report)
    {
        assert_eq!(frame.encode(), report.frame);
    }
}

fn show(verified: &VerifiedTranscript) {
    let view = render::View { names: ["Alice", "Bob"], date: &render::utc };
    assert!(!render::to_text(verified, &view).is_empty());
    assert!(!render::to_html(verified, &view).contains("<script"));
}

/// A good file with edits: it is refused, or all that it proves was proven by the good one.
pub(super) fn edited(input: &[u8]) {
    let _ = edit_one(&mut Unstructured::new(input));
}

fn edit_one(input: &mut Unstructured<'_>) -> Result<()> {
    static GOOD: LazyLock<Vec<VerifiedTranscript>> =
        LazyLock::new(|| FILES.iter().map(|file| verify(file).expect("a good file")).collect());
    let which = input.choose_index(FILES.len())?;
    let mut file = FILES[which].to_vec();
    edit(&mut file, input)?;
    if let Ok(verified) = verify(&file) {
        // Without signatures anyone may claim anything.
        assert!(cfg!(kuvert_null_crypto) || is_part_of(&verified, &GOOD[which]));
        show(&verified);
    }
    Ok(())
}

fn is_part_of(part: &VerifiedTranscript, whole: &VerifiedTranscript) -> bool {
    let same_signers = part.report().signers == whole.report().signers;
    same_signers
        && part.items().iter().all(|item| {
            whole.items().iter().any(|other| {
                let same_leaf = (item.side(), item.leaf()) == (other.side(), other.leaf());
                same_leaf && (item.body().is_none() || item.body() == other.body())
            })
        })
}
