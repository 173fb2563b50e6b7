//! Addresses: where an account can be reached, and who must answer there.
//!
//! `kuvert://HOST[:PORT]/<52 base32 characters>`: the relay and the account id. The id is a hash of the account key, so
//! an address certifies itself; there is one spelling for each address.
//!
//! # Spec
//!
//! `spec/00-conventions.md`, "Addresses"; check COD-6.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use crate::id::AccountId;

const SCHEME: &str = "kuvert://";
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// Characters of an account id: 256 bits in groups of 5, the last one with 4 unused bits.
const ID_CHARS: usize = 52;
const MAX_HOST_LEN: usize = 200;

/// Why a text is not an address, or not a relay's URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It does not begin with `kuvert://` (or `ws://`, `wss://` for a relay).
    #[error("it does not begin with kuvert:// (a relay: ws:// or wss://)")]
    Scheme,
    /// The host is empty, too long, or has characters that no host has.
    #[error("its host name is not valid")]
    Host,
    /// The port is not a number from 1 to 65535 in its shortest form, or is the default one.
    #[error("its port is not valid")]
    Port,
    /// The account id is not 52 lower-case base32 characters.
    #[error("its account id is not 52 lower-case base32 characters")]
    AccountId,
    /// `ws://` (not encrypted) to a host that is not this machine.
    #[error("ws:// is for this machine only: use wss://")]
    Unencrypted,
    /// `wss://` to this machine, which needs no certificate and has none.
    #[error("wss:// is not for this machine: use ws://")]
    Loopback,
}

/// A relay's WebSocket endpoint: `wss://HOST[:PORT]`, or `ws://` on this machine's loopback.
///
/// The scheme follows from the host, so that an address need not carry it and nothing can be downgraded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelayUrl {
    host: String,
    port: Option<u16>,
}

impl RelayUrl {
    /// The host name or IP address; IPv6 in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port: the one given, else 443, or 80 on loopback.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or_else(|| self.default_port())
    }

    /// Whether the host is this machine: `localhost`, 127.0.0.0/8 or `[::1]`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let name = self.host.as_str();
        let is_v4 = name.parse::<core::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback());
        is_v4 || name == "[::1]" || name == "localhost" || name.ends_with(".localhost")
    }

    fn default_port(&self) -> u16 {
        if self.is_loopback() { 80 } else { 443 }
    }

    /// `HOST[:PORT]`, as in an address.
    fn from_authority(authority: &str) -> Result<Self, AddressError> {
        let (host, port) = split_port(authority)?;
        if !is_host(host) {
            return Err(AddressError::Host); // COD-6
        }
        let url = Self { host: host.to_owned(), port };
        match port {
            Some(port) if port == url.default_port() => Err(AddressError::Port), // COD-6
            _ => Ok(url),
        }
    }

    fn fmt_authority(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Display for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_loopback() { "ws://" } else { "wss://" })?;
        self.fmt_authority(f)
    }
}

impl FromStr for RelayUrl {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let (encrypted, authority) = match (text.strip_prefix("wss://"), text.strip_prefix("ws://"))
        {
            (Some(authority), _) => (true, authority),
            (_, Some(authority)) => (false, authority),
            _ => return Err(AddressError::Scheme),
        };
        let url = Self::from_authority(authority)?;
        match (encrypted, url.is_loopback()) {
            (false, false) => Err(AddressError::Unencrypted),
            (true, true) => Err(AddressError::Loopback),
            _ => Ok(url),
        }
    }
}

/// Where an account can be reached. Two addresses are equal exactly if their texts are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The relay that holds the account's front door and prekeys.
    pub relay: RelayUrl,
    /// Who must answer there.
    pub account: AccountId,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCHEME)?;
        self.relay.fmt_authority(f)?;
        f.write_str("/")?;
        f.write_str(&base32(self.account.as_bytes()))
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let rest = text.strip_prefix(SCHEME).ok_or(AddressError::Scheme)?; // COD-6
        let (authority, id) = rest.split_once('/').ok_or(AddressError::AccountId)?;
        let relay = RelayUrl::from_authority(authority)?;
        let account = unbase32(id).ok_or(AddressError::AccountId)?; // COD-6
        Ok(Self { relay, account: AccountId::from_bytes(account) })
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), AddressError> {
    let host_end = authority.rfind(']').unwrap_or(0);
    match authority[host_end..].find(':') {
        None => Ok((authority, None)),
        Some(colon) => {
            let (host, port) = authority.split_at(host_end + colon);
            parse_port(&port[1..]).map(|port| (host, Some(port)))
        }
    }
}

/// A port in its shortest decimal form.
fn parse_port(text: &str) -> Result<u16, AddressError> {
    let is_shortest = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| is_shortest).ok_or(AddressError::Port)
}

/// Whether `host` is an IPv6 address in brackets, or made of what names and IPv4 addresses are made of.
fn is_host(host: &str) -> bool {
    if let Some(v6) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return v6
            .parse::<core::net::Ipv6Addr>()
            .is_ok_and(|v6_address| alloc::format!("{v6_address}") == v6);
    }
    let is_name_byte = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    let is_label = |label: &str| !label.is_empty() && !label.starts_with('-');
    host.len() <= MAX_HOST_LEN && host.bytes().all(is_name_byte) && host.split('.').all(is_label)
}

fn base32(bytes: &[u8; 32]) -> String {
    (0..ID_CHARS).map(|i| char::from(ALPHABET[usize::from(five_bits(bytes, i * 5))])).collect()
}

/// The five bits from bit `at` on, zeros past the end.
fn five_bits(bytes: &[u8; 32], at: usize) -> u8 {
    let byte = |index: usize| u16::from(bytes.get(index).copied().unwrap_or(0));
    let pair = (byte(at / 8) << 8) | byte(at / 8 + 1);
    let [_, low] = (pair >> (11 - at % 8)).to_be_bytes();
    low & 31
}

fn unbase32(text: &str) -> Option<[u8; 32]> {
    if text.len() != ID_CHARS {
        return None;
    }
    let mut out = [0; 32];
    for (i, character) in text.bytes().enumerate() {
        let value = ALPHABET.iter().position(|&letter| letter == character)?;
        let pair = u16::try_from(value).ok()? << (11 - i * 5 % 8);
        let [high, low] = pair.to_be_bytes();
        out[i * 5 / 8] |= high;
        if let Some(next) = out.get_mut(i * 5 / 8 + 1) {
            *next |= low;
        }
    }
    // Also refuses unused bits that are not zero.
    (base32(&out) == text).then_some(out)
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    fn id_text() -> String {
        base32(&core::array::from_fn(|i| u8::try_from(i * 7).unwrap_or(255)))
    }

    #[test]
    fn addresses_round_trip() {
        for authority in ["relay.example", "relay.example:8443", "127.0.0.1:4000", "[::1]:9"] {
            let text = format!("kuvert://{authority}/{}", id_text());
            let address: Address = text.parse().expect("valid");
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn base32_matches_a_known_answer() {
        let mut bytes = [0; 32];
        bytes[..6].copy_from_slice(b"foobar");
        assert!(base32(&bytes).starts_with("mzxw6ytboi"), "RFC 4648, section 10");
    }

    /// COD-6
    #[test]
    fn another_spelling_is_refused() {
        let id = id_text();
        let cases = [
            (format!("http://relay.example/{id}"), AddressError::Scheme),
            (format!("KUVERT://relay.example/{id}"), AddressError::Scheme),
            (format!("kuvert:///{id}"), AddressError::Host),
            (format!("kuvert://Relay.example/{id}"), AddressError::Host),
            (format!("kuvert://relay..example/{id}"), AddressError::Host),
            (format!("kuvert://user@relay.example/{id}"), AddressError::Host),
            (format!("kuvert://relay.example:443/{id}"), AddressError::Port),
            (format!("kuvert://relay.example:08443/{id}"), AddressError::Port),
            (format!("kuvert://relay.example:0/{id}"), AddressError::Port),
            (format!("kuvert://relay.example:99999/{id}"), AddressError::Port),
            (format!("kuvert://relay.example/{}", id.to_uppercase()), AddressError::AccountId),
            (format!("kuvert://relay.example/{}", &id[1..]), AddressError::AccountId),
            (format!("kuvert://relay.example/{id}/"), AddressError::AccountId),
            (format!("kuvert://relay.example/{}1", &id[..51]), AddressError::AccountId),
            (format!("kuvert://relay.example/{}b", &id[..51]), AddressError::AccountId),
            ("kuvert://relay.example".into(), AddressError::AccountId),
            (String::new(), AddressError::Scheme),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Address>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_port_is_the_one_given_or_the_default_of_the_host() {
        for (text, host, port) in [
            ("wss://relay.example", "relay.example", 443),
            ("wss://relay.example:8443", "relay.example", 8443),
            ("ws://localhost", "localhost", 80),
            ("ws://[::1]:9", "[::1]", 9),
        ] {
            let relay: RelayUrl = text.parse().expect("valid");
            assert_eq!((relay.host(), relay.port()), (host, port));
        }
    }

    #[test]
    fn the_scheme_follows_from_the_host() {
        let relay = |text: &str| text.parse::<RelayUrl>();
        for text in ["ws://127.0.0.1:4000", "ws://localhost", "ws://[::1]:8080", "wss://a.example"]
        {
            assert_eq!(relay(text).expect("valid").to_string(), text);
        }
        assert_eq!(relay("wss://a.example/"), relay("wss://a.example"));
        assert_eq!(relay("ws://relay.example"), Err(AddressError::Unencrypted));
        assert_eq!(relay("wss://127.0.0.1:4000"), Err(AddressError::Loopback));
        assert_eq!(relay("https://relay.example"), Err(AddressError::Scheme));
    }
}
