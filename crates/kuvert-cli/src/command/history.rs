//! `kuvert history`

use crate::args::{Global, Peer};
use crate::event_line::EventLine;
use crate::exit::Outcome;
use crate::line::{self, When};
use crate::session::Session;

pub(crate) async fn run(global: &Global, args: &Peer) -> Outcome {
    let session = Session::open(global)?;
    let contact = session.contact(&args.name)?;
    let entries = session.client.conversation(contact.account)?;
    let lines: Vec<_> = entries.iter().flat_map(EventLine::of_entry).collect();
    session.output.show_all(&lines, |line| line::of(line, When::Past))?;
    session.settle().await
}
