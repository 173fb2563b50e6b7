//! What a person is told when something does not go by itself: what happened, what is safe, what to do.

use crate::event_line::{NotOpenedLine, NoticeLine, QuestionLine, ReceiptLine, RollbackLine};
use crate::text;

pub(crate) fn healing_started(line: &NoticeLine) -> String {
    let from = text::one_line(&line.peer.from);
    format!(
        "! Something from {from} could not be opened. New keys are agreed on within a minute, by \
         themselves;\n    what is missing comes again. There is nothing to do."
    )
}

pub(crate) fn healed(line: &NoticeLine) -> String {
    let from = text::one_line(&line.peer.from);
    format!("! New keys have been agreed on with {from}. What was missing comes again.")
}

pub(crate) fn clone_suspected(line: &NoticeLine) -> String {
    let from = text::one_line(&line.peer.from);
    format!(
        "! Two copies of the keys of {from} are in use. New keys are agreed on by themselves, which \
         shuts the\n    other copy out. Ask {from}, not in here, whether an old copy was put back. If \
         not, somebody has\n    one, and may have read what was written lately."
    )
}

pub(crate) fn state_rollback(line: &RollbackLine) -> String {
    let missing = line.expected.saturating_sub(line.found);
    format!(
        "! This account was set back to an old copy of itself; its last {missing} changes are missing.\n    \
         Nothing was sent with the old keys: new ones are agreed on by themselves. Messages that came \
         in\n    between may be missing here: ask for them. If you have put back no backup, somebody \
         else has\n    changed the files of this account."
    )
}

pub(crate) fn identity_changed(line: &QuestionLine) -> String {
    let from = text::one_line(&line.peer.from);
    match line.device {
        None => format!(
            "! The identity of {from} is not the one of its address. Nothing was sent to it."
        ),
        Some(_) => format!(
            "! Another device speaks for {from}. Nothing is sent to {from} until you have answered.\n    \
             Ask {from}, not in here, whether it is a new device, and compare the safety number. If so:\n    \
             `kuvert verify NAME --accept DIGITS`, else `kuvert verify NAME --reject`."
        ),
    }
}

pub(crate) fn undelivered(line: &ReceiptLine) -> String {
    let from = text::one_line(&line.peer.from);
    format!(
        "! {from} never acknowledged a message of yours, and it is not sent again any more. It may have \
         arrived.\n    Ask, or send it once more: `kuvert history` shows which it is."
    )
}

pub(crate) fn not_opened(line: &NotOpenedLine) -> String {
    let (from, count, cause) = (text::one_line(&line.peer.from), line.count, line.cause);
    let what = if count == 1 { "One envelope".to_owned() } else { format!("{count} envelopes") };
    format!(
        "! {what} from {from} could not be opened ({cause}).\n    What was in it comes again, or is \
         reported there as not delivered."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_line::PeerLine;

    fn peer() -> PeerLine {
        PeerLine { from: "b\u{202e}ob\u{1b}[2J".into(), account: "00".into(), request: false }
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        let line = |at| NoticeLine { peer: peer(), at };
        let question = |device| QuestionLine { peer: peer(), device };
        let receipt =
            ReceiptLine { peer: peer(), id: "00".into(), state: "undelivered", received_at: 0 };
        let cause = "Undecryptable";
        let given_up = NotOpenedLine { peer: peer(), cause, count: 2, at: 0 };
        let all = [
            healing_started(&line(1)),
            healed(&line(1)),
            clone_suspected(&line(1)),
            identity_changed(&question(None)),
            identity_changed(&question(Some("00".into()))),
            undelivered(&receipt),
            not_opened(&given_up),
        ];
        for text in all {
            assert!(text.starts_with("! ") && !text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
            assert!(text.lines().all(|line| line.chars().count() <= 130), "{text}");
        }
    }
}
