//! The thread that owns the engine, and group commit.
//!
//! Connections hand in pieces of work; the thread runs all that wait in one batch, makes the batch durable once, and only
//! then answers. While one batch is being synced the next one gathers, so that the cost of a sync is shared by as many
//! as are in a hurry. A piece of work that fails is taken back alone; a batch that cannot be made durable is taken back
//! whole, and everyone in it is told so.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use kuvert_wire::Timestamp;
use kuvert_wire::relay::{Refusal, Refused};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};

use crate::engine::{Engine, EngineError};
use crate::outcome::{Failure, refused_for};

/// Work that waits for the thread. A full queue makes connections wait, which makes their clients wait.
const QUEUE: usize = 256;
/// Work in one batch.
const BATCH: usize = 256;
/// A batch that has taken so long is made durable even if more is waiting: someone waits for its answers.
const BATCH_TIME: Duration = Duration::from_millis(10);
/// When to try again after the engine has failed.
const UNAVAILABLE_RETRY: Duration = Duration::from_secs(5);

/// Tells the time. The server passes the system's clock.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The answer to one piece of work, after it has become durable.
pub type Answer<T> = oneshot::Receiver<Result<T, Refused>>;

/// A handle to the thread; clones hand work to the same one.
#[derive(Clone, Debug)]
pub struct Storage {
    jobs: mpsc::Sender<Box<dyn Job>>,
}

/// The running thread.
#[derive(Debug)]
pub struct StorageThread(JoinHandle<()>);

impl StorageThread {
    /// Waits until every handle is gone and all work is done. Blocks.
    pub fn join(self) {
        if self.0.join().is_err() {
            error!("the storage thread has failed");
        }
    }
}

impl Storage {
    /// Starts the thread. It ends when the last handle has been dropped and all work is done.
    ///
    /// # Errors
    ///
    /// The system's, when it has no thread to give.
    pub fn start(
        engine: impl Engine + 'static,
        clock: Clock,
    ) -> std::io::Result<(Self, StorageThread)> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let worker = Worker { engine: Box::new(engine), clock, queue };
        let thread = thread::Builder::new().name("storage".into()).spawn(|| worker.run())?;
        Ok((Self { jobs }, StorageThread(thread)))
    }

    /// Hands in a piece of work; the answer comes when its changes are durable, or have been taken back.
    ///
    /// `committed` runs on the thread as soon as they are, whether or not anyone still waits for the answer.
    pub async fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Engine, Timestamp) -> Result<T, Failure> + Send + 'static,
        committed: impl FnOnce(&T) + Send + 'static,
    ) -> Answer<T> {
        let (answer, receiver) = oneshot::channel();
        let job = Pending { work: Some(work), committed, outcome: None, answer };
        // If the thread is gone, the job and its answer are dropped here and `receive` reports it.
        drop(self.jobs.send(Box::new(job)).await);
        receiver
    }

    /// Hands in a piece of work and waits for its answer.
    ///
    /// # Errors
    ///
    /// The rules' refusal; [`Refusal::Unavailable`] when the engine has failed.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Engine, Timestamp) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Refused> {
        receive(self.submit(work, |_| ()).await).await
    }
}

/// Waits for an answer.
///
/// # Errors
///
/// As [`Storage::run`].
pub async fn receive<T>(answer: Answer<T>) -> Result<T, Refused> {
    answer.await.unwrap_or_else(|_| Err(unavailable()))
}

fn unavailable() -> Refused {
    refused_for(Refusal::Unavailable, UNAVAILABLE_RETRY)
}

/// A piece of work, whatever its answer.
trait Job: Send {
    /// Does the work within a batch and keeps its outcome back. `false`: its changes must be undone.
    fn run(&mut self, engine: &mut dyn Engine, now: Timestamp) -> bool;
    /// Answers: the outcome when the batch is durable, else that nothing happened.
    fn finish(self: Box<Self>, is_durable: bool);
}

struct Pending<T, W, C> {
    work: Option<W>,
    committed: C,
    outcome: Option<Result<T, Refused>>,
    answer: oneshot::Sender<Result<T, Refused>>,
}

impl<T, W, C> Job for Pending<T, W, C>
where
    T: Send,
    W: FnOnce(&mut dyn Engine, Timestamp) -> Result<T, Failure> + Send,
    C: FnOnce(&T) + Send,
{
    fn run(&mut self, engine: &mut dyn Engine, now: Timestamp) -> bool {
        let Some(work) = self.work.take() else {
            return false;
        };
        let outcome = work(engine, now).map_err(|failure| match failure {
            Failure::Refused(refused) => refused,
            Failure::Engine(error) => {
                error!(%error, "a request failed in the engine");
                unavailable()
            }
        });
        let is_done = outcome.is_ok();
        self.outcome = Some(outcome);
        is_done
    }

    fn finish(self: Box<Self>, is_durable: bool) {
        let outcome = match self.outcome {
            Some(outcome) if is_durable => outcome,
            _ => Err(unavailable()),
        };
        if let Ok(value) = &outcome {
            (self.committed)(value);
        }
        // A connection that is gone does not want its answer any more.
        drop(self.answer.send(outcome));
    }
}

struct Worker {
    engine: Box<dyn Engine>,
    clock: Clock,
    queue: mpsc::Receiver<Box<dyn Job>>,
}

impl Worker {
    fn run(mut self) {
        while let Some(first) = self.queue.blocking_recv() {
            let mut jobs = Vec::with_capacity(BATCH);
            let done = self.run_batch(first, &mut jobs);
            if let Err(error) = &done {
                warn!(%error, "a batch was taken back");
                self.engine.abort();
            }
            jobs.into_iter().for_each(|job| job.finish(done.is_ok()));
        }
    }

    /// Runs `first` and what waits behind it, and makes the batch durable. `jobs` keeps whatever was begun.
    fn run_batch(
        &mut self,
        first: Box<dyn Job>,
        jobs: &mut Vec<Box<dyn Job>>,
    ) -> Result<(), EngineError> {
        let started = Instant::now();
        jobs.push(first);
        self.engine.begin()?;
        let mut at = 0;
        while let Some(job) = jobs.get_mut(at) {
            self.engine.mark()?;
            if job.run(&mut *self.engine, (self.clock)()) {
                self.engine.keep()?;
            } else {
                self.engine.undo()?;
            }
            at += 1;
            if at < BATCH && started.elapsed() < BATCH_TIME {
                jobs.extend(self.queue.try_recv());
            }
        }
        self.engine.commit()
    }
}

#[cfg(test)]
mod tests;
