//! `kuvert transcript redact`

use kuvert::PolicyId;

use crate::args::{Global, Redact};
use crate::exit::{Failure, Outcome};
use crate::object::RedactionLine;
use crate::session::Session;

pub(crate) async fn run(global: &Global, args: &Redact) -> Outcome {
    let policy = PolicyId::new(&args.policy)
        .ok_or_else(|| Failure::usage("a policy is named by up to 64 visible ASCII characters"))?;
    let mut session = Session::open(global)?;
    let contact = session.contact(&args.name)?;
    session.client.redact(contact.account, &args.ids, args.reason.into(), &policy).await?;
    let line = RedactionLine {
        name: args.name.clone(),
        ids: args.ids.iter().map(ToString::to_string).collect(),
        policy: args.policy.clone(),
    };
    session.output.show(&line, |line| {
        format!(
            "Erased here: {}. {} is asked to do the same, and answers.",
            line.ids.len(),
            crate::text::one_line(&line.name)
        )
    })
}
