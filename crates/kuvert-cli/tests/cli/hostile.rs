//! A relay that does what it should not.

use rusqlite::{Connection, params};

use crate::person::{Person, pair};
use crate::relay::Relay;

/// Everything that waits: row id and envelope.
fn waiting(database: &Connection) -> Vec<(i64, Vec<u8>)> {
    let mut statement = database.prepare("SELECT id, envelope FROM message ORDER BY id").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

/// A text whose envelope is told by its size from receipts and short messages.
fn long(words: &str) -> String {
    format!("{words} {}", "x".repeat(2000))
}

fn waiting_long(database: &Connection) -> Vec<(i64, Vec<u8>)> {
    waiting(database).into_iter().filter(|(_, envelope)| envelope.len() > 2000).collect()
}

fn replace(database: &Connection, id: i64, envelope: &[u8]) {
    database
        .execute("UPDATE message SET envelope = ?2 WHERE id = ?1", params![id, envelope])
        .unwrap();
}

/// Adds a row like `id`, `n` places behind it, with another envelope.
fn repeat(database: &Connection, id: i64, n: i64, envelope: &[u8]) {
    database
        .execute("CREATE TEMP TABLE copy AS SELECT * FROM message WHERE id = ?1", [id])
        .unwrap();
    let change = "UPDATE copy SET id = id + ?1, position = position + ?1, post_id = randomblob(16),
                  envelope = ?2";
    database.execute(change, params![n, envelope]).unwrap();
    database.execute_batch("INSERT INTO message SELECT * FROM copy; DROP TABLE copy").unwrap();
}

/// A pair in the middle of a conversation: session mailboxes named, ratchets turning.
fn talking(relay: &Relay) -> (Person, Person) {
    let (alice, bob) = pair(relay);
    alice.says(&bob, "hello");
    assert_eq!(bob.hears(1), ["hello"]);
    bob.says(&alice, "hello yourself");
    assert_eq!(alice.hears(1), ["hello yourself"]);
    (alice, bob)
}

#[test]
fn a_flipped_bit_is_refused_and_harms_nothing_else() {
    let mut relay = Relay::start();
    let (alice, bob) = talking(&relay);
    let places = [0_usize, 1, 2, 13, 14, 16, 100, 210, 225, 260, 300, 400, 562];
    for place in places {
        alice.says(&bob, &long(&format!("lost to byte {place}")));
    }
    alice.says(&bob, "and after it");
    relay.tamper(|database| {
        let damaged = waiting_long(database);
        assert_eq!(damaged.len(), places.len());
        for ((id, envelope), place) in damaged.iter().zip(places) {
            let mut envelope = envelope.clone();
            envelope[place] ^= 1;
            replace(database, *id, &envelope);
        }
    });
    assert_eq!(bob.hears_now(), ["and after it"]);
    let status = bob.status();
    let counts = status["dropped"].as_object().unwrap().values();
    let dropped: u64 = counts.map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(dropped + status["waiting"].as_u64().unwrap(), 13, "{status}");
    assert_eq!(status["healing"], serde_json::json!(["alice"]));
    bob.says(&alice, "all well");
    assert_eq!(alice.hears(1), ["all well"]);
}

#[test]
fn a_replay_is_not_shown_again() {
    let mut relay = Relay::start();
    let (alice, bob) = talking(&relay);
    for n in 0..5 {
        alice.says(&bob, &format!("message {n}"));
    }
    let mut copies = Vec::new();
    relay.tamper(|database| copies = waiting(database));
    assert_eq!(bob.hears_now().len(), 5);
    let on = long("and on");
    alice.says(&bob, &on);
    relay.tamper(|database| {
        let (fresh, fresh_envelope) = waiting_long(database).pop().unwrap();
        database.execute("DELETE FROM message WHERE id > ?1", [fresh]).unwrap();
        // The old envelopes come again, before the new one, last first.
        for (n, (_, envelope)) in copies.iter().enumerate() {
            repeat(database, fresh, i64::try_from(n).unwrap() + 1, envelope);
        }
        let last = i64::try_from(copies.len()).unwrap();
        replace(database, fresh, &copies.last().unwrap().1);
        replace(database, fresh + last, &fresh_envelope);
        database
            .execute("UPDATE mailbox SET last_position = last_position + ?1", params![last])
            .unwrap();
    });
    assert_eq!(bob.hears_now(), [on]);
    assert!(bob.status()["dropped"]["Duplicate"].as_u64().unwrap() >= 5);
}

#[test]
fn reordered_messages_all_arrive() {
    let mut relay = Relay::start();
    let (alice, bob) = talking(&relay);
    let said: Vec<_> = (0..6).map(|n| format!("message {n}")).collect();
    for words in &said {
        alice.says(&bob, words);
    }
    relay.tamper(|database| {
        let messages = waiting(database);
        for ((id, _), (_, envelope)) in messages.iter().zip(messages.iter().rev()) {
            replace(database, *id, envelope);
        }
    });
    let mut heard = bob.hears_now();
    heard.sort();
    assert_eq!(heard, said);
}

#[test]
fn swapped_keys_stop_everything_before_a_word_leaves() {
    let mut relay = Relay::start();
    let (alice, bob) = pair(&relay);
    let mallory = Person::at(&relay, "mallory");
    let mallory_device = mallory.ok(&["status"]);
    assert_eq!(mallory_device[0]["relay_reachable"], true);
    relay.tamper(|database| {
        // Bob's name leads to Mallory's certificate and prekeys; the row with most id is Mallory's.
        database
            .execute_batch(
                "UPDATE account SET device_key = randomblob(32) WHERE id = 2;
                 UPDATE account SET
                     cert = (SELECT cert FROM account WHERE id = 3),
                     medium_prekey = (SELECT medium_prekey FROM account WHERE id = 3)
                     WHERE id = 2;
                 DELETE FROM one_time_prekey WHERE account = 2;",
            )
            .unwrap();
    });
    let ran = alice.run(&["send", "bob", "for your eyes only"]);
    ran.refused(3, "does not belong");
    assert!(alice.ok(&["history", "bob"]).is_empty());
    assert_eq!(alice.status()["queued"], 0);
    assert!(mallory.hears_now().is_empty());
    relay.tamper(|database| assert!(waiting(database).is_empty()));
    drop(bob);
}

#[test]
fn keys_swapped_while_a_message_waits_are_found_too() {
    let mut relay = Relay::start();
    let (alice, bob) = pair(&relay);
    relay.kill();
    assert_eq!(alice.says(&bob, "for your eyes only"), "queued");
    relay.tamper(|database| {
        database.execute("UPDATE account SET cert = zeroblob(177) WHERE id = 2", []).unwrap();
        database
            .execute_batch(
                "UPDATE account SET
                     cert = (SELECT cert FROM account WHERE id = 1),
                     medium_prekey = (SELECT medium_prekey FROM account WHERE id = 1)
                     WHERE id = 2;
                 DELETE FROM one_time_prekey WHERE account = 2;",
            )
            .unwrap();
    });
    let lines = alice.ok(&["recv"]);
    assert_eq!(lines[0]["event"], "identity_changed");
    assert_eq!(lines[0]["from"], "bob");
    assert_eq!(alice.status()["queued"], 1, "kept, and not sent");
    relay.tamper(|database| assert!(waiting(database).is_empty()));
}
