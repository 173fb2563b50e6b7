//! Rows of mailboxes.

use kuvert_wire::relay::{Delivered, Franked, SealedEnvelope, TokenId};
use kuvert_wire::transcript::FrankingTag;
use kuvert_wire::{Decode, Encode, MailboxId, PostId, Timestamp};
use rusqlite::{Row as SqlRow, params};

use super::{SqliteEngine, damaged, len, sql, sql_len, unsigned};
use crate::engine::{Heading, Mailbox, MailboxRows, NewMessage, Result, Row};

impl MailboxRows for SqliteEngine {
    fn mailbox(&mut self, id: &MailboxId) -> Result<Option<Mailbox>> {
        let sql = "SELECT id, last_position, queued_messages, queued_bytes, seen_day,
                          EXISTS (SELECT 1 FROM token WHERE token.mailbox = mailbox.id)
                   FROM mailbox WHERE name = ?1";
        self.first(sql, [id.as_bytes()], read_mailbox)
    }

    fn create_mailbox(&mut self, id: &MailboxId, now: Timestamp) -> Result<Mailbox> {
        let seen = crate::limits::day_of(now);
        let columns = "name, last_position, queued_messages, queued_bytes, seen_day";
        let insert = format!("INSERT INTO mailbox ({columns}) VALUES (?1, 0, 0, 0, ?2)");
        self.change(&insert, params![id.as_bytes(), sql(seen.as_millis())])?;
        Ok(Mailbox {
            row: Row(self.db.last_insert_rowid()),
            last_position: 0,
            queued_messages: 0,
            queued_bytes: 0,
            is_guarded: false,
            seen,
        })
    }

    fn set_tokens(&mut self, mailbox: Row, tokens: &[TokenId]) -> Result<()> {
        self.change("DELETE FROM token WHERE mailbox = ?1", [mailbox.0])?;
        for token in tokens {
            let insert = "INSERT OR IGNORE INTO token (mailbox, token_id) VALUES (?1, ?2)";
            self.change(insert, params![mailbox.0, token.as_bytes()])?;
        }
        Ok(())
    }

    fn has_token(&mut self, mailbox: Row, token: &TokenId) -> Result<bool> {
        let sql = "SELECT 1 FROM token WHERE mailbox = ?1 AND token_id = ?2";
        Ok(self.first(sql, params![mailbox.0, token.as_bytes()], |_| Ok(()))?.is_some())
    }

    fn set_seen(&mut self, mailbox: Row, day: Timestamp) -> Result<()> {
        let update = "UPDATE mailbox SET seen_day = ?2 WHERE id = ?1";
        self.change(update, [mailbox.0, sql(day.as_millis())]).map(drop)
    }

    fn remove_mailbox(&mut self, mailbox: Row) -> Result<()> {
        self.change("DELETE FROM message WHERE mailbox = ?1", [mailbox.0])?;
        self.change("DELETE FROM confirmed_post WHERE mailbox = ?1", [mailbox.0])?;
        self.change("DELETE FROM token WHERE mailbox = ?1", [mailbox.0])?;
        self.change("DELETE FROM mailbox WHERE id = ?1", [mailbox.0]).map(drop)
    }

    fn has_post(&mut self, mailbox: Row, post_id: &PostId) -> Result<bool> {
        let sql = "SELECT 1 FROM message WHERE mailbox = ?1 AND post_id = ?2
                   UNION ALL
                   SELECT 1 FROM confirmed_post WHERE mailbox = ?1 AND post_id = ?2";
        Ok(self.first(sql, params![mailbox.0, post_id.as_bytes()], |_| Ok(()))?.is_some())
    }

    fn append(&mut self, mailbox: Row, message: NewMessage<'_>) -> Result<()> {
        let NewMessage { position, post_id, received, franked, envelope } = message;
        let (position, len_bytes) = (sql(position), sql_len(envelope.len()));
        let received = sql(received.as_millis());
        let insert = "INSERT INTO message
                          (mailbox, position, post_id, received, len_bytes, envelope, token_id, tag)
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let post_id = post_id.as_bytes();
        let tag = franked.map(|franked| franked.tag.encode());
        let token =
            franked.map(|franked| franked.from).filter(|from| *from != Franked::FROM_ANYONE);
        let row = params![mailbox.0, position, post_id, received, len_bytes, envelope, token, tag];
        self.change(insert, row)?;
        let update = "UPDATE mailbox SET last_position = ?2,
                          queued_messages = queued_messages + 1, queued_bytes = queued_bytes + ?3
                      WHERE id = ?1";
        self.change(update, [mailbox.0, position, len_bytes]).map(drop)
    }

    fn headings(&mut self, mailbox: Row, after: u64, limit: usize) -> Result<Vec<Heading>> {
        let query = "SELECT id, position, len_bytes FROM message
                     WHERE mailbox = ?1 AND position > ?2 ORDER BY position LIMIT ?3";
        let mut statement = self.statement(query)?;
        let headings = statement.query_map([mailbox.0, sql(after), sql_len(limit)], |row| {
            let (position, len_bytes) = (unsigned(row.get(1)?), len(row.get(2)?));
            Ok(Heading { arrival: row.get(0)?, position, len_bytes })
        })?;
        Ok(headings.collect::<rusqlite::Result<_>>()?)
    }

    fn delivered(&mut self, mailbox: &MailboxId, heading: Heading) -> Result<Delivered> {
        let query = "SELECT received, envelope, token_id, tag FROM message WHERE id = ?1";
        let read = |row: &SqlRow<'_>| {
            let franked = franked(row.get(2)?, row.get(3)?);
            Ok((unsigned(row.get(0)?), row.get(1)?, franked))
        };
        let (received, envelope, franked): (u64, Vec<u8>, Option<Franked>) =
            self.first(query, [heading.arrival], read)?.ok_or_else(|| damaged("message"))?;
        Ok(Delivered {
            mailbox: *mailbox,
            position: heading.position,
            received: Timestamp::from_millis(received),
            franked,
            envelope: SealedEnvelope::new(envelope).map_err(|_| damaged("message"))?,
        })
    }

    fn erase_confirmed(&mut self, mailbox: Row, up_to: u64, now: Timestamp) -> Result<()> {
        let (up_to, now) = (sql(up_to), sql(now.as_millis()));
        let remember = "INSERT OR IGNORE INTO confirmed_post (mailbox, post_id, confirmed)
                        SELECT mailbox, post_id, ?3 FROM message
                        WHERE mailbox = ?1 AND position <= ?2 ORDER BY position";
        self.change(remember, [mailbox.0, up_to, now])?;
        let uncount = "UPDATE mailbox SET
                           queued_messages = queued_messages - gone.messages,
                           queued_bytes = queued_bytes - gone.bytes
                       FROM (SELECT count(*) AS messages, coalesce(sum(len_bytes), 0) AS bytes
                             FROM message WHERE mailbox = ?1 AND position <= ?2) AS gone
                       WHERE id = ?1";
        self.change(uncount, [mailbox.0, up_to])?;
        let erase = "DELETE FROM message WHERE mailbox = ?1 AND position <= ?2";
        self.change(erase, [mailbox.0, up_to]).map(drop)
    }

    fn expire_messages(&mut self, moment: Timestamp, limit: usize) -> Result<usize> {
        let oldest = "SELECT id, mailbox, position, received FROM message ORDER BY id LIMIT ?1";
        let expired: Vec<(i64, i64)> = {
            let mut statement = self.statement(oldest)?;
            let rows = statement.query_map([sql_len(limit)], |row| {
                Ok((row.get(0)?, row.get(1)?, unsigned(row.get(3)?)))
            })?;
            let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter();
            rows.take_while(|(_, _, received)| *received < moment.as_millis())
                .map(|(message, mailbox, _)| (message, mailbox))
                .collect()
        };
        for (message, mailbox) in &expired {
            let uncount = "UPDATE mailbox SET queued_messages = queued_messages - 1,
                               queued_bytes = queued_bytes -
                                   (SELECT len_bytes FROM message WHERE id = ?1)
                           WHERE id = ?2";
            self.change(uncount, [message, mailbox])?;
            self.change("DELETE FROM message WHERE id = ?1", [message])?;
        }
        Ok(expired.len())
    }

    fn forget_posts(&mut self, moment: Timestamp, limit: usize) -> Result<usize> {
        self.delete_oldest("confirmed_post", "confirmed", sql(moment.as_millis()), limit)
    }

    fn idle_mailboxes(&mut self, moment: Timestamp, limit: usize) -> Result<Vec<Row>> {
        let query = "SELECT id FROM mailbox WHERE seen_day < ?1 ORDER BY seen_day LIMIT ?2";
        let mut statement = self.statement(query)?;
        let params = [sql(moment.as_millis()), sql_len(limit)];
        let rows = statement.query_map(params, |row| row.get(0).map(Row))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

/// What was stored beside an envelope; nothing by a relay that made no tags.
fn franked(token: Option<[u8; 32]>, tag: Option<Vec<u8>>) -> Option<Franked> {
    let tag = FrankingTag::decode(&tag?).ok()?;
    Some(Franked { from: token.unwrap_or(Franked::FROM_ANYONE), tag })
}

fn read_mailbox(row: &SqlRow<'_>) -> rusqlite::Result<Mailbox> {
    Ok(Mailbox {
        row: Row(row.get(0)?),
        last_position: unsigned(row.get(1)?),
        queued_messages: unsigned(row.get(2)?),
        queued_bytes: unsigned(row.get(3)?),
        seen: Timestamp::from_millis(unsigned(row.get(4)?)),
        is_guarded: row.get(5)?,
    })
}
