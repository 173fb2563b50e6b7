//! Rows in memory: the reference that other engines are compared with. Nothing survives; for tests and simulations.

use std::collections::{BTreeMap, BTreeSet};

use kuvert_wire::relay::{Delivered, Franked, SealedEnvelope, TokenId};
use kuvert_wire::{
    AccountId, DeviceCert, DeviceKey, MailboxId, MediumPrekey, OneTimePrekey, PostId, PrekeyId,
    Timestamp,
};

use super::{
    Account, Batch, DirectoryRows, EngineError, Heading, Mailbox, MailboxRows, NewMessage, Result,
    Row,
};
use crate::limits::day_of;

/// Rows in sorted maps.
#[derive(Debug, Default)]
pub struct MemoryEngine {
    rows: Rows,
    before_batch: Option<Rows>,
    before_work: Option<Rows>,
}

#[derive(Clone, Debug, Default)]
struct Rows {
    last_row: i64,
    mailboxes: BTreeMap<MailboxId, Row>,
    last_positions: BTreeMap<Row, u64>,
    seen: BTreeMap<Row, Timestamp>,
    tokens: BTreeSet<(Row, TokenId)>,
    messages: BTreeMap<i64, Message>,
    confirmed: BTreeMap<(Row, PostId), Timestamp>,
    accounts: BTreeMap<AccountId, (Account, Timestamp)>,
    prekeys: Vec<(Row, OneTimePrekey)>,
    handed_out: BTreeMap<(Row, PrekeyId), Timestamp>,
}

#[derive(Clone, Debug)]
struct Message {
    mailbox: Row,
    position: u64,
    post_id: PostId,
    received: Timestamp,
    franked: Option<Franked>,
    envelope: Vec<u8>,
}

impl Rows {
    fn next_row(&mut self) -> i64 {
        self.last_row += 1;
        self.last_row
    }

    fn waiting(&self, mailbox: Row) -> impl Iterator<Item = &Message> {
        self.messages.values().filter(move |message| message.mailbox == mailbox)
    }
}

impl Batch for MemoryEngine {
    fn begin(&mut self) -> Result<()> {
        self.before_batch = Some(self.rows.clone());
        Ok(())
    }

    fn mark(&mut self) -> Result<()> {
        self.before_work = Some(self.rows.clone());
        Ok(())
    }

    fn keep(&mut self) -> Result<()> {
        self.before_work = None;
        Ok(())
    }

    fn undo(&mut self) -> Result<()> {
        self.rows = self.before_work.take().ok_or_else(|| EngineError::new("no work to undo"))?;
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        self.before_batch = None;
        Ok(())
    }

    fn shrink(&mut self) -> Result<()> {
        Ok(())
    }

    fn abort(&mut self) {
        if let Some(rows) = self.before_batch.take() {
            self.rows = rows;
        }
    }
}

impl MailboxRows for MemoryEngine {
    fn mailbox(&mut self, id: &MailboxId) -> Result<Option<Mailbox>> {
        let rows = &self.rows;
        Ok(rows.mailboxes.get(id).map(|row| Mailbox {
            row: *row,
            last_position: rows.last_positions[row],
            queued_messages: rows.waiting(*row).map(|_| 1).sum(),
            queued_bytes: rows.waiting(*row).map(|message| size(&message.envelope)).sum(),
            is_guarded: rows.tokens.iter().any(|(mailbox, _)| mailbox == row),
            seen: rows.seen[row],
        }))
    }

    fn create_mailbox(&mut self, id: &MailboxId, now: Timestamp) -> Result<Mailbox> {
        let row = Row(self.rows.next_row());
        self.rows.mailboxes.insert(*id, row);
        self.rows.last_positions.insert(row, 0);
        self.rows.seen.insert(row, day_of(now));
        self.mailbox(id)?.ok_or_else(|| EngineError::new("no mailbox"))
    }

    fn set_tokens(&mut self, mailbox: Row, tokens: &[TokenId]) -> Result<()> {
        self.rows.tokens.retain(|(row, _)| *row != mailbox);
        self.rows.tokens.extend(tokens.iter().map(|token| (mailbox, *token)));
        Ok(())
    }

    fn has_token(&mut self, mailbox: Row, token: &TokenId) -> Result<bool> {
        Ok(self.rows.tokens.contains(&(mailbox, *token)))
    }

    fn set_seen(&mut self, mailbox: Row, day: Timestamp) -> Result<()> {
        self.rows.seen.insert(mailbox, day);
        Ok(())
    }

    fn remove_mailbox(&mut self, mailbox: Row) -> Result<()> {
        self.set_tokens(mailbox, &[])?;
        let rows = &mut self.rows;
        rows.mailboxes.retain(|_, row| *row != mailbox);
        rows.messages.retain(|_, message| message.mailbox != mailbox);
        rows.confirmed.retain(|(row, _), _| *row != mailbox);
        Ok(())
    }

    fn has_post(&mut self, mailbox: Row, post_id: &PostId) -> Result<bool> {
        let waits = self.rows.waiting(mailbox).any(|message| message.post_id == *post_id);
        Ok(waits || self.rows.confirmed.contains_key(&(mailbox, *post_id)))
    }

    fn append(&mut self, mailbox: Row, message: NewMessage<'_>) -> Result<()> {
        let NewMessage { position, post_id, received, franked, envelope } = message;
        let (post_id, envelope) = (*post_id, envelope.to_vec());
        let arrival = self.rows.next_row();
        let message = Message { mailbox, position, post_id, received, franked, envelope };
        self.rows.messages.insert(arrival, message);
        self.rows.last_positions.insert(mailbox, position);
        Ok(())
    }

    fn headings(&mut self, mailbox: Row, after: u64, limit: usize) -> Result<Vec<Heading>> {
        let behind = |message: &Message| message.mailbox == mailbox && message.position > after;
        let behind = self.rows.messages.iter().filter(|(_, message)| behind(message)).take(limit);
        let heading = |(arrival, message): (&i64, &Message)| Heading {
            arrival: *arrival,
            position: message.position,
            len_bytes: message.envelope.len(),
        };
        Ok(behind.map(heading).collect())
    }

    fn delivered(&mut self, mailbox: &MailboxId, heading: Heading) -> Result<Delivered> {
        let message = &self.rows.messages[&heading.arrival];
        Ok(Delivered {
            mailbox: *mailbox,
            position: message.position,
            received: message.received,
            franked: message.franked,
            envelope: SealedEnvelope::new(message.envelope.clone()).map_err(EngineError::new)?,
        })
    }

    fn erase_confirmed(&mut self, mailbox: Row, up_to: u64, now: Timestamp) -> Result<()> {
        let rows = &mut self.rows;
        rows.messages.retain(|_, message| {
            let is_confirmed = message.mailbox == mailbox && message.position <= up_to;
            if is_confirmed {
                rows.confirmed.insert((mailbox, message.post_id), now);
            }
            !is_confirmed
        });
        Ok(())
    }

    fn expire_messages(&mut self, moment: Timestamp, limit: usize) -> Result<usize> {
        let messages = &mut self.rows.messages;
        let expired = messages.iter().take(limit).filter(|(_, message)| message.received < moment);
        let expired: Vec<i64> = expired.map(|(arrival, _)| *arrival).collect();
        messages.retain(|arrival, _| !expired.contains(arrival));
        Ok(expired.len())
    }

    fn forget_posts(&mut self, moment: Timestamp, limit: usize) -> Result<usize> {
        Ok(forget(&mut self.rows.confirmed, moment, limit))
    }

    fn idle_mailboxes(&mut self, moment: Timestamp, limit: usize) -> Result<Vec<Row>> {
        let rows = self.rows.mailboxes.values().copied();
        Ok(rows.filter(|row| self.rows.seen[row] < moment).take(limit).collect())
    }
}

impl DirectoryRows for MemoryEngine {
    fn account(&mut self, id: &AccountId) -> Result<Option<Account>> {
        Ok(self.rows.accounts.get(id).map(|(account, _)| account.clone()))
    }

    fn account_of_device(&mut self, device: &DeviceKey) -> Result<Option<Row>> {
        let accounts = self.rows.accounts.values().map(|(account, _)| account);
        let mut holders = accounts.filter(|account| account.cert.device_key == *device);
        Ok(holders.next().map(|account| account.row))
    }

    fn put_account(
        &mut self,
        id: &AccountId,
        cert: &DeviceCert,
        medium: &MediumPrekey,
        now: Timestamp,
    ) -> Result<Row> {
        let row = match self.account(id)? {
            Some(account) => account.row,
            None => Row(self.rows.next_row()),
        };
        let account = Account { row, cert: cert.clone(), medium: medium.clone() };
        self.rows.accounts.insert(*id, (account, now));
        Ok(row)
    }

    fn clear_prekeys(&mut self, account: Row) -> Result<()> {
        self.rows.prekeys.retain(|(row, _)| *row != account);
        self.rows.handed_out.retain(|(row, _), _| *row != account);
        Ok(())
    }

    fn stock(&mut self, account: Row) -> Result<usize> {
        Ok(self.rows.prekeys.iter().filter(|(row, _)| *row == account).count())
    }

    fn knows_prekey(&mut self, account: Row, id: PrekeyId) -> Result<bool> {
        let is_it = |(row, prekey): &(Row, OneTimePrekey)| *row == account && prekey.id == id;
        let stocked = self.rows.prekeys.iter().any(is_it);
        Ok(stocked || self.rows.handed_out.contains_key(&(account, id)))
    }

    fn add_prekey(&mut self, account: Row, prekey: &OneTimePrekey) -> Result<()> {
        self.rows.prekeys.push((account, prekey.clone()));
        Ok(())
    }

    fn take_prekey(&mut self, account: Row, now: Timestamp) -> Result<Option<OneTimePrekey>> {
        let Some(at) = self.rows.prekeys.iter().position(|(row, _)| *row == account) else {
            return Ok(None);
        };
        let (_, prekey) = self.rows.prekeys.remove(at);
        self.rows.handed_out.insert((account, prekey.id), now);
        Ok(Some(prekey))
    }

    fn expire_accounts(&mut self, moment: Timestamp, limit: usize) -> Result<usize> {
        let accounts = self.rows.accounts.iter().filter(|(_, (_, published))| *published < moment);
        let accounts = accounts.take(limit).map(|(id, (account, _))| (*id, account.row));
        let expired: Vec<(AccountId, Row)> = accounts.collect();
        for (id, row) in &expired {
            self.clear_prekeys(*row)?;
            self.rows.accounts.remove(id);
        }
        Ok(expired.len())
    }

    fn forget_handed_out(&mut self, moment: Timestamp, limit: usize) -> Result<usize> {
        Ok(forget(&mut self.rows.handed_out, moment, limit))
    }
}

/// Removes up to `limit` notes made before `moment`.
fn forget<K: Ord + Copy>(
    notes: &mut BTreeMap<K, Timestamp>,
    moment: Timestamp,
    limit: usize,
) -> usize {
    let old = notes.iter().filter(|(_, at)| **at < moment).take(limit);
    let old: Vec<K> = old.map(|(key, _)| *key).collect();
    notes.retain(|key, _| !old.contains(key));
    old.len()
}

fn size(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
