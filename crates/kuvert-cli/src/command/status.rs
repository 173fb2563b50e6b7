//! `kuvert status`

use std::fmt::Write;

use crate::args::Global;
use crate::exit::Outcome;
use crate::object::StatusLine;
use crate::session::Session;
use crate::text;

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
    let mut lines = format!(
        "address       {}\nrelay         {} ({reachable})\nqueued        {}\nprekeys left  {prekeys}\n\
         sessions      {}",
        status.address, status.relay, status.queued, status.sessions,
    );
    // Writing to a string cannot fail.
    if status.waiting > 0 {
        let _ = write!(lines, "\nwaiting       {} (cannot be opened yet)", status.waiting);
    }
    for peer in &status.healing {
        let _ = write!(lines, "\nhealing       {}", text::one_line(peer));
    }
    for (cause, count) in &status.dropped {
        let _ = write!(lines, "\ndropped       {count} × {cause}");
    }
    for warning in &status.warnings {
        let _ = write!(lines, "\nwarning       {}", text::one_line(warning));
    }
    lines
}
