//! No public type of the core, the stores and the façade shows a secret or what was said: two people
//! talk, every value that comes by is printed, and the print is searched.
//!
//! Which types there are is read from the source. A type that is neither shown here nor listed as one
//! that holds nothing makes the test fail.

#![cfg(feature = "sim")]
#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

mod chance;
mod plain;
mod source;
mod spelling;
mod talk;

use std::any::type_name;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use chance::Drawn;
use spelling::spellings;

/// What was printed, and of which types.
#[derive(Default)]
pub(crate) struct Shown {
    text: String,
    types: BTreeSet<(String, String)>,
}

impl Shown {
    /// Prints a value in both forms.
    pub(crate) fn debug<T: Debug>(&mut self, value: &T) {
        self.text += &format!("{value:?}\n{value:#?}\n");
        self.types.extend(named(type_name::<T>()));
    }

    /// Prints what a value says of itself to a person.
    pub(crate) fn text(&mut self, text: &str) {
        self.text += text;
        self.text.push('\n');
    }
}

/// The types in a type's name, each with its crate: `kuvert_core::step::Step<…>` is `Step` of the core.
fn named(name: &str) -> impl Iterator<Item = (String, String)> {
    let paths = name.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    paths.filter_map(|path| {
        let (krate, rest) = path.split_once("::")?;
        Some((krate.replace('_', "-"), rest.rsplit("::").next()?.to_owned()))
    })
}

/// Where a secret is spelled in what was printed.
fn leaks(text: &str, secrets: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let mut found = Vec::new();
    for (name, secret) in secrets {
        let spelled = spellings(secret).filter(|(_, spelling)| text.contains(spelling));
        found.extend(spelled.map(|(how, spelling)| format!("{name} {how}: {spelling}")));
    }
    found
}

#[test]
fn nothing_printed_has_a_secret() {
    let (mut shown, drawn) = (Shown::default(), Drawn::default());
    let secrets = talk::talk(&mut shown, &drawn);
    assert!(secrets.len() > 100, "{} secrets", secrets.len());
    assert_eq!(leaks(&shown.text, &secrets), Vec::<String>::new());
}

#[test]
fn every_public_type_is_shown_or_holds_nothing() {
    let mut shown = Shown::default();
    talk::talk(&mut shown, &Drawn::default());
    let plain = plain::PLAIN.iter().flat_map(|(krate, names)| {
        names.split_whitespace().map(|name| ((*krate).to_owned(), name.to_owned()))
    });
    let plain: BTreeSet<_> = plain.collect();
    let public = source::public_types();
    let missing: Vec<_> =
        public.iter().filter(|one| !shown.types.contains(one) && !plain.contains(one)).collect();
    assert!(missing.is_empty(), "neither shown nor known to hold nothing: {missing:?}");
    let gone: Vec<_> = plain.difference(&public).collect();
    assert!(gone.is_empty(), "listed and no longer there: {gone:?}");
}

/// The search bites: each spelling of a secret is found.
#[test]
fn a_secret_is_found_in_every_spelling() {
    let secret: Vec<u8> = (0..32_u8).map(|n| n.wrapping_mul(7) ^ 0xa5).collect();
    let secrets = BTreeMap::from([("it".to_owned(), secret.clone())]);
    let list = format!("{secret:?}");
    let upper: String = secret.iter().map(|byte| format!("{byte:02X}")).collect();
    for text in [list, format!("{secret:#?}"), format!("{secret:x?}"), hex::encode(&secret), upper]
    {
        assert!(!leaks(&text, &secrets).is_empty(), "{text}");
    }
    let spelled: Vec<_> = spellings(&secret).collect();
    for (how, spelling) in spelled {
        assert!(!leaks(&format!("<{spelling}>"), &secrets).is_empty(), "{how}");
    }
}
