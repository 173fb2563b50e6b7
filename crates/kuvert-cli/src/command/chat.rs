//! `kuvert chat`, line by line: what is typed is sent, what arrives is appended.

use std::fmt::Display;
use std::io::BufRead;
use std::time::Duration;

use kuvert::{AccountId, DeliveryState, Error, Event, Sent};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::args::{Global, Peer};
use crate::command::recv;
use crate::exit::{Failure, Outcome};
use crate::failure::not_sent;
use crate::line::When;
use crate::session::Session;

/// How long one look for messages lasts; a connection that is lost is looked for again after it.
const LOOK: Duration = Duration::from_secs(20);

/// Pause between two attempts without a connection.
const PAUSE: Duration = Duration::from_secs(2);

pub(crate) async fn run(global: &Global, args: &Peer) -> Outcome {
    let mut session = Session::open(global)?;
    let peer = session.contact(&args.name)?.account;
    session.output.note(format!("Talking to {}. End with Ctrl-D.", args.name));
    let mut chat = Chat { peer, offline: false, refused: 0 };
    let is_over = tokio::select! {
        biased;
        // At any moment: what was typed is safe on disk before it is sent.
        _ = tokio::signal::ctrl_c() => false,
        ended = chat.talk(&mut session) => ended.map(|()| true)?,
    };
    say_what_waits(&session)?;
    if is_over {
        session.client.close().await;
    }
    match chat.refused {
        0 => Ok(()),
        1 => Err(Failure::failed("1 line was not sent")),
        n => Err(Failure::failed(format!("{n} lines were not sent"))),
    }
}

struct Chat {
    peer: AccountId,
    offline: bool,
    /// How many lines were not fit to be sent.
    refused: usize,
}

impl Chat {
    /// Until the input ends.
    async fn talk(&mut self, session: &mut Session) -> Outcome {
        let mut lines = typed_lines();
        loop {
            tokio::select! {
                biased;
                line = lines.recv() => match line {
                    Some(line) => self.typed(session, line).await?,
                    None => return Ok(()),
                },
                event = self.next_event(session) => self.arrived(session, event).await?,
            }
        }
    }

    async fn next_event(&self, session: &mut Session) -> Result<Option<Event>, Error> {
        session.client.poll_event(LOOK, Some(self.peer)).await
    }

    async fn typed(&mut self, session: &mut Session, line: Vec<u8>) -> Outcome {
        let Ok(line) = String::from_utf8(line) else {
            self.refuse(session, "the line is not UTF-8 text");
            return Ok(());
        };
        if line.is_empty() {
            return Ok(());
        }
        match session.client.send(self.peer, &line).await {
            Ok(sent) => self.said(session, &sent),
            Err(error @ Error::TextTooLong { .. }) => self.refuse(session, error),
            Err(error) => return Err(not_sent(error)),
        }
        Ok(())
    }

    fn said(&mut self, session: &Session, sent: &Sent) {
        match &sent.warning {
            Some(warning) => session
                .output
                .note(format!("! What you wrote is safe. Something else is wrong: {warning}")),
            None if sent.state == DeliveryState::Queued => self.went_offline(session),
            None => {}
        }
    }

    fn refuse(&mut self, session: &Session, why: impl Display) {
        session.output.note(format!("! Not sent: {why}"));
        self.refused += 1;
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
}

fn say_what_waits(session: &Session) -> Outcome {
    match session.client.queued()? {
        0 => {}
        1 => session.output.note("1 message waits and goes out with any later command."),
        n => session.output.note(format!("{n} messages wait and go out with any later command.")),
    }
    Ok(())
}

/// The lines of stdin, without their line ends, as they come.
fn typed_lines() -> UnboundedReceiver<Vec<u8>> {
    let (sender, receiver) = unbounded_channel();
    // A thread of its own: reading a terminal cannot be interrupted, and the program must end
    // without waiting for it.
    std::thread::spawn(move || {
        // Input that cannot be read any more has ended.
        for line in std::io::stdin().lock().split(b'\n').map_while(Result::ok) {
            let line = line.strip_suffix(b"\r").unwrap_or(&line).to_vec();
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}
