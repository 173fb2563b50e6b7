//! Rules about mailboxes: who may do what with them.

use super::person::{cursor, impostor_of, post_id, route, some_mailbox, token};
use super::{Harness, expect_next, expect_nothing, expect_refused};
use crate::{Refusal, Route, Transport, TransportError};

/// Whoever does not sign with its key cannot open or attach a mailbox.
///
/// # Panics
///
/// When the transport breaks the rule.
pub async fn only_its_owner_reads_a_mailbox<H: Harness>(harness: &H) {
    let (bob, mailbox) = (harness.endpoint().await, some_mailbox());
    bob.open(&mailbox, &[]).await.expect("opened");
    bob.post(&route(harness.relay(), &mailbox), post_id(), &[1]).await.expect("posted");
    let (mallory, impostor) = (harness.endpoint().await, impostor_of(&mailbox));
    expect_refused(mallory.open(&impostor, &[token()]).await, Refusal::BadSignature);
    expect_refused(mallory.attach(&[cursor(&impostor, 0)]).await, Refusal::BadSignature);
    let own = some_mailbox();
    mallory.open(&own, &[]).await.expect("opened");
    let both = [cursor(&own, 0), cursor(&impostor, 0)];
    expect_refused(mallory.attach(&both).await, Refusal::BadSignature);
    expect_nothing(&mallory).await;
}

/// Confirming and closing need the mailbox to be attached here.
///
/// # Panics
///
/// When the transport breaks the rule.
pub async fn only_its_reader_confirms_or_closes_a_mailbox<H: Harness>(harness: &H) {
    let (bob, mailbox) = (harness.endpoint().await, some_mailbox());
    bob.open(&mailbox, &[]).await.expect("opened");
    bob.post(&route(harness.relay(), &mailbox), post_id(), &[1]).await.expect("posted");
    let mallory = harness.endpoint().await;
    expect_refused(mallory.confirm(&mailbox.mailbox(), 1).await, Refusal::NotOwner);
    expect_refused(mallory.close(&mailbox.mailbox()).await, Refusal::NotOwner);
    bob.attach(&[cursor(&mailbox, 0)]).await.expect("attached");
    assert_eq!(expect_next(&bob).await.envelope.as_bytes(), [1]);
}

/// A missing token, a wrong one and a withdrawn one find no mailbox.
///
/// # Panics
///
/// When the transport breaks the rule.
pub async fn a_token_is_needed_where_tokens_are_set<H: Harness>(harness: &H) {
    let (bob, mailbox) = (harness.endpoint().await, some_mailbox());
    let (old, new) = (token(), token());
    let with = |token| Route { token, ..route(harness.relay(), &mailbox) };
    bob.open(&mailbox, &[old, token()]).await.expect("opened");
    bob.attach(&[cursor(&mailbox, 0)]).await.expect("attached");
    let alice = harness.endpoint().await;
    for token in [None, Some(new)] {
        expect_refused(alice.post(&with(token), post_id(), &[1]).await, Refusal::NotFound);
    }
    alice.post(&with(Some(old)), post_id(), &[2]).await.expect("posted");
    bob.open(&mailbox, &[new]).await.expect("tokens changed");
    expect_refused(alice.post(&with(Some(old)), post_id(), &[3]).await, Refusal::NotFound);
    alice.post(&with(Some(new)), post_id(), &[4]).await.expect("posted");
    assert_eq!(expect_next(&bob).await.envelope.as_bytes(), [2]);
    assert_eq!(expect_next(&bob).await.envelope.as_bytes(), [4]);
    expect_nothing(&bob).await;
}

/// Sixty-four tokens, one for each contact, and no more.
///
/// # Panics
///
/// When the transport breaks the rule.
pub async fn tokens_have_a_limit<H: Harness>(harness: &H) {
    let (bob, mailbox) = (harness.endpoint().await, some_mailbox());
    let mut tokens: Vec<_> = (0..64).map(|_| token()).collect();
    bob.open(&mailbox, &tokens).await.expect("opened");
    for token in [tokens[0], tokens[63]] {
        let route = Route { token: Some(token), ..route(harness.relay(), &mailbox) };
        bob.post(&route, post_id(), &[1]).await.expect("posted");
    }
    tokens.push(token());
    expect_refused(bob.open(&mailbox, &tokens).await, Refusal::TooMany);
}

/// One byte over the profile's limit is refused here, and nothing is sent.
///
/// # Panics
///
/// When the transport breaks the rule.
pub async fn what_is_too_large_is_refused_with_the_limit<H: Harness>(harness: &H) {
    let (bob, mailbox) = (harness.endpoint().await, some_mailbox());
    bob.open(&mailbox, &[]).await.expect("opened");
    bob.attach(&[cursor(&mailbox, 0)]).await.expect("attached");
    let max_len_bytes = bob.profile().max_len_bytes;
    let envelope = vec![1; max_len_bytes + 1];
    let posted = bob.post(&route(harness.relay(), &mailbox), post_id(), &envelope).await;
    let expected = TransportError::TooLarge { len_bytes: max_len_bytes + 1, max_len_bytes };
    assert_eq!(posted, Err(expected));
    expect_nothing(&bob).await;
}

/// There is no envelope of zero bytes.
///
/// # Panics
///
/// When the transport breaks the rule.
pub async fn an_empty_envelope_is_refused<H: Harness>(harness: &H) {
    let (bob, mailbox) = (harness.endpoint().await, some_mailbox());
    bob.open(&mailbox, &[]).await.expect("opened");
    let posted = bob.post(&route(harness.relay(), &mailbox), post_id(), &[]).await;
    expect_refused(posted, Refusal::Malformed);
}

/// A mailbox that nobody has opened can be neither posted to nor attached, alone or beside another.
///
/// # Panics
///
/// When the transport breaks the rule.
pub async fn an_unknown_mailbox_is_not_found<H: Harness>(harness: &H) {
    let (bob, known, unknown) = (harness.endpoint().await, some_mailbox(), some_mailbox());
    let posted = bob.post(&route(harness.relay(), &unknown), post_id(), &[1]).await;
    expect_refused(posted, Refusal::NotFound);
    expect_refused(bob.attach(&[cursor(&unknown, 0)]).await, Refusal::NotFound);
    bob.open(&known, &[]).await.expect("opened");
    bob.post(&route(harness.relay(), &known), post_id(), &[2]).await.expect("posted");
    let both = [cursor(&known, 0), cursor(&unknown, 0)];
    expect_refused(bob.attach(&both).await, Refusal::NotFound);
    expect_nothing(&bob).await; // all of them or none
}

/// A closed mailbox is gone with what is in it, and its key can open an empty one.
///
/// # Panics
///
/// When the transport breaks the rule.
pub async fn a_closed_mailbox_is_not_found<H: Harness>(harness: &H) {
    let (bob, mailbox) = (harness.endpoint().await, some_mailbox());
    let route = route(harness.relay(), &mailbox);
    bob.open(&mailbox, &[]).await.expect("opened");
    bob.attach(&[cursor(&mailbox, 0)]).await.expect("attached");
    bob.post(&route, post_id(), &[1]).await.expect("posted");
    bob.close(&mailbox.mailbox()).await.expect("closed");
    expect_refused(bob.post(&route, post_id(), &[2]).await, Refusal::NotFound);
    expect_nothing(&bob).await;
    bob.open(&mailbox, &[]).await.expect("opened anew");
    bob.attach(&[cursor(&mailbox, 0)]).await.expect("attached");
    bob.post(&route, post_id(), &[3]).await.expect("posted");
    assert_eq!(expect_next(&bob).await.envelope.as_bytes(), [3]);
}
