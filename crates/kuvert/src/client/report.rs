//! Reports: one received message, shown to the relay that carried it, and to nobody else.

use kuvert_core::transcript::{Entry, Transcript};
use kuvert_store::Store;
use kuvert_wire::relay::Answer;
use kuvert_wire::transcript::{Block, FrankingReport, FrankingTag};
use kuvert_wire::{AccountId, Decode, Encode, Frame, MailboxId, MessageId, Timestamp};

use super::{Client, lock};
use crate::record::{self, LogRecord, MessageRecord, ReportRecord};
use crate::{Carrier, Error};

/// A report that its relay can check. It opens the messages in it and nothing else.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AbuseReport {
    /// The message that is reported.
    pub report: FrankingReport,
    /// Messages of the same sender before it, oldest first: as context.
    pub context: Vec<FrankingReport>,
    /// Own messages in between, which show that nothing of the context was left out.
    pub answers: Vec<Answer>,
}

impl AbuseReport {
    /// The report as the file that a relay checks: one line of JSON, its bytes in base64url.
    #[must_use]
    pub fn to_json(&self) -> String {
        let context: Vec<_> = self.context.iter().map(|report| quoted(&report.encode())).collect();
        let answers: Vec<_> = self.answers.iter().map(|answer| quoted(&answer.encode())).collect();
        format!(
            "{{\"v\":1,\"report\":{},\"context\":[{}],\"answers\":[{}]}}\n",
            quoted(&self.report.encode()),
            context.join(","),
            answers.join(",")
        )
    }
}

/// Bytes as a JSON string of base64url (RFC 4648, section 5), without padding.
fn quoted(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::from("\"");
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0, |group, byte| group << 8 | usize::from(*byte));
        let group = group << (8 * (3 - chunk.len()));
        let letters = (0..=chunk.len()).map(|n| ALPHABET[group >> (18 - 6 * n) & 63]);
        text.extend(letters.map(char::from));
    }
    text.push('"');
    text
}

/// A reported message, and its place in the transcript if it has one.
struct Reported {
    report: FrankingReport,
    block: Option<Box<Block>>,
}

impl<S: Store, T: Carrier> Client<S, T> {
    /// Makes a report of a received message. With a transcript, up to `context` messages before it go
    /// along, and what was answered to them, so that the reader sees whether anything is missing.
    ///
    /// # Errors
    ///
    /// [`Error::NotReportable`]: it is one's own, its content is gone, or its relay has not said that it
    /// carried it. [`Error::Store`].
    pub fn report(
        &self,
        peer: AccountId,
        id: MessageId,
        context: u64,
    ) -> Result<AbuseReport, Error> {
        let Reported { report, block } = self.reported(&peer, &id)?;
        let mut made = AbuseReport { report, context: Vec::new(), answers: Vec::new() };
        let Some(block) = block.filter(|_| context > 0) else { return Ok(made) };
        let Some(log) = self.transcript_with(&peer, &id, block.seq)? else { return Ok(made) };
        let mut first = *block;
        for seq in block.seq.saturating_sub(context)..block.seq {
            let Some(before) = self.entry_at(&log, false, seq)?.and_then(|entry| entry.message())
            else {
                continue;
            };
            let (_, before) = before;
            let Ok(Reported { report, block: Some(place) }) = self.reported(&peer, &before) else {
                continue;
            };
            if made.context.is_empty() {
                first = *place;
            }
            made.context.push(report);
        }
        // What the peer claims to have seen may be more than there is.
        for seq in first.seen..block.seen.min(log.sizes().0) {
            made.answers.extend(self.answer_at(&peer, &log, seq)?);
        }
        Ok(made)
    }

    fn reported(&self, peer: &AccountId, id: &MessageId) -> Result<Reported, Error> {
        let refused = |why| Error::NotReportable { id: *id, why };
        let message =
            record::read::<MessageRecord, _>(&self.store, &record::message_key(peer, id))?;
        let message = message.ok_or_else(|| refused("it is not known"))?;
        if message.value.outgoing {
            return Err(refused("it is your own"));
        }
        let kept = record::read::<ReportRecord, _>(&self.store, &record::report_key(peer, id))?;
        let kept = kept.ok_or_else(|| refused("its relay did not say that it carried it"))?.value;
        let frame = self.frame_at(peer, message.value.seq)?;
        let frame = frame.ok_or_else(|| refused("its content is gone"))?;
        let carried = kept.carried;
        let report = FrankingReport {
            frame: frame.encode(),
            franking_key: kept.franking_key,
            commitment: kept.commitment,
            to: MailboxId::from_bytes(carried.mailbox),
            from: carried.from,
            time: Timestamp::from_millis(carried.received),
            tag: FrankingTag { key_id: carried.key_id, mac: carried.mac },
        };
        Ok(Reported { report, block: frame.block })
    }

    fn frame_at(&self, peer: &AccountId, seq: u64) -> Result<Option<Frame>, Error> {
        let key = record::log_key(peer, seq);
        let log = record::read::<LogRecord, _>(&self.store, &key)?;
        let frame = log.map(|log| Frame::decode(&log.value.frame)).transpose();
        frame.map_err(|_| record::damaged(&key))
    }

    /// The transcript in which the peer's message `id` is entry `seq`.
    fn transcript_with(
        &self,
        peer: &AccountId,
        id: &MessageId,
        seq: u64,
    ) -> Result<Option<Transcript>, Error> {
        let logs: Vec<Transcript> = {
            let device = lock(&self.device);
            let their = device.peer_of_account(peer).map(|view| view.device_id());
            let logs = their.map(|their| device.transcripts(&their)).unwrap_or_default();
            logs.into_iter().rev().cloned().collect()
        };
        for log in logs {
            let entry = self.entry_at(&log, false, seq)?;
            if entry.and_then(|entry| entry.message()).is_some_and(|(_, name)| name == *id) {
                return Ok(Some(log));
            }
        }
        Ok(None)
    }

    /// Entry `seq` of our log, or the peer's.
    fn entry_at(&self, log: &Transcript, ours: bool, seq: u64) -> Result<Option<Entry>, Error> {
        let side = if ours { log.our_side() } else { log.our_side().other() };
        let key = Entry::key(log.id(), log.conversation().device(side), seq);
        let Some(record) = self.store.get(&key)? else { return Ok(None) };
        Entry::decode(&record.value).map(Some).map_err(|_| record::damaged(&key))
    }

    /// Our own entry `seq`, with its message unless that is gone.
    fn answer_at(
        &self,
        peer: &AccountId,
        log: &Transcript,
        seq: u64,
    ) -> Result<Option<Answer>, Error> {
        let Some(entry) = self.entry_at(log, true, seq)? else { return Ok(None) };
        let Some(leaf) = entry.leaf().copied() else { return Ok(None) };
        let Some((_, id)) = entry.message().filter(|_| entry.is_open()) else {
            return Ok(Some(Answer { leaf, frame: None }));
        };
        let message =
            record::read::<MessageRecord, _>(&self.store, &record::message_key(peer, &id))?;
        let frame = match message {
            Some(message) => self.frame_at(peer, message.value.seq)?,
            None => None,
        };
        Ok(Some(Answer { leaf, frame }))
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    /// The examples of RFC 4648, section 10, and the two letters of its own alphabet.
    #[test]
    fn bytes_are_written_as_the_rfc_has_it() {
        let written =
            ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|s| quoted(s.as_bytes()));
        let expected = ["", "Zg", "Zm8", "Zm9v", "Zm9vYg", "Zm9vYmE", "Zm9vYmFy"];
        assert_eq!(written, expected.map(|text| format!("\"{text}\"")));
        assert_eq!(quoted(&[0xfb, 0xff]), "\"-_8\"");
    }
}
