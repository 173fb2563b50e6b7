//! `kuvert transcript …`

mod check;
mod export;
mod redact;
mod show;
mod switch;

use crate::args::{Global, Transcript};
use crate::exit::Outcome;

pub(crate) async fn run(global: &Global, args: &Transcript) -> Outcome {
    match args {
        Transcript::Start(args) => switch::start(global, args).await,
        Transcript::Stop(args) => switch::stop(global, args).await,
        Transcript::Export(args) => export::run(global, args).await,
        Transcript::Redact(args) => redact::run(global, args).await,
        Transcript::Verify { file } => check::run(global, file),
        Transcript::Show(args) => show::run(global, args),
    }
}
