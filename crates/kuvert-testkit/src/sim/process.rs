//! A process and its end: each boundary between what is durable and what is not, or between here and the
//! network, may be its last.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Something that comes in between at a boundary.
type Interlude = Box<dyn FnOnce() + Send>;

/// The boundaries that one process has before it.
///
/// A crash unwinds from the middle of the operation: nothing of the program runs afterwards but
/// destructors, and what was not stored is gone.
#[derive(Clone, Default)]
pub(super) struct Life(Arc<Mutex<Plans>>);

#[derive(Default)]
struct Plans {
    end: Option<u8>,
    refusal: Option<u8>,
    interlude: Option<(u8, Interlude)>,
}

/// What a crash unwinds with, so that it is told from a panic.
struct Crashed;

/// How work in a process ended.
pub(super) enum Ended<R> {
    /// It came back.
    Well(R),
    /// The process crashed, as planned.
    Crashed,
    /// It panicked: a defect. What it said.
    Panicked(String),
}

impl Life {
    /// The process will end at the boundary after `more`.
    pub(super) fn end_after(&self, more: u8) {
        self.plans().end = Some(more);
    }

    /// The store will refuse the batch after `more`.
    pub(super) fn refuse_after(&self, more: u8) {
        self.plans().refusal = Some(more);
    }

    /// Whether the store refuses the batch that comes now.
    pub(super) fn is_refused(&self) -> bool {
        is_due(&mut self.plans().refusal)
    }

    /// `interlude` runs at the boundary after `more`.
    pub(super) fn interrupt_after(&self, more: u8, interlude: impl FnOnce() + Send + 'static) {
        self.plans().interlude = Some((more, Box::new(interlude)));
    }

    /// Forgets all plans.
    pub(super) fn renew(&self) {
        *self.plans() = Plans::default();
    }

    /// One boundary is passed, or is the end.
    pub(super) fn boundary(&self) {
        let interlude = self.plans().due_interlude();
        if let Some(interlude) = interlude {
            interlude();
        }
        let is_end = is_due(&mut self.plans().end);
        if is_end {
            resume_unwind(Box::new(Crashed));
        }
    }

    fn plans(&self) -> MutexGuard<'_, Plans> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plans {
    fn due_interlude(&mut self) -> Option<Interlude> {
        match self.interlude.take()? {
            (0, interlude) => Some(interlude),
            (more, interlude) => {
                self.interlude = Some((more - 1, interlude));
                None
            }
        }
    }
}

/// Counts a plan down; whether it is due.
const fn is_due(plan: &mut Option<u8>) -> bool {
    match *plan {
        Some(0) => {
            *plan = None;
            true
        }
        Some(more) => {
            *plan = Some(more - 1);
            false
        }
        None => false,
    }
}

/// Does `work` in a process that may crash or panic in it.
pub(super) fn run<R>(work: impl FnOnce() -> R) -> Ended<R> {
    // What the process had in memory is dropped by whoever called; what it shares is behind locks that
    // have nothing half done when they are let go.
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => Ended::Well(result),
        Err(cause) if cause.is::<Crashed>() => Ended::Crashed,
        Err(cause) => Ended::Panicked(words(cause.as_ref())),
    }
}

fn words(cause: &(dyn Any + Send)) -> String {
    let text = cause.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or("no words").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_ends_at_the_planned_boundary() {
        let life = Life::default();
        life.end_after(2);
        let mut passed = 0;
        let ended = run(|| {
            for _ in 0..5 {
                life.boundary();
                passed += 1;
            }
        });
        assert!(matches!(ended, Ended::Crashed));
        assert_eq!(passed, 2);
        assert!(matches!(run(|| life.boundary()), Ended::Well(())), "it crashes once");
    }

    #[test]
    fn another_comes_in_between_once() {
        let (life, count) = (Life::default(), Arc::new(Mutex::new(0)));
        let counter = Arc::clone(&count);
        life.interrupt_after(1, move || *counter.lock().unwrap() += 1);
        let counts = [0; 3].map(|_| {
            life.boundary();
            *count.lock().unwrap()
        });
        assert_eq!(counts, [0, 1, 1]);
    }

    #[test]
    fn a_panic_is_no_crash() {
        assert!(
            matches!(run(|| resume_unwind(Box::new("no"))), Ended::Panicked(words) if words == "no")
        );
    }
}
