//! The book: who wrote what, who was told what, and whose home was put back when.

use std::collections::BTreeMap;

use crate::Side;

/// What a run is accounted by.
#[derive(Default)]
pub(super) struct Book {
    written: Vec<Written>,
    tales: Vec<Tale>,
    /// Whose home was put back, and how much had been told before.
    restored: Vec<(Side, Mark)>,
}

/// A message that somebody wrote.
pub(super) struct Written {
    pub(super) from: Side,
    /// The writer was told that it is safe.
    pub(super) is_safe: bool,
    /// The writer's home was put back to a time before it.
    pub(super) is_undone: bool,
    /// How much had been told when it was written.
    mark: Mark,
}

/// Something that a client told, besides messages.
struct Tale {
    to: Side,
    name: String,
}

/// A place in the book.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    written: usize,
    told: usize,
}

impl Book {
    /// Notes that a message is about to be written; gives its number.
    pub(super) fn write(&mut self, from: Side) -> usize {
        let mark = self.mark();
        self.written.push(Written { from, is_safe: false, is_undone: false, mark });
        mark.written
    }

    pub(super) fn is_safe(&mut self, message: usize) {
        self.written[message].is_safe = true;
    }

    pub(super) fn written(&self) -> &[Written] {
        &self.written
    }

    pub(super) fn tell(&mut self, to: Side, name: String) {
        self.tales.push(Tale { to, name });
    }

    pub(super) const fn mark(&self) -> Mark {
        Mark { written: self.written.len(), told: self.tales.len() }
    }

    /// The home of `side` is put back to what it was at `mark`.
    pub(super) fn take_back(&mut self, side: Side, mark: Mark) {
        let later = self.written[mark.written..].iter_mut();
        later.filter(|written| written.from == side).for_each(|written| written.is_undone = true);
        self.restored.push((side, self.mark()));
    }

    pub(super) fn was_ever_restored(&self, side: Side) -> bool {
        self.restored.iter().any(|(restored, _)| *restored == side)
    }

    /// Why a message that had arrived is not there any more: its reader's home was put back, and one of
    /// the two was told since.
    pub(super) fn cause(&self, message: usize) -> Option<&'static str> {
        let Written { from, mark, .. } = &self.written[message];
        let is_later = |restored: &&(Side, Mark)| {
            restored.0 == from.other() && restored.1.written > mark.written
        };
        let (_, restored) = self.restored.iter().find(is_later)?;
        let since = &self.tales[restored.told..];
        let told = |to: Side, name: &'static str| {
            since.iter().any(|tale| tale.to == to && tale.name == name).then_some(name)
        };
        told(from.other(), "StateRollback").or_else(|| told(*from, "CloneSuspected"))
    }

    /// What was told, and how often.
    pub(super) fn told(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for tale in &self.tales {
            *counts.entry(tale.name.clone()).or_default() += 1;
        }
        counts
    }

    /// Alarms without a reason: a clone or a rollback of someone whose home had not been put back, a
    /// contradiction where nobody's had.
    pub(super) fn false_alarms(&self) -> impl Iterator<Item = String> {
        self.tales.iter().zip(0..).filter_map(|(tale, at)| {
            let was_restored = |side: Side| self.was_restored_before(side, at);
            let is_false = match tale.name.as_str() {
                "CloneSuspected" => !was_restored(tale.to.other()),
                "StateRollback" => !was_restored(tale.to),
                "Finding: Fork" | "Finding: BadHead" | "Finding: Rollback" => {
                    !Side::BOTH.into_iter().any(was_restored)
                }
                _ => false,
            };
            is_false.then(|| format!("{:?} is told without a reason: {}", tale.to, tale.name))
        })
    }

    fn was_restored_before(&self, side: Side, tale: usize) -> bool {
        self.restored.iter().any(|(restored, mark)| *restored == side && mark.told <= tale)
    }
}
