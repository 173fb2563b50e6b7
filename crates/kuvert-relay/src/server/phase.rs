//! How far along the relay's life is, as its tasks see it.

use tokio::sync::watch;

/// Stopping goes in two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Everything is done that is asked for.
    Running,
    /// Nothing new is begun; what has been begun is answered.
    Draining,
    /// Whoever is left is cut off.
    Ended,
}

/// Lets a task wait for a phase.
#[derive(Clone, Debug)]
pub(super) struct Life(watch::Receiver<Phase>);

impl Life {
    /// A life at its beginning, and the handle that moves it on.
    pub(super) fn begin() -> (watch::Sender<Phase>, Self) {
        let (sender, receiver) = watch::channel(Phase::Running);
        (sender, Self(receiver))
    }

    /// Waits until the relay is stopping.
    pub(super) async fn draining(&mut self) {
        self.reached(Phase::Draining).await;
    }

    /// Waits until the relay cuts off whoever is left.
    pub(super) async fn ended(&mut self) {
        self.reached(Phase::Ended).await;
    }

    async fn reached(&mut self, phase: Phase) {
        // An error means that nobody is left who could move it on: that is the end, too.
        drop(self.0.wait_for(|now| *now >= phase).await);
    }
}
