//! Asks Verifpal, and reads what it says.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use xshell::cmd;

use super::model::{Model, Verdict};
use crate::context::Context;

/// What came of one query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) verdict: Verdict,
    /// The search went to its end; "holds" means nothing otherwise.
    pub(super) complete: bool,
}

/// Has all queries of a model answered, in their order.
///
/// # Errors
///
/// When Verifpal does not understand the model, or its answer is not understood.
pub(super) fn ask(context: &Context, program: &Path, model: &Model) -> Result<Vec<Answer>> {
    let folder = context.target().join("models");
    fs::create_dir_all(&folder)?;
    let file = folder.join(format!("{}.vp", model.name));
    fs::write(&file, &model.source)?;
    let shell = &context.shell;
    let sessions = model.sessions.to_string();
    let command = cmd!(shell, "{program} verify --format json --sessions {sessions} {file}");
    // Not `--fail-on-attack`: an attack is what some queries are there to find.
    let finished = context.finish(&format!("model-{}", model.name), command)?;
    if !finished.success {
        bail!(finished.failure());
    }
    let report = finished.text.lines().rfind(|line| line.starts_with('{'));
    answers(report.context("Verifpal has printed no report")?, model)
        .with_context(|| format!("the report on {}", model.name))
}

fn answers(report: &str, model: &Model) -> Result<Vec<Answer>> {
    let report: Value = serde_json::from_str(report)?;
    let analysis = &report["models"][0]["analysis"];
    if analysis["sessions"] != model.sessions {
        bail!("it is about another number of sessions");
    }
    let results = analysis["queries"].as_array().context("it has no queries")?;
    let asked = model.queries.iter().map(|query| query.text.as_str());
    if !results.iter().map(|result| result["query"].as_str()).eq(asked.map(Some)) {
        bail!("it is about other queries");
    }
    results.iter().map(answer).collect()
}

fn answer(result: &Value) -> Result<Answer> {
    let found = result["resolved"].as_bool().context("a query without a result")?;
    if found {
        return Ok(Answer { verdict: Verdict::Attack, complete: true });
    }
    let envelope = &result["envelope"];
    let uncut = envelope["truncations"].as_array().is_some_and(Vec::is_empty);
    let complete = uncut && envelope["exhausted"] == true;
    Ok(Answer { verdict: Verdict::Holds, complete })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        let text = "// sessions: 1\nqueries[\n// said\n// expect: holds\n// spec: 03 section 5\n\
                    // threat: 2\nconfidentiality? m\n]\n";
        Model::parse("one", text).unwrap()
    }

    fn report(query: &str, resolved: bool, exhausted: bool, truncations: &str) -> String {
        format!(
            r#"{{"models":[{{"analysis":{{"sessions":1,"queries":[{{"query":"{query}",
            "resolved":{resolved},"envelope":{{"truncations":[{truncations}],"exhausted":{exhausted}}}}}]}}}}]}}"#
        )
    }

    #[test]
    fn a_hold_counts_only_after_a_whole_search() {
        let one = |resolved, exhausted, cut| {
            answers(&report("confidentiality? m", resolved, exhausted, cut), &model()).unwrap()[0]
        };
        assert_eq!(one(false, true, ""), Answer { verdict: Verdict::Holds, complete: true });
        assert!(!one(false, false, "").complete);
        assert!(!one(false, true, r#""term depth""#).complete);
        assert_eq!(one(true, false, "").verdict, Verdict::Attack);
    }

    #[test]
    fn a_report_about_something_else_is_refused() {
        assert!(answers(&report("confidentiality? n", false, true, ""), &model()).is_err());
        assert!(answers(r#"{"models":[{}]}"#, &model()).is_err());
    }
}
