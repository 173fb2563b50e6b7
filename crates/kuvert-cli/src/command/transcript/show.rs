//! `kuvert transcript show`

use std::io::Write;

use kuvert::transcripts::render::{self, View};
use kuvert::transcripts::{Signer, Verifier, account_id};

use super::check;
use crate::args::{Global, Show};
use crate::clock;
use crate::exit::Outcome;
use crate::object::ShownLine;
use crate::output::Output;
use crate::whole_file::{WholeFile, failed};

pub(crate) fn run(global: &Global, args: &Show) -> Outcome {
    let verified = check::verified(global, &args.file, Verifier::keeping())?;
    let names = verified.report().signers.map(|signer| name_of(&signer, &args.names));
    let view = View { names: [&names[0], &names[1]], date: &clock::in_locale };
    let shown = match args.html {
        true => render::to_html(&verified, &view),
        false => render::to_text(&verified, &view),
    };
    let output = Output::new(global);
    match &args.output {
        Some(path) => {
            let mut file = WholeFile::create(path)?;
            file.write_all(shown.as_bytes()).map_err(|error| failed(path, &error))?;
            file.finish()?;
            let line = ShownLine { file: Some(path.display().to_string()), shown: None };
            output.show(&line, |_| "Written.".to_owned())
        }
        None => output.show(&ShownLine { file: None, shown: Some(shown) }, |line| {
            line.shown.as_deref().unwrap_or_default().trim_end().to_owned()
        }),
    }
}

/// What the reader calls an account, else the beginning of its id.
fn name_of(signer: &Signer, names: &[(String, String)]) -> String {
    let account = account_id(&signer.account).to_string();
    let given = names.iter().find(|(beginning, _)| account.starts_with(beginning.as_str()));
    given.map_or_else(|| account[..12].to_owned(), |(_, name)| name.clone())
}
