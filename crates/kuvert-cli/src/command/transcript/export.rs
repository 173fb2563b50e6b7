//! `kuvert transcript export`

use std::io::BufWriter;

use crate::args::{Export, Global};
use crate::exit::Outcome;
use crate::object::ExportLine;
use crate::session::Session;
use crate::whole_file::WholeFile;

pub(crate) async fn run(global: &Global, args: &Export) -> Outcome {
    let mut session = Session::open(global)?;
    let contact = session.contact(&args.name)?;
    let mut file = WholeFile::create(&args.output)?;
    let only = (!args.only.is_empty()).then_some(args.only.as_slice());
    let mut out = BufWriter::new(&mut file);
    let exported = session.client.export_transcript(contact.account, only, &mut out).await?;
    out.into_inner().map_err(|error| crate::whole_file::failed(&args.output, error.error()))?;
    file.finish()?;
    let line = ExportLine {
        file: args.output.display().to_string(),
        entries: exported.entries,
        redacted: exported.redacted,
        hidden: exported.hidden,
    };
    session.output.show(&line, human)
}

fn human(line: &ExportLine) -> String {
    let mut text = format!("{}: {} entries", crate::text::one_line(&line.file), line.entries);
    if line.redacted > 0 {
        text += &format!(", {} of them erased", line.redacted);
    }
    if line.hidden > 0 {
        text += &format!(", {} not shown", line.hidden);
    }
    text
}
