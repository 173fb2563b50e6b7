//! `kuvert report`

use std::io::Write;

use crate::args::{Global, Report};
use crate::exit::Outcome;
use crate::object::ReportLine;
use crate::output::write_whole;
use crate::session::Session;
use crate::whole_file::{WholeFile, failed};

pub(crate) async fn run(global: &Global, args: &Report) -> Outcome {
    let session = Session::open(global)?;
    let contact = session.contact(&args.name)?;
    let report = session.client.report(contact.account, args.id, args.context)?;
    let Some(path) = &args.output else {
        write_whole(&report.to_json())?;
        return session.settle().await;
    };
    let mut file = WholeFile::create(path)?;
    file.write_all(report.to_json().as_bytes()).map_err(|error| failed(path, &error))?;
    file.finish()?;
    let line = ReportLine {
        file: path.display().to_string(),
        id: args.id.to_string(),
        context: report.context.len(),
    };
    session.output.show(&line, |line| {
        let context = match line.context {
            0 => String::new(),
            n => format!(", {n} before it, and what you answered in between"),
        };
        format!(
            "Written. Whoever gets the file reads this message{context}, and nothing else. The relay \
             that carried it can check it; give it to nobody else."
        )
    })?;
    session.settle().await
}
