//! `kuvert verify`

use kuvert::{Contact, SafetyNumber};

use crate::args::{Global, Verify};
use crate::exit::{Exit, Failure, Outcome};
use crate::object::Verification;
use crate::session::{Kuvert, Session};

pub(crate) async fn run(global: &Global, args: &Verify) -> Outcome {
    let mut session = Session::open(global)?;
    let contact = session.contact(&args.name)?;
    session.client.learn_keys(contact.account).await?;
    let number = session.client.safety_number(contact.account)?;
    carry_out(&mut session.client, args, &contact, &number)?;
    let digits = number.to_string();
    let question = session.client.identity_question(contact.account);
    let line = Verification {
        name: args.name.clone(),
        safety_number: digits.chars().filter(char::is_ascii_digit).collect(),
        verified: session.contact(&args.name)?.is_verified(),
        question: question.map(|device| device.to_string()),
    };
    session.output.show(&line, |line| human(line, &digits))?;
    session.settle().await
}

/// Does what was asked for beside showing the number.
fn carry_out(
    client: &mut Kuvert,
    args: &Verify,
    contact: &Contact,
    number: &SafetyNumber,
) -> Outcome {
    let compare = |digits| number.compare(digits).ok_or_else(|| differ(&args.name));
    if let Some(digits) = &args.accept {
        client.accept_identity(contact.account, compare(digits)?)?;
    }
    if let Some(digits) = args.digits.as_deref().or(args.accept.as_deref()) {
        client.mark_verified(contact.account, compare(digits)?)?;
    }
    if args.reject {
        client.reject_identity(contact.account)?;
    }
    Ok(())
}

fn human(line: &Verification, digits: &str) -> String {
    let state = if line.verified { "verified" } else { "not verified yet" };
    let question = match line.question {
        Some(_) => {
            "\nAnother device speaks for this contact: answer with --accept DIGITS or --reject"
        }
        None => "",
    };
    format!("{digits}\n{}: {state}{question}", line.name)
}

fn differ(name: &str) -> Failure {
    Failure::new(Exit::Identity, format!("the digits are not the safety number with {name}")).hint(
        "Nothing was recorded. Read all 60 digits to each other again; if they still differ, \
             someone may be reading along.",
    )
}
