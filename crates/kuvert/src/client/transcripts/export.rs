//! A transcript as a file that proves itself.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use kuvert_core::transcript::{Entry, ExportError, Show, Side, SwitchState, Transcript};
use kuvert_store::Store;
use kuvert_wire::transcript::{ConversationId, TranscriptBody};
use kuvert_wire::{AccountId, Decode, Frame, MessageId};

use crate::client::{Client, lock};
use crate::record::{self, LogRecord};
use crate::transcript::Exported;
use crate::{Carrier, Error};

impl<S: Store, T: Carrier> Client<S, T> {
    /// Writes the newest transcript with `peer` to `out`, as one self-contained file that proves what was
    /// said: all of it, or the messages `only`, of which the others stay commitments. What was erased
    /// is shown as erased.
    ///
    /// If it still runs, both logs are sealed first, which is told to the peer.
    ///
    /// # Errors
    ///
    /// - [`Error::NoTranscript`]: there was none, or nothing of it was ever sealed.
    /// - [`Error::NotInTranscript`]: one of `only` is not in it. [`Error::Output`], [`Error::Store`].
    pub async fn export_transcript(
        &mut self,
        peer: AccountId,
        only: Option<&[MessageId]>,
        out: &mut (dyn Write + Send),
    ) -> Result<Exported, Error> {
        let online = self.reach_home().await?;
        if matches!(self.transcript_state(peer), SwitchState::On(_)) {
            self.seal_transcript_of(&peer)?;
        }
        self.deliver_if(online).await?;
        let transcript = self.newest_transcript(&peer)?;
        let entries = Side::BOTH.map(|side| self.entries(&transcript, side));
        let [low, high] = entries;
        let entries = [low?, high?];
        self.require_all(only, &entries)?;
        let bodies = self.bodies(&peer)?;
        write_file(&transcript, entries, only, &bodies, out)
    }

    fn newest_transcript(&self, peer: &AccountId) -> Result<Transcript, Error> {
        let device = lock(&self.device);
        let their = device.peer_of_account(peer).map(|view| view.device_id());
        let logs = their.map(|their| device.transcripts(&their)).unwrap_or_default();
        let has_entries = |log: &&&Transcript| log.sizes() != (0, 0);
        let newest = logs.iter().rev().find(has_entries).or(logs.last());
        newest.map(|log| (*log).clone()).ok_or(Error::NoTranscript)
    }

    /// All entries of one side's log, in their order.
    fn entries(&self, transcript: &Transcript, side: Side) -> Result<Vec<Entry>, Error> {
        let id: &ConversationId = transcript.id();
        let prefix = Entry::prefix(id, transcript.conversation().device(side));
        let records = self.store.scan(&prefix)?.into_iter();
        let entry = |record: kuvert_core::Record| {
            Entry::decode(&record.value).map_err(|_| record::damaged(&record.key))
        };
        records.map(entry).collect()
    }

    fn require_all(
        &self,
        only: Option<&[MessageId]>,
        entries: &[Vec<Entry>; 2],
    ) -> Result<(), Error> {
        let all = || entries.iter().flatten().filter_map(Entry::message);
        let names: BTreeSet<[u8; 16]> = all().map(|(_, id)| *id.as_bytes()).collect();
        let mut wanted = only.unwrap_or_default().iter();
        match wanted.find(|id| !names.contains(id.as_bytes())) {
            Some(id) => Err(Error::NotInTranscript { id: *id }),
            None => Ok(()),
        }
    }

    /// What the messages with a peer say, by their names.
    fn bodies(&self, peer: &AccountId) -> Result<BTreeMap<[u8; 16], Vec<u8>>, Error> {
        let log = record::read_all::<LogRecord, _>(&self.store, &record::log_prefix(peer))?;
        let body = |log: record::Versioned<LogRecord>| {
            let frame = Frame::decode(&log.value.frame).map_err(|_| record::damaged(&log.key))?;
            Ok((*frame.message_id.as_bytes(), frame.body))
        };
        log.into_iter().map(body).collect()
    }
}

fn write_file(
    transcript: &Transcript,
    entries: [Vec<Entry>; 2],
    only: Option<&[MessageId]>,
    bodies: &BTreeMap<[u8; 16], Vec<u8>>,
    out: &mut (dyn Write + Send),
) -> Result<Exported, Error> {
    let mut exported = Exported::default();
    let mut redactions = [0; 2];
    let is_wanted = |id: &MessageId| only.is_none_or(|only| only.contains(id));
    let choose = |side: Side, entry: &Entry| {
        let message = entry.message().filter(|(_, id)| is_wanted(id));
        let Some((_, id)) = message else {
            exported.hidden += 1;
            return Show::Nothing;
        };
        let body = entry.notice().or_else(|| bodies.get(id.as_bytes()).map(Vec::as_slice));
        let body = body.unwrap_or_default();
        if !is_numbered(entry, side, &mut redactions) {
            exported.hidden += 1;
            return Show::Nothing;
        }
        // Of a later version, or one name for two messages: what is not here cannot be shown.
        if entry.needs_body() && entry.erased(body, u16::MAX).is_none() {
            exported.hidden += 1;
            return Show::Nothing;
        }
        exported.entries += 1;
        exported.redacted += u64::from(!entry.is_open());
        Show::everything(body.to_vec())
    };
    let export = transcript.export::<std::io::Error>(entries).map_err(failed)?;
    export.write(choose, |line| out.write_all(line)).map_err(failed)?;
    Ok(exported)
}

/// Whether a redaction has a higher number than those before it in its log, as a file must have it.
fn is_numbered(entry: &Entry, side: Side, last: &mut [u32; 2]) -> bool {
    let Some(Ok(TranscriptBody::Redaction(redaction))) = entry.notice().map(TranscriptBody::decode)
    else {
        return true;
    };
    let last = if side == Side::Low { &mut last[0] } else { &mut last[1] };
    let is_next = redaction.number > *last;
    if is_next {
        *last = redaction.number;
    }
    is_next
}

fn failed(error: ExportError<std::io::Error>) -> Error {
    match error {
        ExportError::Unsealed => Error::NoTranscript,
        ExportError::Output(error) => Error::Output(error.to_string()),
        other => Error::Export(other.to_string()),
    }
}
