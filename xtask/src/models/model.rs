//! A model and what is expected of it, read from the comments beside its queries.

use std::fmt;

use anyhow::{Context as _, Result, bail};

/// What Verifpal says about a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Holds,
    Attack,
}

/// A query with the comments above it.
#[derive(Clone, Debug)]
pub(super) struct Query {
    /// As Verifpal reads it.
    pub(super) text: String,
    /// The claim in words.
    pub(super) claim: String,
    pub(super) expected: Verdict,
    /// `CHAPTER section NUMBER`.
    pub(super) spec: String,
    /// `SECTION [ROW] "words of it"`.
    pub(super) threat: String,
}

/// A model that Verifpal can be asked about.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) name: String,
    /// Runs of each principal side by side.
    pub(super) sessions: u8,
    /// The whole text.
    pub(super) source: String,
    pub(super) queries: Vec<Query>,
}

/// Where the queries begin; nothing may follow them.
pub(super) const QUERIES: &str = "queries[";

impl Model {
    /// # Errors
    ///
    /// When a query lacks one of its comments, or the number of sessions is missing.
    pub(super) fn parse(name: &str, source: &str) -> Result<Self> {
        let (before, after) = source.split_once(QUERIES).context("no queries")?;
        let sessions = field(before.lines(), "sessions").context("no line `// sessions: N`")?;
        let queries = queries(after).with_context(|| format!("the queries of {name}"))?;
        let sessions = sessions.parse().context("the number of sessions")?;
        Ok(Self { name: name.into(), sessions, source: source.into(), queries })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Holds => "holds",
            Self::Attack => "attack found",
        })
    }
}

/// The value of a comment `// NAME: VALUE`.
pub(super) fn field<'t>(lines: impl IntoIterator<Item = &'t str>, name: &str) -> Option<&'t str> {
    lines.into_iter().find_map(|line| {
        let value = line.trim().strip_prefix("// ")?.strip_prefix(name)?.strip_prefix(": ")?;
        Some(value.trim())
    })
}

fn queries(block: &str) -> Result<Vec<Query>> {
    let mut found = Vec::new();
    let mut comments = Vec::new();
    for line in block.lines().map(str::trim) {
        if line.starts_with("//") {
            comments.push(line);
        } else if line.contains('?') {
            found.push(query(line, &comments).with_context(|| line.to_owned())?);
            comments.clear();
        } else if !["", "]"].contains(&line) {
            bail!("a query is one line, and `{line}` is none");
        }
    }
    if found.is_empty() {
        bail!("there is none");
    }
    Ok(found)
}

fn query(text: &str, comments: &[&str]) -> Result<Query> {
    let named = |name| field(comments.iter().copied(), name);
    let expected = match named("expect").context("no line `// expect: …`")? {
        "holds" => Verdict::Holds,
        "attack found" => Verdict::Attack,
        other => bail!("`{other}` cannot be expected"),
    };
    let is_field =
        |line: &&str| ["expect: ", "spec: ", "threat: "].iter().any(|f| line.starts_with(f));
    let words = comments.iter().filter_map(|line| line.strip_prefix("// "));
    let claim: Vec<&str> = words.filter(|line| !is_field(line)).collect();
    if claim.is_empty() {
        bail!("no claim in words");
    }
    Ok(Query {
        text: text.into(),
        claim: claim.join(" "),
        expected,
        spec: named("spec").context("no line `// spec: …`")?.into(),
        threat: named("threat").context("no line `// threat: …`")?.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "// About it.\n// sessions: 2\n\nattacker[active]\n\nqueries[\n\
        \t// nobody reads m\n\t// at all\n\t// expect: holds\n\t// spec: 03 section 5\n\
        \t// threat: 2 Cannot \"read\"\n\tconfidentiality? m\n]\n";

    #[test]
    fn a_query_takes_the_comments_above_it() {
        let model = Model::parse("one", GOOD).unwrap();
        assert_eq!(model.sessions, 2);
        let [query] = model.queries.as_slice() else { panic!("one query") };
        assert_eq!(
            (query.claim.as_str(), query.expected),
            ("nobody reads m at all", Verdict::Holds)
        );
        assert_eq!(
            (query.spec.as_str(), query.threat.as_str()),
            ("03 section 5", "2 Cannot \"read\"")
        );
    }

    #[test]
    fn each_of_the_comments_is_needed() {
        for gone in [
            "// sessions: 2",
            "// expect: holds",
            "// spec: 03 section 5",
            "// threat: 2 Cannot \"read\"",
        ] {
            assert!(Model::parse("one", &GOOD.replace(gone, "")).is_err(), "{gone}");
        }
        let silent = GOOD.replace("// nobody reads m", "").replace("// at all", "");
        assert!(Model::parse("one", &silent).is_err());
        assert!(Model::parse("one", &GOOD.replace("holds", "maybe")).is_err());
        assert!(Model::parse("one", &GOOD.replace("\tconfidentiality? m\n", "")).is_err());
    }
}
