//! Rules about envelopes: whole, in order, once, and not lost.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::try_join_all;

use super::person::{cursor, post_id, route, some_mailbox};
use super::{Harness, LONG, expect_next, expect_nothing};
use crate::{MailboxOwner, Transport};

/// More than a relay hands over at once.
const MANY: u8 = 150;

/// A mailbox that is open to all, and an endpoint that reads it.
async fn reader<H: Harness>(harness: &H) -> (H::Endpoint, MailboxOwner) {
    let (bob, mailbox) = (harness.endpoint().await, some_mailbox());
    bob.open(&mailbox, &[]).await.expect("opened");
    bob.attach(&[cursor(&mailbox, 0)]).await.expect("attached");
    (bob, mailbox)
}

async fn post_numbers<H: Harness>(harness: &H, mailbox: &MailboxOwner, numbers: &[u8]) {
    let (alice, route) = (harness.endpoint().await, route(harness.relay(), mailbox));
    for number in numbers {
        alice.post(&route, post_id(), &[*number]).await.expect("posted");
    }
}

async fn read_numbers(endpoint: &impl Transport, count: usize) -> Vec<u8> {
    let mut numbers = Vec::with_capacity(count);
    for _ in 0..count {
        numbers.push(expect_next(endpoint).await.envelope.as_bytes()[0]);
    }
    numbers
}

/// From one byte to the largest that the profile allows.
///
/// # Panics
///
/// When the transport breaks the rule, as every function of the suite.
pub async fn envelopes_come_out_as_they_were_posted<H: Harness>(harness: &H) {
    let (bob, mailbox) = reader(harness).await;
    let (alice, route) = (harness.endpoint().await, route(harness.relay(), &mailbox));
    let max_len_bytes = alice.profile().max_len_bytes;
    for len_bytes in [1, 563, max_len_bytes - 1, max_len_bytes, max_len_bytes, max_len_bytes] {
        let envelope: Vec<u8> = (0..=u8::MAX).cycle().take(len_bytes).collect();
        alice.post(&route, post_id(), &envelope).await.expect("posted");
        let delivered = expect_next(&bob).await;
        assert_eq!(delivered.envelope.as_bytes(), envelope);
        assert_eq!(delivered.mailbox, mailbox.mailbox());
        assert!(delivered.received.as_millis() > 0);
    }
}

/// Positions count up from 1 in the order of posting.
///
/// # Panics
///
/// When the transport breaks the rule.
pub async fn envelopes_come_out_in_order<H: Harness>(harness: &H) {
    let (bob, mailbox) = reader(harness).await;
    let numbers: Vec<u8> = (0..MANY).collect();
    post_numbers(harness, &mailbox, &numbers).await;
    for (number, position) in numbers.into_iter().zip(1..) {
        let delivered = expect_next(&bob).await;
        assert_eq!(delivered.position, position);
        if bob.profile().ordered {
            assert_eq!(delivered.envelope.as_bytes(), [number]);
        }
    }
    expect_nothing(&bob).await;
}

/// Two mailboxes of one reader keep the order in which their envelopes came.
///
/// # Panics
///
/// When the transport breaks the rule.
pub async fn mailboxes_are_merged_in_order_of_arrival<H: Harness>(harness: &H) {
    let (bob, first) = reader(harness).await;
    let second = some_mailbox();
    bob.open(&second, &[]).await.expect("opened");
    bob.attach(&[cursor(&second, 0)]).await.expect("attached");
    for number in 0..6 {
        let mailbox = if number % 3 == 0 { &first } else { &second };
        post_numbers(harness, mailbox, &[number]).await;
    }
    assert_eq!(read_numbers(&bob, 6).await, [0, 1, 2, 3, 4, 5]);
}

/// A reader that comes back without having confirmed reads the same again.
///
/// # Panics
///
/// When the transport breaks the rule.
pub async fn what_was_not_confirmed_comes_again<H: Harness>(harness: &H) {
    let (bob, mailbox) = reader(harness).await;
    post_numbers(harness, &mailbox, &[1, 2, 3]).await;
    assert_eq!(read_numbers(&bob, 3).await, [1, 2, 3]);
    expect_nothing(&bob).await;
    drop(bob);
    let bob = harness.endpoint().await;
    bob.attach(&[cursor(&mailbox, 0)]).await.expect("attached");
    assert_eq!(read_numbers(&bob, 3).await, [1, 2, 3]);
}

/// A reader that comes back with its position reads what follows.
///
/// # Panics
///
/// When the transport breaks the rule.
pub async fn reading_goes_on_after_the_position<H: Harness>(harness: &H) {
    let (bob, mailbox) = reader(harness).await;
    post_numbers(harness, &mailbox, &[1, 2, 3]).await;
    expect_next(&bob).await;
    let position = expect_next(&bob).await.position;
    drop(bob);
    let bob = harness.endpoint().await;
    bob.attach(&[cursor(&mailbox, position)]).await.expect("attached");
    post_numbers(harness, &mailbox, &[4]).await;
    assert_eq!(read_numbers(&bob, 2).await, [3, 4]);
    expect_nothing(&bob).await;
}

/// What was confirmed does not come again; what follows it does.
///
/// # Panics
///
/// When the transport breaks the rule.
pub async fn what_was_confirmed_is_gone<H: Harness>(harness: &H) {
    let (bob, mailbox) = reader(harness).await;
    post_numbers(harness, &mailbox, &[1, 2, 3]).await;
    expect_next(&bob).await;
    let position = expect_next(&bob).await.position;
    bob.confirm(&mailbox.mailbox(), position).await.expect("confirmed");
    bob.confirm(&mailbox.mailbox(), position).await.expect("once more");
    let again = harness.endpoint().await;
    again.attach(&[cursor(&mailbox, 0)]).await.expect("attached");
    assert_eq!(read_numbers(&again, 1).await, [3]);
    expect_nothing(&again).await;
}

/// The same endpoint can go back to what it has not confirmed.
///
/// # Panics
///
/// When the transport breaks the rule.
pub async fn attaching_again_moves_the_position<H: Harness>(harness: &H) {
    let (bob, mailbox) = reader(harness).await;
    post_numbers(harness, &mailbox, &[1, 2, 3]).await;
    assert_eq!(read_numbers(&bob, 2).await, [1, 2]);
    bob.attach(&[cursor(&mailbox, 1)]).await.expect("attached");
    assert_eq!(read_numbers(&bob, 2).await, [2, 3]);
    expect_nothing(&bob).await;
}

/// A reader that waits learns of an arrival long before its time is up.
///
/// # Panics
///
/// When the transport breaks the rule.
pub async fn a_waiting_reader_is_woken<H: Harness>(harness: &H) {
    let (bob, mailbox) = reader(harness).await;
    expect_nothing(&bob).await;
    let hour = Duration::from_secs(3600);
    let read = async { bob.next(hour).await.expect("reachable").expect("an envelope comes") };
    let post = post_numbers(harness, &mailbox, &[7]);
    let both = async { tokio::join!(read, post).0 };
    let delivered = tokio::time::timeout(LONG, both).await.expect("woken");
    assert_eq!(delivered.envelope.as_bytes(), [7]);
}

/// A reader that gives up again and again still gets each envelope once.
///
/// # Panics
///
/// When the transport breaks the rule.
pub async fn nothing_is_lost_by_cancelling<H: Harness>(harness: &H) {
    let (bob, mailbox) = reader(harness).await;
    let numbers: Vec<u8> = (0..MANY).collect();
    post_numbers(harness, &mailbox, &numbers).await;
    let mut read = Vec::new();
    let impatient = async {
        let mut patience = Duration::ZERO;
        while read.len() < numbers.len() {
            match tokio::time::timeout(patience, bob.next(LONG)).await {
                Ok(delivered) => {
                    let delivered = delivered.expect("reachable").expect("an envelope comes");
                    read.push(delivered.envelope.as_bytes()[0]);
                    patience = Duration::ZERO;
                }
                Err(_) => patience += Duration::from_micros(50),
            }
        }
    };
    tokio::time::timeout(LONG, impatient).await.expect("all come");
    read.sort_unstable();
    assert_eq!(read, numbers);
    expect_nothing(&bob).await;
}

/// One endpoint may post and read at once, many times over.
///
/// # Panics
///
/// When the transport breaks the rule.
pub async fn posts_at_once_all_arrive<H: Harness>(harness: &H) {
    let (bob, mailbox) = reader(harness).await;
    let route = route(harness.relay(), &mailbox);
    let envelopes: Vec<[u8; 1]> = (0..MANY).map(|number| [number]).collect();
    let posts = envelopes.iter().map(|envelope| bob.post(&route, post_id(), envelope));
    let read = read_numbers(&bob, envelopes.len());
    let (posted, read) = tokio::join!(try_join_all(posts), read);
    posted.expect("posted");
    assert_eq!(read.into_iter().collect::<BTreeSet<_>>(), (0..MANY).collect());
    expect_nothing(&bob).await;
}

/// The id of a post decides, also after the envelope has been confirmed; not its content.
///
/// # Panics
///
/// When the transport breaks the rule.
pub async fn a_repeated_post_is_stored_once<H: Harness>(harness: &H) {
    let (bob, mailbox) = reader(harness).await;
    let (alice, route) = (harness.endpoint().await, route(harness.relay(), &mailbox));
    let id = post_id();
    alice.post(&route, id, &[1]).await.expect("posted");
    alice.post(&route, id, &[1]).await.expect("repeated");
    let position = expect_next(&bob).await.position;
    expect_nothing(&bob).await;
    bob.confirm(&mailbox.mailbox(), position).await.expect("confirmed");
    alice.post(&route, id, &[1]).await.expect("repeated after it was confirmed");
    expect_nothing(&bob).await;
    alice.post(&route, post_id(), &[1]).await.expect("posted with another id");
    assert_eq!(expect_next(&bob).await.position, position + 1);
}
