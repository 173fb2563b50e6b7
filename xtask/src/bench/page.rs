//! The tables of `docs/performance.md`, which nobody types.

use std::fs;

use anyhow::{Context as _, Result, bail};

use super::sections::Sections;
use crate::context::Context;

const PAGE: &str = "docs/performance.md";
const END: &str = "<!-- end -->";

/// Puts each table where the page wants it.
///
/// # Errors
///
/// When the page wants a table that there is not, or has no place for one.
pub(super) fn fill(context: &Context, sections: &Sections) -> Result<()> {
    let path = context.root.join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| format!("reading {PAGE}"))?;
    fs::write(&path, filled(&page, sections)?)?;
    println!("{PAGE} has the new tables");
    Ok(())
}

fn filled(page: &str, sections: &Sections) -> Result<String> {
    let mut text = page.to_owned();
    for name in sections.names() {
        let begin = format!("<!-- bench: {name} -->\n");
        let place = text.find(&begin).map(|at| at + begin.len());
        let place = place.with_context(|| format!("{PAGE} has no place for `{name}`"))?;
        let len = text[place..].find(END).with_context(|| format!("`{name}` does not end"))?;
        let table = sections.table(name).unwrap_or_default();
        text.replace_range(place..place + len, &format!("\n```text\n{table}```\n\n"));
    }
    let wanted = text.matches("<!-- bench: ").count();
    if wanted != sections.names().count() {
        bail!("{PAGE} wants {wanted} tables, there are {}", sections.names().count());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str =
        "# A\n<!-- bench: a -->\nold\n<!-- end -->\nB\n<!-- bench: b -->\n<!-- end -->\n";

    #[test]
    fn tables_come_between_their_marks_and_can_be_filled_again() {
        let sections = Sections::default().with("b", "2\n").with("a", "1\n");
        let page = filled(EMPTY, &sections).unwrap();
        let (a, b) = ("\n```text\n1\n```\n\n", "\n```text\n2\n```\n\n");
        let expected = format!(
            "# A\n<!-- bench: a -->\n{a}<!-- end -->\nB\n<!-- bench: b -->\n{b}<!-- end -->\n"
        );
        assert_eq!(page, expected);
        assert_eq!(filled(&page, &sections).unwrap(), expected);
    }

    #[test]
    fn a_table_too_many_or_too_few_is_an_error() {
        assert!(filled(EMPTY, &Sections::default().with("a", "1\n")).is_err());
        let three = Sections::default().with("a", "1\n").with("b", "2\n").with("c", "3\n");
        assert!(filled(EMPTY, &three).is_err());
    }
}
