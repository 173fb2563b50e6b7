//! `kuvert contact add | list | remove`

use kuvert::{Address, Petname};

use crate::args::{Contact, Global};
use crate::exit::{Failure, Outcome};
use crate::object::ContactLine;
use crate::session::Session;

pub(crate) async fn run(global: &Global, args: &Contact) -> Outcome {
    match args {
        Contact::Add { name, address } => add(global, name, address).await,
        Contact::List => list(global).await,
        Contact::Remove { name } => remove(global, name).await,
    }
}

async fn add(global: &Global, name: &str, address: &str) -> Outcome {
    let name: Petname = name.parse().map_err(Failure::usage)?;
    let address: Address = address.parse().map_err(|error| {
        Failure::usage(format!("this is not an address: {error}"))
            .hint("an address looks like kuvert://HOST[:PORT]/ and 52 letters and digits")
    })?;
    let mut session = Session::open(global)?;
    let contact = session.client.add_contact(&name, &address)?;
    session.output.show(&ContactLine::from(&contact), |line| format!("added {}", line.name))?;
    session.settle().await
}

async fn list(global: &Global) -> Outcome {
    let session = Session::open(global)?;
    let contacts = session.client.contacts()?;
    if contacts.is_empty() {
        session.output.note("No contacts yet. `kuvert contact add NAME ADDRESS` adds one.");
    }
    let lines: Vec<_> = contacts.iter().map(ContactLine::from).collect();
    session.output.show_all(&lines, |line| Some(human(line)))?;
    session.settle().await
}

fn human(line: &ContactLine) -> String {
    let verified = if line.verified { "verified" } else { "not verified" };
    format!("{}  {}  ({verified})", line.name, line.address.as_deref().unwrap_or("no address"))
}

async fn remove(global: &Global, name: &str) -> Outcome {
    let mut session = Session::open(global)?;
    let contact = session.client.remove_contact(name)?;
    let line = ContactLine { removed: Some(true), verified: false, ..ContactLine::from(&contact) };
    session.output.show(&line, |line| format!("removed {}", line.name))?;
    session.settle().await
}
