//! `kuvert recv`

use std::time::Duration;

use kuvert::Event;
use tokio::time::Instant;

use crate::args::{Global, Recv};
use crate::event_line::EventLine;
use crate::exit::Outcome;
use crate::line::{self, When};
use crate::session::Session;
use crate::turn::Turn;

/// Ten years: as good as for ever, and every clock can add it to the time.
const LONGEST_WAIT_SECONDS: u64 = 10 * 365 * 24 * 3600;

pub(crate) async fn run(global: &Global, args: &Recv) -> Outcome {
    let mut session = Session::open(global)?;
    let from = args.from.as_deref().map(|name| session.contact(name)).transpose()?;
    let from = from.map(|contact| contact.account);
    let deadline = Instant::now() + Duration::from_secs(args.wait.min(LONGEST_WAIT_SECONDS));
    let mut left = args.count.unwrap_or(u64::MAX);
    while left > 0 {
        let wait = deadline.saturating_duration_since(Instant::now());
        let Some(event) = session.client.poll_event(wait, from).await? else { break };
        if show(&mut session, &event, When::Now)? && matches!(event, Event::Message(_)) {
            left -= 1;
        }
    }
    session.client.close().await;
    Ok(())
}

/// Prints an event, then notes that it has been printed; says whether it was printed now.
///
/// The note in the turn's file follows the print by one system call. The note in the database comes
/// after it, and is made up for if the process dies before.
pub(crate) fn show(session: &mut Session, event: &Event, when: When) -> Outcome<bool> {
    let mut turn = Turn::take(session.home())?;
    let number = session.client.event_number();
    let is_new = session.client.is_unshown()? && !turn.has_printed(number)?;
    if is_new {
        turn.settle();
        session.output.show_all(&EventLine::of(event), |line| line::of(line, when))?;
        turn.note(number)?;
    }
    session.client.acknowledge()?;
    Ok(is_new)
}
