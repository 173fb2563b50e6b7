//! Finding the peer that an argument means, and reading bundles.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use kuvert_core::identity::device_id;
use kuvert_core::prekey::VerifiedBundle;
use kuvert_core::{Device, PeerView, ProtocolError};
use kuvert_wire::{AccountId, Decode, DeviceId, PrekeyBundle, Timestamp};
use serde_json::Value;

use crate::args::ToPeer;
use crate::home::Home;

/// The device that `--peer`-like argument means; without one, the only peer there is.
pub(crate) fn find(home: &Home, argument: &ToPeer) -> Result<DeviceId, ProtocolError> {
    match argument.peer.as_deref() {
        Some(name) => named(&home.device, name),
        None => only(home.device.peers()),
    }
}

/// A peer by a bundle of its, by one of its names in hex, or by the beginning of one.
pub(crate) fn named(device: &Device, name: &str) -> Result<DeviceId, ProtocolError> {
    if Path::new(name).is_file() {
        let id = device_id(&read_bundle(name)?.cert);
        return device.peer(&id).map(|_| id).ok_or(ProtocolError::NoSession);
    }
    let name = name.to_ascii_lowercase();
    only(device.peers().filter(|peer| is_called(peer, &name)))
}

fn is_called(peer: &PeerView<'_>, name: &str) -> bool {
    let names = [
        peer.device_id().to_string(),
        peer.account_id().to_string(),
        peer.account_key().to_string(),
    ];
    names.iter().any(|full| full.starts_with(name))
}

fn only<'a>(mut peers: impl Iterator<Item = PeerView<'a>>) -> Result<DeviceId, ProtocolError> {
    match (peers.next(), peers.next()) {
        (Some(peer), None) => Ok(peer.device_id()),
        _ => Err(ProtocolError::NoSession),
    }
}

/// Reads a bundle and checks it as one of `account`, or of whatever account it names.
pub(crate) fn verified_bundle(
    argument: &str,
    account: Option<AccountId>,
    now: Timestamp,
) -> Result<VerifiedBundle, ProtocolError> {
    let bundle = read_bundle(argument)?;
    let named = kuvert_core::identity::account_id(&bundle.cert.account_key);
    Ok(VerifiedBundle::verify(bundle, &account.unwrap_or(named), now)?)
}

fn read_bundle(argument: &str) -> Result<PrekeyBundle, ProtocolError> {
    let bytes = match argument {
        "-" => read(&mut io::stdin().lock())?,
        _ => match fs::read(argument) {
            Ok(bytes) => bytes,
            Err(_) if hex::decode(argument).is_ok() => argument.as_bytes().to_vec(),
            Err(error) => {
                eprintln!("kuvert-conformance: cannot read the bundle {argument:?}: {error}");
                return Err(ProtocolError::Malformed);
            }
        },
    };
    Ok(PrekeyBundle::decode(&unwrapped(bytes, "bundle"))?)
}

/// All of `input`.
pub(crate) fn read(input: &mut impl Read) -> Result<Vec<u8>, ProtocolError> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).map_err(|_| ProtocolError::Storage)?;
    Ok(bytes)
}

/// The bytes themselves, or what is in them as hex, alone or in `field` of a JSON object.
pub(crate) fn unwrapped(bytes: Vec<u8>, field: &str) -> Vec<u8> {
    let json = serde_json::from_slice::<Value>(&bytes).ok();
    let text = match json.as_ref().and_then(|object| object.get(field)) {
        Some(value) => value.as_str(),
        None => str::from_utf8(&bytes).ok(),
    };
    let decoded = text.and_then(|text| hex::decode(text.trim()).ok());
    decoded.unwrap_or(bytes)
}
