//! `kuvert send`

use std::io::{self, IsTerminal, Read};

use kuvert::{DeliveryState, MAX_TEXT_BYTES};

use crate::args::{Global, Send};
use crate::exit::{Failure, Outcome};
use crate::failure::not_sent;
use crate::object::SentLine;
use crate::session::Session;

/// Where reading stops: enough to say how long a text is, not enough to fill the memory.
const MAX_STDIN_BYTES: u64 = 64 * 1024 * 1024;

pub(crate) async fn run(global: &Global, args: &Send) -> Outcome {
    if !args.file.is_empty() {
        return Err(Failure::usage("files are not in this version").hint("Nothing was sent."));
    }
    let text = match &args.text {
        Some(text) => text.clone(),
        None => from_stdin(global)?,
    };
    check_length(&text)?;
    let mut session = Session::open(global)?;
    let contact = session.contact(&args.name)?;
    let sent = session.client.send(contact.account, &text).await.map_err(not_sent)?;
    let line = SentLine::from(&sent);
    if let Some(warning) = &sent.warning {
        session.output.note(format!("The message is safe. Something else is wrong: {warning}"));
    }
    session.output.show(&line, |_| {
        match sent.state {
            DeliveryState::Queued => "queued: it goes out with any later command",
            _ => "sent",
        }
        .to_owned()
    })
}

/// All of stdin, byte for byte.
fn from_stdin(global: &Global) -> Outcome<String> {
    if io::stdin().is_terminal() {
        if global.no_input {
            return Err(Failure::usage("there is no text to send"));
        }
        crate::output::Output::new(global).note("Type the text, then Ctrl-D.");
    }
    let mut bytes = Vec::new();
    io::stdin()
        .take(MAX_STDIN_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::failed(format!("cannot read the text: {error}")))?;
    String::from_utf8(bytes)
        .map_err(|_| Failure::usage("the text is not UTF-8").hint("Nothing was sent."))
}

/// Checked before a passphrase is asked for.
fn check_length(text: &str) -> Outcome {
    match text.len() {
        0 => Err(kuvert::Error::EmptyText.into()),
        len_bytes if len_bytes > MAX_TEXT_BYTES => {
            Err(kuvert::Error::TextTooLong { len_bytes, max_len_bytes: MAX_TEXT_BYTES }.into())
        }
        _ => Ok(()),
    }
}
