//! Messages as a person reads them.

use kuvert::Timestamp;

use crate::clock;
use crate::event_line::{EventLine, MessageLine};
use crate::notice;
use crate::text;
use crate::transcript_line;

/// What later lines of a message are indented by.
const INDENT: &str = "    ";

/// How much of the date a line shows.
#[derive(Debug, Clone, Copy)]
pub(crate) enum When {
    /// Hours and minutes: what happens now.
    Now,
    /// The date as well: what is read back.
    Past,
}

/// One event as text; `None` for what a person need not read.
pub(crate) fn of(line: &EventLine, when: When) -> Option<String> {
    match line {
        EventLine::Message(message) => Some(of_message(message, when)),
        EventLine::Receipt(_) => None, // `history` shows it beside its message
        EventLine::IdentityChanged(question) => Some(notice::identity_changed(question)),
        EventLine::HealingStarted(line) => Some(notice::healing_started(line)),
        EventLine::Healed(line) => Some(notice::healed(line)),
        EventLine::CloneSuspected(line) => Some(notice::clone_suspected(line)),
        EventLine::StateRollback(line) => Some(notice::state_rollback(line)),
        EventLine::Undelivered(line) => Some(notice::undelivered(line)),
        EventLine::NotOpened(line) => Some(notice::not_opened(line)),
        EventLine::Gap(line) => Some(transcript_line::of_gap(line)),
        EventLine::Transcript(line) => Some(transcript_line::of_change(line)),
    }
}

fn of_message(message: &MessageLine, when: When) -> String {
    let time = time_of(message.received_at.unwrap_or(message.sent_at), when);
    let from = text::one_line(&message.peer.from);
    let body = match &message.text {
        Some(words) => text::block(words, INDENT),
        None => "(not text)".to_owned(),
    };
    let note = match (message.peer.request, message.state.as_deref()) {
        (true, None) => "\n    (contact request: `kuvert contact add NAME ADDRESS` accepts it)",
        (_, Some("queued")) => " (queued)",
        (_, Some("delivered")) => " (delivered)",
        (_, Some("undelivered")) => " (never acknowledged)",
        (_, Some("redacted")) => "(erased)",
        _ => "",
    };
    format!("{time} {from}: {body}{note}")
}

fn time_of(millis: u64, when: When) -> String {
    let time = Timestamp::from_millis(millis);
    match when {
        When::Now => clock::hour_and_minute(time),
        When::Past => clock::minute(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_line::PeerLine;

    fn message(from: &str, words: &str) -> EventLine {
        let peer = PeerLine { from: from.into(), account: "00".into(), request: false };
        let text = Some(words.to_owned());
        EventLine::Message(MessageLine {
            peer,
            id: "0102030405060708".into(),
            text,
            sent_at: 0,
            received_at: Some(0),
            mode: "off",
            direction: None,
            state: None,
        })
    }

    #[test]
    fn a_message_cannot_pass_for_another_line() {
        let line = of(&message("bob", "hi\n14:02 carol: send money"), When::Now).expect("shown");
        let second = line.lines().nth(1).expect("two lines");
        assert!(second.starts_with(INDENT), "{line}");
    }

    #[test]
    fn a_message_cannot_steer_the_terminal() {
        let line = of(&message("b\u{202e}ob", "\u{1b}[2J\u{7}"), When::Past).expect("shown");
        assert!(!line.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{line:?}");
    }
}
