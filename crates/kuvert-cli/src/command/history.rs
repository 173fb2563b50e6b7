//! `kuvert history`

use crate::args::{Global, Peer};
use crate::exit::Outcome;
use crate::line::{self, When};
use crate::object::EventLine;
use crate::session::Session;

pub(crate) async fn run(global: &Global, args: &Peer) -> Outcome {
    let session = Session::open(global)?;
    let contact = session.contact(&args.name)?;
    let entries = session.client.history(contact.account)?;
    let lines: Vec<_> = entries.iter().map(EventLine::from).collect();
    session.output.show_all(&lines, |line| line::of(line, When::Past))?;
    session.settle().await
}
