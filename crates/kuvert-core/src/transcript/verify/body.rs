//! The entries of a file, and the growth of its logs from head to head.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use kuvert_wire::DeviceId;
use kuvert_wire::transcript::{LogSide, Redaction, Target, TranscriptBody, TreeHead};

use super::super::conversation::{Conversation, Side};
use super::super::document;
use super::super::json::Scan;
use super::super::tree::is_consistent;
use super::item::{self, VerifiedItem};
use super::log::LogCheck;
use super::refusal::{Cause, Wrong};
use super::report::{Contradiction, Missing, Report, Signer};

/// Everything between the heads and the end.
#[derive(Debug)]
pub(super) struct Body {
    conversation: Conversation,
    logs: [LogCheck; 2],
    has_signed: [bool; 2],
    /// Whose log is being read.
    side: Side,
    items: Vec<VerifiedItem>,
    tally: Tally,
}

/// What is counted on the way.
#[derive(Debug, Default)]
struct Tally {
    entries: u64,
    signed: u64,
    acknowledged: u64,
    /// What is not shown: whose entry, its number, which parts.
    closed: Vec<(Side, u64, u16)>,
    announced: Vec<(Side, Target)>,
    redactions: [u32; 2],
    /// Redactions whose number does not rise.
    misnumbered: Vec<(Side, u64)>,
}

/// The next growth that the file has to show.
#[derive(Debug)]
pub(super) struct Step {
    device: DeviceId,
    from: TreeHead,
    to: TreeHead,
}

impl Body {
    pub(super) fn new(
        conversation: Conversation,
        logs: [LogCheck; 2],
        has_signed: [bool; 2],
    ) -> Self {
        let (side, items, tally) = (Side::Low, Vec::new(), Tally::default());
        Self { conversation, logs, has_signed, side, items, tally }
    }

    pub(super) const fn entries(&self) -> u64 {
        self.tally.entries
    }

    pub(super) const fn device(&self) -> DeviceId {
        *self.conversation.device(self.side)
    }

    /// Reads an entry.
    pub(super) fn take_item(&mut self, mut scan: Scan<'_>, keeps: bool) -> Result<(), Wrong> {
        let item = document::scan_item(&mut scan).map_err(Cause::from)?;
        scan.finish().map_err(Cause::from)?;
        let side = self.conversation.side_of(&item.device).ok_or(Cause::LeafPlace)?; // TRA-39
        self.turn_to(side, item.seq)?;
        let (leaf, seq) = (item.leaf, item.seq);
        let is_placed = leaf.conversation == *self.conversation.id()
            && leaf.device == item.device
            && leaf.seq == seq;
        if !is_placed {
            return Err(Cause::LeafPlace.at(seq)); // TRA-39
        }
        let proof = item.proof.clone();
        let mut item = item::checked(side, item).map_err(|cause| cause.at(seq))?;
        let log = side.of_mut(&mut self.logs);
        log.take(&leaf, proof.as_deref())?;
        item.is_signed = seq < log.signed_to;
        item.is_acknowledged = seq < log.acknowledged_to;
        self.tally.take(&item);
        if keeps {
            self.items.push(item);
        }
        Ok(())
    }

    /// The lower side's log stands before the other's.
    fn turn_to(&mut self, side: Side, seq: u64) -> Result<(), Wrong> {
        if side < self.side {
            self.side = side;
            return Err(Cause::Order.at(seq)); // TRA-38
        }
        if side > self.side {
            self.logs[0].finish()?;
            self.side = side;
        }
        Ok(())
    }

    /// All entries are read: what the file has to show of its logs' growth.
    pub(super) fn close(&self) -> Result<VecDeque<Step>, Wrong> {
        self.side.of(&self.logs).finish()?;
        Ok(Side::BOTH.into_iter().flat_map(|side| self.steps(side)).collect())
    }

    fn steps(&self, side: Side) -> impl Iterator<Item = Step> {
        let device = *self.conversation.device(side);
        let sizes = side.of(&self.logs).sizes.windows(2).filter(|pair| pair[0].size > 0);
        sizes.map(move |pair| Step { device, from: pair[0], to: pair[1] })
    }

    /// The report, and the entries if they were kept.
    pub(super) fn finish(mut self, digest: [u8; 32]) -> (Report, Vec<VerifiedItem>) {
        let [low, high] = &self.logs;
        let contradictions = [(Side::Low, low, high), (Side::High, high, low)];
        let contradictions = contradictions.into_iter().flat_map(|(side, log, other)| {
            let misnumbered = self.tally.misnumbered.iter().filter(|(of, _)| *of == side);
            let mut found = [log.fallen.clone(), log.contradictions(other)].concat();
            found.extend(misnumbered.map(|(_, seq)| seq));
            found.sort_unstable();
            found.dedup();
            found.into_iter().map(move |seq| Contradiction { side, seq })
        });
        let contradictions: Vec<Contradiction> = contradictions.collect();
        let announced = self.tally.announced();
        let closed = self.items.iter_mut().filter(|item| item.closed != 0);
        closed.zip(&announced).for_each(|(item, announced)| item.is_announced = *announced);
        let spans = self.logs.iter().filter_map(|log| log.span);
        let report = Report {
            mode: self.conversation.mode(),
            conversation: *self.conversation.id(),
            signers: Side::BOTH.map(|side| self.signer(side)),
            entries: self.tally.entries,
            redacted: self.tally.closed.len() as u64,
            announced: announced.iter().filter(|announced| **announced).count() as u64,
            redactions: self.tally.redactions,
            span: spans.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1))),
            signed: self.tally.signed,
            acknowledged: self.tally.acknowledged,
            checkpoint: self.logs.each_ref().map(LogCheck::size),
            missing: Side::BOTH.into_iter().flat_map(|side| self.missing(side)).collect(),
            contradictions,
            digest,
        };
        (report, self.items)
    }

    fn signer(&self, side: Side) -> Signer {
        let party = side.of(self.conversation.parties());
        let (account, device) = (*party.cert.account_key(), *party.cert.device_id());
        Signer { account, device, has_signed: *side.of(&self.has_signed) }
    }

    fn missing(&self, side: Side) -> impl Iterator<Item = Missing> {
        let ranges = side.of(&self.logs).missing().into_iter();
        ranges.map(move |(first, count)| Missing { side, first, count })
    }
}

impl Tally {
    fn take(&mut self, item: &VerifiedItem) {
        self.entries += 1;
        self.signed += u64::from(item.is_signed);
        self.acknowledged += u64::from(item.is_acknowledged);
        if item.closed != 0 {
            self.closed.push((item.side, item.leaf.seq, item.closed));
        }
        if let Some(TranscriptBody::Redaction(redaction)) = item.notice() {
            self.note(item.side, item.leaf.seq, &redaction);
        }
    }

    fn note(&mut self, side: Side, seq: u64, redaction: &Redaction) {
        let last = side.of_mut(&mut self.redactions);
        if redaction.number <= *last {
            self.misnumbered.push((side, seq)); // TRA-46
        }
        *last = redaction.number.max(*last);
        let targets = redaction.targets.iter().map(|target| match target.log {
            LogSide::Sender => (side, *target),
            _ => (side.other(), *target),
        });
        self.announced.extend(targets);
    }

    /// For each entry of which something is not shown, in their order: whether that was announced.
    fn announced(&self) -> Vec<bool> {
        let of = |side: Side| {
            let mut targets: Vec<Target> =
                self.announced.iter().filter(|(of, _)| *of == side).map(|(_, t)| *t).collect();
            targets.sort_by_key(|target| core::cmp::Reverse(target.first));
            let closed = self.closed.iter().filter(move |(of, ..)| *of == side);
            let mut covering: Vec<Target> = Vec::new();
            closed.map(move |(_, seq, parts)| {
                while let Some(target) = targets.pop_if(|target| target.first <= *seq) {
                    covering.push(target);
                }
                covering.retain(|target| target.covers(*seq));
                let covered = covering.iter().fold(0, |covered, target| covered | target.parts);
                covered & parts == *parts
            })
        };
        Side::BOTH.into_iter().flat_map(of).collect()
    }
}

/// Reads a growth: the next that is due, and no other.
pub(super) fn take_growth(mut scan: Scan<'_>, steps: &mut VecDeque<Step>) -> Result<(), Wrong> {
    let growth = document::scan_growth(&mut scan).map_err(Cause::from)?;
    scan.finish().map_err(Cause::from)?;
    let Some(Step { device, from, to }) = steps.pop_front() else {
        return Err(Cause::Consistency.into()); // TRA-44
    };
    let is_due = (growth.device, growth.from, growth.to) == (device, from.size, to.size);
    if !is_due || !is_consistent(from.size, &from.root, to.size, &to.root, &growth.proof) {
        return Err(Cause::Consistency.into()); // TRA-44
    }
    Ok(())
}
