//! That the relay cannot decrypt is a fact about what it is built from.

use anyhow::Result;
use xshell::cmd;

use super::verdict;
use crate::context::Context;
use crate::steps::Outcome;

/// What carries envelopes, and the only crate of ours that it may be built from.
const CARRIERS: [&str; 2] = ["kuvert-relay", "kuvert-transport"];
const ALONE: &str = "kuvert-wire";

/// Looks through the whole dependency tree of each carrier, all features on.
pub(crate) fn step(context: &Context) -> Result<Outcome> {
    let mut findings = Vec::new();
    for carrier in CARRIERS {
        let shell = &context.shell;
        let tree = cmd!(
            shell,
            "cargo tree --locked -p {carrier} --all-features -e normal,build --target all --prefix none"
        );
        findings.extend(strangers(carrier, &tree.quiet().read()?));
    }
    verdict(&findings, format!("of ours, {ALONE} alone"))
}

fn strangers(carrier: &str, tree: &str) -> Vec<String> {
    let names = tree.lines().filter_map(|line| line.split_whitespace().next());
    let ours = names.filter(|name| *name == "kuvert" || name.starts_with("kuvert-"));
    let mut strangers: Vec<&str> = ours.filter(|name| ![carrier, ALONE].contains(name)).collect();
    strangers.sort_unstable();
    strangers.dedup();
    strangers.iter().map(|name| format!("{carrier} is built with {name}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_anywhere_in_the_tree_is_found() {
        let tree = "kuvert-relay v0.1.0 (…)\nkuvert-wire v0.1.0 (…)\nsha2 v0.11.0\nkuvert-core v0.1.0 (…)\nkuvert-core v0.1.0 (…) (*)";
        assert_eq!(strangers("kuvert-relay", tree), ["kuvert-relay is built with kuvert-core"]);
        assert!(strangers("kuvert-relay", "kuvert-relay v0.1.0\nkuvert-wire v0.1.0").is_empty());
    }
}
