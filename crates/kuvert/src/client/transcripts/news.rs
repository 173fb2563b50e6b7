//! Stored events about transcripts, as the app is told them.

use kuvert_core::TranscriptEvent;
use kuvert_wire::transcript::{Consent, Reason};
use kuvert_wire::{Decode, MessageId, Timestamp};

use crate::record::{self, Unshown};
use crate::transcript::{TranscriptChange, TranscriptNews};
use crate::{Error, Sender};

/// What `what` tells of the transcript with `peer`.
pub(in crate::client) fn news_of(peer: Sender, what: &Unshown) -> Result<TranscriptNews, Error> {
    let (at, what) = match what {
        Unshown::Transcript { at, event } => (*at, change_of(event)?),
        Unshown::Redacted { at, ids, reason, policy } => {
            let ids = ids.iter().copied().map(MessageId::from_bytes).collect();
            let reason = Reason::decode(&[*reason]).unwrap_or(Reason::Other);
            (*at, TranscriptChange::Redacted { ids, reason, policy: policy.clone() })
        }
        Unshown::ErasureAnswered { at, erased, kept } => {
            (*at, TranscriptChange::ErasureAnswered { erased: *erased, kept: *kept })
        }
        Unshown::Consent { at, consent } => {
            let consent = Consent::decode(consent).map_err(|_| damaged())?;
            (*at, TranscriptChange::Consent(consent))
        }
        _ => return Err(damaged()),
    };
    Ok(TranscriptNews { peer, at: Timestamp::from_millis(at), what })
}

fn change_of(event: &[u8]) -> Result<TranscriptChange, Error> {
    Ok(match TranscriptEvent::decode(event).map_err(|_| damaged())? {
        TranscriptEvent::Asked(mode) => TranscriptChange::Asked(mode),
        TranscriptEvent::Started(mode) => TranscriptChange::Started(mode),
        TranscriptEvent::Stopped => TranscriptChange::Stopped,
        TranscriptEvent::Finding(finding) => TranscriptChange::Finding(finding),
        _ => TranscriptChange::NotRunning,
    })
}

fn damaged() -> Error {
    Error::Record { key: record::UNSHOWN.to_owned() }
}
