//! The rules of the directory of prekeys.
//!
//! An account has one device. Its one-time prekeys leave the relay once each: taking one out and noting its id happen in
//! the batch that is durable before the prekey is sent, so that no crash and no retry brings it back. When none is left,
//! or someone asks for too many, the bundle goes out without: the medium-term prekey is the last resort, never an error.
//!
//! # Spec
//!
//! `spec/08-relay.md`, "Directory"; checks REL-17 to REL-22.

use kuvert_wire::relay::{Publish, Refusal};
use kuvert_wire::{AccountId, DeviceCert, OneTimePrekey, PrekeyBundle, Timestamp};

use crate::engine::{Account, DirectoryRows, Engine, Row};
use crate::limits::Limits;
use crate::mailbox;
use crate::outcome::Failure;
use crate::proof::{ProvenDevice, ProvenPublish};

type Result<T> = std::result::Result<T, Failure>;

/// Takes a device's certificate and prekeys into the directory, and opens its front door.
///
/// One-time prekeys that the relay has seen before, be they in stock or handed out, are passed over: a client that has
/// not heard the answer may publish the same again. Another device of the account needs a certificate issued later; it
/// begins with an empty stock.
///
/// # Errors
///
/// [`Refusal::NotOwner`] when a newer device holds the account or another account this device; [`Refusal::TooMany`]
/// above the limit in stock; [`Failure::Engine`].
pub fn publish<E: Engine + ?Sized>(
    rows: &mut E,
    proven: &ProvenPublish,
    now: Timestamp,
    limits: &Limits,
) -> Result<()> {
    let Publish { cert, medium, one_time, .. } = proven.contents();
    let current = rows.account(proven.account())?;
    let device_holder = rows.account_of_device(&cert.device_key)?;
    if device_holder.is_some_and(|row| Some(row) != current.as_ref().map(|account| account.row)) {
        return Err(Refusal::NotOwner.into()); // REL-18
    }
    let replaces = match &current {
        Some(account) => replaces_device(account, cert)?,
        None => false,
    };
    let row = rows.put_account(proven.account(), cert, medium, now)?;
    if replaces {
        rows.clear_prekeys(row)?;
    }
    for prekey in one_time.iter() {
        if !rows.knows_prekey(row, prekey.id)? {
            rows.add_prekey(row, prekey)?;
        }
    }
    if rows.stock(row)? > limits.one_time_prekeys {
        return Err(Refusal::TooMany.into()); // REL-22
    }
    mailbox::visit(rows, proven.front_door().id(), now).map(drop)
}

/// Whether `cert` is another device than the account's current one; a device that was replaced cannot come back.
fn replaces_device(current: &Account, cert: &DeviceCert) -> Result<bool> {
    let same_device = current.cert.device_key == cert.device_key
        && current.cert.identity_key == cert.identity_key;
    let later = cert.issued > current.cert.issued;
    if later || (same_device && cert.issued == current.cert.issued) {
        return Ok(!same_device);
    }
    Err(Refusal::NotOwner.into()) // REL-18
}

/// How many one-time prekeys of this device are left; 0 for one that has not published.
///
/// # Errors
///
/// [`Failure::Engine`].
pub fn stock<R: DirectoryRows + ?Sized>(rows: &mut R, device: &ProvenDevice) -> Result<u16> {
    let Some(account) = rows.account_of_device(device.key())? else {
        return Ok(0);
    };
    Ok(u16::try_from(rows.stock(account)?).unwrap_or(u16::MAX))
}

/// The prekeys of an account; with a one-time prekey if `may_take` and one is left, which then never leaves again.
///
/// # Errors
///
/// [`Refusal::NotFound`] for an account that has not published; [`Failure::Engine`].
pub fn bundle<R: DirectoryRows + ?Sized>(
    rows: &mut R,
    account: &AccountId,
    may_take: bool,
    now: Timestamp,
) -> Result<PrekeyBundle> {
    let Account { row, cert, medium } = rows.account(account)?.ok_or(Refusal::NotFound)?;
    let one_time = take(rows, row, may_take, now)?;
    Ok(PrekeyBundle { cert, medium, one_time })
}

fn take<R: DirectoryRows + ?Sized>(
    rows: &mut R,
    account: Row,
    may_take: bool,
    now: Timestamp,
) -> Result<Option<OneTimePrekey>> {
    if !may_take {
        return Ok(None);
    }
    Ok(rows.take_prekey(account, now)?) // REL-21
}

#[cfg(test)]
mod tests;
