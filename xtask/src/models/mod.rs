//! `cargo xtask models`: the formal models of `spec/models/` say what is expected of them, query by
//! query.
//!
//! What is expected stands beside each query, with the section of the specification and the row of
//! the threat model that the query stands for; both are looked up. A twin is a model with a few
//! lines exchanged, so that it differs from its model in the one defect it is about and in nothing
//! else.

mod model;
mod references;
mod twin;
mod verifpal;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::context::Context;
use crate::source::files;
use crate::steps::Outcome;
use crate::tools::VERIFPAL;
use model::{Model, Query, Verdict};
use references::References;
use verifpal::Answer;

/// Which models to check.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only models whose name contains one of these
    names: Vec<String>,
}

/// One query, and what came of it.
#[derive(Debug)]
struct Line {
    model: String,
    query: Query,
    answer: Answer,
}

/// Checks the models and prints each query with its result. Whether all are as expected.
///
/// # Errors
///
/// When a model cannot be read, or Verifpal is not to be had.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<bool> {
    let begun = Instant::now();
    let lines = checked(context, &arguments.names)?;
    let mut shown = "";
    for line in &lines {
        if shown != line.model {
            println!("\n{}", line.model);
            shown = &line.model;
        }
        println!("{}", line.text());
    }
    println!("\n{} in {:.0} s", summary(&lines), begun.elapsed().as_secs_f64());
    Ok(lines.iter().all(Line::is_good))
}

/// The same as a step of `cargo xtask test`.
///
/// # Errors
///
/// When a query comes out differently from what stands beside it.
pub(crate) fn step(context: &Context) -> Result<Outcome> {
    let lines = checked(context, &[])?;
    let bad: Vec<String> = lines
        .iter()
        .filter(|line| !line.is_good())
        .map(|line| format!("{}\n{}", line.model, line.text()))
        .collect();
    if bad.is_empty() { Ok(Outcome::Passed(summary(&lines))) } else { bail!(bad.join("\n")) }
}

impl Line {
    fn is_good(&self) -> bool {
        self.answer.verdict == self.query.expected && self.answer.complete
    }

    fn text(&self) -> String {
        let Self { query, answer, .. } = self;
        let mark = if self.is_good() { "ok " } else { "BAD" };
        let cut = if answer.complete { "" } else { ", but the search was cut short" };
        format!(
            "  {mark} {:<42} expected: {:<12}  result: {}{cut}\n      {}\n      spec {}; threat model {}",
            query.text,
            query.expected.to_string(),
            answer.verdict,
            query.claim,
            query.spec,
            query.threat
        )
    }
}

fn summary(lines: &[Line]) -> String {
    let mut models: Vec<&str> = lines.iter().map(|line| line.model.as_str()).collect();
    models.dedup();
    let count = |verdict| lines.iter().filter(|line| line.answer.verdict == verdict).count();
    let bad = lines.iter().filter(|line| !line.is_good()).count();
    format!(
        "{} queries of {} models: {} hold, {} attacks found, {bad} not as expected",
        lines.len(),
        models.len(),
        count(Verdict::Holds),
        count(Verdict::Attack)
    )
}

fn checked(context: &Context, names: &[String]) -> Result<Vec<Line>> {
    let models = read(&context.root.join("spec").join("models"))?;
    let references = References::read(&context.root.join("spec"))?;
    for model in &models {
        references.check(model).with_context(|| model.name.clone())?;
    }
    let wanted = |model: &&Model| {
        names.is_empty() || names.iter().any(|name| model.name.contains(name.as_str()))
    };
    let program = VERIFPAL.path(context)?;
    let mut lines = Vec::new();
    for model in models.iter().filter(wanted) {
        let answers = verifpal::ask(context, &program, model)?;
        lines.extend(model.queries.iter().zip(answers).map(|(query, answer)| Line {
            model: model.name.clone(),
            query: query.clone(),
            answer,
        }));
    }
    if lines.is_empty() {
        bail!("no model has such a name");
    }
    Ok(lines)
}

/// All models, then all twins, each in the order of their names.
fn read(folder: &Path) -> Result<Vec<Model>> {
    let mut models = Vec::new();
    let mut twins = Vec::new();
    for path in files(folder)? {
        let read = || fs::read_to_string(&path);
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("vp") => models.push(Model::parse(&name_of(&path)?, &read()?)?),
            Some("twin") => twins.push((name_of(&path)?, read()?)),
            _ => {}
        }
    }
    for (name, text) in twins {
        let twin = twin::model(&name, &text, &models)?;
        models.push(twin);
    }
    Ok(models)
}

fn name_of(path: &Path) -> Result<String> {
    let stem = path.file_stem().map(PathBuf::from).context("a file without a name")?;
    Ok(stem.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(expected: Verdict, verdict: Verdict, complete: bool) -> Line {
        let query = Query {
            text: "confidentiality? m".into(),
            claim: "m is secret".into(),
            expected,
            spec: "03 section 5".into(),
            threat: "2".into(),
        };
        Line { model: "one".into(), query, answer: Answer { verdict, complete } }
    }

    #[test]
    fn only_what_was_expected_and_searched_to_the_end_is_good() {
        use Verdict::{Attack, Holds};
        assert!(line(Holds, Holds, true).is_good());
        assert!(line(Attack, Attack, true).is_good());
        assert!(!line(Holds, Attack, true).is_good());
        assert!(!line(Attack, Holds, true).is_good());
        assert!(!line(Holds, Holds, false).is_good());
    }

    #[test]
    fn the_models_of_the_tree_are_readable_and_lead_somewhere() {
        let context = Context::of_workspace().unwrap();
        let models = read(&context.root.join("spec").join("models")).unwrap();
        let references = References::read(&context.root.join("spec")).unwrap();
        assert!(models.iter().all(|model| references.check(model).is_ok()));
        let attacks = |model: &Model| model.queries.iter().any(|q| q.expected == Verdict::Attack);
        assert!(models.iter().any(attacks));
    }
}
