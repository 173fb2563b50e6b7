//! `kuvert transcript start` and `stop`

use kuvert::TranscriptState;

use crate::args::{Global, Peer, Start};
use crate::exit::Outcome;
use crate::object::{TranscriptLine, mode_name};
use crate::session::Session;

pub(crate) async fn start(global: &Global, args: &Start) -> Outcome {
    let mut session = Session::open(global)?;
    let contact = session.contact(&args.name)?;
    session.client.start_transcript(contact.account, args.mode.into()).await?;
    show(&session, &args.name, contact.account)
}

pub(crate) async fn stop(global: &Global, args: &Peer) -> Outcome {
    let mut session = Session::open(global)?;
    let contact = session.contact(&args.name)?;
    session.client.stop_transcript(contact.account).await?;
    show(&session, &args.name, contact.account)
}

fn show(session: &Session, name: &str, account: kuvert::AccountId) -> Outcome {
    let (state, mode) = match session.client.transcript_state(account) {
        TranscriptState::Offered(mode) => ("offered", mode_name(mode)),
        TranscriptState::Asked(mode) => ("asked", mode_name(mode)),
        TranscriptState::On(mode) => ("on", mode_name(mode)),
        _ => ("off", "off"),
    };
    let line = TranscriptLine { name: name.to_owned(), state, mode };
    session.output.show(&line, human)
}

fn human(line: &TranscriptLine) -> String {
    let name = crate::text::one_line(&line.name);
    match line.state {
        "on" => format!("A {} transcript with {name} runs.", line.mode),
        "offered" => format!(
            "You have offered a {} transcript. It runs once {name} says the same.",
            line.mode
        ),
        "asked" => format!("{name} would like a {} transcript.", line.mode),
        _ => format!("No transcript with {name} runs. What there was can still be exported."),
    }
}
