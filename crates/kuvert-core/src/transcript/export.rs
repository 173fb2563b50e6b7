//! Export: a file that proves what was said to whoever reads it, or as much of it as is chosen.
//!
//! All entries of a chosen run stand one after the other, and the last of them has the nodes beside
//! the run. For the whole of both logs no node is needed, for one message it is the inclusion proof of
//! RFC 9162. What is not chosen is in no way in the file but as part of these nodes.
//!
//! # Spec
//!
//! `spec/06-transcript.md`, "Export" and "Selective disclosure".

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use kuvert_wire::transcript::{Leaf, SealedHead, TreeHash};

use super::commitment::{Logged, Opening};
use super::conversation::{Conversation, Side};
use super::document::{self, CONSISTENCY, Growth, ITEMS, Part};
use super::entry::Entry;
use super::running::Transcript;
use super::tree::Tree;

/// What to show of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Show {
    /// Nothing: it is a part of the nodes.
    Nothing,
    /// The leaf and the parts in the mask (bit j for part j); the others by their commitments. `body` is
    /// the message's content, needed unless all of it is erased.
    Parts {
        /// What the message says.
        body: Vec<u8>,
        /// Which parts.
        mask: u16,
    },
}

impl Show {
    /// Everything that has not been erased.
    #[must_use]
    pub const fn everything(body: Vec<u8>) -> Self {
        Self::Parts { body, mask: u16::MAX }
    }
}

/// Why there is no file, or only a piece of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError<E> {
    /// No head has been made yet: nothing can be proven. Seal first.
    #[error("nothing has been sealed yet")]
    Unsealed,
    /// The entries given are not those of the logs that the heads are over.
    #[error("the entries are not those that were sealed")]
    OtherEntries,
    /// The content given for an entry is not what was committed to.
    #[error("the content of entry {seq} is not what was logged")]
    OtherContent {
        /// Whose log.
        side: Side,
        /// The entry's number.
        seq: u64,
    },
    /// What the output says.
    #[error("the file cannot be written")]
    Output(E),
}

/// A transcript ready to be exported: both logs with their trees.
#[derive(Debug)]
pub struct Export<'a> {
    conversation: &'a Conversation,
    heads: Vec<(Side, SealedHead)>,
    logs: [Vec<Entry>; 2],
    trees: [Tree; 2],
}

impl Transcript {
    /// Takes the entries of both logs, the lower side's first, as they stand under
    /// [`Entry::prefix`] in their order; those that no head covers yet are left out.
    ///
    /// # Errors
    ///
    /// [`ExportError::Unsealed`] and [`ExportError::OtherEntries`].
    pub fn export<E>(&self, entries: [Vec<Entry>; 2]) -> Result<Export<'_>, ExportError<E>> {
        let heads = Side::BOTH.into_iter().filter_map(|side| Some((side, *self.head(side)?)));
        Export::new(self.conversation(), heads.collect(), entries)
    }
}

impl<'a> Export<'a> {
    pub(crate) fn new<E>(
        conversation: &'a Conversation,
        heads: Vec<(Side, SealedHead)>,
        logs: [Vec<Entry>; 2],
    ) -> Result<Self, ExportError<E>> {
        if heads.is_empty() {
            return Err(ExportError::Unsealed);
        }
        let trees = logs.each_ref().map(|log| Tree::new(log.iter().map(Entry::hash).collect()));
        let export = Self { conversation, heads, logs, trees };
        let fit = Side::BOTH.into_iter().all(|side| {
            let tree = side.of(&export.trees);
            export.sizes(side).iter().all(|(size, root)| tree.root(*size) == Some(*root))
        });
        if fit { Ok(export) } else { Err(ExportError::OtherEntries) }
    }

    /// The sizes at which heads speak of a log, and their roots.
    fn sizes(&self, side: Side) -> BTreeMap<u64, TreeHash> {
        let heads = self
            .heads
            .iter()
            .map(|(speaker, head)| if *speaker == side { head.claim.own } else { head.claim.peer });
        heads.map(|tree| (tree.size, tree.root)).collect()
    }

    /// Writes the file line by line. `choose` says what to show of each entry that is open or erased.
    ///
    /// # Errors
    ///
    /// - [`ExportError::OtherContent`]: the body given for an entry is not its own.
    /// - [`ExportError::Output`]: what `out` says. What was written before is no valid file.
    pub fn write<E>(
        &self,
        choose: impl FnMut(Side, &Entry) -> Show,
        out: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), ExportError<E>> {
        let mut lines = Lines { out, digest: [0; 32], pending: None };
        let mut opening = String::new();
        document::put_conversation(self.conversation, &mut opening);
        opening.push_str(",\"heads\":[");
        lines.section(&opening)?;
        for (speaker, head) in &self.heads {
            let mut line = String::new();
            let said = self.conversation.head(*speaker, head.claim);
            document::put_head(&said, &head.auth, &mut line);
            lines.entry(line)?;
        }
        lines.section(ITEMS)?;
        self.write_items(choose, &mut lines)?;
        lines.section(CONSISTENCY)?;
        for growth in Side::BOTH.into_iter().flat_map(|side| self.growths(side)) {
            let mut line = String::new();
            document::put_growth(&growth, &mut line);
            lines.entry(line)?;
        }
        lines.finish()
    }

    /// The whole file at once, with everything that is not erased; `body` gives the content of a message.
    /// A message whose content is gone without having been erased is left out.
    ///
    /// # Errors
    ///
    /// [`ExportError::OtherContent`].
    pub fn to_bytes(
        &self,
        mut body: impl FnMut(&Entry) -> Option<Vec<u8>>,
    ) -> Result<Vec<u8>, ExportError<core::convert::Infallible>> {
        let mut file = Vec::new();
        let choose = |_: Side, entry: &Entry| {
            let notice = entry.notice().map(Vec::from);
            match notice.or_else(|| body(entry)) {
                None if entry.needs_body() => Show::Nothing,
                body => Show::everything(body.unwrap_or_default()),
            }
        };
        self.write(choose, |line| {
            file.extend_from_slice(line);
            Ok(())
        })?;
        Ok(file)
    }

    fn write_items<E, W: FnMut(&[u8]) -> Result<(), E>>(
        &self,
        mut choose: impl FnMut(Side, &Entry) -> Show,
        lines: &mut Lines<W>,
    ) -> Result<(), ExportError<E>> {
        for side in Side::BOTH {
            let size = self.sizes(side).last_key_value().map_or(0, |(size, _)| *size);
            let mut run = Run { tree: side.of(&self.trees), size, first: 0, last: None };
            for (_, entry) in (0..size).zip(side.of(&self.logs)) {
                let Some((leaf, parts)) = shown(side, entry, &mut choose)? else {
                    continue;
                };
                if let Some(line) = run.next(&leaf, &parts) {
                    lines.entry(line)?;
                }
            }
            if let Some(line) = run.finish() {
                lines.entry(line)?;
            }
        }
        Ok(())
    }

    fn growths(&self, side: Side) -> Vec<Growth> {
        let sizes: Vec<u64> = self.sizes(side).into_keys().filter(|size| *size > 0).collect();
        let device = *self.conversation.device(side);
        let growth = |pair: &[u64]| {
            let (from, to) = (pair[0], pair[1]);
            let proof = side.of(&self.trees).consistency(from, to)?;
            Some(Growth { device, from, to, proof })
        };
        sizes.windows(2).filter_map(growth).collect()
    }
}

/// An entry's leaf and parts as they are chosen; `None` for one that is not an item.
fn shown<E>(
    side: Side,
    entry: &Entry,
    choose: &mut impl FnMut(Side, &Entry) -> Show,
) -> Result<Option<(Leaf, Vec<Part>)>, ExportError<E>> {
    let (Some(leaf), Some(kept)) = (entry.leaf(), entry.kept()) else {
        return Ok(None);
    };
    let Show::Parts { body, mask } = choose(side, entry) else {
        return Ok(None);
    };
    let logged = kept.logged(&body);
    let openings = kept.openings.of(kept.part_count());
    let commitments = kept.openings.commitments(&logged);
    if super::commitment::commitment_to_all(&commitments) != Some(leaf.cm) {
        return Err(ExportError::OtherContent { side, seq: leaf.seq });
    }
    let parts = (0_u16..).zip(openings).zip(commitments);
    let part = |((j, opening), commitment)| part_of(&logged, j, opening, commitment, mask);
    Ok(Some((*leaf, parts.map(part).collect())))
}

fn part_of(
    logged: &Logged<'_>,
    j: u16,
    opening: Opening,
    commitment: kuvert_wire::transcript::PartCommitment,
    mask: u16,
) -> Part {
    match opening {
        Opening::Open(salt) if mask >> j & 1 == 1 => {
            Part::Open { salt, data: logged.part_bytes(j) }
        }
        _ => Part::Closed(commitment),
    }
}

/// Entries of one log that follow each other; the last waits until it is known to be the last.
struct Run<'a> {
    tree: &'a Tree,
    size: u64,
    first: u64,
    last: Option<(u64, String, String)>,
}

impl Run<'_> {
    /// Takes the next entry and gives the line of the one before.
    fn next(&mut self, leaf: &Leaf, parts: &[Part]) -> Option<String> {
        let (mut head, mut tail) = (String::new(), String::new());
        document::put_item_head(leaf, &mut head);
        document::put_parts(parts, &mut tail);
        let goes_on = self.last.as_ref().is_some_and(|(last, ..)| last + 1 == leaf.seq);
        let line = if goes_on {
            self.last.take().map(|(_, head, tail)| head + &tail)
        } else {
            let line = self.finish();
            self.first = leaf.seq;
            line
        };
        self.last = Some((leaf.seq, head, tail));
        line
    }

    /// The line of the last entry, with the proof of the run.
    fn finish(&mut self) -> Option<String> {
        let (last, mut line, tail) = self.last.take()?;
        let proof = self.tree.run_proof(self.first, last + 1, self.size)?;
        document::put_item_proof(&proof, &mut line);
        Some(line + &tail)
    }
}

/// Writes lines; an entry waits until it is known whether another follows.
struct Lines<W> {
    out: W,
    digest: [u8; 32],
    pending: Option<String>,
}

impl<E, W: FnMut(&[u8]) -> Result<(), E>> Lines<W> {
    fn section(&mut self, line: &str) -> Result<(), ExportError<E>> {
        if let Some(last) = self.pending.take() {
            self.put(last)?;
        }
        self.put(line.into())
    }

    fn entry(&mut self, line: String) -> Result<(), ExportError<E>> {
        match self.pending.replace(line) {
            Some(before) => self.put(before + ","),
            None => Ok(()),
        }
    }

    fn finish(mut self) -> Result<(), ExportError<E>> {
        if let Some(last) = self.pending.take() {
            self.put(last)?;
        }
        let mut line = String::new();
        document::put_digest(&self.digest, &mut line);
        self.put(line)
    }

    fn put(&mut self, mut line: String) -> Result<(), ExportError<E>> {
        line.push('\n');
        self.digest = document::digest_after(&self.digest, line.as_bytes());
        (self.out)(line.as_bytes()).map_err(ExportError::Output)
    }
}
