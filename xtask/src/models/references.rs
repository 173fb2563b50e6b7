//! The places of the specification and of the threat model that queries name.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::model::{Model, Query};
use crate::source::files;

/// The chapters, by the first two letters of their file names, and the threat model.
#[derive(Debug)]
pub(super) struct References {
    chapters: Vec<(String, String)>,
    threats: String,
}

impl References {
    /// # Errors
    ///
    /// When the specification cannot be read.
    pub(super) fn read(spec: &Path) -> Result<Self> {
        let mut chapters = Vec::new();
        for path in files(spec)?.iter().filter(|path| path.parent() == Some(spec)) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            chapters.push((name, fs::read_to_string(path)?));
        }
        let threats = fs::read_to_string(spec.join("threat-model.md"))?;
        Ok(Self { chapters, threats })
    }

    /// # Errors
    ///
    /// When a query of the model names a section or words that are not there.
    pub(super) fn check(&self, model: &Model) -> Result<()> {
        for query in &model.queries {
            self.chapter(query).with_context(|| format!("spec: {}", query.spec))?;
            self.threat(&query.threat).with_context(|| format!("threat: {}", query.threat))?;
        }
        Ok(())
    }

    fn chapter(&self, query: &Query) -> Result<()> {
        let (chapter, section) = query.spec.split_once(" section ").context("no section")?;
        let named = |(name, _): &&(String, String)| name.starts_with(&format!("{chapter}-"));
        let (_, text) = self.chapters.iter().find(named).context("no such chapter")?;
        section_of(text, section).map(|_| ())
    }

    /// `SECTION "words"`, or `SECTION ROW "words"` for words in a table row that begins with ROW.
    fn threat(&self, place: &str) -> Result<()> {
        let (head, words) = place.split_once(" \"").context("no words quoted")?;
        let words = words.strip_suffix('"').context("the quotation has no end")?;
        let (section, row) = head.split_once(' ').unwrap_or((head, ""));
        let text = section_of(&self.threats, section)?;
        let found = if row.is_empty() {
            one_line(text).contains(words)
        } else {
            let begin = format!("| {row} |");
            text.lines().any(|line| line.starts_with(&begin) && line.contains(words))
        };
        if found { Ok(()) } else { bail!("the threat model does not say so there") }
    }
}

/// From the heading with this number to the next one of the same depth.
fn section_of<'t>(text: &'t str, number: &str) -> Result<&'t str> {
    let (mark, dot) = if number.contains('.') { ("### ", " ") } else { ("## ", ". ") };
    let heading = format!("\n{mark}{number}{dot}");
    let (_, after) = text.split_once(&heading).context("no such section")?;
    Ok(after.split(&format!("\n{mark}")).next().unwrap_or(after))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references() -> References {
        let chapter = "# 03\n\n## 1. Inputs\n\n## 9. More\n\n### 9.2 Objects\n\ntext\n";
        let threats = "# T\n\n## 2. The network\n\n| Can | see |\n| Cannot | read or alter |\n\n\
                       ## 10. Deniability\n\nwords over\ntwo lines\n";
        References {
            chapters: vec![("03-agreement.md".into(), chapter.into())],
            threats: threats.into(),
        }
    }

    #[test]
    fn words_are_looked_up_where_they_are_said_to_stand() {
        let references = references();
        assert!(references.threat("2 Cannot \"read or alter\"").is_ok());
        assert!(references.threat("10 \"over two lines\"").is_ok());
        for wrong in
            ["2 Can \"read or alter\"", "2 Cannot \"see\"", "3 \"words\"", "2 \"words\"", "2 Can"]
        {
            assert!(references.threat(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sections_are_looked_up() {
        let text = &references().chapters[0].1;
        assert!(section_of(text, "1").is_ok() && section_of(text, "9.2").is_ok());
        assert!(section_of(text, "2").is_err() && section_of(text, "9.3").is_err());
    }
}
