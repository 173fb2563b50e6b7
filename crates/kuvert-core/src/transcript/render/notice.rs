//! Notices in words.

use alloc::format;
use alloc::string::String;

use kuvert_wire::transcript::{
    AskedBy, ConsentStep, Erasure, ErasureReceipt, LogSide, PolicyId, Reason, Redaction,
    TranscriptBody,
};

use super::{View, visible};
use crate::transcript::verify::VerifiedItem;

pub(super) fn words(notice: &TranscriptBody, item: &VerifiedItem, view: &View<'_>) -> String {
    let (sender, receiver) = (view.name(item.side()), view.name(item.side().other()));
    match notice {
        TranscriptBody::Redaction(redaction) => redacted(redaction, &sender, &receiver),
        TranscriptBody::ErasureReceipt(receipt) => received(receipt, &receiver),
        TranscriptBody::Consent(consent) => {
            let step = match consent.step {
                ConsentStep::Asked => "asks for consent to",
                ConsentStep::Given => "consents to",
                _ => "does not consent, or no longer consents, to",
            };
            format!("({step} “{}”{})", visible(&consent.what), under(&consent.policy))
        }
        _ => "(a notice)".into(),
    }
}

fn redacted(redaction: &Redaction, sender: &str, receiver: &str) -> String {
    let targets = redaction.targets.iter().map(|target| {
        let whose = if target.log == LogSide::Sender { sender } else { receiver };
        let last = target.first + u64::from(target.count) - 1;
        if last == target.first {
            format!("entry {last} of {whose}")
        } else {
            format!("entries {} to {last} of {whose}", target.first)
        }
    });
    let targets = targets.collect::<alloc::vec::Vec<_>>().join(", ");
    let asked_by = match redaction.asked_by {
        AskedBy::Sender => sender,
        AskedBy::Receiver => receiver,
        _ => "somebody else",
    };
    let reason = match redaction.reason {
        Reason::Wish => "a wish",
        Reason::Expired => "its time is over",
        Reason::Mistake => "sent by mistake",
        Reason::Rule => "a rule",
        _ => "another reason",
    };
    let (number, policy) = (redaction.number, under(&redaction.policy));
    format!("(erasure {number}: {targets}; asked for by {asked_by}, {reason}{policy})")
}

fn received(receipt: &ErasureReceipt, receiver: &str) -> String {
    let results = receipt.results.iter().map(|result| match result {
        Erasure::Erased => "erased",
        Erasure::Partly => "partly erased",
        Erasure::NotHeld => "not held",
        _ => "kept",
    });
    let results = results.collect::<alloc::vec::Vec<_>>().join(", ");
    format!("(to entry {} of {receiver}: {results}{})", receipt.seq, under(&receipt.policy))
}

fn under(policy: &PolicyId) -> String {
    let name = policy.as_str();
    if name.is_empty() { String::new() } else { format!(", under {name}") }
}
