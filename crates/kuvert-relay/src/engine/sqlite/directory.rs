//! Rows of the directory.

use kuvert_wire::{
    AccountId, Decode, DeviceCert, DeviceKey, Encode, MediumPrekey, OneTimePrekey, PrekeyId,
    Timestamp,
};
use rusqlite::params;

use super::{SqliteEngine, damaged, len, sql, sql_len};
use crate::engine::{Account, DirectoryRows, Result, Row};

impl DirectoryRows for SqliteEngine {
    fn account(&mut self, id: &AccountId) -> Result<Option<Account>> {
        let query = "SELECT id, cert, medium_prekey FROM account WHERE name = ?1";
        let found = self.first(query, [id.as_bytes()], |row| {
            Ok((Row(row.get(0)?), row.get::<_, Vec<u8>>(1)?, row.get::<_, Vec<u8>>(2)?))
        })?;
        let Some((row, cert, medium)) = found else {
            return Ok(None);
        };
        Ok(Some(Account {
            row,
            cert: DeviceCert::decode(&cert).map_err(|_| damaged("account"))?,
            medium: MediumPrekey::decode(&medium).map_err(|_| damaged("account"))?,
        }))
    }

    fn account_of_device(&mut self, device: &DeviceKey) -> Result<Option<Row>> {
        let query = "SELECT id FROM account WHERE device_key = ?1";
        self.first(query, [device.as_bytes()], |row| row.get(0).map(Row))
    }

    fn put_account(
        &mut self,
        id: &AccountId,
        cert: &DeviceCert,
        medium: &MediumPrekey,
        now: Timestamp,
    ) -> Result<Row> {
        let put = "INSERT INTO account (name, device_key, cert, medium_prekey, published)
                   VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT (name) DO UPDATE SET
                       device_key = ?2, cert = ?3, medium_prekey = ?4, published = ?5
                   RETURNING id";
        let now = sql(now.as_millis());
        let device = cert.device_key.as_bytes();
        let params = params![id.as_bytes(), device, cert.encode(), medium.encode(), now];
        Ok(self.statement(put)?.query_row(params, |row| row.get(0).map(Row))?)
    }

    fn clear_prekeys(&mut self, account: Row) -> Result<()> {
        self.change("DELETE FROM one_time_prekey WHERE account = ?1", [account.0])?;
        self.change("DELETE FROM handed_out WHERE account = ?1", [account.0]).map(drop)
    }

    fn stock(&mut self, account: Row) -> Result<usize> {
        let query = "SELECT count(*) FROM one_time_prekey WHERE account = ?1";
        Ok(len(self.statement(query)?.query_row([account.0], |row| row.get(0))?))
    }

    fn knows_prekey(&mut self, account: Row, id: PrekeyId) -> Result<bool> {
        let query = "SELECT 1 FROM one_time_prekey WHERE account = ?1 AND prekey_id = ?2
                     UNION ALL
                     SELECT 1 FROM handed_out WHERE account = ?1 AND prekey_id = ?2";
        let params = [account.0, i64::from(id.number())];
        Ok(self.first(query, params, |_| Ok(()))?.is_some())
    }

    fn add_prekey(&mut self, account: Row, prekey: &OneTimePrekey) -> Result<()> {
        let insert = "INSERT INTO one_time_prekey (account, prekey_id, prekey) VALUES (?1, ?2, ?3)";
        let params = params![account.0, prekey.id.number(), prekey.encode()];
        self.change(insert, params).map(drop)
    }

    fn take_prekey(&mut self, account: Row, now: Timestamp) -> Result<Option<OneTimePrekey>> {
        let take = "DELETE FROM one_time_prekey WHERE id =
                        (SELECT id FROM one_time_prekey WHERE account = ?1 ORDER BY id LIMIT 1)
                    RETURNING prekey";
        let taken: Option<Vec<u8>> = self.first(take, [account.0], |row| row.get(0))?;
        let Some(prekey) = taken else { return Ok(None) };
        let prekey = OneTimePrekey::decode(&prekey).map_err(|_| damaged("one_time_prekey"))?;
        let note = "INSERT INTO handed_out (account, prekey_id, handed_out) VALUES (?1, ?2, ?3)";
        let now = sql(now.as_millis());
        self.change(note, [account.0, i64::from(prekey.id.number()), now])?;
        Ok(Some(prekey))
    }

    fn expire_accounts(&mut self, moment: Timestamp, limit: usize) -> Result<usize> {
        let query = "SELECT id FROM account WHERE published < ?1 ORDER BY published LIMIT ?2";
        let expired: Vec<i64> = {
            let mut statement = self.statement(query)?;
            let params = [sql(moment.as_millis()), sql_len(limit)];
            let rows = statement.query_map(params, |row| row.get(0))?;
            rows.collect::<rusqlite::Result<_>>()?
        };
        for account in &expired {
            self.clear_prekeys(Row(*account))?;
            self.change("DELETE FROM account WHERE id = ?1", [account])?;
        }
        Ok(expired.len())
    }

    fn forget_handed_out(&mut self, moment: Timestamp, limit: usize) -> Result<usize> {
        self.delete_oldest("handed_out", "handed_out", sql(moment.as_millis()), limit)
    }
}
