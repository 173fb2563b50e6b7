//! One log of a file: its entries in runs, each run proven against the root that heads name.

use alloc::vec::Vec;

use kuvert_wire::Timestamp;
use kuvert_wire::transcript::{Leaf, TreeHash, TreeHead};

use super::super::tree::{leaf_hash, root_of_run};
use super::refusal::{Cause, Wrong};

/// What is known of one log while its entries are read: 40 bytes an entry.
#[derive(Debug)]
pub(super) struct LogCheck {
    /// All sizes that heads name, with their roots, the smallest first.
    pub(super) sizes: Vec<TreeHead>,
    /// Entries before this one are covered by a head of the sender's.
    pub(super) signed_to: u64,
    /// Entries before this one are covered by a head of the receiver's.
    pub(super) acknowledged_to: u64,
    leaves: Vec<(u64, TreeHash)>,
    run: Option<Run>,
    last_seen: u64,
    /// What entries say to have seen of the other log: the first entry to say so.
    seen: Vec<Sighting>,
    /// Entries that say to have seen less than one before them.
    pub(super) fallen: Vec<u64>,
    pub(super) span: Option<(Timestamp, Timestamp)>,
}

/// "When I wrote `seq`, the last of your `count` leaves had this hash."
#[derive(Clone, Copy, Debug)]
struct Sighting {
    seq: u64,
    count: u64,
    hash: TreeHash,
}

/// Entries that follow each other, up to the one with the proof.
#[derive(Debug)]
struct Run {
    /// Where it begins in `leaves`.
    start: usize,
    /// The first entry whose `prev` is not the hash of the entry before, and that `prev`.
    broken: Option<(usize, TreeHash)>,
}

impl LogCheck {
    pub(super) fn new(mut sizes: Vec<TreeHead>, signed_to: u64, acknowledged_to: u64) -> Self {
        sizes.sort_by_key(|tree| tree.size);
        sizes.dedup();
        Self {
            sizes,
            signed_to,
            acknowledged_to,
            leaves: Vec::new(),
            run: None,
            last_seen: 0,
            seen: Vec::new(),
            fallen: Vec::new(),
            span: None,
        }
    }

    /// How many entries the log has, as far as any head says.
    pub(super) fn size(&self) -> u64 {
        self.sizes.last().map_or(0, |tree| tree.size)
    }

    /// Takes the next entry.
    pub(super) fn take(&mut self, leaf: &Leaf, proof: Option<&[TreeHash]>) -> Result<(), Wrong> {
        if self.leaves.last().is_some_and(|(last, _)| *last >= leaf.seq) {
            return Err(Cause::Order.at(leaf.seq)); // TRA-38
        }
        if leaf.seq >= self.size() {
            return Err(Cause::Proof.at(leaf.seq)); // TRA-43
        }
        if leaf.seq == 0 && leaf.prev != TreeHash::NONE {
            return Err(Cause::Chain.at(0)); // TRA-40
        }
        self.go_on(leaf)?;
        self.note(leaf);
        self.leaves.push((leaf.seq, leaf_hash(leaf)));
        proof.map_or(Ok(()), |proof| self.close(proof))
    }

    /// The entry follows the one before, or begins a run.
    fn go_on(&mut self, leaf: &Leaf) -> Result<(), Wrong> {
        let place = self.leaves.len();
        let last = self.leaves.last().copied();
        let follows = last.is_some_and(|(seq, _)| seq + 1 == leaf.seq);
        match (&mut self.run, last) {
            (Some(_), Some((seq, _))) if !follows => Err(Cause::Proof.at(seq + 1)), // TRA-43
            (Some(run), Some((_, hash))) => {
                if hash != leaf.prev {
                    run.broken.get_or_insert((place, leaf.prev));
                }
                Ok(())
            }
            (None, _) if follows => Err(Cause::Proof.at(leaf.seq)), // TRA-43
            _ => {
                self.run = Some(Run { start: place, broken: None });
                Ok(())
            }
        }
    }

    fn note(&mut self, leaf: &Leaf) {
        if leaf.seen < self.last_seen {
            self.fallen.push(leaf.seq); // TRA-13
        } else {
            let is_new = self
                .seen
                .last()
                .is_none_or(|last| (last.count, last.hash) != (leaf.seen, leaf.seen_hash));
            if is_new {
                let (seq, count, hash) = (leaf.seq, leaf.seen, leaf.seen_hash);
                self.seen.push(Sighting { seq, count, hash });
            }
            self.last_seen = leaf.seen;
        }
        let (first, last) = self.span.unwrap_or((leaf.time, leaf.time));
        self.span = Some((first.min(leaf.time), last.max(leaf.time)));
    }

    /// The run ends with this entry: it is in the log, or the entry that is not is named.
    fn close(&mut self, proof: &[TreeHash]) -> Result<(), Wrong> {
        let Some(Run { start, broken }) = self.run.take() else {
            return Ok(());
        };
        let run = &self.leaves[start..];
        let first = run.first().map_or(0, |(seq, _)| *seq);
        let hashes: Vec<TreeHash> = run.iter().map(|(_, hash)| *hash).collect();
        let root = self.sizes.last().map(|tree| tree.root);
        let is_root = |hashes: &[TreeHash]| root_of_run(hashes, first, self.size(), proof) == root;
        if let Some((place, prev)) = broken {
            let (before, after) = (self.leaves[place - 1].0, self.leaves[place].0);
            let mut mended = hashes;
            mended[place - 1 - start] = prev;
            let wrong = if is_root(&mended) { before } else { after };
            return Err(Cause::Chain.at(wrong)); // TRA-40
        }
        if !is_root(&hashes) {
            let last = run.last().map_or(first, |(seq, _)| *seq);
            return Err(Cause::Proof.at(last)); // TRA-43
        }
        Ok(())
    }

    /// No entry follows.
    pub(super) fn finish(&self) -> Result<(), Wrong> {
        match (&self.run, self.leaves.last()) {
            (Some(_), Some((last, _))) => Err(Cause::Proof.at(last + 1)), // TRA-43
            _ => Ok(()),
        }
    }

    /// Entries that say to have seen something else in the other log than what stands there.
    pub(super) fn contradictions(&self, other: &Self) -> Vec<u64> {
        let contradicts = |sighting: &&Sighting| match sighting.count.checked_sub(1) {
            None => sighting.hash != TreeHash::NONE,
            Some(seq) => other.hash_of(seq).is_some_and(|hash| hash != sighting.hash),
        };
        self.seen.iter().filter(contradicts).map(|sighting| sighting.seq).collect() // TRA-12
    }

    fn hash_of(&self, seq: u64) -> Option<TreeHash> {
        let place = self.leaves.binary_search_by_key(&seq, |(seq, _)| *seq).ok()?;
        Some(self.leaves[place].1)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = u64> {
        self.leaves.iter().map(|(seq, _)| *seq)
    }

    /// The ranges of entries that heads cover and the file does not have: first number and count.
    pub(super) fn missing(&self) -> Vec<(u64, u64)> {
        let mut next = 0;
        let mut missing = Vec::new();
        for seq in self.entries().chain([self.size()]) {
            if seq > next {
                missing.push((next, seq - next));
            }
            next = seq + 1;
        }
        missing
    }
}
