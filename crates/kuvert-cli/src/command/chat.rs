//! `kuvert chat`, line by line: what is typed is sent, what arrives is appended.

use std::io::BufRead;
use std::time::Duration;

use kuvert::{AccountId, DeliveryState, Error, Event};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::args::{Global, Peer};
use crate::command::recv;
use crate::exit::Outcome;
use crate::line::When;
use crate::session::Session;

/// How long one look for messages lasts; a connection that is lost is looked for again after it.
const LOOK: Duration = Duration::from_secs(20);

/// Pause between two attempts without a connection.
const PAUSE: Duration = Duration::from_secs(2);

/// What happened first.
enum Happened {
    Typed(Option<std::io::Result<String>>),
    Arrived(Result<Option<Event>, Error>),
    Interrupted,
}

pub(crate) async fn run(global: &Global, args: &Peer) -> Outcome {
    let mut session = Session::open(global)?;
    let peer = session.contact(&args.name)?.account;
    session.output.note(format!("Talking to {}. End with Ctrl-D.", args.name));
    let mut chat = Chat { peer, offline: false };
    let mut lines = typed_lines();
    loop {
        let happened = tokio::select! {
            biased;
            _ = tokio::signal::ctrl_c() => Happened::Interrupted,
            line = lines.recv() => Happened::Typed(line),
            event = chat.next_event(&mut session) => Happened::Arrived(event),
        };
        match happened {
            Happened::Interrupted | Happened::Typed(None) => break,
            Happened::Typed(Some(line)) => chat.typed(&mut session, line).await?,
            Happened::Arrived(event) => chat.arrived(&mut session, event).await?,
        }
    }
    chat.end(session).await
}

struct Chat {
    peer: AccountId,
    offline: bool,
}

impl Chat {
    async fn next_event(&self, session: &mut Session) -> Result<Option<Event>, Error> {
        session.client.poll_event(LOOK, Some(self.peer)).await
    }

    async fn typed(&mut self, session: &mut Session, line: std::io::Result<String>) -> Outcome {
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                session.output.note(format!("! Not sent: {error}"));
                return Ok(());
            }
        };
        if line.is_empty() {
            return Ok(());
        }
        match session.client.send(self.peer, &line).await {
            Ok(sent) => {
                if sent.state == DeliveryState::Queued {
                    self.went_offline(session);
                }
                Ok(())
            }
            Err(error @ Error::TextTooLong { .. }) => {
                session.output.note(format!("! Not sent: {error}"));
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn arrived(
        &mut self,
        session: &mut Session,
        event: Result<Option<Event>, Error>,
    ) -> Outcome {
        match event {
            Ok(Some(event)) => {
                self.offline = false;
                recv::show(session, &event, When::Now).map(drop)
            }
            Ok(None) => {
                self.offline = false;
                Ok(())
            }
            Err(error) if error.is_temporary() => {
                self.went_offline(session);
                tokio::time::sleep(PAUSE).await;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn went_offline(&mut self, session: &Session) {
        if !self.offline {
            session.output.note("No connection. What you write waits and goes out by itself.");
        }
        self.offline = true;
    }

    async fn end(self, session: Session) -> Outcome {
        let queued = session.client.queued()?;
        if queued > 0 {
            session
                .output
                .note(format!("{queued} messages wait and go out with any later command."));
        }
        session.client.close().await;
        Ok(())
    }
}

/// The lines of stdin, without their line ends, as they come.
fn typed_lines() -> UnboundedReceiver<std::io::Result<String>> {
    let (sender, receiver) = unbounded_channel();
    // A thread of its own: reading a terminal cannot be interrupted, and the program must end
    // without waiting for it.
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}
