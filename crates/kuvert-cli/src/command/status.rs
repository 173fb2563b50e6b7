//! `kuvert status`

use std::fmt::Write;

use crate::args::Global;
use crate::exit::Outcome;
use crate::object::StatusLine;
use crate::session::Session;

pub(crate) async fn run(global: &Global) -> Outcome {
    let mut session = Session::open(global)?;
    let status = session.client.status().await?;
    let address = session.client.address();
    let line = StatusLine::new(address.to_string(), address.relay.to_string(), &status);
    session.output.show(&line, human)
}

fn human(status: &StatusLine) -> String {
    let reachable = if status.relay_reachable { "reachable" } else { "not reachable" };
    let prekeys = status.prekeys_left.map_or_else(|| "unknown".to_owned(), |n| n.to_string());
    let mut text = format!(
        "address       {}\nrelay         {} ({reachable})\nqueued        {}\nprekeys left  {prekeys}\n\
         sessions      {}",
        status.address, status.relay, status.queued, status.sessions,
    );
    for (cause, count) in &status.dropped {
        // Writing to a string cannot fail.
        let _ = write!(text, "\ndropped       {count} × {cause}");
    }
    for warning in &status.warnings {
        let _ = write!(text, "\nwarning       {warning}");
    }
    text
}
