//! Tables with names, as the benchmarks print them: `== NAME`, then the table.

use std::fmt;

/// Tables in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sections(Vec<(String, String)>);

impl Sections {
    /// Reads them; what stands before the first is nobody's.
    pub(super) fn parse(text: &str) -> Self {
        let mut sections: Vec<(String, String)> = Vec::new();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("== ") {
                sections.push((name.to_owned(), String::new()));
            } else if let Some((_, table)) = sections.last_mut() {
                table.push_str(line);
                table.push('\n');
            }
        }
        for (_, table) in &mut sections {
            *table = format!("{}\n", table.trim_end());
        }
        Self(sections)
    }

    /// One more.
    pub(super) fn with(mut self, name: &str, table: &str) -> Self {
        self.0.push((name.to_owned(), table.to_owned()));
        self
    }

    /// These, and those.
    pub(super) fn and(mut self, more: Self) -> Self {
        self.0.extend(more.0);
        self
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    pub(super) fn table(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, table)| table.as_str())
    }
}

impl fmt::Display for Sections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, table)| writeln!(f, "== {name}\n{table}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_come_back() {
        let one =
            Sections::default().with("a", "1\n\n2\n").and(Sections::default().with("b", "3\n"));
        let again = Sections::parse(&format!("noise\n{one}"));
        assert_eq!(again, one);
        assert_eq!((again.table("a"), again.table("c")), (Some("1\n\n2\n"), None));
    }
}
