//! A twin: a model with lines exchanged and queries of its own.
//!
//! `- LINE` takes a line of the model out, `+ LINE` right below it puts another in its place.

use anyhow::{Context as _, Result, bail};

use super::model::{Model, QUERIES, field};

/// The twin as a model that Verifpal can read.
///
/// # Errors
///
/// When its model is not there, or a line to be taken out does not stand in it exactly once.
pub(super) fn model(name: &str, text: &str, models: &[Model]) -> Result<Model> {
    made(name, text, models).with_context(|| format!("the twin {name}"))
}

fn made(name: &str, text: &str, models: &[Model]) -> Result<Model> {
    let of = field(text.lines(), "twin of").context("no line `// twin of: MODEL.vp`")?;
    let same = |model: &&Model| of.strip_suffix(".vp") == Some(&model.name);
    let base = models.iter().find(same).with_context(|| format!("there is no {of}"))?;
    let (head, queries) = text.split_once(QUERIES).context("no queries")?;
    let (body, _) = base.source.split_once(QUERIES).context("no queries in the model")?;
    let mut lines: Vec<String> = body.lines().map(str::to_owned).collect();
    let changes = changes(head)?;
    for (old, new) in &changes {
        exchange(&mut lines, old, new)?;
    }
    let sessions = field(head.lines(), "sessions");
    if let Some(number) = sessions {
        exchange(
            &mut lines,
            &format!("// sessions: {}", base.sessions),
            &[&format!("// sessions: {number}")],
        )?;
    }
    if changes.is_empty() && sessions.is_none() {
        bail!("it changes nothing");
    }
    Model::parse(name, &format!("{}\n{QUERIES}{queries}", lines.join("\n")))
}

/// Each line to be taken out, with what takes its place.
fn changes(head: &str) -> Result<Vec<(&str, Vec<&str>)>> {
    let mut changes: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in head.lines() {
        if let Some(old) = line.strip_prefix("- ") {
            changes.push((old, Vec::new()));
        } else if let Some(new) = line.strip_prefix("+ ") {
            changes.last_mut().context("a `+` before any `-`")?.1.push(new);
        } else if !line.is_empty() && !line.starts_with("//") {
            bail!("`{line}` is neither a comment nor a change");
        }
    }
    Ok(changes)
}

fn exchange(lines: &mut Vec<String>, old: &str, new: &[&str]) -> Result<()> {
    let mut places = (0..lines.len()).filter(|&at| lines[at].trim() == old);
    let (Some(at), None) = (places.next(), places.next()) else {
        bail!("`{old}` does not stand in the model exactly once");
    };
    lines.splice(at..=at, new.iter().map(|line| format!("\t{line}")));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "// sessions: 1\n\nattacker[active]\n\tk = HASH(a, b)\n\te = ENC(k, m)\n\n";
    const ASKED: &str = "queries[\n\t// said\n\t// expect: holds\n\t// spec: 03 section 5\n\
        \t// threat: 2\n\tconfidentiality? m\n]\n";

    fn twin_of(head: &str) -> Result<Model> {
        let base = Model::parse("base", &format!("{BASE}{ASKED}"))?;
        model("twin", &format!("// twin of: base.vp\n{head}\n{ASKED}"), &[base])
    }

    #[test]
    fn lines_are_exchanged_and_taken_out() {
        let twin = twin_of("- k = HASH(a, b)\n+ k = HASH(a)\n- e = ENC(k, m)").unwrap();
        assert!(twin.source.contains("\tk = HASH(a)\n") && !twin.source.contains("ENC"));
        assert_eq!((twin.sessions, twin.queries.len()), (1, 1));
    }

    #[test]
    fn the_number_of_sessions_can_be_the_change() {
        assert_eq!(twin_of("// sessions: 2").unwrap().sessions, 2);
    }

    #[test]
    fn a_twin_that_is_no_twin_is_refused() {
        assert!(twin_of("").is_err(), "no change");
        assert!(twin_of("- k = HASH(a, c)").is_err(), "no such line");
        assert!(twin_of("+ k = HASH(a)").is_err(), "in no line's place");
        assert!(twin_of("k = HASH(a)").is_err(), "neither");
        assert!(model("twin", &format!("// twin of: base.vp\n{ASKED}"), &[]).is_err(), "no model");
    }
}
