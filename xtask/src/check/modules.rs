//! Inside the core a module imports only from its left.
//!
//! What counts is any path that begins at the root of the crate: `crate::x`, also in groups, and
//! `super::x` where it climbs that far. Tests may look anywhere. Two promises more are held here:
//! primitives are named in `crypto` only, and wire and core are `no_std`.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::verdict;
use crate::context::Context;
use crate::source::{code_of, files, inline_tests, paths_of_tests};
use crate::steps::Outcome;

/// From left to right. Those in one row know nothing of each other.
const ORDER: &[&[&str]] = &[
    &["limits"],
    &["secret"],
    &["record"],
    &["step"],
    &["rng"],
    &["crypto"],
    &["error"],
    &["at_rest"],
    &["identity"],
    &["prekey"],
    &["agreement", "ratchet", "transcript", "safety_number"],
    &["session"],
    &["device"],
    &["hazmat"],
];

/// The crates of primitives: named in the crypto module, nowhere else.
const PRIMITIVES: &[&str] = &[
    "x25519_dalek",
    "ed25519_dalek",
    "curve25519_dalek",
    "chacha20poly1305",
    "hkdf",
    "hmac",
    "sha2",
    "libcrux_ml_kem",
    "ml_kem",
    "subtle",
];

/// `secret` compares in constant time and needs `subtle` for it.
const NAMES_PRIMITIVES: &[&str] = &["crypto", "secret"];

/// Reads the sources of the core.
pub(crate) fn step(context: &Context) -> Result<Outcome> {
    let source = context.root.join("crates/kuvert-core/src");
    let paths = files(&source)?;
    let tests = paths_of_tests(&paths)?;
    let mut findings = not_no_std(context)?;
    let mut count = 0_usize;
    for path in paths.iter().filter(|path| path.extension().is_some_and(|end| end == "rs")) {
        let module = module_of(path.strip_prefix(&source)?);
        if module.is_empty() || tests.iter().any(|test| path.starts_with(test)) {
            continue;
        }
        count += 1;
        let text = fs::read_to_string(path)?;
        let shown = path.strip_prefix(&context.root)?.display().to_string();
        findings.extend(wrong_imports(&module, &text).into_iter().map(|f| format!("{shown}: {f}")));
    }
    verdict(&findings, format!("{count} files of the core"))
}

/// `a.rs` and `a/mod.rs` are `[a]`, `a/b.rs` is `[a, b]`, `lib.rs` is the root.
fn module_of(path: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        path.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if names.last().is_some_and(|last| last == "mod" || last == "lib") {
        names.pop();
    }
    names
}

fn wrong_imports(module: &[String], source: &str) -> Vec<String> {
    let mut code = code_of(source);
    for range in inline_tests(&code).into_iter().rev() {
        code.replace_range(range, "");
    }
    let own = module[0].as_str();
    let mut findings = Vec::new();
    let Some(own_rank) = rank(own) else {
        return vec![format!("module {own} has no place in the order of modules")];
    };
    for name in imported(module.len(), &code) {
        match rank(&name) {
            _ if name == own => {}
            Some(rank) if rank < own_rank => {}
            Some(_) => findings.push(format!("{own} must not import {name}")),
            None => findings
                .push(format!("{name} is not a module in the order; name the module it is in")),
        }
    }
    if !NAMES_PRIMITIVES.contains(&own) {
        let named = PRIMITIVES.iter().filter(|primitive| has_path(&code, primitive));
        findings.extend(named.map(|primitive| format!("{primitive} is named outside of crypto")));
    }
    findings.sort();
    findings.dedup();
    findings
}

fn rank(module: &str) -> Option<usize> {
    ORDER.iter().position(|row| row.contains(&module))
}

/// `name` stands at the head of a path.
fn has_path(code: &str, name: &str) -> bool {
    let before = |at: usize| code[..at].chars().next_back();
    code.match_indices(&format!("{name}::"))
        .any(|(at, _)| before(at).is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':'))
}

/// The first names of all paths that begin at the root, in a module `depth` below it.
fn imported(depth: usize, code: &str) -> Vec<String> {
    let climb = "super::".repeat(depth);
    let mut names = Vec::new();
    for head in ["crate::", climb.as_str()] {
        for (at, _) in code.match_indices(head) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            names.extend(first_names(&code[at + head.len()..]));
        }
    }
    // In a deeper place `super::` may stop half-way; what it names there is no module of the root.
    names.retain(|name| !matches!(name.as_str(), "super" | "self"));
    names
}

/// `x` of `x::y`, or each of `{x::y, z}`.
fn first_names(rest: &str) -> Vec<String> {
    let Some(group) = rest.strip_prefix('{') else {
        return identifier(rest).into_iter().collect();
    };
    let mut depth = 0_usize;
    let mut parts = vec![String::new()];
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => parts.push(String::new()),
            _ => {}
        }
        if let Some(last) = parts.last_mut()
            && character != ','
        {
            last.push(character);
        }
    }
    parts.iter().filter_map(|part| identifier(part.trim())).collect()
}

fn identifier(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

fn not_no_std(context: &Context) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for name in ["kuvert-wire", "kuvert-core"] {
        let path = context.root.join("crates").join(name).join("src/lib.rs");
        let text =
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        if !code_of(&text).contains("#![no_std]") {
            findings.push(format!("{name} is not no_std"));
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(path: &str, source: &str) -> Vec<String> {
        wrong_imports(&module_of(Path::new(path)), source)
    }

    #[test]
    fn the_left_is_free_and_the_right_is_not() {
        assert!(
            wrong("session/mod.rs", "use crate::ratchet::X; use crate::crypto::{a, b::c};")
                .is_empty()
        );
        assert_eq!(
            wrong("ratchet/pq.rs", "use crate::session::X;"),
            ["ratchet must not import session"]
        );
        assert_eq!(
            wrong("ratchet.rs", "use crate::agreement::X;"),
            ["ratchet must not import agreement"]
        );
    }

    #[test]
    fn groups_inline_paths_and_climbing_count() {
        let grouped = "use crate::{secret::{Secret, Other}, device::Device};";
        assert_eq!(wrong("crypto/mod.rs", grouped), ["crypto must not import device"]);
        assert_eq!(
            wrong("crypto/kdf.rs", "fn f() { crate::device::g() }"),
            ["crypto must not import device"]
        );
        assert_eq!(
            wrong("crypto/kdf.rs", "use super::super::device;"),
            ["crypto must not import device"]
        );
        assert!(wrong("crypto/kdf.rs", "use super::device;").is_empty());
        assert_eq!(wrong("crypto.rs", "use super::device;"), ["crypto must not import device"]);
    }

    #[test]
    fn tests_comments_and_visibility_do_not_count() {
        let source = "// crate::device\n pub(in crate::crypto) fn f() {}\n#[cfg(test)]\nmod tests { use crate::device::D; }";
        assert!(wrong("crypto/kdf.rs", source).is_empty());
    }

    #[test]
    fn unknown_modules_and_names_of_the_root_are_refused() {
        assert_eq!(wrong("misc.rs", ""), ["module misc has no place in the order of modules"]);
        assert!(wrong("session.rs", "use crate::Secret;")[0].starts_with("Secret is not a module"));
    }

    #[test]
    fn primitives_stay_in_crypto() {
        assert!(wrong("crypto/aead.rs", "use chacha20poly1305::Key;").is_empty());
        assert_eq!(wrong("prekey.rs", "use sha2::Sha256;"), ["sha2 is named outside of crypto"]);
    }
}
