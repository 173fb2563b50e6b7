//! Transcripts between two people.

use core::time::Duration;

use kuvert_core::transcript::{ContentState, VerifiedTranscript, verify};
use kuvert_store::Store;
use kuvert_wire::transcript::{Mode, PolicyId, Reason};
use kuvert_wire::{AccountId, MessageId};

use super::support::{Person, events, heard, hub, pair, pass};
use crate::event::{DeliveryState, Event};
use crate::{ErasurePolicy, Error, TranscriptChange, TranscriptState};

/// What is told of transcripts now.
async fn news(person: &mut Person) -> Vec<TranscriptChange> {
    let change = |event| match event {
        Event::Transcript(news) => Some(news.what),
        _ => None,
    };
    events(person).await.into_iter().filter_map(change).collect()
}

/// Alice and Bob, who have talked, with a transcript running.
async fn running(mode: Mode) -> (Person, Person) {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    say(&mut alice, &mut bob, "before").await;
    say(&mut bob, &mut alice, "before, too").await;
    alice.start_transcript(bob.account(), mode).await.expect("asked");
    assert_eq!(news(&mut bob).await, [TranscriptChange::Asked(mode)]);
    bob.start_transcript(alice.account(), mode).await.expect("agreed");
    assert_eq!(news(&mut alice).await, [TranscriptChange::Started(mode)]);
    (alice, bob)
}

async fn say(from: &mut Person, to: &mut Person, text: &str) -> MessageId {
    pass(Duration::from_secs(1));
    let sent = from.send(to.account(), text).await.expect("sent");
    assert_eq!(heard(to).await, [text]);
    sent.id
}

async fn file(person: &mut Person, peer: AccountId, only: Option<&[MessageId]>) -> Vec<u8> {
    let mut file = Vec::new();
    person.export_transcript(peer, only, &mut file).await.expect("exported");
    file
}

fn texts(transcript: &VerifiedTranscript) -> Vec<String> {
    let body = |item: &kuvert_core::transcript::VerifiedItem| {
        item.body().map(|body| String::from_utf8_lossy(body).into_owned())
    };
    transcript.items().iter().filter_map(body).collect()
}

#[tokio::test]
async fn what_was_said_is_proven_by_either_side() {
    let (mut alice, mut bob) = running(Mode::Signed).await;
    say(&mut alice, &mut bob, "Tea at four?").await;
    say(&mut bob, &mut alice, "Gladly.").await;
    let peers = [bob.account(), alice.account()];
    for (person, peer) in [&mut alice, &mut bob].into_iter().zip(peers) {
        let verified = verify(&file(person, peer, None).await).expect("it proves");
        let mut found = texts(&verified);
        found.sort_unstable();
        assert_eq!(found, ["Gladly.", "Tea at four?"], "and nothing from before");
    }
}

#[tokio::test]
async fn one_message_is_shown_and_the_others_stay_hidden() {
    let (mut alice, mut bob) = running(Mode::Signed).await;
    say(&mut alice, &mut bob, "my secret").await;
    let shown = say(&mut alice, &mut bob, "my word").await;
    let file = file(&mut bob, alice.account(), Some(&[shown])).await;
    assert_eq!(texts(&verify(&file).expect("it proves")), ["my word"]);
    let text = String::from_utf8(file).expect("JSON");
    assert!(!text.contains("my secret"));
    let unknown = MessageId::from_bytes([9; 16]);
    let refused = bob.export_transcript(alice.account(), Some(&[unknown]), &mut Vec::new()).await;
    assert!(matches!(refused, Err(Error::NotInTranscript { id }) if id == unknown));
}

#[tokio::test]
async fn a_redaction_is_honoured_and_the_rest_still_proves() {
    let (mut alice, mut bob) = running(Mode::Signed).await;
    say(&mut alice, &mut bob, "stays").await;
    let gone = say(&mut alice, &mut bob, "my number is 4711").await;
    let before = file(&mut bob, alice.account(), None).await;
    verify(&before).expect("it proves before");
    let policy = PolicyId::new("erasure-7").expect("a name");
    alice.redact(bob.account(), &[gone], Reason::Wish, &policy).await.expect("redacted");
    let mut told = news(&mut bob).await;
    bob.flush().await.expect("follows and answers");
    told.extend(news(&mut bob).await);
    let expected = TranscriptChange::Redacted {
        ids: vec![gone],
        reason: Reason::Wish,
        policy: "erasure-7".into(),
    };
    assert_eq!(told, [expected]);
    let answered = TranscriptChange::ErasureAnswered { erased: 1, kept: 0 };
    assert_eq!(news(&mut alice).await, [answered]);
    for (person, peer) in [(&mut alice, bob.account())] {
        let verified = verify(&file(person, peer, None).await).expect("it proves after");
        assert!(texts(&verified).contains(&"stays".to_owned()));
        let redacted = |item: &&kuvert_core::transcript::VerifiedItem| {
            item.content() == ContentState::Redacted
        };
        assert_eq!(verified.items().iter().filter(redacted).count(), 1);
    }
    let verified = verify(&file(&mut bob, alice.account(), None).await).expect("it proves after");
    assert!(!texts(&verified).iter().any(|text| text.contains("4711")));
    for (person, peer) in [(&alice, bob.account()), (&bob, alice.account())] {
        let history = person.history(peer).expect("read");
        let entry =
            history.iter().find(|entry| entry.message.id() == gone).expect("its place stays");
        assert_eq!((entry.state, entry.message.text()), (DeliveryState::Redacted, Ok("")));
        assert!(!is_anywhere(person, b"4711"), "the content is in no record");
    }
    let again = alice.redact(bob.account(), &[gone], Reason::Wish, &policy).await;
    assert!(matches!(again, Err(Error::NotInTranscript { .. })));
}

/// Whether some record holds these bytes.
fn is_anywhere(person: &Person, needle: &[u8]) -> bool {
    let records = person.store.scan("").expect("read");
    records.iter().any(|record| record.value.windows(needle.len()).any(|part| part == needle))
}

#[tokio::test]
async fn what_the_other_has_said_is_the_others_to_give_up() {
    for policy in [ErasurePolicy::Nothing, ErasurePolicy::Theirs, ErasurePolicy::Everything] {
        let (mut alice, mut bob) = running(Mode::Signed).await;
        bob.set_erasure_policy(policy);
        let ids = [
            say(&mut alice, &mut bob, "card 1111").await,
            say(&mut alice, &mut bob, "card 2222").await,
            say(&mut bob, &mut alice, "card 3333").await,
        ];
        let (to, none) = (bob.account(), PolicyId::default());
        alice.redact(to, &ids, Reason::Rule, &none).await.expect("redacted");
        events(&mut bob).await;
        bob.flush().await.expect("answers");
        assert!(!is_anywhere(&alice, b"card "));
        let (erased, has_own) = match policy {
            ErasurePolicy::Nothing => (0, true),
            ErasurePolicy::Theirs => (1, true),
            ErasurePolicy::Everything => (2, false),
        };
        assert_eq!(is_anywhere(&bob, b"card 3333"), has_own, "{policy:?}");
        assert_eq!(is_anywhere(&bob, b"card 1111"), erased == 0, "{policy:?}");
        // Hers stand side by side: they are one target.
        let answered = TranscriptChange::ErasureAnswered { erased, kept: 2 - erased };
        assert_eq!(news(&mut alice).await, [answered], "{policy:?}");
    }
}

#[tokio::test]
async fn a_redaction_reaches_no_other_transcript() {
    let (mut alice, mut bob) = running(Mode::Signed).await;
    let old = say(&mut alice, &mut bob, "old secret").await;
    alice.stop_transcript(bob.account()).await.expect("stopped");
    news(&mut bob).await;
    for (from, to) in [(0, 1), (1, 0)] {
        let accounts = [alice.account(), bob.account()];
        let people = [&mut alice, &mut bob];
        let [one, other] = people;
        let person = if from == 0 { one } else { other };
        pass(Duration::from_secs(1));
        person.start_transcript(accounts[to], Mode::Signed).await.expect("said");
        events(&mut alice).await;
        events(&mut bob).await;
    }
    say(&mut alice, &mut bob, "new agreement").await;
    let refused = alice.redact(bob.account(), &[old], Reason::Wish, &PolicyId::default()).await;
    assert!(matches!(refused, Err(Error::NotInTranscript { id }) if id == old));
    assert!(is_anywhere(&bob, b"new agreement") && is_anywhere(&alice, b"old secret"));
}

#[tokio::test]
async fn it_ends_when_one_says_stop_and_stays_provable() {
    let (mut alice, mut bob) = running(Mode::Signed).await;
    say(&mut alice, &mut bob, "on the record").await;
    bob.stop_transcript(alice.account()).await.expect("stopped");
    assert_eq!(news(&mut alice).await, [TranscriptChange::Stopped]);
    assert_eq!(alice.transcript_state(bob.account()), TranscriptState::Off);
    say(&mut alice, &mut bob, "off the record").await;
    let verified = verify(&file(&mut bob, alice.account(), None).await).expect("it proves");
    assert_eq!(texts(&verified), ["on the record"]);
    assert!(matches!(alice.stop_transcript(bob.account()).await, Err(Error::NoTranscript)));
}

#[tokio::test]
async fn different_wishes_start_nothing() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    say(&mut alice, &mut bob, "hello").await;
    alice.start_transcript(bob.account(), Mode::Signed).await.expect("asked");
    news(&mut bob).await;
    bob.start_transcript(alice.account(), Mode::Deniable).await.expect("asked otherwise");
    assert_eq!(news(&mut alice).await, [TranscriptChange::Asked(Mode::Deniable)]);
    assert!(!matches!(alice.transcript_state(bob.account()), TranscriptState::On(_)));
    say(&mut alice, &mut bob, "unsigned").await;
    let refused = alice.export_transcript(bob.account(), None, &mut Vec::new()).await;
    assert!(matches!(refused, Err(Error::NoTranscript)));
}
