//! `kuvert verify`

use crate::args::{Global, Verify};
use crate::exit::{Exit, Failure, Outcome};
use crate::object::Verification;
use crate::session::Session;

pub(crate) async fn run(global: &Global, args: &Verify) -> Outcome {
    let mut session = Session::open(global)?;
    let contact = session.contact(&args.name)?;
    session.client.learn_keys(contact.account).await?;
    let number = session.client.safety_number(contact.account)?;
    let mut verified = contact.is_verified();
    if let Some(digits) = &args.digits {
        let Some(matched) = number.compare(digits) else {
            return Err(differ(&args.name));
        };
        session.client.mark_verified(contact.account, matched)?;
        verified = true;
    }
    let digits = number.to_string();
    let line = Verification {
        name: args.name.clone(),
        safety_number: digits.chars().filter(char::is_ascii_digit).collect(),
        verified,
    };
    session.output.show(&line, |line| human(line, &digits))?;
    session.settle().await
}

fn human(line: &Verification, digits: &str) -> String {
    let state = if line.verified { "verified" } else { "not verified yet" };
    format!("{digits}\n{}: {state}", line.name)
}

fn differ(name: &str) -> Failure {
    Failure::new(Exit::Identity, format!("the digits are not the safety number with {name}")).hint(
        "Nothing was recorded. Read all 60 digits to each other again; if they still differ, \
             someone may be reading along.",
    )
}
