use kuvert_wire::relay::Refused;

use super::*;
use crate::engine::{MemoryEngine, SqliteEngine};
use crate::keys::{self, Owner, token};

const NONCE: kuvert_wire::relay::Nonce = kuvert_wire::relay::Nonce::from_bytes([1; 32]);
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn proven(number: u8) -> ProvenMailbox {
    ProvenMailbox::by_open(&Owner::new(number).open(&NONCE, &[]), &NONCE).unwrap()
}

fn refusal<T>(result: Result<T>) -> Option<Refusal> {
    match result {
        Err(Failure::Refused(Refused { reason, .. })) => Some(reason),
        Err(Failure::Engine(error)) => panic!("{error}"),
        Ok(_) => None,
    }
}

/// A relay's mailboxes, without the relay.
struct Boxes {
    rows: SqliteEngine,
    keys: FrankingKeys,
    limits: Limits,
}

impl Boxes {
    fn new() -> Self {
        let (rows, keys) = (SqliteEngine::in_memory().unwrap(), keys::franking_keys(1, NOW));
        Self { rows, keys, limits: Limits::default() }
    }

    fn open(&mut self, number: u8, tokens: &[u8]) {
        let tokens: Vec<TokenId> = tokens.iter().map(|number| token_id(&token(*number))).collect();
        open(&mut self.rows, &proven(number), &tokens, NOW).unwrap();
    }

    fn post(&mut self, number: u8, post_id: u8, envelope: &[u8]) -> Result<Posted> {
        self.post_with(number, post_id, None, envelope)
    }

    fn post_with(
        &mut self,
        number: u8,
        post_id: u8,
        with: Option<u8>,
        envelope: &[u8],
    ) -> Result<Posted> {
        let post = Post { token: with.map(token), ..keys::post(id(number), post_id, envelope) };
        super::post(&mut self.rows, &post, &self.keys, NOW, &self.limits)
    }

    fn fetch(&mut self, cursors: &[(u8, u64)], limit: usize) -> Fetched {
        let cursor =
            |(number, position): &(u8, u64)| Cursor { mailbox: id(*number), position: *position };
        let cursors: Vec<Cursor> = cursors.iter().map(cursor).collect();
        fetch(&mut self.rows, &cursors, limit).unwrap()
    }

    fn attach(&mut self, wanted: &[(u8, u64)]) -> Result<Vec<Cursor>> {
        let wanted: Vec<_> =
            wanted.iter().map(|(number, after)| (proven(*number), *after)).collect();
        attach(&mut self.rows, &wanted, NOW)
    }
}

fn id(number: u8) -> MailboxId {
    Owner::new(number).mailbox()
}

/// The first byte of each envelope, with its position.
fn contents(fetched: &Fetched) -> Vec<(u8, u64)> {
    fetched.items.iter().map(|item| (item.envelope.as_bytes()[0], item.position)).collect()
}

#[test]
fn envelopes_wait_in_order_and_keep_their_bytes() {
    let mut boxes = Boxes::new();
    boxes.open(1, &[]);
    for number in 1..=3 {
        assert_eq!(boxes.post(1, number, &[number, 0xee]).unwrap(), Posted::New);
    }
    let fetched = boxes.fetch(&[(1, 0)], 10);
    assert_eq!(contents(&fetched), [(1, 1), (2, 2), (3, 3)]);
    assert!(fetched.more.is_empty());
    let first = &fetched.items[0];
    assert_eq!((first.mailbox, first.received), (id(1), NOW));
    assert_eq!(first.envelope.as_bytes(), [1, 0xee]);
    assert_eq!(contents(&boxes.fetch(&[(1, 2)], 10)), [(3, 3)], "reading on behind a position");
}

/// REL-10
#[test]
fn a_mailbox_that_nobody_opened_does_not_exist() {
    let mut boxes = Boxes::new();
    boxes.open(1, &[]);
    assert_eq!(refusal(boxes.post(2, 1, b"x")), Some(Refusal::NotFound));
    assert_eq!(refusal(boxes.attach(&[(1, 0), (2, 0)])), Some(Refusal::NotFound));
    assert!(boxes.attach(&[(1, 0)]).is_ok());
}

/// REL-11
#[test]
fn a_guarded_mailbox_does_not_exist_without_the_token() {
    let mut boxes = Boxes::new();
    boxes.open(1, &[7, 8]);
    assert_eq!(refusal(boxes.post(1, 1, b"x")), Some(Refusal::NotFound));
    assert_eq!(refusal(boxes.post_with(1, 1, Some(9), b"x")), Some(Refusal::NotFound));
    assert!(boxes.post_with(1, 1, Some(8), b"x").is_ok());

    boxes.open(1, &[9]);
    assert_eq!(refusal(boxes.post_with(1, 2, Some(8), b"x")), Some(Refusal::NotFound));
    assert!(boxes.post_with(1, 2, Some(9), b"x").is_ok(), "tokens were replaced");
    boxes.open(1, &[]);
    assert!(boxes.post(1, 3, b"x").is_ok(), "without tokens it is open to all");
    assert_eq!(boxes.fetch(&[(1, 0)], 10).items.len(), 3, "and nothing was lost");
}

/// REL-12
#[test]
fn a_post_is_stored_once_even_after_it_was_confirmed() {
    let mut boxes = Boxes::new();
    boxes.open(1, &[]);
    boxes.open(2, &[]);
    assert_eq!(boxes.post(1, 5, b"x").unwrap(), Posted::New);
    assert_eq!(boxes.post(1, 5, b"x").unwrap(), Posted::Known);
    assert_eq!(boxes.post(2, 5, b"x").unwrap(), Posted::New, "elsewhere it is another post");
    confirm(&mut boxes.rows, &id(1), 1, NOW).unwrap();
    assert_eq!(boxes.post(1, 5, b"x").unwrap(), Posted::Known);
    assert!(boxes.fetch(&[(1, 0)], 10).items.is_empty());
}

/// REL-13
#[test]
fn a_full_mailbox_takes_nothing_until_its_owner_confirms() {
    let mut boxes = Boxes::new();
    boxes.limits.queued_messages = 2;
    boxes.open(1, &[]);
    assert!(boxes.post(1, 1, b"x").is_ok() && boxes.post(1, 2, b"x").is_ok());
    assert_eq!(refusal(boxes.post(1, 3, b"x")), Some(Refusal::MailboxFull));
    assert_eq!(boxes.post(1, 2, b"x").unwrap(), Posted::Known, "a retry is still answered");
    confirm(&mut boxes.rows, &id(1), 1, NOW).unwrap();
    assert!(boxes.post(1, 3, b"x").is_ok());

    boxes.limits.queued_bytes = 100;
    boxes.open(2, &[]);
    assert!(boxes.post(2, 1, &[0; 60]).is_ok());
    assert_eq!(refusal(boxes.post(2, 2, &[0; 41])), Some(Refusal::MailboxFull));
    assert!(boxes.post(2, 2, &[0; 40]).is_ok());
}

/// REL-14
#[test]
fn confirming_erases_up_to_the_position_and_no_further() {
    let mut boxes = Boxes::new();
    boxes.open(1, &[]);
    boxes.open(2, &[]);
    for number in 1..=4 {
        boxes.post(1, number, &[number]).unwrap();
        boxes.post(2, number, &[number]).unwrap();
    }
    confirm(&mut boxes.rows, &id(1), 2, NOW).unwrap();
    assert_eq!(contents(&boxes.fetch(&[(1, 0)], 10)), [(3, 3), (4, 4)]);
    assert_eq!(boxes.fetch(&[(2, 0)], 10).items.len(), 4);
    confirm(&mut boxes.rows, &id(1), 4, NOW).unwrap();
    boxes.post(1, 5, &[5]).unwrap();
    assert_eq!(contents(&boxes.fetch(&[(1, 0)], 10)), [(5, 5)], "positions are never used again");
}

#[test]
fn mailboxes_are_merged_in_order_of_arrival() {
    let mut boxes = Boxes::new();
    (1..=3).for_each(|number| boxes.open(number, &[]));
    let order = [1, 2, 2, 3, 1, 3, 3, 2, 1];
    for (number, mailbox) in (1..).zip(order) {
        boxes.post(mailbox, number, &[number]).unwrap();
    }
    let mut cursors = [(1, 0), (2, 0), (3, 0)];
    let mut seen = Vec::new();
    loop {
        let fetched = boxes.fetch(&cursors, 2);
        for item in &fetched.items {
            let at = (1..=3).find(|number| id(*number) == item.mailbox).unwrap();
            cursors[usize::from(at) - 1].1 = item.position;
            seen.push(item.envelope.as_bytes()[0]);
        }
        if fetched.more.is_empty() {
            break;
        }
    }
    assert_eq!(seen, (1..=9).collect::<Vec<u8>>());
}

#[test]
fn a_reply_is_bounded_in_number_and_in_bytes() {
    let mut boxes = Boxes::new();
    boxes.open(1, &[]);
    for number in 0..=u8::try_from(MAX_FETCH).unwrap() {
        boxes.post(1, number, &[number]).unwrap();
    }
    let fetched = boxes.fetch(&[(1, 0)], usize::MAX);
    assert_eq!((fetched.items.len(), fetched.more), (MAX_FETCH, vec![id(1)]));

    boxes.open(2, &[]);
    let large = vec![0; kuvert_wire::envelope::MAX_ENVELOPE];
    assert!((1..=5).all(|number| boxes.post(2, number, &large).is_ok()));
    let fetched = boxes.fetch(&[(2, 0)], 64);
    assert_eq!((fetched.items.len(), fetched.more), (3, vec![id(2)]));
    assert_eq!(boxes.fetch(&[(2, 3)], 64).items.len(), 2);
}

#[test]
fn a_position_that_the_mailbox_never_reached_counts_as_none() {
    let mut boxes = Boxes::new();
    boxes.open(1, &[]);
    boxes.post(1, 1, b"x").unwrap();
    let position = |boxes: &mut Boxes, after| boxes.attach(&[(1, after)]).unwrap()[0].position;
    assert_eq!(position(&mut boxes, 1), 1);
    assert_eq!(position(&mut boxes, 2), 0);
    assert_eq!(position(&mut boxes, u64::MAX), 0);
}

#[test]
fn closing_erases_everything() {
    let mut boxes = Boxes::new();
    boxes.open(1, &[7]);
    boxes.post_with(1, 1, Some(7), b"x").unwrap();
    boxes.post_with(1, 2, Some(7), b"x").unwrap();
    confirm(&mut boxes.rows, &id(1), 1, NOW).unwrap();
    close(&mut boxes.rows, &id(1)).unwrap();
    assert_eq!(refusal(boxes.post_with(1, 3, Some(7), b"x")), Some(Refusal::NotFound));
    assert!(boxes.fetch(&[(1, 0)], 10).items.is_empty());
    boxes.open(1, &[]);
    assert_eq!(boxes.post(1, 1, b"x").unwrap(), Posted::New, "nothing of it is remembered");
    close(&mut boxes.rows, &id(2)).unwrap();
}

#[test]
fn a_visit_is_noted_by_the_day_only() {
    let mut rows = MemoryEngine::default();
    open(&mut rows, &proven(1), &[], NOW).unwrap();
    let seen = |rows: &mut MemoryEngine| rows.mailbox(&id(1)).unwrap().unwrap().seen;
    assert_eq!(seen(&mut rows), day_of(NOW));
    let later = NOW.saturating_add(Duration::from_secs(3 * 86_400));
    attach(&mut rows, &[(proven(1), 0)], later).unwrap();
    assert_eq!(seen(&mut rows), day_of(later));
}

/// REL-38
#[test]
fn a_tag_names_the_token_only_where_the_mailbox_asks_for_one() {
    let mut boxes = Boxes::new();
    boxes.open(1, &[7, 8]);
    boxes.open(2, &[]);
    let named = |number| *token_id(&token(number)).as_bytes();
    for (mailbox, post_id, with, from) in [
        (1, 1, Some(7), named(7)),
        (1, 2, Some(8), named(8)),
        (2, 1, None, Franked::FROM_ANYONE),
        (2, 2, Some(7), Franked::FROM_ANYONE),
    ] {
        let envelope = keys::envelope(post_id);
        boxes.post_with(mailbox, post_id, with, &envelope).unwrap();
        let expected = boxes.keys.frank(&envelope, &id(mailbox), from, NOW);
        let delivered = boxes.fetch(&[(mailbox, u64::from(post_id) - 1)], 1).items;
        assert_eq!(delivered[0].franked, expected);
        assert!(expected.is_some_and(|franked| franked.from == from));
    }
}

#[test]
fn what_no_device_would_open_is_carried_without_a_tag() {
    let mut boxes = Boxes::new();
    boxes.open(1, &[7]);
    boxes.post_with(1, 1, Some(7), b"sealed in another way").unwrap();
    assert_eq!(boxes.fetch(&[(1, 0)], 1).items[0].franked, None);
}
